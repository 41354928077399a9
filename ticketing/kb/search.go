package kb

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/sportello/sportello/ticketing"
)

// Weights of the ranking (measured; see the package's doc).
const (
	k1 = 1.2 // how soon repetitions of a word stop to count
	b  = 0.5 // how much longer fields are held back

	// longest bounds how much a long field is held back, in average lengths: a page of reference is no worse for having many entries.
	longest = 5.0

	titleWeight = 3.0

	// A stop word of the query weighs stopWeight, and moreStop more where stopQuestions or more questions an article are learnt: among so
	// many, "how do I" tells one kind of question from another, with less it is chance.
	stopWeight    = 0.25
	moreStop      = 0.25
	stopQuestions = 5

	// Long pages need more care than those of a few sentences. By average words of a body, from none at shortPages to all of it at
	// longPages: repetitions of a word count longer (k1 grows by longK1) and length less (b of the body falls by longB), the lead of a page
	// counts again, a word's share of its weight comes to titleAlone from the title alone, and words of the query that stand close together
	// in one of the best candidates earn passageWeight of what they weigh.
	shortPages, longPages = 60, 120
	longK1                = 0.8
	longB                 = 0.1
	leadWeight            = 1.0
	titleAlone            = 0.1
	passageWeight         = 0.6
	passageWords          = 40   // length of a passage
	passageDecay          = 0.05 // a word d words before the end of the passage counts 1/(1+d·passageDecay)
	passageHits           = 20   // pages in which passages are looked for

	// gramWeight is what the grams of a word weigh together, as a share of the word's own weight. Spread over the grams, so that a long
	// word is not found six times.
	gramWeight    = 0.4
	gramK1        = 0.6
	maxCommonGram = 0.2 // grams in a larger share of the documents are dropped

	// The score of an article is that of its page, plus that of its best learnt question, plus questionDecay times that of the next, and
	// so on for bestQuestions of them.
	questionDecay = 0.7
	bestQuestions = 8

	// maxAgainst is the largest share of an article's score that "not helpful" can take away: customers who vote lower an article, they do
	// not hide it.
	maxAgainst = 0.5
)

// Limits of a query. A letter of 2,000 words costs no more than a sentence because only its rarest words and grams are looked at.
const (
	MaxQueryWords  = 24
	MaxQueryGrams  = 64
	MaxQueryBytes  = 64 << 10 // the rest of a longer text is not read
	MaxHits        = 100
	DefaultHits    = 10
	maxDistinct    = 4096 // distinct words of a query
	subjectWeight  = 2    // a word of the subject counts as often
	maxOccurrences = 3    // repetitions of a word in a query count up to this
	OfferSize      = 3    // articles of an offer; confidence speaks about them
)

// Query is a question and who asks it. Its scope is part of it: articles outside are never read, not even for the statistics of words.
type Query struct {
	Subject string
	Text    string // visible text only: no quote, signature or disclaimer
	// Language limits the search to articles of a language, "it"; empty searches all.
	Language string
	// Audience is who asks: ticketing.AudienceCustomers (also when empty or unknown), AudienceResellers or AudienceAgents.
	Audience string
	// Lines limits the search to product lines and to articles without one; empty searches all.
	Lines []string
	// Vector is what an embedder made of the text; empty: words alone. It counts only in an index that has vectors (Index.WithVectors) of
	// the same length.
	Vector []float32
	// Limit is the most hits wanted, 1..MaxHits; 0 means DefaultHits.
	Limit int
}

// Result is what was found, best first. Hits of equal score keep the order of the index.
type Result struct {
	Hits []ticketing.Hit
	// Confidence is the probability, 0..1, that one of the first three hits answers the question. See Model.
	Confidence float64
	// Features is what the confidence was reckoned from, kept for the nightly refit.
	Features Features
}

// Offer reports whether the result may be offered to a customer: there is a hit and the confidence reaches the threshold.
// A threshold of 0 means the shipped one.
func (r Result) Offer(threshold float64) bool {
	if threshold <= 0 {
		threshold = DefaultThreshold
	}
	return len(r.Hits) > 0 && r.Confidence >= threshold
}

// view is what one scope looks like: the ranges of its documents and their statistics. It depends on nothing outside of the scope.
type view struct {
	ranges     []scope
	whole      bool    // the ranges hold every document
	docs       float64 // pages and learnt questions
	pages      float64
	long       float32   // how long its pages are, 0 for short ones to 1
	stop       float64   // what a stop word of a query weighs, 0..1
	damping    []damping // a document each; zero outside of the ranges
	trained    sync.Once
	classifier *classifier // nil: too little was learnt
}

// damping is 1/(1-b+b·length/average) of a document's fields and of its grams. It lies together because most are read at once.
type damping struct {
	fields [fieldCount]float32
	grams  float32
}

// maxViews bounds the remembered scopes of a shard; beyond it they are forgotten and made anew.
const maxViews = 64

// view returns the view of a query's scope.
func (sh *shard) view(q Query) *view {
	audiences := []string{ticketing.AudienceCustomers}
	switch q.Audience {
	case ticketing.AudienceResellers:
		audiences = append(audiences, ticketing.AudienceResellers)
	case ticketing.AudienceAgents:
		audiences = append(audiences, ticketing.AudienceResellers, ticketing.AudienceAgents)
	}
	var ranges []scope
	var key strings.Builder
	for _, s := range sh.scopes {
		if !slices.Contains(audiences, s.audience) || len(q.Lines) > 0 && s.line != "" && !slices.Contains(q.Lines, s.line) {
			key.WriteByte('0')
			continue
		}
		key.WriteByte('1')
		if n := len(ranges); n > 0 && ranges[n-1].to == s.from {
			ranges[n-1].to = s.to
		} else {
			ranges = append(ranges, s)
		}
	}
	v := sh.remembered(key.String(), ranges)
	v.trained.Do(func() { v.classifier = sh.train(v) })
	return v
}

func (sh *shard) remembered(key string, ranges []scope) *view {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if v := sh.views[key]; v != nil {
		return v
	}
	if len(sh.views) >= maxViews {
		clear(sh.views)
	}
	v := sh.newView(ranges)
	sh.views[key] = v
	return v
}

func (sh *shard) newView(ranges []scope) *view {
	v := &view{ranges: ranges}
	var sum, with [fieldCount]float64
	var gramSum, gramWith float64
	for _, r := range ranges {
		for _, d := range sh.docs[r.from:r.to] {
			v.docs++
			if !d.learnt {
				v.pages++
			}
			for f, n := range d.lengths {
				if n > 0 {
					sum[f] += float64(n)
					with[f]++
				}
			}
			if d.grams > 0 {
				gramSum += float64(d.grams)
				gramWith++
			}
		}
	}
	v.long = float32(max(0, min(1, (sum[fieldBody]/max(1, with[fieldBody])-shortPages)/(longPages-shortPages))))
	v.stop = stopWeight + moreStop*min(1, (v.docs-v.pages)/(stopQuestions*max(1, v.pages)))
	v.whole = int(v.docs) == len(sh.docs)
	v.damping = make([]damping, len(sh.docs))
	for _, r := range ranges {
		for i := r.from; i < r.to; i++ {
			for f, n := range sh.docs[i].lengths {
				b := b
				if f == fieldBody {
					b -= longB * float64(v.long)
				}
				if n > 0 {
					v.damping[i].fields[f] = float32(1 / (1 - b + b*min(longest, float64(n)*with[f]/sum[f])))
				}
			}
			if n := sh.docs[i].grams; n > 0 {
				v.damping[i].grams = float32(1 / (1 - b + b*min(longest, float64(n)*gramWith/gramSum)))
			}
		}
	}
	return v
}

// within calls yield with the postings of a list that lie in the scope and returns how many they are.
func (v *view) within(list []posting, yield func([]posting)) int {
	if v.whole {
		if yield != nil && len(list) > 0 {
			yield(list)
		}
		return len(list)
	}
	n := 0
	for _, r := range v.ranges {
		from, _ := slices.BinarySearchFunc(list, r.from, comparePosting)
		to, _ := slices.BinarySearchFunc(list[from:], r.to, comparePosting)
		n += to
		if yield != nil && to > 0 {
			yield(list[from : from+to])
		}
	}
	return n
}

func comparePosting(p posting, doc uint32) int { return cmp.Compare(p.doc, doc) }

func idf(docs, df float64) float64 { return math.Log(1 + (docs-df+0.5)/(df+0.5)) }

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

// scratch is the memory of one search, used again by later ones.
type scratch struct {
	fold    folder
	letters []byte
	asked   []asked
	places  map[string]int // word → place in asked
	byTerm  map[uint32]int // number of list → place in terms
	gramSet map[uint32]struct{}
	terms   []term
	grams   []term
	spelt   []term    // words whose grams are looked up
	unknown []float64 // weights of words that the scope does not know
	scores  []float32
	touched []uint32
	best    []float32 // bestQuestions a document's article
	against []float32 // what questions of negative weight take from an article
	pages   []uint32
	all     []shardHit
	totals  []float32
	wanted  []uint8   // word → place in terms, plus one
	top     float64   // best score of an article without the classifier
	odds    []float32 // a class of the classifier each
}

// found is the outcome in one shard.
type found struct {
	shard      *shard
	hits       []shardHit
	attainable float64 // highest score an article could get
	content    int     // words of the query that are no stop words
	features   Features
}

type shardHit struct {
	entry   uint32
	score   float64 // all units of the article together
	unit    float64 // its best unit alone: the page or a learnt question
	passage float64 // what words close together add to it
	class   float64 // what the classifier says, 0..1
}

// Search ranks the articles in the query's scope.
func (ix *Index) Search(q Query) Result {
	limit := q.Limit
	if limit <= 0 {
		limit = DefaultHits
	}
	limit = min(limit, MaxHits)
	sc := ix.borrow()
	defer ix.scratch.Put(sc)
	sc.ask(q)

	var result Result
	best, content := -1.0, 0
	for i, sh := range ix.shards {
		if q.Language != "" && sh.language != q.Language {
			continue
		}
		var f found
		if len(q.Vector) > 0 && ix.vectors != nil {
			f = sh.search(q, sc, vectorDepth)
			f.hits = ix.vectors[i].meaning(sh, sh.view(q), q.Vector, f.hits, f.attainable, limit)
			f.attainable = 1
		} else {
			f = sh.search(q, sc, max(limit, featureDepth))
		}
		if len(f.hits) == 0 {
			continue
		}
		if f.features.Share > best {
			best = f.features.Share
			result.Features = f.features
			content = f.content
		}
		for _, h := range f.hits[:min(limit, len(f.hits))] {
			e := sh.entries[h.entry]
			result.Hits = append(result.Hits, ticketing.Hit{
				ID: e.id, Slug: e.slug, Language: sh.language, Title: e.title, Summary: e.summary, Score: h.score / f.attainable,
			})
		}
	}
	slices.SortStableFunc(result.Hits, func(a, b ticketing.Hit) int { return cmp.Compare(b.Score, a.Score) })
	if len(result.Hits) > limit {
		result.Hits = result.Hits[:limit]
	}
	if len(result.Hits) > 0 && content > 0 { // a question of stop words alone ("thank you very much") asks nothing
		result.Confidence = ix.model.Probability(result.Features)
	}
	return result
}

// borrow takes the memory of an earlier search or makes one.
func (ix *Index) borrow() *scratch {
	if sc, ok := ix.scratch.Get().(*scratch); ok {
		return sc
	}
	return &scratch{places: make(map[string]int), byTerm: make(map[uint32]int), gramSet: make(map[uint32]struct{})}
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

func (sh *shard) search(q Query, sc *scratch, limit int) found {
	v := sh.view(q)
	out := found{shard: sh}
	if v.docs == 0 || len(sc.asked) == 0 {
		return out
	}
	words := sh.lookUp(v, sc)
	sc.score(sh, v)
	out.content = words.content
	out.hits = sc.fuse(sh, v, limit)
	out.attainable = words.attainable * v.fusion()
	if len(out.hits) > 0 {
		out.features = newFeatures(out.hits, words, v.classifier != nil)
	}
	return out
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

// word is the share, 0..1, of a word's weight that a document earns. A learnt question weighs like a body.
func (v *view) word(p posting) float32 {
	n := &v.damping[p.doc].fields
	all := float32(p.body)*n[fieldBody] + v.long*leadWeight*float32(p.lead)*n[fieldLead]
	k1 := k1 + longK1*v.long
	alone := titleAlone * v.long
	if p.title|p.tags == 0 { // most are
		return (1 - alone) * all / (k1 + all)
	}
	title := float32(p.title)*(titleWeight*n[fieldTitle]+n[fieldQuestion]) + float32(p.tags)*n[fieldTags]
	all += title
	return (1-alone)*all/(k1+all) + alone*title/(k1+title)
}

// gram is the share, 0..1, of a gram's weight that a document earns.
func (v *view) gram(p posting) float32 {
	tf := float32(p.title) * v.damping[p.doc].grams
	return tf / (gramK1 + tf)
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

// fusion is the highest that the scores of an article's units can add up to when each of them is 1.
func (v *view) fusion() float64 {
	if v.docs == v.pages {
		return 1
	}
	sum, decay := 1.0, 1.0
	for range bestQuestions {
		sum += decay
		decay *= questionDecay
	}
	if v.classifier != nil {
		sum /= 1 - classWeight
	}
	return sum
}

func better(a, b shardHit) bool { return a.score > b.score || a.score == b.score && a.entry < b.entry }
