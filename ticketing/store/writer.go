package store

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"runtime/debug"

	"github.com/sportello/sportello/ticketing"
)

// liteConn is one connection to SQLite with its prepared statements. The SQL texts of this package are few, so none is ever dropped.
type liteConn struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func newLiteConn(c *sql.Conn) *liteConn { return &liteConn{conn: c, stmts: map[string]*sql.Stmt{}} }

func (c *liteConn) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := c.stmts[text]; s != nil {
		return s, nil
	}
	s, err := c.conn.PrepareContext(ctx, text)
	if err == nil {
		c.stmts[text] = s
	}
	return s, err
}

func (c *liteConn) exec(ctx context.Context, text string, args []any) (sql.Result, error) {
	s, err := c.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (c *liteConn) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	s, err := c.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (c *liteConn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.conn.Close())...)
}

// writer is the only one that writes to SQLite: group commit.
type writer struct {
	db    *DB
	conn  *liteConn
	pool  *sql.DB
	limit int
	// queue has no buffer: a function that was not taken still belongs to its caller, who may give up or learn that the store is closed.
	queue   chan *job
	stopped chan struct{}
}

type job struct {
	ctx  context.Context
	fn   func(ticketing.Tx) error
	err  error
	done chan error
}

func newWriter(db *DB, c *liteConn, pool *sql.DB, limit int) *writer {
	return &writer{db: db, conn: c, pool: pool, limit: limit, queue: make(chan *job), stopped: make(chan struct{})}
}

func (w *writer) update(ctx context.Context, fn func(ticketing.Tx) error) error {
	j := &job{ctx: ctx, fn: fn, done: make(chan error, 1)}
	select {
	case w.queue <- j:
		return <-j.done
	case <-ctx.Done():
		return ctx.Err()
	case <-w.stopped:
		return errClosed
	}
}

func (w *writer) run(ctx context.Context) {
	defer close(w.stopped)
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-w.queue:
			w.commit(j)
		}
	}
}

// next returns a waiting function, nil if none. Callers answered by the last commit need a moment to come back with their next Update;
// yielding once lets them join this one instead of paying for an fsync of their own.
func (w *writer) next() *job {
	for range 2 {
		select {
		case j := <-w.queue:
			return j
		default:
			runtime.Gosched()
		}
	}
	return nil
}

// commit runs first and everything else that waits in one transaction and answers all of them after its commit. Savepoints would keep the
// functions apart, but cost as much as some of them do: only when one fails after it has written, everything is undone and run again with them.
func (w *writer) commit(first *job) {
	ctx := context.Background()
	if _, err := w.conn.exec(ctx, "begin immediate", nil); err != nil {
		first.done <- w.db.wrap(err)
		return
	}
	var jobs []*job
	for j := first; j != nil; j = w.next() {
		jobs = append(jobs, j)
		t, err := w.attempt(j)
		if j.err = err; err != nil && t.wrote {
			w.rollback(ctx)
			w.apart(jobs)
			return
		}
		if len(jobs) == w.limit {
			break
		}
	}
	_, broken := w.conn.exec(ctx, "commit", nil)
	if broken != nil {
		broken = w.db.wrap(broken)
		w.rollback(ctx)
	}
	answer(jobs, broken)
}

// apart runs functions in one transaction, each in its savepoint, and answers them.
func (w *writer) apart(jobs []*job) {
	ctx := context.Background()
	_, broken := w.conn.exec(ctx, "begin immediate", nil)
	for _, j := range jobs {
		if broken == nil {
			j.err, broken = w.one(j)
		}
	}
	if broken == nil {
		_, broken = w.conn.exec(ctx, "commit", nil)
	}
	if broken != nil {
		broken = w.db.wrap(broken)
		w.rollback(ctx)
	}
	answer(jobs, broken)
}

// rollback undoes the open transaction. After some errors SQLite has done so already and says so here; either way nothing is left open.
func (w *writer) rollback(ctx context.Context) {
	if _, err := w.conn.exec(ctx, "rollback", nil); err != nil {
		w.db.log.Debug("rollback after a failure", "error", err)
	}
}

func answer(jobs []*job, broken error) {
	for _, j := range jobs {
		if j.err == nil {
			j.err = broken
		}
		j.done <- j.err
	}
}

// attempt runs a function on the open transaction.
func (w *writer) attempt(j *job) (*tx, error) {
	t := &tx{db: w.db, run: w.conn, now: w.db.Now(), write: true}
	if err := j.ctx.Err(); err != nil {
		return t, err
	}
	err := call(j.fn, t)
	if err == nil {
		err = t.failed
	}
	return t, err
}

// one runs a function in its savepoint. broken is set when the whole transaction is lost.
func (w *writer) one(j *job) (err, broken error) {
	ctx := context.Background()
	if _, err := w.conn.exec(ctx, "savepoint job", nil); err != nil {
		return w.db.wrap(err), err
	}
	_, err = w.attempt(j)
	if err != nil {
		if _, e := w.conn.exec(ctx, "rollback to job", nil); e != nil {
			return err, errors.Join(err, e)
		}
	}
	if _, e := w.conn.exec(ctx, "release job", nil); e != nil {
		return w.db.wrap(e), e
	}
	return err, nil
}

// call runs fn and turns its panic into an error with the stack.
func call(fn func(ticketing.Tx) error, t *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = ticketing.Errorf("store.panic", "panic in a transaction: %v\n%s", p, debug.Stack())
		}
		t.over = true
	}()
	return fn(t)
}
