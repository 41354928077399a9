package kb

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/italian"
	"golang.org/x/text/unicode/norm"
)

// maxWord is the longest word kept, in bytes after folding; the rest of a longer one (base64, a URL without breaks) is dropped.
const maxWord = 48

// folder turns text into folded words: lower case, without diacritics, letters and digits only. Its buffer is reused, so that a long
// letter costs no allocation a word.
type folder struct{ buf []byte }

// words calls yield with each word of s. The slice is valid only during the call.
func (f *folder) words(s string, yield func(word []byte)) {
	f.buf = f.buf[:0]
	flush := func() {
		if len(f.buf) > 0 {
			w := f.buf
			if len(w) > maxWord {
				w = w[:maxWord]
				for len(w) > 0 && !utf8.Valid(w) {
					w = w[:len(w)-1]
				}
			}
			yield(w)
			f.buf = f.buf[:0]
		}
	}
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
				f.buf = append(f.buf, c)
			case 'A' <= c && c <= 'Z':
				f.buf = append(f.buf, c+('a'-'A'))
			default:
				flush()
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r == utf8.RuneError:
			flush()
		case isDiacritic(r) || r == 0x00ad: // U+00AD, the soft hyphen, stands inside words
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			f.buf = appendFolded(f.buf, r)
		default:
			flush()
		}
	}
	flush()
}

// isDiacritic tells combining accents of the Latin, Greek and Cyrillic scripts. Marks of other scripts are vowels and stay.
func isDiacritic(r rune) bool { return r >= 0x0300 && r <= 0x036f }

func appendFolded(buf []byte, r rune) []byte {
	switch r {
	case 'ß', 'ẞ':
		return append(buf, "ss"...)
	case 'æ', 'Æ':
		return append(buf, "ae"...)
	case 'œ', 'Œ':
		return append(buf, "oe"...)
	case 'ø', 'Ø':
		return append(buf, 'o')
	case 'ł', 'Ł':
		return append(buf, 'l')
	case 'ı', 'İ':
		return append(buf, 'i')
	}
	var one [utf8.UTFMax]byte
	d := norm.NFKD.Bytes(one[:utf8.EncodeRune(one[:], unicode.ToLower(r))])
	for len(d) > 0 {
		p, n := utf8.DecodeRune(d)
		d = d[n:]
		if p = unicode.ToLower(p); !isDiacritic(p) && (unicode.IsLetter(p) || unicode.IsDigit(p) || unicode.IsMark(p)) {
			buf = utf8.AppendRune(buf, p)
		}
	}
	return buf
}

// stem cuts a folded word to its snowball stem. Folding comes first, so that "qualità" and the "qualita" of a hasty customer agree.
func stem(language, word string) string {
	if strings.ContainsAny(word, "0123456789") {
		return word
	}
	switch language {
	case "it":
		env := snowballstem.NewEnv(word)
		italian.Stem(env)
		return env.Current()
	case "en":
		env := snowballstem.NewEnv(word)
		english.Stem(env)
		return env.Current()
	}
	return word
}

// gramSize is the length of the character sequences, in runes, with one boundary mark at each end of the word.
const gramSize = 4

// grams calls yield with each sequence of gramSize runes of a folded word, packed into a number.
func grams(word []byte, yield func(uint64)) {
	const boundary = ' '
	window := uint64(boundary)
	n := 1
	push := func(r rune) {
		window = window<<16 | uint64(uint16(r)^uint16(r>>16))
		if n++; n >= gramSize {
			yield(window)
		}
	}
	for len(word) > 0 {
		r, size := utf8.DecodeRune(word)
		word = word[size:]
		push(r)
	}
	push(boundary)
}
