package mail

import "strings"

// signatures marks signatures, device lines and footers at the end of each
// stretch of unquoted lines (Q10–Q12).
func (q *quoter) signatures() {
	n := len(q.lines)
	q.left = q.texts()
	for _, k := range q.kind {
		q.answers = q.answers || k == kindQuote
	}
	for start := 0; start < n; {
		if q.kind[start] == kindQuote {
			start++
			continue
		}
		end := start
		for end < n && q.kind[end] != kindQuote && end != q.forwarded {
			end++
		}
		if end > start {
			q.signature(start, end)
		}
		if end < n && end == q.forwarded {
			// What is forwarded is not the end of the words above it.
			from := end
			for end < n && q.kind[end] != kindQuote {
				end++
			}
			q.signature(from, end)
		}
		start = end
	}
	if q.left == 0 && !q.answers {
		q.showContainers()
	}
}

// showContainers gives back what signature containers hold when there is nothing else to read.
func (q *quoter) showContainers() {
	for i := range q.kind {
		if q.kind[i] == kindSignature && q.lines[i].hint&hintSignature != 0 {
			q.kind[i] = kindText
		}
	}
}

// may reports whether count lines of words can be left out: all of them only below an answer, where the quotation is what there is.
func (q *quoter) may(from, to int) bool {
	count := 0
	for i := from; i < to; i++ {
		if q.kind[i] == kindText {
			count++
		}
	}
	return q.answers || count < q.left
}

func (q *quoter) signature(start, end int) {
	mark := func(from, to int) {
		for i := from; i < to; i++ {
			if q.kind[i] == kindText {
				q.kind[i] = kindSignature
				q.left--
			}
		}
	}
	filled := func(from, to int) (count int) {
		for i := from; i < to; i++ {
			if !isBlankLine(q.lines[i].text) {
				count++
			}
		}
		return count
	}
	// Both counts go along with the separators: many of them cost no more than one.
	left, counted := -1, start
	foot, footLeft := start, -1
	// Q10: the earliest separator from which at most 15 lines remain.
	for i := start; i < end; i++ {
		s := strings.TrimRight(q.lines[i].text, "\r")
		if s != "--" && s != "-- " && strings.TrimRight(s, " \u00a0") != "--" {
			continue
		}
		if left < 0 {
			left, counted = filled(i, end), i
		}
		left, counted = left-filled(counted, i), i
		if left <= maxSignatureLines+1 && q.may(i, end) {
			q.note("Q10", ruleSignature, i)
			mark(i, end)
			end = i
			break
		}
		// A footer after the signature does not count towards its length.
		if foot >= 0 && foot <= i {
			from := foot
			switch foot = q.footer(i+1, end); {
			case foot >= 0 && footLeft < 0:
				footLeft = filled(foot, end)
			case foot >= 0:
				footLeft -= filled(from, foot)
			}
		}
		if foot >= 0 && left-footLeft <= maxSignatureLines+1 && q.may(i, end) {
			q.note("Q10", ruleSignature, i)
			mark(i, end)
			end = i
			break
		}
	}
	if i := q.listFooter(start, end); i >= 0 {
		q.note("Q12", ruleListFooter, i)
		mark(i, end)
		end = i
	}
	last := end - 1
	for changed := true; changed; {
		changed = false
		for last >= start && (q.kind[last] == kindBlank || q.kind[last] == kindSignature) {
			last--
		}
		if last < start {
			return
		}
		if isDeviceLine(q.lines[last].text) && q.may(last, last+1) {
			q.note("Q11", ruleDeviceLine, last)
			mark(last, last+1)
			changed = true
			continue
		}
		// Q12: the last paragraph.
		first := last
		for first > start && !isBlankLine(q.lines[first-1].text) {
			first--
		}
		if q.isFooter(first, last+1) && q.may(first, last+1) {
			q.note("Q12", ruleLegalFooter, first)
			mark(first, last+1)
			changed = true
			continue
		}
		if isRule(q.lines[last].text) && last+1 < end && q.kind[q.nextFilledBefore(last+1, end)] == kindSignature {
			mark(last, last+1)
			changed = true
		}
	}
}

// listFooter finds what list servers add: a rule of underscores, the name of
// the list and at most five lines more.
func (q *quoter) listFooter(start, end int) int {
	filled := 0
	for i := end - 1; i >= start && filled < 7; i-- {
		s := strings.TrimSpace(q.lines[i].text)
		if s == "" {
			continue
		}
		filled++
		if len(s) >= 2 && strings.Trim(s, "_") == "" && i+1 < end && strings.Contains(strings.ToLower(q.lines[i+1].text), "mailing list") {
			return i
		}
	}
	return -1
}

func (q *quoter) nextFilledBefore(i, end int) int {
	for i < end-1 && isBlankLine(q.lines[i].text) {
		i++
	}
	return i
}

func (q *quoter) footer(from, to int) int {
	for i := from; i < to; i++ {
		if beginsFooter(q.lines[i].text) && q.isFooter(i, min(to, i+maxSignatureLines)) {
			return i
		}
	}
	return -1
}

// signatureContainer finds the end of the signature container that begins at line i and whether it has the length of a signature: people write below the
// one that their program has set, and so within its container.
func (q *quoter) signatureContainer(i int) (end int, short bool) {
	filled := 0
	for ; i < len(q.lines) && (q.lines[i].hint&hintSignature != 0 || isBlankLine(q.lines[i].text)); i++ {
		if !isBlankLine(q.lines[i].text) {
			filled++
		}
	}
	return i, filled <= maxSignatureLines+1
}
