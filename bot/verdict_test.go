package bot

import (
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

func said(text string) *ticketing.Heard {
	return &ticketing.Heard{Kind: ticketing.KindNormal, Visible: text}
}

// clearYes are answers to an offer that say without doubt that an article was enough.
var clearYes = []string{
	"Risolto, grazie!", "risolto grazie", "RISOLTO", "Risolto", "Ho risolto.", "Ho risolto, grazie mille.", "Problema risolto!", "Tutto risolto, grazie.",
	"Abbiamo risolto, grazie.", "Sì, risolto", "Sì grazie", "Si, grazie!", "Sì, perfetto", "Sì", "si", "Sì, funziona!", "Ora funziona, grazie", "Adesso funziona tutto.",
	"Funziona!", "Funziona, grazie mille", "Tutto a posto, grazie.", "Tutto ok grazie", "Tutto ok", "Tutto apposto", "Perfetto, risolto!", "Perfetto grazie, ho risolto",
	"Ottimo, ora funziona.", "Era proprio quello, grazie", "Era quello!", "L'articolo mi ha aiutato, grazie", "Mi ha aiutato, grazie.", "Sono riuscito, grazie!",
	"Sono riuscita a risolvere, grazie", "Siamo riusciti, grazie a tutti", "Ha funzionato, grazie", "Buongiorno,\nrisolto, grazie.\nMarco Verdi",
	"Buongiorno, ho risolto seguendo la guida. Grazie", "Ho seguito la guida e ora funziona", "Risolto con il primo articolo", "Il primo articolo ha risolto il problema, grazie",
	"Grazie, risolto.\n\nCordiali saluti\nMaria Rossi\nUfficio acquisti, tel. 02 1234", "La questione è risolta, grazie", "Questo ha risolto, grazie!", "Grazie, è risolto 👍",
	"Sì, mi è stato utile, grazie", "Sì, l'articolo è stato utile", "Sono riuscito a risolvere da solo, grazie",
	"Solved, thanks!", "Solved", "solved thank you", "It's solved, thanks", "This solved it", "That solved it, thank you!", "Yes, solved", "Yes thanks", "Yes", "yes, thank you very much",
	"Yep, works now", "It works now, thanks", "It works!", "Works now. Thanks!", "Working now, thank you", "That fixed it", "That fixed it, thanks!", "Fixed, thanks", "Fixed!",
	"Problem solved, thank you", "Issue resolved, thanks", "Resolved. Thank you.", "All good, thanks", "All good now", "All set, thank you", "That worked, thanks!", "This worked perfectly",
	"It worked, thanks a lot", "That did it, cheers", "That helped, thanks", "This helped, thank you!", "Perfect, that worked", "Great, it works now", "Yes, that helped. Thanks!",
	"Hi,\nthat solved it, thank you.\nJohn", "Hello, the first article fixed it. Thanks", "Thanks, I fixed it with the guide", "Thank you, sorted", "Sorted, thanks!",
	"Thanks, it's working now.\n\nBest regards\nJane Doe\nAcme Ltd", "I followed the article and it works now", "The article helped, thanks",
	"Ok risolto grazie mille", "Grazie mille, tutto risolto!", "Risolto con la guida, grazie e buona giornata", "Ciao Luca, risolto, grazie!", "Buongiorno signora Rossi,\nho risolto, grazie.\nPaolo", "Perfetto, adesso funziona!",
	"Sì, risolto, grazie.", "ora va, grazie", "Adesso va tutto, grazie", "Grazie dell'aiuto, ho risolto", "Problema risolto, potete chiudere", "Potete chiudere, risolto", "È tutto ok adesso, grazie", "Fantastico, funziona", "Il link mi ha aiutato, grazie mille",
	"Grazie, la seconda guida ha risolto", "Confermo, risolto", "Confermo che è risolto", "Risolto riavviando, grazie", "Siamo riusciti a stampare, grazie", "Sì, questo ha risolto", "sì sì tutto ok",
	"Thanks, that solved my problem", "Great, solved!", "Yes that solved it", "It's fixed now, thank you", "Thank you, it is working fine now", "Works perfectly, thanks", "Awesome, that worked", "You can close this, it's solved", "Solved, you can close the ticket",
	"That worked like a charm, thanks", "Yes, it's working", "Thank you so much, all good now", "This article solved my issue", "I was able to fix it, thanks", "Got it working, thank you", "Everything works now, thanks!", "Perfect, thank you, solved.", "Dear team, the issue is resolved. Kind regards, Tom",
	"Buonasera, tutto risolto grazie", "Grazie infinite, ora funziona perfettamente", "Risolto! Grazie per il supporto", "La guida mi ha aiutato molto, grazie", "Salve, il problema è stato risolto, grazie", "Sì, ora funziona. Saluti", "Ce l'ho fatta, grazie!", "Grazie mille, ho trovato la risposta",
	"Ho risolto così, grazie", "OK, funziona tutto", "Perfetto!! Risolto!!", "Tutto a posto ora, grazie e buon lavoro", "Risolto, grazie per la rapidità", "Grazie della risposta, risolto", "Tutto sistemato, grazie", "Sistemato, grazie", "grazie ho risolto io", "Molto utile, ho risolto", "sì, grazie mille!",
	"Hi Anna, it's working now, thanks!", "Thanks a lot, problem solved", "Yes it did, thank you", "Yes it works", "Yes, this solved my problem", "The link you sent fixed it, thanks", "Followed the steps and it worked", "That's fixed it, cheers", "It is resolved now", "All sorted, thank you", "Thank you for your help, it works", "All working now",
	"Good morning, solved, thank you", "This did the trick, thanks", "Fixed it, thanks", "Very helpful, thank you", "Thanks, found the answer in the article", "I managed to fix it, thanks", "No problem anymore, thanks", "Thanks, we got it working",
}

// clearNo say that help is still wanted.
var clearNo = []string{
	"No", "No grazie", "no, grazie", "Non funziona", "Non ha funzionato", "Non è risolto", "Non ho risolto", "Ancora non funziona", "Purtroppo no", "Non risolto", "No, il problema resta",
	"Grazie ma non funziona", "Grazie, ma il problema c'è ancora", "Il problema persiste", "Ho provato ma non cambia nulla", "Non mi ha aiutato", "L'articolo non mi ha aiutato",
	"Niente da fare", "Funziona solo a volte", "Funzionava ieri, oggi no", "Ora funziona il PC ma non la stampante", "Risolto? Direi di no", "Risolto un accidente", "Non ancora risolto",
	"Ho risolto solo in parte", "Quasi risolto, manca la stampante", "Vorrei parlare con un operatore", "Ho bisogno di aiuto", "Ho ancora bisogno di aiuto", "Serve un tecnico",
	"Sì, ho ancora bisogno di aiuto", "Si blocca ancora", "Si è bloccato di nuovo", "Sì ma non funziona", "Non sono riuscito", "Non siamo riusciti a risolvere", "Mi serve il vostro aiuto, grazie",
	"Quando sarà risolto?", "Va risolto entro domani", "Deve essere risolto oggi, grazie", "Attendo che sia risolto", "Spero che venga risolto presto", "Prima era tutto ok, adesso no",
	"Tutto ok tranne la stampa", "Era tutto ok fino a ieri", "Ho risolto un altro problema, questo resta", "Adesso funziona ma c'è un'altra cosa", "C'è un altro problema", "Un'altra domanda, grazie",
	"L'errore resta", "C'è l'errore di prima", "Bloccato", "Peggio di prima", "Il primo articolo è risolutivo? Non credo", "Nessuno dei due articoli ha risolto", "Mai risolto",
	"Never solved", "Not solved", "Not yet", "No thanks", "No, it still fails", "It doesn't work", "It doesn’t work", "Doesn't work", "dont work", "That didn't help", "This did not solve it", "Still broken",
	"Still need help", "I still need help", "Yes, I still need help", "Thanks but it is not fixed", "It works sometimes", "It worked yesterday", "It works on my phone only", "Worked for a minute, then failed again",
	"Please help", "When will it be fixed?", "This needs to be fixed today", "I need this solved asap", "It should work now but it does not", "I hope it gets resolved soon", "If it works I'll tell you",
	"Is it solved?", "Almost solved, one error left", "Partly solved", "It is not working now", "I can't get it working", "Nothing worked", "None of the articles helped", "Neither worked",
	"That fixed the login, but printing fails", "It would be great if this was solved", "Unfortunately the same error", "The problem is back", "Works worse now", "I doubt that it is solved",
	"I wish it was fixed", "Hardly solved", "Far from solved", "It's not all good", "Nope", "nope, thanks", "Yeah right", "Yes, please open a ticket", "Sì, aprite un ticket", "Sì apra pure il ticket grazie",
	"La stampante funziona, il server è spento", "Fatemi sapere quando è risolto", "Segnalo che risulta risolto a voi e basta", "Dite che è risolto", "Mi dicono risolto, controllate",
	"Il collega dice che è risolto ma io vedo errori", "Pensavo fosse risolto", "Credevo di aver risolto", "Sembrava risolto", "I thought it was solved", "It seemed fixed", "They said it was fixed",
	"Ci vediamo se funziona", "Magari fosse risolto", "Siete riusciti a risolvere?", "Fammi sapere se è tutto ok", "Let me know once it is fixed", "Tell me when it works", "Get it fixed", "Fix it",
	"It was fixed last week, now it is back", "Please confirm it is resolved", "I'd like it fixed", "It must be fixed", "To be fixed", "Da risolvere", "È da mesi che deve essere risolto", "Ieri tutto ok",
	"Non va", "non va ancora", "La guida non risolve", "Risolvete voi?", "Aspetto che risolviate", "Ho già letto l'articolo, non serve", "Ho il problema", "Sì ho il problema", "Il problema è sempre quello", "Era quello il problema e rimane",
	"Ha funzionato per un'ora", "Funziona male", "Funziona a tratti", "Funziona per adesso", "Non tutto ok", "Tutto ok un corno", "Risolto il primo, resta il secondo", "Risolto 1 su 3", "Se risolto avviso", "Appena risolto vi scrivo", "Chi ha risolto", "Come avete risolto",
	"Avete risolto", "Non so se è risolto", "Direi risolto ma verifico", "Verifico se funziona", "Controllo se ora funziona", "Dopo mezz'ora era di nuovo rotto", "Funziona tutto tranne il login", "Sarebbe stato utile sapere dove cliccare", "Sì ma serve altro", "Sì, chiamatemi", "Si pianta", "Si spegne da solo",
	"yes but no", "yes it is broken", "Yes, still the same problem", "Yes, call me", "It solved nothing", "solved? no", "fixed in which version", "when is it fixed", "has it been fixed", "is it fixed", "I need it solved", "I want it fixed", "have it fixed today", "works for others, me no",
	"it worked before", "works slowly", "worked once", "all good except printing", "all good but slow", "that worked until reboot", "I don’t think it’s solved", "never worked", "hardly works", "barely working now", "not sure if solved", "close to solved", "supposed to be fixed", "was fixed then broke",
	"Il tecnico ha risolto un altro guasto", "Ho risolto chiamando un concorrente, pessimo servizio", "Lo avete risolto a metà", "Risolto? boh", "Risolto 👎", "Solved :(", "the article is not helpful", "that helped a bit", "helped somewhat", "works but ugly",
	"Va tutto male", "ora va peggio", "Va tutto bene con voi ma la stampante no", "A posto siamo", "Confermo che il problema c'è", "Confermo il problema", "Confermo, ora il problema è questo", "Riavviando si blocca", "Potete chiudere il mio account", "Puoi chiudere la fattura 12", "il ticket è stato chiuso ma il problema no", "Please close my account", "You can close it? no", "I was able to reproduce it", "That was not it", "I can see the problem now", "that problem has been my problem",
	"Tutto chiaro, ma non mi funziona", "Ho trovato la soluzione sbagliata", "è servito a poco", "è servito a nulla", "found the answer but it is wrong", "was helpful but not enough", "not very helpful", "it is good now and then", "is it ok now", "Can it be solved", "That can be fixed", "everything was solved until you updated", "Everything has the problem now",
	"la richiesta è questa", "Questa è la richiesta", "Grazie, il problema è tutto qui", "Ho questo problema", "Il problema ha la soluzione?", "Ho seguito la guida", "Ho seguito le istruzioni, ora il problema è questo", "I followed the guide", "I followed the instructions and now this", "We have the problem now", "Using the guide now",
	"Non serve altro che una risposta", "nient altro che problemi", "non ho risolto potete chiudere", "Si può chiudere?", "Fantastico, di nuovo rotto", "Fantastico... rotto", "Bravi, complimenti", "Top", "Super", "ancora grazie ma niente", "Lo ha risolto?", "Ho risolvere", "Il dubbio resta", "ho un dubbio", "ho una richiesta", "Ho una questione", "Thanks, I have an issue", "my issue is this", "This is my question", "Yes, this is my issue", "Sì, questo è il problema",
}

// neither are answers that a person should read.
var neither = []string{
	"", "   ", "?", "ok", "Ok grazie", "Grazie", "Grazie mille per l'aiuto", "Thanks", "Thank you very much", "Ricevuto", "Provo e vi faccio sapere", "Ora provo", "Proverò domani", "I will try", "I'll try that",
	"Chi risponde?", "Dove trovo la guida?", "La stampante è una HP 400", "Vi allego lo screenshot", "See attachment", "Buongiorno", "Hello", "+1", "👍", "Letto", "Seen", "Interessante", "Perfect timing",
	"Marco", "Il numero è 02 1234", "Sono in ferie", "Ottimo lavoro", "Bella guida, la leggo stasera", "Nice article, reading it tonight", "ticket", "Chiudete pure", "Inoltro al collega", "Forwarding to IT",
}

// TestSaysYes: no answer that is not a clear yes may close a request, and nine of ten clear ones have to be understood.
func TestSaysYes(t *testing.T) {
	for _, text := range append(append([]string{}, clearNo...), neither...) {
		if saysYes(said(text)) {
			t.Errorf("%q was taken for a yes", text)
		}
	}
	right := 0
	for _, text := range clearYes {
		if saysYes(said(text)) {
			right++
			continue
		}
		t.Logf("not recognised: %q", text)
	}
	t.Logf("%d of %d clear yes recognised, %d others judged", right, len(clearYes), len(clearNo)+len(neither))
	if right*10 < len(clearYes)*9 {
		t.Errorf("only %d of %d clear yes are recognised", right, len(clearYes))
	}
}

// TestSaysYesOnlyOfPersons: a program, a file or a question takes a yes away.
func TestSaysYesOnlyOfPersons(t *testing.T) {
	h := said("Risolto, grazie")
	h.Kind = ticketing.KindAutoReply
	if saysYes(h) {
		t.Error("an automatic reply said yes")
	}
	h = said("Risolto, grazie")
	h.Files = []ticketing.HeardFile{{Name: "schermata.png"}}
	if saysYes(h) {
		t.Error("a yes with a file was believed; the file may show what is wrong")
	}
	if saysYes(said("Risolto?")) {
		t.Error("a question was taken for a yes")
	}
	if long := "risolto " + strings.Repeat("davvero ", maxYesWords); saysYes(said(long)) {
		t.Error("a long story was taken for a yes")
	}
}

func TestOnlyThanks(t *testing.T) {
	for _, text := range []string{"Grazie", "Grazie mille!", "Grazie mille per l'aiuto", "Thanks!", "Thank you very much", "Many thanks for your help", "Vi ringrazio", "Grazie ancora, buona giornata",
		"Perfetto, grazie", "Ok grazie\n\nCordiali saluti\nMaria", "Great, thanks a lot", "Grazie a te"} {
		if !onlyThanks(said(text)) {
			t.Errorf("%q is only thanks", text)
		}
	}
	for _, text := range []string{"", "Grazie, ma non funziona", "Thanks, but it is back", "Grazie. Un'altra domanda: come stampo?", "Thanks?", "ok", "Thanks, one more thing", "Grazie, non", "Grazie, il problema è tornato"} {
		if onlyThanks(said(text)) {
			t.Errorf("%q is more than thanks", text)
		}
	}
}

// FuzzVerdict: an answer that holds a plain no is never a yes, whatever stands around it, and nothing panics.
func FuzzVerdict(f *testing.F) {
	for _, list := range [][]string{clearYes, clearNo, neither} {
		for i, text := range list {
			if i%9 == 0 {
				f.Add(text)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		h := said(text)
		yes := saysYes(h)
		onlyThanks(h)
		if yes && saysYes(said(text+" non")) {
			t.Errorf("%q is a yes with a no in it", text)
		}
		if yes && strings.ContainsAny(text, "?") {
			t.Errorf("%q is a question", text)
		}
	})
}
