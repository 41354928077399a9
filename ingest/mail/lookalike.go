package mail

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// confusables are letters of other scripts that look like a Latin one in common fonts, in lower case (Unicode UTS 39).
var confusables = map[rune]rune{
	'а': 'a', 'в': 'b', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'н': 'h', 'і': 'i', 'ї': 'i', 'ј': 'j', 'к': 'k', 'ӏ': 'l', 'м': 'm', 'о': 'o', 'р': 'p', 'ԛ': 'q', 'ѕ': 's', 'т': 't', 'ѵ': 'v',
	'ԝ': 'w', 'х': 'x', 'у': 'y', 'ѐ': 'e', 'ё': 'e',
	'α': 'a', 'β': 'b', 'ε': 'e', 'ι': 'i', 'κ': 'k', 'μ': 'm', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x', 'ζ': 'z', 'ϲ': 'c', 'ϳ': 'j',
	'ı': 'i', 'ɡ': 'g', 'օ': 'o', 'ո': 'n', 'հ': 'h', 'ս': 'u', 'ց': 'g', 'ʟ': 'l',
}

// skeleton is what a name looks like: two names with the same skeleton are taken for each other. Case, accents and spacing do not count.
func skeleton(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFKD.String(strings.Join(strings.Fields(s), " ")) {
		r = unicode.ToLower(r)
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		if c, ok := confusables[r]; ok {
			r = c
		}
		b.WriteRune(r)
	}
	return b.String()
}

// lookalikeName reports a name that a stranger gives himself to be taken for somebody else: one of ours, or an address that is not his (S28).
func (r *Reader) lookalikeName(p *Person) bool {
	if p.Name == "" {
		return false
	}
	if strings.Contains(p.Name, "@") && !strings.Contains(strings.ToLower(p.Name), strings.ToLower(p.Address)) {
		return true
	}
	if len(r.OwnNames) == 0 {
		return false
	}
	if _, _, own := r.Own.match(p.Parsed); own || r.Agents[strings.ToLower(p.Address)] {
		return false
	}
	for _, a := range r.OwnNames {
		// Most names differ in length by more than any confusion makes up for.
		if len(a) <= 2*len(p.Name) && len(p.Name) <= 4*len(a) && skeleton(a) == skeleton(p.Name) {
			return true
		}
	}
	return false
}

// lookalikeDomain reports an international domain (A-labels) that mixes scripts no language mixes, that looks Latin and is not, or that
// looks like a domain of ours (S28).
func (r *Reader) lookalikeDomain(domain string) bool {
	if !strings.Contains("."+domain, ".xn--") {
		return false
	}
	shown, err := idna.Punycode.ToUnicode(domain)
	if err != nil {
		return true
	}
	for label := range strings.SplitSeq(shown, ".") {
		if !isASCII(label) && (mixesScripts(label) || looksLatin(label)) {
			return true
		}
	}
	for _, own := range r.Own.list() {
		if own.Domain != domain && skeleton(own.Domain) == skeleton(shown) {
			return true
		}
	}
	return false
}

// scripts are told apart as far as spoofing needs it; Chinese, Japanese and Korean go with each other and with Latin (UTS 39 section 5.2).
var scripts = []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Hebrew, unicode.Arabic, unicode.Georgian, unicode.Cherokee}

func mixesScripts(label string) bool {
	seen, other := 0, false
	for _, r := range label {
		if unicode.Is(unicode.Common, r) || unicode.Is(unicode.Inherited, r) {
			continue
		}
		known := false
		for i, s := range scripts {
			if unicode.Is(s, r) {
				seen |= 1 << i
				known = true
				break
			}
		}
		other = other || !known
	}
	return seen&(seen-1) != 0 || other && seen > 1
}

// looksLatin: every letter is of another script and has a Latin twin.
func looksLatin(label string) bool {
	letters := 0
	for _, r := range label {
		if !unicode.IsLetter(r) {
			continue
		}
		if _, ok := confusables[r]; !ok || unicode.Is(unicode.Latin, r) {
			return false
		}
		letters++
	}
	return letters > 0
}
