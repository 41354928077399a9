package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
)

// TestFindTickets: tickets are found by the beginnings of their thread's words, in the queues asked about, newest first.
func TestFindTickets(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		var ids []string
		update(t, db, func(tx ticketing.Tx) {
			for i, words := range [][]string{{"stampante", "ferma", "città"}, {"stampa", "bianca"}, {"stampante", "rotta", "\U0010FFFE"}, {"stampante"}} {
				th := ticketing.Thread{ID: fmt.Sprintf("T%d", i), Number: int64(i + 1), Key: fmt.Sprint(i), Queue: "a", State: ticketing.ThreadTicket}
				must(t, tx.SaveThread(ctx, &th))
				ids = append(ids, th.ID)
				k := ticketing.Ticket{Number: int64(i + 1), Thread: th.ID, Queue: "a", State: ticketing.StateNew, Priority: []string{"normal", "high", "urgent", "normal"}[i]}
				if i == 3 {
					k.Queue = "b"
				}
				must(t, tx.InsertTicket(ctx, &k))
				must(t, tx.AddWords(ctx, th.ID, words))
				must(t, tx.AddWords(ctx, th.ID, words)) // nothing twice
			}
			many := make([]string, 150)
			for i := range many {
				many[i] = fmt.Sprintf("parola%d", i)
			}
			must(t, tx.AddWords(ctx, "T0", many))
			must(t, tx.AddWords(ctx, "T0", nil))
		})
		numbers := func(all []ticketing.Ticket) (out []int64) {
			for _, k := range all {
				out = append(out, k.Number)
			}
			return out
		}
		view(t, db, func(tx ticketing.Tx) {
			for _, row := range []struct {
				queues, words []string
				limit         int
				want          []int64
			}{
				{[]string{"a"}, []string{"stampa"}, 0, []int64{3, 2, 1}}, {[]string{"a", "b"}, []string{"stampante"}, 0, []int64{4, 3, 1}}, {[]string{"b"}, []string{"stampa"}, 0, []int64{4}},
				{[]string{"a"}, []string{"stampa"}, 2, []int64{3, 2}}, {[]string{"a"}, []string{"stampa", "rot"}, 0, []int64{3}}, {[]string{"a"}, []string{"citt"}, 0, []int64{1}},
				{[]string{"a"}, []string{"parola149"}, 0, []int64{1}}, {[]string{"a"}, []string{"tampante"}, 0, nil}, {nil, []string{"stampa"}, 0, nil}, {[]string{"a"}, nil, 0, nil},
				{[]string{"a"}, []string{"\U0010FFFE"}, 0, []int64{3}}, {[]string{"a"}, []string{"%"}, 0, nil}, {[]string{"a' or 1=1"}, []string{"s"}, 0, nil},
			} {
				got, err := tx.FindTickets(ctx, row.queues, row.words, row.limit)
				must(t, err)
				if !slices.Equal(numbers(got), row.want) {
					t.Errorf("%v in %v: %v, want %v", row.words, row.queues, numbers(got), row.want)
				}
			}
			urgent := ok[[]ticketing.Ticket](t)(tx.ListTickets(ctx, ticketing.TicketFilter{Queues: []string{"a", "b"}, Urgent: true}))
			if !slices.Equal(numbers(urgent), []int64{3, 2, 1, 4}) {
				t.Errorf("by priority: %v", numbers(urgent))
			}
			urgent = ok[[]ticketing.Ticket](t)(tx.ListTickets(ctx, ticketing.TicketFilter{Queues: []string{"a", "b"}, Unassigned: true, Urgent: true, Skip: 1, Limit: 2}))
			if !slices.Equal(numbers(urgent), []int64{2, 1}) {
				t.Errorf("second page: %v", numbers(urgent))
			}
			for _, row := range []struct {
				f    ticketing.TicketFilter
				want int
			}{{ticketing.TicketFilter{Queues: []string{"a"}, Limit: 1}, 3}, {ticketing.TicketFilter{Assignee: "x"}, 0}, {ticketing.TicketFilter{States: []ticketing.State{"new", "open"}}, 4},
				{ticketing.TicketFilter{OpenedSince: c.Now()}, 4}, {ticketing.TicketFilter{OpenedSince: c.Now().Add(time.Second)}, 0}, {ticketing.TicketFilter{ResolvedSince: c.Now()}, 0}} {
				if got := ok[int](t)(tx.CountListed(ctx, row.f)); got != row.want {
					t.Errorf("%+v: %d, want %d", row.f, got, row.want)
				}
			}
		})
		update(t, db, func(tx ticketing.Tx) {
			if got := ok[[]ticketing.Thread](t)(tx.Unworded(ctx, 2)); len(got) != 2 || got[0].ID != "T0" {
				t.Errorf("not taken in yet: %+v", got)
			}
			for _, id := range ids {
				must(t, tx.Worded(ctx, id))
			}
			if got := ok[[]ticketing.Thread](t)(tx.Unworded(ctx, 2)); len(got) != 0 {
				t.Errorf("not taken in still: %+v", got)
			}
		})
	})
}

// TestHomes: what an agent looked at last, and who looked lately.
func TestHomes(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		var h ticketing.Home
		fill(&h)
		other := ticketing.Home{Agent: "slack:T1/U2", Door: "slack:T1"}
		update(t, db, func(tx ticketing.Tx) {
			must(t, tx.SaveHome(ctx, &h))
			h.Tab, h.Page, h.Queues, h.OpenedAt = "held", 2, nil, c.Now()
			must(t, tx.SaveHome(ctx, &h))
			same(t, "home", ok[ticketing.Home](t)(tx.Home(ctx, h.Agent)), h)
			must(t, tx.SaveHome(ctx, &other))
			if _, err := tx.Home(ctx, "nobody"); err != ticketing.ErrNotFound {
				t.Errorf("nobody's home: %v", err)
			}
		})
		c.Add(time.Minute)
		update(t, db, func(tx ticketing.Tx) {
			other.OpenedAt = c.Now()
			must(t, tx.SaveHome(ctx, &other))
			if all := ok[[]ticketing.Home](t)(tx.WatchedHomes(ctx, c.Now().Add(-time.Minute), 10)); len(all) != 2 || all[0].Agent != other.Agent {
				t.Errorf("watched: %+v", all)
			}
			if all := ok[[]ticketing.Home](t)(tx.WatchedHomes(ctx, c.Now(), 10)); len(all) != 1 {
				t.Errorf("watched now: %+v", all)
			}
		})
	})
}

// TestOpenSuggestions: held requests of queues, the next to end first.
func TestOpenSuggestions(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		update(t, db, func(tx ticketing.Tx) {
			for i := range 5 {
				th := ticketing.Thread{ID: fmt.Sprintf("T%d", i), Number: int64(i + 1), Key: fmt.Sprint(i), Queue: "a", State: ticketing.ThreadHeld}
				must(t, tx.SaveThread(ctx, &th))
				s := ticketing.Suggestion{ID: fmt.Sprintf("S%d", i), Thread: th.ID, Queue: "a", State: ticketing.SuggestionOpen, Until: c.Now().Add(time.Duration(10-i) * time.Minute)}
				switch i {
				case 3:
					s.Queue = "b"
				case 4:
					s.State = ticketing.SuggestionSolved
				}
				must(t, tx.SaveSuggestion(ctx, &s))
			}
		})
		view(t, db, func(tx ticketing.Tx) {
			for _, row := range []struct {
				queues []string
				skip   int
				want   string
				count  int
			}{{[]string{"a"}, 0, "[S2 S1 S0]", 3}, {[]string{"a", "b"}, 0, "[S3 S2 S1 S0]", 4}, {[]string{"a"}, 2, "[S0]", 3}, {[]string{"c"}, 0, "[]", 0}} {
				ids := []string{}
				for _, s := range ok[[]ticketing.Suggestion](t)(tx.OpenSuggestions(ctx, row.queues, row.skip, 10)) {
					ids = append(ids, s.ID)
				}
				if fmt.Sprint(ids) != row.want {
					t.Errorf("%v from %d: %v, want %s", row.queues, row.skip, ids, row.want)
				}
				if n := ok[int](t)(tx.CountOpenSuggestions(ctx, row.queues)); n != row.count {
					t.Errorf("%v: %d, want %d", row.queues, n, row.count)
				}
			}
		})
	})
}
