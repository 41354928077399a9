package mail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	netmail "net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
	gomail "github.com/wneessen/go-mail"
)

// Limits of what we write in a header.
const (
	maxHeaderValue   = 998 // bytes of one value (S25, RFC 5322 section 2.1.1)
	maxRepeatedID    = 250 // bytes of a foreign Message-ID that we repeat (M21)
	maxReferencesOut = 50  // References kept: the first one and the last 49 (M21)
)

// Letter is a mail that is ready to be written: every decision has been taken, Compose only puts it into MIME.
type Letter struct {
	FromName    string // brand, or "Agent (Brand)"; empty for none
	From        string // address of the queue
	To          string // one address, never with a name
	ReplyTo     string // address token; empty when the provider has no plus addressing
	Date        time.Time
	Subject     string
	MessageID   string // "<v1.id.mac@domain>", with or without angle brackets
	InReplyTo   string // Message-ID of the mail being answered, empty if none
	References  []string
	Lang        string // "it" or "en"
	Ticket      int64  // number for X-Ticket-ID
	Auto        string // value of Auto-Submitted, empty when a person wrote the letter (M23)
	ListID      string // "<agents.example.com>": agents' notifications only, never customers' letters (M25)
	Text        string // complete and readable alone
	HTML        string // the same words; empty for a letter without HTML
	Attachments []Attachment
}

// Attachment is a file of a letter.
type Attachment struct {
	Name string // already cleaned (security.md section 8)
	Type string // media type without parameters; anything that is none becomes application/octet-stream
	Data []byte
}

// ErrHeader is the cause of every refusal to write a header value.
var ErrHeader = errors.New("header value refused: it has a line break, a NUL, or more than 998 bytes")

// headerValue is the one gate for what goes into a header (S25). A value with CR, LF or NUL, or of more than 998 bytes, is refused and
// never mended: whoever made it has to be found.
func headerValue(name, value string) (string, error) {
	if len(value) > maxHeaderValue || strings.ContainsAny(value, "\r\n\x00") || !utf8.ValidString(value) {
		return "", fmt.Errorf("%s: %w", name, ErrHeader)
	}
	return value, nil
}

// Compose writes a letter as the bytes that will be stored and sent (M18 to M34). The result is 7-bit, its lines end in CRLF, the last
// one too. Errors are permanent: the same letter will fail again.
func Compose(l Letter) ([]byte, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP))
	c := composer{m: m}
	c.addresses(l)
	if _, err := headerValue("Subject", l.Subject); err != nil {
		c.fail(err)
	} else {
		m.SetGenHeader(gomail.HeaderSubject, subjectValue(l.Subject))
	}
	c.id(gomail.HeaderMessageID, l.MessageID)
	if l.InReplyTo != "" {
		c.id(gomail.HeaderInReplyTo, l.InReplyTo)
	}
	c.references(l.References)
	c.head("Content-Language", l.Lang)
	if l.Ticket > 0 {
		c.head("X-Ticket-ID", strconv.FormatInt(l.Ticket, 10))
	}
	if l.Auto != "" {
		c.head("Auto-Submitted", l.Auto)
		// Never All, DR or NDR: bounces are wanted (M24).
		c.head("X-Auto-Response-Suppress", "OOF, AutoReply, RN, NRN")
	}
	if l.ListID != "" {
		c.head("List-Id", l.ListID)
	}
	switch {
	case c.err != nil:
		return nil, c.err
	case l.Date.IsZero():
		return nil, errors.New("compose: the letter has no date")
	case l.Lang != "it" && l.Lang != "en":
		return nil, fmt.Errorf("compose: language %q, want it or en (M34)", l.Lang)
	case strings.TrimSpace(l.Text) == "":
		return nil, errors.New("compose: the letter has no text (M30)")
	}
	m.SetDateWithValue(l.Date)
	m.SetBodyString(gomail.TypeTextPlain, plainLines(l.Text))
	if l.HTML != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, plainLines(l.HTML))
	}
	for i, a := range l.Attachments {
		if err := attach(m, a, i+1); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	return b.Bytes(), nil
}

// composer sets headers and keeps the first error.
type composer struct {
	m   *gomail.Msg
	err error
}

func (c *composer) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *composer) head(name, value string) {
	v, err := headerValue(name, value)
	if err != nil {
		c.fail(err)
		return
	}
	c.m.SetGenHeader(gomail.Header(name), v)
}

func (c *composer) id(name gomail.Header, id string) {
	if id = bareID(id); id == "" || len(id) > maxRepeatedID {
		c.fail(fmt.Errorf("%s: not a Message-ID of at most %d bytes", name, maxRepeatedID))
		return
	}
	c.head(string(name), "<"+id+">")
}

// references writes the ids on folded lines. Each id passes the gate for itself: together they may be longer than one value.
func (c *composer) references(ids []string) {
	var out []string
	for _, id := range ids {
		v, err := headerValue("References", "<"+bareID(id)+">")
		if err != nil {
			c.fail(err)
			return
		}
		if v != "<>" && len(v) <= maxRepeatedID {
			out = append(out, v)
		}
	}
	if len(out) > maxReferencesOut {
		out = append(out[:1], out[len(out)-maxReferencesOut+1:]...)
	}
	if len(out) > 0 {
		c.m.SetGenHeader(gomail.HeaderReferences, strings.Join(out, " "))
	}
}

func (c *composer) addresses(l Letter) {
	name, err := headerValue("From", l.FromName)
	if err != nil {
		c.fail(err)
		return
	}
	for _, a := range []struct {
		header      string
		name, value string
		set         func(*netmail.Address)
	}{
		{"From", strings.Join(strings.Fields(name), " "), l.From, c.m.FromMailAddress},
		{"To", "", l.To, func(a *netmail.Address) { c.m.ToMailAddress(a) }},
		{"Reply-To", "", l.ReplyTo, func(a *netmail.Address) { c.m.ReplyToMailAddress(a) }},
	} {
		if a.value == "" && a.header == "Reply-To" {
			continue
		}
		// Parsing also turns the domain into A-labels (M29).
		address, err := ticketing.ParseAddress(a.value)
		if err != nil {
			c.fail(fmt.Errorf("%s: %w", a.header, err))
			return
		}
		a.set(&netmail.Address{Name: a.name, Address: address.String()})
	}
}

// subjectValue makes one line of single blanks. A subject that looks like an encoded word is encoded, so that its reader sees what was
// typed and not what it would decode to.
func subjectValue(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if !strings.Contains(s, "=?") {
		return s
	}
	var words []string
	for len(s) > 0 {
		n := min(len(s), 42) // 56 characters of base64 in a word of at most 75
		for n < len(s) && !utf8.RuneStart(s[n]) {
			n--
		}
		if n == 0 { // not UTF-8: the gate refuses it
			return s
		}
		words = append(words, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return strings.Join(words, " ")
}

// plainLines gives text LF line ends, one at its end; the quoted-printable writer makes CRLF of them.
func plainLines(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.TrimRight(s, "\n") + "\n"
}

// bareID removes blanks and angle brackets around a Message-ID and returns "" if what is left is not one: printable ASCII without blanks,
// angle brackets or commas, with one part on either side of its only at sign.
func bareID(id string) string {
	id = strings.TrimSpace(id)
	if strings.HasPrefix(id, "<") && strings.HasSuffix(id, ">") {
		id = id[1 : len(id)-1]
	}
	if !wellFormedID.MatchString(id) {
		return ""
	}
	return id
}

var wellFormedID = regexp.MustCompile(`^[!#-'*+\-./0-9A-Z^_a-z{|}~=?$:;\[\]\\]+@[!#-'*+\-./0-9A-Z^_a-z{|}~=?$:;\[\]]+$`)

// ReferencesFor builds the References of an answer (M21): the ids the customer's mail referred to, oldest first, then our earlier ids,
// then the id of the mail being answered, each once and only if well formed, at most the first one and the last 49. To an unproven sender
// nothing is repeated but the id of the sender's own mail.
func ReferencesFor(earlier, ours []string, answered string, proven bool) []string {
	if !proven {
		earlier = nil
	}
	var out []string
	for _, id := range slices.Concat(earlier, ours, []string{answered}) {
		id = bareID(id)
		if id == "" || len(id)+2 > maxRepeatedID {
			continue
		}
		id = "<" + id + ">"
		// A repeated id moves to its latest place: the last one names the parent.
		if i := slices.Index(out, id); i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
		out = append(out, id)
	}
	if len(out) > maxReferencesOut {
		out = append(out[:1:1], out[len(out)-maxReferencesOut+1:]...)
	}
	return out
}

// attach adds a file in base64 with a name that every client can read: plain when ASCII, else by RFC 2231. The library would put encoded
// words inside quotes, which RFC 2047 section 5 forbids.
func attach(m *gomail.Msg, a Attachment, n int) error {
	name := a.Name
	if name == "" {
		name = "part-" + strconv.Itoa(n)
	}
	if _, err := headerValue("Content-Disposition", name); err != nil {
		return err
	}
	media, _, err := mime.ParseMediaType(a.Type)
	if err != nil || !strings.Contains(media, "/") || strings.HasPrefix(media, "multipart/") || strings.HasPrefix(media, "message/") {
		media = "application/octet-stream"
	}
	return m.AttachReader(name, bytes.NewReader(a.Data), func(f *gomail.File) {
		f.Header.Set("Content-Type", media)
		f.Header.Set("Content-Disposition", disposition(name))
		f.Enc = gomail.EncodingB64
	})
}

// disposition writes "attachment" with the file name in lines of at most 76 characters (RFC 2183, RFC 2231 section 3).
func disposition(name string) string {
	plain := true
	for _, r := range name {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			plain = false
		}
	}
	if plain && len(name) <= 50 {
		return "attachment;\r\n filename=\"" + name + `"`
	}
	const piece = 50
	var pieces []string
	current := "UTF-8''"
	for i := range len(name) {
		c := string(name[i])
		if !attributeChar(name[i]) {
			c = fmt.Sprintf("%%%02X", name[i])
		}
		if len(current)+len(c) > piece {
			pieces = append(pieces, current)
			current = ""
		}
		current += c
	}
	pieces = append(pieces, current)
	var b strings.Builder
	b.WriteString("attachment")
	for i, p := range pieces {
		if len(pieces) == 1 {
			b.WriteString(";\r\n filename*=" + p)
		} else {
			fmt.Fprintf(&b, ";\r\n filename*%d*=%s", i, p)
		}
	}
	return b.String()
}

// attributeChar reports whether RFC 2231 allows c unescaped.
func attributeChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}
