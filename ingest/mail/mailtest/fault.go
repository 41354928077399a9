package mailtest

import (
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Action is what a fault does.
type Action int

const (
	// Refuse answers NO (IMAP) or Fault.Code (SMTP) with Fault.Text.
	Refuse Action = iota
	// Bad answers BAD, as a server does that did not understand. IMAP only.
	Bad
	// Cut closes the connection after Fault.After more bytes of answer (IMAP), at once or after that many bytes of the body (SMTP).
	Cut
	// Hang says nothing and keeps the connection open until it is dropped or the server closes.
	Hang
	// Raw sends Fault.Text as it is before the proper answer.
	Raw
	// Size reports Fault.After as RFC822.SIZE. IMAP FETCH only.
	Size
	// Omit leaves the message out of the answer, which still ends in OK. IMAP FETCH with a UID only.
	Omit
)

// Fault makes the server fail at one point.
type Fault struct {
	// At is the verb: an IMAP command without UID (LOGIN covers AUTHENTICATE), or an SMTP verb, or one of the points CONNECT, BODY (while
	// the client sends the mail) and DOT (the mail is there, the answer is due).
	At string
	// Who limits the fault to one IMAP user, or one SMTP recipient (RCPT) or sender (MAIL). Empty: everybody.
	Who string
	// UID limits FETCH to commands that touch this message.
	UID uint32
	// Skip lets that many occasions pass first; Times is how often the fault strikes, 0 without end.
	Skip, Times int
	Do          Action
	// Code is the SMTP answer of Refuse, such as 451 or 550.
	Code  int
	Text  string
	After int
	// Lost: with Cut at DOT, the mail is thrown away; otherwise it is delivered and only the answer is missing.
	Lost bool
}

// Armed is a fault in force.
type Armed struct {
	Fault
	server  *Server
	service string
	seen    int
	hits    int
	off     bool
}

// FaultIMAP and FaultSMTP arm a fault.
func (s *Server) FaultIMAP(f Fault) *Armed { return s.arm("imap", f) }
func (s *Server) FaultSMTP(f Fault) *Armed { return s.arm("smtp", f) }

func (s *Server) arm(service string, f Fault) *Armed {
	a := &Armed{Fault: f, server: s, service: service}
	s.mu.Lock()
	s.faults = append(s.faults, a)
	s.mu.Unlock()
	return a
}

// Clear takes the fault out of force.
func (a *Armed) Clear() {
	a.server.mu.Lock()
	a.off = true
	a.server.mu.Unlock()
}

// Hits is how often the fault has struck.
func (a *Armed) Hits() int {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return a.hits
}

// strike returns the first fault due at this point, and counts it. uid is 0 where no message is concerned.
func (s *Server) strike(service, at, who string, uid uint32) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.faults {
		if a.off || a.service != service || a.At != at || a.UID != uid || (a.Who != "" && !strings.EqualFold(a.Who, who)) {
			continue
		}
		a.seen++
		if a.seen <= a.Skip {
			continue
		}
		a.hits++
		if a.Times > 0 && a.hits >= a.Times {
			a.off = true
		}
		s.touch()
		f := a.Fault
		return &f
	}
	return nil
}

// answer carries out a fault at the entry of an IMAP command. A nil error means that the command goes on.
func (f *Fault) answer(c *conn) error {
	switch f.Do {
	case Refuse, Bad:
		kind := imap.StatusResponseTypeNo
		if f.Do == Bad {
			kind = imap.StatusResponseTypeBad
		}
		text := f.Text
		if text == "" {
			text = "refused by a fault"
		}
		return &imap.Error{Type: kind, Text: text}
	case Cut:
		c.cutAfter(f.After)
	case Hang:
		c.hang()
		_ = c.Close()
	case Raw:
		_, _ = c.Write([]byte(f.Text))
	}
	return nil
}
