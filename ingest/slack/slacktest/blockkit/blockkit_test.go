package blockkit_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ingest/slack/slacktest/blockkit"
)

type obj = map[string]any

const metadata = `{"event_type":"sportello_post","event_payload":{"outbox_id":"01M86DSPEG7TJ2P6Y4XC0QWE5M"}}`

// card is a message with a block of every kind that faults are planted in.
const card = `[
 {"type":"header","block_id":"h","text":{"type":"plain_text","text":"Titolo"}},
 {"type":"section","block_id":"s","text":{"type":"mrkdwn","text":"*testo*","verbatim":true},"fields":[{"type":"mrkdwn","text":"a"}]},
 {"type":"actions","block_id":"a","elements":[
  {"type":"button","action_id":"b1","text":{"type":"plain_text","text":"Prendo io"},"value":"1042","style":"primary"},
  {"type":"static_select","action_id":"s1","placeholder":{"type":"plain_text","text":"Stato"},"options":[{"text":{"type":"plain_text","text":"x"},"value":"x"}]},
  {"type":"overflow","action_id":"o1","options":[{"text":{"type":"plain_text","text":"x"},"value":"x"}]}]},
 {"type":"context","block_id":"c","elements":[{"type":"mrkdwn","text":"riga"}]},
 {"type":"rich_text","block_id":"r","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"parole"}]}]},
 {"type":"divider"}]`

const modal = `{"type":"modal","title":{"type":"plain_text","text":"Modulo"},"submit":{"type":"plain_text","text":"Manda"},"private_metadata":"1","blocks":[
 {"type":"input","block_id":"i","label":{"type":"plain_text","text":"Testo"},"element":{"type":"plain_text_input","action_id":"t","max_length":3000}}]}`

const home = `{"type":"home","blocks":[{"type":"section","text":{"type":"plain_text","text":"casa"}}]}`

func x(n int) string { return strings.Repeat("è", n) }

// planted are faults, each of which both checks have to find.
var planted = []struct {
	name, method, base string
	spoil              func(v any) any
}{
	{"section text of 3001", "chat.postMessage", card, set(x(3001), 1, "text", "text")},
	{"51 blocks", "chat.postMessage", card, grow(51, obj{"type": "divider"})},
	{"header of 151", "chat.postMessage", card, set(x(151), 0, "text", "text")},
	{"header as mrkdwn", "chat.postMessage", card, set("mrkdwn", 0, "text", "type")},
	{"11 fields", "chat.postMessage", card, grow(11, obj{"type": "mrkdwn", "text": "a"}, 1, "fields")},
	{"field of 2001", "chat.postMessage", card, set(x(2001), 1, "fields", 0, "text")},
	{"label as mrkdwn", "chat.postMessage", card, set("mrkdwn", 2, "elements", 0, "text", "type")},
	{"label of 76", "chat.postMessage", card, set(x(76), 2, "elements", 0, "text", "text")},
	{"value of 2001", "chat.postMessage", card, set(x(2001), 2, "elements", 0, "value")},
	{"style default", "chat.postMessage", card, set("default", 2, "elements", 0, "style")},
	{"overflow with 6 options", "chat.postMessage", card, grow(6, obj{"text": obj{"type": "plain_text", "text": "x"}, "value": "x"}, 2, "elements", 2, "options")},
	{"option value of 151", "chat.postMessage", card, set(x(151), 2, "elements", 1, "options", 0, "value")},
	{"option label of 76", "chat.postMessage", card, set(x(76), 2, "elements", 1, "options", 0, "text", "text")},
	{"placeholder of 151", "chat.postMessage", card, set(x(151), 2, "elements", 1, "placeholder", "text")},
	{"26 buttons", "chat.postMessage", card, grow(26, obj{"type": "button", "text": obj{"type": "plain_text", "text": "x"}}, 2, "elements")},
	{"block_id twice", "chat.postMessage", card, set("h", 1, "block_id")},
	{"action_id twice", "chat.postMessage", card, set("b1", 2, "elements", 2, "action_id")},
	{"unknown block", "chat.postMessage", card, set("hologram", 5, "type")},
	{"stray field", "chat.postMessage", card, set("red", 0, "colour")},
	{"text without type", "chat.postMessage", card, set(nil, 1, "text", "type")},
	{"text that is a number", "chat.postMessage", card, set(7.0, 1, "text", "text")},
	{"button in context", "chat.postMessage", card, set(obj{"type": "button", "text": obj{"type": "plain_text", "text": "x"}}, 3, "elements", 0)},
	{"11 elements in context", "chat.postMessage", card, grow(11, obj{"type": "mrkdwn", "text": "a"}, 3, "elements")},
	{"empty text", "chat.postMessage", card, set("", 1, "text", "text")},
	{"unknown part of rich text", "chat.postMessage", card, set("hologram", 4, "elements", 0, "elements", 0, "type")},
	{"more than 12,000 in all", "chat.postMessage", card, grow(11, obj{"type": "section", "text": obj{"type": "mrkdwn", "text": x(2500)}})},
	{"more than 12,000 in rich text", "chat.postMessage", card,
		grow(11, obj{"type": "rich_text", "elements": []any{obj{"type": "rich_text_section", "elements": []any{obj{"type": "text", "text": x(2500)}}}}})},
	{"title of 25", "views.open", modal, set(x(25), "title", "text")},
	{"input without submit", "views.open", modal, set(nil, "submit")},
	{"private_metadata of 3001", "views.open", modal, set(x(3001), "private_metadata")},
	{"input that takes 3001", "views.open", modal, set(3001.0, "blocks", 0, "element", "max_length")},
	{"modal without title", "views.open", modal, set(nil, "title")},
	{"101 blocks", "views.publish", home, grow(101, obj{"type": "divider"}, "blocks")},
	{"input in a home view with a slip", "views.publish", home, set("red", "blocks", 0, "colour")},
}

// set puts a value at a place; nil takes away what is there.
func set(value any, path ...any) func(any) any {
	return func(v any) any {
		in := v
		for _, p := range path[:len(path)-1] {
			in = step(in, p)
		}
		switch last := path[len(path)-1].(type) {
		case int:
			in.([]any)[last] = value
		case string:
			if o := in.(obj); value == nil {
				delete(o, last)
			} else {
				o[last] = value
			}
		}
		return v
	}
}

// grow appends to the list at a place until it has n entries.
func grow(n int, entry any, path ...any) func(any) any {
	return func(v any) any {
		list := v
		for _, p := range path {
			list = step(list, p)
		}
		l := list.([]any)
		for len(l) < n {
			l = append(l, entry)
		}
		if len(path) == 0 {
			return l
		}
		return set(l, path...)(v)
	}
}

func step(in, p any) any {
	if i, ok := p.(int); ok {
		return in.([]any)[i]
	}
	return in.(obj)[p.(string)]
}

func argsOf(method, what string) map[string]string {
	if strings.HasPrefix(method, "views.") {
		return map[string]string{"view": what, "user_id": "U0ANNA", "trigger_id": "t"}
	}
	return map[string]string{"channel": "C0TRIAGE", "text": "in una riga", "blocks": what, "metadata": metadata}
}

// TestPlantedFaults: a check that accepts everything is no witness. The double's own check has to refuse the same.
func TestPlantedFaults(t *testing.T) {
	s, err := slacktest.New(slacktest.Options{PostEvery: -1, RateFactor: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.AddUser(slacktest.User{ID: "U0ANNA", Name: "anna"})
	s.AddChannel(slacktest.Channel{ID: "C0TRIAGE", Private: true, Members: []string{"U0ANNA", s.BotUser()}})
	// refused tells what the double says, with a fresh trigger.
	refused := func(method string, args map[string]string) string {
		form := url.Values{"token": {"xoxb-test"}}
		for k, v := range args {
			form.Set(k, v)
		}
		if method == "views.open" {
			form.Set("trigger_id", trigger(t, s))
		}
		resp, err := http.PostForm(s.URL()+method, form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var o struct{ Error string }
		if err := json.NewDecoder(resp.Body).Decode(&o); err != nil {
			t.Fatal(err)
		}
		return o.Error
	}
	for method, base := range map[string]string{"chat.postMessage": card, "views.open": modal, "views.publish": home} {
		if faults, no := blockkit.Check(method, argsOf(method, base)), refused(method, argsOf(method, base)); len(faults) > 0 || no != "" {
			t.Errorf("%s without a fault: %q, the double says %q", method, faults, no)
		}
	}
	for _, p := range planted {
		var v any
		if err := json.Unmarshal([]byte(p.base), &v); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(p.spoil(v))
		if err != nil {
			t.Fatal(err)
		}
		args := argsOf(p.method, string(raw))
		if len(blockkit.Check(p.method, args)) == 0 {
			t.Errorf("%s is not found", p.name)
		}
		if refused(p.method, args) == "" {
			t.Errorf("%s is taken by the double", p.name)
		}
	}
	if len(s.Messages("C0TRIAGE")) != 1 {
		t.Error("a refused message was posted")
	}
}

func trigger(t *testing.T, s *slacktest.Server) string {
	t.Helper()
	app := make(chan string, 1)
	srv := newApp(t, app)
	s.SetRequestURLs("", srv, "")
	defer s.SetRequestURLs("", "", "")
	if _, err := s.As("U0ANNA").Shortcut("ticket_new", "", ""); err != nil {
		t.Fatal(err)
	}
	select {
	case id := <-app:
		return id
	case <-time.After(time.Minute):
		t.Fatal("no shortcut came")
		return ""
	}
}

// TestOwnRules: what Slack takes and we do not send.
func TestOwnRules(t *testing.T) {
	ok := func() map[string]string { return argsOf("chat.postMessage", card) }
	for name, c := range map[string]struct {
		method string
		change func(map[string]string)
	}{
		"no text":               {"chat.postMessage", func(a map[string]string) { delete(a, "text") }},
		"a text of 4001":        {"chat.postMessage", func(a map[string]string) { a["text"] = x(4001) }},
		"no metadata":           {"chat.postMessage", func(a map[string]string) { delete(a, "metadata") }},
		"an id that is no ULID": {"chat.postMessage", func(a map[string]string) { a["metadata"] = strings.Replace(metadata, "01M86", "1", 1) }},
		"an address for everybody": {"chat.postMessage", func(a map[string]string) {
			a["metadata"] = strings.Replace(metadata, `"}}`, `","m":"a@b.example"}}`, 1)
		}},
		"metadata in an update": {"chat.update", func(map[string]string) {}},
		"more than 9,000 in all": {"chat.postMessage", func(a map[string]string) {
			one := `{"type":"section","text":{"type":"mrkdwn","text":"` + x(3000) + `"}}`
			a["blocks"] = "[" + one + "," + one + "," + one + `,{"type":"section","text":{"type":"mrkdwn","text":"x"}}]`
		}},
	} {
		args := ok()
		c.change(args)
		if len(blockkit.Check(c.method, args)) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
	if faults := blockkit.Check("chat.postMessage", ok()); faults != nil {
		t.Errorf("without a fault: %q", faults)
	}
	if faults := blockkit.Check("reactions.add", map[string]string{"name": "eyes"}); faults != nil {
		t.Errorf("a reaction: %q", faults)
	}
}

// TestRecommendedCards compares both checks over cards that were not written for this test.
func TestRecommendedCards(t *testing.T) {
	dir := os.Getenv("SPORTELLO_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "slack", "cards", "*.json"))
	if len(files) == 0 {
		t.Skip("no cards: set SPORTELLO_SHARED to the folder that holds slack/cards")
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Type, TS, Text   string
			Blocks, Metadata json.RawMessage
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		method, args := "chat.postMessage", map[string]string{"text": c.Text, "blocks": string(c.Blocks), "metadata": string(c.Metadata)}
		switch {
		case c.Type == "home":
			method, args = "views.publish", map[string]string{"view": string(raw)}
		case c.Type == "modal":
			method, args = "views.open", map[string]string{"view": string(raw)}
		case c.TS != "":
			method = "chat.update"
		}
		if faults := blockkit.Check(method, args); len(faults) > 0 {
			t.Errorf("%s: %q", filepath.Base(name), faults)
		}
	}
}

// newApp is an app in HTTP mode that passes on the triggers it is given.
func newApp(t *testing.T, triggers chan<- string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var p struct {
			Trigger string `json:"trigger_id"`
		}
		_ = json.Unmarshal([]byte(r.FormValue("payload")), &p)
		triggers <- p.Trigger
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
