package mail

import (
	"context"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Idle waits until the server announces more mail, wait is over, or ctx ends; it reports whether mail was announced. The connection is
// known to work when it returns nil: DONE (or NOOP, where the server has no IDLE, RFC 2177) was answered. wait is cut to 4 minutes.
func (s *Session) Idle(ctx context.Context, wait time.Duration) (bool, error) {
	wait = min(wait, maxIdle)
	if !s.caps.Has(imap.CapIdle) && !s.caps.Has(imap.CapIMAP4rev2) {
		return s.pause(ctx, wait)
	}
	var idle interface {
		Close() error
		Wait() error
	}
	if err := s.run(ctx, "IDLE", s.config.CommandTimeout, func() (err error) {
		idle, err = s.client.Idle()
		return err
	}); err != nil {
		return false, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	news := false
	select {
	case <-s.news:
		news = true
	case <-timer.C:
	case <-s.client.Closed():
	case <-ctx.Done():
	}
	// When ctx has ended, DONE is still said so that the following LOGOUT is understood.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.CommandTimeout)
	defer cancel()
	if ctx.Err() != nil {
		end, cancel = context.WithTimeout(end, 2*time.Second)
		defer cancel()
	}
	err := s.run(end, "IDLE", s.config.CommandTimeout, func() error {
		if err := idle.Close(); err != nil {
			return err
		}
		return idle.Wait()
	})
	if ctx.Err() != nil {
		return news, ctx.Err()
	}
	return news, err
}

// pause is Idle for servers without IDLE.
func (s *Session) pause(ctx context.Context, wait time.Duration) (bool, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-s.news:
		return true, nil
	case <-timer.C:
	case <-s.client.Closed():
	case <-ctx.Done():
		return false, ctx.Err()
	}
	err := s.run(ctx, "NOOP", s.config.CommandTimeout, func() error { return s.client.Noop().Wait() })
	select {
	case <-s.news:
		return true, err
	default:
		return false, err
	}
}
