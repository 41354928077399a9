package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sportello/sportello/cmd/sportello/demo"
	"github.com/sportello/sportello/ingest/mail/mailtest"
)

// TestDemo plays the whole story as sportello demo --once does.
func TestDemo(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var out, errw bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--once", "--lang", "en"}, nil, &out, &errw, nil); code != 0 {
		t.Fatalf("exit status %d\n%s\n%s", code, out.String(), errw.String())
	}
	text := regexp.MustCompile(`\s+`).ReplaceAllString(out.String(), " ")
	for _, want := range []string{
		"1. An article is enough", "[held · offer]", "[reply · offer.yes · token]", "✓ request no. 1 is solved and never became a ticket",
		"2. The article is not enough: the life of a ticket", "[reply · offer.no · token]", "Anna Conti presses [I'll take it]", "one thread of 5 messages",
		"[follow-up · ticket.over · token]", "✓ no. 2 stays closed, no. 3 follows it", "✓ the internal note stands in no letter",
		"3. An English customer with an attachment", "✓ statement-march.pdf is stored byte for byte",
		"4. Certified mail (PEC)", "no automatic answer (PEC10",
		"5. An out-of-office reply", "[automatic · automatic · token]", "✓ no letter, no post in Slack",
		"6. An answer that bounces", "[bounce · report]", "letter.bounced",
		"7. A reply from Apple Mail", "✓ the agents get the 13 new words of",
		"8. A stranger who forges References", "[quarantine · quarantine.not_participant · own-id]", "the customer received nothing, nor did Mario Rossi",
		"Everything happened as it should.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the story does not tell %q", want)
		}
	}
	if strings.Contains(text, "\x1b") || strings.Contains(text, "✗") || strings.Contains(text, "demo.") || errw.Len() > 0 {
		t.Errorf("colours, failures, missing words or complaints:\n%s\n%s", out.String(), errw.String())
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("the data was left behind: %v %v", left, err)
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// TestDemoTellsWhatFailed breaks one thing: a customer's server refuses our letters.
func TestDemoTellsWhatFailed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var company *demo.Company
	defer func() { wellFormed(t, company.Slack) }()
	cmd := DemoCmd{Once: true, Lang: "it", spoil: func(c *demo.Company) {
		company = c
		c.Mail.FaultSMTP(mailtest.Fault{At: "RCPT", Who: c.Visitor(), Code: 550, Text: "5.7.1 not wanted here"})
	}}
	if err := cmd.Run(t.Context(), &console{out: &out, err: &out}); !errors.Is(err, errReported) {
		t.Errorf("the demo ended with %v", err)
	}
	text := out.String()
	for _, want := range []string{
		"✗ l'offerta degli articoli: non è successo. Atteso: una lettera «offer» nella casella di Marta Bianchi", "5.7.1 not wanted here",
		"Un passo non è avvenuto:", "1. Un articolo basta · l'offerta degli articoli",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the story does not tell %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// stopper ends a context as soon as a word has been written.
type stopper struct {
	mu   sync.Mutex
	b    bytes.Buffer
	word string
	stop context.CancelFunc
}

func (s *stopper) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.b.Write(p)
	if strings.Contains(s.b.String(), s.word) {
		s.stop()
	}
	return n, err
}

// TestDemoStops: Ctrl-C in the middle of the story ends everything and takes the data away.
func TestDemoStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &stopper{word: "[held · offer]", stop: cancel}
	if err := (DemoCmd{Lang: "it"}).Run(ctx, &console{out: out, err: out}); err != nil {
		t.Error(err)
	}
	if strings.Contains(out.b.String(), "✗") {
		t.Error(out.b.String())
	}
}

func TestDemoRefusesUsedFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/x", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := (DemoCmd{Once: true, Lang: "it", Keep: dir}).Run(t.Context(), &console{out: &out, err: &out})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("the demo ended with %v", err)
	}
}

func TestDemoLanguage(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{nil, "it"}, {[]string{"LANG=en_GB.UTF-8"}, "en"}, {[]string{"LANG=it_IT.UTF-8"}, "it"}, {[]string{"LANG=de_DE.UTF-8"}, "it"},
		{[]string{"LANG=en_GB.UTF-8", "LC_ALL=it_IT.UTF-8"}, "it"},
	} {
		if got := demoLanguage(c.env); got != c.want {
			t.Errorf("demoLanguage(%v) is %q, not %q", c.env, got, c.want)
		}
	}
}
