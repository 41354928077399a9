package ticketing

import (
	"context"
	"errors"
	"time"
)

// reply adds a customer's message to its ticket (or to a thread an article had closed) and wakes it up.
func (d *Desk) reply(ctx context.Context, c *Case, dec Decision) error {
	if err := d.admit(ctx, c); err != nil {
		return err
	}
	m, err := d.store(ctx, c, true, dec)
	if err != nil {
		return err
	}
	if err := d.turn(ctx, c); err != nil {
		return err
	}
	if err := d.postMail(ctx, c, m); err != nil {
		return err
	}
	if c.Ticket == nil {
		return nil
	}
	return d.wake(ctx, c, dec, m)
}

// edit takes in the new words of a customer's message. Before there is a ticket they change the question; on a ticket they are a version of
// their own beside the first, because somebody may have read that one. Mending a word neither wakes nor reopens anything.
func (d *Desk) edit(ctx context.Context, c *Case, dec Decision) error {
	m := c.Edited
	if c.Ticket == nil {
		m.Text, m.Visible = c.Heard.Text, c.Heard.Visible
		c.In.Message = m.ID
		if err := c.Tx.UpdateMessage(ctx, m); err != nil || c.Suggestion == nil {
			return err
		}
		return d.post(ctx, c.Tx, c.Queue, c.Thread, CardHeld, "suggestion:"+c.Suggestion.ID, Facts{})
	}
	h := *c.Heard
	h.Flags = append(h.Flags[:len(h.Flags):len(h.Flags)], FlagEdited)
	c.Heard = &h
	v, err := d.store(ctx, c, true, dec)
	if err != nil {
		return err
	}
	return d.postMail(ctx, c, v)
}

// FlagEdited stands on a message that is a new version of an earlier one.
const FlagEdited = "edited"

// admit notes that a colleague in copy counts as released (decision 26) once something of theirs has joined: from now on they get what
// the requester gets.
func (d *Desk) admit(ctx context.Context, c *Case) error {
	if c.Standing != StandingParticipant {
		return nil
	}
	people, err := c.Tx.Participants(ctx, c.Thread.ID)
	if err != nil {
		return err
	}
	for _, p := range people {
		if p.Contact == c.Contact.ID && !p.Released {
			p.Released = true
			return c.Tx.SaveParticipant(ctx, &p)
		}
	}
	return nil
}

// turn notes the customer's latest message as the one our next letter answers (M21). A follower in copy does not turn it.
func (d *Desk) turn(ctx context.Context, c *Case) error {
	if c.Contact == nil || c.Contact.ID != c.Thread.Contact {
		return nil
	}
	if c.Heard.Auth == AuthPass && (!c.Contact.Proven || c.Contact.Bounced) {
		// Who writes from an address, and proves it, has it: an old bounce is over.
		c.Contact.Proven, c.Contact.Bounced = true, false
		if err := c.Tx.SaveContact(ctx, c.Contact); err != nil {
			return err
		}
	}
	c.Thread.LastRef, c.Thread.LastRefs = c.Heard.Ref, c.Heard.Refs
	if c.Thread.Language == "" {
		c.Thread.Language = d.language(c)
	}
	return c.Tx.SaveThread(ctx, c.Thread)
}

// postMail shows a customer's message in the agents' thread.
func (d *Desk) postMail(ctx context.Context, c *Case, m *Message) error {
	f := Facts{Body: m.Visible, Subject: m.Subject, Files: m.Files, To: c.Heard.From, Args: map[string]string{"standing": string(c.Standing)}}
	if c.Edited != nil {
		f.Args["edited"] = "1"
	}
	if f.To.Name == "" && c.Contact != nil {
		f.To.Name = c.Contact.Name
	}
	return d.post(ctx, c.Tx, c.Queue, c.Thread, PostMail, "message:"+m.ID, f)
}

// wake carries out rows 4 and 7 of the table of ticket states: a customer's message opens what waits and reopens what was resolved.
func (d *Desk) wake(ctx context.Context, c *Case, dec Decision, m *Message) error {
	k := c.Ticket
	switch k.State {
	case StatePending:
		k.State, k.TimerAt, k.Reminders = StateOpen, zeroTime, 0
		return d.saveTicket(ctx, c.Tx, c.Queue, c.Thread, k, c.Heard.From.Key, "ticket.answered", nil)
	case StateResolved:
		if max := d.Limits.ReopenPerHour; max > 0 && c.Reopenings >= max {
			return d.event(ctx, c.Tx, c.Thread.ID, k.Number, "system", "ticket.not_reopened", map[string]string{"limit": num(int64(max))})
		}
		if dec.Code == "thanks" {
			return d.event(ctx, c.Tx, c.Thread.ID, k.Number, c.Heard.From.Key, "ticket.thanked", nil)
		}
		k.reopen()
		if err := d.saveTicket(ctx, c.Tx, c.Queue, c.Thread, k, c.Heard.From.Key, "ticket.reopened", nil); err != nil {
			return err
		}
		if err := d.line(ctx, c.Tx, c.Queue, c.Thread, "message:"+m.ID, "reopened", map[string]string{"assignee": k.Assignee}); err != nil {
			return err
		}
		return d.acknowledge(ctx, c, dec, LetterReopened, "message:"+m.ID)
	}
	return nil
}

// saveTicket writes a changed ticket, its event, and asks for its card.
func (d *Desk) saveTicket(ctx context.Context, tx Tx, q *Queue, t *Thread, k *Ticket, actor, code string, args map[string]string) error {
	if err := tx.SaveTicket(ctx, k); err != nil {
		return err
	}
	if err := d.event(ctx, tx, t.ID, k.Number, actor, code, args); err != nil {
		return err
	}
	return d.card(ctx, tx, q, t)
}

// keep stores a message that bothers nobody. With a candidate it is folded into the ticket as an internal message (M17).
func (d *Desk) keep(ctx context.Context, c *Case, dec Decision) error {
	if c.Heard.Kind == KindFeedback {
		if err := d.complaint(ctx, c); err != nil {
			return err
		}
	}
	if r := c.Heard.Report; r != nil && c.Letter != nil {
		return d.receipt(ctx, c, r)
	}
	if c.Thread == nil || c.Heard.Act != nil || c.Heard.Press != "" || c.Heard.EditOf != "" || dec.Code == "own" {
		return nil
	}
	if _, err := d.store(ctx, c, false, dec); err != nil {
		return err
	}
	return d.event(ctx, c.Tx, c.Thread.ID, c.Thread.Number, c.Heard.From.Key, "message.automatic", map[string]string{"kind": string(c.Heard.Kind)})
}

// certifiedLines are the sentences for the receipts of certified mail that agents wait for: accepted by our provider, delivered by theirs.
var certifiedLines = map[string]string{"accettazione": "pec_accepted", "avvenuta-consegna": "pec_delivered"}

// receipt notes a receipt of certified mail on the letter it is about. What became of an agent's answer is shown in the ticket's thread with
// date and provider (PEC6), each receipt once; of automatic letters it would be noise.
func (d *Desk) receipt(ctx context.Context, c *Case, r *Report) error {
	o := c.Letter
	if err := d.event(ctx, c.Tx, o.Thread, o.Ticket, "system", "letter.receipt", map[string]string{"outgoing": o.ID, "receipt": r.Receipt, "provider": r.Provider}); err != nil {
		return err
	}
	code := certifiedLines[r.Receipt]
	if code == "" || o.Kind != LetterAnswer {
		return nil
	}
	t, err := c.Tx.Thread(ctx, o.Thread)
	if err != nil {
		return err
	}
	q := d.queue(t.Queue)
	at := c.Heard.At
	if at.IsZero() {
		at = c.Now
	}
	if zone, err := time.LoadLocation(q.Hours.ZoneName()); err == nil {
		at = at.In(zone)
	}
	return d.line(ctx, c.Tx, q, &t, "outgoing:"+o.ID+"/"+r.Receipt, code,
		map[string]string{"recipient": o.Facts.To.Address, "provider": r.Provider, "at": at.Format("02/01/2006 15:04")})
}

// complaint ends automatic mail to the person a feedback report is about (M16): the recipient of the letter it names, or the requester of
// the thread. The sender of the report is a provider and nobody's customer.
func (d *Desk) complaint(ctx context.Context, c *Case) error {
	var who Contact
	var err error
	switch {
	case c.Letter != nil:
		who, err = c.Tx.ContactByKey(ctx, c.Letter.Recipient)
	case c.Thread != nil:
		who, err = c.Tx.Contact(ctx, c.Thread.Contact)
	default:
		return nil
	}
	if ok, err := found(err); err != nil || !ok || who.Suppressed {
		return err
	}
	who.Suppressed = true
	return c.Tx.SaveContact(ctx, &who)
}

// quarantine leaves the message in the ledger for a person to judge. One that names a ticket of ours is shown in its thread at once,
// with the buttons to release it (decision 26); it changes no state, participant or timer.
func (d *Desk) quarantine(ctx context.Context, c *Case, dec Decision) error {
	if c.Thread == nil {
		return nil
	}
	args := map[string]string{"inbound": c.In.ID, "cause": string(dec.Cause), "rule": dec.Rule}
	if err := d.event(ctx, c.Tx, c.Thread.ID, c.Thread.Number, "system", "message.waiting", args); err != nil {
		return err
	}
	if dec.Cause != CauseNotParticipant && dec.Cause != CauseAuthFailed {
		return nil
	}
	card := &Card{Number: c.Thread.Number, Subject: c.Heard.Subject, From: c.Heard.From, Excerpt: excerpt(c.Heard.Visible), Thread: c.Thread.ID,
		Inbound: c.In.ID, Cause: dec.Cause, Flags: c.Heard.Flags}
	return d.post(ctx, c.Tx, c.Queue, c.Thread, PostRelease, "inbound:"+c.In.ID, Facts{Card: card})
}

// report marks the letter a bounce is about, its contact, and tells the agents (M15). It never opens, reopens or delays a ticket.
func (d *Desk) report(ctx context.Context, c *Case) error {
	r, o := c.Heard.Report, c.Letter
	args := map[string]string{"outgoing": o.ID, "status": r.Status, "reason": r.Reason, "recipient": r.Recipient}
	if err := d.event(ctx, c.Tx, o.Thread, o.Ticket, "system", "letter.bounced", args); err != nil {
		return err
	}
	if !r.Permanent || o.Bounced {
		return nil
	}
	o.Bounced = true
	o.Answer = r.Status + " " + r.Text
	switch o.State {
	case OutgoingPending, OutgoingSending, OutgoingInDoubt:
		// A bounce proves that the server had taken it.
		o.State, o.SentAt = OutgoingSent, c.Now
	}
	if err := c.Tx.ReviseOutgoing(ctx, o); err != nil {
		return err
	}
	if err := d.offerLost(ctx, c.Tx, *o); err != nil {
		return err
	}
	if r.Reason != "expired" && r.Reason != "mailbox_full" && r.Reason != "too_large" && r.Reason != "content" {
		who, err := c.Tx.ContactByKey(ctx, o.Recipient)
		ok, err := found(err)
		if err != nil {
			return err
		}
		if ok && !who.Bounced {
			who.Bounced = true
			if err := c.Tx.SaveContact(ctx, &who); err != nil {
				return err
			}
		}
	}
	t, err := c.Tx.Thread(ctx, o.Thread)
	if err != nil {
		return err
	}
	return d.post(ctx, c.Tx, d.queue(o.Queue), &t, PostBounce, "bounce:"+o.ID, Facts{Args: args, Target: "", Code: "bounce", AgentName: o.Facts.AgentName,
		Card: &Card{Number: t.Number, Subject: t.Subject, From: o.Facts.To, Thread: t.ID}})
}

// echo settles a row whose post came back to us (slack.md 6.3 step 7).
func (d *Desk) echo(ctx context.Context, c *Case) error {
	o, err := c.Tx.Outgoing(ctx, c.Heard.Echo.Outgoing)
	if ok, err := found(err); err != nil || !ok {
		return err
	}
	c.In.Outgoing, c.In.Thread, c.In.Ticket = o.ID, o.Thread, o.Ticket
	if o.Fluid || o.State != OutgoingSending && o.State != OutgoingInDoubt && !(o.State == OutgoingPending && o.DataStarted) {
		return nil
	}
	o.State, o.Ref, o.SentAt, o.Reason = OutgoingSent, c.Heard.Echo.Ref, c.Now, "echo"
	if err := c.Tx.ReviseOutgoing(ctx, &o); err != nil {
		if errors.Is(err, ErrFenced) {
			return nil
		}
		return err
	}
	return d.Settled(ctx, c.Tx, o)
}
