package mail

import (
	"slices"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

func eve(id, name string) func(*hostileWorld) []byte {
	return func(*hostileWorld) []byte { return mailOf(id, "Testo "+id, fromEve(name)...) }
}

func nameIs(name, address string) func(*testing.T, *hostileWorld, *hostileResult) {
	return func(t *testing.T, _ *hostileWorld, r *hostileResult) {
		t.Helper()
		if r.mail.From == nil || r.mail.From.Name != name || r.mail.From.Address != address {
			t.Errorf("from %+v, want %s <%s>", r.mail.From, name, address)
		}
		if r.heard.From.Name != name || r.heard.From.Address != address || r.heard.From.Key != "mail:"+address {
			t.Errorf("the desk is told %+v", r.heard.From)
		}
	}
}

// A From outside the grammar has no domain that a server could have vouched for, so that authentication is none in H051 to H054.
var hostileIdentity = []hostileMail{
	{id: "H045", what: "U+202E in the display name", flags: "cleaned", make: withField("H045", "From: =?utf-8?q?Maria_=E2=80=AEidreV?= <maria@cliente.example>"),
		check: nameIs("Maria idreV", "maria@cliente.example")},
	{id: "H046", what: "NUL in the display name", flags: "cleaned", make: withField("H046", "From: =?utf-8?q?Maria=00_Verdi?= <maria@cliente.example>"),
		check: nameIs("Maria Verdi", "maria@cliente.example")},
	{id: "H047", what: "from eve, name of an agent", flags: "name_lookalike", make: eve("H047", "Anna Rossi"), check: nameIs("Anna Rossi", "eve@bad.example")},
	{id: "H048", what: "from eve, name is an address of ours", flags: "name_lookalike", make: eve("H048", `"assistenza@example.com"`),
		check: nameIs("assistenza@example.com", "eve@bad.example")},
	{id: "H049", what: "A-label domain that looks like example.com", flags: "domain_lookalike",
		make:  withField("H049", "From: Maria Verdi <maria@xn--exampl-8of.com>", "Authentication-Results: mx.example.com; dmarc=pass header.from=xn--exampl-8of.com"),
		check: nameIs("Maria Verdi", "maria@xn--exampl-8of.com")},
	{id: "H050", what: "raw mixed-script domain in From", flags: "domain_lookalike",
		make:  withField("H050", "From: Maria Verdi <maria@ex\u0430mple.com>", "Authentication-Results: mx.example.com; dmarc=pass header.from=xn--exmple-4nf.com"),
		check: nameIs("Maria Verdi", "maria@xn--exmple-4nf.com")},
	{id: "H051", what: "quoted local part with brackets", cause: ticketing.CauseBadSender, auth: ticketing.AuthNone,
		make: withField("H051", `From: "evil@x> <victim"@cliente.example`), check: noIdentity},
	// The comment is the only name there is, and it holds an at sign.
	{id: "H052", what: "comments inside the address", cause: ticketing.CauseBadSender, auth: ticketing.AuthNone, flags: "name_lookalike",
		make: withField("H052", "From: maria(@cliente.example)@bad.example"), check: noIdentity},
	{id: "H053", what: "percent sign in the local part", cause: ticketing.CauseBadSender, auth: ticketing.AuthNone,
		make: withField("H053", "From: maria%cliente.example@bad.example"), check: noIdentity},
	{id: "H054", what: "address literal", cause: ticketing.CauseBadSender, auth: ticketing.AuthNone, make: withField("H054", "From: maria@[127.0.0.1]"), check: noIdentity},
	{id: "H055", what: "two addresses in one From", cause: ticketing.CauseBadSender, make: withField("H055", "From: maria@cliente.example, luca@altro.example"), check: noIdentity},
	{id: "H056", what: "Reply-To in another domain, authentication none", auth: ticketing.AuthNone, flags: "reply_to_differs",
		make: withField("H056", "Reply-To: x@altro.example", "Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=cliente.example"),
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			if r.mail.ReplyToUsable || r.heard.ReplyTo != "" || r.letters[0].Facts.To.Address != "maria@cliente.example" {
				t.Errorf("answers go to %q and %q", r.heard.ReplyTo, r.letters[0].Facts.To.Address)
			}
		}},
	{id: "H057", what: "Sender of another domain", flags: "sender_differs", make: withField("H057", "Sender: x@altro.example"),
		check: nameIs("Maria Verdi", "maria@cliente.example")},
	{id: "H058", what: "topmost Authentication-Results by a foreign server, none of ours", auth: ticketing.AuthUnknown, flags: "untrusted_auth",
		make: withField("H058", "Authentication-Results: mx.bad.example; dmarc=pass header.from=cliente.example")},
	{id: "H059", what: "Authentication-Results with our id below a foreign Received", auth: ticketing.AuthUnknown, flags: "untrusted_auth",
		make: withField("H059", "Authentication-Results: -", "received: from a.bad.example by mx.bad.example; Sat, 21 Nov 2026 09:30:00 +0100",
			"authentication-results: mx.example.com; dmarc=pass header.from=cliente.example")},
	{id: "H060", what: "ARC set with pass, sealer not listed", auth: ticketing.AuthUnknown, flags: "untrusted_auth",
		make: withField("H060", "Authentication-Results: -", "ARC-Seal: i=1; a=rsa-sha256; d=bad.example; s=a; cv=none; b=AAAA",
			"ARC-Authentication-Results: i=1; mx.bad.example; dmarc=pass header.from=cliente.example")},
}

// TestLookalikeNames: a name is compared as people see it, and only a stranger's name is held against him.
func TestLookalikeNames(t *testing.T) {
	r := testReader(t)
	r.OwnNames, r.Agents = []string{"Anna Rossi", "Assistenza Acme"}, map[string]bool{"anna@acme.example": true}
	for from, want := range map[string]bool{
		"Anna Rossi <eve@bad.example>": true, "ANNA  ROSSI <eve@bad.example>": true, "\"Assistenza Acme\" <eve@bad.example>": true, "Ann\u0430 Rossi <eve@bad.example>": true,
		"Anna Rossini <eve@bad.example>": false, "Anna <eve@bad.example>": false, "Anna Rossi <assistenza@example.com>": false, "Anna Rossi <Anna@acme.example>": false, "<eve@bad.example>": false,
		"eve@bad.example <eve@bad.example>": false, "Eve (capo@altro.example) <eve@bad.example>": false, "\"capo@altro.example\" <eve@bad.example>": true,
	} {
		if m := r.Read(mailOf("H047", "Testo", "From: "+from)); slices.Contains(m.Flags, "name_lookalike") != want {
			t.Errorf("%s: flags %v", from, m.Flags)
		}
	}
}

// TestLookalikeDomains: a domain of one script that looks like no other is an ordinary international name.
func TestLookalikeDomains(t *testing.T) {
	r := testReader(t)
	for domain, want := range map[string]bool{
		"münchen.example": false, "xn--mnchen-3ya.example": false, "пример.example": false, "例え.example": false, "ガソリン漢字.example": false, "사이트.example": false, "παράδειγμα.example": false,
		"ex\u0430mple.com": true, "xn--exmple-4nf.com": true, "\u0440\u0430\u0443\u0440\u0430l.example": true, "\u0430\u0440\u0440\u04cf\u0435.example": true, "cliente.example": false,
	} {
		if m := r.Read(mailOf("H049", "Testo", "From: maria@"+domain)); slices.Contains(m.Flags, "domain_lookalike") != want {
			t.Errorf("%s: from %v, flags %v", domain, m.From, m.Flags)
		}
	}
}
