package mail

import (
	"io"
	"iter"
	"time"
)

// Part is one leaf of a mail: a text, a file, a report.
type Part struct {
	Type string // media type in lower case, as declared or by default (RFC 2045 section 5.2)
	Name string // declared file name, decoded and not yet cleaned; empty if there is none
	part *entity
}

// Reader decodes the part piece by piece.
func (p Part) Reader() io.Reader { return p.part.reader() }

// Parts takes a mail apart without judging it, within the same limits as Read: what damage leaves of it still comes.
func (r *Reader) Parts(raw []byte) iter.Seq[Part] {
	return func(yield func(Part) bool) {
		limits := r.limits()
		s := &scanner{raw: raw[:min(len(raw), limits.MailSize)], limits: limits, deadline: time.Now().Add(limits.Time)}
		more := true
		s.scan().walk(func(e *entity) bool {
			if more && len(e.kids) == 0 {
				more = yield(Part{Type: e.ctype, Name: e.fileName(), part: e})
			}
			return more
		})
	}
}
