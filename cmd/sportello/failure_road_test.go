package main

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ticketing"
)

// hostileMails are mails made to break a reader, each as the bytes that a server may hand out. None may be lost, none may hold up the next.
func hostileMails() map[string]string {
	head := func(more ...string) string {
		return strings.Join(append([]string{"Date: " + time.Now().Format(time.RFC1123Z), "To: " + deskAddress, "MIME-Version: 1.0"}, more...), "\r\n") + "\r\n"
	}
	from := "From: Eva <eva@cattivo.example>"
	nested := strings.Builder{}
	for n := range 300 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", n, n)
	}
	many := strings.Builder{}
	for range 20000 {
		many.WriteString("--x\r\nContent-Type: text/plain\r\n\r\na\r\n")
	}
	return map[string]string{
		"nothing":                   "",
		"one byte":                  "\x00",
		"only line ends":            "\r\n\r\n\r\n",
		"header without end":        head(from, "Subject: x"),
		"no From":                   head("Subject: nobody") + "\r\nHello\r\n",
		"two Froms":                 head(from, "From: Other <other@cattivo.example>", "Subject: two") + "\r\nHello\r\n",
		"a group as From":           head("From: undisclosed:;", "Subject: group") + "\r\nHello\r\n",
		"nested 300 deep":           head(from, "Subject: nested") + nested.String() + "\r\nthe end\r\n",
		"20,000 parts":              head(from, "Subject: parts", "Content-Type: multipart/mixed; boundary=x") + "\r\n" + many.String() + "--x--\r\n",
		"a header of 2 MiB":         head(from, "Subject: "+strings.Repeat("x", 2<<20)) + "\r\nHello\r\n",
		"50,000 fields":             head(from, "Subject: fields", strings.Repeat("X-Fill: y\r\n", 50000)+"X-Last: z") + "\r\nHello\r\n",
		"5,000 recipients":          head(from, "Cc: "+strings.Repeat("a@b.example, ", 5000)+"c@d.example", "Subject: all") + "\r\nHello\r\n",
		"NUL and control bytes":     head(from, "Subject: \x1b[31mpaintedwords\x00\x07") + "\r\nHel\x00lo \x1b]0;title\x07\x1b[2J\r\n",
		"broken base64":             head(from, "Subject: b64", "Content-Transfer-Encoding: base64") + "\r\nSGVsbG8*****====garbage\r\n",
		"unknown charset":           head(from, "Subject: =?x-klingon?B?////?=", "Content-Type: text/plain; charset=x-klingon") + "\r\n\xff\xfe\xfd\r\n",
		"script in HTML":            head(from, "Subject: html", "Content-Type: text/html; charset=utf-8") + "\r\n<p>Ciao<script>alert(1)</script><img src=x onerror=alert(2)><a href='javascript:alert(3)'>qui</a></p>\r\n",
		"HTML nested 100,000 deep":  head(from, "Subject: deep", "Content-Type: text/html") + "\r\n" + strings.Repeat("<div>", 100000) + "x\r\n",
		"file with a path":          head(from, "Subject: path", "Content-Type: multipart/mixed; boundary=p") + "\r\n--p\r\nContent-Type: text/plain\r\n\r\nEcco\r\n--p\r\nContent-Type: application/x-sh\r\nContent-Disposition: attachment; filename=\"../../../etc/cron.d/x\"\r\n\r\n#!/bin/sh\r\n--p--\r\n",
		"bare line feeds":           strings.ReplaceAll(head(from, "Subject: lf"), "\r\n", "\n") + "\nHello\n",
		"100 Received fields":       head(from, "Subject: loop", strings.Repeat("Received: from a by b; Mon, 1 Jan 2026 00:00:00 +0000\r\n", 100)+"X-Last: z") + "\r\nHello\r\n",
		"words for SMTP and Slack":  head(from, "Subject: <!channel> <@U0SPORTELLO> & ```x") + "\r\n<!channel> <@U1|x> *bold* ```\r\n.\r\nMAIL FROM:<a@b>\r\n",
		"a report about nothing":    head("From: MAILER-DAEMON@cattivo.example", "Subject: fail", "Content-Type: multipart/report; report-type=delivery-status; boundary=r") + "\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; x@y.example\r\nAction: failed\r\nStatus: 5.0.0\r\n--r--\r\n",
		"a certificate out of hand": head(from, "Subject: POSTA CERTIFICATA: x", "X-Trasporto: posta-certificata", "Content-Type: multipart/mixed; boundary=q") + "\r\n--q\r\nContent-Type: application/xml; name=daticert.xml\r\n\r\n<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><postacert tipo=\"posta-certificata\">&a;</postacert>\r\n--q--\r\n",
		"line ends in Message-ID":   head(from, "Subject: id", "Message-ID: <a\r\n Bcc: x@y.example@z>") + "\r\nHello\r\n",
	}
}

func TestHostileMails(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{})
	mails := hostileMails()
	var names []string
	for name := range mails {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		tr.post.put(t, tr.users[0], []byte(mails[name]), time.Now(), false)
	}
	tr.lays(0, question(1))
	rows := tr.decided(len(mails) + 1)
	for i, in := range rows {
		name := "the good mail at the end"
		if i < len(names) {
			name = names[i]
		}
		t.Logf("%-26s %s %s %s", name, in.Outcome, in.Cause, in.From)
		// Two mails without anything in them are the same mail.
		if in.Cause == ticketing.CauseCrash || in.Outcome == ticketing.OutcomeDuplicate && name != "only line ends" {
			t.Errorf("%s: %s %s %s", name, in.Outcome, in.Reason, in.Detail)
		}
		if i < len(names) && in.RawSHA != sha([]byte(mails[name])) {
			t.Errorf("%s: the stored bytes are not those of the mail", name)
		}
	}
	tr.expect(rows[len(rows)-1], ticketing.OutcomeTicket, "")
	tr.settle()
	for _, s := range tr.post.sent(t) {
		for _, bad := range []string{"\x1b", "<script", "javascript:", "onerror", "paintedwords"} {
			if bytes.Contains(s.raw, []byte(bad)) {
				t.Errorf("a letter to %s holds %q", s.to, bad)
			}
		}
		if a, err := mail.ParseAddress(s.to); err != nil || strings.ContainsAny(a.Address, "\r\n ") {
			t.Errorf("a letter went to %q", s.to)
		}
	}
	for _, root := range tr.slack.Messages(tr.room) {
		for _, m := range append(tr.slack.Thread(tr.room, root.TS), root) {
			if strings.Contains(m.Text, "<!channel>") || strings.Contains(m.Text, "<@U0SPORTELLO>") || strings.Contains(string(m.Blocks), "\"<!channel>") {
				t.Errorf("a mail calls everybody in the channel: %s", seen(m))
			}
		}
	}
	if out := tr.told("ledger", "list"); strings.ContainsAny(out, "\x1b\x07\x00") {
		t.Errorf("ledger list hands control bytes to the terminal:\n%q", out)
	}
}

// SIGTERM under load ends in time and leaves no row in doubt; the next start finishes the work, each letter once.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Sending.RetryMin = 50 * time.Millisecond }})
	const mails = 120
	for round := range 4 {
		for n := range mails / 4 {
			d := question(round*mails + n)
			d.from = fmt.Sprintf("Cliente %d <c%d-%d@cliente.example>", n, round, n)
			tr.lays(0, d)
		}
		want := 10 + round*mails/4
		if err := tr.server().WaitFor(tr.ctx, func() bool { return len(tr.server().Sent()) >= want }); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		tr.stop()
		if took := time.Since(start); took > shutdownGrace {
			t.Errorf("stopping took %v", took)
		}
		code, out, errs := tr.command("outbox", "list", "--limit", "1000")
		if code != 0 || strings.Contains(out, " in_doubt ") || strings.Contains(out, " sending ") {
			t.Errorf("after the stop: exit %d\n%s%s", code, out, errs)
		}
		if code, out, _ := tr.command("ledger", "list", "--limit", "1000"); code != 0 || strings.Contains(out, " working ") {
			t.Errorf("after the stop the ledger has rows in hand:\n%s", out)
		}
		tr.start()
	}
	tr.decided(mails)
	tr.settle()
	if n := len(tr.post.sent(t)); n != mails {
		t.Errorf("%d mails were answered by %d letters", mails, n)
	}
}

// A server that says nothing any more before the letter's bytes holds up no stop, and the letter leaves after the next start.
func TestStopWhileServerHangs(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Mailboxes[0].SMTP.Doubt = "ask" }})
	hang := tr.server().FaultSMTP(mailtest.Fault{At: "RCPT", Who: maria, Do: mailtest.Hang})
	tr.expect(tr.write(question(1)), ticketing.OutcomeTicket, "")
	tr.until("the letter is under way", func() bool { return hang.Hits() > 0 })
	start := time.Now()
	tr.stop()
	if took := time.Since(start); took > shutdownGrace {
		t.Errorf("stopping took %v", took)
	}
	hang.Clear()
	tr.open()
	tr.letter(maria, ticketing.LetterReceived, 1)
	tr.settle()
}
