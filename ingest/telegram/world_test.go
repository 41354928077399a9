package telegram_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ingest/telegram"
	"github.com/sportello/sportello/ingest/telegram/telegramtest"
	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store/files"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit ends a test that hangs.
const limit = 60 * time.Second

const (
	marta = 501
	luigi = 502
)

type world struct {
	*telegramtest.Server
	t     *testing.T
	ctx   context.Context
	door  *telegram.Door
	files ticketing.Files
	rows  int
}

// newWorld makes a bot with two people who have opened its chat, and the door to it.
func newWorld(t *testing.T, o telegramtest.Options, change ...func(*telegram.Config)) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	w := &world{Server: telegramtest.New(o), t: t, ctx: ctx}
	t.Cleanup(func() { cancel(); w.Close() })
	w.Person(telegramtest.User{ID: marta, First: "Marta", Last: "Bianchi", Language: "it"})
	w.Person(telegramtest.User{ID: luigi, First: "Luigi", Language: "en-GB"})
	words, err := templates.Load()
	if err != nil {
		t.Fatal(err)
	}
	if w.files, err = files.NewDisk(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	token := o.Token
	if token == "" {
		token = telegramtest.Token
	}
	c := telegram.Config{Token: ticketing.NewSecret(token), APIURL: w.URL, Queue: "assistenza", Words: words, Files: w.files, PublicURL: "https://help.example.com",
		Poll: 30 * time.Second, Pace: -1, Renew: 50 * time.Millisecond, Retry: 5 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	if w.door, err = telegram.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.door.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) place(parts ...any) string {
	s := w.door.Name()
	for _, p := range parts {
		s += fmt.Sprint("/", p)
	}
	return s
}

// row is an outgoing row of a kind for Marta's chat.
func (w *world) row(kind ticketing.OutgoingKind, f ticketing.Facts) ticketing.Outgoing {
	w.rows++
	if f.Place == "" {
		f.Place = w.place(marta)
	}
	if f.Language == "" {
		f.Language = "it"
	}
	f.Number, f.Zone = 1042, "Europe/Rome"
	return ticketing.Outgoing{ID: fmt.Sprintf("01M86DSPEG7TJ2P6Y4XC%06d", w.rows), Kind: kind, Door: w.door.Name(), Ticket: 1042, Facts: f}
}

// send renders and sends a row.
func (w *world) send(o ticketing.Outgoing) (ticketing.Ref, error) {
	w.t.Helper()
	raw, _, err := w.door.Render(w.ctx, o)
	if err != nil {
		return "", err
	}
	ref, _, err := w.door.Send(w.ctx, o, raw, func() error { return nil })
	return ref, err
}

// file stores bytes for an answer.
func (w *world) file(name, media string, data string) ticketing.FileRef {
	w.t.Helper()
	sha, size, err := w.files.Put(w.ctx, strings.NewReader(data))
	if err != nil {
		w.t.Fatal(err)
	}
	return ticketing.FileRef{Name: name, Type: media, Size: size, SHA: sha}
}

// fault is the verdict in an error.
func fault(t *testing.T, err error) *ticketing.SendError {
	t.Helper()
	var e *ticketing.SendError
	if !errors.As(err, &e) {
		t.Fatalf("an error without a verdict: %v", err)
	}
	return e
}

// ledger keeps what is accepted, as the acceptor promises; its lease can be taken away.
type ledger struct {
	mu      sync.Mutex
	fail    int
	fence   int64
	taken   bool // another process has the lease
	items   []ingest.Raw
	changed chan struct{}
	blocked chan struct{} // Ready waits while it is open
}

func newLedger() *ledger { return &ledger{changed: make(chan struct{}), fence: 1} }

func (l *ledger) Accept(ctx context.Context, _ string, lease ticketing.Lease, items []ingest.Raw, _ *ticketing.Cursor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if lease.Fence != l.fence {
		return ticketing.ErrFenced
	}
	if l.fail > 0 {
		l.fail--
		return ticketing.ErrFull
	}
	for _, item := range items {
		if !slices.ContainsFunc(l.items, func(r ingest.Raw) bool { return r.Identity == item.Identity }) {
			l.items = append(l.items, item)
		}
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

func (l *ledger) Cursor(context.Context, string) (ticketing.Cursor, error) {
	return ticketing.Cursor{}, ticketing.ErrNotFound
}
func (l *ledger) Missing(context.Context, []string) ([]string, error) { return nil, nil }

func (l *ledger) Ready(ctx context.Context) error {
	if l.blocked == nil {
		return ctx.Err()
	}
	select {
	case <-l.blocked:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
func (l *ledger) AfterCare(context.Context, string) ([]ticketing.Inbound, error) { return nil, nil }
func (l *ledger) CareTaken(context.Context, []string) error                      { return nil }
func (l *ledger) Acquire(_ context.Context, name string) (ticketing.Lease, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return ticketing.Lease{Name: name, Owner: "test", Fence: l.fence, End: time.Now().Add(time.Minute)}, !l.taken, nil
}
func (l *ledger) Release(context.Context, ticketing.Lease) error { return nil }

// await returns the items when there are n of them.
func (l *ledger) await(ctx context.Context, t *testing.T, n int) []ingest.Raw {
	t.Helper()
	for {
		l.mu.Lock()
		changed, items := l.changed, slices.Clone(l.items)
		l.mu.Unlock()
		if len(items) >= n {
			return items
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%d items came, not %d", len(items), n)
		}
	}
}

// receive runs the door until the test ends.
func (w *world) receive(l *ledger) (end func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.door.Receive(ctx, l); !errors.Is(err, context.Canceled) {
			w.t.Errorf("Receive ended with %v", err)
		}
	}()
	end = sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(end)
	return end
}

// parse reads an update as the ledger does.
func (w *world) parse(raw []byte) ticketing.Heard {
	w.t.Helper()
	h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, raw)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// heard is what the door makes of everything that happened at the double so far.
func (w *world) heard() (all []ticketing.Heard) {
	w.t.Helper()
	l := newLedger()
	n := len(w.Waiting())
	end := w.receive(l)
	for _, item := range l.await(w.ctx, w.t, n) {
		all = append(all, w.parse(item.Bytes))
	}
	w.until("all is confirmed", func() bool { return len(w.Waiting()) == 0 })
	end()
	return all
}
