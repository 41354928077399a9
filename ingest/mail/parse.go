package mail

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// Reader turns raw mails into facts. Its fields are set before the first use
// and not changed afterwards; one Reader serves any number of goroutines.
type Reader struct {
	Limits          Limits
	Own             OwnAddresses
	Keys            *Keys           // nil: no key is ever valid
	TrustedAuthserv []string        // authserv-ids of S29
	OwnLists        []string        // List-Ids of the queue's own group addresses
	OwnNames        []string        // of agents and brands: a stranger who bears one is marked (S28)
	Agents          map[string]bool // their addresses in lower case: who has one bears such a name rightly
	PECProviders    []string        // domains of PEC providers (PEC5)
}

func (r *Reader) limits() Limits { return r.Limits.withDefaults() }

// Mail is what was read of one mail. It holds facts and no decision.
type Mail struct {
	Subject  string  // decoded and cleaned, prefixes kept
	From     *Person // best reading of the sender, nil if there is none
	Identity bool    // From satisfies mail.md 2.1
	Sender   *Person // Sender field, shown only
	// ReplyTo is set when it differs from From; ReplyToUsable when answers may
	// go there (2.1).
	ReplyTo       *Person
	ReplyToUsable bool
	To, Cc        []Person
	AllRecipients []Recipient // of all headers of 2.2
	Public        bool        // a public address is among the recipients that count (M9)
	Date          *time.Time
	MessageID     string   // with angle brackets, empty if missing
	Refs          []string // In-Reply-To, then References from the right
	Language      string   // of the visible text, "und" if undecided
	// ContentLanguage is the header field's first tag.
	ContentLanguage string

	Text, Visible, Elided string
	HTML                  string // sanitised, empty if the mail has none
	Attachments           []File

	Kind            ticketing.Kind
	Answers         bool // kind auto-reply: a program that answers; kind calendar: METHOD REPLY or COUNTER
	Failure         *Failure
	FailedRecipient string
	Bounce          *Bounce  // set for bounces
	PEC             *PEC     // set for certified mail
	Forward         *Forward // set when another mail stands inside as a forward
	BounceToken     string   // ULID of a valid bounce token among the recipients

	Auth         ticketing.Auth
	Own          bool // Message-ID is ours and valid (M8)
	FromSelf     bool // From or Sender is ours
	Claims       []ticketing.Claim
	TokenThreads int // distinct valid address tokens
	FailedKeys   int // distinct failing tokens
	Auto         ticketing.AutoAnswer

	// Quarantine is set when the reader itself refuses; QuarantineReason says
	// by which rule or limit.
	Quarantine       ticketing.Cause
	QuarantineReason string
	Flags            []string
	Rules            []ticketing.Rule
	ReceivedCount    int
	BodyHash         [sha256.Size]byte
	LogicalKey       [sha256.Size]byte // M46
}

// File is an attachment. Its octets stay in the raw mail until they are asked
// for.
type File struct {
	FileName    string // cleaned
	ContentType string // declared, in lower case, or sniffed
	ContentID   string // without brackets
	Size        int64  // decoded octets
	Inline      bool
	part        *entity
	data        []byte
}

// Bytes decodes the file.
func (f *File) Bytes() []byte {
	if f.part == nil {
		return f.data
	}
	b, _ := f.part.decode(len(f.part.body) + 1)
	return b
}

// Reader decodes the file piece by piece: whatever its size, little of it is held in memory at once. Reading ends without an error where
// the encoding is damaged beyond use.
func (f *File) Reader() io.Reader {
	if f.part == nil {
		return bytes.NewReader(f.data)
	}
	return f.part.reader()
}

func (m *Mail) flag(name string) {
	if !contains(m.Flags, name) {
		m.Flags = append(m.Flags, name)
	}
}

// refuse sets the cause of quarantine; the first one stays.
func (m *Mail) refuse(cause ticketing.Cause, reason string) {
	if m.Quarantine == "" {
		m.Quarantine, m.QuarantineReason = cause, reason
		m.rule(reason, ruleQuarantine, "cause", string(cause))
	}
}

// Read reads one raw mail. It never fails and never panics: what cannot be
// read is left out, and limits set Quarantine. The Mail refers to raw, which
// must not be changed afterwards.
func (r *Reader) Read(raw []byte) (m *Mail) { return r.read(raw, 0) }

// read is Read of a mail that stands depth forwards deep.
func (r *Reader) read(raw []byte, depth int) (m *Mail) {
	defer func() {
		// A fault in a reader of foreign bytes must not stop the other mails.
		if p := recover(); p != nil {
			m = &Mail{Kind: ticketing.KindNormal, Auth: ticketing.AuthUnknown, Language: ticketing.LanguageUndetermined}
			m.refuse(ticketing.CauseMalformed, fmt.Sprintf("fault: %v", p))
			m.Auto.Reason = "quarantine malformed"
		}
	}()
	limits := r.limits()
	m = &Mail{Auth: ticketing.AuthUnknown, Language: ticketing.LanguageUndetermined}
	if len(raw) > limits.MailSize {
		m.refuse(ticketing.CauseTooLarge, "size")
		raw = raw[:limits.MailSize]
	}
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') >= 0 {
		raw = bytes.ReplaceAll(raw, []byte("\r"), []byte("\n"))
		m.flag("repaired")
	}
	deadline := time.Now().Add(limits.Time)
	outer := r.scan(m, raw, limits, deadline)
	r.openSigned(m, outer, limits, deadline)
	top := outer
	pec, inner := findPEC(outer, limits)
	if pec != nil && pec.Receipt != "" && !r.believeReceipt(&outer.header) {
		pec = nil
	}
	m.PEC = pec
	if inner != nil {
		body, _ := inner.decode(limits.MailSize)
		top = r.scan(m, body, limits, deadline)
		top.hideEnvelopes()
		m.openEnvelope(r, &outer.header, &top.header)
	}
	if len(outer.header.fields) == 0 && len(bytes.TrimSpace(outer.body)) == 0 {
		m.refuse(ticketing.CauseMalformed, "empty")
	}
	m.readHeader(r, outer, top, limits)
	m.readText(r, top, limits)
	if n := m.ReceivedCount; n > limits.Received {
		m.refuse(ticketing.CauseLoop, "L1")
	}
	m.Kind = m.kindOf(r, outer, top)
	switch m.Kind {
	case ticketing.KindBounce:
		m.readBounce(r, &top.header, top)
	case ticketing.KindPECReceipt:
		m.readReceipt()
	}
	if !m.Identity && !m.isReport() {
		m.refuse(ticketing.CauseBadSender, "S10")
	}
	if m.FromSelf && !m.Own && m.Kind == ticketing.KindNormal {
		m.refuse(ticketing.CauseFromSelf, "S15")
	}
	_, subject := trimSubject(m.Subject)
	m.readForward(r, top, subject.decide(func() string { return m.Text }), depth)
	m.decideAuto(r, &top.header, top)
	m.Language = ticketing.DetectLanguage(m.Visible)
	m.hash(raw)
	return m
}

func (m *Mail) isReport() bool {
	switch m.Kind {
	case ticketing.KindBounce, ticketing.KindFeedback, ticketing.KindPECReceipt:
		return true
	}
	return m.Kind == ticketing.KindAutoReply && m.From == nil
}

func (m *Mail) kindOf(r *Reader, outer, top *entity) ticketing.Kind {
	if m.PEC != nil && m.PEC.Receipt != "" {
		m.rule("PEC1", rulePECReceipt, "receipt", m.PEC.Receipt)
		return ticketing.KindPECReceipt
	}
	return m.classify(r, &top.header, top)
}

func (r *Reader) scan(m *Mail, raw []byte, limits Limits, deadline time.Time) *entity {
	s := &scanner{raw: raw, limits: limits, deadline: deadline}
	root := s.scan()
	if s.repaired {
		m.flag("repaired")
	}
	if s.exceeded != "" {
		m.refuse(ticketing.CauseLimits, s.exceeded)
	}
	return root
}

// hideEnvelopes keeps an envelope inside the mail of an envelope an attachment
// (PEC1).
func (e *entity) hideEnvelopes() {
	e.header.fields = slicesDelete(e.header.fields, "x-trasporto", "x-ricevuta")
}

func slicesDelete(fields []field, names ...string) []field {
	out := fields[:0:0]
	for _, f := range fields {
		if !contains(names, f.name) {
			out = append(out, f)
		}
	}
	return out
}

// openEnvelope applies PEC4 and PEC5.
func (m *Mail) openEnvelope(r *Reader, envelope, inner *header) {
	p := m.PEC
	// Without the certificate nobody says whose the mail inside is (PEC4).
	named := p.Envelope != "posta-certificata" || p.Sender != ""
	p.Trusted = !p.Broken && named && r.trustEnvelope(envelope)
	p.Certified = p.Trusted && p.Envelope == "posta-certificata"
	m.rule("PEC3", ruleEnvelope, "envelope", p.Envelope)
	if p.Envelope != "posta-certificata" || p.Sender == "" {
		return
	}
	l := parseAddresses(inner.get("from"))
	if len(l.people) != 1 || !strings.EqualFold(l.people[0].Address, p.Sender) {
		m.refuse(ticketing.CauseBadSender, "PEC4")
	}
}

// pecAuth is the standing of a mail taken out of an envelope (PEC5).
func (p *PEC) auth() ticketing.Auth {
	switch {
	case !p.Trusted:
		return ticketing.AuthFail
	case p.Certified:
		return ticketing.AuthPass
	}
	return ticketing.AuthUnknown
}

func (m *Mail) readHeader(r *Reader, outer, top *entity, limits Limits) {
	h := &top.header
	guessed := false
	clean := func(s string) string {
		d := decodeWords(s, &guessed)
		c := ticketing.CleanName(d)
		if c != strings.Join(strings.Fields(d), " ") {
			m.flag("cleaned")
		}
		return c
	}
	m.Subject = clean(h.get("subject"))
	m.readSender(r, h)
	for _, v := range h.all("to") {
		m.To = append(m.To, parseAddresses(v).people...)
	}
	for _, v := range h.all("cc") {
		m.Cc = append(m.Cc, parseAddresses(v).people...)
	}
	if len(m.To) > limits.Recipients {
		m.To = m.To[:limits.Recipients]
		m.flag("recipients_cut")
	}
	if len(m.To)+len(m.Cc) > limits.Recipients {
		m.Cc = m.Cc[:limits.Recipients-len(m.To)]
		m.flag("recipients_cut")
	}
	m.readRecipients(&outer.header, limits.Recipients)
	if outer != top {
		m.readRecipients(h, limits.Recipients)
	}
	for _, p := range m.AllRecipients {
		if p.Header != "bcc" && p.Header != "resent-bcc" && r.Own.isPublic(p.Parsed) {
			m.Public = true
		}
	}
	if t, ok := parseDate(h.get("date")); ok {
		m.Date = &t
	}
	m.MessageID = messageID(h.get("message-id"))
	if _, v := r.Keys.CheckMessageID(m.MessageID); v == Valid {
		m.Own = true
	}
	m.readRefs(h, limits.References)
	m.readClaims(r)
	m.ReceivedCount = outer.header.count("received")
	m.ContentLanguage, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(h.get("content-language"))), ",")
	domain := ""
	if m.From != nil {
		domain = m.From.Parsed.Domain
		_, _, m.FromSelf = r.Own.match(m.From.Parsed)
	}
	if m.Sender != nil && !m.FromSelf {
		_, _, m.FromSelf = r.Own.match(m.Sender.Parsed)
	}
	if m.PEC != nil && outer != top {
		m.Auth = m.PEC.auth()
		m.rule("PEC5", ruleStanding, "result", string(m.Auth))
	} else {
		var untrusted bool
		m.Auth, untrusted = authenticate(&outer.header, r.TrustedAuthserv, domain)
		if untrusted {
			m.flag("untrusted_auth")
		}
		m.rule("S29", ruleAuth, "result", string(m.Auth))
	}
	if m.Auth == ticketing.AuthFail {
		m.flag("auth_fail")
	}
	if guessed {
		m.flag("charset_guessed")
	}
	m.readReplyTo(h)
}

// readSender finds the best reading of the sender and judges the identity.
func (m *Mail) readSender(r *Reader, h *header) {
	fromCount := 0
	var first addressList
	for i, v := range h.all("from") {
		l := parseAddresses(v)
		if i == 0 {
			first = l
		}
		fromCount += max(1, len(l.people))
	}
	for _, name := range []string{"from", "reply-to", "sender", "return-path"} {
		for _, v := range h.all(name) {
			for _, p := range parseAddresses(v).people {
				if m.From == nil || m.From.Parsed.IsZero() && !p.Parsed.IsZero() {
					if m.From != nil && name != "from" {
						p.Name = m.From.Name
					}
					if p.Address != "" || name == "from" {
						m.From = &p
					}
				}
			}
		}
		if m.From != nil && (!m.From.Parsed.IsZero() || name == "from" && strings.Contains(m.From.Address, "@")) {
			break
		}
	}
	if m.From != nil && m.From.Address == "" && m.From.Name == "" {
		m.From = nil
	}
	m.Identity = fromCount == 1 && len(first.people) == 1 && !first.group && !first.odd && !first.people[0].Parsed.IsZero() && h.count("from") == 1
	if m.From != nil && m.From.cleaned {
		m.flag("cleaned")
	}
	if m.From != nil && !m.From.Parsed.IsZero() {
		if r.lookalikeName(m.From) {
			m.flag("name_lookalike")
		}
		if r.lookalikeDomain(m.From.Parsed.Domain) {
			m.flag("domain_lookalike")
		}
	}
	if v := h.get("sender"); v != "" {
		if l := parseAddresses(v); len(l.people) > 0 {
			m.Sender = &l.people[0]
			if m.From != nil && m.From.Parsed.Domain != "" && m.Sender.Parsed.Domain != "" && m.Sender.Parsed.Domain != m.From.Parsed.Domain {
				m.flag("sender_differs")
			}
		}
	}
}

func (m *Mail) readReplyTo(h *header) {
	l := parseAddresses(h.get("reply-to"))
	if len(l.people) == 0 || m.From == nil || l.people[0].Parsed.IsZero() || l.people[0].Parsed == m.From.Parsed {
		return
	}
	m.ReplyTo = &l.people[0]
	m.ReplyToUsable = len(l.people) == 1 && (m.ReplyTo.Parsed.Domain == m.From.Parsed.Domain || m.Auth == ticketing.AuthPass)
	if m.ReplyTo.Parsed.Domain != m.From.Parsed.Domain {
		m.flag("reply_to_differs")
	}
}

// hash computes the body hash and the logical key of M46. Line ends do not
// count, since servers change them.
func (m *Mail) hash(raw []byte) {
	_, body := headerScan{maxSize: len(raw) + 1, maxFields: 1}.read(raw, 0)
	sum := sha256.New()
	b := bytes.TrimRight(raw[body:], "\r\n")
	writeWithoutCR(sum, b)
	sum.Sum(m.BodyHash[:0])
	key := sha256.New()
	from, date := "", ""
	if m.From != nil {
		from = m.From.Address
	}
	if m.Date != nil {
		date = m.Date.UTC().Format(time.RFC3339)
	}
	parts := []string{from, m.MessageID, date}
	if m.MessageID == "" {
		// Programs that give no id send the same words about different things within a second.
		parts = append(parts, m.Subject)
	}
	for _, s := range parts {
		fmt.Fprintf(key, "%d:%s", len(s), s)
	}
	key.Write(m.BodyHash[:])
	key.Sum(m.LogicalKey[:0])
}

// hashBuffers are borrowed to join lines before they are hashed.
var hashBuffers = sync.Pool{New: func() any { return new([4096]byte) }}

func writeWithoutCR(w hash.Hash, b []byte) {
	if bytes.IndexByte(b, '\r') < 0 {
		w.Write(b)
		return
	}
	buf := hashBuffers.Get().(*[4096]byte)
	defer hashBuffers.Put(buf)
	n := 0
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			i = len(b)
		}
		if i > len(buf)-n {
			w.Write(buf[:n])
			n = 0
		}
		if i > len(buf) {
			w.Write(b[:i])
		} else {
			n += copy(buf[n:], b[:i])
		}
		b = b[min(i+1, len(b)):]
	}
	w.Write(buf[:n])
}
