package bot

import (
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// noteMark recognises an internal note (slack.md 7.6) and returns its words without the mark.
func noteMark(text string) (string, bool) {
	t := strings.TrimSpace(text)
	for _, mark := range []string{"//", "nota:", "note:", ":lock:", "🔒"} {
		if len(t) >= len(mark) && strings.EqualFold(t[:len(mark)], mark) {
			return strings.TrimSpace(t[len(mark):]), true
		}
	}
	for _, mark := range []string{":lock:", "🔒"} {
		if cut := len(t) - len(mark); cut >= 0 && strings.EqualFold(t[cut:], mark) {
			return strings.TrimSpace(t[:cut]), true
		}
	}
	return t, false
}

// guard says why a message that looks like an answer had better be asked about first (slack.md 7.7), as the code of a hint, or "".
func guard(c *ticketing.Case, a *ticketing.Act, text string) string {
	switch {
	case a.MentionFirst || a.Mentions:
		return "guard_mention"
	case c.Collision != "":
		return "guard_collision"
	case text == "" && len(c.Files) == 0:
		return "guard_empty"
	}
	return ""
}
