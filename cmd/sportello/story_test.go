package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// Whole stories, from a mail in a mailbox to the bytes that leave, on every stack: with the doubles and the embedded database always, with
// real servers where .ci/test has started them.

const (
	maria     = "maria@cliente.example"
	mariaFrom = "Maria Verdi <" + maria + ">"
)

var stories = []struct {
	name  string
	setup trialSetup
	tell  func(*trial)
}{
	{"life of a ticket", trialSetup{}, storyLife},
	{"an offer that solves", trialSetup{}, storySolved},
	{"links change nothing by being opened", trialSetup{}, storyLinks},
	{"attachments both ways", trialSetup{}, storyAttachments},
	{"certified mail", trialSetup{}, storyCertified},
	{"an agent's forward", trialSetup{change: func(c *Config) { c.Agents = []string{"Anna Rossi <anna@bottega.example>"} }}, storyForward},
	{"out of office", trialSetup{}, storyAway},
	{"a bounce", trialSetup{}, storyBounce},
	{"a reply from a phone", trialSetup{}, storyPhone},
	{"a stranger", trialSetup{}, storyStranger},
	{"notes, edits and deletions", trialSetup{change: func(c *Config) { c.Queues[0].Undo = 2 * time.Minute }}, storyUndo},
	{"life of a ticket, Slack over HTTP", trialSetup{change: slackOverHTTP}, storyLife},
	{"notes, edits and deletions, Slack over HTTP", trialSetup{change: func(c *Config) { slackOverHTTP(c); c.Queues[0].Undo = 2 * time.Minute }}, storyUndo},
	{"one mail in two mailboxes", trialSetup{change: func(c *Config) { c.Mailboxes = append(c.Mailboxes, trialMailbox("ordini")) }}, storyTwoMailboxes},
	{"a mail that somebody has read", trialSetup{}, storyRead},
	{"new numbers for old mails", trialSetup{}, storyRenumbered},
	{"old mail is left alone", trialSetup{before: oldMails}, storyOld},
	{"old mail is read without an answer", trialSetup{before: oldMails, change: func(c *Config) { c.Mailboxes[0].IMAP.Start = time.Now().AddDate(0, 0, -10).Format(time.DateOnly) }}, storyStart},
}

func slackOverHTTP(c *Config) { c.Slack.Mode, c.Slack.AppToken = slack.ModeHTTP, ticketing.Secret{} }

func TestStory(t *testing.T) {
	for _, on := range stacks() {
		t.Run(on.name, func(t *testing.T) {
			for _, s := range stories {
				t.Run(s.name, func(t *testing.T) {
					t.Parallel()
					s.setup.on = on
					tr := startTrial(t, s.setup)
					s.tell(tr)
					tr.settle()
				})
			}
		})
	}
}

// library are the articles of the stories.
var library = map[string]string{
	"stampante-ferma": "Stampante termica ferma\n---\nLa stampante termica non stampa lo scontrino? Spegni la stampante, apri lo sportello della carta, togli il rotolo, " +
		"pulisci la testina, rimetti il rotolo con la carta verso l'alto e riaccendi la stampante. Poi stampa una pagina di prova dal menu Stampante.",
	"password": "Password dimenticata\n---\nPer reimpostare la password apri la pagina di accesso, premi \"Password dimenticata\", scrivi il tuo indirizzo e segui il " +
		"collegamento che arriva per posta entro dieci minuti.",
	"fattura": "Fattura elettronica scartata\n---\nSe il Sistema di Interscambio scarta una fattura elettronica, correggi il codice destinatario o la partita IVA e " +
		"inviala di nuovo entro cinque giorni con lo stesso numero.",
}

// imports takes the stories' articles in, as an operator does, and waits until the helpdesk knows them.
func (tr *trial) imports() {
	tr.t.Helper()
	dir := tr.t.TempDir()
	for slug, text := range library {
		title, body, _ := strings.Cut(text, "\n---\n")
		article := fmt.Sprintf("---\nslug: %s\ntitle: %s\nlanguage: it\nkind: solution\naudience: customers\npublished: 2026-01-01\n---\n%s\n", slug, title, body)
		if err := os.WriteFile(filepath.Join(dir, slug+".md"), []byte(article), 0o600); err != nil {
			tr.t.Fatal(err)
		}
	}
	if out := tr.told("kb", "import", dir); !strings.Contains(out, "3 articles: 3 new or changed") {
		tr.t.Fatalf("kb import: %s", out)
	}
	tr.until("the articles are indexed", func() bool { b := tr.app.shelf.books.Load(); return b != nil && len(b.byID) == len(library) })
}

// asks is Maria's question that an article answers.
func (tr *trial) asks() (in ticketing.Inbound, offer letter) {
	tr.t.Helper()
	in = tr.expect(tr.write(draft{from: mariaFrom, id: "<a1@cliente.example>", subject: "Stampante ferma",
		body: "Buongiorno, la stampante termica della cassa non stampa lo scontrino. Come posso fare?"}), ticketing.OutcomeHeld, "")
	return in, tr.letter(maria, ticketing.LetterOffer, 1)
}

// headersOf checks what every letter of a thread carries.
func (tr *trial) headersOf(l letter, answers string) {
	tr.t.Helper()
	if got := l.head.Get("In-Reply-To"); got != answers {
		tr.t.Errorf("the letter %s answers %q, want %q", l.row.Kind, got, answers)
	}
	if refs := strings.Fields(l.head.Get("References")); len(refs) == 0 || refs[len(refs)-1] != answers {
		tr.t.Errorf("the references of the letter %s end in %v, want %s", l.row.Kind, refs, answers)
	}
	local, domain, _ := strings.Cut(deskAddress, "@")
	if got := l.head.Get("Reply-To"); !strings.Contains(got, local+"+") || !strings.Contains(got, "@"+domain) {
		tr.t.Errorf("Reply-To of the letter %s carries no token: %q", l.row.Kind, got)
	}
	want := map[bool]string{true: "auto-replied", false: ""}[l.row.Automatic && l.row.Kind != ticketing.LetterResolved]
	if got := l.head.Get("Auto-Submitted"); l.row.Kind != ticketing.LetterResolved && got != want {
		tr.t.Errorf("Auto-Submitted of the letter %s is %q, want %q", l.row.Kind, got, want)
	}
	if !strings.HasPrefix(l.sent.from, local+"+") || l.sent.from == deskAddress {
		tr.t.Errorf("the envelope sender of the letter %s carries no token: %q", l.row.Kind, l.sent.from)
	}
}

// storyLife: an offer declined, the whole life of a ticket, and a follow-up.
func storyLife(tr *trial) {
	t := tr.t
	tr.imports()
	in, offer := tr.asks()
	tr.headersOf(offer, "<a1@cliente.example>")
	if m := tr.posted(in.Thread, ticketing.PostHeld, 1); !strings.Contains(seen(m), "Stampante ferma") {
		t.Errorf("the held card is %s", seen(m))
	}
	if tr.tickets() != 0 {
		t.Error("a held request is a ticket already")
	}

	// "No" opens the ticket, under the number the request had.
	no := tr.reply(mariaFrom, offer, "No, ho già provato: la stampante è ancora ferma.")
	no.id = "<a2@cliente.example>"
	in = tr.expect(tr.write(no), ticketing.OutcomeReply, "")
	number := in.Ticket
	k := tr.untilState(number, ticketing.StateNew)
	if k.Number != 1 || k.Subject != "Stampante ferma" {
		t.Errorf("the ticket is %+v", k)
	}
	opened := tr.letter(maria, ticketing.LetterOpened, 1)
	tr.headersOf(opened, no.id)
	root := tr.posted(in.Thread, ticketing.PostRoot, 1)
	if !strings.Contains(seen(root), "#1") || !strings.Contains(seen(root), "Stampante ferma") || !strings.Contains(seen(root), "Maria Verdi") {
		t.Errorf("the card is %s", seen(root))
	}
	if m := tr.posted(in.Thread, ticketing.PostMail, 1); m.ThreadTS != root.TS || !strings.Contains(seen(m), "ho già provato") {
		t.Errorf("the first words in the thread are %s", seen(m))
	}

	// An agent takes it, notes something, answers.
	tr.press(root.TS, "ticket.claim")
	k = tr.untilState(number, ticketing.StateOpen)
	if !strings.HasSuffix(k.Assignee, "/"+tr.anna) {
		t.Errorf("the ticket is %q's", k.Assignee)
	}
	tr.reacted(tr.says(root.TS, "// il cliente ha uno sconto segreto del 40%"), "lock")
	reply := tr.says(root.TS, "Buongiorno Maria,\nle mando un tecnico domani alle nove.")
	tr.reacted(reply, "incoming_envelope")
	answer := tr.letter(maria, ticketing.LetterAnswer, 1)
	tr.headersOf(answer, no.id)
	if got := answer.head.Get("Subject"); got != "Re: Stampante ferma" {
		t.Errorf("the answer's subject is %q", got)
	}
	if !strings.Contains(answer.text, "le mando un tecnico domani alle nove.") || !strings.Contains(answer.head.Get("From"), "Anna Rossi") {
		t.Errorf("the answer from %q says\n%s", answer.head.Get("From"), answer.text)
	}

	// Maria's mail program may keep only the address, or only the ids: both lead to the same ticket.
	byAddress := draft{from: mariaFrom, to: answer.head.Get("Reply-To"), subject: "Domani", body: "Alle nove va bene."}
	in = tr.expect(tr.write(byAddress), ticketing.OutcomeReply, "")
	if in.Ticket != number || in.Rule != string(ticketing.ClaimToken) {
		t.Errorf("the answer to the address joined #%d by %s", in.Ticket, in.Rule)
	}
	byID := tr.reply(mariaFrom, answer, "Il tecnico è arrivato e ora la stampante va.")
	byID.to, byID.subject = deskAddress, "ancora io"
	in = tr.expect(tr.write(byID), ticketing.OutcomeReply, "")
	if in.Ticket != number || in.Rule != string(ticketing.ClaimOwnID) {
		t.Errorf("the answer to the id joined #%d by %s", in.Ticket, in.Rule)
	}
	if m := tr.posted(in.Thread, ticketing.PostMail, 3); !strings.Contains(seen(m), "Il tecnico è arrivato") || m.ThreadTS != root.TS {
		t.Errorf("the reply in the thread is %s", seen(m))
	}

	// Resolved, thanked, reopened.
	tr.says(root.TS, "!risolto")
	tr.untilState(number, ticketing.StateResolved)
	resolved := tr.letter(maria, ticketing.LetterResolved, 1)
	tr.headersOf(resolved, byID.id2(tr))
	if m := tr.posted(in.Thread, ticketing.PostLine, 1); m.ThreadTS != root.TS || !strings.Contains(seen(m), "Quale articolo avrebbe risposto") || !strings.Contains(seen(m), "it/stampante-ferma") {
		t.Errorf("resolving asks %s", seen(m))
	}
	thanks := tr.reply(mariaFrom, resolved, "Grazie mille!")
	in = tr.expect(tr.write(thanks), ticketing.OutcomeReply, "")
	if in.Ticket != number {
		t.Errorf("the thanks went to #%d", in.Ticket)
	}
	tr.untilState(number, ticketing.StateOpen)
	reopened := tr.letter(maria, ticketing.LetterReopened, 1)
	tr.headersOf(reopened, lastSaid(tr))
	if m := tr.posted(in.Thread, ticketing.PostLine, 2); m.ThreadTS != root.TS || !strings.Contains(seen(m), "<@"+tr.anna+">") {
		t.Errorf("the line about the reopening is %s", seen(m))
	}

	// Closed for good; the next mail is a follow-up, linked both ways.
	tr.says(root.TS, "!chiudi")
	tr.untilState(number, ticketing.StateClosed)
	closed := tr.letter(maria, ticketing.LetterResolved, 2)
	in = tr.expect(tr.write(tr.reply(mariaFrom, closed, "La stampante è di nuovo ferma.")), ticketing.OutcomeFollowUp, "")
	next := tr.ticket(in.Ticket)
	if next.Number == number || next.Follows != number || next.State != ticketing.StateNew {
		t.Errorf("the follow-up is %+v", next)
	}
	if k := tr.ticket(number); k.State != ticketing.StateClosed {
		t.Errorf("the closed ticket is %s now", k.State)
	}
	follow := tr.letter(maria, ticketing.LetterFollowUp, 1)
	if !strings.Contains(follow.text, fmt.Sprint(number)) || !strings.Contains(follow.text, fmt.Sprint(next.Number)) {
		t.Errorf("the letter about the follow-up says\n%s", follow.text)
	}
	if m := tr.posted(in.Thread, ticketing.PostRoot, 1); !strings.Contains(seen(m), fmt.Sprintf("#%d", number)) {
		t.Errorf("the new card does not name #%d: %s", number, seen(m))
	}
	if m := tr.posted(k.Thread, ticketing.PostLine, 3); m.ThreadTS != root.TS || !strings.Contains(seen(m), fmt.Sprintf("#%d", next.Number)) {
		t.Errorf("the old thread does not name #%d: %s", next.Number, seen(m))
	}
	if got := tr.shown(ticketing.Ref(root.TS)); !strings.Contains(strings.ToLower(seen(got)), "chiuso") {
		t.Errorf("the old card is %s", seen(got))
	}
	tr.settle()
	tr.threaded(maria)
	tr.leaked("sconto segreto")
}

// id2 is the id a draft got when it was written.
func (d draft) id2(tr *trial) string {
	if d.id != "" {
		return d.id
	}
	return lastSaid(tr)
}

// lastSaid is the Message-ID of the newest mail without one of its own.
func lastSaid(tr *trial) string { return fmt.Sprintf("<m%d@cliente.example>", tr.ids) }

// threaded checks that a mail program shows all letters to somebody in conversations that the person began: each letter hangs, by
// In-Reply-To, on a mail that the person wrote.
func (tr *trial) threaded(to string) {
	tr.t.Helper()
	for _, s := range tr.post.sent(tr.t) {
		if s.to != to {
			continue
		}
		m := headerOf(tr.t, s.raw)
		if parent := m.Get("In-Reply-To"); !tr.said[parent] {
			tr.t.Errorf("the letter %s (%s) hangs on %q, which %s never wrote", m.Get("Message-ID"), m.Get("Subject"), parent, to)
		}
		for _, ref := range strings.Fields(m.Get("References")) {
			if !tr.said[ref] && !strings.Contains(ref, "@bottega.example>") {
				tr.t.Errorf("the letter %s refers to the unknown %s", m.Get("Message-ID"), ref)
			}
		}
	}
}

// storySolved: an offer accepted closes the request without a ticket.
func storySolved(tr *trial) {
	tr.imports()
	in, offer := tr.asks()
	if !strings.Contains(offer.text, "Stampante termica ferma") || !strings.Contains(offer.text, tr.web+"/kb/it/stampante-ferma") {
		tr.t.Errorf("the offer says\n%s", offer.text)
	}
	held := tr.posted(in.Thread, ticketing.PostHeld, 1)
	yes := tr.expect(tr.write(tr.reply(mariaFrom, offer, "Sì, risolto grazie")), ticketing.OutcomeReply, "")
	if yes.Reason != "offer.yes" {
		tr.t.Errorf("the yes was taken for %s", yes.Reason)
	}
	var state ticketing.ThreadState
	tr.view(func(tx ticketing.Tx) error {
		th, err := tx.Thread(tr.ctx, in.Thread)
		state = th.State
		return err
	})
	if state != ticketing.ThreadSolved || tr.tickets() != 0 {
		tr.t.Errorf("the request is %s, and there are %d tickets", state, tr.tickets())
	}
	tr.until("the held card says that an article solved it", func() bool {
		return strings.Contains(seen(tr.shown(ticketing.Ref(held.TS))), "Risolta con un articolo")
	})
	tr.settle()
	tr.threaded(maria)

	// Written to again, it opens.
	again := tr.expect(tr.write(tr.reply(mariaFrom, offer, "Purtroppo si è fermata di nuovo.")), ticketing.OutcomeReply, "")
	tr.untilState(again.Ticket, ticketing.StateNew)
	if again.Thread != in.Thread {
		tr.t.Error("the second thoughts are another thread")
	}
}

// storyAttachments: a customer's file reaches the agents' side byte for byte, an agent's file the customer.
func storyAttachments(tr *trial) {
	pdf := append([]byte("%PDF-1.4\n"), randomBytes(48<<10)...)
	d := draft{from: mariaFrom, subject: "Fattura con allegato", content: mixed("Ecco la fattura.", "fattura perché.pdf", "application/pdf", pdf)}
	in := tr.expect(tr.write(d), ticketing.OutcomeTicket, "")
	m := tr.message(in.Message)
	if len(m.Files) != 1 || m.Files[0].Name != "fattura perché.pdf" || m.Files[0].SHA != sha(pdf) || m.Files[0].Size != int64(len(pdf)) {
		tr.t.Fatalf("the files are %+v", m.Files)
	}
	root := tr.posted(in.Thread, ticketing.PostRoot, 1)
	picture := append([]byte("\x89PNG\r\n\x1a\n"), randomBytes(9<<10)...)
	tr.reacted(tr.says(root.TS, "Ecco dove premere.", slacktest.Attachment{Name: "tasto.png", Data: picture}), "incoming_envelope")
	answer := tr.letter(maria, ticketing.LetterAnswer, 1)
	leaves := parts(tr.t, answer.sent.raw)
	if !slices.ContainsFunc(leaves, func(l leaf) bool { return l.name == "tasto.png" && sha(l.data) == sha(picture) }) {
		tr.t.Errorf("the answer does not carry the file: %v", names(leaves))
	}
}

// storyCertified: the mail inside a PEC envelope opens a ticket in its writer's name, and no program answers it.
func storyCertified(tr *trial) {
	tr.imports()
	in := tr.expect(tr.deliver(certifiedMail("mx.bottega.example", "pec.example", "Maria Verdi", "maria@pec.example", "stampante termica ferma")), ticketing.OutcomeTicket, "")
	k := tr.ticket(in.Ticket)
	if !k.Certified || in.From != "maria@pec.example" || k.Subject != "Disdetta" {
		tr.t.Errorf("the ticket of %s is %+v", in.From, k)
	}
	if m := tr.message(in.Message); !strings.Contains(m.Visible, "Con la presente") || slices.ContainsFunc(m.Files, func(f ticketing.FileRef) bool { return f.Name == "smime.p7s" }) {
		tr.t.Errorf("the message is %q with %v", m.Visible, m.Files)
	}
	tr.posted(in.Thread, ticketing.PostRoot, 1)
	tr.settle()
	if sent := tr.post.sent(tr.t); len(sent) != 0 {
		tr.t.Errorf("certified mail was answered:\n%s", sent[0].raw)
	}
}

// storyAway: the customer's program answers our acknowledgement. Nothing happens.
func storyAway(tr *trial) {
	in := tr.expect(tr.write(draft{from: mariaFrom, subject: "Preventivo", body: "Mi serve un preventivo per due casse."}), ticketing.OutcomeTicket, "")
	ack := tr.letter(maria, ticketing.LetterReceived, 1)
	tr.settle()
	before := len(tr.outgoing(""))
	away := tr.reply(mariaFrom, ack, "Sono fuori sede fino a lunedì.")
	away.subject, away.head = "Risposta automatica: Preventivo", append(away.head, "Auto-Submitted: auto-replied", "X-Auto-Response-Suppress: All")
	tr.expect(tr.write(away), ticketing.OutcomeAutomatic, "")
	tr.settle()
	if after := len(tr.outgoing("")); after != before {
		tr.t.Errorf("%d letters or posts were made", after-before)
	}
	if k := tr.ticket(in.Ticket); k.State != ticketing.StateNew {
		tr.t.Errorf("the ticket is %s", k.State)
	}
}

// storyBounce: a report marks the letter it is about, and the agents see it in the thread.
func storyBounce(tr *trial) {
	in := tr.expect(tr.write(draft{from: mariaFrom, subject: "Preventivo", body: "Mi serve un preventivo per due casse."}), ticketing.OutcomeTicket, "")
	root := tr.posted(in.Thread, ticketing.PostRoot, 1)
	tr.reacted(tr.says(root.TS, "Le due casse costano 900 euro."), "incoming_envelope")
	answer := tr.letter(maria, ticketing.LetterAnswer, 1)
	if !strings.Contains(answer.sent.params, "ENVID="+answer.row.ID) || !strings.Contains(answer.sent.params, "RET=HDRS") {
		// The double offers no DSN; the token of the envelope sender is enough then.
		if _, real := tr.post.(*dovecot); real {
			tr.t.Errorf("MAIL says %q", answer.sent.params)
		}
	}
	bounce := tr.expect(tr.deliver(bounceOf(answer)), ticketing.OutcomeBounce, "")
	if bounce.Outgoing != answer.row.ID || bounce.Ticket != in.Ticket {
		tr.t.Errorf("the report is taken for one about %s on #%d", bounce.Outgoing, bounce.Ticket)
	}
	if m := tr.posted(in.Thread, ticketing.PostBounce, 1); m.ThreadTS != root.TS || !strings.Contains(seen(m), maria) || !strings.Contains(seen(m), "5.1.1") {
		tr.t.Errorf("the notice is %s", seen(m))
	}
	var o ticketing.Outgoing
	tr.view(func(tx ticketing.Tx) (err error) {
		o, err = tx.Outgoing(tr.ctx, answer.row.ID)
		return err
	})
	if !o.Bounced || o.State != ticketing.OutgoingSent {
		tr.t.Errorf("the letter is %s, bounced %v", o.State, o.Bounced)
	}
	if n := tr.tickets(); n != 1 {
		tr.t.Errorf("there are %d tickets", n)
	}
}

// storyPhone: a reply from Apple Mail reads as the words that are new.
func storyPhone(tr *trial) {
	in := tr.expect(tr.write(draft{from: mariaFrom, subject: "Preventivo", body: "Mi serve un preventivo per due casse."}), ticketing.OutcomeTicket, "")
	root := tr.posted(in.Thread, ticketing.PostRoot, 1)
	tr.reacted(tr.says(root.TS, "Le due casse costano 900 euro."), "incoming_envelope")
	answer := tr.letter(maria, ticketing.LetterAnswer, 1)
	d := tr.reply(mariaFrom, answer, "")
	d.content = appleReply("Va bene, ordino.", answer)
	reply := tr.expect(tr.write(d), ticketing.OutcomeReply, "")
	m := tr.message(reply.Message)
	if m.Visible != "Va bene, ordino." || !strings.Contains(m.Elided, "900 euro") {
		tr.t.Errorf("new: %q\nold: %q", m.Visible, m.Elided)
	}
	// The first mail of the thread stands in the card; this is the first post under it.
	post := tr.posted(in.Thread, ticketing.PostMail, 1)
	if !strings.Contains(seen(post), "Va bene, ordino.") || strings.Contains(seen(post), "900 euro") || strings.Contains(seen(post), "ha scritto") {
		tr.t.Errorf("the thread shows %s", seen(post))
	}
}

// storyStranger: who knows an id of ours and is not of the ticket joins nothing until an agent says so, and is seen all the while.
func storyStranger(tr *trial) {
	in := tr.expect(tr.write(draft{from: mariaFrom, subject: "Preventivo", body: "Mi serve un preventivo per due casse."}), ticketing.OutcomeTicket, "")
	root := tr.posted(in.Thread, ticketing.PostRoot, 1)
	ack := tr.letter(maria, ticketing.LetterReceived, 1)
	const carlo = "carlo@altrove.example"
	d := tr.reply("Carlo Neri <"+carlo+">", ack, "Maria è malata, rispondo io: ne servono tre.")
	d.to, d.id = deskAddress, "<c1@altrove.example>"
	stranger := tr.expect(tr.write(d), ticketing.OutcomeQuarantine, ticketing.CauseNotParticipant)
	if stranger.Ticket != in.Ticket {
		tr.t.Errorf("the stranger's mail names #%d", stranger.Ticket)
	}
	card := tr.posted(in.Thread, ticketing.PostRelease, 1)
	if card.ThreadTS != root.TS || !strings.Contains(seen(card), carlo) || !strings.Contains(seen(card), "ne servono tre") {
		tr.t.Errorf("the agents see %s", seen(card))
	}
	tr.settle()
	for _, s := range tr.post.sent(tr.t) {
		if s.to == carlo {
			tr.t.Error("the stranger was answered")
		}
	}
	if k := tr.ticket(in.Ticket); k.State != ticketing.StateNew {
		tr.t.Errorf("the ticket is %s", k.State)
	}
	tr.press(card.TS, "join.release")
	tr.until("the released mail has joined", func() bool { return tr.rows()[1].Outcome == ticketing.OutcomeReply })
	if row := tr.rows()[1]; row.Ticket != in.Ticket || row.Message == "" || tr.message(row.Message).Thread != in.Thread {
		tr.t.Errorf("the released mail is %+v", row)
	}
	if m := tr.posted(in.Thread, ticketing.PostMail, 1); !strings.Contains(seen(m), "ne servono tre") {
		tr.t.Errorf("the thread shows %s", seen(m))
	}
	// From now on Carlo belongs to it, and hears what the agents say.
	tr.reacted(tr.says(root.TS, "Tre casse costano 1300 euro."), "incoming_envelope")
	tr.letter(carlo, ticketing.LetterAnswer, 1)
	tr.letter(maria, ticketing.LetterAnswer, 1)
}

// storyUndo: inside the undo time an edit changes what leaves, and a deletion cancels it. Notes never leave.
func storyUndo(tr *trial) {
	t := tr.t
	in := tr.expect(tr.write(draft{from: mariaFrom, subject: "Preventivo", body: "Mi serve un preventivo per due casse."}), ticketing.OutcomeTicket, "")
	root := tr.posted(in.Thread, ticketing.PostRoot, 1)
	anna := tr.slack.As(tr.anna)
	answers := func() (rows []ticketing.Outgoing) {
		return slices.DeleteFunc(tr.outgoing(in.Thread), func(o ticketing.Outgoing) bool { return o.Kind != ticketing.LetterAnswer })
	}
	waiting := func(n int) ticketing.Outgoing {
		t.Helper()
		tr.until("the answer is due", func() bool { return len(answers()) == n })
		o := answers()[n-1]
		if o.State != ticketing.OutgoingPending {
			t.Fatalf("the answer is %s although it may still be undone", o.State)
		}
		return o
	}
	for _, note := range []string{"// margine segreto", "nota: margine segreto", "!nota margine segreto", "🔒 margine segreto"} {
		tr.reacted(tr.says(root.TS, note), "lock")
	}

	ts := tr.says(root.TS, "Costano 900 eurro.")
	o := waiting(1)
	if err := anna.Edit(tr.room, ts, "Costano 900 euro."); err != nil {
		t.Fatal(err)
	}
	tr.until("the edit is known", func() bool { return answers()[0].Facts.Body == "Costano 900 euro." })
	tr.due(o.ID)
	if got := tr.letter(maria, ticketing.LetterAnswer, 1); !strings.Contains(got.text, "Costano 900 euro.") {
		t.Errorf("the letter says\n%s", got.text)
	}
	tr.reacted(ts, "incoming_envelope")

	// Edited once it has left: the letter stays what it was, and the author is told.
	if err := anna.Edit(tr.room, ts, "Costano 90 euro."); err != nil {
		t.Fatal(err)
	}
	tr.until("the author is told that it has left", func() bool {
		return slices.ContainsFunc(tr.slack.Ephemerals(tr.anna), func(e slacktest.Ephemeral) bool { return strings.Contains(e.Text, "Già inviato") })
	})

	ts = tr.says(root.TS, "Parola sbagliata cancellata.")
	o = waiting(2)
	if err := anna.Delete(tr.room, ts); err != nil {
		t.Fatal(err)
	}
	tr.until("the answer is cancelled", func() bool { return answers()[1].State == ticketing.OutgoingSuppressed })

	ts = tr.says(root.TS, "Parola sbagliata che diventa nota.")
	waiting(3)
	if err := anna.Edit(tr.room, ts, "// Parola sbagliata che diventa nota."); err != nil {
		t.Fatal(err)
	}
	tr.until("the answer has become a note", func() bool { return answers()[2].State == ticketing.OutgoingSuppressed })
	tr.settle()
	for _, words := range []string{"margine segreto", "eurro", "Costano 90 euro", "Parola sbagliata"} {
		tr.leaked(words)
	}
	if n := len(tr.letters(maria, ticketing.LetterAnswer)); n != 1 {
		t.Errorf("%d answers left", n)
	}
}

// due lets the undo time of a row be over: an operator sends it now.
func (tr *trial) due(id string) {
	tr.t.Helper()
	tr.told("outbox", "retry", id)
	tr.app.kick()
}

// storyTwoMailboxes: one mail to two addresses lies in two mailboxes and is one ticket.
func storyTwoMailboxes(tr *trial) {
	d := draft{from: mariaFrom, subject: "A tutti e due", body: "Scrivo a tutti e due gli indirizzi: mi serve un preventivo."}
	tr.fill(&d)
	for _, user := range tr.users {
		tr.post.put(tr.t, user, append([]byte("Delivered-To: "+user+"\r\n"), d.raw()...), time.Now(), false)
	}
	rows := tr.decided(2)
	var outcomes []string
	for _, in := range rows {
		outcomes = append(outcomes, string(in.Outcome))
	}
	slices.Sort(outcomes)
	if !slices.Equal(outcomes, []string{"duplicate", "ticket"}) || tr.tickets() != 1 {
		tr.t.Errorf("the two ended as %v, and there are %d tickets", outcomes, tr.tickets())
	}
	tr.letter(maria, ticketing.LetterReceived, 1)
	tr.settle()
	if n := len(tr.post.sent(tr.t)); n != 1 {
		tr.t.Errorf("%d letters left", n)
	}
}

// storyRead: what a person has opened in another program arrives all the same.
func storyRead(tr *trial) {
	d := draft{from: mariaFrom, subject: "Già letta", body: "Qualcuno ha già aperto questa mail nel programma di posta."}
	tr.fill(&d)
	tr.post.put(tr.t, tr.users[0], d.raw(), time.Now(), true)
	tr.expect(tr.decided(1)[0], ticketing.OutcomeTicket, "")
	tr.letter(maria, ticketing.LetterReceived, 1)
}

// storyRenumbered: the server numbers everything anew. Each mail is known by what it says, and the next one arrives.
func storyRenumbered(tr *trial) {
	for i := range 3 {
		tr.expect(tr.write(draft{from: mariaFrom, subject: fmt.Sprintf("Domanda %d", i), body: fmt.Sprintf("Questa è la domanda numero %d.", i)}), ticketing.OutcomeTicket, "")
	}
	tr.letter(maria, ticketing.LetterReceived, 3)
	tr.settle()
	sent := len(tr.post.sent(tr.t))
	tr.stop()
	tr.post.renumber(tr.t, tr.users[0])
	tr.open()
	for _, in := range tr.decided(6)[3:] {
		tr.expect(in, ticketing.OutcomeDuplicate, "")
	}
	tr.settle()
	if tr.tickets() != 3 || len(tr.post.sent(tr.t)) != sent {
		tr.t.Errorf("there are %d tickets and %d new letters", tr.tickets(), len(tr.post.sent(tr.t))-sent)
	}
	tr.expect(tr.write(draft{from: mariaFrom, subject: "Domanda 3", body: "Questa è la domanda numero 3."}), ticketing.OutcomeTicket, "")
	tr.letter(maria, ticketing.LetterReceived, 4)
}

// oldMails lie in the mailbox before the helpdesk first sees it: one of last year, one of the day before yesterday.
func oldMails(tr *trial) {
	for i, days := range []int{300, 2} {
		at := time.Now().AddDate(0, 0, -days)
		d := draft{from: mariaFrom, id: fmt.Sprintf("<old%d@cliente.example>", i), subject: fmt.Sprintf("Vecchia %d", days), body: fmt.Sprintf("Scritta %d giorni fa.", days), date: at}
		tr.fill(&d)
		tr.post.put(tr.t, tr.users[0], d.raw(), at, false)
	}
}

// storyOld: at the first connection old mail is left alone.
func storyOld(tr *trial) {
	in := tr.expect(tr.write(draft{from: mariaFrom, subject: "Nuova", body: "Questa è nuova."}), ticketing.OutcomeTicket, "")
	if in.Ticket != 1 {
		tr.t.Errorf("the first ticket is #%d", in.Ticket)
	}
	tr.letter(maria, ticketing.LetterReceived, 1)
	tr.settle()
	if n := tr.post.inbox(tr.t, tr.users[0]); n != 3 {
		tr.t.Errorf("the mailbox holds %d mails, 3 were laid into it", n)
	}
}

// storyStart: with a date, mail since then is read, and gets no automatic answer; what is new does.
func storyStart(tr *trial) {
	old := tr.expect(tr.decided(1)[0], ticketing.OutcomeTicket, "")
	if k := tr.ticket(old.Ticket); k.Subject != "Vecchia 2" {
		tr.t.Errorf("the mail that was read is %q", k.Subject)
	}
	tr.posted(old.Thread, ticketing.PostRoot, 1)
	tr.settle()
	if sent := tr.post.sent(tr.t); len(sent) != 0 {
		tr.t.Errorf("old mail was answered:\n%s", sent[0].raw)
	}
	tr.expect(tr.write(draft{from: "Ugo Bo <ugo@cliente.example>", subject: "Nuova", body: "Questa è nuova."}), ticketing.OutcomeTicket, "")
	tr.letter("ugo@cliente.example", ticketing.LetterReceived, 1)
}
