package slacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	pingEvery     = 10 * time.Second
	warnBefore    = 10 * time.Second
	closeAfter    = 5 * time.Second // between refresh_requested and the end of the connection
	maxSockets    = 10
	maxAnswer     = 20_480 // an answer of this size or more is dropped (E31)
	socketBacklog = 1024
)

// socket is one Socket Mode connection [/apis/events-api/using-socket-mode].
type socket struct {
	s    *Server
	conn *websocket.Conn
	out  chan []byte
	end  chan struct{}
	once sync.Once

	mu     sync.Mutex
	silent bool
	stops  []func()
}

func (s *Server) serveLink(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	unused := s.tickets[ticket]
	if unused {
		s.tickets[ticket] = false
	}
	disabled := s.disabled
	s.mu.Unlock()
	if !unused || disabled {
		http.Error(w, "the ticket is unknown or used", http.StatusForbidden)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, WriteBufferSize: 1 << 20}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	frames := &frameCounter{}
	if c, ok := conn.NetConn().(*sniffConn); ok {
		c.watch(frames)
	}
	k := &socket{s: s, conn: conn, out: make(chan []byte, socketBacklog), end: make(chan struct{})}
	go k.write()

	s.mu.Lock()
	if len(s.sockets) >= maxSockets {
		s.mu.Unlock()
		k.send(obj{"type": "disconnect", "reason": "too_many_websockets", "debug_info": obj{"host": "slacktest"}})
		k.finish()
		k.read(frames)
		return
	}
	s.sockets = append(s.sockets, k)
	n := len(s.sockets)
	life := s.opt.SocketLife
	if r.URL.Query().Get("debug_reconnects") == "true" {
		life = 360 * time.Second
	}
	k.send(obj{
		"type": "hello", "num_connections": n,
		"connection_info": obj{"app_id": s.opt.AppID},
		"debug_info":      obj{"host": "slacktest", "build_number": 1, "approximate_connection_time": int(life / time.Second)},
	})
	s.bump()
	s.mu.Unlock()

	k.after(life-warnBefore, k.retire)
	k.beat()
	k.read(frames)

	k.drop()
	s.locked(func() {
		s.sockets = slices.DeleteFunc(s.sockets, func(o *socket) bool { return o == k })
	})
}

// after runs f after d of the clock unless the socket ended.
func (k *socket) after(d time.Duration, f func()) {
	stop := k.s.clock.AfterFunc(d, func() {
		select {
		case <-k.end:
		default:
			f()
		}
	})
	k.mu.Lock()
	k.stops = append(k.stops, stop)
	k.mu.Unlock()
}

func (k *socket) beat() {
	k.after(pingEvery, func() {
		if !k.isSilent() {
			_ = k.conn.WriteControl(websocket.PingMessage, []byte("Ping from slacktest"), time.Now().Add(5*time.Second))
		}
		k.beat()
	})
}

// retire announces the end of a connection and ends it (E28).
func (k *socket) retire() {
	k.disconnect("warning")
	k.s.clock.AfterFunc(warnBefore, k.refresh)
}

func (k *socket) refresh() {
	k.disconnect("refresh_requested")
	k.s.clock.AfterFunc(closeAfter, k.drop)
}

func (k *socket) disconnect(reason string) {
	k.send(obj{"type": "disconnect", "reason": reason, "debug_info": obj{"host": "slacktest"}})
}

func (k *socket) isSilent() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.silent
}

// send queues one frame; a silent socket and a full one swallow it, and what was in it is missed.
func (k *socket) send(v any) {
	if k.isSilent() {
		return
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // only values of ours go in
	}
	k.sendRaw(raw)
}

func (k *socket) sendRaw(raw []byte) {
	select {
	case k.out <- raw:
	default:
	}
}

func (k *socket) write() {
	for {
		select {
		case raw := <-k.out:
			if raw == nil {
				_ = k.conn.Close()
				return
			}
			if k.conn.WriteMessage(websocket.TextMessage, raw) != nil {
				return
			}
		case <-k.end:
			return
		}
	}
}

// finish closes the connection after what is queued.
func (k *socket) finish() {
	select {
	case k.out <- nil:
	case <-k.end:
	}
}

// drop breaks the connection at once.
func (k *socket) drop() {
	k.once.Do(func() { close(k.end) })
	_ = k.conn.Close()
	k.mu.Lock()
	stops := k.stops
	k.stops = nil
	k.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

func (k *socket) read(frames *frameCounter) {
	k.conn.SetPingHandler(func(data string) error {
		if k.isSilent() {
			return nil
		}
		return k.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(5*time.Second))
	})
	k.conn.SetCloseHandler(func(code int, _ string) error {
		if !k.isSilent() {
			_ = k.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
		}
		return nil
	})
	for {
		before := frames.fragments()
		_, raw, err := k.conn.ReadMessage()
		if err != nil {
			if k.isSilent() {
				// Nothing comes from a silent socket, not even the end of the connection, until the other side goes.
				_, _ = io.Copy(io.Discard, k.conn.NetConn())
			}
			return
		}
		if frames.fragments() != before {
			k.s.locked(func() { k.s.bad("an answer in several WebSocket frames") })
			continue
		}
		if len(raw) >= maxAnswer {
			k.s.locked(func() { k.s.bad(fmt.Sprintf("an answer of %d bytes", len(raw))) })
			continue
		}
		var ack struct {
			EnvelopeID string          `json:"envelope_id"`
			Payload    json.RawMessage `json:"payload"`
		}
		if json.Unmarshal(raw, &ack) != nil || ack.EnvelopeID == "" || k.isSilent() {
			continue
		}
		k.s.locked(func() { k.s.acknowledge(ack.EnvelopeID, ack.Payload) })
	}
}

// Socket acts on the open connections: "warn" (a warning, ten seconds later refresh_requested and the end), "refresh",
// "silence" (nothing comes any more, the connection stays), "drop" (broken at once), "disable" (Socket Mode switched
// off, link_disabled), "enable". It acts on one socket, chosen by the seed, when one is true. It returns how many
// sockets it acted on.
func (s *Server) Socket(do string, one bool) (int, error) {
	s.mu.Lock()
	socks := slices.Clone(s.sockets)
	if one && len(socks) > 1 {
		i := s.rng.Intn(len(socks))
		socks = socks[i : i+1]
	}
	switch do {
	case "disable":
		s.disabled = true
	case "enable":
		s.disabled = false
	case "warn", "refresh", "silence", "drop":
	default:
		s.mu.Unlock()
		return 0, fmt.Errorf("slacktest: unknown act on sockets %q; use warn, refresh, silence, drop, disable or enable", do)
	}
	s.mu.Unlock()
	for _, k := range socks {
		switch do {
		case "warn":
			k.retire()
		case "refresh":
			k.refresh()
		case "silence":
			k.mu.Lock()
			k.silent = true
			k.mu.Unlock()
		case "drop":
			k.drop()
		case "disable":
			k.disconnect("link_disabled")
			k.finish()
		}
	}
	return len(socks), nil
}

// SendRaw writes a frame as it stands to every open socket, for what is not an envelope.
func (s *Server) SendRaw(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		k.sendRaw(frame)
	}
}

func (s *Server) uuid() string {
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", s.rng.Uint32(), s.rng.Intn(1<<16), s.rng.Intn(1<<12), s.rng.Intn(1<<12), s.serial)
}
