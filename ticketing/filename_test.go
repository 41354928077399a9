package ticketing_test

import (
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

func TestCleanFileName(t *testing.T) {
	for in, want := range map[string]string{
		"fattura.pdf":                     "fattura.pdf",
		"\u200b.htaccess":                 "htaccess",
		"../../x":                         "x",
		`C:\Users\CON.txt`:                "_CON.txt",
		"a.pdf\x00.exe":                   "a.pdf.exe",
		"fattura\u202efdp.exe":            "fatturafdp.exe",
		"com1":                            "_com1",
		"com10.txt":                       "com10.txt",
		" . ":                             "part-3",
		"":                                "part-3",
		"a:b*c?.txt":                      "abc.txt",
		"dir/":                            "part-3",
		strings.Repeat("x", 200) + ".pdf": strings.Repeat("x", 146) + ".pdf",
		strings.Repeat("é", 100) + ".pdf": strings.Repeat("é", 73) + ".pdf",
		"con :.txt":                       "_con .txt",
	} {
		got := ticketing.CleanFileName(in, 3)
		if got != want {
			t.Errorf("CleanFileName(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzFileName(f *testing.F) {
	f.Add("../a\u202eb.txt")
	f.Add("con .txt")
	f.Fuzz(func(t *testing.T, s string) {
		a := ticketing.CleanFileName(s, 1)
		if b := ticketing.CleanFileName(a, 1); b != a {
			t.Fatalf("%q became %q, then %q", s, a, b)
		}
		if a == "" || len(a) > ticketing.MaxFileName+1 || strings.ContainsAny(a, "/\\\x00:") || a[0] == '.' {
			t.Fatalf("%q became %q", s, a)
		}
	})
}
