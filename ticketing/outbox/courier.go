package outbox

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// CourierConfig is what a courier needs. Zero values of the optional parts take the defaults.
type CourierConfig struct {
	Store  ticketing.Store
	Files  ticketing.Files
	Queue  Queue
	Routes map[string]Route // by the door's name

	Hook Hook // optional
	// Fresh brings the facts of a fluid row up to date before it is rendered; optional.
	Fresh func(ctx context.Context, o ticketing.Outgoing) (ticketing.Outgoing, error)
	// Kick is called after a commit that may have made rows due, usually Relay.Kick; optional.
	Kick func()
	// Owner names this courier in leases; it must never be used twice. Empty: made from host, process and chance.
	Owner  string
	Timing Timing
	// Jitter returns a number in [0, 1); optional.
	Jitter func() float64
	Log    *slog.Logger
}

// Courier leases due rows, has them rendered and sent by their doors, and settles them. One courier serves all doors of a process; any
// number of processes may run one.
type Courier struct {
	cfg  CourierConfig
	hand hand
}

// NewCourier makes a courier.
func NewCourier(cfg CourierConfig) *Courier {
	if cfg.Timing.Lease == 0 {
		cfg.Timing = DefaultTiming()
	}
	if cfg.Owner == "" {
		host, _ := os.Hostname()
		cfg.Owner = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text())
	}
	if cfg.Kick == nil {
		cfg.Kick = func() {}
	}
	if cfg.Jitter == nil {
		cfg.Jitter = mathrand.Float64
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Courier{cfg: cfg, hand: hand{jobs: map[string]*job{}}}
}

// Run works until ctx ends; it is called once. Then it cuts short the letters that have not begun, gives those that have Timing.Grace to
// finish, and leaves the rest to the end of their leases. It returns nil.
func (c *Courier) Run(ctx context.Context) error {
	// Sendings and commits outlive ctx; hard ends them.
	hard, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var keeper, work sync.WaitGroup
	keeping, stopKeeping := context.WithCancel(hard)
	keeper.Go(func() { c.keepLeases(keeping) })
	for door, route := range c.cfg.Routes {
		work.Go(func() { c.serve(ctx, hard, door, route) })
	}
	work.Go(func() { c.probe(ctx, hard) })

	<-ctx.Done()
	c.hand.stop()
	finished := make(chan struct{})
	go func() {
		work.Wait()
		close(finished)
	}()
	grace := time.NewTimer(c.cfg.Timing.Grace)
	defer grace.Stop()
	select {
	case <-finished:
	case <-grace.C:
		c.cfg.Log.Warn("letters were still under way at shutdown, their leases will end", "count", len(c.hand.ids()))
		end()
		// A door obeys its context; one that does not is left behind with its lease.
		last := time.NewTimer(time.Second)
		defer last.Stop()
		select {
		case <-finished:
		case <-last.C:
		}
	}
	stopKeeping()
	keeper.Wait()
	return nil
}

// preparers is how many batches of a door are leased and rendered at once, one waiting for the database while the other writes files.
const preparers = 2

// serve sends for one door. While the workers send, the next rows are leased and rendered already, many in one commit.
func (c *Courier) serve(ctx, hard context.Context, door string, route Route) {
	workers := route.Workers
	if workers <= 0 {
		workers = DefaultWorkers
	}
	jobs := make(chan *job, workers)
	var sending, preparing sync.WaitGroup
	for range workers {
		sending.Go(func() {
			for j := range jobs {
				c.deliver(hard, j, route)
			}
		})
	}
	for range preparers {
		preparing.Go(func() {
			for {
				ds, err := c.cfg.Queue.Next(ctx, door, workers)
				if err != nil {
					return
				}
				taken := c.take(ctx, hard, ds)
				for _, d := range ds {
					d.Ack()
				}
				c.prepare(taken, route.Door)
				for _, j := range taken {
					jobs <- j
				}
			}
		})
	}
	preparing.Wait()
	close(jobs)
	sending.Wait()
}

// take leases rows in one commit; if that fails, each for itself, so that one bad row does not hold up the others.
func (c *Courier) take(ctx, hard context.Context, ds []Delivery) []*job {
	ids := make([]string, len(ds))
	for i, d := range ds {
		ids[i] = d.ID
	}
	// Earlier rows of a thread first.
	slices.Sort(ids)
	ids = slices.Compact(ids)
	jobs, err := c.lease(ctx, hard, ids)
	if err == nil {
		return jobs
	}
	if len(ids) > 1 && ctx.Err() == nil {
		for _, id := range ids {
			one, e := c.lease(ctx, hard, []string{id})
			if e != nil && ctx.Err() == nil {
				c.cfg.Log.Error("leasing a letter", "outgoing", id, "err", e)
			}
			jobs = append(jobs, one...)
		}
		return jobs
	}
	if ctx.Err() == nil {
		c.cfg.Log.Error("leasing letters", "outgoing", ids, "err", err)
	}
	return nil
}

func (c *Courier) lease(ctx, hard context.Context, ids []string) ([]*job, error) {
	var leased []ticketing.Outgoing
	suppressed := false
	err := c.cfg.Store.Update(ctx, func(tx ticketing.Tx) error {
		leased, suppressed = nil, false
		for _, id := range ids {
			o, ok, err := tx.LeaseOutgoing(ctx, id, c.cfg.Owner, c.cfg.Timing.Lease)
			if err != nil {
				return fmt.Errorf("row %s: %w", id, err)
			}
			if !ok {
				// Sent already, or not its turn: when its turn comes the relay offers it again.
				continue
			}
			stays, err := c.suppress(ctx, tx, &o)
			if err != nil {
				return fmt.Errorf("row %s: %w", id, err)
			}
			if stays {
				suppressed = true
			} else {
				leased = append(leased, o)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	jobs := make([]*job, len(leased))
	for i, o := range leased {
		jobs[i] = c.hand.add(hard, o)
	}
	if suppressed {
		c.cfg.Kick()
	}
	return jobs, nil
}

// suppress asks the desk whether a row must stay, and ends it then.
func (c *Courier) suppress(ctx context.Context, tx ticketing.Tx, o *ticketing.Outgoing) (bool, error) {
	if c.cfg.Hook == nil {
		return false, nil
	}
	reason, err := c.cfg.Hook.Suppress(ctx, tx, *o)
	if err != nil || reason == "" {
		return false, err
	}
	o.State, o.Reason = ticketing.OutgoingSuppressed, reason
	if err := tx.SettleOutgoing(ctx, o); err != nil {
		return false, err
	}
	return true, c.cfg.Hook.Settled(ctx, tx, *o)
}

// keepLeases renews the leases of everything in hand, all in one commit.
func (c *Courier) keepLeases(ctx context.Context) {
	tick := time.NewTicker(c.cfg.Timing.Renew)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		ids := c.hand.ids()
		if len(ids) == 0 {
			continue
		}
		var held []string
		err := c.cfg.Store.Update(ctx, func(tx ticketing.Tx) (err error) {
			held, err = tx.ExtendOutgoing(ctx, c.cfg.Owner, ids, c.cfg.Timing.Lease)
			return err
		})
		if err != nil {
			if ctx.Err() == nil {
				c.cfg.Log.Error("renewing leases of letters", "count", len(ids), "err", err)
			}
			continue
		}
		for _, id := range c.hand.keep(ids, held) {
			c.cfg.Log.Warn("the lease of a letter is lost", "outgoing", id)
		}
	}
}
