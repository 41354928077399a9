package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sportello/sportello/bot"
	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/outbox"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/files"
)

// app is the whole program wired together. Each of its long-running parts has a Run(ctx); serve decides which of them run here.
type app struct {
	cfg     Config
	log     *slog.Logger
	words   *templates.Set
	db      *store.DB
	files   ticketing.Files
	desk    *ticketing.Desk
	bot     *bot.Bot
	shelf   *shelf
	ledger  *ingest.Ledger
	doors   []door
	queue   outbox.Queue
	relay   *outbox.Relay
	courier *outbox.Courier
	clock   *clock
	jobs    *jobs
	own     ownAddresses
	keys    []signingKey
}

// door is a door as the wiring knows it: it hears, and it may speak.
type door struct {
	ingest.Door
	speaker outbox.Door
	doubt   outbox.Doubt
	workers int
}

// openStore opens the database and the files that belong to it.
func openStore(ctx context.Context, cfg *Config, log *slog.Logger, migrate bool) (*store.DB, ticketing.Files, error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, nil, badConfig("cannot make the data folder: %w", err)
	}
	db, err := store.Open(ctx, store.Config{DSN: cfg.database(), Log: log, Migrate: migrate})
	if err != nil {
		return nil, nil, err
	}
	if cfg.postgres() {
		return db, files.NewSQL(db.Pool()), nil
	}
	beside, err := files.NewBeside(ctx, filepath.Join(cfg.Data, "files"))
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, beside, nil
}

// newApp wires everything the settings ask for. Nothing runs yet.
func newApp(ctx context.Context, cfg Config, log *slog.Logger) (_ *app, err error) {
	a := &app{cfg: cfg, log: log}
	if a.words, err = templates.Load(); err != nil {
		return nil, err
	}
	if a.db, a.files, err = openStore(ctx, &cfg, log, true); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.keys, err = signingKeys(&cfg, !cfg.postgres() || cfg.Keys == ""); err != nil {
		return nil, err
	}
	if err := ownKeys(ctx, a.db, a.keys); err != nil {
		return nil, err
	}
	queues, err := cfg.queues()
	if err != nil {
		return nil, err
	}
	a.own = newOwnAddresses(cfg)
	agents, _ := cfg.agents()
	a.desk = &ticketing.Desk{Queues: queues, Limits: cfg.Limits.desk(), AgentAddresses: agents, OwnAddress: a.own.is}
	a.shelf = newShelf(a.db, log)
	a.shelf.queues, a.shelf.embed = queues, newEmbedder(cfg.Embeddings)
	a.bot = &bot.Bot{Search: a.shelf, Queues: queues}
	a.clock = newClock(a.db, a.desk, log)
	owner := ownerName()
	a.jobs = &jobs{store: a.db, desk: a.desk, log: log, owner: owner}
	limits := ingest.DefaultLimits()
	limits.MaxWaiting, limits.MinFree, limits.MinShare = cfg.Limits.Backlog, uint64(cfg.Limits.MinFree), cfg.Limits.MinFreeShare
	limits.Lease, limits.Place, limits.Failures = cfg.Leases.Item, cfg.Leases.Place, cfg.Limits.Failures
	a.ledger = &ingest.Ledger{Store: a.db, Files: a.files, Desk: a.desk, Decide: a.bot, Doors: map[string]ingest.Door{}, Limits: limits, Owner: owner, Log: log,
		Committed: a.kick}
	if !cfg.postgres() {
		a.ledger.Free = func() (uint64, uint64, error) { return diskFree(cfg.Data) }
	}
	if err := a.addMailDoors(queues); err != nil {
		return nil, err
	}
	if err := a.addSlackDoor(ctx, queues); err != nil {
		return nil, err
	}
	if err := a.addTelegramDoor(); err != nil {
		return nil, err
	}
	if err := a.addOutbox(owner); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *app) addOutbox(owner string) (err error) {
	a.queue = outbox.NewMemory(0)
	if a.cfg.Redis != "" {
		if a.queue, err = outbox.NewRedis(outbox.RedisConfig{URL: a.cfg.Redis, Log: a.log}); err != nil {
			return badConfig("redis: %w", err)
		}
	}
	timing := outbox.DefaultTiming()
	timing.Lease, timing.Renew, timing.Expire = a.cfg.Leases.Letter, a.cfg.Leases.Letter/3, a.cfg.Leases.Letter/4
	timing.Sweep = a.cfg.Sending.Sweep
	if timing.Searches, err = a.cfg.Sending.searches(); err != nil {
		return err
	}
	timing.ProbeEvery = min(timing.ProbeEvery, timing.Searches[0])
	timing.ShortestWait = min(timing.ShortestWait, timing.Searches[0])
	timing.FirstRetry, timing.LongestRetry, timing.GiveUp = a.cfg.Sending.RetryMin, a.cfg.Sending.RetryMax, a.cfg.Sending.GiveUp
	routes := map[string]outbox.Route{}
	var names []string
	for _, d := range a.doors {
		a.ledger.Doors[d.Name()] = d.Door
		if d.speaker != nil {
			names = append(names, d.Name())
			routes[d.Name()] = outbox.Route{Door: d.speaker, Doubt: d.doubt, Workers: d.workers}
		}
	}
	a.relay = outbox.NewRelay(outbox.RelayConfig{Store: a.db, Queue: a.queue, Doors: names, Timing: timing, Log: a.log})
	a.courier = outbox.NewCourier(outbox.CourierConfig{Store: a.db, Files: a.files, Queue: a.queue, Routes: routes, Hook: a.desk, Fresh: a.fresh,
		Kick: a.kick, Owner: owner, Timing: timing, Log: a.log})
	return nil
}

// kick wakes what may have work after a commit.
func (a *app) kick() {
	if a.relay != nil {
		a.relay.Kick()
	}
	if a.clock != nil {
		a.clock.kick()
	}
}

// fresh completes a row before it is rendered. Letters are complete from the start.
func (a *app) fresh(ctx context.Context, o ticketing.Outgoing) (fresh ticketing.Outgoing, err error) {
	if strings.HasPrefix(o.Door, "mail:") {
		return o, nil
	}
	err = a.db.View(ctx, func(tx ticketing.Tx) (err error) {
		fresh, err = a.desk.Fresh(ctx, tx, o)
		return err
	})
	return fresh, err
}

// close ends what newApp opened, the database last.
func (a *app) close() error {
	var errs []error
	if a.queue != nil {
		errs = append(errs, a.queue.Close())
	}
	for _, d := range a.doors {
		if c, ok := d.Door.(interface{ Close() error }); ok {
			errs = append(errs, c.Close())
		}
	}
	if a.db != nil {
		errs = append(errs, closeStore(a.db, a.files))
	}
	return errors.Join(errs...)
}

// closeStore closes what openStore opened.
func closeStore(db *store.DB, f ticketing.Files) error {
	var err error
	if c, ok := f.(io.Closer); ok {
		err = c.Close()
	}
	return errors.Join(err, db.Close())
}

// ownerName is unique for every start of a process: leases must never be mistaken for those of a process that died.
func ownerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8])
}

func (l LimitsConfig) desk() ticketing.Limits {
	d := ticketing.DefaultLimits()
	d.SameTextPerHour, d.PingWindow, d.PingPause = l.SameText, l.PingWindow, l.PingPause
	d.AckEvery, d.AutoPerHour, d.AutoPerDay, d.AutoAllPerHour = l.AckEvery, l.AutoPerHour, l.AutoPerDay, l.AutoAll
	d.ReopenPerHour, d.TicketsPerHour, d.TicketsPerDomain = l.ReopenPerHour, l.TicketsPerHour, l.TicketsDomain
	return d
}

// queues turns the settings into the desk's queues.
func (c *Config) queues() (map[string]*ticketing.Queue, error) {
	out := map[string]*ticketing.Queue{}
	for _, q := range c.Queues {
		hours, err := q.hours()
		if err != nil {
			return nil, badConfig("queue %s: hours: %w", q.Name, err)
		}
		brand := q.Brand
		if brand == "" {
			brand = c.Brand
		}
		out[q.Name] = &ticketing.Queue{Name: q.Name, Brand: brand, Address: strings.ToLower(q.Addresses[0]), Addresses: lower(q.Addresses), Language: q.Language,
			AgentLang: q.Agents, Hours: hours, Lines: q.Lines, Audience: q.Audience, Offers: q.Offers, Threshold: q.Threshold, Promise: q.Promise, SilentClose: q.Silence == "close", AskArticle: q.Ask, Embeddings: q.Embed, Timer: q.Timer,
			Control: q.Control, Urgent: q.Urgent, Canned: q.Canned, Undo: q.Undo, RepliesInternal: q.Replies == "internal", PendingDefault: q.Pending, IgnoreThanks: q.Thanks,
			ReopenWindow: q.Reopen, RemindAfter: q.Remind, ResolveAfter: q.Resolve, Notifications: q.Notify, PECAck: q.PECAck, ForwardAck: q.FwdAck, Ack: q.Ack}
	}
	// A queue's letters leave by the mailbox that names it, else by the first mailbox that can send.
	for _, m := range c.Mailboxes {
		if m.SMTP.Host == "" {
			continue
		}
		if q, ok := out[m.Queue]; ok && q.MailDoor == "" {
			q.MailDoor = "mail:" + m.Name
		}
	}
	for _, m := range c.Mailboxes {
		if m.SMTP.Host == "" {
			continue
		}
		for _, q := range out {
			if q.MailDoor == "" {
				q.MailDoor = "mail:" + m.Name
			}
		}
	}
	return out, nil
}

func lower(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = strings.ToLower(s)
	}
	return out
}

// insecureTLS is for trials with servers on this machine only; see TestingConfig.
func (c *Config) insecureTLS(host string) *tls.Config {
	if !c.Testing.InsecureTLS || host != "127.0.0.1" && host != "localhost" && host != "::1" {
		return nil
	}
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // loopback only, asked for by name
}

// shutdownGrace is how long parts may take to end after the first signal.
const shutdownGrace = 10 * time.Second
