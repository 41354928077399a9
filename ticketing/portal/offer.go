package portal

import (
	"net/http"
	"time"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// showOffer shows the page that an offer's letter links to. It changes nothing, whoever opens it and however often.
func (p *Portal) showOffer(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, r.PathValue("yes"), r.PathValue("no"))
}

// showOneToken shows the same page for a link with one token only.
func (p *Portal) showOneToken(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, r.PathValue("token"), "")
}

func (p *Portal) show(w http.ResponseWriter, r *http.Request, first, second string) {
	var v, other ticketing.LinkView
	err := p.Store.View(r.Context(), func(tx ticketing.Tx) (err error) {
		if v, err = p.Desk.Link(r.Context(), tx, first); err != nil || second == "" {
			return err
		}
		if other, err = p.Desk.Link(r.Context(), tx, second); err == nil && other.Suggestion.ID != v.Suggestion.ID {
			return ticketing.ErrNotFound
		}
		return err
	})
	if err != nil {
		p.failed(w, r, err)
		return
	}
	if v.Suggestion.State != ticketing.SuggestionOpen {
		p.done(w, v, templates.DoneAlready)
		return
	}
	page := templates.OfferPage{PageFrame: p.frame(v.Queue.Brand), Number: v.Thread.Number, OpensAt: local(v.Suggestion.Until, v.Queue), Closes: v.Suggestion.Why == ticketing.WhyCloses}
	for _, token := range []struct {
		value string
		view  ticketing.LinkView
	}{{first, v}, {second, other}} {
		switch {
		case token.value == "":
		case token.view.Yes:
			page.Yes = "/offer/" + token.value
		default:
			page.No = "/offer/" + token.value
		}
	}
	for _, hit := range v.Suggestion.Articles {
		page.Articles = append(page.Articles, templates.Article{Title: hit.Title, Summary: hit.Summary, URL: templates.ArticlePath(hit.Language, hit.Slug), Language: hit.Language})
	}
	p.write(w, http.StatusOK, v.Language, page)
}

// pressOffer carries out what a button stands for, once.
func (p *Portal) pressOffer(w http.ResponseWriter, r *http.Request) {
	var v ticketing.LinkView
	was := ticketing.SuggestionOpen
	err := p.Store.Update(r.Context(), func(tx ticketing.Tx) (err error) {
		if v, err = p.Desk.Link(r.Context(), tx, r.PathValue("token")); err != nil {
			return err
		}
		was = v.Suggestion.State
		v, err = p.Desk.PressLink(r.Context(), tx, r.PathValue("token"))
		return err
	})
	if err != nil {
		p.failed(w, r, err)
		return
	}
	if p.Committed != nil {
		p.Committed()
	}
	switch {
	case was != ticketing.SuggestionOpen:
		p.done(w, v, templates.DoneAlready)
	case v.Yes:
		p.done(w, v, templates.DoneSolved)
	default:
		p.done(w, v, templates.DoneOpened)
	}
}

func (p *Portal) done(w http.ResponseWriter, v ticketing.LinkView, code string) {
	p.write(w, http.StatusOK, v.Language, templates.DonePage{PageFrame: p.frame(v.Queue.Brand), Code: code, Number: v.Thread.Number})
}

// local tells a time in the queue's zone.
func local(t time.Time, q *ticketing.Queue) time.Time {
	if loc, err := time.LoadLocation(q.Hours.ZoneName()); err == nil && q.Hours.ZoneName() != "" {
		return t.In(loc)
	}
	return t
}
