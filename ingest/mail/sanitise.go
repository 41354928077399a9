package mail

import (
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
)

const (
	// maxHTMLDepth is the nesting beyond which tags are left out.
	maxHTMLDepth = 256
	// maxHref is the longest link kept.
	maxHref = 2000
	// linkAttributes stand on every link that leaves the sanitiser.
	linkAttributes = `rel="noopener noreferrer nofollow ugc"`
)

// policy is the allow-list of security.md section 7.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "div", "span", "br", "hr", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6",
		"b", "strong", "i", "em", "u", "s", "del", "ins", "sub", "sup", "small", "code", "kbd", "samp", "tt", "abbr", "cite", "q",
		"ul", "dl", "dt", "dd", "ol", "li", "table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th")
	p.AllowNoAttrs().OnElements("span", "a", "img")
	// Void elements and head, whose end tag may be left out, lose the tag
	// alone; they hold no text that the list does not drop.
	p.SkipElementsContent("script", "style", "title", "template", "noscript", "iframe", "frameset", "object", "applet",
		"svg", "math", "canvas", "audio", "video", "map", "button", "select", "textarea", "option", "xml")
	small := regexp.MustCompile(`^[1-9][0-9]{0,2}$`)
	size := regexp.MustCompile(`^[0-9]{1,4}$`)
	p.AllowAttrs("start").Matching(size).OnElements("ol")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^[1aAiI]$`)).OnElements("ol")
	p.AllowAttrs("value").Matching(size).OnElements("li")
	p.AllowAttrs("colspan", "rowspan").Matching(small).OnElements("td", "th")
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("width", "height").Matching(size).OnElements("img")
	p.AllowAttrs("href").Matching(regexp.MustCompile(`^(?i)(https?://[^/?#\s\\]|mailto:|tel:)`)).OnElements("a")
	p.AllowAttrs("src").Matching(regexp.MustCompile(`^(?i)cid:`)).OnElements("img")
	p.AllowURLSchemes("http", "https", "mailto", "tel", "cid")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	return p
})

// Sanitise returns the safe rest of src (security.md section 7). Pictures stay
// only when cids, the Content-IDs of the same mail, names them. No resource is
// ever loaded. The work is linear in the length of src.
func Sanitise(src string, cids map[string]bool) string {
	out := policy().Sanitize(prune(src, cids))
	// bluemonday orders the words by itself; a raw quotation mark occurs
	// nowhere but around attributes.
	out = relAttribute.ReplaceAllString(out, linkAttributes)
	if strings.Contains(out, "<img") {
		// A picture whose address the policy refused is left without one.
		out = prune(out, cids)
	}
	if strings.ContainsFunc(out, isUnprintable) {
		// A character reference may stand for a control character (C6).
		out = strings.Map(func(r rune) rune {
			if isUnprintable(r) {
				return -1
			}
			return r
		}, out)
	}
	return strings.TrimSpace(out)
}

func isUnprintable(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

var relAttribute = regexp.MustCompile(`rel="[a-z ]*"`)

// prune drops what the allow-list cannot judge by itself: comments, elements
// nested too deep, pictures of other mails, links too long.
func prune(src string, cids map[string]bool) string {
	var b strings.Builder
	b.Grow(len(src))
	z := html.NewTokenizer(strings.NewReader(src))
	depth, skipped := 0, ""
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.TextToken:
			if skipped == "" {
				b.Write(z.Raw())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			raw := string(z.Raw())
			name, more := z.TagName()
			tag := string(name)
			if skipped != "" {
				break
			}
			if dropsContent[tag] {
				skipped = tag
				break
			}
			if tag == "img" || tag == "a" {
				keep := tag == "a"
				for more {
					var k, v []byte
					k, v, more = z.TagAttr()
					if tag == "img" && string(k) == "src" {
						s := strings.TrimSpace(string(v))
						keep = len(s) > 4 && strings.EqualFold(s[:4], "cid:") && cids[unescapeCID(s[4:])]
					}
					if tag == "a" && string(k) == "href" && len(v) > maxHref {
						raw = "<a>"
					}
				}
				if !keep {
					break
				}
			}
			if voidElements[tag] {
				b.WriteString(raw)
				break
			}
			depth++
			if depth <= maxHTMLDepth {
				b.WriteString(raw)
			}
		case html.EndTagToken:
			raw := string(z.Raw())
			name, _ := z.TagName()
			tag := string(name)
			if skipped != "" {
				if tag == skipped {
					skipped = ""
				}
				break
			}
			if dropsContent[tag] {
				break
			}
			if depth <= maxHTMLDepth {
				b.WriteString(raw)
			}
			depth = max(0, depth-1)
		}
	}
}

// dropsContent are elements whose content goes with them and whose end tag is
// reliable; the tokenizer reads most of them as raw text.
var dropsContent = map[string]bool{
	"script": true, "style": true, "title": true, "template": true, "noscript": true, "iframe": true, "svg": true, "math": true, "textarea": true,
	"select": true, "noembed": true, "noframes": true, "xmp": true,
}
