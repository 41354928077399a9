package kb

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/sportello/sportello/ticketing"
)

// The parts of a document that are weighted on their own. A learnt question has one, a page has the others.
const (
	fieldTitle = iota
	fieldTags
	fieldBody
	fieldQuestion
	fieldLead // the first words of the body once more
	fieldCount
)

const (
	leadWords = 40   // words of the lead
	gramLead  = 30   // first words of the body whose grams serve a page without a title
	textWords = 4096 // words of a page in which passages are looked for
)

// Question is a question of a customer and the article that answered it.
type Question struct {
	ID      string
	Article string // ID of the article; a question whose article is not in the index is left out
	Text    string
	// Weight is how much the question speaks for its article, -1..1; what lies beyond counts as the bound, 0 counts as 1. An agent's link
	// is 1, a customer's "this solved it" 0.5, and "not helpful" negative: it speaks against the article for questions like it.
	Weight float64
}

// weight is the weight that counts, -1..1 and not 0.
func (q Question) weight() float32 {
	if q.Weight == 0 || math.IsNaN(q.Weight) {
		return 1
	}
	return float32(max(-1, min(1, q.Weight)))
}

// Index finds articles. It never changes once it is made, so any number of goroutines may search it, and its owner replaces it by storing
// a new one in an atomic pointer.
type Index struct {
	shards  []*shard // a language each, in the order of their codes
	pages   int
	model   Model
	vectors []vectors // of the shards; nil: words alone
	scratch sync.Pool // *scratch
}

// shard is the index of one language. Documents, which are pages and learnt questions, are sorted by their scope, so that what a person
// may see is a few ranges of document numbers and nothing outside of them is ever read.
type shard struct {
	language string
	scopes   []scope
	docs     []document
	entries  []entry
	stems    map[string]uint32 // stem → number of its list
	surfaces map[string]uint32 // folded word as it stands in the texts → the same number
	words    lists
	gramIDs  map[uint64]uint32
	grams    lists
	texts    []uint32 // words of the pages in their order, at most textWords each
	features []uint32 // words and grams (gramFeature) of the learnt questions, each once a question, in their order in it

	updates int // how often it was made from the one before, since it was built from nothing

	mu    sync.Mutex
	views map[string]*view
}

// scope is a run of documents with the same audience and product line.
type scope struct {
	audience, line string
	from, to       uint32 // documents from ≤ d < to
}

type document struct {
	entry    uint32 // its article
	learnt   bool
	weight   float32            // of a learnt question, -1..1; 1 of a page
	question string             // ID of a learnt question
	lengths  [fieldCount]uint16 // words
	grams    uint16
	hash     uint64 // fingerprint of its text, for Update
	first    uint32 // place of its first feature in shard.features; those of the next document begin where its own end
}

type entry struct {
	id, slug, title, summary string
	from, to                 uint32 // its words in shard.texts
}

// posting says how often a term stands in a document. For a learnt question title holds the count of its only field.
type posting struct {
	doc                     uint32
	title, tags, body, lead uint8
}

// lists holds the postings of all terms one after the other: those of term t are all[start[t]:start[t+1]], sorted by document.
type lists struct {
	start []uint32
	all   []posting
}

func (l *lists) of(term uint32) []posting { return l.all[l.start[term]:l.start[term+1]] }

// New builds an index of the published articles among those given, and of the questions learnt for them. Drafts are left out.
// An article without an ID is known by its slug.
func New(articles []ticketing.Article, learnt []Question) *Index { return build(articles, learnt, nil) }

// build is New and Update: old are the shards to take over from, by language.
func build(articles []ticketing.Article, learnt []Question, old map[string]*shard) *Index {
	byLanguage := make(map[string][]ticketing.Article)
	for _, a := range articles {
		if a.Published.IsZero() {
			continue
		}
		if a.ID == "" {
			a.ID = a.Slug
		}
		byLanguage[a.Language] = append(byLanguage[a.Language], a)
	}
	questions := make(map[string][]Question)
	for _, q := range learnt {
		questions[q.Article] = append(questions[q.Article], q)
	}
	ix := &Index{model: ShippedModel()}
	for _, language := range sortedKeys(byLanguage) {
		sh := newShard(language, byLanguage[language], questions, old[language])
		ix.pages += len(sh.entries)
		ix.shards = append(ix.shards, sh)
	}
	return ix
}

// WithModel returns an index over the same articles that reckons its confidence by a model of the installation's own.
func (ix *Index) WithModel(m Model) *Index {
	return &Index{shards: ix.shards, pages: ix.pages, model: m, vectors: ix.vectors}
}

// Len is the number of articles that can be found.
func (ix *Index) Len() int { return ix.pages }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// articleAudience makes an unknown audience the narrowest.
func articleAudience(a string) string {
	if a == ticketing.AudienceCustomers || a == ticketing.AudienceResellers {
		return a
	}
	return ticketing.AudienceAgents
}

// builder collects the postings of a shard.
type builder struct {
	*shard
	fold      folder
	wordLists [][]posting
	gramLists [][]posting
	counts    map[uint32]*posting // of the document at hand
	gramSet   map[uint32]uint8
	old       *earlier // what unchanged documents are taken from; nil: everything is read
}

func newShard(language string, articles []ticketing.Article, questions map[string][]Question, old *shard) *shard {
	slices.SortStableFunc(articles, func(a, b ticketing.Article) int {
		return cmp.Or(strings.Compare(articleAudience(a.Audience), articleAudience(b.Audience)), strings.Compare(a.Line, b.Line))
	})
	b := &builder{
		shard: &shard{
			language: language, stems: make(map[string]uint32), surfaces: make(map[string]uint32), gramIDs: make(map[uint64]uint32),
			views: make(map[string]*view),
		},
		counts: make(map[uint32]*posting), gramSet: make(map[uint32]uint8),
	}
	if old != nil {
		b.resume(old)
	}
	for _, a := range articles {
		b.article(a, questions[a.ID])
	}
	b.words, b.wordLists = flatten(b.wordLists), nil
	b.grams, b.gramLists = flatten(b.gramLists), nil
	return b.shard
}

func flatten(in [][]posting) lists {
	n := 0
	for _, l := range in {
		n += len(l)
	}
	out := lists{start: make([]uint32, 1, len(in)+1), all: make([]posting, 0, n)}
	for _, l := range in {
		out.all = append(out.all, l...)
		out.start = append(out.start, uint32(len(out.all)))
	}
	return out
}

func (b *builder) article(a ticketing.Article, questions []Question) {
	audience := articleAudience(a.Audience)
	if n := len(b.scopes); n == 0 || b.scopes[n-1].audience != audience || b.scopes[n-1].line != a.Line {
		b.scopes = append(b.scopes, scope{audience: audience, line: a.Line, from: uint32(len(b.docs)), to: uint32(len(b.docs))})
	}
	if hash := pageHash(a); !b.takePage(a, hash) {
		b.page(a, hash)
	}
	for _, q := range questions {
		hash := questionHash(q)
		if b.takeQuestion(a, q, hash) {
			continue
		}
		doc := document{entry: uint32(len(b.entries) - 1), learnt: true, weight: q.weight(), question: q.ID, hash: hash, first: uint32(len(b.features))}
		b.field(&doc, fieldQuestion, q.Text, math.MaxInt)
		b.commit(doc)
	}
	b.scopes[len(b.scopes)-1].to = uint32(len(b.docs))
}

// page reads an article's page.
func (b *builder) page(a ticketing.Article, hash uint64) {
	text := PlainText(a.Body)
	summary := a.Summary
	if summary == "" {
		summary = Summary(text)
	}
	b.entries = append(b.entries, entry{id: a.ID, slug: a.Slug, title: a.Title, summary: summary, from: uint32(len(b.texts))})
	doc := document{entry: uint32(len(b.entries) - 1), weight: 1, hash: hash, first: uint32(len(b.features))}
	b.field(&doc, fieldTitle, a.Title, math.MaxInt)
	tags := strings.Join(a.Tags, "\n") + "\n" + a.Product + "\n" + a.Module
	b.field(&doc, fieldTags, tags, math.MaxInt)
	withGrams := 0
	if doc.lengths[fieldTitle] == 0 {
		withGrams = gramLead
	}
	b.field(&doc, fieldBody, text, withGrams)
	b.entries[doc.entry].to = uint32(len(b.texts))
	b.commit(doc)
}

// field counts the words of one part of the document at hand, and the grams of so many words at its beginning.
func (b *builder) field(doc *document, field int, text string, withGrams int) {
	nth := 0
	b.fold.words(text, func(w []byte) {
		term, ok := b.surfaces[string(w)]
		if !ok {
			word := string(w)
			s := stem(b.language, word)
			if term, ok = b.stems[s]; !ok {
				term = uint32(len(b.wordLists))
				b.stems[s] = term
				b.wordLists = append(b.wordLists, nil)
			}
			b.surfaces[word] = term
		}
		p := b.counts[term]
		if p == nil {
			p = &posting{}
			b.counts[term] = p
			if field == fieldQuestion {
				b.features = append(b.features, term)
			}
		}
		switch field {
		case fieldTitle, fieldQuestion:
			p.title = increased(p.title)
		case fieldTags:
			p.tags = increased(p.tags)
		default:
			p.body = increased(p.body)
			if nth < leadWords {
				p.lead = increased(p.lead)
				doc.lengths[fieldLead]++
			}
		}
		if from := b.entries[doc.entry].from; (field == fieldTitle || field == fieldBody) && len(b.texts)-int(from) < textWords {
			b.texts = append(b.texts, term)
		}
		doc.lengths[field] = increased(doc.lengths[field])
		if nth++; nth <= withGrams {
			grams(w, func(g uint64) {
				id, ok := b.gramIDs[g]
				if !ok {
					id = uint32(len(b.gramLists))
					b.gramIDs[g] = id
					b.gramLists = append(b.gramLists, nil)
				}
				if field == fieldQuestion && b.gramSet[id] == 0 {
					b.features = append(b.features, id|gramFeature)
				}
				b.gramSet[id] = increased(b.gramSet[id])
				doc.grams = increased(doc.grams)
			})
		}
	})
}

// commit ends the document at hand.
func (b *builder) commit(doc document) {
	at := uint32(len(b.docs))
	b.docs = append(b.docs, doc)
	for term, p := range b.counts {
		p.doc = at
		b.wordLists[term] = append(b.wordLists[term], *p)
	}
	clear(b.counts)
	for gram, n := range b.gramSet {
		b.gramLists[gram] = append(b.gramLists[gram], posting{doc: at, title: n})
	}
	clear(b.gramSet)
}

// increased adds one and stays at the highest value of the type.
func increased[T uint8 | uint16](n T) T {
	if n+1 == 0 {
		return n
	}
	return n + 1
}
