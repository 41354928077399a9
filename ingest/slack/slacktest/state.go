package slacktest

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// UserKind says what a person is to the workspace [/apis/slack-connect].
type UserKind string

// The kinds of users.
const (
	Full        UserKind = "full"
	Guest       UserKind = "guest"        // multi-channel guest: is_restricted
	SingleGuest UserKind = "single_guest" // single-channel guest: is_ultra_restricted
	Bot         UserKind = "bot"
	Deactivated UserKind = "deactivated"
	External    UserKind = "external" // member of another workspace, through a shared channel
	Stranger    UserKind = "stranger" // external member who shares no channel with the viewer
)

// User is one person or bot.
type User struct {
	ID       string   `json:"id"` // made when empty
	Kind     UserKind `json:"kind"`
	Name     string   `json:"name"`
	RealName string   `json:"real_name"`
	Email    string   `json:"email"`
	Locale   string   `json:"locale"` // default it-IT
	TZ       string   `json:"tz"`     // default Europe/Rome
	Team     string   `json:"team"`   // default the workspace, for external users T0OTHER
}

// Channel is one conversation. The id of a direct message begins with D.
type Channel struct {
	ID        string   `json:"id"` // made when empty
	Name      string   `json:"name"`
	Private   bool     `json:"private"`
	ExtShared bool     `json:"ext_shared"`
	Archived  bool     `json:"archived"`
	Members   []string `json:"members"` // ids of users; the bot is a member when its id is listed
}

// Message is one message as conversations.history shows it.
type Message struct {
	Type         string          `json:"type"`
	Subtype      string          `json:"subtype,omitempty"`
	User         string          `json:"user,omitempty"`
	BotID        string          `json:"bot_id,omitempty"`
	AppID        string          `json:"app_id,omitempty"`
	Username     string          `json:"username,omitempty"`
	Team         string          `json:"team,omitempty"`
	ClientMsgID  string          `json:"client_msg_id,omitempty"`
	Text         string          `json:"text"`
	TS           string          `json:"ts"`
	ThreadTS     string          `json:"thread_ts,omitempty"`
	ParentUserID string          `json:"parent_user_id,omitempty"`
	Blocks       json.RawMessage `json:"blocks,omitempty"`
	Edited       *Edited         `json:"edited,omitempty"`
	Metadata     *Metadata       `json:"metadata,omitempty"`
	ReplyCount   int             `json:"reply_count,omitempty"`
	ReplyUsers   []string        `json:"reply_users,omitempty"`
	LatestReply  string          `json:"latest_reply,omitempty"`
	Reactions    []Reaction      `json:"reactions,omitempty"`
	Files        []*File         `json:"files,omitempty"`
	Hidden       bool            `json:"hidden,omitempty"`

	broadcast bool
}

// Edited says who changed a message last and when.
type Edited struct {
	User string `json:"user"`
	TS   string `json:"ts"`
}

// Metadata is a message's metadata [/messaging/message-metadata].
type Metadata struct {
	EventType    string         `json:"event_type"`
	EventPayload map[string]any `json:"event_payload"`
}

// Reaction is one emoji with those who chose it, in order.
type Reaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
	Count int      `json:"count"`
}

// Ephemeral is a message only one person sees.
type Ephemeral struct {
	TS       string          `json:"ts"`
	Channel  string          `json:"channel"`
	User     string          `json:"user"`
	ThreadTS string          `json:"thread_ts,omitempty"`
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks,omitempty"`
}

type channel struct {
	Channel
	members  map[string]bool
	messages []*Message // ascending by ts, replies included
}

// obj is a JSON object under construction.
type obj = map[string]any

func (c *channel) kind() string {
	switch {
	case strings.HasPrefix(c.ID, "D"):
		return "im"
	case c.Private:
		return "group"
	default:
		return "channel"
	}
}

func (c *channel) find(ts string) *Message {
	i := sort.Search(len(c.messages), func(i int) bool { return c.messages[i].TS >= ts })
	if i < len(c.messages) && c.messages[i].TS == ts {
		return c.messages[i]
	}
	return nil
}

func (c *channel) remove(ts string) {
	for i, m := range c.messages {
		if m.TS == ts {
			c.messages = append(c.messages[:i], c.messages[i+1:]...)
			return
		}
	}
}

// insert keeps the order of ts: a message that is stored late has a later ts than those before it, so it goes last.
func (c *channel) insert(m *Message) { c.messages = append(c.messages, m) }

func (m *Message) isReply() bool { return m.ThreadTS != "" && m.ThreadTS != m.TS }

func (m *Message) clone() Message {
	c := *m
	c.ReplyUsers = append([]string(nil), m.ReplyUsers...)
	c.Reactions = nil
	for _, r := range m.Reactions {
		r.Users = append([]string(nil), r.Users...)
		c.Reactions = append(c.Reactions, r)
	}
	c.Files = append([]*File(nil), m.Files...)
	if m.Edited != nil {
		e := *m.Edited
		c.Edited = &e
	}
	return c
}

// nextTS returns a time stamp that is unique in the workspace and rises (E8).
func (s *Server) nextTS() string {
	us := s.clock.Now().UnixMicro()
	if us <= s.lastTS {
		us = s.lastTS + 1
	}
	s.lastTS = us
	return formatTS(us)
}

func formatTS(us int64) string { return fmt.Sprintf("%d.%06d", us/1e6, us%1e6) }

// parseTS reads a time stamp in seconds with up to six decimals into microseconds.
func parseTS(ts string) (int64, bool) {
	sec, frac, _ := strings.Cut(ts, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	if len(frac) > 6 {
		frac = frac[:6]
	}
	frac += strings.Repeat("0", 6-len(frac))
	f, err := strconv.ParseInt(frac, 10, 64)
	if err != nil || f < 0 {
		return 0, false
	}
	return n*1e6 + f, true
}

// id makes an identifier with a prefix, as U0000000001.
func (s *Server) id(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%09X", prefix, s.serial)
}

func (s *Server) addUser(u User) *User {
	if u.ID == "" {
		u.ID = s.id("U")
	}
	if u.Kind == "" {
		u.Kind = Full
	}
	if u.Locale == "" {
		u.Locale = "it-IT"
	}
	if u.TZ == "" {
		u.TZ = "Europe/Rome"
	}
	if u.Team == "" {
		u.Team = s.opt.Team
		if u.Kind == External || u.Kind == Stranger {
			u.Team = "T0OTHER"
		}
	}
	if u.RealName == "" {
		u.RealName = u.Name
	}
	s.users[u.ID] = &u
	return &u
}

func (s *Server) addChannel(c Channel) *channel {
	if c.ID == "" {
		c.ID = s.id("C")
	}
	ch := &channel{Channel: c, members: map[string]bool{}}
	for _, m := range c.Members {
		ch.members[m] = true
	}
	ch.Members = nil
	s.channels[c.ID] = ch
	return ch
}

func (c *channel) memberIDs() []string {
	ids := make([]string, 0, len(c.members))
	for id := range c.members {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// thread returns the root (nil when it is gone) and the replies in order.
func (c *channel) thread(root string) (*Message, []*Message) {
	var replies []*Message
	for _, m := range c.messages {
		if m.isReply() && m.ThreadTS == root {
			replies = append(replies, m)
		}
	}
	return c.find(root), replies
}

// recount brings a root's counters into line with its replies (E10).
func (c *channel) recount(root string) {
	r, replies := c.thread(root)
	if r == nil {
		return
	}
	r.ReplyCount, r.ReplyUsers, r.LatestReply = len(replies), nil, ""
	if len(replies) == 0 {
		if r.ThreadTS == r.TS {
			r.ThreadTS = ""
		}
		return
	}
	r.ThreadTS = r.TS
	seen := map[string]bool{}
	for _, m := range replies {
		who := m.User
		if who == "" {
			who = m.BotID
		}
		if !seen[who] && len(r.ReplyUsers) < 5 {
			seen[who] = true
			r.ReplyUsers = append(r.ReplyUsers, who)
		}
		r.LatestReply = m.TS
		m.ParentUserID = r.User
	}
}

func seconds(d time.Duration) int {
	n := int((d + time.Second - 1) / time.Second)
	if n < 1 {
		n = 1
	}
	return n
}
