package main

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/bot"
	"github.com/sportello/sportello/ticketing"
)

// canaries are articles that customers of a queue of the line "cassa", writing Italian, must never meet: each has another reason.
func canaries() map[string]ticketing.Article {
	base := ticketing.Article{Language: "it", Kind: ticketing.ArticleSolution, Audience: ticketing.AudienceCustomers, Line: "cassa", Title: "Canarino: margini e sconti riservati", Tags: []string{"canarino", "margini"},
		Body: "Il canarino canta i margini riservati: stampante, scontrino, fattura, password, reso."}
	resellers, line, language, draft := base, base, base, base
	resellers.Audience, line.Line, language.Language = ticketing.AudienceResellers, "fatture", "en"
	out := map[string]ticketing.Article{"resellers": resellers, "line": line, "language": language, "draft": draft}
	for slug, a := range out {
		a.Slug = "canary-" + slug
		if slug != "draft" {
			a.Published = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		out[slug] = a
	}
	return out
}

// TestCanary: 500 questions in the very words of what must not be seen, with lessons that name it, find it on no channel: not in offers, not
// in what agents find and send, not as a page, not in letters or posts.
func TestCanary(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Queues[0].Lines, c.Queues[0].Threshold = []string{"cassa"}, 0.01 }})
	tr.imports()
	tr.change(func(tx ticketing.Tx) error {
		for _, a := range canaries() {
			if _, err := tx.SaveArticle(tr.ctx, &a, tx.Now()); err != nil {
				return err
			}
			for i := range 40 { // together enough for the classifier
				l := ticketing.Lesson{ID: ulid.Make().String(), Slug: a.Slug, Language: a.Language, Text: fmt.Sprint("il canarino canta i margini riservati ", i), Weight: 1, Source: ticketing.LessonAgent, Actor: "slack:T1/U1"}
				if err := tx.SaveLesson(tr.ctx, &l); err != nil {
					return err
				}
			}
		}
		return nil
	})
	s := newShelf(tr.app.db, slog.New(slog.DiscardHandler))
	if err := s.refresh(tr.ctx); err != nil {
		t.Fatal(err)
	}
	tr.until("the helpdesk has indexed them", func() bool { return tr.app.shelf.books.Load().stamp == s.books.Load().stamp })
	queue := tr.app.desk.Queues["assistenza"]
	words := strings.Fields("canarino margini sconti riservati canta stampante scontrino fattura password reso il i di come posso vedere")
	rnd := rand.New(rand.NewPCG(1, 1))
	for n := range 500 {
		var text []string
		for range 1 + rnd.IntN(10) {
			text = append(text, words[rnd.IntN(len(words))])
		}
		for _, q := range []bot.Question{{Text: strings.Join(text, " "), Language: "it", Queue: queue}, {Subject: strings.Join(text, " "), Language: []string{"", "und", "it"}[n%3], Queue: queue, ByAgent: n%2 == 0}} {
			found, err := s.Search(tr.ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range found.Hits {
				// Where no language is asked for English may be found: it is no secret. Everything else is.
				if strings.HasPrefix(h.Slug, "canary-") && (h.Slug != "canary-language" || q.Language == "it" && !q.ByAgent) {
					t.Errorf("%+v finds %s", q, h.Slug)
				}
			}
		}
	}
	for slug, a := range canaries() {
		want := http.StatusNotFound
		if slug == "line" || slug == "language" { // published for all customers
			want = http.StatusOK
		}
		if code, _ := tr.fetch(http.MethodGet, tr.web+"/kb/"+a.Language+"/"+a.Slug); code != want {
			t.Errorf("the page of %s: %d, want %d", a.Slug, code, want)
		}
	}
	for i, text := range []string{"Il canarino canta i margini riservati?", "sconti riservati canarino", "margini della stampante canarino"} {
		in := tr.write(draft{from: fmt.Sprintf("c%d@cliente%d.example", i, i), subject: "Canarino", body: text})
		if in.Outcome == ticketing.OutcomeTicket {
			root := tr.root(in.Ticket)
			tr.says(root, "!kb canarino margini riservati")
			tr.says(root, "!kb it/canary-resellers")
		}
	}
	tr.settle()
	for _, o := range tr.outgoing("") {
		for _, h := range o.Facts.Articles {
			if strings.HasPrefix(h.Slug, "canary-") && (h.Slug != "canary-language" || o.Kind != ticketing.PostLine) {
				t.Errorf("a %s to %s holds %s", o.Kind, o.Recipient, h.Slug)
			}
		}
	}
}
