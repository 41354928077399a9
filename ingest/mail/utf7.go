package mail

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// isUTF7 reports the names of UTF-7 in mails.
func isUTF7(label string) bool {
	return label == "utf-7" || label == "unicode-1-1-utf-7" || label == "x-unicode-2-0-utf-7" || label == "csunicode11utf7"
}

// decodeUTF7 reads the words of old Outlook mails (RFC 2152). UTF-7 was given up because it hides markup from those who look for it, so
// a shifted sequence that holds a character of markup or a control character stays as it came, and so does one that is no UTF-16.
func decodeUTF7(b []byte) string {
	var out strings.Builder
	out.Grow(len(b))
	for i := 0; i < len(b); {
		if b[i] != '+' {
			if b[i] < utf8.RuneSelf {
				out.WriteByte(b[i])
			} else {
				out.WriteRune(utf8.RuneError)
			}
			i++
			continue
		}
		end := i + 1
		for end < len(b) && base64Value[b[end]] >= 0 {
			end++
		}
		after := end
		if after < len(b) && b[after] == '-' {
			after++
		}
		switch text, ok := shifted(b[i+1 : end]); {
		case end == i+1 && after > end: // "+-" is a plus sign
			out.WriteByte('+')
		case ok:
			out.WriteString(text)
		default:
			out.Write(b[i:after])
		}
		i = after
	}
	return out.String()
}

// shifted decodes the base64 of one sequence to text that holds nothing of markup.
func shifted(b []byte) (string, bool) {
	var units []uint16
	var bits uint32
	n := 0
	for _, c := range b {
		bits = bits<<6 | uint32(base64Value[c])
		if n += 6; n >= 16 {
			n -= 16
			units = append(units, uint16(bits>>n))
			bits &= 1<<n - 1
		}
	}
	if len(units) == 0 || n >= 6 || bits != 0 {
		return "", false
	}
	var out strings.Builder
	for _, r := range utf16.Decode(units) {
		if r == utf8.RuneError || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '<' || r == '>' || r == '&' || r == 0x7f {
			return "", false
		}
		out.WriteRune(r)
	}
	return out.String(), true
}
