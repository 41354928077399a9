package slacktest

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of chat.postMessage and chat.update.
const (
	textCut       = 40_000
	updateTextMax = 4_000
	metadataMax   = 2_048 // an assumption: Slack publishes no number
)

// place finds the channel of a call and tells what the bot may not do in it (E4).
func (c *call) place(write bool) (*channel, *failure) {
	ch := c.s.channels[c.args["channel"]]
	if ch == nil && write {
		ch = c.s.channelByName(c.args["channel"])
	}
	if ch == nil {
		return nil, fail("channel_not_found")
	}
	if !ch.members[c.s.opt.BotUser] {
		if ch.kind() != "channel" || c.name == "chat.getPermalink" {
			return nil, fail("channel_not_found")
		}
		switch c.name {
		case "chat.postMessage", "chat.postEphemeral", "conversations.history", "files.completeUploadExternal":
			return nil, fail("not_in_channel")
		}
		return nil, fail("channel_not_found")
	}
	if write && ch.Archived {
		return nil, fail("is_archived")
	}
	return ch, nil
}

// content reads text, blocks and metadata of a post, an update or an ephemeral message.
func (c *call) content() (text string, blocks json.RawMessage, meta *Metadata, no *failure) {
	text = storeText(c.args["text"])
	if n := utf8.RuneCountInString(text); n > textCut {
		text = string([]rune(text)[:textCut])
	}
	if md := c.args["markdown_text"]; md != "" {
		if text != "" || c.args["blocks"] != "" {
			return "", nil, nil, fail("markdown_text_conflict")
		}
		text = storeText(md)
	}
	if b := strings.TrimSpace(c.args["blocks"]); b != "" && b != "[]" && b != "null" {
		blocks, no = c.s.checkBlocks(b, surfaceMessage)
		if no != nil {
			return "", nil, nil, no
		}
	}
	if text == "" && blocks == nil && c.args["attachments"] == "" {
		return "", nil, nil, fail("no_text")
	}
	if m := c.args["metadata"]; m != "" {
		if len(m) > metadataMax {
			return "", nil, nil, fail("metadata_too_large")
		}
		meta = &Metadata{}
		if json.Unmarshal([]byte(m), meta) != nil || (m != "{}" && (meta.EventType == "" || meta.EventPayload == nil)) {
			return "", nil, nil, fail("invalid_metadata_format")
		}
	}
	return text, blocks, meta, nil
}

func postMessage(c *call) (obj, *failure) {
	s := c.s
	ch, no := c.place(true)
	if no != nil {
		return nil, no
	}
	text, blocks, meta, no := c.content()
	if no != nil {
		return nil, no
	}
	if (c.args["username"] != "" || c.args["icon_emoji"] != "" || c.args["icon_url"] != "") && !s.hasScope("chat:write.customize") {
		return nil, &failure{code: "missing_scope", extra: obj{"needed": "chat:write.customize", "provided": strings.Join(s.opt.Scopes, ",")}}
	}
	m := s.botMessage(text, blocks)
	m.Metadata = meta
	if u := c.args["username"]; u != "" {
		m.Subtype, m.Username, m.User = "bot_message", u, ""
	}
	if root := c.args["thread_ts"]; root != "" {
		parent := ch.find(root)
		if parent == nil || parent.Subtype == "tombstone" {
			return nil, fail("cannot_reply_to_message")
		}
		if parent.isReply() {
			root = parent.ThreadTS
		}
		m.ThreadTS, m.broadcast = root, c.flag("reply_broadcast")
		if m.broadcast {
			m.Subtype = "thread_broadcast"
		}
	}
	c.store(ch, m)
	return obj{"channel": ch.ID, "ts": m.TS, "message": s.shown(m, true)}, nil
}

// botMessage makes a message of the app's own.
func (s *Server) botMessage(text string, blocks json.RawMessage) *Message {
	return &Message{
		Type: "message", User: s.opt.BotUser, BotID: s.opt.BotID, AppID: s.opt.AppID, Team: s.opt.Team,
		Text: text, Blocks: blocks, TS: s.nextTS(),
	}
}

// store keeps a new message and sends its events with or after the answer.
func (c *call) store(ch *channel, m *Message) {
	c.s.put(ch, m)
	c.later = append(c.later, func() { c.s.announce(ch, m) })
}

func (s *Server) put(ch *channel, m *Message) {
	ch.insert(m)
	if m.isReply() {
		ch.recount(m.ThreadTS)
	}
}

// announce sends the events of a new message (E23); s.mu is held.
func (s *Server) announce(ch *channel, m *Message) {
	ev := s.shown(m, true)
	ev["channel"], ev["event_ts"] = ch.ID, m.TS
	delete(ev, "reply_count")
	delete(ev, "reply_users")
	delete(ev, "latest_reply")
	if !m.isReply() {
		delete(ev, "thread_ts")
	}
	if m.broadcast {
		if root := ch.find(m.ThreadTS); root != nil {
			ev["root"] = s.shown(root, false)
		}
	}
	s.emit("message", ch.ID, ev)
	if m.BotID == "" && strings.Contains(m.Text, "<@"+s.opt.BotUser+">") {
		s.emit("app_mention", ch.ID, obj{
			"type": "app_mention", "user": m.User, "text": m.Text, "ts": m.TS, "team": m.Team, "channel": ch.ID, "event_ts": m.TS,
		})
	}
}

// shown is a message as answers and events carry it.
func (s *Server) shown(m *Message, withMetadata bool) obj {
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err) // only values of ours go in
	}
	var o obj
	if json.Unmarshal(raw, &o) != nil {
		return obj{}
	}
	delete(o, "hidden")
	if n := len(m.ReplyUsers); n > 0 {
		o["reply_users_count"], o["subscribed"], o["is_locked"] = n, false, false
	}
	if m.Metadata != nil && !withMetadata {
		o["metadata"] = obj{"event_type": m.Metadata.EventType}
	}
	if m.BotID == s.opt.BotID && m.Subtype == "" {
		o["bot_profile"] = obj{"id": s.opt.BotID, "app_id": s.opt.AppID, "name": "sportello", "team_id": s.opt.Team, "deleted": false, "updated": 1}
	}
	if len(m.Files) > 0 {
		var files []obj
		for _, f := range m.Files {
			files = append(files, s.fileObject(f))
		}
		o["files"], o["upload"] = files, true
	}
	return o
}

func update(c *call) (obj, *failure) {
	s := c.s
	ch, no := c.place(false)
	if no != nil {
		return nil, no
	}
	m := ch.find(c.args["ts"])
	if m == nil {
		return nil, fail("message_not_found")
	}
	if m.BotID != s.opt.BotID {
		return nil, fail("cant_update_message")
	}
	if utf8.RuneCountInString(c.args["text"]) > updateTextMax {
		return nil, fail("msg_too_long")
	}
	text, blocks, meta, no := c.content()
	if no != nil {
		return nil, no
	}
	before := s.shown(m, true)
	if c.args["text"] != "" || blocks != nil {
		m.Text = text
		m.Blocks = blocks
	}
	m.Edited = nil
	if blocks == nil {
		m.Edited = &Edited{User: s.opt.BotUser, TS: s.nextTS()}
	}
	switch {
	case c.args["metadata"] == "{}":
		m.Metadata = nil
	case meta != nil:
		m.Metadata = meta
	}
	c.later = append(c.later, func() { s.announceChange(ch, m, before) })
	return obj{"channel": ch.ID, "ts": m.TS, "text": m.Text, "message": s.shown(m, true)}, nil
}

// announceChange sends message_changed; s.mu is held.
func (s *Server) announceChange(ch *channel, m *Message, before obj) {
	ts := s.nextTS()
	s.emit("message", ch.ID, obj{
		"type": "message", "subtype": "message_changed", "hidden": true, "channel": ch.ID, "ts": ts, "event_ts": ts,
		"message": s.shown(m, true), "previous_message": before,
	})
}

func deleteMessage(c *call) (obj, *failure) {
	s := c.s
	ch, no := c.place(false)
	if no != nil {
		return nil, no
	}
	m := ch.find(c.args["ts"])
	if m == nil || m.Subtype == "tombstone" {
		return nil, fail("message_not_found")
	}
	if m.BotID != s.opt.BotID {
		return nil, fail("cant_delete_message")
	}
	before := s.take(ch, m)
	c.later = append(c.later, func() { s.announceDeletion(ch, m.TS, before) })
	return obj{"channel": ch.ID, "ts": m.TS}, nil
}

// take removes a message; a root with replies stays as a tombstone (E14). It returns the message as it was.
func (s *Server) take(ch *channel, m *Message) obj {
	before := s.shown(m, true)
	if m.ReplyCount > 0 {
		*m = Message{
			Type: "message", Subtype: "tombstone", User: "USLACKBOT", Text: "This message was deleted.", TS: m.TS, ThreadTS: m.TS, Hidden: true,
			ReplyCount: m.ReplyCount, ReplyUsers: m.ReplyUsers, LatestReply: m.LatestReply,
		}
		return before
	}
	ch.remove(m.TS)
	if m.isReply() {
		ch.recount(m.ThreadTS)
	}
	return before
}

func (s *Server) announceDeletion(ch *channel, ts string, before obj) {
	at := s.nextTS()
	s.emit("message", ch.ID, obj{
		"type": "message", "subtype": "message_deleted", "hidden": true, "channel": ch.ID, "ts": at, "event_ts": at,
		"deleted_ts": ts, "previous_message": before,
	})
}

func postEphemeral(c *call) (obj, *failure) {
	s := c.s
	ch, no := c.place(true)
	if no != nil {
		return nil, no
	}
	if utf8.RuneCountInString(c.args["text"]) > textCut {
		return nil, fail("msg_too_long")
	}
	text, blocks, _, no := c.content()
	if no != nil {
		return nil, no
	}
	if !ch.members[c.args["user"]] {
		return nil, fail("user_not_in_channel")
	}
	if root := c.args["thread_ts"]; root != "" && ch.find(root) == nil {
		return nil, fail("cannot_reply_to_message")
	}
	e := Ephemeral{TS: s.nextTS(), Channel: ch.ID, User: c.args["user"], ThreadTS: c.args["thread_ts"], Text: text, Blocks: blocks}
	s.eph = append(s.eph, e)
	return obj{"message_ts": e.TS}, nil
}

func permalink(c *call) (obj, *failure) {
	ch, no := c.place(false)
	if no != nil {
		return nil, no
	}
	m := ch.find(c.args["message_ts"])
	if m == nil {
		return nil, fail("message_not_found")
	}
	link := "https://" + c.s.opt.Domain + ".slack.com/archives/" + ch.ID + "/p" + strings.Replace(m.TS, ".", "", 1)
	if m.isReply() {
		link += "?thread_ts=" + m.ThreadTS + "&cid=" + ch.ID
	}
	return obj{"channel": ch.ID, "permalink": link}, nil
}

// tokens are the forms of <…> that Slack reads [/messaging/formatting-message-text]; all other & < > are escaped.
var (
	tokens = regexp.MustCompile(`<(@[UWB][A-Z0-9]+(\|[^<>]*)?|#[CG][A-Z0-9]+(\|[^<>]*)?|![a-z]+[^<>]*|https?://[^<>]+|mailto:[^<>]+|tel:[^<>]+)>`)
	entity = regexp.MustCompile(`&(amp|lt|gt);`)
)

// storeText escapes what is not a token or an entity already, as Slack keeps text (E5).
func storeText(text string) string {
	var b strings.Builder
	for text != "" {
		loc := tokens.FindStringIndex(text)
		if loc == nil {
			b.WriteString(escape(text))
			break
		}
		b.WriteString(escape(text[:loc[0]]))
		b.WriteString(text[loc[0]:loc[1]])
		text = text[loc[1]:]
	}
	return b.String()
}

func escape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			if loc := entity.FindStringIndex(text[i:]); loc != nil && loc[0] == 0 {
				b.WriteByte('&')
			} else {
				b.WriteString("&amp;")
			}
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// written is text as a person types it: addresses become links.
var typedLinks = regexp.MustCompile(`https?://[^\s<>]+|[\w.+-]+@[\w-]+(\.[\w-]+)+`)

func written(text string) string {
	return typedLinks.ReplaceAllStringFunc(storeText(text), func(l string) string {
		if strings.HasPrefix(l, "http") {
			return "<" + l + ">"
		}
		return "<mailto:" + l + "|" + l + ">"
	})
}

// richText is the block Slack makes of what a person typed.
func (s *Server) richText(text string) json.RawMessage {
	raw, err := json.Marshal([]obj{{
		"type": "rich_text", "block_id": s.id("b"),
		"elements": []obj{{"type": "rich_text_section", "elements": []obj{{"type": "text", "text": text}}}},
	}})
	if err != nil {
		panic(err) // only values of ours go in
	}
	return raw
}

func (s *Server) hash() string {
	return formatTS(s.clock.Now().UnixMicro()) + "." + s.uuid()[:8]
}

// expired tells whether more than d of the clock passed since t.
func (s *Server) expired(t time.Time, d time.Duration) bool { return s.clock.Now().Sub(t) > d }
