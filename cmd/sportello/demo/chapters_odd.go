package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// certifiedMail: the mail inside a PEC envelope opens a ticket at once, in the name of its writer, and no program answers it.
func (s *story) certifiedMail() []step {
	p := s.cast.studio
	var in ticketing.Inbound
	return []step{
		{"pec", func(ctx context.Context) error {
			now := time.Now()
			d := &draft{from: p, to: Address, subject: pecSubject, text: pecText}
			raw, from := certified(d, now)
			s.customer(p, s.t("say.pec", map[string]any{"subject": pecSubject, "provider": from}))
			if err := submit(s.Mail.SMTPAddr(), from, from, Address, raw); err != nil {
				return err
			}
			var err error
			in, err = s.decided(ctx, strings.Trim(headField(raw, "Message-ID"), "<>"), ticketing.OutcomeTicket, "question")
			return err
		}},
		{"card", func(ctx context.Context) error {
			m, err := s.card(ctx, in.Ticket, ticketing.PostRoot)
			if err == nil && !strings.Contains(seenText(m), p.name) {
				return &missed{want: p.name, seen: plain(seenText(m))}
			}
			return err
		}},
		{"pec_silent", func(ctx context.Context) error {
			k, err := s.ticket(ctx, in.Ticket, "PEC", func(k ticketing.Ticket) bool { return k.Certified })
			if err != nil {
				return err
			}
			rows, err := s.letterRows(ctx, in.Thread)
			if err != nil {
				return err
			}
			events, err := s.events(ctx, in.Thread)
			if err != nil {
				return err
			}
			why := ""
			for _, e := range events {
				if e.Code == "letter.none" {
					why = e.Args["reason"]
				}
			}
			if len(rows) > 0 || why == "" || in.From != p.address {
				return &missed{want: s.t("want.pec", map[string]any{"address": p.address}), seen: fmt.Sprintf("%d, %q, %s", len(rows), why, in.From)}
			}
			s.proven(s.t("proven.pec", map[string]any{"number": k.Number, "name": p.name, "rule": why}))
			return nil
		}},
	}
}

// headField is a header field of a raw mail.
func headField(raw []byte, name string) string {
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		if line == "" {
			return ""
		}
		if k, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// outOfOffice: the customer's mail program answers our acknowledgement, and nobody is bothered.
func (s *story) outOfOffice() []step {
	p, words := s.cast.giorgio, s.script.giorgio
	a := &s.giorgio
	d := &draft{from: p, to: Address, subject: words.subject, text: words.text}
	return []step{
		{"asks", func(ctx context.Context) error {
			in, err := s.writes(ctx, d, ticketing.OutcomeTicket, "question")
			a.number, a.thread = in.Ticket, in.Thread
			return err
		}},
		{"received", func(ctx context.Context) (err error) {
			a.last, err = s.gets(ctx, p, ticketing.LetterReceived, d.id)
			return err
		}},
		{"card", func(ctx context.Context) error {
			m, err := s.card(ctx, a.number, ticketing.PostRoot)
			a.root = m.TS
			return err
		}},
		{"away", func(ctx context.Context) error {
			before, err := s.rows(ctx, a.thread)
			if err != nil {
				return err
			}
			away := s.reply(p, a.last, words.away, "")
			away.subject, away.more = words.awaySubject, []string{"Auto-Submitted: auto-replied", "X-Auto-Response-Suppress: All"}
			if _, err := s.writes(ctx, away, ticketing.OutcomeAutomatic, "automatic"); err != nil {
				return err
			}
			// Letters and posts are made in the transaction of their cause: none is there now, none comes later.
			after, err := s.rows(ctx, a.thread)
			if err != nil {
				return err
			}
			if after != before {
				return &missed{want: s.t("want.quiet", nil), seen: s.t("seen.made", map[string]any{"n": after - before})}
			}
			k, err := s.ticket(ctx, a.number, "new", func(k ticketing.Ticket) bool { return k.State == ticketing.StateNew })
			if err == nil {
				s.proven(s.t("proven.quiet", map[string]any{"number": k.Number}))
			}
			return err
		}},
	}
}

// rows counts every letter and post that a thread has ever made due.
func (s *story) rows(ctx context.Context, thread string) (n int, err error) {
	err = s.view(ctx, func(tx ticketing.Tx) error {
		all, err := tx.ListOutgoing(ctx, ticketing.OutgoingFilter{Thread: thread, Limit: 1000})
		n = len(all)
		return err
	})
	return n, err
}

// bounces: an agent's answer comes back from the customer's server.
func (s *story) bounces() []step {
	p, anna := s.cast.giorgio, s.cast.anna
	a := &s.giorgio
	return []step{
		{"answer", func(ctx context.Context) error {
			if a.root == "" {
				return &missed{want: s.t("want.before", nil), seen: s.t("seen.nothing", nil)}
			}
			return s.answers(ctx, anna, a, p, s.script.anna.giorgio, "")
		}},
		{"bounce", func(ctx context.Context) error {
			sent := s.Mail.SentTo(p.address)
			t := sent[len(sent)-1]
			raw := undeliverable(a.last, t.From, param(t.Params, "ENVID"), p.address, time.Now())
			s.says(red, "mx."+p.address[strings.LastIndexByte(p.address, '@')+1:], s.t("say.bounce", map[string]any{"address": p.address}))
			if err := submit(s.Mail.SMTPAddr(), "", "", t.From, raw); err != nil {
				return err
			}
			in, err := s.decided(ctx, strings.Trim(headField(raw, "Message-ID"), "<>"), ticketing.OutcomeBounce, "report")
			if err != nil {
				return err
			}
			var row ticketing.Outgoing
			err = s.view(ctx, func(tx ticketing.Tx) (err error) {
				row, err = tx.Outgoing(ctx, in.Outgoing)
				return err
			})
			if err == nil && (row.Ref != ticketing.Ref("mail:"+a.last.id) || !row.Bounced) {
				return &missed{want: a.last.id, seen: string(row.Ref)}
			}
			return err
		}},
		{"bounce_notice", func(ctx context.Context) error {
			m, err := s.under(ctx, a.root, "", ticketing.PostBounce, p.address)
			if err != nil {
				return err
			}
			s.agent(anna, s.t("say.thread", map[string]any{"number": a.number, "text": short(plain(seenText(m)), 200)}))
			return s.trail(ctx, a.thread, a.number)
		}},
	}
}

// param is a parameter of MAIL.
func param(params, name string) string {
	for f := range strings.FieldsSeq(params) {
		if k, v, ok := strings.Cut(f, "="); ok && strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// phoneReply: a reply from Apple Mail, as HTML and text with the whole letter quoted, reads as the few words that are new.
func (s *story) phoneReply() []step {
	p, paolo := s.cast.emily, s.cast.paolo
	a := &s.emily
	return []step{
		{"apple", func(ctx context.Context) error {
			if a.root == "" || a.last.id == "" {
				return &missed{want: s.t("want.before", nil), seen: s.t("seen.nothing", nil)}
			}
			d := s.reply(p, a.last, emilyReply, "apple")
			in, err := s.writes(ctx, d, ticketing.OutcomeReply, "joined")
			if err != nil {
				return err
			}
			m, err := s.message(ctx, in.Message)
			if err != nil {
				return err
			}
			if strings.TrimSpace(m.Visible) != emilyReply || !strings.Contains(m.Elided, "refunded") {
				return &missed{want: emilyReply, seen: m.Visible}
			}
			post, err := s.under(ctx, a.root, "", ticketing.PostMail, emilyReply)
			if err != nil {
				return err
			}
			if strings.Contains(seenText(post), "wrote:") || strings.Contains(seenText(post), "refunded") {
				return &missed{want: emilyReply, seen: plain(seenText(post))}
			}
			s.agent(paolo, s.t("say.thread", map[string]any{"number": a.number, "text": short(plain(post.Text), 150)}))
			s.proven(s.t("proven.apple", map[string]any{"new": len(strings.Fields(m.Visible)), "all": len(strings.Fields(m.Text))}))
			return nil
		}},
	}
}

// strangerForges: somebody who knows the Message-ID of a letter to Emily writes as if it were his.
func (s *story) strangerForges() []step {
	p, words, paolo := s.cast.mallory, s.script.mallory, s.cast.paolo
	a := &s.emily
	var in ticketing.Inbound
	var card string
	return []step{
		{"forges", func(ctx context.Context) error {
			if a.root == "" || a.last.id == "" {
				return &missed{want: s.t("want.before", nil), seen: s.t("seen.nothing", nil)}
			}
			before := s.Mail.Count(s.cast.emily.address)
			d := &draft{from: p, to: Address, subject: words.subject, text: words.text, answered: &letter{id: a.last.id, references: a.last.references}}
			var err error
			in, err = s.writes(ctx, d, ticketing.OutcomeQuarantine, "quarantine."+string(ticketing.CauseNotParticipant))
			if err != nil {
				return err
			}
			if in.Cause != ticketing.CauseNotParticipant || in.Ticket != a.number {
				return &missed{want: fmt.Sprintf("not_participant, #%d", a.number), seen: fmt.Sprintf("%s, #%d", in.Cause, in.Ticket)}
			}
			rows, err := s.letterRows(ctx, a.thread)
			if err != nil {
				return err
			}
			for _, o := range rows {
				if o.Recipient == "mail:"+p.address || strings.Contains(o.Cause, in.ID) {
					return &missed{want: s.t("want.quiet", nil), seen: string(o.Kind)}
				}
			}
			if n := s.Mail.Count(s.cast.emily.address); n != before || s.Mail.Count(p.address) != 0 {
				return &missed{want: s.t("want.quiet", nil), seen: s.t("seen.letters", map[string]any{"n": n - before + s.Mail.Count(p.address), "name": p.name})}
			}
			return nil
		}},
		{"release_card", func(ctx context.Context) error {
			m, err := s.under(ctx, a.root, "", ticketing.PostRelease, p.address)
			if err != nil {
				return err
			}
			card = m.TS
			s.agent(paolo, s.t("say.thread", map[string]any{"number": a.number, "text": short(plain(seenText(m)), 240)}))
			s.proven(s.t("proven.stranger", map[string]any{"name": p.name}))
			return nil
		}},
		{"discard", func(ctx context.Context) error {
			s.agent(paolo, s.t("say.presses", map[string]any{"button": s.words.T(s.lang, "slack.button.discard", nil)}))
			if err := s.press(ctx, paolo, card, "join.discard"); err != nil {
				return err
			}
			return s.await(ctx, "deleted", func(ctx context.Context) (bool, error) {
				err := s.view(ctx, func(tx ticketing.Tx) (err error) {
					in, err = tx.Inbound(ctx, in.ID)
					return err
				})
				return err == nil && in.Outcome == ticketing.OutcomeDeleted, err
			}, func(context.Context) string { return string(in.Outcome) })
		}},
	}
}
