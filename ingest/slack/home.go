package slack

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// home makes an agent's home tab (slack.md 7.11): tabs, a page of lines, and how fresh it is.
func (d *Door) home(ctx context.Context, s speech, o ticketing.Outgoing) (map[string]any, error) {
	p := o.Facts.Home
	if p == nil {
		return nil, &ticketing.SendError{Verdict: ticketing.SendTemporary, After: 5 * time.Second, Code: "no_home", Answer: "the row has no home tab to show yet"}
	}
	if !p.Agent {
		return map[string]any{"type": "home", "callback_id": "home_queue", "blocks": []any{section(s.t("slack.home.refused", nil))}}, nil
	}
	v := map[string]any{"nonce": "", "searching": p.Tab == ticketing.TabFound, "note": s.homeNote(p)}
	for _, tab := range []string{"mine", "unassigned", "pending", "held", "stats", "found"} {
		v["n_"+tab], v["style_"+tab] = p.Counts[tab], ""
	}
	v["style_"+p.Tab] = "primary"
	v["title"] = cut(s.t("slack.home.title", v), 150)
	if p.Tab == ticketing.TabFound {
		// Another block id for each search, or the field would keep what was typed before.
		v["nonce"] = strconv.FormatInt(p.At.Unix(), 36)
	}
	view, err := s.words.Card(s.lang, "home", v)
	if err != nil {
		return nil, err
	}
	blocks, _ := view["blocks"].([]any)
	if p.List != nil {
		for _, r := range p.List.Rows {
			b, err := s.homeRow(r, d.link(ctx, r.Root), o)
			if err != nil {
				return nil, err
			}
			blocks = append(blocks, b)
		}
		if p.List.More {
			blocks = append(blocks, section(s.t("slack.home.more", nil)))
		}
	}
	foot := map[string]any{"pages": p.Pages > 1, "previous": "", "following": "", "page": p.Page, "all": p.Pages, "when": clock(p.At, o.Facts.Zone)}
	if p.Page > 1 {
		foot["previous"] = strconv.Itoa(p.Page - 1)
	}
	if p.Page < p.Pages {
		foot["following"] = strconv.Itoa(p.Page + 1)
	}
	end, err := s.words.Card(s.lang, "home_foot", foot)
	if err != nil {
		return nil, err
	}
	if more, ok := end["blocks"].([]any); ok {
		blocks = append(blocks, more...)
	}
	view["blocks"] = blocks
	plainStyles(view)
	return view, nil
}

func (d *Door) renderHome(ctx context.Context, o ticketing.Outgoing) ([]byte, ticketing.Ref, error) {
	x := frozen{Method: methodHome, User: userOf(o.Facts.User)}
	if x.User == "" {
		return nil, "", refuse("bad_user", "the row names no user of this workspace")
	}
	view, err := d.home(ctx, speech{words: d.words, lang: o.Facts.Language, username: d.named}, o)
	if err != nil {
		return nil, "", err
	}
	raw, err := encode(view)
	if err != nil {
		return nil, "", err
	}
	x.Args = map[string]string{"view": raw}
	bytes, err := json.Marshal(x)
	return bytes, "", err
}

// homeNote is the sentence above the lines: what was searched for, the figures, or that there is nothing.
func (s speech) homeNote(p *ticketing.Homepage) string {
	empty := p.List == nil || len(p.List.Rows) == 0
	switch {
	case p.Tab == ticketing.TabStats && p.List != nil:
		return s.t("slack.look_stats", counted(p.List.Counts))
	case p.Tab == ticketing.TabFound && p.Words == "":
		return ""
	case p.Tab == ticketing.TabFound && empty:
		return s.sentence("slack.", "look_search_none", map[string]string{"words": p.Words})
	case p.Tab == ticketing.TabFound:
		return s.sentence("slack.", "look_search", map[string]string{"words": p.Words})
	case empty:
		return s.t("slack.home.nothing", nil)
	}
	return ""
}

// homeRow is one line with what can be done about it.
func (s speech) homeRow(r ticketing.Row, link string, o ticketing.Outgoing) (any, error) {
	v := map[string]any{"number": r.Number, "row": s.row(r, link, o.Facts.Zone), "link": link, "suggestion": r.Suggestion}
	if r.Suggestion != "" {
		return s.words.Card(s.lang, "home_held", v)
	}
	resolved := r.State == ticketing.StateResolved || r.State == ticketing.StateClosed
	v["unresolved"], v["unclaimed"], v["active"] = !resolved, !resolved && r.AssigneeID == "", !resolved && r.State != ticketing.StatePending
	v["own"], v["reopenable"] = !resolved && r.AssigneeID == o.Recipient, r.State == ticketing.StateResolved
	row, err := s.words.Card(s.lang, "home_row", v)
	if err != nil {
		return nil, err
	}
	menu, _ := row["accessory"].(map[string]any)
	if options, _ := menu["options"].([]any); len(options) == 0 {
		delete(row, "accessory") // a menu needs something in it
	}
	return row, nil
}

// clock shows a time of day on the reader's own clock.
func clock(at time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	return "<!date^" + strconv.FormatInt(at.Unix(), 10) + "^{time}|" + at.In(loc).Format("15:04") + ">"
}

// plainStyles takes out empty styles, for which Slack has no word.
func plainStyles(v any) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			plainStyles(e)
		}
	case map[string]any:
		if x["style"] == "" {
			delete(x, "style")
		}
		for _, e := range x {
			plainStyles(e)
		}
	}
}

// publish shows a home tab. One that another process or another act has changed meanwhile is rendered anew.
func (d *Door) publish(ctx context.Context, x frozen) error {
	d.mu.Lock()
	hash := d.hashes[x.User]
	d.mu.Unlock()
	next, err := d.api.PublishHome(ctx, x.User, x.Args["view"], hash)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		if len(d.hashes) >= hashesMax {
			clear(d.hashes)
		}
		d.hashes[x.User] = next
		return nil
	case code(err) == "hash_conflict":
		delete(d.hashes, x.User)
		return &ticketing.SendError{Verdict: ticketing.SendTemporary, Free: true, After: conflictWait, Code: "hash_conflict", Answer: "the home tab changed meanwhile"}
	}
	delete(d.hashes, x.User)
	return err
}

const (
	// hashesMax is how many home tabs' hashes are remembered; without one the newest view simply wins.
	hashesMax    = 1000
	conflictWait = 100 * time.Millisecond
)

// homeOpened reads that somebody opened the app's home tab.
func (d *Door) homeOpened(ctx context.Context, h *ticketing.Heard, user, tab, at string) error {
	if user == "" || tab != "home" {
		other(h)
		return nil
	}
	if err := d.elsewhere(ctx, h, ticketing.VerbHome, user, ""); err != nil {
		return err
	}
	if at != "" {
		h.LogicalKey = key("home", d.team, user, at)
	}
	return nil
}

// pressElsewhere reads a press in a view, which belongs to no channel.
func (d *Door) pressElsewhere(ctx context.Context, h *ticketing.Heard, p press) error {
	x := p.Actions[0]
	if p.User.TeamID != "" && p.User.TeamID != d.team {
		other(h)
		return nil
	}
	if err := d.elsewhere(ctx, h, ticketing.VerbPress, p.User.ID, ""); err != nil {
		return err
	}
	a := h.Act
	a.Action, a.Value, a.At = x.ID, x.Value, timeOf(x.TS)
	x.choose(a)
	h.At = a.At
	h.LogicalKey = key("press", d.team, p.User.ID, x.ID, x.TS)
	return nil
}

// choose reads the option of a menu. Its value is "<id>:<verb>"; the menu stands for as many buttons.
func (x pressed) choose(a *ticketing.Act) {
	if x.Selected == nil {
		return
	}
	id, verb, ok := strings.Cut(x.Selected.Value, ":")
	if group, _, _ := strings.Cut(x.ID, "."); ok && isWord(verb) {
		a.Action = group + "." + verb
	}
	a.Value = id
}
