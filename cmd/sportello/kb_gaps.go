package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
	"github.com/sportello/sportello/ticketing/store"
)

// gap is a group of questions that no article answers.
type gap struct {
	words   []string
	members []ticketing.Suggestion // the most typical first
	typical string                 // its question, personal data taken out
}

// maxGaps is how many unanswered questions are looked at, the oldest of the time first.
const maxGaps = kb.MaxClustered

// findGaps groups the questions since a time that no article answered; queue "" means all queues.
func findGaps(ctx context.Context, st ticketing.Store, desk *ticketing.Desk, queue string, since time.Time) ([]gap, error) {
	var asked []kb.Asked
	var searches []ticketing.Suggestion
	err := st.View(ctx, func(tx ticketing.Tx) error {
		asked, searches = nil, nil
		all, err := tx.Gaps(ctx, since, maxGaps)
		if err != nil {
			return err
		}
		for _, s := range all {
			if queue != "" && s.Queue != queue {
				continue
			}
			text, err := desk.Question(ctx, tx, s.Thread)
			if err != nil {
				return err
			}
			if text == "" {
				continue
			}
			lang := ticketing.DetectLanguage(text)
			if q := desk.Queues[s.Queue]; lang == "und" && q != nil {
				lang = q.Language
			}
			asked = append(asked, kb.Asked{Text: text, Language: lang})
			searches = append(searches, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var gaps []gap
	for _, g := range kb.Cluster(asked) {
		x := gap{words: g.Words, typical: asked[g.Members[0]].Text}
		for _, i := range g.Members {
			x.members = append(x.members, searches[i])
		}
		gaps = append(gaps, x)
	}
	return gaps, nil
}

// KBGapsCmd shows what the knowledge base lacks.
type KBGapsCmd struct {
	Days  int    `default:"30" help:"Look back this many days."`
	Queue string `help:"Only questions of this queue."`
	Least int    `default:"2" help:"Show groups of at least this many questions."`
	Limit int    `default:"20" help:"Show at most this many groups."`
	Draft string `type:"path" placeholder:"DIR" help:"Also write a draft article for each group shown into DIR, made from the agents' answers. Drafts are not published; read and complete them."`
}

// Help is shown by kb gaps --help.
func (KBGapsCmd) Help() string {
	return "Questions without a confident article, and those of which an agent said that none answers, grouped by what they are about.\n\n" +
		"Examples:\n  sportello kb gaps --days 90\n  sportello kb gaps --least 5 --draft drafts/   # then edit the files and: sportello kb import drafts/"
}

// Run shows the gaps.
func (cmd KBGapsCmd) Run(ctx context.Context, c *console) error {
	return c.withStore(ctx, func(cfg Config, db *store.DB, _ ticketing.Files) error {
		queues, err := cfg.queues()
		if err != nil {
			return err
		}
		if cmd.Queue != "" && queues[cmd.Queue] == nil {
			return badConfig("there is no queue named %q", cmd.Queue)
		}
		gaps, err := findGaps(ctx, db, &ticketing.Desk{Queues: queues}, cmd.Queue, db.Now().AddDate(0, 0, -cmd.Days))
		if err != nil {
			return err
		}
		questions, alone := 0, 0
		for _, g := range gaps {
			questions += len(g.members)
			if len(g.members) < cmd.Least {
				alone += len(g.members)
			}
		}
		gaps = slices.DeleteFunc(gaps, func(g gap) bool { return len(g.members) < cmd.Least })
		if len(gaps) == 0 {
			_, err := fmt.Fprintf(c.out, "No gaps in the last %d days: of %d questions without an article, no %d are alike.\n", cmd.Days, questions, cmd.Least)
			return err
		}
		w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "questions\tabout\tfor example")
		for _, g := range gaps[:min(len(gaps), cmd.Limit)] {
			_, _ = fmt.Fprintf(w, "%d\t%s\t%s\n", len(g.members), strings.Join(g.words, ", "), firstWords(g.typical, 70))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c.out, "%d questions in the last %d days had no article; %d are like no %d others.\n", questions, cmd.Days, alone, cmd.Least-1); err != nil {
			return err
		}
		if cmd.Draft == "" {
			return nil
		}
		return cmd.drafts(ctx, c, db, gaps[:min(len(gaps), cmd.Limit)])
	})
}

func firstWords(s string, max int) string {
	r := []rune(s)
	if len(r) <= max {
		return s
	}
	cut := string(r[:max])
	if i := strings.LastIndexByte(cut, ' '); i > max/2 {
		cut = cut[:i]
	}
	return cut + "…"
}

// draftAnswers is how many agents' answers a draft holds.
const draftAnswers = 3

// drafts writes a file a gap. A file that is there is left alone: somebody may have worked on it.
func (cmd KBGapsCmd) drafts(ctx context.Context, c *console, db *store.DB, gaps []gap) error {
	if err := os.MkdirAll(cmd.Draft, 0o755); err != nil {
		return err
	}
	for _, g := range gaps {
		a, err := draftOf(ctx, db, g)
		if err != nil {
			return err
		}
		raw, err := a.File()
		if err != nil {
			return err
		}
		name := filepath.Join(cmd.Draft, a.Slug+".md")
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if os.IsExist(err) {
			_, _ = fmt.Fprintf(c.err, "left alone, it exists: %s\n", name)
			continue
		}
		if err != nil {
			return err
		}
		if _, err := f.Write(raw); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c.out, "draft:", name); err != nil {
			return err
		}
	}
	return nil
}

// draftOf makes an unpublished article of a gap: its typical question as the title, the words as tags, and what agents answered as the body,
// personal data taken out.
func draftOf(ctx context.Context, db ticketing.Store, g gap) (ticketing.Article, error) {
	lang := ticketing.DetectLanguage(g.typical)
	if lang != "it" && lang != "en" {
		lang = "it"
	}
	a := ticketing.Article{Slug: slugOf(strings.Join(g.words, "-")), Title: firstWords(g.typical, 100), Kind: ticketing.ArticleSolution, Audience: ticketing.AudienceCustomers,
		Language: lang, Tags: g.words}
	var body strings.Builder
	answers := 0
	err := db.View(ctx, func(tx ticketing.Tx) error {
		for _, s := range g.members {
			if answers >= draftAnswers {
				return nil
			}
			all, err := tx.Messages(ctx, s.Thread, 0)
			if err != nil {
				return err
			}
			for _, m := range slices.Backward(all) {
				if m.Author != ticketing.AuthorAgent || !m.Public {
					continue
				}
				names := []string{m.Name}
				if s.Contact != "" {
					who, err := tx.Contact(ctx, s.Contact)
					if err != nil {
						return err
					}
					names = append(names, who.Name, who.Address)
				}
				if text := ticketing.Redact(m.Visible, names...); text != "" {
					fmt.Fprintf(&body, "%s\n\n", text)
					answers++
				}
				break
			}
		}
		return nil
	})
	if body.Len() == 0 {
		body.WriteString("…\n")
	}
	a.Body = body.String()
	return a, err
}

// slugOf makes an article's name of words.
func slugOf(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	slug := strings.Trim(b.String()[:min(b.Len(), ticketing.MaxSlug)], "-")
	if slug == "" {
		return "draft"
	}
	return slug
}
