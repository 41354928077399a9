// Package ingest takes in what the doors hear. Accept first, durably, then process: a raw message is in the ledger before anything looks
// inside it, and it ends there in exactly one outcome.
package ingest

import (
	"context"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// Raw is what a door heard, before anybody understood it.
type Raw struct {
	Identity string          // unique name of the item at its place, see ticketing.Inbound
	Note     ticketing.Cause // set when Bytes is not the whole item: CauseTooLarge, CauseFetch
	Detail   string          // technical cause belonging to Note
	Bytes    []byte          // the item
	ServerAt time.Time       // INTERNALDATE, event time
	// Quiet items lie before the place's start and get no automatic answer. The mark is kept in the ledger's Detail.
	Quiet bool
}

// Acceptor is the ledger as a door's Receive sees it.
type Acceptor interface {
	// Accept stores the items durably and moves the cursor in the same commit. It returns only when everything is on disk; after an
	// error nothing may be acknowledged and the same items come again. Items already known change nothing. A nil cursor moves none.
	// The lease is checked in the commit: ErrFenced means that another process reads this place now.
	Accept(ctx context.Context, door string, lease ticketing.Lease, items []Raw, cursor *ticketing.Cursor) error
	// Cursor returns ticketing.ErrNotFound at the very first connection.
	Cursor(ctx context.Context, place string) (ticketing.Cursor, error)
	// Missing returns those identities that have no ledger row.
	Missing(ctx context.Context, identities []string) ([]string, error)
	// Ready blocks while nothing more may be taken in (backlog, disk, database); it returns ctx.Err when ctx ends.
	Ready(ctx context.Context) error
	// AfterCare lists rows of the door that are done and owed a flag or a move at the server; CareTaken ends the debt.
	AfterCare(ctx context.Context, door string) ([]ticketing.Inbound, error)
	CareTaken(ctx context.Context, ids []string) error
	// Acquire and Release handle the lease of a place; Acquire also renews it.
	Acquire(ctx context.Context, name string) (ticketing.Lease, bool, error)
	Release(ctx context.Context, l ticketing.Lease) error
}

// Door hears. Receive runs until ctx ends or the door can never work again (a *ticketing.Error that is Permanent); everything else it
// repairs itself with back-off.
type Door interface {
	Name() string
	Receive(ctx context.Context, into Acceptor) error
	// Parse turns stored bytes into facts. It never fails on damaged input: it sets Heard.Refused. An error means that trying again
	// may help.
	Parse(ctx context.Context, in ticketing.Inbound, raw []byte) (ticketing.Heard, error)
}

// Speaker is what the outbox needs of a door; a door that only hears does not implement it. Its methods are those of outbox.Door and
// stand here so that doortest can run them.
type Speaker interface {
	// Render makes the bytes of a row once. The ref is what the message will be called, where the door knows that before sending.
	Render(ctx context.Context, o ticketing.Outgoing) (bytes []byte, ref ticketing.Ref, err error)
	// Send sends exactly these bytes. began is called, and must have returned nil, before the receiver could take the message. The
	// ref names it at the door, answer is the server's last word. Failures are *ticketing.SendError.
	Send(ctx context.Context, o ticketing.Outgoing, bytes []byte, began func() error) (ref ticketing.Ref, answer string, err error)
	// Probe looks whether the row's message arrived.
	Probe(ctx context.Context, o ticketing.Outgoing) (ticketing.Found, ticketing.Ref, error)
}
