package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ingest/slack/slacktest/blockkit"
	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// limit ends a test that hangs.
const limit = 60 * time.Second

// quick are the receiver's times for a test on the machine's clock.
var quick = slack.Timing{
	Dead: 400 * time.Millisecond, Ping: 100 * time.Millisecond, Between: time.Millisecond, Retry: 5 * time.Millisecond,
	RetryMax: 50 * time.Millisecond, Probe: 200 * time.Millisecond, Grace: 50 * time.Millisecond,
}

type world struct {
	*slacktest.Server
	t    *testing.T
	ctx  context.Context
	door *slack.Door
	room string
	anna string
}

// newWorld makes a workspace with a triage channel and the door to it. Rates are off unless the options say otherwise.
func newWorld(t *testing.T, opt slacktest.Options, change ...func(*slack.Config)) *world {
	t.Helper()
	if opt.RateFactor == 0 {
		opt.RateFactor = -1
	}
	if opt.PostEvery == 0 {
		opt.PostEvery = -1
	}
	if opt.EventRetries == nil {
		opt.EventRetries = []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, time.Second, time.Second, time.Second}
	}
	s, err := slacktest.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(func() { cancel(); _ = s.Close() })
	w := &world{Server: s, t: t, ctx: ctx}
	t.Cleanup(func() { wellFormed(t, s) })
	w.anna = s.AddUser(slacktest.User{Name: "anna", RealName: "Anna Rossi"})
	w.room = s.AddChannel(slacktest.Channel{ID: "C0TRIAGE", Name: "triage", Private: true, Members: []string{w.anna, s.BotUser()}})
	words, err := templates.Load()
	if err != nil {
		t.Fatal(err)
	}
	c := slack.Config{
		Team: s.Options().Team, BotToken: ticketing.NewSecret("xoxb-test"), AppToken: ticketing.NewSecret("xapp-test"), APIURL: s.URL(),
		Queues: map[string]string{w.room: "assistenza"}, Words: words, Timing: quick, PostEvery: -1, Log: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&c)
	}
	if w.door, err = slack.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.door.API().Close)
	return w
}

// wellFormed checks every message and view that a test sent, by the types and limits that Slack publishes.
func wellFormed(t *testing.T, s *slacktest.Server) {
	t.Helper()
	for _, r := range s.Log() {
		for _, fault := range blockkit.Check(r.Method, r.Args) {
			t.Errorf("%s: %s\n%v", r.Method, fault, r.Args)
		}
		for _, fault := range unpublished(r) {
			t.Errorf("%s: %s\n%v", r.Method, fault, r.Args)
		}
	}
}

type publishedMethod struct {
	Args struct {
		Required []string `json:"required"`
		Optional []string `json:"optional"`
	} `json:"args"`
}

// published are the methods as Slack's reference lists them; nil where that list is not there.
var published = sync.OnceValue(func() (all map[string]publishedMethod) {
	dir := os.Getenv("SPORTELLO_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "slack", "methods.json"))
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err)
	}
	return all
})

// unpublished compares a call with the reference: its method and its arguments.
func unpublished(r slacktest.Request) (faults []string) {
	all := published()
	if all == nil {
		return nil
	}
	m, ok := all[r.Method]
	if !ok {
		return []string{"no such method is published"}
	}
	for name := range r.Args {
		if !slices.Contains(m.Args.Required, name) && !slices.Contains(m.Args.Optional, name) {
			faults = append(faults, "no argument "+name+" is published")
		}
	}
	for _, name := range m.Args.Required {
		if r.Args[name] == "" && name != "token" {
			faults = append(faults, "the argument "+name+" is missing")
		}
	}
	return faults
}

// TestCallsArePublished says whether the comparison takes place, and that it finds something.
func TestCallsArePublished(t *testing.T) {
	if published() == nil {
		t.Skip("no reference of Slack's methods: set SPORTELLO_SHARED to the folder that holds slack/methods.json")
	}
	for _, r := range []slacktest.Request{
		{Method: "chat.poke"}, {Method: "users.info"}, {Method: "users.info", Args: map[string]string{"user": "U1", "colour": "red"}},
	} {
		if len(unpublished(r)) == 0 {
			t.Errorf("%+v passes", r)
		}
	}
}

func (w *world) await(cond func() bool) {
	w.t.Helper()
	if err := w.Await(w.ctx, cond); err != nil {
		w.t.Fatal(err)
	}
}

// box is a ledger in memory.
type box struct {
	mu   sync.Mutex
	seen map[string][]byte
	all  []slack.Envelope
	fail func(slack.Envelope) error
	more chan struct{}
}

func newBox() *box { return &box{seen: map[string][]byte{}, more: make(chan struct{}, 1)} }

func (b *box) accept(_ context.Context, e slack.Envelope) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		if err := b.fail(e); err != nil {
			return err
		}
	}
	b.all = append(b.all, e)
	if b.seen[e.ID] == nil {
		b.seen[e.ID] = e.Raw
	}
	select {
	case b.more <- struct{}{}:
	default:
	}
	return nil
}

// stored are the envelopes in the order in which they came.
func (b *box) stored() (all [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.all {
		all = append(all, e.Raw)
	}
	return all
}

// texts returns the texts of the stored message events, sorted.
func (b *box) texts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, raw := range b.seen {
		var f struct {
			Payload struct {
				Event struct {
					Type string `json:"type"`
					Text string `json:"text"`
				} `json:"event"`
			} `json:"payload"`
		}
		if json.Unmarshal(raw, &f) == nil && f.Payload.Event.Type == "message" {
			out = append(out, f.Payload.Event.Text)
		}
	}
	slices.Sort(out)
	return out
}

// receive runs a receiver until the test ends.
func (w *world) receive(b *box, sockets int, alarm func(string)) *slack.Receiver {
	w.t.Helper()
	r := &slack.Receiver{Open: w.door.API().OpenSocket, Sockets: sockets, Timing: quick, Alarm: alarm}
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, b.accept) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run ended with %v", err)
		}
	})
	return r
}

func contextWithCancel(w *world) (context.Context, context.CancelFunc) {
	return context.WithCancel(w.ctx)
}

func mustWords(t testing.TB) *templates.Set {
	t.Helper()
	words, err := templates.Load()
	if err != nil {
		t.Fatal(err)
	}
	return words
}
