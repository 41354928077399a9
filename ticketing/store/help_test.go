package store_test

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 30, 8, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// each runs fn on every database with a clock that fn moves.
func each(t *testing.T, fn func(t *testing.T, db *store.DB, c *clock)) {
	t.Helper()
	var c *clock
	storetest.EachWith(t, func(cfg *store.Config) {
		c = newClock()
		cfg.Clock = c.Now
	}, func(t *testing.T, db *store.DB, _ ticketing.Files) { fn(t, db, c) })
}

// update runs fn in a transaction that must succeed.
func update(t testing.TB, db *store.DB, fn func(tx ticketing.Tx)) {
	t.Helper()
	if err := db.Update(t.Context(), func(tx ticketing.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

// view runs fn in a reading transaction that must succeed.
func view(t testing.TB, db *store.DB, fn func(tx ticketing.Tx)) {
	t.Helper()
	if err := db.View(t.Context(), func(tx ticketing.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ok is for calls with a value and an error.
func ok[T any](t testing.TB) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		must(t, err)
		return v
	}
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// fill gives every settable field of a struct a value of its own, so that a column forgotten in a query shows.
func fill(p any) {
	n := int64(1)
	fillValue(reflect.ValueOf(p).Elem(), &n)
}

func fillValue(v reflect.Value, n *int64) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.UnixMilli(1_700_000_000_000 + *n).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.Type().Name() + string(rune('a'+*n%26)) + time.Duration(*n).String())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	case reflect.Float64:
		v.SetFloat(float64(*n) / 8)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillValue(v.Index(0), n)
		fillValue(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		val := reflect.New(v.Type().Elem()).Elem()
		fillValue(val, n)
		v.SetMapIndex(reflect.ValueOf("key").Convert(v.Type().Key()), val)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fillValue(v.Field(i), n)
		}
	}
}
