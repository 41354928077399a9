package slacktest_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack/slacktest"
)

// TestReasonsOfRetries: each way in which an app fails to answer has its name in the next delivery [/apis/events-api].
func TestReasonsOfRetries(t *testing.T) {
	hang := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	mux.HandleFunc("/hang", func(http.ResponseWriter, *http.Request) { <-hang })
	mux.HandleFunc("/moved/", func(w http.ResponseWriter, r *http.Request) {
		// One step nearer to the end at each redirection.
		rest := strings.TrimPrefix(r.URL.Path, "/moved")
		http.Redirect(w, r, rest, http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/stop", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Slack-No-Retry", "1")
		w.WriteHeader(http.StatusInternalServerError)
	})
	app := httptest.NewServer(mux)
	defer app.Close()
	defer close(hang)
	secure := httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	for _, c := range []struct{ url, problem string }{
		{app.URL + "/ok", ""},
		{app.URL + "/error", "http_error"},
		{app.URL + "/hang", "http_timeout"},
		{app.URL + "/moved/moved/ok", ""},
		{app.URL + "/moved/moved/moved/ok", "too_many_redirects"},
		{secure.URL + "/ok", "ssl_error"},
		{strings.Replace(app.URL, "http:", "https:", 1) + "/ok", "ssl_error"},
		{"http://127.0.0.1:1/", "connection_failed"},
		{app.URL + "/stop", "no_retry"},
	} {
		w := newWorld(t, slacktest.Options{EventRetries: []time.Duration{time.Minute}})
		w.SetRequestURLs(c.url, "", "")
		if _, err := w.As(w.anna).Write(w.room, "ciao"); err != nil {
			t.Fatal(err)
		}
		if c.problem == "http_timeout" {
			w.clock.Advance(3 * time.Second)
		}
		w.await(func() bool { return len(w.Posts()) == 1 })
		if p := w.Posts()[0]; p.Problem != c.problem {
			t.Errorf("%s ended with %q, want %q", c.url, p.Problem, c.problem)
		}
		if again := c.problem != "" && c.problem != "no_retry"; w.Waiting() != map[bool]int{true: 1}[again] {
			t.Errorf("%s: %d deliveries wait", c.url, w.Waiting())
		}
		w.SetRequestURLs(app.URL+"/ok", "", "")
		w.clock.Advance(time.Minute)
		if w.await(func() bool { return w.Waiting() == 0 }); len(w.Posts()) == 2 {
			if h := w.Posts()[1].Header; h.Get("X-Slack-Retry-Num") != "1" || h.Get("X-Slack-Retry-Reason") != c.problem {
				t.Errorf("%s: the retry says %v", c.url, h)
			}
		}
	}
}

// TestFormsOfHTTP: events are JSON, interactions a form with one field, commands a form; answers go back to the person.
func TestFormsOfHTTP(t *testing.T) {
	w := newWorld(t, slacktest.Options{})
	var mu sync.Mutex
	got := map[string]url.Values{}
	kinds := map[string]string{}
	app := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		kinds[r.URL.Path] = r.Header.Get("Content-Type")
		_ = r.ParseForm()
		got[r.URL.Path] = r.PostForm
		if r.URL.Path == "/c" {
			_, _ = rw.Write([]byte("risposta"))
		}
	}))
	defer app.Close()
	w.SetRequestURLs(app.URL+"/e", app.URL+"/i", app.URL+"/c")
	ts, err := w.As(w.anna).Write(w.room, "ciao")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.As(w.anna).Press(w.room, ts, "x", slacktest.PressOption{Crafted: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.As(w.anna).Slash(w.room, "/ticket", "a + b"); err != nil {
		t.Fatal(err)
	}
	w.await(func() bool { return w.Waiting() == 0 })
	mu.Lock()
	defer mu.Unlock()
	if kinds["/e"] != "application/json" || len(got["/i"]) != 1 || !strings.HasPrefix(got["/i"].Get("payload"), "{") || got["/c"].Get("text") != "a + b" {
		t.Errorf("%v %v", kinds, got)
	}
	if e := w.Ephemerals(w.anna); len(e) != 1 || e[0].Text != "risposta" {
		t.Errorf("shown %v", e)
	}
}
