package mail

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// TestExplainAgrees: where explain says that a mail would go, knowing nothing but the mail, is where bot and desk let it go. A thread that
// the desk does not know makes a reply a new question, and a report about no letter of ours waits in quarantine.
func TestExplainAgrees(t *testing.T) {
	w := newHostileWorld(t)
	fits := map[Outcome][]ticketing.Outcome{
		OutcomeQuarantine: {ticketing.OutcomeQuarantine},
		OutcomeReport:     {ticketing.OutcomeBounce, ticketing.OutcomeQuarantine},
		OutcomeReceipt:    {ticketing.OutcomeAutomatic, ticketing.OutcomeQuarantine},
		OutcomeAutomatic:  {ticketing.OutcomeAutomatic},
		OutcomeReply:      {ticketing.OutcomeReply, ticketing.OutcomeFollowUp, ticketing.OutcomeTicket, ticketing.OutcomeHeld, ticketing.OutcomeQuarantine},
		OutcomeTicket:     {ticketing.OutcomeTicket},
		OutcomeSuggestion: {ticketing.OutcomeHeld, ticketing.OutcomeTicket},
	}
	seen := map[Outcome]int{}
	var names []string
	for _, pattern := range []string{"testdata/*.eml", "testdata/*/*.eml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	mails := map[string][]byte{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		mails[name] = raw
	}
	for _, c := range hostileMails() {
		if c.earlier == nil {
			mails[c.id] = c.make(w)
		}
	}
	mails["receipt"] = pecMail(daticertXML("avvenuta-consegna", "nessuno", ""), "", "X-Ricevuta: avvenuta-consegna", "Subject: CONSEGNA: x")
	for name, raw := range mails {
		m := w.reader.Read(raw)
		told := m.Explain().Outcome
		seen[told]++
		if r := w.hear(w.reader.Heard(m, w.at())); !slices.Contains(fits[told], r.in.Outcome) {
			t.Errorf("%s: explain says %s, the desk did %s %s (%s)", name, told, r.in.Outcome, r.in.Cause, r.in.Reason)
		}
	}
	for o := range fits {
		if seen[o] == 0 {
			t.Errorf("no mail is told to be %s", o)
		}
	}
	t.Logf("%d mails: %v", len(mails), seen)
}
