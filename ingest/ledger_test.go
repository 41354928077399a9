package ingest_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// TestAcceptTwice: the same items come again after every doubt; they are one row each, and the cursor moves with them.
func TestAcceptTwice(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	lease, ok, err := w.ledger.Acquire(ctx, "mail:assistenza/INBOX")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	items := []ingest.Raw{item(1, "from: a@x.example\n\nuno"), item(2, "from: b@x.example\n\ndue")}
	for range 2 {
		if err := w.ledger.Accept(ctx, w.door.name, lease, items, &ticketing.Cursor{Place: "INBOX", Validity: 1, Position: 2}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.ledger.Accept(ctx, w.door.name, lease, append(items, items[1]), nil); err != nil {
		t.Fatal(err)
	}
	c, err := w.ledger.Cursor(ctx, "INBOX")
	equal(t, "cursor", err == nil && c.Position == 2, true)
	missing, err := w.ledger.Missing(ctx, []string{items[0].Identity, "mail:assistenza/1/3", items[1].Identity})
	equal(t, "missing", err == nil && len(missing) == 1 && missing[0] == "mail:assistenza/1/3", true)
	equal(t, "rows", w.step(w.ledger), 2)
	equal(t, "rows again", w.step(w.ledger), 0)
}

// TestFence: a reader that lost its place commits nothing, neither rows nor cursor, and that is no trouble of the store.
func TestFence(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	old, _, err := w.ledger.Acquire(ctx, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	other := w.process("two")
	if _, ok, err := other.Acquire(ctx, "INBOX"); ok || err != nil {
		t.Fatalf("two readers of one place: %v %v", ok, err)
	}
	w.pass(time.Minute)
	if _, ok, err := other.Acquire(ctx, "INBOX"); !ok || err != nil {
		t.Fatalf("a free place was not given: %v %v", ok, err)
	}
	raw := item(1, "from: a@x.example\n\nuno")
	err = w.ledger.Accept(ctx, w.door.name, old, []ingest.Raw{raw}, &ticketing.Cursor{Place: "INBOX", Position: 1})
	if !errors.Is(err, ticketing.ErrFenced) {
		t.Fatalf("accepted with an old lease: %v", err)
	}
	equal(t, "intake", w.ledger.Paused(), "")
	if _, err := w.ledger.Cursor(ctx, "INBOX"); !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("the cursor moved without its rows: %v", err)
	}
	missing, err := w.ledger.Missing(ctx, []string{raw.Identity})
	equal(t, "missing", err == nil && len(missing) == 1, true)
}

// TestBytesFirst: what cannot be stored has no row; what has a row can be read.
func TestBytesFirst(t *testing.T) {
	w := newWorld(t)
	raw := item(1, "from: a@x.example\n\nuno")
	w.files.full.Store(true)
	if err := w.ledger.Accept(t.Context(), w.door.name, ticketing.Lease{}, []ingest.Raw{raw}, nil); !errors.Is(err, ticketing.ErrFull) {
		t.Fatalf("accepted without a place to put it: %v", err)
	}
	missing, _ := w.ledger.Missing(t.Context(), []string{raw.Identity})
	equal(t, "missing", len(missing), 1)
	equal(t, "intake", w.ledger.Paused(), "store")
	w.files.full.Store(false)
	id := w.accept("uno")[0]
	in := w.row(id)
	got, err := w.ledger.Raw(t.Context(), &in)
	equal(t, "raw", err == nil && len(got) == int(in.RawSize), true)
}

// ready reports through a channel when intake goes on.
func ready(ctx context.Context, l *ingest.Ledger) <-chan error {
	done := make(chan error, 1)
	go func() { done <- l.Ready(ctx) }()
	return done
}

// wait lets at most a generous time pass until something has happened.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("%s did not happen", what)
		case <-look.C:
		}
	}
}

// TestBackPressure: each reason stops the intake with its name, and it goes on by itself when the reason is gone.
func TestBackPressure(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 40)
	for name, row := range map[string]struct{ stop, start func(w *world) }{
		"backlog": {func(w *world) { w.ledger.Limits.MaxWaiting = 1; w.accept("uno", "due") }, func(w *world) { w.drain() }},
		"disk":    {func(*world) { free.Store(1 << 20) }, func(*world) { free.Store(1 << 40) }},
		"store": {func(w *world) {
			w.files.full.Store(true)
			if err := w.ledger.Accept(w.t.Context(), w.door.name, ticketing.Lease{}, []ingest.Raw{item(9, "x")}, nil); err == nil {
				w.t.Error("stored on a full disk")
			}
		}, func(w *world) { w.files.full.Store(false) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ledger.Free = func() (uint64, uint64, error) { return free.Load(), 1 << 40, nil }
			if err := w.ledger.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			row.stop(w)
			done := ready(t.Context(), w.ledger)
			wait(t, "the pause", func() bool { return w.ledger.Paused() == name })
			select {
			case err := <-done:
				t.Fatalf("intake went on: %v", err)
			default:
			}
			row.start(w)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			equal(t, "paused", w.ledger.Paused(), "")
		})
	}
	t.Run("the share of a large disk", func(t *testing.T) {
		w := newWorld(t)
		w.ledger.Free = func() (uint64, uint64, error) { return 4 << 30, 100 << 30, nil }
		ctx, cancel := context.WithCancel(t.Context())
		done := ready(ctx, w.ledger)
		wait(t, "the pause", func() bool { return w.ledger.Paused() == "disk" })
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the end of a waiting reader: %v", err)
		}
	})
}

// TestQuiet: mail from before the mailbox's start becomes a ticket and is not answered automatically.
func TestQuiet(t *testing.T) {
	w := newWorld(t)
	raw := item(1, "from: a@x.example\n\nvecchia domanda")
	raw.Quiet = true
	if err := w.ledger.Accept(t.Context(), w.door.name, ticketing.Lease{}, []ingest.Raw{raw, item(2, "from: b@y.example\n\nnuova domanda")}, nil); err != nil {
		t.Fatal(err)
	}
	w.drain()
	quiet := w.ends(raw.Identity, ticketing.OutcomeTicket, "")
	w.ends("mail:assistenza/1/2", ticketing.OutcomeTicket, "")
	var rows []ticketing.Outgoing
	if err := w.db.View(t.Context(), func(tx ticketing.Tx) (err error) {
		rows, err = tx.ListOutgoing(t.Context(), ticketing.OutgoingFilter{})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || rows[0].Thread == quiet.Thread {
		t.Errorf("letters: %+v", rows)
	}
}

// TestNotes: what the door could not fetch whole ends in quarantine with its cause, also where nothing can be read of it.
func TestNotes(t *testing.T) {
	w := newWorld(t)
	large, gone := item(1, "from: a@x.example\n\ninizio"), item(2, "panic")
	large.Note, large.Detail = ticketing.CauseTooLarge, "52428800 bytes"
	gone.Note, gone.Detail = ticketing.CauseFetch, "NO [SERVERBUG]"
	if err := w.ledger.Accept(t.Context(), w.door.name, ticketing.Lease{}, []ingest.Raw{large, gone}, nil); err != nil {
		t.Fatal(err)
	}
	w.drain()
	equal(t, "detail", w.ends(large.Identity, ticketing.OutcomeQuarantine, ticketing.CauseTooLarge).Detail, large.Detail)
	equal(t, "detail", w.ends(gone.Identity, ticketing.OutcomeQuarantine, ticketing.CauseFetch).Detail, gone.Detail)
	// Released, the excerpt opens a ticket; of what was never fetched nobody knows the sender.
	w.judge(large.Identity, ticketing.VerdictTicket)
	w.judge(gone.Identity, ticketing.VerdictTicket)
	w.drain()
	w.ends(large.Identity, ticketing.OutcomeTicket, "")
	w.ends(gone.Identity, ticketing.OutcomeQuarantine, ticketing.CauseBadSender)
}

// refetching is a door whose server still has the whole item.
type refetching struct {
	*lines
	whole string
}

func (d refetching) Refetch(_ context.Context, _ string, limit int64) (ingest.Raw, error) {
	return ingest.Raw{Bytes: []byte(d.whole)}, nil
}

// TestFetchedAgain: what is kept only in part is fetched whole when a person asks for it.
func TestFetchedAgain(t *testing.T) {
	w := newWorld(t)
	w.ledger.Doors[w.door.name] = refetching{w.door, "from: a@x.example\n\ntutto"}
	large, gone := item(1, "from: a@x.example\n\nini"), item(2, "panic")
	large.Note, gone.Note = ticketing.CauseTooLarge, ticketing.CauseFetch
	if err := w.ledger.Accept(t.Context(), w.door.name, ticketing.Lease{}, []ingest.Raw{large, gone}, nil); err != nil {
		t.Fatal(err)
	}
	w.drain()
	w.ends(large.Identity, ticketing.OutcomeQuarantine, ticketing.CauseTooLarge)
	w.ends(gone.Identity, ticketing.OutcomeQuarantine, ticketing.CauseFetch)
	w.judge(gone.Identity, ticketing.VerdictTicket)
	err := w.db.Update(t.Context(), func(tx ticketing.Tx) error {
		in, err := tx.InboundByIdentity(t.Context(), large.Identity)
		if err != nil {
			return err
		}
		in.State, in.Outcome, in.Cause, in.Reason, in.Attempts, in.NextAt = ticketing.InboundAccepted, "", "", ticketing.ReasonAgain, 0, tx.Now()
		return tx.ReviseInbound(t.Context(), &in)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.drain()
	for _, identity := range []string{large.Identity, gone.Identity} {
		in := w.ends(identity, ticketing.OutcomeTicket, "")
		err := w.db.View(t.Context(), func(tx ticketing.Tx) error {
			m, err := tx.Message(t.Context(), in.Message)
			equal(t, "text of "+identity, m.Visible, "tutto")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) judge(identity, verdict string) {
	w.t.Helper()
	err := w.db.Update(w.t.Context(), func(tx ticketing.Tx) error {
		in, err := tx.InboundByIdentity(w.t.Context(), identity)
		if err != nil {
			return err
		}
		return w.ledger.Desk.Judge(w.t.Context(), tx, &in, verdict, "operator")
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestDuplicates: one mail in two mailboxes of a group is one ticket; in another group it is another's business.
func TestDuplicates(t *testing.T) {
	w := newWorld(t)
	second := &lines{name: "mail:info", group: "assistenza", end: w.door.end, read: map[string]int{}}
	foreign := &lines{name: "mail:vendite", group: "vendite", end: w.door.end, read: map[string]int{}}
	w.ledger.Doors[second.name], w.ledger.Doors[foreign.name] = second, foreign
	const mail = "from: a@x.example\nid: m1@x.example\nkey: k1\n\nuno"
	for _, door := range []string{w.door.name, second.name, foreign.name} {
		raw := ingest.Raw{Identity: door + "/1/1", Bytes: []byte(mail)}
		if err := w.ledger.Accept(t.Context(), door, ticketing.Lease{}, []ingest.Raw{raw}, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.drain()
	first := w.ends(w.door.name+"/1/1", ticketing.OutcomeTicket, "")
	copied := w.ends(second.name+"/1/1", ticketing.OutcomeDuplicate, "")
	other := w.ends(foreign.name+"/1/1", ticketing.OutcomeTicket, "")
	if copied.Ticket != first.Ticket || copied.Message != first.Message || other.Ticket == first.Ticket {
		t.Errorf("first #%d, copy #%d, other group #%d", first.Ticket, copied.Ticket, other.Ticket)
	}
	// Later, too, and after a change of UIDVALIDITY.
	w.n = 100
	again := w.accept(mail)[0]
	w.drain()
	w.ends(again, ticketing.OutcomeDuplicate, "")
}
