package slacktest_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sportello/sportello/ingest/slack/slacktest"
)

type frame struct {
	Type       string          `json:"type"`
	Reason     string          `json:"reason"`
	EnvelopeID string          `json:"envelope_id"`
	Payload    json.RawMessage `json:"payload"`
	Retry      int             `json:"retry_attempt"`
	Num        int             `json:"num_connections"`
}

func (f frame) eventID() string {
	var p struct {
		EventID string `json:"event_id"`
	}
	_ = json.Unmarshal(f.Payload, &p)
	return p.EventID
}

func (f frame) event() map[string]any {
	var p struct {
		Event map[string]any `json:"event"`
	}
	_ = json.Unmarshal(f.Payload, &p)
	return p.Event
}

type wire struct {
	*websocket.Conn
	t *testing.T
}

func (w *world) dial(wbuf int) *wire {
	w.t.Helper()
	_, body := w.raw("apps.connections.open", nil, "xapp-test")
	u, _ := body["url"].(string)
	d := websocket.Dialer{WriteBufferSize: wbuf}
	c, _, err := d.DialContext(w.ctx, u, nil)
	if err != nil {
		w.t.Fatal(err, body)
	}
	_ = c.SetReadDeadline(time.Now().Add(limit))
	w.t.Cleanup(func() { _ = c.Close() })
	if _, _, err := d.DialContext(w.ctx, u, nil); err == nil {
		w.t.Error("a ticket opens two sockets")
	}
	k := &wire{c, w.t}
	if f := k.next(); f.Type != "hello" {
		w.t.Fatalf("first frame %+v, want hello", f)
	}
	w.clock.Advance(time.Minute) // apps.connections.open is called once a minute
	return k
}

func (k *wire) next() frame {
	k.t.Helper()
	_, raw, err := k.ReadMessage()
	if err != nil {
		k.t.Fatal(err)
	}
	var f frame
	if err := json.Unmarshal(raw, &f); err != nil {
		k.t.Fatal(err)
	}
	return f
}

func (k *wire) ack(id string) {
	k.t.Helper()
	if err := k.WriteJSON(map[string]string{"envelope_id": id}); err != nil {
		k.t.Fatal(err)
	}
}

func TestRetryKeepsEventID(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	k := w.dial(0)
	if _, err := w.As(w.anna).Write(w.room, "ciao <@"+w.BotUser()+">"); err != nil {
		t.Fatal(err)
	}
	first := k.next()
	if e := first.event(); e["type"] != "message" || e["channel_type"] != "group" || e["channel"] != w.room {
		t.Errorf("event %v", e)
	}
	mention := k.next()
	if mention.event()["type"] != "app_mention" || mention.eventID() == first.eventID() || mention.event()["ts"] != first.event()["ts"] {
		t.Errorf("mention %v", mention)
	}
	k.ack(mention.EnvelopeID)
	w.await(func() bool { return w.Waiting() == 1 })
	w.clock.Advance(3 * time.Second) // not acknowledged in time
	for i, wait := range []time.Duration{0, time.Minute, 5 * time.Minute} {
		w.clock.Advance(wait)
		f := k.next()
		if f.eventID() != first.eventID() || f.Retry != i+1 || f.EnvelopeID == first.EnvelopeID {
			t.Errorf("retry %d is %+v", i+1, f)
		}
		if i == 2 {
			k.ack(f.EnvelopeID)
		} else {
			w.clock.Advance(3 * time.Second)
		}
	}
	w.await(func() bool { return w.Waiting() == 0 })
}

func (w *world) await(cond func() bool) {
	w.t.Helper()
	if err := w.Await(w.ctx, cond); err != nil {
		w.t.Fatal(err)
	}
}

func TestOneEnvelopeGoesToOneSocket(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	a, b := w.dial(0), w.dial(0)
	type got struct {
		k  *wire
		id string
	}
	seen := make(chan got)
	for _, k := range []*wire{a, b} {
		go func() {
			for {
				_, raw, err := k.ReadMessage()
				if err != nil {
					return
				}
				var f frame
				_ = json.Unmarshal(raw, &f)
				if f.EnvelopeID == "" {
					continue
				}
				_ = k.WriteJSON(map[string]string{"envelope_id": f.EnvelopeID})
				seen <- got{k, f.eventID()}
			}
		}()
	}
	ids, per := map[string]bool{}, map[*wire]int{}
	for range 20 {
		if _, err := w.As(w.anna).Write(w.room, "x"); err != nil {
			t.Fatal(err)
		}
		g := <-seen
		if ids[g.id] {
			t.Errorf("%s came twice", g.id)
		}
		ids[g.id] = true
		per[g.k]++
	}
	if per[a] == 0 || per[b] == 0 {
		t.Errorf("shares %d and %d: both sockets should get some", per[a], per[b])
	}
	w.await(func() bool { return w.Waiting() == 0 })
}

func TestPress(t *testing.T) {
	w := newWorld(t, slacktest.Options{Events: []string{"app_home_opened"}}) // no echo of the card
	blocks := `[{"type":"actions","block_id":"a","elements":[{"type":"button","action_id":"ticket.claim","value":"7","text":{"type":"plain_text","text":"Prendo io"}}]}]`
	_, body := w.raw("chat.postMessage", map[string]string{"channel": w.room, "text": "x", "blocks": blocks, "metadata": `{"event_type":"a","event_payload":{}}`}, "xoxb-test")
	ts, _ := body["ts"].(string)
	h := w.As(w.anna)
	if d, err := h.Press(w.room, ts, "ticket.claim"); err != nil {
		t.Fatal(err)
	} else if <-d.Done(); d.Err() != slacktest.ErrNoSocket {
		t.Errorf("a press without sockets: %v", d.Err())
	}
	k := w.dial(0)
	d, err := h.Press(w.room, ts, "ticket.claim")
	if err != nil {
		t.Fatal(err)
	}
	f := k.next()
	var p struct {
		Type      string                                      `json:"type"`
		TriggerID string                                      `json:"trigger_id"`
		Respond   string                                      `json:"response_url"`
		Actions   []struct{ Value, ActionTS, BlockID string } `json:"actions"`
	}
	if err := json.Unmarshal(f.Payload, &p); err != nil || f.Type != "interactive" || p.Type != "block_actions" || p.Actions[0].Value != "7" {
		t.Fatalf("%s %v", f.Payload, err)
	}
	k.ack(f.EnvelopeID)
	if <-d.Done(); d.Err() != nil {
		t.Errorf("acknowledged, yet %v", d.Err())
	}
	view := `{"type":"modal","title":{"type":"plain_text","text":"x"},"blocks":[]}`
	open := func() any {
		_, body := w.raw("views.open", map[string]string{"trigger_id": p.TriggerID, "view": view}, "xoxb-test")
		return body["error"]
	}
	if e := open(); e != nil {
		t.Errorf("first use of the trigger: %v", e)
	}
	if e := open(); e != "exchanged_trigger_id" {
		t.Errorf("second use of the trigger: %v", e)
	}
	for i := range 6 {
		res, err := w.post0(p.Respond, `{"text":"risposta"}`)
		if ok := err == nil && res == 200; ok != (i < 5) {
			t.Errorf("use %d of the response_url: %d %v", i+1, res, err)
		}
	}
	d, err = h.Press(w.room, ts, "ticket.claim")
	if err != nil {
		t.Fatal(err)
	}
	k.next()
	w.clock.Advance(4 * time.Second)
	if <-d.Done(); d.Err() != slacktest.ErrNotAcknowledged {
		t.Errorf("a press without acknowledgement: %v", d.Err())
	}
	if w.Waiting() != 0 {
		t.Error("an interaction is retried")
	}
	if _, err := h.Press(w.room, ts, "ticket.none"); err == nil {
		t.Error("a button that is not there is pressed")
	}
}

func TestRefresh(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	k := w.dial(0)
	if _, err := w.Socket("warn", true); err != nil {
		t.Fatal(err)
	}
	if f := k.next(); f.Type != "disconnect" || f.Reason != "warning" {
		t.Fatalf("%+v", f)
	}
	if _, err := w.As(w.anna).Write(w.room, "x"); err != nil {
		t.Fatal(err)
	}
	k.ack(k.next().EnvelopeID) // a socket works on after the warning
	w.await(func() bool { return w.Waiting() == 0 })
	w.clock.Advance(10 * time.Second)
	if f := k.next(); f.Reason != "refresh_requested" {
		t.Fatalf("%+v", f)
	}
	w.clock.Advance(10 * time.Second)
	if _, _, err := k.ReadMessage(); err == nil {
		t.Error("the socket stays open")
	}
	w.await(func() bool { return w.Sockets() == 0 })
}

func TestEleventhSocket(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	for range 10 {
		w.dial(0)
	}
	_, body := w.raw("apps.connections.open", nil, "xapp-test")
	u, _ := body["url"].(string)
	c, _, err := websocket.DefaultDialer.DialContext(w.ctx, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(limit))
	k := &wire{c, t}
	if f := k.next(); f.Reason != "too_many_websockets" {
		t.Errorf("%+v", f)
	}
	if _, _, err := c.ReadMessage(); err == nil {
		t.Error("the eleventh socket stays open")
	}
}

func TestAnswersSlackIgnores(t *testing.T) {
	for name, tt := range map[string]struct{ buffer, size int }{
		"20,480 bytes":   {32 << 10, 20_480},
		"several frames": {1 << 10, 5_000},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, slacktest.Options{})
			k := w.dial(tt.buffer)
			if _, err := w.As(w.anna).Write(w.room, "x"); err != nil {
				t.Fatal(err)
			}
			f := k.next()
			head := `{"envelope_id":"` + f.EnvelopeID + `","payload":"`
			if err := k.WriteMessage(websocket.TextMessage, []byte(head+strings.Repeat("x", tt.size-len(head)-2)+`"}`)); err != nil {
				t.Fatal(err)
			}
			w.await(func() bool { return len(w.Misuse()) == 1 })
			if w.Waiting() != 1 {
				t.Error("the answer counts")
			}
		})
	}
}

func TestPingsAndSilence(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	k := w.dial(0)
	pings := make(chan struct{}, 10)
	pongs := make(chan struct{}, 10)
	k.SetPingHandler(func(string) error { pings <- struct{}{}; return nil })
	k.SetPongHandler(func(string) error { pongs <- struct{}{}; return nil })
	go func() { _, _, _ = k.ReadMessage() }()
	w.clock.Advance(10 * time.Second)
	<-pings
	if err := k.WriteControl(websocket.PingMessage, nil, time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	<-pongs
	for len(pings) > 0 {
		<-pings
	}
	if _, err := w.Socket("silence", true); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	if w.Sockets() != 1 || len(pings) > 0 {
		t.Error("a silent socket pings or closes")
	}
}

func TestNoEventWithoutScopeOrMembership(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	far := w.AddChannel(slacktest.Channel{Name: "altrove", Private: true, Members: []string{w.anna}})
	k := w.dial(0)
	if _, err := w.As(w.anna).Write(far, "il bot non c'è"); err != nil {
		t.Fatal(err)
	}
	w.SetScopes("chat:write")
	if _, err := w.As(w.anna).Write(w.room, "manca lo scope"); err != nil {
		t.Fatal(err)
	}
	w.SetScopes("groups:history")
	if _, err := w.As(w.anna).Write(w.room, "arriva"); err != nil {
		t.Fatal(err)
	}
	if e := k.next().event(); e["text"] != "arriva" {
		t.Errorf("first event %v", e)
	}
}

func (w *world) post0(u, body string) (int, error) {
	res, err := httpPost(w, u, body)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, nil
}
