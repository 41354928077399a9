package slack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// documentedSecret is the signing secret of Slack's own example.
const documentedSecret = "8f742231b10e8888abcd99yyyzzz85a5"

func overHTTP(c *slack.Config) {
	c.Mode, c.SigningSecret = slack.ModeHTTP, ticketing.NewSecret(documentedSecret)
}

// mount serves the door's HTTP side as the program does, makes it the app's request URLs, and returns what ends it.
func (w *world) mount(into ingest.Acceptor) (end func()) {
	srv := httptest.NewServer(w.door.Handler(into))
	w.SetRequestURLs(srv.URL+slack.PathEvents, srv.URL+slack.PathInteractive, srv.URL+slack.PathCommands)
	return func() {
		w.SetRequestURLs("", "", "")
		srv.Close()
	}
}

// webWorld is a workspace whose app is in HTTP mode, with a ledger, on one clock that stands still.
func webWorld(t *testing.T, change ...func(*slack.Config)) (*world, *ledger, *slacktest.ManualClock) {
	t.Helper()
	clock := slacktest.NewManualClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	opt := slacktest.Options{Clock: clock, EventRetries: []time.Duration{0, time.Minute, 5 * time.Minute}}
	w := newWorld(t, opt, append([]func(*slack.Config){overHTTP, func(c *slack.Config) { c.Now = clock.Now }}, change...)...)
	l := newLedger()
	t.Cleanup(w.mount(l))
	return w, l, clock
}

// ended waits until a number of requests to the app have ended, and returns the last.
func (w *world) ended(n int) slacktest.Posted {
	w.t.Helper()
	w.await(func() bool { return len(w.Posts()) >= n })
	all := w.Posts()
	if len(all) != n {
		w.t.Errorf("%d requests ended, want %d", len(all), n)
	}
	return all[len(all)-1]
}

// TestScenario11 is acceptance scenario 11: what Slack did not sign, or not now, is refused and leaves no row; a challenge is echoed only
// when it is signed.
func TestScenario11(t *testing.T) {
	w, l, clock := webWorld(t)
	root := must[string](t)(w.As(w.anna).Write(w.room, "una radice"))
	if p := w.ended(1); p.Status != http.StatusOK || len(l.rows) != 1 {
		t.Fatalf("a signed event was answered %d and left %d rows", p.Status, len(l.rows))
	}
	n := 1
	for _, c := range []struct {
		how    string
		status int
	}{{"wrong_secret", 401}, {"changed_body", 401}, {"old", 401}, {"future", 401}, {"unsigned", 401}, {"query", 400}} {
		if err := w.Tamper(c.how, 1); err != nil {
			t.Fatal(err)
		}
		// A press is delivered once, so that nothing but this request can leave a row.
		must[*slacktest.Delivery](t)(w.As(w.anna).Press(w.room, root, "ticket.claim", slacktest.PressOption{Value: "1042", Crafted: true}))
		n++
		if p := w.ended(n); p.Status != c.status {
			t.Errorf("%s: answered %d, want %d", c.how, p.Status, c.status)
		}
		if len(l.rows) != 1 {
			t.Fatalf("%s: left a row", c.how)
		}
	}
	if got := w.door.HTTP(); got.Refused != 6 || got.Foreign != 0 {
		t.Errorf("counted %+v, want 6 refused", got)
	}
	if err := w.Tamper("unsigned", 1); err != nil {
		t.Fatal(err)
	}
	if err := w.Verify(w.ctx); err == nil {
		t.Error("an unsigned challenge was echoed")
	}
	if err := w.Verify(w.ctx); err != nil {
		t.Error(err)
	}
	if len(l.rows) != 1 {
		t.Error("a challenge left a row")
	}
	// The ends of the five minutes themselves are inside.
	for _, off := range []time.Duration{5 * time.Minute, -5 * time.Minute} {
		r := signedAt(t, clock.Now().Add(off), "application/json", `{"type":"event_callback","event_id":"Ev`+off.String()+`","event":{"type":"x"}}`)
		if status := w.handle(l, r).Code; status != 200 {
			t.Errorf("%v off: answered %d", off, status)
		}
	}
}

// signedAt is a request with Slack's signature at a time.
func signedAt(t *testing.T, at time.Time, kind, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, slack.PathEvents, strings.NewReader(body))
	ts := fmt.Sprint(at.Unix())
	r.Header.Set("Content-Type", kind)
	r.Header.Set("X-Slack-Request-Timestamp", ts)
	r.Header.Set("X-Slack-Signature", slacktest.Sign(documentedSecret, ts, []byte(body)))
	return r
}

func (w *world) handle(l ingest.Acceptor, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.door.Handler(l).ServeHTTP(rec, r)
	return rec
}

// TestDocumentedSignature is the example of /authentication/verifying-requests-from-slack.
func TestDocumentedSignature(t *testing.T) {
	const body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA" +
		"&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554" +
		"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	w := newWorld(t, slacktest.Options{}, overHTTP, func(c *slack.Config) { c.Now = func() time.Time { return time.Unix(1531420618, 0) } })
	l := newLedger()
	r := httptest.NewRequest(http.MethodPost, slack.PathCommands, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", "1531420618")
	r.Header.Set("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503")
	if rec := w.handle(l, r); rec.Code != 200 || rec.Body.Len() != 0 || len(l.rows) != 1 {
		t.Errorf("answered %d %q, %d rows", rec.Code, rec.Body, len(l.rows))
	}
}

// TestHTTPStoresBeforeItAnswers: what was not stored is not acknowledged, and comes again at Slack's times with Slack's headers.
func TestHTTPStoresBeforeItAnswers(t *testing.T) {
	w, _, clock := webWorld(t)
	l := &failing{ledger: newLedger(), left: 3}
	t.Cleanup(w.mount(l))
	must[string](t)(w.As(w.anna).Write(w.room, "ciao"))
	for i, wait := range []time.Duration{0, time.Minute, 5 * time.Minute} {
		if p := w.ended(i + 1); p.Status != http.StatusServiceUnavailable {
			t.Fatalf("delivery %d was not stored and was answered %d", i, p.Status)
		}
		w.await(func() bool { return w.Waiting() == 1 })
		clock.Advance(wait)
	}
	p := w.ended(4)
	if p.Status != 200 || p.Header.Get("X-Slack-Retry-Num") != "3" || p.Header.Get("X-Slack-Retry-Reason") != "http_error" || len(l.order) != 1 {
		t.Errorf("the third retry: %d %v, %d rows", p.Status, p.Header, len(l.order))
	}
	var stored struct {
		Num    int    `json:"retry_attempt"`
		Reason string `json:"retry_reason"`
	}
	if err := json.Unmarshal(l.rows[l.order[0]], &stored); err != nil || stored.Num != 3 || stored.Reason != "http_error" {
		t.Errorf("stored %+v %v", stored, err)
	}
	if p.Time.Sub(w.Posts()[0].Time) != 6*time.Minute {
		t.Errorf("the retries came at %v", p.Time)
	}
}

// failing does not store the first deliveries.
type failing struct {
	*ledger
	left int
}

func (f *failing) Accept(ctx context.Context, door string, lease ticketing.Lease, items []ingest.Raw, c *ticketing.Cursor) error {
	f.mu.Lock()
	f.left--
	fails := f.left >= 0
	f.mu.Unlock()
	if fails {
		return errors.New("the database is away")
	}
	return f.ledger.Accept(ctx, door, lease, items, c)
}

// TestBothWaysTellTheSame acts once over sockets and once over HTTP: what the desk hears is equal, ids that Slack makes aside.
func TestBothWaysTellTheSame(t *testing.T) {
	story := func(change ...func(*slack.Config)) (heard []string) {
		clock := slacktest.NewManualClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
		w := newWorld(t, slacktest.Options{Clock: clock}, append(change, func(c *slack.Config) { c.Now = clock.Now })...)
		l := newLedger()
		stored := l.stored
		if w.door.Mode() == slack.ModeHTTP {
			defer w.mount(l)()
		} else {
			b := newBox()
			w.receive(b, 1, nil)
			w.await(func() bool { return w.Sockets() == 1 })
			stored = b.stored
		}
		anna := w.As(w.anna)
		settle := func() {
			w.await(func() bool { return w.Waiting() == 0 })
			clock.Advance(time.Second)
		}
		root := must[string](t)(anna.Write(w.room, "radice"))
		settle()
		ts := must[string](t)(anna.Reply(w.room, root, "Ciao <b> & \"due\" \\ + % é 日本", slacktest.Attachment{Name: "tasto.txt", Data: []byte("x")}))
		settle()
		for _, act := range []func() error{
			func() error { return anna.Edit(w.room, ts, "poi") },
			func() error { return anna.React(w.room, root, "eyes") },
			func() error {
				_, err := anna.Press(w.room, root, "ticket.claim", slacktest.PressOption{Value: "1042", Crafted: true})
				return err
			},
			func() error { _, err := anna.Slash(w.room, "/ticket", "cerca caffè + 2"); return err },
			func() error { _, err := anna.Shortcut("ticket_new", "", ""); return err },
			func() error { return anna.Delete(w.room, ts) },
		} {
			if err := act(); err != nil {
				t.Fatal(err)
			}
			settle()
		}
		for _, raw := range stored() {
			h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, raw)
			if err != nil {
				t.Fatal(err)
			}
			if h.Act != nil && (h.Act.Reply != "" || h.Act.View != "") {
				// Where to answer and the window's name are a delivery's own, and so is the key made of them.
				h.Act.Reply, h.Act.View, h.LogicalKey = "", "", ""
			}
			one, err := json.Marshal(h)
			if err != nil {
				t.Fatal(err)
			}
			heard = append(heard, string(one))
		}
		return heard
	}
	socket, web := story(), story(overHTTP)
	if len(socket) != 8 || !slices.Equal(socket, web) {
		t.Errorf("over sockets %d:\n%s\nover HTTP %d:\n%s", len(socket), strings.Join(socket, "\n"), len(web), strings.Join(web, "\n"))
	}
}

// TestStrangeBodies: what Slack signed and we do not know is stored, and its reading ends without an error.
func TestStrangeBodies(t *testing.T) {
	w, l, clock := webWorld(t)
	form := "application/x-www-form-urlencoded"
	for i, c := range []struct {
		kind, body string
		row        bool
		refused    ticketing.Cause
	}{
		{"application/json", "this is no JSON", true, ticketing.CauseMalformed},
		{"application/json", "", true, ticketing.CauseMalformed},
		{"application/json", "[1,2]", true, ticketing.CauseMalformed},
		{"application/json", `{"type":"app_rate_limited","minute_rate_limited":1518467820}`, true, ""},
		{"application/json", `{"type":"event_callback","event_id":"Ev1","event":{"type":"never_seen","x":[]}}`, true, ""},
		{"", `{"type":"event_callback","event_id":"Ev2","event":7}`, true, ""},
		{form, "payload=%7Bno", true, ticketing.CauseMalformed},
		{form, "%zz", true, ticketing.CauseMalformed},
		{form, "payload=" + url.QueryEscape(`{"type":"brand_new"}`), true, ""},
		{form, "command=%2Fticket&text=a&text=b", true, ""},
		{form + "; charset=utf-8", "ssl_check=1&token=x", false, ""},
	} {
		before := len(l.order)
		if rec := w.handle(l, signedAt(t, clock.Now(), c.kind, c.body)); rec.Code != 200 || rec.Body.Len() != 0 {
			t.Errorf("%d: answered %d %q", i, rec.Code, rec.Body)
		}
		if got := len(l.order) > before; got != c.row {
			t.Errorf("%d: left a row: %v, want %v", i, got, c.row)
		} else if got {
			h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, l.rows[l.order[before]])
			if err != nil || h.Refused != c.refused {
				t.Errorf("%d: read as %q %v, want %q", i, h.Refused, err, c.refused)
			}
		}
	}
	if rec := w.handle(l, httptest.NewRequest(http.MethodGet, slack.PathEvents, nil)); rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET was answered %d", rec.Code)
	}
}

// TestTheSameInteractionTwiceIsOneRow: a press has no id of its own over HTTP, so the bytes are its name.
func TestTheSameInteractionTwiceIsOneRow(t *testing.T) {
	w, l, clock := webWorld(t)
	body := "payload=" + url.QueryEscape(`{"type":"block_actions","actions":[{"action_ts":"1.1"}]}`)
	for range 2 {
		w.handle(l, signedAt(t, clock.Now(), "application/x-www-form-urlencoded", body))
	}
	if len(l.rows) != 1 {
		t.Errorf("%d rows", len(l.rows))
	}
}

func TestBodyLimit(t *testing.T) {
	w, l, clock := webWorld(t, func(c *slack.Config) { c.BodyMax = 100 })
	for n, want := range map[int]int{100: 200, 101: http.StatusRequestEntityTooLarge} {
		body := `{"type":"x","event_id":"Ev1","a":"` + strings.Repeat("a", n-36) + `"}`
		if len(body) != n {
			t.Fatal(len(body))
		}
		if rec := w.handle(l, signedAt(t, clock.Now(), "application/json", body)); rec.Code != want {
			t.Errorf("%d bytes were answered %d, want %d", n, rec.Code, want)
		}
	}
	if len(l.rows) != 1 {
		t.Errorf("%d rows", len(l.rows))
	}
}

// TestSlowBody: whoever sends slower than Slack waits is hung up on.
func TestSlowBody(t *testing.T) {
	w := newWorld(t, slacktest.Options{}, overHTTP, func(c *slack.Config) { c.Timing.Answer = 50 * time.Millisecond })
	srv := httptest.NewServer(w.door.Handler(newLedger()))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	at := fmt.Sprint(time.Now().Unix())
	_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-Slack-Request-Timestamp: %s\r\nX-Slack-Signature: %s\r\n\r\n{", slack.PathEvents, at,
		slacktest.Sign(documentedSecret, at, []byte("{")))
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

// TestEventsOfAnotherWorkspace are acknowledged and dropped, unless they were delivered for ours.
func TestEventsOfAnotherWorkspace(t *testing.T) {
	w, l, clock := webWorld(t)
	for i, c := range []struct {
		teams string
		rows  int
	}{
		{`"team_id":"T0OTHER"`, 0},
		{`"team_id":"T0OTHER","context_team_id":"T0OTHER","authorizations":[{"team_id":"T0OTHER"}]`, 0},
		{`"team_id":"T0OTHER","context_team_id":"T0SPORTELLO"`, 1},
		{`"team_id":"T0OTHER","authorizations":[{"team_id":"T0SPORTELLO"}]`, 2},
		{`"team_id":"T0SPORTELLO"`, 3},
		{`"team_id":null`, 4},
	} {
		body := fmt.Sprintf(`{"type":"event_callback","event_id":"Ev%d",%s,"event":{"type":"x"}}`, i, c.teams)
		if rec := w.handle(l, signedAt(t, clock.Now(), "application/json", body)); rec.Code != 200 || len(l.rows) != c.rows {
			t.Errorf("%s: answered %d, %d rows, want %d", c.teams, rec.Code, len(l.rows), c.rows)
		}
	}
	if got := w.door.HTTP(); got.Foreign != 2 {
		t.Errorf("counted %+v", got)
	}
}

// TestARetryAsksForWhatWasGivenUp: when one delivery had to be repeated, another may have been lost for good.
func TestARetryAsksForWhatWasGivenUp(t *testing.T) {
	w := newWorld(t, slacktest.Options{}, overHTTP, func(c *slack.Config) { c.Timing.Again = time.Nanosecond })
	root := must[string](t)(w.As(w.anna).Write(w.room, "radice"))
	l := &failing{ledger: newLedger()}
	t.Cleanup(w.mount(l))
	ctx, cancel := contextWithCancel(w)
	done := make(chan error, 1)
	go func() { done <- w.door.Receive(ctx, l) }()
	defer func() { cancel(); <-done }()
	w.until(l.ledger, func() bool { return len(l.mark) == 1 }) // the catch-up of the start

	w.NextEvents("drop", 1, 0)
	must[string](t)(w.As(w.anna).Reply(w.room, root, "andato perso"))
	l.mu.Lock()
	l.left = 1
	l.mu.Unlock()
	must[string](t)(w.As(w.anna).Reply(w.room, root, "ripetuto"))
	w.until(l.ledger, func() bool {
		return slices.ContainsFunc(l.order, func(id string) bool { return strings.Contains(string(l.rows[id]), "andato perso") })
	})
}

// until waits for what a ledger holds.
func (w *world) until(l *ledger, cond func() bool) {
	w.t.Helper()
	for {
		l.mu.Lock()
		ok := cond()
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-l.more:
		case <-w.ctx.Done():
			w.t.Fatal("the awaited row did not come")
		}
	}
}

func TestModesAreChecked(t *testing.T) {
	words := mustWords(t)
	for want, c := range map[string]slack.Config{
		"signing_secret is empty":  {Mode: slack.ModeHTTP},
		`slack.mode is "https"; u`: {Mode: "https"},
	} {
		c.Team, c.Words = "T0SPORTELLO", words
		if _, err := slack.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
