package portal

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sportello/sportello/templates"
)

// maxQuestion is the longest question of the search page, in characters; the rest of a longer one is cut.
const maxQuestion = 500

// showSearch lets customers search before they write. What they searched for travels with the mail as its subject.
func (p *Portal) showSearch(w http.ResponseWriter, r *http.Request) {
	lang := p.language(r)
	question := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(r.URL.Query().Get("q"), ""), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if utf8.RuneCountInString(question) > maxQuestion {
		question = string([]rune(question)[:maxQuestion])
	}
	page := templates.SearchPage{PageFrame: p.frame(""), Query: question, Longest: maxQuestion}
	page.Other = "/kb?" + url.Values{"lang": {map[string]string{"it": "en", "en": "it"}[lang]}, "q": {question}}.Encode()
	if question != "" {
		hits, err := p.Library.Search(r.Context(), lang, question)
		if err != nil {
			p.failed(w, r, err)
			return
		}
		for _, h := range hits {
			page.Articles = append(page.Articles, templates.Article{Title: h.Title, Summary: h.Summary, URL: templates.ArticlePath(h.Language, h.Slug), Language: h.Language})
		}
		if p.Address != "" {
			page.Write = "mailto:" + p.Address + "?subject=" + strings.ReplaceAll(url.QueryEscape(question), "+", "%20")
		}
	}
	p.write(w, http.StatusOK, lang, page)
}
