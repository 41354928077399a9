package bot

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/sportello/sportello/ticketing"
)

// A yes closes a request, so only a clear one counts: the answer is short, says so in words of the lists below, and nothing in it pulls
// the other way. Everything else opens the ticket, which costs an agent a minute; a false yes costs a customer the help asked for.

// maxYesWords is the longest answer that is believed; longer ones tell something that a person should read.
const maxYesWords = 14

// yesPhrases, folded; one of them must stand in the answer as whole words.
var yesPhrases = []string{
	"risolto", "risolta", "risolti", "tutto ok", "tutto a posto", "tutto apposto", "adesso funziona", "ora funziona", "funziona tutto", "tutto funziona",
	"funziona perfettamente", "ha funzionato", "era quello", "era proprio quello", "mi ha aiutato", "sono riuscito", "sono riuscita", "siamo riusciti",
	"solved", "resolved", "fixed", "that worked", "this worked", "it worked", "it works", "works now", "working now", "all good", "all set", "that helped",
	"this helped", "that did it",
}

// assents count only where nothing but them and words of thanks stands in the answer: "si" is also a pronoun, "perfetto" also a politeness.
var assents = map[string]bool{"si": true, "sisi": true, "yes": true, "yep": true, "yeah": true, "funziona": true, "perfetto": true, "ottimo": true, "perfect": true}

// againstWords, folded: any of them as a whole word takes the yes away.
var againstWords = []string{
	"no", "non", "ma", "pero", "invece", "ancora", "tuttavia", "anche", "oppure", "quasi", "parzialmente", "in parte", "come", "quando", "perche", "dove", "chi", "quale", "quanto",
	"aiuto", "errore", "problemi", "nuovo problema", "altro problema", "altra domanda", "vorrei", "potete", "potreste", "puo", "posso", "devo", "serve", "servirebbe", "mancano", "manca", "nemmeno",
	"neanche", "niente", "nulla", "mai", "se", "forse", "dubbio", "purtroppo", "va", "vanno", "presto", "entro", "attendo", "aspetto", "spero", "bisogna", "ieri", "fino", "volte", "male", "gia provato", "provero", "provo", "solo", "tranne", "prima", "poi",
	"not", "don't", "dont", "doesn't", "doesnt", "didn't", "didnt", "isn't", "isnt", "wasn't", "wasnt", "can't", "cant", "cannot", "won't", "wont", "but", "however", "still", "although", "except", "only",
	"almost", "partly", "partially", "how", "when", "why", "where", "what", "which", "who", "help", "error", "need", "could", "can", "would", "should", "please", "another", "also", "unless", "if", "maybe",
	"unfortunately", "yesterday", "until", "sometimes", "get it", "waiting", "hope", "hopefully", "soon", "already tried", "will try", "nothing", "never", "neither", "or", "wrong", "bad", "worse",
}

// saysYes: the answer to an offer is a clear yes.
func saysYes(h *ticketing.Heard) bool {
	if h.Kind != ticketing.KindNormal || len(h.Files) > 0 || strings.ContainsAny(h.Visible, "?¿") {
		return false
	}
	words := answerWords(h.Visible)
	if len(words) == 0 || len(words) > maxYesWords {
		return false
	}
	text := " " + strings.Join(words, " ") + " "
	for _, w := range againstWords {
		if strings.Contains(text, " "+w+" ") {
			return false
		}
	}
	for _, w := range yesPhrases {
		if strings.Contains(text, " "+w+" ") {
			return true
		}
	}
	assent := false
	for _, w := range words {
		if !assents[w] && !isThanksWord(w) {
			return false
		}
		assent = assent || assents[w]
	}
	return assent
}

// isThanksWord: w may stand in a message that only says thanks.
func isThanksWord(w string) bool {
	switch w {
	case "grazie", "mille", "molte", "tante", "ancora", "infinite", "gentilissimi", "gentilissimo", "gentilissima", "gentili", "perfetto", "ottimo", "ok", "okay", "bene",
		"saluti", "cordiali", "distinti", "buona", "buon", "giornata", "serata", "lavoro", "a", "di", "per", "tutto", "l'aiuto", "aiuto", "il", "supporto", "e", "la", "vi", "ringrazio",
		"thank", "thanks", "you", "very", "much", "so", "many", "a lot", "lot", "great", "perfect", "best", "kind", "regards", "cheers", "for", "your", "the", "help", "support", "all", "again":
		return true
	}
	return false
}

// onlyThanks: the message says thanks and nothing else. Its last line may be a name.
func onlyThanks(h *ticketing.Heard) bool {
	if len(h.Files) > 0 || strings.ContainsAny(h.Visible, "?¿") {
		return false
	}
	words := answerWords(h.Visible)
	if len(words) == 0 || len(words) > maxYesWords {
		return false
	}
	thanks := false
	for _, w := range words {
		if !isThanksWord(w) {
			return false
		}
		thanks = thanks || w == "grazie" || w == "ringrazio" || w == "thanks" || w == "thank"
	}
	return thanks
}

// answerWords are the folded words of an answer without greeting and signature lines: lines after a closing formula do not count.
func answerWords(text string) []string {
	var out []string
	for i, line := range strings.Split(text, "\n") {
		f := fold(line)
		if i > 0 && (strings.HasPrefix(f, "cordiali") || strings.HasPrefix(f, "distinti") || strings.HasPrefix(f, "saluti") || strings.HasPrefix(f, "best regards") ||
			strings.HasPrefix(f, "kind regards") || strings.HasPrefix(f, "regards") || strings.HasPrefix(f, "un saluto")) {
			break
		}
		out = append(out, strings.Fields(f)...)
	}
	return out
}

// fold brings text to lower case without accents; everything but letters, digits and apostrophes inside words becomes a blank.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		case r == '\'' || r == '’':
			b.WriteRune('\'')
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
