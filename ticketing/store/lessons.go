package store

import (
	"context"

	"github.com/sportello/sportello/ticketing"
)

const (
	lessonChanges = "body, weight, source, actor, at"
	lessonColumns = "id, slug, language, thread, " + lessonChanges
	modelColumns  = "id, fitted_at, coefficients, curve, judged, ece, note"
)

var (
	insertLesson = insert("lessons", lessonColumns) + " on conflict (slug, language, once) do update set " + assign(lessonChanges) +
		" where abs(excluded.weight) >= abs(lessons.weight)"
	insertModel = insert("models", modelColumns)
)

func scanLesson(r row) (l ticketing.Lesson, err error) {
	err = r.Scan(&l.ID, &l.Slug, &l.Language, &l.Thread, &l.Text, &l.Weight, &l.Source, &l.Actor, at{&l.At})
	return l, err
}

// SaveLesson implements ticketing.DeskTx. A lesson known by its ID may be moved to another article. Of one thread's words about an article
// the weightier stays, of equal ones the later.
func (t *tx) SaveLesson(ctx context.Context, l *ticketing.Lesson) error {
	l.At = or(l.At, t.now)
	if _, err := t.exec(ctx, `delete from lessons where id = $1`, l.ID); err != nil {
		return err
	}
	if _, err := t.exec(ctx, insertLesson, l.ID, key(l.Slug), l.Language, l.Thread, l.Text, l.Weight, l.Source, l.Actor, l.At); err != nil {
		return err
	}
	return t.stampArticles(ctx)
}

// Lesson implements ticketing.DeskTx.
func (t *tx) Lesson(ctx context.Context, id string) (ticketing.Lesson, error) {
	return one(ctx, t, scanLesson, `select `+lessonColumns+` from lessons where id = $1`, id)
}

// DeleteLesson implements ticketing.DeskTx.
func (t *tx) DeleteLesson(ctx context.Context, id string) error {
	n, err := t.exec(ctx, `delete from lessons where id = $1`, id)
	if err == nil && n == 0 {
		err = ticketing.ErrNotFound
	}
	if err != nil {
		return err
	}
	return t.stampArticles(ctx)
}

// Lessons implements ticketing.DeskTx.
func (t *tx) Lessons(ctx context.Context, f ticketing.LessonFilter) ([]ticketing.Lesson, error) {
	var w filter
	if f.Slug != "" {
		w.add("slug =", key(f.Slug))
	}
	if f.Language != "" {
		w.add("language =", f.Language)
	}
	if f.Thread != "" {
		w.add("thread =", f.Thread)
	}
	if f.After != "" {
		w.add("id >", f.After)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = maxLessons
	}
	return many(ctx, t, scanLesson, `select `+lessonColumns+` from lessons`+w.where("id", limit), w.args...)
}

// maxLessons bounds how many lessons are read at once.
const maxLessons = 1_000_000

// SaveModel implements ticketing.DeskTx.
func (t *tx) SaveModel(ctx context.Context, m *ticketing.Model) error {
	m.FittedAt = or(m.FittedAt, t.now)
	if _, err := t.exec(ctx, insertModel, m.ID, m.FittedAt, m.Coefficients, m.Curve, m.Judged, m.ECE, m.Note); err != nil {
		return err
	}
	return t.stampArticles(ctx)
}

// Models implements ticketing.DeskTx.
func (t *tx) Models(ctx context.Context, limit int) ([]ticketing.Model, error) {
	return many(ctx, t, func(r row) (m ticketing.Model, err error) {
		err = r.Scan(&m.ID, at{&m.FittedAt}, &m.Coefficients, &m.Curve, &m.Judged, &m.ECE, &m.Note)
		return m, err
	}, `select `+modelColumns+` from models order by id desc limit $1`, limit)
}
