package mail

import (
	"encoding/hex"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ticketing"
)

// HeardAt says where a mail came in.
type HeardAt struct {
	Door  string // name of the door
	Group string // mailbox group inside which logical keys are unique (M46)
	Queue string // queue that owns the mailbox
	// QueueOf names the queue that a public address of ours, without its token,
	// belongs to. It may be nil.
	QueueOf func(ticketing.Address) (queue string, ok bool)
}

// maxCopied bounds the people in copy that are handed over.
const maxCopied = 200

// Heard turns what was read into the facts the desk works with. Attachments are
// decoded here.
func (r *Reader) Heard(m *Mail, at HeardAt) ticketing.Heard {
	h := ticketing.Heard{
		Door: at.Door, Group: at.Group, Queue: r.queue(m, at),
		Ref: refOf(m.id()), LogicalKey: hex.EncodeToString(m.LogicalKey[:]),
		Kind: m.Kind, Refused: m.Quarantine, Detail: m.QuarantineReason,
		From: party(m.From), Identity: m.Identity, Auth: m.Auth,
		Own: m.Own, FromSelf: m.FromSelf && !m.Own, Public: m.Public,
		Subject: m.Subject, Text: m.Text, Visible: m.Visible, Elided: m.Elided, HTML: m.HTML,
		Language: m.Language, HeaderLanguage: m.ContentLanguage,
		Claims: m.Claims, FailedKeys: m.FailedKeys, TokenThreads: m.TokenThreads,
		Auto: m.Auto, Answers: m.Answers, Certified: m.PEC != nil && m.PEC.Certified,
		Report: r.report(m), Flags: m.Flags, Rules: m.Rules,
	}
	if m.Date != nil {
		h.At = m.Date.UTC()
	}
	if m.ReplyTo != nil && m.ReplyToUsable {
		h.ReplyTo = m.ReplyTo.Parsed.String()
	}
	for _, id := range m.Refs {
		h.Refs = append(h.Refs, refOf(id))
	}
	h.Copied = r.copied(m)
	if r.Agents[strings.ToLower(h.From.Address)] { // only an agent's forward is anybody else's mail (F10)
		h.Forwarded = m.Forward.heard()
	}
	for i := range m.Attachments {
		f := &m.Attachments[i]
		h.Files = append(h.Files, ticketing.HeardFile{Name: f.FileName, Type: f.ContentType, ContentID: f.ContentID, Inline: f.Inline, Data: f.Bytes()})
	}
	return h
}

// id is the Message-ID, or one made from the content so that a missing one
// never equals another missing one (mail.md 6.2).
func (m *Mail) id() string {
	if m.MessageID != "" {
		return m.MessageID
	}
	return "<" + hex.EncodeToString(m.LogicalKey[:16]) + "@missing.invalid>"
}

func party(p *Person) ticketing.Party {
	if p == nil {
		return ticketing.Party{}
	}
	if p.Parsed.IsZero() {
		return ticketing.Party{Name: p.Name}
	}
	return ticketing.Party{Key: "mail:" + p.Parsed.Key(), Address: p.Parsed.String(), Name: p.Name}
}

// queue follows the order of mail.md 2.2; recipients stand in it already.
func (r *Reader) queue(m *Mail, at HeardAt) string {
	if at.QueueOf == nil {
		return at.Queue
	}
	for _, p := range m.AllRecipients {
		if p.Header == "bcc" || p.Header == "resent-bcc" {
			continue
		}
		if base, _, ok := r.Own.match(p.Parsed); ok {
			if q, ok := at.QueueOf(base); ok {
				return q
			}
		}
	}
	return at.Queue
}

// copied lists the people in To and Cc who are neither ours nor no-reply
// addresses nor the sender (mail.md 2.2).
func (r *Reader) copied(m *Mail) []ticketing.Party {
	var out []ticketing.Party
	seen := map[string]bool{}
	if m.From != nil {
		seen[m.From.Parsed.Key()] = true
	}
	for _, list := range [][]Person{m.To, m.Cc} {
		for i := range list {
			p := &list[i]
			if p.Parsed.IsZero() || seen[p.Parsed.Key()] || noReplyLocal(p.Parsed.Local) || len(out) >= maxCopied {
				continue
			}
			if _, _, own := r.Own.match(p.Parsed); own {
				continue
			}
			seen[p.Parsed.Key()] = true
			out = append(out, party(p))
		}
	}
	return out
}

// report says which letter a bounce or a receipt is about: by ENVID, then the
// bounce token, then our returned Message-ID (mail.md 3.2), or by the id of a
// certified receipt (PEC6).
func (r *Reader) report(m *Mail) *ticketing.Report {
	switch {
	case m.Bounce != nil:
		out := &ticketing.Report{Recipient: m.FailedRecipient, Text: m.Bounce.Text, Failed: true}
		if id, err := ulid.ParseStrict(m.Bounce.EnvelopeID); err == nil {
			out.Outgoing = id.String()
		} else if m.Bounce.Token != "" {
			out.Outgoing = m.Bounce.Token
		} else {
			out.Outgoing = m.Bounce.Row
		}
		if m.Bounce.MessageID != "" {
			out.Ref = refOf(m.Bounce.MessageID)
		}
		addFailure(out, m.Failure)
		return out
	case m.PEC != nil && m.PEC.Receipt != "":
		out := &ticketing.Report{Recipient: m.PEC.Recipient, Receipt: m.PEC.Receipt, Provider: m.PEC.Provider, Text: m.PEC.Extended}
		if m.PEC.MessageID != "" {
			out.Ref = refOf(m.PEC.MessageID)
			if row, v := r.Keys.CheckMessageID(m.PEC.MessageID); v == Valid {
				out.Outgoing = row.String()
			}
		} else {
			out.Outgoing = m.BounceToken
		}
		out.Failed = m.Failure != nil
		addFailure(out, m.Failure)
		return out
	}
	return nil
}

func addFailure(r *ticketing.Report, f *Failure) {
	if f != nil {
		r.Permanent, r.Status, r.Reason = f.Permanent, f.Status, f.Reason
	}
}
