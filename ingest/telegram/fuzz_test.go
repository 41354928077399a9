package telegram_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sportello/sportello/ingest/telegram"
	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store/files"

	"github.com/sportello/sportello/ingest/telegram/telegramtest"
)

// FuzzParse: whatever an update holds, it is refused, or an act, or a press, or a message of somebody at a place; reading it again gives
// the same. Nobody answers here, so a file makes a temporary error and nothing else does.
func FuzzParse(f *testing.F) {
	words, err := templates.Load()
	if err != nil {
		f.Fatal(err)
	}
	store, err := files.NewDisk(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	d, err := telegram.New(telegram.Config{Token: ticketing.NewSecret(telegramtest.Token), APIURL: "http://127.0.0.1:1", Queue: "q", Groups: true, Words: words, Files: store})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = d.Close() })
	const from = `"from":{"id":5,"first_name":"Marta","language_code":"it"},"chat":{"id":5,"type":"private"}`
	for _, s := range []string{
		`{"update_id":1,"message":{"message_id":7,` + from + `,"date":1795507900,"text":"qui 😀","entities":[{"type":"text_link","offset":0,"length":3,"url":"https://x.example"}]}}`,
		`{"update_id":2,"edited_message":{"message_id":7,` + from + `,"date":1,"edit_date":2,"text":"/new x"}}`,
		`{"update_id":3,"callback_query":{"id":"4",` + from + `,"data":"o:ABC"}}`,
		`{"update_id":4,"message":{"message_id":8,"message_thread_id":3,"is_topic_message":true,"from":{"id":5},"chat":{"id":-9,"type":"supergroup"},"caption":"x","contact":{"phone_number":"1"},"reply_to_message":{"message_id":2}}}`,
		`{"update_id":5,"message":{"message_id":9,` + from + `,"document":{"file_id":"a","file_name":"../x","file_size":3}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := d.Parse(t.Context(), ticketing.Inbound{}, raw)
		if err != nil {
			if ticketing.Permanent(err) || !strings.Contains(string(raw), "file_id") && !strings.Contains(strings.ToLower(string(raw)), "\\u") {
				t.Errorf("an error of nobody's making: %v", err)
			}
			return
		}
		said := h.Ref != "" && h.Place != "" && h.From.Key != "" && h.LogicalKey != "" && strings.TrimSpace(h.Visible) != ""
		if n := count(h.Refused != "", h.Act != nil, h.Press != "", said); n != 1 {
			t.Errorf("it is %d things at once: %+v", n, h)
		}
		if !utf8.ValidString(h.Visible+h.Subject+h.From.Name) || strings.ContainsAny(h.Visible+h.Subject+h.From.Name, "\x00\x1b\r") {
			t.Errorf("control characters stay: %q %q %q", h.Visible, h.Subject, h.From.Name)
		}
		if again, err := d.Parse(t.Context(), ticketing.Inbound{}, raw); err != nil || again.LogicalKey != h.LogicalKey || again.Ref != h.Ref {
			t.Errorf("read again it is %q %q, not %q %q: %v", again.Ref, again.LogicalKey, h.Ref, h.LogicalKey, err)
		}
	})
}

func count(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}
