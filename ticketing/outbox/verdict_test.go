package outbox

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

func TestJudge(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	temporary := &ticketing.SendError{Verdict: ticketing.SendTemporary, Code: "451"}
	unknown := &ticketing.SendError{Verdict: ticketing.SendUnknown, Code: "timeout"}
	row := func(change func(*ticketing.Outgoing)) ticketing.Outgoing {
		o := ticketing.Outgoing{Kind: ticketing.LetterAnswer, State: ticketing.OutgoingSending, Attempts: 1, CreatedAt: now, DataStarted: true}
		if change != nil {
			change(&o)
		}
		return o
	}
	tests := []struct {
		name   string
		row    func(*ticketing.Outgoing)
		result result
		doubt  Doubt
		state  ticketing.OutgoingState
		wait   time.Duration // pending and in doubt; -1: no time set
		tries  int
		reason string
		begun  bool // data_started afterwards
	}{
		{"sent", nil, result{begun: true, answer: "250"}, DoubtProbe, ticketing.OutgoingSent, -1, 1, "", true},
		{"refused for good", nil, result{begun: true, err: &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: "550"}}, DoubtProbe, ticketing.OutgoingFailed, -1, 1, "550", false},
		{"refused for now after the message", nil, result{begun: true, err: temporary}, DoubtProbe, ticketing.OutgoingPending, time.Minute, 1, "451", false},
		{"refused for now", nil, result{err: temporary}, DoubtProbe, ticketing.OutgoingPending, time.Minute, 1, "451", true},
		{"third time", func(o *ticketing.Outgoing) { o.Attempts = 3 }, result{err: temporary}, DoubtProbe, ticketing.OutgoingPending, 4 * time.Minute, 3, "451", true},
		{"after days", func(o *ticketing.Outgoing) { o.Attempts = 20; o.CreatedAt = now.Add(-119 * time.Hour) }, result{err: temporary}, DoubtProbe, ticketing.OutgoingPending, 4 * time.Hour, 20, "451", true},
		{"after five days", func(o *ticketing.Outgoing) { o.Attempts = 20; o.CreatedAt = now.Add(-120 * time.Hour) }, result{err: temporary}, DoubtProbe, ticketing.OutgoingFailed, -1, 20, ReasonExpired, true},
		{"old but sent again by hand", func(o *ticketing.Outgoing) { o.CreatedAt = now.Add(-200 * time.Hour) }, result{err: temporary}, DoubtProbe, ticketing.OutgoingPending, time.Minute, 1, "451", true},
		{"greylisted longer than the back-off", nil, result{err: &ticketing.SendError{Code: "450", After: time.Hour}}, DoubtProbe, ticketing.OutgoingPending, time.Hour, 1, "450", true},
		{"rate limited", nil, result{err: &ticketing.SendError{Code: "429", Free: true, After: 3 * time.Second}}, DoubtProbe, ticketing.OutgoingPending, 3 * time.Second, 0, "429", true},
		{"rate limited for days", func(o *ticketing.Outgoing) { o.CreatedAt = now.Add(-1000 * time.Hour); o.Attempts = 99 }, result{err: &ticketing.SendError{Code: "429", Free: true}}, DoubtProbe, ticketing.OutgoingPending, 30 * time.Second, 98, "429", true},
		{"door unusable", func(o *ticketing.Outgoing) { o.CreatedAt = now.Add(-1000 * time.Hour); o.Attempts = 99 }, result{err: &ticketing.SendError{Verdict: ticketing.SendSuspend, Code: "535"}}, DoubtProbe, ticketing.OutgoingPending, time.Minute, 98, "535", true},
		{"stopping", nil, result{stopped: true, err: errStopping}, DoubtProbe, ticketing.OutgoingPending, 0, 0, "", true},
		{"any error before", nil, result{err: errors.New("dial")}, DoubtProbe, ticketing.OutgoingPending, time.Minute, 1, "", true},
		{"any error after: probe", nil, result{begun: true, err: errors.New("pipe")}, DoubtProbe, ticketing.OutgoingInDoubt, 5 * time.Second, 1, "", true},
		{"any error after: ask", nil, result{begun: true, err: errors.New("pipe")}, DoubtAsk, ticketing.OutgoingInDoubt, -1, 1, "", true},
		{"no policy is ask", nil, result{begun: true, err: unknown}, "", ticketing.OutgoingInDoubt, -1, 1, "timeout", true},
		{"any error after: resend", nil, result{begun: true, err: unknown}, DoubtResend, ticketing.OutgoingPending, time.Minute, 1, "timeout", true},
		{"unknown but never begun", nil, result{err: unknown}, DoubtProbe, ticketing.OutgoingPending, time.Minute, 1, "timeout", true},
		{"fluid is never in doubt", func(o *ticketing.Outgoing) { o.Fluid = true }, result{begun: true, err: unknown}, DoubtAsk, ticketing.OutgoingPending, time.Minute, 1, "timeout", false},
		{"a hint goes at most once", func(o *ticketing.Outgoing) { o.Kind = ticketing.Hint }, result{begun: true, err: unknown}, DoubtResend, ticketing.OutgoingFailed, -1, 1, ReasonAtMostOnce, true},
		{"cannot be rendered", nil, result{err: &ticketing.Error{Code: "template", Permanent: true}}, DoubtProbe, ticketing.OutgoingFailed, -1, 1, "template", true},
		{"a permanent error of ours after the message is still doubt", nil, result{begun: true, err: ticketing.ErrNotFound}, DoubtProbe, ticketing.OutgoingInDoubt, 5 * time.Second, 1, "not_found", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := row(tt.row)
			DefaultTiming().judge(&o, tt.result, tt.doubt, now, 0)
			if o.State != tt.state || o.Attempts != tt.tries || o.Reason != tt.reason || o.DataStarted != tt.begun {
				t.Errorf("got %s, %d attempts, reason %q, data started %v", o.State, o.Attempts, o.Reason, o.DataStarted)
			}
			switch {
			case tt.wait < 0 && !o.NextAt.IsZero():
				t.Errorf("due at %s, want no time", o.NextAt)
			case tt.wait >= 0 && !o.NextAt.Equal(now.Add(tt.wait)):
				t.Errorf("due after %s, want %s", o.NextAt.Sub(now), tt.wait)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	timing := DefaultTiming()
	last := time.Duration(0)
	for n := 1; n < 60; n++ {
		full, least := timing.backoff(n, 0), timing.backoff(n, 0.999)
		if full < last || full > timing.LongestRetry || least >= full || least < full*3/4 {
			t.Errorf("attempt %d: %s to %s", n, least, full)
		}
		last = full
	}
	if last != timing.LongestRetry {
		t.Errorf("ends at %s", last)
	}
}

func TestJudgeProbe(t *testing.T) {
	timing := DefaultTiming()
	started := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	o := ticketing.Outgoing{State: ticketing.OutgoingInDoubt, CreatedAt: started, StartedAt: started, Attempts: 1, DataStarted: true, NextAt: started.Add(timing.search(0))}

	// Searches that are not possible never end the doubt, and come less and less often.
	blind := o
	var waits []time.Duration
	for blind.NextAt.Before(started.Add(24 * time.Hour)) {
		now := blind.NextAt
		timing.judgeProbe(&blind, ticketing.ProbeImpossible, "", now)
		if blind.State != ticketing.OutgoingInDoubt || blind.Probes != 0 {
			t.Fatalf("%s after a search that was not possible", blind.State)
		}
		waits = append(waits, blind.NextAt.Sub(now))
	}
	if first, last := waits[0], waits[len(waits)-1]; first != timing.ShortestWait || last != timing.LongestWait {
		t.Errorf("waits from %s to %s", first, last)
	}

	missing := o
	for n := 1; missing.State == ticketing.OutgoingInDoubt; n++ {
		now := missing.NextAt
		timing.judgeProbe(&missing, ticketing.ProbeMissing, "", now)
		switch {
		case n < 3 && (missing.State != ticketing.OutgoingInDoubt || missing.Probes != n):
			t.Fatalf("%s after search %d", missing.State, n)
		case n == 3 && (missing.State != ticketing.OutgoingPending || now.Sub(started) > 2*time.Minute || now.Sub(started) < 30*time.Second):
			t.Fatalf("%s after search %d, %s after the start", missing.State, n, now.Sub(started))
		}
	}

	found := o
	timing.judgeProbe(&found, ticketing.ProbeFound, "slack:T1/C1/2", started)
	if found.State != ticketing.OutgoingSent || found.Ref != "slack:T1/C1/2" {
		t.Errorf("%s %s", found.State, found.Ref)
	}
}

func TestCut(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("x", 2*maxAnswer), strings.Repeat("è", maxAnswer), strings.Repeat("€", maxAnswer), strings.Repeat("\xff", maxAnswer+1)} {
		got := cut(s)
		if len(got) > maxAnswer || !strings.HasPrefix(s, got) || utf8.ValidString(s) && (!utf8.ValidString(got) || len(s) > maxAnswer && len(got) < maxAnswer-3) {
			t.Errorf("cut(%.10q… of %d) has %d bytes", s, len(s), len(got))
		}
	}
}
