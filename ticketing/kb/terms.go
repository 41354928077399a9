package kb

import (
	"cmp"
	"math"
	"slices"
)

// asked is a distinct word of the query.
type asked struct {
	word  string
	count float64
}

// term is a word or gram of the query that the scope knows.
type term struct {
	id     uint32
	df     uint32  // documents of the scope that hold it
	asked  uint32  // place of its word in the query
	order  uint32  // its own place in the query
	weight float64 // what it adds to a score at most
	rarity float64 // its inverse document frequency
	// content tells that the word is no stop word. Not set for grams.
	content bool
}

// ask counts the words of a query.
func (sc *scratch) ask(q Query) {
	clear(sc.places)
	sc.asked = sc.asked[:0]
	count := func(text string, n float64) {
		if len(text) > MaxQueryBytes {
			text = text[:MaxQueryBytes]
		}
		sc.fold.words(text, func(w []byte) {
			at, ok := sc.places[string(w)]
			if !ok {
				if len(sc.asked) >= maxDistinct {
					return
				}
				at = len(sc.asked)
				sc.asked = append(sc.asked, asked{word: string(w)})
				sc.places[sc.asked[at].word] = at
			}
			sc.asked[at].count = min(sc.asked[at].count+n, maxOccurrences)
		})
	}
	count(q.Subject, subjectWeight)
	count(q.Text, 1)
}

// queryWords is what the confidence needs to know about the words of a query.
type queryWords struct {
	attainable float64 // highest score the query could get
	content    int     // distinct words that are no stop words
	known      float64 // share of those that the scope knows, 0..1
	count      int     // distinct words
}

// lookUp finds the query's rarest words and grams in the scope: sc.terms and sc.grams.
func (sh *shard) lookUp(v *view, sc *scratch) queryWords {
	clear(sc.byTerm)
	clear(sc.gramSet)
	sc.terms, sc.grams = sc.terms[:0], sc.grams[:0]
	highest := idf(v.docs, 0)
	sc.unknown, sc.spelt = sc.unknown[:0], sc.spelt[:0]
	w := queryWords{count: len(sc.asked)}
	for i, a := range sc.asked {
		weight, content := 1+math.Log(a.count), 1
		if stopWord(sh.language, a.word) {
			weight, content = weight*v.stop, 0
		}
		w.content += content
		id, ok := sh.surfaces[a.word]
		if !ok {
			id, ok = sh.stems[stem(sh.language, a.word)]
		}
		df := 0
		if ok {
			if at, again := sc.byTerm[id]; again {
				sc.terms[at].weight = max(sc.terms[at].weight, weight*idf(v.docs, float64(sc.terms[at].df)))
				w.known += float64(content)
				continue
			}
			df = v.within(sh.words.of(id), nil)
		}
		rarity := idf(v.docs, float64(df))
		if df == 0 {
			sc.unknown = append(sc.unknown, weight*highest)
		} else {
			w.known += float64(content)
			sc.byTerm[id] = len(sc.terms)
			sc.terms = append(sc.terms, term{id: id, df: uint32(df), asked: uint32(i), order: uint32(i), weight: weight * rarity, rarity: rarity, content: content > 0})
		}
		sc.spelt = append(sc.spelt, term{df: uint32(df), asked: uint32(i), order: uint32(i), weight: weight * rarity})
	}
	if len(sc.spelt) > MaxQueryGrams { // the rarest grams are those of the rarest words
		sc.spelt = rarest(sc.spelt, MaxQueryGrams)
	}
	for _, t := range sc.spelt {
		sc.lookUpGrams(sh, v, t.asked, t.weight)
	}
	sc.terms = rarest(sc.terms, MaxQueryWords)
	sc.grams = rarest(sc.grams, MaxQueryGrams)

	w.known /= max(1, float64(w.content))
	for _, t := range sc.terms {
		w.attainable += t.weight
	}
	for _, t := range sc.grams {
		w.attainable += t.weight
	}
	for _, t := range sc.terms {
		if t.content && len(sc.terms) > 1 {
			w.attainable += passageWeight * float64(v.long) * t.weight
		}
	}
	slices.SortFunc(sc.unknown, func(a, b float64) int { return cmp.Compare(b, a) })
	for _, u := range sc.unknown[:min(len(sc.unknown), MaxQueryWords-len(sc.terms))] {
		w.attainable += u
	}
	return w
}

// lookUpGrams adds the grams of a word that are new in the query and rare enough in the scope to sc.grams.
func (sc *scratch) lookUpGrams(sh *shard, v *view, asked uint32, weight float64) {
	sc.letters = append(sc.letters[:0], sc.asked[asked].word...)
	n := 0
	grams(sc.letters, func(uint64) { n++ })
	grams(sc.letters, func(g uint64) {
		id, ok := sh.gramIDs[g]
		if !ok {
			return
		}
		if _, again := sc.gramSet[id]; again {
			return
		}
		sc.gramSet[id] = struct{}{}
		df := v.within(sh.grams.of(id), nil)
		if df == 0 || float64(df) > maxCommonGram*v.docs {
			return
		}
		sc.grams = append(sc.grams, term{
			id: id, df: uint32(df), asked: asked, order: uint32(len(sc.grams)), weight: gramWeight * weight / float64(n), rarity: idf(v.docs, float64(df)),
		})
	})
}

// rarest keeps the n rarest terms; of equal ones those that stand first in the query.
func rarest(terms []term, n int) []term {
	slices.SortFunc(terms, func(a, b term) int {
		if a.df != b.df {
			return int(a.df) - int(b.df)
		}
		return int(a.order) - int(b.order)
	})
	return terms[:min(n, len(terms))]
}
