package mail

import (
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// People who send a machine's mail on, or write of what machines write of, are people: what they say is read, and they are answered.
func TestPeopleAreNoMachines(t *testing.T) {
	r := testReader(t)
	person := []string{"From: Maria Verdi <maria@cliente.example>", "Return-Path: <maria@cliente.example>", "Authentication-Results: mx.example.com; dmarc=pass header.from=cliente.example"}
	mixed := func(parts ...string) string {
		return "--b\nContent-Type: text/plain; charset=utf-8\n\nMi è tornato questo, che cosa faccio?\n" + strings.Join(parts, "") + "--b--\n"
	}
	p := pecProviders[0]
	failed := "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; luca@altro.example\nAction: failed\nStatus: 5.1.1\n"
	returned := "--b\nContent-Type: message/rfc822\n\n" + returnedMail + "\n"
	asked := "Mi è tornato questo, che cosa faccio?"
	for _, c := range []struct {
		name, body, visible string
		fields              []string
	}{
		{"a bounce taken apart and sent on", mixed(failed, returned), asked, []string{"Subject: I: Undelivered Mail", "Content-Type: multipart/mixed; boundary=b"}},
		{"a complaint sent on", mixed("--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n", returned), asked, []string{"Subject: Fwd: complaint", "Content-Type: multipart/mixed; boundary=b"}},
		{"a receipt sent on", mixed(p.part(p.xmlType, "", daticertXML("avvenuta-consegna", "nessuno", ""))), asked, []string{"Subject: I: CONSEGNA: Fattura", "Content-Type: multipart/mixed; boundary=b"}},
		{"an envelope sent on", mixed(p.part(p.xmlType, "", daticertXML("posta-certificata", "nessuno", "")), p.part(p.emlType, "", innerMail)), asked, []string{"Subject: POSTA CERTIFICATA: Fattura", "Content-Type: multipart/mixed; boundary=b"}},
		{"a receipt that no provider sent", mixed(p.part(p.xmlType, "", daticertXML("errore-consegna", "no-dest", ""))), asked, []string{"Subject: AVVISO DI MANCATA CONSEGNA: x", "X-Ricevuta: errore-consegna", "Content-Type: multipart/mixed; boundary=b"}},
		{"a company whose name speaks of deliveries", "My parcel was not delivered.", "My parcel was not delivered.", []string{"From: Royal Mail Delivery <team@cliente.example>", "Subject: Parcel not delivered"}},
		{"a form with an empty envelope sender of a shop", "L'ordine è delayed? Nessuna notizia.", "", nil},
		{"a person whose name begins like the postmaster's", "The mail was rejected yesterday.", "The mail was rejected yesterday.", []string{"From: postmaster.verdi@cliente.example", "Subject: rejected"}},
	} {
		fields := append(append([]string{}, c.fields...), person[1:]...)
		if len(c.fields) == 0 || !strings.HasPrefix(c.fields[0], "From:") {
			fields = append(fields, person[0])
		}
		m := r.Read(composeMail(c.body, fields...))
		if m.Kind != ticketing.KindNormal || m.PEC != nil || m.Quarantine != "" {
			t.Errorf("%s: kind %s, PEC %+v, quarantine %q, rules %v", c.name, m.Kind, m.PEC, m.Quarantine, m.Rules)
		}
		if c.visible != "" && m.Visible != c.visible {
			t.Errorf("%s: visible %q", c.name, m.Visible)
		}
	}
	// An empty envelope sender and a word do not make a bounce; it stays a program's mail that is never answered.
	m := r.Read(composeMail("Il mio ordine è delayed.", "Return-Path: <>", "From: sito@cliente.example", "Subject: Modulo: order delayed"))
	if m.Kind == ticketing.KindBounce || m.Auto.Allowed {
		t.Errorf("a form: kind %s, answered %v", m.Kind, m.Auto.Allowed)
	}
}

// Whoever can have a mailbox at a provider cannot speak for the provider (PEC4, PEC5).
func TestPECProvesOnlyByTheProvider(t *testing.T) {
	r := testReader(t)
	p := pecProviders[0]
	xml := strings.ReplaceAll(daticertXML("posta-certificata", "nessuno", ""), "assistenza@example.com", "maria@pec.cliente.example")
	inner := p.part(p.emlType, "", innerMail)
	pass := "Authentication-Results: mx.example.com; dmarc=pass header.from=pec.example.it"
	eve := []string{"From: eve@pec.example.it", pass, "Content-Type: multipart/mixed; boundary=b"}
	body := func(parts string) string { return "--b\nContent-Type: text/plain\n\nx\n" + parts + "--b--\n" }
	for _, c := range []struct {
		name string
		raw  []byte
		kind ticketing.Kind
		auth ticketing.Auth
	}{
		{"no certificate", p.message(inner, false, "X-Trasporto: posta-certificata", "Subject: POSTA CERTIFICATA: x"), ticketing.KindNormal, ticketing.AuthFail},
		{"a certificate without sender", p.message(p.part(p.xmlType, "", strings.ReplaceAll(xml, "<mittente>maria@pec.cliente.example</mittente>", ""))+inner, false, "X-Trasporto: posta-certificata"), ticketing.KindNormal, ticketing.AuthFail},
		{"a customer of the provider", composeMail(body(p.part(p.xmlType, "", xml)+inner), append([]string{"X-Trasporto: posta-certificata"}, eve...)...), ticketing.KindNormal, ticketing.AuthFail},
		{"a receipt of a customer of the provider", composeMail(body(p.part(p.xmlType, "", daticertXML("errore-consegna", "no-dest", ""))), append([]string{"X-Ricevuta: errore-consegna"}, eve...)...), ticketing.KindNormal, ticketing.AuthPass},
		{"a receipt of no provider", composeMail(body(p.part(p.xmlType, "", daticertXML("errore-consegna", "no-dest", ""))), "X-Ricevuta: errore-consegna", "From: posta-certificata@bad.example", "Authentication-Results: mx.example.com; dmarc=pass header.from=bad.example",
			"Content-Type: multipart/mixed; boundary=b"), ticketing.KindNormal, ticketing.AuthPass},
		{"a receipt whose field was lost", composeMail(body(p.part(p.xmlType, "", daticertXML("avvenuta-consegna", "nessuno", ""))), "Subject: CONSEGNA: x", "From: posta-certificata@pec.example.it", pass, "Content-Type: multipart/mixed; boundary=b"), ticketing.KindPECReceipt, ticketing.AuthPass},
	} {
		m := r.Read(c.raw)
		if m.Kind != c.kind || m.Auth != c.auth || m.PEC != nil && m.PEC.Certified {
			t.Errorf("%s: kind %s, auth %s, %+v", c.name, m.Kind, m.Auth, m.PEC)
		}
	}
}
