package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// articleSolves: a question that an article answers never becomes a ticket.
func (s *story) articleSolves() []step {
	p, words := s.cast.marta, s.script.marta
	var in ticketing.Inbound
	var offer letter
	var card slacktest.Message
	d := &draft{from: p, to: Address, subject: words.subject, text: words.text}
	return []step{
		{"asks", func(ctx context.Context) (err error) {
			in, err = s.writes(ctx, d, ticketing.OutcomeHeld, "offer")
			return err
		}},
		{"offer", func(ctx context.Context) (err error) {
			offer, err = s.gets(ctx, p, ticketing.LetterOffer, d.id)
			return err
		}},
		{"held", func(ctx context.Context) (err error) {
			card, err = s.card(ctx, in.Ticket, ticketing.PostHeld)
			return err
		}},
		{"yes", func(ctx context.Context) error {
			_, err := s.writes(ctx, s.reply(p, offer, words.yes, "plain"), ticketing.OutcomeReply, "offer.yes")
			return err
		}},
		{"no_ticket", func(ctx context.Context) error {
			var t ticketing.Thread
			var noTicket error
			err := s.view(ctx, func(tx ticketing.Tx) (err error) {
				_, noTicket = tx.Ticket(ctx, in.Ticket)
				t, err = tx.Thread(ctx, in.Thread)
				return err
			})
			if err != nil {
				return err
			}
			if !errors.Is(noTicket, ticketing.ErrNotFound) || t.State != ticketing.ThreadSolved {
				return &missed{want: s.t("want.no_ticket", map[string]any{"number": in.Ticket}), seen: string(t.State)}
			}
			if err := s.ended(ctx, card, ticketing.SuggestionSolved); err != nil {
				return err
			}
			s.proven(s.t("proven.no_ticket", map[string]any{"number": in.Ticket}))
			return nil
		}},
	}
}

// ended waits until the card of a held request has become the one line that says how the request ended.
func (s *story) ended(ctx context.Context, card slacktest.Message, how ticketing.SuggestionState) error {
	words := plain(s.words.T(s.lang, "slack.ended."+string(how), nil))
	err := s.await(ctx, words, func(context.Context) (bool, error) { return strings.Contains(plain(seenText(s.now(card))), words), nil },
		func(context.Context) string { return plain(s.now(card).Text) })
	if err == nil {
		s.agent(s.cast.anna, s.t("say.card_now", map[string]any{"text": words}))
	}
	return err
}

// now is a message of the channel as it looks now.
func (s *story) now(m slacktest.Message) slacktest.Message {
	for _, p := range s.Slack.Messages(s.Channel) {
		if p.TS == m.TS {
			return p
		}
	}
	return slacktest.Message{}
}

// reply is a customer's answer to a letter.
func (s *story) reply(p person, l letter, text, quoting string) *draft {
	subject := l.subject
	if !strings.HasPrefix(strings.ToLower(subject), "re:") {
		subject = "Re: " + subject
	}
	return &draft{from: p, to: l.replyTo, subject: subject, text: text, answered: &l, quoting: quoting, reader: s.reader}
}

// ticketLives: an offer declined, and the whole life of a ticket.
func (s *story) ticketLives() []step {
	p, words, anna := s.cast.luca, s.script.luca, s.cast.anna
	var a affair
	var d, again *draft
	// in lets Luca answer the last letter that a person wrote to him, or the offer.
	in := func(ctx context.Context, text string, outcome ticketing.Outcome, code string) (ticketing.Inbound, error) {
		again = s.reply(p, a.last, text, "plain")
		return s.writes(ctx, again, outcome, code)
	}
	// command lets Anna write a command in the thread.
	command := func(text string) error {
		s.agent(anna, s.t("say.types", map[string]any{"text": text}))
		_, err := s.Slack.As(anna.slack).Reply(s.Channel, a.root, text)
		return err
	}
	return []step{
		{"asks", func(ctx context.Context) error {
			d = &draft{from: p, to: Address, subject: words.subject, text: words.text}
			row, err := s.writes(ctx, d, ticketing.OutcomeHeld, "offer")
			a.number, a.thread = row.Ticket, row.Thread
			return err
		}},
		{"offer", func(ctx context.Context) (err error) {
			a.last, err = s.gets(ctx, p, ticketing.LetterOffer, d.id)
			return err
		}},
		{"no", func(ctx context.Context) error {
			row, err := in(ctx, words.no, ticketing.OutcomeReply, "offer.no")
			if err == nil && row.Ticket != a.number {
				err = &missed{want: fmt.Sprintf("#%d", a.number), seen: fmt.Sprintf("#%d", row.Ticket)}
			}
			return err
		}},
		{"card", func(ctx context.Context) error {
			m, err := s.card(ctx, a.number, ticketing.PostRoot)
			a.root = m.TS
			if err != nil {
				return err
			}
			_, err = s.under(ctx, a.root, "", ticketing.PostMail, words.no)
			return err
		}},
		{"opened", func(ctx context.Context) (err error) {
			a.last, err = s.gets(ctx, p, ticketing.LetterOpened, again.id)
			return err
		}},
		{"held", func(ctx context.Context) error {
			m, err := s.root(ctx, a.number, ticketing.PostHeld)
			if err != nil {
				return err
			}
			return s.ended(ctx, m, ticketing.SuggestionDeclined)
		}},
		{"claim", func(ctx context.Context) error {
			s.agent(anna, s.t("say.presses", map[string]any{"button": s.words.T(s.lang, "slack.button.claim", nil)}))
			if err := s.press(ctx, anna, a.root, "ticket.claim"); err != nil {
				return err
			}
			_, err := s.ticket(ctx, a.number, s.t("want.assigned", map[string]any{"name": anna.name}), func(k ticketing.Ticket) bool {
				return strings.HasSuffix(k.Assignee, "/"+anna.slack) && k.State == ticketing.StateOpen
			})
			if err != nil {
				return err
			}
			return s.await(ctx, s.t("want.assigned", map[string]any{"name": anna.name}), func(context.Context) (bool, error) {
				return strings.Contains(seenText(s.now(slacktest.Message{TS: a.root})), "<@"+anna.slack+">"), nil
			}, func(context.Context) string { return plain(seenText(s.now(slacktest.Message{TS: a.root}))) })
		}},
		{"note", func(ctx context.Context) error {
			s.agent(anna, s.t("say.notes", map[string]any{"text": s.script.anna.note}))
			ts, err := s.Slack.As(anna.slack).Reply(s.Channel, a.root, s.script.anna.note)
			if err != nil {
				return err
			}
			return s.reacted(ctx, anna, ts, "lock")
		}},
		{"answer", func(ctx context.Context) error { return s.answers(ctx, anna, &a, p, s.script.anna.luca, again.id) }},
		{"threaded", func(context.Context) error {
			n, err := s.together(p, a.last)
			if err == nil {
				s.proven(s.t("proven.threaded", map[string]any{"name": p.name, "n": n}))
			}
			return err
		}},
		{"same_ticket", func(ctx context.Context) error {
			row, err := in(ctx, words.thanksFor, ticketing.OutcomeReply, "joined")
			if err != nil {
				return err
			}
			if row.Ticket != a.number {
				return &missed{want: fmt.Sprintf("#%d", a.number), seen: fmt.Sprintf("#%d", row.Ticket)}
			}
			m, err := s.under(ctx, a.root, "", ticketing.PostMail, words.thanksFor)
			if err == nil {
				s.agent(anna, s.t("say.thread", map[string]any{"number": a.number, "text": short(plain(m.Text), 150)}))
			}
			return err
		}},
		{"resolve", func(ctx context.Context) (err error) {
			if err := command(s.script.anna.solve); err != nil {
				return err
			}
			if _, err := s.ticket(ctx, a.number, "resolved", func(k ticketing.Ticket) bool { return k.State == ticketing.StateResolved }); err != nil {
				return err
			}
			_, err = s.gets(ctx, p, ticketing.LetterResolved, again.id)
			return err
		}},
		{"thanks", func(ctx context.Context) error {
			if _, err := in(ctx, words.thanks, ticketing.OutcomeReply, "joined"); err != nil {
				return err
			}
			if _, err := s.ticket(ctx, a.number, "open", func(k ticketing.Ticket) bool { return k.State == ticketing.StateOpen }); err != nil {
				return err
			}
			m, err := s.under(ctx, a.root, "", ticketing.PostLine, "")
			if err != nil {
				return err
			}
			s.agent(anna, s.t("say.thread", map[string]any{"number": a.number, "text": short(s.mentions(plain(m.Text)), 150)}))
			_, err = s.gets(ctx, p, ticketing.LetterReopened, again.id)
			return err
		}},
		{"close", func(ctx context.Context) (err error) {
			if err := command(s.script.anna.close); err != nil {
				return err
			}
			if _, err := s.ticket(ctx, a.number, "closed", func(k ticketing.Ticket) bool { return k.State == ticketing.StateClosed }); err != nil {
				return err
			}
			_, err = s.gets(ctx, p, ticketing.LetterResolved, again.id)
			return err
		}},
		{"follow_up", func(ctx context.Context) error {
			row, err := in(ctx, words.again, ticketing.OutcomeFollowUp, "ticket.over")
			if err != nil {
				return err
			}
			k, err := s.ticket(ctx, row.Ticket, fmt.Sprintf("follows #%d", a.number), func(k ticketing.Ticket) bool { return k.Follows == a.number })
			if err != nil {
				return err
			}
			if _, err := s.card(ctx, k.Number, ticketing.PostRoot); err != nil {
				return err
			}
			if _, err := s.under(ctx, a.root, "", ticketing.PostLine, fmt.Sprintf("#%d", k.Number)); err != nil {
				return err
			}
			if _, err := s.gets(ctx, p, ticketing.LetterFollowUp, again.id); err != nil {
				return err
			}
			s.proven(s.t("proven.follow_up", map[string]any{"old": a.number, "new": k.Number}))
			return s.trail(ctx, a.thread, a.number)
		}},
		{"secret", func(context.Context) error {
			if subject, yes := s.leaked(strings.TrimPrefix(s.script.anna.note, "// ")); yes {
				return &missed{want: s.t("want.secret", nil), seen: subject}
			}
			s.proven(s.t("proven.secret", nil))
			return nil
		}},
	}
}

// together counts the mails which the customer's mail program shows with a letter: those that hang together through In-Reply-To and
// References, in whatever folder.
func (s *story) together(p person, l letter) (int, error) {
	for _, c := range s.conversations(p) {
		for _, m := range c {
			if m.id != l.id {
				continue
			}
			if c[0].sent && len(c) > 1 {
				return len(c), nil
			}
			return 0, &missed{want: s.t("want.threaded", nil), seen: l.head}
		}
	}
	return 0, &missed{want: s.t("want.threaded", nil), seen: s.t("seen.nothing", nil)}
}

// attachment: an English customer writes to the English alias and attaches a file.
func (s *story) attachment() []step {
	p, paolo := s.cast.emily, s.cast.paolo
	data := statement()
	d := &draft{from: p, to: Alias, subject: emilySubject, text: emilyText, files: []file{{emilyFile, "application/pdf", data}}}
	a := &s.emily
	return []step{
		{"asks", func(ctx context.Context) error {
			in, err := s.writes(ctx, d, ticketing.OutcomeTicket, "question")
			a.number, a.thread = in.Ticket, in.Thread
			if err != nil {
				return err
			}
			m, err := s.message(ctx, in.Message)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			if len(m.Files) != 1 || m.Files[0].Name != emilyFile || m.Files[0].SHA != hex.EncodeToString(sum[:]) {
				return &missed{want: emilyFile, seen: fmt.Sprint(m.Files)}
			}
			s.proven(s.t("proven.file", map[string]any{"name": emilyFile, "size": m.Files[0].Size}))
			return nil
		}},
		{"received", func(ctx context.Context) error {
			l, err := s.gets(ctx, p, ticketing.LetterReceived, d.id)
			if err != nil {
				return err
			}
			k, err := s.ticket(ctx, a.number, "en", func(ticketing.Ticket) bool { return true })
			if err == nil && (k.Language != "en" || !strings.Contains(l.text, "Hello")) {
				return &missed{want: s.t("want.english", nil), seen: l.subject}
			}
			return err
		}},
		{"card", func(ctx context.Context) error {
			m, err := s.card(ctx, a.number, ticketing.PostRoot)
			a.root = m.TS
			return err
		}},
		{"claim_eyes", func(ctx context.Context) error {
			s.agent(paolo, s.t("say.eyes", nil))
			if err := s.Slack.As(paolo.slack).React(s.Channel, a.root, "eyes"); err != nil {
				return err
			}
			_, err := s.ticket(ctx, a.number, s.t("want.assigned", map[string]any{"name": paolo.name}),
				func(k ticketing.Ticket) bool { return strings.HasSuffix(k.Assignee, "/"+paolo.slack) })
			return err
		}},
		{"answer", func(ctx context.Context) error { return s.answers(ctx, paolo, a, p, s.script.anna.emily, d.id) }},
	}
}
