package mail

import (
	"strings"
	"testing"
)

// quoteShapes are the introductions that mail programs set above the mail they answer, as they write them in many languages. Below each
// stands the quoted text, marked or not; above it the words "Nuovo testo." that must be all that is left.
var quoteShapes = []struct{ name, intro string }{
	{"gmail it", "Il giorno mar 8 nov 2026 alle ore 10:00 Assistenza <help@example.com> ha scritto:"},
	{"gmail en", "On Sun, Nov 8, 2026 at 10:00 AM Support <help@example.com> wrote:"},
	{"gmail de", "Am So., 8. Nov. 2026 um 10:00 Uhr schrieb Hilfe <help@example.com>:"},
	{"gmail fr", "Le dim. 8 nov. 2026 à 10:00, Aide <help@example.com> a écrit :"},
	{"gmail es", "El dom, 8 nov 2026 a las 10:00, Ayuda (<help@example.com>) escribió:"},
	{"gmail pt", "Em dom., 8 de nov. de 2026 às 10:00, Ajuda <help@example.com> escreveu:"},
	{"gmail nl", "Op zo 8 nov 2026 om 10:00 schreef Hulp <help@example.com>:"},
	{"gmail pl", "niedz., 8 lis 2026 o 10:00 Pomoc <help@example.com> napisał(a):"},
	{"gmail ru", "вс, 8 нояб. 2026 г. в 10:00, Помощь <help@example.com>:"},
	{"gmail uk", "нд, 8 лист. 2026 р. о 10:00 Допомога <help@example.com> пише:"},
	{"gmail vi", "Vào CN, 8 thg 11, 2026 vào lúc 10:00 Trợ giúp <help@example.com> đã viết:"},
	{"gmail sv", "Den sön 8 nov. 2026 kl 10:00 skrev Hjälp <help@example.com>:"},
	{"gmail da", "Den søn. 8. nov. 2026 kl. 10.00 skrev Hjælp <help@example.com>:"},
	{"gmail no", "søn. 8. nov. 2026 kl. 10:00 skrev Hjelp <help@example.com>:"},
	{"gmail fi", "su 8. marrask. 2026 klo 10.00 Tuki (help@example.com) kirjoitti:"},
	{"gmail cs", "ne 8. 11. 2026 v 10:00 odesílatel Pomoc <help@example.com> napsal:"},
	{"gmail hu", "Segítség <help@example.com> ezt írta (időpont: 2026. nov. 8., V, 10:00):"},
	{"gmail ro", "În dum., 8 nov. 2026 la 10:00, Ajutor <help@example.com> a scris:"},
	{"gmail el", "Στις Κυρ 8 Νοε 2026 στις 10:00 π.μ., ο χρήστης Βοήθεια <help@example.com> έγραψε:"},
	{"gmail tr", "Destek <help@example.com>, 8 Kas 2026 Paz, 10:00 tarihinde şunu yazdı:"},
	{"gmail ja", "2026年11月8日(日) 10:00 サポート <help@example.com>:"},
	{"gmail zh", "客服 <help@example.com> 于2026年11月8日周日 10:00写道："},
	{"gmail ko", "2026년 11월 8일 (일) 오전 10:00, 도움 <help@example.com>님이 작성:"},
	{"apple it", "Il giorno 8 nov 2026, alle ore 10:00, Assistenza <help@example.com> ha scritto:"},
	{"apple en", "On 8 Nov 2026, at 10:00, Support <help@example.com> wrote:"},
	{"apple de", "Am 08.11.2026 um 10:00 schrieb Hilfe <help@example.com>:"},
	{"apple fr", "Le 8 nov. 2026 à 10:00, Aide <help@example.com> a écrit :"},
	{"apple zh", "在 2026年11月8日，10:00，客服 <help@example.com> 写道："},
	{"thunderbird it", "Il 08/11/2026 10:00, Assistenza ha scritto:"},
	{"thunderbird en", "On 08/11/2026 10:00, Support wrote:"},
	{"thunderbird de", "Am 08.11.26 um 10:00 schrieb Hilfe:"},
	{"thunderbird pl", "W dniu 8.11.2026 o 10:00, Pomoc pisze:"},
	{"thunderbird fi", "Tuki kirjoitti 8.11.2026 klo 10.00:"},
	{"thunderbird ru", "08.11.2026 10:00, Помощь пишет:"},
	{"yahoo it", "    Il domenica 8 novembre 2026 alle ore 10:00:00 CET, Assistenza <help@example.com> ha scritto:"},
	{"proton", "On Sunday, November 8th, 2026 at 10:00 AM, Support <help@example.com> wrote:"},
	{"fastmail", "On Sun, Nov 8, 2026, at 10:00, Support wrote:"},
	{"zoho", "---- On Sun, 08 Nov 2026 10:00:00 +0100 Support <help@example.com> wrote ----"},
	{"android", "---- Support wrote ----"},
	{"samsung", "-------- Original message --------\nFrom: Support <help@example.com>\nDate: 08/11/2026 10:00 (GMT+01:00)\nTo: me@example.org\nSubject: x"},
	{"samsung it", "-------- Messaggio originale --------\nDa: Assistenza <help@example.com>\nData: 08/11/26 10:00 (GMT+01:00)\nA: io@example.org\nOggetto: x"},
	{"gmail old", "2026/11/8 Support <help@example.com>"},
	{"gmail old iso", "2026-11-08 10:00 GMT+01:00 Support <help@example.com>:"},
	{"mutt", "On Sun, Nov 08, 2026 at 10:00:00AM +0100, Support wrote:"},
	{"polymail", "On Sun, Nov 8, 2026 at 10:00 AM Support\n\n<\nmailto:Support <help@example.com>\n> wrote:"},
	{"outlook it", "Da: Assistenza <help@example.com>\nInviato: domenica 8 novembre 2026 10:00\nA: Maria <me@example.org>\nOggetto: x"},
	{"outlook de", "Von: Hilfe <help@example.com>\nGesendet: Sonntag, 8. November 2026 10:00\nAn: Maria\nBetreff: x"},
	{"outlook fr", "De : Aide <help@example.com>\nEnvoyé : dimanche 8 novembre 2026 10:00\nÀ : Maria\nObjet : x"},
	{"outlook es", "De: Ayuda <help@example.com>\nEnviado: domingo, 8 de noviembre de 2026 10:00\nPara: Maria\nAsunto: x"},
	{"outlook pt", "De: Ajuda <help@example.com>\nEnviado: domingo, 8 de novembro de 2026 10:00\nPara: Maria\nAssunto: x"},
	{"outlook nl", "Van: Hulp <help@example.com>\nVerzonden: zondag 8 november 2026 10:00\nAan: Maria\nOnderwerp: x"},
	{"outlook pl", "Od: Pomoc <help@example.com>\nWysłano: niedziela, 8 listopada 2026 10:00\nDo: Maria\nTemat: x"},
	{"outlook ru", "От: Помощь <help@example.com>\nОтправлено: 8 ноября 2026 г. 10:00\nКому: Maria\nТема: x"},
	{"outlook sv", "Från: Hjälp <help@example.com>\nSkickat: den 8 november 2026 10:00\nTill: Maria\nÄmne: x"},
	{"outlook da", "Fra: Hjælp <help@example.com>\nSendt: 8. november 2026 10:00\nTil: Maria\nEmne: x"},
	{"outlook fi", "Lähettäjä: Tuki <help@example.com>\nLähetetty: sunnuntai 8. marraskuuta 2026 10:00\nVastaanottaja: Maria\nAihe: x"},
	{"outlook tr", "Gönderen: Destek <help@example.com>\nGönderildi: 8 Kasım 2026 Pazar 10:00\nKime: Maria\nKonu: x"},
	{"outlook cs", "Od: Pomoc <help@example.com>\nOdesláno: neděle 8. listopadu 2026 10:00\nKomu: Maria\nPředmět: x"},
	{"outlook hu", "Feladó: Segítség <help@example.com>\nElküldve: 2026. november 8., vasárnap 10:00\nCímzett: Maria\nTárgy: x"},
	{"outlook ro", "De la: Ajutor <help@example.com>\nTrimis: duminică, 8 noiembrie 2026 10:00\nCătre: Maria\nSubiect: x"},
	{"outlook el", "Από: Βοήθεια <help@example.com>\nΣτάλθηκε: Κυριακή, 8 Νοεμβρίου 2026 10:00\nΠρος: Maria\nΘέμα: x"},
	{"outlook ja", "差出人: サポート <help@example.com>\n送信日時: 2026年11月8日 10:00\n宛先: Maria\n件名: x"},
	{"outlook zh", "发件人: 客服 <help@example.com>\n发送时间: 2026年11月8日 10:00\n收件人: Maria\n主题: x"},
	{"gmx", "Gesendet: Sonntag, 08. November 2026 um 10:00 Uhr\nVon: \"Hilfe\" <help@example.com>\nAn: me@example.org\nBetreff: x"},
	{"hotmail", "Date: Sun, 8 Nov 2026 10:00:00 +0100\nTo: me@example.org\nFrom: help@example.com\nSubject: x"},
	{"notes it", "Da:      Assistenza/IT/Example\nPer:     Maria\nData:    08/11/2026 10:00\nOggetto: x"},
	{"notes de", "Von:     Hilfe/DE/Example\nAn:      Maria\nDatum:   08.11.2026 10:00\nBetreff: x"},
	{"webmail it", "Da: \"Assistenza\" help@example.com\nA: me@example.org\nCc:\nData: Sun, 8 Nov 2026 10:00:00 +0100\nOggetto: x"},
	{"underscores", "________________________________\nFrom: Support <help@example.com>\nSent: Sunday, November 8, 2026 10:00\nTo: Maria\nSubject: x"},
	{"bold labels", "*Da:* Assistenza <help@example.com>\n*Inviato:* domenica 8 novembre 2026 10:00\n*A:* Maria\n*Oggetto:* x"},
	{"wrapped address", "From: Support [mailto:\nhelp@example.com]\nSent: Sunday, November 8, 2026 10:00\nTo: Maria\nSubject: x"},
}

func TestQuoteShapes(t *testing.T) {
	for _, c := range quoteShapes {
		for name, quoted := range map[string]string{"marked": "> Buongiorno,\n>\n> ecco la risposta.", "bare": "Buongiorno,\n\necco la risposta."} {
			if name == "bare" && c.name == "gmail old" {
				continue // a date and an address alone introduce only what is marked
			}
			text := "Nuovo testo.\n\n" + c.intro + "\n\n" + quoted
			visible, elided := SplitQuote(text, "Re: x")
			if visible != "Nuovo testo." {
				t.Errorf("%s, %s: visible %q", c.name, name, visible)
			}
			checkPartition(t, &Mail{Text: text, Visible: visible, Elided: elided})
		}
	}
}

// What looks like an introduction and is not stays, whatever the language.
func TestQuoteShapesSpareProse(t *testing.T) {
	for _, text := range []string{
		"Il 08/11/2026 alle 10:00 ho ricevuto questo messaggio:\nerrore 500 sul server",
		"On 12 March 2026 I unpacked the replacement lamp you sent\nand it is broken",
		"On 12 March 2026, after the call, I opened the lamp you sent:\nit is broken",
		"On 3 March your colleague said:\nwait two weeks",
		"On 3 March 2026 your colleague said:\nwait two weeks",
		"On 12/03/2026 we sent:\ntwo lamps\none cable",
		"At 10:30 the assistant wrote:\nturn it off",
		"On 12/03/2026 at 10:30 the assistant wrote:\nturn it off",
		"Da quando ho aggiornato in data 12/03/2026 compare questo messaggio:\nerrore 5",
		"Ho pagato la fattura in data 12/03/2026 con questi estremi:\nCRO 123",
		"Da Milano in data 12/03/2026 abbiamo spedito:\ndue lampade",
		"Il 12/03/2026 ho fatto quello che il vostro tecnico mi ha scritto\nma non va",
		"Il 12/03/2026 alle 10:00 il vostro tecnico mi ha scritto:\nspegnere tutto",
		"In data 12 marzo 2026 il sig. Bianchi ci ha scritto:\nnon paghiamo",
		"Am 12. März 2026 habe ich gemacht, was mir Ihr Techniker schrieb\naber nichts geht",
		"Am 12.03.2026 um 10:00 hat Ihr Kollege folgendes geschrieben:\nausschalten",
		"Am 12.03.2026 schrieb Ihr Kollege:\nausschalten",
		"Le 12 mars 2026 votre collègue m'a écrit :\néteignez tout",
		"El 12 de marzo de 2026 su técnico me escribió:\napague todo",
		"Op 12 maart 2026 heeft uw collega het volgende geschreven:\nuitzetten",
		"W dniu 12.03.2026 o 10:00 wasz technik do mnie napisał:\nwyłączyć",
		"12/03/2026 10:22 login di mario@rossi.it:\naccesso negato",
		"12/03/2026 10:22 errore per mario@rossi.it:\naccesso negato",
		"On 8 November at 10:00 the printer wrote this on its display:\nPC LOAD LETTER",
		"Ecco i dati dell'ordine:\nDa: Milano\nA: Roma\nData: 08/11/2026",
		"Am 08.11.2026 um 10:00 ging nichts mehr:\nder Drucker meldet Fehler 5",
		"Le 8 novembre à 10:00 j'ai vu ceci :\nerreur inconnue",
		"El 8 de noviembre a las 10:00 apareció esto:\nerror desconocido",
		"Scrivo a nome di Maria <maria@example.org>:\nil portale non si apre",
		"Date: 8/11/2026\nTo: the office\nThe lamp is broken.",
		"2026-11-08 10:00:01 <root@host.example>\nerrore 5\nfine",
		"Da: 12/3/2026 10:00\nA: 13/3/2026 11:00\nOggetto: manutenzione\n\nVanno bene?",
		"2026-11-08 10:00:01 ERROR db: connection refused\n2026-11-08 10:00:02 ERROR db: connection refused",
	} {
		if visible, elided := SplitQuote("Buongiorno.\n\n"+text, "Re: x"); elided != "" {
			t.Errorf("lost %q of %q", elided, strings.TrimPrefix(visible, "Buongiorno.\n\n"))
		}
	}
}
