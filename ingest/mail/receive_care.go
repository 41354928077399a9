package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// care flags or moves at the server what has been dealt with (K10). It is never the source of truth: repeating it does no harm.
func (r *reader) care(ctx context.Context, s *Session) error {
	if r.config.After == "keep" {
		return nil
	}
	rows, err := r.into.AfterCare(ctx, r.door())
	if err != nil {
		return err
	}
	for part := range slices.Chunk(rows, r.config.Chunk) {
		var uids []uint32
		ids := make([]string, 0, len(part))
		for _, row := range part {
			ids = append(ids, row.ID)
			// Under an older UIDVALIDITY the UID names another mail, or none: nothing can be done any more.
			if validity, uid, ok := r.parseIdentity(row.Identity); ok && validity == r.state.cursor.Validity {
				uids = append(uids, uid)
			}
		}
		if r.config.After == "move" {
			err = s.Move(ctx, uids, r.config.MoveTo)
		} else {
			err = s.Flag(ctx, uids)
		}
		if e := IMAPErrorOf(err); e != nil && (e.Refusal || e.Class == IMAPSettings) {
			// The mail is safe: going on reading matters more than tidiness.
			r.log.Warn("mail cannot be "+r.config.After+"ed at the server", "code", e.Code, "error", err)
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.into.CareTaken(ctx, ids); err != nil {
			return err
		}
	}
	return nil
}

// parseIdentity splits an identity of this mailbox into UIDVALIDITY and UID.
func (m *Mailbox) parseIdentity(identity string) (validity int64, uid uint32, ok bool) {
	rest, ok := strings.CutPrefix(identity, m.Place()+"/")
	if !ok {
		return 0, 0, false
	}
	v, u, ok := strings.Cut(rest, "/")
	if !ok {
		return 0, 0, false
	}
	validity, err := strconv.ParseInt(v, 10, 64)
	n, err2 := strconv.ParseUint(u, 10, 32)
	return validity, uint32(n), err == nil && err2 == nil
}

// reconcile compares the server with the ledger: hourly what arrived in the last three days, daily everything since the start. What is
// missing is handed over and counted.
func (r *reader) reconcile(ctx context.Context, s *Session) error {
	st := &r.state
	now := time.Now()
	if st.reconciled.IsZero() {
		// Right after a start everything behind the cursor has just been committed; the first comparison is due in an hour.
		st.reconciled, st.complete = now, now
		return nil
	}
	since := time.UnixMilli(st.cursor.Start)
	all := now.Sub(st.complete) >= reconcileAll
	switch {
	case all:
	case now.Sub(st.reconciled) < reconcileEvery:
		return nil
	case now.Add(-reconcileBack).After(since):
		since = now.Add(-reconcileBack)
	}
	found, err := s.SearchSince(ctx, since)
	if err != nil {
		return err
	}
	behind := slices.DeleteFunc(found, func(uid uint32) bool {
		return int64(uid) > st.cursor.Position || st.failed[uid] != nil || st.passed[uid]
	})
	missing, err := r.unknown(ctx, behind)
	if err == nil {
		missing, err = r.sinceStart(ctx, s, missing)
	}
	if err != nil {
		return err
	}
	count := 0
	c := &committer{}
	defer c.wait()
	for part := range slices.Chunk(missing, r.config.Chunk) {
		raws, err := r.fetch(ctx, s, part)
		if err != nil {
			return err
		}
		count += len(raws)
		if err := r.hand(ctx, c, raws, 0); err != nil {
			return err
		}
		if err := r.ready(ctx); err != nil {
			return err
		}
	}
	if err := c.wait(); err != nil {
		return err
	}
	st.reconciled = now
	if all {
		st.complete = now
	}
	r.status.set(func(m *MailboxStatus) {
		m.Missing = count
		if m.MissedRun++; count == 0 {
			m.MissedRun = 0
		}
	})
	if count > 0 {
		r.log.Error("mails were at the server but not in the ledger; they have been taken in now", "count", count)
	}
	return nil
}

// errRenumbered: the mail's number means another mail now.
var errRenumbered = errors.New("the server has numbered its mail anew since: the mail cannot be found by its number")

// Refetch reads a mail that is in quarantine because it was too large or could not be fetched, whole, up to limit bytes.
func (m *Mailbox) Refetch(ctx context.Context, identity string, limit int64) (ingest.Raw, error) {
	validity, uid, ok := m.parseIdentity(identity)
	if !ok {
		return ingest.Raw{}, m.config.fail(imapSettings, "fetch again", fmt.Errorf("%q is not a mail of %s", identity, m.Place()))
	}
	s, err := m.Dial(ctx)
	if err != nil {
		return ingest.Raw{}, err
	}
	defer s.Close()
	f, err := s.Examine(ctx, m.config.Folder)
	if err != nil {
		return ingest.Raw{}, err
	}
	if int64(f.UIDValidity) != validity {
		return ingest.Raw{}, m.config.fail(imapRefused, "fetch again", errRenumbered)
	}
	heads, err := s.Heads(ctx, []uint32{uid})
	if err != nil {
		return ingest.Raw{}, err
	}
	items, err := s.bodies(ctx, heads, wholeMail(), limit)
	if err != nil {
		return ingest.Raw{}, err
	}
	if len(items) != 1 {
		return ingest.Raw{}, ticketing.ErrNotFound
	}
	return ingest.Raw{Identity: identity, Bytes: items[0].Bytes, ServerAt: items[0].At}, nil
}

// FindSent looks for a Message-ID, given with its angle brackets, in a folder of the account; with folder "" in the one the server
// marks as that of sent mail. It answers the question whether a letter in doubt has gone (reliability.md 3.3).
func (m *Mailbox) FindSent(ctx context.Context, folder, messageID string) (ticketing.Found, error) {
	s, err := m.Dial(ctx)
	if err != nil {
		return ticketing.ProbeImpossible, err
	}
	defer s.Close()
	if folder == "" {
		if folder, err = s.SentFolder(ctx); err != nil {
			return ticketing.ProbeImpossible, err
		}
	}
	if _, err := s.Examine(ctx, folder); err != nil {
		return ticketing.ProbeImpossible, err
	}
	uids, err := s.SearchMessageID(ctx, messageID)
	switch {
	case err != nil:
		return ticketing.ProbeImpossible, err
	case len(uids) == 0:
		return ticketing.ProbeMissing, nil
	}
	return ticketing.ProbeFound, nil
}
