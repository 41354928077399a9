package ticketing

import (
	"cmp"
	"context"
)

// Settled is called in the transaction that settles an outgoing row as sent, failed or suppressed, once. What follows from it is
// written there: the sign that an answer left, the state it brings, the notice that it did not.
func (d *Desk) Settled(ctx context.Context, tx Tx, o Outgoing) error {
	if o.Fluid || o.Thread == "" {
		return nil
	}
	if o.State == OutgoingSent && o.Automatic && o.Facts.Contact != "" {
		return d.known(ctx, tx, o, o.Facts.Origin, o.Facts.Contact)
	}
	t, err := tx.Thread(ctx, o.Thread)
	if err != nil {
		return err
	}
	q := d.queue(t.Queue)
	switch {
	case o.State == OutgoingSent && o.Door == q.ChatDoor:
		// From now on what is written under this post belongs to the thread.
		if o.Ref == "" {
			return nil
		}
		if err := tx.AddRef(ctx, o.Ref, o.Door, "", t.ID, ""); err != nil {
			return err
		}
		return d.cardsDue(ctx, tx, o)
	case o.State == OutgoingSent:
		return d.letterSent(ctx, tx, q, &t, o)
	case o.State == OutgoingFailed && o.Door != q.ChatDoor:
		if err := d.blocked(ctx, tx, o); err != nil {
			return err
		}
		args := map[string]string{"outgoing": o.ID, "recipient": cmp.Or(o.Facts.To.Address, o.Facts.To.Name, o.Recipient), "reason": o.Reason, "answer": o.Answer, "kind": string(o.Kind)}
		if err := d.event(ctx, tx, t.ID, t.Number, "system", "letter.failed", args); err != nil {
			return err
		}
		if err := d.offerLost(ctx, tx, o); err != nil {
			return err
		}
		if t, err = tx.Thread(ctx, o.Thread); err != nil {
			return err
		}
		return d.post(ctx, tx, q, &t, PostBounce, "failed:"+o.ID, Facts{Code: "failed", Args: args, AgentName: o.Facts.AgentName,
			Card: &Card{Number: t.Number, Subject: t.Subject, From: o.Facts.To, Thread: t.ID}})
	case o.State == OutgoingFailed:
		return d.event(ctx, tx, t.ID, t.Number, "system", "post.failed", map[string]string{"outgoing": o.ID, "reason": o.Reason})
	}
	return nil
}

// blocked notes that a person takes nothing of ours any more. The next message of theirs ends that.
func (d *Desk) blocked(ctx context.Context, tx Tx, o Outgoing) error {
	if o.Reason != ReasonBlocked {
		return nil
	}
	who, err := tx.ContactByKey(ctx, o.Recipient)
	if ok, err := found(err); err != nil || !ok || who.Bounced {
		return err
	}
	who.Bounced = true
	return tx.SaveContact(ctx, &who)
}

// cardsDue makes the rewriting of a card due that came before the card itself was posted and was put off.
func (d *Desk) cardsDue(ctx context.Context, tx Tx, posted Outgoing) error {
	kind, ok := map[OutgoingKind]OutgoingKind{PostRoot: CardTicket, PostHeld: CardHeld}[posted.Kind]
	if !ok {
		return nil
	}
	rows, err := tx.ListOutgoing(ctx, OutgoingFilter{Thread: posted.Thread, Kind: kind, State: OutgoingPending})
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].NextAt = tx.Now()
		if _, err := tx.RevisePending(ctx, &rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// known remembers the Message-ID of a letter as exchanged with its recipient (M41, rule 3).
func (d *Desk) known(ctx context.Context, tx Tx, o Outgoing, door, contact string) error {
	if o.Ref == "" {
		return nil
	}
	return tx.AddRef(ctx, o.Ref, door, contact, o.Thread, "")
}

func (d *Desk) letterSent(ctx context.Context, tx Tx, q *Queue, t *Thread, o Outgoing) error {
	if o.Facts.Contact != "" {
		if err := d.known(ctx, tx, o, t.Door, o.Facts.Contact); err != nil {
			return err
		}
	}
	if o.Kind != LetterAnswer {
		return nil
	}
	if target := Ref(o.Facts.Args["target"]); target != "" {
		if err := d.react(ctx, tx, q, t, target, "incoming_envelope"); err != nil {
			return err
		}
	}
	k, err := tx.Ticket(ctx, t.Number)
	if ok, err := found(err); err != nil || !ok {
		return err
	}
	agent := o.Facts.Args["agent"]
	changed := false
	if k.AnsweredAt.IsZero() {
		k.AnsweredAt, changed = tx.Now(), true
	}
	if k.Assignee == "" && agent != "" {
		k.Assignee, changed = agent, true
	}
	if k.State == StateNew {
		k.State, changed = StateOpen, true
	}
	if changed {
		if err := d.saveTicket(ctx, tx, q, t, &k, agent, "ticket.answered_by", map[string]string{"outgoing": o.ID}); err != nil {
			return err
		}
	}
	first, err := d.firstSent(ctx, tx, o)
	if err != nil || !first {
		return err
	}
	switch o.Facts.Args["then"] {
	case "resolve":
		return d.Resolve(ctx, tx, &k, agent, Reason(o.Facts.Args["reason"]), 0, false)
	case "pending":
		if k.Resolved() || k.State == StatePending {
			return nil
		}
		k.State, k.Reminders, k.TimerAt = StatePending, 0, q.Hours.AddDays(tx.Now(), q.RemindAfter)
		return d.saveTicket(ctx, tx, q, t, &k, agent, "ticket.pending", nil)
	}
	return nil
}

// firstSent says whether no other letter of the same answer left before: what the answer means for the ticket happens once. A copy that
// a slow server takes an hour later must not resolve again what its customer has reopened meanwhile.
func (d *Desk) firstSent(ctx context.Context, tx Tx, o Outgoing) (bool, error) {
	rows, err := tx.OutgoingOf(ctx, o.Cause)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		if r.Kind == o.Kind && r.ID != o.ID && r.State == OutgoingSent {
			return false, nil
		}
	}
	return true, nil
}

// Suppress is called in the transaction that leases a row for sending. A non-empty reason means that it must not go any more.
func (d *Desk) Suppress(ctx context.Context, tx Tx, o Outgoing) (string, error) {
	if o.Door == d.queue(o.Queue).ChatDoor || o.Attempts > 1 {
		return "", nil
	}
	who, active, err := tx.Addressee(ctx, o.Thread, o.Recipient)
	ok, err := found(err)
	if err != nil || !ok {
		return "", err
	}
	if o.Automatic {
		if who.Suppressed {
			return "suppressed", nil
		}
		if who.Bounced {
			return "bounced", nil
		}
	}
	if o.Thread != "" && !active {
		return "inactive", nil
	}
	return "", nil
}
