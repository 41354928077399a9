package mail

import (
	"strings"
)

func stripEnriched(s string) string {
	var b strings.Builder
	closed := true // another </param> may follow
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		if strings.HasPrefix(s, "<") {
			b.WriteByte('<')
			s = s[1:]
			continue
		}
		j := strings.IndexByte(s, '>')
		if j < 0 || j > 60 {
			b.WriteByte('<')
			continue
		}
		if closed && strings.EqualFold(s[:j], "param") {
			k := indexFold(s, "</param>")
			if closed = k >= 0; closed {
				j = k + len("</param>") - 1
			}
		}
		s = s[j+1:]
	}
}

func indexFold(s, tag string) int {
	for i := 0; ; i++ {
		k := strings.IndexByte(s[i:], '<')
		if k < 0 || len(s)-i-k < len(tag) {
			return -1
		}
		if i += k; strings.EqualFold(s[i:i+len(tag)], tag) {
			return i
		}
	}
}
