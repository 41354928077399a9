package telegram

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// fetches are downloads that may outlive the reading which asked for them: a large file over a slow line takes longer than the ledger
// gives a reading, and the next attempt finds what came meanwhile.
type fetches struct {
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	slot    chan struct{}

	mu  sync.Mutex
	all map[string]*fetch
}

type fetch struct {
	done chan struct{}
	data []byte
	err  error
	at   time.Time // when it was done
}

const (
	// fetchesMax is how many downloads run at once.
	fetchesMax = 4
	// fetchKeep is how long a file that came too late waits to be asked for again.
	fetchKeep = 5 * time.Minute
)

func newFetches() *fetches {
	f := &fetches{all: map[string]*fetch{}, slot: make(chan struct{}, fetchesMax)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// close ends all downloads.
func (f *fetches) close() {
	f.cancel()
	f.running.Wait()
}

// get returns a file, or ctx's error while it is still coming. What was given, or failed, is forgotten.
func (f *fetches) get(ctx context.Context, id string, load func(context.Context) ([]byte, error)) ([]byte, error) {
	f.mu.Lock()
	for k, x := range f.all {
		if !x.at.IsZero() && time.Since(x.at) > fetchKeep {
			delete(f.all, k)
		}
	}
	x := f.all[id]
	if x == nil {
		x = &fetch{done: make(chan struct{})}
		f.all[id] = x
		f.running.Go(func() {
			// Its own time is bounded by the calls it makes.
			f.slot <- struct{}{}
			data, err := load(f.ctx)
			<-f.slot
			f.mu.Lock()
			x.data, x.err, x.at = data, err, time.Now()
			f.mu.Unlock()
			close(x.done)
		})
	}
	f.mu.Unlock()
	select {
	case <-x.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, id)
	return x.data, x.err
}

// fetchAll fetches the files of a message. One that cannot be had stands in the flags, and in the text so that agents see that there was
// one; one that may be had later is an error.
func (d *Door) fetchAll(ctx context.Context, h *ticketing.Heard, list []sentFile) error {
	lost := func(f sentFile, name, code string) {
		h.Flags = append(h.Flags, "file_"+code)
		line := "⚠️ 📎 " + name
		if f.Size > 0 {
			line += fmt.Sprintf(" · %.1f MB", float64(f.Size)/(1<<20))
		}
		h.Text = strings.TrimSpace(h.Text + "\n" + line)
		h.Visible = h.Text
	}
	for i, f := range list {
		name := ticketing.CleanFileName(f.Name, i+1)
		if f.Size > d.fileMax {
			lost(f, name, codeTooLarge)
			continue
		}
		data, err := d.fetches.get(ctx, f.ID, func(ctx context.Context) ([]byte, error) { return d.api.Download(ctx, f.ID, d.fileMax) })
		var e *ticketing.SendError
		if errors.As(err, &e) && e.Verdict == ticketing.SendPermanent {
			lost(f, name, e.Code)
			continue
		}
		if err != nil {
			return fmt.Errorf("file %s: %w", name, err)
		}
		h.Files = append(h.Files, ticketing.HeardFile{Name: name, Type: f.Type, Data: data})
	}
	return nil
}
