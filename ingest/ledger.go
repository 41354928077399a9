package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// Limits of the ledger. Every one is a setting.
type Limits struct {
	MaxWaiting int           // rows accepted and not done above which nothing more is taken in
	MinFree    uint64        // bytes of free disk below which nothing more is taken in
	MinShare   float64       // the same as a share of the disk, 0..1; the larger of the two holds
	Batch      int           // rows taken at a time
	Workers    int           // rows decided at a time
	Lease      time.Duration // how long a taken row belongs to its process
	Place      time.Duration // life of the lease of a mailbox or channel
	Parse      time.Duration // wall clock of one reading
	MaxRefetch int64         // bytes of an item that is fetched again because a person asked for it
	Failures   int           // failed attempts after which a row is quarantined
	Attempts   int           // attempts, failed through nobody's fault, after which it is quarantined all the same; 0: never
	Poll       time.Duration // how often rows of other processes are looked for
}

// DefaultLimits are those of reliability.md 2.2, 5 and 6.
func DefaultLimits() Limits {
	return Limits{MaxWaiting: 1000, MinFree: 1 << 30, MinShare: 0.05, Batch: 250, Workers: 64, Lease: 30 * time.Second, Place: 12 * time.Second,
		Parse: 5 * time.Second, MaxRefetch: 128 << 20, Failures: 3, Poll: time.Second}
}

// Decider is the bot as the ledger sees it.
type Decider interface {
	// Look searches articles for a message, outside any transaction. Its error costs the customer only the offer.
	Look(ctx context.Context, h *ticketing.Heard) (ticketing.Findings, error)
	Decide(c *ticketing.Case) ticketing.Decision
}

// Ledger accepts what doors hear and works on it. All processes of an installation share one ledger in the database.
type Ledger struct {
	Store  ticketing.Store
	Files  ticketing.Files
	Desk   *ticketing.Desk
	Decide Decider
	Doors  map[string]Door // by name
	Limits Limits
	Owner  string // unique name of this process
	Log    *slog.Logger
	// Free tells the free and the whole size of the disk that holds the files, in bytes; nil means that there is nothing to watch.
	Free func() (free, total uint64, err error)
	// Committed is called after every commit that may have made letters due.
	Committed func()

	decided atomic.Int64
	ids     ticketing.IDs // their order is that of arrival (I7)

	once sync.Once
	wake chan struct{}
	mu   sync.Mutex
	full string // why nothing is taken in, "" while it is
}

var _ Acceptor = (*Ledger)(nil)

func (l *Ledger) init() {
	l.once.Do(func() { l.wake = make(chan struct{}, 1) })
}

// Wake makes the ledger look for due rows now.
func (l *Ledger) Wake() {
	l.init()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// batchPutter is what files stores offer that sync a folder once for several files.
type batchPutter interface {
	PutAll(ctx context.Context, blobs [][]byte) ([]string, error)
}

// Accept implements Acceptor (reliability.md K5 and K6): the bytes first, then rows and cursor in one commit.
func (l *Ledger) Accept(ctx context.Context, door string, lease ticketing.Lease, items []Raw, cursor *ticketing.Cursor) error {
	l.init()
	shas, err := l.putAll(ctx, items)
	if err != nil {
		return l.trouble(err)
	}
	err = l.Store.Update(ctx, func(tx ticketing.Tx) error {
		if lease.Name != "" {
			if err := tx.CheckLease(ctx, lease); err != nil {
				return err
			}
		}
		now := tx.Now()
		for i, item := range items {
			in := &ticketing.Inbound{ID: l.ids.Next(now, rand.Reader).String(), Door: door, Identity: item.Identity,
				RawSHA: shas[i], RawSize: int64(len(item.Bytes)), Note: item.Note, Detail: item.Detail, State: ticketing.InboundAccepted,
				ServerAt: item.ServerAt, AcceptedAt: now, NextAt: now}
			if item.Quiet && in.Note == "" {
				in.Note = ticketing.NoteQuiet
			}
			if _, err := tx.InsertInbound(ctx, in); err != nil {
				return err
			}
		}
		if cursor == nil {
			return nil
		}
		return tx.SetCursor(ctx, *cursor)
	})
	if err != nil {
		return l.trouble(err)
	}
	if len(items) > 0 {
		l.Wake()
	}
	return nil
}

func (l *Ledger) putAll(ctx context.Context, items []Raw) ([]string, error) {
	if len(items) == 0 {
		return nil, nil
	}
	blobs := make([][]byte, len(items))
	for i := range items {
		blobs[i] = items[i].Bytes
	}
	if all, ok := l.Files.(batchPutter); ok {
		return all.PutAll(ctx, blobs)
	}
	shas := make([]string, len(blobs))
	for i, b := range blobs {
		sha, _, err := l.Files.Put(ctx, bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		shas[i] = sha
	}
	return shas, nil
}

// trouble remembers that something could not be stored: Ready then waits until storing works again. A lost lease and a door that stops
// are no trouble of the store.
func (l *Ledger) trouble(err error) error {
	if errors.Is(err, ticketing.ErrFenced) || errors.Is(err, context.Canceled) {
		return err
	}
	l.mu.Lock()
	l.full = "store"
	l.mu.Unlock()
	return err
}

// Cursor implements Acceptor.
func (l *Ledger) Cursor(ctx context.Context, place string) (c ticketing.Cursor, err error) {
	err = l.Store.View(ctx, func(tx ticketing.Tx) error {
		c, err = tx.Cursor(ctx, place)
		return err
	})
	return c, err
}

// Missing implements Acceptor.
func (l *Ledger) Missing(ctx context.Context, identities []string) ([]string, error) {
	var known map[string]bool
	err := l.Store.View(ctx, func(tx ticketing.Tx) (err error) {
		known, err = tx.KnownIdentities(ctx, identities)
		return err
	})
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, id := range identities {
		if !known[id] {
			missing = append(missing, id)
		}
	}
	return missing, nil
}

// AfterCare implements Acceptor.
func (l *Ledger) AfterCare(ctx context.Context, door string) (rows []ticketing.Inbound, err error) {
	err = l.Store.View(ctx, func(tx ticketing.Tx) (err error) {
		rows, err = tx.AfterCare(ctx, door, 200)
		return err
	})
	return rows, err
}

// CareTaken implements Acceptor.
func (l *Ledger) CareTaken(ctx context.Context, ids []string) error {
	return l.Store.Update(ctx, func(tx ticketing.Tx) error { return tx.AfterCareDone(ctx, ids) })
}

// Acquire implements Acceptor.
func (l *Ledger) Acquire(ctx context.Context, name string) (lease ticketing.Lease, ok bool, err error) {
	err = l.Store.Update(ctx, func(tx ticketing.Tx) (err error) {
		lease, ok, err = tx.AcquireLease(ctx, name, l.Owner, l.Limits.Place)
		return err
	})
	return lease, ok, err
}

// Release implements Acceptor.
func (l *Ledger) Release(ctx context.Context, lease ticketing.Lease) error {
	return l.Store.Update(ctx, func(tx ticketing.Tx) error { return tx.ReleaseLease(ctx, lease) })
}

// probePlace is the cursor that is written to see whether a commit goes through. All processes share it, so that it stays one row.
const probePlace = "probe"

// readyPause is how often a full ledger looks whether it may take in again.
const readyPause = time.Second

// Ready implements Acceptor: it blocks while the backlog, the disk or the database say stop, and recovers by itself.
func (l *Ledger) Ready(ctx context.Context) error {
	for {
		why := l.blocked(ctx)
		l.mu.Lock()
		changed := l.full != why
		l.full = why
		l.mu.Unlock()
		if changed && l.Log != nil {
			if why != "" {
				l.Log.Warn("intake paused", "reason", why)
			} else {
				l.Log.Info("intake resumed")
			}
		}
		if why == "" {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(readyPause):
		}
	}
}

// Decided is how many items this process has brought to their outcome.
func (l *Ledger) Decided() int64 { return l.decided.Load() }

// Paused tells why nothing is taken in: "backlog", "disk", "store", or "".
func (l *Ledger) Paused() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full
}

func (l *Ledger) blocked(ctx context.Context) string {
	if l.Free != nil {
		free, total, err := l.Free()
		if err != nil || free < max(l.Limits.MinFree, uint64(float64(total)*l.Limits.MinShare)) {
			return "disk"
		}
	}
	waiting := 0
	err := l.Store.View(ctx, func(tx ticketing.Tx) (err error) {
		waiting, _, err = tx.CountWaiting(ctx)
		return err
	})
	if err != nil {
		return "store"
	}
	l.mu.Lock()
	failed := l.full == "store"
	l.mu.Unlock()
	if failed {
		// Reading may work where writing does not: prove that a commit goes through before anything is taken in again.
		if _, err := l.putAll(ctx, []Raw{{Bytes: []byte("sportello write probe\n")}}); err != nil {
			return "store"
		}
		err := l.Store.Update(ctx, func(tx ticketing.Tx) error {
			return tx.SetCursor(ctx, ticketing.Cursor{Place: probePlace, Position: tx.Now().UnixMilli()})
		})
		if err != nil {
			return "store"
		}
	}
	if l.Limits.MaxWaiting > 0 && waiting > l.Limits.MaxWaiting {
		return "backlog"
	}
	return ""
}

// Raw reads the stored bytes of a row.
func (l *Ledger) Raw(ctx context.Context, in *ticketing.Inbound) ([]byte, error) {
	r, err := l.Files.Open(ctx, in.RawSHA)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	buf := bytes.NewBuffer(make([]byte, 0, in.RawSize+1))
	if _, err := io.Copy(buf, r); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
