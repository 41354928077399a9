package ticketing

import (
	"strings"
	"testing"
)

// TestRedactFormerLeaks: what got through once, each in the spelling in which it did.
func TestRedactFormerLeaks(t *testing.T) {
	for _, c := range []struct {
		text  string
		names []string
		gone  []string
	}{
		{"La cassa di D'Angelo non stampa", []string{"D'Angelo"}, []string{"Angelo"}},
		{"La cassa di D’Angelo non stampa", []string{"Carla D'Angelo"}, []string{"Angelo"}},
		{"Sono MARIO ROSSI e la cassa non stampa", nil, []string{"MARIO", "ROSSI"}},
		{"sono Mario, la cassa non stampa", nil, []string{"Mario"}},
		{"mi chiamo mario Rossi, la cassa non stampa", nil, []string{"mario", "Rossi"}},
		{"La cassa non stampa\n--\nMario Rossi\nRossi Srl P.IVA 012", nil, []string{"Mario", "Rossi"}},
		{"Codice RSSMRA-85T10-A562S non accettato", nil, []string{"RSSMRA", "A562S"}},
		{"Chiamare il ３３３１２３４５６７ dopo le nove", nil, []string{"３", "333"}},
		{"Chiamare il ٣٣٣١٢٣٤٥٦٧ dopo le nove", nil, []string{"٣", "000"}},
		{"Telefono 333_1234_567 sempre", nil, []string{"1234"}},
		{"Telefono 333:1234:567 sempre", nil, []string{"1234"}},
		{"Scrivere a mario.rossi(at)example.com per la cassa", nil, []string{"mario", "rossi", "example"}},
		{"Scrivere a mario@localhost per la cassa", nil, []string{"mario", "localhost"}},
		{"La cassa non va\nIl 3 marzo Mario Neri ha scritto:\n> Carla Bianchi abita lontano", nil, []string{"Mario", "Neri", "Carla"}},
	} {
		got := Redact(c.text, c.names...)
		if got == "" {
			t.Errorf("%q: nothing is left", c.text)
		}
		for _, g := range c.gone {
			if strings.Contains(got, g) {
				t.Errorf("%q: %q is left of %q", c.text, g, got)
			}
		}
	}
}

// TestRedactKeepsTheQuestion: capital letters and words of farewells are no names and no end.
func TestRedactKeepsTheQuestion(t *testing.T) {
	for text, want := range map[string]string{
		"Richiesta\nLA CASSA NON STAMPA":                     "Richiesta LA CASSA NON STAMPA",
		"Info\nBuongiorno.\nErrore Scarto SDI":               "Info Buongiorno. Errore Scarto SDI",
		"Info\nInviato da ieri lo scontrino resta in attesa": "Info Inviato da ieri lo scontrino resta in attesa",
		"Info\nIn attesa di stampa lo scontrino resta fermo": "Info In attesa di stampa lo scontrino resta fermo",
		"La cassa non va\nIn attesa di riscontro,\nMario":    "La cassa non va",
	} {
		if got := Redact(text, "Mario Rossi"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	// A name of a megabyte is the sender's doing; work grows with what is kept of it.
	long := strings.Repeat("Mario Rossi ", 90000)
	if got := Redact("La cassa di Mario non stampa", long); strings.Contains(got, "Mario") {
		t.Errorf("%q", got)
	}
}
