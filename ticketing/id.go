package ticketing

import (
	"io"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// IDs makes ULIDs that always rise, whatever order the times of concurrent transactions come in: the rows of one transaction keep the order in
// which they were made. The zero value is ready and safe for concurrent use.
type IDs struct {
	mu   sync.Mutex
	last ulid.ULID
}

// Next makes the id of something that happens now, with randomness from random. Where a later time has been used already, the id carries
// that one.
func (s *IDs) Next(now time.Time, random io.Reader) ulid.ULID {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := ulid.MustNew(max(ulid.Timestamp(now), s.last.Time()), random)
	if id.Compare(s.last) <= 0 {
		id = s.last
		for i := len(id) - 1; i >= 6; i-- { // the last 10 of the 16 bytes are the random ones
			if id[i]++; id[i] != 0 {
				break
			}
		}
	}
	s.last = id
	return id
}
