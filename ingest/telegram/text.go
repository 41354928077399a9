package telegram

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// entity marks a part of a text. Its place is counted in UTF-16 code units [/bots/api#messageentity].
type entity struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	URL    string `json:"url"`
}

// words are what a message says as plain text. What is no text but says something stands as signs that need no translation.
func (m *message) words() string {
	var parts []string
	add := func(s string) {
		if s = strings.TrimSpace(clean(s)); s != "" {
			parts = append(parts, s)
		}
	}
	add(linked(m.Text, m.Entities))
	add(linked(m.Caption, m.Captions))
	if s := m.Sticker; s != nil {
		add(s.Emoji)
	}
	if v := m.Venue; v != nil {
		add("📍 " + v.Title + ", " + v.Address)
	}
	if l := m.Location; l != nil {
		add(fmt.Sprintf("📍 %.6f, %.6f", l.Lat, l.Lon))
	}
	if c := m.Contact; c != nil {
		add("👤 " + strings.TrimSpace(c.First+" "+c.Last) + " " + c.Phone)
	}
	if p := m.Poll; p != nil {
		add("📊 " + p.Question)
	}
	if d := m.Dice; d != nil {
		add(fmt.Sprintf("%s %d", d.Emoji, d.Value))
	}
	return strings.Join(parts, "\n")
}

// linked writes the address behind a link whose words do not show it: "here (https://…)". Other marks only change how words look.
func linked(text string, marks []entity) string {
	links := slices.DeleteFunc(slices.Clone(marks), func(e entity) bool {
		return e.Type != "text_link" || !strings.HasPrefix(e.URL, "http://") && !strings.HasPrefix(e.URL, "https://")
	})
	if len(links) == 0 {
		return text
	}
	slices.SortStableFunc(links, func(a, b entity) int { return b.Offset - a.Offset }) // from the end, so that places before stay true
	units := utf16.Encode([]rune(text))
	last := len(units)
	for _, e := range links {
		end := e.Offset + e.Length
		if e.Offset < 0 || e.Length <= 0 || end < 0 || end > last {
			continue
		}
		last = e.Offset
		if label := string(utf16.Decode(units[e.Offset:end])); strings.TrimSuffix(label, "/") == strings.TrimSuffix(e.URL, "/") {
			continue
		}
		units = slices.Insert(units, end, utf16.Encode([]rune(" ("+e.URL+")"))...)
	}
	return string(utf16.Decode(units))
}

// clean takes out what no reader sees and no database takes: control characters but line ends and tabs.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n"), "\r", "\n")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// units is the length of a text as Telegram counts it.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// pieces cuts a text into pieces of at most most units, at an empty line, a line end or a blank where there is one in the second half.
func pieces(text string, most int) (out []string) {
	text = strings.TrimSpace(text)
	for units(text) > most {
		cut, n := 0, 0
		for i, r := range text {
			if n += max(utf16.RuneLen(r), 1); n > most {
				cut = i
				break
			}
		}
		head := text[:cut]
		for _, end := range []string{"\n\n", "\n", " "} {
			if i := strings.LastIndex(head, end); i > cut/2 {
				head = text[:i]
				break
			}
		}
		out = append(out, strings.TrimSpace(head))
		text = strings.TrimSpace(text[len(head):])
	}
	if text != "" {
		out = append(out, text)
	}
	return out
}

// cutUnits keeps the beginning of a text.
func cutUnits(s string, most int) string {
	if units(s) <= most {
		return s
	}
	return pieces(s, most-1)[0] + "…"
}
