package ticketing

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

func mustHours(t testing.TB, spec HoursSpec) *Hours {
	t.Helper()
	h, err := ParseHours(spec)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func office(t testing.TB) *Hours {
	return mustHours(t, HoursSpec{Zone: "Europe/Rome", Days: map[string]string{"mon-fri": "09:00-18:00"}, Holidays: []string{"it"}})
}

func rome(t testing.TB, s string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The table is made by hand from a calendar; AT12 of the reliability specification is its first line.
func TestHoursAdd(t *testing.T) {
	week := office(t)
	long := mustHours(t, HoursSpec{Zone: "Europe/Rome", Days: map[string]string{"lun-ven": "09:00-19:00", "sabato": "09:00-13:00"}, Holidays: []string{"it", "12-07"}})
	lunch := mustHours(t, HoursSpec{Zone: "Europe/Rome", Days: map[string]string{"mon-fri": "14:00-18:00, 9:00-13:00"}})
	always := mustHours(t, HoursSpec{Zone: "Europe/Rome", Days: map[string]string{"mon-sun": "00:00-24:00"}})
	night := mustHours(t, HoursSpec{Zone: "Europe/Rome", Days: map[string]string{"sun": "01:00-05:00"}})
	gap := mustHours(t, HoursSpec{Zone: "Europe/Rome", Days: map[string]string{"sun": "02:00-02:30, 03:00-04:00"}})
	tests := []struct {
		name  string
		hours *Hours
		from  string
		add   time.Duration
		want  string
	}{
		{"Friday evening to Saturday", long, "2026-11-20 18:30", 4 * time.Hour, "2026-11-21 12:30"},
		{"over the spring clock change", long, "2026-03-28 12:00", 2 * time.Hour, "2026-03-30 10:00"},
		{"over the autumn clock change", long, "2026-10-24 12:00", 2 * time.Hour, "2026-10-26 10:00"},
		{"Saturday of a holiday weekend", long, "2026-04-24 18:00", 2 * time.Hour, "2026-04-27 10:00"},
		{"patron saint and Immacolata", long, "2026-12-05 12:30", time.Hour, "2026-12-09 09:30"},
		{"Friday 17:40", week, "2026-11-20 17:40", 2 * time.Hour, "2026-11-23 10:40"},
		{"exactly to closing", week, "2026-11-20 16:00", 2 * time.Hour, "2026-11-20 18:00"},
		{"from the night", week, "2026-11-20 03:00", time.Hour, "2026-11-20 10:00"},
		{"Easter and Pasquetta", week, "2026-04-03 17:00", 2 * time.Hour, "2026-04-07 10:00"},
		{"Christmas", week, "2026-12-24 17:00", 2 * time.Hour, "2026-12-28 10:00"},
		{"4 October not yet in 2024", week, "2024-10-03 17:00", 2 * time.Hour, "2024-10-04 10:00"},
		{"4 October in 2027", week, "2027-10-01 17:00", 2 * time.Hour, "2027-10-05 10:00"},
		{"lunch", lunch, "2026-11-20 12:30", time.Hour, "2026-11-20 14:30"},
		{"nothing to add", week, "2026-11-21 12:30", 0, "2026-11-21 12:30"},
		{"spring day has 23 hours", always, "2026-03-29 00:00", 23 * time.Hour, "2026-03-30 00:00"},
		{"autumn day has 25 hours", always, "2026-10-25 00:00", 25 * time.Hour, "2026-10-26 00:00"},
		{"the skipped hour is not worked", night, "2026-03-29 00:00", 3 * time.Hour, "2026-03-29 05:00"},
		{"spans inside the skipped hour", gap, "2026-03-29 00:00", time.Hour, "2026-03-29 04:00"},
		{"the doubled hour is worked twice", night, "2026-10-25 00:00", 5 * time.Hour, "2026-10-25 05:00"},
		{"no hours at all", nil, "2026-11-21 23:00", 2 * time.Hour, "2026-11-22 01:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from, want := rome(t, tt.from), rome(t, tt.want)
			if got := tt.hours.Add(from, tt.add); !got.Equal(want) {
				t.Errorf("Add(%s, %s) = %s, want %s", tt.from, tt.add, got, want)
			}
			if got := tt.hours.Between(from, want); got != tt.add {
				t.Errorf("Between = %s, want %s", got, tt.add)
			}
			if got := tt.hours.Between(want, from); got != -tt.add {
				t.Errorf("Between backwards = %s, want %s", got, -tt.add)
			}
		})
	}
}

func TestHoursOpenAndNext(t *testing.T) {
	h := office(t)
	tests := []struct{ at, next string }{
		{"2026-11-20 09:00", "2026-11-20 09:00"},
		{"2026-11-20 17:59", "2026-11-20 17:59"},
		{"2026-11-20 18:00", "2026-11-23 09:00"},
		{"2026-11-20 08:59", "2026-11-20 09:00"},
		{"2026-11-22 12:00", "2026-11-23 09:00"},
		{"2026-08-14 20:00", "2026-08-17 09:00"},
		{"2026-12-31 18:00", "2027-01-04 09:00"},
	}
	for _, tt := range tests {
		at, next := rome(t, tt.at), rome(t, tt.next)
		if got := h.Next(at.UTC()); !got.Equal(next) {
			t.Errorf("Next(%s) = %s, want %s", tt.at, got, tt.next)
		}
		if got := h.Open(at.UTC()); got != at.Equal(next) {
			t.Errorf("Open(%s) = %v", tt.at, got)
		}
	}
	var always *Hours
	if at := rome(t, "2026-12-25 03:00"); !always.Open(at) || always.Holiday(at) || always.ZoneName() != "UTC" {
		t.Error("no hours: must be always open")
	}
}

func TestHoursAddDays(t *testing.T) {
	h := office(t)
	tests := []struct {
		from string
		n    int
		want string
	}{
		{"2026-11-20 10:15", 0, "2026-11-20 10:15"},
		{"2026-11-20 10:15", 1, "2026-11-23 10:15"},
		{"2026-11-20 10:15", 3, "2026-11-25 10:15"},
		{"2026-11-21 10:15", 1, "2026-11-23 10:15"},
		{"2026-11-20 20:00", 1, "2026-11-24 09:00"}, // Monday 20:00 is closed
		{"2026-11-20 07:00", 1, "2026-11-23 09:00"},
		{"2026-04-03 10:00", 1, "2026-04-07 10:00"},
		{"2026-03-27 10:00", 1, "2026-03-30 10:00"}, // same clock time over the clock change
	}
	for _, tt := range tests {
		if got, want := h.AddDays(rome(t, tt.from), tt.n), rome(t, tt.want); !got.Equal(want) {
			t.Errorf("AddDays(%s, %d) = %s, want %s", tt.from, tt.n, got, want)
		}
	}
}

// Easter dates of the Gregorian calendar, from the almanac.
func TestEaster(t *testing.T) {
	for _, want := range []string{"1818-03-22", "1943-04-25", "2000-04-23", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "2285-03-22"} {
		at, _ := time.Parse(time.DateOnly, want)
		if got := Easter(at.Year()); !got.Equal(at) {
			t.Errorf("Easter(%d) = %s, want %s", at.Year(), got.Format(time.DateOnly), want)
		}
	}
}

func TestParseHoursRefuses(t *testing.T) {
	days := map[string]string{"mon": "09:00-18:00"}
	var many []string
	for d := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC); len(many) <= maxRecurring; d = d.AddDate(0, 0, 1) {
		many = append(many, d.Format("01-02"))
	}
	tests := []struct {
		name string
		spec HoursSpec
		says string
	}{
		{"no zone", HoursSpec{Days: days}, "time zone"},
		{"zone", HoursSpec{Zone: "Rome", Days: days}, "Europe/Rome"},
		{"no week", HoursSpec{Zone: "UTC"}, "never opens"},
		{"empty week", HoursSpec{Zone: "UTC", Days: map[string]string{"mon": "", "sun": " "}}, "never opens"},
		{"day", HoursSpec{Zone: "UTC", Days: map[string]string{"noday": "09:00-10:00"}}, "mon-fri"},
		{"day twice", HoursSpec{Zone: "UTC", Days: map[string]string{"mon-fri": "09:00-10:00", "wed": "09:00-10:00"}}, "both"},
		{"span", HoursSpec{Zone: "UTC", Days: map[string]string{"mon": "9-18"}}, "09:00-13:00"},
		{"minutes", HoursSpec{Zone: "UTC", Days: map[string]string{"mon": "09:60-18:00"}}, "09:00-13:00"},
		{"after midnight", HoursSpec{Zone: "UTC", Days: map[string]string{"mon": "09:00-24:01"}}, "09:00-13:00"},
		{"night", HoursSpec{Zone: "UTC", Days: map[string]string{"mon": "22:00-06:00"}}, "next day"},
		{"overlap", HoursSpec{Zone: "UTC", Days: map[string]string{"mon": "09:00-13:00,12:00-14:00"}}, "overlap"},
		{"holiday", HoursSpec{Zone: "UTC", Days: days, Holidays: []string{"13-01"}}, "not understood"},
		{"easter", HoursSpec{Zone: "UTC", Days: days, Holidays: []string{"easter+400"}}, "easter+1"},
		{"too many", HoursSpec{Zone: "UTC", Days: days, Holidays: many}, "recurring"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseHours(tt.spec)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want an error that says %q", err, tt.says)
			}
		})
	}
}

// The worst week the limits allow still opens, and the loops come to an end.
func TestHoursWorstCase(t *testing.T) {
	spec := HoursSpec{Zone: "Europe/Rome", Days: map[string]string{"mon": "09:00-09:01"}}
	monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for n := range maxDates {
		spec.Holidays = append(spec.Holidays, monday.AddDate(0, 0, 7*n).Format(time.DateOnly))
	}
	for n := range maxRecurring {
		spec.Holidays = append(spec.Holidays, monday.AddDate(0, 0, 7*n).Format("01-02"))
	}
	h := mustHours(t, spec)
	if next := h.Next(monday); next.Equal(monday) || next.Before(monday.AddDate(0, 0, 7*maxDates)) {
		t.Errorf("Next = %s", next)
	}
	if end := h.Add(monday, 1<<62); end.After(monday.AddDate(101, 0, 0)) {
		t.Errorf("Add of an endless time = %s", end)
	}
}

// Add and Between are each other's inverse in every zone and week, over clock changes and holidays.
func TestHoursProperty(t *testing.T) {
	zones := []string{"Europe/Rome", "UTC", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"}
	rapid.Check(t, func(t *rapid.T) {
		spec := HoursSpec{Zone: rapid.SampledFrom(zones).Draw(t, "zone"), Days: map[string]string{}, Holidays: []string{"it", "easter-2"}}
		for _, day := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
			spec.Days[day] = rapid.SampledFrom([]string{"", "09:00-18:00", "00:00-24:00", "01:30-02:15,02:20-03:10", "08:00-12:00,13:00-17:30"}).Draw(t, day)
		}
		h, err := ParseHours(spec)
		if err != nil {
			t.Skip("an empty week")
		}
		at := time.Unix(rapid.Int64Range(1.5e9, 2.2e9).Draw(t, "at"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns"))
		d := time.Duration(rapid.Int64Range(1, int64(400*time.Hour)).Draw(t, "d"))
		end := h.Add(at, d)
		if got := h.Between(at, end); got != d {
			t.Fatalf("Between(%s, Add(%s)) = %s", at, d, got)
		}
		if h.Between(at, end.Add(-1)) >= d {
			t.Fatalf("Add(%s, %s) = %s is not the first such instant", at, d, end)
		}
		next := h.Next(at)
		if !h.Open(next) || h.Between(at, next) != 0 {
			t.Fatalf("Next(%s) = %s", at, next)
		}
		if n := rapid.IntRange(0, 30).Draw(t, "n"); h.AddDays(at, n).After(h.AddDays(at, n+1)) {
			t.Fatalf("AddDays(%d) is after AddDays(%d)", n, n+1)
		}
	})
}

func FuzzParseHours(f *testing.F) {
	f.Add("Europe/Rome", "mon-fri", "09:00-13:00, 14:00-18:00", "easter+1")
	f.Add("UTC", "domenica", "00:00-24:00", "02-29")
	f.Fuzz(func(t *testing.T, zone, day, spans, holiday string) {
		h, err := ParseHours(HoursSpec{Zone: zone, Days: map[string]string{day: spans}, Holidays: []string{holiday}})
		if err != nil {
			return
		}
		at := time.Unix(1.79e9, 0)
		if end := h.Add(at, time.Hour); h.Between(at, end) != time.Hour {
			t.Errorf("an hour from %s ends at %s", at, end)
		}
	})
}
