package mail

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"github.com/sportello/sportello/ticketing"
)

// What Outlook packs into winmail.dat ([MS-OXTNEF]), as far as a mail needs it: text, files, attached mails.

const (
	tnefSignature = 0x223e9f78
	// maxTNEFProperties bounds the MAPI properties read of one list; real ones have under 200.
	maxTNEFProperties = 2000
	// maxTNEFDepth is how many mails attached inside each other are opened.
	maxTNEFDepth = 3
)

// tnef is what was read of one stream.
type tnef struct {
	files   []File
	plain   string // PR_BODY
	html    string // PR_HTML, or what compressed RTF hides
	rtf     string // text of compressed RTF without HTML
	subject string
	from    string
	codec   string // charset of strings that are no UTF-16
}

// isTNEF reports a part of section 2.5.
func (e *entity) isTNEF() bool {
	return e.ctype == "application/ms-tnef" || e.ctype == "application/vnd.ms-tnef" || !e.isMultipart() && strings.EqualFold(e.fileName(), "winmail.dat")
}

type tnefReader struct {
	limits Limits
	files  int // left
	bytes  int64
}

// readTNEF reads a stream; ok is false if it is none. A damaged one gives what stands before the damage.
func readTNEF(b []byte, limits Limits) (t *tnef, ok bool) {
	r := &tnefReader{limits: limits, files: limits.Files, bytes: limits.FileBytes}
	return r.read(b, 0)
}

func (r *tnefReader) read(b []byte, depth int) (t *tnef, ok bool) {
	if len(b) < 6 || binary.LittleEndian.Uint32(b) != tnefSignature {
		return nil, false
	}
	t = &tnef{codec: "windows-1252"}
	b = b[6:]
	var cur *tnefFile
	for len(b) >= 11 {
		id, size := binary.LittleEndian.Uint32(b[1:]), int(binary.LittleEndian.Uint32(b[5:]))
		if size < 0 || size > len(b)-11 {
			break // cut off; a whole attribute has a checksum of two octets behind it
		}
		data := b[9 : 9+size]
		b = b[9+size+2:]
		switch id & 0xffff {
		case 0x9007: // attOemCodepage
			if size >= 4 {
				t.setCodec(int(binary.LittleEndian.Uint32(data)))
			}
		case 0x8004: // attSubject
			t.subject = t.text8(data)
		case 0x800c: // attBody
			t.plain = t.text8(data)
		case 0x9003: // attMAPIProps
			r.properties(data, depth, func(p mapiProperty) { r.message(t, p) })
		case 0x9002: // attAttachRenddata begins an attachment
			r.finish(t, cur, depth)
			cur = &tnefFile{}
		case 0x8010: // attAttachTitle
			if cur != nil {
				cur.title = t.text8(data)
			}
		case 0x800f: // attAttachData
			if cur != nil {
				cur.data = data
			}
		case 0x9005: // attAttachment
			if cur != nil {
				r.properties(data, depth, func(p mapiProperty) { cur.property(t, p) })
			}
		}
	}
	r.finish(t, cur, depth)
	return t, true
}

// message takes one property of the mail.
func (r *tnefReader) message(t *tnef, p mapiProperty) {
	switch p.id {
	case 0x3fde: // PR_INTERNET_CPID
		if len(p.value) >= 4 {
			t.setCodec(int(binary.LittleEndian.Uint32(p.value)))
		}
	case 0x0037: // PR_SUBJECT
		t.subject = t.text(p)
	case 0x0c1f, 0x5d01: // PR_SENDER_EMAIL_ADDRESS, PR_SENDER_SMTP_ADDRESS
		if s := t.text(p); strings.Contains(s, "@") {
			t.from = s
		}
	case 0x1000: // PR_BODY
		t.plain = t.text(p)
	case 0x1013: // PR_HTML
		s, _ := decodeText(head(p.value, r.limits.HTML), firstNonEmpty(metaCharset(p.value), t.codec))
		t.html = s
	case 0x1009: // PR_RTF_COMPRESSED
		raw, ok := unpackRTF(p.value, 4*r.limits.HTML)
		if !ok {
			return
		}
		text, isHTML := readRTF(raw, r.limits.HTML)
		if isHTML && t.html == "" {
			t.html = text
		} else if !isHTML {
			t.rtf = text
		}
	}
}

// tnefFile is an attachment while its attributes come in.
type tnefFile struct {
	title, long, short, display, mime, cid string
	data, object                           []byte
	embedded                               bool
}

func (f *tnefFile) property(t *tnef, p mapiProperty) {
	switch p.id {
	case 0x3707:
		f.long = t.text(p)
	case 0x3704:
		f.short = t.text(p)
	case 0x3001:
		f.display = t.text(p)
	case 0x370e:
		f.mime = t.text(p)
	case 0x3712:
		f.cid = t.text(p)
	case 0x3705: // PR_ATTACH_METHOD: 5 is a message
		f.embedded = len(p.value) >= 4 && binary.LittleEndian.Uint32(p.value) == 5
	case 0x3701: // PR_ATTACH_DATA_BIN or _OBJ
		f.object = p.value
		if p.kind == 0x000d && len(p.value) >= 16 {
			f.object = p.value[16:] // behind the interface's id
		}
	}
}

// finish adds an attachment to the files; an attached mail becomes a mail with its text, and its files follow.
func (r *tnefReader) finish(t *tnef, f *tnefFile, depth int) {
	if f == nil || r.files <= 0 {
		return
	}
	name := firstNonEmpty(f.long, firstNonEmpty(f.title, firstNonEmpty(f.short, f.display)))
	data := f.data
	if len(data) == 0 || f.embedded && len(f.object) > 0 {
		data = f.object
	}
	if depth < maxTNEFDepth {
		if inner, ok := r.read(data, depth+1); ok {
			mail := inner.mail()
			r.add(t, File{FileName: firstNonEmpty(inner.subject, firstNonEmpty(f.display, name)) + ".eml", ContentType: "message/rfc822", Size: int64(len(mail)), data: mail})
			t.files = append(t.files, inner.files...)
			return
		}
	}
	ctype := strings.ToLower(strings.TrimSpace(f.mime))
	if ctype == "" || ctype == "application/octet-stream" || strings.Count(ctype, "/") != 1 {
		ctype = sniff(head(data, 3072))
	}
	r.add(t, File{FileName: name, ContentType: ticketing.CleanName(ctype), ContentID: strings.Trim(strings.TrimSpace(f.cid), "<> "), Size: int64(len(data)), data: data})
}

func (r *tnefReader) add(t *tnef, f File) {
	if r.files--; r.files < 0 {
		return
	}
	if r.bytes -= f.Size; r.bytes < 0 {
		r.files = 0
		return
	}
	t.files = append(t.files, f)
}

// mail writes an attached mail as one that any program opens.
func (t *tnef) mail() []byte {
	var b strings.Builder
	field := func(name, value string) {
		if value = ticketing.CleanName(value); value != "" {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	field("From", t.from)
	field("Subject", t.subject)
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	text := t.plain
	if strings.TrimSpace(text) == "" && t.html != "" {
		text = joinLines(parseHTML(t.html, len(t.html)).lines)
	}
	if strings.TrimSpace(text) == "" {
		text = t.rtf
	}
	b.WriteString(strings.ReplaceAll(cleanText(text), "\n", "\r\n"))
	return []byte(b.String())
}

func (t *tnef) setCodec(codepage int) {
	if name := codepageName(codepage); name != "" {
		t.codec = name
	}
}

func (t *tnef) text8(b []byte) string {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	s, _ := decodeText(b, t.codec)
	return s
}

func (t *tnef) text(p mapiProperty) string {
	switch p.kind {
	case 0x001e, 0x0102:
		return t.text8(p.value)
	case 0x001f:
		return utf16Text(p.value)
	}
	return ""
}

func utf16Text(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(b[i:]))
	}
	for len(units) > 0 && units[len(units)-1] == 0 {
		units = units[:len(units)-1]
	}
	return string(utf16.Decode(units))
}

// codepageName names a Windows codepage as MIME does.
func codepageName(n int) string {
	switch n {
	case 65001:
		return "utf-8"
	case 20127:
		return "us-ascii"
	case 28591:
		return "iso-8859-1"
	case 28592:
		return "iso-8859-2"
	case 28605:
		return "iso-8859-15"
	case 932:
		return "shift_jis"
	case 936, 54936:
		return "gb18030"
	case 949:
		return "euc-kr"
	case 950:
		return "big5"
	case 20866:
		return "koi8-r"
	case 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258:
		return "windows-" + string([]byte{'1', '2', '5', byte('0' + n%10)})
	}
	return ""
}

// mapiProperty is one value of a property list.
type mapiProperty struct {
	id, kind uint16
	value    []byte
}

// properties walks a list of MAPI properties ([MS-OXTNEF] 2.1.3.5): of those with several values the first.
func (r *tnefReader) properties(b []byte, depth int, f func(mapiProperty)) {
	if len(b) < 4 || depth > maxTNEFDepth {
		return
	}
	count := int(binary.LittleEndian.Uint32(b))
	b = b[4:]
	for range min(count, maxTNEFProperties) {
		if len(b) < 4 {
			return
		}
		p := mapiProperty{kind: binary.LittleEndian.Uint16(b), id: binary.LittleEndian.Uint16(b[2:])}
		b = b[4:]
		if p.id >= 0x8000 { // named: a set's id, then a number or a name
			if len(b) < 24 {
				return
			}
			names := binary.LittleEndian.Uint32(b[16:])
			size := int(binary.LittleEndian.Uint32(b[20:]))
			b = b[24:]
			if names == 1 {
				if size = padded(size); size < 0 || size > len(b) {
					return
				}
				b = b[size:]
			}
		}
		many := p.kind&0x1000 != 0
		p.kind &^= 0x1000
		values := 1
		variable := p.kind == 0x001e || p.kind == 0x001f || p.kind == 0x0102 || p.kind == 0x000d
		if many || variable {
			if len(b) < 4 {
				return
			}
			values = int(binary.LittleEndian.Uint32(b))
			b = b[4:]
		}
		for n := 0; n < values; n++ {
			size := 4
			switch {
			case variable:
				if len(b) < 4 {
					return
				}
				size = int(binary.LittleEndian.Uint32(b))
				b = b[4:]
			case p.kind == 5 || p.kind == 6 || p.kind == 7 || p.kind == 0x14 || p.kind == 0x40:
				size = 8
			case p.kind == 0x48:
				size = 16
			}
			if size < 0 || size > len(b) {
				return
			}
			if n == 0 {
				p.value = b[:size]
				f(p)
			}
			b = b[min(padded(size), len(b)):]
		}
	}
}

// padded rounds a size up to the four octets values are aligned to.
func padded(n int) int { return (n + 3) &^ 3 }

// openTNEF lists the files of Outlook's containers in their place and reads their text where the mail has no other (mail.md 2.5).
// A container that cannot be read stays a file.
func (m *Mail) openTNEF(c *chooser, lines []textLine, limits Limits, cids map[string]bool) []textLine {
	for _, e := range c.tnefs {
		raw, _ := e.decode(limits.MailSize)
		t, ok := readTNEF(raw, limits)
		if !ok {
			m.flag("repaired")
			c.files = append(c.files, e)
			continue
		}
		m.rule("2.5", ruleTNEF)
		if !hasWord(lines) {
			lines = m.tnefText(t, limits, cids)
		}
		for _, f := range t.files {
			if len(m.Attachments) >= limits.Files {
				m.flag("attachments_cut")
				break
			}
			named := f.FileName != ""
			if f.FileName = ticketing.CleanFileName(decodeWords(f.FileName, nil), len(m.Attachments)+1); !named {
				f.FileName += extension(f.ContentType)
			}
			f.Inline = f.ContentID != "" && cids[f.ContentID]
			m.Attachments = append(m.Attachments, f)
		}
	}
	return lines
}

// tnefText takes plain text, then HTML, then what compressed RTF says.
func (m *Mail) tnefText(t *tnef, limits Limits, cids map[string]bool) []textLine {
	if t.html != "" {
		src := cleanText(t.html)
		if len(src) > limits.HTML {
			m.flag("html_cut")
			src = strings.ToValidUTF8(src[:limits.HTML], "")
		}
		known := map[string]bool{}
		for _, f := range t.files {
			known[f.ContentID] = f.ContentID != ""
		}
		m.HTML = Sanitise(src, known)
		h := parseHTML(src, limits.Text)
		for id := range h.cids {
			cids[id] = true
		}
		if h.hidText {
			m.flag("hidden_text")
		}
		if strings.TrimSpace(t.plain) == "" {
			return h.lines
		}
	}
	return unmarkedLines(strings.Trim(cleanText(firstNonEmpty(t.plain, t.rtf)), "\n"))
}

func hasWord(lines []textLine) bool {
	for i := range lines {
		if strings.TrimSpace(lines[i].text) != "" {
			return true
		}
	}
	return false
}
