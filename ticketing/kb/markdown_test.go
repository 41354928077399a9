package kb_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing/kb"
)

func TestHTML(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"text", "Ciao **tu** e `x<y`", "<p>Ciao <strong>tu</strong> e <code>x&lt;y</code></p>\n"},
		{"script", "a<script>alert(1)</script>b", "<p>aalert(1)b</p>\n"},
		{"block", "<div onclick=x>\n\nok", "\n<p>ok</p>\n"},
		{"link", "[a](https://example.com/?q=1)", `<p><a href="https://example.com/?q=1" rel="nofollow noreferrer">a</a></p>` + "\n"},
		{"relative link", "[a](altro-articolo)", `<p><a href="altro-articolo">a</a></p>` + "\n"},
		{"javascript", "[a](javascript:alert(1)) [b](JaVaScRiPt:x) [c](data:text/html,x)", "<p>a b c</p>\n"},
		{"remote picture", "![spia](https://evil.example/p.gif)![x](//evil.example/p.gif)", `<p><img alt="spia"><img alt="x"></p>` + "\n"},
		{"own picture", "![cassa](img/cassa.png)", `<p><img src="img/cassa.png" alt="cassa"></p>` + "\n"},
		{"table", "|a|b|\n|-|-:|\n|1|2|", "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td>2</td>\n</tr>\n</tbody>\n</table>\n"},
	}
	r := kb.NewRenderer()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := r.HTML(tt.in)
			if err != nil || got != tt.want {
				t.Errorf("got  %q %v\nwant %q", got, err, tt.want)
			}
		})
	}
}

func TestPlainText(t *testing.T) {
	tests := []struct{ in, want string }{
		{"# Titolo\n\nUna *riga*\nlunga.\n\n- uno\n- due\n  - tre\n", "Titolo\nUna riga lunga.\nuno\ndue\ntre"},
		{"|a|b|\n|-|-|\n|1|**2**|", "a · b\n1 · 2"},
		{"[testo](https://example.com) e <https://example.org>", "testo e https://example.org"},
		{"x<br>y <b>z</b>", "xy z"},
		{"```\ncodice 1\ncodice 2\n```\ndopo", "codice 1\ncodice 2\ndopo"},
		{`5 \* 3 &amp; &egrave; \d`, `5 * 3 & è \d`},
		{"`a*b*`", "a*b*"},
		{"", ""},
	}
	for _, tt := range tests {
		if got := kb.PlainText(tt.in); got != tt.want {
			t.Errorf("PlainText(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestSummary(t *testing.T) {
	long := strings.Repeat("parola ", 60)
	tests := []struct{ in, want string }{
		{"", ""},
		{"Breve.", "Breve."},
		{"Titolo\nPrima frase. Seconda.", "Prima frase. Seconda."},
		{"Solo titolo", "Solo titolo"},
		{"La prima frase finisce qui, e non è corta come sembra. " + long, "La prima frase finisce qui, e non è corta come sembra."},
		{long, strings.TrimSpace(strings.Repeat("parola ", 22)) + "…"},
		{strings.Repeat("è", 300), strings.Repeat("è", kb.SummaryLength-1) + "…"},
	}
	for _, tt := range tests {
		got := kb.Summary(tt.in)
		if got != tt.want {
			t.Errorf("Summary(%q) = %q, want %q", tt.in, got, tt.want)
		}
		if utf8.RuneCountInString(got) > kb.SummaryLength {
			t.Errorf("Summary(%q) is longer than %d", tt.in, kb.SummaryLength)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	f.Add("# a\n\n![x](http://a) <script>")
	f.Add("[a](java\nscript:x)\n\n| a |\n|-|\n")
	r := kb.NewRenderer()
	f.Fuzz(func(t *testing.T, in string) {
		out, err := r.HTML(in)
		if err != nil {
			t.Skip()
		}
		lower := strings.ToLower(out)
		for _, bad := range []string{"<script", "<iframe", "<style", "<form", `href="javascript:`, `src="http:`, `src="https:`, `src="//`, `src="data`} {
			if strings.Contains(lower, bad) {
				t.Fatalf("%q holds %s", out, bad)
			}
		}
		if s := kb.Summary(kb.PlainText(in)); utf8.RuneCountInString(s) > kb.SummaryLength {
			t.Fatalf("summary too long: %q", s)
		}
	})
}
