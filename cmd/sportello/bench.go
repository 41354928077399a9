package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sportello/sportello/ingest/mail"
	"github.com/sportello/sportello/ticketing"
)

// BenchCmd measures against real servers.
type BenchCmd struct {
	Profile string `type:"path" placeholder:"FILE" help:"Write a CPU profile for go tool pprof."`

	Ingest BenchIngestCmd `cmd:"" help:"A full mailbox becomes tickets: read, stored, decided, letters due."`
	Send   BenchSendCmd   `cmd:"" help:"Due letters leave through the outbox to an SMTP server."`
}

// Help is shown by bench --help.
func (BenchCmd) Help() string {
	return "A figure means something only beside another one taken in the same minutes: .ci/bench runs these in turns with mbsync, smtp-source and bare go-mail and prints the ratios."
}

// AfterApply starts the profile.
func (cmd BenchCmd) AfterApply() error {
	if cmd.Profile == "" {
		return nil
	}
	f, err := os.Create(cmd.Profile)
	if err != nil {
		return err
	}
	return pprof.StartCPUProfile(f)
}

// BenchIngestCmd measures intake.
type BenchIngestCmd struct {
	IMAP     string `required:"" help:"host:port of an IMAP server on this machine, without TLS."`
	User     string `required:"" help:"Mailbox; everything in its INBOX is read."`
	Password string `required:""`
	Dir      string `required:"" help:"Empty folder for database and files." type:"path"`
	Database string `help:"postgres://… instead of SQLite in the folder."`
	Count    int    `required:"" help:"Mails to wait for."`
	JSON     bool   `help:"One JSON object instead of a sentence."`
}

// BenchSendCmd measures sending.
type BenchSendCmd struct {
	SMTP     string `required:"" help:"host:port of an SMTP server on this machine, without TLS."`
	Count    int    `default:"10000" help:"Letters."`
	Dir      string `help:"Folder for database and files; empty: a temporary one." type:"path"`
	Database string `help:"postgres://… instead of SQLite in the folder."`
	Redis    string `help:"redis://…; empty: the queue inside the process."`
	Bare     bool   `help:"Send as many mails with the wire library alone, over 8 kept connections: no database, no queue."`
	JSON     bool   `help:"One JSON object instead of a sentence."`
}

// benchResult is what both print.
type benchResult struct {
	Mails         int     `json:"mails"`
	Seconds       float64 `json:"seconds"`
	PerSecond     float64 `json:"per_second"`
	CPUSeconds    float64 `json:"cpu_seconds"`
	RSSPeak       int64   `json:"rss_peak_bytes"`
	Conversations string  `json:"conversation_file,omitempty"`
}

func (r benchResult) print(w io.Writer, asJSON bool, what string) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, "%d %s in %.2f s: %.0f a second, %.2f ms of CPU each, %d MiB at most\n", r.Mails, what, r.Seconds, r.PerSecond,
		r.CPUSeconds*1000/float64(max(r.Mails, 1)), r.RSSPeak>>20)
	return err
}

// measured runs fn and fills in time, CPU and memory.
func measured(n int, fn func() error) (benchResult, error) {
	before := cpuSeconds()
	start := time.Now()
	err := fn()
	r := benchResult{Mails: n, Seconds: time.Since(start).Seconds(), CPUSeconds: cpuSeconds() - before, RSSPeak: peakRSS()}
	r.PerSecond = float64(n) / r.Seconds
	pprof.StopCPUProfile()
	return r, err
}

func cpuSeconds() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// peakRSS is the largest resident size of this process so far, in bytes (VmHWM of proc(5)); 0 where there is no /proc.
func peakRSS() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// benchConfig is a desk without limits: a benchmark writes more mails of one domain in a minute than a company gets in a month.
func benchConfig(dir, database string) Config {
	cfg := defaults()
	cfg.Data, cfg.Database, cfg.Listen, cfg.Log.Level = dir, database, "", "error"
	cfg.Limits = LimitsConfig{Backlog: 1 << 20, Failures: cfg.Limits.Failures}
	q := defaultQueue()
	q.Name, q.Addresses, q.Offers, q.Hours.Days = "bench", []string{"support@helpdesk.example"}, true, map[string]string{}
	cfg.Queues = []QueueConfig{q}
	m := defaultMailbox()
	m.Name, m.Queue = "bench", "bench"
	m.IMAP.TLS, m.SMTP.TLS, m.SMTP.Doubt = "none", "none", "resend"
	cfg.Mailboxes = []MailboxConfig{m}
	return cfg
}

func splitHostPort(s string) (string, int, error) {
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, badConfig("%q is not host:port", s)
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		return "", 0, badConfig("%q is not host:port", s)
	}
	return host, port, nil
}

// Run reads the mailbox and waits until every mail has its outcome.
func (cmd BenchIngestCmd) Run(ctx context.Context, c *console) error {
	cfg := benchConfig(cmd.Dir, cmd.Database)
	m := &cfg.Mailboxes[0]
	var err error
	if m.IMAP.Host, m.IMAP.Port, err = splitHostPort(cmd.IMAP); err != nil {
		return err
	}
	m.IMAP.Username, m.IMAP.Password = cmd.User, ticketing.NewSecret(cmd.Password)
	m.SMTP.Host, m.SMTP.Port = "127.0.0.1", 9 // letters become due; nobody sends them here
	log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	a, err := newApp(ctx, cfg, log)
	if err != nil {
		return err
	}
	if err := a.readFromStart(ctx); err != nil {
		return errors.Join(err, a.close())
	}
	result, err := measured(cmd.Count, func() error {
		serve, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- a.serve(serve, map[string]bool{"ingest": true, "process": true}, nil) }()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for a.ledger.Decided() < int64(cmd.Count) {
			select {
			case <-tick.C:
			case err := <-ended:
				stop()
				return errors.Join(errors.New("the desk stopped before all mails were read"), err)
			}
		}
		stop()
		return <-ended
	})
	if err == nil {
		result.Conversations, err = a.conversations(ctx, filepath.Join(cmd.Dir, "conversations.json"))
	}
	if err := errors.Join(err, a.close()); err != nil {
		return err
	}
	return result.print(c.out, cmd.JSON, "mails became tickets")
}

// readFromStart makes the mailbox count as read up to nothing: a first connection would leave the mail that is already there alone.
func (a *app) readFromStart(ctx context.Context) error {
	box := a.doors[0].Door.(*mail.Door).Mailbox
	s, err := box.Dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := s.Examine(ctx, "INBOX")
	if err != nil {
		return err
	}
	return a.db.Update(ctx, func(tx ticketing.Tx) error {
		return tx.SetCursor(ctx, ticketing.Cursor{Place: box.Place(), Validity: int64(f.UIDValidity)})
	})
}

// conversations writes a map of Message-ID to ticket number, for checking threads from outside.
func (a *app) conversations(ctx context.Context, path string) (string, error) {
	out := map[string]int64{}
	const pageSize = 1000
	for before := ""; ; {
		n := 0
		err := a.db.View(ctx, func(tx ticketing.Tx) error {
			rows, err := tx.ListInbound(ctx, ticketing.InboundFilter{Before: before, Limit: pageSize})
			if err != nil {
				return err
			}
			for _, in := range rows {
				before = in.ID
				if in.Message == "" {
					continue
				}
				m, err := tx.Message(ctx, in.Message)
				if err != nil {
					return err
				}
				out[strings.Trim(strings.TrimPrefix(string(m.Ref), "mail:"), "<>")] = in.Ticket
			}
			n = len(rows)
			return nil
		})
		if err != nil {
			return "", err
		}
		if n < pageSize {
			break
		}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, raw, 0o600)
}

const (
	// bareConnections is how many SMTP connections the wire library alone keeps: more make it no faster.
	bareConnections = 8
	// deskConnections and deskCouriers are ours. Each letter waits for three commits, which letters under way at the same time share.
	deskConnections = 32
	deskCouriers    = 64
)

// Run makes letters due and sends them.
func (cmd BenchSendCmd) Run(ctx context.Context, c *console) error {
	host, port, err := splitHostPort(cmd.SMTP)
	if err != nil {
		return err
	}
	if cmd.Bare {
		result, err := measured(cmd.Count, func() error { return bareSend(ctx, host, port, cmd.Count) })
		if err != nil {
			return err
		}
		return result.print(c.out, cmd.JSON, "mails sent by the wire library alone")
	}
	dir := cmd.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "sportello-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	cfg := benchConfig(dir, cmd.Database)
	cfg.Redis = cmd.Redis
	m := &cfg.Mailboxes[0]
	m.IMAP.Host, m.IMAP.Username, m.IMAP.Password = "127.0.0.1", "bench", ticketing.NewSecret("bench")
	m.SMTP.Host, m.SMTP.Port, m.SMTP.Connections = host, port, deskConnections
	cfg.Sending.Couriers = deskCouriers
	a, err := newApp(ctx, cfg, slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	if err := a.makeLetters(ctx, cmd.Count); err != nil {
		return errors.Join(err, a.close())
	}
	result, err := measured(cmd.Count, func() error {
		serve, stop := context.WithCancel(ctx)
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- a.serve(serve, map[string]bool{"send": true}, nil) }()
		for {
			var states map[ticketing.OutgoingState]int
			if err := a.db.View(ctx, func(tx ticketing.Tx) (err error) {
				states, err = tx.CountOutgoing(ctx)
				return err
			}); err != nil {
				return err
			}
			if states[ticketing.OutgoingSent] >= cmd.Count {
				stop()
				return <-ended
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case err := <-ended:
				return errors.Join(errors.New("the outbox stopped before all letters were sent"), err)
			}
		}
	})
	if err := errors.Join(err, a.close()); err != nil {
		return err
	}
	return result.print(c.out, cmd.JSON, "letters sent")
}
