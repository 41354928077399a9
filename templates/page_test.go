package templates

import (
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestPages(t *testing.T) {
	s := mustLoad(t)
	frame := PageFrame{Brand: "Assistenza Acme", Help: "+39 011 555 0100", Privacy: "https://help.acme.example/privacy", Other: "?lang=en", Assets: "/static"}
	offer := OfferPage{frame, 7, []Article{{Title: "<i>Toner</i>", Summary: "Cambialo.", URL: "https://help.acme.example/kb/toner"}},
		"/offer/yes/abc", "/offer/no/def", time.Date(2026, 11, 23, 9, 0, 0, 0, rome), false}
	one := offer
	one.Yes, one.OpensAt = "", time.Time{}
	pages := map[string]Page{"offer": offer, "offer without yes": one, "article": ArticlePage{frame, "Cambiare il toner", "it", "<p>Apri lo sportello.</p>"}, "solved": DonePage{frame, DoneSolved, 7}, "opened": DonePage{frame, DoneOpened, 7},
		"already": DonePage{frame, DoneAlready, 7}, "link": ErrorPage{frame, ErrorLink}, "method": ErrorPage{frame, ErrorMethod},
		"search": SearchPage{PageFrame: frame, Longest: 500}, "found": SearchPage{frame, `<script>"toner`, 500, offer.Articles, "mailto:a@b.example?subject=x%20y"}, "nothing": SearchPage{frame, "xyz", 500, nil, ""},
		"limit": ErrorPage{frame, ErrorLimit}, "unavailable": ErrorPage{frame, ErrorUnavailable}, "not found": ErrorPage{PageFrame{}, ErrorNotFound},
		"unknown": ErrorPage{frame, "never heard of"}}
	for name, p := range pages {
		for _, lang := range Languages() {
			var b strings.Builder
			if err := s.Page(&b, lang, p); err != nil {
				t.Fatalf("%s in %s: %v", name, lang, err)
			}
			out := b.String()
			for _, want := range []string{`<html lang="` + lang + `">`, "<h1>", "<main", `name="viewport"`, "site.css"} {
				if strings.Count(out, want) != 1 {
					t.Errorf("%s in %s: %q is not there exactly once", name, lang, want)
				}
			}
			for _, bad := range []string{"<script", "<style", "style=", "onclick", "<i>", "<no value>", "ZgotmplZ", "page.title", "page.done", "page.error", "page.offer"} {
				if strings.Contains(out, bad) {
					t.Errorf("%s in %s holds %q", name, lang, bad)
				}
			}
		}
	}
	var b strings.Builder
	if err := s.Page(&b, Italian, offer); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<form method="post" action="/offer/yes/abc"><button type="submit">Sì, ho risolto</button></form>`,
		`<form method="post" action="/offer/no/def">`, "lunedì 23/11/2026, ore 09:00"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("offer page lacks %s:\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := s.Page(&b, "xx", one); err != nil || strings.Count(b.String(), "<form") != 1 || !strings.Contains(b.String(), "An agent already has") {
		t.Errorf("page without yes, unknown language: %v\n%s", err, b.String())
	}
	if OfferPath("a", "b/c") != "/offer/a/b%2Fc" || ArticlePath("EN", "x y") != "/kb/en/x%20y" || ArticlePath("", "x") != "/kb/it/x" {
		t.Error("paths do not fit the routes")
	}
	if err := s.Page(&b, Italian, DonePage{Code: "nothing"}); err == nil {
		t.Error("an unknown code of a done page must be an error")
	}
}

var (
	rule   = regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`)
	color  = regexp.MustCompile(`(?:^|[ ;])color: *#([0-9a-f]{6})`)
	ground = regexp.MustCompile(`background: *#([0-9a-f]{6})`)
)

// TestContrast measures every pair of colour and ground in letters and pages: at least 4.5:1 in both schemes (M36).
func TestContrast(t *testing.T) {
	layout, err := fs.ReadFile(files, "mail/layout.html.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindSubmatch(layout)
	css, err := fs.ReadFile(Static(), "site.css")
	if err != nil {
		t.Fatal(err)
	}
	for name, sheet := range map[string]string{"letter": string(style[1]), "page": string(css)} {
		light, dark, found := strings.Cut(sheet, "@media (prefers-color-scheme: dark) {")
		if !found {
			t.Fatalf("%s has no dark colours", name)
		}
		for scheme, rules := range map[string]string{"light": light, "dark": dark} {
			pairs := 0
			for _, m := range rule.FindAllStringSubmatch(rules, -1) {
				c, g := color.FindStringSubmatch(m[2]), ground.FindStringSubmatch(m[2])
				if (c == nil) != (g == nil) {
					t.Errorf("%s, %s: %s names only one of colour and ground", name, scheme, strings.TrimSpace(m[1]))
				}
				if c == nil || g == nil {
					continue
				}
				pairs++
				if ratio := contrast(t, c[1], g[1]); ratio < 4.5 {
					t.Errorf("%s, %s: %s has a contrast of %.2f", name, scheme, strings.TrimSpace(m[1]), ratio)
				}
			}
			if pairs < 3 {
				t.Errorf("%s, %s: only %d pairs measured", name, scheme, pairs)
			}
		}
	}
}

// contrast is the ratio of WCAG 2.2, from 1 to 21.
func contrast(t *testing.T, a, b string) float64 {
	lum := func(hex string) float64 {
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			v := float64(n) / 255
			if v <= 0.03928 {
				v /= 12.92
			} else {
				v = math.Pow((v+0.055)/1.055, 2.4)
			}
			sum += weight * v
		}
		return sum
	}
	x, y := lum(a), lum(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestHoursSentence(t *testing.T) {
	s := mustLoad(t)
	spans := []Span{{time.Monday, time.Friday, []string{"09:00–13:00", "14:00–18:00"}}, {time.Saturday, time.Saturday, []string{"09:00–13:00"}}}
	next := time.Date(2026, 11, 23, 9, 0, 0, 0, rome)
	for _, c := range []struct {
		hours  Hours
		it, en string
	}{
		{Hours{}, "", ""},
		{Hours{spans, true, next}, "L'assistenza è attiva ora. Orari di assistenza: lunedì–venerdì 09:00–13:00, 14:00–18:00; sabato 09:00–13:00.",
			"Support is open now. Support hours: Monday–Friday 09:00–13:00, 14:00–18:00; Saturday 09:00–13:00."},
		{Hours{spans[1:], false, next}, "In questo momento l'assistenza è chiusa: si riprende lunedì 23/11/2026, ore 09:00. Orari di assistenza: sabato 09:00–13:00.",
			"Support is closed at the moment and will be back on Monday 23 Nov 2026, 09:00. Support hours: Saturday 09:00–13:00."},
		{Hours{spans[1:], false, time.Time{}}, "In questo momento l'assistenza è chiusa. Orari di assistenza: sabato 09:00–13:00.",
			"Support is closed at the moment. Support hours: Saturday 09:00–13:00."},
	} {
		if it, en := s.HoursSentence(Italian, c.hours), s.HoursSentence(English, c.hours); it != c.it || en != c.en {
			t.Errorf("%s:\n%s\n%s", fmt.Sprint(c.hours), it, en)
		}
	}
}
