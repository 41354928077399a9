// Command readers measures our reader of mails beside bare go-message and enmime, in turns, in one run, on the same mails in memory:
//
//	cd .ci/readers && go run . [FOLDER OF MAILS]
//
// Without a folder it writes its own mails: plain text, text with HTML, replies with quotations, attachments, reports. go-message walks the
// parts and decodes them to nowhere; enmime builds its envelope. Of ours, "parts" does what go-message does; "whole" finds text, new text,
// sanitised HTML, kind, language, thread and files, and decodes each file to nowhere as well. It is a module of its own, so that enmime is no
// dependency of ours.
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"
	"github.com/jhillyerd/enmime/v2"

	"github.com/sportello/sportello/ingest/mail"
)

const rounds = 7

type reader struct {
	name string
	read func(raw []byte) error
}

var ours = &mail.Reader{Limits: mail.Limits{MailSize: 100 << 20, FileBytes: 100 << 20}}

var readers = []reader{
	{"parts", func(raw []byte) error {
		for part := range ours.Parts(raw) {
			if _, err := io.Copy(io.Discard, part.Reader()); err != nil {
				return err
			}
		}
		return nil
	}},
	{"whole", func(raw []byte) error {
		m := ours.Read(raw)
		for i := range m.Attachments {
			if _, err := io.Copy(io.Discard, m.Attachments[i].Reader()); err != nil {
				return err
			}
		}
		return nil
	}},
	{"go-message", func(raw []byte) error {
		e, err := message.Read(bytes.NewReader(raw))
		if e == nil {
			return err
		}
		return e.Walk(func(_ []int, part *message.Entity, err error) error {
			if part == nil {
				return nil
			}
			if part.MultipartReader() == nil {
				_, _ = io.Copy(io.Discard, part.Body)
			}
			return nil
		})
	}},
	{"enmime", func(raw []byte) error {
		_, err := enmime.ReadEnvelope(bytes.NewReader(raw))
		return err
	}},
}

type figures struct {
	seconds []float64
	bytes   uint64
	allocs  uint64
	failed  int
}

func main() {
	mails := own(4000)
	what := "mails of its own"
	if len(os.Args) > 1 {
		mails, what = folder(os.Args[1]), os.Args[1]
	}
	size := 0
	for _, m := range mails {
		size += len(m)
	}
	fmt.Printf("%d %s, %.1f MB, %d rounds in turns, %s %s, %d cores, one used\n\n", len(mails), what, float64(size)/1e6, rounds, runtime.Version(), runtime.GOARCH, runtime.NumCPU())
	runtime.GOMAXPROCS(1)
	table(mails, size)

	big := large(50 << 20)
	fmt.Printf("\none mail with an attachment of 50 MiB, %.1f MB as it is sent\n\n", float64(len(big))/1e6)
	table([][]byte{big}, len(big))
	fmt.Printf("\npeak heap above the mail itself while it is read:\n")
	for _, r := range readers {
		fmt.Printf("  %-11s %8.2f MB\n", r.name, float64(peak(r, big))/1e6)
	}
}

func table(mails [][]byte, size int) {
	all := make([]figures, len(readers))
	for round := range rounds {
		for k := range readers {
			i := (k + round) % len(readers) // nobody is always first
			f := &all[i]
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			for _, raw := range mails {
				if readers[i].read(raw) != nil && round == 0 {
					f.failed++
				}
			}
			f.seconds = append(f.seconds, time.Since(start).Seconds())
			runtime.ReadMemStats(&after)
			f.bytes, f.allocs = after.TotalAlloc-before.TotalAlloc, after.Mallocs-before.Mallocs
		}
	}
	fmt.Printf("  %-11s %10s %9s %12s %12s %8s %10s\n", "", "mails/s", "MB/s", "bytes/mail", "allocs/mail", "failed", "speed")
	base := median(all[0].seconds)
	for i, r := range readers {
		s := median(all[i].seconds)
		fmt.Printf("  %-11s %10.0f %9.1f %12d %12d %8d %9.2fx\n", r.name, float64(len(mails))/s, float64(size)/1e6/s, all[i].bytes/uint64(len(mails)), all[i].allocs/uint64(len(mails)), all[i].failed, base/s)
	}
}

func median(x []float64) float64 {
	s := slices.Clone(x)
	slices.Sort(s)
	return s[len(s)/2]
}

// peak samples the heap in use while a mail is read; the collector runs eagerly, so that garbage counts little.
func peak(r reader, raw []byte) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(1)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, most := m.HeapAlloc, uint64(0)
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	_ = r.read(raw)
	close(stop)
	<-done
	return most - min(base, most)
}

func folder(dir string) (mails [][]byte) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".eml") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err == nil {
			mails = append(mails, raw)
		}
		return err
	})
	return mails
}

// own writes mails like a help desk's: the same for the same number.
func own(n int) (mails [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		var b strings.Builder
		fmt.Fprintf(&b, "Return-Path: <cliente%d@example.org>\nReceived: from a.example.org by mx.example.com; Mon, 2 Mar 2026 10:00:00 +0100\nFrom: =?utf-8?q?Cliente_%d?= <cliente%d@example.org>\n"+
			"To: Assistenza <assistenza@example.com>\nSubject: =?utf-8?q?Perch=C3=A9_non_funziona_?= %d\nDate: Mon, 2 Mar 2026 10:00:00 +0100\nMessage-ID: <m%d@example.org>\nMIME-Version: 1.0\n", i, i, i, i, i)
		text := words(r, 60+r.IntN(200))
		switch k := r.IntN(100); {
		case k < 45:
			b.WriteString("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + text + reply(r, k))
		case k < 55:
			fmt.Fprintf(&b, "Auto-Submitted: auto-replied\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n%s", strings.ReplaceAll(text, "è", "=E8"))
		case k < 85:
			fmt.Fprintf(&b, "Content-Type: multipart/alternative; boundary=b%d\n\n--b%d\nContent-Type: text/plain; charset=utf-8\n\n%s\n--b%d\nContent-Type: text/html; charset=utf-8\n\n<html><body><div>%s</div></body></html>\n--b%d--\n",
				i, i, text+reply(r, k), i, strings.ReplaceAll(text+reply(r, k), "\n", "<br>\n"), i)
		case k < 90:
			fmt.Fprintf(&b, "Content-Type: multipart/report; report-type=delivery-status; boundary=b%d\n\n--b%d\n\nThe mail could not be delivered.\n--b%d\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; x@example.net\nAction: failed\nStatus: 5.1.1\n--b%d--\n", i, i, i, i)
		default:
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\nContent-Type: text/plain; charset=utf-8\n\n%s\n--b%d\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.pdf\n\n", i, i, text, i)
			base64Lines(&b, r, 20_000+r.IntN(300_000))
			fmt.Fprintf(&b, "--b%d--\n", i)
		}
		mails = append(mails, []byte(b.String()))
	}
	return mails
}

func large(size int) []byte {
	var b strings.Builder
	b.WriteString("From: a@example.org\nTo: assistenza@example.com\nSubject: grande\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nIn allegato.\n--b\nContent-Type: application/octet-stream; name=a.bin\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.bin\n\n")
	base64Lines(&b, rand.New(rand.NewPCG(3, 4)), size)
	b.WriteString("--b--\n")
	return []byte(b.String())
}

func base64Lines(b *strings.Builder, r *rand.Rand, size int) {
	line := make([]byte, 57)
	for ; size > 0; size -= len(line) {
		for i := range line {
			line[i] = byte(r.Uint32())
		}
		b.WriteString(base64.StdEncoding.EncodeToString(line))
		b.WriteByte('\n')
	}
}

func reply(r *rand.Rand, k int) string {
	if k%2 == 0 {
		return ""
	}
	return "\nIl giorno lun 2 mar 2026 alle ore 09:00 Assistenza <assistenza@example.com> ha scritto:\n> " + strings.ReplaceAll(words(r, 80), "\n", "\n> ") + "\n"
}

var vocabulary = strings.Fields("buongiorno la stampante non funziona più da ieri mattina e il portale segnala un errore quando provo ad aprire la fattura del mese scorso potete aiutarmi grazie hello the printer stopped working since yesterday and the page shows an error when opening the invoice could you please help me thank you è però così")

func words(r *rand.Rand, n int) string {
	var b strings.Builder
	line := 0
	for range n {
		w := vocabulary[r.IntN(len(vocabulary))]
		if line += len(w) + 1; line > 72 {
			b.WriteByte('\n')
			line = len(w)
		} else if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	return b.String()
}
