package telegram_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/sportello/sportello/ingest/telegram"
	"github.com/sportello/sportello/ingest/telegram/telegramtest"
	"github.com/sportello/sportello/ticketing"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

func hits() []ticketing.Hit {
	return []ticketing.Hit{{Slug: "carta", Language: "it", Title: "Cambiare il\nrotolo", Summary: "Il rotolo è al contrario."}, {Slug: "driver", Language: "it", Title: "Il driver"},
		{Title: "Senza pagina"}, {Title: "Il quarto non c'è"}}
}

// kinds is one row of every kind and look.
func (w *world) kinds(lang string) map[string]ticketing.Outgoing {
	until := time.Date(2026, 11, 24, 10, 40, 0, 0, time.UTC)
	tokens := ticketing.Facts{YesToken: strings.Repeat("Y", 52), NoToken: strings.Repeat("N", 52), Articles: hits(), Until: until}
	closes := tokens
	closes.Closes = true
	ended := func(code string) ticketing.Facts {
		return ticketing.Facts{Code: code, Articles: hits()[:1], Target: ticketing.Ref(w.place(marta, 3))}
	}
	said := ticketing.Facts{Body: "Provi *così*:\n\n<b>spegnerla</b> & [riaccenderla](https://x.example)", AgentName: "Anna Rossi"}
	asks, ends, sends := said, said, said
	asks.Args, ends.Args, sends.Articles = map[string]string{"then": "pending"}, map[string]string{"then": "resolve", "reason": "solved"}, hits()[:1]
	facts := map[string]ticketing.Facts{
		"received": {Open: true}, "received-closed": {NextOpen: until}, "received-articles": {Open: true, Articles: hits()}, "received-both": {Bilingual: true, NextOpen: until},
		"offer": tokens, "offer-closes": closes, "offer-card-solved": ended("solved"), "offer-card-declined": ended("declined"), "offer-card-expired": ended("expired"),
		"offer-card-taken": ended("taken"), "offer-card-silent": ended("silent"), "opened": {NextOpen: until}, "answer": said, "answer-asks": asks, "answer-resolves": ends, "answer-article": sends,
		"pending": {}, "reminder": {Until: until}, "resolved-solved": {Reason: "solved"}, "resolved-duplicate": {Reason: "duplicate", DuplicateOf: 7}, "resolved-no_reply": {Reason: "no_reply"},
		"resolved-other": {Reason: "other"}, "reopened": {Open: true}, "follow-up": {Open: true, Follows: 7}, "by-article": {},
	}
	out := map[string]ticketing.Outgoing{}
	for name, f := range facts {
		f.Language = lang
		kind, _, _ := strings.Cut(name, "-")
		for _, whole := range []string{"offer-card", "follow-up", "by-article"} {
			if strings.HasPrefix(name, whole) {
				kind = whole
			}
		}
		out[name] = w.row(ticketing.OutgoingKind(kind), f)
	}
	return out
}

// TestRender compares every message with its golden file in both languages, and sends it to a Telegram that refuses what Telegram refuses.
func TestRender(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	for _, lang := range []string{"it", "en"} {
		for name, o := range w.kinds(lang) {
			before := len(w.Sent(marta))
			raw, _, err := w.door.Render(w.ctx, o)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if again, _, _ := w.door.Render(w.ctx, o); !bytes.Equal(raw, again) {
				t.Errorf("%s is rendered differently again", name)
			}
			if o.Kind == ticketing.CardOffer {
				continue // there is no message to rewrite; see TestOfferCard
			}
			if _, _, err := w.door.Send(w.ctx, o, raw, func() error { return nil }); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			m := w.Sent(marta)[before]
			got := m.Text + "\n"
			for _, row := range m.Buttons {
				got += fmt.Sprintf("[%s] %s\n", row[0].Text, row[0].Data)
			}
			if strings.Contains(got, "telegram.") || strings.Contains(got, "{") {
				t.Errorf("%s has a sentence without words:\n%s", name, got)
			}
			file := filepath.Join("testdata", name+"."+lang+".golden")
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; look at it and run the test with -update\n%s", file, got)
			}
		}
	}
}

// TestOfferCard: an offer that ended loses its buttons and says how it ended, however often; one that is gone is no failure.
func TestOfferCard(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	all := w.kinds("it")
	ref, err := w.send(all["offer"])
	if err != nil {
		t.Fatal(err)
	}
	card := all["offer-card-solved"]
	card.Facts.Target = ref
	w.Fault(telegramtest.Fault{Method: "editMessageText", Kind: telegramtest.LoseAnswer})
	if _, err := w.send(card); fault(t, err).Verdict != ticketing.SendUnknown {
		t.Errorf("a lost answer: %v", err)
	}
	for range 2 { // now it is not modified any more
		if ref, err := w.send(card); err != nil || ref != "" {
			t.Error(ref, err)
		}
	}
	if m := w.Sent(marta)[0]; len(m.Buttons) != 0 || m.Edits != 1 || !strings.HasSuffix(m.Text, "✅ Risolto. Se serve ancora aiuto, scrivi qui.") || !strings.Contains(m.Text, "Cambiare il rotolo") {
		t.Errorf("the offer looks like %+v", m)
	}
	card.Facts.Target = ticketing.Ref(w.place(marta, 99))
	if _, err := w.send(card); err != nil {
		t.Errorf("a deleted offer: %v", err)
	}
	card.Facts.Target = ""
	if _, err := w.send(card); fault(t, err).Verdict != ticketing.SendTemporary {
		t.Errorf("an offer not yet sent: %v", err)
	}
	card.Facts.Args = map[string]string{"gone": "1"}
	if _, err := w.send(card); fault(t, err).Verdict != ticketing.SendPermanent {
		t.Errorf("an offer never sent: %v", err)
	}
}

func picture(t *testing.T, width, height int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestFilesSent: one file goes with its words, several follow them; pictures are photos where Telegram shows them as such.
func TestFilesSent(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	shot, banner := w.file("schermo.png", "image/png", picture(t, 40, 30)), w.file("lungo.png", "image/png", picture(t, 300, 10))
	fake, text := w.file("finto.png", "image/png", "not a picture"), w.file("nota \"x\".txt", "text/plain", "ciao")
	sent := func(body string, files ...ticketing.FileRef) string {
		t.Helper()
		n := len(w.Sent(marta))
		o := w.row(ticketing.LetterAnswer, ticketing.Facts{Body: body, Files: files})
		ref, err := w.send(o)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for i, m := range w.Sent(marta)[n:] {
			if i == 0 && ref != ticketing.Ref(w.place(marta, m.ID)) {
				t.Errorf("the answer is called %s, its first message is %d", ref, m.ID)
			}
			part := fmt.Sprintf("%s %d", m.Method, len(m.Text))
			if m.File != nil {
				part += " " + m.File.Name
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, ", ")
	}
	long := strings.Repeat("a", telegramtest.MaxCaption+1)
	for _, c := range []struct{ got, want string }{
		{sent("Ecco", shot), "sendPhoto 4 schermo.png"},
		{sent("Ecco", text), "sendDocument 4 nota x.txt"},
		{sent("Ecco", banner), "sendDocument 4 lungo.png"},
		{sent("Ecco", fake), "sendDocument 4 finto.png"},
		{sent("", shot), "sendPhoto 0 schermo.png"},
		{sent(long[1:], shot), "sendPhoto 1024 schermo.png"},
		{sent(long, shot), "sendMessage 1025, sendPhoto 0 schermo.png"},
		{sent("Ecco", shot, text), "sendMessage 4, sendPhoto 0 schermo.png, sendDocument 0 nota x.txt"},
	} {
		if c.got != c.want {
			t.Errorf("sent %s, want %s", c.got, c.want)
		}
	}
	if string(w.Sent(marta)[1].File.Data) != "ciao" {
		t.Error("the file arrived with other bytes")
	}
	big := w.file("grande.bin", "application/octet-stream", strings.Repeat("0123456789abcdef", 1<<17)) // 2 MiB: streamed
	if sent("Ecco", big); len(w.Sent(marta)[len(w.Sent(marta))-1].File.Data) != 2<<20 {
		t.Error("a large file did not arrive whole")
	}
}

// TestLimits: what is over a limit is refused before anything leaves, and what Telegram refuses as too large too.
func TestLimits(t *testing.T) {
	w := newWorld(t, telegramtest.Options{}, func(c *telegram.Config) { c.UploadMax, c.TextMax = 10, 5000 })
	for name, f := range map[string]ticketing.Facts{
		"file":    {Body: "x", Files: []ticketing.FileRef{{Name: "a", Size: 11, SHA: "0"}}},
		"text":    {Body: strings.Repeat("a", 5001)},
		"nothing": {},
		"place":   {Body: "x", Place: "telegram:1/501"},
		"no chat": {Body: "x", Place: "telegram:700700/x"},
	} {
		if _, _, err := w.door.Render(w.ctx, w.row(ticketing.LetterAnswer, f)); fault(t, err).Verdict != ticketing.SendPermanent {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.send(w.row(ticketing.LetterAnswer, ticketing.Facts{Body: strings.Repeat("a", 5000)})); err != nil || len(w.Sent(marta)) != 2 {
		t.Errorf("an answer at its limit: %v, %d messages", err, len(w.Sent(marta)))
	}
	w.Fault(telegramtest.Fault{Method: "sendDocument", Kind: telegramtest.Refuse, Code: 413, Text: "Request Entity Too Large"})
	_, err := w.send(w.row(ticketing.LetterAnswer, ticketing.Facts{Body: "x", Files: []ticketing.FileRef{w.file("a", "text/plain", "x")}}))
	if e := fault(t, err); e.Verdict != ticketing.SendPermanent || e.Code != "too_large" {
		t.Errorf("too large for Telegram: %v", err)
	}
	_, err = w.send(w.row(ticketing.LetterAnswer, ticketing.Facts{Body: "x", Files: []ticketing.FileRef{{Name: "gone", Size: 1, SHA: strings.Repeat("0", 64)}}}))
	if err == nil || len(w.Sent(marta)) != 2 {
		t.Error("an answer left without its file")
	}
	short := w.file("b.txt", "text/plain", "xyz")
	short.Size++
	if _, err = w.send(w.row(ticketing.LetterAnswer, ticketing.Facts{Body: "x", Files: []ticketing.FileRef{short}})); err == nil || len(w.Sent(marta)) != 2 {
		t.Error("an answer left with other bytes than were noted")
	}
}

// TestVerdicts: what each answer means for the row.
func TestVerdicts(t *testing.T) {
	refuse := func(code int, text string) telegramtest.Fault {
		return telegramtest.Fault{Kind: telegramtest.Refuse, Code: code, Text: text}
	}
	for _, c := range []struct {
		f       telegramtest.Fault
		verdict ticketing.SendVerdict
		code    string
	}{
		{refuse(403, "Forbidden: bot was blocked by the user"), ticketing.SendPermanent, ticketing.ReasonBlocked},
		{refuse(403, "Forbidden: user is deactivated"), ticketing.SendPermanent, ticketing.ReasonBlocked},
		{refuse(400, "Bad Request: chat not found"), ticketing.SendPermanent, "chat_not_found"},
		{refuse(400, "Bad Request: message thread not found"), ticketing.SendPermanent, "bad_request"},
		{refuse(401, "Unauthorized"), ticketing.SendSuspend, "unauthorized"},
		{refuse(404, "Not Found"), ticketing.SendSuspend, "unauthorized"},
		{telegramtest.Fault{Kind: telegramtest.InternalError}, ticketing.SendUnknown, "http_500"},
		{telegramtest.Fault{Kind: telegramtest.FailBefore}, ticketing.SendUnknown, "http_502"},
		{telegramtest.Fault{Kind: telegramtest.FailAfter}, ticketing.SendUnknown, "http_502"},
		{telegramtest.Fault{Kind: telegramtest.Garbage}, ticketing.SendUnknown, "http_200"},
		{telegramtest.Fault{Kind: telegramtest.LoseRequest}, ticketing.SendUnknown, "no_answer"},
		{telegramtest.Fault{Kind: telegramtest.LoseAnswer}, ticketing.SendUnknown, "no_answer"},
	} {
		w := newWorld(t, telegramtest.Options{})
		c.f.Method = "sendMessage"
		w.Fault(c.f)
		_, err := w.send(w.row(ticketing.LetterReceived, ticketing.Facts{Open: true}))
		if e := fault(t, err); e.Verdict != c.verdict || e.Code != c.code || strings.Contains(fmt.Sprintf("%v %v", err, e.Err), "AAtest") {
			t.Errorf("%+v: verdict %d, %v (%v)", c.f, e.Verdict, err, e.Err)
		}
		if n := w.Calls("sendMessage"); n != 1 {
			t.Errorf("%+v: %d calls", c.f, n)
		}
	}
}

// TestNoConnection: a request that never left is not in doubt.
func TestNoConnection(t *testing.T) {
	w := newWorld(t, telegramtest.Options{}, func(c *telegram.Config) { c.APIURL = "http://127.0.0.1:1" })
	_, err := w.send(w.row(ticketing.LetterReceived, ticketing.Facts{Open: true}))
	if e := fault(t, err); e.Verdict != ticketing.SendTemporary || e.Code != "no_connection" || strings.Contains(fmt.Sprintf("%v %v", err, e.Err), "AAtest") {
		t.Errorf("%v (%v)", err, e.Err)
	}
}

// TestFlood: retry_after is honoured for the chat it was said of, without using up an attempt; other chats go on.
func TestFlood(t *testing.T) {
	w := newWorld(t, telegramtest.Options{Flood: 2})
	row := func(chat int64) ticketing.Outgoing {
		return w.row(ticketing.LetterReceived, ticketing.Facts{Open: true, Place: w.place(chat)})
	}
	for range 2 {
		if _, err := w.send(row(marta)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		_, err := w.send(row(marta))
		if e := fault(t, err); e.Verdict != ticketing.SendTemporary || !e.Free || e.After <= time.Second || e.After > 2*time.Second || e.Code != "flood" {
			t.Errorf("%+v", e)
		}
	}
	if _, err := w.send(row(luigi)); err != nil {
		t.Error(err)
	}
	if n, floods := w.Calls("sendMessage"), w.door.Floods(); n != 4 || floods != 1 {
		t.Errorf("%d calls and %d floods: it was asked again before the time had passed", n, floods)
	}
	if bad := w.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
}

// TestPace: a chat gets one message at a time; a long queue goes back instead of keeping a courier.
func TestPace(t *testing.T) {
	w := newWorld(t, telegramtest.Options{}, func(c *telegram.Config) { c.Pace = time.Hour })
	o := w.row(ticketing.LetterReceived, ticketing.Facts{Open: true})
	if _, err := w.send(o); err != nil {
		t.Fatal(err)
	}
	_, err := w.send(o)
	if e := fault(t, err); e.Code != "paced" || !e.Free || e.After < time.Minute {
		t.Errorf("the second message at once: %+v", e)
	}
	if _, err := w.send(w.row(ticketing.LetterReceived, ticketing.Facts{Open: true, Place: w.place(luigi)})); err != nil {
		t.Errorf("another chat: %v", err)
	}
	// A group takes 20 a minute: the pause there is three times as long.
	w.Group(-1001, "Clienti", false)
	group := w.row(ticketing.LetterReceived, ticketing.Facts{Open: true, Place: w.place(-1001, "u501")})
	if _, err := w.send(group); err != nil {
		t.Fatal(err)
	}
	_, err = w.send(group)
	if e := fault(t, err); e.Code != "paced" || e.After < 2*time.Hour {
		t.Errorf("the second message in a group: %+v", e)
	}
	// The messages of one answer keep the pace too: here they would wait for an hour, and the answer breaks off.
	w = newWorld(t, telegramtest.Options{}, func(c *telegram.Config) { c.Pace = time.Hour })
	_, err = w.send(w.row(ticketing.LetterAnswer, ticketing.Facts{Body: strings.Repeat("parola ", 1000)}))
	if e := fault(t, err); e.Code != "partly_sent" || len(w.Sent(marta)) != 1 {
		t.Errorf("an answer of two messages: %+v, %d arrived", e, len(w.Sent(marta)))
	}
}

// TestPartlySent: when an answer of several messages breaks off in the middle, nobody sends it again by himself, and nobody calls it refused.
func TestPartlySent(t *testing.T) {
	long := strings.Repeat("parola ", 1500) // three messages
	for name, f := range map[string]telegramtest.Fault{
		"refused":     {Kind: telegramtest.Refuse, Code: 400, Text: "Bad Request: no"},
		"lost answer": {Kind: telegramtest.LoseAnswer}, "long flood": {Kind: telegramtest.Flood, Retry: time.Hour},
	} {
		w := newWorld(t, telegramtest.Options{})
		f.Method, f.Skip = "sendMessage", 1
		w.Fault(f)
		_, err := w.send(w.row(ticketing.LetterAnswer, ticketing.Facts{Body: long}))
		if e := fault(t, err); e.Verdict != ticketing.SendUnknown || e.Code != "partly_sent" || !strings.Contains(e.Answer, "1 parts arrived") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	// A short flood in the middle is waited for: that part was refused, so nothing comes twice.
	w := newWorld(t, telegramtest.Options{})
	w.Fault(telegramtest.Fault{Method: "sendMessage", Kind: telegramtest.Flood, Retry: time.Second, Skip: 1})
	if _, err := w.send(w.row(ticketing.LetterAnswer, ticketing.Facts{Body: long})); err != nil {
		t.Error(err)
	}
	var texts []string
	for _, m := range w.Sent(marta) {
		texts = append(texts, m.Text)
	}
	if got := strings.Join(texts, " "); got != strings.TrimSpace(long) || len(texts) != 3 {
		t.Errorf("%d messages, %d bytes of %d", len(texts), len(got), len(long))
	}
	if bad := w.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
}

// TestMigration: a group that became a supergroup gets the message under its new id, once.
func TestMigration(t *testing.T) {
	w := newWorld(t, telegramtest.Options{}, func(c *telegram.Config) { c.Groups = true })
	w.Group(-5, "Clienti", false)
	w.Migrate(-5, -1005)
	ref, err := w.send(w.row(ticketing.LetterReceived, ticketing.Facts{Open: true, Place: w.place(-5, "u501"), InReplyTo: ticketing.Ref(w.place(-5, 1))}))
	if err != nil || ref != ticketing.Ref(w.place(-1005, 1)) || len(w.Sent(-1005)) != 1 {
		t.Errorf("sent as %s: %v", ref, err)
	}
}

// TestAnswerOfANewKind: a message that the library cannot read was sent all the same.
func TestAnswerOfANewKind(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	w.Fault(telegramtest.Fault{Method: "sendMessage", Kind: telegramtest.Say200, Text: `{"ok":true,"result":{"message_id":77,"date":1,"chat":{"id":501,"type":"private"},"paid_media":{"star_count":1,"paid_media":[{"type":"of a new kind"}]}}}`})
	ref, err := w.send(w.row(ticketing.LetterReceived, ticketing.Facts{Open: true}))
	if err != nil || ref != ticketing.Ref(w.place(marta, 77)) {
		t.Errorf("sent as %q: %v", ref, err)
	}
}

// TestPieces: pieces hold every word in its order, none is too long, and none is empty.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune{'a', 'è', '😀', ' ', '\n', 'z'})).Draw(t, "text")
		most := rapid.IntRange(4, 40).Draw(t, "most")
		parts := telegram.Pieces(text, most)
		for _, p := range parts {
			if n := len(utf16.Encode([]rune(p))); n > most || p == "" || strings.TrimSpace(p) != p {
				t.Fatalf("piece %q of %d units", p, n)
			}
		}
		bare := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got := bare(strings.Join(parts, " ")); got != bare(text) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

func TestToken(t *testing.T) {
	for token, want := range map[string]bool{telegramtest.Token: true, "": false, "1:short": false, "x:" + strings.Repeat("a", 35): false, "1:" + strings.Repeat("a", 35) + "/": false,
		"-1:" + strings.Repeat("a", 35): false, "xoxb-1": false} {
		if telegram.IsToken(token) != want {
			t.Errorf("%q: want %v", token, want)
		}
	}
	for address, want := range map[string]bool{"https://api.telegram.org": true, "http://127.0.0.1:8081": true, "http://localhost": true, "http://example.com": false, "ftp://x": false,
		"https://user:pw@x": false, "x": false} {
		if telegram.IsURL(address) != want {
			t.Errorf("%q: want %v", address, want)
		}
	}
	if _, err := telegram.New(telegram.Config{Token: ticketing.NewSecret("12:geheim")}); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("a bad token: %v", err)
	}
}
