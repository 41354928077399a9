package ticketing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const robotWords = "Grazie per averci scritto, la sua richiesta n. %d verrà letta appena possibile."

// TestSameText: L3 from one address. The third copy is answered by nobody and stays on the first ticket; an hour later all begins anew.
func TestSameText(t *testing.T) {
	w := newWorld(t)
	w.desk.Limits.AckEvery, w.desk.Limits.AutoPerHour = 0, 100
	write := func(n int) ticketing.Inbound {
		return w.hear(w.mail("robot@altro.example", fmt.Sprintf(robotWords, n)))
	}
	first := write(1)
	second := write(1)
	third, fourth := write(1), write(1)
	equal(t, "the second", second.Outcome, ticketing.OutcomeTicket)
	for i, in := range []ticketing.Inbound{third, fourth} {
		if in.Outcome != ticketing.OutcomeAutomatic || in.Ticket != first.Ticket {
			t.Errorf("copy %d: %s on ticket %d, want it filed on %d", i+3, in.Outcome, in.Ticket, first.Ticket)
		}
	}
	// Another number is another question: it opens its ticket, and no program answers it.
	equal(t, "with another number", write(2).Outcome, ticketing.OutcomeTicket)
	equal(t, "letters", w.letters("robot@altro.example"), "received received")
	equal(t, "the thread tells once", w.lines(first.Ticket), "loop_copies")
	equal(t, "what is kept", len(w.messages(first.Ticket)), 3)
	w.pass(time.Hour + time.Minute)
	later := write(5)
	equal(t, "an hour later", later.Outcome, ticketing.OutcomeTicket)
	for range 3 {
		write(5)
	}
	equal(t, "the thread of the second time tells too", w.lines(later.Ticket), "loop_copies")
	if in := w.hear(w.mail("robot@altro.example", "Tutt'altra cosa, il portatile non si accende più da ieri")); in.Outcome != ticketing.OutcomeTicket {
		t.Errorf("other words: %s", in.Outcome)
	}
}

// TestSameTextOfDomain: L3 from a responder that changes its address each time; people of a public provider are not one.
func TestSameTextOfDomain(t *testing.T) {
	w := newWorld(t)
	var outcomes []string
	first := int64(0)
	for i := range 5 {
		in := w.hear(w.mail(fmt.Sprintf("r%d@altro.example", i), fmt.Sprintf(robotWords, 7)))
		outcomes = append(outcomes, string(in.Outcome))
		if i == 0 {
			first = in.Ticket
		}
	}
	equal(t, "the first ticket tells once", w.lines(first), "loop_copies")
	equal(t, "what a stranger wrote stays out of it", len(w.messages(first)), 1)
	equal(t, "of one domain", strings.Join(outcomes, " "), "ticket ticket automatic automatic automatic")
	letters := ""
	for i := range 5 {
		letters += w.letters(fmt.Sprintf("r%d@altro.example", i)) + " "
	}
	equal(t, "letters", strings.TrimSpace(letters), "received received")
	for i := range 5 {
		equal(t, "of a public provider", w.hear(w.mail(fmt.Sprintf("r%d@gmail.com", i), fmt.Sprintf(robotWords, i))).Outcome, ticketing.OutcomeTicket)
	}
	for i := range 5 {
		equal(t, "short words", w.hear(w.mail(fmt.Sprintf("s%d@terzo.example", i), "Grazie!")).Outcome, ticketing.OutcomeTicket)
	}
	w.desk.Limits.SameTextPerHour = 0
	equal(t, "switched off", w.hear(w.mail("r9@altro.example", fmt.Sprintf(robotWords, 9))).Outcome, ticketing.OutcomeTicket)
}

// TestPing: L4. Two mails in a row that come at once after ours are a program's: automatic letters of the ticket pause, the words are
// kept, agents' answers go. One quick answer, or two with a slow one between, are a person's.
func TestPing(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.pass(5 * time.Second)
	answer := func(text string) ticketing.Inbound { return w.hear(w.mail("maria@cliente.example", text, w.naming(n))) }
	answer("Subito")
	equal(t, "one quick answer", w.events(n) != "" && strings.Contains(w.events(n), "loop.ping"), false)
	w.pass(10 * time.Minute)
	answer("Con calma")
	w.press(anna, n, "ticket.pending", fmt.Sprint(n))
	w.send()
	w.pass(5 * time.Second)
	answer("Ancora subito")
	equal(t, "after a slow one", strings.Contains(w.events(n), "loop.ping"), false)
	w.say(anna, n, "Provi adesso")
	w.pass(time.Minute)
	w.send()
	w.pass(5 * time.Second)
	in := answer("E di nuovo")
	equal(t, "twice in a row", strings.Count(w.events(n), "loop.ping"), 1)
	equal(t, "the words are kept", in.Outcome, ticketing.OutcomeReply)
	equal(t, "the thread tells", w.lines(n), "loop_ping")

	// An agent who knows better ends the pause, once; the next two quick answers begin another.
	w.press("slack:T1/UOSPITE", n, "loop.resume", w.thread(n).ID)
	equal(t, "a guest ends nothing", strings.Count(w.events(n), "loop.resumed"), 0)
	w.press(luca, n, "loop.resume", w.thread(n).ID)
	w.press(anna, n, "loop.resume", w.thread(n).ID)
	equal(t, "an agent ends it once", strings.Count(w.events(n), "loop.resumed"), 1)
	w.say(anna, n, "Allora?")
	w.pass(time.Minute)
	w.send()
	w.pass(5 * time.Second)
	answer("Ecco, subito")
	equal(t, "the thread tells all", w.lines(n), "loop_ping loop_resumed loop_ping")

	// Resolving and writing again makes a letter that nobody sent by hand: it waits.
	w.press(anna, n, "ticket.resolve", fmt.Sprint(n))
	w.send()
	equal(t, "an agent's act still speaks", strings.HasSuffix(w.letters("maria@cliente.example"), "resolved"), true)
	withheld := strings.Count(w.events(n), "letter.withheld")
	w.pass(time.Minute)
	answer("Riapro")
	w.is(n, ticketing.StateOpen)
	equal(t, "an automatic letter during the pause", strings.HasSuffix(w.letters("maria@cliente.example"), "resolved"), true)
	equal(t, "its reason is kept", strings.Count(w.events(n), "letter.withheld"), withheld+1)
	w.pass(2 * time.Hour)
	w.press(anna, n, "ticket.resolve", fmt.Sprint(n))
	w.send()
	w.pass(time.Minute)
	answer("Riapro ancora")
	equal(t, "after the pause", strings.HasSuffix(w.letters("maria@cliente.example"), "reopened"), true)
}
