package ticketing

import (
	"context"
)

// Verdicts of a person on a message in quarantine.
const (
	VerdictReply  = "reply"  // join the candidate ticket
	VerdictTicket = "ticket" // a ticket of its own
	VerdictDelete = "delete" // throw away; the raw copy stays until retention takes it
)

// errGone: somebody has judged already.
var errGone error = &Error{Code: "quarantine.gone", Permanent: true}

// Judge carries out a person's verdict on a waiting ledger row. A released row goes back to accepted with the verdict noted, and is
// processed again like any other: the same code decides, now knowing that a person vouched for it. Judging twice changes nothing.
func (d *Desk) Judge(ctx context.Context, tx Tx, in *Inbound, verdict, actor string) error {
	if in.State != InboundDone || in.Outcome != OutcomeQuarantine {
		return errGone
	}
	args := map[string]string{"inbound": in.ID, "cause": string(in.Cause), "verdict": verdict}
	if err := d.event(ctx, tx, in.Thread, in.Ticket, actor, "quarantine."+verdict, args); err != nil {
		return err
	}
	in.DecidedAt = tx.Now()
	if verdict == VerdictDelete {
		in.Outcome, in.LogicalKey = OutcomeDeleted, ""
		return tx.ReviseInbound(ctx, in)
	}
	in.State, in.Outcome, in.Cause, in.LogicalKey = InboundAccepted, "", "", ""
	in.Attempts, in.Failures, in.NextAt = 0, 0, tx.Now()
	in.Reason = "released." + verdict
	return tx.ReviseInbound(ctx, in)
}

// Released says what a person said about a row that is being processed again: VerdictReply, VerdictTicket or "".
func (in *Inbound) Released() string {
	switch in.Reason {
	case "released." + VerdictReply:
		return VerdictReply
	case "released." + VerdictTicket:
		return VerdictTicket
	}
	return ""
}

// vouch makes the sender of a released message a participant of the candidate thread.
func (d *Desk) vouch(ctx context.Context, c *Case) error {
	if c.Contact == nil {
		who, err := d.contact(ctx, c.Tx, c.Heard.From)
		if err != nil {
			return err
		}
		c.Contact = &who
	}
	if c.Standing.Joins() || c.Standing == StandingSelf {
		// An address of ours never becomes a participant: the desk would write to itself.
		return nil
	}
	c.Standing = StandingParticipant
	return c.Tx.SaveParticipant(ctx, &Participant{Thread: c.Thread.ID, Contact: c.Contact.ID, Role: "copied", Released: true, Active: true, AddedAt: c.Now})
}
