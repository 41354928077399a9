package mail

import (
	"strings"
)

func unflow(s string, delSp bool) string {
	var b strings.Builder
	b.Grow(len(s))
	prev, open, first := 0, false, true
	for line := range strings.SplitSeq(s, "\n") {
		depth := 0
		for depth < len(line) && line[depth] == '>' {
			depth++
		}
		text := strings.TrimPrefix(line[depth:], " ")
		// A change of depth ends a paragraph, and so does the mark of a signature (sections 4.3 and 4.5).
		if open && (depth != prev || text == "-- ") {
			open = false
		}
		if !open && !first {
			b.WriteByte('\n')
		}
		if !open && depth > 0 {
			b.WriteString(line[:depth])
			if text != "" {
				b.WriteByte(' ')
			}
		}
		flowed := strings.HasSuffix(text, " ") && text != "-- "
		if flowed && delSp {
			text = text[:len(text)-1]
		}
		b.WriteString(text)
		open, prev, first = flowed, depth, false
	}
	return b.String()
}
