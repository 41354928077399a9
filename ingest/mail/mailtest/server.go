package mailtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// Options of a server. The zero value is a server on free loopback ports, without TLS, that accepts every recipient.
type Options struct {
	// Addresses to listen on; empty means 127.0.0.1 with a free port. IMAPS and SMTPS (TLS from the first byte) are opened only with
	// TLS set.
	IMAP, IMAPS, SMTP, SMTPS string
	// TLS offers STARTTLS and the two TLS listeners, with a certificate for localhost, 127.0.0.1 and ::1 that RootCAs trusts.
	TLS bool
	// RequireTLS refuses credentials on unencrypted connections.
	RequireTLS bool
	// RequireAuth refuses MAIL before AUTH.
	RequireAuth bool
	// Memory opens no port at all; DialIMAP and DialSMTP are the only ways in.
	Memory bool
	// Password, when set, lets anybody sign in with it under any address: the mailboxes of customers, which come into being when
	// somebody writes to them.
	Password string
	// KeepSubmitted stores a copy of each mail sent by a signed-in user in that folder of the user, as Gmail and Microsoft 365 do.
	KeepSubmitted string
	// AuthServID, when set, is the name under which the server puts an Authentication-Results field on mail it delivers: dmarc=pass
	// when the signed-in user's domain is that of From, fail when it is another, none without sign-in.
	AuthServID string
	// Without lists capabilities not to be offered: "IDLE", "MOVE", "UIDPLUS", "SPECIAL-USE".
	Without []string
	// MaxSize of a mail by SMTP in bytes, announced as SIZE; 0 means 50 MiB.
	MaxSize int64
	// Log receives the library's complaints; nil drops them.
	Log io.Writer
}

// Server is a running mail server. Its methods may be called from any goroutine.
type Server struct {
	options Options
	cert    tls.Certificate
	roots   *x509.CertPool
	imap    *imapserver.Server
	pipes   *pipeListener // IMAP in memory
	done    chan struct{}
	wait    sync.WaitGroup

	listeners map[string]net.Listener // by service name; immutable after New

	mu       sync.Mutex
	accounts map[string]*account // by address, lower case
	order    []*account
	sent     []*Transaction
	commands []Command
	faults   []*Armed
	conns    map[*conn]struct{}
	changed  chan struct{} // closed and replaced at every change
	validity uint32
	nextConn int
	closed   bool
}

// New starts a server. Close ends it.
func New(o Options) (*Server, error) {
	if o.MaxSize == 0 {
		o.MaxSize = 50 << 20
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	s := &Server{
		options:   o,
		done:      make(chan struct{}),
		listeners: map[string]net.Listener{},
		accounts:  map[string]*account{},
		conns:     map[*conn]struct{}{},
		changed:   make(chan struct{}),
		validity:  1000,
	}
	imapOptions := &imapserver.Options{
		NewSession:   s.newSession,
		Caps:         s.caps(),
		Logger:       log.New(o.Log, "imap ", 0),
		InsecureAuth: !o.RequireTLS,
	}
	if o.TLS {
		if err := s.makeCertificate(); err != nil {
			return nil, err
		}
		imapOptions.TLSConfig = s.tlsConfig()
	}
	s.imap = imapserver.New(imapOptions)
	s.pipes = &pipeListener{conns: make(chan net.Conn), done: s.done}
	pipes := s.tracked(s.pipes, "imap", nil)
	s.wait.Go(func() { _ = s.imap.Serve(pipes) })
	<-pipes.serving // go-imap's Close must not run beside the beginning of Serve
	if o.Memory {
		return s, nil
	}
	services := []struct {
		name, address string
		tls           bool
		serve         func(net.Listener)
	}{
		{"imap", o.IMAP, false, func(l net.Listener) { _ = s.imap.Serve(l) }},
		{"smtp", o.SMTP, false, s.serveSMTP},
		{"imaps", o.IMAPS, true, func(l net.Listener) { _ = s.imap.Serve(l) }},
		{"smtps", o.SMTPS, true, s.serveSMTP},
	}
	for _, service := range services {
		if service.tls && !o.TLS {
			continue
		}
		address := service.address
		if address == "" {
			address = "127.0.0.1:0"
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("mail server: %s cannot listen: %w", service.name, err)
		}
		var config *tls.Config
		if service.tls {
			config = s.tlsConfig()
		}
		s.listeners[service.name] = l
		wrapped := s.tracked(l, service.name[:4], config)
		s.wait.Go(func() { service.serve(wrapped) })
		<-wrapped.serving
	}
	return s, nil
}

// TB is the part of testing.TB that Start needs; the package does not import testing because the demo links it.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Start is New for a test: the server is closed when the test ends.
func Start(t TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatalf("mail server: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Close stops listening, cuts every connection and waits for them. Mailboxes and transactions can still be read.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	s.mu.Unlock()
	err := s.imap.Close()
	for _, l := range s.listeners {
		if e := l.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = e
		}
	}
	s.cut("")
	s.wait.Wait()
	return err
}

// IMAPAddr, SMTPAddr, IMAPSAddr and SMTPSAddr are host:port, empty when not listening.
func (s *Server) IMAPAddr() string  { return s.addr("imap") }
func (s *Server) SMTPAddr() string  { return s.addr("smtp") }
func (s *Server) IMAPSAddr() string { return s.addr("imaps") }
func (s *Server) SMTPSAddr() string { return s.addr("smtps") }

func (s *Server) addr(service string) string {
	if l := s.listeners[service]; l != nil {
		return l.Addr().String()
	}
	return ""
}

// RootCAs trusts the server's certificate; nil without TLS.
func (s *Server) RootCAs() *x509.CertPool { return s.roots }

// WaitFor returns nil as soon as done reports true. It is asked now and after every change of a mailbox, transaction or command, never
// on a timer. The error is the context's.
func (s *Server) WaitFor(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// touch wakes WaitFor. The caller holds s.mu.
func (s *Server) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) caps() imap.CapSet {
	caps := imap.CapSet{
		imap.CapIMAP4rev1: {}, imap.CapNamespace: {}, imap.CapUIDPlus: {}, imap.CapESearch: {}, imap.CapMove: {},
		imap.CapSpecialUse: {}, imap.CapLiteralPlus: {}, imap.CapChildren: {}, imap.CapListExtended: {},
	}
	for _, name := range s.options.Without {
		delete(caps, imap.Cap(name))
	}
	return caps
}

func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12}
}

func (s *Server) makeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "localhost"},
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(365 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	s.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(leaf)
	return nil
}
