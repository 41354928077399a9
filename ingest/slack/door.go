package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// Config is what a workspace's door needs.
type Config struct {
	Team     string // id of the workspace, "T0123"; the door is called "slack:T0123"
	BotToken ticketing.Secret
	AppToken ticketing.Secret // for Socket Mode
	// Mode is ModeSocket (default) or ModeHTTP, in which Slack's deliveries come to Handler, signed with SigningSecret.
	Mode          string
	SigningSecret ticketing.Secret
	BodyMax       int64             // bytes of one delivery over HTTP; default DefaultBodyMax
	APIURL        string            // default DefaultURL
	Queues        map[string]string // triage channel id to queue name
	Words         *templates.Set
	Sockets       int    // default 2
	Timing        Timing // of the receiver
	// CustomerName is "username" (default: a customer's message carries the customer's name as its author; needs the scope
	// chat:write.customize) or "text".
	CustomerName string
	FileMax      int64            // bytes of one file taken from Slack; default 20 MB
	PostEvery    time.Duration    // between two posts in one channel; default 1 s, Slack's limit; negative: no pause
	Settle       time.Duration    // how long a post may take to appear after its request; default DefaultSettle
	Now          func() time.Time // default time.Now
	Log          *slog.Logger
	Alarm        func(code string) // see Receiver.Alarm
}

// Door is a workspace. It is safe for concurrent use.
type Door struct {
	team    string
	queues  map[string]string
	api     *API
	people  *people
	words   *templates.Set
	named   bool
	fileMax int64
	every   time.Duration
	settled time.Duration
	now     func() time.Time
	log     *slog.Logger
	recv    *Receiver
	mode    string
	secret  ticketing.Secret
	bodyMax int64

	refused, foreign atomic.Int64 // see HTTPHealth
	behind           atomic.Bool  // a delivery was missed: catch up

	mu    sync.Mutex
	next  map[string]time.Time // by channel: when the next post may leave
	tried map[string]time.Time // by row: when this process last began to post it
}

const (
	// paceMax is how long a courier waits for a channel's turn; beyond it the row goes back with its time.
	paceMax = 3 * time.Second
	// window is how long before a row's first attempt the search for its post begins, for clocks that differ.
	window = 300 * time.Second
	// horizon is how far back threads are looked through for what is new in them.
	horizon = 30 * 24 * time.Hour
	// shortMax is how many characters of text a post keeps whose blocks were refused.
	shortMax = 3500
)

// DefaultSettle is how long after an attempt began a search that finds nothing counts: Slack may store a post late.
const DefaultSettle = 30 * time.Second

// New makes the door of a workspace. It makes no call.
func New(c Config) (*Door, error) {
	if !isID(c.Team) {
		return nil, fmt.Errorf("slack.team must be the id of the workspace, such as T0123ABCD, not %q", c.Team)
	}
	if c.Words == nil {
		return nil, errors.New("slack: no words were given")
	}
	for id := range c.Queues {
		if !isID(id) {
			return nil, fmt.Errorf("queue %q: slack.channel must be the channel's id, such as C0123ABCD, not %q", c.Queues[id], id)
		}
	}
	switch c.Mode {
	case "":
		c.Mode = ModeSocket
	case ModeSocket:
	case ModeHTTP:
		if c.SigningSecret.IsZero() {
			return nil, errors.New("slack.mode is http, but slack.signing_secret is empty: without it nobody can tell Slack's deliveries from others")
		}
	default:
		return nil, fmt.Errorf("slack.mode is %q; use %s or %s", c.Mode, ModeSocket, ModeHTTP)
	}
	d := &Door{
		team: c.Team, mode: c.Mode, secret: c.SigningSecret, bodyMax: c.BodyMax, queues: c.Queues, api: NewAPI(c.APIURL, c.BotToken.Reveal(), c.AppToken.Reveal()), words: c.Words,
		named: c.CustomerName != "text", fileMax: c.FileMax, every: c.PostEvery, now: c.Now, log: c.Log, next: map[string]time.Time{}, tried: map[string]time.Time{},
	}
	if d.fileMax == 0 {
		d.fileMax = 20 << 20
	}
	if d.bodyMax == 0 {
		d.bodyMax = DefaultBodyMax
	}
	if d.settled = c.Settle; d.settled <= 0 {
		d.settled = DefaultSettle
	}
	if d.every == 0 {
		d.every = time.Second
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.people = newPeople(d.api, d.team, d.now)
	d.recv = &Receiver{Open: d.api.OpenSocket, Sockets: c.Sockets, Timing: c.Timing, Log: d.log, Alarm: c.Alarm}
	return d, nil
}

var (
	_ ingest.Door    = (*Door)(nil)
	_ ingest.Speaker = (*Door)(nil)
)

// Name implements ingest.Door.
func (d *Door) Name() string { return "slack:" + d.team }

// API returns the door's client, for checks.
func (d *Door) API() *API { return d.api }

// Health tells how the receiver is.
func (d *Door) Health() Health { return d.recv.Health() }

// Mode tells by which way Slack delivers.
func (d *Door) Mode() string { return d.mode }

// Receive implements ingest.Door: it stores what the sockets bring until ctx ends, and catches up on what was said while no socket was
// open. Any number of processes may receive, so there is no lease: Slack gives each delivery to one socket. In the HTTP mode the
// deliveries come to Handler, and only catching up is left.
func (d *Door) Receive(ctx context.Context, into ingest.Acceptor) error {
	inner, cancel := context.WithCancel(ctx)
	var behind sync.WaitGroup
	behind.Go(func() { d.followUp(inner, into) })
	defer behind.Wait()
	defer cancel()
	if d.mode == ModeHTTP {
		<-ctx.Done()
		return ctx.Err()
	}
	return d.recv.Run(ctx, func(ctx context.Context, e Envelope) error { return d.take(ctx, into, e) })
}

func (d *Door) place(channel string) string { return "slack:" + d.team + "/" + channel }

func (d *Door) ref(channel, ts string) ticketing.Ref {
	return ticketing.Ref("slack:" + d.team + "/" + channel + "/" + ts)
}

// split takes a ref or a place of this workspace apart.
func (d *Door) split(ref string) (channel, ts string, ok bool) {
	rest, ok := strings.CutPrefix(ref, "slack:"+d.team+"/")
	if !ok {
		return "", "", false
	}
	channel, ts, _ = strings.Cut(rest, "/")
	return channel, ts, isID(channel)
}

// Render implements ingest.Speaker: the arguments of one call, made from the row's facts. A post's name is known only once it is sent.
func (d *Door) Render(_ context.Context, o ticketing.Outgoing) ([]byte, ticketing.Ref, error) {
	f := o.Facts
	channel, _, ok := d.split(f.Place)
	if !ok {
		return nil, "", refuse("bad_place", "the row names no channel of this workspace")
	}
	x := frozen{Channel: channel}
	s := speech{words: d.words, lang: f.Language, username: d.named}
	var err error
	switch o.Kind {
	case ticketing.PostRoot, ticketing.PostHeld, ticketing.PostMail, ticketing.PostLine, ticketing.PostRelease, ticketing.PostBounce:
		x.Method = methodPost
		if x.Args, err = s.post(o); err == nil {
			x.Args["metadata"], err = stamp(o)
		}
		if _, ts, ok := d.split(string(f.Root)); ok && inThread(o.Kind) {
			x.Args["thread_ts"] = ts
		}
	case ticketing.CardTicket, ticketing.CardHeld:
		x.Method = methodUpdate
		if _, x.TS, ok = d.split(string(f.Target)); !ok || f.Card == nil {
			return nil, "", &ticketing.SendError{Verdict: ticketing.SendTemporary, After: 5 * time.Second, Code: "no_root", Answer: "the card is not posted yet"}
		}
		if o.Kind == ticketing.CardHeld {
			x.Args, err = s.held(f)
		} else {
			x.Args, err = s.root(f)
		}
		delete(x.Args, "unfurl_links")
		delete(x.Args, "unfurl_media")
	case ticketing.React:
		x.Method, x.Emoji = methodReact, f.Emoji
		if x.Channel, x.TS, ok = d.split(string(f.Target)); !ok {
			return nil, "", refuse("bad_target", "the row names no message of this workspace")
		}
	case ticketing.Hint:
		x.Method, x.User = methodEphemeral, userOf(f.User)
		if x.User == "" {
			return nil, "", refuse("bad_user", "the row names no user of this workspace")
		}
		x.Args = map[string]string{"text": s.sentence("slack.hint.", f.Code, f.Args)}
		if _, ts, ok := d.split(string(f.Root)); ok {
			x.Args["thread_ts"] = ts
		}
	default:
		return nil, "", refuse("bad_kind", fmt.Sprintf("Slack has no post of kind %q", o.Kind))
	}
	if err != nil {
		return nil, "", err
	}
	raw, err := json.Marshal(x)
	return raw, "", err
}

// post makes the words of a post.
func (s speech) post(o ticketing.Outgoing) (map[string]string, error) {
	switch o.Kind {
	case ticketing.PostMail:
		return s.mail(o.Facts)
	case ticketing.PostLine:
		return s.line(o)
	case ticketing.PostBounce:
		return s.bounce(o)
	}
	if o.Facts.Card == nil {
		// The desk completes a row just before it is rendered.
		return nil, &ticketing.SendError{Verdict: ticketing.SendTemporary, After: 5 * time.Second, Code: "no_card", Answer: "the row has no card to show yet"}
	}
	switch o.Kind {
	case ticketing.PostHeld:
		return s.held(o.Facts)
	case ticketing.PostRelease:
		return s.release(o.Facts)
	}
	return s.root(o.Facts)
}

func inThread(k ticketing.OutgoingKind) bool {
	return k != ticketing.PostRoot && k != ticketing.PostHeld
}

func refuse(code, why string) error {
	return &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: code, Answer: why}
}

// Send implements ingest.Speaker (slack.md 6.3): one call, never repeated by itself. A post leaves when its channel's turn has come and
// began has returned.
func (d *Door) Send(ctx context.Context, o ticketing.Outgoing, bytes []byte, began func() error) (ticketing.Ref, string, error) {
	var x frozen
	if err := json.Unmarshal(bytes, &x); err != nil {
		return "", "", refuse("bad_bytes", "the stored post cannot be read: "+err.Error())
	}
	if x.Method == methodPost {
		if err := d.api.ready(x.Method); err != nil {
			return "", "", err
		}
		if err := d.turn(ctx, x.Channel); err != nil {
			return "", "", err
		}
	}
	if err := began(); err != nil {
		return "", "", err
	}
	args := values(x.Args)
	switch x.Method {
	case methodPost:
		d.begin(o.ID)
		ts, err := d.postOnce(ctx, x, args)
		if err != nil {
			return "", "", err
		}
		return d.ref(x.Channel, ts), "ok", nil
	case methodUpdate:
		err := d.api.Update(ctx, x.Channel, x.TS, args)
		if code(err) == "message_not_found" {
			// The card was deleted by hand; the ticket goes on without it.
			return "", "message_not_found", nil
		}
		return "", "ok", err
	case methodReact:
		err := d.api.AddReaction(ctx, x.Channel, x.TS, x.Emoji)
		if code(err) == "message_not_found" {
			return "", "message_not_found", nil
		}
		return "", "ok", err
	case methodEphemeral:
		err := d.api.PostEphemeral(ctx, x.Channel, x.User, args)
		var e *ticketing.SendError
		if errors.As(err, &e) && (e.Verdict == ticketing.SendUnknown || e.Code == "user_not_in_channel" || e.Code == "cannot_reply_to_message") {
			// At most once: nobody depends on a hint, and two are worse than none.
			return "", e.Code, nil
		}
		return "", "ok", err
	}
	return "", "", refuse("bad_method", "unknown method "+x.Method)
}

// postOnce posts. Where Slack says for certain that it did not, and why, the same row may go in another shape: shorter and as plain text,
// or as a root when its thread takes no replies any more. Each of these refusals is an answer, so nothing can come twice.
func (d *Door) postOnce(ctx context.Context, x frozen, args url.Values) (string, error) {
	ts, err := d.api.PostMessage(ctx, x.Channel, args)
	for range 2 {
		c := code(err)
		switch {
		case c == "msg_too_long" || c == "msg_blocks_too_long" || c == "invalid_blocks" || c == "invalid_blocks_format":
			if !args.Has("blocks") {
				return ts, err
			}
			d.log.Warn("Slack refused the blocks of a post; it goes as plain text", "door", d.Name(), "code", c)
			args.Del("blocks")
			args.Set("text", cut(args.Get("text"), shortMax))
		case args.Has("thread_ts") && (c == "cannot_reply_to_message" || strings.HasPrefix(c, "restricted_action_")):
			d.log.Warn("the thread takes no replies; the post becomes a root", "door", d.Name(), "code", c)
			args.Del("thread_ts")
		case c == "missing_scope" && args.Has("username"):
			d.log.Warn("the scope chat:write.customize is missing; the customer's name goes into the text", "door", d.Name())
			args.Set("text", escape(args.Get("username"))+": "+args.Get("text"))
			args.Del("username")
		default:
			return ts, err
		}
		if err := d.turn(ctx, x.Channel); err != nil {
			return "", err
		}
		ts, err = d.api.PostMessage(ctx, x.Channel, args)
	}
	return ts, err
}

func code(err error) string {
	var e *ticketing.SendError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func values(args map[string]string) url.Values {
	v := url.Values{}
	for k, a := range args {
		v.Set(k, a)
	}
	return v
}

// turn waits until the channel may get its next post: about one a second [/apis/web-api/rate-limits].
func (d *Door) turn(ctx context.Context, channel string) error {
	if d.every < 0 {
		return nil
	}
	d.mu.Lock()
	now := time.Now()
	at := d.next[channel]
	if at.Before(now) {
		at = now
	}
	wait := at.Sub(now)
	if wait > paceMax {
		d.mu.Unlock()
		return &ticketing.SendError{Verdict: ticketing.SendTemporary, After: wait, Free: true, Code: "paced"}
	}
	d.next[channel] = at.Add(d.every)
	d.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return &ticketing.SendError{Verdict: ticketing.SendTemporary, Free: true, Code: "stopped", Err: ctx.Err()}
	}
}

// begin remembers when a row was last tried: the row itself knows its first attempt only, and Slack may store the last one late.
func (d *Door) begin(id string) {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, at := range d.tried {
		if now.Sub(at) > 10*d.settled {
			delete(d.tried, k)
		}
	}
	d.tried[id] = now
}

// Probe implements ingest.Speaker: it looks for a post of ours by the row's id in its metadata. Only a walk over every page, made when
// a late post would have appeared, says that it is not there (slack.md 6.3 step 6).
func (d *Door) Probe(ctx context.Context, o ticketing.Outgoing) (ticketing.Found, ticketing.Ref, error) {
	channel, _, ok := d.split(o.Facts.Place)
	if !ok || o.StartedAt.IsZero() {
		return ticketing.ProbeImpossible, "", refuse("bad_place", "the row names no channel of this workspace or never began")
	}
	asked, last := d.now(), o.StartedAt
	d.mu.Lock()
	if at := d.tried[o.ID]; at.After(last) {
		last = at
	}
	d.mu.Unlock()
	ts, err := d.search(ctx, channel, o)
	switch {
	case err != nil:
		return ticketing.ProbeImpossible, "", err
	case ts != "":
		return ticketing.ProbeFound, d.ref(channel, ts), nil
	case asked.Sub(last) < d.settled:
		return ticketing.ProbeImpossible, "", nil
	}
	return ticketing.ProbeMissing, "", nil
}

// search walks every page on which a row's post can be. It returns "" only when it has seen them all.
func (d *Door) search(ctx context.Context, channel string, o ticketing.Outgoing) (string, error) {
	// Where our clock is ahead of Slack's, the post's ts lies before our own time of the attempt.
	self, err := d.api.AuthTest(ctx)
	if err != nil {
		return "", err
	}
	begun := o.StartedAt
	if behind := d.now().Sub(self.Date); behind > 0 && !self.Date.IsZero() {
		begun = begun.Add(-behind)
	}
	since := tsOf(begun.Add(-window))
	var found string
	look := func(m Message) error {
		if m.Metadata.Type == eventType && m.Metadata.Payload.Outbox == o.ID {
			found = m.TS
			return ErrStop
		}
		return nil
	}
	_, root, ok := d.split(string(o.Facts.Root))
	if ok && root != "" && inThread(o.Kind) {
		if err := unless(d.api.Replies(ctx, channel, root, Range{Oldest: since}, look), "thread_not_found"); err != nil || found != "" {
			return found, err
		}
	}
	if !inThread(o.Kind) || ok {
		// Roots, and posts that became roots because their thread took none.
		err := d.api.History(ctx, channel, Range{Oldest: since}, look)
		return found, err
	}
	// The thread is not known: all threads that have something new are looked through.
	var threads []string
	err = d.api.History(ctx, channel, Range{Oldest: tsOf(begun.Add(-horizon))}, func(m Message) error {
		if m.Latest >= since {
			threads = append(threads, m.TS)
		}
		return look(m)
	})
	for _, ts := range threads {
		if err != nil || found != "" {
			break
		}
		err = unless(d.api.Replies(ctx, channel, ts, Range{Oldest: since}, look), "thread_not_found")
	}
	return found, err
}

func tsOf(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) + ".000000" }
