package kb

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// Renderer makes safe HTML of the Markdown of articles. It may be used by many goroutines at once.
type Renderer struct {
	md     goldmark.Markdown
	policy *bluemonday.Policy
}

// NewRenderer makes a Renderer. Raw HTML in the Markdown is left out, and what remains passes a policy that knows text, lists, tables,
// links to http, https and mailto, and pictures of the same site; no scripts, styles, frames, forms, or pictures from elsewhere, which
// would tell a stranger who reads what (security S18).
func NewRenderer() *Renderer {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "del",
		"table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^[0-9]{1,6}$`)).OnElements("ol")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|right|center)$`)).OnElements("th", "td")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnFullyQualifiedLinks(true)
	p.RequireNoReferrerOnFullyQualifiedLinks(true)
	p.AllowAttrs("src").Matching(regexp.MustCompile(`^(?:/[A-Za-z0-9_]|[A-Za-z0-9_])[A-Za-z0-9_./-]*$`)).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	return &Renderer{md: newMarkdown(), policy: p}
}

func newMarkdown() goldmark.Markdown {
	return goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.Linkify))
}

// HTML renders Markdown as a safe fragment.
func (r *Renderer) HTML(markdown string) (string, error) {
	src := []byte(markdown)
	root := r.md.Parser().Parse(text.NewReader(src))
	eachLink(root, func(l *ast.Link) {
		// Articles are files where they are written, and pages without an ending where they are read.
		if d := string(l.Destination); !strings.Contains(d, ":") {
			l.Destination = []byte(strings.TrimSuffix(d, ".md"))
		}
	})
	var out bytes.Buffer
	if err := r.md.Renderer().Render(&out, src, root); err != nil {
		return "", err
	}
	return r.policy.Sanitize(out.String()), nil
}

// Links are the destinations of the links in an article's body, in their order.
func Links(markdown string) []string {
	var out []string
	eachLink(newMarkdown().Parser().Parse(text.NewReader([]byte(markdown))), func(l *ast.Link) { out = append(out, string(l.Destination)) })
	return out
}

func eachLink(root ast.Node, use func(*ast.Link)) {
	// The walker never returns an error: the function below does not make one.
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if l, ok := n.(*ast.Link); ok && entering {
			use(l)
		}
		return ast.WalkContinue, nil
	})
}

// PlainText is what a reader of the rendered Markdown reads: a line a paragraph, list item or table row, without marks, addresses of
// links and raw HTML. It serves the index, the summaries and plain-text letters.
func PlainText(markdown string) string {
	src := []byte(markdown)
	root := newMarkdown().Parser().Parse(text.NewReader(src))
	var b strings.Builder
	newline := func() {
		if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
			b.WriteByte('\n')
		}
	}
	// The walker never returns an error: the function below does not make one.
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if n.Type() == ast.TypeBlock && n.Kind() != extast.KindTableCell {
			newline()
		}
		if !entering {
			if n.Kind() == extast.KindTableCell && n.NextSibling() != nil {
				b.WriteString(" · ")
			}
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.WriteString(unescape(n.Segment.Value(src)))
			if n.HardLineBreak() {
				b.WriteByte('\n')
			} else if n.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.CodeSpan:
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				if t, ok := c.(*ast.Text); ok {
					b.Write(bytes.ReplaceAll(t.Segment.Value(src), []byte("\n"), []byte(" ")))
				}
			}
			return ast.WalkSkipChildren, nil
		case *ast.AutoLink:
			b.Write(n.Label(src))
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			lines := n.Lines()
			for i := range lines.Len() {
				line := lines.At(i)
				b.Write(line.Value(src))
			}
			newline()
			return ast.WalkSkipChildren, nil
		case *ast.HTMLBlock, *ast.RawHTML:
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

// unescape resolves backslash escapes and character references, which goldmark leaves in its tree.
func unescape(raw []byte) string {
	if bytes.IndexByte(raw, '\\') >= 0 {
		out := make([]byte, 0, len(raw))
		for i := 0; i < len(raw); i++ {
			if raw[i] == '\\' && i+1 < len(raw) && strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", raw[i+1]) >= 0 {
				i++
			}
			out = append(out, raw[i])
		}
		raw = out
	}
	return html.UnescapeString(string(raw))
}

// SummaryLength is the most a summary has, in runes: about two lines of a letter.
const SummaryLength = 160

// Summary is the beginning of a plain text, cut at the end of a sentence or else of a word, at most SummaryLength runes long. Short lines at
// the head, which are headings, are passed over when more follows.
func Summary(plain string) string {
	lines := strings.Split(plain, "\n")
	for len(lines) > 1 && !strings.ContainsAny(lines[0], ".:;!?") {
		lines = lines[1:]
	}
	s := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
	if utf8.RuneCountInString(s) <= SummaryLength {
		return s
	}
	r := []rune(s)
	for i := SummaryLength - 1; i >= SummaryLength/3; i-- {
		if strings.ContainsRune(".!?", r[i]) && r[i+1] == ' ' {
			return string(r[:i+1])
		}
	}
	for i := SummaryLength - 1; i >= SummaryLength/3; i-- {
		if r[i] == ' ' {
			return strings.TrimRight(string(r[:i]), " ,;:") + "…"
		}
	}
	return string(r[:SummaryLength-1]) + "…"
}
