package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The rows as the checks read them: straight from the tables, without any of our own code between.
type (
	inRow struct {
		id, door, identity, sha, state, outcome, cause, reason, detail, thread, message string
		ticket, attempts, failures                                                      int64
	}
	outRow struct {
		id, cause, kind, recipient, door, thread, state, rendered, owner, answer, reason, ref string
		ticket, attempts, leaseEnd, fence, nextAt                                             int64
		started, fluid                                                                        bool
	}
	msgRow struct {
		seq                              int64
		id, thread, ref, author, inbound string
		public                           bool
	}
	ticketRow struct {
		number        int64
		thread, state string
	}
	leaseRow struct {
		name, owner   string
		fence, endsAt int64
	}
	cursorRow struct {
		place              string
		validity, position int64
	}
)

// crashState is the database at one moment.
type crashState struct {
	now     int64 // milliseconds, by the clock of this machine
	in      []inRow
	out     []outRow
	msg     []msgRow
	tickets []ticketRow
	leases  []leaseRow
	cursors []cursorRow

	inBy  map[string]*inRow  // by identity
	outBy map[string]*outRow // by id
	bySHA map[string][]*outRow
}

func rowsOf[T any](ctx context.Context, tx *sql.Tx, into *[]T, fields func(*T) []any, text string) error {
	rows, err := tx.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r T
		if err := rows.Scan(fields(&r)...); err != nil {
			return err
		}
		*into = append(*into, r)
	}
	return rows.Err()
}

// read takes the whole state in one transaction.
func read(ctx context.Context, db *sql.DB, now int64) (*crashState, error) {
	s := &crashState{now: now, inBy: map[string]*inRow{}, outBy: map[string]*outRow{}, bySHA: map[string][]*outRow{}}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	err = errors.Join(
		rowsOf(ctx, tx, &s.in, func(r *inRow) []any {
			return []any{&r.id, &r.door, &r.identity, &r.sha, &r.state, &r.outcome, &r.cause, &r.reason, &r.detail, &r.thread, &r.message, &r.ticket, &r.attempts, &r.failures}
		}, `select id, door, identity, raw_sha, state, outcome, cause, reason, detail, thread, message, ticket, attempts, failures from inbound order by id`),
		rowsOf(ctx, tx, &s.out, func(r *outRow) []any {
			return []any{&r.id, &r.cause, &r.kind, &r.recipient, &r.door, &r.thread, &r.state, &r.rendered, &r.owner, &r.answer, &r.reason, &r.ref, &r.ticket, &r.attempts,
				&r.leaseEnd, &r.fence, &r.nextAt, &r.started, &r.fluid}
		}, `select id, cause, kind, recipient, door, coalesce(thread, ''), state, rendered, owner, answer, reason, ref, ticket, attempts, lease_end, fence, next_at,
			data_started, fluid from outgoing order by id`),
		rowsOf(ctx, tx, &s.msg, func(r *msgRow) []any {
			return []any{&r.seq, &r.id, &r.thread, &r.ref, &r.author, &r.inbound, &r.public}
		}, `select seq, id, thread, ref, author, inbound, public from messages order by seq`),
		rowsOf(ctx, tx, &s.tickets, func(r *ticketRow) []any { return []any{&r.number, &r.thread, &r.state} }, `select number, thread, state from tickets order by number`),
		rowsOf(ctx, tx, &s.leases, func(r *leaseRow) []any { return []any{&r.name, &r.owner, &r.fence, &r.endsAt} }, `select name, owner, fence, ends_at from leases`),
		rowsOf(ctx, tx, &s.cursors, func(r *cursorRow) []any { return []any{&r.place, &r.validity, &r.position} }, `select place, validity, position from cursors`),
	)
	if err != nil {
		return nil, err
	}
	for i := range s.in {
		s.inBy[s.in[i].identity] = &s.in[i]
	}
	for i := range s.out {
		s.outBy[s.out[i].id] = &s.out[i]
		if sha := s.out[i].rendered; sha != "" {
			s.bySHA[sha] = append(s.bySHA[sha], &s.out[i])
		}
	}
	return s, nil
}

// openCopy copies a database of SQLite as the killed process left it and opens the copy, so that the next process recovers the original
// and not what the test has already put in order.
func (w *crashWorld) openCopy(name string) (*sql.DB, error) {
	path := filepath.Join(w.dir, "copy", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if suffix == "-shm" {
			continue
		}
		in, err := os.Open(filepath.Join(w.dir, "data", name+suffix))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out, err := os.Create(path + suffix)
		if err != nil {
			return nil, errors.Join(err, in.Close())
		}
		_, err = io.Copy(out, in)
		if err := errors.Join(err, in.Close(), out.Close()); err != nil {
			return nil, err
		}
	}
	return sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
}

// copies opens both databases of an embedded installation.
func (w *crashWorld) copies() (err error) {
	w.closeCopies()
	if w.main, err = w.openCopy("sportello.db"); err != nil {
		return err
	}
	w.small, err = w.openCopy("files/small.db")
	return err
}

func (w *crashWorld) closeCopies() {
	for _, db := range []*sql.DB{w.main, w.small} {
		if db != nil {
			_ = db.Close()
		}
	}
	w.main, w.small = nil, nil
}

// snapshot reads the state. With PostgreSQL and while a process works it is that of one transaction; with SQLite the process must be dead,
// unless live says that the database itself is to be read. The state is nil while there is no schema yet.
func (w *crashWorld) snapshot(live bool, sound func() error) (*crashState, error) {
	ctx := w.t.Context()
	db := w.pg
	there := `select count(*) from pg_tables where schemaname = current_schema() and tablename = 'files'`
	if db == nil {
		there = `select count(*) from sqlite_master where name = 'outgoing_files'`
		if live {
			var err error
			if db, err = sql.Open("sqlite", "file:"+filepath.Join(w.dir, "data", "sportello.db")+"?_pragma=busy_timeout(5000)&_pragma=query_only(1)"); err != nil {
				return nil, err
			}
			defer db.Close()
		} else {
			if err := w.copies(); err != nil {
				return nil, err
			}
			db = w.main
		}
	}
	var n int
	if err := db.QueryRowContext(ctx, there).Scan(&n); err != nil || n == 0 {
		return nil, err
	}
	if sound != nil {
		if err := sound(); err != nil {
			return nil, err
		}
	}
	return read(ctx, db, w.clock())
}

// soundSQLite is I10.
func (w *crashWorld) soundSQLite() error {
	for _, db := range []*sql.DB{w.main, w.small} {
		var said string
		if err := db.QueryRowContext(w.t.Context(), "pragma integrity_check(5)").Scan(&said); err != nil || said != "ok" {
			return errors.Join(fmt.Errorf("I10: integrity_check: %s", said), err)
		}
	}
	rows, err := w.main.QueryContext(w.t.Context(), "pragma foreign_key_check")
	if err != nil {
		return err
	}
	defer rows.Close()
	if rows.Next() {
		var table, parent string
		var id, key sql.NullInt64
		err := rows.Scan(&table, &id, &parent, &key)
		return errors.Join(fmt.Errorf("I10: %s row %d names a missing %s", table, id.Int64, parent), err)
	}
	return rows.Err()
}

// soundPostgres is I10: every index is compared with its table. Foreign keys are PostgreSQL's own business.
func (w *crashWorld) soundPostgres() error {
	ctx, db := w.t.Context(), w.pg
	if _, err := db.ExecContext(ctx, "create extension if not exists amcheck schema public"); err != nil {
		w.t.Logf("amcheck is not there, indexes are not compared: %v", err)
	} else if _, err := db.ExecContext(ctx, `select public.bt_index_check(i.indexrelid, true) from pg_index i join pg_class c on c.oid = i.indexrelid
		join pg_am a on a.oid = c.relam where c.relnamespace = current_schema()::regnamespace and a.amname = 'btree'`); err != nil {
		return fmt.Errorf("I10: amcheck: %w", err)
	}
	return nil
}

// stored proves that the file of a hash is stored whole. Files never change, so each is looked at once.
func (w *crashWorld) stored(sha string) error {
	if w.proven[sha] {
		return nil
	}
	var raw []byte
	var err error
	if w.pg != nil {
		err = w.pg.QueryRowContext(w.t.Context(), "select data from files where sha = $1", sha).Scan(&raw)
	} else if err = w.small.QueryRowContext(w.t.Context(), "select body from blobs where sha = $1", sha).Scan(&raw); errors.Is(err, sql.ErrNoRows) {
		raw, err = os.ReadFile(filepath.Join(w.dir, "data", "files", sha[:2], sha))
	}
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != sha {
		return fmt.Errorf("file %s holds other bytes", sha)
	}
	w.proven[sha] = true
	return nil
}
