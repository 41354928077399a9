package mailtest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"github.com/sportello/sportello/ingest/mail/mailtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const letter = "From: Ada <ada@example.org>\r\nTo: desk@example.com\r\nSubject: one\r\nMessage-ID: <1@example.org>\r\n\r\n.dotted\r\nlast\r\n"

func send(t *testing.T, s *mailtest.Server, from string, to ...string) error {
	t.Helper()
	c, err := smtp.Dial(s.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SendMail(from, to, strings.NewReader(letter)); err != nil {
		return err
	}
	return c.Quit()
}

func TestWhatIsSentBySMTPIsReadByIMAP(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{TLS: true, RequireTLS: true, RequireAuth: true, AuthServID: "mx.test"})
	s.AddUser("desk@example.com", "secret", "help@example.com")
	s.AddUser("ada@example.org", "pw")
	c, err := smtp.DialStartTLS(s.SMTPAddr(), &tls.Config{RootCAs: s.RootCAs(), ServerName: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail("ada@example.org", nil); err == nil {
		t.Fatal("MAIL before AUTH was taken")
	}
	if err := c.Auth(sasl.NewPlainClient("", "ada@example.org", "wrong")); err == nil {
		t.Fatal("a wrong password was taken")
	}
	if err := c.Auth(sasl.NewPlainClient("", "ada@example.org", "pw")); err != nil {
		t.Fatal(err)
	}
	if err := c.SendMail("ada@example.org", []string{"help+t7@example.com", "new@example.net"}, strings.NewReader(letter)); err != nil {
		t.Fatal(err)
	}
	sent := s.Sent()
	if len(sent) != 1 || string(sent[0].Data) != letter || len(sent[0].Violations) != 0 || sent[0].User != "ada@example.org" || !sent[0].TLS {
		t.Fatalf("transaction: %+v", sent)
	}
	if len(s.Inbox("new@example.net")) != 1 {
		t.Error("an unknown recipient got no mailbox")
	}

	client, err := imapclient.DialStartTLS(s.IMAPAddr(), &imapclient.Options{TLSConfig: &tls.Config{RootCAs: s.RootCAs(), ServerName: "127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Login("desk@example.com", "secret").Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	got, err := client.Fetch(imap.UIDSetNum(1), &imap.FetchOptions{
		Envelope: true, Flags: true, BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
		BodySection: []*imap.FetchItemBodySection{{}},
	}).Collect()
	if err != nil || len(got) != 1 {
		t.Fatalf("fetch: %v %v", got, err)
	}
	raw := got[0].BodySection[0].Bytes
	if !bytes.HasSuffix(raw, []byte(letter)) {
		t.Errorf("body differs:\n%s", raw)
	}
	for _, want := range []string{"Return-Path: <ada@example.org>", "Delivered-To: help+t7@example.com", "dmarc=pass header.from=example.org"} {
		if !bytes.Contains(raw, []byte(want)) {
			t.Errorf("no %q in\n%s", want, raw)
		}
	}
	if got[0].Envelope.Subject != "one" {
		t.Errorf("subject %q", got[0].Envelope.Subject)
	}
	found, err := client.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Message-Id", Value: "<1@example.org>"}}}, nil).Wait()
	if err != nil || !slices.Equal(found.AllUIDs(), []imap.UID{1}) {
		t.Errorf("search: %v %v", found, err)
	}
	// "n:*" names the last message even when it lies below n (RFC 9051 section 9): a client that forgets to filter must notice.
	found, err = client.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{{{Start: 50, Stop: 0}}}}, nil).Wait()
	if err != nil || !slices.Equal(found.AllUIDs(), []imap.UID{1}) {
		t.Errorf("search 50:*: %v %v", found, err)
	}
	if flags := s.Inbox("desk@example.com")[0].Flags; !slices.Equal(flags, []string{`\Seen`}) {
		t.Errorf("BODY[] without PEEK left the flags %v", flags)
	}
	if _, err := client.Move(imap.UIDSetNum(1), "Trash").Wait(); err != nil {
		t.Fatal(err)
	}
	if len(s.Inbox("desk@example.com")) != 0 || len(s.Folder("desk@example.com", "Trash")) != 1 {
		t.Error("the mail was not moved")
	}
}

func TestSMTPFaultsAtEveryVerb(t *testing.T) {
	for _, at := range []string{"CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT"} {
		for _, code := range []int{451, 550} {
			s := mailtest.Start(t, mailtest.Options{})
			f := s.FaultSMTP(mailtest.Fault{At: at, Code: code, Times: 1})
			c, err := smtp.Dial(s.SMTPAddr())
			if err == nil {
				err = c.SendMail("a@example.org", []string{"b@example.org"}, strings.NewReader(letter))
				c.Close()
			}
			var refused *smtp.SMTPError
			if !errors.As(err, &refused) || refused.Code != code {
				// go-smtp falls back to HELO after a refused EHLO, as RFC 5321 says.
				if at != "EHLO" || err != nil {
					t.Errorf("%s %d: got %v", at, code, err)
				}
			}
			if f.Hits() != 1 {
				t.Errorf("%s: struck %d times", at, f.Hits())
			}
			if at != "EHLO" && s.Count("b@example.org") != 0 {
				t.Errorf("%s %d: a refused mail was delivered", at, code)
			}
			if err := send(t, s, "a@example.org", "b@example.org"); err != nil {
				t.Errorf("%s: the next mail: %v", at, err)
			}
		}
	}
}

func TestSMTPCuts(t *testing.T) {
	tests := []struct {
		name      string
		fault     mailtest.Fault
		delivered int
	}{
		{"at MAIL", mailtest.Fault{At: "MAIL", Do: mailtest.Cut}, 0},
		{"at RCPT", mailtest.Fault{At: "RCPT", Do: mailtest.Cut}, 0},
		{"at DATA", mailtest.Fault{At: "DATA", Do: mailtest.Cut}, 0},
		{"in the body", mailtest.Fault{At: "BODY", Do: mailtest.Cut, After: 30}, 0},
		{"after the dot, kept", mailtest.Fault{At: "DOT", Do: mailtest.Cut}, 1},
		{"after the dot, lost", mailtest.Fault{At: "DOT", Do: mailtest.Cut, Lost: true}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := mailtest.Start(t, mailtest.Options{})
			s.FaultSMTP(test.fault)
			c, err := smtp.Dial(s.SMTPAddr())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SendMail("a@example.org", []string{"b@example.org"}, strings.NewReader(letter)); err == nil {
				t.Error("no error")
			}
			if got := s.Count("b@example.org"); got != test.delivered {
				t.Errorf("%d delivered, want %d", got, test.delivered)
			}
		})
	}
}

func TestSMTPSilenceEndsWithTheClientsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mailtest.Start(t, mailtest.Options{Memory: true})
		s.FaultSMTP(mailtest.Fault{At: "DOT", Do: mailtest.Hang})
		nc, err := s.DialSMTP(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c := smtp.NewClient(nc)
		c.SubmissionTimeout = 10 * time.Minute
		begin := time.Now()
		err = c.SendMail("a@example.org", []string{"b@example.org"}, strings.NewReader(letter))
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(begin) != 10*time.Minute {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		c.Close()
	})
}

func TestSMTPKeepsWrongBytesAndSaysSo(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	nc, err := net.Dial("tcp", s.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	body := "Subject: x\r\n\r\nbare\nlf\r\n" + strings.Repeat("x", 999) + "\r\n\n..\r\n"
	io.WriteString(nc, "EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"+body+".\r\nQUIT\r\n")
	if _, err := io.ReadAll(nc); err != nil {
		t.Fatal(err)
	}
	sent := s.Sent()
	if len(sent) != 1 {
		t.Fatalf("%d transactions", len(sent))
	}
	if want := strings.Replace(body, "\n..\r\n", "\n.\r\n", 1); string(sent[0].Data) != want {
		t.Errorf("data %q, want %q", sent[0].Data, want)
	}
	want := []string{"line 3: LF without CR", "line 5: 999 bytes long, 998 are allowed", "line 6: LF without CR"}
	if !slices.Equal(sent[0].Violations, want) {
		t.Errorf("violations %q, want %q", sent[0].Violations, want)
	}
}

func TestStrict(t *testing.T) {
	tests := []struct{ name, mail, want string }{
		{"good", letter, ""},
		{"no end of line", "A: b\r\n\r\nx", "line 3: the mail does not end with CRLF"},
		{"lone CR", "A: b\r\n\r\nx\ry\r\n", "line 3: CR without LF"},
		{"NUL", "A: b\r\n\r\nx\x00\r\n", "line 3: NUL"},
		{"no field", "A: b\r\nnonsense\r\n\r\n", "line 2: neither a header field nor a continued one"},
		{"longest line", "A: b\r\n\r\n" + strings.Repeat("x", 998) + "\r\n", ""},
	}
	for _, test := range tests {
		if got := strings.Join(mailtest.Strict([]byte(test.mail)), "; "); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestWaitForEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mailtest.Start(t, mailtest.Options{Memory: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go func() {
			time.Sleep(time.Minute) // of the bubble's clock
			s.Deliver("a@example.org", []byte(letter))
		}()
		if err := s.WaitFor(ctx, func() bool { return s.Count("a@example.org") == 1 }); err != nil {
			t.Error(err)
		}
		if err := s.WaitFor(ctx, func() bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestRenumberKeepsTheMailsUnderNewNames(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	s.Deliver("a@example.org", []byte("one"))
	s.Deliver("a@example.org", []byte("two"))
	before := s.Inbox("a@example.org")
	if err := s.Renumber("a@example.org", "INBOX", 40); err != nil {
		t.Fatal(err)
	}
	after := s.Inbox("a@example.org")
	if after[0].UIDValidity <= before[0].UIDValidity || after[0].UID != 40 || after[1].UID != 41 || string(after[1].Raw) != "two" {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
}

func TestAnybodyMayJoinWithTheCommonPassword(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{Password: "demo"})
	if err := send(t, s, "x@example.org", "guest@example.net"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		user, password string
		ok             bool
	}{{"guest@example.net", "demo", true}, {"other@example.net", "demo", true}, {"guest@example.net", "no", false}} {
		c, err := imapclient.DialInsecure(s.IMAPAddr(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Login(test.user, test.password).Wait(); (err == nil) != test.ok {
			t.Errorf("%s/%s: %v", test.user, test.password, err)
		}
		c.Close()
	}
}
