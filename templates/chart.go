package templates

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// DeflectionBar is a month of the deflection chart. The parts are counts of offers and lie on one another from the bottom.
type DeflectionBar struct {
	Label       string // "2026-03"
	Deflected   int    // confirmed, and nobody came back
	CameBack    int    // confirmed, but somebody came back
	Declined    int    // no, another answer, or taken by an agent
	Silent      int    // the timer ran out, or still open
	Provisional bool
}

// DeflectionChart is what the chart shows.
type DeflectionChart struct {
	Queue string // empty: all queues
	Bars  []DeflectionBar
	// Lift with its bounds, shares -1..1; HasLift is false when there are too few contacts for an interval.
	Lift, Low, High float64
	HasLift         bool
}

// Colours of the parts, told apart also without colour by their lightness and by the legend's order.
var chartColours = [4]string{"#1f6f54", "#8a5a00", "#9aa5b1", "#d9dee4"}

// DeflectionSVG draws the chart as a picture that stands alone: no script, no font or file from elsewhere, title and description for readers
// that see no pictures.
func (s *Set) DeflectionSVG(lang string, c DeflectionChart) string {
	t := func(key string, args map[string]any) string {
		return html.EscapeString(s.T(lang, "cli.report."+key, args))
	}
	const width, height = 760, 420
	const left, right, top, bottom = 70, 24, 64, 92
	plotW, plotH := float64(width-left-right), float64(height-top-bottom)
	highest, total, deflected := 0, 0, 0
	for _, b := range c.Bars {
		n := b.Deflected + b.CameBack + b.Declined + b.Silent
		highest, total, deflected = max(highest, n), total+n, deflected+b.Deflected
	}
	queue := c.Queue
	if queue == "" {
		queue = s.T(lang, "cli.report.all", nil)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="13" fill="#1c2430">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n", t("chart.title", map[string]any{"queue": queue}), t("chart.desc", map[string]any{"offers": total, "deflected": deflected, "months": len(c.Bars)}))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="26" font-size="17" font-weight="600">%s</text>`+"\n", left, html.EscapeString(shortened(s.T(lang, "cli.report.chart.title", map[string]any{"queue": queue}), 70)))
	lift := t("chart.lift_few", nil)
	if c.HasLift {
		lift = t("chart.lift", map[string]any{"lift": points(c.Lift), "low": points(c.Low), "high": points(c.High)})
	}
	fmt.Fprintf(&b, `<text x="%d" y="46">%s</text>`+"\n", left, lift)
	if total == 0 {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" font-size="15">%s</text>`+"\n</svg>\n", width/2, height/2, t("chart.empty", nil))
		return b.String()
	}
	step := niceStep(highest)
	ceiling := step * ((highest + step - 1) / step)
	y := func(n int) float64 { return float64(top) + plotH*(1-float64(n)/float64(ceiling)) }
	for n := 0; n <= ceiling; n += step {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#e4e8ed"/><text x="%d" y="%.1f" text-anchor="end">%d</text>`+"\n", left, width-right, y(n), y(n), left-8, y(n)+4, n)
	}
	fmt.Fprintf(&b, `<text x="14" y="%.1f" transform="rotate(-90 14 %.1f)" text-anchor="middle">%s</text>`+"\n", float64(top)+plotH/2, float64(top)+plotH/2, t("chart.axis", nil))
	slot := plotW / float64(len(c.Bars))
	wide := math.Min(48, slot*0.7)
	every := int(math.Ceil(62 / slot)) // labels that would touch are left out
	for i, bar := range c.Bars {
		x := float64(left) + slot*float64(i) + (slot-wide)/2
		from := 0
		for k, n := range []int{bar.Deflected, bar.CameBack, bar.Declined, bar.Silent} {
			if n > 0 {
				fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%s: %s %d</title></rect>`+"\n", x, y(from+n), wide, y(from)-y(from+n), chartColours[k], html.EscapeString(bar.Label),
					t(chartParts[k], nil), n)
			}
			from += n
		}
		if i%every == 0 {
			label := bar.Label
			if bar.Provisional {
				label += " *"
			}
			fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", x+wide/2, float64(top)+plotH+18, html.EscapeString(label))
		}
	}
	x := float64(left)
	for k, part := range chartParts {
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="12" height="12" fill="%s" stroke="#5b6672" stroke-width="0.5"/><text x="%.1f" y="%d">%s</text>`+"\n", x, height-46, chartColours[k], x+18, height-36, t(part, nil))
		x += plotW / 4
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="11" fill="#4a5563">%s</text>`+"\n</svg>\n", left, height-12, t("chart.note", nil))
	return b.String()
}

// chartParts are the keys of the parts' names, from the bottom.
var chartParts = [4]string{"deflected", "came_back", "declined", "silent"}

// points writes a share as signed percentage points.
func points(x float64) string { return fmt.Sprintf("%+.1f", 100*x) }

// niceStep is a distance of grid lines of which about five fit.
func niceStep(highest int) int {
	for step := 1; ; step *= 10 {
		for _, m := range []int{1, 2, 5} {
			if highest <= 6*step*m {
				return step * m
			}
		}
	}
}

func shortened(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}
