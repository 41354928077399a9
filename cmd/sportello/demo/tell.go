package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Teller writes the story line by line. Paint colours a text with an SGR code, or returns it as it is where there are no colours.
type Teller struct {
	W     io.Writer
	Paint func(code, text string) string
}

// SGR codes (ECMA-48 section 8.3.117).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
	purple = "35"
)

const (
	whoWidth  = 16  // of the column that says who
	lineWidth = 108 // of a line, so that it fits most terminals
)

func (t *Teller) line(s string) { _, _ = fmt.Fprintln(t.W, s) }

// chapter begins a chapter.
func (t *Teller) chapter(n int, title string) {
	t.line("\n" + t.Paint(bold, fmt.Sprintf("%d. %s", n, title)))
}

// says tells what somebody does or sees, wrapped under itself.
func (t *Teller) says(code, who, what string) {
	name := who + strings.Repeat(" ", max(0, whoWidth-utf8.RuneCountInString(who)))
	for i, l := range wrap(what, lineWidth-whoWidth-4) {
		if i > 0 {
			name = strings.Repeat(" ", whoWidth)
		}
		t.line("   " + t.Paint(code, name) + " " + l)
	}
}

// why tells the reason that the helpdesk itself noted.
func (t *Teller) why(text string) {
	for _, l := range wrap(text, lineWidth-whoWidth-4) {
		t.line("   " + strings.Repeat(" ", whoWidth) + " " + t.Paint(dim, l))
	}
}

func (t *Teller) proven(text string) { t.line("   " + t.Paint(green, "✓ "+text)) }
func (t *Teller) missed(text string) { t.line("   " + t.Paint(red, "✗ "+text)) }

// wrap breaks text into lines of at most width characters, between words.
func wrap(text string, width int) (lines []string) {
	line := ""
	for w := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(lines, line)
}

// short is the first words of a text on one line.
func short(text string, n int) string {
	one := strings.Join(strings.Fields(text), " ")
	if r := []rune(one); len(r) > n {
		return strings.TrimRight(string(r[:n-1]), " ,.;:") + "…"
	}
	return one
}
