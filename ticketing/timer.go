package ticketing

import (
	"context"
)

// timerBatch is how many due things one transaction carries out.
const timerBatch = 50

// Tick carries out what the clock asks for: held requests whose time is over become tickets or are closed, waiting tickets get their reminder, then
// their end, resolved ones are closed. It returns how many it found; a full batch means that there may be more.
func (d *Desk) Tick(ctx context.Context, tx Tx) (int, error) {
	now := tx.Now()
	due, err := tx.DueSuggestions(ctx, now, timerBatch)
	if err != nil {
		return 0, err
	}
	for i := range due {
		if due[i].Why == WhyCloses {
			if err := d.closeSilent(ctx, tx, &due[i]); err != nil {
				return 0, err
			}
			continue
		}
		if err := d.openExpired(ctx, tx, &due[i], "timer"); err != nil {
			return 0, err
		}
	}
	tickets, err := tx.DueTickets(ctx, now, timerBatch)
	if err != nil {
		return 0, err
	}
	for i := range tickets {
		if err := d.tickTicket(ctx, tx, &tickets[i]); err != nil {
			return 0, err
		}
	}
	return len(due) + len(tickets), nil
}

func (d *Desk) tickTicket(ctx context.Context, tx Tx, k *Ticket) error {
	switch k.State {
	case StatePending:
		if k.Reminders > 0 {
			return d.Resolve(ctx, tx, k, "timer", ReasonNoReply, 0, true)
		}
		t, q, err := d.place(ctx, tx, k)
		if err != nil {
			return err
		}
		k.Reminders++
		k.TimerAt = q.Hours.AddDays(tx.Now(), q.ResolveAfter)
		if err := d.saveTicket(ctx, tx, q, t, k, "timer", "ticket.reminded", nil); err != nil {
			return err
		}
		return d.status(ctx, tx, q, t, k, LetterReminder, "reminder", false)
	case StateResolved:
		return d.Close(ctx, tx, k, "timer")
	}
	// A timer that stands on a state without one is a left-over: it is taken off.
	k.TimerAt = zeroTime
	return tx.SaveTicket(ctx, k)
}
