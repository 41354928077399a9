package kb

import "math"

// featureDepth is how many hits the features look at.
const featureDepth = 10

// Features are scale-free facts about a search, from which its confidence is reckoned.
type Features struct {
	Share   float64 `json:"share"`   // best unit of the first hit / the highest score a unit could get from this query
	Known   float64 `json:"known"`   // share of the query's words, stop words left out, that the scope knows
	Second  float64 `json:"second"`  // (top - second) / top; 1 when there is no second
	Fourth  float64 `json:"fourth"`  // (top - fourth) / top; 1 when there is no fourth
	Tenth   float64 `json:"tenth"`   // (top - tenth) / top; 1 when there is no tenth
	LogSize float64 `json:"logSize"` // log(1 + distinct words), of which MaxQueryWords count
	LogTop  float64 `json:"logTop"`  // log(1 + top score)
	// Class is the highest probability, 0..1, that the classifier gives one of the first three hits, where there is a classifier.
	Class      float64 `json:"class,omitempty"`
	Classified bool    `json:"classified,omitempty"` // there is a classifier
}

func newFeatures(hits []shardHit, w queryWords, classified bool) Features {
	top := hits[0].score
	margin := func(i int) float64 {
		if i >= len(hits) {
			return 1
		}
		return (top - hits[i].score) / top
	}
	f := Features{
		Share: hits[0].unit / w.attainable, Known: w.known, Second: margin(1), Fourth: margin(3), Tenth: margin(9),
		LogSize: math.Log(1 + float64(min(w.count, MaxQueryWords))), LogTop: math.Log(1 + top), Classified: classified,
	}
	for _, h := range hits[:min(len(hits), OfferSize)] {
		f.Class = max(f.Class, h.class)
	}
	return f
}

// vector bends the features: a lead over other hits says little when the first hit itself is poor.
func (f Features) vector() [modelSize]float64 {
	r := math.Sqrt(max(0, f.Share))
	x := [modelSize]float64{1, f.Share, f.Known, f.Second * r, f.Fourth * r, f.Tenth * r, f.LogSize, f.LogTop}
	if f.Classified {
		x[8], x[9] = 1, f.Class
	}
	return x
}

const modelSize = 10

// Model is a logistic over the features: intercept first, then one coefficient each for Share, Known, Second, Fourth, Tenth, LogSize and
// LogTop, and where there is a classifier one for that and one for Class.
type Model [modelSize]float64

// Probability is the model's estimate, 0..1, that one of the first three hits answers the question.
func (m Model) Probability(f Features) float64 {
	var z float64
	for i, x := range f.vector() {
		z += m[i] * x
	}
	return 1 / (1 + math.Exp(-z))
}

// ShippedModel is the model of an installation that has not judged enough offers of its own. It comes from public sets; see the package's
// documentation for the command that made it.
func ShippedModel() Model {
	return Model{-5.0352, 2.6716, -1.2287, 0.8946, 3.8047, 1.8839, 0.8490, 0.6191, -1.8697, 2.3124}
}

// DefaultThreshold is the least confidence of an offer under the shipped model, 0..1.
const DefaultThreshold = 0.63
