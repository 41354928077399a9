package kb

import "math"

// featureDepth is how many hits the features look at.
const featureDepth = 4

// Features are scale-free facts about a search, from which its confidence is reckoned.
type Features struct {
	Share   float64 `json:"share"`   // best unit of the first hit / the highest score a unit could get from this query
	Known   float64 `json:"known"`   // share of the query's words, stop words left out, that the scope knows
	Second  float64 `json:"second"`  // (top - second) / top; 1 when there is no second
	Fourth  float64 `json:"fourth"`  // (top - fourth) / top; 1 when there is no fourth
	LogSize float64 `json:"logSize"` // log(1 + distinct words), of which MaxQueryWords count
	LogTop  float64 `json:"logTop"`  // log(1 + top score)
}

func newFeatures(hits []shardHit, w queryWords) Features {
	top := hits[0].score
	margin := func(i int) float64 {
		if i >= len(hits) {
			return 1
		}
		return (top - hits[i].score) / top
	}
	return Features{
		Share: hits[0].unit / w.attainable, Known: w.known, Second: margin(1), Fourth: margin(3),
		LogSize: math.Log(1 + float64(min(w.count, MaxQueryWords))), LogTop: math.Log(1 + top),
	}
}

// vector bends the features: share grows fast from zero, and a lead over other hits says little when the first hit itself is poor.
func (f Features) vector() [modelSize]float64 {
	return [modelSize]float64{1, math.Sqrt(f.Share), f.Known, f.Second * math.Sqrt(f.Share), f.Fourth * math.Sqrt(f.Share), f.LogSize, f.LogTop}
}

const modelSize = 7

// Model is a logistic over the features: intercept first, then one coefficient each in the order of the fields of Features.
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
	return Model{-6.0631, 3.3494, -0.8588, 1.4090, 6.8491, 0.8233, 0.5801}
}

// DefaultThreshold is the least confidence of an offer under the shipped model, 0..1.
const DefaultThreshold = 0.57
