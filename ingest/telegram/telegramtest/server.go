package telegramtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of the Bot API. Texts are counted in UTF-16 code units, data of buttons in bytes.
const (
	MaxText         = 4096
	MaxCaption      = 1024
	MaxCallbackData = 64
	MaxAlert        = 200
	MaxDownload     = 20 << 20
	MaxUpload       = 50 << 20
	MaxPhoto        = 10 << 20
)

// Options of a server. The zero value is a bot with the token Token whose chats take any number of messages.
type Options struct {
	Token string           // default Token
	Now   func() time.Time // default time.Now
	// Flood makes a chat take one message a second, after a burst of that many; 0: any number.
	Flood int
	// FirstUpdate is the id of the first update; default 900000001.
	FirstUpdate int64
}

// Token is the default token.
const Token = "700700:AAtest-token-of-a-bot_0123456789abcdef"

// Server is a Telegram with one bot.
type Server struct {
	URL   string
	token string
	now   func() time.Time
	flood int
	http  *httptest.Server
	done  chan struct{}

	mu       sync.Mutex
	next     int64 // id of the next update
	queue    []update
	allowed  map[string]bool // nil: the default
	webhook  string
	poll     *poll
	changed  chan struct{} // closed and replaced when updates come
	polls    int           // calls of getUpdates that were begun
	pollSeen chan struct{} // closed and replaced at each of them
	chats    map[int64]*chat
	users    map[int64]*User
	files    map[string]*file
	queries  map[string]*query
	faults   []*Fault
	calls    map[string]int
	misuse   []string
	paused   map[int64]time.Time // by chat: until when a 429 asked to wait
	serial   int
}

// New starts a server. Close ends it.
func New(o Options) *Server {
	s := &Server{token: o.Token, now: o.Now, flood: o.Flood, next: o.FirstUpdate, done: make(chan struct{}), changed: make(chan struct{}), pollSeen: make(chan struct{}),
		chats: map[int64]*chat{}, users: map[int64]*User{}, files: map[string]*file{}, queries: map[string]*query{}, calls: map[string]int{}, paused: map[int64]time.Time{}}
	if s.token == "" {
		s.token = Token
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.next == 0 {
		s.next = 900000001
	}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	return s
}

// Close ends the server and every call that waits.
func (s *Server) Close() {
	close(s.done)
	s.http.CloseClientConnections()
	s.http.Close()
}

// BotID is the id in the token.
func (s *Server) BotID() int64 {
	id, _, _ := strings.Cut(s.token, ":")
	n, _ := strconv.ParseInt(id, 10, 64)
	return n
}

// Calls counts the calls of a method, those that failed too.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[strings.ToLower(method)]
}

// Misuse lists what a client did that Telegram asks clients not to do.
func (s *Server) Misuse() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.misuse...)
}

// answer is the envelope of every answer [/bots/api#making-requests].
type answer struct {
	OK          bool    `json:"ok"`
	Result      any     `json:"result,omitempty"`
	Code        int     `json:"error_code,omitempty"`
	Description string  `json:"description,omitempty"`
	Parameters  *params `json:"parameters,omitempty"`
}

type params struct {
	Migrate    int64 `json:"migrate_to_chat_id,omitempty"`
	RetryAfter int   `json:"retry_after,omitempty"`
}

func (a *answer) Error() string { return a.Description }

func bad(format string, args ...any) *answer {
	return &answer{Code: http.StatusBadRequest, Description: "Bad Request: " + fmt.Sprintf(format, args...)}
}

// call is a request as a method reads it.
type call struct {
	args  map[string]string
	files map[string]upload
}

type upload struct {
	name, media string
	data        []byte
}

// maxBody is what the server reads of a request: an upload over the limit must be told from a broken one.
const maxBody = MaxUpload + 8<<20

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, ok := strings.CutPrefix(r.URL.Path, "/file/bot"+s.token+"/"); ok {
		s.serveFile(w, r, path)
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/bot")
	token, method, whole := strings.Cut(rest, "/")
	switch {
	case !ok || !whole || !strings.Contains(token, ":"):
		write(w, &answer{Code: http.StatusNotFound, Description: "Not Found"})
		return
	case token != s.token:
		write(w, &answer{Code: http.StatusUnauthorized, Description: "Unauthorized"})
		return
	}
	c, err := read(r)
	if err != nil {
		write(w, bad("%v", err))
		return
	}
	method = strings.ToLower(method)
	s.mu.Lock()
	s.calls[method]++
	fault := s.fault(method, c)
	s.mu.Unlock()
	if s.before(w, r, fault) {
		return
	}
	var done *answer
	if method == "getupdates" {
		done = s.getUpdates(r.Context(), c)
	} else {
		s.mu.Lock()
		done = s.do(method, c)
		s.mu.Unlock()
	}
	if !after(w, fault) {
		write(w, done)
	}
}

// do carries a method out; the lock is held.
func (s *Server) do(method string, c call) *answer {
	var result any
	var err error
	switch method {
	case "getme":
		result = map[string]any{"id": s.BotID(), "is_bot": true, "first_name": "Sportello", "username": "sportello_test_bot", "can_join_groups": true}
	case "getwebhookinfo":
		result = map[string]any{"url": s.webhook, "has_custom_certificate": false, "pending_update_count": len(s.queue)}
	case "setwebhook":
		s.webhook, result = c.args["url"], true
	case "deletewebhook":
		s.webhook, result = "", true
	case "sendmessage":
		result, err = s.sendMessage(c)
	case "sendphoto":
		result, err = s.sendFile(c, "photo")
	case "senddocument":
		result, err = s.sendFile(c, "document")
	case "editmessagetext":
		result, err = s.editText(c)
	case "editmessagereplymarkup":
		result, err = s.editMarkup(c)
	case "answercallbackquery":
		result, err = s.answerQuery(c)
	case "getfile":
		result, err = s.getFile(c)
	default:
		return &answer{Code: http.StatusNotFound, Description: "Not Found"}
	}
	if refused, ok := err.(*answer); ok {
		return refused
	}
	return &answer{OK: true, Result: result}
}

func write(w http.ResponseWriter, a *answer) {
	w.Header().Set("Content-Type", "application/json")
	if !a.OK {
		w.WriteHeader(a.Code)
	}
	_ = json.NewEncoder(w).Encode(a)
}

// read takes the parameters from wherever the API lets them stand: the query, a form, a multipart form, a JSON object.
func read(r *http.Request) (c call, err error) {
	c = call{args: map[string]string{}, files: map[string]upload{}}
	for name, values := range r.URL.Query() {
		c.args[name] = values[0]
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return c, err
	}
	media, p, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch media {
	case "application/json":
		var fields map[string]json.RawMessage
		if len(body) > 0 && json.Unmarshal(body, &fields) != nil {
			return c, fmt.Errorf("can't parse JSON object")
		}
		for name, raw := range fields {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				text = string(raw)
			}
			c.args[name] = text
		}
	case "application/x-www-form-urlencoded":
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err := r.ParseForm(); err != nil {
			return c, err
		}
		for name, values := range r.PostForm {
			c.args[name] = values[0]
		}
	case "multipart/form-data":
		m := multipart.NewReader(bytes.NewReader(body), p["boundary"])
		for {
			part, err := m.NextPart()
			if err != nil {
				// A form without a single part has no closing line that the reader would know.
				return c, nil
			}
			data, err := io.ReadAll(part)
			if err != nil {
				return c, nil
			}
			if part.FileName() == "" {
				c.args[part.FormName()] = string(data)
			} else {
				c.files[part.FormName()] = upload{part.FileName(), part.Header.Get("Content-Type"), data}
			}
		}
	}
	return c, nil
}

func (c call) number(name string) int64 {
	n, _ := strconv.ParseInt(c.args[name], 10, 64)
	return n
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func clone(m map[string]any) map[string]any { return maps.Clone(m) }
