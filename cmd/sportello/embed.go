package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// EmbeddingsConfig is an optional service that turns text into vectors.
type EmbeddingsConfig struct {
	URL     string           `yaml:"url" doc:"Base address of an OpenAI-compatible service, https://host/v1; POST URL/embeddings is asked. Empty: words alone, nothing leaves."`
	Model   string           `yaml:"model" doc:"Name of the model, as the service calls it."`
	Key     ticketing.Secret `yaml:"key" doc:"Bearer token, or file:/path of a file that holds it."`
	Timeout time.Duration    `yaml:"timeout" doc:"A question is searched by words alone when the vector takes longer."`
}

const (
	defaultEmbedTimeout = 500 * time.Millisecond
	// embedBatch is how many articles a request holds, embedText how much of each, in bytes.
	embedBatch, embedText = 32, 6000
	// embedPause is how long the service is left alone after embedFailures failures in a row, so that an outage costs no question time.
	embedPause    = time.Minute
	embedFailures = 3
	// articlesTimeout is for a batch of articles: nobody waits for it.
	articlesTimeout = time.Minute
	// maxEmbedAnswer bounds what is read of an answer.
	maxEmbedAnswer = 32 << 20
)

// embedder asks the service. It never gives more than a vector or nothing: what goes wrong is counted, and the words decide.
type embedder struct {
	cfg    EmbeddingsConfig
	client *http.Client
	now    func() time.Time

	failures atomic.Int64 // since the start, for the metrics
	mu       sync.Mutex
	row      int       // failures in a row
	resume   time.Time // the service is left alone until then
}

// newEmbedder returns nil where no service is configured.
func newEmbedder(cfg EmbeddingsConfig) *embedder {
	if cfg.URL == "" {
		return nil
	}
	return &embedder{cfg: cfg, client: &http.Client{}, now: time.Now}
}

// question is the vector of a question, personal data taken out; nil when the service does not give one in time.
func (e *embedder) question(ctx context.Context, text string, names ...string) []float32 {
	text = ticketing.Redact(text, names...)
	if e == nil || text == "" || e.paused() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeout)
	defer cancel()
	all, err := e.ask(ctx, []string{text})
	if e.count(err); err != nil {
		return nil
	}
	return all[0]
}

func (e *embedder) paused() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now().Before(e.resume)
}

// count remembers how a request ended.
func (e *embedder) count(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		e.row = 0
		return
	}
	e.failures.Add(1)
	if e.row++; e.row >= embedFailures {
		e.resume, e.row = e.now().Add(embedPause), 0
	}
}

// ask sends one request (OpenAI API reference, "Create embeddings") and returns the vectors in the order of the texts.
func (e *embedder) ask(ctx context.Context, texts []string) ([][]float32, error) {
	body, err := json.Marshal(map[string]any{"model": e.cfg.Model, "input": texts, "encoding_format": "float"})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(e.cfg.URL, "/")+"/embeddings", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if !e.cfg.Key.IsZero() {
		r.Header.Set("Authorization", "Bearer "+e.cfg.Key.Reveal())
	}
	answer, err := e.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxEmbedAnswer))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the embeddings service answers %s", answer.Status)
	}
	var got struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		return nil, fmt.Errorf("the embeddings service's answer cannot be read: %w", err)
	}
	out := make([][]float32, len(texts))
	for _, d := range got.Data {
		if d.Index >= 0 && d.Index < len(out) {
			out[d.Index] = d.Embedding
		}
	}
	for _, v := range out {
		if len(v) == 0 {
			return nil, fmt.Errorf("the embeddings service gave %d of %d vectors", len(got.Data), len(texts))
		}
	}
	return out, nil
}

// articles gives the vectors of articles by id; those of known are not asked for again. What could not be had is left out and asked for the
// next time. asked is how many vectors are new.
func (e *embedder) articles(ctx context.Context, articles []ticketing.Article, known map[string]articleVector, hashes map[string]string) (out map[string]articleVector, asked int) {
	out = make(map[string]articleVector, len(articles))
	var ids, texts []string
	flush := func() {
		if len(texts) == 0 || e.paused() || ctx.Err() != nil {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, articlesTimeout)
		defer cancel()
		all, err := e.ask(ctx, texts)
		if e.count(err); err == nil {
			for i, v := range all {
				out[ids[i]] = articleVector{hashes[ids[i]], v}
			}
			asked += len(all)
		}
		ids, texts = nil, nil
	}
	for _, a := range articles {
		if a.Published.IsZero() {
			continue
		}
		if k, ok := known[a.ID]; ok && k.hash == hashes[a.ID] {
			out[a.ID] = k
			continue
		}
		text := a.Title + "\n" + a.Summary + "\n" + a.Body
		ids, texts = append(ids, a.ID), append(texts, strings.ToValidUTF8(text[:min(len(text), embedText)], ""))
		if len(texts) == embedBatch {
			flush()
		}
	}
	flush()
	return out, asked
}

// articleVector is the vector of an article as it was under a hash.
type articleVector struct {
	hash   string
	vector []float32
}

// check tells what is wrong with the settings.
func (c EmbeddingsConfig) check(bad func(string, ...any)) {
	if c.URL == "" {
		return
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		bad("embeddings.url is %q; write https://host/v1", c.URL)
	}
	if c.Model == "" {
		bad("embeddings.model is empty; name the service's model")
	}
	if c.Timeout < 10*time.Millisecond || c.Timeout > 10*time.Second {
		bad("embeddings.timeout is %v; use 10ms to 10s", c.Timeout)
	}
}
