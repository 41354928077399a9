package doortest

import (
	"context"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// Door says how a door under test is made.
type Door struct {
	// Make starts a double and a door that talks to it. It is called for each test anew; what it starts it ends by t.Cleanup.
	Make func(t *testing.T) *Place
	// Limit is after how long a test counts as hanging; default one minute.
	Limit time.Duration
}

// Place is a door with its double. A door that only hears has no Speak.
type Place struct {
	Door  ingest.Door
	Hear  *Hearing
	Speak *Speaking
}

// Hearing is what the tests of Receive and Parse need.
type Hearing struct {
	// Samples are at least two different messages, as the ledger stores them.
	Samples [][]byte
	// Asks: Parse asks the platform about people or files, so that damaged bytes may lead to a temporary error.
	Asks bool
	// Listening returns when what is said from now on will be heard. Receive is running.
	Listening func(ctx context.Context) error
	// Say lets somebody write these words to the door's place.
	Say func(words string) error
	// Mute makes the platform take everything and answer nothing more, with its connections open. Nil: that cannot be made.
	Mute func()
}

// Speaking is what the tests of Render, Send and Probe need. The functions that spoil something do so for the next message only, unless
// they say otherwise.
type Speaking struct {
	// Row makes a row that has words of a person in Facts.Body. No two rows have the same id.
	Row func() ticketing.Outgoing
	// Steady replaces what two renderings of a row may differ in, such as a date; nil: they are equal.
	Steady func(raw []byte) string
	// Wire is what the receiver must get when these bytes are sent; nil: the bytes themselves.
	Wire func(raw []byte) string
	// Arrived lists what the receiver has taken, oldest first.
	Arrived func() []Arrival
	// Asked counts how often the door began to hand over a message in a way after which the receiver could have it.
	Asked func() int
	// Now is the clock of the rows; nil: time.Now.
	Now func() time.Time

	Refuse      func() // the receiver refuses for good
	Defer       func() // the receiver refuses for now
	LoseMessage func() // the receiver goes away and does not have the message
	LoseAnswer  func() // the receiver has the message and goes away without saying so
	Suspend     func() // the door or the place takes nothing at all until somebody repairs it; nil: that cannot be
	// Blind: the place where the probe looks cannot be read, from now on.
	Blind func()
	// NoProbe: the platform shows nobody what was sent, so every search is impossible; Blind is not needed.
	NoProbe bool
	// Settle lets the time pass after which a search that finds nothing counts; nil: none has to pass.
	Settle func()
}

// Arrival is a message the receiver has taken.
type Arrival struct {
	Wire string
	Ref  ticketing.Ref // what the message is called at the door
}

// bench is one test's door.
type bench struct {
	*Place
	t   *testing.T
	ctx context.Context
}

// Run tests a door.
func Run(t *testing.T, d Door) {
	if d.Limit == 0 {
		d.Limit = time.Minute
	}
	test := func(name string, f func(*bench)) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), d.Limit)
			defer cancel()
			f(&bench{Place: d.Make(t), t: t, ctx: ctx})
		})
	}
	test("Parse", (*bench).parse)
	test("ParseDamaged", (*bench).parseDamaged)
	test("Receive", (*bench).receive)
	test("ReceiveAgain", (*bench).receiveAgain)
	test("ReceiveEnds", (*bench).receiveEnds)
	test("ReceiveEndsInSilence", (*bench).receiveEndsInSilence)

	speak := func(name string, f func(*bench)) {
		test(name, func(b *bench) {
			if b.Speak == nil {
				b.t.Skip("the door only hears")
			}
			f(b)
		})
	}
	speak("Render", (*bench).render)
	speak("RenderNonsense", (*bench).renderNonsense)
	speak("Send", (*bench).send)
	speak("SendStoredBytes", (*bench).sendStoredBytes)
	speak("SendTogether", (*bench).sendTogether)
	speak("SendNotBegun", (*bench).sendNotBegun)
	speak("SendRefused", (*bench).sendRefused)
	speak("SendDeferred", (*bench).sendDeferred)
	speak("SendSuspended", (*bench).sendSuspended)
	speak("SendLostMessage", (*bench).sendLostMessage)
	speak("SendLostAnswer", (*bench).sendLostAnswer)
	speak("SendCancelled", (*bench).sendCancelled)
	speak("ProbeFound", (*bench).probeFound)
	speak("ProbeMissing", (*bench).probeMissing)
	speak("ProbeImpossible", (*bench).probeImpossible)
}
