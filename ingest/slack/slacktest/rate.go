package slacktest

import (
	"time"
)

// postBucket gives one post a channel and a second, with a small burst [/apis/web-api/rate-limits].
type postBucket struct {
	tokens float64
	last   time.Time
}

const postBurst = 5

// rate counts a call against the limits of its method and of its channel (E21, E22); s.mu is held.
func (s *Server) rate(name string, tier int, args map[string]string) *failure {
	now := s.clock.Now()
	if end := s.until[name]; now.Before(end) {
		// A call before Retry-After has passed starts the time again.
		left := end.Sub(now)
		s.bad("a call of " + name + " before its Retry-After had passed")
		s.until[name] = now.Add(left)
		return &failure{code: "ratelimited", retry: left}
	}
	if name == "chat.postMessage" && s.opt.PostEvery > 0 {
		b := s.bucket[args["channel"]]
		if b == nil {
			b = &postBucket{tokens: postBurst, last: now}
			s.bucket[args["channel"]] = b
		}
		b.tokens = min(postBurst, b.tokens+float64(now.Sub(b.last))/float64(s.opt.PostEvery))
		b.last = now
		if b.tokens < 1 {
			wait := time.Duration((1 - b.tokens) * float64(s.opt.PostEvery))
			s.until[name] = now.Add(wait)
			return &failure{code: "ratelimited", retry: wait}
		}
		b.tokens--
	}
	limit := map[int]int{0: 0, 1: 1, 2: 20, 3: 50, 4: 100}[tier]
	limit = int(float64(limit) * s.opt.RateFactor)
	if s.opt.RateFactor < 0 {
		limit = 0
	}
	if s.opt.LimitedClass && (name == "conversations.history" || name == "conversations.replies") {
		limit = 1
	}
	if limit == 0 {
		return nil
	}
	recent := s.calls[name]
	for len(recent) > 0 && now.Sub(recent[0]) >= time.Minute {
		recent = recent[1:]
	}
	if len(recent) >= limit {
		wait := recent[0].Add(time.Minute).Sub(now)
		s.until[name] = now.Add(wait)
		s.calls[name] = recent
		return &failure{code: "ratelimited", retry: wait}
	}
	s.calls[name] = append(recent, now)
	return nil
}
