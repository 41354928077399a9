package kb

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// folds is how many parts the judged searches are cut into to judge a model on searches it was not fitted on.
const folds = 5

// DefaultPromise is the share of offers that contain a right article, unless a queue asks for another. The shipped threshold keeps it on
// public sets.
const DefaultPromise = 0.8

// Point is what a threshold would have done to judged searches.
type Point struct {
	Threshold float64 `json:"t"`
	Precision float64 `json:"p"` // share of the offers that were right
	Coverage  float64 `json:"c"` // share of the searches that got an offer
}

// Curve tells for each threshold in steps of 0.01, from low to high, what a model would have done to the judged searches. Thresholds that no
// search reaches are left out.
func Curve(m Model, samples []Judged) []Point {
	judged := slices.Clone(samples)
	for i := range judged {
		judged[i].Confidence = m.Probability(judged[i].Features)
	}
	return curveOf(judged)
}

// curveOf is Curve by the confidence that the searches have.
func curveOf(samples []Judged) []Point {
	sorted := slices.Clone(samples)
	slices.SortFunc(sorted, func(a, b Judged) int { return cmp.Compare(b.Confidence, a.Confidence) })
	var all float64
	for _, s := range sorted {
		all += s.weight()
	}
	var curve []Point
	at := 0
	var offers, right float64
	for step := 99; step >= 1; step-- {
		t := float64(step) / 100
		for at < len(sorted) && sorted[at].Confidence >= t {
			offers += sorted[at].weight()
			if sorted[at].Right() {
				right += sorted[at].weight()
			}
			at++
		}
		if offers > 0 {
			curve = append(curve, Point{Threshold: t, Precision: right / offers, Coverage: offers / all})
		}
	}
	slices.Reverse(curve)
	return curve
}

// Promised is the lowest threshold of a curve that keeps a precision; 1, which no search reaches, when none does.
func Promised(curve []Point, precision float64) float64 {
	for _, p := range curve {
		if p.Precision >= precision {
			return p.Threshold
		}
	}
	return 1
}

// Refitted is a model fitted on an installation's own judged searches, and how it does on searches it was not fitted on.
type Refitted struct {
	Model Model
	Curve []Point // of the parts left out of the fitting, so that it does not flatter
	// ECE is the expected calibration error and Loss the mean logarithmic loss on the parts left out; Before is the loss of the model in
	// force on the same searches.
	ECE, Loss, Before float64
	Judged            int
}

// Better reports whether the new model tells right from wrong better than the one in force.
func (r Refitted) Better() bool { return r.Loss < r.Before }

// Refit fits a model on judged searches and judges it by cross-validation against the one in force. ErrFewSamples when there are fewer than
// MinJudged, or too few right or wrong ones among them.
func Refit(samples []Judged, inForce Model) (Refitted, error) {
	r := Refitted{Judged: len(samples)}
	var err error
	if r.Model, err = Fit(samples); err != nil {
		return r, err
	}
	var out []Judged
	for f := range folds {
		var train, test []Judged
		for i, s := range samples {
			if i%folds == f {
				test = append(test, s)
			} else {
				train = append(train, s)
			}
		}
		m, err := fit(train)
		if err != nil {
			return r, err
		}
		for _, s := range test {
			s.Confidence = m.Probability(s.Features)
			r.Loss += logLoss(s.Confidence, s.Right()) / float64(len(samples))
			r.Before += logLoss(inForce.Probability(s.Features), s.Right()) / float64(len(samples))
			out = append(out, s)
		}
	}
	r.ECE = Evaluate(out, 0).ECE
	r.Curve = curveOf(out)
	return r, nil
}

// logLoss is bounded, so that one sure mistake does not decide alone.
func logLoss(p float64, right bool) float64 {
	if !right {
		p = 1 - p
	}
	return -math.Log(max(0.01, p))
}

// ParseModel reads coefficients as Coefficients wrote them; those of another version of the features are refused.
func ParseModel(text string) (m Model, err error) {
	var c []float64
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return m, fmt.Errorf("kb: the model's coefficients cannot be read: %w", err)
	}
	if len(c) != len(m) {
		return m, fmt.Errorf("kb: the model has %d coefficients, this version needs %d; it is fitted anew with the next refit", len(c), len(m))
	}
	copy(m[:], c)
	return m, nil
}

// Coefficients writes the model as text for ParseModel.
func (m Model) Coefficients() string {
	raw, err := json.Marshal(m[:])
	if err != nil { // only a coefficient that is no number, which Fit refuses
		return ""
	}
	return string(raw)
}
