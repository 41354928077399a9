package ticketing_test

import (
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

func TestDetectLanguage(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"La stampante dell'ufficio non funziona più da ieri mattina, potete aiutarmi?", "it"},
		{"Buongiorno, vorrei sapere quando arriva il mio pacco.", "it"},
		{"Ho dimenticato la password", "it"},
		{"Fattura sbagliata, serve un rimborso", "it"},
		{"Grazie mille!", "it"},
		{"The printer in our office stopped working yesterday, could you please help?", "en"},
		{"I forgot my password", "en"},
		{"Where is my order?", "en"},
		{"Thank you very much", "en"},
		{"Unser Drucker funktioniert seit gestern nicht mehr, können Sie bitte helfen?", "de"},
		{"Ich habe mein Passwort vergessen", "de"},
		{"Notre imprimante ne fonctionne plus depuis hier, pouvez-vous nous aider ?", "fr"},
		{"J'ai oublié mon mot de passe", "fr"},
		{"Nuestra impresora no funciona desde ayer, ¿pueden ayudarnos?", "es"},
		{"He olvidado mi contraseña", "es"},
		{"", "und"},
		{"ok", "und"},
		{"12345 https://example.com/una/pagina/della/ditta x@y.example", "und"},
		{"Здравствуйте", "und"},
	} {
		if got := ticketing.DetectLanguage(c.text); got != c.want {
			t.Errorf("DetectLanguage(%q) = %s, want %s", c.text, got, c.want)
		}
	}
	if got := ticketing.DetectLanguage("Unser Drucker funktioniert nicht, bitte helfen", "it", "en"); got == "de" {
		t.Errorf("a language that was not asked for: %s", got)
	}
}

func BenchmarkDetectLanguage(b *testing.B) {
	text := strings.Repeat("La stampante dell'ufficio non funziona più da ieri mattina. ", 68)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		ticketing.DetectLanguage(text)
	}
}
