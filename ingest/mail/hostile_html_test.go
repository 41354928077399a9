package mail

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// htmlMail is a mail of one HTML part with a payload beside its text.
func htmlMail(id, payload string) func(*hostileWorld) []byte {
	return func(*hostileWorld) []byte {
		return mailOf(id, "<p>Testo "+id+"</p>\n"+payload+"\n", "Content-Type: text/html; charset=utf-8")
	}
}

// inertTags and inertAttributes are all that may stand in what agents are shown (security.md section 7).
var (
	inertTags = strings.Fields("p div span br hr blockquote pre h1 h2 h3 h4 h5 h6 b strong i em u s del ins sub sup small code kbd samp tt abbr cite q " +
		"ul dl dt dd ol li table caption thead tbody tfoot tr td th a img")
	inertAttributes = map[string][]string{
		"a": {"href", "rel", "target"}, "img": {"src", "alt", "width", "height"}, "ol": {"start", "type"}, "li": {"value"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"},
	}
	inertLinks = []string{"http://", "https://", "mailto:", "tel:"}
)

// checkInert asserts that HTML runs no script, sends no request, holds no form and does not navigate, by what is in it.
func checkInert(t testing.TB, s string) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(s))
	for z.Next() != html.ErrorToken {
		k := z.Token()
		switch k.Type {
		case html.CommentToken, html.DoctypeToken:
			t.Fatalf("%s in %.300q", k.Type, s)
		case html.StartTagToken, html.SelfClosingTagToken:
			if !slices.Contains(inertTags, k.Data) {
				t.Fatalf("<%s> in %.300q", k.Data, s)
			}
			for _, a := range k.Attr {
				if !slices.Contains(inertAttributes[k.Data], a.Key) {
					t.Fatalf("attribute %s of %s in %.300q", a.Key, k.Data, s)
				}
				value := strings.ToLower(a.Val)
				switch a.Key {
				case "href":
					if !slices.ContainsFunc(inertLinks, func(p string) bool { return strings.HasPrefix(value, p) }) {
						t.Fatalf("link %q", a.Val)
					}
				case "src":
					if !strings.HasPrefix(value, "cid:") {
						t.Fatalf("source %q", a.Val)
					}
				}
			}
		}
	}
}

// twice: sanitising what was sanitised changes nothing, and parsing it as a page does neither: no part of it means something else to a browser.
func twice(t *testing.T, _ *hostileWorld, r *hostileResult) {
	t.Helper()
	if again := Sanitise(r.mail.HTML, nil); again != r.mail.HTML {
		t.Errorf("a second pass changes %q to %q", r.mail.HTML, again)
	}
	page, err := html.Parse(strings.NewReader(r.mail.HTML))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range page.Descendants() {
		if n.Type == html.ElementNode && n.Data == "body" {
			for k := range n.ChildNodes() {
				if err := html.Render(&b, k); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	checkInert(t, b.String())
	if low := strings.ToLower(b.String()); strings.Contains(low, "alert(") && strings.Contains(low, "<script") {
		t.Errorf("a browser reads %q", b.String())
	}
}

// gone asserts that words of the payload are not in what agents are shown.
func gone(words ...string) func(*testing.T, *hostileWorld, *hostileResult) {
	return func(t *testing.T, w *hostileWorld, r *hostileResult) {
		t.Helper()
		twice(t, w, r)
		for _, word := range words {
			if strings.Contains(strings.ToLower(r.mail.HTML), word) {
				t.Errorf("%q is in %q", word, r.mail.HTML)
			}
		}
		if !strings.Contains(r.mail.HTML, "<p>Testo ") {
			t.Errorf("the text is gone from %q", r.mail.HTML)
		}
	}
}

// scriptLinks are spellings of javascript: that some browser once followed.
var scriptLinks = []string{
	"javascript:alert(1)", "JAVASCRIPT:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "\tjavascript:alert(1)", "\njavascript:alert(1)", "java\tscript:alert(1)", "java\nscript:alert(1)",
	"java&#9;script:alert(1)", "java&Tab;script:alert(1)", "java&NewLine;script:alert(1)", "&#106;avascript:alert(1)", "&#x6A;avascript:alert(1)", "&#0000106avascript:alert(1)", "javascript&colon;alert(1)",
	"javascript&#58;alert(1)", "\x01javascript:alert(1)", "vbscript:alert(1)", "data:text/html,<b>x</b>", "feed:javascript:alert(1)",
}

var hostileHTML = []hostileMail{
	{id: "H093", what: "script element, inline handlers", check: gone("alert", "onclick", "script"), make: htmlMail("H093", `<script>alert(1)</script><b onclick="alert(1)" onmouseover=alert(1)></b>`)},
	{id: "H094", what: "svg with onload", check: gone("svg", "onload", "alert"), make: htmlMail("H094", `<svg onload=alert(1)><circle r=1 /></svg>`)},
	{id: "H095", what: "svg filter with feImage to a URL", check: gone("feimage", "bad.example"), make: htmlMail("H095", `<svg><filter id=f><feImage href="https://bad.example/x"/></filter><rect filter="url(#f)"/></svg>`)},
	{id: "H096", what: "style with @import", check: gone("import", "bad.example"), make: htmlMail("H096", `<style>@import "https://bad.example/x.css"</style>`)},
	{id: "H097", what: "base, meta refresh", check: gone("base", "meta", "bad.example"), make: htmlMail("H097", `<base href="https://bad.example/"><meta http-equiv=refresh content="0;url=https://bad.example/">`)},
	{id: "H098", what: "form with formaction", check: gone("form", "button", "bad.example"), make: htmlMail("H098", `<form action="https://bad.example/"><input name=a><button formaction="https://bad.example/x"></button></form>`)},
	{id: "H099", what: "mathml nesting that changes meaning when parsed twice", check: gone("alert", "mglyph", "onerror"),
		make: htmlMail("H099", `<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)></style></mglyph></form></mtext></math>`)},
	{id: "H100", what: "img with a data: svg", check: gone("data:", "<img"), make: htmlMail("H100", `<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+">`)},
	{id: "H101", what: "javascript: in 20 spellings", check: gone("script:", "alert", "href", "data:"), visible: "Testo H101\n" + strings.Repeat("x", len(scriptLinks)),
		make: htmlMail("H101", repeated(len(scriptLinks), func(i int) string { return `<a href="` + scriptLinks[i] + `">x</a>` }))},
	{id: "H102", what: "script nested in its own tag; links to 127.0.0.1 and a metadata service", check: gone("<script", "onerror"),
		visible: "Testo H102\nipt>alert(1)ipt>\na (http://127.0.0.1/) b (http://169.254.169.254/latest/meta-data/)",
		make:    htmlMail("H102", `<scr<script>ipt>alert(1)</scr</script>ipt><div><a href="http://127.0.0.1/">a</a> <a href="http://169.254.169.254/latest/meta-data/">b</a></div>`)},
	// What closes the tricks is text to a browser, too.
	{id: "H103", what: "template, noscript, comment tricks", check: gone("alert", "onerror", "template", "noscript"), visible: "Testo H103\n\">-->",
		make: htmlMail("H103", `<template><img src=x onerror=alert(1)></template><noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript><!--><img src=x onerror=alert(1)>-->`)},
	{id: "H104", what: "img cid: of another mail", check: gone("<img", "cid:"), make: htmlMail("H104", `<img src="cid:altro@altro.example">`)},
	{id: "H105", what: "5 MB of <div>", flags: "html_cut", make: htmlMail("H105", strings.Repeat("<div>", 1<<20))},
	{id: "H106", what: "text of size 0, white on white, off screen", flags: "hidden_text", check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
		if strings.Contains(r.mail.Text, "nascost") {
			t.Errorf("hidden words in %q", r.mail.Text)
		}
	}, make: htmlMail("H106", `<p style="font-size:0">nascosto uno</p><p style="color:#fff;background-color:#ffffff">nascosto due</p><p style="position:absolute;left:-9999px">nascosto tre</p><div style="display: none">nascosto quattro</div>`)},
	{id: "H107", what: "text/plain and text/html with different requests", flags: "two_faced", visible: "Testo H107\nChiudete il conto di Maria domani",
		make: func(*hostileWorld) []byte {
			return mailOf("H107", "--b\nContent-Type: text/plain\n\nTesto H107\nChiudete il conto di Maria domani\n--b\nContent-Type: text/html\n\n<p>Testo H107</p><p>Aprite una nuova linea per Luca oggi stesso</p>\n--b--\n",
				"Content-Type: multipart/alternative; boundary=b")
		}},
	{id: "H108", what: "CSS background images, attribute background", check: gone("background", "bad.example", "url("),
		make: htmlMail("H108", `<div style="background-image:url(https://bad.example/a.png)"></div><table background="https://bad.example/b.png"><tr><td background="https://bad.example/c.png"></td></tr></table>`)},
}

// TestSanitiseOddities: what only looks like a link with a host is none, and references to control characters leave nothing.
func TestSanitiseOddities(t *testing.T) {
	for in, want := range map[string]string{
		`<p>a&#6;b&#x1b;[1mc&#127;</p>`: "<p>ab[1mc</p>", `<a href="https:///?=bad.example/x">a</a>`: "<a>a</a>", `<a href="https://?x">a</a>`: "<a>a</a>",
		`<a href="http://\bad.example">a</a>`: "<a>a</a>", `<a href="https:bad.example">a</a>`: "<a>a</a>",
	} {
		if got := Sanitise(in, nil); got != want {
			t.Errorf("%s became %q, want %q", in, got, want)
		}
	}
}
