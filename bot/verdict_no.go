package bot

import (
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// verdict is what a customer's answer says about the articles that were offered.
type verdict string

const (
	verdictYes   verdict = "yes"
	verdictNo    verdict = "no"    // they did not help
	verdictOther verdict = "other" // says something else, or nothing clear
)

// judged reads an answer to an offer. A yes closes the request, so that only a clear one counts; a no and anything else open the ticket, and a
// no counts against the articles as well.
func judged(h *ticketing.Heard) verdict {
	switch {
	case saysYes(h):
		return verdictYes
	case saysNo(h):
		return verdictNo
	}
	return verdictOther
}

// maxNoWords is the longest answer that is taken for a no: a longer one tells the problem again, and "does not work" is part of the telling.
const maxNoWords = 25

// noPhrases, folded. One of them in a short answer says that the articles did not help.
var noPhrases = []string{
	"non ha risolto", "non ho risolto", "non e risolto", "non si e risolto", "non risolto", "non risolta", "non abbiamo risolto", "niente di risolto",
	"non funziona", "nn funziona", "non funzionano", "non ha funzionato", "non va", "nn va", "non cambia nulla", "non cambia niente", "non e cambiato niente", "non e cambiato nulla", "nulla e cambiato",
	"gia provato", "gia provate", "gia provati", "gia fatto", "gia fatta", "gia letto", "gia lette", "gia letti", "gia visto", "conosco gia", "purtroppo no", "nessuno di questi", "nessuna di queste", "nessun articolo",
	"non c entra", "non c entrano", "non e quello", "non sono quelli", "problema resta", "problema rimane", "problema persiste", "persiste", "ancora bloccato", "ancora bloccata", "ancora fermo", "ancora ferma",
	"non serve", "non servono", "non mi serve", "non mi servono", "non e servito", "non e servita", "non sono serviti", "non mi ha aiutato", "non mi hanno aiutato", "non aiuta", "non aiutano", "non e stato utile",
	"non mi e stato utile", "non utile", "non sono utili", "inutile", "inutili", "niente da fare", "lo stesso errore", "stesso problema", "uguale a prima", "uguale come prima", "tutto come prima", "e come prima", "sempre come prima", "non basta", "non bastano", "non riesco",
	"bisogno di assistenza", "bisogno di un operatore", "bisogno di aiuto", "bisogno di parlare", "parlare con una persona", "parlare con un operatore", "parlare con qualcuno", "serve ancora aiuto", "ancora aiuto",
	"nessun risultato", "senza risultato", "non risponde", "non rispondono", "non ci siamo", "sempre li", "provato niente", "non stampa lo stesso", "non parte lo stesso",
	"not solved", "not resolved", "isn t solved", "not fixed", "isn t fixed", "did not help", "didn t help", "does not help", "doesn t help", "do not help", "don t help", "none of these", "none of them", "none of those",
	"did not work", "didn t work", "does not work", "doesn t work", "not working", "isn t working", "nothing works", "nothing changed", "no luck", "already tried", "tried all", "tried everything", "unfortunately not", "unfortunately no",
	"still broken", "still the same", "still not", "still doesn t", "still does not", "still can t", "still cannot", "still there", "still need", "still happens", "same error", "same problem", "same issue", "not related", "unrelated",
	"not helpful", "unhelpful", "not useful", "useless", "need an agent", "need a person", "talk to a person", "talk to someone", "speak to a person", "speak to someone", "speak to an agent", "doesn t answer", "does not answer",
	"didn t answer", "that s not it", "that is not it", "wasn t it", "keeps crashing", "keeps happening", "persists", "did not fix", "didn t fix", "doesn t fix", "not what i asked", "not what i need",
	"but no", "ma no", "no no",
}

// unsurePhrases make an answer neither: its writer has not tried, does not know, or asks for a part.
var unsurePhrases = []string{
	"non so", "non ho ancora", "non ancora", "non sono sicuro", "non sono sicura", "non sono in", "non urgente", "guardo domani", "dopo provo", "vi faccio sapere", "non vedo", "non trovo",
	"non serve altro", "serve piu", "serve piu aiuto", "link che mi", "il link", "no problem", "nessun problema", "need to try", "need to test", "need to check", "devo provare", "devo ancora", "a posto", "risposta va bene",
	"have not tried", "haven t tried", "haven t had", "not sure", "don t know", "not urgent", "not at", "will try", "let you know", "let me try", "cannot see", "can t see", "can t test",
}

// saysNo: the answer says that the articles did not help. What is solved in part is not a no.
func saysNo(h *ticketing.Heard) bool {
	if h.Kind != ticketing.KindNormal {
		return false
	}
	said := answerWords(h)
	if strings.ContainsAny(h.Visible, "👎") && len(said) <= maxNoWords {
		return true
	}
	if len(said) == 0 || len(said) > maxNoWords {
		return false
	}
	text := spaced(said)
	if _, unsure := without(text, unsurePhrases); unsure {
		return false
	}
	text, no := without(text, noPhrases)
	if said[0] == "no" || said[0] == "nope" {
		no = no || !strings.ContainsAny(h.Visible, "?")
	}
	if _, yes := without(text, yesPhrases); yes || !no {
		return false
	}
	return true
}
