package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sportello/sportello/ticketing"
)

// SQL is a ticketing.Files in PostgreSQL, in the table "files" that the store's schema makes. A file passes through memory whole: the
// readers' limits bound its size.
type SQL struct{ pool *sql.DB }

var _ ticketing.Files = (*SQL)(nil)

// NewSQL keeps files in the database of pool.
func NewSQL(pool *sql.DB) *SQL { return &SQL{pool: pool} }

func sqlFailed(what string, err error) error {
	code := "files.failed"
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "53100" {
		code = "full"
	}
	return &ticketing.Error{Code: code, Err: fmt.Errorf("cannot %s: %w", what, err)}
}

// Put implements ticketing.Files.
func (s *SQL) Put(ctx context.Context, r io.Reader) (string, int64, error) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		return "", 0, err
	}
	shas, err := s.PutAll(ctx, [][]byte{b.Bytes()})
	if err != nil {
		return "", 0, err
	}
	return shas[0], int64(b.Len()), nil
}

// PutAll stores several files in one commit and returns their hashes in order. The bytes of a file that is there already do not travel.
func (s *SQL) PutAll(ctx context.Context, all [][]byte) ([]string, error) {
	shas := make([]string, len(all))
	data := make(map[string][]byte, len(all))
	for i, b := range all {
		sum := sha256.Sum256(b)
		shas[i] = hex.EncodeToString(sum[:])
		data[shas[i]] = b
	}
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, sqlFailed("store a file", err)
	}
	defer tx.Rollback()
	// In the order of hashes, so that two batches with the same files cannot lock each other out.
	for _, sha := range slices.Sorted(maps.Keys(data)) {
		if err := putOne(ctx, tx, sha, data[sha]); err != nil {
			return nil, sqlFailed("store a file", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, sqlFailed("store a file", err)
	}
	return shas, nil
}

const nowMillis = "(extract(epoch from clock_timestamp()) * 1000)::bigint"

func putOne(ctx context.Context, tx *sql.Tx, sha string, b []byte) error {
	res, err := tx.ExecContext(ctx, `update files set stored_at = `+nowMillis+` where sha = $1`, sha)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if b == nil {
		b = []byte{}
	}
	_, err = tx.ExecContext(ctx, `insert into files (sha, size, stored_at, data) values ($1, $2, `+nowMillis+`, $3)
		on conflict (sha) do update set stored_at = excluded.stored_at`, sha, len(b), b)
	return err
}

// Open implements ticketing.Files.
func (s *SQL) Open(ctx context.Context, sha string) (io.ReadCloser, error) {
	if !validSHA(sha) {
		return nil, ticketing.ErrNotFound
	}
	var b []byte
	err := s.pool.QueryRowContext(ctx, `select data from files where sha = $1`, sha).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ticketing.ErrNotFound
	}
	if err != nil {
		return nil, sqlFailed("open a file", err)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Sweep removes files older than age that no row names, and returns how many.
func (s *SQL) Sweep(ctx context.Context, age time.Duration, named Named) (removed int, err error) {
	after := ""
	for {
		old, err := s.old(ctx, after, age)
		if err != nil {
			return removed, sqlFailed("sweep files", err)
		}
		if len(old) == 0 {
			return removed, nil
		}
		after = old[len(old)-1]
		keep, err := named(ctx, old)
		if err != nil {
			return removed, err
		}
		old = slices.DeleteFunc(old, func(sha string) bool { return keep[sha] })
		if len(old) == 0 {
			continue
		}
		// The age is compared again: a file stored again meanwhile is young.
		res, err := s.pool.ExecContext(ctx, `delete from files where sha = any(string_to_array($1, ',')) and stored_at < `+nowMillis+` - $2`,
			strings.Join(old, ","), age.Milliseconds())
		if err != nil {
			return removed, sqlFailed("sweep files", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return removed, sqlFailed("sweep files", err)
		}
		removed += int(n)
	}
}

// old is the next page of hashes that are old enough.
func (s *SQL) old(ctx context.Context, after string, age time.Duration) ([]string, error) {
	rows, err := s.pool.QueryContext(ctx, `select sha from files where sha > $1 and stored_at < `+nowMillis+` - $2 order by sha limit $3`,
		after, age.Milliseconds(), sweepBatch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var shas []string
	for rows.Next() {
		var sha string
		if err := rows.Scan(&sha); err != nil {
			return nil, err
		}
		shas = append(shas, sha)
	}
	return shas, rows.Err()
}
