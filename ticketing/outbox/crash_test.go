package outbox

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// dies runs a courier on a process that is killed somewhere, and returns when it is dead: its database takes nothing more, its door says
// and hears nothing more.
func (r *rig) dies(m *mortal, doubt Doubt, at string) {
	r.t.Helper()
	relay := r.relay()
	r.peer.at = func(ctx context.Context, point, id string) error {
		if point == at {
			m.die()
		}
		if m.dead() {
			return errDead
		}
		return nil
	}
	endRelay := r.run(relay.Run)
	timing := r.time
	timing.Grace = time.Millisecond
	end := r.run(r.courier(func(cfg *CourierConfig) {
		cfg.Store, cfg.Kick, cfg.Timing = m, relay.Kick, timing
		cfg.Routes = map[string]Route{door: {Door: r.peer, Doubt: doubt, Workers: 2}}
	}).Run)
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	select {
	case <-m.died:
	case <-limit.C:
	}
	end()
	endRelay()
	// What the process held in memory is gone with it.
	r.queue = NewMemory(0)
	r.peer.at = nil
}

// checkAfterCrash lets a new process run for a while and looks at what became of the rows.
func (r *rig) checkAfterCrash(ids []string, doubt Doubt, what string) {
	r.t.Helper()
	r.start(func(cfg *CourierConfig) {
		cfg.Routes = map[string]Route{door: {Door: r.peer, Doubt: doubt, Workers: 2}}
	})
	if doubt == DoubtAsk {
		time.Sleep(time.Minute)
		synctest.Wait()
	} else {
		r.await(ticketing.OutgoingSent, len(ids), 5*time.Second, 10*time.Minute)
	}
	doubtful := 0
	for _, id := range ids {
		o, got := r.row(id), r.peer.received(id)
		if !sameBytes(got) {
			r.t.Errorf("%s: different bytes left: %q", what, got)
		}
		if doubt != DoubtResend && len(got) > 1 {
			r.t.Errorf("%s: %s left %d times", what, id, len(got))
		}
		switch {
		case o.State == ticketing.OutgoingSent:
			if len(got) == 0 {
				r.t.Errorf("%s: %s is sent and did not arrive", what, id)
			}
		case doubt == DoubtAsk && o.State == ticketing.OutgoingInDoubt && o.DataStarted:
			doubtful++
		case doubt == DoubtAsk && o.State == ticketing.OutgoingPending && o.Attempts == 0:
			// Behind one in doubt.
		default:
			r.t.Errorf("%s: %s is %s", what, id, o.State)
		}
		if o.State != ticketing.OutgoingSending && o.Owner != "" {
			r.t.Errorf("%s: a lease is left", what)
		}
	}
	if doubtful > 2 {
		r.t.Errorf("%s: %d rows in doubt with two workers", what, doubtful)
	}
}

// crashRows is three people's letters, one of them with two.
func (r *rig) crashRows() []string {
	thread := r.thread()
	return r.add(ticketing.Outgoing{Thread: thread, Recipient: "mail:a@example.org"}, ticketing.Outgoing{}, ticketing.Outgoing{},
		ticketing.Outgoing{Thread: thread, Recipient: "mail:a@example.org"})
}

// The process is killed at every commit in turn, before it and after it, under each policy: K11, K13, K16 and whatever lies between.
func TestKilledAtEveryCommit(t *testing.T) {
	for _, doubt := range []Doubt{DoubtProbe, DoubtAsk, DoubtResend} {
		for _, half := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s half=%v", doubt, half), func(t *testing.T) {
				t.Parallel()
				for n := range 20 {
					survived := false
					bubble(t, func(t *testing.T, r *rig) {
						ids := r.crashRows()
						m := newMortal(r.store, n, half)
						r.dies(m, doubt, "")
						survived = !m.dead()
						r.checkAfterCrash(ids, doubt, fmt.Sprintf("commit %d", n))
					})
					if survived {
						if n < 8 {
							t.Errorf("only %d commits", n)
						}
						return
					}
				}
				t.Error("the letters took more commits than they may")
			})
		}
	}
}

// The process is killed at every step of the door: K11 to K15.
func TestKilledAtTheDoor(t *testing.T) {
	want := map[string]struct {
		started bool
		arrived int
	}{"render": {false, 0}, "connect": {false, 0}, "began": {true, 0}, "taken": {true, 1}}
	for point, want := range want {
		for _, doubt := range []Doubt{DoubtProbe, DoubtAsk, DoubtResend} {
			t.Run(fmt.Sprintf("%s %s", point, doubt), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T, r *rig) {
					id := r.add(ticketing.Outgoing{})[0]
					r.dies(newMortal(r.store, 1<<30, false), doubt, point)
					if o := r.row(id); o.State != ticketing.OutgoingSending || o.DataStarted != want.started {
						t.Fatalf("killed: %s, data started %v", o.State, o.DataStarted)
					}
					r.wantReceived(id, want.arrived)
					r.checkAfterCrash([]string{id}, doubt, point)
					total := len(r.peer.received(id))
					switch {
					case doubt == DoubtProbe || !want.started:
						if total != 1 {
							t.Errorf("arrived %d times", total)
						}
					case doubt == DoubtAsk:
						if o := r.row(id); total != want.arrived || o.State != ticketing.OutgoingInDoubt {
							t.Errorf("arrived %d times, %s", total, o.State)
						}
					case total != want.arrived+1:
						t.Errorf("arrived %d times", total)
					}
				})
			})
		}
	}
}

// A searcher killed in the middle of a search leaves the row in doubt, and the next one settles it.
func TestKilledWhileProbing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		id := r.add(ticketing.Outgoing{})[0]
		r.dies(newMortal(r.store, 1<<30, false), DoubtProbe, "taken")
		r.dies(newMortal(r.store, 1<<30, false), DoubtProbe, "probe")
		if o := r.row(id); o.State != ticketing.OutgoingInDoubt {
			t.Fatalf("%s", o.State)
		}
		r.checkAfterCrash([]string{id}, DoubtProbe, "probe")
		r.wantReceived(id, 1)
	})
}

// Many crashes of several couriers at work at once, with and without a queue that forgets everything in between.
func TestManyCrashes(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var ids []string
		for n := range 15 {
			thread := r.thread()
			ids = append(ids, r.add(slices.Repeat([]ticketing.Outgoing{{Thread: thread, Recipient: fmt.Sprintf("mail:%d@example.org", n)}}, 4)...)...)
		}
		for n := range 12 {
			r.dies(newMortal(r.store, 5+3*n, n%2 == 0), DoubtProbe, "")
			time.Sleep(time.Duration(n%4) * 5 * time.Second)
		}
		r.checkAfterCrash(ids, DoubtProbe, "many")
		for _, id := range ids {
			r.wantReceived(id, 1)
		}
		order := map[string][]string{}
		for _, id := range r.peer.order {
			to := r.row(id).Recipient
			order[to] = append(order[to], id)
		}
		for to, got := range order {
			if !slices.IsSorted(got) {
				t.Errorf("%s got them out of order", to)
			}
		}
	})
}
