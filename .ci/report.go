// Command report reads what "go test -json" writes and prints it short: go test's own line for each package, above it what its failed
// tests said, why tests were skipped and what tests measured (t.Attr), and one line of totals at the end.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// event is a line of the stream, see "go doc test2json" and "go help buildjson".
type event struct {
	Action, Package, Test, Output, Key, Value, ImportPath string
}

// running is a package whose tests have not ended yet.
type running struct {
	said   map[string]string // output of each test that has not ended well
	skips  []string
	values []string
}

func main() {
	r := &report{out: bufio.NewWriter(os.Stdout), open: map[string]*running{}, start: time.Now()}
	err := r.read(os.Stdin)
	r.total()
	if err := cmp.Or(err, r.out.Flush()); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	if r.failed+r.badPackages > 0 {
		os.Exit(1)
	}
}

type report struct {
	out                               *bufio.Writer
	open                              map[string]*running
	start                             time.Time
	packages, passed, failed, skipped int
	badPackages                       int
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil && e.Action != "" {
				r.take(e)
			} else { // the go command's own words
				r.out.WriteString(line)
			}
			// A reader waits for each package's line.
			if lines.Buffered() == 0 {
				if err := r.out.Flush(); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e event) {
	if e.Action == "build-output" {
		r.out.WriteString(e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	p := r.open[e.Package]
	if p == nil {
		p = &running{said: map[string]string{}}
		r.open[e.Package] = p
	}
	switch e.Action {
	case "output":
		if e.Test != "" {
			p.said[e.Test] += e.Output
		} else if e.Output != "PASS\n" && !strings.HasPrefix(e.Output, "?   \t") {
			p.said[""] += e.Output
		}
	case "attr":
		p.values = append(p.values, fmt.Sprintf("      %s: %s %s\n", e.Test, e.Key, e.Value))
	case "pass", "skip", "fail":
		if e.Test == "" {
			r.close(e, p)
			return
		}
		switch e.Action {
		case "pass":
			r.passed++
			delete(p.said, e.Test)
		case "skip":
			r.skipped++
			p.skips = append(p.skips, fmt.Sprintf("      %s skipped: %s\n", e.Test, reason(p.said[e.Test])))
			delete(p.said, e.Test)
		case "fail":
			r.failed++
		}
	}
}

// close prints a package that has ended. A test without an end of its own was running when the package died: its output may say why.
func (r *report) close(e event, p *running) {
	delete(r.open, e.Package)
	r.packages++
	last := p.said[""]
	delete(p.said, "")
	if e.Action == "fail" {
		r.badPackages++
		for _, test := range slices.Sorted(maps.Keys(p.said)) {
			r.out.WriteString(p.said[test])
		}
	}
	for _, line := range slices.Concat(p.skips, p.values) {
		r.out.WriteString(line)
	}
	r.out.WriteString(last)
}

var skipLine = regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: (.*)$`)

// reason returns the words of t.Skip out of the output of the test that called it.
func reason(said string) string {
	all := skipLine.FindAllStringSubmatch(said, -1)
	if len(all) == 0 {
		return "no reason given"
	}
	return all[len(all)-1][1]
}

func (r *report) total() {
	fmt.Fprintf(r.out, "tests: %d passed, %d failed, %d skipped; packages: %d, %d failed; %.0f s\n",
		r.passed, r.failed, r.skipped, r.packages, r.badPackages, time.Since(r.start).Seconds())
	for name := range r.open {
		fmt.Fprintf(r.out, "%s never ended\n", name)
		r.failed++
	}
}
