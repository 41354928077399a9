package ticketing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// in brings Maria's ticket into a state by the ways that lead there.
func (w *world) in(state ticketing.State) int64 {
	w.t.Helper()
	n := w.opened()
	switch state {
	case ticketing.StateOpen:
		w.press(anna, n, "ticket.claim", fmt.Sprint(n))
	case ticketing.StatePending:
		w.press(anna, n, "ticket.pending", fmt.Sprint(n))
	case ticketing.StateResolved:
		w.press(anna, n, "ticket.resolve", fmt.Sprint(n))
	case ticketing.StateClosed:
		w.press(anna, n, "ticket.close", fmt.Sprint(n))
	}
	w.send()
	w.is(n, state)
	return n
}

// TestStates is the table of decision 12, event by event from every state.
func TestStates(t *testing.T) {
	press := func(action string) func(w *world, n int64) {
		return func(w *world, n int64) { w.press(anna, n, action, fmt.Sprint(n)) }
	}
	say := func(text string) func(w *world, n int64) {
		return func(w *world, n int64) {
			w.say(anna, n, text)
			w.pass(time.Minute)
			w.send()
		}
	}
	customer := func(w *world, n int64) { w.hear(w.mail("maria@cliente.example", "Ancora io", w.naming(n))) }
	const now, open, pending, resolved, closed = ticketing.StateNew, ticketing.StateOpen, ticketing.StatePending, ticketing.StateResolved, ticketing.StateClosed
	states := []ticketing.State{now, open, pending, resolved, closed}
	for _, row := range []struct {
		event string
		do    func(w *world, n int64)
		to    [5]ticketing.State // from new, open, pending, resolved, closed
	}{
		{"claimed", press("ticket.claim"), [5]ticketing.State{open, open, pending, resolved, closed}},
		{"noted", say("// chiedo"), [5]ticketing.State{open, open, pending, resolved, closed}},
		{"noted by somebody else", func(w *world, n int64) { w.say("slack:T1/UOSPITE", n, "anch'io") }, [5]ticketing.State{now, open, pending, resolved, closed}},
		{"answered", say("Riavvii"), [5]ticketing.State{open, open, pending, resolved, closed}},
		{"answered, pending by default", func(w *world, n int64) {
			w.queue.PendingDefault = true
			say("Riavvii")(w, n)
		}, [5]ticketing.State{pending, pending, pending, resolved, closed}},
		{"made to wait", press("ticket.pending"), [5]ticketing.State{pending, pending, pending, resolved, closed}},
		{"resolved", press("ticket.resolve"), [5]ticketing.State{resolved, resolved, resolved, resolved, closed}},
		{"resolved with words", say("!risolto Ecco fatto"), [5]ticketing.State{resolved, resolved, resolved, resolved, closed}},
		{"reopened", press("ticket.reopen"), [5]ticketing.State{now, open, pending, open, closed}},
		{"closed", press("ticket.close"), [5]ticketing.State{closed, closed, closed, closed, closed}},
		{"customer writes", customer, [5]ticketing.State{now, open, open, open, closed}},
		{"customer writes after the window", func(w *world, n int64) {
			w.pass(14*24*time.Hour + time.Hour)
			customer(w, n)
		}, [5]ticketing.State{now, open, open, resolved, closed}},
		{"15 days pass", func(w *world, n int64) {
			w.pass(15 * 24 * time.Hour)
			w.tick()
		}, [5]ticketing.State{now, open, pending, closed, closed}},
	} {
		for i, from := range states {
			t.Run(row.event+" from "+string(from), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				n := w.in(from)
				row.do(w, n)
				w.is(n, row.to[i])
				k := w.ticket(n)
				timer := k.State == pending || k.State == resolved
				if timer != !k.TimerAt.IsZero() {
					t.Errorf("a %s ticket has its timer at %v", k.State, k.TimerAt)
				}
				if k.Resolved() != !k.ResolvedAt.IsZero() || k.Resolved() != (k.Reason != "") || (k.State == closed) != !k.ClosedAt.IsZero() {
					t.Errorf("a %s ticket says resolved %v for %q, closed %v", k.State, k.ResolvedAt, k.Reason, k.ClosedAt)
				}
			})
		}
	}
}

// TestFollowUp: who writes to a closed ticket gets a new one; both know of each other, and the old one stays as it was.
func TestFollowUp(t *testing.T) {
	w := newWorld(t)
	old := w.in(ticketing.StateClosed)
	in := w.hear(w.mail("maria@cliente.example", "Di nuovo rotta", w.naming(old)))
	equal(t, "outcome", in.Outcome, ticketing.OutcomeFollowUp)
	equal(t, "a ticket of its own", in.Ticket != old, true)
	equal(t, "follows", w.ticket(in.Ticket).Follows, old)
	equal(t, "old events", w.events(old), "ticket.opened ticket.resolved ticket.closed ticket.followed")
	w.is(old, ticketing.StateClosed)
	last := w.outbox(ticketing.OutgoingFilter{Kind: ticketing.PostLine})
	if len(last) != 1 || last[0].Ticket != old || last[0].Facts.Args["ticket"] != fmt.Sprint(in.Ticket) {
		t.Errorf("the old thread is told %+v", last)
	}
	equal(t, "letters", w.letters("maria@cliente.example"), "received resolved follow-up")
	// Its own address is the new ticket's, and a second mail to the old one opens no third that follows the wrong one.
	again := w.hear(w.mail("maria@cliente.example", "E ancora", w.naming(in.Ticket)))
	equal(t, "joined", again.Ticket, in.Ticket)
}

// TestMerged: a merged ticket hands its customer's messages on. What an agent writes in its thread stays there: answered in the other
// ticket it would reach people the agent does not see.
func TestMerged(t *testing.T) {
	w := newWorld(t)
	first, second := w.opened(), w.opened()
	w.update(func(tx ticketing.Tx) error {
		k, err := tx.Ticket(t.Context(), first)
		if err != nil {
			return err
		}
		k.MergedInto = second
		return tx.SaveTicket(t.Context(), &k)
	})
	in := w.hear(w.mail("maria@cliente.example", "Ancora", w.naming(first)))
	equal(t, "outcome", in.Outcome, ticketing.OutcomeReply)
	equal(t, "joined", in.Ticket, second)
	before := len(w.rows(ticketing.LetterAnswer))
	w.say(anna, first, "Riavvii")
	equal(t, "answers from the merged thread", len(w.rows(ticketing.LetterAnswer)), before)
	equal(t, "hint", w.hints(), "cannot_answer")
	msgs := w.messages(first)
	if m := msgs[len(msgs)-1]; m.Public || m.Text != "" && m.Visible != "Riavvii" {
		t.Errorf("the agent's words became %+v", m)
	}
}

// TestThanks: with the setting, a message that only thanks is stored and reopens nothing.
func TestThanks(t *testing.T) {
	for _, ignore := range []bool{false, true} {
		w := newWorld(t)
		w.queue.IgnoreThanks = ignore
		n := w.in(ticketing.StateResolved)
		w.hear(w.mail("maria@cliente.example", "Grazie mille!", w.naming(n)))
		if want := map[bool]ticketing.State{false: ticketing.StateOpen, true: ticketing.StateResolved}[ignore]; w.ticket(n).State != want {
			t.Errorf("ignore_thanks %v: %s", ignore, w.ticket(n).State)
		}
		equal(t, "stored", len(w.messages(n)), 2)
	}
}

// TestReopenings: S17. At most five reopenings by mail in an hour; an agent's do not count.
func TestReopenings(t *testing.T) {
	w := newWorld(t)
	n := w.in(ticketing.StateResolved)
	for range 6 {
		w.press(anna, n, "ticket.reopen", fmt.Sprint(n))
		w.press(anna, n, "ticket.resolve", fmt.Sprint(n))
	}
	for i := range 7 {
		w.hear(w.mail("maria@cliente.example", "Ancora", w.naming(n)))
		if i < 5 {
			w.is(n, ticketing.StateOpen)
			w.press(anna, n, "ticket.resolve", fmt.Sprint(n))
		} else {
			w.is(n, ticketing.StateResolved)
		}
	}
	equal(t, "messages", len(w.messages(n)), 8)
	w.pass(time.Hour + time.Second)
	w.hear(w.mail("maria@cliente.example", "Ancora", w.naming(n)))
	w.is(n, ticketing.StateOpen)
}

// TestClaim: the first one wins, the second is told.
func TestClaim(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.press(anna, n, "ticket.claim", fmt.Sprint(n))
	w.press(luca, n, "ticket.claim", fmt.Sprint(n))
	equal(t, "assignee", w.ticket(n).Assignee, anna)
	equal(t, "hint", w.hints(), "claimed_by")
	revision := w.ticket(n).Revision
	w.press(anna, n, "ticket.claim", fmt.Sprint(n))
	equal(t, "revision after claiming twice", w.ticket(n).Revision, revision)
	w.press("slack:T1/UOSPITE", n, "ticket.close", fmt.Sprint(n))
	w.is(n, ticketing.StateOpen)
}

// TestWordsBehindCommands: what stands behind a command is never lost: it asks the customer, or it stays inside.
func TestWordsBehindCommands(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.say(anna, n, "!attesa Che modello è?")
	w.is(n, ticketing.StateNew)
	w.pass(time.Minute)
	w.send()
	w.is(n, ticketing.StatePending)
	if rows := w.rows(ticketing.LetterAnswer); len(rows) != 1 || rows[0].Facts.Body != "Che modello è?" {
		t.Errorf("the question left as %+v", rows)
	}
	w.say(luca, n, "!chiudi il cliente ha cambiato ditta")
	w.is(n, ticketing.StateClosed)
	notes := 0
	for _, m := range w.messages(n) {
		if !m.Public && m.Visible == "il cliente ha cambiato ditta" && m.Agent == luca {
			notes++
		}
	}
	equal(t, "the words are a note", notes, 1)
}

// TestPriority: a priority is set, shown and kept on record; setting it again says nothing.
func TestPriority(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	for range 2 {
		w.say(anna, n, "!priorità urgente")
	}
	equal(t, "priority", w.ticket(n).Priority, "urgent")
	equal(t, "events", strings.Count(w.events(n), "ticket.priority"), 1)
	w.say("slack:T1/UOSPITE", n, "!priority normal")
	equal(t, "a guest changes nothing", w.ticket(n).Priority, "urgent")
}

// TestCc: a person added by an agent gets answers from then on and may write; our own and agents' addresses are refused, adding twice says so.
func TestCc(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.say(anna, n, "Prima")
	w.pass(time.Minute)
	w.send()
	for _, bad := range []string{"!cc nessuno", "!cc anna@example.com", "!cc assistenza+x@example.com", "!cc", "!cc a@b@"} {
		w.say(anna, n, bad)
	}
	equal(t, "nobody was added", strings.Count(w.events(n), "participant.added"), 0)
	w.say("slack:T1/UOSPITE", n, "!cc socio@altro.example")
	equal(t, "a guest adds nobody", strings.Count(w.events(n), "participant.added"), 0)
	w.say(anna, n, "!cc <socio@altro.example>")
	w.say(anna, n, "!cc socio@ALTRO.example")
	equal(t, "added once", strings.Count(w.events(n), "participant.added"), 1)
	w.say(anna, n, "Dopo")
	w.pass(time.Minute)
	w.send()
	equal(t, "the added person gets", w.letters("socio@altro.example"), "answer")
	if in := w.hear(w.mail("socio@altro.example", "Grazie, vedo", w.naming(n))); in.Outcome != ticketing.OutcomeReply || in.Ticket != n {
		t.Errorf("what the added person writes: %s on %d", in.Outcome, in.Ticket)
	}
}
