package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	rankArticles = `{"id":"pw","title":"Password dimenticata","body":"Come reimpostare la password di accesso.","tags":["login"],"cat":"account","lang":"it"}
{"id":"print","title":"Stampante","body":"La stampante non stampa lo scontrino.","tags":"carta","lang":"it"}
{"id":"bill","title":"Fattura scartata","body":"Correggere e inviare di nuovo la fattura."}
`
	rankPool = `{"id":"1","text":"escono righe bianche","article":"print"}
`
	rankQueries = `{"qid":"b","text":"ho dimenticato la password"}

{"qid":"a","text":"righe bianche"}
{"qid":"c","text":"buongiorno"}
`
)

func writeTemp(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "lines.jsonl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestKBRank(t *testing.T) {
	cmd := KBRankCmd{Articles: writeTemp(t, rankArticles), Learn: writeTemp(t, rankPool), Language: "it"}
	var out strings.Builder
	if err := cmd.Run(strings.NewReader(rankQueries), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{
		`^\{"qid":"b","hits":\[\{"id":"pw","score":0\.\d+\}.*\],"confidence":0\.\d+,"offer":(true|false)\}$`,
		`^\{"qid":"a","hits":\[\{"id":"print","score":0\.\d+\}.*\],"confidence":0\.\d+,"offer":(true|false)\}$`,
		`^\{"qid":"c","hits":\[\],"confidence":0,"offer":false\}$`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	for i, w := range want {
		if !regexp.MustCompile(w).MatchString(lines[i]) {
			t.Errorf("line %d: %s\nwant %s", i+1, lines[i], w)
		}
	}
}

func TestKBRankNamesTheBadLine(t *testing.T) {
	good := writeTemp(t, rankArticles)
	tests := []struct {
		name     string
		cmd      KBRankCmd
		in, want string
	}{
		{"query", KBRankCmd{Articles: good}, "{\"qid\":\"a\"}\n[]\n", "queries, line 2"},
		{"article", KBRankCmd{Articles: writeTemp(t, "{\"id\":\"x\"}\n\n{")}, "", "line 3"},
		{"tags", KBRankCmd{Articles: writeTemp(t, `{"id":"x","tags":[1]}`)}, "", "tags"},
		{"no file", KBRankCmd{Articles: good + ".none"}, "", "none"},
	}
	for _, tt := range tests {
		if err := tt.cmd.Run(strings.NewReader(tt.in), &strings.Builder{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

// TestKBRankKeepsOrder ranks more queries than the processors take at a time, and meets a bad line late.
func TestKBRankKeepsOrder(t *testing.T) {
	const n = 1000
	var in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "{\"qid\":\"%d\",\"text\":\"%s\"}\n", i, strings.Repeat("password ", 1+i*7%50))
	}
	cmd := KBRankCmd{Articles: writeTemp(t, rankArticles), Language: "it"}
	for _, tail := range []string{"", "[]\n{\"qid\":\"after\",\"text\":\"\"}\n"} {
		var out strings.Builder
		err := cmd.Run(strings.NewReader(in.String()+tail), &out)
		if tail == "" && err != nil || tail != "" && (err == nil || !strings.Contains(err.Error(), "queries, line 1001")) {
			t.Errorf("error %v with the last lines %q", err, tail)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != n {
			t.Fatalf("%d results with the last lines %q, want %d", len(lines), tail, n)
		}
		for i, l := range lines {
			if !strings.HasPrefix(l, fmt.Sprintf(`{"qid":"%d",`, i)) {
				t.Fatalf("result %d is %s", i, l)
			}
		}
	}
}

func TestKBEval(t *testing.T) {
	queries := `{"qid":"1","text":"password dimenticata","rel":["pw"]}
{"qid":"2","text":"escono righe bianche","rel":["print"]}
{"qid":"3","text":"zzzz","rel":[]}
`
	cmd := KBEvalCmd{Articles: writeTemp(t, rankArticles), Language: "it", Precision: 0.8}
	var out strings.Builder
	if err := cmd.Run(strings.NewReader(queries), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("want a head and one row:\n%s", out.String())
	}
	if got := strings.Fields(lines[1])[1:5]; strings.Join(got, " ") != "3 0.500 0.500 0.500" {
		t.Errorf("queries and R@1, R@3, MRR@10 are %v", got)
	}
	cmd.Fit = true
	if err := cmd.Run(strings.NewReader(queries), &out); err == nil || !strings.Contains(err.Error(), "200") {
		t.Errorf("fitting on three queries: %v", err)
	}
	if err := (&KBEvalCmd{}).Run(strings.NewReader(""), &out); err == nil || !strings.Contains(err.Error(), "--sets") {
		t.Errorf("nothing to evaluate: %v", err)
	}
}

// writeSets writes two small sets, one of them with past questions, and returns their folder.
func writeSets(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []struct{ name, text string }{
		{"one/articles.jsonl", rankArticles}, {"one/queries.jsonl", `{"qid":"1","text":"password","rel":["pw"]}`}, {"one/pool.jsonl", rankPool},
		{"two/articles.jsonl", rankArticles}, {"two/queries.jsonl", `{"qid":"1","text":"fattura","rel":["bill"]}`},
	} {
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestKBEvalSets(t *testing.T) {
	var out strings.Builder
	if err := (&KBEvalCmd{Sets: writeSets(t), Language: "it"}).Run(strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one ", "one learnt ", "two ", "mean "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no row %q in\n%s", want, out.String())
		}
	}
}

func TestKBEvalGoals(t *testing.T) {
	dir := writeSets(t)
	if err := os.Rename(filepath.Join(dir, "one"), filepath.Join(dir, "banking77")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "two"), filepath.Join(dir, "lohelp-it")); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := (&KBEvalCmd{Sets: dir, Language: "it", Goals: true}).Run(strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`banking77 +R@3 +1\.000 *\n`, `lohelp-it +R@3 +1\.000 +≥ 0\.730 +ok\n`, `banking77, titles +R@3, closed loop.* \d\.\d+ +≥ 0.890 +(ok|miss)\n`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no row %q in\n%s", want, out.String())
		}
	}
	if err := (&KBEvalCmd{Articles: filepath.Join(dir, "lohelp-it", "articles.jsonl"), Goals: true}).Run(strings.NewReader(""), &out); err == nil {
		t.Error("goals without --sets are not refused")
	}
}
