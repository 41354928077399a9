package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const (
	// probeBatch is how many rows in doubt are looked at in one round.
	probeBatch = 100
	// probeWorkers is how many searches run at once.
	probeWorkers = 4
)

// probe settles rows in doubt by their door's policy until ctx ends. It has its own workers: doubt often comes from a server that hangs,
// which keeps the door's other workers busy.
func (c *Courier) probe(ctx, hard context.Context) {
	tick := time.NewTicker(c.cfg.Timing.ProbeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		var rows []ticketing.Outgoing
		err := c.cfg.Store.View(ctx, func(tx ticketing.Tx) error {
			rows = nil
			ids, err := tx.DoubtfulOutgoing(ctx, probeBatch)
			if err != nil {
				return err
			}
			for _, id := range ids {
				o, err := tx.Outgoing(ctx, id)
				if err != nil {
					return err
				}
				rows = append(rows, o)
			}
			return nil
		})
		if err != nil {
			if ctx.Err() == nil {
				c.cfg.Log.Error("looking for letters in doubt", "err", err)
			}
			continue
		}
		slots := make(chan struct{}, probeWorkers)
		var searching sync.WaitGroup
		for _, o := range rows {
			route, known := c.cfg.Routes[o.Door]
			if !known {
				continue
			}
			slots <- struct{}{}
			searching.Go(func() {
				defer func() { <-slots }()
				c.resolve(ctx, hard, o.ID, route)
			})
		}
		searching.Wait()
	}
}

// resolve does one step for a row in doubt.
func (c *Courier) resolve(ctx, hard context.Context, id string, route Route) {
	if ctx.Err() != nil {
		return
	}
	var o ticketing.Outgoing
	var ok bool
	err := c.cfg.Store.Update(ctx, func(tx ticketing.Tx) (err error) {
		o, ok, err = tx.LeaseDoubt(ctx, id, c.cfg.Owner, c.cfg.Timing.Lease)
		return err
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, ticketing.ErrNotFound) {
		c.cfg.Log.Error("leasing a letter in doubt", "outgoing", id, "err", err)
	}
	if err != nil || !ok {
		return
	}
	j := c.hand.add(hard, o)
	defer c.hand.remove(j)
	if route.Doubt == DoubtProbe && o.Kind != ticketing.Hint && !o.Fluid {
		found, ref := c.search(j, route.Door)
		if c.hand.isLost(j) {
			return
		}
		c.settle(hard, j, func(o *ticketing.Outgoing, now time.Time) { c.cfg.Timing.judgeProbe(o, found, ref, now) })
		return
	}
	c.settle(hard, j, func(o *ticketing.Outgoing, now time.Time) {
		switch {
		case o.Fluid:
			o.State, o.NextAt = ticketing.OutgoingPending, now
		case route.Doubt == DoubtResend && o.Kind != ticketing.Hint:
			c.cfg.Timing.retry(o, now, 0)
		default:
			c.cfg.Timing.judgeUnknown(o, route.Doubt, now, 0)
		}
	})
}

// search asks the door. A failed search is one that was not possible.
func (c *Courier) search(j *job, door Door) (found ticketing.Found, ref ticketing.Ref) {
	defer func() {
		if p := recover(); p != nil {
			c.cfg.Log.Error("a door failed", "outgoing", j.o.ID, "door", j.o.Door, "panic", p)
			found = ticketing.ProbeImpossible
		}
	}()
	ctx, cancel := context.WithTimeout(j.ctx, c.cfg.Timing.ProbeTimeout)
	defer cancel()
	found, ref, err := door.Probe(ctx, j.o)
	if err != nil || ctx.Err() != nil && found != ticketing.ProbeFound {
		c.cfg.Log.Warn("searching for a letter in doubt", "outgoing", j.o.ID, "door", j.o.Door, "err", err)
		return ticketing.ProbeImpossible, ""
	}
	return found, ref
}
