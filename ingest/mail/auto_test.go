package mail

import (
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// TestAutomaticAnswers has for each rule of M1–M13 a mail that trips only it,
// and its near miss.
func TestAutomaticAnswers(t *testing.T) {
	k := readKeys(t)
	r := testReader(t)
	for _, c := range []struct {
		name   string
		fields []string
		rule   string // empty: allowed
		kind   ticketing.Kind
	}{
		{"an ordinary mail", nil, "", ticketing.KindNormal},
		{"M1", []string{"Auto-Submitted: auto-replied; owner=x (comment)"}, "M1", ticketing.KindAutoReply},
		{"M1 generated", []string{"Auto-Submitted: auto-generated"}, "M1", ticketing.KindAutoReply},
		{"M1 no", []string{"Auto-Submitted: no"}, "", ticketing.KindNormal},
		{"M1 no with a comment", []string{"Auto-Submitted: (by hand) NO"}, "", ticketing.KindNormal},
		{"M1 forwarded by a rule", []string{"Auto-Submitted: auto-forwarded"}, "M1", ticketing.KindNormal},
		{"M2 null path", []string{"Return-Path: <>"}, "M2", ticketing.KindAutoReply},
		{"M2 owner", []string{"Return-Path: <owner-x@cliente.example>"}, "M2", ticketing.KindNormal},
		{"M2 bounces", []string{"Return-Path: <x-bounces@cliente.example>"}, "M2", ticketing.KindNormal},
		{"M2 near", []string{"Return-Path: <bounces-fan@cliente.example>"}, "", ticketing.KindNormal},
		{"M2 From", []string{"From: postmaster@cliente.example"}, "M2", ticketing.KindNormal},
		{"M3", []string{"List-Id: <news.example.org>"}, "M3", ticketing.KindList},
		{"M3 unsubscribe", []string{"List-Unsubscribe: <https://example.org/u>"}, "M3", ticketing.KindList},
		{"M3 own list", []string{"List-Id: Desk <assistenza.example.com>", "List-Post: <mailto:assistenza@example.com>"}, "", ticketing.KindNormal},
		{"M4", []string{"Precedence: bulk"}, "M4", ticketing.KindList},
		{"M4 auto_reply", []string{"Precedence: auto_reply"}, "M4", ticketing.KindAutoReply},
		{"M4 X-", []string{"X-Precedence: junk"}, "M4", ticketing.KindList},
		{"M4 near", []string{"Precedence: first-class"}, "", ticketing.KindNormal},
		{"M5", []string{"X-Auto-Response-Suppress: DR, OOF"}, "M5", ticketing.KindNormal},
		{"M5 all", []string{"X-Auto-Response-Suppress: All"}, "M5", ticketing.KindNormal},
		{"M5 DR alone", []string{"X-Auto-Response-Suppress: DR, NDR, RN, NRN"}, "", ticketing.KindNormal},
		{"M6", []string{"X-Autoreply: yes"}, "M6", ticketing.KindAutoReply},
		{"M6 loop", []string{"X-Loop: x"}, "M6", ticketing.KindAutoReply},
		{"M6 Feedback-ID", []string{"Feedback-ID: 1:2", "Precedence: first-class"}, "M6", ticketing.KindNormal},
		{"M6 Feedback-ID alone", []string{"Feedback-ID: 1:2"}, "", ticketing.KindNormal},
		{"M7", []string{"Content-Type: multipart/report; report-type=disposition-notification; boundary=b"}, "M7", ticketing.KindAutoReply},
		{"M8 From", []string{"From: support@example.com", "Authentication-Results: mx.example.com; dmarc=pass"}, "M8", ticketing.KindNormal},
		{"M8 Message-ID", []string{"Message-ID: " + k.MessageID(testRow, "example.com")}, "M8", ticketing.KindAutoReply},
		{"M8 forged", []string{"Message-ID: <v1.01JD0000000000000000000000.aaaaaaaaaaaaaaaaaaaaaaaaaa@example.com>"}, "", ticketing.KindNormal},
		{"M9", []string{"To: gruppo@cliente.example"}, "M9", ticketing.KindNormal},
		{"M9 alias in copy", []string{"To: gruppo@cliente.example", "Cc: Support@example.com"}, "", ticketing.KindNormal},
		{"M9 only blind", []string{"To: gruppo@cliente.example", "Bcc: support@example.com"}, "M9", ticketing.KindNormal},
		{"M9 delivered to", []string{"To: gruppo@cliente.example", "Delivered-To: support+x@example.com"}, "", ticketing.KindNormal},
		{"M10", []string{"From: no_reply@cliente.example"}, "M10", ticketing.KindNormal},
		{"M10 it", []string{"From: Non.Rispondere@cliente.example"}, "M10", ticketing.KindNormal},
		{"M10 near", []string{"From: noreply-team@cliente.example"}, "", ticketing.KindNormal},
		{"M11", []string{"Authentication-Results: mx.example.com; dmarc=fail header.from=cliente.example"}, "M11", ticketing.KindNormal},
		{"M11 none", []string{"Authentication-Results: mx.example.com; spf=pass"}, "", ticketing.KindNormal},
		{"M12", []string{"X-Spam-Flag: YES"}, "M12", ticketing.KindNormal},
		{"M12 no", []string{"X-Spam-Flag: NO"}, "", ticketing.KindNormal},
		{"M13", []string{"Content-Type: text/calendar; method=REQUEST"}, "M13", ticketing.KindCalendar},
	} {
		m := r.Read(composeMail("Testo della richiesta.\n", c.fields...))
		got, _, _ := strings.Cut(m.Auto.Reason, " ")
		if got != c.rule || m.Auto.Allowed != (c.rule == "") || m.Kind != c.kind {
			t.Errorf("%s: allowed %v, reason %q, kind %s; want %q, %s", c.name, m.Auto.Allowed, m.Auto.Reason, m.Kind, c.rule, c.kind)
		}
	}
}

func TestOutOfOffice(t *testing.T) {
	r := testReader(t)
	own := readKeys(t).MessageID(testRow, "example.com")
	for _, c := range []struct {
		name   string
		fields []string
		body   string
		kind   ticketing.Kind
	}{
		{"a customer who is away", []string{"Subject: Fuori sede da lunedì, come apro un ticket?"}, "Ciao", ticketing.KindNormal},
		{"subject alone", []string{"Subject: Risposta automatica"}, "Ciao", ticketing.KindNormal},
		{"subject and suppress", []string{"Subject: Risposta automatica: ticket", "X-Auto-Response-Suppress: All"}, "Sono assente", ticketing.KindAutoReply},
		{"subject and our id", []string{"Subject: Assente: R: Stampante", "In-Reply-To: " + own}, "Sono assente", ticketing.KindAutoReply},
		{"the ticket is about an absence", []string{"Subject: R: Assenza di Rossi", "In-Reply-To: " + own}, "Sì, da lunedì.", ticketing.KindNormal},
		{"a machine answers a ticket about an absence", []string{"Subject: Re: Out of office not working", "Precedence: auto_reply"}, "I am away.", ticketing.KindAutoReply},
		{"a question about being away, its Return-Path lost", []string{"Subject: Fuori sede da lunedì, come apro un ticket?", "Received: from x by mx.example.com; Mon, 2 Mar 2026 10:00:00 +0100"}, "Ciao", ticketing.KindNormal},
		{"our id, but a person quotes", []string{"Subject: Re: Assente", "In-Reply-To: " + own}, "Eccomi\n\n> vecchio testo\n> di ieri\n", ticketing.KindNormal},
		{"part of a word", []string{"Subject: Assentearsi dal lavoro", "Precedence: normal"}, "Ciao", ticketing.KindNormal},
	} {
		if m := r.Read(composeMail(c.body, c.fields...)); m.Kind != c.kind {
			t.Errorf("%s: kind %s, want %s (%v)", c.name, m.Kind, c.kind, m.Rules)
		}
	}
}
