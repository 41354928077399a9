package ticketing

import (
	"cmp"
	"context"
	"time"
)

// Forwarded is the mail inside a forward as the door understood it (mail.md section 7).
type Forwarded struct {
	From     Party  // its writer; zero when Abstains is set
	Name     string // the writer's name where that is all there is (F4)
	Subject  string
	At       time.Time // zero if unknown
	Ref      Ref       // its Message-ID, empty if unknown
	Comment  string    // the forwarder's words
	Text     string
	Visible  string
	Elided   string
	HTML     string
	Language string
	Attached bool        // it came as a whole, with files of its own
	Files    []HeardFile // of an attached mail
	Abstains string      // why its writer is not taken for the customer: name_only, bad_sender, own, several, machine, unclear
}

// Behalf says that an agent sent a message on in a customer's name, or tried to.
type Behalf struct {
	Agent    Party
	Comment  string
	Name     string // as in Forwarded
	Abstains string // as in Forwarded, "agent" or "unproven"; empty: the sender is the customer
}

// OnBehalf returns the message that an authenticated agent's forward stands for: the customer's, or the agent's own with the reason why no
// customer was chosen (F1–F8). Anybody else's forward stays that person's mail (F10).
// What was taken so already is returned as it is.
func (d *Desk) OnBehalf(h *Heard) *Heard {
	f := h.Forwarded
	if f == nil || h.Behalf != nil || h.Act != nil || h.Auth == AuthFail || h.Kind != KindNormal && h.Kind != KindList || !d.isAgent(h.From.Address) {
		return h
	}
	out := *h
	b := &Behalf{Agent: h.From, Comment: f.Comment, Name: f.Name, Abstains: f.Abstains}
	out.Behalf = b
	switch {
	case h.Auth != AuthPass:
		b.Abstains = "unproven" // anybody can write an agent's address into From
	case b.Abstains != "":
	case f.From.Key == "":
		b.Abstains = "bad_sender"
	case d.isAgent(f.From.Address):
		b.Abstains = "agent"
	case d.OwnAddress != nil && d.OwnAddress(f.From.Address):
		b.Abstains = "own"
	}
	if b.Abstains != "" {
		out.Rules = append(out.Rules[:len(out.Rules):len(out.Rules)], Rule{Number: "F6", Code: "behalf_abstains", Args: map[string]string{"agent": h.From.Address, "why": b.Abstains}})
		return &out
	}
	// Nobody has proven that the customer wrote this, and what goes to an agent's copy is not the customer's wish.
	out.From, out.ReplyTo, out.Auth, out.Copied = f.From, "", AuthNone, nil
	// From here on it stands for the customer's own mail, whose answers name that one (F9). The agent's ids and language must not reach
	// the customer.
	out.Ref, out.Refs, out.HeaderLanguage = f.Ref, nil, ""
	out.Kind = KindNormal
	if f.Subject != "" {
		out.Subject = f.Subject
	}
	out.Text, out.Visible, out.Elided, out.HTML, out.Language = f.Text, f.Visible, f.Elided, f.HTML, f.Language
	if f.Attached {
		out.Files = f.Files
	}
	if !f.At.IsZero() {
		out.At = f.At
	}
	if f.Ref != "" {
		out.Claims = append(out.Claims[:len(out.Claims):len(out.Claims)], Claim{Rule: ClaimKnownID, Ref: f.Ref})
	}
	if !d.queue(h.Queue).ForwardAck {
		out.Auto = AutoAnswer{Reason: "F8 forwarded by an agent"}
	}
	out.Rules = append(out.Rules[:len(out.Rules):len(out.Rules)], Rule{Number: "F1", Code: "behalf", Args: map[string]string{"agent": h.From.Address, "from": f.From.Address}})
	return &out
}

// maxForwardLine is how many characters of an agent's words are shown in the ticket's thread; the note keeps them all.
const maxForwardLine = 1500

// keepBehalf stores the agent's words as an internal note (F7) and tells in the ticket's thread who sent it on, or that somebody has to say who the customer is (F6).
func (d *Desk) keepBehalf(ctx context.Context, c *Case) error {
	b := c.Heard.Behalf
	if b == nil || c.Thread == nil {
		return nil
	}
	code := "forwarded"
	args := map[string]string{"agent": cmp.Or(b.Agent.Name, b.Agent.Address), "name": b.Name}
	if b.Abstains != "" {
		code = "forward_" + b.Abstains
	} else if b.Comment != "" {
		m := &Message{ID: d.newID(c.Now), Thread: c.Thread.ID, Author: AuthorAgent, Agent: b.Agent.Key, Name: b.Agent.Name, Text: b.Comment, Visible: b.Comment,
			Inbound: c.In.ID, At: c.Now, StoredAt: c.Now}
		if c.Ticket != nil {
			m.Ticket = c.Ticket.Number
		}
		if err := c.Tx.InsertMessage(ctx, m); err != nil {
			return err
		}
		code, args["text"] = "forwarded_with", cutRunes(b.Comment, maxForwardLine)
	}
	if err := d.event(ctx, c.Tx, c.Thread.ID, c.Thread.Number, b.Agent.Key, code, map[string]string{"inbound": c.In.ID}); err != nil {
		return err
	}
	return d.line(ctx, c.Tx, c.Queue, c.Thread, "inbound:"+c.In.ID+"/forward", code, args)
}
