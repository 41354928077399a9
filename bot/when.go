package bot

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sportello/sportello/ticketing"
)

// maxSnooze is how far ahead a ticket can be put off.
const maxSnooze = 366 * 24 * time.Hour

// when reads the time that stands behind !ricorda, in the queue's zone: a span (2h, 30m, 3g), a day (oggi, domani, lunedì, 25/11, 25/11/2026,
// 2026-11-25) with or without a time (9, 9:30, alle 14, 2pm), or a time alone (14:30). What follows is rest. A day without a time begins
// when the desk opens.
func when(text string, now time.Time, hours *ticketing.Hours) (at time.Time, rest string, ok bool) {
	zone, err := time.LoadLocation(hours.ZoneName())
	if err != nil {
		zone = time.UTC
	}
	w := &reader{words: strings.Fields(text), now: now.In(zone), hours: hours}
	if at, ok = w.span(); !ok {
		if at, ok = w.dated(); !ok {
			at, ok = w.timed(false)
		}
	}
	if !ok || !at.After(now) || at.Sub(now) > maxSnooze {
		return time.Time{}, "", false
	}
	return at.UTC(), after(text, w.used), true
}

// reader takes words from the front.
type reader struct {
	words []string
	used  int
	now   time.Time
	hours *ticketing.Hours
}

// word is the n-th word as it is compared: in small letters, without accents and without the comma behind it.
func (w *reader) word(n int) string {
	if n >= len(w.words) {
		return ""
	}
	s := strings.TrimRight(w.words[n], ",;.")
	if digits.MatchString(s) {
		return strings.ToLower(s)
	}
	return fold(s)
}

func (w *reader) take(n int) { w.words, w.used = w.words[n:], w.used+n }

// after is what of text stands behind its first n words.
func after(text string, n int) string {
	for text = strings.TrimSpace(text); n > 0 && text != ""; n-- {
		end := strings.IndexFunc(text, unicode.IsSpace)
		if end < 0 {
			return ""
		}
		text = strings.TrimSpace(text[end:])
	}
	return text
}

var (
	digits   = regexp.MustCompile(`\d`)
	spanned  = regexp.MustCompile(`^(\d{1,4})([a-z]+)$`)
	clocked  = regexp.MustCompile(`^(\d{1,2})(?:[:.](\d{2}))?(am|pm)?$`)
	slashed  = regexp.MustCompile(`^(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{4}|\d{2}))?$`)
	isoDated = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})$`)
)

// units are the names of spans in both languages.
var units = map[string]time.Duration{
	"m": time.Minute, "min": time.Minute, "minuti": time.Minute, "minuto": time.Minute, "minutes": time.Minute, "minute": time.Minute,
	"h": time.Hour, "ora": time.Hour, "ore": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"g": 24 * time.Hour, "giorno": 24 * time.Hour, "giorni": 24 * time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"settimana": 7 * 24 * time.Hour, "settimane": 7 * 24 * time.Hour, "w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
}

// span reads "2h" and "2 ore". Days keep the time of day, also over a change of the clock.
func (w *reader) span() (time.Time, bool) {
	first, used := w.word(0), 1
	if first == "tra" || first == "fra" || first == "in" {
		w.take(1)
		first = w.word(0)
	}
	m := spanned.FindStringSubmatch(first)
	if m == nil {
		if second := w.word(1); units[second] > 0 {
			m, used = spanned.FindStringSubmatch(first+second), 2
		}
	}
	if m == nil || units[m[2]] == 0 {
		return time.Time{}, false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n == 0 {
		return time.Time{}, false
	}
	w.take(used)
	if unit := units[m[2]]; unit < 24*time.Hour {
		return w.now.Add(time.Duration(n) * unit), true
	}
	return w.now.AddDate(0, 0, n*int(units[m[2]]/(24*time.Hour))), true
}

// weekdays by their names in both languages, folded, also short.
var weekdays = map[string]time.Weekday{
	"lunedi": 1, "lun": 1, "monday": 1, "mon": 1, "martedi": 2, "mar": 2, "tuesday": 2, "tue": 2, "mercoledi": 3, "mer": 3, "wednesday": 3, "wed": 3,
	"giovedi": 4, "gio": 4, "thursday": 4, "thu": 4, "venerdi": 5, "ven": 5, "friday": 5, "fri": 5, "sabato": 6, "sab": 6, "saturday": 6, "sat": 6,
	"domenica": 0, "dom": 0, "sunday": 0, "sun": 0,
}

// dated reads a day and the time behind it.
func (w *reader) dated() (time.Time, bool) {
	y, m, d := w.now.Date()
	first := w.word(0)
	again := func(time.Time) time.Time { return time.Time{} } // the next such day, if the time has passed on this one
	switch day, named := weekdays[first]; {
	case first == "oggi" || first == "today":
	case first == "domani" || first == "tomorrow":
		d++
	case first == "dopodomani":
		d += 2
	case named:
		d += (int(day) - int(w.now.Weekday()) + 7) % 7
		again = func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
	default:
		var year bool
		if y, m, d, year, named = date(first, y); !named {
			return time.Time{}, false
		}
		if !year {
			again = func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }
		}
	}
	w.take(1)
	hour, minute, timed := w.clock(true)
	at := time.Date(y, m, d, hour, minute, 0, 0, w.now.Location())
	if !timed {
		at = w.hours.Next(at)
	}
	if !at.After(w.now) {
		if at = again(at); at.IsZero() {
			return at, false
		}
	}
	return at, true
}

// date reads 25/11, 25/11/2026 and 2026-11-25; a day that no month has is none.
func date(s string, thisYear int) (y int, m time.Month, d int, year, ok bool) {
	var parts []string
	if x := isoDated.FindStringSubmatch(s); x != nil {
		parts = []string{x[3], x[2], x[1]}
	} else if x := slashed.FindStringSubmatch(s); x != nil {
		parts = x[1:]
	} else {
		return 0, 0, 0, false, false
	}
	d, _ = strconv.Atoi(parts[0])
	month, _ := strconv.Atoi(parts[1])
	if y, year = thisYear, parts[2] != ""; year {
		if y, _ = strconv.Atoi(parts[2]); y < 100 {
			y += 2000
		}
	}
	if month < 1 || month > 12 || d < 1 || d > time.Date(y, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return 0, 0, 0, false, false
	}
	return y, time.Month(month), d, year, true
}

// timed reads a time of today, or of tomorrow if it has passed.
func (w *reader) timed(bare bool) (time.Time, bool) {
	hour, minute, ok := w.clock(bare)
	if !ok {
		return time.Time{}, false
	}
	y, m, d := w.now.Date()
	at := time.Date(y, m, d, hour, minute, 0, 0, w.now.Location())
	if !at.After(w.now) {
		at = time.Date(y, m, d+1, hour, minute, 0, 0, w.now.Location())
	}
	return at, true
}

// clock reads "9:30", "alle 9", "2pm"; bare takes "9" too, which without a day would be too little.
func (w *reader) clock(bare bool) (hour, minute int, ok bool) {
	n := 0
	switch w.word(0) {
	case "alle", "ore", "h", "at", "dalle":
		n, bare = 1, true
	}
	m := clocked.FindStringSubmatch(w.word(n))
	if m == nil || !bare && m[2] == "" && m[3] == "" {
		return 0, 0, false
	}
	hour, _ = strconv.Atoi(m[1])
	minute, _ = strconv.Atoi(m[2])
	switch {
	case m[3] != "" && (hour < 1 || hour > 12):
		return 0, 0, false
	case m[3] == "pm" && hour < 12:
		hour += 12
	case m[3] == "am" && hour == 12:
		hour = 0
	}
	if hour > 23 || minute > 59 {
		return 0, 0, false
	}
	w.take(n + 1)
	return hour, minute, true
}
