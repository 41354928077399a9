package mail

import (
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// reportParts makes a multipart/report of the parts that mail servers send.
func reportParts(kind, words, status, returned string) (contentType, body string) {
	body = "--r\nContent-Type: text/plain; charset=utf-8\n\n" + words + "\n"
	if status != "" {
		body += "--r\nContent-Type: message/" + kind + "\n\n" + status + "\n"
	}
	if returned != "" {
		body += "--r\nContent-Type: message/rfc822\n\n" + returned + "\n"
	}
	return "multipart/report; report-type=" + kind + "; boundary=r", body + "--r--\n"
}

const returnedMail = "From: assistenza@example.com\nTo: luca@altro.example\nSubject: Re: x\n\nTesto"

// TestBounceShapes reads what mail servers of several makers say when a mail cannot be delivered.
func TestBounceShapes(t *testing.T) {
	status := func(recipient, action, code, diagnostic string) string {
		s := "Reporting-MTA: dns; mx.altro.example\n\nFinal-Recipient: rfc822; " + recipient + "\nAction: " + action + "\nStatus: " + code
		if diagnostic != "" {
			s += "\nDiagnostic-Code: smtp; " + diagnostic
		}
		return s + "\n"
	}
	for _, c := range []struct {
		name, from, subject, words, status string
		plain                              bool // no structure at all
		fields                             []string
		recipient, code, reason            string
		temporary                          bool
	}{
		{name: "Postfix", from: "MAILER-DAEMON@mx.altro.example (Mail Delivery System)", subject: "Undelivered Mail Returned to Sender", words: "<luca@altro.example>: host mx said: 550 5.1.1 unknown",
			status: status("luca@altro.example", "failed", "5.1.1", "550 5.1.1 <luca@altro.example>: Recipient address rejected: User unknown"), recipient: "luca@altro.example", code: "5.1.1", reason: "unknown_user"},
		{name: "Postfix, full", from: "MAILER-DAEMON@mx.altro.example", subject: "Undelivered Mail Returned to Sender", words: "x", status: status("<luca@altro.example>", "failed", "5.2.2", "552 5.2.2 Mailbox full"), recipient: "luca@altro.example", code: "5.2.2", reason: "mailbox_full"},
		{name: "Postfix, late", from: "MAILER-DAEMON@mx.altro.example", subject: "Delayed Mail (still being retried)", words: "x", status: status("luca@altro.example", "delayed", "4.4.1", "connect timed out"), recipient: "luca@altro.example", code: "4.4.1", reason: "delayed", temporary: true},
		{name: "Postfix, given up", from: "MAILER-DAEMON@mx.altro.example", subject: "Undelivered Mail Returned to Sender", words: "x", status: status("luca@altro.example", "failed", "4.4.7", "delivery expired"), recipient: "luca@altro.example", code: "4.4.7", reason: "expired"},
		{name: "Exchange Online", from: "Microsoft Outlook <postmaster@altro.example>", subject: "Non recapitabile: Re: x", words: "Impossibile recapitare il messaggio a luca@altro.example.", status: status("luca@altro.example", "failed", "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound"), recipient: "luca@altro.example", code: "5.1.10", reason: "unknown_user"},
		{name: "a domain without mail (RFC 7505)", from: "MAILER-DAEMON@altro.example", subject: "Undelivered", words: "x", status: status("luca@altro.example", "failed", "5.1.10", "556 5.1.10 Recipient address has null MX"), recipient: "luca@altro.example", code: "5.1.10", reason: "unknown_host"},
		{name: "Exchange Online, too large", from: "postmaster@altro.example", subject: "Undeliverable: Re: x", words: "x", status: status("luca@altro.example", "failed", "5.2.3", "550 5.2.3 RESOLVER.RST.RecipSizeLimit"), recipient: "luca@altro.example", code: "5.2.3", reason: "too_large"},
		{name: "Gmail", from: "Mail Delivery Subsystem <mailer-daemon@googlemail.com>", subject: "Delivery Status Notification (Failure)", words: "Address not found", fields: []string{"X-Failed-Recipients: luca@altro.example", "Auto-Submitted: auto-replied"},
			status: status("luca@altro.example", "failed", "5.1.1", "550-5.1.1 The email account that you tried to reach does not exist."), recipient: "luca@altro.example", code: "5.1.1", reason: "unknown_user"},
		{name: "Sendmail", from: "Mail Delivery Subsystem <MAILER-DAEMON@altro.example>", subject: "Returned mail: see transcript for details", words: "   ----- The following addresses had permanent fatal errors -----\n<luca@altro.example>\n    (reason: 550 Host unknown)",
			status: status("luca@altro.example", "failed", "5.1.2", "550 Host unknown"), recipient: "luca@altro.example", code: "5.1.2", reason: "unknown_host"},
		{name: "several, one for good", from: "MAILER-DAEMON@mx.altro.example", subject: "Undelivered", words: "x", status: status("anna@altro.example", "delayed", "4.2.0", "") + "\nFinal-Recipient: rfc822; luca@altro.example\nAction: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; 550 5.7.1 message rejected by policy\n", recipient: "luca@altro.example", code: "5.7.1", reason: "policy"},
		{name: "status without a code", from: "MAILER-DAEMON@mx.altro.example", subject: "Undelivered", words: "x", status: "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; luca@altro.example\nAction: failed\nDiagnostic-Code: smtp; 554 5.4.6 too many hops\n", recipient: "luca@altro.example", code: "5.4.6", reason: "loop"},
		{name: "blocked", from: "MAILER-DAEMON@mx.altro.example", subject: "Undelivered", words: "x", status: status("luca@altro.example", "failed", "5.0.0", "554 Service unavailable; Client host blocked using zen.spamhaus.org"), recipient: "luca@altro.example", code: "5.0.0", reason: "blocked"},

		{name: "qmail", plain: true, from: "MAILER-DAEMON@altro.example", subject: "failure notice", words: "Hi. This is the qmail-send program at altro.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<luca@altro.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n" + returnedMail, recipient: "luca@altro.example", code: "5.1.1", reason: "unknown_user"},
		{name: "Exim", plain: true, from: "Mail Delivery System <Mailer-Daemon@altro.example>", subject: "Mail delivery failed: returning message to sender", fields: []string{"X-Failed-Recipients: luca@altro.example"}, words: "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its recipients.\n\n  luca@altro.example\n    host mx [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<luca@altro.example>:\n    550 5.1.1 User unknown", recipient: "luca@altro.example", code: "5.1.1", reason: "unknown_user"},
		{name: "Exchange 2003", plain: true, from: "System Administrator <postmaster@altro.example>", subject: "Undeliverable: Re: x", words: "Your message\n\n  To:      gruppo@example.org\n  Subject: Re: x\n\ndid not reach the following recipient(s):\n\nluca@altro.example on Mon, 2 Mar 2026 10:00:00 +0100\n    The e-mail account does not exist at the organization this message was sent to.", recipient: "luca@altro.example", code: "", reason: "unknown_user"},
		{name: "Domino", plain: true, from: "Postmaster@altro.example", subject: "DELIVERY FAILURE: User luca not listed in Domino Directory", words: "Your message\n\n  Subject: Re: x\n\nwas not delivered to:\n\n  luca@altro.example\n\nbecause:\n\n  User luca (luca@altro.example) not listed in Domino Directory", recipient: "luca@altro.example", code: "", reason: "other"},
		{name: "Italian provider", plain: true, from: "MAILER-DAEMON@posta.example", subject: "Mancata consegna del messaggio", words: "Non è stato possibile consegnare il messaggio ai seguenti destinatari:\n\n  luca@altro.example\n\nMotivo: 550 utente sconosciuto", recipient: "luca@altro.example", code: "5.0.0", reason: "unknown_user"},
		{name: "report without its parts", plain: true, from: "MAILER-DAEMON@altro.example", subject: "Returned mail", words: "The mail could not be delivered.\n\nFinal-Recipient: RFC822; luca@altro.example\nAction: failed\nStatus: 5.2.1", recipient: "luca@altro.example", code: "5.2.1", reason: "mailbox_disabled"},
		{name: "a scanner", plain: true, from: "scanner@altro.example", subject: "Mail could not be delivered", fields: []string{"Return-Path: <MAILER-DAEMON@altro.example>"}, words: "Sent <<< RCPT TO:<luca@altro.example>\nReceived >>> 550 5.1.1 unknown user.\n\nUnable to deliver message to <luca@altro.example>.", recipient: "luca@altro.example", code: "5.1.1", reason: "unknown_user"},
		{name: "a local user", plain: true, from: "MAILER-DAEMON@altro.example", subject: "Mail Delivery Problem", words: "Your mail to the following recipients could not be delivered because they are not accepting mail from assistenza@example.com:\n\tluca", recipient: "luca@altro.example", code: "", reason: "other"},
		{name: "German", plain: true, from: "Mailer-Daemon@altro.example", subject: "Unzustellbar: Re: x", words: "Die folgenden Empfänger konnten nicht erreicht werden:\n\n  luca@altro.example\n  550 5.1.1 unbekannt", recipient: "luca@altro.example", code: "5.1.1", reason: "unknown_user"},
	} {
		contentType, body := "text/plain; charset=utf-8", c.words
		if !c.plain {
			contentType, body = reportParts("delivery-status", c.words, c.status, returnedMail)
		}
		m := testReader(t).Read(composeMail(body, append([]string{"Return-Path: <>", "From: " + c.from, "Subject: " + c.subject, "Content-Type: " + contentType}, c.fields...)...))
		if m.Kind != ticketing.KindBounce || m.Failure == nil {
			t.Errorf("%s: kind %s, rules %v", c.name, m.Kind, m.Rules)
			continue
		}
		if m.FailedRecipient != c.recipient || m.Failure.Status != c.code || m.Failure.Reason != c.reason || m.Failure.Permanent == c.temporary {
			t.Errorf("%s: %q %+v, want %q %s %s", c.name, m.FailedRecipient, *m.Failure, c.recipient, c.code, c.reason)
		}
		if m.Auto.Allowed {
			t.Errorf("%s: would be answered", c.name)
		}
	}
}

// TestProgramsAndPeople tells automatic answers in five languages, reports and lists from people who write about such things.
func TestProgramsAndPeople(t *testing.T) {
	dsn, dsnBody := reportParts("delivery-status", "x", "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; luca@altro.example\nAction: delivered\nStatus: 2.0.0", "")
	mdn, mdnBody := reportParts("disposition-notification", "Letto", "Final-Recipient: rfc822; maria@cliente.example\nDisposition: manual-action/MDN-sent-manually; displayed", "")
	arf, arfBody := reportParts("feedback-report", "x", "Feedback-Type: abuse\nUser-Agent: x\nVersion: 1", returnedMail)
	attached := "--b\nContent-Type: text/plain\n\nMi torna indietro questo, che significa?\n--b\nContent-Type: message/rfc822\n\nReturn-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: Undelivered\n\nUser unknown\n--b--\n"
	for _, c := range []struct {
		name    string
		body    string
		kind    ticketing.Kind
		answers bool
		fields  []string
	}{
		{"it, by header", "Sono fuori sede.", ticketing.KindAutoReply, true, []string{"Subject: Fuori sede", "Auto-Submitted: auto-replied"}},
		{"it, Exchange", "Sono assente.", ticketing.KindAutoReply, true, []string{"Subject: Risposta automatica: x", "X-Auto-Response-Suppress: All"}},
		{"it, no header at all", "Sono assente.", ticketing.KindAutoReply, true, []string{"Subject: Assente: Re: x", "Return-Path: <>"}},
		{"en", "I am away.", ticketing.KindAutoReply, true, []string{"Subject: Automatic reply: x", "X-Autoreply: yes"}},
		{"en, out of office", "I am away.", ticketing.KindAutoReply, true, []string{"Subject: Out of Office: x", "Precedence: bulk"}},
		{"de", "Ich bin abwesend.", ticketing.KindAutoReply, true, []string{"Subject: Abwesenheitsnotiz: x", "Auto-Submitted: auto-replied"}},
		{"de, subject and null path", "Ich bin abwesend.", ticketing.KindAutoReply, true, []string{"Subject: Automatische Antwort: x", "Return-Path: <>"}},
		{"fr", "Je suis absente.", ticketing.KindAutoReply, true, []string{"Subject: Réponse automatique : x", "Auto-Submitted: auto-replied (vacation)"}},
		{"es", "Estoy fuera.", ticketing.KindAutoReply, true, []string{"Subject: Respuesta automática: x", "X-Autorespond: x"}},
		{"a notice", "Backup finished.", ticketing.KindAutoReply, false, []string{"Subject: Backup", "Auto-Submitted: auto-generated"}},
		{"delivered", dsnBody, ticketing.KindAutoReply, true, []string{"Content-Type: " + dsn, "Return-Path: <>"}},
		{"read", mdnBody, ticketing.KindAutoReply, true, []string{"Subject: Letto: x", "Content-Type: " + mdn}},
		{"challenge", "Please confirm that you are human.", ticketing.KindAutoReply, true, []string{"Auto-Submitted: auto-generated"}},
		{"abuse", arfBody, ticketing.KindFeedback, false, []string{"Content-Type: " + arf}},
		{"DMARC", "--b\nContent-Type: application/gzip; name=report.xml.gz\n\nx\n--b--\n", ticketing.KindFeedback, false, []string{"Subject: Report Domain: example.com Submitter: x Report-ID: 1", "Content-Type: multipart/mixed; boundary=b"}},
		{"unsubscribe by program", "Apple Mail sent this email to unsubscribe.", ticketing.KindFeedback, false, []string{"Subject: unsubscribe", "Auto-Submitted: auto-replied", "X-Apple-Unsubscribe: true"}},
		{"newsletter", "Offerte!", ticketing.KindList, false, []string{"List-Unsubscribe: <https://x.example/u>"}},
		{"mailing list", "Ciao a tutti", ticketing.KindList, false, []string{"List-Id: <soci.example.org>", "Precedence: list"}},

		{"a person away", "Come apro un ticket da fuori?", ticketing.KindNormal, false, []string{"Subject: Fuori sede da lunedì, come apro un ticket?"}},
		{"a person about absence", "L'assenza non si registra.", ticketing.KindNormal, false, []string{"Subject: Assenza non registrata nel gestionale"}},
		{"an answer to an absence", "Grazie, aspetto.", ticketing.KindNormal, false, []string{"Subject: Re: Automatic reply: x"}},
		{"a bounce in words", "Quando scrivo mi torna: user unknown, mailbox full. Perché?", ticketing.KindNormal, false, []string{"Subject: Delivery failure"}},
		{"a bounce attached", attached, ticketing.KindNormal, false, []string{"Subject: Undelivered Mail", "Content-Type: multipart/mixed; boundary=b"}},
		{"a bounce forwarded in the text", "Che cos'è?\n\n---------- Forwarded message ---------\nFrom: Mail Delivery System <MAILER-DAEMON@x.example>\nDate: Mon\nSubject: Undelivered\nTo: maria\n\nUser unknown", ticketing.KindNormal, false, []string{"Subject: Fwd: Undelivered"}},
		{"an odd address", "Buongiorno", ticketing.KindNormal, false, []string{"From: noreply-team@cliente.example"}},
		{"a suppressing client", "Buongiorno", ticketing.KindNormal, false, []string{"X-Auto-Response-Suppress: All"}},
		{"no Return-Path", "Buongiorno", ticketing.KindNormal, false, nil},
	} {
		m := testReader(t).Read(composeMail(c.body, c.fields...))
		if m.Kind != c.kind || m.Answers != c.answers {
			t.Errorf("%s: kind %s, answers %v, rules %+v", c.name, m.Kind, m.Answers, m.Rules)
		}
		if c.kind != ticketing.KindNormal && m.Auto.Allowed {
			t.Errorf("%s: would be answered", c.name)
		}
	}
}

// FuzzKind: whatever a mail claims to be, it has one kind, a reason for it, and what is no person's is not answered.
func FuzzKind(f *testing.F) {
	kind, body := reportParts("delivery-status", "x", "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; luca@altro.example\nAction: failed\nStatus: 5.1.1", returnedMail)
	f.Add("Return-Path: <>\nContent-Type: "+kind, body)
	f.Add("Subject: Automatic reply: x\nAuto-Submitted: auto-replied", "I am away")
	f.Add("From: MAILER-DAEMON@x.example\nSubject: failure notice", "<a@b.example>:\nno mailbox here (#5.1.1)\n--- Below this line is a copy of the message.\nMessage-ID: <a@b>")
	f.Add("List-Id: x\nX-Ricevuta: accettazione\nX-Failed-Recipients: a@b.example, c@d.example", "x")
	r := testReader(f)
	f.Fuzz(func(t *testing.T, head, body string) {
		start := time.Now()
		m := r.Read([]byte("From: maria@cliente.example\nTo: support@example.com\n" + head + "\n\n" + body))
		kinds := 0
		for _, rule := range m.Rules {
			if rule.Code == string(ruleKind) || rule.Code == string(rulePECReceipt) {
				kinds++
			}
		}
		if kinds != 1 {
			t.Errorf("%d reasons for kind %s: %+v", kinds, m.Kind, m.Rules)
		}
		if m.Kind != ticketing.KindNormal && m.Auto.Allowed {
			t.Errorf("kind %s would be answered", m.Kind)
		}
		if (m.Failure != nil) && m.Kind != ticketing.KindBounce && m.Kind != ticketing.KindPECReceipt {
			t.Errorf("kind %s has a failure", m.Kind)
		}
		if strings.ContainsAny(m.FailedRecipient, "\r\n\x00") {
			t.Errorf("failed recipient %q", m.FailedRecipient)
		}
		if time.Since(start) > 5*time.Second {
			t.Error("does not end")
		}
	})
}
