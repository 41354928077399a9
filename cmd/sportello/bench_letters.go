package main

import (
	"context"
	"fmt"

	"github.com/oklog/ulid/v2"
	gomail "github.com/wneessen/go-mail"
	"golang.org/x/sync/errgroup"

	"github.com/sportello/sportello/ticketing"
)

// makeLetters writes n acknowledgements of as many requests, due now.
func (a *app) makeLetters(ctx context.Context, n int) error {
	const batch = 500
	for start := 0; start < n; start += batch {
		err := a.db.Update(ctx, func(tx ticketing.Tx) error {
			now := tx.Now()
			id := func() string { return ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String() }
			for i := start; i < min(start+batch, n); i++ {
				who := ticketing.Contact{ID: id(), Address: fmt.Sprintf("customer%d@example.org", i), CreatedAt: now}
				who.Key = "mail:" + who.Address
				number, err := tx.NextNumber(ctx)
				if err != nil {
					return err
				}
				t := ticketing.Thread{ID: id(), Number: number, Key: fmt.Sprintf("%010x", i), Door: "mail:bench", Queue: "bench", Contact: who.ID,
					Language: "it", State: ticketing.ThreadTicket, OpenedAt: now}
				o := ticketing.Outgoing{ID: id(), Cause: "bench:" + t.ID, Kind: ticketing.LetterReceived, Recipient: who.Key, Door: "mail:bench", Queue: "bench",
					Thread: t.ID, Ticket: number, Automatic: true, State: ticketing.OutgoingPending, NextAt: now, CreatedAt: now,
					Facts: ticketing.Facts{Language: "it", Number: number, ThreadKey: t.Key, Contact: who.ID, Origin: "mail:bench", To: ticketing.Party{Key: who.Key, Address: who.Address}, Open: true}}
				if err := tx.SaveContact(ctx, &who); err != nil {
					return err
				}
				if err := tx.SaveThread(ctx, &t); err != nil {
					return err
				}
				if err := tx.SaveParticipant(ctx, &ticketing.Participant{Thread: t.ID, Contact: who.ID, Role: "requester", Released: true, Active: true, AddedAt: now}); err != nil {
					return err
				}
				if _, err := tx.InsertOutgoing(ctx, &o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// bareSend is what there is to compare with: the same number of two-part mails, made and sent by go-mail over kept connections.
func bareSend(ctx context.Context, host string, port, n int) error {
	var g errgroup.Group
	for w := range bareConnections {
		g.Go(func() error {
			client, err := gomail.NewClient(host, gomail.WithPort(port), gomail.WithTLSPolicy(gomail.NoTLS), gomail.WithoutNoop())
			if err != nil {
				return err
			}
			conn, err := client.DialToSMTPClientWithContext(ctx)
			if err != nil {
				return err
			}
			for i := w; i < n; i += bareConnections {
				m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
				if err := m.From("support@helpdesk.example"); err != nil {
					return err
				}
				if err := m.To(fmt.Sprintf("customer%d@example.org", i)); err != nil {
					return err
				}
				m.Subject(fmt.Sprintf("Richiesta n. %d ricevuta", i))
				m.SetBodyString(gomail.TypeTextPlain, fmt.Sprintf("Buongiorno,\n\nabbiamo ricevuto la richiesta n. %d e risponderemo al più presto.\n", i))
				m.AddAlternativeString(gomail.TypeTextHTML, fmt.Sprintf("<p>Buongiorno,</p><p>abbiamo ricevuto la richiesta n. %d e risponderemo al più presto.</p>", i))
				if err := client.SendWithSMTPClient(conn, m); err != nil {
					return err
				}
			}
			return client.CloseWithSMTPClient(conn)
		})
	}
	return g.Wait()
}
