package kb

import (
	"cmp"
	"math"
	"slices"
)

const (
	// vectorWeight is the part of the cosine in the score of an article when the query has a vector; its words have the rest. Both are
	// shares of what they could reach at most. Measured with a toy embedder, see the package's doc.
	vectorWeight = 0.2

	// vectorDepth is how many articles the words and the cosine nominate each.
	vectorDepth = 200
)

// vectors are the embeddings of the articles of a shard, of length 1, by entry; nil for an article that has none.
type vectors [][]float32

// WithVectors returns an index over the same articles that also ranks by likeness of meaning, where a query brings a vector of its own:
// embeddings of articles by ID, all made by the same embedder. An article without one is found by its words alone. The vectors are copied.
func (ix *Index) WithVectors(byArticle map[string][]float32) *Index {
	out := &Index{shards: ix.shards, pages: ix.pages, model: ix.model, vectors: make([]vectors, len(ix.shards))}
	for i, sh := range ix.shards {
		out.vectors[i] = make(vectors, len(sh.entries))
		for j, e := range sh.entries {
			out.vectors[i][j] = unit(byArticle[e.id])
		}
	}
	return out
}

// unit is a copy of a vector with length 1; nil if it has no direction.
func unit(v []float32) []float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil
	}
	length := float32(math.Sqrt(sum))
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = x / length
	}
	return out
}

// meaning joins the hits found by words, whose scores reach at most attainable, with the articles of the scope whose vectors are most like
// the query's. The scores of its hits are shares, 0..1.
func (vs vectors) meaning(sh *shard, v *view, query []float32, hits []shardHit, attainable float64, limit int) []shardHit {
	query = unit(query)
	cosine := func(entry uint32) float64 {
		a := vs[entry]
		if len(a) != len(query) {
			return 0
		}
		var sum float32
		for i, x := range query {
			sum += x * a[i]
		}
		return max(0, min(1, float64(sum)))
	}
	found := make(map[uint32]bool, len(hits))
	out := make([]shardHit, 0, len(hits)+vectorDepth)
	for _, h := range hits {
		found[h.entry] = true
		h.score = (1-vectorWeight)*h.score/max(attainable, math.SmallestNonzeroFloat64) + vectorWeight*cosine(h.entry)
		out = append(out, h)
	}
	nominated := newRanking(vectorDepth)
	for _, r := range v.ranges {
		for _, d := range sh.docs[r.from:r.to] {
			if d.learnt || found[d.entry] {
				continue
			}
			if s := vectorWeight * cosine(d.entry); s > 0 {
				nominated.add(shardHit{entry: d.entry, score: s})
			}
		}
	}
	out = append(out, nominated.hits...)
	slices.SortFunc(out, func(a, b shardHit) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.entry, b.entry)) })
	return out[:min(len(out), limit)]
}
