package mail

import (
	"strings"
	"unicode/utf8"
)

// attribution looks for an introduction that begins at line i (Q5, 8.1). It
// returns its last line, or -1, and whether it names a date.
func (q *quoter) attribution(i int) (last int, dated bool) {
	if !q.mayIntroduce(i) {
		return -1, false
	}
	first := normal(q.lines[i].text)
	if first == "" || utf8.RuneCountInString(first) > maxAttributionChars {
		return -1, false
	}
	if raw := strings.TrimSpace(q.lines[i].text); strings.HasPrefix(raw, "--") && strings.HasSuffix(raw, "--") {
		// "---- NAME wrote ----": the dashes are the colon, and nobody writes so by hand.
		if ok, _ := isAttribution(first+":", true); ok {
			return i, true
		}
	}
	begins := beginsAttribution(first)
	joined := first
	if ok, dated := isAttribution(joined, true); ok {
		return i, dated
	}
	// What a line of plain words begins is no introduction even if the next
	// line ends one.
	if !begins && !startsWithDate(first) && !strings.Contains(first, "@") && !shortBeginning(first) {
		return -1, false
	}
	for j, n := i+1, 1; j < len(q.lines) && n < maxAttributionLines; j++ {
		raw := q.lines[j].text
		if isBlankLine(raw) {
			// Some programs set the address apart: name, empty line, "<", address.
			next := q.nextFilled(j)
			if !begins || next >= len(q.lines) || !strings.HasPrefix(strings.TrimSpace(q.lines[next].text), "<") || strings.HasSuffix(joined, ":") {
				break
			}
			j = next - 1 // each blank line of many is looked at once
			continue
		}
		n++
		s := normal(raw)
		if beginsAttribution(s) && (!begins || leadingWord(s) == leadingWord(first)) {
			break
		}
		joined += " " + s
		if len(joined) > 2*maxAttributionChars {
			break
		}
		if ok, dated := isAttribution(joined, false); ok {
			return j, dated
		}
	}
	return -1, false
}

// mayIntroduce spares prose the work: every introduction ends with a colon,
// holds an address, or stands between dashes.
func (q *quoter) mayIntroduce(i int) bool {
	for j, n := i, 0; j < len(q.lines) && n < maxAttributionLines+1; j++ {
		s := q.lines[j].text
		if s == "" {
			continue
		}
		n++
		if strings.IndexByte(s, '@') >= 0 || strings.HasPrefix(strings.TrimLeft(s, " "), "--") || hasDate(s) {
			return true
		}
		if t := strings.TrimRight(s, " \t*_>\u00a0"); strings.HasSuffix(t, ":") || strings.HasSuffix(t, "：") {
			return true
		}
	}
	return false
}

func leadingWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

// shortBeginning reports lines such as "Il giorno" or "On Mon," that wrap
// before the date.
func shortBeginning(s string) bool {
	if len(s) >= 40 {
		return false
	}
	for _, shape := range attributionShapes {
		for _, b := range shape.begin {
			if strings.HasPrefix(s, b) || s == b[:len(b)-1] {
				return true
			}
		}
	}
	return false
}

func normal(s string) string {
	s = strings.Trim(s, " \t\u00a0>*_|")
	if strings.HasPrefix(s, "--") {
		s = strings.Trim(s, "- ")
	}
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}

func beginsAttribution(s string) bool {
	for _, shape := range attributionShapes {
		for _, b := range shape.begin {
			if strings.HasPrefix(s, b) && hasDate(s) {
				return true
			}
		}
	}
	return false
}

// isAttribution judges one joined line in lower case.
func isAttribution(s string, single bool) (ok, dated bool) {
	core, colon := cutColon(s)
	if core == "" {
		return false, false
	}
	dated = hasDate(core)
	for _, shape := range attributionShapes {
		verb := ""
		for _, e := range shape.end {
			if strings.HasSuffix(core, e) && len(core) > len(e) {
				prev, _ := utf8.DecodeLastRuneInString(core[:len(core)-len(e)])
				// Chinese and Korean write no blanks between words.
				if first, _ := utf8.DecodeRuneInString(e); first >= 0x2E80 || prev == ' ' || prev == '>' || prev == ')' || prev == ',' {
					verb = e
					break
				}
			}
		}
		for _, b := range shape.begin {
			if !strings.HasPrefix(core, b) {
				continue
			}
			if verb != "" && (colon || dated && len(core) > 20) && dated {
				return true, true
			}
			if len(shape.end) == 0 && colon && dated && strings.Contains(core, " in data ") {
				return true, true
			}
		}
		if verb == "" || !colon {
			continue
		}
		// NAME wrote: · DATE, NAME wrote:
		if dated && (startsWithDate(core) || strings.Contains(core, "@")) {
			return true, true
		}
		if single || strings.Contains(core, "@") {
			if len(strings.Fields(core)) <= 8 {
				return true, false
			}
		}
	}
	if ok := isDatedSender(core, colon); ok {
		// Without a colon it may be a line of a log: it takes marked lines below.
		return true, colon || strings.Contains(core, " gmt")
	}
	if !colon {
		return false, false
	}
	for _, m := range attributionMiddles {
		if i := strings.Index(core, m); i > 0 && hasDate(core[i:]) && len(strings.Fields(core[:i])) <= 6 {
			return true, true
		}
	}
	// On DATE wrote NAME:
	if startsWithDate(core) || beginsAttribution(core) {
		for _, v := range middleVerbs {
			if rest, ok := afterDate(core, v); ok && (strings.Contains(rest, "@") || len(strings.Fields(rest)) <= 6) {
				return true, true
			}
		}
		for _, v := range addressedVerbs {
			if rest, ok := afterDate(core, v); ok && strings.Contains(rest, "@") {
				return true, true
			}
		}
	}
	// Whatever the language: a date and an address in brackets before a colon. Without a verb that we know it takes marked lines below.
	if dated && single && (strings.Contains(core, "@") && strings.ContainsAny(core, "<(")) {
		return true, false
	}
	return false, false
}

// afterDate returns what follows a verb that a date precedes.
func afterDate(core, verb string) (rest string, ok bool) {
	i := strings.Index(core, verb)
	if i <= 0 || !hasDate(core[:i]) {
		return "", false
	}
	return core[i+len(verb):], true
}

// isDatedSender recognises introductions without a verb: DATE, NAME <address>:
// and the numeric 2016-03-03 17:21 GMT+01:00 NAME.
func isDatedSender(core string, colon bool) bool {
	if len(core) > 200 || !startsWithDate(core) || !hasDate(core) {
		return false
	}
	words := strings.Fields(core)
	if len(words) < 2 {
		return false
	}
	address := strings.Contains(words[len(words)-1], "@")
	for _, shape := range attributionShapes {
		for _, b := range shape.begin {
			if strings.HasPrefix(core, b) {
				return false
			}
		}
	}
	if colon && address {
		return true
	}
	full := strings.Count(words[0], "-") == 2 || strings.Count(words[0], "/") == 2
	return full && len(words[0]) >= 8 && len(words) <= 10 && (address && strings.HasPrefix(words[len(words)-1], "<") || len(words) > 2 && strings.HasPrefix(words[2], "gmt"))
}

func cutColon(s string) (core string, colon bool) {
	s = strings.TrimRight(s, " *_>")
	t := strings.TrimRight(s, ":：")
	return strings.TrimRight(t, " \u00a0\u202f"), len(t) != len(s)
}

// hasDate reports a year, a clock time or a numeric date.
func hasDate(s string) bool {
	digits := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] >= '0' && s[i] <= '9' {
			digits++
			continue
		}
		if digits == 4 && i >= 4 && (s[i-4] == '1' || s[i-4] == '2') {
			return true
		}
		if (digits == 1 || digits == 2) && i+1 < len(s) && strings.IndexByte(":./-", s[i]) >= 0 && s[i+1] >= '0' && s[i+1] <= '9' {
			return true
		}
		digits = 0
	}
	return false
}

func startsWithDate(s string) bool {
	n := 0
	for w := range strings.FieldsSeq(s) {
		if n++; n > 3 {
			return false
		}
		if w[0] >= '0' && w[0] <= '9' {
			return hasDate(s)
		}
	}
	return false
}
