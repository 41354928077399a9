package ticketing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// forwarding makes a mail the forward of one of Maria's.
func forwarding(change ...func(f *ticketing.Forwarded)) func(h *ticketing.Heard) {
	f := &ticketing.Forwarded{From: ticketing.Party{Key: "mail:maria@cliente.example", Address: "maria@cliente.example", Name: "Maria Verdi"}, Subject: "Stampante ferma",
		At: time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC), Ref: "mail:<m1@cliente.example>", Comment: "Ci pensate voi?", Text: "Non stampa.", Visible: "Non stampa.", Language: "it"}
	for _, c := range change {
		c(f)
	}
	return func(h *ticketing.Heard) {
		h.Forwarded, h.Subject, h.Text, h.Visible = f, "I: Stampante ferma", "Ci pensate voi?\n\nNon stampa.", "Ci pensate voi?\n\nNon stampa."
	}
}

func (w *world) lines(number int64) string {
	var codes []string
	for _, o := range w.rows(ticketing.PostLine) {
		if o.Ticket == number || o.Thread == w.thread(number).ID {
			codes = append(codes, o.Facts.Code)
		}
	}
	return strings.Join(codes, " ")
}

// An agent's forward is the customer's ticket: the agent's words are a note, nothing goes to the customer by itself, the answer does, and
// what the customer wrote before and after finds the same ticket (F1–F3, F7–F9).
func TestAgentForwards(t *testing.T) {
	w := newWorld(t)
	in := w.hear(w.mail("Anna@Example.com", "", forwarding(), func(h *ticketing.Heard) {
		h.Ref, h.Refs, h.HeaderLanguage = "mail:<inside@example.com>", []ticketing.Ref{"mail:<chat@example.com>"}, "de"
	}))
	if th := w.thread(in.Ticket); th.LastRef != "mail:<m1@cliente.example>" || len(th.LastRefs) > 0 {
		t.Errorf("our answers name %q and %q, ids of the agent's mail among them", th.LastRef, th.LastRefs)
	}
	w.send()
	k := w.ticket(in.Ticket)
	if who := w.contact("maria@cliente.example"); w.thread(in.Ticket).Contact != who.ID || who.Proven || w.thread(in.Ticket).Subject != "Stampante ferma" {
		t.Errorf("the ticket is %+v of %+v", k, who)
	}
	all := w.messages(in.Ticket)
	if len(all) != 2 || !all[0].Public || all[0].Visible != "Non stampa." || all[0].Auth != ticketing.AuthNone || !all[0].At.Equal(time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC)) ||
		all[1].Public || all[1].Visible != "Ci pensate voi?" || all[1].Author != ticketing.AuthorAgent {
		t.Errorf("the messages are %+v", all)
	}
	if got := w.letters("maria@cliente.example") + w.letters("anna@example.com"); got != "" {
		t.Errorf("letters nobody asked for: %s", got)
	}
	if got := w.lines(in.Ticket); got != "forwarded_with" {
		t.Errorf("the thread says %q", got)
	}
	w.say(anna, in.Ticket, "Arriviamo")
	w.pass(time.Minute)
	w.send()
	if got := w.letters("maria@cliente.example"); got != string(ticketing.LetterAnswer) {
		t.Errorf("the customer got %q", got)
	}
	// The customer's own program names the mail that was forwarded.
	again := w.hear(w.mail("maria@cliente.example", "Ancora niente", func(h *ticketing.Heard) {
		h.Claims = []ticketing.Claim{{Rule: ticketing.ClaimKnownID, Ref: "mail:<m1@cliente.example>"}}
	}))
	if again.Ticket != in.Ticket || again.Outcome != ticketing.OutcomeReply {
		t.Errorf("the customer's next mail went to %d (%s)", again.Ticket, again.Outcome)
	}
}

func TestForwardAcknowledged(t *testing.T) {
	w := newWorld(t)
	w.queue.ForwardAck = true
	w.hear(w.mail("anna@example.com", "", forwarding()))
	w.send()
	if got := w.letters("maria@cliente.example"); got != string(ticketing.LetterReceived) {
		t.Errorf("with forward_ack the customer got %q", got)
	}
}

// Nobody becomes a customer by guess: the ticket is the agent's and the thread asks (F4–F6).
func TestForwardAbstains(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *ticketing.Forwarded)
		line   string
	}{
		"a name only":   {func(f *ticketing.Forwarded) { f.From, f.Name, f.Abstains = ticketing.Party{}, "Maria", "name_only" }, "forward_name_only"},
		"several":       {func(f *ticketing.Forwarded) { f.From, f.Abstains = ticketing.Party{}, "several" }, "forward_several"},
		"no sender":     {func(f *ticketing.Forwarded) { f.From = ticketing.Party{} }, "forward_bad_sender"},
		"another agent": {func(f *ticketing.Forwarded) { f.From.Address, f.From.Key = "anna@example.com", "mail:anna@example.com" }, "forward_agent"},
		"an address of ours": {func(f *ticketing.Forwarded) {
			f.From.Address, f.From.Key = "assistenza@example.com", "mail:assistenza@example.com"
		}, "forward_own"},
	} {
		w := newWorld(t)
		in := w.hear(w.mail("anna@example.com", "", forwarding(c.change)))
		w.send()
		if who := w.contact("anna@example.com"); w.thread(in.Ticket).Contact != who.ID {
			t.Errorf("%s: the ticket is not the agent's", name)
		}
		if got := w.lines(in.Ticket); got != c.line {
			t.Errorf("%s: the thread says %q", name, got)
		}
		if all := w.messages(in.Ticket); len(all) != 1 || all[0].Visible != "Ci pensate voi?\n\nNon stampa." {
			t.Errorf("%s: messages %+v", name, all)
		}
	}
	w := newWorld(t)
	in := w.hear(w.mail("anna@example.com", "", forwarding(), auth(ticketing.AuthUnknown)))
	equal(t, "an agent nobody vouches for", w.lines(in.Ticket), "forward_unproven")
}

// Only a proven agent speaks for others: a customer's forward, and one that only claims to be an agent's, are their senders' mails (F10).
func TestForwardsOfOthers(t *testing.T) {
	for name, h := range map[string]func(w *world) ticketing.Heard{
		"a customer": func(w *world) ticketing.Heard { return w.mail("eve@bad.example", "", forwarding()) },
		"an agent unproven": func(w *world) ticketing.Heard {
			return w.mail("anna@example.com", "", forwarding(), auth(ticketing.AuthNone))
		},
	} {
		w := newWorld(t)
		heard := h(w)
		in := w.hear(heard)
		if who := w.contact(heard.From.Address); w.thread(in.Ticket).Contact != who.ID {
			t.Errorf("%s opened a ticket in another name", name)
		}
		if all := w.messages(in.Ticket); len(all) != 1 || all[0].Visible != "Ci pensate voi?\n\nNon stampa." {
			t.Errorf("%s: messages %+v", name, all)
		}
	}
}
