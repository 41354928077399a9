package ticketing

import (
	"context"
	"time"
)

// The slash commands, whatever they are called in the workspace.
const (
	SlashTickets  = "ticket"
	SlashArticles = "kb"
)

// What a slash command looks at.
const (
	LookSearch   = "search"
	LookMine     = "mine"
	LookOne      = "one"
	LookNew      = "new"
	LookStats    = "stats"
	LookHelp     = "help"
	LookArticles = "articles"
	LookRefused  = "refused"
)

// Row is a line of a list of tickets or held requests.
type Row struct {
	Number     int64     `json:"number"`
	Subject    string    `json:"subject"`
	From       Party     `json:"from"`
	State      State     `json:"state,omitempty"` // empty: a held request
	Priority   string    `json:"priority,omitempty"`
	Assignee   string    `json:"assignee,omitempty"`
	AssigneeID string    `json:"assignee_id,omitempty"`
	Until      time.Time `json:"until,omitzero"` // when it wakes, or opens by itself
	Root       Ref       `json:"root,omitempty"` // its card in the channel
	Suggestion string    `json:"suggestion_id,omitempty"`
}

// List is what an agent is shown of the desk.
type List struct {
	Rows   []Row          `json:"rows,omitempty"`
	More   bool           `json:"more,omitempty"` // there are more than are shown
	Counts map[string]int `json:"counts,omitempty"`
}

// lookRows is how many tickets the answer of a slash command lists.
const lookRows = 10

// unresolved are the states of tickets that somebody has to do something about, now or later.
var unresolved = []State{StateNew, StateOpen, StatePending}

// look answers a slash command to the one who typed it.
func (d *Desk) look(ctx context.Context, c *Case, cmd *Command) error {
	a := c.Heard.Act
	f := Facts{Code: "look_" + cmd.Target, Args: map[string]string{"words": cmd.Text}}
	var err error
	switch cmd.Target {
	case LookSearch:
		var found []Ticket
		if found, err = d.Find(ctx, c.Tx, a.Queues, cmd.Text, lookRows+1); err == nil {
			f.List, err = d.listOf(ctx, c.Tx, found)
		}
	case LookMine:
		f.List, err = d.list(ctx, c.Tx, TicketFilter{Queues: a.Queues, States: unresolved, Assignee: a.Actor.Key, Urgent: true, Limit: lookRows + 1})
	case LookOne:
		var k Ticket
		k, err = c.Tx.Ticket(ctx, whole(cmd.Text))
		ok, bad := found(err)
		if err = bad; ok && err == nil && oneOf(k.Queue, a.Queues) {
			f.List, err = d.listOf(ctx, c.Tx, []Ticket{k})
		}
	case LookStats:
		f.List, err = d.stats(ctx, c.Tx, a.Actor.Key, a.Queues)
	case LookArticles:
		f.Articles = c.Found.Hits[:min(len(c.Found.Hits), maxList)]
	}
	if err != nil {
		return err
	}
	if l := f.List; l == nil || len(l.Rows) == 0 {
		switch cmd.Target {
		case LookSearch, LookMine, LookOne:
			f.Code += "_none"
		case LookArticles:
			if len(f.Articles) == 0 {
				f.Code += "_none"
			}
		}
	}
	return d.whisperTo(ctx, c, Hint, f)
}

// whisperTo shows one person something that belongs to no thread: where a slash command was typed, in a window, or else in the queue's
// channel. It may be missed: nothing depends on it.
func (d *Desk) whisperTo(ctx context.Context, c *Case, kind OutgoingKind, f Facts) error {
	a, q := c.Heard.Act, c.Queue
	if q.ChatDoor == "" {
		return nil
	}
	f.Place, f.Zone, f.User, f.Reply, f.Language = q.Place, q.Hours.ZoneName(), a.Actor.Key, a.Reply, a.Language
	if f.Language == "" {
		f.Language = q.AgentLang
	}
	_, err := c.Tx.InsertOutgoing(ctx, &Outgoing{ID: d.newID(c.Now), Cause: "inbound:" + c.In.ID, Kind: kind, Recipient: q.Place + "/" + a.Actor.Key, Door: q.ChatDoor, Queue: q.Name,
		State: OutgoingPending, NextAt: c.Now, CreatedAt: c.Now, Fluid: true, Facts: f})
	return err
}

// list reads tickets as the lines of a list, of which the last one only tells that there are more.
func (d *Desk) list(ctx context.Context, tx Tx, f TicketFilter) (*List, error) {
	all, err := tx.ListTickets(ctx, f)
	if err != nil {
		return nil, err
	}
	return d.listUpTo(ctx, tx, all, f.Limit-1)
}

func (d *Desk) listOf(ctx context.Context, tx Tx, all []Ticket) (*List, error) {
	return d.listUpTo(ctx, tx, all, lookRows)
}

func (d *Desk) listUpTo(ctx context.Context, tx Tx, all []Ticket, limit int) (*List, error) {
	l := &List{More: len(all) > limit}
	for _, k := range all[:min(len(all), limit)] {
		r := Row{Number: k.Number, Subject: k.Subject, State: k.State, Priority: k.Priority, AssigneeID: k.Assignee}
		if k.Snoozed {
			r.Until = k.TimerAt
		}
		var err error
		if r.From, err = d.party(ctx, tx, k.Contact); err != nil {
			return nil, err
		}
		if k.Assignee != "" {
			who, err := tx.Agent(ctx, k.Assignee)
			if ok, err := found(err); err != nil {
				return nil, err
			} else if r.Assignee = who.Name; !ok {
				r.Assignee = k.Assignee
			}
		}
		if r.Root, err = d.rootOf(ctx, tx, k.Thread); err != nil {
			return nil, err
		}
		l.Rows = append(l.Rows, r)
	}
	return l, nil
}

func (d *Desk) party(ctx context.Context, tx Tx, contact string) (Party, error) {
	who, err := tx.Contact(ctx, contact)
	if ok, err := found(err); err != nil || !ok {
		return Party{}, err
	}
	return Party{Key: who.Key, Address: who.Address, Name: who.Name}, nil
}

// statsDays is the time that the figures of a list look back.
const statsDays = 7

// stats counts what is on the desk of an agent's queues, and what came and went in the last days.
func (d *Desk) stats(ctx context.Context, tx Tx, agent string, queues []string) (*List, error) {
	since := tx.Now().AddDate(0, 0, -statsDays)
	l := &List{Counts: map[string]int{"days": statsDays}}
	for name, f := range map[string]TicketFilter{
		"open": {States: []State{StateNew, StateOpen}}, "pending": {States: []State{StatePending}}, "mine": {States: unresolved, Assignee: agent},
		"unassigned": {States: unresolved, Unassigned: true}, "opened": {OpenedSince: since}, "resolved": {ResolvedSince: since},
	} {
		f.Queues = queues
		n, err := tx.CountListed(ctx, f)
		if err != nil {
			return nil, err
		}
		l.Counts[name] = n
	}
	n, err := tx.CountOpenSuggestions(ctx, queues)
	l.Counts["held"] = n
	return l, err
}
