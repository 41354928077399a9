package kb

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// MinJudged is the least number of judged searches from which a model may be fitted.
const MinJudged = 200

// ErrFewSamples means that there are too few judged searches, or that all of them were right or all wrong, so that nothing can be learnt.
var ErrFewSamples = errors.New("kb: too few judged searches to fit a model: at least 200, right and wrong ones, are needed")

// ridge keeps coefficients small where the samples say little, in units of one sample of weight 1.
const ridge = 1.0

// Fit finds the model under which the judged searches are most likely (logistic regression by Newton's method with a small ridge on all
// coefficients but the intercept). It serves the shipped coefficients as well as an installation's own.
func Fit(samples []Judged) (Model, error) {
	right := 0
	for _, s := range samples {
		if s.Right() {
			right++
		}
	}
	if len(samples) < MinJudged || right == 0 || right == len(samples) {
		return Model{}, ErrFewSamples
	}
	return fit(samples)
}

// fit is Fit for any number of samples.
func fit(samples []Judged) (Model, error) {
	var m Model
	for range 50 {
		var gradient [modelSize]float64
		var hessian [modelSize][modelSize]float64
		for _, s := range samples {
			x := s.Features.vector()
			p := m.Probability(s.Features)
			y := 0.0
			if s.Right() {
				y = 1
			}
			w := s.weight()
			for i := range x {
				gradient[i] += w * (y - p) * x[i]
				for j := range x {
					hessian[i][j] += w * p * (1 - p) * x[i] * x[j]
				}
			}
		}
		for i := 1; i < modelSize; i++ {
			gradient[i] -= ridge * m[i]
			hessian[i][i] += ridge
		}
		hessian[0][0] += 1e-9
		step := solve(hessian, gradient)
		size := 0.0
		for i := range m {
			m[i] += max(-5, min(5, step[i]))
			size += math.Abs(step[i])
		}
		if size < 1e-9 {
			break
		}
	}
	for _, c := range m {
		if math.IsNaN(c) || math.IsInf(c, 0) {
			return Model{}, ErrFewSamples
		}
	}
	return m, nil
}

// solve is Gaussian elimination with pivoting.
func solve(a [modelSize][modelSize]float64, y [modelSize]float64) [modelSize]float64 {
	for i := range modelSize {
		pivot := i
		for r := i + 1; r < modelSize; r++ {
			if math.Abs(a[r][i]) > math.Abs(a[pivot][i]) {
				pivot = r
			}
		}
		a[i], a[pivot] = a[pivot], a[i]
		y[i], y[pivot] = y[pivot], y[i]
		for r := i + 1; r < modelSize; r++ {
			k := a[r][i] / a[i][i]
			for c := i; c < modelSize; c++ {
				a[r][c] -= k * a[i][c]
			}
			y[r] -= k * y[i]
		}
	}
	for i := modelSize - 1; i >= 0; i-- {
		for c := i + 1; c < modelSize; c++ {
			y[i] -= a[i][c] * y[c]
		}
		y[i] /= a[i][i]
	}
	return y
}

// Threshold is the lowest confidence, in steps of 0.01, at which a share of at least precision of the offers contains a right article.
// Samples count by their weight. It is 1 when no threshold keeps the promise.
func Threshold(m Model, samples []Judged, precision float64) float64 {
	type point struct{ confidence, weight, right float64 }
	points := make([]point, len(samples))
	for i, s := range samples {
		points[i] = point{confidence: m.Probability(s.Features), weight: s.weight()}
		if s.Right() {
			points[i].right = s.weight()
		}
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(b.confidence, a.confidence) })
	threshold, at := 1.0, 0
	var all, right float64
	for step := 99; step >= 1; step-- {
		t := float64(step) / 100
		for at < len(points) && points[at].confidence >= t {
			all += points[at].weight
			right += points[at].right
			at++
		}
		if all > 0 && right/all >= precision {
			threshold = t
		}
	}
	return threshold
}
