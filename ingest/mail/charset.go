package mail

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/unicode/norm"
)

func itoa(n int) string { return strconv.Itoa(n) }

// lookupCharset resolves a declared label by the WHATWG table (C1), then by
// the IANA one. It returns nil for labels that are unknown or must not be
// decoded, UTF-7 above all (C4).
func lookupCharset(label string) encoding.Encoding {
	label = strings.ToLower(strings.Trim(label, " \t\"'"))
	switch label {
	case "", "utf-7", "utf7", "unicode-1-1-utf-7", "csunicode11utf7":
		return nil
	case "gb2312", "gbk", "gb18030", "cp936", "x-gbk":
		return simplifiedchinese.GB18030
	case "hz-gb-2312":
		return simplifiedchinese.HZGB2312
	case "utf-16", "utf16", "ucs-2", "iso-10646-ucs-2":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case "cp932", "ms932", "windows-31j", "x-sjis":
		return japanese.ShiftJIS
	}
	if e, _ := charset.Lookup(label); e != nil && e != encoding.Replacement {
		return e
	}
	if strings.HasPrefix(label, "cp") {
		if e, _ := charset.Lookup("windows-" + label[2:]); e != nil {
			return e
		}
		label = "ibm" + label[2:]
	}
	if e, err := ianaindex.IANA.Encoding(label); err == nil && e != nil {
		return e
	}
	return nil
}

// decodeText turns the bytes of a text part into UTF-8 by the declared label
// (C1–C4). guessed is true when the label was missing with non-ASCII text,
// unknown, or contradicted by the bytes.
func decodeText(b []byte, label string) (s string, guessed bool) {
	label = strings.ToLower(strings.TrimSpace(label))
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		b = b[3:]
		if label == "" {
			label = "utf-8"
		}
	}
	switch label {
	case "utf-8", "utf8":
		if utf8.Valid(b) {
			return string(b), false
		}
		if hasMultibyte(b) {
			return strings.ToValidUTF8(string(b), "\uFFFD"), true
		}
		return decodeWith(charmap.Windows1252, b), true
	case "", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252":
		if isASCII(b) && !bytes.Contains(b, []byte("\x1b$")) {
			return string(b), false
		}
		if label == "" || utf8.Valid(b) || bytes.Contains(b, []byte("\x1b$")) || strings.HasSuffix(label, "ascii") {
			return guessText(b), true
		}
		return decodeWith(charmap.Windows1252, b), false
	}
	if isUTF7(label) {
		return decodeUTF7(b), true
	}
	e := lookupCharset(label)
	if e == nil {
		return guessText(b), true
	}
	return decodeWith(e, b), false
}

// guessText follows C2: byte order mark, strict UTF-8, ISO-2022-JP when its
// escapes are there, else windows-1252.
func guessText(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return decodeWith(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), b)
	case bytes.Contains(b, []byte("\x1b$")) && isASCII(b):
		return decodeWith(japanese.ISO2022JP, b)
	case utf8.Valid(b):
		return string(b)
	case hasMultibyte(b) && mostlyUTF8(b):
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return decodeWith(charmap.Windows1252, b)
}

func decodeWith(e encoding.Encoding, b []byte) string {
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

func isASCII[T ~[]byte | ~string](b T) bool {
	for i := range len(b) {
		if b[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// hasMultibyte reports whether b holds at least one valid sequence of several
// bytes.
func hasMultibyte(b []byte) bool {
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		if r, n := utf8.DecodeRune(b[i:]); r != utf8.RuneError && n > 1 {
			return true
		}
		i++
	}
	return false
}

// mostlyUTF8 reports whether valid sequences outnumber stray bytes nine to one.
func mostlyUTF8(b []byte) bool {
	good, bad := 0, 0
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			bad++
		} else {
			good++
		}
		i += n
	}
	return good > 9*bad
}

// decodeBytes decodes short texts of headers (C8).
func decodeBytes(b []byte, label string) string {
	s, _ := decodeText(b, label)
	return s
}

// cleanText applies C6: NFC, line ends as LF, no control characters but tab
// and line feed.
func cleanText(s string) string {
	dirty := false
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			dirty = true
			break
		}
	}
	if !dirty {
		return s
	}
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == 0x2028 || r == 0x2029 || r == 0x85:
			return '\n'
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfeff:
			return -1
		}
		return r
	}, s)
	return norm.NFC.String(s)
}

// decodeWords decodes the encoded words of a header value and its raw 8-bit
// bytes (RFC 2047, C7, C8). Bytes of neighbours with equal charset and
// encoding are joined before decoding, because characters may be split between
// them. guessed, when not nil, is set if a charset had to be guessed.
func decodeWords(s string, guessed *bool) string {
	if !strings.Contains(s, "=?") {
		if isASCII(s) {
			return s
		}
		if guessed != nil && !utf8.ValidString(s) {
			*guessed = true
		}
		return decodeBytes([]byte(s), "")
	}
	var out strings.Builder
	out.Grow(len(s))
	var pending []byte // bytes of words not yet decoded
	var label string
	flush := func() {
		if label != "" {
			text, g := decodeText(pending, label)
			if g && guessed != nil {
				*guessed = true
			}
			out.WriteString(text)
			pending, label = pending[:0], ""
		}
	}
	for s != "" {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		word, ok := cutWord(s[i:])
		if !ok {
			flush()
			out.WriteString(decodeLiteral(s[:i+2], guessed))
			s = s[i+2:]
			continue
		}
		if label != "" && strings.Trim(s[:i], " \t") == "" {
			if label != word.charset {
				flush()
			}
		} else {
			flush()
			out.WriteString(decodeLiteral(s[:i], guessed))
		}
		label = word.charset
		pending = append(pending, word.data...)
		s = s[i+word.size:]
	}
	flush()
	out.WriteString(decodeLiteral(s, guessed))
	return out.String()
}

func decodeLiteral(s string, guessed *bool) string {
	if isASCII(s) {
		return s
	}
	if guessed != nil && !utf8.ValidString(s) {
		*guessed = true
	}
	return decodeBytes([]byte(s), "")
}

type encodedWord struct {
	charset string
	data    []byte
	size    int // octets of the word in the header
}

// maxEncodedWord is far above the 75 octets of RFC 2047, since many senders
// exceed them.
const maxEncodedWord = 4096

// cutWord reads the encoded word at the start of s.
func cutWord(s string) (encodedWord, bool) {
	limit := s
	if len(limit) > maxEncodedWord {
		limit = limit[:maxEncodedWord]
	}
	q1 := strings.IndexByte(limit[2:], '?')
	if q1 <= 0 || q1 > 60 {
		return encodedWord{}, false
	}
	q1 += 2
	if len(limit) < q1+4 || limit[q1+2] != '?' {
		return encodedWord{}, false
	}
	end := strings.Index(limit[q1+3:], "?=")
	if end < 0 {
		return encodedWord{}, false
	}
	text := limit[q1+3 : q1+3+end]
	w := encodedWord{size: q1 + 3 + end + 2}
	w.charset, _, _ = strings.Cut(strings.ToLower(limit[2:q1]), "*")
	if w.charset == "" {
		return encodedWord{}, false
	}
	switch limit[q1+1] {
	case 'q', 'Q':
		w.data = make([]byte, 0, len(text))
		for i := 0; i < len(text); i++ {
			switch {
			case text[i] == '_':
				w.data = append(w.data, ' ')
			case text[i] == '=' && i+2 < len(text) && unhex(text[i+1]) >= 0 && unhex(text[i+2]) >= 0:
				w.data = append(w.data, byte(unhex(text[i+1])<<4|unhex(text[i+2])))
				i += 2
			default:
				w.data = append(w.data, text[i])
			}
		}
	case 'b', 'B':
		text = strings.Map(func(r rune) rune {
			if base64Value[byte(r)&0x7f] < 0 || r >= utf8.RuneSelf {
				return -1
			}
			return r
		}, text)
		if len(text)%4 == 1 {
			text = text[:len(text)-1]
		}
		b, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return encodedWord{}, false
		}
		w.data = b
	default:
		return encodedWord{}, false
	}
	return w, true
}
