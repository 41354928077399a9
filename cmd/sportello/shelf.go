package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sportello/sportello/bot"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
	"github.com/sportello/sportello/ticketing/portal"
)

// shelf holds the index of the articles and lessons in force and exchanges it when one changes, on every replica within shelfPoll.
type shelf struct {
	store    ticketing.Store
	log      *slog.Logger
	renderer *kb.Renderer
	queues   map[string]*ticketing.Queue // whose scopes are made ready before an index is in force; may be nil
	embed    *embedder                   // nil: words alone
	one      sync.Mutex                  // one refresh at a time
	books    atomic.Pointer[books]
}

// books is everything a search needs, as it was at one moment.
type books struct {
	stamp  int64
	index  *kb.Index // what is searched: words with the model in force and vectors
	words  *kb.Index
	hashes map[string]string
	byID   map[string]ticketing.Article
	ids    map[string]string // ticketing.ArticleKey → id
	model  *fitted           // nil: the shipped one
	// vectors are those of the articles; nil: words alone.
	vectors map[string]articleVector
}

// fitted is a model of this installation's own in force.
type fitted struct {
	row   ticketing.Model
	model kb.Model
	curve []kb.Point
}

// shelfPoll is how often the articles' stamp is looked at.
const shelfPoll = 2 * time.Second

// manyChanged is how many articles must have changed before all are read at once.
const manyChanged = 200

func newShelf(store ticketing.Store, log *slog.Logger) *shelf {
	return &shelf{store: store, log: log, renderer: kb.NewRenderer()}
}

// Run follows the articles until ctx ends.
func (s *shelf) Run(ctx context.Context) error {
	if s.embed != nil {
		var embedding sync.WaitGroup
		defer embedding.Wait()
		embedding.Go(func() {
			for ctx.Err() == nil {
				s.embedArticles(ctx)
				select {
				case <-ctx.Done():
				case <-time.After(shelfPoll):
				}
			}
		})
	}
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

// refresh makes a new index if an article, a lesson or the model changed. Only articles that changed are read again.
func (s *shelf) refresh(ctx context.Context) error {
	s.one.Lock()
	defer s.one.Unlock()
	old := s.books.Load()
	if old == nil {
		old = &books{stamp: -1, words: kb.New(nil, nil)}
	}
	b := &books{byID: map[string]ticketing.Article{}, ids: map[string]string{}}
	var lessons []ticketing.Lesson
	read := 0
	err := s.store.View(ctx, func(tx ticketing.Tx) (err error) {
		if b.stamp, err = tx.ArticlesStamp(ctx); err != nil || b.stamp == old.stamp {
			return err
		}
		if b.hashes, err = tx.ArticleHashes(ctx); err != nil {
			return err
		}
		if read, err = b.read(ctx, tx, old); err != nil {
			return err
		}
		if lessons, err = tx.Lessons(ctx, ticketing.LessonFilter{}); err != nil {
			return err
		}
		models, err := tx.Models(ctx, 1)
		if err == nil && len(models) > 0 {
			b.model = s.fitted(models[0])
		}
		return err
	})
	if err != nil || b.stamp == old.stamp {
		return err
	}
	articles := make([]ticketing.Article, 0, len(b.byID))
	for _, id := range slices.Sorted(maps.Keys(b.byID)) {
		a := b.byID[id]
		articles = append(articles, a)
		b.ids[ticketing.ArticleKey(a.Language, a.Slug)] = id
	}
	questions := make([]kb.Question, 0, len(lessons))
	for _, l := range lessons {
		if id, ok := b.ids[ticketing.ArticleKey(l.Language, l.Slug)]; ok {
			questions = append(questions, kb.Question{ID: l.ID, Article: id, Text: l.Text, Weight: l.Weight})
		}
	}
	start := time.Now()
	b.words = old.words.Update(articles, questions)
	b.vectors = old.vectors
	s.put(b)
	s.log.Info("articles indexed", "articles", len(articles), "read", read, "questions", len(questions), "took", time.Since(start).Round(time.Millisecond))
	return nil
}

// embedArticles asks for the vectors that the books in force lack and puts them in force. The words are so already: nobody waits for it, and
// articles that change meanwhile are indexed meanwhile.
func (s *shelf) embedArticles(ctx context.Context) {
	b := s.books.Load()
	if s.embed == nil || b == nil {
		return
	}
	articles := make([]ticketing.Article, 0, len(b.byID))
	for _, id := range slices.Sorted(maps.Keys(b.byID)) {
		articles = append(articles, b.byID[id])
	}
	vectors, asked := s.embed.articles(ctx, articles, b.vectors, b.hashes)
	if asked == 0 && len(vectors) == len(b.vectors) {
		return
	}
	s.one.Lock()
	defer s.one.Unlock()
	next := *s.books.Load()
	next.vectors = vectors
	s.put(&next)
}

// put makes books ready and puts them in force. What a scope learns is worked out at its first search, so each queue's is searched once, and
// what customers search on the web.
func (s *shelf) put(b *books) {
	b.index = b.words
	if b.model != nil {
		b.index = b.index.WithModel(b.model.model)
	}
	if len(b.vectors) > 0 {
		vectors := make(map[string][]float32, len(b.vectors))
		for id, v := range b.vectors {
			vectors[id] = v.vector
		}
		b.index = b.index.WithVectors(vectors)
	}
	for _, lang := range []string{"it", "en"} {
		b.index.Search(kb.Query{Text: "pronto", Language: lang, Limit: 1})
		for _, q := range s.queues {
			b.index.Search(kb.Query{Text: "pronto", Language: lang, Audience: q.Audience, Lines: q.Lines, Limit: 1})
		}
	}
	s.books.Store(b)
}

// read takes the articles over from the books before and reads those that changed.
func (b *books) read(ctx context.Context, tx ticketing.Tx, old *books) (int, error) {
	var changed []string
	for id, hash := range b.hashes {
		if a, ok := old.byID[id]; ok && old.hashes[id] == hash {
			b.byID[id] = a
		} else {
			changed = append(changed, id)
		}
	}
	if len(changed) > manyChanged {
		all, err := tx.Articles(ctx)
		for _, a := range all {
			b.byID[a.ID] = a
		}
		return len(all), err
	}
	for _, id := range changed {
		a, err := tx.ArticleByID(ctx, id)
		if err != nil {
			return 0, err
		}
		b.byID[id] = a
	}
	return len(changed), nil
}

// fitted reads a stored model; one that this version cannot use is told once per change and left.
func (s *shelf) fitted(row ticketing.Model) *fitted {
	f := &fitted{row: row}
	var err error
	if f.model, err = kb.ParseModel(row.Coefficients); err == nil {
		err = json.Unmarshal([]byte(row.Curve), &f.curve)
	}
	if err != nil {
		s.log.Warn("the fitted model of the confidence cannot be used, the shipped one is in force", "model", row.ID, "err", err)
		return nil
	}
	return f
}

// threshold is the least confidence of an offer in a queue: the queue's own, or the one that keeps the promise on the judged searches.
func (b *books) threshold(q *ticketing.Queue) float64 {
	switch {
	case q.Threshold > 0:
		return q.Threshold
	case b.model == nil:
		return kb.DefaultThreshold
	}
	promise := q.Promise
	if promise <= 0 {
		promise = kb.DefaultPromise
	}
	return kb.Promised(b.model.curve, promise)
}

// open returns the books in force and reads them if nobody has yet.
func (s *shelf) open(ctx context.Context) (*books, error) {
	if b := s.books.Load(); b != nil {
		return b, nil
	}
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	return s.books.Load(), nil
}

// Search implements bot.Searcher.
func (s *shelf) Search(ctx context.Context, q bot.Question) (ticketing.Findings, error) {
	b, err := s.open(ctx)
	if err != nil {
		return ticketing.Findings{}, err
	}
	lang, limit := q.Language, kb.OfferSize
	if lang == "und" || q.ByAgent {
		lang = ""
	}
	if q.ByAgent {
		limit = agentHits
	}
	query := kb.Query{Subject: q.Subject, Text: q.Text, Language: lang, Audience: q.Queue.Audience, Lines: q.Queue.Lines, Limit: limit}
	if len(b.vectors) > 0 && q.Queue.Embeddings {
		query.Vector = s.embed.question(ctx, q.Subject+"\n"+q.Text, q.Names...)
	}
	r := b.index.Search(query)
	evidence, err := json.Marshal(r.Features)
	if err != nil {
		return ticketing.Findings{}, err
	}
	return ticketing.Findings{Hits: r.Hits, Confidence: r.Confidence, Offer: r.Offer(b.threshold(q.Queue)), Evidence: string(evidence)}, nil
}

// agentHits is how many articles an agent's search shows.
const agentHits = 5

// customerLibrary shows customers what every one of them may read.
type customerLibrary struct{ *shelf }

// Search implements portal.Library.
func (l customerLibrary) Search(ctx context.Context, language, question string) ([]ticketing.Hit, error) {
	b, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	q := kb.Query{Text: question, Language: language, Audience: ticketing.AudienceCustomers, Limit: agentHits}
	hits := b.index.Search(q).Hits
	if len(hits) == 0 {
		q.Language = ""
		hits = b.index.Search(q).Hits
	}
	return hits, nil
}

// Article implements portal.Library: what not every customer may read does not exist there.
func (s customerLibrary) Article(ctx context.Context, language, slug string) (portal.Article, error) {
	b, err := s.open(ctx)
	if err != nil {
		return portal.Article{}, err
	}
	a, ok := b.byID[b.ids[ticketing.ArticleKey(language, slug)]]
	if !ok || a.Published.IsZero() || a.Audience != "" && a.Audience != ticketing.AudienceCustomers {
		return portal.Article{}, ticketing.ErrNotFound
	}
	html, err := s.renderer.HTML(a.Body)
	if err != nil {
		return portal.Article{}, err
	}
	return portal.Article{Title: a.Title, HTML: html, Language: a.Language}, nil
}
