package ticketing

import "time"

// ThreadState says whether a thread is already a ticket.
type ThreadState string

const (
	// ThreadHeld: a suggestion is out and the timer runs.
	ThreadHeld ThreadState = "held"
	// ThreadTicket: the thread has a ticket.
	ThreadTicket ThreadState = "ticket"
	// ThreadSolved: an article was enough; writing again opens the ticket.
	ThreadSolved ThreadState = "solved"
)

// Thread is messages that answer each other at one door. It gets its number when it asks for help, before any ticket exists, and keeps it.
type Thread struct {
	ID       string // ULID
	Number   int64
	Key      string // random 40 bits, 10 hexadecimal digits: stands in the address token
	Door     string
	Queue    string
	Contact  string
	Subject  string
	Language string
	State    ThreadState
	// LastRef is the Message-ID of the customer's latest message; LastRefs its references.
	LastRef  Ref
	LastRefs []Ref
	// Place is the conversation in which the thread lives, for doors whose answers leave into a conversation and not to an address:
	// "telegram:<bot>/<chat>". Empty for mail.
	Place    string
	OpenedAt time.Time
}

// Participant is a person who may write to a thread and is written to.
type Participant struct {
	Thread  string
	Contact string
	Role    string // "requester" or "copied"
	// Released: an agent or a proven requester's copy released once by an agent; a copied person who is not is a stranger (S3).
	Released bool
	Active   bool
	AddedAt  time.Time
}

// Message is one thing someone said. Which of the two kinds it is decides its Go type: only a PublicMessage can be rendered to a customer.
type Message struct {
	ID       string // ULID
	Thread   string
	Ticket   int64 // 0 while the request is held
	Ref      Ref
	Public   bool
	Author   Author
	Contact  string // author, if a customer
	Agent    string // author, if an agent
	Name     string // author's name as shown
	Subject  string
	Text     string
	Visible  string
	Elided   string
	HTMLSHA  string // sanitised HTML in the files store
	Language string
	Auth     Auth
	Rule     string // rule of threading that joined it
	Losers   string // rules that would have applied too
	Standing Standing
	Inbound  string
	Flags    []string
	Rules    []Rule
	TextKey  string    // what the loop breaker compares, empty for few words (L3)
	At       time.Time // when it was said
	StoredAt time.Time
	Files    []FileRef
}

// Author says whose words a message holds.
type Author string

const (
	AuthorCustomer Author = "customer"
	AuthorAgent    Author = "agent"
	AuthorSystem   Author = "system"
)

// PublicMessage is a message that may be shown to customers. Note is one that may not. They share their fields and nothing else: no
// function that writes to a customer takes a Note (S36).
type (
	PublicMessage struct{ Message }
	Note          struct{ Message }
)

// Standing is what the sender is to the thread a message names.
type Standing string

const (
	StandingRequester   Standing = "requester"
	StandingParticipant Standing = "participant"
	StandingCopied      Standing = "copied" // in copy, not released
	StandingColleague   Standing = "colleague"
	StandingStranger    Standing = "stranger"
	StandingAgent       Standing = "agent"
	StandingSelf        Standing = "self"
)

// Joins says whether a message of somebody with this standing may become part of the thread (S8), if its sender is who it claims to be.
func (s Standing) Joins() bool { return s == StandingRequester || s == StandingParticipant }

// Suggestion is what was found for a question: the articles, whether they were offered and until when, and what came of it.
type Suggestion struct {
	ID        string // ULID
	Thread    string
	Contact   string
	Queue     string
	Articles  []Hit
	Score     float64 // confidence, 0..1
	Confident bool    // it kept the queue's promise, so that it was offered or would have been but for Why
	Evidence  string  // what the confidence was reckoned from, as the search gave it; for the refit
	Why       string  // withheld: the reason's code, one of the Why constants; WhyCloses on an offer that silence closes
	OfferedAt time.Time
	Until     time.Time
	State     SuggestionState
	EndedAt   time.Time
	// YesHash and NoHash are the SHA-256 (hexadecimal) of the single-purpose tokens in the letter's links.
	YesHash, NoHash string
	// Verdict is SearchRight, SearchWrong or empty while nobody has said; Answer the article an agent named (ArticleKey), or AnswerNone.
	Verdict  string
	Answer   string
	JudgedAt time.Time
}

// Why a search was not offered.
const (
	WhyNothing   = "nothing"   // no article has anything to do with the question
	WhyUnsure    = "unsure"    // none is likely enough
	WhyControl   = "control"   // the contact is in the hold-out
	WhyUrgent    = "urgent"    // the words cannot wait
	WhyOther     = "other"     // another offer to the same contact is open
	WhyUnsent    = "unsent"    // the offer's letter may not be sent to this person
	WhyNoTimer   = "no_timer"  // the queue opens at once and sends the articles along
	WhyForbidden = "forbidden" // no automatic answer may go to this message
	WhyReleased  = "released"  // a person released it from quarantine
	// WhyCloses stands on an offer whose customer was told that silence closes it (Queue.SilentClose).
	WhyCloses = "closes"
)

// SuggestionState tells what came of an offer.
type SuggestionState string

const (
	SuggestionOpen     SuggestionState = "open"
	SuggestionSolved   SuggestionState = "solved"   // a clear yes
	SuggestionDeclined SuggestionState = "declined" // a no, or any other answer
	SuggestionExpired  SuggestionState = "expired"  // the timer opened the ticket
	SuggestionTaken    SuggestionState = "taken"    // an agent took it
	SuggestionWithheld SuggestionState = "withheld" // never offered
)

// Contact is a person outside the desk.
type Contact struct {
	ID       string // ULID
	Key      string // Party.Key
	Address  string
	Name     string
	Language string // stated preference, empty if none
	Proven   bool
	// Bounced: a letter failed for good; Suppressed: no automatic mail any more (M16).
	Bounced, Suppressed bool
	CreatedAt           time.Time
}

// Agent is a person of the desk, known by the chat account.
type Agent struct {
	ID   string // "slack:T1/U1"
	Name string
}

// Home is what an agent looked at last in the app's home tab.
type Home struct {
	Agent    string // "slack:T1/U1"
	Door     string
	Queues   []string // whose agent it is
	Tab      string   // one of the Tab constants
	Page     int      // from 1
	Words    string   // searched for
	Language string
	OpenedAt time.Time
}

// Event is one line of the audit trail: who did what, when, why. Code and Args make the sentence.
type Event struct {
	ID     string
	Thread string
	Ticket int64
	At     time.Time
	Actor  string // Party.Key, Agent.ID, "timer", "system"
	Code   string // "ticket.opened", "ticket.claimed", …
	Args   map[string]string
}
