package kb

import (
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	tests := []struct {
		in   string
		want string
	}{
		{"Perché l'IVA è al 22%?", "perche l iva e al 22"},
		{"STRASSE Straße", "strasse strasse"},
		{"cafe\u0301 café", "cafe cafe"},
		{"Łódź Ærø cœur", "lodz aero coeur"},
		{"İstanbul ISTANBUL", "istanbul istanbul"},
		{"ﬁscale", "fiscale"},
		{"so\u00adft", "soft"},
		{"a_b-c.d@e", "a b c d e"},
		{"\xffx\xfe", "x"},
		{"日本語 한국", "日本語 " + "\u1112\u1161\u11ab\u1100\u116e\u11a8"},
		{"हिन्दी", "हिन्दी"},
		{strings.Repeat("x", 100), strings.Repeat("x", maxWord)},
		{strings.Repeat("é", 100), strings.Repeat("e", maxWord)},
		{"", ""},
	}
	for _, tt := range tests {
		var got []string
		new(folder).words(tt.in, func(w []byte) { got = append(got, string(w)) })
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("words(%q) = %q, want %q", tt.in, s, tt.want)
		}
	}
}

func TestStem(t *testing.T) {
	same := []struct {
		language string
		words    []string
	}{
		{"it", []string{"fattura", "fatture", "fatturazione", "fatturare"}},
		{"it", []string{"registrazione", "registrarsi"}},
		{"it", []string{"qualita"}},
		{"en", []string{"invoice", "invoices", "invoicing", "invoiced"}},
	}
	for _, tt := range same {
		for _, w := range tt.words {
			if stem(tt.language, w) != stem(tt.language, tt.words[0]) {
				t.Errorf("%s: %s → %s, %s → %s", tt.language, tt.words[0], stem(tt.language, tt.words[0]), w, stem(tt.language, w))
			}
		}
	}
	if got := stem("it", "00404a"); got != "00404a" {
		t.Errorf("a code was stemmed to %q", got)
	}
	if got := stem("de", "rechnungen"); got != "rechnungen" {
		t.Errorf("a language without stemmer gave %q", got)
	}
}

func TestGrams(t *testing.T) {
	count := func(w string) (n int) {
		grams([]byte(w), func(uint64) { n++ })
		return n
	}
	for w, want := range map[string]int{"": 0, "a": 0, "ab": 1, "abc": 2, "cassa": 4, "perchè": 5} {
		if got := count(w); got != want {
			t.Errorf("%q has %d grams, want %d", w, got, want)
		}
	}
	set := func(w string) (out []uint64) {
		grams([]byte(w), func(g uint64) { out = append(out, g) })
		return out
	}
	shared := 0
	for _, g := range set("scontirno") {
		if slices.Contains(set("scontrino"), g) {
			shared++
		}
	}
	if shared < 3 {
		t.Errorf("a word with two letters exchanged shares %d grams with the right one", shared)
	}
}
