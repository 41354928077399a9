package doortest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// ledger keeps in memory what a door hands over, by the rules of ingest.Acceptor.
type ledger struct {
	door string

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every commit
	fails   int           // commits with items that still fail
	failed  int
	rows    []ingest.Raw
	cursors map[string]ticketing.Cursor
	faults  []string
}

func newLedger(door string) *ledger {
	return &ledger{door: door, changed: make(chan struct{}), cursors: map[string]ticketing.Cursor{}}
}

var errStore = errors.New("the store takes nothing")

func (l *ledger) Accept(ctx context.Context, door string, _ ticketing.Lease, items []ingest.Raw, cursor *ticketing.Cursor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if door != l.door {
		l.faults = append(l.faults, "accepted for door "+door+", the door is called "+l.door)
	}
	if len(items) > 0 && l.fails > 0 {
		l.fails--
		l.failed++
		return errStore
	}
	for _, item := range items {
		if item.Identity == "" {
			l.faults = append(l.faults, "an item without identity")
		}
		if item.Note == "" && len(item.Bytes) == 0 {
			l.faults = append(l.faults, item.Identity+" is empty")
		}
		if !slices.ContainsFunc(l.rows, func(r ingest.Raw) bool { return r.Identity == item.Identity }) {
			l.rows = append(l.rows, item)
		}
	}
	if cursor != nil {
		l.cursors[cursor.Place] = *cursor
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

func (l *ledger) Cursor(_ context.Context, place string) (ticketing.Cursor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.cursors[place]
	if !ok {
		return c, ticketing.ErrNotFound
	}
	return c, nil
}

func (l *ledger) Missing(_ context.Context, identities []string) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(identities), func(id string) bool {
		return slices.ContainsFunc(l.rows, func(r ingest.Raw) bool { return r.Identity == id })
	}), nil
}

func (l *ledger) Ready(ctx context.Context) error { return ctx.Err() }

func (l *ledger) AfterCare(context.Context, string) ([]ticketing.Inbound, error) { return nil, nil }

func (l *ledger) CareTaken(context.Context, []string) error { return nil }

func (l *ledger) Acquire(_ context.Context, name string) (ticketing.Lease, bool, error) {
	return ticketing.Lease{Name: name, Owner: "doortest", Fence: 1, End: time.Now().Add(time.Hour)}, true, nil
}

func (l *ledger) Release(context.Context, ticketing.Lease) error { return nil }

// wait returns when a commit has made done true of the rows.
func (l *ledger) wait(ctx context.Context, done func([]ingest.Raw) bool) error {
	for {
		l.mu.Lock()
		changed, ok := l.changed, done(l.rows)
		l.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// listen starts Receive and returns when it hears. The returned function ends it and checks that it does end.
func (b *bench) listen(l *ledger) (end func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	ended := make(chan error, 1)
	go func() { ended <- b.Door.Receive(ctx, l) }()
	var once sync.Once
	end = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				if err != nil && !errors.Is(err, context.Canceled) {
					b.t.Errorf("Receive was cancelled and ended with %v", err)
				}
			case <-b.ctx.Done():
				b.t.Error("Receive goes on after its context ended")
			}
		})
	}
	if err := b.Hear.Listening(b.ctx); err != nil {
		end()
		b.t.Fatalf("the door never listened: %v", err)
	}
	return end
}

// words looks for what was said among the rows, as Parse understands them.
func (b *bench) words(rows []ingest.Raw, words string) (found []ingest.Raw) {
	for _, r := range rows {
		h, err := b.Door.Parse(b.ctx, ticketing.Inbound{Door: b.Door.Name(), Identity: r.Identity}, r.Bytes)
		if err == nil && strings.Contains(h.Visible, words) {
			found = append(found, r)
		}
	}
	return found
}

// await waits until all of these words are in the ledger, once each.
func (b *bench) await(l *ledger, all ...string) {
	b.t.Helper()
	err := l.wait(b.ctx, func(rows []ingest.Raw) bool {
		return !slices.ContainsFunc(all, func(w string) bool { return len(b.words(rows, w)) == 0 })
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range all {
		if n := len(b.words(l.rows, w)); n != 1 {
			b.t.Errorf("%q was heard %d times (%v)", w, n, err)
		}
	}
	for _, f := range l.faults {
		b.t.Error(f)
	}
}

var said = []string{"primo messaggio", "secondo messaggio", "terzo messaggio"}

func (b *bench) say(words string) {
	b.t.Helper()
	if err := b.Hear.Say(words); err != nil {
		b.t.Fatalf("saying %q: %v", words, err)
	}
}

// receive: what is said is accepted, once, each under an identity of its own.
func (b *bench) receive() {
	l := newLedger(b.Door.Name())
	end := b.listen(l)
	for _, w := range said {
		b.say(w)
	}
	b.await(l, said...)
	end()
}

// receiveAgain: what the ledger could not store is not acknowledged and comes again, without anybody's help.
func (b *bench) receiveAgain() {
	l := newLedger(b.Door.Name())
	end := b.listen(l)
	l.mu.Lock()
	l.fails = 1
	l.mu.Unlock()
	for _, w := range said {
		b.say(w)
	}
	b.await(l, said...)
	if l.failed != 1 {
		b.t.Errorf("%d commits failed, want 1: the test shows nothing", l.failed)
	}
	end()
}

func (b *bench) receiveEnds() {
	b.listen(newLedger(b.Door.Name()))()
}

func (b *bench) receiveEndsInSilence() {
	if b.Hear.Mute == nil {
		b.t.Skip("the platform cannot be made to fall silent")
	}
	end := b.listen(newLedger(b.Door.Name()))
	b.Hear.Mute()
	end()
}
