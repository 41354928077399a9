package bot

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// labelled is a line of a table in testdata.
type labelled struct {
	Label string `json:"label"`
	Lang  string `json:"lang"`
	Text  string `json:"text"`
}

func readLabelled(t *testing.T, name string) (all []labelled) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l labelled
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v in %q", name, err, lines.Text())
		}
		all = append(all, l)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestLabelledAnswers: answers to offers are understood in both languages, and none is taken for a yes that is not.
func TestLabelledAnswers(t *testing.T) {
	all := readLabelled(t, "testdata/answers.jsonl")
	right := map[string]int{}
	count := map[string]int{}
	for _, l := range all {
		got := judged(&ticketing.Heard{Kind: ticketing.KindNormal, Visible: l.Text})
		for _, k := range []string{l.Lang, l.Label, "all"} {
			count[k]++
			if string(got) == l.Label {
				right[k]++
			}
		}
		switch {
		case got == verdictYes && l.Label != "yes":
			t.Errorf("a false yes: %q (%s)", l.Text, l.Label)
		case string(got) != l.Label:
			t.Logf("%q is %s, taken for %s", l.Text, l.Label, got)
		}
	}
	for _, k := range []string{"all", "it", "en", "yes", "no", "other"} {
		t.Logf("%-5s %d of %d", k, right[k], count[k])
	}
	if count["all"] < 200 || float64(right["all"]) < 0.97*float64(count["all"]) {
		t.Errorf("%d of %d answers are understood, want 97 %% of at least 200", right["all"], count["all"])
	}
}

// TestLabelledUrgency: what cannot wait for articles, and what only uses the word.
func TestLabelledUrgency(t *testing.T) {
	all := readLabelled(t, "testdata/urgent.jsonl")
	wrong := 0
	for _, l := range all {
		got := "not"
		if urgent(&ticketing.Queue{}, &ticketing.Heard{Visible: l.Text}) {
			got = "urgent"
		}
		if got != l.Label {
			wrong++
			t.Logf("%q is %s, taken for %s", l.Text, l.Label, got)
		}
	}
	if len(all) < 60 || wrong*20 > len(all) {
		t.Errorf("%d of %d wrong, want at most 5 %% of at least 60", wrong, len(all))
	}
}
