package slack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// TestSlash: who types a slash command where, and how the answer comes back to that person alone.
func TestSlash(t *testing.T) {
	w := newWorld(t, slacktest.Options{}, func(c *slack.Config) { c.PublicURL = "https://help.example/" })
	room := w.AddChannel(slacktest.Channel{ID: "C0ALTRO", Name: "altro", Members: []string{w.anna}}) // the app is not in it
	guest := w.AddUser(slacktest.User{Name: "ospite", Kind: slacktest.Guest, Locale: "en-GB"})
	for _, c := range []string{w.room, room} {
		if err := w.As(guest).Join(c); err != nil {
			t.Fatal(err)
		}
	}
	next := w.listen()
	slash := func(user, channel, command, text string) ticketing.Heard {
		t.Helper()
		d := must[*slacktest.Delivery](t)(w.As(user).Slash(channel, command, text))
		h := next(verb(ticketing.VerbCommand))
		if <-d.Done(); d.Err() != nil {
			t.Error(d.Err())
		}
		return h
	}
	h := slash(w.anna, room, "/ticket", "cerca <@"+w.anna+"|anna> &amp; c.")
	a := h.Act
	if !a.IsAgent || fmt.Sprint(a.Queues) != "[assistenza]" || a.Action != ticketing.SlashTickets || a.Language != "it" || a.Reply == "" || h.Queue != "assistenza" || a.Text != "cerca anna & c." || h.LogicalKey == "" {
		t.Errorf("act %+v", a)
	}
	if b := slash(guest, room, "/AcmeKB", "carta").Act; b.IsAgent || len(b.Queues) > 0 || b.Action != ticketing.SlashArticles || b.Language != "en" {
		t.Errorf("a guest's %+v", b)
	}
	rows := []ticketing.Row{{Number: 1042, Subject: "Cassa <!channel>|ferma", From: ticketing.Party{Name: "Marco <b>"}, State: ticketing.StatePending, Until: time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC), Priority: "urgent",
		Assignee: "Anna", AssigneeID: "slack:T0SPORTELLO/" + w.anna, Root: "slack:T0SPORTELLO/C0TRIAGE/1795507812.000100"}, {Number: 1043}}
	hint := func(f ticketing.Facts) ticketing.Outgoing {
		f.Language, f.Place, f.User, f.Reply = "it", place, "slack:T0SPORTELLO/"+w.anna, a.Reply
		return ticketing.Outgoing{Kind: ticketing.Hint, Facts: f}
	}
	for _, row := range []struct {
		f     ticketing.Facts
		wants []string
	}{
		{ticketing.Facts{Code: "look_search", Args: map[string]string{"words": "<!here>"}, List: &ticketing.List{Rows: rows, More: true}}, []string{"«&lt;!here&gt;»", "<https://ditta-esempio.slack.com/archives/C0TRIAGE/p1795507812000100|#1042 Cassa &lt;!channel&gt;/ferma>",
			"Marco &lt;b&gt; · in attesa · rimandato a <!date^1772611200^", "<@" + w.anna + ">", "*#1043 (senza oggetto)*", "Ce ne sono altri"}},
		{ticketing.Facts{Code: "look_stats", List: &ticketing.List{Counts: map[string]int{"open": 3, "pending": 1, "days": 7, "unassigned": 2, "held": 0, "mine": 1, "opened": 9, "resolved": 8}}}, []string{"3 da lavorare", "9 aperti"}},
		{ticketing.Facts{Code: "look_articles", Args: map[string]string{"words": "carta"}, Articles: []ticketing.Hit{{Slug: "carta", Language: "it", Title: "Carta | <b>", Summary: "Girare il rotolo"}}}, []string{"<https://help.example/kb/it/carta|Carta / &lt;b&gt;> `it/carta`", "Girare"}},
	} {
		if _, err := w.send(hint(row.f)); err != nil {
			t.Fatal(err)
		}
		all := w.Ephemerals(w.anna)
		e := all[len(all)-1]
		for _, want := range row.wants {
			if !strings.Contains(e.Text, want) || e.Channel != room {
				t.Errorf("%s in %s:\n%s\nwithout %q", row.f.Code, e.Channel, e.Text, want)
			}
		}
	}
	for range 2 { // two more than are taken; then it is missed and nothing fails
		for range 2 {
			if _, err := w.send(hint(ticketing.Facts{Code: "look_help"})); err != nil {
				t.Error(err)
			}
		}
	}
	if n := len(w.Ephemerals(w.anna)); n != 5 {
		t.Errorf("%d answers were taken", n)
	}
	away := hint(ticketing.Facts{Code: "look_help"})
	for _, url := range []string{"https://evil.example/respond/1", "http://hooks.slack.com/x", "https://x@hooks.slack.com/x", "file:///etc/passwd", "%"} {
		away.Facts.Reply = url
		if _, err := w.send(away); err == nil {
			t.Errorf("an answer went to %s", url)
		}
	}
	raw := `{"type":"slash_commands","envelope_id":"1","payload":{"team_id":"T0SPORTELLO","user_id":"` + w.anna + `","command":"/ticket","text":"x","response_url":"https://evil.example/"}}`
	h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, []byte(raw))
	if err != nil || h.Act.Reply != "" {
		t.Errorf("an answer would go to %q %v", h.Act.Reply, err)
	}
	for _, raw := range []string{`{"type":"slash_commands","envelope_id":"1","payload":{"team_id":"T0OTHER","user_id":"U1","command":"/ticket"}}`, `{"type":"slash_commands","payload":{"text":"x"}}`} {
		if h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, []byte(raw)); err != nil || h.Act == nil || h.Act.Verb != ticketing.VerbOther {
			t.Errorf("%s: %+v %v", raw, h.Act, err)
		}
	}
	if bad := w.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
}
