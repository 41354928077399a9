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
	// subjectEither is VS: a forward in Danish and Norwegian, an answer in Finnish.
	subjectEither
)

// maxSubjectTag is the longest mark in brackets that is looked over before a prefix.
const maxSubjectTag = 32

// TrimSubject removes reply and forward prefixes of mail.md 8.4 with their counters, repeatedly, also behind a mark in brackets that a list or
// a mail server sets first; the server's warnings go with them. forward reports whether the outermost was a forward's.
func TrimSubject(s string) (base string, forward bool) {
	base, kind := trimSubject(s)
	return base, kind == subjectForward || kind == subjectEither
}

func trimSubject(s string) (base string, kind subjectKind) {
	s = strings.TrimSpace(s)
	tags := ""
	for {
		tag, rest := cutTag(s)
		k, after, ok := cutPrefix(rest)
		if !ok {
			return strings.TrimSpace(tags + s), kind
		}
		if kind == subjectPlain {
			kind = k
		}
		if tag != "" && !warningTags[strings.ToLower(strings.Trim(tag, "[] *-"))] && !strings.Contains(tags, tag) {
			tags += tag + " "
		}
		s = after
	}
}

// cutTag takes "[list]" off the front.
func cutTag(s string) (tag, rest string) {
	if !strings.HasPrefix(s, "[") {
		return "", s
	}
	i := strings.IndexByte(s, ']')
	if i < 0 || i > maxSubjectTag {
		return "", s
	}
	return s[:i+1], strings.TrimSpace(s[i+1:])
}

// cutPrefix takes one prefix off the front.
func cutPrefix(s string) (kind subjectKind, rest string, ok bool) {
	i := strings.IndexAny(s, ":：")
	if i <= 0 || i > 20 {
		return subjectPlain, s, false
	}
	label := strings.ToLower(strings.TrimSpace(s[:i]))
	if j := strings.IndexAny(label, "[("); j > 0 && strings.Trim(label[j:], "[]() 0123456789") == "" {
		label = strings.TrimSpace(label[:j])
	}
	switch {
	case label == "vs":
		kind = subjectEither
	case contains(forwardPrefixes, label):
		kind = subjectForward
	case contains(replyPrefixes, label):
		kind = subjectReply
	default:
		return subjectPlain, s, false
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return kind, strings.TrimSpace(s[i+n:]), true
}

// decide settles what VS meant by the labels of the block below it.
func (k subjectKind) decide(text func() string) subjectKind {
	if k != subjectEither {
		return k
	}
	if strings.Contains(strings.ToLower(text()), "lähettäjä:") {
		return subjectReply
	}
	return subjectForward
}
