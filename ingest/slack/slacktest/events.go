package slacktest

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// Delivery is one event or interaction on its way to the app.
type Delivery struct {
	ID      string // event id, empty for interactions
	Kind    string // events_api, interactive or slash_commands
	Payload json.RawMessage

	envelope string
	retries  int // deliveries after the first
	born     time.Time
	stop     func() // of the timer that is running
	reason   string
	done     chan struct{}
	err      error
	answer   json.RawMessage
	finished bool
	onAnswer func(json.RawMessage)
}

// Errors a delivery ends with.
var (
	// ErrNotAcknowledged is what the person sees as a warning sign: the app did not acknowledge within three seconds.
	ErrNotAcknowledged = errors.New("slacktest: the app did not acknowledge in time")
	// ErrNoSocket is an interaction at a time without sockets: it is lost.
	ErrNoSocket = errors.New("slacktest: the app has no open socket")
	// ErrDropped is an event that was dropped on demand or had no retries left.
	ErrDropped = errors.New("slacktest: the event was given up")
)

// Done is closed when the delivery was acknowledged or given up.
func (d *Delivery) Done() <-chan struct{} { return d.done }

// Err returns nil once acknowledged; call it after Done.
func (d *Delivery) Err() error { return d.err }

// Answer returns the payload of the acknowledgement, if there was one; call it after Done.
func (d *Delivery) Answer() json.RawMessage { return d.answer }

type eventPlan struct {
	do    string // duplicate, delay, swap, drop
	n     int
	delay time.Duration
}

// NextEvents says what happens to the next n events: "duplicate", "delay" (by d), "swap" (with the one after) or
// "drop" (E26).
func (s *Server) NextEvents(do string, n int, d time.Duration) {
	s.locked(func() { s.hold = &eventPlan{do: do, n: n, delay: d} })
}

// subscriptionOf names the manifest's word for an event in a channel of a kind.
func subscriptionOf(kind, channelKind string) string {
	if kind != "message" {
		return kind
	}
	return map[string]string{"im": "message.im", "group": "message.groups", "channel": "message.channels"}[channelKind]
}

// scopesOf lists the scopes of which one is needed for a subscription; none means none is needed.
func scopesOf(sub, channelKind string) []string {
	switch sub {
	case "message.channels":
		return []string{"channels:history"}
	case "message.groups":
		return []string{"groups:history"}
	case "message.im":
		return []string{"im:history"}
	case "app_mention":
		return []string{"app_mentions:read"}
	case "reaction_added", "reaction_removed":
		return []string{"reactions:read"}
	case "member_joined_channel", "member_left_channel", "channel_archive", "group_archive", "channel_rename",
		"channel_shared", "channel_unshared", "channel_id_changed":
		if channelKind == "group" {
			return []string{"groups:read"}
		}
		return []string{"channels:read"}
	case "user_change":
		return []string{"users:read"}
	}
	return nil
}

// emit sends an event to the app if subscription, scope and membership allow it (E24); s.mu is held.
func (s *Server) emit(kind, channelID string, event obj) {
	channelKind := ""
	shared := false
	if channelID != "" {
		c := s.channels[channelID]
		if c == nil {
			return
		}
		channelKind, shared = c.kind(), c.ExtShared
		if !c.members[s.opt.BotUser] {
			return
		}
	}
	sub := subscriptionOf(kind, channelKind)
	if !slices.Contains(s.opt.Events, sub) {
		return
	}
	if need := scopesOf(sub, channelKind); len(need) > 0 && !slices.ContainsFunc(need, s.hasScope) {
		return
	}
	if event["event_ts"] == nil {
		event["event_ts"] = s.nextTS()
	}
	if channelKind != "" && kind == "message" {
		event["channel_type"] = channelKind
	}
	id := s.id("Ev")
	payload, err := json.Marshal(obj{
		"token": "verification-token", "team_id": s.opt.Team, "context_team_id": s.opt.Team, "context_enterprise_id": nil,
		"api_app_id": s.opt.AppID, "event": event, "type": "event_callback", "event_id": id, "event_time": s.clock.Now().Unix(),
		"authorizations": []obj{{
			"enterprise_id": nil, "team_id": s.opt.Team, "user_id": s.opt.BotUser, "is_bot": true, "is_enterprise_install": false,
		}},
		"is_ext_shared_channel": shared, "event_context": "4-" + id,
	})
	if err != nil {
		panic(err) // only values of ours go in
	}
	s.queue(&Delivery{ID: id, Kind: "events_api", Payload: payload})
}

// queue starts the way of an event, after the plan of NextEvents; s.mu is held.
func (s *Server) queue(d *Delivery) {
	d.born, d.done = s.clock.Now(), make(chan struct{})
	if p := s.hold; p != nil && p.n > 0 && d.Kind == "events_api" {
		p.n--
		switch p.do {
		case "drop":
			s.finish(d, ErrDropped)
			return
		case "delay":
			s.clock.AfterFunc(p.delay, func() { s.locked(func() { s.deliver(d) }) })
			return
		case "duplicate":
			twin := &Delivery{ID: d.ID, Kind: d.Kind, Payload: d.Payload, born: d.born, done: make(chan struct{})}
			s.deliver(d)
			s.deliver(twin)
			return
		case "swap":
			if s.swapped == nil {
				s.swapped = d
				return
			}
			first := s.swapped
			s.swapped = nil
			s.deliver(d)
			s.deliver(first)
			return
		}
	}
	s.deliver(d)
}

// deliver writes the envelope to one of the sockets and waits three seconds for its acknowledgement (E27); s.mu is held.
func (s *Server) deliver(d *Delivery) {
	if s.closed || d.finished {
		return
	}
	if s.urls != nil {
		s.deliverHTTP(d)
		return
	}
	if len(s.sockets) == 0 {
		s.missed(d, "connection_failed")
		return
	}
	k := s.sockets[s.rng.Intn(len(s.sockets))]
	s.serial++
	d.envelope = s.uuid()
	env := obj{
		"envelope_id": d.envelope, "type": d.Kind, "payload": d.Payload, "accepts_response_payload": d.Kind != "events_api",
	}
	if d.Kind == "events_api" {
		env["retry_attempt"], env["retry_reason"] = d.retries, d.reason
	}
	s.pending[d.envelope] = d
	d.stop = s.clock.AfterFunc(3*time.Second, func() {
		s.locked(func() {
			if s.pending[d.envelope] == d {
				delete(s.pending, d.envelope)
				s.missed(d, "timeout")
			}
		})
	})
	k.send(env)
}

// missed plans the next delivery of an event that was not acknowledged (E25), and gives up an interaction; s.mu is held.
func (s *Server) missed(d *Delivery, reason string) {
	if d.Kind != "events_api" {
		err := ErrNotAcknowledged
		if reason == "connection_failed" {
			err = ErrNoSocket
		}
		s.finish(d, err)
		return
	}
	var wait time.Duration
	switch n := d.retries - len(s.opt.EventRetries); {
	case n < 0:
		wait = s.opt.EventRetries[d.retries]
	case s.opt.DelayedEvents && n < 24:
		wait = time.Hour
	default:
		s.finish(d, ErrDropped)
		return
	}
	if !s.opt.DelayedEvents && s.clock.Now().Add(wait).Sub(d.born) > 2*time.Hour {
		s.finish(d, ErrDropped)
		return
	}
	d.retries++
	d.reason = reason
	d.stop = nil
	if s.inflight == nil {
		s.inflight = map[*Delivery]bool{}
	}
	s.inflight[d] = true
	s.clock.AfterFunc(wait, func() {
		s.locked(func() {
			delete(s.inflight, d)
			s.deliver(d)
		})
	})
}

func (s *Server) finish(d *Delivery, err error) {
	if d.finished {
		return
	}
	d.finished, d.err = true, err
	if d.stop != nil {
		d.stop()
	}
	close(d.done)
}

// acknowledge ends a delivery; s.mu is held.
func (s *Server) acknowledge(envelope string, payload json.RawMessage) {
	s.acked[envelope]++
	d := s.pending[envelope]
	if d == nil {
		return
	}
	delete(s.pending, envelope)
	d.answer = payload
	if d.onAnswer != nil {
		d.onAnswer(payload)
	}
	s.finish(d, nil)
}

// Acknowledged returns how often each envelope was acknowledged over a socket, by its id. Once is right.
func (s *Server) Acknowledged() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.acked)
}

func (s *Server) waiting() int { return len(s.pending) + len(s.inflight) }

// RateLimited sends the event app_rate_limited, which has no inner event (E26).
func (s *Server) RateLimited() {
	s.locked(func() {
		payload, _ := json.Marshal(obj{
			"token": "verification-token", "type": "app_rate_limited", "team_id": s.opt.Team,
			"minute_rate_limited": s.clock.Now().Truncate(time.Minute).Unix(), "api_app_id": s.opt.AppID,
		})
		s.queue(&Delivery{Kind: "events_api", Payload: payload})
	})
}

// Inject sends payload as an event envelope as it stands, for shapes the workspace does not make itself.
func (s *Server) Inject(kind string, payload json.RawMessage) *Delivery {
	d := &Delivery{Kind: kind, Payload: payload}
	s.locked(func() { s.queue(d) })
	return d
}
