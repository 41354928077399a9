package mail

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// pecProvider writes certified mail the way one provider does: RFC 6109 leaves the spelling of field names, the types and the transfer
// encodings of the parts to it.
type pecProvider struct {
	name                       string
	transport, receipt, kind   string // spelling of the fields
	reference                  string
	xmlType, emlType, emlCoded string
}

var pecProviders = []pecProvider{
	{"first", "X-Trasporto", "X-Ricevuta", "X-TipoRicevuta", "X-Riferimento-Message-ID", "application/xml; name=daticert.xml", "message/rfc822; name=postacert.eml", ""},
	{"second", "X-TRASPORTO", "x-ricevuta", "X-Tiporicevuta", "X-RIFERIMENTO-MESSAGE-ID", "application/xml; name=\"DATICERT.XML\"; charset=UTF-8", "application/octet-stream; name=\"postacert.eml\"", "base64"},
}

func (p pecProvider) part(contentType, encoding, text string) string {
	if encoding == "base64" {
		text = base64.StdEncoding.EncodeToString([]byte(text))
		encoding = "\nContent-Transfer-Encoding: base64"
	}
	name := "daticert.xml"
	if strings.Contains(contentType, "postacert") {
		name = "postacert.eml"
	}
	return "--b\nContent-Type: " + contentType + encoding + "\nContent-Disposition: attachment; filename=" + name + "\n\n" + text + "\n"
}

// message wraps parts in the provider's signature, as multipart/signed or opaquely.
func (p pecProvider) message(parts string, sealed bool, fields ...string) []byte {
	body := "--b\nContent-Type: text/plain\n\nMessaggio di posta certificata\n" + parts + "--b--\n"
	mixed := "Content-Type: multipart/mixed; boundary=b\n\n" + body
	fields = append([]string{"From: \"Per conto di: maria@pec.cliente.example\" <posta-certificata@pec.example.it>",
		"Authentication-Results: mx.example.com; dmarc=pass header.from=pec.example.it"}, fields...)
	if sealed {
		return signedMail(signedBER(strings.ReplaceAll(mixed, "\n", "\r\n"), 700), opaque, fields...)
	}
	return composeMail("--s\n"+mixed+"--s\nContent-Type: application/pkcs7-signature; name=smime.p7s\nContent-Disposition: attachment; filename=smime.p7s\n\nAAAA\n--s--\n",
		append(fields, "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=s")...)
}

// TestPECProviders reads every row of mail.md section 5 as two providers write it, signed and sealed.
func TestPECProviders(t *testing.T) {
	r := testReader(t)
	envelopeXML := strings.ReplaceAll(daticertXML("posta-certificata", "nessuno", ""), "assistenza@example.com", "maria@pec.cliente.example")
	for _, p := range pecProviders {
		for _, sealed := range []bool{false, true} {
			name := p.name
			if sealed {
				name += ", sealed"
			}
			m := r.Read(p.message(p.part(p.xmlType, "", envelopeXML)+p.part(p.emlType, p.emlCoded, innerMail), sealed, p.transport+": posta-certificata", "Subject: POSTA CERTIFICATA: Fattura errata"))
			if m.PEC == nil || !m.PEC.Certified || m.Auth != ticketing.AuthPass || m.Kind != ticketing.KindNormal || m.From.Address != "maria@pec.cliente.example" || m.Subject != "Fattura errata" ||
				m.Visible != "Ho ricevuto una fattura errata." || len(m.Attachments) != 1 || m.Auto.Allowed || m.Quarantine != "" {
				t.Errorf("%s: transport: %+v, %s %s %q %q %+v", name, m.PEC, m.Auth, m.Kind, m.Subject, m.Visible, m.Attachments)
			}
			m = r.Read(p.message(p.part(p.emlType, p.emlCoded, innerMail), sealed, p.transport+": errore", "Subject: ANOMALIA MESSAGGIO: Fattura errata"))
			if m.PEC == nil || m.PEC.Certified || m.Auth != ticketing.AuthUnknown || m.Visible != "Ho ricevuto una fattura errata." || m.Auto.Allowed {
				t.Errorf("%s: anomaly: %+v, %s %q", name, m.PEC, m.Auth, m.Visible)
			}
			for _, c := range []struct {
				tipo, subject, errore, extra string
				failed, permanent            bool
			}{
				{"accettazione", "ACCETTAZIONE: x", "nessuno", "", false, false},
				{"non-accettazione", "AVVISO DI NON ACCETTAZIONE: x", "no-dominio", "", true, true},
				{"non-accettazione", "AVVISO DI NON ACCETTAZIONE PER VIRUS: x", "virus", "", true, true},
				{"presa-in-carico", "PRESA IN CARICO: x", "nessuno", "", false, false},
				{"avvenuta-consegna", "CONSEGNA: x", "nessuno", `<ricevuta tipo="completa"/><consegna>maria@pec.cliente.example</consegna>`, false, false},
				{"avvenuta-consegna", "CONSEGNA: x", "nessuno", `<ricevuta tipo="breve"/><consegna>maria@pec.cliente.example</consegna>`, false, false},
				{"avvenuta-consegna", "CONSEGNA: x", "nessuno", `<ricevuta tipo="sintetica"/><consegna>maria@pec.cliente.example</consegna>`, false, false},
				{"errore-consegna", "AVVISO DI MANCATA CONSEGNA: x", "no-dest", "<consegna>maria@pec.cliente.example</consegna>", true, true},
				{"errore-consegna", "AVVISO DI MANCATA CONSEGNA PER VIRUS: x", "virus", "<consegna>maria@pec.cliente.example</consegna>", true, true},
				{"preavviso-errore-consegna", "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO: x", "altro", "", true, false},
				{"rilevazione-virus", "PROBLEMA DI SICUREZZA: x", "virus", "", true, true},
			} {
				// A complete receipt holds the whole mail again, which must not be taken for a new one.
				parts := p.part(p.xmlType, "", daticertXML(c.tipo, c.errore, c.extra))
				if strings.Contains(c.extra, "completa") {
					parts += p.part(p.emlType, p.emlCoded, innerMail)
				}
				m := r.Read(p.message(parts, sealed, p.receipt+": "+c.tipo, p.kind+": completa", "Subject: "+c.subject))
				if m.Kind != ticketing.KindPECReceipt || m.PEC.Receipt != c.tipo || m.PEC.MessageID != "<a1@example.com>" || m.PEC.Provider != "Gestore PEC S.p.A." || m.PEC.Date == nil || m.Auto.Allowed || m.Quarantine != "" {
					t.Errorf("%s: %s: kind %s, %+v, %+v", name, c.subject, m.Kind, m.PEC, m.Auto)
				}
				if (m.Failure != nil) != c.failed || c.failed && (m.Failure.Permanent != c.permanent || m.FailedRecipient != "maria@pec.cliente.example") {
					t.Errorf("%s: %s: failure %+v of %q", name, c.subject, m.Failure, m.FailedRecipient)
				}
			}
			// Without daticert the field names the mail (PEC6).
			m = r.Read(p.message("", sealed, p.receipt+": accettazione", p.reference+": <a1@example.com>"))
			if m.Kind != ticketing.KindPECReceipt || m.PEC.MessageID != "<a1@example.com>" {
				t.Errorf("%s: by its reference: %s %+v", name, m.Kind, m.PEC)
			}
		}
	}
}

// Forged certified mail proves nobody and joins nothing (PEC1, PEC4, PEC5).
func TestPECForged(t *testing.T) {
	r := testReader(t)
	p := pecProviders[0]
	xml := strings.ReplaceAll(daticertXML("posta-certificata", "nessuno", ""), "assistenza@example.com", "maria@pec.cliente.example")
	parts := p.part(p.xmlType, "", xml) + p.part(p.emlType, "", innerMail)
	eve := []string{"From: eve@bad.example", "Authentication-Results: mx.example.com; dmarc=pass header.from=bad.example"}
	for name, c := range map[string]struct {
		raw   []byte
		auth  ticketing.Auth
		cause ticketing.Cause
		inner bool
	}{
		"an envelope of no provider":       {p.message(parts, false, append(eve, "X-Trasporto: posta-certificata")...), ticketing.AuthFail, "", true},
		"sealed by no provider":            {p.message(parts, true, append(eve, "X-Trasporto: posta-certificata")...), ticketing.AuthFail, "", true},
		"a provider's name without proof":  {p.message(parts, false, "X-Trasporto: posta-certificata", "Authentication-Results: mx.example.com; dmarc=fail header.from=pec.example.it"), ticketing.AuthFail, "", true},
		"a lookalike of a provider":        {p.message(parts, false, "X-Trasporto: posta-certificata", "From: posta-certificata@pec.example.it.bad.example", "Authentication-Results: mx.example.com; dmarc=pass header.from=pec.example.it.bad.example"), ticketing.AuthFail, "", true},
		"another sender inside":            {p.message(p.part(p.xmlType, "", xml)+p.part(p.emlType, "", strings.Replace(innerMail, "maria@pec", "luca@pec", 1)), false, "X-Trasporto: posta-certificata"), ticketing.AuthPass, ticketing.CauseBadSender, true},
		"a file by that name, no envelope": {composeMail("--b\nContent-Type: text/plain\n\nGuardate.\n"+p.part(p.emlType, "", innerMail)+"--b--\n", append(eve, "Content-Type: multipart/mixed; boundary=b")...), ticketing.AuthPass, "", false},
		"daticert that is none":            {composeMail("--b\nContent-Type: text/plain\n\nGuardate.\n"+p.part(p.xmlType, "", "<html>x</html>")+"--b--\n", append(eve, "Content-Type: multipart/mixed; boundary=b")...), ticketing.AuthPass, "", false},
	} {
		m := r.Read(c.raw)
		if m.Auth != c.auth || m.Quarantine != c.cause || m.PEC != nil && m.PEC.Certified && c.cause == "" {
			t.Errorf("%s: auth %s, quarantine %q, %+v", name, m.Auth, m.Quarantine, m.PEC)
		}
		if c.inner != (m.Visible == "Ho ricevuto una fattura errata.") {
			t.Errorf("%s: visible %q", name, m.Visible)
		}
	}
	// daticert knows no entities from outside and no growth from inside (PEC12).
	bomb := `<?xml version="1.0"?><!DOCTYPE postacert [<!ENTITY a "` + strings.Repeat("x", 1000) + `"><!ENTITY b SYSTEM "file:///etc/passwd">]><postacert tipo="accettazione"><dati><gestore-emittente>` + strings.Repeat("&a;", 1000) + `&b;</gestore-emittente></dati></postacert>`
	m := r.Read(p.message(p.part(p.xmlType, "", bomb), false, "X-Ricevuta: accettazione"))
	if m.Kind != ticketing.KindPECReceipt || len(m.PEC.Provider) > 4000 || strings.Contains(m.PEC.Provider, "root:") {
		t.Errorf("entities: %s, provider of %d characters", m.Kind, len(m.PEC.Provider))
	}
}

func FuzzPEC(f *testing.F) {
	r := testReader(f)
	f.Add("posta-certificata", "", daticertXML("posta-certificata", "nessuno", ""), innerMail)
	f.Add("", "errore-consegna", daticertXML("errore-consegna", "no-dest", "<consegna>a@b.example</consegna><errore-esteso>5.1.1 x</errore-esteso>"), "")
	f.Add("errore", "", "<postacert", "From: x")
	f.Fuzz(func(t *testing.T, transport, receipt, xml, inner string) {
		start := time.Now()
		p := pecProviders[0]
		var fields []string
		if v := ticketing.CleanName(transport); v != "" {
			fields = append(fields, "X-Trasporto: "+v)
		}
		if v := ticketing.CleanName(receipt); v != "" {
			fields = append(fields, "X-Ricevuta: "+v)
		}
		m := r.Read(p.message(p.part(p.xmlType, "", xml)+p.part(p.emlType, "base64", inner), false, fields...))
		if m.PEC != nil && m.Auto.Allowed {
			t.Error("certified mail would be answered")
		}
		if m.PEC != nil && m.PEC.Certified && (m.PEC.Broken || m.Auth != ticketing.AuthPass) {
			t.Errorf("certified: %+v, auth %s", m.PEC, m.Auth)
		}
		if m.PEC != nil && strings.ContainsAny(m.PEC.Provider+m.PEC.Recipient+m.PEC.MessageID, "\r\n\x00") {
			t.Errorf("control characters: %+v", m.PEC)
		}
		if time.Since(start) > 5*time.Second {
			t.Error("does not end")
		}
	})
}
