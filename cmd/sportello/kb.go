package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
)

// maxJSONLine bounds a line of the files that kb rank and kb eval read.
const maxJSONLine = 16 << 20

// KBRankCmd ranks articles for queries, both as JSON lines, with the code that serves customers.
type KBRankCmd struct {
	Articles string `required:"" type:"existingfile" help:"Articles, a JSON object a line: id, title, body, tags, cat, lang."`
	Learn    string `type:"existingfile" help:"Past questions, a JSON object a line: id, text, article."`
	Language string `help:"Language of the queries, and of articles that name none (it, en). Empty searches all languages."`
}

type (
	articleLine struct {
		ID    string          `json:"id"`
		Title string          `json:"title"`
		Body  string          `json:"body"`
		Tags  json.RawMessage `json:"tags"`
		Cat   string          `json:"cat"`
		Lang  string          `json:"lang"`
	}
	learntLine struct {
		ID      string `json:"id"`
		Text    string `json:"text"`
		Article string `json:"article"`
	}
	queryLine struct {
		ID   string   `json:"qid"`
		Text string   `json:"text"`
		Rel  []string `json:"rel"`
	}
	rankLine struct {
		ID         string    `json:"qid"`
		Hits       []hitLine `json:"hits"`
		Confidence float64   `json:"confidence"`
		Offer      bool      `json:"offer"`
	}
	hitLine struct {
		ID    string  `json:"id"`
		Score float64 `json:"score"`
	}
)

// Run reads queries from in and writes a rank for each to out, in the same order.
func (c *KBRankCmd) Run(in io.Reader, out io.Writer) error {
	articles, err := readArticleLines(c.Articles, c.Language)
	if err != nil {
		return err
	}
	learnt, err := readLearntLines(c.Learn)
	if err != nil {
		return err
	}
	ix := kb.New(articles, learnt)
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	err = eachLine(in, "queries", func(q queryLine) error {
		r := ix.Search(kb.Query{Text: q.Text, Language: c.Language})
		line := rankLine{ID: q.ID, Hits: []hitLine{}, Confidence: r.Confidence, Offer: r.Offer(0)}
		for _, h := range r.Hits {
			line.Hits = append(line.Hits, hitLine{ID: h.ID, Score: h.Score})
		}
		return enc.Encode(line)
	})
	return errors.Join(err, w.Flush())
}

// eachLine calls use with each JSON object of a stream of lines.
func eachLine[T any](in io.Reader, name string, use func(T) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxJSONLine)
	n := 0
	for lines.Scan() {
		n++
		raw := bytes.TrimSpace(lines.Bytes())
		if len(raw) == 0 {
			continue
		}
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("%s, line %d: %w; each line must be one JSON object", name, n, err)
		}
		if err := use(v); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s, line %d: %w", name, n+1, err)
	}
	return nil
}

func readLines[T any](name string) ([]T, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []T
	err = eachLine(f, name, func(v T) error { all = append(all, v); return nil })
	return all, err
}

func readArticleLines(name, language string) ([]ticketing.Article, error) {
	lines, err := readLines[articleLine](name)
	if err != nil {
		return nil, err
	}
	articles := make([]ticketing.Article, 0, len(lines))
	for i, l := range lines {
		tags, err := lineTags(l.Tags)
		if err != nil {
			return nil, fmt.Errorf("%s, article %d (%s): tags: %w; write a list of words", name, i+1, l.ID, err)
		}
		articles = append(articles, ticketing.Article{
			ID: l.ID, Title: l.Title, Body: l.Body, Tags: tags, Product: l.Cat, Language: cmp.Or(l.Lang, language),
			Audience: ticketing.AudienceCustomers, Published: time.Unix(0, 0),
		})
	}
	return articles, nil
}

// lineTags reads tags written as a list or as one string.
func lineTags(raw json.RawMessage) ([]string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	err := json.Unmarshal(raw, &many)
	return many, err
}

func readLearntLines(name string) ([]kb.Question, error) {
	if name == "" {
		return nil, nil
	}
	lines, err := readLines[learntLine](name)
	if err != nil {
		return nil, err
	}
	learnt := make([]kb.Question, 0, len(lines))
	for _, l := range lines {
		learnt = append(learnt, kb.Question{ID: l.ID, Article: l.Article, Text: l.Text})
	}
	return learnt, nil
}
