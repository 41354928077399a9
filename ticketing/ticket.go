package ticketing

import "time"

// State of a ticket (decision 12 of the specification's front page). Customers see fewer words: see State.Public.
type State string

const (
	StateNew      State = "new"
	StateOpen     State = "open"
	StatePending  State = "pending"
	StateResolved State = "resolved"
	StateClosed   State = "closed"
)

// Public is the word a customer sees: "open", "pending" or "resolved".
func (s State) Public() string {
	switch s {
	case StatePending:
		return "pending"
	case StateResolved, StateClosed:
		return "resolved"
	}
	return "open"
}

// Reason says how a ticket was resolved.
type Reason string

const (
	ReasonSolved    Reason = "solved"
	ReasonDuplicate Reason = "duplicate"
	ReasonNoReply   Reason = "no_reply"
	ReasonOther     Reason = "other"
)

// Type of a ticket.
type Type string

const (
	TypeQuestion Type = "question"
	TypeProblem  Type = "problem"
	TypeRequest  Type = "request"
)

// Ticket is a request for help that a person of the desk answers for.
type Ticket struct {
	Number      int64
	Queue       string
	Thread      string
	Contact     string // requester, Contact.ID
	Type        Type
	Product     string
	Subject     string
	State       State
	Reason      Reason
	DuplicateOf int64
	Assignee    string // Agent.ID, empty if nobody
	Priority    string // normal, high, urgent
	Language    string // "it", "en"
	Door        string // door its question came in by
	Follows     int64
	MergedInto  int64
	Certified   bool
	Revision    int64 // rises with every change; names causes and card versions
	Reminders   int   // reminders sent in the present waiting
	Snoozed     bool  // an agent put it off: at TimerAt it wakes
	OpenedAt    time.Time
	AnsweredAt  time.Time // first answer of an agent
	ResolvedAt  time.Time
	ClosedAt    time.Time
	TimerAt     time.Time // when the clock acts next: reminder, no_reply, close, waking; zero if never
}

// Resolved says whether t needs nobody now.
func (t *Ticket) Resolved() bool { return t.State == StateResolved || t.State == StateClosed }

// reopen brings a resolved ticket back to work.
func (t *Ticket) reopen() {
	t.State, t.Reason, t.DuplicateOf = StateOpen, "", 0
	t.ResolvedAt, t.TimerAt, t.Snoozed = zeroTime, zeroTime, false
}

// OnMessage is the ticket's state machine seen by a customer's message at now: what a message on t means.
func (t *Ticket) OnMessage(now time.Time, reopenWindow time.Duration) Outcome {
	switch {
	case t.State == StateClosed,
		t.State == StateResolved && now.Sub(t.ResolvedAt) > reopenWindow:
		return OutcomeFollowUp
	}
	return OutcomeReply
}
