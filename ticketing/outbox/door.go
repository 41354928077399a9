package outbox

import (
	"context"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// Door is what the outbox needs of a door that speaks.
type Door interface {
	// Render makes the bytes of a row once. The ref is what the message will be called, where the door knows that before sending.
	Render(ctx context.Context, o ticketing.Outgoing) (bytes []byte, ref ticketing.Ref, err error)
	// Send sends exactly these bytes. began is called, and must have returned nil, before the receiver could take the message. The
	// ref names it at the door, answer is the server's last word. Failures are *ticketing.SendError.
	Send(ctx context.Context, o ticketing.Outgoing, bytes []byte, began func() error) (ref ticketing.Ref, answer string, err error)
	// Probe looks whether the row's message arrived.
	Probe(ctx context.Context, o ticketing.Outgoing) (ticketing.Found, ticketing.Ref, error)
}

// Doubt is what happens with a row of which nobody knows whether it arrived (reliability specification, 3.3).
type Doubt string

const (
	// DoubtProbe: the door looks for it; what is proven missing goes again, what cannot be looked for waits.
	DoubtProbe Doubt = "probe"
	// DoubtAsk: it waits for an agent or a command.
	DoubtAsk Doubt = "ask"
	// DoubtResend: the same bytes go again; the receiver may get them twice, with equal Message-ID.
	DoubtResend Doubt = "resend"
)

// Route is a door with the settings of its couriers.
type Route struct {
	Door  Door
	Doubt Doubt // empty: DoubtAsk
	// Workers is how many rows are sent at once; 0 takes DefaultWorkers.
	Workers int
}

// DefaultWorkers is how many rows a door sends at once. Many of them share each commit of the database.
const DefaultWorkers = 16

// Hook is what the desk does when the outbox settles a row.
type Hook interface {
	// Suppress is called in the transaction that leases a row. A non-empty reason ends the row as suppressed.
	Suppress(ctx context.Context, tx ticketing.Tx, o ticketing.Outgoing) (reason string, err error)
	// Settled is called in the transaction that settles a row as sent, failed or suppressed.
	Settled(ctx context.Context, tx ticketing.Tx, o ticketing.Outgoing) error
}

// Timing is every duration of the outbox. The specification's sections 3 to 6 give the defaults.
type Timing struct {
	Lease time.Duration // life of a row's lease
	Renew time.Duration // how often all leases in hand are renewed
	Grace time.Duration // how long letters that have begun may take to finish at shutdown

	Sweep  time.Duration // after which an id that was offered and not taken is offered again
	Expire time.Duration // how often expired leases are looked for

	FirstRetry   time.Duration // after the first temporary failure, doubling
	LongestRetry time.Duration
	GiveUp       time.Duration // age at which a temporary failure becomes final …
	LeastTries   int           // … if it was tried so often: a row sent again by hand gets its chances too
	FreeWait     time.Duration // after a refusal that does not count and names no time
	SuspendWait  time.Duration // while a door or place is unusable

	// Searches are the waits before each complete search for a row in doubt. When all of them found nothing, it is not there.
	Searches     []time.Duration
	ProbeEvery   time.Duration // how often rows in doubt are looked for
	ProbeTimeout time.Duration // of one search
	ShortestWait time.Duration // after a search that was not possible, growing with the doubt's age …
	LongestWait  time.Duration // … up to this
}

// DefaultTiming is the specification's.
func DefaultTiming() Timing {
	return Timing{
		Lease: 12 * time.Second, Renew: 4 * time.Second, Grace: 8 * time.Second,
		Sweep: 15 * time.Second, Expire: 3 * time.Second,
		FirstRetry: time.Minute, LongestRetry: 4 * time.Hour, GiveUp: 5 * 24 * time.Hour, LeastTries: 8,
		FreeWait: 30 * time.Second, SuspendWait: time.Minute,
		Searches: []time.Duration{5 * time.Second, 30 * time.Second, time.Minute}, ProbeEvery: 3 * time.Second, ProbeTimeout: time.Minute,
		ShortestWait: 5 * time.Second, LongestWait: 5 * time.Minute,
	}
}

// Reason codes written by the outbox itself; the doors add their own ("550", "channel_not_found").
const (
	ReasonExpired    = "expired"      // temporary failures until the time was over
	ReasonBytesGone  = "bytes_gone"   // the stored bytes are missing or damaged
	ReasonRender     = "render"       // the words could not be made
	ReasonAtMostOnce = "at_most_once" // in doubt, and never sent twice
	ReasonProbe      = "probe"        // found by a search
	ReasonPanic      = "panic"        // the door's code failed
)
