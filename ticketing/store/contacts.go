package store

import (
	"context"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const (
	contactChanges = "key, address, name, language, proven, bounced, suppressed"
	contactColumns = "id, created_at, " + contactChanges
)

var saveContact = insert("contacts", contactColumns) + " on conflict (id) do update set " + assign(contactChanges)

func scanContact(r row) (c ticketing.Contact, err error) {
	err = r.Scan(&c.ID, at{&c.CreatedAt}, &c.Key, &c.Address, &c.Name, &c.Language, &c.Proven, &c.Bounced, &c.Suppressed)
	return c, err
}

// Contact implements ticketing.DeskTx.
func (t *tx) Contact(ctx context.Context, id string) (ticketing.Contact, error) {
	return one(ctx, t, scanContact, `select `+contactColumns+` from contacts where id = $1`, id)
}

// ContactByKey implements ticketing.DeskTx.
func (t *tx) ContactByKey(ctx context.Context, k string) (ticketing.Contact, error) {
	return one(ctx, t, scanContact, `select `+contactColumns+` from contacts where key = $1`, key(k))
}

// Addressee implements ticketing.DeskTx.
func (t *tx) Addressee(ctx context.Context, thread, k string) (c ticketing.Contact, active bool, err error) {
	c, err = one(ctx, t, func(r row) (c ticketing.Contact, err error) {
		err = r.Scan(&c.ID, at{&c.CreatedAt}, &c.Key, &c.Address, &c.Name, &c.Language, &c.Proven, &c.Bounced, &c.Suppressed, &active)
		return c, err
	}, `select `+contactColumns+`, exists (select 1 from participants p where p.thread = $2 and p.contact = contacts.id and p.active)
		from contacts where key = $1`, key(k), thread)
	return c, active, err
}

// SaveContact implements ticketing.DeskTx. The time of creation stays as first written.
func (t *tx) SaveContact(ctx context.Context, c *ticketing.Contact) error {
	c.CreatedAt = or(c.CreatedAt, t.now)
	_, err := t.exec(ctx, saveContact, c.ID, c.CreatedAt, key(c.Key), c.Address, c.Name, c.Language, c.Proven, c.Bounced, c.Suppressed)
	return err
}

// SaveAgent implements ticketing.DeskTx.
func (t *tx) SaveAgent(ctx context.Context, a *ticketing.Agent) error {
	_, err := t.exec(ctx, `insert into agents (id, name) values ($1, $2) on conflict (id) do update set name = excluded.name
		where agents.name <> excluded.name`, key(a.ID), a.Name)
	return err
}

// Agent implements ticketing.DeskTx.
func (t *tx) Agent(ctx context.Context, id string) (a ticketing.Agent, err error) {
	err = t.get(ctx, []any{&a.ID, &a.Name}, `select id, name from agents where id = $1`, key(id))
	return a, err
}

// CountThreads implements ticketing.DeskTx. It reads the threads of the time asked for, which is short.
func (t *tx) CountThreads(ctx context.Context, suffix string, since time.Time) (n int, err error) {
	err = t.get(ctx, []any{&n}, `select count(*) from threads t join contacts c on c.id = t.contact
		where t.opened_at >= $1 and substr(c.key, length(c.key) - length(cast($2 as text)) + 1) = $2`, since, key(suffix))
	return n, err
}
