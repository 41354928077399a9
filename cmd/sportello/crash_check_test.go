package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sportello/sportello/ingest/slack/slacktest"
)

// mailPlace is the desk's mailbox in identities, cursors and leases.
const mailPlace = "mail:assistenza/INBOX"

// posts are the kinds that must stand in the channel exactly once.
var posts = []string{"root", "mail", "line", "release", "bounce", "held"}

func isPost(kind string) bool { return slices.Contains(posts, kind) }

// view is what the peers have at one moment.
type view struct {
	letters int                          // deliveries looked at
	posts   map[string]slacktest.Message // ours, by the id of the row
}

func (w *crashWorld) view() view {
	w.look()
	v := view{letters: len(w.load.got), posts: map[string]slacktest.Message{}}
	for _, m := range w.slack.Everything(w.room) {
		if m.BotID == "" || m.Metadata == nil {
			continue
		}
		id, _ := m.Metadata.EventPayload["outbox_id"].(string)
		if id == "" {
			w.problem("I3", "a post of ours at %s names no row: %s", m.TS, m.Text)
			continue
		}
		if old, twice := v.posts[id]; twice {
			w.doublePosts++
			w.problem("I3", "row %s was posted twice, at %s and %s: %s", id, old.TS, m.TS, m.Text)
		}
		v.posts[id] = m
	}
	return v
}

// examine checks after a kill what must hold at every moment. before is what the peers had when the state was read at the earliest, after
// what they had when it had been read: what stands in before must have been committed, what was committed must stand in after.
func (w *crashWorld) examine(s *crashState, before, after view) {
	w.examineMails(s)
	w.examineTickets(s)
	w.examineLetters(s, before)
	w.examinePosts(s, before, after)
	w.examineLeases(s)
}

func (w *crashWorld) identity(uid uint32) string {
	return fmt.Sprintf("%s/%d/%d", mailPlace, w.validity, uid)
}

// examineMails is I1 and I5: nothing that the cursor has passed is missing, nothing is there that nobody wrote, and the bytes are the
// ones that came.
func (w *crashWorld) examineMails(s *crashState) {
	var position int64
	for _, c := range s.cursors {
		if old, ok := w.cursors[c.place]; ok && old.validity == c.validity && old.position > c.position {
			w.problem("I5", "the cursor of %s fell from %d to %d", c.place, old.position, c.position)
		}
		w.cursors[c.place] = c
		if c.place == mailPlace {
			position = c.position
		}
	}
	for i := range w.load.mails {
		m := &w.load.mails[i]
		row := s.inBy[w.identity(m.uid)]
		if row == nil {
			if int64(m.uid) <= position {
				w.problem("I1", "the cursor is at %d, but mail %d has no row: %+v", position, m.uid, *m)
			}
			if w.accepted[m.uid] {
				w.problem("I1", "the row of mail %d was there and is gone: %+v", m.uid, *m)
			}
			continue
		}
		w.accepted[m.uid] = true
		if row.sha != m.sha {
			w.problem("I6", "mail %d was stored with other bytes: %+v, %+v", m.uid, *m, *row)
		}
		if was := w.outcomes[row.id]; was != "" && was != row.outcome {
			w.problem("I1", "mail %d ended as %s and then as %s: %+v", m.uid, was, row.outcome, *row)
		}
		w.outcomes[row.id] = row.outcome
	}
	for i := range s.in {
		row := &s.in[i]
		if err := w.stored(row.sha); err != nil {
			w.problem("I1", "the bytes of row %s are not stored: %v: %+v", row.id, err, *row)
		}
		w.worstFailures = max(w.worstFailures, int(row.failures))
		if row.cause == "crash" {
			w.problem("I1", "kills have brought a good item into quarantine: %+v", *row)
		}
		if uid, ok := strings.CutPrefix(row.identity, fmt.Sprintf("%s/%d/", mailPlace, w.validity)); ok {
			var n uint32
			if _, err := fmt.Sscan(uid, &n); err != nil || w.load.byUID[n] == nil {
				w.problem("I1", "row %s is of a mail that nobody wrote: %+v", row.id, *row)
			}
		}
	}
}

// examineTickets is I2 and the order of messages (I7).
func (w *crashWorld) examineTickets(s *crashState) {
	origin := map[int64]string{}
	for i := range s.in {
		row := &s.in[i]
		if row.outcome != "ticket" && row.outcome != "follow-up" {
			continue
		}
		if old := origin[row.ticket]; old != "" {
			w.doubleTickets++
			w.problem("I2", "ticket #%d has two origins, %s and %s", row.ticket, old, row.id)
		}
		origin[row.ticket] = row.id
	}
	for _, k := range s.tickets {
		if origin[k.number] == "" {
			w.doubleTickets++
			w.problem("I2", "ticket #%d has no origin", k.number)
		}
		delete(origin, k.number)
	}
	for n, id := range origin {
		w.problem("I2", "row %s opened ticket #%d, which is not there", id, n)
	}
	refs := map[string]string{}
	for _, m := range s.msg {
		if m.ref == "" {
			continue
		}
		if old := refs[m.ref]; old != "" {
			w.problem("I1", "%s is stored as two messages, %s and %s", m.ref, old, m.id)
		}
		refs[m.ref] = m.id
	}
}

// examineLetters is I3 and I6 from the customers' side: what they got stands in exactly one row that had begun, with these bytes.
func (w *crashWorld) examineLetters(s *crashState, before view) {
	for i := range w.load.got[:before.letters] {
		g := &w.load.got[i]
		rows := s.bySHA[g.sha]
		if len(rows) != 1 {
			w.problem("I6", "letter %s to %s has the bytes of %d rows: %+v", g.id, g.to, len(rows), *g)
			continue
		}
		o := rows[0]
		g.kind = o.kind
		if !o.started {
			w.problem("I3", "letter %s is at the customer's, but its row says that nothing was begun: %+v", g.id, *o)
		}
		if o.recipient != "mail:"+g.to {
			w.problem("I3", "letter %s for %s went to %s", g.id, o.recipient, g.to)
		}
		if w.rowOf[g.id] == "" {
			w.rowOf[g.id] = o.id
		}
		if w.rowOf[g.id] != o.id {
			w.problem("I3", "Message-ID %s belongs to the rows %s and %s", g.id, w.rowOf[g.id], o.id)
		}
		if old := w.idOf[o.id]; old != "" && old != g.id {
			w.problem("I3", "row %s was delivered as %s and as %s", o.id, old, g.id)
		}
		w.idOf[o.id] = g.id
	}
	for i := range s.out {
		if o := &s.out[i]; o.rendered != "" {
			if err := w.stored(o.rendered); err != nil {
				w.problem("I6", "the bytes of row %s are not stored: %v: %+v", o.id, err, *o)
			}
		}
	}
}

// examinePosts is I3 for the channel, and that nothing counts as sent that is not there.
func (w *crashWorld) examinePosts(s *crashState, before, after view) {
	for id, m := range before.posts {
		o := s.outBy[id]
		switch {
		case o == nil:
			w.problem("I3", "the post at %s has no row %s: %s", m.TS, id, m.Text)
		case !o.started && o.state != "sent":
			w.problem("I3", "the post at %s is in the channel, but its row says that nothing was begun: %+v", m.TS, *o)
		}
	}
	for i := range s.out {
		o := &s.out[i]
		if o.state != "sent" {
			if w.sent[o.id] && !o.fluid {
				w.problem("I3", "row %s was sent and is %s now: %+v", o.id, o.state, *o)
			}
			continue
		}
		w.sent[o.id] = true
		if isPost(o.kind) {
			if _, ok := after.posts[o.id]; !ok {
				w.problem("I3", "row %s counts as sent, but its post is not in the channel: %+v", o.id, *o)
			}
		} else if strings.HasPrefix(o.door, "mail:") && w.idOf[o.id] == "" && len(w.deliveries(o.rendered)) == 0 {
			w.problem("I3", "row %s counts as sent, but no customer has the letter: %+v", o.id, *o)
		}
	}
}

func (w *crashWorld) deliveries(sha string) (found []got) {
	for _, g := range w.load.got {
		if g.sha == sha {
			found = append(found, g)
		}
	}
	return found
}

// leaseSlack is how much later than its lease's end a row may still be found in sending: processes live for fractions of a second here,
// and a busy machine may keep one from its first look.
const leaseSlack = 20 * time.Second

// examineLeases is I8 and I9.
func (w *crashWorld) examineLeases(s *crashState) {
	for _, l := range s.leases {
		old, known := w.leases[l.name]
		switch {
		case known && l.fence < old.fence:
			w.problem("I8", "the fence of %s fell from %d to %d", l.name, old.fence, l.fence)
		case known && l.owner != "" && l.owner != old.owner && l.fence == old.fence:
			w.problem("I8", "%s went from %q to %q with the same fence %d", l.name, old.owner, l.owner, l.fence)
		}
		if l.owner == "" {
			l.owner = old.owner
		}
		w.leases[l.name] = l
	}
	for i := range s.out {
		o := &s.out[i]
		if o.fence < w.fences[o.id] {
			w.problem("I8", "the fence of row %s fell from %d to %d", o.id, w.fences[o.id], o.fence)
		}
		w.fences[o.id] = o.fence
		if o.state == "sending" && time.Duration(s.now-o.leaseEnd)*time.Millisecond > leaseSlack {
			w.problem("I9", "row %s is in sending %v after its lease ended: %+v", o.id, time.Duration(s.now-o.leaseEnd)*time.Millisecond, *o)
		}
	}
}

// outcomesOf says how a mail may end.
var outcomesOf = map[string][]string{
	"question": {"ticket"}, "reply": {"reply", "follow-up"}, "automatic": {"automatic"}, "bounce": {"bounce"}, "twin": {"duplicate"},
}

// settled checks what must hold once everything has come to rest.
func (w *crashWorld) settled(s *crashState, v view) {
	w.settledMails(s)
	w.settledLetters(s)
	w.settledPosts(s, v)
	w.settledAgents(s)
	w.settledOrder(s, v)
}

func (w *crashWorld) settledMails(s *crashState) {
	messages := map[string]*msgRow{}
	for i := range s.msg {
		messages[s.msg[i].id] = &s.msg[i]
	}
	ticket := map[string]string{} // thread by our Message-ID
	for i := range s.out {
		if id := w.idOf[s.out[i].id]; id != "" {
			ticket[id] = s.out[i].thread
		}
	}
	twins := map[string][]string{} // the outcomes of equal mails
	for i := range w.load.mails {
		m := &w.load.mails[i]
		if row := s.inBy[w.identity(m.uid)]; row != nil {
			twins[m.sha] = append(twins[m.sha], row.outcome)
		}
	}
	for i := range w.load.mails {
		m := &w.load.mails[i]
		row := s.inBy[w.identity(m.uid)]
		if row == nil {
			w.lost++
			w.problem("I1", "mail %d is lost: %+v", m.uid, *m)
			continue
		}
		want := outcomesOf[m.kind]
		if same := twins[m.sha]; len(same) > 1 {
			// Of equal mails one counts, whichever is decided first.
			one := slices.DeleteFunc(slices.Clone(same), func(outcome string) bool { return outcome == "duplicate" })
			if len(one) != 1 {
				w.problem("I1", "equal mails ended as %v: %+v", same, *m)
			}
			want = []string{"duplicate", "ticket", "reply", "follow-up"}
		}
		if row.state != "done" || !slices.Contains(want, row.outcome) {
			w.problem("I1", "mail %d ended as %s %s (%s), not as %v: %+v, %+v", m.uid, row.state, row.outcome, row.cause, want, *m, *row)
			continue
		}
		if row.outcome == "reply" && row.thread != ticket[m.answer] {
			w.problem("I1", "mail %d answers %s of thread %s and ended in thread %s", m.uid, m.answer, ticket[m.answer], row.thread)
		}
		if row.outcome == "automatic" || row.outcome == "bounce" || row.outcome == "duplicate" {
			continue
		}
		if k := messages[row.message]; k == nil || k.ref != "mail:"+m.id && k.ref != "mail:"+strings.Trim(m.id, "<>") || k.inbound != row.id || !k.public {
			w.problem("I1", "mail %d has not become its message: %+v, %+v, %+v", m.uid, *m, *row, k)
		}
	}
}

// settledLetters is I3 at rest: exactly one delivery unless failed or suppressed, and only people whose mailbox is full miss theirs.
func (w *crashWorld) settledLetters(s *crashState) {
	for i := range s.out {
		o := &s.out[i]
		if !strings.HasPrefix(o.door, "mail:") {
			continue
		}
		full := strings.HasPrefix(o.recipient, "mail:pieno")
		switch {
		case o.state == "sent" && w.idOf[o.id] != "":
		case full && (o.state == "suppressed" || o.state == "failed"):
		case o.state == "suppressed" && o.reason != "" && w.idOf[o.id] == "" && o.kind != "answer":
			w.suppressed[o.reason]++
		default:
			w.problem("I3", "letter %s ended as %s (%s), delivered as %q: %+v", o.id, o.state, o.reason, w.idOf[o.id], *o)
		}
	}
	// A question is acknowledged exactly once.
	acks := map[string]int{}
	for i := range s.out {
		if o := &s.out[i]; o.kind == "received" && (o.state == "sent" || strings.HasPrefix(o.recipient, "mail:pieno")) {
			acks[o.thread]++
		}
	}
	for i := range w.load.mails {
		if m := &w.load.mails[i]; m.kind == "question" && !strings.HasPrefix(m.from, "pieno") {
			if row := s.inBy[w.identity(m.uid)]; row != nil && acks[row.thread] != 1 {
				w.problem("I3", "question %d got %d acknowledgements: %+v", m.uid, acks[row.thread], *row)
			}
		}
	}
}

// settledPosts: every post stands in the channel, in the thread of its ticket, with the words of the mail it shows.
func (w *crashWorld) settledPosts(s *crashState, v view) {
	roots := map[string]string{} // thread → ts of its root card
	for i := range s.out {
		if o := &s.out[i]; o.kind == "root" {
			roots[o.thread] = v.posts[o.id].TS
		}
	}
	for i := range s.out {
		o := &s.out[i]
		if !isPost(o.kind) {
			if strings.HasPrefix(o.door, "slack:") && o.state != "sent" && o.state != "suppressed" && o.kind != "hint" {
				w.problem("I3", "%s row %s ended as %s (%s %s)", o.kind, o.id, o.state, o.reason, o.answer)
			}
			continue
		}
		m, ok := v.posts[o.id]
		if o.state != "sent" || !ok {
			w.lost++
			w.problem("I3", "post %s ended as %s (%s %s), in the channel: %v", o.id, o.state, o.reason, o.answer, ok)
			continue
		}
		if o.kind != "root" && o.kind != "held" && m.ThreadTS != roots[o.thread] {
			w.problem("I3", "post %s stands in thread %s, not in %s: %s", o.id, m.ThreadTS, roots[o.thread], m.Text)
		}
	}
	shown := map[string]int{}
	for _, m := range v.posts {
		kind, _ := m.Metadata.EventPayload["kind"].(string)
		if kind != "root" && kind != "mail" {
			continue
		}
		words := m.Text + string(m.Blocks)
		for i := range w.load.mails {
			if m := &w.load.mails[i]; m.kind != "twin" && strings.Contains(words, m.mark) {
				shown[m.mark]++
			}
		}
	}
	for i := range w.load.mails {
		m := &w.load.mails[i]
		if (m.kind == "question" || m.kind == "reply") && shown[m.mark] != 1 {
			w.lost++
			w.problem("I3", "mail %d stands %d times in the channel: %+v", m.uid, shown[m.mark], *m)
		}
	}
}

// settledAgents: what agents wrote was heard once; an answer is at the customer's with one Message-ID, a note nowhere (I4).
func (w *crashWorld) settledAgents(s *crashState) {
	byRef := map[string]*msgRow{}
	for i := range s.msg {
		byRef[s.msg[i].ref] = &s.msg[i]
	}
	texts := map[string]map[string]bool{} // mark → Message-IDs
	for _, x := range w.mail.Sent() {
		for _, p := range w.load.said {
			if p.mark != "" && strings.Contains(string(x.Data), p.mark) {
				if texts[p.mark] == nil {
					texts[p.mark] = map[string]bool{}
				}
				if g, err := letterOf(x); err == nil {
					texts[p.mark][g.id] = true
				}
			}
		}
	}
	answers := map[string]*outRow{}
	for i := range s.out {
		if o := &s.out[i]; o.kind == "answer" {
			answers[strings.TrimPrefix(o.cause, "message:")] = o
		}
	}
	effects := map[string]int{} // rows that did something with a message of the channel
	for i := range s.in {
		if r := &s.in[i]; r.message != "" && strings.HasPrefix(r.door, "slack:") && r.outcome != "duplicate" {
			effects[r.message]++
		}
	}
	for _, p := range w.load.said {
		if p.kind == "order" {
			continue
		}
		m := byRef[w.channel()+"/"+p.ts]
		if m == nil {
			w.lost++
			w.problem("I1", "what the agent wrote is lost: %+v", p)
			continue
		}
		if effects[m.id] != 1 {
			w.problem("I1", "%d rows of the ledger made message %s of %+v", effects[m.id], m.id, p)
		}
		o := answers[m.id]
		full := o != nil && strings.HasPrefix(o.recipient, "mail:pieno")
		switch {
		case p.kind == "note":
			if m.public || o != nil || len(texts[p.mark]) > 0 {
				w.problem("I4", "a note went out: %+v, %+v", p, *m)
			}
		case o == nil && m.public:
			// A customer without a working address: the agent is told by a hint.
			w.unreachable++
		case full:
		case !m.public || o == nil || len(texts[p.mark]) != 1:
			w.problem("I3", "an answer is at the customer's under %d Message-IDs: %+v, %+v, %+v", len(texts[p.mark]), p, *m, o)
		}
	}
}

// settledOrder is I7: a ticket's letters and posts came in the order of their rows, and its messages stand in the order of their arrival.
func (w *crashWorld) settledOrder(s *crashState, v view) {
	type passed struct {
		row *outRow
		at  string
	}
	lines := map[string][]passed{}
	for i := range s.out {
		o := &s.out[i]
		if o.fluid || o.thread == "" {
			continue
		}
		if isPost(o.kind) {
			lines[o.thread+" "+o.recipient] = append(lines[o.thread+" "+o.recipient], passed{o, v.posts[o.id].TS})
		} else if id := w.idOf[o.id]; id != "" {
			at := fmt.Sprintf("%09d", w.load.got[w.load.first[id]].at)
			lines[o.thread+" "+o.recipient] = append(lines[o.thread+" "+o.recipient], passed{o, at})
		}
	}
	for name, line := range lines {
		if !slices.IsSortedFunc(line, func(a, b passed) int { return cmp.Compare(a.at, b.at) }) {
			var told []string
			for _, p := range line {
				told = append(told, fmt.Sprintf("%s %s at %s", p.row.id, p.row.kind, p.at))
			}
			w.problem("I7", "of %s, one has overtaken another:\n%s", name, strings.Join(told, "\n"))
		}
	}
	uids := map[string]uint32{} // by message
	tried := map[string]int64{} // how often the message's item was taken up
	for i := range w.load.mails {
		if row := s.inBy[w.identity(w.load.mails[i].uid)]; row != nil && row.outcome != "duplicate" && w.load.mails[i].kind != "twin" {
			uids[row.message], tried[row.message] = w.load.mails[i].uid, row.attempts
		}
	}
	last := map[string]msgRow{}
	for _, m := range s.msg {
		uid, ok := uids[m.id]
		if !ok || !m.public {
			continue
		}
		if old, ok := last[m.thread]; ok && uids[old.id] > uid {
			if tried[m.id] > 1 {
				// An item that failed waits by itself and holds up nothing that came after it (ticketing.LedgerTx, EarlierWaiting).
				w.overtaken++
				continue
			}
			w.problem("I7", "in thread %s mail %d stands before mail %d: %+v, %+v", m.thread, uids[old.id], uid, old, m)
		}
		last[m.thread] = m
	}
	// Slack delivers in no order, and what was missed is found later, so agents' messages are counted only.
	said := map[string]msgRow{}
	for _, m := range s.msg {
		if m.author != "agent" || !strings.HasPrefix(m.ref, "slack:") {
			continue
		}
		if old, ok := said[m.thread]; ok && old.ref > m.ref {
			w.disorder++
		}
		said[m.thread] = m
	}
}
