package mail

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"
)

// Flag sets DoneKeyword on the mails. Mails that have gone are passed over.
func (s *Session) Flag(ctx context.Context, uids []uint32) error {
	if len(uids) == 0 {
		return nil
	}
	if !s.keywords {
		return s.config.fail(imapKeywords, "STORE", fmt.Errorf("%s is not among the permanent flags of %s", DoneKeyword, s.folder))
	}
	return s.store(ctx, uids, DoneKeyword)
}

func (s *Session) store(ctx context.Context, uids []uint32, flag imap.Flag) error {
	return s.run(ctx, "STORE", s.config.CommandTimeout, func() error {
		return s.client.Store(uidSet(uids), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{flag}}, nil).Close()
	})
}

// Move moves the mails to a folder, which is made if it does not exist. Without MOVE (RFC 6851) it copies, marks and expunges, but only
// where UIDPLUS (RFC 4315) allows to expunge these mails alone: a plain EXPUNGE would also remove what other clients marked.
func (s *Session) Move(ctx context.Context, uids []uint32, target string) error {
	if len(uids) == 0 {
		return nil
	}
	move := s.caps.Has(imap.CapMove) || s.caps.Has(imap.CapIMAP4rev2)
	if !move && !s.caps.Has(imap.CapUIDPlus) {
		return s.config.fail(imapMove, "MOVE", errors.New("neither MOVE nor UIDPLUS is offered"))
	}
	target, err := s.native(ctx, target)
	if err != nil {
		return err
	}
	transfer := func() error {
		if move {
			return s.run(ctx, "MOVE", s.config.CommandTimeout, func() error {
				_, err := s.client.Move(uidSet(uids), target).Wait()
				return err
			})
		}
		return s.run(ctx, "COPY", s.config.CommandTimeout, func() error {
			_, err := s.client.Copy(uidSet(uids), target).Wait()
			return err
		})
	}
	err = transfer()
	if e := IMAPErrorOf(err); e != nil && e.Refusal {
		if s.create(ctx, target) == nil {
			err = transfer()
		}
	}
	if err != nil || move {
		return err
	}
	if err := s.store(ctx, uids, imap.FlagDeleted); err != nil {
		return err
	}
	return s.run(ctx, "EXPUNGE", s.config.CommandTimeout, func() error { return s.client.UIDExpunge(uidSet(uids)).Close() })
}

func (s *Session) create(ctx context.Context, folder string) error {
	return s.run(ctx, "CREATE", s.config.CommandTimeout, func() error { return s.client.Create(folder, nil).Wait() })
}
