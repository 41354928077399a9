package ticketing_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// until lets time pass to at, ticking on the way as a clock does, and returns how often something was due.
func (w *world) until(at time.Time) (due int) {
	w.t.Helper()
	for w.clock().Before(at) {
		w.pass(min(time.Hour, at.Sub(w.clock())))
		due += w.tick()
	}
	return due
}

func rome(t *testing.T, day, clock string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", day+" "+clock, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestWaiting: a reminder after 3 working days, no_reply after 7 more, closed after 14 days. The world begins on Wednesday, 4 March 2026;
// 5 April is Easter, so the 6th is no working day.
func TestWaiting(t *testing.T) {
	w := newWorld(t)
	n := w.in(ticketing.StatePending)
	equal(t, "due before the reminder", w.until(rome(t, "2026-03-09", "09:59")), 0)
	w.until(rome(t, "2026-03-09", "10:00"))
	equal(t, "letters", w.letters("maria@cliente.example"), "received pending reminder")
	w.is(n, ticketing.StatePending)
	equal(t, "due before the end", w.until(rome(t, "2026-03-18", "09:59")), 0)
	w.until(rome(t, "2026-03-18", "10:00"))
	w.is(n, ticketing.StateResolved)
	equal(t, "reason", w.ticket(n).Reason, ticketing.ReasonNoReply)
	equal(t, "letters", w.letters("maria@cliente.example"), "received pending reminder resolved")
	equal(t, "due inside the window", w.until(rome(t, "2026-04-01", "10:59")), 0) // summer time began on 29 March
	w.until(rome(t, "2026-04-01", "11:00"))
	w.is(n, ticketing.StateClosed)
	equal(t, "letters", w.letters("maria@cliente.example"), "received pending reminder resolved")
	equal(t, "due for ever after", w.until(rome(t, "2026-06-01", "11:00")), 0)
}

// TestWaitingAcrossHolidays: Good Friday is a working day in Italy, Easter Monday is not.
func TestWaitingAcrossHolidays(t *testing.T) {
	w := newWorld(t)
	w.until(rome(t, "2026-04-02", "12:00")) // Thursday
	n := w.in(ticketing.StatePending)
	equal(t, "reminder", w.ticket(n).TimerAt.Equal(rome(t, "2026-04-08", "12:00")), true)
}

// TestAnswerStopsTheClock: a customer's answer ends the waiting, and the next waiting begins anew with its own reminder.
func TestAnswerStopsTheClock(t *testing.T) {
	w := newWorld(t)
	n := w.in(ticketing.StatePending)
	w.until(rome(t, "2026-03-10", "10:00"))
	w.hear(w.mail("maria@cliente.example", "Eccomi", w.naming(n)))
	w.is(n, ticketing.StateOpen)
	w.press(anna, n, "ticket.pending", fmt.Sprint(n))
	w.until(rome(t, "2026-03-13", "10:00"))
	w.is(n, ticketing.StatePending)
	equal(t, "letters", w.letters("maria@cliente.example"), "received pending reminder pending reminder")
}

// TestProgramsStopNoClock: M17. An out-of-office changes no state and stops no timer, whoever it is from.
func TestProgramsStopNoClock(t *testing.T) {
	w := newWorld(t)
	n := w.in(ticketing.StatePending)
	before := w.ticket(n)
	in := w.hear(w.mail("maria@cliente.example", "Sono in ferie", w.naming(n), func(h *ticketing.Heard) { h.Kind, h.Answers = ticketing.KindAutoReply, true }))
	equal(t, "outcome", in.Outcome, ticketing.OutcomeAutomatic)
	equal(t, "ticket", w.ticket(n), before)
	msgs := w.messages(n)
	equal(t, "folded in", len(msgs) == 2 && !msgs[1].Public, true)
	w.hear(w.mail("eve@bad.example", "Sono in ferie", w.naming(n), func(h *ticketing.Heard) { h.Kind, h.Answers = ticketing.KindAutoReply, true }))
	equal(t, "a stranger's program", len(w.messages(n)), 2)
	equal(t, "letters", w.letters("maria@cliente.example"), "received pending")
}

// TestTwoProcessesTick: what one process carried out is not due for another.
func TestTwoProcessesTick(t *testing.T) {
	w := newWorld(t)
	w.in(ticketing.StatePending)
	w.pass(6 * 24 * time.Hour)
	equal(t, "first", w.tick(), 1)
	equal(t, "second", w.tick(), 0)
	// A clock that jumps a day forward at once reminds once.
	w.pass(24 * time.Hour)
	equal(t, "after a jump", w.tick(), 0)
	equal(t, "reminders", len(w.rows(ticketing.LetterReminder)), 1)
}

// TestOfferTimer: an offer ends after two opening hours, not two hours of the night, and its ticket opens.
func TestOfferTimer(t *testing.T) {
	w := newWorld(t)
	w.found = ticketing.Findings{Offer: true, Confidence: 0.9, Hits: []ticketing.Hit{{ID: "a", Title: "Riavviare"}}}
	w.until(rome(t, "2026-03-06", "17:00")) // Friday
	in := w.hear(w.mail("maria@cliente.example", "Come si riavvia?"))
	equal(t, "outcome", in.Outcome, ticketing.OutcomeHeld)
	equal(t, "state", w.thread(in.Ticket).State, ticketing.ThreadHeld)
	equal(t, "due before the end", w.until(rome(t, "2026-03-09", "09:59")), 0) // Monday
	equal(t, "due at the end", w.until(rome(t, "2026-03-09", "10:00")), 1)
	w.is(in.Ticket, ticketing.StateNew)
	equal(t, "letters", w.letters("maria@cliente.example"), "offer opened")
	equal(t, "the origin stays held", w.row(in.ID).Outcome, ticketing.OutcomeHeld)
	equal(t, "due again", w.until(rome(t, "2026-03-12", "10:00")), 0)
	equal(t, "roots", len(w.rows(ticketing.PostRoot)), 1)
}
