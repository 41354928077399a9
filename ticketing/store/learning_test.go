package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// TestUpgradeToLearning: offers of a database from before the learning keep everything, learn their queue, and an open one goes on.
func TestUpgradeToLearning(t *testing.T) {
	upgrade := func(t *testing.T, driver, dialect, raw, dsn string) {
		ctx := t.Context()
		db, err := sql.Open(driver, raw)
		must(t, err)
		exec := func(text string, args ...any) {
			t.Helper()
			if driver == "pgx" {
				args = append([]any{pgx.QueryExecModeSimpleProtocol}, args...)
			}
			if _, err := db.ExecContext(ctx, text, args...); err != nil {
				t.Fatalf("%v in %.200s", err, text)
			}
		}
		exec("create table schema_migrations (version bigint primary key, name text not null, applied_at bigint not null)")
		for i, name := range []string{"0001_first", "0002_repeats"} {
			text, err := os.ReadFile(filepath.Join("schema", dialect, name+".sql"))
			must(t, err)
			exec(string(text))
			exec("insert into schema_migrations values ($1, $2, 0)", i+1, name)
		}
		exec(`insert into contacts values ('C', 'mail:a@b.example', 'a@b.example', 'A', 'it', true, false, false, 1)`)
		exec(`insert into threads (id, number, key, door, queue, contact, subject, language, state, last_ref, last_refs, opened_at)
			values ('T', 1, '00000000aa', 'mail:x', 'assistenza', 'C', 's', 'it', 'held', '', '[]', 1000)`)
		exec(`insert into suggestions values ('S', 'T', 'C', '[{"id":"1","slug":"uno","title":"Uno","score":0.5}]', 0.8, 1000, 9000, 'open', 0, 'yes', 'no')`)
		must(t, db.Close())
		opened, err := store.Open(ctx, store.Config{DSN: dsn, Migrate: true})
		must(t, err)
		defer opened.Close()
		view(t, opened, func(tx ticketing.Tx) {
			got := ok[ticketing.Suggestion](t)(tx.OpenSuggestion(ctx, "T"))
			same(t, "the offer", got, ticketing.Suggestion{ID: "S", Thread: "T", Contact: "C", Queue: "assistenza", Articles: []ticketing.Hit{{ID: "1", Slug: "uno", Title: "Uno", Score: 0.5}}, Score: 0.8,
				Confident: true, OfferedAt: time.UnixMilli(1000).UTC(), Until: time.UnixMilli(9000).UTC(), State: ticketing.SuggestionOpen, YesHash: "yes", NoHash: "no"})
			same(t, "by its token", ok[ticketing.Suggestion](t)(tx.SuggestionByToken(ctx, "no")).ID, "S")
		})
		update(t, opened, func(tx ticketing.Tx) {
			must(t, tx.SaveSuggestion(ctx, &ticketing.Suggestion{ID: "W", Thread: "T", State: ticketing.SuggestionWithheld, Why: ticketing.WhyUnsure}))
		})
		must(t, opened.Check(ctx))
	}
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.db")
		upgrade(t, "sqlite", "sqlite", "file:"+path+"?_pragma=foreign_keys(1)", path)
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := storetest.Schema(t)
		upgrade(t, "pgx", "postgres", dsn, dsn)
	})
}

// TestLearningRows: lessons, models, gaps, judged searches and the rows of the report are found again as they were stored.
func TestLearningRows(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		stamp := func() (n int64) {
			view(t, db, func(tx ticketing.Tx) { n = ok[int64](t)(tx.ArticlesStamp(ctx)) })
			return n
		}
		lessons := func(f ticketing.LessonFilter) (ids string) {
			view(t, db, func(tx ticketing.Tx) {
				for _, l := range ok[[]ticketing.Lesson](t)(tx.Lessons(ctx, f)) {
					ids += fmt.Sprintf("%s:%s/%s%+g ", l.ID, l.Language, l.Slug, l.Weight)
				}
			})
			return ids
		}
		save := func(id, thread, slug string, weight float64) {
			t.Helper()
			update(t, db, func(tx ticketing.Tx) {
				must(t, tx.SaveLesson(ctx, &ticketing.Lesson{ID: id, Slug: slug, Language: "it", Text: "come?", Weight: weight, Source: ticketing.LessonAgent, Thread: thread, Actor: "a"}))
			})
		}
		before := stamp()
		save("1", "t", "uno", -0.25)
		save("2", "t", "uno", 1) // the weightier word of the same thread
		save("3", "t", "uno", 0.5)
		save("4", "", "uno", 1) // without a thread each stands alone
		save("5", "", "uno", 1)
		save("6", "t", "due", 1)
		same(t, "of uno", lessons(ticketing.LessonFilter{Slug: "uno", Language: "it"}), "1:it/uno+1 4:it/uno+1 5:it/uno+1 ")
		same(t, "of the thread", lessons(ticketing.LessonFilter{Thread: "t"}), "1:it/uno+1 6:it/due+1 ")
		same(t, "a page", lessons(ticketing.LessonFilter{After: "1", Limit: 2}), "4:it/uno+1 5:it/uno+1 ")
		save("4", "", "tre", 1) // moved
		same(t, "after moving", lessons(ticketing.LessonFilter{Slug: "tre"}), "4:it/tre+1 ")
		update(t, db, func(tx ticketing.Tx) {
			must(t, tx.DeleteLesson(ctx, "4"))
			if err := tx.DeleteLesson(ctx, "4"); err != ticketing.ErrNotFound {
				t.Errorf("deleting twice: %v", err)
			}
			must(t, tx.SaveModel(ctx, &ticketing.Model{ID: "A", Coefficients: "[1]", Curve: "[]", Judged: 200, ECE: 0.05, Note: "first"}))
			must(t, tx.SaveModel(ctx, &ticketing.Model{ID: "B", Coefficients: "[2]", Curve: "[]", Judged: 300}))
		})
		if n := stamp() - before; n < 9 {
			t.Errorf("the stamp rose by %d", n)
		}
		view(t, db, func(tx ticketing.Tx) {
			all := ok[[]ticketing.Model](t)(tx.Models(ctx, 10))
			same(t, "models", all[1], ticketing.Model{ID: "A", FittedAt: c.Now(), Coefficients: "[1]", Curve: "[]", Judged: 200, ECE: 0.05, Note: "first"})
			same(t, "the newest", all[0].ID, "B")
		})

		update(t, db, func(tx ticketing.Tx) {
			for i := range 4 {
				who := ticketing.Contact{ID: fmt.Sprint("c", i), Key: fmt.Sprintf("mail:p%d@x.example", i)}
				must(t, tx.SaveContact(ctx, &who))
				must(t, tx.SaveThread(ctx, &ticketing.Thread{ID: fmt.Sprint("t", i), Number: int64(i + 1), Key: fmt.Sprintf("%010d", i), Door: "mail:x", Queue: "q", Contact: who.ID, State: ticketing.ThreadTicket,
					OpenedAt: c.Now().Add(time.Duration(i) * time.Hour)}))
			}
			for _, s := range []ticketing.Suggestion{
				{ID: "s0", Thread: "t0", State: ticketing.SuggestionWithheld, Why: ticketing.WhyUnsure},
				{ID: "s1", Thread: "t1", State: ticketing.SuggestionDeclined, Confident: true, Answer: ticketing.AnswerNone, Verdict: ticketing.SearchWrong, Evidence: "{}"},
				{ID: "s2", Thread: "t2", State: ticketing.SuggestionSolved, Confident: true, Verdict: ticketing.SearchRight, Evidence: "{}"},
				{ID: "s3", Thread: "t2", State: ticketing.SuggestionWithheld, Why: ticketing.WhyNothing, Answer: "it/uno", Verdict: ticketing.SearchWrong},
			} {
				must(t, tx.SaveSuggestion(ctx, &s))
			}
			must(t, tx.InsertTicket(ctx, &ticketing.Ticket{Number: 2, Queue: "q", Thread: "t1", Contact: "c1", State: ticketing.StateResolved, AnsweredAt: c.Now()}))
		})
		view(t, db, func(tx ticketing.Tx) {
			ids := func(all []ticketing.Suggestion) (out string) {
				for _, s := range all {
					out += s.ID + " "
				}
				return out
			}
			same(t, "gaps", ids(ok[[]ticketing.Suggestion](t)(tx.Gaps(ctx, c.Now().Add(-time.Hour), 10))), "s0 s1 ")
			same(t, "gaps since then", ids(ok[[]ticketing.Suggestion](t)(tx.Gaps(ctx, c.Now().Add(time.Hour), 10))), "")
			same(t, "judged", ids(ok[[]ticketing.Suggestion](t)(tx.JudgedSuggestions(ctx, 10))), "s2 s1 ")
			same(t, "search of a thread", ok[ticketing.Suggestion](t)(tx.SearchOf(ctx, "t2")).ID, "s3")
			rows := ok[[]ticketing.RequestRow](t)(tx.Requests(ctx, c.Now().Add(time.Minute), c.Now().Add(3*time.Hour)))
			same(t, "requests", rows, []ticketing.RequestRow{
				{Thread: "t1", Queue: "q", Contact: "c1", Key: "mail:p1@x.example", At: c.Now().Add(time.Hour), State: ticketing.ThreadTicket, Offer: ticketing.SuggestionDeclined, Verdict: ticketing.SearchWrong, Confident: true,
					Ticket: ticketing.StateResolved, Answered: c.Now()},
				{Thread: "t2", Queue: "q", Contact: "c2", Key: "mail:p2@x.example", At: c.Now().Add(2 * time.Hour), State: ticketing.ThreadTicket, Offer: ticketing.SuggestionSolved, Verdict: ticketing.SearchRight, Confident: true},
			})
		})
	})
}
