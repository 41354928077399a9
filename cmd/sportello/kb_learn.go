package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
	"github.com/sportello/sportello/ticketing/store"
)

// KBStatusCmd tells how good the offers are.
type KBStatusCmd struct {
	Days int `default:"30" help:"Look back this many days."`
}

// Run tells it.
func (cmd KBStatusCmd) Run(ctx context.Context, c *console) error {
	return c.withStore(ctx, func(cfg Config, db *store.DB, _ ticketing.Files) error {
		queues, err := cfg.queues()
		if err != nil {
			return err
		}
		s := newShelf(db, logger(LogConfig{Level: "error"}, c.err))
		books, err := s.open(ctx)
		if err != nil {
			return err
		}
		var rows []ticketing.RequestRow
		var lessons []ticketing.Lesson
		var judged []ticketing.Suggestion
		err = db.View(ctx, func(tx ticketing.Tx) (err error) {
			if rows, err = tx.Requests(ctx, tx.Now().AddDate(0, 0, -cmd.Days), tx.Now()); err != nil {
				return err
			}
			if judged, err = tx.JudgedSuggestions(ctx, refitSamples); err != nil {
				return err
			}
			lessons, err = tx.Lessons(ctx, ticketing.LessonFilter{})
			return err
		})
		if err != nil {
			return err
		}
		by := map[ticketing.LessonSource]int{}
		for _, l := range lessons {
			by[l.Source]++
		}
		_, _ = fmt.Fprintf(c.out, "%d articles can be found; %d questions learnt from agents, %d from customers, %d did not help.\n", books.index.Len(), by[ticketing.LessonAgent], by[ticketing.LessonCustomer],
			by[ticketing.LessonUnhelpful])
		if m := books.model; m != nil {
			_, _ = fmt.Fprintf(c.out, "Confidence: fitted here on %d judged searches on %s (%s; ECE %.3f).\n", m.row.Judged, m.row.FittedAt.Format(time.DateTime), m.row.Note, m.row.ECE)
		} else {
			_, _ = fmt.Fprintf(c.out, "Confidence: as shipped, from public sets. %d searches are judged; from %d on it is fitted here every night.\n", len(judged), kb.MinJudged)
		}
		w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "queue\tpromise\tthreshold\ttoday")
		for _, name := range slices.Sorted(maps.Keys(queues)) {
			q := queues[name]
			var mine []ticketing.RequestRow
			for _, r := range rows {
				if r.Queue == name {
					mine = append(mine, r)
				}
			}
			_, _ = fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%s\n", name, q.Promise, books.threshold(q), stateOf(ticketing.CountOffers(mine)))
		}
		return w.Flush()
	})
}

// stateOf is the visible state of the offers: "precision 0.86 on 212 judged offers, 41 % of questions get an offer".
func stateOf(f ticketing.OfferFigures) string {
	switch {
	case f.Asked == 0:
		return "no questions yet"
	case f.Judged() == 0:
		return fmt.Sprintf("no offer judged yet, %s of %d questions got an offer", percent(f.Coverage()), f.Asked)
	}
	return fmt.Sprintf("precision %.2f on %d judged offers, %s of %d questions got an offer", f.Precision(), f.Judged(), percent(f.Coverage()), f.Asked)
}

// KBRefitCmd fits the confidence.
type KBRefitCmd struct{}

// Run fits.
func (KBRefitCmd) Run(ctx context.Context, c *console) error {
	return c.withStore(ctx, func(_ Config, db *store.DB, _ ticketing.Files) error {
		r, changed, err := refit(ctx, db)
		if errors.Is(err, kb.ErrFewSamples) {
			_, err = fmt.Fprintf(c.out, "Not fitted: %d searches are judged, right and wrong ones, at least %d are needed.\n", r.Judged, kb.MinJudged)
			return err
		}
		if err != nil {
			return err
		}
		what := "The model in force stays: a new one would not be better"
		if changed {
			what = "A new model is in force on every replica within seconds"
		}
		_, err = fmt.Fprintf(c.out, "%s (%d judged searches, mean loss %.4f, before %.4f, ECE %.3f).\n", what, r.Judged, r.Loss, r.Before, r.ECE)
		return err
	})
}

// KBLessonsCmd shows and corrects what was learnt.
type KBLessonsCmd struct {
	List   KBLessonsListCmd   `cmd:"" default:"withargs" help:"List learnt questions, oldest first."`
	Move   KBLessonsMoveCmd   `cmd:"" help:"Let a learnt question speak for another article."`
	Remove KBLessonsRemoveCmd `cmd:"" help:"Forget learnt questions."`
}

// KBLessonsListCmd lists.
type KBLessonsListCmd struct {
	Article string `help:"Only of this article: it/name-of-the-article."`
	After   string `help:"Continue after this id."`
	Limit   int    `default:"50" help:"At most this many."`
}

// Run lists.
func (cmd KBLessonsListCmd) Run(ctx context.Context, c *console) error {
	f := ticketing.LessonFilter{After: cmd.After, Limit: cmd.Limit}
	if cmd.Article != "" {
		var err error
		if f.Language, f.Slug, err = articleName(cmd.Article); err != nil {
			return err
		}
	}
	return c.withStore(ctx, func(_ Config, db *store.DB, _ ticketing.Files) error {
		var all []ticketing.Lesson
		err := db.View(ctx, func(tx ticketing.Tx) (err error) {
			all, err = tx.Lessons(ctx, f)
			return err
		})
		if err != nil {
			return err
		}
		if len(all) == 0 {
			_, err := fmt.Fprintln(c.out, "Nothing was learnt yet. Agents teach with !kb in a ticket's thread, customers with the buttons of an offer.")
			return err
		}
		w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		for _, l := range all {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%+.2f\t%s\n", l.ID, ticketing.ArticleKey(l.Language, l.Slug), l.Source, l.Weight, firstWords(l.Text, 80))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if len(all) == cmd.Limit {
			_, err = fmt.Fprintf(c.out, "More: sportello kb lessons list --after %s\n", all[len(all)-1].ID)
		}
		return err
	})
}

func articleName(s string) (language, slug string, err error) {
	for i := range s {
		if s[i] == '/' {
			return s[:i], s[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("%q names no article; write the language and the name: it/fattura-scartata", s)
}

// KBLessonsMoveCmd moves a lesson.
type KBLessonsMoveCmd struct {
	ID      string `arg:"" help:"The learnt question."`
	Article string `arg:"" help:"The article it speaks for: it/name-of-the-article."`
}

// Run moves it.
func (cmd KBLessonsMoveCmd) Run(ctx context.Context, c *console) error {
	language, slug, err := articleName(cmd.Article)
	if err != nil {
		return err
	}
	return c.withStore(ctx, func(_ Config, db *store.DB, _ ticketing.Files) error {
		err := db.Update(ctx, func(tx ticketing.Tx) error {
			if _, err := tx.Article(ctx, slug, language); err != nil {
				return missing(err, "article", cmd.Article, "kb export DIR")
			}
			l, err := tx.Lesson(ctx, cmd.ID)
			if err != nil {
				return missing(err, "learnt question", cmd.ID, "kb lessons list")
			}
			l.Slug, l.Language = slug, language
			return tx.SaveLesson(ctx, &l)
		})
		if err == nil {
			_, err = fmt.Fprintf(c.out, "%s now speaks for %s.\n", cmd.ID, cmd.Article)
		}
		return err
	})
}

// KBLessonsRemoveCmd removes lessons.
type KBLessonsRemoveCmd struct {
	IDs []string `arg:"" help:"The learnt questions."`
}

// Run removes them: all or, if one is not there, none.
func (cmd KBLessonsRemoveCmd) Run(ctx context.Context, c *console) error {
	return c.withStore(ctx, func(_ Config, db *store.DB, _ ticketing.Files) error {
		err := db.Update(ctx, func(tx ticketing.Tx) error {
			for _, id := range cmd.IDs {
				if err := tx.DeleteLesson(ctx, id); err != nil {
					return missing(err, "learnt question", id, "kb lessons list")
				}
			}
			return nil
		})
		if err == nil {
			_, err = fmt.Fprintf(c.out, "%d forgotten.\n", len(cmd.IDs))
		}
		return err
	})
}
