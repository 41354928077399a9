package ticketing_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const articleFile = `---
slug: stampare-uno-scontrino
title: "Stampare: uno scontrino"
summary: Premete Stampa.
line: cassa
product: Bottega Cassa
module: Vendita
kind: how-to
audience: customers
language: it
tags: [scontrino, ricevuta, 730]
translations:
  en: print-a-receipt
published: 2026-02-10
updated: 2026-09-14T08:30:00+02:00
---

Premete **Stampa**.

---

Fine.
`

func TestParseArticle(t *testing.T) {
	want := ticketing.Article{
		Slug: "stampare-uno-scontrino", Title: "Stampare: uno scontrino", Summary: "Premete Stampa.", Line: "cassa", Product: "Bottega Cassa",
		Module: "Vendita", Kind: ticketing.ArticleHowTo, Audience: ticketing.AudienceCustomers, Language: "it",
		Tags: []string{"scontrino", "ricevuta", "730"}, Translations: map[string]string{"en": "print-a-receipt"},
		Published: time.Date(2026, 2, 10, 0, 0, 0, 0, time.UTC), Updated: time.Date(2026, 9, 14, 6, 30, 0, 0, time.UTC),
		Body: "Premete **Stampa**.\n\n---\n\nFine.",
	}
	for name, raw := range map[string]string{
		"as written": articleFile, "Windows line ends": strings.ReplaceAll(articleFile, "\n", "\r\n"), "byte order mark": "\ufeff" + articleFile,
	} {
		got, err := ticketing.ParseArticle([]byte(raw))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", name, err, got, want)
		}
		if got.Hash() != want.Hash() {
			t.Errorf("%s: another hash", name)
		}
	}
}

func TestParseArticleRefuses(t *testing.T) {
	set := func(from, to string) string {
		if !strings.Contains(articleFile, from) {
			t.Fatalf("%q is not in the sample", from)
		}
		return strings.Replace(articleFile, from, to, 1)
	}
	tests := []struct{ name, raw, want string }{
		{"empty", "", "no front matter"},
		{"no end", "---\nslug: x\n", "no front matter"},
		{"unknown field", set("line: cassa", "lines: cassa"), "unknown field"},
		{"twice the same field", set("line: cassa", "line: cassa\nline: fatture"), "line"},
		{"audience missing", set("audience: customers\n", ""), "audience: \"\"; write"},
		{"audience unknown", set("audience: customers", "audience: all"), "audience: \"all\""},
		{"audience of agents", set("audience: customers", "audience: agents"), "audience"},
		{"kind", set("kind: how-to", "kind: howto"), "kind"},
		{"language", set("language: it", "language: Italian"), "language"},
		{"slug with a path", set("slug: stampare-uno-scontrino", "slug: ../etc"), "slug"},
		{"slug with capitals", set("slug: stampare-uno-scontrino", "slug: Stampa"), "slug"},
		{"title", set(`title: "Stampare: uno scontrino"`, `title: " "`), "title: missing"},
		{"long title", set(`title: "Stampare: uno scontrino"`, "title: "+strings.Repeat("è", 201)), "title: longer"},
		{"long summary", set("summary: Premete Stampa.", "summary: "+strings.Repeat("x", 401)), "summary: longer"},
		{"date", set("published: 2026-02-10", "published: 10/02/2026"), "write it as"},
		{"own translation", set("  en: print-a-receipt", "  it: altro"), "own language"},
		{"translation", set("  en: print-a-receipt", "  en: Print It"), "translations"},
		{"tags", set("[scontrino, ricevuta, 730]", "["+strings.Repeat("a, ", 51)+"]"), "tags: more"},
		{"no body", articleFile[:strings.Index(articleFile, "\nPremete")], "body is empty"},
		{"not UTF-8", set("Fine.", "F\xffine."), "UTF-8"},
		{"zero byte", set("Fine.", "F\x00ine."), "zero byte"},
		{"huge", articleFile + strings.Repeat("x", ticketing.MaxArticleBytes), "cut it"},
		{"huge front matter", set("line: cassa", "line: "+strings.Repeat("x", ticketing.MaxFrontMatterBytes)), "front matter has"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ticketing.ParseArticle([]byte(tt.raw))
			var e *ticketing.Error
			if !errors.As(err, &e) || !e.Permanent || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a permanent error with %q", err, tt.want)
			}
		})
	}
}

func TestArticleHash(t *testing.T) {
	a, err := ticketing.ParseArticle([]byte(articleFile))
	if err != nil {
		t.Fatal(err)
	}
	b := a
	b.ID = "01J"
	if a.Hash() != b.Hash() {
		t.Error("the ID changes the hash")
	}
	v := reflect.TypeOf(a)
	for i := range v.NumField() {
		if v.Field(i).Name == "ID" {
			continue
		}
		b := a
		switch f := reflect.ValueOf(&b).Elem().Field(i); f.Interface().(type) {
		case time.Time:
			f.Set(reflect.ValueOf(time.Unix(0, 0)))
		case []string:
			f.Set(reflect.ValueOf([]string{"other"}))
		case map[string]string:
			f.Set(reflect.ValueOf(map[string]string{"en": "other"}))
		default:
			f.SetString("other")
		}
		if a.Hash() == b.Hash() {
			t.Errorf("a change of %s leaves the hash as it was", v.Field(i).Name)
		}
	}
}

func FuzzFrontMatter(f *testing.F) {
	f.Add([]byte(articleFile))
	f.Add([]byte("---\nslug: &a x\ntitle: *a\nkind: how-to\naudience: customers\nlanguage: it\n---\nx"))
	f.Add([]byte("---\ntags: [[[[{]\n---\nx"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := ticketing.ParseArticle(raw)
		if err != nil {
			return
		}
		file, err := a.File()
		if err != nil {
			t.Fatal(err)
		}
		if len(file) > ticketing.MaxArticleBytes {
			return
		}
		again, err := ticketing.ParseArticle(file)
		if err != nil {
			t.Fatalf("%v in\n%s", err, file)
		}
		if again.Hash() != a.Hash() {
			t.Fatalf("written and read again:\n%+v\n%+v", again, a)
		}
	})
}
