package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"github.com/sportello/sportello/ticketing"
)

// API calls the Bot API [https://core.telegram.org/bots/api]. It never repeats a call by itself. Its errors are *ticketing.SendError with
// the verdicts of judge. It is safe for concurrent use.
type API struct {
	bot   *tg.Bot
	http  *http.Client
	base  string
	token string
	// Floods counts the answers 429.
	floods atomic.Int64

	mu     sync.Mutex
	paused map[int64]time.Time // by chat: until when Telegram asked us to wait
}

// DefaultURL is where the Bot API is.
const DefaultURL = "https://api.telegram.org"

const (
	callTimeout    = 15 * time.Second
	uploadTimeout  = 2 * time.Minute
	connectTimeout = 5 * time.Second
	answerMax      = 32 << 20
	// replayMax is how large a request may be to be kept whole, so that a connection that died while it was idle costs nothing.
	replayMax = 1 << 20
)

// IsToken tells whether a text looks like a bot's token: the bot's id, a colon, and a secret.
func IsToken(s string) bool {
	id, secret, ok := strings.Cut(s, ":")
	n, err := strconv.ParseInt(id, 10, 64)
	if !ok || err != nil || n <= 0 || len(secret) < 20 {
		return false
	}
	return strings.IndexFunc(secret, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
	}) < 0
}

// IsURL tells whether an address may be called: the token stands in it, so it goes in the clear over no network.
func IsURL(base string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// NewAPI makes a client. base is DefaultURL when empty.
func NewAPI(base string, token ticketing.Secret) (*API, error) {
	if !IsToken(token.Reveal()) {
		return nil, errors.New("telegram.token is no bot token; BotFather gives one such as 123456789:AAE…")
	}
	if base == "" {
		base = DefaultURL
	}
	if !IsURL(base) {
		return nil, fmt.Errorf("telegram.api_url is %q; use an https address such as %s, or http on this machine", base, DefaultURL)
	}
	var err error
	a := &API{base: strings.TrimRight(base, "/"), token: token.Reveal(), paused: map[int64]time.Time{}, http: &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout: connectTimeout,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 8,
			IdleConnTimeout:     30 * time.Second,
		},
		// A token stands in every address: it follows nobody elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	a.bot, err = tg.New(a.token, tg.WithSkipGetMe(), tg.WithServerURL(a.base), tg.WithHTTPClient(callTimeout, a), tg.WithErrorsHandler(func(error) {}))
	return a, err
}

// Close ends idle connections.
func (a *API) Close() { a.http.CloseIdleConnections() }

// BotID is the bot's user id, which stands in its token.
func (a *API) BotID() int64 { return a.bot.ID() }

// heard is what a call brought, read by ourselves.
type heard struct {
	left     atomic.Bool // a part of the request may have left
	answered bool        // an answer came, whole
	status   int
	body     []byte
	envelope
}

// envelope is the frame of every answer.
type envelope struct {
	OK          *bool           `json:"ok"`
	Result      json.RawMessage `json:"result"`
	Code        int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter int   `json:"retry_after"`
		Migrate    int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

type heardKey struct{}

// Do sends a request of the library and keeps what came of it for judge.
func (a *API) Do(req *http.Request) (*http.Response, error) {
	h, _ := req.Context().Value(heardKey{}).(*heard)
	if h == nil {
		return nil, errors.New("a call without its record")
	}
	if req.Body != nil {
		head, err := io.ReadAll(io.LimitReader(req.Body, replayMax))
		if err != nil {
			return nil, err
		}
		if len(head) < replayMax {
			_ = req.Body.Close()
			req.ContentLength = int64(len(head))
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(head)), nil }
			req.Body, _ = req.GetBody()
		} else {
			req.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(bytes.NewReader(head), req.Body), req.Body}
		}
	}
	trace := &httptrace.ClientTrace{WroteHeaders: func() { h.left.Store(true) }}
	res, err := a.http.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	h.body, err = io.ReadAll(io.LimitReader(res.Body, answerMax+1))
	if err == nil && len(h.body) > answerMax {
		err = errors.New("the answer is too long")
	}
	if err != nil {
		return nil, err
	}
	h.answered, h.status = true, res.StatusCode
	if json.Unmarshal(h.body, &h.envelope) != nil {
		h.envelope = envelope{}
	}
	res.Body = io.NopCloser(bytes.NewReader(h.body))
	return res, nil
}

// call gives a method its time and judges its answer.
func (a *API) call(ctx context.Context, chat int64, limit time.Duration, f func(context.Context) error) (*heard, error) {
	if err := a.ready(chat); err != nil {
		return nil, err
	}
	h := &heard{}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, heardKey{}, h), limit)
	defer cancel()
	err := f(ctx)
	return h, a.judge(chat, h, err)
}

// Codes of failures, beside "http_502" and the like.
const (
	codeFlood        = "flood"
	codeUnauthorized = "unauthorized"
	codeConflict     = "conflict"
	codeWebhook      = "webhook"
	codeNoConnection = "no_connection"
	codeNoAnswer     = "no_answer"
	codeBadRequest   = "bad_request"
	codeNoChat       = "chat_not_found"
	codeMigrated     = "migrated"
	codeTooLarge     = "too_large"
	codeNotModified  = "not_modified"
	codeGone         = "message_gone"
)

// migrated is the refusal of a group that has become a supergroup.
type migrated struct{ to int64 }

func (m *migrated) Error() string { return "the group has another id now" }

// judge says what a call means for its row. What Telegram refused with an answer is not there; what was asked and not answered may be.
func (a *API) judge(chat int64, h *heard, err error) error {
	e := &ticketing.SendError{Verdict: ticketing.SendUnknown, Answer: h.Description, Err: a.hide(err)}
	switch {
	case !h.answered && !h.left.Load():
		e.Verdict, e.Code = ticketing.SendTemporary, codeNoConnection
		return e
	case !h.answered:
		e.Code = codeNoAnswer
		return e
	case h.OK != nil && *h.OK:
		return nil // also when the library cannot read what is in the answer
	case h.OK == nil || h.Code >= 500 || h.Code == 0:
		e.Code = "http_" + strconv.Itoa(h.status)
		return e
	}
	e.Verdict, e.Code = ticketing.SendPermanent, codeBadRequest
	say := strings.ToLower(h.Description)
	switch {
	case h.Code == http.StatusTooManyRequests:
		e.Verdict, e.Code, e.Free, e.After = ticketing.SendTemporary, codeFlood, true, time.Duration(max(h.Parameters.RetryAfter, 1))*time.Second
		a.floods.Add(1)
		a.pause(chat, e.After)
	case h.Code == http.StatusUnauthorized, h.Code == http.StatusNotFound:
		// Telegram says "Not Found" to a token that is none.
		e.Verdict, e.Code = ticketing.SendSuspend, codeUnauthorized
	case h.Code == http.StatusForbidden:
		e.Code = ticketing.ReasonBlocked
	case h.Code == http.StatusConflict && strings.Contains(say, "webhook"):
		e.Verdict, e.Code = ticketing.SendSuspend, codeWebhook
	case h.Code == http.StatusConflict:
		e.Verdict, e.Code = ticketing.SendTemporary, codeConflict
	case h.Code == http.StatusRequestEntityTooLarge:
		e.Code = codeTooLarge
	case h.Parameters.Migrate != 0:
		e.Code, e.Err = codeMigrated, &migrated{h.Parameters.Migrate}
	case strings.Contains(say, "message is not modified"):
		e.Code = codeNotModified
	case strings.Contains(say, "message to edit not found"), strings.Contains(say, "message can't be edited"):
		e.Code = codeGone
	case strings.Contains(say, "chat not found"):
		e.Code = codeNoChat
	case strings.Contains(say, "file is too big"):
		e.Code = codeTooLarge
	}
	return e
}

// hide keeps the token, which stands in every address, out of the log.
func (a *API) hide(err error) error {
	if err == nil {
		return nil
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if strings.Contains(err.Error(), a.token) {
		return errors.New(strings.ReplaceAll(err.Error(), a.token, "***"))
	}
	return err
}

func (a *API) pause(chat int64, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for id, end := range a.paused {
		if end.Before(now) {
			delete(a.paused, id)
		}
	}
	if end := now.Add(d); end.After(a.paused[chat]) {
		a.paused[chat] = end
	}
}

// ready answers an error while the time that Telegram asked us to wait has not passed: no call leaves before.
func (a *API) ready(chat int64) error {
	a.mu.Lock()
	left := time.Until(a.paused[chat])
	a.mu.Unlock()
	if left <= 0 || chat == 0 {
		return nil
	}
	return &ticketing.SendError{Verdict: ticketing.SendTemporary, After: left, Free: true, Code: codeFlood}
}

// button is a button below a message; data has 1 to 64 bytes.
type button struct {
	Text string `json:"text"`
	Data string `json:"data"`
}

// place is where a message goes.
type place struct {
	chat, topic, reply int64
}

func keyboard(buttons []button) models.ReplyMarkup {
	if len(buttons) == 0 {
		return nil
	}
	m := &models.InlineKeyboardMarkup{}
	for _, b := range buttons {
		m.InlineKeyboard = append(m.InlineKeyboard, []models.InlineKeyboardButton{{Text: b.Text, CallbackData: b.Data}})
	}
	return m
}

func replyTo(p place) *models.ReplyParameters {
	if p.reply == 0 {
		return nil
	}
	return &models.ReplyParameters{MessageID: int(p.reply), AllowSendingWithoutReply: true}
}

var noPreview = func() *models.LinkPreviewOptions { return &models.LinkPreviewOptions{IsDisabled: tg.True()} }

// idOf reads the id of the message that was made, from the answer itself.
func idOf(h *heard, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	var m struct {
		ID int64 `json:"message_id"`
	}
	if json.Unmarshal(h.Result, &m) != nil || m.ID == 0 {
		return 0, &ticketing.SendError{Verdict: ticketing.SendUnknown, Code: codeNoAnswer, Answer: "the answer names no message"}
	}
	return m.ID, nil
}

// SendText sends a message of at most 4096 UTF-16 units.
func (a *API) SendText(ctx context.Context, p place, text string, buttons []button) (int64, error) {
	return idOf(a.call(ctx, p.chat, callTimeout, func(ctx context.Context) error {
		_, err := a.bot.SendMessage(ctx, &tg.SendMessageParams{ChatID: p.chat, MessageThreadID: int(p.topic), Text: text, LinkPreviewOptions: noPreview(),
			ReplyParameters: replyTo(p), ReplyMarkup: keyboard(buttons)})
		return err
	}))
}

// SendFile sends a file, as a photo or as it is, with a caption of at most 1024 UTF-16 units. data is a pointer: the library asks it
// whether it is nil.
func (a *API) SendFile(ctx context.Context, p place, photo bool, name string, data *bytes.Reader, caption string) (int64, error) {
	up := &models.InputFileUpload{Filename: name, Data: data}
	return idOf(a.call(ctx, p.chat, uploadTimeout, func(ctx context.Context) (err error) {
		if photo {
			_, err = a.bot.SendPhoto(ctx, &tg.SendPhotoParams{ChatID: p.chat, MessageThreadID: int(p.topic), Photo: up, Caption: caption, ReplyParameters: replyTo(p)})
		} else {
			_, err = a.bot.SendDocument(ctx, &tg.SendDocumentParams{ChatID: p.chat, MessageThreadID: int(p.topic), Document: up, Caption: caption, ReplyParameters: replyTo(p)})
		}
		return err
	}))
}

// EditText rewrites a message of ours and takes its buttons away. One that looks so already counts as rewritten.
func (a *API) EditText(ctx context.Context, p place, message int64, text string) error {
	_, err := a.call(ctx, p.chat, callTimeout, func(ctx context.Context) error {
		_, err := a.bot.EditMessageText(ctx, &tg.EditMessageTextParams{ChatID: p.chat, MessageID: int(message), Text: text, LinkPreviewOptions: noPreview()})
		return err
	})
	if codeOf(err) == codeNotModified {
		return nil
	}
	return err
}

// AnswerPress ends the waiting sign on a pressed button.
func (a *API) AnswerPress(ctx context.Context, query string) error {
	_, err := a.call(ctx, 0, callTimeout, func(ctx context.Context) error {
		_, err := a.bot.AnswerCallbackQuery(ctx, &tg.AnswerCallbackQueryParams{CallbackQueryID: query})
		return err
	})
	return err
}

// Self is who the bot is.
type Self struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
}

// GetMe asks who the bot is.
func (a *API) GetMe(ctx context.Context) (s Self, err error) {
	h, err := a.call(ctx, 0, callTimeout, func(ctx context.Context) error {
		_, err := a.bot.GetMe(ctx)
		return err
	})
	if err == nil {
		err = json.Unmarshal(h.Result, &s)
	}
	return s, err
}

// Webhook asks for the address updates are sent to; while there is one nobody can poll.
func (a *API) Webhook(ctx context.Context) (string, error) {
	h, err := a.call(ctx, 0, callTimeout, func(ctx context.Context) error {
		_, err := a.bot.GetWebhookInfo(ctx)
		return err
	})
	var info struct {
		URL string `json:"url"`
	}
	if err == nil {
		err = json.Unmarshal(h.Result, &info)
	}
	return info.URL, err
}

// Updates waits up to timeout for updates from offset on; 0 takes all that are not confirmed. Asking for an offset confirms what lies
// before it.
func (a *API) Updates(ctx context.Context, offset int64, timeout time.Duration, kinds []string) ([]json.RawMessage, error) {
	body, err := json.Marshal(map[string]any{"offset": offset, "limit": updatesMax, "timeout": int(timeout / time.Second), "allowed_updates": kinds})
	if err != nil {
		return nil, err
	}
	h, err := a.call(ctx, 0, timeout+callTimeout, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+"/bot"+a.token+"/getUpdates", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		_, err = a.Do(req)
		return err
	})
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	return list, json.Unmarshal(h.Result, &list)
}

// updatesMax is how many updates one answer holds at most, Telegram's own limit.
const updatesMax = 100

// Download fetches a file that somebody sent, up to most bytes.
func (a *API) Download(ctx context.Context, id string, most int64) ([]byte, error) {
	h, err := a.call(ctx, 0, callTimeout, func(ctx context.Context) error {
		_, err := a.bot.GetFile(ctx, &tg.GetFileParams{FileID: id})
		return err
	})
	if err != nil {
		return nil, err
	}
	var f models.File
	if err := json.Unmarshal(h.Result, &f); err != nil || f.FilePath == "" {
		return nil, &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: codeGone, Answer: "the file cannot be fetched"}
	}
	if f.FileSize > most {
		return nil, &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: codeTooLarge}
	}
	var data []byte
	_, err = a.call(ctx, 0, uploadTimeout, func(ctx context.Context) error {
		h := ctx.Value(heardKey{}).(*heard)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.bot.FileDownloadLink(&f), nil)
		if err != nil {
			return err
		}
		res, err := a.http.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if data, err = io.ReadAll(io.LimitReader(res.Body, most+1)); err != nil {
			return err
		}
		ok := res.StatusCode == http.StatusOK
		h.answered, h.status = true, res.StatusCode
		switch {
		case int64(len(data)) > most:
			h.OK, h.Code = new(bool), http.StatusRequestEntityTooLarge
		case ok && (f.FileSize == 0 || int64(len(data)) == f.FileSize):
			h.OK = &ok
		case res.StatusCode == http.StatusNotFound:
			h.OK, h.Code, h.Description = new(bool), http.StatusBadRequest, "the file is gone"
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

func codeOf(err error) string {
	var e *ticketing.SendError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
