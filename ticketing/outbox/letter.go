package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// deliver brings one leased row to its end.
func (c *Courier) deliver(hard context.Context, j *job, route Route) {
	defer c.hand.remove(j)
	r := c.send(hard, j, route.Door)
	if c.hand.isLost(j) {
		c.cfg.Log.Warn("a letter was not settled: its lease is lost", "outgoing", j.o.ID, "door", j.o.Door, "begun", r.begun)
		return
	}
	c.settle(hard, j, func(o *ticketing.Outgoing, now time.Time) {
		c.cfg.Timing.judge(o, r, route.Doubt, now, c.cfg.Jitter())
	})
}

// send renders and sends. It never panics.
func (c *Courier) send(hard context.Context, j *job, door Door) (r result) {
	defer func() {
		if p := recover(); p != nil {
			c.cfg.Log.Error("a door failed", "outgoing", j.o.ID, "door", j.o.Door, "panic", p, "stack", string(debug.Stack()))
			r.err = ticketing.Errorf(ReasonPanic, "panic: %v", p)
		}
		r.stopped = r.err != nil && !r.begun && errors.Is(context.Cause(j.ctx), errStopping)
	}()
	if err := context.Cause(j.ctx); err != nil {
		return result{err: err}
	}
	o := j.o
	body, err := c.bytes(j, &o, door)
	if err != nil {
		return result{err: err}
	}
	began := func() error {
		if r.begun {
			return nil
		}
		if err := c.hand.enter(j); err != nil {
			return err
		}
		if !j.o.Fluid {
			if err := c.start(hard, j); err != nil {
				return err
			}
		}
		r.begun = true
		return nil
	}
	r.ref, r.answer, r.err = door.Send(j.ctx, o, body, began)
	if r.ref == "" {
		r.ref = j.ref
	}
	return r
}

// bytes returns what is to be sent: what was prepared, the stored bytes of a row that was rendered before, or a fluid row's looks. o gets what the row will
// hold once the preparation is committed.
func (c *Courier) bytes(j *job, o *ticketing.Outgoing, door Door) ([]byte, error) {
	if o.Fluid {
		// As late as possible: it shows what is wished now.
		body, err := c.render(j, door)
		o.Facts = j.o.Facts
		return body, err
	}
	if j.failed != nil {
		return nil, j.failed
	}
	if j.sha != "" {
		o.Rendered = j.sha
	}
	if j.ref != "" {
		o.Ref = j.ref
	}
	if j.body != nil {
		return j.body, nil
	}
	return c.stored(j.ctx, o.Rendered)
}

// stored reads the bytes of a row and proves that they are those that were stored (I6).
func (c *Courier) stored(ctx context.Context, sha string) ([]byte, error) {
	f, err := c.cfg.Files.Open(ctx, sha)
	if errors.Is(err, ticketing.ErrNotFound) {
		return nil, &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: ReasonBytesGone, Err: fmt.Errorf("file %s is not stored any more", sha)}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != sha {
		return nil, &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: ReasonBytesGone, Err: fmt.Errorf("file %s is damaged", sha)}
	}
	return body, nil
}

// start commits data_started, with the hash of new bytes. No part of the message may leave before.
func (c *Courier) start(hard context.Context, j *job) error {
	o := j.o
	err := c.cfg.Store.Update(hard, func(tx ticketing.Tx) error {
		o = j.o
		if j.sha != "" {
			o.Rendered, o.Ref = j.sha, j.ref
		}
		if err := tx.SetStarted(hard, &o); err != nil {
			return err
		}
		if j.sha != "" && o.Rendered != j.sha {
			return ticketing.ErrFenced
		}
		return nil
	})
	if err == nil {
		j.o = o
		j.sha = ""
	}
	return err
}

// note writes the hash and the ref of bytes made under this lease into the row, once.
func (c *Courier) note(ctx context.Context, tx ticketing.Tx, j *job, o *ticketing.Outgoing) error {
	if j.sha == "" {
		return nil
	}
	if err := tx.SetRendered(ctx, o, j.sha, j.ref); err != nil {
		return err
	}
	if o.Rendered != j.sha {
		return ticketing.ErrFenced
	}
	return nil
}

// hookTries is how often the desk's part of a settlement is tried before the row is settled without it: that a letter has left is the
// one thing that must not be forgotten.
const hookTries = 3

type hookError struct{ err error }

func (e *hookError) Error() string { return "the desk's part: " + e.err.Error() }
func (e *hookError) Unwrap() error { return e.err }

// settle commits the end of a row's lease. It tries again while the database does not take it, until the lease is lost or the process
// ends.
func (c *Courier) settle(hard context.Context, j *job, judge func(*ticketing.Outgoing, time.Time)) {
	c.hand.settle(j)
	wait, hookFailures := 50*time.Millisecond, 0
	for {
		var o ticketing.Outgoing
		err := c.cfg.Store.Update(hard, func(tx ticketing.Tx) error {
			o = j.o
			if err := c.note(hard, tx, j, &o); err != nil {
				return err
			}
			judge(&o, tx.Now())
			if err := tx.SettleOutgoing(hard, &o); err != nil {
				return err
			}
			return c.settled(hard, tx, &o, hookFailures < hookTries)
		})
		var hook *hookError
		switch {
		case err == nil:
			c.say(o)
			c.cfg.Kick()
			return
		case errors.As(err, &hook):
			// Also when its cause is ErrFenced: the ticket changed meanwhile, the row is still ours.
			hookFailures++
		case errors.Is(err, ticketing.ErrFenced) || errors.Is(err, ticketing.ErrNotFound):
			c.cfg.Log.Warn("a letter was not settled: its lease is lost", "outgoing", o.ID, "door", o.Door)
			return
		}
		if hard.Err() != nil {
			return
		}
		c.cfg.Log.Error("settling a letter", "outgoing", j.o.ID, "door", j.o.Door, "err", err)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-hard.Done():
		}
		timer.Stop()
		wait = min(2*wait, 2*time.Second)
		if hard.Err() != nil || c.hand.isLost(j) {
			return
		}
	}
}

func (c *Courier) settled(ctx context.Context, tx ticketing.Tx, o *ticketing.Outgoing, withHook bool) error {
	if !final(o.State) || c.cfg.Hook == nil || !withHook {
		return nil
	}
	if o.Fluid {
		// A newer wish may have put it back.
		now, err := tx.Outgoing(ctx, o.ID)
		if err != nil {
			return err
		}
		if o.State = now.State; !final(o.State) {
			return nil
		}
	}
	if err := c.cfg.Hook.Settled(ctx, tx, *o); err != nil {
		return &hookError{err}
	}
	return nil
}

// say logs how a row ended.
func (c *Courier) say(o ticketing.Outgoing) {
	attrs := []any{"outgoing", o.ID, "door", o.Door, "ticket", o.Ticket, "kind", string(o.Kind), "attempts", o.Attempts}
	switch o.State {
	case ticketing.OutgoingSent:
		c.cfg.Log.Debug("letter sent", attrs...)
	case ticketing.OutgoingFailed:
		c.cfg.Log.Warn("letter failed", append(attrs, "reason", o.Reason, "answer", o.Answer)...)
	case ticketing.OutgoingInDoubt:
		c.cfg.Log.Warn("letter in doubt", append(attrs, "reason", o.Reason, "next", o.NextAt)...)
	default:
		c.cfg.Log.Info("letter waits", append(attrs, "state", string(o.State), "reason", o.Reason, "answer", o.Answer, "next", o.NextAt)...)
	}
}
