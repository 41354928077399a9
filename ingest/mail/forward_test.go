package mail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestForwards reads what an agent's four mail programs write in five languages: the customer, the subject, the time and the words are
// those of the mail inside, the agent's words stand apart.
func TestForwards(t *testing.T) {
	r := testReader(t)
	words := map[string]struct{ comment, subject, first, last string }{
		"it": {"Ci pensate voi?", "Stampante ferma", "Buongiorno,", "Maria Verdi"},
		"en": {"Can you take this?", "Printer dead", "Good morning,", "Maria Verdi"},
		"de": {"Könnt ihr das übernehmen?", "Drucker tot", "Guten Tag,", "Maria Verdi"},
		"fr": {"Vous pouvez vous en occuper ?", "Imprimante en panne", "Bonjour,", "Maria Verdi"},
		"es": {"¿Os encargáis vosotros?", "Impresora parada", "Buenos días,", "Maria Verdi"},
	}
	for _, client := range []string{"outlook", "gmail", "apple", "thunderbird"} {
		for lang, want := range words {
			name := client + "_" + lang
			raw, err := os.ReadFile(filepath.Join("testdata", "forward", name+".eml"))
			if err != nil {
				t.Fatal(err)
			}
			m := r.Read(raw)
			f := m.Forward
			if f == nil || f.From == nil {
				t.Errorf("%s: no customer found: %+v\n%s", name, f, m.Text)
				continue
			}
			if f.From.Address != "maria@cliente.example" || f.From.Name != "Maria Verdi" || f.Subject != want.subject || f.Comment != want.comment {
				t.Errorf("%s: from %+v, subject %q, comment %q", name, f.From, f.Subject, f.Comment)
			}
			lines := strings.Split(f.Visible, "\n")
			if lines[0] != want.first || lines[len(lines)-1] != want.last || f.Elided != "" {
				t.Errorf("%s: visible %q, elided %q", name, f.Visible, f.Elided)
			}
			if f.Date == nil || f.Date.Format("2006-01-02 15:04") != "2026-03-04 10:11" {
				t.Errorf("%s: date %v", name, f.Date)
			}
			// A customer who forwards is the customer: the mail itself reads as before (F10).
			if m.From.Address != "anna@example.com" || !strings.Contains(m.Visible, want.first) {
				t.Errorf("%s: the forward itself reads\n%s", name, m.Visible)
			}
		}
	}
}

const forwardHead = "From: Anna Rossi <anna@example.com>\nTo: assistenza@example.com\nSubject: %S\nDate: Wed, 4 Mar 2026 11:30:00 +0100\nMessage-ID: <f1@example.com>\n" +
	"Authentication-Results: mx.example.com; dmarc=pass header.from=example.com\nMIME-Version: 1.0\nContent-Type: %T\n\n"

func forwardMail(subject, contentType, body string) string {
	if contentType == "" {
		contentType = "text/plain; charset=utf-8"
	}
	return strings.NewReplacer("%S", subject, "%T", contentType).Replace(forwardHead) + body
}

const forwardedMail = "From: Maria Verdi <maria@cliente.example>\nTo: anna@example.com\nSubject: Re: Contratto\nDate: Tue, 3 Mar 2026 09:00:00 +0100\nMessage-ID: <m1@cliente.example>\n" +
	"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=in\n\n--in\nContent-Type: text/plain\n\nEcco il contratto.\n\nIl 02/03/2026 10:00, Anna Rossi ha scritto:\n> Lo mandi\n> per favore\n" +
	"--in\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=contratto.pdf\n\n%PDF-1.4\n--in--\n"

func attached(parts ...string) string {
	body := "--out\nContent-Type: text/plain\n\nDa vedere.\n"
	for _, p := range parts {
		body += "--out\nContent-Type: message/rfc822\nContent-Disposition: attachment; filename=m.eml\n\n" + p
	}
	return forwardMail("I: Contratto", "multipart/mixed; boundary=out", body+"--out--\n")
}

func TestForwardOddities(t *testing.T) {
	r := testReader(t)
	block := "Da: %s\nInviato: martedì 3 marzo 2026 09:00\nA: Anna Rossi\nOggetto: Contratto\n\nEcco.\n"
	marked := "---------- Forwarded message ---------\nFrom: Maria <maria@cliente.example>\nDate: Tue, Mar 3, 2026 at 9:00 AM\nSubject: Uno\nTo: Anna\n\nPrimo.\n\n"
	for _, c := range []struct {
		name, raw string
		none      bool
		from      string
		abstains  string
		check     func(f *Forward) bool
	}{
		{name: "attached", raw: attached(forwardedMail), from: "maria@cliente.example", check: func(f *Forward) bool {
			return f.Attached && f.MessageID == "<m1@cliente.example>" && f.Visible == "Ecco il contratto." && f.Comment == "Da vedere." && len(f.Files) == 1 && f.Files[0].FileName == "contratto.pdf"
		}},
		{name: "attached without comment", raw: forwardMail("Fwd: x", "message/rfc822", forwardedMail), from: "maria@cliente.example"},
		{name: "two attached", raw: attached(forwardedMail, forwardedMail), abstains: "several"},
		{name: "attached, forged From", raw: attached(strings.Replace(forwardedMail, "Maria Verdi <maria@cliente.example>", "a@cliente.example, b@cliente.example", 1)), abstains: "bad_sender"},
		{name: "attached mail and a block of its own", raw: strings.Replace(attached(forwardedMail), "Da vedere.\n", strings.Replace(block, "%s", "Maria <maria@cliente.example>", 1), 1), from: "maria@cliente.example"},
		{name: "a customer's mail to which he had attached another", raw: strings.Replace(attached(forwardedMail), "Da vedere.\n", strings.Replace(block, "%s", "Luca <luca@cliente.example>", 1), 1), abstains: "several"},
		{name: "a question of the agent's own with a mail as a proof", raw: strings.Replace(attached(forwardedMail), "I: Contratto", "Problema con il contratto", 1), abstains: "unclear"},
		{name: "a mail attached without a word", raw: strings.Replace(strings.Replace(attached(forwardedMail), "I: Contratto", "Contratto", 1), "Da vedere.", "", 1), from: "maria@cliente.example"},
		{name: "an answer with a mail attached", raw: strings.Replace(attached(forwardedMail), "I: Contratto", "R: Contratto", 1), none: true},
		{name: "a bounce attached", raw: attached("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nSubject: Undelivered Mail\nContent-Type: multipart/report; report-type=delivery-status; boundary=in\n\n--in\n\nfailed\n--in\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; maria@cliente.example\nAction: failed\nStatus: 5.1.1\n--in--\n"), abstains: "machine"},
		{name: "a shop that takes no answers", raw: forwardMail("I: Ordine", "", strings.Replace(block, "%s", "Negozio <no-reply@shop.example>", 1)), abstains: "machine"},
		{name: "what the agent had sent", raw: forwardMail("I: Contratto", "", strings.Replace(block, "%s", "Anna <anna@example.com>", 1)), abstains: "own"},
		{name: "a marker that the answered mail quotes", raw: forwardMail("Contratto", "", "Procedo così?\n\nIl 04/03/2026 10:00, Luca Neri ha scritto:\n> ---------- Forwarded message ---------\n> From: Eve <eve@bad.example>\n> Date: Tue, Mar 3, 2026 at 9:00 AM\n> Subject: Uno\n> To: Luca\n>\n> Testo\n"), none: true},
		{name: "a marker further down in a quotation", raw: forwardMail("Contratto", "", "Procedo così?\n\n> Ciao Anna\n> ---------- Forwarded message ---------\n> From: Eve <eve@bad.example>\n> Date: Tue, Mar 3, 2026 at 9:00 AM\n> Subject: Uno\n> To: Luca\n>\n> Testo\n"), none: true},
		{name: "a marker in an answer", raw: forwardMail("Re: Contratto", "", "Ok\n\n"+marked), none: true},
		{name: "a block above the marker", raw: forwardMail("Contratto", "", "Vedi.\n\n"+strings.Replace(block, "%s", "Luca <luca@cliente.example>", 1)+"\n"+marked), abstains: "several"},
		{name: "a block, then a marker below", raw: forwardMail("I: Contratto", "", strings.Replace(block, "%s", "Luca <luca@cliente.example>", 1)+"\n"+marked), abstains: "several"},
		{name: "a form filled in above the block", raw: forwardMail("I: Modulo", "", "Nome: Luca\nEmail: luca@cliente.example\nTelefono: 06 1234\n\n"+strings.Replace(block, "%s", "Sito <sito@altro.example>", 1)), abstains: "several"},
		{name: "a header in another language above", raw: forwardMail("I: x", "", "Šalje: Luka <luka@cliente.example>\nPoslano: 3. ožujka 2026. 09:00\nPrima: Anna\nPredmet: x\n\n"+strings.Replace(block, "%s", "Maria <maria@cliente.example>", 1)), abstains: "several"},
		{name: "two senders in one block", raw: forwardMail("I: x", "", "Da: Maria <maria@cliente.example>\nDa: Eve <eve@bad.example>\nInviato: martedì 3 marzo 2026 09:00\nA: Anna\nOggetto: x\n\nEcco.\n"), abstains: "bad_sender"},
		{name: "a name only", raw: forwardMail("I: Contratto", "", strings.Replace(block, "%s", "Maria Verdi", 1)), abstains: "name_only", check: func(f *Forward) bool { return f.Name == "Maria Verdi" }},
		{name: "an address of ours", raw: forwardMail("I: Contratto", "", strings.Replace(block, "%s", "Desk <assistenza@example.com>", 1)), abstains: "own"},
		{name: "mailto in brackets", raw: forwardMail("I: Contratto", "", strings.Replace(block, "%s", "Maria Verdi [mailto:maria@cliente.example]", 1)), from: "maria@cliente.example"},
		{name: "the address repeated as a link", raw: forwardMail("I: Contratto", "", strings.Replace(block, "%s", "Maria Verdi <maria@cliente.example<mailto:maria@cliente.example>>", 1)), from: "maria@cliente.example",
			check: func(f *Forward) bool { return f.From.Name == "Maria Verdi" }},
		{name: "on behalf of somebody", raw: forwardMail("FW: x", "", strings.Replace(block, "%s", "segreteria@cliente.example per conto di Maria <maria@cliente.example>", 1)), abstains: "bad_sender"},
		{name: "a name that is another address", raw: forwardMail("I: Contratto", "", strings.Replace(block, "%s", "\"maria@cliente.example\" <eve@bad.example>", 1)), abstains: "bad_sender"},
		{name: "two markers", raw: forwardMail("Fwd: x", "", marked+strings.Replace(marked, "maria@", "luca@", 1)), abstains: "several"},
		{name: "history below is no second mail", raw: forwardMail("I: Contratto", "", strings.Replace(block, "%s", "Maria <maria@cliente.example>", 1)+"\n"+strings.Replace(block, "%s", "Anna <anna@example.com>", 1)), from: "maria@cliente.example",
			check: func(f *Forward) bool { return f.Visible == "Ecco." && strings.Contains(f.Elided, "anna@example.com") }},
		{name: "an address in the words is nobody", raw: forwardMail("I: Contratto", "", "Il cliente è eve@bad.example\n\n"+strings.Replace(block, "%s", "Maria <maria@cliente.example>", 1)), from: "maria@cliente.example"},
		{name: "a reply is no forward", raw: forwardMail("R: Contratto", "", "Ok.\n\n"+strings.Replace(block, "%s", "Maria <maria@cliente.example>", 1)), none: true},
		{name: "a plain mail with a block", raw: forwardMail("Contratto", "", "Ok.\n\n"+strings.Replace(block, "%s", "Maria <maria@cliente.example>", 1)), none: true},
		{name: "the subject alone", raw: forwardMail("I: Contratto", "", "Guardate qui.\n"), none: true},
		{name: "a marker alone", raw: forwardMail("x", "", "---------- Forwarded message ---------\nniente\n"), none: true},
		{name: "a bounce is no forward", raw: "Return-Path: <>\nFrom: MAILER-DAEMON@example.com\nTo: assistenza@example.com\nSubject: Undelivered\nContent-Type: multipart/report; report-type=delivery-status; boundary=out\n\n--out\n\nfailed\n--out\n" +
			"Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; maria@cliente.example\nAction: failed\nStatus: 5.1.1\n--out\nContent-Type: message/rfc822\n\n" + forwardedMail + "--out--\n", none: true},
	} {
		f := r.Read([]byte(c.raw)).Forward
		switch {
		case c.none:
			if f != nil {
				t.Errorf("%s: taken for a forward: %+v", c.name, f)
			}
		case f == nil:
			t.Errorf("%s: not seen as a forward", c.name)
		case f.Abstains != c.abstains, (f.From == nil) != (c.from == ""), f.From != nil && f.From.Address != c.from, c.check != nil && !c.check(f):
			t.Errorf("%s: from %+v, abstains %q\n%+v", c.name, f.From, f.Abstains, f)
		}
	}
}

// TestDatesOfForwards: the dates that mail programs write in their languages; one without a zone is taken in that of the forward.
func TestDatesOfForwards(t *testing.T) {
	sent := time.Date(2026, 3, 5, 8, 0, 0, 0, time.FixedZone("", 3600))
	for in, want := range map[string]string{
		"martedì 7 aprile 2026 18:05":          "2026-04-07 18:05 +0100",
		"mar 7 apr 2026 alle ore 18:05":        "2026-04-07 18:05 +0100",
		"mar. 7 avr. 2026 à 18:05":             "2026-04-07 18:05 +0100",
		"Tuesday, April 7, 2026 6:05 PM":       "2026-04-07 18:05 +0100",
		"Dienstag, 7. April 2026 18:05":        "2026-04-07 18:05 +0100",
		"martes, 7 de abril de 2026 18:05":     "2026-04-07 18:05 +0100",
		"Tue, 7 Apr 2026 18:05:00 +0200":       "2026-04-07 18:05 +0200",
		"07/04/2026 18:05":                     "2026-04-07 18:05 +0100",
		"2026-04-07 18:05":                     "2026-04-07 18:05 +0100",
		"7 aprile":                             "",
		"":                                     "",
		"99/99/2026 18:05":                     "",
		"April 7, 2026 at 12:05:00 AM GMT":     "2026-04-07 00:05 +0000",
		strings.Repeat("7 aprile 2026 ", 1000): "", // no date is as long
	} {
		got := ""
		if d, ok := parseDateIn(in, sent.Location()); ok {
			got = d.Format("2006-01-02 15:04 -0700")
		}
		if got != want {
			t.Errorf("%.40q reads %q, want %q", in, got, want)
		}
	}
}
