package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // what Telegram shows as photos
	_ "image/png"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// Config is what a bot's door needs. Zero values of the limits take the defaults.
type Config struct {
	Token     ticketing.Secret
	APIURL    string // default DefaultURL
	Queue     string // of everything that is written to the bot
	Words     *templates.Set
	Files     ticketing.Files // of agents' answers
	PublicURL string          // origin of the articles' pages; empty: articles have no links
	Groups    bool            // groups are served too
	Poll      time.Duration   // how long a question for updates waits
	FileMax   int64           // bytes of one file taken from Telegram
	UploadMax int64           // bytes of one file sent
	TextMax   int             // UTF-16 units of an answer, over all its messages
	Pace      time.Duration   // between two messages in a chat; negative: none
	Renew     time.Duration   // of the lease; default 20 s
	Retry     time.Duration   // first pause after a failure; default 1 s
	Log       *slog.Logger
}

// Defaults of the limits. Those of files are Telegram's own; a Bot API server of one's own takes more.
const (
	DefaultPoll      = 50 * time.Second
	DefaultFileMax   = 20 << 20
	DefaultUploadMax = 50 << 20
	DefaultTextMax   = 10 * textMax
	DefaultPace      = time.Second
)

// Telegram's limits of a message [/bots/api#sendmessage, #senddocument, #sendphoto, #inlinekeyboardbutton].
const (
	textMax    = 4096
	captionMax = 1024
	photoMax   = 10 << 20
	// photoSides and photoRatio bound what is shown as a photo; beyond them a picture goes as a file.
	photoSides = 10000
	photoRatio = 20
	// groupPace is between two messages in a group, which takes 20 a minute.
	groupPace = 3
	// allPace is between two messages to anybody: about 30 a second are free.
	allPace = 40 * time.Millisecond
	// paceMax is how long a courier waits for a chat's turn; beyond it the row goes back with its time.
	paceMax = 3 * time.Second
	// floodMax is how long an answer of several messages waits in the middle when Telegram asks for it.
	floodMax = time.Minute
)

// Door is a bot. It is safe for concurrent use.
type Door struct {
	name      string
	queue     string
	api       *API
	words     *templates.Set
	files     ticketing.Files
	public    string
	groups    bool
	poll      time.Duration
	fileMax   int64
	uploadMax int64
	answerMax int
	every     time.Duration
	renew     time.Duration
	retry     time.Duration
	log       *slog.Logger
	fetches   *fetches
	status    status

	mu   sync.Mutex
	next map[int64]time.Time // by chat: when the next message may leave; 0 is everybody
}

var (
	_ ingest.Door    = (*Door)(nil)
	_ ingest.Speaker = (*Door)(nil)
)

// New makes the door of a bot. It makes no call.
func New(c Config) (*Door, error) {
	api, err := NewAPI(c.APIURL, c.Token)
	if err != nil {
		return nil, err
	}
	if c.Words == nil || c.Files == nil {
		return nil, errors.New("telegram: words and files are needed")
	}
	d := &Door{name: "telegram:" + strconv.FormatInt(api.BotID(), 10), queue: c.Queue, api: api, words: c.Words, files: c.Files, public: strings.TrimRight(c.PublicURL, "/"),
		groups: c.Groups, poll: or(c.Poll, DefaultPoll), fileMax: or(c.FileMax, DefaultFileMax), uploadMax: or(c.UploadMax, DefaultUploadMax), answerMax: or(c.TextMax, DefaultTextMax),
		every: c.Pace, renew: or(c.Renew, 20*time.Second), retry: or(c.Retry, minPause), log: c.Log, fetches: newFetches(), next: map[int64]time.Time{}}
	if d.every == 0 {
		d.every = DefaultPace
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	return d, nil
}

func or[T int | int64 | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Name implements ingest.Door: "telegram:" and the bot's id.
func (d *Door) Name() string { return d.name }

// API returns the door's client, for checks.
func (d *Door) API() *API { return d.api }

// Close ends downloads and idle connections.
func (d *Door) Close() error {
	d.fetches.close()
	d.api.Close()
	return nil
}

// frozen is a rendered row: the calls it makes, in their order. The bytes of files stay in the files store, under their hash.
type frozen struct {
	Chat  int64  `json:"chat"`
	Topic int64  `json:"topic,omitempty"`
	Reply int64  `json:"reply,omitempty"`
	Calls []step `json:"calls"`
}

// step is one call.
type step struct {
	Do      string             `json:"do"` // text, photo, file, edit
	Text    string             `json:"text,omitempty"`
	Buttons []button           `json:"buttons,omitempty"`
	File    *ticketing.FileRef `json:"file,omitempty"`
	Message int64              `json:"message,omitempty"`
}

const (
	doText  = "text"
	doPhoto = "photo"
	doFile  = "file"
	doEdit  = "edit"
)

// split takes a place or a ref of this bot apart.
func (d *Door) split(name string) (chat int64, rest []string, ok bool) {
	tail, ok := strings.CutPrefix(name, d.name+"/")
	if !ok {
		return 0, nil, false
	}
	parts := strings.Split(tail, "/")
	chat, err := strconv.ParseInt(parts[0], 10, 64)
	return chat, parts[1:], err == nil && chat != 0
}

func refuse(code, why string) error {
	return &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: code, Answer: why}
}

// Render implements ingest.Speaker. A message's name is known only once it is sent.
func (d *Door) Render(ctx context.Context, o ticketing.Outgoing) ([]byte, ticketing.Ref, error) {
	x := frozen{}
	var rest []string
	var ok bool
	if x.Chat, rest, ok = d.split(o.Facts.Place); !ok {
		return nil, "", refuse("bad_place", "the row names no chat of this bot")
	}
	for _, p := range rest {
		switch {
		case strings.HasPrefix(p, "t"):
			x.Topic, _ = strconv.ParseInt(p[1:], 10, 64)
		case strings.HasPrefix(p, "u"):
			// In a group it must be seen who is meant.
			if chat, msg, ok := d.split(string(o.Facts.InReplyTo)); ok && chat == x.Chat && len(msg) > 0 {
				x.Reply, _ = strconv.ParseInt(msg[0], 10, 64)
			}
		}
	}
	text, buttons, err := d.say(o)
	if err != nil {
		return nil, "", err
	}
	if o.Kind == ticketing.CardOffer {
		if o.Facts.Args["gone"] != "" {
			return nil, "", refuse("no_offer", "the offer was never sent")
		}
		chat, msg, ok := d.split(string(o.Facts.Target))
		if !ok || len(msg) == 0 {
			return nil, "", &ticketing.SendError{Verdict: ticketing.SendTemporary, After: 5 * time.Second, Code: "no_offer", Answer: "the offer is not sent yet"}
		}
		x.Chat = chat
		id, _ := strconv.ParseInt(msg[0], 10, 64)
		x.Calls = []step{{Do: doEdit, Message: id, Text: cutUnits(text, textMax)}}
	} else if x.Calls, err = d.calls(ctx, text, buttons, o.Facts.Files); err != nil {
		return nil, "", err
	}
	raw, err := json.Marshal(x)
	return raw, "", err
}

// calls decides what a text and its files are sent with: one call where they fit into one, else the text first and then each file.
func (d *Door) calls(ctx context.Context, text string, buttons []button, files []ticketing.FileRef) (out []step, err error) {
	if n := units(text); n > d.answerMax {
		return nil, refuse(codeTooLarge, fmt.Sprintf("the answer has %d characters, telegram.text_max allows %d", n, d.answerMax))
	}
	caption := ""
	if len(files) == 1 && len(buttons) == 0 && units(text) <= captionMax {
		caption = text
	} else {
		for _, part := range pieces(text, textMax) {
			out = append(out, step{Do: doText, Text: part})
		}
		if n := len(out); n > 0 {
			out[n-1].Buttons = buttons
		}
	}
	for i, f := range files {
		if f.Size > d.uploadMax {
			return nil, refuse(codeTooLarge, fmt.Sprintf("a file of this answer has %d bytes, telegram.upload_max allows %d: send a link instead", f.Size, d.uploadMax))
		}
		f.Name = ticketing.CleanFileName(f.Name, i+1)
		s := step{Do: doFile, File: &f, Text: caption}
		photo, err := d.isPhoto(ctx, f)
		if err != nil {
			return nil, err
		}
		if photo {
			s.Do = doPhoto
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, refuse("empty", "there is nothing to say")
	}
	return out, nil
}

// isPhoto looks whether Telegram would show a file as a photo.
func (d *Door) isPhoto(ctx context.Context, f ticketing.FileRef) (bool, error) {
	if f.Size > photoMax || f.Type != "image/jpeg" && f.Type != "image/png" {
		return false, nil
	}
	r, err := d.files.Open(ctx, f.SHA)
	if err != nil {
		return false, fmt.Errorf("file %s of an answer: %w", f.SHA, err)
	}
	defer func() { _ = r.Close() }()
	info, _, err := image.DecodeConfig(r)
	w, h := info.Width, info.Height
	return err == nil && w > 0 && h > 0 && w+h <= photoSides && w <= photoRatio*h && h <= photoRatio*w, nil
}

// load reads the bytes of a file and proves that they are those that were noted.
func (d *Door) load(ctx context.Context, f ticketing.FileRef) ([]byte, error) {
	r, err := d.files.Open(ctx, f.SHA)
	if err != nil {
		return nil, fmt.Errorf("file %s of an answer: %w", f.SHA, err)
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, f.Size+1))
	if err == nil && int64(len(data)) != f.Size {
		err = fmt.Errorf("file %s has %d bytes, %d were noted", f.SHA, len(data), f.Size)
	}
	return data, err
}

// Send implements ingest.Speaker. A message leaves when its chat's turn has come and began has returned.
func (d *Door) Send(ctx context.Context, o ticketing.Outgoing, raw []byte, began func() error) (ticketing.Ref, string, error) {
	var x frozen
	if err := json.Unmarshal(raw, &x); err != nil || len(x.Calls) == 0 {
		return "", "", refuse("bad_bytes", "the stored message cannot be read")
	}
	if err := d.api.ready(x.Chat); err != nil {
		return "", "", err
	}
	// Everything that can fail on our side fails before anything leaves.
	data := make([][]byte, len(x.Calls))
	for i, s := range x.Calls {
		if s.File != nil {
			var err error
			if data[i], err = d.load(ctx, *s.File); err != nil {
				return "", "", err
			}
		}
	}
	if err := d.turn(ctx, x.Chat, paceMax); err != nil {
		return "", "", err
	}
	if err := began(); err != nil {
		return "", "", err
	}
	var ref ticketing.Ref
	for i, s := range x.Calls {
		id, err := d.part(ctx, &x, i, s, data[i])
		if err != nil {
			return "", "", partly(i, err)
		}
		if ref == "" {
			ref = d.ref(x.Chat, id)
		}
	}
	if x.Calls[0].Do == doEdit {
		ref = ""
	}
	return ref, "ok", nil
}

// partly says what the failure of the n-th part of an answer means: of the parts before it everybody knows that they arrived, so the row
// is neither refused nor may it simply go again.
func partly(n int, err error) error {
	var e *ticketing.SendError
	if n == 0 || !errors.As(err, &e) {
		return err
	}
	return &ticketing.SendError{Verdict: ticketing.SendUnknown, Code: "partly_sent", Answer: fmt.Sprintf("%d parts arrived, then: %s", n, e.Error()), Err: err}
}

// part makes one call. In the middle of an answer it waits for its turn, also when Telegram asks for more patience: it has refused that
// part with an answer, so nothing can come twice. The same holds for a group that has a new id.
func (d *Door) part(ctx context.Context, x *frozen, n int, s step, data []byte) (int64, error) {
	moved := false
	for {
		if n > 0 {
			if err := d.turn(ctx, x.Chat, floodMax); err != nil {
				return 0, err
			}
		}
		id, err := d.make(ctx, place{x.Chat, x.Topic, x.Reply}, s, data)
		var e *ticketing.SendError
		var m *migrated
		switch {
		case errors.As(err, &m) && !moved:
			d.log.Warn("a group has become a supergroup", "door", d.name, "from", x.Chat, "to", m.to)
			x.Chat, x.Reply, moved = m.to, 0, true
			continue
		case n > 0 && errors.As(err, &e) && e.Code == codeFlood && e.After <= floodMax:
			if sleep(ctx, e.After) == nil {
				continue
			}
		}
		return id, err
	}
}

func (d *Door) make(ctx context.Context, p place, s step, data []byte) (int64, error) {
	switch s.Do {
	case doText:
		return d.api.SendText(ctx, p, s.Text, s.Buttons)
	case doPhoto, doFile:
		return d.api.SendFile(ctx, p, s.Do == doPhoto, s.File.Name, bytes.NewReader(data), s.Text)
	case doEdit:
		err := d.api.EditText(ctx, p, s.Message, s.Text)
		if codeOf(err) == codeGone {
			// Deleted by its reader, or too old to be changed; the request goes on without it.
			return 0, nil
		}
		return 0, err
	}
	return 0, refuse("bad_bytes", "unknown call "+s.Do)
}

// turn waits until a chat may get its next message, and everybody theirs [/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this].
func (d *Door) turn(ctx context.Context, chat int64, most time.Duration) error {
	if d.every < 0 {
		return nil
	}
	d.mu.Lock()
	now := time.Now()
	at := now
	for _, id := range []int64{chat, 0} {
		if d.next[id].After(at) {
			at = d.next[id]
		}
	}
	wait := at.Sub(now)
	if wait > most {
		d.mu.Unlock()
		return &ticketing.SendError{Verdict: ticketing.SendTemporary, After: wait, Free: true, Code: "paced"}
	}
	if len(d.next) > 10000 {
		for id, t := range d.next {
			if t.Before(now) {
				delete(d.next, id)
			}
		}
	}
	every := d.every
	if chat < 0 {
		every *= groupPace
	}
	d.next[chat], d.next[0] = at.Add(every), at.Add(min(allPace, d.every))
	d.mu.Unlock()
	if wait > 0 && sleep(ctx, wait) != nil {
		return &ticketing.SendError{Verdict: ticketing.SendTemporary, Free: true, Code: "stopped", Err: ctx.Err()}
	}
	return nil
}

// Probe implements ingest.Speaker. A bot cannot read what it has written, so nothing is ever known.
func (d *Door) Probe(context.Context, ticketing.Outgoing) (ticketing.Found, ticketing.Ref, error) {
	return ticketing.ProbeImpossible, "", nil
}
