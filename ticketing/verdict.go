package ticketing

import (
	"context"
)

// LinkView is what the page behind an offer's link shows. Reading it changes nothing: mail scanners open every link.
type LinkView struct {
	Suggestion Suggestion
	Thread     Thread
	Queue      *Queue
	Yes        bool // the token is the one that says "this solved it"
	Language   string
}

// Link looks up an offer by the token of one of its links; ErrNotFound for any other string.
func (d *Desk) Link(ctx context.Context, tx Tx, token string) (LinkView, error) {
	if len(token) != 52 {
		return LinkView{}, ErrNotFound
	}
	hash := HashToken(token)
	s, err := tx.SuggestionByToken(ctx, hash)
	if err != nil {
		return LinkView{}, err
	}
	t, err := tx.Thread(ctx, s.Thread)
	if err != nil {
		return LinkView{}, err
	}
	v := LinkView{Suggestion: s, Thread: t, Queue: d.queue(t.Queue), Yes: s.YesHash == hash, Language: t.Language}
	if v.Language == "" {
		v.Language = v.Queue.Language
	}
	return v, nil
}

// PressLink carries out what the token stands for, once: an offer that has ended stays as it ended.
func (d *Desk) PressLink(ctx context.Context, tx Tx, token string) (LinkView, error) {
	v, err := d.Link(ctx, tx, token)
	if err != nil || v.Suggestion.State != SuggestionOpen {
		return v, err
	}
	who, err := tx.Contact(ctx, v.Thread.Contact)
	if err != nil {
		return v, err
	}
	if v.Yes {
		return v, d.solve(ctx, tx, &v.Suggestion, &v.Thread, who.Key)
	}
	if err := d.endJudged(ctx, tx, &v.Suggestion, SuggestionDeclined, SearchWrong, who.Key); err != nil {
		return v, err
	}
	return v, d.openHeld(ctx, tx, v.Thread.ID, who.Key, "")
}
