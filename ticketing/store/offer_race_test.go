package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// TestOfferEndsOnce: of two replicas that are about to end an offer the second waits for the first and sees what that made of it, whichever
// way either finds the offer. On SQLite there is one writer; the test needs PostgreSQL.
func TestOfferEndsOnce(t *testing.T) {
	dsn := storetest.Schema(t)
	db := storetest.OpenDSN(t, dsn)
	th, _ := storetest.Thread(t, db, "a")
	finds := map[string]func(ctx context.Context, tx ticketing.Tx) (ticketing.Suggestion, error){
		"token": func(ctx context.Context, tx ticketing.Tx) (ticketing.Suggestion, error) {
			return tx.SuggestionByToken(ctx, "no-hash")
		},
		"thread": func(ctx context.Context, tx ticketing.Tx) (ticketing.Suggestion, error) {
			return tx.OpenSuggestion(ctx, th.ID)
		},
		"contact": func(ctx context.Context, tx ticketing.Tx) (ticketing.Suggestion, error) {
			return tx.OpenSuggestionOf(ctx, th.Contact, th.Queue)
		},
		"id": func(ctx context.Context, tx ticketing.Tx) (ticketing.Suggestion, error) {
			return tx.Suggestion(ctx, "S1")
		},
	}
	for name, find := range finds {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			s := ticketing.Suggestion{ID: "S1", Thread: th.ID, Contact: th.Contact, Queue: th.Queue, State: ticketing.SuggestionOpen, YesHash: "yes-hash", NoHash: "no-hash", OfferedAt: time.Unix(1, 0)}
			save := func(state ticketing.SuggestionState) func(tx ticketing.Tx) error {
				return func(tx ticketing.Tx) error {
					s.State = state
					return tx.SaveSuggestion(ctx, &s)
				}
			}
			if err := db.Update(ctx, save(ticketing.SuggestionOpen)); err != nil {
				t.Fatal(err)
			}
			locked, second := make(chan struct{}), make(chan ticketing.SuggestionState, 1)
			go func() {
				<-locked
				state := ticketing.SuggestionState("gone")
				_ = db.Update(ctx, func(tx ticketing.Tx) error {
					if got, err := find(ctx, tx); err == nil {
						state = got.State
					}
					return nil
				})
				second <- state
			}()
			var early ticketing.SuggestionState
			err := db.Update(ctx, func(tx ticketing.Tx) error {
				if _, err := tx.SuggestionByToken(ctx, "yes-hash"); err != nil {
					return err
				}
				close(locked)
				early = waiting(ctx, t, db, second)
				return save(ticketing.SuggestionSolved)(tx)
			})
			if err != nil {
				t.Error(err)
				return
			}
			if early != "" {
				t.Errorf("found %q while another was ending it", early)
				return
			}
			if state := <-second; state == ticketing.SuggestionOpen {
				t.Error("found it open after it had ended")
			}
		})
	}
}

// waiting returns once a connection waits for a lock, or with what the other found without waiting.
func waiting(ctx context.Context, t *testing.T, db *store.DB, second <-chan ticketing.SuggestionState) ticketing.SuggestionState {
	t.Helper()
	for ctx.Err() == nil {
		select {
		case state := <-second:
			return state
		default:
		}
		n := 0
		if err := db.Pool().QueryRowContext(ctx, `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%suggestions%'`).Scan(&n); err != nil {
			t.Error(err)
			return ""
		}
		if n > 0 {
			return ""
		}
	}
	t.Error("nobody waits")
	return ""
}
