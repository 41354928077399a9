package mail

import (
	"bytes"
	"strings"
	"time"
)

// entity is one MIME entity. Its body is a slice of the raw mail, still in its
// transfer encoding.
type entity struct {
	header   header
	ctype    string // media type in lower case
	declared bool   // a usable Content-Type was there
	params   params
	disp     string
	dparams  params
	encoding string
	body     []byte
	kids     []*entity
	parent   *entity
	number   int  // 1 for the mail itself, counted in order of appearance
	depth    int  // enclosing multipart and message/rfc822 entities and itself
	cut      bool // a limit ended the scan in it: what it holds was not told apart
}

func (e *entity) isMultipart() bool { return strings.HasPrefix(e.ctype, "multipart/") }

// isMessage reports a message inside the message.
func (e *entity) isMessage() bool {
	return e.ctype == "message/rfc822" || e.ctype == "message/global" || e.ctype == "message/news"
}

// scanner cuts a mail into entities in one pass over its lines, whatever the
// nesting: delimiters of all open multiparts are looked up in one table.
type scanner struct {
	raw      []byte
	limits   Limits
	deadline time.Time
	open     []*openEntity
	// levels holds for each boundary the indexes in open that use it.
	levels   map[string][]int
	leaves   int
	numbers  int
	guesses  int
	repaired bool
	exceeded string // the first hard limit that was exceeded
	stopped  bool   // the scan ended before the mail did
}

type openEntity struct {
	*entity
	start    int // of the body
	boundary string
	multi    bool // boundary is registered
	closed   bool // its closing delimiter was seen
}

// maxNesting ends the scan even of what is quarantined already.
const maxNesting = 256

// maxGuesses bounds the searches for boundaries nobody declared.
const maxGuesses = 10

// scan returns the root entity. It never fails; limits set s.exceeded.
func (s *scanner) scan() *entity {
	s.levels = map[string][]int{}
	root, pos := s.begin(nil, 0)
	for pos < len(s.raw) && len(s.open) > 0 {
		i := pos
		if !(pos == 0 || s.raw[pos-1] == '\n') || !bytes.HasPrefix(s.raw[pos:], []byte("--")) {
			i = bytes.Index(s.raw[pos:], []byte("\n--"))
			if i < 0 {
				break
			}
			i += pos + 1
		}
		line, next := nextLine(s.raw, i)
		level, closing := s.match(line)
		if level < 0 {
			pos = next
			continue
		}
		if time.Now().After(s.deadline) {
			s.exceed("time")
			s.stopped = true
			break
		}
		s.end(level+1, i)
		holder := s.open[level]
		if closing {
			holder.closed = true
			if users := s.levels[holder.boundary]; len(users) > 1 {
				s.levels[holder.boundary] = users[:len(users)-1]
				holder.multi = false
			}
			pos = next
			continue
		}
		if s.exceeded == "parts" || len(s.open) > maxNesting {
			s.stopped = true
			break
		}
		_, pos = s.begin(holder.entity, next)
	}
	if n := len(s.open); n > maxNesting {
		s.open[n-1].cut, s.stopped = true, true
	}
	for _, o := range s.open {
		s.repaired = s.repaired || o.multi && !o.closed && !s.stopped
	}
	s.end(0, len(s.raw))
	return root
}

// match finds the multipart that a delimiter line belongs to.
func (s *scanner) match(line []byte) (level int, closing bool) {
	line = bytes.TrimRight(line[2:], " \t\r")
	if users := s.levels[string(line)]; len(users) > 0 {
		return users[len(users)-1], false
	}
	if t, ok := bytes.CutSuffix(line, []byte("--")); ok {
		if users := s.levels[string(t)]; len(users) > 0 {
			return users[len(users)-1], true
		}
	}
	return -1, false
}

// isDelimiter is match for the header reader.
func (s *scanner) isDelimiter(line []byte) bool {
	level, _ := s.match(line)
	return level >= 0
}

// end closes every open entity from level on; their bodies end before end.
func (s *scanner) end(level, end int) {
	for i := len(s.open) - 1; i >= level; i-- {
		o := s.open[i]
		e := end
		// The line end before a delimiter belongs to the delimiter (RFC 2046
		// section 5.1.1).
		if e < len(s.raw) || level > 0 {
			if e > o.start && s.raw[e-1] == '\n' {
				e--
				if e > o.start && s.raw[e-1] == '\r' {
					e--
				}
			}
		}
		o.body = s.raw[min(o.start, len(s.raw)):max(e, min(o.start, len(s.raw)))]
		if o.multi {
			users := s.levels[o.boundary]
			if n := len(users); n > 0 && users[n-1] == i {
				s.levels[o.boundary] = users[:n-1]
			}
		}
	}
	s.open = s.open[:level]
}

// begin reads the header at pos and opens the entity, and the one inside it
// when it is a message.
func (s *scanner) begin(parent *entity, pos int) (first *entity, body int) {
	for {
		e := &entity{parent: parent}
		hs := headerScan{maxSize: s.limits.HeaderSize, maxFields: s.limits.HeaderFields}
		if parent != nil {
			hs.boundary = s.isDelimiter
			e.depth = parent.depth
			parent.kids = append(parent.kids, e)
		}
		s.numbers++
		e.number = s.numbers
		e.header, body = hs.read(s.raw, pos)
		s.repaired = s.repaired || e.header.repaired
		if e.header.overflow {
			s.exceed("header")
		}
		e.describe(parent)
		o := &openEntity{entity: e, start: body}
		s.open = append(s.open, o)
		if first == nil {
			first = e
		}
		switch {
		case e.isMultipart():
			e.depth++
			s.register(o)
		case e.isMessage() && plainTransfer(e.encoding):
			e.depth++
		default:
			s.leaves++
			if s.leaves > s.limits.Parts {
				s.exceed("parts")
				e.cut = true
			}
			return first, body
		}
		if e.depth > s.limits.Depth {
			s.exceed("depth")
		}
		if e.isMultipart() || len(s.open) > maxNesting || body >= len(s.raw) {
			return first, body
		}
		parent, pos = e, body
	}
}

func plainTransfer(encoding string) bool {
	switch encoding {
	case "base64", "quoted-printable", "x-uuencode", "uuencode":
		return false
	}
	return true
}

func (s *scanner) exceed(what string) {
	if s.exceeded == "" {
		s.exceeded = what
	}
}

// register makes the delimiter of a multipart known.
func (s *scanner) register(o *openEntity) {
	b, declared := o.params.list["boundary"]
	b = strings.TrimRight(b, " \t")
	if !declared || b == "" {
		s.repaired = true
		b = s.guessBoundary(o.start)
	}
	if len(b) > 70 {
		s.repaired = true
	}
	if len(s.levels[b]) > 0 {
		s.repaired = true
	}
	o.boundary, o.multi = b, true
	s.levels[b] = append(s.levels[b], len(s.open)-1)
}

// guessBoundary looks for the first line that starts with two dashes and is
// followed by a MIME field or by an empty line.
func (s *scanner) guessBoundary(pos int) string {
	s.guesses++
	if s.guesses > maxGuesses {
		return ""
	}
	for end := min(len(s.raw), pos+64<<10); pos < end; {
		line, next := nextLine(s.raw, pos)
		if bytes.HasPrefix(line, []byte("--")) {
			follow := peekLine(s.raw, next)
			if len(follow) == 0 || strings.HasPrefix(fieldName(follow), "content-") {
				return string(bytes.TrimRight(line[2:], " \t"))
			}
		}
		pos = next
	}
	return ""
}

// describe reads the MIME fields. Defaults are those of RFC 2045 section 5.2
// and RFC 2046 section 5.1.5.
func (e *entity) describe(parent *entity) {
	v := e.header.get("content-type")
	e.params = parseParams(v)
	e.ctype = e.params.value
	switch {
	case e.ctype == "text" || e.ctype == "text/":
		e.ctype = "text/plain"
	case e.ctype == "multipart" || e.ctype == "multipart/":
		e.ctype = "multipart/mixed"
	case e.ctype == "html":
		e.ctype = "text/html"
	case !isMediaType(e.ctype):
		e.ctype = ""
	}
	e.declared = e.ctype != ""
	if e.ctype == "" {
		if _, ok := e.params.list["boundary"]; ok {
			e.ctype = "multipart/mixed"
		} else if parent != nil && parent.ctype == "multipart/digest" {
			e.ctype = "message/rfc822"
		} else {
			e.ctype = "text/plain"
		}
	}
	e.dparams = parseParams(e.header.get("content-disposition"))
	e.disp = e.dparams.value
	if e.disp == "" && e.dparams.list["filename"] != "" {
		e.disp = "attachment"
	}
	enc := strings.ToLower(strings.TrimSpace(dropComments(e.header.get("content-transfer-encoding"))))
	enc = strings.Trim(enc, "\"'; \t")
	switch enc {
	case "base-64", "b64":
		enc = "base64"
	case "quotedprintable", "quoted/printable", "qp":
		enc = "quoted-printable"
	case "x-uue", "uue", "x-uu":
		enc = "x-uuencode"
	}
	e.encoding = enc
}

// maxMediaType is the longest name of a type (RFC 6838 section 4.2).
const maxMediaType = 255

// isMediaType reports whether s has the form of a type (RFC 2045 section 5.1).
func isMediaType(s string) bool {
	if len(s) > maxMediaType || strings.IndexByte(s, '/') < 0 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"[]?=", c) >= 0 {
			return false
		}
	}
	return true
}

// fileName is the declared name of a file, decoded but not yet cleaned (C9).
func (e *entity) fileName() string {
	if v, ok := e.dparams.list["filename*"]; ok && v != "" {
		return v
	}
	if v := e.dparams.list["filename"]; v != "" {
		return decodeWords(v, nil)
	}
	if v, ok := e.params.list["name*"]; ok && v != "" {
		return v
	}
	return decodeWords(e.params.list["name"], nil)
}

// walk calls f for e and everything in it, outermost first, until f returns
// false for a branch.
func (e *entity) walk(f func(*entity) bool) {
	if !f(e) {
		return
	}
	for _, k := range e.kids {
		k.walk(f)
	}
}
