package kb_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
)

func TestReadDir(t *testing.T) {
	file := func(slug, language string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("---\nslug: " + slug + "\ntitle: T\nkind: how-to\naudience: customers\nlanguage: " + language + "\n---\nBody.\n")}
	}
	dir := fstest.MapFS{
		"it/uno.md":       file("uno", "it"),
		"it/due.MD":       file("due", "it"),
		"en/uno.md":       file("uno", "en"),
		"it/zdoppio.md":   file("uno", "it"),
		"it/rotto.md":     {Data: []byte("no front matter")},
		"it/enorme.md":    {Data: []byte(strings.Repeat("x", ticketing.MaxArticleBytes+1))},
		"it/note.txt":     {Data: []byte("no article")},
		"it/.nascosto.md": {Data: []byte("hidden")},
		".git/x.md":       {Data: []byte("hidden")},
		"it/cartella.md":  {Mode: fs.ModeDir},
		"it/tubo.md":      {Mode: fs.ModeNamedPipe},
	}
	articles, problems := kb.ReadDir(dir)
	var got []string
	for _, a := range articles {
		got = append(got, a.Language+"/"+a.Slug)
	}
	if s := strings.Join(got, " "); s != "en/uno it/due it/uno" {
		t.Errorf("articles %s", s)
	}
	want := map[string]string{
		"it/zdoppio.md": "taken by it/uno.md", "it/rotto.md": "no front matter", "it/enorme.md": "cut it to at most", "it/tubo.md": "not a regular file",
	}
	for _, p := range problems {
		if w := want[p.Path]; w == "" || !strings.Contains(p.Error(), w) {
			t.Errorf("unexpected problem %v", p)
		}
		delete(want, p.Path)
	}
	for path := range want {
		t.Errorf("no problem reported for %s", path)
	}
	again, _ := kb.ReadDir(dir)
	for i := range again {
		if again[i].Hash() != articles[i].Hash() {
			t.Errorf("%s: the hash changes from reading to reading", again[i].Slug)
		}
	}
}
