package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/sportello/sportello/ingest/mail"
	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// Patience is how long a step may take before it counts as not happened. It is a limit against hanging, not a measure.
const Patience = 30 * time.Second

// lookEvery is how often a condition on the database is looked at; the mail server and Slack report changes by themselves, it does not.
const lookEvery = 20 * time.Millisecond

// missed is a step that did not happen.
type missed struct{ want, seen string }

func (m *missed) Error() string { return m.want + " · " + m.seen }

// await returns nil as soon as done holds, and a *missed with what is there instead when patience ends.
func (s *story) await(ctx context.Context, want string, done func(ctx context.Context) (bool, error), seen func(ctx context.Context) string) error {
	limited, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		ok, err := done(limited)
		switch {
		case ok:
			return nil
		case err != nil && !errors.Is(err, ticketing.ErrNotFound) && limited.Err() == nil:
			return err
		}
		select {
		case <-tick.C:
		case <-limited.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &missed{want: want, seen: seen(ctx)}
		}
	}
}

// letter is a mail as its reader sees it.
type letter struct {
	id, inReplyTo   string // with angle brackets
	references      []string
	from, fromName  string
	to              string
	replyTo         string
	subject         string
	text            string // all of it
	visible, elided string
	files           []string
	at              time.Time
	auto            string // Auto-Submitted
	head            string // raw header
	sent            bool   // from the Sent folder
}

// reader reads mails for the page and for the checks; it holds no keys and so proves nothing.
var reader = mail.Reader{Limits: mail.DefaultLimits()}

func readLetter(st mailtest.Stored) letter {
	l := letter{at: st.At, sent: st.Mailbox == "Sent"}
	head, _, _ := bytes.Cut(st.Raw, []byte("\r\n\r\n"))
	l.head = string(head) + "\r\n"
	if m, err := netmail.ReadMessage(bytes.NewReader(st.Raw)); err == nil {
		l.id, l.inReplyTo = m.Header.Get("Message-Id"), m.Header.Get("In-Reply-To")
		l.references, l.auto = strings.Fields(m.Header.Get("References")), m.Header.Get("Auto-Submitted")
		if a, err := netmail.ParseAddress(m.Header.Get("Reply-To")); err == nil {
			l.replyTo = a.Address
		}
	}
	m := reader.Read(st.Raw)
	l.subject, l.text, l.visible, l.elided = m.Subject, m.Text, m.Visible, m.Elided
	if m.From != nil {
		l.from, l.fromName = m.From.Address, m.From.Name
	}
	if l.fromName == "" {
		l.fromName = l.from
	}
	if len(m.To) > 0 {
		l.to = m.To[0].Address
	}
	if l.replyTo == "" {
		l.replyTo = l.from
	}
	for _, f := range m.Attachments {
		l.files = append(l.files, f.FileName)
	}
	return l
}

// next waits for the customer's next letter.
func (s *story) next(ctx context.Context, p person, want ticketing.OutgoingKind) (letter, error) {
	n := s.read[p.address]
	err := s.await(ctx, s.t("want.letter", map[string]any{"name": p.name, "kind": string(want)}),
		func(ctx context.Context) (bool, error) {
			return s.Mail.Count(p.address) > n, s.refused(ctx, p, n, string(want))
		},
		func(ctx context.Context) string { return s.seenLetters(ctx, p, n) })
	if err != nil {
		return letter{}, err
	}
	s.read[p.address] = n + 1
	l := readLetter(s.Mail.Inbox(p.address)[n])
	var row ticketing.Outgoing
	err = s.view(ctx, func(tx ticketing.Tx) (err error) {
		row, err = tx.OutgoingByRef(ctx, ticketing.Ref("mail:"+l.id))
		return err
	})
	if err != nil {
		return l, fmt.Errorf("%s %s: %w", s.t("want.row", nil), l.id, err)
	}
	if row.Kind != want {
		return l, &missed{want: s.t("want.letter", map[string]any{"name": p.name, "kind": string(want)}), seen: s.t("seen.kind", map[string]any{"kind": string(row.Kind), "subject": l.subject})}
	}
	return l, nil
}

// refused is a *missed when a letter of that kind to the customer has been given up: nobody needs to wait for it any more.
func (s *story) refused(ctx context.Context, p person, n int, kind string) error {
	gone := false
	err := s.view(ctx, func(tx ticketing.Tx) error {
		rows, err := tx.ListOutgoing(ctx, ticketing.OutgoingFilter{State: ticketing.OutgoingFailed, Kind: ticketing.OutgoingKind(kind)})
		for _, o := range rows {
			gone = gone || o.Recipient == "mail:"+p.address
		}
		return err
	})
	if err != nil || !gone {
		return err
	}
	return &missed{want: s.t("want.letter", map[string]any{"name": p.name, "kind": kind}), seen: s.seenLetters(ctx, p, n)}
}

// seenLetters tells why a letter may be missing: what the mailbox holds and what the outbox says.
func (s *story) seenLetters(ctx context.Context, p person, n int) string {
	seen := s.t("seen.letters", map[string]any{"n": s.Mail.Count(p.address) - n, "name": p.name})
	_ = s.view(ctx, func(tx ticketing.Tx) error {
		rows, err := tx.ListOutgoing(ctx, ticketing.OutgoingFilter{Limit: 20})
		for _, o := range rows {
			if o.Recipient == "mail:"+p.address && o.State != ticketing.OutgoingSent {
				seen += "; " + s.t("seen.row", map[string]any{"kind": string(o.Kind), "state": string(o.State), "answer": strings.TrimSpace(o.Reason + " " + o.Answer), "tries": o.Attempts})
			}
		}
		return err
	})
	return seen
}

func (s *story) view(ctx context.Context, fn func(ticketing.Tx) error) error {
	return s.Store.View(ctx, fn)
}

// inbound waits until the helpdesk has dealt with the mail of this Message-ID (without brackets) and returns its ledger row.
func (s *story) inbound(ctx context.Context, id string) (ticketing.Inbound, error) {
	identity := ""
	for _, st := range s.Mail.Inbox(Address) {
		if m, err := netmail.ReadMessage(bytes.NewReader(st.Raw)); err == nil && m.Header.Get("Message-Id") == "<"+id+">" {
			identity = fmt.Sprintf("mail:%s/INBOX/%d/%d", Queue, st.UIDValidity, st.UID)
		}
	}
	if identity == "" {
		return ticketing.Inbound{}, &missed{want: s.t("want.arrived", map[string]any{"id": id}), seen: s.t("seen.nothing", nil)}
	}
	var in ticketing.Inbound
	err := s.await(ctx, s.t("want.decided", nil), func(ctx context.Context) (bool, error) {
		err := s.view(ctx, func(tx ticketing.Tx) (err error) {
			in, err = tx.InboundByIdentity(ctx, identity)
			return err
		})
		return err == nil && in.State == ticketing.InboundDone, err
	}, func(context.Context) string {
		return s.t("seen.inbound", map[string]any{"state": string(in.State), "reason": in.Reason, "tries": in.Attempts})
	})
	return in, err
}

// ticket waits until the ticket is as ok wants it.
func (s *story) ticket(ctx context.Context, number int64, want string, ok func(ticketing.Ticket) bool) (k ticketing.Ticket, err error) {
	err = s.await(ctx, want, func(ctx context.Context) (bool, error) {
		err := s.view(ctx, func(tx ticketing.Tx) (err error) {
			k, err = tx.Ticket(ctx, number)
			return err
		})
		return err == nil && ok(k), err
	}, func(context.Context) string {
		return s.t("seen.ticket", map[string]any{"number": number, "state": string(k.State), "assignee": k.Assignee})
	})
	return k, err
}

// kindOf is what a post of ours says it is, and of which ticket.
func kindOf(m slacktest.Message) (kind, ticket string) {
	if m.Metadata == nil {
		return "", ""
	}
	kind, _ = m.Metadata.EventPayload["kind"].(string)
	ticket, _ = m.Metadata.EventPayload["ticket_id"].(string)
	return kind, ticket
}

// root waits for the first post of a ticket or held request: the card under which its thread stands.
func (s *story) root(ctx context.Context, number int64, kind ticketing.OutgoingKind) (m slacktest.Message, err error) {
	err = s.await(ctx, s.t("want.card", map[string]any{"number": number, "kind": string(kind)}), func(context.Context) (bool, error) {
		for _, p := range s.Slack.Messages(s.Channel) {
			if k, n := kindOf(p); k == string(kind) && n == fmt.Sprint(number) {
				m = p
				return true, nil
			}
		}
		return false, nil
	}, func(ctx context.Context) string {
		return s.t("seen.posts", map[string]any{"n": len(s.Slack.Messages(s.Channel)), "misuse": s.chatRows(ctx)})
	})
	return m, err
}

// under waits for a post of ours of that kind in the thread below root, after the one with the ts given.
func (s *story) under(ctx context.Context, root, after string, kind ticketing.OutgoingKind, part string) (m slacktest.Message, err error) {
	err = s.await(ctx, s.t("want.post", map[string]any{"kind": string(kind), "part": part}), func(context.Context) (bool, error) {
		for _, p := range s.Slack.Thread(s.Channel, root) {
			if k, _ := kindOf(p); k == string(kind) && p.TS > after && p.TS != root && strings.Contains(seenText(p), part) {
				m = p
				return true, nil
			}
		}
		return false, nil
	}, func(ctx context.Context) string {
		return s.t("seen.posts", map[string]any{"n": len(s.Slack.Thread(s.Channel, root)), "misuse": s.chatRows(ctx)})
	})
	return m, err
}

// chatRows tells which posts have not left.
func (s *story) chatRows(ctx context.Context) (out string) {
	_ = s.view(ctx, func(tx ticketing.Tx) error {
		rows, err := tx.ListOutgoing(ctx, ticketing.OutgoingFilter{Limit: 50})
		for _, o := range rows {
			if strings.HasPrefix(o.Door, "slack:") && o.State != ticketing.OutgoingSent {
				out += "; " + s.t("seen.row", map[string]any{"kind": string(o.Kind), "state": string(o.State), "answer": strings.TrimSpace(o.Reason + " " + o.Answer), "tries": o.Attempts})
			}
		}
		return err
	})
	return out
}

// seenText is everything a person reads in a message: its text and the words of its blocks.
func seenText(m slacktest.Message) string {
	var b strings.Builder
	b.WriteString(m.Text)
	var blocks any
	if json.Unmarshal(m.Blocks, &blocks) == nil {
		gather(&b, blocks)
	}
	return b.String()
}

func gather(b *strings.Builder, v any) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			gather(b, e)
		}
	case map[string]any:
		if s, ok := x["text"].(string); ok {
			b.WriteString("\n" + s)
		}
		for k, e := range x {
			if _, is := e.(string); !is || k != "text" {
				gather(b, e)
			}
		}
	}
}

// letterRows are the outbox rows of a thread that go to customers, as far as the database knows now.
func (s *story) letterRows(ctx context.Context, thread string) (rows []ticketing.Outgoing, err error) {
	err = s.view(ctx, func(tx ticketing.Tx) error {
		all, err := tx.ListOutgoing(ctx, ticketing.OutgoingFilter{Thread: thread, Limit: 1000})
		for _, o := range all {
			if strings.HasPrefix(o.Door, "mail:") {
				rows = append(rows, o)
			}
		}
		return err
	})
	return rows, err
}

// message is the stored message a ledger row became.
func (s *story) message(ctx context.Context, id string) (m ticketing.Message, err error) {
	err = s.view(ctx, func(tx ticketing.Tx) (err error) {
		m, err = tx.Message(ctx, id)
		return err
	})
	return m, err
}

// events are the codes of a thread's audit trail, oldest first.
func (s *story) events(ctx context.Context, thread string) (events []ticketing.Event, err error) {
	err = s.view(ctx, func(tx ticketing.Tx) (err error) {
		events, err = tx.Events(ctx, thread, 1000)
		return err
	})
	return events, err
}

// leaked looks for words in everything that ever left by mail, decoded.
func (s *story) leaked(words string) (subject string, yes bool) {
	for _, t := range s.Mail.Sent() {
		if t.User != Address {
			continue
		}
		m := reader.Read(t.Data)
		if strings.Contains(m.Text, words) || strings.Contains(m.HTML, words) || strings.Contains(m.Subject, words) {
			return m.Subject, true
		}
	}
	return "", false
}
