package outbox

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store/files"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// idle is a door that costs nothing, so that the outbox alone is measured.
type idle struct{}

func (idle) Render(_ context.Context, o ticketing.Outgoing) ([]byte, ticketing.Ref, error) {
	return []byte("a letter for " + o.ID), ticketing.Ref("mail:" + o.ID + "@example.org"), nil
}

func (idle) Send(_ context.Context, _ ticketing.Outgoing, _ []byte, began func() error) (ticketing.Ref, string, error) {
	return "", "250 ok", began()
}

func (idle) Probe(context.Context, ticketing.Outgoing) (ticketing.Found, ticketing.Ref, error) {
	return ticketing.ProbeMissing, "", nil
}

// BenchmarkCourier prints letters a second through relay, queue and courier, every one leased, rendered, stored, started and settled
// durably, with as many rows due as there are iterations.
func BenchmarkCourier(b *testing.B) {
	run := func(b *testing.B, r *rig) {
		defer r.close()
		for left := b.N; left > 0; left -= 500 {
			r.add(make([]ticketing.Outgoing, min(left, 500))...)
		}
		b.ResetTimer()
		_, end := r.start(func(cfg *CourierConfig) { cfg.Routes = map[string]Route{door: {Door: idle{}}} })
		defer end()
		r.await(ticketing.OutgoingSent, b.N, 20*time.Millisecond, 5*time.Minute)
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "letters/s")
	}
	queues := func(b *testing.B, rig func(b *testing.B) *rig) {
		b.Run("memory", func(b *testing.B) { run(b, rig(b)) })
		b.Run("redis", func(b *testing.B) {
			url := os.Getenv("SPORTELLO_TEST_REDIS")
			if url == "" {
				b.Skip("SPORTELLO_TEST_REDIS is not set")
			}
			r := rig(b)
			r.queue = redisServer{url: url, prefix: "bench"}.queue(b, nil)
			run(b, r)
		})
	}
	b.Run("sqlite", func(b *testing.B) { queues(b, func(b *testing.B) *rig { return newRig(b) }) })
	b.Run("postgres", func(b *testing.B) {
		queues(b, func(b *testing.B) *rig {
			db := storetest.OpenDSN(b, storetest.Schema(b))
			return rigOn(b, db, files.NewSQL(db.Pool()))
		})
	})
}
