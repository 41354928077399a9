package mail

import (
	"bytes"
	"strings"
)

// field is one header field: its name in lower case and its unfolded value as
// it came, not yet decoded (RFC 5322 section 2.2).
type field struct {
	name  string
	value string
}

// header is a header block in its order.
type header struct {
	fields   []field
	repaired bool // something in it had to be mended
	overflow bool // larger than the limits allow
}

// get returns the value of the topmost field of this name. Names are given in
// lower case.
func (h *header) get(name string) string {
	for i := range h.fields {
		if h.fields[i].name == name {
			return h.fields[i].value
		}
	}
	return ""
}

// has reports whether a field of this name is there, even an empty one.
func (h *header) has(name string) bool {
	for i := range h.fields {
		if h.fields[i].name == name {
			return true
		}
	}
	return false
}

// all returns the values of every field of this name, topmost first.
func (h *header) all(name string) []string {
	var out []string
	for i := range h.fields {
		if h.fields[i].name == name {
			out = append(out, h.fields[i].value)
		}
	}
	return out
}

func (h *header) count(name string) int {
	n := 0
	for i := range h.fields {
		if h.fields[i].name == name {
			n++
		}
	}
	return n
}

// headerScan reads one header block. The bounds are those of [Limits].
type headerScan struct {
	maxSize   int
	maxFields int
	// boundary reports lines that end a truncated block of a part.
	boundary func(line []byte) bool
}

// read returns the header block that begins at raw[pos:] and where the body
// begins. It mends what makes strict readers give up: an mbox line at the top,
// lines without a colon, a name followed by blanks, a missing empty line.
func (s headerScan) read(raw []byte, pos int) (h header, body int) {
	start := pos
	var name string
	var value []byte // of the field being read; aliases raw until it is folded
	folded := false
	flush := func() {
		if name == "" {
			return
		}
		if len(h.fields) >= s.maxFields {
			h.overflow = true
			h.keepEssential(name, value)
		} else {
			h.fields = append(h.fields, field{name, mendValue(value, &h.repaired)})
		}
		name, value, folded = "", nil, false
	}
	first := true
	for pos < len(raw) {
		line, next := nextLine(raw, pos)
		if pos-start > s.maxSize {
			h.overflow = true
			flush()
			return h, s.skip(&h, raw, pos)
		}
		if next-start > s.maxSize && len(line) > 0 {
			h.overflow = true
			line = line[:max(0, min(len(line), s.maxSize-(pos-start)))]
		}
		switch {
		case len(line) == 0 || len(bytes.Trim(line, " \t")) == 0 && !(folded || name != "" && followedByField(raw, next)):
			if first && name == "" && len(h.fields) == 0 && fieldName(peekLine(raw, next)) != "" {
				// Empty lines above the header.
				h.repaired = true
				pos = next
				continue
			}
			flush()
			return h, next
		case s.boundary != nil && len(line) > 1 && line[0] == '-' && line[1] == '-' && s.boundary(line):
			h.repaired = true
			flush()
			return h, pos
		case line[0] == ' ' || line[0] == '\t':
			if name == "" {
				h.repaired = true
				if n := fieldName(bytes.TrimLeft(line, " \t")); n != "" && first {
					line = bytes.TrimLeft(line, " \t")
					name, value = n, afterColon(line)
				}
				break
			}
			if !folded {
				value = append(make([]byte, 0, len(value)+len(line)+64), value...)
				folded = true
			}
			value = append(value, line...)
		case first && bytes.HasPrefix(line, []byte("From ")), first && bytes.HasPrefix(line, []byte(">From ")):
			h.repaired = true
		default:
			n := fieldName(line)
			if n == "" {
				// Either a folded line that lost its indentation or a body
				// whose empty line is missing.
				h.repaired = true
				if !followedByField(raw, next) {
					flush()
					return h, pos
				}
				if name != "" && !folded {
					value = append(make([]byte, 0, len(value)+len(line)+64), value...)
					folded = true
				}
				if name != "" {
					value = append(append(value, ' '), line...)
				}
				break
			}
			flush()
			name, value = n, afterColon(line)
		}
		first = false
		pos = next
	}
	flush()
	return h, len(raw)
}

// essentialFields are kept of a block over the limits: without them the mail in quarantine would have neither sender nor readable text.
var essentialFields = map[string]bool{
	"from": true, "to": true, "subject": true, "date": true, "message-id": true, "return-path": true,
	"content-type": true, "content-transfer-encoding": true, "content-disposition": true,
}

// maxEssential is how much is kept of the value of such a field.
const maxEssential = 2000

func (h *header) keepEssential(name string, value []byte) {
	if essentialFields[name] && !h.has(name) {
		h.fields = append(h.fields, field{name, mendValue(head(value, maxEssential), &h.repaired)})
	}
}

// skip passes over the rest of a block that is too large, from raw[pos:], keeps the essential fields in it, and returns where the body
// begins.
func (s headerScan) skip(h *header, raw []byte, pos int) (body int) {
	var name string
	var value []byte
	for pos < len(raw) {
		line, next := nextLine(raw, pos)
		if len(line) == 0 || s.boundary != nil && bytes.HasPrefix(line, []byte("--")) && s.boundary(line) {
			if len(line) > 0 {
				next = pos
			}
			pos = next
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if name != "" && len(value) < maxEssential {
				value = append(value, head(line, maxEssential)...)
			}
		} else {
			h.keepEssential(name, value)
			if name = fieldName(line); essentialFields[name] {
				value = append(value[:0], head(afterColon(line), maxEssential)...)
			} else {
				name = ""
			}
		}
		pos = next
	}
	h.keepEssential(name, value)
	return pos
}

// nextLine returns the line at pos without its end and where the next begins.
func nextLine(raw []byte, pos int) (line []byte, next int) {
	i := bytes.IndexByte(raw[pos:], '\n')
	if i < 0 {
		return raw[pos:], len(raw)
	}
	line, next = raw[pos:pos+i], pos+i+1
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, next
}

func peekLine(raw []byte, pos int) []byte {
	if pos >= len(raw) {
		return nil
	}
	line, _ := nextLine(raw, pos)
	return line
}

// followedByField reports whether one of the next five lines begins a field
// before an empty line is met.
func followedByField(raw []byte, pos int) bool {
	for range 5 {
		if pos >= len(raw) {
			return false
		}
		line, next := nextLine(raw, pos)
		if len(line) == 0 {
			return false
		}
		if n := fieldName(line); n != "" && (strings.Contains(n, "-") || plainFields[n]) {
			return true
		}
		pos = next
	}
	return false
}

// plainFields are the field names without a dash that occur at the top of
// mails; a line of prose such as "Note: ..." is none of them.
var plainFields = map[string]bool{
	"from": true, "to": true, "cc": true, "bcc": true, "subject": true, "date": true, "received": true,
	"sender": true, "references": true, "precedence": true, "organization": true, "importance": true,
	"priority": true, "keywords": true, "comments": true, "lines": true, "status": true,
}

// fieldName returns the name of the field that begins in line in lower case,
// or nothing. Blanks before the colon are tolerated (RFC 5322 section 4.5).
func fieldName(line []byte) string {
	i := bytes.IndexByte(line, ':')
	if i <= 0 || i > 200 {
		return ""
	}
	name := bytes.TrimRight(line[:i], " \t")
	if len(name) == 0 {
		return ""
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return ""
		}
	}
	return strings.ToLower(string(name))
}

func afterColon(line []byte) []byte {
	return line[bytes.IndexByte(line, ':')+1:]
}

// mendValue trims a value; a bare CR inside becomes a blank, a NUL is dropped.
func mendValue(v []byte, repaired *bool) string {
	v = bytes.Trim(v, " \t\r")
	if bytes.IndexByte(v, '\r') < 0 && bytes.IndexByte(v, 0) < 0 {
		return string(v)
	}
	*repaired = true
	return strings.Map(func(r rune) rune {
		switch r {
		case '\r':
			return ' '
		case 0:
			return -1
		}
		return r
	}, string(v))
}

// params is the value of a field such as Content-Type with its parameters,
// names in lower case (RFC 2045 section 5.1, RFC 2231).
type params struct {
	value    string
	list     map[string]string
	repaired bool
}

// maxParams is the number of parameters read of one field.
const maxParams = 64

// parseParams reads a structured value leniently: repeated parameters keep the
// first, unquoted blanks and missing semicolons are survived, continuations
// are joined and percent encodings decoded.
func parseParams(s string) params {
	p := params{}
	rest := s
	if i := strings.IndexByte(s, ';'); i >= 0 {
		p.value, rest = s[:i], s[i+1:]
	} else {
		p.value, rest = s, ""
	}
	p.value = strings.ToLower(strings.TrimSpace(dropComments(p.value)))
	if i := strings.IndexAny(p.value, " \t"); i >= 0 {
		// "text/html charset=x": the semicolon is missing.
		p.repaired = true
		rest = s[strings.IndexAny(strings.TrimLeft(s, " \t"), " \t"):]
		p.value = p.value[:i]
	}
	if rest == "" {
		return p
	}
	raw := map[string]string{}
	var order []string
	for n := 0; rest != ""; n++ {
		if n >= maxParams {
			p.repaired = true
			break
		}
		var name, value string
		name, value, rest = nextParam(rest)
		if name == "" {
			continue
		}
		if _, dup := raw[name]; dup {
			p.repaired = true
			continue
		}
		raw[name] = value
		order = append(order, name)
	}
	p.list = make(map[string]string, len(raw))
	joined := map[string]bool{}
	for _, name := range order {
		base, _, cont := strings.Cut(name, "*")
		if !cont {
			continue
		}
		if joined[base] {
			continue
		}
		joined[base] = true
		if v, ok := decodeContinuations(base, raw); ok {
			p.list[base+"*"] = v
		}
	}
	for _, name := range order {
		if !strings.Contains(name, "*") {
			p.list[name] = raw[name]
		}
	}
	return p
}

// nextParam splits the first parameter off s.
func nextParam(s string) (name, value, rest string) {
	s = strings.TrimLeft(s, " \t;")
	if strings.HasPrefix(s, "(") {
		_, s = skipComment(s)
		return "", "", s
	}
	eq := strings.IndexAny(s, "=;")
	if eq < 0 {
		return "", "", ""
	}
	if s[eq] == ';' {
		return "", "", s[eq+1:]
	}
	name = strings.ToLower(strings.TrimSpace(s[:eq]))
	if i := strings.LastIndexAny(name, " \t"); i >= 0 {
		name = name[i+1:]
	}
	s = strings.TrimLeft(s[eq+1:], " \t")
	if strings.HasPrefix(s, `"`) {
		value, rest = unquote(s)
		return name, value, rest
	}
	end := strings.IndexByte(s, ';')
	if end < 0 {
		end = len(s)
	}
	value, rest = s[:end], s[end:]
	// A following parameter without semicolon: "boundary=x charset=y".
	if name != "filename" && name != "name" {
		if i := strings.IndexAny(value, " \t"); i >= 0 && strings.Contains(value[i:], "=") {
			value, rest = value[:i], value[i:]+rest
		}
	}
	return name, strings.TrimSpace(dropComments(value)), rest
}

// unquote reads the quoted string at the start of s; a missing end quote means
// the rest of s.
func unquote(s string) (value, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			// A backslash before anything but a quote or a backslash is a
			// Windows path, not an escape.
			if i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
				i++
			}
			b.WriteByte(s[i])
		case '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

func skipComment(s string) (inside, rest string) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			depth--
			if depth == 0 {
				return s[1:i], s[i+1:]
			}
		}
	}
	return strings.TrimPrefix(s, "("), ""
}

// dropComments removes RFC 5322 comments outside quoted strings.
func dropComments(s string) string {
	if strings.IndexByte(s, '(') < 0 {
		return s
	}
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			if depth == 0 {
				b.WriteString(s[i : i+2])
			}
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
			b.WriteByte(c)
		case c == '(' && !quoted:
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// decodeContinuations joins name*0, name*1*, … or decodes name* (RFC 2231).
func decodeContinuations(base string, raw map[string]string) (string, bool) {
	if v, ok := raw[base+"*"]; ok {
		charset, encoded := splitExtended(v)
		return decodeBytes(unescapePercent(encoded), charset), true
	}
	var out []byte
	charset, found := "", false
	for i := 0; i < maxParams; i++ {
		key := base + "*" + itoa(i)
		if v, ok := raw[key+"*"]; ok {
			if i == 0 {
				charset, v = splitExtended(v)
			}
			out, found = append(out, unescapePercent(v)...), true
		} else if v, ok := raw[key]; ok {
			out, found = append(out, v...), true
		} else {
			break
		}
	}
	if !found {
		return "", false
	}
	if charset == "" {
		return decodeWords(string(out), nil), true
	}
	return decodeBytes(out, charset), true
}

// splitExtended splits charset'language'value.
func splitExtended(v string) (charset, value string) {
	charset, rest, ok := strings.Cut(v, "'")
	if !ok {
		return "", v
	}
	if _, value, ok = strings.Cut(rest, "'"); !ok {
		return "", v
	}
	return charset, value
}

func unescapePercent(s string) []byte {
	if strings.IndexByte(s, '%') < 0 {
		return []byte(s)
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return out
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
