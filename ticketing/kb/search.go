package kb

import (
	"cmp"
	"slices"

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
