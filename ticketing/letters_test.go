package ticketing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// TestLimits: S13. One acknowledgement in ten minutes, three automatic letters an hour, ten a day; who writes is heard all the same, and
// agents' letters are not counted.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	const maria = "maria@cliente.example"
	var last int64
	count := func() int { return len(strings.Fields(w.letters(maria))) }
	for range 5 {
		last = w.hear(w.mail(maria, "Domanda")).Ticket
	}
	equal(t, "in ten minutes", count(), 1)
	if !strings.Contains(w.events(last), "letter.withheld") {
		t.Errorf("the silence is not explained: %s", w.events(last))
	}
	for range 4 {
		w.pass(10*time.Minute + time.Second)
		last = w.hear(w.mail(maria, "Domanda")).Ticket
	}
	equal(t, "in an hour", count(), 3)
	for range 48 {
		w.pass(30 * time.Minute)
		last = w.hear(w.mail(maria, "Domanda")).Ticket
	}
	day := 0
	for _, o := range w.rows("") {
		if o.Automatic && w.clock().Sub(o.CreatedAt) < 24*time.Hour {
			day++
		}
	}
	if day < 9 || day > 10 {
		t.Errorf("%d automatic letters in a day, want the last of 10 to be due again now", day)
	}
	before := count()
	w.send()
	w.press(anna, last, "ticket.resolve", fmt.Sprint(last))
	equal(t, "an agent's act speaks", count(), before+1)

	// Another address is not affected, until all together reach the breaker.
	w.desk.Limits.AutoAllPerHour = 2
	w.pass(2 * time.Hour)
	for i := range 4 {
		w.hear(w.mail(fmt.Sprintf("c%d@altro.example", i), "Domanda"))
	}
	equal(t, "under the global breaker", len(strings.Fields(w.letters("c0@altro.example")+" "+w.letters("c1@altro.example")+" "+w.letters("c2@altro.example")+" "+w.letters("c3@altro.example"))), 2)
}

// TestFlood: L6 by address and by domain, for addresses never seen before, too; public providers are no domain.
func TestFlood(t *testing.T) {
	w := newWorld(t)
	w.desk.Limits.TicketsPerHour, w.desk.Limits.TicketsPerDomain = 3, 5
	flooded := func(address string) bool { return w.hear(w.mail(address, "Domanda")).Cause == ticketing.CauseFlood }
	for range 3 {
		equal(t, "below the limit", flooded("a@altro.example"), false)
	}
	equal(t, "the address", flooded("a@altro.example"), true)
	equal(t, "another address", flooded("b@altro.example"), false)
	equal(t, "another address", flooded("c@altro.example"), false)
	equal(t, "a new address of the domain", flooded("d@altro.example"), true)
	for i := range 8 {
		equal(t, "a public provider", flooded(fmt.Sprintf("p%d@gmail.com", i)), false)
	}
	w.pass(time.Hour + time.Second)
	equal(t, "an hour later", flooded("a@altro.example"), false)
	equal(t, "nothing of a flood is answered", strings.Count(w.letters("d@altro.example"), "received"), 0)
}

// TestOneAnswer: M14. One mail is answered automatically once, to one address, even when it opens a held request of the same sender.
func TestOneAnswer(t *testing.T) {
	w := newWorld(t)
	w.found = ticketing.Findings{Offer: true, Hits: []ticketing.Hit{{ID: "a"}}}
	first := w.hear(w.mail("maria@cliente.example", "Come si riavvia?"))
	equal(t, "held", first.Outcome, ticketing.OutcomeHeld)
	before := len(w.outbox(ticketing.OutgoingFilter{}))
	second := w.hear(w.mail("maria@cliente.example", "E la stampante?"))
	equal(t, "the second opens at once", second.Outcome, ticketing.OutcomeTicket)
	equal(t, "the first opens with it", w.ticket(first.Ticket).State, ticketing.StateNew)
	letters := 0
	for _, o := range w.outbox(ticketing.OutgoingFilter{})[before:] {
		if o.Door == mailDoor {
			letters++
		}
	}
	equal(t, "letters to one mail", letters, 1)
}

// TestCauses: the same cause speaks once to a person, and a Case that is carried out twice leaves nothing twice.
func TestCauses(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	h := w.mail("maria@cliente.example", "Domanda")
	in := w.hear(h)
	before, messages := len(w.rows("")), len(w.messages(in.Ticket))
	// A worker that slept through its lease does the same again: the ledger's fence undoes all of it.
	err := w.db.Update(ctx, func(tx ticketing.Tx) error {
		again := in
		again.State, again.Owner, again.Attempts = ticketing.InboundWorking, "test", 1
		h.LogicalKey = ""
		return w.decide(ctx, tx, &again, &h)
	})
	equal(t, "the late worker", fmt.Sprint(err), "fenced")
	equal(t, "letters", len(w.rows("")), before)
	equal(t, "messages", len(w.messages(in.Ticket)), messages)
	// The same mail heard again is a duplicate that points to the first.
	h.LogicalKey = in.LogicalKey
	dup := w.hear(h)
	equal(t, "heard again", dup.Outcome, ticketing.OutcomeDuplicate)
	equal(t, "points to", dup.Message, in.Message)
	// A change of state speaks once, however often it is asked for.
	for range 3 {
		w.press(anna, in.Ticket, "ticket.claim", fmt.Sprint(in.Ticket))
		w.press(anna, in.Ticket, "ticket.pending", fmt.Sprint(in.Ticket))
		w.press(anna, in.Ticket, "ticket.resolve", fmt.Sprint(in.Ticket))
	}
	equal(t, "letters", w.letters("maria@cliente.example"), "received pending resolved")
}

// TestRecipients: S3 and decision 18. Who is in copy gets an agent's words only after a release; who is active no more when a letter is
// rendered gets nothing; agents and our own addresses are never customers.
func TestRecipients(t *testing.T) {
	w := newWorld(t)
	n := w.hear(w.mail("maria@cliente.example", "Aiuto", func(h *ticketing.Heard) {
		for _, a := range []string{"sara@terzi.example", "anna@example.com", "assistenza+x@example.com", "maria@cliente.example", ""} {
			p := ticketing.Party{Address: a}
			if a != "" {
				p.Key = "mail:" + a
			}
			h.Copied = append(h.Copied, p)
		}
	})).Ticket
	w.send()
	w.say(anna, n, "Prima risposta")
	w.pass(time.Minute)
	w.send()
	equal(t, "in copy, not released", w.letters("sara@terzi.example"), "")
	waiting := w.hear(w.mail("sara@terzi.example", "Anch'io", w.naming(n)))
	equal(t, "waits", waiting.Cause, ticketing.CauseNotParticipant)
	w.press(luca, n, "join.release", waiting.ID)
	released := w.work(waiting.ID, w.mail("sara@terzi.example", "Anch'io", w.naming(n)))
	equal(t, "released", released.Outcome, ticketing.OutcomeReply)
	w.pass(3 * time.Minute)
	w.say(anna, n, "Seconda risposta")
	equal(t, "released", w.letters("sara@terzi.example"), "answer")
	equal(t, "requester", w.letters("maria@cliente.example"), "received answer answer")
	equal(t, "agents and ours", w.letters("anna@example.com")+w.letters("assistenza+x@example.com"), "")
	// Made inactive before the letter leaves.
	w.update(func(tx ticketing.Tx) error {
		who, err := tx.ContactByKey(t.Context(), "mail:sara@terzi.example")
		if err != nil {
			return err
		}
		return tx.SaveParticipant(t.Context(), &ticketing.Participant{Thread: w.thread(n).ID, Contact: who.ID, Role: "copied", Released: true})
	})
	w.pass(time.Minute)
	w.send()
	for _, o := range w.rows(ticketing.LetterAnswer) {
		if o.Recipient == "mail:sara@terzi.example" && (o.State != ticketing.OutgoingSuppressed || o.Reason != "inactive") {
			t.Errorf("a letter to somebody removed is %s %s", o.State, o.Reason)
		}
	}
}

// TestThenOnce: what an answer means for its ticket happens when its first letter has been sent, not again with a copy that a slow server
// takes later.
func TestThenOnce(t *testing.T) {
	w := newWorld(t)
	n, _ := w.joinable("maria@cliente.example", "sara@terzi.example", "paolo@partner.example")
	w.send()
	w.say(anna, n, "!risolto Ecco fatto")
	w.is(n, ticketing.StatePending)
	w.pass(time.Minute)
	batch := w.lease()
	var mine, copied ticketing.Outgoing
	for _, o := range batch {
		switch {
		case o.Kind == ticketing.LetterAnswer && o.Recipient == "mail:maria@cliente.example":
			mine = o
		case o.Kind == ticketing.LetterAnswer:
			copied = o
		}
	}
	w.settle(&mine, ticketing.OutgoingSent)
	w.is(n, ticketing.StateResolved)
	equal(t, "no second letter says so", strings.Contains(w.letters("maria@cliente.example"), "resolved"), false)
	w.hear(w.mail("maria@cliente.example", "Non ancora", w.naming(n)))
	w.is(n, ticketing.StateOpen)
	w.settle(&copied, ticketing.OutgoingSent)
	w.is(n, ticketing.StateOpen)
	equal(t, "answered", w.ticket(n).AnsweredAt.IsZero(), false)
	equal(t, "assigned to its first author", w.ticket(n).Assignee, anna)
}

// TestNotes: what is kept inside never has a row for a customer.
func TestNotes(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	letters := w.letters("maria@cliente.example")
	for _, text := range []string{"// chiedo a Luca", "nota: attenzione", "!nota segreta", "!rislto Ecco fatto", "", ":lock: segreto", "segreto 🔒"} {
		w.say(anna, n, text)
	}
	w.act(anna, n, ticketing.Act{Verb: ticketing.VerbSay, Text: "@Luca guarda", Mentions: true})
	w.say("slack:T1/UOSPITE", n, "Sono un ospite")
	w.queue.RepliesInternal = true
	plain := w.say(anna, n, "tra noi")
	equal(t, "letters", w.letters("maria@cliente.example"), letters)
	for _, m := range w.messages(n)[1:] {
		if m.Public {
			t.Errorf("%q is public", m.Visible)
		}
	}
	locks := 0
	for _, o := range w.rows(ticketing.React) {
		if o.Facts.Emoji == "lock" {
			locks++
		}
		if o.Facts.Target == plain {
			t.Error("where notes are the rule they get no lock")
		}
	}
	equal(t, "locks", locks, 9)
}

// TestUnreachable: an answer for whom there is no way out is a note, and its author is told.
func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.queue.MailDoor = ""
	w.say(anna, n, "Riavvii")
	equal(t, "hint", w.hints(), "unreachable")
	msgs := w.messages(n)
	equal(t, "public", msgs[len(msgs)-1].Public, false)
}

// TestCollision: slack.md 7.7. An agent is asked first while another one's answer waits or has just left, or who has just claimed.
func TestCollision(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.say(luca, n, "Rispondo io")
	w.say(anna, n, "Anch'io")
	equal(t, "while it waits", w.hints(), "guard_collision")
	w.pass(time.Minute)
	w.send()
	w.pass(time.Minute + 59*time.Second)
	w.say(anna, n, "Anch'io")
	equal(t, "just after", w.hints(), "guard_collision guard_collision")
	w.say(luca, n, "Ancora io")
	equal(t, "its own author", w.hints(), "guard_collision guard_collision")
	w.pass(time.Minute)
	w.send()
	w.pass(2*time.Minute + time.Second)
	w.say(anna, n, "Adesso io")
	equal(t, "later", w.hints(), "guard_collision guard_collision")
	answers := w.rows(ticketing.LetterAnswer)
	equal(t, "answers", len(answers), 3)

	w = newWorld(t)
	n = w.opened()
	w.press(luca, n, "ticket.claim", fmt.Sprint(n))
	w.say(anna, n, "Rispondo")
	equal(t, "just claimed", w.hints(), "guard_collision")
	w.pass(2*time.Minute + time.Second)
	w.say(anna, n, "Rispondo")
	equal(t, "claimed a while ago", w.hints(), "guard_collision")
}

// TestBounce: M15 and what follows from it for later letters.
func TestBounce(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.say(anna, n, "Riavvii")
	w.pass(time.Minute)
	w.send()
	answer := w.rows(ticketing.LetterAnswer)[0]
	before := w.ticket(n)
	bounce := func(permanent bool, reason string) ticketing.Inbound {
		return w.hear(w.mail("mailer-daemon@cliente.example", "Undelivered", auth(ticketing.AuthNone), func(h *ticketing.Heard) {
			h.Kind, h.Auto = ticketing.KindBounce, ticketing.AutoAnswer{Reason: "M7"}
			h.Report = &ticketing.Report{Outgoing: answer.ID, Recipient: "maria@cliente.example", Failed: true, Permanent: permanent, Status: "5.1.1", Reason: reason}
		}))
	}
	in := bounce(false, "delayed")
	equal(t, "delayed", in.Outcome, ticketing.OutcomeBounce)
	equal(t, "points to its ticket", in.Ticket, n)
	equal(t, "contact after a delay", w.contact("maria@cliente.example").Bounced, false)
	equal(t, "notices after a delay", len(w.rows(ticketing.PostBounce)), 0)
	bounce(true, "mailbox_full")
	equal(t, "contact with a full mailbox", w.contact("maria@cliente.example").Bounced, false)
	equal(t, "notices", len(w.rows(ticketing.PostBounce)), 1)
	bounce(true, "unknown_user")
	equal(t, "one notice a letter", len(w.rows(ticketing.PostBounce)), 1)
	equal(t, "ticket", w.ticket(n), before)

	// Another letter fails for good: no automatic mail to that address any more, agents' words go on.
	w.pass(3 * time.Minute)
	w.say(anna, n, "Ancora")
	w.pass(time.Minute)
	w.send()
	answer = w.rows(ticketing.LetterAnswer)[1]
	bounce(true, "unknown_user")
	equal(t, "contact", w.contact("maria@cliente.example").Bounced, true)
	letters := w.letters("maria@cliente.example")
	w.hear(w.mail("maria@cliente.example", "Un'altra cosa", auth(ticketing.AuthUnknown)))
	w.press(anna, n, "ticket.pending", fmt.Sprint(n))
	equal(t, "automatic letters", w.letters("maria@cliente.example"), letters)
	w.say(anna, n, "Mi legge?")
	equal(t, "answers", w.letters("maria@cliente.example"), letters+" answer")
	w.pass(time.Minute)
	for _, o := range w.send() {
		if o.Kind == ticketing.LetterAnswer {
			letters = ""
		}
	}
	equal(t, "the answer left", letters, "")

	// A proven mail from that address shows that it works again.
	w.hear(w.mail("maria@cliente.example", "Ora funziona la posta", auth(ticketing.AuthPass)))
	equal(t, "contact who proves the address", w.contact("maria@cliente.example").Bounced, false)
}

// TestBounceOfWhatFailed: a late report does not turn a letter that failed, or was never sent, into one that was sent.
func TestBounceOfWhatFailed(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.say(anna, n, "Riavvii")
	w.pass(time.Minute)
	for _, o := range w.lease() {
		w.settle(&o, ticketing.OutgoingFailed)
	}
	answer := w.rows(ticketing.LetterAnswer)[0]
	equal(t, "notice of the failure", len(w.rows(ticketing.PostBounce)), 1)
	w.hear(w.mail("mailer-daemon@cliente.example", "Undelivered", func(h *ticketing.Heard) {
		h.Kind, h.Report = ticketing.KindBounce, &ticketing.Report{Outgoing: answer.ID, Failed: true, Permanent: true, Reason: "unknown_user"}
	}))
	equal(t, "state", w.rows(ticketing.LetterAnswer)[0].State, ticketing.OutgoingFailed)
	w.is(n, ticketing.StateNew)
}

// TestComplaint: M16. The person a feedback report is about gets no more automatic mail; the provider that sent it is nobody's customer.
func TestComplaint(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	in := w.hear(w.mail("fbl@provider.example", "Abuse report", w.naming(n), func(h *ticketing.Heard) { h.Kind, h.Auto = ticketing.KindFeedback, ticketing.AutoAnswer{Reason: "M7"} }))
	equal(t, "outcome", in.Outcome, ticketing.OutcomeAutomatic)
	equal(t, "suppressed", w.contact("maria@cliente.example").Suppressed, true)
	letters := w.letters("maria@cliente.example")
	w.pass(time.Hour)
	w.hear(w.mail("maria@cliente.example", "Un'altra cosa"))
	equal(t, "letters", w.letters("maria@cliente.example"), letters)
}

// TestLanguages: E3 and E4, in the letter that answers.
func TestLanguages(t *testing.T) {
	for _, row := range []struct {
		detected, header, want string
		bilingual              bool
	}{
		{"it", "", "it", false}, {"en", "", "en", false}, {"en", "it", "en", false}, {"de", "", "en", false}, {"de", "it", "en", false},
		{"und", "", "it", true}, {"", "", "it", true}, {"und", "en-GB", "en", false}, {"und", "IT", "it", false}, {"und", "fr", "en", false},
	} {
		w := newWorld(t)
		n := w.hear(w.mail("maria@cliente.example", "x", func(h *ticketing.Heard) { h.Language, h.HeaderLanguage = row.detected, row.header })).Ticket
		o := w.rows(ticketing.LetterReceived)[0]
		if o.Facts.Language != row.want || o.Facts.Bilingual != row.bilingual {
			t.Errorf("%+v: %q, bilingual %v", row, o.Facts.Language, o.Facts.Bilingual)
		}
		// The first message with a signal fixes the language of a thread without one.
		w.hear(w.mail("maria@cliente.example", "y", w.naming(n), func(h *ticketing.Heard) { h.Language = "en" }))
		want := row.want
		if row.bilingual {
			want = "en"
		}
		equal(t, fmt.Sprintf("later, %+v", row), w.thread(n).Language, want)
	}
	// A stated preference comes before everything.
	w := newWorld(t)
	w.opened()
	w.update(func(tx ticketing.Tx) error {
		c, err := tx.ContactByKey(t.Context(), "mail:maria@cliente.example")
		c.Language = "en"
		if err != nil {
			return err
		}
		return tx.SaveContact(t.Context(), &c)
	})
	n := w.hear(w.mail("maria@cliente.example", "Ciao")).Ticket
	equal(t, "stated preference", w.thread(n).Language, "en")
}

// TestNames: S11. No name of an unproven sender reaches an automatic letter.
func TestNames(t *testing.T) {
	w := newWorld(t)
	w.hear(w.mail("maria@cliente.example", "x", auth(ticketing.AuthNone)))
	if o := w.rows(ticketing.LetterReceived)[0]; o.Facts.To.Name != "" || o.Facts.Subject != "" || o.Facts.Body != "" {
		t.Errorf("an automatic letter holds what a stranger wrote: %+v", o.Facts)
	}
	w.hear(w.mail("luca@altro.example", "x"))
	equal(t, "proven", w.rows(ticketing.LetterReceived)[1].Facts.To.Name, "Nome di luca@altro.example")
}
