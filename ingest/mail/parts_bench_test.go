package mail

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/emersion/go-message"
)

// partsCorpus is a mixed handful of mails: text, text with HTML, a file, a report.
func partsCorpus() (raws [][]byte, size int64) {
	text := strings.Repeat("Buongiorno, la stampante non funziona più da ieri mattina e il portale segnala un errore.\n", 12)
	for i := range 20 {
		head := fmt.Sprintf("Received: from a by b; Mon, 2 Mar 2026 10:00:00 +0100\nFrom: =?utf-8?q?Maria_%d?= <maria@cliente.example>\nTo: assistenza@example.com\nSubject: =?utf-8?q?Perch=C3=A9?=\n"+
			"Date: Mon, 2 Mar 2026 10:00:00 +0100\nMessage-ID: <m%d@cliente.example>\nMIME-Version: 1.0\n", i, i)
		switch {
		case i%10 < 5:
			head += "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + text
		case i%10 < 8:
			head += "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n" + text + "\n--b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n<p>" + text + "</p>\n--b--\n"
		default:
			head += "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n" + text + "\n--b\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(strings.Repeat("QUJD", 19)+"\n", 2000) + "--b--\n"
		}
		raws = append(raws, []byte(head))
		size += int64(len(head))
	}
	return raws, size
}

// BenchmarkParts takes mails apart and decodes each part to nowhere, as ours does it and as bare go-message does: what tolerance costs.
func BenchmarkParts(b *testing.B) {
	raws, size := partsCorpus()
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		r := &Reader{}
		for b.Loop() {
			for _, raw := range raws {
				for part := range r.Parts(raw) {
					_, _ = io.Copy(io.Discard, part.Reader())
				}
			}
		}
	})
	b.Run("go-message", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			for _, raw := range raws {
				e, err := message.Read(bytes.NewReader(raw))
				if err != nil {
					b.Fatal(err)
				}
				_ = e.Walk(func(_ []int, part *message.Entity, _ error) error {
					if part.MultipartReader() == nil {
						_, _ = io.Copy(io.Discard, part.Body)
					}
					return nil
				})
			}
		}
	})
}
