package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

var noon = time.Date(2026, 3, 4, 11, 0, 0, 0, time.UTC) // a Wednesday

// asked is a case of a new question by a person, which the knowledge base can answer; change alters it.
func asked(change func(c *ticketing.Case)) *ticketing.Case {
	c := &ticketing.Case{
		Now: noon, In: &ticketing.Inbound{ID: "in"}, Standing: ticketing.StandingStranger, Rule: ticketing.ClaimNone,
		Queue: &ticketing.Queue{Name: "assistenza", Offers: true, Timer: 2 * time.Hour, Ack: "everyone", ReopenWindow: 14 * 24 * time.Hour},
		Found: ticketing.Findings{Hits: []ticketing.Hit{{}}, Confidence: 0.9, Offer: true},
		Heard: &ticketing.Heard{Kind: ticketing.KindNormal, Auth: ticketing.AuthPass, From: ticketing.Party{Key: "mail:maria@cliente.example", Address: "maria@cliente.example"},
			Visible: "Come stampo la fattura?", Public: true, Auto: ticketing.AutoAnswer{Allowed: true}},
	}
	if change != nil {
		change(c)
	}
	return c
}

// joining makes the case name a ticket in a state.
func joining(state ticketing.State, change func(c *ticketing.Case)) *ticketing.Case {
	return asked(func(c *ticketing.Case) {
		c.Thread = &ticketing.Thread{ID: "t", Number: 7, State: ticketing.ThreadTicket}
		c.Ticket = &ticketing.Ticket{Number: 7, State: state, ResolvedAt: noon.Add(-24 * time.Hour)}
		c.Rule, c.Standing = ticketing.ClaimToken, ticketing.StandingRequester
		if change != nil {
			change(c)
		}
	})
}

// held makes the case answer an open offer.
func held(text string, change func(c *ticketing.Case)) *ticketing.Case {
	return joining(ticketing.StateNew, func(c *ticketing.Case) {
		c.Ticket, c.Thread.State = nil, ticketing.ThreadHeld
		c.Suggestion = &ticketing.Suggestion{ID: "s", State: ticketing.SuggestionOpen}
		c.Heard.Visible = text
		if change != nil {
			change(c)
		}
	})
}

func kind(k ticketing.Kind) func(*ticketing.Case) {
	return func(c *ticketing.Case) { c.Heard.Kind = k }
}

// decisions is the whole page of Decide: each row of mail.md 3.1 and of the table of 6.2 at least once.
var decisions = []struct {
	name    string
	c       *ticketing.Case
	do      ticketing.Do
	outcome ticketing.Outcome
	cause   ticketing.Cause
	answer  bool
}{
	{"a question with a good article", asked(nil), ticketing.DoOffer, ticketing.OutcomeHeld, "", true},
	{"a question without one", asked(func(c *ticketing.Case) { c.Found = ticketing.Findings{} }), ticketing.DoOpen, ticketing.OutcomeTicket, "", true},
	{"authentication failed", asked(func(c *ticketing.Case) { c.Heard.Auth = ticketing.AuthFail }), ticketing.DoOpen, ticketing.OutcomeTicket, "", false},
	{"an echo", asked(func(c *ticketing.Case) { c.Heard.Echo = &ticketing.Echo{} }), ticketing.DoEcho, ticketing.OutcomeAutomatic, "", false},
	{"a duplicate", asked(func(c *ticketing.Case) { c.Duplicate = &ticketing.Inbound{ID: "x"} }), ticketing.DoDuplicate, ticketing.OutcomeDuplicate, "", false},
	{"refused by the reader", asked(func(c *ticketing.Case) { c.Heard.Refused = ticketing.CauseLimits }), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseLimits, false},
	{"refused, released", asked(func(c *ticketing.Case) {
		c.Heard.Refused, c.In.Reason = ticketing.CauseLimits, "released.ticket"
	}), ticketing.DoOpen, ticketing.OutcomeTicket, "", true},
	{"released without a sender", asked(func(c *ticketing.Case) {
		c.Heard.Refused, c.In.Reason, c.Heard.From = ticketing.CauseBadSender, "released.ticket", ticketing.Party{}
	}), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseBadSender, false},
	{"own mail", asked(func(c *ticketing.Case) { c.Heard.Own, c.Heard.Kind = true, ticketing.KindAutoReply }), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},
	{"own address", asked(func(c *ticketing.Case) { c.Heard.FromSelf = true }), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseFromSelf, false},
	{"own address in a report", asked(func(c *ticketing.Case) { c.Heard.FromSelf, c.Heard.Kind = true, ticketing.KindBounce }), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseFromSelf, false},

	{"a program that answers", asked(func(c *ticketing.Case) { c.Heard.Kind, c.Heard.Answers = ticketing.KindAutoReply, true }), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},
	{"a program that answers, with a ticket", joining(ticketing.StateOpen, func(c *ticketing.Case) { c.Heard.Kind, c.Heard.Answers = ticketing.KindAutoReply, true }), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},
	{"a program that notifies", asked(kind(ticketing.KindAutoReply)), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},
	{"a program that notifies, queue opens tickets", asked(func(c *ticketing.Case) {
		c.Heard.Kind, c.Queue.Notifications = ticketing.KindAutoReply, true
	}), ticketing.DoOpen, ticketing.OutcomeTicket, "", false},
	{"a flood of notifications", asked(func(c *ticketing.Case) {
		c.Heard.Kind, c.Queue.Notifications, c.Flood = ticketing.KindAutoReply, true, true
	}), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseFlood, false},
	{"a program that answers, queue opens tickets", asked(func(c *ticketing.Case) {
		c.Heard.Kind, c.Heard.Answers, c.Queue.Notifications = ticketing.KindAutoReply, true, true
	}), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},
	{"list mail to a public address", asked(kind(ticketing.KindList)), ticketing.DoOpen, ticketing.OutcomeTicket, "", false},
	{"list mail to others", asked(func(c *ticketing.Case) { c.Heard.Kind, c.Heard.Public = ticketing.KindList, false }), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},
	{"list mail with a ticket", joining(ticketing.StateOpen, kind(ticketing.KindList)), ticketing.DoReply, ticketing.OutcomeReply, "", false},
	{"a bounce of nothing of ours", asked(kind(ticketing.KindBounce)), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseReport, false},
	{"a bounce of our letter", asked(func(c *ticketing.Case) {
		c.Heard.Kind, c.Letter, c.Heard.Report = ticketing.KindBounce, &ticketing.Outgoing{}, &ticketing.Report{Failed: true}
	}), ticketing.DoReport, ticketing.OutcomeBounce, "", false},
	{"a bounce released as a ticket", asked(func(c *ticketing.Case) { c.Heard.Kind, c.In.Reason = ticketing.KindBounce, "released.ticket" }), ticketing.DoOpen, ticketing.OutcomeTicket, "", false},
	{"a complaint", asked(kind(ticketing.KindFeedback)), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},
	{"a PEC receipt of our letter", asked(func(c *ticketing.Case) {
		c.Heard.Kind, c.Letter, c.Heard.Report = ticketing.KindPECReceipt, &ticketing.Outgoing{}, &ticketing.Report{Receipt: "accettazione"}
	}), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},
	{"a PEC failure of our letter", asked(func(c *ticketing.Case) {
		c.Heard.Kind, c.Letter, c.Heard.Report = ticketing.KindPECReceipt, &ticketing.Outgoing{}, &ticketing.Report{Failed: true}
	}), ticketing.DoReport, ticketing.OutcomeAutomatic, "", false},
	{"a PEC failure of nothing of ours", asked(func(c *ticketing.Case) {
		c.Heard.Kind, c.Heard.Report = ticketing.KindPECReceipt, &ticketing.Report{Failed: true}
	}), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseReport, false},
	{"a PEC receipt of nothing of ours", asked(func(c *ticketing.Case) { c.Heard.Kind, c.Heard.Report = ticketing.KindPECReceipt, &ticketing.Report{} }), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},
	{"an invitation", asked(kind(ticketing.KindCalendar)), ticketing.DoOpen, ticketing.OutcomeTicket, "", false},
	{"an invitation with a ticket", joining(ticketing.StatePending, kind(ticketing.KindCalendar)), ticketing.DoReply, ticketing.OutcomeReply, "", false},
	{"the answer to an invitation", asked(func(c *ticketing.Case) { c.Heard.Kind, c.Heard.Answers = ticketing.KindCalendar, true }), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},

	{"two tickets named", joining(ticketing.StateOpen, func(c *ticketing.Case) { c.Heard.TokenThreads = 2 }), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseManyTokens, false},
	{"three failing keys", asked(func(c *ticketing.Case) { c.Heard.FailedKeys = 3 }), ticketing.DoOffer, ticketing.OutcomeHeld, "", true},
	{"four failing keys", asked(func(c *ticketing.Case) { c.Heard.FailedKeys = 4 }), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseManyTokens, false},
	{"two tickets named, released", asked(func(c *ticketing.Case) { c.Heard.TokenThreads, c.In.Reason = 2, "released.ticket" }), ticketing.DoOpen, ticketing.OutcomeTicket, "", true},
	{"flood", asked(func(c *ticketing.Case) { c.Flood = true }), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseFlood, false},
	{"flood, released", asked(func(c *ticketing.Case) { c.Flood, c.In.Reason = true, "released.ticket" }), ticketing.DoOpen, ticketing.OutcomeTicket, "", true},

	{"a reply", joining(ticketing.StateOpen, nil), ticketing.DoReply, ticketing.OutcomeReply, "", true},
	{"a reply to what waits", joining(ticketing.StatePending, nil), ticketing.DoReply, ticketing.OutcomeReply, "", true},
	{"a reply inside the window", joining(ticketing.StateResolved, nil), ticketing.DoReply, ticketing.OutcomeReply, "", true},
	{"a reply after the window", joining(ticketing.StateResolved, func(c *ticketing.Case) { c.Ticket.ResolvedAt = noon.Add(-14*24*time.Hour - time.Second) }), ticketing.DoFollowUp, ticketing.OutcomeFollowUp, "", true},
	{"a reply to a closed ticket", joining(ticketing.StateClosed, nil), ticketing.DoFollowUp, ticketing.OutcomeFollowUp, "", true},
	{"a reply without proof", joining(ticketing.StateOpen, func(c *ticketing.Case) { c.Heard.Auth = ticketing.AuthUnknown }), ticketing.DoReply, ticketing.OutcomeReply, "", true},
	{"a reply with failed authentication", joining(ticketing.StateOpen, func(c *ticketing.Case) { c.Heard.Auth = ticketing.AuthFail }), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseAuthFailed, false},
	{"a stranger with a key", joining(ticketing.StateOpen, func(c *ticketing.Case) { c.Standing = ticketing.StandingStranger }), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseNotParticipant, false},
	{"an agent by mail", joining(ticketing.StateOpen, func(c *ticketing.Case) { c.Standing = ticketing.StandingAgent }), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseNotParticipant, false},
	{"a stranger released", joining(ticketing.StateOpen, func(c *ticketing.Case) {
		c.Standing, c.In.Reason = ticketing.StandingStranger, "released.reply"
	}), ticketing.DoReply, ticketing.OutcomeReply, "", true},

	{"yes to an offer", held("Risolto, grazie", nil), ticketing.DoSolved, ticketing.OutcomeReply, "", false},
	{"no to an offer", held("No, non funziona", nil), ticketing.DoOpen, ticketing.OutcomeReply, "", true},
	{"anything else to an offer", held("La stampante è una HP", nil), ticketing.DoOpen, ticketing.OutcomeReply, "", true},
	{"a yes of a colleague", held("Risolto, grazie", func(c *ticketing.Case) { c.Standing = ticketing.StandingParticipant }), ticketing.DoOpen, ticketing.OutcomeReply, "", true},
	{"a yes with failed authentication", held("Risolto", func(c *ticketing.Case) { c.Heard.Auth = ticketing.AuthFail }), ticketing.DoQuarantine, ticketing.OutcomeQuarantine, ticketing.CauseAuthFailed, false},
	{"a yes after the offer ended", held("Risolto", func(c *ticketing.Case) { c.Suggestion = nil }), ticketing.DoOpen, ticketing.OutcomeReply, "", true},
	{"out of office to an offer", held("Sono fuori ufficio", func(c *ticketing.Case) { c.Heard.Kind, c.Heard.Answers = ticketing.KindAutoReply, true }), ticketing.DoKeep, ticketing.OutcomeAutomatic, "", false},
}

func TestDecide(t *testing.T) {
	b := &Bot{}
	for _, row := range decisions {
		t.Run(row.name, func(t *testing.T) {
			d := b.Decide(row.c)
			if d.Do != row.do || d.Outcome != row.outcome || d.Cause != row.cause || d.Answer != row.answer {
				t.Errorf("got %s, outcome %q, cause %q, answer %v; want %s, %q, %q, %v", d.Do, d.Outcome, d.Cause, d.Answer, row.do, row.outcome, row.cause, row.answer)
			}
			if d.Code == "" {
				t.Error("a decision without a code cannot be explained")
			}
		})
	}
}

// TestMayAnswer: every reason for silence of M1–M16 that the bot judges.
func TestMayAnswer(t *testing.T) {
	for name, row := range map[string]struct {
		change func(c *ticketing.Case)
		want   string // "" for may
	}{
		"nothing against it": {func(*ticketing.Case) {}, ""},
		"the mail forbids it": {func(c *ticketing.Case) {
			c.Heard.Auto = ticketing.AutoAnswer{Reason: "M5 X-Auto-Response-Suppress: All"}
		}, "M5"},
		"authentication failed": {func(c *ticketing.Case) { c.Heard.Auth = ticketing.AuthFail }, "M11"},
		"ack never":             {func(c *ticketing.Case) { c.Queue.Ack = "never" }, "M11"},
		"ack proven, pass":      {func(c *ticketing.Case) { c.Queue.Ack = "proven" }, ""},
		"ack proven, none":      {func(c *ticketing.Case) { c.Queue.Ack, c.Heard.Auth = "proven", ticketing.AuthNone }, "M11"},
		"ack proven, known one": {func(c *ticketing.Case) {
			c.Queue.Ack, c.Heard.Auth, c.Contact = "proven", ticketing.AuthNone, &ticketing.Contact{Proven: true}
		}, ""},
		"suppressed contact": {func(c *ticketing.Case) { c.Contact = &ticketing.Contact{Suppressed: true} }, "M16"},
		"certified mail":     {func(c *ticketing.Case) { c.Heard.Certified, c.Heard.Auto = true, ticketing.AutoAnswer{Reason: "PEC10"} }, "PEC10"},
		"certified mail, wanted": {func(c *ticketing.Case) {
			c.Heard.Certified, c.Heard.Auto, c.Queue.PECAck = true, ticketing.AutoAnswer{Reason: "PEC10 certified"}, true
		}, ""},
		"certified list mail": {func(c *ticketing.Case) {
			c.Heard.Certified, c.Heard.Auto, c.Queue.PECAck = true, ticketing.AutoAnswer{Reason: "M3 List-Id"}, true
		}, "M3"},
		"certified, auth failed": {func(c *ticketing.Case) {
			c.Heard.Certified, c.Heard.Auth, c.Queue.PECAck = true, ticketing.AuthFail, true
		}, "M11"},
		"mail before the start": {func(c *ticketing.Case) { c.Heard.Quiet = true }, "before the start"},
		"a calendar item":       {func(c *ticketing.Case) { c.Heard.Kind = ticketing.KindCalendar }, "kind calendar"},
	} {
		c := asked(row.change)
		ok, why := mayAnswer(c)
		if ok != (row.want == "") || !strings.HasPrefix(why, row.want) {
			t.Errorf("%s: got %v %q, want reason %q", name, ok, why, row.want)
		}
		if !ok && offers(c) {
			t.Errorf("%s: an offer is an automatic answer too", name)
		}
	}
}
