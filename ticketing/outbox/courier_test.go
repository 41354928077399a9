package outbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ticketing"
)

// bubble runs a test in fake time, so that days of back-off pass at once.
func bubble(t *testing.T, fn func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		fn(t, r)
	})
}

func (r *rig) wantReceived(id string, times int) {
	r.t.Helper()
	if got := r.peer.received(id); len(got) != times || !sameBytes(got) {
		r.t.Errorf("%s arrived %d times, want %d: %q", id, len(got), times, got)
	}
}

func TestLettersLeave(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ids := r.add(make([]ticketing.Outgoing, 40)...)
		r.start(nil)
		r.await(ticketing.OutgoingSent, len(ids), time.Second, time.Minute)
		for _, id := range ids {
			o := r.row(id)
			r.wantReceived(id, 1)
			if o.Rendered == "" || o.Ref == "" || o.Answer == "" || o.SentAt.IsZero() || o.Owner != "" || o.Attempts != 1 || !o.DataStarted {
				t.Errorf("row is not complete: %+v", o)
			}
			stored, err := NewCourier(CourierConfig{Files: r.files}).stored(context.Background(), o.Rendered)
			if err != nil || string(stored) != r.peer.received(id)[0] {
				t.Errorf("stored %q, %v", stored, err)
			}
		}
	})
}

// A kick and a due time are heard at once, not at the next sweep.
func TestRelayIsPrompt(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		relay, _ := r.start(nil)
		synctest.Wait()
		start := time.Now()
		r.add(ticketing.Outgoing{})
		relay.Kick()
		r.await(ticketing.OutgoingSent, 1, time.Millisecond, time.Second)
		if d := time.Since(start); d > 100*time.Millisecond {
			t.Errorf("a kick took %s", d)
		}
		due := time.Now().Add(1500 * time.Millisecond)
		r.add(ticketing.Outgoing{NextAt: due})
		relay.Kick()
		r.await(ticketing.OutgoingSent, 2, time.Millisecond, 10*time.Second)
		if d := time.Since(due); d < 0 || d > 100*time.Millisecond {
			t.Errorf("a letter left %s after it was due", d)
		}
	})
}

func TestVerdicts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ids := r.add(make([]ticketing.Outgoing, 8)...)
		now, ever, before, free, bad, during, after, panics := ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7]
		r.peer.script(now, refuseForNow, refuseForNow)
		r.peer.script(ever, refuseForEver)
		r.peer.script(before, breakBefore)
		r.peer.script(free, busy, busy)
		r.peer.script(bad, unusable)
		r.peer.script(during, breakDuring)
		r.peer.script(after, breakAfter)
		r.peer.script(panics, crash)
		r.start(nil)
		r.await(ticketing.OutgoingSent, 7, time.Second, 10*time.Minute)
		if o := r.row(ever); o.State != ticketing.OutgoingFailed || o.Reason != "550" || o.Answer != "550 no such person" {
			t.Errorf("refused: %+v", o)
		}
		r.wantReceived(ever, 0)
		for _, id := range []string{now, before, free, bad, during, after, panics} {
			r.wantReceived(id, 1)
			if n := r.peer.rendered[id]; n != 1 {
				t.Errorf("%s was rendered %d times", id, n)
			}
		}
		for id, want := range map[string]int{now: 3, before: 2, free: 1, bad: 1, during: 2, after: 1, panics: 2} {
			if got := r.row(id).Attempts; got != want {
				t.Errorf("%s: %d attempts, want %d", id, got, want)
			}
		}
		if r.row(after).Reason != ReasonProbe || r.peer.sendings[after] != 1 {
			t.Error("what had arrived was not found but sent again")
		}
		if r.peer.probes[during] != 3 {
			t.Errorf("%d searches before sending again", r.peer.probes[during])
		}
	})
}

func TestGivesUpAfterFiveDays(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		id := r.add(ticketing.Outgoing{})[0]
		r.peer.script(id, slices.Repeat([]move{refuseForNow}, 1000)...)
		start := time.Now()
		r.time.Expire, r.time.ProbeEvery, r.time.Sweep = time.Hour, time.Hour, time.Hour
		r.start(nil)
		r.await(ticketing.OutgoingFailed, 1, time.Hour, 200*time.Hour)
		o := r.row(id)
		if d := time.Since(start); d < 120*time.Hour || d > 126*time.Hour || o.Reason != ReasonExpired || o.Attempts < 30 || o.Attempts > 50 {
			t.Errorf("after %s: %s, %d attempts", d, o.Reason, o.Attempts)
		}
	})
}

func TestDoubtPolicies(t *testing.T) {
	tests := []struct {
		doubt Doubt
		moves []move
		blind bool
		state ticketing.OutgoingState
		times int
	}{
		{DoubtProbe, []move{breakAfter}, false, ticketing.OutgoingSent, 1},
		{DoubtProbe, []move{breakDuring}, false, ticketing.OutgoingSent, 1},
		{DoubtProbe, []move{breakAfter}, true, ticketing.OutgoingInDoubt, 1},
		{DoubtProbe, []move{breakDuring}, true, ticketing.OutgoingInDoubt, 0},
		{DoubtAsk, []move{breakAfter}, false, ticketing.OutgoingInDoubt, 1},
		{DoubtAsk, []move{breakDuring}, false, ticketing.OutgoingInDoubt, 0},
		{DoubtResend, []move{breakAfter}, false, ticketing.OutgoingSent, 2},
		{DoubtResend, []move{breakDuring, breakAfter}, false, ticketing.OutgoingSent, 2},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %v blind=%v", tt.doubt, tt.moves, tt.blind), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, r *rig) {
				thread := r.thread()
				rows := r.add(ticketing.Outgoing{Thread: thread, Recipient: "mail:a@example.org"}, ticketing.Outgoing{Thread: thread, Recipient: "mail:a@example.org"})
				r.peer.script(rows[0], tt.moves...)
				r.peer.blind = tt.blind
				r.start(func(cfg *CourierConfig) { cfg.Routes = map[string]Route{door: {Door: r.peer, Doubt: tt.doubt}} })
				time.Sleep(time.Hour)
				synctest.Wait()
				if o := r.row(rows[0]); o.State != tt.state {
					t.Errorf("%s, want %s", o.State, tt.state)
				}
				r.wantReceived(rows[0], tt.times)
				// The next letter to the same person waits as long as the doubt lasts (P6).
				if settled := tt.state != ticketing.OutgoingInDoubt; settled != (r.row(rows[1]).State == ticketing.OutgoingSent) {
					t.Errorf("the next letter is %s", r.row(rows[1]).State)
				}
			})
		})
	}
}

// Letters of one thread to one person never overtake each other, whatever happens to them; other people's go on.
func TestOrder(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var chains [][]string
		for n := range 6 {
			thread := r.thread()
			chain := r.add(slices.Repeat([]ticketing.Outgoing{{Thread: thread, Recipient: fmt.Sprintf("mail:%d@example.org", n)}}, 6)...)
			r.peer.script(chain[n%4], []move{refuseForNow, breakDuring, breakAfter, busy}[n%4])
			chains = append(chains, chain)
		}
		r.start(nil)
		r.await(ticketing.OutgoingSent, 36, time.Second, time.Hour)
		for n, chain := range chains {
			var order []string
			for _, id := range r.peer.order {
				if slices.Contains(chain, id) {
					order = append(order, id)
				}
			}
			if !slices.Equal(order, chain) {
				t.Errorf("chain %d arrived as %v, want %v", n, order, chain)
			}
		}
	})
}

// A chain does not wait for the sweep between its letters.
func TestChainIsPrompt(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add(slices.Repeat([]ticketing.Outgoing{{Thread: r.thread(), Recipient: "mail:a@example.org"}}, 20)...)
		start := time.Now()
		r.start(nil)
		r.await(ticketing.OutgoingSent, 20, 10*time.Millisecond, time.Minute)
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("twenty letters took %s", d)
		}
	})
}

func TestUndo(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		undo := time.Now().Add(10 * time.Second)
		ids := r.add(
			ticketing.Outgoing{NextAt: undo, Facts: ticketing.Facts{Body: "first words"}},
			ticketing.Outgoing{NextAt: undo, Facts: ticketing.Facts{Body: "a mistake"}},
			ticketing.Outgoing{NextAt: undo, Facts: ticketing.Facts{Body: "as it is"}})
		relay, _ := r.start(nil)
		time.Sleep(5 * time.Second)
		r.update(func(tx ticketing.Tx) error {
			o, err := tx.Outgoing(context.Background(), ids[0])
			if err != nil {
				return err
			}
			o.Facts.Body = "better words"
			if ok, err := tx.RevisePending(context.Background(), &o); !ok || err != nil {
				return fmt.Errorf("revise: %v %w", ok, err)
			}
			ok, err := tx.SuppressPending(context.Background(), ids[1], "deleted")
			if !ok {
				return fmt.Errorf("suppress: %v %w", ok, err)
			}
			return nil
		})
		relay.Kick()
		r.await(ticketing.OutgoingSent, 2, time.Second, time.Minute)
		if d := time.Since(undo); d > 2*time.Second {
			t.Errorf("sent %s after the undo time", d)
		}
		if got := r.peer.received(ids[0]); len(got) != 1 || got[0] != ids[0]+" better words #1" {
			t.Errorf("received %q", got)
		}
		r.wantReceived(ids[1], 0)
		r.wantReceived(ids[2], 1)
		r.update(func(tx ticketing.Tx) error {
			if ok, err := tx.SuppressPending(context.Background(), ids[2], "deleted"); ok || err != nil {
				return fmt.Errorf("a letter that has gone was taken back: %v %w", ok, err)
			}
			return nil
		})
	})
}

// hook is a desk that writes down, in the transaction, that it was called.
type hook struct {
	mu       sync.Mutex
	suppress map[string]string
	failures int
}

func (h *hook) Suppress(_ context.Context, _ ticketing.Tx, o ticketing.Outgoing) (string, error) {
	if h.suppress[o.ID] == "error" {
		return "", ticketing.ErrNotFound
	}
	return h.suppress[o.ID], nil
}

func (h *hook) Settled(ctx context.Context, tx ticketing.Tx, o ticketing.Outgoing) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failures > 0 {
		h.failures--
		return errors.New("the desk stumbles")
	}
	return tx.InsertEvent(ctx, &ticketing.Event{ID: ulid.Make().String(), Thread: o.Thread, At: tx.Now(), Actor: "system", Code: string(o.State)})
}

func TestHook(t *testing.T) {
	for _, failures := range []int{0, 2, 1000} {
		t.Run(fmt.Sprintf("failing %d times", failures), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				var rows []ticketing.Outgoing
				for range 5 {
					rows = append(rows, ticketing.Outgoing{Thread: r.thread()})
				}
				ids := r.add(rows...)
				sent, failed, suppressed, broken, found := ids[0], ids[1], ids[2], ids[3], ids[4]
				h := &hook{suppress: map[string]string{suppressed: "bounced", broken: "error"}}
				if failures > 0 {
					delete(h.suppress, suppressed)
				}
				h.failures = failures
				r.peer.script(failed, refuseForNow, refuseForEver)
				r.peer.script(found, breakAfter)
				r.start(func(cfg *CourierConfig) { cfg.Hook = h })
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				want := map[string]ticketing.OutgoingState{sent: ticketing.OutgoingSent, failed: ticketing.OutgoingFailed,
					suppressed: ticketing.OutgoingSuppressed, broken: ticketing.OutgoingPending, found: ticketing.OutgoingSent}
				if failures > 0 {
					want[suppressed] = ticketing.OutgoingSent
				}
				for id, state := range want {
					if o := r.row(id); o.State != state {
						t.Errorf("%s, want %s", o.State, state)
					}
					switch calls := r.events(rows[slices.Index(ids, id)].Thread); {
					case id == broken || failures > 10:
						if len(calls) > 0 {
							t.Errorf("settled was called: %v", calls)
						}
					case len(calls) != 1 || calls[0] != string(state):
						t.Errorf("settled was called with %v, want once %s", calls, state)
					}
				}
				// Whatever the desk does, nothing goes twice.
				r.wantReceived(sent, 1)
				r.wantReceived(found, 1)
				r.wantReceived(broken, 0)
			})
		})
	}
}

func TestFluid(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ctx := context.Background()
		row := ticketing.Outgoing{Kind: ticketing.CardTicket, Fluid: true, Recipient: "slack:T1/C1", Door: door, Cause: "card:1", Thread: r.thread()}
		id := r.add(row)[0]
		// A frozen letter of the same thread to the same place neither waits for it nor holds it up.
		frozen := r.add(ticketing.Outgoing{Thread: row.Thread, Recipient: row.Recipient})[0]
		r.peer.script(frozen, refuseForNow)
		r.peer.script(id, breakAfter, crash)
		version := "one"
		relay, _ := r.start(func(cfg *CourierConfig) {
			cfg.Fresh = func(_ context.Context, o ticketing.Outgoing) (ticketing.Outgoing, error) {
				o.Facts.Body = version
				return o, nil
			}
		})
		r.await(ticketing.OutgoingSent, 2, time.Second, 10*time.Minute)
		if got := r.peer.received(id); len(got) != 2 || r.row(id).State != ticketing.OutgoingSent || r.peer.probes[id] != 0 {
			t.Errorf("received %q, %s", got, r.row(id).State)
		}
		// A new wish while the old one is under way goes out afterwards.
		var once sync.Once
		r.peer.at = func(_ context.Context, point, at string) error {
			if point == "taken" && at == id {
				once.Do(func() {
					version = "three"
					r.update(func(tx ticketing.Tx) error {
						again := row
						_, err := tx.InsertOutgoing(ctx, &again)
						return err
					})
				})
			}
			return nil
		}
		version = "two"
		r.update(func(tx ticketing.Tx) error {
			again := row
			_, err := tx.InsertOutgoing(ctx, &again)
			return err
		})
		relay.Kick()
		time.Sleep(time.Minute)
		synctest.Wait()
		got := r.peer.received(id)
		if len(got) != 4 || got[2] != fmt.Sprintf("%s two #%d", id, r.peer.rendered[id]-1) || got[3] != fmt.Sprintf("%s three #%d", id, r.peer.rendered[id]) {
			t.Errorf("received %q", got)
		}
	})
}

// At shutdown what has not begun goes back, what has begun is finished, and what hangs is left to its lease.
func TestShutdown(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		t.Run(fmt.Sprintf("hanging=%v", hangs), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				ids := r.add(make([]ticketing.Outgoing, 60)...)
				begun := map[string]bool{}
				var mu sync.Mutex
				r.peer.at = func(ctx context.Context, point, id string) error {
					early := slices.Index(ids, id)%2 == 0
					switch {
					case point == "connect" && early:
						<-ctx.Done()
						return ctx.Err()
					case point == "began":
						mu.Lock()
						begun[id] = true
						mu.Unlock()
						wait := 5 * time.Second
						if hangs {
							wait = time.Hour
						}
						select {
						case <-time.After(wait):
						case <-ctx.Done():
							return ctx.Err()
						}
					}
					return nil
				}
				_, end := r.start(nil)
				time.Sleep(time.Second)
				start := time.Now()
				end()
				took := time.Since(start)
				if len(begun) == 0 || len(begun) == len(ids) {
					t.Fatalf("%d had begun", len(begun))
				}
				if took > 10*time.Second || hangs != (took > 7*time.Second) {
					t.Errorf("ended after %s", took)
				}
				for _, id := range ids {
					want := ticketing.OutgoingPending
					switch {
					case begun[id] && hangs:
						want = ticketing.OutgoingSending
					case begun[id]:
						want = ticketing.OutgoingSent
					}
					if o := r.row(id); o.State != want || want == ticketing.OutgoingPending && o.Attempts != 0 {
						t.Errorf("begun %v: %s, %d attempts, want %s", begun[id], o.State, o.Attempts, want)
					}
				}
				// The next process brings all of them to their end.
				r.peer.at = nil
				r.start(nil)
				r.await(ticketing.OutgoingSent, len(ids), time.Second, 10*time.Minute)
				for _, id := range ids {
					r.wantReceived(id, 1)
				}
			})
		})
	}
}

// A courier whose leases ran out while it could not renew them must not settle, and begins nothing more.
func TestLostLease(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ids := r.add(make([]ticketing.Outgoing, 2)...)
		m := newMortal(r.store, 1<<30, false)
		r.peer.at = func(ctx context.Context, point, id string) error {
			if point == "connect" && id == ids[0] || point == "taken" && id == ids[1] {
				r.peer.mu.Lock()
				first := r.peer.sendings[id] == 1
				r.peer.mu.Unlock()
				if first {
					time.Sleep(time.Minute) // stopped by a debugger, it does not hear its context
				}
			}
			return nil
		}
		relay := r.relay()
		r.run(relay.Run)
		var mu sync.Mutex
		paused := true
		r.run(r.courier(func(cfg *CourierConfig) {
			cfg.Store = pausing{m, func() bool { mu.Lock(); defer mu.Unlock(); return paused }}
		}).Run)
		time.Sleep(30 * time.Second) // its leases are over
		r.run(r.courier(func(cfg *CourierConfig) { cfg.Kick = relay.Kick }).Run)
		time.Sleep(5 * time.Second)
		mu.Lock()
		paused = false
		mu.Unlock()
		r.await(ticketing.OutgoingSent, 2, time.Second, 10*time.Minute)
		time.Sleep(2 * time.Minute)
		for _, id := range ids {
			r.wantReceived(id, 1)
			if o := r.row(id); o.State != ticketing.OutgoingSent {
				t.Errorf("%s", o.State)
			}
		}
		if r.row(ids[1]).Reason != ReasonProbe {
			t.Error("the paused courier settled a row that was not its own any more")
		}
	})
}

// A letter that takes long keeps its lease, and its lease is all that keeps others away.
func TestLongLetter(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		id := r.add(ticketing.Outgoing{})[0]
		r.peer.at = func(_ context.Context, point, _ string) error {
			if point == "began" {
				time.Sleep(9 * time.Minute)
			}
			return nil
		}
		r.start(nil)
		r.start(nil)
		r.await(ticketing.OutgoingSent, 1, time.Second, 20*time.Minute)
		if o := r.row(id); o.Attempts != 1 || o.Reason != "" {
			t.Errorf("%d attempts, %s", o.Attempts, o.Reason)
		}
		r.wantReceived(id, 1)
	})
}

// pausing is a database that answers no renewal while paused: only the first Update, the lease, and those after the pause pass.
type pausing struct {
	*mortal
	paused func() bool
}

func (p pausing) Update(ctx context.Context, fn func(ticketing.Tx) error) error {
	if p.paused() && p.left.Add(-1) < 1<<30-2 {
		return errors.New("paused")
	}
	return p.Store.Update(ctx, fn)
}

func TestStoredBytesGone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ids := r.add(make([]ticketing.Outgoing, 2)...)
		r.peer.script(ids[0], refuseForNow)
		r.peer.script(ids[1], refuseForNow)
		r.start(nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		damage := func(id string, change func(path string) error) {
			sha := r.row(id).Rendered
			if err := change(filepath.Join(r.filesDir, sha[:2], sha)); err != nil {
				t.Fatal(err)
			}
		}
		damage(ids[0], os.Remove)
		damage(ids[1], func(path string) error { return os.WriteFile(path, []byte("other words"), 0o600) })
		r.await(ticketing.OutgoingFailed, 2, time.Second, 10*time.Minute)
		for _, id := range ids {
			if o := r.row(id); o.Reason != ReasonBytesGone {
				t.Errorf("reason %q", o.Reason)
			}
			r.wantReceived(id, 0)
		}
	})
}

func TestBigLetter(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		big := string(slices.Repeat([]byte("x"), 2*bigBody))
		ids := r.add(ticketing.Outgoing{Facts: ticketing.Facts{Body: big}}, ticketing.Outgoing{})
		r.start(nil)
		r.await(ticketing.OutgoingSent, 2, time.Second, time.Minute)
		if got := r.peer.received(ids[0]); len(got) != 1 || len(got[0]) < len(big) {
			t.Errorf("%d copies", len(got))
		}
	})
}

// A row of a door that is not configured waits and disturbs nobody.
func TestUnknownDoor(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ids := r.add(ticketing.Outgoing{Door: "mail:gone"}, ticketing.Outgoing{})
		r.start(nil)
		r.await(ticketing.OutgoingSent, 1, time.Second, time.Minute)
		if o := r.row(ids[0]); o.State != ticketing.OutgoingPending || o.Attempts != 0 {
			t.Errorf("%s, %d attempts", o.State, o.Attempts)
		}
	})
}
