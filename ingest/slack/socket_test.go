package slack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
)

// want waits until exactly these texts are stored and every delivery is acknowledged.
func (w *world) want(b *box, texts []string) {
	w.t.Helper()
	slices.Sort(texts)
	w.await(func() bool { return len(b.texts()) >= len(texts) && w.Waiting() == 0 })
	if got := b.texts(); !slices.Equal(got, texts) {
		w.t.Errorf("stored %d texts, want %d", len(got), len(texts))
	}
}

func TestStoreBeforeAcknowledge(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	b := newBox()
	refused := 0
	b.fail = func(slack.Envelope) error {
		if refused++; refused == 1 {
			return errors.New("the database is away")
		}
		return nil
	}
	w.receive(b, 2, nil)
	w.await(func() bool { return w.Sockets() == 2 })
	if _, err := w.As(w.anna).Write(w.room, "ciao"); err != nil {
		t.Fatal(err)
	}
	w.want(b, []string{"ciao"})
	if n := len(b.all); n != 1 || b.all[0].RetryNum != 1 || b.all[0].Kind != slack.KindEvent {
		t.Errorf("stored %+v, want the retry alone: the first delivery was not stored and must not be acknowledged", b.all)
	}
}

func TestRefreshUnderLoadLosesNothing(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	b := newBox()
	w.receive(b, 2, nil)
	w.await(func() bool { return w.Sockets() == 2 })
	var texts []string
	for i := range 200 {
		if i%20 == 10 {
			if _, err := w.Socket("refresh", i%40 == 10); err != nil {
				t.Fatal(err)
			}
		}
		if i%50 == 49 {
			if _, err := w.Socket("drop", true); err != nil {
				t.Fatal(err)
			}
		}
		texts = append(texts, fmt.Sprintf("messaggio %d", i))
		if _, err := w.As(w.anna).Write(w.room, texts[i]); err != nil {
			t.Fatal(err)
		}
	}
	w.want(b, texts)
	if bad := w.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
}

func TestReplacementBeforeTheEnd(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	b := newBox()
	w.receive(b, 1, nil)
	w.await(func() bool { return w.Sockets() == 1 })
	if _, err := w.Socket("warn", true); err != nil {
		t.Fatal(err)
	}
	// The announced end is seconds away; the second socket is there before.
	w.await(func() bool { return w.Sockets() == 2 })
	var texts []string
	for i := range 20 {
		texts = append(texts, fmt.Sprint(i))
		if _, err := w.As(w.anna).Write(w.room, texts[i]); err != nil {
			t.Fatal(err)
		}
	}
	w.want(b, texts)
	for _, e := range b.all {
		if e.RetryNum != 0 {
			t.Errorf("a delivery needed a retry although a socket was always open: %s", e.RetryReason)
		}
	}
}

func TestSilentSocketIsReplaced(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	b := newBox()
	r := w.receive(b, 1, nil)
	w.await(func() bool { return w.Sockets() == 1 })
	if _, err := w.Socket("silence", true); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"uno", "due", "tre"} {
		if _, err := w.As(w.anna).Write(w.room, text); err != nil {
			t.Fatal(err)
		}
	}
	w.want(b, []string{"uno", "due", "tre"})
	if h := r.Health(); h.Live != 1 || h.Problem != "" {
		t.Errorf("health %+v", h)
	}
}

func TestSocketModeSwitchedOff(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	b := newBox()
	alarms := make(chan string, 100)
	w.receive(b, 2, func(code string) { alarms <- code })
	w.await(func() bool { return w.Sockets() == 2 })
	if _, err := w.Socket("disable", false); err != nil {
		t.Fatal(err)
	}
	if code := <-alarms; code != "link_disabled" {
		t.Errorf("alarm %q", code)
	}
	w.await(func() bool { return w.Sockets() == 0 })
	if _, err := w.Socket("enable", false); err != nil {
		t.Fatal(err)
	}
	w.await(func() bool { return w.Sockets() == 2 })
}

func TestRevokedTokenIsAnAlarmAndComesBack(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	w.Revoke("token_revoked")
	alarms := make(chan string, 100)
	w.receive(newBox(), 1, func(code string) { alarms <- code })
	if code := <-alarms; code != "token_revoked" {
		t.Errorf("alarm %q", code)
	}
	w.Revoke("")
	w.await(func() bool { return w.Sockets() == 1 })
	if len(alarms) > 0 {
		t.Errorf("%d further alarms for one cause", len(alarms))
	}
}

func TestOneSocketWhenThereAreTooMany(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	others := newBox()
	w.receive(others, 10, nil)
	w.await(func() bool { return w.Sockets() == 10 })
	alarms := make(chan string, 100)
	w.receive(newBox(), 2, func(code string) { alarms <- code })
	if code := <-alarms; code != "too_many_websockets" {
		t.Errorf("alarm %q", code)
	}
}

func TestStrangeFrames(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	b := newBox()
	w.receive(b, 1, nil)
	w.await(func() bool { return w.Sockets() == 1 })
	w.SendRaw([]byte("this is no JSON"))
	w.SendRaw([]byte(`{"type":"brand_new","envelope_id":"e-1","payload":{"x":1}}`))
	w.SendRaw([]byte(`{"type":"events_api","envelope_id":"e-2","payload":{"event_id":"Ev9","event":{"type":"never_seen"}},"retry_attempt":"two"}`))
	w.SendRaw([]byte(`{"type":"events_api","envelope_id":"e-3","payload":{"event_id":"Ev8","api_app_id":"A0OTHER","event":{}}}`))
	if _, err := w.As(w.anna).Write(w.room, "dopo"); err != nil {
		t.Fatal(err)
	}
	w.want(b, []string{"dopo"})
	// The frame without an id gets no answer that could be waited for.
	for len(b.stored()) < 4 {
		select {
		case <-b.more:
		case <-w.ctx.Done():
			t.Fatalf("%d envelopes are stored, want 4", len(b.stored()))
		}
	}
	kinds := map[slack.Kind]int{}
	for _, e := range b.all {
		kinds[e.Kind]++
		if !json.Valid(e.Raw) && e.Kind != slack.KindUnknown {
			t.Errorf("%s is of kind %s", e.Raw, e.Kind)
		}
	}
	if kinds[slack.KindUnknown] != 2 || kinds[slack.KindEvent] != 2 {
		t.Errorf("stored kinds %v, want the two unknown frames, the unknown event and the message; not the event of another app", kinds)
	}
}

func TestStopAnswersWhatIsStored(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	b := newBox()
	entered, leave := make(chan struct{}), make(chan struct{})
	b.fail = func(slack.Envelope) error {
		close(entered)
		<-leave
		return nil
	}
	r := &slack.Receiver{Open: w.door.API().OpenSocket, Sockets: 1, Timing: slack.Timing{Between: time.Millisecond}}
	ctx, stop := contextWithCancel(w)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, b.accept) }()
	w.await(func() bool { return w.Sockets() == 1 })
	if _, err := w.As(w.anna).Write(w.room, "in mano"); err != nil {
		t.Fatal(err)
	}
	<-entered
	stop()
	close(leave)
	<-done
	w.await(func() bool { return w.Waiting() == 0 })
	if b.all[0].RetryNum != 0 || len(b.all) != 1 {
		t.Error("the envelope in hand was not answered on its socket")
	}
}
