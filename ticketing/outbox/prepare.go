package outbox

import (
	"bytes"
	"context"
	"runtime/debug"

	"github.com/sportello/sportello/ticketing"
)

// bigBody is the size from which rendered bytes are not kept in memory until their turn comes; they are read from the files again.
const bigBody = 256 << 10

// batchFiles is what a ticketing.Files may offer beside: storing many at the cost of few.
type batchFiles interface {
	PutAll(ctx context.Context, all [][]byte) ([]string, error)
}

// prepare renders leased rows that have no bytes yet and stores the bytes together. A row that cannot be rendered or stored carries its
// error; the others are not touched by it.
func (c *Courier) prepare(jobs []*job, door Door) {
	var small []*job
	for _, j := range jobs {
		if j.o.Fluid || j.o.Rendered != "" || context.Cause(j.ctx) != nil {
			continue
		}
		body, err := c.render(j, door)
		switch {
		case err != nil:
			j.failed = err
		case len(body) >= bigBody:
			c.put(j, body)
		default:
			// Never nil, which would mean that it has to be read.
			j.body = append([]byte{}, body...)
			small = append(small, j)
		}
	}
	if len(small) > 1 {
		if files, ok := c.cfg.Files.(batchFiles); ok && c.putAll(files, small) {
			return
		}
	}
	for _, j := range small {
		c.put(j, j.body)
	}
}

// put stores the bytes of one row. Without them the row must not name them: it would be lost for good.
func (c *Courier) put(j *job, body []byte) {
	sha, _, err := c.cfg.Files.Put(j.ctx, bytes.NewReader(body))
	if err != nil {
		j.failed = err
		return
	}
	j.sha = sha
}

func (c *Courier) putAll(files batchFiles, jobs []*job) bool {
	all := make([][]byte, len(jobs))
	for i, j := range jobs {
		all[i] = j.body
	}
	// The context of the first stands for all: an error sends each on its own way.
	shas, err := files.PutAll(jobs[0].ctx, all)
	if err != nil || len(shas) != len(jobs) {
		c.cfg.Log.Warn("storing rendered letters together, now one by one", "count", len(jobs), "err", err)
		return false
	}
	for i, j := range jobs {
		j.sha = shas[i]
	}
	return true
}

// render makes a row's bytes, once its facts have been completed: a card as it is now, the root a post belongs under. It never panics.
func (c *Courier) render(j *job, door Door) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.cfg.Log.Error("a door failed", "outgoing", j.o.ID, "door", j.o.Door, "panic", p, "stack", string(debug.Stack()))
			err = ticketing.Errorf(ReasonPanic, "panic: %v", p)
		}
	}()
	if c.cfg.Fresh != nil {
		fresh, err := c.cfg.Fresh(j.ctx, j.o)
		if err != nil {
			return nil, err
		}
		j.o.Facts = fresh.Facts
	}
	body, j.ref, err = door.Render(j.ctx, j.o)
	return body, err
}
