package mail

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/sportello/sportello/ticketing"
)

func utf16be(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return string(b)
}

var hostileEncodings = []hostileMail{
	{id: "H033", what: "charset x-unknown, UTF-8 bytes", flags: "charset_guessed", visible: "Testo H033 perché",
		make: func(*hostileWorld) []byte {
			return mailOf("H033", "Testo H033 perché", "Content-Type: text/plain; charset=x-unknown")
		}},
	{id: "H034", what: "charset utf-7 with +ADw-script+AD4-", flags: "charset_guessed", visible: "Testo H034 +ADw-script+AD4-",
		make: func(*hostileWorld) []byte {
			return mailOf("H034", "Testo H034 +ADw-script+AD4-", "Content-Type: text/plain; charset=utf-7")
		}},
	{id: "H035", what: "utf-16 encoded word in Subject", check: subjectIs("Prova H035"),
		make: func(*hostileWorld) []byte {
			return mailOf("H035", "Testo H035", "Subject: =?utf-16?B?"+base64.StdEncoding.EncodeToString([]byte("\xfe\xff"+utf16be("Prova H035")))+"?=")
		}},
	{id: "H036", what: "HTML in ISO-2022-JP whose escapes hide a script tag",
		make: func(*hostileWorld) []byte {
			return mailOf("H036", "<p>Testo H036</p><\x1b(Bscript>alert(1)</script\x1b(B>", "Content-Type: text/html; charset=iso-2022-jp")
		},
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			if strings.Contains(strings.ToLower(r.mail.HTML), "script") {
				t.Errorf("sanitised to %q", r.mail.HTML)
			}
		}},
	{id: "H037", what: "base64 with foreign characters and no padding", flags: "repaired",
		make: func(*hostileWorld) []byte {
			return mailOf("H037", "VGVz!dG8*gSDAzNw", "Content-Transfer-Encoding: base64")
		}},
	{id: "H038", what: "quoted-printable ending in a lone =", flags: "repaired",
		make: func(*hostileWorld) []byte {
			return mailOf("H038", "Testo H038=", "Content-Transfer-Encoding: quoted-printable")
		}},
	{id: "H039", what: "Subject of 100,000 times =?", flags: "cleaned", check: subjectIs(strings.Repeat("=?", ticketing.MaxNameLength/2)),
		make: func(*hostileWorld) []byte {
			return mailOf("H039", "Testo H039", "Subject: "+strings.Repeat("=?", 100000))
		}},
	// The part is an attachment all the same, under as much of its name as is read of one field.
	{id: "H040", what: "part header with 100,000 RFC 2231 continuations", cause: ticketing.CauseLimits, check: refusedBy("header"), files: strings.Repeat("x", maxParams), flags: "repaired",
		make: func(*hostileWorld) []byte {
			return asText("H040", "mixed", "b", "--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment"+
				repeated(100000, func(i int) string { return fmt.Sprintf(";\n filename*%d=x", i) })+"\n\n\x01\x02\n")
		}},
	{id: "H041", what: "filename is a quoted encoded word", files: "fattura.pdf",
		make: attachedAs("H041", `filename="=?utf-8?q?fattura.pdf?="`)},
	{id: "H042", what: "uuencoded nota.txt in plain text", files: "nota.txt",
		make: func(*hostileWorld) []byte {
			return mailOf("H042", "Testo H042\nbegin 644 nota.txt\n$8VEA;P``\n`\nend\n")
		},
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			if got := string(r.heard.Files[0].Data); got != "ciao" {
				t.Errorf("file holds %q", got)
			}
		}},
	{id: "H043", what: "yEnc block in plain text", visible: "Testo H043\n=ybegin line=128 size=3 name=a.bin\nxyz\n=yend size=3",
		make: func(*hostileWorld) []byte {
			return mailOf("H043", "Testo H043\n=ybegin line=128 size=3 name=a.bin\nxyz\n=yend size=3\n")
		}},
	{id: "H044", what: "one line of 10 MB", flags: "text_cut", visible: "Testo H044 " + strings.Repeat("x", 1<<20-11),
		make: func(*hostileWorld) []byte { return mailOf("H044", "Testo H044 "+strings.Repeat("x", 10<<20)) }},
}

// attachedAs is a mail with a text and one file with these parameters of its disposition.
func attachedAs(id string, parameters ...string) func(*hostileWorld) []byte {
	return func(*hostileWorld) []byte {
		return asText(id, "mixed", "b", "--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment;\n "+strings.Join(parameters, ";\n ")+"\n\n\x01\x02\n")
	}
}
