package ticketing

// languageWords holds the most frequent words of each language, which carry
// most of the weight in short texts, and words of everyday letters to a help
// desk, which give the trigrams. Letters under sharp hardly occur in the other
// languages of the table.
var languageWords = [...]struct{ name, stop, common, sharp string }{
	{
		name: "it",
		stop: `il lo la i gli le un uno una di a da in con su per tra fra del dello della dei degli delle al allo alla ai agli alle dal dallo dalla dai dagli dalle
nel nello nella nei negli nelle sul sullo sulla sui sugli sulle e ed o ma anche se che chi cui non più come quando dove perché mentre quindi però così già ancora
sempre mai solo molto poco troppo tutto tutti tutta tutte questo questa questi queste quello quella quelli quelle io tu lui lei noi voi loro mi ti ci vi si ne
mio mia miei mie tuo tua suo sua nostro nostra vostro vostra sono sei è siamo siete era erano essere stato stata ho hai ha abbiamo avete hanno avere avuto aveva
faccio fa fare fatto può posso possiamo potete possono potrei potrebbe vorrei voglio vuole devo deve dobbiamo dovete sto sta stanno va vado cosa qual quale quali`,
		common: `ciao buongiorno buonasera salve gentile gentili egregio spettabile grazie prego cordiali saluti distinti attendo attesa riscontro risposta rispondere risponde scrivo
scrivere scritto mail messaggio oggetto allegato allegati allego fattura fatture ordine ordini pagamento pagare pagato prezzo conto bolletta contratto abbonamento spedizione
consegna consegnato pacco arrivato arrivata arriva ricevuto ricevuta ricevere inviato inviare invio mandato problema problemi errore errori aiuto aiutare assistenza supporto
richiesta richiedere chiedo chiedere domanda informazioni informazione stampante computer telefono schermo rete accesso accedere entrare password utente utenti cliente clienti
azienda ditta ufficio sede numero codice nome cognome indirizzo data giorno giorni oggi ieri domani settimana mese mesi anno anni ora ore lunedì martedì mercoledì giovedì
venerdì sabato domenica mattina pomeriggio sera prima dopo subito presto tardi adesso purtroppo funziona funzionano funzionare funzionava appena ferma bloccato bloccata rotto rotta
nuovo nuova vecchio buono bene male meglio grande piccolo primo secondo ultimo altra altro altri qualcosa niente nessuno ogni sistema programma aggiornamento aggiornare
installare scaricare aprire aperto chiudere chiuso riesco riesce riusciamo trovare trovo trovato vedere vedo visto sapere sapete dire detto prendere comprato acquistato
reso rimborso cambio cambiare modificare cancellare annullare disdire disdetta registrazione profilo sito pagina scadenza urgente possibile necessario`,
		sharp: "òì",
	},
	{
		name: "en",
		stop: `the a an of to in on at by for with from into about over under after before between through during and or but nor so if then than that this these those which who whom whose
what when where why how not no yes i you he she it we they me him her us them my your his its our their mine yours am is are was were be been being have has had having do does
did doing done can could will would shall should may might must there here all any some each every both few more most other such only own same too very just also still again once
because while until as out up down off don't doesn't didn't can't cannot won't isn't aren't wasn't i'm i've i'd it's we're we've you're they're let's`,
		common: `hello hi dear good morning afternoon evening thanks thank please regards kind best sincerely cheers sorry help support problem problems issue issues error errors request
question questions answer reply information account password login log user users customer customers company office order orders invoice invoices payment pay paid price
delivery delivered shipping shipped package parcel arrived arrive received receive send sent sending email mail message subject attached attachment attachments file files printer
computer phone screen network access website page number code name address date day days today yesterday tomorrow week weeks month months year years hour hours monday tuesday
wednesday thursday friday saturday sunday work works working worked broken stopped stop start started try tried trying want wanted need needs needed know find found get got give
given make made take use used using see seen look looking think like new old first last next back now soon later ago since able unable possible urgent update updated install
download open opened close closed cancel cancelled change changed delete refund return returned buy bought contract subscription register registration profile system software
version wrong right something anything nothing someone everything could wrote writing would appreciate forward hearing`,
		sharp: "",
	},
	{
		name: "de",
		stop: `der die das den dem des ein eine einen einem einer eines und oder aber denn sondern doch wenn weil dass ob als wie wo was wer wen wem warum wann nicht kein keine keinen
ich du er sie es wir ihr mich dich ihn uns euch ihnen mir dir ihm mein meine meinen meinem dein sein seine unser unsere euer ihre ihren in im an am auf aus bei beim mit nach
von vom zu zum zur über unter vor hinter zwischen durch für gegen ohne um bis seit ist sind war waren bin bist gewesen habe hat haben hatte hatten werde wird werden wurde wurden
worden kann können konnte könnte soll sollte muss müssen musste will wollen möchte darf dürfen auch noch nur schon sehr mehr immer wieder hier da dort jetzt dann so diese dieser
dieses diesen jede jeder alle alles etwas nichts man sich selbst`,
		common: `hallo guten tag morgen abend sehr geehrte geehrter damen herren liebe lieber danke vielen dank bitte freundlichen freundliche grüßen grüße mit viele schöne problem probleme
fehler hilfe helfen frage fragen antwort anfrage information informationen konto passwort anmelden anmeldung benutzer kunde kunden firma büro bestellung bestellt rechnung
rechnungen zahlung bezahlt bezahlen preis lieferung geliefert versand paket angekommen erhalten bekommen bekomme senden gesendet schicken geschickt nachricht betreff anhang datei
dateien drucker rechner telefon bildschirm netzwerk zugriff zugang webseite seite nummer name adresse datum heute gestern tage woche wochen monat monate jahr jahre stunde stunden
montag dienstag mittwoch donnerstag freitag samstag sonntag funktioniert funktionieren geht gehen kaputt versuchen versucht brauche brauchen wissen finden gefunden machen gemacht
geben nehmen sehen neue neuen neues alte erste letzte leider dringend möglich aktualisieren installieren herunterladen öffnen schließen kündigen kündigung ändern löschen
rückerstattung zurück kaufen gekauft vertrag registrierung system seit melden warten wartung vielleicht schreiben`,
		sharp: "äöß",
	},
	{
		name: "fr",
		stop: `le la les l un une des du de d à au aux en dans sur sous par pour avec sans chez vers entre depuis pendant avant après et ou mais donc or ni car que qu qui quoi dont où quand
comment pourquoi si ne pas n plus jamais rien aucun aucune je j tu il elle on nous vous ils elles me m te t se s lui leur y mon ma mes ton ta tes son sa ses notre nos votre vos
leurs ce cet cette ces c cela ça est suis es sommes êtes sont était étaient être été ai as a avons avez ont avoir eu avait fait faire fais peux peut pouvons pouvez peuvent
pourrais pourriez voudrais veux veut dois doit devons aussi très trop bien mal tout tous toute toutes même encore toujours déjà alors comme`,
		common: `bonjour bonsoir salut madame monsieur cher chère merci beaucoup avance cordialement salutations sincères veuillez agréer problème problèmes erreur erreurs aide aider question
questions réponse répondre demande demander information informations compte mot passe connexion connecter utilisateur client clients société entreprise bureau commande commandes
commandé facture factures paiement payer payé prix livraison livré envoi colis arrivé reçu recevoir envoyer envoyé message sujet objet joint pièce fichier fichiers imprimante
ordinateur téléphone écran réseau accès site page numéro nom adresse date jour jours aujourd'hui hier demain semaine semaines mois année an ans heure heures lundi mardi
mercredi jeudi vendredi samedi dimanche marche fonctionne fonctionner cassé essayer essayé besoin savoir trouver trouvé faut donner prendre voir nouveau nouvelle ancien premier
dernier malheureusement urgent possible mise jour installer télécharger ouvrir fermer annuler résilier changer modifier supprimer remboursement retour acheter acheté contrat
abonnement inscription profil système depuis attends attente écris écrire suite`,
		sharp: "çêœîâûë",
	},
	{
		name: "es",
		stop: `el la los las un una unos unas de del a al en con por para sin sobre entre hasta desde hacia según y e o u pero sino aunque que quien cual cuyo donde cuando como cómo qué por
porque si no sí ni nunca nada nadie ningún ninguna yo tú él ella usted nosotros ellos ellas ustedes me te se nos os lo le les mi mis tu tus su sus nuestro nuestra este esta
esto estos estas ese esa eso aquel es soy eres somos son era eran ser sido estoy está estamos están estar estaba he ha hemos han haber había hay tengo tiene tenemos tienen tener
hago hace hacer hecho puedo puede podemos pueden poder podría quiero quiere quisiera debo debe también muy más menos mucho poco todo todos toda todas ya aún siempre otro otra`,
		common: `hola buenos buenas días tardes noches estimado estimada estimados señor señora gracias muchas favor saludos cordiales atentamente problema problemas error errores ayuda ayudar
pregunta preguntas respuesta responder solicitud información cuenta contraseña sesión usuario usuarios cliente clientes empresa oficina pedido pedidos factura facturas pago
pagar pagado precio entrega entregado envío paquete llegado llegó recibido recibir enviar enviado mensaje correo asunto adjunto archivo archivos impresora ordenador computadora
teléfono pantalla red acceso sitio página número nombre dirección fecha día hoy ayer mañana semana semanas mes meses año años hora horas lunes martes miércoles jueves viernes
sábado domingo funciona funcionan funcionar roto intentar intentado necesito necesitamos saber encontrar encontrado dar tomar ver nuevo nueva viejo primero último
desgraciadamente urgente posible actualizar instalar descargar abrir cerrar cancelar cambiar eliminar reembolso devolución comprar comprado contrato suscripción registro perfil
sistema desde espero esperando escribo escribir luego ahora entonces después antes`,
		sharp: "ñ¿¡",
	},
}
