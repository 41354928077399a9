package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
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

// Run reads queries from in and writes a rank for each to out, in the same order. All processors search.
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
	w := bufio.NewWriterSize(out, 1<<16)
	err = inOrder(rankBatches(in), func(b rankBatch) ([]byte, error) {
		var lines bytes.Buffer
		enc := json.NewEncoder(&lines)
		enc.SetEscapeHTML(false)
		for i, raw := range b.lines {
			q, err := parseLine[queryLine](raw, "queries", b.numbers[i])
			if err != nil {
				return lines.Bytes(), err
			}
			r := ix.Search(kb.Query{Text: q.Text, Language: c.Language})
			line := rankLine{ID: q.ID, Hits: make([]hitLine, 0, len(r.Hits)), Confidence: r.Confidence, Offer: r.Offer(0)}
			for _, h := range r.Hits {
				line.Hits = append(line.Hits, hitLine{ID: h.ID, Score: h.Score})
			}
			if err := enc.Encode(line); err != nil {
				return lines.Bytes(), err
			}
		}
		return lines.Bytes(), b.err
	}, w)
	return errors.Join(err, w.Flush())
}

// rankBatchSize is how many queries one processor takes at a time: few enough that a person who types them gets answers when the input ends.
const rankBatchSize = 64

// rankBatch is a run of lines of the input.
type rankBatch struct {
	lines   [][]byte
	numbers []int // of the lines, from 1
	err     error // met after them
}

// rankBatches cuts the input into batches. The last one may end in an error of reading.
func rankBatches(in io.Reader) iter.Seq[rankBatch] {
	return func(yield func(rankBatch) bool) {
		var b rankBatch
		stop := errors.New("stop")
		err := eachRaw(in, "queries", func(n int, raw []byte) error {
			b.lines, b.numbers = append(b.lines, bytes.Clone(raw)), append(b.numbers, n)
			if len(b.lines) < rankBatchSize {
				return nil
			}
			full := b
			b = rankBatch{}
			if !yield(full) {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) {
			b.err = err
			yield(b)
		}
	}
}

// inOrder lets every processor work on batches and writes their results in the order of the batches, up to the first error.
func inOrder[B any](batches iter.Seq[B], work func(B) ([]byte, error), w io.Writer) error {
	type result struct {
		out []byte
		err error
	}
	pending := make(chan chan result, 2*runtime.GOMAXPROCS(0)) // bounds what is read ahead
	quit := make(chan struct{})
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	go func() {
		defer close(pending)
		for b := range batches {
			done := make(chan result, 1)
			select {
			case pending <- done:
			case <-quit:
				return
			}
			free <- struct{}{}
			go func() {
				out, err := work(b)
				<-free
				done <- result{out, err}
			}()
		}
	}()
	for done := range pending {
		r := <-done
		_, err := w.Write(r.out)
		if err = cmp.Or(r.err, err); err != nil {
			close(quit)
			return err
		}
	}
	return nil
}

// eachRaw calls use with each line that is not blank and its number from 1. The line is valid only during the call.
func eachRaw(in io.Reader, name string, use func(n int, raw []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxJSONLine)
	n := 0
	for lines.Scan() {
		n++
		raw := bytes.TrimSpace(lines.Bytes())
		if len(raw) == 0 {
			continue
		}
		if err := use(n, raw); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s, line %d: %w", name, n+1, err)
	}
	return nil
}

func parseLine[T any](raw []byte, name string, n int) (T, error) {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("%s, line %d: %w; each line must be one JSON object", name, n, err)
	}
	return v, nil
}

// eachLine calls use with each JSON object of a stream of lines.
func eachLine[T any](in io.Reader, name string, use func(T) error) error {
	return eachRaw(in, name, func(n int, raw []byte) error {
		v, err := parseLine[T](raw, name, n)
		if err != nil {
			return err
		}
		return use(v)
	})
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
