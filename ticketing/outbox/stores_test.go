package outbox

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// quick is a timing for tests in real time.
func quick() Timing {
	t := DefaultTiming()
	t.Sweep, t.Expire, t.FirstRetry, t.FreeWait, t.SuspendWait = 300*time.Millisecond, 100*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	t.Searches = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond}
	t.ProbeEvery, t.ShortestWait = 20*time.Millisecond, 10*time.Millisecond
	return t
}

// busyRows is letters of which many meet with trouble.
func (r *rig) busyRows(threads, each int) (ids []string) {
	r.time = quick()
	moves := []move{accept, refuseForNow, breakBefore, breakDuring, breakAfter, unusable, crash}
	for n := range threads {
		for _, id := range r.add(slices.Repeat([]ticketing.Outgoing{{Thread: r.thread(), Recipient: fmt.Sprintf("mail:%d@example.org", n)}}, each)...) {
			r.peer.script(id, moves[len(ids)%len(moves)])
			ids = append(ids, id)
		}
	}
	return ids
}

func (r *rig) checkBusy(ids []string) {
	r.t.Helper()
	for _, id := range ids {
		r.wantReceived(id, 1)
	}
	last := map[string]string{}
	for _, id := range r.peer.order {
		to := r.row(id).Recipient
		if id < last[to] {
			r.t.Errorf("%s got a letter out of order", to)
		}
		last[to] = id
	}
}

// Several couriers and relays on one database, on each kind of database and queue.
func TestEveryStoreAndQueue(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, f ticketing.Files) {
		run := func(t *testing.T, queues func() Queue) {
			r := rigOn(t, db, f)
			defer r.close()
			ids := r.busyRows(14, 3)
			before := r.count()[ticketing.OutgoingSent]
			for range 3 {
				r.queue = queues()
				r.start(nil)
			}
			r.await(ticketing.OutgoingSent, before+len(ids), 20*time.Millisecond, time.Minute)
			r.checkBusy(ids)
		}
		t.Run("memory", func(t *testing.T) { run(t, func() Queue { return NewMemory(0) }) })
		eachRedis(t, func(t *testing.T, s redisServer) { run(t, func() Queue { return s.queue(t, nil) }) })
	})
}

// Redis is wiped again and again while letters go through it (R7).
func TestRedisIsWiped(t *testing.T) {
	eachRedis(t, func(t *testing.T, s redisServer) {
		r := newRig(t)
		defer r.close()
		ids := r.busyRows(30, 3)
		ctx := context.Background()
		for range 2 {
			q := s.queue(t, nil)
			r.queue = q
			r.start(nil)
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; r.count()[ticketing.OutgoingSent] < len(ids)*3/4; n++ {
			if n > 3000 {
				t.Fatalf("%v", r.count())
			}
			if n%2 == 0 {
				s.client.Del(ctx, s.prefix+":outbox:"+door)
			} else {
				s.client.Set(ctx, s.prefix+":outbox:"+door, "nonsense", 0)
			}
			<-tick.C
		}
		r.await(ticketing.OutgoingSent, len(ids), 20*time.Millisecond, time.Minute)
		r.checkBusy(ids)
	})
}

// Redis goes away in the middle and comes back empty.
func TestRedisDiesUnderWay(t *testing.T) {
	eachRedis(t, func(t *testing.T, s redisServer) {
		direct := s
		s, gate := s.gated(t)
		r := newRig(t)
		defer r.close()
		ids := r.busyRows(30, 3)
		r.queue = s.queue(t, nil)
		r.start(nil)
		reach := func(n int) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(time.Minute); r.count()[ticketing.OutgoingSent] < n; <-tick.C {
				if time.Now().After(end) {
					t.Fatalf("%v", r.count())
				}
			}
		}
		reach(10)
		gate.shut()
		reach(60)
		if err := direct.client.Del(context.Background(), s.prefix+":outbox:"+door).Err(); err != nil {
			t.Fatal(err)
		}
		gate.open()
		reach(len(ids))
		r.checkBusy(ids)
	})
}
