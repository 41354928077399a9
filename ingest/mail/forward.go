package mail

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

// Forward is what a forwarded mail says about the mail inside it (mail.md section 7). Whether it counts is for the desk to say: only an
// agent's forward makes somebody else a customer (F1).
type Forward struct {
	Attached  bool       // an attached message/rfc822 (F2), not a block in the text
	From      *Person    // the writer of the mail inside; nil when it abstains
	Name      string     // the writer's name where a name is all there is (F4)
	Subject   string     // of the mail inside, empty if not given
	Date      *time.Time // nil if it is missing or not understood
	MessageID string     // of the mail inside, with angle brackets (F9)
	Comment   string     // the forwarder's words above (F7)
	Text      string     // the writer's text and its division as in Mail
	Visible   string
	Elided    string
	HTML      string
	Files     []File // of an attached mail; a block in the text brings those of the whole
	Abstains  string // why nobody is chosen: a word of F4 and F5, empty if somebody is
}

// Reasons to abstain (F4, F5).
const (
	abstainNameOnly  = "name_only"  // the From line holds no address
	abstainBadSender = "bad_sender" // no single valid address
	abstainOwn       = "own"        // the writer is an address of ours
	abstainSeveral   = "several"    // two forwarded mails side by side, or an attached one beside a block of somebody else's
	abstainMachine   = "machine"    // a program wrote the mail inside: nobody to answer
	abstainUnclear   = "unclear"    // nothing says that the attached mail is what is asked about
)

const (
	// maxForwardDepth keeps the mail inside from being opened further.
	maxForwardDepth = 1
	// maxForwardLine is the longest header line of a block that is read.
	maxForwardLine = 2000
)

// readForward finds the mail inside a forward.
func (m *Mail) readForward(r *Reader, top *entity, subject subjectKind, depth int) {
	if m.Kind != ticketing.KindNormal && m.Kind != ticketing.KindList || depth >= maxForwardDepth {
		return
	}
	if subject == subjectReply {
		// An answer, whatever it quotes and attaches, is the agent's own mail.
		return
	}
	f, block := r.attachedForward(top, depth), inlineForward(m.Text, subject, m.Date)
	switch {
	case f == nil && block == nil:
		return
	case f == nil:
		f = block
	case f.Abstains != "":
	case block != nil && !sameWriter(f, block):
		f.Abstains = abstainSeveral
	case subject != subjectForward && m.Visible != "":
		// The agent may ask something of his own and attach a mail as a proof.
		f.Abstains = abstainUnclear
	}
	if f.Attached {
		f.Comment = m.Visible
	} else {
		f.Comment, _ = SplitQuote(f.Comment, m.Subject)
	}
	switch {
	case f.Abstains != "":
	case f.From == nil || f.From.Parsed.IsZero():
		f.Abstains = abstainBadSender
	case isMachineLocal(f.From.Parsed.Local):
		f.Abstains = abstainMachine
	default:
		if _, _, own := r.Own.match(f.From.Parsed); own || m.From != nil && f.From.Parsed == m.From.Parsed {
			f.Abstains = abstainOwn
		}
	}
	where := "F3"
	if f.Attached {
		where = "F2"
	}
	if f.Abstains != "" {
		f.From = nil
		m.rule("F5", ruleForwardAbstains, "why", f.Abstains)
	} else {
		m.rule(where, ruleForward, "from", f.From.Address)
	}
	m.Forward = f
}

// attachedForward reads the one message attached to the mail.
func (r *Reader) attachedForward(top *entity, depth int) *Forward {
	var inside []*entity
	topParts(top, func(e *entity) {
		if e.isMessage() {
			inside = append(inside, e)
		}
	})
	switch len(inside) {
	case 0:
		return nil
	case 1:
	default:
		return &Forward{Attached: true, Abstains: abstainSeveral}
	}
	raw, _ := inside[0].decode(r.limits().MailSize)
	in := r.read(raw, depth+1)
	f := &Forward{Attached: true, From: in.From, Subject: in.Subject, Date: in.Date, MessageID: in.MessageID, Text: in.Text, Visible: in.Visible, Elided: in.Elided,
		HTML: in.HTML, Files: in.Attachments}
	switch {
	case in.Kind != ticketing.KindNormal && in.Kind != ticketing.KindList:
		f.Abstains = abstainMachine
	case !in.Identity:
		f.Abstains = abstainBadSender
	}
	return f
}

// isMachineLocal reports mailboxes behind which nobody reads answers.
func isMachineLocal(local string) bool { return daemonLocal(local) || noReplyLocal(local) }

func sameWriter(a, b *Forward) bool {
	return a.From != nil && b.From != nil && a.From.Parsed == b.From.Parsed
}

// forwardBlock is a header block in the text of a forward.
type forwardBlock struct {
	first, end int // lines from and to
	from       string
	subject    string
	date       string
	messageID  string
	senders    int // lines that name who wrote the mail
}

// inlineForward reads the one forwarded block of a text: after a forward marker, or under the subject of a forward (F1, F3).
func inlineForward(text string, subject subjectKind, sent *time.Time) *Forward {
	if subject != subjectForward && !mayForward(text) {
		return nil
	}
	q := &quoter{lines: unmarkedLines(text)}
	marker, quoted, several := -1, false, false
	var block *forwardBlock
	for i := range q.lines {
		inQuotation := isQuoted(q.lines[i].text)
		if isForwardMarker(strings.TrimLeft(q.lines[i].text, "> ")) {
			if marker >= 0 {
				break
			}
			if inQuotation && (quoted || q.introducedBefore(i)) {
				// What the agent answers had been forwarded: nobody forwards now.
				continue
			}
			marker = i
			continue
		}
		quoted = quoted || inQuotation
		// Without a forward's subject only the marker says where the mail begins; a block above it is another mail's.
		several = several || marker < 0 && subject != subjectForward && q.isHeaderBlock(i)
		if marker >= 0 || subject == subjectForward {
			if b := q.forwardBlock(i); b != nil {
				block = b
				break
			}
		}
	}
	if block == nil {
		return nil
	}
	above := block.first
	if marker >= 0 && marker < above {
		above = marker
	}
	f := &Forward{Subject: ticketing.CleanName(block.subject), MessageID: messageID(block.messageID), Comment: strings.TrimSpace(textOf(q.lines[:above], 0))}
	zone := time.UTC
	if sent != nil {
		zone = sent.Location()
	}
	if t, ok := parseDateIn(block.date, zone); ok {
		f.Date = &t
	}
	f.Comment = strings.TrimSpace(trimRule(f.Comment))
	depth := quoteDepth(q.lines[block.first].text)
	body := q.lines[block.end:]
	if several || q.labelledAbove(above) {
		f.Abstains = abstainSeveral
		return f
	}
	for _, l := range body {
		// A second marker is a second mail, or a forward inside the forward: who the customer is cannot be told.
		if quoteDepth(l.text) == depth && isForwardMarker(strings.TrimLeft(l.text, "> ")) {
			f.Abstains = abstainSeveral
			return f
		}
	}
	f.Text = strings.Trim(textOf(body, depth), "\n")
	f.Visible, f.Elided = SplitQuote(f.Text, "Re: "+f.Subject)
	people := parseAddresses(block.from).people
	switch named := addressesIn(block.from); {
	case block.senders > 1:
		f.Abstains = abstainBadSender
	case len(named) > 1:
		// "Secretary on behalf of …", or a name that is another address: whose mail it is cannot be told.
		f.Abstains = abstainBadSender
	case len(people) == 1 && !people[0].Parsed.IsZero():
		f.From = &people[0]
	case len(named) == 1:
		// Outlook's text form repeats the address as a link: Maria <maria@c.example<mailto:maria@c.example>>.
		if p := parseAddresses("<" + named[0] + ">").people; len(p) == 1 && !p[0].Parsed.IsZero() {
			name, _, _ := strings.Cut(block.from, "<")
			p[0].Name = ticketing.CleanName(strings.Trim(name, " \"'"))
			f.From = &p[0]
			break
		}
		f.Abstains = abstainBadSender
	case strings.Contains(block.from, "@"):
		f.Abstains = abstainBadSender
	default:
		f.Name, f.Abstains = ticketing.CleanName(block.from), abstainNameOnly
	}
	return f
}

// introducedBefore reports whether the last line with words above line i introduces a quotation.
func (q *quoter) introducedBefore(i int) bool {
	for i--; i >= 0; i-- {
		if !isBlankLine(q.lines[i].text) {
			ok, _ := isAttribution(normal(q.lines[i].text), true)
			return ok
		}
	}
	return false
}

// labelledAbove reports lines of a label and a value that stand together above line end, an address among them: the header of another mail in a
// language that is unknown here, or a form that somebody filled in. Whose the mail below is cannot be told then.
func (q *quoter) labelledAbove(end int) bool {
	labels, addressed := 0, false
	for i := 0; i < end; i++ {
		s := q.lines[i].text
		l := headerLabel(s)
		if l == "" || len(strings.Fields(l)) > 3 || strings.HasPrefix(strings.TrimSpace(s[strings.IndexAny(s, ":：")+1:]), "//") {
			if !isBlankLine(s) {
				labels, addressed = 0, false
			}
			continue
		}
		labels++
		if addressed = addressed || strings.Contains(s, "@"); addressed && labels >= 3 {
			return true
		}
	}
	return false
}

// addressesIn lists the different addresses that occur anywhere in a From line.
func addressesIn(s string) (all []string) {
	for w := range strings.FieldsFuncSeq(strings.ToLower(s), func(c rune) bool { return strings.ContainsRune(" \t<>()[]\"',;", c) }) {
		if w = strings.TrimPrefix(w, "mailto:"); strings.IndexByte(w, '@') > 0 && !contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// mayForward spares most mails the search: a forward without a forward's subject needs a marker.
func mayForward(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) < 200 && isForwardMarker(strings.TrimLeft(line, "> ")) {
			return true
		}
	}
	return false
}

// forwardBlock reads the header block that begins at line i, or returns nil.
func (q *quoter) forwardBlock(i int) *forwardBlock {
	if !q.isHeaderBlock(i) {
		return nil
	}
	depth := quoteDepth(q.lines[i].text)
	var labels *headerLabels
	b := &forwardBlock{first: i}
	var last *string
	seen := 0
	for j := i; j < len(q.lines) && seen < maxHeaderBlockLines+maxWrappedLines; j++ {
		s := strings.Trim(strings.TrimLeft(q.lines[j].text, "> \t\u00a0"), " \t\u00a0*")
		if s == "" {
			// Some programs set an empty line between the fields.
			if next := j + 1; next < len(q.lines) && labels != nil && b.known(labels, headerLabel(q.lines[next].text)) != "" {
				continue
			}
			b.end = j
			return b.done()
		}
		if quoteDepth(s) != 0 || quoteDepth(q.lines[j].text) != depth || len(s) > maxForwardLine {
			b.end = j
			return b.done()
		}
		seen++
		label := headerLabel(s)
		if labels == nil {
			if labels = labelsOf(q, i); labels == nil {
				return nil
			}
		}
		field := b.known(labels, label)
		if field == "" {
			if last == nil || utf8.RuneCountInString(q.lines[j-1].text) < minWrapped {
				b.end = j
				return b.done()
			}
			*last += " " + s // a wrapped value
			continue
		}
		_, value, _ := strings.Cut(strings.ReplaceAll(s, "：", ":"), ":")
		value = strings.Trim(value, " \t\u00a0*")
		last = new(string)
		switch field {
		case "from":
			last = &b.from
			b.senders++
		case "subject":
			last = &b.subject
		case "date":
			last = &b.date
		case "id":
			last = &b.messageID
		}
		if *last == "" {
			*last = value
		}
	}
	b.end = len(q.lines)
	return b.done()
}

// minWrapped is how long a line is before a program wraps it; what follows a shorter one is no longer its value.
const minWrapped = 50

// maxWrappedLines is how many lines of wrapped values a block may hold beside its fields.
const maxWrappedLines = 12

func (b *forwardBlock) done() *forwardBlock {
	if b.from == "" {
		return nil
	}
	return b
}

// labelsOf finds the language of the block at line i.
func labelsOf(q *quoter, i int) *headerLabels {
	best, most := -1, 0
	for n := range headerBlocks {
		known, sender := 0, false
		for j := i; j < len(q.lines) && j < i+maxHeaderBlockLines; j++ {
			l := headerLabel(q.lines[j].text)
			if contains(headerBlocks[n].from, l) {
				sender = true
			} else if l != "" && contains(headerBlocks[n].rest, l) {
				known++
			}
		}
		if sender && known > most {
			best, most = n, known
		}
	}
	if best < 0 {
		return nil
	}
	return &headerBlocks[best]
}

func (b *forwardBlock) known(labels *headerLabels, label string) string {
	switch {
	case label == "":
		return ""
	case contains(labels.from, label):
		return "from"
	case subjectLabels[label]:
		return "subject"
	case label == "message-id":
		return "id"
	case dateLabels[label]:
		return "date"
	case contains(labels.rest, label):
		return "other"
	}
	return ""
}

// quoteDepth counts the ">" a line begins with.
func quoteDepth(s string) (n int) {
	for _, c := range s {
		switch c {
		case '>':
			n++
		case ' ', '\t', '\u00a0':
		default:
			return n
		}
	}
	return n
}

// textOf joins lines without the quote marks of the block they stand in.
func textOf(lines []textLine, depth int) string {
	var b strings.Builder
	for i := range lines {
		s := lines[i].text
		for n := 0; n < depth; n++ {
			t, ok := strings.CutPrefix(strings.TrimLeft(s, " \t\u00a0"), ">")
			if !ok {
				break
			}
			s = strings.TrimPrefix(t, " ")
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s)
	}
	return b.String()
}

// trimRule removes the rule that programs draw above a forwarded block, and the line "original message".
func trimRule(s string) string {
	for {
		i := strings.LastIndexByte(s, '\n')
		last := strings.TrimSpace(s[i+1:])
		if !isRule(last) && !contains(originalRules, strings.ToLower(bare(last))) {
			return s
		}
		if i < 0 {
			return ""
		}
		s = strings.TrimRight(s[:i], "\n ")
	}
}

func (f *Forward) heard() *ticketing.Forwarded {
	if f == nil {
		return nil
	}
	out := &ticketing.Forwarded{From: party(f.From), Name: f.Name, Subject: f.Subject, Comment: f.Comment, Text: f.Text, Visible: f.Visible, Elided: f.Elided, HTML: f.HTML,
		Language: ticketing.DetectLanguage(f.Visible), Attached: f.Attached, Abstains: f.Abstains}
	if f.Date != nil {
		out.At = f.Date.UTC()
	}
	if f.MessageID != "" {
		out.Ref = refOf(f.MessageID)
	}
	for i := range f.Files {
		x := &f.Files[i]
		out.Files = append(out.Files, ticketing.HeardFile{Name: x.FileName, Type: x.ContentType, ContentID: x.ContentID, Inline: x.Inline, Data: x.Bytes()})
	}
	return out
}
