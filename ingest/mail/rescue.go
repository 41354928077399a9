package mail

import (
	"bytes"
	"strings"
)

// rescue shows what a mail without words and files holds besides: the text before and after its parts, else the empty parts themselves,
// so that an agent sees that something came.
func (m *Mail) rescue(top *entity, limits Limits) {
	if top.isMultipart() {
		m.Text = joinLines(m.looseLines(top.body, limits.Text))
		m.Visible = m.Text
	}
	if m.Text != "" {
		m.flag("repaired")
		m.rule("2.3", ruleOutsideParts)
		return
	}
	var empty []*entity
	topParts(top, func(e *entity) {
		if !e.isMultipart() && len(empty) < limits.Files {
			empty = append(empty, e)
		}
	})
	m.listFiles(empty, nil, limits)
}

// looseLines are the words of a body whose parts were not told apart: what is neither a delimiter nor a header field, at most limit octets.
func (m *Mail) looseLines(body []byte, limit int) (lines []textLine) {
	var kept []byte
	for line := range bytes.Lines(body) {
		if bytes.HasPrefix(line, []byte("--")) {
			continue
		}
		if name := fieldName(line); name != "" && len(line) < 2000 && name == headerLabel(string(line)) {
			continue
		}
		if len(kept) == 0 && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if kept = append(kept, line...); len(kept) > limit {
			m.flag("text_cut")
			kept = kept[:limit]
			break
		}
	}
	s, guessed := decodeText(kept, "")
	if guessed {
		m.flag("charset_guessed")
	}
	if s = cleanText(s); len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	for l := range strings.SplitSeq(s, "\n") {
		lines = append(lines, textLine{text: l})
	}
	return lines
}
