package telegram

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// kinds are the updates we ask for.
var kinds = func() []string { return []string{"message", "edited_message", "callback_query"} }

// Status is how polling goes.
type Status struct {
	State string // waiting (another process polls), polling, holding, failing
	Code  string // of the last failure
	Since time.Time
}

type status struct {
	mu  sync.Mutex
	now Status
}

func (s *status) set(state, code string) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if changed = s.now.State != state || s.now.Code != code; changed {
		s.now = Status{state, code, time.Now()}
	}
	return changed
}

func (s *status) get() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Health tells how polling goes.
func (d *Door) Health() Status { return d.status.get() }

// Floods is how often Telegram asked us to wait, since the start.
func (d *Door) Floods() int64 { return d.api.floods.Load() }

// Receive implements ingest.Door: it polls until ctx ends. A bot's updates go to one poller, so a lease says which process it is.
func (d *Door) Receive(ctx context.Context, into ingest.Acceptor) error {
	for {
		lease, err := d.lease(ctx, into)
		if err != nil {
			return err
		}
		if err := d.hold(ctx, into, lease); ctx.Err() != nil {
			return err
		}
		d.log.Warn("the bot is polled by another process", "door", d.Name())
		if err := sleep(ctx, d.renew); err != nil {
			return err
		}
	}
}

func (d *Door) lease(ctx context.Context, into ingest.Acceptor) (ticketing.Lease, error) {
	for {
		lease, ok, err := into.Acquire(ctx, d.Name()+"/updates")
		if err == nil && ok {
			return lease, nil
		}
		if err != nil && ctx.Err() == nil {
			d.log.Warn("lease cannot be asked for", "door", d.Name(), "error", err)
		}
		d.status.set("waiting", "")
		if err := sleep(ctx, d.renew); err != nil {
			return lease, err
		}
	}
}

var errLeaseLost = errors.New("another process polls now")

// hold polls while the lease is ours.
func (d *Door) hold(ctx context.Context, into ingest.Acceptor, first ticketing.Lease) error {
	held, cancel := context.WithCancelCause(ctx)
	var lease atomic.Pointer[ticketing.Lease]
	lease.Store(&first)
	var behind sync.WaitGroup
	behind.Go(func() {
		for sleep(held, d.renew) == nil {
			have := lease.Load()
			next, ok, err := into.Acquire(held, have.Name)
			switch {
			case held.Err() != nil:
				return
			case err == nil && ok && next.Fence == have.Fence:
				lease.Store(&next)
			case err == nil, time.Now().After(have.End):
				cancel(errLeaseLost)
				return
			}
		}
	})
	defer func() {
		cancel(nil)
		behind.Wait()
		if context.Cause(held) != errLeaseLost {
			release, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer stop()
			if err := into.Release(release, *lease.Load()); err != nil {
				d.log.Warn("lease cannot be given back", "door", d.Name(), "error", err)
			}
		}
	}()
	var offset int64
	tries := 0
	for {
		err := d.step(held, into, &lease, &behind, &offset)
		if cause := context.Cause(held); cause != nil {
			return cause
		}
		if errors.Is(err, ticketing.ErrFenced) {
			cancel(errLeaseLost)
			return err
		}
		if err == nil {
			tries = 0
			continue
		}
		wait := d.pause(err, tries)
		tries++
		d.failing(err, wait)
		if err := sleep(held, wait); err != nil {
			return context.Cause(held)
		}
	}
}

// step takes in one answer. The offset is sent only to confirm what has just been stored: Telegram may begin to count anew after a week
// of silence, and an old offset above the new numbers would confirm what nobody has seen.
func (d *Door) step(ctx context.Context, into ingest.Acceptor, lease *atomic.Pointer[ticketing.Lease], behind *sync.WaitGroup, offset *int64) error {
	// A failure is told until something has worked again.
	if d.status.get().State != "failing" {
		d.status.set("holding", "")
	}
	if err := into.Ready(ctx); err != nil {
		return err
	}
	if d.status.get().State != "failing" {
		d.status.set("polling", "")
	}
	wait := d.poll
	if *offset != 0 {
		wait = 0 // the confirmation must not wait for news
	}
	list, err := d.api.Updates(ctx, *offset, wait, kinds())
	if err != nil {
		return err
	}
	*offset = 0
	if len(list) == 0 {
		d.status.set("polling", "")
		return nil
	}
	items := make([]ingest.Raw, 0, len(list))
	var next int64
	for _, raw := range list {
		id, at := head(raw)
		items = append(items, ingest.Raw{Identity: d.identity(id, raw), Bytes: raw, ServerAt: at})
		next = max(next, id+1)
	}
	if err := into.Accept(ctx, d.Name(), *lease.Load(), items, nil); err != nil {
		return &notStored{err}
	}
	*offset = next
	d.status.set("polling", "")
	for _, raw := range list {
		if id := pressed(raw); id != "" {
			// At most once and only for the eye: the sign on the button stops turning.
			behind.Go(func() {
				if err := d.api.AnswerPress(ctx, id); err != nil && ctx.Err() == nil {
					d.log.Debug("a press could not be answered", "door", d.Name(), "code", codeOf(err))
				}
			})
		}
	}
	return nil
}

// notStored is a failure of the ledger, not of Telegram.
type notStored struct{ err error }

func (e *notStored) Error() string { return "not stored: " + e.err.Error() }
func (e *notStored) Unwrap() error { return e.err }

// identity names an update. The number alone would not do: Telegram may begin to count anew, and a number met again must not hide a message.
func (d *Door) identity(id int64, raw []byte) string {
	sum := sha256.Sum256(raw)
	return d.Name() + "/" + strconv.FormatInt(id, 10) + "/" + hex.EncodeToString(sum[:6])
}

// head reads an update's number and time; zero where they are not there.
func head(raw []byte) (id int64, at time.Time) {
	var u struct {
		ID      int64 `json:"update_id"`
		Message struct {
			Date int64 `json:"date"`
		} `json:"message"`
		Edited struct {
			Date int64 `json:"edit_date"`
		} `json:"edited_message"`
	}
	_ = json.Unmarshal(raw, &u) // what has another shape stays empty
	if n := max(u.Message.Date, u.Edited.Date); n > 0 {
		at = time.Unix(n, 0).UTC()
	}
	return u.ID, at
}

func pressed(raw []byte) string {
	var u struct {
		Query struct {
			ID string `json:"id"`
		} `json:"callback_query"`
	}
	_ = json.Unmarshal(raw, &u)
	return u.Query.ID
}

const (
	minPause = time.Second
	maxPause = time.Minute
	// deadPause is between two tries with a token that Telegram does not know, or while another program takes the updates by a webhook.
	deadPause = 5 * time.Minute
)

// pause is how long to wait after a failure.
func (d *Door) pause(err error, tries int) time.Duration {
	var e *ticketing.SendError
	first := d.retry
	if errors.As(err, &e) {
		switch {
		case e.Code == codeFlood:
			return e.After
		case e.Verdict == ticketing.SendSuspend:
			return deadPause
		}
	}
	wait := min(first<<min(tries, 20), maxPause)
	return wait*3/4 + rand.N(wait/4+1)
}

// failing notes a failure. The log tells of it when it is new, and of what a person has to mend as an error.
func (d *Door) failing(err error, wait time.Duration) {
	code := codeOf(err)
	var own *notStored
	if errors.As(err, &own) {
		code = "store"
	}
	if !d.status.set("failing", code) {
		return
	}
	switch code {
	case codeUnauthorized, codeWebhook, codeConflict:
		d.log.Error("telegram needs attention", "door", d.Name(), "code", code, "error", err, "in", wait)
	default:
		d.log.Warn("telegram: trying again", "door", d.Name(), "code", code, "error", err, "in", wait)
	}
}

// sleep waits; it returns ctx's error if that ends first.
func sleep(ctx context.Context, wait time.Duration) error {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
