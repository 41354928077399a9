package kb_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
	"pgregory.net/rapid"
)

var published = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// article is a published article for customers in Italian unless change says otherwise.
func article(id, title, body string, change ...func(*ticketing.Article)) ticketing.Article {
	a := ticketing.Article{
		ID: id, Slug: id, Title: title, Body: body, Language: "it", Audience: ticketing.AudienceCustomers, Published: published,
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

func ids(r kb.Result) []string {
	out := []string{}
	for _, h := range r.Hits {
		out = append(out, h.ID)
	}
	return out
}

func TestSearch(t *testing.T) {
	english := func(a *ticketing.Article) { a.Language = "en" }
	resellers := func(a *ticketing.Article) { a.Audience = ticketing.AudienceResellers }
	unknown := func(a *ticketing.Article) { a.Audience = "everyone" }
	line := func(l string) func(*ticketing.Article) { return func(a *ticketing.Article) { a.Line = l } }
	tags := func(tags ...string) func(*ticketing.Article) { return func(a *ticketing.Article) { a.Tags = tags } }
	draft := func(a *ticketing.Article) { a.Published = time.Time{} }
	articles := []ticketing.Article{
		article("quality", "Controllo qualità", "Come si controlla la qualità della merce."),
		article("invoices", "Fatturazione", "Le fatture si registrano dal menu."),
		article("invoicing", "Invoicing", "Invoices are registered from the menu.", english),
		article("prices", "Listino riservato", "Sconti sulle fatture per rivenditori.", resellers),
		article("secret", "Fatture riservate", "Per nessuno.", unknown),
		article("till", "Scontrino", "Lo scontrino si stampa dopo la fattura.", line("cassa"), tags("ricevuta")),
		article("stock", "Magazzino", "Il carico segue la fattura del fornitore.", line("magazzino")),
		article("draft", "Fatture bozza", "Fatture fatture fatture.", draft),
		article("stop", "Chi siamo", "Chi siamo e che cosa facciamo noi."),
		article("subject", "Bilancia", "La bilancia pesa."),
		article("text", "Cassetto", "Il cassetto si apre."),
	}
	ix := kb.New(articles, nil)
	if ix.Len() != len(articles)-1 {
		t.Errorf("Len() = %d, want all but the draft", ix.Len())
	}
	tests := []struct {
		name  string
		query kb.Query
		want  []string // IDs in any order
	}{
		{"accents typed or not", kb.Query{Text: "QUALITA"}, []string{"quality"}},
		{"decomposed accents", kb.Query{Text: "qualita\u0300"}, []string{"quality"}},
		{"stems", kb.Query{Text: "fatture", Language: "it"}, []string{"invoices", "till", "stock"}},
		{"English stems", kb.Query{Text: "invoice register", Language: "en"}, []string{"invoicing"}},
		{"audience of resellers", kb.Query{Text: "fattura", Language: "it", Audience: ticketing.AudienceResellers}, []string{"invoices", "till", "stock", "prices"}},
		{"audience of agents", kb.Query{Text: "fattura", Language: "it", Audience: ticketing.AudienceAgents}, []string{"invoices", "till", "stock", "prices", "secret"}},
		{"unknown audience", kb.Query{Text: "fattura", Language: "it", Audience: "root"}, []string{"invoices", "till", "stock"}},
		{"line and general articles", kb.Query{Text: "fattura", Language: "it", Lines: []string{"cassa"}}, []string{"invoices", "till"}},
		{"tags", kb.Query{Text: "ricevuta"}, []string{"till"}},
		{"stop words alone", kb.Query{Text: "chi siamo"}, []string{"stop"}},
		{"misspelt title", kb.Query{Text: "scontirno"}, []string{"till"}},
		{"unknown language", kb.Query{Text: "fattura", Language: "de"}, []string{}},
		{"nothing", kb.Query{}, []string{}},
		{"marks", kb.Query{Subject: "?!", Text: "\x00\xff\n…"}, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ids(ix.Search(tt.query))
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if r := ix.Search(kb.Query{Subject: "bilancia", Text: "cassetto", Language: "it"}); r.Hits[0].ID != "subject" {
		t.Errorf("the subject counts twice, but %v", ids(r))
	}
	if r := ix.Search(kb.Query{Text: "fattura", Limit: 1}); len(r.Hits) != 1 {
		t.Errorf("limit 1 gave %v", ids(r))
	}
}

func TestLearntQuestions(t *testing.T) {
	articles := []ticketing.Article{
		article("a", "Stampante", "Carta e inchiostro."),
		article("b", "Cassa", "Apertura e chiusura."),
	}
	learnt := []kb.Question{
		{ID: "q1", Article: "a", Text: "escono solo strisce bianche"},
		{ID: "q2", Article: "gone", Text: "escono strisce"},
	}
	q := kb.Query{Text: "vedo delle strisce bianche", Language: "it"}
	if r := kb.New(articles, nil).Search(q); len(r.Hits) != 0 {
		t.Fatalf("found %v before learning", ids(r))
	}
	ix := kb.New(articles, learnt)
	r := ix.Search(q)
	if got := ids(r); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("found %v after learning", got)
	}
	why := ix.Explain(q, "a")
	if len(why) == 0 || why[0].Question != "q1" || why[0].Letters {
		t.Errorf("Explain = %+v", why)
	}
	sum := 0.0
	for _, w := range why {
		sum += w.Score
	}
	if d := sum - r.Hits[0].Score; d > 1e-5 || d < -1e-5 {
		t.Errorf("the reasons add up to %v, the score is %v", sum, r.Hits[0].Score)
	}
	if r.Hits[0].Score < 0 || r.Hits[0].Score > 1 {
		t.Errorf("score %v outside 0..1", r.Hits[0].Score)
	}
}

func TestWeightOfLearntQuestions(t *testing.T) {
	articles := []ticketing.Article{
		article("a", "Stampante", "Carta e inchiostro."),
		article("b", "Cassa", "Apertura e chiusura."),
	}
	const text = "escono solo strisce bianche"
	q := kb.Query{Text: text, Language: "it"}
	// score of article a when it is learnt for b at full weight and for a at each of the weights.
	score := func(weights ...float64) float64 {
		learnt := []kb.Question{{ID: "b", Article: "b", Text: text, Weight: 1}}
		for i, w := range weights {
			learnt = append(learnt, kb.Question{ID: fmt.Sprint(i), Article: "a", Text: text, Weight: w})
		}
		r := kb.New(articles, learnt).Search(q)
		for _, h := range r.Hits {
			if h.ID == "a" {
				return h.Score
			}
		}
		return 0
	}
	full := score(1)
	near := func(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }
	tests := []struct {
		name      string
		got, want float64
	}{
		{"none is full weight", score(0), full},
		{"half counts half", score(0.5), full / 2},
		{"weight is bounded", score(100), full},
		{"not a number is full weight", score(math.NaN()), full},
		{"not helpful alone finds nothing", score(-1), 0},
		{"not helpful lowers", score(1, -0.25), 0.75 * full},
		{"not helpful takes half at most", score(1, -1, -1, -100), 0.5 * full},
	}
	for _, tt := range tests {
		if !near(tt.got, tt.want) {
			t.Errorf("%s: score %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

var vocabulary = strings.Fields(`fattura fatture fatturazione cassa cassetto scontrino password abbonamento rinnovo disdetta stampante stampa carta
	magazzino giacenza carico il la che non per con invoice till receipt printer error 00404 canarino`)

func drawText(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, 12).Draw(t, label), " ")
}

// TestScopeNeverLeaks demands more than that no hit is out of scope: ranks, scores, confidence and reasons are those of an index in which
// articles out of scope never existed.
func TestScopeNeverLeaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all, allowed []ticketing.Article
		var learnt []kb.Question
		q := kb.Query{
			Subject: drawText(t, "subject"), Text: drawText(t, "text"),
			Language: rapid.SampledFrom([]string{"it", "en"}).Draw(t, "query language"),
			Audience: rapid.SampledFrom([]string{"", "customers", "resellers", "agents", "x"}).Draw(t, "asking"),
			Lines:    rapid.SampledFrom([][]string{nil, {"cassa"}, {"cassa", "fatture"}, {"altro"}}).Draw(t, "lines"),
		}
		for i := range rapid.IntRange(0, 12).Draw(t, "articles") {
			a := ticketing.Article{
				ID: fmt.Sprint("a", i), Slug: fmt.Sprint("a", i), Title: drawText(t, "title"), Body: drawText(t, "body"),
				Tags:      strings.Fields(drawText(t, "tags")),
				Language:  rapid.SampledFrom([]string{"it", "en"}).Draw(t, "language"),
				Audience:  rapid.SampledFrom([]string{"customers", "resellers", "x"}).Draw(t, "audience"),
				Line:      rapid.SampledFrom([]string{"", "cassa", "fatture"}).Draw(t, "line"),
				Published: published,
			}
			all = append(all, a)
			for j := range rapid.IntRange(0, 2).Draw(t, "learnt") {
				learnt = append(learnt, kb.Question{
					ID: fmt.Sprint(i, ".", j), Article: a.ID, Text: drawText(t, "question"),
					Weight: rapid.SampledFrom([]float64{0, 0.5, -0.5, -2}).Draw(t, "weight"),
				})
			}
			seen := a.Audience == "customers" || a.Audience == "resellers" && (q.Audience == "resellers" || q.Audience == "agents") ||
				q.Audience == "agents"
			if seen && a.Language == q.Language && (len(q.Lines) == 0 || a.Line == "" || slices.Contains(q.Lines, a.Line)) {
				allowed = append(allowed, a)
			}
		}
		ix, clean := kb.New(all, learnt), kb.New(allowed, learnt)
		got, want := ix.Search(q), clean.Search(q)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("with others around:\n%+v\nalone:\n%+v", got, want)
		}
		for _, a := range all {
			if g, w := ix.Explain(q, a.ID), clean.Explain(q, a.ID); !reflect.DeepEqual(g, w) {
				t.Fatalf("reasons for %s with others around:\n%+v\nalone:\n%+v", a.ID, g, w)
			}
		}
		for _, h := range got.Hits {
			if h.Score <= 0 || h.Score > 1.000001 {
				t.Fatalf("score %v outside 0..1", h.Score)
			}
		}
		if got.Confidence < 0 || got.Confidence > 1 {
			t.Fatalf("confidence %v outside 0..1", got.Confidence)
		}
	})
}

// TestClassifier demands that the classifier begins at 100 questions of the scope, adds to the lead of the right article and says so.
func TestClassifier(t *testing.T) {
	articles := []ticketing.Article{
		article("refund", "Uno", ""), article("parcel", "Due", ""), article("hidden", "Tre", "", func(a *ticketing.Article) { a.Audience = "agents" }),
	}
	questions := func(n int) []kb.Question {
		var out []kb.Question
		for i := range n {
			out = append(out,
				kb.Question{ID: fmt.Sprint("r", i), Article: "refund", Text: fmt.Sprint("voglio indietro i soldi del pacco ordine", i)},
				kb.Question{ID: fmt.Sprint("p", i), Article: "parcel", Text: fmt.Sprint("il pacco non arriva ordine", i)},
				kb.Question{ID: fmt.Sprint("h", i), Article: "hidden", Text: "soldi"})
		}
		return out
	}
	q := kb.Query{Text: "rivoglio soldi indietro per il pacco", Language: "it"}
	lead := func(n int) float64 {
		r := kb.New(articles, questions(n)).Search(q)
		if len(r.Hits) != 2 || r.Hits[0].ID != "refund" {
			t.Fatalf("%d questions each: found %v", n, ids(r))
		}
		return (r.Hits[0].Score - r.Hits[1].Score) / r.Hits[0].Score
	}
	if few, many := lead(49), lead(50); many < few+0.05 {
		t.Errorf("the right article leads by %.3f of its score with 98 questions and by %.3f with 100, which ought to be more", few, many)
	}
	ix := kb.New(articles, questions(60))
	var whole float64
	for _, why := range ix.Explain(q, "refund") {
		if why.Word == "" && !why.Near {
			whole += why.Score
		}
	}
	if whole <= 0 || whole > 0.4 {
		t.Errorf("the likeness with all questions adds %v to the score, want more than none and at most its weight", whole)
	}
}

// TestPassages has two long pages of the same words: in one, two of them stand together.
func TestPassages(t *testing.T) {
	filler := strings.Repeat("testo qualunque senza importanza ", 40)
	ix := kb.New([]ticketing.Article{
		article("apart", "Uno", "avvio "+filler+" stampante carta "+filler+" inceppata"),
		article("near", "Due", "avvio "+filler+" carta inceppata "+filler+" stampante"),
		article("other", "Tre", filler+filler),
	}, nil)
	q := kb.Query{Text: "carta inceppata", Language: "it"}
	r := ix.Search(q)
	if got := ids(r); !slices.Equal(got, []string{"near", "apart"}) {
		t.Fatalf("found %v", got)
	}
	sum, near := 0.0, 0.0
	for _, why := range ix.Explain(q, "near") {
		sum += why.Score
		if why.Near {
			near += why.Score
		}
	}
	if math.Abs(sum-r.Hits[0].Score) > 1e-5 || near <= 0 {
		t.Errorf("the reasons add up to %v, %v of it for words close together; the score is %v", sum, near, r.Hits[0].Score)
	}
	if r.Hits[0].Score > 1 {
		t.Errorf("score %v above 1", r.Hits[0].Score)
	}
}

// TestClassifierNeverLeaks demands that the classifier of a scope is the same whatever was learnt for articles outside of it.
func TestClassifierNeverLeaks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	text := func() string {
		words := make([]string, 1+rnd.IntN(8))
		for i := range words {
			words[i] = vocabulary[rnd.IntN(len(vocabulary))]
		}
		return strings.Join(words, " ")
	}
	var all, allowed []ticketing.Article
	var learnt []kb.Question
	for i := range 12 {
		a := article(fmt.Sprint("a", i), text(), text())
		if a.Line = []string{"cassa", "fatture", ""}[i%3]; i%4 == 3 {
			a.Audience = ticketing.AudienceResellers
		}
		all = append(all, a)
		if a.Line != "fatture" && a.Audience == ticketing.AudienceCustomers {
			allowed = append(allowed, a)
		}
		for j := range 40 {
			learnt = append(learnt, kb.Question{ID: fmt.Sprint(i, ".", j), Article: a.ID, Text: text(), Weight: []float64{1, 0.5, -1}[j%3]})
		}
	}
	ix, clean := kb.New(all, learnt), kb.New(allowed, learnt)
	classified := false
	for range 50 {
		q := kb.Query{Text: text(), Language: "it", Lines: []string{"cassa"}}
		if got, want := ix.Search(q), clean.Search(q); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q with others around:\n%+v\nalone:\n%+v", q.Text, got, want)
		}
		for _, a := range allowed {
			got, want := ix.Explain(q, a.ID), clean.Explain(q, a.ID)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%q, reasons for %s with others around:\n%+v\nalone:\n%+v", q.Text, a.ID, got, want)
			}
			classified = classified || slices.ContainsFunc(got, func(r kb.Reason) bool { return r.Word == "" && !r.Near })
		}
	}
	if !classified {
		t.Error("the classifier had no part in any score")
	}
}

func TestSearchIsConcurrentAndRepeatable(t *testing.T) {
	ix := kb.New(samples(t), nil)
	q := kb.Query{Subject: "password", Text: "non riesco ad accedere alla cassa con la stampante", Audience: ticketing.AudienceResellers}
	want := ix.Search(q)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 100 {
				q := q
				if (i+j)%2 == 0 {
					ix.Search(kb.Query{Text: "invoice", Lines: []string{fmt.Sprint(j)}})
					continue
				}
				if got := ix.Search(q); !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v, want %+v", got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestWithModel(t *testing.T) {
	ix := kb.New(samples(t), nil)
	q := kb.Query{Text: "password dimenticata", Language: "it"}
	sure := ix.WithModel(kb.Model{100})
	if c := sure.Search(q).Confidence; c < 0.999 {
		t.Errorf("confidence %v under a model that is always sure", c)
	}
	if !reflect.DeepEqual(sure.Search(q).Hits, ix.Search(q).Hits) {
		t.Error("the model changed the ranks")
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("Aiuto", "ho dimenticato la password", "it")
	f.Add("", "ﬀ ŉ İ ß ẞ \u0345 \u00ad 가 ﷺ", "en")
	f.Add("\xff\xfe", strings.Repeat("a", 200)+" "+strings.Repeat("é", 100), "")
	ix := kb.New(samples(f), []kb.Question{{ID: "q", Article: "collegare-pos", Text: "il bancomat non va"}})
	f.Fuzz(func(t *testing.T, subject, text, language string) {
		q := kb.Query{Subject: subject, Text: text, Language: language}
		r := ix.Search(q)
		if !(r.Confidence >= 0 && r.Confidence <= 1) || len(r.Hits) > kb.DefaultHits {
			t.Fatalf("confidence %v, %d hits", r.Confidence, len(r.Hits))
		}
		for i, h := range r.Hits {
			if !(h.Score > 0 && h.Score <= 1.000001) || i > 0 && h.Score > r.Hits[i-1].Score {
				t.Fatalf("hit %d has score %v", i, h.Score)
			}
			if h.Slug == "censire-un-registratore" || h.Slug == "register-a-fiscal-printer" {
				t.Fatal("a customer sees an article for resellers")
			}
		}
		if again := ix.Search(q); !reflect.DeepEqual(again, r) {
			t.Fatal("the same query gave another result")
		}
	})
}
