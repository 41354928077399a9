package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
)

func TestLeases(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		acquire := func(owner string) (l ticketing.Lease, got bool) {
			update(t, db, func(tx ticketing.Tx) {
				var err error
				l, got, err = tx.AcquireLease(t.Context(), "mail:a", owner, 12*time.Second)
				must(t, err)
			})
			return l, got
		}
		check := func(l ticketing.Lease) error {
			return db.Update(t.Context(), func(tx ticketing.Tx) error { return tx.CheckLease(t.Context(), l) })
		}
		a, got := acquire("a")
		same(t, "first", got, true)
		same(t, "end", a.End, c.Now().Add(12*time.Second))
		if _, got = acquire("b"); got {
			t.Fatal("a second owner got a lease in force")
		}
		c.Add(5 * time.Second)
		again, got := acquire("a")
		same(t, "renewed", got, true)
		same(t, "fence of a renewal", again.Fence, a.Fence)
		c.Add(12 * time.Second)
		must(t, check(a)) // over, but nobody took it
		b, got := acquire("b")
		same(t, "taken over", got, true)
		if b.Fence <= a.Fence {
			t.Fatalf("the fence did not rise: %d after %d", b.Fence, a.Fence)
		}
		if err := check(a); !errors.Is(err, ticketing.ErrFenced) {
			t.Fatalf("old lease: %v", err)
		}
		must(t, check(b))
		update(t, db, func(tx ticketing.Tx) { must(t, tx.ReleaseLease(t.Context(), a)) })
		must(t, check(b)) // another's release does nothing
		update(t, db, func(tx ticketing.Tx) { must(t, tx.ReleaseLease(t.Context(), b)) })
		if err := check(b); !errors.Is(err, ticketing.ErrFenced) {
			t.Fatalf("released lease: %v", err)
		}
		a, got = acquire("a")
		same(t, "free again", got, true)
		if a.Fence <= b.Fence {
			t.Fatalf("the fence did not rise after a release: %d after %d", a.Fence, b.Fence)
		}
		view(t, db, func(tx ticketing.Tx) { must(t, tx.CheckLease(t.Context(), a)) })
	})
}

func TestCursorNeverFalls(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		for _, step := range []struct {
			name      string
			set, want ticketing.Cursor
		}{
			{"first", ticketing.Cursor{Validity: 7, Position: 10, Start: 3}, ticketing.Cursor{Validity: 7, Position: 10, Start: 3}},
			{"forward", ticketing.Cursor{Validity: 7, Position: 12, Start: 3, Mark: "m"}, ticketing.Cursor{Validity: 7, Position: 12, Start: 3, Mark: "m"}},
			{"back", ticketing.Cursor{Validity: 7, Position: 11, Start: 3}, ticketing.Cursor{Validity: 7, Position: 12, Start: 3}},
			{"new validity", ticketing.Cursor{Validity: 8, Position: 0}, ticketing.Cursor{Validity: 8}},
		} {
			step.set.Place, step.want.Place = "mail:a/INBOX", "mail:a/INBOX"
			update(t, db, func(tx ticketing.Tx) {
				must(t, tx.SetCursor(t.Context(), step.set))
				same(t, step.name, ok[ticketing.Cursor](t)(tx.Cursor(t.Context(), "mail:a/INBOX")), step.want)
			})
		}
		view(t, db, func(tx ticketing.Tx) {
			if _, err := tx.Cursor(t.Context(), "nowhere"); err != ticketing.ErrNotFound {
				t.Fatalf("unknown place: %v", err)
			}
		})
	})
}

func inbound(n int) *ticketing.Inbound {
	return &ticketing.Inbound{ID: fmt.Sprintf("I%03d", n), Door: "mail:a", Identity: fmt.Sprintf("mail:a/7/%d", n), RawSHA: "x", RawSize: 5}
}

func TestInboundKeepsEveryField(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		var in ticketing.Inbound
		fill(&in)
		in.State, in.Outcome = ticketing.InboundDone, ticketing.OutcomeTicket
		update(t, db, func(tx ticketing.Tx) {
			same(t, "inserted", ok[bool](t)(tx.InsertInbound(t.Context(), &in)), true)
			same(t, "by id", ok[ticketing.Inbound](t)(tx.Inbound(t.Context(), in.ID)), in)
			same(t, "by identity", ok[ticketing.Inbound](t)(tx.InboundByIdentity(t.Context(), in.Identity)), in)
			same(t, "by logical key", ok[ticketing.Inbound](t)(tx.FindLogical(t.Context(), in.Group, in.LogicalKey)), in)
			same(t, "again", ok[bool](t)(tx.InsertInbound(t.Context(), &in)), false)
			old := in
			fill(&in)
			in.ID, in.Door, in.Identity, in.State, in.Outcome = old.ID, old.Door, old.Identity, ticketing.InboundDone, ticketing.OutcomeReply
			in.ServerAt, in.AcceptedAt, in.Reason = old.ServerAt, old.AcceptedAt, "other"
			must(t, tx.ReviseInbound(t.Context(), &in))
			same(t, "revised", ok[ticketing.Inbound](t)(tx.Inbound(t.Context(), in.ID)), in)
		})
	})
}

func TestKnownIdentities(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		long := inbound(9999)
		long.Identity = "mail:" + strings.Repeat("ü", 5000)
		var asked []string
		want := map[string]bool{long.Identity: true}
		update(t, db, func(tx ticketing.Tx) {
			ok[bool](t)(tx.InsertInbound(t.Context(), long))
			for i := range 700 {
				in := inbound(i)
				asked = append(asked, in.Identity)
				if i%3 == 0 {
					want[in.Identity] = true
					ok[bool](t)(tx.InsertInbound(t.Context(), in))
				}
			}
		})
		view(t, db, func(tx ticketing.Tx) {
			same(t, "known", ok[map[string]bool](t)(tx.KnownIdentities(t.Context(), append(asked, long.Identity))), want)
			same(t, "none", ok[map[string]bool](t)(tx.KnownIdentities(t.Context(), nil)), map[string]bool{})
		})
	})
}

// take leases due rows and tells their numbers, attempts and failures.
func take(t *testing.T, db *store.DB, limit int) (rows []ticketing.Inbound, summary string) {
	t.Helper()
	update(t, db, func(tx ticketing.Tx) {
		rows = ok[[]ticketing.Inbound](t)(tx.TakeInbound(t.Context(), "w", time.Minute, limit))
		for _, in := range rows {
			same(t, "as stored", ok[ticketing.Inbound](t)(tx.Inbound(t.Context(), in.ID)), in)
		}
	})
	var b strings.Builder
	for _, in := range rows {
		fmt.Fprintf(&b, "%s:%d/%d ", in.ID, in.Attempts, in.Failures)
	}
	return rows, strings.TrimSpace(b.String())
}

// TestTakeInbound follows decision 5: fresh rows in batches, a row tried before alone, and only an attempt alone counts.
func TestTakeInbound(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		update(t, db, func(tx ticketing.Tx) {
			for i := range 5 {
				same(t, "inserted", ok[bool](t)(tx.InsertInbound(t.Context(), inbound(i))), true)
			}
		})
		n, oldest := 0, time.Time{}
		count := func() {
			view(t, db, func(tx ticketing.Tx) {
				var err error
				n, oldest, err = tx.CountWaiting(t.Context())
				must(t, err)
			})
		}
		count()
		same(t, "waiting", n, 5)
		same(t, "oldest", oldest, c.Now())
		rows, got := take(t, db, 3)
		same(t, "a batch of fresh rows", got, "I000:1/0 I001:1/0 I002:1/0")
		update(t, db, func(tx ticketing.Tx) {
			done := rows[0]
			done.Outcome, done.Group, done.LogicalKey, done.Ticket = ticketing.OutcomeTicket, "g", "k", 4
			must(t, tx.FinishInbound(t.Context(), &done))
			same(t, "finished", ok[ticketing.Inbound](t)(tx.Inbound(t.Context(), done.ID)), done)
			again := rows[0]
			again.Outcome = ticketing.OutcomeReply
			if err := tx.FinishInbound(t.Context(), &again); err != ticketing.ErrFenced {
				t.Fatalf("finished twice: %v", err)
			}
			failed := rows[1]
			failed.Failures, failed.Reason = 1, "parse"
			must(t, tx.RetryInbound(t.Context(), &failed, c.Now().Add(5*time.Second)))
			same(t, "retried", ok[ticketing.Inbound](t)(tx.Inbound(t.Context(), failed.ID)), failed)
			if err := tx.RetryInbound(t.Context(), &failed, c.Now()); err != ticketing.ErrFenced {
				t.Fatalf("retried twice: %v", err)
			}
		})
		_, got = take(t, db, 3)
		same(t, "the other fresh rows", got, "I003:1/0 I004:1/0")
		_, got = take(t, db, 3)
		same(t, "nothing due", got, "")
		view(t, db, func(tx ticketing.Tx) {
			same(t, "next", ok[time.Time](t)(tx.NextInbound(t.Context())), c.Now().Add(5*time.Second))
		})
		c.Add(5 * time.Second)
		_, got = take(t, db, 3)
		same(t, "the failed row alone", got, "I001:2/2")
		c.Add(time.Minute) // the process was killed: all leases are over
		for _, want := range []string{"I002:2/1", "I003:2/1", "I004:2/1", "I001:3/3"} {
			_, got = take(t, db, 3)
			same(t, "after a kill one by one", got, want)
		}
		if err := db.Update(t.Context(), func(tx ticketing.Tx) error {
			old := rows[2]
			old.Outcome = ticketing.OutcomeReply
			return tx.FinishInbound(t.Context(), &old)
		}); !errors.Is(err, ticketing.ErrFenced) {
			t.Fatalf("a worker that slept through its lease finished: %v", err)
		}
	})
}

func TestLogicalKey(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		finish := func(n int, o ticketing.Outcome) error {
			return db.Update(t.Context(), func(tx ticketing.Tx) error {
				in := inbound(n)
				if _, err := tx.InsertInbound(t.Context(), in); err != nil {
					return err
				}
				rows, err := tx.TakeInbound(t.Context(), "w", time.Minute, 1)
				if err != nil {
					return err
				}
				in = &rows[0]
				in.Group, in.LogicalKey, in.Outcome = "g", "k", o
				return tx.FinishInbound(t.Context(), in)
			})
		}
		find := func() string {
			var id string
			view(t, db, func(tx ticketing.Tx) {
				in, err := tx.FindLogical(t.Context(), "g", "k")
				if err != ticketing.ErrNotFound {
					must(t, err)
				}
				id = in.ID
			})
			return id
		}
		must(t, finish(1, ticketing.OutcomeDuplicate))
		must(t, finish(2, ticketing.OutcomeDeleted))
		same(t, "duplicates and deleted rows", find(), "")
		must(t, finish(3, ticketing.OutcomeTicket))
		same(t, "found", find(), "I003")
		must(t, finish(4, ticketing.OutcomeDuplicate))
		if err := finish(5, ticketing.OutcomeTicket); err == nil {
			t.Fatal("the same mail was decided twice in its group")
		}
	})
}

func TestListInbound(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		update(t, db, func(tx ticketing.Tx) {
			for i := range 6 {
				in := inbound(i)
				if i%2 == 0 {
					in.State, in.Outcome, in.Cause = ticketing.InboundDone, ticketing.OutcomeQuarantine, ticketing.CauseLoop
					in.AfterCare = i > 0
				}
				ok[bool](t)(tx.InsertInbound(t.Context(), in))
			}
		})
		for _, test := range []struct {
			f    ticketing.InboundFilter
			want string
		}{
			{ticketing.InboundFilter{}, "I005 I004 I003 I002 I001 I000"},
			{ticketing.InboundFilter{Limit: 2}, "I005 I004"},
			{ticketing.InboundFilter{Before: "I004", Limit: 2}, "I003 I002"},
			{ticketing.InboundFilter{State: ticketing.InboundAccepted}, "I005 I003 I001"},
			{ticketing.InboundFilter{Outcome: ticketing.OutcomeQuarantine, Cause: ticketing.CauseLoop, Door: "mail:a"}, "I004 I002 I000"},
			{ticketing.InboundFilter{Cause: ticketing.CauseSpam}, ""},
			{ticketing.InboundFilter{Door: "mail:b"}, ""},
		} {
			view(t, db, func(tx ticketing.Tx) {
				same(t, fmt.Sprintf("%+v", test.f), inboundIDs(ok[[]ticketing.Inbound](t)(tx.ListInbound(t.Context(), test.f))), test.want)
			})
		}
		update(t, db, func(tx ticketing.Tx) {
			care := ok[[]ticketing.Inbound](t)
			same(t, "after-care", inboundIDs(care(tx.AfterCare(t.Context(), "mail:a", 10))), "I002 I004")
			must(t, tx.AfterCareDone(t.Context(), []string{"I002"}))
			same(t, "after-care", inboundIDs(care(tx.AfterCare(t.Context(), "mail:a", 10))), "I004")
			same(t, "another door's", inboundIDs(care(tx.AfterCare(t.Context(), "mail:b", 10))), "")
		})
	})
}

func inboundIDs(all []ticketing.Inbound) string {
	var ids []string
	for _, in := range all {
		ids = append(ids, in.ID)
	}
	return strings.Join(ids, " ")
}

func TestReviseOnlyDone(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		update(t, db, func(tx ticketing.Tx) {
			in := inbound(1)
			ok[bool](t)(tx.InsertInbound(t.Context(), in))
			if err := tx.ReviseInbound(t.Context(), in); err != ticketing.ErrNotFound {
				t.Fatalf("a row that is not done was revised: %v", err)
			}
			rows := ok[[]ticketing.Inbound](t)(tx.TakeInbound(t.Context(), "w", time.Minute, 1))
			rows[0].Outcome, rows[0].Cause = ticketing.OutcomeQuarantine, ticketing.CauseCrash
			must(t, tx.FinishInbound(t.Context(), &rows[0]))
			retry := rows[0]
			retry.State, retry.Outcome, retry.Cause, retry.NextAt, retry.Attempts, retry.Failures = ticketing.InboundAccepted, "", "", c.Now(), 0, 0
			must(t, tx.ReviseInbound(t.Context(), &retry))
		})
		_, got := take(t, db, 9)
		same(t, "retried by hand", got, "I001:1/0")
	})
}
