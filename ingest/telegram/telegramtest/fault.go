package telegramtest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind int

const (
	// LoseRequest: the connection breaks before Telegram has read the request; nothing is done.
	LoseRequest FaultKind = iota
	// LoseAnswer: it is done, and the connection breaks before the answer.
	LoseAnswer
	// FailBefore: 502 with a page of HTML; nothing is done.
	FailBefore
	// FailAfter: 502 with a page of HTML, although it is done.
	FailAfter
	// InternalError: 500 with an envelope; nothing is done.
	InternalError
	// Garbage: it is done, and the answer is no JSON.
	Garbage
	// Flood: 429 with Retry seconds; nothing is done.
	Flood
	// Refuse: Code and Text.
	Refuse
	// Say200: nothing is done, and Text is the whole answer.
	Say200
	// Mute: the request is read and nothing is answered until the client goes away.
	Mute
)

// Fault spoils calls.
type Fault struct {
	Method string // "file" is a download; empty: any but getUpdates
	Kind   FaultKind
	Times  int // how many calls; 0: one, negative: all
	Skip   int // so many calls pass first
	Retry  time.Duration
	Code   int
	Text   string
}

// Fault adds a fault. They are used up in the order in which they were added.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	f.Method = strings.ToLower(f.Method)
	s.faults = append(s.faults, &f)
}

// Heal takes all faults away.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault takes the next fault of a method; the lock is held.
func (s *Server) fault(method string, c call) *Fault {
	for i, f := range s.faults {
		if f.Method != method && (f.Method != "" || method == "getupdates") {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			return nil
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		if f.Kind == Flood {
			s.paused[c.number("chat_id")] = s.now().Add(f.Retry)
		}
		return f
	}
	return nil
}

const badGateway = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n"

// before spoils a call that is not carried out; done tells that it has been answered.
func (s *Server) before(w http.ResponseWriter, r *http.Request, f *Fault) (done bool) {
	if f == nil {
		return false
	}
	switch f.Kind {
	case LoseRequest:
		hangUp(w)
	case FailBefore:
		gateway(w)
	case InternalError:
		write(w, &answer{Code: http.StatusInternalServerError, Description: "Internal Server Error"})
	case Flood:
		write(w, tooMany(f.Retry))
	case Refuse:
		write(w, &answer{Code: f.Code, Description: f.Text})
	case Say200:
		_, _ = w.Write([]byte(f.Text))
	case Mute:
		select {
		case <-r.Context().Done():
		case <-s.done:
		}
	default:
		return false
	}
	return true
}

// after spoils the answer of a call that was carried out.
func after(w http.ResponseWriter, f *Fault) (done bool) {
	if f == nil {
		return false
	}
	switch f.Kind {
	case LoseAnswer:
		hangUp(w)
	case FailAfter:
		gateway(w)
	case Garbage:
		_, _ = w.Write([]byte("ok\n"))
	default:
		return false
	}
	return true
}

func gateway(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = w.Write([]byte(badGateway))
}
