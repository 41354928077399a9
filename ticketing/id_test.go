package ticketing_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// Two transactions that began at different times make ids in turn: each one's stay in order.
func TestIDsRise(t *testing.T) {
	var ids ticketing.IDs
	early := time.UnixMilli(1_800_000_000_000)
	late := early.Add(time.Millisecond)
	last := ids.Next(early, rand.Reader)
	for i := range 1000 {
		now := early
		if i%2 == 0 {
			now = late
		}
		id := ids.Next(now, rand.Reader)
		if id.Compare(last) <= 0 {
			t.Fatalf("id %d, %s, does not come after %s", i, id, last)
		}
		last = id
	}
}
