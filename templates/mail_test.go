package templates

import (
	"html"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"flag"
)

var update = flag.Bool("update", false, "write the golden files anew")

var rome = time.FixedZone("CET", 3600)

// samples are letters of every kind and branch.
func samples() map[string]Facts {
	common := Common{Brand: "Assistenza Acme", Company: "Acme S.r.l., via Roma 1, Torino, P.IVA 01234567890", Help: "+39 011 555 0100",
		Privacy: "https://help.acme.example/privacy", Number: 1204, URL: "https://help.acme.example/t/1204"}
	bare := Common{Brand: "Acme", Number: 7, Tag: true}
	open := Hours{Spans: []Span{{time.Monday, time.Friday, []string{"09:00–13:00", "14:00–18:00"}}, {time.Saturday, time.Saturday, []string{"09:00–13:00"}}}, Open: true}
	closed := open
	closed.Open, closed.Next = false, time.Date(2026, 11, 23, 9, 0, 0, 0, rome)
	until := time.Date(2026, 12, 7, 18, 0, 0, 0, rome)
	articles := []Article{
		{"Stampante <ferma> & sola", "Spegni la stampante, attendi 30 secondi e riaccendila. Se la spia resta rossa, sostituisci il toner.", "https://help.acme.example/kb/stampante?a=1&b=2", "it"},
		{"Reset the password", "Choose \"Forgot password\" on the sign-in page.", "", "en"},
	}
	words := "Gentile signora Verdi,\n\ncambi il toner & riprovi: <b>non</b> serve altro.\nVeda https://help.acme.example/kb/toner?a=1&b=2.\n\n> riga citata\n> seconda riga\n\n    sudo lp -d laser\n\nCordiali saluti"
	return map[string]Facts{
		"received_open":         Received{common, open, nil},
		"received_closed":       Received{common, closed, nil},
		"received_bare":         Received{bare, Hours{}, nil},
		"received_articles":     Received{common, open, articles},
		"answer_article":        Answer{common, "Stampante", "", "Anna Rossi", "", time.Time{}, articles[:1]},
		"answer_articles":       Answer{common, "Stampante", "Provi così:", "Anna Rossi", "", time.Time{}, articles},
		"offer":                 Offer{common, articles, "https://help.acme.example/offer/a/b", until, false},
		"offer_closes":          Offer{common, articles[1:], "https://help.acme.example/offer/a/b", until, true},
		"offer_bare":            Offer{bare, articles[1:], "", time.Time{}, false},
		"opened":                Opened{common, closed},
		"answer":                Answer{common, "Stampante ferma", words, "Anna Rossi", "", time.Time{}, nil},
		"answer_pending":        Answer{bare, "", "Che modello è?", "", StatePending, time.Time{}, nil},
		"answer_resolved":       Answer{common, "Stampante", "Fatto.", "Anna", StateResolved, until, nil},
		"pending":               Pending{common},
		"reminder":              Reminder{common, until},
		"reminder_bare":         Reminder{bare, time.Time{}},
		"resolved_solved":       Resolved{common, ReasonSolved, 0, "", "", until},
		"resolved_words":        Resolved{common, ReasonSolved, 0, words, "Anna Rossi", until},
		"resolved_duplicate":    Resolved{common, ReasonDuplicate, 1100, "", "", time.Time{}},
		"resolved_duplicate_no": Resolved{bare, ReasonDuplicate, 0, "", "", time.Time{}},
		"resolved_no_reply":     Resolved{common, ReasonNoReply, 0, "", "", until},
		"resolved_other":        Resolved{common, ReasonOther, 0, "Prodotto non più venduto.", "Anna", time.Time{}},
		"reopened":              Reopened{common, open},
		"followup":              Followup{common, 990, closed},
		"article_solved":        ArticleSolved{common, until},
	}
}

func TestSamplesCoverEveryKind(t *testing.T) {
	seen := map[Kind]bool{}
	for _, f := range samples() {
		seen[f.Kind()] = true
	}
	for _, kind := range Kinds() {
		if !seen[kind] {
			t.Errorf("no sample of kind %s", kind)
		}
		if zeroFacts(kind) == nil {
			t.Errorf("the linter does not know kind %s", kind)
		}
	}
}

func TestMailGolden(t *testing.T) {
	s := mustLoad(t)
	for name, facts := range samples() {
		for _, lang := range []string{Italian, English, Both} {
			m, err := s.Mail(lang, facts)
			if err != nil {
				t.Fatalf("%s in %s: %v", name, lang, err)
			}
			got := "Subject: " + m.Subject + "\nAuto-Submitted: " + m.AutoSubmitted + "\n\n" + m.Text
			file := filepath.Join("testdata", name+"."+lang+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs (run with -update to accept)\n%s", file, got)
			}
		}
	}
}

var (
	headPart  = regexp.MustCompile(`(?s)^.*<body>`)
	anyTag    = regexp.MustCompile(`<[^>]*>`)
	anyURL    = regexp.MustCompile(`https?://\S+`)
	wordRunes = regexp.MustCompile(`[\p{L}\p{N}]+`)
)

func wordSet(text string) []string {
	words := wordRunes.FindAllString(strings.ToLower(anyURL.ReplaceAllString(text, " ")), -1)
	slices.Sort(words)
	return slices.Compact(words)
}

// TestTextAndHTMLSayTheSame is rule M38.
func TestTextAndHTMLSayTheSame(t *testing.T) {
	s := mustLoad(t)
	for name, facts := range samples() {
		for _, lang := range []string{Italian, English, Both} {
			m, err := s.Mail(lang, facts)
			if err != nil {
				t.Fatal(err)
			}
			visible := html.UnescapeString(anyTag.ReplaceAllString(headPart.ReplaceAllString(m.HTML, ""), " "))
			a, b := wordSet(m.Text), wordSet(visible)
			for _, w := range a {
				if !slices.Contains(b, w) {
					t.Errorf("%s %s: %q is only in the text", name, lang, w)
				}
			}
			for _, w := range b {
				if !slices.Contains(a, w) {
					t.Errorf("%s %s: %q is only in the HTML", name, lang, w)
				}
			}
		}
	}
}

// TestHTMLRules checks M32, M34, M35 and M37 on every sample.
func TestHTMLRules(t *testing.T) {
	s := mustLoad(t)
	href := regexp.MustCompile(`href="([^"]*)"`)
	table := regexp.MustCompile(`<table[^>]*>`)
	size := regexp.MustCompile(`font-size:(\d+)px`)
	for name, facts := range samples() {
		for _, lang := range []string{Italian, English, Both} {
			m, err := s.Mail(lang, facts)
			if err != nil {
				t.Fatal(err)
			}
			fail := func(what string) { t.Errorf("%s %s: %s", name, lang, what) }
			if !strings.Contains(m.HTML, `<html lang="`+m.Lang+`">`) {
				fail("the HTML's language is not the letter's (M34)")
			}
			if len(m.HTML) > MaxHTML {
				fail("more than 50 KB (M35)")
			}
			for _, bad := range []string{"<script", "<form", "<link", "<img", "@import", "url(", "background=", "src=", "ZgotmplZ", "<no value>"} {
				if strings.Contains(m.HTML, bad) || strings.Contains(m.Text, bad) {
					fail("holds " + bad)
				}
			}
			if n := strings.Count(m.HTML, "<h1"); n != 1 {
				fail("needs exactly one h1 (M37)")
			}
			for _, tag := range table.FindAllString(m.HTML, -1) {
				if !strings.Contains(tag, `role="presentation"`) {
					fail(tag + " has no role (M37)")
				}
			}
			for _, h := range href.FindAllStringSubmatch(m.HTML, -1) {
				if u := html.UnescapeString(h[1]); !strings.HasPrefix(u, "https://help.acme.example/") || len(u) > 200 {
					fail("link " + u + " leaves the portal (M32)")
				}
			}
			for _, px := range size.FindAllStringSubmatch(m.HTML, -1) {
				if px[1] < "14" {
					fail("text below 14 px (M37)")
				}
			}
			if strings.Contains(m.Text, "\r") || !strings.HasSuffix(m.Text, "\n") || strings.Contains(m.Text, "\n\n\n") {
				fail("the text's line ends are untidy")
			}
			if strings.ContainsAny(m.Subject, "\r\n") || strings.TrimSpace(m.Subject) != m.Subject || m.Subject == "" {
				fail("subject is not one tidy line")
			}
			if !strings.Contains(m.Text, "1204") && !strings.Contains(m.Text, "7") {
				fail("the number is not in the body (M22)")
			}
		}
	}
}

// TestAutomaticMailsDoNotDependOnTheSender is S11 by type: nothing but numbers, times, articles and settings can reach these letters.
func TestAutomaticMailsDoNotDependOnTheSender(t *testing.T) {
	for _, kind := range Kinds() {
		fields := map[string]string{}
		if err := fieldOrigins(reflect.TypeOf(zeroFacts(kind)), fields); err != nil {
			t.Error(err)
		}
		for name, origin := range fields {
			if origin == originSender && kind != KindAnswer {
				t.Errorf("%s letters can say %s, which the sender typed", kind, name)
			}
		}
	}
	type Loose struct {
		Name string
	}
	if err := fieldOrigins(reflect.TypeFor[Loose](), map[string]string{}); err == nil {
		t.Error("a field without an origin passes")
	}
}

func TestAutoSubmitted(t *testing.T) {
	for name, want := range map[string]string{"received_open": AutoReplied, "offer": AutoReplied, "answer": "", "pending": AutoGenerated,
		"reminder": AutoGenerated, "resolved_solved": AutoGenerated, "resolved_words": "", "reopened": AutoReplied} {
		if got := samples()[name].AutoSubmitted(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestLongAnswerHasNoHTML(t *testing.T) {
	s := mustLoad(t)
	m, err := s.Mail(Italian, Answer{Words: strings.Repeat("parola & ", 10000)})
	if err != nil || m.HTML != "" || !strings.Contains(m.Text, "parola") {
		t.Errorf("HTML of %d bytes, error %v; want none beyond %d (M35)", len(m.HTML), err, MaxHTML)
	}
}

func TestUnknownLanguage(t *testing.T) {
	if _, err := mustLoad(t).Mail("de", Received{}); err == nil {
		t.Error("German letters do not exist, but no error came")
	}
}

func TestWordsHTML(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"uno", "<p>uno</p>\n"},
		{"uno\ndue\n\n\ntre", "<p>uno<br>\ndue</p>\n<p>tre</p>\n"},
		{"a\r\nb", "<p>a<br>\nb</p>\n"},
		{"<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"},
		{"> a\n> b\nc", "<blockquote>\n<p>a<br>\nb</p>\n</blockquote>\n<p>c</p>\n"},
		{"c\n> a", "<p>c</p>\n<blockquote>\n<p>a</p>\n</blockquote>\n"},
		{"(https://a.example/x?y=1&z=2).", `<p>(<a href="https://a.example/x?y=1&amp;z=2">https://a.example/x?y=1&amp;z=2</a>).</p>` + "\n"},
		{`https://a.example/"onclick="x`, `<p><a href="https://a.example/">https://a.example/</a>&#34;onclick=&#34;x</p>` + "\n"},
		{"javascript:alert(1)", "<p>javascript:alert(1)</p>\n"},
		{"  x", "<p>&nbsp;&nbsp;x</p>\n"},
	} {
		if got := string(wordsHTML(c.in)); got != c.want {
			t.Errorf("wordsHTML(%q)\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func FuzzWordsHTML(f *testing.F) {
	f.Add("uno\n> due https://a.example/<b>\n\n\ttre &amp;")
	f.Fuzz(func(t *testing.T, in string) {
		if strings.ContainsRune(in, 0) {
			t.Skip()
		}
		out := string(wordsHTML(in))
		for _, tag := range anyTag.FindAllString(out, -1) {
			switch {
			case slices.Contains([]string{"<p>", "</p>", "<br>", "<blockquote>", "</blockquote>", "</a>"}, tag):
			case strings.HasPrefix(tag, `<a href="http`) && strings.Count(tag, `"`) == 2:
			default:
				t.Fatalf("tag %q came out of %q", tag, in)
			}
		}
		if strings.Count(out, "<blockquote>") != strings.Count(out, "</blockquote>") {
			t.Fatal("a quotation is not closed")
		}
	})
}
