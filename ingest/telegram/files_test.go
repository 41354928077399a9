package telegram

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowDownload: a download that takes longer than a reading may goes on behind it, once, and the next reading finds it.
func TestSlowDownload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFetches()
		loads := 0
		load := func(ctx context.Context) ([]byte, error) {
			loads++
			select {
			case <-time.After(10 * time.Second):
				return []byte("ciao"), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), parseTime)
			if _, err := f.get(ctx, "a", load); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("before it came: %v", err)
			}
			cancel()
		}
		time.Sleep(10 * time.Second)
		data, err := f.get(t.Context(), "a", load)
		if string(data) != "ciao" || err != nil || loads != 1 {
			t.Errorf("%q %v after %d downloads", data, err, loads)
		}
		if len(f.all) != 0 {
			t.Error("what was given is kept")
		}
		// What nobody asks for again does not stay, and closing ends what runs.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = f.get(ctx, "b", load)
		time.Sleep(fetchKeep + time.Minute)
		_, _ = f.get(ctx, "c", load)
		if f.all["b"] != nil {
			t.Error("a file nobody asked for is kept")
		}
		f.close()
	})
}
