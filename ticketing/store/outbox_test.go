package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

const life = 12 * time.Second

// letter is a row that may go; n orders it.
func letter(n int, th ticketing.Thread) *ticketing.Outgoing {
	return &ticketing.Outgoing{ID: fmt.Sprintf("O%03d", n), Cause: fmt.Sprintf("ticket:1/x/%d", n), Kind: ticketing.LetterResolved,
		Recipient: "mail:a@example.com", Door: "mail:a", Thread: th.ID, Automatic: true}
}

func insert(t testing.TB, db *store.DB, rows ...*ticketing.Outgoing) {
	t.Helper()
	update(t, db, func(tx ticketing.Tx) {
		for _, o := range rows {
			same(t, "inserted", ok[bool](t)(tx.InsertOutgoing(t.Context(), o)), true)
		}
	})
}

// lease returns the row, or nil if it cannot be sent now.
func lease(t testing.TB, db *store.DB, id, owner string) (got *ticketing.Outgoing) {
	t.Helper()
	update(t, db, func(tx ticketing.Tx) {
		got = nil
		o, leased, err := tx.LeaseOutgoing(t.Context(), id, owner, life)
		must(t, err)
		if leased {
			same(t, "as stored", ok[ticketing.Outgoing](t)(tx.Outgoing(t.Context(), id)), o)
			got = &o
		}
	})
	return got
}

func settle(t testing.TB, db *store.DB, o *ticketing.Outgoing, s ticketing.OutgoingState) error {
	t.Helper()
	return db.Update(t.Context(), func(tx ticketing.Tx) error {
		copied := *o
		copied.State = s
		return tx.SettleOutgoing(t.Context(), &copied)
	})
}

func state(t testing.TB, db *store.DB, id string) (o ticketing.Outgoing) {
	t.Helper()
	view(t, db, func(tx ticketing.Tx) { o = ok[ticketing.Outgoing](t)(tx.Outgoing(t.Context(), id)) })
	return o
}

func TestOutgoingKeepsEveryField(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		var o ticketing.Outgoing
		fill(&o)
		o.Thread, o.State, o.Kind = th.ID, ticketing.OutgoingSending, ticketing.PostMail
		insert(t, db, &o)
		update(t, db, func(tx ticketing.Tx) {
			get := ok[ticketing.Outgoing](t)
			same(t, "by id", get(tx.Outgoing(ctx, o.ID)), o)
			same(t, "by ref", get(tx.OutgoingByRef(ctx, o.Ref)), o)
			same(t, "of cause", ok[[]ticketing.Outgoing](t)(tx.OutgoingOf(ctx, o.Cause)), []ticketing.Outgoing{o})
			fence := o.Fence
			o.State, o.Attempts, o.NextAt, o.Answer, o.Reason = ticketing.OutgoingFailed, 77, o.NextAt.Add(time.Hour), "550 no", "550"
			o.Ref, o.Probes, o.SentAt, o.DataStarted, o.Bounced = "mail:<z>", 3, o.SentAt.Add(time.Hour), false, false
			must(t, tx.ReviseOutgoing(ctx, &o))
			same(t, "revised", get(tx.Outgoing(ctx, o.ID)), o)
			o.Fence = fence - 1
			if err := tx.ReviseOutgoing(ctx, &o); err != ticketing.ErrFenced {
				t.Fatalf("revised under an old fence: %v", err)
			}
		})
	})
}

// TestCauseSpeaksOnce: (cause, kind, recipient) is unique, and a fluid row is renewed instead.
func TestCauseSpeaksOnce(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		first := letter(1, th)
		insert(t, db, first)
		twin := letter(1, th)
		twin.ID, twin.Facts.Body = "O999", "other"
		update(t, db, func(tx ticketing.Tx) {
			same(t, "twin", ok[bool](t)(tx.InsertOutgoing(ctx, twin)), false)
			same(t, "the first", ok[[]ticketing.Outgoing](t)(tx.OutgoingOf(ctx, first.Cause)), []ticketing.Outgoing{*first})
		})

		card := func(id, body string) *ticketing.Outgoing {
			o := letter(2, th)
			o.ID, o.Kind, o.Fluid, o.Facts.Body = id, ticketing.CardTicket, true, body
			return o
		}
		renew := func(id, body string) *ticketing.Outgoing {
			o := card(id, body)
			update(t, db, func(tx ticketing.Tx) { same(t, "renewed", ok[bool](t)(tx.InsertOutgoing(ctx, o)), false) })
			return o
		}
		insert(t, db, card("F1", "one"))
		same(t, "id", renew("F2", "two").ID, "F1")
		got := state(t, db, "F1")
		same(t, "facts", got.Facts.Body, "two")
		same(t, "revision", got.Revision, int64(1))
		sending := lease(t, db, "F1", "w")
		renew("F3", "three")
		same(t, "still leased", state(t, db, "F1").State, ticketing.OutgoingSending)
		must(t, settle(t, db, sending, ticketing.OutgoingSent))
		same(t, "the newest is still to go", state(t, db, "F1").State, ticketing.OutgoingPending)
		sending = lease(t, db, "F1", "w")
		same(t, "newest facts", sending.Facts.Body, "three")
		must(t, settle(t, db, sending, ticketing.OutgoingSent))
		same(t, "sent", state(t, db, "F1").State, ticketing.OutgoingSent)
		c.Add(time.Minute)
		renew("F4", "four")
		got = state(t, db, "F1")
		same(t, "pending again", got.State, ticketing.OutgoingPending)
		same(t, "due", got.NextAt, c.Now())
	})
}

// TestNotesNeverReachCustomers is S36 in the database.
func TestNotesNeverReachCustomers(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		message := func(id string, public bool) {
			update(t, db, func(tx ticketing.Tx) {
				must(t, tx.InsertMessage(ctx, &ticketing.Message{ID: id, Thread: th.ID, Author: ticketing.AuthorAgent, Public: public}))
			})
		}
		message("note", false)
		message("said", true)
		try := func(id, cause string, kind ticketing.OutgoingKind) error {
			return db.Update(ctx, func(tx ticketing.Tx) error {
				_, err := tx.InsertOutgoing(ctx, &ticketing.Outgoing{ID: id, Cause: cause, Kind: kind, Recipient: "mail:a", Thread: th.ID})
				return err
			})
		}
		for _, test := range []struct {
			cause string
			kind  ticketing.OutgoingKind
			may   bool
		}{
			{"message:note", ticketing.LetterAnswer, false},
			{"message:note", ticketing.LetterResolved, false},
			{"message:note", "a kind of the future", false},
			{"message:unknown", ticketing.LetterAnswer, false},
			{"ticket:1/answer", ticketing.LetterAnswer, false},
			{"message:note", ticketing.PostMail, true},
			{"message:note", ticketing.React, true},
			{"message:said", ticketing.LetterAnswer, true},
			{"ticket:1/resolved/2", ticketing.LetterResolved, true},
		} {
			err := try("O"+test.cause+string(test.kind), test.cause, test.kind)
			if (err == nil) != test.may {
				t.Errorf("%s of %s: %v", test.kind, test.cause, err)
			}
		}
		hide := func() error {
			return db.Update(ctx, func(tx ticketing.Tx) error { return tx.UpdateMessage(ctx, &ticketing.Message{ID: "said"}) })
		}
		if hide() == nil {
			t.Error("a message whose letter is due became a note")
		}
		update(t, db, func(tx ticketing.Tx) {
			same(t, "suppressed", ok[bool](t)(tx.SuppressPending(ctx, "Omessage:saidanswer", "edited")), true)
		})
		must(t, hide())
	})
}

func TestRevisePending(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		o := letter(1, th)
		o.NextAt = c.Now().Add(time.Minute)
		insert(t, db, o)
		revise := func() (revised bool) {
			o.Facts.Body, o.NextAt = "new words", c.Now().Add(time.Second)
			update(t, db, func(tx ticketing.Tx) { revised = ok[bool](t)(tx.RevisePending(ctx, o)) })
			return revised
		}
		same(t, "revised", revise(), true)
		same(t, "stored", state(t, db, o.ID), *o)
		if lease(t, db, o.ID, "w") != nil {
			t.Fatal("leased before its time")
		}
		c.Add(time.Second)
		sending := lease(t, db, o.ID, "w")
		same(t, "while sending", revise(), false)
		update(t, db, func(tx ticketing.Tx) {
			same(t, "suppressed while sending", ok[bool](t)(tx.SuppressPending(ctx, o.ID, "x")), false)
			must(t, tx.SetRendered(ctx, sending, "sha", "mail:<o1>"))
		})
		must(t, settle(t, db, sending, ticketing.OutgoingPending))
		same(t, "once rendered", revise(), false)
		update(t, db, func(tx ticketing.Tx) {
			same(t, "suppressed", ok[bool](t)(tx.SuppressPending(ctx, o.ID, "cancelled")), true)
		})
		same(t, "reason", state(t, db, o.ID).Reason, "cancelled")
	})
}

// TestOrder: letters of a thread to one person never overtake each other (P6).
func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		a, _ := storetest.Thread(t, db, "a")
		b, _ := storetest.Thread(t, db, "b")
		first, second := letter(1, a), letter(2, a)
		elsewhere, other, fluid, loose := letter(3, b), letter(4, a), letter(5, a), letter(6, a)
		other.Recipient, fluid.Fluid, loose.Thread = "mail:b@example.com", true, ""
		insert(t, db, first, second, elsewhere, other, fluid, loose)
		if lease(t, db, second.ID, "w") != nil {
			t.Fatal("the second went before the first")
		}
		for _, free := range []*ticketing.Outgoing{elsewhere, other, fluid, loose} {
			if lease(t, db, free.ID, "w") == nil {
				t.Fatalf("%s waited", free.ID)
			}
		}
		for _, s := range []ticketing.OutgoingState{ticketing.OutgoingPending, ticketing.OutgoingInDoubt} {
			must(t, settle(t, db, lease(t, db, first.ID, "w"), s))
			if lease(t, db, second.ID, "w") != nil {
				t.Fatalf("the second went while the first was %s", s)
			}
		}
		doubt := state(t, db, first.ID)
		doubt.State = ticketing.OutgoingFailed
		update(t, db, func(tx ticketing.Tx) { must(t, tx.ReviseOutgoing(t.Context(), &doubt)) })
		if lease(t, db, second.ID, "w") == nil {
			t.Fatal("the second waits for a failed one")
		}
		doubt.State = ticketing.OutgoingPending // an agent's press
		update(t, db, func(tx ticketing.Tx) { must(t, tx.ReviseOutgoing(t.Context(), &doubt)) })
		if lease(t, db, first.ID, "w") != nil {
			t.Fatal("two letters of one thread to one person at the same time")
		}
	})
}

// TestOffers: what is due is offered once, again only after a time, and at once when its turn comes.
func TestOffers(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		b, _ := storetest.Thread(t, db, "b")
		late := letter(3, b)
		late.NextAt = c.Now().Add(time.Hour)
		insert(t, db, letter(2, th), late, letter(1, th))
		offers := func(limit int) (ids []string) {
			update(t, db, func(tx ticketing.Tx) {
				ids = ok[[]string](t)(tx.DueOutgoing(ctx, tx.Now().Add(-15*time.Second), limit))
			})
			return ids
		}
		next := func() (n time.Time) {
			view(t, db, func(tx ticketing.Tx) { n = ok[time.Time](t)(tx.NextOutgoing(ctx)) })
			return n
		}
		same(t, "next", next(), c.Now())
		same(t, "oldest first", offers(1), []string{"O001"})
		same(t, "the rest", offers(5), []string{"O002"})
		same(t, "once", len(offers(5)), 0)
		same(t, "next", next(), late.NextAt)
		must(t, settle(t, db, lease(t, db, "O001", "w"), ticketing.OutgoingSent))
		same(t, "its turn", offers(5), []string{"O002"})
		c.Add(16 * time.Second)
		same(t, "again", offers(5), []string{"O002"})
		o := lease(t, db, "O002", "w")
		o.NextAt = c.Now().Add(time.Minute)
		must(t, settle(t, db, o, ticketing.OutgoingPending))
		same(t, "next try", next(), o.NextAt)
		c.Add(time.Minute)
		same(t, "tried again", offers(5), []string{"O002"})
		c.Add(time.Hour)
		same(t, "both", offers(5), []string{"O003", "O002"})
	})
}

// TestFence: whoever lost the lease changes nothing.
func TestFence(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		insert(t, db, letter(1, th))
		old := lease(t, db, "O001", "w1")
		same(t, "attempts", old.Attempts, 1)
		extend := func(owner string) (held []string) {
			update(t, db, func(tx ticketing.Tx) {
				held = ok[[]string](t)(tx.ExtendOutgoing(ctx, owner, []string{"O001", "O777"}, life))
			})
			return held
		}
		c.Add(10 * time.Second)
		same(t, "extended", extend("w1"), []string{"O001"})
		same(t, "another's", len(extend("w2")), 0)
		c.Add(10 * time.Second)
		update(t, db, func(tx ticketing.Tx) {
			same(t, "expired", len(ok[[]ticketing.Outgoing](t)(tx.ExpireOutgoing(ctx, 9))), 0)
			must(t, tx.SetRendered(ctx, old, "sha1", "mail:<o1>"))
		})
		c.Add(10 * time.Second)
		update(t, db, func(tx ticketing.Tx) {
			gone := ok[[]ticketing.Outgoing](t)(tx.ExpireOutgoing(ctx, 9))
			same(t, "expired", len(gone), 1)
			same(t, "state", gone[0].State, ticketing.OutgoingPending)
		})
		same(t, "lost", len(extend("w1")), 0)
		now := lease(t, db, "O001", "w2")
		if now.Fence <= old.Fence {
			t.Fatal("the fence did not rise")
		}
		same(t, "bytes are kept", now.Rendered, "sha1")
		for what, change := range map[string]func(tx ticketing.Tx, o *ticketing.Outgoing) error{
			"rendered": func(tx ticketing.Tx, o *ticketing.Outgoing) error { return tx.SetRendered(ctx, o, "sha2", "") },
			"started":  func(tx ticketing.Tx, o *ticketing.Outgoing) error { return tx.SetStarted(ctx, o) },
			"settled":  func(tx ticketing.Tx, o *ticketing.Outgoing) error { return tx.SettleOutgoing(ctx, o) },
			"revised":  func(tx ticketing.Tx, o *ticketing.Outgoing) error { return tx.ReviseOutgoing(ctx, o) },
		} {
			update(t, db, func(tx ticketing.Tx) {
				copied := *old
				if err := change(tx, &copied); err != ticketing.ErrFenced {
					t.Errorf("%s by the old owner: %v", what, err)
				}
			})
		}
		update(t, db, func(tx ticketing.Tx) {
			must(t, tx.SetRendered(ctx, now, "sha2", "mail:<o2>"))
			same(t, "first writer wins", now.Rendered+string(now.Ref), "sha1mail:<o1>")
			must(t, tx.SetStarted(ctx, now))
			same(t, "started", now.StartedAt, c.Now())
		})
		echo := *now // the message's own event settles it while the courier still waits
		echo.State = ticketing.OutgoingSent
		update(t, db, func(tx ticketing.Tx) { must(t, tx.ReviseOutgoing(ctx, &echo)) })
		if err := settle(t, db, now, ticketing.OutgoingInDoubt); err != ticketing.ErrFenced {
			t.Fatalf("settled twice: %v", err)
		}
		same(t, "sent", state(t, db, "O001").State, ticketing.OutgoingSent)
	})
}

// TestDoubt: an expired lease that had begun is never sendable by itself.
func TestDoubt(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		a, _ := storetest.Thread(t, db, "a")
		b, _ := storetest.Thread(t, db, "b")
		fluid := letter(2, b)
		fluid.Fluid = true
		insert(t, db, letter(1, a), fluid)
		for _, id := range []string{"O001", "O002"} {
			o := lease(t, db, id, "w")
			update(t, db, func(tx ticketing.Tx) { must(t, tx.SetStarted(ctx, o)) })
		}
		c.Add(life)
		update(t, db, func(tx ticketing.Tx) {
			same(t, "expired", len(ok[[]ticketing.Outgoing](t)(tx.ExpireOutgoing(ctx, 9))), 2)
			same(t, "counts", ok[map[ticketing.OutgoingState]int](t)(tx.CountOutgoing(ctx)),
				map[ticketing.OutgoingState]int{ticketing.OutgoingInDoubt: 1, ticketing.OutgoingPending: 1})
		})
		same(t, "fluid", state(t, db, "O002").State, ticketing.OutgoingPending)
		if lease(t, db, "O001", "w") != nil {
			t.Fatal("a row in doubt was leased for sending")
		}
		probe := func() (o ticketing.Outgoing, leased bool) {
			update(t, db, func(tx ticketing.Tx) {
				var err error
				o, leased, err = tx.LeaseDoubt(ctx, "O001", "w", life)
				must(t, err)
			})
			return o, leased
		}
		due := func() (ids []string) {
			view(t, db, func(tx ticketing.Tx) { ids = ok[[]string](t)(tx.DoubtfulOutgoing(ctx, 9)) })
			return ids
		}
		same(t, "to be probed", due(), []string{"O001"})
		o, leased := probe()
		same(t, "leased", leased, true)
		same(t, "state", o.State, ticketing.OutgoingInDoubt)
		same(t, "leased rows are not listed", len(due()), 0)
		if _, twice := probe(); twice {
			t.Fatal("two probes at once")
		}
		o.Probes, o.NextAt = 1, c.Now().Add(time.Minute)
		must(t, settle(t, db, &o, ticketing.OutgoingInDoubt))
		same(t, "not yet", len(due()), 0)
		c.Add(time.Minute)
		o, _ = probe()
		same(t, "probes", o.Probes, 1)
		o.NextAt = time.Time{} // a person decides
		must(t, settle(t, db, &o, ticketing.OutgoingInDoubt))
		c.Add(time.Hour)
		same(t, "left to a person", len(due()), 0)
	})
}

func TestCountAutomatic(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		agent, post, other, gone, kind := letter(2, th), letter(3, th), letter(4, th), letter(5, th), letter(6, th)
		agent.ByAgent, post.Kind, other.Recipient, kind.Kind = true, ticketing.PostRoot, "mail:b@example.com", ticketing.LetterReceived
		insert(t, db, letter(1, th), agent, post, other, gone, kind)
		update(t, db, func(tx ticketing.Tx) { ok[bool](t)(tx.SuppressPending(ctx, gone.ID, "limit")) })
		for _, test := range []struct {
			recipient string
			kind      ticketing.OutgoingKind
			since     time.Time
			want      int
		}{
			{"", "", c.Now(), 3},
			{"mail:a@example.com", "", c.Now(), 2},
			{"mail:a@example.com", ticketing.LetterReceived, c.Now(), 1},
			{"", "", c.Now().Add(time.Second), 0},
		} {
			view(t, db, func(tx ticketing.Tx) {
				same(t, fmt.Sprint(test), ok[int](t)(tx.CountAutomatic(ctx, test.recipient, test.kind, test.since)), test.want)
			})
		}
	})
}

func TestListOutgoing(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		a, _ := storetest.Thread(t, db, "a")
		b, _ := storetest.Thread(t, db, "b")
		one, two, three := letter(1, a), letter(2, a), letter(3, b)
		two.Ticket, three.Kind = 7, ticketing.LetterReceived
		insert(t, db, one, two, three)
		update(t, db, func(tx ticketing.Tx) { ok[bool](t)(tx.SuppressPending(t.Context(), one.ID, "x")) })
		for _, test := range []struct {
			f    ticketing.OutgoingFilter
			want string
		}{
			{ticketing.OutgoingFilter{}, "O003 O002 O001"},
			{ticketing.OutgoingFilter{Limit: 1, Before: "O003"}, "O002"},
			{ticketing.OutgoingFilter{State: ticketing.OutgoingSuppressed}, "O001"},
			{ticketing.OutgoingFilter{Ticket: 7}, "O002"},
			{ticketing.OutgoingFilter{Thread: b.ID, Kind: ticketing.LetterReceived}, "O003"},
		} {
			view(t, db, func(tx ticketing.Tx) {
				var ids []string
				for _, o := range ok[[]ticketing.Outgoing](t)(tx.ListOutgoing(t.Context(), test.f)) {
					ids = append(ids, o.ID)
				}
				same(t, fmt.Sprintf("%+v", test.f), strings.Join(ids, " "), test.want)
			})
		}
	})
}

// TestLeasingConcurrently: eight couriers lease 500 rows, none gets one that another has, and a thread's letters go one by one in order.
func TestLeasingConcurrently(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		ctx := t.Context()
		var threads []ticketing.Thread
		for i := range 50 {
			th, _ := storetest.Thread(t, db, fmt.Sprintf("x%02d", i))
			threads = append(threads, th)
		}
		update(t, db, func(tx ticketing.Tx) {
			for i := range 500 {
				ok[bool](t)(tx.InsertOutgoing(ctx, letter(i, threads[i%len(threads)])))
			}
		})
		var mu sync.Mutex
		sent := map[string]bool{}
		last := map[string]string{}    // thread → last id sent
		current := map[string]string{} // thread → id being sent
		courier := func(owner string) error {
			for {
				mu.Lock()
				done := len(sent) == 500
				mu.Unlock()
				if done {
					return nil
				}
				var ids []string
				if err := db.Update(ctx, func(tx ticketing.Tx) (err error) {
					ids, err = tx.DueOutgoing(ctx, tx.Now().Add(time.Second), 20)
					return err
				}); err != nil {
					return err
				}
				for _, id := range ids {
					var o ticketing.Outgoing
					var leased bool
					if err := db.Update(ctx, func(tx ticketing.Tx) (err error) {
						o, leased, err = tx.LeaseOutgoing(ctx, id, owner, time.Hour)
						return err
					}); err != nil {
						return err
					}
					if !leased {
						continue
					}
					mu.Lock()
					if sent[id] || current[o.Thread] != "" || last[o.Thread] >= id {
						t.Errorf("%s of %s leased by %s while %q is being sent, after %q, sent before: %v", id, o.Thread, owner, current[o.Thread],
							last[o.Thread], sent[id])
					}
					current[o.Thread], last[o.Thread] = id, id
					mu.Unlock()
					if err := db.Update(ctx, func(tx ticketing.Tx) error {
						mu.Lock() // before its commit nobody else may have the thread
						sent[id] = true
						current[o.Thread] = ""
						mu.Unlock()
						settled := o
						settled.State = ticketing.OutgoingSent
						return tx.SettleOutgoing(ctx, &settled)
					}); err != nil {
						return err
					}
				}
			}
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if err := courier(fmt.Sprint("w", i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// TestTakingConcurrently: eight workers take 500 ledger rows and none takes one twice.
func TestTakingConcurrently(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		ctx := t.Context()
		update(t, db, func(tx ticketing.Tx) {
			for i := range 500 {
				ok[bool](t)(tx.InsertInbound(ctx, inbound(i)))
			}
		})
		var mu sync.Mutex
		seen := map[string]bool{}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for {
					var rows []ticketing.Inbound
					err := db.Update(ctx, func(tx ticketing.Tx) (err error) {
						rows, err = tx.TakeInbound(ctx, fmt.Sprint("w", i), time.Hour, 7)
						return err
					})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, in := range rows {
						if seen[in.ID] {
							t.Errorf("%s taken twice", in.ID)
						}
						seen[in.ID] = true
					}
					done := len(seen) == 500
					mu.Unlock()
					if done {
						return
					}
				}
			})
		}
		wg.Wait()
	})
}
