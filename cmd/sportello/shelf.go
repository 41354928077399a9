package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sportello/sportello/bot"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
	"github.com/sportello/sportello/ticketing/portal"
)

// shelf holds the index of the articles in force and exchanges it when an article changes, on every replica within shelfPoll.
type shelf struct {
	store    ticketing.Store
	log      *slog.Logger
	renderer *kb.Renderer
	books    atomic.Pointer[books]
}

type books struct {
	stamp int64
	index *kb.Index
	pages map[string]ticketing.Article // language/slug
}

// shelfPoll is how often the articles' stamp is looked at.
const shelfPoll = 2 * time.Second

func newShelf(store ticketing.Store, log *slog.Logger) *shelf {
	return &shelf{store: store, log: log, renderer: kb.NewRenderer()}
}

// Run follows the articles until ctx ends.
func (s *shelf) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.refresh(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("articles could not be read, the old index stays", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(shelfPoll):
		}
	}
	return nil
}

// refresh reads the articles again if one changed.
func (s *shelf) refresh(ctx context.Context) error {
	var stamp int64
	var articles []ticketing.Article
	old := s.books.Load()
	err := s.store.View(ctx, func(tx ticketing.Tx) (err error) {
		if stamp, err = tx.ArticlesStamp(ctx); err != nil || old != nil && old.stamp == stamp {
			return err
		}
		articles, err = tx.Articles(ctx)
		return err
	})
	if err != nil || old != nil && old.stamp == stamp {
		return err
	}
	b := &books{stamp: stamp, index: kb.New(articles, nil), pages: make(map[string]ticketing.Article, len(articles))}
	for _, a := range articles {
		b.pages[a.Language+"/"+a.Slug] = a
	}
	s.books.Store(b)
	s.log.Info("articles indexed", "articles", len(articles))
	return nil
}

// Search implements bot.Searcher.
func (s *shelf) Search(ctx context.Context, q bot.Question) (ticketing.Findings, error) {
	b := s.books.Load()
	if b == nil {
		if err := s.refresh(ctx); err != nil {
			return ticketing.Findings{}, err
		}
		b = s.books.Load()
	}
	lang := q.Language
	if lang == "und" {
		lang = ""
	}
	r := b.index.Search(kb.Query{Subject: q.Subject, Text: q.Text, Language: lang, Audience: q.Queue.Audience, Lines: q.Queue.Lines, Limit: kb.OfferSize})
	return ticketing.Findings{Hits: r.Hits, Confidence: r.Confidence, Offer: r.Offer(q.Queue.Threshold)}, nil
}

// Article implements portal.Library: what not every customer may read does not exist there.
func (s *shelf) Article(ctx context.Context, language, slug string) (portal.Article, error) {
	b := s.books.Load()
	if b == nil {
		if err := s.refresh(ctx); err != nil {
			return portal.Article{}, err
		}
		b = s.books.Load()
	}
	a, ok := b.pages[language+"/"+slug]
	if !ok || a.Published.IsZero() || a.Audience != "" && a.Audience != ticketing.AudienceCustomers {
		return portal.Article{}, ticketing.ErrNotFound
	}
	html, err := s.renderer.HTML(a.Body)
	if err != nil {
		return portal.Article{}, err
	}
	return portal.Article{Title: a.Title, HTML: html, Language: a.Language}, nil
}
