package ingest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// TestOrderAfterKill: a process that dies over a customer's message holds up the next message of the same ticket, so that both stand
// in the order of their arrival.
func TestOrderAfterKill(t *testing.T) {
	const first = "from: a@x.example\nid: 1@x\n\nprima"
	reply := func(n int) string {
		return fmt.Sprintf("from: a@x.example\nid: %d@x\nanswers: 1@x\n\nmessaggio %d", n+1, n)
	}
	w := newWorld(t)
	opened := w.accept(first)[0]
	w.drain()
	thread := w.ends(opened, ticketing.OutcomeTicket, "").Thread
	early := w.accept(reply(1))[0]
	if err := w.db.Update(t.Context(), func(tx ticketing.Tx) error {
		_, err := tx.TakeInbound(t.Context(), "killed", 30*time.Second, 1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	late := w.accept(reply(2), reply(3))
	for range 120 {
		w.drain()
		w.pass(time.Second)
	}
	for _, id := range append(late, early) {
		w.ends(id, ticketing.OutcomeReply, "")
	}
	var msgs []ticketing.Message
	if err := w.db.View(t.Context(), func(tx ticketing.Tx) (err error) {
		msgs, err = tx.Messages(t.Context(), thread, 0)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(msgs) != 4 {
		t.Fatalf("the thread has %d messages", len(msgs))
	}
	for i, m := range msgs[1:] {
		equal(t, "order", m.Visible, fmt.Sprintf("messaggio %d", i+1))
	}
}

// chat is a door whose items are what an agent wrote under the post "root".
type chat struct{}

const chatDoor, chatPlace, chatRoot = "slack:T1", "slack:T1/C1", ticketing.Ref("slack:T1/C1/1.0")

func (chat) Name() string                                   { return chatDoor }
func (chat) Receive(context.Context, ingest.Acceptor) error { return nil }

func (chat) Parse(_ context.Context, in ticketing.Inbound, raw []byte) (ticketing.Heard, error) {
	return ticketing.Heard{Queue: "assistenza", Ref: ticketing.Ref("slack:T1/C1/" + in.Identity), LogicalKey: in.Identity,
		Claims: []ticketing.Claim{{Rule: ticketing.ClaimThread, Ref: chatRoot, Valid: true}},
		Act: &ticketing.Act{Verb: ticketing.VerbSay, IsAgent: true, Actor: ticketing.Party{Key: "slack:T1/U1", Name: "Anna"}, Place: chatPlace, Root: chatRoot,
			Target: ticketing.Ref("slack:T1/C1/" + in.Identity), Text: string(raw)}}, nil
}

// TestUnderPostInDoubt: a courier died after it posted a ticket's card and before it could write that down. What agents write under the card
// is not taken for talk among them: it waits until the card's post is settled, and then reaches the customer, in order.
func TestUnderPostInDoubt(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ledger.Doors[chatDoor] = chat{}
	q := w.decide.Queues["assistenza"]
	q.ChatDoor, q.Place = chatDoor, chatPlace
	opened := w.accept("Buongiorno, non stampa")[0]
	w.drain()
	k := w.ends(opened, ticketing.OutcomeTicket, "")
	var card ticketing.Outgoing
	if err := w.db.Update(ctx, func(tx ticketing.Tx) error {
		rows, err := tx.ListOutgoing(ctx, ticketing.OutgoingFilter{Thread: k.Thread, Kind: ticketing.PostRoot})
		if err != nil || len(rows) != 1 {
			return fmt.Errorf("%d cards: %w", len(rows), err)
		}
		if card, _, err = tx.LeaseOutgoing(ctx, rows[0].ID, "killed", time.Second); err != nil {
			return err
		}
		return tx.SetStarted(ctx, &card)
	}); err != nil {
		t.Fatal(err)
	}
	said := []ingest.Raw{{Identity: "2.0", Bytes: []byte("spenga")}, {Identity: "3.0", Bytes: []byte("e riaccenda")}}
	if err := w.ledger.Accept(ctx, chatDoor, ticketing.Lease{}, said, nil); err != nil {
		t.Fatal(err)
	}
	expire := func(tx ticketing.Tx) error {
		_, err := tx.ExpireOutgoing(ctx, 10)
		return err
	}
	for range 20 {
		w.drain()
		w.pass(time.Second)
		if err := w.db.Update(ctx, expire); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range said {
		if in := w.row(s.Identity); in.State == ticketing.InboundDone || in.Failures > 0 {
			t.Fatalf("while the card is in doubt, what was said under it is %s %s with %d failures", in.State, in.Outcome, in.Failures)
		}
	}
	if err := w.db.Update(ctx, func(tx ticketing.Tx) error {
		o, err := tx.Outgoing(ctx, card.ID)
		if err != nil {
			return err
		}
		o.State, o.Ref = ticketing.OutgoingSent, chatRoot
		if err := tx.ReviseOutgoing(ctx, &o); err != nil {
			return err
		}
		return w.ledger.Desk.Settled(ctx, tx, o)
	}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		w.drain()
		w.pass(time.Second)
	}
	var letters []ticketing.Outgoing
	if err := w.db.View(ctx, func(tx ticketing.Tx) (err error) {
		letters, err = tx.ListOutgoing(ctx, ticketing.OutgoingFilter{Thread: k.Thread, Kind: ticketing.LetterAnswer})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(letters) != 2 || letters[1].Facts.Body != "spenga" || letters[0].Facts.Body != "e riaccenda" {
		t.Errorf("the customer gets %d letters, newest first: %+v", len(letters), letters)
	}
}
