package ingest_test

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// TestPoison: an item that fails at each of its three attempts ends in quarantine with the reason; the others of its batch are done at the
// first.
func TestPoison(t *testing.T) {
	for text, code := range map[string]string{"panic": "ledger.panic", "hang": "ledger.slow", "search panic": "ledger.panic", "decide panic": "ledger.panic", "decide nonsense": "ledger.failed",
		"wrong": "ledger.failed"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			good := w.accept("uno", "due")
			bad := w.accept(text)[0]
			more := w.accept("tre")
			equal(t, "taken", w.step(w.ledger), 4)
			for _, id := range append(good, more...) {
				w.ends(id, ticketing.OutcomeTicket, "")
			}
			for attempt, pause := range []time.Duration{5 * time.Second, time.Minute} {
				in := w.row(bad)
				if in.State != ticketing.InboundAccepted || in.Failures != attempt+1 || in.Reason != code {
					t.Errorf("after attempt %d: %s, %d failures, %s", attempt+1, in.State, in.Failures, in.Reason)
				}
				w.pass(pause - time.Second)
				equal(t, "before its time", w.step(w.ledger), 0)
				w.pass(time.Second)
				equal(t, "at its time", w.step(w.ledger), 1)
			}
			in := w.ends(bad, ticketing.OutcomeQuarantine, ticketing.CauseCrash)
			if in.Reason != code || in.Detail == "" || w.door.reads(bad) != 3 {
				t.Errorf("reason %q, detail %q, read %d times", in.Reason, in.Detail, w.door.reads(bad))
			}
			// Put right, it can be released and is read like any other.
			w.door.broken.Store(false)
			w.judge(bad, ticketing.VerdictTicket)
			w.drain()
			w.ends(bad, ticketing.OutcomeTicket, "")
		})
	}
}

// TestNobodysFault: while a disk is full, a chat's server away, or a door missing from the settings, items are tried again without end and
// none is quarantined.
func TestNobodysFault(t *testing.T) {
	for _, text := range []string{"away", "waits", "disk", "door"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.accept(text)[0]
			for range 10 {
				switch text {
				case "disk":
					w.ledger.Files = failing{w.files}
				case "door":
					delete(w.ledger.Doors, w.door.name)
				}
				equal(t, "taken", w.step(w.ledger), 1)
				w.pass(time.Minute)
			}
			in := w.row(id)
			if in.State != ticketing.InboundAccepted || in.Failures != 0 {
				t.Errorf("%s with %d failures after %d attempts", in.State, in.Failures, in.Attempts)
			}
			w.door.broken.Store(false)
			w.ledger.Files, w.ledger.Doors[w.door.name] = w.files, w.door
			w.drain()
			w.ends(id, ticketing.OutcomeTicket, "")
		})
	}
	t.Run("not for ever", func(t *testing.T) {
		w := newWorld(t)
		w.ledger.Limits.Attempts = 5
		id := w.accept("away")[0]
		for range 5 {
			w.drain()
			w.pass(time.Minute)
		}
		w.ends(id, ticketing.OutcomeQuarantine, ticketing.CauseCrash)
	})
}

// TestKilled: decision 5. Processes that die with a batch in hand quarantine none of it; one that dies over the same item alone three times
// does, without reading it again, and the others are done meanwhile.
func TestKilled(t *testing.T) {
	w := newWorld(t)
	var texts []string
	for i := range 10 {
		texts = append(texts, fmt.Sprintf("domanda %d", i))
	}
	ids := w.accept(texts...)
	equal(t, "in hand", len(w.dies(100)), 10)
	poison := ids[3]
	deaths := 0
	for range 40 {
		next := w.due()
		if next == "" {
			break
		}
		if next == poison && deaths < 3 {
			taken := w.dies(100)
			equal(t, "alone", len(taken), 1)
			deaths++
			continue
		}
		equal(t, "alone", w.step(w.ledger), 1)
	}
	for _, id := range ids {
		if id == poison {
			in := w.ends(id, ticketing.OutcomeQuarantine, ticketing.CauseCrash)
			equal(t, "reason", in.Reason, "ledger.attempts")
			equal(t, "read", w.door.reads(id), 0)
			continue
		}
		w.ends(id, ticketing.OutcomeTicket, "")
	}
	equal(t, "deaths", deaths, 3)
}

// due is the identity of the row that would be taken next.
func (w *world) due() (identity string) {
	w.t.Helper()
	undo := fmt.Errorf("undo")
	_ = w.db.Update(w.t.Context(), func(tx ticketing.Tx) error {
		rows, err := tx.TakeInbound(w.t.Context(), "looks", time.Second, 1)
		if err == nil && len(rows) > 0 {
			identity = rows[0].Identity
		}
		return undo
	})
	return identity
}

// TestKilledInBatches: killing at random while everything is in batches never quarantines a good mail, however often.
func TestKilledInBatches(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		ids := w.accept("uno", "due", "tre", "quattro", "cinque")
		w.dies(100)
		w.drain()
		for _, id := range ids {
			w.ends(id, ticketing.OutcomeTicket, "")
		}
	}
}

// TestVerdictSurvives: what a person said about a row holds through failures and deaths until it is carried out.
func TestVerdictSurvives(t *testing.T) {
	w := newWorld(t)
	raw := item(1, "from: a@x.example\n\npanic")
	raw.Note = ticketing.CauseTooLarge
	w.door.broken.Store(false)
	if err := w.ledger.Accept(t.Context(), w.door.name, ticketing.Lease{}, []ingest.Raw{raw}, nil); err != nil {
		t.Fatal(err)
	}
	w.drain()
	w.ends(raw.Identity, ticketing.OutcomeQuarantine, ticketing.CauseTooLarge)
	w.judge(raw.Identity, ticketing.VerdictTicket)
	w.dies(1)
	w.door.broken.Store(true)
	w.drain()
	equal(t, "failed", w.row(raw.Identity).State, ticketing.InboundAccepted)
	w.door.broken.Store(false)
	w.pass(2 * time.Minute)
	w.drain()
	w.ends(raw.Identity, ticketing.OutcomeTicket, "")
}

// TestOrder: a reply in the batch of what it answers joins it, whoever else is in the batch, and thirty of one person stay in order.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	var texts []string
	const conversations, replies = 8, 6
	for c := range conversations {
		texts = append(texts, fmt.Sprintf("from: c%d@cliente%d.example\nid: %d.0@x\n\nprima", c, c, c))
	}
	for r := 1; r <= replies; r++ {
		for c := range conversations {
			texts = append(texts, fmt.Sprintf("from: c%d@cliente%d.example\nid: %d.%d@x\nanswers: %d.%d@x\n\nmessaggio %d", c, c, c, r, c, r-1, r))
		}
	}
	ids := w.accept(texts...)
	equal(t, "one batch", w.step(w.ledger), len(texts))
	for c := range conversations {
		first := w.ends(ids[c], ticketing.OutcomeTicket, "")
		for r := 1; r <= replies; r++ {
			equal(t, "joined", w.ends(ids[r*conversations+c], ticketing.OutcomeReply, "").Ticket, first.Ticket)
		}
		var msgs []ticketing.Message
		if err := w.db.View(t.Context(), func(tx ticketing.Tx) (err error) {
			msgs, err = tx.Messages(t.Context(), first.Thread, 0)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for r, m := range msgs[1:] {
			equal(t, "order", m.Visible, fmt.Sprintf("messaggio %d", r+1))
		}
	}
}

// TestEarlier: a reply waits while another process still has what came before, and that is no failure; it does not wait for ever, nor for
// what has failed.
func TestEarlier(t *testing.T) {
	const first, reply = "from: a@x.example\nid: 1@x\n\nprima", "from: a@x.example\nid: 2@x\nanswers: 1@x\n\ndopo"
	take := func(w *world, owner string) (rows []ticketing.Inbound) {
		t.Helper()
		if err := w.db.Update(t.Context(), func(tx ticketing.Tx) (err error) {
			rows, err = tx.TakeInbound(t.Context(), owner, time.Hour, 1)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	w := newWorld(t)
	ids := w.accept(first, reply)
	held := take(w, "slow")
	for range 5 {
		equal(t, "taken", w.step(w.ledger), 1)
		in := w.row(ids[1])
		if in.State != ticketing.InboundAccepted || in.Failures != 0 {
			t.Fatalf("the reply is %s with %d failures", in.State, in.Failures)
		}
		w.pass(300 * time.Millisecond)
	}
	// The other process puts it back; the first is done, then the reply.
	if err := w.db.Update(t.Context(), func(tx ticketing.Tx) error { return tx.RetryInbound(t.Context(), &held[0], w.clock()) }); err != nil {
		t.Fatal(err)
	}
	w.drain()
	w.pass(time.Second)
	w.drain()
	equal(t, "joined", w.ends(ids[1], ticketing.OutcomeReply, "").Ticket, w.ends(ids[0], ticketing.OutcomeTicket, "").Ticket)

	// One whose lease never ends delays it by five minutes at most.
	w = newWorld(t)
	ids = w.accept(first, reply)
	take(w, "gone")
	w.step(w.ledger)
	w.pass(5*time.Minute + time.Second)
	w.step(w.ledger)
	w.ends(ids[1], ticketing.OutcomeTicket, "")

	// What has failed holds nobody up.
	w = newWorld(t)
	ids = w.accept("from: a@x.example\nid: 1@x\n\npanic", reply)
	equal(t, "taken", w.step(w.ledger), 2)
	w.ends(ids[1], ticketing.OutcomeTicket, "")
}

// TestEarlierInAConversation: where nothing says what a message answers, it waits for what was said before it in another process's hands.
// Otherwise two lines written one after the other would open two tickets.
func TestEarlierInAConversation(t *testing.T) {
	w := newWorld(t)
	ids := w.accept("from: a@x.example\nid: 1@x\nplace: chat:7/1\n\nprima", "from: a@x.example\nid: 2@x\nplace: chat:7/1\n\ndopo")
	var held []ticketing.Inbound
	if err := w.db.Update(t.Context(), func(tx ticketing.Tx) (err error) {
		held, err = tx.TakeInbound(t.Context(), "slow", time.Hour, 1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	equal(t, "taken", w.step(w.ledger), 1)
	if in := w.row(ids[1]); in.State != ticketing.InboundAccepted || in.Failures != 0 {
		t.Fatalf("the second line is %s with %d failures", in.State, in.Failures)
	}
	if err := w.db.Update(t.Context(), func(tx ticketing.Tx) error { return tx.RetryInbound(t.Context(), &held[0], w.clock()) }); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	w.drain()
	w.pass(time.Second)
	w.drain()
	equal(t, "joined", w.ends(ids[1], ticketing.OutcomeReply, "").Ticket, w.ends(ids[0], ticketing.OutcomeTicket, "").Ticket)
}

// TestTakenOver: a worker that slept through its lease changes nothing.
func TestTakenOver(t *testing.T) {
	w := newWorld(t)
	id := w.accept("uno")[0]
	late := w.process("late")
	w.decide.decide = func(*ticketing.Case) {
		w.decide.decide = nil
		w.pass(time.Minute)
	}
	// The clock passes while it decides; another process takes the row before its commit is written down.
	equal(t, "taken", w.step(late), 1)
	w.drain()
	in := w.ends(id, ticketing.OutcomeTicket, "")
	var n int
	if err := w.db.View(t.Context(), func(tx ticketing.Tx) error {
		list, err := tx.ListTickets(t.Context(), ticketing.TicketFilter{})
		n = len(list)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	equal(t, "tickets", n, 1)
	equal(t, "numbered", in.Ticket, int64(1))
}

// TestRun: the loop works off what is there, rows that were tried before run while nothing else does, and it ends with its context.
func TestRun(t *testing.T) {
	w := newWorld(t)
	w.ledger.Limits.Batch, w.ledger.Limits.Poll = 5, 5*time.Millisecond
	tried := w.accept("tentata", "tentata anche questa")
	w.grabbed(100)
	w.pass(time.Second)
	before := w.accept("uno", "due", "tre", "quattro", "cinque")
	w.pass(time.Minute)
	after := w.accept("sei", "sette", "otto")
	all := append(append(append([]string{}, before...), tried...), after...)
	retried := map[string]bool{}
	for _, id := range tried {
		retried[id] = true
	}
	var alone, deciding atomic.Bool
	var overlaps atomic.Int64
	started := make(chan struct{}, 100)
	w.decide.decide = func(c *ticketing.Case) { alone.Store(retried[c.In.Identity]) }
	// A batch is in the decider's hands until its Committed returns: it lasts until the loop begins with something else, or a while.
	w.ledger.Committed = func() {
		deciding.Store(true)
		defer deciding.Store(false)
		limit := time.NewTimer(300 * time.Millisecond)
		defer limit.Stop()
		select {
		case <-started:
			if alone.Load() {
				overlaps.Add(1)
			}
		case <-limit.C:
		}
	}
	w.door.heard = func(in ticketing.Inbound) {
		switch {
		case !deciding.Load():
		case retried[in.Identity]:
			overlaps.Add(1)
		default:
			started <- struct{}{}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.ledger.Run(ctx) }()
	wait(t, "the work", func() bool { return w.ledger.Decided() == int64(len(all)) })
	w.accept("ancora")
	wait(t, "waking", func() bool { return w.ledger.Decided() == int64(len(all)+1) })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	equal(t, "attempts beside others", overlaps.Load(), 0)
	for _, id := range all {
		w.ends(id, ticketing.OutcomeTicket, "")
	}
}

// failing is a files store that cannot be read.
type failing struct{ ticketing.Files }

func (failing) Open(context.Context, string) (io.ReadCloser, error) {
	return nil, fmt.Errorf("input/output error")
}
