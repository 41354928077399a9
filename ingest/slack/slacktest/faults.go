package slacktest

import (
	"fmt"
	"strings"
	"time"
)

// FaultKind is one way in which a call goes wrong (E33).
type FaultKind string

// The faults.
const (
	LoseRequest   FaultKind = "lose_request"   // the connection breaks before anything happened
	LoseAnswer    FaultKind = "lose_answer"    // it happened, the connection breaks
	ErrorBefore   FaultKind = "error_before"   // 503, nothing happened
	ErrorAfter    FaultKind = "error_after"    // 502, it happened
	InternalError FaultKind = "internal_error" // ok: false with internal_error, it happened
	RateLimit     FaultKind = "rate_limit"     // 429 with a Retry-After of Delay
	SlowAnswer    FaultKind = "slow_answer"    // it happened, the answer comes after Delay
	StoreLate     FaultKind = "store_late"     // the connection breaks, it happens after Delay
)

// Fault makes calls go wrong.
type Fault struct {
	Method      string        `json:"method"` // a method's name, a prefix with a final *, or empty for all
	Kind        FaultKind     `json:"kind"`
	Count       int           `json:"count"`       // how many calls; 0 with a probability: no end; 0 without: one
	Skip        int           `json:"skip"`        // calls of the method that go well before
	Probability float64       `json:"probability"` // 0: every call
	Delay       time.Duration `json:"delay"`
}

type activeFault struct {
	Fault
	left  int // -1: no end
	until int
}

// Fault adds a fault. The first that fits a call is taken.
func (s *Server) Fault(f Fault) error {
	switch f.Kind {
	case LoseRequest, LoseAnswer, ErrorBefore, ErrorAfter, InternalError, RateLimit, SlowAnswer, StoreLate:
	default:
		return fmt.Errorf("slacktest: unknown fault %q", f.Kind)
	}
	a := &activeFault{Fault: f, left: f.Count, until: f.Skip}
	if f.Count == 0 {
		a.left = 1
		if f.Probability > 0 {
			a.left = -1
		}
	}
	s.locked(func() { s.faults = append(s.faults, a) })
	return nil
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.locked(func() { s.faults = nil }) }

// takeFault returns the fault of this call, with an empty kind for none; s.mu is held.
func (s *Server) takeFault(name string) Fault {
	for _, f := range s.faults {
		prefix, wild := strings.CutSuffix(f.Method, "*")
		if f.left == 0 || (f.Method != "" && f.Method != name && (!wild || !strings.HasPrefix(name, prefix))) {
			continue
		}
		if f.until > 0 {
			f.until--
			continue
		}
		if f.Probability > 0 && s.rng.Float64() >= f.Probability {
			continue
		}
		if f.left > 0 {
			f.left--
		}
		return f.Fault
	}
	return Fault{}
}
