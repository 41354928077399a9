package kb

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/sportello/sportello/ticketing"
)

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
