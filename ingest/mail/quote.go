package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"
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
// stays visible (Q7); so does one at the very top of a mail that is no reply. cutAt is the line our reply marker
// was found on, or -1.
func splitQuote(lines []textLine, subject subjectKind) (visible, elided string, cutAt int) {
	q := &quoter{lines: lines, kind: make([]lineKind, len(lines)), forward: subject == subjectForward, reply: subject == subjectReply}
	q.classify()
	cutAt = q.decide()
	return q.join(false), q.join(true), cutAt
}

// SplitQuote divides plain text into the new words and the rest, as the reader
// does for the text of a mail with this subject.
func SplitQuote(text, subject string) (visible, elided string) {
	_, kind := trimSubject(subject)
	visible, elided, _ = splitQuote(unmarkedLines(text), kind)
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
	// introduced marks quoted lines that an attribution or a container
	// announces; a lone ">" line without is the writer's own (Q4).
	introduced []bool
	marker     int
}

func (q *quoter) classify() {
	n := len(q.lines)
	q.elide, q.introduced, q.marker = make([]bool, n), make([]bool, n), -1
	forwarded := -1
	for i := 0; i < n; i++ {
		s := q.lines[i].text
		switch {
		case isBlankLine(s):
			q.kind[i] = kindBlank
			continue
		case q.isMarker(i):
			q.marker = i
			for j := i; j < n; j++ {
				q.setQuote(j)
			}
			return
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
		if q.isOriginalRule(i) || q.isHeaderBlock(i) {
			if q.forward || !q.reply && !q.textBefore(i) {
				forwarded = i
				break
			}
			q.quoteTail(i)
			return
		}
		if last, dated := q.attribution(i); last >= i {
			next := q.nextFilled(last + 1)
			quotedNext := next < n && (isQuoted(q.lines[next].text) || q.lines[next].hint&hintQuote != 0)
			switch {
			case quotedNext:
				for j := i; j <= last; j++ {
					q.setQuote(j)
				}
				for j := next; j < n && (isQuoted(q.lines[j].text) || isBlankLine(q.lines[j].text)); j++ {
					q.introduced[j] = true
				}
				i = last
				continue
			case dated && q.textBefore(i):
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
			q.kind[i] = kindSignature
		}
	}
	if forwarded >= 0 {
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
	for k := i; k < j; k++ {
		q.setQuote(k)
	}
	return j - 1
}

// wrapped gives back to a quotation the line ends that a sending program broke
// off: an unmarked line that goes on in lower case after a long quoted line
// without a full stop, before another quoted line.
func (q *quoter) wrapped() {
	for i := 1; i+1 < len(q.lines); i++ {
		prev, s := strings.TrimRight(q.lines[i-1].text, " "), q.lines[i].text
		if q.kind[i] != kindText || q.kind[i-1] != kindQuote || q.kind[i+1] != kindQuote || !q.introduced[i-1] || !isQuoted(prev) {
			continue
		}
		r, _ := utf8.DecodeRuneInString(s)
		if utf8.RuneCountInString(prev) >= 66 && len(s) < 66 && unicode.IsLower(r) && !strings.ContainsAny(prev[len(prev)-1:], ".?!:;") {
			q.setQuote(i)
		}
	}
}

func (q *quoter) nextFilled(i int) int {
	for i < len(q.lines) && isBlankLine(q.lines[i].text) {
		i++
	}
	return i
}

// decide chooses what is elided.
func (q *quoter) decide() int {
	n := len(q.lines)
	q.signatures()
	// Q4: a lone quoted line without introduction amid text is the writer's.
	for i := 0; i < n; i++ {
		if q.kind[i] != kindQuote {
			continue
		}
		j := i
		lone, introduced := 0, false
		for ; j < n && (q.kind[j] == kindQuote || q.kind[j] == kindBlank); j++ {
			if q.kind[j] == kindQuote {
				lone++
				introduced = introduced || q.introduced[j]
			}
		}
		if lone == 1 && !introduced && q.textBefore(i) && q.textAfter(j) {
			q.kind[i] = kindText
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
	for i := range n {
		switch q.kind[i] {
		case kindQuote:
			q.elide[i] = changes <= 1 || i > lastText
		case kindSignature:
			q.elide[i] = true
		}
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
	return q.marker
}

func (q *quoter) textBefore(i int) bool {
	for i--; i >= 0; i-- {
		if q.kind[i] == kindText {
			return true
		}
	}
	return false
}

func (q *quoter) textAfter(i int) bool {
	for ; i < len(q.lines); i++ {
		if q.kind[i] == kindText {
			return true
		}
	}
	return false
}

// signatures marks signatures, device lines and footers at the end of each
// stretch of unquoted lines (Q10–Q12).
func (q *quoter) signatures() {
	n := len(q.lines)
	for start := 0; start < n; {
		if q.kind[start] == kindQuote {
			start++
			continue
		}
		end := start
		for end < n && q.kind[end] != kindQuote {
			end++
		}
		q.signature(start, end)
		start = end
	}
}

func (q *quoter) signature(start, end int) {
	mark := func(from, to int) {
		for i := from; i < to; i++ {
			if q.kind[i] == kindText {
				q.kind[i] = kindSignature
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
	// Q10: the earliest separator from which at most 15 lines remain.
	for i := start; i < end; i++ {
		s := strings.TrimRight(q.lines[i].text, "\r")
		if s != "--" && s != "-- " && strings.TrimRight(s, " \u00a0") != "--" {
			continue
		}
		if filled(i, end) <= maxSignatureLines+1 {
			mark(i, end)
			end = i
			break
		}
		// A footer after the signature does not count towards its length.
		if f := q.footer(i+1, end); f >= 0 && filled(i, f) <= maxSignatureLines+1 {
			mark(i, end)
			end = i
			break
		}
	}
	if i := q.listFooter(start, end); i >= 0 {
		mark(i, end)
		end = i
	}
	for changed := true; changed; {
		changed = false
		last := end - 1
		for last >= start && (q.kind[last] == kindBlank || q.kind[last] == kindSignature) {
			last--
		}
		if last < start {
			return
		}
		if isDeviceLine(q.lines[last].text) {
			mark(last, last+1)
			changed = true
			continue
		}
		// Q12: the last paragraph.
		first := last
		for first > start && !isBlankLine(q.lines[first-1].text) {
			first--
		}
		if isFooter(q.lines[first].text) {
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
		if isFooter(q.lines[i].text) {
			return i
		}
	}
	return -1
}

// join writes the lines that are elided, or those that are not, without blank
// lines at either end (Q16).
func (q *quoter) join(elided bool) string {
	var b strings.Builder
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

func isForwardMarker(s string) bool {
	if len(s) > 200 || len(s) < 10 {
		return false
	}
	dashed := strings.Contains(s, "--")
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
			continue
		}
		found := map[string]bool{}
		seen := 0
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
			}
		}
		if len(found) >= 2 {
			return true
		}
	}
	return false
}

// headerLabel returns what stands before the colon of a quoted header line.
func headerLabel(s string) string {
	s = strings.TrimLeft(s, " \t\u00a0>*_|")
	if len(s) > 2000 {
		return ""
	}
	i := strings.IndexAny(s, ":：")
	if i <= 0 || i > 40 {
		return ""
	}
	return strings.ToLower(strings.Trim(s[:i], " \t\u00a0*_"))
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

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
				if prev == ' ' || prev == '>' || prev == ')' || prev == ',' {
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
		return true, true
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
	for _, v := range middleVerbs {
		i := strings.Index(core, v)
		if i <= 0 || !hasDate(core[:i]) || !startsWithDate(core) && !beginsAttribution(core) {
			continue
		}
		if rest := core[i+len(v):]; strings.Contains(rest, "@") || len(strings.Fields(rest)) <= 6 {
			return true, true
		}
	}
	return false, false
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
	return full && len(words[0]) >= 8 && len(words) <= 10 && (address && strings.HasSuffix(core, ">") || len(words) > 2 && strings.HasPrefix(words[2], "gmt"))
}

func cutColon(s string) (core string, colon bool) {
	s = strings.TrimRight(s, " *_>")
	t := strings.TrimRight(s, ":：")
	return strings.TrimRight(t, " \u00a0"), len(t) != len(s)
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

func isDeviceLine(s string) bool {
	low := strings.ToLower(strings.Trim(s, " \t\u00a0*_<>[]-—"))
	if low == "" || len(low) > 160 || len(strings.Fields(low)) > 12 {
		return false
	}
	for _, b := range deviceBegins {
		if strings.HasPrefix(low, b) && !strings.HasSuffix(low, "?") {
			return true
		}
	}
	for _, e := range deviceEnds {
		if strings.HasPrefix(low, e.begin) && strings.HasSuffix(strings.TrimRight(low, ". "), e.end) {
			return true
		}
	}
	return false
}

func isFooter(s string) bool {
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

// subjectKind is what the outermost prefix of a subject says.
type subjectKind uint8

const (
	subjectPlain subjectKind = iota
	subjectReply
	subjectForward
)

// TrimSubject removes reply and forward prefixes of mail.md 8.4 with their
// counters, repeatedly. forward reports whether the outermost was a forward's.
func TrimSubject(s string) (base string, forward bool) {
	base, kind := trimSubject(s)
	return base, kind == subjectForward
}

func trimSubject(s string) (base string, kind subjectKind) {
	s = strings.TrimSpace(s)
	for first := true; ; first = false {
		i := strings.IndexAny(s, ":：")
		if i <= 0 || i > 20 {
			return s, kind
		}
		label := strings.ToLower(strings.TrimSpace(s[:i]))
		if j := strings.IndexAny(label, "[("); j > 0 && strings.Trim(label[j:], "[]() 0123456789") == "" {
			label = strings.TrimSpace(label[:j])
		}
		forward := contains(forwardPrefixes, label)
		if !forward && !contains(replyPrefixes, label) {
			return s, kind
		}
		if first {
			kind = subjectReply
			if forward {
				kind = subjectForward
			}
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		s = strings.TrimSpace(s[i+n:])
	}
}
