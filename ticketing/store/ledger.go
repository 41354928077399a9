package store

import (
	"context"
	"errors"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const inboundColumns = `id, door, identity, raw_sha, raw_size, note, state, reason, detail, attempts, failures, owner, lease_end, next_at,
	outcome, cause, mailbox_group, logical_key, thread, ticket, message, outgoing, rule, sender, server_at, accepted_at, decided_at, after_care`

var insertInbound = insert("inbound", inboundColumns) + " on conflict (identity) do nothing"

func scanInbound(r row) (in ticketing.Inbound, err error) {
	err = r.Scan(&in.ID, &in.Door, &in.Identity, &in.RawSHA, &in.RawSize, &in.Note, &in.State, &in.Reason, &in.Detail, &in.Attempts,
		&in.Failures, &in.Owner, at{&in.LeaseEnd}, at{&in.NextAt}, &in.Outcome, &in.Cause, &in.Group, &in.LogicalKey, &in.Thread, &in.Ticket,
		&in.Message, &in.Outgoing, &in.Rule, &in.From, at{&in.ServerAt}, at{&in.AcceptedAt}, at{&in.DecidedAt}, &in.AfterCare)
	return in, err
}

// InsertInbound implements ticketing.LedgerTx. A row without state, acceptance or due time is accepted now and due now.
func (t *tx) InsertInbound(ctx context.Context, in *ticketing.Inbound) (bool, error) {
	if in.State == "" {
		in.State = ticketing.InboundAccepted
	}
	in.AcceptedAt = or(in.AcceptedAt, t.now)
	in.NextAt = or(in.NextAt, in.AcceptedAt)
	n, err := t.exec(ctx, insertInbound, in.ID, in.Door, key(in.Identity), in.RawSHA, in.RawSize, in.Note, in.State, in.Reason, in.Detail,
		in.Attempts, in.Failures, in.Owner, in.LeaseEnd, in.NextAt, in.Outcome, in.Cause, in.Group, key(in.LogicalKey), in.Thread, in.Ticket,
		in.Message, in.Outgoing, in.Rule, in.From, in.ServerAt, in.AcceptedAt, in.DecidedAt, in.AfterCare)
	return n > 0, err
}

// KnownIdentities implements ticketing.LedgerTx.
func (t *tx) KnownIdentities(ctx context.Context, identities []string) (map[string]bool, error) {
	given := make(map[string]string, len(identities)) // stored name → name as asked
	names := make([]string, len(identities))
	for i, id := range identities {
		names[i] = key(id)
		given[names[i]] = id
	}
	known := make(map[string]bool, len(identities))
	err := lists(names, 1, func(in string, args []any) error {
		found, err := many(ctx, t, scanText, `select identity from inbound where identity `+in, args...)
		for _, name := range found {
			known[given[name]] = true
		}
		return err
	})
	return known, err
}

// TakeInbound implements ticketing.LedgerTx.
func (t *tx) TakeInbound(ctx context.Context, owner string, life time.Duration, limit int) ([]ticketing.Inbound, error) {
	due, err := many(ctx, t, scanInbound, `select `+inboundColumns+` from inbound where due_at <= $1 order by due_at, id limit $2`+
		t.locked(t.db.dialect.skipLocked), t.now, limit)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	failed := 0
	if due[0].Attempts > 0 {
		due, failed = due[:1], 1
	}
	ids := make([]string, 0, len(due))
	for i := range due {
		if i > 0 && due[i].Attempts > 0 {
			due = due[:i]
			break
		}
		in := &due[i]
		in.State, in.Owner, in.LeaseEnd = ticketing.InboundWorking, owner, t.now.Add(life)
		in.Attempts++
		in.Failures += failed
		ids = append(ids, in.ID)
	}
	err = lists(ids, 4, func(in string, args []any) error {
		_, err := t.exec(ctx, `update inbound set state = 'working', owner = $1, lease_end = $2, attempts = attempts + 1, failures = failures + $3
			where id `+in, append([]any{owner, t.now.Add(life), failed}, args...)...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return due, nil
}

// FinishInbound implements ticketing.LedgerTx. The number of attempts is compared too, so that a worker that slept through its lease
// cannot finish what its own process took again.
func (t *tx) FinishInbound(ctx context.Context, in *ticketing.Inbound) error {
	in.DecidedAt = or(in.DecidedAt, t.now)
	n, err := t.exec(ctx, `update inbound set state = 'done', owner = '', lease_end = 0, outcome = $4, cause = $5, reason = $6, detail = $7,
			mailbox_group = $8, logical_key = $9, thread = $10, ticket = $11, message = $12, outgoing = $13, rule = $14, sender = $15,
			decided_at = $16, after_care = $17, failures = $18
		where id = $1 and owner = $2 and attempts = $3 and state = 'working'`,
		in.ID, in.Owner, in.Attempts, in.Outcome, in.Cause, in.Reason, in.Detail, in.Group, key(in.LogicalKey), in.Thread, in.Ticket,
		in.Message, in.Outgoing, in.Rule, in.From, in.DecidedAt, in.AfterCare, in.Failures)
	if err == nil && n == 0 {
		err = ticketing.ErrFenced
	}
	if err == nil {
		in.State, in.Owner, in.LeaseEnd = ticketing.InboundDone, "", time.Time{}
	}
	return err
}

// RetryInbound implements ticketing.LedgerTx; ErrFenced as FinishInbound.
func (t *tx) RetryInbound(ctx context.Context, in *ticketing.Inbound, next time.Time) error {
	n, err := t.exec(ctx, `update inbound set state = 'accepted', owner = '', lease_end = 0, next_at = $4, reason = $5, detail = $6, failures = $7
		where id = $1 and owner = $2 and attempts = $3 and state = 'working'`,
		in.ID, in.Owner, in.Attempts, or(next, t.now), in.Reason, in.Detail, in.Failures)
	if err == nil && n == 0 {
		err = ticketing.ErrFenced
	}
	if err == nil {
		in.State, in.Owner, in.LeaseEnd, in.NextAt = ticketing.InboundAccepted, "", time.Time{}, or(next, t.now)
	}
	return err
}

// FindLogical implements ticketing.LedgerTx.
func (t *tx) FindLogical(ctx context.Context, group, logical string) (ticketing.Inbound, error) {
	return one(ctx, t, scanInbound, `select `+inboundColumns+` from inbound where mailbox_group = $1 and logical_key = $2
		and logical_key <> '' and state = 'done' and outcome not in ('duplicate', 'deleted')`, group, key(logical))
}

// Inbound implements ticketing.LedgerTx.
func (t *tx) Inbound(ctx context.Context, id string) (ticketing.Inbound, error) {
	return one(ctx, t, scanInbound, `select `+inboundColumns+` from inbound where id = $1`, id)
}

// InboundByIdentity implements ticketing.LedgerTx.
func (t *tx) InboundByIdentity(ctx context.Context, identity string) (ticketing.Inbound, error) {
	return one(ctx, t, scanInbound, `select `+inboundColumns+` from inbound where identity = $1`, key(identity))
}

// ListInbound implements ticketing.LedgerTx.
func (t *tx) ListInbound(ctx context.Context, f ticketing.InboundFilter) ([]ticketing.Inbound, error) {
	var w filter
	if f.State != "" {
		w.add("state =", f.State)
	}
	if f.Outcome != "" {
		w.conds = append(w.conds, "outcome <> ''")
		w.add("outcome =", f.Outcome)
	}
	if f.Cause != "" {
		w.add("cause =", f.Cause)
	}
	if f.Door != "" {
		w.add("door =", f.Door)
	}
	if f.Before != "" {
		w.add("id <", f.Before)
	}
	where := w.where("id desc", f.Limit)
	return many(ctx, t, scanInbound, `select `+inboundColumns+` from inbound`+where, w.args...)
}

// ReviseInbound implements ticketing.LedgerTx. ErrNotFound if the row is not there or not done.
func (t *tx) ReviseInbound(ctx context.Context, in *ticketing.Inbound) error {
	n, err := t.exec(ctx, `update inbound set raw_sha = $2, raw_size = $3, note = $4, state = $5, reason = $6, detail = $7, attempts = $8,
			failures = $9, owner = $10, lease_end = $11, next_at = $12, outcome = $13, cause = $14, mailbox_group = $15, logical_key = $16,
			thread = $17, ticket = $18, message = $19, outgoing = $20, rule = $21, sender = $22, decided_at = $23, after_care = $24
		where id = $1 and state = 'done'`,
		in.ID, in.RawSHA, in.RawSize, in.Note, in.State, in.Reason, in.Detail, in.Attempts, in.Failures, in.Owner, in.LeaseEnd, in.NextAt,
		in.Outcome, in.Cause, in.Group, key(in.LogicalKey), in.Thread, in.Ticket, in.Message, in.Outgoing, in.Rule, in.From, in.DecidedAt,
		in.AfterCare)
	if err == nil && n == 0 {
		err = ticketing.ErrNotFound
	}
	return err
}

// CountWaiting implements ticketing.LedgerTx.
func (t *tx) CountWaiting(ctx context.Context) (n int, oldest time.Time, err error) {
	err = t.get(ctx, []any{&n, at{&oldest}}, `select count(*), min(accepted_at) from inbound where state <> 'done'`)
	return n, oldest, err
}

// EarlierWaiting implements ticketing.LedgerTx.
func (t *tx) EarlierWaiting(ctx context.Context, door, id, owner string) (bool, error) {
	var earlier string
	err := t.get(ctx, []any{&earlier}, `select id from inbound where door = $1 and id < $2 and state <> 'done'
		and (state = 'working' or failures = 0 and reason = '') and owner <> $3 order by id limit 1`, door, id, owner)
	if errors.Is(err, ticketing.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// NextInbound implements ticketing.LedgerTx. The end of a lease counts as a due time.
func (t *tx) NextInbound(ctx context.Context) (next time.Time, err error) {
	err = t.get(ctx, []any{at{&next}}, `select min(due_at) from inbound where due_at is not null`)
	return next, err
}

// AfterCare implements ticketing.LedgerTx.
func (t *tx) AfterCare(ctx context.Context, door string, limit int) ([]ticketing.Inbound, error) {
	return many(ctx, t, scanInbound, `select `+inboundColumns+` from inbound where door = $1 and after_care and state = 'done' order by id limit $2`,
		door, limit)
}

// AfterCareDone implements ticketing.LedgerTx.
func (t *tx) AfterCareDone(ctx context.Context, ids []string) error {
	return lists(ids, 1, func(in string, args []any) error {
		_, err := t.exec(ctx, `update inbound set after_care = false where id `+in, args...)
		return err
	})
}
