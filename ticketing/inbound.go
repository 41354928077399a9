package ticketing

import "time"

// Ref names one message everywhere: "mail:<a@b>", "slack:T1/C024/1712.0009", "portal:…". Doors translate their platform's threading
// into refs; the desk only looks them up.
type Ref string

// Kind is what sort of message was heard (mail.md section 3).
type Kind string

const (
	KindNormal     Kind = "normal"
	KindAutoReply  Kind = "auto-reply"
	KindBounce     Kind = "bounce"
	KindList       Kind = "list"
	KindFeedback   Kind = "feedback"
	KindPECReceipt Kind = "pec-receipt"
	KindCalendar   Kind = "calendar"
)

// Auth is what a trusted server said about the sender (mail.md 2.1).
type Auth string

const (
	AuthPass    Auth = "pass"
	AuthFail    Auth = "fail"
	AuthNone    Auth = "none"
	AuthUnknown Auth = "unknown"
)

// Outcome is the one word a ledger row ends in (reliability.md P1).
type Outcome string

const (
	OutcomeTicket     Outcome = "ticket"
	OutcomeReply      Outcome = "reply"
	OutcomeFollowUp   Outcome = "follow-up"
	OutcomeHeld       Outcome = "held"
	OutcomeNote       Outcome = "note"
	OutcomeAutomatic  Outcome = "automatic"
	OutcomeBounce     Outcome = "bounce"
	OutcomeDuplicate  Outcome = "duplicate"
	OutcomeQuarantine Outcome = "quarantine"
	// OutcomeDeleted is a quarantined row that an agent threw away.
	OutcomeDeleted Outcome = "deleted"
)

// Cause says why a row is in quarantine (security.md S52).
type Cause string

const (
	CauseLimits         Cause = "limits"
	CauseTooLarge       Cause = "too_large"
	CauseMalformed      Cause = "malformed"
	CauseBadSender      Cause = "bad_sender"
	CauseNotParticipant Cause = "not_participant"
	CauseAuthFailed     Cause = "auth_failed"
	CauseManyTokens     Cause = "many_tokens"
	CauseLoop           Cause = "loop"
	CauseFlood          Cause = "flood"
	CauseFromSelf       Cause = "from_self"
	CauseReport         Cause = "report"
	CauseSpam           Cause = "spam"
	CauseBlocked        Cause = "blocked"
	CauseCrash          Cause = "crash"
	CauseFetch          Cause = "fetch"
	// NoteQuiet is no cause of quarantine: it marks rows of mail from before the mailbox's start, which gets no automatic answer.
	NoteQuiet Cause = "quiet"
)

// InboundState is where a ledger row stands (reliability.md 2.2).
type InboundState string

const (
	InboundAccepted InboundState = "accepted"
	InboundWorking  InboundState = "working"
	InboundDone     InboundState = "done"
)

// Inbound is a row of the ledger: where raw bytes came from, how often they were tried, what became of them and why.
type Inbound struct {
	ID   string // ULID
	Door string // name of the door that accepted it, such as "mail:assistenza"
	// Identity is unique over all rows: "mail:<mailbox>/<UIDVALIDITY>/<UID>", "slack:<event id>", "portal:<form id>".
	Identity string
	RawSHA   string // SHA-256 of the raw bytes, hexadecimal
	RawSize  int64  // bytes
	// Note is set by the door when the raw bytes are not the whole message: "too_large", "fetch" (with the cause in Detail).
	Note   Cause
	State  InboundState
	Reason string // code of the last failure or of the outcome, with arguments in Detail
	Detail string // technical cause for the log and for explain; never message text

	Attempts int // how often taken
	Failures int // failures that count towards quarantine: at most 3
	Owner    string
	LeaseEnd time.Time
	NextAt   time.Time

	Outcome    Outcome
	Cause      Cause
	Group      string // mailbox group inside which LogicalKey is unique
	LogicalKey string // hexadecimal SHA-256, empty until decided
	Thread     string // thread it became part of or points to
	Ticket     int64  // ticket number; for a quarantined row the candidate
	Message    string // message it became
	Outgoing   string // row a report is about
	Rule       string // rule of threading that named the candidate
	From       string // address, for lists and releases

	ServerAt   time.Time // at the server
	AcceptedAt time.Time
	DecidedAt  time.Time
	// AfterCare: the door still owes the server a flag or a move.
	AfterCare bool
}

// ReasonAgain is the reason of a row that a person wants to be worked on again from the beginning.
const ReasonAgain = "again"

// Again reports whether the item has to be fetched once more, whole: only a part of it is kept, and a person asked for the rest.
func (in *Inbound) Again() bool {
	switch in.Note {
	case CauseFetch:
		return in.Reason == ReasonAgain || in.Released() != ""
	case CauseTooLarge:
		return in.Reason == ReasonAgain
	}
	return false
}

// Party is a person as a door names them. Key is "mail:<address>" or "slack:<team>/<user>", the contact's identity.
type Party struct {
	Key     string `json:"key"`
	Address string `json:"address,omitempty"` // e-mail address, empty in chat
	Name    string `json:"name,omitempty"`    // cleaned display name
}

// ClaimRule is the rule of M41 a claim rests on.
type ClaimRule string

const (
	ClaimToken   ClaimRule = "token"    // a keyed address token: Claim.Key is the thread's random key
	ClaimOwnID   ClaimRule = "own-id"   // one of our Message-IDs: Claim.Outgoing is the row's ULID
	ClaimKnownID ClaimRule = "known-id" // any id: counts only if exchanged with the same contact
	ClaimNone    ClaimRule = "none"
	// ClaimThread is a chat thread: Claim.Ref is the ref of its root.
	ClaimThread ClaimRule = "thread"
	// ClaimPlace is a conversation without threads, Claim.Key its place: what is said there continues what is not over yet.
	ClaimPlace ClaimRule = "place"
)

// Claim is a door's statement that a message belongs somewhere. The door checks the key; the desk looks up what it names.
type Claim struct {
	Rule     ClaimRule `json:"rule"`
	Ref      Ref       `json:"ref,omitempty"`
	Key      string    `json:"key,omitempty"`      // thread key, 10 hexadecimal digits
	Outgoing string    `json:"outgoing,omitempty"` // ULID of an outgoing row
	Valid    bool      `json:"valid"`              // the key verified under an active key
}

// HeardFile is a file of a heard message, not yet stored.
type HeardFile struct {
	Name, Type, ContentID string
	Inline                bool
	Data                  []byte
}

// AutoAnswer says whether an automatic answer may be given to a message (M1–M14) and, if not, which rule forbids it.
type AutoAnswer struct {
	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason"` // number and cause, "M1 Auto-Submitted: auto-replied"
}

// Report is what a bounce or a receipt says about a letter of ours.
type Report struct {
	Outgoing  string // ULID of the row if a key named it, else empty
	Ref       Ref    // our Message-ID in the returned headers, if any
	Recipient string // failed recipient
	Failed    bool   // something failed or is late; false for receipts of success
	Permanent bool
	Status    string // enhanced code such as "5.1.1"
	Reason    string // word of mail.md 3.2
	Text      string // the server's words, at most 500 bytes
	Receipt   string // PEC: accettazione, avvenuta-consegna, …
	Provider  string // PEC provider
}

// Rule tells one decision of a reader: its number and what it saw, for explain and for the stored message.
type Rule struct {
	Number string            `json:"number"`
	Code   string            `json:"code"`
	Args   map[string]string `json:"args,omitempty"`
}

// Heard is a message as a door understood it: facts, no decision.
type Heard struct {
	Door       string
	Ref        Ref
	Group      string
	LogicalKey string
	Kind       Kind
	// Refused is set when the reader itself must refuse (limits, malformed, bad sender, loop, spam); Detail says why.
	Refused Cause
	Detail  string

	From     Party
	ReplyTo  string // delivery hint, empty unless it may be used (mail.md 2.1)
	Identity bool   // From satisfies 2.1
	Auth     Auth
	Own      bool // our own mail came back with a valid id of ours (M8)
	FromSelf bool // From is one of our addresses, without a valid id
	Queue    string
	Public   bool // a public address of the queue is among the recipients (M9)
	Copied   []Party

	Subject  string
	Text     string
	Visible  string
	Elided   string
	HTML     string // sanitised
	Files    []HeardFile
	Language string // "und" when the detector abstains
	// HeaderLanguage is Content-Language, if it, en, …
	HeaderLanguage string
	At             time.Time // when its author sent it; zero if unknown
	Refs           []Ref     // In-Reply-To, then References from the right

	Claims       []Claim
	FailedKeys   int
	TokenThreads int // distinct valid address tokens

	Auto      AutoAnswer
	Answers   bool // kind auto-reply: a program that answers (first row of section 3), not one that notifies
	Certified bool // PEC transport envelope
	Report    *Report
	Act       *Act
	Echo      *Echo
	// Place is the conversation a customer's message stands in, see Thread.Place.
	Place string
	// EditOf is set when the message is a new version of that one.
	EditOf Ref
	// Press is the token of an offer's button that a customer pressed.
	Press string
	// Forwarded is the mail inside, if this one is a forward; Behalf is what the desk made of it.
	Forwarded *Forwarded
	Behalf    *Behalf
	// Quiet: the mail lies before the mailbox's start; it never gets an automatic answer.
	Quiet bool
	Flags []string
	Rules []Rule
}

// Verb is what someone did in a chat.
type Verb string

const (
	VerbSay     Verb = "say"    // wrote a message in a ticket's thread
	VerbEdit    Verb = "edit"   // changed a message
	VerbDelete  Verb = "delete" // deleted a message
	VerbReact   Verb = "react"
	VerbUnreact Verb = "unreact"
	VerbPress   Verb = "press"   // pressed a button
	VerbAsk     Verb = "ask"     // asked for a window by a shortcut
	VerbSubmit  Verb = "submit"  // sent a window in
	VerbHome    Verb = "home"    // opened the app's home tab
	VerbCommand Verb = "command" // typed a slash command
	VerbMember  Verb = "member"  // joined or left the triage channel
	VerbOther   Verb = "other"   // nothing the desk acts on; kept as automatic
)

// Act is what an agent (or someone who is not one) did in a chat. Who counts as an agent is a fact of the door: full member of the
// workspace and member of the queue's triage channel (security.md S35).
type Act struct {
	Verb    Verb
	Actor   Party
	IsAgent bool
	Bot     bool // written by another app
	Place   string
	Root    Ref    // root of the thread, empty outside threads
	Target  Ref    // message written, changed, deleted or reacted to
	Text    string // plain text, mentions as names
	Emoji   string // reaction name
	Action  string // action_id of a press
	Value   string // ids only
	// Mentions: the text mentions a user or a group; MentionFirst: it begins with one.
	Mentions, MentionFirst bool
	// Queues are those whose agent the actor is, where an act belongs to no channel; Reply is where its answer goes, for a while; Language
	// is the actor's own.
	Queues   []string
	Reply    string
	Language string
	// View is the name of the window that was opened for this act. Author wrote the message that a shortcut was used on, with an address
	// where that is trusted; Readable: its thread and files can be read. Fields are those of a window that was sent in.
	View     string
	Author   Party
	Readable bool
	Fields   map[string]string
	// Named are the people of the place whom the text mentions, in order; who is no agent there is marked so.
	Named []Named
	At    time.Time
}

// Named is a person whom a message mentions.
type Named struct {
	Party
	IsAgent bool
}

// Echo is an own post that came back: it proves that the row was sent (slack.md 6.3 step 7).
type Echo struct {
	Outgoing string
	Ref      Ref
}
