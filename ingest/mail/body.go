package mail

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/sportello/sportello/ticketing"
)

// piece is a text part chosen for the canonical text.
type piece struct {
	part  *entity
	html  bool
	loose bool // its parts were not told apart
}

// chooser picks the text of a mail and its files (mail.md 2.3).
type chooser struct {
	pieces    []piece
	files     []*entity
	tnefs     []*entity // Outlook's containers (2.5)
	htmls     []*entity // HTML shown to agents
	plains    []*entity // plain twins of HTML that was not chosen, and the reverse
	encrypted bool
	pec       bool
	limits    Limits
}

// readText fills the texts, the HTML and the attachments.
func (m *Mail) readText(r *Reader, top *entity, limits Limits) {
	c := chooser{pec: m.PEC != nil && m.PEC.Envelope != "", limits: limits}
	c.choose(top, true)
	if len(c.pieces) == 0 && len(c.files) == 1 && c.files[0] == top && (top.ctype == "text/plain" || top.isHTML()) {
		// The whole mail is one text marked as a file.
		c.pieces = []piece{{part: top, html: top.isHTML()}}
		if top.fileName() == "" && len(bytes.TrimSpace(top.body)) > 0 {
			c.files = nil
		}
	}
	if len(c.pieces) == 0 && len(c.files) == 1 && c.files[0] == top && top.isMessage() {
		// The whole mail is another mail, as old programs forwarded: its words are what there is to read.
		inner := top
		for inner.isMessage() && len(inner.kids) > 0 {
			inner = inner.kids[0]
		}
		if inner.cut {
			c.pieces = []piece{{part: inner, loose: true}}
		} else {
			in := chooser{pec: c.pec, limits: limits}
			in.choose(inner, true)
			c.pieces, c.htmls = in.pieces, in.htmls
		}
	}
	if c.encrypted {
		m.flag("encrypted")
	}
	var lines []textLine
	cids := map[string]bool{}
	left := limits.Text
	for i, p := range c.pieces {
		if i > 0 && len(lines) > 0 && left > 0 {
			lines = append(lines, textLine{})
		}
		l := m.pieceLines(p, left, limits, cids)
		for _, x := range l {
			left -= len(x.text) + 1
		}
		lines = append(lines, l...)
	}
	lines = m.openTNEF(&c, lines, limits, cids)
	lines = m.readCalendar(top, lines)
	lines = m.cutLines(lines, limits.Text)
	m.readHTML(c, limits, cids, lines)
	m.Text = joinLines(lines)
	_, subject := trimSubject(m.Subject)
	subject = subject.decide(func() string { return m.Text })
	var rules []ticketing.Rule
	m.Visible, m.Elided, rules = splitQuote(lines, subject, len(m.Refs) > 0)
	m.Rules = append(m.Rules, rules...)
	m.listFiles(c.files, cids, limits)
	if m.Text == "" && len(m.Attachments) == 0 {
		m.rescue(top, limits)
	}
}

func (c *chooser) choose(e *entity, first bool) {
	switch {
	case e.cut:
	case e.isMultipart() && len(e.kids) == 0:
		// The boundary never occurs: what is there is read as text.
		c.pieces = append(c.pieces, piece{part: e})
	case e.ctype == "multipart/alternative":
		c.alternative(e)
	case e.ctype == "multipart/related":
		root := e.root()
		for _, k := range e.kids {
			if k == root {
				c.choose(k, true)
			} else if k.isMultipart() || k.isTNEF() {
				c.choose(k, false)
			} else {
				c.files = append(c.files, k)
			}
		}
	case e.ctype == "multipart/encrypted":
		c.encrypted = true
		for _, k := range e.kids {
			if k.ctype != "application/pgp-encrypted" || len(e.kids) == 1 {
				c.files = append(c.files, k)
			}
		}
	case e.ctype == "multipart/signed":
		for i, k := range e.kids {
			if i == 0 {
				c.choose(k, true)
			} else {
				c.files = append(c.files, k)
			}
		}
	case e.isMultipart():
		for i, k := range e.kids {
			c.choose(k, i == 0)
		}
	case c.isText(e, first):
		p := piece{part: e, html: e.isHTML()}
		if p.html {
			c.htmls = append(c.htmls, e)
		}
		c.pieces = append(c.pieces, p)
	case e.isTNEF():
		c.tnefs = append(c.tnefs, e)
	default:
		if e.ctype == "application/pkcs7-mime" || e.ctype == "application/x-pkcs7-mime" {
			if t := strings.ToLower(e.params.list["smime-type"]); t == "enveloped-data" || t == "" || t == "authenveloped-data" {
				c.encrypted = true
			}
		}
		c.files = append(c.files, e)
	}
}

func (e *entity) isHTML() bool {
	if e.ctype == "text/html" || e.ctype == "application/xhtml+xml" {
		return true
	}
	if !e.declared && e.ctype == "text/plain" {
		b := bytes.ToLower(bytes.TrimSpace(e.body[:min(len(e.body), 200)]))
		return bytes.HasPrefix(b, []byte("<!doctype html")) || bytes.HasPrefix(b, []byte("<html"))
	}
	return false
}

// isText reports whether a leaf is read rather than listed.
func (c *chooser) isText(e *entity, first bool) bool {
	if e.disp == "attachment" {
		return false
	}
	switch e.ctype {
	case "text/plain", "text/html", "application/xhtml+xml":
		return e.fileName() == "" || first && e.disp != "attachment" && len(c.pieces) == 0
	case "text/enriched", "text/richtext", "text/markdown", "text/x-markdown", "text/x-plain":
		return e.fileName() == ""
	case "text/calendar", "text/vcard", "text/x-vcard", "text/csv", "text/xml", "text/directory", "text/rfc822-headers", "text/css", "text/javascript":
		return false
	}
	return strings.HasPrefix(e.ctype, "text/") && e.fileName() == "" && len(c.pieces) == 0
}

// root finds the root part of a multipart/related (RFC 2387 section 3.2).
func (e *entity) root() *entity {
	if len(e.kids) == 0 {
		return nil
	}
	if start := strings.Trim(e.params.list["start"], "<> "); start != "" {
		for _, k := range e.kids {
			if strings.Trim(k.header.get("content-id"), "<> ") == start {
				return k
			}
		}
	}
	// Broken writers put a picture first.
	for _, k := range e.kids {
		if k.isMultipart() || k.ctype == "text/html" || k.ctype == "text/plain" {
			return k
		}
	}
	return e.kids[0]
}

// alternative takes plain text if it has words and is no stub, else HTML;
// a calendar never wins over these.
func (c *chooser) alternative(e *entity) {
	var options []chooser
	for _, k := range e.kids {
		o := chooser{pec: c.pec, limits: c.limits}
		o.choose(k, true)
		options = append(options, o)
	}
	best := -1
	for i := range options {
		if best < 0 && len(options[i].pieces) > 0 && !options[i].hasHTML() && options[i].hasWords() && !options[i].shortens(options, c.limits) {
			best = i
		}
	}
	if best < 0 {
		for i := range options {
			if len(options[i].pieces) > 0 && (best < 0 || options[i].hasHTML()) {
				best = i
			}
		}
	}
	for i := range options {
		o := &options[i]
		c.encrypted = c.encrypted || o.encrypted
		c.files = append(c.files, o.files...)
		c.tnefs = append(c.tnefs, o.tnefs...)
		c.htmls = append(c.htmls, o.htmls...)
		if i == best {
			c.pieces = append(c.pieces, o.pieces...)
			continue
		}
		for _, p := range o.pieces {
			if !p.html {
				c.plains = append(c.plains, p.part)
			}
		}
	}
}

func (c *chooser) hasHTML() bool {
	for _, p := range c.pieces {
		if p.html {
			return true
		}
	}
	return false
}

// stubs are what programs write into the plain part instead of the text.
var stubs = []string{
	"cannot show html", "your email client does not", "your e-mail client does not", "your mail client does not", "your mail reader does not", "your email program does not",
	"html-capable", "html capable", "html-enabled", "html enabled", "view this email in your browser", "requires html", "please use an html compatible",
	"non supporta il formato html", "non può visualizzare", "non riesci a visualizzare", "non visualizzi correttamente", "per visualizzare questo messaggio", "unterstützt kein html", "kein html darstellen", "kann kein html", "nicht korrekt angezeigt",
	"um diese nachricht anzuzeigen", "ne prend pas en charge le html", "n'affiche pas le html", "ne s'affiche pas correctement", "no admite html", "no puede mostrar html",
	"non supporta html", "non supporta l'html", "non visualizza l'html", "to view the message, please use",
}

// tinyPlain is the length of a plain text, in octets, beside which the HTML is looked at; a program that shortens says less than a tenth.
const (
	tinyPlain      = 120
	tinyPlainShare = 10
)

// shortens reports that the plain part says next to nothing of what the HTML beside it says.
func (c *chooser) shortens(all []chooser, limits Limits) bool {
	size := 0
	for _, p := range c.pieces {
		b, _ := p.part.decode(4 * tinyPlain)
		size += len(bytes.TrimSpace(b))
	}
	if size > tinyPlain {
		return false
	}
	for i := range all {
		for _, p := range all[i].pieces {
			if !p.html || len(p.part.body) < size*tinyPlainShare {
				continue
			}
			raw, _ := p.part.decode(limits.HTML)
			label := p.part.params.list["charset"]
			if label == "" {
				label = metaCharset(raw)
			}
			s, _ := decodeText(raw, label)
			if h := parseHTML(cleanText(s), limits.Text); h.size > max(size, 1)*tinyPlainShare {
				return true
			}
		}
	}
	return false
}

// hasWords reports whether the plain parts say something.
func (c *chooser) hasWords() bool {
	for _, p := range c.pieces {
		b, _ := p.part.decode(4096)
		s, _ := decodeText(b, p.part.params.list["charset"])
		if !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r > 0x2000 }) {
			continue
		}
		if len(s) < 600 {
			low, stub := strings.ToLower(s), false
			for _, t := range stubs {
				stub = stub || strings.Contains(low, t)
			}
			if stub {
				continue
			}
		}
		return true
	}
	return false
}

// pieceLines decodes one text part.
func (m *Mail) pieceLines(p piece, left int, limits Limits, cids map[string]bool) []textLine {
	if left <= 0 {
		m.flag("text_cut")
		return nil
	}
	e := p.part
	if p.loose {
		return m.looseLines(e.body, left)
	}
	if p.html {
		src := m.decodePart(e, limits.HTML, "html_cut")
		h := parseHTML(src, left)
		for id := range h.cids {
			cids[id] = true
		}
		if h.hidText {
			m.flag("hidden_text")
		}
		if h.cut {
			m.flag("text_cut")
		}
		return h.lines
	}
	s := m.decodePart(e, limits.Text, "text_cut")
	switch e.ctype {
	case "text/enriched", "text/richtext":
		s = stripEnriched(s)
	}
	if strings.EqualFold(e.params.list["format"], "flowed") {
		s = unflow(s, strings.EqualFold(e.params.list["delsp"], "yes"))
	}
	if strings.Contains(s, "begin ") {
		s = m.takeUU(s, limits)
	}
	return unmarkedLines(m.readPGP(s))
}

// decodePart returns the text of a part in UTF-8, cut to limit octets.
func (m *Mail) decodePart(e *entity, limit int, cutFlag string) string {
	raw, broken := e.decode(4*limit + 16)
	if broken {
		m.flag("repaired")
	}
	label := e.params.list["charset"]
	if label == "" && e.isHTML() {
		label = metaCharset(raw)
	}
	s, guessed := decodeText(raw, label)
	if guessed {
		m.flag("charset_guessed")
	}
	s = cleanText(s)
	if len(s) > limit {
		m.flag(cutFlag)
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}

// metaCharset reads <meta charset> near the start of HTML (C5).
func metaCharset(b []byte) string {
	low := bytes.ToLower(b[:min(len(b), 2048)])
	i := bytes.Index(low, []byte("charset="))
	if i < 0 || bytes.LastIndex(low[:i], []byte("<meta")) < 0 {
		return ""
	}
	v := bytes.TrimLeft(low[i+len("charset="):], "\"' ")
	if end := bytes.IndexAny(v, "\"'> ;/"); end > 0 {
		return string(v[:end])
	}
	return ""
}

// stripEnriched removes the commands of text/enriched (RFC 1896).
// indexFold finds tag, which begins with "<", in s whatever the case of its letters.
// unflow joins flowed lines, keeping the quote depth (RFC 3676).
// takeUU moves uuencoded blocks out of the text.
func (m *Mail) takeUU(s string, limits Limits) string {
	b, end := []byte(s), 0
	var out strings.Builder
	for len(m.Attachments) < limits.Files {
		block, ok := findUU(b, end)
		if !ok {
			break
		}
		m.Attachments = append(m.Attachments, File{
			FileName: ticketing.CleanFileName(decodeWords(block.name, nil), len(m.Attachments)+1), ContentType: sniff(block.data), Size: int64(len(block.data)), data: block.data,
		})
		out.Write(b[end:block.start])
		end = block.end
	}
	out.Write(b[end:])
	return out.String()
}

// cutLines applies the limit of the whole text.
func (m *Mail) cutLines(lines []textLine, limit int) []textLine {
	size := 0
	for i := range lines {
		if size+len(lines[i].text) > limit {
			m.flag("text_cut")
			lines[i].text = strings.ToValidUTF8(lines[i].text[:limit-size], "")
			return lines[:i+1]
		}
		size += len(lines[i].text) + 1
	}
	return lines
}

// sizeOf is how long the lines are together with their ends.
func sizeOf(lines []textLine) (n int) {
	for i := range lines {
		n += len(lines[i].text) + 1
	}
	return n
}

func joinLines(lines []textLine) string {
	var b strings.Builder
	b.Grow(sizeOf(lines))
	for i := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(lines[i].text)
	}
	return strings.Trim(b.String(), "\n")
}

// readHTML sanitises what agents may look at and compares it with the text
// (S20).
func (m *Mail) readHTML(c chooser, limits Limits, cids map[string]bool, lines []textLine) {
	if len(c.htmls) == 0 {
		return
	}
	known := map[string]bool{}
	for _, f := range c.files {
		if id := contentID(f); id != "" {
			known[id] = true
		}
	}
	var out strings.Builder
	left := limits.HTML
	chosen := map[*entity]bool{}
	for _, p := range c.pieces {
		chosen[p.part] = true
	}
	for _, e := range c.htmls {
		if left <= 0 {
			m.flag("html_cut")
			break
		}
		src := m.decodePart(e, left, "html_cut")
		left -= len(src)
		if !chosen[e] {
			h := parseHTML(src, limits.Text)
			for id := range h.cids {
				cids[id] = true
			}
			if h.hidText {
				m.flag("hidden_text")
			}
			if len(c.htmls) == 1 && twoFaced(lines, h.lines) {
				m.flag("two_faced")
			}
		}
		if out.Len() > 0 {
			out.WriteString("<hr>")
		}
		out.WriteString(Sanitise(src, known))
	}
	if out.Len() > 0 {
		m.HTML = out.String()
	}
}

// twoFaced reports that two renderings differ in more than 30 % of their words.
func twoFaced(a, b []textLine) bool {
	count := map[string]int{}
	na, nb := 0, 0
	add := func(lines []textLine, by int) (n int) {
		for i := range lines {
			for w := range strings.FieldsFuncSeq(lines[i].text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
				if len(w) > 2 {
					count[strings.ToLower(w)] += by
					n++
				}
			}
		}
		return n
	}
	na, nb = add(a, 1), add(b, -1)
	diff := 0
	for _, n := range count {
		if n < 0 {
			n = -n
		}
		diff += n
	}
	return na+nb > 0 && 10*diff > 3*(na+nb)
}

// contentID is empty for what no program can have meant as one (RFC 2045 section 7 gives it the form of a Message-ID).
// listFiles names and counts the attachments.
// extension gives unnamed files the ending of their type.
