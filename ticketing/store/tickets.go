package store

import (
	"context"
	"fmt"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const ticketColumns = `number, queue, thread, contact, type, product, subject, state, reason, duplicate_of, assignee, priority, language, door,
	follows, merged_into, certified, revision, reminders, opened_at, answered_at, resolved_at, closed_at, timer_at, snoozed`

var insertTicket = insert("tickets", ticketColumns)

func scanTicket(r row) (k ticketing.Ticket, err error) {
	err = r.Scan(&k.Number, &k.Queue, &k.Thread, opt{&k.Contact}, &k.Type, &k.Product, &k.Subject, &k.State, &k.Reason, &k.DuplicateOf,
		&k.Assignee, &k.Priority, &k.Language, &k.Door, &k.Follows, &k.MergedInto, &k.Certified, &k.Revision, &k.Reminders, at{&k.OpenedAt},
		at{&k.AnsweredAt}, at{&k.ResolvedAt}, at{&k.ClosedAt}, at{&k.TimerAt}, &k.Snoozed)
	return k, err
}

// NextNumber implements ticketing.DeskTx. On PostgreSQL the counter's row stays locked until this transaction ends, which is what keeps
// the numbers without gaps.
func (t *tx) NextNumber(ctx context.Context) (n int64, err error) {
	err = t.get(ctx, []any{&n}, `update counters set value = value + 1 where name = 'tickets' returning value`)
	return n, err
}

// InsertTicket implements ticketing.DeskTx.
func (t *tx) InsertTicket(ctx context.Context, k *ticketing.Ticket) error {
	k.OpenedAt = or(k.OpenedAt, t.now)
	_, err := t.exec(ctx, insertTicket, k.Number, k.Queue, k.Thread, null(k.Contact), k.Type, k.Product, k.Subject, k.State, k.Reason,
		k.DuplicateOf, k.Assignee, k.Priority, k.Language, k.Door, k.Follows, k.MergedInto, k.Certified, k.Revision, k.Reminders, k.OpenedAt,
		k.AnsweredAt, k.ResolvedAt, k.ClosedAt, k.TimerAt, k.Snoozed)
	return err
}

// SaveTicket implements ticketing.DeskTx. Number, thread and time of opening never change.
func (t *tx) SaveTicket(ctx context.Context, k *ticketing.Ticket) error {
	n, err := t.exec(ctx, `update tickets set queue = $3, contact = $4, type = $5, product = $6, subject = $7, state = $8, reason = $9,
			duplicate_of = $10, assignee = $11, priority = $12, language = $13, door = $14, follows = $15, merged_into = $16, certified = $17,
			reminders = $18, answered_at = $19, resolved_at = $20, closed_at = $21, timer_at = $22, snoozed = $23, revision = revision + 1
		where number = $1 and revision = $2`,
		k.Number, k.Revision, k.Queue, null(k.Contact), k.Type, k.Product, k.Subject, k.State, k.Reason, k.DuplicateOf, k.Assignee, k.Priority,
		k.Language, k.Door, k.Follows, k.MergedInto, k.Certified, k.Reminders, k.AnsweredAt, k.ResolvedAt, k.ClosedAt, k.TimerAt, k.Snoozed)
	if err == nil && n == 0 {
		err = ticketing.ErrFenced
	}
	if err == nil {
		k.Revision++
	}
	return err
}

// Ticket implements ticketing.DeskTx.
func (t *tx) Ticket(ctx context.Context, number int64) (ticketing.Ticket, error) {
	return one(ctx, t, scanTicket, `select `+ticketColumns+` from tickets where number = $1`, number)
}

// DueTickets implements ticketing.DeskTx.
func (t *tx) DueTickets(ctx context.Context, now time.Time, limit int) ([]ticketing.Ticket, error) {
	return many(ctx, t, scanTicket, `select `+ticketColumns+` from tickets where timer_at > 0 and timer_at <= $1 order by timer_at, number
		limit $2`+t.locked(t.db.dialect.skipLocked), now, limit)
}

// ListTickets implements ticketing.DeskTx.
func (t *tx) ListTickets(ctx context.Context, f ticketing.TicketFilter) ([]ticketing.Ticket, error) {
	w := conditionsOf(f)
	order := "number desc"
	if f.Urgent {
		order = "case priority when 'urgent' then 0 when 'high' then 1 else 2 end, number"
	}
	where := w.where(order, f.Limit)
	if f.Skip > 0 {
		w.args = append(w.args, f.Skip)
		where += fmt.Sprintf(" offset $%d", len(w.args))
	}
	return many(ctx, t, scanTicket, `select `+ticketColumns+` from tickets`+where, w.args...)
}

// CountTickets implements ticketing.DeskTx.
func (t *tx) CountTickets(ctx context.Context, contact string, since time.Time) (n int, err error) {
	err = t.get(ctx, []any{&n}, `select count(*) from tickets where contact = $1 and opened_at >= $2`, contact, since)
	return n, err
}
