package store

import (
	"context"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// The states of an outgoing row and the leases on it (reliability.md 3 and 5). offered_at is 0 whenever a row's due time was set anew, so
// that a row that was offered is always one that was due.

// DueOutgoing implements ticketing.OutboxTx.
func (t *tx) DueOutgoing(ctx context.Context, notOfferedSince time.Time, limit int) ([]string, error) {
	ids, err := many(ctx, t, scanText, `select id from outgoing where offered_at < $1 and due_at <= $2
		order by offered_at, due_at, id limit $3`+t.locked(t.db.dialect.skipLocked), notOfferedSince, t.now, limit)
	if err != nil {
		return nil, err
	}
	err = lists(ids, 2, func(in string, args []any) error {
		_, err := t.exec(ctx, `update outgoing set offered_at = $1 where id `+in, append([]any{t.now}, args...)...)
		return err
	})
	return ids, err
}

// OutgoingDoors implements ticketing.OutboxTx.
func (t *tx) OutgoingDoors(ctx context.Context, ids []string) (map[string]string, error) {
	doors := make(map[string]string, len(ids))
	err := lists(ids, 1, func(in string, args []any) error {
		_, err := many(ctx, t, func(r row) (struct{}, error) {
			var id, door string
			err := r.Scan(&id, &door)
			doors[id] = door
			return struct{}{}, err
		}, `select id, door from outgoing where id `+in, args...)
		return err
	})
	return doors, err
}

// NextOutgoing implements ticketing.OutboxTx: the next row that becomes due and was not offered yet. Rows that were offered and are still
// pending (they wait for an earlier letter, or their offer was lost) are found again by DueOutgoing's time.
func (t *tx) NextOutgoing(ctx context.Context) (next time.Time, err error) {
	err = t.get(ctx, []any{at{&next}}, `select min(due_at) from outgoing where offered_at = 0 and due_at is not null`)
	return next, err
}

// LeaseOutgoing implements ticketing.OutboxTx. Besides an earlier unfinished row, any row of the same thread and recipient that is being
// sent makes this one wait, so that a row put back by hand never goes out beside a later one. Rows without a thread do not wait.
func (t *tx) LeaseOutgoing(ctx context.Context, id, owner string, life time.Duration) (ticketing.Outgoing, bool, error) {
	if t.db.dialect.lockOrder != "" {
		if _, err := t.exec(ctx, t.db.dialect.lockOrder, id); err != nil {
			return ticketing.Outgoing{}, false, err
		}
	}
	return leased(one(ctx, t, scanOutgoing, `update outgoing set state = 'sending', attempts = attempts + 1, fence = fence + 1, owner = $2,
			lease_end = $3, rendered = case when fluid then '' else rendered end, data_started = case when fluid then false else data_started end
		where id = $1 and state = 'pending' and next_at <= $4 and (fluid or not exists (
			select 1 from outgoing e where e.thread = outgoing.thread and e.recipient = outgoing.recipient and e.id <> outgoing.id and not e.fluid
				and e.state in ('pending', 'sending', 'in_doubt') and (e.id < outgoing.id or e.state = 'sending')))
		returning `+outgoingColumns, id, owner, t.now.Add(life), t.now))
}

// LeaseDoubt implements ticketing.OutboxTx. A row whose next probe has no time waits for a person.
func (t *tx) LeaseDoubt(ctx context.Context, id, owner string, life time.Duration) (ticketing.Outgoing, bool, error) {
	return leased(one(ctx, t, scanOutgoing, `update outgoing set fence = fence + 1, owner = $2, lease_end = $3
		where id = $1 and probe_at <= $4 and lease_end <= $4 returning `+outgoingColumns,
		id, owner, t.now.Add(life), t.now))
}

func leased(o ticketing.Outgoing, err error) (ticketing.Outgoing, bool, error) {
	if err == ticketing.ErrNotFound {
		return ticketing.Outgoing{}, false, nil
	}
	return o, err == nil, err
}

// ExtendOutgoing implements ticketing.OutboxTx. A lease that is over but was taken by nobody is renewed.
func (t *tx) ExtendOutgoing(ctx context.Context, owner string, ids []string, life time.Duration) ([]string, error) {
	var held []string
	err := lists(ids, 3, func(in string, args []any) error {
		part, err := many(ctx, t, scanText, `update outgoing set lease_end = $2 where owner = $1 and owner <> '' and state in ('sending', 'in_doubt')
			and id `+in+` returning id`, append([]any{owner, t.now.Add(life)}, args...)...)
		held = append(held, part...)
		return err
	})
	return held, err
}

// SetRendered implements ticketing.OutboxTx. o gets what is stored: the bytes and the ref of the first writer, or, for a fluid row, these.
func (t *tx) SetRendered(ctx context.Context, o *ticketing.Outgoing, sha string, ref ticketing.Ref) error {
	return fenced(t.get(ctx, []any{&o.Rendered, &o.Ref}, `update outgoing set
			rendered = case when rendered = '' or fluid then $4 else rendered end,
			ref = case when $5 <> '' and (rendered = '' or ref = '') then $5 else ref end
		where id = $1 and owner = $2 and fence = $3 and state = 'sending' returning rendered, ref`, o.ID, o.Owner, o.Fence, sha, key(ref)))
}

// SetStarted implements ticketing.OutboxTx.
func (t *tx) SetStarted(ctx context.Context, o *ticketing.Outgoing) error {
	return fenced(t.get(ctx, []any{&o.DataStarted, at{&o.StartedAt}, &o.Rendered, &o.Ref}, `update outgoing set data_started = true,
			started_at = case when started_at = 0 then $4 else started_at end,
			rendered = case when rendered = '' or fluid then $5 else rendered end,
			ref = case when $6 <> '' and (rendered = '' or ref = '') then $6 else ref end
		where id = $1 and owner = $2 and fence = $3 and state = 'sending' returning data_started, started_at, rendered, ref`,
		o.ID, o.Owner, o.Fence, t.now, o.Rendered, key(o.Ref)))
}

func fenced(err error) error {
	if err == ticketing.ErrNotFound {
		return ticketing.ErrFenced
	}
	return err
}

// SettleOutgoing implements ticketing.OutboxTx. o.State becomes what was stored.
func (t *tx) SettleOutgoing(ctx context.Context, o *ticketing.Outgoing) error {
	t.settleDefaults(o)
	err := fenced(t.get(ctx, []any{&o.State, at{&o.NextAt}}, `update outgoing set
			state = case when fluid and revision > $4 and $5 = 'sent' then 'pending' else $5 end,
			next_at = case when fluid and revision > $4 and $5 = 'sent' then cast($6 as bigint) else cast($7 as bigint) end,
			attempts = case when fluid and revision > $4 and $5 = 'sent' then 0 else $8 end,
			offered_at = 0, owner = '', lease_end = 0, answer = $9, reason = $10, ref = $11, probes = $12, sent_at = $13, data_started = $14
		where id = $1 and owner = $2 and fence = $3 and state in ('sending', 'in_doubt') returning state, next_at`,
		o.ID, o.Owner, o.Fence, o.Revision, o.State, t.now, o.NextAt, o.Attempts, o.Answer, o.Reason, key(o.Ref), o.Probes, o.SentAt, o.DataStarted))
	if err != nil {
		return err
	}
	o.Owner, o.LeaseEnd = "", time.Time{}
	return t.offerNext(ctx, *o)
}

// ReviseOutgoing implements ticketing.OutboxTx; it writes Bounced too. Unless the row stays in sending its lease ends.
func (t *tx) ReviseOutgoing(ctx context.Context, o *ticketing.Outgoing) error {
	t.settleDefaults(o)
	err := fenced(t.get(ctx, []any{&o.Owner, at{&o.LeaseEnd}}, `update outgoing set state = $3, next_at = $4, attempts = $5, offered_at = 0,
			owner = case when $3 = 'sending' then owner else '' end, lease_end = case when $3 = 'sending' then lease_end else 0 end,
			answer = $6, reason = $7, ref = $8, probes = $9, sent_at = $10, data_started = $11, bounced = $12
		where id = $1 and fence = $2 and (state = 'sending' or $3 <> 'sending') returning owner, lease_end`,
		o.ID, o.Fence, o.State, o.NextAt, o.Attempts, o.Answer, o.Reason, key(o.Ref), o.Probes, o.SentAt, o.DataStarted, o.Bounced))
	if err != nil {
		return err
	}
	return t.offerNext(ctx, *o)
}

// settleDefaults completes what a settlement may leave out.
func (t *tx) settleDefaults(o *ticketing.Outgoing) {
	switch o.State {
	case ticketing.OutgoingSent:
		o.SentAt = or(o.SentAt, t.now)
	case ticketing.OutgoingPending:
		o.NextAt = or(o.NextAt, t.now)
	}
}

// offerNext lets the letter that waited for o be offered at once instead of at the next sweep.
func (t *tx) offerNext(ctx context.Context, o ticketing.Outgoing) error {
	if o.Fluid || o.Thread == "" || o.State == ticketing.OutgoingPending || o.State == ticketing.OutgoingInDoubt {
		return nil
	}
	_, err := t.exec(ctx, `update outgoing set offered_at = 0 where state = 'pending' and offered_at > 0 and id = (
		select min(e.id) from outgoing e where e.thread = $1 and e.recipient = $2 and e.state in ('pending', 'sending', 'in_doubt') and not e.fluid)`,
		o.Thread, key(o.Recipient))
	return err
}

// ExpireOutgoing implements ticketing.OutboxTx. A row in doubt is to be probed now.
func (t *tx) ExpireOutgoing(ctx context.Context, limit int) ([]ticketing.Outgoing, error) {
	return many(ctx, t, scanOutgoing, `update outgoing set owner = '', lease_end = 0, offered_at = 0,
			state = case when data_started and not fluid then 'in_doubt' else 'pending' end,
			next_at = case when data_started and not fluid then $1 else next_at end
		where id in (select id from outgoing where leased_to <= $1 order by leased_to, id limit $2`+
		t.locked(t.db.dialect.skipLocked)+`) returning `+outgoingColumns, t.now, limit)
}

// DoubtfulOutgoing implements ticketing.OutboxTx. Rows without a time for their next probe wait for a person and are not listed.
func (t *tx) DoubtfulOutgoing(ctx context.Context, limit int) ([]string, error) {
	return many(ctx, t, scanText, `select id from outgoing where probe_at <= $1 and lease_end <= $1
		order by probe_at, id limit $2`, t.now, limit)
}
