package ticketing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// named is somebody whom a message mentions.
func named(who string, agent bool) ticketing.Named {
	return ticketing.Named{Party: ticketing.Party{Key: who, Name: strings.TrimPrefix(who, "slack:T1/U")}, IsAgent: agent}
}

func (w *world) lastHint() ticketing.Facts {
	w.t.Helper()
	all := w.rows(ticketing.Hint)
	if len(all) == 0 {
		w.t.Fatal("nobody was told anything")
	}
	return all[len(all)-1].Facts
}

// TestAssign: a ticket is given to a colleague, who is mentioned once; a guest gets none, and words behind the name are a note.
func TestAssign(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	give := func(text string, to ...ticketing.Named) {
		w.act(anna, n, ticketing.Act{Verb: ticketing.VerbSay, Text: text, Mentions: len(to) > 0, Named: to})
	}
	give("!assegna")
	give("!assegna OSPITE", named("slack:T1/UOSPITE", false))
	equal(t, "assignee after refusals", w.ticket(n).Assignee, "")
	equal(t, "hints", w.hints(), "assign_what assign_not_agent")
	give("!assegna LUCA lo conosce lui", named(luca, true))
	give("!assign LUCA", named(luca, true))
	equal(t, "assignee", w.ticket(n).Assignee, luca)
	w.is(n, ticketing.StateOpen)
	equal(t, "lines", w.lines(n), "assigned")
	msgs := w.messages(n)
	if m := msgs[len(msgs)-1]; m.Public || m.Visible != "lo conosce lui" {
		t.Errorf("the words became %+v", m)
	}
	var name string
	w.view(func(tx ticketing.Tx) error {
		a, err := tx.Agent(t.Context(), luca)
		name = a.Name
		return err
	})
	equal(t, "the colleague's name", name, "LUCA")
	give("!assegna me")
	equal(t, "taken over", w.ticket(n).Assignee, anna)
	w.act("slack:T1/UOSPITE", n, ticketing.Act{Verb: ticketing.VerbSay, Text: "!assegna LUCA", Named: []ticketing.Named{named(luca, true)}})
	equal(t, "a guest assigns nothing", w.ticket(n).Assignee, anna)
	w.press(luca, n, "ticket.claim", fmt.Sprint(n))
	equal(t, "the hint names the ticket", w.lastHint().Args["number"], fmt.Sprint(n))
	w.press(luca, n, "ticket.take_over", fmt.Sprint(n))
	equal(t, "taken on purpose", w.ticket(n).Assignee, luca)
	equal(t, "lines", w.lines(n), "assigned")
	w.press(anna, n, "ticket.release", fmt.Sprint(n))
	equal(t, "released", w.ticket(n).Assignee, "")
	w.press(anna, n, "ticket.resolve", fmt.Sprint(n))
	give("!assegna LUCA", named(luca, true))
	equal(t, "a resolved ticket is nobody's to give", w.ticket(n).Assignee, "")
	equal(t, "last hint", w.lastHint().Code, "resolved_already")
}

// TestSnooze: a ticket that is put off waits without a word to its customer and wakes while the desk is open; a customer's message, an
// answer that asks, resolving and waiting for the customer end the sleep.
func TestSnooze(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.press(anna, n, "ticket.claim", fmt.Sprint(n))
	w.say(anna, n, "!ricorda sabato 10 chiamare Maria")
	k := w.ticket(n)
	if !k.Snoozed || k.State != ticketing.StatePending || !k.TimerAt.Equal(time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("put off to %v: %+v", k.TimerAt, k)
	}
	equal(t, "told", w.lastHint().Code+" "+w.lastHint().Args["until"], "snoozed 09/03/2026 09:00")
	msgs := w.messages(n)
	equal(t, "the words are a note", msgs[len(msgs)-1].Visible, "chiamare Maria")
	w.pass(5*24*time.Hour - 2*time.Hour) // Monday, 8:00
	w.tick()
	w.is(n, ticketing.StatePending)
	w.pass(time.Hour)
	w.tick()
	w.is(n, ticketing.StateOpen)
	if k = w.ticket(n); k.Snoozed || !k.TimerAt.IsZero() || k.Reminders != 0 {
		t.Errorf("awake: %+v", k)
	}
	equal(t, "lines", w.lines(n), "woken")
	if f := w.rows(ticketing.PostLine)[0].Facts; f.Args["assignee"] != anna {
		t.Errorf("told whom: %+v", f.Args)
	}
	equal(t, "letters", w.letters("maria@cliente.example"), "received")

	w.pass(2 * time.Hour)
	for what, end := range map[string]func(){
		"open":     func() { w.hear(w.mail("maria@cliente.example", "Ancora io", w.naming(n))) },
		"pending":  func() { w.say(anna, n, "!attesa Che modello è?"); w.pass(time.Minute); w.send() },
		"pending ": func() { w.press(anna, n, "ticket.pending", fmt.Sprint(n)) },
		"resolved": func() { w.press(anna, n, "ticket.resolve", fmt.Sprint(n)) },
		"closed":   func() { w.press(anna, n, "ticket.close", fmt.Sprint(n)) },
	} {
		w.pass(time.Hour + time.Minute) // the loop breaker counts equal words
		n = w.opened()
		w.say(anna, n, "!snooze 2h")
		equal(t, "asleep", w.ticket(n).Snoozed, true)
		end()
		if k := w.ticket(n); k.Snoozed || string(k.State) != strings.TrimSpace(what) {
			t.Errorf("%s: %+v", what, k)
		}
	}
	w.pass(2 * time.Hour)
	n = w.in(ticketing.StateClosed)
	w.say(anna, n, "!snooze 2h")
	equal(t, "a closed ticket sleeps already", w.lastHint().Code, "resolved_already")
	w.say(anna, n, "!snooze boh")
	equal(t, "no time", w.lastHint().Code, "snooze_what")
}

// TestSnoozeMovesOn: where the desk is closed when the time comes, the ticket sleeps until it opens.
func TestSnoozeMovesOn(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.say(anna, n, "!ricorda 30m")
	w.pass(12 * time.Hour) // no process ran; 22:00
	w.tick()
	w.is(n, ticketing.StatePending)
	equal(t, "next", w.ticket(n).TimerAt, time.Date(2026, 3, 5, 8, 0, 0, 0, time.UTC))
	w.pass(11 * time.Hour)
	w.tick()
	w.is(n, ticketing.StateOpen)
}

// TestMerge: a ticket closes as part of another one; its people take part there, both threads say so, and its customer is told once.
func TestMerge(t *testing.T) {
	w := newWorld(t)
	into, n := w.opened(), w.opened()
	w.say(anna, n, "!cc socio@altro.example")
	w.say(anna, n, fmt.Sprintf("!unisci #%d", into))
	k := w.ticket(n)
	if k.MergedInto != into || k.State != ticketing.StateClosed || k.Reason != ticketing.ReasonDuplicate || k.DuplicateOf != into || !k.TimerAt.IsZero() || k.ClosedAt.IsZero() {
		t.Errorf("merged: %+v", k)
	}
	equal(t, "lines here", w.lines(n), "cc_added merged")
	equal(t, "lines there", w.lines(into), "merged_here")
	for _, o := range w.rows(ticketing.PostLine) {
		if want := ticketing.Ref(fmt.Sprintf("slack:T1/C1/root%d", into+n-o.Ticket)); strings.HasPrefix(o.Facts.Code, "merged") && o.Facts.Link != want {
			t.Errorf("%s links to %q, want %q", o.Facts.Code, o.Facts.Link, want)
		}
	}
	equal(t, "events there", w.events(into), "ticket.opened ticket.merged_here")
	w.send()
	equal(t, "letters", w.letters("maria@cliente.example"), "received resolved")
	for who, want := range map[string]int64{"maria@cliente.example": into, "socio@altro.example": into} {
		if in := w.hear(w.mail(who, "E quindi?", w.naming(n))); in.Ticket != want || in.Outcome != ticketing.OutcomeReply {
			t.Errorf("%s: %s on %d", who, in.Outcome, in.Ticket)
		}
	}
	w.say(anna, into, "Eccomi")
	w.pass(time.Minute)
	w.send()
	equal(t, "answers reach both", strings.Count(w.letters("maria@cliente.example")+" "+w.letters("socio@altro.example"), "answer"), 2)
	w.say(anna, n, fmt.Sprintf("!unisci %d", into))
	equal(t, "once", w.lastHint().Code, "merged_already")
}

// TestMergeRefused: what cannot be merged, and what has to be asked for twice.
func TestMergeRefused(t *testing.T) {
	w := newWorld(t)
	n, closed := w.opened(), w.in(ticketing.StateClosed)
	w.pass(2 * time.Hour)
	other := w.hear(w.mail("piero@altro.example", "Aiuto")).Ticket
	foreign := w.opened()
	w.update(func(tx ticketing.Tx) error {
		k, err := tx.Ticket(t.Context(), foreign)
		if err != nil {
			return err
		}
		k.Queue = "altra"
		return tx.SaveTicket(t.Context(), &k)
	})
	for text, want := range map[string]string{"!unisci": "merge_what", "!unisci due": "merge_what", "!unisci 9999": "merge_unknown", fmt.Sprintf("!unisci %d", n): "merge_self", fmt.Sprintf("!unisci %d", closed): "merge_closed",
		fmt.Sprintf("!merge %d", foreign): "merge_unknown", fmt.Sprintf("!merge #%d.", other): "merge_other", "!merge 99999999999999999999": "merge_what"} {
		w.say(anna, n, text)
		equal(t, text, w.lastHint().Code, want)
		equal(t, text, w.ticket(n).MergedInto, 0)
	}
	w.say("slack:T1/UOSPITE", n, fmt.Sprintf("!merge %d anyway", other))
	equal(t, "a guest merges nothing", w.ticket(n).MergedInto, 0)
	w.say(anna, n, fmt.Sprintf("!merge %d anyway", other))
	equal(t, "on purpose", w.ticket(n).MergedInto, other)
	w.send()
	equal(t, "another customer's number is not told", w.letters("maria@cliente.example"), "received resolved received")
	w.say(anna, other, fmt.Sprintf("!unisci %d comunque", n))
	equal(t, "no circle", w.lastHint().Code, "merge_self")
}

// TestCanned: a prepared answer is shown to the agent alone and leaves, once and as shown, when that agent says so.
func TestCanned(t *testing.T) {
	w := newWorld(t)
	w.queue.Canned = map[string]string{"riavvio.it": "Buongiorno {name}, riavvii la cassa. (n. {number}, {agent})", "riavvio.en": "Please restart.", "orari": "Siamo aperti."}
	n := w.opened()
	w.say(anna, n, "!rapida")
	equal(t, "list", w.lastHint().Code+" "+w.lastHint().Args["names"], "macro_what orari, riavvio")
	w.say(anna, n, "!rapida boh")
	equal(t, "unknown", w.lastHint().Code, "macro_unknown")
	w.say(anna, n, "!rapida Riavvio Poi mi scriva.")
	f := w.lastHint()
	equal(t, "shown", f.Body, fmt.Sprintf("Buongiorno Nome di maria@cliente.example, riavvii la cassa. (n. %d, ANNA)\n\nPoi mi scriva.", n))
	equal(t, "nothing is due", len(w.rows(ticketing.LetterAnswer)), 0)
	w.send()
	value := f.Args["thread"] + " " + f.Args["row"]
	w.press(luca, n, "macro.send", value)
	equal(t, "somebody else", w.lastHint().Code, "gone")
	for range 2 {
		w.press(anna, n, "macro.send", value)
	}
	answers := w.rows(ticketing.LetterAnswer)
	if len(answers) != 1 || answers[0].Facts.Body != f.Body || answers[0].Facts.AgentName != "ANNA" {
		t.Fatalf("left: %+v", answers)
	}
	equal(t, "a second press", w.lastHint().Code, "gone")
	equal(t, "the thread shows it", w.lines(n), "macro_sent")
	w.pass(time.Minute)
	w.send()
	equal(t, "letters", w.letters("maria@cliente.example"), "received answer")
	w.queue.Canned = nil
	w.say(anna, n, "!macro orari")
	equal(t, "none", w.lastHint().Code, "macro_none")
	w.press(anna, n, "macro.send", f.Args["thread"]+" IN999999")
	equal(t, "made up", w.lastHint().Code, "gone")
}

// TestKeptBack: the buttons of a message that was kept back. Its author or who holds the ticket decides, once.
func TestKeptBack(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	ask := func(text string) (value string, ref ticketing.Ref) {
		w.act(anna, n, ticketing.Act{Verb: ticketing.VerbSay, Text: text, Mentions: strings.Contains(text, "Luca")})
		f := w.lastHint()
		if f.Args["message"] == "" || f.Args["thread"] == "" {
			t.Fatalf("the hint names no message: %+v", f)
		}
		return f.Args["thread"] + " " + f.Args["message"], ticketing.Ref(fmt.Sprintf("slack:T1/C1/m%d", w.n))
	}
	value, ref := ask("La richiama Luca")
	w.press(luca, n, "guard.send", value)
	equal(t, "a colleague", w.lastHint().Code, "not_yours")
	equal(t, "nothing is due", len(w.rows(ticketing.LetterAnswer)), 0)
	w.press(anna, n, "guard.note", value)
	equal(t, "it stays", w.lastHint().Code, "stays_note")
	for range 2 {
		w.press(anna, n, "guard.send", value)
	}
	equal(t, "a second press", w.lastHint().Code, "gone")
	answers := w.rows(ticketing.LetterAnswer)
	if len(answers) != 1 || answers[0].Facts.Body != "La richiama Luca" || !answers[0].NextAt.Equal(w.clock().Add(w.queue.Undo)) {
		t.Fatalf("due: %+v", answers)
	}
	var lock ticketing.Facts
	for _, o := range w.rows(ticketing.React) {
		if o.Facts.Target == ref && o.Facts.Emoji == "lock" {
			lock = o.Facts
		}
	}
	equal(t, "the lock comes off", lock.Code, ticketing.ReactOff)
	// It is an ordinary answer now: deleted in its undo time it goes to nobody.
	w.act(anna, n, ticketing.Act{Verb: ticketing.VerbDelete, Target: ref})
	w.pass(time.Minute)
	w.send()
	equal(t, "letters", w.letters("maria@cliente.example"), "received")

	value, _ = ask("!rislto Ecco fatto")
	w.press(luca, n, "ticket.claim", fmt.Sprint(n))
	w.press(luca, n, "cmd.fix", value) // who holds the ticket may
	w.pass(time.Minute)
	w.send()
	w.is(n, ticketing.StateResolved)
	equal(t, "letters", w.letters("maria@cliente.example"), "received answer")
	if all := w.rows(ticketing.LetterAnswer); all[len(all)-1].Facts.Body != "Ecco fatto" || all[len(all)-1].Facts.AgentName != "ANNA" {
		t.Errorf("left %+v", all[len(all)-1].Facts)
	}
	value, _ = ask("!xyzzyplugh")
	if w.lastHint().Args["meant"] != "" {
		t.Error("nothing like it is known")
	}
	w.press(anna, n, "cmd.fix", value)
	equal(t, "crafted", w.lastHint().Code, "gone")
	w.press("slack:T1/UOSPITE", n, "guard.send", value)
	equal(t, "a guest", w.lastHint().Code, "agents_only")
}
