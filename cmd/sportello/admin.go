package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
)

// LedgerCmd looks at what came in.
type LedgerCmd struct {
	List  LedgerListCmd  `cmd:"" help:"List items, newest first."`
	Show  LedgerShowCmd  `cmd:"" help:"Show one item with everything that is known about it."`
	Retry LedgerRetryCmd `cmd:"" help:"Work on a quarantined item again, as if it had just come in; one that was too large or could not be fetched is fetched whole."`
}

// QuarantineCmd looks at what waits for a person.
type QuarantineCmd struct {
	List    QuarantineListCmd    `cmd:"" help:"List what waits, newest first."`
	Release QuarantineReleaseCmd `cmd:"" help:"Let an item through: as a reply to the ticket it names, or as a ticket of its own."`
	Delete  QuarantineDeleteCmd  `cmd:"" help:"Throw an item away; its raw copy stays."`
}

// OutboxCmd looks at what goes out.
type OutboxCmd struct {
	List   OutboxListCmd   `cmd:"" help:"List letters and posts, newest first."`
	Retry  OutboxRetryCmd  `cmd:"" help:"Send a failed row again, or settle one in doubt by sending the same bytes again."`
	Cancel OutboxCancelCmd `cmd:"" help:"Stop a row that has not been sent; --arrived settles one in doubt as sent."`
}

type page struct {
	Limit  int    `default:"50" help:"Rows a page, 1 to 1000."`
	Before string `help:"Continue below this id."`
	JSON   bool   `help:"One JSON object a line."`
}

func (p page) check() error {
	if p.Limit < 1 || p.Limit > 1000 {
		return badConfig("--limit is %d; use 1 to 1000", p.Limit)
	}
	return nil
}

// LedgerListCmd lists items.
type LedgerListCmd struct {
	page
	State   string `enum:",accepted,working,done" default:"" help:"accepted, working or done."`
	Outcome string `enum:",ticket,reply,follow-up,held,note,automatic,bounce,duplicate,quarantine,deleted" default:"" help:"ticket, reply, follow-up, held, note, automatic, bounce, duplicate, quarantine or deleted."`
	Door    string `help:"Such as mail:assistenza."`
}

// LedgerShowCmd shows an item.
type LedgerShowCmd struct {
	ID  string `arg:"" help:"Id of the item, from ledger list."`
	Raw bool   `help:"Print the raw bytes instead."`
}

// LedgerRetryCmd works on an item again.
type LedgerRetryCmd struct {
	ID string `arg:"" help:"Id of the item."`
}

// withStore opens the database for a command. An older schema is refused with what to do: only serve and migrate change it.
func (c *console) withStore(ctx context.Context, fn func(cfg Config, db *store.DB, files ticketing.Files) error) error {
	return c.openFor(ctx, false, fn)
}

// withFirstStore is withStore for what may come before the first start: where there is no database yet it is made.
func (c *console) withFirstStore(ctx context.Context, fn func(cfg Config, db *store.DB, files ticketing.Files) error) error {
	return c.openFor(ctx, true, fn)
}

func (c *console) openFor(ctx context.Context, first bool, fn func(cfg Config, db *store.DB, files ticketing.Files) error) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	if first && !cfg.postgres() {
		_, err := os.Stat(strings.TrimPrefix(cfg.database(), "sqlite://"))
		first = errors.Is(err, os.ErrNotExist)
	}
	db, files, err := openStore(ctx, &cfg, logger(cfg.Log, c.err), first && !cfg.postgres())
	if err != nil {
		return err
	}
	return errors.Join(fn(cfg, db, files), closeStore(db, files))
}

// Run lists.
func (cmd LedgerListCmd) Run(ctx context.Context, c *console) error {
	return listInbound(ctx, c, cmd.page, ticketing.InboundFilter{State: ticketing.InboundState(cmd.State), Outcome: ticketing.Outcome(cmd.Outcome), Door: cmd.Door},
		"The ledger is empty: nothing has come in yet.")
}

func listInbound(ctx context.Context, c *console, p page, f ticketing.InboundFilter, empty string) error {
	if err := p.check(); err != nil {
		return err
	}
	f.Before, f.Limit = p.Before, p.Limit
	return c.withStore(ctx, func(_ Config, db *store.DB, _ ticketing.Files) error {
		var rows []ticketing.Inbound
		err := db.View(ctx, func(tx ticketing.Tx) (err error) {
			rows, err = tx.ListInbound(ctx, f)
			return err
		})
		if err != nil {
			return err
		}
		if p.JSON {
			return jsonLines(c.out, rows)
		}
		if len(rows) == 0 {
			if f.State != "" || f.Door != "" || f.Cause != "" || f.Before != "" || f.Outcome != "" && f.Outcome != ticketing.OutcomeQuarantine {
				empty = "No such item."
			}
			_, err := fmt.Fprintln(c.out, empty)
			return err
		}
		w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "ID\tACCEPTED\tDOOR\tFROM\tOUTCOME\tTICKET\tWHY")
		for _, in := range rows {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", in.ID, stamp(in.AcceptedAt), in.Door, dash(in.From), outcome(in), number(in.Ticket), dash(in.Reason))
		}
		return errors.Join(w.Flush(), more(c.out, len(rows), p, rows[len(rows)-1].ID))
	})
}

func outcome(in ticketing.Inbound) string {
	switch {
	case in.State != ticketing.InboundDone:
		return string(in.State)
	case in.Cause != "":
		return string(in.Outcome) + "(" + string(in.Cause) + ")"
	}
	return string(in.Outcome)
}

func more(w io.Writer, n int, p page, last string) error {
	if n < p.Limit {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nThere may be more: --before %s\n", last)
	return err
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// dash shows a value on a terminal. What foreign servers said may hold control characters: they never reach it.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '?'
		}
		return r
	}, s)
}

func number(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("#%d", n)
}

func jsonLines[T any](w io.Writer, rows []T) error {
	e := json.NewEncoder(w)
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// missing makes a clear error of a look-up that found nothing.
func missing(err error, what, id, list string) error {
	if errors.Is(err, ticketing.ErrNotFound) {
		return fmt.Errorf("there is no %s %s; list them with: sportello %s", what, id, list)
	}
	return err
}

// Run shows one item.
func (cmd LedgerShowCmd) Run(ctx context.Context, c *console) error {
	return c.withStore(ctx, func(cfg Config, db *store.DB, files ticketing.Files) error {
		var in ticketing.Inbound
		var m ticketing.Message
		err := db.View(ctx, func(tx ticketing.Tx) (err error) {
			if in, err = tx.Inbound(ctx, cmd.ID); err == nil && in.Message != "" {
				m, err = tx.Message(ctx, in.Message)
			}
			return err
		})
		if err != nil {
			return missing(err, "item", cmd.ID, "ledger list")
		}
		if cmd.Raw {
			r, err := files.Open(ctx, in.RawSHA)
			if err != nil {
				return err
			}
			_, err = io.Copy(c.out, r)
			return errors.Join(err, r.Close())
		}
		words, err := templates.Load()
		if err != nil {
			return err
		}
		// Flags and rules are those kept with the message: how it was read then, whatever this version would say.
		shown := struct {
			ticketing.Inbound
			Flags     []string
			Rules     []string
			Threading string
		}{Inbound: in, Flags: m.Flags, Threading: strings.TrimSpace(m.Rule + " " + m.Losers)}
		for _, r := range m.Rules {
			shown.Rules = append(shown.Rules, ruleSentence(words, cfg.Language, r))
		}
		e := json.NewEncoder(c.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(shown)
	})
}

// Run puts the item back.
func (cmd LedgerRetryCmd) Run(ctx context.Context, c *console) error {
	return judge(ctx, c, cmd.ID, "ledger list --outcome quarantine", func(desk *ticketing.Desk, tx ticketing.Tx, in *ticketing.Inbound) error {
		if in.State != ticketing.InboundDone || in.Outcome != ticketing.OutcomeQuarantine {
			return fmt.Errorf("item %s is not in quarantine (%s): there is nothing to try again", in.ID, outcome(*in))
		}
		in.State, in.Outcome, in.Cause, in.LogicalKey, in.Reason = ticketing.InboundAccepted, "", "", "", ticketing.ReasonAgain
		in.Attempts, in.Failures, in.NextAt = 0, 0, tx.Now()
		return tx.ReviseInbound(ctx, in)
	}, "will be worked on again")
}

func judge(ctx context.Context, c *console, id, list string, fn func(*ticketing.Desk, ticketing.Tx, *ticketing.Inbound) error, done string) error {
	return c.withStore(ctx, func(cfg Config, db *store.DB, _ ticketing.Files) error {
		queues, err := cfg.queues()
		if err != nil {
			return err
		}
		desk := &ticketing.Desk{Queues: queues, Limits: cfg.Limits.desk()}
		err = db.Update(ctx, func(tx ticketing.Tx) error {
			in, err := tx.Inbound(ctx, id)
			if err != nil {
				return missing(err, "item", id, list)
			}
			return fn(desk, tx, &in)
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.out, "%s %s.\n", id, done)
		return err
	})
}

// QuarantineListCmd lists what waits.
type QuarantineListCmd struct {
	page
	Cause string `help:"Only this cause: not_participant, auth_failed, crash, limits, bad_sender, report, flood …"`
}

// Run lists.
func (cmd QuarantineListCmd) Run(ctx context.Context, c *console) error {
	return listInbound(ctx, c, cmd.page, ticketing.InboundFilter{Outcome: ticketing.OutcomeQuarantine, Cause: ticketing.Cause(cmd.Cause)},
		"Nothing waits in quarantine.")
}

// QuarantineReleaseCmd lets an item through.
type QuarantineReleaseCmd struct {
	ID  string `arg:"" help:"Id of the item, from quarantine list."`
	New bool   `help:"As a ticket of its own, instead of a reply to the ticket it names."`
}

// Run releases.
func (cmd QuarantineReleaseCmd) Run(ctx context.Context, c *console) error {
	return judge(ctx, c, cmd.ID, "quarantine list", func(desk *ticketing.Desk, tx ticketing.Tx, in *ticketing.Inbound) error {
		verdict := ticketing.VerdictReply
		if cmd.New || in.Thread == "" {
			verdict = ticketing.VerdictTicket
		}
		return released(desk.Judge(ctx, tx, in, verdict, "operator"), in)
	}, "is released and will be worked on")
}

// QuarantineDeleteCmd throws an item away.
type QuarantineDeleteCmd struct {
	ID string `arg:"" help:"Id of the item, from quarantine list."`
}

// Run deletes.
func (cmd QuarantineDeleteCmd) Run(ctx context.Context, c *console) error {
	return judge(ctx, c, cmd.ID, "quarantine list", func(desk *ticketing.Desk, tx ticketing.Tx, in *ticketing.Inbound) error {
		return released(desk.Judge(ctx, tx, in, ticketing.VerdictDelete, "operator"), in)
	}, "is deleted")
}

func released(err error, in *ticketing.Inbound) error {
	if err != nil && in.Outcome != ticketing.OutcomeQuarantine {
		return fmt.Errorf("item %s is not in quarantine (%s)", in.ID, outcome(*in))
	}
	return err
}

// OutboxListCmd lists rows.
type OutboxListCmd struct {
	page
	State  string `enum:",pending,sending,in_doubt,sent,failed,suppressed" default:"" help:"pending, sending, in_doubt, sent, failed or suppressed."`
	Ticket int64  `help:"Only rows of this ticket."`
}

// Run lists.
func (cmd OutboxListCmd) Run(ctx context.Context, c *console) error {
	if err := cmd.check(); err != nil {
		return err
	}
	return c.withStore(ctx, func(_ Config, db *store.DB, _ ticketing.Files) error {
		var rows []ticketing.Outgoing
		err := db.View(ctx, func(tx ticketing.Tx) (err error) {
			rows, err = tx.ListOutgoing(ctx, ticketing.OutgoingFilter{State: ticketing.OutgoingState(cmd.State), Ticket: cmd.Ticket, Before: cmd.Before, Limit: cmd.Limit})
			return err
		})
		if err != nil {
			return err
		}
		if cmd.JSON {
			return jsonLines(c.out, rows)
		}
		if len(rows) == 0 {
			_, err := fmt.Fprintln(c.out, "The outbox holds no such row.")
			return err
		}
		w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "ID\tMADE\tKIND\tTO\tTICKET\tSTATE\tTRIES\tNEXT\tWHY")
		for _, o := range rows {
			next := "-"
			if o.State == ticketing.OutgoingPending || o.State == ticketing.OutgoingInDoubt {
				next = stamp(o.NextAt)
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", o.ID, stamp(o.CreatedAt), o.Kind, dash(strings.TrimPrefix(o.Recipient, "mail:")), number(o.Ticket), o.State,
				o.Attempts, next, dash(strings.TrimSpace(o.Reason+" "+o.Answer)))
		}
		return errors.Join(w.Flush(), more(c.out, len(rows), cmd.page, rows[len(rows)-1].ID))
	})
}

// OutboxRetryCmd sends a row again.
type OutboxRetryCmd struct {
	ID string `arg:"" help:"Id of the row, from outbox list."`
}

// Run makes the row pending.
func (cmd OutboxRetryCmd) Run(ctx context.Context, c *console) error {
	return reviseRow(ctx, c, cmd.ID, "is due again", func(tx ticketing.Tx, o *ticketing.Outgoing) error {
		switch o.State {
		case ticketing.OutgoingFailed, ticketing.OutgoingInDoubt, ticketing.OutgoingPending:
		default:
			return fmt.Errorf("row %s is %s: only failed, in_doubt and pending rows can be sent again", o.ID, o.State)
		}
		o.State, o.NextAt, o.Reason, o.Probes, o.DataStarted = ticketing.OutgoingPending, tx.Now(), "", 0, false
		return nil
	})
}

// OutboxCancelCmd stops a row.
type OutboxCancelCmd struct {
	ID      string `arg:"" help:"Id of the row, from outbox list."`
	Arrived bool   `help:"The row is in doubt and the message did arrive: settle it as sent."`
}

// Run stops the row.
func (cmd OutboxCancelCmd) Run(ctx context.Context, c *console) error {
	return reviseRow(ctx, c, cmd.ID, "is settled", func(tx ticketing.Tx, o *ticketing.Outgoing) error {
		switch {
		case cmd.Arrived && o.State == ticketing.OutgoingInDoubt:
			o.State, o.SentAt, o.Reason = ticketing.OutgoingSent, tx.Now(), "operator"
		case cmd.Arrived:
			return fmt.Errorf("row %s is %s: --arrived is for rows in doubt", o.ID, o.State)
		case o.State == ticketing.OutgoingPending, o.State == ticketing.OutgoingInDoubt, o.State == ticketing.OutgoingFailed:
			o.State, o.Reason = ticketing.OutgoingSuppressed, "operator"
		default:
			return fmt.Errorf("row %s is %s: it can no longer be stopped", o.ID, o.State)
		}
		return nil
	})
}

func reviseRow(ctx context.Context, c *console, id, done string, fn func(ticketing.Tx, *ticketing.Outgoing) error) error {
	return c.withStore(ctx, func(cfg Config, db *store.DB, _ ticketing.Files) error {
		queues, err := cfg.queues()
		if err != nil {
			return err
		}
		desk := &ticketing.Desk{Queues: queues, Limits: cfg.Limits.desk()}
		err = db.Update(ctx, func(tx ticketing.Tx) error {
			o, err := tx.Outgoing(ctx, id)
			if err != nil {
				return missing(err, "row", id, "outbox list")
			}
			if err := fn(tx, &o); err != nil {
				return err
			}
			if err := tx.ReviseOutgoing(ctx, &o); err != nil {
				return err
			}
			if o.State == ticketing.OutgoingPending {
				return nil
			}
			return desk.Settled(ctx, tx, o)
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.out, "%s %s.\n", id, done)
		return err
	})
}
