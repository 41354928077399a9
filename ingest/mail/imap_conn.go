package mail

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// answerBudget is how many bytes a server may send in one command besides the mails it was asked for. It leaves room for the flag
// updates of 100,000 mails; a server that sends more is not believed.
const answerBudget = 32 << 20

var (
	errSilent = errors.New("the server did not answer in time")
	errFlood  = errors.New("the server sent more than it was asked for")
)

// meteredConn counts what the server sends and remembers why the connection ended. go-imap limits neither the size of an answer nor
// the time it waits for one.
type meteredConn struct {
	net.Conn

	mu      sync.Mutex
	left    int64
	stall   *time.Timer // restarted whenever bytes arrive
	patient time.Duration
	reason  error // why we closed it
	readErr error // why reading ended
	closed  bool
	guard   answerGuard // used by the one goroutine that reads
}

func newMeteredConn(nc net.Conn) *meteredConn {
	return &meteredConn{Conn: nc, left: answerBudget}
}

func (c *meteredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.left -= int64(n)
	flood := c.left < 0
	if n > 0 && c.stall != nil {
		c.stall.Reset(c.patient)
	}
	if err != nil && c.readErr == nil {
		c.readErr = err
	}
	c.mu.Unlock()
	if flood {
		c.end(errFlood)
		return 0, errFlood
	}
	if err := c.guard.check(p[:n]); err != nil {
		c.end(err)
		return 0, err
	}
	return n, err
}

// allow begins a command: a full budget, and patience for silence.
func (c *meteredConn) allow(patience time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = answerBudget
	c.patient = patience
	c.stall = time.AfterFunc(patience, func() { c.end(errSilent) })
}

// done ends a command.
func (c *meteredConn) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stall != nil {
		c.stall.Stop()
		c.stall = nil
	}
}

// more allows n further bytes: a mail that was asked for.
func (c *meteredConn) more(n int64) {
	c.mu.Lock()
	c.left += n
	c.mu.Unlock()
}

// end closes the connection for a reason of ours.
func (c *meteredConn) end(reason error) {
	c.mu.Lock()
	if c.reason == nil {
		c.reason = reason
	}
	c.mu.Unlock()
	_ = c.Close()
}

func (c *meteredConn) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	return c.Conn.Close()
}

// Write fails after Close whatever the connection below does: go-imap waits for ever for a command that was sent after its reader ended.
func (c *meteredConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// why returns our reason for closing and the error that ended reading.
func (c *meteredConn) why() (reason, readErr error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason, c.readErr
}

// run carries out one command under a watchdog: the connection is closed when ctx ends, when the server is silent for
// CommandTimeout, and when the whole takes longer than limit.
func (s *Session) run(ctx context.Context, op string, limit time.Duration, command func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	patience := min(limit, s.config.CommandTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errSilent)
	defer cancel()
	s.conn.allow(patience)
	defer s.conn.done()
	stop := context.AfterFunc(ctx, func() { s.conn.end(context.Cause(ctx)) })
	defer stop()
	return s.explain(op, command())
}
