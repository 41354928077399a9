package store_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// TestDeskKeepsEveryField stores structs whose fields all differ and reads them back.
func TestDeskKeepsEveryField(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		ctx := t.Context()
		update(t, db, func(tx ticketing.Tx) {
			var c ticketing.Contact
			fill(&c)
			must(t, tx.SaveContact(ctx, &c))
			same(t, "contact", ok[ticketing.Contact](t)(tx.Contact(ctx, c.ID)), c)
			c.Name, c.Bounced = "Ugo", false
			must(t, tx.SaveContact(ctx, &c))
			same(t, "contact changed", ok[ticketing.Contact](t)(tx.ContactByKey(ctx, c.Key)), c)

			var a ticketing.Agent
			fill(&a)
			must(t, tx.SaveAgent(ctx, &a))
			a.Name = "Ada"
			must(t, tx.SaveAgent(ctx, &a))
			same(t, "agent", ok[ticketing.Agent](t)(tx.Agent(ctx, a.ID)), a)

			var th ticketing.Thread
			fill(&th)
			th.Contact, th.State = c.ID, ticketing.ThreadHeld
			must(t, tx.SaveThread(ctx, &th))
			th.State, th.LastRefs = ticketing.ThreadTicket, nil
			must(t, tx.SaveThread(ctx, &th))
			same(t, "thread", ok[ticketing.Thread](t)(tx.Thread(ctx, th.ID)), th)
			same(t, "thread by key", ok[ticketing.Thread](t)(tx.ThreadByKey(ctx, th.Key)), th)
			same(t, "thread by number", ok[ticketing.Thread](t)(tx.ThreadByNumber(ctx, th.Number)), th)

			var p ticketing.Participant
			fill(&p)
			p.Thread, p.Contact = th.ID, c.ID
			must(t, tx.SaveParticipant(ctx, &p))
			p.Active, p.Role = false, "copied"
			must(t, tx.SaveParticipant(ctx, &p))
			same(t, "participants", ok[[]ticketing.Participant](t)(tx.Participants(ctx, th.ID)), []ticketing.Participant{p})

			var m ticketing.Message
			fill(&m)
			m.Thread, m.Contact, m.Author = th.ID, c.ID, ticketing.AuthorCustomer
			must(t, tx.InsertMessage(ctx, &m))
			same(t, "message", ok[ticketing.Message](t)(tx.Message(ctx, m.ID)), m)
			m.Text, m.Visible, m.Public = "other", "words", false
			must(t, tx.UpdateMessage(ctx, &m))
			same(t, "message by ref", ok[ticketing.Message](t)(tx.MessageByRef(ctx, m.Ref)), m)

			var s ticketing.Suggestion
			fill(&s)
			s.Thread, s.Contact, s.State, s.Verdict = th.ID, c.ID, ticketing.SuggestionOpen, ticketing.SearchRight
			must(t, tx.SaveSuggestion(ctx, &s))
			s.Until = s.Until.Add(time.Hour)
			must(t, tx.SaveSuggestion(ctx, &s))
			get := ok[ticketing.Suggestion](t)
			same(t, "suggestion", get(tx.Suggestion(ctx, s.ID)), s)
			same(t, "by yes", get(tx.SuggestionByToken(ctx, s.YesHash)), s)
			same(t, "by no", get(tx.SuggestionByToken(ctx, s.NoHash)), s)
			same(t, "open of the thread", get(tx.OpenSuggestion(ctx, th.ID)), s)
			same(t, "open of the contact", get(tx.OpenSuggestionOf(ctx, c.ID, th.Queue)), s)
			if _, err := tx.OpenSuggestionOf(ctx, c.ID, "another queue"); err != ticketing.ErrNotFound {
				t.Fatalf("suggestion of another queue: %v", err)
			}

			var k ticketing.Ticket
			fill(&k)
			k.Thread, k.Contact, k.State = th.ID, c.ID, ticketing.StateOpen
			must(t, tx.InsertTicket(ctx, &k))
			same(t, "ticket", ok[ticketing.Ticket](t)(tx.Ticket(ctx, k.Number)), k)
			old := k
			fill(&k)
			k.Number, k.Thread, k.Contact, k.State, k.Revision, k.OpenedAt = old.Number, th.ID, c.ID, ticketing.StatePending, old.Revision, old.OpenedAt
			k.Queue, k.Subject, k.Certified, k.Reminders = "other", "changed", false, 0
			must(t, tx.SaveTicket(ctx, &k))
			same(t, "revision", k.Revision, old.Revision+1)
			same(t, "ticket changed", ok[ticketing.Ticket](t)(tx.Ticket(ctx, k.Number)), k)
			if err := tx.SaveTicket(ctx, &old); err != ticketing.ErrFenced {
				t.Fatalf("an old revision was saved: %v", err)
			}

			var e ticketing.Event
			fill(&e)
			e.Thread = th.ID
			must(t, tx.InsertEvent(ctx, &e))
			bare := ticketing.Event{Code: "bare"}
			must(t, tx.InsertEvent(ctx, &bare))
			same(t, "events", ok[[]ticketing.Event](t)(tx.Events(ctx, th.ID, 0)), []ticketing.Event{e})
			same(t, "events counted", ok[int](t)(tx.CountEvents(ctx, th.ID, e.Code, e.At)), 1)
			same(t, "events counted", ok[int](t)(tx.CountEvents(ctx, th.ID, e.Code, e.At.Add(time.Millisecond))), 0)
		})
		must(t, db.Check(ctx))
	})
}

func TestNotFound(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		ctx := t.Context()
		view(t, db, func(tx ticketing.Tx) {
			for what, find := range map[string]func() error{
				"inbound":     func() error { _, err := tx.Inbound(ctx, "x"); return err },
				"identity":    func() error { _, err := tx.InboundByIdentity(ctx, "x"); return err },
				"contact":     func() error { _, err := tx.Contact(ctx, "x"); return err },
				"contact key": func() error { _, err := tx.ContactByKey(ctx, ""); return err },
				"agent":       func() error { _, err := tx.Agent(ctx, "x"); return err },
				"thread":      func() error { _, err := tx.Thread(ctx, ""); return err },
				"thread key":  func() error { _, err := tx.ThreadByKey(ctx, ""); return err },
				"number":      func() error { _, err := tx.ThreadByNumber(ctx, 0); return err },
				"message":     func() error { _, err := tx.Message(ctx, "x"); return err },
				"ref":         func() error { _, err := tx.MessageByRef(ctx, ""); return err },
				"thread ref":  func() error { _, err := tx.ThreadByRef(ctx, "x", "d", "c"); return err },
				"place":       func() error { _, err := tx.ThreadAt(ctx, ""); return err },
				"suggestion":  func() error { _, err := tx.Suggestion(ctx, "x"); return err },
				"token":       func() error { _, err := tx.SuggestionByToken(ctx, ""); return err },
				"open":        func() error { _, err := tx.OpenSuggestion(ctx, "x"); return err },
				"ticket":      func() error { _, err := tx.Ticket(ctx, 1); return err },
				"outgoing":    func() error { _, err := tx.Outgoing(ctx, "x"); return err },
				"sent ref":    func() error { _, err := tx.OutgoingByRef(ctx, ""); return err },
			} {
				if err := find(); err != ticketing.ErrNotFound {
					t.Errorf("%s: %v", what, err)
				}
			}
			for what, next := range map[string]func() (time.Time, error){
				"inbound": func() (time.Time, error) { return tx.NextInbound(ctx) }, "outgoing": func() (time.Time, error) { return tx.NextOutgoing(ctx) },
				"timer": func() (time.Time, error) { return tx.NextTimer(ctx) },
			} {
				same(t, what, ok[time.Time](t)(next()), time.Time{})
			}
		})
	})
}

// TestHostileText stores what PostgreSQL refuses and what no index takes.
func TestHostileText(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		long := ticketing.Ref("mail:<" + strings.Repeat("\x00a\xffé", 4000) + "@x>")
		other := long + "y"
		update(t, db, func(tx ticketing.Tx) {
			m := ticketing.Message{ID: "m", Thread: th.ID, Ref: long, Author: ticketing.AuthorCustomer, Text: "a\x00b\xffc", Flags: []string{"\x00"}}
			must(t, tx.InsertMessage(ctx, &m))
			got := ok[ticketing.Message](t)(tx.MessageByRef(ctx, long))
			same(t, "text", got.Text, "ab\uFFFDc")
			must(t, tx.AddRef(ctx, long, "d", "c", th.ID, m.ID))
			same(t, "thread", ok[ticketing.Thread](t)(tx.ThreadByRef(ctx, long, "d", "c")).ID, th.ID)
			if _, err := tx.MessageByRef(ctx, other); err != ticketing.ErrNotFound {
				t.Fatalf("a ref that differs at its end: %v", err)
			}
			must(t, tx.SaveContact(ctx, &ticketing.Contact{ID: "c\x00", Key: string(long), Name: "\xed\xa0\x80"}))
			must(t, tx.InsertEvent(ctx, &ticketing.Event{Code: "x", Args: map[string]string{"\x00": "\xff"}}))
		})
	})
}

func TestRefsFirstWriterWins(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		ctx := t.Context()
		a, _ := storetest.Thread(t, db, "a")
		b, _ := storetest.Thread(t, db, "b")
		update(t, db, func(tx ticketing.Tx) {
			must(t, tx.AddRef(ctx, "mail:<x>", "mail:a", "c1", a.ID, "m"))
			must(t, tx.AddRef(ctx, "mail:<x>", "mail:a", "c1", b.ID, "m"))
			must(t, tx.AddRef(ctx, "mail:<x>", "mail:a", "c2", b.ID, "m"))
			get := ok[ticketing.Thread](t)
			same(t, "c1", get(tx.ThreadByRef(ctx, "mail:<x>", "mail:a", "c1")).ID, a.ID)
			same(t, "c2", get(tx.ThreadByRef(ctx, "mail:<x>", "mail:a", "c2")).ID, b.ID)
			if _, err := tx.ThreadByRef(ctx, "mail:<x>", "mail:b", "c1"); err != ticketing.ErrNotFound {
				t.Fatalf("another door: %v", err)
			}
		})
	})
}

// TestThreadAt finds the newest thread of a conversation and never one of another.
func TestThreadAt(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		ctx := t.Context()
		update(t, db, func(tx ticketing.Tx) {
			for i, place := range []string{"telegram:7/1", "telegram:7/1", "telegram:7/12", ""} {
				must(t, tx.SaveThread(ctx, &ticketing.Thread{ID: fmt.Sprintf("t%d", i), Number: int64(i + 1), Key: fmt.Sprintf("%010d", i), State: ticketing.ThreadTicket, Place: place}))
			}
			got := ok[ticketing.Thread](t)(tx.ThreadAt(ctx, "telegram:7/1"))
			same(t, "newest", got.ID, "t1")
			same(t, "place", got.Place, "telegram:7/1")
			if _, err := tx.ThreadAt(ctx, "telegram:7"); err != ticketing.ErrNotFound {
				t.Fatalf("the beginning of a place: %v", err)
			}
		})
	})
}

func TestMessagesOfAThread(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		update(t, db, func(tx ticketing.Tx) {
			for i := range 9 { // ids against the order of storing
				m := ticketing.Message{ID: fmt.Sprintf("m%d", 9-i), Thread: th.ID, Author: ticketing.AuthorAgent, Text: "t", Elided: "e", HTMLSHA: "h", Visible: "v"}
				for f := range i % 3 {
					m.Files = append(m.Files, ticketing.FileRef{Name: fmt.Sprintf("%s %d", m.ID, f), SHA: "s"})
				}
				must(t, tx.InsertMessage(ctx, &m))
			}
		})
		view(t, db, func(tx ticketing.Tx) {
			var got []string
			for _, m := range ok[[]ticketing.Message](t)(tx.Messages(ctx, th.ID, 4)) {
				same(t, "long texts are left out", m.Text+m.Elided+m.HTMLSHA, "")
				same(t, "visible", m.Visible, "v")
				s := m.ID
				for _, f := range m.Files {
					s += " " + f.Name
				}
				got = append(got, s)
			}
			same(t, "the last four", got, []string{"m4 m4 0 m4 1", "m3", "m2 m2 0", "m1 m1 0 m1 1"})
			same(t, "all", len(ok[[]ticketing.Message](t)(tx.Messages(ctx, th.ID, 0))), 10)
		})
	})
}

func TestTimers(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		now := c.Now()
		next := func(want time.Time) {
			t.Helper()
			view(t, db, func(tx ticketing.Tx) { same(t, "next timer", ok[time.Time](t)(tx.NextTimer(ctx)), want) })
		}
		update(t, db, func(tx ticketing.Tx) {
			must(t, tx.InsertTicket(ctx, &ticketing.Ticket{Number: 1, Thread: th.ID, State: ticketing.StatePending, TimerAt: now.Add(2 * time.Hour)}))
			must(t, tx.InsertTicket(ctx, &ticketing.Ticket{Number: 2, Thread: th.ID, State: ticketing.StateOpen}))
			must(t, tx.InsertTicket(ctx, &ticketing.Ticket{Number: 3, Thread: th.ID, State: ticketing.StatePending, TimerAt: now.Add(time.Hour)}))
		})
		next(now.Add(time.Hour))
		update(t, db, func(tx ticketing.Tx) {
			for i, until := range []time.Duration{30, 20, 0} {
				s := ticketing.Suggestion{ID: fmt.Sprint(i), Thread: th.ID, State: ticketing.SuggestionOpen, OfferedAt: now.Add(time.Duration(i))}
				if until > 0 {
					s.Until = now.Add(until * time.Minute)
				}
				must(t, tx.SaveSuggestion(ctx, &s))
			}
			must(t, tx.SaveSuggestion(ctx, &ticketing.Suggestion{ID: "9", Thread: th.ID, State: ticketing.SuggestionSolved, Until: now}))
		})
		next(now.Add(20 * time.Minute))
		update(t, db, func(tx ticketing.Tx) {
			var got []string
			for _, s := range ok[[]ticketing.Suggestion](t)(tx.DueSuggestions(ctx, now.Add(30*time.Minute), 5)) {
				got = append(got, s.ID)
			}
			for _, k := range ok[[]ticketing.Ticket](t)(tx.DueTickets(ctx, now.Add(2*time.Hour), 5)) {
				got = append(got, fmt.Sprint(k.Number))
			}
			same(t, "due", got, []string{"1", "0", "3", "1"})
			same(t, "limit", len(ok[[]ticketing.Ticket](t)(tx.DueTickets(ctx, now.Add(2*time.Hour), 1))), 1)
			same(t, "not yet", len(ok[[]ticketing.Ticket](t)(tx.DueTickets(ctx, now, 9))), 0)
		})
	})
}

func TestListTickets(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		th, _ := storetest.Thread(t, db, "a")
		states := []ticketing.State{ticketing.StateNew, ticketing.StateOpen, ticketing.StateClosed}
		update(t, db, func(tx ticketing.Tx) {
			for i := range 6 {
				must(t, tx.InsertTicket(ctx, &ticketing.Ticket{Number: int64(i + 1), Thread: th.ID, Contact: th.Contact, State: states[i%3],
					Queue: []string{"a", "b"}[i/3], OpenedAt: c.Now().Add(time.Duration(i) * time.Hour)}))
			}
		})
		for _, test := range []struct {
			f    ticketing.TicketFilter
			want []int64
		}{
			{ticketing.TicketFilter{}, []int64{6, 5, 4, 3, 2, 1}},
			{ticketing.TicketFilter{Queue: "a"}, []int64{3, 2, 1}},
			{ticketing.TicketFilter{States: []ticketing.State{ticketing.StateNew, ticketing.StateOpen}, Before: 5, Limit: 2}, []int64{4, 2}},
			{ticketing.TicketFilter{Contact: th.Contact, Queue: "b", States: states[:1]}, []int64{4}},
			{ticketing.TicketFilter{Contact: "nobody"}, nil},
		} {
			view(t, db, func(tx ticketing.Tx) {
				var got []int64
				for _, k := range ok[[]ticketing.Ticket](t)(tx.ListTickets(ctx, test.f)) {
					got = append(got, k.Number)
				}
				same(t, fmt.Sprintf("%+v", test.f), got, test.want)
			})
		}
		view(t, db, func(tx ticketing.Tx) {
			same(t, "since", ok[int](t)(tx.CountTickets(ctx, th.Contact, c.Now().Add(4*time.Hour))), 2)
		})
	})
}

func TestCountThreads(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		storetest.Thread(t, db, "a")
		c.Add(time.Hour)
		storetest.Thread(t, db, "b")
		for _, test := range []struct {
			suffix string
			since  time.Time
			want   int
		}{
			{"@example.com", c.Now().Add(-time.Hour), 2},
			{"@example.com", c.Now(), 1},
			{"mail:a@example.com", c.Now().Add(-time.Hour), 1},
			{"xmail:a@example.com", c.Now().Add(-time.Hour), 0},
			{"@xample.com", c.Now().Add(-time.Hour), 0},
			{"@%", c.Now().Add(-time.Hour), 0},
			{strings.Repeat("l", 90) + "mail:a@example.com", c.Now().Add(-time.Hour), 0},
		} {
			view(t, db, func(tx ticketing.Tx) {
				same(t, test.suffix, ok[int](t)(tx.CountThreads(t.Context(), test.suffix, test.since)), test.want)
			})
		}
	})
}

// TestNumbersHaveNoGaps takes numbers from many transactions at once, a part of which fail.
func TestNumbersHaveNoGaps(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *clock) {
		var mu sync.Mutex
		var got []int64
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				var n int64
				err := db.Update(t.Context(), func(tx ticketing.Tx) (err error) {
					if n, err = tx.NextNumber(t.Context()); err == nil && i%4 == 0 {
						err = ticketing.ErrFenced
					}
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					got = append(got, n)
				} else if i%4 != 0 {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		slices.Sort(got)
		for i, n := range got {
			if n != int64(i+1) {
				t.Fatalf("numbers %v", got)
			}
		}
		same(t, "numbers", len(got), 30)
	})
}

func TestArticles(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, c *clock) {
		ctx := t.Context()
		stamp := func() (n int64) {
			view(t, db, func(tx ticketing.Tx) { n = ok[int64](t)(tx.ArticlesStamp(ctx)) })
			return n
		}
		var a ticketing.Article
		fill(&a)
		a.ID = ""
		before := stamp()
		update(t, db, func(tx ticketing.Tx) { same(t, "new", ok[bool](t)(tx.SaveArticle(ctx, &a, c.Now())), true) })
		if a.ID == "" || stamp() == before {
			t.Fatal("a new article has no id, or the stamp stood still")
		}
		before = stamp()
		again := a
		again.ID = ""
		update(t, db, func(tx ticketing.Tx) { same(t, "the same", ok[bool](t)(tx.SaveArticle(ctx, &again, c.Now())), false) })
		same(t, "id", again.ID, a.ID)
		same(t, "stamp", stamp(), before)
		again.Body = "changed"
		update(t, db, func(tx ticketing.Tx) { same(t, "changed", ok[bool](t)(tx.SaveArticle(ctx, &again, c.Now())), true) })
		other := again
		other.ID, other.Language = "", "en"
		update(t, db, func(tx ticketing.Tx) {
			ok[bool](t)(tx.SaveArticle(ctx, &other, c.Now()))
			want := []ticketing.Article{again, other}
			slices.SortFunc(want, func(a, b ticketing.Article) int { return strings.Compare(a.Language, b.Language) })
			same(t, "all", ok[[]ticketing.Article](t)(tx.Articles(ctx)), want)
			must(t, tx.DeleteArticle(ctx, a.Slug, "en"))
			if err := tx.DeleteArticle(ctx, a.Slug, "en"); err != ticketing.ErrNotFound {
				t.Fatalf("deleted twice: %v", err)
			}
		})
		if stamp() < before+2 {
			t.Fatal("the stamp does not rise")
		}
	})
}
