package mail

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

// Bounds of mail.md section 8.
const (
	maxAttributionLines = 4   // Q5
	maxAttributionChars = 500 // Q5
	maxHeaderBlockLines = 8   // Q6
	maxSignatureLines   = 15  // Q10
	minRuleUnderscores  = 20  // 8.3
)

// splitQuote divides lines into what is new and the rest (mail.md section 8).
// Every line that is not blank is in exactly one of the two, in its order (Q1).
// Under the subject of a forward a header block begins forwarded text, which
// stays visible (Q7); so does one in a mail that answers nothing, neither by its subject nor, as threaded says, by its header, unless
// it has every field that mail programs write: a form that somebody filled in has some of them too. The rules say what was decided and at which line.
func splitQuote(lines []textLine, subject subjectKind, threaded bool) (visible, elided string, rules []ticketing.Rule) {
	q := &quoter{lines: lines, kind: make([]lineKind, len(lines)), forward: subject == subjectForward, reply: subject == subjectReply, threaded: threaded, forwarded: len(lines)}
	q.classify()
	q.decide()
	visible, elided = q.join(false), q.join(true)
	if visible == "" && elided != "" {
		q.note("Q15", ruleNothingNew, -1)
	}
	return visible, elided, q.rules
}

// note keeps a decision once, with the line (counted from 1) it was first taken at.
func (q *quoter) note(number string, code ruleCode, line int) {
	for i := range q.rules {
		if q.rules[i].Code == string(code) {
			return
		}
	}
	r := ticketing.Rule{Number: number, Code: string(code)}
	if line >= 0 {
		r.Args = map[string]string{"line": strconv.Itoa(line + 1)}
	}
	q.rules = append(q.rules, r)
}

// SplitQuote divides plain text into the new words and the rest, as the reader
// does for the text of a mail with this subject.
func SplitQuote(text, subject string) (visible, elided string) {
	_, kind := trimSubject(subject)
	visible, elided, _ = splitQuote(unmarkedLines(text), kind.decide(func() string { return text }), false)
	return visible, elided
}

func unmarkedLines(text string) []textLine {
	lines := make([]textLine, 0, strings.Count(text, "\n")+1)
	for l := range strings.SplitSeq(text, "\n") {
		lines = append(lines, textLine{text: l})
	}
	return lines
}

type lineKind uint8

const (
	kindText lineKind = iota
	kindBlank
	kindQuote     // quoted, or introduces what is
	kindSignature // signature, device line, footer
)

type quoter struct {
	lines   []textLine
	kind    []lineKind
	elide   []bool
	forward bool
	reply   bool
	// threaded: the header names a mail that this one answers.
	threaded bool
	// forwarded is the first line of forwarded text, or the number of lines.
	forwarded int
	// introduced marks quoted lines that an attribution or a container
	// announces; a lone ">" line without is the writer's own (Q4).
	introduced []bool
	rules      []ticketing.Rule
	left       int  // lines of words that are left
	answers    bool // something is quoted
	first      int  // no line above it is text
}

func (q *quoter) classify() {
	n := len(q.lines)
	q.elide, q.introduced = make([]bool, n), make([]bool, n)
	forwarded := -1
	signedTo, short := 0, false
	for i := 0; i < n; i++ {
		s := q.lines[i].text
		if q.lines[i].hint&hintQuote != 0 && isQuoted(s) && isForwardMarker(s) && (i == 0 || q.lines[i-1].hint&hintQuote == 0) {
			// Apple sets a forwarded mail in the same container as an answered one; its first line tells them apart.
			forwarded = i
			break
		}
		switch {
		case isBlankLine(s):
			q.kind[i] = kindBlank
			continue
		case q.isMarker(i):
			q.note("Q14", ruleReplyMarker, i)
			for j := i; j < n; j++ {
				q.setQuote(j)
			}
			return
		case q.lines[i].hint&hintOwn != 0:
			q.note("Q4", ruleOwnQuotation, i)
			continue
		case q.lines[i].hint&hintBare != 0 && isQuoted(s) && (i == 0 || q.lines[i-1].hint&hintBare == 0) && !q.opensBare(i):
			// Somebody set words apart; a mail program would have said whose they are.
			q.note("Q4", ruleOwnQuotation, i)
			for i+1 < n && q.lines[i+1].hint&hintBare != 0 {
				i++
				if isBlankLine(q.lines[i].text) {
					q.kind[i] = kindBlank
				}
			}
			continue
		case isQuoted(s):
			q.kind[i] = kindQuote
			// An attribution may itself be quoted in forwarded chains; that
			// changes nothing here.
			continue
		}
		if isForwardMarker(s) {
			// All that follows is forwarded text, except for a reply marker.
			forwarded = i
			break
		}
		if q.lines[i].hint&hintQuote != 0 {
			i = q.container(i)
			if i < 0 {
				return
			}
			continue
		}
		original := q.isOriginalRule(i)
		if original || q.isHeaderBlock(i) || q.lines[i].hint&hintBorder != 0 && q.isLabelledBlock(i) {
			if q.forward || !q.reply && (!q.textBefore(i) || !q.threaded && !original && !q.isWholeBlock(i)) {
				forwarded = i
				break
			}
			if original {
				q.note("Q3", ruleOriginalRule, i)
			} else {
				q.note("Q6", ruleHeaderBlock, i)
			}
			q.quoteTail(i)
			return
		}
		if last, dated := q.attribution(i); last >= i {
			next := q.nextFilled(last + 1)
			quotedNext := next < n && (isQuoted(q.lines[next].text) || isBarred(q.lines[next].text) || q.lines[next].hint&hintQuote != 0)
			switch {
			case quotedNext:
				q.note("Q5", ruleAttribution, i)
				for j := i; j <= last; j++ {
					q.setQuote(j)
				}
				for j := next; j < n && (isQuoted(q.lines[j].text) || isBlankLine(q.lines[j].text)); j++ {
					q.introduced[j] = true
				}
				for j := next; j < n && isBarred(q.lines[j].text); j++ {
					q.setQuote(j)
				}
				i = last
				continue
			case dated && !q.opensUnmarked(i, last):
			case dated && q.textBefore(i):
				q.note("Q5", ruleAttribution, i)
				q.quoteTail(i)
				return
			case dated:
				// Nothing stands above and no line below is marked: the words
				// may be new (Q2).
				for j := i; j <= last; j++ {
					q.setQuote(j)
				}
				i = last
				continue
			}
		}
		if q.lines[i].hint&hintSignature != 0 {
			if i >= signedTo {
				signedTo, short = q.signatureContainer(i)
			}
			if short {
				q.note("Q10", ruleSignature, i)
				q.kind[i] = kindSignature
			}
		}
	}
	if forwarded >= 0 {
		q.forwarded = forwarded
		q.note("Q7", ruleForwardedText, forwarded)
		for j := forwarded; j < n; j++ {
			q.kind[j] = kindText
			if isBlankLine(q.lines[j].text) {
				q.kind[j] = kindBlank
			}
		}
		return
	}
	q.wrapped()
}

func (q *quoter) setQuote(i int) {
	if isBlankLine(q.lines[i].text) {
		q.kind[i] = kindBlank
	} else {
		q.kind[i] = kindQuote
	}
	q.introduced[i] = true
}

// opensBare reports whether an unmarked quotation of HTML that begins at line i is a mail's: a header stands on its top or an introduction above it, or
// the mail is an answer and no colon above it says that the writer set words apart.
func (q *quoter) opensBare(i int) bool {
	if (q.reply || q.threaded) && !q.colonBefore(i) {
		return true
	}
	if q.isHeaderBlock(i) || q.isOriginalRule(i) || isForwardMarker(q.lines[i].text) || q.introducedBefore(i) {
		return true
	}
	ok, _ := isAttribution(normal(q.lines[i].text), true)
	return ok
}

// colonBefore reports whether the last words above line i end with a colon.
func (q *quoter) colonBefore(i int) bool {
	for i--; i >= 0; i-- {
		if s := strings.Trim(q.lines[i].text, " \t\u00a0>"); s != "" {
			return strings.HasSuffix(s, ":")
		}
	}
	return false
}

// quoteTail marks everything from i on as quoted, and the rule above it.
func (q *quoter) quoteTail(i int) {
	for j := i; j < len(q.lines); j++ {
		q.setQuote(j)
	}
	for j := i - 1; j >= 0 && j >= i-3; j-- {
		s := q.lines[j].text
		if isBlankLine(s) {
			continue
		}
		if isRule(s) {
			q.setQuote(j)
		}
		return
	}
}

// container marks the lines of a quote container that begins at i. It returns
// the last line of it, or -1 when the rest is forwarded text.
func (q *quoter) container(i int) int {
	n := len(q.lines)
	j := i
	for j < n && (q.lines[j].hint&hintQuote != 0 || isBlankLine(q.lines[j].text) || isQuoted(q.lines[j].text)) {
		j++
	}
	if q.forward && (q.isHeaderBlock(i) || q.isOriginalRule(i)) {
		return -1
	}
	for k := i; k < j; k++ {
		if isForwardMarker(q.lines[k].text) {
			if k == q.nextFilled(i) {
				return -1
			}
			break
		}
	}
	q.note("Q3", ruleContainer, i)
	quoted := false
	for k := i; k < j; k++ {
		quoted = quoted || isQuoted(q.lines[k].text)
		if quoted && q.lines[k].hint&hintLoose != 0 && !isQuoted(q.lines[k].text) && !isBlankLine(q.lines[k].text) {
			// Gmail quotes within its container; what stands between its quotations is an answer.
			continue
		}
		q.setQuote(k)
	}
	return j - 1
}

// wrapped gives back to a quotation the line ends that a sending program broke
// off: an unmarked line that goes on in lower case after a long quoted line
// without a full stop, before another quoted line; the second half of a link;
// and a link that was set on a line of its own.
func (q *quoter) wrapped() {
	texts := q.texts()
	for i := 1; i+1 < len(q.lines); i++ {
		prev, s := strings.TrimRight(q.lines[i-1].text, " "), q.lines[i].text
		if q.kind[i] != kindText || q.kind[i-1] != kindQuote || q.kind[i+1] != kindQuote || !q.introduced[i-1] || !isQuoted(prev) {
			continue
		}
		if texts <= 1 {
			return // the only words that are new, perhaps
		}
		if isLoneLink(s) || endsInLink(prev) && closesLink(s) {
			q.setQuote(i)
			texts--
			continue
		}
		r, _ := utf8.DecodeRuneInString(s)
		if utf8.RuneCountInString(prev) >= 66 && len(s) < 66 && unicode.IsLower(r) && !strings.ContainsAny(prev[len(prev)-1:], ".?!:;") {
			q.setQuote(i)
			texts--
		}
	}
}

// texts counts the lines that are words of the writer.
func (q *quoter) texts() (n int) {
	for _, k := range q.kind {
		if k == kindText {
			n++
		}
	}
	return n
}

func (q *quoter) nextFilled(i int) int {
	for i < len(q.lines) && isBlankLine(q.lines[i].text) {
		i++
	}
	return i
}

// decide chooses what is elided.
func (q *quoter) decide() {
	n := len(q.lines)
	q.signatures()
	// Q4: a lone quoted line that nothing introduces is the writer's: programs quote with an attribution, people set a command or a
	// name apart.
	last := n - 1
	for last >= 0 && q.kind[last] != kindText {
		last--
	}
	above := false // an introduced quotation stands above
	for i := 0; i < n; i++ {
		if q.kind[i] != kindQuote {
			continue
		}
		j := i
		marked, introduced := 0, false
		for ; j < n && (q.kind[j] == kindQuote || q.kind[j] == kindBlank); j++ {
			if q.kind[j] == kindQuote {
				marked++
				introduced = introduced || q.introduced[j]
			}
		}
		before, after := q.textBefore(i), last >= j
		switch {
		case introduced:
			above = true
		case above:
			// The program marks what is quoted; one line of it between answers is quoted too (Q8).
		case marked == 1 && before == after:
			q.note("Q4", ruleLoneLine, i)
			q.kind[i] = kindText
		case !before && after:
			// What stands above an answer without an introduction may be the writer's own (Q2); Q9 asks for the attribution.
			q.note("Q9", ruleNoAttribution, i)
			for k := i; k < j; k++ {
				if q.kind[k] == kindQuote {
					q.kind[k] = kindText
				}
			}
		}
		i = j - 1
	}
	// Changes from a quotation to words of the writer (Q8).
	changes, lastText, seenQuote, firstText := 0, -1, false, -1
	for i := range n {
		switch q.kind[i] {
		case kindQuote:
			seenQuote = true
		case kindText:
			if seenQuote {
				changes++
				seenQuote = false
			}
			lastText = i
			if firstText < 0 {
				firstText = i
			}
		}
	}
	if changes == 0 && q.announcesAnswers() {
		// The answers stand within the quotation, told apart by a colour that plain text does not show.
		q.note("Q8", ruleInlineAnswers, lastText)
		return
	}
	for i := range n {
		switch q.kind[i] {
		case kindQuote:
			q.elide[i] = changes <= 1 || i > lastText
		case kindSignature:
			q.elide[i] = true
		}
	}
	switch {
	case changes > 1:
		q.note("Q8", ruleInlineAnswers, lastText)
	case changes == 1:
		q.note("Q9", ruleAnswerBelow, lastText)
	}
	if changes > 1 {
		// Q8 hides nothing above the last words, but for what follows a
		// signature mark.
		for i := range lastText {
			if q.kind[i] == kindSignature {
				q.elide[i] = false
			}
		}
	}
}

// maxAnnouncement is how many lines the words are in which somebody says that he answers below.
const maxAnnouncement = 6

// announcesAnswers reports short words that say that the answers stand below, within what is quoted.
func (q *quoter) announcesAnswers() bool {
	filled, announced := 0, false
	for i := range q.lines {
		if q.kind[i] != kindText {
			continue
		}
		if filled++; filled > maxAnnouncement {
			return false
		}
		low := strings.ToLower(q.lines[i].text)
		for _, p := range answerPhrases {
			announced = announced || len(low) < 300 && strings.Contains(low, p)
		}
	}
	return announced
}

// textBefore is asked for rising i, and no line above one asked for becomes text later, so that all questions together read each line once.
func (q *quoter) textBefore(i int) bool {
	for q.first < i && q.kind[q.first] != kindText {
		q.first++
	}
	return q.first < i
}

// join writes the lines that are elided, or those that are not, without blank
// lines at either end (Q16).
func (q *quoter) join(elided bool) string {
	size := 0
	for i := range q.lines {
		if q.elide[i] == elided {
			size += len(q.lines[i].text) + 1
		}
	}
	var b strings.Builder
	b.Grow(size)
	blank := false
	for i := range q.lines {
		if q.kind[i] == kindBlank || isBlankLine(q.lines[i].text) {
			blank = blank || b.Len() > 0
			continue
		}
		if q.elide[i] != elided {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
			if blank {
				b.WriteByte('\n')
			}
		}
		blank = false
		b.WriteString(q.lines[i].text)
	}
	return b.String()
}

// isLoneLink reports a line that is nothing but a link in brackets, perhaps with the quote mark on its wrong side.
func isLoneLink(s string) bool {
	s = strings.Trim(s, " \t>")
	return len(s) > 9 && len(s) < maxLinkTarget && (s[0] == '(' && s[len(s)-1] == ')' || s[0] == '<') &&
		(strings.HasPrefix(s[1:], "http://") || strings.HasPrefix(s[1:], "https://")) && !strings.ContainsAny(s, " \t")
}

// endsInLink reports a line whose last word is a link that a bracket opened and none has closed.
func endsInLink(s string) bool {
	last := s[strings.LastIndexByte(s, ' ')+1:]
	return len(last) > 8 && (strings.HasPrefix(last[1:], "http://") || strings.HasPrefix(last[1:], "https://")) &&
		(last[0] == '(' && !strings.Contains(last, ")") || last[0] == '<' && !strings.Contains(last, ">"))
}

// closesLink reports a single word that closes a bracket it did not open.
func closesLink(s string) bool {
	s = strings.TrimSpace(s)
	return len(s) > 1 && len(s) < maxLinkTarget && !strings.ContainsAny(s, " \t(<") && (s[len(s)-1] == ')' || s[len(s)-1] == '>')
}
