package mail

import (
	"bytes"
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// Opaque signatures (RFC 8551 section 3.5.2) keep the mail inside a CMS structure (RFC 5652). It is opened, not verified: whose it is, is
// for authentication to say.

const (
	// maxSignedLayers is how many signatures around each other are opened.
	maxSignedLayers = 2
	// maxBERDepth bounds the nesting of BER; CMS needs 8.
	maxBERDepth = 24
)

// isSigned reports a part that may hold an opaque signature.
func (e *entity) isSigned() bool {
	switch e.ctype {
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		t := strings.ToLower(e.params.list["smime-type"])
		return t == "signed-data" || t == ""
	case "application/octet-stream":
		return strings.EqualFold(e.fileName(), "smime.p7m")
	}
	return false
}

// openSigned reads what opaque signatures at the top of a mail, or in a part that a list server has wrapped, hold: the part becomes a
// container of it. A signed document attached to a mail (contract.pdf.p7m) stays a file.
func (r *Reader) openSigned(m *Mail, root *entity, limits Limits, deadline time.Time) {
	var signed []*entity
	topParts(root, func(e *entity) {
		if e.isSigned() && (e == root || strings.EqualFold(e.fileName(), "smime.p7m")) {
			signed = append(signed, e)
		}
	})
	for layer := 0; layer < maxSignedLayers && len(signed) == 1; layer++ {
		e := signed[0]
		der, _ := e.decode(limits.MailSize)
		content, ok := signedContent(der)
		if !ok || len(content) > limits.MailSize {
			return
		}
		s := &scanner{raw: content, limits: limits, deadline: deadline, numbers: root.number + 1000*(layer+1)}
		inner := s.scan()
		if !inner.declared {
			return // no MIME entity: a document
		}
		if s.exceeded != "" {
			m.refuse(ticketing.CauseLimits, s.exceeded)
		}
		e.ctype, e.kids, e.declared = "multipart/x-opened", []*entity{inner}, true
		inner.parent = e
		m.rule("PEC2", ruleOpened)
		signed = signed[:0]
		if inner.isSigned() {
			signed = append(signed, inner)
		}
	}
}

// signedContent returns the content of a SignedData (RFC 5652 sections 3 and 5.1) in DER or BER, cut-off ones included.
func signedContent(b []byte) ([]byte, bool) {
	info, _, ok := berNext(b, 0)
	if !ok || info.tag != 0x30 {
		return nil, false
	}
	oid, rest, ok := berNext(info.content, 1)
	if !ok || oid.tag != 0x06 || !bytes.Equal(oid.content, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02}) {
		return nil, false
	}
	explicit, _, ok := berNext(rest, 1)
	if !ok || explicit.tag != 0xa0 {
		return nil, false
	}
	data, _, ok := berNext(explicit.content, 2)
	if !ok || data.tag != 0x30 {
		return nil, false
	}
	rest = data.content
	for range 3 { // version, digestAlgorithms, encapContentInfo
		var el berElement
		if el, rest, ok = berNext(rest, 3); !ok {
			return nil, false
		}
		if el.tag != 0x30 {
			continue
		}
		if _, rest, ok = berNext(el.content, 4); !ok {
			return nil, false
		}
		wrapped, _, ok := berNext(rest, 4)
		if !ok || wrapped.tag != 0xa0 {
			return nil, false // a detached signature holds no content
		}
		octets, _, ok := berNext(wrapped.content, 5)
		if !ok {
			return nil, false
		}
		content := octets.octets(nil, 6)
		return content, len(content) > 0
	}
	return nil, false
}

type berElement struct {
	tag     byte
	content []byte
}

// octets joins the pieces of an OCTET STRING (X.690 section 8.7).
func (e berElement) octets(to []byte, depth int) []byte {
	switch {
	case e.tag == 0x04:
		if to == nil {
			return e.content
		}
		return append(to, e.content...)
	case e.tag != 0x24 || depth > maxBERDepth:
		return to
	}
	if to == nil {
		to = make([]byte, 0, len(e.content))
	}
	for rest := e.content; len(rest) > 0; {
		piece, more, ok := berNext(rest, depth)
		if !ok {
			break
		}
		to = piece.octets(to, depth+1)
		rest = more
	}
	return to
}

// berNext reads the element b begins with (X.690 section 8.1). One that claims more than there is ends where b does.
func berNext(b []byte, depth int) (e berElement, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f || depth > maxBERDepth {
		return e, nil, false
	}
	e.tag = b[0]
	n := int(b[1])
	b = b[2:]
	switch {
	case n < 0x80:
	case n == 0x80:
		if e.tag&0x20 == 0 {
			return e, nil, false
		}
		size, end := berIndefinite(b, depth)
		e.content = b[:size]
		return e, b[end:], true
	default:
		octets := n & 0x7f
		if octets > 4 || octets > len(b) {
			return e, nil, false
		}
		n = 0
		for _, c := range b[:octets] {
			n = n<<8 | int(c)
		}
		b = b[octets:]
	}
	n = min(n, len(b))
	e.content = b[:n]
	return e, b[n:], true
}

// berIndefinite finds the end-of-contents octets of an element of indefinite length. A count of open elements does for nesting, so that
// each octet is looked at once.
func berIndefinite(b []byte, depth int) (size, end int) {
	open := 1
	for pos := 0; pos < len(b); {
		rest := b[pos:]
		if len(rest) >= 2 && rest[0] == 0 && rest[1] == 0 {
			if open--; open == 0 {
				return pos, pos + 2
			}
			pos += 2
			continue
		}
		if len(rest) < 2 || rest[0]&0x1f == 0x1f {
			break
		}
		if rest[1] == 0x80 {
			if open++; rest[0]&0x20 == 0 || open+depth > maxBERDepth {
				break
			}
			pos += 2
			continue
		}
		_, more, ok := berNext(rest, depth)
		if !ok {
			break
		}
		pos = len(b) - len(more)
	}
	return len(b), len(b)
}
