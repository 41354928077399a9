package kb

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Weights of the classifier (measured; see the package's doc).
const (
	// minClassified is the least number of learnt questions in a scope from which a classifier is trained on them.
	minClassified = 100

	classWeight   = 0.55 // of the classifier in the score of an article
	classGram     = 0.4  // of a gram beside a word
	classPasses   = 2    // over the questions
	classRate     = 0.8  // how far a step goes
	classSmallest = 3e-3 // an error below is not worth a step

	// A feature that stands in at least commonFeature questions and in one of every commonShare articles may speak for or against any
	// article, a rarer one only about articles whose questions hold it. That bounds memory and time by the length of the questions.
	commonFeature = 8
	commonShare   = 16
)

// gramFeature marks the number of a gram among those of words.
const gramFeature = 1 << 31

// classifier tells the articles of one scope apart by the words and grams of the questions learnt for them: a logistic regression each,
// of its own questions against those of all other articles in the scope. Nothing outside of the scope has a part in it.
type classifier struct {
	classes []uint32 // class of an entry, plus one; 0: nothing was learnt for it
	words   []uint32 // row of a word, plus one; 0: it stands in no learnt question
	grams   []uint32 // the same of a gram; droppedGram if it is too common
	start   []uint32 // the weights of row r are weights[start[r]:start[r+1]]
	weights []classed
	bias    []float32 // a class each
}

const droppedGram = math.MaxUint32

// classed is what a feature says about a class.
type classed struct {
	class  uint32
	weight float32
}

// questionFeatures are the words and grams of a learnt question.
func (sh *shard) questionFeatures(doc uint32) []uint32 {
	end := uint32(len(sh.features))
	if int(doc)+1 < len(sh.docs) {
		end = sh.docs[doc+1].first
	}
	return sh.features[sh.docs[doc].first:end]
}

// training is a classifier while it is made.
type training struct {
	*classifier
	docs   []uint32  // learnt questions
	values []float32 // of a row
	rows   []uint32  // of the questions, one after the other
	from   []uint32  // place of a question's first row

	squares     []float32 // sum of the squared steps of a weight, which shortens later ones (AdaGrad)
	biasSquares []float32
	z, steps    []float32 // a class each
	seen        []uint32  // classes that a question touches
	touched     []bool
}

// train makes the classifier of a scope, nil if too little was learnt in it. It is the same for the same articles and questions in the same
// order, whatever else the index holds: rows and classes are numbered as they come up, and the order of the steps is drawn from a fixed seed.
func (sh *shard) train(v *view) *classifier {
	t := &training{classifier: &classifier{}}
	for _, r := range v.ranges {
		for d := r.from; d < r.to; d++ {
			if sh.docs[d].learnt {
				t.docs = append(t.docs, d)
			}
		}
	}
	if len(t.docs) < minClassified {
		return nil
	}
	positives := t.collect(sh, v)
	t.support(sh, positives)
	n := len(positives)
	t.squares, t.biasSquares = make([]float32, len(t.weights)), make([]float32, n)
	t.z, t.steps, t.touched = make([]float32, n), make([]float32, n), make([]bool, n)
	order := make([]int, len(t.docs))
	for i := range order {
		order[i] = i
	}
	rnd := rand.New(rand.NewPCG(0, 0))
	for range classPasses {
		rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			d := sh.docs[t.docs[i]]
			t.step(t.rows[t.from[i]:t.from[i+1]], t.classes[d.entry]-1, d.weight)
		}
	}
	return t.classifier
}

// collect numbers the classes and the features and returns how many questions speak for each class.
func (t *training) collect(sh *shard, v *view) []float64 {
	t.classes = make([]uint32, len(sh.entries))
	t.words, t.grams = make([]uint32, len(sh.words.start)-1), make([]uint32, len(sh.grams.start)-1)
	var positives []float64
	row := func(value float64) uint32 {
		t.values = append(t.values, float32(value))
		return uint32(len(t.values))
	}
	for _, d := range t.docs {
		e := sh.docs[d].entry
		if t.classes[e] == 0 {
			positives = append(positives, 0)
			t.classes[e] = uint32(len(positives))
		}
		if sh.docs[d].weight > 0 {
			positives[t.classes[e]-1]++
		}
		t.from = append(t.from, uint32(len(t.rows)))
		for _, f := range sh.questionFeatures(d) {
			id := f &^ gramFeature
			if f&gramFeature == 0 {
				if t.words[id] == 0 {
					t.words[id] = row(idf(v.docs, float64(v.within(sh.words.of(id), nil))))
				}
				t.rows = append(t.rows, t.words[id]-1)
				continue
			}
			if t.grams[id] == 0 {
				if df := float64(v.within(sh.grams.of(id), nil)); df > maxCommonGram*v.docs {
					t.grams[id] = droppedGram
				} else {
					t.grams[id] = row(classGram * idf(v.docs, df))
				}
			}
			if r := t.grams[id]; r != droppedGram {
				t.rows = append(t.rows, r-1)
			}
		}
	}
	t.from = append(t.from, uint32(len(t.rows)))
	return positives
}

// support decides which features may speak about which classes, and lets every class begin at its share of the questions.
func (t *training) support(sh *shard, positives []float64) {
	n := len(positives)
	questions := make([]int, len(t.values))
	var cells []uint64
	for i, d := range t.docs {
		for _, r := range t.rows[t.from[i]:t.from[i+1]] {
			questions[r]++
			if sh.docs[d].weight > 0 {
				cells = append(cells, uint64(r)<<32|uint64(t.classes[sh.docs[d].entry]-1))
			}
		}
	}
	common := func(r uint32) bool { return questions[r] >= max(commonFeature, n/commonShare) }
	cells = slices.DeleteFunc(cells, func(c uint64) bool { return common(uint32(c >> 32)) })
	slices.Sort(cells)
	cells = slices.Compact(cells)
	t.start = make([]uint32, 1, len(t.values)+1)
	for r := range uint32(len(t.values)) {
		if common(r) {
			for k := range uint32(n) {
				t.weights = append(t.weights, classed{class: k})
			}
		}
		for len(cells) > 0 && uint32(cells[0]>>32) == r {
			t.weights = append(t.weights, classed{class: uint32(cells[0])})
			cells = cells[1:]
		}
		t.start = append(t.start, uint32(len(t.weights)))
	}
	t.bias = make([]float32, n)
	for k := range t.bias {
		share := (positives[k] + 1) / (float64(len(t.docs)) + 2)
		t.bias[k] = float32(math.Log(share / (1 - share)))
	}
}

// step corrects the weights by one question. A question of negative weight says only that its own class is wrong.
func (t *training) step(rows []uint32, own uint32, weight float32) {
	var norm float32
	for _, r := range rows {
		norm += t.values[r] * t.values[r]
	}
	if norm == 0 {
		return
	}
	norm = float32(1 / math.Sqrt(float64(norm)))
	t.seen = t.seen[:0]
	for _, r := range rows {
		x := t.values[r] * norm
		for _, w := range t.weights[t.start[r]:t.start[r+1]] {
			if !t.touched[w.class] {
				t.touched[w.class] = true
				t.seen = append(t.seen, w.class)
				t.z[w.class] = t.bias[w.class]
			}
			t.z[w.class] += x * w.weight
		}
	}
	wrong := false
	for _, k := range t.seen {
		t.touched[k] = false
		err := sigmoid(t.z[k])
		switch {
		case weight < 0 && k != own:
			err = 0
		case weight > 0 && k == own:
			err--
		}
		err *= max(weight, -weight)
		if err < classSmallest && err > -classSmallest {
			t.steps[k] = 0
			continue
		}
		wrong = true
		t.steps[k] = err
		t.biasSquares[k] += err * err
		t.bias[k] -= 0.1 * classRate * err / float32(math.Sqrt(float64(1+t.biasSquares[k])))
	}
	if !wrong {
		return
	}
	for _, r := range rows {
		x := t.values[r] * norm
		from, to := t.start[r], t.start[r+1]
		weights, squares := t.weights[from:to], t.squares[from:to]
		for i := range weights {
			w := &weights[i]
			if g := t.steps[w.class] * x; g != 0 {
				squares[i] += g * g
				w.weight -= classRate * g / float32(math.Sqrt(float64(squares[i]+1e-3)))
			}
		}
	}
}

func sigmoid(z float32) float32 { return float32(1 / (1 + math.Exp(-float64(z)))) }

// classify reckons the log-odds of each class for the query at hand: sc.odds.
func (sc *scratch) classify(c *classifier) {
	if cap(sc.odds) < len(c.bias) {
		sc.odds = make([]float32, len(c.bias))
	}
	sc.odds = append(sc.odds[:0], c.bias...)
	var norm float64
	each := func(use func(row uint32, value float64)) {
		for _, t := range sc.terms {
			if r := c.words[t.id]; r != 0 {
				use(r-1, t.rarity)
			}
		}
		for _, t := range sc.grams {
			if r := c.grams[t.id]; r != 0 && r != droppedGram {
				use(r-1, classGram*t.rarity)
			}
		}
	}
	each(func(_ uint32, value float64) { norm += value * value })
	norm = 1 / math.Sqrt(max(norm, 1e-9))
	each(func(row uint32, value float64) {
		x := float32(value * norm)
		for _, w := range c.weights[c.start[row]:c.start[row+1]] {
			sc.odds[w.class] += x * w.weight
		}
	})
}

// probability is what the classifier says about an article for the query at hand, 0..1; 0 if nothing was learnt for it.
func (sc *scratch) probability(c *classifier, entry uint32) float64 {
	class := c.classes[entry]
	if class == 0 {
		return 0
	}
	return float64(sigmoid(sc.odds[class-1]))
}
