package ticketing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

const (
	talkDoor  = "telegram:7"
	talkPlace = "telegram:7/501"
	marta     = "telegram:501"
)

// talk is what somebody writes in a conversation without threads.
func (w *world) talk(text string, change ...func(h *ticketing.Heard)) ticketing.Inbound {
	w.t.Helper()
	h := ticketing.Heard{Door: talkDoor, Group: talkDoor, Queue: "assistenza", Kind: ticketing.KindNormal, Auth: ticketing.AuthPass, Identity: true, Place: talkPlace,
		Ref: ticketing.Ref(fmt.Sprintf("%s/%d", talkPlace, w.n+1)), LogicalKey: fmt.Sprintf("%064d", w.n+1), From: ticketing.Party{Key: marta, Name: "Marta"},
		Subject: text, Text: text, Visible: text, Language: "it", Auto: ticketing.AutoAnswer{Allowed: true},
		Claims: []ticketing.Claim{{Rule: ticketing.ClaimPlace, Key: talkPlace, Valid: true}}}
	for _, c := range change {
		c(&h)
	}
	return w.hear(h)
}

func (w *world) toMarta() string {
	w.t.Helper()
	var kinds []string
	for _, o := range w.rows("") {
		if o.Recipient == marta {
			kinds = append(kinds, string(o.Kind))
			if o.Door != talkDoor || o.Facts.Place != talkPlace {
				w.t.Errorf("%s leaves by %s to %s", o.Kind, o.Door, o.Facts.Place)
			}
		}
	}
	return strings.Join(kinds, " ")
}

// TestConversation: in a chat what is written continues the request that is not over, and the answers leave into the chat.
func TestConversation(t *testing.T) {
	w := newWorld(t)
	in := w.talk("La stampante non stampa")
	equal(t, "outcome", in.Outcome, ticketing.OutcomeTicket)
	n := in.Ticket
	w.send()
	more := w.talk("È il modello X20")
	equal(t, "more", fmt.Sprint(more.Outcome, more.Ticket, more.Rule), fmt.Sprint(ticketing.OutcomeReply, n, ticketing.ClaimPlace))
	w.send()
	w.say(anna, n, "Provi a spegnerla")
	w.pass(time.Minute)
	w.send()
	equal(t, "letters", w.toMarta(), "received answer")
	equal(t, "door", w.ticket(n).Door, "telegram")
	equal(t, "hints", w.hints(), "")
	w.is(n, ticketing.StateOpen)

	w.act(anna, n, ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.resolve", Value: fmt.Sprint(n)})
	w.send()
	equal(t, "resolved", w.toMarta(), "received answer resolved")
	w.pass(time.Hour)
	w.talk("Non va ancora")
	w.is(n, ticketing.StateOpen)

	// Once the window is over, what is written is a new question, not the follow-up of an old one.
	w.act(anna, n, ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.resolve", Value: fmt.Sprint(n)})
	w.send()
	w.pass(15 * 24 * time.Hour)
	w.tick()
	w.is(n, ticketing.StateClosed)
	next := w.talk("Come si fa un reso?")
	if next.Outcome != ticketing.OutcomeTicket || next.Ticket == n || w.ticket(next.Ticket).Follows != 0 {
		t.Errorf("a new question became %s on #%d, follows %d", next.Outcome, next.Ticket, w.ticket(next.Ticket).Follows)
	}
	// An answer to one certain message of the old request follows it up.
	old := w.talk("E questa?", func(h *ticketing.Heard) {
		h.Claims = append([]ticketing.Claim{{Rule: ticketing.ClaimKnownID, Ref: ticketing.Ref(talkPlace + "/1"), Valid: true}}, h.Claims...)
	})
	if old.Outcome != ticketing.OutcomeFollowUp || w.ticket(old.Ticket).Follows != n {
		t.Errorf("an answer to an old message became %s, follows %d", old.Outcome, w.ticket(old.Ticket).Follows)
	}
	// Somebody else in the same place is a stranger.
	other := w.talk("Anch'io", func(h *ticketing.Heard) { h.From.Key = "telegram:502" })
	equal(t, "a stranger", other.Cause, ticketing.CauseNotParticipant)
}

// TestConversationOffer: the buttons of an offer work once, for the one who asked, and the offer shows how it ended.
func TestConversationOffer(t *testing.T) {
	hit := ticketing.Findings{Hits: []ticketing.Hit{{Slug: "carta", Title: "La carta", Language: "it"}}, Confidence: 0.9, Offer: true, Searched: true}
	begin := func(t *testing.T) (*world, ticketing.Inbound, ticketing.Facts) {
		w := newWorld(t)
		w.found = hit
		in := w.talk("La stampante non stampa")
		equal(t, "outcome", in.Outcome, ticketing.OutcomeHeld)
		w.found = ticketing.Findings{}
		w.send()
		rows := w.rows(ticketing.LetterOffer)
		if len(rows) != 1 {
			t.Fatalf("%d offers", len(rows))
		}
		return w, in, rows[0].Facts
	}
	press := func(w *world, token, who string) ticketing.Inbound {
		return w.talk("", func(h *ticketing.Heard) { h.Press, h.Ref, h.Claims, h.From.Key = token, "", nil, who })
	}
	shown := func(w *world) string {
		rows := w.rows(ticketing.CardOffer)
		if len(rows) == 0 {
			return ""
		}
		fresh := rows[0]
		w.view(func(tx ticketing.Tx) (err error) {
			fresh, err = w.desk.Fresh(t.Context(), tx, rows[0])
			return err
		})
		return fresh.Facts.Code + " " + fmt.Sprint(fresh.Facts.Target != "", len(fresh.Facts.Articles))
	}
	t.Run("yes", func(t *testing.T) {
		w, in, f := begin(t)
		equal(t, "a stranger's press", press(w, f.YesToken, "telegram:502").Reason, "press.foreign")
		equal(t, "no token of ours", press(w, "x", marta).Reason, "press.unknown")
		yes := press(w, f.YesToken, marta)
		equal(t, "yes", fmt.Sprint(yes.Outcome, yes.Reason, yes.Ticket), fmt.Sprint(ticketing.OutcomeReply, "offer.yes", in.Ticket))
		equal(t, "thread", w.thread(in.Ticket).State, ticketing.ThreadSolved)
		equal(t, "offer", shown(w), "solved true 1")
		equal(t, "again", press(w, f.NoToken, marta).Reason, "press.over")
		equal(t, "thanks", w.talk("Grazie mille!").Reason, "thanks")
		equal(t, "thread", w.thread(in.Ticket).State, ticketing.ThreadSolved)
		back := w.talk("Si è rotta di nuovo")
		equal(t, "back", fmt.Sprint(back.Ticket, w.thread(in.Ticket).State), fmt.Sprint(in.Ticket, ticketing.ThreadTicket))
	})
	t.Run("no", func(t *testing.T) {
		w, in, f := begin(t)
		no := press(w, f.NoToken, marta)
		equal(t, "no", fmt.Sprint(no.Outcome, no.Reason, no.Ticket), fmt.Sprint(ticketing.OutcomeTicket, "offer.no", in.Ticket))
		w.is(in.Ticket, ticketing.StateNew)
		equal(t, "offer", shown(w), "declined true 1")
		w.send()
		equal(t, "letters", w.toMarta(), "offer offer-card opened")
	})
	t.Run("words", func(t *testing.T) {
		w, _, _ := begin(t)
		equal(t, "words", w.talk("Sì, risolto").Reason, "offer.yes")
		equal(t, "offer", shown(w), "solved true 1")
	})
	t.Run("silence", func(t *testing.T) {
		w, in, _ := begin(t)
		w.pass(24 * time.Hour)
		w.tick()
		w.is(in.Ticket, ticketing.StateNew)
		equal(t, "offer", shown(w), "expired true 1")
	})
	t.Run("long ago", func(t *testing.T) {
		w, in, f := begin(t)
		press(w, f.YesToken, marta)
		w.pass(15 * 24 * time.Hour)
		if next := w.talk("Un'altra cosa"); next.Ticket == in.Ticket {
			t.Error("a question two weeks later is taken for the old one")
		}
	})
}

// TestConversationEdit: an edit changes the question before there is a ticket and is a version of its own on one.
func TestConversationEdit(t *testing.T) {
	w := newWorld(t)
	edit := func(of ticketing.Ref, text string, change ...func(h *ticketing.Heard)) ticketing.Inbound {
		return w.talk(text, append([]func(h *ticketing.Heard){func(h *ticketing.Heard) { h.EditOf, h.Claims = of, nil }}, change...)...)
	}
	w.found = ticketing.Findings{Hits: []ticketing.Hit{{Slug: "carta", Language: "it"}}, Confidence: 0.9, Offer: true, Searched: true}
	held := w.talk("La stampnte non va")
	w.found = ticketing.Findings{}
	first := ticketing.Ref(talkPlace + "/1")
	w.send()
	equal(t, "edit", edit(first, "La stampante non va").Reason, "edit")
	all := w.messages(held.Ticket)
	equal(t, "the question", fmt.Sprintf("%d %s", len(all), all[0].Visible), "1 La stampante non va")
	equal(t, "thread", w.thread(held.Ticket).State, ticketing.ThreadHeld)
	equal(t, "the same again", edit(first, "La stampante non va").Reason, "edit.same")
	equal(t, "unknown", edit(talkPlace+"/99", "x").Reason, "edit.unknown")
	w.talk("Sono un altro", func(h *ticketing.Heard) { h.From.Key, h.Place, h.Claims = "telegram:502", "telegram:7/502", nil })
	equal(t, "not theirs", edit(first, "x", func(h *ticketing.Heard) { h.From.Key = "telegram:502" }).Reason, "edit.unknown")

	w.talk("No, non basta")
	w.send()
	w.act(anna, held.Ticket, ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.resolve", Value: fmt.Sprint(held.Ticket)})
	w.send()
	edit(first, "La stampante X20 non va")
	all = w.messages(held.Ticket)
	last := all[len(all)-1]
	equal(t, "a version of its own", fmt.Sprintf("%d %s %s", len(all), last.Visible, last.Flags), "3 La stampante X20 non va [edited]")
	w.is(held.Ticket, ticketing.StateResolved) // mending a word reopens nothing
	posts := w.rows(ticketing.PostMail)
	equal(t, "shown", posts[len(posts)-1].Facts.Args["edited"], "1")
}

// TestConversationLimits: a chat has no address, and floods, blocks and unreachable people are seen all the same.
func TestConversationLimits(t *testing.T) {
	w := newWorld(t)
	w.desk.Limits.TicketsPerHour = 2
	fresh := func(h *ticketing.Heard) { h.Claims = nil }
	texts := []string{"La prima domanda che faccio", "Una seconda cosa diversa", "Ancora una terza richiesta"}
	for i, text := range texts {
		want := ticketing.OutcomeTicket
		if i == 2 {
			want = ticketing.OutcomeQuarantine
		}
		equal(t, text, w.talk(text, fresh).Outcome, want)
	}
	w.send()
	n := w.rows(ticketing.PostRoot)[0].Ticket
	w.say(anna, n, "Risposta")
	w.pass(time.Minute)
	for _, o := range w.lease() {
		o.Reason = ticketing.ReasonBlocked
		w.settle(&o, ticketing.OutgoingFailed)
	}
	bounced := func() bool {
		var c ticketing.Contact
		w.view(func(tx ticketing.Tx) (err error) { c, err = tx.ContactByKey(t.Context(), marta); return err })
		return c.Bounced
	}
	if !bounced() {
		t.Error("who blocked us is not noted")
	}
	rows := w.rows(ticketing.PostBounce)
	if len(rows) != 1 || rows[0].Facts.Args["recipient"] != "Marta" {
		t.Errorf("the agents are told %+v", rows)
	}
	w.talk("Sono di nuovo qui")
	if bounced() {
		t.Error("who writes again is still noted as blocked")
	}
	// A person added by address gets mail.
	w.say(anna, n, "!cc luigi@cliente.example")
	w.say(anna, n, "A tutti e due")
	var doors []string
	for _, o := range w.rows(ticketing.LetterAnswer) {
		doors = append(doors, o.Door)
	}
	equal(t, "doors", strings.Join(doors, " "), talkDoor+" "+talkDoor+" "+mailDoor)
}
