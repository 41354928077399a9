package ticketing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode"
)

// The loop breaker of mail.md 4.1 that needs no header: it works when a responder strips or changes them all. L1 is the reader's, L2 and
// L7 are limits of automatic letters, L5 and L6 limits of tickets.

// Repeat is a message that came in with words another one has as well.
type Repeat struct {
	From   string // key of its contact
	Thread string
}

// Trip is one rule of the loop breaker that took effect, with its figures.
type Trip struct {
	Rule string
	Code string // of the line in the ticket's thread
	Args map[string]string
}

const (
	// eventPing marks a ticket whose customer answers faster than a person, twice in a row.
	eventPing = "loop.ping"
	// eventResumed: an agent ended the pause.
	eventResumed = "loop.resumed"
	// flagPrompt stands on a message that came within the window of L4 after one of ours.
	flagPrompt = "prompt"
	// minTextKey is how many letters a text needs before its copies are told from short answers that many people give.
	minTextKey = 20
	// sameTextSenders is how many addresses of one domain make copies a responder that changes its From (L3).
	sameTextSenders = 3
)

// textKey names a text whatever its case, its numbers, blanks and punctuation: responders count, date and wrap what they send.
func textKey(s string) string {
	sum := sha256.New()
	letters := 0
	var buf []byte
	for _, r := range s {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		buf = append(buf, string(unicode.ToLower(r))...)
		if len(buf) > 4096 {
			sum.Write(buf)
			buf = buf[:0]
		}
	}
	if letters < minTextKey {
		return ""
	}
	sum.Write(buf)
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// sameWords compares two texts whatever their case, blanks and punctuation.
func sameWords(a, b string) bool {
	bare := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToLower(r)
			}
			return -1
		}, s)
	}
	return bare(a) == bare(b)
}

// breakLoops judges L3 and L4 for a customer's mail. A mail that a person released is not judged again.
func (d *Desk) breakLoops(ctx context.Context, c *Case) error {
	h := c.Heard
	if h.Act != nil || h.Echo != nil || h.Report != nil || h.Behalf != nil || h.From.Key == "" || h.Kind != KindNormal && h.Kind != KindList || c.In.Released() != "" {
		return nil
	}
	if err := d.findCopies(ctx, c); err != nil {
		return err
	}
	if c.Thread != nil && !c.Copy {
		return d.findPing(ctx, c)
	}
	return nil
}

// findCopies judges L3: the same words from one address, or from several of one domain, too often in an hour.
func (d *Desk) findCopies(ctx context.Context, c *Case) error {
	limit := d.Limits.SameTextPerHour
	if limit <= 0 {
		return nil
	}
	if c.TextKey = textKey(c.Heard.Subject + " " + c.Heard.Visible); c.TextKey == "" {
		return nil
	}
	all, err := c.Tx.Repeats(ctx, c.TextKey, c.Now.Add(-time.Hour))
	if err != nil || len(all) == 0 {
		return err
	}
	from := c.Heard.From.Key
	at := strings.LastIndexByte(from, '@')
	domain := from[at+1:]
	same, senders, first := 1, map[string]bool{from: true}, ""
	for _, x := range all {
		ofDomain := at >= 0 && !publicProviders[domain] && strings.HasSuffix(x.From, "@"+domain)
		if x.From == from {
			same++
		}
		if ofDomain {
			senders[x.From] = true
		}
		if first == "" && (x.From == from || ofDomain) {
			first = x.Thread
		}
	}
	if same < limit && len(senders) < sameTextSenders || first == "" {
		return nil
	}
	h := *c.Heard
	h.Auto = AutoAnswer{Reason: "L3 the same text again"}
	c.Heard = &h
	count := same
	if len(senders) >= sameTextSenders {
		count = max(count, len(all)+1)
	}
	c.Loop = append(c.Loop, Trip{"L3", "loop_copies", map[string]string{"count": num(int64(count)), "senders": num(int64(len(senders)))}})
	if c.Thread != nil {
		return nil
	}
	// Only a copy to the last digit is filed with the first: "terminal 12" and "terminal 13" are two questions, which open their tickets
	// and are not answered by a program.
	earlier, err := c.Tx.Messages(ctx, first, 20)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(earlier, func(m Message) bool { return m.TextKey == c.TextKey && sameWords(m.Visible, c.Heard.Visible) }) {
		return nil
	}
	t, err := c.Tx.Thread(ctx, first)
	if err != nil {
		return err
	}
	c.Thread, c.LoopThread, c.Copy = &t, &t, true
	return d.loadThread(ctx, c)
}

// findPing judges L4: this mail and the one before it each came within the window after a mail of ours on the ticket.
func (d *Desk) findPing(ctx context.Context, c *Case) error {
	if d.Limits.PingWindow <= 0 {
		return nil
	}
	letters, err := c.Tx.ListOutgoing(ctx, OutgoingFilter{Thread: c.Thread.ID, Door: c.Queue.MailDoor, State: OutgoingSent, Limit: 20})
	if err != nil {
		return err
	}
	prompt := false
	for _, o := range letters {
		prompt = prompt || c.Now.Sub(o.SentAt) < d.Limits.PingWindow
	}
	if !prompt {
		return nil
	}
	messages, err := c.Tx.Messages(ctx, c.Thread.ID, 20)
	if err != nil {
		return err
	}
	h := *c.Heard
	h.Flags = append(h.Flags[:len(h.Flags):len(h.Flags)], flagPrompt)
	c.Heard = &h
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Author == AuthorAgent {
			continue
		}
		for _, f := range messages[i].Flags {
			if f == flagPrompt {
				h.Auto = AutoAnswer{Reason: "L4 answers at once, twice"}
				c.Loop = append(c.Loop, Trip{"L4", "loop_ping", map[string]string{"seconds": num(int64(d.Limits.PingWindow / time.Second)), "minutes": num(int64(d.Limits.PingPause / time.Minute))}})
				return nil
			}
		}
		return nil
	}
	return nil
}

// tellLoops writes each trip on the ticket with its figures. A text is told of once in a
// thread, a ticket that answers itself once in its pause.
func (d *Desk) tellLoops(ctx context.Context, c *Case) error {
	t := c.Thread
	if t == nil {
		t = c.LoopThread
	}
	if t == nil {
		return nil
	}
	for _, trip := range c.Loop {
		code, cause := "loop.copies", "thread:"+t.ID+"/loop:"+c.TextKey
		if trip.Rule == "L4" {
			paused, err := d.paused(ctx, c.Tx, t.ID, c.Now)
			if err != nil {
				return err
			}
			if paused {
				continue
			}
			code, cause = eventPing, "inbound:"+c.In.ID+"/loop"
		}
		if err := d.event(ctx, c.Tx, t.ID, t.Number, "system", code, trip.Args); err != nil {
			return err
		}
		if err := d.line(ctx, c.Tx, d.queue(t.Queue), t, cause, trip.Code, trip.Args); err != nil {
			return err
		}
	}
	return nil
}

// paused tells whether automatic letters of a thread rest: it answered itself (L4), and no agent has said since that it is a person.
func (d *Desk) paused(ctx context.Context, tx Tx, thread string, now time.Time) (bool, error) {
	n, err := tx.CountEvents(ctx, thread, eventPing, now.Add(-d.Limits.PingPause))
	if err != nil || n == 0 {
		return false, err
	}
	events, err := tx.Events(ctx, thread, 0)
	for _, e := range slices.Backward(events) {
		if e.Code == eventPing || e.Code == eventResumed {
			return e.Code == eventPing, err
		}
	}
	return true, err // so many events since: the pause is told by its count alone
}

// resume ends the pause of a thread whose customer is a person after all.
func (d *Desk) resume(ctx context.Context, c *Case, cmd *Command) error {
	paused, err := d.paused(ctx, c.Tx, c.Thread.ID, c.Now)
	if err != nil {
		return err
	}
	if !paused {
		return d.hint(ctx, c, "gone", nil)
	}
	if err := d.event(ctx, c.Tx, c.Thread.ID, c.Thread.Number, cmd.Agent, eventResumed, nil); err != nil {
		return err
	}
	return d.line(ctx, c.Tx, c.Queue, c.Thread, "inbound:"+c.In.ID+"/resumed", "loop_resumed", map[string]string{"agent": cmd.Agent})
}
