package slack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	goslack "github.com/slack-go/slack"

	"github.com/sportello/sportello/ticketing"
)

// API calls Slack's Web API. It never repeats a call by itself. Its errors are *ticketing.SendError with the verdicts of the table in
// classify. It is safe for concurrent use.
type API struct {
	client *goslack.Client
	http   *http.Client
	base   string // with its final slash
	token  string

	mu     sync.Mutex
	paused map[string]time.Time // by method, until when Slack asked us to wait
}

const (
	callTimeout    = 15 * time.Second
	connectTimeout = 5 * time.Second
	answerMax      = 16 << 20
)

// DefaultURL is where the Web API is.
const DefaultURL = "https://slack.com/api/"

// NewAPI makes a client. base is DefaultURL when empty; appToken may be empty where no socket is opened.
func NewAPI(base, botToken, appToken string) *API {
	if base == "" {
		base = DefaultURL
	}
	if !strings.HasSuffix(base, "/") {
		base += "/"
	}
	tr := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: callTimeout,
	}
	hc := &http.Client{Transport: tr, Timeout: callTimeout}
	return &API{
		client: goslack.New(botToken, goslack.OptionAPIURL(base), goslack.OptionAppLevelToken(appToken), goslack.OptionHTTPClient(hc)),
		http:   hc, base: base, token: botToken, paused: map[string]time.Time{},
	}
}

// Close ends idle connections.
func (a *API) Close() { a.http.CloseIdleConnections() }

// errNothing is an answer that says neither that it worked nor why not.
var errNothing = errors.New("the answer says neither ok nor an error")

// classify turns the error of a call into what it means for the row (slack.md 6.1).
func (a *API) classify(method string, err error) error {
	if err == nil {
		return nil
	}
	var limited *goslack.RateLimitedError
	if errors.As(err, &limited) {
		a.pause(method, limited.RetryAfter)
		return &ticketing.SendError{Verdict: ticketing.SendTemporary, After: limited.RetryAfter, Free: true, Code: "ratelimited", Err: err}
	}
	var no goslack.SlackErrorResponse
	if !errors.As(err, &no) {
		// No answer, a broken one, or a status that is not 200: Slack may have done it.
		code := "no_answer"
		var status goslack.StatusCodeError
		if errors.As(err, &status) {
			code = "http_" + strconv.Itoa(status.Code)
		}
		return &ticketing.SendError{Verdict: ticketing.SendUnknown, Code: code, Err: hideToken(err)}
	}
	e := &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: no.Err, Err: err}
	switch no.Err {
	case "ratelimited", "rate_limited":
		a.pause(method, time.Minute)
		e.Verdict, e.After, e.Free = ticketing.SendTemporary, time.Minute, true
	case "internal_error", "fatal_error", "request_timeout", "service_unavailable":
		e.Verdict = ticketing.SendUnknown
	case "is_archived", "channel_not_found", "not_in_channel",
		"invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_authed", "team_access_not_granted", "not_allowed_token_type":
		e.Verdict = ticketing.SendSuspend
	case "message_limit_exceeded":
		e.Verdict, e.After = ticketing.SendTemporary, time.Hour
	case "missing_scope":
		e.Answer = "needs the scope " + no.Needed
	}
	return e
}

// hideToken keeps a token that a library put into an error out of the log.
func hideToken(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (a *API) pause(method string, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if end := time.Now().Add(d); end.After(a.paused[method]) {
		a.paused[method] = end
	}
}

// ready answers an error while Slack's Retry-After for a method has not passed: no call leaves before.
func (a *API) ready(method string) error {
	a.mu.Lock()
	left := time.Until(a.paused[method])
	a.mu.Unlock()
	if left <= 0 {
		return nil
	}
	return &ticketing.SendError{Verdict: ticketing.SendTemporary, After: left, Free: true, Code: "ratelimited"}
}

// bounded gives a call its time.
func (a *API) bounded(ctx context.Context, method string, f func(context.Context) error) error {
	if err := a.ready(method); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return a.classify(method, f(ctx))
}

// Self is who we are in the workspace.
type Self struct {
	Team, TeamName, URL string
	User, Bot           string
	Scopes              []string
	Date                time.Time // Slack's clock
}

// AuthTest asks who we are.
func (a *API) AuthTest(ctx context.Context) (Self, error) {
	var s Self
	err := a.bounded(ctx, "auth.test", func(ctx context.Context) error {
		r, err := a.client.AuthTestContext(ctx)
		if err != nil {
			return err
		}
		if r.TeamID == "" {
			return errNothing
		}
		s = Self{Team: r.TeamID, TeamName: r.Team, URL: r.URL, User: r.UserID, Bot: r.BotID}
		for scope := range strings.SplitSeq(r.Header.Get("X-OAuth-Scopes"), ",") {
			if scope = strings.TrimSpace(scope); scope != "" {
				s.Scopes = append(s.Scopes, scope)
			}
		}
		if t, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			s.Date = t
		}
		return nil
	})
	return s, err
}

// OpenSocket answers the address of a new socket.
func (a *API) OpenSocket(ctx context.Context) (string, error) {
	var address string
	err := a.bounded(ctx, "apps.connections.open", func(ctx context.Context) error {
		_, u, err := a.client.StartSocketModeContext(ctx)
		if err == nil && u == "" {
			err = errNothing
		}
		address = u
		return err
	})
	return address, err
}

// chat sends the frozen arguments of a chat method and returns the ts of the message. The arguments go out as they are: nothing of them
// is decoded and encoded again on the way.
func (a *API) chat(ctx context.Context, method, channel string, args url.Values) (ts string, err error) {
	err = a.bounded(ctx, method, func(ctx context.Context) error {
		_, at, _, err := a.client.SendMessageContext(ctx, channel, goslack.UnsafeMsgOptionEndpoint(a.base+method, func(v url.Values) {
			for name := range args {
				v.Set(name, args.Get(name))
			}
		}))
		if err == nil && at == "" && method != "chat.postEphemeral" {
			err = errNothing
		}
		ts = at
		return err
	})
	return ts, err
}

// PostMessage posts to a channel. args are those of chat.postMessage without token and channel.
func (a *API) PostMessage(ctx context.Context, channel string, args url.Values) (ts string, err error) {
	return a.chat(ctx, "chat.postMessage", channel, args)
}

// Update rewrites a message of ours. The metadata of the first post stays as long as args carry none.
func (a *API) Update(ctx context.Context, channel, ts string, args url.Values) error {
	v := url.Values{"ts": {ts}}
	for name := range args {
		v.Set(name, args.Get(name))
	}
	_, err := a.chat(ctx, "chat.update", channel, v)
	return err
}

// Delete deletes a message of ours; one that is gone counts as deleted.
func (a *API) Delete(ctx context.Context, channel, ts string) error {
	err := a.bounded(ctx, "chat.delete", func(ctx context.Context) error {
		_, _, err := a.client.DeleteMessageContext(ctx, channel, ts)
		return err
	})
	return unless(err, "message_not_found")
}

// PostEphemeral shows words to one member of a channel. They may be missed.
func (a *API) PostEphemeral(ctx context.Context, channel, user string, args url.Values) error {
	v := url.Values{"user": {user}}
	for name := range args {
		v.Set(name, args.Get(name))
	}
	_, err := a.chat(ctx, "chat.postEphemeral", channel, v)
	return err
}

// unless forgives one code.
func unless(err error, code string) error {
	var e *ticketing.SendError
	if errors.As(err, &e) && e.Code == code {
		return nil
	}
	return err
}

// AddReaction adds a reaction of ours; one that is there already counts as added.
func (a *API) AddReaction(ctx context.Context, channel, ts, name string) error {
	err := a.bounded(ctx, "reactions.add", func(ctx context.Context) error {
		return a.client.AddReactionContext(ctx, name, goslack.NewRefToMessage(channel, ts))
	})
	return unless(err, "already_reacted")
}

// RemoveReaction removes a reaction of ours; one that is not there counts as removed.
func (a *API) RemoveReaction(ctx context.Context, channel, ts, name string) error {
	err := a.bounded(ctx, "reactions.remove", func(ctx context.Context) error {
		return a.client.RemoveReactionContext(ctx, name, goslack.NewRefToMessage(channel, ts))
	})
	return unless(err, "no_reaction")
}

// Message is a message of a channel's history, as far as we read it.
type Message struct {
	Subtype  string          `json:"subtype"`
	User     string          `json:"user"`
	Bot      string          `json:"bot_id"`
	App      string          `json:"app_id"`
	Team     string          `json:"team"`
	Text     string          `json:"text"`
	TS       string          `json:"ts"`
	ThreadTS string          `json:"thread_ts"`
	Edited   *edited         `json:"edited"`
	Metadata metadata        `json:"metadata"`
	Latest   string          `json:"latest_reply"`
	Replies  int             `json:"reply_count"`
	Files    []file          `json:"files"`
	Raw      json.RawMessage `json:"-"` // the whole message
}

type edited struct {
	TS string `json:"ts"`
}

type metadata struct {
	Type    string `json:"event_type"`
	Payload struct {
		Outbox string `json:"outbox_id"`
		Kind   string `json:"kind"`
	} `json:"event_payload"`
}

// Range says which messages a walk wants. Times are Slack's ts; empty means open.
type Range struct {
	Oldest, Latest string
	Inclusive      bool
	Limit          int // a page, 1 to 999; 0: 200
}

// ErrStop ends a walk early and without an error.
var ErrStop = errors.New("stop")

// History walks the roots of a channel, newest first, and calls each for every message. A walk is complete when the error is nil.
func (a *API) History(ctx context.Context, channel string, r Range, each func(Message) error) error {
	return a.walk(ctx, "conversations.history", url.Values{"channel": {channel}}, r, each)
}

// Replies walks a thread, oldest first. Slack may show the root on any page and whatever the range.
func (a *API) Replies(ctx context.Context, channel, root string, r Range, each func(Message) error) error {
	return a.walk(ctx, "conversations.replies", url.Values{"channel": {channel}, "ts": {root}}, r, each)
}

// pages bounds a walk: with 200 messages a page it is far more than a search or a catch-up reads.
const pages = 1000

func (a *API) walk(ctx context.Context, method string, v url.Values, r Range, each func(Message) error) error {
	v.Set("include_all_metadata", "true")
	if r.Limit == 0 {
		r.Limit = 200
	}
	v.Set("limit", strconv.Itoa(r.Limit))
	if r.Oldest != "" {
		v.Set("oldest", r.Oldest)
	}
	if r.Latest != "" {
		v.Set("latest", r.Latest)
	}
	if r.Inclusive {
		v.Set("inclusive", "true")
	}
	for range pages {
		var page struct {
			Messages []json.RawMessage `json:"messages"`
			More     bool              `json:"has_more"`
			Next     struct {
				Cursor string `json:"next_cursor"`
			} `json:"response_metadata"`
		}
		if err := a.read(ctx, method, v, &page); err != nil {
			return err
		}
		if page.Messages == nil {
			return a.classify(method, errNothing)
		}
		for _, raw := range page.Messages {
			m, ok := readMessage(raw)
			if !ok {
				return a.classify(method, errors.New("a message of the page cannot be read"))
			}
			m.Raw = raw
			if err := each(m); errors.Is(err, ErrStop) {
				return nil
			} else if err != nil {
				return err
			}
		}
		if page.Next.Cursor == "" {
			if page.More {
				return a.classify(method, errors.New("more messages without a cursor"))
			}
			return nil
		}
		v.Set("cursor", page.Next.Cursor)
	}
	return a.classify(method, errors.New("too many pages"))
}

// readMessage reads a message of which single fields may have an unexpected shape. Its ts must be there.
func readMessage(raw []byte) (Message, bool) {
	var m Message
	if json.Unmarshal(raw, &m) == nil {
		return m, m.TS != ""
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return m, false
	}
	m = Message{}
	for name, into := range map[string]any{
		"subtype": &m.Subtype, "user": &m.User, "bot_id": &m.Bot, "app_id": &m.App, "team": &m.Team, "text": &m.Text, "ts": &m.TS,
		"thread_ts": &m.ThreadTS, "edited": &m.Edited, "metadata": &m.Metadata, "latest_reply": &m.Latest, "reply_count": &m.Replies,
		"files": &m.Files,
	} {
		_ = json.Unmarshal(fields[name], into) // a field of another shape stays empty
	}
	return m, m.TS != ""
}

// read makes a reading call with our own small structures: in slack-go one block of a new kind, written by anybody in the channel,
// would make the whole page unreadable, and with it every search for a post of ours.
func (a *API) read(ctx context.Context, method string, v url.Values, into any) error {
	return a.bounded(ctx, method, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+method, strings.NewReader(v.Encode()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", "Bearer "+a.token)
		res, err := a.http.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode == http.StatusTooManyRequests {
			n, err := strconv.Atoi(res.Header.Get("Retry-After"))
			if err != nil || n < 1 {
				n = 60
			}
			return &goslack.RateLimitedError{RetryAfter: time.Duration(n) * time.Second}
		}
		if res.StatusCode != http.StatusOK {
			return goslack.StatusCodeError{Code: res.StatusCode, Status: res.Status}
		}
		raw, err := io.ReadAll(io.LimitReader(res.Body, answerMax))
		if err != nil {
			return err
		}
		var head struct {
			OK     bool   `json:"ok"`
			Error  string `json:"error"`
			Needed string `json:"needed"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return err
		}
		if !head.OK {
			if head.Error == "" {
				return errNothing
			}
			return goslack.SlackErrorResponse{Err: head.Error, Needed: head.Needed}
		}
		return json.Unmarshal(raw, into)
	})
}
