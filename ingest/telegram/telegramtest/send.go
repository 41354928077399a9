package telegramtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// chat is a conversation.
type chat struct {
	id       int64
	kind     string // private, group, supergroup
	title    string
	forum    bool
	topics   map[int64]bool
	blocked  bool  // the person blocked the bot, or the group threw it out
	migrated int64 // the supergroup this group became
	last     int64 // newest message id
	messages []*Message
	sent     []time.Time // when the bot wrote, for floods
}

// Message is a message of a chat.
type Message struct {
	ID      int64
	Chat    int64
	Topic   int64
	From    int64 // the bot's id, or a person's
	ReplyTo int64
	Text    string // or the caption
	Method  string // of the bot's messages: what it was sent with
	Buttons [][]Button
	File    *File
	Edits   int
	At      time.Time
}

// Button is a button below a message.
type Button struct{ Text, Data, URL string }

// File is what a message carries.
type File struct {
	ID, Name, Type string
	Photo          bool
	Data           []byte
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }

// target finds the chat a message is for and judges whether it takes one now.
func (s *Server) target(c call) (*chat, error) {
	if c.args["chat_id"] == "" {
		return nil, bad("chat_id is empty")
	}
	ch := s.chats[c.number("chat_id")]
	if ch == nil {
		return nil, bad("chat not found")
	}
	if ch.migrated != 0 {
		a := bad("group chat was upgraded to a supergroup chat")
		a.Parameters = &params{Migrate: ch.migrated}
		return nil, a
	}
	if ch.blocked {
		why := "Forbidden: bot was blocked by the user"
		if ch.kind != "private" {
			why = "Forbidden: bot was kicked from the " + ch.kind + " chat"
		}
		return nil, &answer{Code: http.StatusForbidden, Description: why}
	}
	if topic := c.number("message_thread_id"); topic != 0 && !ch.topics[topic] {
		return nil, bad("message thread not found")
	}
	return ch, s.flooded(ch)
}

// flooded answers 429 while a chat gets too much.
func (s *Server) flooded(ch *chat) error {
	now := s.now()
	if end := s.paused[ch.id]; now.Before(end) {
		s.misuse = append(s.misuse, fmt.Sprintf("chat %d got a message %v before retry_after had passed", ch.id, end.Sub(now)))
		return tooMany(end.Sub(now))
	}
	if s.flood <= 0 {
		return nil
	}
	recent := ch.sent[:0]
	for _, at := range ch.sent {
		if now.Sub(at) < time.Second {
			recent = append(recent, at)
		}
	}
	ch.sent = recent
	if len(recent) >= s.flood {
		s.paused[ch.id] = now.Add(2 * time.Second)
		return tooMany(2 * time.Second)
	}
	return nil
}

func tooMany(wait time.Duration) *answer {
	n := int((wait + time.Second - 1) / time.Second)
	return &answer{Code: http.StatusTooManyRequests, Description: fmt.Sprintf("Too Many Requests: retry after %d", n), Parameters: &params{RetryAfter: n}}
}

// words judges a text as the API does. Blanks around it are not kept.
func words(text string, most int, empty, long string) (string, error) {
	if !utf8.ValidString(text) {
		return "", bad("strings must be encoded in UTF-8")
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "" && empty != "":
		return "", bad("%s", empty)
	case units(text) > most:
		return "", bad("%s", long)
	}
	return text, nil
}

// markup reads an inline keyboard [/bots/api#inlinekeyboardmarkup].
func markup(text string) (rows [][]Button, err error) {
	if text == "" {
		return nil, nil
	}
	var m struct {
		Keyboard [][]struct {
			Text string  `json:"text"`
			Data *string `json:"callback_data"`
			URL  string  `json:"url"`
		} `json:"inline_keyboard"`
	}
	if json.Unmarshal([]byte(text), &m) != nil {
		return nil, bad("object expected as reply markup")
	}
	for _, row := range m.Keyboard {
		var out []Button
		for _, b := range row {
			switch {
			case b.Text == "":
				return nil, bad("can't parse inline keyboard button: Field \"text\" must not be empty")
			case b.Data == nil && b.URL == "":
				return nil, bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
			case b.Data != nil && (len(*b.Data) < 1 || len(*b.Data) > MaxCallbackData):
				return nil, bad("BUTTON_DATA_INVALID")
			}
			one := Button{Text: b.Text, URL: b.URL}
			if b.Data != nil {
				one.Data = *b.Data
			}
			out = append(out, one)
		}
		rows = append(rows, out)
	}
	return rows, nil
}

func (s *Server) sendMessage(c call) (any, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, err
	}
	text, err := words(c.args["text"], MaxText, "message text is empty", "message is too long")
	if err != nil {
		return nil, err
	}
	return s.post(ch, c, &Message{Text: text, Method: "sendMessage"})
}

// post adds a message of the bot.
func (s *Server) post(ch *chat, c call, m *Message) (any, error) {
	var err error
	if m.Buttons, err = markup(c.args["reply_markup"]); err != nil {
		return nil, err
	}
	if text := c.args["reply_parameters"]; text != "" {
		var reply struct {
			ID      int64 `json:"message_id"`
			Without bool  `json:"allow_sending_without_reply"`
		}
		if json.Unmarshal([]byte(text), &reply) != nil {
			return nil, bad("can't parse reply parameters")
		}
		if ch.message(reply.ID) != nil {
			m.ReplyTo = reply.ID
		} else if !reply.Without {
			return nil, bad("message to be replied not found")
		}
	}
	m.Topic, m.From = c.number("message_thread_id"), s.BotID()
	s.add(ch, m)
	ch.sent = append(ch.sent, m.At)
	return s.shape(ch, m), nil
}

func (s *Server) add(ch *chat, m *Message) {
	ch.last++
	m.ID, m.Chat, m.At = ch.last, ch.id, s.now()
	ch.messages = append(ch.messages, m)
}

func (c *chat) message(id int64) *Message {
	for _, m := range c.messages {
		if m.ID == id {
			return m
		}
	}
	return nil
}

// shape is a message as the API writes it [/bots/api#message].
func (s *Server) shape(ch *chat, m *Message) map[string]any {
	out := map[string]any{"message_id": m.ID, "date": m.At.Unix(), "chat": ch.shape(s)}
	if m.From == s.BotID() {
		out["from"] = map[string]any{"id": m.From, "is_bot": true, "first_name": "Sportello", "username": "sportello_test_bot"}
	} else if u := s.users[m.From]; u != nil {
		out["from"] = u.shape()
	}
	if m.Topic != 0 {
		out["message_thread_id"], out["is_topic_message"] = m.Topic, true
	}
	if old := ch.message(m.ReplyTo); m.ReplyTo != 0 && old != nil {
		plain := *old
		plain.ReplyTo = 0 // the API shows one level
		out["reply_to_message"] = s.shape(ch, &plain)
	}
	if m.Edits > 0 {
		out["edit_date"] = m.At.Unix() + int64(m.Edits)
	}
	name := "text"
	if f := m.File; f != nil {
		name = "caption"
		if f.Photo {
			out["photo"] = []any{
				map[string]any{"file_id": f.ID + "-s", "file_unique_id": "u" + f.ID + "s", "width": 90, "height": 90, "file_size": 10},
				map[string]any{"file_id": f.ID, "file_unique_id": "u" + f.ID, "width": 1280, "height": 1280, "file_size": len(f.Data)},
			}
		} else {
			out["document"] = map[string]any{"file_id": f.ID, "file_unique_id": "u" + f.ID, "file_name": f.Name, "mime_type": f.Type, "file_size": len(f.Data)}
		}
	}
	if m.Text != "" {
		out[name] = m.Text
	}
	if len(m.Buttons) > 0 {
		var rows [][]any
		for _, row := range m.Buttons {
			var one []any
			for _, b := range row {
				button := map[string]any{"text": b.Text}
				if b.URL != "" {
					button["url"] = b.URL
				} else {
					button["callback_data"] = b.Data
				}
				one = append(one, button)
			}
			rows = append(rows, one)
		}
		out["reply_markup"] = map[string]any{"inline_keyboard": rows}
	}
	return out
}

func (c *chat) shape(s *Server) map[string]any {
	out := map[string]any{"id": c.id, "type": c.kind}
	if c.kind == "private" {
		u := s.users[c.id]
		out["first_name"] = u.First
		if u.Last != "" {
			out["last_name"] = u.Last
		}
	} else {
		out["title"] = c.title
	}
	if c.forum {
		out["is_forum"] = true
	}
	return out
}
