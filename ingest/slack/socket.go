package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sportello/sportello/ticketing"
)

// Kind is what sort of thing Slack delivered.
type Kind string

// The kinds of envelopes.
const (
	KindEvent       Kind = "event"
	KindInteraction Kind = "interaction"
	KindCommand     Kind = "command"
	// KindUnknown is a frame whose type, or even whose JSON, is unknown. It is stored and ends in quarantine.
	KindUnknown Kind = "unknown"
)

// Envelope is one delivery, before anybody understood it.
type Envelope struct {
	Kind        Kind
	ID          string // event id; for interactions and commands the envelope id; for unknown frames a hash of the bytes
	Raw         []byte // the frame as it came
	RetryNum    int    // how often Slack tried before
	RetryReason string
	Received    time.Time
}

// Timing holds the receiver's times. Zero values take the defaults; Slack's own figures are at
// https://docs.slack.dev/apis/events-api/using-socket-mode.
type Timing struct {
	Dead     time.Duration // without any frame a socket is dead; default 30 s
	Ping     time.Duration // own pings; default 15 s
	Between  time.Duration // between two openings while another socket is open (Tier 1); default 60 s
	Retry    time.Duration // first wait after a failed opening, doubling; default 1 s
	RetryMax time.Duration // default 60 s
	Probe    time.Duration // between tries while Slack refuses us (token revoked, Socket Mode off); default 10 min
	Grace    time.Duration // how long a socket that we replaced is still read; default 10 s
	Accept   time.Duration // how long storing may take, also while shutting down; default 5 s
	Answer   time.Duration // over HTTP: how long reading and storing a delivery may take; default 2.5 s, Slack waits 3 s
	Again    time.Duration // between two catch-ups that missed deliveries ask for; default 5 min
	Life     float64       // share of a socket's announced life after which it is replaced; default 0.8
}

func (t Timing) withDefaults() Timing {
	def := func(p *time.Duration, d time.Duration) {
		if *p <= 0 {
			*p = d
		}
	}
	def(&t.Dead, 30*time.Second)
	def(&t.Ping, 15*time.Second)
	def(&t.Between, time.Minute)
	def(&t.Retry, time.Second)
	def(&t.RetryMax, time.Minute)
	def(&t.Probe, 10*time.Minute)
	def(&t.Grace, 10*time.Second)
	def(&t.Accept, 5*time.Second)
	def(&t.Again, 5*time.Minute)
	def(&t.Answer, 2500*time.Millisecond)
	if t.Life <= 0 || t.Life > 1 {
		t.Life = 0.8
	}
	return t
}

const (
	// frameMax bounds an incoming frame. A view with its state stays below 250 kB, a message with blocks well below this.
	frameMax = 4 << 20
	// writeBuffer is above the largest answer Slack takes (20,480 bytes), so that an answer is one frame: the library splits what is
	// larger than its buffer, and Slack is reported not to join the pieces.
	writeBuffer = 32 << 10
	// storing is how many envelopes of one socket may be on their way to the ledger at once.
	storing = 16
)

// Receiver keeps Socket Mode connections open and hands over what comes. A socket whose end is announced is replaced before it ends.
type Receiver struct {
	// Open answers the address of a new socket, good for one use.
	Open func(ctx context.Context) (url string, err error)
	// Sockets is how many are kept open, 1 to 10 over all processes of the app; default 2.
	Sockets int
	Timing  Timing
	Log     *slog.Logger
	// Alarm, if set, is told "link_disabled", "too_many_websockets" and the code of an error that only a person can repair.
	Alarm func(code string)

	mu     sync.Mutex
	health Health
}

// Health is the state of a receiver.
type Health struct {
	Live    int       // sockets that are open and not about to end
	Since   time.Time // when Live last became or stopped being zero
	Problem string    // code of the last failure, empty when the last opening worked
}

// Health returns how the receiver is.
func (r *Receiver) Health() Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.health
}

func (r *Receiver) setHealth(live int, problem string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if (r.health.Live == 0) != (live == 0) || r.health.Since.IsZero() {
		r.health.Since = time.Now()
	}
	r.health.Live, r.health.Problem = live, problem
}

// news is what a link tells the receiver.
type news struct {
	link   *link
	opened bool
	err    error  // of an opening
	retire string // the link ends soon: "slack" said so, or its "life" is over
	ended  string // the link ended: reason
}

// link is one connection.
type link struct {
	conn     *websocket.Conn
	write    sync.Mutex
	retiring bool // known to the receiver's loop only
	ours     bool // we retire it: it must be closed by us
	once     sync.Once
	quit     chan struct{}

	mu      sync.Mutex
	stopped bool
}

// alive gives the connection until d from now to send anything at all.
func (l *link) alive(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped {
		_ = l.conn.SetReadDeadline(time.Now().Add(d))
	}
}

// stop ends reading at once; what was read is still answered.
func (l *link) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	_ = l.conn.SetReadDeadline(time.Now())
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.quit)
		_ = l.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
		_ = l.conn.Close()
	})
}

// Run receives until ctx ends. Each envelope is handed to accept, which must store it durably; it is acknowledged when accept returned
// nil and not before. accept is called from several goroutines. Run returns after the envelopes in hand are stored and answered.
func (r *Receiver) Run(ctx context.Context, accept func(context.Context, Envelope) error) error {
	t := r.Timing.withDefaults()
	log := r.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	want := r.Sockets
	if want <= 0 {
		want = 2
	}
	var (
		told    = make(chan news)
		links   = map[*link]bool{}
		opening bool
		lastTry time.Time
		wait    time.Duration // back-off after failures
		until   time.Time     // no opening before
		single  time.Time     // one socket only until then (too_many_websockets)
		problem string
		work    sync.WaitGroup
		timer   = time.NewTimer(0)
	)
	defer timer.Stop()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	live := func() int {
		n := 0
		for l := range links {
			if !l.retiring {
				n++
			}
		}
		return n
	}
	alarm := func(code string) {
		log.Error("slack needs a person", "door", "slack", "code", code)
		if r.Alarm != nil {
			r.Alarm(code)
		}
	}
	for {
		now := time.Now()
		target := want
		if now.Before(single) {
			target = 1
		}
		if n := live(); !opening && n < target {
			next := until
			if n > 0 {
				if gap := lastTry.Add(t.Between); gap.After(next) && !lastTry.IsZero() {
					next = gap
				}
			}
			if !next.After(now) {
				opening, lastTry = true, now
				work.Go(func() {
					l, err := r.open(inner, t)
					select {
					case told <- news{link: l, opened: err == nil, err: err}:
					case <-inner.Done():
						if l != nil {
							l.close()
						}
					}
				})
			} else {
				timer.Reset(next.Sub(now))
			}
		}
		select {
		case <-ctx.Done():
			cancel()
			for l := range links {
				// The reader stops; what it has in hand is stored and answered before the connection ends.
				l.stop()
			}
			work.Wait()
			r.setHealth(0, "stopped")
			return ctx.Err()
		case <-timer.C:
		case n := <-told:
			switch {
			case n.err != nil:
				opening = false
				var code string
				until, wait, code = r.afterFailure(n.err, wait, t)
				if fatal(n.err) && code != problem {
					alarm(code)
				}
				problem = code
				log.Warn("no Slack socket", "door", "slack", "code", code, "next", until)
			case n.opened:
				opening, wait, problem = false, 0, ""
				links[n.link] = true
				l := n.link
				// Those we replace are read a little longer, then closed; those Slack replaces it closes itself.
				for old := range links {
					if old.retiring && old.ours {
						work.Go(func() { pause(inner, t.Grace); old.close() })
					}
				}
				work.Go(func() { r.serve(inner, l, t, log, accept, told) })
			case n.retire != "":
				n.link.retiring = true
				n.link.ours = n.link.ours || n.retire == "life"
			case n.ended != "":
				delete(links, n.link)
				switch n.ended {
				case "link_disabled":
					until, problem = time.Now().Add(t.Probe), n.ended
					alarm(n.ended)
				case "too_many_websockets":
					single, until, problem = time.Now().Add(t.Probe), time.Now().Add(t.Between), n.ended
					alarm(n.ended)
				}
				log.Info("a Slack socket ended", "door", "slack", "reason", n.ended, "left", live())
			}
		}
		r.setHealth(live(), problem)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// fatal tells whether only a person can repair a failure.
func fatal(err error) bool {
	var e *ticketing.SendError
	return errors.As(err, &e) && (e.Verdict == ticketing.SendSuspend || e.Verdict == ticketing.SendPermanent)
}

// afterFailure says when to try again.
func (r *Receiver) afterFailure(err error, wait time.Duration, t Timing) (time.Time, time.Duration, string) {
	var e *ticketing.SendError
	code := "connection"
	if errors.As(err, &e) {
		code = e.Code
	}
	if fatal(err) {
		return time.Now().Add(t.Probe), 0, code
	}
	if e != nil && e.After > 0 {
		return time.Now().Add(e.After), wait, code
	}
	if wait == 0 {
		wait = t.Retry
	} else {
		wait = min(2*wait, t.RetryMax)
	}
	// Half of the wait is random, so that many processes do not come back together.
	return time.Now().Add(wait/2 + rand.N(wait/2+1)), wait, code
}

func (r *Receiver) open(ctx context.Context, t Timing) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, t.Dead)
	defer cancel()
	url, err := r.Open(ctx)
	if err != nil {
		return nil, err
	}
	d := websocket.Dialer{WriteBufferSize: writeBuffer, HandshakeTimeout: t.Dead}
	conn, _, err := d.DialContext(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(frameMax)
	return &link{conn: conn, quit: make(chan struct{})}, nil
}

// outer is the part of a frame that is read before it is stored.
type outer struct {
	Type        string `json:"type"`
	Reason      string `json:"reason"`
	EnvelopeID  string `json:"envelope_id"`
	RetryNum    int    `json:"retry_attempt"`
	RetryReason string `json:"retry_reason"`
	Payload     struct {
		EventID string `json:"event_id"`
		AppID   string `json:"api_app_id"`
	} `json:"payload"`
	Debug struct {
		Seconds int `json:"approximate_connection_time"`
	} `json:"debug_info"`
	Connection struct {
		AppID string `json:"app_id"`
	} `json:"connection_info"`
}

// readOuter reads what of a frame it can: damage in one field does not hide the others.
func readOuter(raw []byte) (outer, bool) {
	var o outer
	if json.Unmarshal(raw, &o) == nil {
		return o, true
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return o, false
	}
	o = outer{}
	for name, into := range map[string]any{
		"type": &o.Type, "reason": &o.Reason, "envelope_id": &o.EnvelopeID, "retry_attempt": &o.RetryNum, "retry_reason": &o.RetryReason,
		"payload": &o.Payload, "debug_info": &o.Debug, "connection_info": &o.Connection,
	} {
		_ = json.Unmarshal(fields[name], into) // a field of another shape stays empty
	}
	return o, true
}

// serve reads one socket until it ends.
func (r *Receiver) serve(ctx context.Context, l *link, t Timing, log *slog.Logger, accept func(context.Context, Envelope) error, told chan<- news) {
	tell := func(n news) {
		n.link = l
		select {
		case told <- n:
		case <-ctx.Done():
		}
	}
	l.alive(t.Dead)
	l.conn.SetPingHandler(func(data string) error {
		l.alive(t.Dead)
		_ = l.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(t.Dead))
		return nil
	})
	l.conn.SetPongHandler(func(string) error {
		l.alive(t.Dead)
		return nil
	})
	var (
		helpers sync.WaitGroup
		hands   sync.WaitGroup
		slots   = make(chan struct{}, storing)
		app     string
		reason  = "connection"
	)
	helpers.Go(func() {
		tick := time.NewTicker(t.Ping)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = l.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(t.Ping))
			case <-l.quit:
				return
			case <-ctx.Done():
				return
			}
		}
	})
	for ctx.Err() == nil {
		_, raw, err := l.conn.ReadMessage()
		if err != nil {
			var timeout interface{ Timeout() bool }
			if errors.As(err, &timeout) && timeout.Timeout() {
				reason = "silent"
			}
			break
		}
		l.alive(t.Dead)
		o, isJSON := readOuter(raw)
		switch {
		case o.Type == "hello":
			app = o.Connection.AppID
			if life := time.Duration(float64(o.Debug.Seconds) * t.Life * float64(time.Second)); life > 0 {
				helpers.Go(func() {
					timer := time.NewTimer(life)
					defer timer.Stop()
					select {
					case <-timer.C:
						tell(news{retire: "life"})
					case <-l.quit:
					case <-ctx.Done():
					}
				})
			}
			continue
		case o.Type == "disconnect":
			switch o.Reason {
			case "link_disabled", "too_many_websockets":
				reason = o.Reason
				l.close()
			default: // warning, refresh_requested: read on until Slack closes
				tell(news{retire: "slack"})
			}
			continue
		}
		foreign := app != "" && o.Payload.AppID != "" && o.Payload.AppID != app
		if foreign {
			log.Warn("an envelope of another app is dropped", "door", "slack", "app", o.Payload.AppID)
			l.acknowledge(o.EnvelopeID, t)
			continue
		}
		e := envelope(raw, o, isJSON)
		slots <- struct{}{}
		hands.Go(func() {
			defer func() { <-slots }()
			store, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.Accept)
			defer cancel()
			if err := accept(store, e); err != nil {
				log.Warn("an envelope was not stored and is not acknowledged", "door", "slack", "kind", string(e.Kind), "err", err)
				return
			}
			l.acknowledge(o.EnvelopeID, t)
		})
	}
	hands.Wait()
	l.close()
	helpers.Wait()
	tell(news{ended: reason})
}

// acknowledge answers an envelope in one frame on the socket it came from.
func (l *link) acknowledge(id string, t Timing) {
	if id == "" {
		return
	}
	raw, err := json.Marshal(struct {
		ID string `json:"envelope_id"`
	}{id})
	if err != nil {
		return
	}
	l.write.Lock()
	defer l.write.Unlock()
	_ = l.conn.SetWriteDeadline(time.Now().Add(t.Dead))
	// A lost acknowledgement costs a second delivery, which the ledger knows by its key.
	_ = l.conn.WriteMessage(websocket.TextMessage, raw)
}

func envelope(raw []byte, o outer, isJSON bool) Envelope {
	e := Envelope{Raw: raw, RetryNum: o.RetryNum, RetryReason: o.RetryReason, Received: time.Now()}
	switch {
	case o.Type == "events_api" && o.Payload.EventID != "":
		e.Kind, e.ID = KindEvent, o.Payload.EventID
	case o.Type == "interactive" && o.EnvelopeID != "":
		e.Kind, e.ID = KindInteraction, o.EnvelopeID
	case o.Type == "slash_commands" && o.EnvelopeID != "":
		e.Kind, e.ID = KindCommand, o.EnvelopeID
	case isJSON && o.EnvelopeID != "":
		e.Kind, e.ID = KindUnknown, o.EnvelopeID
	default:
		sum := sha256.Sum256(raw)
		e.Kind, e.ID = KindUnknown, "frame-"+hex.EncodeToString(sum[:16])
	}
	return e
}
