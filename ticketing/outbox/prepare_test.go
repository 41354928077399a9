package outbox

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// flaky fails the first Puts, as a full disk does, and tells the hash of what it has not stored.
type flaky struct {
	ticketing.Files
	left atomic.Int32
}

func (f *flaky) Put(ctx context.Context, r io.Reader) (string, int64, error) {
	if f.left.Add(-1) >= 0 {
		return "0000000000000000000000000000000000000000000000000000000000000000", 0, errors.New("no room")
	}
	return f.Files.Put(ctx, r)
}

// A letter whose bytes could not be stored is rendered again: its row never names bytes that are not there.
func TestBytesThatWereNotStored(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ids := r.add(ticketing.Outgoing{})
		f := &flaky{Files: r.files}
		f.left.Store(2)
		r.start(func(cfg *CourierConfig) { cfg.Files = f })
		r.await(ticketing.OutgoingSent, 1, time.Second, time.Hour)
		r.wantReceived(ids[0], 1)
	})
}
