package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/bot"
	"github.com/sportello/sportello/ticketing"
)

// embeddings is a double of an embeddings service: texts about the same of three matters have the same vector. How it answers can be changed.
type embeddings struct {
	*httptest.Server
	mu    sync.Mutex
	texts []string
	fault string
	hang  chan struct{}
}

var matters = [3][]string{{"stampante", "scontrino", "printer"}, {"parola", "password", "accesso"}, {"fattura", "parcella", "invoice"}}

func newEmbeddings(t *testing.T) *embeddings {
	e := &embeddings{hang: make(chan struct{})}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Model string   `json:"model"`
			Input []string `json:"input"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/embeddings" || in.Model != "toy" || r.Header.Get("Authorization") != "Bearer sesamo" {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		e.mu.Lock()
		e.texts = append(e.texts, in.Input...)
		fault := e.fault
		e.mu.Unlock()
		switch fault {
		case "status":
			http.Error(w, "overloaded", http.StatusServiceUnavailable)
			return
		case "slow":
			select {
			case <-e.hang:
			case <-r.Context().Done():
			}
			return
		case "rubbish":
			_, _ = fmt.Fprint(w, "{")
			return
		case "short":
			_, _ = fmt.Fprint(w, `{"data":[]}`)
			return
		}
		type item struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		}
		var out struct {
			Data []item `json:"data"`
		}
		for i, text := range in.Input {
			v := []float32{0.01, 0.01, 0.01}
			for m, words := range matters {
				for _, word := range words {
					if strings.Contains(strings.ToLower(text), word) {
						v[m]++
					}
				}
			}
			out.Data = append([]item{{i, v}}, out.Data...) // in any order
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(e.Close)
	t.Cleanup(func() { close(e.hang) })
	return e
}

func (e *embeddings) say(fault string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fault = fault
}

func (e *embeddings) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.texts
}

// TestEmbeddings: a question without a word of the article finds it by meaning; personal data and queues that forbid it are never sent; each
// way of failing falls back to words, is counted, and after three the service is left alone for a minute.
func TestEmbeddings(t *testing.T) {
	db, _, _ := openBare(t)
	ctx := t.Context()
	service := newEmbeddings(t)
	for slug, title := range map[string]string{"uno": "La stampante è ferma", "due": "Accesso al programma", "tre": "Inviare una fattura"} {
		a := ticketing.Article{Slug: slug, Language: "it", Title: title, Kind: ticketing.ArticleHowTo, Audience: ticketing.AudienceCustomers, Published: time.Now(), Body: "Si fa così."}
		if err := db.Update(ctx, func(tx ticketing.Tx) error {
			_, err := tx.SaveArticle(ctx, &a, tx.Now())
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	s := newShelf(db, slog.New(slog.DiscardHandler))
	s.embed = newEmbedder(EmbeddingsConfig{URL: service.URL + "/v1/", Model: "toy", Key: ticketing.NewSecret("sesamo"), Timeout: 200 * time.Millisecond})
	now := time.Now()
	s.embed.now = func() time.Time { return now }
	queue := &ticketing.Queue{Name: "q", Audience: ticketing.AudienceCustomers, Embeddings: true}
	first := func(q *ticketing.Queue, text string) string {
		t.Helper()
		found, err := s.Search(ctx, bot.Question{Text: text, Language: "it", Queue: q})
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Hits) == 0 {
			return ""
		}
		return found.Hits[0].Slug
	}
	const question = "Sono Maria Verdi, 333 1234567: la parcella come la mando?"
	if got := first(queue, question); got == "tre" {
		t.Fatalf("words alone find %q: the question proves nothing", got)
	}
	s.embedArticles(ctx)
	if n := len(service.heard()); n != 3 {
		t.Fatalf("%d articles were sent, want 3", n)
	}
	if got := first(queue, question); got != "tre" {
		t.Errorf("by meaning %q was found", got)
	}
	asked := service.heard()[3]
	if strings.Contains(asked, "Verdi") || strings.Contains(asked, "333") || !strings.Contains(asked, "parcella") {
		t.Errorf("the service was sent %q", asked)
	}
	before := len(service.heard())
	if first(&ticketing.Queue{Name: "riservata", Audience: ticketing.AudienceCustomers}, question); len(service.heard()) != before {
		t.Error("a queue that forbids it was sent")
	}
	s.embedArticles(ctx)
	if len(service.heard()) != before {
		t.Error("articles that did not change were sent again")
	}
	for i, fault := range []string{"status", "rubbish", "short", "slow", "status"} {
		service.say(fault)
		if got := first(queue, "la stampante è ferma"); got != "uno" {
			t.Errorf("%s: words find %q", fault, got)
		}
		if want := int64(min(i+1, 3)); s.embed.failures.Load() != want {
			t.Errorf("%s: %d failures counted, want %d: after three the service is left alone", fault, s.embed.failures.Load(), want)
		}
	}
	now = now.Add(embedPause)
	service.say("slow")
	if first(queue, "la stampante è ferma"); s.embed.failures.Load() != 4 {
		t.Errorf("a slow answer counts %d failures in all, want 4", s.embed.failures.Load())
	}
	service.say("")
	if got := first(queue, question); got != "tre" {
		t.Errorf("after the trouble %q was found", got)
	}
}

func TestEmbeddingsConfig(t *testing.T) {
	for name, c := range map[string]EmbeddingsConfig{
		"embeddings.url": {URL: "host", Model: "m", Timeout: time.Second}, "embeddings.model": {URL: "https://h/v1", Timeout: time.Second}, "embeddings.timeout": {URL: "https://h/v1", Model: "m"},
	} {
		cfg := defaults()
		cfg.Embeddings = c
		if err := cfg.check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if newEmbedder(EmbeddingsConfig{}) != nil {
		t.Error("an embedder without an address")
	}
}
