package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

const (
	minBackoff     = time.Second
	maxBackoff     = time.Minute
	minAuthBackoff = 30 * time.Second // wrong passwords tried often lock accounts
	maxAuthBackoff = 15 * time.Minute
	leaseRenewal   = 4 * time.Second // reliability.md section 5
	fetchAttempts  = 3
	// unprovenCount is how seldom failures of a mail count while no other mail proves that the server gives out any.
	unprovenCount  = 2 * time.Hour
	reconcileEvery = time.Hour
	reconcileBack  = 3 * 24 * time.Hour
	reconcileAll   = 24 * time.Hour
)

// errLeaseLost: another process reads the mailbox now.
var errLeaseLost = errors.New("another process has taken over this mailbox")

// Place names the mailbox's folder in cursors, leases and identities.
func (m *Mailbox) Place() string { return "mail:" + m.config.Name + "/" + m.config.Folder }

func (m *Mailbox) door() string { return "mail:" + m.config.Name }

// Receive reads the mailbox until ctx ends. It waits for the lease, connects, takes in what is new, then waits for the server's notice
// and looks again at least every Poll. Whatever fails is tried again with growing pauses; only wrong settings end it.
//
// A mail is handed over whole or not at all, and the cursor moves in the ledger's commit. A mail that cannot be fetched does not hold up
// the others: it is tried again behind them, and the third failure hands it over as CauseFetch without bytes. A failure counts only
// while the server still gives out other mail, so that an outage never puts good mail into quarantine.
func (m *Mailbox) Receive(ctx context.Context, into ingest.Acceptor) error {
	defer m.status.state("stopped")
	backoff := backoff{}
	for {
		m.status.state("waiting")
		lease, err := m.lease(ctx, into)
		if err != nil {
			return err
		}
		err = m.hold(ctx, into, lease, &backoff)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if ticketing.Permanent(err) {
			return err
		}
		if errors.Is(err, errLeaseLost) || errors.Is(err, ticketing.ErrFenced) {
			m.log.Warn("mailbox is read by another process")
			if err := sleep(ctx, m.config.Renew); err != nil {
				return err
			}
		}
	}
}

// lease waits until the mailbox is ours.
func (m *Mailbox) lease(ctx context.Context, into ingest.Acceptor) (ticketing.Lease, error) {
	for {
		lease, ok, err := into.Acquire(ctx, m.Place())
		if err == nil && ok {
			return lease, nil
		}
		if err != nil && ctx.Err() == nil {
			m.log.Warn("lease cannot be asked for", "error", err)
		}
		if err := sleep(ctx, m.config.Renew); err != nil {
			return ticketing.Lease{}, err
		}
	}
}

// hold reads while the lease is ours, connecting again after each failure.
func (m *Mailbox) hold(ctx context.Context, into ingest.Acceptor, first ticketing.Lease, pause *backoff) error {
	held, cancel := context.WithCancelCause(ctx)
	r := &reader{Mailbox: m, into: into}
	r.lease.Store(&first)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		r.renew(held, cancel)
	}()
	defer func() {
		cancel(nil)
		<-renewed
		release, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer stop()
		if context.Cause(held) != errLeaseLost {
			if err := into.Release(release, *r.lease.Load()); err != nil {
				m.log.Warn("lease cannot be given back", "error", err)
			}
		}
	}()
	m.state = receiving{}
	for {
		m.status.state("connecting")
		err := r.connection(held, pause)
		if cause := context.Cause(held); cause != nil {
			return cause
		}
		if err == nil {
			continue
		}
		m.status.set(func(s *MailboxStatus) { s.State, s.Error, s.Code = "failing", err.Error(), code(err) })
		if ticketing.Permanent(err) || errors.Is(err, ticketing.ErrFenced) {
			return err
		}
		wait := pause.next(err)
		m.log.Log(ctx, pause.level(), "mailbox: trying again", "code", code(err), "error", err, "in", wait.Round(time.Millisecond))
		if err := sleep(held, wait); err != nil {
			return context.Cause(held)
		}
	}
}

// renew keeps the lease. While the database cannot be asked, reading goes on until the lease's end: the commit checks it again.
func (r *reader) renew(ctx context.Context, lost context.CancelCauseFunc) {
	for sleep(ctx, r.config.Renew) == nil {
		have := r.lease.Load()
		lease, ok, err := r.into.Acquire(ctx, r.Place())
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && ok && lease.Fence == have.Fence:
			r.lease.Store(&lease)
		case err == nil, time.Now().After(have.End):
			lost(errLeaseLost)
			return
		}
	}
}

func code(err error) string {
	var e *ticketing.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return "unknown"
}

// sleep waits; it returns ctx's error if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// backoff is the pause between connections: doubling, with jitter so that many mailboxes of one server do not come back at one moment.
type backoff struct {
	tries int
	auth  bool
}

func (b *backoff) next(err error) time.Duration {
	first, last := minBackoff, maxBackoff
	if e := IMAPErrorOf(err); e != nil && e.Class == IMAPAuth {
		first, last = minAuthBackoff, maxAuthBackoff
		if !b.auth {
			b.tries = 0
		}
		b.auth = true
	} else {
		b.auth = false
	}
	wait := min(first<<min(b.tries, 20), last)
	b.tries++
	return wait*3/4 + rand.N(wait/4+1)
}

// level makes the first failure a notice and repeated ones a warning.
func (b *backoff) level() slog.Level {
	if b.tries > 1 || b.auth {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func (b *backoff) reset() { *b = backoff{} }

// reader is Receive while it holds the lease.
type reader struct {
	*Mailbox
	into  ingest.Acceptor
	lease atomic.Pointer[ticketing.Lease]
}

// receiving is what outlives a connection but not the lease.
type receiving struct {
	known      bool // cursor is what the ledger has
	cursor     ticketing.Cursor
	mark       startMark
	top        uint32                   // every mail up to here is settled or in failed
	failed     map[uint32]*fetchFailure // mails that could not be fetched
	large      map[uint32]bool          // larger than the server said: only an excerpt
	passed     map[uint32]bool          // left alone because they lie before the start
	careful    uint32                   // up to this UID mails are fetched one by one
	reconciled time.Time
	complete   time.Time
}

// fetchFailure is a mail that could not be fetched.
type fetchFailure struct {
	tries   int       // those that count
	counted time.Time // when the last one was counted
	due     time.Time // next try
	broke   bool      // the last try ended the connection
	proven  bool      // before the last try another mail could be fetched
	err     error
}

// connection runs one connection from sign-in to its end.
func (r *reader) connection(ctx context.Context, pause *backoff) error {
	s, err := r.Dial(ctx)
	if err != nil {
		return err
	}
	broken := true
	defer func() {
		if broken {
			s.abort()
			return
		}
		s.Close()
	}()
	folder, err := s.Select(ctx)
	if err == nil {
		err = r.position(ctx, s, folder)
	}
	if err != nil {
		broken = !stillWorks(err)
		return err
	}
	r.status.alive("reading")
	err = r.loop(ctx, s, pause)
	broken = ctx.Err() == nil && !stillWorks(err)
	return err
}

// stillWorks tells whether the connection survived an error.
func stillWorks(err error) bool {
	e := IMAPErrorOf(err)
	return e == nil || e.Refusal
}

// position finds where to go on, or where to begin.
func (r *reader) position(ctx context.Context, s *Session, f Folder) error {
	st := &r.state
	if !st.known {
		cursor, err := r.into.Cursor(ctx, r.Place())
		switch {
		case errors.Is(err, ticketing.ErrNotFound):
			if cursor, err = r.begin(ctx, f); err != nil {
				return err
			}
			r.log.Info("first connection", "uidvalidity", f.UIDValidity, "from_uid", cursor.Position+1)
		case err != nil:
			return err
		}
		st.cursor, st.mark, st.known = cursor, parseMark(cursor.Mark), true
		st.top = uint32(cursor.Position)
		if st.failed == nil {
			st.forget()
		}
	}
	if st.cursor.Validity == int64(f.UIDValidity) {
		return nil
	}
	// Every UID means something else now (RFC 9051 section 2.3.1.1). All mail since the start comes again; what is known is recognised
	// by its logical key.
	r.log.Warn("the server has numbered its mail anew", "was", st.cursor.Validity, "is", f.UIDValidity)
	next := st.cursor
	next.Validity, next.Position = int64(f.UIDValidity), 0
	mark := st.mark
	mark.oldBelow, mark.leave = f.UIDNext, false
	next.Mark = mark.String()
	if err := r.into.Accept(ctx, r.door(), *r.lease.Load(), nil, &next); err != nil {
		return err
	}
	st.cursor, st.mark, st.top, st.careful = next, mark, 0, 0
	st.forget()
	return nil
}

// forget drops what was known of single mails.
func (st *receiving) forget() {
	st.failed, st.large, st.passed = map[uint32]*fetchFailure{}, map[uint32]bool{}, map[uint32]bool{}
}

// begin stores where a new mailbox starts: at the next mail to come, or at the date asked for.
func (r *reader) begin(ctx context.Context, f Folder) (ticketing.Cursor, error) {
	if f.UIDNext == 0 {
		return ticketing.Cursor{}, r.config.fail(imapProtocol, "first connection", errors.New("the server gives no UIDNEXT"))
	}
	now := time.Now()
	start := now.Truncate(time.Second) // a server tells whole seconds: what comes in this one must not seem to lie before it
	cursor := ticketing.Cursor{Place: r.Place(), Validity: int64(f.UIDValidity), Position: int64(f.UIDNext) - 1}
	if !r.config.Start.IsZero() {
		start, cursor.Position = r.config.Start, 0
	}
	cursor.Start = start.UnixMilli()
	cursor.Mark = startMark{live: now, oldBelow: f.UIDNext, leave: r.config.Start.IsZero()}.String()
	return cursor, r.into.Accept(ctx, r.door(), *r.lease.Load(), nil, &cursor)
}

// startMark is kept in Cursor.Mark. It divides the mail that was there at the first connection, or at the last renumbering, from what came
// after it.
type startMark struct {
	live     time.Time // first connection: mail written before it gets no automatic answer
	oldBelow uint32    // UIDs below this one were there
	leave    bool      // they are left alone altogether; otherwise Cursor.Start decides by date
}

func (m startMark) String() string {
	return fmt.Sprintf("%d/%d/%t", m.live.UnixMilli(), m.oldBelow, m.leave)
}

func parseMark(s string) startMark {
	var ms int64
	var m startMark
	if n, _ := fmt.Sscanf(s, "%d/%d/%t", &ms, &m.oldBelow, &m.leave); n == 3 {
		m.live = time.UnixMilli(ms)
	}
	return m
}
