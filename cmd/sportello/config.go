package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/telegram"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
	"github.com/sportello/sportello/ticketing/outbox"
)

// Config is every setting of sportello. The tag doc is the sentence that config sample prints; the defaults are those of defaults().
type Config struct {
	Brand    string `yaml:"brand" doc:"Name of the company as customers read it."`
	Language string `yaml:"language" doc:"Language where nothing else says: it or en."`
	Data     string `yaml:"data" doc:"Folder for the embedded database, raw mail, attachments and keys."`
	Database string `yaml:"database" doc:"Empty: SQLite in the data folder. Or postgres://user:password@host:5432/sportello for many replicas."`
	Redis    string `yaml:"redis" doc:"Empty: queue inside the process. Or redis://host:6379/0. It only carries ids and may be wiped at any time."`

	Domain     string           `yaml:"domain" doc:"Right side of the Message-IDs we make. Empty: domain of the first queue's address."`
	Keys       string           `yaml:"keys" doc:"File with the signing keys (made at the first start). Every replica needs the same one. Empty: keys.yaml in the data folder."`
	PublicURL  string           `yaml:"public_url" doc:"Where customers reach the web listener; stands in the links of offers. Empty: no links, customers answer by mail."`
	Listen     string           `yaml:"listen" doc:"Address of the web listener: offers, articles, /healthz, /readyz, /metrics. Empty: none."`
	Mailboxes  []MailboxConfig  `yaml:"mailboxes" doc:"Mailboxes that are read."`
	Queues     []QueueConfig    `yaml:"queues" doc:"Queues: one a team."`
	Slack      SlackConfig      `yaml:"slack" doc:"The agents' chat. Without tokens everything else works."`
	Telegram   TelegramConfig   `yaml:"telegram" doc:"A Telegram bot that customers write to. Without a token there is none."`
	Agents     []string         `yaml:"agents" doc:"E-mail addresses of agents: never taken for customers. With the name, Anna Rossi <anna@example.com>, mail of a stranger who bears it is marked."`
	Limits     LimitsConfig     `yaml:"limits" doc:"Limits. 0 switches one off."`
	Sending    SendingConfig    `yaml:"sending" doc:"How letters leave."`
	Leases     LeasesConfig     `yaml:"leases" doc:"How long work in hand belongs to a process that gives no sign of life; then another one takes over."`
	Embeddings EmbeddingsConfig `yaml:"embeddings" doc:"Optional service that helps to find articles by meaning. Off by default."`
	Log        LogConfig        `yaml:"log" doc:"Logs go to standard error."`
	Testing    TestingConfig    `yaml:"testing" doc:"Shortcuts for trials; never in production."`
}

// MailboxConfig is one mailbox: how it is read and how its queue's letters leave.
type MailboxConfig struct {
	Name       string       `yaml:"name" doc:"Short name; part of the ledger's identities, so keep it."`
	Queue      string       `yaml:"queue" doc:"Queue of mail that names none of our addresses."`
	Group      string       `yaml:"group" doc:"The same mail in two mailboxes of one group is one ticket. Empty: one group for all."`
	IMAP       IMAPSettings `yaml:"imap" doc:"Reading."`
	SMTP       SMTPSettings `yaml:"smtp" doc:"Sending. Without a host this mailbox sends nothing."`
	PlusAddr   bool         `yaml:"plus_addressing" doc:"The provider delivers name+anything@domain to name@domain: replies find their ticket by a keyed address."`
	BounceAddr bool         `yaml:"bounce_address" doc:"Use a keyed plus address as envelope sender, so that bounces find their letter."`
	Trusted    []string     `yaml:"trusted_servers" doc:"authserv-ids whose Authentication-Results are believed, such as mx.google.com."`
	OwnLists   []string     `yaml:"own_lists" doc:"List-Ids of our own groups that forward to this mailbox."`
	PEC        []string     `yaml:"pec_providers" doc:"Domains of PEC providers whose envelopes are believed when they pass authentication."`
}

// IMAPSettings say how a mailbox is read.
type IMAPSettings struct {
	Host     string           `yaml:"host"`
	Port     int              `yaml:"port" doc:"0: 993 with tls, else 143."`
	TLS      string           `yaml:"tls" doc:"tls, starttls or none (loopback only)."`
	Username string           `yaml:"username"`
	Password ticketing.Secret `yaml:"password" doc:"Or file:/path of a file that holds it."`
	Auth     string           `yaml:"auth" doc:"login, plain or xoauth2 (the password is then the access token)."`
	Folder   string           `yaml:"folder"`
	After    string           `yaml:"after" doc:"What happens to mail that has been dealt with: keep, flag ($SportelloDone) or move."`
	MoveTo   string           `yaml:"move_to"`
	Start    string           `yaml:"start" doc:"Empty: only mail that arrives from now on. A date (2026-01-31) also reads older mail, without answering it."`
	Poll     time.Duration    `yaml:"poll" doc:"How often the mailbox is looked at even if the server says nothing; at most 60s."`
	MaxSize  int64            `yaml:"max_size" doc:"Bytes of the largest mail that is fetched whole."`
}

// SMTPSettings say how letters leave.
type SMTPSettings struct {
	Host        string           `yaml:"host"`
	Port        int              `yaml:"port" doc:"0: 587 with starttls, 465 with tls."`
	TLS         string           `yaml:"tls" doc:"starttls, tls or none (loopback only)."`
	Username    string           `yaml:"username"`
	Password    ticketing.Secret `yaml:"password" doc:"Or file:/path of a file that holds it."`
	Auth        string           `yaml:"auth" doc:"auto, plain, login, scram-sha-256, xoauth2."`
	Connections int              `yaml:"connections" doc:"Connections open at a time."`
	Doubt       string           `yaml:"doubt" doc:"When it is not known whether a letter left: probe (look in sent_folder), ask (an agent decides) or resend."`
	SentFolder  string           `yaml:"sent_folder" doc:"Folder in which the provider keeps submitted mail; the probe looks there."`
}

// QueueConfig is one queue.
type QueueConfig struct {
	Name      string        `yaml:"name"`
	Brand     string        `yaml:"brand" doc:"Empty: the company's."`
	Addresses []string      `yaml:"addresses" doc:"Public addresses; the first is the sender of its letters."`
	Language  string        `yaml:"language" doc:"it or en."`
	Agents    string        `yaml:"agents_language" doc:"Language of cards and lines in the agents' channel."`
	Channel   string        `yaml:"slack_channel" doc:"Id of the private channel of its agents, C0123456789."`
	Hours     HoursConfig   `yaml:"hours"`
	Offers    bool          `yaml:"offers" doc:"Offer knowledge-base articles before a ticket opens."`
	Threshold float64       `yaml:"threshold" doc:"Least confidence of an offer, 0..1; 0 takes the one that keeps the promise."`
	Promise   float64       `yaml:"promise" doc:"Share of offers that contain a right article. From 200 judged searches on the threshold is set by it."`
	Ask       bool          `yaml:"ask_article" doc:"Ask agents in the thread, when they resolve a ticket, which article would have answered."`
	Timer     time.Duration `yaml:"timer" doc:"Opening time after which a held request becomes a ticket by itself; 0 opens at once."`
	Silence   string        `yaml:"silence" doc:"What becomes of a held request that nobody answers: open (a ticket) or close (nothing; writing again opens it)."`
	Control   float64       `yaml:"control" doc:"Share of customers who get no offer, so that its use can be measured."`
	Embed     bool          `yaml:"embeddings" doc:"Questions of this queue may be sent to the embeddings service, personal data taken out. Without a service nothing is sent."`
	Urgent    []string      `yaml:"urgent" doc:"Words that forbid holding, beside the built-in ones."`
	Lines     []string      `yaml:"lines" doc:"Product lines whose articles are searched. Empty: all."`
	Audience  string        `yaml:"audience" doc:"customers or resellers."`
	Undo      time.Duration `yaml:"undo" doc:"Time before an agent's answer leaves, in which it can be edited or deleted; 0s to 2m."`
	Replies   string        `yaml:"replies" doc:"customer: replies in the thread go to the customer. internal: only with >> or !invia."`
	Pending   bool          `yaml:"pending_after_answer" doc:"An agent's answer leaves the ticket waiting for the customer."`
	Thanks    bool          `yaml:"ignore_thanks" doc:"A reply that only says thanks does not reopen."`
	Reopen    time.Duration `yaml:"reopen_window" doc:"How long a resolved ticket is reopened by its customer's mail."`
	Remind    int           `yaml:"remind_after" doc:"Business days of waiting before the reminder."`
	Resolve   int           `yaml:"resolve_after" doc:"Further business days before the ticket is resolved without an answer."`
	Ack       string        `yaml:"ack" doc:"Who gets automatic answers: everyone, proven or never."`
	PECAck    bool          `yaml:"pec_ack" doc:"Answer certified mail automatically too."`
	FwdAck    bool          `yaml:"forward_ack" doc:"Acknowledge to the customer a mail that an agent forwarded in the customer's name."`
	Notify    bool          `yaml:"notifications" doc:"Mail of programs (alarms, forms) opens tickets."`
}

// HoursConfig is opening hours.
type HoursConfig struct {
	Zone     string            `yaml:"zone" doc:"IANA time zone."`
	Days     map[string]string `yaml:"days" doc:"Empty: always open."`
	Holidays []string          `yaml:"holidays" doc:"it (the national ones), 12-07 (every year), easter+1, 2026-08-14."`
}

// SlackConfig is the agents' chat.
type SlackConfig struct {
	Mode     string           `yaml:"mode" doc:"socket: we connect out, no port has to be open. http: Slack posts to /slack/… of the web listener."`
	AppToken ticketing.Secret `yaml:"app_token" doc:"With mode: socket. xapp-… with connections:write."`
	BotToken ticketing.Secret `yaml:"bot_token" doc:"xoxb-…"`
	Signing  ticketing.Secret `yaml:"signing_secret" doc:"With mode: http. From Basic Information; whatever it does not sign is refused."`
	BodyMax  int64            `yaml:"body_max" doc:"With mode: http. Bytes of the largest delivery."`
	Team     string           `yaml:"team" doc:"Id of the workspace, T…; empty: Slack is asked at every start."`
	APIURL   string           `yaml:"api_url" doc:"For tests."`
	Sockets  int              `yaml:"sockets" doc:"Sockets of this process, 1 or 2; at most 10 over all replicas."`
	Settle   time.Duration    `yaml:"settle" doc:"How long a post may take to appear after its request; before that a search that does not find it proves nothing."`
}

// TelegramConfig is a bot for customers.
type TelegramConfig struct {
	Token     ticketing.Secret `yaml:"token" doc:"The bot's token from BotFather, 123456789:AAE… Or file:/path of a file that holds it."`
	Queue     string           `yaml:"queue" doc:"Queue of what is written to the bot. Empty: the first one."`
	Groups    bool             `yaml:"groups" doc:"Serve people in groups too; each person there has a conversation of their own, which the group reads."`
	Doubt     string           `yaml:"doubt" doc:"When it is not known whether a message left: ask (an agent decides) or resend. Telegram lets nobody look."`
	Poll      time.Duration    `yaml:"poll" doc:"How long a question for news waits at Telegram; 1s to 50s."`
	Pace      time.Duration    `yaml:"pace" doc:"Pause between two messages in a chat; at least 1s, unless api_url is set. In a group it is three times as long."`
	FileMax   int64            `yaml:"file_max" doc:"Bytes of the largest file taken from a customer; Telegram gives bots at most 20 MB."`
	UploadMax int64            `yaml:"upload_max" doc:"Bytes of the largest file of an answer; Telegram takes at most 50 MB."`
	TextMax   int              `yaml:"text_max" doc:"Characters of the longest answer, as UTF-16 units; every 4096 are a message."`
	APIURL    string           `yaml:"api_url" doc:"Empty: https://api.telegram.org. Or your own Bot API server, which may take larger files."`
}

// LimitsConfig are the limits that stop loops, floods and a full machine.
type LimitsConfig struct {
	AckEvery       time.Duration `yaml:"ack_every" doc:"One acknowledgement to an address in this time."`
	AutoPerHour    int           `yaml:"automatic_per_hour" doc:"Automatic mails to one address."`
	AutoPerDay     int           `yaml:"automatic_per_day"`
	AutoAll        int           `yaml:"automatic_all_per_hour" doc:"Automatic mails to everybody; above it they pause."`
	SameText       int           `yaml:"same_text_per_hour" doc:"Copies of one text, from one address or three of one domain, after which nothing answers it any more."`
	PingWindow     time.Duration `yaml:"ping_window" doc:"Two mails in a row that follow ours within this time are no person's."`
	PingPause      time.Duration `yaml:"ping_pause" doc:"How long automatic mails on such a ticket stop."`
	ReopenPerHour  int           `yaml:"reopen_per_hour" doc:"Reopenings of a ticket by mail."`
	TicketsPerHour int           `yaml:"tickets_per_hour" doc:"New tickets of one address; further ones wait in quarantine."`
	TicketsDomain  int           `yaml:"tickets_per_domain" doc:"New tickets of one domain."`
	Backlog        int           `yaml:"backlog" doc:"Mails accepted and not yet decided, above which reading pauses."`
	Failures       int           `yaml:"failures" doc:"Failed attempts of an item, among them those over which the process died while it did nothing else, after which it waits in quarantine."`
	MinFree        int64         `yaml:"min_free" doc:"Bytes of free disk below which reading pauses."`
	MinFreeShare   float64       `yaml:"min_free_share" doc:"The same as a share of the disk; the larger of the two holds."`
}

// SendingConfig says how letters leave.
type SendingConfig struct {
	Couriers int           `yaml:"couriers" doc:"Letters in hand at a time."`
	GiveUp   time.Duration `yaml:"give_up" doc:"How long a letter is tried."`
	RetryMin time.Duration `yaml:"retry_min" doc:"Pause after the first temporary failure; it doubles each time."`
	RetryMax time.Duration `yaml:"retry_max"`
	Sweep    time.Duration `yaml:"sweep" doc:"A letter that was offered to the couriers and taken by none is offered again after this time."`
	Searches string        `yaml:"searches" doc:"With doubt: probe, the waits before each complete search for a letter in doubt. When none has found it, it goes again."`
}

// LeasesConfig says how long a process that died keeps others from its work.
type LeasesConfig struct {
	Item   time.Duration `yaml:"item" doc:"A mail or an event that is being decided; it has to be done in this time."`
	Place  time.Duration `yaml:"place" doc:"A mailbox or a channel that is read; renewed every third of it."`
	Letter time.Duration `yaml:"letter" doc:"A letter or post that is being sent; renewed every third of it."`
}

// LogConfig says what is logged.
type LogConfig struct {
	Level  string `yaml:"level" doc:"debug, info, warn or error."`
	Format string `yaml:"format" doc:"text or json."`
}

// TestingConfig holds shortcuts for trials and tests.
type TestingConfig struct {
	InsecureTLS bool          `yaml:"insecure_tls" doc:"Do not check the certificates of loopback servers."`
	SlackPace   time.Duration `yaml:"slack_pace" doc:"With slack.api_url: pause between two posts in a channel; negative: none."`
}

// defaults are the settings before any file is read.
func defaults() Config {
	l, out, in := ticketing.DefaultLimits(), outbox.DefaultTiming(), ingest.DefaultLimits()
	return Config{
		Brand: "Sportello", Language: "it", Data: "data", Listen: "127.0.0.1:8080",
		Limits: LimitsConfig{AckEvery: l.AckEvery, AutoPerHour: l.AutoPerHour, AutoPerDay: l.AutoPerDay, AutoAll: l.AutoAllPerHour, SameText: l.SameTextPerHour, PingWindow: l.PingWindow, PingPause: l.PingPause,
			ReopenPerHour: l.ReopenPerHour, TicketsPerHour: l.TicketsPerHour, TicketsDomain: l.TicketsPerDomain, Backlog: 1000, Failures: in.Failures, MinFree: 1 << 30, MinFreeShare: 0.05},
		Sending: SendingConfig{Couriers: 16, GiveUp: out.GiveUp, RetryMin: out.FirstRetry, RetryMax: out.LongestRetry, Sweep: out.Sweep,
			Searches: joinDurations(out.Searches)},
		Leases: LeasesConfig{Item: in.Lease, Place: in.Place, Letter: out.Lease},
		Slack:  SlackConfig{Mode: slack.ModeSocket, BodyMax: slack.DefaultBodyMax, Sockets: 2, Settle: slack.DefaultSettle},
		Telegram: TelegramConfig{Doubt: "ask", Poll: telegram.DefaultPoll, Pace: telegram.DefaultPace, FileMax: telegram.DefaultFileMax, UploadMax: telegram.DefaultUploadMax,
			TextMax: telegram.DefaultTextMax},
		Embeddings: EmbeddingsConfig{Timeout: defaultEmbedTimeout},
		Log:        LogConfig{Level: "info", Format: "text"},
	}
}

func defaultMailbox() MailboxConfig {
	return MailboxConfig{PlusAddr: true, BounceAddr: true, IMAP: IMAPSettings{TLS: "tls", Auth: "login", Folder: "INBOX", After: "keep", MoveTo: "Sportello/Processed",
		Poll: time.Minute, MaxSize: 30 << 20}, SMTP: SMTPSettings{TLS: "starttls", Auth: "auto", Connections: 4, Doubt: "ask"}}
}

func defaultQueue() QueueConfig {
	return QueueConfig{Language: "it", Agents: "it", Offers: true, Promise: kb.DefaultPromise, Ask: true, Embed: true, Silence: "open", Timer: 2 * time.Hour, Control: 0.1, Audience: ticketing.AudienceCustomers, Undo: 20 * time.Second,
		Replies: "customer", Reopen: 14 * 24 * time.Hour, Remind: 3, Resolve: 7, Ack: "everyone",
		Hours: HoursConfig{Zone: "Europe/Rome", Days: map[string]string{"mon-fri": "09:00-13:00, 14:00-18:00"}, Holidays: []string{"it"}}}
}

// configError is a mistake in the settings, told with where it is and what to do.
type configError struct{ err error }

func (e *configError) Error() string { return e.err.Error() }
func (e *configError) Unwrap() error { return e.err }

func badConfig(format string, args ...any) error { return &configError{fmt.Errorf(format, args...)} }

// check judges the settings as a whole: everything that is wrong is told at once, each with what to do.
func (c *Config) check() error {
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	oneOf := func(where, value string, allowed ...string) {
		for _, a := range allowed {
			if value == a {
				return
			}
		}
		bad("%s is %q; use one of: %s", where, value, strings.Join(allowed, ", "))
	}
	oneOf("language", c.Language, "it", "en")
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "text", "json")
	if c.Data == "" {
		bad("data is empty; name a folder")
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") && !strings.HasPrefix(c.Database, "sqlite://") {
		bad("database is %q; use postgres://… or leave it empty for SQLite", hideUserinfo(c.Database))
	}
	if c.Redis != "" && !strings.HasPrefix(c.Redis, "redis://") && !strings.HasPrefix(c.Redis, "rediss://") && !strings.HasPrefix(c.Redis, "unix://") {
		bad("redis is %q; use redis://host:6379/0 or leave it empty", hideUserinfo(c.Redis))
	}
	for _, l := range []struct {
		name string
		life time.Duration
	}{{"leases.item", c.Leases.Item}, {"leases.place", c.Leases.Place}, {"leases.letter", c.Leases.Letter}, {"sending.sweep", c.Sending.Sweep}} {
		if l.life < shortestLease {
			bad("%s is %v; use at least %v", l.name, l.life, shortestLease)
		}
	}
	if c.Limits.Failures < 1 {
		bad("limits.failures is %d; use at least 1", c.Limits.Failures)
	}
	if _, err := c.Sending.searches(); err != nil {
		bad("sending.searches is %q; write waits such as 5s, 30s, 1m", c.Sending.Searches)
	}
	c.Embeddings.check(bad)
	queues := map[string]bool{}
	for i, q := range c.Queues {
		where := fmt.Sprintf("queues[%d]", i)
		switch {
		case q.Name == "":
			bad("%s has no name", where)
		case queues[q.Name]:
			bad("%s: there are two queues named %q", where, q.Name)
		}
		queues[q.Name] = true
		where = "queue " + q.Name
		if len(q.Addresses) == 0 {
			bad("%s has no addresses; name at least the one customers write to", where)
		}
		for _, a := range q.Addresses {
			if _, err := ticketing.ParseAddress(a); err != nil {
				bad("%s: %q is not an e-mail address", where, a)
			}
		}
		oneOf(where+": language", q.Language, "it", "en")
		oneOf(where+": agents_language", q.Agents, "it", "en")
		oneOf(where+": silence", q.Silence, "open", "close")
		oneOf(where+": replies", q.Replies, "customer", "internal")
		oneOf(where+": ack", q.Ack, "everyone", "proven", "never")
		if q.Undo < 0 || q.Undo > 2*time.Minute {
			bad("%s: undo is %v; use 0s to 2m", where, q.Undo)
		}
		if q.Threshold < 0 || q.Threshold > 1 || q.Control < 0 || q.Control > 1 || q.Promise < 0 || q.Promise > 1 {
			bad("%s: threshold, promise and control lie between 0 and 1", where)
		}
		if _, err := q.hours(); err != nil {
			bad("%s: hours: %w", where, err)
		}
	}
	names := map[string]bool{}
	for i, m := range c.Mailboxes {
		where := fmt.Sprintf("mailboxes[%d]", i)
		switch {
		case m.Name == "":
			bad("%s has no name", where)
		case names[m.Name]:
			bad("%s: there are two mailboxes named %q", where, m.Name)
		}
		names[m.Name] = true
		where = "mailbox " + m.Name
		if m.Queue != "" && !queues[m.Queue] {
			bad("%s: there is no queue named %q", where, m.Queue)
		}
		if m.Queue == "" && len(c.Queues) == 0 {
			bad("%s has no queue; add one under queues", where)
		}
		if m.IMAP.Host == "" {
			bad("%s: imap.host is empty", where)
		}
		if m.IMAP.Poll < time.Second || m.IMAP.Poll > time.Minute {
			bad("%s: imap.poll is %v; use 1s to 60s", where, m.IMAP.Poll)
		}
		oneOf(where+": imap.tls", m.IMAP.TLS, "tls", "starttls", "none")
		oneOf(where+": imap.auth", m.IMAP.Auth, "login", "plain", "xoauth2")
		oneOf(where+": imap.after", m.IMAP.After, "keep", "flag", "move")
		if _, err := m.IMAP.start(); err != nil {
			bad("%s: imap.start is %q; write a date such as 2026-01-31", where, m.IMAP.Start)
		}
		oneOf(where+": smtp.tls", m.SMTP.TLS, "starttls", "tls", "none")
		oneOf(where+": smtp.doubt", m.SMTP.Doubt, "probe", "ask", "resend")
		if m.SMTP.Doubt == "probe" && m.SMTP.SentFolder == "" {
			bad("%s: smtp.doubt is probe, but smtp.sent_folder says not where to look", where)
		}
	}
	c.Slack.check(bad, c.Listen != "")
	c.Telegram.check(queues, bad, oneOf)
	if len(wrong) > 0 {
		return &configError{errors.Join(wrong...)}
	}
	return nil
}

// slackBodyMin is above the largest thing Slack sends, a view with its state.
const slackBodyMin = 256 << 10

// check judges the settings of the agents' chat.
func (s SlackConfig) check(bad func(string, ...any), listens bool) {
	switch s.Mode {
	case slack.ModeSocket:
		if s.AppToken.IsZero() != s.BotToken.IsZero() {
			bad("slack needs both app_token and bot_token, or neither")
		}
	case slack.ModeHTTP:
		if s.Signing.IsZero() != s.BotToken.IsZero() {
			bad("slack with mode: http needs both signing_secret and bot_token, or neither")
		}
		if !listens && !s.BotToken.IsZero() {
			bad("slack.mode is http, but listen is empty: Slack has nowhere to post to")
		}
	default:
		bad("slack.mode is %q; use one of: %s, %s", s.Mode, slack.ModeSocket, slack.ModeHTTP)
	}
	if s.BodyMax < slackBodyMin {
		bad("slack.body_max is %d; use at least %d, Slack's views are that large", s.BodyMax, slackBodyMin)
	}
	if t := s.AppToken.Reveal(); t != "" && !strings.HasPrefix(t, "xapp-") {
		bad("slack.app_token does not begin with xapp-; it is the app-level token, not the bot's")
	}
	if t := s.BotToken.Reveal(); t != "" && !strings.HasPrefix(t, "xoxb-") {
		bad("slack.bot_token does not begin with xoxb-; it is the Bot User OAuth Token")
	}
}

// hideUserinfo keeps passwords of URLs out of messages.
func hideUserinfo(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	if _, host, ok := strings.Cut(rest, "@"); ok {
		return scheme + "://***@" + host
	}
	return s
}

// shortestLease keeps a typing error from making every lease end before it can be renewed.
const shortestLease = 100 * time.Millisecond

func (s SendingConfig) searches() ([]time.Duration, error) {
	var waits []time.Duration
	for _, w := range strings.Split(s.Searches, ",") {
		d, err := time.ParseDuration(strings.TrimSpace(w))
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("%q is no wait", w)
		}
		waits = append(waits, d)
	}
	return waits, nil
}

func joinDurations(waits []time.Duration) string {
	parts := make([]string, len(waits))
	for i, w := range waits {
		parts[i] = shortDuration(w)
	}
	return strings.Join(parts, ", ")
}

func (s IMAPSettings) start() (time.Time, error) {
	if s.Start == "" {
		return time.Time{}, nil
	}
	return time.Parse("2006-01-02", s.Start)
}

func (q QueueConfig) hours() (*ticketing.Hours, error) {
	if len(q.Hours.Days) == 0 {
		return nil, nil
	}
	return ticketing.ParseHours(ticketing.HoursSpec{Zone: q.Hours.Zone, Days: q.Hours.Days, Holidays: q.Hours.Holidays})
}

// database is the DSN of the store.
func (c *Config) database() string {
	if c.Database != "" {
		return c.Database
	}
	return "sqlite://" + filepath.Join(c.Data, "sportello.db")
}

func (c *Config) postgres() bool { return strings.HasPrefix(c.Database, "postgres") }
