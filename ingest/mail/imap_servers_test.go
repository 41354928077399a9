package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
)

// patience is a limit against hanging, not a measure.
const patience = 30 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// imapServer is a server the same tests run against: the one in the process, and real ones where they are.
type imapServer struct {
	name    string
	config  IMAPConfig
	deliver func(t *testing.T, raw string) // raw has CRLF line ends
	flags   func(t *testing.T) []string    // of all mails in INBOX, as the server keeps them; nil where it cannot be seen
}

func (s *imapServer) mailbox(t *testing.T, change func(*IMAPConfig)) *Mailbox {
	t.Helper()
	c := s.config
	if change != nil {
		change(&c)
	}
	m, err := NewMailbox(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (s *imapServer) session(t *testing.T, change func(*IMAPConfig)) (*Session, Folder) {
	t.Helper()
	session, err := s.mailbox(t, change).Dial(within(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	f, err := session.Select(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return session, f
}

// onEveryServer runs a test against each server there is, each time with an empty mailbox of its own.
func onEveryServer(t *testing.T, test func(t *testing.T, s *imapServer)) {
	for _, mode := range []string{"none", "starttls", "tls"} {
		t.Run("mailtest-"+mode, func(t *testing.T) { test(t, inProcess(t, mode, mailtest.Options{})) })
	}
	t.Run("dovecot-none", func(t *testing.T) { test(t, dovecot(t, "SPORTELLO_TEST_DOVECOT", "none")) })
	t.Run("dovecot-starttls", func(t *testing.T) { test(t, dovecot(t, "SPORTELLO_TEST_DOVECOT", "starttls")) })
	t.Run("dovecot-tls", func(t *testing.T) { test(t, dovecot(t, "SPORTELLO_TEST_DOVECOT_TLS", "tls")) })
}

const deskAddress = "desk@example.com"

func inProcess(t *testing.T, mode string, o mailtest.Options) *imapServer {
	t.Helper()
	o.TLS = mode != "none"
	server := mailtest.Start(t, o)
	server.AddUser(deskAddress, "secret")
	address := server.IMAPAddr()
	if mode == "tls" {
		address = server.IMAPSAddr()
	}
	return &imapServer{
		name:   "mailtest",
		config: at(t, address, IMAPConfig{Name: "desk", TLS: mode, Username: deskAddress, Password: "secret", RootCAs: server.RootCAs()}),
		deliver: func(_ *testing.T, raw string) {
			server.Deliver(deskAddress, []byte(raw))
		},
		flags: func(*testing.T) []string {
			var all []string
			for _, m := range server.Inbox(deskAddress) {
				all = append(all, m.Flags...)
			}
			return all
		},
	}
}

func at(t *testing.T, address string, c IMAPConfig) IMAPConfig {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	c.Host = host
	c.Port, err = strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// dovecot is a real server. Mail is delivered as a delivery agent does it: a file renamed into Maildir/new.
func dovecot(t *testing.T, env, mode string) *imapServer {
	t.Helper()
	address, dir := os.Getenv(env), os.Getenv("SPORTELLO_TEST_DOVECOT_MAIL")
	if address == "" || dir == "" {
		t.Skipf("%s and SPORTELLO_TEST_DOVECOT_MAIL are not set: .ci/test starts a Dovecot and sets them", env)
	}
	user := "imap-" + strings.ToLower(rand.Text()) + "@example.com"
	c := at(t, address, IMAPConfig{Name: "desk", TLS: mode, Username: user, Password: os.Getenv("SPORTELLO_TEST_DOVECOT_PASSWORD")})
	if mode != "none" {
		c.RootCAs = dovecotCA(t)
	}
	s := &imapServer{name: "dovecot", config: c}
	home := filepath.Join(dir, user, "Maildir")
	n := 0
	s.deliver = func(t *testing.T, raw string) {
		t.Helper()
		n++
		name := fmt.Sprintf("%d.M%d.test", time.Now().Unix(), n)
		tmp := filepath.Join(home, "tmp", name)
		if err := os.WriteFile(tmp, bytes.ReplaceAll([]byte(raw), []byte("\r\n"), []byte("\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		own(t, tmp)
		if err := os.Rename(tmp, filepath.Join(home, "new", name)); err != nil {
			t.Fatal(err)
		}
	}
	// The first sign-in makes the Maildir with the right owner.
	session, err := s.mailbox(t, nil).Dial(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Select(within(t)); err != nil {
		t.Fatal(err)
	}
	session.Close()
	return s
}

// dovecotCA trusts the certificate of the test server.
func dovecotCA(t *testing.T) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(os.Getenv("SPORTELLO_TEST_DOVECOT_CA"))
	if err != nil {
		t.Fatalf("SPORTELLO_TEST_DOVECOT_CA must name the certificate of the test server: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

// own gives a file to the user the server runs as, when the tests run as root.
func own(t *testing.T, name string) {
	t.Helper()
	var uid, gid int
	if n, _ := fmt.Sscanf(os.Getenv("SPORTELLO_TEST_DOVECOT_OWNER"), "%d:%d", &uid, &gid); n == 2 {
		if err := os.Chown(name, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
}

func letterOf(n int) string {
	return fmt.Sprintf("From: Ada <ada@example.org>\r\nTo: %s\r\nSubject: letter %d\r\nMessage-ID: <%d@example.org>\r\n\r\nbody %d\r\n", deskAddress, n, n, n)
}
