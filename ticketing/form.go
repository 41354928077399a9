package ticketing

import (
	"context"
	"strings"
)

// Forms that an agent is shown in a window of the chat. Their names are those of the shortcuts that ask for them.
const (
	FormNew     = "ticket_new"
	FormFrom    = "ticket_from_message"
	FormActions = "ticket_actions"
	// FormSaid says something instead of asking: Form.Code.
	FormSaid = "said"
)

// Form is what a window shows: the values it begins with and the ids it hands back.
type Form struct {
	Kind     string   `json:"kind"`
	Code     string   `json:"code,omitempty"`   // of what FormSaid says
	Ticket   int64    `json:"ticket,omitempty"` // FormActions, or the one that exists already
	About    Ref      `json:"about,omitempty"`  // the message it was asked for on
	Thread   Ref      `json:"thread,omitempty"` // the root of that message's thread
	Readable bool     `json:"readable,omitempty"`
	Subject  string   `json:"subject,omitempty"`
	Address  string   `json:"address,omitempty"`
	Text     string   `json:"text,omitempty"`
	Queue    string   `json:"queue,omitempty"`
	Queues   []string `json:"queues,omitempty"`
	Row      *Row     `json:"row,omitempty"`
}

// formSubject and formText are how much of a message a form begins with, in characters; the window's own fields hold no more.
const (
	formSubject = 150
	formText    = 3000
)

// form shows an agent the window that was asked for. It stands there already, empty: what asks for a window must be answered within
// three seconds (slack.md 2.8).
func (d *Desk) form(ctx context.Context, c *Case, cmd *Command) error {
	a := c.Heard.Act
	if a.View == "" {
		return nil
	}
	f := &Form{Kind: cmd.Target, Code: cmd.Text}
	if cmd.Target == FormFrom {
		f.About, f.Thread, f.Readable = a.Target, a.Root, a.Readable
		made, err := c.Tx.ThreadByRef(ctx, aboutRef(a.Target), c.Heard.Door, "")
		switch ok, err := found(err); {
		case err != nil:
			return err
		case ok:
			f.Kind, f.Code = FormSaid, "exists"
			if f.Row, err = d.rowOf(ctx, c.Tx, made.Number); err != nil {
				return err
			}
		}
		f.Subject, f.Address, f.Text = firstLine(a.Text), a.Author.Address, firstRunes(a.Text, formText)
	}
	if cmd.Target == FormActions {
		f.About, f.Thread = a.Target, a.Root
		if c.Ticket == nil {
			f.Kind, f.Code = FormSaid, "no_ticket"
		} else {
			f.Ticket = c.Ticket.Number
			var err error
			if f.Row, err = d.rowOf(ctx, c.Tx, f.Ticket); err != nil {
				return err
			}
		}
	}
	if f.Queue, f.Queues = c.Queue.Name, a.Queues; len(f.Queues) == 0 {
		f.Queues = []string{c.Queue.Name}
	}
	return d.whisperTo(ctx, c, Window, Facts{Form: f, View: a.View})
}

func (d *Desk) rowOf(ctx context.Context, tx Tx, number int64) (*Row, error) {
	k, err := tx.Ticket(ctx, number)
	if err != nil {
		return nil, err
	}
	l, err := d.listUpTo(ctx, tx, []Ticket{k}, 1)
	if err != nil {
		return nil, err
	}
	return &l.Rows[0], nil
}

// firstLine is what a message's subject may be: its first line with words.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			return firstRunes(line, formSubject)
		}
	}
	return ""
}

// aboutRef is under what a ticket made of a chat message is found again. It is no ref of the ticket's thread: what is said under that
// message is not said to the customer.
func aboutRef(ref Ref) Ref { return "about:" + ref }

// create opens a ticket that an agent writes down: of a chat message, or of nothing. The same message never makes a second one.
func (d *Desk) create(ctx context.Context, c *Case, cmd *Command) error {
	a := c.Heard.Act
	q, ok := d.Queues[a.Fields["queue"]]
	if !ok || !oneOf(q.Name, a.Queues) {
		return d.hint(ctx, c, "form_queue", nil)
	}
	address, err := ParseAddress(a.Fields["requester"])
	if err != nil || d.isAgent(address.String()) || d.OwnAddress != nil && d.OwnAddress(address.String()) {
		return d.hint(ctx, c, "cc_bad", map[string]string{"address": a.Fields["requester"]})
	}
	about := Ref(a.Fields["about"])
	if about != "" {
		made, err := c.Tx.ThreadByRef(ctx, aboutRef(about), c.Heard.Door, "")
		if ok, err := found(err); err != nil {
			return err
		} else if ok {
			return d.hint(ctx, c, "form_exists", map[string]string{"number": num(made.Number)})
		}
	}
	who := Party{Key: "mail:" + address.Key(), Address: address.String()}
	spec := spawned{queue: q, from: who, subject: a.Fields["subject"], priority: a.Fields["prio"], text: a.Fields["body"], files: c.Files, customer: about != "", agent: cmd.Agent}
	t, m, err := d.spawn(ctx, c, spec)
	if err != nil {
		return err
	}
	if about != "" {
		if err := c.Tx.AddRef(ctx, aboutRef(about), c.Heard.Door, "", t.ID, m.ID); err != nil {
			return err
		}
	}
	if rest := a.Fields["thread_text"]; rest != "" {
		// What others said under the message may be talk among colleagues: it stays inside.
		note := &Message{ID: d.newID(c.Now), Thread: t.ID, Ticket: t.Number, Author: AuthorAgent, Agent: a.Actor.Key, Name: a.Actor.Name, Text: rest, Visible: rest, Inbound: c.In.ID, At: c.Now, StoredAt: c.Now}
		if err := c.Tx.InsertMessage(ctx, note); err != nil {
			return err
		}
		if err := d.addWords(ctx, c.Tx, t.ID, rest); err != nil {
			return err
		}
		if err := d.post(ctx, c.Tx, q, t, PostLine, "message:"+note.ID+"/line", Facts{Code: "copied", Args: map[string]string{"agent": a.Actor.Key}, Body: rest}); err != nil {
			return err
		}
	}
	if q.ForwardAck {
		contact, err := c.Tx.Contact(ctx, t.Contact)
		if err != nil {
			return err
		}
		o := Outgoing{Cause: "thread:" + t.ID, Kind: LetterReceived, Ticket: t.Number, Automatic: true, ByAgent: true}
		o.Facts.Open, o.Facts.NextOpen = q.openness(c.Now)
		if _, err := d.letter(ctx, c.Tx, q, t, contact, o); err != nil {
			return err
		}
	}
	c.In.Thread, c.In.Ticket, c.In.Message = t.ID, t.Number, m.ID
	return d.hint(ctx, c, "form_created", map[string]string{"number": num(t.Number)})
}

// spawned says what a ticket is made of that no mail opens.
type spawned struct {
	queue    *Queue
	from     Party
	subject  string
	language string
	priority string
	text     string
	files    []FileRef
	customer bool // the text is the customer's; otherwise it is the agent's note
	follows  int64
	agent    string
}

// spawn makes such a ticket with its first message and its card.
func (d *Desk) spawn(ctx context.Context, c *Case, s spawned) (*Thread, *Message, error) {
	who, err := d.contact(ctx, c.Tx, s.from)
	if err != nil {
		return nil, nil, err
	}
	number, err := c.Tx.NextNumber(ctx)
	if err != nil {
		return nil, nil, err
	}
	key, err := d.newKey()
	if err != nil {
		return nil, nil, err
	}
	if s.language == "" {
		s.language = who.Language
	}
	door := s.queue.MailDoor
	if door == "" {
		door = c.Heard.Door
	}
	t := &Thread{ID: d.newID(c.Now), Number: number, Key: key, Door: door, Queue: s.queue.Name, Contact: who.ID, Subject: strings.Join(strings.Fields(s.subject), " "),
		Language: s.language, State: ThreadTicket, OpenedAt: c.Now}
	if err := c.Tx.SaveThread(ctx, t); err != nil {
		return nil, nil, err
	}
	if err := c.Tx.SaveParticipant(ctx, &Participant{Thread: t.ID, Contact: who.ID, Role: "requester", Released: true, Active: true, AddedAt: c.Now}); err != nil {
		return nil, nil, err
	}
	if err := d.newTicket(ctx, c.Tx, s.queue, t, false, s.follows, s.agent); err != nil {
		return nil, nil, err
	}
	if s.priority == "high" || s.priority == "urgent" {
		k, err := c.Tx.Ticket(ctx, number)
		if err != nil {
			return nil, nil, err
		}
		k.Priority = s.priority
		if err := c.Tx.SaveTicket(ctx, &k); err != nil {
			return nil, nil, err
		}
	}
	a := c.Heard.Act
	m := &Message{ID: d.newID(c.Now), Thread: t.ID, Ticket: number, Author: AuthorAgent, Agent: s.agent, Name: a.Actor.Name, Subject: t.Subject, Text: s.text, Visible: s.text,
		Inbound: c.In.ID, At: c.Now, StoredAt: c.Now, Files: s.files}
	if s.customer {
		m.Public, m.Author, m.Agent, m.Contact, m.Name = true, AuthorCustomer, "", who.ID, who.Name
	}
	if err := c.Tx.InsertMessage(ctx, m); err != nil {
		return nil, nil, err
	}
	if err := d.addWords(ctx, c.Tx, t.ID, t.Subject, who.Name, who.Address, s.text); err != nil {
		return nil, nil, err
	}
	if err := c.Tx.Worded(ctx, t.ID); err != nil {
		return nil, nil, err
	}
	return t, m, d.post(ctx, c.Tx, s.queue, t, PostRoot, "thread:"+t.ID, Facts{Files: s.files})
}

// split makes a ticket of its own of one message of a ticket; followUpBy opens one that follows it. Both name each other.
func (d *Desk) split(ctx context.Context, c *Case, cmd *Command) error {
	m, err := d.shownMessage(ctx, c, Ref(c.Heard.Act.Fields["about"]))
	if err != nil {
		return err
	}
	if m == nil {
		return d.hint(ctx, c, "split_what", nil)
	}
	return d.branch(ctx, c, cmd, spawned{text: m.Visible, files: m.Files, customer: true}, "split", "split_here")
}

func (d *Desk) followUpBy(ctx context.Context, c *Case, cmd *Command) error {
	return d.branch(ctx, c, cmd, spawned{text: cmd.Text, follows: c.Ticket.Number}, "followed_by", "followed_here")
}

func (d *Desk) branch(ctx context.Context, c *Case, cmd *Command, s spawned, here, there string) error {
	who, err := c.Tx.Contact(ctx, c.Ticket.Contact)
	if err != nil {
		return err
	}
	s.queue, s.agent, s.language, s.subject = c.Queue, cmd.Agent, c.Thread.Language, cmd.Target
	s.from = Party{Key: who.Key, Address: who.Address, Name: who.Name}
	if strings.TrimSpace(s.subject) == "" {
		s.subject = c.Thread.Subject
	}
	t, _, err := d.spawn(ctx, c, s)
	if err != nil {
		return err
	}
	args := map[string]string{"agent": cmd.Agent, "ticket": num(t.Number), "from": num(c.Ticket.Number), "subject": c.Thread.Subject}
	if err := d.event(ctx, c.Tx, c.Thread.ID, c.Ticket.Number, cmd.Agent, "ticket."+here, map[string]string{"ticket": args["ticket"]}); err != nil {
		return err
	}
	return d.linked(ctx, c, t, "inbound:"+c.In.ID+"/branch", here, there, args)
}

// shownMessage is the customer's message that a post in the ticket's thread shows: the post of that message, or the card, which shows the
// first one.
func (d *Desk) shownMessage(ctx context.Context, c *Case, post Ref) (*Message, error) {
	if post == "" {
		return nil, nil
	}
	o, err := c.Tx.OutgoingByRef(ctx, post)
	if ok, err := found(err); err != nil || !ok || o.Thread != c.Thread.ID {
		return nil, err
	}
	id, ok := strings.CutPrefix(o.Cause, "message:")
	switch {
	case o.Kind == PostRoot:
		all, err := c.Tx.Messages(ctx, c.Thread.ID, 0)
		if err != nil || len(all) == 0 {
			return nil, err
		}
		id = all[0].ID
	case o.Kind != PostMail || !ok:
		return nil, nil
	}
	m, err := c.Tx.Message(ctx, id)
	if ok, err := found(err); err != nil || !ok || m.Author != AuthorCustomer {
		return nil, err
	}
	return &m, nil
}
