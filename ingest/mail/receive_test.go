package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ticketing"
)

// memoryLedger keeps what the mailbox hands over, by the rules of ingest.Acceptor.
type memoryLedger struct {
	mu      sync.Mutex
	changed chan struct{}
	rows    []ingest.Raw
	cursor  *ticketing.Cursor
	fence   int64
	owner   string
	full    bool
	fail    func(items []ingest.Raw) error
	owed    []ticketing.Inbound
	cared   []string
	commits int
	fell    bool // the cursor fell within one UIDVALIDITY (I5)
}

func newLedger() *memoryLedger {
	return &memoryLedger{changed: make(chan struct{}), fence: 1, owner: "us"}
}

func (l *memoryLedger) touch() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *memoryLedger) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	l.touch()
}

// wait returns when done is true of the ledger.
func (l *memoryLedger) wait(t *testing.T, what string, done func(rows []ingest.Raw) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 48*time.Hour) // of the bubble's clock
	defer cancel()
	for {
		l.mu.Lock()
		changed, ok := l.changed, done(l.rows)
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			t.Fatalf("%s: never; the ledger has %d rows, cursor %+v", what, len(l.rows), l.cursor)
		}
	}
}

func (l *memoryLedger) Accept(ctx context.Context, door string, lease ticketing.Lease, items []ingest.Raw, cursor *ticketing.Cursor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if door != "mail:desk" {
		return fmt.Errorf("door %q", door)
	}
	if lease.Fence != l.fence {
		return ticketing.ErrFenced
	}
	if l.fail != nil {
		if err := l.fail(items); err != nil {
			return err
		}
	}
	for _, item := range items {
		if !slices.ContainsFunc(l.rows, func(r ingest.Raw) bool { return r.Identity == item.Identity }) {
			l.rows = append(l.rows, item)
		}
	}
	if cursor != nil {
		if l.cursor != nil && l.cursor.Validity == cursor.Validity && l.cursor.Position > cursor.Position {
			l.fell = true
		}
		c := *cursor
		l.cursor = &c
	}
	l.commits++
	l.touch()
	return nil
}

func (l *memoryLedger) Cursor(context.Context, string) (ticketing.Cursor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cursor == nil {
		return ticketing.Cursor{}, ticketing.ErrNotFound
	}
	return *l.cursor, nil
}

func (l *memoryLedger) Missing(_ context.Context, identities []string) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(identities), func(id string) bool {
		return slices.ContainsFunc(l.rows, func(r ingest.Raw) bool { return r.Identity == id })
	}), nil
}

func (l *memoryLedger) Ready(ctx context.Context) error {
	for {
		l.mu.Lock()
		changed, full := l.changed, l.full
		l.mu.Unlock()
		if !full {
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *memoryLedger) AfterCare(context.Context, string) ([]ticketing.Inbound, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.owed), nil
}

func (l *memoryLedger) CareTaken(_ context.Context, ids []string) error {
	l.do(func() {
		l.cared = append(l.cared, ids...)
		l.owed = slices.DeleteFunc(l.owed, func(r ticketing.Inbound) bool { return slices.Contains(ids, r.ID) })
	})
	return nil
}

func (l *memoryLedger) Acquire(_ context.Context, name string) (ticketing.Lease, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return ticketing.Lease{Name: name, Owner: "us", Fence: l.fence, End: time.Now().Add(12 * time.Second)}, l.owner == "us", nil
}

func (l *memoryLedger) Release(_ context.Context, lease ticketing.Lease) error {
	l.do(func() {
		if lease.Fence == l.fence {
			l.owner = ""
		}
	})
	return nil
}

// bench is one mailbox being read, with server, ledger and clock inside a bubble.
type bench struct {
	server *mailtest.Server
	ledger *memoryLedger
	box    *Mailbox
}

// start begins to read; the mailbox is empty unless before fills it.
func start(t *testing.T, o mailtest.Options, change func(*IMAPConfig), before func(*mailtest.Server)) *bench {
	t.Helper()
	o.Memory = true
	b := &bench{server: mailtest.Start(t, o), ledger: newLedger()}
	b.server.AddUser(deskAddress, "secret")
	if before != nil {
		before(b.server)
	}
	b.run(t, change)
	return b
}

// run reads until the returned function is called or the test ends.
func (b *bench) run(t *testing.T, change func(*IMAPConfig)) (stop func()) {
	t.Helper()
	c := IMAPConfig{
		Name: "desk", Host: "127.0.0.1", TLS: "none", Username: deskAddress, Password: "secret",
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return b.server.DialIMAP(ctx) },
	}
	if change != nil {
		change(&c)
	}
	box, err := NewMailbox(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b.box = box
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- box.Receive(ctx, b.ledger) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) && !ticketing.Permanent(err) {
				t.Errorf("Receive ended with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func (b *bench) deliver(from, to int) {
	for n := from; n <= to; n++ {
		b.server.Deliver(deskAddress, []byte(letterOf(n)))
	}
}

// idle waits until the mailbox has nothing left to do.
func (b *bench) idle(t *testing.T) {
	t.Helper()
	b.ledger.wait(t, "first connection", func([]ingest.Raw) bool { return b.ledger.cursor != nil })
	synctest.Wait()
}

// has waits for exactly these letters, whole, in any order.
func (b *bench) has(t *testing.T, from, to int) {
	t.Helper()
	b.ledger.wait(t, fmt.Sprintf("letters %d to %d", from, to), func(rows []ingest.Raw) bool { return len(rows) >= to-from+1 })
	synctest.Wait()
	b.ledger.mu.Lock()
	defer b.ledger.mu.Unlock()
	var got, want []string
	for _, r := range b.ledger.rows {
		got = append(got, string(r.Bytes))
		if r.Note != "" || r.ServerAt.IsZero() {
			t.Errorf("%s: note %q, date %v, %s", r.Identity, r.Note, r.ServerAt, r.Detail)
		}
	}
	for n := from; n <= to; n++ {
		want = append(want, letterOf(n))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d letters in the ledger, want %d to %d", len(got), from, to)
	}
	if b.ledger.fell {
		t.Error("the cursor fell within one UIDVALIDITY")
	}
}

func TestFirstConnectionLeavesOldMailAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, func(s *mailtest.Server) {
			for n := range 5 {
				s.Deliver(deskAddress, []byte(letterOf(n)))
			}
		})
		b.idle(t)
		b.deliver(10, 12)
		b.has(t, 10, 12)
		if b.ledger.rows[0].Quiet {
			t.Error("new mail is marked quiet")
		}
		if want := "mail:desk/INBOX/1001/6"; b.ledger.rows[0].Identity != want {
			t.Errorf("identity %q, want %q", b.ledger.rows[0].Identity, want)
		}
		for _, name := range []string{"STORE", "EXPUNGE", "MOVE", "COPY", "APPEND", "CREATE"} {
			if b.server.Did("", name) > 0 {
				t.Errorf("%s although nothing may be changed", name)
			}
		}
	})
}

func TestStartDateTakesOlderMailQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		b := start(t, mailtest.Options{}, func(c *IMAPConfig) { c.Start = now.AddDate(0, 0, -10) }, func(s *mailtest.Server) {
			s.Put(deskAddress, "INBOX", []byte(letterOf(1)), now.AddDate(0, 0, -30))
			s.Put(deskAddress, "INBOX", []byte(letterOf(2)), now.AddDate(0, 0, -10).Add(-time.Hour))
			s.Put(deskAddress, "INBOX", []byte(letterOf(3)), now.AddDate(0, 0, -5))
			s.Put(deskAddress, "INBOX", []byte(letterOf(4)), now.Add(-time.Minute))
		})
		b.has(t, 3, 4)
		for _, r := range b.ledger.rows {
			if !r.Quiet {
				t.Errorf("%s from before the first connection is not quiet", r.Identity)
			}
		}
		b.deliver(5, 5)
		b.has(t, 3, 5)
		if b.ledger.rows[2].Quiet {
			t.Error("new mail is quiet")
		}
	})
}

func TestMailIsTakenInWhenAnnouncedAndByPolling(t *testing.T) {
	for _, without := range [][]string{nil, {"IDLE"}} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, mailtest.Options{Without: without}, nil, nil)
			b.idle(t)
			begin := time.Now()
			b.deliver(1, 1)
			b.has(t, 1, 1)
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("after %v", took)
			}
		})
	}
}

// TestFaults: whatever the server does, every letter arrives once and whole.
func TestFaults(t *testing.T) {
	tests := []struct {
		name  string
		fault mailtest.Fault
		ends  bool // a new connection must be made after the sign-in
	}{
		{"connection refused three times", mailtest.Fault{At: "CONNECT", Do: mailtest.Cut, Times: 3}, false},
		{"greeting never comes", mailtest.Fault{At: "CONNECT", Do: mailtest.Hang, Times: 1}, false},
		{"BYE for a greeting", mailtest.Fault{At: "CONNECT", Text: "too busy", Times: 2}, false},
		{"sign-in hangs", mailtest.Fault{At: "LOGIN", Do: mailtest.Hang, Times: 1}, false},
		{"sign-in refused for a while", mailtest.Fault{At: "LOGIN", Times: 4}, false},
		{"sign-in cut", mailtest.Fault{At: "LOGIN", Do: mailtest.Cut, Times: 1}, false},
		{"SELECT hangs", mailtest.Fault{At: "SELECT", Do: mailtest.Hang, Times: 1}, true},
		{"SELECT refused for a while", mailtest.Fault{At: "SELECT", Times: 2}, false},
		{"SEARCH hangs", mailtest.Fault{At: "SEARCH", Do: mailtest.Hang, Times: 1}, true},
		{"SEARCH refused", mailtest.Fault{At: "SEARCH", Times: 1}, false},
		{"FETCH hangs", mailtest.Fault{At: "FETCH", Do: mailtest.Hang, Times: 2}, true},
		{"FETCH refused, then BAD", mailtest.Fault{At: "FETCH", Do: mailtest.Bad, Times: 3}, false},
		{"cut before the answer", mailtest.Fault{At: "FETCH", Do: mailtest.Cut, Times: 3}, true},
		{"cut in the answer's first line", mailtest.Fault{At: "FETCH", Do: mailtest.Cut, After: 9, Times: 3}, true},
		{"IDLE hangs", mailtest.Fault{At: "IDLE", Do: mailtest.Hang, Times: 1}, true},
		{"IDLE refused", mailtest.Fault{At: "IDLE", Times: 2}, false},
		{"unknown answer", mailtest.Fault{At: "FETCH", Do: mailtest.Raw, Text: "* XYZZY\r\n", Times: 2}, true},
		{"VANISHED unasked", mailtest.Fault{At: "SEARCH", Do: mailtest.Raw, Text: "* VANISHED 1:3\r\n", Times: 1}, true},
		{"no IMAP at all", mailtest.Fault{At: "SELECT", Do: mailtest.Raw, Text: "HTTP/1.1 400 Bad Request\r\n\r\n", Times: 1}, true},
		{"literal without end", mailtest.Fault{At: "SEARCH", Do: mailtest.Raw, Text: "* 1 FETCH (UID 1 BODY[] {999999999999}\r\n" + strings.Repeat("x", 1000), Times: 1}, true},
		{"talk without end", mailtest.Fault{At: "SEARCH", Do: mailtest.Raw, Text: strings.Repeat("* OK still here\r\n", answerBudget/16), Times: 1}, true},
		{"flags announced in the middle", mailtest.Fault{At: "FETCH", Skip: 1, Do: mailtest.Raw, Text: "* 3 FETCH (UID 3 FLAGS (\\Seen))\r\n", Times: 1}, false},
		{"flags announced between the sizes", mailtest.Fault{At: "FETCH", Do: mailtest.Raw, Text: "* 3 FETCH (UID 3 FLAGS (\\Seen))\r\n", Times: 1}, false},
		{"a mail left out twice", mailtest.Fault{At: "FETCH", UID: 4, Do: mailtest.Omit, Times: 2}, false},
		{"size reported too small", mailtest.Fault{At: "FETCH", UID: 2, Do: mailtest.Size, After: 1}, false},
		{"a mail that breaks the connection twice", mailtest.Fault{At: "FETCH", UID: 5, Do: mailtest.Cut, Skip: 1, Times: 2}, true},
		{"cut in the middle of a body", mailtest.Fault{At: "FETCH", UID: 6, Skip: 1, Do: mailtest.Cut, After: 150, Times: 1}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if raceDetector && test.fault.After == 150 {
				t.Skip("go-imap itself races when a body breaks off")
			}
			if raceDetector && len(test.fault.Text) > answerBudget {
				t.Skip("32 MiB through the race detector take long and show nothing more")
			}
			synctest.Test(t, func(t *testing.T) {
				var f *mailtest.Armed
				b := start(t, mailtest.Options{}, func(c *IMAPConfig) { c.Start = time.Now().AddDate(0, 0, -1) }, func(s *mailtest.Server) {
					for n := 1; n <= 8; n++ {
						s.Deliver(deskAddress, []byte(letterOf(n)))
					}
					f = s.FaultIMAP(test.fault)
				})
				b.has(t, 1, 8)
				b.deliver(9, 10)
				b.has(t, 1, 10)
				if f.Hits() == 0 {
					t.Error("the fault never struck")
				}
				if test.ends && b.server.Did("", "LOGIN") < 2 {
					t.Error("the connection was kept")
				}
			})
		})
	}
}

func TestDeadLinkIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, nil)
		b.idle(t)
		b.server.FreezeIMAP()
		begin := time.Now()
		b.deliver(1, 1)
		b.has(t, 1, 1)
		if took := time.Since(begin); took > 5*time.Minute {
			t.Errorf("noticed after %v", took)
		}
	})
}

func TestMailThatCannotBeFetchedIsQuarantinedAndHoldsUpNobody(t *testing.T) {
	tests := []struct {
		name  string
		fault mailtest.Fault
	}{
		{"breaks the connection", mailtest.Fault{At: "FETCH", UID: 3, Do: mailtest.Cut}},
		{"hangs", mailtest.Fault{At: "FETCH", UID: 3, Do: mailtest.Hang}},
		{"is refused", mailtest.Fault{At: "FETCH", UID: 3, Text: "message is damaged"}},
		{"is left out", mailtest.Fault{At: "FETCH", UID: 3, Do: mailtest.Omit}},
		{"cannot be parsed", mailtest.Fault{At: "FETCH", UID: 3, Do: mailtest.Raw, Text: "* 3 FETCH (UID 3 NONSENSE)\r\n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, mailtest.Options{}, func(c *IMAPConfig) { c.Start = time.Now().AddDate(0, 0, -1) }, func(s *mailtest.Server) {
					for n := 1; n <= 8; n++ {
						s.Deliver(deskAddress, []byte(letterOf(n)))
					}
					s.FaultIMAP(test.fault)
				})
				b.ledger.wait(t, "the other letters", func(rows []ingest.Raw) bool { return len(rows) >= 7 })
				if b.ledger.rows[len(b.ledger.rows)-1].Note != "" {
					t.Error("others waited for the bad mail")
				}
				b.ledger.wait(t, "quarantine", func(rows []ingest.Raw) bool { return len(rows) == 8 })
				bad := b.ledger.rows[7]
				if bad.Note != ticketing.CauseFetch || bad.Identity != "mail:desk/INBOX/1001/3" || bad.Detail == "" {
					t.Errorf("%+v", bad)
				}
				b.deliver(9, 9)
				b.ledger.wait(t, "the next letter", func(rows []ingest.Raw) bool { return len(rows) == 9 })
				synctest.Wait()
				if b.ledger.cursor.Position != 9 || b.ledger.fell {
					t.Errorf("cursor %+v, fell %v", b.ledger.cursor, b.ledger.fell)
				}
			})
		})
	}
}

func TestOutageOfTheServersStoragePutsNothingIntoQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f *mailtest.Armed
		b := start(t, mailtest.Options{}, func(c *IMAPConfig) { c.Start = time.Now().AddDate(0, 0, -1) }, func(s *mailtest.Server) {
			for n := 1; n <= 3; n++ {
				s.Deliver(deskAddress, []byte(letterOf(n)))
			}
			f = s.FaultIMAP(mailtest.Fault{At: "FETCH", Do: mailtest.Cut})
		})
		timer := time.NewTimer(3 * time.Hour)
		<-timer.C
		f.Clear()
		b.has(t, 1, 3)
	})
}

func TestOnlyMailThatCannotBeFetchedIsQuarantinedInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, func(s *mailtest.Server) {
			s.FaultIMAP(mailtest.Fault{At: "FETCH", UID: 1, Do: mailtest.Cut})
		})
		b.idle(t)
		b.deliver(1, 1)
		b.ledger.wait(t, "quarantine", func(rows []ingest.Raw) bool { return len(rows) == 1 && rows[0].Note == ticketing.CauseFetch })
	})
}

func TestTooLargeMailIsHandedOverInPart(t *testing.T) {
	large := "Subject: large\r\n\r\n" + strings.Repeat("z", 300_000)
	for _, lie := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, mailtest.Options{}, func(c *IMAPConfig) { c.MaxSize = 200_000 }, func(s *mailtest.Server) {
				if lie {
					s.FaultIMAP(mailtest.Fault{At: "FETCH", UID: 1, Do: mailtest.Size, After: 10})
				}
			})
			b.idle(t)
			b.server.Deliver(deskAddress, []byte(large))
			b.deliver(2, 2)
			b.ledger.wait(t, "both", func(rows []ingest.Raw) bool { return len(rows) == 2 })
			i := slices.IndexFunc(b.ledger.rows, func(r ingest.Raw) bool { return r.Note == ticketing.CauseTooLarge })
			if i < 0 || string(b.ledger.rows[i].Bytes) != large[:ExcerptSize] {
				t.Fatalf("rows %d", len(b.ledger.rows))
			}
			if raw, err := b.box.Refetch(t.Context(), b.ledger.rows[i].Identity, 1<<20); err != nil || string(raw.Bytes) != large {
				t.Errorf("fetched again: %d bytes, %v", len(raw.Bytes), err)
			}
		})
	}
}

func TestNewUIDValidityBringsEverythingSinceTheStartAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, func(s *mailtest.Server) {
			s.Put(deskAddress, "INBOX", []byte(letterOf(1)), time.Now().AddDate(0, 0, -100))
		})
		b.idle(t)
		b.deliver(2, 3)
		b.has(t, 2, 3)
		if err := b.server.Renumber(deskAddress, "INBOX", 50); err != nil {
			t.Fatal(err)
		}
		b.deliver(4, 4)
		b.ledger.wait(t, "all again", func(rows []ingest.Raw) bool { return len(rows) == 5 })
		var got []string
		for _, r := range b.ledger.rows {
			got = append(got, strings.TrimPrefix(r.Identity, "mail:desk/INBOX/"))
		}
		if want := []string{"1001/2", "1001/3", "1006/51", "1006/52", "1006/53"}; !slices.Equal(got, want) {
			t.Errorf("identities %v, want %v", got, want)
		}
		if string(b.ledger.rows[4].Bytes) != letterOf(4) || b.ledger.rows[4].Quiet {
			t.Errorf("the newest: %+v", b.ledger.rows[4])
		}
	})
}

func TestRestartGoesOnWhereTheLedgerIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, nil)
		b.idle(t)
		b.deliver(1, 2)
		b.has(t, 1, 2)
		b.ledger.do(func() { b.ledger.fail = func([]ingest.Raw) error { return errors.New("disk is full") } })
		b.deliver(3, 4)
		b.ledger.do(func() { b.ledger.owner = "us" })
		stop := b.run(t, nil)
		stop()
		b.ledger.do(func() { b.ledger.fail, b.ledger.owner = nil, "us" })
		b.run(t, nil)
		b.has(t, 1, 4)
	})
}

func TestFailedCommitsLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, func(c *IMAPConfig) { c.Chunk = 3 }, nil)
		b.idle(t)
		n := 0
		b.ledger.do(func() {
			b.ledger.fail = func(items []ingest.Raw) error {
				if n++; n%3 != 0 {
					return ticketing.ErrFull
				}
				return nil
			}
		})
		begin := time.Now()
		b.deliver(1, 20)
		b.has(t, 1, 20)
		if took := time.Since(begin); took > reconcileEvery/2 {
			t.Errorf("after %v: the reconciliation had to find what the failed commits held", took)
		}
	})
}

func TestReadingPausesWhileTheLedgerIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, nil)
		b.idle(t)
		b.ledger.do(func() { b.ledger.full = true })
		b.deliver(1, 3)
		timer := time.NewTimer(3 * time.Hour)
		<-timer.C
		if n := len(b.ledger.rows); n != 0 {
			t.Fatalf("%d letters taken in", n)
		}
		if s := b.box.Status().State; s != "holding" {
			t.Errorf("state %q", s)
		}
		b.ledger.do(func() { b.ledger.full = false })
		b.has(t, 1, 3)
	})
}

func TestLostLeaseEndsReadingAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, nil)
		b.idle(t)
		b.ledger.do(func() { b.ledger.owner, b.ledger.fence = "them", 2 })
		timer := time.NewTimer(time.Minute)
		<-timer.C
		synctest.Wait()
		if n := b.server.IMAPConns(); n != 0 {
			t.Errorf("%d connections without the lease", n)
		}
		b.deliver(1, 2)
		timer.Reset(time.Hour)
		<-timer.C
		if len(b.ledger.rows) != 0 {
			t.Error("read without the lease")
		}
		b.ledger.do(func() { b.ledger.owner, b.ledger.fence = "us", 3 })
		b.has(t, 1, 2)
	})
}

func TestLeaseThatWasElsewhereMeanwhileStartsAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, nil)
		b.idle(t)
		b.deliver(1, 3)
		b.has(t, 1, 3)
		// Another process read on and gave the lease back between two renewals.
		b.ledger.do(func() { b.ledger.fence++ })
		b.deliver(4, 4)
		b.has(t, 1, 4)
		if n := b.server.Did("", "LOGIN"); n != 2 {
			t.Errorf("%d sign-ins, want 2", n)
		}
	})
}

func TestMailInTheLedgerIsNotFetchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, nil)
		b.idle(t)
		b.deliver(1, 5)
		b.has(t, 1, 5)
		fetched := b.server.Did("", "FETCH")
		// As when the cursor had waited for a mail that could not be fetched: what follows it is known.
		b.ledger.do(func() { b.ledger.cursor.Position, b.ledger.fence = 0, 2 })
		timer := time.NewTimer(time.Minute)
		<-timer.C
		if n := b.server.Did("", "FETCH"); n != fetched || b.server.Did("", "LOGIN") != 2 {
			t.Errorf("%d FETCH commands, before %d; %d sign-ins", n, fetched, b.server.Did("", "LOGIN"))
		}
	})
}

func TestSilenceInTheMiddleOfALargeMailIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, func(s *mailtest.Server) {
			s.FaultIMAP(mailtest.Fault{At: "FETCH", UID: 1, Do: mailtest.Size, After: 25 << 20, Times: 1})
			s.FaultIMAP(mailtest.Fault{At: "FETCH", UID: 1, Do: mailtest.Hang, Times: 1})
		})
		b.idle(t)
		begin := time.Now()
		b.deliver(1, 1)
		b.has(t, 1, 1)
		if took := time.Since(begin); took > 5*time.Minute {
			t.Errorf("noticed after %v", took)
		}
	})
}

func TestReconciliationFindsWhatTheLedgerLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, func(s *mailtest.Server) { s.Deliver(deskAddress, []byte(letterOf(100))) })
		b.idle(t)
		b.deliver(1, 5)
		b.has(t, 1, 5)
		b.ledger.do(func() { b.ledger.rows = slices.Delete(b.ledger.rows, 1, 3) })
		b.has(t, 1, 5)
		if s := b.box.Status(); s.Missing != 2 || s.MissedRun != 1 {
			t.Errorf("status %+v", s)
		}
		timer := time.NewTimer(2 * time.Hour)
		<-timer.C
		if s := b.box.Status(); s.Missing != 0 || s.MissedRun != 0 || s.State != "idle" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestAfterCare(t *testing.T) {
	for _, after := range []string{"flag", "move"} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, mailtest.Options{}, func(c *IMAPConfig) { c.After = after }, nil)
			b.idle(t)
			b.deliver(1, 3)
			b.has(t, 1, 3)
			b.ledger.do(func() {
				b.ledger.owed = []ticketing.Inbound{
					{ID: "a", Identity: b.ledger.rows[0].Identity},
					{ID: "b", Identity: b.ledger.rows[2].Identity},
					{ID: "old", Identity: "mail:desk/INBOX/1/2"},
				}
			})
			b.ledger.wait(t, "care", func([]ingest.Raw) bool { return len(b.ledger.cared) == 3 })
			inbox, moved := b.server.Inbox(deskAddress), b.server.Folder(deskAddress, DefaultMoveTo)
			if after == "move" && (len(inbox) != 1 || inbox[0].UID != 2 || len(moved) != 2) {
				t.Errorf("inbox %v, moved %v", inbox, moved)
			}
			if after == "flag" && (!slices.Equal(inbox[0].Flags, []string{DoneKeyword}) || len(inbox[1].Flags) != 0 || len(inbox[2].Flags) != 1) {
				t.Errorf("inbox %+v", inbox)
			}
			b.deliver(4, 4)
			b.has(t, 1, 4)
		})
	}
}

func TestExpungedMailIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, func(c *IMAPConfig) { c.Start = time.Now().AddDate(0, 0, -1) }, func(s *mailtest.Server) {
			for n := 1; n <= 3; n++ {
				s.Deliver(deskAddress, []byte(letterOf(n)))
			}
			s.FaultIMAP(mailtest.Fault{At: "FETCH", UID: 2, Do: mailtest.Omit})
		})
		b.ledger.wait(t, "the others", func(rows []ingest.Raw) bool { return len(rows) == 2 })
		b.server.Expunge(deskAddress, 2)
		b.deliver(4, 4)
		b.ledger.wait(t, "the next", func(rows []ingest.Raw) bool { return len(rows) == 3 && b.ledger.cursor.Position == 4 })
	})
}

func TestWrongPasswordIsTriedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, nil, func(s *mailtest.Server) { s.SetPassword(deskAddress, "changed") })
		timer := time.NewTimer(6 * time.Hour)
		<-timer.C
		if n := b.server.Did("", "LOGIN"); n < 20 || n > 40 {
			t.Errorf("%d sign-ins in 6 hours", n)
		}
		if s := b.box.Status(); s.State != "failing" || s.Code != "imap.password" {
			t.Errorf("status %+v", s)
		}
		b.server.SetPassword(deskAddress, "secret")
		b.idle(t)
	})
}

func TestManyMailsComeInChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, mailtest.Options{}, func(c *IMAPConfig) { c.ChunkBytes = 3000 }, nil)
		b.idle(t)
		b.ledger.do(func() { b.ledger.full = true })
		b.deliver(1, 450)
		b.ledger.do(func() { b.ledger.full = false })
		b.has(t, 1, 450)
		if b.ledger.commits > 20 {
			t.Errorf("%d commits for 450 letters", b.ledger.commits)
		}
	})
}

func TestReceiveFromEveryServer(t *testing.T) {
	onEveryServer(t, func(t *testing.T, s *imapServer) {
		const letters = 120
		for n := range letters / 2 {
			s.deliver(t, letterOf(n))
		}
		ledger := newLedger()
		box := s.mailbox(t, func(c *IMAPConfig) { c.Start, c.After, c.Chunk = time.Now().AddDate(0, 0, -1), "move", 25 })
		ctx, cancel := context.WithCancel(within(t))
		done := make(chan error, 1)
		go func() { done <- box.Receive(ctx, ledger) }()
		ledger.wait(t, "waiting letters", func(rows []ingest.Raw) bool { return len(rows) == letters/2 })
		ledger.do(func() {
			for i, r := range ledger.rows {
				ledger.owed = append(ledger.owed, ticketing.Inbound{ID: fmt.Sprint(i), Identity: r.Identity})
			}
		})
		for n := letters / 2; n < letters; n++ {
			s.deliver(t, letterOf(n))
		}
		ledger.wait(t, "new letters", func(rows []ingest.Raw) bool { return len(rows) == letters })
		ledger.wait(t, "after-care", func([]ingest.Raw) bool { return len(ledger.owed) == 0 })
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		want := map[string]bool{}
		for n := range letters {
			want[letterOf(n)] = true
		}
		for _, r := range ledger.rows {
			if !want[string(r.Bytes)] {
				t.Errorf("%s is not as delivered, or came twice", r.Identity)
			}
			delete(want, string(r.Bytes))
		}
		session, f := s.session(t, nil)
		if f.Messages != letters/2 {
			t.Errorf("%d mails left in the folder, want %d", f.Messages, letters/2)
		}
		if moved, err := session.Examine(within(t), DefaultMoveTo); err != nil || moved.Messages != letters/2 {
			t.Errorf("moved: %+v, %v", moved, err)
		}
	})
}
