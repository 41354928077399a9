package outbox

import (
	"context"
	"errors"
	"sync"

	"github.com/sportello/sportello/ticketing"
)

// Causes for which the context of a sending ends.
var (
	errStopping = errors.New("outbox: the process is ending")
	errLost     = errors.New("outbox: the lease of the row is lost")
)

// job is a leased row in a courier's hand.
type job struct {
	o ticketing.Outgoing
	// sha and ref of bytes that were made now and are not yet noted in the row.
	sha string
	ref ticketing.Ref
	// body is the bytes, unless they are big; failed is why there are none.
	body   []byte
	failed error

	ctx    context.Context
	cancel context.CancelCauseFunc

	// Kept by the hand.
	entered bool // began was called: the sending is not cut short any more
	lost    bool
	// settling: the end of the row's lease is being committed; that it is no longer held then is no loss.
	settling bool
}

// hand is all rows which a courier holds.
type hand struct {
	mu       sync.Mutex
	jobs     map[string]*job
	stopping bool
}

// add takes a leased row in; parent outlives the shutdown's beginning.
func (h *hand) add(parent context.Context, o ticketing.Outgoing) *job {
	j := &job{o: o}
	j.ctx, j.cancel = context.WithCancelCause(parent)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.jobs[o.ID] = j
	if h.stopping {
		j.cancel(errStopping)
	}
	return j
}

func (h *hand) remove(j *job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.jobs[j.o.ID] == j {
		delete(h.jobs, j.o.ID)
	}
	j.cancel(nil)
}

// enter passes the point after which a sending is finished also at shutdown.
func (h *hand) enter(j *job) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case j.lost:
		return errLost
	case h.stopping && !j.entered:
		return errStopping
	}
	j.entered = true
	return nil
}

// stop ends all sendings that have not begun.
func (h *hand) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopping = true
	for _, j := range h.jobs {
		if !j.entered {
			j.cancel(errStopping)
		}
	}
}

func (h *hand) ids() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make([]string, 0, len(h.jobs))
	for id := range h.jobs {
		ids = append(ids, id)
	}
	return ids
}

// keep marks as lost what was asked for and is not held any more.
func (h *hand) keep(asked, held []string) (lost []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	still := make(map[string]bool, len(held))
	for _, id := range held {
		still[id] = true
	}
	for _, id := range asked {
		if j := h.jobs[id]; j != nil && !still[id] && !j.settling {
			j.lost = true
			j.cancel(errLost)
			lost = append(lost, id)
		}
	}
	return lost
}

// settle says that the row is about to be settled. Its lease is renewed until then.
func (h *hand) settle(j *job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	j.settling = true
}

func (h *hand) isLost(j *job) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return j.lost
}
