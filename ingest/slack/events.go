package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// The two ways in which Slack delivers. An app has one of them, never both.
const (
	ModeSocket = "socket" // we connect out (socket.go)
	ModeHTTP   = "http"   // Slack connects to us
)

// The paths of the HTTP mode, as the app's manifest names them. Each takes whatever Slack sends: an administrator who writes the first
// address into every field of the app's settings has not made a mistake.
const (
	PathEvents      = "/slack/events"
	PathInteractive = "/slack/interactive"
	PathCommands    = "/slack/commands"
)

const (
	// DefaultBodyMax bounds a delivery over HTTP. A view with its state stays below 250 kB.
	DefaultBodyMax = 1 << 20
	// signatureLife is how far a delivery's time may be from ours [/authentication/verifying-requests-from-slack].
	signatureLife = 5 * time.Minute
)

// signature is what Slack signs a body with: HMAC-SHA256 over version, time and the bytes as they came, before anybody read them
// [/authentication/verifying-requests-from-slack].
func signature(secret, at string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(mac, "v0:"+at+":")
	_, _ = mac.Write(body)
	return mac.Sum(nil)
}

// HTTPHealth counts what the HTTP mode turned away.
type HTTPHealth struct {
	Refused int64 // not signed by Slack, or not now
	Foreign int64 // of another workspace
}

// web takes deliveries over HTTP.
type web struct {
	secret  ticketing.Secret
	bodyMax int64
	within  time.Duration // to read and store one
	now     func() time.Time
	log     *slog.Logger
	door    string
	accept  func(context.Context, Envelope) error
	answer  func(context.Context, Envelope) json.RawMessage // what goes with the acknowledgement, nil if nothing
	refused *atomic.Int64
}

// Handler takes what Slack delivers to the paths above and stores it before it answers. It works without Receive, so that a process which
// only serves the web can take deliveries.
func (d *Door) Handler(into ingest.Acceptor) http.Handler {
	h := &web{
		secret: d.secret, bodyMax: d.bodyMax, within: d.recv.Timing.withDefaults().Answer, now: d.now, log: d.log, door: d.Name(), refused: &d.refused,
		accept: func(ctx context.Context, e Envelope) error { return d.take(ctx, into, e) }, answer: d.answer,
	}
	mux := http.NewServeMux()
	for _, path := range []string{PathEvents, PathInteractive, PathCommands} {
		mux.Handle("POST "+path, h)
	}
	return mux
}

// refuse answers without a detail: whoever sent this is not Slack.
func (h *web) refuse(w http.ResponseWriter, why string) {
	h.refused.Add(1)
	h.log.Warn("a delivery that Slack did not sign was refused", "door", h.door, "code", why)
	http.Error(w, "not signed by Slack", http.StatusUnauthorized)
}

// ServeHTTP implements http.Handler: signature and time over the raw body, then the ledger, then the answer.
func (h *web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, sum := r.Header.Get("X-Slack-Request-Timestamp"), r.Header.Get("X-Slack-Signature")
	sent, err := strconv.ParseInt(at, 10, 64)
	claimed, isHex := strings.CutPrefix(sum, "v0=")
	mac, errHex := hex.DecodeString(claimed)
	switch {
	case err != nil || !isHex || errHex != nil || len(mac) != sha256.Size:
		h.refuse(w, "unsigned")
		return
	case h.now().Sub(time.Unix(sent, 0)).Abs() > signatureLife:
		h.refuse(w, "time")
		return
	}
	// A body that comes slower than Slack waits for its answer is nobody's.
	until := time.Now().Add(h.within)
	_ = http.NewResponseController(w).SetReadDeadline(until)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.bodyMax))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			h.log.Warn("a delivery is larger than slack.body_max", "door", h.door, "limit", large.Limit)
			http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
			return
		}
		http.Error(w, "the body did not come", http.StatusBadRequest)
		return
	}
	if !hmac.Equal(mac, signature(h.secret.Reveal(), at, body)) {
		h.refuse(w, "signature")
		return
	}
	if r.URL.RawQuery != "" {
		// The signature does not cover the address: what stands there is not from Slack, and our addresses carry no query.
		h.refused.Add(1)
		http.Error(w, "the address carries a query", http.StatusBadRequest)
		return
	}
	e, challenge, nothing := h.read(r.Header, body)
	if challenge != nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(challenge)
		return
	}
	if nothing {
		return
	}
	store, cancel := context.WithDeadline(context.WithoutCancel(r.Context()), until)
	defer cancel()
	if err := h.accept(store, e); err != nil {
		h.log.Warn("a delivery was not stored and is not acknowledged", "door", h.door, "kind", string(e.Kind), "err", err)
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	// 200 with an empty body acknowledges every kind.
	if payload := h.answer(store, e); payload != nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(payload)
	}
}

// read finds out what a signed body is, by its shape. The envelope is the one a socket would have brought, so that both are read by the
// same code. A body of no known shape is stored as it came.
func (h *web) read(head http.Header, body []byte) (e Envelope, challenge []byte, nothing bool) {
	sum := sha256.Sum256(body)
	e = Envelope{Kind: KindUnknown, ID: "body-" + hex.EncodeToString(sum[:]), Raw: body, RetryReason: head.Get("X-Slack-Retry-Reason"), Received: h.now()}
	e.RetryNum, _ = strconv.Atoi(head.Get("X-Slack-Retry-Num"))
	if kind, _, _ := mime.ParseMediaType(head.Get("Content-Type")); kind == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		payload := []byte(form.Get("payload"))
		switch {
		case err != nil:
		case json.Valid(payload):
			e.Kind, e.Raw = KindInteraction, wrap("interactive", e, payload)
		case form.Get("command") != "":
			fields := map[string]string{}
			for k := range form {
				fields[k] = form.Get(k)
			}
			if payload, err = json.Marshal(fields); err == nil {
				e.Kind, e.Raw = KindCommand, wrap("slash_commands", e, payload)
			}
		case form.Get("ssl_check") == "1":
			return e, nil, true // Slack only looks whether we are there [/interactivity/implementing-slash-commands]
		}
		return e, nil, false
	}
	var o struct {
		Type      string `json:"type"`
		EventID   string `json:"event_id"`
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(body, &o); err != nil {
		return e, nil, false
	}
	if o.Type == "url_verification" {
		challenge, _ = json.Marshal(map[string]string{"challenge": o.Challenge})
		return e, challenge, false
	}
	e.Raw = wrap("events_api", e, body)
	if o.EventID != "" {
		e.Kind, e.ID = KindEvent, o.EventID
	}
	return e, nil, false
}

// wrap makes the frame of a socket around a payload, whose bytes stay as they came.
func wrap(kind string, e Envelope, payload []byte) []byte {
	head, _ := json.Marshal(struct {
		Type   string `json:"type"`
		ID     string `json:"envelope_id"`
		By     string `json:"received_by"`
		Num    int    `json:"retry_attempt"`
		Reason string `json:"retry_reason,omitempty"`
	}{kind, e.ID, ModeHTTP, e.RetryNum, e.RetryReason})
	out := append(head[:len(head)-1:len(head)-1], `,"payload":`...)
	return append(append(out, payload...), '}')
}

// take stores what either receiver brought (slack.md 4.2).
func (d *Door) take(ctx context.Context, into ingest.Acceptor, e Envelope) error {
	if d.isForeign(e) {
		d.foreign.Add(1)
		d.log.Warn("an event of another workspace is dropped", "door", d.Name())
		return nil
	}
	item := ingest.Raw{Identity: "slack:" + d.team + "/" + e.ID, Bytes: e.Raw, ServerAt: e.Received}
	if e.RetryNum > 0 {
		// The first delivery did not reach us, so others may have been given up meanwhile. A failure here is no reason not to store.
		if missing, err := into.Missing(ctx, []string{item.Identity}); err == nil && len(missing) > 0 {
			d.behind.Store(true)
		}
	}
	return into.Accept(ctx, d.Name(), ticketing.Lease{}, []ingest.Raw{item}, nil)
}

// isForeign tells whether an event names workspaces, and ours is not among them. In a channel shared with another workspace team_id may be
// theirs; the authorizations say for whom it was delivered. Presses of external members name their own workspace: they are not judged here.
func (d *Door) isForeign(e Envelope) bool {
	if e.Kind != KindEvent {
		return false
	}
	var f struct {
		Payload struct {
			Team           string `json:"team_id"`
			Context        string `json:"context_team_id"`
			Authorizations []struct {
				Team string `json:"team_id"`
			} `json:"authorizations"`
		} `json:"payload"`
	}
	if json.Unmarshal(e.Raw, &f) != nil {
		return false // who cannot be read is stored
	}
	teams := []string{f.Payload.Team, f.Payload.Context}
	for _, a := range f.Payload.Authorizations {
		teams = append(teams, a.Team)
	}
	named := false
	for _, t := range teams {
		if t == d.team {
			return false
		}
		named = named || t != ""
	}
	return named
}

// HTTP tells what the HTTP mode turned away.
func (d *Door) HTTP() HTTPHealth {
	return HTTPHealth{Refused: d.refused.Load(), Foreign: d.foreign.Load()}
}
