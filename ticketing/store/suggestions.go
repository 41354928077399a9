package store

import (
	"context"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const (
	suggestionChanges = "articles, score, until_at, state, ended_at, yes_hash, no_hash"
	suggestionColumns = "id, thread, contact, offered_at, " + suggestionChanges
	// suggestionOf are the same columns where another table is joined.
	suggestionOf = "s.id, s.thread, s.contact, s.offered_at, s.articles, s.score, s.until_at, s.state, s.ended_at, s.yes_hash, s.no_hash"
)

var saveSuggestion = insert("suggestions", suggestionColumns) + " on conflict (id) do update set " + assign(suggestionChanges)

func scanSuggestion(r row) (s ticketing.Suggestion, err error) {
	err = r.Scan(&s.ID, &s.Thread, opt{&s.Contact}, at{&s.OfferedAt}, doc{&s.Articles}, &s.Score, at{&s.Until}, &s.State, at{&s.EndedAt},
		&s.YesHash, &s.NoHash)
	return s, err
}

// SaveSuggestion implements ticketing.DeskTx.
func (t *tx) SaveSuggestion(ctx context.Context, s *ticketing.Suggestion) error {
	s.OfferedAt = or(s.OfferedAt, t.now)
	_, err := t.exec(ctx, saveSuggestion, s.ID, s.Thread, null(s.Contact), s.OfferedAt, text(s.Articles), s.Score, s.Until, s.State, s.EndedAt,
		s.YesHash, s.NoHash)
	return err
}

// Suggestion implements ticketing.DeskTx.
func (t *tx) Suggestion(ctx context.Context, id string) (ticketing.Suggestion, error) {
	return one(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions where id = $1`, id)
}

// SuggestionByToken implements ticketing.DeskTx: the hash of either token.
func (t *tx) SuggestionByToken(ctx context.Context, hash string) (ticketing.Suggestion, error) {
	return one(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions
		where (yes_hash = $1 and yes_hash <> '') or (no_hash = $1 and no_hash <> '')`, hash)
}

// OpenSuggestion implements ticketing.DeskTx.
func (t *tx) OpenSuggestion(ctx context.Context, thread string) (ticketing.Suggestion, error) {
	return one(ctx, t, scanSuggestion, `select `+suggestionColumns+` from suggestions where thread = $1 and state = 'open'
		order by offered_at desc, id desc limit 1`, thread)
}

// OpenSuggestionOf implements ticketing.DeskTx.
func (t *tx) OpenSuggestionOf(ctx context.Context, contact, queue string) (ticketing.Suggestion, error) {
	return one(ctx, t, scanSuggestion, `select `+suggestionOf+` from suggestions s join threads t on t.id = s.thread
		where s.contact = $1 and s.state = 'open' and t.queue = $2 order by s.offered_at desc, s.id desc limit 1`, contact, queue)
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
