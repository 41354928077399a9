package slacktest

import (
	"sort"
	"sync"
	"time"
)

// Clock is where the workspace takes its time from.
type Clock interface {
	Now() time.Time
	// AfterFunc runs f once after d, in a goroutine or in the goroutine that moves the clock. The function returned
	// stops it; stopping twice is harmless.
	AfterFunc(d time.Duration, f func()) (stop func())
}

// WallClock is the clock of the machine, for a workspace that runs beside a real process.
type WallClock struct{}

// Now returns the machine's time.
func (WallClock) Now() time.Time { return time.Now() }

// AfterFunc runs f after d of the machine's time.
func (WallClock) AfterFunc(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}

// ManualClock stands still until Advance moves it.
type ManualClock struct {
	mu     sync.Mutex
	now    time.Time
	serial int
	timers []*manualTimer
}

type manualTimer struct {
	at     time.Time
	serial int
	f      func()
}

// NewManualClock returns a clock that shows now.
func NewManualClock(now time.Time) *ManualClock { return &ManualClock{now: now} }

// Now returns the time the clock shows.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc runs f in the call of Advance that reaches its time; a duration of zero or less runs at the next Advance.
func (c *ManualClock) AfterFunc(d time.Duration, f func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	t := &manualTimer{at: c.now.Add(d), serial: c.serial, f: f}
	c.timers = append(c.timers, t)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, o := range c.timers {
			if o == t {
				c.timers = append(c.timers[:i], c.timers[i+1:]...)
				return
			}
		}
	}
}

// Advance moves the clock by d and runs what falls due, in the order of time. The clock shows the time of each function
// while it runs.
func (c *ManualClock) Advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		sort.Slice(c.timers, func(i, j int) bool {
			if !c.timers[i].at.Equal(c.timers[j].at) {
				return c.timers[i].at.Before(c.timers[j].at)
			}
			return c.timers[i].serial < c.timers[j].serial
		})
		if len(c.timers) == 0 || c.timers[0].at.After(end) {
			break
		}
		t := c.timers[0]
		c.timers = c.timers[1:]
		if t.at.After(c.now) {
			c.now = t.at
		}
		c.mu.Unlock()
		t.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}
