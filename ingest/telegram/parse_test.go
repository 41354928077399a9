package telegram_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/sportello/sportello/ingest/telegram"
	"github.com/sportello/sportello/ingest/telegram/telegramtest"
	"github.com/sportello/sportello/ticketing"
)

func TestMessage(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	id := w.Say(say("La stampante non stampa lo scontrino\nda stamattina"))
	w.Say(telegramtest.Say{From: luigi, Text: "The printer does not print anything at all"})
	all := w.heard()
	h := all[0]
	want := ticketing.Heard{Door: "telegram:700700", Queue: "assistenza", Place: "telegram:700700/501", Ref: ticketing.Ref(fmt.Sprintf("telegram:700700/501/%d", id))}
	if h.Door != want.Door || h.Group != want.Door || h.Queue != want.Queue || h.Place != want.Place || h.Ref != want.Ref || h.Kind != ticketing.KindNormal || h.Auth != ticketing.AuthPass ||
		!h.Identity || !h.Auto.Allowed || h.At.IsZero() || h.Subject != "La stampante non stampa lo scontrino" || h.Language != "it" || h.HeaderLanguage != "it" || h.LogicalKey == "" {
		t.Errorf("heard %+v", h)
	}
	if h.From != (ticketing.Party{Key: "telegram:501", Name: "Marta Bianchi"}) {
		t.Errorf("from %+v", h.From)
	}
	if len(h.Claims) != 1 || h.Claims[0] != (ticketing.Claim{Rule: ticketing.ClaimPlace, Key: want.Place, Valid: true}) {
		t.Errorf("claims %+v", h.Claims)
	}
	if h := all[1]; h.Place != "telegram:700700/502" || h.Language != "en" || h.HeaderLanguage != "en-GB" {
		t.Errorf("heard %+v", h)
	}
}

// TestThreading: topics, answers and new requests.
func TestThreading(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	topic := w.Topic(marta)
	first := w.Say(telegramtest.Say{From: marta, Topic: topic, Text: "Nel mio argomento"})
	w.Say(telegramtest.Say{From: marta, ReplyTo: first, Text: "Rispondo"})
	w.Say(telegramtest.Say{From: marta, Topic: topic, Text: "Come nascono gli argomenti", Extra: map[string]any{"reply_to_message": map[string]any{"message_id": topic}}})
	w.Say(telegramtest.Say{From: marta, Text: "/nuovo Un'altra cosa"})
	w.Say(telegramtest.Say{From: marta, Text: "/new@sportello_test_bot\nSomething else"})
	all := w.heard()
	claims := func(h ticketing.Heard) string {
		var parts []string
		for _, c := range h.Claims {
			parts = append(parts, string(c.Rule)+" "+c.Key+string(c.Ref))
		}
		return strings.Join(parts, ", ")
	}
	inTopic := fmt.Sprintf("telegram:700700/501/t%d", topic)
	for i, want := range []string{
		"place " + inTopic, fmt.Sprintf("known-id telegram:700700/501/%d, place telegram:700700/501", first), "place " + inTopic, "", "",
	} {
		if got := claims(all[i]); got != want {
			t.Errorf("message %d claims %q, want %q", i, got, want)
		}
	}
	if all[3].Visible != "Un'altra cosa" || all[4].Visible != "Something else" || all[3].Place != "telegram:700700/501" {
		t.Errorf("new requests are %q and %q at %s", all[3].Visible, all[4].Visible, all[3].Place)
	}
}

// TestNothingToDo: what is no words of a customer is kept and never acted on.
func TestNothingToDo(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	w.Person(telegramtest.User{ID: 600, First: "Robot", Bot: true})
	group := w.Group(-100200, "Clienti", true)
	for _, text := range []string{"/start", "/start abc", "/help", "/aiuto@sportello_test_bot", "/nuovo", "   "} {
		w.Say(say(text))
	}
	w.Say(telegramtest.Say{From: 600, Text: "I am a program"})
	w.Say(telegramtest.Say{From: marta, Chat: group, Text: "Nel gruppo"})
	w.Say(telegramtest.Say{From: marta, Extra: map[string]any{"pinned_message": map[string]any{"message_id": 1}}})
	w.Push("callback_query", map[string]any{"id": "1", "from": map[string]any{"id": marta}, "data": "of another program"})
	w.Push("message", map[string]any{"message_id": 5, "chat": map[string]any{"id": -5, "type": "channel"}, "text": "in a channel"})
	for i, h := range w.heard() {
		if h.Act == nil || h.Act.Verb != ticketing.VerbOther || h.Auto.Allowed || h.Refused != "" {
			t.Errorf("update %d is heard as %+v", i, h)
		}
	}
	for _, text := range []string{"/etc/hosts non va", "/"} {
		w.Say(say(text))
	}
	for _, h := range w.heard() {
		if h.Act != nil || h.Visible == "" {
			t.Errorf("a text with a slash is heard as %+v", h)
		}
	}
}

// TestGroups: where they are served, each person has a conversation of their own, and the answer names whom it answers.
func TestGroups(t *testing.T) {
	w := newWorld(t, telegramtest.Options{}, func(c *telegram.Config) { c.Groups = true })
	group := w.Group(-100200, "Clienti", true)
	topic := w.Topic(group)
	id := w.Say(telegramtest.Say{From: marta, Chat: group, Topic: topic, Text: "Aiuto"})
	w.Say(telegramtest.Say{From: luigi, Chat: group, Text: "Help"})
	all := w.heard()
	place := fmt.Sprintf("telegram:700700/-100200/t%d/u501", topic)
	if all[0].Place != place || all[1].Place != "telegram:700700/-100200/u502" {
		t.Errorf("places %s and %s", all[0].Place, all[1].Place)
	}
	if _, err := w.send(w.row(ticketing.LetterAnswer, ticketing.Facts{Place: place, Body: "Ciao", InReplyTo: all[0].Ref})); err != nil {
		t.Fatal(err)
	}
	if m := w.Sent(group)[0]; m.Topic != topic || m.ReplyTo != id {
		t.Errorf("the answer is in topic %d to %d", m.Topic, m.ReplyTo)
	}
}

func TestEdits(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	id := w.Say(say("La stampnte"))
	w.Edit(marta, id, "La stampante")
	w.Edit(marta, id, "La stampante X20")
	all := w.heard()
	seen := map[string]bool{}
	for i, h := range all {
		if seen[h.LogicalKey] || seen[string(h.Ref)] {
			t.Errorf("version %d has a key or ref of another: %+v", i, h)
		}
		seen[h.LogicalKey], seen[string(h.Ref)] = true, true
		if i > 0 && (h.EditOf != all[0].Ref || len(h.Claims) > 0 || h.Auto.Allowed) {
			t.Errorf("edit %d is heard as %+v", i, h)
		}
	}
}

// TestWords: links whose words hide their address show it, and what is no text stands as a sign.
func TestWords(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	link := func(offset, length int, url string) map[string]any {
		return map[string]any{"type": "text_link", "offset": offset, "length": length, "url": url}
	}
	for _, c := range []struct {
		want string
		say  telegramtest.Say
	}{
		{"😀 qui (https://example.org/a) e lì", telegramtest.Say{Text: "😀 qui e lì", Extra: map[string]any{"entities": []any{link(3, 3, "https://example.org/a"), map[string]any{"type": "bold", "offset": 0, "length": 5}}}}},
		{"https://example.org", telegramtest.Say{Text: "https://example.org", Extra: map[string]any{"entities": []any{link(0, 19, "https://example.org/")}}}},
		{"qui", telegramtest.Say{Text: "qui", Extra: map[string]any{"entities": []any{link(0, 99, "https://a.example"), link(-1, 2, "https://b.example"), link(0, 3, "javascript:x")}}}},
		{"ab\tc\nd", telegramtest.Say{Text: "a\x00b\tc\r\nd\x1b"}},
		{"📍 45.070300, 7.686900", telegramtest.Say{Extra: map[string]any{"location": map[string]any{"latitude": 45.0703, "longitude": 7.6869}}}},
		{"👤 Anna Rossi +39 055 123", telegramtest.Say{Extra: map[string]any{"contact": map[string]any{"phone_number": "+39 055 123", "first_name": "Anna", "last_name": "Rossi"}}}},
		{"👍", telegramtest.Say{Extra: map[string]any{"sticker": map[string]any{"emoji": "👍", "file_id": "x"}}}},
		{"📊 Quando?", telegramtest.Say{Extra: map[string]any{"poll": map[string]any{"question": "Quando?"}}}},
		{"🎲 4", telegramtest.Say{Extra: map[string]any{"dice": map[string]any{"emoji": "🎲", "value": 4}}}},
		{"va bene", telegramtest.Say{Text: "va bene", Extra: map[string]any{"entities": "of another shape", "photo": 7}}},
	} {
		c.say.From = marta
		w.Say(c.say)
		for _, h := range w.heard() {
			if h.Visible != c.want {
				t.Errorf("heard %q, want %q", h.Visible, c.want)
			}
		}
	}
}

// TestFilesHeard: photos, documents and voices are fetched; what cannot be had is named, what may come later is waited for.
func TestFilesHeard(t *testing.T) {
	w := newWorld(t, telegramtest.Options{}, func(c *telegram.Config) { c.FileMax = 1000 })
	data := bytes.Repeat([]byte("x"), 1000)
	w.Say(telegramtest.Say{From: marta, Text: "Ecco", File: &telegramtest.File{Name: "a.jpg", Photo: true, Data: data}})
	w.Say(telegramtest.Say{From: marta, File: &telegramtest.File{Name: "../../conto.pdf", Type: "application/pdf", Data: data}})
	w.Say(telegramtest.Say{From: marta, Text: "Grande", File: &telegramtest.File{Name: "film.mkv", Data: data}, Size: 30 << 20})
	w.Say(telegramtest.Say{From: marta, File: &telegramtest.File{Name: "b.bin", Data: append(data, 'x')}})
	all := w.heard()
	if h := all[0]; len(h.Files) != 1 || h.Files[0].Type != "image/jpeg" || !bytes.Equal(h.Files[0].Data, data) || h.Visible != "Ecco" || !strings.HasPrefix(h.Files[0].Name, "photo-") {
		t.Errorf("a photo is heard as %q with %d files", h.Visible, len(h.Files))
	}
	if h := all[1]; len(h.Files) != 1 || h.Files[0].Name != "conto.pdf" || h.Subject != "conto.pdf" || !bytes.Equal(h.Files[0].Data, data) {
		t.Errorf("a document is heard as %+v", h)
	}
	for i, want := range map[int]string{2: "Grande\n⚠️ 📎 film.mkv · 30.0 MB", 3: "⚠️ 📎 b.bin · 0.0 MB"} {
		if h := all[i]; len(h.Files) != 0 || h.Visible != want || len(h.Flags) != 1 || h.Flags[0] != "file_too_large" {
			t.Errorf("what is too large is heard as %q %v", h.Visible, h.Flags)
		}
	}

	// Telegram's own limit, where the update does not tell the size.
	w2 := newWorld(t, telegramtest.Options{}, func(c *telegram.Config) { c.FileMax = 1 << 40 })
	w2.Say(telegramtest.Say{From: marta, File: &telegramtest.File{Name: "x.jpg", Photo: true}, Size: 21 << 20})
	if h := w2.heard()[0]; len(h.Flags) != 1 || h.Flags[0] != "file_too_large" {
		t.Errorf("a file over Telegram's limit: %v", h.Flags)
	}
}

// TestFileLater: a file that cannot be fetched now is a temporary error, one that is gone is none.
func TestFileLater(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	w.Say(telegramtest.Say{From: marta, File: &telegramtest.File{Name: "a.txt", Data: []byte("contenuto")}})
	l := newLedger()
	w.receive(l)
	raw := l.await(w.ctx, t, 1)[0].Bytes
	for _, f := range []telegramtest.Fault{
		{Method: "getFile", Kind: telegramtest.LoseRequest}, {Method: "getFile", Kind: telegramtest.FailBefore}, {Method: "getFile", Kind: telegramtest.Flood},
		{Method: "file", Kind: telegramtest.FailBefore}, {Method: "file", Kind: telegramtest.Garbage},
	} {
		w.Fault(f)
		if _, err := w.door.Parse(w.ctx, ticketing.Inbound{}, raw); err == nil || ticketing.Permanent(err) || strings.Contains(err.Error(), "AAtest") {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if h := w.parse(raw); len(h.Files) != 1 || string(h.Files[0].Data) != "contenuto" {
		t.Errorf("after the faults it is heard as %+v", h)
	}
	w.Forget(w.Messages(marta)[0].File.ID)
	if h := w.parse(raw); len(h.Files) != 0 || len(h.Flags) != 1 {
		t.Errorf("what is gone is heard as %+v", h)
	}
}
