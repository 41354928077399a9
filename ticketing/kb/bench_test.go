package kb_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
)

// manyArticles makes n articles of about 200 words whose words are spread as in a natural language: the k-th is 1/k times as frequent.
func manyArticles(n int) ([]ticketing.Article, func(words int) string) {
	rnd := rand.New(rand.NewPCG(3, 4))
	syllables := strings.Fields("ba ce di fo gu la me ni po ru sa te vi zo chi gne stra pre tto llo")
	words := make([]string, 20000)
	for i := range words {
		for range 2 + rnd.IntN(3) {
			words[i] += syllables[rnd.IntN(len(syllables))]
		}
	}
	zipf := rand.NewZipf(rnd, 1.1, 10, uint64(len(words)-1))
	text := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(words[zipf.Uint64()])
			b.WriteByte(' ')
		}
		return b.String()
	}
	articles := make([]ticketing.Article, n)
	for i := range articles {
		articles[i] = article(fmt.Sprint("a", i), text(5), text(200))
		articles[i].Tags = []string{text(1), text(1)}
	}
	return articles, text
}

func BenchmarkSearch(b *testing.B) {
	articles, text := manyArticles(10_000)
	ix := kb.New(articles, nil)
	for name, words := range map[string]int{"question": 8, "letter": 2000} {
		queries := make([]kb.Query, 200)
		for i := range queries {
			queries[i] = kb.Query{Subject: text(4), Text: text(words), Language: "it"}
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ix.Search(queries[i%len(queries)])
			}
		})
	}
}

func BenchmarkIndex(b *testing.B) {
	articles, _ := manyArticles(10_000)
	var before, after runtime.MemStats
	var ix *kb.Index
	for b.Loop() {
		ix = nil
		runtime.GC()
		runtime.ReadMemStats(&before)
		ix = kb.New(articles, nil)
		runtime.GC()
		runtime.ReadMemStats(&after)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-heap")
	runtime.KeepAlive(ix)
}

// BenchmarkTrain is the first search of a scope in which 20,000 questions are learnt for 150 articles.
func BenchmarkTrain(b *testing.B) {
	articles, text := manyArticles(150)
	learnt := make([]kb.Question, 20_000)
	for i := range learnt {
		of := articles[i%len(articles)]
		learnt[i] = kb.Question{ID: fmt.Sprint(i), Article: of.ID, Text: of.Title + " " + text(6)}
	}
	for b.Loop() {
		b.StopTimer()
		ix := kb.New(articles, learnt)
		b.StartTimer()
		ix.Search(kb.Query{Text: "x", Language: "it"})
	}
}
