package templates

import (
	"html"
	"html/template"
	"regexp"
	"strings"
)

// webLink finds http and https addresses in an agent's words. Punctuation that ends a sentence is not part of the address.
var webLink = regexp.MustCompile(`https?://[^\s<>"]*[^\s<>"'.,;:!?)\]}]`)

// wordsHTML turns an agent's plain text into HTML that says exactly the same: an empty line ends a paragraph, a line end is a line end,
// lines beginning with "> " are a quotation, web addresses become links. Everything else is escaped; no mark of any kind is
// interpreted, because customers must read what the agent saw (security rule S34 turned around).
func wordsHTML(text string) template.HTML {
	var b strings.Builder
	quoting := false
	quote := func(on bool) {
		if on != quoting {
			b.WriteString(map[bool]string{true: "<blockquote>\n", false: "</blockquote>\n"}[on])
			quoting = on
		}
	}
	var lines []string
	flush := func() {
		if len(lines) > 0 {
			b.WriteString("<p>" + strings.Join(lines, "<br>\n") + "</p>\n")
			lines = nil
		}
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		rest, quoted := strings.CutPrefix(line, ">")
		switch {
		case strings.TrimSpace(line) == "":
			flush()
		case quoted != quoting:
			flush()
			quote(quoted)
			fallthrough
		default:
			if quoted {
				line = strings.TrimPrefix(rest, " ")
			}
			lines = append(lines, lineHTML(line))
		}
	}
	flush()
	quote(false)
	return template.HTML(b.String())
}

// lineHTML escapes one line and links its web addresses. Leading blanks are kept, so that pasted commands stay readable.
func lineHTML(line string) string {
	var b strings.Builder
	trimmed := strings.TrimLeft(line, " \t")
	for _, r := range line[:len(line)-len(trimmed)] {
		if r == '\t' {
			b.WriteString("&nbsp;&nbsp;&nbsp;")
		}
		b.WriteString("&nbsp;")
	}
	rest := trimmed
	for {
		at := webLink.FindStringIndex(rest)
		if at == nil {
			break
		}
		address := html.EscapeString(rest[at[0]:at[1]])
		b.WriteString(html.EscapeString(rest[:at[0]]))
		b.WriteString(`<a href="` + address + `">` + address + `</a>`)
		rest = rest[at[1]:]
	}
	b.WriteString(html.EscapeString(rest))
	return b.String()
}
