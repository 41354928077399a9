package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/sportello/sportello/ticketing"
)

// scripted is a raw SMTP server that does exactly what its steps say. A step is GREETING, EHLO, MAIL, RCPT, DATA or DOT; its value is a
// reply, or "drop" to close the connection, or "silence" to say nothing for ever. Steps that are not named succeed.
type scripted struct {
	listener net.Listener
	steps    map[string]string
	reached  chan string // verbs as they arrive, buffered

	mu          sync.Mutex
	connections int
	lines       []string // commands seen
	bodies      []string // raw bytes between DATA and the end of the connection or the dot
	once        bool     // steps apply to the first connection only
	after       int      // steps apply from this letter of a connection on
}

func newScripted(t *testing.T, steps map[string]string, options ...func(*scripted)) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{listener: l, steps: steps, reached: make(chan string, 1000)}
	for _, option := range options {
		option(s)
	}
	var all sync.WaitGroup
	var open sync.Map
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(c, true)
			s.mu.Lock()
			s.connections++
			n := s.connections
			s.mu.Unlock()
			all.Go(func() { s.serve(c, n) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		all.Wait()
	})
	return s
}

func (s *scripted) serve(c net.Conn, n int) {
	defer c.Close()
	r := bufio.NewReader(c)
	letters := 0
	// say plays a step and reports whether the conversation goes on.
	say := func(step, good string) bool {
		reply := good
		if bad, ok := s.steps[step]; ok && (!s.once || n == 1) && letters >= s.after {
			reply = bad
		}
		s.reached <- step
		switch reply {
		case "drop":
			return false
		case "silence":
			_, _ = io.Copy(io.Discard, r)
			return false
		}
		_, err := io.WriteString(c, reply+"\r\n")
		return err == nil && !strings.HasPrefix(reply, "421")
	}
	if !say("GREETING", "220 scripted") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		verb, _, _ := strings.Cut(line, " ")
		good := "250 ok"
		switch verb {
		case "EHLO":
			good = "250-scripted\r\n250-DSN\r\n250 SIZE 100000"
		case "DATA":
			good = "354 go on"
		case "QUIT":
			_, _ = io.WriteString(c, "221 bye\r\n")
			return
		}
		if !say(verb, good) {
			return
		}
		if verb != "DATA" || s.steps["DATA"] != "" && !strings.HasPrefix(s.steps["DATA"], "354") && (!s.once || n == 1) {
			continue
		}
		var body strings.Builder
		for {
			line, err := r.ReadString('\n')
			body.WriteString(line)
			if err != nil || line == ".\r\n" {
				s.mu.Lock()
				s.bodies = append(s.bodies, body.String())
				s.mu.Unlock()
				if err != nil {
					return
				}
				break
			}
		}
		if !say("DOT", "250 2.0.0 queued as 1") {
			return
		}
		letters++
	}
}

// seen returns how many connections there were, the commands and the bodies.
func (s *scripted) seen() (connections int, lines, bodies []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections, slices.Clone(s.lines), slices.Clone(s.bodies)
}

func (s *scripted) config() SMTPConfig {
	host, port, _ := net.SplitHostPort(s.listener.Addr().String())
	n, _ := strconv.Atoi(port)
	return SMTPConfig{Host: host, Port: n, TLS: TLSNone, Helo: "desk.example"}
}

func newTestSender(t *testing.T, c SMTPConfig) *Sender {
	t.Helper()
	s, err := NewSender(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func testEnvelope() Envelope {
	return Envelope{From: "bounce+x@desk.example", To: "maria@cliente.example", ENVID: "01JABCDEF", Bytes: []byte("Subject: x\r\n\r\nciao\r\n")}
}

func nothing() error { return nil }

func TestSendVerbsAndFaults(t *testing.T) {
	for _, verb := range []string{"GREETING", "EHLO", "MAIL", "RCPT", "DATA", "DOT"} {
		for _, fault := range []string{"451 4.3.0 later", "550 5.1.1 no such user", "421 4.3.2 closing", "drop", "silence", "gibberish"} {
			t.Run(verb+" "+fault, func(t *testing.T) {
				server := newScripted(t, map[string]string{verb: fault, "HELO": "502 no"})
				sender := newTestSender(t, server.config())
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if fault == "silence" {
					go func() {
						for step := range server.reached {
							if step == verb {
								cancel()
								return
							}
						}
					}()
				}
				began := 0
				_, err := sender.Send(ctx, testEnvelope(), func() error { began++; return nil })
				var failed *SendError
				if !errors.As(err, &failed) {
					t.Fatalf("got %v, want a *SendError", err)
				}
				session := verb == "GREETING" || verb == "EHLO"
				want := SendTemporary
				switch {
				case fault == "550 5.1.1 no such user" && !session:
					want = SendPermanent
				case verb == "DOT" && (fault == "drop" || fault == "silence" || fault == "gibberish"):
					want = SendUnknown
				}
				if failed.Kind != want {
					t.Errorf("kind %s, want %s (%v)", failed.Kind, want, err)
				}
				if code, _ := strconv.Atoi(fault[:min(3, len(fault))]); failed.Code != code && verb != "EHLO" {
					t.Errorf("code %d, want %d (%v)", failed.Code, code, err)
				}
				if strings.HasPrefix(fault, "550") && !session && (failed.Enhanced != "5.1.1" || failed.Answer != "5.1.1 no such user") {
					t.Errorf("enhanced %q, answer %q", failed.Enhanced, failed.Answer)
				}
				if fault == "silence" && !errors.Is(err, context.Canceled) {
					t.Errorf("%v does not say that it was cancelled", err)
				}
				if wantBegan := map[string]int{"DATA": 1, "DOT": 1}[verb]; began != wantBegan {
					t.Errorf("began called %d times, want %d", began, wantBegan)
				}
				if n, _, _ := server.seen(); n != 1 {
					t.Errorf("%d connections, want 1", n)
				}
				if len(sender.idle) != 0 {
					t.Error("a connection was kept after an error")
				}
			})
		}
	}
}

// TestSendInterruptedInBody: without the final dot the server must not have the letter, so it may go again.
func TestSendInterruptedInBody(t *testing.T) {
	server := newScripted(t, nil)
	sender := newTestSender(t, server.config())
	ctx, cancel := context.WithCancel(t.Context())
	e := testEnvelope()
	e.Bytes = bytes.Repeat([]byte("una riga di testo\r\n"), 5000) // beyond what the server announced is refused, so stay below
	_, err := sender.Send(ctx, e, func() error { cancel(); <-ctx.Done(); return nil })
	var failed *SendError
	if !errors.As(err, &failed) || failed.Kind != SendTemporary || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want temporary", err)
	}
	_, _, bodies := server.seen()
	for _, body := range bodies {
		if strings.HasSuffix(body, "\r\n.\r\n") {
			t.Error("an interrupted letter was ended with a dot: the server would deliver half of it")
		}
	}
}

func TestSendBeganFails(t *testing.T) {
	server := newScripted(t, nil)
	sender := newTestSender(t, server.config())
	cause := errors.New("database away")
	_, err := sender.Send(t.Context(), testEnvelope(), func() error { return cause })
	var failed *SendError
	if !errors.As(err, &failed) || failed.Kind != SendTemporary || !errors.Is(err, cause) {
		t.Fatalf("got %v, want temporary because of %v", err, cause)
	}
	_, lines, _ := server.seen()
	for _, line := range lines {
		if line == "DATA" {
			t.Error("DATA was said although began failed")
		}
	}
}

func TestSendWireCommands(t *testing.T) {
	server := newScripted(t, nil)
	sender := newTestSender(t, server.config())
	e := testEnvelope()
	e.ENVID = "01J+x=y"
	answer, err := sender.Send(t.Context(), e, nothing)
	if err != nil || answer != "2.0.0 queued as 1" {
		t.Fatalf("answer %q, error %v", answer, err)
	}
	want := []string{"EHLO desk.example", "MAIL FROM:<bounce+x@desk.example> SIZE=20 RET=HDRS ENVID=01J+2Bx+3Dy",
		"RCPT TO:<maria@cliente.example> NOTIFY=FAILURE", "DATA"}
	if _, lines, _ := server.seen(); !slices.Equal(lines, want) {
		t.Errorf("said\n%q, want\n%q", lines, want)
	}
}

func TestSendReusesConnections(t *testing.T) {
	server := newScripted(t, nil)
	c := server.config()
	c.MaxLetters = 5
	sender := newTestSender(t, c)
	for range 12 {
		if _, err := sender.Send(t.Context(), testEnvelope(), nothing); err != nil {
			t.Fatal(err)
		}
	}
	connections, lines, bodies := server.seen()
	if connections != 3 {
		t.Errorf("12 letters, 5 a connection: %d connections, want 3", connections)
	}
	for _, line := range lines {
		if line == "NOOP" || line == "RSET" {
			t.Errorf("%s costs a round trip that nothing needs", line)
		}
	}
	if len(bodies) != 12 {
		t.Errorf("%d letters arrived, want 12", len(bodies))
	}
}

// TestSendKeptConnectionWentAway: the server may end an idle connection at any time; the letter goes over a new one at once.
func TestSendKeptConnectionWentAway(t *testing.T) {
	for _, fault := range []string{"drop", "421 4.4.2 idle too long"} {
		server := newScripted(t, map[string]string{"MAIL": fault}, func(s *scripted) { s.once, s.after = true, 1 })
		sender := newTestSender(t, server.config())
		began := 0
		for range 2 {
			if _, err := sender.Send(t.Context(), testEnvelope(), func() error { began++; return nil }); err != nil {
				t.Fatalf("%s: %v", fault, err)
			}
		}
		if n, _, bodies := server.seen(); n != 2 || began != 2 || len(bodies) != 2 {
			t.Errorf("%s: %d connections, %d begun, %d letters; want 2 of each", fault, n, began, len(bodies))
		}
	}
}

func TestSendIdleConnectionIsClosed(t *testing.T) {
	server := newScripted(t, nil)
	c := server.config()
	c.IdleLimit = time.Nanosecond
	sender := newTestSender(t, c)
	for range 2 {
		if _, err := sender.Send(t.Context(), testEnvelope(), nothing); err != nil {
			t.Fatal(err)
		}
		for step := range server.reached {
			if step == "DOT" {
				break
			}
		}
		waitFor(t, func() bool { sender.mu.Lock(); defer sender.mu.Unlock(); return len(sender.idle) == 0 })
	}
	if n, _, _ := server.seen(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// waitFor gives other goroutines time until a state is reached; only a hang fails it.
func waitFor(t *testing.T, reached func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-limit:
			t.Fatal("the state was never reached")
		case <-tick.C:
		}
	}
}

func TestSendManyAtOnce(t *testing.T) {
	server := newScripted(t, nil)
	c := server.config()
	c.Connections = 3
	sender := newTestSender(t, c)
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			if _, err := sender.Send(t.Context(), testEnvelope(), nothing); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n, _, bodies := server.seen(); n > 3 || len(bodies) != 30 {
		t.Errorf("%d connections (at most 3), %d letters (30)", n, len(bodies))
	}
}

func TestSendRefusesBeforeConnecting(t *testing.T) {
	server := newScripted(t, nil)
	sender := newTestSender(t, server.config())
	for name, change := range map[string]func(*Envelope){
		"no recipient":        func(e *Envelope) { e.To = "" },
		"command in address":  func(e *Envelope) { e.To = "a@b.example>\r\nRCPT TO:<c@d.example" },
		"parameters in local": func(e *Envelope) { e.To = `"a@b.example> SIZE=1 <"@c.example` },
		"bad sender":          func(e *Envelope) { e.From = "nobody" },
		"RET":                 func(e *Envelope) { e.RET = "ALL" },
		"long ENVID":          func(e *Envelope) { e.ENVID = strings.Repeat("x", 101) },
		"bare LF":             func(e *Envelope) { e.Bytes = []byte("a\r\n.\n\r\nb\r\n") },
		"bare LF first":       func(e *Envelope) { e.Bytes = []byte("\nb\r\n") },
		"bare CR":             func(e *Envelope) { e.Bytes = []byte("a\rb\r\n") },
		"NUL":                 func(e *Envelope) { e.Bytes = []byte("a\x00\r\n") },
		"8-bit":               func(e *Envelope) { e.Bytes = []byte("perché\r\n") },
		"long line":           func(e *Envelope) { e.Bytes = []byte(strings.Repeat("x", 999) + "\r\n") },
		"unfinished":          func(e *Envelope) { e.Bytes = []byte("a\r\nb") },
		"empty":               func(e *Envelope) { e.Bytes = nil },
	} {
		e := testEnvelope()
		change(&e)
		_, err := sender.Send(t.Context(), e, func() error { t.Errorf("%s: begun", name); return nil })
		var failed *SendError
		if !errors.As(err, &failed) || failed.Kind != SendPermanent {
			t.Errorf("%s: %v, want permanent", name, err)
		}
	}
	e := testEnvelope()
	e.Bytes = []byte(strings.Repeat("x", 998) + "\r\n")
	if _, err := sender.Send(t.Context(), e, nothing); err != nil {
		t.Errorf("a line of exactly 998 bytes: %v", err)
	}
	if n, _, _ := server.seen(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	e.Bytes = bytes.Repeat([]byte("0123456789012345678\r\n"), 5000)
	var failed *SendError
	if _, err := sender.Send(t.Context(), e, nothing); !errors.As(err, &failed) || failed.Kind != SendPermanent || failed.Enhanced != "5.3.4" {
		t.Errorf("105,000 bytes to a server that takes 100,000: %v", err)
	}
}

func TestSendAddressesOnTheWire(t *testing.T) {
	server := newScripted(t, nil)
	sender := newTestSender(t, server.config())
	e := testEnvelope()
	e.From, e.To = "", "info@perché.example"
	if _, err := sender.Send(t.Context(), e, nothing); err != nil {
		t.Fatal(err)
	}
	_, lines, _ := server.seen()
	all := strings.Join(lines, "\n")
	if !strings.Contains(all, "MAIL FROM:<> ") || !strings.Contains(all, "RCPT TO:<info@xn--perch-fsa.example>") {
		t.Errorf("null sender and A-labels expected:\n%s", all)
	}
	e.To = "perché@cliente.example"
	var failed *SendError
	if _, err := sender.Send(t.Context(), e, nothing); !errors.As(err, &failed) || failed.Kind != SendPermanent || !strings.Contains(err.Error(), "SMTPUTF8") {
		t.Errorf("an address that needs SMTPUTF8, a server without: %v", err)
	}
}

// peer is a full SMTP server.
type peer struct {
	server *gosmtp.Server
	port   int

	mu      sync.Mutex
	letters []received
	signed  int
}

type received struct {
	from, to string
	mail     gosmtp.MailOptions
	rcpt     gosmtp.RcptOptions
	body     []byte
}

type peerSession struct {
	*peer
	now received
}

// got returns the letters so far and how often somebody signed in.
func (p *peer) got() ([]received, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.letters), p.signed
}

func (p *peer) NewSession(*gosmtp.Conn) (gosmtp.Session, error) { return &peerSession{peer: p}, nil }

func (s *peerSession) Mail(from string, o *gosmtp.MailOptions) error {
	s.now = received{from: from, mail: *o}
	return nil
}

func (s *peerSession) Rcpt(to string, o *gosmtp.RcptOptions) error {
	s.now.to, s.now.rcpt = to, *o
	return nil
}

func (s *peerSession) Data(r io.Reader) (err error) {
	if s.now.body, err = io.ReadAll(r); err != nil {
		return err
	}
	s.mu.Lock()
	s.letters = append(s.letters, s.now)
	s.mu.Unlock()
	return nil
}

func (s *peerSession) Reset()        {}
func (s *peerSession) Logout() error { return nil }

func (s *peerSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *peerSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != "desk" || password != "right" {
			return gosmtp.ErrAuthFailed
		}
		s.mu.Lock()
		s.signed++
		s.mu.Unlock()
		return nil
	}), nil
}

// newPeer starts a server; secure offers STARTTLS, full speaks TLS from the first byte. It returns what a client trusts.
func newPeer(t *testing.T, secure, full bool) (*peer, *tls.Config) {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(web.Close)
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	p := &peer{}
	p.server = gosmtp.NewServer(p)
	p.server.Domain = "peer.example"
	p.server.EnableDSN, p.server.EnableSMTPUTF8, p.server.AllowInsecureAuth = true, true, !secure && !full
	p.server.ErrorLog = log.New(io.Discard, "", 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = listener.Addr().(*net.TCPAddr).Port
	if secure {
		p.server.TLSConfig = web.TLS
	}
	if full {
		listener = tls.NewListener(listener, web.TLS)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = p.server.Serve(listener) }()
	t.Cleanup(func() { _ = p.server.Close(); <-done })
	return p, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}

func TestSendTLS(t *testing.T) {
	for _, c := range []struct {
		name         string
		offers, full bool
		way          string
		trusted      bool
		verb         string // step that fails, empty: it works
	}{
		{"STARTTLS is the default", true, false, "", true, ""},
		{"a server without STARTTLS is refused", false, false, "", true, "STARTTLS"},
		{"an unknown certificate is refused", true, false, "", false, "STARTTLS"},
		{"TLS from the first byte", false, true, TLSFull, true, ""},
		{"unknown certificate there", false, true, TLSFull, false, "TLS"},
		{"nothing when asked for", false, false, TLSNone, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, trust := newPeer(t, c.offers, c.full)
			config := SMTPConfig{Host: "127.0.0.1", Port: p.port, TLS: c.way}
			if c.trusted {
				config.TLSConfig = trust
			}
			sender := newTestSender(t, config)
			_, err := sender.Send(t.Context(), testEnvelope(), nothing)
			letters, _ := p.got()
			if c.verb == "" {
				if err != nil || len(letters) != 1 {
					t.Errorf("%d letters, %v", len(letters), err)
				}
				return
			}
			var failed *SendError
			if !errors.As(err, &failed) || failed.Kind != SendTemporary || !failed.Setup || failed.Verb != c.verb || len(letters) != 0 {
				t.Errorf("%d letters, %+v; want a temporary fault of the setup at %s", len(letters), err, c.verb)
			}
		})
	}
}

func TestSendSignsIn(t *testing.T) {
	p, trust := newPeer(t, true, false)
	config := SMTPConfig{Host: "127.0.0.1", Port: p.port, TLSConfig: trust, Username: "desk", Password: ticketing.NewSecret("right")}
	sender := newTestSender(t, config)
	for range 3 {
		if _, err := sender.Send(t.Context(), testEnvelope(), nothing); err != nil {
			t.Fatal(err)
		}
	}
	if letters, signed := p.got(); signed != 1 || len(letters) != 3 {
		t.Errorf("signed in %d times for %d letters, want 1 and 3", signed, len(letters))
	}
	config.Password = ticketing.NewSecret("wrong")
	_, err := newTestSender(t, config).Send(t.Context(), testEnvelope(), nothing)
	var failed *SendError
	if !errors.As(err, &failed) || failed.Kind != SendTemporary || !failed.Setup || failed.Verb != "AUTH" || failed.Code != 535 {
		t.Errorf("wrong password: %+v; no letter may fail for good because of it", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", config, config, config), "wrong") {
		t.Error("the settings print the password")
	}
	config.Auth = "scram-sha-256"
	if _, err := newTestSender(t, config).Send(t.Context(), testEnvelope(), nothing); !errors.As(err, &failed) || failed.Kind != SendTemporary {
		t.Errorf("a way to sign in that the server lacks: %v", err)
	}
}

func TestSendDSNAndUTF8(t *testing.T) {
	p, _ := newPeer(t, false, false)
	sender := newTestSender(t, SMTPConfig{Host: "127.0.0.1", Port: p.port, TLS: TLSNone})
	e := testEnvelope()
	e.To = "perché@cliente.example"
	if _, err := sender.Send(t.Context(), e, nothing); err != nil {
		t.Fatal(err)
	}
	letters, _ := p.got()
	got := letters[0]
	if got.mail.EnvelopeID != e.ENVID || got.mail.Return != gosmtp.DSNReturnHeaders || len(got.rcpt.Notify) != 1 || got.rcpt.Notify[0] != gosmtp.DSNNotifyFailure {
		t.Errorf("DSN: %+v %+v", got.mail, got.rcpt)
	}
	if !got.mail.UTF8 || got.to != e.To {
		t.Errorf("SMTPUTF8 %v, recipient %s", got.mail.UTF8, got.to)
	}
	if _, err := sender.Send(t.Context(), testEnvelope(), nothing); err != nil {
		t.Fatal(err)
	}
	if letters, _ = p.got(); letters[1].mail.UTF8 {
		t.Error("SMTPUTF8 said where nothing needs it")
	}
}

// TestSendBytes is invariant I6: what arrives is what was given, dots, blank lines and all.
func TestSendBytes(t *testing.T) {
	p, _ := newPeer(t, false, false)
	sender := newTestSender(t, SMTPConfig{Host: "127.0.0.1", Port: p.port, TLS: TLSNone})
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{".", "..", ".\r\n", "\r\n.\r\n", "\r\n..\r\n", "\r\n", "ciao", "QUIT\r\n", strings.Repeat("x", 900), "\r\n.x"}
	for i := range 300 {
		var b strings.Builder
		last := 0
		for range random.IntN(40) {
			piece := pieces[random.IntN(len(pieces))]
			if b.Len()-last+len(piece) > 990 {
				b.WriteString("\r\n")
			}
			b.WriteString(piece)
			last = strings.LastIndex(b.String(), "\n") + 1
		}
		b.WriteString("\r\n")
		if i == 0 { // larger than any buffer on the way
			b.WriteString(strings.Repeat("una riga\r\n.\r\n", 100000))
		}
		e := testEnvelope()
		e.Bytes = []byte(b.String())
		if _, err := sender.Send(t.Context(), e, nothing); err != nil {
			t.Fatal(err)
		}
		letters, _ := p.got()
		if got := letters[len(letters)-1].body; !bytes.Equal(got, e.Bytes) {
			t.Fatalf("letter %d: %d bytes arrived, %d were sent", i, len(got), len(e.Bytes))
		}
	}
}

func TestNewSenderChecksSettings(t *testing.T) {
	for name, c := range map[string]SMTPConfig{
		"no host":     {},
		"unknown tls": {Host: "h", TLS: "ssl"}, "unknown auth": {Host: "h", Auth: "ntlm"},
	} {
		if _, err := NewSender(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	s, err := NewSender(SMTPConfig{Host: "h"})
	if err != nil || s.config.TLS != TLSStart || s.config.Port != 587 || s.config.CommandTimeout != 5*time.Minute || s.config.FinalTimeout != 10*time.Minute {
		t.Errorf("defaults: %+v %v", s.config, err)
	}
}

func TestSendNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	sender := newTestSender(t, SMTPConfig{Host: "127.0.0.1", Port: port, TLS: TLSNone})
	var failed *SendError
	if _, err := sender.Send(t.Context(), testEnvelope(), nothing); !errors.As(err, &failed) || failed.Kind != SendTemporary || failed.Verb != "DIAL" {
		t.Errorf("got %v, want temporary at DIAL", err)
	}
}
