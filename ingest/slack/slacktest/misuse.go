package slacktest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// misuseState is what the list of misuse remembers of earlier calls.
type misuseState struct {
	posts     map[string][]time.Time // by channel
	reads     map[string]time.Time   // the last read of the head of a channel's history
	intervals map[string]time.Duration
	flips     map[string]string // last act by (channel, ts, name)
}

func newMisuseState() misuseState {
	return misuseState{
		posts: map[string][]time.Time{}, reads: map[string]time.Time{}, intervals: map[string]time.Duration{}, flips: map[string]string{},
	}
}

// Misuse returns what Slack tolerates and a careful client must not do, in the order it happened (E35). A test ends
// with an empty list.
func (s *Server) Misuse() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.misuse)
}

func (s *Server) bad(what string) { s.misuse = append(s.misuse, what) }

var active = regexp.MustCompile(`<(!(here|channel|everyone)|!subteam\^)`)

// observe looks at a call that is about to run; s.mu is held.
func (s *Server) observe(c *call) {
	a := c.args
	switch c.name {
	case "chat.postMessage":
		if a["blocks"] != "" && a["text"] == "" {
			s.bad("a post with blocks and without text")
		}
		var m Metadata
		if json.Unmarshal([]byte(a["metadata"]), &m) != nil || m.EventType == "" {
			s.bad("a post without metadata")
		}
		if ch := s.channels[a["channel"]]; ch != nil && a["thread_ts"] != "" {
			if p := ch.find(a["thread_ts"]); p != nil && p.isReply() {
				s.bad("a post with the thread_ts of a reply")
			}
		}
		if s.channelByName(a["channel"]) != nil {
			s.bad("a channel by its name")
		}
		if active.MatchString(a["text"]) || active.MatchString(a["blocks"]) {
			s.bad("a post that calls the whole channel or a group")
		}
		if a["link_names"] != "" || a["parse"] != "" {
			s.bad("a post with link_names or parse")
		}
		s.watchPosts(a["channel"])
	case "chat.update":
		if a["metadata"] != "" {
			s.bad("an update that carries metadata")
		}
		if a["blocks"] != "" && a["text"] == "" {
			s.bad("an update with blocks and without text")
		}
	case "reactions.add", "reactions.remove":
		key := a["channel"] + "/" + a["timestamp"] + "/" + a["name"]
		if c.name == "reactions.add" && s.watch.flips[key] == "reactions.remove" {
			s.bad("a reaction added again after it was removed")
		}
		s.watch.flips[key] = c.name
	case "conversations.history":
		s.watchReads(a)
	}
}

// watchPosts looks for more than one post a second over ten seconds.
func (s *Server) watchPosts(channel string) {
	if s.opt.PostEvery < 0 {
		return
	}
	now := s.clock.Now()
	window := 10 * s.opt.PostEvery
	recent := append(s.watch.posts[channel], now)
	for now.Sub(recent[0]) >= window {
		recent = recent[1:]
	}
	if len(recent) > 11 {
		s.bad(fmt.Sprintf("%d posts in %s within ten seconds", len(recent), channel))
		recent = nil
	}
	s.watch.posts[channel] = recent
}

// watchReads looks for a head of history that is read three times at the same interval of less than five minutes.
// Further pages, and walks with a latest, are no polling.
func (s *Server) watchReads(a map[string]string) {
	if a["cursor"] != "" || a["latest"] != "" {
		return
	}
	ch, now := a["channel"], s.clock.Now()
	last, seen := s.watch.reads[ch]
	s.watch.reads[ch] = now
	if !seen {
		return
	}
	gap := now.Sub(last).Round(time.Second)
	if gap > time.Second && gap < 5*time.Minute && gap == s.watch.intervals[ch] {
		s.bad(fmt.Sprintf("the history of %s is read every %s", ch, gap))
	}
	s.watch.intervals[ch] = gap
}

func (s *Server) channelByName(name string) *channel {
	for _, c := range s.channels {
		if c.Name != "" && (name == c.Name || name == "#"+c.Name) {
			return c
		}
	}
	return nil
}
