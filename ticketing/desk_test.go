package ticketing

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// TestIDsRise: rows of one transaction share a millisecond, and what is made first has to leave first.
func TestIDsRise(t *testing.T) {
	var d Desk
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	var made []string
	for range 1000 {
		made = append(made, d.newID(now))
	}
	made = append(made, d.newID(now.Add(time.Millisecond)))
	if !slices.IsSorted(made) {
		t.Error("identifiers made one after the other do not rise")
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]bool{}
	for range 8 {
		wg.Go(func() {
			for range 200 {
				id := d.newID(now)
				mu.Lock()
				if seen[id] {
					t.Errorf("%s was made twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}
