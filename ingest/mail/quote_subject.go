package mail

import (
	"strings"
	"unicode/utf8"
)

// subjectKind is what the outermost prefix of a subject says.
type subjectKind uint8

const (
	subjectPlain subjectKind = iota
	subjectReply
	subjectForward
)

// TrimSubject removes reply and forward prefixes of mail.md 8.4 with their
// counters, repeatedly. forward reports whether the outermost was a forward's.
func TrimSubject(s string) (base string, forward bool) {
	base, kind := trimSubject(s)
	return base, kind == subjectForward
}

func trimSubject(s string) (base string, kind subjectKind) {
	s = strings.TrimSpace(s)
	for first := true; ; first = false {
		i := strings.IndexAny(s, ":：")
		if i <= 0 || i > 20 {
			return s, kind
		}
		label := strings.ToLower(strings.TrimSpace(s[:i]))
		if j := strings.IndexAny(label, "[("); j > 0 && strings.Trim(label[j:], "[]() 0123456789") == "" {
			label = strings.TrimSpace(label[:j])
		}
		forward := contains(forwardPrefixes, label)
		if !forward && !contains(replyPrefixes, label) {
			return s, kind
		}
		if first {
			kind = subjectReply
			if forward {
				kind = subjectForward
			}
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		s = strings.TrimSpace(s[i+n:])
	}
}
