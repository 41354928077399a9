package bot

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

// What of an answer is its words, and what a letter's form: greeting, closing, name.

// closings begin the end of a letter.
var closings = []string{"cordiali", "distinti", "saluti", "un saluto", "cordialmente", "best regards", "kind regards", "regards", "sincerely", "yours", "inviato da", "sent from"}

// closingWords may follow the first of a closing in its line.
var closingWords = words("cordiali distinti saluti saluto un cordialmente best kind warm regards sincerely yours faithfully truly inviato da sent from my mio iphone ipad android e grazie thanks")

// answerWords are the folded words of an answer without a name after its greeting, its closing formula and a last line with the sender's name. What stands
// below the closing and is not a signature is part of the answer: people think of something while they sign.
func answerWords(h *ticketing.Heard) []string {
	lines := answerLines(h)
	if n := len(lines) - 1; n > 0 && isSender(lines[n], h.From) {
		lines = lines[:n]
	}
	var out []string
	for i, line := range lines {
		if i == 0 {
			line = greeted(line)
		}
		out = append(out, strings.Fields(signed(line))...)
	}
	return out
}

// signed folds a line and cuts a closing formula with its name off its end.
func signed(line string) string {
	folded := fold(line)
	for _, c := range []string{" cordiali saluti", " distinti saluti", " best regards", " kind regards"} {
		head, tail, ok := strings.Cut(folded, c)
		if !ok {
			continue
		}
		count := len(strings.Fields(tail))
		if list := strings.Fields(line); count == 0 || count <= len(list) && isName(strings.Join(list[len(list)-count:], " ")) {
			return head
		}
	}
	return folded
}

// answerLines are the lines with words of an answer but for its closing and the signature below it.
func answerLines(h *ticketing.Heard) []string {
	var lines []string
	closed := false
	for line := range strings.Lines(h.Visible) {
		line = strings.TrimSpace(line)
		f := fold(line)
		if f == "" {
			continue
		}
		if rest, ok := closing(line, f); ok && len(lines) > 0 {
			closed = true
			if rest == "" || isName(rest) || isSender(rest, h.From) {
				continue
			}
		} else if closed && isSignature(line, h.From) {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

// closing reports a line that begins with a closing formula, and returns what follows it.
func closing(line, folded string) (rest string, ok bool) {
	for _, c := range closings {
		if folded != c && !strings.HasPrefix(folded, c+" ") {
			continue
		}
		list := strings.Fields(line)
		for len(list) > 0 && closingWords[fold(list[0])] {
			list = list[1:]
		}
		return strings.Join(list, " "), true
	}
	return "", false
}

// isSignature: a line below a closing is a name, a number or an address.
func isSignature(line string, from ticketing.Party) bool {
	if isName(line) || isSender(line, from) {
		return true
	}
	list := strings.Fields(line)
	if len(list) > 2*maxNameWords {
		return false
	}
	digits := 0
	for _, r := range line {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	return digits >= 5 || strings.Contains(line, "@") || strings.Contains(line, "www.")
}

// isSender: a line that is the sender's own name, or holds a part of it or of the address beside nothing but capitalised words. A capital letter alone makes no
// name: people set "Partially." in a line of its own.
func isSender(line string, from ticketing.Party) bool {
	list := strings.Fields(line)
	if len(list) > maxNameWords || !isName(line) {
		return false
	}
	local, _, _ := strings.Cut(from.Address, "@")
	known := map[string]bool{}
	for w := range strings.FieldsSeq(fold(from.Name + " " + local)) {
		known[w] = true
	}
	for w := range strings.FieldsSeq(fold(line)) {
		if len(w) >= 3 && known[w] {
			return true
		}
	}
	return false
}

// titles may stand between a greeting and a name.
var titles = words("a al alla tutti signor signora signore sig sigra sra dott dottor dottoressa dr ing avv mr mrs ms team staff assistenza supporto support all everyone there")

// greeted cuts a greeting with a name off: "Buongiorno signora Rossi, ...".
func greeted(line string) string {
	head, rest, comma := strings.Cut(line, ",")
	list := strings.Fields(head)
	if len(list) > maxNameWords || len(list) == 0 || !greetings[fold(list[0])] {
		return line
	}
	var name []string
	for _, w := range list[1:] {
		if !titles[fold(w)] {
			name = append(name, w)
		}
	}
	switch {
	case len(name) > 0 && !isName(strings.Join(name, " ")), len(list) == 1, !comma && strings.ContainsAny(line, ".!;:"):
		return line
	}
	return rest
}

// isName: a line of a few words which all begin with a capital letter and are none of the words that are judged.
func isName(line string) bool {
	list := strings.Fields(line)
	if len(list) == 0 || len(list) > maxNameWords {
		return false
	}
	for _, w := range list {
		first, _ := utf8.DecodeRuneInString(w)
		if !unicode.IsUpper(first) || strings.ContainsAny(w, "0123456789") {
			return false
		}
	}
	f := strings.Fields(fold(line))
	for _, w := range f {
		if notNames[w] || plainWords[w] || thanksWords[w] || assents[w] {
			return false
		}
	}
	_, yes := without(spaced(f), yesPhrases)
	return !yes
}

// notNames are words that people set alone in a line, or in capitals, and that no name is.
var notNames = words("no non niente nulla mai purtroppo ma pero aiuto urgente errore bloccato fermo ancora anzi invece forse not never nope nothing but help urgent error broken still however wait actually unfortunately " +
	"sorry scusate attenzione problema please pero idem")
