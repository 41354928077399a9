package doortest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

func (b *bench) speaker() ingest.Speaker {
	b.t.Helper()
	s, ok := b.Door.(ingest.Speaker)
	if !ok {
		b.t.Fatal("the door has Speak and does not implement ingest.Speaker")
	}
	return s
}

func (b *bench) now() time.Time {
	if b.Speak.Now != nil {
		return b.Speak.Now()
	}
	return time.Now()
}

func (b *bench) steady(raw []byte) string {
	if b.Speak.Steady != nil {
		return b.Speak.Steady(raw)
	}
	return string(raw)
}

func (b *bench) wire(raw []byte) string {
	if b.Speak.Wire != nil {
		return b.Speak.Wire(raw)
	}
	return string(raw)
}

// letter renders a new row as a courier does: the row knows its ref when the door knew it.
func (b *bench) letter() (ticketing.Outgoing, []byte) {
	b.t.Helper()
	o := b.Speak.Row()
	raw, ref, err := b.speaker().Render(b.ctx, o)
	if err != nil {
		b.t.Fatalf("Render: %v", err)
	}
	if len(raw) == 0 {
		b.t.Fatal("Render made no bytes")
	}
	o.Ref = ref
	return o, raw
}

// sent is what a sending did.
type sent struct {
	ref   ticketing.Ref
	err   error
	fault *ticketing.SendError // the verdict in err
	began int
}

// give sends a row's bytes and checks what is true of every sending: began comes once and first, a failure has a verdict, and a message
// of which the door is not in doubt has not arrived.
func (b *bench) give(ctx context.Context, o *ticketing.Outgoing, raw []byte, began func() error) sent {
	b.t.Helper()
	var s sent
	before, asked := len(b.Speak.Arrived()), b.Speak.Asked()
	s.ref, _, s.err = b.speaker().Send(ctx, *o, raw, func() error {
		s.began++
		if n := b.Speak.Asked() - asked; n != 0 || len(b.Speak.Arrived()) != before {
			b.t.Errorf("began is called when the receiver could have the message already")
		}
		if began != nil {
			if err := began(); err != nil {
				return err
			}
		}
		o.DataStarted = true
		if o.StartedAt.IsZero() {
			o.StartedAt = b.now()
		}
		return nil
	})
	arrived := len(b.Speak.Arrived()) - before
	switch {
	case s.began > 1:
		b.t.Errorf("began is called %d times", s.began)
	case s.began == 0 && b.Speak.Asked() != asked:
		b.t.Error("the message was handed over without began")
	}
	if s.err == nil {
		if arrived != 1 || s.began != 1 {
			b.t.Errorf("sent without an error: %d arrived, began called %d times; want 1 of each", arrived, s.began)
		}
		return s
	}
	if !errors.As(s.err, &s.fault) {
		if s.began > 0 && o.DataStarted {
			b.t.Errorf("the error after began has no verdict: %v", s.err)
		}
		s.fault = &ticketing.SendError{Verdict: ticketing.SendTemporary}
	} else if s.fault.Code == "" {
		b.t.Errorf("an error without a code: %v", s.err)
	}
	if s.fault.Verdict != ticketing.SendUnknown && arrived != 0 {
		b.t.Errorf("%v says that the receiver does not have the message; it has", s.err)
	}
	if s.ref != "" {
		b.t.Errorf("a failed sending returns the ref %s", s.ref)
	}
	return s
}

// verdict gives the next message to a spoilt receiver and checks how the failure is judged.
func (b *bench) verdict(name string, spoil func(), want ...ticketing.SendVerdict) (*ticketing.Outgoing, []byte) {
	b.t.Helper()
	o, raw := b.letter()
	spoil()
	s := b.give(b.ctx, &o, raw, nil)
	if s.err == nil {
		b.t.Fatalf("%s: no error", name)
	}
	for _, v := range want {
		if s.fault.Verdict == v {
			return &o, raw
		}
	}
	b.t.Errorf("%s: verdict %d of %v, want one of %v (0 temporary, 1 permanent, 2 unknown, 3 suspend)", name, s.fault.Verdict, s.err, want)
	return &o, raw
}

// last returns the newest arrival.
func (b *bench) last() Arrival {
	b.t.Helper()
	all := b.Speak.Arrived()
	if len(all) == 0 {
		b.t.Fatal("nothing arrived")
	}
	return all[len(all)-1]
}

// render: the same row gives the same message, whichever process renders it and however often.
func (b *bench) render() {
	o := b.Speak.Row()
	var first string
	var name ticketing.Ref
	for i := range 3 {
		raw, ref, err := b.speaker().Render(b.ctx, o)
		if err != nil {
			b.t.Fatal(err)
		}
		if i == 0 {
			first, name = b.steady(raw), ref
		}
		if got := b.steady(raw); got != first || ref != name {
			b.t.Errorf("rendered again: ref %s and %s\n%s\n--- and\n%s", name, ref, first, got)
		}
	}
	other, _ := b.letter()
	if name != "" && other.Ref == name {
		b.t.Errorf("two rows are both called %s", name)
	}
	if n := b.Speak.Asked(); n != 0 {
		b.t.Errorf("rendering handed over %d messages", n)
	}
}

// renderNonsense: a row nobody can say is an error, never a panic.
func (b *bench) renderNonsense() {
	o := b.Speak.Row()
	o.Kind = "nonsense"
	empty := ticketing.Outgoing{ID: o.ID, Kind: o.Kind}
	for name, row := range map[string]ticketing.Outgoing{"unknown kind": o, "empty row": empty} {
		_, _, err := b.speaker().Render(b.ctx, row)
		var fault *ticketing.SendError
		if err == nil || !ticketing.Permanent(err) && (!errors.As(err, &fault) || fault.Verdict != ticketing.SendPermanent) {
			b.t.Errorf("%s: %v, want an error that says it is for good", name, err)
		}
	}
}

// send: what arrives is what was given, under the name the door returns.
func (b *bench) send() {
	for range 3 {
		o, raw := b.letter()
		s := b.give(b.ctx, &o, raw, nil)
		if s.err != nil {
			b.t.Fatal(s.err)
		}
		got := b.last()
		if want := b.wire(raw); got.Wire != want {
			b.t.Errorf("arrived\n%s\n--- want\n%s", got.Wire, want)
		}
		if s.ref == "" || s.ref != got.Ref || o.Ref != "" && s.ref != o.Ref {
			b.t.Errorf("rendered as %q, sent as %q, at the receiver %q; want one ref", o.Ref, s.ref, got.Ref)
		}
	}
}

// sendStoredBytes: the stored bytes are sent even if the row would be rendered differently by now.
func (b *bench) sendStoredBytes() {
	o, raw := b.letter()
	o.Facts.Body += " changed since"
	o.Facts.Subject += " changed since"
	if s := b.give(b.ctx, &o, raw, nil); s.err != nil {
		b.t.Fatal(s.err)
	}
	if got, want := b.last().Wire, b.wire(raw); got != want {
		b.t.Errorf("other bytes left than those given:\n%s\n--- want\n%s", got, want)
	}
}

// sendTogether: couriers share a door.
func (b *bench) sendTogether() {
	const n = 8
	var all sync.WaitGroup
	var mu sync.Mutex
	want := map[ticketing.Ref]string{}
	for range n {
		o, raw := b.letter()
		all.Go(func() {
			ref, _, err := b.speaker().Send(b.ctx, o, raw, func() error { return nil })
			if err != nil {
				b.t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			want[ref] = b.wire(raw)
		})
	}
	all.Wait()
	arrived := b.Speak.Arrived()
	for _, a := range arrived {
		if want[a.Ref] != a.Wire {
			b.t.Errorf("as %s arrived\n%s\n--- want\n%s", a.Ref, a.Wire, want[a.Ref])
		}
	}
	if len(arrived) != n || len(want) != n {
		b.t.Errorf("%d messages of %d arrived under %d refs", len(arrived), n, len(want))
	}
}

// sendNotBegun: what could not be noted as begun does not leave.
func (b *bench) sendNotBegun() {
	o, raw := b.letter()
	cause := errors.New("the store is away")
	s := b.give(b.ctx, &o, raw, func() error { return cause })
	if !errors.Is(s.err, cause) {
		b.t.Errorf("got %v, want an error because of %v", s.err, cause)
	}
	if s.fault != nil && (s.fault.Verdict == ticketing.SendPermanent || s.fault.Verdict == ticketing.SendUnknown) {
		b.t.Errorf("verdict %d: the message is neither refused nor in doubt", s.fault.Verdict)
	}
	if n := b.Speak.Asked(); n != 0 || s.began != 1 {
		b.t.Errorf("began failed; it was called %d times and %d messages were handed over", s.began, n)
	}
	// Nothing is left behind that would stop the next attempt.
	if s := b.give(b.ctx, &o, raw, nil); s.err != nil {
		b.t.Errorf("the next attempt: %v", s.err)
	}
}

func (b *bench) sendRefused() {
	b.verdict("refused for good", b.Speak.Refuse, ticketing.SendPermanent)
}

func (b *bench) sendDeferred() {
	b.verdict("refused for now", b.Speak.Defer, ticketing.SendTemporary)
}

func (b *bench) sendSuspended() {
	if b.Speak.Suspend == nil {
		b.t.Skip("the door has no such state")
	}
	b.verdict("door unusable", b.Speak.Suspend, ticketing.SendSuspend)
}

// sendLostMessage: a door may know that the receiver has not taken the message, or be in doubt. It is never a refusal.
func (b *bench) sendLostMessage() {
	b.verdict("receiver gone before it took the message", b.Speak.LoseMessage, ticketing.SendTemporary, ticketing.SendUnknown)
	if n := len(b.Speak.Arrived()); n != 0 {
		b.t.Errorf("%d messages arrived: did the fault strike, or did the door send again by itself?", n)
	}
	if n := b.Speak.Asked(); n != 1 {
		b.t.Errorf("the message was handed over %d times, want once: sending again is the outbox's decision", n)
	}
}

// sendLostAnswer: the message may be there; only the outbox decides whether it goes again.
func (b *bench) sendLostAnswer() {
	b.verdict("answer lost", b.Speak.LoseAnswer, ticketing.SendUnknown)
	if n := len(b.Speak.Arrived()); n != 1 {
		b.t.Errorf("%d messages arrived, want 1", n)
	}
}

func (b *bench) sendCancelled() {
	o, raw := b.letter()
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if s := b.give(ctx, &o, raw, nil); s.err == nil {
		b.t.Error("sent although the context had ended")
	}
	o, raw = b.letter()
	ctx, cancel = context.WithCancel(b.ctx)
	defer cancel()
	s := b.give(ctx, &o, raw, func() error { cancel(); return nil })
	if s.err != nil && s.fault.Verdict == ticketing.SendPermanent {
		b.t.Errorf("stopped half way, and refused for good: %v", s.err)
	}
}

func (b *bench) settle() {
	if b.Speak.Settle != nil {
		b.Speak.Settle()
	}
}

// probe searches and checks that searching changes nothing.
func (b *bench) probe(ctx context.Context, o ticketing.Outgoing) (ticketing.Found, ticketing.Ref, error) {
	b.t.Helper()
	asked := b.Speak.Asked()
	found, ref, err := b.speaker().Probe(ctx, o)
	if b.Speak.Asked() != asked {
		b.t.Error("Probe handed over a message")
	}
	if err != nil && found != ticketing.ProbeImpossible {
		b.t.Errorf("Probe says %s and %v", says(found), err)
	}
	return found, ref, err
}

func says(f ticketing.Found) string {
	switch f {
	case ticketing.ProbeFound:
		return "found"
	case ticketing.ProbeMissing:
		return "missing"
	case ticketing.ProbeImpossible:
		return "impossible"
	}
	return fmt.Sprintf("Found(%d)", f)
}

// neverKnows: a door that cannot look never says what it did not see, whether or not the message arrived.
func (b *bench) neverKnows(o *ticketing.Outgoing) {
	b.t.Helper()
	if found, ref, err := b.probe(b.ctx, *o); found != ticketing.ProbeImpossible || ref != "" {
		b.t.Errorf("the door cannot look; the search says %s %q %v", says(found), ref, err)
	}
}

func (b *bench) probeFound() {
	o, _ := b.verdict("answer lost", b.Speak.LoseAnswer, ticketing.SendUnknown)
	b.settle()
	if b.Speak.NoProbe {
		b.neverKnows(o)
		return
	}
	found, ref, err := b.probe(b.ctx, *o)
	if want := b.last().Ref; found != ticketing.ProbeFound || ref != want {
		b.t.Errorf("the message arrived as %s; the search says %s %q %v", want, says(found), ref, err)
	}
}

func (b *bench) probeMissing() {
	o, raw := b.verdict("receiver gone before it took the message", b.Speak.LoseMessage, ticketing.SendTemporary, ticketing.SendUnknown)
	if b.Speak.NoProbe {
		b.settle()
		b.neverKnows(o)
		return
	}
	for range 2 {
		b.settle()
		if found, _, err := b.probe(b.ctx, *o); found != ticketing.ProbeMissing {
			b.t.Errorf("nothing arrived; the search says %s %v", says(found), err)
		}
	}
	// What was proven missing goes again, and then it is there.
	s := b.give(b.ctx, o, raw, nil)
	if s.err != nil {
		b.t.Fatal(s.err)
	}
	b.settle()
	if found, ref, err := b.probe(b.ctx, *o); found != ticketing.ProbeFound || ref != s.ref {
		b.t.Errorf("sent again as %s; the search says %s %q %v", s.ref, says(found), ref, err)
	}
	other := b.Speak.Row()
	other.StartedAt, other.DataStarted = o.StartedAt, true
	if _, name, err := b.speaker().Render(b.ctx, other); err == nil {
		other.Ref = name
	}
	if found, _, err := b.probe(b.ctx, other); found != ticketing.ProbeMissing {
		b.t.Errorf("another row never left; the search says %s %v", says(found), err)
	}
}

// probeImpossible: a search that saw not everything knows nothing.
func (b *bench) probeImpossible() {
	o, _ := b.verdict("receiver gone before it took the message", b.Speak.LoseMessage, ticketing.SendTemporary, ticketing.SendUnknown)
	b.settle()
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if found, _, err := b.probe(ctx, *o); found != ticketing.ProbeImpossible {
		b.t.Errorf("the search was cancelled and says %s %v", says(found), err)
	}
	if b.Speak.NoProbe {
		return
	}
	b.Speak.Blind()
	if found, _, err := b.probe(b.ctx, *o); found != ticketing.ProbeImpossible {
		b.t.Errorf("the place cannot be read; the search says %s %v", says(found), err)
	}
}
