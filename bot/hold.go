package bot

import (
	"hash/fnv"
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// mayHold says whether a message could wait for articles at all, judged by itself: it is a person's question, automatic answers to it are
// allowed, it is not certified mail, and its queue offers articles.
func mayHold(q *ticketing.Queue, h *ticketing.Heard) bool {
	return q.Offers && h.Kind == ticketing.KindNormal && h.Act == nil && h.EditOf == "" && h.Press == "" && h.Refused == "" && !h.Own && !h.FromSelf && h.Auto.Allowed && !h.Quiet &&
		!h.Certified && h.Auth != ticketing.AuthFail && !hasErrorLog(h) && strings.TrimSpace(h.Visible+h.Subject) != ""
}

// withheld says why the articles that were found are not offered, one of ticketing's Why constants; "" when they are. What is wrong with the
// articles comes first, then what forbids a good offer: so that the hold-out holds exactly what would have been offered otherwise.
func withheld(c *ticketing.Case) string {
	may, _ := mayAnswer(c)
	switch {
	case len(c.Found.Hits) == 0:
		return ticketing.WhyNothing
	case !c.Found.Offer:
		return ticketing.WhyUnsure
	case !may || !mayHold(c.Queue, c.Heard):
		return ticketing.WhyForbidden
	case c.In.Released() != "":
		return ticketing.WhyReleased
	case c.Found.Urgent:
		return ticketing.WhyUrgent
	case c.OtherOffer != nil:
		return ticketing.WhyOther
	case c.Found.Control:
		return ticketing.WhyControl
	case c.Queue.Timer <= 0:
		return ticketing.WhyNoTimer
	}
	return ""
}

// offers says whether this request is held and articles are offered.
func offers(c *ticketing.Case) bool { return withheld(c) == "" }

// mayAnswer joins what the mail itself forbids (M1–M10, M13) with what is known about its sender (M11, M16, PEC10).
func mayAnswer(c *ticketing.Case) (bool, string) {
	h := c.Heard
	switch {
	case !h.Auto.Allowed && !(h.Certified && c.Queue.PECAck && strings.HasPrefix(h.Auto.Reason, "PEC10")):
		return false, h.Auto.Reason
	case h.Quiet:
		return false, "before the start of the mailbox"
	case h.Kind != ticketing.KindNormal:
		return false, "kind " + string(h.Kind)
	case h.Auth == ticketing.AuthFail:
		return false, "M11 authentication failed"
	case h.Certified && !c.Queue.PECAck:
		return false, "PEC10"
	case c.Queue.Ack == "never":
		return false, "M11 ack: never"
	case c.Queue.Ack == "proven" && h.Auth != ticketing.AuthPass && (c.Contact == nil || !c.Contact.Proven):
		return false, "M11 ack: proven"
	case c.Contact != nil && c.Contact.Suppressed:
		return false, "M16 suppressed"
	}
	return true, ""
}

// inControl puts a stable share of the contacts into the group that gets no suggestion, so that its use can be measured.
func inControl(q *ticketing.Queue, contact string) bool {
	if q.Control <= 0 {
		return false
	}
	sum := fnv.New64a()
	sum.Write([]byte("control/" + contact))
	return float64(sum.Sum64()%10000) < q.Control*10000
}

// urgentWords say that somebody cannot wait for articles. They are matched as whole words in folded text. A word that also tells of something
// else ("the receipt prints immediately", "an invoice for a lawyer") stands here only with the words that make it urgent.
var urgentWords = []string{
	"urgente", "urgentissimo", "urgentissima", "urgenza", "urgenti", "emergenza", "immediatamente",
	"subito aiuto", "aiuto subito", "risposta subito", "rispondete subito", "rispondetemi subito", "chiamatemi subito", "richiamatemi subito", "chiamate subito", "serve subito", "bisogno subito", "risolvere subito",
	"risolvete subito", "intervenite subito", "intervenire subito", "sistemare subito", "subito una risposta", "subito assistenza", "subito qualcuno",
	"siamo bloccati", "restiamo bloccati", "rimasti bloccati", "tutto bloccato", "bloccata la cassa", "casse bloccate", "siamo fermi", "restiamo fermi", "fermi da", "tutto fermo", "non possiamo lavorare",
	"mio avvocato", "nostro avvocato", "miei avvocati", "nostri avvocati", "un avvocato vi", "sentire l avvocato", "con l avvocato", "dall avvocato", "all avvocato", "vie legali", "denuncia", "diffida", "reclamo", "data breach", "hackerato", "hackerati", "truffa",
	"urgent", "urgently", "asap", "emergency", "right now", "cannot work", "can't work", "outage", "fix this immediately", "fix it immediately", "help immediately", "answer immediately", "call me immediately",
	"need immediately", "immediately please", "please immediately", "immediate help", "immediate assistance", "my lawyer", "our lawyer", "our lawyers", "legal action", "complaint", "breach", "hacked", "fraud",
}

// calmPhrases use an urgent word to say that nothing is.
var calmPhrases = []string{
	"non e urgente", "non e una cosa urgente", "non e nulla di urgente", "non e niente di urgente", "non urgente", "nulla di urgente", "niente di urgente", "poco urgente", "nessuna urgenza", "non c e urgenza", "non ho urgenza",
	"senza urgenza", "non e un emergenza", "nessuna emergenza", "not urgent", "isn t urgent", "is not urgent", "not that urgent", "not very urgent", "nothing urgent", "not an emergency", "isn t an emergency", "no emergency",
	"no urgency", "without urgency", "without any urgency", "not asap",
}

func urgent(q *ticketing.Queue, h *ticketing.Heard) bool {
	text, _ := without(spaced(strings.Fields(fold(h.Subject+" "+h.Visible))), calmPhrases)
	for _, list := range [][]string{urgentWords, q.Urgent} {
		for _, w := range list {
			if strings.Contains(text, " "+fold(w)+" ") {
				return true
			}
		}
	}
	return false
}

// logEndings and logWords tell files that hold a program's log: by their ending, or by a word of their name beside an ending of text.
var (
	logEndings = []string{".log", ".dmp", ".trace", ".evtx", ".etl", ".stackdump"}
	logWords   = words("log logs errorlog errlog eventlog syslog crash crashlog crashdump dump stacktrace traceback trace minidump")
)

// hasErrorLog: somebody who attaches a log has tried more than an article can say. A picture called "errore.png" is no log.
func hasErrorLog(h *ticketing.Heard) bool {
	for _, f := range h.Files {
		name := strings.ToLower(f.Name)
		for _, end := range logEndings {
			if strings.HasSuffix(name, end) || strings.Contains(name, end+".") {
				return true
			}
		}
		if f.Inline || strings.HasPrefix(f.Type, "image/") {
			continue
		}
		for w := range strings.FieldsSeq(fold(name)) {
			if logWords[w] {
				return true
			}
		}
	}
	return false
}
