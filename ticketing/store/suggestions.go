package store

import (
	"context"
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const (
	suggestionChanges = "articles, score, confident, evidence, why, until_at, state, ended_at, yes_hash, no_hash, verdict, answer, judged_at"
	suggestionColumns = "id, thread, contact, queue, offered_at, " + suggestionChanges
)

// suggestionOf are the same columns where another table is joined.
var suggestionOf = "s." + strings.ReplaceAll(suggestionColumns, ", ", ", s.")

var saveSuggestion = insert("suggestions", suggestionColumns) + " on conflict (id) do update set " + assign(suggestionChanges)

func scanSuggestion(r row) (s ticketing.Suggestion, err error) {
	err = r.Scan(&s.ID, &s.Thread, opt{&s.Contact}, &s.Queue, at{&s.OfferedAt}, doc{&s.Articles}, &s.Score, &s.Confident, &s.Evidence, &s.Why, at{&s.Until}, &s.State,
		at{&s.EndedAt}, &s.YesHash, &s.NoHash, &s.Verdict, &s.Answer, at{&s.JudgedAt})
	return s, err
}

// SaveSuggestion implements ticketing.DeskTx.
func (t *tx) SaveSuggestion(ctx context.Context, s *ticketing.Suggestion) error {
	s.OfferedAt = or(s.OfferedAt, t.now)
	_, err := t.exec(ctx, saveSuggestion, s.ID, s.Thread, null(s.Contact), s.Queue, s.OfferedAt, text(s.Articles), s.Score, s.Confident, s.Evidence, s.Why, s.Until,
		s.State, s.EndedAt, s.YesHash, s.NoHash, s.Verdict, s.Answer, s.JudgedAt)
	return err
}

// Suggestion implements ticketing.DeskTx.
func (t *tx) Suggestion(ctx context.Context, id string) (ticketing.Suggestion, error) {
	return one(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions where id = $1`+t.locked(t.db.dialect.forUpdate), id)
}

// SuggestionByToken implements ticketing.DeskTx: the hash of either token. The row is locked, as in all that may end an offer: of two
// replicas only one does.
func (t *tx) SuggestionByToken(ctx context.Context, hash string) (ticketing.Suggestion, error) {
	return one(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions
		where (yes_hash = $1 and yes_hash <> '') or (no_hash = $1 and no_hash <> '')`+t.locked(t.db.dialect.forUpdate), hash)
}

// OpenSuggestion implements ticketing.DeskTx.
func (t *tx) OpenSuggestion(ctx context.Context, thread string) (ticketing.Suggestion, error) {
	return one(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions where thread = $1 and state = 'open'
		order by offered_at desc, id desc limit 1`+t.locked(t.db.dialect.forUpdate), thread)
}

// OpenSuggestionOf implements ticketing.DeskTx.
func (t *tx) OpenSuggestionOf(ctx context.Context, contact, queue string) (ticketing.Suggestion, error) {
	return one(ctx, t, scanSuggestion, `select `+suggestionOf+` from suggestions s join threads t on t.id = s.thread
		where s.contact = $1 and s.state = 'open' and t.queue = $2 order by s.offered_at desc, s.id desc limit 1`+t.locked(t.db.dialect.forUpdateOf), contact, queue)
}

// DueSuggestions implements ticketing.DeskTx. One without a time is never due.
func (t *tx) DueSuggestions(ctx context.Context, now time.Time, limit int) ([]ticketing.Suggestion, error) {
	return many(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions where state = 'open' and until_at > 0 and until_at <= $1
		order by until_at, id limit $2`+t.locked(t.db.dialect.skipLocked), now, limit)
}

// NextTimer implements ticketing.DeskTx.
func (t *tx) NextTimer(ctx context.Context) (time.Time, error) {
	var suggestion, ticket time.Time
	err := t.get(ctx, []any{at{&suggestion}, at{&ticket}}, `select (select min(until_at) from suggestions where state = 'open' and until_at > 0),
		(select min(timer_at) from tickets where timer_at > 0)`)
	if ticket.IsZero() || !suggestion.IsZero() && suggestion.Before(ticket) {
		return suggestion, err
	}
	return ticket, err
}

// SearchOf implements ticketing.DeskTx.
func (t *tx) SearchOf(ctx context.Context, thread string) (ticketing.Suggestion, error) {
	return one(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions where thread = $1 order by id desc limit 1`, thread)
}

// JudgedSuggestions implements ticketing.DeskTx.
func (t *tx) JudgedSuggestions(ctx context.Context, limit int) ([]ticketing.Suggestion, error) {
	return many(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions where verdict <> '' and evidence <> '' order by id desc limit $1`, limit)
}

// Gaps implements ticketing.DeskTx.
func (t *tx) Gaps(ctx context.Context, since time.Time, limit int) ([]ticketing.Suggestion, error) {
	return many(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions
		where (answer = 'none' or (state = 'withheld' and not confident and answer = '')) and offered_at >= $1 order by offered_at limit $2`, since, limit)
}

// Requests implements ticketing.DeskTx. Of several searches of a thread the first counts: it is the one that came before an agent.
func (t *tx) Requests(ctx context.Context, from, to time.Time) ([]ticketing.RequestRow, error) {
	return many(ctx, t, func(r row) (q ticketing.RequestRow, err error) {
		err = r.Scan(&q.Thread, &q.Queue, opt{&q.Contact}, &q.Key, at{&q.At}, &q.State, &q.Offer, &q.Why, &q.Verdict, &q.Confident,
			&q.Ticket, at{&q.Answered})
		return q, err
	}, `select t.id, t.queue, t.contact, coalesce(c.key, ''), t.opened_at, t.state, coalesce(s.state, ''), coalesce(s.why, ''), coalesce(s.verdict, ''),
			coalesce(s.confident, false), coalesce(k.state, ''), coalesce(k.answered_at, 0)
		from threads t left join contacts c on c.id = t.contact left join tickets k on k.thread = t.id
			left join suggestions s on s.id = (select min(id) from suggestions where thread = t.id)
		where t.opened_at >= $1 and t.opened_at < $2 order by t.opened_at, t.id`, from, to)
}
