package main

import (
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// storyForward: an agent forwards a customer's mail to the desk. The ticket, the answer and what follows are the customer's; the agent's
// words stay inside.
func storyForward(tr *trial) {
	head := "Authentication-Results: mx.bottega.example; dmarc=pass header.from=bottega.example\r\nFrom: Anna Rossi <anna@bottega.example>\r\nTo: " + deskAddress + "\r\nSubject: I: Registratore\r\n" +
		"Message-ID: <inoltro@bottega.example>\r\nDate: " + time.Now().Format(time.RFC1123Z) + "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
	in := tr.expect(tr.deliver([]byte(head+"La signora ha fretta.\r\n\r\nDa: Maria Verdi <"+maria+">\r\nInviato: lunedì 2 marzo 2026 09:00\r\nA: Anna Rossi\r\nOggetto: Registratore di cassa\r\n\r\n"+
		"Il registratore non si accende.\r\n")), ticketing.OutcomeTicket, "")
	if k := tr.ticket(in.Ticket); k.Subject != "Registratore di cassa" || in.From != maria {
		tr.t.Errorf("the ticket of %s is %+v", in.From, k)
	}
	if m := tr.message(in.Message); m.Visible != "Il registratore non si accende." {
		tr.t.Errorf("the customer's words are %q", m.Visible)
	}
	root := tr.posted(in.Thread, ticketing.PostRoot, 1)
	if line := seen(tr.posted(in.Thread, ticketing.PostLine, 1)); !strings.Contains(line, "Anna Rossi") || !strings.Contains(line, "La signora ha fretta.") {
		tr.t.Errorf("the thread tells %s", line)
	}
	tr.settle()
	if sent := tr.post.sent(tr.t); len(sent) != 0 {
		tr.t.Errorf("a letter nobody asked for:\n%s", sent[0].raw)
	}
	tr.reacted(tr.says(root.TS, "Tenga premuto il tasto per dieci secondi."), "incoming_envelope")
	answer := tr.letter(maria, ticketing.LetterAnswer, 1)
	if strings.Contains(answer.text, "fretta") {
		tr.t.Errorf("the agent's words left:\n%s", answer.text)
	}
	back := tr.expect(tr.write(tr.reply(mariaFrom, answer, "Adesso si accende, grazie.")), ticketing.OutcomeReply, "")
	if back.Ticket != in.Ticket {
		tr.t.Errorf("the customer's answer joined %d, not %d", back.Ticket, in.Ticket)
	}
	tr.leaked("La signora ha fretta")
}
