package slack_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ingest/slack/slacktest/blockkit"
	"github.com/sportello/sportello/ticketing"
)

// endless is what a hostile or careless person writes: longer than any field, of marks that escaping makes longer still.
var endless = strings.Repeat("<!channel> & `x` *è* \u202e\n", 1000)

// stretched puts far too much into every text of a row.
func stretched(o ticketing.Outgoing) ticketing.Outgoing {
	f := &o.Facts
	f.Body, f.AgentName = endless, endless
	f.To.Name, f.To.Address = endless, endless
	args := map[string]string{}
	for k := range f.Args {
		args[k] = endless
	}
	f.Args = args
	many := func() (hits []ticketing.Hit) {
		for i := range 20 {
			hits = append(hits, ticketing.Hit{Slug: fmt.Sprintf("articolo-%d", i), Language: "it", Title: endless})
		}
		return hits
	}
	if len(f.Articles) > 0 {
		f.Articles = many()
	}
	for i := range 100 {
		if len(f.Files) > 0 {
			f.Files = append(f.Files[:len(f.Files):len(f.Files)], ticketing.FileRef{Name: endless, Size: int64(i) << 40})
		}
	}
	if f.Card != nil {
		c := *f.Card
		c.Subject, c.Excerpt, c.Assignee, c.From.Name, c.From.Address = endless, endless, endless, endless, endless
		c.Number, c.Tickets90 = 1<<62, 1<<30
		if len(c.Articles) > 0 {
			c.Articles = many()
		}
		f.Card = &c
	}
	return o
}

// codesOf are the codes for which there are words under a prefix.
func codesOf(t *testing.T, prefix string) (codes []string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "templates", "lang", "slack.it.json"))
	if err != nil {
		t.Fatal(err)
	}
	var words map[string]any
	if err := json.Unmarshal(raw, &words); err != nil {
		t.Fatal(err)
	}
	for key := range words {
		if code, ok := strings.CutPrefix(key, prefix); ok {
			codes = append(codes, code)
		}
	}
	return codes
}

// TestEveryMessageIsWellFormed renders every kind of row, every line and every hint there are words for, as they are and far too long, and
// has them judged by Slack's own types, the published limits and our own.
func TestEveryMessageIsWellFormed(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	root := ticketing.Ref("slack:T0SPORTELLO/C0TRIAGE/1795507812.000100")
	all := map[string]ticketing.Outgoing{}
	for _, lang := range []string{"it", "en"} {
		for name, o := range rows(lang) {
			all[name+"."+lang] = o
		}
		for _, state := range []ticketing.State{ticketing.StateNew, ticketing.StateOpen, ticketing.StatePending, ticketing.StateResolved, ticketing.StateClosed} {
			for _, priority := range []string{"", "normal", "high", "urgent"} {
				o := rows(lang)["card"]
				c := *o.Facts.Card
				c.State, c.Priority = state, priority
				o.Facts.Card = &c
				all[fmt.Sprintf("card %s %s.%s", state, priority, lang)] = o
			}
		}
		for _, how := range []string{"solved", "ticket", "withdrawn", "expired", "taken"} {
			o := rows(lang)["ended"]
			c := *o.Facts.Card
			c.Ended = how
			o.Facts.Card = &c
			all["ended "+how+"."+lang] = o
		}
		args := map[string]string{}
		for _, k := range []string{"word", "meant", "assignee", "agent", "ticket", "follows", "recipient", "reason", "words", "address", "at", "first", "number"} {
			args[k] = "qualcosa"
		}
		for _, code := range codesOf(t, "slack.line.") {
			o := rows(lang)["line"]
			o.Facts.Code, o.Facts.Args = code, args
			all["line "+code+"."+lang] = o
		}
		for _, code := range codesOf(t, "slack.hint.") {
			all["hint "+code+"."+lang] = ticketing.Outgoing{ID: newULID(), Kind: ticketing.Hint, Facts: ticketing.Facts{
				Language: lang, Place: place, Root: root, User: "slack:T0SPORTELLO/U01ANNA", Code: code, Args: args}}
		}
	}
	if len(all) < 100 {
		t.Errorf("only %d messages: the words were not found", len(all))
	}
	for name, o := range all {
		if o.Facts.Card != nil && o.Facts.Card.Until.IsZero() {
			c := *o.Facts.Card
			c.Until = time.Date(2026, 11, 24, 10, 40, 0, 0, time.UTC)
			o.Facts.Card = &c
		}
		for how, row := range map[string]ticketing.Outgoing{"": o, " far too long": stretched(o)} {
			raw, _, err := w.door.Render(w.ctx, row)
			if err != nil {
				t.Errorf("%s%s: %v", name, how, err)
				continue
			}
			var x struct {
				Method string            `json:"method"`
				Args   map[string]string `json:"args"`
			}
			if err := json.Unmarshal(raw, &x); err != nil || x.Method == "" {
				t.Fatalf("%s%s: %v in %s", name, how, err, raw)
			}
			for _, fault := range blockkit.Check(x.Method, x.Args) {
				t.Errorf("%s%s: %s", name, how, fault)
			}
		}
	}
}
