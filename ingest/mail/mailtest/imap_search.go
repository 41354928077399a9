package mailtest

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message/textproto"
)

func (x *session) Search(kind imapserver.NumKind, c *imap.SearchCriteria, _ *imap.SearchOptions) (*imap.SearchData, error) {
	if err := x.enter("SEARCH", searchKeys(c)); err != nil {
		return nil, err
	}
	defer x.lock()()
	x.fix(c)
	var (
		data imap.SearchData
		seqs imap.SeqSet
		uids imap.UIDSet
	)
	for _, n := range x.pick(imap.UIDSet{{Start: 1, Stop: 1<<32 - 1}}) {
		if n.seq == 0 || !n.matches(c) {
			continue
		}
		num := n.seq
		if kind == imapserver.NumKindUID {
			num = n.uid
			uids.AddNum(imap.UID(num))
		} else {
			seqs.AddNum(num)
		}
		if data.Min == 0 {
			data.Min = num
		}
		data.Max = num
		data.Count++
	}
	data.All = seqs
	if kind == imapserver.NumKindUID {
		data.All = uids
	}
	return &data, nil
}

// fix replaces "*" in the criteria.
func (x *session) fix(c *imap.SearchCriteria) {
	for i := range c.SeqNum {
		c.SeqNum[i] = x.static(c.SeqNum[i]).(imap.SeqSet)
	}
	for i := range c.UID {
		c.UID[i] = x.static(c.UID[i]).(imap.UIDSet)
	}
	for i := range c.Not {
		x.fix(&c.Not[i])
	}
	for i := range c.Or {
		x.fix(&c.Or[i][0])
		x.fix(&c.Or[i][1])
	}
}

func (n numbered) matches(c *imap.SearchCriteria) bool {
	for _, set := range c.SeqNum {
		if !set.Contains(n.seq) {
			return false
		}
	}
	for _, set := range c.UID {
		if !set.Contains(imap.UID(n.uid)) {
			return false
		}
	}
	for _, f := range c.Flag {
		if !n.has(string(f)) {
			return false
		}
	}
	for _, f := range c.NotFlag {
		if n.has(string(f)) {
			return false
		}
	}
	if !between(n.at, c.Since, c.Before) {
		return false
	}
	if c.Larger != 0 && int64(len(n.raw)) <= c.Larger || c.Smaller != 0 && int64(len(n.raw)) >= c.Smaller {
		return false
	}
	if len(c.Header) > 0 || !c.SentSince.IsZero() || !c.SentBefore.IsZero() {
		h, _ := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(n.raw)))
		for _, want := range c.Header {
			if !slices.ContainsFunc(h.Values(want.Key), func(v string) bool { return containsFold(v, want.Value) }) {
				return false
			}
		}
		if !c.SentSince.IsZero() || !c.SentBefore.IsZero() {
			at, err := time.Parse(time.RFC1123Z, h.Get("Date"))
			if err != nil || !between(at, c.SentSince, c.SentBefore) {
				return false
			}
		}
	}
	for _, text := range c.Text {
		if !containsFold(string(n.raw), text) {
			return false
		}
	}
	for _, text := range c.Body {
		_, body, _ := bytes.Cut(n.raw, []byte("\r\n\r\n"))
		if !containsFold(string(body), text) {
			return false
		}
	}
	for i := range c.Not {
		if n.matches(&c.Not[i]) {
			return false
		}
	}
	for i := range c.Or {
		if !n.matches(&c.Or[i][0]) && !n.matches(&c.Or[i][1]) {
			return false
		}
	}
	return true
}

// between compares dates without time and zone (RFC 9051 section 6.4.4).
func between(at, since, before time.Time) bool {
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	return (since.IsZero() || !day.Before(since)) && (before.IsZero() || day.Before(before))
}

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

func searchKeys(c *imap.SearchCriteria) string {
	var keys []string
	for _, set := range c.UID {
		keys = append(keys, "UID "+set.String())
	}
	if !c.Since.IsZero() {
		keys = append(keys, "SINCE "+c.Since.Format("2-Jan-2006"))
	}
	for _, h := range c.Header {
		keys = append(keys, "HEADER "+h.Key+" "+h.Value)
	}
	return strings.Join(keys, " ")
}

func envelope(raw []byte) *imap.Envelope {
	h, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return new(imap.Envelope)
	}
	return imapserver.ExtractEnvelope(h)
}
