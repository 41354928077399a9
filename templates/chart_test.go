package templates

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDeflectionSVG: the chart is well-formed, holds nothing that runs or is fetched, escapes a queue's name, and looks as agreed.
func TestDeflectionSVG(t *testing.T) {
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	long := DeflectionChart{Queue: strings.Repeat("assistenza-clienti ", 8), HasLift: false}
	for i := range 30 {
		long.Bars = append(long.Bars, DeflectionBar{Label: fmt.Sprintf("%d-%02d", 2024+i/12, 1+i%12), Deflected: 40 * i, CameBack: i, Declined: 300 - 9*i, Silent: 77, Provisional: i == 29})
	}
	for name, c := range map[string]DeflectionChart{
		"plain": {Queue: "assistenza", Lift: 0.213, Low: 0.118, High: 0.307, HasLift: true, Bars: []DeflectionBar{{"2026-01", 12, 2, 9, 14, false}, {"2026-02", 18, 1, 7, 11, false}, {"2026-03", 3, 0, 1, 4, true}}},
		"empty": {Queue: `<script>"&`}, "long": long,
	} {
		for _, lang := range []string{Italian, English} {
			got := s.DeflectionSVG(lang, c)
			dec := xml.NewDecoder(strings.NewReader(got))
			for {
				tok, err := dec.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s.%s: %v", name, lang, err)
				}
				if e, ok := tok.(xml.StartElement); ok {
					switch e.Name.Local {
					case "svg", "title", "desc", "rect", "text", "line":
					default:
						t.Errorf("%s.%s holds <%s>", name, lang, e.Name.Local)
					}
				}
			}
			for _, bad := range []string{"<script", "cli.report", "NaN", "Inf", "{", `"-`} {
				if strings.Contains(got, bad) {
					t.Errorf("%s.%s holds %q", name, lang, bad)
				}
			}
			golden := filepath.Join("testdata", "deflection_"+name+"."+lang+".svg")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v (run with -update to write it)", err)
			}
			if got != string(want) {
				t.Errorf("%s differs (run with -update to accept)", golden)
			}
		}
	}
}
