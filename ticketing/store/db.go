package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// Defaults of Config.
const (
	DefaultMaxBatch    = 128
	DefaultMaxReaders  = 4
	DefaultMaxConns    = 16
	DefaultBusyTimeout = 10 * time.Second
)

// Config says where the database is and how it is used. Zero fields take the defaults.
type Config struct {
	// DSN is "sqlite:///path/to/sportello.db", a plain path, or "postgres://…".
	DSN string
	// Clock is the store's clock. Nil: the machine's clock for SQLite, the database's for PostgreSQL.
	Clock func() time.Time
	// Log gets what no caller is told: a clock that jumps, a retried transaction. Nil: nowhere.
	Log *slog.Logger
	// Migrate brings an older database up to date. Without it Open refuses one.
	Migrate bool

	MaxBatch    int           // SQLite: most Updates in one commit
	MaxReaders  int           // SQLite: Views at the same time
	MaxConns    int           // PostgreSQL: connections
	BusyTimeout time.Duration // SQLite: wait for another process that writes
}

// DB is a ticketing.Store on SQLite or PostgreSQL.
type DB struct {
	log     *slog.Logger
	dialect dialect
	clock   func() time.Time
	offset  atomic.Int64 // PostgreSQL: the database's clock minus ours, nanoseconds

	pool    *sql.DB        // PostgreSQL: everything; SQLite: the readers
	writer  *writer        // SQLite only
	readers chan *liteConn // SQLite only
	closing context.CancelFunc
	done    chan struct{} // closed when the goroutines of this DB have ended
}

var _ ticketing.Store = (*DB)(nil)

// Open connects, checks the schema and, if cfg says so, brings it up to date. ctx bounds the opening only.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	cfg.MaxBatch = cmp.Or(cfg.MaxBatch, DefaultMaxBatch)
	cfg.MaxReaders = cmp.Or(cfg.MaxReaders, DefaultMaxReaders)
	cfg.MaxConns = cmp.Or(cfg.MaxConns, DefaultMaxConns)
	cfg.BusyTimeout = cmp.Or(cfg.BusyTimeout, DefaultBusyTimeout)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if isPostgres(cfg.DSN) {
		return openPostgres(ctx, cfg)
	}
	path, err := sqlitePath(cfg.DSN)
	if err != nil {
		return nil, err
	}
	return untilFree(ctx, cfg.BusyTimeout, func() (*DB, error) { return openSQLite(ctx, cfg, path) })
}

// Waits between two tries to open a database that another process is opening or closing.
const (
	busyWaitMin = 2 * time.Millisecond
	busyWaitMax = 100 * time.Millisecond
)

// untilFree tries again while another process holds the whole file. Entering WAL mode and leaving it with the last connection take an
// exclusive lock, for which SQLite does not wait in spite of busy_timeout (https://sqlite.org/wal.html, section 9).
func untilFree(ctx context.Context, limit time.Duration, open func() (*DB, error)) (*DB, error) {
	end := time.Now().Add(limit)
	for wait := busyWaitMin; ; wait = min(2*wait, busyWaitMax) {
		db, err := open()
		if err == nil || !isBusy(err) || time.Now().Add(wait).After(end) {
			return db, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(wait):
		}
	}
}

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// sqlitePath is the file a DSN names.
func sqlitePath(dsn string) (string, error) {
	path := strings.TrimPrefix(dsn, "sqlite://")
	scheme, _, found := strings.Cut(path, "://")
	switch {
	case path == "":
		return "", ticketing.Errorf("store.dsn", "no database named; write sqlite:///var/lib/sportello/sportello.db or postgres://user@host/name")
	case found:
		return "", ticketing.Errorf("store.dsn", "unknown database %q; write sqlite:///path/to/sportello.db or postgres://user@host/name", scheme)
	}
	return filepath.Clean(path), nil
}

func openSQLite(ctx context.Context, cfg Config, path string) (*DB, error) {
	if err := prepareFile(path, cfg.Migrate); err != nil {
		return nil, err
	}
	db := &DB{log: cfg.Log, dialect: sqliteDialect, clock: cfg.Clock, done: make(chan struct{})}
	if db.clock == nil {
		db.clock = time.Now
	}
	write, err := sql.Open("sqlite", sqliteURI(path, cfg, "_txlock=immediate"))
	if err != nil {
		return nil, db.wrap(err)
	}
	write.SetMaxOpenConns(1)
	fail := func(err error) (*DB, error) {
		return nil, errors.Join(db.wrap(err), write.Close())
	}
	if err := migrate(ctx, write, db, cfg.Migrate); err != nil {
		return fail(err)
	}
	conn, err := write.Conn(ctx)
	if err != nil {
		return fail(err)
	}
	if db.pool, err = sql.Open("sqlite", sqliteURI(path, cfg, "_pragma=query_only(1)")); err != nil {
		return fail(err)
	}
	db.pool.SetMaxOpenConns(cfg.MaxReaders)
	db.readers = make(chan *liteConn, cfg.MaxReaders)
	for range cfg.MaxReaders {
		c, err := db.pool.Conn(ctx)
		if err != nil {
			return fail(errors.Join(err, db.pool.Close()))
		}
		db.readers <- newLiteConn(c)
	}
	db.writer = newWriter(db, newLiteConn(conn), write, cfg.MaxBatch)
	var run context.Context
	run, db.closing = context.WithCancel(context.Background())
	go func() {
		defer close(db.done)
		db.writer.run(run)
	}()
	return db, nil
}

// prepareFile makes the file and its folder for their owner only, because SQLite would make the file readable for all.
func prepareFile(path string, create bool) error {
	_, err := os.Stat(path)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return fullOr(err)
	}
	if !create {
		return schemaMissing(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fullOr(fmt.Errorf("store: cannot make the database's folder: %w", err))
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fullOr(fmt.Errorf("store: cannot make the database: %w", err))
	}
	return fullOr(f.Close())
}

func sqliteURI(path string, cfg Config, more string) string {
	u := url.URL{Scheme: "file", Path: path}
	if !filepath.IsAbs(path) {
		u = url.URL{Scheme: "file", Opaque: url.PathEscape(path)}
	}
	return u.String() + "?" + strings.Join([]string{
		fmt.Sprintf("_pragma=busy_timeout(%d)", cfg.BusyTimeout.Milliseconds()),
		"_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)", "_pragma=foreign_keys(1)",
		// The log is copied back after 4,000 pages (16 MiB) and cut to 64 MiB after a burst.
		"_pragma=wal_autocheckpoint(4000)", "_pragma=journal_size_limit(67108864)",
		"_pragma=cache_size(-8192)", "_pragma=temp_store(memory)", more,
	}, "&")
}

// Update implements ticketing.Store. fn must not call Update again.
func (db *DB) Update(ctx context.Context, fn func(ticketing.Tx) error) error {
	if db.writer != nil {
		return db.writer.update(ctx, fn)
	}
	return db.updatePostgres(ctx, fn)
}

// View implements ticketing.Store.
func (db *DB) View(ctx context.Context, fn func(ticketing.Tx) error) error {
	if db.readers != nil {
		return db.viewSQLite(ctx, fn)
	}
	return db.viewPostgres(ctx, fn)
}

func (db *DB) viewSQLite(ctx context.Context, fn func(ticketing.Tx) error) (err error) {
	var c *liteConn
	select {
	case c = <-db.readers:
	case <-ctx.Done():
		return ctx.Err()
	}
	if c == nil {
		return errClosed
	}
	defer func() { db.readers <- c }()
	if _, err := c.exec(ctx, "begin", nil); err != nil {
		return db.wrap(err)
	}
	// A reading transaction has nothing to keep, and its end must not depend on ctx.
	defer func() {
		if _, e := c.exec(context.WithoutCancel(ctx), "rollback", nil); e != nil && err == nil {
			err = db.wrap(e)
		}
	}()
	return call(fn, &tx{db: db, run: c, now: db.Now()})
}

// Now implements ticketing.Store: milliseconds, UTC.
func (db *DB) Now() time.Time {
	return db.clock().Add(time.Duration(db.offset.Load())).UTC().Truncate(time.Millisecond)
}

// Ping asks the database for a sign of life.
func (db *DB) Ping(ctx context.Context) error {
	return db.View(ctx, func(t ticketing.Tx) error {
		var one int64
		return t.(*tx).get(ctx, []any{&one}, "select 1")
	})
}

// Check looks for damage: the schema's version and, on SQLite, integrity_check and foreign_key_check. It reads the whole database.
func (db *DB) Check(ctx context.Context) error {
	if db.writer == nil {
		return db.checkVersion(ctx)
	}
	return db.View(ctx, func(t ticketing.Tx) error {
		tx := t.(*tx)
		found, err := many(ctx, tx, scanText, "pragma integrity_check(10)")
		if err != nil {
			return err
		}
		if len(found) != 1 || found[0] != "ok" {
			return ticketing.Errorf("store.damaged", "the database is damaged; restore a backup: %s", strings.Join(found, "; "))
		}
		broken, err := many(ctx, tx, func(r row) (string, error) {
			var table, parent string
			var id, key sql.NullInt64
			err := r.Scan(&table, &id, &parent, &key)
			return fmt.Sprintf("%s row %d names a missing %s", table, id.Int64, parent), err
		}, "pragma foreign_key_check")
		if err != nil {
			return err
		}
		if len(broken) > 0 {
			return ticketing.Errorf("store.damaged", "the database is damaged; restore a backup: %d dangling rows, first: %s", len(broken), broken[0])
		}
		return nil
	})
}

var errClosed error = &ticketing.Error{Code: "store.closed", Err: errors.New("the store is closed")}

// Close waits for the transaction in hand and gives everything back. Updates that wait get an error.
func (db *DB) Close() error {
	db.closing()
	<-db.done
	if db.writer == nil {
		return db.wrap(db.pool.Close())
	}
	var errs []error
	for range cap(db.readers) {
		c := <-db.readers
		if c == nil {
			return nil
		}
		errs = append(errs, c.close())
	}
	close(db.readers)
	errs = append(errs, db.pool.Close(), db.writer.conn.close(), db.writer.pool.Close())
	return db.wrap(errors.Join(errs...))
}
