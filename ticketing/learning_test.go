package ticketing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

var shelved = []string{"stampante-ferma", "cambiare-carta", "solo-rivenditori"}

// withArticles gives the desk three articles, of which the last is for resellers, and lets the search find the first two.
func withArticles(t *testing.T, offer bool) *world {
	t.Helper()
	w := newWorld(t)
	w.queue.AskArticle = true
	for i, slug := range shelved {
		a := ticketing.Article{Slug: slug, Language: "it", Title: "Titolo " + slug, Summary: "In breve.", Kind: ticketing.ArticleSolution, Audience: ticketing.AudienceCustomers,
			Published: w.now, Body: "Testo."}
		if i == 2 {
			a.Audience = ticketing.AudienceResellers
		}
		w.update(func(tx ticketing.Tx) error {
			_, err := tx.SaveArticle(t.Context(), &a, tx.Now())
			return err
		})
		if i < 2 {
			w.found.Hits = append(w.found.Hits, ticketing.Hit{Slug: slug, Language: "it", Title: a.Title, Summary: a.Summary})
		}
	}
	w.found.Searched, w.found.Offer, w.found.Confidence, w.found.Evidence = true, offer, 0.7, "{}"
	return w
}

func (w *world) search(number int64) (s ticketing.Suggestion) {
	w.t.Helper()
	id := w.thread(number).ID
	w.view(func(tx ticketing.Tx) (err error) {
		s, err = tx.SearchOf(w.t.Context(), id)
		return err
	})
	return s
}

func (w *world) lessons() string {
	w.t.Helper()
	var out []string
	w.view(func(tx ticketing.Tx) error {
		all, err := tx.Lessons(w.t.Context(), ticketing.LessonFilter{})
		for _, l := range all {
			out = append(out, fmt.Sprintf("%s %s %v", l.Slug, l.Source, l.Weight))
		}
		return err
	})
	return strings.Join(out, ", ")
}

func (w *world) tickets() (n int) {
	w.t.Helper()
	w.view(func(tx ticketing.Tx) error {
		all, err := tx.ListTickets(w.t.Context(), ticketing.TicketFilter{})
		n = len(all)
		return err
	})
	return n
}

const asking = "Buongiorno, sono Maria Verdi, la stampante non stampa. Tel. 333 1234567"

// TestSearchKept: a search that was not offered is kept with its reason, so that it can be judged and counted.
func TestSearchKept(t *testing.T) {
	for why, change := range map[string]func(w *world){
		ticketing.WhyUnsure:  func(w *world) { w.found.Offer = false },
		ticketing.WhyNothing: func(w *world) { w.found.Hits = nil },
		ticketing.WhyControl: func(w *world) { w.found.Control = true },
		ticketing.WhyUrgent:  func(w *world) { w.found.Urgent = true },
		ticketing.WhyNoTimer: func(w *world) { w.queue.Timer = 0 },
	} {
		t.Run(why, func(t *testing.T) {
			w := withArticles(t, true)
			change(w)
			in := w.hear(w.mail("maria@cliente.example", asking))
			s := w.search(in.Ticket)
			if s.State != ticketing.SuggestionWithheld || s.Why != why || s.Queue != "assistenza" || s.Score != 0.7 || len(s.Articles) != len(w.found.Hits) || s.Confident != w.found.Offer {
				t.Errorf("kept %+v", s)
			}
			articles := 0
			for _, o := range w.rows(ticketing.LetterReceived) {
				articles += len(o.Facts.Articles)
			}
			if want := map[bool]int{true: 2}[why == ticketing.WhyNoTimer]; articles != want {
				t.Errorf("%d articles went along, want %d", articles, want)
			}
		})
	}
}

// TestLearnsFromCustomers: a yes speaks for the first article until its customer writes again, a no by the link against all.
func TestLearnsFromCustomers(t *testing.T) {
	w := withArticles(t, true)
	yes := w.hear(w.mail("maria@cliente.example", asking))
	w.send()
	press := func(number int64, token func(f ticketing.Facts) string) {
		t.Helper()
		for _, o := range w.rows(ticketing.LetterOffer) {
			if o.Ticket == number {
				w.update(func(tx ticketing.Tx) error {
					_, err := w.desk.PressLink(t.Context(), tx, token(o.Facts))
					return err
				})
			}
		}
	}
	press(yes.Ticket, func(f ticketing.Facts) string { return f.YesToken })
	equal(t, "after a yes", w.lessons(), "stampante-ferma customer 0.5")
	equal(t, "verdict", w.search(yes.Ticket).Verdict, ticketing.SearchRight)
	w.view(func(tx ticketing.Tx) error {
		all, err := tx.Lessons(t.Context(), ticketing.LessonFilter{})
		if len(all) == 1 && (strings.Contains(all[0].Text, "Verdi") || strings.Contains(all[0].Text, "333") || !strings.Contains(all[0].Text, "la stampante non stampa")) {
			t.Errorf("learnt %q", all[0].Text)
		}
		return err
	})
	w.hear(w.mail("maria@cliente.example", "Si è fermata di nuovo", w.naming(yes.Ticket)))
	equal(t, "after writing again", w.lessons(), "")
	equal(t, "verdict after writing again", w.search(yes.Ticket).Verdict, "")

	no := w.hear(w.mail("piero@altro.example", asking))
	w.send()
	press(no.Ticket, func(f ticketing.Facts) string { return f.NoToken })
	equal(t, "after a no", w.lessons(), "stampante-ferma unhelpful -0.25, cambiare-carta unhelpful -0.25")
	// The agent knows better: of one thread's words about an article the weightier stays.
	w.say(anna, no.Ticket, "!kb cambiare-carta")
	equal(t, "after the agent", w.lessons(), "stampante-ferma unhelpful -0.25, cambiare-carta agent 1")
	s := w.search(no.Ticket)
	if s.Verdict != ticketing.SearchRight || s.Answer != "it/cambiare-carta" {
		t.Errorf("judged %+v", s)
	}
}

// TestSilenceTeachesNothing: a timer, an agent who takes the request and an answer that says something else judge no article.
func TestSilenceTeachesNothing(t *testing.T) {
	w := withArticles(t, true)
	first := w.hear(w.mail("maria@cliente.example", asking))
	w.pass(3 * time.Hour)
	w.tick()
	second := w.hear(w.mail("piero@altro.example", asking))
	w.press(anna, second.Ticket, "held.take", w.search(second.Ticket).ID)
	third := w.hear(w.mail("lia@terzo.example", asking))
	w.hear(w.mail("lia@terzo.example", "Il modello è TM-T20", w.naming(third.Ticket)))
	for _, n := range []int64{first.Ticket, second.Ticket, third.Ticket} {
		if s := w.search(n); s.Verdict != "" || s.State == ticketing.SuggestionOpen {
			t.Errorf("ticket %d: %s %q", n, s.State, s.Verdict)
		}
	}
	equal(t, "lessons", w.lessons(), "")
}

// TestAgentsSendArticles: found by words, sent by number, by name or by a button; the customer gets the article, the bot learns. What
// customers may not read is not sent.
func TestAgentsSendArticles(t *testing.T) {
	w := withArticles(t, false)
	in := w.hear(w.mail("maria@cliente.example", asking))
	w.send()
	w.say(anna, in.Ticket, "!kb stampante")
	lists := w.outbox(ticketing.OutgoingFilter{Kind: ticketing.PostLine})
	if len(lists) != 1 || lists[0].Facts.Code != "articles_found" || len(lists[0].Facts.Articles) != 2 {
		t.Fatalf("the list is %+v", lists)
	}
	w.say(anna, in.Ticket, "!kb 2. Provi con questo")
	w.pass(time.Minute)
	w.send()
	letters := w.rows(ticketing.LetterAnswer)
	if len(letters) != 1 || letters[0].State != ticketing.OutgoingSent || letters[0].Facts.Body != "Provi con questo" || letters[0].Facts.Articles[0].Slug != "cambiare-carta" {
		t.Fatalf("sent %+v", letters)
	}
	equal(t, "learnt", w.lessons(), "cambiare-carta agent 1")
	w.press(luca, in.Ticket, "article.send", w.thread(in.Ticket).ID+" it/stampante-ferma")
	equal(t, "answers", len(w.rows(ticketing.LetterAnswer)), 2)
	for _, refused := range []string{"!kb solo-rivenditori", "!kb it/solo-rivenditori", "!kb mai-esistito", "!kb 7"} {
		w.say(anna, in.Ticket, refused)
	}
	w.press("slack:T1/UOSPITE", in.Ticket, "article.send", w.thread(in.Ticket).ID+" it/stampante-ferma")
	equal(t, "answers after what must not go", len(w.rows(ticketing.LetterAnswer)), 2)
	equal(t, "lessons after what must not go", w.lessons(), "cambiare-carta agent 1, stampante-ferma agent 1")
	w.found.Hits = nil
	w.say(anna, in.Ticket, "!kb marziani")
	if got := w.lines(in.Ticket); !strings.HasSuffix(got, " articles_none") && !strings.HasPrefix(got, "articles_none ") {
		t.Errorf("nothing found: the thread says %q", got)
	}
}

// TestAsksWhichArticle: resolving asks once which article would have answered; a press teaches, "none" makes a gap.
func TestAsksWhichArticle(t *testing.T) {
	w := withArticles(t, false)
	in := w.hear(w.mail("maria@cliente.example", asking))
	w.send()
	w.press(anna, in.Ticket, "ticket.resolve", fmt.Sprint(in.Ticket))
	equal(t, "asked", w.lines(in.Ticket), "articles_ask")
	w.press(anna, in.Ticket, "ticket.reopen", fmt.Sprint(in.Ticket))
	w.press(anna, in.Ticket, "article.link", w.thread(in.Ticket).ID+" none")
	equal(t, "the gap", w.search(in.Ticket).Answer, ticketing.AnswerNone)
	equal(t, "a judged one is wrong", w.search(in.Ticket).Verdict, ticketing.SearchWrong)
	w.view(func(tx ticketing.Tx) error {
		gaps, err := tx.Gaps(t.Context(), w.clock().Add(-time.Hour), 10)
		equal(t, "gaps", len(gaps), 1)
		return err
	})
	w.press(anna, in.Ticket, "article.link", w.thread(in.Ticket).ID+" it/stampante-ferma")
	equal(t, "corrected", w.lessons(), "stampante-ferma agent 1")
	equal(t, "verdict", w.search(in.Ticket).Verdict, ticketing.SearchRight)
	w.press(anna, in.Ticket, "ticket.resolve", fmt.Sprint(in.Ticket))
	equal(t, "lines", strings.Count(w.lines(in.Ticket), "articles_ask"), 1)

	w.queue.AskArticle = false
	second := w.hear(w.mail("piero@altro.example", asking))
	w.press(anna, second.Ticket, "ticket.resolve", fmt.Sprint(second.Ticket))
	equal(t, "a queue that does not ask", w.lines(second.Ticket), "")
}

// TestSilentClose: where the queue says so, and the customer was told so, silence closes the request without a ticket; nothing is learnt, and
// writing again opens it.
func TestSilentClose(t *testing.T) {
	w := withArticles(t, true)
	w.queue.SilentClose = true
	in := w.hear(w.mail("maria@cliente.example", asking))
	w.send()
	if o := w.rows(ticketing.LetterOffer); len(o) != 1 || !o[0].Facts.Closes {
		t.Fatalf("the offer does not say so: %+v", o)
	}
	w.queue.SilentClose = false // what the customer was told holds
	w.pass(3 * time.Hour)
	w.tick()
	if th := w.thread(in.Ticket); th.State != ticketing.ThreadSolved || w.tickets() != 0 || w.lessons() != "" {
		t.Errorf("after the silence: thread %s, %d tickets, lessons %q", th.State, w.tickets(), w.lessons())
	}
	equal(t, "letters", w.letters("maria@cliente.example"), string(ticketing.LetterOffer))
	again := w.hear(w.mail("maria@cliente.example", "Non va ancora", w.naming(in.Ticket)))
	if again.Ticket != in.Ticket || w.tickets() != 1 {
		t.Errorf("writing again: ticket %d, %d opened", again.Ticket, w.tickets())
	}
}
