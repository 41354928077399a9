package kb_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
)

// samples reads the demo's articles.
func samples(t testing.TB) []ticketing.Article {
	t.Helper()
	articles, problems := kb.ReadDir(os.DirFS("../../cmd/sportello/demo/articles"))
	for _, p := range problems {
		t.Error(p)
	}
	if len(articles) == 0 {
		t.Fatal("no sample articles found")
	}
	return articles
}

func TestSampleTranslations(t *testing.T) {
	articles := samples(t)
	bySlug := make(map[string]ticketing.Article)
	for _, a := range articles {
		bySlug[a.Language+"/"+a.Slug] = a
	}
	for _, a := range articles {
		if len(a.Translations) == 0 {
			t.Errorf("%s: no translation", a.Slug)
		}
		for language, slug := range a.Translations {
			b, ok := bySlug[language+"/"+slug]
			if !ok || b.Translations[a.Language] != a.Slug || b.Audience != a.Audience || b.Line != a.Line || b.Kind != a.Kind {
				t.Errorf("%s: translation %s/%s missing, not mutual, or of another line, kind or audience", a.Slug, language, slug)
			}
		}
		if a.Published.IsZero() || a.Summary == "" || a.Product == "" || len(a.Tags) == 0 {
			t.Errorf("%s: incomplete front matter", a.Slug)
		}
	}
}

func TestSampleRanks(t *testing.T) {
	ix := kb.New(samples(t), nil)
	tests := []struct {
		language, subject, text string
		want                    string // slug of the first hit
	}{
		{"it", "", "ho dimenticato la password", "reimpostare-password"},
		{"it", "Accesso", "Buongiorno, non riesco più ad accedere, la password non viene accettata. Come posso reimpostarla? Grazie", "reimpostare-password"},
		{"it", "fattura scartata", "Salve, la fattura 123 è stata scartata dallo SdI con errore 00305, cosa devo fare?", "fattura-scartata-sdi"},
		{"it", "", "errore 00404 fattura duplicata", "fattura-scartata-sdi"},
		{"it", "Chiusura", "Il registratore telematico non ha trasmesso la chiusura giornaliera di ieri", "chiusura-giornaliera-non-trasmessa"},
		{"it", "POS", "Come faccio a collegare il POS della banca alla cassa?", "collegare-pos"},
		{"it", "", "la stampante degli scontrini stampa bianco", "stampante-non-stampa"},
		{"it", "Nota di credito", "Devo stornare una fattura già inviata, come faccio la nota di credito?", "emettere-nota-di-credito"},
		{"it", "", "posso importare i prodotti da un file excel?", "importare-articoli-da-excel"},
		{"it", "magazzino", "le giacenze sono negative e non capisco perché", "giacenze-non-corrette"},
		{"it", "Disdetta", "vorrei disdire l'abbonamento prima del rinnovo", "rinnovo-abbonamento"},
		{"it", "", "un cliente mi ha riportato la merce, come registro il reso?", "reso-e-annullo-scontrino"},
		{"it", "", "come aggiungo un nuovo operatore con i suoi permessi", "aggiungere-operatori-e-permessi"},
		{"it", "", "si può vendere senza internet?", "vendere-senza-internet"},
		{"it", "", "pasword dimenticata non riescoad accedere", "reimpostare-password"},
		{"en", "", "I forgot my password", "reset-your-password"},
		{"en", "Login", "Hello, I cannot sign in any more, how do I reset my password? Thanks", "reset-your-password"},
		{"en", "", "our invoice was rejected by SdI with code 00311", "invoice-rejected-by-sdi"},
		{"en", "", "the daily closing was not sent to the tax agency", "daily-closing-not-sent"},
		{"en", "Card terminal", "How can I connect our card terminal with the till?", "connect-card-terminal"},
		{"en", "", "receipt printer prints blank paper", "receipt-printer-does-not-print"},
		{"en", "", "how do I issue a credit note for an invoice", "issue-a-credit-note"},
		{"en", "", "can I import my products from excel?", "import-products-from-excel"},
		{"en", "", "stock quantities are negative", "wrong-stock-quantities"},
		{"en", "", "I want to cancel my subscription", "renew-or-cancel-subscription"},
		{"en", "", "a customer wants to return goods without a receipt", "void-receipt-or-return"},
		{"en", "", "add a new cashier with limited permissions", "add-staff-and-permissions"},
		{"en", "", "does the till work offline?", "sell-without-internet"},
	}
	for _, tt := range tests {
		r := ix.Search(kb.Query{Subject: tt.subject, Text: tt.text, Language: tt.language, Limit: 3})
		if len(r.Hits) == 0 || r.Hits[0].Slug != tt.want {
			t.Errorf("%q %q: got %v, want %s first", tt.subject, tt.text, slugs(r), tt.want)
		}
		if !r.Offer(0) {
			t.Errorf("%q %q: no offer at confidence %.2f %+v", tt.subject, tt.text, r.Confidence, r.Features)
		}
		t.Logf("%.2f %s %v", r.Confidence, tt.text, slugs(r))
	}
}

const longItalian = `Gentile assistenza, mi chiamo Rosanna e gestisco con mio marito un negozio di tessuti a Biella da quasi trent'anni. Vi scrivo dopo
	una settimana piuttosto faticosa: tra la fiera, i fornitori e l'influenza di una delle ragazze non abbiamo avuto un momento di respiro. Domenica
	scorsa siamo andati in montagna con i nipoti e il tempo era splendido, lunedì invece ha ripreso a piovere e il magazzino si è allagato in un
	angolo, per fortuna senza danni alle stoffe. Mia figlia dice che dovrei prendermi una vacanza e forse ha ragione. Comunque, `

const longItalianEnd = ` Se preferite potete telefonarmi in negozio, siamo aperti tutti i giorni tranne il mercoledì pomeriggio, oppure la sera a casa.
	Vi ringrazio moltissimo per la pazienza e vi auguro una buona giornata e un felice fine settimana in famiglia.`

func TestSampleLongLetter(t *testing.T) {
	ix := kb.New(samples(t), nil)
	r := ix.Search(kb.Query{Subject: "Aiuto", Text: longItalian + "non ricordo più la password e non riesco ad accedere al programma." + longItalianEnd, Language: "it"})
	if len(r.Hits) == 0 || r.Hits[0].Slug != "reimpostare-password" {
		t.Errorf("a question in a long letter found %v", slugs(r))
	}
	t.Logf("%.2f %+v", r.Confidence, r.Features)
	r = ix.Search(kb.Query{Subject: "Saluti", Text: longItalian + "volevo solo farvi i complimenti per la simpatia del vostro collega Piero." + longItalianEnd, Language: "it"})
	if r.Offer(0) {
		t.Errorf("a long letter without a question gets an offer: %v at %.2f %+v", slugs(r), r.Confidence, r.Features)
	}
	t.Logf("%.2f %+v", r.Confidence, r.Features)
}

func slugs(r kb.Result) []string {
	var out []string
	for _, h := range r.Hits {
		out = append(out, h.Slug)
	}
	return out
}

func TestSampleUnrelated(t *testing.T) {
	ix := kb.New(samples(t), nil)
	tests := []struct{ language, subject, text string }{
		{"it", "", "Quali sono gli orari del museo egizio di Torino?"},
		{"it", "Candidatura", "Buongiorno, vi invio il mio curriculum per una posizione di sviluppatore."},
		{"it", "", "come si cucinano le lasagne"},
		{"it", "Invito", "Gentili signori, vi aspettiamo alla fiera di Bologna, padiglione 4, il 12 maggio."},
		{"it", "", "Vi ricordo che la riunione con il notaio è stata spostata a giovedì."},
		{"it", "", "grazie mille"},
		{"it", "", "Il corriere ha consegnato un pacco danneggiato, vorrei parlare con un responsabile"},
		{"en", "", "What time does the museum open on Sunday?"},
		{"en", "Job", "Please find attached my application for the position of designer."},
		{"en", "", "how to bake sourdough bread"},
		{"en", "Partnership", "We would love to discuss backlinks and guest posts on your blog."},
		{"en", "", "thank you very much"},
		{"en", "", "my flight to Rome was delayed by three hours"},
		{"en", "", ""},
		{"it", "???", "!!!"},
	}
	for _, tt := range tests {
		r := ix.Search(kb.Query{Subject: tt.subject, Text: tt.text, Language: tt.language})
		if r.Offer(0) {
			t.Errorf("%q %q: offers %v at confidence %.2f %+v", tt.subject, tt.text, slugs(r), r.Confidence, r.Features)
		}
		t.Logf("%.2f %s %+v", r.Confidence, tt.text, r.Features)
	}
}

// TestSampleQuestions: of questions as customers write them the right one of the demo's articles stands among the first three, and what
// no article answers gets no offer.
func TestSampleQuestions(t *testing.T) {
	articles := samples(t)
	count := map[string]int{}
	for _, a := range articles {
		count[a.Language]++
	}
	if count["it"] < 40 || count["en"] < 40 {
		t.Errorf("%v articles, want at least 40 in each language", count)
	}
	raw, err := os.ReadFile("testdata/sample_questions.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	ix := kb.New(articles, nil)
	asked, found, none, offered := map[string]int{}, map[string]int{}, 0, 0
	for line := range strings.Lines(string(raw)) {
		var q struct{ Lang, Article, Text string }
		if err := json.Unmarshal([]byte(line), &q); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		r := ix.Search(kb.Query{Text: q.Text, Language: q.Lang, Limit: 3})
		if q.Article == "" {
			none++
			if r.Offer(0) {
				offered++
				t.Logf("offered at %.2f for %q: %v", r.Confidence, q.Text, slugs(r))
			}
			continue
		}
		asked[q.Lang]++
		if slices.Contains(slugs(r), q.Article) {
			found[q.Lang]++
		} else {
			t.Logf("%q found %v, not %s", q.Text, slugs(r), q.Article)
		}
	}
	for _, lang := range []string{"it", "en"} {
		t.Logf("%s: %d of %d in the first three", lang, found[lang], asked[lang])
		if asked[lang] < 40 || found[lang]*10 < asked[lang]*9 {
			t.Errorf("%s: %d of %d questions find their article, want 9 of 10", lang, found[lang], asked[lang])
		}
	}
	if none < 20 || offered > 2 {
		t.Errorf("%d of %d questions that nothing answers get an offer", offered, none)
	}
}
