package kb

import (
	"hash/maphash"
	"maps"
	"math"
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// maxUpdates is how often an index is made from the one before it. Words that no article holds any more are only forgotten when it is
// built from nothing.
const maxUpdates = 200

// seed of the fingerprints, which are compared within one process only.
var seed = maphash.MakeSeed()

// Update builds the index that New would build of the same articles and questions, and takes over from ix what did not change: only new and
// changed texts are read, folded and stemmed. Models and vectors are not taken over.
func (ix *Index) Update(articles []ticketing.Article, learnt []Question) *Index {
	old := make(map[string]*shard, len(ix.shards))
	for _, sh := range ix.shards {
		if sh.updates < maxUpdates {
			old[sh.language] = sh
		}
	}
	return build(articles, learnt, old)
}

// pageHash is the fingerprint of everything that the index makes of an article.
func pageHash(a ticketing.Article) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, s := range []string{a.Slug, a.Title, a.Summary, a.Product, a.Module, a.Body, strings.Join(a.Tags, "\n")} {
		_, _ = h.WriteString(s) // never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// earlier is the shard before, opened so that the postings of a document can be taken.
type earlier struct {
	*shard
	pages        map[string]uint32    // ID of an article → its document
	questions    map[[2]string]uint32 // IDs of an article and a question → the question's document
	words, grams forward
}

// forward holds the postings of each document one after the other: those of document d are all[start[d]:start[d+1]].
type forward struct {
	start []uint32
	all   []held
}

type held struct {
	term uint32
	posting
}

func newForward(l *lists, docs int) forward {
	f := forward{start: make([]uint32, docs+1), all: make([]held, len(l.all))}
	for _, p := range l.all {
		f.start[p.doc+1]++
	}
	for d := range docs {
		f.start[d+1] += f.start[d]
	}
	at := append([]uint32(nil), f.start...)
	for term := range len(l.start) - 1 {
		for _, p := range l.of(uint32(term)) {
			f.all[at[p.doc]] = held{uint32(term), p}
			at[p.doc]++
		}
	}
	return f
}

func newEarlier(sh *shard) *earlier {
	e := &earlier{shard: sh, pages: make(map[string]uint32, len(sh.entries)), questions: map[[2]string]uint32{}, words: newForward(&sh.words, len(sh.docs)), grams: newForward(&sh.grams, len(sh.docs))}
	for i, d := range sh.docs {
		id := sh.entries[d.entry].id
		if d.learnt {
			e.questions[[2]string{id, d.question}] = uint32(i)
		} else {
			e.pages[id] = uint32(i)
		}
	}
	return e
}

// resume lets a builder go on with the words and grams of the shard before.
func (b *builder) resume(sh *shard) {
	b.old = newEarlier(sh)
	b.updates = sh.updates + 1
	b.stems, b.surfaces, b.gramIDs = maps.Clone(sh.stems), maps.Clone(sh.surfaces), maps.Clone(sh.gramIDs)
	b.wordLists, b.gramLists = room(&sh.words), room(&sh.grams)
}

// room makes empty lists that take as many postings as those before without growing.
func room(l *lists) [][]posting {
	n := len(l.start) - 1
	all := make([]posting, len(l.all))
	out := make([][]posting, n)
	for t := range n {
		from, to := l.start[t], l.start[t+1]
		out[t] = all[from:from:to]
	}
	return out
}

// takePage takes an unchanged article's page over; false if there is none.
func (b *builder) takePage(a ticketing.Article, hash uint64) bool {
	if b.old == nil {
		return false
	}
	at, ok := b.old.pages[a.ID]
	if !ok || b.old.docs[at].hash != hash {
		return false
	}
	was := b.old.entries[b.old.docs[at].entry]
	e := was
	e.from = uint32(len(b.texts))
	b.texts = append(b.texts, b.old.texts[was.from:was.to]...)
	e.to = uint32(len(b.texts))
	b.entries = append(b.entries, e)
	b.take(at)
	return true
}

// takeQuestion takes an unchanged learnt question over; false if there is none.
func (b *builder) takeQuestion(a ticketing.Article, q Question, hash uint64) bool {
	if b.old == nil {
		return false
	}
	at, ok := b.old.questions[[2]string{a.ID, q.ID}]
	if !ok || b.old.docs[at].hash != hash {
		return false
	}
	b.take(at)
	return true
}

// take takes a document of the shard before over as one of the last entry.
func (b *builder) take(at uint32) {
	doc := b.old.docs[at]
	doc.entry, doc.first = uint32(len(b.entries)-1), uint32(len(b.features))
	b.features = append(b.features, b.old.questionFeatures(at)...)
	now := uint32(len(b.docs))
	b.docs = append(b.docs, doc)
	for _, h := range b.old.words.all[b.old.words.start[at]:b.old.words.start[at+1]] {
		h.doc = now
		b.wordLists[h.term] = append(b.wordLists[h.term], h.posting)
	}
	for _, h := range b.old.grams.all[b.old.grams.start[at]:b.old.grams.start[at+1]] {
		h.doc = now
		b.gramLists[h.term] = append(b.gramLists[h.term], h.posting)
	}
}

// questionHash is the fingerprint of everything that the index makes of a learnt question.
func questionHash(q Question) uint64 {
	return maphash.String(seed, q.Text) ^ uint64(math.Float32bits(q.weight()))
}
