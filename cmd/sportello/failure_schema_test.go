package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing/store/storetest"
)

// eachDatabase runs fn on settings with an empty embedded database and, where the environment names one, an empty PostgreSQL schema.
// change runs a statement on the database without sportello.
func eachDatabase(t *testing.T, fn func(t *testing.T, cfg Config, change func(string))) {
	t.Helper()
	plain := func(t *testing.T) Config {
		cfg := defaults()
		cfg.Data, cfg.Listen = filepath.Join(t.TempDir(), "data"), ""
		return cfg
	}
	alter := func(t *testing.T, driver, dsn string) func(string) {
		return func(text string) {
			t.Helper()
			db, err := sql.Open(driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		cfg := plain(t)
		fn(t, cfg, alter(t, "sqlite", filepath.Join(cfg.Data, "sportello.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		cfg := plain(t)
		cfg.Database = storetest.Schema(t)
		fn(t, cfg, alter(t, "pgx", cfg.Database))
	})
}

func TestWrongSchema(t *testing.T) {
	eachDatabase(t, func(t *testing.T, cfg Config, change func(string)) {
		ctx, cancel := context.WithTimeout(t.Context(), storyLimit)
		defer cancel()
		file := writeSettings(t, cfg)
		expect := func(code int, want string, args ...string) {
			t.Helper()
			got, out, errs := runCommand(ctx, "", append(args, "-c", file)...)
			if got != code || !strings.Contains(out+errs, want) {
				t.Errorf("sportello %s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), got, code, want, out, errs)
			}
			if strings.Contains(out+errs, ":sportello@") {
				t.Errorf("sportello %s shows the database's password:\n%s%s", strings.Join(args, " "), out, errs)
			}
		}
		admin := [][]string{{"ledger", "list"}, {"quarantine", "list"}, {"outbox", "list"}, {"kb", "search", "stampante"}, {"check"}}
		for _, args := range admin {
			expect(exitFailed, "run `sportello migrate`", args...)
		}
		expect(0, "is up to date and whole", "migrate")
		expect(0, "is up to date and whole", "migrate") // again changes nothing
		expect(0, "The ledger is empty", "ledger", "list")

		// As a database of an older version, whose last steps were not made.
		change("delete from schema_migrations")
		for _, args := range admin {
			expect(exitFailed, "run `sportello migrate`", args...)
		}
		change("insert into schema_migrations (version, name, applied_at) values (9999, '9999_later', 0)")
		for _, args := range append(admin, []string{"serve"}, []string{"migrate"}) {
			expect(exitFailed, "the database has schema 9999, this sportello knows schemas up to", args...)
			expect(exitFailed, "install the newer sportello", args...)
		}
	})
}
