package demo

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"html"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"strings"
	"time"
)

// draft is a mail as its author's program will send it.
type draft struct {
	from    person
	to      string
	subject string
	text    string
	// answered is the letter this one answers; quoting is how the program shows it.
	answered *letter
	quoting  string // "", "plain" or "apple"
	reader   string // introduction of a quotation, with places for date and sender
	files    []file
	more     []string // further header lines
	id       string   // Message-ID without brackets, set by mime
}

type file struct {
	name, kind string
	data       []byte
}

// newID is a Message-ID of the author's program, without brackets.
func newID(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	return strings.ToLower(rand.Text()[:16]) + "@" + domain
}

func boundary() string { return "=_" + rand.Text()[:20] }

// crlf gives text the line ends of mail.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func quoted(s string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(crlf(s))) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.String()
}

func wrapped(data []byte) string {
	s := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return b.String() + s + "\r\n"
}

func mailbox(p person) string {
	if p.name == "" {
		return "<" + p.address + ">"
	}
	return mime.QEncoding.Encode("utf-8", p.name) + " <" + p.address + ">"
}

// part is one MIME part with its header.
func part(kind, encoding, body string, more ...string) string {
	return strings.Join(append([]string{"Content-Type: " + kind, "Content-Transfer-Encoding: " + encoding}, more...), "\r\n") + "\r\n\r\n" + body
}

func multipart(kind string, parts ...string) (contentType, body string) {
	sep := boundary()
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + sep + "\r\n" + p + "\r\n")
	}
	b.WriteString("--" + sep + "--\r\n")
	return fmt.Sprintf("multipart/%s; boundary=%q", kind, sep), b.String()
}

// mime makes the bytes of the draft.
func (d *draft) mime(now time.Time) []byte {
	if d.id == "" {
		d.id = newID(d.from.address)
	}
	head := []string{"Date: " + now.Format(time.RFC1123Z), "From: " + mailbox(d.from), "To: <" + d.to + ">",
		"Subject: " + mime.QEncoding.Encode("utf-8", d.subject), "Message-ID: <" + d.id + ">", "MIME-Version: 1.0"}
	if d.from.client != "" {
		head = append(head, "User-Agent: "+d.from.client)
	}
	if d.answered != nil {
		head = append(head, "In-Reply-To: "+d.answered.id, "References: "+strings.Join(append(d.answered.references, d.answered.id), "\r\n "))
	}
	head = append(head, d.more...)
	return []byte(strings.Join(head, "\r\n") + "\r\n" + d.body(now))
}

// body is the draft from its Content-Type on.
func (d *draft) body(now time.Time) string {
	text := part("text/plain; charset=utf-8", "quoted-printable", quoted(d.text+d.quotation(now)+"\n"))
	if d.quoting == "apple" {
		kind, both := multipart("alternative", text, part("text/html; charset=utf-8", "quoted-printable", quoted(d.appleHTML(now))))
		return "Content-Type: " + kind + "\r\n\r\n" + both
	}
	if len(d.files) == 0 {
		return text
	}
	parts := []string{text}
	for _, f := range d.files {
		parts = append(parts, part(f.kind+"; name=\""+f.name+"\"", "base64", wrapped(f.data), "Content-Disposition: attachment; filename=\""+f.name+"\""))
	}
	kind, mixed := multipart("mixed", parts...)
	return "Content-Type: " + kind + "\r\n\r\n" + mixed
}

func (d *draft) intro(now time.Time) string {
	if d.quoting == "apple" {
		return fmt.Sprintf("On %s, at %s, %s <%s> wrote:", now.Format("2 Jan 2006"), now.Format("15:04"), d.answered.fromName, d.answered.from)
	}
	return fmt.Sprintf(d.reader, now.Format("02/01/2006 15:04"), d.answered.fromName)
}

func (d *draft) quotation(now time.Time) string {
	if d.answered == nil || d.quoting == "" {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(d.answered.text), "\n")
	return "\n\n" + d.intro(now) + "\n\n> " + strings.Join(lines, "\n> ")
}

// appleHTML is the HTML side of a reply as the phone's mail program writes it.
func (d *draft) appleHTML(now time.Time) string {
	esc := func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "\n", "<br>\n") }
	return `<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body dir="auto">` + esc(d.text) +
		`<div dir="ltr"></div><div dir="ltr"><br><blockquote type="cite">` + esc(d.intro(now)) + `<br><br></blockquote></div>` +
		`<blockquote type="cite"><div dir="ltr">` + esc(strings.TrimSpace(d.answered.text)) + `</div></blockquote></body></html>`
}

// submit hands a mail to the server as the author's program does. An empty user does not sign in, as a server that delivers a report does.
func submit(server, user, envelopeFrom, to string, raw []byte) error {
	c, err := smtp.Dial(server)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Hello("localhost"); err != nil {
		return err
	}
	if user != "" {
		host, _, err := net.SplitHostPort(server)
		if err != nil {
			return err
		}
		if err := c.Auth(smtp.PlainAuth("", user, Password, host)); err != nil {
			return err
		}
	}
	if err := c.Mail(envelopeFrom); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

// certified wraps a mail in the transport envelope of a provider of certified mail (RFC 6109 section 2.2.2), with the certificate data of
// section 4.4. The provider's signature is left out: the reader's trust rests on the provider's authenticated domain.
func certified(d *draft, now time.Time) (raw []byte, from string) {
	from = "posta-certificata@" + PECHost
	inner := d.mime(now)
	xml := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<postacert tipo="posta-certificata" errore="nessuno">
  <intestazione>
    <mittente>%s</mittente>
    <destinatari tipo="esterno">%s</destinatari>
    <risposte>%[1]s</risposte>
    <oggetto>%s</oggetto>
  </intestazione>
  <dati>
    <gestore-emittente>PEC Sicura S.p.A.</gestore-emittente>
    <data zona="%s"><giorno>%s</giorno><ora>%s</ora></data>
    <identificativo>%s</identificativo>
    <msgid>&lt;%s&gt;</msgid>
  </dati>
</postacert>
`, d.from.address, d.to, html.EscapeString(d.subject), now.Format("-0700"), now.Format("02/01/2006"), now.Format("15:04:05"), "opec."+rand.Text()[:12], d.id)
	notice := fmt.Sprintf("Messaggio di posta certificata\n\nIl giorno %s alle ore %s il messaggio \"%s\" è stato inviato da \"%s\"\nindirizzato a:\n%s\n\nIl messaggio originale è incluso in allegato.\n",
		now.Format("02/01/2006"), now.Format("15:04:05 (-0700)"), d.subject, d.from.address, d.to)
	kind, body := multipart("mixed",
		part("text/plain; charset=utf-8", "quoted-printable", quoted(notice)),
		part("message/rfc822; name=\"postacert.eml\"", "7bit", string(inner), "Content-Disposition: inline; filename=\"postacert.eml\""),
		part("application/xml; name=\"daticert.xml\"", "base64", wrapped([]byte(xml)), "Content-Disposition: inline; filename=\"daticert.xml\""))
	head := []string{"Date: " + now.Format(time.RFC1123Z), "From: \"Per conto di: " + d.from.address + "\" <" + from + ">", "Reply-To: <" + d.from.address + ">",
		"To: <" + d.to + ">", "Subject: " + mime.QEncoding.Encode("utf-8", "POSTA CERTIFICATA: "+d.subject), "Message-ID: <opec." + newID(from) + ">",
		"X-Trasporto: posta-certificata", "X-Riferimento-Message-ID: <" + d.id + ">", "MIME-Version: 1.0", "Content-Type: " + kind}
	return []byte(strings.Join(head, "\r\n") + "\r\n\r\n" + body), from
}

// undeliverable is the report of a server that could not deliver one of our letters (RFC 3464).
func undeliverable(l letter, envelopeFrom, envid, recipient string, now time.Time) []byte {
	host := "mx." + recipient[strings.LastIndexByte(recipient, '@')+1:]
	fields := []string{"Reporting-MTA: dns; " + host}
	if envid != "" {
		fields = append(fields, "Original-Envelope-Id: "+envid)
	}
	status := strings.Join(append(fields, "Arrival-Date: "+now.Format(time.RFC1123Z), "", "Final-Recipient: rfc822; "+recipient, "Action: failed", "Status: 5.1.1",
		"Diagnostic-Code: smtp; 550 5.1.1 <"+recipient+">: Recipient address rejected: mailbox closed"), "\r\n") + "\r\n"
	kind, body := multipart("report; report-type=delivery-status",
		part("text/plain; charset=us-ascii", "7bit", "This is the mail system at host "+host+".\r\n\r\nYour message could not be delivered:\r\n\r\n<"+recipient+">: 550 5.1.1 mailbox closed\r\n"),
		part("message/delivery-status", "7bit", status),
		part("text/rfc822-headers", "7bit", l.head))
	head := []string{"Date: " + now.Format(time.RFC1123Z), "From: Mail Delivery System <MAILER-DAEMON@" + host + ">", "To: <" + envelopeFrom + ">",
		"Subject: Undelivered Mail Returned to Sender", "Message-ID: <" + newID("x@"+host) + ">", "Auto-Submitted: auto-replied", "MIME-Version: 1.0", "Content-Type: " + kind}
	return []byte(strings.Join(head, "\r\n") + "\r\n\r\n" + body)
}

// statement is a small PDF, so that the attachment opens in whoever's viewer.
func statement() []byte {
	var b bytes.Buffer
	var at []int
	object := func(body string) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(at), body)
	}
	b.WriteString("%PDF-1.4\n")
	text := "BT /F1 16 Tf 60 760 Td (Clarke Books - statement, March) Tj 0 -40 Td /F1 12 Tf (03 March   Bottega Digitale   29.00 EUR) Tj 0 -20 Td (03 March   Bottega Digitale   29.00 EUR) Tj ET"
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>")
	object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>")
	object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(text), text))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}
