package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// gate is a way to a server that can be shut: whoever passes is cut off, and nobody is let in.
type gate struct {
	target string
	addr   string

	mu    sync.Mutex
	l     net.Listener
	conns map[net.Conn]bool
}

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{target: target, addr: l.Addr().String(), l: l, conns: map[net.Conn]bool{}}
	go g.serve(l)
	t.Cleanup(g.shut)
	return g
}

func (g *gate) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", g.target)
		if err != nil {
			_ = c.Close()
			continue
		}
		g.mu.Lock()
		g.conns[c], g.conns[to] = true, true
		open := g.l == l
		g.mu.Unlock()
		if !open {
			_, _ = c.Close(), to.Close()
			continue
		}
		for _, way := range [][2]net.Conn{{c, to}, {to, c}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				_, _ = c.Close(), to.Close()
				g.mu.Lock()
				delete(g.conns, way[0])
				g.mu.Unlock()
			}()
		}
	}
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.l != nil {
		_ = g.l.Close()
		g.l = nil
	}
	for c := range g.conns {
		_ = c.Close()
	}
}

func (g *gate) reopen(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	g.l = l
	g.mu.Unlock()
	go g.serve(l)
}

// server is the mail server of a trial on the double.
func (tr *trial) server() *mailtest.Server { return tr.post.(inProcess).Server }

func question(n int) draft {
	return draft{from: mariaFrom, subject: fmt.Sprintf("Domanda %d", n), body: fmt.Sprintf("Questa è la domanda numero %d.", n)}
}

// lays puts a mail into a mailbox and waits for nothing.
func (tr *trial) lays(user int, d draft) {
	tr.t.Helper()
	tr.fill(&d)
	tr.post.put(tr.t, tr.users[user], d.raw(), time.Now(), false)
}

// ready asks /readyz.
func (tr *trial) ready() (int, string) {
	tr.t.Helper()
	code, page := tr.fetch(http.MethodGet, tr.web+"/readyz")
	return code, strings.TrimSpace(page)
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Mailboxes = append(c.Mailboxes, trialMailbox("ordini")) }})
	tr.server().SetPassword(tr.users[1], "changed at the server")
	tr.server().DropIMAP()
	tr.until("the sign-in is refused", func() bool { return tr.mailbox(1).Code == "imap.password" })
	tr.lays(1, question(1))
	tr.expect(tr.write(question(2)), ticketing.OutcomeTicket, "") // the other mailbox goes on
	tr.until("the log says what to do", func() bool {
		return tr.log.has("level=WARN") && tr.log.has("the server refuses user name or password: check both; Gmail and others want an app password or OAuth")
	})
	tr.until("the metrics tell which mailbox fails", func() bool {
		_, page := tr.fetch(http.MethodGet, tr.web+"/metrics")
		return strings.Contains(page, `sportello_mailbox_up{mailbox="mail:ordini",state="failing"} 0`) &&
			strings.Contains(page, `sportello_mailbox_up{mailbox="mail:assistenza",state="idle"} 1`)
	})
	code, out, errs := tr.command("check")
	if code != exitFailed || !strings.Contains(out, "imap ordini") || !strings.Contains(out, "the server refuses user name or password") {
		t.Errorf("check: exit %d\n%s%s", code, out, errs)
	}
	tr.server().SetPassword(tr.users[1], "secret")
	rows := tr.decided(2)
	if !slices.ContainsFunc(rows, func(in ticketing.Inbound) bool {
		return in.Door == "mail:ordini" && in.Outcome == ticketing.OutcomeTicket
	}) {
		t.Errorf("the mail that came meanwhile is not there: %+v", rows)
	}
	tr.settle()
	if code, out, errs := tr.command("check"); code != 0 {
		t.Errorf("check: exit %d\n%s%s", code, out, errs)
	}
}

func TestIMAPServerGone(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, trialSetup{})
	g := newGate(t, tr.server().IMAPAddr())
	tr.cfg.Mailboxes[0].IMAP.Host, tr.cfg.Mailboxes[0].IMAP.Port = hostPort(t, g.addr)
	tr.open()
	tr.expect(tr.write(question(1)), ticketing.OutcomeTicket, "")
	g.shut()
	for n := range 3 {
		tr.lays(0, question(2+n))
	}
	tr.until("the server cannot be reached", func() bool { return tr.mailbox(0).Code == "imap.unreachable" })
	tr.until("the log says so", func() bool {
		return tr.log.has("the server cannot be reached: check host, port and firewall; it is tried again")
	})
	g.reopen(t)
	for _, in := range tr.decided(4) {
		tr.expect(in, ticketing.OutcomeTicket, "")
	}
	tr.watching()
	tr.settle()
	// Cut in the middle of everything, again and again, while mails come.
	for n := range 8 {
		tr.lays(0, question(10+n))
		tr.server().DropIMAP()
	}
	tr.decided(12)
	tr.settle()
	if n := tr.tickets(); n != 12 {
		t.Errorf("12 mails became %d tickets", n)
	}
}

func TestSMTPRefuses(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Sending.RetryMin = time.Hour }})
	server := tr.server()
	row := func(thread string, state ticketing.OutgoingState) (o ticketing.Outgoing) {
		t.Helper()
		tr.until(fmt.Sprintf("the letter is %s", state), func() bool {
			for _, o = range tr.outgoing(thread) {
				if o.Kind == ticketing.LetterReceived && o.State == state && (o.Attempts > 0 || o.Reason != "") {
					return true
				}
			}
			return false
		})
		return o
	}

	// For good: the agents are told in the thread, in the server's words.
	fault := server.FaultSMTP(mailtest.Fault{At: "RCPT", Who: maria, Do: mailtest.Refuse, Code: 550, Text: "5.1.1 no such user here"})
	in := tr.expect(tr.write(question(1)), ticketing.OutcomeTicket, "")
	o := row(in.Thread, ticketing.OutgoingFailed)
	if o.Reason != "550" || !strings.Contains(o.Answer, "no such user here") {
		t.Errorf("the row says %q %q", o.Reason, o.Answer)
	}
	root := tr.posted(in.Thread, ticketing.PostRoot, 1)
	if m := tr.posted(in.Thread, ticketing.PostBounce, 1); m.ThreadTS != root.TS || !strings.Contains(seen(m), "non è partita") || !strings.Contains(seen(m), "no such user here") {
		t.Errorf("the notice is %s", seen(m))
	}
	if out := tr.told("outbox", "list", "--state", "failed"); !strings.Contains(out, o.ID) || !strings.Contains(out, "550") || !strings.Contains(out, "no such user here") {
		t.Errorf("outbox list says\n%s", out)
	}
	fault.Clear()
	tr.told("outbox", "retry", o.ID)
	tr.app.kick()
	row(in.Thread, ticketing.OutgoingSent)

	// For now: the row waits, with its reason and its next try.
	fault = server.FaultSMTP(mailtest.Fault{At: "RCPT", Who: maria, Do: mailtest.Refuse, Code: 451, Text: "4.7.1 come back later"})
	in = tr.expect(tr.write(question(2)), ticketing.OutcomeTicket, "")
	o = row(in.Thread, ticketing.OutgoingPending)
	if o.Reason != "451" || !strings.Contains(o.Answer, "come back later") || time.Until(o.NextAt) < 30*time.Minute || o.Attempts != 1 {
		t.Errorf("the row says %q %q, next %v, %d attempts", o.Reason, o.Answer, o.NextAt, o.Attempts)
	}
	if out := tr.told("outbox", "list", "--state", "pending"); !strings.Contains(out, o.ID) || !strings.Contains(out, "451 ") || !strings.Contains(out, stamp(o.NextAt)) {
		t.Errorf("outbox list says\n%s", out)
	}
	fault.Clear()
	tr.told("outbox", "retry", o.ID)
	tr.app.kick()
	row(in.Thread, ticketing.OutgoingSent)

	// At the final dot: the server has not got it.
	fault = server.FaultSMTP(mailtest.Fault{At: "DOT", Do: mailtest.Refuse, Code: 452, Text: "4.3.1 no room", Times: 1})
	in = tr.expect(tr.write(question(3)), ticketing.OutcomeTicket, "")
	o = row(in.Thread, ticketing.OutgoingPending)
	if o.Reason != "452" || o.DataStarted {
		t.Errorf("the row says %q, data started %v", o.Reason, o.DataStarted)
	}
	fault.Clear()
	tr.told("outbox", "retry", o.ID)
	tr.app.kick()
	row(in.Thread, ticketing.OutgoingSent)
	tr.settle()
}

func TestSMTPServerGone(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, trialSetup{change: func(c *Config) { c.Sending.RetryMin, c.Sending.RetryMax = 50*time.Millisecond, 200*time.Millisecond }})
	g := newGate(t, tr.server().SMTPAddr())
	tr.cfg.Mailboxes[0].SMTP.Host, tr.cfg.Mailboxes[0].SMTP.Port = hostPort(t, g.addr)
	tr.open()
	g.shut()
	in := tr.expect(tr.write(question(1)), ticketing.OutcomeTicket, "")
	tr.until("the letter waits with a reason", func() bool {
		return slices.ContainsFunc(tr.outgoing(in.Thread), func(o ticketing.Outgoing) bool {
			return o.Kind == ticketing.LetterReceived && o.State == ticketing.OutgoingPending && o.Reason == "smtp.dial" && strings.Contains(o.Answer, "refused")
		})
	})
	tr.posted(in.Thread, ticketing.PostRoot, 1) // Slack goes on
	if code, out, _ := tr.command("check"); code != exitFailed || !strings.Contains(out, "smtp assistenza") || !strings.Contains(out, "refused") {
		t.Errorf("check: exit %d\n%s", code, out)
	}
	g.reopen(t)
	tr.letter(maria, ticketing.LetterReceived, 1)
	tr.settle()
}

func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	address := storetest.Schema(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(t, u.Host)
	u.Host = g.addr
	cfg := defaults()
	cfg.Data, cfg.Listen, cfg.Database = t.TempDir(), "", u.String()

	// Away at the start: told at once, without the password.
	g.shut()
	for _, command := range []string{"serve", "migrate", "check"} {
		code, out, errs := runCommand(t.Context(), "", command, "-c", writeSettings(t, cfg))
		if code != exitFailed || !strings.Contains(out+errs, "refused") || strings.Contains(out+errs, ":sportello@") {
			t.Errorf("%s: exit %d\n%s%s", command, code, out, errs)
		}
	}
	g.reopen(t)

	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Database, c.Leases.Item = u.String(), 3*time.Second }})
	tr.expect(tr.write(question(1)), ticketing.OutcomeTicket, "")
	root := tr.posted(tr.rows()[0].Thread, ticketing.PostRoot, 1)
	g.shut()
	tr.lays(0, question(2))
	tr.until("/readyz says that the database is away", func() bool {
		code, said := tr.ready()
		return code == http.StatusServiceUnavailable && said == "database: not reachable"
	})
	if code, _ := tr.fetch(http.MethodGet, tr.web+"/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d", code)
	}
	answered := tr.says(root.TS, "Rispondo mentre la base dati è ferma.")
	g.reopen(t)
	tr.decided(2)
	tr.until("/readyz is content", func() bool { code, _ := tr.ready(); return code == http.StatusOK })
	tr.reacted(answered, "incoming_envelope")
	if l := tr.letter(maria, ticketing.LetterAnswer, 1); !strings.Contains(l.text, "mentre la base dati è ferma") {
		t.Errorf("the answer says\n%s", l.text)
	}
	// Cut again and again under work.
	for n := range 6 {
		tr.lays(0, question(3+n))
		g.shut()
		g.reopen(t)
	}
	tr.decided(8)
	tr.settle()
	if n := tr.tickets(); n != 8 {
		t.Errorf("8 mails became %d tickets", n)
	}
}

func TestRedisComesLater(t *testing.T) {
	t.Parallel()
	address, kill := startRedis(t)
	kill()
	socket := strings.TrimPrefix(address, "unix://")
	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Redis = "unix://" + filepath.ToSlash(socket) }})
	tr.expect(tr.write(question(1)), ticketing.OutcomeTicket, "")
	tr.letter(maria, ticketing.LetterReceived, 1)
	if code, out, _ := tr.command("check"); code != exitFailed || !strings.Contains(out, "redis") {
		t.Errorf("check: exit %d\n%s", code, out)
	}
	again := startRedisAt(t, socket)
	for n := range 5 {
		tr.expect(tr.write(question(2+n)), ticketing.OutcomeTicket, "")
	}
	tr.letter(maria, ticketing.LetterReceived, 6)
	tr.until("Redis is used", func() bool { code, _, _ := tr.command("check"); return code == 0 })
	again()
	tr.lays(0, question(8))
	tr.letter(maria, ticketing.LetterReceived, 7)
	tr.settle()
}
