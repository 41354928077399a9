package bot

import (
	"context"
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// Searcher finds articles for a question.
type Searcher interface {
	// Search returns the best articles within the queue's scope and whether they are good enough to offer. An error costs the
	// customer nothing: the ticket opens without an offer.
	Search(ctx context.Context, q Question) (ticketing.Findings, error)
}

// Question is what is searched for.
type Question struct {
	Subject, Text, Language string
	Queue                   *ticketing.Queue
	// Names are what the writer is called; they are no part of the question and leave nobody's house.
	Names []string
	// ByAgent: an agent looks for an article to send. All languages are searched; what is found is what a customer may see.
	ByAgent bool
}

// Bot decides. It is safe for concurrent use.
type Bot struct {
	Search Searcher
	Queues map[string]*ticketing.Queue
}

// Look asks the knowledge base, before the transaction, about a message that may become a request. Whether it does is decided later.
func (b *Bot) Look(ctx context.Context, h *ticketing.Heard) (ticketing.Findings, error) {
	q := b.Queues[h.Queue]
	if q == nil || b.Search == nil {
		return ticketing.Findings{}, nil
	}
	if words, ok := wanted(h.Act); ok {
		return b.Search.Search(ctx, Question{Text: words, Queue: q, ByAgent: true})
	}
	if !mayHold(q, h) {
		return ticketing.Findings{}, nil
	}
	found, err := b.Search.Search(ctx, Question{Subject: h.Subject, Text: h.Visible, Language: h.Language, Queue: q, Names: []string{h.From.Name, h.From.Address}})
	if err != nil {
		return ticketing.Findings{}, err
	}
	found.Searched = true
	found.Control = inControl(q, h.From.Key)
	found.Urgent = found.Offer && urgent(q, h)
	return found, nil
}

// Decide says what becomes of a message.
func (b *Bot) Decide(c *ticketing.Case) ticketing.Decision {
	h := c.Heard
	switch {
	case h.Echo != nil:
		return ticketing.Decision{Do: ticketing.DoEcho, Outcome: ticketing.OutcomeAutomatic, Code: "echo"}
	case c.Duplicate != nil:
		return ticketing.Decision{Do: ticketing.DoDuplicate, Outcome: ticketing.OutcomeDuplicate, Code: "duplicate", Detail: c.Duplicate.ID}
	case h.Act != nil:
		return obey(c)
	case h.Refused != "" && c.In.Released() == "":
		return quarantine(c, h.Refused, h.Detail)
	case h.Press != "":
		return pressed(c)
	case h.EditOf != "":
		return edited(c)
	case h.Own:
		return keep(c, "own")
	case h.FromSelf && c.In.Released() == "":
		return quarantine(c, ticketing.CauseFromSelf, "")
	}
	if c.In.Released() == "" {
		if d, ok := program(c); ok {
			return d
		}
		if h.TokenThreads > 1 || h.FailedKeys > maxFailedKeys {
			return quarantine(c, ticketing.CauseManyTokens, "")
		}
	}
	switch {
	case h.From.Key == "":
		// Released, but there is nobody to open a ticket for: it waits on until it is deleted.
		return quarantine(c, ticketing.CauseBadSender, "no sender")
	case c.Copy && c.In.Released() == "":
		return keep(c, "copy")
	case c.Thread != nil:
		return known(c)
	case c.Flood && c.In.Released() == "":
		return quarantine(c, ticketing.CauseFlood, "")
	case offers(c):
		return offer(c)
	}
	return open(c)
}

// pressed decides about a button of an offer. It is for the one who asked, and only as long as the offer is open.
func pressed(c *ticketing.Case) ticketing.Decision {
	d := ticketing.Decision{Do: ticketing.DoKeep, Outcome: ticketing.OutcomeAutomatic, Code: "press.over"}
	switch s := c.Suggestion; {
	case s == nil:
		d.Code = "press.unknown"
	case c.Contact == nil || c.Contact.ID != c.Thread.Contact:
		d.Code = "press.foreign"
		// What another person pressed leaves no trace on the request.
		c.Thread, c.Suggestion = nil, nil
	case s.State != ticketing.SuggestionOpen:
	case s.YesHash == ticketing.HashToken(c.Heard.Press):
		return ticketing.Decision{Do: ticketing.DoPress, Outcome: ticketing.OutcomeReply, Code: "offer.yes"}
	default:
		return ticketing.Decision{Do: ticketing.DoPress, Outcome: ticketing.OutcomeTicket, Code: "offer.no"}
	}
	return d
}

// edited decides about a new version of a message. Chats also tell of changes that no reader sees.
func edited(c *ticketing.Case) ticketing.Decision {
	d := ticketing.Decision{Do: ticketing.DoKeep, Outcome: ticketing.OutcomeAutomatic, Code: "edit.unknown"}
	switch {
	case c.Edited == nil:
	case c.Edited.Visible == c.Heard.Visible:
		d.Code = "edit.same"
	default:
		return ticketing.Decision{Do: ticketing.DoEdit, Outcome: ticketing.OutcomeReply, Code: "edit"}
	}
	return d
}

// program decides about mail that no person wrote (the rows of mail.md 3.1 but for normal); ok is false for what is treated as normal. A
// release by a person overrules it: whoever releases a mail has read it.
func program(c *ticketing.Case) (d ticketing.Decision, ok bool) {
	switch h := c.Heard; h.Kind {
	case ticketing.KindBounce, ticketing.KindPECReceipt:
		return report(c), true
	case ticketing.KindFeedback:
		return keep(c, "feedback"), true
	case ticketing.KindAutoReply:
		if c.Thread == nil && !h.Answers && c.Queue.Notifications {
			return d, false
		}
		return keep(c, "automatic"), true
	case ticketing.KindCalendar:
		if h.Answers {
			return keep(c, "automatic"), true
		}
	case ticketing.KindList:
		if c.Thread == nil && !h.Public {
			return keep(c, "list"), true
		}
	}
	return d, false
}

// maxFailedKeys is how many keys that do not verify a mail may carry (S31).
const maxFailedKeys = 3

// known decides about a message that names a thread of ours (M42–M44).
func known(c *ticketing.Case) ticketing.Decision {
	released := c.In.Released() == ticketing.VerdictReply
	switch {
	case released:
	case !c.Standing.Joins():
		return quarantine(c, ticketing.CauseNotParticipant, "")
	case c.Heard.Auth == ticketing.AuthFail:
		return quarantine(c, ticketing.CauseAuthFailed, "")
	}
	d := join(c)
	switch {
	case c.Ticket == nil && c.Suggestion != nil && c.Standing == ticketing.StandingRequester && judged(c.Heard) == verdictYes:
		d.Do, d.Code = ticketing.DoSolved, "offer.yes"
		return d
	case c.Ticket == nil && c.Suggestion == nil && c.Rule == ticketing.ClaimPlace && onlyThanks(c.Heard):
		// An article solved it by a button, and in a chat one says thanks.
		d.Code = "thanks"
		return d
	case c.Ticket == nil:
		// Held and anything but a clear yes, or solved by an article and written to again: the ticket opens.
		d.Do, d.Code = ticketing.DoOpen, "offer.other"
		if c.Suggestion != nil && c.Standing == ticketing.StandingRequester && judged(c.Heard) == verdictNo {
			d.Code, d.Unhelpful = "offer.no", true
		}
		return answerable(c, d)
	}
	switch c.Ticket.OnMessage(c.Now, c.Queue.ReopenWindow) {
	case ticketing.OutcomeFollowUp:
		d.Do, d.Outcome, d.Code = ticketing.DoFollowUp, ticketing.OutcomeFollowUp, "ticket.over"
	default:
		if c.Ticket.State == ticketing.StateResolved && c.Queue.IgnoreThanks && onlyThanks(c.Heard) {
			d.Code = "thanks"
		}
	}
	return answerable(c, d)
}

func join(c *ticketing.Case) ticketing.Decision {
	return ticketing.Decision{Do: ticketing.DoReply, Outcome: ticketing.OutcomeReply, Code: "joined", Rule: string(c.Rule), Losers: losers(c)}
}

func open(c *ticketing.Case) ticketing.Decision {
	return answerable(c, ticketing.Decision{Do: ticketing.DoOpen, Outcome: ticketing.OutcomeTicket, Code: "question", Rule: string(ticketing.ClaimNone), Losers: losers(c),
		Hits: c.Found.Hits, Score: c.Found.Confidence, Withheld: withheld(c)})
}

func offer(c *ticketing.Case) ticketing.Decision {
	return ticketing.Decision{Do: ticketing.DoOffer, Outcome: ticketing.OutcomeHeld, Code: "offer", Rule: string(ticketing.ClaimNone), Answer: true,
		Hits: c.Found.Hits, Score: c.Found.Confidence}
}

func keep(c *ticketing.Case, code string) ticketing.Decision {
	d := ticketing.Decision{Do: ticketing.DoKeep, Outcome: ticketing.OutcomeAutomatic, Code: code, NoAnswer: c.Heard.Auto.Reason}
	if c.Thread != nil {
		d.Rule, d.Losers = string(c.Rule), losers(c)
		if !c.Standing.Joins() && c.Heard.Kind != ticketing.KindFeedback {
			// A stranger's program adds nothing to somebody's ticket. A complaint comes from a provider and names a letter of ours.
			c.Thread, c.Ticket, c.Suggestion = nil, nil, nil
		}
	}
	return d
}

func quarantine(c *ticketing.Case, cause ticketing.Cause, detail string) ticketing.Decision {
	d := ticketing.Decision{Do: ticketing.DoQuarantine, Outcome: ticketing.OutcomeQuarantine, Cause: cause, Code: "quarantine." + string(cause), Detail: detail}
	if cause == ticketing.CauseManyTokens {
		// Keys of several tickets name none of them, and a guesser leaves no trace in one.
		c.Thread, c.Ticket, c.Suggestion = nil, nil, nil
	}
	if c.Thread != nil {
		d.Rule, d.Losers = string(c.Rule), losers(c)
	}
	return d
}

// report decides about bounces and PEC receipts (M15, PEC6).
func report(c *ticketing.Case) ticketing.Decision {
	failed := c.Heard.Report != nil && c.Heard.Report.Failed
	switch {
	case c.Letter != nil && failed:
		out := ticketing.OutcomeBounce
		if c.Heard.Kind == ticketing.KindPECReceipt {
			out = ticketing.OutcomeAutomatic
		}
		return ticketing.Decision{Do: ticketing.DoReport, Outcome: out, Code: "report"}
	case c.Letter == nil && (failed || c.Heard.Kind == ticketing.KindBounce):
		return quarantine(c, ticketing.CauseReport, "")
	}
	return keep(c, "receipt")
}

// losers are the claims that led elsewhere, for the message's record.
func losers(c *ticketing.Case) string { return strings.Join(c.Losers, ", ") }

// answerable adds to a decision whether an automatic answer may go with it.
func answerable(c *ticketing.Case, d ticketing.Decision) ticketing.Decision {
	d.Answer, d.NoAnswer = mayAnswer(c)
	return d
}
