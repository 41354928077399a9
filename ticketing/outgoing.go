package ticketing

import "time"

// OutgoingState is where an outgoing row stands (reliability.md 3.1).
type OutgoingState string

const (
	OutgoingPending    OutgoingState = "pending"
	OutgoingSending    OutgoingState = "sending"
	OutgoingInDoubt    OutgoingState = "in_doubt"
	OutgoingSent       OutgoingState = "sent"
	OutgoingFailed     OutgoingState = "failed"
	OutgoingSuppressed OutgoingState = "suppressed"
)

// OutgoingKind is what a letter or post is for.
type OutgoingKind string

// Letters to customers.
const (
	LetterReceived  OutgoingKind = "received"  // acknowledgement with the number
	LetterOffer     OutgoingKind = "offer"     // articles before a ticket
	LetterOpened    OutgoingKind = "opened"    // the ticket opened after an offer
	LetterAnswer    OutgoingKind = "answer"    // an agent's words
	LetterPending   OutgoingKind = "pending"   // we wait for the customer
	LetterReminder  OutgoingKind = "reminder"  // we still wait
	LetterResolved  OutgoingKind = "resolved"  // Facts.Reason says how
	LetterReopened  OutgoingKind = "reopened"  //
	LetterFollowUp  OutgoingKind = "follow-up" // a new ticket that follows a closed one
	LetterByArticle OutgoingKind = "by-article"
)

// CardOffer is fluid: the offer in a customer's chat as it should look now. Facts.Code is the state of its suggestion, or SilentEnd;
// Facts.Articles are what it offered.
const CardOffer OutgoingKind = "offer-card"

// SilentEnd is how an offer ended that silence closed.
const SilentEnd = "silent"

// ReasonBlocked is the reason of a letter whose recipient takes none of ours any more: the person blocked us. It counts as a bounce.
const ReasonBlocked = "blocked"

// Posts to the agents' chat. Root, mail, line, release and bounce are frozen posts; card, held and react are desired state.
const (
	PostRoot    OutgoingKind = "root"    // a ticket's root card, starts its thread
	PostMail    OutgoingKind = "mail"    // a customer's message, in the thread
	PostLine    OutgoingKind = "line"    // a line about what happened: Facts.Code with Facts.Args
	PostRelease OutgoingKind = "release" // a message that waits for an agent's release
	PostBounce  OutgoingKind = "bounce"  // a letter did not arrive
	PostHeld    OutgoingKind = "held"    // a held request's card
	CardTicket  OutgoingKind = "card"    // fluid: the root card as it should look now
	CardHeld    OutgoingKind = "held-card"
	React       OutgoingKind = "react"  // fluid: a reaction on Facts.Target
	HomeTab     OutgoingKind = "home"   // fluid: an agent's home tab
	Window      OutgoingKind = "window" // fluid: what a window that stands open shows an agent
	Hint        OutgoingKind = "hint"   // ephemeral words to one agent; at most once
)

// Outgoing is one letter or post that is due, written in the transaction of its cause. (Cause, Kind, Recipient) is unique: a cause
// speaks once to a person.
type Outgoing struct {
	ID        string // ULID, never reused; stands in the Message-ID or in the post's metadata
	Cause     string // "message:<id>", "ticket:<n>/resolved/<revision>", …
	Kind      OutgoingKind
	Recipient string // Party.Key of the person, or the place "slack:T1/C1"
	Door      string // name of the door it leaves by
	Queue     string
	Thread    string
	Ticket    int64
	// Automatic: no agent wrote it; it counts against the limits of S13 unless ByAgent.
	Automatic bool
	// ByAgent: an agent's act caused it (decision 4 of the specification's front page).
	ByAgent bool
	// Fluid rows are desired state: rendered when sent, newest revision only, sent again without harm. They neither block nor wait for
	// the other rows of their thread.
	Fluid    bool
	Revision int64
	Facts    Facts

	State    OutgoingState
	Rendered string // SHA-256 of the stored bytes, empty before rendering
	Attempts int
	NextAt   time.Time
	Owner    string
	LeaseEnd time.Time
	Fence    int64 // rises with every lease of the row
	// DataStarted: DATA (or the post's request) was begun under some lease; StartedAt is when it began first.
	DataStarted bool
	StartedAt   time.Time
	Probes      int    // complete searches that did not find it
	Answer      string // the server's last answer, at most 500 bytes
	Reason      string // code why it failed or was suppressed
	Ref         Ref    // what it is called at the door once sent
	Bounced     bool
	CreatedAt   time.Time
	SentAt      time.Time
}

// FileRef names a stored file.
type FileRef struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	SHA    string `json:"sha"`
	Inline bool   `json:"inline,omitempty"`
}

// Facts is what a letter or post is made from: everything the renderer needs and nothing it has to look up. Which fields are set depends
// on the kind. Automatic letters are rendered from numbers, times, articles and codes only, never from what a sender typed (S11).
type Facts struct {
	Language  string `json:"lang,omitempty"` // "it" or "en"
	Bilingual bool   `json:"bilingual,omitempty"`
	Number    int64  `json:"number,omitempty"`
	ThreadKey string `json:"thread_key,omitempty"` // for the Reply-To token
	To        Party  `json:"to"`
	Contact   string `json:"contact,omitempty"` // id of To
	Origin    string `json:"origin,omitempty"`  // door at which the thread lives
	Proven    bool   `json:"proven,omitempty"`  // To may carry a name

	// Subject is the customer's subject; used by answers only.
	Subject    string `json:"subject,omitempty"`
	InReplyTo  Ref    `json:"in_reply_to,omitempty"`
	References []Ref  `json:"references,omitempty"`
	AgentName  string `json:"agent,omitempty"`
	// Body is an agent's words (answer, resolved) or the customer's visible words (posts to agents).
	Body  string    `json:"body,omitempty"`
	Files []FileRef `json:"files,omitempty"`

	Open     bool      `json:"open,omitempty"`      // the desk is open now
	NextOpen time.Time `json:"next_open,omitzero"`  // otherwise when it opens
	Until    time.Time `json:"until,omitzero"`      // when a held request becomes a ticket
	Closes   bool      `json:"closes,omitempty"`    // at Until it is closed without a ticket instead
	Zone     string    `json:"zone,omitempty"`      // IANA zone in which times are told
	Articles []Hit     `json:"articles,omitempty"`  //
	YesToken string    `json:"yes_token,omitempty"` // kb.md 4: single purpose, bound to the request
	NoToken  string    `json:"no_token,omitempty"`

	Reason      Reason `json:"reason,omitempty"`
	DuplicateOf int64  `json:"duplicate_of,omitempty"`
	Follows     int64  `json:"follows,omitempty"`

	// Posts.
	Place  string            `json:"place,omitempty"`  // "slack:T1/C1"
	Root   Ref               `json:"root,omitempty"`   // thread to post in, empty for a root
	Target Ref               `json:"target,omitempty"` // message to react to or to rewrite
	Emoji  string            `json:"emoji,omitempty"`
	Code   string            `json:"code,omitempty"` // key of a sentence
	Args   map[string]string `json:"args,omitempty"`
	Card   *Card             `json:"card,omitempty"`
	Link   Ref               `json:"link,omitempty"`  // message that the words name
	List   *List             `json:"list,omitempty"`  // tickets to show
	Home   *Homepage         `json:"home,omitempty"`  // what an agent's home tab shows
	Form   *Form             `json:"form,omitempty"`  // what a window asks
	View   string            `json:"view,omitempty"`  // the window's name, which we gave it
	Reply  string            `json:"reply,omitempty"` // where the answer to a slash command goes
	User   string            `json:"user,omitempty"`  // whom an ephemeral hint is for, "slack:T1/U1"
}

// Card is what an agents' card shows of a ticket or a held request.
type Card struct {
	Number     int64     `json:"number"`
	Revision   int64     `json:"revision"`
	Subject    string    `json:"subject"`
	From       Party     `json:"from"`
	Excerpt    string    `json:"excerpt"`
	State      State     `json:"state"`
	Snoozed    time.Time `json:"snoozed,omitzero"` // until when an agent put it off
	Reason     Reason    `json:"reason,omitempty"`
	Assignee   string    `json:"assignee,omitempty"`      // name
	AssigneeID string    `json:"assignee_id,omitempty"`   // "slack:T1/U1"
	Priority   string    `json:"priority"`                // normal, high, urgent
	Door       string    `json:"door"`                    // mail, slack, portal
	Language   string    `json:"lang"`                    // of the ticket
	Tickets90  int       `json:"tickets90,omitempty"`     // of the same contact in 90 days
	Held       bool      `json:"held,omitempty"`          // a held request
	Ended      string    `json:"ended,omitempty"`         // held card: solved, ticket, taken
	Suggestion string    `json:"suggestion_id,omitempty"` //
	Until      time.Time `json:"until,omitzero"`
	Articles   []Hit     `json:"articles,omitempty"`
	Flags      []string  `json:"flags,omitempty"`
	Follows    int64     `json:"follows,omitempty"`
	Thread     string    `json:"thread"`
	Inbound    string    `json:"inbound,omitempty"` // release card: the ledger row
	Cause      Cause     `json:"cause,omitempty"`
}

// Found is the answer of a probe for a row in doubt.
type Found int

const (
	// ProbeImpossible: the place to look could not be read to the end; nothing is known.
	ProbeImpossible Found = iota
	// ProbeMissing: a complete search did not find it.
	ProbeMissing
	// ProbeFound: it is there.
	ProbeFound
)

// SendError is how a door reports a failed sending. Any other error before the began callback counts as temporary, after it as unknown.
type SendError struct {
	Verdict SendVerdict
	// After is how long to wait at least (429, greylisting); 0 means the usual back-off.
	After time.Duration
	// Free: the attempt is not counted (429).
	Free   bool
	Code   string // code of the reason, "550", "channel_not_found"
	Answer string // the server's words
	Err    error
}

// SendVerdict tells what a failure means for the row.
type SendVerdict int

const (
	SendTemporary SendVerdict = iota
	SendPermanent
	SendUnknown // the receiver may have it
	SendSuspend // the whole door or place is unusable; row stays pending
)

func (e *SendError) Error() string {
	if e.Answer != "" {
		return e.Code + " " + e.Answer
	}
	if e.Err != nil {
		return e.Code + " " + e.Err.Error()
	}
	return e.Code
}

func (e *SendError) Unwrap() error { return e.Err }
