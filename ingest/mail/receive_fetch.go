package mail

import (
	"bytes"
	"context"
	"errors"
	netmail "net/mail"
	"slices"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// fetch reads mails and makes ledger items of them. Mails that cannot be had are put into failed. An error means that the connection is
// over; the mails being read then are tried one by one at the next, so that the guilty one is found.
func (r *reader) fetch(ctx context.Context, s *Session, uids []uint32) ([]ingest.Raw, error) {
	st := &r.state
	items, err := r.items(ctx, s, uids)
	var large *oversize
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, err
	case errors.As(err, &large):
		st.large[large.uid] = true
		return nil, err
	case len(uids) > 1 && !stillWorks(err):
		st.careful = max(st.careful, uids[len(uids)-1])
		return nil, err
	case len(uids) > 1:
		// The server refuses the whole for the sake of one.
		return r.oneByOne(ctx, s, uids)
	default:
		r.failing(uids[0], err)
		if !stillWorks(err) {
			return nil, err
		}
		return nil, nil
	}
	got := make(map[uint32]bool, len(items))
	raws := make([]ingest.Raw, 0, len(items))
	for _, item := range items {
		got[item.UID] = true
		if raw, ok := r.raw(item); ok {
			raws = append(raws, raw)
		}
	}
	absent := slices.DeleteFunc(slices.Clone(uids), func(uid uint32) bool { return got[uid] })
	// A mail left out of the answer is gone, unless it is still there: that happens when a change of its flags is announced in the
	// middle of the FETCH, and with mails the server itself cannot read.
	existing, err := s.Existing(ctx, absent)
	if err != nil {
		return nil, err
	}
	for _, uid := range existing {
		r.failing(uid, errors.New("the server lists the mail but does not give it out"))
	}
	for _, uid := range uids {
		if got[uid] || !slices.Contains(existing, uid) {
			delete(st.failed, uid)
		}
	}
	return raws, nil
}

func (r *reader) oneByOne(ctx context.Context, s *Session, uids []uint32) ([]ingest.Raw, error) {
	var all []ingest.Raw
	for _, uid := range uids {
		raws, err := r.fetch(ctx, s, []uint32{uid})
		if err != nil {
			return nil, err
		}
		all = append(all, raws...)
	}
	return all, nil
}

// items fetches mails in as few commands as ChunkBytes allows; of those that are too large only the beginning.
func (r *reader) items(ctx context.Context, s *Session, uids []uint32) ([]Item, error) {
	heads, err := s.Heads(ctx, uids)
	if err != nil {
		return nil, err
	}
	var all []Item
	var group, cut []Head
	var size int64
	flush := func() error {
		items, err := s.Fetch(ctx, group)
		all, group, size = append(all, items...), nil, 0
		return err
	}
	for _, h := range heads {
		if h.Size > r.config.MaxSize || r.state.large[h.UID] {
			cut = append(cut, h)
			continue
		}
		if len(group) > 0 && size+h.Size > r.config.ChunkBytes {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		group = append(group, h)
		size += h.Size
	}
	if err := flush(); err != nil {
		return nil, err
	}
	excerpts, err := s.FetchExcerpt(ctx, cut)
	if err != nil {
		return nil, err
	}
	all = append(all, excerpts...)
	slices.SortFunc(all, func(a, b Item) int { return int(int64(a.UID) - int64(b.UID)) })
	return all, nil
}

// failing notes a failure of one mail. One that ended the connection may be the server's: it counts at once only if the server has just
// given out another mail.
func (r *reader) failing(uid uint32, err error) {
	now := time.Now()
	f := r.state.failed[uid]
	if f == nil {
		f = &fetchFailure{}
		r.state.failed[uid] = f
	}
	f.err, f.broke = err, !stillWorks(err)
	wait := time.Minute
	if f.tries == 0 || !f.broke || f.proven || now.Sub(f.counted) >= unprovenCount {
		f.tries++
		f.counted = now
		if f.tries == 1 {
			wait = 5 * time.Second
		}
		r.log.Warn("mail cannot be fetched", "uid", uid, "try", f.tries, "error", err)
	}
	f.due = now.Add(wait)
}

// retry tries failed mails again when they are due, each alone, and gives up on those that failed too often.
func (r *reader) retry(ctx context.Context, s *Session) error {
	st := &r.state
	var due []uint32
	for uid, f := range st.failed {
		if time.Until(f.due) <= 0 {
			due = append(due, uid)
		}
	}
	slices.Sort(due)
	c := &committer{}
	defer c.wait()
	for _, uid := range due {
		f := st.failed[uid]
		if f.broke {
			// Is it this mail, or does the server give out none at all?
			proven, err := r.healthy(ctx, s)
			if err != nil {
				f.due = time.Now().Add(time.Minute)
				return err
			}
			f.proven = proven
		}
		var raws []ingest.Raw
		if f.tries < fetchAttempts {
			var err error
			if raws, err = r.fetch(ctx, s, []uint32{uid}); err != nil {
				return err
			}
		}
		if f := st.failed[uid]; f != nil {
			if f.tries < fetchAttempts {
				continue
			}
			raws = []ingest.Raw{r.unfetchable(uid, f)}
			delete(st.failed, uid)
		}
		if err := r.hand(ctx, c, raws, st.top); err != nil {
			return err
		}
	}
	return c.wait()
}

// unfetchable is the ledger item of a mail that cannot be had. The mail stays in the mailbox; Refetch may get it later.
func (r *reader) unfetchable(uid uint32, f *fetchFailure) ingest.Raw {
	detail := f.err.Error()
	if e := IMAPErrorOf(f.err); e != nil {
		detail = e.Code + ": " + e.Err.Error()
	}
	return ingest.Raw{Identity: r.identity(uid), Note: ticketing.CauseFetch, Detail: detail, ServerAt: time.Now()}
}

// healthy fetches one byte of a mail that has not failed. It proves nothing when there is no such mail.
func (r *reader) healthy(ctx context.Context, s *Session) (proven bool, err error) {
	all, err := s.search(ctx, everything())
	if err != nil {
		return false, err
	}
	others := slices.DeleteFunc(all, func(uid uint32) bool { return r.state.failed[uid] != nil })
	if len(others) == 0 {
		return false, nil
	}
	return true, s.touch(ctx, others[len(others)-1])
}

// headerDate reads the Date field without minding the rest of the header; zero if there is none that can be read.
func headerDate(raw []byte) time.Time {
	for line := range bytes.Lines(raw) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if len(line) > 5 && bytes.EqualFold(line[:5], []byte("Date:")) {
			t, err := netmail.ParseDate(string(bytes.TrimSpace(line[5:])))
			if err != nil {
				return time.Time{}
			}
			return t
		}
	}
	return time.Time{}
}
