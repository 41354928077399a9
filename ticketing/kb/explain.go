package kb

import (
	"cmp"
	"slices"
)

// Reason is one part of the score of an article: a word of the query that stands in the article's page or in a learnt question, the
// likeness of letters (grams) with that word, words that stand close together, or the likeness of the whole query with all questions learnt
// for the article.
type Reason struct {
	Word     string  // empty for words that stand close together and for the likeness with all questions
	Letters  bool    // likeness of letters, not the word itself
	Near     bool    // words of the query stand close together in the page
	Question string  // ID of the learnt question; empty: the page
	Score    float64 // what it adds to the score of its unit, in units of Hit.Score; negative for a question that speaks against the article
}

// Explain tells why an article has its score for a query, the weightiest reason first. It is empty for an article outside of the scope.
func (ix *Index) Explain(q Query, id string) []Reason {
	sc := ix.borrow()
	defer ix.scratch.Put(sc)
	sc.ask(q)
	var reasons []Reason
	for _, sh := range ix.shards {
		if q.Language != "" && sh.language != q.Language {
			continue
		}
		v := sh.view(q)
		if v.docs == 0 || len(sc.asked) == 0 {
			continue
		}
		best := sh.lookUp(v, sc).attainable * v.fusion()
		collect := func(t term, list []posting, letters bool, score func(posting) float32) {
			v.within(list, func(run []posting) {
				for _, p := range run {
					if d := sh.docs[p.doc]; sh.entries[d.entry].id == id {
						reasons = append(reasons, Reason{
							Word: sc.asked[t.asked].word, Letters: letters, Question: d.question, Score: t.weight * float64(score(p)*d.weight) / best,
						})
					}
				}
			})
		}
		for _, t := range sc.terms {
			collect(t, sh.words.of(t.id), false, v.word)
		}
		for _, t := range sc.grams {
			collect(t, sh.grams.of(t.id), true, v.gram)
		}
		sc.score(sh, v)
		for _, h := range sc.fuse(sh, v, len(sh.entries)) {
			if sh.entries[h.entry].id != id {
				continue
			}
			if h.passage > 0 {
				reasons = append(reasons, Reason{Near: true, Score: h.passage / best})
			}
			if s := classScore(sc.top, h.class); s > 0 {
				reasons = append(reasons, Reason{Score: s / best})
			}
		}
	}
	return merged(reasons)
}

// merged adds up the reasons that differ only in their score.
func merged(reasons []Reason) []Reason {
	places := make(map[Reason]int)
	var out []Reason
	for _, r := range reasons {
		key := r
		key.Score = 0
		at, ok := places[key]
		if !ok {
			at = len(out)
			places[key] = at
			out = append(out, key)
		}
		out[at].Score += r.Score
	}
	slices.SortStableFunc(out, func(a, b Reason) int { return cmp.Compare(b.Score, a.Score) })
	return out
}
