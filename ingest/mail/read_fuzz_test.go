package mail

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ticketing"
)

// FuzzRead: whatever comes in, the facts are clean and bounded, the same each time, and the mail itself is left as it was.
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
	f.Add(attachedAs("H040", "filename*0*=utf-8''a%2F", `filename*1="..\\=?utf-8?q?x?="`)(nil))
	f.Add(mailOf("H042", "begin 644 a/b\n$8VEA;P``\n`\nend\n", "Content-Type: text/plain; charset=utf-16; format=flowed; delsp=yes"))
	f.Add(mailOf("H055", "Testo", `From: "a@b" (c) <d@e.example>, g: h;`, "References: <v1.01JD0000000000000000000000.aaaaaaaaaaaaaaaaaaaaaaaaaa@example.com> <a> <b c>"))
	f.Add(nestedMail("H001", 12))
	f.Add(nestedMessages("H006", 300))
	r := testReader(f)
	r.OwnNames = []string{"Anna Rossi"}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := sha256.Sum256(raw)
		m := r.Read(raw)
		checkPartition(t, m)
		checkClean(t, m)
		h := r.Heard(m, HeardAt{})
		for i, file := range h.Files {
			if size := m.Attachments[i].Size; int64(len(file.Data)) > size+size/2+64 {
				t.Fatalf("file of %d octets was announced with %d", len(file.Data), size)
			}
		}
		if m.Quarantine != "" && m.Auto.Allowed {
			t.Fatalf("quarantine %s with an automatic answer", m.Quarantine)
		}
		if sha256.Sum256(raw) != before {
			t.Fatal("reading changed the mail")
		}
		again := r.Read(raw)
		if !reflect.DeepEqual(again.Explain(), m.Explain()) || again.HTML != m.HTML || again.LogicalKey != m.LogicalKey || again.BodyHash != m.BodyHash || !reflect.DeepEqual(again.Claims, m.Claims) {
			t.Fatal("a second reading differs")
		}
	})
}

// FuzzAddress: an address list gives addresses of the strict grammar or none, and what is written out is read back as the same.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"Maria Verdi <maria@cliente.example>", `"evil@x> <victim"@cliente.example`, "maria(@cliente.example)@bad.example", "a@b.example, c@d.example; e@f.example", "gruppo: a@b.example;",
		"Rossi, Maria <maria@cliente.example>", "=?utf-8?q?a=40b?= <c@d.example>", "maria@[127.0.0.1]", "<@a,@b:c@d.example>", "mailto:a@b.example", "Maria [mailto:maria@cliente.example]", "a@b@c.example", "\u202ea <b@c.example>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1<<14 {
			return
		}
		l := parseAddresses(s)
		if len(l.people) > maxAddresses {
			t.Fatalf("%d addresses", len(l.people))
		}
		for _, p := range l.people {
			if !utf8.ValidString(p.Address) || !utf8.ValidString(p.Name) || strings.ContainsAny(p.Address+p.Name, "\x00\r\n") || utf8.RuneCountInString(p.Name) > ticketing.MaxNameLength {
				t.Fatalf("not clean: %+v", p)
			}
			if p.Parsed.IsZero() {
				continue
			}
			if p.Address != p.Parsed.String() || strings.Count(p.Address, "@") != 1 || strings.ContainsAny(p.Address, " \t<>()[],;:\"\\%!") {
				t.Fatalf("address %q of %q", p.Address, p.Parsed)
			}
			if again, err := ticketing.ParseAddress(p.Address); err != nil || again != p.Parsed {
				t.Fatalf("%q is read back as %v: %v", p.Address, again, err)
			}
			if back := parseAddresses("<" + p.Address + ">").people; len(back) != 1 || back[0].Parsed != p.Parsed {
				t.Fatalf("%q in brackets is read as %v", p.Address, back)
			}
		}
	})
}

// FuzzThread: ids are well-formed, nothing counts as ours that was not made with our keys, and what was made is known in any case.
func FuzzThread(f *testing.F) {
	keys := readKeys(f)
	f.Add("<a@b.example> <c@d.example>", "assistenza+aaaaaaaa@example.com", []byte("0123456789abcdef"))
	f.Add(keys.MessageID(testRow, "example.com"), "bounce+x@example.com", []byte{1, 2, 3})
	f.Add("<v1.01JD0000000000000000000000.aaaaaaaaaaaaaaaaaaaaaaaaaa@example.com>", "assistenza+"+strings.Repeat("7", tokenLength)+"@example.com", []byte(nil))
	r := testReader(f)
	strangers, err := NewKeys(Key{9, []byte("ffffffffffffffffffffffffffffffff")})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, refs, recipient string, seed []byte) {
		var row ulid.ULID
		var thread [threadSize]byte
		copy(row[:], seed)
		copy(thread[:], seed)
		for _, id := range append(messageIDs(refs), messageID(refs)) {
			if id != "" && (id[0] != '<' || id[len(id)-1] != '>' || len(id) > 998 || !printable(id) || strings.ContainsAny(id[1:len(id)-1], "<>")) {
				t.Fatalf("id %q of %q", id, refs)
			}
			if _, v := keys.CheckMessageID(id); v == Valid && !strings.Contains(strings.ToLower(refs), strings.ToLower(keys.MessageID(testRow, "example.com"))) {
				t.Fatalf("%q passes for ours", id)
			}
		}
		foreign := strangers.MessageID(row, "example.com")
		if _, v := keys.CheckMessageID(foreign); v != Failing {
			t.Fatalf("%q with a foreign key: %v", foreign, v)
		}
		base := r.Own.Public[0]
		own, err := keys.Address(base, thread)
		if err != nil {
			t.Fatal(err)
		}
		raw := mailOf("H068", "Testo", "To: "+strings.Map(printing, recipient)+", "+strings.ToUpper(own.String()), "References: "+strings.Map(printing, refs)+" "+keys.MessageID(row, "example.com"))
		m := r.Read(raw)
		checkClean(t, m)
		found := false
		for _, c := range m.Claims {
			found = found || c.Rule == ticketing.ClaimOwnID && c.Outgoing == row.String() && c.Valid
			if c.Valid && c.Rule == ticketing.ClaimToken && c.Key != threadKey(thread) {
				t.Fatalf("%q gave the thread %s", recipient, c.Key)
			}
		}
		if !found {
			t.Fatalf("our own id after %q is not known", refs)
		}
	})
}

func printing(r rune) rune {
	if r < ' ' {
		return -1
	}
	return r
}

// FuzzParameters: structured fields are bounded, and a name that was written by the rules is read back.
func FuzzParameters(f *testing.F) {
	for _, s := range []string{"attachment; filename=a.txt", "a; filename*0*=utf-8''a%20; filename*1=b", `a; filename="a\"b"`, "text/html charset=x", ";;;", "a; b*=''", `a; b="`, "(a) b; (c) d=e (f)"} {
		f.Add(s, "Perch\u00e9 no.txt")
	}
	f.Fuzz(func(t *testing.T, s, name string) {
		p := parseParams(s)
		if len(p.list) > 2*maxParams {
			t.Fatalf("%d parameters", len(p.list))
		}
		if name == "" || len(name) > 200 || !utf8.ValidString(name) {
			return
		}
		var b strings.Builder
		for i := range len(name) {
			fmt.Fprintf(&b, "%%%02X", name[i])
		}
		encoded := b.String()
		half := len(encoded) / 6 * 3
		for _, written := range []string{"a; filename*=utf-8''" + encoded, "a; filename*1*=" + encoded[half:] + "; filename*0*=utf-8''" + encoded[:half]} {
			if got := parseParams(written).list["filename*"]; got != name {
				t.Fatalf("%q is read as %q from %q", name, got, written)
			}
		}
	})
}

func FuzzHTML(f *testing.F) {
	for _, s := range []string{"<p>a<b>c</p>", `<a href="javascript:x">y</a>`, "<svg><style><img src=x onerror=y>", "<math><mtext></table><style>", "<!--><script>x</script>", `<img src="cid:a" alt=">">`, "a&#6;b", `<a href="https:///?=x">y</a>`} {
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
		checkInert(t, out)
		if strings.ContainsFunc(out, isUnprintable) {
			t.Fatalf("control characters in %q from %q", out, s)
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
