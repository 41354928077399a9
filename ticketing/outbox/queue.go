package outbox

import (
	"context"
	"sync"
)

// Queue carries ids of outgoing rows from relays to couriers, one line a door, so that a slow door does not hold up the others. It
// promises little: an id may get lost, come twice or out of order. What is due is known by the database alone.
type Queue interface {
	// Publish offers ids. It does not wait for room: what does not fit is dropped and offered again by a later sweep.
	Publish(ctx context.Context, door string, ids []string)
	// Next waits for ids of a door and returns from one to max of them, or the error of ctx.
	Next(ctx context.Context, door string, max int) ([]Delivery, error)
	// Close ends what the queue runs of its own. Nobody may be in Next any more.
	Close() error
}

// Delivery is an id handed to a courier.
type Delivery struct {
	ID  string
	ack func()
}

// Ack tells the queue that the id needs no further delivery: the row is leased, or is not to be sent.
func (d Delivery) Ack() {
	if d.ack != nil {
		d.ack()
	}
}

// DefaultCapacity is how many ids wait at a door at most, about 4 MiB. With a sweep every 15 s this still allows 2,000 letters a second
// when more than these wait.
const DefaultCapacity = 32768

// Memory is the queue inside one process.
type Memory struct {
	capacity int
	mu       sync.Mutex
	lines    map[string]*line
}

// line is what waits at one door, first in, first out, each id once.
type line struct {
	ids  []string
	head int
	have map[string]struct{}
	wake chan struct{} // holds a token while ids may wait
}

// NewMemory makes a queue that keeps at most capacity ids a door; 0 takes DefaultCapacity.
func NewMemory(capacity int) *Memory {
	if capacity <= 0 {
		capacity = DefaultCapacity
	}
	return &Memory{capacity: capacity, lines: map[string]*line{}}
}

// line needs mu.
func (m *Memory) line(door string) *line {
	l := m.lines[door]
	if l == nil {
		l = &line{have: map[string]struct{}{}, wake: make(chan struct{}, 1)}
		m.lines[door] = l
	}
	return l
}

func (l *line) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Publish implements Queue.
func (m *Memory) Publish(_ context.Context, door string, ids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.line(door)
	for _, id := range ids {
		if len(l.have) >= m.capacity {
			break
		}
		if _, waits := l.have[id]; !waits {
			l.have[id] = struct{}{}
			l.ids = append(l.ids, id)
		}
	}
	if len(l.have) > 0 {
		l.signal()
	}
}

// Next implements Queue.
func (m *Memory) Next(ctx context.Context, door string, max int) ([]Delivery, error) {
	for {
		ds, wake := m.take(door, max)
		if len(ds) > 0 {
			return ds, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (m *Memory) take(door string, max int) ([]Delivery, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.line(door)
	n := min(len(l.have), max)
	if n == 0 {
		return nil, l.wake
	}
	ds := make([]Delivery, n)
	for i := range ds {
		id := l.ids[l.head+i]
		l.ids[l.head+i] = ""
		delete(l.have, id)
		ds[i].ID = id
	}
	l.head += n
	switch {
	case len(l.have) == 0:
		l.ids, l.head = nil, 0
		l.have = map[string]struct{}{} // a map never shrinks
	case l.head > len(l.ids)/2 && l.head > 64:
		l.ids = append(l.ids[:0], l.ids[l.head:]...)
		l.head = 0
	}
	if len(l.have) > 0 {
		l.signal()
	}
	return ds, l.wake
}

// Close implements Queue.
func (m *Memory) Close() error { return nil }
