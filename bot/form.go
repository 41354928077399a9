package bot

import (
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// ask answers a shortcut: the window it asks for, which tells somebody who is no agent that it is not for them (slack.md 7.13, 7.14).
func ask(a *ticketing.Act) *ticketing.Command {
	switch {
	case !a.IsAgent:
		return &ticketing.Command{Name: ticketing.CommandForm, Target: ticketing.FormSaid, Text: "refused"}
	case a.Action == ticketing.FormNew || a.Action == ticketing.FormFrom || a.Action == ticketing.FormActions:
		return &ticketing.Command{Name: ticketing.CommandForm, Target: a.Action}
	}
	return ignore()
}

// submitted reads a window that was sent in. Its acts are those of the commands.
func submitted(c *ticketing.Case, a *ticketing.Act) *ticketing.Command {
	switch {
	case !a.IsAgent:
		return hinted("agents_only")
	case a.Action == ticketing.FormNew || a.Action == ticketing.FormFrom:
		return &ticketing.Command{Name: ticketing.CommandCreate}
	case a.Action != ticketing.FormActions:
		return ignore()
	case c.Ticket == nil:
		return hinted("no_ticket")
	}
	text, value := strings.TrimSpace(a.Fields["text"]), strings.TrimSpace(a.Fields["value"])
	if a.Fields["do"] == "article" {
		cmd := article(value)
		if cmd.Name == ticketing.CommandFind {
			// A list would have to be searched for before: only a place in the last one, or a name, can be sent from here.
			return hinted("kb_number")
		}
		if cmd.Name == ticketing.CommandArticle {
			cmd.Text = text
		}
		return cmd
	}
	word, known := formCommands[a.Fields["do"]]
	if !known {
		return ignore()
	}
	rest := value
	switch word {
	case "note", "send", "solve", "pending":
		rest = text
	case "claim", "reopen", "close":
		rest = ""
	case "follow", "split":
		cmd := &ticketing.Command{Name: ticketing.CommandFollow, Target: value, Text: text}
		if word == "split" {
			cmd.Name = ticketing.CommandSplit
		}
		return cmd
	}
	cmd := banged(c, word, rest)
	if cmd.Text == "" && cmd.Name != ticketing.CommandHint {
		cmd.Text = text
	}
	return cmd
}

// formCommands are the choices of the window by the commands that mean the same.
var formCommands = map[string]string{
	"note": "note", "answer": "send", "claim": "claim", "assign": "assign", "pending": "pending", "snooze": "snooze", "resolve": "solve",
	"reopen": "reopen", "close": "close", "priority": "priority", "merge": "merge", "split": "split", "follow": "follow",
}
