package slack_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// ledger keeps in memory what a door stores.
type ledger struct {
	ingest.Acceptor
	mu    sync.Mutex
	rows  map[string][]byte
	order []string
	mark  map[string]ticketing.Cursor
	more  chan struct{}
}

func newLedger() *ledger {
	return &ledger{rows: map[string][]byte{}, mark: map[string]ticketing.Cursor{}, more: make(chan struct{}, 1)}
}

func (l *ledger) Accept(_ context.Context, _ string, _ ticketing.Lease, items []ingest.Raw, c *ticketing.Cursor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range items {
		if l.rows[i.Identity] == nil {
			l.rows[i.Identity] = i.Bytes
			l.order = append(l.order, i.Identity)
		}
	}
	if c != nil {
		l.mark[c.Place] = *c
	}
	select {
	case l.more <- struct{}{}:
	default:
	}
	return nil
}

func (l *ledger) Cursor(_ context.Context, place string) (ticketing.Cursor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.mark[place]
	if !ok {
		return c, ticketing.ErrNotFound
	}
	return c, nil
}

func (l *ledger) Acquire(_ context.Context, name string) (ticketing.Lease, bool, error) {
	return ticketing.Lease{Name: name}, true, nil
}

func (l *ledger) Missing(_ context.Context, identities []string) (none []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range identities {
		if l.rows[id] == nil {
			none = append(none, id)
		}
	}
	return none, nil
}

func (l *ledger) Release(context.Context, ticketing.Lease) error { return nil }

// stored are the rows in the order in which they came.
func (l *ledger) stored() (all [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range l.order {
		all = append(all, l.rows[id])
	}
	return all
}

// heard parses every row; acts of one logical key count once.
func (l *ledger) heard(w *world) (acts map[string]*ticketing.Act, echoes map[string]ticketing.Ref) {
	w.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	acts, echoes = map[string]*ticketing.Act{}, map[string]ticketing.Ref{}
	for _, id := range l.order {
		h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, l.rows[id])
		if err != nil {
			w.t.Fatal(err)
		}
		switch {
		case h.Echo != nil:
			echoes[h.Echo.Outgoing] = h.Echo.Ref
		case h.LogicalKey != "":
			acts[h.LogicalKey] = h.Act
		}
	}
	return acts, echoes
}

// TestCatchUp compares two hours without sockets with the same story told live.
func TestCatchUp(t *testing.T) {
	clock := slacktest.NewManualClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	w := newWorld(t, slacktest.Options{Clock: clock}, func(c *slack.Config) { c.Now = clock.Now })
	l := newLedger()
	anna := w.As(w.anna)
	early := must[ticketing.Ref](t)(w.send(rows("it")["root"]))
	must[string](t)(anna.Reply(w.room, tsOf(early), "prima dell'inizio"))
	clock.Advance(time.Hour)
	if err := w.door.CatchUp(w.ctx, l); err != nil {
		t.Fatal(err)
	}
	if len(l.rows) != 0 || len(l.mark) != 1 {
		t.Fatalf("the first reading stores %d rows; what is older than it is left alone", len(l.rows))
	}
	clock.Advance(time.Minute)
	known := must[string](t)(anna.Reply(w.room, tsOf(early), "appena prima della pausa"))
	if err := w.door.CatchUp(w.ctx, l); err != nil {
		t.Fatal(err)
	}
	if acts, _ := l.heard(w); len(acts) != 1 {
		t.Fatalf("acts %v", acts)
	}
	clock.Advance(2 * time.Hour)
	if err := anna.Edit(w.room, known, "corretto durante la pausa"); err != nil {
		t.Fatal(err)
	}
	o := rows("it")["root"]
	o.ID = newULID()
	late := must[ticketing.Ref](t)(w.send(o))
	for i := range 30 {
		must[string](t)(anna.Reply(w.room, tsOf([]ticketing.Ref{early, late}[i%2]), fmt.Sprintf("risposta %d", i)))
	}
	must[string](t)(anna.Write(w.room, "chiacchiere fuori dai thread"))
	calls := len(w.Log())
	if err := w.Fault(slacktest.Fault{Method: "conversations.replies", Kind: slacktest.ErrorBefore, Skip: 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.door.CatchUp(w.ctx, l); err == nil {
		t.Error("a page is missing and nobody says so")
	}
	before := l.mark[place].Mark
	if err := w.door.CatchUp(w.ctx, l); err != nil {
		t.Fatal(err)
	}
	if l.mark[place].Mark <= before {
		t.Error("the mark did not move")
	}
	if n := len(w.Log()) - calls; n > 10 {
		t.Errorf("%d calls for one page and two threads, twice", n)
	}
	acts, echoes := l.heard(w)
	said, changed := 0, 0
	for _, a := range acts {
		switch a.Verb {
		case ticketing.VerbSay:
			said++
		case ticketing.VerbEdit:
			changed++
			if a.Text != "corretto durante la pausa" || a.Target != ticketing.Ref(place+"/"+known) {
				t.Errorf("edit %+v", a)
			}
		}
	}
	if said != 31 || changed != 1 || echoes[o.ID] != late {
		t.Errorf("%d messages, %d edits, echo %q; want 31, 1 and %q", said, changed, echoes[o.ID], late)
	}
	rowsBefore := len(l.rows)
	if err := w.door.CatchUp(w.ctx, l); err != nil || len(l.rows) != rowsBefore {
		t.Errorf("reading again stores %d new rows, %v", len(l.rows)-rowsBefore, err)
	}
}

// TestReceiveCatchesUp writes while no process receives.
func TestReceiveCatchesUp(t *testing.T) {
	w := newWorld(t, slacktest.Options{EventRetries: []time.Duration{}})
	l := newLedger()
	root := must[ticketing.Ref](t)(w.send(rows("it")["root"]))
	if err := w.door.CatchUp(w.ctx, l); err != nil {
		t.Fatal(err)
	}
	must[string](t)(w.As(w.anna).Reply(w.room, tsOf(root), "nessuno ascolta"))
	ctx, stop := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- w.door.Receive(ctx, l) }()
	for {
		acts, _ := l.heard(w)
		if len(acts) == 1 {
			break
		}
		select {
		case <-l.more:
		case <-w.ctx.Done():
			t.Fatal("the message of the gap did not come")
		}
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
