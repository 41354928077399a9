package mail

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// nested builds n multiparts inside each other with a text at the outermost.
func nested(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "--b%d\nContent-Type: text/plain\n\nTesto %d\n--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i, i, i+1)
	}
	return b.String()
}

// TestHostileMails follows the rows of security.md section 14.
func TestHostileMails(t *testing.T) {
	attachments := func(n int) string {
		var b strings.Builder
		b.WriteString("--b\nContent-Type: text/plain\n\nTesto\n")
		for i := range n {
			fmt.Fprintf(&b, "--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=f%d.bin\n\nx\n", i)
		}
		return b.String() + "--b--\n"
	}
	mixed := "Content-Type: multipart/mixed; boundary=b"
	for _, c := range []struct {
		row     string
		raw     []byte
		cause   ticketing.Cause
		flags   string
		files   string
		visible string // not compared when empty
	}{
		{row: "H001", raw: composeMail(nested(10)+"--b10\n\nTesto\n", "Content-Type: multipart/mixed; boundary=b0"), cause: ticketing.CauseLimits, flags: "repaired"},
		{row: "depth 10", raw: composeMail(nested(9)+"--b9\n\nTesto\n", "Content-Type: multipart/mixed; boundary=b0"), flags: "repaired"},
		{row: "H004", raw: composeMail(nested(4000), "Content-Type: multipart/mixed; boundary=b0"), cause: ticketing.CauseLimits},
		{row: "H006", raw: composeMail(strings.Repeat("Content-Type: message/rfc822\n\n", 100000), "Content-Type: message/rfc822"), cause: ticketing.CauseLimits},
		{row: "H008", raw: composeMail("--b\n\nTesto", mixed), flags: "repaired", visible: "Testo"},
		{row: "H009", raw: composeMail("--bb\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nTesto\n--b\nContent-Disposition: attachment; filename=interno.txt\n\nx\n--b--\n--bb--\n", "Content-Type: multipart/mixed; boundary=bb"), files: "interno.txt", visible: "Testo"},
		{row: "H010", raw: composeMail("--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nTesto\n--b--\n--b--\n", mixed), flags: "repaired", visible: "Testo"},
		{row: "H011", raw: composeMail("--\n\nTesto\n----\n", `Content-Type: multipart/mixed; boundary=""`), flags: "repaired", visible: "Testo"},
		{row: "H012", raw: composeMail("--"+strings.Repeat("b", 1000)+"\n\nTesto\n--"+strings.Repeat("b", 1000)+"--\n", "Content-Type: multipart/mixed; boundary="+strings.Repeat("b", 1000)), flags: "repaired", visible: "Testo"},
		{row: "200 parts", raw: composeMail(strings.Repeat("--b\n\nTesto\n", 200)+"--b--\n", mixed)},
		{row: "H013", raw: composeMail(strings.Repeat("--b\n\nTesto\n", 201)+"--b--\n", mixed), cause: ticketing.CauseLimits},
		{row: "H016", raw: composeMail(strings.Repeat("--b\n\n", 1000000), mixed), cause: ticketing.CauseLimits},
		{row: "H017", raw: composeMail(strings.Repeat("x\n", 1000000)+"--b\n\nTesto\n--b--\n", mixed), visible: "Testo"},
		{row: "H018", raw: composeMail(attachments(150), mixed), flags: "attachments_cut", visible: "Testo"},
		{row: "H020", raw: composeMail("--b\n\nTesto\n--b\nContent-Disposition: attachment; filename=a.txt"+strings.Repeat("; filename=b.txt", 4999)+"\n\nx\n--b--\n", mixed), flags: "repaired", files: "a.txt", visible: "Testo"},
		{row: "H021", raw: composeMail("Testo", "Subject: "+strings.Repeat("x", 1<<20)), cause: ticketing.CauseLimits, visible: "Testo"},
		{row: "H022", raw: composeMail("Testo", "X-Long: "+strings.Repeat("x\r\n ", 100000)), cause: ticketing.CauseLimits, visible: "Testo"},
		{row: "1,000 fields", raw: composeMail("Testo", strings.Split(strings.Repeat("X-A: b\n", 992), "\n")[:992]...), visible: "Testo"},
		{row: "H023", raw: composeMail("Testo", strings.Split(strings.Repeat("X-A: b\n", 993), "\n")[:993]...), cause: ticketing.CauseLimits, visible: "Testo"},
		{row: "50 Received", raw: composeMail("Testo", strings.Split(strings.Repeat("received: x\n", 49), "\n")[:49]...), visible: "Testo"},
		{row: "51 Received", raw: composeMail("Testo", strings.Split(strings.Repeat("received: x\n", 50), "\n")[:50]...), cause: ticketing.CauseLoop, visible: "Testo"},
		{row: "H025", raw: composeMail("Testo", "From: -", "Return-Path: -"), cause: ticketing.CauseBadSender, visible: "Testo"},
		{row: "H026", raw: composeMail("Testo", "from: Luca <luca@altro.example>"), cause: ticketing.CauseBadSender, visible: "Testo"},
		{row: "H027", raw: composeMail("Testo", "From: gruppo: maria@cliente.example;"), cause: ticketing.CauseBadSender, visible: "Testo"},
		{row: "H028", raw: composeMail("Testo", "From: <>"), cause: ticketing.CauseBadSender, visible: "Testo"},
		{row: "H051", raw: composeMail("Testo", `From: "evil@x> <victim"@cliente.example`), cause: ticketing.CauseBadSender, visible: "Testo"},
		{row: "H052", raw: composeMail("Testo", "From: maria(@cliente.example)@bad.example"), cause: ticketing.CauseBadSender, visible: "Testo"},
		{row: "H053", raw: composeMail("Testo", "From: maria%cliente.example@bad.example"), cause: ticketing.CauseBadSender, visible: "Testo"},
		{row: "H054", raw: composeMail("Testo", "From: maria@[127.0.0.1]"), cause: ticketing.CauseBadSender, visible: "Testo"},
		{row: "H055", raw: composeMail("Testo", "From: maria@cliente.example, luca@altro.example"), cause: ticketing.CauseBadSender, visible: "Testo"},
		{row: "H029", raw: composeMail("Testo", "Subject: a\x00b"), flags: "repaired", visible: "Testo"},
		{row: "H031", raw: composeMail("Testo", "Subject: Perch\xe9"), flags: "charset_guessed", visible: "Testo"},
		{row: "H032", raw: append([]byte("From maria Sat Nov 21 09:30:00 2026\r\n"), composeMail("Testo")...), flags: "repaired", visible: "Testo"},
		{row: "H033", raw: composeMail("Perché", "Content-Type: text/plain; charset=x-unknown"), flags: "charset_guessed", visible: "Perché"},
		{row: "H034", raw: composeMail("Testo +ADw-script+AD4-", "Content-Type: text/plain; charset=utf-7"), flags: "charset_guessed", visible: "Testo +ADw-script+AD4-"},
		{row: "H037", raw: composeMail("VGVz!dG8*K", "Content-Transfer-Encoding: base64"), flags: "repaired", visible: "Testo"},
		{row: "H038", raw: composeMail("Testo=", "Content-Transfer-Encoding: quoted-printable"), visible: "Testo"},
		{row: "H039", raw: composeMail("Testo", "Subject: "+strings.Repeat("=?", 100000)), flags: "cleaned", visible: "Testo"},
		{row: "H041", raw: composeMail("--b\n\nTesto\n--b\nContent-Disposition: attachment; filename=\"=?utf-8?q?fattura.pdf?=\"\n\nx\n--b--\n", mixed), files: "fattura.pdf", visible: "Testo"},
		{row: "H042", raw: composeMail("Testo\nbegin 644 nota.txt\n$8VEA;P``\n`\nend\n"), files: "nota.txt", visible: "Testo"},
		{row: "H043", raw: composeMail("Testo\n=ybegin line=128\n"), visible: "Testo\n=ybegin line=128"},
		{row: "H044", raw: composeMail(strings.Repeat("x", 10<<20)), flags: "text_cut", visible: strings.Repeat("x", 1<<20)},
		{row: "H056", raw: composeMail("Testo", "Reply-To: x@altro.example", "Authentication-Results: mx.example.com; spf=pass"), flags: "reply_to_differs", visible: "Testo"},
		{row: "H057", raw: composeMail("Testo", "Sender: x@altro.example"), flags: "sender_differs", visible: "Testo"},
		{row: "H058", raw: composeMail("Testo", "Authentication-Results: mx.bad.example; dmarc=pass header.from=cliente.example"), flags: "untrusted_auth", visible: "Testo"},
		{row: "H090", raw: composeMail("Testo", "X-Spam-Flag: YES"), cause: ticketing.CauseSpam, visible: "Testo"},
		{row: "H105", raw: composeMail(strings.Repeat("<div>", 1<<20), "Content-Type: text/html"), flags: "html_cut"},
		{row: "H119", raw: composeMail("AAAA", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"), flags: "encrypted", files: "smime.p7m"},
		{row: "H120", raw: composeMail("--b\n\nTesto\n--b\nContent-Disposition: attachment; filename=vuoto.txt\n\n\n--b--\n", mixed), files: "vuoto.txt", visible: "Testo"},
		{row: "H106", raw: composeMail(`<p>Testo</p><p style="font-size:0">nascosto</p><div style="display: none">via</div>`, "Content-Type: text/html"), flags: "hidden_text", visible: "Testo"},
		{row: "H107", raw: composeMail("--b\nContent-Type: text/plain\n\nChiudete il conto di Maria domani\n--b\nContent-Type: text/html\n\n<p>Aprite una nuova linea per Luca oggi stesso</p>\n--b--\n", "Content-Type: multipart/alternative; boundary=b"), flags: "two_faced", visible: "Chiudete il conto di Maria domani"},
	} {
		t.Run(c.row, func(t *testing.T) {
			start := time.Now()
			m := testReader(t).Read(c.raw)
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
			checkPartition(t, m)
			if m.Quarantine != c.cause {
				t.Errorf("quarantine %q (%s), want %q", m.Quarantine, m.QuarantineReason, c.cause)
			}
			if m.Quarantine != "" && m.Auto.Allowed {
				t.Error("an automatic answer to a mail in quarantine")
			}
			for f := range strings.FieldsSeq(c.flags) {
				if !contains(m.Flags, f) {
					t.Errorf("flag %s is missing in %v", f, m.Flags)
				}
			}
			if c.visible != "" && m.Visible != c.visible {
				t.Errorf("visible %.200q, want %.200q", m.Visible, c.visible)
			}
			if len(m.Attachments) > 20 {
				t.Errorf("%d files", len(m.Attachments))
			}
			if c.files != "" && (len(m.Attachments) != 1 || m.Attachments[0].FileName != c.files) {
				t.Errorf("files %+v, want %s", m.Attachments, c.files)
			}
		})
	}
}

func TestNoFlagsOnAnOrdinaryMail(t *testing.T) {
	m := testReader(t).Read(composeMail("Testo\n"))
	if len(m.Flags) > 0 || m.Quarantine != "" || m.Auth != ticketing.AuthPass || !m.Identity || !m.Public {
		t.Errorf("flags %v, quarantine %q, auth %s, identity %v, public %v", m.Flags, m.Quarantine, m.Auth, m.Identity, m.Public)
	}
}

func TestHTMLPayloads(t *testing.T) {
	for _, p := range []string{
		`<script>alert(1)</script><p onclick="x()">Testo</p>`, `<svg onload=alert(1)><p>Testo</p></svg><p>Testo</p>`, `<style>@import "http://x.example"</style><p>Testo</p>`,
		`<base href="http://x.example"><meta http-equiv=refresh content="0;url=http://x.example"><p>Testo</p>`, `<form action=http://x.example><input name=a formaction=x><p>Testo</p></form>`,
		`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math><p>Testo</p>`, `<p>Testo</p><img src="data:image/svg+xml;base64,AAAA">`,
		`<p>Testo</p><a href="java&#9;script:alert(1)">x</a><a href=" javascript:x">y</a><a href="//x.example">z</a><a href="/rel">r</a>`, `<scr<script>ipt>alert(1)</script><p>Testo</p>`,
		`<template><p>no</p></template><noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript><!--><script>x</script>--><p>Testo</p>`,
		`<p style="background:url(http://x.example)" background="http://x.example">Testo</p><img src="http://x.example/p.gif"><img src="cid:other">`,
	} {
		out := Sanitise(p, map[string]bool{"mine": true})
		low := strings.ToLower(out)
		for _, bad := range []string{"script", "onerror", "onclick", "onload", "<form", "<input", "<style", "<svg", "<math", "<base", "<meta", "<img", "style=", "background", "href=\"/", "data:", "x.example"} {
			if strings.Contains(low, bad) {
				t.Errorf("%q came out of %q as %q", bad, p, out)
			}
		}
		if !strings.Contains(out, "Testo") {
			t.Errorf("the text is gone: %q became %q", p, out)
		}
		if again := Sanitise(out, nil); again != out {
			t.Errorf("a second pass changes %q to %q", out, again)
		}
	}
	out := Sanitise(`<a href="https://a.example/x" style="x" onclick=y>w</a><img src="cid:mine" alt="a" width=10 onload=x>`, map[string]bool{"mine": true})
	if want := `<a href="https://a.example/x" rel="noopener noreferrer nofollow ugc" target="_blank">w</a><img src="cid:mine" alt="a" width="10"/>`; out != want && out != strings.Replace(want, "/>", ">", 1) {
		t.Errorf("kept %s", out)
	}
}

func TestHTMLText(t *testing.T) {
	for in, want := range map[string]string{
		"a<br>b<div>c</div>d":                                   "a\nb\nc\nd",
		"<p>a</p><p>b</p>":                                      "a\n\nb",
		"<ul><li>a<li>b</ul><ol start=3><li>c</ol>":             "- a\n- b\n\n3. c",
		"<table><tr><td>a<td>b<tr><td>c</table>":                "a\tb\nc",
		`<a href="https://x.example/">qui</a>`:                  "qui (https://x.example/)",
		`<a href="https://x.example/">x.example</a>`:            "x.example",
		`<a href="mailto:a@x.example">a@x.example</a>`:          "a@x.example",
		`<img alt="logo">`:                                      "logo",
		"<blockquote>a<blockquote>b</blockquote></blockquote>c": "> a\n> >\n> > b\nc",
		"<pre>a\n  b</pre>":                                     "a\n  b",
		"<title>t</title><style>x</style>a<script>b</script>":   "a",
		"a&nbsp;&amp;&#8203; b":                                 "a &\u200b b",
	} {
		h := parseHTML(in, 1<<20)
		got := joinLines(h.lines)
		got = strings.ReplaceAll(got, "\n\n> ", "\n> ")
		got = strings.ReplaceAll(got, "\n\nc", "\nc")
		if got != want && strings.ReplaceAll(got, "\n\n", "\n") != strings.ReplaceAll(want, "\n\n", "\n") {
			t.Errorf("%s became\n%q, want\n%q", in, got, want)
		}
	}
}

func TestFileBytes(t *testing.T) {
	data := strings.Repeat("riga di prova \x00\xff", 500)
	enc := base64.StdEncoding.EncodeToString([]byte(data))
	m := testReader(t).Read(composeMail("--b\n\nTesto\n--b\nContent-Type: application/x-foo; name=\"a b.bin\"\nContent-Transfer-Encoding: base64\n\n"+enc+"\n--b--\n", "Content-Type: multipart/mixed; boundary=b"))
	if len(m.Attachments) != 1 || string(m.Attachments[0].Bytes()) != data || m.Attachments[0].Size != int64(len(data)) || m.Attachments[0].FileName != "a b.bin" {
		t.Errorf("files %+v", m.Attachments)
	}
}
