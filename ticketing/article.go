package ticketing

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// ArticleKind says what an article is for.
type ArticleKind string

// The kinds of articles.
const (
	ArticleSolution      ArticleKind = "solution"      // a fault and its cure
	ArticleHowTo         ArticleKind = "how-to"        // steps to a goal
	ArticleFeature       ArticleKind = "feature"       // what a part of a product does
	ArticleClarification ArticleKind = "clarification" // rules, terms, prices
)

// Audiences, from the widest to the narrowest. As the audience of an article it says who may see it; as the audience of a query it says
// who asks. An empty or unknown audience of a query is that of a customer, of an article that of the agents: a slip hides, it never shows.
const (
	AudienceCustomers = "customers" // articles for everybody; the person asking is a customer
	AudienceResellers = "resellers" // articles for resellers only; resellers see those of customers too
	AudienceAgents    = "agents"    // the person asking is an agent and sees every published article
)

// Limits of an article file.
const (
	MaxArticleBytes     = 1 << 20 // whole file
	MaxFrontMatterBytes = 32 << 10
	MaxArticleTitle     = 200 // runes
	MaxArticleSummary   = 400 // runes
	MaxArticleTags      = 50
	MaxSlug             = 100 // bytes
)

// Article is one page of the knowledge base. Slug and Language together name it.
type Article struct {
	ID       string // given by the store; empty before
	Slug     string // lower-case words with hyphens
	Title    string
	Summary  string // what an offer shows under the title; empty: taken from the body
	Line     string // product line, as in the settings; empty: concerns every line
	Product  string
	Module   string
	Kind     ArticleKind
	Audience string
	Language string // "it", "en", …
	Tags     []string
	// Translations maps a language to the slug of the same article in it.
	Translations map[string]string
	Published    time.Time // zero: a draft, which is neither searched nor offered
	Updated      time.Time // day of the last change of its contents
	Body         string    // Markdown (CommonMark with tables)
}

// Hit is an article found for a question.
type Hit struct {
	ID       string  `json:"id"`
	Slug     string  `json:"slug"`
	Language string  `json:"lang,omitempty"`
	Title    string  `json:"title"`
	Summary  string  `json:"summary,omitempty"` // the answer in about two lines, plain text
	Score    float64 `json:"score"`             // share of the best score the question could get, 0..1
}

// frontMatter is the head of an article file.
type frontMatter struct {
	Slug         string            `yaml:"slug"`
	Title        string            `yaml:"title"`
	Summary      string            `yaml:"summary,omitempty"`
	Line         string            `yaml:"line,omitempty"`
	Product      string            `yaml:"product,omitempty"`
	Module       string            `yaml:"module,omitempty"`
	Kind         string            `yaml:"kind"`
	Audience     string            `yaml:"audience"`
	Language     string            `yaml:"language"`
	Tags         []string          `yaml:"tags,flow,omitempty"`
	Translations map[string]string `yaml:"translations,omitempty"`
	Published    string            `yaml:"published,omitempty"`
	Updated      string            `yaml:"updated,omitempty"`
}

// articleError is a refusal of an article file; its sentence says what to change.
func articleError(format string, args ...any) error {
	return &Error{Code: "article.invalid", Permanent: true, Err: fmt.Errorf(format, args...)}
}

// ParseArticle reads an article file: front matter in YAML between two lines of three hyphens, then the body in Markdown. An unknown field,
// a field of the wrong type and a missing one are refused with a sentence that names it, so that a typing error never widens an audience.
func ParseArticle(raw []byte) (Article, error) {
	if len(raw) > MaxArticleBytes {
		return Article{}, articleError("the file has %d bytes; cut it to at most %d", len(raw), MaxArticleBytes)
	}
	if !utf8.Valid(raw) {
		return Article{}, articleError("the file is not UTF-8; save it as UTF-8")
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return Article{}, articleError("the file holds a zero byte; remove it")
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(raw), "\ufeff"), "\r\n", "\n")
	head, body, ok := splitFrontMatter(text)
	if !ok {
		return Article{}, articleError("no front matter; begin the file with a line ---, the fields, and a line ---")
	}
	if len(head) > MaxFrontMatterBytes {
		return Article{}, articleError("the front matter has %d bytes; cut it to at most %d", len(head), MaxFrontMatterBytes)
	}
	var fm frontMatter
	if err := yaml.UnmarshalWithOptions([]byte(head), &fm, yaml.Strict()); err != nil {
		return Article{}, articleError("front matter: %s", strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	a := Article{
		Slug: fm.Slug, Title: oneLine(fm.Title), Summary: oneLine(fm.Summary), Line: strings.TrimSpace(fm.Line),
		Product: oneLine(fm.Product), Module: oneLine(fm.Module), Kind: ArticleKind(fm.Kind), Audience: fm.Audience,
		Language: fm.Language, Translations: fm.Translations, Body: strings.TrimSpace(body),
	}
	for _, t := range fm.Tags {
		if t = oneLine(t); t != "" {
			a.Tags = append(a.Tags, t)
		}
	}
	var err error
	if a.Published, err = articleDate("published", fm.Published); err != nil {
		return Article{}, err
	}
	if a.Updated, err = articleDate("updated", fm.Updated); err != nil {
		return Article{}, err
	}
	if a.Updated.IsZero() {
		a.Updated = a.Published
	}
	return a, a.Check()
}

// splitFrontMatter cuts a file at the lines of three hyphens.
func splitFrontMatter(text string) (head, body string, ok bool) {
	first, rest, found := strings.Cut(text, "\n")
	if !found || strings.TrimRight(first, " \t") != "---" {
		return "", "", false
	}
	for at := 0; at < len(rest); {
		line, _, more := strings.Cut(rest[at:], "\n")
		end := at + len(line)
		if strings.TrimRight(line, " \t") == "---" {
			if more {
				end++
			}
			return rest[:at], rest[end:], true
		}
		if !more {
			break
		}
		at = end + 1
	}
	return "", "", false
}

// oneLine folds all white space and control characters into single spaces.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

func articleDate(field, value string) (time.Time, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, value); err == nil && t.Year() >= 1970 && t.Year() < 10000 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, articleError("%s: %q is no date; write it as 2026-03-31", field, value)
}

// Check reports the first thing that keeps the article out of the knowledge base, or nil.
func (a Article) Check() error {
	switch {
	case !validSlug(a.Slug):
		return articleError("slug: %q; write lower-case letters, digits and single hyphens, at most %d", a.Slug, MaxSlug)
	case a.Title == "":
		return articleError("title: missing; write what a customer would ask, in one line")
	case utf8.RuneCountInString(a.Title) > MaxArticleTitle:
		return articleError("title: longer than %d characters; shorten it", MaxArticleTitle)
	case utf8.RuneCountInString(a.Summary) > MaxArticleSummary:
		return articleError("summary: longer than %d characters; shorten it", MaxArticleSummary)
	case a.Kind != ArticleSolution && a.Kind != ArticleHowTo && a.Kind != ArticleFeature && a.Kind != ArticleClarification:
		return articleError("kind: %q; write solution, how-to, feature or clarification", string(a.Kind))
	case a.Audience != AudienceCustomers && a.Audience != AudienceResellers:
		return articleError("audience: %q; write customers or resellers", a.Audience)
	case !validLanguage(a.Language):
		return articleError("language: %q; write a code of two or three letters such as it or en", a.Language)
	case len(a.Tags) > MaxArticleTags:
		return articleError("tags: more than %d; keep those a customer would write", MaxArticleTags)
	case a.Body == "":
		return articleError("the body is empty; write the answer under the front matter")
	}
	for lang, slug := range a.Translations {
		if !validLanguage(lang) || !validSlug(slug) {
			return articleError("translations: %q: %q; write language: slug, as en: print-a-receipt", lang, slug)
		}
		if lang == a.Language {
			return articleError("translations: %s is the article's own language; remove it", lang)
		}
	}
	return nil
}

func validSlug(s string) bool {
	if s == "" || len(s) > MaxSlug || s[0] == '-' || s[len(s)-1] == '-' || strings.Contains(s, "--") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func validLanguage(s string) bool {
	if len(s) < 2 || len(s) > 3 {
		return false
	}
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return true
}

// File writes the article as the file that ParseArticle reads.
func (a Article) File() ([]byte, error) {
	date := func(t time.Time) string {
		switch {
		case t.IsZero():
			return ""
		case t.Equal(t.Truncate(24 * time.Hour)):
			return t.UTC().Format(time.DateOnly)
		}
		return t.UTC().Format(time.RFC3339)
	}
	head, err := yaml.Marshal(frontMatter{
		Slug: a.Slug, Title: a.Title, Summary: a.Summary, Line: a.Line, Product: a.Product, Module: a.Module, Kind: string(a.Kind),
		Audience: a.Audience, Language: a.Language, Tags: a.Tags, Translations: a.Translations,
		Published: date(a.Published), Updated: date(a.Updated),
	})
	if err != nil {
		return nil, articleError("front matter: %w", err)
	}
	return []byte("---\n" + string(head) + "---\n\n" + a.Body + "\n"), nil
}

// Hash is a SHA-256 in hexadecimal over everything the article says, its ID left out: the same hash means that nothing changed.
func (a Article) Hash() string {
	a.ID = ""
	a.Published, a.Updated = a.Published.UTC(), a.Updated.UTC()
	if len(a.Tags) == 0 {
		a.Tags = nil
	}
	if len(a.Translations) == 0 {
		a.Translations = nil
	}
	raw, err := json.Marshal(a)
	if err != nil { // only a year beyond 9999, which Check and articleDate refuse
		raw = fmt.Appendf(nil, "%#v", a)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
