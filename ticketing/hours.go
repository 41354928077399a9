package ticketing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of an Hours. Together they guarantee that an opening exists within the horizon, so that every loop below ends: a weekday comes
// 52 times a year, recurring holidays can close 40 of them, single dates 400 once.
const (
	maxRecurring = 40
	maxDates     = 400
	// horizonDays bounds how far the arithmetic looks: 100 years.
	horizonDays = 36525
)

// Span is a piece of an ordinary day: minutes since midnight, From included, To excluded, 0 ≤ From < To ≤ 1440.
type Span struct{ From, To int }

// HoursSpec is how opening hours are written in the settings.
type HoursSpec struct {
	// Zone is an IANA time zone, "Europe/Rome".
	Zone string
	// Days maps a weekday ("mon", "monday", "lun", "lunedì"), or a range of them ("mon-fri", "lun-ven"), to its spans: "09:00-13:00,
	// 14:00-18:00". "24:00" ends a day; an empty text closes it; days not named are closed.
	Days map[string]string
	// Holidays close whole days: a named set ("it": the Italian national holidays), a day of every year ("12-07", month and day), a day
	// counted from Easter Sunday ("easter+1", "easter-2"), or one date ("2026-08-14").
	Holidays []string
}

// Hours are the opening hours of a queue: a week, a time zone and holidays, and the arithmetic on them. A nil *Hours is always open.
// Clock changes are respected: durations are the time that really passes while the desk is open.
type Hours struct {
	zone   *time.Location
	week   [7][]Span
	yearly map[monthDay]int // first year in which it is a holiday
	easter map[int]bool     // days after Easter Sunday
	dates  map[date]bool
}

type monthDay struct {
	month time.Month
	day   int
}

type date struct {
	year int
	monthDay
}

// italy is the national holidays: law 260/1949 with its changes; 4 October by law 151/2025 from 2026 on.
func italy() (yearly map[monthDay]int, easter []int) {
	return map[monthDay]int{
		{time.January, 1}: 0, {time.January, 6}: 0, {time.April, 25}: 0, {time.May, 1}: 0, {time.June, 2}: 0, {time.August, 15}: 0,
		{time.October, 4}: 2026, {time.November, 1}: 0, {time.December, 8}: 0, {time.December, 25}: 0, {time.December, 26}: 0,
	}, []int{0, 1}
}

// ParseHours checks a specification. It refuses an unknown zone, day or time, spans that overlap or cross midnight, a week that never
// opens, and more than 40 recurring holidays or 400 single dates. The time zone database must be linked in or installed.
func ParseHours(spec HoursSpec) (*Hours, error) {
	if spec.Zone == "" {
		return nil, fmt.Errorf("hours: set the time zone, for example Europe/Rome")
	}
	zone, err := time.LoadLocation(spec.Zone)
	if err != nil {
		return nil, fmt.Errorf("hours: time zone %q is not in the IANA database; write it like Europe/Rome", spec.Zone)
	}
	h := &Hours{zone: zone, yearly: map[monthDay]int{}, easter: map[int]bool{}, dates: map[date]bool{}}
	seen := [7]string{}
	for key, text := range spec.Days {
		days, err := parseDays(key)
		if err != nil {
			return nil, err
		}
		spans, err := parseSpans(text)
		if err != nil {
			return nil, fmt.Errorf("hours of %s: %w", key, err)
		}
		for _, d := range days {
			if seen[d] != "" {
				return nil, fmt.Errorf("hours: %s is given by both %q and %q; keep one", d, min(seen[d], key), max(seen[d], key))
			}
			seen[d] = key
			h.week[d] = spans
		}
	}
	if !slices.ContainsFunc(h.week[:], func(s []Span) bool { return len(s) > 0 }) {
		return nil, fmt.Errorf("hours: the week never opens; give at least one day its hours, or leave the hours out to be always open")
	}
	for _, text := range spec.Holidays {
		if err := h.addHoliday(strings.ToLower(strings.TrimSpace(text))); err != nil {
			return nil, err
		}
	}
	if n := len(h.yearly) + len(h.easter); n > maxRecurring {
		return nil, fmt.Errorf("hours: %d recurring holidays, at most %d are possible", n, maxRecurring)
	}
	if n := len(h.dates); n > maxDates {
		return nil, fmt.Errorf("hours: %d single dates, at most %d are possible; remove those that are over", n, maxDates)
	}
	return h, nil
}

func parseDays(key string) ([]time.Weekday, error) {
	first, last, ranged := strings.Cut(strings.ToLower(strings.TrimSpace(key)), "-")
	from, ok := weekday(first)
	to := from
	if ok && ranged {
		to, ok = weekday(last)
	}
	if !ok {
		return nil, fmt.Errorf("hours: %q is not a day; write mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri", key)
	}
	days := []time.Weekday{from}
	for d := from; d != to; {
		d = (d + 1) % 7
		days = append(days, d)
	}
	return days, nil
}

func weekday(s string) (time.Weekday, bool) {
	s = strings.TrimSpace(s)
	for d := time.Sunday; d <= time.Saturday; d++ {
		english := strings.ToLower(d.String())
		italian := [...]string{"domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"}[d]
		if s == english || s == english[:3] || s == italian || s == italian[:3] || s == strings.ReplaceAll(italian, "ì", "i") {
			return d, true
		}
	}
	return 0, false
}

func parseSpans(text string) ([]Span, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var spans []Span
	for part := range strings.SplitSeq(text, ",") {
		a, b, ok := strings.Cut(part, "-")
		from, okA := parseClock(a)
		to, okB := parseClock(b)
		switch {
		case !ok || !okA || !okB:
			return nil, fmt.Errorf("%q is not a span; write it like 09:00-13:00", strings.TrimSpace(part))
		case from >= to:
			return nil, fmt.Errorf("%q ends before it starts; a night is written as 22:00-24:00 and 00:00-06:00 of the next day", strings.TrimSpace(part))
		}
		spans = append(spans, Span{from, to})
	}
	slices.SortFunc(spans, func(a, b Span) int { return a.From - b.From })
	for i := 1; i < len(spans); i++ {
		if spans[i].From < spans[i-1].To {
			return nil, fmt.Errorf("the spans of %q overlap", text)
		}
	}
	return spans, nil
}

// parseClock reads "9:00", "09:30" or "24:00" as minutes since midnight.
func parseClock(s string) (int, bool) {
	hh, mm, ok := strings.Cut(strings.TrimSpace(s), ":")
	if !ok || len(hh) == 0 || len(hh) > 2 || len(mm) != 2 {
		return 0, false
	}
	h, errH := strconv.ParseUint(hh, 10, 8)
	m, errM := strconv.ParseUint(mm, 10, 8)
	if errH != nil || errM != nil || m > 59 || h > 24 || h == 24 && m > 0 {
		return 0, false
	}
	return int(h)*60 + int(m), true
}

func (h *Hours) addHoliday(s string) error {
	if s == "it" {
		yearly, easter := italy()
		for d, since := range yearly {
			h.yearly[d] = since
		}
		for _, n := range easter {
			h.easter[n] = true
		}
		return nil
	}
	if rest, ok := strings.CutPrefix(s, "easter"); ok {
		n, err := 0, error(nil)
		if rest != "" {
			n, err = strconv.Atoi(rest)
		}
		// From Carnival to some weeks after Corpus Christi; it keeps the day within the year of its Easter.
		if err != nil || n < -70 || n > 100 {
			return fmt.Errorf("holidays: %q is not a day counted from Easter; write easter+1 or easter-2, from -70 to +100", s)
		}
		h.easter[n] = true
		return nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		h.dates[dateOf(t)] = true
		return nil
	}
	// A leap year, so that 02-29 is possible.
	if t, err := time.Parse(time.DateOnly, "2000-"+s); err == nil {
		h.yearly[monthDay{t.Month(), t.Day()}] = 0
		return nil
	}
	return fmt.Errorf("holidays: %q is not understood; write it, 12-07 (month-day), 2026-08-14 or easter+1", s)
}

func dateOf(t time.Time) date {
	y, m, d := t.Date()
	return date{y, monthDay{m, d}}
}

// Easter is Easter Sunday of a year of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8), at midnight UTC.
func Easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}

// ZoneName is the IANA name of the zone in which the hours are told; "UTC" if always open.
func (h *Hours) ZoneName() string {
	if h == nil {
		return "UTC"
	}
	return h.zone.String()
}

// Week is the ordinary spans of a weekday, without holidays; a nil Hours answers the whole day.
func (h *Hours) Week(d time.Weekday) []Span {
	if h == nil {
		return []Span{{0, 24 * 60}}
	}
	return slices.Clone(h.week[d])
}

// Holiday reports whether the day of t, in the zone of the hours, is a holiday.
func (h *Hours) Holiday(t time.Time) bool {
	if h == nil {
		return false
	}
	return h.holiday(dateOf(t.In(h.zone)))
}

func (h *Hours) holiday(d date) bool {
	if h.dates[d] {
		return true
	}
	if since, ok := h.yearly[d.monthDay]; ok && d.year >= since {
		return true
	}
	if len(h.easter) == 0 || d.year < 1583 {
		return false
	}
	day := time.Date(d.year, d.month, d.day, 0, 0, 0, 0, time.UTC)
	return h.easter[int(day.Sub(Easter(d.year))/(24*time.Hour))]
}

// instants is the opening times of a calendar day as instants, in order and without overlap also on days when the clock changes.
type instants struct{ from, to time.Time }

func (h *Hours) day(year int, month time.Month, day int, into []instants) []instants {
	into = into[:0]
	noon := time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
	spans := h.week[noon.Weekday()]
	if len(spans) == 0 || h.holiday(dateOf(noon)) {
		return into
	}
	var end time.Time
	for _, s := range spans {
		from := time.Date(year, month, day, 0, s.From, 0, 0, h.zone)
		to := time.Date(year, month, day, 0, s.To, 0, 0, h.zone)
		// An hour that the clock skips moves spans onto each other.
		if from.Before(end) {
			from = end
		}
		if from.Before(to) {
			into = append(into, instants{from, to})
			end = to
		}
	}
	return into
}

// each calls yield with the open spans that end after t, in order, cut to begin at t, until yield returns false or the horizon is
// reached; it then reports false.
func (h *Hours) each(t time.Time, yield func(from, to time.Time) bool) bool {
	year, month, day := t.In(h.zone).Date()
	var buf [4]instants
	spans := buf[:0]
	for n := range horizonDays {
		spans = h.day(year, month, day+n, spans)
		for _, s := range spans {
			if !s.to.After(t) {
				continue
			}
			from := s.from
			if from.Before(t) {
				from = t
			}
			if !yield(from, s.to) {
				return true
			}
		}
	}
	return false
}

// Open reports whether the desk is open at t.
func (h *Hours) Open(t time.Time) bool {
	return h.Next(t).Equal(t)
}

// Next is the first instant at or after t at which the desk is open; t itself while it is.
func (h *Hours) Next(t time.Time) time.Time {
	if h == nil {
		return t
	}
	next := t
	h.each(t, func(from, _ time.Time) bool {
		next = from
		return false
	})
	return next
}

// Add is the first instant at which the desk has been open for d since t. A d of zero or less gives t. It looks at most 100 years ahead
// and then answers with the last closing.
func (h *Hours) Add(t time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return t
	}
	if h == nil {
		return t.Add(d)
	}
	end := t
	h.each(t, func(from, to time.Time) bool {
		if open := to.Sub(from); open < d {
			d -= open
			end = to
			return true
		}
		end = from.Add(d)
		return false
	})
	return end
}

// Between is how long the desk is open from a to b; negative when b is before a. It counts the first 100 years only.
func (h *Hours) Between(a, b time.Time) time.Duration {
	if b.Before(a) {
		return -h.Between(b, a)
	}
	if h == nil {
		return b.Sub(a)
	}
	var sum time.Duration
	h.each(a, func(from, to time.Time) bool {
		if !from.Before(b) {
			return false
		}
		if to.After(b) {
			to = b
		}
		sum += to.Sub(from)
		return true
	})
	return sum
}

// AddDays goes n business days (days that open at all) forward to the same time of day, or to the next opening where that is closed. An
// n of zero or less stays on the day of t.
func (h *Hours) AddDays(t time.Time, n int) time.Time {
	if h == nil {
		return t.AddDate(0, 0, max(n, 0))
	}
	local := t.In(h.zone)
	year, month, day := local.Date()
	var buf [4]instants
	spans := buf[:0]
	ahead := 0
	for left := n; left > 0 && ahead < horizonDays; {
		ahead++
		if spans = h.day(year, month, day+ahead, spans); len(spans) > 0 {
			left--
		}
	}
	if ahead == 0 {
		return h.Next(t)
	}
	return h.Next(time.Date(year, month, day+ahead, local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), h.zone))
}
