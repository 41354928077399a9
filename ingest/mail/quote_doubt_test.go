package mail

import (
	"strings"
	"testing"
)

// In doubt a line stays visible (Q2): each of these has the look of something that is left out, and is the customer's.
func TestQuoteInDoubt(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat("una riga del mio testo\n", 18), "\n")
	for _, c := range []struct {
		name, subject, text, visible string
	}{
		{"a contact form with a line above", "Nuova richiesta dal sito", "Avete ricevuto una nuova richiesta.\n\nDa: Mario <mario@cliente.example>\nOggetto: Lampada rotta\nData: 3/3/2026\n\nLa lampada non si accende.", "*"},
		{"a signature above a forward", "Fwd: Fattura", "Potete vedere?\n-- \nMaria\n\n---------- Forwarded message ---------\nFrom: a <a@b.example>\nDate: Mon\nSubject: y\nTo: c\n\nLa fattura è sbagliata.", "Potete vedere?\n\n---------- Forwarded message ---------\nFrom: a <a@b.example>\nDate: Mon\nSubject: y\nTo: c\n\nLa fattura è sbagliata."},
		{"a forward behind a server's warning", "[EXTERNAL] I: x", "Guardate.\n\nDa: a <a@b.example>\nInviato: b\nA: c\nOggetto: d\n\nTesto", "*"},
		{"a Polish forward", "PD: x", "Proszę.\n\nOd: a <a@b.example>\nWysłano: b\nDo: c\nTemat: d\n\nTekst", "*"},
		{"a courier", "Re: x", "Il pacco è partito.\n\nSent via DHL courier on Monday 3", "*"},
		{"what was sent with what", "Re: x", "Ho la ricevuta.\n\nInviato con raccomandata 12345", "*"},
		{"who sent it", "Re: x", "Ecco il foglio.\n\nGesendet von Frau Müller am 3.3.2026", "*"},
		{"a question about the device", "Re: x", "Perché in fondo c'è scritto così?\n\nInviato da iPhone?", "*"},
		{"a device line alone", "x", "Inviato da iPhone", "*"},
		{"a statement about what a page holds", "x", "Non trovo il modulo.\n\nLe informazioni contenute in questa pagina sono vecchie.", "*"},
		{"a question about a footer", "x", "Salve.\n\nQuesto messaggio e i suoi allegati sono riservati al destinatario: devo cancellarlo?", "*"},
		{"a footer alone", "x", "Avviso di riservatezza: questo messaggio è riservato al destinatario.", "*"},
		{"a signature alone", "x", "-- \nMaria Verdi\ntel. 06 1234", "*"},
		{"the one answer after a long quoted line", "Re: x", "On Mon, Nov 16, 2026 at 10:00 AM Desk <a@example.com> wrote:\n> this is a quoted line that is long enough to look as if it had been wrapped\nyes it does\n> bye", "yes it does"},
		{"answers between, one quoted line each", "Re: x", "On Mon, Nov 16, 2026 at 10:00 AM Desk <a@example.com> wrote:\n> Which model?\n> And serial?\n\nA 200.\n\n> Since when?\n\nYesterday.", "*"},
		{"answers in red", "Re: x", "Rispondo sotto in rosso.\n\nIl giorno lun 16 nov 2026 alle ore 10:00 Assistenza <a@example.com> ha scritto:\n> Quale modello? Il 200.\n> Da quando? Da ieri.", "*"},
		{"Antworten unten", "AW: x", "Meine Antworten unten.\n\nAm 16.11.2026 um 10:00 schrieb Desk <a@example.com>:\n> Welches Modell? Das 200.", "*"},
		{"the words of a signature that is none", "x", "Ecco.\n-- \n" + long, "*"},
	} {
		want := c.visible
		if want == "*" {
			want = c.text
		}
		visible, elided := SplitQuote(c.text, c.subject)
		if visible != want {
			t.Errorf("%s: visible\n%s\nelided\n%s", c.name, visible, elided)
		}
		checkPartition(t, &Mail{Text: c.text, Visible: visible, Elided: elided})
	}
}

// What mail programs write is left out, in the spellings that were missed once.
func TestQuoteLeaks(t *testing.T) {
	for _, c := range []struct{ name, subject, text string }{
		{"a narrow blank before the colon", "RE: x", "Testo.\n\nDe\u202f: Aide <a@example.com>\nEnvoyé\u202f: dimanche 8 novembre 2026\nÀ\u202f: Maria\nObjet\u202f: x\n\nVoici."},
		{"an answer behind a server's warning", "[EXTERNAL] Re: x", "Testo.\n\nFrom: Desk <a@example.com>\nSent: Sunday\nTo: Maria\nSubject: x\n\nHere."},
		{"Outlook in Dutch", "Re: x", "Testo.\n\nOutlook voor iOS downloaden"},
		{"a Finnish answer", "VS: x", "Testo.\n\nLähettäjä: Tuki <a@example.com>\nLähetetty: sunnuntai\nVastaanottaja: Maria\nAihe: x\n\nTässä."},
		{"a device with a number", "Re: x", "Testo.\n\nInviato dal mio Galaxy S24 5G"},
		{"a device in German", "Re: x", "Testo.\n\nVon meinem iPhone gesendet"},
		{"a footer", "x", "Testo.\n\nThis e-mail and any attachments are confidential and intended for the recipient only."},
	} {
		if visible, _ := SplitQuote(c.text, c.subject); visible != "Testo." {
			t.Errorf("%s: visible %q", c.name, visible)
		}
	}
	for in, want := range map[string]string{"[EXTERNAL] Re: x": "x", "[lista] R: x": "[lista] x", "Re: [lista] Re: x": "[lista] x", "[Guasto] Stampante": "[Guasto] Stampante", "PD: x": "x", "ΠΡΘ: x": "x", "VS: x": "x"} {
		if got, _ := TrimSubject(in); got != want {
			t.Errorf("TrimSubject(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestHTMLInDoubt: what the markup says of answers and of quotations of the writer's own, and of plain texts that stand for HTML.
func TestHTMLInDoubt(t *testing.T) {
	r := testReader(t)
	for _, c := range []struct{ name, html, visible string }{
		{"answers between Gmail's quotations", `<div class="gmail_quote"><div class="gmail_attr">On Mon, Nov 16, 2026 at 10:00 AM Desk &lt;a@example.com&gt; wrote:<br></div><blockquote class="gmail_quote">Which model?<br>And serial?</blockquote><div>A 200.</div><blockquote class="gmail_quote">Since when?</blockquote><div>Yesterday.</div></div>`,
			"On Mon, Nov 16, 2026 at 10:00 AM Desk <a@example.com> wrote:\n>\n> Which model?\n> And serial?\n\nA 200.\n>\n> Since when?\n\nYesterday."},
		{"words below Outlook's anchor", `<div>Sopra.</div><div id="appendonsend"></div><div>Sotto.</div>`, "Sopra.\nSotto."},
		{"a message that somebody sets apart", `<p>Compare questo:</p><blockquote>Errore 5: carta inceppata</blockquote>`, "Compare questo:\n>\n> Errore 5: carta inceppata"},
		{"words within a signature's container", `<div>Salve.</div><div class="gmail_signature">` + strings.Repeat("<div>Una riga del mio testo.</div>", 20) + `</div>`, "Salve.\n" + strings.TrimSuffix(strings.Repeat("Una riga del mio testo.\n", 20), "\n")},
		{"nothing but a signature's container", `<div class="gmail_signature">La stampante non va.</div>`, "La stampante non va."},
	} {
		m := r.Read(composeMail(c.html, "Subject: Re: x", "Content-Type: text/html; charset=utf-8"))
		if m.Visible != c.visible {
			t.Errorf("%s: visible %q\nelided %q", c.name, m.Visible, m.Elided)
		}
		checkPartition(t, m)
	}
	alternative := func(plain, html string) []byte {
		return composeMail("--b\nContent-Type: text/plain; charset=utf-8\n\n"+plain+"\n--b\nContent-Type: text/html; charset=utf-8\n\n"+html+"\n--b--\n", "Subject: x", "Content-Type: multipart/alternative; boundary=b")
	}
	text := strings.TrimSuffix(strings.Repeat("La stampante del primo piano non stampa. ", 60), " ")
	for name, plain := range map[string]string{
		"an Italian stub": "Il tuo programma di posta non supporta il formato HTML.", "a German stub": "Ihr Mailprogramm unterstützt kein HTML.", "next to nothing": "Buongiorno",
	} {
		if m := r.Read(alternative(plain, "<p>"+text+"</p>")); m.Visible != text {
			t.Errorf("%s: visible %q", name, m.Visible)
		}
	}
	// Wherever a short text happens to have its blanks.
	for n := 100; n < 160; n++ {
		plain := strings.Repeat("x", n) + " " + strings.Repeat("y", 600)
		if m := r.Read(alternative(plain, "<p>"+strings.Repeat(plain+" ", 20)+"</p>")); m.Visible != plain {
			t.Errorf("a plain text of its own with a blank at %d: %d characters visible", n, len(m.Visible))
		}
	}
	if m := r.Read(alternative("Grazie, tutto a posto.", "<html><head><style>"+strings.Repeat("p { color: black }", 500)+"</style></head><p>Grazie, tutto a posto.</p></html>")); m.Visible != "Grazie, tutto a posto." {
		t.Errorf("a short answer: %q", m.Visible)
	}
}
