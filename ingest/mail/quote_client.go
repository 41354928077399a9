package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a mail program writes between the date and the verb of an introduction.
const (
	maxNameWords  = 5 // of a name without an address
	maxNamedWords = 8 // of a name with its address: departments and companies are long
)

// opensUnmarked reports whether the introduction in lines i to last is one that a mail program wrote, so that all below is quoted although
// no line of it is marked. A program names the whole date and then nobody but a person: every other word is a sentence's ("On 12 March I
// unpacked the lamp you sent"), and what follows a sentence is the customer's (Q2).
func (q *quoter) opensUnmarked(i, last int) bool {
	joined := strings.TrimSpace(q.lines[i].text)
	for j := i + 1; j <= last; j++ {
		joined += " " + strings.TrimSpace(q.lines[j].text)
	}
	if strings.HasPrefix(joined, "--") {
		return true // judged by its dashes
	}
	core, colon := cutColon(strings.Trim(joined, " \t\u00a0>*_|"))
	if !colon && strings.Contains(strings.ToLower(core), " gmt") {
		// 2016-03-03 17:21 GMT+01:00 NAME
		return q.reply
	}
	if !hasWholeDate(core) {
		return false
	}
	name, addressed := personOf(core)
	switch {
	case !isName(name, addressed):
		return false
	case !colon:
		return q.reply && addressed && strings.Contains(core, "<") && strings.Contains(core, ":")
	case addressed:
		return true
	}
	return q.reply && (i == 0 || isBlankLine(q.lines[i-1].text) || isRule(q.lines[i-1].text) || q.kind[i-1] == kindQuote)
}

// hasWholeDate reports a year, or day, month and year in figures; "On 3 March" and "At 10:30" are how people speak.
func hasWholeDate(s string) bool {
	for w := range strings.FieldsSeq(s) {
		w = strings.Trim(w, ",.;()[]<>")
		figures, marks := 0, 0
		for i := 0; i < len(w); i++ {
			switch {
			case w[i] >= '0' && w[i] <= '9':
				figures++
			case strings.IndexByte("./-", w[i]) >= 0:
				marks++
			}
		}
		if marks == 2 && figures >= 4 && figures <= 8 {
			return true
		}
		if i := strings.IndexFunc(w, unicode.IsDigit); i == 0 && figures >= 4 && (w[0] == '1' || w[0] == '2') {
			return true
		}
	}
	return false
}

// personOf returns the words of an introduction that are neither its verb nor its date nor an address, in their own spelling.
func personOf(core string) (name []string, addressed bool) {
	low := strings.ToLower(core)
	verb := ""
	for _, shape := range attributionShapes {
		for _, e := range shape.end {
			if len(e) > len(verb) && strings.Contains(low, e) {
				verb = e
			}
		}
	}
	if i := strings.LastIndex(low, verb); verb != "" && i >= 0 && len(low) == len(core) {
		core = core[:i] + " " + core[i+len(verb):]
	}
	for w := range strings.FieldsSeq(core) {
		bare := strings.Trim(w, ",.;:()[]<>\"'“”„«»‘’*_")
		switch {
		case strings.Contains(w, "@"):
			addressed = true
		case bare == "" || strings.IndexFunc(bare, unicode.IsDigit) >= 0:
		case dateWords[strings.ToLower(bare)] || monthNames[strings.ToLower(bare)] != 0:
		default:
			name = append(name, bare)
		}
	}
	return name, addressed
}

// isName reports whether words can be a person's, a department's or a company's name.
func isName(words []string, addressed bool) bool {
	most := maxNameWords
	if addressed {
		most = maxNamedWords
	}
	if len(words) > most || len(words) == 0 && !addressed {
		return false
	}
	lower := 0
	for _, w := range words {
		low := strings.ToLower(w)
		if sentenceWords[low] {
			return false
		}
		if r, _ := utf8.DecodeRuneInString(w); unicode.IsLower(r) && !nameParticles[low] {
			lower++
		}
	}
	// Names are written small now and then, and programs leave the words for days and months of languages that are unknown here.
	return lower <= 3 || addressed && lower <= 6
}
