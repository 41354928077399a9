package ticketing_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

// TestRedact: what must be gone and what must stay of questions as people write them.
func TestRedact(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		names []string
		gone  []string
		kept  []string
	}{
		"a letter": {"Stampante\nBuongiorno Luca,\nsono Maria Verdi della Ferramenta, la stampante non stampa lo scontrino. Mi chiamate al 333 1234567?\n\nCordiali saluti\nMaria Verdi\nVia Roma 12, 20100 Milano", []string{"Maria Verdi"},
			[]string{"Maria", "Verdi", "Luca", "333", "1234567", "Roma", "20100"}, []string{"stampante non stampa lo scontrino"}},
		"telephones":            {"chiamatemi al +39 02 1234567 o al 02/7654321 o (333) 12.34.567, la cassa è ferma", nil, []string{"39", "02", "333", "654"}, []string{"cassa è ferma"}},
		"codice fiscale":        {"fattura per RSSMRA80A01H501U e per vrd lgu 75c15 f205x non parte", nil, []string{"RSSMRA", "vrd", "f205x"}, []string{"fattura", "non parte"}},
		"omocodia":              {"il codice RSSMRAULALMHRLMU scartato", nil, []string{"RSSMRA"}, []string{"scartato"}},
		"IBAN":                  {"accredito su IT60 X054 2811 1010 0000 0123 456 e IT60X0542811101000000123456 mai arrivato", nil, []string{"IT60", "X054", "123456"}, []string{"accredito", "mai arrivato"}},
		"foreign IBAN":          {"refund to GB29 NWBK 6016 1331 9268 19 please", nil, []string{"GB29", "NWBK", "9268"}, []string{"refund"}},
		"VAT number":            {"P.IVA IT01234567890 non riconosciuta", nil, []string{"0123456"}, []string{"non riconosciuta"}},
		"e-mail and link":       {"scrivete a maria.verdi@cliente.example, vedi https://x.example/?token=abc per accedere", nil, []string{"maria", "cliente", "token"}, []string{"per accedere"}},
		"Italian addresses":     {"consegna in via Giuseppe Garibaldi 12/b oppure Piazza San Marco 3 oppure Viale dei Mille, il registratore", nil, []string{"Garibaldi", "Marco", "Mille"}, []string{"consegna", "registratore"}},
		"English addresses":     {"we moved to 221 Baker Street and 10 Old Mill Lane, how do I change it", nil, []string{"Baker", "221", "Mill"}, []string{"how do I change it"}},
		"titles":                {"il sig. Rossi e la dott.ssa Anna Bianchi non accedono; Mr Smith neither", nil, []string{"Rossi", "Bianchi", "Smith"}, []string{"non accedono", "neither"}},
		"who they are":          {"Mi chiamo Giovanna e la password non va. I'm John Smith. My name is Ann", nil, []string{"Giovanna", "John", "Smith", "Ann "}, []string{"password non va"}},
		"a name nobody told":    {"Ho visto con Marco Neri che la stampante di Neri stampa male", []string{"marco neri"}, []string{"Marco", "Neri"}, []string{"stampante", "stampa male"}},
		"a name in small type":  {"per marco neri: non accede", []string{"Marco Neri"}, []string{"marco", "neri"}, []string{"non accede"}},
		"a name that is a word": {"il rosso del display, dice il signor Rosso: rosso fisso", []string{"Piero Rosso"}, []string{"signor", "Rosso"}, []string{"il rosso del display", "rosso fisso"}},
		"from the address":      {"Verdi chiede come si resetta", []string{"m.verdi@cliente.example"}, []string{"Verdi"}, []string{"come si resetta"}},
		"a name in a number":    {"codice 123Verdi45 e Verdi", []string{"Verdi"}, []string{"123", "45", "Verdi"}, []string{"codice"}},
		"hidden inside":         {"tel 333\u200b12\u200b34567 e ma\u200bria@x.example", nil, []string{"333", "ria@"}, []string{"tel"}},
		"short numbers stay":    {"errore 404 alla cassa 2 dopo le 18", nil, nil, []string{"errore 404 alla cassa 2 dopo le 18"}},
		"sono is not a name":    {"Sono bloccato e sono sempre qui. Sono Fermi tutti", nil, nil, []string{"Sono bloccato", "sempre qui"}},
		"via is not an address": {"mandare via mail le fatture, via la carta", nil, nil, []string{"via mail le fatture", "via la carta"}},
		"a code with letters":   {"ordine ORD-2026-00123 mai arrivato", nil, []string{"00123"}, []string{"mai arrivato"}},
		"nothing left":          {"Maria Verdi\n+39 333 1234567", []string{"Maria Verdi"}, []string{"Maria", "333"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := ticketing.Redact(c.text, c.names...)
			for _, w := range c.gone {
				if strings.Contains(got, w) {
					t.Errorf("%q still stands in %q", w, got)
				}
			}
			for _, w := range c.kept {
				if !strings.Contains(got, w) {
					t.Errorf("%q was lost from %q", w, got)
				}
			}
		})
	}
	if got := ticketing.Redact(strings.Repeat("perché à ", 1000)); len(got) > ticketing.MaxLessonText || !utf8.ValidString(got) {
		t.Errorf("%d bytes of a long question", len(got))
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("sono Maria Verdi, 333 1234567", "Maria Verdi")
	f.Fuzz(func(t *testing.T, text, name string) {
		got := ticketing.Redact(text, name)
		if len(got) > ticketing.MaxLessonText {
			t.Fatalf("%d bytes", len(got))
		}
		run := 0
		for _, r := range got {
			if r >= '0' && r <= '9' {
				if run++; run >= 5 {
					t.Fatalf("five digits in a row in %q", got)
				}
			} else {
				run = 0
			}
		}
	})
}
