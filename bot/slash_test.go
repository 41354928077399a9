package bot

import (
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// TestSlash: what stands behind /ticket and /kb, in both languages.
func TestSlash(t *testing.T) {
	for _, row := range []struct{ action, text, want, words string }{
		{ticketing.SlashTickets, "cerca stampante ferma", ticketing.LookSearch, "stampante ferma"}, {ticketing.SlashTickets, "search  two  words", ticketing.LookSearch, "two  words"}, {ticketing.SlashTickets, "CERCA x", ticketing.LookSearch, "x"},
		{ticketing.SlashTickets, "mio", ticketing.LookMine, ""}, {ticketing.SlashTickets, "Mine", ticketing.LookMine, ""}, {ticketing.SlashTickets, "nuovo", ticketing.LookNew, ""}, {ticketing.SlashTickets, "new", ticketing.LookNew, ""},
		{ticketing.SlashTickets, "statistiche", ticketing.LookStats, ""}, {ticketing.SlashTickets, "stats", ticketing.LookStats, ""}, {ticketing.SlashTickets, "aiuto", ticketing.LookHelp, ""}, {ticketing.SlashTickets, " help ", ticketing.LookHelp, ""},
		{ticketing.SlashTickets, "", ticketing.LookHelp, ""}, {ticketing.SlashTickets, "cerca", ticketing.LookHelp, ""},
		{ticketing.SlashTickets, "1042", ticketing.LookOne, "1042"}, {ticketing.SlashTickets, "#1042", ticketing.LookOne, "1042"}, {ticketing.SlashTickets, "-1", ticketing.LookSearch, "-1"}, {ticketing.SlashTickets, "99999999999999999999", ticketing.LookSearch, "99999999999999999999"},
		{ticketing.SlashTickets, "stampante", ticketing.LookSearch, "stampante"}, {ticketing.SlashTickets, "new printer", ticketing.LookSearch, "new printer"}, {ticketing.SlashTickets, "mio ordine", ticketing.LookSearch, "mio ordine"},
		{ticketing.SlashArticles, "carta bianca", ticketing.LookArticles, "carta bianca"}, {ticketing.SlashArticles, "mio", ticketing.LookArticles, "mio"}, {ticketing.SlashArticles, " ", ticketing.LookHelp, ""},
	} {
		a := ticketing.Act{Verb: ticketing.VerbCommand, Action: row.action, Text: row.text}
		cmd := obeyed(acted(a, func(c *ticketing.Case) { c.Thread, c.Ticket = nil, nil }))
		if cmd.Name != ticketing.CommandLook || cmd.Target != row.want || cmd.Text != row.words {
			t.Errorf("%s %q: %s %q, want %s %q", row.action, row.text, cmd.Target, cmd.Text, row.want, row.words)
		}
		cmd = obeyed(acted(a, func(c *ticketing.Case) { c.Thread, c.Heard.Act.IsAgent = nil, false }))
		if cmd.Target != ticketing.LookRefused || cmd.Text != "" {
			t.Errorf("%s %q by somebody else: %+v", row.action, row.text, cmd)
		}
	}
	for text, want := range map[string]bool{"carta": true, "": false} {
		if _, ok := wanted(&ticketing.Act{Verb: ticketing.VerbCommand, Action: ticketing.SlashArticles, IsAgent: true, Text: text}); ok != want {
			t.Errorf("/kb %q asks the knowledge base: %v", text, ok)
		}
	}
	if _, ok := wanted(&ticketing.Act{Verb: ticketing.VerbCommand, Action: ticketing.SlashArticles, Text: "carta"}); ok {
		t.Error("a guest asks the knowledge base")
	}
}
