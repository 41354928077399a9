// Package files keeps bytes by their SHA-256: raw mail, attachments, rendered letters. Beside keeps them on disk beside SQLite, large ones as
// files (Disk) and small ones in a database of their own; SQL keeps them in PostgreSQL, so that every replica sees what another one stored. Equal bytes are stored once. A file is durable before the row that names it is written;
// files that no row names are swept when they are old enough.
package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const (
	// syncers is how many files of a batch are synced at the same time; the file system's journal merges what arrives together.
	syncers = 8
	// tempFolder holds files being written. It is on the same file system, so that renaming is atomic.
	tempFolder = "tmp"
	// DefaultSweepAge is how old an unnamed file must be before it is swept.
	DefaultSweepAge = 7 * 24 * time.Hour
	// sweepBatch is how many hashes are asked for at a time.
	sweepBatch = 500
)

// Named returns those of the hashes that a row of the database names.
type Named func(ctx context.Context, shas []string) (map[string]bool, error)

// Disk is a ticketing.Files in a folder: aa/aabb…, 256 folders by the first two digits of the hash, which keep a million files at 4,000 a
// folder. More levels would make nearly every new file pay for syncing a new folder.
type Disk struct {
	dir   string
	clock func() time.Time

	// sweeping keeps Put's "it is there already" apart from Sweep's removal.
	sweeping sync.RWMutex
}

var _ ticketing.Files = (*Disk)(nil)

// NewDisk makes the folders that are missing, for their owner only.
func NewDisk(dir string) (*Disk, error) {
	d := &Disk{dir: dir, clock: time.Now}
	if err := os.MkdirAll(filepath.Join(dir, tempFolder), 0o700); err != nil {
		return nil, failed("make the folder of files", err)
	}
	for i := range 256 {
		if err := os.Mkdir(filepath.Join(dir, hex.EncodeToString([]byte{byte(i)})), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, failed("make the folder of files", err)
		}
	}
	return d, errors.Join(syncFolder(dir), syncFolder(filepath.Dir(dir)))
}

// Dir is the folder, for questions about its space.
func (d *Disk) Dir() string { return d.dir }

// failed gives an error of the file system its code: no space is ticketing.ErrFull.
func failed(what string, err error) error {
	code := "files.failed"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EIO) {
		code = "full"
	}
	return &ticketing.Error{Code: code, Err: fmt.Errorf("cannot %s: %w", what, err)}
}

// Put implements ticketing.Files.
func (d *Disk) Put(ctx context.Context, r io.Reader) (string, int64, error) {
	f, err := d.write(ctx, r)
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(f.temp)
	d.sweeping.RLock()
	defer d.sweeping.RUnlock()
	if d.touch(f.sha) {
		return f.sha, f.size, nil
	}
	if err := errors.Join(syncFile(f.temp), d.name(f)); err != nil {
		return "", 0, failed("store a file", err)
	}
	if err := syncFolder(d.folder(f.sha)); err != nil {
		return "", 0, failed("store a file", err)
	}
	return f.sha, f.size, nil
}

// PutAll stores several files and returns their hashes in order. Files are synced side by side and every folder once, so that a batch
// costs much less than its files one by one.
func (d *Disk) PutAll(ctx context.Context, all [][]byte) ([]string, error) {
	shas := make([]string, len(all))
	fresh := map[string]written{}
	defer func() {
		for _, f := range fresh {
			os.Remove(f.temp)
		}
	}()
	d.sweeping.RLock()
	defer d.sweeping.RUnlock()
	for i, b := range all {
		sum := sha256.Sum256(b)
		shas[i] = hex.EncodeToString(sum[:])
		if _, twice := fresh[shas[i]]; twice || d.touch(shas[i]) {
			continue
		}
		f, err := d.write(ctx, bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		fresh[f.sha] = f
	}
	if err := each(fresh, func(f written) error { return syncFile(f.temp) }); err != nil {
		return nil, failed("store a file", err)
	}
	folders := map[string]string{}
	for _, f := range fresh {
		if err := d.name(f); err != nil {
			return nil, failed("store a file", err)
		}
		folders[d.folder(f.sha)] = d.folder(f.sha)
	}
	if err := each(folders, syncFolder); err != nil {
		return nil, failed("store a file", err)
	}
	return shas, nil
}

// each runs fn for every value, a few at a time, and returns the errors.
func each[T any](values map[string]T, fn func(T) error) error {
	work := make(chan T)
	errs := make(chan error, syncers)
	for range min(syncers, len(values)) {
		go func() {
			var err error
			for v := range work {
				err = errors.Join(err, fn(v))
			}
			errs <- err
		}()
	}
	for _, v := range values {
		work <- v
	}
	close(work)
	var err error
	for range min(syncers, len(values)) {
		err = errors.Join(err, <-errs)
	}
	return err
}

// written is a complete temporary file, not yet synced.
type written struct {
	temp, sha string
	size      int64
}

// write copies r into a temporary file.
func (d *Disk) write(ctx context.Context, r io.Reader) (written, error) {
	f, err := os.CreateTemp(filepath.Join(d.dir, tempFolder), "put-")
	if err != nil {
		return written{}, failed("store a file", err)
	}
	h := sha256.New()
	size, readErr, err := spool(ctx, f, h, r)
	if e := f.Close(); err == nil && e != nil {
		err = e
	}
	if err != nil || readErr != nil {
		os.Remove(f.Name())
		if readErr != nil {
			return written{}, readErr
		}
		return written{}, failed("store a file", err)
	}
	return written{f.Name(), hex.EncodeToString(h.Sum(nil)), size}, nil
}

// spool copies and hashes; an error of the source is told apart from one of the disk.
func spool(ctx context.Context, dst io.Writer, h hash.Hash, src io.Reader) (size int64, readErr, writeErr error) {
	buf := make([]byte, 64<<10)
	for {
		if err := ctx.Err(); err != nil {
			return size, err, nil
		}
		n, err := src.Read(buf)
		if n > 0 {
			size += int64(n)
			h.Write(buf[:n])
			if _, err := dst.Write(buf[:n]); err != nil {
				return size, nil, err
			}
		}
		if err == io.EOF {
			return size, nil, nil
		}
		if err != nil {
			return size, err, nil
		}
	}
}

func (d *Disk) folder(sha string) string { return filepath.Join(d.dir, sha[:2]) }
func (d *Disk) path(sha string) string   { return filepath.Join(d.dir, sha[:2], sha) }

func (d *Disk) name(f written) error { return os.Rename(f.temp, d.path(f.sha)) }

// touch reports whether the file is there already, and makes it young again so that it is not swept before its new row is written. The
// folder is synced here too: whoever renamed the file into it may not have come so far yet.
func (d *Disk) touch(sha string) bool {
	now := d.clock()
	return os.Chtimes(d.path(sha), now, now) == nil && syncFolder(d.folder(sha)) == nil
}

// Open implements ticketing.Files.
func (d *Disk) Open(_ context.Context, sha string) (io.ReadCloser, error) {
	if !validSHA(sha) {
		return nil, ticketing.ErrNotFound
	}
	f, err := os.Open(d.path(sha))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ticketing.ErrNotFound
	}
	if err != nil {
		return nil, failed("open a file", err)
	}
	return f, nil
}

// validSHA keeps everything but a hash out of a path.
func validSHA(sha string) bool {
	if len(sha) != 2*sha256.Size {
		return false
	}
	for i := range len(sha) {
		if c := sha[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Sweep removes files older than age that no row names, and what a kill left in the temporary folder. It returns how many files it
// removed.
func (d *Disk) Sweep(ctx context.Context, age time.Duration, named Named) (int, error) {
	limit := d.clock().Add(-age)
	removed := 0
	entries, err := os.ReadDir(filepath.Join(d.dir, tempFolder))
	if err != nil {
		return 0, failed("sweep files", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().Before(limit) {
			os.Remove(filepath.Join(d.dir, tempFolder, e.Name()))
		}
	}
	for i := range 256 {
		n, err := d.sweepFolder(ctx, hex.EncodeToString([]byte{byte(i)}), limit, named)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func (d *Disk) sweepFolder(ctx context.Context, folder string, limit time.Time, named Named) (removed int, err error) {
	entries, err := os.ReadDir(filepath.Join(d.dir, folder))
	if err != nil {
		return 0, failed("sweep files", err)
	}
	var old []string
	for _, e := range entries {
		if info, err := e.Info(); err == nil && validSHA(e.Name()) && info.ModTime().Before(limit) {
			old = append(old, e.Name())
		}
	}
	for len(old) > 0 {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		part := old[:min(len(old), sweepBatch)]
		old = old[len(part):]
		keep, err := named(ctx, part)
		if err != nil {
			return removed, err
		}
		for _, sha := range part {
			if keep[sha] {
				continue
			}
			gone, err := d.remove(sha, limit)
			if err != nil {
				return removed, failed("sweep files", err)
			}
			if gone {
				removed++
			}
		}
	}
	return removed, nil
}

// remove deletes a file unless somebody stored it again meanwhile.
func (d *Disk) remove(sha string, limit time.Time) (bool, error) {
	d.sweeping.Lock()
	defer d.sweeping.Unlock()
	info, err := os.Stat(d.path(sha))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.ModTime().Before(limit) {
		return false, nil
	}
	if err == nil {
		err = os.Remove(d.path(sha))
	}
	return err == nil, err
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
