package kb

import (
	"cmp"
	"math"
	"slices"
)

// Judged is a search with what it should have found.
type Judged struct {
	Features   Features
	Confidence float64 // as given at the time of the search, 0..1
	Rank       int     // 1-based rank of the first right article among the first ten hits; 0: none of them
	Answerable bool    // an article that answers it exists
	// Weight is how much the sample counts in Fit; 0 counts as 1.
	Weight float64
}

// Right reports whether an offer made from the search contains a right article.
func (j Judged) Right() bool { return j.Rank >= 1 && j.Rank <= OfferSize }

func (j Judged) weight() float64 {
	if j.Weight == 0 {
		return 1
	}
	return j.Weight
}

// Figures are the measures of a set of judged searches. A figure that the set does not allow (no unanswerable question, no precision that
// high) is NaN, except that coverage at an unreached precision is 0.
type Figures struct {
	Queries, Answerable int
	R1, R3, MRR         float64 // over answerable questions; MRR within ten hits
	AnswerableAUROC     float64 // confidence of answerable against unanswerable questions
	RightAUROC          float64 // confidence of right against wrong offers, all questions
	Precision30         float64 // share of right offers among the 30 % most confident questions
	Precision50         float64
	Coverage80          float64 // largest share of questions that can get an offer at precision 0.8
	Coverage90          float64
	ECE                 float64 // expected calibration error over ten bins of equal width
	FalseOffers         float64 // share of the unanswerable questions that get an offer at the threshold
	OfferPrecision      float64 // precision at the threshold
	OfferCoverage       float64 // coverage at the threshold
}

// Evaluate reckons the figures at a threshold; 0 means DefaultThreshold.
func Evaluate(judged []Judged, threshold float64) Figures {
	if threshold <= 0 {
		threshold = DefaultThreshold
	}
	f := Figures{Queries: len(judged)}
	var positive, negative, right, wrong []float64
	var offers, rightOffers, falseOffers float64
	var bins [10]struct{ n, confidence, right float64 }
	for _, j := range judged {
		if j.Answerable {
			f.Answerable++
			positive = append(positive, j.Confidence)
			if j.Rank == 1 {
				f.R1++
			}
			if j.Right() {
				f.R3++
			}
			if j.Rank > 0 && j.Rank <= 10 {
				f.MRR += 1 / float64(j.Rank)
			}
		} else {
			negative = append(negative, j.Confidence)
		}
		bin := &bins[min(9, max(0, int(j.Confidence*10)))]
		bin.n++
		bin.confidence += j.Confidence
		if j.Right() {
			right = append(right, j.Confidence)
			bin.right++
		} else {
			wrong = append(wrong, j.Confidence)
		}
		if j.Confidence >= threshold {
			offers++
			if j.Right() {
				rightOffers++
			}
			if !j.Answerable {
				falseOffers++
			}
		}
	}
	n := float64(f.Answerable)
	f.R1, f.R3, f.MRR = f.R1/n, f.R3/n, f.MRR/n
	f.AnswerableAUROC, f.RightAUROC = auroc(positive, negative), auroc(right, wrong)
	f.FalseOffers, f.OfferPrecision = falseOffers/float64(len(negative)), rightOffers/offers
	f.OfferCoverage = offers / float64(len(judged))
	for _, b := range bins {
		if b.n > 0 {
			f.ECE += math.Abs(b.confidence-b.right) / float64(len(judged))
		}
	}
	f.coverage(judged)
	return f
}

// coverage fills in the figures along the curve of falling confidence. Searches of equal confidence enter together.
func (f *Figures) coverage(judged []Judged) {
	sorted := slices.Clone(judged)
	slices.SortStableFunc(sorted, func(a, b Judged) int { return cmp.Compare(b.Confidence, a.Confidence) })
	f.Precision30, f.Precision50 = math.NaN(), math.NaN()
	all := float64(len(sorted))
	var right float64
	for i, j := range sorted {
		if j.Right() {
			right++
		}
		if i+1 < len(sorted) && sorted[i+1].Confidence == j.Confidence {
			continue
		}
		covered := float64(i+1) / all
		precision := right / float64(i+1)
		if math.IsNaN(f.Precision30) && covered >= 0.3 {
			f.Precision30 = precision
		}
		if math.IsNaN(f.Precision50) && covered >= 0.5 {
			f.Precision50 = precision
		}
		if precision >= 0.8 {
			f.Coverage80 = covered
		}
		if precision >= 0.9 {
			f.Coverage90 = covered
		}
	}
}

// auroc is the probability that a positive stands above a negative, ties counted half; NaN when either is missing.
func auroc(positive, negative []float64) float64 {
	type point struct {
		value    float64
		positive bool
	}
	points := make([]point, 0, len(positive)+len(negative))
	for _, v := range positive {
		points = append(points, point{v, true})
	}
	for _, v := range negative {
		points = append(points, point{v, false})
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.value, b.value) })
	var ranks float64
	for i := 0; i < len(points); {
		end := i
		for end < len(points) && points[end].value == points[i].value {
			end++
		}
		mean := float64(i+end+1) / 2
		for ; i < end; i++ {
			if points[i].positive {
				ranks += mean
			}
		}
	}
	p, n := float64(len(positive)), float64(len(negative))
	return (ranks - p*(p+1)/2) / (p * n)
}

// Choice is one question that was sorted into a class, or into none.
type Choice struct {
	Want       string // the right class; empty: the question belongs to none
	Got        string // the class it was sorted into; empty: none
	Confidence float64
}

// BestMCC is the highest Matthews correlation coefficient that a threshold on the confidence can reach, -1..1, and that threshold; choices
// below it count as none. "None" is a class like the others, as in the evaluation of HINT3 (Arora et al. 2020), and the coefficient is that
// for many classes (Gorodkin 2004).
func BestMCC(choices []Choice) (mcc, threshold float64) {
	sorted := slices.SortedStableFunc(slices.Values(choices), func(a, b Choice) int { return cmp.Compare(b.Confidence, a.Confidence) })
	n := float64(len(sorted))
	want, got := make(map[string]float64), make(map[string]float64)
	var right float64
	for _, c := range sorted {
		want[c.Want]++
		if c.Want == "" {
			right++
		}
	}
	got[""] = n
	mcc, threshold = math.Inf(-1), 1
	for i, c := range sorted {
		got[""]--
		got[c.Got]++
		if c.Want == "" {
			right--
		}
		if c.Want == c.Got {
			right++
		}
		if i+1 < len(sorted) && sorted[i+1].Confidence == c.Confidence {
			continue
		}
		var both, wants, gots float64
		for k, t := range want {
			both += t * got[k]
			wants += t * t
		}
		for _, p := range got {
			gots += p * p
		}
		if m := (right*n - both) / math.Sqrt((n*n-gots)*(n*n-wants)); m > mcc {
			mcc, threshold = m, c.Confidence
		}
	}
	return mcc, threshold
}
