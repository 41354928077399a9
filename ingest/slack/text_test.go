package slack

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	name := func(id string) string { return map[string]string{"U1": "Anna Rossi"}[id] }
	for in, want := range map[string]string{
		"ciao":                                        "ciao",
		"a &lt;b&gt; &amp; c":                         "a <b> & c",
		"&amp;lt;b&amp;gt;":                           "&lt;b&gt;",
		"<@U1> guarda":                                "Anna Rossi guarda",
		"<@U9|bruno>":                                 "bruno",
		"<@U9>":                                       "@U9",
		"<#C1|generale>":                              "#generale",
		"<!here> ciao":                                "@here ciao",
		"<!subteam^S1|@team>":                         "@team",
		"<!date^1795527000^{time}|14:30>":             "14:30",
		"<https://a.example/?x=1&amp;y=2>":            "https://a.example/?x=1&y=2",
		"<http://a.example|a.example>":                "http://a.example",
		"<https://a.example|la guida>":                "la guida (https://a.example)",
		"<mailto:a@b.example|a@b.example>":            "a@b.example",
		"!cc <mailto:a@b.example|a@b.example>":        "!cc a@b.example",
		"<tel:+39051123|051 123>":                     "051 123 (+39051123)",
		"fatto :+1: :lock:":                           "fatto 👍 :lock:",
		"&gt;&gt; ciao":                               ">> ciao",
		"aperto <senza fine":                          "aperto <senza fine",
		"<!channel|&lt;!here&gt;>":                    "<!here>",
		"due <https://a.example> e <https://b.it|b> ": "due https://a.example e b (https://b.it)",
	} {
		if got := plain(in, name); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMentions(t *testing.T) {
	for in, want := range map[string][2]bool{
		"ciao": {false, false}, "<@U1> guarda": {true, true}, "  <!here> chi sa?": {true, true}, "chiedo a <@U1>": {true, false},
		"<!subteam^S1|x>": {true, true}, "&lt;@U1&gt;": {false, false}, "<#C1|a> e <https://x>": {false, false},
	} {
		anyone, first := mentions(in)
		if anyone != want[0] || first != want[1] {
			t.Errorf("mentions(%q) = %v, %v", in, anyone, first)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("<@U1|x> &lt; <http://a|b> <!date^1^{time}|x> >> ::")
	f.Fuzz(func(t *testing.T, s string) {
		_ = plain(s, func(string) string { return "" })
		mentions(s)
		mentioned(s)
		e := escape(s)
		if strings.ContainsAny(e, "<>") {
			t.Errorf("escape(%q) leaves a bracket: %q", s, e)
		}
		if utf8.ValidString(s) && unescape(e) != clean(s) {
			t.Errorf("escape(%q) does not come back: %q", s, unescape(e))
		}
		if c := cutEscaped(s, 20); len([]rune(c)) > 20 || strings.ContainsAny(c, "<>") || strings.HasSuffix(c, "&") {
			t.Errorf("cutEscaped(%q) = %q", s, c)
		}
	})
}
