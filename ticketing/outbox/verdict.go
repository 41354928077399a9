package outbox

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

// result is how a sending ended.
type result struct {
	ref    ticketing.Ref
	answer string
	err    error
	// begun: data_started was committed under this lease, so the receiver may have had the message.
	begun bool
	// stopped: the process is ending and the sending was cancelled before it began.
	stopped bool
}

// maxAnswer is how many bytes of a server's answer are kept.
const maxAnswer = 500

// judge writes into a leased row what a sending means for it. jitter is in [0, 1).
func (t Timing) judge(o *ticketing.Outgoing, r result, doubt Doubt, now time.Time, jitter float64) {
	if r.err == nil {
		o.State, o.SentAt, o.Answer, o.Reason = ticketing.OutgoingSent, now, cut(r.answer), ""
		if r.ref != "" {
			o.Ref = r.ref
		}
		return
	}
	if r.stopped {
		o.State, o.NextAt, o.Attempts = ticketing.OutgoingPending, now, max(o.Attempts-1, 0)
		return
	}
	e := &ticketing.SendError{Verdict: ticketing.SendTemporary, Err: r.err}
	if !errors.As(r.err, &e) {
		if r.begun {
			e.Verdict = ticketing.SendUnknown
		}
		if ticketing.Permanent(r.err) {
			// A contradiction inside ours, known before anything was sent.
			if !r.begun {
				e.Verdict = ticketing.SendPermanent
			}
		}
		var coded *ticketing.Error
		if errors.As(r.err, &coded) {
			e.Code = coded.Code
		}
	}
	verdict := e.Verdict
	if verdict == ticketing.SendUnknown && (!r.begun || o.Fluid) {
		// Without data_started nobody can have it; desired state is sent again without harm.
		verdict = ticketing.SendTemporary
	}
	o.Reason = e.Code
	if o.Answer = cut(e.Answer); o.Answer == "" {
		o.Answer = cut(r.err.Error())
	}
	if verdict != ticketing.SendUnknown && r.begun {
		// The receiver said no: it does not have it.
		o.DataStarted = false
	}
	switch verdict {
	case ticketing.SendPermanent:
		o.State = ticketing.OutgoingFailed
	case ticketing.SendUnknown:
		t.judgeUnknown(o, doubt, now, jitter)
	case ticketing.SendSuspend:
		o.State, o.NextAt, o.Attempts = ticketing.OutgoingPending, now.Add(max(e.After, t.SuspendWait)), max(o.Attempts-1, 0)
	default:
		if e.Free {
			wait := e.After
			if wait <= 0 {
				wait = t.FreeWait
			}
			o.State, o.NextAt, o.Attempts = ticketing.OutgoingPending, now.Add(wait), max(o.Attempts-1, 0)
			return
		}
		t.retry(o, now, max(e.After, t.backoff(o.Attempts, jitter)))
	}
}

// judgeUnknown decides about a row which the receiver may have.
func (t Timing) judgeUnknown(o *ticketing.Outgoing, doubt Doubt, now time.Time, jitter float64) {
	switch {
	case o.Kind == ticketing.Hint:
		o.State, o.Reason = ticketing.OutgoingFailed, ReasonAtMostOnce
	case doubt == DoubtResend:
		t.retry(o, now, t.backoff(o.Attempts, jitter))
	case doubt == DoubtProbe:
		o.State, o.Probes, o.NextAt = ticketing.OutgoingInDoubt, 0, now.Add(t.search(0))
	default:
		// Without a time it is not looked at again until somebody decides.
		o.State, o.Probes, o.NextAt = ticketing.OutgoingInDoubt, 0, time.Time{}
	}
}

// retry puts a row back, or gives it up when its time is over.
func (t Timing) retry(o *ticketing.Outgoing, now time.Time, wait time.Duration) {
	if now.Sub(o.CreatedAt) >= t.GiveUp && o.Attempts >= t.LeastTries {
		o.State, o.Reason = ticketing.OutgoingFailed, ReasonExpired
		return
	}
	o.State, o.NextAt = ticketing.OutgoingPending, now.Add(wait)
}

// backoff is the wait after so many attempts: doubling, less up to a quarter so that rows which failed together do not come back
// together.
func (t Timing) backoff(attempts int, jitter float64) time.Duration {
	wait := t.FirstRetry
	for n := 1; n < attempts && wait < t.LongestRetry; n++ {
		wait *= 2
	}
	wait = min(wait, t.LongestRetry)
	return wait - time.Duration(jitter*float64(wait)/4)
}

// search is the wait before the n-th search, counted from 0.
func (t Timing) search(n int) time.Duration {
	if n < len(t.Searches) {
		return t.Searches[n]
	}
	return t.ShortestWait
}

// judgeProbe writes into a row in doubt what a search means for it.
func (t Timing) judgeProbe(o *ticketing.Outgoing, found ticketing.Found, ref ticketing.Ref, now time.Time) {
	switch found {
	case ticketing.ProbeFound:
		o.State, o.SentAt, o.Reason = ticketing.OutgoingSent, now, ReasonProbe
		if ref != "" {
			o.Ref = ref
		}
	case ticketing.ProbeMissing:
		o.Probes++
		if o.Probes < max(len(t.Searches), 1) {
			o.NextAt = now.Add(t.search(o.Probes))
			return
		}
		// data_started stays: should the door still hear of it, the row is settled by that.
		o.Probes = 0
		t.retry(o, now, 0)
	default:
		o.NextAt = now.Add(min(max(now.Sub(o.StartedAt)/2, t.ShortestWait), t.LongestWait))
	}
}

// final reports whether the row is settled.
func final(s ticketing.OutgoingState) bool {
	return s == ticketing.OutgoingSent || s == ticketing.OutgoingFailed || s == ticketing.OutgoingSuppressed
}

// cut keeps the beginning of a text, whole characters only.
func cut(s string) string {
	if len(s) <= maxAnswer {
		return s
	}
	s = s[:maxAnswer]
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}
