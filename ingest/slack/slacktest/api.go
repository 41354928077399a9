package slacktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Request is one call as the log keeps it. Tokens are left out.
type Request struct {
	Time    time.Time         `json:"time"`
	Method  string            `json:"method"`
	Args    map[string]string `json:"args"`
	Status  int               `json:"status"` // 0: no answer reached the caller
	Error   string            `json:"error,omitempty"`
	Answer  json.RawMessage   `json:"answer,omitempty"`
	Fault   FaultKind         `json:"fault,omitempty"`
	Channel string            `json:"channel,omitempty"`
}

// failure is an answer that is not ok.
type failure struct {
	code  string
	extra obj
	retry time.Duration // 429 when above zero
}

func fail(code string) *failure { return &failure{code: code} }

// call is one request while it runs; s.mu is held.
type call struct {
	s     *Server
	name  string
	args  map[string]string
	base  string // http://host of the request, for URLs in answers
	later []func()
}

func (c *call) flag(name string) bool {
	v := c.args[name]
	return v == "true" || v == "1"
}

// method is a row of the table of methods.
type method struct {
	tier   int                         // 1 to 4; 0: special
	scopes []string                    // all of them are needed
	kinds  map[string]string           // or: the scope by kind of the channel named by the argument channel
	errors string                      // own error codes, beyond the common ones
	app    bool                        // takes the app-level token
	run    func(*call) (obj, *failure) //
}

var (
	historyScopes = map[string]string{"channel": "channels:history", "group": "groups:history", "im": "im:history"}
	readScopes    = map[string]string{"channel": "channels:read", "group": "groups:read", "im": "im:read"}
)

// methods is the table of what the workspace answers: tiers are the lower of the two published ones, errors and scopes
// those of each method's page under https://docs.slack.dev/reference/methods.
func methods() map[string]method {
	return map[string]method{
		"auth.test":             {run: authTest},
		"apps.connections.open": {tier: 1, app: true, run: connectionsOpen, errors: "forbidden_team"},
		"chat.postMessage": {scopes: []string{"chat:write"}, run: postMessage, errors: "channel_not_found is_archived not_in_channel " +
			"no_text invalid_blocks invalid_blocks_format msg_blocks_too_long invalid_metadata_format metadata_too_large " +
			"cannot_reply_to_message markdown_text_conflict message_limit_exceeded restricted_action"},
		"chat.update": {tier: 3, scopes: []string{"chat:write"}, run: update, errors: "channel_not_found message_not_found cant_update_message " +
			"msg_too_long no_text invalid_blocks invalid_blocks_format invalid_metadata_format metadata_too_large edit_window_closed"},
		"chat.delete": {tier: 3, scopes: []string{"chat:write"}, run: deleteMessage, errors: "channel_not_found message_not_found cant_delete_message"},
		"chat.postEphemeral": {tier: 4, scopes: []string{"chat:write"}, run: postEphemeral, errors: "channel_not_found is_archived not_in_channel " +
			"user_not_in_channel no_text msg_too_long invalid_blocks invalid_blocks_format cannot_reply_to_message"},
		"chat.getPermalink":     {run: permalink, errors: "channel_not_found message_not_found"},
		"conversations.history": {tier: 3, kinds: historyScopes, run: history, errors: "channel_not_found not_in_channel invalid_cursor invalid_ts_latest invalid_ts_oldest"},
		"conversations.replies": {tier: 3, kinds: historyScopes, run: replies, errors: "channel_not_found thread_not_found invalid_cursor invalid_ts_latest invalid_ts_oldest"},
		"conversations.info":    {tier: 3, kinds: readScopes, run: conversationInfo, errors: "channel_not_found"},
		"conversations.members": {tier: 4, kinds: readScopes, run: members, errors: "channel_not_found invalid_cursor invalid_limit"},
		"conversations.list":    {tier: 2, run: list, errors: "invalid_cursor invalid_limit invalid_types"},
		"conversations.open":    {tier: 3, scopes: []string{"im:write"}, run: open, errors: "user_not_found users_list_not_supplied user_disabled channel_not_found"},
		"conversations.join":    {tier: 3, scopes: []string{"channels:join"}, run: join, errors: "channel_not_found is_archived method_not_supported_for_channel_type"},
		"reactions.add": {tier: 3, scopes: []string{"reactions:write"}, run: addReaction, errors: "already_reacted bad_timestamp channel_not_found " +
			"invalid_name is_archived message_not_found no_item_specified too_many_reactions too_many_emoji"},
		"reactions.remove": {tier: 2, scopes: []string{"reactions:write"}, run: removeReaction, errors: "bad_timestamp channel_not_found invalid_name " +
			"message_not_found no_item_specified no_reaction"},
		"users.info":                 {tier: 4, scopes: []string{"users:read"}, run: userInfo, errors: "user_not_found user_not_visible"},
		"users.lookupByEmail":        {tier: 3, scopes: []string{"users:read.email"}, run: lookupByEmail, errors: "users_not_found"},
		"files.getUploadURLExternal": {tier: 4, scopes: []string{"files:write"}, run: uploadURL, errors: "missing_argument"},
		"files.completeUploadExternal": {tier: 4, scopes: []string{"files:write"}, run: completeUpload, errors: "channel_not_found file_not_found " +
			"file_update_failed invalid_channel not_in_channel"},
		"files.info":    {tier: 4, scopes: []string{"files:read"}, run: fileInfo, errors: "file_not_found file_deleted"},
		"views.open":    {tier: 4, run: openView, errors: "duplicate_external_id exchanged_trigger_id expired_trigger_id invalid_trigger_id view_too_large"},
		"views.push":    {tier: 4, run: pushView, errors: "duplicate_external_id exchanged_trigger_id expired_trigger_id invalid_trigger_id not_found push_limit_reached view_too_large"},
		"views.update":  {tier: 4, run: updateView, errors: "duplicate_external_id hash_conflict not_found view_too_large"},
		"views.publish": {tier: 4, run: publishView, errors: "duplicate_external_id hash_conflict not_enabled view_too_large"},
	}
}

// commonErrors are the codes any method may answer.
const commonErrors = "account_inactive fatal_error internal_error invalid_arguments invalid_auth invalid_form_data missing_scope " +
	"not_allowed_token_type not_authed ratelimited request_timeout service_unavailable token_revoked unknown_method"

func (s *Server) routes() http.Handler {
	table := methods()
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", func(w http.ResponseWriter, r *http.Request) { s.serveAPI(w, r, table) })
	mux.HandleFunc("GET /link/", s.serveLink)
	mux.HandleFunc("/upload/{id}", s.serveUpload)
	mux.HandleFunc("GET /files-pri/{name...}", s.serveDownload)
	mux.HandleFunc("GET /sign-in", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title><p>Sign in to the workspace.</p>")
	})
	mux.HandleFunc("POST /respond/{id}", s.serveRespond)
	mux.HandleFunc("/_control/{verb...}", s.serveControl)
	mux.HandleFunc("GET /_log", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Log()) })
	return mux
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, table map[string]method) {
	name := r.PathValue("method")
	args, token, badForm := readArgs(r)
	base := "http://" + r.Host

	s.mu.Lock()
	req := Request{Time: s.clock.Now(), Method: name, Args: args, Channel: args["channel"]}
	fault := s.takeFault(name)
	req.Fault = fault.Kind
	if fault.Kind == LoseRequest || fault.Kind == StoreLate {
		if fault.Kind == StoreLate {
			s.clock.AfterFunc(fault.Delay, func() {
				s.locked(func() {
					_, _, later := s.answer(name, table, args, token, base)
					run(later)
				})
			})
		}
		s.keep(req)
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	if fault.Kind == ErrorBefore {
		req.Status = http.StatusServiceUnavailable
		s.keep(req)
		s.mu.Unlock()
		http.Error(w, "upstream connect error", http.StatusServiceUnavailable)
		return
	}
	var (
		body  obj
		no    *failure
		later []func()
	)
	switch {
	case badForm:
		no = fail("invalid_form_data")
	case fault.Kind == RateLimit:
		s.until[name] = s.clock.Now().Add(fault.Delay)
		no = &failure{code: "ratelimited", retry: fault.Delay}
	default:
		body, no, later = s.answer(name, table, args, token, base)
	}
	if no == nil && fault.Kind == InternalError {
		no = fail("internal_error")
	}
	status := http.StatusOK
	if no != nil {
		body = obj{"ok": false, "error": no.code}
		for k, v := range no.extra {
			body[k] = v
		}
		if no.retry > 0 {
			status = http.StatusTooManyRequests
			w.Header().Set("Retry-After", fmt.Sprint(seconds(no.retry)))
		}
		req.Error = no.code
	} else {
		body["ok"] = true
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err) // only values of ours go in
	}
	req.Answer = raw
	if fault.Kind == ErrorAfter {
		status, raw = http.StatusBadGateway, []byte("bad gateway")
	}
	req.Status = status
	if fault.Kind == LoseAnswer {
		req.Status = 0
	}
	s.keep(req)
	// Events leave before or after the answer of the call that caused them.
	first := s.rng.Intn(2) == 0
	if first {
		run(later)
	}
	scopes, now := strings.Join(s.opt.Scopes, ","), s.clock.Now()
	s.bump()
	s.mu.Unlock()

	if fault.Kind == SlowAnswer {
		s.sleep(r, fault.Delay)
	}
	if fault.Kind != LoseAnswer {
		w.Header().Set("X-OAuth-Scopes", scopes)
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write(raw)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	}
	if !first {
		s.locked(func() { run(later) })
	}
	if fault.Kind == LoseAnswer {
		panic(http.ErrAbortHandler)
	}
}

func run(fs []func()) {
	for _, f := range fs {
		f()
	}
}

func (s *Server) sleep(r *http.Request, d time.Duration) {
	woke := make(chan struct{})
	defer s.clock.AfterFunc(d, func() { close(woke) })()
	select {
	case <-woke:
	case <-r.Context().Done():
	}
}

func (s *Server) keep(r Request) {
	s.log = append(s.log, r)
	if len(s.log) > s.opt.LogLimit {
		s.log = append([]Request(nil), s.log[len(s.log)-s.opt.LogLimit:]...)
	}
}

// answer checks token, scope and rate, in this order, and runs the method; s.mu is held.
func (s *Server) answer(name string, table map[string]method, args map[string]string, token, base string) (obj, *failure, []func()) {
	m, known := table[name]
	if !known {
		return nil, &failure{code: "unknown_method", extra: obj{"req_method": name}}, nil
	}
	switch {
	case token == "":
		return nil, fail("not_authed"), nil
	case token != s.opt.BotToken && token != s.opt.AppToken:
		return nil, fail("invalid_auth"), nil
	case s.revoked != "":
		return nil, fail(s.revoked), nil
	case m.app != (token == s.opt.AppToken):
		return nil, fail("not_allowed_token_type"), nil
	}
	c := &call{s: s, name: name, args: args, base: base}
	need := m.scopes
	if m.kinds != nil {
		if ch := s.channels[args["channel"]]; ch != nil {
			need = []string{m.kinds[ch.kind()]}
		} else {
			need = nil
		}
	}
	for _, scope := range need {
		if !s.hasScope(scope) {
			return nil, &failure{code: "missing_scope", extra: obj{"needed": scope, "provided": strings.Join(s.opt.Scopes, ",")}}, nil
		}
	}
	if no := s.rate(name, m.tier, args); no != nil {
		return nil, no, nil
	}
	s.observe(c)
	body, no := m.run(c)
	if no != nil && !slices.Contains(strings.Fields(m.errors+" "+commonErrors), no.code) {
		panic("slacktest: " + name + " does not answer " + no.code)
	}
	return body, no, c.later
}

func (s *Server) hasScope(scope string) bool { return slices.Contains(s.opt.Scopes, scope) }

// readArgs reads the arguments of a call from the query, a form, a multipart form or a JSON object. Values in JSON that
// are not strings are kept as JSON text.
func readArgs(r *http.Request) (args map[string]string, token string, bad bool) {
	args = map[string]string{}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		raw, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
		var fields map[string]json.RawMessage
		if err != nil || (len(bytes.TrimSpace(raw)) > 0 && json.Unmarshal(raw, &fields) != nil) {
			return args, bearer(r), true
		}
		for k, v := range fields {
			var str string
			if json.Unmarshal(v, &str) == nil {
				args[k] = str
			} else {
				args[k] = string(v)
			}
		}
		for k, v := range r.URL.Query() {
			args[k] = v[0]
		}
	default:
		err := r.ParseForm()
		if kind == "multipart/form-data" {
			err = r.ParseMultipartForm(32 << 20)
		}
		if err != nil {
			return args, bearer(r), true
		}
		for k, v := range r.Form {
			args[k] = v[0]
		}
	}
	token = bearer(r)
	if token == "" {
		token = args["token"]
	}
	delete(args, "token")
	return args, token, false
}

func bearer(r *http.Request) string {
	t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return t
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

func authTest(c *call) (obj, *failure) {
	o := c.s.opt
	return obj{
		"url": "https://" + o.Domain + ".slack.com/", "team": o.TeamName, "team_id": o.Team,
		"user": "sportello", "user_id": o.BotUser, "bot_id": o.BotID, "is_enterprise_install": false,
	}, nil
}

// connectionsOpen answers a URL that opens one socket once (E30).
func connectionsOpen(c *call) (obj, *failure) {
	s := c.s
	if s.disabled {
		return nil, fail("not_allowed_token_type")
	}
	ticket := s.uuid() + fmt.Sprint(s.serial)
	s.serial++
	s.tickets[ticket] = true
	return obj{"url": strings.Replace(c.base, "http://", "ws://", 1) + "/link/?ticket=" + ticket + "&app_id=" + s.opt.AppID}, nil
}
