package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/wneessen/go-mail/smtp"
)

// Ways of protecting the connection to the SMTP server.
const (
	TLSStart = "starttls" // STARTTLS, required: a server without it is refused (M33)
	TLSFull  = "tls"      // TLS from the first byte, usually port 465
	TLSNone  = "none"     // nothing: for a relay on the same host, and for tests
)

// SMTPConfig says how letters leave. The zero value of every field but Host takes its default.
type SMTPConfig struct {
	Host     string
	Port     int    // 587, or 465 with TLSFull
	TLS      string // TLSStart (default), TLSFull or TLSNone
	Username string // empty: no sign-in
	Password ticketing.Secret
	// Auth is the way to sign in: "auto" (default: the best the server offers of those with a password), "plain", "login", "cram-md5",
	// "scram-sha-1", "scram-sha-256" or "xoauth2".
	Auth string
	// Token returns a fresh access token for xoauth2; nil: the password is the token.
	Token func(context.Context) (string, error)
	Helo  string // name we greet with; default: the host's name
	// TLSConfig replaces the default (TLS 1.2 or newer, system roots, certificate checked against Host).
	TLSConfig *tls.Config

	DialTimeout    time.Duration // connect, TLS and greeting: 1 min
	CommandTimeout time.Duration // one command and its reply: 5 min (RFC 5321 section 4.5.3.2)
	FinalTimeout   time.Duration // from the final dot to its reply: 10 min; a short one makes doubles
	Connections    int           // open at a time: 4; a further Send waits
	IdleLimit      time.Duration // an unused connection is closed after: 30 s
	MaxLetters     int           // letters over one connection: 100
}

func (c SMTPConfig) withDefaults() SMTPConfig {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&c.DialTimeout, time.Minute)
	set(&c.CommandTimeout, 5*time.Minute)
	set(&c.FinalTimeout, 10*time.Minute)
	set(&c.IdleLimit, 30*time.Second)
	if c.Connections <= 0 {
		c.Connections = 4
	}
	if c.MaxLetters <= 0 {
		c.MaxLetters = 100
	}
	if c.TLS == "" {
		c.TLS = TLSStart
	}
	if c.Port == 0 {
		c.Port = 587
		if c.TLS == TLSFull {
			c.Port = 465
		}
	}
	if c.Auth == "" {
		c.Auth = "auto"
	}
	if c.Helo == "" {
		c.Helo = heloName()
	}
	return c
}

// Sender sends letters to one SMTP server over a few kept connections. It may be used by many goroutines.
type Sender struct {
	config SMTPConfig
	slots  chan struct{} // one token for each connection that may be open and in use

	mu     sync.Mutex
	idle   []*connection // the most recently used last
	closed bool
}

// connection is one signed-in connection.
type connection struct {
	raw     net.Conn
	client  *smtp.Client
	letters int
	timer   *time.Timer
	dsn     bool
	utf8    bool
	size    bool
	limit   int64 // of SIZE, 0 when none was told
}

// NewSender checks the settings; it does not connect.
func NewSender(config SMTPConfig) (*Sender, error) {
	c := config.withDefaults()
	if c.Host == "" {
		return nil, errors.New("smtp: set the host of the SMTP server")
	}
	switch c.TLS {
	case TLSStart, TLSFull, TLSNone:
	default:
		return nil, fmt.Errorf("smtp: tls %q, want starttls, tls or none", c.TLS)
	}
	switch c.Auth {
	case "auto", "plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256", "xoauth2":
	default:
		return nil, fmt.Errorf("smtp: auth %q, want auto, plain, login, cram-md5, scram-sha-1, scram-sha-256 or xoauth2", c.Auth)
	}
	return &Sender{config: c, slots: make(chan struct{}, c.Connections)}, nil
}

// Send delivers one letter to one recipient and returns the server's answer to its final dot. It signs in, says MAIL and RCPT, then calls
// began, which must have stored durably that the letter may leave, and only then DATA: nothing after a nil of began may be repeated
// without looking. An error of began ends the sending before DATA and is wrapped.
//
// Every error is a *SendError. After one, the connection is given up. A letter interrupted before its final dot (also by ctx) was not
// taken, because a server may act on a letter only after the dot (RFC 5321 section 4.2.5): such an error is temporary.
func (s *Sender) Send(ctx context.Context, e Envelope, began func() error) (answer string, err error) {
	mail, rcpt, err := prepare(&e)
	if err != nil {
		return "", err
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return "", &SendError{Kind: SendTemporary, Verb: "DIAL", Err: ctx.Err()}
	}
	defer func() { <-s.slots }()

	conn, kept := s.take()
	for {
		if conn == nil {
			if conn, err = s.dial(ctx); err != nil {
				return "", err
			}
		}
		answer, err = s.deliver(ctx, conn, e, mail, rcpt, began)
		if err == nil {
			s.keep(conn)
			return answer, nil
		}
		_ = conn.raw.Close()
		// A server may end a kept connection between two letters. That is seen at MAIL only, where nothing has begun.
		var failed *SendError
		if kept && errors.As(err, &failed) && failed.Verb == "MAIL" && (failed.Code == 0 || failed.Code == 421) && ctx.Err() == nil {
			conn, kept = nil, false
			continue
		}
		return "", err
	}
}

// deliver runs one letter over a connection.
func (s *Sender) deliver(ctx context.Context, c *connection, e Envelope, mail, rcpt address, began func() error) (string, error) {
	// Closing the connection is the only thing that wakes a read at once.
	defer context.AfterFunc(ctx, func() { _ = c.raw.Close() })()

	from := "MAIL FROM:<" + mail.text + ">"
	to := "RCPT TO:<" + rcpt.text + ">"
	if mail.utf8 || rcpt.utf8 {
		if !c.utf8 {
			return "", &SendError{Kind: SendPermanent, Verb: "MAIL", Enhanced: "5.6.7",
				Err: errors.New("the address has letters outside ASCII and the server does not offer SMTPUTF8")}
		}
		from += " SMTPUTF8"
	}
	if c.size {
		if c.limit > 0 && int64(len(e.Bytes)) > c.limit {
			return "", &SendError{Kind: SendPermanent, Verb: "MAIL", Enhanced: "5.3.4",
				Err: fmt.Errorf("the letter has %d bytes, the server takes %d", len(e.Bytes), c.limit)}
		}
		from += " SIZE=" + strconv.Itoa(len(e.Bytes))
	}
	if c.dsn {
		from += " RET=" + e.RET
		if e.ENVID != "" {
			from += " ENVID=" + xtext(e.ENVID)
		}
		to += " NOTIFY=FAILURE"
	}
	if _, err := s.command(ctx, c, "MAIL", 250, from); err != nil {
		return "", err
	}
	if _, err := s.command(ctx, c, "RCPT", 25, to); err != nil {
		return "", err
	}
	if err := began(); err != nil {
		return "", &SendError{Kind: SendTemporary, Verb: "DATA", Err: fmt.Errorf("not begun: %w", err)}
	}
	if err := c.client.UpdateDeadline(s.config.CommandTimeout); err != nil {
		return "", failure(ctx, "DATA", err)
	}
	w, err := c.client.Data()
	if err != nil {
		return "", failure(ctx, "DATA", err)
	}
	if err := s.body(c, w, e.Bytes); err != nil {
		return "", failure(ctx, "DATA", err)
	}
	if err := c.client.UpdateDeadline(s.config.FinalTimeout); err != nil {
		return "", failure(ctx, "DATA", err)
	}
	if err := w.Close(); err != nil {
		failed := failure(ctx, "DOT", err)
		switch failed.Code / 100 {
		case 4, 5:
			return "", failed
		case 2: // taken, by a server that counts differently
		default:
			failed.Kind = SendUnknown
			return "", failed
		}
	}
	c.letters++
	answer := ""
	if d, ok := w.(*smtp.DataCloser); ok {
		answer = oneLine(d.ServerResponse())
	}
	return answer, nil
}

// chunk is how much of a letter may be under way within one command's time.
const chunk = 256 << 10

// body streams the letter; the time limit counts anew for every chunk (RFC 5321 section 4.5.3.2.5 asks 3 minutes a block).
func (s *Sender) body(c *connection, w interface{ Write([]byte) (int, error) }, b []byte) error {
	for len(b) > 0 {
		n := min(chunk, len(b))
		if err := c.client.UpdateDeadline(s.config.CommandTimeout); err != nil {
			return err
		}
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// command says one line. The client of the library cannot carry ENVID, so MAIL and RCPT go through its text connection.
func (s *Sender) command(ctx context.Context, c *connection, verb string, expect int, line string) (string, error) {
	if err := c.client.UpdateDeadline(s.config.CommandTimeout); err != nil {
		return "", failure(ctx, verb, err)
	}
	id, err := c.client.Text.Cmd("%s", line)
	if err != nil {
		return "", failure(ctx, verb, err)
	}
	c.client.Text.StartResponse(id)
	defer c.client.Text.EndResponse(id)
	_, answer, err := c.client.Text.ReadResponse(expect)
	if err != nil {
		return "", failure(ctx, verb, err)
	}
	return answer, nil
}

// dial connects, protects and signs in. Whatever goes wrong here is no judgement on the letter: it is temporary (M33, reliability.md 3.3).
func (s *Sender) dial(ctx context.Context) (*connection, error) {
	c := s.config
	setup := func(verb string, err error, wrong bool) error {
		failed := failure(ctx, verb, err)
		failed.Kind = SendTemporary
		failed.Setup = wrong || failed.Code >= 500
		return failed
	}
	dialer := net.Dialer{Timeout: c.DialTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
	if err != nil {
		return nil, setup("DIAL", err, false)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	conn, verb, wrong, err := s.greet(ctx, raw)
	if err != nil {
		_ = raw.Close()
		return nil, setup(verb, err, wrong)
	}
	return conn, nil
}

// greet does everything from the first byte to the sign-in. It returns the step that failed and whether the settings are to blame.
func (s *Sender) greet(ctx context.Context, raw net.Conn) (conn *connection, verb string, wrong bool, err error) {
	c := s.config
	if err := raw.SetDeadline(time.Now().Add(c.DialTimeout)); err != nil {
		return nil, "DIAL", false, err
	}
	secure := c.TLSConfig
	if secure == nil {
		secure = &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}
	}
	var over = raw
	if c.TLS == TLSFull {
		t := tls.Client(raw, secure)
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, "TLS", certificateFault(err), err
		}
		over = t
	}
	client, err := smtp.NewClient(over, c.Host)
	if err != nil {
		return nil, "DIAL", false, err
	}
	if err := client.UpdateDeadline(c.CommandTimeout); err != nil {
		return nil, "EHLO", false, err
	}
	if err := client.Hello(c.Helo); err != nil {
		return nil, "EHLO", false, err
	}
	if c.TLS == TLSStart {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return nil, "STARTTLS", true, errors.New("the server does not offer STARTTLS; set tls: tls for port 465, or tls: none for a relay on this host")
		}
		if err := client.StartTLS(secure); err != nil {
			return nil, "STARTTLS", certificateFault(err), err
		}
	}
	if c.Username != "" {
		auth, err := s.auth(ctx, client)
		if err != nil {
			return nil, "AUTH", true, err
		}
		if err := client.UpdateDeadline(c.CommandTimeout); err != nil {
			return nil, "AUTH", false, err
		}
		if err := client.Auth(auth); err != nil {
			return nil, "AUTH", errors.Is(err, smtp.ErrUnencrypted), err
		}
	}
	conn = &connection{raw: raw, client: client}
	conn.dsn, _ = client.Extension("DSN")
	conn.utf8, _ = client.Extension("SMTPUTF8")
	var size string
	if conn.size, size = client.Extension("SIZE"); conn.size {
		conn.limit, _ = strconv.ParseInt(size, 10, 64)
	}
	return conn, "", false, nil
}

// auth chooses how to sign in. Passwords in the clear leave only over TLS, or to this host.
func (s *Sender) auth(ctx context.Context, client *smtp.Client) (smtp.Auth, error) {
	c := s.config
	ok, offered := client.Extension("AUTH")
	if !ok {
		return nil, errors.New("the server offers no sign-in; leave the username empty, or check port and tls")
	}
	password := c.Password.Reveal()
	has := strings.Fields(strings.ToUpper(offered))
	way := strings.ToUpper(c.Auth)
	if way == "AUTO" {
		for _, candidate := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"} {
			for _, h := range has {
				if way == "AUTO" && h == candidate {
					way = candidate
				}
			}
		}
	}
	switch way {
	case "SCRAM-SHA-256":
		return smtp.ScramSHA256Auth(c.Username, password), nil
	case "SCRAM-SHA-1":
		return smtp.ScramSHA1Auth(c.Username, password), nil
	case "CRAM-MD5":
		return smtp.CRAMMD5Auth(c.Username, password), nil
	case "PLAIN":
		return smtp.PlainAuth("", c.Username, password, c.Host, false), nil
	case "LOGIN":
		return smtp.LoginAuth(c.Username, password, c.Host, false), nil
	case "XOAUTH2":
		if c.Token != nil {
			var err error
			if password, err = c.Token(ctx); err != nil {
				return nil, fmt.Errorf("no access token: %w", err)
			}
		}
		return smtp.XOAuth2Auth(c.Username, password), nil
	}
	return nil, fmt.Errorf("the server offers %s; none of these works with a password", offered)
}

// take returns a kept connection, or nil.
func (s *Sender) take() (*connection, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.idle) > 0 {
		c := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if c.timer.Stop() {
			return c, true
		}
	}
	return nil, false
}

// keep puts a connection away for the next letter.
func (s *Sender) keep(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || c.letters >= s.config.MaxLetters {
		go s.quit(c)
		return
	}
	c.timer = time.AfterFunc(s.config.IdleLimit, func() {
		s.mu.Lock()
		for i, other := range s.idle {
			if other == c {
				s.idle = append(s.idle[:i], s.idle[i+1:]...)
				break
			}
		}
		s.mu.Unlock()
		s.quit(c)
	})
	s.idle = append(s.idle, c)
}

// quitTimeout bounds the farewell: nothing depends on it.
const quitTimeout = 2 * time.Second

func (s *Sender) quit(c *connection) {
	if c.client.UpdateDeadline(quitTimeout) == nil {
		_ = c.client.Quit()
	}
	_ = c.raw.Close()
}

// Close says goodbye on the connections that are not in use. Letters on their way are not touched: their context ends them.
func (s *Sender) Close() error {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	var all sync.WaitGroup
	for _, c := range idle {
		if c.timer.Stop() {
			all.Go(func() { s.quit(c) })
		}
	}
	all.Wait()
	return nil
}

// heloName is the name we greet servers with when none is set.
func heloName() string {
	if name, err := os.Hostname(); err == nil && name != "" && isASCII(name) {
		return name
	}
	return "localhost"
}

// Check connects, encrypts and signs in as a letter would, and sends nothing.
func (s *Sender) Check(ctx context.Context) error {
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	s.quit(c)
	return nil
}
