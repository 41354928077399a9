// Package storetest opens stores for the tests of other packages: a fresh SQLite always, and PostgreSQL where the environment names one.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/files"
)

// Postgres is the environment variable with the address of a PostgreSQL server in which tests may make and drop schemas:
// "postgres://postgres@127.0.0.1:5432/postgres".
const Postgres = "SPORTELLO_TEST_POSTGRES"

// Open makes a fresh SQLite database that the test's end closes. Options change its settings, for example the clock.
func Open(t testing.TB, options ...func(*store.Config)) *store.DB {
	t.Helper()
	return OpenDSN(t, filepath.Join(t.TempDir(), "sportello.db"), options...)
}

// Files makes an empty folder of files.
func Files(t testing.TB) *files.Disk {
	t.Helper()
	f, err := files.NewDisk(filepath.Join(t.TempDir(), "files"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Beside makes what keeps files beside SQLite: large ones in a folder, small ones in a database of their own.
func Beside(t testing.TB) *files.Beside {
	t.Helper()
	f, err := files.NewBeside(context.Background(), filepath.Join(t.TempDir(), "files"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// OpenDSN opens the database at dsn, makes its schema, and closes it at the test's end.
func OpenDSN(t testing.TB, dsn string, options ...func(*store.Config)) *store.DB {
	t.Helper()
	cfg := store.Config{DSN: dsn, Migrate: true}
	for _, o := range options {
		o(&cfg)
	}
	db, err := store.Open(context.Background(), cfg)
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

// Each runs fn on SQLite with files on disk and, where the environment names a server, on PostgreSQL with files in the database. Every run
// has a database or schema of its own.
func Each(t *testing.T, fn func(t *testing.T, db *store.DB, f ticketing.Files)) {
	t.Helper()
	EachWith(t, nil, fn)
}

// EachWith is Each with an option, which may be nil.
func EachWith(t *testing.T, option func(*store.Config), fn func(t *testing.T, db *store.DB, f ticketing.Files)) {
	t.Helper()
	var options []func(*store.Config)
	if option != nil {
		options = append(options, option)
	}
	t.Run("sqlite", func(t *testing.T) { fn(t, Open(t, options...), Beside(t)) })
	t.Run("postgres", func(t *testing.T) {
		db := OpenDSN(t, Schema(t), options...)
		fn(t, db, files.NewSQL(db.Pool()))
	})
}

// Schema makes an empty PostgreSQL schema that the test's end drops, and returns the address under which everything lands in it: a schema is
// made in a fraction of the time of a database. It skips the test where the environment names no server.
func Schema(t testing.TB) string {
	t.Helper()
	server := os.Getenv(Postgres)
	if server == "" {
		t.Skip(Postgres + " is not set: PostgreSQL is not tested")
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s: %v", Postgres, err)
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name := "sportello_test_" + strings.ToLower(rand.Text())
	run := func(text string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := admin.ExecContext(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	run("create schema " + name)
	t.Cleanup(func() {
		run("drop schema " + name + " cascade")
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
	})
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// Thread puts a customer and a thread with a public message into db, for tests that need rows to hang theirs on.
func Thread(t testing.TB, db ticketing.Store, id string) (ticketing.Thread, ticketing.Message) {
	t.Helper()
	c := ticketing.Contact{ID: "C" + id, Key: "mail:" + id + "@example.com", Address: id + "@example.com"}
	th := ticketing.Thread{ID: "T" + id, Key: id, Door: "mail:assistenza", Queue: "assistenza", Contact: c.ID, State: ticketing.ThreadTicket}
	m := ticketing.Message{ID: "M" + id, Thread: th.ID, Ref: ticketing.Ref("mail:<" + id + "@example.com>"), Public: true,
		Author: ticketing.AuthorCustomer, Contact: c.ID, Text: "text", Visible: "text"}
	err := db.Update(t.Context(), func(tx ticketing.Tx) (err error) {
		if th.Number, err = tx.NextNumber(t.Context()); err != nil {
			return err
		}
		for _, save := range []func() error{
			func() error { return tx.SaveContact(t.Context(), &c) },
			func() error { return tx.SaveThread(t.Context(), &th) },
			func() error { return tx.InsertMessage(t.Context(), &m) },
		} {
			if err := save(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return th, m
}
