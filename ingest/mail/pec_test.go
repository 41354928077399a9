package mail

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

func daticertXML(tipo, errore, extra string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><postacert tipo=%q errore=%q><intestazione><mittente>assistenza@example.com</mittente>
<destinatari tipo="certificato">maria@pec.cliente.example</destinatari><oggetto>x</oggetto></intestazione><dati><gestore-emittente>Gestore PEC S.p.A.</gestore-emittente>
<data zona="+0100"><giorno>21/11/2026</giorno><ora>09:30:00</ora></data><identificativo>opec1</identificativo><msgid>&lt;a1@example.com&gt;</msgid>%s</dati></postacert>`, tipo, errore, extra)
}

func pecMail(xml, inner string, fields ...string) []byte {
	var b strings.Builder
	b.WriteString("--s\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nMessaggio di posta certificata\n")
	if xml != "" {
		b.WriteString("--b\nContent-Type: application/xml; name=daticert.xml\nContent-Disposition: inline; filename=daticert.xml\n\n" + xml + "\n")
	}
	if inner != "" {
		b.WriteString("--b\nContent-Type: message/rfc822; name=postacert.eml\nContent-Disposition: attachment; filename=postacert.eml\n\n" + inner + "\n")
	}
	b.WriteString("--b--\n\n--s\nContent-Type: application/x-pkcs7-signature; name=smime.p7s\nContent-Disposition: attachment; filename=smime.p7s\nContent-Transfer-Encoding: base64\n\nAAAA\n--s--\n")
	return composeMail(b.String(), append([]string{
		"From: \"Per conto di: maria@pec.cliente.example\" <posta-certificata@pec.example.it>", "Subject: POSTA CERTIFICATA: x",
		"Authentication-Results: mx.example.com; dmarc=pass header.from=pec.example.it",
		"Content-Type: multipart/signed; protocol=\"application/x-pkcs7-signature\"; boundary=s",
	}, fields...)...)
}

const innerMail = `From: Maria Verdi <maria@pec.cliente.example>
To: assistenza@example.com
Subject: Fattura errata
Date: Sat, 21 Nov 2026 09:29:00 +0100
Message-ID: <inner@pec.cliente.example>
Content-Type: multipart/mixed; boundary=i

--i
Content-Type: text/plain

Ho ricevuto una fattura errata.
--i
Content-Type: application/pdf; name=fattura.pdf

%PDF-1.4
--i--
`

func TestPECReceipts(t *testing.T) {
	for _, c := range []struct {
		header, tipo, errore, extra, reason, status string
		failed, permanent                           bool
	}{
		{"X-Ricevuta: accettazione", "accettazione", "nessuno", "", "", "", false, false},
		{"X-Ricevuta: non-accettazione", "non-accettazione", "virus", "", "content", "", true, true},
		{"X-Ricevuta: presa-in-carico", "presa-in-carico", "nessuno", "", "", "", false, false},
		{"x-ricevuta: avvenuta-consegna", "avvenuta-consegna", "nessuno", `<ricevuta tipo="completa"/><consegna>maria@pec.cliente.example</consegna>`, "", "", false, false},
		{"X-RICEVUTA: errore-consegna", "errore-consegna", "no-dest", "<consegna>maria@pec.cliente.example</consegna><errore-esteso>5.1.1 - utente sconosciuto</errore-esteso>", "unknown_user", "5.1.1", true, true},
		{"X-Ricevuta: preavviso-errore-consegna", "preavviso-errore-consegna", "altro", "<errore-esteso>4.4.1</errore-esteso>", "delayed", "4.4.1", true, false},
		{"X-Ricevuta: rilevazione-virus", "rilevazione-virus", "virus", "", "content", "", true, true},
		{"X-Nothing: 1", "errore-consegna", "no-dominio", "", "unknown_host", "", true, true},
	} {
		m := testReader(t).Read(pecMail(daticertXML(c.tipo, c.errore, c.extra), "", c.header, "Subject: CONSEGNA: x"))
		if m.Kind != ticketing.KindPECReceipt || m.PEC == nil || m.PEC.Receipt != c.tipo || m.PEC.MessageID != "<a1@example.com>" {
			t.Errorf("%s: kind %s, %+v", c.header, m.Kind, m.PEC)
			continue
		}
		if (m.Failure != nil) != c.failed || c.failed && (m.Failure.Permanent != c.permanent || m.Failure.Reason != c.reason || m.Failure.Status != c.status || m.FailedRecipient != "maria@pec.cliente.example") {
			t.Errorf("%s: failure %+v of %q", c.header, m.Failure, m.FailedRecipient)
		}
		if m.Auto.Allowed || m.Quarantine != "" {
			t.Errorf("%s: automatic answer %+v, quarantine %s", c.header, m.Auto, m.Quarantine)
		}
	}
}

func TestPECEnvelopes(t *testing.T) {
	data := strings.ReplaceAll(daticertXML("posta-certificata", "nessuno", ""), "assistenza@example.com", "maria@pec.cliente.example")
	for _, c := range []struct {
		name      string
		raw       []byte
		auth      ticketing.Auth
		certified bool
		cause     ticketing.Cause
	}{
		{"transport", pecMail(data, innerMail, "X-Trasporto: posta-certificata"), ticketing.AuthPass, true, ""},
		{"anomaly", pecMail("", innerMail, "X-Trasporto: errore"), ticketing.AuthUnknown, false, ""},
		{"not proven", pecMail(data, innerMail, "X-Trasporto: posta-certificata", "Authentication-Results: mx.example.com; dmarc=none"), ticketing.AuthFail, false, ""},
		{"no provider of ours", pecMail(data, innerMail, "X-Trasporto: posta-certificata", "From: posta-certificata@bad.example", "Authentication-Results: mx.example.com; dmarc=pass header.from=bad.example"), ticketing.AuthFail, false, ""},
		{"broken daticert", pecMail("<postacert", innerMail, "X-Trasporto: posta-certificata"), ticketing.AuthFail, false, ""},
		{"another sender inside", pecMail(strings.ReplaceAll(data, "<mittente>maria@", "<mittente>eve@"), innerMail, "X-Trasporto: posta-certificata"), ticketing.AuthPass, true, ticketing.CauseBadSender},
	} {
		m := testReader(t).Read(c.raw)
		if m.From == nil || m.From.Address != "maria@pec.cliente.example" || m.Subject != "Fattura errata" || m.Visible != "Ho ricevuto una fattura errata." || m.Kind != ticketing.KindNormal {
			t.Errorf("%s: from %+v, subject %q, visible %q, kind %s", c.name, m.From, m.Subject, m.Visible, m.Kind)
		}
		if len(m.Attachments) != 1 || m.Attachments[0].FileName != "fattura.pdf" {
			t.Errorf("%s: files %+v", c.name, m.Attachments)
		}
		if m.Auth != c.auth || m.PEC.Certified != c.certified || m.Quarantine != c.cause {
			t.Errorf("%s: auth %s, certified %v, quarantine %q (%s)", c.name, m.Auth, m.PEC.Certified, m.Quarantine, m.QuarantineReason)
		}
	}
	m := testReader(t).Read(composeMail("Testo", "Subject: POSTA CERTIFICATA: x"))
	if m.PEC != nil {
		t.Error("a subject alone makes no certified mail")
	}
	twice := pecMail(data, string(pecMail(data, innerMail, "X-Trasporto: posta-certificata")), "X-Trasporto: errore")
	if m := testReader(t).Read(twice); m.Visible == "Ho ricevuto una fattura errata." {
		t.Error("an envelope inside an envelope was opened")
	}
}
