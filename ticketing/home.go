package ticketing

import (
	"context"
	"strings"
	"time"
)

// What the app's home tab can show.
const (
	TabMine       = "mine"
	TabUnassigned = "unassigned"
	TabPending    = "pending"
	TabHeld       = "held"
	TabStats      = "stats"
	TabFound      = "found" // what was searched for
)

// homeTabs are all of them.
var homeTabs = map[string]bool{TabMine: true, TabUnassigned: true, TabPending: true, TabHeld: true, TabStats: true, TabFound: true}

const (
	// homeRows is how many lines a page of the home tab has: with its frame far below the 100 blocks of a view.
	homeRows = 20
	// homeWatched is how long after an agent looked the home tab is kept up to date; homePause gathers changes before it is shown again.
	homeWatched = 15 * time.Minute
	homePause   = 5 * time.Second
	// homeViewers is how many home tabs one change shows anew, those looked at last.
	homeViewers = 50
	// homePages bounds the page that a button may ask for.
	homePages = 10_000
	// wordsAsked is how much of a search's text is kept, in characters.
	wordsAsked = 150
)

// Homepage is what an agent's home tab shows.
type Homepage struct {
	Tab   string `json:"tab"`
	Page  int    `json:"page"`
	Pages int    `json:"pages"`
	Words string `json:"words,omitempty"`
	Agent bool   `json:"agent"` // false: for somebody who is no agent
	List  *List  `json:"list,omitempty"`
	// Counts are those of the tabs.
	Counts map[string]int `json:"counts,omitempty"`
	At     time.Time      `json:"at,omitzero"`
}

// home carries out what somebody does in the home tab itself: opens it, turns to another tab or page, or searches. What it shows is read
// when it is sent.
func (d *Desk) home(ctx context.Context, c *Case, cmd *Command) error {
	a := c.Heard.Act
	h, err := c.Tx.Home(ctx, a.Actor.Key)
	if ok, err := found(err); err != nil {
		return err
	} else if !ok {
		h = Home{Agent: a.Actor.Key, Tab: TabMine}
	}
	h.Door, h.Queues, h.Language, h.OpenedAt = c.Heard.Door, a.Queues, a.Language, c.Now
	switch {
	case cmd.Target == "page":
		h.Page = min(int(whole(cmd.Text)), homePages)
	case cmd.Target == "search":
		h.Tab, h.Page, h.Words = TabFound, 1, firstRunes(strings.TrimSpace(cmd.Text), wordsAsked)
	case homeTabs[cmd.Target]:
		h.Tab, h.Page = cmd.Target, 1
	}
	h.Page = max(h.Page, 1)
	if err := c.Tx.SaveHome(ctx, &h); err != nil {
		return err
	}
	return d.showHome(ctx, c.Tx, &h, c.Queue, c.Now)
}

func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// showHome makes an agent's home tab due. Several changes until then are shown at once.
func (d *Desk) showHome(ctx context.Context, tx Tx, h *Home, q *Queue, at time.Time) error {
	if q.ChatDoor == "" {
		return nil
	}
	now := tx.Now()
	f := Facts{User: h.Agent, Language: h.Language, Place: q.Place, Zone: q.Hours.ZoneName()}
	if f.Language == "" {
		f.Language = q.AgentLang
	}
	_, err := tx.InsertOutgoing(ctx, &Outgoing{ID: d.newID(now), Cause: "home:" + h.Agent, Kind: HomeTab, Recipient: h.Agent, Door: q.ChatDoor, Queue: q.Name,
		State: OutgoingPending, NextAt: at, CreatedAt: now, Fluid: true, Facts: f})
	return err
}

// homes lets the home tabs that were looked at lately show a change in a queue.
func (d *Desk) homes(ctx context.Context, tx Tx, q *Queue) error {
	if q.ChatDoor == "" {
		return nil
	}
	now := tx.Now()
	all, err := tx.WatchedHomes(ctx, now.Add(-homeWatched), homeViewers)
	if err != nil {
		return err
	}
	for i := range all {
		if h := &all[i]; h.Door == q.ChatDoor && oneOf(q.Name, h.Queues) {
			if err := d.showHome(ctx, tx, h, q, now.Add(homePause)); err != nil {
				return err
			}
		}
	}
	return nil
}

// homepage reads what an agent's home tab shows now.
func (d *Desk) homepage(ctx context.Context, tx Tx, agent string) (*Homepage, error) {
	h, err := tx.Home(ctx, agent)
	if ok, err := found(err); err != nil {
		return nil, err
	} else if !ok {
		h = Home{Agent: agent, Tab: TabMine}
	}
	p := &Homepage{Tab: h.Tab, Page: max(h.Page, 1), Pages: 1, Words: h.Words, Agent: len(h.Queues) > 0, At: tx.Now()}
	if !p.Agent {
		return p, nil
	}
	p.Counts = map[string]int{}
	for name, f := range homeFilters(&h) {
		if p.Counts[name], err = tx.CountListed(ctx, f); err != nil {
			return nil, err
		}
	}
	if p.Counts[TabHeld], err = tx.CountOpenSuggestions(ctx, h.Queues); err != nil {
		return nil, err
	}
	switch p.Tab {
	case TabStats:
		p.List, err = d.stats(ctx, tx, h.Agent, h.Queues)
	case TabFound:
		var all []Ticket
		if all, err = d.Find(ctx, tx, h.Queues, h.Words, homeRows+1); err == nil {
			p.List, err = d.listUpTo(ctx, tx, all, homeRows)
		}
	case TabHeld:
		p.turn(p.Counts[TabHeld])
		p.List, err = d.heldList(ctx, tx, h.Queues, (p.Page-1)*homeRows)
	default:
		f, ok := homeFilters(&h)[p.Tab]
		if !ok {
			p.Tab, f = TabMine, homeFilters(&h)[TabMine]
		}
		p.turn(p.Counts[p.Tab])
		f.Urgent, f.Skip, f.Limit = true, (p.Page-1)*homeRows, homeRows
		var all []Ticket
		if all, err = tx.ListTickets(ctx, f); err == nil {
			p.List, err = d.listUpTo(ctx, tx, all, homeRows)
		}
	}
	return p, err
}

// turn sets how many pages there are; a page that is no more is the last one.
func (p *Homepage) turn(rows int) {
	p.Pages = max(1, (rows+homeRows-1)/homeRows)
	p.Page = min(p.Page, p.Pages)
}

// homeFilters are the tickets of each tab that lists some.
func homeFilters(h *Home) map[string]TicketFilter {
	return map[string]TicketFilter{
		TabMine:       {Queues: h.Queues, States: []State{StateNew, StateOpen}, Assignee: h.Agent},
		TabUnassigned: {Queues: h.Queues, States: unresolved, Unassigned: true},
		TabPending:    {Queues: h.Queues, States: []State{StatePending}},
	}
}

// heldList lists held requests, the next to open by itself first.
func (d *Desk) heldList(ctx context.Context, tx Tx, queues []string, skip int) (*List, error) {
	held, err := tx.OpenSuggestions(ctx, queues, skip, homeRows)
	if err != nil {
		return nil, err
	}
	l := &List{}
	for _, s := range held {
		t, err := tx.Thread(ctx, s.Thread)
		if err != nil {
			return nil, err
		}
		r := Row{Number: t.Number, Subject: t.Subject, Until: s.Until, Suggestion: s.ID}
		if r.From, err = d.party(ctx, tx, t.Contact); err != nil {
			return nil, err
		}
		if r.Root, err = d.rootOf(ctx, tx, t.ID); err != nil {
			return nil, err
		}
		l.Rows = append(l.Rows, r)
	}
	return l, nil
}
