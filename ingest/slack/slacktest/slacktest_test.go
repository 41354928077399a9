package slacktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/sportello/sportello/ingest/slack/slacktest"
)

// limit ends a test that hangs.
const limit = 20 * time.Second

type world struct {
	*slacktest.Server
	t     *testing.T
	clock *slacktest.ManualClock
	api   *slack.Client
	ctx   context.Context
	room  string // private, with the bot
	anna  string
}

func newWorld(t *testing.T, opt slacktest.Options) *world {
	t.Helper()
	clock := slacktest.NewManualClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	opt.Clock = clock
	s, err := slacktest.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(func() { cancel(); _ = s.Close() })
	w := &world{Server: s, t: t, clock: clock, ctx: ctx}
	w.anna = s.AddUser(slacktest.User{Name: "anna", RealName: "Anna Rossi", Email: "anna@acme.example"})
	w.room = s.AddChannel(slacktest.Channel{ID: "C0TRIAGE", Name: "triage", Private: true, Members: []string{w.anna, s.BotUser()}})
	w.api = slack.New("xoxb-test", slack.OptionAPIURL(s.URL()), slack.OptionAppLevelToken("xapp-test"))
	return w
}

func meta(id string) slack.MsgOption {
	return slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "sportello_post", EventPayload: map[string]any{"outbox_id": id}})
}

func (w *world) post(opts ...slack.MsgOption) string {
	w.t.Helper()
	w.clock.Advance(time.Second)
	_, ts, err := w.api.PostMessageContext(w.ctx, w.room, append(opts, meta("01M86DSPEG7TJ2P6Y4XC0QWE5M"))...)
	if err != nil {
		w.t.Fatal(err)
	}
	return ts
}

// raw makes a call and returns the whole answer.
func (w *world) raw(method string, args map[string]string, token string) (int, map[string]any) {
	w.t.Helper()
	form := url.Values{}
	for k, v := range args {
		form.Set(k, v)
	}
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.URL()+method, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, body
}

func TestErrors(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	w.AddChannel(slacktest.Channel{ID: "C0PUBLIC", Name: "public"})
	w.AddChannel(slacktest.Channel{ID: "C0SECRET", Name: "secret", Private: true})
	w.AddChannel(slacktest.Channel{ID: "C0OLD", Private: true, Archived: true, Members: []string{w.BotUser()}})
	hers, err := w.As(w.anna).Write(w.room, "ciao")
	if err != nil {
		t.Fatal(err)
	}
	mine := w.post(slack.MsgOptionText("uno", false))
	long := strings.Repeat("x", 4001)
	section := func(n int) string {
		return `{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("x", n) + `"}}`
	}
	many := func(block string, n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(block+",", n), ",") + "]"
	}
	for _, tt := range []struct {
		name, method string
		args         map[string]string
		token        string
		want         string
	}{
		{"no token", "auth.test", nil, "", "not_authed"},
		{"unknown token", "auth.test", nil, "xoxb-other", "invalid_auth"},
		{"bot token for a socket", "apps.connections.open", nil, "xoxb-test", "not_allowed_token_type"},
		{"app token for a post", "chat.postMessage", nil, "xapp-test", "not_allowed_token_type"},
		{"unknown method", "chat.whisper", nil, "xoxb-test", "unknown_method"},
		{"unknown channel", "chat.postMessage", map[string]string{"channel": "C0NONE", "text": "x"}, "", "channel_not_found"},
		{"private channel without the bot", "chat.postMessage", map[string]string{"channel": "C0SECRET", "text": "x"}, "", "channel_not_found"},
		{"public channel without the bot", "chat.postMessage", map[string]string{"channel": "C0PUBLIC", "text": "x"}, "", "not_in_channel"},
		{"archived", "chat.postMessage", map[string]string{"channel": "C0OLD", "text": "x"}, "", "is_archived"},
		{"no text", "chat.postMessage", map[string]string{"channel": w.room}, "", "no_text"},
		{"blocks not JSON", "chat.postMessage", map[string]string{"channel": w.room, "text": "x", "blocks": "["}, "", "invalid_blocks_format"},
		{"unknown block", "chat.postMessage", map[string]string{"channel": w.room, "text": "x", "blocks": `[{"type":"hologram"}]`}, "", "invalid_blocks"},
		{"section of 3,001", "chat.postMessage", map[string]string{"channel": w.room, "text": "x", "blocks": many(section(3001), 1)}, "", "invalid_blocks"},
		{"51 blocks", "chat.postMessage", map[string]string{"channel": w.room, "text": "x", "blocks": many(`{"type":"divider"}`, 51)}, "", "invalid_blocks"},
		{"12,001 in all", "chat.postMessage", map[string]string{"channel": w.room, "text": "x", "blocks": many(section(2500), 5)}, "", "msg_blocks_too_long"},
		{"metadata without type", "chat.postMessage", map[string]string{"channel": w.room, "text": "x", "metadata": `{"event_payload":{}}`}, "", "invalid_metadata_format"},
		{"metadata too large", "chat.postMessage", map[string]string{"channel": w.room, "text": "x", "metadata": `{"event_type":"a","event_payload":{"x":"` + strings.Repeat("x", 2048) + `"}}`}, "", "metadata_too_large"},
		{"reply to nothing", "chat.postMessage", map[string]string{"channel": w.room, "text": "x", "thread_ts": "1.000001"}, "", "cannot_reply_to_message"},
		{"update over 4,000", "chat.update", map[string]string{"channel": w.room, "ts": mine, "text": long}, "", "msg_too_long"},
		{"update of hers", "chat.update", map[string]string{"channel": w.room, "ts": hers, "text": "x"}, "", "cant_update_message"},
		{"update of nothing", "chat.update", map[string]string{"channel": w.room, "ts": "1.000001", "text": "x"}, "", "message_not_found"},
		{"delete hers", "chat.delete", map[string]string{"channel": w.room, "ts": hers}, "", "cant_delete_message"},
		{"hint to a stranger", "chat.postEphemeral", map[string]string{"channel": w.room, "user": "U0NONE", "text": "x"}, "", "user_not_in_channel"},
		{"replies of nothing", "conversations.replies", map[string]string{"channel": w.room, "ts": "1.000001"}, "", "thread_not_found"},
		{"bad cursor", "conversations.history", map[string]string{"channel": w.room, "cursor": "x"}, "", "invalid_cursor"},
		{"bad oldest", "conversations.history", map[string]string{"channel": w.room, "oldest": "soon"}, "", "invalid_ts_oldest"},
		{"reaction unknown", "reactions.add", map[string]string{"channel": w.room, "timestamp": mine, "name": "no-such"}, "", "invalid_name"},
		{"reaction without item", "reactions.add", map[string]string{"channel": w.room, "name": "eyes"}, "", "no_item_specified"},
		{"reaction not there", "reactions.remove", map[string]string{"channel": w.room, "timestamp": mine, "name": "eyes"}, "", "no_reaction"},
		{"user unknown", "users.info", map[string]string{"user": "U0NONE"}, "", "user_not_found"},
		{"address unknown", "users.lookupByEmail", map[string]string{"email": "x@y.example"}, "", "users_not_found"},
		{"trigger unknown", "views.open", map[string]string{"trigger_id": "1.2.3", "view": `{"type":"modal","title":{"type":"plain_text","text":"x"},"blocks":[]}`}, "", "invalid_trigger_id"},
		{"file unknown", "files.info", map[string]string{"file": "F0"}, "", "file_not_found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.clock.Advance(time.Minute)
			if tt.token == "" && tt.want != "not_authed" {
				tt.token = "xoxb-test"
			}
			_, body := w.raw(tt.method, tt.args, tt.token)
			if body["ok"] != false || body["error"] != tt.want {
				t.Errorf("got %v, want error %s", body, tt.want)
			}
		})
	}
}

func TestScopesAndTokenInForm(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	_, body := w.raw("auth.test", map[string]string{"token": "xoxb-test"}, "")
	if body["ok"] != true || body["team_id"] != "T0SPORTELLO" {
		t.Fatalf("a token in the form is refused: %v", body)
	}
	w.SetScopes("chat:write", "channels:history")
	_, body = w.raw("conversations.history", map[string]string{"channel": w.room}, "xoxb-test")
	if body["error"] != "missing_scope" || body["needed"] != "groups:history" || body["provided"] != "chat:write,channels:history" {
		t.Errorf("history of a private channel without its scope: %v", body)
	}
	_, body = w.raw("chat.postMessage", map[string]string{"channel": w.room, "text": "x", "username": "Marco"}, "xoxb-test")
	if body["needed"] != "chat:write.customize" {
		t.Errorf("a post under a name without the scope: %v", body)
	}
	w.Revoke("token_revoked")
	if _, body = w.raw("auth.test", nil, "xoxb-test"); body["error"] != "token_revoked" {
		t.Errorf("after revocation: %v", body)
	}
}

func TestThread(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	root := w.post(slack.MsgOptionText("radice & <b>", false))
	reply := w.post(slack.MsgOptionText("uno", false), slack.MsgOptionTS(root))
	h := w.As(w.anna)
	two, err := h.Reply(w.room, root, "due")
	if err != nil {
		t.Fatal(err)
	}
	loud, err := h.Broadcast(w.room, root, "tre")
	if err != nil {
		t.Fatal(err)
	}
	msgs, more, _, err := w.api.GetConversationRepliesContext(w.ctx, &slack.GetConversationRepliesParameters{ChannelID: w.room, Timestamp: root, IncludeAllMetadata: true})
	if err != nil || more {
		t.Fatal(err, more)
	}
	var got []string
	for _, m := range msgs {
		got = append(got, m.Timestamp)
	}
	if want := []string{root, reply, two, loud}; !slices.Equal(got, want) {
		t.Errorf("thread %v, want %v", got, want)
	}
	if msgs[0].Text != "radice &amp; &lt;b&gt;" {
		t.Errorf("text is kept as %q", msgs[0].Text)
	}
	if msgs[0].ReplyCount != 3 || msgs[0].LatestReply != loud || msgs[1].ParentUserId != w.BotUser() {
		t.Errorf("root %+v, reply's parent %q", msgs[0].Msg, msgs[1].ParentUserId)
	}
	if msgs[1].Metadata.EventPayload["outbox_id"] != "01M86DSPEG7TJ2P6Y4XC0QWE5M" {
		t.Errorf("metadata %v", msgs[1].Metadata)
	}
	h1, err := w.api.GetConversationHistoryContext(w.ctx, &slack.GetConversationHistoryParameters{ChannelID: w.room})
	if err != nil {
		t.Fatal(err)
	}
	if len(h1.Messages) != 2 || h1.Messages[0].Timestamp != loud || h1.Messages[1].Timestamp != root {
		t.Errorf("history shows %d messages; want the broadcast and the root, newest first", len(h1.Messages))
	}
	if len(h1.Messages[1].Metadata.EventPayload) != 0 || h1.Messages[1].Metadata.EventType == "" {
		t.Errorf("metadata without include_all_metadata: %v", h1.Messages[1].Metadata)
	}
	if _, _, err := w.api.DeleteMessageContext(w.ctx, w.room, root); err != nil {
		t.Fatal(err)
	}
	if m := w.Messages(w.room)[0]; m.Subtype != "tombstone" || m.ReplyCount != 3 {
		t.Errorf("a deleted root with replies is %+v", m)
	}
	if bad := w.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
}

func TestUpdateKeepsMetadata(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	ts := w.post(slack.MsgOptionText("uno", false), slack.MsgOptionBlocks(slack.NewDividerBlock()))
	if _, _, _, err := w.api.UpdateMessageContext(w.ctx, w.room, ts, slack.MsgOptionText("due", false)); err != nil {
		t.Fatal(err)
	}
	m := w.Messages(w.room)[0]
	if m.Text != "due" || m.Blocks != nil || m.Edited == nil || m.Metadata == nil || m.Metadata.EventPayload["outbox_id"] == nil {
		t.Errorf("after an update without blocks: %+v", m)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	var want []string
	for range 7 {
		want = append(want, w.post(slack.MsgOptionText("x", false)))
	}
	slices.Reverse(want)
	var got []string
	cursor := ""
	for {
		r, err := w.api.GetConversationHistoryContext(w.ctx, &slack.GetConversationHistoryParameters{ChannelID: w.room, Limit: 3, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Messages {
			got = append(got, m.Timestamp)
		}
		if cursor = r.ResponseMetaData.NextCursor; cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages give %v, want %v", got, want)
	}
	r, err := w.api.GetConversationHistoryContext(w.ctx, &slack.GetConversationHistoryParameters{ChannelID: w.room, Oldest: want[3], Latest: want[3], Inclusive: true, Limit: 1})
	if err != nil || len(r.Messages) != 1 || r.Messages[0].Timestamp != want[3] {
		t.Errorf("one message by its ts: %v %v", r, err)
	}
}

func TestRates(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	post := func() error {
		_, _, err := w.api.PostMessageContext(w.ctx, w.room, slack.MsgOptionText("x", false), meta("1"))
		return err
	}
	var limited *slack.RateLimitedError
	n := 0
	for ; n < 20; n++ {
		if err := post(); errors.As(err, &limited) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if limited == nil || n > 6 {
		t.Fatalf("%d posts at once without 429", n)
	}
	if err := post(); !errors.As(err, &limited) {
		t.Errorf("a post before Retry-After passes: %v", err)
	}
	if bad := w.Misuse(); len(bad) != 1 {
		t.Errorf("misuse %v, want the call before Retry-After", bad)
	}
	w.clock.Advance(limited.RetryAfter)
	if err := post(); err != nil {
		t.Errorf("after Retry-After: %v", err)
	}
	for i := range 21 {
		_, err := w.api.GetConversationHistoryContext(w.ctx, &slack.GetConversationHistoryParameters{ChannelID: w.room})
		if err != nil {
			t.Fatal(i, err)
		}
	}
	w.SetLimitedClass(true)
	if _, err := w.api.GetConversationHistoryContext(w.ctx, &slack.GetConversationHistoryParameters{ChannelID: w.room}); !errors.As(err, &limited) {
		t.Errorf("a second history call in a minute of the limited class: %v", err)
	}
}

func TestFaults(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	for _, tt := range []struct {
		kind   slacktest.FaultKind
		stored bool
		ok     func(error) bool
	}{
		{slacktest.LoseRequest, false, func(err error) bool { var u *url.Error; return errors.As(err, &u) }},
		{slacktest.LoseAnswer, true, func(err error) bool { var u *url.Error; return errors.As(err, &u) }},
		{slacktest.ErrorBefore, false, func(err error) bool { var e slack.StatusCodeError; return errors.As(err, &e) && e.Code == 503 }},
		{slacktest.ErrorAfter, true, func(err error) bool { var e slack.StatusCodeError; return errors.As(err, &e) && e.Code == 502 }},
		{slacktest.InternalError, true, func(err error) bool { return err != nil && err.Error() == "internal_error" }},
		{slacktest.RateLimit, false, func(err error) bool {
			var e *slack.RateLimitedError
			return errors.As(err, &e) && e.RetryAfter == 7*time.Second
		}},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			w.clock.Advance(time.Minute)
			before := len(w.Messages(w.room))
			if err := w.Fault(slacktest.Fault{Method: "chat.postMessage", Kind: tt.kind, Delay: 7 * time.Second}); err != nil {
				t.Fatal(err)
			}
			_, _, err := w.api.PostMessageContext(w.ctx, w.room, slack.MsgOptionText("x", false), meta("1"))
			if !tt.ok(err) {
				t.Errorf("error %v", err)
			}
			if stored := len(w.Messages(w.room)) > before; stored != tt.stored {
				t.Errorf("stored %v, want %v", stored, tt.stored)
			}
		})
	}
	t.Run("store_late", func(t *testing.T) {
		w.clock.Advance(time.Minute)
		before := len(w.Messages(w.room))
		if err := w.Fault(slacktest.Fault{Kind: slacktest.StoreLate, Delay: 25 * time.Second}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.api.PostMessageContext(w.ctx, w.room, slack.MsgOptionText("x", false), meta("1")); err == nil {
			t.Fatal("an answer came")
		}
		w.clock.Advance(24 * time.Second)
		if len(w.Messages(w.room)) != before {
			t.Error("stored too early")
		}
		w.clock.Advance(time.Second)
		if len(w.Messages(w.room)) != before+1 {
			t.Error("not stored")
		}
	})
}

func TestFiles(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	root := w.post(slack.MsgOptionText("radice", false))
	sum, err := w.api.UploadFileContext(w.ctx, slack.UploadFileParameters{
		Filename: "nota.txt", FileSize: 4, Reader: strings.NewReader("ciao"), Channel: w.room, ThreadTimestamp: root,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Thread(w.room, root)) != 1 {
		t.Error("the share is there before the clock moved")
	}
	w.clock.Advance(time.Second)
	if th := w.Thread(w.room, root); len(th) != 2 || th[1].Files[0].ID != sum.ID || th[1].Subtype != "file_share" {
		t.Fatalf("thread %+v", th)
	}
	f, _, _, err := w.api.GetFileInfoContext(w.ctx, sum.ID, 0, 0)
	if err != nil || len(f.Shares.Private[w.room]) != 1 {
		t.Fatalf("files.info %+v %v", f, err)
	}
	var b bytes.Buffer
	if err := w.api.GetFileContext(w.ctx, f.URLPrivateDownload, &b); err != nil || b.String() != "ciao" {
		t.Errorf("download %q %v", b.String(), err)
	}
	res, err := http.Get(f.URLPrivateDownload)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.Request.URL.Path != "/sign-in" || !bytes.Contains(page, []byte("Sign in")) {
		t.Errorf("a download without token ends at %s", res.Request.URL)
	}
}

func TestPeople(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	guest := w.AddUser(slacktest.User{Name: "ospite", Kind: slacktest.Guest})
	other := w.AddUser(slacktest.User{Name: "fuori", Kind: slacktest.External, Email: "f@other.example"})
	u, err := w.api.GetUserInfoContext(w.ctx, w.anna)
	if err != nil || u.Profile.Email != "anna@acme.example" || u.RealName != "Anna Rossi" {
		t.Errorf("%+v %v", u, err)
	}
	if u, err = w.api.GetUserInfoContext(w.ctx, guest); err != nil || !u.IsRestricted {
		t.Errorf("guest %+v %v", u, err)
	}
	if u, err = w.api.GetUserInfoContext(w.ctx, other); err != nil || u.TeamID == "T0SPORTELLO" || u.Locale != "" {
		t.Errorf("external %+v %v", u, err)
	}
	ids, _, err := w.api.GetUsersInConversationContext(w.ctx, &slack.GetUsersInConversationParameters{ChannelID: w.room})
	if err != nil || len(ids) != 2 {
		t.Errorf("members %v %v", ids, err)
	}
	if err := w.As(w.anna).Leave(w.room); err != nil {
		t.Fatal(err)
	}
	if _, err := w.As(w.anna).Write(w.room, "x"); err == nil {
		t.Error("a person writes in a channel she left")
	}
}

func TestEphemeral(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	if _, err := w.api.PostEphemeralContext(w.ctx, w.room, w.anna, slack.MsgOptionText("solo per te", false)); err != nil {
		t.Fatal(err)
	}
	if e := w.Ephemerals(w.anna); len(e) != 1 || e[0].Text != "solo per te" || len(w.Messages(w.room)) != 0 {
		t.Errorf("ephemeral %v", e)
	}
	w.Reload(w.anna)
	if e := w.Ephemerals(w.anna); len(e) != 0 {
		t.Error("still there after a reload")
	}
}

// TestCards posts the recommended cards and checks that planted faults are refused.
func TestCards(t *testing.T) {
	dir := shared(t)
	w := newWorld(t, slacktest.Options{PostEvery: -1})
	read := func(name string) map[string]any {
		raw, err := os.ReadFile(filepath.Join(dir, "slack", "cards", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var o map[string]any
		if err := json.Unmarshal(raw, &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	send := func(o map[string]any) any {
		blocks, _ := json.Marshal(o["blocks"])
		_, body := w.raw("chat.postMessage", map[string]string{"channel": w.room, "text": "x", "blocks": string(blocks), "metadata": `{"event_type":"a","event_payload":{}}`}, "xoxb-test")
		return body["error"]
	}
	for _, name := range []string{"new_ticket", "new_ticket_compact", "resolved", "kb_suggestion", "bounce"} {
		if e := send(read(name)); e != nil {
			t.Errorf("%s is refused: %v", name, e)
		}
	}
	block := func(o map[string]any, i int) map[string]any { return o["blocks"].([]any)[i].(map[string]any) }
	elem := func(o map[string]any, i, j int) map[string]any {
		return block(o, i)["elements"].([]any)[j].(map[string]any)
	}
	for name, spoil := range map[string]func(map[string]any){
		"header 151":             func(o map[string]any) { block(o, 0)["text"].(map[string]any)["text"] = strings.Repeat("x", 151) },
		"header as mrkdwn":       func(o map[string]any) { block(o, 0)["text"].(map[string]any)["type"] = "mrkdwn" },
		"button label as mrkdwn": func(o map[string]any) { elem(o, 3, 0)["text"].(map[string]any)["type"] = "mrkdwn" },
		"button label 76":        func(o map[string]any) { elem(o, 3, 0)["text"].(map[string]any)["text"] = strings.Repeat("x", 76) },
		"style default":          func(o map[string]any) { elem(o, 3, 0)["style"] = "default" },
		"duplicate block_id":     func(o map[string]any) { block(o, 1)["block_id"] = block(o, 0)["block_id"] },
		"stray property":         func(o map[string]any) { block(o, 0)["colour"] = "red" },
		"text without type":      func(o map[string]any) { delete(block(o, 1)["text"].(map[string]any), "type") },
		"button in context": func(o map[string]any) {
			b := block(o, 4)
			b["elements"] = append(b["elements"].([]any), elem(o, 3, 0))
		},
		"empty text": func(o map[string]any) { block(o, 1)["text"].(map[string]any)["text"] = "" },
	} {
		o := read("new_ticket")
		spoil(o)
		if e := send(o); e != "invalid_blocks" {
			t.Errorf("%s: %v, want invalid_blocks", name, e)
		}
	}
}

// shared finds the folder of test data or skips.
func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SPORTELLO_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "slack")); err != nil {
		t.Skip("no test data of Slack: set SPORTELLO_SHARED to the folder that holds it")
	}
	return dir
}

func httpPost(w *world, u, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, u, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return http.DefaultClient.Do(req)
}

func TestControl(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	base := strings.TrimSuffix(w.URL(), "api/")
	res, err := httpPost(w, base+"_control/message", `{"channel":"C0TRIAGE","user":"`+w.anna+`","text":"scrivi a marco@verdi.example"}`)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if m := w.Messages(w.room); len(m) != 1 || m[0].Text != "scrivi a <mailto:marco@verdi.example|marco@verdi.example>" {
		t.Errorf("messages %v", m)
	}
	if res, err = httpPost(w, base+"_control/dance", `{}`); err != nil || res.StatusCode != http.StatusBadRequest {
		t.Errorf("unknown verb: %v %v", res, err)
	}
	_ = res.Body.Close()
	res, err = http.Get(base + "_control/messages/C0TRIAGE")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var list []slacktest.Message
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil || len(list) != 1 {
		t.Errorf("%v %v", list, err)
	}
}
