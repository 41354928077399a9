package telegram_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/telegram"
	"github.com/sportello/sportello/ingest/telegram/telegramtest"
	"github.com/sportello/sportello/ticketing"
)

func say(text string) telegramtest.Say { return telegramtest.Say{From: marta, Text: text} }

// until looks again each time the door polls.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			w.t.Fatalf("waited in vain until %s; the door says %+v", what, w.door.Health())
		}
	}
}

// TestOffsetMovesAfterAccept: what the ledger did not take is not confirmed, whatever else happens on the way.
func TestOffsetMovesAfterAccept(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	for i := range 150 { // more than one answer holds
		w.Say(say(fmt.Sprint("messaggio ", i)))
	}
	l := newLedger()
	l.fail = 3
	w.Fault(telegramtest.Fault{Method: "getUpdates", Kind: telegramtest.LoseAnswer})
	w.Fault(telegramtest.Fault{Method: "getUpdates", Kind: telegramtest.FailAfter})
	w.Fault(telegramtest.Fault{Method: "getUpdates", Kind: telegramtest.Garbage, Skip: 4})
	w.Fault(telegramtest.Fault{Method: "getUpdates", Kind: telegramtest.Flood, Retry: time.Millisecond})
	end := w.receive(l)
	items := l.await(w.ctx, t, 150)
	w.until("everything is confirmed", func() bool { return len(w.Waiting()) == 0 })
	end()
	if len(items) != 150 {
		t.Errorf("%d items, want 150", len(items))
	}
	for i, item := range items {
		if h := w.parse(item.Bytes); h.Visible != fmt.Sprint("messaggio ", i) || item.ServerAt.IsZero() {
			t.Errorf("item %d is %q of %v", i, h.Visible, item.ServerAt)
		}
	}
	if l.fail != 0 {
		t.Error("no commit failed: the test shows nothing")
	}
	if h := w.door.Health(); h.State != "polling" || h.Code != "" {
		t.Errorf("after all that the door says %+v", h)
	}
}

// TestNothingIsConfirmedUnstored: while the ledger takes nothing, Telegram keeps everything, and a new process gets it.
func TestNothingIsConfirmedUnstored(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	w.Say(say("uno"))
	l := newLedger()
	l.fail = 1 << 30
	end := w.receive(l)
	w.until("the door fails", func() bool {
		return w.door.Health() == (telegram.Status{State: "failing", Code: "store", Since: w.door.Health().Since}) && w.Polls() > 3
	})
	end()
	if ids := w.Waiting(); len(ids) != 1 {
		t.Fatalf("waiting %v", ids)
	}
	l = newLedger()
	l.blocked = make(chan struct{}) // intake is paused: not even asked for
	polls := w.Polls()
	w.receive(l)
	w.until("the door holds", func() bool { return w.door.Health().State == "holding" || w.door.Health().State == "failing" })
	if w.Polls() != polls {
		t.Error("the door polls although nothing may be taken in")
	}
	close(l.blocked)
	l.await(w.ctx, t, 1)
}

// TestSameUpdateTwice: an update that was stored and not confirmed comes again and is the same item; another with its number is not.
func TestSameUpdateTwice(t *testing.T) {
	w := newWorld(t, telegramtest.Options{FirstUpdate: 500})
	w.Say(say("uno"))
	w.Fault(telegramtest.Fault{Method: "getUpdates", Kind: telegramtest.LoseRequest, Skip: 1, Times: 3}) // the confirmation
	l := newLedger()
	end := w.receive(l)
	l.await(w.ctx, t, 1)
	end()
	w.receive(l)
	w.until("it is confirmed", func() bool { return len(w.Waiting()) == 0 })
	// After a week of silence Telegram may count from anywhere, also from below.
	w.Renumber(7)
	w.Say(say("due"))
	w.Renumber(500)
	w.Say(say("tre"))
	items := l.await(w.ctx, t, 3)
	w.until("all is confirmed", func() bool { return len(w.Waiting()) == 0 })
	var texts []string
	for _, item := range items {
		texts = append(texts, w.parse(item.Bytes).Visible)
	}
	slices.Sort(texts)
	if got := strings.Join(texts, " "); got != "due tre uno" {
		t.Errorf("heard %q", got)
	}
}

// logs keeps a log for tests.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestTwoPollers: another program with the same token is told of, once, and nothing is lost between the two.
func TestTwoPollers(t *testing.T) {
	var log logs
	w := newWorld(t, telegramtest.Options{}, func(c *telegram.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	l := newLedger()
	w.receive(l)
	w.until("the door polls", func() bool { return w.Polls() > 0 })
	other, err := telegram.NewAPI(w.URL, ticketing.NewSecret(telegramtest.Token))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for range 3 {
		polls := w.Polls()
		_, _ = other.Updates(w.ctx, 0, 0, nil)
		w.until("the door polls again", func() bool { return w.Polls() >= polls+2 })
	}
	w.Say(say("uno"))
	l.await(w.ctx, t, 1)
	w.until("all is well", func() bool { return w.door.Health().State == "polling" })
	if text := log.String(); !strings.Contains(text, "code=conflict") || strings.Contains(text, "AAtest") {
		t.Errorf("the log says\n%s", text)
	}
}

// TestNeedsAttention: what only a person can mend is an error in the log, tried again seldom, and ends by itself.
func TestNeedsAttention(t *testing.T) {
	for code, spoil := range map[string]func(w *world){
		"webhook": func(w *world) { w.Webhook("https://other.example") },
		"unauthorized": func(w *world) {
			w.Fault(telegramtest.Fault{Method: "getUpdates", Kind: telegramtest.Refuse, Code: 401, Text: "Unauthorized", Times: -1})
		},
	} {
		t.Run(code, func(t *testing.T) {
			var log logs
			w := newWorld(t, telegramtest.Options{}, func(c *telegram.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			spoil(w)
			w.receive(newLedger())
			w.until("the door fails", func() bool { h := w.door.Health(); return h.State == "failing" && h.Code == code })
			if text := log.String(); strings.Count(text, "level=ERROR") != 1 || strings.Contains(text, "AAtest") {
				t.Errorf("the log says\n%s", text)
			}
			if n := w.Polls(); n > 1 {
				t.Errorf("it was tried %d times", n)
			}
		})
	}
}

// TestLeaseLost: another process polls now; this one stops and comes back when it may.
func TestLeaseLost(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	l := newLedger()
	w.receive(l)
	w.until("the door polls", func() bool { return w.Polls() > 0 })
	l.mu.Lock()
	l.fence = 2
	l.mu.Unlock()
	w.Say(say("uno"))
	l.await(w.ctx, t, 1) // by the second lease: under the first one nothing was stored
	w.until("it is confirmed", func() bool { return len(w.Waiting()) == 0 })
	// It stops at once, not only when there is something to store.
	l.mu.Lock()
	l.taken = true
	l.mu.Unlock()
	w.until("the door waits", func() bool { return w.door.Health().State == "waiting" })
	l.mu.Lock()
	l.taken = false
	l.mu.Unlock()
	w.Say(say("due"))
	l.await(w.ctx, t, 2)
}

// TestPressIsAnswered: the sign on a button stops turning once the press is stored, and a press that cannot be answered harms nothing.
func TestPressIsAnswered(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	ref, err := w.send(w.row(ticketing.LetterOffer, ticketing.Facts{YesToken: strings.Repeat("Y", 52), NoToken: strings.Repeat("N", 52)}))
	if err != nil {
		t.Fatal(err)
	}
	m := w.Sent(marta)[0]
	if ref != ticketing.Ref(w.place(marta, m.ID)) || len(m.Buttons) != 2 || len(m.Buttons[0][0].Data) > telegramtest.MaxCallbackData {
		t.Fatalf("the offer %s is %+v", ref, m)
	}
	l := newLedger()
	w.receive(l)
	w.Fault(telegramtest.Fault{Method: "answerCallbackQuery", Kind: telegramtest.FailBefore})
	first := w.Press(marta, marta, m.ID, m.Buttons[0][0].Data)
	second := w.Press(marta, marta, m.ID, m.Buttons[1][0].Data)
	items := l.await(w.ctx, t, 2)
	w.until("one is answered", func() bool { return w.Answered(first) || w.Answered(second) })
	for i, letter := range []string{"Y", "N"} {
		h := w.parse(items[i].Bytes)
		if h.Press != strings.Repeat(letter, 52) || h.From.Key != "telegram:501" || h.Auto.Allowed || h.Ref != "" {
			t.Errorf("the press is heard as %+v", h)
		}
	}
}

// TestAsksForWhatItUnderstands: nothing is sent that nobody would read.
func TestAsksForWhatItUnderstands(t *testing.T) {
	w := newWorld(t, telegramtest.Options{})
	w.receive(newLedger())
	w.until("the door polls", func() bool { return w.Polls() > 0 })
	w.Block(marta, true)
	w.Push("poll", json.RawMessage(`{"id":"1"}`))
	if ids := w.Waiting(); len(ids) != 0 {
		t.Errorf("updates of other kinds wait: %v", ids)
	}
}
