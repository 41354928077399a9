package main

import (
	"database/sql"
	"fmt"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
)

// loopMost is how many mails of ours a loop may take before it ends (mail.md 4.1).
const loopMost = 3

// loopLimit bounds one scenario against hanging; it is no measure of speed.
const loopLimit = 30 * time.Second

// loopDesk is one process of sportello with its own mailbox and database.
type loopDesk struct {
	t       *testing.T
	post    *mailtest.Server
	address string
	dir     string
	child   *child
	db      *sql.DB
}

func startLoopDesk(t *testing.T, post *mailtest.Server, address string) *loopDesk {
	t.Helper()
	d := &loopDesk{t: t, post: post, address: address, dir: t.TempDir()}
	post.AddUser(address, "secret")
	imapHost, imapPort := hostPort(t, post.IMAPAddr())
	smtpHost, smtpPort := hostPort(t, post.SMTPAddr())
	settings := filepath.Join(d.dir, "sportello.yaml")
	text := fmt.Sprintf(`
brand: Bottega
data: %q
listen: ""
mailboxes:
  - name: assistenza
    queue: assistenza
    trusted_servers: [mx.bottega.example]
    imap: {host: %s, port: %d, tls: none, username: %s, password: secret, poll: 1s}
    smtp: {host: %s, port: %d, tls: none, username: %s, password: secret}
queues:
  - name: assistenza
    addresses: [%s]
    hours: {days: {}}
    control: 0
`, filepath.Join(d.dir, "data"), imapHost, imapPort, address, smtpHost, smtpPort, address, address)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	c := &child{name: address, log: &crashLog{file: file}, begun: time.Now(), serving: make(chan struct{}), ended: make(chan struct{})}
	c.cmd = exec.Command(program, "serve", "--config", settings)
	c.cmd.Env = append(os.Environ(), asProgram+"=1")
	c.cmd.Stdout, c.cmd.Stderr = c, c
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		c.kill()
		_ = file.Close()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", address, c.words())
		}
	})
	select {
	case <-c.serving:
	case <-c.ended:
		t.Fatalf("%s ended while starting: %v\n%s", address, c.err, c.words())
	case <-time.After(startLimit):
		t.Fatalf("%s does not serve after %v\n%s", address, startLimit, c.words())
	}
	d.child = c
	// What lies in the mailbox before the first connection is not read.
	for limit := time.Now().Add(startLimit); !strings.Contains(c.words(), "first connection"); {
		if time.Now().After(limit) {
			t.Fatalf("%s does not connect to its mailbox\n%s", address, c.words())
		}
		<-time.After(trialLook)
	}
	if d.db, err = sql.Open("sqlite", "file:"+filepath.Join(d.dir, "data", "sportello.db")+"?_pragma=busy_timeout(5000)&_pragma=query_only(1)"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.db.Close() })
	return d
}

func (d *loopDesk) number(query string) (n int) {
	d.t.Helper()
	if err := d.db.QueryRow(query).Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

// quiet: every mail that lies in the mailbox has its outcome, and no letter is on its way.
func (d *loopDesk) quiet() bool {
	return d.number(`select count(*) from inbound where state = 'done'`) >= d.post.Count(d.address) && d.number(`select count(*) from inbound where state <> 'done'`) == 0 &&
		d.number(`select count(*) from outgoing where state in ('pending', 'sending', 'in_doubt')`) == 0
}

// letters are the mails that left from here.
func (d *loopDesk) letters() (all []mailtest.Transaction) {
	for _, x := range d.post.Sent() {
		if x.Accepted && x.User == d.address {
			all = append(all, x)
		}
	}
	return all
}

// loopWorld runs a remote side against desks until nothing moves.
type loopWorld struct {
	t     *testing.T
	desks []*loopDesk
	// answer is what the remote side does for each letter of ours, once.
	answer func(d *loopDesk, l mailtest.Transaction)
}

// run ends when every letter is answered and all is quiet, or when the loop has clearly not ended.
func (w *loopWorld) run() (letters int) {
	w.t.Helper()
	done := map[*loopDesk]int{}
	limit := time.After(loopLimit)
	tick := time.NewTicker(trialLook)
	defer tick.Stop()
	still := 0
	for {
		moved := false
		letters = 0
		for _, d := range w.desks {
			all := d.letters()
			for _, l := range all[done[d]:] {
				moved = true
				if w.answer != nil {
					w.answer(d, l)
				}
			}
			done[d] = len(all)
			letters += len(all)
			moved = moved || !d.quiet()
		}
		if letters > 4*loopMost {
			w.t.Fatalf("%d mails of ours and no end", letters)
		}
		// A letter leaves the outbox a moment before the mail server lists it: quiet counts when it is seen twice.
		if still++; moved {
			still = 0
		}
		if still > 2 {
			return letters
		}
		select {
		case <-tick.C:
		case <-limit:
			for _, d := range w.desks {
				w.t.Logf("%s: %d mails lie there, %d are done, %d are not, %d letters wait, %d left", d.address, d.post.Count(d.address), d.number(`select count(*) from inbound where state = 'done'`),
					d.number(`select count(*) from inbound where state <> 'done'`), d.number(`select count(*) from outgoing where state in ('pending', 'sending', 'in_doubt')`), len(d.letters()))
			}
			w.t.Fatalf("nothing came to rest in %v", loopLimit)
		}
	}
}

func loopMail(from, to, subject, id, body string, more ...string) []byte {
	head := append([]string{"From: " + from, "To: " + to, "Subject: " + subject, "Message-ID: <" + id + ">", "Date: " + time.Now().Format(time.RFC1123Z), "MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8"}, more...)
	return []byte(strings.Join(head, "\r\n") + "\r\n\r\n" + body + "\r\n")
}

const loopWords = "Grazie per averci scritto. Le risponderemo al più presto, cordiali saluti dalla direzione."

// TestBulkLoops lets six kinds of remote side provoke a desk with its default limits: each loop ends after at most three mails of ours,
// nothing that came in is lost, and why the desk fell silent is on record.
func TestBulkLoops(t *testing.T) {
	serial := 0
	id := func() string { serial++; return fmt.Sprintf("loop%d@remote.example", serial) }
	for _, c := range []struct {
		name string
		// begin delivers what starts it and returns what the remote side does with each letter of ours.
		begin func(w *loopWorld, post *mailtest.Server) func(d *loopDesk, l mailtest.Transaction)
		desks int
		why   string // a query that finds the reason
	}{
		{"two sportellos facing each other", func(w *loopWorld, post *mailtest.Server) func(*loopDesk, mailtest.Transaction) {
			a, b := w.desks[0].address, w.desks[1].address
			post.Deliver(a, loopMail(b, a, "Richiesta", id(), "Non riusciamo ad aprire il portale."))
			return nil // each letter lands in the other's mailbox by itself
		}, 2, `select count(*) from inbound where outcome = 'automatic'`},
		{"a responder without headers", func(w *loopWorld, post *mailtest.Server) func(*loopDesk, mailtest.Transaction) {
			say := func(d *loopDesk) {
				post.Deliver(d.address, loopMail("info@remoto.example", d.address, "Risposta", id(), loopWords))
			}
			say(w.desks[0])
			return func(d *loopDesk, _ mailtest.Transaction) { say(d) }
		}, 1, `select count(*) from events where code = 'letter.withheld'`},
		{"a responder that changes its From", func(w *loopWorld, post *mailtest.Server) func(*loopDesk, mailtest.Transaction) {
			say := func(d *loopDesk) {
				post.Deliver(d.address, loopMail(fmt.Sprintf("r%d@remoto.example", serial), d.address, "Risposta", id(), loopWords+fmt.Sprintf("\r\nRif. %d", serial)))
			}
			say(w.desks[0])
			return func(d *loopDesk, _ mailtest.Transaction) { say(d) }
		}, 1, `select count(*) from events where code = 'loop.copies'`},
		{"a bouncing host", func(w *loopWorld, post *mailtest.Server) func(*loopDesk, mailtest.Transaction) {
			d := w.desks[0]
			post.Deliver(d.address, loopMail("maria@morto.example", d.address, "Aiuto", id(), "La stampante non parte."))
			return func(d *loopDesk, l mailtest.Transaction) {
				m, err := mail.ReadMessage(strings.NewReader(string(l.Data)))
				if err != nil {
					t.Fatal(err)
				}
				report := "--r\r\nContent-Type: text/plain\r\n\r\nThe mail could not be delivered.\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.morto.example\r\n\r\n" +
					"Final-Recipient: rfc822; " + l.To[0].Address + "\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--r\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: " + m.Header.Get("Message-ID") + "\r\n--r--"
				raw := loopMail("MAILER-DAEMON@mx.morto.example", l.From, "Undelivered Mail", id(), report)
				post.Deliver(d.address, []byte(strings.Replace(string(raw), "text/plain; charset=utf-8", "multipart/report; report-type=delivery-status; boundary=r", 1)))
			}
		}, 1, `select count(*) from inbound where outcome = 'bounce'`},
		{"a list of 50 addresses in copy", func(w *loopWorld, post *mailtest.Server) func(*loopDesk, mailtest.Transaction) {
			d := w.desks[0]
			var copied []string
			for i := range 50 {
				copied = append(copied, fmt.Sprintf("socio%d@circolo.example", i))
			}
			cc := "Cc: " + strings.Join(copied, ",\r\n ")
			first := id()
			post.Deliver(d.address, loopMail("presidente@circolo.example", d.address, "Assemblea", first, "Qualcuno ci apre la sala?", cc))
			// Everybody's absence goes to all, without a word in the header that says so.
			for _, a := range copied {
				post.Deliver(d.address, loopMail(a, d.address, "Re: Assemblea", id(), "Sono fuori sede fino a lunedì prossimo e leggerò il messaggio al mio rientro.", cc, "In-Reply-To: <"+first+">"))
			}
			return nil
		}, 1, `select count(*) from events where code = 'loop.copies'`},
		{"a storm of forms", func(w *loopWorld, post *mailtest.Server) func(*loopDesk, mailtest.Transaction) {
			d := w.desks[0]
			for i := range 60 {
				post.Deliver(d.address, loopMail("modulo@sito.example", d.address, fmt.Sprintf("Modulo %d", i), id(), fmt.Sprintf("Nome: %s\r\nDomanda: %s", strings.Repeat(string(rune('a'+i%26)), 12), strings.Repeat("parola ", i+5))))
			}
			return nil
		}, 1, `select count(*) from inbound where cause = 'flood'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			post, err := mailtest.New(mailtest.Options{AuthServID: "mx.bottega.example"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { post.Close() })
			w := &loopWorld{t: t}
			for i := range c.desks {
				w.desks = append(w.desks, startLoopDesk(t, post, []string{"assistenza@bottega.example", "aiuto@officina.example"}[i]))
			}
			w.answer = c.begin(w, post)
			letters := w.run()
			why, kept, came := 0, 0, 0
			for _, d := range w.desks {
				why += d.number(c.why)
				kept += d.number(`select count(*) from inbound where state = 'done'`)
				came += post.Count(d.address)
			}
			t.Logf("%s: %d mails came, %d of ours left, the reason stands %d times", c.name, came, letters, why)
			if letters > loopMost || letters == 0 {
				t.Errorf("%d mails of ours, want 1 to %d", letters, loopMost)
			}
			if kept != came {
				t.Errorf("%d mails came, %d are in the ledger", came, kept)
			}
			if why == 0 {
				t.Error("nothing tells why the desk fell silent")
			}
		})
	}
}
