package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sportello/sportello/ticketing"
)

// TestOutgoingStates drives a few rows by random steps of couriers that may be late, and looks at the promises after each: fences rise,
// at most one letter of a thread and person is being sent, none overtakes another, and one that began DATA is not sendable again unless
// somebody who knew settled it so.
func TestOutgoingStates(t *testing.T) {
	db := openTest(t)
	rapid.Check(t, func(rt *rapid.T) {
		undo := errors.New("undo")
		// The whole history is one transaction whose clock is moved by hand; nothing of it is kept.
		err := db.Update(context.Background(), func(store ticketing.Tx) error {
			m := &outboxModel{Tx: store, tx: store.(*tx), rows: map[string]ticketing.Outgoing{}}
			if err := m.fill(); err != nil {
				return err
			}
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				if err := m.step(rt); err != nil {
					return err
				}
				if err := m.check(rt); err != nil {
					return err
				}
			}
			return undo
		})
		if !errors.Is(err, undo) {
			rt.Fatal(err)
		}
	})
}

type outboxModel struct {
	ticketing.Tx
	tx    *tx
	ids   []string
	rows  map[string]ticketing.Outgoing // as seen after the last step
	held  []ticketing.Outgoing          // what couriers believe they hold
	blind bool                          // the last step settled nothing by knowledge
}

func (m *outboxModel) fill() error {
	ctx := context.Background()
	for _, id := range []string{"t1", "t2"} {
		if err := m.SaveThread(ctx, &ticketing.Thread{ID: id, Key: id, State: ticketing.ThreadTicket}); err != nil {
			return err
		}
	}
	for i := range 6 {
		o := ticketing.Outgoing{ID: fmt.Sprint("o", i), Cause: fmt.Sprint("c", i), Kind: ticketing.LetterResolved, Recipient: "mail:a",
			Thread: []string{"t1", "t2"}[i%2], Fluid: i == 5}
		if _, err := m.InsertOutgoing(ctx, &o); err != nil {
			return err
		}
		m.ids = append(m.ids, o.ID)
		m.rows[o.ID] = o
	}
	return nil
}

func (m *outboxModel) step(rt *rapid.T) error {
	ctx := context.Background()
	id := rapid.SampledFrom(m.ids).Draw(rt, "row")
	m.blind = true
	switch rapid.SampledFrom([]string{"wait", "lease", "lease", "lease", "probe", "start", "settle", "settle", "expire", "press", "suppress"}).Draw(rt, "step") {
	case "wait":
		m.tx.now = m.tx.now.Add(time.Duration(rapid.IntRange(1, 15).Draw(rt, "seconds")) * time.Second)
	case "lease":
		o, leased, err := m.LeaseOutgoing(ctx, id, rapid.SampledFrom([]string{"w1", "w2"}).Draw(rt, "owner"), 12*time.Second)
		if leased {
			m.held = append(m.held, o)
		}
		return err
	case "probe":
		o, leased, err := m.LeaseDoubt(ctx, id, "w1", 12*time.Second)
		if leased {
			m.held = append(m.held, o)
		}
		return err
	case "start":
		if len(m.held) > 0 {
			i := rapid.IntRange(0, len(m.held)-1).Draw(rt, "held")
			return notFenced(m.SetStarted(ctx, &m.held[i]))
		}
	case "settle":
		if len(m.held) > 0 {
			i := rapid.IntRange(0, len(m.held)-1).Draw(rt, "held")
			o := m.held[i]
			o.State = rapid.SampledFrom([]ticketing.OutgoingState{"sent", "pending", "in_doubt", "failed"}).Draw(rt, "state")
			o.NextAt = m.tx.now.Add(time.Second)
			m.held = append(m.held[:i], m.held[i+1:]...)
			m.blind = false
			return notFenced(m.SettleOutgoing(ctx, &o))
		}
	case "expire":
		_, err := m.ExpireOutgoing(ctx, 10)
		return err
	case "press":
		o := m.rows[id]
		if o.State == ticketing.OutgoingFailed {
			o.State, o.DataStarted = ticketing.OutgoingPending, false
			m.blind = false
			return m.ReviseOutgoing(ctx, &o)
		}
	case "suppress":
		_, err := m.SuppressPending(ctx, id, "x")
		return err
	}
	return nil
}

func notFenced(err error) error {
	if errors.Is(err, ticketing.ErrFenced) {
		return nil
	}
	return err
}

func (m *outboxModel) check(rt *rapid.T) error {
	sending := map[string]string{}
	for _, id := range m.ids {
		before := m.rows[id]
		now, err := m.Outgoing(context.Background(), id)
		if err != nil {
			return err
		}
		m.rows[id] = now
		if now.Fence < before.Fence || now.State == ticketing.OutgoingSending && before.State == ticketing.OutgoingPending && now.Fence == before.Fence {
			rt.Errorf("%s: fence %d after %d", id, now.Fence, before.Fence)
		}
		if m.blind && before.State == ticketing.OutgoingSending && before.DataStarted && !before.Fluid && now.State != ticketing.OutgoingSending &&
			now.State != ticketing.OutgoingInDoubt {
			rt.Errorf("%s had begun and went from %s to %s by itself", id, before.State, now.State)
		}
		if before.State == ticketing.OutgoingSuppressed && now.State != before.State || before.State == ticketing.OutgoingSent && now.State != before.State {
			rt.Errorf("%s left %s for %s", id, before.State, now.State)
		}
		if (now.Owner == "") != now.LeaseEnd.IsZero() || now.State == ticketing.OutgoingSending && now.Owner == "" {
			rt.Errorf("%s in %s is owned by %q until %v", id, now.State, now.Owner, now.LeaseEnd)
		}
		if now.State == ticketing.OutgoingSending && !now.Fluid {
			if other := sending[now.Thread]; other != "" {
				rt.Errorf("%s and %s of %s are being sent", other, id, now.Thread)
			}
			sending[now.Thread] = id
		}
		if now.State == ticketing.OutgoingSending && before.State == ticketing.OutgoingPending && !now.Fluid {
			for _, earlier := range m.ids {
				o := m.rows[earlier]
				if earlier < id && o.Thread == now.Thread && !o.Fluid && (o.State == ticketing.OutgoingPending || o.State == ticketing.OutgoingInDoubt) {
					rt.Errorf("%s overtook %s in %s", id, earlier, o.State)
				}
			}
		}
	}
	return nil
}
