package telegramtest

import (
	"fmt"
	"slices"
)

// User is a person.
type User struct {
	ID          int64
	First, Last string
	Language    string // language_code, may be empty
	Bot         bool
}

func (u *User) shape() map[string]any {
	out := map[string]any{"id": u.ID, "is_bot": u.Bot, "first_name": u.First}
	if u.Last != "" {
		out["last_name"] = u.Last
	}
	if u.Language != "" {
		out["language_code"] = u.Language
	}
	return out
}

// Person makes a person who has opened a private chat with the bot; its id is the person's.
func (s *Server) Person(u User) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[u.ID] = &u
	s.chats[u.ID] = &chat{id: u.ID, kind: "private", topics: map[int64]bool{}}
	return u.ID
}

// Group makes a supergroup with the bot in it, with topics if it is a forum.
func (s *Server) Group(id int64, title string, forum bool) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chats[id] = &chat{id: id, kind: "supergroup", title: title, forum: forum, topics: map[int64]bool{}}
	return id
}

// Topic makes a topic of a chat and returns its message_thread_id.
func (s *Server) Topic(chatID int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.chats[chatID]
	ch.last++
	ch.topics[ch.last] = true
	return ch.last
}

// Migrate turns a group into a supergroup with another id.
func (s *Server) Migrate(from, to int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.chats[from]
	s.chats[to] = &chat{id: to, kind: "supergroup", title: old.title, topics: map[int64]bool{}}
	old.migrated = to
}

// Say is something a person writes.
type Say struct {
	From    int64
	Chat    int64 // 0: the private chat
	Topic   int64
	ReplyTo int64
	Text    string
	File    *File
	Size    int64          // what the file is said to be long, if more than it is
	Extra   map[string]any // further fields of the message, such as entities or location
}

// Say lets a person write and returns the message's id.
func (s *Server) Say(say Say) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if say.Chat == 0 {
		say.Chat = say.From
	}
	ch := s.chats[say.Chat]
	m := &Message{From: say.From, Topic: say.Topic, ReplyTo: say.ReplyTo, Text: say.Text}
	if f := say.File; f != nil {
		copied := *f
		m.File = &copied
		kind := "document"
		if f.Photo {
			kind = "photo"
		}
		m.File.ID = s.store(kind, f.Name, f.Data, say.Size).id
	}
	s.add(ch, m)
	shaped := s.shape(ch, m)
	if say.Size > 0 && !m.File.Photo {
		doc := clone(shaped["document"].(map[string]any))
		doc["file_size"] = say.Size
		shaped["document"] = doc
	}
	for name, v := range say.Extra {
		shaped[name] = v
	}
	s.push("message", shaped)
	return m.ID
}

// Edit lets a person change a message of theirs.
func (s *Server) Edit(chatID, message int64, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.chats[chatID]
	m := ch.message(message)
	m.Text = text
	m.Edits++
	s.push("edited_message", s.shape(ch, m))
}

// Press lets a person press a button and returns the id of the query.
func (s *Server) Press(who, chatID, message int64, data string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.chats[chatID]
	s.serial++
	id := fmt.Sprintf("48%016d", s.serial)
	s.queries[id] = &query{at: s.now()}
	s.push("callback_query", map[string]any{"id": id, "from": s.users[who].shape(), "chat_instance": "1", "data": data, "message": s.shape(ch, ch.message(message))})
	return id
}

// Answered tells whether a press was answered.
func (s *Server) Answered(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queries[id] != nil && s.queries[id].answered
}

// Block lets a person block the bot, or throws it out of a group; with false they take it back.
func (s *Server) Block(chatID int64, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.chats[chatID]
	ch.blocked = on
	status := map[bool]string{true: "kicked", false: "member"}
	if u := s.users[chatID]; u != nil {
		bot := map[string]any{"id": s.BotID(), "is_bot": true, "first_name": "Sportello"}
		s.push("my_chat_member", map[string]any{"chat": ch.shape(s), "from": u.shape(), "date": s.now().Unix(),
			"old_chat_member": map[string]any{"user": bot, "status": status[!on]}, "new_chat_member": map[string]any{"user": bot, "status": status[on]}})
	}
}

// Push queues an update that Telegram could send; what is its content.
func (s *Server) Push(kind string, what any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.push(kind, what)
}

// Forget makes a file that was sent unavailable.
func (s *Server) Forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[id].gone = true
}

// Messages are the messages of a chat as they look now, oldest first.
func (s *Server) Messages(chatID int64) (out []Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.chats[chatID].messages {
		out = append(out, *m)
	}
	return out
}

// Sent are the bot's messages in a chat, oldest first.
func (s *Server) Sent(chatID int64) []Message {
	return slices.DeleteFunc(s.Messages(chatID), func(m Message) bool { return m.From != s.BotID() })
}
