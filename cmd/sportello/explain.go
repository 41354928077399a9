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
	JSON  bool   `help:"Print one JSON object instead of sentences."`
	Lang  string `enum:"it,en," default:"" help:"Language of the sentences: it or en; empty takes that of the settings."`
	Batch string `placeholder:"PATH" type:"path" help:"Read all mails of a folder, an mbox file or a Maildir, and print one JSON object a line."`
}

// Help is shown by explain --help.
func (ExplainCmd) Help() string {
	return "Examples:\n  sportello explain < mail.eml\n  sportello explain --json < mail.eml | jq .kind\n" +
		"  sportello explain -c sportello.yaml < mail.eml   # knows our addresses, keys and trusted servers\n" +
		"  sportello explain --batch ~/Maildir | jq -r .kind | sort | uniq -c\n  sportello explain --batch old.mbox > read.jsonl\n" +
		"\nThe lines of --batch come in the order of the folder or file; source and number tell which mail each is, error why one could not be opened."
}

// Run reads one mail from standard input, or all of a batch.
func (cmd ExplainCmd) Run(ctx context.Context, c *console) error {
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
	words, err := templates.Load()
	if err != nil {
		return err
	}
	if cmd.Batch != "" {
		return explainBatch(ctx, c, r, cmd.Batch, func(key string, args map[string]any) string { return words.T(lang, "cli.explain."+key, args) })
	}
	// One octet more than a mail may have tells that it has too many; the rest would not be looked at.
	raw, err := io.ReadAll(io.LimitReader(c.in, int64(mailSize(r))+1))
	if err != nil {
		return fmt.Errorf("cannot read the mail from standard input: %w", err)
	}
	m := r.Read(raw)
	if cmd.JSON {
		e := json.NewEncoder(c.out)
		e.SetEscapeHTML(false)
		return e.Encode(m.Explain())
	}
	return tellMail(c, words, lang, m.Explain())
}

// mailSize is the limit in force.
func mailSize(r *mail.Reader) int {
	if r.Limits.MailSize > 0 {
		return r.Limits.MailSize
	}
	return mail.DefaultLimits().MailSize
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

// ruleChapters says under which heading the sentence of a rule stands; what is not named stands under what was read.
var ruleChapters = map[string]string{
	"auth": "sender", "pec_envelope": "sender", "pec_standing": "sender", "kind": "kind", "pec_receipt": "kind", "failure": "kind", "pec_about": "where",
	"own_id_failed": "where", "quarantine": "where", "no_answer": "answer", "forward": "sender", "forward_abstains": "sender",
}

// tellMail tells what was read as sentences, each with the number of its rule.
func tellMail(c *console, words *templates.Set, lang string, e mail.Explain) error {
	t := func(key string, args map[string]any) string { return words.T(lang, "cli.explain."+key, args) }
	say := func(key string, args map[string]any) { _, _ = fmt.Fprintln(c.out, "  "+t(key, args)) }
	head := func(key string) { _, _ = fmt.Fprintln(c.out, c.paint("1", t("head."+key, nil))) }
	rules := func(chapter string) {
		for _, r := range e.Rules {
			if at := ruleChapters[r.Code]; at == chapter || at == "" && chapter == "read" {
				_, _ = fmt.Fprintln(c.out, "  "+ruleSentence(words, lang, r))
			}
		}
	}

	head("read")
	say("subject", map[string]any{"subject": e.Subject})
	if e.Date != nil {
		say("date", map[string]any{"date": *e.Date})
	}
	say("language", map[string]any{"language": e.Language})
	for _, f := range e.Attachments {
		say("file", map[string]any{"name": f.FileName, "type": f.ContentType, "size": f.Size})
	}
	for _, f := range e.Flags {
		say("flag."+f, nil)
	}
	rules("read")
	if e.Elided != "" {
		say("elided", map[string]any{"lines": strings.Count(e.Elided, "\n") + 1})
	}

	head("sender")
	if e.From == nil {
		say("from_none", nil)
	} else {
		say("from", map[string]any{"name": e.From.Name, "address": e.From.Address})
	}
	if !e.Identity {
		say("identity_bad", nil)
	}
	rules("sender")

	head("kind")
	say("kind."+string(e.Kind), nil)
	rules("kind")
	if e.FailedRecipient != nil {
		say("failure", map[string]any{"recipient": *e.FailedRecipient})
	}

	head("where")
	if e.Thread.Rule == ticketing.ClaimNone && len(e.Thread.Refs) > 0 {
		say("thread.unknown", map[string]any{"count": len(e.Thread.Refs)})
	} else {
		say("thread."+string(e.Thread.Rule), nil)
	}
	rules("where")
	say("outcome."+string(e.Outcome), map[string]any{"cause": wordOf(words, lang, "cause", e.Quarantine), "reason": e.Reason})

	head("answer")
	denied := false
	for _, r := range e.Rules {
		denied = denied || ruleChapters[r.Code] == "answer"
	}
	switch {
	case e.Auto.Allowed:
		say("answer.yes", nil)
	case !denied:
		say("answer.no", map[string]any{"reason": e.Auto.Reason})
	}
	rules("answer")

	_, _ = fmt.Fprintln(c.out, c.paint("1", t("visible", nil)))
	for line := range strings.SplitSeq(e.Visible, "\n") {
		_, _ = fmt.Fprintln(c.out, "  "+line)
	}
	return nil
}

// wordOf says what a reader saw in the language of the sentences; what has no word of its own, such as a header field, stays as it is.
func wordOf(words *templates.Set, lang, kind, value string) string {
	if key := "cli.explain." + kind + "." + strings.ReplaceAll(value, " ", "_"); words.Has(key) {
		return words.T(lang, key, nil)
	}
	return value
}

// ruleSentence tells one kept decision. A code of another version without a sentence is told as it is.
func ruleSentence(words *templates.Set, lang string, r ticketing.Rule) string {
	args := map[string]any{"number": r.Number}
	for k, v := range r.Args {
		args[k] = v
		args[k] = wordOf(words, lang, k, v)
	}
	if key := "cli.explain.rule." + r.Code; words.Has(key) {
		return words.T(lang, key, args)
	}
	var rest []string
	for k, v := range r.Args {
		rest = append(rest, k+"="+v)
	}
	sort.Strings(rest)
	return words.T(lang, "cli.explain.rule.other", map[string]any{"number": r.Number, "code": r.Code, "args": strings.Join(rest, " ")})
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
