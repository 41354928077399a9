package mail

import (
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// hostileShapes make mails of n units of what costs a careless reader more than its size.
var hostileShapes = []struct {
	name string
	n    int
	make func(n int) []byte
}{
	{"multiparts inside each other", 100, func(n int) []byte { return nestedMail("H001", n) }},
	{"mails inside each other", 100, func(n int) []byte { return nestedMessages("H006", n) }},
	{"deep beyond the limit", 5000, func(n int) []byte { return nestedMail("H001", n) }},
	{"mails beyond the limit", 12500, func(n int) []byte { return nestedMessages("H006", n) }},
	{"empty parts", 25000, func(n int) []byte { return textParts("H015", n, empty)(nil) }},
	{"text parts", 2500, func(n int) []byte { return textParts("H014", n, paragraph)(nil) }},
	{"files", 2500, func(n int) []byte {
		return asText("H018", "mixed", "b", repeated(n, func(i int) string { return fmt.Sprintf("--b\nContent-Disposition: attachment; filename=f%d\n\nx\n", i) }))
	}},
	{"alternatives", 2500, func(n int) []byte {
		return asText("H014", "alternative", "b", repeated(n, func(i int) string { return "--b\nContent-Type: text/html\n\n<p>" + paragraph(i) + "</p>\n" }))
	}},
	{"parts never closed", 5000, func(n int) []byte {
		return mailOf("H008", strings.Repeat("--b\nContent-Type: multipart/mixed; boundary=b\n\n", n), "Content-Type: multipart/mixed; boundary=b")
	}},
	{"delimiters that are none", 50000, func(n int) []byte {
		return mailOf("H010", strings.Repeat("--bb\n--b-\n", n)+"--b\n\nTesto\n--b--\n", "Content-Type: multipart/mixed; boundary=b")
	}},
	{"boundaries nobody declared", 5000, func(n int) []byte {
		return mailOf("H011", strings.Repeat("--x\nContent-Type: multipart/mixed\n\n", n), "Content-Type: multipart/mixed")
	}},
	{"preamble", 125000, func(n int) []byte {
		return mailOf("H017", strings.Repeat("x\n", n)+"--b\n\nTesto\n--b--\n", "Content-Type: multipart/mixed; boundary=b")
	}},
	{"fields", 25000, func(n int) []byte { return mailOf("H023", "Testo", manyFields(n, "X-A: b")...) }},
	{"fields of recipients", 5000, func(n int) []byte { return mailOf("H023", "Testo", manyFields(n, "to: a@b.example")...) }},
	{"fields From", 5000, func(n int) []byte { return mailOf("H026", "Testo", manyFields(n, "from: a@b.example")...) }},
	{"lines without a colon", 25000, func(n int) []byte {
		return []byte("From: maria@cliente.example\r\n" + strings.Repeat("x\r\n", n) + "\r\nTesto\r\n")
	}},
	{"a folded field", 50000, func(n int) []byte { return mailOf("H022", "Testo", "Subject: "+strings.Repeat("x\r\n ", n)) }},
	{"a long line", 500000, func(n int) []byte { return mailOf("H021", "Testo", "Subject: "+strings.Repeat("x", n)) }},
	{"encoded words", 12500, func(n int) []byte { return mailOf("H039", "Testo", "Subject: "+strings.Repeat("=?utf-8?q?x?= ", n)) }},
	{"encoded words of changing charsets", 12500, func(n int) []byte {
		return mailOf("H039", "Testo", "Subject: "+strings.Repeat("=?utf-8?q?=C3?= =?iso-8859-2?b?4Q==?= ", n))
	}},
	{"beginnings of encoded words", 125000, func(n int) []byte { return mailOf("H039", "Testo", "Subject: "+strings.Repeat("=?", n)) }},
	{"encoded words that never end", 5000, func(n int) []byte { return mailOf("H039", "Testo", "Subject: "+strings.Repeat("=?a?q?xxxxxxxx", n)) }},
	{"continuations of a name", 12500, func(n int) []byte {
		return attachedAs("H040", repeated(n, func(i int) string { return fmt.Sprintf("filename*%d=x; ", i) }))(nil)
	}},
	{"continuations out of order", 12500, func(n int) []byte {
		return attachedAs("H040", repeated(n, func(i int) string { return fmt.Sprintf("filename*%d*=%%41; ", n-i) }))(nil)
	}},
	{"parameters without a value", 50000, func(n int) []byte { return attachedAs("H020", strings.Repeat("a;", n))(nil) }},
	{"backslashes of a quoted name", 125000, func(n int) []byte { return attachedAs("H020", `filename="`+strings.Repeat(`\`, n))(nil) }},
	{"quotation marks in a parameter", 50000, func(n int) []byte { return attachedAs("H020", `filename=`+strings.Repeat(`"a" `, n))(nil) }},
	{"percent escapes", 50000, func(n int) []byte { return attachedAs("H020", `filename*=utf-8''`+strings.Repeat(`%C3`, n))(nil) }},
	{"addresses", 12500, func(n int) []byte { return mailOf("H055", "Testo", "To: "+strings.Repeat("a@b.example, ", n)) }},
	{"commas", 125000, func(n int) []byte { return mailOf("H055", "Testo", "To: "+strings.Repeat(",", n)) }},
	{"commas of a name", 50000, func(n int) []byte { return mailOf("H055", "Testo", "To: "+strings.Repeat("a,", n)+" b@c.example") }},
	{"comments of an address", 50000, func(n int) []byte {
		return mailOf("H052", "Testo", "From: "+strings.Repeat("(", n)+strings.Repeat(")", n)+" a@b.example")
	}},
	{"comments in a row", 50000, func(n int) []byte { return mailOf("H052", "Testo", "From: a@b.example "+strings.Repeat("(x)", n)) }},
	{"comments never closed", 50000, func(n int) []byte {
		return mailOf("H052", "Testo", "From: a@b.example "+strings.Repeat("(", n), "Auto-Submitted: "+strings.Repeat("(", n), "Content-Type: text/plain"+strings.Repeat("(", n))
	}},
	{"opening brackets", 50000, func(n int) []byte { return mailOf("H051", "Testo", "From: "+strings.Repeat("<", n)+"a@b.example>") }},
	{"bracketed nothing", 50000, func(n int) []byte { return mailOf("H051", "Testo", "From: "+strings.Repeat("<>", n)+"a@b.example") }},
	{"quoted nothing", 50000, func(n int) []byte { return mailOf("H051", "Testo", "From: "+strings.Repeat(`""`, n)+"a@b.example") }},
	{"colons after an at sign", 50000, func(n int) []byte {
		return mailOf("H027", "Testo", "From: "+strings.Repeat("x", n)+"@"+strings.Repeat(":", n))
	}},
	{"groups", 50000, func(n int) []byte { return mailOf("H027", "Testo", "To: "+strings.Repeat("g:;", n)) }},
	{"at signs", 50000, func(n int) []byte { return mailOf("H051", "Testo", "From: "+strings.Repeat("@", n)) }},
	{"blanks and at signs", 50000, func(n int) []byte { return mailOf("H051", "Testo", "From: "+strings.Repeat("@ ", n)) }},
	{"references", 12500, func(n int) []byte {
		return mailOf("H064", "Testo", "References: "+repeated(n, func(i int) string { return fmt.Sprintf("<r%d@x.example> ", i) }))
	}},
	{"references of our form", 5000, func(n int) []byte {
		return mailOf("H064", "Testo", "References: "+strings.Repeat("<v1.01JD0000000000000000000000.aaaaaaaaaaaaaaaaaaaaaaaaaa@example.com> ", n))
	}},
	{"beginnings of references", 125000, func(n int) []byte { return mailOf("H064", "Testo", "References: "+strings.Repeat("<", n)) }},
	{"tokens that fail", 5000, func(n int) []byte {
		return mailOf("H067", "Testo", "To: "+repeated(n, func(i int) string { return fmt.Sprintf("assistenza+%036d@example.com, ", i) }))
	}},
	{"Received", 5000, func(n int) []byte {
		return mailOf("H024", "Testo", manyFields(n, "received: from a by mx.example.com; x")...)
	}},
	{"Authentication-Results", 5000, func(n int) []byte {
		return mailOf("H058", "Testo", manyFields(n, "authentication-results: x.example; dmarc=pass header.from=cliente.example")...)
	}},
	{"List-Id of many lists", 5000, func(n int) []byte { return mailOf("H079", "Testo", "List-Id: "+strings.Repeat("<a.example> ", n)) }},
	{"damaged base64", 12500, func(n int) []byte {
		return mailOf("H037", strings.Repeat("VGVz!dG8=VGVzdG8*\n", n), "Content-Transfer-Encoding: base64")
	}},
	{"padding in base64", 125000, func(n int) []byte { return mailOf("H037", strings.Repeat("=", n), "Content-Transfer-Encoding: base64") }},
	{"padding in a file of base64", 50000, func(n int) []byte {
		return asText("H037", "mixed", "b", "--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"+strings.Repeat("QQ==", n)+"\n")
	}},
	{"blanks in quoted-printable", 125000, func(n int) []byte {
		return mailOf("H038", strings.Repeat(" ", n)+"\n"+strings.Repeat("=\n", n), "Content-Transfer-Encoding: quoted-printable")
	}},
	{"damaged quoted-printable", 50000, func(n int) []byte {
		return mailOf("H038", strings.Repeat("=X=4 \n", n), "Content-Transfer-Encoding: quoted-printable")
	}},
	{"beginnings of uuencode", 25000, func(n int) []byte { return mailOf("H042", strings.Repeat("begin 644 a\n", n)) }},
	{"uuencoded blocks that end nowhere", 500, func(n int) []byte {
		return mailOf("H042", strings.Repeat("begin 644 a\n"+strings.Repeat("$8VEA;P``\n", 50), n))
	}},
	{"uuencoded files", 2500, func(n int) []byte { return mailOf("H042", strings.Repeat("begin 644 a\n$8VEA;P``\n`\nend\n", n)) }},
	{"flowed lines", 25000, func(n int) []byte {
		return mailOf("H042", strings.Repeat("> x \n", n), "Content-Type: text/plain; format=flowed; delsp=yes")
	}},
	{"enriched", 50000, func(n int) []byte { return mailOf("H042", strings.Repeat("<param>", n), "Content-Type: text/enriched") }},
	{"one long line of text", 500000, func(n int) []byte { return mailOf("H044", strings.Repeat("x", n)) }},
	{"stray bytes", 125000, func(n int) []byte {
		return mailOf("H033", strings.Repeat("\xe9\xc3 ", n), "Content-Type: text/plain; charset=utf-8")
	}},
	{"combining marks", 50000, func(n int) []byte {
		return mailOf("H033", "x"+strings.Repeat("\u0301\u0323", n), "Content-Type: text/plain; charset=utf-8")
	}},
	{"combining marks of a name", 50000, func(n int) []byte {
		return mailOf("H045", "Testo", "From: x"+strings.Repeat("\u0301\u0323", n)+" <a@b.example>")
	}},
	{"shifts of UTF-7", 50000, func(n int) []byte {
		return mailOf("H034", strings.Repeat("+AGEA", n), "Content-Type: text/plain; charset=utf-7")
	}},
	{"escapes of ISO-2022-JP", 50000, func(n int) []byte {
		return mailOf("H036", strings.Repeat("\x1b$B\x1b(B", n), "Content-Type: text/plain; charset=iso-2022-jp")
	}},
	{"quoted lines", 25000, func(n int) []byte { return mailOf("H042", strings.Repeat("> x\ny\n", n)) }},
	{"levels of quotation", 50000, func(n int) []byte { return mailOf("H042", strings.Repeat(">", n)+"x") }},
	{"attribution lines", 5000, func(n int) []byte {
		return mailOf("H042", strings.Repeat("Il giorno 20/11/2026 Maria ha scritto:\n", n))
	}},
	{"header blocks", 2500, func(n int) []byte {
		return mailOf("H042", strings.Repeat("Da: a@b.example\nInviato: ieri\nA: c@d.example\nOggetto: x\n\n", n))
	}},
	{"elements", 25000, func(n int) []byte { return htmlMail("H105", strings.Repeat("<div>", n))(nil) }},
	{"quotations in HTML", 12500, func(n int) []byte { return htmlMail("H105", strings.Repeat("<blockquote>x", n))(nil) }},
	{"end tags that end nothing", 25000, func(n int) []byte {
		return htmlMail("H105", strings.Repeat("<b>", 1000)+strings.Repeat("</i>", n))(nil)
	}},
	{"attributes", 25000, func(n int) []byte { return htmlMail("H105", "<p "+strings.Repeat("a=b ", n)+">")(nil) }},
	{"entities", 50000, func(n int) []byte { return htmlMail("H105", strings.Repeat("&amp", n))(nil) }},
	{"comments in HTML", 25000, func(n int) []byte { return htmlMail("H105", strings.Repeat("<!--", n))(nil) }},
	{"tables in tables", 5000, func(n int) []byte { return htmlMail("H105", strings.Repeat("<table><tr><td>", n))(nil) }},
	{"bounces with many recipients", 1250, func(n int) []byte {
		return report("H074", "delivery-status", "message/delivery-status", strings.Repeat("Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\n", n), "Return-Path: <>")
	}},
	{"addresses in a bounce", 5000, func(n int) []byte {
		return mailOf("H084", "could not be delivered\n"+strings.Repeat("<luigi@cliente.example>: no such user\n", n), "From: MAILER-DAEMON@mx.cliente.example", "Return-Path: <>")
	}},
	{"padding before data in a file", 100000, func(n int) []byte {
		return asText("H037", "mixed", "b", "--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\nQ"+strings.Repeat("=", n)+"Q\n")
	}},
	{"results of one server", 20000, func(n int) []byte {
		return mailOf("H058", "Testo", "Authentication-Results: mx.example.com"+strings.Repeat("; spf=pass", n))
	}},
	{"links", 20000, func(n int) []byte { return htmlMail("H101", strings.Repeat("<a href=x>", n))(nil) }},
	{"styles", 20000, func(n int) []byte {
		return htmlMail("H106", strings.Repeat("<p style=\"color:#fff;font-size:0\">x", n))(nil)
	}},
	{"lists in lists", 20000, func(n int) []byte { return htmlMail("H105", strings.Repeat("<ol><li>x", n))(nil) }},
	{"pictures", 20000, func(n int) []byte {
		return htmlMail("H104", repeated(n, func(i int) string { return fmt.Sprintf("<img src=cid:%d alt=x>", i) }))(nil)
	}},
	{"both texts different", 20000, func(n int) []byte {
		return mailOf("H107", "--b\n\n"+repeated(n, func(i int) string { return fmt.Sprintf("parola%d ", i) })+"\n--b\nContent-Type: text/html\n\n"+
			repeated(n, func(i int) string { return fmt.Sprintf("word%d ", i) })+"\n--b--\n", "Content-Type: multipart/alternative; boundary=b")
	}},
	{"events of a calendar", 5000, func(n int) []byte {
		return mailOf("H091", "BEGIN:VCALENDAR\nMETHOD:REQUEST\n"+strings.Repeat("BEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\n", n)+"END:VCALENDAR\n", "Content-Type: text/calendar; method=REQUEST")
	}},
	{"folded lines of a calendar", 50000, func(n int) []byte {
		return mailOf("H091", "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nDESCRIPTION:x\n"+strings.Repeat(" x\n", n)+"END:VEVENT\nEND:VCALENDAR\n", "Content-Type: text/calendar; method=REQUEST")
	}},
	{"attributes of winmail.dat", 5000, func(n int) []byte {
		return tnefMail(strings.Repeat(string(tnefAttribute(1, 0x00068008, []byte("x"))), n))
	}},
	{"files of winmail.dat", 5000, func(n int) []byte { return tnefMail(strings.Repeat(string(attachment("a", []byte("x"))), n)) }},
	{"winmail.dat in winmail.dat", 12, func(n int) []byte {
		stream := tnefStream()
		for range n {
			stream = tnefStream(attachment("a", nil, prop(0xd, 0x3701, append(make([]byte, 16), stream...))))
		}
		return fileOf("H118", "application/ms-tnef", "winmail.dat", stream)
	}},
	{"packed rich text", 100000, func(n int) []byte {
		return tnefMail(string(tnefAttribute(1, 0x00069003, props(prop(0x102, 0x1009, packedRTF("{\\rtf1 "+strings.Repeat("{x", n)+"}"))))))
	}},
	{"envelopes in envelopes", 50, func(n int) []byte {
		inner := innerMail
		for range n {
			inner = string(pecMail(daticertXML("posta-certificata", "nessuno", ""), inner, "X-Trasporto: posta-certificata"))
		}
		return []byte(inner)
	}},
	{"PGP in the text", 20000, func(n int) []byte { return mailOf("H119", strings.Repeat("-----BEGIN PGP MESSAGE-----\nx\n", n)) }},
	{"signature marks", 50000, func(n int) []byte { return mailOf("H042", strings.Repeat("-- \nx\n", n)) }},
	{"signature marks and footers", 12500, func(n int) []byte { return mailOf("H042", strings.Repeat("-- \nPrima di stampare\nx\n", n)) }},
	{"device lines", 20000, func(n int) []byte { return mailOf("H042", strings.Repeat("Inviato da iPhone\n", n)) }},
	{"blank lines", 200000, func(n int) []byte { return mailOf("H042", strings.Repeat("\n", n)+"x"+strings.Repeat("\n", n)) }},
	{"an attribution that blank lines tear apart", 100000, func(n int) []byte {
		return mailOf("H042", "Ciao\nOn 10:10 foo\n"+strings.Repeat("\n", n)+"<x")
	}},
	{"attributions and blank lines", 2000, func(n int) []byte {
		return mailOf("H042", strings.Repeat("Il giorno 20/11/2026 Maria ha scritto:\n"+strings.Repeat("\n", 100), n))
	}},
	{"forward markers", 20000, func(n int) []byte {
		return mailOf("H042", strings.Repeat("---------- Messaggio inoltrato ---------\n", n))
	}},
	{"one large file", 500000, func(n int) []byte {
		return fileOf("H114", "application/zip", "a.zip", []byte(base64.StdEncoding.EncodeToString(make([]byte, n))))
	}},
}

// TestWorkGrowsWithSize: twice the mail is at most two and a half times the work, counted in octets allocated, also where the limits would
// have ended it. What allocates nothing is held by the limit against hanging; the test prints the times.
func TestWorkGrowsWithSize(t *testing.T) {
	r := testReader(t)
	r.Limits = Limits{
		MailSize: 1 << 30, HeaderSize: 1 << 28, HeaderFields: 1 << 28, Depth: 1 << 28, Parts: 1 << 28, Time: time.Hour, Text: 1 << 28, HTML: 1 << 28, Recipients: 1 << 20,
		References: 1 << 20, Files: 1 << 20, FileBytes: 1 << 30, Received: 1 << 28, FailingTokens: 1 << 28,
	}
	limited := testReader(t)
	for _, s := range hostileShapes {
		t.Run(s.name, func(t *testing.T) {
			for name, r := range map[string]*Reader{"limited": limited, "unlimited": r} {
				small, quick := workOf(r, s.make(s.n))
				large, slow := workOf(r, s.make(2*s.n))
				t.Logf("%s: %d and %d KiB, %v and %v", name, small>>10, large>>10, quick, slow)
				// Below a megabyte what is fixed hides what grows.
				if large > 1<<20 && large > small*5/2 {
					t.Errorf("%s: twice the size allocates %d octets after %d", name, large, small)
				}
				if slow > hostileTime {
					t.Errorf("%s: took %v", name, slow)
				}
			}
		})
	}
}

func tnefMail(attributes string) []byte {
	return fileOf("H118", "application/ms-tnef", "winmail.dat", tnefStream([]byte(attributes)))
}

func workOf(r *Reader, raw []byte) (allocated uint64, took time.Duration) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	m := r.Read(raw)
	r.Heard(m, HeardAt{})
	took = time.Since(start)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, took
}
