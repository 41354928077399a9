package mail

import (
	"strings"
	"testing"
)

// TestFileNames follows RFC 2183, RFC 2231 and what senders make of them (C9).
func TestFileNames(t *testing.T) {
	for _, c := range []struct{ name, disposition, ctype, want string }{
		{"token", "filename=a.txt", "", "a.txt"},
		{"quoted", `filename="a b.txt"`, "", "a b.txt"},
		{"blanks without quotation marks", "filename=a b.txt", "", "a b.txt"},
		{"blanks around the sign", `filename = "a.txt"`, "", "a.txt"},
		{"upper case", `FILENAME="a.txt"`, "", "a.txt"},
		{"no end of the quotation", `filename="a.txt`, "", "a.txt"},
		{"escaped quotation mark", `filename="a\"b.txt"`, "", "ab.txt"},
		{"semicolon in quotation marks", `filename="a;b.txt"`, "", "a;b.txt"},
		{"extended", "filename*=utf-8''Perch%C3%A9.txt", "", "Perché.txt"},
		{"extended with a language", "filename*=utf-8'it'Perch%C3%A9.txt", "", "Perché.txt"},
		{"extended in Latin-1", "filename*=iso-8859-1''Perch%E9.txt", "", "Perché.txt"},
		{"extended and quoted", `filename*="utf-8''Perch%C3%A9.txt"`, "", "Perché.txt"},
		{"extended without charset", "filename*=''a%20b.txt", "", "a b.txt"},
		{"extended without marks", "filename*=a%20b.txt", "", "a b.txt"},
		{"extended in an unknown charset", "filename*=x-unknown''Perch%C3%A9.txt", "", "Perché.txt"},
		{"damaged escapes", "filename*=utf-8''100%25%zz%4.txt", "", "100%%zz%4.txt"},
		{"extended before plain", "filename=b.txt; filename*=utf-8''a.txt", "", "a.txt"},
		{"pieces", `filename*0="lungo "; filename*1="nome"; filename*2=.txt`, "", "lungo nome.txt"},
		{"pieces out of order", `filename*2=.txt; filename*0="lungo "; filename*1=nome`, "", "lungo nome.txt"},
		{"extended pieces", "filename*0*=utf-8''Perch; filename*1*=%C3%A9; filename*2=.txt", "", "Perché.txt"},
		{"a character split between pieces", "filename*0*=utf-8''Perch%C3; filename*1*=%A9.txt", "", "Perché.txt"},
		{"percent sign in a plain piece", "filename*0*=utf-8''a; filename*1=%41.txt", "", "a%41.txt"},
		{"a piece missing", "filename*0=a; filename*2=c.txt", "", "a"},
		{"first piece missing, plain there", "filename*1=b.txt; filename=a.txt", "", "a.txt"},
		{"a piece twice", "filename*0=a; filename*0=x; filename*1=.txt", "", "a.txt"},
		{"pieces before plain", "filename=b.txt; filename*0=a; filename*1=.txt", "", "a.txt"},
		{"piece with a leading zero", "filename*00=x; filename*0=a.txt", "", "a.txt"},
		{"many pieces", strings.TrimSuffix(repeated(20, func(i int) string { return "filename*" + itoa(i) + "=a; " }), "; "), "", strings.Repeat("a", 20)},
		{"encoded word in pieces", `filename*0="=?utf-8?q?Perch"; filename*1="=C3=A9.txt?="`, "", "Perché.txt"},
		{"encoded word", `filename="=?utf-8?q?Perch=C3=A9.txt?="`, "", "Perché.txt"},
		{"encoded word without quotation marks", "filename==?utf-8?q?Perch=C3=A9.txt?=", "", "Perché.txt"},
		{"encoded words folded", "filename=\"=?utf-8?q?Perch=C3=A9?=\r\n =?utf-8?q?.txt?=\"", "", "Perché.txt"},
		{"raw UTF-8", "filename=\"Perch\u00e9.txt\"", "", "Perché.txt"},
		{"raw Latin-1", "filename=\"Perch\xe9.txt\"", "", "Perché.txt"},
		{"percent escapes in a plain name", `filename="a%20b.txt"`, "", "a%20b.txt"},
		{"name of the type", "", "; name=a.txt", "a.txt"},
		{"extended name of the type", "", "; name*=utf-8''Perch%C3%A9.txt; name=b.txt", "Perché.txt"},
		{"name in pieces", "", "; name*0=a; name*1=.txt", "a.txt"},
		{"plain filename before extended name", "filename=a.txt", "; name*=utf-8''b.txt", "a.txt"},
		{"empty filename, name there", `filename=""`, "; name=a.txt", "a.txt"},
		{"comment", "filename=a.txt (the file)", "", "a.txt"},
		{"no semicolon", "", " name=a.txt", "a.txt"},
		{"semicolons in a row", ";;; filename=a.txt;;", "", "a.txt"},
		{"comma for a semicolon", "size=3, filename=a.txt", "", "a.txt"},
		{"nothing", "", "", "part-3.bin"},
	} {
		raw := asText("H041", "mixed", "b", "--b\nContent-Type: application/octet-stream"+c.ctype+"\nContent-Disposition: attachment; "+c.disposition+"\n\n\x01\x02\n")
		m := testReader(t).Read(raw)
		if len(m.Attachments) != 1 || m.Attachments[0].FileName != c.want || m.Visible != "Testo H041" {
			t.Errorf("%s: %q, want %q", c.name, fileNames(m), c.want)
		}
		checkClean(t, m)
	}
}

// TestParameters: a type is read however it is written.
func TestParameters(t *testing.T) {
	for _, c := range []struct{ name, ctype string }{
		{"plain", "multipart/mixed; boundary=b"}, {"quoted", `multipart/mixed; boundary="b"`}, {"upper case", `MULTIPART/MIXED; BOUNDARY=b`}, {"blanks", "multipart/mixed ; boundary = b"},
		{"no semicolon", "multipart/mixed boundary=b"}, {"comments", "multipart/mixed (a); (b) boundary=b (c)"}, {"quotation without end", `multipart/mixed; boundary="b`},
		{"pieces", `multipart/mixed; boundary*0=b; boundary*1=""`}, {"extended", "multipart/mixed; boundary*=us-ascii''b"}, {"twice", "multipart/mixed; boundary=b; boundary=c"},
		{"folded", "multipart/mixed;\r\n\tboundary=b"}, {"not declared", "multipart/mixed"}, {"only multipart", "multipart; boundary=b"}, {"no type", "; boundary=b"},
		{"followed by another", "multipart/mixed; boundary=b charset=utf-8"}, {"trailing blank", `multipart/mixed; boundary="b "`},
	} {
		m := testReader(t).Read(mailOf("H010", "--b\n\nTesto\n--b\nContent-Disposition: attachment; filename=a.bin\n\n\x01\n--b--\n", "Content-Type: "+c.ctype))
		if m.Visible != "Testo" || strings.Join(fileNames(m), " ") != "a.bin" {
			t.Errorf("%s: %q %v", c.name, m.Visible, fileNames(m))
		}
	}
}

// TestTransferEncodings: damage costs as little as it can.
func TestTransferEncodings(t *testing.T) {
	for _, c := range []struct{ name, encoding, body, want string }{
		{"base64", "base64", "VGVzdG8=", "Testo"}, {"upper case", "BASE64", "VGVzdG8=", "Testo"}, {"comment", "base64 (yes)", "VGVzdG8=", "Testo"}, {"quoted", `"base64"`, "VGVzdG8=", "Testo"},
		{"no padding", "base64", "VGVzdG8", "Testo"}, {"one character too many", "base64", "VGVzdG8=V", "Testo"}, {"foreign characters", "base64", "V!G*V z\ndG8=", "Testo"},
		{"a footer below", "base64", "VGVzdG8=\n\n____\nFooter of the list\n", "Testo"}, {"two joined", "base64", "VGVzdG8=\nIGRpIHByb3Zh\n", "Testo di prova"}, {"line too long", "base64", strings.Repeat("VGVz", 500), strings.Repeat("Tes", 500)},
		{"quoted-printable", "quoted-printable", "Perch=C3=A9=\n no", "Perché no"}, {"lower case", "quoted-printable", "Perch=c3=a9", "Perché"}, {"damaged", "quoted-printable", "a=ZZb = c=3D", "a=ZZb = c="},
		{"blanks at the end", "quoted-printable", "a   \nb=  \nc", "a\nbc"}, {"raw 8-bit", "quoted-printable", "Perch\u00e9 =C3=A9", "Perché é"}, {"unknown", "x-unknown", "Testo", "Testo"},
		{"8-bit", "8-bit", "Perch\u00e9", "Perché"}, {"none", "", "Perch\u00e9", "Perché"}, {"7bit with 8-bit", "7bit", "Perch\u00e9", "Perché"}, {"uuencode", "x-uuencode", "begin 644 a\n%5&5S=&\\`\n`\nend\n", "Testo"},
	} {
		m := testReader(t).Read(mailOf("H037", c.body, "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: "+c.encoding))
		if m.Text != c.want {
			t.Errorf("%s: %q, want %q", c.name, m.Text, c.want)
		}
	}
}
