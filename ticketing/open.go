package ticketing

import (
	"context"
	"strings"
	"time"
)

// maxCopied is how many persons in copy of a first mail become active participants; the rest is only listed (mail.md 2.2).
const maxCopied = 10

// Do carries out what was decided, inside the case's transaction, and returns the ledger row as it ends.
func (d *Desk) Do(ctx context.Context, c *Case, dec Decision) error {
	in := c.In
	released := in.Released()
	in.Outcome, in.Cause, in.Reason, in.Detail = dec.Outcome, dec.Cause, dec.Code, dec.Detail
	in.Group, in.LogicalKey, in.From = c.Heard.Group, c.Heard.LogicalKey, c.Heard.From.Address
	in.Rule, in.DecidedAt = dec.Rule, c.Now
	if c.Thread != nil {
		in.Thread, in.Ticket = c.Thread.ID, c.Thread.Number
	}
	if c.Letter != nil {
		in.Outgoing = c.Letter.ID
		if c.Thread == nil {
			in.Thread, in.Ticket = c.Letter.Thread, c.Letter.Ticket
		}
	}
	if released == VerdictReply && c.Thread != nil {
		if err := d.vouch(ctx, c); err != nil {
			return err
		}
	}
	var err error
	switch dec.Do {
	case DoDuplicate:
		// The first row keeps the key; a second one must not take it away.
		in.LogicalKey = ""
		if c.Duplicate != nil {
			in.Thread, in.Ticket, in.Message = c.Duplicate.Thread, c.Duplicate.Ticket, c.Duplicate.Message
		}
	case DoKeep:
		err = d.keep(ctx, c, dec)
	case DoQuarantine:
		err = d.quarantine(ctx, c, dec)
	case DoReport:
		err = d.report(ctx, c)
	case DoOffer:
		err = d.offer(ctx, c, dec)
	case DoOpen:
		err = d.open(ctx, c, dec)
	case DoReply:
		err = d.reply(ctx, c, dec)
	case DoFollowUp:
		err = d.followUp(ctx, c, dec)
	case DoSolved:
		err = d.solved(ctx, c, dec)
	case DoEdit:
		err = d.edit(ctx, c, dec)
	case DoPress:
		_, err = d.PressLink(ctx, c.Tx, c.Heard.Press)
	case DoEcho:
		err = d.echo(ctx, c)
	case DoAct:
		err = d.act(ctx, c, dec)
	default:
		err = Errorf("desk.decision", "no such decision: %q", dec.Do)
	}
	if err == nil {
		err = d.tellLoops(ctx, c)
	}
	if err == nil && (dec.Do == DoOpen || dec.Do == DoReply || dec.Do == DoFollowUp) {
		err = d.keepBehalf(ctx, c)
	}
	return err
}

// begin makes the thread, its contact and its participants for a message that starts something new.
func (d *Desk) begin(ctx context.Context, c *Case, state ThreadState) error {
	tx, h := c.Tx, c.Heard
	if c.Contact == nil {
		who, err := d.contact(ctx, tx, h.From)
		if err != nil {
			return err
		}
		c.Contact = &who
	}
	if h.Auth == AuthPass && (!c.Contact.Proven || c.Contact.Bounced) {
		c.Contact.Proven, c.Contact.Bounced = true, false
		if err := tx.SaveContact(ctx, c.Contact); err != nil {
			return err
		}
	}
	number, err := tx.NextNumber(ctx)
	if err != nil {
		return err
	}
	key, err := d.newKey()
	if err != nil {
		return err
	}
	t := &Thread{ID: d.newID(c.Now), Number: number, Key: key, Door: h.Door, Queue: c.Queue.Name, Contact: c.Contact.ID, Subject: h.Subject,
		Language: d.language(c), State: state, LastRef: h.Ref, LastRefs: h.Refs, Place: h.Place, OpenedAt: c.Now}
	if err := tx.SaveThread(ctx, t); err != nil {
		return err
	}
	if err := d.addWords(ctx, tx, t.ID, t.Subject, c.Contact.Name, c.Contact.Address); err != nil {
		return err
	}
	if err := tx.Worded(ctx, t.ID); err != nil {
		return err
	}
	c.Thread = t
	c.In.Thread, c.In.Ticket = t.ID, t.Number
	if err := tx.SaveParticipant(ctx, &Participant{Thread: t.ID, Contact: c.Contact.ID, Role: "requester", Released: true, Active: true, AddedAt: c.Now}); err != nil {
		return err
	}
	return d.addCopied(ctx, c)
}

// addCopied makes the people in copy participants who still wait for a release (S3).
func (d *Desk) addCopied(ctx context.Context, c *Case) error {
	n := 0
	for _, p := range c.Heard.Copied {
		if p.Key == "" || p.Key == c.Heard.From.Key || d.isAgent(p.Address) || d.OwnAddress != nil && d.OwnAddress(p.Address) {
			continue
		}
		if n++; n > maxCopied {
			return nil
		}
		who, err := d.contact(ctx, c.Tx, p)
		if err != nil {
			return err
		}
		if err := c.Tx.SaveParticipant(ctx, &Participant{Thread: c.Thread.ID, Contact: who.ID, Role: "copied", Active: true, AddedAt: c.Now}); err != nil {
			return err
		}
	}
	return nil
}

// language chooses the language of a new thread in the order of mail.md section 10; "" when there is no signal at all.
func (d *Desk) language(c *Case) string {
	for _, l := range []string{c.Contact.Language, c.Heard.Language, c.Heard.HeaderLanguage} {
		l, _, _ = strings.Cut(strings.ToLower(l), "-")
		switch l {
		case "it", "en":
			return l
		case "", "und":
		default:
			return "en"
		}
	}
	return ""
}

// store writes the heard message into its thread and remembers its ref.
func (d *Desk) store(ctx context.Context, c *Case, public bool, dec Decision) (*Message, error) {
	h := c.Heard
	m := &Message{ID: d.newID(c.Now), Thread: c.Thread.ID, Ref: h.Ref, Public: public, Author: AuthorCustomer, Name: h.From.Name, Subject: h.Subject,
		Text: h.Text, Visible: h.Visible, Elided: h.Elided, HTMLSHA: c.HTML, Language: h.Language, Auth: h.Auth, Rule: dec.Rule, Losers: dec.Losers,
		Standing: c.Standing, Inbound: c.In.ID, Flags: h.Flags, Rules: h.Rules, At: h.At, StoredAt: c.Now, Files: c.Files}
	if m.At.IsZero() {
		m.At = c.Now
	}
	m.TextKey = c.TextKey
	if c.Ticket != nil {
		m.Ticket = c.Ticket.Number
	}
	contact := ""
	if c.Contact != nil {
		m.Contact, contact = c.Contact.ID, c.Contact.ID
	}
	if !public {
		m.Author = AuthorSystem
	}
	if err := c.Tx.InsertMessage(ctx, m); err != nil {
		return nil, err
	}
	c.In.Message = m.ID
	if err := d.addWords(ctx, c.Tx, c.Thread.ID, h.Visible, h.From.Name); err != nil {
		return nil, err
	}
	if h.Ref == "" || contact == "" {
		return m, nil
	}
	return m, c.Tx.AddRef(ctx, h.Ref, h.Door, contact, c.Thread.ID, m.ID)
}

// open opens a ticket: for a new question, for a held request whose customer answered, or for one an article had closed.
func (d *Desk) open(ctx context.Context, c *Case, dec Decision) error {
	fresh := c.Thread == nil
	if fresh {
		if err := d.begin(ctx, c, ThreadTicket); err != nil {
			return err
		}
	}
	if err := d.newTicket(ctx, c.Tx, c.Queue, c.Thread, c.Heard.Certified, 0, c.Heard.From.Key); err != nil {
		return err
	}
	k, err := c.Tx.Ticket(ctx, c.Thread.Number)
	if err != nil {
		return err
	}
	c.Ticket = &k
	m, err := d.store(ctx, c, true, dec)
	if err != nil {
		return err
	}
	if c.OtherOffer != nil {
		if err := d.endOffer(ctx, c.Tx, c.OtherOffer, SuggestionDeclined, c.Heard.From.Key); err != nil {
			return err
		}
		// Silently: one mail is answered automatically once (M14), with the number of the ticket it opened itself.
		if _, _, err := d.openThread(ctx, c.Tx, c.OtherOffer.Thread, c.Heard.From.Key, ""); err != nil {
			return err
		}
	}
	if c.Suggestion != nil {
		verdict := ""
		if dec.Unhelpful {
			verdict = SearchWrong
		}
		if err := d.endJudged(ctx, c.Tx, c.Suggestion, SuggestionDeclined, verdict, c.Heard.From.Key); err != nil {
			return err
		}
	} else if !fresh {
		if err := d.unlearn(ctx, c.Tx, c.Thread.ID); err != nil {
			return err
		}
	}
	if fresh {
		if err := d.keepSearch(ctx, c, dec); err != nil {
			return err
		}
		if err := d.post(ctx, c.Tx, c.Queue, c.Thread, PostRoot, "thread:"+c.Thread.ID, Facts{Files: c.Files}); err != nil {
			return err
		}
		return d.acknowledge(ctx, c, dec, LetterReceived, "message:"+m.ID)
	}
	if err := d.turn(ctx, c); err != nil {
		return err
	}
	if err := d.post(ctx, c.Tx, c.Queue, c.Thread, PostRoot, "thread:"+c.Thread.ID, Facts{}); err != nil {
		return err
	}
	if err := d.postMail(ctx, c, m); err != nil {
		return err
	}
	return d.acknowledge(ctx, c, dec, LetterOpened, "message:"+m.ID)
}

// newTicket makes the ticket of a thread and writes the event.
func (d *Desk) newTicket(ctx context.Context, tx Tx, q *Queue, t *Thread, certified bool, follows int64, actor string) error {
	lang := t.Language
	if lang == "" {
		lang = q.Language
	}
	door, _, _ := strings.Cut(t.Door, ":")
	k := &Ticket{Number: t.Number, Queue: q.Name, Thread: t.ID, Contact: t.Contact, Type: TypeQuestion, Subject: t.Subject, State: StateNew,
		Priority: "normal", Language: lang, Door: door, Follows: follows, Certified: certified, OpenedAt: tx.Now()}
	if err := tx.InsertTicket(ctx, k); err != nil {
		return err
	}
	if err := d.homes(ctx, tx, q); err != nil {
		return err
	}
	if t.State != ThreadTicket {
		t.State = ThreadTicket
		if err := tx.SaveThread(ctx, t); err != nil {
			return err
		}
	}
	return d.event(ctx, tx, t.ID, t.Number, actor, "ticket.opened", nil)
}

// acknowledge answers the requester automatically, if the decision allows it.
func (d *Desk) acknowledge(ctx context.Context, c *Case, dec Decision, kind OutgoingKind, cause string) error {
	if !dec.Answer {
		if dec.NoAnswer == "" {
			return nil
		}
		return d.event(ctx, c.Tx, c.Thread.ID, c.Thread.Number, "system", "letter.none", map[string]string{"reason": dec.NoAnswer})
	}
	o := Outgoing{Cause: cause, Kind: kind, Ticket: c.Thread.Number, Automatic: true}
	o.Facts.Open, o.Facts.NextOpen = c.Queue.openness(c.Now)
	o.Facts.Bilingual = c.Thread.Language == ""
	if c.Ticket != nil {
		o.Facts.Follows = c.Ticket.Follows
	}
	if dec.Withheld == WhyNoTimer {
		o.Facts.Articles = dec.Hits
	}
	_, err := d.letter(ctx, c.Tx, c.Queue, c.Thread, *c.Contact, o)
	return err
}

// openness says whether the queue is open and, if not, when it opens.
func (q *Queue) openness(now time.Time) (open bool, next time.Time) {
	if q.Hours == nil || q.Hours.Open(now) {
		return true, time.Time{}
	}
	return false, q.Hours.Next(now)
}

// offer holds the request and offers articles.
func (d *Desk) offer(ctx context.Context, c *Case, dec Decision) error {
	if err := d.begin(ctx, c, ThreadHeld); err != nil {
		return err
	}
	m, err := d.store(ctx, c, true, dec)
	if err != nil {
		return err
	}
	yes, yesHash, err := d.newToken()
	if err != nil {
		return err
	}
	no, noHash, err := d.newToken()
	if err != nil {
		return err
	}
	s := &Suggestion{ID: d.newID(c.Now), Thread: c.Thread.ID, Contact: c.Contact.ID, Queue: c.Queue.Name, Articles: dec.Hits, Score: dec.Score, Confident: true,
		Evidence: c.Found.Evidence, OfferedAt: c.Now,
		Until: c.Queue.Hours.Add(c.Now, c.Queue.Timer), State: SuggestionOpen, YesHash: yesHash, NoHash: noHash}
	if c.Queue.SilentClose {
		s.Why = WhyCloses
	}
	if err := c.Tx.SaveSuggestion(ctx, s); err != nil {
		return err
	}
	c.Suggestion = s
	o := Outgoing{Cause: "message:" + m.ID, Kind: LetterOffer, Ticket: c.Thread.Number, Automatic: true,
		Facts: Facts{Articles: s.Articles, Until: s.Until, YesToken: yes, NoToken: no, Closes: c.Queue.SilentClose}}
	sent, err := d.letter(ctx, c.Tx, c.Queue, c.Thread, *c.Contact, o)
	if err != nil {
		return err
	}
	if !sent {
		// Nobody will read the offer: the ticket opens at once, and nothing was offered.
		c.In.Outcome, c.In.Reason = OutcomeTicket, "offer.withheld"
		s.Why = WhyUnsent
		if err := d.endOffer(ctx, c.Tx, s, SuggestionWithheld, "system"); err != nil {
			return err
		}
		return d.openHeld(ctx, c.Tx, c.Thread.ID, "system", "")
	}
	if err := d.homes(ctx, c.Tx, c.Queue); err != nil {
		return err
	}
	card, err := d.heldCard(ctx, c.Tx, c.Queue, c.Thread, s)
	if err != nil {
		return err
	}
	if err := d.post(ctx, c.Tx, c.Queue, c.Thread, PostHeld, "thread:"+c.Thread.ID, Facts{Card: card}); err != nil {
		return err
	}
	return d.event(ctx, c.Tx, c.Thread.ID, c.Thread.Number, "bot", "request.held", map[string]string{"suggestion": s.ID})
}

// endOffer ends an open suggestion and lets its card tell how.
func (d *Desk) endOffer(ctx context.Context, tx Tx, s *Suggestion, state SuggestionState, actor string) error {
	return d.endJudged(ctx, tx, s, state, "", actor)
}

// endJudged is endOffer with what its customer said of the articles: SearchRight, SearchWrong or nothing. It is learnt from.
func (d *Desk) endJudged(ctx context.Context, tx Tx, s *Suggestion, state SuggestionState, verdict, actor string) error {
	if s.State != SuggestionOpen {
		return nil
	}
	s.State, s.EndedAt = state, tx.Now()
	if verdict != "" {
		s.Verdict, s.JudgedAt = verdict, tx.Now()
	}
	if err := tx.SaveSuggestion(ctx, s); err != nil {
		return err
	}
	if err := d.learnFrom(ctx, tx, s, actor); err != nil {
		return err
	}
	t, err := tx.Thread(ctx, s.Thread)
	if err != nil {
		return err
	}
	q := d.queue(t.Queue)
	if err := d.homes(ctx, tx, q); err != nil {
		return err
	}
	if err := d.post(ctx, tx, q, &t, CardHeld, "suggestion:"+s.ID, Facts{}); err != nil {
		return err
	}
	if err := d.offerCard(ctx, tx, &t, s); err != nil {
		return err
	}
	return d.event(ctx, tx, t.ID, t.Number, actor, "offer."+string(state), map[string]string{"suggestion": s.ID})
}

// offerCard asks for an offer in a customer's chat to be shown as it ended: its buttons must not promise anything any more.
func (d *Desk) offerCard(ctx context.Context, tx Tx, t *Thread, s *Suggestion) error {
	if t.Place == "" {
		return nil
	}
	rows, err := tx.ListOutgoing(ctx, OutgoingFilter{Thread: t.ID, Kind: LetterOffer, Limit: 1})
	if err != nil || len(rows) == 0 {
		return err
	}
	offer, now := rows[0], tx.Now()
	f := Facts{Language: offer.Facts.Language, Bilingual: offer.Facts.Bilingual, Zone: offer.Facts.Zone, Place: t.Place, Number: t.Number, To: offer.Facts.To, Articles: s.Articles, Code: string(s.State)}
	if s.State == SuggestionExpired && s.Why == WhyCloses {
		f.Code = SilentEnd
	}
	_, err = tx.InsertOutgoing(ctx, &Outgoing{ID: d.newID(now), Cause: "suggestion:" + s.ID, Kind: CardOffer, Recipient: offer.Recipient, Door: t.Door, Queue: offer.Queue,
		Thread: t.ID, Ticket: t.Number, State: OutgoingPending, NextAt: now, CreatedAt: now, Fluid: true, Facts: f})
	return err
}

// openHeld opens the ticket of a held thread without a new message and tells its requester: the timer ended, an agent took it, or its
// contact pressed "I still need help". assignee is empty or an agent's id.
func (d *Desk) openHeld(ctx context.Context, tx Tx, thread, actor, assignee string) error {
	t, opened, err := d.openThread(ctx, tx, thread, actor, assignee)
	if err != nil || !opened {
		return err
	}
	who, err := tx.Contact(ctx, t.Contact)
	if err != nil {
		return err
	}
	q := d.queue(t.Queue)
	o := Outgoing{Cause: "thread:" + t.ID, Kind: LetterOpened, Ticket: t.Number, Automatic: true, ByAgent: assignee != ""}
	o.Facts.Open, o.Facts.NextOpen = q.openness(tx.Now())
	_, err = d.letter(ctx, tx, q, &t, who, o)
	return err
}

// openThread makes the ticket of a held thread and its card; opened is false if it has one already.
func (d *Desk) openThread(ctx context.Context, tx Tx, thread, actor, assignee string) (t Thread, opened bool, err error) {
	if t, err = tx.Thread(ctx, thread); err != nil || t.State == ThreadTicket {
		return t, false, err
	}
	q := d.queue(t.Queue)
	if err := d.newTicket(ctx, tx, q, &t, false, 0, actor); err != nil {
		return t, false, err
	}
	if assignee != "" {
		k, err := tx.Ticket(ctx, t.Number)
		if err != nil {
			return t, false, err
		}
		k.Assignee, k.State = assignee, StateOpen
		if err := tx.SaveTicket(ctx, &k); err != nil {
			return t, false, err
		}
		if err := d.event(ctx, tx, t.ID, t.Number, assignee, "ticket.claimed", nil); err != nil {
			return t, false, err
		}
	}
	return t, true, d.post(ctx, tx, q, &t, PostRoot, "thread:"+t.ID, Facts{})
}

// solved closes a held request because its customer says that an article was enough.
func (d *Desk) solved(ctx context.Context, c *Case, dec Decision) error {
	if _, err := d.store(ctx, c, true, dec); err != nil {
		return err
	}
	return d.solve(ctx, c.Tx, c.Suggestion, c.Thread, c.Heard.From.Key)
}

// closeSilent ends a held request without a ticket because its customer, who was told so, has not answered. Nothing is learnt from silence.
// Only somebody who was asked can be silent: where the offer has not left, was refused or came back, the ticket opens as without silence.
func (d *Desk) closeSilent(ctx context.Context, tx Tx, s *Suggestion) error {
	arrived, err := offerArrived(ctx, tx, s.Thread)
	if err != nil {
		return err
	}
	if !arrived {
		return d.openExpired(ctx, tx, s, "timer")
	}
	if err := d.endOffer(ctx, tx, s, SuggestionExpired, "timer"); err != nil {
		return err
	}
	t, err := tx.Thread(ctx, s.Thread)
	if err != nil || t.State != ThreadHeld {
		return err
	}
	t.State = ThreadSolved
	return tx.SaveThread(ctx, &t)
}

// openExpired ends an offer that nobody answered and opens its ticket.
func (d *Desk) openExpired(ctx context.Context, tx Tx, s *Suggestion, actor string) error {
	if err := d.endOffer(ctx, tx, s, SuggestionExpired, actor); err != nil {
		return err
	}
	return d.openHeld(ctx, tx, s.Thread, actor, "")
}

// offerArrived reports whether the letter that holds a thread's offer was taken by the customer's server and has not come back.
func offerArrived(ctx context.Context, tx Tx, thread string) (bool, error) {
	rows, err := tx.ListOutgoing(ctx, OutgoingFilter{Thread: thread, Kind: LetterOffer, Limit: 1})
	if err != nil || len(rows) == 0 {
		return false, err
	}
	return rows[0].State == OutgoingSent && !rows[0].Bounced, nil
}

// offerLost opens the ticket of a request whose offer cannot be read: its letter was refused or came back. Waiting for an answer would
// only cost the customer time.
func (d *Desk) offerLost(ctx context.Context, tx Tx, o Outgoing) error {
	if o.Kind != LetterOffer {
		return nil
	}
	s, err := tx.OpenSuggestion(ctx, o.Thread)
	if ok, err := found(err); err != nil || !ok {
		return err
	}
	return d.openExpired(ctx, tx, &s, "system")
}

func (d *Desk) solve(ctx context.Context, tx Tx, s *Suggestion, t *Thread, actor string) error {
	if err := d.endJudged(ctx, tx, s, SuggestionSolved, SearchRight, actor); err != nil {
		return err
	}
	t.State = ThreadSolved
	return tx.SaveThread(ctx, t)
}

// followUp opens a new ticket that follows a closed one, linked both ways.
func (d *Desk) followUp(ctx context.Context, c *Case, dec Decision) error {
	old := c.Thread
	oldQueue := c.Queue
	c.Thread, c.Suggestion = nil, nil
	if err := d.begin(ctx, c, ThreadTicket); err != nil {
		return err
	}
	if err := d.newTicket(ctx, c.Tx, c.Queue, c.Thread, c.Heard.Certified, old.Number, c.Heard.From.Key); err != nil {
		return err
	}
	k, err := c.Tx.Ticket(ctx, c.Thread.Number)
	if err != nil {
		return err
	}
	c.Ticket = &k
	m, err := d.store(ctx, c, true, dec)
	if err != nil {
		return err
	}
	args := map[string]string{"ticket": num(c.Thread.Number), "follows": num(old.Number)}
	if err := d.event(ctx, c.Tx, old.ID, old.Number, c.Heard.From.Key, "ticket.followed", args); err != nil {
		return err
	}
	if err := d.post(ctx, c.Tx, c.Queue, c.Thread, PostRoot, "thread:"+c.Thread.ID, Facts{Files: c.Files}); err != nil {
		return err
	}
	if err := d.line(ctx, c.Tx, oldQueue, old, "message:"+m.ID, "followed", args); err != nil {
		return err
	}
	return d.acknowledge(ctx, c, dec, LetterFollowUp, "message:"+m.ID)
}
