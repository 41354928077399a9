package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// BenchmarkUpdate: one ledger row a transaction, durable (SQLite: synchronous=FULL), for 1, 8 and 64 callers.
func BenchmarkUpdate(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) *store.DB{
		"sqlite": func(b *testing.B) *store.DB { return storetest.Open(b) },
		"postgres": func(b *testing.B) *store.DB {
			return storetest.OpenDSN(b, storetest.Schema(b))
		},
	} {
		for _, callers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d", name, callers), func(b *testing.B) { benchmarkUpdate(b, open(b), callers) })
		}
	}
}

func benchmarkUpdate(b *testing.B, db *store.DB, callers int) {
	work := make(chan int)
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for n := range work {
				in := &ticketing.Inbound{ID: fmt.Sprintf("%026d", n), Identity: fmt.Sprint("mail:a/1/", n), Door: "mail:a",
					RawSHA: fmt.Sprintf("%064x", n*7919)}
				if err := db.Update(b.Context(), func(tx ticketing.Tx) error {
					_, err := tx.InsertInbound(b.Context(), in)
					return err
				}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for n := range b.N {
		work <- n
	}
	close(work)
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
}

// BenchmarkInbound: a batch of mails accepted, taken and finished, each in three durable steps of 64 as the ledger does.
func BenchmarkInbound(b *testing.B) {
	db := storetest.Open(b)
	const size = 64
	b.ResetTimer()
	for n := range b.N {
		var rows []ticketing.Inbound
		for _, step := range []func(tx ticketing.Tx) error{
			func(tx ticketing.Tx) error {
				for i := range size {
					in := inbound(n*size + i)
					in.RawSHA = fmt.Sprintf("%064x", (n*size+i)*7919)
					if _, err := tx.InsertInbound(b.Context(), in); err != nil {
						return err
					}
				}
				return nil
			},
			func(tx ticketing.Tx) (err error) {
				rows, err = tx.TakeInbound(b.Context(), "w", life, size)
				return err
			},
			func(tx ticketing.Tx) error {
				for i := range rows {
					rows[i].Outcome, rows[i].LogicalKey = ticketing.OutcomeAutomatic, rows[i].ID
					if err := tx.FinishInbound(b.Context(), &rows[i]); err != nil {
						return err
					}
				}
				return nil
			},
		} {
			if err := db.Update(b.Context(), step); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "mails/s")
}
