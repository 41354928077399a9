package mail

import (
	"encoding/xml"
	"io"
	"strings"
	"time"

	"golang.org/x/net/html/charset"

	"github.com/sportello/sportello/ticketing"
)

// PEC holds the facts of Italian certified mail (mail.md section 5, RFC 6109).
type PEC struct {
	Envelope  string // "posta-certificata" or "errore" for an envelope, else empty
	Receipt   string // tipo of a receipt: "accettazione", "avvenuta-consegna", …
	Certified bool   // a trusted transport envelope
	Trusted   bool   // the envelope is proven (PEC5)
	Provider  string // gestore-emittente
	Sender    string // mittente
	MessageID string // of the mail that a receipt is about, with brackets
	Recipient string // consegna, or the only recipient
	Error     string // errore
	Extended  string // errore-esteso
	Date      *time.Time
	Broken    bool // daticert could not be read (PEC12)
}

// daticert is the certificate data of RFC 6109 section 4.4, as far as it is
// used.
type daticert struct {
	XMLName xml.Name `xml:"postacert"`
	Tipo    string   `xml:"tipo,attr"`
	Errore  string   `xml:"errore,attr"`
	Head    struct {
		Mittente    string   `xml:"mittente"`
		Destinatari []string `xml:"destinatari"`
	} `xml:"intestazione"`
	Dati struct {
		Gestore string `xml:"gestore-emittente"`
		Data    struct {
			Zona   string `xml:"zona,attr"`
			Giorno string `xml:"giorno"`
			Ora    string `xml:"ora"`
		} `xml:"data"`
		MsgID    string `xml:"msgid"`
		Consegna string `xml:"consegna"`
		Esteso   string `xml:"errore-esteso"`
	} `xml:"dati"`
}

// receiptFailures tells for each receipt type of section 5 whether it is a
// failure and whether that is permanent.
var receiptFailures = map[string]struct{ failed, permanent bool }{
	"accettazione":              {},
	"presa-in-carico":           {},
	"avvenuta-consegna":         {},
	"non-accettazione":          {true, true},
	"errore-consegna":           {true, true},
	"preavviso-errore-consegna": {true, false},
	"rilevazione-virus":         {true, true},
}

// findPEC recognises certified mail by X-Trasporto, X-Ricevuta or daticert.xml
// (PEC1), and finds the mail inside an envelope (PEC2).
func findPEC(root *entity, limits Limits) (p *PEC, inner *entity) {
	transport := strings.ToLower(strings.TrimSpace(root.header.get("x-trasporto")))
	receipt := strings.ToLower(strings.TrimSpace(root.header.get("x-ricevuta")))
	var data *entity
	topParts(root, func(e *entity) {
		switch name := strings.ToLower(e.fileName()); {
		case name == "daticert.xml" && data == nil && !e.isMultipart():
			data = e
		case name == "postacert.eml" && inner == nil:
			inner = e
		}
	})
	if inner == nil && (transport != "" || data != nil) {
		topParts(root, func(e *entity) {
			if inner == nil && e.isMessage() && e != root {
				inner = e
			}
		})
	}
	if transport == "" && receipt == "" && data == nil {
		return nil, nil
	}
	p = &PEC{Receipt: ticketing.CleanName(receipt)}
	var d daticert
	ok := false
	if data != nil {
		if raw, _ := data.decode(limits.DaticertSize + 1); len(raw) <= limits.DaticertSize {
			dec := xml.NewDecoder(strings.NewReader(string(raw)))
			dec.Strict = false
			dec.CharsetReader = func(label string, in io.Reader) (io.Reader, error) { return charset.NewReaderLabel(label, in) }
			ok = dec.Decode(&d) == nil
		}
		p.Broken = !ok
	}
	if transport == "" && receipt == "" && (!ok || !fromProvider(root)) {
		// Somebody sends certified mail on: what he says of it is an ordinary mail's, what he sends its files.
		return nil, nil
	}
	if ok {
		p.Provider = ticketing.CleanName(d.Dati.Gestore)
		p.Sender = bareAddress(d.Head.Mittente)
		p.Error = strings.ToLower(strings.TrimSpace(d.Errore))
		p.Extended = head512(cleanText(strings.TrimSpace(d.Dati.Esteso)))
		p.MessageID = messageID(d.Dati.MsgID)
		p.Recipient = bareAddress(d.Dati.Consegna)
		if p.Recipient == "" && len(d.Head.Destinatari) == 1 {
			p.Recipient = bareAddress(d.Head.Destinatari[0])
		}
		if t, err := time.Parse("02/01/2006 15:04:05 -0700", d.Dati.Data.Giorno+" "+d.Dati.Data.Ora+" "+d.Dati.Data.Zona); err == nil {
			p.Date = &t
		}
		tipo := strings.ToLower(strings.TrimSpace(d.Tipo))
		if _, is := receiptFailures[tipo]; is && receipt == "" && transport == "" {
			p.Receipt = tipo
		} else if transport == "" && receipt == "" && tipo == "posta-certificata" {
			transport = tipo
		}
	}
	if p.Receipt != "" {
		if p.MessageID == "" {
			p.MessageID = messageID(root.header.get("x-riferimento-message-id"))
		}
		return p, nil
	}
	p.Envelope = ticketing.CleanName(transport)
	if inner == nil {
		// A mail of a PEC provider without the mail inside: an ordinary one.
		return nil, nil
	}
	return p, inner
}

// certifiedSubjects begin the subjects of everything a provider sends (RFC 6109, the table of section 5). They never decide alone.
var certifiedSubjects = []string{"posta certificata", "anomalia messaggio", "accettazione", "avviso di non accettazione", "presa in carico", "consegna", "avviso di mancata consegna", "problema di sicurezza"}

// fromProvider reports the form of a provider's own mail: its mailbox, and one of its subjects. It is asked where the fields that say so
// were lost on the way.
func fromProvider(root *entity) bool {
	l := parseAddresses(root.header.get("from"))
	if len(l.people) != 1 || l.people[0].Parsed.Local != certifiedLocal && !strings.HasPrefix(strings.ToLower(l.people[0].Name), "per conto di") {
		return false
	}
	guessed := false
	subject := strings.ToLower(strings.TrimSpace(decodeWords(root.header.get("subject"), &guessed)))
	for _, s := range certifiedSubjects {
		if rest, ok := strings.CutPrefix(subject, s); ok && (rest == "" || rest[0] == ':' || rest[0] == ' ') {
			return true
		}
	}
	return false
}

// certifiedLocal is the mailbox from which a provider sends envelopes and receipts; no customer of a provider can have it.
const certifiedLocal = "posta-certificata"

// believeReceipt reports whether a receipt can be a provider's: sent from its mailbox, from a known one if any are, and not against
// authentication. Any other is an ordinary mail.
func (r *Reader) believeReceipt(h *header) bool {
	domain, ok := providerOf(h)
	if !ok || len(r.PECProviders) > 0 && !r.isProvider(domain) {
		return false
	}
	auth, _ := authenticate(h, r.TrustedAuthserv, domain)
	return auth != ticketing.AuthFail
}

// providerOf returns the domain of the one From, if its mailbox is that of a provider.
func providerOf(h *header) (domain string, ok bool) {
	l := parseAddresses(h.get("from"))
	if len(l.people) != 1 || !strings.EqualFold(l.people[0].Parsed.Local, certifiedLocal) {
		return "", false
	}
	return l.people[0].Parsed.Domain, true
}

func (r *Reader) isProvider(domain string) bool {
	for _, p := range r.PECProviders {
		if strings.EqualFold(p, domain) {
			return true
		}
	}
	return false
}

// readReceipt fills the failure of a receipt (PEC6, PEC8).
func (m *Mail) readReceipt() {
	m.rule("PEC6", rulePECFailure, "receipt", m.PEC.Receipt)
	kind := receiptFailures[m.PEC.Receipt]
	if !kind.failed {
		return
	}
	m.FailedRecipient = m.PEC.Recipient
	status := firstStatus(m.PEC.Extended)
	reason := "other"
	switch m.PEC.Error {
	case "no-dest":
		reason = "unknown_user"
	case "no-dominio":
		reason = "unknown_host"
	case "virus":
		reason = "content"
	case "", "nessuno", "altro":
		reason = failureReason(status, strings.ToLower(m.PEC.Extended), !kind.permanent)
	}
	switch m.PEC.Receipt {
	case "rilevazione-virus":
		reason = "content"
	case "preavviso-errore-consegna":
		reason = "delayed"
	}
	m.Failure = &Failure{Permanent: kind.permanent, Status: status, Reason: reason}
}

// trustEnvelope judges an envelope (PEC5): it says that it is one, and its own From is the mailbox of a provider, authenticated in its
// domain: an address there that is a customer's would pass as well. Verification of its S/MIME signature against a trust list is not part of this reader.
func (r *Reader) trustEnvelope(h *header) bool {
	domain, ok := providerOf(h)
	if !ok || !h.has("x-trasporto") || !r.isProvider(domain) {
		return false
	}
	auth, _ := authenticate(h, r.TrustedAuthserv, domain)
	return auth == ticketing.AuthPass
}
