package mail

import (
	"strings"
	"unicode"
)

func isBlankLine(s string) bool {
	for _, r := range s {
		if !unicode.IsSpace(r) && r != '\u200b' && r != '\ufeff' {
			return false
		}
	}
	return true
}

// isQuoted recognises quoted lines (Q4). A ">" that opens a comparison or an
// arrow is still a quotation; "From" with the ">" of mbox files is not.
func isQuoted(s string) bool {
	s = strings.TrimLeft(s, " \t\u00a0")
	return strings.HasPrefix(s, ">") && !strings.HasPrefix(s, ">From ")
}

// isBarred recognises the bars that some programs draw before quoted lines; an introduction above has to say that they are no table.
func isBarred(s string) bool { return strings.HasPrefix(s, "|") }

// isRule recognises a line of dashes, underscores or equals signs.
func isRule(s string) bool {
	s = strings.TrimSpace(s)
	if len(s) < 3 {
		return false
	}
	for _, r := range s {
		if r != '_' && r != '-' && r != '=' && r != '—' && r != '–' && r != '*' && r != ' ' {
			return false
		}
	}
	return true
}

// bare strips what surrounds a marker: quote signs, dashes, stars, blanks.
func bare(s string) string {
	return strings.Trim(s, " \t\u00a0>*_-—–=#|:")
}

// isMarker looks for our reply marker at line i, also wrapped onto the next.
func (q *quoter) isMarker(i int) bool {
	s := q.lines[i].text
	if len(s) > 400 || len(s) < 5 {
		return false
	}
	b := bare(s)
	for _, m := range replyMarkers {
		if len(b) >= len(m) && strings.EqualFold(b[:len(m)], m) && (len(b) == len(m) || strings.ContainsAny(s[:min(8, len(s))], "-—–#>*")) {
			return true
		}
		if len(b) >= 5 && len(b) < len(m) && strings.EqualFold(b, m[:len(b)]) && i+1 < len(q.lines) {
			if joined := b + " " + bare(q.lines[i+1].text); strings.EqualFold(joined, m) {
				return true
			}
		}
	}
	return false
}

// maxBareMarker is longer than any forward marker without dashes, quote marks and stars around it included.
const maxBareMarker = 64

func isForwardMarker(s string) bool {
	if len(s) > 200 || len(s) < 10 {
		return false
	}
	dashed := strings.Contains(s, "--")
	if !dashed && len(s) > maxBareMarker {
		return false
	}
	b := strings.ToLower(bare(s))
	for _, m := range forwardMarkers {
		if b == m || dashed && strings.HasPrefix(b, m) {
			return true
		}
	}
	return false
}

// isOriginalRule recognises 8.3: dashes around the words, or a long run of
// underscores directly above a header block.
func (q *quoter) isOriginalRule(i int) bool {
	s := strings.TrimSpace(q.lines[i].text)
	if len(s) < 8 || len(s) > 200 {
		return false
	}
	if strings.Trim(s, "_") == "" && len(s) >= minRuleUnderscores {
		next := q.nextFilled(i + 1)
		return next < len(q.lines) && q.isHeaderBlock(next)
	}
	low := strings.ToLower(bare(s))
	for _, r := range originalRules {
		if low != r {
			continue
		}
		if strings.HasPrefix(s, "--") || strings.HasPrefix(s, "—") || strings.HasPrefix(s, "__") || strings.HasPrefix(s, "==") {
			return true
		}
		next := q.nextFilled(i + 1)
		return next < len(q.lines) && q.isHeaderBlock(next)
	}
	return false
}

// isHeaderBlock recognises Q6 at line i.
func (q *quoter) isHeaderBlock(i int) bool {
	from := headerLabel(q.lines[i].text)
	if from == "" {
		return false
	}
	for _, b := range headerBlocks {
		if !contains(b.from, from) {
			if contains(b.rest, from) && q.isUnorderedBlock(i, &b) {
				return true
			}
			continue
		}
		found := map[string]bool{}
		seen, named, addressed := 0, false, strings.Contains(q.lines[i].text, "@")
		for j := i + 1; j < len(q.lines) && seen < maxHeaderBlockLines; j++ {
			if isBlankLine(q.lines[j].text) {
				// Some programs set an empty line between the fields.
				if j > i+1 && isBlankLine(q.lines[j-1].text) {
					break
				}
				continue
			}
			seen++
			if l := headerLabel(q.lines[j].text); l != "" && contains(b.rest, l) {
				found[l] = true
				named = named || subjectLabels[l]
			} else if seen == 1 {
				addressed = addressed || strings.Contains(q.lines[j].text, "@")
			}
		}
		// "From: Milan, To: Rome, Date: …" is the form of a journey as well: without an address it takes all four labels.
		if len(found) >= 2 && addressed || len(found) >= 3 && named {
			return true
		}
	}
	return false
}

// isWholeBlock reports a header block with date, recipient and subject.
func (q *quoter) isWholeBlock(i int) bool {
	date, to, subject := false, false, false
	for j, seen := i+1, 0; j < len(q.lines) && seen < maxHeaderBlockLines; j++ {
		if isBlankLine(q.lines[j].text) {
			continue
		}
		seen++
		l := headerLabel(q.lines[j].text)
		date, to, subject = date || dateLabels[l], to || recipientLabels[l], subject || subjectLabels[l]
	}
	return date && to && subject
}

// isLabelledBlock recognises, below Outlook's rule, a block whose language is not among headerBlocks: at least four lines in a row of a short
// label and a value, an address or a date among them.
func (q *quoter) isLabelledBlock(i int) bool {
	labels, sure := 0, false
	for ; i < len(q.lines) && labels < maxHeaderBlockLines; i++ {
		l := headerLabel(q.lines[i].text)
		if l == "" || len(strings.Fields(l)) > 3 {
			break
		}
		labels++
		sure = sure || strings.Contains(q.lines[i].text, "@") || hasDate(q.lines[i].text)
	}
	return labels >= 4 && sure
}

// isUnorderedBlock recognises the blocks of web mail that begin with the date or the recipient: at least four labelled lines in a row,
// the sender's with an address among them.
func (q *quoter) isUnorderedBlock(i int, b *headerLabels) bool {
	found, sender := map[string]bool{}, false
	for j := i; j < len(q.lines) && j < i+maxHeaderBlockLines; j++ {
		l := headerLabel(q.lines[j].text)
		switch {
		case l == "":
			return false
		case contains(b.from, l):
			sender = strings.Contains(q.lines[j].text, "@")
		case contains(b.rest, l):
			found[l] = true
		default:
			return false
		}
		if sender && len(found) >= 3 {
			return true
		}
	}
	return false
}

// headerLabel returns what stands before the colon of a quoted header line.
func headerLabel(s string) string {
	s = strings.TrimLeft(s, " \t\u00a0\u202f>*_|")
	if len(s) > 2000 {
		return ""
	}
	i := strings.IndexAny(s, ":：")
	if i <= 0 || i > 40 {
		return ""
	}
	return strings.ToLower(strings.Trim(s[:i], " \t\u00a0\u202f\u2007*_"))
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// maxDeviceWords is how many words name a device or a program, links not counted.
const maxDeviceWords = 6

// isDeviceLine recognises Q11. "Sent via courier on Monday" begins as such lines do: what follows must be short and a device's or a program's name, and
// where ordinary sentences begin so, or figures follow, one that is known.
func isDeviceLine(s string) bool {
	low := strings.ToLower(strings.Trim(s, " \t\u00a0*_<>[]-—"))
	if low == "" || len(low) > 300 || strings.ContainsAny(low, "?!") {
		return false
	}
	low = strings.TrimRight(low, ". ")
	for _, b := range deviceBegins {
		if rest, ok := strings.CutPrefix(low, b); ok && isDevice(rest, plainDeviceBegins[b]) {
			return true
		}
	}
	for _, e := range deviceEnds {
		if rest, ok := strings.CutPrefix(low, e.begin); ok {
			if rest, ok = strings.CutSuffix(rest, e.end); ok && (rest == "" || isDevice(rest, e.begin != "von ")) {
				return true
			}
		}
	}
	return false
}

func isDevice(s string, plain bool) bool {
	count, known, figures := 0, strings.Contains(s, "://"), false
	for w := range strings.FieldsFuncSeq(s, func(c rune) bool { return strings.ContainsRune(" \t\u00a0()<>[]'’,", c) }) {
		if strings.Contains(w, "://") {
			continue
		}
		count++
		if sentenceWords[w] && !deviceNames[w] && !deviceFillers[w] {
			return false
		}
		known = known || deviceNames[strings.Trim(w, ".:;-®™")]
		figures = figures || w[0] >= '0' && w[0] <= '9'
	}
	return count <= maxDeviceWords && (known || plain && !figures && count > 0)
}

// isFooter recognises Q12 in lines from to to: they begin as a footer does and speak of what footers speak of, more than once; a question about
// a footer is none.
func (q *quoter) isFooter(from, to int) bool {
	if !beginsFooter(q.lines[from].text) {
		return false
	}
	legal := 0
	for i := from; i < to && i < from+maxSignatureLines; i++ {
		low := strings.ToLower(q.lines[i].text)
		if len(low) > 4000 {
			low = low[:4000]
		}
		if strings.Contains(low, "?") {
			return false
		}
		for _, w := range footerWords {
			legal += strings.Count(low, w)
		}
	}
	return legal >= 2
}

func beginsFooter(s string) bool {
	low := strings.ToLower(strings.TrimLeft(s, " \t\u00a0*_-—"))
	if len(low) > 400 {
		low = low[:400]
	}
	low = strings.ReplaceAll(low, "’", "'")
	for _, p := range footerPhrases {
		if strings.HasPrefix(low, p) {
			return true
		}
	}
	return false
}
