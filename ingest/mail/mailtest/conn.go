package mailtest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
)

// conn is a connection that can be cut after a number of bytes, or frozen: it then stays open and swallows what the server says, as a
// dead link does.
type conn struct {
	net.Conn
	server  *Server
	service string
	id      int

	mu     sync.Mutex
	limit  int // bytes that may still be written; -1: no limit
	frozen bool
	closed chan struct{}
	once   sync.Once
}

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	limit, frozen := c.limit, c.frozen
	if limit >= 0 {
		c.limit = max(0, limit-len(p))
	}
	c.mu.Unlock()
	switch {
	case frozen:
		return len(p), nil
	case limit < 0 || len(p) < limit:
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:limit])
	_ = c.Close()
	return n, errors.New("cut by a fault")
}

func (c *conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		close(c.closed)
		err = c.Conn.Close()
		c.server.mu.Lock()
		delete(c.server.conns, c)
		c.server.mu.Unlock()
		c.server.wait.Done()
	})
	return err
}

// cutAfter closes the connection once n more bytes have been written.
func (c *conn) cutAfter(n int) {
	if n <= 0 {
		_ = c.Close()
		return
	}
	c.mu.Lock()
	c.limit = n
	c.mu.Unlock()
}

// hang blocks until the connection is closed from here or the server ends: the client sees silence.
func (c *conn) hang() {
	select {
	case <-c.closed:
	case <-c.server.done:
	}
}

// base finds our connection under TLS layers.
func base(nc net.Conn) *conn {
	for {
		switch c := nc.(type) {
		case *conn:
			return c
		case *tls.Conn:
			nc = c.NetConn()
		default:
			return nil
		}
	}
}

// listener keeps account of the connections of one service.
type listener struct {
	net.Listener
	server  *Server
	service string
	tls     *tls.Config
	once    sync.Once
	serving chan struct{} // closed at the first Accept
}

func (s *Server) tracked(l net.Listener, service string, config *tls.Config) *listener {
	return &listener{Listener: l, server: s, service: service, tls: config, serving: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	l.once.Do(func() { close(l.serving) })
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s := l.server
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = nc.Close()
		return nil, net.ErrClosed
	}
	s.nextConn++
	c := &conn{Conn: nc, server: s, service: l.service, id: s.nextConn, limit: -1, closed: make(chan struct{})}
	s.conns[c] = struct{}{}
	s.wait.Add(1)
	s.mu.Unlock()
	if l.tls != nil {
		return tls.Server(c, l.tls), nil
	}
	return c, nil
}

// DropIMAP and DropSMTP cut every open connection of the service. Clients may connect again at once.
func (s *Server) DropIMAP() { s.cut("imap") }
func (s *Server) DropSMTP() { s.cut("smtp") }

func (s *Server) cut(service string) {
	for _, c := range s.open(service) {
		_ = c.Close()
	}
}

// FreezeIMAP makes every open IMAP connection a dead link: nothing the server says arrives any more, and nothing is closed.
func (s *Server) FreezeIMAP() {
	for _, c := range s.open("imap") {
		c.mu.Lock()
		c.frozen = true
		c.mu.Unlock()
	}
}

// IMAPConns is the number of open IMAP connections.
func (s *Server) IMAPConns() int { return len(s.open("imap")) }

func (s *Server) open(service string) []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*conn
	for c := range s.conns {
		if service == "" || c.service == service {
			all = append(all, c)
		}
	}
	return all
}

// DialIMAP connects without a network.
func (s *Server) DialIMAP(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case s.pipes.conns <- server:
		return client, nil
	case <-s.done:
		return nil, errors.New("mail server is closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// DialSMTP connects without a network.
func (s *Server) DialSMTP(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	l := s.tracked(&oneListener{server}, "smtp", nil)
	nc, err := l.Accept()
	if err != nil {
		return nil, err
	}
	s.wait.Go(func() { s.handleSMTP(nc) })
	return client, nil
}

// pipeListener hands out the server's ends of pipes.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { return nil }
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type oneListener struct{ conn net.Conn }

func (l *oneListener) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, net.ErrClosed
	}
	c := l.conn
	l.conn = nil
	return c, nil
}
func (l *oneListener) Close() error   { return nil }
func (l *oneListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
