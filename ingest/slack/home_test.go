package slack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// homeRow is the row of a full home tab.
func homeRow(lang, user, tab string) ticketing.Outgoing {
	p := &ticketing.Homepage{Tab: tab, Page: 2, Pages: 3, Words: "cassa <!here>", Agent: true, At: time.Date(2026, 11, 24, 10, 40, 0, 0, time.UTC),
		Counts: map[string]int{"mine": 41, "unassigned": 3, "pending": 4, "held": 1}, List: &ticketing.List{}}
	me := "slack:T0SPORTELLO/" + user
	for i := range 20 {
		r := ticketing.Row{Number: int64(1000 + i), Subject: "Cassa ferma", From: ticketing.Party{Name: "Marco Verdi"}, State: ticketing.StateOpen, Root: "slack:T0SPORTELLO/C0TRIAGE/1795507812.000100"}
		switch i {
		case 0:
			r.AssigneeID, r.Assignee, r.Priority = me, "Anna", "urgent"
		case 1:
			r.State, r.Until, r.AssigneeID, r.Assignee = ticketing.StatePending, p.At, "slack:T0SPORTELLO/U0BRUNO", "Bruno"
		case 2:
			r.State = ticketing.StateResolved
		case 3:
			r.State, r.Root = ticketing.StateClosed, ""
		}
		if tab == ticketing.TabHeld {
			r.State, r.Suggestion, r.Until = "", "01M8EY1PM83F7ZK1B8N2R5S9HB", p.At
		}
		p.List.Rows = append(p.List.Rows, r)
	}
	if tab == ticketing.TabStats {
		p.List = &ticketing.List{Counts: map[string]int{"open": 1}}
	}
	return ticketing.Outgoing{ID: "01M86DSPEG7TJ2P6Y4XC0QWE5M", Kind: ticketing.HomeTab, Recipient: me, Fluid: true,
		Facts: ticketing.Facts{Language: lang, Place: place, Zone: "Europe/Rome", User: me, Home: p}}
}

// TestHomeTab: Slack takes the home tab of every kind, with at most 100 blocks, and what is pressed there comes back as an act.
func TestHomeTab(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	for _, lang := range []string{"it", "en"} {
		raw, _, err := w.door.Render(w.ctx, homeRow(lang, "U01ANNA", ticketing.TabMine))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", "home."+lang+".golden")
		if *rewrite {
			if err := os.WriteFile(file, raw, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || string(want) != string(raw) {
			t.Errorf("%s differs %v; look at it and run the test with -update", file, err)
		}
	}
	next := w.listen()
	anna := w.As(w.anna)
	anna.OpenHome()
	h := next(verb(ticketing.VerbHome))
	if !h.Act.IsAgent || fmt.Sprint(h.Act.Queues) != "[assistenza]" || h.Queue != "assistenza" || h.Act.Language != "it" {
		t.Errorf("opened: %+v", h.Act)
	}
	for _, tab := range []string{ticketing.TabHeld, ticketing.TabStats, ticketing.TabFound, ticketing.TabPending, ticketing.TabUnassigned, ticketing.TabMine} {
		if _, err := w.send(homeRow("it", w.anna, tab)); err != nil {
			t.Fatalf("%s: %v", tab, err)
		}
		v, _ := w.Home(w.anna)
		var view struct{ Blocks []json.RawMessage }
		if err := json.Unmarshal(v.Payload, &view); err != nil || len(view.Blocks) > 100 {
			t.Errorf("%s has %d blocks %v", tab, len(view.Blocks), err)
		}
		if found := regexp.MustCompile(`<![^d]`).Find(v.Payload); found != nil {
			t.Errorf("%s: active %s", tab, found)
		}
		if tab == ticketing.TabFound {
			must[*slacktest.Delivery](t)(anna.PressHome("home.search", slacktest.PressOption{Value: "due parole"}))
			if a := next(verb(ticketing.VerbPress)).Act; a.Action != "home.search" || a.Value != "due parole" || !a.IsAgent || a.Place != "" {
				t.Errorf("searched: %+v", a)
			}
		}
		if tab == ticketing.TabHeld {
			must[*slacktest.Delivery](t)(anna.PressHome("held.take"))
			if a := next(verb(ticketing.VerbPress)).Act; a.Action != "held.take" || a.Value != "01M8EY1PM83F7ZK1B8N2R5S9HB" {
				t.Errorf("taken: %+v", a)
			}
		}
	}
	for _, row := range []struct{ element, chosen, action, value string }{
		{"home.tab.pending", "", "home.tab.pending", "pending"}, {"home.page.next", "", "home.page.next", "3"}, {"home.page.previous", "", "home.page.previous", "1"},
		{"home.row", "1000:release", "home.release", "1000"}, {"home.row", "1002:reopen", "home.reopen", "1002"}, {"home.row", "1004:claim", "home.claim", "1004"},
	} {
		d := must[*slacktest.Delivery](t)(anna.PressHome(row.element, slacktest.PressOption{Selected: row.chosen}))
		if a := next(verb(ticketing.VerbPress)).Act; a.Action != row.action || a.Value != row.value {
			t.Errorf("%s %s: %s %s", row.element, row.chosen, a.Action, a.Value)
		}
		if <-d.Done(); d.Err() != nil {
			t.Error(d.Err())
		}
	}
	for _, no := range []string{"1000:claim", "1001:pending", "1002:resolve", "1001:release", "1003:thread"} {
		if _, err := anna.PressHome("home.row", slacktest.PressOption{Selected: no}); err == nil {
			t.Errorf("%s is offered", no)
		}
	}
	guest := w.AddUser(slacktest.User{Name: "ospite", Kind: slacktest.Guest})
	w.As(guest).OpenHome()
	if a := next(verb(ticketing.VerbHome)).Act; a.IsAgent || len(a.Queues) > 0 {
		t.Errorf("a guest opened: %+v", a)
	}
	refused := homeRow("it", guest, ticketing.TabMine)
	refused.Facts.Home = &ticketing.Homepage{Tab: ticketing.TabMine, Page: 1, Pages: 1}
	if _, err := w.send(refused); err != nil {
		t.Error(err)
	}
	if v, _ := w.Home(guest); !strings.Contains(string(v.Payload), "per gli agenti") {
		t.Errorf("a guest sees %s", v.Payload)
	}
	if bad := w.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
}

// TestHashConflict: a home tab that another process has shown anew meanwhile is not overwritten by an older one; the row is rendered again.
func TestHashConflict(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	other := newDoorTo(t, w)
	o := homeRow("it", w.anna, ticketing.TabMine)
	for _, door := range []ingestSpeaker{w.door, other} {
		raw, _, err := door.Render(w.ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := door.Send(w.ctx, o, raw, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	raw, _, err := w.door.Render(w.ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.door.Send(w.ctx, o, raw, func() error { return nil })
	var e *ticketing.SendError
	if !errors.As(err, &e) || e.Code != "hash_conflict" || e.Verdict != ticketing.SendTemporary || !e.Free {
		t.Fatalf("the older view: %v", err)
	}
	if _, err := w.send(o); err != nil {
		t.Errorf("rendered anew: %v", err)
	}
}
