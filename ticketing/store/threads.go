package store

import (
	"context"

	"github.com/sportello/sportello/ticketing"
)

const (
	threadChanges = "number, key, door, queue, contact, subject, language, state, last_ref, last_refs, place"
	threadColumns = "id, opened_at, " + threadChanges
)

var saveThread = insert("threads", threadColumns) + " on conflict (id) do update set " + assign(threadChanges)

func scanThread(r row) (th ticketing.Thread, err error) {
	err = r.Scan(&th.ID, at{&th.OpenedAt}, &th.Number, &th.Key, &th.Door, &th.Queue, opt{&th.Contact}, &th.Subject, &th.Language, &th.State,
		&th.LastRef, doc{&th.LastRefs}, &th.Place)
	return th, err
}

// SaveThread implements ticketing.DeskTx. The time of opening stays as first written.
func (t *tx) SaveThread(ctx context.Context, th *ticketing.Thread) error {
	th.OpenedAt = or(th.OpenedAt, t.now)
	_, err := t.exec(ctx, saveThread, th.ID, th.OpenedAt, th.Number, key(th.Key), th.Door, th.Queue, null(th.Contact), th.Subject, th.Language,
		th.State, th.LastRef, text(th.LastRefs), key(th.Place))
	return err
}

// Thread implements ticketing.DeskTx.
func (t *tx) Thread(ctx context.Context, id string) (ticketing.Thread, error) {
	return one(ctx, t, scanThread, `select `+threadColumns+` from threads where id = $1`, id)
}

// ThreadByKey implements ticketing.DeskTx.
func (t *tx) ThreadByKey(ctx context.Context, k string) (ticketing.Thread, error) {
	return one(ctx, t, scanThread, `select `+threadColumns+` from threads where key = $1 and key <> ''`, key(k))
}

// ThreadByNumber implements ticketing.DeskTx.
func (t *tx) ThreadByNumber(ctx context.Context, number int64) (ticketing.Thread, error) {
	return one(ctx, t, scanThread, `select `+threadColumns+` from threads where number = $1 and number > 0`, number)
}

// ThreadAt implements ticketing.DeskTx. Threads are numbered by ULIDs, so the greatest id is the newest.
func (t *tx) ThreadAt(ctx context.Context, place string) (ticketing.Thread, error) {
	return one(ctx, t, scanThread, `select `+threadColumns+` from threads where place = $1 and place <> '' order by id desc limit 1`, key(place))
}

// SaveParticipant implements ticketing.DeskTx. The time of joining stays as first written.
func (t *tx) SaveParticipant(ctx context.Context, p *ticketing.Participant) error {
	p.AddedAt = or(p.AddedAt, t.now)
	_, err := t.exec(ctx, `insert into participants (thread, contact, role, released, active, added_at) values ($1, $2, $3, $4, $5, $6)
		on conflict (thread, contact) do update set role = excluded.role, released = excluded.released, active = excluded.active`,
		p.Thread, p.Contact, p.Role, p.Released, p.Active, p.AddedAt)
	return err
}

// Participants implements ticketing.DeskTx, in the order in which they joined.
func (t *tx) Participants(ctx context.Context, thread string) ([]ticketing.Participant, error) {
	return many(ctx, t, func(r row) (p ticketing.Participant, err error) {
		err = r.Scan(&p.Thread, &p.Contact, &p.Role, &p.Released, &p.Active, at{&p.AddedAt})
		return p, err
	}, `select thread, contact, role, released, active, added_at from participants where thread = $1 order by added_at, contact`, thread)
}

// AddRef implements ticketing.DeskTx.
func (t *tx) AddRef(ctx context.Context, ref ticketing.Ref, door, contact, thread, message string) error {
	_, err := t.exec(ctx, `insert into refs (ref, door, contact, thread, message) values ($1, $2, $3, $4, $5)
		on conflict (ref, door, contact) do nothing`, key(ref), door, contact, thread, message)
	return err
}

// ThreadByRef implements ticketing.DeskTx.
func (t *tx) ThreadByRef(ctx context.Context, ref ticketing.Ref, door, contact string) (ticketing.Thread, error) {
	return one(ctx, t, scanThread, `select `+threadColumns+` from threads
		where id = (select thread from refs where ref = $1 and door = $2 and contact = $3)`, key(ref), door, contact)
}
