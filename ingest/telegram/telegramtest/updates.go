package telegramtest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// update is an update in the queue.
type update struct {
	ID   int64
	Raw  json.RawMessage
	From time.Time
}

// keep is how long an update that nobody fetches is kept [/bots/api#getting-updates].
const keep = 24 * time.Hour

// notByDefault are the kinds that come only when they are asked for by name.
var notByDefault = map[string]bool{"chat_member": true, "message_reaction": true, "message_reaction_count": true}

// push queues an update of a kind, if the bot wants such ones: what is wanted is judged when an update is made, not when it is fetched.
func (s *Server) push(kind string, what any) {
	if s.allowed == nil && notByDefault[kind] || s.allowed != nil && !s.allowed[kind] {
		return
	}
	raw, err := json.Marshal(map[string]any{"update_id": s.next, kind: what})
	if err != nil {
		panic(err)
	}
	s.queue = append(s.queue, update{s.next, raw, s.now()})
	s.next++
	close(s.changed)
	s.changed = make(chan struct{})
}

// poll is a getUpdates that waits.
type poll struct{ ended chan struct{} }

// getUpdates implements the method [/bots/api#getupdates]. A later call ends one that waits.
func (s *Server) getUpdates(ctx context.Context, c call) *answer {
	s.mu.Lock()
	s.polls++
	close(s.pollSeen)
	s.pollSeen = make(chan struct{})
	if s.webhook != "" {
		s.mu.Unlock()
		return &answer{Code: http.StatusConflict, Description: "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}
	}
	if s.poll != nil {
		close(s.poll.ended)
	}
	mine := &poll{make(chan struct{})}
	s.poll = mine
	if text, ok := c.args["allowed_updates"]; ok {
		var kinds []string
		if json.Unmarshal([]byte(text), &kinds) != nil {
			s.poll = nil
			s.mu.Unlock()
			return bad("can't parse allowed updates")
		}
		s.allowed = nil
		if len(kinds) > 0 {
			s.allowed = map[string]bool{}
			for _, k := range kinds {
				s.allowed[k] = true
			}
		}
	}
	limit := int(c.number("limit"))
	if limit < 1 || limit > 100 {
		limit = 100
	}
	offset := c.number("offset")
	if offset < 0 {
		// From the end; all before are forgotten.
		s.queue = s.queue[max(0, len(s.queue)+int(offset)):]
		offset = 0
	}
	s.mu.Unlock()

	timeout := time.NewTimer(time.Duration(c.number("timeout")) * time.Second)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		if s.poll != mine {
			s.mu.Unlock()
			return &answer{Code: http.StatusConflict, Description: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"}
		}
		old := s.now().Add(-keep)
		s.queue = slices.DeleteFunc(s.queue, func(u update) bool { return u.ID < offset || u.From.Before(old) })
		batch := []json.RawMessage{}
		for _, u := range s.queue[:min(limit, len(s.queue))] {
			batch = append(batch, u.Raw)
		}
		changed := s.changed
		if len(batch) > 0 || c.number("timeout") <= 0 {
			s.poll = nil
			s.mu.Unlock()
			return &answer{OK: true, Result: batch}
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-mine.ended:
		case <-timeout.C:
			c.args["timeout"] = "0"
		case <-ctx.Done():
			s.leave(mine)
			return &answer{OK: true, Result: batch}
		case <-s.done:
			s.leave(mine)
			return &answer{OK: true, Result: batch}
		}
	}
}

func (s *Server) leave(mine *poll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == mine {
		s.poll = nil
	}
}

// Waiting returns the ids of the updates that were not confirmed.
func (s *Server) Waiting() (ids []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.queue {
		ids = append(ids, u.ID)
	}
	return ids
}

// Polled returns when getUpdates has been called n times since the server began.
func (s *Server) Polled(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		seen, ok := s.pollSeen, s.polls >= n
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-seen:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Polls is how often getUpdates was called.
func (s *Server) Polls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.polls
}

// Renumber makes the next updates begin at another id, as Telegram may after a week without any.
func (s *Server) Renumber(next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

// Webhook sets or, with "", removes a webhook, as another program of the bot's owner would.
func (s *Server) Webhook(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook = url
}
