package ticketing

import (
	"context"
	"io"
	"time"
)

// Store runs transactions. A function handed to Update or View does no input or output but through its Tx and does not keep the Tx.
type Store interface {
	// Update runs fn in a writing transaction and returns after its commit is durable. Several Updates may share one commit; each
	// stands or falls alone. fn may run twice if the database asks for a retry; an error of fn undoes its changes and is returned.
	Update(ctx context.Context, fn func(Tx) error) error
	// View runs fn on a consistent snapshot; writing fails.
	View(ctx context.Context, fn func(Tx) error) error
	// Now is the time of the database's clock, by which everything is due.
	Now() time.Time
}

// Files keeps bytes by their SHA-256: raw mail, attachments, rendered letters.
type Files interface {
	// Put stores r durably (file synced, folder synced; or a committed row) and returns its hash and size. Equal bytes are stored once.
	Put(ctx context.Context, r io.Reader) (sha string, size int64, err error)
	// Open returns ErrNotFound for an unknown hash.
	Open(ctx context.Context, sha string) (io.ReadCloser, error)
}

// Tx is one transaction. It holds no rules: it stores what it is given and finds it again. Times are kept in milliseconds, UTC. A
// lookup of one thing that is not there returns ErrNotFound.
type Tx interface {
	LedgerTx
	DeskTx
	OutboxTx
	// Now is the store's clock, the same within one transaction.
	Now() time.Time
}

// Cursor is how far a place has been read. It never falls within one validity (I5).
type Cursor struct {
	Place    string // "mail:assistenza/INBOX", "slack:T1/C1"
	Validity int64  // UIDVALIDITY
	Position int64  // last UID accepted
	Start    int64  // UIDNEXT or date at the first connection; older mail is left alone
	Mark     string // chat: last ts
}

// Lease is the right to be the only one for a time (reliability.md 5).
type Lease struct {
	Name, Owner string
	Fence       int64
	End         time.Time
}

// LedgerTx is the memory of the inbound ledger.
type LedgerTx interface {
	// AcquireLease gives the lease to owner if it is free, over or already owner's; the fence rises at each change of owner. ok is
	// false while somebody else holds it.
	AcquireLease(ctx context.Context, name, owner string, life time.Duration) (l Lease, ok bool, err error)
	ReleaseLease(ctx context.Context, l Lease) error
	// CheckLease returns ErrFenced unless l is still the lease in force (owner and fence; an expired one that nobody took still counts).
	CheckLease(ctx context.Context, l Lease) error

	Cursor(ctx context.Context, place string) (Cursor, error)
	SetCursor(ctx context.Context, c Cursor) error

	// InsertInbound adds an accepted row; inserted is false when its identity is already known, and nothing changes then.
	InsertInbound(ctx context.Context, in *Inbound) (inserted bool, err error)
	// KnownIdentities returns those of the identities that have a row.
	KnownIdentities(ctx context.Context, identities []string) (map[string]bool, error)
	// TakeInbound leases up to limit rows that are due (accepted and NextAt reached, or working with the lease over), oldest first, adds
	// one to Attempts and commits to nothing else. Rows never tried come several at a time; a row tried before comes alone, as the only
	// one of the result, and its Failures is raised by one at once, so that a kill counts (decision 5).
	TakeInbound(ctx context.Context, owner string, life time.Duration, limit int) ([]Inbound, error)
	// FinishInbound writes outcome, cause, reason, results, group and logical key of in; ErrFenced unless it is still working for in.Owner.
	FinishInbound(ctx context.Context, in *Inbound) error
	// RetryInbound puts a working row back to accepted until next, with the reason of the failure and in.Failures.
	RetryInbound(ctx context.Context, in *Inbound, next time.Time) error
	// FindLogical returns the decided row with this logical key in the group, never a duplicate or deleted one.
	FindLogical(ctx context.Context, group, key string) (Inbound, error)
	Inbound(ctx context.Context, id string) (Inbound, error)
	InboundByIdentity(ctx context.Context, identity string) (Inbound, error)
	// ListInbound returns rows newest first; empty fields of f do not restrict.
	ListInbound(ctx context.Context, f InboundFilter) ([]Inbound, error)
	// ReviseInbound changes a done row (release, delete, retry): all columns of in are written.
	ReviseInbound(ctx context.Context, in *Inbound) error
	// CountWaiting is the number of rows accepted and not done, and the time of the oldest.
	CountWaiting(ctx context.Context) (n int, oldest time.Time, err error)
	// EarlierWaiting reports whether an earlier row of the door (by ID) is in another owner's hands, dead or alive, or waits without having
	// failed: what came before is still to be decided.
	EarlierWaiting(ctx context.Context, door, id, owner string) (bool, error)
	// NextInbound is when the next row is due; zero if none.
	NextInbound(ctx context.Context) (time.Time, error)
	// AfterCare lists done rows of a door whose after-care is owed; AfterCareDone clears the debt.
	AfterCare(ctx context.Context, door string, limit int) ([]Inbound, error)
	AfterCareDone(ctx context.Context, ids []string) error
}

// InboundFilter selects rows of the ledger.
type InboundFilter struct {
	State   InboundState
	Outcome Outcome
	Cause   Cause
	Door    string
	Before  string // id, for the next page
	Limit   int    // 0: 50
}

// DeskTx is the memory of the desk.
type DeskTx interface {
	// NextNumber returns the next ticket number; gaps happen only when a transaction fails.
	NextNumber(ctx context.Context) (int64, error)

	Contact(ctx context.Context, id string) (Contact, error)
	ContactByKey(ctx context.Context, key string) (Contact, error)
	SaveContact(ctx context.Context, c *Contact) error // insert or update by ID

	SaveAgent(ctx context.Context, a *Agent) error // insert or rename
	Agent(ctx context.Context, id string) (Agent, error)

	SaveThread(ctx context.Context, t *Thread) error
	Thread(ctx context.Context, id string) (Thread, error)
	ThreadByKey(ctx context.Context, key string) (Thread, error)
	ThreadByNumber(ctx context.Context, number int64) (Thread, error)

	SaveParticipant(ctx context.Context, p *Participant) error // insert or update by (thread, contact)
	Participants(ctx context.Context, thread string) ([]Participant, error)

	// Addressee returns the contact with this key and whether it is an active participant of the thread.
	Addressee(ctx context.Context, thread, key string) (c Contact, active bool, err error)

	InsertMessage(ctx context.Context, m *Message) error // with its files
	UpdateMessage(ctx context.Context, m *Message) error // text, visible, public
	Message(ctx context.Context, id string) (Message, error)
	MessageByRef(ctx context.Context, ref Ref) (Message, error)
	// Messages of a thread in the order they were stored, without Text, Elided and HTML.
	Messages(ctx context.Context, thread string, limit int) ([]Message, error)

	// AddRef remembers that ref belongs to a thread and was exchanged with contact (empty: with agents) at door. The first writer wins.
	AddRef(ctx context.Context, ref Ref, door, contact, thread, message string) error
	// ThreadAt is the newest thread of a conversation, see Thread.Place.
	ThreadAt(ctx context.Context, place string) (Thread, error)
	// ThreadByRef finds the thread of a ref exchanged with contact at door.
	ThreadByRef(ctx context.Context, ref Ref, door, contact string) (Thread, error)

	SaveSuggestion(ctx context.Context, s *Suggestion) error
	Suggestion(ctx context.Context, id string) (Suggestion, error)
	SuggestionByToken(ctx context.Context, hash string) (Suggestion, error)
	OpenSuggestion(ctx context.Context, thread string) (Suggestion, error)
	// OpenSuggestionOf finds the newest open suggestion of a contact in a queue.
	OpenSuggestionOf(ctx context.Context, contact, queue string) (Suggestion, error)
	DueSuggestions(ctx context.Context, now time.Time, limit int) ([]Suggestion, error)
	// OpenSuggestions lists the held requests of queues that a timer will end, the next one first.
	OpenSuggestions(ctx context.Context, queues []string, skip, limit int) ([]Suggestion, error)
	CountOpenSuggestions(ctx context.Context, queues []string) (int, error)
	// SearchOf is the newest suggestion of a thread, offered or not.
	SearchOf(ctx context.Context, thread string) (Suggestion, error)
	// JudgedSuggestions have a verdict and evidence, newest first.
	JudgedSuggestions(ctx context.Context, limit int) ([]Suggestion, error)
	// Gaps are the suggestions since a time that nothing fitted: never offered for want of confidence, or an agent said that no article answers.
	Gaps(ctx context.Context, since time.Time, limit int) ([]Suggestion, error)
	// Requests are the threads that customers opened in a time, oldest first, with what was offered.
	Requests(ctx context.Context, from, to time.Time) ([]RequestRow, error)

	SaveLesson(ctx context.Context, l *Lesson) error // insert, or update by ID; of a thread's words about an article the weightier stays
	Lesson(ctx context.Context, id string) (Lesson, error)
	DeleteLesson(ctx context.Context, id string) error
	Lessons(ctx context.Context, f LessonFilter) ([]Lesson, error)

	// SaveModel adds a model of the confidence; it is in force from then on. Models are kept, newest first.
	SaveModel(ctx context.Context, m *Model) error
	Models(ctx context.Context, limit int) ([]Model, error)

	InsertTicket(ctx context.Context, t *Ticket) error
	// SaveTicket writes t if its stored revision is t.Revision, and raises t.Revision; ErrFenced otherwise.
	SaveTicket(ctx context.Context, t *Ticket) error
	Ticket(ctx context.Context, number int64) (Ticket, error)
	DueTickets(ctx context.Context, now time.Time, limit int) ([]Ticket, error)
	ListTickets(ctx context.Context, f TicketFilter) ([]Ticket, error)
	// CountListed counts what ListTickets would list without its limit.
	CountListed(ctx context.Context, f TicketFilter) (int, error)
	// AddWords remembers words by which a thread is found; Worded notes that all of a thread's were taken in, and Unworded lists threads
	// from before that was done.
	AddWords(ctx context.Context, thread string, words []string) error
	Worded(ctx context.Context, thread string) error
	Unworded(ctx context.Context, limit int) ([]Thread, error)
	// FindTickets lists the tickets of queues in whose threads there is, for each word, one that begins so; newest first.
	FindTickets(ctx context.Context, queues, words []string, limit int) ([]Ticket, error)
	CountTickets(ctx context.Context, contact string, since time.Time) (int, error)

	InsertEvent(ctx context.Context, e *Event) error
	Events(ctx context.Context, thread string, limit int) ([]Event, error)

	SaveHome(ctx context.Context, h *Home) error // insert or update by Agent
	Home(ctx context.Context, agent string) (Home, error)
	// WatchedHomes lists the homes that were looked at since a time, the newest first.
	WatchedHomes(ctx context.Context, since time.Time, limit int) ([]Home, error)

	// NextTimer is when the next suggestion or ticket is due; zero if none.
	NextTimer(ctx context.Context) (time.Time, error)

	// Counts for the limits of S13 and the loop breaker, all since a time.
	CountAutomatic(ctx context.Context, recipient string, kind OutgoingKind, since time.Time) (int, error) // empty recipient or kind: all; rows not ByAgent only
	CountThreads(ctx context.Context, contactKeySuffix string, since time.Time) (int, error)               // new threads of contacts whose key ends so ("@domain" or the whole key)
	CountEvents(ctx context.Context, thread, code string, since time.Time) (int, error)
	Repeats(ctx context.Context, textKey string, since time.Time) ([]Repeat, error) // customers' messages with the same words, oldest first, at most 100

	SaveArticle(ctx context.Context, a *Article, now time.Time) (changed bool, err error) // by slug and language, unchanged if its hash is the same
	DeleteArticle(ctx context.Context, slug, language string) error
	Article(ctx context.Context, slug, language string) (Article, error)
	ArticleByID(ctx context.Context, id string) (Article, error)
	Articles(ctx context.Context) ([]Article, error)
	// ArticleHashes are the hashes of all articles by their IDs: who has read them before reads only what changed.
	ArticleHashes(ctx context.Context) (map[string]string, error)
	// ArticlesStamp changes whenever an article, a lesson or the model does, so that every replica sees in one small query that its index is old.
	ArticlesStamp(ctx context.Context) (int64, error)
}

// TicketFilter selects tickets, newest first. Empty fields do not restrict.
type TicketFilter struct {
	Queue      string
	Queues     []string
	States     []State
	Contact    string
	Assignee   string
	Unassigned bool
	Before     int64
	// OpenedSince and ResolvedSince are the earliest times.
	OpenedSince, ResolvedSince time.Time
	// Urgent lists by priority instead, of equal ones the oldest first; Skip leaves out the first.
	Urgent bool
	Skip   int
	Limit  int // 0: 50
}

// OutboxTx is the memory of the outbox.
type OutboxTx interface {
	// InsertOutgoing adds a row; inserted is false when (Cause, Kind, Recipient) is already there, and nothing changes then. A fluid row
	// that is already there gets the new facts, a higher revision, and is pending again.
	InsertOutgoing(ctx context.Context, o *Outgoing) (inserted bool, err error)
	Outgoing(ctx context.Context, id string) (Outgoing, error)
	OutgoingByRef(ctx context.Context, ref Ref) (Outgoing, error)
	// OutgoingOf lists the rows of a cause.
	OutgoingOf(ctx context.Context, cause string) ([]Outgoing, error)
	ListOutgoing(ctx context.Context, f OutgoingFilter) ([]Outgoing, error)
	// RevisePending changes facts and due time of a row only while it is pending and not rendered; ok tells.
	RevisePending(ctx context.Context, o *Outgoing) (ok bool, err error)
	// SuppressPending ends a row only while it is pending; ok tells.
	SuppressPending(ctx context.Context, id, reason string) (ok bool, err error)

	// DueOutgoing lists ids that are pending and due and not offered since the given time, oldest first, and marks them as offered now.
	DueOutgoing(ctx context.Context, notOfferedSince time.Time, limit int) ([]string, error)
	// OutgoingDoors names the doors of rows.
	OutgoingDoors(ctx context.Context, ids []string) (map[string]string, error)
	// NextOutgoing is when the next pending row is due; zero if none.
	NextOutgoing(ctx context.Context) (time.Time, error)
	// LeaseOutgoing takes a pending, due row for sending: state sending, attempts + 1, fence + 1. ok is false when it is not pending or
	// due, or when an earlier row (by ID) of the same thread and recipient is pending, sending or in doubt (fluid rows neither block
	// nor wait).
	LeaseOutgoing(ctx context.Context, id, owner string, life time.Duration) (o Outgoing, ok bool, err error)
	// LeaseDoubt takes a row in doubt for a probe: it stays in_doubt, fence + 1, lease set. ok is false if it is not due or leased.
	LeaseDoubt(ctx context.Context, id, owner string, life time.Duration) (o Outgoing, ok bool, err error)
	// ExtendOutgoing renews the leases of rows held by owner; rows lost meanwhile are missing from the answer.
	ExtendOutgoing(ctx context.Context, owner string, ids []string, life time.Duration) (held []string, err error)
	// SetRendered notes the stored bytes and the ref of a leased row (first writer wins: a row rendered before keeps its bytes); ErrFenced if the lease is lost.
	SetRendered(ctx context.Context, o *Outgoing, sha string, ref Ref) error
	// SetStarted commits data_started for a leased row, and with it o.Rendered and o.Ref where the row has none yet, as SetRendered does;
	// o gets what is stored. ErrFenced if the lease is lost.
	SetStarted(ctx context.Context, o *Outgoing) error
	// SettleOutgoing writes State, Attempts, NextAt, Answer, Reason, Ref, Probes, SentAt, DataStarted of a leased row and ends the lease; ErrFenced
	// if the lease is lost. A fluid row whose revision rose meanwhile goes back to pending instead of sent.
	SettleOutgoing(ctx context.Context, o *Outgoing) error
	// ReviseOutgoing writes the same columns without a lease, if the row's fence is still o.Fence (an echo, an agent's press, a command).
	ReviseOutgoing(ctx context.Context, o *Outgoing) error
	// ExpireOutgoing finds rows in sending whose lease is over: in_doubt if data_started (fluid rows: pending), else pending; returns them.
	ExpireOutgoing(ctx context.Context, limit int) ([]Outgoing, error)
	// DoubtfulOutgoing lists ids of rows in doubt whose next probe is due.
	DoubtfulOutgoing(ctx context.Context, limit int) ([]string, error)
	// CountOutgoing counts rows by state.
	CountOutgoing(ctx context.Context) (map[OutgoingState]int, error)
}

// OutgoingFilter selects rows of the outbox, newest first.
type OutgoingFilter struct {
	State  OutgoingState
	Ticket int64
	Thread string
	Door   string
	Kind   OutgoingKind
	Before string
	Limit  int // 0: 50
}
