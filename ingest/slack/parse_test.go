package slack_test

import (
	"strings"
	"testing"

	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// listen starts a receiver and returns a function that waits for the next stored envelope which parses to an act or an echo of interest.
func (w *world) listen() func(want func(ticketing.Heard) bool) ticketing.Heard {
	w.t.Helper()
	b := newBox()
	w.receive(b, 1, nil)
	w.await(func() bool { return w.Sockets() == 1 })
	at := 0
	return func(want func(ticketing.Heard) bool) ticketing.Heard {
		w.t.Helper()
		for {
			b.mu.Lock()
			var raw []byte
			if at < len(b.all) {
				raw = b.all[at].Raw
				at++
			}
			b.mu.Unlock()
			if raw == nil {
				select {
				case <-b.more:
					continue
				case <-w.ctx.Done():
					w.t.Fatal("the awaited act did not come")
				}
			}
			h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, raw)
			if err != nil {
				w.t.Fatal(err)
			}
			if want(h) {
				return h
			}
		}
	}
}

func verb(v ticketing.Verb) func(ticketing.Heard) bool {
	return func(h ticketing.Heard) bool { return h.Act != nil && h.Act.Verb == v }
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestActs(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	next := w.listen()
	o := rows("it")["root"]
	root := must[ticketing.Ref](t)(w.send(o))
	if h := next(func(h ticketing.Heard) bool { return h.Echo != nil }); h.Echo.Outgoing != o.ID || h.Echo.Ref != root || h.Act != nil {
		t.Errorf("echo %+v", h.Echo)
	}
	anna := w.As(w.anna)
	reply := must[string](t)(anna.Reply(w.room, tsOf(root), "Ciao, guarda https://kb.example/31?a=1&b=2 e scrivi a marco@verdi.example 2 < 3 :+1:",
		slacktest.Attachment{Name: "../guida.pdf", Data: []byte("%PDF")}))
	h := next(verb(ticketing.VerbSay))
	a := h.Act
	if a.Text != "Ciao, guarda https://kb.example/31?a=1&b=2 e scrivi a marco@verdi.example 2 < 3 👍" {
		t.Errorf("text %q", a.Text)
	}
	if !a.IsAgent || a.Bot || a.Actor.Name != "Anna Rossi" || a.Actor.Key != "slack:T0SPORTELLO/"+w.anna || a.Root != root ||
		a.Target != ticketing.Ref(place+"/"+reply) || h.Ref != a.Target || h.Queue != "assistenza" || a.Place != place || a.Mentions {
		t.Errorf("act %+v", a)
	}
	if len(h.Claims) != 1 || h.Claims[0].Rule != ticketing.ClaimThread || h.Claims[0].Ref != root {
		t.Errorf("claims %+v", h.Claims)
	}
	if len(h.Files) != 1 || string(h.Files[0].Data) != "%PDF" || strings.ContainsAny(h.Files[0].Name, "/\\") {
		t.Errorf("files %+v", h.Files)
	}
	said := h.LogicalKey

	if err := w.DetectLanguage(w.room, reply); err != nil {
		t.Fatal(err)
	}
	if err := anna.Edit(w.room, reply, "Ciao <@"+w.anna+">"); err != nil {
		t.Fatal(err)
	}
	h = next(verb(ticketing.VerbEdit))
	if h.Act.Text != "Ciao Anna Rossi" || !h.Act.Mentions || h.Act.MentionFirst || h.Act.Target != ticketing.Ref(place+"/"+reply) || h.Act.Root != root ||
		h.LogicalKey == said || h.Ref != "" {
		t.Errorf("edit %+v", h.Act)
	}
	for _, on := range []struct {
		ts   string
		root bool
	}{{tsOf(root), true}, {reply, false}} {
		if err := anna.React(w.room, on.ts, "eyes"); err != nil {
			t.Fatal(err)
		}
		h = next(verb(ticketing.VerbReact))
		if (h.Act.Target == h.Act.Root) != on.root || h.Act.Root != root || h.Act.Emoji != "eyes" {
			t.Errorf("reaction %+v", h.Act)
		}
	}
	if err := anna.Delete(w.room, reply); err != nil {
		t.Fatal(err)
	}
	if h = next(verb(ticketing.VerbDelete)); h.Act.Target != ticketing.Ref(place+"/"+reply) || h.Act.Root != root || !h.Act.IsAgent {
		t.Errorf("deletion %+v", h.Act)
	}
	d := must[*slacktest.Delivery](t)(anna.Press(w.room, tsOf(root), "ticket.claim"))
	h = next(verb(ticketing.VerbPress))
	if h.Act.Action != "ticket.claim" || h.Act.Value != "1042" || h.Act.Root != root || !h.Act.IsAgent {
		t.Errorf("press %+v", h.Act)
	}
	if <-d.Done(); d.Err() != nil {
		t.Error(d.Err())
	}
	if bad := w.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
}

func TestWhoIsAnAgent(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	guest := w.AddUser(slacktest.User{Name: "ospite", Kind: slacktest.Guest})
	other := w.AddUser(slacktest.User{Name: "fuori", Kind: slacktest.External})
	robot := w.AddUser(slacktest.User{Name: "robot", Kind: slacktest.Bot})
	bruno := w.AddUser(slacktest.User{Name: "bruno"})
	for _, u := range []string{guest, other, robot, bruno} {
		if err := w.As(u).Join(w.room); err != nil {
			t.Fatal(err)
		}
	}
	next := w.listen()
	root := must[ticketing.Ref](t)(w.send(rows("it")["root"]))
	for user, want := range map[string]bool{guest: false, other: false, robot: false, bruno: true, w.anna: true} {
		must[string](t)(w.As(user).Reply(w.room, tsOf(root), "ciao"))
		if h := next(verb(ticketing.VerbSay)); h.Act.IsAgent != want || h.Act.Bot != (user == robot) {
			t.Errorf("%+v: agent %v, want %v", h.Act.Actor, h.Act.IsAgent, want)
		}
	}
	d, err := w.As(other).Press(w.room, tsOf(root), "ticket.claim")
	if err != nil {
		t.Fatal(err)
	}
	if h := next(verb(ticketing.VerbPress)); h.Act.IsAgent {
		t.Error("an external member presses as an agent")
	}
	<-d.Done()
	// Bruno leaves: what he had written and nobody has read yet is no agent's any more.
	must[string](t)(w.As(bruno).Reply(w.room, tsOf(root), "ultimo"))
	if err := w.As(bruno).Leave(w.room); err != nil {
		t.Fatal(err)
	}
	next(verb(ticketing.VerbMember))
	if err := w.As(w.anna).Join(w.room); err != nil { // a later event to wait for
		t.Fatal(err)
	}
	next(verb(ticketing.VerbMember))
	raw := `{"type":"events_api","payload":{"team_id":"T0SPORTELLO","api_app_id":"A0SPORTELLO","event":{"type":"message","channel":"C0TRIAGE","user":"` + bruno +
		`","text":"x","ts":"1795507900.000100","thread_ts":"` + tsOf(root) + `"}}}`
	h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, []byte(raw))
	if err != nil || h.Act.IsAgent {
		t.Errorf("who left still acts: %+v %v", h.Act, err)
	}
}

func TestNothingToActOn(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	ev := func(event string) string {
		return `{"type":"events_api","payload":{"team_id":"T0SPORTELLO","api_app_id":"A0SPORTELLO","type":"event_callback","event":` + event + `}}`
	}
	for name, tt := range map[string]struct {
		raw     string
		refused bool
	}{
		"talk outside threads": {ev(`{"type":"message","channel":"C0TRIAGE","user":"U1","text":"x","ts":"1.1"}`), false},
		"another channel":      {ev(`{"type":"message","channel":"C0OTHER","user":"U1","text":"x","ts":"1.2","thread_ts":"1.1"}`), false},
		"own post, no mark":    {ev(`{"type":"message","channel":"C0TRIAGE","bot_id":"B1","app_id":"A0SPORTELLO","text":"x","ts":"1.2","thread_ts":"1.1"}`), false},
		"unfurl": {ev(`{"type":"message","subtype":"message_changed","channel":"C0TRIAGE","message":{"user":"U1","text":"x","ts":"1.2","edited":{"ts":"1.3"}},` +
			`"previous_message":{"user":"U1","text":"x","ts":"1.2"}}`), false},
		"tombstone":      {ev(`{"type":"message","subtype":"message_changed","channel":"C0TRIAGE","message":{"subtype":"tombstone","user":"USLACKBOT","text":"gone","ts":"1.2"}}`), false},
		"nested":         {ev(`{"type":"message","channel":"C0TRIAGE","ts":"1.2","message":{"text":"x"}}`), false},
		"join":           {ev(`{"type":"message","subtype":"channel_join","channel":"C0TRIAGE","user":"U1","text":"x","ts":"1.2"}`), false},
		"new event":      {ev(`{"type":"brand_new","a":[1,2]}`), false},
		"event a list":   {ev(`[1]`), false},
		"other reaction": {ev(`{"type":"reaction_added","user":"U1","reaction":"tada","item":{"channel":"C0TRIAGE","ts":"1.2"}}`), false},
		"modal":          {`{"type":"interactive","payload":{"type":"view_submission"}}`, false},
		"command":        {`{"type":"slash_commands","payload":{"command":"/ticket"}}`, false},
		"no JSON":        {`hello`, true},
		"no payload":     {`{"type":"events_api"}`, true},
		"new envelope":   {`{"type":"brand_new","payload":{}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			calls := len(w.Log())
			h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, []byte(tt.raw))
			if err != nil {
				t.Fatal(err)
			}
			if tt.refused != (h.Refused == ticketing.CauseMalformed) || !tt.refused && h.Act.Verb != ticketing.VerbOther {
				t.Errorf("heard %+v act %+v", h, h.Act)
			}
			if len(w.Log()) != calls {
				t.Error("Slack was asked about something of no consequence")
			}
		})
	}
}

// TestDamagedFieldsDoNotHideAMessage has numbers where text belongs and blocks of a new kind.
func TestDamagedFieldsDoNotHideAMessage(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	raw := `{"type":"events_api","payload":{"team_id":"T0SPORTELLO","api_app_id":"A0SPORTELLO","event":{"type":"message","channel":"C0TRIAGE","user":"` + w.anna +
		`","text":"ciao","ts":"1795507900.000100","thread_ts":"1795507800.000100","app_id":7,"files":{"a":1},"blocks":[{"type":"rich_text","elements":[{"text":5}]}]}}}`
	h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, []byte(raw))
	if err != nil || h.Act.Verb != ticketing.VerbSay || h.Act.Text != "ciao" || !h.Act.IsAgent {
		t.Errorf("%+v %v", h.Act, err)
	}
}

func TestSlackAwayIsTemporary(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	if err := w.Fault(slacktest.Fault{Method: "users.info", Kind: slacktest.LoseAnswer}); err != nil {
		t.Fatal(err)
	}
	raw := `{"type":"events_api","payload":{"team_id":"T0SPORTELLO","event":{"type":"message","channel":"C0TRIAGE","user":"` + w.anna + `","text":"x","ts":"2.1","thread_ts":"1.1"}}}`
	if _, err := w.door.Parse(w.ctx, ticketing.Inbound{}, []byte(raw)); err == nil || ticketing.Permanent(err) {
		t.Errorf("error %v, want a temporary one", err)
	}
	if h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, []byte(raw)); err != nil || !h.Act.IsAgent {
		t.Errorf("afterwards %+v %v", h.Act, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"events_api","payload":{"team_id":"T0SPORTELLO","event":{"type":"message","channel":"C0TRIAGE","user":"U1","text":"<@U1|x> &lt; <http://a|b>","ts":"2.1","thread_ts":"1.1"}}}`))
	f.Add([]byte(`{"type":"interactive","payload":{"type":"block_actions","channel":{"id":"C0TRIAGE"},"user":{"id":"U1"},"actions":[{"action_id":"ticket.more","selected_option":{"value":"1:pending"}}]}}`))
	f.Add([]byte(`{"type":"events_api","payload":{"event":{"type":"message","subtype":"message_changed","message":{"ts":5},"previous_message":[]}}}`))
	words := mustWords(f)
	door, err := slack.New(slack.Config{Team: "T0SPORTELLO", APIURL: "http://127.0.0.1:1/", Queues: map[string]string{"C0TRIAGE": "q"}, Words: words})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := door.Parse(t.Context(), ticketing.Inbound{}, raw)
		if err != nil {
			return // Slack is asked and does not answer
		}
		if h.Refused == "" && h.Act == nil && h.Echo == nil {
			t.Errorf("%q is neither refused nor an act nor an echo", raw)
		}
	})
}
