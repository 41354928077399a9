package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// frozen are the schema steps that were released. A change to one of them never reaches a database that has it already: write a new step.
var frozen = map[string]string{
	"schema/sqlite/0002_repeats.sql":      "3822beacabcd06a4",
	"schema/postgres/0002_repeats.sql":    "3822beacabcd06a4",
	"schema/sqlite/0003_learning.sql":     "bc05cec700bdcaa2",
	"schema/postgres/0003_learning.sql":   "f8f2e9b540c631d1",
	"schema/sqlite/0004_place.sql":        "407706aa8cd0c683",
	"schema/postgres/0004_place.sql":      "407706aa8cd0c683",
	"schema/postgres/0001_first.sql":      "7dc10d750a65da68",
	"schema/sqlite/0001_first.sql":        "5c838e3732326015",
	"schema/sqlite/0005_slack_desk.sql":   "3e920617a7916e16",
	"schema/postgres/0005_slack_desk.sql": "3d3eb5cec1159f83",
}

func TestSchemaIsFrozen(t *testing.T) {
	err := fs.WalkDir(schema, "schema", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(schema, path)
		sum := sha256.Sum256(b)
		if got := hex.EncodeToString(sum[:8]); got != frozen[path] {
			t.Errorf("%s has hash %s, frozen is %q: add a new step instead of changing this one", path, got, frozen[path])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	lite, err := migrations(sqliteDialect)
	if err != nil {
		t.Fatal(err)
	}
	pg, err := migrations(postgresDialect)
	if err != nil {
		t.Fatal(err)
	}
	if len(lite) != len(pg) {
		t.Fatalf("%d steps for SQLite, %d for PostgreSQL", len(lite), len(pg))
	}
	for i := range lite {
		if lite[i].name != pg[i].name {
			t.Errorf("step %d is %s for SQLite and %s for PostgreSQL", i+1, lite[i].name, pg[i].name)
		}
	}
}

func TestVersions(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "new folder", "a%20?.db")
	if _, err := Open(ctx, Config{DSN: path}); err == nil || !strings.Contains(err.Error(), "sportello migrate") {
		t.Fatalf("without a database: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("a refused opening made a file")
	}
	open := func(may bool) error {
		db, err := Open(ctx, Config{DSN: path, Migrate: may})
		if err != nil {
			return err
		}
		return db.Close()
	}
	if err := open(true); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode of the database: %v, %v", info.Mode(), err)
	}
	if err := open(false); err != nil {
		t.Fatalf("up to date: %v", err)
	}
	change := func(text string) {
		t.Helper()
		db, err := Open(ctx, Config{DSN: path})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		err = db.Update(ctx, func(ticketing.Tx) error {
			_, err := db.writer.conn.exec(ctx, text, nil)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	change("insert into schema_migrations values (999, 'future', 0)")
	for _, may := range []bool{true, false} {
		if err := open(may); !errors.Is(err, ticketing.ErrSchema) || !strings.Contains(err.Error(), "newer sportello") {
			t.Fatalf("newer database: %v", err)
		}
	}
}

func TestOldSchema(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // an empty file is a database without tables
		t.Fatal(err)
	}
	if _, err := Open(ctx, Config{DSN: path}); err == nil || !strings.Contains(err.Error(), "sportello migrate") {
		t.Fatalf("empty database: %v", err)
	}
}

func TestManyMigrateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := Open(context.Background(), Config{DSN: path, Migrate: true})
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestDSN(t *testing.T) {
	for dsn, want := range map[string]string{
		"sqlite:///var/lib/a.db": "/var/lib/a.db", "/a.db": "/a.db", "a.db": "a.db", "sqlite://a.db": "a.db", "": "", "mysql://x": "", "sqlite://": "",
	} {
		got, err := sqlitePath(dsn)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", dsn, got, err)
		}
	}
	if _, err := Open(context.Background(), Config{DSN: "postgres://%zz"}); err == nil || !strings.Contains(err.Error(), "postgres://user") {
		t.Errorf("bad address: %v", err)
	}
}
