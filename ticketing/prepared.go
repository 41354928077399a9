package ticketing

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// maxCannedShown is how many names of prepared answers a hint lists.
const maxCannedShown = 40

// showMade shows an agent a prepared answer as it would leave, with the agent's words behind it. Nothing leaves until it is sent by a
// press (slack.md 7.12).
func (d *Desk) showMade(ctx context.Context, c *Case, cmd *Command) error {
	text, ok := c.Queue.canned(cmd.Target, c.Thread.Language)
	if !ok {
		names := c.Queue.cannedNames()
		code := "macro_unknown"
		switch {
		case len(names) == 0:
			code = "macro_none"
		case cmd.Target == "":
			code = "macro_what"
		}
		return d.hint(ctx, c, code, map[string]string{"name": cmd.Target, "names": strings.Join(names[:min(len(names), maxCannedShown)], ", ")})
	}
	who, err := c.Tx.Contact(ctx, c.Thread.Contact)
	if err != nil {
		return err
	}
	values := map[string]string{"name": "", "number": num(c.Thread.Number), "agent": c.Heard.Act.Actor.Name}
	if who.Proven {
		values["name"] = who.Name // as in letters: an unproven address may not choose what it is called
	}
	text = strings.TrimSpace(filled(text, values))
	if cmd.Text != "" {
		text += "\n\n" + cmd.Text
	}
	return d.whisper(ctx, c, Facts{Code: "macro", Args: map[string]string{"name": cmd.Target, "row": c.In.ID, "thread": c.Thread.ID}, Body: text})
}

// canned finds a prepared answer by its name, in the customer's language first.
func (q *Queue) canned(name, language string) (string, bool) {
	if language != "it" && language != "en" {
		language = q.Language
	}
	name = strings.ToLower(name)
	for _, n := range []string{name + "." + language, name, name + "." + q.Language} {
		if text, ok := q.Canned[n]; ok && name != "" {
			return text, true
		}
	}
	return "", false
}

// cannedNames are the names of the prepared answers without their languages, sorted.
func (q *Queue) cannedNames() []string {
	names := map[string]bool{}
	for n := range q.Canned {
		n = strings.TrimSuffix(strings.TrimSuffix(n, ".it"), ".en")
		names[n] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// sendMade sends the prepared answer that was shown to the agent who presses, exactly as it was shown, once. The thread shows what left.
func (d *Desk) sendMade(ctx context.Context, c *Case, cmd *Command) error {
	if c.Ticket == nil {
		return d.hint(ctx, c, "no_ticket", nil)
	}
	rows, err := c.Tx.OutgoingOf(ctx, "inbound:"+cmd.Target)
	if err != nil {
		return err
	}
	for _, o := range rows {
		if o.Kind != Hint || o.Facts.Code != "macro" || o.Facts.User != cmd.Agent || o.Thread != c.Thread.ID || o.Reason == usedReason {
			continue
		}
		if o.State == OutgoingSending {
			return ErrFenced // it is on the screen and its courier has not said so yet: in a moment
		}
		o.Reason = usedReason
		if err := c.Tx.ReviseOutgoing(ctx, &o); err != nil {
			return err
		}
		cmd.Text, cmd.Message = o.Facts.Body, ""
		due, err := d.answerDue(ctx, c, cmd)
		if err != nil || !due {
			return err
		}
		return d.post(ctx, c.Tx, c.Queue, c.Thread, PostLine, "inbound:"+c.In.ID+"/made", Facts{Code: "macro_sent",
			Args: map[string]string{"agent": cmd.Agent, "name": o.Facts.Args["name"]}, Body: cmd.Text})
	}
	return d.hint(ctx, c, "gone", nil)
}

// usedReason marks the preview of a prepared answer that was sent.
const usedReason = "used"

// askKept asks the author of a message that was kept back what is to become of it, with buttons that name the message.
func (d *Desk) askKept(ctx context.Context, c *Case, cmd *Command) error {
	args := maps.Clone(cmd.Args)
	if args == nil {
		args = map[string]string{}
	}
	if c.In.Message != "" && c.Thread != nil {
		args["message"], args["thread"] = c.In.Message, c.Thread.ID
	}
	return d.hint(ctx, c, cmd.Hint, args)
}

// unkept makes a note of the thread an answer after all. The sign that it was not sent is taken off.
func (d *Desk) unkept(ctx context.Context, c *Case, cmd *Command) (*Message, error) {
	m := c.Kept
	m.Public, m.Text, m.Visible = true, cmd.Text, cmd.Text
	c.In.Message = m.ID
	if err := c.Tx.UpdateMessage(ctx, m); err != nil {
		return nil, err
	}
	f := Facts{Target: m.Ref, Emoji: "lock", Code: ReactOff}
	return m, d.post(ctx, c.Tx, c.Queue, c.Thread, React, "react:"+string(m.Ref)+"/lock", f)
}

// ReactOff as the code of a reaction's row takes the reaction off.
const ReactOff = "off"
