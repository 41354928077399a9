package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// failure marks an error as the item's own fault: it counts towards quarantine.
func failure(code string, err error) error {
	return &itemError{code: code, err: err}
}

func panicked(p any) error { return failure("ledger.panic", fmt.Errorf("%v\n%s", p, debug.Stack())) }

type itemError struct {
	code string
	err  error
}

func (e *itemError) Error() string { return e.code + ": " + e.err.Error() }
func (e *itemError) Unwrap() error { return e.err }

// retryAfter is the pause before the next attempt, by the number of attempts made before.
var retryAfter = [...]time.Duration{5 * time.Second, time.Minute}

// noDoor: the row's door is not among those of this process. That is a matter of settings and says nothing against the item.
const noDoor = "ledger.door"

// noDoorPause is how long such a row waits for the settings to be put right, or for a process that has the door.
const noDoorPause = time.Minute

// failed puts a row back, or, after the last attempt, into quarantine.
func (l *Ledger) failed(ctx context.Context, r *read, cause error) {
	in := r.in
	alone := in.Attempts > 1
	guilty := l.guilty(r, cause)
	switch {
	case guilty && !alone:
		in.Failures++
	case !guilty && alone && in.Failures > 0:
		in.Failures--
	}
	code, pause := codeOf(cause), retryAfter[min(max(in.Attempts-1, 0), len(retryAfter)-1)]
	if code == noDoor {
		pause = noDoorPause
	}
	l.Log.Error("item failed", "inbound", in.ID, "door", in.Door, "failures", in.Failures, "code", code, "err", cause)
	err := l.Store.Update(ctx, func(tx ticketing.Tx) error {
		in := in
		in.Detail = clip(cause.Error(), 500)
		if guilty && in.Failures >= l.Limits.Failures || l.Limits.Attempts > 0 && in.Attempts >= l.Limits.Attempts && code != noDoor {
			in.State, in.Outcome, in.Cause, in.Reason = ticketing.InboundDone, ticketing.OutcomeQuarantine, ticketing.CauseCrash, code
			in.From, in.DecidedAt = r.heard.From.Address, tx.Now()
			return tx.FinishInbound(ctx, &in)
		}
		if in.Released() == "" && !in.Again() {
			in.Reason = code
		}
		return tx.RetryInbound(ctx, &in, tx.Now().Add(pause))
	})
	if err != nil && !errors.Is(err, ticketing.ErrFenced) {
		l.Log.Error("failed item could not be put back, its lease will end", "inbound", in.ID, "err", err)
	}
}

// guilty says whether a failure counts towards quarantine. An item is to blame for what its reading does, for what the desk's rules cannot
// do with it, and for a transaction that fails while nothing else runs: that its row can be put back shows that the database works.
// A disk or a database that is full or away, and doors that wait for others, are nobody's fault.
func (l *Ledger) guilty(r *read, cause error) bool {
	var own *itemError
	var e *ticketing.Error
	switch {
	case errors.As(cause, &own):
		return true
	case !errors.As(cause, &e):
		return false
	case r.err != nil:
		return e.Permanent
	}
	return e.Permanent || strings.HasPrefix(e.Code, "desk.") || e.Code == "store.failed" && r.in.Attempts > 1
}

// codeOf is what the ledger shows as the reason of a failure.
func codeOf(cause error) string {
	var own *itemError
	var e *ticketing.Error
	switch {
	case errors.As(cause, &own):
		return own.code
	case errors.As(cause, &e) && e.Code == noDoor:
		return noDoor
	}
	return "ledger.failed"
}

// postpone puts a row back for a moment; that is no failure.
func (l *Ledger) postpone(ctx context.Context, in ticketing.Inbound) {
	if in.Attempts > 1 && in.Failures > 0 {
		in.Failures--
	}
	err := l.Store.Update(ctx, func(tx ticketing.Tx) error {
		in := in // it may run twice, and putting back takes the owner out
		return tx.RetryInbound(ctx, &in, tx.Now().Add(earlierPause))
	})
	switch {
	case errors.Is(err, ticketing.ErrFenced):
		l.Log.Warn("row was taken over by another process", "inbound", in.ID)
	case err != nil:
		l.Log.Error("item could not be put back, its lease will end", "inbound", in.ID, "err", err)
	}
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
