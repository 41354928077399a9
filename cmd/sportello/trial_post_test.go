package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// stack is a set of servers that a story runs on.
type stack struct {
	name     string
	post     func(*testing.T) postOffice
	database func(*testing.T, *Config) // nil: SQLite and the queue in the process
}

// stacks are the three of the story: in the process, real mail servers with the embedded database, and everything real.
func stacks() []stack {
	return []stack{
		{name: "inprocess", post: newInProcess},
		{name: "dovecot-sqlite", post: newDovecot},
		{name: "dovecot-postgres-redis", post: newDovecot, database: func(t *testing.T, cfg *Config) {
			cfg.Database = storetest.Schema(t)
			cfg.Redis, _ = startRedis(t)
		}},
	}
}

// sentMail is a letter as an SMTP server got it.
type sentMail struct {
	from, params string // envelope sender and parameters of MAIL
	to           string
	raw          []byte
}

// postOffice is a mail server with both of its sides.
type postOffice interface {
	// account makes a mailbox, writes into the settings how it is reached, and returns its name.
	account(t *testing.T, m *MailboxConfig) string
	// put lays a mail into the INBOX, as arrived at a time and as read by somebody.
	put(t *testing.T, user string, raw []byte, at time.Time, read bool)
	// renumber gives the INBOX a new UIDVALIDITY. No client may be connected.
	renumber(t *testing.T, user string)
	// inbox counts the mails in the INBOX.
	inbox(t *testing.T, user string) int
	// sent are all letters that were taken, oldest first.
	sent(t *testing.T) []sentMail
}

// inProcess is the double.
type inProcess struct{ *mailtest.Server }

func newInProcess(t *testing.T) postOffice {
	return inProcess{mailtest.Start(t, mailtest.Options{Password: "secret"})}
}

func (p inProcess) account(t *testing.T, m *MailboxConfig) string {
	user := m.Name + "@bottega.example"
	p.AddUser(user, "secret")
	m.IMAP.Username, m.IMAP.Password = user, ticketing.NewSecret("secret")
	m.IMAP.Host, m.IMAP.Port = hostPort(t, p.IMAPAddr())
	m.SMTP.Host, m.SMTP.Port = hostPort(t, p.SMTPAddr())
	return user
}

func (p inProcess) put(_ *testing.T, user string, raw []byte, at time.Time, read bool) {
	var flags []string
	if read {
		flags = []string{`\Seen`}
	}
	p.Put(user, "INBOX", raw, at, flags...)
}

func (p inProcess) renumber(t *testing.T, user string) {
	t.Helper()
	if err := p.Renumber(user, "INBOX", 1); err != nil {
		t.Fatal(err)
	}
}

func (p inProcess) inbox(_ *testing.T, user string) int { return p.Count(user) }

func (p inProcess) sent(t *testing.T) (out []sentMail) {
	t.Helper()
	for _, tx := range p.Sent() {
		for _, v := range tx.Violations {
			t.Errorf("a letter from %s breaks SMTP: %s", tx.From, v)
		}
		if !tx.Accepted {
			continue
		}
		for _, to := range tx.To {
			out = append(out, sentMail{from: tx.From, params: tx.Params, to: to.Address, raw: tx.Data})
		}
	}
	return out
}

// dovecot is a real IMAP server, and smtp-sink of Postfix that dumps what it gets.
type dovecot struct {
	imap, smtp     string
	password, mail string
	uid, gid       int
	dump           string
}

func newDovecot(t *testing.T) postOffice {
	t.Helper()
	d := &dovecot{imap: os.Getenv("SPORTELLO_TEST_DOVECOT"), password: os.Getenv("SPORTELLO_TEST_DOVECOT_PASSWORD"), mail: os.Getenv("SPORTELLO_TEST_DOVECOT_MAIL"), uid: -1, gid: -1}
	sink := os.Getenv("SPORTELLO_TEST_SMTP_SINK")
	if d.imap == "" || sink == "" {
		t.Skip("SPORTELLO_TEST_DOVECOT and SPORTELLO_TEST_SMTP_SINK are not set: the story is not told on real mail servers; run bash .ci/test")
	}
	if os.Getuid() == 0 {
		if _, err := fmt.Sscanf(os.Getenv("SPORTELLO_TEST_DOVECOT_OWNER"), "%d:%d", &d.uid, &d.gid); err != nil {
			t.Fatalf("SPORTELLO_TEST_DOVECOT_OWNER: %v", err)
		}
	}
	d.dump = ownDir(t, d.uid, d.gid)
	d.smtp = startServer(t, func(addr string) *exec.Cmd {
		args := []string{"-d", filepath.Join(d.dump, "m."), addr, "100"}
		if os.Getuid() == 0 {
			args = append([]string{"-u", os.Getenv("SPORTELLO_TEST_USER")}, args...)
		}
		return exec.Command(sink, args...)
	})
	return d
}

// ownDir makes a directory that a server of another user may write to. Directories of t.TempDir cannot be passed through by others.
func ownDir(t *testing.T, uid, gid int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sportello-story-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if uid >= 0 {
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// startServer starts a program that listens on an address of its own, and ends it with the test.
func startServer(t *testing.T, command func(addr string) *exec.Cmd) string {
	t.Helper()
	for range 5 { // another process may take the free port first
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		_ = l.Close()
		cmd := command(addr)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		exited := make(chan struct{})
		go func() { _ = cmd.Wait(); close(exited) }()
		t.Cleanup(func() { _ = cmd.Process.Kill(); <-exited })
		if listens(t, addr, exited) {
			return addr
		}
	}
	t.Fatal("a server could not be started")
	return ""
}

func listens(t *testing.T, addr string, exited <-chan struct{}) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(trialLook)
	defer tick.Stop()
	for {
		var d net.Dialer
		if c, err := d.DialContext(ctx, "tcp", addr); err == nil {
			_ = c.Close()
			return true
		}
		select {
		case <-tick.C:
		case <-exited:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (d *dovecot) account(t *testing.T, m *MailboxConfig) string {
	t.Helper()
	user := m.Name + "-" + strings.ToLower(rand.Text()[:10])
	m.IMAP.Username, m.IMAP.Password = user, ticketing.NewSecret(d.password)
	m.IMAP.Host, m.IMAP.Port = hostPort(t, d.imap)
	m.SMTP.Host, m.SMTP.Port = hostPort(t, d.smtp)
	for _, dir := range []string{"", "Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"} {
		name := filepath.Join(d.mail, user, dir)
		if err := os.MkdirAll(name, 0o700); err != nil {
			t.Fatal(err)
		}
		if d.uid >= 0 {
			if err := os.Chown(name, d.uid, d.gid); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(d.mail, user)) })
	return user
}

func (d *dovecot) put(t *testing.T, user string, raw []byte, at time.Time, read bool) {
	t.Helper()
	base := filepath.Join(d.mail, user, "Maildir")
	name := fmt.Sprintf("%d.%s.story", at.Unix(), rand.Text())
	tmp, final := filepath.Join(base, "tmp", name), filepath.Join(base, "new", name)
	if read {
		final = filepath.Join(base, "cur", name+":2,S")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(tmp, raw, 0o600))
	if d.uid >= 0 {
		must(os.Chown(tmp, d.uid, d.gid))
	}
	must(os.Chtimes(tmp, at, at))
	must(os.Rename(tmp, final))
}

// renumber takes the server's own lists away, as a restore without them does.
func (d *dovecot) renumber(t *testing.T, user string) {
	t.Helper()
	base := filepath.Join(d.mail, user, "Maildir")
	entries, err := os.ReadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	old := regexp.MustCompile(`V(\d+)`)
	var was []string
	for _, e := range entries {
		name := filepath.Join(base, e.Name())
		if e.Name() == "dovecot-uidlist" {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			was = old.FindStringSubmatch(string(raw))
		}
		if strings.HasPrefix(e.Name(), "dovecot") {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if was == nil {
		t.Fatal("the server keeps no list of UIDs here")
	}
	validity, err := strconv.Atoi(was[1])
	if err != nil {
		t.Fatal(err)
	}
	// Version 3 of the list: its validity is the given one, and the UIDs begin anew (Dovecot manual, Maildir).
	list := filepath.Join(base, "dovecot-uidlist")
	if err := os.WriteFile(list, fmt.Appendf(nil, "3 V%d N1\n", validity+1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if d.uid >= 0 {
		if err := os.Chown(list, d.uid, d.gid); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *dovecot) inbox(t *testing.T, user string) (n int) {
	t.Helper()
	for _, dir := range []string{"new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(d.mail, user, "Maildir", dir))
		if err != nil {
			t.Fatal(err)
		}
		n += len(entries)
	}
	return n
}

// sent reads what smtp-sink dumped: X- fields that tell the envelope, its own Received, then the mail.
func (d *dovecot) sent(t *testing.T) (out []sentMail) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(d.dump, "m.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s := sentMail{}
		for {
			line, rest, ok := bytes.Cut(raw, []byte("\n"))
			if !ok || !bytes.HasPrefix(line, []byte("X-")) {
				break
			}
			field, value, _ := strings.Cut(string(line), ": ")
			address, params, _ := strings.Cut(strings.TrimPrefix(value, "<"), ">")
			switch field {
			case "X-Mail-Args":
				s.from, s.params = address, strings.TrimSpace(params)
			case "X-Rcpt-Args":
				s.to = address
			}
			raw = rest
		}
		s.raw = raw
		if s.to != "" && bytes.Contains(raw, []byte("\nMessage-ID:")) {
			out = append(out, s)
		}
	}
	return out
}

// startRedis starts a Redis of the test's own on a socket file and returns its address and how to end it.
func startRedis(t *testing.T) (url string, kill func()) {
	t.Helper()
	program, dir := os.Getenv("SPORTELLO_TEST_REDIS_SERVER"), os.Getenv("SPORTELLO_TEST_REDIS_DIR")
	if program == "" || dir == "" {
		t.Skip("SPORTELLO_TEST_REDIS_SERVER is not set: the story is not told with Redis; run bash .ci/test")
	}
	socket := filepath.Join(dir, rand.Text()[:8]+".sock")
	return "unix://" + socket, startRedisAt(t, socket)
}

func startRedisAt(t *testing.T, socket string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Getenv("SPORTELLO_TEST_REDIS_SERVER"), "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", filepath.Dir(socket))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	kill = func() { _ = cmd.Process.Kill(); <-exited }
	t.Cleanup(kill)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(trialLook)
	defer tick.Stop()
	for {
		var d net.Dialer
		if c, err := d.DialContext(ctx, "unix", socket); err == nil {
			_ = c.Close()
			return kill
		}
		select {
		case <-tick.C:
		case <-exited:
			t.Fatal("redis-server did not start")
		case <-ctx.Done():
			t.Fatal("redis-server does not listen")
		}
	}
}
