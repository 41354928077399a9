package slack

import (
	"strconv"
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// button is one that an ephemeral hint carries. Its value is made of the arguments named, with a blank between them; it is left out while
// one of them is missing.
type button struct {
	action, label string
	args          []string
}

var kept = []string{"thread", "message"}

// buttons are those of hints by code (slack.md 7.13). An ephemeral message may be missed: everything can be done by words too.
var buttons = map[string][]button{
	"unknown_command": {{"cmd.fix", "slack.button.fix", []string{"thread", "message", "meant"}}, {"guard.send", "slack.button.send_text", kept}, {"guard.note", "slack.button.stay_note", kept}},
	"guard_mention":   {{"guard.send", "slack.button.send_customer", kept}, {"guard.note", "slack.button.stay_note", kept}},
	"guard_collision": {{"guard.send", "slack.button.send_customer", kept}, {"guard.note", "slack.button.stay_note", kept}},
	"claimed_by":      {{"ticket.take_over", "slack.button.take_over", []string{"number"}}},
	"macro":           {{"macro.send", "slack.button.article_send", []string{"thread", "row"}}},
}

// hint makes the words that one agent sees, with their buttons.
func (s speech) hint(o ticketing.Outgoing) (map[string]string, error) {
	f := o.Facts
	said := s.sentence("slack.hint.", f.Code, f.Args)
	v := map[string]any{"row": o.ID, "head": said, "fallback": said, "body": ""}
	if f.Body != "" {
		v["body"] = quoted(cutEscaped(strings.TrimSpace(f.Body), excerptMax))
		v["fallback"] = said + "\n" + v["body"].(string)
	}
	n := 0
	for _, b := range buttons[f.Code] {
		value, ok := b.value(f.Args)
		if !ok {
			continue
		}
		n++
		i := strconv.Itoa(n)
		v["action"+i], v["label"+i], v["value"+i] = b.action, s.t(b.label, nil), value
	}
	if n == 0 && f.Body == "" {
		return map[string]string{"text": said}, nil
	}
	return s.card("hint", v)
}

func (b button) value(args map[string]string) (string, bool) {
	var parts []string
	for _, name := range b.args {
		a := args[name]
		if name == "meant" && a != "" {
			continue // a condition, not an id
		}
		if !isKey(a) {
			return "", false
		}
		parts = append(parts, a)
	}
	return strings.Join(parts, " "), true
}

// isKey tells whether s is made like an id of ours or a number: nothing else stands in the value of a button.
func isKey(s string) bool {
	for _, r := range s {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 26
}
