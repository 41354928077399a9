package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/sportello/sportello/ingest/mail"
)

// batchMail is one mail on its way through a batch.
type batchMail struct {
	source string // file it stands in
	number int    // place in an mbox, counted from 1; 0 for a file of its own
	raw    []byte
	err    error
	line   chan []byte // its JSON, once read
}

// batchLine is what is printed of a mail: where it came from beside the object of explain --json.
type batchLine struct {
	Source string `json:"source"`
	Number int    `json:"number,omitempty"`
	Error  string `json:"error,omitempty"`
	*mail.Explain
}

// explainBatch prints one line a mail in the order in which they stand, read by all processors. What cannot be opened is told in its
// line and does not stop the others.
func explainBatch(ctx context.Context, c *console, r *mail.Reader, path string, say func(string, map[string]any) string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("cannot open the batch: %w", err)
	}
	start := time.Now()
	limit := mailSize(r)
	var source func(yield func(*batchMail) bool) error
	var bar *progressbar.ProgressBar
	if info.IsDir() {
		files, err := batchFiles(path)
		if err != nil {
			return fmt.Errorf("cannot list the batch: %w", err)
		}
		bar = c.batchBar(int64(len(files)), false)
		source = func(yield func(*batchMail) bool) error {
			for _, f := range files {
				m := &batchMail{source: f}
				if m.raw, m.err = readAtMost(f, limit+1); !yield(m) {
					return nil
				}
				_ = bar.Add(1)
			}
			return nil
		}
	} else {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("cannot open the batch: %w", err)
		}
		defer func() { _ = f.Close() }() // only read
		bar = c.batchBar(info.Size(), true)
		source = func(yield func(*batchMail) bool) error {
			n := 0
			return splitMbox(f, limit+1, func(raw []byte, read int64) bool {
				n++
				_ = bar.Add64(read)
				return yield(&batchMail{source: path, number: n, raw: raw})
			})
		}
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work, order := make(chan *batchMail), make(chan *batchMail, 4*runtime.GOMAXPROCS(0))
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for m := range work {
				m.line <- m.explain(r)
			}
		}()
	}
	var sourceErr error
	go func() {
		defer close(order)
		defer close(work)
		sourceErr = source(func(m *batchMail) bool {
			m.line = make(chan []byte, 1)
			for _, to := range []chan *batchMail{order, work} {
				select {
				case to <- m:
				case <-ctx.Done():
					return false
				}
			}
			return true
		})
	}()
	out := bufio.NewWriterSize(c.out, 1<<16)
	mails, failed := 0, 0
	for m := range order {
		select {
		case line := <-m.line:
			if _, err := out.Write(line); err != nil {
				return err
			}
		case <-ctx.Done():
			return errors.Join(out.Flush(), ctx.Err())
		}
		mails++
		if m.err != nil {
			failed++
		}
	}
	_ = bar.Finish()
	if err := out.Flush(); err != nil {
		return err
	}
	if sourceErr != nil {
		return fmt.Errorf("the batch ends early, after %d mails: %w", mails, sourceErr)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	spent := time.Since(start)
	_, _ = fmt.Fprintln(c.err, say("batch", map[string]any{"mails": mails, "failed": failed, "seconds": fmt.Sprintf("%.1f", spent.Seconds()), "rate": int(float64(mails) / max(spent.Seconds(), 1e-3))}))
	if failed > 0 {
		return errReported
	}
	return nil
}

func (m *batchMail) explain(r *mail.Reader) []byte {
	line := batchLine{Source: m.source, Number: m.number}
	if m.err != nil {
		line.Error = m.err.Error()
	} else {
		e := r.Read(m.raw).Explain()
		line.Explain = &e
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(line); err != nil {
		m.err = err
		b.Reset()
		_ = enc.Encode(batchLine{Source: m.source, Number: m.number, Error: err.Error()}) // three plain fields cannot fail
	}
	m.raw = nil
	return b.Bytes()
}

// batchBar shows how far a batch is, on terminals only.
func (c *console) batchBar(n int64, size bool) *progressbar.ProgressBar {
	if !isTerminal(c.err) {
		return progressbar.DefaultSilent(n)
	}
	return progressbar.NewOptions64(n, progressbar.OptionSetWriter(c.err), progressbar.OptionClearOnFinish(), progressbar.OptionShowBytes(size), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true))
}

// batchFiles lists the mails of a folder: of a Maildir those in new and cur, else all files, hidden ones left out, in the order of their names.
func batchFiles(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == root {
				return err
			}
			files = append(files, path) // opening it tells what is wrong
			return nil
		}
		if d.IsDir() {
			// A Maildir keeps its folders in hidden ones (.Sent) and mails not yet complete in tmp.
			if path != root && (d.Name() == "tmp" && isMaildir(filepath.Dir(path)) || strings.HasPrefix(d.Name(), ".") && !isMaildir(path)) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(d.Name(), ".") || isMaildir(filepath.Dir(path)) {
			return nil // what a mail server keeps beside the mails
		}
		files = append(files, path)
		return nil
	})
	return files, err
}

func isMaildir(dir string) bool {
	for _, sub := range []string{"cur", "new"} {
		if info, err := os.Stat(filepath.Join(dir, sub)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

func readAtMost(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	var b bytes.Buffer
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		b.Grow(int(min(info.Size(), int64(limit))) + bytes.MinRead)
	}
	_, err = b.ReadFrom(io.LimitReader(f, int64(limit)))
	return b.Bytes(), err
}

// splitMbox calls f with each mail of an mbox file (RFC 4155) and how much of the file it took, until f returns false. A line that begins
// with "From " after an empty line begins the next mail; one quote mark before "From " is undone, as mboxrd writes it. A file that does
// not begin so is one mail. Of each mail at most limit octets are kept.
func splitMbox(r io.Reader, limit int, f func(raw []byte, read int64) bool) error {
	in := bufio.NewReaderSize(r, 1<<16)
	var cur []byte
	read, begun, isMbox := int64(0), false, false
	blank, start := true, true // the line before was empty; a line begins here
	for {
		line, err := in.ReadSlice('\n')
		if start && blank && bytes.HasPrefix(line, []byte("From ")) && (isMbox || !begun) {
			if begun && !f(bytes.TrimSuffix(bytes.TrimSuffix(cur, []byte("\n")), []byte("\r")), read) {
				return nil
			}
			cur, read, begun, isMbox = nil, 0, true, true
			read += int64(len(line))
		} else if len(line) > 0 {
			begun = true
			read += int64(len(line))
			kept := line
			if start && isMbox {
				if t := bytes.TrimLeft(line, ">"); len(t) < len(line) && bytes.HasPrefix(t, []byte("From ")) {
					kept = line[1:]
				}
			}
			if room := limit - len(cur); room > 0 {
				cur = append(cur, kept[:min(len(kept), room)]...)
			}
		}
		blank = start && len(bytes.TrimRight(line, "\r\n")) == 0
		start = err == nil
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			if begun {
				f(cur, read)
			}
			return nil
		default:
			return err
		}
	}
}
