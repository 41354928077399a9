package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sportello/sportello/ticketing/portal"
)

// ServeCmd runs the helpdesk.
type ServeCmd struct {
	Roles string `default:"ingest,process,send,web" help:"What this process does, separated by commas: ingest (read mailboxes and Slack), process (decide), send (letters and posts), web."`
}

// Help is shown by serve --help.
func (ServeCmd) Help() string {
	return "Examples:\n  sportello serve -c sportello.yaml\n  sportello serve -c sportello.yaml --roles process,send   # a replica that only works and sends\n\n" +
		"SIGTERM ends it in order: doors stop reading, the item in hand is finished, letters end or wait, the web drains, the store closes."
}

var allRoles = []string{"ingest", "process", "send", "web"}

func parseRoles(s string) (map[string]bool, error) {
	roles := map[string]bool{}
	for _, r := range strings.Split(s, ",") {
		r = strings.TrimSpace(r)
		ok := false
		for _, known := range allRoles {
			ok = ok || r == known
		}
		if !ok {
			return nil, badConfig("--roles: there is no role %q; use some of: %s", r, strings.Join(allRoles, ","))
		}
		roles[r] = true
	}
	return roles, nil
}

// Run serves until the process is told to stop.
func (cmd ServeCmd) Run(ctx context.Context, c *console) error {
	roles, err := parseRoles(cmd.Roles)
	if err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	log := logger(cfg.Log, c.err)
	if roles["ingest"] && len(cfg.Mailboxes) == 0 && cfg.Slack.BotToken.IsZero() {
		log.Warn("no mailbox and no Slack workspace is configured: nothing will be read; write settings with: sportello config sample > sportello.yaml")
	}
	a, err := newApp(ctx, cfg, log)
	if err != nil {
		return err
	}
	serveErr := a.serve(ctx, roles, nil)
	return errors.Join(serveErr, a.close())
}

// part is one long-running part and what it is called.
type part struct {
	name string
	run  func(context.Context) error
}

// serve runs the parts of the given roles until ctx ends, then stops them in order: doors, processing and timers, sending, web. The
// caller closes the store. ready, if given, is told the web listener's address.
func (a *app) serve(ctx context.Context, roles map[string]bool, ready func(web net.Addr)) error {
	var listener net.Listener
	if roles["web"] && a.cfg.Listen != "" {
		l, err := net.Listen("tcp", a.cfg.Listen)
		if err != nil {
			return badConfig("cannot listen on %s: %w. Change listen, or stop what uses the port", a.cfg.Listen, err)
		}
		listener = l
	}
	if ready != nil && listener != nil {
		ready(listener.Addr())
	}
	var doors, work, send, web []part
	if roles["ingest"] {
		for _, d := range a.doors {
			doors = append(doors, part{d.Name(), func(ctx context.Context) error { return d.Receive(ctx, a.ledger) }})
		}
	}
	if roles["process"] {
		a.clock.committed, a.jobs.committed = a.kick, a.kick
		work = append(work, part{"ledger", a.ledger.Run}, part{"clock", a.clock.Run}, part{"articles", a.shelf.Run}, part{"calendar", a.jobs.Run})
	}
	if roles["send"] {
		send = append(send, part{"relay", a.relay.Run}, part{"courier", a.courier.Run})
	}
	if listener != nil {
		web = append(web, part{"web", func(ctx context.Context) error { return a.web(ctx, listener) }})
		if !roles["process"] {
			web = append(web, part{"articles", a.shelf.Run})
		}
	}
	a.log.Info("sportello serves", "roles", roleNames(roles), "database", hideUserinfo(a.cfg.database()), "version", version())
	return a.runStages(ctx, doors, work, send, web)
}

func roleNames(roles map[string]bool) string {
	var out []string
	for _, r := range allRoles {
		if roles[r] {
			out = append(out, r)
		}
	}
	return strings.Join(out, ",")
}

// runStages runs all parts and ends the stages one after the other: each is told to stop when the one before has stopped.
func (a *app) runStages(ctx context.Context, stages ...[]part) error {
	fail, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	var errs []error
	type stage struct {
		stop context.CancelFunc
		g    *errgroup.Group
	}
	var running []stage
	for _, parts := range stages {
		sctx, stop := context.WithCancel(context.WithoutCancel(ctx))
		g := &errgroup.Group{}
		for _, p := range parts {
			g.Go(func() error {
				err := p.run(sctx)
				if err != nil && sctx.Err() == nil {
					// One door that can never work must not stop the others; everything else is fatal.
					a.log.Error("part ended", "part", p.name, "err", err)
					if !strings.Contains(p.name, ":") {
						failed(fmt.Errorf("%s: %w", p.name, err))
					}
				}
				return nil
			})
		}
		running = append(running, stage{stop, g})
	}
	<-fail.Done()
	if cause := context.Cause(fail); cause != nil && ctx.Err() == nil {
		errs = append(errs, cause)
	}
	a.log.Info("stopping")
	limit := time.AfterFunc(shutdownGrace, func() {
		a.log.Error("parts did not end in time; what they held is taken over when their leases end")
		os.Exit(exitFailed)
	})
	defer limit.Stop()
	for _, s := range running {
		s.stop()
		_ = s.g.Wait()
	}
	a.log.Info("stopped")
	return errors.Join(errs...)
}

// web serves the pages and the health endpoints until ctx ends, then lets open requests finish.
func (a *app) web(ctx context.Context, l net.Listener) error {
	p := &portal.Portal{Store: a.db, Desk: a.desk, Templates: a.words, Library: customerLibrary{a.shelf}, Brand: a.cfg.Brand, Language: a.cfg.Language, Log: a.log, Committed: a.kick}
	if len(a.cfg.Queues) > 0 {
		p.Address = a.cfg.Queues[0].Addresses[0]
	}
	mux := http.NewServeMux()
	mux.Handle("/", p.Handler())
	a.health(mux)
	a.mountSlack(mux)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(drain)
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
