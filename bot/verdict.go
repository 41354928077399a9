package bot

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/sportello/sportello/ticketing"
)

// A yes closes a request, so only a clear one counts: the answer is short, says so in the phrases below, and holds nothing else that has
// a meaning of its own. Every other word must be known to say nothing: a list of words that take a yes away is never complete ("I wish
// it was fixed"). Everything else opens the ticket, which costs an agent a minute; a false yes costs a customer the help asked for.

// maxYesWords is the longest answer that is believed; longer ones tell something that a person should read.
const maxYesWords = 14

// maxNameWords is how many words a greeting with a name or a line with the sender's name has at most.
const maxNameWords = 4

// yesPhrases, folded. One of them must stand in the answer as whole words.
var yesPhrases = []string{
	"tutto ok", "tutto a posto", "tutto apposto", "tutto funziona", "funziona tutto", "funziona di nuovo", "funziona", "funzionano", "ha funzionato",
	"ora va", "adesso va", "va tutto", "tutto chiaro", "a posto", "ce l ho fatta", "ce l abbiamo fatta", "mi e servito", "e servito", "mi e servita", "ho trovato la soluzione", "ho trovato la risposta", "trovata la soluzione",
	"risolto", "risolta", "risolti", "sistemato", "sistemata", "sistemati", "era quello", "era proprio quello", "era questo", "era proprio questo", "mi ha aiutato", "ci ha aiutato",
	"stato utile", "stata utile", "stati utili", "sono riuscito", "sono riuscita", "siamo riusciti", "siamo riuscite",
	"have solved", "have fixed", "have resolved", "solved", "resolved", "fixed", "sorted", "works again", "works", "worked", "is working", "s working", "working now",
	"all good", "all set", "all fine", "that helped", "this helped", "it helped", "article helped", "guide helped", "link helped", "that did it", "this did it", "that was it", "did the trick", "got it working",
	"able to fix it", "able to solve it", "able to fix the problem", "able to solve the problem", "was helpful", "very helpful", "answered my question", "answers my question", "found the answer", "found the solution",
	"yes it did", "managed to fix it", "managed to solve it", "fine now", "ok now", "okay now", "good now",
}

// assents count only where nothing but them and words of thanks stands in the answer: "si" is also a pronoun.
var assents = map[string]bool{"si": true, "sisi": true, "yes": true, "yep": true, "yeah": true}

// againstPhrases take a yes away although each of their words may stand beside one.
var againstPhrases = []string{
	"ho un", "ho una", "ho questo", "ho questa", "ho ancora", "ho adesso", "ora ho", "adesso ho", "i have a", "i have this", "now my", "now the", "now i have", "was working", "were working", "was fixed already", "was solved already",
	"link works", "links work", "link works", "article works", "link funziona", "link funzionano", "articolo funziona", "guida funziona", "guide works", "page works", "pagina funziona",
	"per ora", "per adesso", "for now", "is it", "is this", "is that", "is the", "has it", "has this", "has that", "has the", "have i", "have we", "ci siamo riusciti", "era ok", "get it", "da solo si",
}

// plainPhrases say nothing about the question; their words alone might.
var plainPhrases = []string{
	"primo articolo", "secondo articolo", "terzo articolo", "primo link", "secondo link", "terzo link", "prima guida", "seconda guida", "da solo", "da sola", "da soli",
	"in the article", "in the guide", "you sent", "first article", "second article", "third article", "first link", "second link", "third link", "first one", "second one", "third one", "a lot", "by myself", "on my own",
	"potete chiudere", "puoi chiudere", "puo chiudere", "chiudete pure", "chiudere la richiesta", "chiudere il ticket", "la richiesta", "il ticket", "si puo chiudere", "non serve altro", "nient altro",
	"nessun problema", "no problem", "no problems", "you can close this ticket", "you can close the ticket", "you can close my ticket", "you can close this", "you can close it", "please close this ticket", "please close the ticket", "please close it", "like a charm", "no need to reply",
	"grazie a voi", "grazie a te", "grazie a lei", "grazie a tutti", "di tutto", "di cuore", "per tutto", "buon lavoro", "buona giornata", "buona serata", "buon pomeriggio",
	"per l aiuto", "dell aiuto", "per il vostro aiuto", "per il tuo aiuto", "del vostro aiuto", "per il supporto", "del supporto", "per la risposta", "della risposta", "per il vostro supporto",
	"for your help", "for the help", "for all your help", "for helping", "for your support", "for the support", "for the quick reply", "for everything",
	"have a nice day", "have a good day", "have a great day",
}

// thanksWords may stand in a message that only says thanks.
var thanksWords = words("grazie mille molte tante infinite ancora gentilissimi gentilissimo gentilissima gentili perfetto ottimo ok okay bene molto davvero vi ti la ringrazio ringraziamo saluti cordiali un saluto " +
	"thank thanks you very much so many again great perfect best kind regards cheers lovely excellent really fantastico fantastica fantastici eccellente bravi bravissimi splendido grandi super top awesome fantastic wonderful brilliant nice guys")

// greetings begin an answer; a name may follow.
var greetings = words("buongiorno buonasera buondi salve ciao gentile gentili egregio cari caro cara hi hello hey dear good morning afternoon evening")

// plainWords may stand beside a yes phrase: they belong to it and take nothing from it.
var plainWords = words("ho abbiamo ha e mi ci si lo la il i gli le l un una questo questa quello quella tutto proprio con l articolo articoli guida guide link istruzioni suggerimento consiglio procedura passaggi soluzione " +
	"seguendo seguito usando leggendo problema questione dubbio richiesta ora adesso utile perfettamente benissimo correttamente davvero subito a io stato stata cosi confermo che riavviando reinstallando aggiornando risolvere accedere entrare stampare grazie al alla all dell vostra vostro vostri " +
	"i we it s is ve the this that your article articles guide link links instructions steps suggestion solution problem issue question my our and now has been just with using following followed by me us for " +
	"perfectly fine fully completely already everything well i m was of course confirm that can working")

func words(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		set[w] = true
	}
	return set
}

// saysYes: the answer to an offer is a clear yes.
func saysYes(h *ticketing.Heard) bool {
	if h.Kind != ticketing.KindNormal || len(h.Files) > 0 || doubtful(h.Visible) {
		return false
	}
	said := answerWords(h)
	if len(said) == 0 || len(said) > maxYesWords {
		return false
	}
	text, _ := without(spaced(said), plainPhrases)
	if _, against := without(text, againstPhrases); against || !settlesMatter(strings.Fields(text)) {
		return false
	}
	text, yes := without(text, yesPhrases)
	for w := range strings.FieldsSeq(text) {
		switch {
		case assents[w]:
		case yes && (plainWords[w] || greetings[w]), thanksWords[w]:
		default:
			return false
		}
	}
	if yes {
		return true
	}
	// "si" and "yes" without a phrase: only where nothing but thanks stands beside them.
	for w := range strings.FieldsSeq(text) {
		yes = yes || assents[w]
	}
	return yes
}

// onlyThanks: the message says thanks and nothing else. Its last line may be a name.
func onlyThanks(h *ticketing.Heard) bool {
	if len(h.Files) > 0 || doubtful(h.Visible) {
		return false
	}
	said := answerWords(h)
	if len(said) == 0 || len(said) > maxYesWords {
		return false
	}
	thanks := false
	for _, w := range said {
		thanks = thanks || w == "grazie" || w == "ringrazio" || w == "ringraziamo" || w == "thanks" || w == "thank"
	}
	text, _ := without(spaced(said), plainPhrases)
	for w := range strings.FieldsSeq(text) {
		if !thanksWords[w] && !greetings[w] {
			return false
		}
	}
	return thanks
}

// gladSigns are the signs that may stand beside a yes: no list of those that belie it is complete.
const gladSigns = "👍🙏😊🙂😀😃😄😁😉✅✔👌🎉❤💪👏🤗🥰😍☺\ufe0f\u200d🏻🏼🏽🏾🏿"

// doubtful: a question, or a sign that may belie the words.
func doubtful(text string) bool {
	if strings.ContainsAny(text, "?¿") {
		return true
	}
	for _, face := range []string{":(", ":-(", ":'(", ":/", ":-/", ":|", ":-|", ":\\", "=("} {
		if strings.Contains(text, face) {
			return true
		}
	}
	for _, r := range text {
		if (unicode.Is(unicode.So, r) || unicode.Is(unicode.Sm, r) || unicode.Is(unicode.Sk, r)) && !strings.ContainsRune(gladSigns, r) {
			return true
		}
	}
	return false
}

// matters are what an answer may say is settled; anywhere else in it they are a new one ("risolto, ho un dubbio").
var matters = words("problema problemi questione dubbio dubbi richiesta problem problems issue issues question questions")

// settled end or begin what is said of a matter.
var (
	settled  = words("risolto risolta risolti risolte sistemato sistemata sistemati solved fixed resolved sorted answered answers risolvere fix solve resolve chiarito chiarita")
	betweens = words("il lo la i gli le l un mio mia miei nostro nostra questo questa quel quello e si stato stata ora adesso the my our this that is was s has have been now all both")
)

// settlesMatter reports whether every matter named stands directly beside the word that settles it, articles between them not counted.
func settlesMatter(said []string) bool {
	for i, w := range said {
		if !matters[w] {
			continue
		}
		before, after := i-1, i+1
		for before >= 0 && i-before < 4 && betweens[said[before]] {
			before--
		}
		for after < len(said) && after-i < 5 && betweens[said[after]] {
			after++
		}
		if !(before >= 0 && settled[said[before]]) && !(after < len(said) && settled[said[after]]) {
			return false
		}
	}
	return true
}

func spaced(words []string) string { return " " + strings.Join(words, " ") + " " }

// without takes phrases out of a text of words between blanks, longer ones first where the list has them first; found tells whether any
// was there. What remains on both sides of a phrase does not join to a new one.
func without(text string, phrases []string) (rest string, found bool) {
	for _, p := range phrases {
		if strings.Contains(text, " "+p+" ") {
			text, found = strings.ReplaceAll(text, " "+p+" ", "  "), true
		}
	}
	return text, found
}

// fold brings text to lower case without accents; everything but letters and digits becomes a blank, apostrophes
// too, so that "l'errore" holds the word "errore".
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
