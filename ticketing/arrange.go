package ticketing

import (
	"context"
	"strings"
	"time"
)

// assign gives a ticket to a colleague, who is mentioned once in the thread, or with an empty target back to the team (slack.md 7.8).
func (d *Desk) assign(ctx context.Context, c *Case, cmd *Command) error {
	k := c.Ticket
	if k.Resolved() {
		return d.hint(ctx, c, "resolved_already", nil)
	}
	if k.Assignee == cmd.Target {
		return nil
	}
	if cmd.Target == "" {
		k.Assignee = ""
		return d.saveTicket(ctx, c.Tx, c.Queue, c.Thread, k, cmd.Agent, "ticket.released", nil)
	}
	if name := cmd.Args["name"]; name != "" {
		if err := c.Tx.SaveAgent(ctx, &Agent{ID: cmd.Target, Name: name}); err != nil {
			return err
		}
	}
	k.Assignee = cmd.Target
	if k.State == StateNew {
		k.State = StateOpen
	}
	code := "ticket.assigned"
	if cmd.Target == cmd.Agent {
		code = "ticket.claimed"
	}
	if err := d.saveTicket(ctx, c.Tx, c.Queue, c.Thread, k, cmd.Agent, code, map[string]string{"assignee": cmd.Target}); err != nil || cmd.Target == cmd.Agent {
		return err
	}
	return d.line(ctx, c.Tx, c.Queue, c.Thread, "inbound:"+c.In.ID+"/assigned", "assigned", map[string]string{"agent": cmd.Agent, "assignee": cmd.Target})
}

// snooze puts a ticket off: it waits, without a word to its customer, and wakes by the timer while the desk is open. What the customer
// writes wakes it at once.
func (d *Desk) snooze(ctx context.Context, c *Case, cmd *Command) error {
	k := c.Ticket
	if k.Resolved() {
		return d.hint(ctx, c, "resolved_already", nil)
	}
	k.State, k.Snoozed, k.Reminders = StatePending, true, 0
	k.TimerAt = c.Queue.Hours.Next(cmd.At)
	args := map[string]string{"until": c.Queue.local(k.TimerAt)}
	if err := d.saveTicket(ctx, c.Tx, c.Queue, c.Thread, k, cmd.Agent, "ticket.snoozed", args); err != nil {
		return err
	}
	return d.hint(ctx, c, "snoozed", args)
}

// local tells a time on the queue's clock.
func (q *Queue) local(at time.Time) string {
	if zone, err := time.LoadLocation(q.Hours.ZoneName()); err == nil {
		at = at.In(zone)
	}
	return at.Format("02/01/2006 15:04")
}

// wakeUp ends the time for which a ticket was put off and tells whom it belongs to. Outside the hours, which may have changed since, it
// sleeps on until they begin.
func (d *Desk) wakeUp(ctx context.Context, tx Tx, k *Ticket) error {
	t, q, err := d.place(ctx, tx, k)
	if err != nil {
		return err
	}
	if next := q.Hours.Next(tx.Now()); next.After(tx.Now()) {
		k.TimerAt = next
		return tx.SaveTicket(ctx, k)
	}
	k.State, k.Snoozed, k.TimerAt = StateOpen, false, zeroTime
	if err := d.saveTicket(ctx, tx, q, t, k, "timer", "ticket.woken", nil); err != nil {
		return err
	}
	return d.line(ctx, tx, q, t, "ticket:"+num(k.Number)+"/woken/"+num(k.Revision), "woken", map[string]string{"assignee": k.Assignee})
}

// merge makes a ticket part of another one of the queue: it closes as its duplicate, and what its people write from now on joins the other,
// where they take part. Of another customer than its own it is asked about first: those people would read that ticket's answers.
func (d *Desk) merge(ctx context.Context, c *Case, cmd *Command) error {
	k := c.Ticket
	into, hint, err := d.mergeTarget(ctx, c, whole(cmd.Target))
	if err != nil {
		return err
	}
	args := map[string]string{"number": cmd.Target}
	if hint != "" {
		return d.hint(ctx, c, hint, args)
	}
	t, err := c.Tx.Thread(ctx, into.Thread)
	if err != nil {
		return err
	}
	same := into.Contact == k.Contact
	if !same && !cmd.Force {
		return d.hint(ctx, c, "merge_other", args)
	}
	if err := d.bring(ctx, c, &t); err != nil {
		return err
	}
	if err := d.Resolve(ctx, c.Tx, k, cmd.Agent, ReasonDuplicate, into.Number, same); err != nil {
		return err
	}
	k.MergedInto, k.State, k.TimerAt = into.Number, StateClosed, zeroTime
	if k.ClosedAt.IsZero() {
		k.ClosedAt = c.Now
	}
	args = map[string]string{"agent": cmd.Agent, "into": num(into.Number), "from": num(k.Number), "subject": c.Thread.Subject}
	if err := d.saveTicket(ctx, c.Tx, c.Queue, c.Thread, k, cmd.Agent, "ticket.merged", map[string]string{"into": num(into.Number)}); err != nil {
		return err
	}
	if err := d.event(ctx, c.Tx, t.ID, t.Number, cmd.Agent, "ticket.merged_here", map[string]string{"from": num(k.Number)}); err != nil {
		return err
	}
	return d.linked(ctx, c, &t, "inbound:"+c.In.ID+"/merge", "merged", "merged_here", args)
}

// linked posts a line in the thread at hand and one in another thread; each names the other by a link.
func (d *Desk) linked(ctx context.Context, c *Case, other *Thread, cause, here, there string, args map[string]string) error {
	otherRoot, err := d.rootOf(ctx, c.Tx, other.ID)
	if err != nil {
		return err
	}
	root, err := d.rootOf(ctx, c.Tx, c.Thread.ID)
	if err != nil {
		return err
	}
	if err := d.post(ctx, c.Tx, c.Queue, c.Thread, PostLine, cause, Facts{Code: here, Args: args, Link: otherRoot}); err != nil {
		return err
	}
	return d.post(ctx, c.Tx, d.queue(other.Queue), other, PostLine, cause+"/there", Facts{Code: there, Args: args, Link: root})
}

// mergeTarget finds the ticket that another one can be merged into; hint is the code of what to tell the agent otherwise.
func (d *Desk) mergeTarget(ctx context.Context, c *Case, number int64) (into Ticket, hint string, err error) {
	if c.Ticket.MergedInto != 0 {
		return into, "merged_already", nil
	}
	for range maxMerged + 1 {
		into, err = c.Tx.Ticket(ctx, number)
		if ok, err := found(err); err != nil || !ok || into.Queue != c.Ticket.Queue {
			// An agent of this queue learns nothing of the tickets of another one.
			return into, "merge_unknown", err
		}
		if into.Number == c.Ticket.Number {
			return into, "merge_self", nil
		}
		if into.MergedInto == 0 {
			break
		}
		number = into.MergedInto
	}
	if into.State == StateClosed {
		return into, "merge_closed", nil
	}
	return into, "", nil
}

// bring makes the people of the thread at hand take part in another one, so that what they write joins it.
func (d *Desk) bring(ctx context.Context, c *Case, into *Thread) error {
	there, err := c.Tx.Participants(ctx, into.ID)
	if err != nil {
		return err
	}
	known := map[string]Participant{}
	for _, p := range there {
		known[p.Contact] = p
	}
	people, err := c.Tx.Participants(ctx, c.Thread.ID)
	if err != nil {
		return err
	}
	for _, p := range people {
		if !p.Active || p.Role != "requester" && !p.Released {
			continue
		}
		q, ok := known[p.Contact]
		if !ok {
			q = Participant{Thread: into.ID, Contact: p.Contact, Role: "copied", AddedAt: c.Now}
		}
		if q.Active && (q.Released || q.Role == "requester") {
			continue
		}
		q.Active, q.Released = true, true
		if err := c.Tx.SaveParticipant(ctx, &q); err != nil {
			return err
		}
	}
	return nil
}

// filled is a prepared answer with its places filled in. Where a name is not known, the blank before it goes too.
func filled(text string, values map[string]string) string {
	for name, v := range values {
		if v == "" {
			text = strings.ReplaceAll(text, " {"+name+"}", "")
		}
		text = strings.ReplaceAll(text, "{"+name+"}", v)
	}
	return text
}
