package outbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// RelayConfig is what a relay needs. Zero values of Timing and Log take the defaults.
type RelayConfig struct {
	Store ticketing.Store
	Queue Queue
	// Doors are the doors of this installation; rows for another one wait until it is configured again.
	Doors  []string
	Timing Timing
	Log    *slog.Logger
}

// Relay offers due rows to the couriers: after a kick, when the next row becomes due, and again and again until somebody takes them.
// Any number of relays may run; the mark in the row makes them share the work.
type Relay struct {
	cfg    RelayConfig
	doors  map[string]bool
	strays map[string]bool // unknown doors that were reported
	kick   chan struct{}
}

const (
	// offerBatch is how many rows are marked and offered at a time.
	offerBatch = 500
	// busyPoll is how soon the relay looks again after an error of the database.
	busyPoll = time.Second
	// relayRest is the least time between two looks, so that a kick after each of many commits does not make one look each.
	relayRest = 5 * time.Millisecond
)

// NewRelay makes a relay.
func NewRelay(cfg RelayConfig) *Relay {
	if cfg.Timing.Lease == 0 {
		cfg.Timing = DefaultTiming()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := &Relay{cfg: cfg, doors: map[string]bool{}, strays: map[string]bool{}, kick: make(chan struct{}, 1)}
	for _, d := range cfg.Doors {
		r.doors[d] = true
	}
	return r
}

// Kick tells the relay that rows may have become due. It never waits and is called after a commit.
func (r *Relay) Kick() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// Run works until ctx ends and returns nil then. Errors of the database are logged and tried again.
func (r *Relay) Run(ctx context.Context) error {
	expireAt := time.Now()
	for ctx.Err() == nil {
		start := time.Now()
		if !start.Before(expireAt) {
			r.report(ctx, "looking for expired leases", r.expire(ctx))
			expireAt = start.Add(r.cfg.Timing.Expire)
		}
		wait, err := r.offer(ctx)
		if err != nil {
			r.report(ctx, "offering due letters", err)
			wait = busyPoll
		}
		now := time.Now()
		// At most half of the time is spent on looking.
		rest := max(relayRest, now.Sub(start))
		timer := time.NewTimer(max(min(wait, expireAt.Sub(now)), rest))
		if err == nil {
			select {
			case <-timer.C:
			case <-r.kick:
				timer.Reset(time.Until(now.Add(rest)))
				r.sleep(ctx, timer)
			case <-ctx.Done():
			}
		} else {
			r.sleep(ctx, timer)
		}
		timer.Stop()
	}
	return nil
}

func (r *Relay) sleep(ctx context.Context, timer *time.Timer) {
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (r *Relay) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		r.cfg.Log.Error("outbox relay", "doing", what, "err", err)
	}
}

// offer publishes what is due and returns how long nothing more will be due.
func (r *Relay) offer(ctx context.Context) (time.Duration, error) {
	for {
		var ids []string
		var now, next time.Time
		err := r.cfg.Store.Update(ctx, func(tx ticketing.Tx) (err error) {
			now = tx.Now()
			if ids, err = tx.DueOutgoing(ctx, now.Add(-r.cfg.Timing.Sweep), offerBatch); err != nil {
				return err
			}
			next, err = tx.NextOutgoing(ctx)
			return err
		})
		if err != nil {
			return 0, err
		}
		if len(ids) > 0 {
			if err := r.publish(ctx, ids); err != nil {
				return 0, err
			}
		}
		switch {
		case len(ids) == offerBatch:
		case next.IsZero():
			return r.cfg.Timing.Sweep, nil
		case next.After(now):
			return next.Sub(now), nil
		default:
			return busyPoll, nil
		}
	}
}

func (r *Relay) publish(ctx context.Context, ids []string) error {
	var doors map[string]string
	err := r.cfg.Store.View(ctx, func(tx ticketing.Tx) (err error) {
		doors, err = tx.OutgoingDoors(ctx, ids)
		return err
	})
	if err != nil {
		return err
	}
	byDoor := map[string][]string{}
	for _, id := range ids {
		byDoor[doors[id]] = append(byDoor[doors[id]], id)
	}
	for door, ids := range byDoor {
		if r.known(door) {
			r.cfg.Queue.Publish(ctx, door, ids)
		}
	}
	return nil
}

func (r *Relay) known(door string) bool {
	if r.doors[door] {
		return true
	}
	if !r.strays[door] && len(r.strays) < 100 {
		r.strays[door] = true
		r.cfg.Log.Warn("letters wait for a door that is not configured", "door", door)
	}
	return false
}

// expire ends the leases of couriers that are gone. What may be sent again is due by it.
func (r *Relay) expire(ctx context.Context) error {
	for {
		var rows []ticketing.Outgoing
		err := r.cfg.Store.Update(ctx, func(tx ticketing.Tx) (err error) {
			rows, err = tx.ExpireOutgoing(ctx, offerBatch)
			return err
		})
		if err != nil {
			return err
		}
		for _, o := range rows {
			r.cfg.Log.Warn("a courier did not come back", "outgoing", o.ID, "door", o.Door, "state", string(o.State))
		}
		if len(rows) < offerBatch {
			return nil
		}
	}
}
