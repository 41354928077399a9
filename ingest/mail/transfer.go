package mail

import (
	"bytes"
	"encoding/base64"
	"io"

	"github.com/emersion/go-message"
)

// base64Value maps the base64 alphabet to its values and everything else to -1.
var base64Value = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = int8(i)
	}
	return t
}()

// base64Valid counts 1 for each character of the alphabet, without a branch.
var base64Valid = func() (t [256]uint8) {
	for i, v := range base64Value {
		if v >= 0 {
			t[i] = 1
		}
	}
	return t
}()

// decode undoes the transfer encoding of the body. go-message does it where
// the body keeps the rules; what it refuses is salvaged. broken reports that
// something had to be left out or guessed. At most limit octets are returned.
func (e *entity) decode(limit int) (b []byte, broken bool) {
	switch e.encoding {
	case "", "7bit", "8bit", "binary":
		return head(e.body, limit), false
	case "base64", "quoted-printable":
		var h message.Header
		h.Set("Content-Transfer-Encoding", e.encoding)
		part, err := message.New(h, bytes.NewReader(e.body))
		if err == nil {
			size := len(e.body)
			if e.encoding == "base64" {
				size = size*3/4 + 3
			}
			buf := bytes.NewBuffer(make([]byte, 0, min(size, limit)+bytes.MinRead))
			if _, err = buf.ReadFrom(io.LimitReader(part.Body, int64(limit))); err == nil {
				// The end of the data is no place for an escape (RFC 2045 section 6.7).
				return buf.Bytes(), e.encoding == "quoted-printable" && bytes.HasSuffix(e.body, []byte("="))
			}
		}
		if e.encoding == "base64" {
			return head(salvageBase64(e.body), limit), true
		}
		return head(salvageQuotedPrintable(e.body), limit), true
	case "x-uuencode", "uuencode":
		if block, ok := findUU(e.body, 0); ok {
			return head(block.data, limit), false
		}
		return head(e.body, limit), true
	}
	// Unknown encodings such as "8-bit" or "hexa" are nearly always plain.
	return head(e.body, limit), true
}

// reader is decode in pieces. What go-message refuses on the way is salvaged from where it stopped.
func (e *entity) reader() io.Reader {
	if e.encoding != "base64" && e.encoding != "quoted-printable" {
		b, _ := e.decode(len(e.body) + 1)
		return bytes.NewReader(b)
	}
	var h message.Header
	h.Set("Content-Transfer-Encoding", e.encoding)
	part, err := message.New(h, bytes.NewReader(e.body))
	if err != nil {
		b, _ := e.decode(len(e.body) + 1)
		return bytes.NewReader(b)
	}
	return &salvager{entity: e, sound: part.Body}
}

// salvager reads a sound encoding as it is; where it breaks, the rest comes from the tolerant decoder.
type salvager struct {
	entity *entity
	sound  io.Reader
	read   int
	rest   *bytes.Reader
}

func (s *salvager) Read(p []byte) (int, error) {
	if s.rest == nil {
		n, err := s.sound.Read(p)
		s.read += n
		if err == nil || err == io.EOF {
			return n, err
		}
		b, _ := s.entity.decode(len(s.entity.body) + 1)
		s.rest = bytes.NewReader(b[min(s.read, len(b)):])
		if n > 0 {
			return n, nil
		}
	}
	return s.rest.Read(p)
}

func head(b []byte, limit int) []byte {
	if len(b) > limit {
		return b[:limit]
	}
	return b
}

// decodedSize is the length decode would return without a limit, computed
// without keeping the octets.
func (e *entity) decodedSize() int64 {
	switch e.encoding {
	case "base64":
		if i := bytes.IndexByte(e.body, '='); i < 0 || len(bytes.TrimLeft(e.body[i:], "=\r\n\t ")) == 0 {
			body := e.body
			if i >= 0 {
				body = body[:i]
			}
			n := 0
			for _, c := range body {
				n += int(base64Valid[c])
			}
			return int64(n) * 3 / 4
		}
		n := int64(0)
		for _, c := range e.body {
			if base64Value[c] >= 0 {
				n++
			}
		}
		return n * 3 / 4
	case "", "7bit", "8bit", "binary":
		return int64(len(e.body))
	}
	b, _ := e.decode(len(e.body) + 1)
	return int64(len(b))
}

// salvageBase64 decodes whatever of the alphabet is there: foreign characters,
// missing padding and padding in the middle do not matter. Text that follows
// the data, such as a list footer after an empty line, is left out.
func salvageBase64(b []byte) []byte {
	clean := make([]byte, 0, len(b))
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if bytes.IndexByte(line, ' ') >= 0 && len(clean) > 0 {
			break
		}
		padded := false
		for _, c := range line {
			if base64Value[c] >= 0 {
				clean = append(clean, c)
			} else if c == '=' {
				padded = true
			}
		}
		if padded {
			// Groups of four start anew after padding.
			clean = clean[:len(clean)-len(clean)%4+paddedTail(len(clean)%4)]
			for len(clean)%4 != 0 {
				clean = append(clean, 'A')
			}
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, _ := base64.RawStdEncoding.Decode(out, clean)
	return bytes.TrimRight(out[:n], "\x00")
}

// paddedTail is how many characters of an unfinished group carry whole octets.
func paddedTail(n int) int {
	if n == 1 {
		return 0
	}
	return n
}

// salvageQuotedPrintable leaves what is no escape as it stands.
func salvageQuotedPrintable(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for line := range bytes.Lines(b) {
		end := len(line)
		for end > 0 && (line[end-1] == '\n' || line[end-1] == '\r') {
			end--
		}
		lineEnd := line[end:]
		text := bytes.TrimRight(line[:end], " \t")
		soft := false
		if n := len(text); n > 0 && text[n-1] == '=' {
			text, soft = text[:n-1], true
		}
		for i := 0; i < len(text); i++ {
			if text[i] == '=' && i+2 < len(text) {
				if hi, lo := unhex(text[i+1]), unhex(text[i+2]); hi >= 0 && lo >= 0 {
					out = append(out, byte(hi<<4|lo))
					i += 2
					continue
				}
			}
			out = append(out, text[i])
		}
		if !soft {
			out = append(out, lineEnd...)
		}
	}
	return out
}

// uuBlock is a uuencoded file in a text: the text from start to end holds it.
type uuBlock struct {
	name       string
	data       []byte
	start, end int
}

// findUU finds the first uuencoded block of b from a position on (POSIX uuencode).
func findUU(b []byte, from int) (block uuBlock, ok bool) {
	start := from
	for {
		i := bytes.Index(b[start:], []byte("begin "))
		if i < 0 {
			return block, false
		}
		start += i
		if start == 0 || b[start-1] == '\n' {
			line, next := nextLine(b, start)
			f := bytes.SplitN(line, []byte(" "), 3)
			if len(f) == 3 && len(f[1]) >= 3 && len(f[1]) <= 4 && len(bytes.Trim(f[1], "01234567")) == 0 {
				if data, end, good := readUU(b, next); good {
					return uuBlock{string(f[2]), data, start, end}, true
				}
			}
		}
		start += len("begin ")
	}
}

func readUU(b []byte, pos int) (data []byte, end int, ok bool) {
	for pos < len(b) {
		line, next := nextLine(b, pos)
		pos = next
		if string(bytes.TrimSpace(line)) == "end" {
			return data, pos, true
		}
		if len(line) == 0 {
			continue
		}
		n := int(line[0]-' ') & 0x3f
		if n == 0 {
			continue
		}
		enc := line[1:]
		if line[0] < ' ' || line[0] > '`' || len(enc)*3 < n*4-6 || len(enc) > 90 {
			return nil, 0, false
		}
		at := func(i int) byte {
			if i < len(enc) {
				return (enc[i] - ' ') & 0x3f
			}
			return 0
		}
		for i, left := 0, n; left > 0; i, left = i+4, left-3 {
			g := [3]byte{at(i)<<2 | at(i+1)>>4, at(i+1)<<4 | at(i+2)>>2, at(i+2)<<6 | at(i+3)}
			data = append(data, g[:min(3, left)]...)
		}
	}
	return nil, 0, false
}
