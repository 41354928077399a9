package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ingest/slack/slacktest"
)

// given is one mail that was put into the desk's mailbox.
type given struct {
	uid    uint32
	kind   string // question, reply, automatic, bounce, twin
	mark   string // a word that stands in this mail only
	from   string
	id     string // Message-ID with brackets
	answer string // Message-ID of our letter that it answers or returns
	sha    string
}

// got is one of our letters at a customer's.
type got struct {
	to, id, sha, replyTo, from string
	at                         int // place among all transactions
	kind                       string
}

// uttered is what an agent wrote in a thread.
type uttered struct {
	ts, root, mark string
	kind           string // answer, note or order
	agent          string
}

// crashLoad is what customers and agents did and saw. Nothing of it comes from sportello's database.
type crashLoad struct {
	mails  []given
	byUID  map[uint32]*given
	said   []uttered
	seen   int // transactions that were looked at
	got    []got
	first  map[string]int // Message-ID → index in got of its first delivery
	double int            // deliveries of a Message-ID that was delivered before
	serial int
	faults int
	roots  []string
}

const (
	customers = 40
	bouncers  = 5 // customers whose mailbox is full
)

func (w *crashWorld) mark(prefix string) string {
	w.load.serial++
	return fmt.Sprintf("%s%05dx", prefix, w.load.serial)
}

// deliver puts a mail into the desk's mailbox.
func (w *crashWorld) deliver(g given, head []string, body string) {
	g.id = "<" + strings.ToLower(g.mark) + "@cliente.example>"
	head = append([]string{"From: " + g.from, "Message-ID: " + g.id, "Date: " + time.Now().Format(time.RFC1123Z), "MIME-Version: 1.0"}, head...)
	w.put(g, []byte(strings.Join(head, "\r\n")+"\r\n\r\n"+strings.ReplaceAll(body, "\n", "\r\n")+"\r\n"))
}

func (w *crashWorld) put(g given, raw []byte) {
	sum := sha256.Sum256(raw)
	g.sha = hex.EncodeToString(sum[:])
	g.uid = w.mail.Deliver(deskAddress, raw)
	w.load.mails = append(w.load.mails, g)
	w.load.byUID[g.uid] = &g
	w.log.line("mail %d: %s %s from %s answering %s", g.uid, g.kind, g.id, g.from, g.answer)
}

const plainBody = "Content-Type: text/plain; charset=utf-8"

func (w *crashWorld) ask() {
	g := given{kind: "question", mark: w.mark("Q"), from: fmt.Sprintf("c%02d@cliente.example", w.rng.IntN(customers))}
	if w.rng.IntN(20) == 0 {
		g.from = fmt.Sprintf("pieno%d@cliente.example", w.rng.IntN(bouncers))
	}
	w.deliver(g, []string{"To: " + deskAddress, "Subject: Stampante ferma " + g.mark, plainBody},
		"Buongiorno,\nda stamattina la stampante non stampa più nulla ("+g.mark+"). Potete aiutarmi?")
}

// reply answers one of our letters.
func (w *crashWorld) reply() {
	l, ok := w.someLetter(false)
	if !ok {
		w.ask()
		return
	}
	g := given{kind: "reply", mark: w.mark("R"), from: l.to, answer: l.id}
	to := l.from
	if w.rng.IntN(2) == 0 {
		to = l.replyTo
	}
	w.deliver(g, []string{"To: " + to, "Subject: Re: Stampante ferma", "In-Reply-To: " + l.id, "References: " + l.id, plainBody},
		"Aggiungo ("+g.mark+"): è una termica.")
}

// automatic is a vacation notice in answer to one of our letters.
func (w *crashWorld) automatic() {
	l, ok := w.someLetter(false)
	if !ok {
		return
	}
	g := given{kind: "automatic", mark: w.mark("V"), from: l.to, answer: l.id}
	w.deliver(g, []string{"To: " + l.replyTo, "Subject: Fuori ufficio", "In-Reply-To: " + l.id, "Auto-Submitted: auto-replied", plainBody},
		"Sono assente ("+g.mark+").")
}

// bounce returns one of our letters to a full mailbox.
func (w *crashWorld) bounce() {
	l, ok := w.someLetter(true)
	if !ok {
		return
	}
	g := given{kind: "bounce", mark: w.mark("B"), from: "MAILER-DAEMON@cliente.example", answer: l.id}
	w.deliver(g, []string{"To: " + deskAddress, "Subject: Undelivered Mail Returned to Sender", "Content-Type: multipart/report; report-type=delivery-status; boundary=r"},
		"--r\nContent-Type: text/plain\n\n<"+l.to+">: mailbox is full ("+g.mark+")\n--r\nContent-Type: message/delivery-status\n\n"+
			"Reporting-MTA: dns; mx.cliente.example\n\nFinal-Recipient: rfc822; "+l.to+"\nAction: failed\nStatus: 5.2.2\n"+
			"Diagnostic-Code: smtp; 552 5.2.2 mailbox is full\n\n--r\nContent-Type: text/rfc822-headers\n\nFrom: "+l.from+"\nTo: "+l.to+"\nMessage-ID: "+l.id+"\n--r--")
}

// twin is a mail that the server holds twice.
func (w *crashWorld) twin() {
	if len(w.load.mails) == 0 {
		return
	}
	first := w.load.mails[w.rng.IntN(len(w.load.mails))]
	if first.kind != "question" && first.kind != "reply" {
		return
	}
	for _, m := range w.mail.Inbox(deskAddress) {
		if m.UID == first.uid {
			first.kind = "twin"
			w.put(first, m.Raw)
			return
		}
	}
}

// someLetter picks a letter a customer got.
func (w *crashWorld) someLetter(full bool) (got, bool) {
	w.look()
	for range 20 {
		if len(w.load.got) == 0 {
			break
		}
		l := w.load.got[w.rng.IntN(len(w.load.got))]
		if strings.HasPrefix(l.to, "pieno") == full {
			return l, true
		}
	}
	return got{}, false
}

// look reads the letters that came since the last look.
func (w *crashWorld) look() {
	l := w.load
	all := w.mail.Sent()
	for ; l.seen < len(all); l.seen++ {
		x := all[l.seen]
		if !x.Accepted {
			continue
		}
		g, err := letterOf(x)
		if err != nil {
			w.problem("I6", "a letter cannot be read: %v\n%s", err, x.Data)
			continue
		}
		g.at = l.seen
		if len(x.Violations) > 0 {
			w.problem("I6", "letter %s breaks RFC 5321: %v", g.id, x.Violations)
		}
		if at, again := l.first[g.id]; again {
			l.double++
			w.log.line("letter %s to %s came again", g.id, g.to)
			if l.got[at].sha != g.sha || l.got[at].to != g.to {
				w.problem("I3", "letter %s came twice with different bytes or to another: %+v, %+v", g.id, l.got[at], g)
			}
			if w.plan.doubt == "probe" {
				w.problem("I3", "letter %s to %s was delivered twice in spite of the probe", g.id, g.to)
			}
		} else {
			l.first[g.id] = len(l.got)
		}
		l.got = append(l.got, g)
	}
}

func letterOf(x mailtest.Transaction) (got, error) {
	m, err := mail.ReadMessage(bytes.NewReader(x.Data))
	if err != nil {
		return got{}, err
	}
	sum := sha256.Sum256(x.Data)
	g := got{id: m.Header.Get("Message-ID"), sha: hex.EncodeToString(sum[:]), from: deskAddress, replyTo: m.Header.Get("Reply-To")}
	if g.replyTo == "" {
		g.replyTo = deskAddress
	}
	if len(x.To) != 1 || g.id == "" {
		return got{}, fmt.Errorf("%d recipients, Message-ID %q", len(x.To), g.id)
	}
	g.to = strings.ToLower(x.To[0].Address)
	return g, nil
}

// speak lets an agent do something in a ticket's thread.
func (w *crashWorld) speak() {
	l := w.load
	if w.rng.IntN(4) == 0 || len(l.roots) == 0 {
		l.roots = l.roots[:0]
		for _, m := range w.slack.Messages(w.room) {
			if m.BotID != "" && m.Metadata != nil && m.Metadata.EventPayload["kind"] == "root" {
				l.roots = append(l.roots, m.TS)
			}
		}
	}
	if len(l.roots) == 0 {
		return
	}
	n := w.rng.IntN(len(l.roots))
	root := l.roots[n]
	// One agent a thread: two who answer at the same time are asked first.
	who := w.agents[n%len(w.agents)]
	as := w.slack.As(who)
	say := func(kind, mark, text string) {
		ts, err := as.Reply(w.room, root, text)
		if err != nil {
			w.fatalf("an agent cannot write: %v", err)
		}
		l.said = append(l.said, uttered{ts: ts, root: root, mark: mark, kind: kind, agent: who})
		w.log.line("agent %s at %s in %s: %s", who, ts, root, text)
	}
	switch p := w.rng.IntN(100); {
	case p < 55:
		mark := w.mark("A")
		say("answer", mark, "Provi a spegnere e riaccendere ("+mark+").")
	case p < 65:
		mark := w.mark("N")
		say("note", mark, "// il cliente è nervoso ("+mark+")")
	case p < 73:
		say("order", "", "!prendo")
	case p < 83:
		say("order", "", "!risolto")
	case p < 88:
		_ = as.React(w.room, root, "eyes")
	case p < 92:
		_ = as.React(w.room, root, "white_check_mark")
	case p < 97:
		_, _ = as.Press(w.room, root, "ticket.claim")
	default:
		w.slack.NextEvents([]string{"duplicate", "swap", "delay"}[w.rng.IntN(3)], 2, 100*time.Millisecond)
	}
}

// disturb lets a peer fail once.
func (w *crashWorld) disturb() {
	w.load.faults++
	switch w.rng.IntN(6) {
	case 0:
		w.mail.FaultSMTP(mailtest.Fault{At: "DOT", Do: mailtest.Cut, Times: 1})
	case 1:
		w.mail.FaultSMTP(mailtest.Fault{At: "DOT", Do: mailtest.Cut, Lost: true, Times: 1})
	case 2:
		w.mail.FaultSMTP(mailtest.Fault{At: "RCPT", Do: mailtest.Refuse, Code: 451, Times: 1})
	case 3:
		w.mail.FaultIMAP(mailtest.Fault{At: "FETCH", Do: mailtest.Cut, After: w.rng.IntN(2000), Times: 1})
	case 4:
		_ = w.slack.Fault(slacktest.Fault{Method: "chat.postMessage", Kind: slacktest.LoseAnswer, Count: 1})
	case 5:
		_ = w.slack.Fault(slacktest.Fault{Method: "chat.postMessage", Kind: slacktest.LoseRequest, Count: 1})
	}
}

// act does one thing of the load.
func (w *crashWorld) act() {
	switch p := w.rng.IntN(100); {
	case p < 25:
		w.ask()
	case p < 48:
		w.reply()
	case p < 52:
		w.automatic()
	case p < 55:
		w.bounce()
	case p < 58:
		w.twin()
	case p < 60:
		w.disturb()
	default:
		w.speak()
	}
}
