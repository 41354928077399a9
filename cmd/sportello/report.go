package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
)

// ReportCmd is figures over time.
type ReportCmd struct {
	Deflection DeflectionCmd `cmd:"" help:"How many requests articles answered, measured against a hold-out."`
}

// DeflectionCmd prints the deflection report.
type DeflectionCmd struct {
	Queue string `help:"Only this queue."`
	From  string `placeholder:"2026-01" help:"First month. Default: eleven months before the last."`
	To    string `placeholder:"2026-06" help:"Last month. Default: this one."`
	Lang  string `enum:"it,en," default:"" help:"it or en. Default: that of the settings."`
	CSV   bool   `name:"csv" xor:"form" help:"Print comma-separated values."`
	JSON  bool   `name:"json" xor:"form" help:"Print a JSON object a line."`
	SVG   string `type:"path" placeholder:"FILE" help:"Also draw a chart of the queue, or of all, into FILE."`
}

// Help is shown by report deflection --help.
func (DeflectionCmd) Help() string {
	return "Eligible are requests with a confident article: most get an offer, those of the hold-out (setting control) never do. Deflected is what a clear yes ended, unless the same person or company " +
		"asked again in the queue within 7 days. The lift is the share of requests that needed no agent, with offers minus hold-out, with a 95 % interval by contacts.\n\n" +
		"Examples:\n  sportello report deflection --from 2026-01 --to 2026-06\n  sportello report deflection --queue assistenza --svg deflection.svg"
}

// monthsShown is how many months the report shows unless asked otherwise.
const monthsShown = 12

// Run prints.
func (cmd DeflectionCmd) Run(ctx context.Context, c *console) error {
	return c.withStore(ctx, func(cfg Config, db *store.DB, _ ticketing.Files) error {
		words, err := templates.Load()
		if err != nil {
			return err
		}
		lang := cmd.Lang
		if lang == "" {
			lang = cfg.Language
		}
		queues, err := cfg.queues()
		if err != nil {
			return err
		}
		zone := time.UTC
		for _, q := range queues {
			if cmd.Queue == "" || q.Name == cmd.Queue {
				zone = zoneOf(q)
			}
		}
		if cmd.Queue != "" && queues[cmd.Queue] == nil {
			return badConfig("there is no queue named %q", cmd.Queue)
		}
		from, to, err := cmd.months(db.Now().In(zone))
		if err != nil {
			return err
		}
		var rows []ticketing.RequestRow
		err = db.View(ctx, func(tx ticketing.Tx) (err error) {
			rows, err = tx.Requests(ctx, from, to.Add(ticketing.ComeBack))
			return err
		})
		if err != nil {
			return err
		}
		if cmd.Queue != "" {
			kept := rows[:0]
			for _, r := range rows {
				if r.Queue == cmd.Queue {
					kept = append(kept, r)
				}
			}
			rows = kept
		}
		report := ticketing.DeflectionReport(rows, from, to, db.Now(), zone)
		t := func(key string, args map[string]any) string { return words.T(lang, "cli.report."+key, args) }
		switch {
		case cmd.CSV:
			err = deflectionCSV(c, report)
		case cmd.JSON:
			err = deflectionJSON(c, report)
		default:
			err = deflectionTable(c, report, t)
		}
		if err != nil || cmd.SVG == "" {
			return err
		}
		if err := os.WriteFile(cmd.SVG, []byte(words.DeflectionSVG(lang, chartOf(cmd.Queue, report))), 0o644); err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.err, t("drawn", map[string]any{"file": cmd.SVG}))
		return err
	})
}

// months are the bounds of the time asked for.
func (cmd DeflectionCmd) months(now time.Time) (from, to time.Time, err error) {
	month := func(s string) (time.Time, error) {
		t, err := time.ParseInLocation("2006-01", s, now.Location())
		if err != nil {
			return t, fmt.Errorf("%q is no month; write it as 2026-03", s)
		}
		return t, nil
	}
	last := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())
	if cmd.To != "" {
		if last, err = month(cmd.To); err != nil {
			return from, to, err
		}
	}
	from = last.AddDate(0, 1-monthsShown, 0)
	if cmd.From != "" {
		if from, err = month(cmd.From); err != nil {
			return from, to, err
		}
	}
	if from.After(last) {
		return from, to, fmt.Errorf("--from %s lies after --to %s", cmd.From, last.Format("2006-01"))
	}
	return from, last.AddDate(0, 1, 0), nil
}

func share(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}

func deflectionTable(c *console, report []ticketing.Deflection, t func(string, map[string]any) string) error {
	if len(report) == 0 {
		_, err := fmt.Fprintln(c.out, t("empty", nil))
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	var head []string
	for _, k := range []string{"queue", "month", "eligible", "offers", "confirmed", "silent", "declined", "came_back", "deflected", "precision", "lift"} {
		head = append(head, t(k, nil))
	}
	_, _ = fmt.Fprintln(w, strings.Join(head, "\t"))
	provisional := false
	for _, d := range report {
		queue, month, lift := d.Queue, t("total", nil), t("few", map[string]any{"people": d.Lift.People, "control": d.Lift.Control})
		if queue == "" {
			queue = t("all", nil)
		}
		if !d.Month.IsZero() {
			month = d.Month.Format("2006-01")
		}
		if d.Provisional {
			month, provisional = month+"*", true
		}
		if d.Lift.Enough {
			lift = t("interval", map[string]any{"lift": fmt.Sprintf("%+.1f", 100*d.Lift.Difference()), "low": fmt.Sprintf("%+.1f", 100*d.Lift.Low), "high": fmt.Sprintf("%+.1f", 100*d.Lift.High)})
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d (%s)\t%s\t%s\n", queue, month, d.Eligible, d.Offers, d.Confirmed, d.Silent+d.Open, d.Declined+d.Taken, d.CameBack, d.Deflected, share(d.Rate()),
			share(d.Precision()), lift)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if provisional {
		if _, err := fmt.Fprintln(c.out, t("provisional", nil)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(c.out, t("explained", map[string]any{"least": ticketing.MinHoldout}))
	return err
}

func deflectionCSV(c *console, report []ticketing.Deflection) error {
	w := csv.NewWriter(c.out)
	number := func(x float64) string {
		if math.IsNaN(x) {
			return ""
		}
		return strconv.FormatFloat(x, 'f', 4, 64)
	}
	_ = w.Write(strings.Split("queue,month,eligible,offers,confirmed,silent,declined,taken,open,came_back,deflected,right,wrong,holdout,people,holdout_people,no_agent_offered,no_agent_holdout,lift,low,high,provisional", ","))
	for _, d := range report {
		month, lift, low, high := "", "", "", ""
		if !d.Month.IsZero() {
			month = d.Month.Format("2006-01")
		}
		if d.Lift.Enough {
			lift, low, high = number(d.Lift.Difference()), number(d.Lift.Low), number(d.Lift.High)
		}
		row := []string{d.Queue, month}
		for _, n := range []int{d.Eligible, d.Offers, d.Confirmed, d.Silent, d.Declined, d.Taken, d.Open, d.CameBack, d.Deflected, d.Right, d.Wrong, d.Lift.Holdout, d.Lift.People, d.Lift.Control} {
			row = append(row, strconv.Itoa(n))
		}
		_ = w.Write(append(row, number(d.Lift.With), number(d.Lift.Without), lift, low, high, strconv.FormatBool(d.Provisional)))
	}
	w.Flush()
	return w.Error()
}

func deflectionJSON(c *console, report []ticketing.Deflection) error {
	e := json.NewEncoder(c.out)
	for _, d := range report {
		if err := e.Encode(d); err != nil {
			return err
		}
	}
	return nil
}

// chartOf chooses what the chart shows: the months of the queue, or of all queues together, and their lift.
func chartOf(queue string, report []ticketing.Deflection) templates.DeflectionChart {
	chart := templates.DeflectionChart{Queue: queue}
	at := map[string]int{}
	for _, d := range report {
		if d.Month.IsZero() {
			// The last total is that of everything shown.
			chart.Lift, chart.Low, chart.High, chart.HasLift = d.Lift.Difference(), d.Lift.Low, d.Lift.High, d.Lift.Enough
			continue
		}
		label := d.Month.Format("2006-01")
		i, ok := at[label]
		if !ok {
			i = len(chart.Bars)
			at[label] = i
			chart.Bars = append(chart.Bars, templates.DeflectionBar{Label: label})
		}
		b := &chart.Bars[i]
		b.Deflected += d.Deflected
		b.CameBack += d.CameBack
		b.Declined += d.Declined + d.Taken
		// Silence that closed a request is among the deflected and those who came back.
		b.Silent += d.Offers - d.Deflected - d.CameBack - d.Declined - d.Taken
		b.Provisional = b.Provisional || d.Provisional
	}
	slices.SortFunc(chart.Bars, func(a, b templates.DeflectionBar) int { return strings.Compare(a.Label, b.Label) })
	return chart
}
