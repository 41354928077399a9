package slack

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

const (
	// gapMax is how long no socket may be open before the channels are read again; Slack repeats an event of a shorter gap itself.
	gapMax = time.Minute
	// watchEvery is how often the sockets are looked at.
	watchEvery = time.Second
	// overlap is read again before the mark. It is longer than an answer may wait for its undo time, so that an edit made during a gap
	// still changes what has not left.
	overlap = 5 * time.Minute
	// batch is how many messages are stored in one commit.
	batch = 100
)

// followUp catches up at start, after every gap, once sockets are open again (what comes from then on comes by them), and when a delivery
// was missed.
func (d *Door) followUp(ctx context.Context, into ingest.Acceptor) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	due, wait := true, time.Duration(0)
	var next, down, last time.Time
	again := d.recv.Timing.withDefaults().Again
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if d.mode == ModeSocket && d.recv.Health().Live == 0 {
			if down.IsZero() {
				down = now
			}
			continue
		}
		if !down.IsZero() && now.Sub(down) > gapMax {
			due = true
		}
		down = time.Time{}
		due = due || now.Sub(last) >= again && d.behind.Load()
		if !due || now.Before(next) {
			continue
		}
		last = now
		d.behind.Store(false) // whatever is missed from now on asks again
		err := d.CatchUp(ctx, into)
		if err == nil {
			due, wait = false, 0
			continue
		}
		wait = min(max(2*wait, 5*time.Second), 5*time.Minute)
		next = now.Add(wait)
		var e *ticketing.SendError
		if errors.As(err, &e) && e.After > wait {
			next = now.Add(e.After)
		}
		if ctx.Err() == nil {
			d.log.Warn("catching up on Slack's messages did not work", "door", d.Name(), "err", err, "next", next)
		}
	}
}

// CatchUp reads what was written in the threads of the triage channels since it was read last, and stores it like a delivery. What was
// delivered already is recognised when it is processed. A channel that is read for the first time starts now: what is older is left
// alone. Presses and reactions of a gap cannot be read.
func (d *Door) CatchUp(ctx context.Context, into ingest.Acceptor) error {
	var failed []error
	for channel := range d.queues {
		if err := d.catchUp(ctx, into, channel); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (d *Door) catchUp(ctx context.Context, into ingest.Acceptor, channel string) error {
	lease, ok, err := into.Acquire(ctx, "catchup/"+d.place(channel))
	if err != nil || !ok {
		return err // another process is reading
	}
	defer func() { _ = into.Release(context.WithoutCancel(ctx), lease) }()
	cur, err := into.Cursor(ctx, d.place(channel))
	if errors.Is(err, ticketing.ErrNotFound) {
		cur = ticketing.Cursor{Place: d.place(channel), Mark: tsOf(d.now())}
		return into.Accept(ctx, d.Name(), lease, nil, &cur)
	}
	if err != nil {
		return err
	}
	self, err := d.api.AuthTest(ctx)
	if err != nil {
		return err
	}
	mark := timeOf(cur.Mark)
	since := tsOf(mark.Add(-overlap))
	newest := cur.Mark
	var items []ingest.Raw
	feed := func(m Message) error {
		if m.TS > newest {
			newest = m.TS
		}
		changed := m.Edited != nil && m.Edited.TS > since
		if m.TS <= since && !changed {
			return nil
		}
		found, err := d.found(channel, m, self, m.TS <= cur.Mark && changed)
		if err == nil {
			items = append(items, found)
		}
		return err
	}
	var threads []string
	err = d.api.History(ctx, channel, Range{Oldest: tsOf(mark.Add(-horizon)), Limit: 999}, func(m Message) error {
		if m.Latest > since {
			threads = append(threads, m.TS)
		}
		if m.Bot == self.Bot || m.ThreadTS != "" && m.ThreadTS != m.TS {
			return feed(m) // own posts settle their rows; broadcasts are replies
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, root := range threads {
		err := unless(d.api.Replies(ctx, channel, root, Range{Oldest: since, Limit: 999}, func(m Message) error {
			if m.TS == root {
				return nil
			}
			return feed(m)
		}), "thread_not_found")
		if err != nil {
			return err
		}
	}
	for len(items) > batch {
		if err := into.Accept(ctx, d.Name(), lease, items[:batch], nil); err != nil {
			return err
		}
		items = items[batch:]
	}
	// The mark moves only now that every page was stored.
	cur.Mark = newest
	return into.Accept(ctx, d.Name(), lease, items, &cur)
}

// found makes the delivery that would have brought a message: the message itself, or its change when it was known before.
func (d *Door) found(channel string, m Message, self Self, changed bool) (ingest.Raw, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(m.Raw, &fields); err != nil {
		return ingest.Raw{}, err
	}
	name, err := json.Marshal(channel)
	if err != nil {
		return ingest.Raw{}, err
	}
	fields["channel"], fields["type"] = name, json.RawMessage(`"message"`)
	delete(fields, "reactions")
	var event any = fields
	if changed {
		event = map[string]any{"type": "message", "subtype": "message_changed", "channel": channel, "message": fields}
	}
	app := ""
	if self.Bot != "" && m.Bot == self.Bot {
		app = m.App
	}
	raw, err := json.Marshal(map[string]any{
		"type": "events_api", "found_by": "catch-up",
		"payload": map[string]any{"type": "event_callback", "team_id": d.team, "api_app_id": app, "event": event},
	})
	at := ""
	if m.Edited != nil {
		at = m.Edited.TS
	}
	return ingest.Raw{Identity: "slack:" + d.team + "/catchup/" + channel + "/" + m.TS + "/" + at, Bytes: raw, ServerAt: timeOf(m.TS)}, err
}
