package templates

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

//go:embed lang mail web static
var files embed.FS

// The languages everything is written in. Italian comes first wherever both are shown.
const (
	Italian = "it"
	English = "en"
	// Both asks for a letter in both languages, Italian first (rule E3). Mail accepts it, T and Page do not.
	Both = "it+en"
)

// Languages returns the languages of every set, in the order in which they are shown together.
func Languages() []string { return []string{Italian, English} }

// Set is all words, parsed and checked. It does not change and may be used by many goroutines.
type Set struct {
	words map[string]map[string]string // language, key
	mails map[string]map[Kind]*letter  // language, kind
	frame *template.Template           // HTML around every letter
	pages map[string]*pages            // language
}

// Load parses everything that is embedded. Its errors name each difference between the languages and each forbidden field; with an
// unchanged source it never fails, so a program may treat an error as a broken build.
func Load() (*Set, error) { return load(files) }

// Static returns what the web pages load, such as "site.css", for a file server.
func Static() fs.FS {
	sub, err := fs.Sub(files, "static")
	if err != nil { // only an invalid path fails, and this one is a constant
		panic(err)
	}
	return sub
}

func load(fsys fs.FS) (*Set, error) {
	words, err := loadWords(fsys)
	if err != nil {
		return nil, err
	}
	s := &Set{words: words}
	if err := s.loadMails(fsys); err != nil {
		return nil, err
	}
	if err := s.loadPages(fsys); err != nil {
		return nil, err
	}
	return s, nil
}

// loadWords merges the catalogues lang/NAME.LANGUAGE.json and checks that both languages have the same keys with the same placeholders.
func loadWords(fsys fs.FS) (map[string]map[string]string, error) {
	words := map[string]map[string]string{}
	var problems []error
	for _, lang := range Languages() {
		words[lang] = map[string]string{}
		names, err := fs.Glob(fsys, "lang/*."+lang+".json")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			data, err := fs.ReadFile(fsys, name)
			if err != nil {
				return nil, err
			}
			var entries map[string]string
			if err := json.Unmarshal(data, &entries); err != nil {
				return nil, fmt.Errorf("%s: must be one JSON object of strings: %w", name, err)
			}
			for key, text := range entries {
				if _, twice := words[lang][key]; twice {
					problems = append(problems, fmt.Errorf("%s: key %q is also in another catalogue", name, key))
				}
				if strings.TrimSpace(text) == "" {
					problems = append(problems, fmt.Errorf("%s: key %q has no text", name, key))
				}
				words[lang][key] = text
			}
		}
	}
	all, err := fs.Glob(fsys, "lang/*")
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		if base := path.Base(name); !strings.HasSuffix(base, ".it.json") && !strings.HasSuffix(base, ".en.json") {
			problems = append(problems, fmt.Errorf("%s: a catalogue is named NAME.it.json or NAME.en.json", name))
		}
	}
	it, en := words[Italian], words[English]
	for _, key := range slices.Sorted(maps.Keys(it)) {
		english, ok := en[key]
		if !ok {
			problems = append(problems, fmt.Errorf("key %q is missing in English", key))
			continue
		}
		a, b := placeholders(it[key]), placeholders(english)
		if !slices.Equal(a, b) {
			problems = append(problems, fmt.Errorf("key %q: Italian uses %v, English %v", key, a, b))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(en)) {
		if _, ok := it[key]; !ok {
			problems = append(problems, fmt.Errorf("key %q is missing in Italian", key))
		}
	}
	return words, errors.Join(problems...)
}

// T returns the sentence of a key in a language, with each {name} replaced by the argument of that name. An argument that is missing
// leaves its placeholder visible. When args holds a count "n" and the catalogue has KEY.one and KEY.other, the count chooses between
// them. An unknown language reads as English; an unknown key returns the key itself, so that a person sees which word is missing.
func (s *Set) T(lang, key string, args map[string]any) string {
	words, ok := s.words[lang]
	if !ok {
		words = s.words[English]
	}
	text, ok := words[key]
	if !ok {
		form := ".other"
		if n, counted := args["n"]; counted && fmt.Sprint(n) == "1" {
			form = ".one"
		}
		if text, ok = words[key+form]; !ok {
			return key
		}
	}
	return fill(text, args)
}

// Has reports whether a key exists. Both languages have the same keys.
func (s *Set) Has(key string) bool {
	_, ok := s.words[Italian][key]
	return ok
}

// fill replaces {name} by its argument. What an argument holds is not looked at again: a brace in it stays a brace.
func fill(text string, args map[string]any) string {
	if !strings.Contains(text, "{") {
		return text
	}
	var b strings.Builder
	for {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			break
		}
		length := strings.IndexByte(text[open:], '}')
		if length < 0 {
			break
		}
		b.WriteString(text[:open])
		if value, ok := args[text[open+1:open+length]]; ok {
			fmt.Fprint(&b, value)
		} else {
			b.WriteString(text[open : open+length+1])
		}
		text = text[open+length+1:]
	}
	b.WriteString(text)
	return b.String()
}

// placeholders lists the names in braces of a text, sorted, each once.
func placeholders(text string) []string {
	var names []string
	for {
		_, rest, found := strings.Cut(text, "{")
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			break
		}
		names = append(names, name)
		text = after
	}
	slices.Sort(names)
	return slices.Compact(names)
}
