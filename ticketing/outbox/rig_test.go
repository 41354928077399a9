package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/files"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const door = "mail:test"

// rig is an outbox on a real database with a peer that does what the test tells it.
type rig struct {
	t        testing.TB
	store    ticketing.Store
	files    ticketing.Files
	filesDir string
	queue    Queue
	peer     *peer
	time     Timing
	log      *slog.Logger
	stop     []func()
}

func newRig(t testing.TB) *rig {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{DSN: filepath.Join(t.TempDir(), "outbox.db"), Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "files")
	disk, err := files.NewDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := rigOn(t, db, disk)
	r.filesDir = dir
	r.stop = append(r.stop, func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func rigOn(t testing.TB, db ticketing.Store, f ticketing.Files) *rig {
	r := &rig{t: t, store: db, files: f, queue: NewMemory(0), peer: newPeer(), time: DefaultTiming(), log: slog.New(slog.DiscardHandler)}
	if os.Getenv("SPORTELLO_TEST_LOG") != "" {
		r.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return r
}

// close ends everything, last started first. It stands at the end of the test's body, so that it runs inside a synctest bubble.
func (r *rig) close() {
	for _, f := range slices.Backward(r.stop) {
		f()
	}
}

// run starts something with a Run and returns what ends it.
func (r *rig) run(f func(context.Context) error) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil {
			r.t.Error(err)
		}
	}()
	var once sync.Once
	end = func() {
		once.Do(func() {
			cancel()
			<-done
		})
	}
	r.stop = append(r.stop, end)
	return end
}

func (r *rig) relay() *Relay {
	return NewRelay(RelayConfig{Store: r.store, Queue: r.queue, Doors: []string{door}, Timing: r.time, Log: r.log})
}

func (r *rig) courier(change func(*CourierConfig)) *Courier {
	cfg := CourierConfig{Store: r.store, Files: r.files, Queue: r.queue, Timing: r.time, Log: r.log,
		Routes: map[string]Route{door: {Door: r.peer, Doubt: DoubtProbe}}, Jitter: func() float64 { return 0 }}
	if change != nil {
		change(&cfg)
	}
	return NewCourier(cfg)
}

// start runs one relay and one courier.
func (r *rig) start(change func(*CourierConfig)) (relay *Relay, end func()) {
	relay = r.relay()
	endRelay := r.run(relay.Run)
	endCourier := r.run(r.courier(func(cfg *CourierConfig) {
		cfg.Kick = relay.Kick
		if change != nil {
			change(cfg)
		}
	}).Run)
	return relay, func() { endCourier(); endRelay() }
}

func (r *rig) update(fn func(ticketing.Tx) error) {
	r.t.Helper()
	if err := r.store.Update(context.Background(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// thread makes a thread that rows can belong to.
func (r *rig) thread() string {
	r.t.Helper()
	id := ulid.Make().String()
	r.update(func(tx ticketing.Tx) error {
		return tx.SaveThread(context.Background(), &ticketing.Thread{ID: id, Key: strings.ToLower(id[16:]), Door: door, State: ticketing.ThreadTicket, OpenedAt: tx.Now()})
	})
	return id
}

// add writes rows that are due, each for a person of its own unless the row says otherwise, and returns their ids.
func (r *rig) add(rows ...ticketing.Outgoing) []string {
	r.t.Helper()
	var ids []string
	r.update(func(tx ticketing.Tx) error {
		ids = nil
		for _, o := range rows {
			o.ID = cmp.Or(o.ID, ulid.Make().String())
			o.Cause = cmp.Or(o.Cause, "test:"+o.ID)
			o.Kind = cmp.Or(o.Kind, ticketing.LetterReceived)
			o.Recipient = cmp.Or(o.Recipient, "mail:"+strings.ToLower(o.ID)+"@example.org")
			o.Door = cmp.Or(o.Door, door)
			if _, err := tx.InsertOutgoing(context.Background(), &o); err != nil {
				return err
			}
			ids = append(ids, o.ID)
		}
		return nil
	})
	return ids
}

func (r *rig) row(id string) (o ticketing.Outgoing) {
	r.t.Helper()
	err := r.store.View(context.Background(), func(tx ticketing.Tx) (err error) {
		o, err = tx.Outgoing(context.Background(), id)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return o
}

// events is the codes of what was written about a thread.
func (r *rig) events(thread string) (codes []string) {
	r.t.Helper()
	err := r.store.View(context.Background(), func(tx ticketing.Tx) error {
		events, err := tx.Events(context.Background(), thread, 0)
		for _, e := range events {
			codes = append(codes, e.Code)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return codes
}

func (r *rig) count() (counts map[ticketing.OutgoingState]int) {
	r.t.Helper()
	err := r.store.View(context.Background(), func(tx ticketing.Tx) (err error) {
		counts, err = tx.CountOutgoing(context.Background())
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return counts
}

// await waits until as many rows are in a state, looking again every step; limit is a guard against hanging.
func (r *rig) await(state ticketing.OutgoingState, n int, step, limit time.Duration) {
	r.t.Helper()
	tick := time.NewTicker(step)
	defer tick.Stop()
	for end := time.Now().Add(limit); ; {
		counts := r.count()
		if counts[state] == n {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("%d rows %s were expected, there are %v", n, state, counts)
		}
		<-tick.C
	}
}

// move is what the peer does with one sending.
type move int

const (
	accept        move = iota
	refuseForNow       // 4xx before the message
	refuseForEver      // 5xx after the message
	breakBefore        // the connection breaks before the message
	breakDuring        // … after the message began; the receiver does not have it
	breakAfter         // … after the receiver took it, before its answer was read
	busy               // 429
	unusable           // the whole door
	crash              // the door's code panics
)

// peer is a receiver and the door to it.
type peer struct {
	mu       sync.Mutex
	moves    map[string][]move // by row, one a sending; then accept
	got      map[string][]string
	order    []string
	rendered map[string]int
	sendings map[string]int
	probes   map[string]int
	blind    bool // searches are not possible
	// at is called at each point with the row's id, if set.
	at func(ctx context.Context, point, id string) error
}

func newPeer() *peer {
	return &peer{moves: map[string][]move{}, got: map[string][]string{}, rendered: map[string]int{}, sendings: map[string]int{}, probes: map[string]int{}}
}

func (p *peer) point(ctx context.Context, name, id string) error {
	p.mu.Lock()
	at := p.at
	p.mu.Unlock()
	if at == nil {
		return nil
	}
	return at(ctx, name, id)
}

func (p *peer) Render(ctx context.Context, o ticketing.Outgoing) ([]byte, ticketing.Ref, error) {
	if err := p.point(ctx, "render", o.ID); err != nil {
		return nil, "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rendered[o.ID]++
	// Each rendering is different, so that a second one is seen.
	return fmt.Appendf(nil, "%s %s #%d", o.ID, o.Facts.Body, p.rendered[o.ID]), ticketing.Ref("mail:" + o.ID + "@example.org"), nil
}

func (p *peer) Send(ctx context.Context, o ticketing.Outgoing, body []byte, began func() error) (ticketing.Ref, string, error) {
	p.mu.Lock()
	p.sendings[o.ID]++
	do := accept
	if moves := p.moves[o.ID]; len(moves) > 0 {
		do, p.moves[o.ID] = moves[0], moves[1:]
	}
	p.mu.Unlock()
	if err := p.point(ctx, "connect", o.ID); err != nil {
		return "", "", err
	}
	if err := ctx.Err(); err != nil {
		return "", "", err
	}
	switch do {
	case refuseForNow:
		return "", "", &ticketing.SendError{Verdict: ticketing.SendTemporary, Code: "451", Answer: "451 later"}
	case breakBefore:
		return "", "", errors.New("connection reset")
	case busy:
		return "", "", &ticketing.SendError{Verdict: ticketing.SendTemporary, Code: "ratelimited", Free: true, After: 7 * time.Second}
	case unusable:
		return "", "", &ticketing.SendError{Verdict: ticketing.SendSuspend, Code: "535"}
	}
	if err := began(); err != nil {
		return "", "", err
	}
	if err := p.point(ctx, "began", o.ID); err != nil {
		return "", "", err
	}
	switch do {
	case breakDuring:
		return "", "", errors.New("broken pipe")
	case refuseForEver:
		return "", "", &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: "550", Answer: "550 no such person"}
	case crash:
		panic("the door's code failed")
	}
	p.mu.Lock()
	p.got[o.ID] = append(p.got[o.ID], string(body))
	p.order = append(p.order, o.ID)
	p.mu.Unlock()
	if err := p.point(ctx, "taken", o.ID); err != nil {
		return "", "", err
	}
	if do == breakAfter {
		return "", "", &ticketing.SendError{Verdict: ticketing.SendUnknown, Code: "timeout", Err: errors.New("no answer")}
	}
	return "", "250 2.0.0 " + o.ID, nil
}

func (p *peer) Probe(ctx context.Context, o ticketing.Outgoing) (ticketing.Found, ticketing.Ref, error) {
	if err := p.point(ctx, "probe", o.ID); err != nil {
		return ticketing.ProbeImpossible, "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probes[o.ID]++
	switch {
	case p.blind:
		// Cut off in the middle: what was seen proves nothing.
		return ticketing.ProbeMissing, "", errors.New("the folder cannot be read to its end")
	case len(p.got[o.ID]) > 0:
		return ticketing.ProbeFound, "", nil
	}
	return ticketing.ProbeMissing, "", nil
}

func (p *peer) script(id string, moves ...move) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moves[id] = moves
}

func (p *peer) received(id string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got[id])
}

// mortal is the database as a process sees it that is killed: after death nothing is committed any more.
type mortal struct {
	ticketing.Store
	left atomic.Int64 // Updates before death
	half bool         // the last one is committed, but its caller does not learn of it
	died chan struct{}
	once sync.Once
}

var errDead = errors.New("the process is dead")

func newMortal(s ticketing.Store, updates int, half bool) *mortal {
	m := &mortal{Store: s, half: half, died: make(chan struct{})}
	m.left.Store(int64(updates))
	return m
}

func (m *mortal) die() { m.once.Do(func() { close(m.died) }) }

func (m *mortal) dead() bool {
	select {
	case <-m.died:
		return true
	default:
		return false
	}
}

func (m *mortal) Update(ctx context.Context, fn func(ticketing.Tx) error) error {
	left := m.left.Add(-1)
	if left < 0 || m.dead() {
		m.die()
		return errDead
	}
	err := m.Store.Update(ctx, fn)
	if left == 0 && m.half {
		m.die()
		return errDead
	}
	return err
}

func (m *mortal) View(ctx context.Context, fn func(ticketing.Tx) error) error {
	if m.dead() {
		return errDead
	}
	return m.Store.View(ctx, fn)
}

func sameBytes(bodies []string) bool {
	return !slices.ContainsFunc(bodies, func(b string) bool { return b != bodies[0] })
}
