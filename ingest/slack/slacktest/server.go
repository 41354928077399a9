package slacktest

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options describe the workspace and the app that is installed in it. The zero value is a usable workspace.
type Options struct {
	Clock Clock  // default WallClock
	Seed  uint64 // of every random choice; default 1

	Team, TeamName, Domain string // default T0SPORTELLO, Ditta Esempio, ditta-esempio
	AppID, BotID, BotUser  string // default A0SPORTELLO, B0SPORTELLO, U0SPORTELLO
	BotToken, AppToken     string // default xoxb-test and xapp-test
	SigningSecret          string // default 8f742231b10e8888abcd99yyyzzz85a5, that of Slack's documentation

	Scopes      []string // of the bot token; default: all the scopes that sportello's manifest asks for
	Events      []string // subscriptions; default: all events that the manifest asks for
	CustomEmoji []string // names beyond the standard ones

	SocketLife    time.Duration   // announced in hello and kept; default one hour
	EventRetries  []time.Duration // after the failed delivery before; default 0, 1 min, 5 min (E25)
	DelayedEvents bool            // hourly for 24 h afterwards
	PostEvery     time.Duration   // one post a channel; default 1 s; negative: no limit
	RateFactor    float64         // multiplies the tiers' calls a minute; default 1; negative: no limit
	LimitedClass  bool            // one call a minute and 15 objects on history and replies (E22)
	HideRoot      bool            // conversations.replies with oldest leaves the root out (E11)
	LogLimit      int             // requests kept in the log; default 100,000, the oldest go first
}

// Server is one workspace. Its methods may be called from any goroutine.
type Server struct {
	opt   Options
	clock Clock
	rng   *rand.Rand

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever anything changes
	closed   bool
	serial   int
	lastTS   int64
	users    map[string]*User
	channels map[string]*channel
	files    map[string]*File
	uploads  map[string]string // path of the upload URL to file id
	eph      []Ephemeral
	views    map[string]*View // by id
	homes    map[string]*View // by user
	triggers map[string]*trigger
	respond  map[string]*responseURL
	tickets  map[string]bool // of apps.connections.open, true while unused
	sockets  []*socket
	pending  map[string]*Delivery // by envelope id
	inflight map[*Delivery]bool   // waiting for a retry
	disabled bool                 // Socket Mode switched off
	revoked  string               // the error every call gets: account_inactive or token_revoked
	faults   []*activeFault
	hold     *eventPlan // what happens to the next events (E26)
	swapped  *Delivery
	calls    map[string][]time.Time // by method: the last minute
	until    map[string]time.Time   // by method: the end of a Retry-After
	bucket   map[string]*postBucket // by channel
	log      []Request
	misuse   []string
	watch    misuseState

	urls      map[string]string // by kind of delivery, in HTTP mode (E32)
	tampering *tampering
	posted    []Posted
	acked     map[string]int // by envelope id: acknowledgements over sockets

	listener net.Listener
	http     *http.Server
	addr     string
}

// New starts a workspace on a free port of 127.0.0.1.
func New(opt Options) (*Server, error) { return Listen("127.0.0.1:0", opt) }

// Listen starts a workspace on addr, for a process of its own.
func Listen(addr string, opt Options) (*Server, error) {
	setDefaults(&opt)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("slacktest cannot listen on %s: %w", addr, err)
	}
	s := &Server{
		opt:      opt,
		clock:    opt.Clock,
		rng:      rand.New(rand.NewSource(int64(opt.Seed))), //nolint:gosec // a repeatable choice is wanted
		changed:  make(chan struct{}),
		users:    map[string]*User{},
		channels: map[string]*channel{},
		files:    map[string]*File{},
		uploads:  map[string]string{},
		views:    map[string]*View{},
		homes:    map[string]*View{},
		triggers: map[string]*trigger{},
		respond:  map[string]*responseURL{},
		tickets:  map[string]bool{},
		pending:  map[string]*Delivery{},
		calls:    map[string][]time.Time{},
		until:    map[string]time.Time{},
		bucket:   map[string]*postBucket{},
		acked:    map[string]int{},
		listener: sniffListener{l},
		addr:     l.Addr().String(),
	}
	s.watch = newMisuseState()
	s.addUser(User{ID: opt.BotUser, Kind: Bot, Name: "sportello", RealName: "Sportello"})
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.http.Serve(s.listener) }()
	return s, nil
}

func setDefaults(o *Options) {
	def := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	if o.Clock == nil {
		o.Clock = WallClock{}
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	def(&o.Team, "T0SPORTELLO")
	def(&o.TeamName, "Ditta Esempio")
	def(&o.Domain, "ditta-esempio")
	def(&o.AppID, "A0SPORTELLO")
	def(&o.BotID, "B0SPORTELLO")
	def(&o.BotUser, "U0SPORTELLO")
	def(&o.BotToken, "xoxb-test")
	def(&o.AppToken, "xapp-test")
	def(&o.SigningSecret, "8f742231b10e8888abcd99yyyzzz85a5")
	if o.Scopes == nil {
		o.Scopes = []string{
			"app_mentions:read", "channels:history", "channels:join", "channels:read", "chat:write", "chat:write.customize",
			"commands", "files:read", "files:write", "groups:history", "groups:read", "im:history", "im:read", "im:write",
			"reactions:read", "reactions:write", "users:read", "users:read.email",
		}
	}
	if o.Events == nil {
		o.Events = []string{
			"app_home_opened", "app_mention", "app_uninstalled", "channel_archive", "channel_id_changed", "channel_rename",
			"channel_shared", "channel_unshared", "group_archive", "member_joined_channel", "member_left_channel",
			"message.channels", "message.groups", "message.im", "reaction_added", "reaction_removed", "tokens_revoked", "user_change",
		}
	}
	if o.SocketLife == 0 {
		o.SocketLife = time.Hour
	}
	if o.EventRetries == nil {
		o.EventRetries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	if o.PostEvery == 0 {
		o.PostEvery = time.Second
	}
	if o.RateFactor == 0 {
		o.RateFactor = 1
	}
	if o.LogLimit == 0 {
		o.LogLimit = 100_000
	}
}

// Addr returns the address the workspace listens on.
func (s *Server) Addr() string { return s.addr }

// URL returns the base for Web API calls, with its final slash, as the setting slack.api_url wants it.
func (s *Server) URL() string { return "http://" + s.addr + "/api/" }

// Options returns the options in force, defaults filled in.
func (s *Server) Options() Options {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opt
}

// Close stops listening and breaks every connection.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	socks := slices.Clone(s.sockets)
	s.mu.Unlock()
	for _, k := range socks {
		k.drop()
	}
	return s.http.Close()
}

// Done tells whether Close was called.
func (s *Server) Done() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Await returns when cond holds. It is asked again after every change of the workspace, without the lock, so it may
// call any method; it returns the context's error when that ends first.
func (s *Server) Await(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		ch := s.changed
		s.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return fmt.Errorf("slacktest: the awaited state did not come: %w", ctx.Err())
		}
	}
}

// bump tells those who await a change; s.mu is held.
func (s *Server) bump() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// locked runs f under the lock and tells those who await a change.
func (s *Server) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.bump()
}

// AddUser adds a person and returns the id.
func (s *Server) AddUser(u User) string {
	var id string
	s.locked(func() { id = s.addUser(u).ID })
	return id
}

// AddChannel adds a channel and returns the id. The bot is in it only when listed among the members.
func (s *Server) AddChannel(c Channel) string {
	var id string
	s.locked(func() { id = s.addChannel(c).ID })
	return id
}

// BotUser returns the id of the app's user, to list among a channel's members.
func (s *Server) BotUser() string { return s.opt.BotUser }

// SetScopes replaces the scopes of the bot token.
func (s *Server) SetScopes(scopes ...string) { s.locked(func() { s.opt.Scopes = scopes }) }

// SetLimitedClass switches the limited class of history methods (E22).
func (s *Server) SetLimitedClass(on bool) { s.locked(func() { s.opt.LimitedClass = on }) }

// Revoke makes every call answer code, account_inactive or token_revoked, until code is empty (E1). The event
// tokens_revoked is sent before.
func (s *Server) Revoke(code string) {
	s.locked(func() {
		if code != "" {
			s.emit("tokens_revoked", "", obj{"type": "tokens_revoked", "tokens": obj{"oauth": []string{}, "bot": []string{s.opt.BotUser}}})
		}
		s.revoked = code
	})
}

// Archive archives or unarchives a channel.
func (s *Server) Archive(id string, on bool) error {
	return s.withChannel(id, func(c *channel) {
		c.Archived = on
		if on {
			kind := "channel_archive"
			if c.kind() == "group" {
				kind = "group_archive"
			}
			s.emit(kind, c.ID, obj{"type": kind, "channel": c.ID})
		}
	})
}

// ShareChannel makes a channel shared with another workspace, or ends that.
func (s *Server) ShareChannel(id string, on bool) error {
	return s.withChannel(id, func(c *channel) {
		c.ExtShared = on
		kind := "channel_unshared"
		if on {
			kind = "channel_shared"
		}
		s.emit(kind, c.ID, obj{"type": kind, "channel": c.ID, "connected_team_id": "T0OTHER"})
	})
}

func (s *Server) withChannel(id string, f func(*channel)) error {
	var err error
	s.locked(func() {
		c := s.channels[id]
		if c == nil {
			err = fmt.Errorf("slacktest has no channel %q", id)
			return
		}
		f(c)
	})
	return err
}

var errNoUser = errors.New("slacktest has no such user")

// Messages returns the roots and broadcasts of a channel, oldest first.
func (s *Server) Messages(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channel]
	if c == nil {
		return nil
	}
	var out []Message
	for _, m := range c.messages {
		if !m.isReply() || m.broadcast {
			out = append(out, m.clone())
		}
	}
	return out
}

// Thread returns the root, when it is there, and its replies, oldest first.
func (s *Server) Thread(channel, root string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channel]
	if c == nil {
		return nil
	}
	var out []Message
	r, replies := c.thread(root)
	if r != nil {
		out = append(out, r.clone())
	}
	for _, m := range replies {
		out = append(out, m.clone())
	}
	return out
}

// Reactions returns who chose which emoji on a message.
func (s *Server) Reactions(channel, ts string) map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string][]string{}
	if c := s.channels[channel]; c != nil {
		if m := c.find(ts); m != nil {
			for _, r := range m.Reactions {
				out[r.Name] = slices.Clone(r.Users)
			}
		}
	}
	return out
}

// Ephemerals returns what a user sees alone, oldest first.
func (s *Server) Ephemerals(user string) []Ephemeral {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Ephemeral
	for _, e := range s.eph {
		if e.User == user {
			out = append(out, e)
		}
	}
	return out
}

// Reload is a user's reload of the Slack window: ephemeral messages are gone (E16).
func (s *Server) Reload(user string) {
	s.locked(func() {
		s.eph = slices.DeleteFunc(s.eph, func(e Ephemeral) bool { return e.User == user })
	})
}

// Log returns the requests in the order of their arrival (E34).
func (s *Server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Sockets returns how many sockets are open.
func (s *Server) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets)
}

// Waiting returns how many deliveries have neither been acknowledged nor given up.
func (s *Server) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting()
}
