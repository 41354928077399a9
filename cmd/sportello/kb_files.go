package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
	"github.com/sportello/sportello/ticketing/store"
)

// KBExportCmd writes articles.
type KBExportCmd struct {
	Dir string `arg:"" type:"path" help:"Folder for the files, LANGUAGE/NAME.md; files of the same name are written anew."`
}

// Run exports.
func (cmd KBExportCmd) Run(ctx context.Context, c *console) error {
	return c.withStore(ctx, func(_ Config, db *store.DB, _ ticketing.Files) error {
		var all []ticketing.Article
		err := db.View(ctx, func(tx ticketing.Tx) (err error) {
			all, err = tx.Articles(ctx)
			return err
		})
		if err != nil {
			return err
		}
		tick := c.progress(len(all), "articles")
		for _, a := range all {
			raw, err := a.File()
			if err != nil {
				return fmt.Errorf("%s: %w", ticketing.ArticleKey(a.Language, a.Slug), err)
			}
			dir := filepath.Join(cmd.Dir, a.Language)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, a.Slug+".md"), raw, 0o644); err != nil {
				return err
			}
			tick()
		}
		_, err = fmt.Fprintf(c.out, "%d articles written to %s.\n", len(all), cmd.Dir)
		return err
	})
}

// KBSyncCmd follows a folder.
type KBSyncCmd struct {
	Dir   string `arg:"" type:"existingdir" help:"Folder with .md files, as for kb import."`
	Prune bool   `help:"Also remove articles whose file is removed."`
}

// Help is shown by kb sync --help.
func (KBSyncCmd) Help() string {
	return "An edited file is found by searches on every replica within five seconds. Runs until it is stopped; the folder may be a checkout that something else pulls.\n\n" +
		"Example:\n  sportello kb sync --prune handbook/"
}

// syncQuiet is how long a folder must rest before it is read: editors and version control write a file in several steps.
const syncQuiet = 300 * time.Millisecond

// Run imports, then watches.
func (cmd KBSyncCmd) Run(ctx context.Context, c *console) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("the folder cannot be watched: %w; use kb import instead", err)
	}
	defer w.Close()
	return c.withFirstStore(ctx, func(_ Config, db *store.DB, _ ticketing.Files) error {
		first := true
		for {
			// Watching begins before reading, so that no edit falls between.
			if err := watchAll(w, cmd.Dir); err != nil {
				return err
			}
			articles, problems := kb.ReadDir(os.DirFS(cmd.Dir))
			for _, p := range problems {
				_, _ = fmt.Fprintln(c.err, "skipped:", p)
			}
			tick := func() {}
			if first {
				tick = c.progress(len(articles), "articles")
			}
			// A file that cannot be read for a moment is no reason to remove its article.
			// An empty folder is one that is not mounted, or a checkout in the middle of its work: nobody gives up all articles so.
			if len(articles) == 0 && cmd.Prune {
				_, _ = fmt.Fprintf(c.out, "%s  the folder holds no article: nothing is removed\n", time.Now().Format(time.TimeOnly))
			}
			n, err := importArticles(ctx, db, articles, cmd.Prune && len(problems) == 0 && len(articles) > 0, tick)
			if err != nil {
				return err
			}
			if first || n.changed+n.removed > 0 {
				_, _ = fmt.Fprintf(c.out, "%s  %d articles, %d new or changed, %d removed, %d skipped\n", time.Now().Format(time.TimeOnly), len(articles), n.changed, n.removed, len(problems))
			}
			first = false
			if !changed(ctx, w) {
				return nil
			}
		}
	})
}

// watchAll watches a folder and all below it, hidden ones left out; a folder that is watched already stays so.
func watchAll(w *fsnotify.Watcher, dir string) error {
	return filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			if name == dir {
				return err
			}
			return nil // gone meanwhile
		case !d.IsDir():
			return nil
		case name != dir && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		}
		return w.Add(name)
	})
}

// changed waits until something changes and the folder rests; false when ctx ends.
func changed(ctx context.Context, w *fsnotify.Watcher) bool {
	var quiet <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case _, ok := <-w.Events:
			if !ok {
				return false
			}
			quiet = time.After(syncQuiet)
		case _, ok := <-w.Errors:
			if !ok {
				return false
			}
			quiet = time.After(syncQuiet) // events were lost: everything is read again
		case <-quiet:
			return true
		}
	}
}

// KBLintCmd looks for mistakes.
type KBLintCmd struct {
	Dir string `arg:"" optional:"" type:"existingdir" help:"Folder with .md files; without it the articles of the database are looked at."`
}

// Run looks and exits with 1 if something was found.
func (cmd KBLintCmd) Run(ctx context.Context, c *console) error {
	look := func(articles []ticketing.Article, found []string) error {
		found = append(found, lintArticles(articles)...)
		for _, f := range found {
			if _, err := fmt.Fprintln(c.out, f); err != nil {
				return err
			}
		}
		if len(found) > 0 {
			_, _ = fmt.Fprintf(c.out, "%d findings in %d articles.\n", len(found), len(articles))
			return errReported
		}
		_, err := fmt.Fprintf(c.out, "%d articles, nothing to mend.\n", len(articles))
		return err
	}
	if cmd.Dir != "" {
		articles, problems := kb.ReadDir(os.DirFS(cmd.Dir))
		var found []string
		for _, p := range problems {
			found = append(found, p.Error())
		}
		return look(articles, found)
	}
	return c.withStore(ctx, func(_ Config, db *store.DB, _ ticketing.Files) error {
		var all []ticketing.Article
		err := db.View(ctx, func(tx ticketing.Tx) (err error) {
			all, err = tx.Articles(ctx)
			return err
		})
		if err != nil {
			return err
		}
		return look(all, nil)
	})
}

// nearDuplicate is the share of the attainable score at which another article answers an article's own title as well as it does itself.
const nearDuplicate = 0.9

// lintArticles tells, each in a sentence, links to articles that are not there, translations that are missing or do not name each other, and
// articles that are likely the same.
func lintArticles(articles []ticketing.Article) (found []string) {
	byKey := map[string]*ticketing.Article{}
	byID := map[string]string{}
	for i := range articles {
		a := &articles[i]
		key := ticketing.ArticleKey(a.Language, a.Slug)
		a.ID = key
		byKey[key], byID[key] = a, key
	}
	say := func(a *ticketing.Article, format string, args ...any) {
		found = append(found, ticketing.ArticleKey(a.Language, a.Slug)+": "+fmt.Sprintf(format, args...))
	}
	for i := range articles {
		a := &articles[i]
		for _, target := range kb.Links(a.Body) {
			if key, ours := articleLink(target, a.Language); ours && byKey[key] == nil {
				say(a, "dead link to %s; correct it or write that article", target)
			} else if ours && a.Audience == ticketing.AudienceCustomers && byKey[key].Audience != ticketing.AudienceCustomers {
				say(a, "links to %s, which its readers may not see; remove the link or change an audience", key)
			} else if ours && !a.Published.IsZero() && byKey[key].Published.IsZero() {
				say(a, "links to %s, which is a draft; publish it or remove the link", key)
			}
		}
		for _, lang := range sortedLanguages(a.Translations) {
			other := byKey[ticketing.ArticleKey(lang, a.Translations[lang])]
			switch {
			case other == nil:
				say(a, "its translation %s/%s is missing; write it or remove the line", lang, a.Translations[lang])
			case other.Translations[a.Language] != a.Slug:
				say(a, "%s/%s does not name it as its translation; add %s: %s there", lang, other.Slug, a.Language, a.Slug)
			}
		}
	}
	ix := kb.New(articles, nil)
	for i := range articles {
		a := &articles[i]
		if a.Published.IsZero() {
			continue
		}
		hits := ix.Search(kb.Query{Text: a.Title, Language: a.Language, Audience: ticketing.AudienceAgents, Limit: 3}).Hits
		var own float64
		for _, h := range hits {
			if h.ID == a.ID {
				own = h.Score
			}
		}
		for _, h := range hits {
			if o := byKey[h.ID]; h.ID != a.ID && own > 0 && h.Score >= nearDuplicate*own && o.Line == a.Line && h.ID > a.ID {
				say(a, "%s answers the same title as well; join the two or tell them apart by their titles", h.ID)
			}
		}
	}
	return found
}

func sortedLanguages(m map[string]string) []string {
	var out []string
	for l := range m {
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}

// articleLink tells the article that a link in an article's body means: /kb/LANGUAGE/NAME, or NAME beside it, or ../LANGUAGE/NAME, each
// perhaps ending in .md. ours is false for links elsewhere.
func articleLink(target, language string) (key string, ours bool) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Path == "" {
		return "", false
	}
	clean := path.Clean("/kb/" + language + "/" + u.Path)
	if strings.HasPrefix(u.Path, "/") {
		clean = path.Clean(u.Path)
	}
	rest, ours := strings.CutPrefix(strings.TrimSuffix(clean, ".md"), "/kb/")
	return rest, ours
}
