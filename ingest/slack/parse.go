package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// envelopeBody is a stored frame. Everything in it is read with small structures of our own, field by field: a block of a new kind or
// a number where text belongs must not hide a message.
type envelopeBody struct {
	ID      string          `json:"envelope_id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

type eventBody struct {
	Type   string          `json:"type"`
	TeamID string          `json:"team_id"`
	AppID  string          `json:"api_app_id"`
	Event  json.RawMessage `json:"event"`
}

// event is the union of the events we act on [/reference/events].
type event struct {
	Type      string   `json:"type"`
	Subtype   string   `json:"subtype"`
	Channel   string   `json:"channel"`
	User      string   `json:"user"`
	Bot       string   `json:"bot_id"`
	App       string   `json:"app_id"`
	Team      string   `json:"team"`
	Text      string   `json:"text"`
	TS        string   `json:"ts"`
	ThreadTS  string   `json:"thread_ts"`
	EventTS   string   `json:"event_ts"`
	DeletedTS string   `json:"deleted_ts"`
	Reaction  string   `json:"reaction"`
	Tab       string   `json:"tab"`
	Edited    *edited  `json:"edited"`
	Metadata  metadata `json:"metadata"`
	Files     []file   `json:"files"`
	Item      struct {
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	} `json:"item"`
	Message  *event `json:"message"`
	Previous *event `json:"previous_message"`
}

type file struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Type     string `json:"mimetype"`
	Size     int64  `json:"size"`
	Private  string `json:"url_private"`
	Download string `json:"url_private_download"`
	Access   string `json:"file_access"`
}

// readEvent reads an event of which single fields may have an unexpected shape.
func readEvent(raw json.RawMessage) *event {
	e := &event{}
	if json.Unmarshal(raw, e) == nil {
		return e
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	e = &event{}
	for name, into := range map[string]any{
		"type": &e.Type, "subtype": &e.Subtype, "channel": &e.Channel, "user": &e.User, "bot_id": &e.Bot, "app_id": &e.App, "team": &e.Team,
		"text": &e.Text, "ts": &e.TS, "thread_ts": &e.ThreadTS, "event_ts": &e.EventTS, "deleted_ts": &e.DeletedTS, "reaction": &e.Reaction, "tab": &e.Tab,
		"edited": &e.Edited, "metadata": &e.Metadata, "files": &e.Files, "item": &e.Item,
	} {
		_ = json.Unmarshal(fields[name], into) // a field of another shape stays empty
	}
	if m := fields["message"]; len(m) > 0 {
		e.Message = readEvent(m)
	}
	if m := fields["previous_message"]; len(m) > 0 {
		e.Previous = readEvent(m)
	}
	return e
}

// press is an interaction [/reference/interaction-payloads].
type press struct {
	Type  string `json:"type"`
	AppID string `json:"api_app_id"`
	User  struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Container struct {
		MessageTS string `json:"message_ts"`
		ThreadTS  string `json:"thread_ts"`
		ChannelID string `json:"channel_id"`
	} `json:"container"`
	View struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Callback string `json:"callback_id"`
		Meta     string `json:"private_metadata"`
		State    struct {
			Values map[string]map[string]field `json:"values"`
		} `json:"state"`
	} `json:"view"`
	Callback string    `json:"callback_id"`
	Trigger  string    `json:"trigger_id"`
	Reply    string    `json:"response_url"`
	TS       string    `json:"message_ts"`
	Said     said      `json:"message"`
	Actions  []pressed `json:"actions"`
}

// field is a value of a window.
type field struct {
	Value    string `json:"value"`
	User     string `json:"selected_user"`
	Selected *struct {
		Value string `json:"value"`
	} `json:"selected_option"`
}

// pressed is one element that was pressed.
type pressed struct {
	ID       string `json:"action_id"`
	Value    string `json:"value"`
	TS       string `json:"action_ts"`
	Selected *struct {
		Value string `json:"value"`
	} `json:"selected_option"`
}

// parseTime bounds a reading with its questions to Slack: the ledger gives a reading five seconds.
const parseTime = 4 * time.Second

// Parse implements ingest.Door. It asks Slack who a person is, and fetches files; when Slack does not answer it returns a temporary
// error. Whatever it does not understand is an act of no consequence, or refused when it is not even an envelope.
func (d *Door) Parse(ctx context.Context, _ ticketing.Inbound, raw []byte) (ticketing.Heard, error) {
	ctx, cancel := context.WithTimeout(ctx, parseTime)
	defer cancel()
	h := ticketing.Heard{Door: d.Name(), Group: d.Name(), Kind: ticketing.KindNormal, Auth: ticketing.AuthPass, Identity: true}
	h.Auto = ticketing.AutoAnswer{Reason: "chat"}
	var env envelopeBody
	if json.Unmarshal(raw, &env) != nil || len(env.Payload) == 0 {
		h.Refused, h.Detail = ticketing.CauseMalformed, "the frame is no envelope"
		return h, nil
	}
	var err error
	switch env.Type {
	case "events_api":
		var body eventBody
		if json.Unmarshal(env.Payload, &body) != nil {
			h.Refused, h.Detail = ticketing.CauseMalformed, "the payload is no event"
			return h, nil
		}
		e := readEvent(body.Event)
		if e == nil {
			other(&h)
			return h, nil
		}
		err = d.event(ctx, &h, body, e)
	case "interactive":
		var p press
		if json.Unmarshal(env.Payload, &p) != nil {
			h.Refused, h.Detail = ticketing.CauseMalformed, "the payload is no interaction"
			return h, nil
		}
		err = d.interaction(ctx, &h, p, env.ID)
	case "slash_commands":
		var s slashCommand
		if json.Unmarshal(env.Payload, &s) != nil {
			h.Refused, h.Detail = ticketing.CauseMalformed, "the payload is no slash command"
			return h, nil
		}
		if err = d.slash(ctx, &h, s); err == nil && s.asksFor() != "" && h.Act.Verb == ticketing.VerbCommand {
			h.Act.View = windowName(d.team, env.ID)
		}
	default:
		h.Refused, h.Detail = ticketing.CauseMalformed, "an envelope of an unknown type"
	}
	if err != nil {
		return ticketing.Heard{}, &ticketing.Error{Code: "slack.ask", Err: err}
	}
	return h, nil
}

// other marks what is kept and never acted on.
func other(h *ticketing.Heard) { h.Act = &ticketing.Act{Verb: ticketing.VerbOther} }

func (d *Door) event(ctx context.Context, h *ticketing.Heard, body eventBody, e *event) error {
	switch e.Type {
	case "message":
		if body.TeamID != "" && body.TeamID != d.team {
			other(h)
			return nil
		}
		return d.message(ctx, h, body, e)
	case "app_home_opened":
		return d.homeOpened(ctx, h, e.User, e.Tab, e.EventTS)
	case "reaction_added", "reaction_removed":
		return d.reaction(ctx, h, e)
	case "member_joined_channel", "member_left_channel":
		d.people.moved(e.Channel)
		other(h)
		h.Act.Verb = ticketing.VerbMember
		return nil
	case "user_change":
		var u struct {
			User struct {
				ID string `json:"id"`
			} `json:"user"`
		}
		if json.Unmarshal(body.Event, &u) == nil {
			d.people.changed(u.User.ID)
		}
	}
	other(h)
	return nil
}

// message reads the message events (slack.md 2.6). The subtype decides, not which fields are filled.
func (d *Door) message(ctx context.Context, h *ticketing.Heard, body eventBody, e *event) error {
	switch e.Subtype {
	case "", "bot_message", "file_share", "thread_broadcast", "me_message":
		if e.Message != nil || e.TS == "" || e.Channel == "" {
			other(h) // message_replied arrives without its subtype
			return nil
		}
		if own(body, e) {
			d.echo(h, e)
			return nil
		}
		h.LogicalKey = key("message", d.team, e.Channel, e.TS)
		return d.say(ctx, h, e)
	case "message_changed":
		m, old := e.Message, e.Previous
		if m == nil {
			other(h)
			return nil
		}
		if old == nil {
			old = &event{}
		}
		fill(m, old)
		if own(body, m) || m.Bot != "" || m.User == "" || m.Subtype == "tombstone" || m.TS == "" || m.Text == old.Text || m.Edited == nil {
			// Unfurls, language detection and our own chat.update change no words of a person.
			other(h)
			return nil
		}
		h.LogicalKey = key("edit", d.team, e.Channel, m.TS, m.Edited.TS)
		m.Channel, m.Files = e.Channel, nil
		return d.act(ctx, h, ticketing.VerbEdit, m)
	case "message_deleted":
		m := e.Previous
		if m == nil {
			m = &event{}
		}
		if m.TS == "" {
			m.TS = e.DeletedTS
		}
		if own(body, m) || m.Bot != "" || m.TS == "" {
			other(h)
			return nil
		}
		h.LogicalKey = key("delete", d.team, e.Channel, m.TS)
		m.Channel, m.Files = e.Channel, nil
		return d.act(ctx, h, ticketing.VerbDelete, m)
	}
	other(h)
	return nil
}

// fill completes a changed message from the one before: author and ts may be missing.
func fill(m, old *event) {
	if m.User == "" {
		m.User = old.User
	}
	if m.TS == "" {
		m.TS = old.TS
	}
	if m.ThreadTS == "" {
		m.ThreadTS = old.ThreadTS
	}
}

// own tells whether our app wrote a message: by the app, never by the subtype or a name.
func own(body eventBody, e *event) bool { return body.AppID != "" && e.App == body.AppID }

// echo settles the row of a post of ours that came back (slack.md 6.3 step 7).
func (d *Door) echo(h *ticketing.Heard, e *event) {
	if e.Metadata.Type != eventType || e.Metadata.Payload.Outbox == "" {
		other(h)
		return
	}
	h.Echo = &ticketing.Echo{Outgoing: e.Metadata.Payload.Outbox, Ref: d.ref(e.Channel, e.TS)}
}

func (d *Door) say(ctx context.Context, h *ticketing.Heard, e *event) error {
	if e.ThreadTS == "" || e.ThreadTS == e.TS {
		// Talk outside threads is nobody's business; it still has its place.
		other(h)
		h.Act.Place = d.place(e.Channel)
		return nil
	}
	if err := d.act(ctx, h, ticketing.VerbSay, e); err != nil {
		return err
	}
	if !h.Act.IsAgent {
		return nil
	}
	return d.files(ctx, h, e.Files)
}

// namedMax is how many of the people whom a message mentions are looked up as agents: a command gives a ticket to the first.
const namedMax = 3

// act fills in who did something to a message and where.
func (d *Door) act(ctx context.Context, h *ticketing.Heard, verb ticketing.Verb, e *event) error {
	a := &ticketing.Act{Verb: verb, Place: d.place(e.Channel), Target: d.ref(e.Channel, e.TS), At: timeOf(e.TS)}
	if verb == ticketing.VerbEdit && e.Edited != nil {
		a.At = timeOf(e.Edited.TS)
	}
	h.Act, h.At, h.Queue = a, a.At, d.queues[e.Channel]
	if h.Queue == "" {
		other(h)
		return nil
	}
	if verb == ticketing.VerbSay {
		// Other acts on a message are rows of their own and are not that message.
		h.Ref = a.Target
	}
	root := e.ThreadTS
	if root == "" {
		root = e.TS
	}
	a.Root = d.ref(e.Channel, root)
	h.Claims = []ticketing.Claim{{Rule: ticketing.ClaimThread, Ref: a.Root, Valid: true}}
	if e.Bot != "" {
		a.Bot = true
		a.Actor = ticketing.Party{Key: "slack:" + d.team + "/" + e.Bot}
		h.From = a.Actor
		return nil
	}
	if e.User != "" {
		if err := d.actor(ctx, h, e.Channel, e.User); err != nil {
			return err
		}
	}
	a.Mentions, a.MentionFirst = mentions(e.Text)
	names := map[string]string{}
	for _, id := range mentioned(e.Text) {
		p, err := d.people.person(ctx, id)
		if err != nil {
			return err
		}
		names[id] = p.Name
		if len(a.Named) < namedMax {
			_, agent, err := d.people.agent(ctx, e.Channel, id)
			if err != nil {
				return err
			}
			a.Named = append(a.Named, ticketing.Named{Party: d.people.party(p), IsAgent: agent})
		}
	}
	a.Text = plain(e.Text, func(id string) string { return names[id] })
	h.Text, h.Visible = a.Text, a.Text
	return nil
}

func (d *Door) actor(ctx context.Context, h *ticketing.Heard, channel, user string) error {
	p, agent, err := d.people.agent(ctx, channel, user)
	if err != nil {
		return err
	}
	h.Act.Actor, h.Act.IsAgent, h.Act.Bot, h.Act.Language = d.people.party(p), agent, p.Bot, languageOf(p.Locale)
	h.From = h.Act.Actor
	return nil
}

// reaction reads reactions. Slack names only the message, so for those that mean something the thread is asked for: an eye on the
// root claims, one on a message does not.
func (d *Door) reaction(ctx context.Context, h *ticketing.Heard, e *event) error {
	e.Channel = e.Item.Channel
	name, _, _ := strings.Cut(e.Reaction, "::")
	meant := name == "eyes" || name == "white_check_mark" || name == "lock"
	if e.Type != "reaction_added" || !meant || d.queues[e.Channel] == "" || e.Item.TS == "" || e.User == "" {
		other(h)
		return nil
	}
	who, agent, err := d.people.agent(ctx, e.Channel, e.User)
	if err != nil {
		return err
	}
	if !agent {
		other(h)
		h.Act.Bot = who.Bot
		return nil
	}
	root, err := d.rootOf(ctx, e.Channel, e.Item.TS)
	if err != nil {
		return err
	}
	h.LogicalKey = key("reaction", d.team, e.Channel, e.Item.TS, name, e.User, e.EventTS)
	if err := d.act(ctx, h, ticketing.VerbReact, &event{Channel: e.Channel, TS: e.Item.TS, ThreadTS: root, User: e.User}); err != nil {
		return err
	}
	h.Act.Emoji, h.Act.At = name, timeOf(e.EventTS)
	h.At = h.Act.At
	return nil
}

// rootOf finds the thread a message belongs to. A message that is gone is its own root.
func (d *Door) rootOf(ctx context.Context, channel, ts string) (string, error) {
	root := ts
	err := d.api.Replies(ctx, channel, ts, Range{Oldest: ts, Latest: ts, Inclusive: true, Limit: 1}, func(m Message) error {
		if m.TS == ts && m.ThreadTS != "" {
			root = m.ThreadTS
			return ErrStop
		}
		return nil
	})
	return root, unless(err, "thread_not_found")
}

// interaction reads what was done with a button, a shortcut or a window.
func (d *Door) interaction(ctx context.Context, h *ticketing.Heard, p press, envelope string) error {
	switch {
	case p.Type == "view_submission":
		return d.submit(ctx, h, p)
	case p.Type == "message_action" || p.Type == "shortcut" || p.Type == "block_actions" && len(p.Actions) > 0 && p.Actions[0].ID == againAction:
		if p.asksFor() == "" {
			other(h)
			return nil
		}
		return d.ask(ctx, h, p, envelope)
	}
	if err := d.press(ctx, h, p); err != nil || p.asksFor() == "" || h.Act.Verb != ticketing.VerbPress {
		return err
	}
	h.Act.View = windowName(d.team, envelope)
	if len(h.Act.Queues) == 0 {
		h.Act.Queues = []string{h.Queue}
	}
	return nil
}

func (d *Door) press(ctx context.Context, h *ticketing.Heard, p press) error {
	channel := p.Channel.ID
	if channel == "" {
		channel = p.Container.ChannelID
	}
	if p.Type == "block_actions" && len(p.Actions) > 0 && channel == "" && p.View.Type == "home" && p.User.ID != "" {
		return d.pressElsewhere(ctx, h, p)
	}
	if p.Type != "block_actions" || len(p.Actions) == 0 || d.queues[channel] == "" || p.User.ID == "" {
		other(h)
		return nil
	}
	x := p.Actions[0]
	root := p.Container.ThreadTS
	if root == "" {
		root = p.Said.ThreadTS
	}
	e := &event{Channel: channel, TS: p.Container.MessageTS, ThreadTS: root, User: p.User.ID}
	if err := d.act(ctx, h, ticketing.VerbPress, e); err != nil {
		return err
	}
	if p.User.TeamID != "" && p.User.TeamID != d.team {
		h.Act.IsAgent = false
	}
	a := h.Act
	a.Action, a.Value, a.At = x.ID, x.Value, timeOf(x.TS)
	x.choose(a)
	h.At = a.At
	h.LogicalKey = key("press", d.team, p.User.ID, x.ID, x.TS)
	return nil
}

func isWord(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && r != '_' {
			return false
		}
	}
	return s != ""
}

// files fetches the files of an agent's message. One that cannot be had is named in the flags; one that may be had later is an error.
func (d *Door) files(ctx context.Context, h *ticketing.Heard, list []file) error {
	for i, f := range list {
		name := ticketing.CleanFileName(f.Name, i+1)
		data, err := d.api.Download(ctx, f, d.fileMax)
		if err != nil {
			var e *ticketing.SendError
			if errors.As(err, &e) && e.Verdict == ticketing.SendPermanent {
				h.Flags = append(h.Flags, "file_"+e.Code)
				continue
			}
			return fmt.Errorf("file %s: %w", f.ID, err)
		}
		h.Files = append(h.Files, ticketing.HeardFile{Name: name, Type: f.Type, Data: data})
	}
	return nil
}

// key is the logical key of an act: the same act delivered twice, by whatever way, has the same one.
func key(parts ...string) string {
	sum := sha256.Sum256([]byte("slack\x00" + strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// timeOf is the time in a ts; zero when it is none.
func timeOf(ts string) time.Time {
	sec, frac, _ := strings.Cut(ts, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil {
		return time.Time{}
	}
	frac = (frac + "000000")[:6]
	us, err := strconv.ParseInt(frac, 10, 64)
	if err != nil {
		us = 0
	}
	return time.Unix(n, us*1000).UTC()
}
