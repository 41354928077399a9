package ticketing

import (
	"cmp"
	"context"
	"strings"
	"time"
)

// Case is one heard message inside one transaction, with everything known about it. The bot reads it; Desk.Do carries the decision out.
type Case struct {
	Tx    Tx
	Now   time.Time
	In    *Inbound
	Heard *Heard
	Files []FileRef // stored files of the message
	HTML  string    // hash of its sanitised HTML
	Found Findings  // what the search gave, made before the transaction
	Queue *Queue

	Contact    *Contact // nil while unknown
	Duplicate  *Inbound
	Thread     *Thread // the candidate
	Ticket     *Ticket // of the candidate, nil while held
	Suggestion *Suggestion
	// OtherOffer is an open offer to the same contact in the same queue that this message does not name.
	OtherOffer *Suggestion
	Rule       ClaimRule
	Losers     []string
	Standing   Standing
	// Edited is the message of the same person that this one is a new version of; nil if it was never heard.
	Edited *Message
	// Letter is the row a report is about.
	Letter *Outgoing
	// Kept is the message that a press about a message kept back is about.
	Kept *Message
	// Waiting is the quarantined row a release is about.
	Waiting *Inbound

	// Collision is the agent whose answer is on its way, or left in the last minutes, when somebody else answers too.
	Collision string

	// Counts for the limits.
	Reopenings int // of the candidate in the last hour
	Flood      bool
	// TextKey is what L3 compares. Copy: the message has no thread of its own and is one copy too many of what opened Thread.
	TextKey string
	Copy    bool
	Loop    []Trip
	// LoopThread is where the trips are told, whether or not the message may join it.
	LoopThread *Thread
}

// Findings is what the knowledge base has for a question.
type Findings struct {
	Hits       []Hit
	Confidence float64
	Offer      bool // confident enough for the queue's promise
	Control    bool // the contact is in the group that gets no suggestion
	Urgent     bool // its words forbid waiting
	Searched   bool // the knowledge base was asked
	// Evidence is what the confidence was reckoned from, in the form of the search; kept for the refit.
	Evidence string
}

// Open loads everything that is known about a heard message.
func (d *Desk) Open(ctx context.Context, tx Tx, in *Inbound, h *Heard) (*Case, error) {
	h = d.OnBehalf(h)
	c := &Case{Tx: tx, Now: tx.Now(), In: in, Heard: h, Queue: d.queue(h.Queue), Rule: ClaimNone, Standing: StandingStranger}
	if h.LogicalKey != "" {
		dup, err := tx.FindLogical(ctx, h.Group, h.LogicalKey)
		ok, err := found(err)
		if err != nil {
			return nil, err
		}
		if ok && dup.ID != in.ID {
			c.Duplicate = &dup
			return c, nil
		}
	}
	if h.Report != nil {
		if err := d.findLetter(ctx, c); err != nil {
			return nil, err
		}
	}
	if h.From.Key != "" && h.Act == nil {
		who, err := tx.ContactByKey(ctx, h.From.Key)
		ok, err := found(err)
		if err != nil {
			return nil, err
		}
		if ok {
			c.Contact = &who
		}
	}
	switch {
	case h.Press != "":
		return c, d.findOffer(ctx, c)
	case h.EditOf != "":
		return c, d.findEdited(ctx, c)
	}
	if in.Released() != VerdictTicket {
		if err := d.findThread(ctx, c); err != nil {
			return nil, err
		}
	}
	if c.Thread != nil {
		if err := d.loadThread(ctx, c); err != nil {
			return nil, err
		}
	}
	if h.Act != nil {
		return c, d.loadAct(ctx, c)
	}
	if c.Rule == ClaimKnownID && !c.Standing.Joins() {
		// Rule 3 of M41 counts only between us and the same contact: for anyone else the headers say nothing.
		c.Losers = append(c.Losers, string(c.Rule)+" #"+num(c.Thread.Number))
		c.Thread, c.Ticket, c.Suggestion, c.Rule, c.Queue = nil, nil, nil, ClaimNone, d.queue(h.Queue)
	}
	if c.Contact != nil && c.Thread == nil {
		s, err := tx.OpenSuggestionOf(ctx, c.Contact.ID, c.Queue.Name)
		ok, err := found(err)
		if err != nil {
			return nil, err
		}
		if ok {
			c.OtherOffer = &s
		}
	}
	if err := d.breakLoops(ctx, c); err != nil {
		return nil, err
	}
	return c, d.countFlood(ctx, c)
}

// findOffer looks up what a pressed button belongs to. Who pressed is judged by the bot.
func (d *Desk) findOffer(ctx context.Context, c *Case) error {
	v, err := d.Link(ctx, c.Tx, c.Heard.Press)
	if ok, err := found(err); err != nil || !ok {
		return err
	}
	c.Thread, c.Suggestion, c.Queue = &v.Thread, &v.Suggestion, v.Queue
	return nil
}

// findEdited looks up the message that was changed, and its thread. Another person's message is nobody's to change.
func (d *Desk) findEdited(ctx context.Context, c *Case) error {
	if c.Contact == nil {
		return nil
	}
	m, err := c.Tx.MessageByRef(ctx, c.Heard.EditOf)
	if ok, err := found(err); err != nil || !ok || m.Contact != c.Contact.ID {
		return err
	}
	t, err := c.Tx.Thread(ctx, m.Thread)
	if err != nil {
		return err
	}
	c.Edited, c.Thread = &m, &t
	return d.loadThread(ctx, c)
}

// findThread walks the claims in the order of M41. The first that leads to a thread wins; others that lead elsewhere are remembered.
func (d *Desk) findThread(ctx context.Context, c *Case) error {
	for _, claim := range c.Heard.Claims {
		t, ok, err := d.claimed(ctx, c, claim)
		if err != nil {
			return err
		}
		switch {
		case !ok:
		case c.Thread == nil:
			c.Thread, c.Rule = &t, claim.Rule
		case c.Thread.ID != t.ID:
			c.Losers = append(c.Losers, string(claim.Rule)+" #"+num(t.Number))
		}
	}
	return nil
}

func (d *Desk) claimed(ctx context.Context, c *Case, claim Claim) (t Thread, ok bool, err error) {
	switch claim.Rule {
	case ClaimToken:
		if !claim.Valid {
			return t, false, nil
		}
		t, err = c.Tx.ThreadByKey(ctx, claim.Key)
	case ClaimOwnID:
		if !claim.Valid {
			return t, false, nil
		}
		var o Outgoing
		if o, err = c.Tx.Outgoing(ctx, claim.Outgoing); err == nil {
			t, err = c.Tx.Thread(ctx, o.Thread)
		}
	case ClaimKnownID:
		if c.Contact == nil {
			return t, false, nil
		}
		t, err = c.Tx.ThreadByRef(ctx, claim.Ref, c.Heard.Door, c.Contact.ID)
	case ClaimThread:
		t, err = c.Tx.ThreadByRef(ctx, claim.Ref, c.Heard.Door, "")
	case ClaimPlace:
		return d.current(ctx, c, claim.Key)
	default:
		return t, false, nil
	}
	ok, err = found(err)
	return t, ok, err
}

// current is the newest thread of a conversation, if it is not over: who writes in a chat long after the last request was settled has a new
// question, and nothing in the chat says otherwise. An answer to one certain message is a claim of its own.
func (d *Desk) current(ctx context.Context, c *Case, place string) (t Thread, ok bool, err error) {
	t, err = c.Tx.ThreadAt(ctx, place)
	if ok, err = found(err); err != nil || !ok {
		return t, false, err
	}
	window := d.queue(t.Queue).ReopenWindow
	switch t.State {
	case ThreadSolved:
		return t, c.Now.Sub(t.OpenedAt) < window, nil
	case ThreadTicket:
		k, err := c.Tx.Ticket(ctx, t.Number)
		if err != nil {
			return t, false, err
		}
		return t, k.MergedInto != 0 || k.OnMessage(c.Now, window) != OutcomeFollowUp, nil
	}
	return t, true, nil
}

// maxMerged is how many mergings in a row are followed.
const maxMerged = 10

// loadThread reads the candidate's ticket, its open suggestion and the sender's standing. A merged ticket hands its customers' messages on;
// what agents write in its thread stays there, or they would answer people they do not see.
func (d *Desk) loadThread(ctx context.Context, c *Case) error {
	for hops := 0; ; hops++ {
		t, err := c.Tx.Ticket(ctx, c.Thread.Number)
		ok, err := found(err)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		c.Ticket = &t
		if t.MergedInto == 0 || hops == maxMerged || c.Heard.Act != nil {
			break
		}
		into, err := c.Tx.ThreadByNumber(ctx, t.MergedInto)
		if ok, err := found(err); err != nil {
			return err
		} else if !ok {
			break
		}
		c.Thread = &into
	}
	c.Queue = d.queue(c.Thread.Queue)
	s, err := c.Tx.OpenSuggestion(ctx, c.Thread.ID)
	ok, err := found(err)
	if err != nil {
		return err
	}
	if ok {
		c.Suggestion = &s
	}
	if c.Heard.Act != nil {
		return nil
	}
	if c.Ticket != nil && c.Ticket.State == StateResolved && d.Limits.ReopenPerHour > 0 {
		c.Reopenings, err = c.Tx.CountEvents(ctx, c.Thread.ID, "ticket.reopened", c.Now.Add(-time.Hour))
		if err != nil {
			return err
		}
	}
	c.Standing, err = d.standing(ctx, c)
	return err
}

// standing says what the sender is to the candidate thread (S3, S8, M43, M44).
func (d *Desk) standing(ctx context.Context, c *Case) (Standing, error) {
	switch {
	case c.Heard.FromSelf:
		return StandingSelf, nil
	case c.Contact != nil && c.Contact.ID == c.Thread.Contact:
		// An agent who asked for help himself is a customer of his ticket.
		return StandingRequester, nil
	case d.isAgent(c.Heard.From.Address):
		return StandingAgent, nil
	case c.Contact == nil:
		return StandingStranger, nil
	}
	people, err := c.Tx.Participants(ctx, c.Thread.ID)
	if err != nil {
		return StandingStranger, err
	}
	for _, p := range people {
		if p.Contact != c.Contact.ID || !p.Active {
			continue
		}
		if p.Released || p.Role == "requester" {
			return StandingParticipant, nil
		}
		requester, err := c.Tx.Contact(ctx, c.Thread.Contact)
		if err != nil {
			return StandingStranger, err
		}
		// Decision 26: a colleague of the requester's own company, in copy of the requester's mail, with authentication pass.
		if c.Heard.Auth == AuthPass && sameCompany(requester.Address, c.Contact.Address) {
			return StandingParticipant, nil
		}
		return StandingCopied, nil
	}
	return StandingStranger, nil
}

// publicProviders are mail domains that say nothing about who employs an address.
var publicProviders = map[string]bool{
	"gmail.com": true, "googlemail.com": true, "outlook.com": true, "outlook.it": true, "hotmail.com": true, "hotmail.it": true, "live.com": true,
	"live.it": true, "msn.com": true, "yahoo.com": true, "yahoo.it": true, "icloud.com": true, "me.com": true, "mac.com": true, "libero.it": true,
	"virgilio.it": true, "tiscali.it": true, "alice.it": true, "tim.it": true, "tin.it": true, "fastwebnet.it": true, "inwind.it": true, "iol.it": true,
	"email.it": true, "gmx.net": true, "gmx.de": true, "gmx.com": true, "web.de": true, "aol.com": true, "proton.me": true, "protonmail.com": true,
	"pec.it": true, "legalmail.it": true, "arubapec.it": true, "pec.libero.it": true,
}

func sameCompany(a, b string) bool {
	_, x, _ := strings.Cut(a, "@")
	_, y, _ := strings.Cut(b, "@")
	return x != "" && x == y && !publicProviders[x]
}

// findLetter looks up the row a report is about: by ENVID or bounce token, then by our Message-ID in the returned headers (mail.md 3.2).
func (d *Desk) findLetter(ctx context.Context, c *Case) error {
	r := c.Heard.Report
	if r.Outgoing != "" {
		o, err := c.Tx.Outgoing(ctx, r.Outgoing)
		ok, err := found(err)
		if err != nil {
			return err
		}
		if ok {
			c.Letter = &o
			return nil
		}
	}
	if r.Ref == "" {
		return nil
	}
	o, err := c.Tx.OutgoingByRef(ctx, r.Ref)
	ok, err := found(err)
	if ok {
		c.Letter = &o
	}
	return err
}

// countFlood judges L6: too many new tickets of one address or one domain in an hour. Only a mail that would open one is counted. The
// domain counts for an address never seen before, too: who floods takes a new one each time.
func (d *Desk) countFlood(ctx context.Context, c *Case) error {
	if c.Thread != nil || c.Heard.From.Key == "" {
		return nil
	}
	since := c.Now.Add(-time.Hour)
	if max := d.Limits.TicketsPerHour; max > 0 && c.Contact != nil {
		n, err := c.Tx.CountThreads(ctx, c.Contact.Key, since)
		if err != nil {
			return err
		}
		c.Flood = n >= max
	}
	_, domain, _ := strings.Cut(c.Heard.From.Address, "@")
	if max := d.Limits.TicketsPerDomain; max > 0 && !c.Flood && domain != "" && !publicProviders[domain] {
		n, err := c.Tx.CountThreads(ctx, "@"+domain, since)
		if err != nil {
			return err
		}
		c.Flood = n >= max
	}
	return nil
}

// collisionWindow is how long after an agent's answer or claim another agent's answer is asked about first (slack.md 7.7).
const collisionWindow = 2 * time.Minute

// findCollision looks for another agent than the actor who is answering, if the actor does not hold the ticket: one whose answer waits to
// leave or left just now, or who has just claimed it.
func (d *Desk) findCollision(ctx context.Context, c *Case) error {
	a := c.Heard.Act
	if a.Verb != VerbSay || c.Ticket == nil || c.Ticket.Assignee == a.Actor.Key {
		return nil
	}
	rows, err := c.Tx.ListOutgoing(ctx, OutgoingFilter{Thread: c.Thread.ID, Kind: LetterAnswer, Limit: 10})
	if err != nil {
		return err
	}
	for _, o := range rows {
		if by := o.Facts.Args["agent"]; by != a.Actor.Key && o.leaving(c.Now) {
			c.Collision = cmp.Or(o.Facts.AgentName, by)
			return nil
		}
	}
	if c.Ticket.Assignee == "" {
		return nil
	}
	n, err := c.Tx.CountEvents(ctx, c.Thread.ID, "ticket.claimed", c.Now.Add(-collisionWindow))
	if n > 0 {
		c.Collision = c.Ticket.Assignee
	}
	return err
}

// leaving says whether a letter waits to leave or left within the collision window.
func (o *Outgoing) leaving(now time.Time) bool {
	switch o.State {
	case OutgoingPending, OutgoingSending, OutgoingInDoubt:
		return true
	case OutgoingSent:
		return now.Sub(o.SentAt) < collisionWindow
	}
	return false
}

// loadAct reads what an agent's act is about: the held request, ticket or waiting row its button names.
func (d *Desk) loadAct(ctx context.Context, c *Case) error {
	a := c.Heard.Act
	if err := d.findCollision(ctx, c); err != nil {
		return err
	}
	if a.Verb == VerbAsk || a.Verb == VerbSubmit {
		return d.loadForm(ctx, c)
	}
	if a.Verb != VerbPress || a.Value == "" {
		return nil
	}
	if err := d.loadPressed(ctx, c); err != nil {
		return err
	}
	if c.Thread != nil && !d.mayAct(c) {
		// Ids in buttons are hints: somebody who belongs to another queue finds nothing behind them (slack.md 1.10).
		c.Thread, c.Ticket, c.Suggestion, c.Kept = nil, nil, nil, nil
	}
	return nil
}

// mayAct tells whether the actor is an agent of the queue of what was pressed.
func (d *Desk) mayAct(c *Case) bool {
	a := c.Heard.Act
	if a.Place != "" {
		return c.Queue.Place == a.Place
	}
	return a.Queues == nil || oneOf(c.Queue.Name, a.Queues)
}

func (d *Desk) loadPressed(ctx context.Context, c *Case) error {
	a := c.Heard.Act
	var err error
	switch kind, _, _ := strings.Cut(a.Action, "."); kind {
	case "join":
		var in Inbound
		if in, err = c.Tx.Inbound(ctx, a.Value); err == nil {
			c.Waiting = &in
		}
	case "article", "loop", "macro", "guard", "cmd":
		id, about, _ := strings.Cut(a.Value, " ")
		var t Thread
		if t, err = c.Tx.Thread(ctx, id); err != nil {
			break
		}
		c.Thread = &t
		if err = d.loadThread(ctx, c); err != nil || kind != "guard" && kind != "cmd" {
			return err
		}
		return d.loadKept(ctx, c, about)
	case "held":
		var s Suggestion
		if s, err = c.Tx.Suggestion(ctx, a.Value); err == nil {
			c.Suggestion = &s
			var t Thread
			if t, err = c.Tx.Thread(ctx, s.Thread); err == nil {
				c.Thread = &t
				return d.loadThread(ctx, c)
			}
		}
	case "ticket", "home":
		var n int64
		for _, r := range a.Value {
			if r < '0' || r > '9' {
				return nil
			}
			n = n*10 + int64(r-'0')
			if n > 1<<53 {
				return nil
			}
		}
		var t Thread
		if t, err = c.Tx.ThreadByNumber(ctx, n); err == nil {
			c.Thread = &t
			return d.loadThread(ctx, c)
		}
	}
	_, err = found(err)
	return err
}

// loadKept reads the agent's message of the thread that a press is about.
func (d *Desk) loadKept(ctx context.Context, c *Case, id string) error {
	m, err := c.Tx.Message(ctx, id)
	if ok, err := found(err); err != nil || !ok {
		return err
	}
	if m.Thread == c.Thread.ID && m.Author == AuthorAgent {
		c.Kept = &m
	}
	return nil
}

// loadForm reads the ticket that a window names, which must be of a queue of the actor's.
func (d *Desk) loadForm(ctx context.Context, c *Case) error {
	a := c.Heard.Act
	if n := whole(a.Fields["ticket"]); n > 0 {
		t, err := c.Tx.ThreadByNumber(ctx, n)
		if ok, err := found(err); err != nil || !ok {
			return err
		}
		c.Thread = &t
		if err := d.loadThread(ctx, c); err != nil {
			return err
		}
	}
	if c.Thread != nil && !d.mayAct(c) {
		c.Thread, c.Ticket, c.Suggestion = nil, nil, nil
	}
	return nil
}
