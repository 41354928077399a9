package templates

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// copyOf returns the embedded files in memory, so that a test can damage them.
func copyOf(t *testing.T) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		m[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustLoad(t *testing.T) *Set {
	t.Helper()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoad(t *testing.T) { mustLoad(t) }

func TestLoadRefusesDamage(t *testing.T) {
	replace := func(name, old, new string) func(fstest.MapFS) {
		return func(m fstest.MapFS) {
			before := string(m[name].Data)
			after := strings.Replace(before, old, new, 1)
			if before == after {
				panic("the test changes nothing in " + name)
			}
			m[name].Data = []byte(after)
		}
	}
	for _, c := range []struct {
		name   string
		damage func(fstest.MapFS)
		want   string
	}{
		{"key missing in English", replace("lang/mail.en.json", `"mail.privacy"`, `"mail.secrecy"`), "missing in English"},
		{"key missing in Italian", replace("lang/mail.it.json", `"mail.privacy"`, `"mail.secrecy"`), "missing in Italian"},
		{"other placeholder", replace("lang/mail.en.json", "{help}", "{phone}"), "Italian uses"},
		{"empty text", replace("lang/mail.en.json", `"Sunday"`, `" "`), "has no text"},
		{"not an object of strings", replace("lang/mail.en.json", `"Sunday"`, `7`), "one JSON object of strings"},
		{"key in two catalogues", func(m fstest.MapFS) {
			m["lang/twice.it.json"] = &fstest.MapFile{Data: []byte(`{"day.0":"x"}`)}
		}, "also in another catalogue"},
		{"catalogue of another language", func(m fstest.MapFS) {
			m["lang/mail.de.json"] = &fstest.MapFile{Data: []byte(`{}`)}
		}, "is named NAME.it.json"},
		{"letter missing in English", func(m fstest.MapFS) { delete(m, "mail/en/offer.txt.tmpl") }, "letter offer in en"},
		{"letter missing in Italian", func(m fstest.MapFS) { delete(m, "mail/it/offer.html.tmpl") }, "letter offer in it"},
		{"part missing", replace("mail/it/offer.txt.tmpl", `{{define "preheader"}}`, `{{define "other"}}`), `defines no "preheader"`},
		{"letter of no kind", func(m fstest.MapFS) { m["mail/it/hello.txt.tmpl"] = &fstest.MapFile{} }, "belongs to no kind"},
		{"page missing", func(m fstest.MapFS) { delete(m, "web/done.html") }, "web/done.html"},
		{"sender's subject in an acknowledgement", replace("mail/it/received.txt.tmpl", "{{.Number}}", "{{.Subject}}"), "field Subject is not one of the facts of received letters (S11)"},
		{"sender's name by a variable", replace("mail/en/offer.html.tmpl", "{{.Number}}", "{{with $x := .}}{{$x.Sender.Name}}{{end}}"), "(S11)"},
		{"sender's text inside range", replace("mail/en/offer.txt.tmpl", "{{.Title}}", "{{.Title}}{{$.Body}}"), "(S11)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := copyOf(t)
			c.damage(m)
			if _, err := load(m); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("load says %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestT(t *testing.T) {
	m := copyOf(t)
	m["lang/x.it.json"] = &fstest.MapFile{Data: []byte(`{"x.say":"{a} e {b}","x.n.one":"un ticket","x.n.other":"{n} ticket"}`)}
	m["lang/x.en.json"] = &fstest.MapFile{Data: []byte(`{"x.say":"{b} and {a}","x.n.one":"one ticket","x.n.other":"{n} tickets"}`)}
	s, err := load(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lang, key string
		args      map[string]any
		want      string
	}{
		{"it", "x.say", map[string]any{"a": 1, "b": "due"}, "1 e due"},
		{"en", "x.say", map[string]any{"a": 1, "b": "two"}, "two and 1"},
		{"de", "x.say", map[string]any{"a": 1, "b": "two"}, "two and 1"},
		{"it", "x.say", map[string]any{"a": "{b}", "b": "{a}"}, "{b} e {a}"},
		{"it", "x.say", map[string]any{"a": 1}, "1 e {b}"},
		{"en", "x.n", map[string]any{"n": 1}, "one ticket"},
		{"en", "x.n", map[string]any{"n": int64(2)}, "2 tickets"},
		{"it", "x.n", map[string]any{"n": 0}, "0 ticket"},
		{"it", "no.such.key", nil, "no.such.key"},
	} {
		if got := s.T(c.lang, c.key, c.args); got != c.want {
			t.Errorf("T(%s, %s, %v) = %q, want %q", c.lang, c.key, c.args, got, c.want)
		}
	}
}
