package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/schollz/progressbar/v3"

	"github.com/sportello/sportello/bot"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
	"github.com/sportello/sportello/ticketing/store"
)

// KBCmd is everything about the knowledge base.
type KBCmd struct {
	Import  KBImportCmd  `cmd:"" help:"Take in a folder of Markdown articles; running it again changes only what changed."`
	Sync    KBSyncCmd    `cmd:"" help:"Import, then watch the folder and take in what is edited until stopped."`
	Export  KBExportCmd  `cmd:"" help:"Write all articles as Markdown files."`
	Lint    KBLintCmd    `cmd:"" help:"Look for dead links, missing translations and duplicates."`
	Search  KBSearchCmd  `cmd:"" help:"Search as the bot does, and tell whether it would offer."`
	Status  KBStatusCmd  `cmd:"" help:"Tell how good the offers are, by what people said about them."`
	Refit   KBRefitCmd   `cmd:"" help:"Fit the confidence on this installation's judged searches now instead of at night."`
	Lessons KBLessonsCmd `cmd:"" help:"What was learnt from customers' questions: list, move, remove."`
	Gaps    KBGapsCmd    `cmd:"" help:"Questions that no article answers, grouped; with draft articles."`
	Rank    KBRankCmd    `cmd:"" help:"Rank articles for queries given as JSON lines; needs no database."`
	Eval    KBEvalCmd    `cmd:"" help:"Measure ranking and confidence on judged queries; needs no database."`
}

// KBImportCmd takes in articles.
type KBImportCmd struct {
	Dir   string `arg:"" type:"existingdir" help:"Folder with .md files; each begins with YAML front matter (slug, title, language, published …)."`
	Prune bool   `help:"Also remove articles that are no longer in the folder."`
}

// Run imports.
func (cmd KBImportCmd) Run(ctx context.Context, c *console) error {
	articles, problems := kb.ReadDir(os.DirFS(cmd.Dir))
	for _, p := range problems {
		_, _ = fmt.Fprintln(c.err, "skipped:", p)
	}
	if len(articles) == 0 {
		return fmt.Errorf("%s holds no article that can be read; an article is a .md file that begins with front matter between lines of ---", cmd.Dir)
	}
	return c.withFirstStore(ctx, func(_ Config, db *store.DB, _ ticketing.Files) error {
		n, err := importArticles(ctx, db, articles, cmd.Prune && len(problems) == 0, c.progress(len(articles), "articles"))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c.out, "%d articles: %d new or changed, %d unchanged, %d removed, %d skipped.\n", len(articles), n.changed, len(articles)-n.changed, n.removed, len(problems)); err != nil {
			return err
		}
		if len(problems) > 0 {
			if cmd.Prune {
				_, _ = fmt.Fprintln(c.err, "Nothing was removed: an article whose file cannot be read would have gone with those whose files are gone. Mend the files above and import again.")
			}
			return errReported
		}
		return nil
	})
}

type imported struct{ changed, removed int }

// importBatch is how many articles share a transaction.
const importBatch = 100

func importArticles(ctx context.Context, db ticketing.Store, articles []ticketing.Article, prune bool, tick func()) (n imported, err error) {
	for start := 0; start < len(articles); start += importBatch {
		batch := articles[start:min(start+importBatch, len(articles))]
		changed := 0
		err := db.Update(ctx, func(tx ticketing.Tx) error {
			changed = 0
			for i := range batch {
				ok, err := tx.SaveArticle(ctx, &batch[i], tx.Now())
				if err != nil {
					return err
				}
				if ok {
					changed++
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n.changed += changed
		for range batch {
			tick()
		}
	}
	if !prune {
		return n, nil
	}
	have := map[string]bool{}
	for _, a := range articles {
		have[a.Language+"/"+a.Slug] = true
	}
	err = db.Update(ctx, func(tx ticketing.Tx) error {
		n.removed = 0
		all, err := tx.Articles(ctx)
		if err != nil {
			return err
		}
		for _, a := range all {
			if have[a.Language+"/"+a.Slug] {
				continue
			}
			if err := tx.DeleteArticle(ctx, a.Slug, a.Language); err != nil && !errors.Is(err, ticketing.ErrNotFound) {
				return err
			}
			n.removed++
		}
		return nil
	})
	return n, err
}

// progress returns what to call after each of n things; on a terminal a bar shows it.
func (c *console) progress(n int, what string) func() {
	if !isTerminal(c.err) {
		return func() {}
	}
	bar := progressbar.NewOptions(n, progressbar.OptionSetWriter(c.err), progressbar.OptionSetDescription(what), progressbar.OptionClearOnFinish(),
		progressbar.OptionShowCount())
	return func() { _ = bar.Add(1) }
}

// KBSearchCmd searches.
type KBSearchCmd struct {
	Text     string `arg:"" help:"The question."`
	Language string `help:"it or en; empty searches all."`
	Queue    string `help:"Search in the scope of this queue."`
}

// Run searches.
func (cmd KBSearchCmd) Run(ctx context.Context, c *console) error {
	return c.withStore(ctx, func(cfg Config, db *store.DB, _ ticketing.Files) error {
		queues, err := cfg.queues()
		if err != nil {
			return err
		}
		q := &ticketing.Queue{Audience: ticketing.AudienceCustomers}
		if cmd.Queue != "" {
			ok := false
			if q, ok = queues[cmd.Queue]; !ok {
				return badConfig("there is no queue named %q", cmd.Queue)
			}
		}
		s := newShelf(db, logger(LogConfig{Level: "error"}, c.err))
		found, err := s.Search(ctx, bot.Question{Text: cmd.Text, Language: cmd.Language, Queue: q})
		if err != nil {
			return err
		}
		if len(found.Hits) == 0 {
			_, err := fmt.Fprintln(c.out, "No article has anything to do with it.")
			return err
		}
		w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		for i, h := range found.Hits {
			_, _ = fmt.Fprintf(w, "%d.\t%s\t%s\t%s\t%.2f\n", i+1, h.Language, h.Slug, h.Title, h.Score)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		verdict := "not offered: the ticket would open at once"
		if found.Offer {
			verdict = "offered"
		}
		_, err = fmt.Fprintf(c.out, "confidence %.2f: %s\n", found.Confidence, verdict)
		return err
	})
}
