package ticketing

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

var zeroTime time.Time

// whole reads a ticket number; 0 for anything else.
func whole(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// act carries out an agent's command. Every press and every message was authorised by the bot from facts; here the database decides.
func (d *Desk) act(ctx context.Context, c *Case, dec Decision) error {
	cmd := dec.Command
	if cmd == nil {
		return Errorf("desk.command", "an act without a command")
	}
	a := c.Heard.Act
	if a.IsAgent && a.Actor.Name != "" {
		if err := c.Tx.SaveAgent(ctx, &Agent{ID: a.Actor.Key, Name: a.Actor.Name}); err != nil {
			return err
		}
	}
	if cmd.Hint != "" {
		if err := d.hint(ctx, c, cmd.Hint, cmd.Args); err != nil {
			return err
		}
	}
	switch cmd.Name {
	case CommandIgnore, CommandHint:
		return nil
	case CommandEdit:
		return d.editAnswer(ctx, c, cmd)
	case CommandCancel:
		_, err := d.cancelAnswer(ctx, c, cmd)
		return err
	}
	if a.Verb == VerbEdit {
		// The message became a command: its words go to nobody.
		if sent, err := d.cancelAnswer(ctx, c, cmd); err != nil || sent {
			return err
		}
	}
	return d.obey(ctx, c, cmd)
}

// obey carries out what an agent asks for by a command, a button or a reaction: one way for all three (slack.md 7.8).
func (d *Desk) obey(ctx context.Context, c *Case, cmd *Command) error {
	switch cmd.Name {
	case CommandNote:
		return d.note(ctx, c, cmd)
	case CommandAnswer:
		return d.answer(ctx, c, cmd)
	case CommandFind:
		return d.showFound(ctx, c, cmd)
	case CommandRelease, CommandAside, CommandDiscard:
		return d.judge(ctx, c, cmd)
	case CommandTake:
		return d.take(ctx, c, cmd)
	}
	if c.Ticket == nil {
		return d.hint(ctx, c, "no_ticket", nil)
	}
	if cmd.Text != "" && c.Heard.Act.Verb != VerbEdit && (cmd.Name == CommandClaim || cmd.Name == CommandReopen || cmd.Name == CommandClose) {
		// Words behind a command that takes none are for colleagues; they must not vanish.
		if err := d.note(ctx, c, &Command{Name: CommandNote, Text: cmd.Text, Agent: cmd.Agent, Message: cmd.Message}); err != nil {
			return err
		}
	}
	switch cmd.Name {
	case CommandPriority:
		return d.prioritise(ctx, c, cmd)
	case CommandCc:
		return d.addCc(ctx, c, cmd)
	case CommandArticle:
		return d.sendArticle(ctx, c, cmd)
	case CommandLink:
		return d.linkArticle(ctx, c, cmd)
	case CommandResume:
		return d.resume(ctx, c, cmd)
	case CommandClaim:
		return d.claim(ctx, c, cmd, cmd.Agent)
	case CommandAssign:
		return d.claim(ctx, c, cmd, cmd.Target)
	case CommandPending:
		return d.Pend(ctx, c.Tx, c.Ticket, cmd.Agent)
	case CommandResolve:
		if cmd.Text != "" {
			return d.answer(ctx, c, cmd)
		}
		return d.Resolve(ctx, c.Tx, c.Ticket, cmd.Agent, cmd.Reason, whole(cmd.Target), true)
	case CommandReopen:
		return d.reopen(ctx, c, cmd)
	case CommandClose:
		return d.Close(ctx, c.Tx, c.Ticket, cmd.Agent)
	}
	return Errorf("desk.command", "no such command: %q", cmd.Name)
}

// chatMessage stores what an agent wrote in the ticket's thread.
func (d *Desk) chatMessage(ctx context.Context, c *Case, cmd *Command, public bool) (*Message, error) {
	a := c.Heard.Act
	m := &Message{ID: d.newID(c.Now), Thread: c.Thread.ID, Ref: cmd.Message, Public: public, Author: AuthorAgent, Agent: a.Actor.Key, Name: a.Actor.Name,
		Text: cmd.Text, Visible: cmd.Text, Inbound: c.In.ID, At: a.At, StoredAt: c.Now, Files: c.Files}
	if c.Ticket != nil {
		m.Ticket = c.Ticket.Number
	}
	for _, h := range cmd.Articles {
		m.Text = strings.TrimSpace(m.Text + "\n\n" + h.Title)
		m.Visible = m.Text
	}
	if m.At.IsZero() {
		m.At = c.Now
	}
	c.In.Message = m.ID
	return m, c.Tx.InsertMessage(ctx, m)
}

// note keeps an internal message. The lock reaction is the lasting sign that it was not sent.
func (d *Desk) note(ctx context.Context, c *Case, cmd *Command) error {
	if c.Thread == nil {
		return nil
	}
	if _, err := d.chatMessage(ctx, c, cmd, false); err != nil {
		return err
	}
	if !cmd.Plain {
		if err := d.react(ctx, c.Tx, c.Queue, c.Thread, cmd.Message, "lock"); err != nil {
			return err
		}
	}
	if c.Ticket != nil && c.Ticket.State == StateNew && c.Heard.Act.IsAgent {
		c.Ticket.State = StateOpen
		return d.saveTicket(ctx, c.Tx, c.Queue, c.Thread, c.Ticket, cmd.Agent, "ticket.noted", nil)
	}
	return nil
}

func (d *Desk) react(ctx context.Context, tx Tx, q *Queue, t *Thread, target Ref, emoji string) error {
	return d.post(ctx, tx, q, t, React, "react:"+string(target)+"/"+emoji, Facts{Target: target, Emoji: emoji})
}

// answer makes an agent's words due for everybody they are for, after the queue's undo time. What cannot reach anybody stays a note.
func (d *Desk) answer(ctx context.Context, c *Case, cmd *Command) error {
	_, err := d.answerDue(ctx, c, cmd)
	return err
}

// answerDue is answer; due tells that there is somebody whom it will reach.
func (d *Desk) answerDue(ctx context.Context, c *Case, cmd *Command) (due bool, err error) {
	if c.Ticket == nil || c.Ticket.State == StateClosed || c.Ticket.MergedInto != 0 {
		return false, d.unsent(ctx, c, cmd, "cannot_answer")
	}
	people, err := d.recipients(ctx, c.Tx, c.Thread)
	if err != nil {
		return false, err
	}
	people = slices.DeleteFunc(people, func(p Contact) bool {
		_, _, ok := c.Queue.wayTo(c.Thread, p)
		return !ok
	})
	if len(people) == 0 {
		return false, d.unsent(ctx, c, cmd, "unreachable")
	}
	m, err := d.chatMessage(ctx, c, cmd, true)
	if err != nil {
		return false, err
	}
	args := map[string]string{"agent": cmd.Agent, "message": m.ID, "target": string(cmd.Message)}
	afterwards(c.Queue, cmd, args)
	for _, p := range people {
		o := Outgoing{Cause: "message:" + m.ID, Kind: LetterAnswer, Ticket: c.Ticket.Number, ByAgent: true, NextAt: c.Now.Add(c.Queue.Undo)}
		o.Facts = Facts{Subject: c.Thread.Subject, AgentName: c.Heard.Act.Actor.Name, Body: cmd.Text, Files: c.Files, Articles: cmd.Articles, Args: args}
		if _, err := d.letter(ctx, c.Tx, c.Queue, c.Thread, p, o); err != nil {
			return false, err
		}
	}
	return true, d.event(ctx, c.Tx, c.Thread.ID, c.Ticket.Number, cmd.Agent, "answer.due", map[string]string{"message": m.ID})
}

// unsent keeps what was meant as an answer as a note and tells its author why.
func (d *Desk) unsent(ctx context.Context, c *Case, cmd *Command, why string) error {
	if err := d.hint(ctx, c, why, nil); err != nil {
		return err
	}
	return d.note(ctx, c, cmd)
}

// afterwards notes what happens to the ticket once an answer has been sent.
func afterwards(q *Queue, cmd *Command, args map[string]string) {
	args["then"], args["reason"] = "", string(cmd.Reason)
	switch {
	case cmd.Reason != "":
		args["then"] = "resolve"
	case cmd.Ask || q.PendingDefault:
		args["then"] = "pending"
	}
}

// editAnswer changes the words of an answer while it still waits for its undo time; of a sent one its author is told so (S35). The words
// of a note change and nothing else: a note never becomes an answer by an edit.
func (d *Desk) editAnswer(ctx context.Context, c *Case, cmd *Command) error {
	m, rows, err := d.answerRows(ctx, c, cmd.Message)
	if err != nil || m == nil {
		return err
	}
	c.In.Message = m.ID
	changed := !m.Public
	for _, o := range rows {
		if o.State != OutgoingPending {
			continue
		}
		o.Facts.Body = cmd.Text
		afterwards(c.Queue, cmd, o.Facts.Args)
		ok, err := c.Tx.RevisePending(ctx, &o)
		if err != nil {
			return err
		}
		changed = changed || ok
	}
	switch {
	case changed:
	case m.Text == cmd.Text:
		// The chat tells of an edit, too, when it shows a link's preview.
		return nil
	default:
		return d.hint(ctx, c, "already_sent", map[string]string{"message": m.ID})
	}
	m.Text, m.Visible = cmd.Text, cmd.Text
	return c.Tx.UpdateMessage(ctx, m)
}

// cancelAnswer stops an answer while it waits: it was deleted, or became a note by an edit or by its author's lock. sent tells that it is
// too late; then its author is told, and after a deletion everybody, because the text that vanished had gone to the customer.
func (d *Desk) cancelAnswer(ctx context.Context, c *Case, cmd *Command) (sent bool, err error) {
	m, rows, err := d.answerRows(ctx, c, cmd.Message)
	if err != nil || m == nil {
		return false, err
	}
	a := c.Heard.Act
	if a.Verb == VerbReact && m.Agent != a.Actor.Key {
		return false, nil
	}
	c.In.Message = m.ID
	stopped, sent, err := d.stop(ctx, c.Tx, rows)
	switch {
	case err != nil:
		return sent, err
	case sent && a.Verb == VerbDelete:
		return sent, d.line(ctx, c.Tx, c.Queue, c.Thread, "message:"+m.ID+"/deleted", "deleted_after_sending", map[string]string{"agent": m.Name})
	case sent:
		return sent, d.hint(ctx, c, "already_sent", map[string]string{"message": m.ID})
	case m.Public && !stopped:
		return false, nil
	}
	m.Public = false
	if a.Verb == VerbEdit && cmd.Text != "" {
		m.Text, m.Visible = cmd.Text, cmd.Text
	}
	if err := c.Tx.UpdateMessage(ctx, m); err != nil || !stopped {
		return false, err
	}
	for _, h := range rows[0].Facts.Articles {
		if err := d.forget(ctx, c.Tx, c.Thread.ID, h.Key()); err != nil {
			return false, err
		}
	}
	if a.Verb != VerbDelete {
		if err := d.react(ctx, c.Tx, c.Queue, c.Thread, cmd.Message, "lock"); err != nil {
			return false, err
		}
	}
	return false, d.event(ctx, c.Tx, c.Thread.ID, c.Thread.Number, cmd.Agent, "answer.cancelled", map[string]string{"message": m.ID})
}

// stop takes back the letters of an answer that have not begun to leave.
func (d *Desk) stop(ctx context.Context, tx Tx, rows []Outgoing) (stopped, sent bool, err error) {
	for _, o := range rows {
		switch o.State {
		case OutgoingSuppressed, OutgoingFailed:
			continue
		}
		// A row that waits although it had begun may have arrived: whoever sends it next looks first.
		ok := false
		if !o.DataStarted {
			if ok, err = tx.SuppressPending(ctx, o.ID, "deleted"); err != nil {
				return stopped, sent, err
			}
		}
		stopped, sent = stopped || ok, sent || !ok
	}
	return stopped, sent, nil
}

func (d *Desk) answerRows(ctx context.Context, c *Case, ref Ref) (*Message, []Outgoing, error) {
	m, err := c.Tx.MessageByRef(ctx, ref)
	if ok, err := found(err); err != nil || !ok {
		return nil, nil, err
	}
	if c.Thread == nil || m.Thread != c.Thread.ID || m.Author != AuthorAgent {
		return nil, nil, nil
	}
	all, err := c.Tx.OutgoingOf(ctx, "message:"+m.ID)
	if err != nil {
		return nil, nil, err
	}
	rows := all[:0]
	for _, o := range all {
		if o.Kind == LetterAnswer {
			rows = append(rows, o)
		}
	}
	return &m, rows, nil
}

// claim gives the ticket to an agent. The first one wins; taking it from somebody takes a second press on purpose.
func (d *Desk) claim(ctx context.Context, c *Case, cmd *Command, to string) error {
	k := c.Ticket
	if k.Resolved() {
		return d.hint(ctx, c, "resolved_already", nil)
	}
	if k.Assignee == to {
		return nil
	}
	if k.Assignee != "" && cmd.Name == CommandClaim {
		name := k.Assignee
		if a, err := c.Tx.Agent(ctx, k.Assignee); err == nil {
			name = a.Name
		}
		return d.hint(ctx, c, "claimed_by", map[string]string{"agent": name})
	}
	k.Assignee = to
	if k.State == StateNew {
		k.State = StateOpen
	}
	return d.saveTicket(ctx, c.Tx, c.Queue, c.Thread, k, cmd.Agent, "ticket.claimed", map[string]string{"assignee": to})
}

// addCc makes a person take part in a ticket: from now on answers go to that address too, and what it writes joins. What was said before is
// not sent.
func (d *Desk) addCc(ctx context.Context, c *Case, cmd *Command) error {
	a, err := ParseAddress(strings.Trim(cmd.Target, "<>,; "))
	if err != nil || d.isAgent(a.String()) || d.OwnAddress != nil && d.OwnAddress(a.String()) {
		return d.hint(ctx, c, "cc_bad", map[string]string{"address": cmd.Target})
	}
	who, err := d.contact(ctx, c.Tx, Party{Key: "mail:" + a.Key(), Address: a.String()})
	if err != nil {
		return err
	}
	people, err := c.Tx.Participants(ctx, c.Thread.ID)
	if err != nil {
		return err
	}
	p := Participant{Thread: c.Thread.ID, Contact: who.ID, Role: "copied", AddedAt: c.Now}
	for _, x := range people {
		if x.Contact == who.ID {
			p = x
		}
	}
	if p.Active && (p.Released || p.Role == "requester") {
		return d.hint(ctx, c, "cc_already", map[string]string{"address": a.String()})
	}
	p.Active, p.Released = true, true
	if err := c.Tx.SaveParticipant(ctx, &p); err != nil {
		return err
	}
	if err := d.event(ctx, c.Tx, c.Thread.ID, c.Thread.Number, cmd.Agent, "participant.added", map[string]string{"contact": who.ID}); err != nil {
		return err
	}
	return d.line(ctx, c.Tx, c.Queue, c.Thread, "inbound:"+c.In.ID+"/cc", "cc_added", map[string]string{"agent": cmd.Agent, "address": a.String()})
}

// prioritise changes a ticket's priority and shows it on the card.
func (d *Desk) prioritise(ctx context.Context, c *Case, cmd *Command) error {
	k := c.Ticket
	if k.Priority == cmd.Target {
		return nil
	}
	was := k.Priority
	k.Priority = cmd.Target
	return d.saveTicket(ctx, c.Tx, c.Queue, c.Thread, k, cmd.Agent, "ticket.priority", map[string]string{"from": was, "to": k.Priority})
}

// Pend makes a ticket wait for its customer and starts the clock of the reminder.
func (d *Desk) Pend(ctx context.Context, tx Tx, k *Ticket, actor string) error {
	if k.Resolved() || k.State == StatePending {
		return nil
	}
	t, q, err := d.place(ctx, tx, k)
	if err != nil {
		return err
	}
	k.State, k.Reminders = StatePending, 0
	k.TimerAt = q.Hours.AddDays(tx.Now(), q.RemindAfter)
	if err := d.saveTicket(ctx, tx, q, t, k, actor, "ticket.pending", nil); err != nil {
		return err
	}
	return d.status(ctx, tx, q, t, k, LetterPending, "pending", true)
}

// Resolve resolves a ticket. tell is false when the customer has just been told in an agent's own words.
func (d *Desk) Resolve(ctx context.Context, tx Tx, k *Ticket, actor string, reason Reason, duplicateOf int64, tell bool) error {
	if k.Resolved() {
		return nil
	}
	t, q, err := d.place(ctx, tx, k)
	if err != nil {
		return err
	}
	if reason == "" {
		reason = ReasonSolved
	}
	k.State, k.Reason, k.DuplicateOf, k.ResolvedAt = StateResolved, reason, duplicateOf, tx.Now()
	k.TimerAt = tx.Now().Add(q.ReopenWindow)
	if err := d.saveTicket(ctx, tx, q, t, k, actor, "ticket.resolved", map[string]string{"reason": string(reason)}); err != nil {
		return err
	}
	if actor != "timer" && reason == ReasonSolved {
		if err := d.askArticle(ctx, tx, q, t); err != nil {
			return err
		}
	}
	if !tell {
		return nil
	}
	return d.status(ctx, tx, q, t, k, LetterResolved, "resolved", actor != "timer")
}

// Close closes a ticket for good: what its customer writes from now on is a new ticket that follows it.
func (d *Desk) Close(ctx context.Context, tx Tx, k *Ticket, actor string) error {
	if k.State == StateClosed {
		return nil
	}
	t, q, err := d.place(ctx, tx, k)
	if err != nil {
		return err
	}
	if k.State != StateResolved {
		if err := d.Resolve(ctx, tx, k, actor, ReasonOther, 0, true); err != nil {
			return err
		}
	}
	k.State, k.ClosedAt, k.TimerAt = StateClosed, tx.Now(), zeroTime
	return d.saveTicket(ctx, tx, q, t, k, actor, "ticket.closed", nil)
}

func (d *Desk) reopen(ctx context.Context, c *Case, cmd *Command) error {
	k := c.Ticket
	if k.State != StateResolved {
		return d.hint(ctx, c, "not_resolved", nil)
	}
	k.reopen()
	// Another word than for a reopening by mail, of which S17 allows only so many.
	return d.saveTicket(ctx, c.Tx, c.Queue, c.Thread, k, cmd.Agent, "ticket.reopened_by", nil)
}

func (d *Desk) place(ctx context.Context, tx Tx, k *Ticket) (*Thread, *Queue, error) {
	t, err := tx.Thread(ctx, k.Thread)
	if err != nil {
		return nil, nil, err
	}
	return &t, d.queue(t.Queue), nil
}

// status tells the requester about a change of state. The ticket's revision names the cause: each change speaks once.
func (d *Desk) status(ctx context.Context, tx Tx, q *Queue, t *Thread, k *Ticket, kind OutgoingKind, what string, byAgent bool) error {
	who, err := tx.Contact(ctx, k.Contact)
	if err != nil {
		return err
	}
	o := Outgoing{Cause: "ticket:" + num(k.Number) + "/" + what + "/" + num(k.Revision), Kind: kind, Ticket: k.Number, Automatic: true, ByAgent: byAgent,
		Facts: Facts{Reason: k.Reason, DuplicateOf: k.DuplicateOf}}
	if kind == LetterReminder || kind == LetterPending {
		o.Facts.Until = k.TimerAt
	}
	_, err = d.letter(ctx, tx, q, t, who, o)
	return err
}

// take opens a held request at once, for the agent who pressed.
func (d *Desk) take(ctx context.Context, c *Case, cmd *Command) error {
	if c.Thread == nil || c.Suggestion == nil {
		return d.hint(ctx, c, "gone", nil)
	}
	if c.Thread.State != ThreadHeld {
		return d.hint(ctx, c, "gone", nil)
	}
	if err := d.endOffer(ctx, c.Tx, c.Suggestion, SuggestionTaken, cmd.Agent); err != nil {
		return err
	}
	return d.openHeld(ctx, c.Tx, c.Thread.ID, cmd.Agent, cmd.Agent)
}

// judge releases or discards a message that waits for an agent (M44, S3, S52). Releasing makes its sender a participant and lets the
// ledger work on the row again with that knowledge.
func (d *Desk) judge(ctx context.Context, c *Case, cmd *Command) error {
	if c.Waiting == nil {
		return d.hint(ctx, c, "gone", nil)
	}
	verdict := map[CommandName]string{CommandRelease: VerdictReply, CommandAside: VerdictTicket, CommandDiscard: VerdictDelete}[cmd.Name]
	err := d.Judge(ctx, c.Tx, c.Waiting, verdict, cmd.Agent)
	if errors.Is(err, errGone) {
		return d.hint(ctx, c, "gone", nil)
	}
	return err
}
