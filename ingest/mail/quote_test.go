package mail

import (
	"strings"
	"testing"
)

func TestQuotes(t *testing.T) {
	for _, c := range []struct {
		rule, subject, text, visible string
	}{
		{"Q3 Italian attribution", "Re: x", "Grazie.\n\nIl giorno lun 16 nov 2026 alle ore 10:00 Assistenza <a@example.com> ha scritto:\n> Ecco\n> qui", "Grazie."},
		{"Q3 Italian, without quote signs", "Re: x", "Grazie.\n\nIl 16/11/2026 10:00, Assistenza ha scritto:\n\nEcco qui", "Grazie."},
		{"Q3 In data", "Re: x", "Grazie.\n\nIn data 16 novembre 2026 10:00:12 Assistenza <a@example.com> ha scritto:\n\nEcco", "Grazie."},
		{"Q3 Da in data", "Re: x", "Grazie.\n\nDa Assistenza in data 16/11/2026 10:00:\n\nEcco", "Grazie."},
		{"Q3 English", "Re: x", "Thanks.\n\nOn Mon, Nov 16, 2026 at 10:00 AM Desk <a@example.com> wrote:\n\n> Here\n> it is", "Thanks."},
		{"Q3 German", "AW: x", "Danke.\n\nAm 16.11.2026 um 10:00 schrieb Desk:\n> Hier\n> bitte", "Danke."},
		{"Q3 French", "RE: x", "Merci.\n\nLe 16 nov. 2026 à 10:00, Desk <a@example.com> a écrit :\n\n> Voici\n> le texte", "Merci."},
		{"Q3 Spanish", "RE: x", "Gracias.\n\nEl lun, 16 nov 2026 a las 10:00, Desk (<a@example.com>) escribió:\n\n> Aquí\n> está", "Gracias."},
		{"Q3 a sentence with a date stays", "Re: x", "Il 16/11/2026 il tecnico ha scritto un appunto.\nPoi niente.", "Il 16/11/2026 il tecnico ha scritto un appunto.\nPoi niente."},
		{"Q3 a name without date needs a quote", "Re: x", "Mario ha scritto:\nchiudete tutto", "Mario ha scritto:\nchiudete tutto"},
		{"Q3 a name before a quote", "Re: x", "Va bene.\n\nMario Rossi ha scritto:\n> chiudete\n> tutto", "Va bene."},
		{"Q4 lone line amid text", "Re: x", "Il comando è:\n> ls -l\ne non va.", "Il comando è:\n> ls -l\ne non va."},
		{"Q5 wrapped attribution", "Re: x", "Ok.\n\nIl giorno lunedì 16 novembre 2026 alle ore 10:00 Assistenza Clienti\nSpA <assistenza@example.com> ha\nscritto:\n\n> Ecco\n> qui", "Ok."},
		{"Q6 Outlook", "R: x", "Ok, provo.\n\nDa: Assistenza <a@example.com>\nInviato: lunedì 16 novembre 2026 10:00\nA: Maria\nOggetto: x\n\nEcco", "Ok, provo."},
		{"Q6 starred labels", "Re: x", "Ok.\n\n*From:* Desk\n*Sent:* Monday\n*To:* Maria\n*Subject:* x\n\nHere", "Ok."},
		{"Q6 two labels are too few", "Re: x", "Ok.\n\nDa: Milano\nA: Roma\n\nQuanto costa?", "Ok.\n\nDa: Milano\nA: Roma\n\nQuanto costa?"},
		{"8.3 rule", "Re: x", "Ok.\n\n-----Messaggio originale-----\nDa: a\nInviato: b\nA: c\nOggetto: d\n\nEcco", "Ok."},
		{"8.3 underscores", "Re: x", "Ok.\n\n________________________________\nFrom: a\nSent: b\nTo: c\nSubject: d\n\nHere", "Ok."},
		{"Q7 forwarded", "Fwd: x", "Guardate sotto.\n\n---------- Forwarded message ---------\nFrom: a <a@b.example>\nDate: Mon\nSubject: y\nTo: c\n\nTesto", "Guardate sotto.\n\n---------- Forwarded message ---------\nFrom: a <a@b.example>\nDate: Mon\nSubject: y\nTo: c\n\nTesto"},
		{"Q7 Outlook forward", "I: x", "Guardate.\n\nDa: a\nInviato: b\nA: c\nOggetto: d\n\nTesto", "Guardate.\n\nDa: a\nInviato: b\nA: c\nOggetto: d\n\nTesto"},
		{"Q8 inline answers", "Re: x", "On Mon, Nov 16, 2026, Desk wrote:\n> Which model?\n> And serial?\n\nA 200.\n\n> Since when?\n> Really?\n\nYesterday.\n\n> bye\n> Desk", "On Mon, Nov 16, 2026, Desk wrote:\n> Which model?\n> And serial?\n\nA 200.\n\n> Since when?\n> Really?\n\nYesterday."},
		{"Q9 bottom posting", "Re: x", "On Mon, Nov 16, 2026, Desk wrote:\n> Which model?\n> And serial?\n\nA 200.", "A 200."},
		{"Q10 signature", "Re: x", "Ciao\n-- \nMaria\nDitta", "Ciao"},
		{"Q10 too long", "Re: x", "Ciao\n-- \n" + strings.Repeat("riga\n", 17), "Ciao\n-- \n" + strings.TrimSuffix(strings.Repeat("riga\n", 17), "\n")},
		{"Q10 dashes amid text", "Re: x", "prima\n-----\ndopo", "prima\n-----\ndopo"},
		{"Q11 device", "Re: x", "Arrivo\n\nInviato da iPhone", "Arrivo"},
		{"Q11 amid text", "Re: x", "Sent from my desk it does not work.\nWhy?", "Sent from my desk it does not work.\nWhy?"},
		{"Q12 footer", "Re: x", "Ciao\n\nAvviso di riservatezza: le informazioni\nsono riservate.", "Ciao"},
		{"Q12 phrase amid text", "Re: x", "Avviso di riservatezza: che cosa significa?\n\nGrazie", "Avviso di riservatezza: che cosa significa?\n\nGrazie"},
		{"Q13 unmarked signature", "x", "Non va.\n\nCordiali saluti,\nMaria\ntel. 06 12345", "Non va.\n\nCordiali saluti,\nMaria\ntel. 06 12345"},
		{"Q14 marker", "Re: x", "Ecco.\n\n> — Rispondere sopra questa riga —\nqualcosa\nsotto", "Ecco."},
		{"Q15 nothing new", "Re: x", "> solo\n> citazione", ""},
	} {
		visible, elided := SplitQuote(c.text, c.subject)
		if visible != c.visible {
			t.Errorf("%s: visible\n%s\nwant\n%s\nelided\n%s", c.rule, visible, c.visible, elided)
		}
		checkPartition(t, &Mail{Text: c.text, Visible: visible, Elided: elided})
	}
}

func TestTrimSubject(t *testing.T) {
	for in, want := range map[string]string{
		"Re: R: Fwd: Stampante": "Stampante", "Re[2]: x": "x", "R (3): x": "x", "RIF: Re: x": "x", "Stampante: ferma": "Stampante: ferma",
		"AW: WG: x": "x", "": "", "Re:": "",
	} {
		if got, _ := TrimSubject(in); got != want {
			t.Errorf("TrimSubject(%q) = %q, want %q", in, got, want)
		}
	}
	if _, forward := TrimSubject("I: x"); !forward {
		t.Error("I: is a forward")
	}
}
