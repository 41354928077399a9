package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// TestEveryQueryUsesAnIndex calls every method of a transaction and asks SQLite how it runs the statements that were prepared by it.
func TestEveryQueryUsesAnIndex(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := Open(ctx, Config{DSN: path, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	own, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()

	// Each value stands for every argument of its type; what the statements do with it does not matter here.
	values := []any{
		"x", ticketing.Ref("x"), int64(1), 1, time.Now(), time.Minute, []string{"a", "b", "c"}, ticketing.OutgoingKind("x"), ticketing.Lease{Name: "x"},
		ticketing.Cursor{Place: "x"}, ticketing.InboundFilter{}, ticketing.TicketFilter{}, ticketing.OutgoingFilter{}, ticketing.LessonFilter{},
	}
	arguments := map[reflect.Type]reflect.Value{reflect.TypeFor[context.Context](): reflect.ValueOf(ctx)}
	for _, v := range values {
		arguments[reflect.TypeOf(v)] = reflect.ValueOf(v)
	}
	call := func(name string) {
		_ = db.Update(ctx, func(tx ticketing.Tx) error {
			m := reflect.ValueOf(tx).MethodByName(name)
			args := make([]reflect.Value, m.Type().NumIn())
			for i := range args {
				in := m.Type().In(i)
				switch v, known := arguments[in]; {
				case known:
					args[i] = v
				case in.Kind() == reflect.Pointer:
					args[i] = reflect.New(in.Elem())
				default:
					t.Fatalf("%s: no value for %v", name, in)
				}
			}
			m.Call(args)
			return ticketing.ErrFenced // nothing is kept
		})
	}
	methods := reflect.TypeFor[ticketing.Tx]()
	for i := range methods.NumMethod() {
		call(methods.Method(i).Name)
	}
	for _, f := range []ticketing.InboundFilter{{State: "done"}, {Outcome: "quarantine"}, {Outcome: "quarantine", Cause: "loop", Before: "x"}, {Before: "x"}} {
		arguments[reflect.TypeOf(f)] = reflect.ValueOf(f)
		call("ListInbound")
	}
	for _, f := range []ticketing.TicketFilter{{Queues: []string{"a", "b"}, States: []ticketing.State{"new"}, Assignee: "x", Urgent: true, Skip: 5}, {Queues: []string{"a"}, States: []ticketing.State{"new"}, Unassigned: true}, {OpenedSince: time.Now(), Queues: []string{"a"}}, {ResolvedSince: time.Now(), Queues: []string{"a"}}, {Queue: "q"}, {Contact: "c"}, {States: []ticketing.State{"new", "open"}}, {Before: 4}} {
		arguments[reflect.TypeOf(f)] = reflect.ValueOf(f)
		call("ListTickets")
		call("CountListed")
	}
	for _, f := range []ticketing.OutgoingFilter{{State: "failed"}, {Ticket: 3}, {Thread: "t"}, {Before: "x"}} {
		arguments[reflect.TypeOf(f)] = reflect.ValueOf(f)
		call("ListOutgoing")
	}
	arguments[reflect.TypeFor[string]()] = reflect.ValueOf("")
	arguments[reflect.TypeFor[ticketing.OutgoingKind]()] = reflect.ValueOf(ticketing.OutgoingKind(""))
	call("CountAutomatic")

	// What is due comes out of its index in order. Reading all of a small table, a page of the newest by the key, and counting by an index alone are meant so.
	meant := regexp.MustCompile(`^SCAN (articles|e|m|CONSTANT ROW|\(subquery-\d+\)|.* USING (COVERING )?INDEX .*)$`)
	seen := 0
	for text := range db.writer.conn.stmts {
		if !strings.Contains(text, "select") && !strings.Contains(text, "update") {
			continue
		}
		seen++
		for _, step := range explain(t, own, text) {
			if strings.HasPrefix(step, "SCAN") && !meant.MatchString(step) || strings.Contains(step, "AUTOMATIC") ||
				strings.Contains(step, "TEMP B-TREE") && strings.Contains(text, "limit") && strings.Contains(text, "_at, id limit") {
				t.Errorf("%s\n  in %s", step, text)
			}
		}
	}
	if seen < 70 {
		t.Errorf("only %d statements were seen", seen)
	}
}

func explain(t *testing.T, db *sql.DB, text string) (steps []string) {
	t.Helper()
	args := make([]any, 0, 32)
	for i := 1; i <= 32; i++ {
		if strings.Contains(text, "$"+string(rune('0'+i/10))+string(rune('0'+i%10))) || i < 10 && strings.Contains(text, "$"+string(rune('0'+i))) {
			args = append(args, int64(i))
		}
	}
	rows, err := db.Query("explain query plan "+text, args...)
	if err != nil {
		t.Fatalf("%v\n  in %s", err, text)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, other int
		var step string
		if err := rows.Scan(&id, &parent, &other, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}
