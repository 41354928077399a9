// Package portal is the customers' web site, one file a page. Today it is the small part that letters link to: an offer's page with its
// two buttons, the articles, and the search that comes before writing. GET only shows; what changes something is a POST (kb.md section 4), and cross-site ones are refused.
package portal

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// Library shows articles.
type Library interface {
	// Article returns a published article that every customer may read; ErrNotFound otherwise.
	Article(ctx context.Context, language, slug string) (Article, error)
	// Search returns the published articles that every customer may read and that answer a question best, those in the language first.
	Search(ctx context.Context, language, question string) ([]ticketing.Hit, error)
}

// Article is what the article's page shows.
type Article struct {
	Title, HTML, Language string
}

// Portal serves the pages.
type Portal struct {
	Store     ticketing.Store
	Desk      *ticketing.Desk
	Templates *templates.Set
	Library   Library
	Brand     string
	Help      string // another way to reach the desk
	Address   string // where customers write to, may be empty
	Language  string // where nothing else says
	Log       *slog.Logger
	Committed func() // called after a commit that may have made letters due
}

// maxForm is the most that a POST of these pages may carry: their buttons carry nothing.
const maxForm = 4 << 10

// Handler returns the routes.
func (p *Portal) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /offer/{yes}/{no}", p.showOffer)
	mux.HandleFunc("GET /offer/{token}", p.showOneToken)
	mux.HandleFunc("POST /offer/{token}", p.pressOffer)
	mux.HandleFunc("GET /kb", p.showSearch)
	mux.HandleFunc("GET /kb/{lang}/{slug}", p.showArticle)
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(templates.Static())))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.fail(w, r, http.StatusNotFound, templates.ErrorNotFound)
	})
	guard := http.NewCrossOriginProtection()
	return headers(guard.Handler(http.MaxBytesHandler(mux, maxForm)))
}

// headers sets what every page needs: nothing is loaded from elsewhere, nothing is framed, nothing is kept.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if !strings.HasPrefix(r.URL.Path, "/static/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

// language is what the reader asks for, where no ticket says it.
func (p *Portal) language(r *http.Request) string {
	if l := r.URL.Query().Get("lang"); l == "it" || l == "en" {
		return l
	}
	for _, part := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		l, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		l, _, _ = strings.Cut(strings.ToLower(l), "-")
		if l == "it" || l == "en" {
			return l
		}
	}
	return p.Language
}

func (p *Portal) frame(brand string) templates.PageFrame {
	if brand == "" {
		brand = p.Brand
	}
	return templates.PageFrame{Brand: brand, Help: p.Help, Assets: "/static"}
}

func (p *Portal) write(w http.ResponseWriter, status int, lang string, page templates.Page) {
	var b bytes.Buffer
	if err := p.Templates.Page(&b, lang, page); err != nil {
		p.Log.Error("page could not be made", "err", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func (p *Portal) fail(w http.ResponseWriter, r *http.Request, status int, code string) {
	p.write(w, status, p.language(r), templates.ErrorPage{PageFrame: p.frame(""), Code: code})
}

// failed answers an error of the store: an unknown link and an expired one look the same.
func (p *Portal) failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, ticketing.ErrNotFound) {
		p.fail(w, r, http.StatusNotFound, templates.ErrorLink)
		return
	}
	p.Log.Error("page failed", "path", r.Pattern, "err", err)
	p.fail(w, r, http.StatusServiceUnavailable, templates.ErrorUnavailable)
}
