package slacktest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Posted is one request to the app in HTTP mode and what became of it.
type Posted struct {
	Time    time.Time   `json:"time"`
	ID      string      `json:"id,omitempty"` // event id
	Kind    string      `json:"kind"`
	URL     string      `json:"url"`
	Header  http.Header `json:"header"`
	Body    string      `json:"body"`
	Status  int         `json:"status"`            // 0: no answer
	Problem string      `json:"problem,omitempty"` // the reason of a retry
}

// tampering is what happens to the next requests on demand (E32).
type tampering struct {
	how string
	n   int
}

const (
	answerWait   = 3 * time.Second
	maxRedirects = 2
)

var errRedirects = errors.New("too many redirects")

// SetRequestURLs puts the app into HTTP mode: what would have gone to a socket is posted to these addresses, signed [/apis/events-api].
// Three empty ones end it.
func (s *Server) SetRequestURLs(events, interactive, commands string) {
	s.locked(func() {
		s.urls = map[string]string{"events_api": events, "interactive": interactive, "slash_commands": commands}
		if events+interactive+commands == "" {
			s.urls = nil
		}
	})
}

// Tamper makes the next n requests ones that Slack did not send, or not now: "wrong_secret", "changed_body", "old" and "future" (six
// minutes, signed), "unsigned", "query" (an interaction's payload in the address instead of the body).
func (s *Server) Tamper(how string, n int) error {
	switch how {
	case "wrong_secret", "changed_body", "old", "future", "unsigned", "query":
	default:
		return fmt.Errorf("slacktest: unknown tampering %q", how)
	}
	s.locked(func() { s.tampering = &tampering{how, n} })
	return nil
}

// Posts returns the requests of the HTTP mode in the order in which they ended.
func (s *Server) Posts() []Posted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Posted(nil), s.posted...)
}

// Verify does what saving a request URL in the app's settings does: it posts a challenge and wants it back, as plain text, as a form or
// as JSON [/reference/events/url_verification].
func (s *Server) Verify(ctx context.Context) error {
	s.mu.Lock()
	if s.urls == nil {
		s.mu.Unlock()
		return errors.New("slacktest: the app has no request URL")
	}
	challenge := s.uuid()
	raw, _ := json.Marshal(obj{"token": "verification-token", "challenge": challenge, "type": "url_verification"})
	r := s.request(&Delivery{Kind: "events_api", Payload: raw})
	s.mu.Unlock()
	answer, kind, p := s.post(ctx, r)
	s.locked(func() { s.posted = append(s.posted, p) })
	if p.Problem != "" {
		return fmt.Errorf("slacktest: the request URL answered %d (%s)", p.Status, p.Problem)
	}
	got := string(bytes.TrimSpace(answer))
	switch kind, _, _ := mime.ParseMediaType(kind); kind {
	case "application/json":
		var o struct{ Challenge string }
		_ = json.Unmarshal(answer, &o)
		got = o.Challenge
	case "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(got)
		got = form.Get("challenge")
	}
	if got != challenge {
		return fmt.Errorf("slacktest: the request URL answered %q instead of the challenge", got)
	}
	return nil
}

// Sign is the value of X-Slack-Signature [/authentication/verifying-requests-from-slack].
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "v0:%s:%s", timestamp, body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// outgoing is one request before it leaves.
type outgoing struct {
	Posted
	body []byte
}

// request makes the request of a delivery as Slack would send it now; s.mu is held.
func (s *Server) request(d *Delivery) outgoing {
	r := outgoing{Posted: Posted{Time: s.clock.Now(), ID: d.ID, Kind: d.Kind, URL: s.urls[d.Kind], Header: http.Header{}}}
	how := ""
	if t := s.tampering; t != nil && t.n > 0 {
		t.n--
		how = t.how
	}
	kind := "application/x-www-form-urlencoded"
	switch d.Kind {
	case "events_api":
		kind, r.body = "application/json", d.Payload
	case "interactive":
		r.body = []byte(url.Values{"payload": {string(d.Payload)}}.Encode())
		if how == "query" {
			r.URL += "?" + string(r.body)
			r.body = nil
		}
	default:
		var fields map[string]string
		_ = json.Unmarshal(d.Payload, &fields)
		form := url.Values{}
		for k, v := range fields {
			form.Set(k, v)
		}
		r.body = []byte(form.Encode())
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	if d.retries > 0 {
		r.Header.Set("X-Slack-Retry-Num", strconv.Itoa(d.retries))
		r.Header.Set("X-Slack-Retry-Reason", d.reason)
	}
	secret, at := s.opt.SigningSecret, r.Time.Unix()
	switch how {
	case "wrong_secret":
		secret += "x"
	case "old":
		at -= 360
	case "future":
		at += 360
	}
	if how != "unsigned" {
		stamp := strconv.FormatInt(at, 10)
		r.Header.Set("X-Slack-Request-Timestamp", stamp)
		r.Header.Set("X-Slack-Signature", Sign(secret, stamp, r.body))
	}
	if how == "changed_body" {
		r.body = append(r.body[:len(r.body):len(r.body)], ' ')
	}
	r.Body = string(r.body)
	return r
}

// deliverHTTP posts a delivery and waits three seconds of the clock for the answer; s.mu is held.
func (s *Server) deliverHTTP(d *Delivery) {
	if s.urls[d.Kind] == "" {
		s.missed(d, "connection_failed")
		return
	}
	r := s.request(d)
	s.serial++
	d.envelope = s.uuid()
	s.pending[d.envelope] = d
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := s.clock.AfterFunc(answerWait, func() { cancel(context.DeadlineExceeded) })
	go func() {
		answer, kind, p := s.post(ctx, r)
		stop()
		cancel(nil)
		s.locked(func() {
			s.posted = append(s.posted, p)
			delete(s.pending, d.envelope)
			switch {
			case p.Problem == "no_retry":
				s.finish(d, ErrDropped)
			case p.Problem != "":
				s.missed(d, p.Problem)
			default:
				if d.answer = answerOf(answer, kind); d.onAnswer != nil {
					d.onAnswer(d.answer)
				}
				s.finish(d, nil)
			}
		})
	}()
}

// answerOf is the answer of the app in the form a socket would have brought: a slash command may be answered in plain text.
func answerOf(raw []byte, kind string) json.RawMessage {
	kind, _, _ = mime.ParseMediaType(kind)
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return nil
	case kind == "application/json" && json.Valid(raw):
		return raw
	}
	return jsonOf(obj{"text": string(raw)})
}

// post sends a request. Its problem is the reason a retry names, or "no_retry" when the app forbids them.
func (s *Server) post(ctx context.Context, r outgoing) (answer []byte, kind string, p Posted) {
	p = r.Posted
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.body))
	if err != nil {
		p.Problem = "unknown_error"
		return nil, "", p
	}
	q.Header = r.Header.Clone()
	// A redirected delivery stays a POST with its body: 307 and 308 keep it, and for the others Slack documents only their number.
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errRedirects
		}
		return nil
	}}
	resp, err := c.Do(q)
	if err == nil {
		defer resp.Body.Close()
		p.Status, kind = resp.StatusCode, resp.Header.Get("Content-Type")
		answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	}
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case err != nil && context.Cause(ctx) != nil:
		p.Problem = "http_timeout"
	case errors.Is(err, errRedirects):
		p.Problem = "too_many_redirects"
	case errors.As(err, &cert), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		p.Problem = "ssl_error"
	case err != nil:
		p.Problem = "connection_failed"
	case p.Status/100 == 2:
	case resp.Header.Get("X-Slack-No-Retry") == "1":
		p.Problem = "no_retry"
	default:
		p.Problem = "http_error"
	}
	return answer, kind, p
}
