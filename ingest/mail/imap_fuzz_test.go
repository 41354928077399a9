package mail

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"
)

// scriptedConn is a server that says fixed bytes, whatever it hears, and then hangs up.
type scriptedConn struct{ r *bytes.Reader }

func (c *scriptedConn) Read(p []byte) (int, error)       { return c.r.Read(p) }
func (c *scriptedConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c *scriptedConn) Close() error                     { return nil }
func (c *scriptedConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *scriptedConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *scriptedConn) SetDeadline(time.Time) error      { return nil }
func (c *scriptedConn) SetReadDeadline(time.Time) error  { return nil }
func (c *scriptedConn) SetWriteDeadline(time.Time) error { return nil }

var _ io.ReadWriteCloser = (*scriptedConn)(nil)

// FuzzServerAnswers: no bytes of a server may panic, hang, or hand over a mail that is not whole.
func FuzzServerAnswers(f *testing.F) {
	const hello = "* OK [CAPABILITY IMAP4rev1 IDLE] hi\r\nT1 OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] in\r\n" +
		"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 2] x\r\n* OK [PERMANENTFLAGS (\\*)] x\r\nT2 OK open\r\n"
	f.Add([]byte(hello + "* SEARCH 1\r\nT3 OK x\r\n* 1 FETCH (UID 1 RFC822.SIZE 5 INTERNALDATE \"01-Feb-2026 10:00:00 +0000\")\r\nT4 OK x\r\n* 1 FETCH (UID 1 BODY[] {5}\r\nabcde)\r\nT5 OK x\r\n"))
	f.Add([]byte(hello + "* SEARCH 1\r\nT3 OK x\r\n* 1 FETCH (UID 1 RFC822.SIZE 5 INTERNALDATE \"01-Feb-2026 10:00:00 +0000\")\r\nT4 OK x\r\n* 1 FETCH (UID 1 BODY[] {5}\r\nabc"))
	f.Add([]byte(hello + "* ESEARCH (TAG \"T3\") UID ALL 1:4294967295\r\nT3 OK x\r\n"))
	f.Add([]byte(hello + "* SEARCH 0 4294967296\r\n"))
	f.Add([]byte("* BYE no\r\n"))
	f.Add([]byte("* OK [CAPABILITY a (DLE ")) // go-imap would read this for ever
	f.Add([]byte("* PREAUTH welcome\r\n"))
	f.Fuzz(func(t *testing.T, answers []byte) {
		box, err := NewMailbox(IMAPConfig{
			Name: "desk", Host: "127.0.0.1", TLS: "none", Username: "u", Password: "p", CommandTimeout: time.Second,
			Dial: func(context.Context, string, string) (net.Conn, error) {
				return &scriptedConn{bytes.NewReader(answers)}, nil
			},
		}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		s, err := box.Dial(ctx)
		if err != nil {
			return
		}
		defer s.abort()
		if _, err := s.Select(ctx); err != nil {
			return
		}
		uids, err := s.NewUIDs(ctx, 0)
		if err != nil {
			return
		}
		heads, err := s.Heads(ctx, uids[:min(len(uids), 10)])
		if err != nil {
			return
		}
		items, err := s.Fetch(ctx, heads)
		for _, item := range items {
			if err != nil || !bytes.Contains(answers, item.Bytes) {
				t.Errorf("mail %d of %d bytes handed over with error %v", item.UID, len(item.Bytes), err)
			}
		}
		if ctx.Err() != nil {
			t.Error("hung")
		}
	})
}

func FuzzHeaderDate(f *testing.F) {
	f.Add([]byte("Subject: x\r\nDate: Mon, 2 Feb 2026 10:00:00 +0100\r\n\r\nDate: Mon, 9 Feb 2026 10:00:00 +0100\r\n"))
	f.Add([]byte("Date:\r\n\r\n"))
	f.Fuzz(func(_ *testing.T, raw []byte) { headerDate(raw) })
}

func TestHeaderDate(t *testing.T) {
	const written = "Mon, 2 Feb 2026 10:00:00 +0100"
	for _, test := range []struct{ raw, want string }{
		{"Date: " + written + "\r\n\r\n", written},
		{"From: x\nDATE:" + written + "\n", written},
		{"From: x\r\n\r\nDate: " + written + "\r\n", ""},
		{"Date: yesterday\r\n", ""},
	} {
		got := headerDate([]byte(test.raw))
		if got.IsZero() != (test.want == "") || !got.IsZero() && got.Format("Mon, 2 Jan 2006 15:04:05 -0700") != test.want {
			t.Errorf("%q: %v", test.raw, got)
		}
	}
}
