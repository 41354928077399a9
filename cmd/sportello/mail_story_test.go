package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ticketing"
)

// storyLimit bounds a whole story against hanging; it is no measure of speed.
const storyLimit = time.Minute

// trial is a running helpdesk with one mailbox on an in-process server.
type trial struct {
	t    *testing.T
	ctx  context.Context
	mail *mailtest.Server
	app  *app
	stop func()
}

const (
	deskAddress = "assistenza@bottega.example"
	mariaMail   = "maria@cliente.example"
)

func hostPort(t *testing.T, addr string) (string, int) {
	t.Helper()
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// trialConfig is a desk with one queue and one mailbox at host: always open, no undo time, no control group.
func trialConfig(t *testing.T, imap, smtp string) Config {
	t.Helper()
	cfg := defaults()
	cfg.Brand, cfg.Data, cfg.Listen = "Bottega", t.TempDir(), "127.0.0.1:0"
	cfg.Limits.MinFree, cfg.Limits.MinFreeShare = 0, 0
	q := defaultQueue()
	q.Name, q.Addresses, q.Hours.Days, q.Control, q.Undo = "assistenza", []string{deskAddress}, map[string]string{}, 0, 0
	cfg.Queues = []QueueConfig{q}
	m := defaultMailbox()
	m.Name, m.Queue, m.Trusted = "assistenza", "assistenza", []string{"mx.bottega.example"}
	m.IMAP.TLS, m.IMAP.Username, m.IMAP.Password = "none", deskAddress, ticketing.NewSecret("secret")
	m.IMAP.Host, m.IMAP.Port = hostPort(t, imap)
	m.SMTP.TLS, m.SMTP.Doubt = "none", "resend"
	m.SMTP.Host, m.SMTP.Port = hostPort(t, smtp)
	cfg.Mailboxes = []MailboxConfig{m}
	return cfg
}

// startTrial starts a helpdesk and waits until it watches its mailbox.
func startTrial(t *testing.T, change func(*Config)) *trial {
	t.Helper()
	server, err := mailtest.New(mailtest.Options{Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	server.AddUser(deskAddress, "secret")
	cfg := trialConfig(t, server.IMAPAddr(), server.SMTPAddr())
	if change != nil {
		change(&cfg)
	}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), storyLimit)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	a, err := newApp(ctx, cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	serve, stop := context.WithCancel(ctx)
	go func() {
		ended <- a.serve(serve, map[string]bool{"ingest": true, "process": true, "send": true, "web": true}, nil)
	}()
	tr := &trial{t: t, ctx: ctx, mail: server, app: a}
	tr.stop = func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := a.close(); err != nil {
			t.Error(err)
		}
		cancel()
	}
	tr.until("the desk watches its mailbox", func() bool { return server.Did(deskAddress, "IDLE") > 0 })
	return tr
}

func (tr *trial) until(what string, done func() bool) {
	tr.t.Helper()
	if err := tr.mail.WaitFor(tr.ctx, done); err != nil {
		tr.t.Fatalf("waiting until %s: %v", what, err)
	}
}

// write delivers a customer's mail to the desk.
func (tr *trial) write(from, id, subject, body string, more ...string) {
	tr.t.Helper()
	head := []string{"From: " + from, "To: " + deskAddress, "Subject: " + subject, "Message-ID: " + id, "Date: " + time.Now().Format(time.RFC1123Z),
		"MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"}
	tr.mail.Deliver(deskAddress, []byte(strings.Join(append(head, more...), "\r\n")+"\r\n\r\n"+strings.ReplaceAll(body, "\n", "\r\n")+"\r\n"))
}

// letters waits for the n-th letter to an address and returns it.
func (tr *trial) letter(to string, n int) *mail.Message {
	tr.t.Helper()
	tr.until(fmt.Sprintf("%s has %d letters", to, n), func() bool { return len(tr.mail.SentTo(to)) >= n })
	m, err := mail.ReadMessage(bytes.NewReader(tr.mail.SentTo(to)[n-1].Data))
	if err != nil {
		tr.t.Fatal(err)
	}
	return m
}

func (tr *trial) ticket(number int64) ticketing.Ticket {
	tr.t.Helper()
	var k ticketing.Ticket
	err := tr.app.db.View(tr.ctx, func(tx ticketing.Tx) (err error) {
		k, err = tx.Ticket(tr.ctx, number)
		return err
	})
	if err != nil {
		tr.t.Fatal(err)
	}
	return k
}

// A customer writes, gets the number, answers the acknowledgement, and both mails are one ticket.
func TestMailStory(t *testing.T) {
	tr := startTrial(t, nil)
	defer tr.stop()
	tr.write("Maria Verdi <"+mariaMail+">", "<a1@cliente.example>", "Stampante ferma", "Buongiorno, da stamattina la stampante non stampa più nulla. Potete aiutarmi?")
	ack := tr.letter(mariaMail, 1)
	if got := ack.Header.Get("In-Reply-To"); got != "<a1@cliente.example>" {
		t.Errorf("the acknowledgement answers %q", got)
	}
	if got := ack.Header.Get("Auto-Submitted"); got != "auto-replied" {
		t.Errorf("Auto-Submitted is %q", got)
	}
	if !strings.Contains(ack.Header.Get("Reply-To"), "+") {
		t.Errorf("Reply-To carries no token: %q", ack.Header.Get("Reply-To"))
	}
	if k := tr.ticket(1); k.State != ticketing.StateNew || k.Subject != "Stampante ferma" {
		t.Errorf("the ticket is %+v", k)
	}
	tr.write("Maria Verdi <"+mariaMail+">", "<a2@cliente.example>", "Re: Stampante ferma", "Aggiungo: è una termica.", "In-Reply-To: "+ack.Header.Get("Message-ID"))
	tr.untilRows(2)
	rows := tr.rows()
	if rows[0].Outcome != ticketing.OutcomeReply || rows[0].Ticket != 1 || rows[0].Rule != string(ticketing.ClaimOwnID) {
		t.Errorf("the reply ended as %s on #%d by rule %s", rows[0].Outcome, rows[0].Ticket, rows[0].Rule)
	}
}

func (tr *trial) rows() (rows []ticketing.Inbound) {
	tr.t.Helper()
	err := tr.app.db.View(tr.ctx, func(tx ticketing.Tx) (err error) {
		rows, err = tx.ListInbound(tr.ctx, ticketing.InboundFilter{})
		return err
	})
	if err != nil {
		tr.t.Fatal(err)
	}
	return rows
}

// untilRows waits until n rows of the ledger are done.
func (tr *trial) untilRows(n int) {
	tr.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		done := 0
		for _, in := range tr.rows() {
			if in.State == ticketing.InboundDone {
				done++
			}
		}
		if done >= n {
			return
		}
		select {
		case <-tick.C:
		case <-tr.ctx.Done():
			tr.t.Fatalf("%d of %d rows are done", done, n)
		}
	}
}
