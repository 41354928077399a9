package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sportello/sportello/ticketing"
)

func openTest(t testing.TB) *DB {
	t.Helper()
	db, err := Open(context.Background(), Config{DSN: filepath.Join(t.TempDir(), "a.db"), Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// together runs functions in one commit, in their order: they are queued while the writer is busy with another one. It must run in a bubble
// of synctest, which tells when a caller waits.
func together(t *testing.T, db *DB, fns ...func(ticketing.Tx) error) []error {
	t.Helper()
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	// This first one shares the commit too, and its fate; when a neighbour fails it runs again with the others.
	started := false
	_ = db.Update(context.Background(), func(ticketing.Tx) error {
		if started {
			return nil
		}
		started = true
		for i, fn := range fns {
			wg.Go(func() { errs[i] = db.Update(context.Background(), fn) })
			synctest.Wait()
		}
		return nil
	})
	wg.Wait()
	return errs
}

func saveAgent(id string) func(ticketing.Tx) error {
	return func(tx ticketing.Tx) error {
		return tx.SaveAgent(context.Background(), &ticketing.Agent{ID: id, Name: id})
	}
}

func agents(t *testing.T, db *DB, ids string) string {
	t.Helper()
	var found []string
	err := db.View(context.Background(), func(tx ticketing.Tx) error {
		for _, id := range strings.Fields(ids) {
			_, err := tx.Agent(context.Background(), id)
			if err == nil {
				found = append(found, id)
			} else if err != ticketing.ErrNotFound {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, " ")
}

// TestNeighbours: a function that fails, panics, swallows a failed statement or reads what is not there harms nobody else in its commit.
func TestNeighbours(t *testing.T) { synctest.Test(t, testNeighbours) }

func testNeighbours(t *testing.T) {
	db := openTest(t)
	mine := errors.New("mine")
	errs := together(t, db,
		saveAgent("a"),
		func(tx ticketing.Tx) error { return errors.Join(saveAgent("b")(tx), mine) },
		func(tx ticketing.Tx) error {
			if err := saveAgent("c")(tx); err != nil {
				return err
			}
			panic("broken")
		},
		func(tx ticketing.Tx) error {
			_ = tx.InsertTicket(context.Background(), &ticketing.Ticket{Number: 1, Thread: "nowhere", State: "new"})
			_ = saveAgent("d")(tx)
			return nil
		},
		func(tx ticketing.Tx) error {
			if _, err := tx.Agent(context.Background(), "nobody"); err != ticketing.ErrNotFound {
				return fmt.Errorf("unexpected: %w", err)
			}
			return saveAgent("e")(tx)
		},
	)
	if errs[0] != nil || errs[4] != nil {
		t.Errorf("neighbours failed: %v, %v", errs[0], errs[4])
	}
	if !errors.Is(errs[1], mine) {
		t.Errorf("own error: %v", errs[1])
	}
	if errs[2] == nil || !strings.Contains(errs[2].Error(), "broken") || !strings.Contains(errs[2].Error(), "writer_test.go") {
		t.Errorf("panic: %v", errs[2])
	}
	if errs[3] == nil {
		t.Error("a transaction with a failed statement was committed")
	}
	if got := agents(t, db, "a b c d e"); got != "a e" {
		t.Errorf("stored: %s", got)
	}
}

// TestFullDisk: a database that may not grow refuses everything in the commit with ErrFull, keeps what it had, and works again with space.
func TestFullDisk(t *testing.T) { synctest.Test(t, testFullDisk) }

func testFullDisk(t *testing.T) {
	db := openTest(t)
	ctx := context.Background()
	pragma := func(text string) {
		t.Helper()
		err := db.Update(ctx, func(tx ticketing.Tx) error {
			rows, err := db.writer.conn.query(ctx, text, nil)
			if err == nil {
				rows.Next()
				err = rows.Close()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	pragma("pragma max_page_count = 1") // SQLite makes it the present size
	big := func(tx ticketing.Tx) error {
		return tx.InsertEvent(ctx, &ticketing.Event{Code: "big", Args: map[string]string{"x": strings.Repeat("x", 1<<20)}})
	}
	errs := together(t, db, saveAgent("a"), big, saveAgent("c"))
	if !errors.Is(errs[1], ticketing.ErrFull) {
		t.Fatalf("not ErrFull: %v", errs[1])
	}
	for i, id := range []string{"a", "", "c"} {
		if stored := id != "" && agents(t, db, id) == id; stored != (errs[i] == nil) {
			t.Errorf("row %d: stored %v, answer %v", i, stored, errs[i])
		}
	}
	if err := db.Check(ctx); err != nil {
		t.Fatal(err)
	}
	pragma("pragma max_page_count = 1000000")
	if err := db.Update(ctx, big); err != nil {
		t.Fatalf("with space again: %v", err)
	}
}

// TestCommitFails: whoever shared a commit that failed is told, and the next one works.
func TestCommitFails(t *testing.T) { synctest.Test(t, testCommitFails) }

func testCommitFails(t *testing.T) {
	db := openTest(t)
	ctx := context.Background()
	errs := together(t, db, saveAgent("a"), func(tx ticketing.Tx) error {
		_, err := db.writer.conn.exec(ctx, "rollback", nil) // what SQLite does by itself after some errors of the disk
		return err
	}, saveAgent("c"))
	if errs[0] == nil || errs[1] == nil {
		t.Errorf("success was told of a commit that did not happen: %v", errs)
	}
	if got := agents(t, db, "a"); got != "" {
		t.Errorf("stored: %s", got)
	}
	if err := db.Update(ctx, saveAgent("b")); err != nil {
		t.Errorf("after a failed commit: %v", err)
	}
	if got := agents(t, db, "b"); got != "b" {
		t.Errorf("stored: %q", got)
	}
}

func TestContextBeforeItsTurn(t *testing.T) {
	db := openTest(t)
	ctx, cancel := context.WithCancel(context.Background())
	err := db.Update(context.Background(), func(ticketing.Tx) error {
		done := make(chan error)
		go func() { done <- db.Update(ctx, saveAgent("late")) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("waiting: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// A context that ends while the function runs does not tear its statements apart.
	ctx, cancel = context.WithCancel(context.Background())
	err = db.Update(ctx, func(tx ticketing.Tx) error {
		cancel()
		return tx.SaveAgent(ctx, &ticketing.Agent{ID: "whole"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := agents(t, db, "late whole"); got != "whole" {
		t.Errorf("stored: %s", got)
	}
}

func TestSnapshotAndReadOnly(t *testing.T) {
	db := openTest(t)
	ctx := context.Background()
	err := db.View(ctx, func(view ticketing.Tx) error {
		if _, err := view.Agent(ctx, "a"); err != ticketing.ErrNotFound {
			return err
		}
		if err := db.Update(ctx, saveAgent("a")); err != nil {
			return err
		}
		if _, err := view.Agent(ctx, "a"); err != ticketing.ErrNotFound {
			t.Errorf("the snapshot moved: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.View(ctx, saveAgent("b")); err == nil {
		t.Error("a view wrote")
	}
	if got := agents(t, db, "a b"); got != "a" {
		t.Errorf("stored: %s", got)
	}
	var kept ticketing.Tx
	if err := db.Update(ctx, func(tx ticketing.Tx) error { kept = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := saveAgent("c")(kept); err == nil {
		t.Error("a transaction was used after its end")
	}
}

func TestClose(t *testing.T) {
	defer goleak.VerifyNone(t)
	db, err := Open(context.Background(), Config{DSN: "sqlite://" + filepath.Join(t.TempDir(), "new", "a.db"), Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Update(context.Background(), saveAgent("a")); !errors.Is(err, errClosed) {
		t.Errorf("update: %v", err)
	}
	if err := db.View(context.Background(), saveAgent("a")); !errors.Is(err, errClosed) {
		t.Errorf("view: %v", err)
	}
}

func TestClockOfATransaction(t *testing.T) {
	db := openTest(t)
	err := db.Update(context.Background(), func(tx ticketing.Tx) error {
		if now := tx.Now(); now != now.Truncate(time.Millisecond) || now.Location() != time.UTC || now != tx.Now() {
			t.Errorf("now is %v", now)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
