package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

// runner runs SQL inside an open transaction.
type runner interface {
	exec(ctx context.Context, text string, args []any) (sql.Result, error)
	query(ctx context.Context, text string, args []any) (*sql.Rows, error)
}

// tx is one transaction. Its methods are in the query files, one a noun.
type tx struct {
	db     *DB
	run    runner
	now    time.Time
	write  bool
	over   bool  // the function has returned
	wrote  bool  // a statement that may change something was run
	failed error // first failed statement: this transaction will not commit
}

var _ ticketing.Tx = (*tx)(nil)

// Now implements ticketing.Tx.
func (t *tx) Now() time.Time { return t.now }

// locked returns a dialect's locking clause, which a reading transaction must not use.
func (t *tx) locked(clause string) string {
	if t.write {
		return clause
	}
	return ""
}

var errTxOver error = &ticketing.Error{Code: "store.tx_over", Permanent: true, Err: errors.New("a transaction was used after its function had returned")}

// enter refuses a statement in a transaction that is over or already failed, and keeps SQLite's writer from being interrupted: it would undo the
// neighbours' work too.
func (t *tx) enter(ctx context.Context) (context.Context, error) {
	switch {
	case t.over:
		return ctx, errTxOver
	case t.failed != nil:
		return ctx, t.failed
	}
	if t.write && t.db.writer != nil {
		ctx = context.WithoutCancel(ctx)
	}
	return ctx, nil
}

func (t *tx) fail(err error) error {
	err = t.db.wrap(err)
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(ctx context.Context, text string, args ...any) (int64, error) {
	ctx, err := t.enter(ctx)
	if err != nil {
		return 0, err
	}
	t.wrote = true
	res, err := t.run.exec(ctx, text, bind(args))
	if err != nil {
		return 0, t.fail(err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, t.fail(err)
	}
	return n, nil
}

// row is what a scan function reads from.
type row interface{ Scan(dest ...any) error }

// many runs a query and reads all its rows.
func many[T any](ctx context.Context, t *tx, scan func(row) (T, error), text string, args ...any) ([]T, error) {
	ctx, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}
	t.wrote = t.wrote || !strings.HasPrefix(text, "select")
	rows, err := t.run.query(ctx, text, bind(args))
	if err != nil {
		return nil, t.fail(err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, t.fail(err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, t.fail(err)
	}
	return out, nil
}

// one runs a query for one thing; ErrNotFound if there is none. Of several rows it returns the first.
func one[T any](ctx context.Context, t *tx, scan func(row) (T, error), text string, args ...any) (T, error) {
	all, err := many(ctx, t, scan, text, args...)
	if err == nil && len(all) == 0 {
		err = ticketing.ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return all[0], nil
}

// get reads the columns of one row into dest.
func (t *tx) get(ctx context.Context, dest []any, text string, args ...any) error {
	_, err := one(ctx, t, func(r row) (struct{}, error) { return struct{}{}, r.Scan(dest...) }, text, args...)
	return err
}

func scanText(r row) (s string, err error) {
	err = r.Scan(&s)
	return s, err
}

// bind makes driver values: milliseconds of times, clean text of strings, int64 of whole numbers.
func bind(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case string:
			out[i] = clean(v)
		case time.Time:
			out[i] = millis(v)
		case int:
			out[i] = int64(v)
		case nil, int64, bool, float64, []byte:
			out[i] = v
		default:
			if r := reflect.ValueOf(a); r.Kind() == reflect.String {
				out[i] = clean(r.String())
			} else {
				out[i] = a
			}
		}
	}
	return out
}

// clean drops NUL bytes and replaces invalid UTF-8, which PostgreSQL refuses (22021).
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}

// maxKey is the longest text that is indexed as it is, in bytes: an index entry of PostgreSQL holds 2,700 bytes, and two of them may
// stand in one entry.
const maxKey = 800

// key is s as it is stored in an indexed column. A foreign name longer than maxKey keeps its beginning and gets its hash.
func key[S ~string](s S) string {
	k := clean(string(s))
	if len(k) <= maxKey {
		return k
	}
	sum := sha256.Sum256([]byte(k))
	return strings.ToValidUTF8(k[:maxKey-80], "") + "#" + hex.EncodeToString(sum[:])
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// null is s for a column with a foreign key: nothing instead of the empty string.
func null(s string) any {
	if s == "" {
		return nil
	}
	return clean(s)
}

// at scans milliseconds into a time.
type at struct{ t *time.Time }

func (a at) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*a.t = time.Time{}
	case int64:
		if *a.t = (time.Time{}); v != 0 {
			*a.t = time.UnixMilli(v).UTC()
		}
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

// opt scans a nullable text; nothing is the empty string.
type opt struct{ s *string }

func (o opt) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*o.s = ""
	case string:
		*o.s = v
	case []byte:
		*o.s = string(v)
	default:
		return fmt.Errorf("a text is stored as %T", v)
	}
	return nil
}

// doc scans JSON into what p points to.
type doc struct{ p any }

func (d doc) Scan(v any) error {
	switch v := v.(type) {
	case string:
		return d.read([]byte(v))
	case []byte:
		return d.read(v)
	}
	return fmt.Errorf("a document is stored as %T", v)
}

func (d doc) read(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, d.p)
}

// text is v as JSON; the empty string for nothing.
func text(v any) string {
	if r := reflect.ValueOf(v); (r.Kind() == reflect.Slice || r.Kind() == reflect.Map) && r.Len() == 0 {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil { // only for types that have no JSON at all; the store's are plain
		panic(err)
	}
	return string(b)
}

// or is t, or otherwise if t is zero. Both are kept in milliseconds, so that a struct equals what is read back.
func or(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		t = otherwise
	}
	return t.UTC().Truncate(time.Millisecond)
}

// params is "$from, …, $to".
func params(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		if i > from {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i)
	}
	return b.String()
}

// insert is an insert of the listed columns ("a, b, c").
func insert(table, columns string) string {
	return "insert into " + table + " (" + columns + ") values (" + params(1, strings.Count(columns, ",")+1) + ")"
}

// assign is "a = excluded.a, …" for an upsert of the listed columns.
func assign(columns string) string {
	names := strings.Split(columns, ",")
	for i, n := range names {
		n = strings.TrimSpace(n)
		names[i] = n + " = excluded." + n
	}
	return strings.Join(names, ", ")
}

// maxList is how many values one "in (…)" takes; longer lists are asked in parts.
const maxList = 512

// lists calls fn with parts of ids and the text of "in ($from, …)". The number of values is rounded up to a power of two by repeating the
// last one, so that there are few different SQL texts.
func lists(ids []string, from int, fn func(in string, args []any) error) error {
	for len(ids) > 0 {
		part := ids[:min(len(ids), maxList)]
		ids = ids[len(part):]
		size := 1
		for size < len(part) {
			size *= 2
		}
		args := make([]any, size)
		for i := range args {
			args[i] = part[min(i, len(part)-1)]
		}
		if err := fn("in ("+params(from, from+size-1)+")", args); err != nil {
			return err
		}
	}
	return nil
}

// filter collects conditions of a list.
type filter struct {
	conds []string
	args  []any
}

// add appends a condition that ends where its placeholder goes: "state =".
func (f *filter) add(cond string, arg any) {
	f.args = append(f.args, arg)
	f.conds = append(f.conds, fmt.Sprintf("%s $%d", cond, len(f.args)))
}

// conditions is the text of all conditions.
func (f *filter) conditions() string {
	if len(f.conds) == 0 {
		return ""
	}
	return " where " + strings.Join(f.conds, " and ")
}

// where is the text of all conditions, with the order and the limit (0: 50).
func (f *filter) where(order string, limit int) string {
	if limit <= 0 {
		limit = defaultPage
	}
	f.args = append(f.args, limit)
	return f.conditions() + " order by " + order + fmt.Sprintf(" limit $%d", len(f.args))
}

// defaultPage is how many rows a list has if its filter does not say; defaultThread how many messages or events of a thread.
const (
	defaultPage   = 50
	defaultThread = 1000
)
