package ticketing_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// market is a simulated company's customers, of whom it is known what offers do.
type market struct {
	people     int
	control    float64 // share of contacts in the hold-out
	perPerson  float64 // mean of requests, some write far more
	alone      float64 // share of requests that need no agent without any offer
	helped     float64 // share of the others that an offer answers: the true lift is helped·(1-alone)·(1-again)
	again      float64 // share of the helped who come back within the week
	spread     float64 // how much people differ, 0..1
	oneAddress bool    // all write from a provider that anybody has an address of
	perCompany int
}

// lift is what the offers truly do.
func (m market) lift() float64 { return m.helped * (1 - m.alone) * (1 - m.again) }

// rows lets the customers ask.
func (m market) rows(rnd *rand.Rand) []ticketing.RequestRow {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var rows []ticketing.RequestRow
	for p := range m.people {
		domain := "libero.it"
		if !m.oneAddress {
			domain = fmt.Sprintf("c%d.example", p/max(1, m.perCompany))
		}
		id := fmt.Sprintf("p%d", p)
		control := rnd.Float64() < m.control
		own := func(p float64) float64 { // this person's own inclination, the mean of all is p
			if rnd.Float64() < m.spread {
				if rnd.Float64() < p {
					return 1
				}
				return 0
			}
			return p
		}
		alone, helped := own(m.alone), own(m.helped)
		n := 1
		for rnd.Float64() < 1-1/m.perPerson {
			n++
		}
		for i := range n {
			// Far enough apart, so that only those who come back do.
			at := start.Add(time.Duration(i) * 20 * 24 * time.Hour).Add(time.Duration(rnd.IntN(24*60)) * time.Minute)
			r := ticketing.RequestRow{Thread: fmt.Sprint(p, "/", i), Queue: "q", Contact: id, Key: "mail:" + id + "@" + domain, At: at, Confident: true, State: ticketing.ThreadTicket,
				Offer: ticketing.SuggestionExpired, Ticket: ticketing.StateResolved, Answered: at.Add(time.Hour)}
			if control {
				r.Offer, r.Why = ticketing.SuggestionWithheld, ticketing.WhyControl
			}
			back := false
			switch {
			case rnd.Float64() < alone:
				r.Answered = time.Time{}
			case !control && rnd.Float64() < helped:
				r.Offer, r.State, r.Ticket, r.Answered, r.Verdict = ticketing.SuggestionSolved, ticketing.ThreadSolved, "", time.Time{}, ticketing.SearchRight
				back = rnd.Float64() < m.again
			}
			rows = append(rows, r)
			if back {
				rows = append(rows, ticketing.RequestRow{Thread: r.Thread + "b", Queue: "q", Contact: id, Key: r.Key, At: at.Add(48 * time.Hour), State: ticketing.ThreadTicket, Ticket: ticketing.StateOpen})
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b ticketing.RequestRow) int { return a.At.Compare(b.At) })
	return rows
}

func report(rows []ticketing.RequestRow) ticketing.Deflection {
	far := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	all := ticketing.DeflectionReport(rows, time.Time{}, far, far, time.UTC)
	return all[len(all)-1]
}

// TestLift: on customers whose true lift is known the estimate is right on the average and the interval holds it as often as it says, also
// when people differ, write often, come back, or no offer helps at all.
func TestLift(t *testing.T) {
	const worlds = 300
	for name, m := range map[string]market{
		"plain":                  {people: 600, control: 0.1, perPerson: 1.5, alone: 0.1, helped: 0.4, perCompany: 1},
		"offers do nothing":      {people: 600, control: 0.1, perPerson: 1.5, alone: 0.15, helped: 0, perCompany: 1},
		"nobody helps himself":   {people: 500, control: 0.2, perPerson: 1.2, alone: 0, helped: 0.3, perCompany: 1},
		"people differ":          {people: 600, control: 0.2, perPerson: 3, alone: 0.2, helped: 0.4, spread: 0.7, perCompany: 1},
		"they come back":         {people: 600, control: 0.2, perPerson: 1.5, alone: 0.1, helped: 0.5, again: 0.4, perCompany: 1},
		"a small hold-out":       {people: 250, control: 0.12, perPerson: 2, alone: 0.2, helped: 0.3, perCompany: 1},
		"all at one provider":    {people: 600, control: 0.1, perPerson: 1.5, alone: 0.1, helped: 0.4, oneAddress: true},
		"half and half, a crowd": {people: 1000, control: 0.5, perPerson: 1.3, alone: 0.3, helped: 0.2, perCompany: 1},
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(11, 12))
			held, counted := 0, 0
			var sum float64
			for range worlds {
				l := report(m.rows(rnd)).Lift
				if !l.Enough {
					continue
				}
				counted++
				sum += l.Difference()
				if l.Low <= m.lift() && m.lift() <= l.High {
					held++
				}
			}
			coverage, mean := float64(held)/float64(counted), sum/float64(counted)
			t.Logf("true lift %.3f, mean estimate %.3f, the interval holds it in %.1f %% of %d worlds", m.lift(), mean, 100*coverage, counted)
			if counted < worlds*9/10 || coverage < 0.92 || coverage > 0.985 {
				t.Errorf("the interval holds the truth in %.1f %% of %d worlds", 100*coverage, counted)
			}
			if math.Abs(mean-m.lift()) > 0.01 {
				t.Errorf("the estimate is %.3f on the average, the truth %.3f", mean, m.lift())
			}
		})
	}
}

// TestTooFewForAnInterval: no interval is made up.
func TestTooFewForAnInterval(t *testing.T) {
	d := report(market{people: 60, control: 0.1, perPerson: 1, alone: 0.1, helped: 0.5, perCompany: 1}.rows(rand.New(rand.NewPCG(1, 1))))
	if d.Lift.Enough || d.Lift.Low != 0 || d.Lift.High != 0 || d.Lift.Control == 0 || d.Lift.Control >= ticketing.MinHoldout {
		t.Errorf("%+v", d.Lift)
	}
}

// TestDeflectionRows: what counts as what, by queue and month.
func TestDeflectionRows(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		x, err := time.ParseInLocation("2006-01-02 15:04", s, rome)
		if err != nil {
			t.Fatal(err)
		}
		return x.UTC()
	}
	n := 0
	row := func(queue, who, when string, change func(r *ticketing.RequestRow)) ticketing.RequestRow {
		n++
		r := ticketing.RequestRow{Thread: fmt.Sprint(n), Queue: queue, Contact: who, Key: "mail:" + who, At: at(when), Confident: true, State: ticketing.ThreadTicket, Offer: ticketing.SuggestionExpired,
			Ticket: ticketing.StateOpen}
		if change != nil {
			change(&r)
		}
		return r
	}
	solved := func(r *ticketing.RequestRow) {
		r.Offer, r.State, r.Ticket, r.Verdict = ticketing.SuggestionSolved, ticketing.ThreadSolved, "", ticketing.SearchRight
	}
	state := func(s ticketing.SuggestionState) func(*ticketing.RequestRow) {
		return func(r *ticketing.RequestRow) { r.Offer = s }
	}
	why := func(w string) func(*ticketing.RequestRow) {
		return func(r *ticketing.RequestRow) {
			r.Offer, r.Why, r.Confident = ticketing.SuggestionWithheld, w, w != ticketing.WhyUnsure
		}
	}
	rows := []ticketing.RequestRow{
		row("a", "early@x.example", "2025-12-31 23:59", solved), // before the time
		row("a", "m@x.example", "2026-01-01 00:00", solved),     // a colleague comes back
		row("a", "n@x.example", "2026-01-08 00:00", state(ticketing.SuggestionOpen)),
		row("a", "p@libero.it", "2026-01-10 10:00", solved), // another one of the same provider is a stranger
		row("a", "q@libero.it", "2026-01-11 10:00", state(ticketing.SuggestionTaken)),
		row("a", "c@y.example", "2026-01-12 10:00", why(ticketing.WhyControl)),
		row("a", "u@y.example", "2026-01-13 10:00", why(ticketing.WhyUnsure)), // not eligible
		row("a", "v@z.example", "2026-01-31 23:59", func(r *ticketing.RequestRow) {
			r.Offer, r.Verdict = ticketing.SuggestionDeclined, ticketing.SearchWrong
		}),
		row("a", "w@w.example", "2026-02-01 00:00", solved), // comes back after more than a week, and in another queue at once
		row("b", "w@w.example", "2026-02-02 00:00", nil),
		row("a", "w@w.example", "2026-02-08 00:01", nil),
		row("c", "s@s.example", "2026-02-03 00:00", func(r *ticketing.RequestRow) {
			r.State, r.Ticket, r.Why = ticketing.ThreadSolved, "", ticketing.WhyCloses
		}),
		row("a", "late@x.example", "2026-03-01 00:00", solved), // after the time
	}
	got := ticketing.DeflectionReport(rows, at("2026-01-01 00:00"), at("2026-03-01 00:00"), at("2026-02-12 00:00"), rome)
	var lines []string
	for _, d := range got {
		month := "all"
		if !d.Month.IsZero() {
			month = d.Month.Format("2006-01")
		}
		lines = append(lines, fmt.Sprintf("%s %s eligible %d offers %d confirmed %d back %d deflected %d silent %d declined %d taken %d open %d right %d wrong %d holdout %d provisional %v", d.Queue, month, d.Eligible,
			d.Offers, d.Confirmed, d.CameBack, d.Deflected, d.Silent, d.Declined, d.Taken, d.Open, d.Right, d.Wrong, d.Lift.Holdout, d.Provisional))
	}
	want := []string{
		"a 2026-01 eligible 6 offers 5 confirmed 2 back 1 deflected 1 silent 0 declined 1 taken 1 open 1 right 2 wrong 1 holdout 1 provisional false",
		"a 2026-02 eligible 2 offers 2 confirmed 1 back 0 deflected 1 silent 1 declined 0 taken 0 open 0 right 1 wrong 0 holdout 0 provisional true",
		"a all eligible 8 offers 7 confirmed 3 back 1 deflected 2 silent 1 declined 1 taken 1 open 1 right 3 wrong 1 holdout 1 provisional true",
		"b 2026-02 eligible 1 offers 1 confirmed 0 back 0 deflected 0 silent 1 declined 0 taken 0 open 0 right 0 wrong 0 holdout 0 provisional false",
		"b all eligible 1 offers 1 confirmed 0 back 0 deflected 0 silent 1 declined 0 taken 0 open 0 right 0 wrong 0 holdout 0 provisional false",
		"c 2026-02 eligible 1 offers 1 confirmed 0 back 0 deflected 1 silent 1 declined 0 taken 0 open 0 right 0 wrong 0 holdout 0 provisional false",
		"c all eligible 1 offers 1 confirmed 0 back 0 deflected 1 silent 1 declined 0 taken 0 open 0 right 0 wrong 0 holdout 0 provisional false",
		" all eligible 10 offers 9 confirmed 3 back 1 deflected 3 silent 3 declined 1 taken 1 open 1 right 3 wrong 1 holdout 1 provisional true",
	}
	if !slices.Equal(lines, want) {
		for i := range max(len(lines), len(want)) {
			t.Errorf("\ngot  %v\nwant %v", at2(lines, i), at2(want, i))
		}
	}
	if got := ticketing.DeflectionReport(nil, at("2026-01-01 00:00"), at("2026-03-01 00:00"), at("2026-02-12 00:00"), rome); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

func at2(s []string, i int) string {
	if i < len(s) {
		return s[i]
	}
	return ""
}
