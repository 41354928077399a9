package templates

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"time"
)

// Page is what one web page shows: OfferPage, ArticlePage, SearchPage, DonePage or ErrorPage.
type Page interface{ page() string }

// PageFrame is on every page.
type PageFrame struct {
	Brand   string
	Help    string // another way to reach the desk, may be empty
	Privacy string // https address of the privacy notice, may be empty
	Other   string // address of this page in the other language, empty when it has none
	Assets  string // address prefix of Static, "/static"
}

// OfferPage shows suggested articles and asks whether they helped. Opening it changes nothing; its buttons POST to Yes and No, without
// any field. An empty address leaves its button out.
type OfferPage struct {
	PageFrame
	Number   int64
	Articles []Article
	Yes, No  string
	OpensAt  time.Time // in the desk's zone; zero: an agent has it already
	Closes   bool      // at OpensAt the request is closed without a ticket instead
}

// ArticlePage shows one article.
type ArticlePage struct {
	PageFrame
	Title    string
	Language string        // of the article, which may differ from the page's
	Body     template.HTML // made from the article's Markdown and sanitised
}

// SearchPage is the search that comes before writing. Its address holds what was searched for; asking changes nothing.
type SearchPage struct {
	PageFrame
	Query    string
	Longest  int       // characters of a question
	Articles []Article // found; URL is the path of the article's page
	Write    string    // address to write to, with what was searched for as its subject: it appears after the first search; may be empty
}

// Codes of DonePage.
const (
	DoneSolved  = "solved"  // closed because an article helped
	DoneOpened  = "opened"  // passed to an agent
	DoneAlready = "already" // somebody pressed before
)

// DonePage says what pressing a button did.
type DonePage struct {
	PageFrame
	Code   string
	Number int64
}

// Codes of ErrorPage.
const (
	ErrorLink        = "link"        // expired, used, or not complete: one answer for all three
	ErrorMethod      = "method"      // a GET where only a button acts
	ErrorLimit       = "limit"       // too many requests
	ErrorUnavailable = "unavailable" // the database is away
	ErrorNotFound    = "not_found"
)

// ErrorPage says why nothing happened and what to do. An unknown code reads as ErrorUnavailable.
type ErrorPage struct {
	PageFrame
	Code string
}

func (OfferPage) page() string   { return "offer" }
func (ArticlePage) page() string { return "article" }
func (SearchPage) page() string  { return "search" }
func (DonePage) page() string    { return "done" }
func (ErrorPage) page() string   { return "error" }

// OfferPath is the path of an offer's page (GET /offer/{yes}/{no}): both tokens, because the page has a button for each. It stands here
// so that the links in letters and the web listener agree.
func OfferPath(yes, no string) string {
	return "/offer/" + url.PathEscape(yes) + "/" + url.PathEscape(no)
}

// ArticlePath is the path of an article's page (GET /kb/{lang}/{slug}). An article without a language counts as Italian.
func ArticlePath(lang, slug string) string {
	if lang == "" {
		lang = Italian
	}
	return "/kb/" + url.PathEscape(strings.ToLower(lang)) + "/" + url.PathEscape(slug)
}

type pages map[string]*template.Template

func (s *Set) loadPages(fsys fs.FS) error {
	s.pages = map[string]*pages{}
	var problems []error
	for _, lang := range Languages() {
		funcs := template.FuncMap{
			"lang": func() string { return lang },
			"when": func(t time.Time) string { return s.When(lang, t) },
			"t": func(key string, pairs ...any) (string, error) {
				if !s.Has(key) {
					return "", fmt.Errorf("no such key %q", key)
				}
				args := map[string]any{}
				for i := 0; i+1 < len(pairs); i += 2 {
					args[fmt.Sprint(pairs[i])] = pairs[i+1]
				}
				return s.T(lang, key, args), nil
			},
			"other": func() string {
				if lang == Italian {
					return English
				}
				return Italian
			},
		}
		set := pages{}
		for _, p := range []Page{OfferPage{}, ArticlePage{}, SearchPage{}, DonePage{}, ErrorPage{}} {
			t, err := template.New(p.page()+".html").Funcs(funcs).ParseFS(fsys, "web/layout.html", "web/"+p.page()+".html")
			if err != nil {
				problems = append(problems, err)
				continue
			}
			set[p.page()] = t
		}
		s.pages[lang] = &set
	}
	return errors.Join(problems...)
}

// Page writes a page in a language; an unknown language reads as English. The caller sets the status, Content-Type
// "text/html; charset=utf-8" and a Content-Security-Policy: the pages need style-src 'self' and form-action 'self', nothing else.
func (s *Set) Page(w io.Writer, lang string, p Page) error {
	set, ok := s.pages[lang]
	if !ok {
		set = s.pages[English]
	}
	switch v := p.(type) {
	case DonePage:
		if !s.Has("page.done." + v.Code) {
			return fmt.Errorf("a page cannot say %q", v.Code)
		}
	case ErrorPage:
		if !s.Has("page.error." + v.Code) {
			v.Code = ErrorUnavailable
			p = v
		}
	}
	return (*set)[p.page()].ExecuteTemplate(w, "layout", p)
}
