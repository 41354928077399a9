package mail

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.eml")
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(composeMail("--b\nContent-Type: multipart/alternative\n\n--b\n", "Content-Type: multipart/mixed; boundary=b"))
	f.Add(pecMail(daticertXML("errore-consegna", "altro", ""), innerMail, "X-Ricevuta: errore-consegna"))
	r := testReader(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := r.Read(raw)
		if strings.HasPrefix(m.QuarantineReason, "fault") {
			t.Fatal(m.QuarantineReason)
		}
		checkPartition(t, m)
		b, err := json.Marshal(m.Explain())
		if err != nil || !json.Valid(b) {
			t.Fatalf("no valid object: %v", err)
		}
		for _, s := range []string{m.Subject, m.Text, m.HTML} {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Fatalf("not clean: %q", s)
			}
		}
		for i := range m.Attachments {
			a := &m.Attachments[i]
			if strings.ContainsAny(a.FileName, "/\\\x00") || a.FileName == "" {
				t.Fatalf("file name %q", a.FileName)
			}
			a.Bytes()
		}
		r.Heard(m, HeardAt{})
	})
}

func FuzzHTML(f *testing.F) {
	for _, s := range []string{"<p>a<b>c</p>", `<a href="javascript:x">y</a>`, "<svg><style><img src=x onerror=y>", "<math><mtext></table><style>", "<!--><script>x</script>", `<img src="cid:a" alt=">">`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := Sanitise(s, map[string]bool{"a": true})
		low := strings.ToLower(out)
		for _, bad := range []string{"<script", "<style", "<svg", "<math", "<iframe", "<form", "<input", "<object", "<embed", "<base", "<meta", "<link"} {
			if strings.Contains(low, bad) {
				t.Fatalf("%s in %q from %q", bad, out, s)
			}
		}
		if again := Sanitise(out, map[string]bool{"a": true}); again != out {
			t.Fatalf("a second pass changes %q to %q", out, again)
		}
		h := parseHTML(s, 1<<16)
		if n := len(joinLines(h.lines)); n > 1<<16+2*len(s)+64 {
			t.Fatalf("%d octets of text", n)
		}
	})
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"a\n> b\nc\n> d\n-- \ne", "On 1.1.2026, x wrote:\n\ny", "Da: a\nInviato: b\nA: c\nOggetto: d", "— Rispondere sopra questa riga —\nx", "---------- Forwarded message ---------\nx"} {
		f.Add(s, "Re: x")
	}
	f.Fuzz(func(t *testing.T, text, subject string) {
		if len(text) > 1<<14 {
			return
		}
		text = cleanText(strings.ToValidUTF8(text, ""))
		visible, elided := SplitQuote(text, subject)
		checkPartition(t, &Mail{Text: text, Visible: visible, Elided: elided})
	})
}

func BenchmarkRead(b *testing.B) {
	r := testReader(b)
	plain := composeMail(strings.Repeat("Una riga di testo della richiesta, come tante altre.\n", 40))
	var alternative strings.Builder
	alternative.WriteString("--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n")
	alternative.WriteString(strings.Repeat("Perch=C3=A9 la stampante =C3=A8 ferma?\n", 40) + "\nIl giorno 20/11/2026 Assistenza ha scritto:\n" + strings.Repeat("> vecchio testo\n", 60))
	alternative.WriteString("--b\nContent-Type: text/html; charset=utf-8\n\n" + strings.Repeat("<p>Perché la <b>stampante</b> è ferma?</p>\n", 40) + "<div class=gmail_quote><blockquote>" + strings.Repeat("vecchio testo<br>", 60) + "</blockquote></div>\n--b--\n")
	file := "--b\n\nTesto\n--b\nContent-Type: image/jpeg; name=foto.jpg\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(strings.Repeat("QUJD", 19)+"\n", 2700) + "--b--\n"
	for _, c := range []struct {
		name string
		raw  []byte
	}{
		{"plain", plain},
		{"alternative", composeMail(alternative.String(), "Content-Type: multipart/alternative; boundary=b")},
		{"attachment", composeMail(file, "Content-Type: multipart/mixed; boundary=b")},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.raw)))
			b.ReportAllocs()
			for b.Loop() {
				r.Read(c.raw)
			}
		})
	}
}
