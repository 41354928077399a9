package ticketing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// receipt is a certified receipt about a letter, by its key or by its Message-ID alone.
func (w *world) receipt(kind string, letter ticketing.Outgoing, byRef bool, change ...func(h *ticketing.Heard)) ticketing.Heard {
	r := &ticketing.Report{Receipt: kind, Provider: "Gestore PEC S.p.A.", Recipient: "maria@cliente.example", Outgoing: letter.ID}
	if byRef {
		r.Outgoing, r.Ref = "", letter.Ref
	}
	switch kind {
	case "errore-consegna", "non-accettazione", "rilevazione-virus":
		r.Failed, r.Permanent, r.Status, r.Reason = true, true, "5.1.1", "unknown_user"
	case "preavviso-errore-consegna":
		r.Failed, r.Reason = true, "delayed"
	}
	h := w.mail("posta-certificata@pec.example.it", kind, func(h *ticketing.Heard) {
		h.Kind, h.Report, h.Auto = ticketing.KindPECReceipt, r, ticketing.AutoAnswer{Reason: "PEC10 PEC receipt"}
	})
	for _, c := range change {
		c(&h)
	}
	return h
}

// withAnswer is a ticket with an agent's answer that has left.
func (w *world) withAnswer() (int64, ticketing.Outgoing) {
	w.t.Helper()
	n := w.opened()
	w.say(anna, n, "Ecco la risposta")
	w.pass(time.Minute)
	w.send()
	for _, o := range w.rows(ticketing.LetterAnswer) {
		if o.Ticket == n {
			return n, o
		}
	}
	w.t.Fatal("no answer left")
	return 0, ticketing.Outgoing{}
}

// TestPECReceipts: a receipt lands on the letter it belongs to, good ones without a state change, a failure with one notice, and nobody is
// answered (PEC6 to PEC8, PEC10).
func TestPECReceipts(t *testing.T) {
	for _, byRef := range []bool{false, true} {
		w := newWorld(t)
		n, letter := w.withAnswer()
		state := w.ticket(n).State
		letters := len(w.rows(""))
		for _, kind := range []string{"accettazione", "presa-in-carico", "avvenuta-consegna"} {
			in := w.hear(w.receipt(kind, letter, byRef))
			if in.Outcome != ticketing.OutcomeAutomatic || in.Ticket != n || in.Outgoing != letter.ID {
				t.Errorf("%s: %s on ticket %d about %q", kind, in.Outcome, in.Ticket, in.Outgoing)
			}
		}
		equal(t, "events", strings.Count(w.events(n), "letter.receipt"), 3)
		equal(t, "state", w.ticket(n).State, state)
		equal(t, "letters", w.letters("maria@cliente.example"), "received answer")
		equal(t, "lines in the thread", w.lines(n), "pec_accepted pec_delivered")
		equal(t, "letters and posts", len(w.rows("")), letters+2)
		for _, o := range w.rows(ticketing.PostLine) {
			if o.Facts.Args["recipient"] != "maria@cliente.example" || o.Facts.Args["provider"] == "" || o.Facts.Args["at"] != "04/03/2026 10:01" {
				t.Errorf("the line tells %v", o.Facts.Args)
			}
		}
		equal(t, "messages of the ticket", strings.Contains(w.events(n), "message.automatic"), false)

		w.hear(w.receipt("preavviso-errore-consegna", letter, byRef))
		equal(t, "a notice in advance", w.contact("maria@cliente.example").Bounced, false)
		w.hear(w.receipt("errore-consegna", letter, byRef))
		w.hear(w.receipt("errore-consegna", letter, byRef))
		equal(t, "notices of the failure", len(w.rows(ticketing.PostBounce)), 1)
		equal(t, "the contact", w.contact("maria@cliente.example").Bounced, true)
		equal(t, "tickets", len(w.messages(n)), 2)
	}
}

// What is about no letter of ours stays visible and changes nothing; the same receipt twice is one.
func TestPECReceiptsOfNothing(t *testing.T) {
	w := newWorld(t)
	n, letter := w.withAnswer()
	unknown := ticketing.Outgoing{ID: "01JD0000000000000000000000", Ref: "mail:<nothing@example.com>"}
	if in := w.hear(w.receipt("errore-consegna", unknown, false)); in.Outcome != ticketing.OutcomeQuarantine || in.Cause != ticketing.CauseReport {
		t.Errorf("a failure of nothing of ours: %s %s", in.Outcome, in.Cause)
	}
	if in := w.hear(w.receipt("accettazione", unknown, true)); in.Outcome != ticketing.OutcomeAutomatic || in.Ticket != 0 {
		t.Errorf("a receipt of nothing of ours: %s on %d", in.Outcome, in.Ticket)
	}
	h := w.receipt("avvenuta-consegna", letter, false)
	w.hear(h)
	if in := w.hear(h); in.Outcome != ticketing.OutcomeDuplicate {
		t.Errorf("the same receipt again: %s", in.Outcome)
	}
	equal(t, "receipts kept", strings.Count(w.events(n), "letter.receipt"), 1)
	equal(t, "answers to providers", w.letters("posta-certificata@pec.example.it"), "")
}
