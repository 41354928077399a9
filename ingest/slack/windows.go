package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// What is asked for by a trigger must be opened within three seconds, long before the ledger may have worked on it: a window that says to
// wait is opened at once, under a name of ours, and gets its contents when the row was decided (slack.md 4.2, 7.14).

const (
	// openTime is how long opening the waiting window may take; with the rest it stays below Slack's three seconds.
	openTime = time.Second
	// openGrace is how young a row must be for its window still to be on its way.
	openGrace = 5 * time.Second
	// threadMax is how many messages of a thread are copied into a ticket, threadText how many characters of them.
	threadMax  = 50
	threadText = 12_000
	// againAction is the button that asks for a window again whose time was over.
	againAction = "window.again"
)

// windowName is what we call the window that an envelope asks for.
func windowName(team, envelope string) string {
	sum := sha256.Sum256([]byte("window\x00" + team + "\x00" + envelope))
	return "w" + hex.EncodeToString(sum[:16])
}

// asksFor is the window that an interaction or a slash command asks for; "" if none.
func (p *press) asksFor() string {
	switch p.Type {
	case "message_action", "shortcut":
		switch p.Callback {
		case ticketing.FormNew, ticketing.FormFrom, ticketing.FormActions:
			return p.Callback
		}
	case "block_actions":
		if len(p.Actions) == 0 {
			return ""
		}
		switch x := p.Actions[0]; x.ID {
		case "home.new":
			return ticketing.FormNew
		case "ticket.more":
			return ticketing.FormActions
		case againAction:
			kind, _, _ := strings.Cut(x.Value, " ")
			return (&press{Type: "shortcut", Callback: kind}).asksFor()
		}
	}
	return ""
}

// asksFor tells whether a slash command asks for the window of a new ticket.
func (s slashCommand) asksFor() string {
	word := strings.ToLower(strings.TrimSpace(s.Text))
	if (word == "nuovo" || word == "new") && !strings.HasSuffix(strings.ToLower(s.Command), ticketing.SlashArticles) {
		return ticketing.FormNew
	}
	return ""
}

// answer is what of an envelope cannot wait for the ledger, which has stored it already: a window is opened, and one that was sent in is
// checked, so that its fields can say at once what is wrong. The answer goes with the acknowledgement.
func (d *Door) answer(ctx context.Context, e Envelope) json.RawMessage {
	var env envelopeBody
	if e.Kind != KindInteraction && e.Kind != KindCommand || json.Unmarshal(e.Raw, &env) != nil {
		return nil
	}
	var p press
	var s slashCommand
	kind, trigger := "", ""
	if e.Kind == KindCommand {
		if json.Unmarshal(env.Payload, &s) != nil {
			return nil
		}
		kind, trigger = s.asksFor(), s.Trigger
	} else {
		if json.Unmarshal(env.Payload, &p) != nil {
			return nil
		}
		if p.Type == "view_submission" {
			return d.faults(&p)
		}
		kind, trigger = p.asksFor(), p.Trigger
	}
	if kind == "" || trigger == "" {
		return nil
	}
	user := p.User.ID
	if user == "" {
		user = s.User
	}
	view, err := d.words.Card(d.lookLanguage(user), "window_wait", map[string]any{})
	if err != nil {
		return nil
	}
	view["external_id"] = windowName(d.team, env.ID)
	raw, err := encode(view)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	if err := d.api.OpenView(ctx, trigger, raw); err != nil {
		d.log.Warn("a window could not be opened in time", "door", d.Name(), "window", kind, "code", code(err))
	}
	return nil
}

// lookLanguage is a user's language if it is known already: nothing is asked while a trigger runs out.
func (d *Door) lookLanguage(user string) string {
	if l := languageOf(d.people.locale(user)); l != "" {
		return l
	}
	return "it"
}

// fields are the values of a window that was sent in, by block.
func (p *press) fields() map[string]string {
	out := map[string]string{}
	for block, elements := range p.View.State.Values {
		for _, v := range elements {
			out[block] = v.Value
			if v.Selected != nil {
				out[block] = v.Selected.Value
			}
			if v.User != "" {
				out[block] = v.User
			}
		}
	}
	return out
}

// faults checks a window's fields by themselves; what has to be looked up is checked later, from the ledger. nil if nothing is wrong.
func (d *Door) faults(p *press) json.RawMessage {
	wrong := d.wrong(p.View.Callback, p.fields())
	if len(wrong) == 0 {
		return nil
	}
	lang := d.lookLanguage(p.User.ID)
	errs := map[string]string{}
	for block, key := range wrong {
		errs[block] = d.words.T(lang, "slack.window.wrong."+key, nil)
	}
	raw, err := json.Marshal(map[string]any{"response_action": "errors", "errors": errs})
	if err != nil {
		return nil
	}
	return raw
}

// needs are the fields that a choice cannot do without.
var needs = map[string]string{"note": "text", "answer": "text", "assign": "who", "snooze": "value", "priority": "value", "article": "value", "merge": "value"}

// wrong names the faults of a window by block.
func (d *Door) wrong(kind string, f map[string]string) map[string]string {
	out := map[string]string{}
	switch kind {
	case ticketing.FormNew, ticketing.FormFrom:
		if strings.TrimSpace(f["subject"]) == "" {
			out["subject"] = "empty"
		}
		a, err := ticketing.ParseAddress(strings.TrimSpace(f["requester"]))
		switch {
		case err != nil:
			out["requester"] = "address"
		case d.ours != nil && d.ours(a.String()):
			out["requester"] = "ours"
		}
	case ticketing.FormActions:
		if block := needs[f["do"]]; block != "" && strings.TrimSpace(f[block]) == "" {
			out[block] = "empty"
		} else if _, err := strconv.ParseUint(strings.Trim(strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(f["value"]), "comunque"), "anyway"), "# "), 10, 53); f["do"] == "merge" && err != nil {
			out["value"] = "number"
		}
	}
	return out
}

// meta are the ids that a window hands back.
type meta struct {
	About    string `json:"about,omitempty"`
	Thread   string `json:"thread,omitempty"`
	Ticket   int64  `json:"ticket,omitempty"`
	Readable bool   `json:"read,omitempty"`
}

// ask reads a shortcut, and a press that asks for a window again.
func (d *Door) ask(ctx context.Context, h *ticketing.Heard, p press, envelope string) error {
	if p.User.ID == "" || p.User.TeamID != "" && p.User.TeamID != d.team {
		other(h)
		return nil
	}
	channel, ts, kind := p.Channel.ID, p.TS, p.Callback
	m := p.Said
	if p.Type == "block_actions" {
		parts := append(strings.Fields(p.Actions[0].Value), "", "", "")
		kind, channel, ts, m = parts[0], parts[1], parts[2], said{}
	}
	if err := d.elsewhere(ctx, h, ticketing.VerbAsk, p.User.ID, channel); err != nil {
		return err
	}
	a := h.Act
	a.Action, a.View = kind, windowName(d.team, envelope)
	if d.answerable(p.Reply) {
		a.Reply = p.Reply
	}
	h.LogicalKey = key("ask", d.team, envelope)
	if !isID(channel) || timeOf(ts).IsZero() || kind == ticketing.FormNew || !a.IsAgent {
		return nil
	}
	root := m.ThreadTS
	if root == "" {
		root = ts
	}
	a.Target, a.Root = d.ref(channel, ts), d.ref(channel, root)
	if kind == ticketing.FormActions {
		if d.queues[channel] != "" {
			a.Place = d.place(channel)
			h.Claims = []ticketing.Claim{{Rule: ticketing.ClaimThread, Ref: a.Root, Valid: true}}
		}
		return nil
	}
	var err error
	if a.Readable, err = d.readable(ctx, channel); err != nil {
		return err
	}
	if m.Text == "" && a.Readable {
		// Asked for again: the payload had no message.
		if err := d.api.Replies(ctx, channel, ts, Range{Oldest: ts, Latest: ts, Inclusive: true, Limit: 1}, func(x Message) error {
			if x.TS == ts {
				m = said{User: x.User, Bot: x.Bot, Text: x.Text, Files: x.Files}
			}
			return nil
		}); unless(err, "thread_not_found") != nil {
			return err
		}
	}
	return d.about(ctx, a, m)
}

// said is the message that a shortcut was used on.
type said struct {
	User     string `json:"user"`
	Bot      string `json:"bot_id"`
	Text     string `json:"text"`
	ThreadTS string `json:"thread_ts"`
	Files    []file `json:"files"`
}

// about fills in the message that a ticket is made of, and whose it is. Only the address of a full member of this workspace is believed.
func (d *Door) about(ctx context.Context, a *ticketing.Act, m said) error {
	names := map[string]string{}
	for _, id := range mentioned(m.Text) {
		who, err := d.people.person(ctx, id)
		if err != nil {
			return err
		}
		names[id] = who.Name
	}
	a.Text = plain(m.Text, func(id string) string { return names[id] })
	if !a.Readable && len(m.Files) > 0 {
		var list []string
		for i, f := range m.Files {
			list = append(list, ticketing.CleanFileName(f.Name, i+1))
		}
		a.Text = strings.TrimSpace(a.Text + "\n\n[" + strings.Join(list, ", ") + "]")
	}
	if m.User == "" || m.Bot != "" {
		return nil
	}
	who, err := d.people.person(ctx, m.User)
	if err != nil {
		return err
	}
	a.Author = d.people.party(who)
	if who.Team == d.team && !who.Guest && !who.Bot && (d.ours == nil || !d.ours(who.Email)) {
		a.Author.Address = who.Email
	}
	return nil
}

// readable tells whether the app can read a channel.
func (d *Door) readable(ctx context.Context, channel string) (bool, error) {
	if d.queues[channel] != "" {
		return true, nil
	}
	r, err := d.api.Channel(ctx, channel)
	if c := code(err); c == "channel_not_found" || c == "missing_scope" || c == "method_not_supported_for_channel_type" {
		return false, nil
	}
	return r.Member, err
}

// submit reads a window that was sent in.
func (d *Door) submit(ctx context.Context, h *ticketing.Heard, p press) error {
	f := p.fields()
	if p.User.ID == "" || p.User.TeamID != "" && p.User.TeamID != d.team || len(d.wrong(p.View.Callback, f)) > 0 {
		other(h) // its fields said what is wrong; the window stands open still
		return nil
	}
	var m meta
	_ = json.Unmarshal([]byte(p.View.Meta), &m)
	channel, ts, there := d.split(m.About)
	if err := d.elsewhere(ctx, h, ticketing.VerbSubmit, p.User.ID, channel); err != nil {
		return err
	}
	a := h.Act
	a.Action, a.Fields = p.View.Callback, f
	h.LogicalKey = key("submit", d.team, p.View.ID)
	if there {
		f["about"] = m.About
	}
	if a.Action == ticketing.FormActions {
		f["ticket"] = strconv.FormatInt(m.Ticket, 10)
		if _, _, ok := d.split(m.Thread); ok {
			a.Root = ticketing.Ref(m.Thread)
		}
		return d.colleague(ctx, a, f["who"])
	}
	if !m.Readable || !there || !a.IsAgent {
		return nil
	}
	_, root, _ := d.split(m.Thread)
	return d.copyThread(ctx, h, channel, root, ts)
}

// colleague fills in the colleague whom a window names. An agent is one in any queue of the actor's.
func (d *Door) colleague(ctx context.Context, a *ticketing.Act, user string) error {
	if user == "" {
		return nil
	}
	who, err := d.people.person(ctx, user)
	if err != nil {
		return err
	}
	n := ticketing.Named{Party: d.people.party(who)}
	for room, queue := range d.queues {
		if !slices.Contains(a.Queues, queue) {
			continue
		}
		_, agent, err := d.people.agent(ctx, room, user)
		if err != nil {
			return err
		}
		n.IsAgent = n.IsAgent || agent
	}
	a.Named = []ticketing.Named{n}
	return nil
}

// copyThread reads what else was said in the thread of a message, and the message's files.
func (d *Door) copyThread(ctx context.Context, h *ticketing.Heard, channel, root, ts string) error {
	if root == "" {
		root = ts
	}
	var lines []string
	var files []file
	n := 0
	err := d.api.Replies(ctx, channel, root, Range{Limit: threadMax + 1}, func(m Message) error {
		if m.TS == ts {
			files = m.Files
			return nil
		}
		if n++; n > threadMax {
			return ErrStop
		}
		who, err := d.people.person(ctx, m.User)
		if m.User == "" {
			who, err = Person{}, nil
		}
		if err != nil {
			return err
		}
		if text := plain(m.Text, func(string) string { return "" }); text != "" {
			lines = append(lines, strings.TrimSpace(who.Name+": "+text))
		}
		return nil
	})
	if err := unless(err, "thread_not_found"); err != nil {
		return err
	}
	h.Act.Fields["thread_text"] = cut(strings.Join(lines, "\n"), threadText)
	return d.files(ctx, h, files)
}

// renderWindow makes the contents of a window.
func (d *Door) renderWindow(ctx context.Context, o ticketing.Outgoing) ([]byte, ticketing.Ref, error) {
	f := o.Facts
	if f.Form == nil || f.View == "" {
		return nil, "", refuse("bad_window", "the row names no window")
	}
	s := speech{words: d.words, lang: f.Language}
	view, err := d.window(ctx, s, f)
	if err != nil {
		return nil, "", err
	}
	view["external_id"] = f.View
	raw, err := encode(view)
	if err != nil {
		return nil, "", err
	}
	x := frozen{Method: methodWindow, User: userOf(f.User), URL: f.Reply, Args: map[string]string{"view": raw, "external_id": f.View}}
	if x.Args["again"] = f.Form.Kind; f.Form.About != "" {
		if channel, ts, ok := d.split(string(f.Form.About)); ok {
			x.Args["again"] += " " + channel + " " + ts
		}
	}
	x.Args["late"], x.Args["button"] = s.t("slack.window.late", nil), s.t("slack.window.again", nil)
	bytes, err := json.Marshal(x)
	return bytes, "", err
}

func (d *Door) window(ctx context.Context, s speech, f ticketing.Facts) (map[string]any, error) {
	form := f.Form
	raw, err := encode(meta{About: string(form.About), Thread: string(form.Thread), Ticket: form.Ticket, Readable: form.Readable})
	if err != nil {
		return nil, err
	}
	v := map[string]any{"kind": form.Kind, "meta": raw, "row": ""}
	if form.Row != nil {
		v["row"] = s.row(*form.Row, d.link(ctx, form.Row.Root), f.Zone)
	}
	switch form.Kind {
	case ticketing.FormSaid:
		v["said"] = strings.TrimSpace(s.t("slack.window.said."+form.Code, nil) + "\n" + v["row"].(string))
		return s.words.Card(s.lang, "window_said", v)
	case ticketing.FormActions:
		v["title"] = cut(s.t("slack.window.ticket", map[string]any{"number": form.Ticket}), 24)
		return s.words.Card(s.lang, "window_actions", v)
	}
	v["subject"], v["address"], v["text"] = clean(form.Subject), clean(form.Address), cut(clean(form.Text), 3000)
	key := "slack.window.note_new"
	if form.Kind == ticketing.FormFrom {
		key = map[bool]string{true: "slack.window.note_copied", false: "slack.window.note_text"}[form.Readable]
	}
	v["note"] = s.t(key, nil)
	view, err := s.words.Card(s.lang, "window_ticket", v)
	if err != nil {
		return nil, err
	}
	fillWindow(view, form)
	return view, nil
}

// fillWindow puts the queues into their menu and takes out beginnings that are empty, for which Slack has no word.
func fillWindow(view map[string]any, form *ticketing.Form) {
	blocks, _ := view["blocks"].([]any)
	for _, b := range blocks {
		block, _ := b.(map[string]any)
		element, _ := block["element"].(map[string]any)
		if element["initial_value"] == "" {
			delete(element, "initial_value")
		}
		if block["block_id"] != "queue" {
			continue
		}
		var options []any
		for _, q := range form.Queues[:min(len(form.Queues), 100)] {
			o := map[string]any{"text": map[string]any{"type": "plain_text", "text": cut(clean(q), 75), "emoji": true}, "value": cut(q, 150)}
			if options = append(options, o); q == form.Queue {
				element["initial_option"] = o
			}
		}
		element["options"] = options
	}
}

// showWindow fills a window that stands open. One that is not there, because its trigger had run out, is told at the place where it was
// asked for, with a button to ask again; nothing was done yet, so nothing is lost.
func (d *Door) showWindow(ctx context.Context, o ticketing.Outgoing, x frozen) error {
	err := d.api.UpdateView(ctx, x.Args["external_id"], x.Args["view"])
	if code(err) != "not_found" {
		return err
	}
	if d.now().Sub(o.CreatedAt) < openGrace {
		return &ticketing.SendError{Verdict: ticketing.SendTemporary, Free: true, After: conflictWait, Code: "not_found", Answer: "the window is not open yet"}
	}
	if kind, _, _ := strings.Cut(x.Args["again"], " "); kind == ticketing.FormSaid || !d.answerable(x.URL) {
		return nil
	}
	blocks, err := encode([]any{section(x.Args["late"]), map[string]any{"type": "actions", "elements": []any{map[string]any{
		"type": "button", "action_id": againAction, "value": x.Args["again"], "text": map[string]any{"type": "plain_text", "text": x.Args["button"], "emoji": true}}}}})
	if err != nil {
		return err
	}
	if err := d.api.Respond(ctx, x.URL, map[string]string{"text": x.Args["late"], "blocks": blocks}); err != nil {
		d.log.Warn("nobody could be told that a window came too late", "door", d.Name(), "outgoing", o.ID, "code", code(err))
	}
	return nil
}
