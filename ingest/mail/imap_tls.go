package mail

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/emersion/go-imap/v2"
)

func (c *IMAPConfig) tlsConfig() *tls.Config {
	if c.TLSConfig != nil {
		t := c.TLSConfig.Clone()
		t.ServerName = c.Host
		return t
	}
	return &tls.Config{RootCAs: c.RootCAs, ServerName: c.Host, MinVersion: tls.VersionTLS12}
}

// connect opens the connection and encrypts it. What it returns speaks IMAP from the greeting on.
func (c *IMAPConfig) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.CommandTimeout, errSilent)
	defer cancel()
	nc, err := c.Dial(ctx, "tcp", c.Address())
	if err != nil {
		return nil, c.fail(imapUnreachable, "connect", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	switch c.TLS {
	case "tls":
		nc, err = c.encrypt(ctx, nc, "TLS")
	case "starttls":
		nc, err = c.startTLS(ctx, nc)
	}
	if errors.Is(context.Cause(ctx), errSilent) {
		return nil, c.fail(imapSilent, "TLS", errSilent)
	}
	return nc, err
}

func (c *IMAPConfig) encrypt(ctx context.Context, nc net.Conn, op string) (net.Conn, error) {
	t := tls.Client(nc, c.tlsConfig())
	if err := t.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, c.fail(classifyTLS(err), op, err)
	}
	return t, nil
}

// Limits of what is read before encryption.
const (
	maxClearLine  = 8 << 10
	maxClearLines = 50
)

// startTLS speaks the part of IMAP that is not encrypted itself (RFC 9051 section 6.2.1): our guard must see the bytes go-imap decodes.
// Nothing that was said in the clear is believed afterwards: go-imap is given a bare greeting and asks for the capabilities anew.
func (c *IMAPConfig) startTLS(ctx context.Context, nc net.Conn) (net.Conn, error) {
	br := bufio.NewReaderSize(nc, maxClearLine)
	err := c.askForTLS(nc, br)
	if err == nil && br.Buffered() > 0 {
		// CVE-2021-33515 and its like: commands smuggled in before the encryption.
		err = c.fail(imapProtocol, "STARTTLS", errors.New("the server went on in the clear"))
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	t, err := c.encrypt(ctx, nc, "STARTTLS")
	if err != nil {
		return nil, err
	}
	return &greeted{Conn: t, greeting: strings.NewReader("* OK encrypted\r\n")}, nil
}

func (c *IMAPConfig) askForTLS(nc net.Conn, br *bufio.Reader) error {
	const op = "STARTTLS"
	greeting, err := clearLine(br)
	switch {
	case err != nil:
		return c.fail(imapClosed, op, err)
	case strings.HasPrefix(greeting, "* BYE"):
		return c.fail(imapRefused, op, refusal(imap.StatusResponseTypeBye, greeting[5:]))
	case strings.HasPrefix(greeting, "* PREAUTH"):
		return c.fail(imapStartTLS, op, errors.New("the server considers the connection signed in before it is encrypted"))
	case !strings.HasPrefix(greeting, "* OK"):
		return c.fail(imapProtocol, op, fmt.Errorf("greeting %.80q", greeting))
	}
	if _, err := io.WriteString(nc, "S1 STARTTLS\r\n"); err != nil {
		return c.fail(imapClosed, op, err)
	}
	for range maxClearLines {
		line, err := clearLine(br)
		if err != nil {
			return c.fail(imapClosed, op, err)
		}
		if answer, ok := strings.CutPrefix(line, "S1 "); ok {
			if strings.HasPrefix(answer, "OK") {
				return nil
			}
			return c.fail(imapStartTLS, op, refusal(imap.StatusResponseTypeNo, answer))
		}
	}
	return c.fail(imapProtocol, op, errors.New("no answer to STARTTLS"))
}

func clearLine(br *bufio.Reader) (string, error) {
	line, err := br.ReadSlice('\n')
	return strings.ToUpper(strings.TrimRight(string(line), "\r\n")), err
}

func refusal(kind imap.StatusResponseType, text string) error {
	return &imap.Error{Type: kind, Text: strings.TrimSpace(text)}
}

// greeted is a connection whose greeting has been read already.
type greeted struct {
	net.Conn
	greeting *strings.Reader
}

func (g *greeted) Read(p []byte) (int, error) {
	if g.greeting.Len() > 0 {
		return g.greeting.Read(p)
	}
	return g.Conn.Read(p)
}
