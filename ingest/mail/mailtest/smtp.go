package mailtest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
)

// Recipient is one RCPT of a transaction.
type Recipient struct {
	Address string
	Params  string // NOTIFY=… ORCPT=…
}

// Transaction is one mail as it came by SMTP, from MAIL to the answer of the final dot.
type Transaction struct {
	Conn       int    // number of the connection
	Helo       string // what the client calls itself
	User       string // signed-in user
	TLS        bool
	From       string // envelope sender, empty for <>
	Params     string // of MAIL: SIZE=… BODY=… ENVID=… RET=… SMTPUTF8
	To         []Recipient
	Data       []byte    // the mail as the client meant it: dots undone, without the final dot
	Violations []string  // what the client did against RFC 5321 from MAIL on; see Strict
	At         time.Time // of the final dot
	Accepted   bool      // delivered to its recipients
	Answer     string    // the server's answer to the final dot; empty if the connection was cut before it
}

// Sent lists all transactions whose final dot arrived, oldest first, whether accepted or not.
func (s *Server) Sent() []Transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Transaction, 0, len(s.sent))
	for _, t := range s.sent {
		all = append(all, *t)
	}
	return all
}

// SentTo lists the accepted transactions with this recipient.
func (s *Server) SentTo(address string) []Transaction {
	return slices.DeleteFunc(s.Sent(), func(t Transaction) bool {
		return !t.Accepted || !slices.ContainsFunc(t.To, func(r Recipient) bool { return strings.EqualFold(r.Address, address) })
	})
}

// maxLine is the longest line read at all; longer ones end the connection.
const maxLine = 64 << 10

// smtpConn is one SMTP connection (RFC 5321).
type smtpConn struct {
	server *Server
	nc     net.Conn
	base   *conn
	br     *bufio.Reader
	tls    bool
	helo   string
	user   string
	mail   *Transaction
}

func (s *Server) serveSMTP(l net.Listener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		s.wait.Go(func() { s.handleSMTP(nc) })
	}
}

func (s *Server) handleSMTP(nc net.Conn) {
	defer nc.Close()
	c := &smtpConn{server: s, nc: nc, base: base(nc), br: bufio.NewReaderSize(nc, maxLine)}
	_, c.tls = nc.(*tls.Conn)
	if c.strike("CONNECT", "") || c.reply(220, "localhost ESMTP mailtest") != nil {
		return
	}
	for {
		line, err := c.line()
		if err != nil || !c.command(line) {
			return
		}
	}
}

// line reads one command line without its end.
func (c *smtpConn) line() (string, error) {
	raw, err := c.br.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	line := strings.TrimSuffix(string(raw), "\n")
	if !strings.HasSuffix(line, "\r") {
		c.violation("command line ends without CR")
	}
	if len(raw) > 512+500 { // RFC 5321 section 4.5.3.1.4 with the room the extensions in use add
		c.violation("command line is too long")
	}
	return strings.TrimSuffix(line, "\r"), nil
}

func (c *smtpConn) violation(what string) {
	if c.mail != nil {
		c.mail.Violations = append(c.mail.Violations, what)
	}
}

func (c *smtpConn) reply(code int, lines ...string) error {
	var b strings.Builder
	for i, line := range lines {
		sep := " "
		if i < len(lines)-1 {
			sep = "-"
		}
		fmt.Fprintf(&b, "%d%s%s\r\n", code, sep, line)
	}
	_, err := io.WriteString(c.nc, b.String())
	return err
}

// strike lets a fault strike and reports whether the command has been dealt with; after Cut and Hang the next read fails.
func (c *smtpConn) strike(at, who string) bool {
	f := c.server.strike("smtp", at, who, 0)
	if f == nil {
		return false
	}
	switch f.Do {
	case Cut:
		_ = c.base.Close()
	case Hang:
		c.base.hang()
		_ = c.base.Close()
	case Raw:
		_, _ = io.WriteString(c.nc, f.Text)
		return false
	default:
		_ = c.refuse(f)
	}
	return true
}

func (c *smtpConn) refuse(f *Fault) error {
	code, text := f.Code, f.Text
	if code == 0 {
		code = 451
	}
	if text == "" {
		text = fmt.Sprintf("%d.0.0 refused by a fault", code/100)
	}
	return c.reply(code, text)
}

// command carries out one command and reports whether the connection goes on.
func (c *smtpConn) command(line string) bool {
	verb, args, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	who := ""
	switch verb {
	case "MAIL", "RCPT":
		who, _ = path(args)
	case "HELO":
		verb = "EHLO"
	}
	if c.strike(verb, who) {
		return true
	}
	switch verb {
	case "EHLO":
		return c.ehlo(strings.HasPrefix(strings.ToUpper(line), "EHLO"), args) == nil
	case "STARTTLS":
		return c.startTLS() == nil
	case "AUTH":
		return c.auth(args) == nil
	case "MAIL":
		return c.from(args) == nil
	case "RCPT":
		return c.rcpt(args) == nil
	case "DATA":
		return c.data() == nil
	case "RSET":
		c.mail = nil
		return c.reply(250, "2.0.0 forgotten") == nil
	case "NOOP":
		return c.reply(250, "2.0.0 still here") == nil
	case "VRFY":
		return c.reply(252, "2.1.5 try it") == nil
	case "QUIT":
		_ = c.reply(221, "2.0.0 bye")
		return false
	}
	return c.reply(500, "5.5.1 no such command") == nil
}

func (c *smtpConn) ehlo(extended bool, name string) error {
	c.helo, c.mail = name, nil
	if !extended {
		return c.reply(250, "localhost")
	}
	lines := []string{"localhost", "PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", fmt.Sprintf("SIZE %d", c.server.options.MaxSize)}
	if c.server.options.TLS && !c.tls {
		lines = append(lines, "STARTTLS")
	}
	if c.tls || !c.server.options.RequireTLS {
		lines = append(lines, "AUTH PLAIN LOGIN XOAUTH2")
	}
	return c.reply(250, lines...)
}

func (c *smtpConn) startTLS() error {
	if !c.server.options.TLS || c.tls {
		return c.reply(502, "5.5.1 STARTTLS is not offered")
	}
	if err := c.reply(220, "2.0.0 go ahead"); err != nil {
		return err
	}
	t := tls.Server(c.nc, c.server.tlsConfig())
	if err := t.Handshake(); err != nil {
		return err
	}
	// What was sent in the clear after STARTTLS is thrown away with the old reader (CVE-2011-0411).
	c.nc, c.br, c.tls = t, bufio.NewReaderSize(t, maxLine), true
	c.helo, c.user, c.mail = "", "", nil
	return nil
}

func (c *smtpConn) auth(args string) error {
	if !c.tls && c.server.options.RequireTLS {
		return c.reply(538, "5.7.11 encryption required")
	}
	mech, initial, hasInitial := strings.Cut(args, " ")
	user := ""
	check := func(username, password string) error {
		user = username
		if !c.server.allowed(username, password) {
			return errors.New("wrong")
		}
		return nil
	}
	var server sasl.Server
	switch strings.ToUpper(mech) {
	case "PLAIN":
		server = sasl.NewPlainServer(func(_, username, password string) error { return check(username, password) })
	case "LOGIN":
		server = &loginServer{check: check}
	case "XOAUTH2":
		server = &xoauth2Server{check: func(username, token string) error {
			user = username
			if !c.server.allowedToken(username, token) {
				return errors.New("wrong")
			}
			return nil
		}}
	default:
		return c.reply(504, "5.5.4 mechanism not supported")
	}
	var response []byte
	if hasInitial {
		var err error
		if response, err = unbase64(initial); err != nil {
			return c.reply(501, "5.5.2 not base64")
		}
	}
	for {
		challenge, done, err := server.Next(response)
		if err != nil {
			return c.reply(535, "5.7.8 user name or password is wrong")
		}
		if done {
			c.user = user
			return c.reply(235, "2.7.0 welcome")
		}
		if err := c.reply(334, base64.StdEncoding.EncodeToString(challenge)); err != nil {
			return err
		}
		line, err := c.line()
		if err != nil {
			return err
		}
		if line == "*" {
			return c.reply(501, "5.7.0 given up")
		}
		if response, err = unbase64(line); err != nil {
			return c.reply(501, "5.5.2 not base64")
		}
	}
}

func unbase64(s string) ([]byte, error) {
	if s == "=" {
		return []byte{}, nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if b == nil {
		b = []byte{}
	}
	return b, err
}

func (s *Server) allowed(username, password string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.find(username)
	if a == nil {
		return s.options.Password != "" && password == s.options.Password && strings.Contains(username, "@")
	}
	return a.password != "" && password == a.password
}

func (s *Server) allowedToken(username, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.find(username)
	return a != nil && a.token != "" && a.token == token
}

// path splits "FROM:<a@b> SIZE=1" into the address and the parameters.
func path(args string) (address, params string) {
	_, rest, _ := strings.Cut(args, "<")
	address, params, _ = strings.Cut(rest, ">")
	return address, strings.TrimSpace(params)
}

func (c *smtpConn) from(args string) error {
	switch {
	case c.helo == "":
		return c.reply(503, "5.5.1 EHLO first")
	case c.server.options.RequireAuth && c.user == "":
		return c.reply(530, "5.7.0 sign in first")
	case c.mail != nil:
		return c.reply(503, "5.5.1 one mail at a time")
	case !strings.HasPrefix(strings.ToUpper(args), "FROM:<") || !strings.Contains(args, ">"):
		return c.reply(501, "5.5.4 MAIL FROM:<address>")
	}
	t := &Transaction{Conn: c.base.id, Helo: c.helo, User: c.user, TLS: c.tls}
	t.From, t.Params = path(args)
	for p := range strings.FieldsSeq(t.Params) {
		var size int64
		if n, _ := fmt.Sscanf(strings.ToUpper(p), "SIZE=%d", &size); n == 1 && size > c.server.options.MaxSize {
			return c.reply(552, "5.3.4 too large")
		}
	}
	c.mail = t
	return c.reply(250, "2.1.0 go on")
}

func (c *smtpConn) rcpt(args string) error {
	if c.mail == nil {
		return c.reply(503, "5.5.1 MAIL first")
	}
	address, params := path(args)
	if !strings.HasPrefix(strings.ToUpper(args), "TO:<") || !strings.Contains(address, "@") {
		return c.reply(501, "5.5.4 RCPT TO:<address>")
	}
	c.mail.To = append(c.mail.To, Recipient{Address: address, Params: params})
	return c.reply(250, "2.1.5 known")
}

func (c *smtpConn) data() error {
	t := c.mail
	if t == nil || len(t.To) == 0 {
		return c.reply(503, "5.5.1 RCPT first")
	}
	if err := c.reply(354, "end with a dot"); err != nil {
		return err
	}
	c.mail = nil
	body := c.server.strike("smtp", "BODY", t.From, 0)
	var data bytes.Buffer
	var total int64
	begin := true
	for {
		raw, err := c.br.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
		}
		if err != nil {
			return err
		}
		whole := raw[len(raw)-1] == '\n'
		if begin && string(raw) == ".\r\n" {
			break
		}
		if begin && raw[0] == '.' {
			raw = raw[1:]
		}
		begin = whole
		total += int64(len(raw))
		if total <= c.server.options.MaxSize {
			data.Write(raw)
		}
		if body != nil && total >= int64(body.After) {
			if body.Do == Hang {
				c.base.hang()
			}
			return c.base.Close()
		}
	}
	t.Data, t.At = data.Bytes(), time.Now()
	t.Violations = append(t.Violations, Strict(t.Data)...)
	if total > c.server.options.MaxSize {
		c.server.finish(t, false, "552 5.3.4 too large")
		return c.reply(552, "5.3.4 too large")
	}
	if f := c.server.strike("smtp", "DOT", t.From, 0); f != nil {
		switch f.Do {
		case Cut, Hang:
			c.server.finish(t, !f.Lost, "")
			if f.Do == Hang {
				c.base.hang()
			}
			return c.base.Close()
		case Raw:
			_, _ = io.WriteString(c.nc, f.Text)
		default:
			c.server.finish(t, false, fmt.Sprintf("%d %s", f.Code, f.Text))
			return c.refuse(f)
		}
	}
	number := c.server.finish(t, true, "250")
	return c.reply(250, fmt.Sprintf("2.0.0 kept as %d", number))
}

// finish records a transaction and, when it is accepted, delivers it, all at one moment.
func (s *Server) finish(t *Transaction, accepted bool, answer string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Accepted, t.Answer = accepted, answer
	s.sent = append(s.sent, t)
	s.touch()
	if !accepted {
		return len(s.sent)
	}
	for _, r := range t.To {
		raw := append(s.trace(t, r.Address), t.Data...)
		s.put(s.account(r.Address).folders["INBOX"], raw, t.At, nil)
	}
	if name := s.options.KeepSubmitted; name != "" && t.User != "" {
		a := s.account(t.User)
		f := a.folders[name]
		if f == nil {
			f = s.makeFolder(a, name)
		}
		s.put(f, t.Data, t.At, []string{`\Seen`})
	}
	return len(s.sent)
}

// trace is what a receiving server puts before a mail (RFC 5321 section 4.4, RFC 8601).
func (s *Server) trace(t *Transaction, recipient string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Return-Path: <%s>\r\nDelivered-To: %s\r\n", t.From, recipient)
	if id := s.options.AuthServID; id != "" {
		domain, result := fromDomain(t.Data), "none"
		if _, login, ok := strings.Cut(strings.ToLower(t.User), "@"); ok {
			result = "fail"
			if login == domain {
				result = "pass"
			}
		}
		fmt.Fprintf(&b, "Authentication-Results: %s;\r\n dmarc=%s header.from=%s\r\n", id, result, domain)
	}
	with := "ESMTP"
	if t.TLS {
		with += "S"
	}
	if t.User != "" {
		with += "A"
	}
	fmt.Fprintf(&b, "Received: from %s by localhost with %s\r\n for <%s>; %s\r\n", t.Helo, with, recipient, t.At.Format(time.RFC1123Z))
	return b.Bytes()
}

// fromDomain reads the domain of the From field without any parser that could fail on a damaged mail.
func fromDomain(data []byte) string {
	head, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if len(line) > 5 && strings.EqualFold(line[:5], "From:") {
			at := strings.LastIndexByte(line, '@')
			return strings.ToLower(strings.TrimRight(line[at+1:], "> \t"))
		}
	}
	return ""
}
