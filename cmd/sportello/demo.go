package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sportello/sportello/cmd/sportello/demo"
	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
)

// DemoCmd shows sportello at work with a sample company. It needs nothing: mail server and Slack run inside the process.
type DemoCmd struct {
	Once    bool   `help:"End after the story: exit status 0, or 1 if any step did not happen."`
	Lang    string `help:"Language of the story: it or en. Default: that of the environment, else it." placeholder:"LANGUAGE"`
	Keep    string `type:"path" help:"Keep the data in this new or empty folder, to look at it with the other commands." placeholder:"DIR"`
	Listen  string `default:"127.0.0.1:0" help:"Address of the local page; port 0 takes a free one."`
	Verbose bool   `help:"Show the helpdesk's own log."`

	// spoil is called before the helpdesk starts; for tests.
	spoil func(*demo.Company)
}

// Help is shown by demo --help.
func (DemoCmd) Help() string {
	return "A sample company gets mail: a question that an article answers, one that becomes a ticket, an attachment, certified mail, an absence notice, a bounce,\n" +
		"a reply from a phone, a forger. Each step is checked where it should be seen. Afterwards everything stays up: write with any mail program, or on the local page.\n\n" +
		"Examples:\n  sportello demo\n  sportello demo --lang en --once"
}

// demoLanguage is the language of the environment (POSIX: LC_ALL before LC_MESSAGES before LANG) if it is one of ours.
func demoLanguage(environ []string) string {
	env := map[string]string{}
	for _, e := range environ {
		k, v, _ := strings.Cut(e, "=")
		env[k] = v
	}
	for _, k := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env[k]; v != "" {
			if strings.HasPrefix(v, templates.English) {
				return templates.English
			}
			break
		}
	}
	return templates.Italian
}

// Run shows the demo.
func (cmd DemoCmd) Run(ctx context.Context, c *console) (err error) {
	if cmd.Lang == "" {
		cmd.Lang = demoLanguage(c.environ)
	}
	if cmd.Lang != templates.Italian && cmd.Lang != templates.English {
		return badConfig("--lang is %q; use it or en", cmd.Lang)
	}
	words, err := templates.Load()
	if err != nil {
		return err
	}
	dir, remove, err := cmd.folder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	log, closeLog, err := cmd.logger(dir, c.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	company, err := demo.Open(cmd.Lang, words)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, company.Close()) }()
	if cmd.spoil != nil {
		cmd.spoil(company)
	}
	return cmd.show(ctx, c, words, company, dir, log)
}

// folder is where the data goes, and what to do with it at the end.
func (cmd DemoCmd) folder() (dir string, remove func() error, err error) {
	if cmd.Keep == "" {
		dir, err = os.MkdirTemp("", "sportello-demo-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	keep := func() error { return nil }
	entries, err := os.ReadDir(cmd.Keep)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return cmd.Keep, keep, os.MkdirAll(cmd.Keep, 0o700)
	case err == nil && len(entries) > 0:
		// The demo's mail server counts its mails from 1 each time: a database of another run would take them for known ones.
		err = badConfig("--keep: %s is not empty; name a new folder", cmd.Keep)
	}
	return cmd.Keep, keep, err
}

func (cmd DemoCmd) logger(dir string, w io.Writer) (*slog.Logger, func() error, error) {
	if cmd.Verbose {
		return logger(LogConfig{Level: "info"}, w), func() error { return nil }, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "sportello.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, err
	}
	return logger(LogConfig{Level: "info"}, f), f.Close, nil
}

// demoConfig are settings as a real installation has them, but for the limits: the sample customers write more in a minute than real ones in
// a day, so the limits against loops and floods are off (0), and nobody waits long for an answer to leave.
func demoConfig(dir, lang, publicURL string, company *demo.Company) (Config, error) {
	host, imap, smtp, err := company.MailPorts()
	if err != nil {
		return Config{}, err
	}
	cfg := defaults()
	cfg.Brand, cfg.Language, cfg.Data, cfg.Listen, cfg.PublicURL = demo.Brand, lang, dir, "", publicURL
	cfg.Limits = LimitsConfig{Backlog: cfg.Limits.Backlog, Failures: cfg.Limits.Failures}
	q := defaultQueue()
	q.Name, q.Addresses, q.Language, q.Agents, q.Channel = demo.Queue, []string{demo.Address, demo.Alias}, lang, lang, company.Channel
	q.Hours.Days, q.Control, q.Undo = map[string]string{}, 0, time.Second
	cfg.Queues = []QueueConfig{q}
	m := defaultMailbox()
	m.Name, m.Queue, m.Trusted, m.PEC = demo.Queue, demo.Queue, []string{demo.AuthServ}, []string{demo.PECHost}
	m.IMAP.Host, m.IMAP.Port, m.IMAP.TLS, m.IMAP.Username, m.IMAP.Password = host, imap, "none", demo.Address, ticketing.NewSecret(demo.Password)
	m.SMTP.Host, m.SMTP.Port, m.SMTP.TLS, m.SMTP.Username, m.SMTP.Password = host, smtp, "none", demo.Address, ticketing.NewSecret(demo.Password)
	m.SMTP.Doubt, m.SMTP.SentFolder = "probe", "Sent"
	cfg.Mailboxes = []MailboxConfig{m}
	cfg.Slack.APIURL, cfg.Slack.AppToken, cfg.Slack.BotToken = company.Slack.URL(), ticketing.NewSecret(demo.AppToken), ticketing.NewSecret(demo.BotToken)
	return cfg, cfg.check()
}

// show starts the helpdesk, tells the story, and stays up.
func (cmd DemoCmd) show(ctx context.Context, c *console, words *templates.Set, company *demo.Company, dir string, log *slog.Logger) (err error) {
	t := func(key string, args map[string]any) string { return words.T(cmd.Lang, "demo."+key, args) }
	links, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg, err := demoConfig(dir, cmd.Lang, "http://"+links.Addr().String(), company)
	if err != nil {
		return errors.Join(err, links.Close())
	}
	a, err := newApp(ctx, cfg, log)
	if err != nil {
		return errors.Join(err, links.Close())
	}
	defer func() { err = errors.Join(err, a.close()) }()
	articles, problems := kb.ReadDir(demo.Articles())
	for _, p := range problems {
		log.Error("article skipped", "err", p)
	}
	if _, err := importArticles(ctx, a.db, articles, false, func() {}); err != nil {
		return errors.Join(err, links.Close())
	}
	company.Store = a.db

	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 2)
	go func() {
		ended <- a.serve(running, map[string]bool{"ingest": true, "process": true, "send": true}, nil)
	}()
	go func() { ended <- a.web(running, links) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended, <-ended)
	}()

	_, _ = fmt.Fprintln(c.out, c.paint("1", t("title", map[string]any{"brand": demo.Brand})))
	_, _ = fmt.Fprintln(c.out, t("intro", map[string]any{"articles": len(articles), "address": demo.Address}))
	failed, err := company.Tell(ctx, &demo.Teller{W: c.out, Paint: c.paint}, demo.Patience)
	if err != nil && cmd.Once {
		return fmt.Errorf("the story was cut short: %w", err)
	}
	if err != nil {
		return nil // told to stop: nothing is wrong
	}
	_, _ = fmt.Fprintln(c.out)
	if len(failed) > 0 {
		_, _ = fmt.Fprintln(c.out, c.paint("31", t("failed", map[string]any{"n": len(failed)})))
		for _, f := range failed {
			_, _ = fmt.Fprintln(c.out, "  ", f)
		}
		if cmd.Keep == "" {
			_, _ = fmt.Fprintln(c.out, t("failed.look", nil))
		}
	} else {
		_, _ = fmt.Fprintln(c.out, c.paint("32", t("done", nil)))
	}
	if cmd.Once {
		if len(failed) > 0 {
			return errReported
		}
		return nil
	}
	return cmd.stay(ctx, c, t, company)
}

// stay serves the local page until the process is told to stop.
func (cmd DemoCmd) stay(ctx context.Context, c *console, t func(string, map[string]any) string, company *demo.Company) error {
	l, err := net.Listen("tcp", cmd.Listen)
	if err != nil {
		return badConfig("cannot listen on %s: %w. Choose another --listen", cmd.Listen, err)
	}
	host, imap, smtp, err := company.MailPorts()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	page, err := company.Page(l.Addr().String())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	_, _ = fmt.Fprintf(c.out, "\n%s\n", c.paint("1", t("join", nil)))
	for _, k := range []string{"join.page", "join.imap", "join.smtp", "join.user", "join.address", "join.stop"} {
		_, _ = fmt.Fprintln(c.out, "  ", t(k, map[string]any{"page": "http://" + l.Addr().String() + "/", "host": host, "imap": imap, "smtp": smtp,
			"password": demo.Password, "user": company.Visitor(), "address": demo.Address, "alias": demo.Alias}))
	}
	server := &http.Server{Handler: page, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		stopped <- server.Shutdown(drain)
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	_, _ = fmt.Fprintln(c.out, "\n"+t("bye", nil))
	return <-stopped
}
