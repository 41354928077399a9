package ticketing

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// numbers of five digits or more.
var numbers = []*regexp.Regexp{
	// Five digits or more whatever separates them: telephones, VAT numbers, cards, dates, order numbers.
	regexp.MustCompile(`\+?\(?\d(?:[ .,/()\-–_:]{0,3}\d){4,}\)?`),
	// Mixed codes that hold five digits or more: plates of orders and serial numbers.
	regexp.MustCompile(`\b[\p{L}\d\-_/]*\d{5,}[\p{L}\d\-_/]*\b`),
}

// Patterns of what a learnt question must not hold. Each is removed, never masked: a mask would be a word that the ranking finds.
// They are meant to take too much rather than too little; what is left is for searching, not for reading.
var redactions = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\b(?:https?|ftp)://\S+|\bwww\.\S+`),
	regexp.MustCompile(`[^\s@<>"(),;:]+@[^\s@<>"(),;]+`),
	regexp.MustCompile(`(?i)[\p{L}\d._\-]+\s?[(\[]\s?(?:at|chiocciola)\s?[)\]]\s?[\p{L}\d._\-]+`),
	// IBAN (ISO 13616), in one piece or in groups of four.
	regexp.MustCompile(`(?i)\b[A-Z]{2}\d{2}(?:[ \-]?[A-Z0-9]{4}){2,7}(?:[ \-]?[A-Z0-9]{1,4})?\b`),
	// Codice fiscale of a person (D.M. 12 March 1974), with its digits also as the letters of omocodia, perhaps in groups.
	regexp.MustCompile(`(?i)\b[A-Z]{3}[ \-./]?[A-Z]{3}[ \-./]?[0-9LMNPQRSTUV]{2}[ \-./]?[A-EHLMPRST][ \-./]?[0-9LMNPQRSTUV]{2}[ \-./]?[A-Z][0-9LMNPQRSTUV]{3}[ \-./]?[A-Z]\b`),
	regexp.MustCompile(`(?i)\b(?:via|viale|v\.le|piazza|p\.zza|p\.za|piazzale|corso|c\.so|largo|vicolo|strada|contrada|loc\.|località|frazione|borgo|lungomare)(?:\s+[\p{L}'’.]+){1,5}\s*,?\s*(?:n\.?\s*|nr\.?\s*)?\d{1,4}\s?(?:[a-z]\b|/\w+)?`),
	regexp.MustCompile(`\b(?:Via|Viale|Piazza|Piazzale|Corso|Largo|Vicolo|Contrada|Borgo|Lungomare)\s+(?:(?:d[aei]l?l?[aeio]?|dell['’]|di|San|Santa|\p{Lu}[\p{L}'’.]*)\s*)+`),
	regexp.MustCompile(`\b\d{1,5}[a-z]?,?\s+(?:\p{Lu}[\p{L}'’]*\s+){1,4}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Square|Sq|Way|Court|Boulevard|Blvd|Place|Terrace|Close)\b\.?`),
	// A title and the name after it.
	regexp.MustCompile(`(?i:\b(?:sig|sigg|sig\.ra|sig\.na|sigra|signor|signora|signore|signorina|dott|dott\.ssa|dottor|dottore|dottoressa|ing|avv|rag|geom|arch|prof|prof\.ssa|mr|mrs|ms|miss|dr|sir|madam))\.?\s+\p{Lu}[\p{L}'’]+(?:\s+\p{Lu}[\p{L}'’]+){0,2}`),
	// People who say who they are.
	regexp.MustCompile(`(?i:\b(?:mi chiamo|my name is|il mio nome è|name['’]s))\s+[\p{L}'’]+(?:\s+\p{Lu}[\p{L}'’]+){0,3}`),
	regexp.MustCompile(`(?i:\b(?:sono|qui è|parla|i am|i['’]m|this is))\s+\p{Lu}[\p{L}'’]*(?:\s+\p{Lu}[\p{L}'’]*){0,3}`),
	// A greeting with a name: "Ciao Luca,".
	regexp.MustCompile(`(?im:^[ \t]*(?:buongiorno|buonasera|buon pomeriggio|gentile|gentili|egregio|spett\.?le|ciao|salve|caro|cara|dear|hi|hello|hey|good morning|good afternoon))(?:[ \t]+(?-i:\p{Lu}[\p{L}'’.]*)){1,4}[ \t]*[,!.:]?`),
}

// farewells begin what stands at a letter's end: nothing after them is a question.
var farewells = regexp.MustCompile(`(?im)^[ \t]*(?:cordiali saluti|distinti saluti|un saluto|saluti|cordialmente|buona giornata|buon lavoro|grazie e (?:cordiali )?saluti|best regards|kind regards|regards|best wishes|yours (?:sincerely|faithfully)|sincerely|cheers|many thanks)\b.*$`)

// sentenceFarewells begin the end of a letter where they stand alone or nearly so, and sentences where they do not.
var sentenceFarewells = regexp.MustCompile(`(?i)^[ \t]*(?:in attesa di|inviato da|sent from)(?:\s+\S+){0,3},?[ \t]*$`)

// quotedBy is the line above what somebody else wrote.
var quotedBy = regexp.MustCompile(`(?i)(?:ha scritto|wrote|schrieb|a écrit|escribió)\s*[:：]\s*$`)

// nameLine is a last line of nothing but a name.
var nameLine = regexp.MustCompile(`^\s*[-–—~]*\s*(?:\p{Lu}[\p{L}'’.]*\s*){1,4}$`)

// maxRedacted is how much of a text is looked at, in bytes; the rest of a longer one is left out. More than enough for MaxLessonText.
const maxRedacted = 8 * MaxLessonText

// leftover is the punctuation around what was removed.
var leftover = regexp.MustCompile(`\s*([,;:.])(?:\s*[,;:.])*(?:\s|$)|\s*\(\s*\)`)

// Redact takes personal data out of a question before it is learnt (kb.md 5): addresses of every kind, telephones, every number of five
// digits or more, IBAN and codice fiscale, names after titles and greetings and at the end, and the given names wherever they stand as
// names. names are those that the desk knows: the writer's, as one string each. The result is at most MaxLessonText bytes of plain text in
// one line; it is "" when nothing is left.
func Redact(text string, names ...string) string {
	if len(text) > maxRedacted {
		text = strings.ToValidUTF8(text[:maxRedacted], "")
	}
	// An invisible character inside a number or a name would hide it from every pattern.
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		case r > unicode.MaxASCII && unicode.IsDigit(r):
			return '0' // the patterns know the figures of ASCII; which one it was is taken out anyway
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", "\n"))
	names = boundNames(names)
	text = strings.Join(ownLines(strings.Split(strings.TrimRight(text, "\n "), "\n"), names), "\n")
	for _, re := range slices.Concat(redactions, numbers) {
		text = re.ReplaceAllString(text, " ")
	}
	text = withoutNames(text, names)
	for _, re := range numbers { // a name may have stood inside one
		text = re.ReplaceAllString(text, " ")
	}
	text = strings.Join(strings.Fields(text), " ")
	text = strings.Trim(leftover.ReplaceAllString(text, "$1 "), " ,;:-–(")
	if len(text) > MaxLessonText {
		text = strings.ToValidUTF8(text[:MaxLessonText], "")
	}
	if !strings.ContainsFunc(text, unicode.IsLetter) {
		return ""
	}
	return text
}

// Bounds of what the desk knows as a name: a display name is the sender's to choose.
const (
	maxNameBytes = 200
	maxNameWords = 8
)

func boundNames(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if len(n) > maxNameBytes {
			n = strings.ToValidUTF8(n[:maxNameBytes], "")
		}
		out = append(out, n)
	}
	return out
}

// nameParts are the words of a name or of the local part of an address.
func nameParts(name string) []string {
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		name = name[:at]
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) })
	return parts[:min(len(parts), maxNameWords)]
}

// maxNameLines is how many lines at the end can be names.
const maxNameLines = 2

// ownLines leaves out what is not the question: quoted lines, farewells with all below, a signature, and lines at the end with a name in them. A
// line of capitalised words alone is no name: "LA CASSA NON STAMPA" is the question.
func ownLines(lines, names []string) []string {
	own := lines[:0]
	for i, line := range lines {
		switch trimmed := strings.TrimSpace(line); {
		case i > 0 && (trimmed == "--" || farewells.MatchString(line) || sentenceFarewells.MatchString(line)):
			return withoutNameLines(own, names)
		case strings.HasPrefix(trimmed, ">"), quotedBy.MatchString(line):
		default:
			own = append(own, line)
		}
	}
	return withoutNameLines(own, names)
}

func withoutNameLines(lines, names []string) []string {
	known := map[string]bool{}
	for _, n := range names {
		for _, w := range nameParts(n) {
			known[strings.ToLower(w)] = utf8.RuneCountInString(w) > 1
		}
	}
	for cut := 0; len(lines) > 1 && cut < maxNameLines; {
		last := lines[len(lines)-1]
		if strings.TrimSpace(last) != "" {
			if !nameLine.MatchString(last) || !slices.ContainsFunc(nameParts(last), func(w string) bool { return known[strings.ToLower(w)] }) {
				break
			}
			cut++
		}
		lines = lines[:len(lines)-1]
	}
	return lines
}

// withoutNames removes the parts of known names where they are written as names: with a capital letter, or all of a name in a row.
func withoutNames(text string, names []string) string {
	parts := map[string]bool{}
	for _, name := range names {
		words := nameParts(name)
		if len(words) > 1 {
			whole := make([]string, len(words))
			for i, w := range words {
				whole[i] = regexp.QuoteMeta(w)
			}
			text = regexp.MustCompile(`(?i)(^|[^\p{L}])`+strings.Join(whole, `[\s'’\-]+`)+`($|[^\p{L}])`).ReplaceAllString(text, "$1 $2")
		}
		for _, w := range words {
			if utf8.RuneCountInString(w) > 1 {
				parts[strings.ToLower(w)] = true
			}
		}
	}
	var b strings.Builder
	word := func(w string) {
		first, _ := utf8.DecodeRuneInString(w)
		if unicode.IsUpper(first) && parts[strings.ToLower(w)] {
			w = " "
		}
		b.WriteString(w)
	}
	start := -1
	for i, r := range text {
		if unicode.IsLetter(r) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			word(text[start:i])
			start = -1
		}
		b.WriteRune(r)
	}
	if start >= 0 {
		word(text[start:])
	}
	return b.String()
}
