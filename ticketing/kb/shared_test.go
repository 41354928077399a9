package kb_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
)

// sharedSets is the folder of public evaluation sets, or skips the test.
func sharedSets(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SPORTELLO_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	dir = filepath.Join(dir, "kb")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no evaluation sets: set SPORTELLO_SHARED to their folder (%v)", err)
	}
	return dir
}

func readJSONLines[T any](t *testing.T, name string) []T {
	t.Helper()
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []T
	dec := json.NewDecoder(bufio.NewReader(f))
	for dec.More() {
		var v T
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, v)
	}
	return out
}

// TestSharedSets holds the ranking to floors a little under what was measured; doc.go has the measured figures.
func TestSharedSets(t *testing.T) {
	if testing.Short() {
		t.Skip("18,000 searches take long under the race detector")
	}
	dir := sharedSets(t)
	tests := []struct {
		set           string
		plain, learnt float64 // least R@3 without and with past questions
		right         float64 // least AUROC of right against wrong
	}{
		{"banking77", 0.84, 0.965, 0.82},
		{"clinc150", 0.875, 0.965, 0.88},
		{"hint3-curekart", 0.615, 0.935, 0.81},
		{"lohelp-it", 0.72, 0, 0.77},
		{"squadit", 0.868, 0, 0.865},
		{"xsid-it", 0.90, 0.97, 0.90},
	}
	for _, tt := range tests {
		t.Run(tt.set, func(t *testing.T) {
			var articles []ticketing.Article
			for _, l := range readJSONLines[struct{ ID, Title, Body, Lang string }](t, filepath.Join(dir, tt.set, "articles.jsonl")) {
				articles = append(articles, article(l.ID, l.Title, l.Body, func(a *ticketing.Article) { a.Language = l.Lang }))
			}
			if len(articles) == 0 {
				t.Skipf("no set %s in %s", tt.set, dir)
			}
			var learnt []kb.Question
			for _, l := range readJSONLines[struct{ ID, Text, Article string }](t, filepath.Join(dir, tt.set, "pool.jsonl")) {
				learnt = append(learnt, kb.Question{ID: l.ID, Text: l.Text, Article: l.Article})
			}
			queries := readJSONLines[struct {
				Text string
				Rel  []string
			}](t, filepath.Join(dir, tt.set, "queries.jsonl"))
			measure := func(learnt []kb.Question) kb.Figures {
				ix := kb.New(articles, learnt)
				var judged []kb.Judged
				for _, q := range queries {
					r := ix.Search(kb.Query{Text: q.Text})
					judged = append(judged, kb.Judged{
						Features: r.Features, Confidence: r.Confidence, Answerable: len(q.Rel) > 0,
						Rank: 1 + slices.IndexFunc(r.Hits, func(h ticketing.Hit) bool { return slices.Contains(q.Rel, h.ID) }),
					})
				}
				return kb.Evaluate(judged, 0)
			}
			f := measure(nil)
			if f.R3 < tt.plain || f.RightAUROC < tt.right {
				t.Errorf("R@3 %.3f, AUROC %.3f; floors %.3f and %.3f", f.R3, f.RightAUROC, tt.plain, tt.right)
			}
			if tt.learnt > 0 {
				if f := measure(learnt); f.R3 < tt.learnt {
					t.Errorf("with past questions R@3 %.3f; floor %.3f", f.R3, tt.learnt)
				}
			}
		})
	}
}
