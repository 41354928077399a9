package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sportello/sportello/bot"
	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is a door whose items are lines of "field: value" and then a text. Its texts say how reading them goes wrong.
type lines struct {
	name, group string
	end         chan struct{} // closed at the test's end: readings that hang end then
	// broken makes every text read without fault or with it.
	broken atomic.Bool
	heard  func(in ticketing.Inbound) // called at the start of a reading
	mu     sync.Mutex
	read   map[string]int // readings by identity
}

// reads is how often an item was read.
func (d *lines) reads(identity string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.read[identity]
}

func (d *lines) Name() string { return d.name }

func (d *lines) Receive(ctx context.Context, _ ingest.Acceptor) error {
	<-ctx.Done()
	return nil
}

func (d *lines) Parse(ctx context.Context, in ticketing.Inbound, raw []byte) (ticketing.Heard, error) {
	d.mu.Lock()
	d.read[in.Identity]++
	d.mu.Unlock()
	if d.heard != nil {
		d.heard(in)
	}
	h := ticketing.Heard{Queue: "assistenza", Group: d.group, Kind: ticketing.KindNormal, Auth: ticketing.AuthPass, Identity: true, Public: true, Language: "it",
		Ref: ticketing.Ref("mail:<" + in.Identity + ">"), Auto: ticketing.AutoAnswer{Allowed: true}}
	head, text, _ := strings.Cut(string(raw), "\n\n")
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "from":
			h.From = ticketing.Party{Key: "mail:" + value, Address: value}
		case "id":
			h.Ref = ticketing.Ref("mail:<" + value + ">")
		case "answers":
			ref := ticketing.Ref("mail:<" + value + ">")
			h.Refs, h.Claims = append(h.Refs, ref), append(h.Claims, ticketing.Claim{Rule: ticketing.ClaimKnownID, Ref: ref})
		case "place":
			h.Place, h.Claims = value, append(h.Claims, ticketing.Claim{Rule: ticketing.ClaimPlace, Key: value, Valid: true})
		case "key":
			h.LogicalKey = value
		}
	}
	h.Text, h.Visible = text, text
	if !d.broken.Load() {
		return h, nil
	}
	switch text {
	case "panic":
		panic("the reader fell over")
	case "hang":
		<-d.end
	case "away":
		return h, errors.New("the chat's server is away")
	case "waits":
		<-ctx.Done()
		return h, ctx.Err()
	case "wrong":
		return h, &ticketing.Error{Code: "door.wrong", Permanent: true}
	}
	return h, nil
}

// decider is the bot, which falls over some texts.
type decider struct {
	*bot.Bot
	door   *lines
	decide func(c *ticketing.Case)
}

func (d *decider) Look(ctx context.Context, h *ticketing.Heard) (ticketing.Findings, error) {
	if d.door.broken.Load() && h.Visible == "search panic" {
		panic("the index fell over")
	}
	return d.Bot.Look(ctx, h)
}

func (d *decider) Decide(c *ticketing.Case) ticketing.Decision {
	if d.decide != nil {
		d.decide(c)
	}
	if d.door.broken.Load() {
		switch c.Heard.Visible {
		case "decide panic":
			panic("the bot fell over")
		case "decide nonsense":
			return ticketing.Decision{Do: "dance"}
		}
	}
	return d.Bot.Decide(c)
}

// shelf is a files store that can be made to fail.
type shelf struct {
	ticketing.Files
	full atomic.Bool
}

func (s *shelf) Put(ctx context.Context, r io.Reader) (string, int64, error) {
	if s.full.Load() {
		return "", 0, ticketing.ErrFull
	}
	return s.Files.Put(ctx, r)
}

type world struct {
	t      *testing.T
	db     *store.DB
	files  *shelf
	ledger *ingest.Ledger
	door   *lines
	decide *decider

	mu  sync.Mutex
	now time.Time
	n   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC), files: &shelf{Files: storetest.Files(t)}}
	w.db = storetest.Open(t, func(c *store.Config) { c.Clock = w.clock })
	w.door = &lines{name: "mail:assistenza", group: "assistenza", end: make(chan struct{}), read: map[string]int{}}
	w.door.broken.Store(true)
	t.Cleanup(func() { close(w.door.end) })
	queues := map[string]*ticketing.Queue{"assistenza": {Name: "assistenza", MailDoor: w.door.name, Language: "it", Ack: "everyone", ReopenWindow: time.Hour}}
	w.decide = &decider{Bot: &bot.Bot{Queues: queues}, door: w.door}
	w.ledger = w.process("one")
	return w
}

// process is one more process on the same database.
func (w *world) process(owner string) *ingest.Ledger {
	limits := ingest.DefaultLimits()
	limits.Parse = 50 * time.Millisecond
	return &ingest.Ledger{Store: w.db, Files: w.files, Desk: &ticketing.Desk{Queues: w.decide.Queues, OwnAddress: func(string) bool { return false }}, Decide: w.decide,
		Doors: map[string]ingest.Door{w.door.name: w.door}, Limits: limits, Owner: owner, Log: slog.New(slog.DiscardHandler)}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
}

func item(uid int, format string, args ...any) ingest.Raw {
	return ingest.Raw{Identity: fmt.Sprintf("mail:assistenza/1/%d", uid), Bytes: fmt.Appendf(nil, format, args...)}
}

// accept takes texts in, each of a sender of its own unless it names one, and returns their identities.
func (w *world) accept(texts ...string) (ids []string) {
	w.t.Helper()
	var items []ingest.Raw
	for _, text := range texts {
		w.n++
		if !strings.Contains(text, "from: ") {
			text = fmt.Sprintf("from: c%d@cliente%d.example\n\n%s", w.n, w.n, text)
		}
		items = append(items, item(w.n, "%s", text))
		ids = append(ids, items[len(items)-1].Identity)
	}
	if err := w.ledger.Accept(w.t.Context(), w.door.name, ticketing.Lease{}, items, nil); err != nil {
		w.t.Fatal(err)
	}
	return ids
}

func (w *world) step(l *ingest.Ledger) int {
	w.t.Helper()
	n, err := l.Step(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// drain works until nothing is due.
func (w *world) drain() {
	w.t.Helper()
	for w.step(w.ledger) > 0 {
	}
}

func (w *world) row(identity string) (in ticketing.Inbound) {
	w.t.Helper()
	err := w.db.View(w.t.Context(), func(tx ticketing.Tx) (err error) {
		in, err = tx.InboundByIdentity(w.t.Context(), identity)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return in
}

// ends checks where a row ended.
func (w *world) ends(identity string, outcome ticketing.Outcome, cause ticketing.Cause) ticketing.Inbound {
	w.t.Helper()
	in := w.row(identity)
	if in.State != ticketing.InboundDone || in.Outcome != outcome || in.Cause != cause {
		w.t.Errorf("%s: %s %s %s (%s, attempts %d, failures %d), want %s %s", identity, in.State, in.Outcome, in.Cause, in.Reason, in.Attempts, in.Failures, outcome, cause)
	}
	return in
}

// dies takes rows as a process that is killed before it finishes any, and lets its lease end.
func (w *world) dies(limit int) (taken []string) {
	w.t.Helper()
	taken = w.grabbed(limit)
	w.pass(31 * time.Second)
	return taken
}

// grabbed takes rows for a process that will never finish them.
func (w *world) grabbed(limit int) (taken []string) {
	w.t.Helper()
	err := w.db.Update(w.t.Context(), func(tx ticketing.Tx) error {
		rows, err := tx.TakeInbound(w.t.Context(), "killed", 30*time.Second, limit)
		for _, in := range rows {
			taken = append(taken, in.Identity)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return taken
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
