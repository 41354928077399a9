package mail

import (
	"bytes"
	"errors"
	"strconv"
)

// errNonsense: what the server says must not be given to go-imap.
var errNonsense = errors.New("the server sent a list of capabilities that is none")

// maxGuarded is how much of a line the guard keeps. A list of capabilities is never longer.
const maxGuarded = 8 << 10

// answerGuard reads along what a server says, outside literals, and stops the one thing that would make go-imap's decoder run for
// ever: a parenthesis inside a list of capabilities. There Decoder.SP reports a space where none is consumed, and the loop that
// skips surplus spaces never ends, whether or not the connection is closed.
type answerGuard struct {
	line []byte // beginning of the current line
	tail []byte // its last bytes, where a literal is announced
	skip int64  // bytes of literal still to come
	data bool   // the line is part of a response that may hold literals
}

// maxTail holds "{18446744073709551615+}\r\n".
const maxTail = 32

func (g *answerGuard) check(p []byte) error {
	for len(p) > 0 {
		if g.skip > 0 {
			n := min(g.skip, int64(len(p)))
			g.skip -= n
			p = p[n:]
			continue
		}
		part, end := p, false
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			part, end = p[:i+1], true
		}
		p = p[len(part):]
		long := len(g.line)+len(part) > maxGuarded
		g.line = append(g.line, part[:min(len(part), maxGuarded-len(g.line))]...)
		g.tail = append(g.tail, part[max(0, len(part)-maxTail):]...)
		g.tail = g.tail[max(0, len(g.tail)-maxTail):]
		g.data = g.data || holdsLiterals(g.line)
		if !g.data && badCapabilities(g.line, long) {
			return errNonsense
		}
		if !end {
			continue
		}
		n, announced := literal(g.tail)
		g.line, g.tail = g.line[:0], g.tail[:0]
		if g.data = g.data && announced; g.data {
			g.skip = n
		}
	}
	return nil
}

// holdsLiterals recognises "* 12 FETCH" and "* LIST", the responses in which servers send literals.
func holdsLiterals(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("* "))
	if !ok {
		return false
	}
	rest = bytes.TrimLeft(rest, "0123456789")
	return hasPrefixFold(rest, " FETCH ") || hasPrefixFold(rest, "LIST ")
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && bytes.EqualFold(b[:len(prefix)], []byte(prefix))
}

// badCapabilities looks for a parenthesis in "* CAPABILITY …" and "[CAPABILITY …]".
func badCapabilities(line []byte, long bool) bool {
	upper := bytes.ToUpper(line)
	for _, begin := range []string{"* CAPABILITY", "[CAPABILITY"} {
		_, list, ok := bytes.Cut(upper, []byte(begin))
		if !ok {
			continue
		}
		list, _, closed := bytes.Cut(list, []byte("]"))
		if bytes.IndexByte(list, '(') >= 0 || long && !closed {
			return true
		}
	}
	return false
}

// literal reads "{12}\r\n" or "{12+}\r\n" at the end of a line.
func literal(tail []byte) (int64, bool) {
	tail = bytes.TrimRight(tail, "\r\n")
	tail, ok := bytes.CutSuffix(tail, []byte("}"))
	i := bytes.LastIndexByte(tail, '{')
	if !ok || i < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSuffix(tail[i+1:], []byte("+"))), 10, 64)
	return n, err == nil && n >= 0
}
