package demo

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

func company(t *testing.T, lang string) *Company {
	t.Helper()
	words, err := templates.Load()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(lang, words)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

const host = "127.0.0.1:8080"

// ask sends a request to the page; more are header fields in pairs.
func ask(h http.Handler, method, target string, form url.Values, more ...string) *http.Response {
	r := httptest.NewRequest(method, "http://"+host+target, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i] == "Host" {
			r.Host = more[i+1]
		}
		r.Header.Set(more[i], more[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestPage(t *testing.T) {
	c := company(t, "it")
	h, err := c.Page(host)
	if err != nil {
		t.Fatal(err)
	}
	evil := `<script>alert("1")</script> <b>x</b>`
	wrote := ask(h, "POST", "/mail", url.Values{"from": {"nuovo@cliente.example"}, "subject": {evil}, "text": {"Ciao\n" + evil}, "lang": {"en"}})
	if wrote.StatusCode != http.StatusSeeOther || strings.Contains(wrote.Header.Get("Location"), "failed") {
		t.Fatalf("a new mail: %s %s", wrote.Status, wrote.Header.Get("Location"))
	}
	in := c.Mail.Inbox(Address)
	if len(in) != 1 || !bytes.Contains(in[0].Raw, []byte("To: <"+Address+">")) {
		t.Fatalf("the desk's mailbox holds %d mails", len(in))
	}
	if _, err := c.Slack.As(c.cast.anna.slack).Write(c.Channel, "*fatto* "+evil+" <@"+c.cast.paolo.slack+">"); err != nil {
		t.Fatal(err)
	}
	shown := body(t, ask(h, "GET", "/?lang=en&box=nuovo@cliente.example", nil))
	for _, want := range []string{"nuovo@cliente.example", "New mail", "&lt;script&gt;", "<b>fatto</b>", "@Paolo Villa"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(shown, "<script>alert") || strings.Contains(shown, "<b>x") {
		t.Error("what people wrote stands in the page as HTML")
	}
	if italian := body(t, ask(h, "GET", "/", nil)); !strings.Contains(italian, "Nuova e-mail") {
		t.Error("the page is not in the demo's language")
	}
}

// TestPageReply: the answer to a letter names it, and goes where the letter wants answers.
func TestPageReply(t *testing.T) {
	c := company(t, "en")
	h, err := c.Page(host)
	if err != nil {
		t.Fatal(err)
	}
	p := c.cast.luca
	c.Mail.Deliver(p.address, []byte("From: "+Address+"\r\nTo: "+p.address+"\r\nReply-To: <assistenza+key@bottega-digitale.example>\r\nSubject: Hello\r\nMessage-ID: <l@x>\r\nReferences: <q@x>\r\n\r\nYours\r\n"))
	if r := ask(h, "POST", "/mail", url.Values{"from": {p.address}, "answers": {"<l@x>"}, "text": {"Mine"}}); strings.Contains(r.Header.Get("Location"), "failed") {
		t.Fatal(r.Header.Get("Location"))
	}
	sent := c.Mail.Inbox(Address)
	if len(sent) != 1 {
		t.Fatalf("the desk's mailbox holds %d mails", len(sent))
	}
	l := readLetter(sent[0])
	if l.inReplyTo != "<l@x>" || strings.Join(l.references, " ") != "<q@x> <l@x>" || l.subject != "Re: Hello" || l.to != "assistenza+key@bottega-digitale.example" || l.visible != "Mine" {
		t.Errorf("the reply reads %+v", l)
	}
	if r := ask(h, "POST", "/mail", url.Values{"from": {p.address}, "answers": {"<other@x>"}, "text": {"Mine"}}); !strings.Contains(r.Header.Get("Location"), "failed") {
		t.Error("an answer to a letter that is not there was sent")
	}
}

// TestPageIsPrivate: a web site opened in the same browser can neither write through the page nor read it by another name.
func TestPageIsPrivate(t *testing.T) {
	c := company(t, "it")
	h, err := c.Page(host)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"from": {"a@b.example"}, "subject": {"x"}, "text": {"x"}}
	if r := ask(h, "POST", "/mail", form, "Sec-Fetch-Site", "cross-site"); r.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: %s", r.Status)
	}
	if r := ask(h, "GET", "/", nil, "Host", "evil.example"); r.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host: %s", r.Status)
	}
	if r := ask(h, "GET", "/mail", nil); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET on a form's address: %s", r.Status)
	}
	for _, from := range []string{Address, "x", "a@b\r\nBcc: c@d"} {
		if r := ask(h, "POST", "/mail", url.Values{"from": {from}, "subject": {"x"}, "text": {"x"}}); !strings.Contains(r.Header.Get("Location"), "failed") {
			t.Errorf("a mail from %q was sent", from)
		}
	}
	if n := c.Mail.Count(Address); n != 0 {
		t.Errorf("%d mails arrived", n)
	}
}

func TestDraftsAreWellFormed(t *testing.T) {
	c := company(t, "it")
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	l := letter{id: "<a@b>", from: Address, fromName: "Anna", text: "Buongiorno,\nperché no?", head: "Message-ID: <a@b>\r\n"}
	apple := &draft{from: c.cast.emily, to: Address, subject: "Perché – no", text: emilyReply, answered: &l, quoting: "apple"}
	files := &draft{from: c.cast.emily, to: Alias, subject: emilySubject, text: emilyText, files: []file{{emilyFile, "application/pdf", statement()}}}
	pec, _ := certified(&draft{from: c.cast.studio, to: Address, subject: pecSubject, text: pecText}, now)
	bounce := undeliverable(l, Address, "x", c.cast.giorgio.address, now)
	for name, raw := range map[string][]byte{"apple": apple.mime(now), "files": files.mime(now), "pec": pec, "bounce": bounce} {
		if wrong := mailtest.Strict(raw); len(wrong) > 0 {
			t.Errorf("%s: %v", name, wrong)
		}
	}
	if m := reader.Read(bounce); m.Kind != ticketing.KindBounce || m.FailedRecipient != c.cast.giorgio.address {
		t.Errorf("the report reads as %s about %q", m.Kind, m.FailedRecipient)
	}
	if m := reader.Read(pec); m.PEC == nil || m.From == nil || m.From.Address != c.cast.studio.address {
		t.Errorf("the certified mail reads as %+v", m)
	}
	if m := reader.Read(apple.mime(now)); m.Visible != emilyReply {
		t.Errorf("the phone's reply reads as %q", m.Visible)
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"*#2 Titolo*\n>citato": "#2 Titolo\ncitato", ":eyes: <@U1|Anna> &lt;b&gt;": "👀 Anna <b>", "`a` ~b~": "a b", "<https://x.example|qui>": "qui",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) is %q, not %q", in, got, want)
		}
	}
}
