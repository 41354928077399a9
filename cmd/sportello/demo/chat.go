package demo

import (
	"encoding/json"
	"html"
	"html/template"
	"regexp"
	"strings"

	"github.com/sportello/sportello/ingest/slack/slacktest"
)

// emojis are those that the helpdesk's cards and signs use, and those an agent is likely to try. Others keep their names.
var emojis = strings.NewReplacer(":email:", "✉️", ":eyes:", "👀", ":white_check_mark:", "✅", ":lock:", "🔒", ":incoming_envelope:", "📨", ":warning:", "⚠️",
	":hourglass_flowing_sand:", "⏳", ":arrows_counterclockwise:", "🔄", ":large_blue_circle:", "🔵", ":large_green_circle:", "🟢", ":red_circle:", "🔴",
	":rotating_light:", "🚨", ":speech_balloon:", "💬", ":paperclip:", "📎", ":link:", "🔗", ":thumbsup:", "👍", ":+1:", "👍")

// angled is what Slack writes between angle brackets: mentions, links, dates (docs.slack.dev/messaging/formatting-message-text).
var angled = regexp.MustCompile(`<([^<>|]+)(?:\|([^<>]*))?>`)

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// plain is mrkdwn as words only.
func plain(s string) string {
	s = angled.ReplaceAllStringFunc(s, func(m string) string {
		p := angled.FindStringSubmatch(m)
		if p[2] != "" {
			return p[2]
		}
		return strings.TrimPrefix(p[1], "mailto:")
	})
	lines := strings.Split(emojis.Replace(s), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(strings.TrimPrefix(l, ">"))
	}
	return unescape.Replace(marks.ReplaceAllString(strings.Join(lines, "\n"), "$1$2$3"))
}

// marks are bold, code and struck text as Slack marks them.
var marks = regexp.MustCompile("\\*([^*\n]+)\\*|`([^`\n]+)`|~([^~\n]+)~")

// mentions puts names in the place of user ids.
func (c *Company) mentions(s string) string {
	for _, a := range c.agents() {
		s = strings.ReplaceAll(s, "@"+a.slack, "@"+a.name)
	}
	return s
}

// mrkdwn is Slack's markup as HTML; everything else in it is escaped.
func (c *Company) mrkdwn(s string) template.HTML {
	var b strings.Builder
	for i, line := range strings.Split(emojis.Replace(s), "\n") {
		if i > 0 {
			b.WriteString("<br>")
		}
		quote := strings.HasPrefix(line, ">") || strings.HasPrefix(line, "&gt;")
		line = strings.TrimPrefix(strings.TrimPrefix(line, ">"), "&gt;")
		if quote {
			b.WriteString(`<span class="quote">`)
		}
		b.WriteString(c.inline(line))
		if quote {
			b.WriteString("</span>")
		}
	}
	return template.HTML(b.String())
}

var inlineMarks = []struct {
	re  *regexp.Regexp
	put string
}{
	{regexp.MustCompile("`([^`]+)`"), "<code>$1</code>"},
	{regexp.MustCompile(`(^|[\s(])\*([^*]+)\*`), "$1<b>$2</b>"},
	{regexp.MustCompile(`(^|[\s(])_([^_]+)_`), "$1<i>$2</i>"},
	{regexp.MustCompile(`(^|[\s(])~([^~]+)~`), "$1<s>$2</s>"},
}

// inline renders one line. Text between the angled forms is Slack's own escaped text, so it is unescaped once and escaped anew.
func (c *Company) inline(line string) string {
	safe := func(s string) string {
		s = html.EscapeString(unescape.Replace(s))
		for _, m := range inlineMarks {
			s = m.re.ReplaceAllString(s, m.put)
		}
		return s
	}
	// The marks may span an angled form, as in *<@U1>*, so the forms are put in after the marks are read.
	var forms []string
	line = angled.ReplaceAllStringFunc(line, func(m string) string {
		p := angled.FindStringSubmatch(m)
		text := p[2]
		switch {
		case strings.HasPrefix(p[1], "@"):
			text = c.mentions(p[1])
		case text == "":
			text = strings.TrimPrefix(p[1], "mailto:")
		}
		forms = append(forms, `<span class="mention">`+html.EscapeString(unescape.Replace(text))+`</span>`)
		return "\x00"
	})
	out := safe(line)
	for _, f := range forms {
		out = strings.Replace(out, "\x00", f, 1)
		out = strings.Replace(out, "\uFFFD", f, 1)
	}
	return out
}

// block is what of Block Kit the helpdesk uses (docs.slack.dev/reference/block-kit).
type block struct {
	Type      string          `json:"type"`
	Text      *blockText      `json:"text"`
	Accessory *element        `json:"accessory"`
	Elements  json.RawMessage `json:"elements"`
}

type blockText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type element struct {
	Type     string          `json:"type"`
	ActionID string          `json:"action_id"`
	Style    string          `json:"style"`
	Text     json.RawMessage `json:"text"`
	Elements []element       `json:"elements"`
	UserID   string          `json:"user_id"`
	Name     string          `json:"name"`
	URL      string          `json:"url"`
}

// label is the text of an element, which is an object for buttons and a string in rich text.
func (e element) label() string {
	var t blockText
	if json.Unmarshal(e.Text, &t) == nil && t.Text != "" {
		return t.Text
	}
	var s string
	_ = json.Unmarshal(e.Text, &s) // absent: empty
	return s
}

// button is a button of a card.
type button struct{ Action, Label, Style string }

// shown is a message as the page shows it.
type shown struct {
	TS, Author, Kind string
	Body             []piece
	Buttons          []button
	Reactions        []reaction
	Files            []string
	Edited           bool
	Bot              bool
}

// piece is a part of a message: main text or the small print.
type piece struct {
	Small bool
	HTML  template.HTML
}

type reaction struct {
	Emoji string
	Count int
}

// show makes a message ready for the page.
func (c *Company) show(m slacktest.Message) shown {
	out := shown{TS: m.TS, Author: m.Username, Bot: m.BotID != "", Edited: m.Edited != nil}
	out.Kind, _ = kindOf(m)
	for _, a := range c.agents() {
		if m.User == a.slack {
			out.Author = a.name
		}
	}
	if out.Author == "" {
		out.Author = "sportello"
	}
	for _, r := range m.Reactions {
		out.Reactions = append(out.Reactions, reaction{Emoji: emojis.Replace(":" + r.Name + ":"), Count: r.Count})
	}
	for _, f := range m.Files {
		out.Files = append(out.Files, f.Name)
	}
	var blocks []block
	if json.Unmarshal(m.Blocks, &blocks) != nil || len(blocks) == 0 || !out.Bot {
		out.Body = []piece{{HTML: c.mrkdwn(m.Text)}}
		return out
	}
	for _, b := range blocks {
		c.showBlock(&out, b)
	}
	return out
}

func (c *Company) showBlock(out *shown, b block) {
	var elements []element
	_ = json.Unmarshal(b.Elements, &elements) // a block without elements has none
	switch b.Type {
	case "section":
		if b.Text != nil {
			out.Body = append(out.Body, piece{HTML: c.mrkdwn(b.Text.Text)})
		}
		if a := b.Accessory; a != nil && a.Type == "button" {
			out.Buttons = append(out.Buttons, button{a.ActionID, a.label(), a.Style})
		}
	case "context":
		var texts []string
		for _, e := range elements {
			texts = append(texts, e.label())
		}
		out.Body = append(out.Body, piece{Small: true, HTML: c.mrkdwn(strings.Join(texts, " · "))})
	case "rich_text":
		var text strings.Builder
		for _, section := range elements {
			for _, e := range section.Elements {
				text.WriteString(e.label())
			}
		}
		out.Body = append(out.Body, piece{HTML: template.HTML(strings.ReplaceAll(html.EscapeString(text.String()), "\n", "<br>"))})
	case "actions":
		for _, e := range elements {
			if e.Type == "button" {
				out.Buttons = append(out.Buttons, button{e.ActionID, e.label(), e.Style})
			}
		}
	}
}
