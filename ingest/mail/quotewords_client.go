package mail

import "strings"

// words makes a set of what a string of blanks divides.
func words(s string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		set[w] = true
	}
	return set
}

// dateWords stand in introductions besides the figures and the names of months. Lower case.
var dateWords = words(`il giorno in data date alle ore alla da on at in message am um den uhr le à a el las los om op em às de do kl kl. klo o dnia w dniu dne v в в у от г. vào lúc din la
lun mar mer gio ven sab dom lunedì martedì mercoledì giovedì venerdì sabato domenica
mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday pm
mo di mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mez mesz
jeu sam dim lundi mardi mercredi jeudi vendredi samedi dimanche
mié jue vie sáb lunes martes miércoles jueves viernes sábado domingo
seg ter qua qui sex segunda terça quarta quinta sexta segunda-feira terça-feira quarta-feira quinta-feira sexta-feira
ma di wo vr za zo maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
pon wt śr czw pt niedz poniedziałek wtorek środa czwartek piątek sobota niedziela
gmt utc cet cest est edt pst pdt bst mst cdt cst`)

// nameParticles are written small within names.
var nameParticles = words("de del della dello dei di da dal la le lo van von der den zu zur y e du des dos das ter ten af av el al bin ibn och und and & via")

// sentenceWords stand in sentences and never in a name: pronouns, auxiliaries, conjunctions. Lower case.
var sentenceWords = words(`io tu egli lui lei noi voi loro ho hai ha abbiamo avete hanno avevo aveva era sono siamo siete che chi mi ci vi si ti lo gli un una uno mio mia miei vostro vostra vostri nostro nostra suo sua
questo questa quello quella questi con per non quando dove come perché ma mentre dopo prima se login
i we you he she they it the my your our his her their this that these with me us was were is are have has had and but when because if who which an after before
ich wir ihr sie er es man hat habe haben hatte hatten wurde wurden ist sind war ihre ihrer mein meine unser unsere euer eure dass das dem ein eine einen mir uns mich und oder aber wenn als nach bei dieser diese dieses nicht
je j'ai nous vous ils elle elles que qui mon ma mes notre nos votre vos son sa ses cette ce ces avec ai ont avons avez était est sont un une mais quand parce pour
yo nosotros usted ustedes él ella ellos me nos mi sus nuestro nuestra vuestro este esta con he ha han hemos era es son una pero cuando porque para
ik wij we jullie u hij zij het een mijn uw onze dat die met heb heeft hebben was is maar toen
ja my wy pan pani państwo mnie nam wasz nasz że ten ta to jest był była mam ma ale gdy kiedy
eu nós você vocês ele ela meu minha nosso nossa seu sua isto isso com tenho tem temos mas quando porque`)
