package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"mime"
	"net/mail"
	"strings"
	"testing"
	"time"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func names(leaves []leaf) (out []string) {
	for _, l := range leaves {
		out = append(out, l.kind+" "+l.name)
	}
	return out
}

func headerOf(t *testing.T, raw []byte) mail.Header {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header
}

// base64Lines is base64 in lines of 76 characters.
func base64Lines(data []byte) string {
	var b strings.Builder
	for s := base64.StdEncoding.EncodeToString(data); s != ""; {
		n := min(76, len(s))
		b.WriteString(s[:n] + "\r\n")
		s = s[n:]
	}
	return b.String()
}

// mixed is the content of a mail with a text and a file.
func mixed(text, name, kind string, data []byte) string {
	return "Content-Type: multipart/mixed; boundary=mix\r\n\r\n--mix\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text +
		"\r\n--mix\r\nContent-Type: " + kind + "\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: " +
		mime.FormatMediaType("attachment", map[string]string{"filename": name}) + "\r\n\r\n" + base64Lines(data) + "--mix--\r\n"
}

// appleReply is the content of a reply as iPhone Mail makes it: both sides, the letter quoted whole.
func appleReply(text string, l letter) string {
	intro := fmt.Sprintf("Il giorno %s, alle ore %s, Anna Rossi (Bottega) <%s> ha scritto:", time.Now().Format("2 gen 2006"), time.Now().Format("15:04"), deskAddress)
	quoted := "> " + strings.ReplaceAll(strings.TrimSpace(l.text), "\n", "\n> ")
	page := `<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body dir="auto">` + html.EscapeString(text) +
		`<br><br><div dir="ltr">Inviato da iPhone</div><div dir="ltr"><br><blockquote type="cite">` + html.EscapeString(intro) + `<br><br></blockquote></div>` +
		`<blockquote type="cite"><div dir="ltr">` + strings.ReplaceAll(html.EscapeString(strings.TrimSpace(l.text)), "\n", "<br>") + `</div></blockquote></body></html>`
	return "Content-Type: multipart/alternative; boundary=Apple-Mail-1\r\n\r\n--Apple-Mail-1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
		text + "\r\n\r\nInviato da iPhone\r\n\r\n> " + intro + "\r\n> \r\n" + quoted +
		"\r\n--Apple-Mail-1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + page + "\r\n--Apple-Mail-1--\r\n"
}

// certifiedMail is a transport envelope of RFC 6109 from a provider whom the desk's server vouches for.
func certifiedMail(server, provider, name, address, about string) []byte {
	inner := "From: " + name + " <" + address + ">\r\nTo: " + deskAddress + "\r\nSubject: Disdetta\r\nDate: " + time.Now().Format(time.RFC1123Z) +
		"\r\nMessage-ID: <i1@" + provider + ">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nCon la presente disdico il contratto 42: " + about + ".\r\n"
	cert := `<?xml version="1.0" encoding="UTF-8"?><postacert tipo="posta-certificata" errore="nessuno"><intestazione><mittente>` + address +
		`</mittente><destinatari tipo="certificato">` + deskAddress + `</destinatari><oggetto>Disdetta</oggetto></intestazione><dati><gestore-emittente>Gestore S.p.A.</gestore-emittente>` +
		`<data zona="+0100"><giorno>21/11/2026</giorno><ora>09:30:00</ora></data><msgid>&lt;i1@` + provider + `&gt;</msgid></dati></postacert>`
	return []byte("Return-Path: <posta-certificata@" + provider + ">\r\nAuthentication-Results: " + server + "; dmarc=pass header.from=" + provider +
		"\r\nFrom: \"Per conto di: " + address + "\" <posta-certificata@" + provider + ">\r\nTo: " + deskAddress + "\r\nSubject: POSTA CERTIFICATA: Disdetta\r\nDate: " +
		time.Now().Format(time.RFC1123Z) + "\r\nMessage-ID: <opec1@" + provider + ">\r\nX-Trasporto: posta-certificata\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/signed; protocol=\"application/x-pkcs7-signature\"; boundary=s\r\n\r\n--s\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n" +
		"--m\r\nContent-Type: text/plain\r\n\r\nMessaggio di posta certificata.\r\n--m\r\nContent-Type: message/rfc822; name=\"postacert.eml\"\r\n" +
		"Content-Disposition: inline; filename=\"postacert.eml\"\r\n\r\n" + inner + "--m\r\nContent-Type: application/xml; name=\"daticert.xml\"\r\n" +
		"Content-Disposition: inline; filename=\"daticert.xml\"\r\n\r\n" + cert + "\r\n--m--\r\n--s\r\nContent-Type: application/x-pkcs7-signature; name=\"smime.p7s\"\r\n" +
		"Content-Disposition: attachment; filename=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--s--\r\n")
}

// bounceOf is the report of a server that could not deliver a letter (RFC 3464), sent to the letter's envelope sender.
func bounceOf(l letter) []byte {
	envelope := ""
	for f := range strings.FieldsSeq(l.sent.params) {
		if id, ok := strings.CutPrefix(f, "ENVID="); ok {
			envelope = "Original-Envelope-Id: " + id + "\r\n"
		}
	}
	head, _, _ := bytes.Cut(bytes.ReplaceAll(l.sent.raw, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	return []byte("Return-Path: <>\r\nDate: " + time.Now().Format(time.RFC1123Z) + "\r\nFrom: Mail Delivery System <MAILER-DAEMON@mx.cliente.example>\r\nTo: <" + l.sent.from +
		">\r\nSubject: Undelivered Mail Returned to Sender\r\nMessage-ID: <b1@mx.cliente.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/report; report-type=delivery-status; boundary=rep\r\n\r\n--rep\r\nContent-Type: text/plain\r\n\r\nI could not deliver your message to <" +
		l.sent.to + ">: 550 5.1.1 mailbox closed\r\n--rep\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.cliente.example\r\n" + envelope +
		"\r\nFinal-Recipient: rfc822; " + l.sent.to + "\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 mailbox closed\r\n\r\n" +
		"--rep\r\nContent-Type: text/rfc822-headers\r\n\r\n" + strings.ReplaceAll(string(head), "\n", "\r\n") + "\r\n--rep--\r\n")
}
