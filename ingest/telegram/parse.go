package telegram

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// update is a stored update. It and what is in it are read with small structures of our own, field by field: what Telegram adds or
// changes must not hide a message [/bots/api#update].
type update struct {
	ID      int64           `json:"update_id"`
	Message json.RawMessage `json:"message"`
	Edited  json.RawMessage `json:"edited_message"`
	Query   json.RawMessage `json:"callback_query"`
}

type user struct {
	ID       int64  `json:"id"`
	Bot      bool   `json:"is_bot"`
	First    string `json:"first_name"`
	Last     string `json:"last_name"`
	Language string `json:"language_code"`
}

type chat struct {
	ID   int64  `json:"id"`
	Type string `json:"type"`
}

// message is what we act on of a message [/bots/api#message].
type message struct {
	ID       int64
	Topic    int64
	InTopic  bool
	From     *user
	Chat     chat
	Date     int64
	EditDate int64
	Text     string
	Entities []entity
	Caption  string
	Captions []entity
	Reply    struct {
		ID   int64 `json:"message_id"`
		From *user `json:"from"`
	}
	Photo     []sentFile
	Document  *sentFile
	Video     *sentFile
	Animation *sentFile
	Audio     *sentFile
	Voice     *sentFile
	Note      *sentFile
	Sticker   *struct {
		Emoji string `json:"emoji"`
	}
	Location *struct {
		Lat float64 `json:"latitude"`
		Lon float64 `json:"longitude"`
	}
	Venue *struct {
		Title   string `json:"title"`
		Address string `json:"address"`
	}
	Contact *struct {
		Phone string `json:"phone_number"`
		First string `json:"first_name"`
		Last  string `json:"last_name"`
	}
	Poll *struct {
		Question string `json:"question"`
	}
	Dice *struct {
		Emoji string `json:"emoji"`
		Value int    `json:"value"`
	}
}

// sentFile is a file of any kind; which fields there are depends on the kind.
type sentFile struct {
	ID     string `json:"file_id"`
	Name   string `json:"file_name"`
	Type   string `json:"mime_type"`
	Size   int64  `json:"file_size"`
	Width  int64  `json:"width"`
	Height int64  `json:"height"`
}

// readMessage reads a message; fields of another shape stay empty. nil: it is no object, or names no chat or message.
func readMessage(raw json.RawMessage) *message {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	m := &message{}
	for name, into := range map[string]any{
		"message_id": &m.ID, "message_thread_id": &m.Topic, "is_topic_message": &m.InTopic, "from": &m.From, "chat": &m.Chat, "date": &m.Date, "edit_date": &m.EditDate,
		"text": &m.Text, "entities": &m.Entities, "caption": &m.Caption, "caption_entities": &m.Captions, "reply_to_message": &m.Reply,
		"photo": &m.Photo, "document": &m.Document, "video": &m.Video, "animation": &m.Animation, "audio": &m.Audio, "voice": &m.Voice, "video_note": &m.Note,
		"sticker": &m.Sticker, "location": &m.Location, "venue": &m.Venue, "contact": &m.Contact, "poll": &m.Poll, "dice": &m.Dice,
	} {
		if len(fields[name]) > 0 {
			_ = json.Unmarshal(fields[name], into)
		}
	}
	if !m.InTopic {
		// In a group without topics this is the beginning of a chain of answers.
		m.Topic = 0
	}
	if m.ID <= 0 || m.Chat.ID == 0 {
		return nil
	}
	return m
}

// parseTime bounds a reading with its downloads: the ledger gives a reading five seconds. A download goes on behind it (files.go).
const parseTime = 4 * time.Second

// Parse implements ingest.Door. It fetches files; while Telegram does not give one it returns a temporary error. What it does not
// understand is an act of no consequence, or refused when it is not even an update.
func (d *Door) Parse(ctx context.Context, _ ticketing.Inbound, raw []byte) (ticketing.Heard, error) {
	ctx, cancel := context.WithTimeout(ctx, parseTime)
	defer cancel()
	h := ticketing.Heard{Door: d.Name(), Group: d.Name(), Queue: d.queue, Kind: ticketing.KindNormal, Auth: ticketing.AuthPass, Identity: true}
	h.Auto.Allowed = true
	var u update
	if json.Unmarshal(raw, &u) != nil || u.ID == 0 {
		h.Refused, h.Detail = ticketing.CauseMalformed, "no update of Telegram"
		return h, nil
	}
	var err error
	switch {
	case len(u.Message) > 0:
		err = d.said(ctx, &h, readMessage(u.Message), false)
	case len(u.Edited) > 0:
		err = d.said(ctx, &h, readMessage(u.Edited), true)
	case len(u.Query) > 0:
		d.press(&h, u.Query)
	default:
		other(&h)
	}
	if err != nil {
		return ticketing.Heard{}, &ticketing.Error{Code: "telegram.ask", Err: err}
	}
	return h, nil
}

// other marks what is kept and never acted on.
func other(h *ticketing.Heard) {
	h.Act, h.Auto = &ticketing.Act{Verb: ticketing.VerbOther}, ticketing.AutoAnswer{Reason: "chat"}
}

func (d *Door) said(ctx context.Context, h *ticketing.Heard, m *message, edit bool) error {
	if m == nil || !d.serves(m.Chat) || m.From == nil || m.From.ID <= 0 || m.From.Bot {
		other(h)
		return nil
	}
	text, fresh, ours := command(m.words())
	files := m.files()
	if ours || strings.TrimSpace(text) == "" && len(files) == 0 {
		other(h)
		return nil
	}
	h.Ref, h.Place = d.ref(m.Chat.ID, m.ID), d.place(m)
	h.At, h.From = timeOf(m.Date), party(m.From)
	h.Text, h.Visible, h.Subject = text, text, subject(text, files)
	h.Language, h.HeaderLanguage = ticketing.DetectLanguage(text), m.From.Language
	if edit {
		h.EditOf, h.At = h.Ref, timeOf(m.EditDate)
		version := digest(text)[:12]
		h.Ref += ticketing.Ref("/e" + strconv.FormatInt(m.EditDate, 10) + "-" + version)
		h.LogicalKey = key("edit", d.Name(), strconv.FormatInt(m.Chat.ID, 10), strconv.FormatInt(m.ID, 10), strconv.FormatInt(m.EditDate, 10), version)
		h.Refs, h.Auto = []ticketing.Ref{h.EditOf}, ticketing.AutoAnswer{Reason: "edit"}
		return nil // its files are those of the first version
	}
	h.LogicalKey = key("message", d.Name(), strconv.FormatInt(m.Chat.ID, 10), strconv.FormatInt(m.ID, 10))
	if m.Reply.ID > 0 && m.Reply.ID != m.Topic {
		// In a topic every message answers the one that made the topic.
		ref := d.ref(m.Chat.ID, m.Reply.ID)
		h.Refs = []ticketing.Ref{ref}
		h.Claims = append(h.Claims, ticketing.Claim{Rule: ticketing.ClaimKnownID, Ref: ref, Valid: true})
	}
	if !fresh {
		h.Claims = append(h.Claims, ticketing.Claim{Rule: ticketing.ClaimPlace, Key: h.Place, Valid: true})
	}
	return d.fetchAll(ctx, h, files)
}

// serves tells whether the bot serves customers in a chat.
func (d *Door) serves(c chat) bool {
	return c.Type == "private" || d.groups && (c.Type == "group" || c.Type == "supergroup")
}

// place is the conversation of a message: the chat and its topic. In a group each person has a conversation of their own, or an answer to
// one would seem to be one to all.
func (d *Door) place(m *message) string {
	p := d.Name() + "/" + strconv.FormatInt(m.Chat.ID, 10)
	if m.Topic != 0 {
		p += "/t" + strconv.FormatInt(m.Topic, 10)
	}
	if m.Chat.Type != "private" {
		p += "/u" + strconv.FormatInt(m.From.ID, 10)
	}
	return p
}

func (d *Door) ref(chat, id int64) ticketing.Ref {
	return ticketing.Ref(d.Name() + "/" + strconv.FormatInt(chat, 10) + "/" + strconv.FormatInt(id, 10))
}

func party(u *user) ticketing.Party {
	return ticketing.Party{Key: "telegram:" + strconv.FormatInt(u.ID, 10), Name: ticketing.CleanName(strings.TrimSpace(u.First + " " + u.Last))}
}

// press reads a pressed button [/bots/api#callbackquery].
func (d *Door) press(h *ticketing.Heard, raw json.RawMessage) {
	var q struct {
		ID   string `json:"id"`
		From user   `json:"from"`
		Data string `json:"data"`
	}
	token, ours := "", false
	if json.Unmarshal(raw, &q) == nil && q.ID != "" && q.From.ID > 0 && !q.From.Bot {
		token, ours = strings.CutPrefix(q.Data, offerData)
	}
	if !ours || token == "" {
		other(h)
		return
	}
	h.Press, h.From = token, party(&q.From)
	h.Auto = ticketing.AutoAnswer{Reason: "press"}
	h.LogicalKey = key("press", d.Name(), q.ID)
}

// commands are the words with a slash that mean something to us. Everything else that begins with a slash is text.
var commands = func() map[string]bool {
	return map[string]bool{"start": false, "help": false, "aiuto": false, "stop": false, "settings": false, "new": true, "nuovo": true, "nuova": true}
}

// command takes a command off a text: fresh begins a new request with the words behind it, ours is one that says nothing to an agent.
func command(text string) (rest string, fresh, ours bool) {
	word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	if line, more, ok := strings.Cut(word, "\n"); ok {
		word, rest = line, more+" "+rest
	}
	name, ok := strings.CutPrefix(word, "/")
	if !ok {
		return text, false, false
	}
	name, _, _ = strings.Cut(strings.ToLower(name), "@")
	fresh, known := commands()[name]
	switch rest = strings.TrimSpace(rest); {
	case !known:
		return text, false, false
	case fresh:
		return rest, true, false
	}
	return "", false, true
}

// subjectMax is how many characters of a question stand as its subject.
const subjectMax = 80

// subject is the first line of a question, or the name of its file.
func subject(text string, files []sentFile) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line = strings.Join(strings.Fields(line), " "); line == "" && len(files) > 0 {
		line = ticketing.CleanFileName(files[0].Name, 1)
	}
	if r := []rune(line); len(r) > subjectMax {
		line = strings.TrimSpace(string(r[:subjectMax-1])) + "…"
	}
	return line
}

// files are what a message carries. Of a photo it is the largest of its sizes.
func (m *message) files() (out []sentFile) {
	var best sentFile
	for _, p := range m.Photo {
		if p.ID != "" && p.Width*p.Height >= best.Width*best.Height {
			best = p
		}
	}
	add := func(f *sentFile, name, media string) {
		if f == nil || f.ID == "" {
			return
		}
		one := *f
		if one.Name == "" {
			one.Name = name
		}
		if one.Type == "" {
			one.Type = media
		}
		out = append(out, one)
	}
	add(&best, fmt.Sprintf("photo-%d.jpg", m.ID), "image/jpeg")
	if m.Animation == nil {
		// An animation also comes as a document, for old clients.
		add(m.Document, "", "application/octet-stream")
	}
	add(m.Animation, fmt.Sprintf("animation-%d.mp4", m.ID), "video/mp4")
	add(m.Video, fmt.Sprintf("video-%d.mp4", m.ID), "video/mp4")
	add(m.Note, fmt.Sprintf("video-%d.mp4", m.ID), "video/mp4")
	add(m.Audio, fmt.Sprintf("audio-%d.mp3", m.ID), "audio/mpeg")
	add(m.Voice, fmt.Sprintf("voice-%d.ogg", m.ID), "audio/ogg")
	return out
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// key is the logical key of an act: the same act delivered twice, by whatever way, has the same one.
func key(parts ...string) string { return digest("telegram\x00" + strings.Join(parts, "\x00")) }

func timeOf(sec int64) time.Time {
	if sec <= 0 || sec > 1<<40 {
		return time.Time{}
	}
	return time.Unix(sec, 0).UTC()
}
