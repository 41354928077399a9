package store

import (
	"context"
	"fmt"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const messageColumns = `id, thread, ticket, ref, public, author, contact, agent, name, subject, html_sha, language, auth, rule, losers,
	standing, inbound, flags, rules, said_at, stored_at, visible, body, elided, text_key`

// messageHeads are the columns of a list: the long texts are left out.
const messageHeads = `id, thread, ticket, ref, public, author, contact, agent, name, subject, '', language, auth, rule, losers,
	standing, inbound, flags, rules, said_at, stored_at, visible, '', '', text_key`

var insertMessage = insert("messages", messageColumns)

func scanMessage(r row) (m ticketing.Message, err error) {
	err = r.Scan(&m.ID, &m.Thread, &m.Ticket, &m.Ref, &m.Public, &m.Author, opt{&m.Contact}, &m.Agent, &m.Name, &m.Subject, &m.HTMLSHA,
		&m.Language, &m.Auth, &m.Rule, &m.Losers, &m.Standing, &m.Inbound, doc{&m.Flags}, doc{&m.Rules}, at{&m.At}, at{&m.StoredAt},
		&m.Visible, &m.Text, &m.Elided, &m.TextKey)
	return m, err
}

// InsertMessage implements ticketing.DeskTx.
func (t *tx) InsertMessage(ctx context.Context, m *ticketing.Message) error {
	m.StoredAt = or(m.StoredAt, t.now)
	_, err := t.exec(ctx, insertMessage, m.ID, m.Thread, m.Ticket, key(m.Ref), m.Public, m.Author, null(m.Contact), m.Agent, m.Name, m.Subject,
		m.HTMLSHA, m.Language, m.Auth, m.Rule, m.Losers, m.Standing, m.Inbound, text(m.Flags), text(m.Rules), m.At, m.StoredAt, m.Visible,
		m.Text, m.Elided, m.TextKey)
	for i, f := range m.Files {
		if err != nil {
			break
		}
		_, err = t.exec(ctx, `insert into message_files (message, position, name, type, size, sha, inline) values ($1, $2, $3, $4, $5, $6, $7)`,
			m.ID, i, f.Name, f.Type, f.Size, f.SHA, f.Inline)
	}
	return err
}

// UpdateMessage implements ticketing.DeskTx. A message with a letter that is not suppressed cannot become a note: the database refuses.
func (t *tx) UpdateMessage(ctx context.Context, m *ticketing.Message) error {
	n, err := t.exec(ctx, `update messages set body = $2, visible = $3, public = $4 where id = $1`, m.ID, m.Text, m.Visible, m.Public)
	if err == nil && n == 0 {
		err = ticketing.ErrNotFound
	}
	return err
}

// Message implements ticketing.DeskTx.
func (t *tx) Message(ctx context.Context, id string) (ticketing.Message, error) {
	return t.message(ctx, `id = $1`, id)
}

// MessageByRef implements ticketing.DeskTx. Of several (one mail to two queues) it returns the first stored.
func (t *tx) MessageByRef(ctx context.Context, ref ticketing.Ref) (ticketing.Message, error) {
	return t.message(ctx, `ref = $1 and ref <> '' order by seq limit 1`, key(ref))
}

func (t *tx) message(ctx context.Context, where string, arg any) (ticketing.Message, error) {
	m, err := one(ctx, t, scanMessage, `select `+messageColumns+` from messages where `+where, arg)
	if err != nil {
		return m, err
	}
	all := []ticketing.Message{m}
	err = t.addFiles(ctx, all)
	return all[0], err
}

// Messages implements ticketing.DeskTx: the last limit messages (0: 1,000), oldest first.
func (t *tx) Messages(ctx context.Context, thread string, limit int) ([]ticketing.Message, error) {
	if limit <= 0 {
		limit = defaultThread
	}
	all, err := many(ctx, t, scanMessage, fmt.Sprintf(`select %s from (select * from messages where thread = $1 order by seq desc limit $2) m
		order by seq`, messageHeads), thread, limit)
	if err != nil {
		return nil, err
	}
	return all, t.addFiles(ctx, all)
}

// addFiles completes messages with their files, in one query for many messages.
func (t *tx) addFiles(ctx context.Context, all []ticketing.Message) error {
	ids := make([]string, len(all))
	index := make(map[string]int, len(all))
	for i, m := range all {
		ids[i], index[m.ID] = m.ID, i
	}
	return lists(ids, 1, func(in string, args []any) error {
		_, err := many(ctx, t, func(r row) (struct{}, error) {
			var id string
			var f ticketing.FileRef
			err := r.Scan(&id, &f.Name, &f.Type, &f.Size, &f.SHA, &f.Inline)
			if i, ok := index[id]; ok && err == nil {
				all[i].Files = append(all[i].Files, f)
			}
			return struct{}{}, err
		}, `select message, name, type, size, sha, inline from message_files where message `+in+` order by message, position`, args...)
		return err
	})
}

// Repeats implements ticketing.DeskTx: the oldest 100 messages of customers with this text, oldest first.
func (t *tx) Repeats(ctx context.Context, textKey string, since time.Time) ([]ticketing.Repeat, error) {
	return many(ctx, t, func(r row) (x ticketing.Repeat, err error) {
		err = r.Scan(&x.From, &x.Thread)
		return x, err
	}, `select c.key, m.thread from messages m join contacts c on c.id = m.contact
		where m.text_key = $1 and m.text_key <> '' and m.stored_at >= $2 order by m.stored_at, m.seq limit 100`, textKey, since)
}
