package mail

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// fileOf is a mail with a text and one file of a type.
func fileOf(id, ctype, name string, data []byte) []byte {
	return asText(id, "mixed", "b", "--b\nContent-Type: "+ctype+"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\""+name+"\"\n\n"+
		base64.StdEncoding.EncodeToString(data)+"\n")
}

// onlyDownload asserts that a file is handed over whole, with its declared type, and as nothing to show.
func onlyDownload(ctype, data string) func(*testing.T, *hostileWorld, *hostileResult) {
	return func(t *testing.T, _ *hostileWorld, r *hostileResult) {
		t.Helper()
		if f := r.heard.Files[0]; f.Inline || f.Type != ctype || string(f.Data) != data {
			t.Errorf("file %s, inline %v, %d octets", f.Type, f.Inline, len(f.Data))
		}
		if r.mail.HTML != "" {
			t.Errorf("shown: %q", r.mail.HTML)
		}
	}
}

// bomb is a zip of zips of zeros: 42 KB that would be gigabytes.
func bomb() []byte {
	data := make([]byte, 1<<20)
	for range 3 {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i := range 16 {
			w, err := z.Create(string(rune('a'+i)) + ".zip")
			if err == nil {
				_, err = w.Write(data)
			}
			if err != nil {
				panic(err)
			}
		}
		if err := z.Close(); err != nil {
			panic(err)
		}
		data = b.Bytes()
	}
	return data
}

const (
	polyglot = "GIF89a/*\x01\x00\x01\x00\x80\x00\x00*/=1;alert(1);"
	svg      = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	webPage  = "<html><body><script>alert(1)</script><p>Pagina</p></body></html>"
)

var hostileAttachments = []hostileMail{
	{id: "H109", what: "U+200B + .htaccess", files: "htaccess", make: attachedAs("H109", "filename*=utf-8''%E2%80%8B.htaccess")},
	{id: "H110", what: "../../x", files: "x", make: attachedAs("H110", `filename="../../x"`)},
	{id: "H111", what: `C:\Users\CON.txt`, files: "_CON.txt", make: attachedAs("H111", `filename="C:\Users\CON.txt"`)},
	{id: "H112", what: "a.pdf NUL .exe", files: "a.pdf.exe", make: attachedAs("H112", "filename*=utf-8''a.pdf%00.exe")},
	{id: "H113", what: "fattura U+202E fdp.exe", files: "fatturafdp.exe", make: attachedAs("H113", "filename*=utf-8''fattura%E2%80%AEfdp.exe")},
	{id: "H114", what: "42.zip", files: "42.zip", make: func(*hostileWorld) []byte { return fileOf("H114", "application/zip", "42.zip", bomb()) },
		check: func(t *testing.T, w *hostileWorld, r *hostileResult) {
			onlyDownload("application/zip", string(bomb()))(t, w, r)
			if r.memory > 8*int64(len(r.raw)) {
				t.Errorf("%d octets held for a mail of %d: it was opened", r.memory, len(r.raw))
			}
		}},
	// Nothing shows files yet. Whatever will has them from here: whole, under their declared types, none of them inline.
	{id: "H115", what: "a.gif that is also JavaScript", files: "a.gif", make: func(*hostileWorld) []byte { return fileOf("H115", "image/gif", "a.gif", []byte(polyglot)) },
		check: onlyDownload("image/gif", polyglot)},
	{id: "H116", what: "SVG with script", files: "a.svg", make: func(*hostileWorld) []byte { return fileOf("H116", "image/svg+xml", "a.svg", []byte(svg)) },
		check: onlyDownload("image/svg+xml", svg)},
	{id: "H117", what: "HTML file", files: "a.html", make: func(*hostileWorld) []byte { return fileOf("H117", "text/html", "a.html", []byte(webPage)) },
		check: onlyDownload("text/html", webPage)},
	{id: "H118", what: "winmail.dat holding contratto.pdf and the text", files: "contratto.pdf",
		make: func(*hostileWorld) []byte {
			return mailOf("H118", "--b\nContent-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=winmail.dat\n\n"+
				base64.StdEncoding.EncodeToString(tnefStream(tnefAttribute(1, 0x0002800c, []byte("Testo H118\r\n\x00")), attachment("contratto.pdf", []byte("%PDF-1.4\n"))))+"\n--b--\n", "Content-Type: multipart/mixed; boundary=b")
		},
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			if f := r.heard.Files[0]; string(f.Data) != "%PDF-1.4\n" || f.Type != "application/pdf" {
				t.Errorf("file %s of %q", f.Type, f.Data)
			}
		}},
	{id: "H119", what: "S/MIME enveloped mail", files: "smime.p7m", flags: "encrypted", visible: "-",
		make: func(*hostileWorld) []byte {
			return mailOf("H119", "MIIBAAYJKoZIhvcNAQcD\n", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", "Content-Transfer-Encoding: base64",
				"Content-Disposition: attachment; filename=smime.p7m")
		}},
	{id: "H120", what: "file of 0 bytes", files: "vuoto.txt",
		make: func(*hostileWorld) []byte {
			return asText("H120", "mixed", "b", "--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=vuoto.txt\n\n\n")
		},
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			if f := r.mail.Attachments[0]; f.Size != 0 || len(r.heard.Files[0].Data) != 0 {
				t.Errorf("size %d, %d octets", f.Size, len(r.heard.Files[0].Data))
			}
		}},
}

// TestDangerousNames: cleaning is done after decoding, however a name comes in.
func TestDangerousNames(t *testing.T) {
	for _, c := range []struct{ parameter, want string }{
		{`filename="=?utf-8?q?..=2F..=2Fx?="`, "x"}, {"filename*0*=utf-8''..%2F; filename*1*=..%5Cx.txt", "x.txt"}, {`filename="a=?utf-8?b?L2IvYw==?="`, "c"},
		{"filename=/etc/passwd", "passwd"}, {`filename="x\\y\\z.exe"`, "z.exe"}, {`filename="..."`, "part-3"}, {`filename="a/"`, "part-3"},
	} {
		m := testReader(t).Read(attachedAs("H110", c.parameter)(nil))
		if got := strings.Join(fileNames(m), " "); got != c.want && got != c.want+".bin" {
			t.Errorf("%s became %q, want %q", c.parameter, got, c.want)
		}
		checkClean(t, m)
	}
}
