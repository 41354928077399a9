package slack

import (
	"strings"
	"unicode"
)

// escape makes foreign words harmless in mrkdwn: nothing of them is a mention, a link or a command to Slack any more
// [/messaging/formatting-message-text]. Marks that turn the direction of writing are taken out.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case invisible(r):
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// invisible are marks that reorder text, and control characters other than tab and line end.
func invisible(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c ||
		unicode.IsControl(r) && r != '\n' && r != '\t'
}

// clean is text for places where Slack interprets nothing, such as rich text and plain text objects.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s)
}

// oneLine is for subjects and names: line breaks become spaces.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// cut shortens to at most n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return strings.TrimRightFunc(string(r[:n-1]), unicode.IsSpace) + "…"
}

// cutEscaped escapes and then cuts to n characters, without leaving half an entity.
func cutEscaped(s string, n int) string {
	for limit := n; limit > 0; limit -= 1 + limit/20 {
		if e := escape(cut(s, limit)); len([]rune(e)) <= n {
			return e
		}
	}
	return ""
}

// quoted sets every line of escaped text as a quotation.
func quoted(s string) string { return ">" + strings.ReplaceAll(s, "\n", "\n>") }

// unescape undoes Slack's three entities once.
func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

// mentions tells whether a message's text names a user, a group or the whole channel, and whether it begins with that.
func mentions(text string) (any, first bool) {
	text = strings.TrimSpace(text)
	for i := 0; i < len(text); {
		at := strings.IndexByte(text[i:], '<')
		if at < 0 {
			break
		}
		i += at
		rest := text[i+1:]
		if strings.HasPrefix(rest, "@") || strings.HasPrefix(rest, "!subteam^") || strings.HasPrefix(rest, "!here") ||
			strings.HasPrefix(rest, "!channel") || strings.HasPrefix(rest, "!everyone") {
			any = true
			if i == 0 {
				first = true
			}
		}
		i++
	}
	return any, first
}

// mentioned lists the users a text names.
func mentioned(text string) []string {
	var ids []string
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "<@")
		if !ok {
			return ids
		}
		end := strings.IndexAny(after, "|>")
		if end < 0 {
			return ids
		}
		ids = append(ids, after[:end])
		rest = after[end:]
	}
}

// plain turns a message's text into what a person reads: links with their labels, mentions as names, entities as characters. name
// returns a user's name, or "" when it is unknown.
func plain(text string, name func(id string) string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, "<")
		b.WriteString(unescape(before))
		if !ok {
			break
		}
		token, rest, ok := strings.Cut(after, ">")
		if !ok {
			b.WriteString(unescape("<" + after))
			break
		}
		b.WriteString(spoken(token, name))
		text = rest
	}
	return strings.TrimSpace(emoji.Replace(b.String()))
}

// spoken is the readable form of one token between < and >.
func spoken(token string, name func(string) string) string {
	body, label, labelled := strings.Cut(token, "|")
	label = unescape(label)
	switch {
	case strings.HasPrefix(body, "@"):
		if n := name(body[1:]); n != "" {
			return n
		}
		if labelled {
			return label
		}
		return "@" + body[1:]
	case strings.HasPrefix(body, "#"):
		if labelled && label != "" {
			return "#" + label
		}
		return body
	case strings.HasPrefix(body, "!"):
		if labelled {
			return label
		}
		word, _, _ := strings.Cut(body[1:], "^")
		return "@" + word
	case strings.HasPrefix(body, "mailto:"), strings.HasPrefix(body, "tel:"):
		_, address, _ := strings.Cut(unescape(body), ":")
		if labelled && label != address && label != "" {
			return label + " (" + address + ")"
		}
		return address
	}
	link := unescape(body)
	// Slack labels an address without its scheme when that is how it was typed.
	if !labelled || label == "" || label == link || "http://"+label == link || "https://"+label == link {
		return link
	}
	return label + " (" + link + ")"
}

// emoji are the names people use most in answers; Slack sends names, customers read characters. Names that are marks of ours (:lock:)
// stay as they are: the bot looks for them.
var emoji = strings.NewReplacer(
	":slightly_smiling_face:", "🙂", ":smile:", "😄", ":smiley:", "😃", ":grinning:", "😀", ":wink:", "😉", ":blush:", "😊", ":joy:", "😂",
	":+1:", "👍", ":thumbsup:", "👍", ":-1:", "👎", ":ok_hand:", "👌", ":pray:", "🙏", ":clap:", "👏", ":wave:", "👋", ":heart:", "❤️", ":tada:", "🎉",
	":white_check_mark:", "✅", ":x:", "❌", ":warning:", "⚠️", ":point_right:", "👉", ":point_down:", "👇", ":disappointed:", "😞", ":cry:", "😢",
	":thinking_face:", "🤔", ":rocket:", "🚀", ":fire:", "🔥", ":bulb:", "💡", ":phone:", "☎️", ":email:", "📧", ":sweat_smile:", "😅",
)
