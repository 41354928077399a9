package slack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

const place = "slack:T0SPORTELLO/C0TRIAGE"

func newULID() string { return ulid.Make().String() }

// facts is a card with everything on it.
func facts(lang string) ticketing.Facts {
	return ticketing.Facts{
		Language: lang, Number: 1042, Place: place, Zone: "Europe/Rome",
		Card: &ticketing.Card{
			Number: 1042, Revision: 3, Subject: "Stampante non raggiungibile\ndopo l'aggiornamento", Thread: "t",
			From:    ticketing.Party{Key: "mail:marco@verdi.example", Address: "marco@verdi.example", Name: "Marco Verdi"},
			Excerpt: "Buongiorno,\nda stamattina la stampante <non> risponde & lampeggia.", State: ticketing.StateOpen, Priority: "high",
			Door: "mail:assistenza", Language: "it", Tickets90: 3, Assignee: "Anna Rossi", AssigneeID: "slack:T0SPORTELLO/U01ANNA",
		},
	}
}

func held(lang string) ticketing.Facts {
	f := facts(lang)
	f.Card.Held, f.Card.Suggestion = true, "01M8EY1PM83F7ZK1B8N2R5S9HB"
	f.Card.Until = time.Date(2026, 11, 24, 10, 40, 0, 0, time.UTC)
	f.Card.Articles = []ticketing.Hit{{Title: "Reinstallare il driver"}, {Title: "Stampante <offline>"}}
	return f
}

// rows are one row of every kind and look.
func rows(lang string) map[string]ticketing.Outgoing {
	row := func(kind ticketing.OutgoingKind, f ticketing.Facts) ticketing.Outgoing {
		return ticketing.Outgoing{ID: "01M86DSPEG7TJ2P6Y4XC0QWE5M", Kind: kind, Ticket: 1042, Facts: f}
	}
	resolved := facts(lang)
	resolved.Card.State, resolved.Card.Reason = ticketing.StateResolved, ticketing.ReasonSolved
	resolved.Target = "slack:T0SPORTELLO/C0TRIAGE/1795507812.000100"
	fresh := facts(lang)
	fresh.Card.State, fresh.Card.AssigneeID, fresh.Card.Assignee = ticketing.StateNew, "", ""
	mail := ticketing.Facts{Language: lang, Place: place, To: ticketing.Party{Name: "Marco <Verdi>", Address: "marco@verdi.example"},
		Body: "Grazie & <!channel>\n> funziona", Files: []ticketing.FileRef{{Name: "foto <1>.png", Size: 2048}}}
	ended := held(lang)
	ended.Card.Ended, ended.Target = "solved", "slack:T0SPORTELLO/C0TRIAGE/1795507812.000100"
	release := facts(lang)
	release.Card.Inbound, release.Card.Cause = "01M8EY1PM83F7ZK1B8N2R5S9HC", ticketing.CauseAuthFailed
	bounce := ticketing.Facts{Language: lang, Place: place, Code: "bounce", AgentName: "Anna Rossi",
		Args: map[string]string{"recipient": "marco@verdi.exmaple", "status": "5.1.2", "reason": "no_domain"}}
	line := ticketing.Facts{Language: lang, Place: place, Code: "reopened", Args: map[string]string{"assignee": "slack:T0SPORTELLO/U01ANNA"}}
	found := ticketing.Facts{Language: lang, Place: place, Code: "articles_found", Args: map[string]string{"words": "stampante <!channel> `x`"}, Articles: []ticketing.Hit{
		{Slug: "reinstallare", Language: "it", Title: "Reinstallare il <driver> & *basta*"}, {Slug: "offline", Language: "en", Title: strings.Repeat("Long title ", 60)}}}
	ask := found
	ask.Code, ask.Args = "articles_ask", nil
	paused := ticketing.Facts{Language: lang, Place: place, Code: "loop_ping", Args: map[string]string{"seconds": "60", "minutes": "60"}}
	threaded := func(f ticketing.Facts) ticketing.Outgoing {
		o := row(ticketing.PostLine, f)
		o.Thread = "01M8EY1PM83F7ZK1B8N2R5S9HD"
		return o
	}
	digest := row(ticketing.PostLine, ticketing.Facts{Language: lang, Place: place, Code: "digest_judged_gaps", Args: map[string]string{"asked": "40", "offered": "16", "coverage": "44 %", "solved": "7", "judged": "12",
		"precision": "83 %", "gaps": "5 × satispay, cassa · 3 × <etichette>"}})
	digest.Ticket = 0
	hint := func(code, body string, args map[string]string) ticketing.Outgoing {
		return row(ticketing.Hint, ticketing.Facts{Language: lang, Place: place, User: "slack:T0SPORTELLO/U01ANNA", Code: code, Args: args, Body: body})
	}
	kept := map[string]string{"word": "!rislto", "meant": "!risolto", "thread": "01M8EY1PM83F7ZK1B8N2R5S9HD", "message": "01M8EY1PM83F7ZK1B8N2R5S9HE"}
	asleep := facts(lang)
	asleep.Card.State, asleep.Card.Snoozed = ticketing.StatePending, time.Date(2026, 11, 25, 13, 30, 0, 0, time.UTC)
	merged := row(ticketing.PostLine, ticketing.Facts{Language: lang, Place: place, Code: "merged_here", Link: "slack:T0SPORTELLO/C0TRIAGE/1795507812.000100",
		Args: map[string]string{"agent": "slack:T0SPORTELLO/U01ANNA", "from": "1042", "subject": "<!channel> *ciao*"}})
	sent := row(ticketing.PostLine, ticketing.Facts{Language: lang, Place: place, Code: "macro_sent", Body: "Buongiorno <Marco>,\nriavvii.", Args: map[string]string{"agent": "slack:T0SPORTELLO/U01ANNA", "name": "riavvio"}})
	return map[string]ticketing.Outgoing{
		"hint_kept": hint("unknown_command", "", kept), "hint_claimed": hint("claimed_by", "", map[string]string{"agent": "Bruno <Bianchi>", "number": "1042"}),
		"hint_macro": hint("macro", "Buongiorno <Marco>,\nriavvii & aspetti.", map[string]string{"name": "riavvio", "thread": "01M8EY1PM83F7ZK1B8N2R5S9HD", "row": "01M8EY1PM83F7ZK1B8N2R5S9HF"}),
		"asleep":     row(ticketing.PostRoot, asleep), "merged": merged, "macro_sent": sent,
		"articles": threaded(found), "articles_ask": threaded(ask), "paused": threaded(paused), "digest": digest,
		"root": row(ticketing.PostRoot, fresh), "card": row(ticketing.CardTicket, resolved), "held": row(ticketing.PostHeld, held(lang)),
		"ended": row(ticketing.CardHeld, ended), "mail": row(ticketing.PostMail, mail), "release": row(ticketing.PostRelease, release),
		"bounce": row(ticketing.PostBounce, bounce), "line": row(ticketing.PostLine, line),
	}
}

// TestRender compares every card with its golden file in both languages.
func TestRender(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	for _, lang := range []string{"it", "en"} {
		for name, o := range rows(lang) {
			t.Run(name+"."+lang, func(t *testing.T) {
				raw, ref, err := w.door.Render(w.ctx, o)
				if err != nil || ref != "" {
					t.Fatal(err, ref)
				}
				again, _, err := w.door.Render(w.ctx, o)
				if err != nil || !bytes.Equal(raw, again) {
					t.Error("rendering again gives other bytes")
				}
				var got bytes.Buffer
				if err := json.Indent(&got, raw, "", "  "); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join("testdata", name+"."+lang+".golden")
				if *rewrite {
					if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), want) {
					t.Errorf("%s differs; look at it and run the test with -update\n%s", file, got.Bytes())
				}
			})
		}
	}
}

// send renders and sends a row and returns its ref.
func (w *world) send(o ticketing.Outgoing) (ticketing.Ref, error) {
	w.t.Helper()
	raw, _, err := w.door.Render(w.ctx, o)
	if err != nil {
		w.t.Fatal(err)
	}
	ref, _, err := w.door.Send(w.ctx, o, raw, func() error { return nil })
	return ref, err
}

func tsOf(ref ticketing.Ref) string { return string(ref)[strings.LastIndex(string(ref), "/")+1:] }

// TestSlackTakesEveryCard posts every kind to a workspace that refuses what Slack refuses.
func TestSlackTakesEveryCard(t *testing.T) {
	for _, name := range []string{"username", "text"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, slacktest.Options{}, func(c *slack.Config) { c.CustomerName = name })
			all := rows("it")
			root, err := w.send(all["root"])
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range []string{"mail", "release", "bounce", "line", "articles", "articles_ask", "paused", "merged", "macro_sent"} {
				o := all[kind]
				o.Facts.Root = root
				if _, err := w.send(o); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
			}
			if th := w.Thread(w.room, tsOf(root)); len(th) != 10 {
				t.Errorf("the thread has %d messages, want 10", len(th))
			} else if named := th[1].Username == "Marco <Verdi> (cliente)"; named != (name == "username") {
				t.Errorf("the customer's message is by %q", th[1].Username)
			}
			if _, err := w.send(all["digest"]); err != nil { // belongs to no thread
				t.Error(err)
			}
			hold, err := w.send(all["held"])
			if err != nil {
				t.Fatal(err)
			}
			for kind, target := range map[string]ticketing.Ref{"card": root, "ended": hold} {
				o := all[kind]
				o.Facts.Target = target
				if _, err := w.send(o); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
			}
			for _, m := range w.Messages(w.room) {
				if m.Metadata == nil || m.Metadata.EventPayload["outbox_id"] == nil || m.Edited != nil {
					t.Errorf("after rewriting: %+v", m)
				}
			}
			react := ticketing.Outgoing{Kind: ticketing.React, Facts: ticketing.Facts{Place: place, Target: root, Emoji: "incoming_envelope"}}
			for range 2 {
				if _, err := w.send(react); err != nil {
					t.Error(err)
				}
			}
			if r := w.Reactions(w.room, tsOf(root)); len(r["incoming_envelope"]) != 1 {
				t.Errorf("reactions %v", r)
			}
			react.Facts.Code = ticketing.ReactOff
			for range 2 {
				if _, err := w.send(react); err != nil {
					t.Error(err)
				}
			}
			if r := w.Reactions(w.room, tsOf(root)); len(r["incoming_envelope"]) != 0 {
				t.Errorf("reactions that were taken off: %v", r)
			}
			for _, name := range []string{"hint_kept", "hint_claimed", "hint_macro"} {
				o := all[name]
				o.Facts.User, o.Facts.Root = "slack:T0SPORTELLO/"+w.anna, root
				if _, err := w.send(o); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				w.Reload(w.anna)
			}
			hint := ticketing.Outgoing{Kind: ticketing.Hint, Facts: ticketing.Facts{Place: place, Root: root, User: "slack:T0SPORTELLO/" + w.anna,
				Language: "it", Code: "unknown_command", Args: map[string]string{"word": "!rislto", "meant": "!risolto"}}}
			if _, err := w.send(hint); err != nil {
				t.Error(err)
			}
			if e := w.Ephemerals(w.anna); len(e) != 1 || !strings.Contains(e[0].Text, "Intendevi `!risolto`?") || e[0].ThreadTS != tsOf(root) {
				t.Errorf("hints %+v", e)
			}
			if bad := w.Misuse(); len(bad) > 0 {
				t.Error(bad)
			}
		})
	}
}

// TestEveryCodeHasASentence knows the codes which the bot and the desk give.
func TestEveryCodeHasASentence(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	code := regexp.MustCompile(`(?:Hint = |Hint: |hint\(ctx, c, |return )"([a-z_]+)"`)
	n := 0
	for _, dir := range []string{"../../bot", "../../ticketing"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range code.FindAllSubmatch(src, -1) {
				c := string(m[1])
				if strings.HasPrefix(string(m[0]), "return") && !strings.HasPrefix(c, "guard_") {
					continue
				}
				n++
				o := ticketing.Outgoing{Kind: ticketing.Hint, Facts: ticketing.Facts{Place: place, User: "slack:T0SPORTELLO/U1", Language: "it", Code: c}}
				raw, _, err := w.door.Render(w.ctx, o)
				if err != nil || bytes.Contains(raw, []byte("slack.hint.")) || bytes.Contains(raw, []byte("{")) && bytes.Contains(raw, []byte("{agent}")) {
					t.Errorf("%s: no sentence for the hint %q: %s %v", file, c, raw, err)
				}
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d codes found: does the pattern still fit the sources?", n)
	}
}

// doubtful sends a row as the outbox does: what is in doubt is searched for, and posted again only when a complete search at least
// 30 s after the attempt did not find it.
func (w *world) doubtful(o ticketing.Outgoing, clock *slacktest.ManualClock) (ticketing.Ref, int) {
	w.t.Helper()
	raw, _, err := w.door.Render(w.ctx, o)
	if err != nil {
		w.t.Fatal(err)
	}
	for attempt := 1; ; attempt++ {
		ref, _, err := w.door.Send(w.ctx, o, raw, func() error {
			if o.StartedAt.IsZero() {
				o.StartedAt = clock.Now()
			}
			return nil
		})
		if err == nil {
			return ref, attempt
		}
		var e *ticketing.SendError
		if !errors.As(err, &e) {
			w.t.Fatalf("an error without verdict: %v", err)
		}
		if e.Verdict != ticketing.SendUnknown {
			w.t.Fatalf("%s is not unknown: %v", e.Code, err)
		}
		missing := 0
		for missing < 2 {
			found, at, err := w.door.Probe(w.ctx, o)
			switch {
			case err != nil && found != ticketing.ProbeImpossible:
				w.t.Fatal(err)
			case found == ticketing.ProbeFound:
				return at, attempt
			case found == ticketing.ProbeMissing:
				missing++
			}
			clock.Advance(20 * time.Second)
		}
	}
}

// TestLostAnswersNeverDoubleAPost loses 15 % of requests and 20 % of answers, some of the searches fail too.
func TestLostAnswersNeverDoubleAPost(t *testing.T) {
	clock := slacktest.NewManualClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	w := newWorld(t, slacktest.Options{Seed: 7, Clock: clock}, func(c *slack.Config) { c.Now = clock.Now })
	root, err := w.send(rows("it")["root"])
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []slacktest.Fault{
		{Method: "chat.postMessage", Kind: slacktest.LoseRequest, Probability: 0.15},
		{Method: "chat.postMessage", Kind: slacktest.LoseAnswer, Probability: 0.1},
		{Method: "chat.postMessage", Kind: slacktest.ErrorAfter, Probability: 0.06},
		{Method: "chat.postMessage", Kind: slacktest.InternalError, Probability: 0.06},
		{Method: "conversations.replies", Kind: slacktest.LoseAnswer, Probability: 0.2},
		{Method: "conversations.history", Kind: slacktest.ErrorBefore, Probability: 0.2},
	} {
		if err := w.Fault(f); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]ticketing.Ref{}
	repeated := 0
	rng := rand.New(rand.NewSource(3))
	for i := range 200 {
		var o ticketing.Outgoing
		switch rng.Intn(3) {
		case 0:
			o = rows("it")["root"]
		case 1:
			o = rows("it")["line"]
			o.Facts.Root = root
		default:
			o = rows("it")["mail"]
			o.Facts.Root = root
		}
		o.ID, o.Cause = newULID(), fmt.Sprint(i)
		ref, attempts := w.doubtful(o, clock)
		if attempts > 1 {
			repeated++
		}
		want[o.ID] = ref
	}
	if repeated < 10 {
		t.Errorf("only %d posts were repeated: the faults do not bite", repeated)
	}
	seen := map[string]int{}
	count := func(m slacktest.Message) {
		if id, ok := m.Metadata.EventPayload["outbox_id"].(string); ok && want[id] != "" {
			seen[id]++
			if at := ticketing.Ref(place + "/" + m.TS); want[id] != at {
				t.Errorf("%s is %s, the door said %s", id, at, want[id])
			}
		}
	}
	for _, m := range w.Messages(w.room) {
		count(m)
	}
	for _, m := range w.Thread(w.room, tsOf(root))[1:] {
		count(m)
	}
	for id := range want {
		if seen[id] != 1 {
			t.Errorf("post %s is there %d times", id, seen[id])
		}
	}
}

func TestProbe(t *testing.T) {
	clock := slacktest.NewManualClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	w := newWorld(t, slacktest.Options{Clock: clock}, func(c *slack.Config) { c.Now = clock.Now })
	root, err := w.send(rows("it")["root"])
	if err != nil {
		t.Fatal(err)
	}
	o := rows("it")["line"]
	o.ID, o.StartedAt, o.Facts.Root = newULID(), clock.Now(), root
	probe := func() ticketing.Found {
		t.Helper()
		found, _, _ := w.door.Probe(w.ctx, o)
		return found
	}
	if f := probe(); f != ticketing.ProbeImpossible {
		t.Errorf("a search at once says %v; a late post may still come", f)
	}
	clock.Advance(time.Minute)
	if f := probe(); f != ticketing.ProbeMissing {
		t.Errorf("a complete search says %v", f)
	}
	for _, method := range []string{"conversations.replies", "conversations.history"} {
		if err := w.Fault(slacktest.Fault{Method: method, Kind: slacktest.ErrorBefore}); err != nil {
			t.Fatal(err)
		}
		if f := probe(); f != ticketing.ProbeImpossible {
			t.Errorf("a search without an answer of %s says %v", method, f)
		}
	}
	if _, err := w.send(o); err != nil {
		t.Fatal(err)
	}
	if f := probe(); f != ticketing.ProbeFound {
		t.Errorf("the search for a post that is there says %v", f)
	}
	o.Facts.Root = ""
	if f := probe(); f != ticketing.ProbeFound {
		t.Errorf("the search without its thread says %v", f)
	}
	o.ID = newULID()
	if f := probe(); f != ticketing.ProbeMissing {
		t.Errorf("the search without its thread for a post that is not there says %v", f)
	}
}

// TestProbeWithClocksApart searches while our clock is an hour ahead of Slack's.
func TestProbeWithClocksApart(t *testing.T) {
	clock := slacktest.NewManualClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	ahead := func() time.Time { return clock.Now().Add(time.Hour) }
	w := newWorld(t, slacktest.Options{Clock: clock}, func(c *slack.Config) { c.Now = ahead })
	o := rows("it")["root"]
	o.ID, o.StartedAt = newULID(), ahead()
	if _, err := w.send(o); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Minute)
	if found, _, err := w.door.Probe(w.ctx, o); found != ticketing.ProbeFound {
		t.Errorf("found %v %v", found, err)
	}
}

func TestVerdicts(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(w *world)
		code  string
		want  ticketing.SendVerdict
	}{
		"429": {func(w *world) {
			_ = w.Fault(slacktest.Fault{Kind: slacktest.RateLimit, Method: "chat.postMessage", Delay: 7 * time.Second})
		}, "ratelimited", ticketing.SendTemporary},
		"lost":     {func(w *world) { _ = w.Fault(slacktest.Fault{Kind: slacktest.LoseAnswer}) }, "no_answer", ticketing.SendUnknown},
		"503":      {func(w *world) { _ = w.Fault(slacktest.Fault{Kind: slacktest.ErrorBefore}) }, "http_503", ticketing.SendUnknown},
		"internal": {func(w *world) { _ = w.Fault(slacktest.Fault{Kind: slacktest.InternalError}) }, "internal_error", ticketing.SendUnknown},
		"revoked":  {func(w *world) { w.Revoke("token_revoked") }, "token_revoked", ticketing.SendSuspend},
		"archived": {func(w *world) { _ = w.Archive(w.room, true) }, "is_archived", ticketing.SendSuspend},
		"scope":    {func(w *world) { w.SetScopes("users:read") }, "missing_scope", ticketing.SendPermanent},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, slacktest.Options{})
			tt.spoil(w)
			_, err := w.send(rows("it")["root"])
			var e *ticketing.SendError
			if !errors.As(err, &e) || e.Verdict != tt.want || e.Code != tt.code {
				t.Fatalf("got %+v, want verdict %d and code %s", err, tt.want, tt.code)
			}
			if name != "429" {
				return
			}
			if e.After != 7*time.Second || !e.Free {
				t.Errorf("%+v: want to wait 7 s and not to count the attempt", e)
			}
			calls := len(w.Log())
			if _, err := w.send(rows("it")["root"]); !errors.As(err, &e) || len(w.Log()) != calls {
				t.Error("a call left before Retry-After had passed")
			}
			if err := w.door.API().AddReaction(w.ctx, w.room, "1.000001", "eyes"); err == nil || len(w.Log()) != calls+1 {
				t.Error("the other methods go on")
			}
		})
	}
}

func TestRefusedShapeGoesInAnother(t *testing.T) {
	t.Run("no scope for a name", func(t *testing.T) {
		w := newWorld(t, slacktest.Options{})
		w.SetScopes("chat:write", "groups:history")
		if _, err := w.send(rows("it")["mail"]); err != nil {
			t.Fatal(err)
		}
		if m := w.Messages(w.room)[0]; m.Username != "" || !strings.Contains(m.Text, "Marco &lt;Verdi&gt; (cliente)") {
			t.Errorf("%+v", m)
		}
	})
	t.Run("a root that is gone", func(t *testing.T) {
		w := newWorld(t, slacktest.Options{})
		o := rows("it")["line"]
		o.Facts.Root = "slack:T0SPORTELLO/C0TRIAGE/1.000001"
		ref, err := w.send(o)
		if err != nil {
			t.Fatal(err)
		}
		if m := w.Messages(w.room); len(m) != 1 || m[0].TS != tsOf(ref) {
			t.Errorf("%+v", m)
		}
	})
	t.Run("a very long mail", func(t *testing.T) {
		w := newWorld(t, slacktest.Options{})
		o := rows("it")["mail"]
		o.Facts.Body = strings.Repeat("<https://example.org/a&b> ", 1200)
		if _, err := w.send(o); err != nil {
			t.Fatal(err)
		}
		if m := w.Messages(w.room)[0]; len(m.Blocks) == 0 {
			t.Error("the mail lost its blocks")
		}
	})
}

// hostile are words that try to be more than words.
var hostile = []string{
	"<!channel> <!here> <!everyone>", "<@U0SPORTELLO> <@U000000001|x>", "<#C0TRIAGE|general>", "<https://evil.example|https://bank.example>",
	"<!subteam^S1|team>", "<!date^1^{time}|x>", "&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;", "<<!channel>>", "<!chan\u200enel>", "\u202e<lennahc!>",
	"`<!channel>`", "```\n<!channel>\n```", "> <!channel>", "a|b\n<!here|x>", "{t:slack.button.claim} {number}", "*bold* _it_ ~no~", "\x00\x1b[31m<!here>",
	strings.Repeat("<!channel>", 4000), "<mailto:a@b.example|x@y.example>", "javascript:alert(1)", ":lock: :white_check_mark:", "@channel @here", "http://a.example/<b>",
}

// TestForeignWordsStayWords posts hostile texts in every field a customer fills.
func TestForeignWordsStayWords(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	activeToken := regexp.MustCompile(`<(!|@|#|https?:|mailto:)[^>]*>`)
	ours := regexp.MustCompile(`<!date\^\d+\^\{date_short_pretty\} \{time\}\|[0-9/: ]+>|<https://ditta-esempio\.slack\.com/archives/C0TRIAGE/p\d+\|apri il thread>`)
	for i, text := range hostile {
		for name, o := range rows("it") {
			if name == "card" || name == "ended" {
				continue
			}
			o.ID = newULID()
			if c := o.Facts.Card; c != nil {
				c.Subject, c.Excerpt, c.From.Name, c.From.Address = text, text, text, text
				c.Assignee, c.AssigneeID = "", ""
				for j := range c.Articles {
					c.Articles[j].Title = text
				}
			}
			o.Facts.Body, o.Facts.To.Name, o.Facts.AgentName = text, text, text
			for k := range o.Facts.Args {
				o.Facts.Args[k] = text
			}
			for j := range o.Facts.Files {
				o.Facts.Files[j].Name = text
			}
			for j := range o.Facts.Articles {
				o.Facts.Articles[j].Title = text
			}
			ref, err := w.send(o)
			if err != nil {
				t.Errorf("text %d as %s: %v", i, name, err)
				continue
			}
			for _, m := range w.Messages(w.room) {
				if m.TS != tsOf(ref) {
					continue
				}
				if found := activeToken.FindString(ours.ReplaceAllString(m.Text, "")); found != "" {
					t.Errorf("text %d as %s: active %q in the text", i, name, found)
				}
				for _, word := range mrkdwn(m.Blocks) {
					if found := activeToken.FindString(ours.ReplaceAllString(word, "")); found != "" {
						t.Errorf("text %d as %s: active %q in a block", i, name, found)
					}
				}
				if len(m.Blocks) == 0 && !slices.Contains([]string{"line", "digest", "merged", "macro_sent"}, name) {
					t.Errorf("text %d as %s: the blocks were refused", i, name)
				}
			}
		}
	}
	if bad := w.Misuse(); len(bad) > 0 {
		t.Error(bad[0])
	}
}

// mrkdwn lists the texts of blocks in which Slack interprets tokens.
func mrkdwn(blocks json.RawMessage) []string {
	var list []any
	_ = json.Unmarshal(blocks, &list)
	var out []string
	var walk func(any)
	walk = func(v any) {
		switch x := v.(type) {
		case []any:
			for _, e := range x {
				walk(e)
			}
		case map[string]any:
			if x["type"] == "mrkdwn" {
				out = append(out, x["text"].(string))
			}
			for _, e := range x {
				walk(e)
			}
		}
	}
	walk(list)
	return out
}
