package bot

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

// acted is a case of an agent's act in the thread of an open ticket.
func acted(a ticketing.Act, change func(c *ticketing.Case)) *ticketing.Case {
	return joining(ticketing.StateOpen, func(c *ticketing.Case) {
		a.IsAgent = true
		a.Actor = ticketing.Party{Key: "slack:T1/U1", Name: "Anna Rossi"}
		a.Root = "slack:T1/C1/1.0"
		if a.Target == "" {
			a.Target = "slack:T1/C1/2.0"
		}
		c.Heard.Act = &a
		c.Heard.Visible = a.Text
		if change != nil {
			change(c)
		}
	})
}

func obeyed(c *ticketing.Case) *ticketing.Command { return (&Bot{}).Decide(c).Command }

// TestSay: what an agent writes in a ticket's thread, first rule of slack.md 7.4 that fits.
func TestSay(t *testing.T) {
	internal := func(c *ticketing.Case) { c.Queue.RepliesInternal = true }
	for _, row := range []struct {
		text   string
		change func(c *ticketing.Case)
		want   ticketing.CommandName
		words  string // of the command
		hint   string
	}{
		{"Buongiorno, può riavviare?", nil, ticketing.CommandAnswer, "Buongiorno, può riavviare?", ""},
		{"  spazi  ", nil, ticketing.CommandAnswer, "spazi", ""},
		// rule 4: commands in both languages; case and accents do not matter
		{"!prendo", nil, ticketing.CommandClaim, "", ""}, {"!claim", nil, ticketing.CommandClaim, "", ""}, {"!PRENDO", nil, ticketing.CommandClaim, "", ""}, {"!prèndo", nil, ticketing.CommandClaim, "", ""},
		{"!attesa", nil, ticketing.CommandPending, "", ""}, {"!Pending", nil, ticketing.CommandPending, "", ""},
		{"!risolto", nil, ticketing.CommandResolve, "", ""}, {"!solve", nil, ticketing.CommandResolve, "", ""}, {"!solved", nil, ticketing.CommandResolve, "", ""},
		{"!risolto Ecco fatto!", nil, ticketing.CommandResolve, "Ecco fatto!", ""}, {"!risolto\nEcco fatto!", nil, ticketing.CommandResolve, "Ecco fatto!", ""}, {"!risolto, grazie", nil, ticketing.CommandResolve, "grazie", ""},
		{"!riapri", nil, ticketing.CommandReopen, "", ""}, {"!reopen", nil, ticketing.CommandReopen, "", ""}, {"!chiudi", nil, ticketing.CommandClose, "", ""}, {"!close", nil, ticketing.CommandClose, "", ""},
		{"!nota da sentire Luca", nil, ticketing.CommandNote, "da sentire Luca", ""}, {"!note ask Luca", nil, ticketing.CommandNote, "ask Luca", ""},
		{"!invia @Luca le scrive", nil, ticketing.CommandAnswer, "@Luca le scrive", ""}, {"!send hello", nil, ticketing.CommandAnswer, "hello", ""},
		{"!invia", nil, ticketing.CommandHint, "", "send_what"},
		{"!invia", func(c *ticketing.Case) { c.Files = []ticketing.FileRef{{Name: "guida.pdf"}} }, ticketing.CommandAnswer, "", ""},
		{"!attesa che modello è?", nil, ticketing.CommandAnswer, "che modello è?", ""}, {"!prendo lo conosco", nil, ticketing.CommandClaim, "lo conosco", ""}, {"!chiudi era spam", nil, ticketing.CommandClose, "era spam", ""},
		{"!priorità alta", nil, ticketing.CommandPriority, "", ""}, {"!PRIORITY Urgent", nil, ticketing.CommandPriority, "", ""}, {"!priorità boh", nil, ticketing.CommandHint, "", "priority_what"},
		{"!kb", nil, ticketing.CommandHint, "", "kb_what"},
		{"!kb la stampante", nil, ticketing.CommandFind, "la stampante", ""}, {"!articolo carta finita", nil, ticketing.CommandFind, "carta finita", ""}, {"!article paper", nil, ticketing.CommandFind, "paper", ""},
		{"!kb 404 errore", nil, ticketing.CommandFind, "404 errore", ""}, {"!kb 2 casse", nil, ticketing.CommandFind, "2 casse", ""}, {"!kb 0", nil, ticketing.CommandFind, "0", ""},
		{"!kb 1", nil, ticketing.CommandArticle, "", ""}, {"!kb #2 provi così", nil, ticketing.CommandArticle, "provi così", ""}, {"!kb 3. provi", nil, ticketing.CommandArticle, "provi", ""},
		{"!kb fattura-scartata", nil, ticketing.CommandArticle, "", ""}, {"!kb en/cash-up ecco", nil, ticketing.CommandArticle, "ecco", ""}, {"!kb e-mail", nil, ticketing.CommandArticle, "", ""},
		{"!kb nessuno", nil, ticketing.CommandLink, "", ""}, {"!kb NONE", nil, ticketing.CommandLink, "", ""}, {"!kb nessuno stampa", nil, ticketing.CommandFind, "nessuno stampa", ""},
		{"!aiuto", nil, ticketing.CommandHint, "", "help"}, {"!help", nil, ticketing.CommandHint, "", "help"},
		// rule 5: an unknown command is never mailed
		{"!rislto", nil, ticketing.CommandNote, "!rislto", "unknown_command"}, {"!clam", nil, ticketing.CommandNote, "!clam", "unknown_command"}, {"!importante leggere", nil, ticketing.CommandNote, "!importante leggere", "unknown_command"},
		{"!è urgente", nil, ticketing.CommandNote, "!è urgente", "unknown_command"},
		// not commands
		{"!!!", nil, ticketing.CommandAnswer, "!!!", ""}, {"! importante", nil, ticketing.CommandAnswer, "! importante", ""}, {"!", nil, ticketing.CommandAnswer, "!", ""}, {"!1 cosa", nil, ticketing.CommandAnswer, "!1 cosa", ""},
		{"Fatto !risolto", nil, ticketing.CommandAnswer, "Fatto !risolto", ""},
		// rule 6: notes
		{"// chiedo a Luca", nil, ticketing.CommandNote, "chiedo a Luca", ""}, {"//chiedo", nil, ticketing.CommandNote, "chiedo", ""}, {"  // spazi", nil, ticketing.CommandNote, "spazi", ""},
		{"nota: cliente arrabbiato", nil, ticketing.CommandNote, "cliente arrabbiato", ""}, {"NOTA: x", nil, ticketing.CommandNote, "x", ""}, {"Note: x", nil, ticketing.CommandNote, "x", ""},
		{":lock: segreto", nil, ticketing.CommandNote, "segreto", ""}, {"segreto :lock:", nil, ticketing.CommandNote, "segreto", ""}, {"🔒 segreto", nil, ticketing.CommandNote, "segreto", ""}, {"segreto 🔒", nil, ticketing.CommandNote, "segreto", ""}, {"segreto :LOCK:", nil, ticketing.CommandNote, "segreto", ""},
		{"notare: non è una nota", nil, ticketing.CommandAnswer, "notare: non è una nota", ""}, {"vedi https://example.com//x", nil, ticketing.CommandAnswer, "vedi https://example.com//x", ""},
		// rule 7: a queue whose replies are internal
		{"tra noi", internal, ticketing.CommandNote, "tra noi", ""}, {">> al cliente", internal, ticketing.CommandAnswer, "al cliente", ""}, {"!invia al cliente", internal, ticketing.CommandAnswer, "al cliente", ""},
		{">> al cliente", nil, ticketing.CommandAnswer, "al cliente", ""},
		// rule 8
		{"ciao", func(c *ticketing.Case) { c.Ticket.State = ticketing.StateClosed }, ticketing.CommandNote, "ciao", "cannot_answer"}, {"ciao", func(c *ticketing.Case) { c.Ticket.MergedInto = 9 }, ticketing.CommandNote, "ciao", "cannot_answer"},
		{"ciao", func(c *ticketing.Case) { c.Ticket = nil }, ticketing.CommandNote, "ciao", "cannot_answer"}, {"ciao", func(c *ticketing.Case) { c.Ticket.State = ticketing.StateResolved }, ticketing.CommandAnswer, "ciao", ""},
		// rule 9: guards
		{"@Luca guarda", func(c *ticketing.Case) { c.Heard.Act.MentionFirst, c.Heard.Act.Mentions = true, true }, ticketing.CommandNote, "@Luca guarda", "guard_mention"},
		{"chiedo a @Luca", func(c *ticketing.Case) { c.Heard.Act.Mentions = true }, ticketing.CommandNote, "chiedo a @Luca", "guard_mention"},
		{"ciao", func(c *ticketing.Case) { c.Collision = "Luca" }, ticketing.CommandNote, "ciao", "guard_collision"},
		{"", nil, ticketing.CommandNote, "", "guard_empty"}, {">>", nil, ticketing.CommandNote, ">>", "guard_empty"}, {"", func(c *ticketing.Case) { c.Files = []ticketing.FileRef{{}} }, ticketing.CommandAnswer, "", ""},
		{"!invia @Luca le scrive", func(c *ticketing.Case) { c.Heard.Act.Mentions = true }, ticketing.CommandAnswer, "@Luca le scrive", ""},
		// rule 3
		{"ciao", func(c *ticketing.Case) { c.Heard.Act.IsAgent = false }, ticketing.CommandNote, "ciao", "agents_only"}, {"!risolto", func(c *ticketing.Case) { c.Heard.Act.IsAgent = false }, ticketing.CommandNote, "!risolto", "agents_only"},
		// rule 2
		{"ciao", func(c *ticketing.Case) { c.Heard.Act.Bot = true }, ticketing.CommandIgnore, "", ""},
		// outside the threads of tickets
		{"!risolto", func(c *ticketing.Case) { c.Thread, c.Ticket = nil, nil }, ticketing.CommandIgnore, "", ""},
	} {
		cmd := obeyed(acted(ticketing.Act{Verb: ticketing.VerbSay, Text: row.text}, row.change))
		if cmd.Name != row.want || cmd.Text != row.words || cmd.Hint != row.hint {
			t.Errorf("%q: %s %q hint %q, want %s %q hint %q", row.text, cmd.Name, cmd.Text, cmd.Hint, row.want, row.words, row.hint)
		}
		if cmd.Agent == "" || cmd.Message == "" {
			t.Errorf("%q: the command does not say who and where", row.text)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"rislto": "!risolto", "Risoltto": "!risolto", "clam": "!claim", "prend": "!prendo", "xyzzyplugh": "", "sovle": "!solve", strings.Repeat("a", 500): ""} {
		if got := nearest(word); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

// TestEdit: an edited message is judged again, and nothing that was kept back is sent by an edit.
func TestEdit(t *testing.T) {
	for _, row := range []struct {
		text   string
		change func(c *ticketing.Case)
		want   ticketing.CommandName
		words  string
		reason ticketing.Reason
		hint   string
	}{
		{"meglio così", nil, ticketing.CommandEdit, "meglio così", "", ""},
		{">> meglio così", nil, ticketing.CommandEdit, "meglio così", "", ""},
		{"// tra noi", nil, ticketing.CommandCancel, "tra noi", "", ""},
		{"tra noi :lock:", nil, ticketing.CommandCancel, "tra noi", "", ""},
		{"!nota tra noi", nil, ticketing.CommandCancel, "tra noi", "", ""},
		{"!risolto Fatto", nil, ticketing.CommandEdit, "Fatto", ticketing.ReasonSolved, ""},
		{"!invia Fatto", nil, ticketing.CommandEdit, "Fatto", "", ""},
		{"!risolto", nil, ticketing.CommandResolve, "", ticketing.ReasonSolved, ""},
		{"!prendo", nil, ticketing.CommandClaim, "", "", ""},
		{"!rislto Fatto", nil, ticketing.CommandCancel, "!rislto Fatto", "", "unknown_command"},
		{"@Luca", func(c *ticketing.Case) { c.Heard.Act.Mentions = true }, ticketing.CommandCancel, "@Luca", "", "guard_mention"},
		{"", nil, ticketing.CommandCancel, "", "", "guard_empty"},
		{"", func(c *ticketing.Case) { c.Files = []ticketing.FileRef{{}} }, ticketing.CommandEdit, "", "", ""},
		{"x", func(c *ticketing.Case) { c.Heard.Act.IsAgent = false }, ticketing.CommandIgnore, "", "", ""},
		{"x", func(c *ticketing.Case) { c.Thread = nil }, ticketing.CommandIgnore, "", "", ""},
	} {
		cmd := obeyed(acted(ticketing.Act{Verb: ticketing.VerbEdit, Text: row.text}, row.change))
		if cmd.Name != row.want || cmd.Text != row.words || cmd.Reason != row.reason || cmd.Hint != row.hint {
			t.Errorf("%q: %s %q %q hint %q, want %s %q %q hint %q", row.text, cmd.Name, cmd.Text, cmd.Reason, cmd.Hint, row.want, row.words, row.reason, row.hint)
		}
	}
}

// TestPressAndReact: buttons, reactions and deletions, by agents and by others.
func TestPressAndReact(t *testing.T) {
	root, reply := ticketing.Ref("slack:T1/C1/1.0"), ticketing.Ref("slack:T1/C1/2.0")
	for _, row := range []struct {
		act   ticketing.Act
		agent ticketing.CommandName
		other ticketing.CommandName
	}{
		{ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.claim"}, ticketing.CommandClaim, ticketing.CommandHint},
		{ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.resolve"}, ticketing.CommandResolve, ticketing.CommandHint},
		{ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.reopen"}, ticketing.CommandReopen, ticketing.CommandHint},
		{ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.pending"}, ticketing.CommandPending, ticketing.CommandHint},
		{ticketing.Act{Verb: ticketing.VerbPress, Action: "ticket.close"}, ticketing.CommandClose, ticketing.CommandHint},
		{ticketing.Act{Verb: ticketing.VerbPress, Action: "held.take"}, ticketing.CommandTake, ticketing.CommandHint},
		{ticketing.Act{Verb: ticketing.VerbPress, Action: "join.release"}, ticketing.CommandRelease, ticketing.CommandHint},
		{ticketing.Act{Verb: ticketing.VerbPress, Action: "join.new_ticket"}, ticketing.CommandAside, ticketing.CommandHint},
		{ticketing.Act{Verb: ticketing.VerbPress, Action: "join.discard"}, ticketing.CommandDiscard, ticketing.CommandHint},
		{ticketing.Act{Verb: ticketing.VerbPress, Action: "nobody.knows"}, ticketing.CommandIgnore, ticketing.CommandHint},
		{ticketing.Act{Verb: ticketing.VerbReact, Emoji: "eyes", Target: root}, ticketing.CommandClaim, ticketing.CommandIgnore},
		{ticketing.Act{Verb: ticketing.VerbReact, Emoji: "eyes", Target: reply}, ticketing.CommandIgnore, ticketing.CommandIgnore},
		{ticketing.Act{Verb: ticketing.VerbReact, Emoji: "white_check_mark", Target: root}, ticketing.CommandResolve, ticketing.CommandIgnore},
		{ticketing.Act{Verb: ticketing.VerbReact, Emoji: "white_check_mark", Target: reply}, ticketing.CommandIgnore, ticketing.CommandIgnore},
		{ticketing.Act{Verb: ticketing.VerbReact, Emoji: "lock", Target: reply}, ticketing.CommandCancel, ticketing.CommandIgnore},
		{ticketing.Act{Verb: ticketing.VerbReact, Emoji: "lock", Target: root}, ticketing.CommandIgnore, ticketing.CommandIgnore},
		{ticketing.Act{Verb: ticketing.VerbReact, Emoji: "tada", Target: root}, ticketing.CommandIgnore, ticketing.CommandIgnore},
		{ticketing.Act{Verb: ticketing.VerbUnreact, Emoji: "eyes", Target: root}, ticketing.CommandIgnore, ticketing.CommandIgnore},
		{ticketing.Act{Verb: ticketing.VerbDelete, Target: reply}, ticketing.CommandCancel, ticketing.CommandIgnore},
		{ticketing.Act{Verb: ticketing.VerbMember}, ticketing.CommandIgnore, ticketing.CommandIgnore},
		{ticketing.Act{Verb: ticketing.VerbOther}, ticketing.CommandIgnore, ticketing.CommandIgnore},
	} {
		if cmd := obeyed(acted(row.act, nil)); cmd.Name != row.agent {
			t.Errorf("%+v by an agent: %s, want %s", row.act, cmd.Name, row.agent)
		}
		cmd := obeyed(acted(row.act, func(c *ticketing.Case) { c.Heard.Act.IsAgent = false }))
		if cmd.Name != row.other {
			t.Errorf("%+v by somebody else: %s, want %s", row.act, cmd.Name, row.other)
		}
	}
	// Slack does not always say who deleted a message: the letter is stopped all the same.
	cmd := obeyed(acted(ticketing.Act{Verb: ticketing.VerbDelete}, func(c *ticketing.Case) { c.Heard.Act.IsAgent, c.Heard.Act.Actor = false, ticketing.Party{} }))
	if cmd.Name != ticketing.CommandCancel {
		t.Errorf("a deletion by nobody in particular: %s", cmd.Name)
	}
}

// FuzzCommand: what begins like a command or a note is never an answer to the customer unless it is one of the two commands that send.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{"!prendo", "!risolto Fatto", "!rislto", "!!!", "! importante", "// x", "nota: y", "z :lock:", ">> w", "!\u212aiudi", ":loc\u212a: x", "!invia", "🔒", "\xff!x", "!\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, verb := range []ticketing.Verb{ticketing.VerbSay, ticketing.VerbEdit} {
			cmd := obeyed(acted(ticketing.Act{Verb: verb, Text: text}, nil))
			trimmed := strings.TrimSpace(text)
			word, _, command := bang(trimmed)
			_, marked := noteMark(trimmed)
			sends := cmd.Name == ticketing.CommandAnswer || cmd.Name == ticketing.CommandEdit
			if command && sends && bangs[fold(word)] != ticketing.CommandAnswer && bangs[fold(word)] != ticketing.CommandResolve {
				t.Errorf("%s %q would be mailed", verb, text)
			}
			if marked && !command && sends {
				t.Errorf("%s: the note %q would be mailed", verb, text)
			}
			if !strings.Contains(text, cmd.Text) || utf8.ValidString(text) && !utf8.ValidString(cmd.Text) {
				t.Errorf("%s %q: words %q were not in it", verb, text, cmd.Text)
			}
		}
	})
}

// TestWanted: only an agent's !kb with words, written or corrected, makes the knowledge base be asked before the transaction.
func TestWanted(t *testing.T) {
	for text, want := range map[string]string{"!kb la stampante": "la stampante", " !ARTICOLO carta ": "carta", "!kb 1": "", "!kb": "", "!kb cambiare-carta": "cambiare-carta", "!kb e-mail non parte": "e-mail non parte", "kb stampante": "", "!nota !kb x": ""} {
		got, ok := wanted(&ticketing.Act{Verb: ticketing.VerbSay, IsAgent: true, Text: text})
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", text, got, ok, want)
		}
	}
	for name, a := range map[string]*ticketing.Act{"nobody": nil, "a guest": {Verb: ticketing.VerbSay, Text: "!kb x"},
		"a bot": {Verb: ticketing.VerbSay, IsAgent: true, Bot: true, Text: "!kb x"}} {
		if _, ok := wanted(a); ok {
			t.Errorf("%s asks", name)
		}
	}
	if words, ok := wanted(&ticketing.Act{Verb: ticketing.VerbEdit, IsAgent: true, Text: "!kb stampante"}); !ok || words != "stampante" {
		t.Errorf("a corrected command asks for %q, %v", words, ok)
	}
}
