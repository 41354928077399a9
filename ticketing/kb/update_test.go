package kb_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
)

// TestUpdate: after any sequence of edits an updated index answers exactly as one built from nothing: articles added, changed, moved to another
// scope or language, drafted and removed, questions learnt, moved and forgotten, and enough of them for the classifier.
func TestUpdate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	pool, text := manyArticles(400)
	articles := slices.Clone(pool[:250])
	var learnt []kb.Question
	learn := func() {
		a := articles[rnd.IntN(len(articles))]
		learnt = append(learnt, kb.Question{ID: fmt.Sprint("q", rnd.IntN(1_000_000)), Article: a.ID, Text: text(6), Weight: []float64{1, 0.5, -0.25}[rnd.IntN(3)]})
	}
	for range 130 {
		learn()
	}
	ix := kb.New(articles, learnt)
	next := 250
	for round := range 30 {
		for range 1 + rnd.IntN(4) {
			i := rnd.IntN(len(articles))
			switch rnd.IntN(10) {
			case 0:
				if next < len(pool) {
					articles = append(articles, pool[next])
					next++
				}
			case 1:
				articles = slices.Delete(articles, i, i+1)
			case 2:
				articles[i].Audience = []string{ticketing.AudienceCustomers, ticketing.AudienceResellers}[rnd.IntN(2)]
			case 3:
				articles[i].Line = []string{"", "cassa", "fatture"}[rnd.IntN(3)]
			case 4:
				articles[i].Language = []string{"it", "en"}[rnd.IntN(2)]
			case 5:
				articles[i].Title = text(5)
			case 6:
				articles[i].Body = text(50 + rnd.IntN(200))
			case 7:
				learn()
			case 8:
				k := rnd.IntN(len(learnt))
				learnt[k].Article, learnt[k].Weight = articles[i].ID, 1
			case 9:
				k := rnd.IntN(len(learnt))
				learnt = slices.Delete(learnt, k, k+1)
			}
		}
		ix = ix.Update(articles, learnt)
		fresh := kb.New(articles, learnt)
		if ix.Len() != fresh.Len() {
			t.Fatalf("round %d: %d articles, want %d", round, ix.Len(), fresh.Len())
		}
		for n := range 12 {
			q := kb.Query{Subject: text(3), Text: text(8 + 40*(n%2)), Language: []string{"it", "en", ""}[n%3], Audience: []string{"", ticketing.AudienceResellers}[n%2], Limit: 20}
			if n%4 == 0 {
				q.Lines = []string{"cassa"}
			}
			if got, want := ix.Search(q), fresh.Search(q); !reflect.DeepEqual(got, want) {
				t.Fatalf("round %d, query %+v:\nupdated %+v\nfresh   %+v", round, q, got, want)
			}
		}
	}
}

// BenchmarkUpdate changes one of 10,000 articles.
func BenchmarkUpdate(b *testing.B) {
	articles, text := manyArticles(10_000)
	ix := kb.New(articles, nil)
	for b.Loop() {
		articles[5000].Body = text(200)
		ix = ix.Update(articles, nil)
	}
}
