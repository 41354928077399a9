package ticketing_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/bot"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// world is a desk with a bot on a real database whose clock the test moves. What a door would have heard is handed in as facts.
type world struct {
	t     *testing.T
	db    *store.DB
	desk  *ticketing.Desk
	bot   *bot.Bot
	queue *ticketing.Queue
	// found is what the knowledge base answers.
	found ticketing.Findings

	mu  sync.Mutex
	now time.Time
	n   int
}

const (
	mailDoor = "mail:assistenza"
	chatDoor = "slack:T1"
	anna     = "slack:T1/UANNA"
	luca     = "slack:T1/ULUCA"
)

// newWorld begins on Wednesday, 4 March 2026, 10:00 in Rome; the desk is open on working days from 9 to 18.
func newWorld(t *testing.T) *world {
	t.Helper()
	hours, err := ticketing.ParseHours(ticketing.HoursSpec{Zone: "Europe/Rome", Days: map[string]string{"mon-fri": "09:00-18:00"}, Holidays: []string{"it"}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)}
	w.queue = &ticketing.Queue{Name: "assistenza", Brand: "Prova", Address: "assistenza@example.com", MailDoor: mailDoor, ChatDoor: chatDoor, Place: "slack:T1/C1",
		Language: "it", AgentLang: "it", Hours: hours, Offers: true, Timer: 2 * time.Hour, Undo: 20 * time.Second, ReopenWindow: 14 * 24 * time.Hour, RemindAfter: 3, ResolveAfter: 7, Ack: "everyone"}
	queues := map[string]*ticketing.Queue{w.queue.Name: w.queue}
	w.desk = &ticketing.Desk{Queues: queues, Limits: ticketing.DefaultLimits(), AgentAddresses: map[string]bool{"anna@example.com": true},
		OwnAddress: func(a string) bool { return strings.HasPrefix(a, "assistenza") && strings.HasSuffix(a, "@example.com") }}
	w.bot = &bot.Bot{Queues: queues}
	w.db = storetest.Open(t, func(c *store.Config) { c.Clock = w.clock })
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
}

func (w *world) update(fn func(tx ticketing.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) view(fn func(tx ticketing.Tx) error) {
	w.t.Helper()
	if err := w.db.View(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// hear accepts what a door heard and brings it to its outcome, in one transaction as the ledger does.
func (w *world) hear(h ticketing.Heard) ticketing.Inbound {
	w.t.Helper()
	w.n++
	in := ticketing.Inbound{ID: fmt.Sprintf("IN%06d", w.n), Door: h.Door, Identity: fmt.Sprintf("%s/1/%d", h.Door, w.n)}
	w.update(func(tx ticketing.Tx) error {
		_, err := tx.InsertInbound(w.t.Context(), &in)
		return err
	})
	return w.work(in.ID, h)
}

// work takes one accepted row and decides it.
func (w *world) work(id string, h ticketing.Heard) (in ticketing.Inbound) {
	w.t.Helper()
	ctx := w.t.Context()
	w.update(func(tx ticketing.Tx) error {
		rows, err := tx.TakeInbound(ctx, "test", time.Minute, 10)
		if err != nil {
			return err
		}
		if len(rows) != 1 || rows[0].ID != id {
			return fmt.Errorf("took %+v, not %s", rows, id)
		}
		in = rows[0]
		return w.decide(ctx, tx, &in, &h)
	})
	return in
}

func (w *world) decide(ctx context.Context, tx ticketing.Tx, in *ticketing.Inbound, h *ticketing.Heard) error {
	c, err := w.desk.Open(ctx, tx, in, h)
	if err != nil {
		return err
	}
	c.Found = w.found
	for _, f := range h.Files {
		c.Files = append(c.Files, ticketing.FileRef{Name: f.Name, SHA: "0"})
	}
	if err := w.desk.Do(ctx, c, w.bot.Decide(c)); err != nil {
		return err
	}
	in.State = ticketing.InboundDone
	return tx.FinishInbound(ctx, in)
}

// mail is a person's mail to the queue with proof of its sender; change alters it.
func (w *world) mail(from, text string, change ...func(h *ticketing.Heard)) ticketing.Heard {
	h := ticketing.Heard{Door: mailDoor, Group: "assistenza", Queue: "assistenza", Kind: ticketing.KindNormal, Auth: ticketing.AuthPass, Identity: true, Public: true,
		Ref: ticketing.Ref(fmt.Sprintf("mail:<%d@%s>", w.n+1, from)), LogicalKey: fmt.Sprintf("%064d", w.n+1), From: ticketing.Party{Key: "mail:" + from, Address: from, Name: "Nome di " + from},
		Subject: "Domanda", Text: text, Visible: text, Language: "it", Auto: ticketing.AutoAnswer{Allowed: true}}
	for _, c := range change {
		c(&h)
	}
	return h
}

// naming adds a valid address token of a thread.
func (w *world) naming(number int64) func(h *ticketing.Heard) {
	t := w.thread(number)
	return func(h *ticketing.Heard) {
		h.Claims, h.TokenThreads = append(h.Claims, ticketing.Claim{Rule: ticketing.ClaimToken, Key: t.Key, Valid: true}), h.TokenThreads+1
	}
}

func auth(a ticketing.Auth) func(h *ticketing.Heard) {
	return func(h *ticketing.Heard) { h.Auth = a }
}

// act is what somebody does in the thread of a ticket.
func (w *world) act(who string, number int64, a ticketing.Act) ticketing.Inbound {
	w.t.Helper()
	a.Actor = ticketing.Party{Key: who, Name: strings.TrimPrefix(who, "slack:T1/U")}
	a.IsAgent = who == anna || who == luca
	root := ticketing.Ref(fmt.Sprintf("slack:T1/C1/root%d", number))
	a.Root = root
	if a.Target == "" {
		a.Target = ticketing.Ref(fmt.Sprintf("slack:T1/C1/m%d", w.n+1))
	}
	h := ticketing.Heard{Door: chatDoor, Group: chatDoor, Queue: "assistenza", Act: &a, From: a.Actor, Text: a.Text, Visible: a.Text,
		Claims: []ticketing.Claim{{Rule: ticketing.ClaimThread, Ref: root, Valid: true}}}
	if a.Verb == ticketing.VerbSay {
		h.Ref = a.Target
	}
	return w.hear(h)
}

func (w *world) say(who string, number int64, text string) ticketing.Ref {
	w.t.Helper()
	w.act(who, number, ticketing.Act{Verb: ticketing.VerbSay, Text: text})
	return ticketing.Ref(fmt.Sprintf("slack:T1/C1/m%d", w.n))
}

func (w *world) press(who string, number int64, action, value string) ticketing.Inbound {
	w.t.Helper()
	return w.act(who, number, ticketing.Act{Verb: ticketing.VerbPress, Action: action, Value: value})
}

// send lets everything that is due leave, as couriers do: the desk may suppress it, then it is sent and settled. Posts get the ref of their
// thread's root.
func (w *world) send() (sent []ticketing.Outgoing) {
	w.t.Helper()
	for {
		batch := w.lease()
		for i := range batch {
			if w.settle(&batch[i], ticketing.OutgoingSent) {
				sent = append(sent, batch[i])
			}
		}
		if len(batch) == 0 {
			return sent
		}
	}
}

func (w *world) lease() (batch []ticketing.Outgoing) {
	w.t.Helper()
	ctx := w.t.Context()
	w.update(func(tx ticketing.Tx) error {
		batch = nil
		ids, err := tx.DueOutgoing(ctx, w.clock().Add(time.Second), 1000)
		if err != nil {
			return err
		}
		for _, id := range ids {
			o, ok, err := tx.LeaseOutgoing(ctx, id, "courier", time.Minute)
			if err != nil {
				return err
			}
			if ok {
				batch = append(batch, o)
			}
		}
		return nil
	})
	return batch
}

// settle ends a leased row and reports whether it left.
func (w *world) settle(o *ticketing.Outgoing, state ticketing.OutgoingState) (left bool) {
	w.t.Helper()
	ctx := w.t.Context()
	w.update(func(tx ticketing.Tx) error {
		reason, err := w.desk.Suppress(ctx, tx, *o)
		if err != nil {
			return err
		}
		o.State, o.Ref = state, ticketing.Ref("mail:<"+o.ID+"@example.com>")
		if o.Door == chatDoor {
			o.Ref = ticketing.Ref("slack:T1/C1/" + o.ID)
			if o.Kind == ticketing.PostRoot || o.Kind == ticketing.PostHeld {
				o.Ref = ticketing.Ref(fmt.Sprintf("slack:T1/C1/root%d", o.Ticket))
			}
		}
		if reason != "" {
			o.State, o.Reason, o.Ref = ticketing.OutgoingSuppressed, reason, ""
		}
		if err := tx.SettleOutgoing(ctx, o); err != nil {
			return err
		}
		return w.desk.Settled(ctx, tx, *o)
	})
	return o.State == ticketing.OutgoingSent
}

func (w *world) tick() (n int) {
	w.t.Helper()
	w.update(func(tx ticketing.Tx) (err error) {
		n, err = w.desk.Tick(w.t.Context(), tx)
		return err
	})
	return n
}

func (w *world) ticket(number int64) (k ticketing.Ticket) {
	w.t.Helper()
	w.view(func(tx ticketing.Tx) (err error) {
		k, err = tx.Ticket(w.t.Context(), number)
		return err
	})
	return k
}

func (w *world) thread(number int64) (th ticketing.Thread) {
	w.t.Helper()
	w.view(func(tx ticketing.Tx) (err error) {
		th, err = tx.ThreadByNumber(w.t.Context(), number)
		return err
	})
	return th
}

func (w *world) contact(address string) (c ticketing.Contact) {
	w.t.Helper()
	w.view(func(tx ticketing.Tx) (err error) {
		c, err = tx.ContactByKey(w.t.Context(), "mail:"+address)
		return err
	})
	return c
}

func (w *world) row(id string) (in ticketing.Inbound) {
	w.t.Helper()
	w.view(func(tx ticketing.Tx) (err error) {
		in, err = tx.Inbound(w.t.Context(), id)
		return err
	})
	return in
}

// rows lists the outbox, oldest first; empty kind means all.
func (w *world) rows(kind ticketing.OutgoingKind) []ticketing.Outgoing {
	w.t.Helper()
	return w.outbox(ticketing.OutgoingFilter{Kind: kind})
}

func (w *world) outbox(f ticketing.OutgoingFilter) (all []ticketing.Outgoing) {
	w.t.Helper()
	f.Limit = 10000
	w.view(func(tx ticketing.Tx) (err error) {
		all, err = tx.ListOutgoing(w.t.Context(), f)
		return err
	})
	slices.Reverse(all)
	return all
}

// letters are the kinds of the letters to an address, oldest first, those suppressed left out.
func (w *world) letters(address string) string {
	w.t.Helper()
	var kinds []string
	for _, o := range w.rows("") {
		if o.Recipient == "mail:"+address && o.State != ticketing.OutgoingSuppressed {
			kinds = append(kinds, string(o.Kind))
		}
	}
	return strings.Join(kinds, " ")
}

func (w *world) messages(number int64) (all []ticketing.Message) {
	w.t.Helper()
	w.view(func(tx ticketing.Tx) (err error) {
		all, err = tx.Messages(w.t.Context(), w.thread(number).ID, 0)
		return err
	})
	return all
}

// events are the codes of a thread's audit trail.
func (w *world) events(number int64) string {
	w.t.Helper()
	var codes []string
	th := w.thread(number)
	w.view(func(tx ticketing.Tx) error {
		list, err := tx.Events(w.t.Context(), th.ID, 0)
		for _, e := range list {
			codes = append(codes, e.Code)
		}
		return err
	})
	return strings.Join(codes, " ")
}

// hints are the codes of what agents were told alone.
func (w *world) hints() string {
	w.t.Helper()
	var codes []string
	for _, o := range w.rows(ticketing.Hint) {
		codes = append(codes, o.Facts.Code)
	}
	return strings.Join(codes, " ")
}

// opened makes a ticket of Maria with its card posted and its acknowledgement sent.
func (w *world) opened() int64 {
	w.t.Helper()
	in := w.hear(w.mail("maria@cliente.example", "La stampante non stampa"))
	w.send()
	return in.Ticket
}

func (w *world) is(number int64, want ticketing.State) {
	w.t.Helper()
	if got := w.ticket(number).State; got != want {
		w.t.Errorf("ticket %d is %s, want %s", number, got, want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
