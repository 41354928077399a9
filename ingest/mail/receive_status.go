package mail

import (
	"sync"
	"time"
)

// MailboxStatus is what health checks and metrics show of a mailbox.
type MailboxStatus struct {
	State     string    // "waiting" (another process reads it), "connecting", "reading", "idle", "holding" (nothing more may be taken in), "failing", "stopped"
	Error     string    // why it fails, empty once it works again
	Code      string    // code of the error
	Since     time.Time // of the state
	Progress  time.Time // last time the server was seen to work
	Accepted  int64     // mails since the start of the process
	Waiting   int       // mails at the server that are not yet accepted
	Missing   int       // found by the last reconciliation: at the server, behind the cursor, not in the ledger
	MissedRun int       // reconciliations in a row that found some
	Failing   int       // mails that could not be fetched and are tried again
}

type mailboxStatus struct {
	mu sync.Mutex
	s  MailboxStatus
}

func (s *mailboxStatus) set(change func(*MailboxStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.s.State
	change(&s.s)
	if s.s.State != before {
		s.s.Since = time.Now()
	}
}

func (s *mailboxStatus) state(state string) { s.set(func(m *MailboxStatus) { m.State = state }) }

// alive notes that the server answered.
func (s *mailboxStatus) alive(state string) {
	s.set(func(m *MailboxStatus) { m.State, m.Error, m.Code, m.Progress = state, "", "", time.Now() })
}

// Status may be called from any goroutine.
func (m *Mailbox) Status() MailboxStatus {
	m.status.mu.Lock()
	defer m.status.mu.Unlock()
	return m.status.s
}
