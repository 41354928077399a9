package slack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ingest/doortest"
	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// TestDoor is the contract of a door.
func TestDoor(t *testing.T) {
	for name, lost := range map[string]struct{ message, answer slacktest.FaultKind }{
		"connection breaks": {slacktest.LoseRequest, slacktest.LoseAnswer},
		"error pages":       {slacktest.ErrorBefore, slacktest.ErrorAfter},
	} {
		t.Run(name, func(t *testing.T) {
			doortest.Run(t, doortest.Door{Make: func(t *testing.T) *doortest.Place {
				_, p := slackPlace(t, lost.message, lost.answer)
				return p
			}})
		})
	}
	t.Run("over HTTP", func(t *testing.T) {
		doortest.Run(t, doortest.Door{Make: func(t *testing.T) *doortest.Place {
			w, p := slackPlace(t, slacktest.LoseRequest, slacktest.LoseAnswer, overHTTP)
			d := &webDoor{Door: w.door, w: w, up: make(chan struct{})}
			p.Door, p.Hear.Mute = d, nil // there is no connection that could fall silent
			p.Hear.Listening = func(ctx context.Context) error {
				select {
				case <-d.up:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return p
		}})
	})
}

// webDoor is a door in HTTP mode with the web server that the process would give it.
type webDoor struct {
	*slack.Door
	w  *world
	up chan struct{}
}

func (d *webDoor) Receive(ctx context.Context, into ingest.Acceptor) error {
	defer d.w.mount(into)()
	close(d.up)
	defer func() { d.up = make(chan struct{}) }()
	return d.Door.Receive(ctx, into)
}

func slackPlace(t *testing.T, loseMessage, loseAnswer slacktest.FaultKind, change ...func(*slack.Config)) (*world, *doortest.Place) {
	t.Helper()
	w := newWorld(t, slacktest.Options{}, append(change, func(c *slack.Config) { c.Settle = time.Nanosecond })...)
	root, err := w.As(w.anna).Write(w.room, "una radice")
	if err != nil {
		t.Fatal(err)
	}
	fault := func(kind slacktest.FaultKind, method string) func() {
		return func() {
			if err := w.Fault(slacktest.Fault{Method: method, Kind: kind, Delay: time.Minute}); err != nil {
				t.Error(err)
			}
		}
	}
	posts := func() (all []slacktest.Request) {
		for _, r := range w.Log() {
			if r.Method == "chat.postMessage" {
				all = append(all, r)
			}
		}
		return all
	}
	ev := func(event string, args ...any) []byte {
		return fmt.Appendf(nil, `{"envelope_id":"e","type":"events_api","payload":{"team_id":"T0SPORTELLO","api_app_id":"A0SPORTELLO","type":"event_callback","event":`+event+`}}`, args...)
	}
	return w, &doortest.Place{
		Door: w.door,
		Hear: &doortest.Hearing{
			Asks: true,
			Samples: [][]byte{
				ev(`{"type":"message","channel":%q,"user":%q,"text":"Ciao <@%s> &amp; <https://example.org|qui>","ts":"1795507900.000100","thread_ts":%q}`, w.room, w.anna, w.anna, root),
				ev(`{"type":"message","subtype":"message_changed","channel":%q,"message":{"user":%q,"text":"dopo","ts":"1795507900.000100","thread_ts":%q,"edited":{"user":%q,"ts":"1795507901.000000"}},`+
					`"previous_message":{"user":%q,"text":"prima","ts":"1795507900.000100","thread_ts":%q}}`, w.room, w.anna, root, w.anna, w.anna, root),
				ev(`{"type":"message","subtype":"message_deleted","channel":%q,"deleted_ts":"1795507900.000100","previous_message":{"user":%q,"text":"x","ts":"1795507900.000100","thread_ts":%q}}`, w.room, w.anna, root),
				ev(`{"type":"reaction_added","user":%q,"reaction":"eyes","item":{"type":"message","channel":%q,"ts":%q},"event_ts":"1795507902.000000"}`, w.anna, w.room, root),
				fmt.Appendf(nil, `{"envelope_id":"p","type":"interactive","payload":{"type":"block_actions","api_app_id":"A0SPORTELLO","user":{"id":%q,"team_id":"T0SPORTELLO"},"channel":{"id":%q},`+
					`"container":{"message_ts":%q},"actions":[{"action_id":"ticket.claim","value":"1042","action_ts":"1795507903.000000"}]}}`, w.anna, w.room, root),
			},
			Listening: func(ctx context.Context) error { return w.Await(ctx, func() bool { return w.Sockets() == 2 }) },
			Say: func(words string) error {
				_, err := w.As(w.anna).Reply(w.room, root, words)
				return err
			},
			Mute: func() {
				if _, err := w.Socket("silence", false); err != nil {
					t.Error(err)
				}
			},
		},
		Speak: &doortest.Speaking{
			Row: func() ticketing.Outgoing {
				o := rows("it")["mail"]
				o.ID, o.Door, o.Facts.Root = newULID(), w.door.Name(), ticketing.Ref(place+"/"+root)
				return o
			},
			Wire: func(raw []byte) string {
				var x struct {
					Channel string
					Args    map[string]string
				}
				if err := json.Unmarshal(raw, &x); err != nil {
					return err.Error()
				}
				x.Args["channel"] = x.Channel
				return wire(x.Args)
			},
			Arrived: func() (all []doortest.Arrival) {
				calls := map[string]string{}
				for _, r := range posts() {
					calls[outbox(r.Args["metadata"])] = wire(r.Args)
				}
				for _, m := range w.Thread(w.room, root)[1:] {
					if m.Metadata == nil {
						continue
					}
					id, _ := m.Metadata.EventPayload["outbox_id"].(string)
					all = append(all, doortest.Arrival{Wire: calls[id], Ref: ticketing.Ref(place + "/" + m.TS)})
				}
				return all
			},
			Asked:       func() int { return len(posts()) },
			Refuse:      func() { w.SetScopes("users:read") },
			Defer:       fault(slacktest.RateLimit, "chat.postMessage"),
			LoseMessage: fault(loseMessage, "chat.postMessage"),
			LoseAnswer:  fault(loseAnswer, "chat.postMessage"),
			Suspend:     func() { w.Revoke("account_inactive") },
			Blind:       fault(slacktest.ErrorBefore, "conversations.replies"),
		},
	}
}

// wire is a call's arguments in one form.
func wire(args map[string]string) string {
	clean := map[string]string{}
	for k, v := range args {
		if k != "token" {
			clean[k] = v
		}
	}
	raw, err := json.MarshalIndent(clean, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func outbox(metadata string) string {
	var m struct {
		Payload struct {
			ID string `json:"outbox_id"`
		} `json:"event_payload"`
	}
	_ = json.Unmarshal([]byte(metadata), &m)
	return m.Payload.ID
}
