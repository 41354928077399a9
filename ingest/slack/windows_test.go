package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// receiving lets the door itself receive into a ledger, so that it answers what cannot wait; next returns the next stored act that is wanted.
func (w *world) receiving() (next func(want func(ticketing.Heard) bool) ticketing.Heard) {
	w.t.Helper()
	l := newLedger()
	if w.door.Mode() == slack.ModeHTTP {
		w.t.Cleanup(w.mount(l))
	} else {
		ctx, cancel := context.WithCancel(w.ctx)
		done := make(chan error, 1)
		go func() { done <- w.door.Receive(ctx, l) }()
		w.t.Cleanup(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				w.t.Errorf("Receive ended with %v", err)
			}
		})
		w.await(func() bool { return w.Sockets() == 2 })
	}
	at := 0
	return func(want func(ticketing.Heard) bool) ticketing.Heard {
		w.t.Helper()
		for {
			var raw []byte
			l.mu.Lock()
			if at < len(l.order) {
				raw = l.rows[l.order[at]]
				at++
			}
			l.mu.Unlock()
			if raw == nil {
				select {
				case <-l.more:
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

// window is the row that fills the window which was opened for an act.
func (w *world) window(a *ticketing.Act, f ticketing.Form) ticketing.Outgoing {
	if f.Queue == "" {
		f.Queue, f.Queues = "assistenza", []string{"amministrazione", "assistenza"}
	}
	return ticketing.Outgoing{ID: newULID(), Kind: ticketing.Window, Fluid: true, CreatedAt: time.Now(),
		Facts: ticketing.Facts{Language: "it", Place: place, Zone: "Europe/Rome", User: a.Actor.Key, Form: &f, View: a.View, Reply: a.Reply}}
}

func (w *world) acked(d *slacktest.Delivery) {
	w.t.Helper()
	if <-d.Done(); d.Err() != nil {
		w.t.Fatal(d.Err())
	}
}

func (w *world) seen(user string) string {
	v, _ := w.View(user)
	return string(v.Payload)
}

func value(kind, v string) map[string]any {
	switch kind {
	case "option":
		return map[string]any{"v": map[string]any{"type": "static_select", "selected_option": map[string]any{"value": v}}}
	case "user":
		return map[string]any{"v": map[string]any{"type": "users_select", "selected_user": v}}
	}
	return map[string]any{"v": map[string]any{"type": "plain_text_input", "value": v}}
}

// TestWindowOfAMessage: "Crea ticket" on a message of any channel: a window stands before the acknowledgement, is filled in later, says what
// is wrong with its fields at once, and brings the message, its thread and its files.
func TestWindowOfAMessage(t *testing.T) {
	t.Run("socket", func(t *testing.T) { windowOfAMessage(t) })
	t.Run("http", func(t *testing.T) { windowOfAMessage(t, overHTTP) })
}

func windowOfAMessage(t *testing.T, change ...func(*slack.Config)) {
	w := newWorld(t, slacktest.Options{}, append(change, func(c *slack.Config) { c.Ours = func(a string) bool { return strings.HasSuffix(a, "@desk.example") } })...)
	marco := w.AddUser(slacktest.User{Name: "marco", RealName: "Marco Verdi", Email: "marco@verdi.example"})
	room := w.AddChannel(slacktest.Channel{ID: "C0GENERALE", Name: "generale", Members: []string{w.anna, marco, w.BotUser()}})
	away := w.AddChannel(slacktest.Channel{ID: "C0LONTANO", Name: "lontano", Private: true, Members: []string{w.anna, marco}})
	next := w.receiving()
	anna := w.As(w.anna)
	ts := must[string](t)(w.As(marco).Write(room, "La cassa <@"+w.anna+"> non va & fa rumore\nda ieri", slacktest.Attachment{Name: "foto.png", Data: []byte("PNG")}))
	for i := range 3 {
		must[string](t)(anna.Reply(room, ts, fmt.Sprintf("risposta %d", i)))
	}
	w.acked(must[*slacktest.Delivery](t)(anna.Shortcut("ticket_from_message", room, ts)))
	if !strings.Contains(w.seen(w.anna), "Un momento") {
		t.Fatalf("acknowledged without a window: %s", w.seen(w.anna))
	}
	h := next(verb(ticketing.VerbAsk))
	a := h.Act
	if !a.IsAgent || a.Action != ticketing.FormFrom || a.View == "" || !a.Readable || a.Text != "La cassa Anna Rossi non va & fa rumore\nda ieri" || a.Author.Address != "marco@verdi.example" || a.Target != ticketing.Ref("slack:T0SPORTELLO/"+room+"/"+ts) || a.Reply == "" || len(h.Claims) > 0 || a.Place != "" {
		t.Errorf("asked: %+v", a)
	}
	form := ticketing.Form{Kind: ticketing.FormFrom, Subject: "La <cassa>", Address: a.Author.Address, Text: a.Text, About: a.Target, Thread: a.Root, Readable: true}
	if _, err := w.send(w.window(a, form)); err != nil {
		t.Fatal(err)
	}
	if s := w.seen(w.anna); !strings.Contains(s, "ticket_from_message") || !strings.Contains(s, "marco@verdi.example") || !strings.Contains(s, "amministrazione") {
		t.Errorf("the window shows %s", s)
	}
	fields := func(subject, requester string) map[string]map[string]any {
		return map[string]map[string]any{"subject": value("", subject), "requester": value("", requester), "queue": value("option", "assistenza"), "prio": value("option", "high"), "body": value("", "testo")}
	}
	for _, bad := range []struct{ subject, requester, says string }{{" ", "marco@verdi.example", "Serve"}, {"x", "marco@", "Non è un indirizzo"}, {"x", "info@desk.example", "indirizzo nostro"}} {
		d := must[*slacktest.Delivery](t)(anna.Submit(fields(bad.subject, bad.requester)))
		w.acked(d)
		if !strings.Contains(string(d.Answer()), bad.says) || !strings.Contains(string(d.Answer()), `"response_action":"errors"`) {
			t.Errorf("%+v: answered %s", bad, d.Answer())
		}
		if h := next(func(h ticketing.Heard) bool { return h.Act != nil && h.Act.Verb != ticketing.VerbAsk }); h.Act.Verb != ticketing.VerbOther {
			t.Errorf("%+v is acted on: %+v", bad, h.Act)
		}
	}
	w.acked(must[*slacktest.Delivery](t)(anna.Submit(fields("La cassa", "marco@verdi.example"))))
	if _, open := w.View(w.anna); open {
		t.Error("the window is still open")
	}
	h = next(verb(ticketing.VerbSubmit))
	f := h.Act.Fields
	if !h.Act.IsAgent || h.Act.Action != ticketing.FormFrom || f["subject"] != "La cassa" || f["requester"] != "marco@verdi.example" || f["queue"] != "assistenza" || f["prio"] != "high" || f["body"] != "testo" || f["about"] != string(a.Target) ||
		f["thread_text"] != "Anna Rossi: risposta 0\nAnna Rossi: risposta 1\nAnna Rossi: risposta 2" || len(h.Files) != 1 || string(h.Files[0].Data) != "PNG" || h.LogicalKey == "" {
		t.Errorf("sent in: %+v files %d", h.Act, len(h.Files))
	}

	// A channel where the app is not: the payload's text, files by name.
	ts = must[string](t)(w.As(marco).Write(away, "Qui l'app non c'è", slacktest.Attachment{Name: "log.txt", Data: []byte("x")}))
	w.acked(must[*slacktest.Delivery](t)(anna.Shortcut("ticket_from_message", away, ts)))
	if a = next(verb(ticketing.VerbAsk)).Act; a.Readable || a.Text != "Qui l'app non c'è\n\n[log.txt]" {
		t.Errorf("asked where the app is not: %+v", a)
	}
	form = ticketing.Form{Kind: ticketing.FormFrom, Text: a.Text, About: a.Target, Thread: a.Root}
	if _, err := w.send(w.window(a, form)); err != nil || !strings.Contains(w.seen(w.anna), "non può leggere") {
		t.Errorf("the window says %s %v", w.seen(w.anna), err)
	}
	w.acked(must[*slacktest.Delivery](t)(anna.Submit(fields("x", "marco@verdi.example"))))
	if h = next(verb(ticketing.VerbSubmit)); h.Act.Fields["thread_text"] != "" || len(h.Files) > 0 {
		t.Errorf("copied from where nothing can be read: %+v", h.Act)
	}
	if bad := w.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
}

// TestWindowsOfATicket: the window of acts by the shortcut and by the card's button, the window of a new ticket by each of its ways.
func TestWindowsOfATicket(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	next := w.receiving()
	anna := w.As(w.anna)
	root := must[ticketing.Ref](t)(w.send(rows("it")["root"]))
	reply := must[string](t)(anna.Reply(w.room, tsOf(root), "// nota"))
	w.acked(must[*slacktest.Delivery](t)(anna.Shortcut("ticket_actions", w.room, reply)))
	h := next(verb(ticketing.VerbAsk))
	if h.Act.Root != root || h.Act.Place != place || len(h.Claims) != 1 || h.Claims[0].Ref != root || h.Act.Target != ticketing.Ref(place+"/"+reply) {
		t.Errorf("asked: %+v %+v", h.Act, h.Claims)
	}
	form := ticketing.Form{Kind: ticketing.FormActions, Ticket: 1042, About: h.Act.Target, Thread: root, Row: &ticketing.Row{Number: 1042, Subject: "Cassa <!here>", State: ticketing.StateOpen, Root: root}}
	if _, err := w.send(w.window(h.Act, form)); err != nil {
		t.Fatal(err)
	}
	if s := w.seen(w.anna); !strings.Contains(s, "Ticket #1042") || strings.Contains(s, "<!here>") {
		t.Errorf("the window shows %s", s)
	}
	send := func(do, text, val, who string) *slacktest.Delivery {
		t.Helper()
		v := map[string]map[string]any{"do": value("option", do), "text": value("", text), "value": value("", val)}
		if who != "" {
			v["who"] = value("user", who)
		}
		d := must[*slacktest.Delivery](t)(anna.Submit(v))
		w.acked(d)
		return d
	}
	for _, bad := range [][4]string{{"note", " ", "", "text"}, {"answer", "", "", "text"}, {"assign", "x", "", "who"}, {"snooze", "x", "", "value"}, {"merge", "", "", "value"}, {"merge", "", "dodici", "value"}, {"article", "", " ", "value"}} {
		if d := send(bad[0], bad[1], bad[2], ""); !strings.Contains(string(d.Answer()), `"`+bad[3]+`":`) {
			t.Errorf("%v: answered %s", bad, d.Answer())
		}
	}
	send("assign", "la conosce", "", w.anna)
	h = next(verb(ticketing.VerbSubmit))
	if f := h.Act.Fields; f["ticket"] != "1042" || f["do"] != "assign" || f["text"] != "la conosce" || len(h.Act.Named) != 1 || !h.Act.Named[0].IsAgent || h.Act.Root != root || f["about"] != place+"/"+reply {
		t.Errorf("sent in: %+v", h.Act)
	}
	w.acked(must[*slacktest.Delivery](t)(anna.Press(w.room, tsOf(root), "ticket.more")))
	if h = next(verb(ticketing.VerbPress)); h.Act.View == "" || h.Act.Value != "1042" || !strings.Contains(w.seen(w.anna), "Un momento") {
		t.Errorf("pressed: %+v %s", h.Act, w.seen(w.anna))
	}
	w.acked(must[*slacktest.Delivery](t)(anna.Shortcut("ticket_new", "", "")))
	h = next(verb(ticketing.VerbAsk))
	if h.Act.Action != ticketing.FormNew || h.Act.Target != "" {
		t.Errorf("asked: %+v", h.Act)
	}
	if _, err := w.send(w.window(h.Act, ticketing.Form{Kind: ticketing.FormNew})); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"nuovo", " NEW "} {
		w.acked(must[*slacktest.Delivery](t)(anna.Slash(w.room, "/ticket", text)))
		if h = next(verb(ticketing.VerbCommand)); h.Act.View == "" || !strings.Contains(w.seen(w.anna), "Un momento") {
			t.Errorf("typed %s: %+v", text, h.Act)
		}
	}
	w.acked(must[*slacktest.Delivery](t)(anna.Slash(w.room, "/kb", "nuovo")))
	if h = next(verb(ticketing.VerbCommand)); h.Act.View != "" {
		t.Errorf("articles in a window: %+v", h.Act)
	}
	if _, err := w.send(homeRow("it", w.anna, ticketing.TabMine)); err != nil {
		t.Fatal(err)
	}
	w.acked(must[*slacktest.Delivery](t)(anna.PressHome("home.new")))
	if h = next(verb(ticketing.VerbPress)); h.Act.Action != "home.new" || h.Act.View == "" {
		t.Errorf("pressed at home: %+v", h.Act)
	}
	for _, code := range []string{"exists", "refused", "no_ticket"} {
		if _, err := w.send(w.window(h.Act, ticketing.Form{Kind: ticketing.FormSaid, Code: code, Row: form.Row})); err != nil || strings.Contains(w.seen(w.anna), "slack.window") {
			t.Errorf("%s: %s %v", code, w.seen(w.anna), err)
		}
	}
	guest := w.AddUser(slacktest.User{Name: "ospite", Kind: slacktest.Guest})
	w.acked(must[*slacktest.Delivery](t)(w.As(guest).Shortcut("ticket_new", "", "")))
	if h = next(verb(ticketing.VerbAsk)); h.Act.IsAgent {
		t.Errorf("a guest asked: %+v", h.Act)
	}
	w.acked(must[*slacktest.Delivery](t)(anna.Shortcut("somebody_elses", "", "")))
	if bad := w.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
}

// TestWindowTooLate: Slack is slow and the trigger runs out. The agent is told where it was asked, with a button that asks again.
func TestWindowTooLate(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	next := w.receiving()
	anna := w.As(w.anna)
	ts := must[string](t)(anna.Write(w.room, "La cassa non va"))
	if err := w.Fault(slacktest.Fault{Method: "views.open", Kind: slacktest.ErrorBefore}); err != nil {
		t.Fatal(err)
	}
	w.acked(must[*slacktest.Delivery](t)(anna.Shortcut("ticket_from_message", w.room, ts)))
	a := next(verb(ticketing.VerbAsk)).Act
	o := w.window(a, ticketing.Form{Kind: ticketing.FormFrom, Text: a.Text, About: a.Target, Thread: a.Root})
	_, err := w.send(o)
	var e *ticketing.SendError
	if !errors.As(err, &e) || e.Code != "not_found" || e.Verdict != ticketing.SendTemporary {
		t.Fatalf("a young row waits for its window: %v", err)
	}
	o.CreatedAt = time.Now().Add(-time.Minute)
	if _, err := w.send(o); err != nil {
		t.Fatal(err)
	}
	all := w.Ephemerals(w.anna)
	if len(all) != 1 || !strings.Contains(all[0].Text, "non si è aperta in tempo") {
		t.Fatalf("told: %+v", all)
	}
	w.acked(must[*slacktest.Delivery](t)(anna.Press(w.room, all[0].TS, "window.again")))
	again := next(verb(ticketing.VerbAsk)).Act
	if again.Action != ticketing.FormFrom || again.Target != a.Target || again.Text != "La cassa non va" || again.View == a.View {
		t.Errorf("asked again: %+v", again)
	}
	if _, err := w.send(w.window(again, ticketing.Form{Kind: ticketing.FormFrom, Text: again.Text})); err != nil || !strings.Contains(w.seen(w.anna), "ticket_from_message") {
		t.Errorf("the second window: %v %s", err, w.seen(w.anna))
	}
	crafted := func(action, val string) ticketing.Heard {
		raw, err := json.Marshal(map[string]any{"type": "interactive", "envelope_id": "x", "payload": map[string]any{"type": "block_actions", "user": map[string]any{"id": w.anna, "team_id": "T0SPORTELLO"},
			"channel": map[string]any{"id": w.room}, "actions": []any{map[string]any{"action_id": action, "value": val, "action_ts": "1.0"}}}})
		if err != nil {
			t.Fatal(err)
		}
		h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, raw)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, val := range []string{"", "boh C0TRIAGE 1.0", "ticket_from_message ../x 1.0", "ticket_from_message C0TRIAGE x"} {
		if h := crafted("window.again", val); h.Act.Target != "" {
			t.Errorf("%q: %+v", val, h.Act)
		}
	}
}
