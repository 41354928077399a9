package ticketing

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Learning (kb.md section 5): every question that was searched for is kept as a Suggestion, offered or withheld; what people say about it
// judges the search; and what an article answered is kept as a Lesson, which the ranking searches beside the article from then on.

// Lesson is a question of a customer and an article that answered it, or did not.
type Lesson struct {
	ID       string // ULID
	Slug     string // the article, with Language
	Language string
	Text     string // the question, personal data taken out (Redact)
	// Weight is how much it counts, -1..1: 1 for an agent's word, less for a customer's, below 0 when the article did not help.
	Weight float64
	Source LessonSource
	Thread string // where it was asked; empty if it was brought in from elsewhere
	Actor  string // who said so: Agent.ID or the contact's Party.Key
	At     time.Time
}

// LessonSource is whose word a lesson rests on.
type LessonSource string

// The sources of lessons.
const (
	LessonAgent     LessonSource = "agent"     // sent or linked the article
	LessonCustomer  LessonSource = "customer"  // "this solved it"
	LessonUnhelpful LessonSource = "unhelpful" // a customer's "no"
)

// Weights of lessons by their source. A customer who presses "solved" may have solved it otherwise, and says nothing about which of the
// articles it was; a "no" may come from somebody who did not read.
const (
	weightAgent     = 1.0
	weightCustomer  = 0.5
	weightUnhelpful = -0.25
)

// MaxLessonText is how much of a question is learnt, in bytes: a long letter tells its matter early.
const MaxLessonText = 2000

// LessonFilter selects lessons, oldest first.
type LessonFilter struct {
	Slug, Language string // an article's; both empty: of all
	Thread         string // where they were asked
	After          string // id, for the next page
	Limit          int    // 0: all
}

// Verdict on a search.
const (
	SearchRight = "right" // one of the articles shown, or that would have been shown, answers the question
	SearchWrong = "wrong"
)

// AnswerNone in Suggestion.Answer: an agent said that no article answers the question.
const AnswerNone = "none"

// ArticleKey names an article in Suggestion.Answer and in the buttons of cards: "it/fattura-scartata".
func ArticleKey(language, slug string) string { return language + "/" + slug }

// splitArticleKey is the inverse of ArticleKey; ok is false for anything else.
func splitArticleKey(key string) (language, slug string, ok bool) {
	language, slug, ok = strings.Cut(key, "/")
	return language, slug, ok && validLanguage(language) && validSlug(slug)
}

// Key names the article of a hit as ArticleKey does.
func (h Hit) Key() string { return ArticleKey(h.Language, h.Slug) }

// holds reports whether the article is one of those found.
func (s *Suggestion) holds(key string) bool {
	return slices.ContainsFunc(s.Articles, func(h Hit) bool { return h.Key() == key })
}

// keepSearch keeps a search whose articles were not offered: the ticket opens with it attached, the figures count it, and whoever answers
// may still say which article was right.
func (d *Desk) keepSearch(ctx context.Context, c *Case, dec Decision) error {
	if !c.Found.Searched {
		return nil
	}
	return c.Tx.SaveSuggestion(ctx, &Suggestion{ID: d.newID(c.Now), Thread: c.Thread.ID, Contact: c.Contact.ID, Queue: c.Queue.Name, Articles: dec.Hits,
		Score: dec.Score, OfferedAt: c.Now, EndedAt: c.Now, State: SuggestionWithheld, Why: dec.Withheld, Confident: c.Found.Offer, Evidence: c.Found.Evidence})
}

// searchOf is the newest search of a thread, nil if there was none.
func (d *Desk) searchOf(ctx context.Context, tx Tx, thread string) (*Suggestion, error) {
	s, err := tx.SearchOf(ctx, thread)
	if ok, err := found(err); err != nil || !ok {
		return nil, err
	}
	return &s, nil
}

// judge notes what an agent says about a search: which article answers the question, or that none does.
func (d *Desk) judgeSearch(ctx context.Context, tx Tx, thread, answer string) error {
	s, err := d.searchOf(ctx, tx, thread)
	if err != nil || s == nil {
		return err
	}
	s.Answer, s.Verdict, s.JudgedAt = answer, SearchWrong, tx.Now()
	if s.holds(answer) {
		s.Verdict = SearchRight
	}
	return tx.SaveSuggestion(ctx, s)
}

// question is what was asked in a thread, as it is learnt: subject and words of the first message, personal data taken out.
func (d *Desk) question(ctx context.Context, tx Tx, thread string) (string, error) {
	all, err := tx.Messages(ctx, thread, 0)
	if err != nil {
		return "", err
	}
	first := slices.IndexFunc(all, func(m Message) bool { return m.Author == AuthorCustomer })
	if first < 0 {
		return "", nil
	}
	m := all[first]
	names := []string{m.Name}
	if m.Contact != "" {
		who, err := tx.Contact(ctx, m.Contact)
		if err != nil {
			return "", err
		}
		names = append(names, who.Name, who.Address)
	}
	return Redact(m.Subject+"\n"+m.Visible, names...), nil
}

// learn keeps the thread's question as one that the article answered, or did not. Of the same thread, article and side it is kept once.
func (d *Desk) learn(ctx context.Context, tx Tx, thread, key string, source LessonSource, actor string) error {
	language, slug, ok := splitArticleKey(key)
	if !ok {
		return nil
	}
	text, err := d.question(ctx, tx, thread)
	if err != nil || text == "" {
		return err
	}
	weight := map[LessonSource]float64{LessonAgent: weightAgent, LessonCustomer: weightCustomer, LessonUnhelpful: weightUnhelpful}[source]
	return tx.SaveLesson(ctx, &Lesson{ID: d.newID(tx.Now()), Slug: slug, Language: language, Text: text, Weight: weight, Source: source, Thread: thread, Actor: actor, At: tx.Now()})
}

// learnFrom draws the lessons of an offer's end: a yes speaks for the first article, a no against all that were offered.
func (d *Desk) learnFrom(ctx context.Context, tx Tx, s *Suggestion, actor string) error {
	switch {
	case s.State == SuggestionSolved && len(s.Articles) > 0:
		return d.learn(ctx, tx, s.Thread, s.Articles[0].Key(), LessonCustomer, actor)
	case s.State == SuggestionDeclined && s.Verdict == SearchWrong:
		for _, h := range s.Articles {
			if err := d.learn(ctx, tx, s.Thread, h.Key(), LessonUnhelpful, actor); err != nil {
				return err
			}
		}
	}
	return nil
}

// unlearn takes back what a yes taught when its customer writes again: the article was not enough after all, whatever was meant.
func (d *Desk) unlearn(ctx context.Context, tx Tx, thread string) error {
	s, err := d.searchOf(ctx, tx, thread)
	if err != nil || s == nil || s.State != SuggestionSolved || s.Verdict == "" {
		return err
	}
	s.Verdict, s.JudgedAt = "", zeroTime
	if err := tx.SaveSuggestion(ctx, s); err != nil {
		return err
	}
	lessons, err := tx.Lessons(ctx, LessonFilter{Thread: thread})
	if err != nil {
		return err
	}
	for _, l := range lessons {
		if l.Source == LessonCustomer {
			if err := tx.DeleteLesson(ctx, l.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget takes back what an agent's answer with an article taught, because the answer never left.
func (d *Desk) forget(ctx context.Context, tx Tx, thread, key string) error {
	lessons, err := tx.Lessons(ctx, LessonFilter{Thread: thread})
	if err != nil {
		return err
	}
	for _, l := range lessons {
		if l.Source == LessonAgent && l.Language+"/"+l.Slug == key {
			if err := tx.DeleteLesson(ctx, l.ID); err != nil {
				return err
			}
		}
	}
	s, err := d.searchOf(ctx, tx, thread)
	if err != nil || s == nil || s.Answer != key {
		return err
	}
	s.Answer, s.Verdict, s.JudgedAt = "", "", zeroTime
	return tx.SaveSuggestion(ctx, s)
}

// Model is a model of the confidence that was fitted on the judged searches of this installation.
type Model struct {
	ID       string // ULID
	FittedAt time.Time
	// Coefficients and Curve are the search's own: its model and, for each threshold, precision and coverage on what it was fitted on.
	Coefficients string
	Curve        string
	Judged       int     // searches it was fitted on
	ECE          float64 // expected calibration error on them, cross-validated
	Note         string  // what changed against the model before
}

// RequestRow is what a customer asked and what came of it; the rows of the deflection report.
type RequestRow struct {
	Thread    string
	Queue     string
	Contact   string // id
	Key       string // the contact's Party.Key
	At        time.Time
	State     ThreadState
	Offer     SuggestionState // empty when nothing was searched for
	Why       string
	Verdict   string
	Confident bool
	Ticket    State     // empty while there is none
	Answered  time.Time // when an agent answered first; zero if never
}
