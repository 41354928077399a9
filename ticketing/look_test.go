package ticketing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// ask types a slash command as an agent of the queue and returns what the agent is shown.
func (w *world) ask(who, action, text string) ticketing.Facts {
	w.t.Helper()
	a := &ticketing.Act{Verb: ticketing.VerbCommand, Action: action, Text: text, Actor: ticketing.Party{Key: who, Name: strings.TrimPrefix(who, "slack:T1/U")}, Reply: "https://hooks.slack.com/x", Language: "en"}
	if who == anna || who == luca {
		a.IsAgent, a.Queues = true, []string{"assistenza"}
	}
	in := w.hear(ticketing.Heard{Door: chatDoor, Group: chatDoor, Queue: "assistenza", Act: a, From: a.Actor})
	equal(w.t, "outcome", in.Outcome, ticketing.OutcomeNote)
	f := w.lastHint()
	if f.Reply != a.Reply || f.User != who || f.Language != "en" {
		w.t.Errorf("the answer goes elsewhere: %+v", f)
	}
	return f
}

func numbers(f ticketing.Facts) string {
	var out []string
	if f.List == nil {
		return ""
	}
	for _, r := range f.List.Rows {
		out = append(out, fmt.Sprint(r.Number))
	}
	return strings.Join(out, " ")
}

// TestLook: agents find tickets of their queues by words, customer and number, and nobody else's.
func TestLook(t *testing.T) {
	w := newWorld(t)
	first := w.hear(w.mail("maria@cliente.example", "La stampante della città è ferma")).Ticket
	second := w.hear(w.mail("piero@altro.example", "Errore 1042 in cassa")).Ticket
	w.send()
	w.say(anna, second, "// manca il tamburo")
	for _, row := range []struct{ text, want string }{
		{"cerca stampante", fmt.Sprint(first)}, {"search CITTA", fmt.Sprint(first)}, {"cerca stamp ferm", fmt.Sprint(first)}, {"cerca maria@cliente.example", fmt.Sprint(first)}, {"cerca altro", fmt.Sprint(second)},
		{"cerca domanda", fmt.Sprintf("%d %d", second, first)}, {"cerca tamburo", fmt.Sprint(second)}, {"cerca 1042", fmt.Sprint(second)}, {fmt.Sprintf("cerca #%d", first), fmt.Sprint(first)}, {"cerca nulla di nulla", ""}, {"cerca ?", ""},
		{fmt.Sprint(second), fmt.Sprint(second)}, {"9999", ""}, {"mio", ""}, {"aiuto", ""},
	} {
		f := w.ask(anna, ticketing.SlashTickets, row.text)
		equal(t, row.text, numbers(f), row.want)
		if none := strings.HasSuffix(f.Code, "_none"); none != (row.want == "" && row.text != "aiuto") {
			t.Errorf("%s says %s", row.text, f.Code)
		}
	}
	f := w.ask(anna, ticketing.SlashTickets, fmt.Sprint(first))
	if r := f.List.Rows[0]; r.From.Address != "maria@cliente.example" || r.State != ticketing.StateNew || r.Root == "" || r.Subject != "Domanda" {
		t.Errorf("the row is %+v", r)
	}
	w.press(anna, second, "ticket.claim", fmt.Sprint(second))
	w.say(anna, second, "!snooze 2h")
	if f = w.ask(anna, ticketing.SlashTickets, "mine"); numbers(f) != fmt.Sprint(second) || f.List.Rows[0].Assignee != "ANNA" || f.List.Rows[0].Until.IsZero() {
		t.Errorf("mine: %+v", f.List)
	}
	f = w.ask(luca, ticketing.SlashTickets, "stats")
	if got := fmt.Sprint(f.List.Counts); got != "map[days:7 held:0 mine:0 open:1 opened:2 pending:1 resolved:0 unassigned:1]" {
		t.Errorf("counts: %s", got)
	}
	// A ticket of a queue that is not the agent's does not exist for the agent.
	w.update(func(tx ticketing.Tx) error {
		k, err := tx.Ticket(t.Context(), first)
		if err != nil {
			return err
		}
		k.Queue = "altra"
		return tx.SaveTicket(t.Context(), &k)
	})
	equal(t, "found in another queue", numbers(w.ask(anna, ticketing.SlashTickets, "cerca stampante"))+numbers(w.ask(anna, ticketing.SlashTickets, fmt.Sprint(first)))+numbers(w.ask(anna, ticketing.SlashTickets, fmt.Sprintf("cerca #%d", first))), "")
	f = w.ask("slack:T1/UOSPITE", ticketing.SlashTickets, "cerca cassa")
	if f.Code != "look_refused" || f.List != nil {
		t.Errorf("a guest is shown %+v", f)
	}
	w.found = ticketing.Findings{Hits: []ticketing.Hit{{Slug: "carta", Language: "it", Title: "Cambiare la carta"}}}
	if f = w.ask(anna, ticketing.SlashArticles, "carta"); len(f.Articles) != 1 || f.Code != "look_articles" {
		t.Errorf("articles: %+v", f)
	}
	w.found = ticketing.Findings{}
	equal(t, "no article", w.ask(anna, ticketing.SlashArticles, "carta").Code, "look_articles_none")
}

// TestLookHasAnEnd: a long answer says that there is more.
func TestLookHasAnEnd(t *testing.T) {
	w := newWorld(t)
	for i := range 12 {
		w.hear(w.mail(fmt.Sprintf("c%d@c%d.example", i, i), fmt.Sprintf("Cassa numero %d", i)))
	}
	f := w.ask(anna, ticketing.SlashTickets, "cerca cassa")
	equal(t, "rows", len(f.List.Rows), 10)
	equal(t, "more", f.List.More, true)
	f = w.ask(anna, ticketing.SlashTickets, "cerca cassa c3")
	equal(t, "the fourth", numbers(f), "4")
}

// TestReword: tickets from before the search are found once their words were taken in.
func TestReword(t *testing.T) {
	w := newWorld(t)
	n := w.hear(w.mail("maria@cliente.example", "La stampante è ferma")).Ticket
	equal(t, "new ones are there already", w.reword(), 0)
	th := w.thread(n)
	th.ID, th.Number, th.Key = "01OLD", 77, "0123456789"
	w.update(func(tx ticketing.Tx) error {
		if err := tx.SaveThread(t.Context(), &th); err != nil {
			return err
		}
		if err := tx.InsertTicket(t.Context(), &ticketing.Ticket{Number: 77, Thread: th.ID, Queue: "assistenza", State: ticketing.StateNew, Contact: th.Contact}); err != nil {
			return err
		}
		return tx.InsertMessage(t.Context(), &ticketing.Message{ID: "01M", Thread: th.ID, Ticket: 77, Public: true, Author: ticketing.AuthorCustomer, Contact: th.Contact, Visible: "Un vecchio problema"})
	})
	equal(t, "before", numbers(w.ask(anna, ticketing.SlashTickets, "cerca vecchio")), "")
	equal(t, "taken in", w.reword(), 1)
	equal(t, "after", numbers(w.ask(anna, ticketing.SlashTickets, "cerca vecchio maria")), "77")
	equal(t, "once", w.reword(), 0)
}

func (w *world) reword() (n int) {
	w.t.Helper()
	w.update(func(tx ticketing.Tx) (err error) {
		n, err = w.desk.Reword(w.t.Context(), tx)
		return err
	})
	return n
}
