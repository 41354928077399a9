package ticketing_test

import (
	"fmt"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// TestWhoMayJoin is the truth table of S8: what the headers name × who writes × what is known about it, 140 rows, each through the desk on
// a database with the ticket in it. Nothing of a mail that waits may show.
func TestWhoMayJoin(t *testing.T) {
	const own, copiedByAgent, copiedByCustomer, colleague, stranger, agent, self = "maria@cliente.example", "paolo@partner.example", "sara@terzi.example",
		"luigi@cliente.example", "eve@bad.example", "anna@example.com", "assistenza@example.com"
	senders := []struct{ name, address string }{{"requester", own}, {"copied by agent", copiedByAgent}, {"copied by customer", copiedByCustomer}, {"colleague", colleague},
		{"stranger", stranger}, {"agent", agent}, {"own address", self}}
	ids := []string{"none", "valid", "foreign", "forged", "retired"}
	auths := []ticketing.Auth{ticketing.AuthPass, ticketing.AuthNone, ticketing.AuthUnknown, ticketing.AuthFail}

	w := newWorld(t)
	w.desk.Limits = ticketing.Limits{}
	rows := 0
	for _, id := range ids {
		for _, sender := range senders {
			for _, a := range auths {
				rows++
				name := fmt.Sprintf("%s id, %s, %s", id, sender.name, a)
				mine, foreign := w.joinable(own, copiedByCustomer, copiedByAgent)
				h := w.mail(sender.address, "Ancora nulla", auth(a), func(h *ticketing.Heard) { h.FromSelf = sender.address == self })
				var candidate int64
				switch id {
				case "valid":
					candidate = mine
				case "foreign":
					candidate = foreign
				case "forged", "retired":
					// The door found the key not to verify; it says so and names what the key said.
					h.Claims = []ticketing.Claim{{Rule: ticketing.ClaimToken, Key: w.thread(mine).Key}, {Rule: ticketing.ClaimOwnID, Outgoing: w.outbox(ticketing.OutgoingFilter{Ticket: mine})[0].ID}}
					h.FailedKeys = 1
				}
				if candidate != 0 {
					w.naming(candidate)(&h)
				}
				outcome, cause := ticketing.OutcomeTicket, ticketing.Cause("")
				switch joins := id == "valid" && (sender.name == "requester" || sender.name == "copied by agent"); {
				case sender.name == "own address":
					outcome, cause = ticketing.OutcomeQuarantine, ticketing.CauseFromSelf
				case joins && a == ticketing.AuthFail:
					outcome, cause = ticketing.OutcomeQuarantine, ticketing.CauseAuthFailed
				case joins:
					outcome = ticketing.OutcomeReply
				case candidate != 0:
					outcome, cause = ticketing.OutcomeQuarantine, ticketing.CauseNotParticipant
				}
				before := w.trace(mine) + w.trace(foreign)
				in := w.hear(h)
				if in.Outcome != outcome || in.Cause != cause {
					t.Errorf("%s: %s %s, want %s %s", name, in.Outcome, in.Cause, outcome, cause)
				}
				if outcome != ticketing.OutcomeReply && before != w.trace(mine)+w.trace(foreign) {
					t.Errorf("%s: it left a trace in a ticket it may not touch", name)
				}
				if a == ticketing.AuthFail && in.Outcome == ticketing.OutcomeTicket && w.answered(in.Ticket) {
					t.Errorf("%s: answered automatically", name)
				}
			}
		}
	}
	equal(t, "rows", rows, 140)
}

// joinable makes a pending ticket of the requester, with one copied by himself and one released by an agent, and a ticket of somebody else.
func (w *world) joinable(own, copied, released string) (mine, foreign int64) {
	w.t.Helper()
	mine = w.hear(w.mail(own, "La stampante non stampa", func(h *ticketing.Heard) {
		h.Copied = []ticketing.Party{{Key: "mail:" + copied, Address: copied}}
	})).Ticket
	foreign = w.hear(w.mail("neri@altro.example", "Il server è spento")).Ticket
	ctx := w.t.Context()
	w.update(func(tx ticketing.Tx) error {
		c := ticketing.Contact{ID: "C" + released, Key: "mail:" + released, Address: released}
		if err := tx.SaveContact(ctx, &c); err != nil {
			return err
		}
		th, err := tx.ThreadByNumber(ctx, mine)
		if err != nil {
			return err
		}
		k, err := tx.Ticket(ctx, mine)
		if err != nil {
			return err
		}
		if err := w.desk.Pend(ctx, tx, &k, anna); err != nil {
			return err
		}
		return tx.SaveParticipant(ctx, &ticketing.Participant{Thread: th.ID, Contact: c.ID, Role: "copied", Released: true, Active: true})
	})
	return mine, foreign
}

// trace is everything of a ticket that a mail which waits must not change (S8): state, timers, participants, messages, letters.
func (w *world) trace(number int64) string {
	w.t.Helper()
	k, th := w.ticket(number), w.thread(number)
	out := fmt.Sprintf("%+v %+v %d messages", k, th, len(w.messages(number)))
	w.view(func(tx ticketing.Tx) error {
		people, err := tx.Participants(w.t.Context(), th.ID)
		for _, p := range people {
			out += fmt.Sprintf(" %+v", p)
		}
		return err
	})
	for _, o := range w.outbox(ticketing.OutgoingFilter{Thread: th.ID}) {
		if o.Door == mailDoor {
			out += " " + o.ID
		}
	}
	return out
}

func (w *world) answered(number int64) bool {
	for _, o := range w.outbox(ticketing.OutgoingFilter{Ticket: number}) {
		if o.Door == mailDoor {
			return true
		}
	}
	return false
}

// TestColleagueInCopy: decision 26. A colleague of the requester's own company who was in copy and is proven joins, and from then on gets
// what agents answer; without proof, from a public provider, or not in copy, he waits.
func TestColleagueInCopy(t *testing.T) {
	for _, row := range []struct {
		requester, colleague string
		copied               bool
		auth                 ticketing.Auth
		joins                bool
	}{
		{"maria@cliente.example", "luigi@cliente.example", true, ticketing.AuthPass, true},
		{"maria@cliente.example", "luigi@cliente.example", true, ticketing.AuthNone, false},
		{"maria@cliente.example", "luigi@cliente.example", true, ticketing.AuthUnknown, false},
		{"maria@cliente.example", "luigi@cliente.example", true, ticketing.AuthFail, false},
		{"maria@cliente.example", "luigi@cliente.example", false, ticketing.AuthPass, false},
		{"maria@gmail.com", "luigi@gmail.com", true, ticketing.AuthPass, false},
		{"maria@cliente.example", "luigi@altro.example", true, ticketing.AuthPass, false},
	} {
		w := newWorld(t)
		n := w.hear(w.mail(row.requester, "Aiuto", func(h *ticketing.Heard) {
			if row.copied {
				h.Copied = []ticketing.Party{{Key: "mail:" + row.colleague, Address: row.colleague}}
			}
		})).Ticket
		w.send()
		in := w.hear(w.mail(row.colleague, "Confermo", auth(row.auth), w.naming(n)))
		if joined := in.Outcome == ticketing.OutcomeReply; joined != row.joins {
			t.Errorf("%+v: %s %s", row, in.Outcome, in.Cause)
		}
		w.say(anna, n, "Riavviate il server")
		want := ""
		if row.joins {
			want = "answer"
		}
		equal(t, fmt.Sprintf("letters to the colleague in %+v", row), w.letters(row.colleague), want)
	}
}

// TestKnownIDs: rule 3 of M41 counts for the same contact in the same mailbox only; for anyone else the headers say nothing (H070), and
// the mail is judged like any other that names nothing.
func TestKnownIDs(t *testing.T) {
	w := newWorld(t)
	first := w.hear(w.mail("maria@cliente.example", "Prima"))
	ref := w.messages(first.Ticket)[0].Ref
	known := func(h *ticketing.Heard) {
		h.Refs, h.Claims = []ticketing.Ref{ref}, []ticketing.Claim{{Rule: ticketing.ClaimKnownID, Ref: ref}}
	}

	equal(t, "same contact", w.hear(w.mail("maria@cliente.example", "Ancora", known)).Outcome, ticketing.OutcomeReply)
	equal(t, "same contact, failed authentication", w.hear(w.mail("maria@cliente.example", "Ancora", known, auth(ticketing.AuthFail))).Cause, ticketing.CauseAuthFailed)
	equal(t, "stranger", w.hear(w.mail("eve@bad.example", "Ciao", known)).Outcome, ticketing.OutcomeTicket)
	equal(t, "another mailbox", w.hear(w.mail("maria@cliente.example", "Altro", known, func(h *ticketing.Heard) { h.Door = "mail:vendite" })).Outcome, ticketing.OutcomeTicket)

	// Somebody who was a participant and is one no more is as anyone else: neither joined nor held up, and the flood limit holds.
	w = newWorld(t)
	w.desk.Limits.TicketsPerHour = 1
	first = w.hear(w.mail("maria@cliente.example", "Prima"))
	ref = w.messages(first.Ticket)[0].Ref
	w.update(func(tx ticketing.Tx) error {
		th, err := tx.ThreadByNumber(t.Context(), first.Ticket)
		if err != nil {
			return err
		}
		other := ticketing.Contact{ID: "COTHER", Key: "mail:altro@cliente.example", Address: "altro@cliente.example"}
		th.Contact = other.ID
		if err := tx.SaveContact(t.Context(), &other); err != nil {
			return err
		}
		return tx.SaveThread(t.Context(), &th)
	})
	w.update(func(tx ticketing.Tx) error {
		who, err := tx.ContactByKey(t.Context(), "mail:maria@cliente.example")
		if err != nil {
			return err
		}
		return tx.SaveParticipant(t.Context(), &ticketing.Participant{Thread: w.thread(first.Ticket).ID, Contact: who.ID, Role: "copied"})
	})
	in := w.hear(w.mail("maria@cliente.example", "Di nuovo", known))
	equal(t, "no participant any more", in.Outcome, ticketing.OutcomeTicket)
	equal(t, "the candidate", in.Ticket != first.Ticket, true)
	// That one was allowed because the thread is another's now; a second one is one too many.
	equal(t, "flood", w.hear(w.mail("maria@cliente.example", "Di nuovo", known)).Cause, ticketing.CauseFlood)
}
