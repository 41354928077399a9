package mail

import "time"

// The word lists of mail.md section 8. They recognise foreign words; none of
// them is ever shown.

// attributionShape is one way to introduce a quotation: what the line may
// begin with and with what it ends.
type attributionShape struct {
	begin []string // lower case, with the blank; empty: a name or a date
	end   []string // lower case, without the colon
}

// attributionShapes of 8.1, then of languages in which customers' programs
// speak although sportello does not.
var attributionShapes = []attributionShape{
	{[]string{"il giorno ", "il ", "in data ", "in date ", "alle "}, []string{"ha scritto", "scrive", "ha scritto quanto segue"}},
	{[]string{"da "}, []string{}},
	{[]string{"on ", "at ", "in message "}, []string{"wrote", "writes", "sent", "said", "schrieb"}},
	{[]string{"am ", "den ", "um "}, []string{"schrieb", "geschrieben", "folgendes geschrieben", "schrieb folgendes"}},
	{[]string{"le ", "on "}, []string{"a écrit", "a ecrit", "écrit"}},
	{[]string{"el "}, []string{"escribió", "escribio"}},
	{[]string{"em ", "a "}, []string{"escreveu"}},
	{[]string{"op "}, []string{"schreef", "het volgende geschreven", "heeft geschreven"}},
	{[]string{"den ", "på ", "kl. "}, []string{"skrev", "skreiv"}},
	{[]string{"dnia ", "w dniu "}, []string{"napisał", "napisał(a)", "napisała", "pisze"}},
	{[]string{"dne ", "v "}, []string{"napsal", "napsal(a)", "napsala"}},
	{[]string{"в ", "от "}, []string{"написал", "написала", "написал(а)", "пишет", "пользователь написал"}},
	{[]string{"vào "}, []string{"đã viết"}},
	{[]string{"pada "}, []string{"menulis"}},
	{[]string{}, []string{"ezt írta", "írta"}},
	{[]string{"în "}, []string{"a scris"}},
	{[]string{"στις ", "την "}, []string{"έγραψε"}},
	{[]string{}, []string{"kirjoitti"}},
	{[]string{}, []string{"yazdı", "şunu yazdı"}},
	{[]string{"в ", "у "}, []string{"пише", "написав", "написала"}},
	{[]string{"在 ", "在"}, []string{"写道", "寫道"}},
	{[]string{}, []string{"님이 작성"}},
}

// attributionMiddles stand between a name and a date at the end of a line.
var attributionMiddles = []string{" wrote on ", " ha scritto il ", " ha scritto in data ", " in data ", " schrieb am ", " a écrit le ", " escribió el ", " wrote at ", " schreef op ", " skrev den ", " kirjoitti ", " ezt írta (időpont"}

// middleVerbs stand between a date and a name. In the languages of addressedVerbs that order is rare: there a name alone, which a
// sentence may hold as well, does not do.
var (
	middleVerbs    = []string{" schrieb ", " schreef ", " skrev "}
	addressedVerbs = []string{" a écrit ", " wrote ", " ha scritto ", " escribió ", " escreveu ", " написал ", " napsal "}
)

// headerLabels are the labels of a quoted header block in one language.
type headerLabels struct {
	from, rest []string
}

// headerBlocks of 8.2. Lower case, without the colon.
var headerBlocks = []headerLabels{
	{[]string{"da", "mittente"}, []string{"inviato", "inviato il", "data", "data invio", "a", "per", "destinatario", "cc", "oggetto", "ccn", "rispondi a", "priorità", "allegati", "date", "to", "subject"}},
	{[]string{"from"}, []string{"sent", "date", "to", "cc", "bcc", "subject", "reply-to", "reply to", "organization", "importance", "attachments", "when", "where", "sent at"}},
	{[]string{"von"}, []string{"gesendet", "datum", "an", "cc", "kopie", "betreff", "gesendet am", "date", "to", "subject"}},
	{[]string{"de", "expéditeur"}, []string{"envoyé", "envoyé le", "date", "à", "a", "cc", "copie", "objet", "date d'envoi", "répondre à", "envoyé par", "date", "to", "subject", "sujet", "pour"}},
	{[]string{"de", "remitente"}, []string{"enviado", "enviado el", "fecha", "para", "cc", "asunto", "enviado a las", "date", "to", "subject"}},
	{[]string{"de"}, []string{"enviado", "enviada em", "enviado em", "data", "para", "cc", "assunto"}},
	{[]string{"van"}, []string{"verzonden", "datum", "aan", "cc", "onderwerp", "verzonden op"}},
	{[]string{"från"}, []string{"skickat", "datum", "till", "kopia", "ämne", "skickad"}},
	{[]string{"fra"}, []string{"sendt", "dato", "til", "kopi", "cc", "emne", "kopi til"}},
	{[]string{"od"}, []string{"wysłano", "data", "wysłane", "do", "dw", "temat", "odesláno", "komu", "předmět", "kopie"}},
	{[]string{"от", "от кого"}, []string{"отправлено", "дата", "кому", "копия", "тема", "отправлен"}},
	{[]string{"lähettäjä"}, []string{"lähetetty", "vastaanottaja", "kopio", "aihe", "päivämäärä"}},
	{[]string{"gönderen", "kimden"}, []string{"gönderildi", "tarih", "kime", "bilgi", "konu", "gönderme tarihi", "alıcı"}},
	{[]string{"feladó"}, []string{"elküldve", "dátum", "címzett", "másolatot kap", "tárgy"}},
	{[]string{"de la"}, []string{"trimis", "data", "către", "cc", "subiect"}},
	{[]string{"από"}, []string{"στάλθηκε", "ημερομηνία", "προς", "κοιν", "θέμα"}},
	{[]string{"від"}, []string{"надіслано", "дата", "кому", "копія", "тема"}},
	{[]string{"差出人", "发件人", "寄件者"}, []string{"送信日時", "宛先", "件名", "发送时间", "收件人", "主题", "日付", "抄送"}},
}

// subjectLabels are those of headerBlocks that name the subject.
var subjectLabels = map[string]bool{
	"oggetto": true, "subject": true, "sujet": true, "betreff": true, "objet": true, "asunto": true, "assunto": true, "onderwerp": true, "ämne": true, "emne": true,
	"temat": true, "předmět": true, "тема": true, "aihe": true, "konu": true, "tárgy": true, "subiect": true, "θέμα": true, "件名": true, "主题": true,
}

// originalRules of 8.3 stand between dashes or alone above a header block.
var originalRules = []string{
	"messaggio originale", "original message", "original appointment", "ursprüngliche nachricht", "original nachricht", "originalnachricht",
	"message d'origine", "message d’origine", "message original", "mensaje original", "mensagem original", "oorspronkelijk bericht",
	"ursprungligt meddelande", "originalmeddelande", "opprinnelig melding", "oprindelig meddelelse", "original besked", "oprindelig besked",
	"wiadomość oryginalna", "oryginalna wiadomość", "původní zpráva", "исходное сообщение", "reply message", "reply above this line",
	"alkuperäinen viesti", "antwort nachricht", "odpowiedź",
}

// forwardMarkers of 8.4.
var forwardMarkers = []string{
	"messaggio inoltrato", "inizio messaggio inoltrato", "inizio del messaggio inoltrato", "forwarded message", "begin forwarded message", "forwarded mail",
	"weitergeleitete nachricht", "anfang der weitergeleiteten nachricht", "anfang der weitergeleiteten e-mail", "message transféré", "message transfere",
	"début du message transféré", "début du message réexpédié", "mensaje reenviado", "inicio del mensaje reenviado", "mensagem encaminhada",
	"doorgestuurd bericht", "begin doorgestuurd bericht", "vidarebefordrat meddelande", "videresendt melding", "пересылаемое сообщение", "forwarded by",
}

// forwardPrefixes and replyPrefixes are the subject prefixes of 8.4, lower
// case, without the colon.
var forwardPrefixes = []string{"i", "inoltra", "inoltro", "fw", "fwd", "wg", "tr", "rv", "vb", "doorst", "enc", "pd", "vl", "πρθ"}

// warningTags are what mail servers set before the subjects of mail from outside, in lower case without brackets.
var warningTags = words("external ext extern externe externo esterno external-mail spam")

var replyPrefixes = []string{"r", "re", "rif", "rif.", "aw", "antw", "réf", "ref", "sv", "antwoord", "odp", "res", "ris"}

// deviceBegins and deviceEnds of 8.6. DEVICE is whatever follows or precedes.
var deviceBegins = []string{
	"inviato da ", "inviato dal mio ", "inviata da ", "inviato con ", "scarica outlook per ", "ottieni outlook per ",
	"sent from my ", "sent from ", "sent via ", "sent on ", "sent using ", "sent with ", "get outlook for ", "composed with ",
	"gesendet mit ", "gesendet von ", "holen sie sich outlook für ", "diese nachricht wurde von meinem ",
	"envoyé de mon ", "envoyé depuis ", "envoyé à partir de ", "télécharger outlook pour ", "obtenir outlook pour ",
	"enviado desde ", "obtener outlook para ", "enviado do ", "enviado de mi ", "verstuurd vanaf mijn ", "verzonden vanaf ", "skickat från min ", "skickat från ",
	"sendt fra min ", "sendt fra ", "wysłane z ", "отправлено с ", "отправлено из ", "надіслано з ", "lähetetty ",
	"trimis de pe ", "odesláno z ", "odoslané z ", "στάλθηκε από ", "được gửi từ ", "发自我的", "从我的 ", "küldve ", "poslano s ", "enviat des ", "enviado através ",
	"hämta outlook för ", "hent outlook til ", "skaff deg outlook for ", "outlook downloaden voor ", "pobierz aplikację outlook dla ", "obter o outlook para ", "скачать outlook для ",
}

var deviceEnds = []struct{ begin, end string }{
	{"outlook voor ", " downloaden"},
	{"iphone", "'umdan gönderildi"}, {"iphone", "から送信"}, {"나의 iphone", "에서 보냄"}, {"von meinem ", " gesendet"}, {"von ", " gesendet"}, {"von ", " aus gesendet"},
}

// plainDeviceBegins of deviceBegins begin no other sentence: any name may follow.
var plainDeviceBegins = map[string]bool{
	"inviato dal mio ": true, "inviato da ": true, "inviata da ": true, "scarica outlook per ": true, "ottieni outlook per ": true, "sent from my ": true, "sent from ": true, "get outlook for ": true,
	"holen sie sich outlook für ": true, "diese nachricht wurde von meinem ": true, "gesendet mit ": true, "envoyé de mon ": true, "envoyé depuis ": true, "télécharger outlook pour ": true,
	"obtenir outlook pour ": true, "enviado desde ": true, "obtener outlook para ": true, "enviado de mi ": true, "verstuurd vanaf mijn ": true, "skickat från min ": true, "sendt fra min ": true,
	"hämta outlook för ": true, "hent outlook til ": true, "skaff deg outlook for ": true, "outlook downloaden voor ": true, "pobierz aplikację outlook dla ": true, "obter o outlook para ": true,
	"скачать outlook для ": true, "发自我的": true, "从我的 ": true,
}

// deviceNames are words in the names of devices and of mail programs, in lower case.
var deviceNames = words(`iphone ipad ipod ios mac macbook apple android samsung galaxy huawei honor xiaomi redmi poco oppo vivo realme oneplus pixel nokia motorola moto htc lg sony xperia blackberry windows lumia
phone smartphone smartphones telefono cellulare dispositivo tablet device mobile handy mobiltelefon telefon téléphone portable móvil teléfono celular telemóvel mobiel telefoon telefonu puhelimesta telefonen mobil мобильного устройства телефона
outlook mail gmail googlemail google yahoo yahoo! hotmail libero alice tim wind vodafone iliad aruba virgilio tiscali aol gmx web.de webmail proton protonmail tuta tutanota thunderbird k-9 fairemail spark airmail mailbird mailspring superhuman
bluemail typeapp aquamail boxer nine edison canary spike zoho roundcube horde zimbra evolution kmail mutt sparrow mailbox postbox verizon t-mobile o2 orange sfr free laposte bouygues movistar telstra bell rogers at&t 1&1 freemail mail.ru яндекс yandex почты rambler seznam wp onet interia workspace app client
我的`)

// deviceFillers stand between the names of deviceNames.
var deviceFillers = words("mio my mon mi mein meinem meinen per para pour für for con the un una mijn min")

// footerWords are stems of what footers speak of, in lower case.
var footerWords = []string{
	"riservat", "confidenzial", "destinatar", "privacy", "vietat", "gdpr", "2016/679", "196/2003", "trattamento dei dati", "ambiente", "stampa", "allegat", "copia", "distrugg", "divulg", "errore",
	"confidential", "intended", "recipient", "privileged", "disclos", "unauthor", "copying", "environment", "print", "attach", "delete", "in error", "legally",
	"vertraulich", "empfänger", "unbefugt", "irrtümlich", "vernichten", "confidentiel", "destinataire", "divulg", "pièces jointes", "erreur", "confidencial", "adjunt", "prohibid",
}

// footerPhrases of 8.7.
var footerPhrases = []string{
	"avviso di riservatezza", "questo messaggio e i suoi allegati", "questo messaggio di posta elettronica e i suoi allegati",
	"questo messaggio di posta elettronica", "le informazioni contenute in", "le informazioni contenute nella", "le informazioni contenute nel", "ai sensi del regolamento ue 2016/679", "ai sensi del regolamento (ue) 2016/679",
	"ai sensi del d.lgs. 196/2003", "ai sensi del d.lgs 196/2003", "prima di stampare", "this e-mail and any attachments", "this email and any attachments", "this email and any files",
	"this e-mail and any files", "this message and any attachments", "the information contained in this", "the information in this e-mail", "the information in this email", "confidentiality notice",
	"please consider the environment", "diese e-mail enthält vertrauliche", "diese email enthält vertrauliche", "der inhalt dieser e-mail", "ce message et ses pièces jointes",
	"ce message et toutes les pièces jointes", "avis de confidentialité", "este mensaje y sus archivos adjuntos", "aviso de confidencialidad",
}

// answerPhrases announce answers within the quotation below, in lower case.
var answerPhrases = []string{
	"in rosso", "in blu", "in verde", "in grassetto", "rispondo sotto", "risposte sotto", "risposta sotto", "rispondo qui sotto", "rispondo in linea", "risposte in linea", "nel testo sotto", "tra le righe",
	"answers below", "answer below", "answered below", "replies below", "comments below", "my comments in", "inline", "in-line", "in red", "in blue", "in green", "in bold", "see my answers", "between the lines",
	"antworten unten", "antwort unten", "antworten siehe unten", "siehe unten in", "in rot", "in blau", "im text unten", "réponses ci-dessous", "réponse ci-dessous", "ci-dessous en", "en rouge", "en bleu", "dans le texte",
	"respuestas abajo", "respondo abajo", "respuestas más abajo", "en rojo", "en azul", "entre líneas",
}

// replyMarkers are our own marker lines of M39 without their dashes.
var replyMarkers = []string{
	"rispondere sopra questa riga", "please reply above this line", "reply above this line", "scrivi sopra questa riga",
	"bitte antworten sie oberhalb dieser zeile", "veuillez répondre au-dessus de cette ligne", "responda por encima de esta línea",
}

// quoteClasses, quoteIDs, trailingIDs and signatureClasses of 8.5. What follows
// an element of trailingIDs is quoted although it stands outside of it.
var (
	quoteClasses = map[string]bool{
		"gmail_quote": true, "gmail_quote_container": true, "gmail_attr": true, "yahoo_quoted": true, "protonmail_quote": true, "moz-cite-prefix": true,
		"zmail_extra": true, "tutanota_quote": true, "gmail_extra": false,
	}
	gmailQuotes      = map[string]bool{"gmail_quote": true, "gmail_quote_container": true}
	quoteIDs         = map[string]bool{"OLK_SRC_BODY_SECTION": true, "mail-editor-reference-message-container": true, "divRplyFwdMsg": true}
	trailingIDs      = map[string]bool{"divRplyFwdMsg": true}
	signatureClasses = map[string]bool{"gmail_signature": true, "moz-signature": true}
)

// dateLabels are those of headerBlocks that name the date.
var dateLabels = map[string]bool{
	"inviato": true, "inviato il": true, "data": true, "data invio": true, "sent": true, "date": true, "gesendet": true, "datum": true, "gesendet am": true,
	"envoyé": true, "envoyé le": true, "date d'envoi": true, "enviado": true, "enviado el": true, "fecha": true, "enviado a las": true,
}

// recipientLabels are those of headerBlocks that name who got the mail.
var recipientLabels = map[string]bool{"a": true, "per": true, "destinatario": true, "to": true, "an": true, "à": true, "para": true, "aan": true, "till": true, "til": true, "do": true, "кому": true}

// monthNames of the five languages of section 8.2, whole and short.
var monthNames = map[string]time.Month{
	"ene": 1, "enero": 1, "gen": 1, "gennaio": 1, "jan": 1, "januar": 1, "january": 1, "janv": 1, "janvier": 1,
	"feb": 2, "febbraio": 2, "febrero": 2, "februar": 2, "february": 2, "févr": 2, "février": 2,
	"mar": 3, "march": 3, "mars": 3, "marzo": 3, "mär": 3, "märz": 3,
	"abr": 4, "abril": 4, "apr": 4, "april": 4, "aprile": 4, "avr": 4, "avril": 4,
	"mag": 5, "maggio": 5, "mai": 5, "may": 5, "mayo": 5,
	"giu": 6, "giugno": 6, "juin": 6, "jun": 6, "june": 6, "juni": 6, "junio": 6,
	"juil": 7, "juillet": 7, "jul": 7, "juli": 7, "julio": 7, "july": 7, "lug": 7, "luglio": 7,
	"ago": 8, "agosto": 8, "août": 8, "aug": 8, "august": 8,
	"sep": 9, "sept": 9, "september": 9, "septembre": 9, "septiembre": 9, "set": 9, "settembre": 9,
	"oct": 10, "october": 10, "octobre": 10, "octubre": 10, "okt": 10, "oktober": 10, "ott": 10, "ottobre": 10,
	"nov": 11, "november": 11, "novembre": 11, "noviembre": 11,
	"dec": 12, "december": 12, "dez": 12, "dezember": 12, "dic": 12, "dicembre": 12, "diciembre": 12, "déc": 12, "décembre": 12,
}
