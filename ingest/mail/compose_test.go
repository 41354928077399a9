package mail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func testLetter() Letter {
	return Letter{
		FromName: "Anna Rossi (Assistenza Acme)", From: "assistenza@example.com", To: "maria@cliente.example",
		ReplyTo: "assistenza+mfrggzdfmztwq2lknnwg23tpobyxe43u@example.com", Date: time.Date(2026, 11, 21, 9, 30, 0, 0, time.FixedZone("", 3600)),
		Subject: "Re: Perché la stampante è ferma?", MessageID: "<v1.01JD.mfrgg@example.com>", InReplyTo: "<a1@cliente.example>",
		References: []string{"<a0@cliente.example>", "<a1@cliente.example>"}, Lang: "it", Ticket: 1204,
		Text: "Gentile signora,\n\n.\n..\ncambi il toner – è finito.\nFrom here on.\n", HTML: "<html lang=\"it\"><body><p>Gentile signora, cambi il toner – è finito.</p></body></html>",
	}
}

// part is a leaf of a parsed letter.
type part struct {
	media, name, charset string
	disposition          string
	data                 []byte
}

// lintLetter checks M18 to M34 on bytes, with Go's own parsers, and returns header and leaves.
func lintLetter(t interface{ Errorf(string, ...any) }, raw []byte) (netmail.Header, []part) {
	if err := wireBytes(raw); err != nil {
		t.Errorf("the wire cannot carry it: %v", err)
	}
	for i, line := range bytes.Split(raw, []byte("\r\n")) {
		if len(line) > 78 && !bytes.Contains(line, []byte("@")) {
			t.Errorf("line %d has %d bytes: %.80q", i, len(line), line)
		}
	}
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for _, line := range bytes.Split(body, []byte("\r\n")) {
		if len(line) > 76 {
			t.Errorf("body line of %d bytes: %.80q (M30)", len(line), line)
		}
	}
	msg, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Errorf("net/mail cannot read it: %v", err)
		return nil, nil
	}
	for _, name := range []string{"From", "To", "Date", "Subject", "Message-Id", "Mime-Version", "Content-Type", "Content-Language"} {
		if n := len(msg.Header[name]); n != 1 {
			t.Errorf("%d fields %s, want exactly one (M18)", n, name)
		}
	}
	for name, values := range msg.Header {
		if len(values) != 1 {
			t.Errorf("%s stands there %d times", name, len(values))
		}
	}
	for _, name := range []string{"User-Agent", "X-Mailer", "Precedence", "List-Id", "List-Unsubscribe", "Bcc", "Cc", "Sender", "Return-Path"} {
		if _, there := msg.Header[name]; there {
			t.Errorf("customer's letter has %s (M25, M26, M34)", name)
		}
	}
	from, err := msg.Header.AddressList("From")
	if err != nil || len(from) != 1 {
		t.Errorf("From: %v %v", from, err)
	}
	to, err := msg.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Name != "" {
		t.Errorf("To: %v %v; one address without a name", to, err)
	}
	if _, err := msg.Header.Date(); err != nil {
		t.Errorf("Date: %v", err)
	}
	if id := msg.Header.Get("Message-Id"); bareID(id) == "" {
		t.Errorf("Message-ID %q", id)
	}
	for id := range strings.FieldsSeq(msg.Header.Get("References") + " " + msg.Header.Get("In-Reply-To")) {
		if bareID(id) == "" || len(id) > maxRepeatedID {
			t.Errorf("repeated id %q (M21)", id)
		}
	}
	auto, suppress := msg.Header.Get("Auto-Submitted"), msg.Header.Get("X-Auto-Response-Suppress")
	switch auto {
	case "":
		if suppress != "" {
			t.Errorf("an agent's letter suppresses answers (M24)")
		}
	case "auto-replied", "auto-generated":
		if suppress != "OOF, AutoReply, RN, NRN" {
			t.Errorf("X-Auto-Response-Suppress %q (M24)", suppress)
		}
	default:
		t.Errorf("Auto-Submitted %q (M23)", auto)
	}
	if lang := msg.Header.Get("Content-Language"); lang != "it" && lang != "en" {
		t.Errorf("Content-Language %q (M34)", lang)
	}
	if bytes.Contains(head, []byte("\r\n \r\n")) {
		t.Errorf("a folded line has nothing but blanks")
	}
	parts, shape := leaves(t, msg.Header.Get("Content-Type"), msg.Header.Get("Content-Transfer-Encoding"), "", msg.Body)
	if want := wantedShape(parts); shape != want {
		t.Errorf("shape %s, want %s (M30)", shape, want)
	}
	return msg.Header, parts
}

func wantedShape(parts []part) string {
	files, html := 0, false
	for _, p := range parts {
		if p.disposition != "" {
			files++
		} else if p.media == "text/html" {
			html = true
		}
	}
	shape := "text/plain"
	if html {
		shape = "multipart/alternative(text/plain text/html)"
	}
	if files > 0 {
		shape = "multipart/mixed(" + shape + strings.Repeat(" file", files) + ")"
	}
	return shape
}

func leaves(t interface{ Errorf(string, ...any) }, ctype, encoding, disposition string, r io.Reader) ([]part, string) {
	media, params, err := mime.ParseMediaType(ctype)
	if err != nil {
		t.Errorf("Content-Type %q: %v", ctype, err)
		return nil, "?"
	}
	if strings.HasPrefix(media, "multipart/") {
		var all []part
		var shapes []string
		m := multipart.NewReader(r, params["boundary"])
		for {
			p, err := m.NextRawPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("part: %v", err)
				break
			}
			found, shape := leaves(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p.Header.Get("Content-Disposition"), p)
			all, shapes = append(all, found...), append(shapes, shape)
		}
		return all, media + "(" + strings.Join(shapes, " ") + ")"
	}
	switch encoding {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	default:
		t.Errorf("transfer encoding %q (M30)", encoding)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("body of %s: %v", media, err)
	}
	p := part{media: media, charset: params["charset"], data: data}
	shape := media
	if disposition != "" {
		d, dp, err := mime.ParseMediaType(disposition)
		if err != nil {
			t.Errorf("Content-Disposition %q: %v", disposition, err)
		}
		p.disposition, p.name, shape = d, dp["filename"], "file"
	} else if p.charset != "UTF-8" {
		t.Errorf("charset %q of %s", p.charset, media)
	}
	return []part{p}, shape
}

func TestComposeLetter(t *testing.T) {
	l := testLetter()
	l.Attachments = []Attachment{{"foto.jpg", "image/jpeg", bytes.Repeat([]byte{0xff, 0x00, '\n', '.'}, 500)}, {"perizia – è così \"urgente\".pdf", "application/pdf", []byte("%PDF")},
		{strings.Repeat("à", 70) + ".txt", "text/plain; charset=x", []byte("x")}, {"", "no type", nil}, {"evil.eml", "message/rfc822", []byte("Subject: x\n")}}
	raw, err := Compose(l)
	if err != nil {
		t.Fatal(err)
	}
	h, parts := lintLetter(t, raw)
	decoded, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil || decoded != l.Subject {
		t.Errorf("subject %q %v", decoded, err)
	}
	for name, want := range map[string]string{"Message-Id": l.MessageID, "In-Reply-To": l.InReplyTo, "References": "<a0@cliente.example> <a1@cliente.example>",
		"X-Ticket-Id": "1204", "Content-Language": "it", "Reply-To": "<" + l.ReplyTo + ">", "Date": "Sat, 21 Nov 2026 09:30:00 +0100", "Mime-Version": "1.0"} {
		if h.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, h.Get(name), want)
		}
	}
	from, _ := h.AddressList("From")
	if from[0].Name != l.FromName || from[0].Address != l.From {
		t.Errorf("From: %v", from)
	}
	if len(parts) != 7 {
		t.Fatalf("%d parts, want 7", len(parts))
	}
	if got := strings.ReplaceAll(string(parts[0].data), "\r\n", "\n"); got != l.Text {
		t.Errorf("text %q", got)
	}
	for i, a := range l.Attachments {
		p := parts[i+2]
		name := a.Name
		if name == "" {
			name = "part-4"
		}
		if p.name != name || p.disposition != "attachment" || !bytes.Equal(p.data, a.Data) {
			t.Errorf("file %d: %q (%s), %d bytes; want %q, %d bytes", i, p.name, p.disposition, len(p.data), name, len(a.Data))
		}
	}
	if parts[5].media != "application/octet-stream" || parts[6].media != "application/octet-stream" || parts[4].media != "text/plain" {
		t.Errorf("media types: %s %s %s", parts[4].media, parts[5].media, parts[6].media)
	}
}

func TestComposeVariants(t *testing.T) {
	for name, change := range map[string]func(*Letter){
		"text only":                func(l *Letter) { l.HTML = "" },
		"text and file":            func(l *Letter) { l.HTML = ""; l.Attachments = []Attachment{{"a.txt", "text/plain", []byte("x")}} },
		"automatic":                func(l *Letter) { l.Auto = "auto-replied" },
		"no plus addressing":       func(l *Letter) { l.ReplyTo = "" },
		"new thread":               func(l *Letter) { l.InReplyTo, l.References = "", nil },
		"no name":                  func(l *Letter) { l.FromName = "" },
		"name with quotes":         func(l *Letter) { l.FromName = `Anna "la rossa" <x@y> , \ (Acme)` },
		"name outside ASCII":       func(l *Letter) { l.FromName = strings.Repeat("Società però ", 10) },
		"umlaut domain":            func(l *Letter) { l.To = "info@perché.example" },
		"blanks in subject":        func(l *Letter) { l.Subject = strings.Repeat("a   ", 60) },
		"long word in subject":     func(l *Letter) { l.Subject = strings.Repeat("x@", 300) },
		"encoded word as subject":  func(l *Letter) { l.Subject = "=?UTF-8?B?QmNjOiB4?= è" },
		"long encoded word":        func(l *Letter) { l.Subject = "=?" + strings.Repeat("è", 490) },
		"empty subject":            func(l *Letter) { l.Subject = "" },
		"text of dots":             func(l *Letter) { l.Text = strings.Repeat(".\n", 100) },
		"one long line":            func(l *Letter) { l.Text = strings.Repeat("parola ", 5000) },
		"line ends of other kinds": func(l *Letter) { l.Text = "a\r\nb\rc" },
		"many references":          func(l *Letter) { l.References = manyIDs(500, 20) },
		"long references":          func(l *Letter) { l.References = manyIDs(60, 240) },
		"damaged references": func(l *Letter) {
			l.References = []string{"<>", "x", "<a b@c>", "<" + strings.Repeat("x", 300) + "@y>", "<ok@x>"}
		},
	} {
		l := testLetter()
		change(&l)
		raw, err := Compose(l)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		h, _ := lintLetter(prefixed{t, name}, raw)
		if ids := strings.Fields(h.Get("References")); len(ids) > 50 {
			t.Errorf("%s: %d references", name, len(ids))
		}
		got, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
		if want := strings.Join(strings.Fields(l.Subject), " "); err != nil || got != want {
			t.Errorf("%s: subject %q %v, want %q", name, got, err, want)
		}
	}
}

type prefixed struct {
	*testing.T
	name string
}

func (p prefixed) Errorf(format string, args ...any) {
	p.T.Helper()
	p.T.Errorf(p.name+": "+format, args...)
}

func manyIDs(n, length int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("<%d.%s@x>", i, strings.Repeat("i", length))
	}
	return out
}

func TestComposeRefuses(t *testing.T) {
	for name, change := range map[string]func(*Letter){
		"no date":              func(l *Letter) { l.Date = time.Time{} },
		"other language":       func(l *Letter) { l.Lang = "de" },
		"no text":              func(l *Letter) { l.Text = " \n" },
		"no Message-ID":        func(l *Letter) { l.MessageID = "" },
		"Message-ID with CRLF": func(l *Letter) { l.MessageID = "<a\r\nBcc: x@y>" },
		"no recipient":         func(l *Letter) { l.To = "" },
		"two recipients":       func(l *Letter) { l.To = "a@b.example, c@d.example" },
		"quoted local part":    func(l *Letter) { l.To = `"a b"@c.example` },
		"CRLF in recipient":    func(l *Letter) { l.To = "a@b.example\r\nBcc: c@d.example" },
		"CRLF in name":         func(l *Letter) { l.FromName = "x\r\nBcc: c@d.example" },
		"damaged Reply-To":     func(l *Letter) { l.ReplyTo = "x" },
		"In-Reply-To":          func(l *Letter) { l.InReplyTo = "<a b>" },
		"file name":            func(l *Letter) { l.Attachments = []Attachment{{Name: "a\r\nX: y"}} },
		"list id":              func(l *Letter) { l.ListID = "<a>\nBcc: x" },
		"automatic mark":       func(l *Letter) { l.Auto = "no\r\nBcc: x" },
	} {
		l := testLetter()
		change(&l)
		if raw, err := Compose(l); err == nil {
			t.Errorf("%s: written as\n%s", name, raw)
		}
	}
}

// TestComposeNeverInjects is S25 as a property: whatever stands in the texts of a letter, the header has the fields it should have, and
// no others.
func TestComposeNeverInjects(t *testing.T) {
	fields := []string{"Content-Language", "Content-Type", "Date", "From", "In-Reply-To", "Message-Id", "Mime-Version", "References", "Reply-To", "Subject", "To", "X-Ticket-Id"}
	hostile := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z =?\r\n\x00]{0,40}(\r\n|\n|\r|\x00)?Bcc: x@bad\.example`), rapid.StringN(900, 1100, -1),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 60), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(rt *rapid.T) {
		l := testLetter()
		l.Subject = hostile.Draw(rt, "subject")
		l.FromName = hostile.Draw(rt, "name")
		if rapid.Bool().Draw(rt, "in ids") {
			l.References = []string{hostile.Draw(rt, "reference")}
		}
		l.Text = "x" + hostile.Draw(rt, "text")
		bad := false
		for _, v := range []string{l.Subject, l.FromName} {
			bad = bad || strings.ContainsAny(v, "\r\n\x00") || len(v) > 998 || !utf8.ValidString(v)
		}
		raw, err := Compose(l)
		if bad != errors.Is(err, ErrHeader) {
			rt.Fatalf("subject %q, name %q: %v", l.Subject, l.FromName, err)
		}
		if err != nil {
			return
		}
		msg, err := netmail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			rt.Fatalf("unreadable: %v\n%s", err, raw)
		}
		var got []string
		for name := range msg.Header {
			if len(msg.Header[name]) != 1 {
				rt.Fatalf("%s stands there twice:\n%s", name, raw)
			}
			if name != "References" {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if want := slices.DeleteFunc(slices.Clone(fields), func(s string) bool { return s == "References" }); !slices.Equal(got, want) {
			rt.Fatalf("fields %v, want %v\n%s", got, want, raw)
		}
		if err := wireBytes(raw); err != nil {
			rt.Fatalf("%v\n%s", err, raw)
		}
	})
}

func TestReferencesFor(t *testing.T) {
	for _, c := range []struct {
		name          string
		earlier, ours []string
		answered      string
		proven        bool
		want          string
	}{
		{"first answer", nil, nil, "<a@x>", true, "<a@x>"},
		{"long thread", []string{"<a@x>", "<b@x>"}, []string{"<o@y>"}, "<c@x>", true, "<a@x> <b@x> <o@y> <c@x>"},
		{"unproven", []string{"<a@x>"}, nil, "<c@x>", false, "<c@x>"},
		{"repeated", []string{"<a@x>", "<b@x>", "<a@x>"}, nil, "<b@x>", true, "<a@x> <b@x>"},
		{"damaged", []string{"", "<>", "a b@x", "<b@x>\r\nBcc: y"}, nil, "<c@x>", true, "<c@x>"},
		{"nothing", nil, nil, "", true, ""},
	} {
		if got := strings.Join(ReferencesFor(c.earlier, c.ours, c.answered, c.proven), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	many := ReferencesFor(manyIDs(100, 5), nil, "<last@x>", true)
	if len(many) != 50 || many[0] != "<0.iiiii@x>" || many[1] != "<52.iiiii@x>" || many[49] != "<last@x>" {
		t.Errorf("%d ids: %s … %s", len(many), many[:2], many[len(many)-1])
	}
}
