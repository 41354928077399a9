package mail

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// hint says what the markup tells about a line of text.
type hint uint8

const (
	hintQuote     hint = 1 << iota // inside a quote container (mail.md 8.5)
	hintSignature                  // inside a signature container
	hintOwn                        // inside a quotation the writer made
	hintBorder                     // below the rule that Outlook draws above a header block
	hintBare                       // inside a quotation that bears no mark of a mail program
	hintLoose                      // inside Gmail's quote container but in no quotation of it
)

// textLine is one line of the canonical text with what the markup says of it.
type textLine struct {
	text string
	hint hint
}

// htmlText turns HTML into lines of text (mail.md 2.3): block elements end
// lines, list items get a dash or a number, table cells are separated by a tab,
// a link whose words differ from its target is followed by the target, quotes
// become ">" levels, hidden elements are left out.
type htmlText struct {
	limit int

	lines []textLine
	size  int
	cur   strings.Builder
	hint  hint // of the line being written

	space     bool // a blank is due before the next word
	gap       bool // an empty line is due before the next line
	spacer    bool // the open paragraph holds nothing but a no-break space, an empty line of Outlook's
	bullet    string
	stack     []htmlElement
	hidden    int // open elements that hide
	ink       ink
	shown     bool // what is hidden is shown all the same: there is nothing else
	grounds   bool // a style sheet sets grounds
	pre       int
	depth     int  // ">" levels
	quote     int  // open quote containers
	own       int  // open quotations of the writer
	bare      int  // open quotations without any mark
	loose     int  // open containers of Gmail
	border    bool // Outlook's rule stands above the next line
	signature int
	dark      int  // open elements with a background of their own
	trailing  bool // everything from here on is quoted
	link      string
	linkStart int
	linkLine  int

	cut     bool // the limit was reached
	hidText bool // words were left out because they were hidden
	cids    map[string]bool
	attrs   []html.Attribute
}

type htmlElement struct {
	name                                                                string
	hides, pre, quotes, container, own, bare, loose, signs, dark, block bool
	ordered                                                             bool
	count                                                               int
	around                                                              ink // what its end restores
}

const (
	// maxOpenElements is how many elements are tracked; deeper ones are read
	// as if their tags were not there.
	maxOpenElements = 512
	// maxCloseSearch is how far down an end tag looks for its start.
	maxCloseSearch = 64
	// maxQuoteDepth is the number of ">" levels written.
	maxQuoteDepth = 10
	// maxLinkTarget is the longest target written beside the words of a link.
	maxLinkTarget = 500
)

// parseHTML converts src and returns at most limit octets of text. Where all words are hidden they are what there is to read.
func parseHTML(src string, limit int) *htmlText {
	h := &htmlText{limit: limit}
	h.parse(src)
	if h.hidText && len(h.lines) == 0 {
		h = &htmlText{limit: limit, hidText: true, shown: true}
		h.parse(src)
	}
	return h
}

func (h *htmlText) parse(src string) {
	z := html.NewTokenizer(strings.NewReader(src))
	for !h.cut {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			h.endLine()
			return
		case html.TextToken:
			h.text(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := string(name)
			h.attrs = h.attrs[:0]
			for more && len(h.attrs) < 64 {
				var k, v []byte
				k, v, more = z.TagAttr()
				switch string(k) {
				case "class", "id", "type", "cite", "style", "href", "src", "alt", "start", "hidden", "color", "bgcolor", "background":
					h.attrs = append(h.attrs, html.Attribute{Key: string(k), Val: string(v)})
				}
			}
			h.open(tag)
			if kind == html.SelfClosingTagToken && (tag == "svg" || tag == "math") {
				h.close(tag) // of all that hide only foreign elements close themselves
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			h.close(string(name))
		}
	}
	h.endLine()
}

func (h *htmlText) attr(key string) string {
	for i := range h.attrs {
		if h.attrs[i].Key == key {
			return h.attrs[i].Val
		}
	}
	return ""
}

// blockElements end the line before and after them; the value says whether an
// empty line sets them off.
var blockElements = map[string]bool{
	"p": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "ul": true, "ol": true, "table": true,
	"blockquote": true, "pre": true, "dl": true,
	"div": false, "tr": false, "li": false, "dt": false, "dd": false, "section": false, "article": false, "header": false, "footer": false,
	"address": false, "center": false, "form": false, "fieldset": false, "tbody": false, "thead": false, "tfoot": false, "caption": false,
	"main": false, "nav": false, "aside": false, "figure": false, "figcaption": false, "body": false, "html": false, "hr": false,
	"details": false, "summary": false, "title": false,
}

var skippedElements = map[string]bool{
	"script": true, "style": true, "title": true, "template": true, "noscript": true, "iframe": true, "object": true, "embed": true, "applet": true,
	"svg": true, "math": true, "canvas": true, "audio": true, "video": true, "select": true, "textarea": true, "noembed": true, "noframes": true, "xml": true,
}

var voidElements = map[string]bool{
	"br": true, "hr": true, "img": true, "input": true, "meta": true, "link": true, "base": true, "area": true, "col": true, "embed": true,
	"param": true, "source": true, "track": true, "wbr": true, "basefont": true, "frame": true,
}

func (h *htmlText) open(tag string) {
	gap, block := blockElements[tag]
	switch tag {
	case "br":
		if h.hidden == 0 {
			h.newLine()
		}
		return
	case "img":
		src := strings.TrimSpace(h.attr("src"))
		if len(src) > 4 && strings.EqualFold(src[:4], "cid:") {
			if h.cids == nil {
				h.cids = map[string]bool{}
			}
			h.cids[unescapeCID(src[4:])] = true
		}
		if alt := strings.TrimSpace(h.attr("alt")); alt != "" && len(alt) < 300 {
			h.text([]byte(alt))
		}
		return
	case "p", "li", "td", "th", "tr", "dt", "dd", "option":
		// End tags of these may be left out; an open one of the same name on
		// top is closed.
		if n := len(h.stack); n > 0 && h.stack[n-1].name == tag {
			h.close(tag)
		}
	}
	e := htmlElement{name: tag, block: block}
	id, class, style := h.attr("id"), h.attr("class"), ""
	if s := h.attr("style"); s != "" {
		style = squeeze(s)
	}
	switch tag {
	case "blockquote":
		// Gmail's button for quotations makes the same element as its answers do; without a container around it or an
		// attribution above it is the writer's.
		e.own = h.quote == 0 && hasClass(class, quoteClasses) && !h.introduced()
		e.container = strings.EqualFold(h.attr("type"), "cite") || hasClass(class, quoteClasses) && !e.own
		e.quotes = !e.own
		e.bare = !e.own && h.quote == 0 && id+class+h.attr("type")+h.attr("cite") == "" && !strings.Contains(style, "border")
	case "pre", "xmp", "listing":
		e.pre = true
	case "ol":
		e.ordered = true
		if n, err := strconv.Atoi(h.attr("start")); err == nil && n > 0 && n < 1e6 {
			e.count = n - 1
		}
	case "body":
		h.hidden, h.ink = 0, ink{}
	}
	e.around = h.ink
	e.hides = skippedElements[tag] || h.readStyle(tag, style) && !h.shown
	if hasBackground(style) || isDark(h.attr("bgcolor")) || h.attr("background") != "" {
		e.dark = true
	}
	if tag != "body" && tag != "html" && tag != "blockquote" {
		if hasClass(class, quoteClasses) || quoteIDs[id] {
			e.container = true
		}
		e.loose = tag == "div" && hasClass(class, gmailQuotes)
		if hasClass(class, signatureClasses) || id == "Signature" {
			e.signs = true
		}
		if trailingIDs[id] {
			h.trailing = true
		}
	}
	if block {
		h.endLine()
		// Outlook writes every line as a paragraph without margins.
		if gap && !(tag == "p" && (strings.Contains(class, "MsoNormal") || strings.Contains(style, "margin:0"))) {
			h.gap = true
		}
	}
	if strings.HasPrefix(style, "border:none;border-top:solid") {
		h.border = true
	}
	if tag == "li" {
		h.bullet = "- "
		for i := len(h.stack) - 1; i >= 0 && i >= len(h.stack)-maxCloseSearch; i-- {
			if l := &h.stack[i]; l.name == "ol" || l.name == "ul" {
				if l.ordered {
					l.count++
					h.bullet = strconv.Itoa(l.count) + ". "
				}
				break
			}
		}
	}
	if (tag == "td" || tag == "th") && h.cur.Len() > 0 && h.hidden == 0 {
		h.cur.WriteByte('\t')
		h.space = false
	}
	if tag == "a" && h.hidden == 0 {
		h.link, h.linkStart, h.linkLine = strings.TrimSpace(h.attr("href")), h.cur.Len(), len(h.lines)
	}
	if voidElements[tag] || len(h.stack) >= maxOpenElements {
		h.ink = e.around
		return
	}
	h.stack = append(h.stack, e)
	h.count(&e, 1)
}

func (h *htmlText) count(e *htmlElement, by int) {
	if e.hides {
		h.hidden = max(0, h.hidden+by)
	}
	if e.pre {
		h.pre += by
	}
	if e.quotes {
		h.depth += by
	}
	if e.container {
		h.quote += by
	}
	if e.own {
		h.own += by
	}
	if e.bare {
		h.bare += by
	}
	if e.loose {
		h.loose += by
	}
	if e.signs {
		h.signature += by
	}
	if e.dark {
		h.dark += by
	}
}

func (h *htmlText) close(tag string) {
	if tag == "a" && h.link != "" && h.hidden == 0 {
		h.closeLink()
	}
	if tag == "br" {
		h.newLine()
		return
	}
	n := len(h.stack)
	for i := n - 1; i >= 0 && i >= n-maxCloseSearch; i-- {
		if h.stack[i].name != tag {
			// A cell or an item does not end the table around it.
			if h.stack[i].name == "table" && tag != "table" && tag != "div" && tag != "body" {
				return
			}
			continue
		}
		if gap, block := blockElements[tag]; block {
			h.gap = h.gap || h.spacer && h.cur.Len() == 0
			h.spacer = false
			h.endLine()
			h.gap = h.gap || gap && !(tag == "p" || tag == "table")
			if tag == "p" && h.gap {
				h.gap = true
			}
		}
		for j := n - 1; j >= i; j-- {
			h.count(&h.stack[j], -1)
		}
		h.ink = h.stack[i].around
		h.stack = h.stack[:i]
		if tag == "li" {
			h.bullet = ""
		}
		return
	}
}

func (h *htmlText) closeLink() {
	link := h.link
	h.link = ""
	lower := strings.ToLower(link)
	target := link
	switch {
	case strings.HasPrefix(lower, "http://"), strings.HasPrefix(lower, "https://"):
	case strings.HasPrefix(lower, "mailto:"):
		target, _, _ = strings.Cut(link[len("mailto:"):], "?")
	case strings.HasPrefix(lower, "tel:"):
		target = link[len("tel:"):]
	default:
		return
	}
	if len(target) > maxLinkTarget || h.linkLine != len(h.lines) || h.linkStart >= h.cur.Len() {
		return
	}
	words := h.cur.String()[h.linkStart:]
	if sameTarget(words, target) {
		return
	}
	h.cur.WriteString(" (" + cleanText(strings.Join(strings.Fields(target), "%20")) + ")")
}

// sameTarget reports whether the words of a link already show where it goes.
func sameTarget(words, target string) bool {
	norm := func(s string) string {
		s = strings.ToLower(strings.TrimSpace(s))
		for _, p := range []string{"mailto:", "http://", "https://", "www."} {
			s = strings.TrimPrefix(s, p)
		}
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(" \t\u00a0-()<>[]", r) {
				return -1
			}
			return r
		}, strings.TrimRight(s, "/."))
	}
	w := norm(words)
	return w == "" || w == norm(target)
}

// text adds words; white space is folded unless the text is preformatted.
func (h *htmlText) text(b []byte) {
	if len(b) == 0 {
		return
	}
	if h.unseen() {
		if n := len(h.stack); n > 0 && h.stack[n-1].name == "style" {
			h.grounds = h.grounds || bytes.Contains(b, []byte("background"))
		}
		if len(strings.TrimSpace(string(b))) > 0 && !h.inSkipped() {
			h.hidText = true
		}
		return
	}
	s := cleanText(string(b))
	if h.pre > 0 {
		for {
			line, rest, more := strings.Cut(s, "\n")
			if line != "" {
				h.begin()
				h.cur.WriteString(line)
			}
			if !more {
				return
			}
			h.newLine()
			s = rest
			if h.cut {
				return
			}
		}
	}
	for s != "" && !h.cut {
		i := strings.IndexFunc(s, isBlank)
		if i == 0 {
			h.space = h.cur.Len() > 0
			h.spacer = !h.space && strings.HasPrefix(s, "\u00a0")
			j := strings.IndexFunc(s, func(r rune) bool { return !isBlank(r) })
			if j < 0 {
				return
			}
			s = s[j:]
			continue
		}
		if i < 0 {
			i = len(s)
		}
		h.begin()
		if h.space {
			h.cur.WriteByte(' ')
			h.space = false
		}
		h.cur.WriteString(s[:i])
		s = s[i:]
		if h.size+h.cur.Len() > h.limit {
			h.cut = true
		}
	}
}

func isBlank(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\f' || r == '\u00a0'
}

// inSkipped reports whether what hides is an element whose content is never
// text, such as script.
func (h *htmlText) inSkipped() bool {
	for i := len(h.stack) - 1; i >= 0; i-- {
		if h.stack[i].hides {
			return skippedElements[h.stack[i].name]
		}
	}
	return false
}

// begin readies the line for its first word.
func (h *htmlText) begin() {
	if h.cur.Len() > 0 {
		return
	}
	if h.gap && len(h.lines) > 0 {
		h.emit("")
	}
	h.gap, h.space, h.spacer = false, false, false
	h.hint = h.hints()
	if h.border {
		h.hint |= hintBorder
		h.border = false
	}
	if h.bullet != "" {
		h.cur.WriteString(h.bullet)
		h.bullet = ""
	}
}

func (h *htmlText) hints() (x hint) {
	if h.quote > 0 || h.trailing {
		x |= hintQuote
	}
	if h.bare > 0 {
		x |= hintBare
	}
	if h.loose > 0 && h.depth == 0 && !h.trailing {
		x |= hintLoose
	}
	if h.own > 0 && x == 0 {
		x |= hintOwn
	}
	if h.signature > 0 {
		x |= hintSignature
	}
	return x
}

// introduced reports whether the last line that has words is an attribution.
func (h *htmlText) introduced() bool {
	last := strings.TrimSpace(h.cur.String())
	for i := len(h.lines) - 1; i >= 0 && last == ""; i-- {
		last = strings.TrimSpace(h.lines[i].text)
	}
	if len(last) > 2*maxAttributionChars || !strings.HasSuffix(last, ":") && !strings.HasSuffix(last, "：") {
		return false
	}
	introduces, _ := isAttribution(normal(last), true)
	return introduces
}

// endLine ends the line if there is anything on it.
func (h *htmlText) endLine() {
	if h.cur.Len() > 0 {
		h.emit(strings.TrimRight(h.cur.String(), " \t"))
		h.cur.Reset()
	}
	h.space = false
}

// newLine ends the line even if it is empty.
func (h *htmlText) newLine() {
	if h.cur.Len() > 0 {
		h.endLine()
		return
	}
	h.hint = h.hints()
	h.emit("")
}

func (h *htmlText) emit(s string) {
	if s == "" {
		if n := len(h.lines); n == 0 || strings.Trim(h.lines[n-1].text, "> ") == "" {
			return
		}
	}
	if d := min(h.depth, maxQuoteDepth); d > 0 {
		s = strings.TrimRight(strings.Repeat("> ", d)+s, " ")
	}
	h.lines = append(h.lines, textLine{s, h.hint})
	h.size += len(s) + 1
	if h.size > h.limit {
		h.cut = true
	}
}

func unescapeCID(s string) string {
	return strings.Trim(string(unescapePercent(s)), "<> ")
}
