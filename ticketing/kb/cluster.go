package kb

import (
	"cmp"
	"math"
	"slices"
)

// Weights of clustering (chosen on questions of support mail; see cluster_test.go).
const (
	// sameMatter is the least cosine at which a question joins a cluster.
	sameMatter = 0.2
	// alike is the least cosine of the means at which a group joins a larger one.
	alike = 0.2
	// clusterRounds is how often groups are joined and questions laid anew.
	clusterRounds = 3
	// rarityPrior keeps what a few questions have in common from counting as a common word: as if so many others had been asked.
	rarityPrior = 20
	// clusterWords is how many words stand for a cluster.
	clusterWords = 5
	// MaxClustered is how many questions Cluster looks at; the rest is left out.
	MaxClustered = 2000
)

// Asked is a question to be clustered.
type Asked struct {
	Text     string
	Language string // of the words' stems; only questions of the same language form a cluster
}

// Group is a cluster of questions about the same matter.
type Group struct {
	Members []int    // indexes of the questions, the most typical first
	Words   []string // what they have in common, as customers wrote it, the most telling first
}

// Cluster groups questions that ask about the same matter, the largest group first; a question that is like no other is a group of its own.
// Questions are vectors of stems weighed by rarity. Each joins the group whose mean it is most like, then all are laid once more against
// the finished groups, so that the order in which they came matters little.
func Cluster(questions []Asked) []Group {
	questions = questions[:min(len(questions), MaxClustered)]
	vectors, surfaces := questionVectors(questions)
	home := make([]int, len(questions))
	groupsOf := newMeans()
	for i, v := range vectors {
		at, _ := groupsOf.nearest(v, sameMatter)
		if at < 0 {
			at = groupsOf.grow()
		}
		home[i] = at
		groupsOf.add(at, v)
	}
	// What came early formed groups before it was known what they would be about: groups that are alike are joined, then all questions are
	// laid against the groups once more.
	for range clusterRounds {
		home = joinAlike(vectors, home)
		groupsOf = laid(vectors, home)
		for i, v := range vectors {
			if at, _ := groupsOf.nearest(v, sameMatter); at >= 0 {
				home[i] = at
			}
		}
	}
	final := laid(vectors, home)
	members := make([][]int, len(final.size))
	near := make([]float64, len(questions))
	for i, k := range home {
		members[k] = append(members[k], i)
		near[i] = final.cosine(k, vectors[i])
	}
	var groups []Group
	for k, list := range members {
		if len(list) == 0 {
			continue
		}
		slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(near[b], near[a]) })
		groups = append(groups, Group{Members: list, Words: final.telling(k, surfaces)})
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return len(b.Members) - len(a.Members) })
	return groups
}

// laid are the groups as the questions lie in them.
func laid(vectors [][]weighed, home []int) *means {
	m := newMeans()
	for i, v := range vectors {
		for home[i] >= len(m.size) {
			m.grow()
		}
		m.add(home[i], v)
	}
	return m
}

// joinAlike lets each group join the larger one that its mean is most like.
func joinAlike(vectors [][]weighed, home []int) []int {
	sums := map[int]map[string]float64{}
	count := map[int]int{}
	for i, v := range vectors {
		at := sums[home[i]]
		if at == nil {
			at = map[string]float64{}
			sums[home[i]] = at
		}
		count[home[i]]++
		for _, x := range v {
			at[x.stem] += x.weight
		}
	}
	order := sortedKeys(sums)
	slices.SortStableFunc(order, func(a, b int) int { return count[b] - count[a] })
	m := newMeans()
	now := map[int]int{}
	for _, k := range order {
		var v []weighed
		var size float64
		for _, s := range sortedKeys(sums[k]) {
			v = append(v, weighed{s, sums[k][s]})
			size += sums[k][s] * sums[k][s]
		}
		unit := make([]weighed, len(v))
		for i, x := range v {
			unit[i] = weighed{x.stem, x.weight / math.Sqrt(size)}
		}
		at, _ := m.nearest(unit, alike)
		if at < 0 {
			at = m.grow()
		}
		m.add(at, v)
		now[k] = at
	}
	out := make([]int, len(home))
	for i, k := range home {
		out[i] = now[k]
	}
	return out
}

// weighed is a stem and its weight; vectors are sorted by stem, so that sums do not depend on the order of a map.
type weighed struct {
	stem   string
	weight float64
}

// means are the sums of the vectors of each group, found by the stems they hold.
type means struct {
	size []float64 // squared length of each sum
	of   map[string]map[int]float64
}

func newMeans() *means { return &means{of: map[string]map[int]float64{}} }

func (m *means) grow() int {
	m.size = append(m.size, 0)
	return len(m.size) - 1
}

func (m *means) add(k int, v []weighed) {
	for _, x := range v {
		at := m.of[x.stem]
		if at == nil {
			at = map[int]float64{}
			m.of[x.stem] = at
		}
		old := at[k]
		at[k] = old + x.weight
		m.size[k] += x.weight * (2*old + x.weight)
	}
}

// nearest is the group most like v, -1 if none is at least so. Of equal ones the first wins.
func (m *means) nearest(v []weighed, least float64) (at int, like float64) {
	dots := map[int]float64{}
	for _, x := range v {
		for k, w := range m.of[x.stem] {
			dots[k] += x.weight * w
		}
	}
	at = -1
	for k, dot := range dots {
		if c := dot / math.Sqrt(m.size[k]); c >= least && (at < 0 || c > like || c == like && k < at) {
			at, like = k, c
		}
	}
	return at, like
}

func (m *means) cosine(k int, v []weighed) float64 {
	var dot float64
	for _, x := range v {
		dot += x.weight * m.of[x.stem][k]
	}
	if m.size[k] == 0 {
		return 0
	}
	return dot / math.Sqrt(m.size[k])
}

// telling are the words that weigh most in a group.
func (m *means) telling(k int, surfaces map[string]string) []string {
	var all []weighed
	for s, at := range m.of {
		if w := at[k]; w > 0 {
			all = append(all, weighed{s, w})
		}
	}
	slices.SortFunc(all, func(a, b weighed) int { return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.stem, b.stem)) })
	var out []string
	for _, x := range all[:min(len(all), clusterWords)] {
		out = append(out, surfaces[x.stem])
	}
	return out
}

// questionVectors weighs the stems of each question by rarity, stop words left out, and notes how each stem is mostly written.
func questionVectors(questions []Asked) ([][]weighed, map[string]string) {
	var fold folder
	counts := make([]map[string]float64, len(questions))
	df := map[string]float64{}
	written := map[string]map[string]int{}
	for i, q := range questions {
		counts[i] = map[string]float64{}
		text := q.Text[:min(len(q.Text), MaxQueryBytes)]
		fold.words(text, func(w []byte) {
			word := string(w)
			if len(word) < 2 || stopWord(q.Language, word) {
				return
			}
			s := q.Language + "/" + stem(q.Language, word)
			if counts[i][s]++; counts[i][s] == 1 {
				df[s]++
			}
			if written[s] == nil {
				written[s] = map[string]int{}
			}
			written[s][word]++
		})
	}
	n := float64(len(questions))
	vectors := make([][]weighed, len(questions))
	for i, c := range counts {
		var sum float64
		for _, s := range sortedKeys(c) {
			w := (1 + math.Log(c[s])) * math.Log(1+(n+rarityPrior)/(df[s]+1))
			vectors[i] = append(vectors[i], weighed{s, w})
			sum += w * w
		}
		for k := range vectors[i] {
			vectors[i][k].weight /= math.Sqrt(sum)
		}
	}
	surfaces := map[string]string{}
	for s, forms := range written {
		best := ""
		for w, n := range forms {
			if best == "" || n > forms[best] || n == forms[best] && w < best {
				best = w
			}
		}
		surfaces[s] = best
	}
	return vectors, surfaces
}
