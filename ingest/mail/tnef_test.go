package mail

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

func le(n int, v uint64) []byte {
	b := make([]byte, 8)
	binary.LittleEndian.PutUint64(b, v)
	return b[:n]
}

// tnefAttribute writes one attribute of a stream with its checksum.
func tnefAttribute(level byte, id uint32, data []byte) []byte {
	sum := uint16(0)
	for _, c := range data {
		sum += uint16(c)
	}
	out := append([]byte{level}, le(4, uint64(id))...)
	out = append(append(out, le(4, uint64(len(data)))...), data...)
	return append(out, le(2, uint64(sum))...)
}

func tnefStream(attributes ...[]byte) []byte {
	out := append(le(4, tnefSignature), 1, 0)
	out = append(out, tnefAttribute(1, 0x00069007, append(le(4, 1252), le(4, 0)...))...)
	for _, a := range attributes {
		out = append(out, a...)
	}
	return out
}

func align(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// prop writes one property; variable ones get a count of one and a length.
func prop(kind, id uint16, value []byte) []byte {
	out := append(le(2, uint64(kind)), le(2, uint64(id))...)
	switch kind {
	case 0x1e, 0x1f, 0x102, 0xd:
		out = append(append(out, le(4, 1)...), le(4, uint64(len(value)))...)
	}
	return append(out, align(append([]byte(nil), value...))...)
}

// named writes a named property of type PT_UNICODE, to be skipped.
func named(name, value string) []byte {
	out := append(le(2, 0x1f), le(2, 0x8001)...)
	out = append(append(out, make([]byte, 16)...), le(4, 1)...)
	n := wide(name)
	out = append(append(out, le(4, uint64(len(n)))...), align(n)...)
	v := wide(value)
	return append(append(append(out, le(4, 1)...), le(4, uint64(len(v)))...), align(v)...)
}

func props(list ...[]byte) []byte {
	out := le(4, uint64(len(list)))
	for _, p := range list {
		out = append(out, p...)
	}
	return out
}

func wide(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		out = append(out, le(2, uint64(u))...)
	}
	return out
}

// storedRTF and packedRTF are the two forms of compressed RTF; packed uses literals only, which needs no search.
func storedRTF(s string) []byte {
	return append(append(append(append(le(4, uint64(len(s)+12)), le(4, uint64(len(s)))...), le(4, 0x414c454d)...), le(4, 0)...), s...)
}

func packedRTF(s string) []byte {
	var body []byte
	for i := 0; i < len(s); i += 8 {
		body = append(append(body, 0), s[i:min(i+8, len(s))]...)
	}
	return append(append(append(append(le(4, uint64(len(body)+12)), le(4, uint64(len(s)))...), le(4, 0x75465a4c)...), le(4, 0)...), body...)
}

func attachment(title string, data []byte, list ...[]byte) []byte {
	out := tnefAttribute(2, 0x00069002, make([]byte, 14))
	if title != "" {
		out = append(out, tnefAttribute(2, 0x00018010, append([]byte(title), 0))...)
	}
	if data != nil {
		out = append(out, tnefAttribute(2, 0x0006800f, data)...)
	}
	if len(list) > 0 {
		out = append(out, tnefAttribute(2, 0x00069005, props(list...))...)
	}
	return out
}

func winmail(stream []byte, text string) []byte {
	body := "--b\nContent-Type: text/plain; charset=utf-8\n\n" + text + "\n--b\nContent-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n"
	s := base64.StdEncoding.EncodeToString(stream)
	for len(s) > 76 {
		body += s[:76] + "\n"
		s = s[76:]
	}
	return composeMail(body+s+"\n--b--\n", "Content-Type: multipart/mixed; boundary=b")
}

const richText = `{\rtf1\ansi\ansicpg1252\fromtext \deff0{\fonttbl{\f0\fswiss Arial;}}{\colortbl;\red0\green0\blue0;}\uc1\pard\plain Buongiorno,\par il contratto \'e8 pronto: 100 \u8364?.\par {\*\generator Riched20;}\{vedi allegato\}}`

const hiddenHTML = `{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}}{\*\htmltag19 <html>}{\*\htmltag50 <body>}{\*\htmltag64 <p>}\htmlrtf {\f0 \htmlrtf0 Il contratto \'e8 pronto.{\*\htmltag84 <br>}\htmlrtf\line\htmlrtf0 Saluti{\*\htmltag72 </p>}\htmlrtf \par}\htmlrtf0 {\*\htmltag58 </body>}{\*\htmltag27 </html>}}`

func TestTNEF(t *testing.T) {
	if len(rtfDictionary) != 207 {
		t.Fatalf("the RTF dictionary has %d octets, not 207", len(rtfDictionary))
	}
	pdf := []byte("%PDF-1.4 contratto")
	inner := tnefStream(tnefAttribute(1, 0x00069003, props(prop(0x1f, 0x0037, wide("Domanda")), prop(0x1f, 0x1000, wide("Testo interno")), prop(0x1e, 0x0c1f, []byte("luca@altro.example\x00")))),
		attachment("interno.pdf", pdf))
	for _, c := range []struct {
		name, visible string
		raw           []byte
		files         string
	}{
		{"long name over short", "Ecco.", winmail(tnefStream(attachment("CONTRA~1.PDF", pdf, prop(0x1f, 0x3707, wide("contratto città.pdf")), prop(0x1e, 0x370e, []byte("application/pdf\x00")))), "Ecco."), "contratto città.pdf application/pdf 18"},
		{"8-bit title", "Ecco.", winmail(tnefStream(attachment("citt\xe0.pdf", pdf)), "Ecco."), "città.pdf application/pdf 18"},
		{"no name", "Ecco.", winmail(tnefStream(attachment("", pdf)), "Ecco."), "part-1.pdf application/pdf 18"},
		{"path in the name", "Ecco.", winmail(tnefStream(attachment(`..\..\x.pdf`, pdf)), "Ecco."), "x.pdf application/pdf 18"},
		{"named property skipped", "Ecco.", winmail(tnefStream(attachment("a.pdf", pdf, named("x-Name", "v"), prop(3, 0x3705, le(4, 1)), prop(0x40, 0x3007, le(8, 1)), prop(0x1f, 0x3707, wide("lungo.pdf")))), "Ecco."), "lungo.pdf application/pdf 18"},
		{"text of the mail wins", "Ecco.", winmail(tnefStream(tnefAttribute(1, 0x00069003, props(prop(0x1f, 0x1000, wide("Altro")))), attachment("a.pdf", pdf)), "Ecco."), "a.pdf application/pdf 18"},
		{"plain body", "Ciao, perché?", winmail(tnefStream(tnefAttribute(1, 0x0002800c, []byte("Ciao, perch\xe9?\x00"))), ""), ""},
		{"Unicode body", "Ciao €", winmail(tnefStream(tnefAttribute(1, 0x00069003, props(prop(0x1f, 0x1000, wide("Ciao €"))))), ""), ""},
		{"HTML body", "Ciao è", winmail(tnefStream(tnefAttribute(1, 0x00069003, props(prop(3, 0x3fde, le(4, 65001)), prop(0x102, 0x1013, []byte("<p>Ciao <b>è</b></p><script>x</script>"))))), ""), ""},
		{"stored rich text", "Buongiorno,\nil contratto è pronto: 100 €.\n{vedi allegato}", winmail(tnefStream(tnefAttribute(1, 0x00069003, props(prop(0x102, 0x1009, storedRTF(richText))))), ""), ""},
		{"packed rich text", "Buongiorno,\nil contratto è pronto: 100 €.\n{vedi allegato}", winmail(tnefStream(tnefAttribute(1, 0x00069003, props(prop(0x102, 0x1009, packedRTF(richText))))), ""), ""},
		{"HTML inside rich text", "Il contratto è pronto.\nSaluti", winmail(tnefStream(tnefAttribute(1, 0x00069003, props(prop(0x102, 0x1009, storedRTF(hiddenHTML))))), ""), ""},
		{"attached mail", "Ecco.", winmail(tnefStream(attachment("", nil, prop(3, 0x3705, le(4, 5)), prop(0xd, 0x3701, append(make([]byte, 16), inner...)))), "Ecco."), "Domanda.eml message/rfc822 152|interno.pdf application/pdf 18"},
		{"cut off", "Ecco.", winmail(tnefStream(attachment("a.pdf", pdf), attachment("b.pdf", pdf)[:60]), "Ecco."), "a.pdf application/pdf 18|b.pdf text/plain 0"},
		{"no TNEF", "Ecco.", winmail([]byte("what is this"), "Ecco."), "winmail.dat application/ms-tnef 12"},
	} {
		m := testReader(t).Read(c.raw)
		var files []string
		for _, f := range m.Attachments {
			files = append(files, strings.Join([]string{f.FileName, f.ContentType, strconv.FormatInt(f.Size, 10)}, " "))
		}
		if m.Visible != c.visible || strings.Join(files, "|") != c.files {
			t.Errorf("%s: visible %q, files %q", c.name, m.Visible, files)
		}
		if strings.Contains(m.HTML, "<script") {
			t.Errorf("%s: HTML %q", c.name, m.HTML)
		}
	}
}

// Compressed text refers back; a bomb ends at the limit.
func TestUnpackRTF(t *testing.T) {
	// "{\rtf1\ansi\mac\deff0\deftab720" stands at the beginning of the dictionary: a reference of 17 octets to place 0, then an end mark.
	at := 207 + 17
	packed := []byte{0b00000011, 0x00, 0x0f, byte(at >> 4), byte(at << 4)}
	in := append(append(append(append(le(4, uint64(len(packed)+12)), le(4, 100)...), le(4, 0x75465a4c)...), le(4, 0)...), packed...)
	if got, ok := unpackRTF(in, 1000); !ok || string(got) != `{\rtf1\ansi\mac\d` {
		t.Errorf("unpacked %q, %v", got, ok)
	}
	bomb := append(append(append(le(4, 1<<20), le(4, 1<<30)...), le(4, 0x75465a4c)...), le(4, 0)...)
	place := 207 // where the next octet goes; a reference to it would be the end mark
	for range 10_000 {
		bomb = append(bomb, 0xff)
		for range 8 {
			from := (place + 2048) & 0xfff
			bomb = append(bomb, byte(from>>4), byte(from<<4)|0xf)
			place = (place + 17) & 0xfff
		}
	}
	if got, ok := unpackRTF(bomb, 1<<20); !ok || len(got) != 1<<20 {
		t.Errorf("%d octets unpacked, %v", len(got), ok)
	}
	if _, ok := unpackRTF([]byte("short"), 10); ok {
		t.Error("garbage was unpacked")
	}
}

func FuzzTNEF(f *testing.F) {
	pdf := []byte("%PDF-1.4")
	f.Add(tnefStream(attachment("a.pdf", pdf, named("n", "v"), prop(0x1f, 0x3707, wide("lungo.pdf"))), tnefAttribute(1, 0x0002800c, []byte("testo\x00"))))
	f.Add(tnefStream(tnefAttribute(1, 0x00069003, props(prop(0x102, 0x1009, packedRTF(richText)), prop(0x102, 0x1009, storedRTF(hiddenHTML))))))
	f.Add(tnefStream(attachment("", nil, prop(3, 0x3705, le(4, 5)), prop(0xd, 0x3701, append(make([]byte, 16), tnefStream(attachment("x", pdf))...)))))
	limits := DefaultLimits()
	f.Fuzz(func(t *testing.T, b []byte) {
		start := time.Now()
		out, ok := readTNEF(b, limits)
		if ok {
			size := int64(0)
			for _, x := range out.files {
				size += x.Size
				if x.Size != int64(len(x.data)) {
					t.Errorf("%q claims %d octets, has %d", x.FileName, x.Size, len(x.data))
				}
			}
			if size > limits.FileBytes || len(out.files) > limits.Files {
				t.Errorf("%d files of %d octets", len(out.files), size)
			}
		}
		if time.Since(start) > 5*time.Second {
			t.Error("does not end")
		}
	})
}
