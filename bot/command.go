package bot

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

// obey turns what somebody did in the agents' channel into a command (slack.md 7.4: first rule that fits).
func obey(c *ticketing.Case) ticketing.Decision {
	a := c.Heard.Act
	cmd := command(c, a)
	cmd.Agent = a.Actor.Key
	if cmd.Message == "" {
		cmd.Message = a.Target
	}
	d := ticketing.Decision{Do: ticketing.DoAct, Outcome: ticketing.OutcomeNote, Code: "act." + string(cmd.Name), Command: cmd}
	switch cmd.Name {
	case ticketing.CommandIgnore:
		d.Outcome = ticketing.OutcomeAutomatic
	case ticketing.CommandAnswer:
		d.Outcome = ticketing.OutcomeReply
	}
	if c.Thread != nil {
		d.Rule = string(c.Rule)
	}
	return d
}

func ignore() *ticketing.Command { return &ticketing.Command{Name: ticketing.CommandIgnore} }

func command(c *ticketing.Case, a *ticketing.Act) *ticketing.Command {
	if a.Bot {
		return ignore()
	}
	switch a.Verb {
	case ticketing.VerbSay:
		if c.Thread == nil {
			// Talk among agents outside the threads of tickets.
			return ignore()
		}
		return say(c, a)
	case ticketing.VerbEdit:
		if c.Thread == nil || !a.IsAgent {
			return ignore()
		}
		return edit(c, a)
	case ticketing.VerbDelete:
		if c.Thread == nil || !a.IsAgent && a.Actor.Key != "" {
			return ignore()
		}
		return &ticketing.Command{Name: ticketing.CommandCancel}
	case ticketing.VerbReact:
		if c.Thread == nil || !a.IsAgent {
			return ignore()
		}
		return reaction(a)
	case ticketing.VerbPress:
		if !a.IsAgent {
			return &ticketing.Command{Name: ticketing.CommandHint, Hint: "agents_only"}
		}
		return press(a)
	}
	return ignore()
}

// say judges a message in a ticket's thread.
func say(c *ticketing.Case, a *ticketing.Act) *ticketing.Command {
	text := strings.TrimSpace(a.Text)
	note := &ticketing.Command{Name: ticketing.CommandNote, Text: text}
	if !a.IsAgent {
		note.Hint = "agents_only"
		return note
	}
	if word, rest, ok := bang(text); ok {
		if cmd := banged(word, rest); cmd != nil {
			if cmd.Hint == "send_what" && len(c.Files) > 0 {
				return &ticketing.Command{Name: ticketing.CommandAnswer}
			}
			return cmd
		}
		note.Hint, note.Args = "unknown_command", unknown(word)
		return note
	}
	if stripped, ok := noteMark(text); ok {
		note.Text = stripped
		return note
	}
	forced := false
	if strings.HasPrefix(text, ">>") {
		text, forced = strings.TrimSpace(strings.TrimPrefix(text, ">>")), true
	}
	if c.Queue.RepliesInternal && !forced {
		// Where notes are the rule a sign on each of them would say nothing.
		note.Plain = true
		return note
	}
	if c.Ticket == nil || c.Ticket.State == ticketing.StateClosed || c.Ticket.MergedInto != 0 {
		note.Hint = "cannot_answer"
		return note
	}
	if why := guard(c, a, text); why != "" {
		note.Hint = why
		return note
	}
	return &ticketing.Command{Name: ticketing.CommandAnswer, Text: text}
}

// edit judges the new words of a message by the same rules: a reply may become a note or a command by an edit, a note never a reply.
func edit(c *ticketing.Case, a *ticketing.Act) *ticketing.Command {
	text := strings.TrimSpace(a.Text)
	if word, rest, ok := bang(text); ok {
		return editedBang(word, rest, text)
	}
	if stripped, ok := noteMark(text); ok {
		return &ticketing.Command{Name: ticketing.CommandCancel, Text: stripped}
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, ">>"))
	if why := guard(c, a, text); why != "" {
		return &ticketing.Command{Name: ticketing.CommandCancel, Text: text, Hint: why}
	}
	return &ticketing.Command{Name: ticketing.CommandEdit, Text: text}
}

// editedBang: a command with words for the customer changes the words, any other takes them back.
func editedBang(word, rest, text string) *ticketing.Command {
	cmd := banged(word, rest)
	switch {
	case cmd == nil:
		return &ticketing.Command{Name: ticketing.CommandCancel, Text: text, Hint: "unknown_command", Args: unknown(word)}
	case cmd.Name == ticketing.CommandNote:
		return &ticketing.Command{Name: ticketing.CommandCancel, Text: rest}
	case rest != "" && (cmd.Name == ticketing.CommandAnswer || cmd.Name == ticketing.CommandResolve):
		return &ticketing.Command{Name: ticketing.CommandEdit, Text: rest, Reason: cmd.Reason, Ask: cmd.Ask}
	}
	return cmd
}

func unknown(word string) map[string]string {
	return map[string]string{"word": "!" + word, "meant": nearest(word)}
}

// reaction: on the root card eyes claim and the check mark resolves.
func reaction(a *ticketing.Act) *ticketing.Command {
	root := a.Root == "" || a.Target == a.Root
	switch a.Emoji {
	case "eyes":
		if root {
			return &ticketing.Command{Name: ticketing.CommandClaim}
		}
	case "white_check_mark":
		if root {
			return &ticketing.Command{Name: ticketing.CommandResolve, Reason: ticketing.ReasonSolved}
		}
	case "lock":
		if !root {
			return &ticketing.Command{Name: ticketing.CommandCancel}
		}
	}
	return ignore()
}

// presses are the buttons of the cards.
var presses = map[string]ticketing.CommandName{
	"ticket.claim": ticketing.CommandClaim, "ticket.resolve": ticketing.CommandResolve, "ticket.reopen": ticketing.CommandReopen,
	"ticket.pending": ticketing.CommandPending, "ticket.close": ticketing.CommandClose,
	"article.send": ticketing.CommandArticle, "article.link": ticketing.CommandLink,
	"held.take": ticketing.CommandTake, "loop.resume": ticketing.CommandResume, "join.release": ticketing.CommandRelease, "join.new_ticket": ticketing.CommandAside,
	"join.discard": ticketing.CommandDiscard,
}

func press(a *ticketing.Act) *ticketing.Command {
	name, ok := presses[a.Action]
	if !ok {
		return ignore()
	}
	cmd := &ticketing.Command{Name: name}
	switch name {
	case ticketing.CommandResolve:
		cmd.Reason = ticketing.ReasonSolved
	case ticketing.CommandArticle, ticketing.CommandLink:
		// The value names the thread and the article.
		_, cmd.Target, _ = strings.Cut(a.Value, " ")
	}
	return cmd
}

// bang splits "!word rest". Only an exclamation mark directly before a letter is a command: "!!!" and "! importante" are text.
func bang(text string) (word, rest string, ok bool) {
	if len(text) < 2 || text[0] != '!' {
		return "", "", false
	}
	body := text[1:]
	if first, _ := utf8.DecodeRuneInString(body); !unicode.IsLetter(first) {
		return "", "", false
	}
	end := strings.IndexFunc(body, unicode.IsSpace)
	if end < 0 {
		return body, "", true
	}
	return body[:end], strings.TrimSpace(body[end:]), true
}

// bangs are the words of slack.md 7.12 that the desk knows, in both languages, folded.
var bangs = map[string]ticketing.CommandName{
	"prendo": ticketing.CommandClaim, "claim": ticketing.CommandClaim,
	"attesa": ticketing.CommandPending, "pending": ticketing.CommandPending,
	"risolto": ticketing.CommandResolve, "solve": ticketing.CommandResolve, "solved": ticketing.CommandResolve,
	"riapri": ticketing.CommandReopen, "reopen": ticketing.CommandReopen,
	"chiudi": ticketing.CommandClose, "close": ticketing.CommandClose,
	"nota": ticketing.CommandNote, "note": ticketing.CommandNote,
	"invia": ticketing.CommandAnswer, "send": ticketing.CommandAnswer,
	"cc":       ticketing.CommandCc,
	"priorita": ticketing.CommandPriority, "priority": ticketing.CommandPriority,
	"kb": ticketing.CommandFind, "articolo": ticketing.CommandFind, "article": ticketing.CommandFind,
	"aiuto": ticketing.CommandHint, "help": ticketing.CommandHint,
}

func banged(word, rest string) *ticketing.Command {
	name, ok := bangs[fold(word)]
	if !ok {
		return nil
	}
	cmd := &ticketing.Command{Name: name}
	switch name {
	case ticketing.CommandResolve:
		cmd.Reason, cmd.Target, cmd.Text = reason(rest)
	case ticketing.CommandNote:
		cmd.Text = rest
	case ticketing.CommandAnswer:
		cmd.Text = rest
		if rest == "" {
			return &ticketing.Command{Name: ticketing.CommandHint, Hint: "send_what"}
		}
	case ticketing.CommandClaim, ticketing.CommandReopen, ticketing.CommandClose:
		cmd.Text = rest // stays inside, as a note
	case ticketing.CommandPending:
		if rest != "" {
			// The customer is asked in the agent's own words, and the ticket waits when they have left.
			return &ticketing.Command{Name: ticketing.CommandAnswer, Text: rest, Ask: true}
		}
	case ticketing.CommandCc:
		if cmd.Target = rest; rest == "" {
			return &ticketing.Command{Name: ticketing.CommandHint, Hint: "cc_what"}
		}
	case ticketing.CommandPriority:
		level, ok := priorities[fold(rest)]
		if !ok {
			return &ticketing.Command{Name: ticketing.CommandHint, Hint: "priority_what"}
		}
		cmd.Target = level
	case ticketing.CommandFind:
		return article(rest)
	case ticketing.CommandHint:
		cmd.Hint = "help"
	}
	return cmd
}

// priorities by their names in both languages, folded.
var priorities = map[string]string{
	"normale": "normal", "normal": "normal", "bassa": "normal", "low": "normal", "alta": "high", "alto": "high", "high": "high", "urgente": "urgent", "urgent": "urgent",
}

// maxListed is the highest number that !kb understands as a place in the list shown last.
const maxListed = 9

// article reads what stands behind !kb: a place in the list shown last or an article's name, perhaps with words for the customer, is sent;
// "none" says that no article answers; anything else is searched for.
func article(rest string) *ticketing.Command {
	first, words, _ := strings.Cut(rest, " ")
	words = strings.TrimSpace(words)
	switch n, err := strconv.Atoi(strings.Trim(first, "#.)")); {
	case rest == "":
		return &ticketing.Command{Name: ticketing.CommandHint, Hint: "kb_what"}
	case words == "" && (fold(first) == "nessuno" || fold(first) == "none"):
		return &ticketing.Command{Name: ticketing.CommandLink, Target: ticketing.AnswerNone}
	case err == nil && n >= 1 && n <= maxListed && (words == "" || first == strconv.Itoa(n)+"." || first == "#"+strconv.Itoa(n)):
		return &ticketing.Command{Name: ticketing.CommandArticle, Target: strconv.Itoa(n), Text: words}
	case slugLike.MatchString(first):
		return &ticketing.Command{Name: ticketing.CommandArticle, Target: first, Text: words}
	}
	return &ticketing.Command{Name: ticketing.CommandFind, Text: rest}
}

// slugLike is an article's name as its page's address ends: "it/fattura-scartata", or "fattura-scartata" alone.
var slugLike = regexp.MustCompile(`^(?:[a-z]{2,3}/[a-z0-9-]+|[a-z0-9]+(?:-[a-z0-9]+)+)$`)

// wanted is what an agent's message asks the knowledge base for.
func wanted(a *ticketing.Act) (string, bool) {
	if a == nil || a.Verb != ticketing.VerbSay && a.Verb != ticketing.VerbEdit || !a.IsAgent || a.Bot {
		return "", false
	}
	word, rest, ok := bang(strings.TrimSpace(a.Text))
	if !ok || bangs[fold(word)] != ticketing.CommandFind {
		return "", false
	}
	switch cmd := article(rest); {
	case cmd.Name == ticketing.CommandFind:
		return cmd.Text, true
	case cmd.Name == ticketing.CommandArticle && slugLike.MatchString(cmd.Target):
		return rest, true // "e-mail" is made like an article's name and is none
	}
	return "", false
}

// nearest is the known command most like a mistyped one, "" if none is near (at most two changed letters).
func nearest(word string) string {
	best, at := "", 3
	for known := range bangs {
		if n := distance(fold(word), known); n < at || n == at && best != "" && known < best {
			best, at = known, n
		}
	}
	if best == "" {
		return ""
	}
	return "!" + best
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 32 || len(y) > 32 {
		return 32
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(y)]
}

// duplicateOf reads "duplicato di #12", "duplicate of 12" and their shorter forms.
var duplicateOf = regexp.MustCompile(`(?i)^(?:duplicato|duplicate)(?:\s+(?:di|del|of))?\s+#?(\d{1,15})[.!]?$`)

// reason reads what stands behind the command that resolves: why, and otherwise words for the customer.
func reason(rest string) (why ticketing.Reason, other, text string) {
	if m := duplicateOf.FindStringSubmatch(rest); m != nil {
		return ticketing.ReasonDuplicate, m[1], ""
	}
	switch fold(rest) {
	case "altro", "other":
		return ticketing.ReasonOther, "", ""
	}
	return ticketing.ReasonSolved, "", rest
}
