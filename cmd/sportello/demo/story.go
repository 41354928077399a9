package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// story is the state of one telling.
type story struct {
	*Company
	*Teller
	script
	patience time.Duration
	read     map[string]int // letters read, by customer
	// what later chapters come back to
	emily, giorgio affair
}

// affair is what the story keeps of somebody's request.
type affair struct {
	number int64
	thread string
	root   string // ts of the card
	last   letter // latest letter to the customer
}

// step is one thing that has to happen. name is the key of what it is called when it did not.
type step struct {
	name string
	do   func(ctx context.Context) error
}

// Tell plays the story and tells it. It returns the steps that did not happen, each with what was seen instead; the rest of their chapter
// is left out. patience is the limit against hanging of each step. The error is the context's.
func (c *Company) Tell(ctx context.Context, t *Teller, patience time.Duration) (failed []string, err error) {
	s := &story{Company: c, Teller: t, script: scripts[c.lang](), patience: patience, read: map[string]int{}}
	begin := []step{{"ready", s.ready}}
	if f := s.play(ctx, begin); f != "" {
		return []string{f}, ctx.Err()
	}
	chapters := []struct {
		title string
		steps []step
	}{
		{"solved", s.articleSolves()}, {"ticket", s.ticketLives()}, {"attachment", s.attachment()}, {"pec", s.certifiedMail()},
		{"away", s.outOfOffice()}, {"bounce", s.bounces()}, {"apple", s.phoneReply()}, {"stranger", s.strangerForges()},
	}
	for i, ch := range chapters {
		s.chapter(i+1, s.t("chapter."+ch.title, nil))
		if f := s.play(ctx, ch.steps); f != "" {
			failed = append(failed, fmt.Sprintf("%d. %s · %s", i+1, s.t("chapter."+ch.title, nil), f))
		}
		if ctx.Err() != nil {
			return failed, ctx.Err()
		}
	}
	if f := s.play(ctx, []step{{"clean", s.clean}}); f != "" {
		failed = append(failed, f)
	}
	return failed, ctx.Err()
}

// play carries the steps out in order until one does not happen, and returns that one.
func (s *story) play(ctx context.Context, steps []step) string {
	for _, st := range steps {
		if err := st.do(ctx); err != nil {
			if ctx.Err() != nil {
				return "" // told to stop, which the caller sees for itself
			}
			text := s.t("step."+st.name, nil) + ": "
			var m *missed
			if errors.As(err, &m) {
				text += s.t("missed", map[string]any{"want": m.want, "seen": m.seen})
			} else {
				text += err.Error()
			}
			s.Teller.missed(text)
			return text
		}
	}
	return ""
}

// ready waits until the helpdesk watches its mailbox and listens to Slack: what came before is not answered.
func (s *story) ready(ctx context.Context) error {
	err := s.await(ctx, s.t("want.watch", nil), func(context.Context) (bool, error) { return s.Mail.Did(Address, "IDLE") > 0, nil },
		func(context.Context) string { return s.t("seen.nothing", nil) })
	if err != nil {
		return err
	}
	return s.await(ctx, s.t("want.socket", nil), func(context.Context) (bool, error) { return s.Slack.Sockets() > 0, nil },
		func(context.Context) string { return s.t("seen.nothing", nil) })
}

// clean looks at the whole: nothing internal left by mail, every letter was well formed, Slack was never treated badly.
func (s *story) clean(context.Context) error {
	note := strings.TrimPrefix(s.anna.note, "// ")
	if subject, yes := s.leaked(note); yes {
		return &missed{want: s.t("want.secret", nil), seen: subject}
	}
	n := 0
	for _, t := range s.Mail.Sent() {
		if t.User != Address {
			continue
		}
		n++
		if len(t.Violations) > 0 {
			return &missed{want: s.t("want.form", nil), seen: strings.Join(t.Violations, "; ")}
		}
	}
	if bad := s.Slack.Misuse(); len(bad) > 0 {
		return &missed{want: s.t("want.manners", nil), seen: strings.Join(bad, "; ")}
	}
	s.line("")
	s.proven(s.t("proven.clean", map[string]any{"letters": n}))
	return nil
}

// writes lets a customer write, waits for the decision, tells it with its reason, and checks what it should be.
func (s *story) writes(ctx context.Context, d *draft, outcome ticketing.Outcome, code string) (ticketing.Inbound, error) {
	s.customer(d.from, s.t("say.writes", map[string]any{"to": withoutKey(d.to), "subject": d.subject, "text": short(d.text, 150)}))
	raw := d.mime(time.Now())
	if err := submit(s.Mail.SMTPAddr(), d.from.address, d.from.address, d.to, raw); err != nil {
		return ticketing.Inbound{}, err
	}
	return s.decided(ctx, d.id, outcome, code)
}

// decided waits for the decision about a mail and tells why it was taken.
func (s *story) decided(ctx context.Context, id string, outcome ticketing.Outcome, code string) (ticketing.Inbound, error) {
	in, err := s.inbound(ctx, id)
	if err != nil {
		return in, err
	}
	number := in.Ticket
	if in.Outgoing != "" {
		err := s.view(ctx, func(tx ticketing.Tx) error {
			o, err := tx.Outgoing(ctx, in.Outgoing)
			number = o.Ticket
			return err
		})
		if err != nil {
			return in, err
		}
	}
	s.desk(s.t("outcome."+string(in.Outcome), map[string]any{"number": number}))
	if err := s.reason(ctx, in); err != nil {
		return in, err
	}
	if in.Outcome != outcome || in.Reason != code {
		return in, &missed{want: string(outcome) + " (" + code + ")", seen: strings.TrimSpace(string(in.Outcome) + " (" + in.Reason + ") " + in.Detail)}
	}
	return in, nil
}

// reason tells what the ledger and the audit trail say about a decision.
func (s *story) reason(ctx context.Context, in ticketing.Inbound) error {
	facts := []string{string(in.Outcome), in.Reason}
	sentence := s.sentence("why."+in.Reason, nil)
	if in.Rule != "" && in.Rule != string(ticketing.ClaimNone) {
		facts = append(facts, in.Rule)
		sentence += "; " + s.sentence("rule."+in.Rule, nil)
	}
	if in.Outcome == ticketing.OutcomeHeld {
		var g ticketing.Suggestion
		err := s.view(ctx, func(tx ticketing.Tx) (err error) {
			g, err = tx.OpenSuggestion(ctx, in.Thread)
			return err
		})
		if err != nil {
			return err
		}
		sentence += " " + s.t("why.article", map[string]any{"title": g.Articles[0].Title, "score": fmt.Sprintf("%.2f", g.Score)})
	}
	s.why(s.t("why", map[string]any{"sentence": sentence, "facts": strings.Join(facts, " · ")}))
	return nil
}

// withoutKey shortens the keyed address that letters are answered to, as it is too long to read.
func withoutKey(address string) string {
	local, domain, _ := strings.Cut(address, "@")
	if base, _, keyed := strings.Cut(local, "+"); keyed {
		return base + "+…@" + domain
	}
	return address
}

// sentence is the sentence of a code, or the code itself.
func (s *story) sentence(key string, args map[string]any) string {
	if !s.words.Has("demo." + key) {
		_, code, _ := strings.Cut(key, ".")
		return code
	}
	return s.t(key, args)
}

func (s *story) customer(p person, what string) { s.says(blue, p.name, what) }
func (s *story) agent(p person, what string)    { s.says(purple, p.name, what) }
func (s *story) desk(what string)               { s.says(yellow, "sportello", what) }

// gets waits for the customer's next letter and tells what it says. The letter has to stand in the thread of what it answers.
func (s *story) gets(ctx context.Context, p person, kind ticketing.OutgoingKind, answers string) (letter, error) {
	l, err := s.next(ctx, p, kind)
	if err != nil {
		return l, err
	}
	s.customer(p, s.t("say.gets", map[string]any{"subject": l.subject, "text": short(firstWords(l.text), 150)}))
	if answers != "" && l.inReplyTo != "<"+answers+">" {
		return l, &missed{want: "In-Reply-To: <" + answers + ">", seen: "In-Reply-To: " + l.inReplyTo}
	}
	return l, nil
}

// firstWords leaves a letter's greeting out.
func firstWords(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs[:len(paragraphs)-1] {
		if strings.HasSuffix(strings.TrimSpace(p), ",") {
			return paragraphs[i+1]
		}
	}
	return paragraphs[0]
}

// card waits for a request's card in the agents' channel and tells what the agents see.
func (s *story) card(ctx context.Context, number int64, kind ticketing.OutgoingKind) (slacktest.Message, error) {
	m, err := s.root(ctx, number, kind)
	if err == nil {
		s.agent(s.cast.anna, s.t("say.card", map[string]any{"channel": Queue, "text": short(plain(m.Text), 150)}))
	}
	return m, err
}

// press presses a button and waits until Slack has its acknowledgement.
func (s *story) press(ctx context.Context, p person, ts, action string) error {
	d, err := s.Slack.As(p.slack).Press(s.Channel, ts, action)
	if err != nil {
		return err
	}
	select {
	case <-d.Done():
		return d.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answers lets an agent answer in a thread, waits until the letter is there, and for the sign in the channel that it left.
func (s *story) answers(ctx context.Context, agent person, a *affair, p person, text, answered string) error {
	s.agent(agent, s.t("say.answers", map[string]any{"text": short(text, 150)}))
	ts, err := s.Slack.As(agent.slack).Reply(s.Channel, a.root, text)
	if err != nil {
		return err
	}
	l, err := s.gets(ctx, p, ticketing.LetterAnswer, answered)
	if err != nil {
		return err
	}
	a.last = l
	if !strings.Contains(l.text, text) {
		return &missed{want: text, seen: l.text}
	}
	if l.auto != "" {
		return &missed{want: s.t("want.person", nil), seen: "Auto-Submitted: " + l.auto}
	}
	return s.reacted(ctx, agent, ts, "incoming_envelope")
}

// reacted waits for the helpdesk's sign under a message of an agent.
func (s *story) reacted(ctx context.Context, agent person, ts, emoji string) error {
	err := s.await(ctx, s.t("want.reaction", map[string]any{"emoji": emoji}), func(context.Context) (bool, error) {
		return len(s.Slack.Reactions(s.Channel, ts)[emoji]) > 0, nil
	}, func(context.Context) string { return fmt.Sprint(s.Slack.Reactions(s.Channel, ts)) })
	if err == nil {
		s.agent(agent, s.t("say.sign."+emoji, nil))
	}
	return err
}

// trail tells the audit trail of a thread.
func (s *story) trail(ctx context.Context, thread string, number int64) error {
	events, err := s.events(ctx, thread)
	if err != nil {
		return err
	}
	var codes []string
	for _, e := range events {
		codes = append(codes, e.Code)
	}
	s.why(s.t("say.trail", map[string]any{"number": number, "events": strings.Join(codes, " → ")}))
	return nil
}
