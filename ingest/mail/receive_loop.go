package mail

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// identities is how many identities are asked for in one Missing.
const identities = 1000

// loop takes in what is new, tidies up, and waits, until something fails.
func (r *reader) loop(ctx context.Context, s *Session, pause *backoff) error {
	first := true
	for {
		if err := r.ready(ctx); err != nil {
			return err
		}
		uids, err := s.NewUIDs(ctx, uint32(r.state.cursor.Position))
		if err != nil {
			return err
		}
		r.status.alive("reading")
		if len(uids) > 0 || len(r.state.failed) > 0 {
			if err := r.take(ctx, s, uids, first, pause); err != nil {
				return err
			}
		}
		first = false
		if err := r.care(ctx, s); err != nil {
			return err
		}
		if err := r.reconcile(ctx, s); err != nil {
			return err
		}
		pause.reset()
		r.status.alive("idle")
		if _, err := s.Idle(ctx, r.untilRetry()); err != nil {
			return err
		}
	}
}

// untilRetry is how long to wait for news.
func (r *reader) untilRetry() time.Duration {
	wait := r.config.Poll
	for _, f := range r.state.failed {
		wait = min(wait, max(time.Until(f.due), 0))
	}
	return wait
}

// ready waits while nothing more may be taken in.
func (r *reader) ready(ctx context.Context) error {
	r.status.state("holding")
	return r.into.Ready(ctx)
}

// take fetches and hands over mails with these UIDs, those that failed before last. check: some may be in the ledger already.
func (r *reader) take(ctx context.Context, s *Session, uids []uint32, check bool, pause *backoff) error {
	st := &r.state
	var err error
	if check || len(st.failed) > 0 {
		if uids, err = r.unknown(ctx, uids); err != nil {
			return err
		}
	}
	if uids, err = r.sinceStart(ctx, s, uids); err != nil {
		return err
	}
	for uid := range st.failed {
		if !slices.Contains(uids, uid) {
			delete(st.failed, uid)
		}
	}
	fresh := slices.DeleteFunc(slices.Clone(uids), func(uid uint32) bool { return st.failed[uid] != nil })
	c := &committer{}
	defer c.wait()
	for len(fresh) > 0 {
		r.status.set(func(m *MailboxStatus) { m.State, m.Waiting, m.Failing = "reading", len(fresh), len(st.failed) })
		n := min(r.config.Chunk, len(fresh))
		if fresh[0] <= st.careful {
			n = 1
		}
		raws, err := r.fetch(ctx, s, fresh[:n])
		if err != nil {
			return errors.Join(c.wait(), err)
		}
		r.status.alive("reading")
		if err := r.hand(ctx, c, raws, fresh[n-1]); err != nil {
			return err
		}
		pause.reset()
		fresh = fresh[n:]
		if err := r.ready(ctx); err != nil {
			return err
		}
	}
	if err := c.wait(); err != nil {
		return err
	}
	err = r.retry(ctx, s)
	r.status.set(func(m *MailboxStatus) { m.Waiting, m.Failing = len(st.failed), len(st.failed) })
	return err
}

// unknown leaves out mails that are in the ledger: a cursor that waits for a failed mail lets others go past it.
func (r *reader) unknown(ctx context.Context, uids []uint32) ([]uint32, error) {
	var left []uint32
	for part := range slices.Chunk(uids, identities) {
		names := make([]string, 0, len(part))
		for _, uid := range part {
			names = append(names, r.identity(uid))
		}
		missing, err := r.into.Missing(ctx, names)
		if err != nil {
			return nil, err
		}
		is := make(map[string]bool, len(missing))
		for _, name := range missing {
			is[name] = true
		}
		for i, uid := range part {
			if is[names[i]] {
				left = append(left, uid)
			}
		}
	}
	return left, nil
}

func (r *reader) identity(uid uint32) string {
	return r.Place() + "/" + strconv.FormatInt(r.state.cursor.Validity, 10) + "/" + strconv.FormatUint(uint64(uid), 10)
}

// committer hands over in the background so that the next mails are fetched meanwhile; one commit at a time, in order.
type committer struct{ result chan error }

func (c *committer) wait() error {
	if c.result == nil {
		return nil
	}
	err := <-c.result
	c.result = nil
	return err
}

func (c *committer) start(commit func() error) error {
	if err := c.wait(); err != nil {
		return err
	}
	result := make(chan error, 1)
	c.result = result
	go func() { result <- commit() }()
	return nil
}

// hand gives mails to the ledger. Every mail up to upTo is now settled, except those in failed; the cursor moves as far as that allows.
func (r *reader) hand(ctx context.Context, c *committer, raws []ingest.Raw, upTo uint32) error {
	st := &r.state
	st.top = max(st.top, upTo)
	next := st.cursor
	next.Position = int64(st.top)
	for uid := range st.failed {
		next.Position = min(next.Position, int64(uid)-1)
	}
	move := &next
	if next.Position <= st.cursor.Position {
		move = nil
		if len(raws) == 0 {
			return nil
		}
	}
	// Until the commit is known to have succeeded the ledger, not st.cursor, says where we are.
	st.known = false
	err := c.start(func() error {
		err := r.into.Accept(ctx, r.door(), *r.lease.Load(), raws, move)
		if err == nil {
			r.status.set(func(m *MailboxStatus) { m.Accepted += int64(len(raws)) })
		}
		return err
	})
	if err != nil {
		return err
	}
	if move != nil {
		st.cursor = next
	}
	return nil
}

// raw makes a ledger item; ok is false for mail before the start.
func (r *reader) raw(i Item) (raw ingest.Raw, ok bool) {
	mark := r.state.mark
	raw = ingest.Raw{Identity: r.identity(i.UID), Bytes: i.Bytes, ServerAt: i.At}
	if i.UID < mark.oldBelow {
		written := headerDate(i.Bytes)
		start := time.UnixMilli(r.state.cursor.Start)
		if i.At.Before(start) && written.Before(start) {
			r.state.passed[i.UID] = true
			return raw, false
		}
		if written.IsZero() {
			written = i.At
		}
		raw.Quiet = written.Before(mark.live)
	}
	if i.Cut {
		raw.Note = ticketing.CauseTooLarge
		raw.Detail = "size " + strconv.FormatInt(i.Size, 10) + " limit " + strconv.FormatInt(r.config.MaxSize, 10)
	}
	return raw, true
}

// sinceStart leaves out mail that lies before the mailbox's start by what the server says, without fetching it.
func (r *reader) sinceStart(ctx context.Context, s *Session, uids []uint32) ([]uint32, error) {
	st := &r.state
	old := func(uid uint32) bool { return uid < st.mark.oldBelow }
	if !slices.ContainsFunc(uids, old) {
		return uids, nil
	}
	if st.mark.leave {
		return slices.DeleteFunc(uids, old), nil
	}
	found, err := s.SearchSince(ctx, time.UnixMilli(st.cursor.Start))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(uids, func(uid uint32) bool {
		if !old(uid) {
			return false
		}
		_, in := slices.BinarySearch(found, uid)
		return !in || st.passed[uid]
	}), nil
}
