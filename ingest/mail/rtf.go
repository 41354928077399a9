package mail

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Outlook sends rich text compressed ([MS-OXRTFCP]) and may hide the HTML it was made from in it ([MS-OXRTFEX]).

// rtfDictionary is what every compressed stream begins from ([MS-OXRTFCP] 2.1.2.1).
const rtfDictionary = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0` +
	"\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

// unpackRTF undoes the compression; at most limit octets are kept. ok is false if b is no such stream.
func unpackRTF(b []byte, limit int) (out []byte, ok bool) {
	if len(b) < 16 {
		return nil, false
	}
	size := int(binary.LittleEndian.Uint32(b[4:]))
	kind := binary.LittleEndian.Uint32(b[8:])
	b = b[16:]
	size = min(size, limit)
	switch kind {
	case 0x414c454d: // "MELA": stored
		return b[:min(len(b), max(size, 0))], true
	case 0x75465a4c: // "LZFu"
	default:
		return nil, false
	}
	var window [4096]byte
	at := copy(window[:], rtfDictionary)
	out = make([]byte, 0, min(max(size, 0), 8*len(b)))
	put := func(c byte) {
		out = append(out, c)
		window[at] = c
		at = (at + 1) & 0xfff
	}
	for len(b) > 0 && len(out) < size {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(b) > 0 && len(out) < size; bit++ {
			if flags>>bit&1 == 0 {
				put(b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return out, true
			}
			ref := int(b[0])<<8 | int(b[1])
			b = b[2:]
			from := ref >> 4
			if from == at {
				return out, true // the end mark
			}
			for range ref&0xf + 2 {
				if len(out) >= size {
					break
				}
				put(window[from])
				from = (from + 1) & 0xfff
			}
		}
	}
	return out, true
}

const (
	// maxRTFGroups bounds the nesting that is followed; deeper groups are read as if they were not there.
	maxRTFGroups = 200
	// maxRTFWord is the longest control word ([RTF 1.9.1]: 32 letters).
	maxRTFWord = 32
)

type rtfGroup struct {
	skip    bool // a destination that is no text
	tag     bool // an htmltag: HTML as it was
	starred bool // \* was just seen
	hidden  bool // \htmlrtf: for readers of RTF only
	unicode int  // octets to skip after \u
}

// readRTF returns the HTML an RTF was made from, or its text.
func readRTF(b []byte, limit int) (text string, isHTML bool) {
	isHTML = strings.Contains(string(head(b, 4096)), `\fromhtml1`)
	codec := "windows-1252"
	var out strings.Builder
	var pending []byte // octets of the codepage, not yet decoded
	flush := func() {
		if len(pending) > 0 {
			s, _ := decodeText(pending, codec)
			out.WriteString(s)
			pending = pending[:0]
		}
	}
	cur := rtfGroup{unicode: 1}
	var stack []rtfGroup
	deep, skip := 0, 0
	high := rune(0) // first half of a character beyond 16 bits
	shown := func() bool { return !cur.skip && !cur.hidden }
	write := func(c byte) {
		if skip > 0 {
			skip--
			return
		}
		if shown() {
			pending = append(pending, c)
		}
	}
	for i := 0; i < len(b) && out.Len()+len(pending) < limit; {
		switch c := b[i]; {
		case c == '{':
			i++
			if len(stack) >= maxRTFGroups {
				deep++
				continue
			}
			stack = append(stack, cur)
			cur.starred = false
		case c == '}':
			i++
			if deep > 0 {
				deep--
			} else if n := len(stack); n > 0 {
				cur, stack = stack[n-1], stack[:n-1]
			}
		case c == '\r' || c == '\n':
			i++
		case c != '\\':
			write(c)
			i++
		case i+1 >= len(b):
			i++
		default:
			next := b[i+1]
			if next == '\'' {
				if i+3 < len(b) {
					if v, err := strconv.ParseUint(string(b[i+2:i+4]), 16, 8); err == nil {
						write(byte(v))
					}
				}
				i = min(i+4, len(b))
				continue
			}
			if next < 'a' || next > 'z' {
				switch next {
				case '\\', '{', '}':
					write(next)
				case '~':
					write(' ')
				case '*':
					cur.starred = true
				case '\r', '\n':
					write('\n')
				}
				i += 2
				continue
			}
			word, param, given, end := rtfControl(b, i+1)
			i = end
			starred := cur.starred
			cur.starred = false
			switch word {
			case "par", "line", "row", "page", "sect":
				if shown() && skip == 0 {
					flush()
					if isHTML {
						out.WriteString("\r\n")
					} else {
						out.WriteByte('\n')
					}
				}
			case "tab", "cell":
				write('\t')
			case "lquote", "rquote", "ldblquote", "rdblquote", "bullet", "endash", "emdash":
				if shown() {
					flush()
					out.WriteString(rtfCharacters[word])
				}
			case "u":
				if shown() {
					flush()
					if high != 0 {
						r := utf16.DecodeRune(high, rune(uint16(param)))
						high = 0
						out.WriteRune(r)
					} else if r := rune(uint16(param)); utf16.IsSurrogate(r) {
						high = r
					} else {
						out.WriteRune(r)
					}
				}
				skip = cur.unicode
			case "uc":
				cur.unicode = min(max(param, 0), 16)
			case "ansicpg":
				if name := codepageName(param); name != "" {
					flush()
					codec = name
				}
			case "htmlrtf":
				cur.hidden = !given || param != 0
			case "htmltag":
				cur.tag, cur.skip, cur.hidden = starred, false, false
			case "mhtmltag", "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "footnote", "themedata", "datastore", "listtable":
				cur.skip = true
			case "bin":
				i = min(i+max(param, 0), len(b))
			default:
				if starred {
					cur.skip = true
				}
			}
		}
	}
	flush()
	return out.String(), isHTML
}

var rtfCharacters = map[string]string{"lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•", "endash": "–", "emdash": "—"}

// rtfControl reads a control word that begins at i: its name, its number, and where it ends, with the blank that belongs to it.
func rtfControl(b []byte, i int) (word string, param int, given bool, end int) {
	j := i
	for j < len(b) && j-i < maxRTFWord && b[j] >= 'a' && b[j] <= 'z' {
		j++
	}
	word = string(b[i:j])
	sign := 1
	if j+1 < len(b) && b[j] == '-' && b[j+1] >= '0' && b[j+1] <= '9' {
		sign = -1
		j++
	}
	for digits := 0; j < len(b) && b[j] >= '0' && b[j] <= '9'; j++ {
		given = true
		if digits++; digits <= 9 {
			param = 10*param + int(b[j]-'0')
		}
	}
	if j < len(b) && b[j] == ' ' {
		j++
	}
	return word, sign * param, given, j
}
