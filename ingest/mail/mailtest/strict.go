package mailtest

import (
	"bytes"
	"fmt"
)

// maxViolations keeps the report of a hopeless mail short.
const maxViolations = 10

// Strict checks the bytes of a mail against RFC 5321 sections 2.3.8 and 4.5.3.1.6 and RFC 5322 section 2.1.1: CR and LF only together,
// lines of at most 998 bytes, no NUL, an end of line at the end, and a header block before the first empty line. It returns what is
// wrong, with line numbers, or nil.
func Strict(mail []byte) []string {
	var wrong []string
	say := func(line int, format string, args ...any) {
		if len(wrong) < maxViolations {
			wrong = append(wrong, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
		}
	}
	if len(mail) > 0 && !bytes.HasSuffix(mail, []byte("\r\n")) {
		say(bytes.Count(mail, []byte("\n"))+1, "the mail does not end with CRLF")
	}
	header := true
	for n := 1; len(mail) > 0; n++ {
		line, rest, found := bytes.Cut(mail, []byte("\n"))
		mail = rest
		if found {
			if !bytes.HasSuffix(line, []byte("\r")) {
				say(n, "LF without CR")
			}
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		if bytes.IndexByte(line, '\r') >= 0 {
			say(n, "CR without LF")
		}
		if bytes.IndexByte(line, 0) >= 0 {
			say(n, "NUL")
		}
		if len(line) > 998 {
			say(n, "%d bytes long, 998 are allowed", len(line))
		}
		switch {
		case len(line) == 0:
			header = false
		case header && line[0] != ' ' && line[0] != '\t' && bytes.IndexByte(line, ':') <= 0:
			say(n, "neither a header field nor a continued one")
			header = false
		case header && n == 1 && (line[0] == ' ' || line[0] == '\t'):
			say(n, "the header begins with a continuation")
		}
	}
	return wrong
}
