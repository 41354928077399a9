package demo

// script is what the people of the story write. It is sample data like the articles, in the language of whoever watches; Emily always
// writes English and the law firm Italian.
type script struct {
	marta struct{ subject, text, yes string }
	luca  struct{ subject, text, no, thanksFor, thanks, again string }
	// giorgio asks, his mail program answers for him, and then his mailbox is gone.
	giorgio struct{ subject, text, away, awaySubject string }
	mallory struct{ subject, text string }
	anna    struct{ note, luca, emily, giorgio, solve, close string }
	reader  string // of a letter, as a mail program introduces a quotation: date, sender
}

var scripts = map[string]func() script{"it": italian, "en": english}

func italian() (s script) {
	s.marta.subject = "La stampante degli scontrini non stampa"
	s.marta.text = "Buongiorno,\n\nda stamattina la stampante degli scontrini fa uscire la carta bianca, non si legge nulla. Come posso fare?\n\nGrazie\nMarta Bianchi"
	s.marta.yes = "Sì, risolto, grazie!"
	s.luca.subject = "Importare gli articoli da Excel"
	s.luca.text = "Buongiorno,\n\nho un file Excel con 300 articoli. Come li importo nel magazzino senza scriverli a mano?\n\nLuca Ferri"
	s.luca.no = "No, purtroppo non basta: il file ha le aliquote IVA scritte come «22%» e l'importazione si ferma alla riga 14."
	s.luca.thanksFor = "Ho provato con le aliquote senza il simbolo: ora si ferma alla riga 120, dove il prezzo ha tre decimali."
	s.luca.thanks = "Grazie mille!"
	s.luca.again = "Buongiorno, rieccomi: ieri ho importato il secondo listino e 12 articoli sono doppi. Posso eliminarli tutti insieme?"
	s.giorgio.subject = "Manca un pacco"
	s.giorgio.text = "Buongiorno,\n\nil corriere ha consegnato due pacchi su tre. Potete chiedergli dov'è l'ultimo?\n\nGiorgio Sala"
	s.giorgio.awaySubject = "Risposta automatica: fuori ufficio"
	s.giorgio.away = "Sono fuori ufficio fino a lunedì e leggerò al mio rientro."
	s.mallory.subject = "Re: Two payments for March"
	s.mallory.text = "Buongiorno, seguo io la pratica: mandatemi a questo indirizzo i dati di pagamento della libreria."
	s.anna.note = "// il cliente ha un contratto Base: niente sconto, per favore"
	s.anna.luca = "Buongiorno Luca,\n\nnella colonna IVA serve solo il numero, per esempio 22 e non «22%». Cambi il formato della colonna in «Numero» e ripeta l'importazione."
	s.anna.emily = "Hello Emily,\n\nthank you, I see both payments. The second one will be refunded within three working days."
	s.anna.giorgio = "Buongiorno Giorgio,\n\nil corriere lo ha ancora sul furgone: arriva domani entro le 12."
	s.anna.solve, s.anna.close = "!risolto", "!chiudi"
	s.reader = "Il giorno %s, %s ha scritto:"
	return s
}

func english() (s script) {
	s.marta.subject = "The receipt printer prints nothing"
	s.marta.text = "Hello,\n\nsince this morning receipts come out blank, the paper stays white. What can I do?\n\nThank you\nMarta Bianchi"
	s.marta.yes = "Yes, solved, thank you!"
	s.luca.subject = "Importing products from Excel"
	s.luca.text = "Hello,\n\nI have an Excel file with 300 products. How do I import them into stock without typing each one?\n\nLuca Ferri"
	s.luca.no = "No, that is not enough: my file has the VAT rates written as \"22%\" and the import stops at row 14."
	s.luca.thanksFor = "I tried it with the rates without the sign: now it stops at row 120, where the price has three decimals."
	s.luca.thanks = "Thank you very much!"
	s.luca.again = "Hello again: yesterday I imported the second price list and 12 products are there twice. Can I delete them all at once?"
	s.giorgio.subject = "Where is our parcel?"
	s.giorgio.text = "Hello,\n\nthe courier brought two parcels out of three. Could you ask him about the last one?\n\nGiorgio Sala"
	s.giorgio.awaySubject = "Automatic reply: out of office"
	s.giorgio.away = "I am out of the office until Monday and will read your message then."
	s.mallory.subject = "Re: Two payments for March"
	s.mallory.text = "Hello, I have taken over this matter: please send the payment details of the bookshop to this address."
	s.anna.note = "// this customer is on the Base plan: no discount, please"
	s.anna.luca = "Hello Luca,\n\nthe VAT column takes the number only, 22 and not \"22%\". Set the column's format to \"Number\" and import the file again."
	s.anna.emily = "Hello Emily,\n\nthank you, I see both payments. The second one will be refunded within three working days."
	s.anna.giorgio = "Hello Giorgio,\n\nthe courier still has it in his van: it arrives tomorrow before noon."
	s.anna.solve, s.anna.close = "!solve", "!close"
	s.reader = "On %s, %s wrote:"
	return s
}

// What Emily and the law firm write.
const (
	emilySubject = "Two payments for March"
	emilyText    = "Hello,\n\nour bank shows two payments for March; I attach the statement. Could you please look into it?\n\nKind regards\nEmily Clarke\nClarke Books, Bath"
	emilyFile    = "statement-march.pdf"
	emilyReply   = "Perfect, three days is fine. Could you also send me a corrected receipt?"
	pecSubject   = "Richiesta formale di copia del contratto"
	pecText      = "Spett.le Bottega Digitale,\n\nin nome e per conto del cliente si richiede copia del contratto di assistenza n. 118.\n\nStudio Legale Neri"
)
