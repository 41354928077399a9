package store

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sportello/sportello/ticketing"
)

// wrap says once that an error comes from the store, and gives the disk's end its code. Errors that have a code keep it.
func (db *DB) wrap(err error) error {
	var known *ticketing.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case isFull(err):
		return &ticketing.Error{Code: "full", Err: fmt.Errorf("%s: %w", db.dialect.name, err)}
	}
	return &ticketing.Error{Code: "store.failed", Err: fmt.Errorf("%s: %w", db.dialect.name, err)}
}

func fullOr(err error) error {
	if err != nil && isFull(err) {
		return &ticketing.Error{Code: "full", Err: err}
	}
	return err
}

// isBusy reports that another process holds a lock on the SQLite file.
func isBusy(err error) bool {
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_BUSY
}

// isFull reports that no more can be stored. SQLite tells of a full disk by FULL or, when the operating system refuses a write or a sync,
// by IOERR with one of many details; both mean that nothing may be acknowledged. PostgreSQL: class 53, disk full.
func isFull(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		primary := lite.Code() & 0xff
		return primary == sqlite3.SQLITE_FULL || primary == sqlite3.SQLITE_IOERR
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "53100"
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EIO)
}
