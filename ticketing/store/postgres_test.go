package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// cutter passes bytes between clients and the server and cuts a connection when a client's bytes hold the trigger.
type cutter struct {
	addr    string
	mu      sync.Mutex
	trigger []byte
}

func (c *cutter) cutAt(trigger string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trigger = []byte(trigger)
}

// newCutter returns the address of dsn through a cutter.
func newCutter(t *testing.T, dsn string) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &cutter{addr: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(client, server)
		}
	}()
	u.Host = c.addr
	q := u.Query()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return c, u.String()
}

func (c *cutter) serve(client net.Conn, server string) {
	defer client.Close()
	up, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer up.Close()
	go func() {
		_, _ = io.Copy(client, up)
		client.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		cut := len(c.trigger) > 0 && bytes.Contains(buf[:n], c.trigger)
		if cut {
			c.trigger = nil
		}
		c.mu.Unlock()
		if cut {
			return
		}
		if _, err := up.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestLostConnection: before COMMIT the function simply runs again; at COMMIT nobody can know, the caller is told so and looks.
func TestLostConnection(t *testing.T) {
	c, dsn := newCutter(t, storetest.Schema(t))
	db, err := store.Open(t.Context(), store.Config{DSN: dsn, Migrate: true})
	must(t, err)
	defer db.Close()
	runs := 0
	save := func(id string) error {
		runs = 0
		return db.Update(t.Context(), func(tx ticketing.Tx) error {
			runs++
			return tx.SaveAgent(t.Context(), &ticketing.Agent{ID: id, Name: "x"})
		})
	}
	must(t, save("first"))
	for _, trigger := range []string{"begin", "cut here"} {
		c.cutAt(trigger)
		must(t, save("cut here "+trigger))
	}
	same(t, "runs", runs, 2)
	c.cutAt("\x0bcommit\x00")
	err = save("last")
	if !errors.Is(err, &ticketing.Error{Code: "store.commit_unknown"}) || ticketing.Permanent(err) {
		t.Fatalf("cut at commit: %v", err)
	}
	same(t, "runs", runs, 1)
	must(t, save("after"))
	must(t, db.Check(t.Context()))
}

// TestUniqueRace: two processes meet the same new person at the same time. One waits for the other, runs again and finds the contact.
func TestUniqueRace(t *testing.T) {
	db := openPostgres(t, storetest.Schema(t))
	ctx := t.Context()
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for i := range 8 {
		wg.Go(func() {
			var id string
			err := db.Update(ctx, func(tx ticketing.Tx) error {
				c, err := tx.ContactByKey(ctx, "mail:a@example.com")
				if err == ticketing.ErrNotFound {
					c = ticketing.Contact{ID: fmt.Sprint("c", i), Key: "mail:a@example.com"}
					err = tx.SaveContact(ctx, &c)
				}
				id = c.ID
				return err
			})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			ids[id] = true
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("contacts: %v", ids)
	}
}

// TestDeadlock: two transactions that lock two rows crosswise; the database ends one, which runs again.
func TestDeadlock(t *testing.T) {
	db := openPostgres(t, storetest.Schema(t))
	ctx := t.Context()
	save := func(tx ticketing.Tx, id, name string) error {
		return tx.SaveAgent(ctx, &ticketing.Agent{ID: id, Name: name})
	}
	update(t, db, func(tx ticketing.Tx) { must(t, errors.Join(save(tx, "a", "0"), save(tx, "b", "0"))) })
	var met sync.WaitGroup
	met.Add(2)
	var wg sync.WaitGroup
	for i, order := range []string{"ab", "ba"} {
		wg.Go(func() {
			var once sync.Once
			name := fmt.Sprint("by ", i)
			if err := db.Update(ctx, func(tx ticketing.Tx) error {
				if err := save(tx, order[:1], name); err != nil {
					return err
				}
				once.Do(func() { met.Done(); met.Wait() })
				return save(tx, order[1:], name)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	view(t, db, func(tx ticketing.Tx) {
		get := ok[ticketing.Agent](t)
		same(t, "the same transaction wrote last", get(tx.Agent(ctx, "a")).Name, get(tx.Agent(ctx, "b")).Name)
	})
}

// TestFenceHoldsToTheCommit: between a lease's check and the commit nobody takes it over.
func TestFenceHoldsToTheCommit(t *testing.T) {
	c := newClock()
	db := openPostgres(t, storetest.Schema(t), func(cfg *store.Config) { cfg.Clock = c.Now })
	ctx := t.Context()
	var l ticketing.Lease
	update(t, db, func(tx ticketing.Tx) {
		var err error
		l, _, err = tx.AcquireLease(ctx, "x", "a", time.Second)
		must(t, err)
	})
	c.Add(time.Minute)
	taken := make(chan error, 1)
	update(t, db, func(tx ticketing.Tx) {
		must(t, tx.CheckLease(ctx, l))
		go func() {
			taken <- db.Update(ctx, func(tx ticketing.Tx) error {
				_, _, err := tx.AcquireLease(ctx, "x", "b", time.Second)
				return err
			})
		}()
		waitForLock(t, db)
		select {
		case err := <-taken:
			t.Errorf("taken over inside the transaction: %v", err)
		default:
		}
	})
	must(t, <-taken)
	if err := db.Update(ctx, func(tx ticketing.Tx) error { return tx.CheckLease(ctx, l) }); !errors.Is(err, ticketing.ErrFenced) {
		t.Errorf("after the take-over: %v", err)
	}
}

// waitForLock returns when the one who wants to take the lease over waits for its row.
func waitForLock(t *testing.T, db *store.DB) {
	t.Helper()
	for {
		var n int
		must(t, db.Pool().QueryRowContext(t.Context(), `select count(*) from pg_stat_activity
			where wait_event_type = 'Lock' and query like '%insert into leases%'`).Scan(&n))
		if n > 0 {
			return
		}
	}
}

func TestPostgresIsCareful(t *testing.T) {
	dsn := storetest.Schema(t)
	ctx := t.Context()
	if _, err := store.Open(ctx, store.Config{DSN: dsn}); err == nil || !strings.Contains(err.Error(), "sportello migrate") {
		t.Fatalf("without a schema: %v", err)
	}
	var wg sync.WaitGroup
	for range 3 { // replicas that start together
		wg.Go(func() {
			db, err := store.Open(ctx, store.Config{DSN: dsn, Migrate: true})
			if err != nil {
				t.Error(err)
				return
			}
			must(t, db.Close())
		})
	}
	wg.Wait()
	db := openPostgres(t, dsn)

	var there time.Time
	must(t, db.Pool().QueryRowContext(ctx, "select clock_timestamp()").Scan(&there))
	if d := db.Now().Sub(there).Abs(); d > 10*time.Second {
		t.Errorf("the store's clock is %v from the database's", d)
	}
	if err := db.View(ctx, func(tx ticketing.Tx) error { return tx.SaveAgent(ctx, &ticketing.Agent{ID: "v"}) }); err == nil {
		t.Error("a view wrote")
	}
	if err := db.Update(ctx, func(tx ticketing.Tx) error {
		_ = tx.InsertTicket(ctx, &ticketing.Ticket{Number: 1, Thread: "nowhere", State: "new"})
		return nil
	}); err == nil {
		t.Error("a transaction with a failed statement was committed")
	}
	if err := db.Update(ctx, func(ticketing.Tx) error { panic("broken") }); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("panic: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	if err := db.Update(cancelled, func(tx ticketing.Tx) error {
		cancel()
		return tx.SaveAgent(cancelled, &ticketing.Agent{ID: "c"})
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	admin, err := sql.Open("pgx", dsn)
	must(t, err)
	defer admin.Close()
	_, err = admin.ExecContext(ctx, "insert into schema_migrations values (999, 'future', 0)")
	must(t, err)
	if err := db.Check(ctx); !errors.Is(err, ticketing.ErrSchema) {
		t.Errorf("check of a newer schema: %v", err)
	}
	if _, err := store.Open(ctx, store.Config{DSN: dsn, Migrate: true}); !errors.Is(err, ticketing.ErrSchema) {
		t.Errorf("newer schema: %v", err)
	}
}

func openPostgres(t *testing.T, dsn string, options ...func(*store.Config)) *store.DB {
	t.Helper()
	cfg := store.Config{DSN: dsn, Migrate: true}
	for _, o := range options {
		o(&cfg)
	}
	db, err := store.Open(t.Context(), cfg)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}
