package kb_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sportello/sportello/ticketing/kb"
)

// judge makes samples whose rightness follows a known model.
func judge(n int, truth kb.Model) []kb.Judged {
	rnd := rand.New(rand.NewPCG(1, 2))
	out := make([]kb.Judged, n)
	for i := range out {
		f := kb.Features{
			Share: rnd.Float64(), Known: rnd.Float64(), Second: rnd.Float64(), Fourth: rnd.Float64(), Tenth: rnd.Float64(),
			LogSize: 3 * rnd.Float64(), LogTop: 3 * rnd.Float64(), Class: rnd.Float64(), Classified: rnd.IntN(2) == 0,
		}
		out[i] = kb.Judged{Features: f, Confidence: truth.Probability(f), Answerable: true}
		if rnd.Float64() < truth.Probability(f) {
			out[i].Rank = 1 + rnd.IntN(kb.OfferSize)
		}
	}
	return out
}

func TestFit(t *testing.T) {
	truth := kb.Model{-4, 3, 1, 0.5, 3, 1, 0.5, -0.5, -1, 3}
	samples := judge(40000, truth)
	m, err := kb.Fit(samples)
	if err != nil {
		t.Fatal(err)
	}
	for i := range truth {
		if math.Abs(m[i]-truth[i]) > 0.35 {
			t.Errorf("coefficient %d: %.3f, want about %.1f", i, m[i], truth[i])
		}
	}
	for i := range samples {
		samples[i].Confidence = m.Probability(samples[i].Features)
	}
	if f := kb.Evaluate(samples, 0.5); f.ECE > 0.02 {
		t.Errorf("calibration error %.3f of a model fitted on the same samples", f.ECE)
	}
	threshold := kb.Threshold(m, samples, 0.8)
	f := kb.Evaluate(samples, threshold)
	if f.OfferPrecision < 0.8 || f.OfferPrecision > 0.83 || math.Abs(f.OfferCoverage-f.Coverage80) > 0.05 {
		t.Errorf("threshold %.2f: precision %.3f at coverage %.3f of %.3f", threshold, f.OfferPrecision, f.OfferCoverage, f.Coverage80)
	}
}

func TestFitRefuses(t *testing.T) {
	one := kb.Judged{Rank: 1}
	none := kb.Judged{}
	tests := map[string][]kb.Judged{
		"few":       judge(kb.MinJudged-1, kb.Model{0, 1}),
		"all right": repeat(one, 300),
		"all wrong": repeat(none, 300),
	}
	for name, samples := range tests {
		if _, err := kb.Fit(samples); !errors.Is(err, kb.ErrFewSamples) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same := append(repeat(one, 150), repeat(none, 50)...)
	m, err := kb.Fit(same)
	if p := m.Probability(kb.Features{}); err != nil || math.Abs(p-0.75) > 0.01 {
		t.Errorf("samples without a telling feature: %v, probability %.3f, want their share 0.75", err, p)
	}
	if got := kb.Threshold(kb.Model{}, same, 0.8); got != 1 {
		t.Errorf("threshold %v for a promise that cannot be kept, want 1", got)
	}
}

func repeat(j kb.Judged, n int) []kb.Judged {
	out := make([]kb.Judged, n)
	for i := range out {
		out[i] = j
	}
	return out
}

func TestEvaluate(t *testing.T) {
	judged := []kb.Judged{
		{Confidence: 0.95, Rank: 1, Answerable: true},
		{Confidence: 0.85, Rank: 3, Answerable: true},
		{Confidence: 0.75, Rank: 0, Answerable: false},
		{Confidence: 0.65, Rank: 2, Answerable: true},
		{Confidence: 0.55, Rank: 5, Answerable: true},
		{Confidence: 0.45, Rank: 0, Answerable: true},
		{Confidence: 0.35, Rank: 0, Answerable: false},
		{Confidence: 0.25, Rank: 1, Answerable: true},
		{Confidence: 0.15, Rank: 0, Answerable: false},
		{Confidence: 0.05, Rank: 0, Answerable: true},
	}
	f := kb.Evaluate(judged, 0.7)
	tests := []struct {
		name      string
		got, want float64
	}{
		{"R@1", f.R1, 2.0 / 7},
		{"R@3", f.R3, 4.0 / 7},
		{"MRR", f.MRR, (1 + 1.0/3 + 1.0/2 + 1.0/5 + 1) / 7},
		{"AUROC answerable", f.AnswerableAUROC, (7*3 - 8.0) / 21}, // 8 of 21 pairs stand the wrong way round
		{"AUROC right", f.RightAUROC, 19.0 / 24},
		{"P@30", f.Precision30, 2.0 / 3},
		{"P@50", f.Precision50, 3.0 / 5},
		{"coverage at 0.8", f.Coverage80, 0.2},
		{"coverage at 0.9", f.Coverage90, 0.2},
		{"ECE", f.ECE, (0.05 + 0.15 + 0.75 + 0.35 + 0.55 + 0.45 + 0.35 + 0.75 + 0.15 + 0.05) / 10},
		{"false offers", f.FalseOffers, 1.0 / 3},
		{"offer precision", f.OfferPrecision, 2.0 / 3},
		{"offer coverage", f.OfferCoverage, 0.3},
	}
	for _, tt := range tests {
		if math.Abs(tt.got-tt.want) > 1e-9 {
			t.Errorf("%s = %.4f, want %.4f", tt.name, tt.got, tt.want)
		}
	}
	for i := range judged {
		judged[i].Confidence = 0.5
	}
	f = kb.Evaluate(judged, 0.7)
	if f.RightAUROC != 0.5 || f.Precision30 != 0.4 || f.Coverage80 != 0 {
		t.Errorf("equal confidence: AUROC %v, precision at 30 %% %v, coverage at 0.8 %v", f.RightAUROC, f.Precision30, f.Coverage80)
	}
}

func TestBestMCC(t *testing.T) {
	choices := []kb.Choice{
		{Want: "a", Got: "a", Confidence: 0.9},
		{Want: "b", Got: "b", Confidence: 0.8},
		{Want: "", Got: "a", Confidence: 0.5},
		{Want: "c", Got: "b", Confidence: 0.4},
		{Want: "", Got: "", Confidence: 0.1},
	}
	// Rejecting all below 0.8 leaves predictions a b - - - for a b - c -: of 5, 4 are right; the classes' sizes are 1 1 3 and 1 1 2 1.
	want := (4*5 - (1 + 1 + 3*2.0)) / math.Sqrt((25-11)*(25-7.0))
	if got, threshold := kb.BestMCC(choices); math.Abs(got-want) > 1e-9 || threshold != 0.8 {
		t.Errorf("MCC %.4f at %v, want %.4f at 0.8", got, threshold, want)
	}
	for i := range choices {
		choices[i].Confidence = 0.5 // nothing can be told apart: all or none is rejected
	}
	want = (3*5 - (2 + 2 + 2.0)) / math.Sqrt((25-9)*(25-7.0))
	if got, _ := kb.BestMCC(choices); math.Abs(got-want) > 1e-9 {
		t.Errorf("MCC %.4f at equal confidence, want %.4f", got, want)
	}
}
