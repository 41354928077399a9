package ticketing

import "context"

// OfferFigures is what became of the questions of a time, as far as people have said.
type OfferFigures struct {
	Asked   int // questions that were searched for
	Offered int // of them, with an offer
	Solved  int // offers that a clear yes ended
	Control int // would have been offered, but for the hold-out
	// Right and Wrong are the offers that somebody judged: the customer by yes or no, or an agent who named the article.
	Right, Wrong int
}

// Judged is how many offers somebody judged.
func (f OfferFigures) Judged() int { return f.Right + f.Wrong }

// Precision is the share of the judged offers that contained a right article, 0..1; 0 while none is judged.
func (f OfferFigures) Precision() float64 {
	if f.Judged() == 0 {
		return 0
	}
	return float64(f.Right) / float64(f.Judged())
}

// Coverage is the share of the questions that got an offer, 0..1, those of the hold-out left out: they never could.
func (f OfferFigures) Coverage() float64 {
	if f.Asked == f.Control {
		return 0
	}
	return float64(f.Offered) / float64(f.Asked-f.Control)
}

// CountOffers reckons the figures of requests.
func CountOffers(rows []RequestRow) (f OfferFigures) {
	for _, r := range rows {
		if r.Offer == "" {
			continue
		}
		f.Asked++
		if r.Offer == SuggestionWithheld {
			if r.Why == WhyControl {
				f.Control++
			}
			continue
		}
		f.Offered++
		if r.Offer == SuggestionSolved {
			f.Solved++
		}
		switch r.Verdict {
		case SearchRight:
			f.Right++
		case SearchWrong:
			f.Wrong++
		}
	}
	return f
}

// Question is what was asked in a thread, personal data taken out: for the gaps of the knowledge base.
func (d *Desk) Question(ctx context.Context, tx Tx, thread string) (string, error) {
	return d.question(ctx, tx, thread)
}

// Announce posts one sentence to a queue's agents that belongs to no ticket, once for its cause.
func (d *Desk) Announce(ctx context.Context, tx Tx, q *Queue, cause, code string, args map[string]string) error {
	if q.ChatDoor == "" || q.Place == "" {
		return nil
	}
	now := tx.Now()
	_, err := tx.InsertOutgoing(ctx, &Outgoing{ID: d.newID(now), Cause: cause, Kind: PostLine, Recipient: q.Place, Door: q.ChatDoor, Queue: q.Name, State: OutgoingPending, NextAt: now,
		CreatedAt: now, Facts: Facts{Place: q.Place, Zone: q.Hours.ZoneName(), Language: q.AgentLang, Code: code, Args: args}})
	return err
}
