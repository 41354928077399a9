package outbox

import (
	"context"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
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

func BenchmarkCourier(b *testing.B) {
	for _, workers := range []int{16, 64} {
		b.Run(map[int]string{16: "workers=16", 64: "workers=64"}[workers], func(b *testing.B) {
			r := newRig(b)
			defer r.close()
			for left := b.N; left > 0; left -= 500 {
				r.add(make([]ticketing.Outgoing, min(left, 500))...)
			}
			b.ResetTimer()
			_, end := r.start(func(cfg *CourierConfig) { cfg.Routes = map[string]Route{door: {Door: idle{}, Workers: workers}} })
			defer end()
			r.await(ticketing.OutgoingSent, b.N, 20*time.Millisecond, 5*time.Minute)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "letters/s")
		})
	}
}
