package mail

import (
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

const invitation = `BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VTIMEZONE
TZID:Europe/Rome
END:VTIMEZONE
BEGIN:VEVENT
ORGANIZER;CN="Verdi: Maria":mailto:maria@cliente.example
DTSTART;TZID=Europe/Rome:20261123T100000
DTEND;TZID=Europe/Rome:20261123T113000
SUMMARY;LANGUAGE=it:Sopralluogo\, sede di
  Milano
LOCATION:Via Roma 1
DESCRIPTION:Portare le chiavi.\nGrazie
BEGIN:VALARM
DESCRIPTION:Promemoria
END:VALARM
END:VEVENT
BEGIN:VEVENT
SUMMARY:Un altro
END:VEVENT
END:VCALENDAR
`

func TestCalendarText(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"whole":     {invitation, "Sopralluogo, sede di Milano\n2026-11-23 10:00 – 11:30 Europe/Rome\nVia Roma 1\n\nPortare le chiavi.\nGrazie"},
		"UTC":       {"BEGIN:VEVENT\r\nSUMMARY:x\r\nDTSTART:20261123T090000Z\r\nDTEND:20261124T090000Z\r\nEND:VEVENT\r\n", "x\n2026-11-23 09:00 UTC – 2026-11-24 09:00 UTC"},
		"whole day": {"BEGIN:VEVENT\nSUMMARY:x\nDTSTART;VALUE=DATE:20261123\nEND:VEVENT\n", "x\n2026-11-23"},
		"cancelled": {"BEGIN:VEVENT\nSUMMARY:x\nSTATUS:CANCELLED\nEND:VEVENT\n", "x (CANCELLED)"},
		"cut off":   {"BEGIN:VEVENT\nSUMMARY:x\nDTSTART:2026", "x"},
		"garbage":   {"BEGIN:VEVENT\nnothing\n:::\n;=\n\n", ""},
		"no event":  {"BEGIN:VCALENDAR\nSUMMARY:no\nEND:VCALENDAR\n", ""},
	} {
		if got := calendarText(c.src); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestCalendarMails(t *testing.T) {
	alternative := func(plain, method string) string {
		return "--b\nContent-Type: text/plain\n\n" + plain + "\n--b\nContent-Type: text/calendar; method=" + method + "; charset=utf-8\n\n" + strings.Replace(invitation, "REQUEST", method, 1) + "--b--\n"
	}
	for name, c := range map[string]struct {
		body, ctype, visible string
		answers              bool
	}{
		"only":           {invitation, "text/calendar; method=REQUEST; charset=utf-8", "Sopralluogo, sede di Milano", false},
		"words first":    {alternative("Vi aspetto.", "REQUEST"), "multipart/alternative; boundary=b", "Vi aspetto.", false},
		"without words":  {alternative("", "REQUEST"), "multipart/alternative; boundary=b", "Sopralluogo, sede di Milano", false},
		"accepted":       {alternative("", "REPLY"), "multipart/alternative; boundary=b", "Sopralluogo, sede di Milano", true},
		"other proposal": {alternative("Meglio martedì", "COUNTER"), "multipart/alternative; boundary=b", "Meglio martedì", true},
	} {
		m := testReader(t).Read(composeMail(c.body, "Content-Type: "+c.ctype))
		if first, _, _ := strings.Cut(m.Visible, "\n"); first != c.visible || m.Kind != ticketing.KindCalendar || m.Answers != c.answers || m.Auto.Allowed {
			t.Errorf("%s: %q, kind %s, answers %v", name, m.Visible, m.Kind, m.Answers)
		}
		if len(m.Attachments) != 1 || m.Attachments[0].ContentType != "text/calendar" {
			t.Errorf("%s: files %+v", name, m.Attachments)
		}
	}
}
