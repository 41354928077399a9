package ticketing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// window lets somebody do something with a window: ask for it (VerbAsk) or send it in (VerbSubmit).
func (w *world) window(who string, a ticketing.Act, change ...func(h *ticketing.Heard)) ticketing.Inbound {
	w.t.Helper()
	a.Actor, a.Language = ticketing.Party{Key: who, Name: strings.TrimPrefix(who, "slack:T1/U")}, "it"
	if who == anna || who == luca {
		a.IsAgent, a.Queues = true, []string{"assistenza"}
	}
	h := ticketing.Heard{Door: chatDoor, Group: chatDoor, Queue: "assistenza", Act: &a, From: a.Actor}
	for _, c := range change {
		c(&h)
	}
	return w.hear(h)
}

func (w *world) lastWindow() ticketing.Form {
	w.t.Helper()
	all := w.rows(ticketing.Window)
	if len(all) == 0 || all[len(all)-1].Facts.Form == nil {
		w.t.Fatal("no window is shown")
	}
	return *all[len(all)-1].Facts.Form
}

// submit sends in the window of acts on a ticket.
func (w *world) submit(who string, number int64, do string, fields map[string]string, named ...ticketing.Named) {
	w.t.Helper()
	f := map[string]string{"do": do, "ticket": fmt.Sprint(number)}
	for k, v := range fields {
		f[k] = v
	}
	w.window(who, ticketing.Act{Verb: ticketing.VerbSubmit, Action: ticketing.FormActions, Fields: f, Named: named})
}

const (
	said  = ticketing.Ref("slack:T1/C9/1.000100")
	asked = "w1"
)

// TestCreateFromMessage: a chat message becomes a ticket once; what was said under it stays inside, and what is said there later is no
// answer to the customer.
func TestCreateFromMessage(t *testing.T) {
	w := newWorld(t)
	ask := func(who string) {
		w.window(who, ticketing.Act{Verb: ticketing.VerbAsk, Action: ticketing.FormFrom, View: asked, Target: said, Root: said, Readable: true, Text: "\n  La cassa   non va\ne fa rumore",
			Author: ticketing.Party{Key: "slack:T1/UMARCO", Address: "marco@verdi.example"}})
	}
	ask("slack:T1/UOSPITE")
	if f := w.lastWindow(); f.Kind != ticketing.FormSaid || f.Code != "refused" || f.Text != "" {
		t.Errorf("a guest sees %+v", f)
	}
	ask(anna)
	if f := w.lastWindow(); f.Kind != ticketing.FormFrom || f.Subject != "La cassa non va" || f.Address != "marco@verdi.example" || f.Queue != "assistenza" || fmt.Sprint(f.Queues) != "[assistenza]" || f.About != said || !f.Readable || !strings.HasSuffix(f.Text, "fa rumore") {
		t.Errorf("the window begins with %+v", f)
	}
	send := func(who string, change map[string]string) ticketing.Inbound {
		fields := map[string]string{"subject": "La cassa non va", "requester": "marco@VERDI.example", "queue": "assistenza", "prio": "urgent", "body": "La cassa non va\ne fa rumore", "about": string(said), "thread_text": "Anna: ci guardo io"}
		for k, v := range change {
			fields[k] = v
		}
		return w.window(who, ticketing.Act{Verb: ticketing.VerbSubmit, Action: ticketing.FormFrom, Fields: fields}, func(h *ticketing.Heard) { h.Files = []ticketing.HeardFile{{Name: "foto.png"}} })
	}
	for want, change := range map[string]map[string]string{"form_queue": {"queue": "altra"}, "cc_bad": {"requester": "anna@example.com"}} {
		in := send(anna, change)
		equal(t, want, w.lastHint().Code, want)
		equal(t, want, in.Ticket, 0)
	}
	send("slack:T1/UOSPITE", nil)
	equal(t, "a guest", w.lastHint().Code, "agents_only")
	in := send(anna, nil)
	n := in.Ticket
	if n == 0 {
		t.Fatal("no ticket")
	}
	k := w.ticket(n)
	if k.Priority != "urgent" || k.State != ticketing.StateNew || k.Subject != "La cassa non va" || k.Door != "mail" || k.Assignee != "" {
		t.Errorf("the ticket is %+v", k)
	}
	msgs := w.messages(n)
	if len(msgs) != 2 || !msgs[0].Public || msgs[0].Author != ticketing.AuthorCustomer || len(msgs[0].Files) != 1 || msgs[1].Public || msgs[1].Visible != "Anna: ci guardo io" {
		t.Errorf("messages: %+v", msgs)
	}
	equal(t, "told", w.lastHint().Code+" "+w.lastHint().Args["number"], fmt.Sprintf("form_created %d", n))
	equal(t, "no letter by itself", w.letters("marco@verdi.example"), "")
	again := send(luca, nil)
	equal(t, "again", fmt.Sprint(again.Ticket, " ", w.lastHint().Code, " ", w.lastHint().Args["number"]), fmt.Sprintf("0 form_exists %d", n))
	ask(luca)
	if f := w.lastWindow(); f.Code != "exists" || f.Row.Number != n {
		t.Errorf("the second window is %+v", f)
	}
	w.send()
	// What is said under the message is not said in the ticket's thread.
	w.hear(ticketing.Heard{Door: chatDoor, Group: chatDoor, Queue: "assistenza", Act: &ticketing.Act{Verb: ticketing.VerbSay, Actor: ticketing.Party{Key: anna}, IsAgent: true, Root: said, Target: "slack:T1/C9/2.0", Text: "fatto?"},
		Claims: []ticketing.Claim{{Rule: ticketing.ClaimThread, Ref: said, Valid: true}}})
	equal(t, "messages", len(w.messages(n)), 2)
	w.say(anna, n, "Buongiorno, la richiamo")
	w.pass(time.Minute)
	w.send()
	equal(t, "the answer leaves by mail", w.letters("marco@verdi.example"), "answer")
	if got := w.rows(ticketing.LetterAnswer)[0].Facts; got.InReplyTo != "" || got.Subject != "La cassa non va" {
		t.Errorf("the answer is %+v", got)
	}
	if in := w.hear(w.mail("marco@verdi.example", "Grazie", w.naming(n))); in.Ticket != n || in.Outcome != ticketing.OutcomeReply {
		t.Errorf("the customer's mail: %s on %d", in.Outcome, in.Ticket)
	}
}

// TestCreateNew: an agent writes a ticket down; its text is the agent's note. With forward_ack the customer is told the number.
func TestCreateNew(t *testing.T) {
	w := newWorld(t)
	w.queue.ForwardAck = true
	w.window(anna, ticketing.Act{Verb: ticketing.VerbAsk, Action: ticketing.FormNew, View: asked})
	if f := w.lastWindow(); f.Kind != ticketing.FormNew || f.Subject != "" {
		t.Errorf("the window is %+v", f)
	}
	in := w.window(anna, ticketing.Act{Verb: ticketing.VerbSubmit, Action: ticketing.FormNew, Fields: map[string]string{"subject": "Telefonata", "requester": "gina@terzo.example", "queue": "assistenza", "prio": "normal", "body": "Ha chiamato Gina"}})
	msgs := w.messages(in.Ticket)
	if len(msgs) != 1 || msgs[0].Public || msgs[0].Agent != anna {
		t.Errorf("messages: %+v", msgs)
	}
	equal(t, "letters", w.letters("gina@terzo.example"), "received")
	equal(t, "found", numbers(w.ask(anna, ticketing.SlashTickets, "cerca telefonata gina")), fmt.Sprint(in.Ticket))
	w.send()
	w.submit(anna, in.Ticket, "split", map[string]string{"about": fmt.Sprintf("slack:T1/C1/root%d", in.Ticket)})
	equal(t, "an agent's note is not split off", w.lastHint().Code, "split_what")
	w.window(anna, ticketing.Act{Verb: ticketing.VerbAsk, Action: ticketing.FormNew})
	equal(t, "without a window nothing is shown", len(w.rows(ticketing.Window)), 1)
}

// TestWindowActs: the acts of the window are those of the commands; what is written there is shown in the thread.
func TestWindowActs(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	root := ticketing.Ref(fmt.Sprintf("slack:T1/C1/root%d", n))
	inThread := func(h *ticketing.Heard) {
		h.Claims = []ticketing.Claim{{Rule: ticketing.ClaimThread, Ref: root, Valid: true}}
	}
	w.window(anna, ticketing.Act{Verb: ticketing.VerbAsk, Action: ticketing.FormActions, View: asked, Place: "slack:T1/C1", Target: root, Root: root}, inThread)
	if f := w.lastWindow(); f.Kind != ticketing.FormActions || f.Ticket != n || f.About != root || f.Row == nil {
		t.Errorf("the window is %+v", f)
	}
	w.window(anna, ticketing.Act{Verb: ticketing.VerbAsk, Action: ticketing.FormActions, View: asked, Target: said, Root: said})
	equal(t, "elsewhere", w.lastWindow().Code, "no_ticket")
	w.window(anna, ticketing.Act{Verb: ticketing.VerbAsk, Action: ticketing.FormActions, View: asked, Place: "slack:T1/C2", Target: root, Root: root}, inThread)
	equal(t, "another queue's channel", w.lastWindow().Code, "no_ticket")
	w.press(anna, n, "ticket.more", fmt.Sprint(n)) // no window was opened for it
	w.act(anna, n, ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.more", Value: fmt.Sprint(n), View: asked})
	equal(t, "by the button", w.lastWindow().Ticket, n)
	w.act("slack:T1/UOSPITE", n, ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.more", Value: fmt.Sprint(n), View: asked})
	equal(t, "by a guest", w.lastWindow().Code, "refused")

	w.submit("slack:T1/UOSPITE", n, "close", nil)
	w.is(n, ticketing.StateNew)
	w.submit(anna, n, "note", map[string]string{"text": "cliente nuovo"})
	w.submit(anna, n, "assign", map[string]string{"text": "la conosci tu"}, named(luca, true))
	equal(t, "assigned", w.ticket(n).Assignee, luca)
	w.submit(anna, n, "assign", nil, named("slack:T1/UOSPITE", false))
	equal(t, "not to a guest", w.lastHint().Code, "assign_not_agent")
	w.submit(anna, n, "priority", map[string]string{"value": "urgente"})
	equal(t, "priority", w.ticket(n).Priority, "urgent")
	w.submit(anna, n, "snooze", map[string]string{"value": "domani 9", "text": "aspetto il pezzo"})
	equal(t, "asleep", w.ticket(n).Snoozed, true)
	w.submit(anna, n, "snooze", map[string]string{"value": "boh"})
	equal(t, "no time", w.lastHint().Code, "snooze_what")
	w.submit(anna, n, "answer", map[string]string{"text": "La richiamiamo"})
	w.submit(anna, n, "article", map[string]string{"value": "stampante"})
	equal(t, "no list", w.lastHint().Code, "kb_number")
	w.submit(anna, n, "pending", nil)
	w.is(n, ticketing.StatePending)
	w.submit(anna, n, "resolve", map[string]string{"text": "Tutto fatto"})
	w.pass(time.Minute)
	w.send()
	w.is(n, ticketing.StateResolved)
	w.submit(anna, n, "reopen", nil)
	w.submit(anna, n, "claim", nil)
	w.is(n, ticketing.StateOpen)
	w.submit(anna, n, "close", nil)
	w.is(n, ticketing.StateClosed)
	w.submit(anna, n, "dance", nil)
	equal(t, "lines", w.lines(n), "note_by note_by assigned note_by answer_by answer_by")
	equal(t, "letters", w.letters("maria@cliente.example"), "received answer pending answer resolved")
	w.submit(anna, 9999, "close", nil)
	equal(t, "no ticket", w.lastHint().Code, "no_ticket")
	for _, o := range w.rows(ticketing.React) {
		if o.Facts.Target == "" {
			t.Errorf("a sign on nothing: %+v", o.Facts)
		}
	}
}

// TestSplit: a customer's message becomes a ticket of its own for the same customer; both threads say so.
func TestSplit(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	w.hear(w.mail("maria@cliente.example", "E la fattura è sbagliata", w.naming(n), func(h *ticketing.Heard) { h.Files = []ticketing.HeardFile{{Name: "fattura.pdf"}} }))
	w.send()
	var post ticketing.Ref
	for _, o := range w.rows(ticketing.PostMail) {
		post = o.Ref
	}
	for _, about := range []string{"", "slack:T1/C1/boh", string(w.say(anna, n, "// una nota"))} {
		w.submit(anna, n, "split", map[string]string{"about": about})
		equal(t, "nothing to split", w.lastHint().Code, "split_what")
	}
	w.submit(anna, n, "split", map[string]string{"about": string(post), "value": "Fattura sbagliata"})
	made := n + 1
	k := w.ticket(made)
	if k.Subject != "Fattura sbagliata" || k.Contact != w.ticket(n).Contact || k.Follows != 0 {
		t.Errorf("the new ticket is %+v", k)
	}
	msgs := w.messages(made)
	if len(msgs) != 1 || msgs[0].Visible != "E la fattura è sbagliata" || len(msgs[0].Files) != 1 || !msgs[0].Public {
		t.Errorf("its messages: %+v", msgs)
	}
	equal(t, "lines", w.lines(n)+" / "+w.lines(made), "split / split_here")
	w.send()
	w.say(anna, made, "La correggiamo")
	w.pass(time.Minute)
	w.send()
	equal(t, "letters", w.letters("maria@cliente.example"), "received answer")
	if in := w.hear(w.mail("maria@cliente.example", "Grazie", w.naming(made))); in.Ticket != made {
		t.Errorf("the reply joined %d", in.Ticket)
	}
	// The card shows the first message.
	w.submit(anna, n, "split", map[string]string{"about": fmt.Sprintf("slack:T1/C1/root%d", n)})
	equal(t, "of the card", w.messages(made + 1)[0].Visible, "La stampante non stampa")
	equal(t, "its subject", w.ticket(made+1).Subject, "Domanda")
}

// TestFollowUpBy: an agent opens a ticket that follows another one, linked both ways.
func TestFollowUpBy(t *testing.T) {
	w := newWorld(t)
	n := w.in(ticketing.StateClosed)
	w.submit(anna, n, "follow", map[string]string{"text": "Controllo fra un mese"})
	k := w.ticket(n + 1)
	if k.Follows != n || k.State != ticketing.StateNew || k.Subject != "Domanda" {
		t.Errorf("the follow-up is %+v", k)
	}
	equal(t, "lines", w.lines(n)+" / "+w.lines(n+1), "followed_by / followed_here")
	equal(t, "its note", w.messages(n + 1)[0].Visible, "Controllo fra un mese")
	if !strings.HasSuffix(w.events(n), "ticket.followed_by") {
		t.Errorf("events: %s", w.events(n))
	}
}
