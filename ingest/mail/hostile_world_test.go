package mail

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/bot"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// hostileWorld is the desk of the hostile mails: the reader, the bot and the desk's rules on a real database that holds the tickets of
// security.md 14.1. Every mail runs in a transaction of its own that is undone, so that each finds the same desk.
type hostileWorld struct {
	t       *testing.T
	reader  *Reader
	desk    *ticketing.Desk
	bot     *bot.Bot
	db      *store.DB
	speaker *Speaker
	now     time.Time
	rows    int

	tickets map[string]hostileTicket // by the number that the specification gives them
}

// hostileTicket is a ticket of the world and the letter that was sent to its requester.
type hostileTicket struct {
	number  int64
	token   string // address of ours with the ticket's token
	id      string // Message-ID of our letter
	letter  []byte // the letter as it left
	inbound string // Message-ID of the customer's mail
}

const hostileDoor = "mail:assistenza"

func newHostileWorld(t *testing.T) *hostileWorld {
	t.Helper()
	q := testQueue(t)
	q.MailDoor, q.Ack, q.RemindAfter, q.ResolveAfter, q.AgentLang = hostileDoor, "everyone", 3, 7, "it"
	queues := map[string]*ticketing.Queue{q.Name: q}
	r := testReader(t)
	r.OwnNames = []string{"Anna Rossi", q.Brand}
	w := &hostileWorld{t: t, reader: r, bot: &bot.Bot{Queues: queues}, now: time.Date(2026, 11, 16, 9, 0, 0, 0, time.UTC), tickets: map[string]hostileTicket{}}
	// The same keys and ids each time make the same mails.
	w.desk = &ticketing.Desk{Random: rand.NewChaCha8([32]byte{1}), Queues: queues, Limits: ticketing.DefaultLimits(), AgentAddresses: map[string]bool{"anna@example.com": true},
		OwnAddress: func(s string) bool {
			a, err := ticketing.ParseAddress(s)
			_, _, own := r.Own.match(a)
			return err == nil && own
		}}
	w.db = storetest.Open(t, func(c *store.Config) { c.Clock = func() time.Time { return w.now } })
	w.speaker = testSpeaker(t, nil, func(c *SpeakerConfig) { c.Queues, c.Keys = []*ticketing.Queue{q}, r.Keys })

	w.open("1001", "Maria Verdi <maria@cliente.example>", "cliente.example")
	w.open("1002", "Luca Neri <luca@altro.example>", "altro.example")
	w.open("1003", "Maria Verdi <maria@cliente.example>", "cliente.example")
	w.open("1004", "Maria Verdi <maria@cliente.example>", "cliente.example")
	w.end("1003", (*ticketing.Desk).Close)
	w.end("1004", func(d *ticketing.Desk, ctx context.Context, tx ticketing.Tx, k *ticketing.Ticket, who string) error {
		return d.Resolve(ctx, tx, k, who, ticketing.ReasonSolved, 0, false)
	})
	w.now = w.now.Add(24 * time.Hour)
	return w
}

// open makes a ticket out of a mail and sends its acknowledgement.
func (w *hostileWorld) open(name, from, domain string) {
	w.t.Helper()
	id := fmt.Sprintf("<m%s@%s>", name, domain)
	raw := composeMail("Il registratore di cassa "+name+" non si accende.\n", "From: "+from, "Message-ID: "+id, "Authentication-Results: mx.example.com; dmarc=pass header.from="+domain)
	err := w.db.Update(w.t.Context(), func(tx ticketing.Tx) error {
		h := w.reader.Heard(w.reader.Read(raw), w.at())
		in, _, err := w.decide(tx, &h)
		if err != nil {
			return err
		}
		rows, err := tx.ListOutgoing(w.t.Context(), ticketing.OutgoingFilter{Ticket: in.Ticket})
		if err != nil {
			return err
		}
		for _, o := range rows {
			if o.Door == hostileDoor {
				return w.send(tx, name, id, o)
			}
		}
		return errors.New("no acknowledgement among the letters")
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.now = w.now.Add(12 * time.Hour)
}

// send lets a letter leave and keeps what a correspondent would have of it.
func (w *hostileWorld) send(tx ticketing.Tx, name, inbound string, o ticketing.Outgoing) error {
	ctx := w.t.Context()
	raw, ref, err := w.speaker.Render(ctx, o)
	if err != nil {
		return err
	}
	leased, ok, err := tx.LeaseOutgoing(ctx, o.ID, "courier", time.Minute)
	if err != nil || !ok {
		return fmt.Errorf("lease of %s: %v %w", o.ID, ok, err)
	}
	leased.State, leased.Ref = ticketing.OutgoingSent, ref
	if err := tx.SettleOutgoing(ctx, &leased); err != nil {
		return err
	}
	base, err := ticketing.ParseAddress("assistenza@example.com")
	if err != nil {
		return err
	}
	key, err := parseThreadKey(o.Facts.ThreadKey)
	if err != nil {
		return err
	}
	token, err := w.reader.Keys.Address(base, key)
	if err != nil {
		return err
	}
	w.tickets[name] = hostileTicket{number: o.Ticket, token: token.String(), id: idOf(ref), letter: raw, inbound: inbound}
	return w.desk.Settled(ctx, tx, leased)
}

func (w *hostileWorld) end(name string, act func(*ticketing.Desk, context.Context, ticketing.Tx, *ticketing.Ticket, string) error) {
	w.t.Helper()
	err := w.db.Update(w.t.Context(), func(tx ticketing.Tx) error {
		k, err := tx.Ticket(w.t.Context(), w.tickets[name].number)
		if err != nil {
			return err
		}
		return act(w.desk, w.t.Context(), tx, &k, "slack:T1/UANNA")
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *hostileWorld) at() HeardAt {
	return HeardAt{Door: hostileDoor, Group: "assistenza", Queue: "assistenza"}
}

// decide accepts what was heard and brings it to its outcome, as the ledger does.
func (w *hostileWorld) decide(tx ticketing.Tx, h *ticketing.Heard) (in ticketing.Inbound, d ticketing.Decision, err error) {
	ctx := w.t.Context()
	w.rows++
	in = ticketing.Inbound{ID: ulid.MustNew(ulid.Timestamp(w.now), ulid.DefaultEntropy()).String(), Door: hostileDoor, Identity: fmt.Sprintf("%s/1/%d", hostileDoor, w.rows)}
	if _, err = tx.InsertInbound(ctx, &in); err != nil {
		return in, d, err
	}
	rows, err := tx.TakeInbound(ctx, "test", time.Minute, 10)
	if err != nil || len(rows) != 1 {
		return in, d, fmt.Errorf("took %d rows: %w", len(rows), err)
	}
	in = rows[0]
	c, err := w.desk.Open(ctx, tx, &in, h)
	if err != nil {
		return in, d, err
	}
	for _, f := range h.Files {
		c.Files = append(c.Files, ticketing.FileRef{Name: f.Name, Type: f.Type, Size: int64(len(f.Data)), SHA: "0", Inline: f.Inline})
	}
	d = w.bot.Decide(c)
	if err = w.desk.Do(ctx, c, d); err != nil {
		return in, d, err
	}
	in.State = ticketing.InboundDone
	return in, d, tx.FinishInbound(ctx, &in)
}

// hostileResult is what became of one mail.
type hostileResult struct {
	raw      []byte
	mail     *Mail
	heard    ticketing.Heard
	in       ticketing.Inbound
	decision ticketing.Decision
	letters  []ticketing.Outgoing // that its arrival caused
	thread   string               // rule and candidate by the specification's numbers
	states   string               // of the four tickets, afterwards
	message  ticketing.Message    // what is kept of it, zero in quarantine
	memory   int64
	took     time.Duration
}

var errUndo = errors.New("undone")

// hear lets earlier mails arrive, then raw, and undoes it all.
func (w *hostileWorld) hear(h ticketing.Heard, earlier ...[]byte) (r hostileResult) {
	w.t.Helper()
	ctx := w.t.Context()
	err := w.db.Update(ctx, func(tx ticketing.Tx) error {
		r = hostileResult{heard: h}
		for _, raw := range earlier {
			before := w.reader.Heard(w.reader.Read(raw), w.at())
			if _, _, err := w.decide(tx, &before); err != nil {
				return err
			}
		}
		old, err := tx.ListOutgoing(ctx, ticketing.OutgoingFilter{Limit: 1000})
		if err != nil {
			return err
		}
		known := map[string]bool{}
		for _, o := range old {
			known[o.ID] = true
		}
		if r.in, r.decision, err = w.decide(tx, &h); err != nil {
			return err
		}
		all, err := tx.ListOutgoing(ctx, ticketing.OutgoingFilter{Limit: 1000})
		if err != nil {
			return err
		}
		for _, o := range all {
			if !known[o.ID] && o.Door == hostileDoor {
				r.letters = append(r.letters, o)
			}
		}
		r.thread = w.candidate(&r)
		for _, name := range []string{"1001", "1002", "1003", "1004"} {
			k, err := tx.Ticket(ctx, w.tickets[name].number)
			if err != nil {
				return err
			}
			r.states += name + " " + string(k.State) + " "
		}
		if r.in.Message != "" && r.in.Thread != "" {
			messages, err := tx.Messages(ctx, r.in.Thread, 0)
			if err != nil {
				return err
			}
			for _, m := range messages {
				if m.ID == r.in.Message {
					r.message = m
				}
			}
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		w.t.Fatal(err)
	}
	r.states = strings.TrimSpace(r.states)
	return r
}

// candidate names the rule that found a ticket, and the ticket.
func (w *hostileWorld) candidate(r *hostileResult) string {
	if r.in.Rule == "" || r.in.Rule == string(ticketing.ClaimNone) {
		return ""
	}
	// A follow-up is a ticket of its own; the claims still say which one was meant.
	for _, c := range r.heard.Claims {
		if string(c.Rule) != r.in.Rule {
			continue
		}
		for name, k := range w.tickets {
			if c.Key != "" && strings.Contains(k.token, tokenOf(w, c.Key)) || c.Outgoing != "" && strings.Contains(k.id, c.Outgoing) || c.Ref != "" && strings.Contains(string(c.Ref), k.inbound) {
				return r.in.Rule + " " + name
			}
		}
	}
	return r.in.Rule + " ?"
}

func tokenOf(w *hostileWorld, key string) string {
	b, err := parseThreadKey(key)
	if err != nil {
		return "\x00"
	}
	a, err := w.reader.Keys.Address(ticketing.Address{Local: "assistenza", Domain: "example.com"}, b)
	if err != nil {
		return "\x00"
	}
	return a.Local
}
