package kb_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing/kb"
)

// gapQuestions are questions of four matters and some that stand alone, as customers write them.
var gapQuestions = []struct {
	matter, lang, text string
}{
	{"satispay", "it", "come collego Satispay alla cassa?"}, {"satispay", "it", "Buongiorno, vorrei accettare pagamenti con Satispay, si può?"},
	{"satispay", "it", "pagamento satispay non compare in cassa"}, {"satispay", "it", "attivare Satispay sul punto cassa"}, {"satispay", "it", "Satispay: il pagamento resta in attesa e la cassa non lo vede"},
	{"etichette", "it", "Le etichette escono storte dalla stampante Zebra"}, {"etichette", "it", "stampa etichette con prezzo e codice a barre, formato sbagliato"},
	{"etichette", "it", "come cambio il formato delle etichette dei prezzi?"}, {"etichette", "it", "etichetta troppo piccola, il codice a barre non si legge"},
	{"firma", "it", "vorrei cambiare la firma in fondo alle fatture"}, {"firma", "it", "come metto il logo e la firma sulla fattura stampata"}, {"firma", "it", "logo in fattura sgranato"},
	{"gift cards", "en", "How do I sell gift cards?"}, {"gift cards", "en", "gift card balance is wrong after a refund"}, {"gift cards", "en", "Can a customer top up a gift card online"},
	{"", "it", "Posso avere una demo in negozio giovedì?"}, {"", "it", "Il cassetto dei soldi non si apre più"}, {"", "en", "Where are your offices located?"},
}

// TestCluster: questions about the same matter come together whatever their order, and those about nothing common stay alone.
func TestCluster(t *testing.T) {
	order := make([]int, len(gapQuestions))
	for i := range order {
		order[i] = i
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 10 {
		asked := make([]kb.Asked, len(order))
		for i, k := range order {
			asked[i] = kb.Asked{Text: gapQuestions[k].text, Language: gapQuestions[k].lang}
		}
		groups := kb.Cluster(asked)
		seen, pairs, right := 0, 0, 0
		for g, group := range groups {
			seen += len(group.Members)
			if g > 0 && len(group.Members) > len(groups[g-1].Members) {
				t.Errorf("round %d: groups are not in the order of their size", round)
			}
			for i, a := range group.Members {
				for _, b := range group.Members[:i] {
					pairs++
					if m := gapQuestions[order[a]].matter; m != "" && m == gapQuestions[order[b]].matter {
						right++
					}
				}
			}
		}
		if seen != len(order) {
			t.Fatalf("round %d: %d of %d questions are in a group", round, seen, len(order))
		}
		// 10 + 6 + 3 + 3 pairs belong together. In so few questions a common verb may join one that does not.
		if pairs-right > 3 || right < 15 {
			t.Errorf("round %d: %d pairs, %d of them right, 22 belong together: %v", round, pairs, right, groups)
		}
		if top := groups[0]; !slices.Contains(top.Words, "satispay") || len(top.Words) > 5 {
			t.Errorf("round %d: the largest group is about %v", round, top.Words)
		}
		rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	if kb.Cluster(nil) != nil {
		t.Error("groups of nothing")
	}
}

func TestClusterOfNothing(t *testing.T) {
	groups := kb.Cluster([]kb.Asked{{Text: "", Language: "it"}, {Text: "e di che", Language: "it"}, {Text: "stampante", Language: "it"}})
	if len(groups) != 3 {
		t.Errorf("%v", groups)
	}
}

func BenchmarkCluster(b *testing.B) {
	_, text := manyArticles(1)
	var asked []kb.Asked
	for range kb.MaxClustered {
		asked = append(asked, kb.Asked{Text: text(15), Language: "it"})
	}
	for b.Loop() {
		kb.Cluster(asked)
	}
}

// judgedBy makes judged searches whose truth follows a model of the installation's own.
func judgedBy(n int, truth kb.Model, seed uint64) []kb.Judged {
	rnd := rand.New(rand.NewPCG(seed, 1))
	out := make([]kb.Judged, n)
	for i := range out {
		f := kb.Features{Share: rnd.Float64(), Known: rnd.Float64(), Second: rnd.Float64(), Fourth: rnd.Float64(), LogSize: 1 + 2*rnd.Float64(), LogTop: 1 + 3*rnd.Float64()}
		out[i] = kb.Judged{Features: f, Answerable: true}
		if rnd.Float64() < truth.Probability(f) {
			out[i].Rank = 1
		}
	}
	return out
}

// TestRefit: from 200 judged searches on a model is fitted that is calibrated on searches it has not seen, keeps the promise there, and is
// told from the one in force by figures.
func TestRefit(t *testing.T) {
	truth := kb.ShippedModel()
	truth[0] -= 1.5 // offers are worse here than on the public sets
	if _, err := kb.Refit(judgedBy(kb.MinJudged-1, truth, 1), kb.ShippedModel()); err == nil {
		t.Error("fitted on fewer than needed")
	}
	r, err := kb.Refit(judgedBy(3000, truth, 2), kb.ShippedModel())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Better() || r.ECE > 0.08 || r.Judged != 3000 {
		t.Errorf("loss %.3f after %.3f, ECE %.3f", r.Loss, r.Before, r.ECE)
	}
	fresh := judgedBy(20000, truth, 3)
	for _, promise := range []float64{0.7, 0.8, 0.9} {
		threshold := kb.Promised(r.Curve, promise)
		offers, right := 0, 0
		for _, s := range fresh {
			if r.Model.Probability(s.Features) >= threshold {
				offers++
				if s.Right() {
					right++
				}
			}
		}
		if got := float64(right) / float64(offers); offers == 0 || got < promise-0.03 {
			t.Errorf("promised %.2f at threshold %.2f: %d of %d offers right", promise, threshold, right, offers)
		}
	}
	again, err := kb.Refit(judgedBy(3000, truth, 2), r.Model)
	if err != nil {
		t.Fatal(err)
	}
	if again.Loss > again.Before*1.02 {
		t.Errorf("fitting on the same searches again: %.4f against %.4f", again.Loss, again.Before)
	}
	if kb.Promised(r.Curve, 1.1) != 1 {
		t.Error("a promise nobody can keep has a threshold")
	}
}

func TestModelText(t *testing.T) {
	m := kb.ShippedModel()
	got, err := kb.ParseModel(m.Coefficients())
	if err != nil || got != m {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"", "[]", "[1,2]", "{}", strings.Repeat("[", 10), fmt.Sprint(m)} {
		if _, err := kb.ParseModel(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
