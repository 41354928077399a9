package telegram_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/doortest"
	"github.com/sportello/sportello/ingest/telegram/telegramtest"
	"github.com/sportello/sportello/ticketing"
)

// TestDoor is the contract of a door.
func TestDoor(t *testing.T) {
	for name, lost := range map[string]struct{ message, answer telegramtest.FaultKind }{
		"connection breaks": {telegramtest.LoseRequest, telegramtest.LoseAnswer},
		"error pages":       {telegramtest.FailBefore, telegramtest.FailAfter},
		"no sense":          {telegramtest.InternalError, telegramtest.Garbage},
	} {
		t.Run(name, func(t *testing.T) {
			doortest.Run(t, doortest.Door{Make: func(t *testing.T) *doortest.Place { return telegramPlace(t, lost.message, lost.answer) }})
		})
	}
}

func telegramPlace(t *testing.T, loseMessage, loseAnswer telegramtest.FaultKind) *doortest.Place {
	w := newWorld(t, telegramtest.Options{})
	spoil := func(f telegramtest.Fault) func() {
		f.Method = "sendMessage"
		return func() { w.Fault(f) }
	}
	chat := `"chat":{"id":501,"type":"private"},"from":{"id":501,"is_bot":false,"first_name":"Marta","language_code":"it"}`
	sample := func(text string, args ...any) []byte { return fmt.Appendf(nil, text, args...) }
	photo := w.Say(telegramtest.Say{From: marta, File: &telegramtest.File{Name: "a.jpg", Photo: true, Data: []byte("x")}})
	file := w.Messages(marta)[photo-1].File.ID
	return &doortest.Place{
		Door: w.door,
		Hear: &doortest.Hearing{
			Asks: true,
			Samples: [][]byte{
				sample(`{"update_id":1,"message":{"message_id":7,%s,"date":1795507900,"text":"Ciao qui\u0000 😀","entities":[{"type":"text_link","offset":5,"length":3,"url":"https://example.org/"}]}}`, chat),
				sample(`{"update_id":2,"message":{"message_id":8,%s,"date":1795507901,"reply_to_message":{"message_id":7},"photo":[{"file_id":%q,"width":9,"height":9,"file_size":1}],"caption":"Ecco"}}`, chat, file),
				sample(`{"update_id":3,"edited_message":{"message_id":7,%s,"date":1795507900,"edit_date":1795507950,"text":"Ciao a tutti"}}`, chat),
				sample(`{"update_id":4,"callback_query":{"id":"48","from":{"id":501,"first_name":"Marta"},"data":"o:ABCDEFGH","message":{"message_id":9,%s}}}`, chat),
			},
			Listening: func(ctx context.Context) error { return w.Polled(ctx, w.Polls()+1) },
			Say:       func(words string) error { w.Say(telegramtest.Say{From: marta, Text: words}); return nil },
			Mute:      func() { w.Fault(telegramtest.Fault{Method: "getUpdates", Kind: telegramtest.Mute, Times: -1}) },
		},
		Speak: &doortest.Speaking{
			Row: func() ticketing.Outgoing {
				return w.row(ticketing.LetterAnswer, ticketing.Facts{Body: "Provi a spegnerla e riaccenderla.", AgentName: "Anna Rossi"})
			},
			Wire: func(raw []byte) string {
				var x struct {
					Chat  int64
					Calls []struct{ Text string }
				}
				if err := json.Unmarshal(raw, &x); err != nil {
					return err.Error()
				}
				return fmt.Sprint(x.Chat, " ", x.Calls[0].Text)
			},
			Arrived: func() (all []doortest.Arrival) {
				for _, m := range w.Sent(marta) {
					all = append(all, doortest.Arrival{Wire: fmt.Sprint(m.Chat, " ", m.Text), Ref: ticketing.Ref(w.place(marta, m.ID))})
				}
				return all
			},
			Asked:       func() int { return w.Calls("sendMessage") },
			Refuse:      func() { w.Block(marta, true) },
			Defer:       spoil(telegramtest.Fault{Kind: telegramtest.Flood, Retry: time.Second}),
			LoseMessage: spoil(telegramtest.Fault{Kind: loseMessage}),
			LoseAnswer:  spoil(telegramtest.Fault{Kind: loseAnswer}),
			Suspend:     spoil(telegramtest.Fault{Kind: telegramtest.Refuse, Code: 401, Text: "Unauthorized"}),
			NoProbe:     true,
		},
	}
}
