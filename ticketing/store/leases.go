package store

import (
	"context"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// AcquireLease implements ticketing.LedgerTx.
func (t *tx) AcquireLease(ctx context.Context, name, owner string, life time.Duration) (ticketing.Lease, bool, error) {
	l := ticketing.Lease{Name: name, Owner: owner, End: t.now.Add(life)}
	err := t.get(ctx, []any{&l.Fence}, `
		insert into leases (name, owner, fence, ends_at) values ($1, $2, 1, $3)
		on conflict (name) do update set owner = excluded.owner, ends_at = excluded.ends_at,
			fence = leases.fence + case when leases.owner = excluded.owner then 0 else 1 end
		where leases.owner = excluded.owner or leases.ends_at <= $4
		returning fence`, key(name), owner, l.End, t.now)
	if err == ticketing.ErrNotFound {
		return ticketing.Lease{}, false, nil
	}
	return l, err == nil, err
}

// ReleaseLease implements ticketing.LedgerTx. The row stays, so that the fence goes on rising.
func (t *tx) ReleaseLease(ctx context.Context, l ticketing.Lease) error {
	_, err := t.exec(ctx, `update leases set owner = '', ends_at = 0 where name = $1 and owner = $2 and fence = $3`, key(l.Name), l.Owner, l.Fence)
	return err
}

// CheckLease implements ticketing.LedgerTx. Nobody takes the lease over before this transaction ends.
func (t *tx) CheckLease(ctx context.Context, l ticketing.Lease) error {
	var fence int64
	err := t.get(ctx, []any{&fence}, `select fence from leases where name = $1 and owner = $2 and fence = $3`+t.locked(t.db.dialect.forShare),
		key(l.Name), l.Owner, l.Fence)
	if err == ticketing.ErrNotFound {
		return ticketing.ErrFenced
	}
	return err
}

// Cursor implements ticketing.LedgerTx.
func (t *tx) Cursor(ctx context.Context, place string) (ticketing.Cursor, error) {
	c := ticketing.Cursor{Place: place}
	err := t.get(ctx, []any{&c.Validity, &c.Position, &c.Start, &c.Mark},
		`select validity, position, start_at, mark from cursors where place = $1`, key(place))
	if err != nil {
		return ticketing.Cursor{}, err
	}
	return c, nil
}

// SetCursor implements ticketing.LedgerTx. A position behind the stored one of the same validity is not written (I5).
func (t *tx) SetCursor(ctx context.Context, c ticketing.Cursor) error {
	_, err := t.exec(ctx, `
		insert into cursors (place, validity, position, start_at, mark) values ($1, $2, $3, $4, $5)
		on conflict (place) do update set validity = excluded.validity, start_at = excluded.start_at, mark = excluded.mark,
			position = case when cursors.validity = excluded.validity and cursors.position > excluded.position
				then cursors.position else excluded.position end`,
		key(c.Place), c.Validity, c.Position, c.Start, c.Mark)
	return err
}
