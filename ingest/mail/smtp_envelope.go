package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// Envelope is a stored letter on its way to one recipient.
type Envelope struct {
	From  string // bounce token, or the queue's address; empty is the null sender
	To    string
	ENVID string // id of the outgoing row, for the bounce (M28); empty for none
	RET   string // "HDRS" (default) or "FULL"
	Bytes []byte // as stored: CRLF lines, the last one ended
}

// SendKind tells what a failure means for the letter.
type SendKind string

const (
	SendTemporary SendKind = "temporary" // it was not taken; the same bytes may go again later
	SendPermanent SendKind = "permanent" // it was refused; the same bytes would be refused again
	SendUnknown   SendKind = "unknown"   // the server may have it: the final dot left us and no answer came
)

// SendError is a failed sending.
type SendError struct {
	Kind     SendKind
	Code     int    // SMTP reply code, 0 when none came
	Enhanced string // enhanced status code such as "5.1.1" (RFC 3463), empty if none
	Answer   string // the server's words, at most 500 bytes, on one line
	Verb     string // step that failed: DIAL, TLS, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, DOT
	// Setup: the fault is in the settings or at the server, not in this letter; every other letter would fail as well.
	Setup bool
	Err   error
}

func (e *SendError) Error() string {
	s := "smtp " + e.Verb
	if e.Code != 0 {
		return s + ": " + strconv.Itoa(e.Code) + " " + e.Answer
	}
	return s + ": " + e.Err.Error()
}

func (e *SendError) Unwrap() error { return e.Err }

// address is an envelope address as it goes on the wire.
type address struct {
	text string
	utf8 bool // needs SMTPUTF8
}

// prepare checks an envelope before anything is sent: addresses by the strict grammar (S26), bytes that SMTP can carry unchanged (S27).
func prepare(e *Envelope) (from, to address, err error) {
	refuse := func(what error) error { return &SendError{Kind: SendPermanent, Verb: "MAIL", Err: what} }
	if e.From != "" {
		if from, err = wireAddress(e.From); err != nil {
			return from, to, refuse(fmt.Errorf("sender: %w", err))
		}
	}
	if to, err = wireAddress(e.To); err != nil {
		return from, to, refuse(fmt.Errorf("recipient: %w", err))
	}
	switch e.RET {
	case "":
		e.RET = "HDRS"
	case "HDRS", "FULL":
	default:
		return from, to, refuse(fmt.Errorf("RET %q, want HDRS or FULL", e.RET))
	}
	if len(e.ENVID) > 100 { // RFC 3461 section 4.4
		return from, to, refuse(errors.New("ENVID has more than 100 characters"))
	}
	if err := wireBytes(e.Bytes); err != nil {
		return from, to, refuse(err)
	}
	return from, to, nil
}

func wireAddress(s string) (address, error) {
	a, err := ticketing.ParseAddress(s)
	if err != nil {
		return address{}, err
	}
	return address{text: a.String(), utf8: !isASCII(a.Local)}, nil
}

// wireBytes reports why bytes cannot travel as they are: a bare CR or LF (SMTP smuggling), NUL, 8-bit bytes, a line over 998 bytes, an
// unfinished last line.
func wireBytes(b []byte) error {
	if len(b) < 2 || b[len(b)-1] != '\n' {
		return errors.New("the letter does not end with a line end")
	}
	start := 0
	for i, c := range b {
		switch {
		case c == '\n':
			if i == 0 || b[i-1] != '\r' {
				return errors.New("the letter has a bare LF")
			}
			if i-1-start > 998 {
				return errors.New("the letter has a line of more than 998 bytes")
			}
			start = i + 1
		case i > 0 && b[i-1] == '\r':
			return errors.New("the letter has a bare CR")
		case c == 0 || c > 127:
			return errors.New("the letter has a NUL or an 8-bit byte")
		}
	}
	return nil
}

// xtext encodes an ENVID (RFC 3461 section 4).
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

var enhancedCode = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})(?:\s|$)`)

// failure turns an error of a step into a SendError. 5xx is permanent and 4xx temporary; so is everything without a reply, as long as the
// final dot has not left. Replies that are about the session and not about the letter (RFC 4954 section 6) are temporary.
func failure(ctx context.Context, verb string, err error) *SendError {
	failed := &SendError{Kind: SendTemporary, Verb: verb, Err: err}
	var reply *textproto.Error
	if errors.As(err, &reply) {
		failed.Code, failed.Answer = reply.Code, oneLine(reply.Msg)
		if m := enhancedCode.FindStringSubmatch(failed.Answer); m != nil {
			failed.Enhanced = m[1]
		}
		switch failed.Code {
		case 530, 534, 535, 538:
			failed.Setup = true
		default:
			if failed.Code >= 500 {
				failed.Kind = SendPermanent
			}
		}
		return failed
	}
	if ctx.Err() != nil {
		failed.Err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return failed
}

// oneLine makes a reply fit for a log, a column and a Slack line.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "")
	}
	return s
}

// certificateFault reports whether a handshake failed because of the certificate, which waiting does not heal.
func certificateFault(err error) bool {
	var bad *tls.CertificateVerificationError
	return errors.As(err, &bad)
}
