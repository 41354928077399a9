package bot

import (
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// TestWhen: the times an agent may write, read on Wednesday 4 March 2026, 10:00 in Rome; the desk opens at nine on working days.
func TestWhen(t *testing.T) {
	hours, err := ticketing.ParseHours(ticketing.HoursSpec{Zone: "Europe/Rome", Days: map[string]string{"mon-fri": "09:00-18:00"}})
	if err != nil {
		t.Fatal(err)
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 4, 10, 0, 0, 0, rome)
	for text, want := range map[string]string{
		"2h": "2026-03-04 12:00", "30m": "2026-03-04 10:30", "90 min": "2026-03-04 11:30", "2 ore": "2026-03-04 12:00", "tra 3 giorni": "2026-03-07 10:00", "in 1 week": "2026-03-11 10:00",
		"3g": "2026-03-07 10:00", "30g": "2026-04-03 10:00", // over the change of the clock
		"domani": "2026-03-05 09:00", "domani 9": "2026-03-05 09:00", "Domani alle 9:30": "2026-03-05 09:30", "tomorrow 2pm": "2026-03-05 14:00", "tomorrow at 12am": "2026-03-05 00:00",
		"oggi 15": "2026-03-04 15:00", "today 10.30": "2026-03-04 10:30", "dopodomani": "2026-03-06 09:00",
		"lunedì 9": "2026-03-09 09:00", "lunedi": "2026-03-09 09:00", "monday 9": "2026-03-09 09:00", "Mon, 9": "2026-03-09 09:00", "mercoledì 9": "2026-03-11 09:00", "mercoledì 11": "2026-03-04 11:00",
		"sabato": "2026-03-09 09:00", "sabato 10": "2026-03-07 10:00", // a day without a time begins when the desk opens
		"25/11 14:30": "2026-11-25 14:30", "25/11": "2026-11-25 09:00", "25.11.2026 8": "2026-11-25 08:00", "25-11-26 8": "2026-11-25 08:00", "2026-11-25 8": "2026-11-25 08:00", "3/3 9": "2027-03-03 09:00",
		"14:30": "2026-03-04 14:30", "9:30": "2026-03-05 09:30", "alle 9": "2026-03-05 09:00", "5pm": "2026-03-04 17:00",
	} {
		at, rest, ok := when(text, now, hours)
		if got := at.In(rome).Format("2006-01-02 15:04"); !ok || got != want || rest != "" {
			t.Errorf("%s: %s %v rest %q, want %s", text, got, ok, rest, want)
		}
	}
	for _, text := range []string{"", "9", "boh", "0h", "2x", "ieri", "oggi 9", "31/2", "0/3", "25/13", "1/1/2020", "25:00", "13pm", "9:75", "999 settimane", "9999h9", "2030-01-01", "sempre"} {
		if at, _, ok := when(text, now, hours); ok {
			t.Errorf("%q is read as %v", text, at)
		}
	}
	if at, rest, ok := when("domani 9 chiamare Marco, è in ferie", now, hours); !ok || rest != "chiamare Marco, è in ferie" || at.In(rome).Hour() != 9 {
		t.Errorf("words behind: %v %q %v", at, rest, ok)
	}
	if at, rest, ok := when("domani richiamare", now, nil); !ok || rest != "richiamare" || !at.Equal(time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("always open: %v %q %v", at, rest, ok)
	}
}

func FuzzWhen(f *testing.F) {
	for _, s := range []string{"2h", "domani 9", "25/11 14:30", "lunedì 9 ciao", "in in", "alle alle 9"} {
		f.Add(s)
	}
	now := time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if at, _, ok := when(s, now, nil); ok && (!at.After(now) || at.Sub(now) > maxSnooze) {
			t.Errorf("%q: %v", s, at)
		}
	})
}
