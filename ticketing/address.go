package ticketing

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Address is one e-mail address in the only form sportello works with: a
// dot-atom local part as written and a domain of lower-case A-labels. The zero
// Address is no address. Addresses are made by [ParseAddress] alone, so that
// raw header text never reaches the database, a URL, SMTP or Slack (S30).
type Address struct {
	Local  string
	Domain string
}

// Limits of an address in octets (RFC 5321 section 4.5.3.1, RFC 1035).
const (
	maxLocalPart = 64
	maxDomain    = 253
	maxLabel     = 63
)

// Reasons why a text is no address.
var (
	ErrAddressForm   = errors.New("not an address: want local@domain")
	ErrAddressLocal  = errors.New("local part is not a dot-atom of at most 64 octets")
	ErrAddressDomain = errors.New("domain is not a host name of at most 253 octets")
)

// ParseAddress reads local@domain by a grammar stricter than RFC 5322 (S26):
// no quotes, comments, percent signs, bang paths, address literals or blanks.
// Non-ASCII letters and digits are accepted in the local part (RFC 6531); an
// internationalised domain is turned into A-labels. The error is one of the
// ErrAddress values.
func ParseAddress(s string) (Address, error) {
	if len(s) > 4*(maxLocalPart+maxDomain) || !utf8.ValidString(s) {
		return Address{}, ErrAddressForm
	}
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at == len(s)-1 {
		return Address{}, ErrAddressForm
	}
	local, domain := norm.NFC.String(s[:at]), s[at+1:]
	if !validLocalPart(local) {
		return Address{}, ErrAddressLocal
	}
	ascii, ok := asciiDomain(domain)
	if !ok {
		return Address{}, ErrAddressDomain
	}
	return Address{Local: local, Domain: ascii}, nil
}

// String returns local@domain, or nothing for the zero Address.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	return a.Local + "@" + a.Domain
}

// IsZero reports whether a is no address.
func (a Address) IsZero() bool { return a.Local == "" || a.Domain == "" }

// Key is the name under which a contact with this address is found: the exact
// local part and the lower-case A-label domain (S28).
func (a Address) Key() string { return a.String() }

// validLocalPart accepts dot-atoms of RFC 5322 section 3.2.3 without percent
// sign and exclamation mark, which relays once used for routing.
func validLocalPart(s string) bool {
	if s == "" || len(s) > maxLocalPart || s[0] == '.' || s[len(s)-1] == '.' {
		return false
	}
	prev := rune(0)
	for _, r := range s {
		switch {
		case r == '.':
			if prev == '.' {
				return false
			}
		case r < utf8.RuneSelf:
			if !asciiLetterOrDigit(byte(r)) && !strings.ContainsRune("#$&'*+-/=?^_`{|}~", r) {
				return false
			}
		case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r):
		default:
			return false
		}
		prev = r
	}
	return true
}

func asciiLetterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func asciiDomain(s string) (string, bool) {
	if len(s) > 4*maxDomain {
		return "", false
	}
	ascii := strings.ToLower(s)
	if !isASCII(s) || strings.HasPrefix(ascii, "xn--") || strings.Contains(ascii, ".xn--") {
		a, err := idna.Lookup.ToASCII(s)
		if err != nil {
			return "", false
		}
		ascii = strings.ToLower(a)
	}
	if len(ascii) > maxDomain {
		return "", false
	}
	numeric := true
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return "", false
		}
		numeric = true
		for i := range len(label) {
			c := label[i]
			if !asciiLetterOrDigit(c) && c != '-' && c != '_' {
				return "", false
			}
			if c < '0' || c > '9' {
				numeric = false
			}
		}
	}
	// A numeric last label is an IPv4 address written without brackets.
	return ascii, !numeric
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// MaxNameLength is the number of characters kept of a name, a subject or any
// other single line shown to people (S28).
const MaxNameLength = 200

// CleanName makes a display name or a subject safe to show on one line (S28):
// NFC, white space and line ends folded into single blanks, control
// characters, bidirectional controls, zero-width and tag characters removed,
// at most [MaxNameLength] characters.
func CleanName(s string) string {
	return cutRunes(strings.Join(strings.Fields(strip(s, true)), " "), MaxNameLength)
}

// strip returns s as valid UTF-8 in NFC without invisible characters. White
// space other than the blank becomes a blank when blanks is set and is removed
// otherwise.
func strip(s string, blanks bool) string {
	clean := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\v' || r == '\f' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029:
			if blanks {
				return ' '
			}
			return -1
		case invisible(r):
			return -1
		}
		return r
	}, s)
	return norm.NFC.String(s)
}

// invisible reports control characters of C0 and C1, bidirectional controls,
// zero-width and tag characters and other code points that show nothing.
func invisible(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0:
		return true
	case r == 0xad, r == 0x34f, r == 0x61c, r == 0x180e, r == 0xfeff:
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f:
		return true
	case r >= 0xfff0 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return false
}

func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return strings.TrimRight(s[:i], " ")
		}
		n--
	}
	return s
}
