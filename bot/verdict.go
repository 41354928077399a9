package bot

import (
	"strings"
	"unicode"
	"unicode/utf8"

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
	"per ora", "per adesso", "for now", "is it", "is this", "is that", "is the", "has it", "has this", "has that", "has the", "have i", "have we", "ci siamo riusciti", "era ok", "get it", "da solo si",
}

// plainPhrases say nothing about the question; their words alone might.
var plainPhrases = []string{
	"primo articolo", "secondo articolo", "terzo articolo", "primo link", "secondo link", "terzo link", "prima guida", "seconda guida", "da solo", "da sola", "da soli",
	"in the article", "in the guide", "you sent", "first article", "second article", "third article", "first link", "second link", "third link", "first one", "second one", "third one", "a lot", "by myself", "on my own",
	"potete chiudere", "puoi chiudere", "puo chiudere", "chiudete pure", "chiudere la richiesta", "chiudere il ticket", "la richiesta", "il ticket", "si puo chiudere", "non serve altro", "nient altro",
	"you can close this ticket", "you can close the ticket", "you can close my ticket", "you can close this", "you can close it", "please close this ticket", "please close the ticket", "please close it", "like a charm", "no need to reply",
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
	said := answerWords(h.Visible)
	if len(said) == 0 || len(said) > maxYesWords {
		return false
	}
	text, _ := without(spaced(said), plainPhrases)
	if _, against := without(text, againstPhrases); against {
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
	said := answerWords(h.Visible)
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

// doubtful: a question, or a face that belies the words.
func doubtful(text string) bool {
	return strings.ContainsAny(text, "?¿👎😞😟😠😡😢😭🙁☹") || strings.Contains(text, ":(") || strings.Contains(text, ":-(")
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

// closings begin the end of a letter: nothing after them is part of the answer.
var closings = []string{"cordiali", "distinti", "saluti", "un saluto", "cordialmente", "best regards", "kind regards", "regards", "sincerely", "yours", "inviato da", "sent from"}

// answerWords are the folded words of an answer without a name after its greeting, its closing formula and a last line with a name.
func answerWords(text string) []string {
	lines := answerLines(text)
	if n := len(lines) - 1; n > 0 && isName(lines[n]) {
		lines = lines[:n]
	}
	var out []string
	for i, line := range lines {
		if i == 0 {
			line = greeted(line)
		}
		out = append(out, strings.Fields(signed(fold(line)))...)
	}
	return out
}

// signed cuts a closing formula with its name off the end of a line.
func signed(folded string) string {
	for _, c := range []string{" cordiali saluti", " distinti saluti", " best regards", " kind regards"} {
		if head, tail, ok := strings.Cut(folded, c); ok && len(strings.Fields(tail)) <= maxNameWords {
			return head
		}
	}
	return folded
}

// answerLines are the lines with words before the closing formula.
func answerLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		f := fold(line)
		for _, c := range closings {
			if len(lines) > 0 && (f == c || strings.HasPrefix(f, c+" ")) {
				return lines
			}
		}
		if f != "" {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// titles may stand between a greeting and a name.
var titles = words("a al alla tutti signor signora signore sig sigra sra dott dottor dottoressa dr ing avv mr mrs ms team staff assistenza supporto support all everyone there")

// greeted cuts a greeting with a name off: "Buongiorno signora Rossi, ...".
func greeted(line string) string {
	head, rest, comma := strings.Cut(line, ",")
	list := strings.Fields(head)
	if len(list) > maxNameWords || len(list) == 0 || !greetings[fold(list[0])] {
		return line
	}
	var name []string
	for _, w := range list[1:] {
		if !titles[fold(w)] {
			name = append(name, w)
		}
	}
	switch {
	case len(name) > 0 && !isName(strings.Join(name, " ")), len(list) == 1, !comma && strings.ContainsAny(line, ".!;:"):
		return line
	}
	return rest
}

// isName: a line of a few words which all begin with a capital letter and are none of the words that are judged.
func isName(line string) bool {
	list := strings.Fields(line)
	if len(list) == 0 || len(list) > maxNameWords {
		return false
	}
	for _, w := range list {
		first, _ := utf8.DecodeRuneInString(w)
		if !unicode.IsUpper(first) || strings.ContainsAny(w, "0123456789") {
			return false
		}
	}
	f := strings.Fields(fold(line))
	for _, w := range f {
		if notNames[w] || plainWords[w] || thanksWords[w] || assents[w] {
			return false
		}
	}
	_, yes := without(spaced(f), yesPhrases)
	return !yes
}

// notNames are words that people set alone in a line, or in capitals, and that no name is.
var notNames = words("no non niente nulla mai purtroppo ma pero aiuto urgente errore bloccato fermo ancora anzi invece forse not never nope nothing but help urgent error broken still however wait actually unfortunately " +
	"sorry scusate attenzione problema please pero idem")

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
