package mail

import (
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// OwnAddresses are the addresses that are ours in one mailbox.
type OwnAddresses struct {
	Public []ticketing.Address // public addresses and aliases of the queues
	Login  ticketing.Address   // of the mailbox
	Bounce []ticketing.Address // what bounce tokens are attached to
}

// match finds the address of ours that a is, with its token after the plus
// sign. Letter case of the local part does not matter at our own addresses.
func (o OwnAddresses) match(a ticketing.Address) (base ticketing.Address, token string, ok bool) {
	if a.IsZero() {
		return base, "", false
	}
	for _, own := range o.list() {
		if own.Domain != a.Domain || len(a.Local) < len(own.Local) || !strings.EqualFold(a.Local[:len(own.Local)], own.Local) {
			continue
		}
		rest := a.Local[len(own.Local):]
		if rest == "" {
			return own, "", true
		}
		if rest[0] == '+' {
			return own, rest[1:], true
		}
	}
	return base, "", false
}

func (o OwnAddresses) list() []ticketing.Address {
	l := make([]ticketing.Address, 0, len(o.Public)+len(o.Bounce)+1)
	l = append(append(l, o.Public...), o.Bounce...)
	if !o.Login.IsZero() {
		l = append(l, o.Login)
	}
	return l
}

// isPublic reports whether a is, token aside, one of the public addresses.
func (o OwnAddresses) isPublic(a ticketing.Address) bool {
	base, _, ok := o.match(a)
	if !ok {
		return false
	}
	for _, p := range o.Public {
		if p.Domain == base.Domain && strings.EqualFold(p.Local, base.Local) {
			return true
		}
	}
	return false
}

// Recipient is an address of a recipient header of mail.md 2.2.
type Recipient struct {
	Header string // name of the field in lower case
	Person
}

// recipientHeaders are those of mail.md 2.2 in the order in which they choose
// the queue; the last two never do.
var recipientHeaders = []string{
	"x-gm-original-to", "x-original-to", "delivered-to", "envelope-to", "resent-to", "resent-cc", "to", "cc", "bcc", "resent-bcc",
}

func (m *Mail) readRecipients(h *header, limit int) {
	for _, name := range recipientHeaders {
		for _, v := range h.all(name) {
			for _, p := range parseAddresses(v).people {
				if len(m.AllRecipients) >= limit {
					m.flag("recipients_cut")
					return
				}
				m.AllRecipients = append(m.AllRecipients, Recipient{name, p})
			}
		}
	}
}

// readRefs collects In-Reply-To, then References from the right (mail.md
// section 11), without repeats. Of more than limit References the first and the
// last limit-1 are kept.
func (m *Mail) readRefs(h *header, limit int) {
	seen := map[string]bool{}
	add := func(id string) {
		if !seen[id] && len(m.Refs) < limit {
			seen[id] = true
			m.Refs = append(m.Refs, id)
		}
	}
	var replyTo, references []string
	for _, v := range h.all("in-reply-to") {
		replyTo = append(replyTo, messageIDs(v)...)
	}
	for _, v := range h.all("references") {
		references = append(references, messageIDs(v)...)
	}
	if len(references) > limit {
		m.flag("references_cut")
		kept := append([]string{references[0]}, references[len(references)-limit+1:]...)
		references = kept
	}
	for _, id := range replyTo {
		add(id)
	}
	for i := len(references) - 1; i >= 0; i-- {
		add(references[i])
	}
}

// readClaims finds what the mail says it belongs to, in the order of M41, and
// counts keys that fail (M45).
func (m *Mail) readClaims(r *Reader) {
	threads := map[string]bool{}
	failing := map[string]bool{}
	for _, p := range m.AllRecipients {
		base, token, ok := r.Own.match(p.Parsed)
		if !ok || token == "" {
			continue
		}
		if r.Keys == nil {
			continue
		}
		if thread, v := r.Keys.CheckAddress(base, token); v == Valid {
			key := threadKey(thread)
			if !threads[key] {
				threads[key] = true
				m.Claims = append(m.Claims, ticketing.Claim{Rule: ticketing.ClaimToken, Key: key, Valid: true})
			}
			continue
		} else if v == Failing {
			failing[token] = true
			continue
		}
		if id, v := r.Keys.CheckBounce(base, token); v == Valid {
			m.BounceToken = id.String()
		} else if v == Failing {
			failing[token] = true
		}
	}
	m.TokenThreads, m.FailedKeys = len(threads), len(failing)
	for _, id := range m.Refs {
		if r.Keys == nil {
			break
		}
		row, v := r.Keys.CheckMessageID(id)
		if v == Valid {
			m.Claims = append(m.Claims, ticketing.Claim{Rule: ticketing.ClaimOwnID, Ref: refOf(id), Outgoing: row.String(), Valid: true})
		} else if v == Failing {
			m.flag("failed_token")
			m.rule("M41", ruleOwnIDFailed)
		}
	}
	for _, id := range m.Refs {
		m.Claims = append(m.Claims, ticketing.Claim{Rule: ticketing.ClaimKnownID, Ref: refOf(id)})
	}
	if m.FailedKeys > 0 {
		m.flag("failed_token")
	}
	if m.TokenThreads > 1 || m.FailedKeys > r.limits().FailingTokens {
		m.refuse(ticketing.CauseManyTokens, "M45")
	}
}

// refOf names a mail everywhere in sportello.
func refOf(id string) ticketing.Ref {
	return ticketing.Ref("mail:" + id)
}
