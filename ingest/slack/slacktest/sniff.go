package slacktest

import (
	"net"
	"sync"
)

// The WebSocket library joins the frames of a message before it shows it; Slack is reported not to (E31). So the bytes
// of a connection are watched on their way in, and frames that continue another are counted.

type sniffListener struct{ net.Listener }

func (l sniffListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &sniffConn{Conn: c}, nil
}

type sniffConn struct {
	net.Conn
	mu sync.Mutex
	f  *frameCounter
}

func (c *sniffConn) watch(f *frameCounter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.f = f
}

func (c *sniffConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	f := c.f
	c.mu.Unlock()
	if f != nil {
		f.feed(p[:n])
	}
	return n, err
}

// frameCounter reads the headers of WebSocket frames (RFC 6455 section 5.2) and counts continuation frames.
type frameCounter struct {
	mu     sync.Mutex
	head   []byte
	skip   uint64
	pieces int
}

func (f *frameCounter) fragments() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pieces
}

func (f *frameCounter) feed(p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(p) > 0 {
		if f.skip > 0 {
			n := min(f.skip, uint64(len(p)))
			p, f.skip = p[n:], f.skip-n
			continue
		}
		f.head = append(f.head, p[0])
		p = p[1:]
		if len(f.head) < 2 {
			continue
		}
		size, length := 2, uint64(f.head[1]&0x7f)
		switch length {
		case 126:
			size += 2
		case 127:
			size += 8
		}
		ext := size
		if f.head[1]&0x80 != 0 {
			size += 4
		}
		if len(f.head) < size {
			continue
		}
		if ext > 2 {
			length = 0
			for _, b := range f.head[2:ext] {
				length = length<<8 | uint64(b)
			}
		}
		if f.head[0]&0x0f == 0 {
			f.pieces++
		}
		f.skip, f.head = length, f.head[:0]
	}
}
