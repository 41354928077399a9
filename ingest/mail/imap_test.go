package mail

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ticketing"
)

func TestFetchIsByteExactAndChangesNothing(t *testing.T) {
	onEveryServer(t, func(t *testing.T, s *imapServer) {
		mails := []string{
			letterOf(1),
			"Subject: no body at all\r\n\r\n",
			"From: x\r\n\r\n" + strings.Repeat("0123456789 caff\xe8 \xc3\xa8\r\n", 60000), // over 1 MiB
			"no header line\r\nsecond\r\n\r\n.\r\n..\r\n) OK FETCH\r\n",
		}
		for _, raw := range mails {
			s.deliver(t, raw)
		}
		session, f := s.session(t, nil)
		if f.UIDNext != uint32(len(mails))+1 || f.UIDValidity == 0 {
			t.Errorf("folder %+v", f)
		}
		uids, err := session.NewUIDs(within(t), 0)
		if err != nil || !slices.Equal(uids, []uint32{1, 2, 3, 4}) {
			t.Fatalf("uids %v, %v", uids, err)
		}
		heads, err := session.Heads(within(t), uids)
		if err != nil || len(heads) != len(mails) {
			t.Fatalf("heads %v, %v", heads, err)
		}
		items, err := session.Fetch(within(t), heads)
		if err != nil || len(items) != len(mails) {
			t.Fatalf("%d items, %v", len(items), err)
		}
		for i, item := range items {
			if got := string(item.Bytes); !sameAnyOrder(got, mails) {
				t.Errorf("mail %d of %d bytes is none of those delivered", item.UID, len(got))
			}
			if item.At.IsZero() || heads[i].Size == 0 {
				t.Errorf("mail %d has no date or size: %+v", item.UID, heads[i])
			}
		}
		if s.flags != nil {
			if flags := s.flags(t); len(flags) > 0 {
				t.Errorf("reading left the flags %v", flags)
			}
		}
	})
}

func sameAnyOrder(got string, all []string) bool { return slices.Contains(all, got) }

func TestNewUIDsAreAboveTheCursor(t *testing.T) {
	onEveryServer(t, func(t *testing.T, s *imapServer) {
		s.deliver(t, letterOf(1))
		s.deliver(t, letterOf(2))
		session, _ := s.session(t, nil)
		for _, test := range []struct {
			cursor uint32
			want   []uint32
		}{{0, []uint32{1, 2}}, {1, []uint32{2}}, {2, nil}, {77, nil}, {1<<32 - 1, nil}} {
			got, err := session.NewUIDs(within(t), test.cursor)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("above %d: %v, %v, want %v", test.cursor, got, err, test.want)
			}
		}
	})
}

func TestIdleEndsWhenMailComes(t *testing.T) {
	onEveryServer(t, func(t *testing.T, s *imapServer) {
		session, _ := s.session(t, nil)
		s.deliver(t, letterOf(1))
		news, err := session.Idle(within(t), time.Minute)
		if err != nil || !news {
			t.Fatalf("news %v, %v", news, err)
		}
		uids, err := session.NewUIDs(within(t), 0)
		if err != nil || len(uids) != 1 {
			t.Fatalf("uids %v, %v", uids, err)
		}
		// Nothing more comes: the wait is over by time, and the connection still works.
		news, err = session.Idle(within(t), time.Millisecond)
		if err != nil || news {
			t.Errorf("news %v, %v", news, err)
		}
	})
}

func TestIdleEndsWithItsContext(t *testing.T) {
	s := inProcess(t, "none", mailtest.Options{})
	session, _ := s.session(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := session.Idle(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestServerWithoutIdleIsPolled(t *testing.T) {
	s := inProcess(t, "none", mailtest.Options{})
	session, _ := s.session(t, nil)
	delete(session.caps, "IDLE")
	delete(session.caps, "IMAP4rev2")
	s.deliver(t, letterOf(1))
	if news, err := session.Idle(within(t), time.Millisecond); err != nil || !news {
		t.Errorf("news %v, %v", news, err)
	}
}

func TestLargeMailIsReadInPart(t *testing.T) {
	onEveryServer(t, func(t *testing.T, s *imapServer) {
		raw := "Subject: large\r\n\r\n" + strings.Repeat("x", 70) + "\r\n" + strings.Repeat(strings.Repeat("y", 70)+"\r\n", 4000)
		s.deliver(t, raw)
		session, _ := s.session(t, func(c *IMAPConfig) { c.MaxSize = 100_000 })
		heads, err := session.Heads(within(t), []uint32{1})
		if err != nil || len(heads) != 1 || heads[0].Size <= 100_000 {
			t.Fatalf("%+v, %v", heads, err)
		}
		items, err := session.FetchExcerpt(within(t), heads)
		if err != nil || len(items) != 1 || !items[0].Cut || string(items[0].Bytes) != raw[:ExcerptSize] {
			t.Fatalf("%d items, %v", len(items), err)
		}
		_, err = session.Fetch(within(t), heads)
		if e := IMAPErrorOf(err); e == nil || e.Code != "imap.oversize" {
			t.Errorf("whole: %v", err)
		}
	})
}

func TestFlagAndMove(t *testing.T) {
	onEveryServer(t, func(t *testing.T, s *imapServer) {
		for n := range 3 {
			s.deliver(t, letterOf(n))
		}
		session, _ := s.session(t, nil)
		if err := session.Flag(within(t), []uint32{1}); err != nil {
			t.Fatal(err)
		}
		if s.flags != nil && !slices.Equal(s.flags(t), []string{DoneKeyword}) {
			t.Errorf("flags %v", s.flags(t))
		}
		if err := session.Move(within(t), []uint32{1, 2}, DefaultMoveTo); err != nil {
			t.Fatal(err)
		}
		left, err := session.NewUIDs(within(t), 0)
		if err != nil || !slices.Equal(left, []uint32{3}) {
			t.Errorf("left %v, %v", left, err)
		}
		// Again, as after a crash: harmless.
		if err := session.Move(within(t), []uint32{1, 2}, DefaultMoveTo); err != nil {
			t.Errorf("again: %v", err)
		}
		f, err := session.Examine(within(t), DefaultMoveTo)
		if err != nil || f.Messages != 2 {
			t.Errorf("target %+v, %v", f, err)
		}
	})
}

func TestMoveWithoutTheExtension(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{Without: []string{"MOVE"}})
	server.AddUser(deskAddress, "secret")
	server.Deliver(deskAddress, []byte(letterOf(1)))
	// Another client has marked this one and not yet removed it: that is not ours to do.
	server.Put(deskAddress, "INBOX", []byte(letterOf(2)), time.Now(), `\Deleted`)
	s := &imapServer{config: at(t, server.IMAPAddr(), IMAPConfig{Name: "desk", TLS: "none", Username: deskAddress, Password: "secret"})}
	session, _ := s.session(t, nil)
	if err := session.Move(within(t), []uint32{1}, "Done"); err != nil {
		t.Fatal(err)
	}
	if len(server.Folder(deskAddress, "Done")) != 1 || len(server.Inbox(deskAddress)) != 1 {
		t.Errorf("inbox %v, done %v", server.Inbox(deskAddress), server.Folder(deskAddress, "Done"))
	}
	delete(session.caps, "UIDPLUS")
	err := session.Move(within(t), []uint32{2}, "Done")
	if e := IMAPErrorOf(err); e == nil || e.Code != "imap.move" || e.Class != IMAPSettings {
		t.Errorf("without UIDPLUS: %v", err)
	}
	if server.Did(deskAddress, "EXPUNGE") != 1 {
		t.Errorf("%d EXPUNGE commands", server.Did(deskAddress, "EXPUNGE"))
	}
}

func TestSentMailIsFoundByItsMessageID(t *testing.T) {
	onEveryServer(t, func(t *testing.T, s *imapServer) {
		session, _ := s.session(t, nil)
		if err := session.Append(within(t), "Sent", []byte(letterOf(7)), time.Now()); err != nil {
			t.Fatal(err)
		}
		m := s.mailbox(t, nil)
		for _, test := range []struct {
			folder, id string
			want       ticketing.Found
			fails      bool
		}{
			{"Sent", "<7@example.org>", ticketing.ProbeFound, false},
			{"", "<7@example.org>", ticketing.ProbeFound, false},
			{"Sent", "<77@example.org>", ticketing.ProbeMissing, false},
			{"Sent", "<@example.org>", ticketing.ProbeMissing, false},
			{"No such folder", "<7@example.org>", ticketing.ProbeImpossible, true},
		} {
			got, err := m.FindSent(within(t), test.folder, test.id)
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("%q in %q: %v, %v", test.id, test.folder, got, err)
			}
		}
	})
}

func TestSearchSinceComparesDaysGenerously(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	server.AddUser(deskAddress, "secret")
	now := time.Now()
	server.Put(deskAddress, "INBOX", []byte(letterOf(1)), now.AddDate(0, 0, -9))
	server.Put(deskAddress, "INBOX", []byte("Date: "+now.Format(time.RFC1123Z)+"\r\n\r\n"), now.AddDate(0, 0, -9))
	server.Put(deskAddress, "INBOX", []byte(letterOf(3)), now)
	s := &imapServer{config: at(t, server.IMAPAddr(), IMAPConfig{Name: "desk", TLS: "none", Username: deskAddress, Password: "secret"})}
	session, _ := s.session(t, nil)
	got, err := session.SearchSince(within(t), now.AddDate(0, 0, -3))
	if err != nil || !slices.Equal(got, []uint32{2, 3}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	tests := []struct {
		name   string
		mode   string
		change func(*IMAPConfig)
		fault  *mailtest.Fault
		code   string
		class  IMAPClass
		says   string
	}{
		{"wrong password", "starttls", func(c *IMAPConfig) { c.Password = "no" }, nil, "imap.password", IMAPAuth, "check both"},
		{"wrong password, PLAIN", "tls", func(c *IMAPConfig) { c.Password, c.Auth = "no", "plain" }, nil, "imap.password", IMAPAuth, "check both"},
		{"server too busy to sign in", "tls", nil, &mailtest.Fault{At: "LOGIN", Do: mailtest.Hang}, "imap.silent", IMAPTemporary, "does not answer"},
		{"account closed", "tls", nil, &mailtest.Fault{At: "LOGIN", Text: "account is closed"}, "imap.password", IMAPAuth, "account is closed"},
		{"nobody listens", "none", func(c *IMAPConfig) { *c = at(t, closed.Addr().String(), *c) }, nil, "imap.unreachable", IMAPTemporary, "host, port and firewall"},
		{"unknown host", "none", func(c *IMAPConfig) { c.Host, c.AllowPlaintext = "no-such-host.invalid", true }, nil, "imap.unreachable", IMAPTemporary, "no-such-host.invalid"},
		{"unknown authority", "tls", func(c *IMAPConfig) { c.RootCAs = nil }, nil, "imap.certificate", IMAPSettings, "certificate"},
		{"unknown authority, STARTTLS", "starttls", func(c *IMAPConfig) { c.RootCAs = nil }, nil, "imap.certificate", IMAPSettings, "certificate"},
		{"TLS at a port that speaks IMAP", "none", func(c *IMAPConfig) { c.TLS = "tls" }, nil, "imap.tls", IMAPSettings, `"starttls" with port 143`},
		{"STARTTLS not offered", "none", func(c *IMAPConfig) { c.TLS = "starttls" }, nil, "imap.starttls", IMAPSettings, "port 993"},
		{"greeting never comes", "none", nil, &mailtest.Fault{At: "CONNECT", Do: mailtest.Hang}, "imap.silent", IMAPTemporary, "does not answer"},
		{"connection dropped at once", "none", nil, &mailtest.Fault{At: "CONNECT", Do: mailtest.Cut}, "imap.closed", IMAPTemporary, "closed"},
		{"server says BYE", "none", nil, &mailtest.Fault{At: "CONNECT", Text: "try later"}, "imap.refused", IMAPTemporary, "try later"},
		{"folder missing", "tls", func(c *IMAPConfig) { c.Folder = "Support" }, nil, "imap.folder", IMAPSettings, "case-sensitive"},
		{"XOAUTH2 token refused", "tls", func(c *IMAPConfig) {
			c.Auth, c.Token = "xoauth2", func(context.Context) (string, error) { return "old", nil }
		}, nil, "imap.password", IMAPAuth, "OAuth"},
		{"no token", "tls", func(c *IMAPConfig) {
			c.Auth, c.Token = "xoauth2", func(context.Context) (string, error) { return "", errors.New("refresh failed") }
		}, nil, "imap.token", IMAPAuth, "sign in again"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := mailtest.Start(t, mailtest.Options{TLS: test.mode != "none", RequireTLS: test.mode != "none"})
			server.AddUser(deskAddress, "secret")
			server.SetToken(deskAddress, "fresh")
			address := server.IMAPAddr()
			if test.mode == "tls" {
				address = server.IMAPSAddr()
			}
			c := at(t, address, IMAPConfig{Name: "desk", TLS: test.mode, Username: deskAddress, Password: "secret", RootCAs: server.RootCAs()})
			c.CommandTimeout = 5 * time.Second
			if test.code == "imap.silent" {
				c.CommandTimeout = 200 * time.Millisecond
			}
			if test.change != nil {
				test.change(&c)
			}
			if test.fault != nil {
				server.FaultIMAP(*test.fault)
			}
			s := &imapServer{config: c}
			session, err := s.mailbox(t, nil).Dial(within(t))
			if err == nil {
				_, err = session.Select(within(t))
				session.Close()
			}
			e := IMAPErrorOf(err)
			if e == nil {
				t.Fatalf("%v", err)
			}
			if e.Code != test.code || e.Class != test.class || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s, %s: %v", e.Code, e.Class, err)
			}
			if strings.Contains(err.Error(), "secret") || ticketing.Permanent(err) {
				t.Errorf("the error ends the mailbox or tells the password: %v", err)
			}
		})
	}
}

func TestXOAUTH2(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{TLS: true, RequireTLS: true})
	server.SetToken(deskAddress, "fresh")
	s := &imapServer{config: at(t, server.IMAPSAddr(), IMAPConfig{
		Name: "desk", Username: deskAddress, RootCAs: server.RootCAs(), Auth: "xoauth2",
		Token: func(context.Context) (string, error) { return "fresh", nil },
	})}
	s.session(t, nil)
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	good := IMAPConfig{Name: "desk", Host: "imap.example.com", Username: "u", Password: "p"}
	tests := []struct {
		name   string
		change func(*IMAPConfig)
		says   string // empty: accepted
	}{
		{"defaults", func(*IMAPConfig) {}, ""},
		{"no name", func(c *IMAPConfig) { c.Name = "" }, "name"},
		{"name with a slash", func(c *IMAPConfig) { c.Name = "a/b" }, "slashes"},
		{"no host", func(c *IMAPConfig) { c.Host = "" }, "host is missing"},
		{"no user", func(c *IMAPConfig) { c.Username = "" }, "username"},
		{"no password", func(c *IMAPConfig) { c.Password = "" }, "password is missing"},
		{"plaintext", func(c *IMAPConfig) { c.TLS = "none" }, "readable"},
		{"plaintext on loopback", func(c *IMAPConfig) { c.TLS, c.Host = "none", "127.0.0.1" }, ""},
		{"plaintext on purpose", func(c *IMAPConfig) { c.TLS, c.AllowPlaintext = "none", true }, ""},
		{"unknown tls", func(c *IMAPConfig) { c.TLS = "ssl" }, `"starttls"`},
		{"unknown auth", func(c *IMAPConfig) { c.Auth = "ntlm" }, `"xoauth2"`},
		{"xoauth2 without client", func(c *IMAPConfig) { c.Auth = "xoauth2" }, "OAuth client"},
		{"unknown after", func(c *IMAPConfig) { c.After = "delete" }, `"keep"`},
		{"move into itself", func(c *IMAPConfig) { c.After, c.MoveTo = "move", "inbox" }, "again and again"},
		{"chunk", func(c *IMAPConfig) { c.Chunk = 501 }, "1 to 500"},
		{"poll", func(c *IMAPConfig) { c.Poll = time.Hour }, "1s to 1m"},
	}
	for _, test := range tests {
		c := good
		test.change(&c)
		err := c.complete()
		if test.says == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.says) || !ticketing.Permanent(err) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestReadLiteralIsWholeOrAnError(t *testing.T) {
	for _, test := range []struct {
		body string
		size int64
		ok   bool
	}{{"", 0, true}, {"abc", 3, true}, {"abc", 4, false}, {"", 1 << 40, false}} {
		got, err := readLiteral(strings.NewReader(test.body), test.size)
		if (err == nil) != test.ok || test.ok && string(got) != test.body {
			t.Errorf("%q of %d: %q, %v", test.body, test.size, got, err)
		}
	}
}
