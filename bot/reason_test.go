package bot

import (
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// Why a ticket is resolved is never mailed as words for the customer; everything else is.
func TestReasonOfResolving(t *testing.T) {
	for rest, want := range map[string][3]string{
		"":                        {string(ticketing.ReasonSolved), "", ""},
		"duplicato #12":           {string(ticketing.ReasonDuplicate), "12", ""},
		"Duplicato di 12":         {string(ticketing.ReasonDuplicate), "12", ""},
		"duplicate of #1042.":     {string(ticketing.ReasonDuplicate), "1042", ""},
		"altro":                   {string(ticketing.ReasonOther), "", ""},
		"Other":                   {string(ticketing.ReasonOther), "", ""},
		"duplicato il pagamento":  {string(ticketing.ReasonSolved), "", "duplicato il pagamento"},
		"Altro non serve, grazie": {string(ticketing.ReasonSolved), "", "Altro non serve, grazie"},
	} {
		why, other, text := reason(rest)
		if got := [3]string{string(why), other, text}; got != want {
			t.Errorf("%q: %v, want %v", rest, got, want)
		}
	}
}
