package ticketing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// TestRelease: a mail that waits is shown in its ticket's thread with its buttons (decision 26); each verdict does what it says, once.
func TestRelease(t *testing.T) {
	mail := func(w *world, n int64) ticketing.Heard {
		return w.mail("eve@bad.example", "Sono una collega", w.naming(n))
	}
	for _, row := range []struct {
		action  string
		outcome ticketing.Outcome
		joins   bool
	}{
		{"join.release", ticketing.OutcomeReply, true}, {"join.new_ticket", ticketing.OutcomeTicket, false}, {"join.discard", ticketing.OutcomeDeleted, false},
	} {
		t.Run(row.action, func(t *testing.T) {
			w := newWorld(t)
			n := w.in(ticketing.StatePending)
			h := mail(w, n)
			in := w.hear(h)
			equal(t, "waits", in.Cause, ticketing.CauseNotParticipant)
			shown := w.rows(ticketing.PostRelease)
			if len(shown) != 1 || shown[0].Facts.Card == nil || shown[0].Facts.Card.Inbound != in.ID || shown[0].Ticket != n {
				t.Fatalf("it is shown as %+v", shown)
			}
			w.is(n, ticketing.StatePending)

			w.press("slack:T1/UOSPITE", n, row.action, in.ID)
			equal(t, "pressed by a guest", w.row(in.ID).State, ticketing.InboundDone)
			w.press(anna, n, row.action, in.ID)
			if row.outcome != ticketing.OutcomeDeleted {
				in = w.work(in.ID, h)
			}
			w.press(luca, n, "join.discard", in.ID)
			equal(t, "hints", w.hints(), "agents_only gone")
			in = w.row(in.ID)
			equal(t, "outcome", in.Outcome, row.outcome)
			equal(t, "joins", in.Message != "" && in.Ticket == n, row.joins)
			if row.joins {
				w.is(n, ticketing.StateOpen)
				// One release makes the person a participant.
				equal(t, "the next one", w.hear(mail(w, n)).Outcome, ticketing.OutcomeReply)
			} else {
				w.is(n, ticketing.StatePending)
				equal(t, "the next one", w.hear(mail(w, n)).Cause, ticketing.CauseNotParticipant)
			}
			equal(t, "cards", len(w.rows(ticketing.PostRelease)) <= 2, true)
		})
	}
}

// TestReleaseOfEveryCause: what a person releases as a ticket becomes one, whatever had held it back; without a sender it waits on.
func TestReleaseOfEveryCause(t *testing.T) {
	for cause, change := range map[ticketing.Cause]func(w *world, h *ticketing.Heard){
		ticketing.CauseLimits:     func(_ *world, h *ticketing.Heard) { h.Refused = ticketing.CauseLimits },
		ticketing.CauseTooLarge:   func(_ *world, h *ticketing.Heard) { h.Refused = ticketing.CauseTooLarge },
		ticketing.CauseSpam:       func(_ *world, h *ticketing.Heard) { h.Refused = ticketing.CauseSpam },
		ticketing.CauseLoop:       func(_ *world, h *ticketing.Heard) { h.Refused = ticketing.CauseLoop },
		ticketing.CauseManyTokens: func(_ *world, h *ticketing.Heard) { h.TokenThreads = 2 },
		ticketing.CauseFromSelf:   func(_ *world, h *ticketing.Heard) { h.FromSelf, h.Auto = true, ticketing.AutoAnswer{Reason: "M8"} },
		ticketing.CauseReport: func(_ *world, h *ticketing.Heard) {
			h.Kind, h.Auto = ticketing.KindBounce, ticketing.AutoAnswer{Reason: "M7"}
		},
		ticketing.CauseAuthFailed: func(w *world, h *ticketing.Heard) { h.Auth = ticketing.AuthFail; w.naming(1)(h) },
		ticketing.CauseFlood:      func(w *world, _ *ticketing.Heard) { w.desk.Limits.TicketsPerHour = 1 },
		ticketing.CauseBadSender:  func(_ *world, h *ticketing.Heard) { h.Refused, h.From = ticketing.CauseBadSender, ticketing.Party{} },
	} {
		t.Run(string(cause), func(t *testing.T) {
			w := newWorld(t)
			w.opened()
			h := w.mail("maria@cliente.example", "Aiuto")
			change(w, &h)
			in := w.hear(h)
			equal(t, "waits", in.Cause, cause)
			w.judge(in.ID, ticketing.VerdictTicket, nil)
			in = w.work(in.ID, h)
			if cause == ticketing.CauseBadSender {
				equal(t, "nobody to answer", in.Cause, cause)
				return
			}
			equal(t, "outcome", in.Outcome, ticketing.OutcomeTicket)
			equal(t, "a ticket of its own", in.Ticket > 1, true)
		})
	}
}

func (w *world) judge(id, verdict string, want error) {
	w.t.Helper()
	err := w.db.Update(w.t.Context(), func(tx ticketing.Tx) error {
		in, err := tx.Inbound(w.t.Context(), id)
		if err != nil {
			return err
		}
		return w.desk.Judge(w.t.Context(), tx, &in, verdict, "operator")
	})
	if !errors.Is(err, want) {
		w.t.Errorf("verdict %s: %v, want %v", verdict, err, want)
	}
}

// TestReleaseOfOurOwnAddress: joined by a person's verdict, but never a participant: the desk would write to itself.
func TestReleaseOfOurOwnAddress(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	h := w.mail("assistenza@example.com", "Dal telefono", w.naming(n), func(h *ticketing.Heard) { h.FromSelf = true })
	in := w.hear(h)
	w.judge(in.ID, ticketing.VerdictReply, nil)
	w.judge(in.ID, ticketing.VerdictReply, &ticketing.Error{Code: "quarantine.gone"})
	in = w.work(in.ID, h)
	equal(t, "joined", in.Ticket, n)
	w.say(anna, n, "Risposta")
	equal(t, "letters to ourselves", w.letters("assistenza@example.com"), "")
}

// offered makes an open offer and returns its number and the tokens of its letter.
func (w *world) offered() (n int64, yes, no string) {
	w.t.Helper()
	w.found = ticketing.Findings{Offer: true, Confidence: 0.9, Hits: []ticketing.Hit{{ID: "a", Title: "Riavviare"}}}
	in := w.hear(w.mail("maria@cliente.example", "Come si riavvia?"))
	equal(w.t, "outcome", in.Outcome, ticketing.OutcomeHeld)
	rows := w.outbox(ticketing.OutgoingFilter{Kind: ticketing.LetterOffer})
	f := rows[len(rows)-1].Facts
	w.send()
	return in.Ticket, f.YesToken, f.NoToken
}

func (w *world) link(token string, press bool) (v ticketing.LinkView, err error) {
	w.t.Helper()
	run, call := w.db.View, w.desk.Link
	if press {
		run, call = w.db.Update, w.desk.PressLink
	}
	err = run(w.t.Context(), func(tx ticketing.Tx) (err error) {
		v, err = call(context.Background(), tx, token)
		return err
	})
	return v, err
}

// TestOfferLinks: looking changes nothing, pressing counts once, and a token of no offer finds none.
func TestOfferLinks(t *testing.T) {
	w := newWorld(t)
	n, yes, no := w.offered()
	for _, token := range []string{yes, no} {
		v, err := w.link(token, false)
		if err != nil || v.Yes != (token == yes) || v.Thread.Number != n || v.Language != "it" {
			t.Fatalf("%+v %v", v, err)
		}
	}
	equal(t, "after looking", w.thread(n).State, ticketing.ThreadHeld)
	for _, token := range []string{"", "x", yes[:51], yes + "A", yes[:51] + "a", ticketing.HashToken(yes), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if _, err := w.link(token, true); !errors.Is(err, ticketing.ErrNotFound) {
			t.Errorf("token %q: %v", token, err)
		}
	}
	for range 2 {
		if _, err := w.link(yes, true); err != nil {
			t.Fatal(err)
		}
		equal(t, "after yes", w.thread(n).State, ticketing.ThreadSolved)
	}
	v, err := w.link(no, true)
	equal(t, "no after yes", err == nil && v.Suggestion.State == ticketing.SuggestionSolved, true)
	equal(t, "no ticket", len(w.rows(ticketing.PostRoot)), 0)
	equal(t, "events", w.events(n), "request.held offer.solved")

	// Writing again undoes it.
	in := w.hear(w.mail("maria@cliente.example", "Invece non va", w.naming(n)))
	equal(t, "written again", in.Outcome, ticketing.OutcomeReply)
	w.is(n, ticketing.StateNew)
	equal(t, "letters", w.letters("maria@cliente.example"), "offer opened")
}

// TestOfferDeclined: by the link, by a mail, by taking it; whatever comes first counts, and the ticket opens once.
func TestOfferDeclined(t *testing.T) {
	link := func(w *world, _ int64, no string) {
		if _, err := w.link(no, true); err != nil {
			w.t.Fatal(err)
		}
	}
	mail := func(text string) func(w *world, n int64, no string) {
		return func(w *world, n int64, _ string) { w.hear(w.mail("maria@cliente.example", text, w.naming(n))) }
	}
	take := func(w *world, n int64, _ string) { w.press(anna, n, "held.take", w.suggestion(n)) }
	timer := func(w *world, _ int64, _ string) {
		w.pass(3 * time.Hour)
		w.tick()
	}
	ways := map[string]func(w *world, n int64, no string){"link": link, "mail": mail("No, non va"), "other": mail("La stampante è una HP"), "taken": take, "timer": timer}
	for first, one := range ways {
		for second, other := range ways {
			t.Run(first+" then "+second, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				n, _, no := w.offered()
				one(w, n, no)
				if k := w.ticket(n); k.Resolved() {
					t.Fatal("no ticket is open")
				}
				w.send()
				other(w, n, no)
				equal(t, "roots", len(w.rows(ticketing.PostRoot)), 1)
				equal(t, "letters", w.letters("maria@cliente.example"), "offer opened")
				if first == "taken" {
					equal(t, "assignee", w.ticket(n).Assignee, anna)
				}
			})
		}
	}
}

func (w *world) suggestion(n int64) string {
	w.t.Helper()
	for _, o := range w.rows(ticketing.PostHeld) {
		if o.Ticket == n {
			return o.Facts.Card.Suggestion
		}
	}
	return ""
}

// TestOfferSolvedByMail: a clear yes closes; a second one by the link changes nothing.
func TestOfferSolvedByMail(t *testing.T) {
	w := newWorld(t)
	n, yes, no := w.offered()
	w.hear(w.mail("maria@cliente.example", "Risolto, grazie!", w.naming(n)))
	equal(t, "state", w.thread(n).State, ticketing.ThreadSolved)
	for _, token := range []string{yes, no} {
		if _, err := w.link(token, true); err != nil {
			t.Error(err)
		}
	}
	equal(t, "state", w.thread(n).State, ticketing.ThreadSolved)
	equal(t, "letters", w.letters("maria@cliente.example"), "offer")
	w.pass(24 * time.Hour)
	equal(t, "timer", w.tick(), 0)
}

// TestOfferWithheld: an offer that may not be sent is none: the ticket opens at once.
func TestOfferWithheld(t *testing.T) {
	w := newWorld(t)
	w.desk.Limits.AutoPerHour = 1
	w.opened()
	w.found = ticketing.Findings{Offer: true, Hits: []ticketing.Hit{{ID: "a"}}}
	in := w.hear(w.mail("maria@cliente.example", "Come si riavvia?"))
	equal(t, "outcome", in.Outcome, ticketing.OutcomeTicket)
	w.is(in.Ticket, ticketing.StateNew)
	equal(t, "reason", in.Reason, "offer.withheld")
}
