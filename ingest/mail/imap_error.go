package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/emersion/go-imap/v2"

	"github.com/sportello/sportello/ticketing"
)

// IMAPClass tells who can repair an error.
type IMAPClass string

const (
	IMAPTemporary IMAPClass = "temporary" // goes away by itself: try again
	IMAPAuth      IMAPClass = "auth"      // credentials are refused: trying often may lock the account
	IMAPSettings  IMAPClass = "config"    // somebody must change a setting, here or at the server
)

// imapFault is one thing that goes wrong: its code, which is also that of the *ticketing.Error, its class and what to do about it.
type imapFault struct {
	code   string
	class  IMAPClass
	advice string
}

var (
	imapSettings    = imapFault{"imap.settings", IMAPSettings, "correct the mailbox's settings"}
	imapUnreachable = imapFault{"imap.unreachable", IMAPTemporary, "the server cannot be reached: check host, port and firewall; it is tried again"}
	imapCertificate = imapFault{"imap.certificate", IMAPSettings, "the server's certificate is not valid for this host: use the host name that stands in the certificate, or add its authority to the trusted ones"}
	imapHandshake   = imapFault{"imap.tls", IMAPSettings, `the server does not speak TLS here: use tls "tls" with port 993, or "starttls" with port 143`}
	imapStartTLS    = imapFault{"imap.starttls", IMAPSettings, `the server offers no STARTTLS here: use tls "tls" with port 993`}
	imapPlaintext   = imapFault{"imap.plaintext", IMAPSettings, `the server takes no password without encryption: use tls "tls" or "starttls"`}
	imapPassword    = imapFault{"imap.password", IMAPAuth, "the server refuses user name or password: check both; Gmail and others want an app password or OAuth"}
	imapToken       = imapFault{"imap.token", IMAPAuth, "no valid OAuth token: sign in again with the account's administrator"}
	imapMethod      = imapFault{"imap.method", IMAPSettings, `the server does not offer this way of signing in: set auth to "login" or "plain"`}
	imapFolder      = imapFault{"imap.folder", IMAPSettings, "the folder does not exist or may not be opened: check its name, it is case-sensitive"}
	imapKeywords    = imapFault{"imap.keywords", IMAPSettings, `the server stores no keywords in this folder: set after to "keep" or "move"`}
	imapMove        = imapFault{"imap.move", IMAPSettings, `the server can neither MOVE nor remove single mails (UIDPLUS): set after to "keep" or "flag"`}
	imapSilent      = imapFault{"imap.silent", IMAPTemporary, "the server does not answer: a new connection is made"}
	imapClosed      = imapFault{"imap.closed", IMAPTemporary, "the server closed the connection: a new one is made"}
	imapFlood       = imapFault{"imap.flood", IMAPTemporary, "the server sends far more than it was asked for: look at the server"}
	imapProtocol    = imapFault{"imap.protocol", IMAPTemporary, "the server's answer cannot be understood: a new connection is made"}
	imapRefused     = imapFault{"imap.refused", IMAPTemporary, "the server refuses the command: its words say why"}
	imapIncomplete  = imapFault{"imap.incomplete", IMAPTemporary, "a mail did not arrive whole: it is fetched again"}
	imapOversize    = imapFault{"imap.oversize", IMAPTemporary, "a mail is larger than the server said: only its beginning is fetched"}
)

var (
	errLoginDisabled = errors.New("LOGINDISABLED")
	errNoXOAUTH2     = errors.New("AUTH=XOAUTH2 is not offered")
)

// IMAPError is a failure at an IMAP server. It is found with errors.As inside the *ticketing.Error that the methods of Session return.
type IMAPError struct {
	Class   IMAPClass
	Code    string // "imap.password", …
	Op      string // what was being done
	Server  string // host:port
	User    string
	Advice  string
	Refusal bool  // the server answered NO or BAD; the connection still works
	Err     error // technical cause, the server's words
}

func (e *IMAPError) Error() string {
	return fmt.Sprintf("%s at %s for %s: %s (%v)", e.Op, e.Server, e.User, e.Advice, e.Err)
}

func (e *IMAPError) Unwrap() error { return e.Err }

// IMAPErrorOf finds the IMAPError in err, or returns nil.
func IMAPErrorOf(err error) *IMAPError {
	var e *IMAPError
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// fail makes an error. Only wrong settings are permanent: everything else can be repaired at the server while we wait.
func (c *IMAPConfig) fail(f imapFault, op string, cause error) error {
	var refusal *imap.Error
	e := &IMAPError{
		Class: f.class, Code: f.code, Op: op, Server: c.Address(), User: c.Username, Advice: f.advice,
		Refusal: errors.As(cause, &refusal), Err: cause,
	}
	return &ticketing.Error{Code: f.code, Permanent: f.code == imapSettings.code, Err: e}
}

// explain turns what go-imap returned into an error that says what to do. A nil err stays nil.
func (s *Session) explain(op string, err error) error {
	if err == nil {
		return nil
	}
	reason, readErr := s.conn.why()
	if errors.Is(reason, context.Canceled) {
		return reason
	}
	return s.config.fail(classify(op, err, reason, readErr), op, cause(err, reason))
}

func cause(err, reason error) error {
	if reason != nil {
		return reason
	}
	return err
}

func classify(op string, err, reason, readErr error) imapFault {
	var refusal *imap.Error
	switch {
	case errors.Is(reason, errFlood):
		return imapFlood
	case errors.Is(reason, errSilent), errors.Is(reason, context.DeadlineExceeded):
		return imapSilent
	case errors.Is(err, errLoginDisabled):
		return imapPlaintext
	case errors.Is(err, errNoXOAUTH2):
		return imapMethod
	case errors.Is(err, errIncomplete):
		return imapIncomplete
	case errors.As(err, &refusal):
		return classifyRefusal(op, refusal)
	case errors.Is(reason, errNonsense):
		return imapProtocol
	case readErr != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed):
		return imapClosed
	}
	return imapProtocol
}

// classifyRefusal reads NO and BAD. A server that is merely busy says so with a response code (RFC 5530).
func classifyRefusal(op string, e *imap.Error) imapFault {
	busy := e.Code == imap.ResponseCodeUnavailable || e.Code == imap.ResponseCodeInUse || e.Code == imap.ResponseCodeLimit ||
		e.Code == imap.ResponseCodeServerBug
	switch {
	case e.Type == imap.StatusResponseTypeBye || busy:
		return imapRefused
	case op == "sign in":
		return imapPassword
	case len(op) > 11 && op[:11] == "open folder":
		return imapFolder
	}
	return imapRefused
}

func classifyTLS(err error) imapFault {
	var (
		verify *tls.CertificateVerificationError
		name   x509.HostnameError
		record tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &verify) || errors.As(err, &name):
		return imapCertificate
	case errors.As(err, &record):
		return imapHandshake
	}
	return imapUnreachable
}
