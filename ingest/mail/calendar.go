package mail

import (
	"strings"
	"time"
)

// An invitation without other words is read from its iCalendar part (RFC 5545, mail.md 2.6).

const (
	// maxCalendarSize is how much of a calendar is read; an event's own lines stand in its first kilobytes.
	maxCalendarSize = 256 << 10
	// maxCalendarLine bounds one unfolded line.
	maxCalendarLine = 64 << 10
)

// calendarText returns summary, time with its zone, place and description of the first event.
func calendarText(src string) string {
	var summary, status, place, description, start, end string
	inside, nested := false, 0
	for line := range calendarLines(src) {
		name, params, value := calendarLine(line)
		switch {
		case name == "BEGIN" && !inside:
			inside = strings.EqualFold(value, "VEVENT") || strings.EqualFold(value, "VTODO")
			continue
		case name == "BEGIN":
			nested++ // an alarm has a description of its own
			continue
		case name == "END" && nested > 0:
			nested--
			continue
		case name == "END" && inside:
			return joinCalendar(summary, status, start, end, place, description)
		case !inside || nested > 0:
			continue
		}
		switch name {
		case "SUMMARY":
			summary = unescapeCalendar(value)
		case "STATUS":
			status = value
		case "LOCATION":
			place = unescapeCalendar(value)
		case "DESCRIPTION":
			description = unescapeCalendar(value)
		case "DTSTART":
			start = calendarTime(value, params)
		case "DTEND", "DUE":
			end = calendarTime(value, params)
		}
	}
	return joinCalendar(summary, status, start, end, place, description)
}

func joinCalendar(summary, status, start, end, place, description string) string {
	if strings.EqualFold(status, "CANCELLED") {
		summary = strings.TrimSpace(summary + " (CANCELLED)")
	}
	if end != "" && start != "" {
		if day, _, _ := strings.Cut(start, " "); strings.HasPrefix(end, day+" ") {
			end = end[len(day)+1:]
			clock, zone, _ := strings.Cut(end, " ")
			start, end = strings.TrimSuffix(start, " "+zone), strings.TrimSpace(clock+" "+zone)
		}
		start += " – " + end
	}
	var lines []string
	for _, s := range []string{summary, start, place} {
		if s = strings.TrimSpace(s); s != "" {
			lines = append(lines, s)
		}
	}
	text := strings.Join(lines, "\n")
	if d := strings.TrimSpace(description); d != "" {
		text = strings.TrimSpace(text + "\n\n" + d)
	}
	return text
}

// calendarLines yields the lines with foldings undone (RFC 5545 section 3.1).
func calendarLines(src string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		var cur strings.Builder
		for line := range strings.SplitSeq(src, "\n") {
			line = strings.TrimSuffix(line, "\r")
			if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
				if cur.Len()+len(line) < maxCalendarLine {
					cur.WriteString(line[1:])
				}
				continue
			}
			if cur.Len() > 0 && !yield(cur.String()) {
				return
			}
			cur.Reset()
			cur.WriteString(line[:min(len(line), maxCalendarLine)])
		}
		if cur.Len() > 0 {
			yield(cur.String())
		}
	}
}

// calendarLine takes a line apart; a colon inside a quoted parameter does not end the name.
func calendarLine(line string) (name, params, value string) {
	quoted := false
	for i := range len(line) {
		switch line[i] {
		case '"':
			quoted = !quoted
		case ':':
			if !quoted {
				name, params, _ = strings.Cut(line[:i], ";")
				return strings.ToUpper(name), params, line[i+1:]
			}
		}
	}
	return "", "", ""
}

var calendarEscapes = strings.NewReplacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\\`, `\`)

func unescapeCalendar(s string) string { return calendarEscapes.Replace(s) }

// calendarTime writes a time with its zone as the calendar names it: nobody else's zone is guessed.
func calendarTime(value, params string) string {
	value = strings.TrimSpace(value)
	if t, err := time.Parse("20060102T150405Z", value); err == nil {
		return t.Format("2006-01-02 15:04") + " UTC"
	}
	if t, err := time.Parse("20060102T150405", value); err == nil {
		zone := ""
		for p := range strings.SplitSeq(params, ";") {
			if k, v, ok := strings.Cut(p, "="); ok && strings.EqualFold(k, "TZID") {
				zone = " " + strings.Trim(v, `"`)
			}
		}
		return t.Format("2006-01-02 15:04") + zone
	}
	if t, err := time.Parse("20060102", value); err == nil {
		return t.Format("2006-01-02")
	}
	return ""
}

// readCalendar gives a mail without words those of its invitation.
func (m *Mail) readCalendar(top *entity, lines []textLine) []textLine {
	if hasWord(lines) {
		return lines
	}
	var calendar *entity
	topParts(top, func(e *entity) {
		if calendar == nil && e.ctype == "text/calendar" {
			calendar = e
		}
	})
	if calendar == nil {
		return lines
	}
	text := calendarText(m.decodePart(calendar, maxCalendarSize, "text_cut"))
	if text == "" {
		return lines
	}
	m.rule("2.6", ruleCalendar)
	return unmarkedLines(text)
}
