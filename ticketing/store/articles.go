package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ticketing"
)

// SaveArticle implements ticketing.DeskTx. An article is one document under its slug and language; a.ID is set to the stored one's.
func (t *tx) SaveArticle(ctx context.Context, a *ticketing.Article, now time.Time) (bool, error) {
	if a.ID == "" {
		a.ID = ulid.Make().String()
	}
	copied := *a
	copied.Published, copied.Updated = a.Published.UTC(), a.Updated.UTC()
	n, err := t.exec(ctx, `insert into articles (id, slug, language, hash, document, stored_at) values ($1, $2, $3, $4, $5, $6)
		on conflict (slug, language) do update set hash = excluded.hash, document = excluded.document, stored_at = excluded.stored_at
		where articles.hash <> excluded.hash`, a.ID, key(a.Slug), a.Language, a.Hash(), text(copied), now)
	if err != nil {
		return false, err
	}
	if err := t.get(ctx, []any{&a.ID}, `select id from articles where slug = $1 and language = $2`, key(a.Slug), a.Language); err != nil {
		return false, err
	}
	if n == 0 {
		return false, nil
	}
	return true, t.stampArticles(ctx)
}

// DeleteArticle implements ticketing.DeskTx.
func (t *tx) DeleteArticle(ctx context.Context, slug, language string) error {
	n, err := t.exec(ctx, `delete from articles where slug = $1 and language = $2`, key(slug), language)
	if err == nil && n == 0 {
		err = ticketing.ErrNotFound
	}
	if err != nil {
		return err
	}
	return t.stampArticles(ctx)
}

func scanArticle(r row) (a ticketing.Article, err error) {
	var id string
	err = r.Scan(&id, doc{&a})
	a.ID = id
	return a, err
}

// Article implements ticketing.DeskTx.
func (t *tx) Article(ctx context.Context, slug, language string) (ticketing.Article, error) {
	return one(ctx, t, scanArticle, `select id, document from articles where slug = $1 and language = $2`, key(slug), language)
}

// ArticleByID implements ticketing.DeskTx.
func (t *tx) ArticleByID(ctx context.Context, id string) (ticketing.Article, error) {
	return one(ctx, t, scanArticle, `select id, document from articles where id = $1`, id)
}

// ArticleHashes implements ticketing.DeskTx.
func (t *tx) ArticleHashes(ctx context.Context) (map[string]string, error) {
	all, err := many(ctx, t, func(r row) (h [2]string, err error) {
		err = r.Scan(&h[0], &h[1])
		return h, err
	}, `select id, hash from articles`)
	out := make(map[string]string, len(all))
	for _, h := range all {
		out[h[0]] = h[1]
	}
	return out, err
}

// Articles implements ticketing.DeskTx, by slug and language.
func (t *tx) Articles(ctx context.Context) ([]ticketing.Article, error) {
	return many(ctx, t, scanArticle, `select id, document from articles order by slug, language`)
}

// ArticlesStamp implements ticketing.DeskTx.
func (t *tx) ArticlesStamp(ctx context.Context) (n int64, err error) {
	err = t.get(ctx, []any{&n}, `select value from counters where name = 'articles'`)
	return n, err
}

func (t *tx) stampArticles(ctx context.Context) error {
	_, err := t.exec(ctx, `update counters set value = value + 1 where name = 'articles'`)
	return err
}
