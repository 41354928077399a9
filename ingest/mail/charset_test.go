package mail

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

const (
	italian      = "Perché la stampante è ferma? Così non può più andare, è già lunedì."
	german       = "Größe und Übermaß: die Straße ist öde, fährt Jürgen?"
	french       = "Où est la clé ? À l'hôtel, ça gêne le garçon naïf."
	spanish      = "¿Mañana? ¡Qué vergüenza, señor! Está aquí."
	quotes       = "“L’euro” — €20 … e più"
	polish       = "Zażółć gęślą jaźń, łódź."
	russian      = "Принтер не печатает, помогите."
	greek        = "Ο εκτυπωτής δεν λειτουργεί."
	turkish      = "Yazıcı çalışmıyor, İstanbul şubesi."
	japaneseText = "プリンターが動きません。助けてください。"
	chinese      = "打印机坏了，请帮忙。"
	koreanText   = "프린터가 작동하지 않습니다."
	taiwan       = "印表機壞了，請幫忙。"
)

func encodedAs(t *testing.T, e encoding.Encoding, s string) string {
	t.Helper()
	out, err := e.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// labelled reads a mail of one text part with a charset label; an empty label leaves the field out.
func labelled(t *testing.T, body, label string) *Mail {
	t.Helper()
	fields := []string{"Content-Transfer-Encoding: 8bit"}
	if label != "" {
		fields = append(fields, "Content-Type: text/plain; charset=\""+label+"\"")
	}
	m := testReader(t).Read(append(composeMail("", fields...), body...))
	checkClean(t, m)
	return m
}

// TestCharsets: what was written comes out again, under each name its charset has (C1).
func TestCharsets(t *testing.T) {
	western := []string{italian, german, french, spanish}
	for _, c := range []struct {
		encoding encoding.Encoding
		labels   []string
		texts    []string
	}{
		{encoding.Nop, []string{"utf-8", "UTF8", "unicode-1-1-utf-8"}, append(western, quotes, polish, russian, greek, turkish, japaneseText, chinese, koreanText, taiwan)},
		{charmap.Windows1252, []string{"windows-1252", "cp1252", "iso-8859-1", "ISO8859-1", "latin1", "l1"}, append(western, quotes)},
		{charmap.ISO8859_1, []string{"iso-8859-1", "iso_8859-1:1987"}, western},
		{charmap.ISO8859_15, []string{"iso-8859-15", "latin-9", "iso8859-15"}, append(western, "Prezzo: 20 €")},
		{charmap.ISO8859_2, []string{"iso-8859-2", "latin2"}, []string{polish, "Größe, Straße"}},
		{charmap.Windows1250, []string{"windows-1250", "cp1250"}, []string{polish}},
		{charmap.ISO8859_9, []string{"iso-8859-9", "latin5"}, []string{turkish, italian}},
		{charmap.Windows1254, []string{"windows-1254"}, []string{turkish}},
		{charmap.Windows1251, []string{"windows-1251", "cp1251"}, []string{russian}},
		{charmap.KOI8R, []string{"koi8-r"}, []string{russian}},
		{charmap.ISO8859_5, []string{"iso-8859-5"}, []string{russian}},
		{charmap.Windows1253, []string{"windows-1253"}, []string{greek}},
		{charmap.ISO8859_7, []string{"iso-8859-7"}, []string{greek}},
		{charmap.CodePage850, []string{"ibm850", "cp850", "850"}, western},
		{charmap.CodePage437, []string{"ibm437", "cp437"}, []string{german}},
		{charmap.Macintosh, []string{"macintosh", "mac", "x-mac-roman"}, western},
		{japanese.ISO2022JP, []string{"iso-2022-jp"}, []string{japaneseText}},
		{japanese.ShiftJIS, []string{"shift_jis", "cp932", "windows-31j", "x-sjis"}, []string{japaneseText}},
		{japanese.EUCJP, []string{"euc-jp"}, []string{japaneseText}},
		{simplifiedchinese.GBK, []string{"gb2312", "gbk", "cp936", "gb18030"}, []string{chinese}},
		{simplifiedchinese.HZGB2312, []string{"hz-gb-2312"}, []string{chinese}},
		{traditionalchinese.Big5, []string{"big5", "big5-hkscs"}, []string{taiwan}},
		{korean.EUCKR, []string{"euc-kr", "ks_c_5601-1987", "cp949"}, []string{koreanText}},
		{unicode.UTF16(unicode.BigEndian, unicode.UseBOM), []string{"utf-16"}, append(western, japaneseText)},
		{unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), []string{"utf-16le"}, western},
		{unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), []string{"utf-16be"}, western},
	} {
		for _, label := range c.labels {
			for _, s := range c.texts {
				if m := labelled(t, encodedAs(t, c.encoding, s), label); m.Text != s || slices.Contains(m.Flags, "charset_guessed") {
					t.Errorf("%s: %q, want %q (%v)", label, m.Text, s, m.Flags)
				}
			}
		}
	}
}

// TestWrongCharsets: labels that are missing, unknown or contradicted (C2–C6).
func TestWrongCharsets(t *testing.T) {
	latin := encodedAs(t, charmap.Windows1252, italian)
	shift := encodedAs(t, japanese.ISO2022JP, japaneseText)
	for _, c := range []struct {
		name, body, label, want string
		guessed                 bool
	}{
		{"UTF-8 without a label", italian, "", italian, true},
		{"UTF-8 with a byte order mark", "\xef\xbb\xbf" + italian, "", italian, false},
		{"UTF-16 with a byte order mark", encodedAs(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), italian), "", italian, true},
		{"Latin-1 without a label", latin, "", italian, true},
		{"ISO-2022-JP without a label", shift, "", japaneseText, true},
		{"ISO-2022-JP called ASCII", shift, "us-ascii", japaneseText, true},
		{"ISO-2022-JP called Latin-1", shift, "iso-8859-1", japaneseText, true},
		{"UTF-8 called Latin-1", italian, "iso-8859-1", italian, true},
		{"UTF-8 called ASCII", japaneseText, "us-ascii", japaneseText, true},
		{"Latin-1 called ASCII", latin, "us-ascii", italian, true},
		{"UTF-8 called nonsense", italian, "x-unknown", italian, true},
		{"UTF-8 called default", italian, "default", italian, true},
		{"Latin-1 called nonsense", latin, "unknown-8bit", italian, true},
		{"Latin-1 called UTF-8", latin, "utf-8", italian, true},
		{"UTF-8 with a stray byte", "Perch\u00e9 \xe9 cos\u00ec", "utf-8", "Perch\u00e9 \ufffd cos\u00ec", true},
		{"UTF-8 cut in a character", "Perch\u00e9 cos\xc3", "utf-8", "Perch\u00e9 cos\ufffd", true},
		{"ASCII called anything", "Testo", "x-unknown", "Testo", true},
		{"ASCII without a label", "Testo", "", "Testo", false},
		{"UTF-7 that hides markup (C4)", "+ADw-b+AD4-", "utf-7", "+ADw-b+AD4-", true},
		{"decomposed letters (C6)", "Perche\u0301", "utf-8", "Perch\u00e9", false},
		{"control characters (C6)", "a\x00b\x07c\x1b[1md\x7fe\u009ff", "utf-8", "abc[1mdef", false},
		{"line ends (C6)", "a\r\nb\rc\u2028d\u2029e\u0085f", "utf-8", "a\nb\nc\nd\ne\nf", false},
	} {
		m := labelled(t, c.body, c.label)
		if m.Text != c.want || slices.Contains(m.Flags, "charset_guessed") != c.guessed {
			t.Errorf("%s: %q (%v), want %q, guessed %v", c.name, m.Text, m.Flags, c.want, c.guessed)
		}
	}
}

// TestMetaCharset: what HTML says of itself counts when MIME says nothing (C5).
func TestMetaCharset(t *testing.T) {
	page := func(meta string) string {
		return "<html><head>" + meta + "</head><body><p>Perch\xe9 20 \xa4</p></body></html>"
	}
	for _, c := range []struct{ ctype, body, want string }{
		{"text/html", page(`<meta charset="iso-8859-15">`), "Perché 20 €"},
		{"text/html", page(`<META http-equiv=Content-Type content="text/html; charset=iso-8859-15">`), "Perché 20 €"},
		{"text/html; charset=windows-1252", page(`<meta charset="iso-8859-15">`), "Perché 20 ¤"},
		{"text/html", page(""), "Perché 20 ¤"},
		{"text/html; charset=utf-8", "<meta charset=iso-8859-1><p>Perch\u00e9</p>", "Perché"},
	} {
		m := testReader(t).Read(append(composeMail("", "Content-Type: "+c.ctype), c.body...))
		if m.Text != c.want {
			t.Errorf("%s %.60q: %q, want %q", c.ctype, c.body, m.Text, c.want)
		}
	}
}

// TestEncodedWords follows RFC 2047 and what senders make of it (C7, C8).
func TestEncodedWords(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"Q", "=?utf-8?Q?Perch=C3=A9_no?=", "Perché no"},
		{"B", "=?UTF-8?b?UGVyY2jDqSBubw==?=", "Perché no"},
		{"with a language", "=?utf-8*it?q?Perch=C3=A9?=", "Perché"},
		{"blanks between words go", "=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},
		{"folds between words go", "=?utf-8?q?a?=\r\n\t=?utf-8?q?b?=", "ab"},
		{"blanks beside text stay", "x =?utf-8?q?a?= y", "x a y"},
		{"text without blanks", "x=?utf-8?q?a?=y", "xay"},
		{"a character split between words", "=?utf-8?q?Perch=C3?= =?utf-8?q?=A9?=", "Perché"},
		{"a character split between base64 words", "=?utf-8?b?UGVyY2jD?= =?utf-8?b?qQ==?=", "Perché"},
		{"a character split between Q and B", "=?utf-8?q?Perch=C3?= =?utf-8?b?qQ==?=", "Perché"},
		{"neighbours of different charsets", "=?utf-8?q?=C3=A9?= =?iso-8859-1?q?=E8?=", "éè"},
		{"Latin-1 called UTF-8", "=?utf-8?q?Perch=E9?=", "Perché"},
		{"UTF-8 called Latin-1", "=?iso-8859-1?q?Perch=C3=A9?=", "Perché"},
		{"unknown charset", "=?x-unknown?q?Perch=C3=A9?=", "Perché"},
		{"blanks inside a word", "=?utf-8?q?Perch=C3=A9 no?=", "Perché no"},
		{"a fold inside a word", "=?utf-8?q?Perch=C3=A9_\r\n no?=", "Perché no"},
		{"question mark inside Q", "=?utf-8?q?Perch=C3=A9??=", "Perché?"},
		{"no padding", "=?utf-8?b?UGVyY2jDqQ?=", "Perché"},
		{"too much padding", "=?utf-8?b?UGVyY2jDqQ====?=", "Perché"},
		{"foreign characters in base64", "=?utf-8?b?UGVy Y2jD*qQ==?=", "Perché"},
		{"damaged escape", "=?utf-8?q?a=ZZb=?=", "a=ZZb="},
		{"no end", "=?utf-8?q?Perch=C3=A9", "=?utf-8?q?Perch=C3=A9"},
		{"no text", "=?utf-8?q??=", ""},
		{"no charset", "=??q?a?=", "=??q?a?="},
		{"unknown encoding", "=?utf-8?x?a?=", "=?utf-8?x?a?="},
		{"NUL in a word", "=?utf-8?q?a=00b?=", "ab"},
		{"line end in a word", "=?utf-8?q?a=0D=0ABcc:_x@y.example?=", "a Bcc: x@y.example"},
		{"encoded twice", "=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?=", "=?utf-8?q?a?="},
		{"raw UTF-8 (C8)", "Perch\u00e9", "Perché"},
		{"raw Latin-1 (C8)", "Perch\xe9", "Perché"},
		{"raw UTF-8 beside a word", "\u00e9 =?utf-8?q?=C3=A9?=", "é é"},
		{"raw UTF-8 in a word", "=?utf-8?q?Perch\u00e9?=", "Perché"},
		{"ISO-2022-JP", "=?ISO-2022-JP?B?GyRCJWIlSxsoQg==?=", "モニ"},
		{"GB2312", "=?gb2312?B?tPLTobv6?=", "打印机"},
		{"UTF-16", "=?utf-16be?B?AGEA6Q==?=", "aé"},
		{"UTF-7 with a letter", "=?utf-7?q?Perch+AOk-?=", "Perché"},
		{"the whole longer than RFC 2047 allows", "=?utf-8?q?" + strings.Repeat("a", 150) + "?=", strings.Repeat("a", 150)},
	} {
		m := testReader(t).Read(composeMail("Testo", "Subject: "+c.in))
		if m.Subject != c.want {
			t.Errorf("%s: %q, want %q", c.name, m.Subject, c.want)
		}
		checkClean(t, m)
		if strings.ContainsAny(c.in, "\r,()<>@\x00") {
			continue
		}
		for _, from := range []string{c.in + " <a@b.example>", `"` + c.in + `" <a@b.example>`} {
			if m := testReader(t).Read(composeMail("Testo", "From: "+from)); m.From == nil || m.From.Name != c.want || m.From.Address != "a@b.example" || !m.Identity {
				t.Errorf("%s in From: %+v, want %q", c.name, m.From, c.want)
			}
		}
	}
}
