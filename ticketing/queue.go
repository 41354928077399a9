package ticketing

import "time"

// Queue is a team's inbox: its mailbox and addresses, its chat channel, its hours, its languages, its knowledge base, its policy.
// It is read from the settings and does not change while the process runs.
type Queue struct {
	Name      string
	Brand     string   // name shown to customers
	Address   string   // From of its letters, the first public address
	Addresses []string // all public addresses and aliases, lower case
	MailDoor  string   // door its letters leave by, "mail:assistenza"; empty if it has none
	ChatDoor  string   // "slack:T1"; empty if agents have no chat
	Place     string   // triage channel, "slack:T1/C1"; empty if none
	Language  string   // default of its customers: "it" or "en"
	AgentLang string   // of cards and lines in the channel
	Hours     *Hours

	Lines    []string // product lines searched; empty: all
	Audience string   // of unproven and ordinary customers
	// Threshold is the least confidence of an offer, 0..1; 0 takes the one that keeps Promise. Offers switches offers on.
	Offers    bool
	Threshold float64
	// Promise is the share of offers, 0..1, that contain a right article, as far as judged offers tell; 0 is 0.8.
	Promise float64
	// Timer is how long (in opening hours) a held request waits for an answer; 0 opens at once.
	Timer time.Duration
	// SilentClose: a held request that nobody answers is closed at the timer's end instead of becoming a ticket. Writing again opens it.
	SilentClose bool
	// Control is the share of contacts that get no offer, 0..1, so that its use can be measured.
	Control float64
	// AskArticle asks agents in the thread, when they resolve a ticket, which article would have answered.
	AskArticle bool
	// Embeddings: questions may be sent to an embeddings service, if there is one.
	Embeddings bool
	Urgent     []string // words that forbid holding, per queue, beside the built-in ones

	// Canned are the prepared answers by name; a name may end in ".it" or ".en". {name}, {number} and {agent} are filled in.
	Canned map[string]string

	Undo            time.Duration // time before an agent's answer leaves, 0..120 s
	RepliesInternal bool          // thread replies stay notes unless sent on purpose
	PendingDefault  bool          // an agent's answer leaves the ticket pending
	IgnoreThanks    bool
	ReopenWindow    time.Duration
	RemindAfter     int // business days of waiting before the reminder
	ResolveAfter    int // further business days before no_reply
	Notifications   bool
	ForwardAck      bool // acknowledge to customers what agents sent on in their name (F8)
	PECAck          bool
	Ack             string // everyone, proven, never
}

// Limits are the desk's own limits (security.md S13, S17, section 3). Every one is a setting.
type Limits struct {
	AckEvery         time.Duration // one acknowledgement to an address in this time
	AutoPerHour      int           // automatic mails to one address
	AutoPerDay       int
	AutoAllPerHour   int // automatic mails to everybody: global breaker
	ReopenPerHour    int // reopenings by mail of one ticket
	TicketsPerHour   int // new tickets of one address
	TicketsPerDomain int
	SameTextPerHour  int           // L3: the same visible text
	PingWindow       time.Duration // L4
	PingPause        time.Duration
}

// DefaultLimits are those of the specification.
func DefaultLimits() Limits {
	return Limits{
		AckEvery: 10 * time.Minute, AutoPerHour: 3, AutoPerDay: 10, AutoAllPerHour: 300, ReopenPerHour: 5,
		TicketsPerHour: 20, TicketsPerDomain: 100, SameTextPerHour: 3, PingWindow: time.Minute, PingPause: time.Hour,
	}
}
