package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// wordBatch is how many words one statement takes in.
const wordBatch = 64

// AddWords implements ticketing.DeskTx.
func (t *tx) AddWords(ctx context.Context, thread string, words []string) error {
	for len(words) > 0 {
		part := words[:min(len(words), wordBatch)]
		words = words[len(part):]
		// The number of values is rounded up to a power of two by repeating the last one, so that there are few different texts.
		size := 1
		for size < len(part) {
			size *= 2
		}
		args := make([]any, 1, size+1)
		args[0] = thread
		rows := make([]string, size)
		for i := range rows {
			args = append(args, key(part[min(i, len(part)-1)]))
			rows[i] = fmt.Sprintf("($%d, $1)", i+2)
		}
		if _, err := t.exec(ctx, "insert into ticket_words (word, thread) values "+strings.Join(rows, ", ")+" on conflict do nothing", args...); err != nil {
			return err
		}
	}
	return nil
}

// Worded implements ticketing.DeskTx.
func (t *tx) Worded(ctx context.Context, thread string) error {
	_, err := t.exec(ctx, `update threads set worded = true where id = $1 and not worded`, thread)
	return err
}

// Unworded implements ticketing.DeskTx.
func (t *tx) Unworded(ctx context.Context, limit int) ([]ticketing.Thread, error) {
	return many(ctx, t, scanThread, `select `+threadColumns+` from threads where not worded order by id limit $1`, limit)
}

// FindTickets implements ticketing.DeskTx.
func (t *tx) FindTickets(ctx context.Context, queues, words []string, limit int) ([]ticketing.Ticket, error) {
	if len(queues) == 0 || len(words) == 0 {
		return nil, nil
	}
	var w filter
	w.in("queue", queues)
	for _, word := range words {
		from := key(word)
		w.args = append(w.args, from, from+"\U0010FFFF")
		w.conds = append(w.conds, fmt.Sprintf("thread in (select thread from ticket_words where word >= $%d and word < $%d)", len(w.args)-1, len(w.args)))
	}
	where := w.where("number desc", limit)
	return many(ctx, t, scanTicket, `select `+ticketColumns+` from tickets`+where, w.args...)
}

// in appends "column in (…)"; no values mean no condition.
func (f *filter) in(column string, values []string) {
	if len(values) == 0 {
		return
	}
	marks := make([]string, len(values))
	for i, v := range values {
		f.args = append(f.args, v)
		marks[i] = fmt.Sprintf("$%d", len(f.args))
	}
	f.conds = append(f.conds, column+" in ("+strings.Join(marks, ", ")+")")
}

// conditionsOf are the conditions of a list of tickets.
func conditionsOf(f ticketing.TicketFilter) (w filter) {
	if f.Queue != "" {
		w.add("queue =", f.Queue)
	}
	w.in("queue", f.Queues)
	states := make([]string, len(f.States))
	for i, s := range f.States {
		states[i] = string(s)
	}
	w.in("state", states)
	if f.Contact != "" {
		w.add("contact =", f.Contact)
	}
	if f.Assignee != "" {
		w.add("assignee =", f.Assignee)
	}
	if f.Unassigned {
		w.conds = append(w.conds, "assignee = ''")
	}
	if f.Before > 0 {
		w.add("number <", f.Before)
	}
	if !f.OpenedSince.IsZero() {
		w.add("opened_at >=", f.OpenedSince)
	}
	if !f.ResolvedSince.IsZero() {
		w.add("resolved_at >=", f.ResolvedSince)
	}
	return w
}

// CountListed implements ticketing.DeskTx.
func (t *tx) CountListed(ctx context.Context, f ticketing.TicketFilter) (n int, err error) {
	w := conditionsOf(f)
	err = t.get(ctx, []any{&n}, `select count(*) from tickets`+w.conditions(), w.args...)
	return n, err
}

// OpenSuggestions implements ticketing.DeskTx.
func (t *tx) OpenSuggestions(ctx context.Context, queues []string, skip, limit int) ([]ticketing.Suggestion, error) {
	w := filter{conds: []string{"state = 'open'", "until_at > 0"}}
	w.in("queue", queues)
	where := w.where("until_at, id", limit)
	if skip > 0 {
		w.args = append(w.args, skip)
		where += fmt.Sprintf(" offset $%d", len(w.args))
	}
	return many(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions`+where, w.args...)
}

// CountOpenSuggestions implements ticketing.DeskTx.
func (t *tx) CountOpenSuggestions(ctx context.Context, queues []string) (n int, err error) {
	w := filter{conds: []string{"state = 'open'", "until_at > 0"}}
	w.in("queue", queues)
	err = t.get(ctx, []any{&n}, `select count(*) from suggestions`+w.conditions(), w.args...)
	return n, err
}

const homeColumns = "agent, door, queues, tab, page, words, language, opened_at"

var saveHome = insert("homes", homeColumns) + " on conflict (agent) do update set " + assign("door, queues, tab, page, words, language, opened_at")

// SaveHome implements ticketing.DeskTx.
func (t *tx) SaveHome(ctx context.Context, h *ticketing.Home) error {
	h.OpenedAt = or(h.OpenedAt, t.now)
	_, err := t.exec(ctx, saveHome, h.Agent, h.Door, text(h.Queues), h.Tab, h.Page, h.Words, h.Language, h.OpenedAt)
	return err
}

func scanHome(r row) (h ticketing.Home, err error) {
	err = r.Scan(&h.Agent, &h.Door, doc{&h.Queues}, &h.Tab, &h.Page, &h.Words, &h.Language, at{&h.OpenedAt})
	return h, err
}

// Home implements ticketing.DeskTx.
func (t *tx) Home(ctx context.Context, agent string) (ticketing.Home, error) {
	return one(ctx, t, scanHome, `select `+homeColumns+` from homes where agent = $1`, agent)
}

// WatchedHomes implements ticketing.DeskTx.
func (t *tx) WatchedHomes(ctx context.Context, since time.Time, limit int) ([]ticketing.Home, error) {
	return many(ctx, t, scanHome, `select `+homeColumns+` from homes where opened_at >= $1 order by opened_at desc limit $2`, since, limit)
}
