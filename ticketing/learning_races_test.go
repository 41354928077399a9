package ticketing_test

import (
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// TestSilenceNeedsAReader: a request is closed in silence only where its offer arrived; otherwise its ticket opens, at the latest when the
// time is over, at once when the letter is refused or comes back.
func TestSilenceNeedsAReader(t *testing.T) {
	for name, fate := range map[string]func(w *world, in ticketing.Inbound){
		"still waiting": func(w *world, _ ticketing.Inbound) { w.pass(3 * time.Hour); w.tick() },
		"refused": func(w *world, _ ticketing.Inbound) {
			for _, o := range w.lease() {
				state := ticketing.OutgoingSent
				if o.Kind == ticketing.LetterOffer {
					state = ticketing.OutgoingFailed
				}
				w.settle(&o, state)
			}
		},
		"came back": func(w *world, in ticketing.Inbound) {
			w.send()
			o := w.rows(ticketing.LetterOffer)[0]
			h := w.mail("mailer-daemon@cliente.example", "failed")
			h.Kind = ticketing.KindBounce
			h.Report = &ticketing.Report{Outgoing: o.ID, Failed: true, Permanent: true, Status: "5.1.1", Reason: "unknown_user", Recipient: "maria@cliente.example"}
			w.hear(h)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := withArticles(t, true)
			w.queue.SilentClose = true
			in := w.hear(w.mail("maria@cliente.example", asking))
			fate(w, in)
			if state := w.thread(in.Ticket).State; state != ticketing.ThreadTicket || w.tickets() != 1 {
				t.Errorf("thread %s, %d tickets, offer %s", state, w.tickets(), w.search(in.Ticket).State)
			}
		})
	}
}

// TestCameBackInTheThread: whoever says yes and writes again in the same thread was not helped by the article alone.
func TestCameBackInTheThread(t *testing.T) {
	w := withArticles(t, true)
	in := w.hear(w.mail("maria@cliente.example", asking))
	w.send()
	w.hear(w.mail("maria@cliente.example", "Risolto, grazie", w.naming(in.Ticket)))
	w.pass(time.Hour)
	w.hear(w.mail("maria@cliente.example", "Scusate, non stampa ancora", w.naming(in.Ticket)))
	w.view(func(tx ticketing.Tx) error {
		from, to := w.clock().Add(-100*time.Hour), w.clock().Add(time.Hour)
		rows, err := tx.Requests(t.Context(), from, to)
		if err != nil {
			return err
		}
		d := ticketing.DeflectionReport(rows, from, to, w.clock().Add(1000*time.Hour), time.UTC)
		if len(d) == 0 || d[0].Confirmed != 1 || d[0].CameBack != 1 || d[0].Deflected != 0 {
			t.Errorf("%+v", d)
		}
		return nil
	})
}

// TestArticleOnce: a button that is pressed again, also by a colleague, sends nothing a second time; a command does.
func TestArticleOnce(t *testing.T) {
	w := withArticles(t, false)
	in := w.hear(w.mail("maria@cliente.example", asking))
	w.send()
	w.say(anna, in.Ticket, "!kb stampante")
	value := w.thread(in.Ticket).ID + " it/stampante-ferma"
	w.press(anna, in.Ticket, "article.send", value)
	w.press(anna, in.Ticket, "article.send", value)
	w.press(luca, in.Ticket, "article.send", value)
	if n := len(w.rows(ticketing.LetterAnswer)); n != 1 {
		t.Errorf("%d letters; hints %s", n, w.hints())
	}
	w.say(anna, in.Ticket, "!kb stampante-ferma")
	if n := len(w.rows(ticketing.LetterAnswer)); n != 2 {
		t.Errorf("%d letters after the command", n)
	}
}

// TestAnswerTakenBackTeachesNothing: an article whose letter was stopped is no answer.
func TestAnswerTakenBackTeachesNothing(t *testing.T) {
	w := withArticles(t, false)
	in := w.hear(w.mail("maria@cliente.example", asking))
	w.send()
	ref := w.say(anna, in.Ticket, "!kb cambiare-carta")
	if w.lessons() == "" {
		t.Fatal("nothing was learnt")
	}
	w.act(anna, in.Ticket, ticketing.Act{Verb: ticketing.VerbDelete, Target: ref})
	if s := w.search(in.Ticket); w.lessons() != "" || s.Verdict != "" || s.Answer != "" {
		t.Errorf("lessons %q, verdict %q, answer %q", w.lessons(), s.Verdict, s.Answer)
	}
}

// TestUnsentIsNoOffer: what the limits on automatic letters kept back was not offered, and is not counted as an offer that met with silence.
func TestUnsentIsNoOffer(t *testing.T) {
	w := withArticles(t, true)
	unsent := 0
	questions := []string{"Come stampo lo scontrino di cortesia?", "Il lettore dei codici non legge le etichette", "Dove cambio la mia parola d'accesso al negozio"}
	for _, q := range questions {
		in := w.hear(w.mail("maria@cliente.example", q))
		w.send()
		if s := w.search(in.Ticket); s.State == ticketing.SuggestionWithheld && s.Why == ticketing.WhyUnsent {
			unsent++
		}
		w.pass(3 * time.Minute)
		w.hear(w.mail("maria@cliente.example", "Ecco altri dettagli: "+q, w.naming(in.Ticket)))
		w.send()
		w.pass(3 * time.Minute)
	}
	offers := len(w.rows(ticketing.LetterOffer))
	if unsent == 0 || offers == 0 || offers+unsent != len(questions) {
		t.Fatalf("%d offers left, %d were kept back", offers, unsent)
	}
	w.view(func(tx ticketing.Tx) error {
		from, to := w.clock().Add(-100*time.Hour), w.clock().Add(time.Hour)
		rows, err := tx.Requests(t.Context(), from, to)
		if err != nil {
			return err
		}
		if d := ticketing.DeflectionReport(rows, from, to, w.clock().Add(1000*time.Hour), time.UTC); len(d) == 0 || d[0].Offers != offers {
			t.Errorf("%d letters, reported %+v", offers, d)
		}
		return nil
	})
}
