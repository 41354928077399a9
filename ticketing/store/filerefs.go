package store

import (
	"context"
	"database/sql"

	"github.com/sportello/sportello/ticketing"
)

// NamedFiles returns those of the hashes that some row names: what a sweep of files must keep.
func (db *DB) NamedFiles(ctx context.Context, shas []string) (map[string]bool, error) {
	named := map[string]bool{}
	err := db.View(ctx, func(t ticketing.Tx) error {
		return lists(shas, 1, func(in string, args []any) error {
			found, err := many(ctx, t.(*tx), scanText, `select raw_sha from inbound where raw_sha `+in+`
				union select sha from message_files where sha `+in+`
				union select html_sha from messages where html_sha <> '' and html_sha `+in+`
				union select rendered from outgoing where rendered <> '' and rendered `+in+`
				union select sha from outgoing_files where sha `+in, args...)
			for _, sha := range found {
				named[sha] = true
			}
			return err
		})
	})
	return named, err
}

// Pool is the pool of connections for files kept in the same database; nil with SQLite, whose files lie beside it.
func (db *DB) Pool() *sql.DB {
	if db.writer != nil {
		return nil
	}
	return db.pool
}
