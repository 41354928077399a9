package ticketing

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestSearchWords: words are folded, different ones only, and bounded.
func TestSearchWords(t *testing.T) {
	for text, want := range map[string]string{
		"Perché la CITTÀ è giù, perche?": "perche la citta giu", "maria.rossi@cliente.example": "maria rossi cliente example", "a b cc": "cc", "№ ½ ﬁne": "no 12 fine",
		"fattura 2026/1042-A": "fattura 2026 1042", "日本語 テスト": "日本語 テスト", "\xff\xfe ok": "ok", "": "", strings.Repeat("x", 50): strings.Repeat("x", 40),
	} {
		got := strings.Join(searchWords(10, text), " ")
		if want == "no 12 fine" {
			if !strings.Contains(got, "fine") {
				t.Errorf("%q: %q", text, got)
			}
			continue
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	var b strings.Builder
	for i := range 2 * maxWords {
		b.WriteString(strings.Repeat("z", 2+i%30) + string(rune('a'+i/30)) + " ")
	}
	if n := len(searchWords(maxWords, b.String())); n != maxWords {
		t.Errorf("%d words", n)
	}
	if n := len(searchWords(maxWords, strings.Repeat("ab ", wordText)+" ultima")); n != 1 {
		t.Errorf("%d words beyond the length", n)
	}
}

func FuzzSearchWords(f *testing.F) {
	f.Add("Perché 12\x00 città\u0301 \xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, w := range searchWords(maxWords, s) {
			if n := utf8.RuneCountInString(w); !utf8.ValidString(w) || n < wordMin || n > wordMax || strings.ContainsAny(w, " %'\x00") {
				t.Errorf("%q: %q", s, w)
			}
		}
	})
}
