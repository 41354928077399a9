package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/sportello/sportello/ingest/mail"
	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// ExplainCmd tells how a mail is read. It needs no database and no network.
type ExplainCmd struct {
	JSON bool   `help:"Print one JSON object instead of sentences."`
	Lang string `enum:"it,en," default:"" help:"Language of the sentences: it or en; empty takes that of the settings."`
}

// Help is shown by explain --help.
func (ExplainCmd) Help() string {
	return "Examples:\n  sportello explain < mail.eml\n  sportello explain --json < mail.eml | jq .kind\n  sportello explain -c sportello.yaml < mail.eml   # knows our addresses, keys and trusted servers"
}

// maxExplain bounds what is read from standard input; the reader's own limits are far below.
const maxExplain = 256 << 20

// Run reads one mail from standard input.
func (cmd ExplainCmd) Run(_ context.Context, c *console) error {
	raw, err := io.ReadAll(io.LimitReader(c.in, maxExplain))
	if err != nil {
		return fmt.Errorf("cannot read the mail from standard input: %w", err)
	}
	r := &mail.Reader{Limits: mail.DefaultLimits()}
	lang := cmd.Lang
	if c.path != "" {
		cfg, err := c.config()
		if err != nil {
			return err
		}
		if lang == "" {
			lang = cfg.Language
		}
		if r, err = explainReader(cfg); err != nil {
			return err
		}
	}
	if lang == "" {
		lang = "it"
	}
	m := r.Read(raw)
	if cmd.JSON {
		e := json.NewEncoder(c.out)
		e.SetEscapeHTML(false)
		return e.Encode(m.Explain())
	}
	words, err := templates.Load()
	if err != nil {
		return err
	}
	return tellMail(c.out, words, lang, m.Explain())
}

// explainReader knows what the settings know: addresses, keys, trusted servers, lists.
func explainReader(cfg Config) (*mail.Reader, error) {
	if len(cfg.Mailboxes) == 0 {
		return &mail.Reader{Limits: mail.DefaultLimits()}, nil
	}
	keys, err := signingKeys(&cfg, false)
	if err != nil {
		keys = nil // without a data folder there is nothing to check tokens with
	}
	return mailReader(cfg, cfg.Mailboxes[0], keys)
}

// tellMail tells what was read as sentences, each with the number of its rule.
func tellMail(w io.Writer, words *templates.Set, lang string, e mail.Explain) error {
	say := func(key string, args map[string]any) {
		_, _ = fmt.Fprintln(w, words.T(lang, "cli.explain."+key, args))
	}
	if e.From == nil {
		say("from_none", nil)
	} else {
		say("from", map[string]any{"name": e.From.Name, "address": e.From.Address})
	}
	if !e.Identity {
		say("identity_bad", nil)
	}
	say("auth."+string(e.Auth), nil)
	say("subject", map[string]any{"subject": e.Subject})
	if e.Date != nil {
		say("date", map[string]any{"date": *e.Date})
	}
	say("kind."+string(e.Kind), nil)
	if e.FailedRecipient != nil && e.Failure != nil {
		say("failure", map[string]any{"recipient": *e.FailedRecipient, "status": e.Failure.Status, "reason": e.Failure.Reason})
	}
	say("language", map[string]any{"language": e.Language})
	for _, f := range e.Attachments {
		say("file", map[string]any{"name": f.FileName, "type": f.ContentType, "size": f.Size})
	}
	for _, r := range e.Rules {
		var args []string
		for k, v := range r.Args {
			args = append(args, k+"="+v)
		}
		sort.Strings(args)
		say("rule", map[string]any{"number": r.Number, "code": r.Code, "args": strings.Join(args, " ")})
	}
	switch {
	case e.Quarantine != "":
		say("quarantine", map[string]any{"cause": e.Quarantine, "reason": e.Reason})
	case e.Thread.Rule == ticketing.ClaimNone && len(e.Thread.Refs) > 0:
		say("thread.unknown", map[string]any{"count": len(e.Thread.Refs)})
	default:
		say("thread."+string(e.Thread.Rule), nil)
	}
	if e.Auto.Allowed {
		say("answer.yes", nil)
	} else {
		say("answer.no", map[string]any{"reason": e.Auto.Reason})
	}
	_, _ = fmt.Fprintln(w)
	say("visible", nil)
	for _, line := range strings.Split(e.Visible, "\n") {
		_, _ = fmt.Fprintln(w, "  "+line)
	}
	if e.Elided != "" {
		say("elided", map[string]any{"lines": strings.Count(e.Elided, "\n") + 1})
	}
	return nil
}

// CheckCmd tries every connection.
type CheckCmd struct {
	Timeout time.Duration `default:"20s" help:"For each connection."`
}

// Help is shown by check --help.
func (CheckCmd) Help() string {
	return "Tries database, Redis, every mailbox, every SMTP server and Slack with the settings in force, sends nothing, and tells what is wrong and what to do.\nExit status 1 if anything is."
}

// Run checks.
func (cmd CheckCmd) Run(ctx context.Context, c *console) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	words, err := templates.Load()
	if err != nil {
		return err
	}
	failed := false
	for _, probe := range probes(cfg, logger(LogConfig{Level: "error"}, c.err)) {
		tctx, cancel := context.WithTimeout(ctx, cmd.Timeout)
		said, err := probe.try(tctx)
		cancel()
		mark, text := c.paint("32", "ok"), said
		if err != nil {
			failed = true
			mark, text = c.paint("31", words.T(cfg.Language, "cli.check.wrong", nil)), advise(err)
		}
		_, _ = fmt.Fprintf(c.out, "%-8s %-32s %s\n", mark, probe.name, text)
	}
	for key, ok := range map[string]bool{"cli.check.no_mailbox": len(cfg.Mailboxes) > 0, "cli.check.no_slack": !cfg.Slack.BotToken.IsZero()} {
		if !ok {
			_, _ = fmt.Fprintln(c.out, words.T(cfg.Language, key, nil))
		}
	}
	if failed {
		return errReported
	}
	return nil
}

// paint colours text on a terminal; code is that of SGR (ECMA-48).
func (c *console) paint(code, text string) string {
	if !c.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
