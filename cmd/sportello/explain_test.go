package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// ruleCodes reads from its source which rules the reader knows.
func ruleCodes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../ingest/mail/rules.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		if typ, ok := v.Type.(*ast.Ident); !ok || typ.Name != "ruleCode" {
			return true
		}
		code, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
		return true
	})
	if len(codes) < 20 {
		t.Fatalf("only %d rules were found in rules.go", len(codes))
	}
	return codes
}

func TestExplainHasASentenceForEachRule(t *testing.T) {
	t.Parallel()
	words, err := templates.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range ruleCodes(t) {
		key := "cli.explain.rule." + code
		if !words.Has(key) {
			t.Errorf("the rule %s has no sentence: add %s to templates/lang/cli.it.json and cli.en.json", code, key)
			continue
		}
		for _, lang := range []string{"it", "en"} {
			if s := ruleSentence(words, lang, ticketing.Rule{Number: "Q99", Code: code}); !strings.Contains(s, "Q99") {
				t.Errorf("the %s sentence of %s does not name the rule's number: %q", lang, code, s)
			}
		}
	}
	if s := ruleSentence(words, "en", ticketing.Rule{Number: "Z1", Code: "from_the_future", Args: map[string]string{"b": "2", "a": "1"}}); s != "Rule Z1: from_the_future a=1 b=2." {
		t.Errorf("a rule without a sentence reads %q", s)
	}
}

func batchLines(t *testing.T, out string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(out) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		lines = append(lines, o)
	}
	return lines
}

func writeBatch(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func batchText(subject string) string {
	return "From: Maria <maria@cliente.example>\nTo: desk@example.com\nSubject: " + subject + "\n\nTesto.\n"
}

func TestExplainBatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files map[string]string
		path  string
		want  []string // subjects in their order
	}{
		{"folder", map[string]string{"b.eml": batchText("due"), "a.eml": batchText("uno"), "sub/c.txt": batchText("tre"), ".hidden": batchText("no")}, "", []string{"uno", "due", "tre"}},
		{"Maildir", map[string]string{"cur/1:2,S": batchText("letto"), "new/2": batchText("nuovo"), "tmp/3": batchText("no"), ".Sent/cur/4": batchText("spedito"), ".Sent/new/.keep": "",
			"dovecot-uidlist": "3 V1"}, "", []string{"spedito", "letto", "nuovo"}},
		{"mbox", map[string]string{"m": "From x Sat Nov 21\n" + batchText("uno") + ">From qui in poi\nFrom qui no\n\nFrom y Sun Nov 22\n" + batchText("due")}, "m", []string{"uno", "due"}},
		{"mbox with CRLF", map[string]string{"m": strings.ReplaceAll("From x\n"+batchText("uno")+"\nFrom y\n"+batchText("due"), "\n", "\r\n")}, "m", []string{"uno", "due"}},
		{"one mail", map[string]string{"m.eml": batchText("sola") + "\nFrom here it goes on\n"}, "m.eml", []string{"sola"}},
		{"empty folder", map[string]string{".keep": ""}, "", nil},
	} {
		dir := t.TempDir()
		for name, text := range c.files {
			writeBatch(t, filepath.Join(dir, name), text)
		}
		code, out, errs := runCommand(t.Context(), "", "explain", "--lang", "en", "--batch", filepath.Join(dir, c.path))
		var got []string
		for _, l := range batchLines(t, out) {
			got = append(got, l["subject"].(string))
		}
		if code != 0 || fmt.Sprint(got) != fmt.Sprint(c.want) || !strings.Contains(errs, fmt.Sprintf("%d mails in ", len(c.want))) {
			t.Errorf("%s: exit %d, %q, want %q\n%s", c.name, code, got, c.want, errs)
		}
		if c.name == "mbox" && !strings.Contains(out, `Testo.\nFrom qui in poi\nFrom qui no"`) {
			t.Errorf("the quoted From line of the mbox reads\n%s", out)
		}
	}
	if code, _, errs := runCommand(t.Context(), "", "explain", "--batch", filepath.Join(t.TempDir(), "nothing")); code != exitFailed || !strings.Contains(errs, "cannot open the batch") {
		t.Errorf("a path that is not there: exit %d\n%s", code, errs)
	}
}

// A file that cannot be opened is told in its line and costs the others nothing.
func TestExplainBatchGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeBatch(t, filepath.Join(dir, "a.eml"), batchText("uno"))
	if err := os.Symlink(filepath.Join(dir, "gone"), filepath.Join(dir, "b.eml")); err != nil {
		t.Fatal(err)
	}
	writeBatch(t, filepath.Join(dir, "c.eml"), batchText("tre"))
	code, out, errs := runCommand(t.Context(), "", "explain", "--lang", "en", "--batch", dir)
	lines := batchLines(t, out)
	if code != exitFailed || len(lines) != 3 || lines[0]["subject"] != "uno" || lines[1]["error"] == nil || lines[2]["subject"] != "tre" || !strings.Contains(errs, "1 could not be opened") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

// However long a mail of an mbox is, no more of it is kept than may be read, and the next one is found.
func TestSplitMboxKeepsToItsLimit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200_000)
	var got [][]byte
	total := int64(0)
	text := "From a\nSubject: 1\n\n" + long + "\n" + long + "\n\nFrom b\nSubject: 2\n\nfine\n"
	err := splitMbox(strings.NewReader(text), 100_000, func(raw []byte, read int64) bool {
		got = append(got, bytes.Clone(raw))
		total += read
		return true
	})
	if err != nil || len(got) != 2 || len(got[0]) > 100_000 || string(got[1]) != "Subject: 2\n\nfine\n" || total != int64(len(text)) {
		t.Errorf("%d mails of %d octets, %v", len(got), total, err)
	}
}
