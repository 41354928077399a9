package files

import (
	"context"
	"time"
)

// Age makes a stored file older.
func (s *SQL) Age(ctx context.Context, sha string, by time.Duration) error {
	_, err := s.pool.ExecContext(ctx, `update files set stored_at = stored_at - $2 where sha = $1`, sha, by.Milliseconds())
	return err
}

// Age makes a stored small file older.
func (b *Beside) Age(ctx context.Context, sha string, by time.Duration) error {
	_, err := b.write.ExecContext(ctx, `update blobs set stored_at = stored_at - $2 where sha = $1`, sha, by.Milliseconds())
	return err
}

// Failed is how an error of the file system is told.
func Failed(err error) error { return failed("store a file", err) }
