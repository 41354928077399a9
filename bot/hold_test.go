package bot

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// TestOffers: each reason of kb.md 4 alone forbids holding.
func TestOffers(t *testing.T) {
	if !offers(asked(nil)) {
		t.Fatal("a plain question is not held")
	}
	for name, change := range map[string]func(c *ticketing.Case){
		"not confident":     func(c *ticketing.Case) { c.Found.Offer = false },
		"no article":        func(c *ticketing.Case) { c.Found.Hits = nil },
		"control group":     func(c *ticketing.Case) { c.Found.Control = true },
		"urgent":            func(c *ticketing.Case) { c.Found.Urgent = true },
		"another offer":     func(c *ticketing.Case) { c.OtherOffer = &ticketing.Suggestion{} },
		"no timer":          func(c *ticketing.Case) { c.Queue.Timer = 0 },
		"offers off":        func(c *ticketing.Case) { c.Queue.Offers = false },
		"released":          func(c *ticketing.Case) { c.In.Reason = "released.ticket" },
		"PEC":               func(c *ticketing.Case) { c.Heard.Certified = true },
		"PEC, acknowledged": func(c *ticketing.Case) { c.Heard.Certified, c.Queue.PECAck = true, true },
		"list mail":         func(c *ticketing.Case) { c.Heard.Kind = ticketing.KindList },
		"calendar":          func(c *ticketing.Case) { c.Heard.Kind = ticketing.KindCalendar },
		"empty":             func(c *ticketing.Case) { c.Heard.Visible = " " },
		"error log":         func(c *ticketing.Case) { c.Heard.Files = []ticketing.HeardFile{{Name: "server.log"}} },
		"old mail":          func(c *ticketing.Case) { c.Heard.Quiet = true },
		"auth failed":       func(c *ticketing.Case) { c.Heard.Auth = ticketing.AuthFail },
		"suppressed":        func(c *ticketing.Case) { c.Contact = &ticketing.Contact{Suppressed: true} },
	} {
		if offers(asked(change)) {
			t.Errorf("%s: the request is held", name)
		}
	}
}

func TestUrgent(t *testing.T) {
	q := &ticketing.Queue{Urgent: []string{"cassa 4", "L’impianto"}}
	for text, want := range map[string]bool{
		"URGENTE: stampante": true, "È un'urgenza": true, "scrivo d'urgenza": true, "dovrò sentire l'avvocato": true, "l’emergenza continua": true, "we can't work": true, "we can’t work!": true,
		"ASAP please": true, "Non possiamo lavorare.": true, "la Cassa 4 è ferma": true, "cassa 41": false, "l'impianto fuma": true, "insurgent": false, "submitted": false, "come stampo?": false,
		"Subitone": false, "urgentemente": false, "tutto fermo": true, "data breach": true, "I was hacked": true, "": false,
	} {
		if got := urgent(q, &ticketing.Heard{Visible: text}); got != want {
			t.Errorf("%q: urgent %v, want %v", text, got, want)
		}
		if got := urgent(q, &ticketing.Heard{Subject: text, Visible: "ciao"}); got != want {
			t.Errorf("subject %q: urgent %v, want %v", text, got, want)
		}
	}
}

func TestErrorLog(t *testing.T) {
	for name, want := range map[string]bool{
		"server.log": true, "SERVER.LOG": true, "server.log.gz": true, "app.log.1": true, "crash.dmp": true, "error-log.txt": true, "errorlog.txt": true, "logs.zip": true, "log 2026.txt": true,
		"events.evtx": true, "stacktrace.txt": true, "catalogo.pdf": false, "blog.html": false, "errore.png": false, "fattura.pdf": false, "login.png": false, "logo.png": false, "dialog.txt": false,
	} {
		if got := hasErrorLog(&ticketing.Heard{Files: []ticketing.HeardFile{{Name: name}}}); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if hasErrorLog(&ticketing.Heard{Files: []ticketing.HeardFile{{Name: "log.png", Type: "image/png"}}}) {
		t.Error("a picture was taken for a log")
	}
}

// TestControl: the group is about as large as asked for, and the same persons stay in it when it grows.
func TestControl(t *testing.T) {
	const people = 20000
	in := func(share float64, i int) bool {
		return inControl(&ticketing.Queue{Control: share}, fmt.Sprintf("mail:cliente%d@example.com", i))
	}
	for _, share := range []float64{0, 0.05, 0.1, 0.5, 1} {
		n := 0
		for i := range people {
			if in(share, i) {
				n++
			}
			if in(share, i) && !in(min(share*2, 1), i) {
				t.Fatalf("share %v: person %d does not stay in the group", share, i)
			}
		}
		// Five standard deviations of a fair draw.
		if got := float64(n) / people; got < share-0.018 || got > share+0.018 {
			t.Errorf("share %v: %v of the people are in the group", share, got)
		}
	}
}

type searcher func(Question) (ticketing.Findings, error)

func (s searcher) Search(_ context.Context, q Question) (ticketing.Findings, error) { return s(q) }

// TestLook: only what may be held is searched for; control and urgency are noted; an error is handed on.
func TestLook(t *testing.T) {
	queue := asked(nil).Queue
	queue.Control = 1
	asks := 0
	b := &Bot{Queues: map[string]*ticketing.Queue{"assistenza": queue}, Search: searcher(func(q Question) (ticketing.Findings, error) {
		asks++
		if q.Subject == "rotto" {
			return ticketing.Findings{}, errors.New("index away")
		}
		return ticketing.Findings{Offer: true, Hits: []ticketing.Hit{{}}}, nil
	})}
	h := asked(nil).Heard
	h.Queue = "assistenza"
	h.Visible = "È urgente"
	found, err := b.Look(t.Context(), h)
	if err != nil || !found.Control || !found.Urgent || asks != 1 {
		t.Errorf("got %+v, %v after %d searches", found, err, asks)
	}
	h.Subject = "rotto"
	if _, err := b.Look(t.Context(), h); err == nil {
		t.Error("the error of the search was swallowed")
	}
	h.Kind = ticketing.KindList
	if _, err := b.Look(t.Context(), h); err != nil || asks != 2 {
		t.Error("list mail was searched for")
	}
	h.Queue = "altra"
	if _, err := b.Look(t.Context(), h); err != nil {
		t.Error(err)
	}
}
