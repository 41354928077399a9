package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ticketing"
)

// InsertEvent implements ticketing.DeskTx. An event without ID or time gets them.
func (t *tx) InsertEvent(ctx context.Context, e *ticketing.Event) error {
	e.At = or(e.At, t.now)
	if e.ID == "" {
		e.ID = ulid.Make().String()
	}
	_, err := t.exec(ctx, `insert into events (id, thread, ticket, at, actor, code, args) values ($1, $2, $3, $4, $5, $6, $7)`,
		e.ID, null(e.Thread), e.Ticket, e.At, e.Actor, e.Code, text(e.Args))
	return err
}

// Events implements ticketing.DeskTx: the last limit events (0: 1,000), oldest first.
func (t *tx) Events(ctx context.Context, thread string, limit int) ([]ticketing.Event, error) {
	if limit <= 0 {
		limit = defaultThread
	}
	return many(ctx, t, func(r row) (e ticketing.Event, err error) {
		err = r.Scan(&e.ID, opt{&e.Thread}, &e.Ticket, at{&e.At}, &e.Actor, &e.Code, doc{&e.Args})
		return e, err
	}, `select id, thread, ticket, at, actor, code, args from (select * from events where thread = $1 order by seq desc limit $2) e order by seq`,
		thread, limit)
}

// CountEvents implements ticketing.DeskTx.
func (t *tx) CountEvents(ctx context.Context, thread, code string, since time.Time) (n int, err error) {
	err = t.get(ctx, []any{&n}, `select count(*) from events where thread = $1 and code = $2 and at >= $3`, thread, code, since)
	return n, err
}
