package ticketing

import (
	"context"
	"strings"
	"time"
)

// letter makes one letter to a customer due. cause and kind name it: the same cause never speaks twice to a person. It returns false when
// the letter must not go, with the reason in the audit trail.
func (d *Desk) letter(ctx context.Context, tx Tx, q *Queue, t *Thread, to Contact, o Outgoing) (bool, error) {
	door, place, ok := q.wayTo(t, to)
	if !ok {
		return false, nil
	}
	now := tx.Now()
	o.ID, o.Recipient, o.Door, o.Queue, o.Facts.Place = d.newID(now), to.Key, door, q.Name, place
	o.Thread, o.CreatedAt, o.State = t.ID, now, OutgoingPending
	if o.NextAt.IsZero() {
		o.NextAt = now
	}
	f := &o.Facts
	f.Number, f.ThreadKey, f.Contact, f.Origin = t.Number, t.Key, to.ID, t.Door
	f.To = Party{Key: to.Key, Address: to.Address}
	if f.Proven = to.Proven; to.Proven {
		f.To.Name = to.Name
	}
	if f.Language == "" {
		f.Language = t.Language
	}
	if f.Language != "it" && f.Language != "en" {
		f.Language = q.Language
	}
	f.Zone = q.Hours.ZoneName()
	f.InReplyTo = t.LastRef
	if to.Proven {
		f.References = t.LastRefs
	}
	if o.Automatic {
		if why, err := d.withheld(ctx, tx, to, o); err != nil || why != "" {
			if err == nil {
				err = d.event(ctx, tx, t.ID, o.Ticket, "system", "letter.withheld", map[string]string{"kind": string(o.Kind), "reason": why})
			}
			return false, err
		}
	}
	inserted, err := tx.InsertOutgoing(ctx, &o)
	return inserted, err
}

// wayTo is how a letter of a thread reaches a person: an answer leaves by the door its question came in by. Others who take part get mail.
func (q *Queue) wayTo(t *Thread, to Contact) (door, place string, ok bool) {
	if t.Place != "" && to.ID == t.Contact {
		return t.Door, t.Place, true
	}
	return q.MailDoor, "", q.MailDoor != "" && to.Address != ""
}

// withheld judges S13: whether an automatic letter to this address would be one too many, or may never go. It returns the reason or "".
func (d *Desk) withheld(ctx context.Context, tx Tx, to Contact, o Outgoing) (string, error) {
	if to.Suppressed {
		return "suppressed", nil
	}
	if to.Bounced {
		return "bounced", nil
	}
	if o.ByAgent {
		return "", nil
	}
	now := tx.Now()
	if d.Limits.PingPause > 0 && o.Thread != "" {
		// L4: what answers at once, twice in a row, is no person.
		if paused, err := d.paused(ctx, tx, o.Thread, now); err != nil || paused {
			return "L4", err
		}
	}
	checks := []struct {
		max       int
		recipient string
		kind      OutgoingKind
		window    time.Duration
		reason    string
	}{
		{1, to.Key, LetterReceived, d.Limits.AckEvery, "limit.ack"},
		{d.Limits.AutoPerHour, to.Key, "", time.Hour, "limit.hour"},
		{d.Limits.AutoPerDay, to.Key, "", 24 * time.Hour, "limit.day"},
		{d.Limits.AutoAllPerHour, "", "", time.Hour, "limit.all"},
	}
	for _, c := range checks {
		if c.max <= 0 || c.window <= 0 || c.kind != "" && c.kind != o.Kind {
			continue
		}
		n, err := tx.CountAutomatic(ctx, c.recipient, c.kind, now.Add(-c.window))
		if err != nil {
			return "", err
		}
		if n >= c.max {
			return c.reason, nil
		}
	}
	return "", nil
}

// recipients of what an agent says: the requester and everybody in copy who is active and released, fixed in the transaction of the
// cause (decision 18).
func (d *Desk) recipients(ctx context.Context, tx Tx, t *Thread) ([]Contact, error) {
	people, err := tx.Participants(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	var out []Contact
	for _, p := range people {
		if !p.Active || p.Role != "requester" && !p.Released {
			continue
		}
		c, err := tx.Contact(ctx, p.Contact)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// post makes a post to the agents' channel due; a queue without one gets none.
func (d *Desk) post(ctx context.Context, tx Tx, q *Queue, t *Thread, kind OutgoingKind, cause string, f Facts) error {
	if q.ChatDoor == "" || q.Place == "" {
		return nil
	}
	now := tx.Now()
	f.Place, f.Number, f.Zone = q.Place, t.Number, q.Hours.ZoneName()
	if f.Language == "" {
		f.Language = q.AgentLang
	}
	o := Outgoing{ID: d.newID(now), Cause: cause, Kind: kind, Recipient: q.Place, Door: q.ChatDoor, Queue: q.Name, Thread: t.ID,
		Ticket: t.Number, State: OutgoingPending, NextAt: now, CreatedAt: now, Facts: f}
	switch kind {
	case CardTicket, CardHeld, React, Hint:
		o.Fluid = true
		if kind == React || kind == Hint {
			o.Recipient = q.Place + "/" + string(f.Target) + f.User
		}
	}
	_, err := tx.InsertOutgoing(ctx, &o)
	return err
}

// line posts one sentence about what happened to a ticket's thread in the agents' channel.
func (d *Desk) line(ctx context.Context, tx Tx, q *Queue, t *Thread, cause, code string, args map[string]string) error {
	return d.post(ctx, tx, q, t, PostLine, cause, Facts{Code: code, Args: args})
}

// card asks for the ticket's root card to be shown as it is now.
func (d *Desk) card(ctx context.Context, tx Tx, q *Queue, t *Thread) error {
	return d.post(ctx, tx, q, t, CardTicket, "thread:"+t.ID, Facts{})
}

// hint tells one agent something that nobody else sees. It may be missed: nothing depends on it.
func (d *Desk) hint(ctx context.Context, c *Case, code string, args map[string]string) error {
	return d.whisper(ctx, c, Facts{Code: code, Args: args})
}

// whisper is hint with more than a sentence. The last one of an act is shown.
func (d *Desk) whisper(ctx context.Context, c *Case, f Facts) error {
	a := c.Heard.Act
	if a == nil {
		return nil
	}
	if c.Thread == nil {
		if a.Verb != VerbSubmit {
			return nil
		}
		return d.whisperTo(ctx, c, Hint, f)
	}
	f.User, f.Root, f.Target, f.Language = a.Actor.Key, a.Root, a.Target, a.Language
	return d.post(ctx, c.Tx, c.Queue, c.Thread, Hint, "inbound:"+c.In.ID, f)
}

// Fresh completes a row just before it is rendered, outside any transaction of its own: posts learn the root they belong under, cards
// show the ticket as it is now.
func (d *Desk) Fresh(ctx context.Context, tx Tx, o Outgoing) (Outgoing, error) {
	q := d.queue(o.Queue)
	switch o.Kind {
	case CardOffer:
		return d.freshOffer(ctx, tx, o)
	case HomeTab:
		var err error
		o.Facts.Home, err = d.homepage(ctx, tx, o.Recipient)
		return o, err
	}
	if o.Door != q.ChatDoor || o.Thread == "" {
		return o, nil
	}
	t, err := tx.Thread(ctx, o.Thread)
	if err != nil {
		return o, err
	}
	switch o.Kind {
	case PostMail, PostLine, PostRelease, PostBounce:
		o.Facts.Root, err = d.rootOf(ctx, tx, t.ID)
	case CardTicket:
		if o.Facts.Target, err = d.postOf(ctx, tx, t.ID, PostRoot); err == nil {
			o.Facts.Card, err = d.cardOf(ctx, tx, q, &t)
		}
	case CardHeld:
		if o.Facts.Target, err = d.postOf(ctx, tx, t.ID, PostHeld); err == nil {
			o.Facts.Card, err = d.heldCard(ctx, tx, q, &t, nil)
		}
	case PostRoot:
		o.Facts.Card, err = d.cardOf(ctx, tx, q, &t)
	}
	return o, err
}

// freshOffer tells the row of an offer's looks which message it is about. Of an offer that will never be sent there is none: Args says so.
func (d *Desk) freshOffer(ctx context.Context, tx Tx, o Outgoing) (Outgoing, error) {
	rows, err := tx.ListOutgoing(ctx, OutgoingFilter{Thread: o.Thread, Kind: LetterOffer, Limit: 1})
	if err != nil || len(rows) == 0 {
		return o, err
	}
	switch rows[0].State {
	case OutgoingSent:
		o.Facts.Target = rows[0].Ref
	case OutgoingFailed, OutgoingSuppressed:
		o.Facts.Args = map[string]string{"gone": "1"}
	}
	return o, nil
}

// rootOf is the post under which a thread's lines stand: the ticket's root, or the held card while there is none.
func (d *Desk) rootOf(ctx context.Context, tx Tx, thread string) (Ref, error) {
	ref, err := d.postOf(ctx, tx, thread, PostRoot)
	if ref != "" || err != nil {
		return ref, err
	}
	return d.postOf(ctx, tx, thread, PostHeld)
}

func (d *Desk) postOf(ctx context.Context, tx Tx, thread string, kind OutgoingKind) (Ref, error) {
	rows, err := tx.ListOutgoing(ctx, OutgoingFilter{Thread: thread, Kind: kind, State: OutgoingSent, Limit: 1})
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].Ref, nil
}

// excerptLimit is how much of a customer's words a card shows, in characters.
const excerptLimit = 1500

func excerpt(s string) string {
	r := []rune(s)
	if len(r) > excerptLimit {
		return string(r[:excerptLimit]) + "…"
	}
	return s
}

// cardOf collects what the root card of a thread shows.
func (d *Desk) cardOf(ctx context.Context, tx Tx, q *Queue, t *Thread) (*Card, error) {
	k, err := tx.Ticket(ctx, t.Number)
	if err != nil {
		return nil, err
	}
	who, err := tx.Contact(ctx, t.Contact)
	if err != nil {
		return nil, err
	}
	c := &Card{Number: t.Number, Revision: k.Revision, Subject: t.Subject, From: Party{Key: who.Key, Address: who.Address, Name: who.Name},
		State: k.State, Reason: k.Reason, Priority: k.Priority, Door: k.Door, Language: k.Language, Follows: k.Follows, Thread: t.ID}
	if k.Snoozed {
		c.Snoozed = k.TimerAt
	}
	first, err := tx.Messages(ctx, t.ID, 0)
	if err != nil {
		return nil, err
	}
	if len(first) > 0 {
		c.Excerpt, c.Flags = excerpt(first[0].Visible), first[0].Flags
	}
	if k.Assignee != "" {
		c.AssigneeID, c.Assignee = k.Assignee, k.Assignee
		a, err := tx.Agent(ctx, k.Assignee)
		if ok, err := found(err); err != nil {
			return nil, err
		} else if ok {
			c.Assignee = a.Name
		}
	}
	c.Tickets90, err = tx.CountTickets(ctx, t.Contact, tx.Now().AddDate(0, 0, -90))
	return c, err
}

// heldCard collects what the card of a held request shows; s may be nil, then the thread's newest suggestion is read from its post.
func (d *Desk) heldCard(ctx context.Context, tx Tx, q *Queue, t *Thread, s *Suggestion) (*Card, error) {
	who, err := tx.Contact(ctx, t.Contact)
	if err != nil {
		return nil, err
	}
	if s == nil {
		if s, err = d.suggestionOf(ctx, tx, t.ID); err != nil {
			return nil, err
		}
	}
	door, _, _ := strings.Cut(t.Door, ":")
	c := &Card{Number: t.Number, Subject: t.Subject, From: Party{Key: who.Key, Address: who.Address, Name: who.Name}, Door: door,
		Language: t.Language, Held: true, Thread: t.ID}
	first, err := tx.Messages(ctx, t.ID, 0)
	if err != nil {
		return nil, err
	}
	if len(first) > 0 {
		c.Excerpt = excerpt(first[0].Visible)
	}
	if s != nil {
		c.Suggestion, c.Until, c.Articles = s.ID, s.Until, s.Articles
		if s.State != SuggestionOpen {
			c.Ended = string(s.State)
			if s.State == SuggestionExpired && s.Why == WhyCloses {
				c.Ended = "silent"
			}
		}
	}
	return c, nil
}

// suggestionOf finds a thread's suggestion, ended or not, by the post that showed it.
func (d *Desk) suggestionOf(ctx context.Context, tx Tx, thread string) (*Suggestion, error) {
	rows, err := tx.ListOutgoing(ctx, OutgoingFilter{Thread: thread, Kind: PostHeld, Limit: 1})
	if err != nil || len(rows) == 0 || rows[0].Facts.Card == nil {
		return nil, err
	}
	s, err := tx.Suggestion(ctx, rows[0].Facts.Card.Suggestion)
	if ok, err := found(err); err != nil || !ok {
		return nil, err
	}
	return &s, nil
}
