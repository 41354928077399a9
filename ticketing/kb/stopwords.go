package kb

import "strings"

// stopWord reports whether a folded word is one of those that say little about a question in the language. They count less in a query and
// are never dropped, so that a question made of nothing else still finds something. Greetings and courtesies of letters are among them.
func stopWord(language, word string) bool {
	_, ok := stopWords[language][word]
	return ok
}

// stopWords is only read. The words are folded.
var stopWords = map[string]map[string]struct{}{
	"it": wordSet(`a abbia abbiamo ad agli ai al alcuni alcuna all alla alle allo allora altri altro anche ancora anzi appena aver avere
		avete avevo avuto avrei buongiorno buonasera c caro cara che chi chiedo ci cio ciao circa ci coi col come comunque con cordiali cosa
		cosi cui d da dagli dai dal dall dalla dalle dallo davvero degli dei del dell della delle dello dentro di distinti dopo dove dov due
		durante e ecco ed era erano essere eravamo eventualmente fa faccio fare fate favore ha hai hanno ho i il in infatti inoltre invece io l la
		le lei li lo loro lui ma me mentre mi mia mille mie miei mio molto ne negli nei nel nell nella nelle nello neppure nessun nessuno
		niente noi nostra nostre nostri nostro o od ogni oppure ora per perche percio pero piu poco poi porre possibile posso possiamo potete
		potrei potreste potuto presso prima proprio puo qual quale quali qualche qualcosa quando quanto quasi quella quelle quelli quello quest
		questa queste questi questo qui quindi resto s sa salve saluti salvo sara se secondo sei sembra sempre senza si sia siamo siete so sono sta
		stato stata sto su sua sue sugli sui sul sull sulla sulle sullo suo suoi tale tanto te ti tra tramite troppo tu tua tue tuo tuoi
		tutta tutte tutti tutto un una uno va vai vari verso vi voi volete vorrei vostra vostre vostri vostro grazie gentile gentili
		spett spettabile anticipatamente avrei`),
	"en": wordSet(`a about after again all also am an and any are aren as at be because been before being best between both but by can could
		d dear did didn do does doesn doing don each few for from further get gets getting got had hadn has hasn have haven having he hello
		her here hers hey hi him his how i if in into is isn it its itself just kind kindly know let ll m may me many might mine more most much must
		my myself no nor not now of off on once one only or other our ours out over own please re regards s same shall she should so some such
		t tell than thank thanks that the their them then there these they this those through to too under until up us ve very want was
		wasn we were weren what when where which while who whom why will with won would wouldn you your yours yourself`),
}

func wordSet(list string) map[string]struct{} {
	set := make(map[string]struct{})
	for _, w := range strings.Fields(list) {
		set[w] = struct{}{}
	}
	return set
}
