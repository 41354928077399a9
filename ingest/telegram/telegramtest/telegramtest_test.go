package telegramtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
	"go.uber.org/goleak"

	"github.com/sportello/sportello/ingest/telegram/telegramtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const marta = 501

// double is a server with a client that is not ours: a library which many bots use.
type double struct {
	*telegramtest.Server
	t   *testing.T
	ctx context.Context
	bot *tg.Bot

	mu  sync.Mutex
	now time.Time
}

func (d *double) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *double) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func newDouble(t *testing.T, o telegramtest.Options) *double {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	d := &double{t: t, ctx: ctx, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	o.Now = d.clock
	d.Server = telegramtest.New(o)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() { cancel(); d.Close(); client.CloseIdleConnections() })
	d.Person(telegramtest.User{ID: marta, First: "Marta", Language: "it"})
	var err error
	if d.bot, err = tg.New(telegramtest.Token, tg.WithServerURL(d.URL), tg.WithHTTPClient(time.Minute, client), tg.WithErrorsHandler(func(error) {})); err != nil {
		t.Fatal(err)
	}
	return d
}

// post makes a call by hand and returns the envelope.
func (d *double) post(token, method string, args map[string]any) (e struct {
	Status      int
	OK          bool
	Result      json.RawMessage
	Code        int `json:"error_code"`
	Description string
	Parameters  struct {
		RetryAfter int   `json:"retry_after"`
		Migrate    int64 `json:"migrate_to_chat_id"`
	}
}) {
	d.t.Helper()
	body, _ := json.Marshal(args)
	req, err := http.NewRequestWithContext(d.ctx, http.MethodPost, d.URL+"/bot"+token+"/"+method, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&e); err != nil {
		d.t.Fatal(err)
	}
	e.Status = res.StatusCode
	return e
}

func (d *double) updates(args map[string]any) (ids []int64) {
	d.t.Helper()
	e := d.post(telegramtest.Token, "getUpdates", args)
	if !e.OK {
		d.t.Fatalf("%d %s", e.Code, e.Description)
	}
	var list []struct {
		ID int64 `json:"update_id"`
	}
	if err := json.Unmarshal(e.Result, &list); err != nil {
		d.t.Fatal(err)
	}
	for _, u := range list {
		ids = append(ids, u.ID)
	}
	return ids
}

func (d *double) say(text string) int64 { return d.Say(telegramtest.Say{From: marta, Text: text}) }

func TestTokens(t *testing.T) {
	d := newDouble(t, telegramtest.Options{})
	for token, want := range map[string]int{telegramtest.Token: 200, "700700:wrong": 401, "nothing": 404} {
		if e := d.post(token, "getMe", nil); e.Status != want || !e.OK && e.Code != want {
			t.Errorf("%s: %d %s", token, e.Status, e.Description)
		}
	}
	if e := d.post(telegramtest.Token, "noSuchMethod", nil); e.Code != 404 {
		t.Errorf("an unknown method: %d", e.Code)
	}
	if e := d.post(telegramtest.Token, "GETME", nil); !e.OK {
		t.Error("the names of methods have no case")
	}
}

// TestOffset: an update is kept until it is confirmed, and one day.
func TestOffset(t *testing.T) {
	d := newDouble(t, telegramtest.Options{FirstUpdate: 10})
	for range 5 {
		d.say("x")
	}
	check := func(what, want string, args map[string]any) {
		t.Helper()
		if got := fmt.Sprint(d.updates(args)); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	check("all", "[10 11 12 13 14]", nil)
	check("again", "[10 11 12 13 14]", nil)
	check("a page", "[10 11]", map[string]any{"limit": 2})
	check("confirmed", "[12 13 14]", map[string]any{"offset": 12})
	check("for good", "[12 13 14]", map[string]any{"offset": 1})
	check("from the end", "[14]", map[string]any{"offset": -1})
	check("the others are forgotten", "[14]", nil)
	d.pass(25 * time.Hour)
	check("after a day", "[]", nil)
	d.Renumber(3)
	d.say("y")
	check("counted anew", "[3]", nil)
	check("an old offset confirms it", "[]", map[string]any{"offset": 15})
}

// TestAllowed: what is wanted is judged when an update is made, and kept from call to call.
func TestAllowed(t *testing.T) {
	d := newDouble(t, telegramtest.Options{FirstUpdate: 1})
	id := d.say("a")
	d.updates(map[string]any{"allowed_updates": []string{"edited_message"}})
	d.say("b")
	d.Edit(marta, id, "c")
	if got := fmt.Sprint(d.updates(nil)); got != "[1 2]" {
		t.Errorf("updates %s: the first was made before, the second message is not wanted", got)
	}
	d.updates(map[string]any{"allowed_updates": []string{}, "offset": 3})
	d.Block(marta, true)
	d.Push("message_reaction", map[string]any{})
	if got := fmt.Sprint(d.updates(nil)); got != "[3]" {
		t.Errorf("by default %s: a block is told, a reaction is not", got)
	}
}

// TestConflict: a second poller ends the first, and nobody polls beside a webhook.
func TestConflict(t *testing.T) {
	d := newDouble(t, telegramtest.Options{})
	first := make(chan int)
	go func() { first <- d.post(telegramtest.Token, "getUpdates", map[string]any{"timeout": 50}).Code }()
	if err := d.Polled(d.ctx, 1); err != nil {
		t.Fatal(err)
	}
	d.updates(nil)
	if code := <-first; code != 409 {
		t.Errorf("the first poller got %d", code)
	}
	d.Webhook("https://x.example")
	if e := d.post(telegramtest.Token, "getUpdates", nil); e.Code != 409 || !strings.Contains(e.Description, "webhook is active") {
		t.Errorf("beside a webhook: %d %s", e.Code, e.Description)
	}
	if info, err := d.bot.GetWebhookInfo(d.ctx); err != nil || info.URL != "https://x.example" {
		t.Errorf("%+v %v", info, err)
	}
}

// TestWaiting: a poll ends as soon as something is said.
func TestWaiting(t *testing.T) {
	d := newDouble(t, telegramtest.Options{FirstUpdate: 1})
	got := make(chan string)
	go func() { got <- fmt.Sprint(d.updates(map[string]any{"timeout": 50})) }()
	if err := d.Polled(d.ctx, 1); err != nil {
		t.Fatal(err)
	}
	d.say("x")
	if ids := <-got; ids != "[1]" {
		t.Errorf("updates %s", ids)
	}
}

// TestSendRefusals: what Telegram refuses, with its words, seen by the library.
func TestSendRefusals(t *testing.T) {
	d := newDouble(t, telegramtest.Options{})
	topic := d.Topic(marta)
	d.Person(telegramtest.User{ID: 502, First: "Luigi"})
	d.Block(502, true)
	d.Group(-5, "old", false)
	d.Migrate(-5, -1005)
	keys := func(data string) models.ReplyMarkup {
		return &models.InlineKeyboardMarkup{InlineKeyboard: [][]models.InlineKeyboardButton{{{Text: "a", CallbackData: data}}}}
	}
	full := strings.Repeat("😀", telegramtest.MaxText/2) // two units each
	for _, c := range []struct {
		want string
		p    tg.SendMessageParams
	}{
		{"", tg.SendMessageParams{ChatID: marta, Text: full}},
		{"message is too long", tg.SendMessageParams{ChatID: marta, Text: full + "a"}},
		{"message text is empty", tg.SendMessageParams{ChatID: marta, Text: " \n"}},
		{"encoded in UTF-8", tg.SendMessageParams{ChatID: marta, Text: "a\xff"}},
		{"chat not found", tg.SendMessageParams{ChatID: 999, Text: "x"}},
		{"chat_id is empty", tg.SendMessageParams{ChatID: "", Text: "x"}},
		{"Forbidden: bot was blocked by the user", tg.SendMessageParams{ChatID: 502, Text: "x"}},
		{"", tg.SendMessageParams{ChatID: marta, MessageThreadID: int(topic), Text: "x"}},
		{"message thread not found", tg.SendMessageParams{ChatID: marta, MessageThreadID: 999, Text: "x"}},
		{"message to be replied not found", tg.SendMessageParams{ChatID: marta, Text: "x", ReplyParameters: &models.ReplyParameters{MessageID: 999}}},
		{"", tg.SendMessageParams{ChatID: marta, Text: "x", ReplyParameters: &models.ReplyParameters{MessageID: 999, AllowSendingWithoutReply: true}}},
		{"", tg.SendMessageParams{ChatID: marta, Text: "x", ReplyMarkup: keys(strings.Repeat("a", 64))}},
		{"BUTTON_DATA_INVALID", tg.SendMessageParams{ChatID: marta, Text: "x", ReplyMarkup: keys(strings.Repeat("à", 33))}},
		{"Text buttons are unallowed", tg.SendMessageParams{ChatID: marta, Text: "x", ReplyMarkup: keys("")}},
		{"upgraded to a supergroup", tg.SendMessageParams{ChatID: -5, Text: "x"}},
	} {
		m, err := d.bot.SendMessage(d.ctx, &c.p)
		switch {
		case c.want == "" && (err != nil || m.ID == 0 || m.Text != strings.TrimSpace(c.p.Text)):
			t.Errorf("%.20q: %v", c.p.Text, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
	var moved *tg.MigrateError
	if _, err := d.bot.SendMessage(d.ctx, &tg.SendMessageParams{ChatID: -5, Text: "x"}); !errors.As(err, &moved) || moved.MigrateToChatID != -1005 {
		t.Errorf("migration: %v", err)
	}
}

func TestUploads(t *testing.T) {
	d := newDouble(t, telegramtest.Options{})
	document := func(n int, caption string) error {
		_, err := d.bot.SendDocument(d.ctx, &tg.SendDocumentParams{ChatID: marta, Caption: caption, Document: &models.InputFileUpload{Filename: "a.bin", Data: bytes.NewReader(make([]byte, n))}})
		return err
	}
	for _, c := range []struct {
		want, caption string
		n             int
	}{
		{"", strings.Repeat("a", telegramtest.MaxCaption), 10}, {"caption is too long", strings.Repeat("a", telegramtest.MaxCaption+1), 10},
		{"", "", telegramtest.MaxUpload}, {"Request Entity Too Large", "", telegramtest.MaxUpload + 1}, {"non-empty", "", 0},
	} {
		if err := document(c.n, c.caption); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d bytes: %v, want %q", c.n, err, c.want)
		}
	}
	_, err := d.bot.SendPhoto(d.ctx, &tg.SendPhotoParams{ChatID: marta, Photo: &models.InputFileUpload{Filename: "a.png", Data: bytes.NewReader([]byte("no picture"))}})
	if err == nil || !strings.Contains(err.Error(), "IMAGE_PROCESS_FAILED") {
		t.Errorf("no picture: %v", err)
	}
}

func TestDownloads(t *testing.T) {
	d := newDouble(t, telegramtest.Options{})
	d.Say(telegramtest.Say{From: marta, File: &telegramtest.File{Name: "a.txt", Data: []byte("ciao")}})
	d.Say(telegramtest.Say{From: marta, File: &telegramtest.File{Name: "b.txt"}, Size: telegramtest.MaxDownload + 1})
	files := d.Messages(marta)
	f, err := d.bot.GetFile(d.ctx, &tg.GetFileParams{FileID: files[0].File.ID})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, d.bot.FileDownloadLink(f), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, _ := io.ReadAll(res.Body); string(got) != "ciao" || f.FileSize != 4 {
		t.Errorf("downloaded %q of %d bytes", got, f.FileSize)
	}
	for id, want := range map[string]string{files[1].File.ID: "file is too big", "x": "invalid file_id"} {
		if _, err := d.bot.GetFile(d.ctx, &tg.GetFileParams{FileID: id}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestEditing(t *testing.T) {
	d := newDouble(t, telegramtest.Options{})
	keys := &models.InlineKeyboardMarkup{InlineKeyboard: [][]models.InlineKeyboardButton{{{Text: "a", CallbackData: "d"}}}}
	m, err := d.bot.SendMessage(d.ctx, &tg.SendMessageParams{ChatID: marta, Text: "uno", ReplyMarkup: keys})
	if err != nil {
		t.Fatal(err)
	}
	theirs := d.say("mio")
	edit := func(id int, text string, markup models.ReplyMarkup) error {
		_, err := d.bot.EditMessageText(d.ctx, &tg.EditMessageTextParams{ChatID: marta, MessageID: id, Text: text, ReplyMarkup: markup})
		return err
	}
	for _, c := range []struct {
		want string
		err  error
	}{
		{"message is not modified", edit(m.ID, "uno", keys)}, {"", edit(m.ID, "uno", nil)}, {"message is not modified", edit(m.ID, "uno", nil)}, {"", edit(m.ID, "due", nil)},
		{"message to edit not found", edit(999, "x", nil)}, {"message can't be edited", edit(int(theirs), "x", nil)}, {"message text is empty", edit(m.ID, " ", nil)},
		{"MESSAGE_TOO_LONG", edit(m.ID, strings.Repeat("a", 4097), nil)},
	} {
		if (c.err == nil) != (c.want == "") || c.err != nil && !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, c.err)
		}
	}
	if got := d.Sent(marta)[0]; got.Text != "due" || len(got.Buttons) != 0 || got.Edits != 2 {
		t.Errorf("it looks like %+v", got)
	}
}

func TestPresses(t *testing.T) {
	d := newDouble(t, telegramtest.Options{})
	m, err := d.bot.SendMessage(d.ctx, &tg.SendMessageParams{ChatID: marta, Text: "uno"})
	if err != nil {
		t.Fatal(err)
	}
	id := d.Press(marta, marta, int64(m.ID), "d")
	answer := func(id, text string) error {
		_, err := d.bot.AnswerCallbackQuery(d.ctx, &tg.AnswerCallbackQueryParams{CallbackQueryID: id, Text: text})
		return err
	}
	if err := answer(id, strings.Repeat("a", 201)); err == nil || d.Answered(id) {
		t.Error("an answer of 201 characters was taken")
	}
	if err := answer(id, "ok"); err != nil || !d.Answered(id) {
		t.Errorf("answered: %v", err)
	}
	d.pass(6 * time.Minute)
	for _, id := range []string{id, "unknown"} {
		if err := answer(id, ""); err == nil || !strings.Contains(err.Error(), "query is too old") {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// TestFloods: a chat takes so many messages a second, and one that is asked before its time is noted.
func TestFloods(t *testing.T) {
	d := newDouble(t, telegramtest.Options{Flood: 1})
	send := func() error {
		_, err := d.bot.SendMessage(d.ctx, &tg.SendMessageParams{ChatID: marta, Text: "x"})
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	for misuse := range 2 {
		var flood *tg.TooManyRequestsError
		if err := send(); !errors.As(err, &flood) || flood.RetryAfter != 2 {
			t.Errorf("the next at once: %v", err)
		}
		if n := len(d.Misuse()); n != misuse {
			t.Errorf("%d notes, want %d", n, misuse)
		}
	}
	d.pass(2 * time.Second)
	if err := send(); err != nil {
		t.Error(err)
	}
}

// TestFaults: what is done and what is not, by kind.
func TestFaults(t *testing.T) {
	for kind, done := range map[telegramtest.FaultKind]bool{telegramtest.LoseRequest: false, telegramtest.LoseAnswer: true, telegramtest.FailBefore: false, telegramtest.FailAfter: true,
		telegramtest.InternalError: false, telegramtest.Garbage: true, telegramtest.Flood: false, telegramtest.Refuse: false, telegramtest.Say200: false} {
		d := newDouble(t, telegramtest.Options{})
		d.Fault(telegramtest.Fault{Method: "sendMessage", Kind: kind, Code: 400, Retry: time.Second, Text: "no"})
		_, err := d.bot.SendMessage(d.ctx, &tg.SendMessageParams{ChatID: marta, Text: "x"})
		if err == nil || (len(d.Sent(marta)) == 1) != done {
			t.Errorf("kind %d: %v, %d messages", kind, err, len(d.Sent(marta)))
		}
		var gone *url.Error
		if errors.As(err, &gone) && strings.Contains(err.Error(), telegramtest.Token) {
			t.Errorf("kind %d shows the token: %v", kind, err)
		}
	}
}
