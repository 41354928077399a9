package mail

import (
	"bytes"
	netmail "net/mail"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/sportello/sportello/ticketing"
)

// Person is an address with its name as a mail gives them.
type Person struct {
	Address string `json:"address"` // best reading, domain in lower case
	Name    string `json:"name"`    // decoded and cleaned, may be empty
	// Parsed is the address by the strict grammar; zero when Address is
	// outside it.
	Parsed ticketing.Address `json:"-"`
	// cleaned: characters were removed from the name (S28).
	cleaned bool
}

// addressList is what one address field holds.
type addressList struct {
	people []Person
	group  bool // a group was there (RFC 5322 section 3.4)
	odd    bool // something no strict reader accepts: comments inside, quotes, routes
}

// maxAddresses is the number of addresses read of one field.
const maxAddresses = 1000

// maxNameBytes is how much of what stands before an address is taken for its name.
const maxNameBytes = 1000

// addressScan reads one address list.
type addressScan struct {
	list    addressList
	words   []byte // display name or bare address so far
	at      bool   // an at sign is among the words
	quoted  bool   // a quoted string is
	comment string
	angle   string // what stands in angle brackets
	bracket bool   // there were some
}

// parseAddresses reads an address list leniently and in one pass: unquoted
// commas in names, missing brackets, comments, groups, semicolons as
// separators and encoded words are survived.
func parseAddresses(s string) addressList {
	var a addressScan
	for i := 0; i < len(s) && len(a.list.people) < maxAddresses; {
		switch c := s[i]; c {
		case '"':
			v, rest := unquote(s[i:])
			i = len(s) - len(rest)
			if strings.HasPrefix(rest, "@") {
				// A quoted local part is shown as one, or what stands in it would pass for an address.
				a.list.odd = true
				v = `"` + strings.Join(strings.Fields(v), "_") + `"`
			}
			a.write(v)
			a.quoted = true
		case '(':
			v, rest := skipComment(s[i:])
			end := len(s) - len(rest)
			if end < len(s) && i > 0 && s[i-1] != ' ' && s[i-1] != '>' && s[end] != ' ' && s[end] != ',' || a.at && strings.Contains(v, "@") {
				a.list.odd = true
			}
			a.comment, i = v, end
		case '<':
			end := strings.IndexByte(s[i:], '>')
			if end < 0 {
				a.angle, a.bracket, i = s[i+1:], true, len(s)
				break
			}
			if a.bracket && a.angle != "" {
				a.flush()
			}
			a.angle, a.bracket = s[i+1:i+end], true
			i += end + 1
			for i < len(s) && s[i] == '>' {
				i++
			}
		case ':':
			if n := len(a.words) - len("mailto"); n >= 0 && strings.EqualFold(string(a.words[n:]), "mailto") {
				a.words = a.words[:n]
			} else if a.bracket || a.at {
				a.write(":")
			} else {
				a.list.group = true
				a.words = a.words[:0]
			}
			i++
		case ',', ';':
			a.flush()
			i++
		default:
			end := i + 1
			for end < len(s) && strings.IndexByte("\"(<:,;", s[end]) < 0 {
				end++
			}
			a.write(s[i:end])
			i = end
		}
	}
	a.flush()
	return a.list
}

func (a *addressScan) write(s string) {
	a.at = a.at || strings.IndexByte(s, '@') >= 0
	a.words = append(a.words, s...)
}

// flush ends an address.
func (a *addressScan) flush() {
	switch {
	case a.bracket:
		a.list.add(a.angle, string(bytes.TrimSpace(a.words)), a.comment)
	case a.at:
		addr, name := splitBare(string(bytes.TrimSpace(a.words)))
		a.list.odd = a.list.odd || a.quoted
		a.list.add(addr, name, a.comment)
	default:
		// A piece of a name with an unquoted comma, or an address without domain; it goes before what follows.
		if a.words = bytes.TrimRight(a.words, " \t"); len(a.words) > 0 && len(a.words) < maxNameBytes {
			a.words = append(a.words, ", "...)
			return
		}
	}
	*a = addressScan{list: a.list, words: a.words[:0]}
}

func (l *addressList) add(addr, name, comment string) {
	if name == "" {
		name = comment
	}
	addr = strings.TrimSpace(addr)
	addr = strings.TrimPrefix(addr, "mailto:")
	if strings.ContainsAny(addr, "\"(<") {
		l.odd = true
		addr = dropComments(addr)
	}
	if strings.HasPrefix(addr, "@") {
		// A source route (RFC 5322 section 4.4).
		if i := strings.IndexByte(addr, ':'); i >= 0 {
			addr = addr[i+1:]
		}
	}
	addr = strings.Join(strings.Fields(addr), "")
	p := Person{}
	p.Name, p.cleaned = cleanPersonName(name)
	if a, err := ticketing.ParseAddress(addr); err == nil {
		p.Parsed, p.Address = a, a.String()
	} else {
		addr = decodeWords(addr, nil)
		if i := strings.LastIndexByte(addr, '@'); i >= 0 {
			addr = addr[:i] + strings.ToLower(addr[i:])
		}
		p.Address = ticketing.CleanName(addr)
	}
	if p.Address == "" && p.Name == "" {
		return
	}
	l.people = append(l.people, p)
}

// splitBare takes "name addr@host" without brackets apart.
func splitBare(s string) (addr, name string) {
	f := strings.Fields(s)
	for i := len(f) - 1; i >= 0; i-- {
		if strings.Contains(f[i], "@") {
			addr = strings.Trim(f[i], "'")
			if strings.HasPrefix(addr, "[") {
				addr = strings.Trim(addr, "[]")
			}
			return addr, strings.Join(append(append([]string(nil), f[:i]...), f[i+1:]...), " ")
		}
	}
	return s, ""
}

func cleanPersonName(s string) (name string, cleaned bool) {
	s = decodeWords(strings.TrimSuffix(strings.TrimSpace(s), ","), nil)
	decoded := s
	s = ticketing.CleanName(s)
	cleaned = s != decoded && s != norm.NFC.String(strings.Join(strings.Fields(decoded), " "))
	if len(s) > 1 && (s[0] == '\'' && s[len(s)-1] == '\'' || s[0] == '"' && s[len(s)-1] == '"') {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	return s, cleaned
}

// messageIDs finds the well-formed ids of a field in order (RFC 5322 section
// 3.6.4), with angle brackets and at most 998 octets each.
func messageIDs(s string) []string {
	var ids []string
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			return ids
		}
		s = s[i+1:]
		j := strings.IndexAny(s, "<> \t")
		if j < 0 {
			return ids
		}
		if s[j] == '>' && j > 0 && j < 997 && printable(s[:j]) {
			ids = append(ids, "<"+s[:j]+">")
			s = s[j+1:]
			continue
		}
		s = s[j:]
	}
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// messageID reads the Message-ID field; ids without brackets get them.
func messageID(v string) string {
	if ids := messageIDs(v); len(ids) > 0 {
		return ids[0]
	}
	v = strings.Trim(strings.TrimSpace(v), "<>")
	if v != "" && len(v) < 997 && strings.Contains(v, "@") && !strings.ContainsAny(v, "<>") && printable(v) {
		return "<" + v + ">"
	}
	return ""
}

// zones are the names of zones RFC 5322 section 4.3 and senders use, in hours
// from UTC.
var zones = map[string]int{
	"ut": 0, "utc": 0, "gmt": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6,
	"pst": -8, "pdt": -7, "cet": 1, "cest": 2, "mez": 1, "mesz": 2, "met": 1, "bst": 1, "jst": 9, "west": 1, "eet": 2, "eest": 3,
}

var months = map[string]time.Month{
	"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
	"gen": 1, "mag": 5, "giu": 6, "lug": 7, "ago": 8, "set": 9, "ott": 10, "dic": 12, "okt": 10, "dez": 12, "mai": 5,
}

// parseDate reads a Date field: by RFC 5322 first, then by its parts in any
// order. ok is false when no plausible date is in it.
func parseDate(s string) (t time.Time, ok bool) { return parseDateIn(s, time.UTC) }

// parseDateIn takes a date that names no zone as one of the given zone. It knows the months of the languages of mail.md 8.2.
func parseDateIn(s string, zone *time.Location) (t time.Time, ok bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 200 {
		return t, false
	}
	if t, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", s); err == nil && t.Year() > 1970 && t.Year() < 2200 {
		return t, true // nearly all; the library tries many forms before
	}
	if t, err := netmail.ParseDate(s); err == nil && t.Year() > 1970 && t.Year() < 2200 {
		// An abbreviation that the standard library does not know means UTC to
		// it; the table below may know better.
		if name, offset := t.Zone(); offset != 0 || zones[strings.ToLower(name)] == 0 {
			return t, true
		}
	}
	day, year, clock := 0, 0, -1
	var month time.Month
	early, afternoon, morning := false, false, false // early: the month was named before the day
	for _, w := range strings.FieldsFunc(dropComments(s), func(r rune) bool { return strings.ContainsRune(" ,;\t\u00a0\u202f", r) }) {
		if w = strings.Trim(w, "."); w == "" {
			continue
		}
		lw := strings.ToLower(w)
		switch {
		case strings.Count(w, ":") >= 1 && w[0] >= '0' && w[0] <= '9':
			if i := strings.IndexAny(w, "+-"); i > 0 {
				if o, good := zoneOffset(w[i:]); good {
					zone = time.FixedZone("", o)
				}
				w = w[:i]
			}
			afternoon, morning = afternoon || strings.HasSuffix(lw, "pm"), morning || strings.HasSuffix(lw, "am")
			var n [3]int
			for i, p := range strings.SplitN(strings.ReplaceAll(strings.TrimRight(w, "apmAPM"), ".", ":"), ":", 4) {
				if v, good := number(p); good && i < 3 {
					n[i] = v
				}
			}
			if n[0] < 24 && n[1] < 60 && n[2] <= 60 {
				clock = n[0]*3600 + n[1]*60 + n[2]
			}
		case lw == "pm" || lw == "p.m":
			afternoon = true
		case lw == "am" || lw == "a.m":
			morning = true
		case (w[0] == '+' || w[0] == '-') && len(w) >= 5:
			if o, good := zoneOffset(w); good {
				zone = time.FixedZone("", o)
			}
		case strings.Count(w, "-") == 2 || strings.Count(w, "/") == 2 || strings.Count(w, ".") == 2:
			f := strings.FieldsFunc(w, func(r rune) bool { return r == '-' || r == '/' || r == '.' })
			if len(f) != 3 {
				continue
			}
			a, aok := number(f[0])
			c, cok := number(f[2])
			m, mok := number(f[1])
			if named, is := monthOf(strings.ToLower(f[1])); is {
				m, mok = int(named), true
			}
			if !aok || !cok || !mok {
				continue
			}
			if a > 31 {
				a, c = c, a
			}
			day, month, year = a, time.Month(m), c
		default:
			if v, good := number(w); good {
				if day == 0 && v >= 1 && v <= 31 && len(w) <= 2 {
					day = v
				} else if year == 0 {
					year = v
				}
			} else if m, is := monthOf(lw); is && (month == 0 || early) {
				// "mar" before the day may be a Tuesday, in Italian, French and Spanish.
				month, early = m, day == 0
			} else if h, is := zones[lw]; is {
				zone = time.FixedZone("", h*3600)
			}
		}
	}
	switch {
	case year > 0 && year < 50:
		year += 2000
	case year >= 50 && year < 1000:
		year += 1900
	}
	switch {
	case afternoon && clock >= 0 && clock < 12*3600:
		clock += 12 * 3600
	case morning && clock >= 12*3600 && clock < 13*3600:
		clock -= 12 * 3600
	}
	if day < 1 || day > 31 || month < 1 || month > 12 || year < 1970 || year > 2199 {
		return t, false
	}
	return time.Date(year, month, day, 0, 0, max(clock, 0), 0, zone), true
}

// monthOf knows a month by its whole name or its beginning.
func monthOf(s string) (time.Month, bool) {
	m, ok := monthNames[s]
	if !ok {
		m, ok = months[firstThree(s)]
	}
	return m, ok
}

func firstThree(s string) string {
	if len(s) < 3 {
		return ""
	}
	return s[:3]
}

func number(s string) (int, bool) {
	if s == "" || len(s) > 4 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

func zoneOffset(s string) (seconds int, ok bool) {
	d := strings.ReplaceAll(s[1:], ":", "")
	v, ok := number(d)
	if !ok || len(d) != 4 || v/100 > 14 || v%100 > 59 {
		return 0, false
	}
	seconds = v/100*3600 + v%100*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}
