package bot

import (
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// TestForms: windows are asked for and sent in by agents only, and each choice means what the command of that name means.
func TestForms(t *testing.T) {
	for _, action := range []string{ticketing.FormNew, ticketing.FormFrom, ticketing.FormActions} {
		if cmd := obeyed(acted(ticketing.Act{Verb: ticketing.VerbAsk, Action: action}, nil)); cmd.Name != ticketing.CommandForm || cmd.Target != action {
			t.Errorf("%s: %+v", action, cmd)
		}
		guest := func(c *ticketing.Case) { c.Heard.Act.IsAgent = false }
		if cmd := obeyed(acted(ticketing.Act{Verb: ticketing.VerbAsk, Action: action}, guest)); cmd.Target != ticketing.FormSaid || cmd.Text != "refused" {
			t.Errorf("%s by a guest: %+v", action, cmd)
		}
		if cmd := obeyed(acted(ticketing.Act{Verb: ticketing.VerbSubmit, Action: action, Fields: map[string]string{"do": "close"}}, guest)); cmd.Name != ticketing.CommandHint {
			t.Errorf("%s sent in by a guest: %+v", action, cmd)
		}
	}
	if cmd := obeyed(acted(ticketing.Act{Verb: ticketing.VerbAsk, Action: "other"}, nil)); cmd.Name != ticketing.CommandIgnore {
		t.Errorf("an unknown shortcut: %+v", cmd)
	}
	for _, row := range []struct {
		do, value, text string
		want            ticketing.CommandName
		target, words   string
		hint            string
	}{
		{"note", "", "x", ticketing.CommandNote, "", "x", ""}, {"answer", "", "x", ticketing.CommandAnswer, "", "x", ""}, {"answer", "", "", ticketing.CommandHint, "", "", "send_what"}, {"claim", "v", "x", ticketing.CommandClaim, "", "x", ""},
		{"assign", "", "x", ticketing.CommandHint, "", "", "assign_what"}, {"pending", "", "", ticketing.CommandPending, "", "", ""}, {"pending", "", "Quando?", ticketing.CommandAnswer, "", "Quando?", ""},
		{"snooze", "2h", "x", ticketing.CommandSnooze, "", "x", ""}, {"snooze", "boh", "x", ticketing.CommandHint, "", "", "snooze_what"}, {"resolve", "", "", ticketing.CommandResolve, "", "", ""}, {"resolve", "", "Fatto", ticketing.CommandResolve, "", "Fatto", ""},
		{"reopen", "", "x", ticketing.CommandReopen, "", "x", ""}, {"close", "", "x", ticketing.CommandClose, "", "x", ""}, {"priority", "alta", "x", ticketing.CommandPriority, "high", "x", ""}, {"priority", "", "", ticketing.CommandHint, "", "", "priority_what"},
		{"article", "it/carta", "ecco", ticketing.CommandArticle, "it/carta", "ecco", ""}, {"article", "1", "", ticketing.CommandArticle, "1", "", ""}, {"article", "due parole", "", ticketing.CommandHint, "", "", "kb_number"}, {"article", "", "", ticketing.CommandHint, "", "", "kb_what"},
		{"merge", "#12", "x", ticketing.CommandMerge, "12", "x", ""}, {"split", "Oggetto", "x", ticketing.CommandSplit, "Oggetto", "x", ""}, {"follow", "", "x", ticketing.CommandFollow, "", "x", ""}, {"", "", "x", ticketing.CommandIgnore, "", "", ""},
	} {
		cmd := obeyed(acted(ticketing.Act{Verb: ticketing.VerbSubmit, Action: ticketing.FormActions, Fields: map[string]string{"do": row.do, "value": row.value, "text": row.text}}, nil))
		if cmd.Name != row.want || cmd.Target != row.target || cmd.Text != row.words || cmd.Hint != row.hint {
			t.Errorf("%s %q %q: %s %q %q hint %q, want %s %q %q hint %q", row.do, row.value, row.text, cmd.Name, cmd.Target, cmd.Text, cmd.Hint, row.want, row.target, row.words, row.hint)
		}
	}
	if cmd := obeyed(acted(ticketing.Act{Verb: ticketing.VerbSubmit, Action: ticketing.FormActions, Fields: map[string]string{"do": "close"}}, func(c *ticketing.Case) { c.Ticket = nil })); cmd.Hint != "no_ticket" {
		t.Errorf("without a ticket: %+v", cmd)
	}
}
