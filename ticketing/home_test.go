package ticketing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// atHome is what somebody does in the home tab.
func (w *world) atHome(who, action, value string) {
	w.t.Helper()
	a := &ticketing.Act{Verb: ticketing.VerbPress, Action: action, Value: value, Actor: ticketing.Party{Key: who, Name: strings.TrimPrefix(who, "slack:T1/U")}, Language: "it"}
	if action == "" {
		a.Verb = ticketing.VerbHome
	}
	if who == anna || who == luca {
		a.IsAgent, a.Queues = true, []string{"assistenza"}
	}
	w.hear(ticketing.Heard{Door: chatDoor, Group: chatDoor, Queue: "assistenza", Act: a, From: a.Actor})
}

// shown is what the home tab of somebody shows when it is sent, and when that is due; nil if none is.
func (w *world) shown(who string) (p *ticketing.Homepage, due time.Time) {
	w.t.Helper()
	for _, o := range w.rows(ticketing.HomeTab) {
		if o.Recipient != who || o.State != ticketing.OutgoingPending {
			continue
		}
		w.view(func(tx ticketing.Tx) error {
			fresh, err := w.desk.Fresh(w.t.Context(), tx, o)
			p, due = fresh.Facts.Home, o.NextAt
			return err
		})
	}
	return p, due
}

func (w *world) tab(who string) string {
	w.t.Helper()
	p, _ := w.shown(who)
	if p == nil {
		return "nothing"
	}
	f := ticketing.Facts{List: p.List}
	return fmt.Sprintf("%s %d/%d: %s", p.Tab, p.Page, p.Pages, numbers(f))
}

// TestHome: the home tab lists an agent's tickets by tab, and what is pressed there changes them.
func TestHome(t *testing.T) {
	w := newWorld(t)
	first := w.hear(w.mail("maria@cliente.example", "Stampante ferma")).Ticket
	second := w.hear(w.mail("piero@altro.example", "Cassa ferma")).Ticket
	w.found = ticketing.Findings{Hits: []ticketing.Hit{{Slug: "carta", Language: "it", Title: "Carta"}}, Confidence: 1, Offer: true, Searched: true}
	held := w.hear(w.mail("gina@terzo.example", "Carta bianca")).Ticket
	w.found = ticketing.Findings{}
	w.send()
	w.say(luca, second, "!priorità urgente")
	w.atHome(anna, "", "")
	equal(t, "at first", w.tab(anna), "mine 1/1: ")
	for _, row := range []struct{ action, value, want string }{
		{"home.tab.unassigned", "", fmt.Sprintf("unassigned 1/1: %d %d", second, first)}, {"home.claim", fmt.Sprint(first), fmt.Sprintf("unassigned 1/1: %d", second)}, {"home.tab.mine", "", fmt.Sprintf("mine 1/1: %d", first)},
		{"home.pending", fmt.Sprint(first), "mine 1/1: "}, {"home.tab.pending", "", fmt.Sprintf("pending 1/1: %d", first)}, {"home.release", fmt.Sprint(first), fmt.Sprintf("pending 1/1: %d", first)},
		{"home.tab.held", "", fmt.Sprintf("held 1/1: %d", held)}, {"home.search", " cassa ", fmt.Sprintf("found 1/1: %d", second)}, {"home.resolve", fmt.Sprint(second), fmt.Sprintf("found 1/1: %d", second)},
		{"home.reopen", fmt.Sprint(second), fmt.Sprintf("found 1/1: %d", second)}, {"home.search", "", "found 1/1: "}, {"home.tab.stats", "", "stats 1/1: "}, {"home.tab.nowhere", "", "stats 1/1: "}, {"home.page.next", "7", "stats 7/1: "}, {"home.page.next", "-3", "stats 1/1: "},
	} {
		w.atHome(anna, row.action, row.value)
		equal(t, row.action, w.tab(anna), row.want)
	}
	equal(t, "released", w.ticket(first).Assignee, "")
	w.is(first, ticketing.StatePending)
	w.is(second, ticketing.StateOpen)
	p, _ := w.shown(anna)
	if got := fmt.Sprint(p.Counts); got != "map[held:1 mine:0 pending:1 unassigned:2]" {
		t.Errorf("counts: %s", got)
	}
	w.atHome(anna, "home.tab.held", "")
	p, _ = w.shown(anna)
	w.atHome(anna, "held.take", p.List.Rows[0].Suggestion)
	equal(t, "taken", w.ticket(held).Assignee, anna)
	equal(t, "held no more", w.tab(anna), "held 1/1: ")

	w.atHome("slack:T1/UOSPITE", "", "")
	p, _ = w.shown("slack:T1/UOSPITE")
	if p.Agent || p.List != nil || p.Counts != nil {
		t.Errorf("a guest sees %+v", p)
	}
	w.atHome("slack:T1/UOSPITE", "home.resolve", fmt.Sprint(second))
	w.is(second, ticketing.StateOpen)
}

// TestHomeOfAnotherQueue: a press names an id and nothing more: an agent of another queue does nothing by it.
func TestHomeOfAnotherQueue(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	other := *w.queue
	other.Name, other.Place = "altra", "slack:T1/C2"
	w.desk.Queues["altra"] = &other
	for _, action := range []string{"home.resolve", "home.claim"} {
		a := &ticketing.Act{Verb: ticketing.VerbPress, Action: action, Value: fmt.Sprint(n), Actor: ticketing.Party{Key: luca}, IsAgent: true, Queues: []string{"altra"}}
		w.hear(ticketing.Heard{Door: chatDoor, Group: chatDoor, Queue: "altra", Act: a, From: a.Actor})
	}
	w.act(luca, n, ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.resolve", Value: fmt.Sprint(n), Place: "slack:T1/C2"})
	w.is(n, ticketing.StateNew)
	equal(t, "events", w.events(n), "ticket.opened")
	w.act(luca, n, ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.resolve", Value: fmt.Sprint(n), Place: "slack:T1/C1"})
	w.is(n, ticketing.StateResolved)
}

// TestHomeFollows: a home tab that was looked at lately shows changes, a few seconds later and gathered; one nobody looks at does not.
func TestHomeFollows(t *testing.T) {
	w := newWorld(t)
	w.atHome(anna, "", "")
	if _, due := w.shown(anna); !due.Equal(w.clock()) {
		t.Errorf("at once: %v", due)
	}
	w.send()
	equal(t, "sent", w.tab(anna), "nothing")
	at := w.clock()
	n := w.opened0()
	for range 3 {
		w.pass(time.Second)
		w.press(luca, n, "ticket.claim", fmt.Sprint(n))
		w.press(luca, n, "ticket.release", fmt.Sprint(n))
	}
	if _, due := w.shown(anna); !due.Equal(at.Add(5 * time.Second)) {
		t.Errorf("after changes it is due %v after the first", due.Sub(at))
	}
	w.atHome(anna, "home.tab.unassigned", "")
	if _, due := w.shown(anna); !due.Equal(w.clock()) {
		t.Error("what its user does is shown at once")
	}
	w.send()
	w.pass(15*time.Minute + time.Second)
	w.press(luca, n, "ticket.resolve", fmt.Sprint(n))
	equal(t, "nobody looks any more", w.tab(anna), "nothing")
}

// opened0 is opened without letting anything leave.
func (w *world) opened0() int64 {
	w.t.Helper()
	return w.hear(w.mail("maria@cliente.example", "La stampante non stampa")).Ticket
}

// TestHomePages: 45 tickets stand on three pages; a page that is no more is the last one.
func TestHomePages(t *testing.T) {
	w := newWorld(t)
	for i := range 45 {
		w.hear(w.mail(fmt.Sprintf("c%d@c%d.example", i, i), fmt.Sprintf("Domanda %d", i)))
	}
	w.atHome(anna, "home.tab.unassigned", "")
	for _, row := range []struct {
		page string
		want string
		rows int
	}{{"1", "1/3", 20}, {"2", "2/3", 20}, {"3", "3/3", 5}, {"9", "3/3", 5}, {"99999999999", "3/3", 5}, {"x", "1/3", 20}} {
		w.atHome(anna, "home.page.next", row.page)
		p, _ := w.shown(anna)
		if got := fmt.Sprintf("%d/%d", p.Page, p.Pages); got != row.want || len(p.List.Rows) != row.rows {
			t.Errorf("page %s: %s with %d rows, want %s with %d", row.page, got, len(p.List.Rows), row.want, row.rows)
		}
	}
	w.atHome(anna, "home.search", "domanda")
	if p, _ := w.shown(anna); len(p.List.Rows) != 20 || !p.List.More {
		t.Errorf("found %d, more %v", len(p.List.Rows), p.List.More)
	}
}
