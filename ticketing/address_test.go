package ticketing_test

import (
	"net/mail"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

func TestParseAddressKeepsTheStrictGrammar(t *testing.T) {
	for in, want := range map[string]string{
		"maria@cliente.example":                     "maria@cliente.example",
		"Maria.Verdi+x@Cliente.Example":             "Maria.Verdi+x@cliente.example",
		"o'neill@a-b.example":                       "o'neill@a-b.example",
		"x@münchen.example":                         "x@xn--mnchen-3ya.example",
		"x@XN--MNCHEN-3YA.example":                  "x@xn--mnchen-3ya.example",
		"josé@cliente.example":                      "josé@cliente.example",
		strings.Repeat("a", 64) + "@b.example":      strings.Repeat("a", 64) + "@b.example",
		strings.Repeat("a", 65) + "@b.example":      "",
		"":                                          "",
		"maria":                                     "",
		"@b.example":                                "",
		"maria@":                                    "",
		`"evil@x> <victim"@cliente.example`:         "",
		"maria(@cliente.example)@bad.example":       "",
		"maria%cliente.example@bad.example":         "",
		"a!b@bad.example":                           "",
		"maria@[127.0.0.1]":                         "",
		"maria@127.0.0.1":                           "",
		".a@b.example":                              "",
		"a..b@b.example":                            "",
		"a.@b.example":                              "",
		"a b@c.example":                             "",
		"a@b..example":                              "",
		"a@-b.example":                              "",
		"a@b.example\r\nRCPT TO:<x@y>":              "",
		"a@" + strings.Repeat("abcdefg.", 40) + "x": "",
	} {
		got, err := ticketing.ParseAddress(in)
		if got.String() != want || (err == nil) != (want != "") {
			t.Errorf("ParseAddress(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestCleanNameRemovesWhatCannotBeSeen(t *testing.T) {
	for in, want := range map[string]string{
		"Maria  Verdi":              "Maria Verdi",
		"Ma\u202eria\u200b Verdi":   "Maria Verdi",
		"Maria\x00 Verdi\r\nBcc: x": "Maria Verdi Bcc: x",
		"e\u0301":                   "é",
		"\xff":                      "\uFFFD",
		"a\U000E0041b":              "ab",
		strings.Repeat("à", 300):    strings.Repeat("à", 200),
	} {
		got := ticketing.CleanName(in)
		if got != want {
			t.Errorf("CleanName(%q) = %q, want %q", in, got, want)
		}
		if again := ticketing.CleanName(got); again != got {
			t.Errorf("CleanName changed %q again, to %q", got, again)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"maria@cliente.example", `"a b"@c.example`, "x@münchen.example", "a@[1.2.3.4]", "é@xn--mnchen-3ya.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ticketing.ParseAddress(s)
		if err != nil {
			if !a.IsZero() {
				t.Fatalf("an address beside the error: %v", a)
			}
			return
		}
		again, err := ticketing.ParseAddress(a.String())
		if err != nil || again != a {
			t.Fatalf("%q became %q, then %q, %v", s, a, again, err)
		}
		if strings.ContainsAny(a.String(), " \r\n\"<>(),;\\%!") {
			t.Fatalf("%q holds what the grammar forbids", a)
		}
		parsed, err := mail.ParseAddress("<" + a.String() + ">")
		if err != nil || parsed.Address != a.String() {
			t.Fatalf("net/mail reads %q as %v, %v", a, parsed, err)
		}
		if n := ticketing.CleanName(s); !utf8.ValidString(n) || ticketing.CleanName(n) != n {
			t.Fatalf("CleanName is not stable on %q", s)
		}
	})
}
