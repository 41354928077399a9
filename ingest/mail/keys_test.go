package mail

import (
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

func TestKeys(t *testing.T) {
	k := readKeys(t)
	base := mustAddress(t, "assistenza@example.com")
	a, err := k.Address(base, testThread)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimPrefix(a.Local, "assistenza+")
	if len(token) != tokenLength || token != strings.ToLower(token) {
		t.Errorf("token %q: want %d lower-case characters", token, tokenLength)
	}
	if id, v := k.CheckAddress(base, strings.ToUpper(token)); v != Valid || id != testThread {
		t.Errorf("capitals: %v %v", id, v)
	}
	if _, v := k.CheckAddress(mustAddress(t, "support@example.com"), token); v != Failing {
		t.Error("a token holds at the mailbox it was made for only")
	}
	for i := range token {
		other := token[:i] + string("ab"[b2i(token[i] == 'a')]) + token[i+1:]
		if _, v := k.CheckAddress(base, other); v == Valid && i < len(token)-1 {
			t.Errorf("changed at %d and still valid", i)
		}
	}
	if _, v := k.CheckAddress(base, "newsletter"); v != Foreign {
		t.Error("another word after the plus sign is not a failing token")
	}
	bounce, err := k.Bounce(mustAddress(t, "bounce@example.com"), testRow)
	if err != nil || len(bounce.Local) > maxLocal {
		t.Fatal(bounce, err)
	}
	if id, v := k.CheckBounce(mustAddress(t, "bounce@example.com"), strings.TrimPrefix(bounce.Local, "bounce+")); v != Valid || id != testRow {
		t.Errorf("bounce token: %v %v", id, v)
	}
	if _, err := k.Bounce(mustAddress(t, "a-very-long-name-for-bounces@example.com"), testRow); err != ErrNoRoom {
		t.Errorf("a token without room: %v", err)
	}
	id := k.MessageID(testRow, "Example.com")
	if row, v := k.CheckMessageID(id); v != Valid || row != testRow {
		t.Errorf("%s: %v %v", id, row, v)
	}
	if _, v := k.CheckMessageID(strings.Replace(id, "example.com", "bad.example", 1)); v != Failing {
		t.Error("an id of another domain is not ours")
	}
	if _, v := k.CheckMessageID("<CAF=x@mail.gmail.com>"); v != Foreign {
		t.Error("a foreign id does not fail")
	}
	older, err := NewKeys(k.active[1])
	if err != nil {
		t.Fatal(err)
	}
	if _, v := k.CheckMessageID(older.MessageID(testRow, "example.com")); v != Valid {
		t.Error("the older of two active keys holds")
	}
	if _, v := older.CheckMessageID(id); v != Failing {
		t.Error("an unknown or retired key does not hold")
	}
	if _, v := (*Keys)(nil).CheckMessageID(id); v == Valid {
		t.Error("without keys nothing is valid")
	}
	if _, err := NewKeys(Key{1, []byte("short")}); err == nil {
		t.Error("a short secret was taken")
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestClaims(t *testing.T) {
	k, r := readKeys(t), testReader(t)
	base := mustAddress(t, "assistenza@example.com")
	token := func(n byte) string {
		a, err := k.Address(base, [threadSize]byte{n})
		if err != nil {
			t.Fatal(err)
		}
		return a.String()
	}
	own := k.MessageID(testRow, "example.com")
	failing := func(n int) string {
		return "assistenza+" + strings.Repeat("a", tokenLength-1) + string(rune('a'+n)) + "@example.com"
	}
	for _, c := range []struct {
		name   string
		fields []string
		rules  string
		failed int
		cause  ticketing.Cause
	}{
		{"nothing", nil, "", 0, ""},
		{"token", []string{"To: " + strings.ToUpper(token(1))}, "token", 0, ""},
		{"token delivered to", []string{"Delivered-To: " + token(1)}, "token", 0, ""},
		{"token before id", []string{"Cc: " + token(1), "References: <x@y> " + own}, "token own-id known-id known-id", 0, ""},
		{"token in the name", []string{`To: "` + token(1) + `" <assistenza@example.com>`}, "", 0, ""},
		{"token in the subject", []string{"Subject: " + token(1)}, "", 0, ""},
		{"two tokens", []string{"To: " + token(1), "Cc: " + token(2)}, "token token", 0, ticketing.CauseManyTokens},
		{"the same token twice", []string{"To: " + token(1), "Cc: " + token(1)}, "token", 0, ""},
		{"three failing", []string{"To: " + failing(0) + "," + failing(1) + "," + failing(2)}, "", 3, ""},
		{"four failing", []string{"To: " + failing(0) + "," + failing(1) + "," + failing(2) + "," + failing(3)}, "", 4, ticketing.CauseManyTokens},
		{"forged id", []string{"In-Reply-To: " + strings.Replace(own, "@", "a@", 1)}, "known-id", 0, ""},
	} {
		m := r.Read(composeMail("Testo", c.fields...))
		var rules []string
		for _, x := range m.Claims {
			rules = append(rules, string(x.Rule))
		}
		if got := strings.Join(rules, " "); got != c.rules || m.FailedKeys != c.failed || m.Quarantine != c.cause {
			t.Errorf("%s: claims %q, failed %d, quarantine %q", c.name, got, m.FailedKeys, m.Quarantine)
		}
	}
	m := r.Read(composeMail("Testo", "References: "+strings.Repeat("<a@b> ", 3000)+own))
	if len(m.Claims) == 0 || m.Claims[0].Rule != ticketing.ClaimOwnID || !contains(m.Flags, "references_cut") {
		t.Errorf("many references: %v %v", m.Claims, m.Flags)
	}
}

func TestBounceNamesOurRow(t *testing.T) {
	k, r := readKeys(t), testReader(t)
	own := k.MessageID(testRow, "example.com")
	body := "--b\nContent-Type: text/plain\n\nDelivery failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.cliente.example\n\nFinal-Recipient: rfc822; maria@cliente.example\n" +
		"Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\n--b\nContent-Type: text/rfc822-headers\n\nFrom: assistenza@example.com\nMessage-ID: " + own + "\n--b--\n"
	m := r.Read(composeMail(body, "From: MAILER-DAEMON@cliente.example", "Return-Path: <>", "Content-Type: multipart/report; report-type=delivery-status; boundary=b"))
	h := r.Heard(m, HeardAt{Door: "mail:x"})
	if m.Kind != ticketing.KindBounce || m.FailedRecipient != "maria@cliente.example" || m.Failure == nil || !m.Failure.Permanent || m.Failure.Reason != "unknown_user" {
		t.Errorf("kind %s, recipient %q, failure %+v", m.Kind, m.FailedRecipient, m.Failure)
	}
	if h.Report == nil || h.Report.Outgoing != testRow.String() || string(h.Report.Ref) != "mail:"+own || h.Auto.Allowed {
		t.Errorf("report %+v, automatic answer %+v", h.Report, h.Auto)
	}
	prose := r.Read(composeMail("Your message "+own+" was not delivered to maria@cliente.example", "From: MAILER-DAEMON@cliente.example", "Return-Path: <>"))
	if prose.Kind != ticketing.KindBounce || prose.Bounce.Row != "" || prose.FailedRecipient != "maria@cliente.example" {
		t.Errorf("prose: kind %s, bounce %+v, recipient %q", prose.Kind, prose.Bounce, prose.FailedRecipient)
	}
}

func TestHeardOfAMailWithoutMessageID(t *testing.T) {
	r := testReader(t)
	a := r.Heard(r.Read(composeMail("Testo uno", "Message-ID: -")), HeardAt{})
	b := r.Heard(r.Read(composeMail("Testo due", "Message-ID: -")), HeardAt{})
	if a.Ref == b.Ref || a.LogicalKey == b.LogicalKey {
		t.Errorf("two mails without Message-ID have the same name %s", a.Ref)
	}
	lf := r.Heard(r.Read([]byte(strings.ReplaceAll(string(composeMail("Testo uno", "Message-ID: -")), "\r\n", "\n"))), HeardAt{})
	if lf.LogicalKey != a.LogicalKey {
		t.Error("line ends change the logical key")
	}
}
