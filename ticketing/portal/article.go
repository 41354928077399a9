package portal

import (
	"errors"
	"html/template"
	"net/http"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// showArticle shows one article. What not every customer may read answers like what does not exist.
func (p *Portal) showArticle(w http.ResponseWriter, r *http.Request) {
	a, err := p.Library.Article(r.Context(), r.PathValue("lang"), r.PathValue("slug"))
	switch {
	case errors.Is(err, ticketing.ErrNotFound):
		p.fail(w, r, http.StatusNotFound, templates.ErrorNotFound)
	case err != nil:
		p.failed(w, r, err)
	default:
		page := templates.ArticlePage{PageFrame: p.frame(""), Title: a.Title, Language: a.Language}
		page.Body = template.HTML(a.HTML) //nolint:gosec // made by the article renderer, which sanitises
		p.write(w, http.StatusOK, a.Language, page)
	}
}
