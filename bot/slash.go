package bot

import (
	"strconv"
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// slashes are the words behind /ticket, in both languages, folded (slack.md 7.12).
var slashes = map[string]string{
	"cerca": ticketing.LookSearch, "search": ticketing.LookSearch, "trova": ticketing.LookSearch, "find": ticketing.LookSearch,
	"mio": ticketing.LookMine, "miei": ticketing.LookMine, "mine": ticketing.LookMine, "my": ticketing.LookMine,
	"nuovo": ticketing.LookNew, "new": ticketing.LookNew,
	"statistiche": ticketing.LookStats, "stats": ticketing.LookStats, "statistics": ticketing.LookStats,
	"aiuto": ticketing.LookHelp, "help": ticketing.LookHelp,
}

// slash reads a slash command. Its answer is for the one who typed it. Words that are no command are searched for.
func slash(a *ticketing.Act) *ticketing.Command {
	if !a.IsAgent {
		return &ticketing.Command{Name: ticketing.CommandLook, Target: ticketing.LookRefused}
	}
	text := strings.TrimSpace(a.Text)
	look := func(what, words string) *ticketing.Command {
		return &ticketing.Command{Name: ticketing.CommandLook, Target: what, Text: words}
	}
	if a.Action == ticketing.SlashArticles {
		if text == "" {
			return look(ticketing.LookHelp, "")
		}
		return look(ticketing.LookArticles, text)
	}
	first, rest := firstWord(text), after(text, 1)
	what, known := slashes[fold(first)]
	switch {
	case known && what == ticketing.LookNew && rest == "" && a.View != "":
		return &ticketing.Command{Name: ticketing.CommandForm, Target: ticketing.FormNew}
	case text == "" || known && what == ticketing.LookSearch && rest == "":
		return look(ticketing.LookHelp, "")
	case known && (what == ticketing.LookSearch || rest == ""):
		return look(what, rest)
	}
	if n, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64); err == nil && n > 0 {
		return look(ticketing.LookOne, strconv.FormatInt(n, 10))
	}
	return look(ticketing.LookSearch, text)
}

// atHome reads the presses that turn to something else in the home tab (slack.md 7.11).
func atHome(a *ticketing.Act) (*ticketing.Command, bool) {
	cmd := &ticketing.Command{Name: ticketing.CommandHome, Text: a.Value}
	switch tab, ok := strings.CutPrefix(a.Action, "home.tab."); {
	case ok:
		cmd.Target, cmd.Text = tab, ""
	case strings.HasPrefix(a.Action, "home.page."):
		cmd.Target = "page"
	case a.Action == "home.search":
		cmd.Target = "search"
	case a.Action == "home.new":
		return &ticketing.Command{Name: ticketing.CommandForm, Target: ticketing.FormNew}, true
	default:
		return nil, false
	}
	return cmd, true
}
