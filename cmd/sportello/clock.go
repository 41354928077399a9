package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// clock carries out what is due by time: held requests, reminders, closings. Nothing is remembered here; the database is the schedule.
type clock struct {
	store     ticketing.Store
	desk      *ticketing.Desk
	log       *slog.Logger
	wake      chan struct{}
	committed func()
}

// clockPoll is how often another process's timers are looked for.
const clockPoll = 15 * time.Second

func newClock(store ticketing.Store, desk *ticketing.Desk, log *slog.Logger) *clock {
	return &clock{store: store, desk: desk, log: log, wake: make(chan struct{}, 1)}
}

func (c *clock) kick() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run ticks until ctx ends.
func (c *clock) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait, err := c.step(ctx)
		if err != nil && ctx.Err() == nil {
			c.log.Error("timers failed", "err", err)
			wait = time.Second
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-c.wake:
		}
		timer.Stop()
	}
	return nil
}

// step carries out what is due and says how long nothing will be.
func (c *clock) step(ctx context.Context) (time.Duration, error) {
	var next time.Time
	err := c.store.View(ctx, func(tx ticketing.Tx) (err error) {
		next, err = tx.NextTimer(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	if next.IsZero() {
		return clockPoll, nil
	}
	if wait := next.Sub(c.store.Now()); wait > 0 {
		return min(wait, clockPoll), nil
	}
	done := 0
	err = c.store.Update(ctx, func(tx ticketing.Tx) (err error) {
		done, err = c.desk.Tick(ctx, tx)
		return err
	})
	if err == nil && done > 0 && c.committed != nil {
		c.committed()
	}
	return 0, err
}
