package store

import (
	"context"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const outgoingColumns = `id, cause, kind, recipient, door, queue, thread, ticket, automatic, by_agent, fluid, revision, facts, state, rendered,
	attempts, next_at, owner, lease_end, fence, data_started, started_at, probes, answer, reason, ref, bounced, created_at, sent_at`

var insertOutgoing = insert("outgoing", outgoingColumns+", offered_at") + " on conflict (cause, kind, recipient) do nothing"

func scanOutgoing(r row) (o ticketing.Outgoing, err error) {
	err = r.Scan(&o.ID, &o.Cause, &o.Kind, &o.Recipient, &o.Door, &o.Queue, opt{&o.Thread}, &o.Ticket, &o.Automatic, &o.ByAgent, &o.Fluid,
		&o.Revision, doc{&o.Facts}, &o.State, &o.Rendered, &o.Attempts, at{&o.NextAt}, &o.Owner, at{&o.LeaseEnd}, &o.Fence, &o.DataStarted,
		at{&o.StartedAt}, &o.Probes, &o.Answer, &o.Reason, &o.Ref, &o.Bounced, at{&o.CreatedAt}, at{&o.SentAt})
	return o, err
}

// InsertOutgoing implements ticketing.OutboxTx. A row without state, due time or time of creation is pending, due and created now. A fluid
// row that is already there keeps its id, which o takes over together with the new revision; while it is being sent it stays leased, and
// its settlement puts it back to pending. One that waits is not put off: it shows what is then.
func (t *tx) InsertOutgoing(ctx context.Context, o *ticketing.Outgoing) (bool, error) {
	if o.State == "" {
		o.State = ticketing.OutgoingPending
	}
	o.CreatedAt = or(o.CreatedAt, t.now)
	if o.State == ticketing.OutgoingPending {
		o.NextAt = or(o.NextAt, t.now)
	}
	facts := text(o.Facts)
	n, err := t.exec(ctx, insertOutgoing, o.ID, key(o.Cause), o.Kind, key(o.Recipient), o.Door, o.Queue, null(o.Thread), o.Ticket, o.Automatic,
		o.ByAgent, o.Fluid, o.Revision, facts, o.State, o.Rendered, o.Attempts, o.NextAt, o.Owner, o.LeaseEnd, o.Fence, o.DataStarted, o.StartedAt,
		o.Probes, o.Answer, o.Reason, key(o.Ref), o.Bounced, o.CreatedAt, o.SentAt, 0)
	if err != nil {
		return false, err
	}
	if n > 0 {
		return true, t.addOutgoingFiles(ctx, o.ID, o.Facts.Files)
	}
	if !o.Fluid {
		return false, nil
	}
	err = t.get(ctx, []any{&o.ID, &o.Revision, &o.State}, `update outgoing set facts = $4, offered_at = 0,
			next_at = case when state = 'pending' and next_at < $5 then next_at else $5 end,
			door = $7, queue = $8, ticket = $9, reason = '',
			revision = case when $6 > revision then $6 else revision + 1 end,
			attempts = case when state = 'sending' then attempts else 0 end,
			state = case when state = 'sending' then state else 'pending' end,
			owner = case when state = 'sending' then owner else '' end,
			lease_end = case when state = 'sending' then lease_end else 0 end
		where cause = $1 and kind = $2 and recipient = $3 and fluid returning id, revision, state`,
		key(o.Cause), o.Kind, key(o.Recipient), facts, o.NextAt, o.Revision, o.Door, o.Queue, o.Ticket)
	if err == ticketing.ErrNotFound {
		return false, nil
	}
	return false, err
}

// addOutgoingFiles notes which stored files a row needs, so that they are not swept.
func (t *tx) addOutgoingFiles(ctx context.Context, id string, files []ticketing.FileRef) error {
	for _, f := range files {
		if _, err := t.exec(ctx, `insert into outgoing_files (outgoing, sha) values ($1, $2) on conflict do nothing`, id, f.SHA); err != nil {
			return err
		}
	}
	return nil
}

// Outgoing implements ticketing.OutboxTx.
func (t *tx) Outgoing(ctx context.Context, id string) (ticketing.Outgoing, error) {
	return one(ctx, t, scanOutgoing, `select `+outgoingColumns+` from outgoing where id = $1`, id)
}

// OutgoingByRef implements ticketing.OutboxTx. Where a fluid row shares the ref of the post it changes, the post is returned.
func (t *tx) OutgoingByRef(ctx context.Context, ref ticketing.Ref) (ticketing.Outgoing, error) {
	return one(ctx, t, scanOutgoing, `select `+outgoingColumns+` from outgoing where ref = $1 and ref <> '' order by fluid, id limit 1`, key(ref))
}

// OutgoingOf implements ticketing.OutboxTx, in the order of ids.
func (t *tx) OutgoingOf(ctx context.Context, cause string) ([]ticketing.Outgoing, error) {
	return many(ctx, t, scanOutgoing, `select `+outgoingColumns+` from outgoing where cause = $1 order by id`, key(cause))
}

// ListOutgoing implements ticketing.OutboxTx.
func (t *tx) ListOutgoing(ctx context.Context, f ticketing.OutgoingFilter) ([]ticketing.Outgoing, error) {
	var w filter
	if f.State != "" {
		w.add("state =", f.State)
	}
	if f.Ticket > 0 {
		w.conds = append(w.conds, "ticket > 0")
		w.add("ticket =", f.Ticket)
	}
	if f.Thread != "" {
		w.add("thread =", f.Thread)
	}
	if f.Door != "" {
		w.add("door =", f.Door)
	}
	if f.Kind != "" {
		w.add("kind =", f.Kind)
	}
	if f.Before != "" {
		w.add("id <", f.Before)
	}
	where := w.where("id desc", f.Limit)
	return many(ctx, t, scanOutgoing, `select `+outgoingColumns+` from outgoing`+where, w.args...)
}

// RevisePending implements ticketing.OutboxTx.
func (t *tx) RevisePending(ctx context.Context, o *ticketing.Outgoing) (bool, error) {
	n, err := t.exec(ctx, `update outgoing set facts = $2, next_at = $3, offered_at = 0 where id = $1 and state = 'pending' and rendered = ''`,
		o.ID, text(o.Facts), or(o.NextAt, t.now))
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.addOutgoingFiles(ctx, o.ID, o.Facts.Files)
}

// SuppressPending implements ticketing.OutboxTx.
func (t *tx) SuppressPending(ctx context.Context, id, reason string) (bool, error) {
	o, err := one(ctx, t, scanOutgoing, `update outgoing set state = 'suppressed', reason = $2 where id = $1 and state = 'pending'
		returning `+outgoingColumns, id, reason)
	if err == ticketing.ErrNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, t.offerNext(ctx, o)
}

// CountOutgoing implements ticketing.OutboxTx.
func (t *tx) CountOutgoing(ctx context.Context) (map[ticketing.OutgoingState]int, error) {
	counts := map[ticketing.OutgoingState]int{}
	_, err := many(ctx, t, func(r row) (struct{}, error) {
		var s ticketing.OutgoingState
		var n int
		err := r.Scan(&s, &n)
		counts[s] = n
		return struct{}{}, err
	}, `select state, count(*) from outgoing group by state`)
	return counts, err
}

// CountAutomatic implements ticketing.DeskTx: letters to customers that went or will go, so not those suppressed. Posts to agents are
// not counted.
func (t *tx) CountAutomatic(ctx context.Context, recipient string, kind ticketing.OutgoingKind, since time.Time) (n int, err error) {
	w := filter{conds: []string{"automatic", "not by_agent", "letter", "state <> 'suppressed'"}}
	w.add("created_at >=", since)
	if recipient != "" {
		w.add("recipient =", key(recipient))
	}
	if kind != "" {
		w.add("kind =", kind)
	}
	err = t.get(ctx, []any{&n}, `select count(*) from outgoing`+w.conditions(), w.args...)
	return n, err
}
