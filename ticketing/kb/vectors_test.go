package kb_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
)

func TestVectors(t *testing.T) {
	ix := kb.New([]ticketing.Article{
		article("words", "Stampante", "La stampante non stampa."),
		article("meaning", "Inchiostro", "Come cambiare la cartuccia."),
		article("opposite", "Altro", "Altro testo."),
		article("none", "Senza vettore", "Testo."),
		article("hidden", "Riservato", "Per agenti.", func(a *ticketing.Article) { a.Audience = ticketing.AudienceAgents }),
	}, nil)
	with := ix.WithVectors(map[string][]float32{
		"words": {0.2, 1}, "meaning": {5, 0}, "opposite": {-1, 0}, "hidden": {1, 0}, "gone": {1, 0},
	})
	q := kb.Query{Text: "stampante scolorita", Language: "it"}
	if got, want := with.Search(q), ix.Search(q); !reflect.DeepEqual(got, want) {
		t.Errorf("without a vector of the query:\n%+v\nwant as without vectors:\n%+v", got, want)
	}
	q.Vector = []float32{3, 0}
	if got, want := ix.Search(q).Hits, with.Search(kb.Query{Text: q.Text, Language: "it"}).Hits; !reflect.DeepEqual(got, want) {
		t.Errorf("an index without vectors found %v", got)
	}
	r := with.Search(q)
	got := ids(r)
	slices.Sort(got)
	if !slices.Equal(got, []string{"meaning", "words"}) {
		t.Errorf("found %v: meaning must add an article, neither one of opposite meaning nor one out of scope", got)
	}
	if r.Confidence != ix.Search(q).Confidence {
		t.Error("the vector changed the confidence, which speaks of words")
	}
	for _, h := range r.Hits {
		if h.Score <= 0 || h.Score > 1 {
			t.Errorf("score %v outside 0..1", h.Score)
		}
	}
	q.Text = "zzz"
	if got := ids(with.Search(q)); !slices.Equal(got, []string{"meaning", "words"}) {
		t.Errorf("a question of unknown words found %v", got)
	}
	q.Vector = []float32{1, 0, 0}
	if got := ids(with.Search(q)); len(got) != 0 {
		t.Errorf("vectors of another length found %v", got)
	}
	if got := ids(with.WithModel(kb.ShippedModel()).Search(kb.Query{Text: "zzz", Vector: []float32{1, 0}})); len(got) != 2 {
		t.Errorf("another model lost the vectors: %v", got)
	}
}
