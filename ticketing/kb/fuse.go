package kb

import (
	"cmp"
	"slices"
)

type shardHit struct {
	entry   uint32
	score   float64 // all units of the article together
	unit    float64 // its best unit alone: the page or a learnt question
	passage float64 // what words close together add to it
	class   float64 // what the classifier says, 0..1
}

// score adds up BM25F over the documents of the scope.
func (sc *scratch) score(sh *shard, v *view) {
	if len(sc.scores) < len(sh.docs) {
		sc.scores = make([]float32, len(sh.docs))
	}
	sc.touched = sc.touched[:0]
	add := func(doc uint32, s float32) {
		if sc.scores[doc] == 0 {
			sc.touched = append(sc.touched, doc)
		}
		sc.scores[doc] += s
	}
	for _, t := range sc.terms {
		weight := float32(t.weight)
		v.within(sh.words.of(t.id), func(run []posting) {
			for _, p := range run {
				add(p.doc, weight*v.word(p))
			}
		})
	}
	for _, t := range sc.grams {
		weight := float32(t.weight)
		v.within(sh.grams.of(t.id), func(run []posting) {
			for _, p := range run {
				add(p.doc, weight*v.gram(p))
			}
		})
	}
}

// fuse joins the scores of an article's page and of its learnt questions by a decayed sum and picks the best articles.
func (sc *scratch) fuse(sh *shard, v *view, limit int) []shardHit {
	best := newRanking(limit)
	if v.docs == v.pages { // nothing was learnt: a page's score is its article's
		sc.top = 0
		for _, d := range sc.touched {
			s := float64(sc.scores[d])
			sc.scores[d] = 0
			if s >= best.least {
				best.add(shardHit{entry: sh.docs[d].entry, score: s, unit: s})
			}
			sc.top = max(sc.top, s)
		}
		return sc.finish(sh, v, best, limit)
	}
	n := len(sh.entries)
	if len(sc.totals) < n {
		sc.totals = make([]float32, n)
	}
	if len(sc.best) < n*bestQuestions {
		sc.best = make([]float32, n*bestQuestions)
		sc.against = make([]float32, n)
	}
	sc.pages = sc.pages[:0]
	const mark = 1e-9 // an article whose questions alone were touched still has to be found when clearing
	for _, d := range sc.touched {
		e := sh.docs[d].entry
		s := sc.scores[d]
		sc.scores[d] = 0
		if sc.totals[e] == 0 {
			sc.pages = append(sc.pages, e)
			sc.totals[e] = mark
		}
		if !sh.docs[d].learnt {
			sc.totals[e] += s
			continue
		}
		if s *= sh.docs[d].weight; s < 0 {
			sc.against[e] -= s
			continue
		}
		questions := sc.best[int(e)*bestQuestions : (int(e)+1)*bestQuestions]
		for i := range questions {
			if s > questions[i] {
				s, questions[i] = questions[i], s
			}
		}
	}
	sc.all, sc.top = sc.all[:0], 0
	for _, e := range sc.pages {
		hit := shardHit{entry: e, score: float64(sc.totals[e])}
		hit.unit = hit.score
		sc.totals[e] = 0
		decay := 1.0
		questions := sc.best[int(e)*bestQuestions : (int(e)+1)*bestQuestions]
		hit.unit = max(hit.unit, float64(questions[0]))
		for i, s := range questions {
			hit.score += decay * float64(s)
			decay *= questionDecay
			questions[i] = 0
		}
		if a := float64(sc.against[e]); a > 0 {
			sc.against[e] = 0
			share := 1 - min(maxAgainst, a/hit.score)
			hit.score, hit.unit = hit.score*share, hit.unit*share
		}
		if hit.score <= mark { // nothing but "not helpful"
			continue
		}
		sc.top = max(sc.top, hit.score)
		if v.classifier == nil {
			best.add(hit)
			continue
		}
		sc.all = append(sc.all, hit)
	}
	if v.classifier != nil {
		sc.classify(v.classifier)
		for _, hit := range sc.all {
			hit.class = sc.probability(v.classifier, hit.entry)
			hit.score += classScore(sc.top, hit.class)
			best.add(hit)
		}
	}
	return sc.finish(sh, v, best, limit)
}

// finish looks for passages in the best hits and returns as many as wanted.
func (sc *scratch) finish(sh *shard, v *view, best ranking, limit int) []shardHit {
	sc.passages(sh, v, best.hits[:min(len(best.hits), passageHits)])
	return best.hits[:min(len(best.hits), limit)]
}

// ranking keeps the best of the hits it is given, in order.
type ranking struct {
	hits  []shardHit
	limit int
	least float64 // score below which a hit need not be looked at
}

func newRanking(limit int) ranking {
	limit = max(limit, passageHits)
	return ranking{hits: make([]shardHit, 0, limit+1), limit: limit}
}

func (r *ranking) add(hit shardHit) {
	if hit.score < r.least || len(r.hits) == r.limit && !better(hit, r.hits[r.limit-1]) {
		return
	}
	at, _ := slices.BinarySearchFunc(r.hits, hit, func(a, b shardHit) int {
		if better(a, b) {
			return -1
		}
		return 1
	})
	r.hits = slices.Insert(r.hits, at, hit)
	if len(r.hits) > r.limit {
		r.hits = r.hits[:r.limit]
	}
	if len(r.hits) == r.limit {
		r.least = r.hits[r.limit-1].score
	}
}

// passages raises the scores of pages in which words of the query stand close together, and sorts the hits anew.
func (sc *scratch) passages(sh *shard, v *view, hits []shardHit) {
	if v.long == 0 || len(sc.terms) < 2 {
		return
	}
	if len(sc.wanted) < len(sh.words.start) {
		sc.wanted = make([]uint8, len(sh.words.start))
	}
	for i, t := range sc.terms {
		if t.content {
			sc.wanted[t.id] = uint8(i + 1)
		}
	}
	for i := range hits {
		e := sh.entries[hits[i].entry]
		hits[i].passage = passageWeight * float64(v.long) * sc.passage(sh.texts[e.from:e.to])
		hits[i].score += hits[i].passage
		hits[i].unit += hits[i].passage
	}
	for _, t := range sc.terms {
		sc.wanted[t.id] = 0
	}
	slices.SortFunc(hits, func(a, b shardHit) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.entry, b.entry)) })
}

// passage is the most that the words of the query weigh together in one passage of a text.
func (sc *scratch) passage(text []uint32) float64 {
	var last [MaxQueryWords]int // place of a word's latest occurrence, plus one
	best := 0.0
	for at, word := range text {
		i := sc.wanted[word]
		if i == 0 {
			continue
		}
		last[i-1] = at + 1
		sum := 0.0
		for j, l := range last[:len(sc.terms)] {
			if d := at + 1 - l; l > 0 && d < passageWords {
				sum += sc.terms[j].weight / (1 + passageDecay*float64(d))
			}
		}
		best = max(best, sum)
	}
	return best
}

// classScore is what the classifier adds to the score of an article: classWeight parts of a score as high as the best, where the words and
// grams are the other parts.
func classScore(top, probability float64) float64 {
	return classWeight / (1 - classWeight) * top * probability
}

func better(a, b shardHit) bool { return a.score > b.score || a.score == b.score && a.entry < b.entry }
