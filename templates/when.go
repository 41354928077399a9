package templates

import (
	"fmt"
	"strings"
	"time"
)

// Day writes a date: "21/11/2026" in Italian, "21 Nov 2026" in English. The zone is that of t.
func (s *Set) Day(lang string, t time.Time) string {
	if lang == Italian {
		return t.Format("02/01/2006")
	}
	return t.Format("2 Jan 2006")
}

// When writes a moment with its weekday: "lunedì 23/11/2026, ore 09:00", "Monday 23 Nov 2026, 09:00". The zone is that of t.
func (s *Set) When(lang string, t time.Time) string {
	day := s.weekday(lang, t.Weekday())
	if lang == Italian {
		return day + " " + t.Format("02/01/2006, ore 15:04")
	}
	return day + " " + t.Format("2 Jan 2006, 15:04")
}

func (s *Set) weekday(lang string, day time.Weekday) string {
	return s.T(lang, fmt.Sprintf("day.%d", int(day)), nil)
}

// HoursSentence tells whether the desk is open now, when it opens next, and its hours. It is empty when no hours are known.
func (s *Set) HoursSentence(lang string, h Hours) string {
	if len(h.Spans) == 0 {
		return ""
	}
	args := map[string]any{"hours": s.spans(lang, h.Spans)}
	switch {
	case h.Open:
		return s.T(lang, "hours.open", args)
	case h.Next.IsZero():
		return s.T(lang, "hours.closed", args)
	}
	args["when"] = s.When(lang, h.Next)
	return s.T(lang, "hours.next", args)
}

func (s *Set) spans(lang string, spans []Span) string {
	parts := make([]string, len(spans))
	for i, span := range spans {
		days := s.weekday(lang, span.First)
		if span.Last != span.First {
			days += "–" + s.weekday(lang, span.Last)
		}
		parts[i] = days + " " + strings.Join(span.Times, ", ")
	}
	return strings.Join(parts, "; ")
}
