package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// maxUIDs is how many UIDs one search returns at most; the lowest are returned, the others at the next search. It also bounds what a
// server can make us hold by answering with a range.
const maxUIDs = 1_000_000

// errIncomplete: a body broke off. go-imap reports the end of a broken literal as an ordinary io.EOF, so that only its announced size
// and the end of the command tell (trap 1).
var errIncomplete = errors.New("the mail broke off")

// Head is what is known of a mail before it is fetched.
type Head struct {
	UID  uint32
	Size int64     // RFC822.SIZE in bytes; some servers are a little wrong
	At   time.Time // INTERNALDATE
}

// Item is a mail as fetched.
type Item struct {
	Head
	Bytes []byte
	// Cut: the mail is larger than MaxSize and Bytes is only its beginning.
	Cut bool
}

// search lists the UIDs that match, rising.
func (s *Session) search(ctx context.Context, c *imap.SearchCriteria) ([]uint32, error) {
	var data *imap.SearchData
	err := s.run(ctx, "SEARCH", 5*s.config.CommandTimeout, func() (err error) {
		data, err = s.client.UIDSearch(c, nil).Wait()
		return err
	})
	if err != nil {
		return nil, err
	}
	set, _ := data.All.(imap.UIDSet)
	var uids []uint32
	for _, r := range set {
		// A range without an end would be a mistake of the server; SearchData.AllUIDs would panic on it.
		for uid := uint64(r.Start); uid <= uint64(r.Stop) && len(uids) < maxUIDs; uid++ {
			uids = append(uids, uint32(uid))
		}
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

// NewUIDs lists the mails with a UID above cursor. A server answers "n:*" with its last mail even if that lies below n (RFC 9051
// section 9), so lower ones are taken out.
func (s *Session) NewUIDs(ctx context.Context, cursor uint32) ([]uint32, error) {
	if cursor == 1<<32-1 {
		return nil, nil
	}
	select {
	case <-s.news: // what it announced is found by this search
	default:
	}
	uids, err := s.search(ctx, &imap.SearchCriteria{UID: []imap.UIDSet{{{Start: imap.UID(cursor + 1), Stop: 0}}}})
	return slices.DeleteFunc(uids, func(uid uint32) bool { return uid <= cursor }), err
}

// Existing lists those of uids that are still in the folder.
func (s *Session) Existing(ctx context.Context, uids []uint32) ([]uint32, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	found, err := s.search(ctx, &imap.SearchCriteria{UID: []imap.UIDSet{uidSet(uids)}})
	return slices.DeleteFunc(found, func(uid uint32) bool { return !slices.Contains(uids, uid) }), err
}

// SearchSince lists mails that arrived or were dated after t, to the day and generously: servers compare dates in a zone of their own.
func (s *Session) SearchSince(ctx context.Context, t time.Time) ([]uint32, error) {
	day := t.AddDate(0, 0, -1)
	return s.search(ctx, &imap.SearchCriteria{Or: [][2]imap.SearchCriteria{{{Since: day}, {SentSince: day}}}})
}

// SearchMessageID lists mails of the open folder whose Message-ID field contains the id, which is given with its angle brackets.
func (s *Session) SearchMessageID(ctx context.Context, id string) ([]uint32, error) {
	return s.search(ctx, &imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: id}}})
}

// everything matches every mail.
func everything() *imap.SearchCriteria { return &imap.SearchCriteria{} }

func uidSet(uids []uint32) imap.UIDSet {
	var set imap.UIDSet
	for _, uid := range uids {
		set.AddNum(imap.UID(uid))
	}
	return set
}

// Heads reads size and date of the mails, in rising order of UID. Mails that have gone are not in the answer.
func (s *Session) Heads(ctx context.Context, uids []uint32) ([]Head, error) {
	var heads []Head
	err := s.fetch(ctx, uids, s.config.CommandTimeout, &imap.FetchOptions{UID: true, RFC822Size: true, InternalDate: true}, func(h Head, _ []byte) {
		if h.Size > 0 || !h.At.IsZero() {
			heads = append(heads, h)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(heads, func(a, b Head) int { return int(int64(a.UID) - int64(b.UID)) })
	return heads, nil
}

// Fetch reads the mails whole, in one command, without marking them as seen. Either every mail in the answer is complete or there is an
// error. A mail that is missing in the answer was removed meanwhile, or the server mixed it up with a change of its flags: Existing
// tells. Mails larger than MaxSize must be fetched with FetchExcerpt.
func (s *Session) Fetch(ctx context.Context, heads []Head) ([]Item, error) {
	return s.bodies(ctx, heads, wholeMail(), s.config.MaxSize)
}

func wholeMail() *imap.FetchItemBodySection { return &imap.FetchItemBodySection{Peek: true} }

// touch fetches the first byte of a mail, to see whether the server gives out any.
func (s *Session) touch(ctx context.Context, uid uint32) error {
	_, err := s.bodies(ctx, []Head{{UID: uid}}, &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: 1}}, 1)
	return err
}

// FetchExcerpt reads the first ExcerptSize bytes of the mails.
func (s *Session) FetchExcerpt(ctx context.Context, heads []Head) ([]Item, error) {
	items, err := s.bodies(ctx, heads, &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: ExcerptSize}}, ExcerptSize)
	for i := range items {
		items[i].Cut = true
	}
	return items, err
}

func (s *Session) bodies(ctx context.Context, heads []Head, section *imap.FetchItemBodySection, largest int64) ([]Item, error) {
	if len(heads) == 0 {
		return nil, nil
	}
	known := make(map[uint32]Head, len(heads))
	uids := make([]uint32, 0, len(heads))
	var bytes int64
	for _, h := range heads {
		known[h.UID] = h
		uids = append(uids, h.UID)
		bytes += min(h.Size, largest)
	}
	var items []Item
	options := &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}}
	err := s.fetchBodies(ctx, uids, s.config.CommandTimeout+atSlowest(bytes), largest, options, func(h Head, body []byte) {
		if head, ok := known[h.UID]; ok && body != nil {
			items = append(items, Item{Head: head, Bytes: body})
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(items, func(a, b Item) int { return int(int64(a.UID) - int64(b.UID)) })
	return items, nil
}

func (s *Session) fetch(ctx context.Context, uids []uint32, limit time.Duration, o *imap.FetchOptions, each func(Head, []byte)) error {
	return s.fetchBodies(ctx, uids, limit, 0, o, each)
}

// oversize is a mail whose body is larger than it may be.
type oversize struct {
	uid  uint32
	size int64
}

func (o *oversize) Error() string { return fmt.Sprintf("mail %d has %d bytes", o.uid, o.size) }

// fetchBodies runs one FETCH. Only UID, RFC822.SIZE, INTERNALDATE and bodies are ever asked for: an answer go-imap cannot parse ends
// the connection, and ENVELOPE or BODYSTRUCTURE of a damaged mail is often such an answer (trap 3).
func (s *Session) fetchBodies(ctx context.Context, uids []uint32, limit time.Duration, largest int64, o *imap.FetchOptions, each func(Head, []byte)) error {
	if len(uids) == 0 {
		return nil
	}
	err := s.run(ctx, "FETCH", limit, func() error {
		cmd := s.client.Fetch(uidSet(uids), o)
		for {
			msg := cmd.Next()
			if msg == nil {
				return cmd.Close()
			}
			head, body, err := s.readMessage(msg, largest)
			if err != nil {
				s.conn.end(err)
				_ = cmd.Close()
				return err
			}
			each(head, body)
		}
	})
	var large *oversize
	if errors.As(err, &large) {
		return s.config.fail(imapOversize, "FETCH", large)
	}
	return err
}

func (s *Session) readMessage(msg *imapclient.FetchMessageData, largest int64) (Head, []byte, error) {
	var head Head
	var body []byte
	for {
		switch item := msg.Next().(type) {
		case nil:
			return head, body, nil
		case imapclient.FetchItemDataUID:
			head.UID = uint32(item.UID)
		case imapclient.FetchItemDataRFC822Size:
			head.Size = item.Size
		case imapclient.FetchItemDataInternalDate:
			head.At = item.Time
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil {
				continue
			}
			size := item.Literal.Size()
			if size > largest {
				return head, nil, &oversize{head.UID, size}
			}
			s.conn.more(size)
			var err error
			if body, err = readLiteral(item.Literal, size); err != nil {
				return head, nil, err
			}
		}
	}
}

// readLiteral reads exactly size bytes. Memory grows with what really arrives, not with what was announced.
func readLiteral(r io.Reader, size int64) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, min(size, 1<<20)+bytes.MinRead))
	n, err := buf.ReadFrom(r)
	if err != nil {
		return nil, err
	}
	if n != size {
		return nil, fmt.Errorf("%w: %d of %d bytes", errIncomplete, n, size)
	}
	return buf.Bytes(), nil
}
