package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sportello/sportello/ticketing"
)

// SmallSize is the largest file that Beside keeps in its database, in bytes. Plain mails and letters are smaller; making, syncing and
// naming a file each costs more than everything else that happens to them.
const SmallSize = 64 << 10

const (
	// besideBatch is how many waiting Puts share a commit.
	besideBatch = 256
	// besideReaders is how many small files are read at a time.
	besideReaders = 4
	// besideBusy is how long another process that writes is waited for.
	besideBusy = 10 * time.Second
)

// Beside is a ticketing.Files in a folder beside the SQLite database: large files as files (Disk), small ones in a SQLite database of
// their own, in which everything that arrives at the same time shares one commit.
type Beside struct {
	*Disk
	write, read *sql.DB
	queue       chan smallPut
	closing     context.CancelFunc
	done        chan struct{}
}

var _ ticketing.Files = (*Beside)(nil)

type smallPut struct {
	ctx   context.Context
	blobs map[string][]byte // by hash
	err   chan error
}

const smallSchema = `create table if not exists blobs (
	id        integer primary key,
	sha       text not null unique,
	stored_at integer not null,
	body      blob not null
)`

// NewBeside opens or makes the folder. Several processes may use it at the same time.
func NewBeside(ctx context.Context, dir string) (*Beside, error) {
	d, err := NewDisk(dir)
	if err != nil {
		return nil, err
	}
	name := func(more string) string {
		return "file:" + (&url.URL{Path: filepath.Join(dir, "small.db")}).String() +
			"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=wal_autocheckpoint(4000)&_pragma=busy_timeout(" + strconv.FormatInt(besideBusy.Milliseconds(), 10) + ")" + more
	}
	b := &Beside{Disk: d, queue: make(chan smallPut, besideBatch), done: make(chan struct{})}
	if b.write, err = sql.Open("sqlite", name("&_txlock=immediate")); err != nil {
		return nil, failed("open the small files", err)
	}
	b.write.SetMaxOpenConns(1)
	if err := makeSmall(ctx, b.write); err != nil {
		return nil, errors.Join(smallFailed("open the small files", err), b.write.Close())
	}
	if b.read, err = sql.Open("sqlite", name("&_pragma=query_only(1)")); err != nil {
		return nil, errors.Join(failed("open the small files", err), b.write.Close())
	}
	b.read.SetMaxOpenConns(besideReaders)
	var run context.Context
	run, b.closing = context.WithCancel(context.Background())
	go b.run(run)
	return b, nil
}

// makeSmall makes the table. The first connection turns the file to WAL mode, and SQLite does not wait for another process that is just
// doing the same, in spite of busy_timeout.
func makeSmall(ctx context.Context, db *sql.DB) error {
	end := time.Now().Add(besideBusy)
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		_, err := db.ExecContext(ctx, smallSchema)
		var e *sqlite.Error
		if !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_BUSY || time.Now().Add(wait).After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// Close ends the writer and closes the database.
func (b *Beside) Close() error {
	b.closing()
	<-b.done
	return errors.Join(b.read.Close(), b.write.Close())
}

// smallFailed gives an error of the database its code: no space is ticketing.ErrFull.
func smallFailed(what string, err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
			return &ticketing.Error{Code: "full", Err: err}
		}
	}
	return failed(what, err)
}

// run commits what waits, as much as there is at a time.
func (b *Beside) run(ctx context.Context) {
	defer close(b.done)
	for {
		var batch []smallPut
		select {
		case p := <-b.queue:
			batch = append(batch, p)
		case <-ctx.Done():
			return
		}
	more:
		for len(batch) < besideBatch {
			select {
			case p := <-b.queue:
				batch = append(batch, p)
			default:
				break more
			}
		}
		batch = slices.DeleteFunc(batch, func(p smallPut) bool {
			err := p.ctx.Err()
			if err != nil {
				p.err <- err // its caller has gone and names nothing
			}
			return err != nil
		})
		if len(batch) == 0 {
			continue
		}
		err := b.commit(batch)
		for _, p := range batch {
			p.err <- err
		}
	}
}

// commit stores a batch. It is not cancelled in the middle: SQLite would undo everybody's part.
func (b *Beside) commit(batch []smallPut) (err error) {
	ctx := context.Background()
	tx, err := b.write.BeginTx(ctx, nil)
	if err != nil {
		return smallFailed("store a file", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(smallFailed("store a file", err), ignoreDone(tx.Rollback()))
		}
	}()
	put, err := tx.PrepareContext(ctx, `insert into blobs (sha, stored_at, body) values ($1, $2, $3) on conflict (sha) do update set stored_at = excluded.stored_at`)
	if err != nil {
		return err
	}
	defer put.Close()
	now := b.clock().UnixMilli()
	for _, p := range batch {
		for sha, body := range p.blobs {
			if _, err := put.ExecContext(ctx, sha, now, body); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

func (b *Beside) putSmall(ctx context.Context, blobs map[string][]byte) error {
	if len(blobs) == 0 {
		return nil
	}
	p := smallPut{ctx: ctx, blobs: blobs, err: make(chan error, 1)}
	select {
	case b.queue <- p:
	case <-ctx.Done():
		return ctx.Err()
	case <-b.done:
		return ticketing.Errorf("files.closed", "the files are closed")
	}
	select {
	case err := <-p.err:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-b.done:
		return ticketing.Errorf("files.closed", "the files are closed")
	}
}

// Put implements ticketing.Files.
func (b *Beside) Put(ctx context.Context, r io.Reader) (string, int64, error) {
	head, err := io.ReadAll(io.LimitReader(r, SmallSize+1))
	if err != nil {
		return "", 0, err
	}
	if len(head) > SmallSize {
		return b.Disk.Put(ctx, io.MultiReader(bytes.NewReader(head), r))
	}
	sha := hashOf(head)
	if err := b.putSmall(ctx, map[string][]byte{sha: head}); err != nil {
		return "", 0, err // a hash is a promise that the bytes are there
	}
	return sha, int64(len(head)), nil
}

// PutAll stores several files and returns their hashes in order: one commit for the small ones, one round of syncing for the others.
func (b *Beside) PutAll(ctx context.Context, all [][]byte) ([]string, error) {
	shas := make([]string, len(all))
	small := map[string][]byte{}
	var large [][]byte
	var at []int
	for i, body := range all {
		if len(body) > SmallSize {
			large, at = append(large, body), append(at, i)
			continue
		}
		if body == nil {
			body = []byte{}
		}
		shas[i] = hashOf(body)
		small[shas[i]] = body
	}
	stored := make(chan error, 1)
	go func() { stored <- b.putSmall(ctx, small) }()
	names, err := b.Disk.PutAll(ctx, large)
	if err := errors.Join(<-stored, err); err != nil {
		return nil, err
	}
	for i, sha := range names {
		shas[at[i]] = sha
	}
	return shas, nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Open implements ticketing.Files.
func (b *Beside) Open(ctx context.Context, sha string) (io.ReadCloser, error) {
	if !validSHA(sha) {
		return nil, ticketing.ErrNotFound
	}
	var body []byte
	err := b.read.QueryRowContext(ctx, `select body from blobs where sha = $1`, sha).Scan(&body)
	switch {
	case err == nil:
		return io.NopCloser(bytes.NewReader(body)), nil
	case errors.Is(err, sql.ErrNoRows):
		return b.Disk.Open(ctx, sha)
	}
	return nil, smallFailed("open a file", err)
}

// Sweep removes files older than age that no row names, large and small.
func (b *Beside) Sweep(ctx context.Context, age time.Duration, named Named) (int, error) {
	removed, err := b.Disk.Sweep(ctx, age, named)
	if err != nil {
		return removed, err
	}
	limit := b.clock().Add(-age).UnixMilli()
	for after := int64(0); ; {
		shas, last, err := b.oldSmall(ctx, after, limit)
		if err != nil || len(shas) == 0 {
			return removed, err
		}
		after = last
		keep, err := named(ctx, shas)
		if err != nil {
			return removed, err
		}
		for _, sha := range shas {
			if keep[sha] {
				continue
			}
			// Stored again meanwhile, it is young again and stays.
			res, err := b.write.ExecContext(ctx, `delete from blobs where sha = $1 and stored_at < $2`, sha, limit)
			if err != nil {
				return removed, smallFailed("sweep files", err)
			}
			n, err := res.RowsAffected()
			if err != nil {
				return removed, smallFailed("sweep files", err)
			}
			removed += int(n)
		}
	}
}

// oldSmall lists hashes stored before limit, in the order of their rows, and the last row's id.
func (b *Beside) oldSmall(ctx context.Context, after, limit int64) (shas []string, last int64, err error) {
	rows, err := b.read.QueryContext(ctx, `select id, sha from blobs where id > $1 and stored_at < $2 order by id limit $3`, after, limit, sweepBatch)
	if err != nil {
		return nil, 0, smallFailed("sweep files", err)
	}
	defer rows.Close()
	for rows.Next() {
		var sha string
		if err := rows.Scan(&last, &sha); err != nil {
			return nil, 0, smallFailed("sweep files", err)
		}
		shas = append(shas, sha)
	}
	return shas, last, rows.Err()
}
