package mail

import (
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// TestAuthenticationResults follows S29 and H058–H060.
func TestAuthenticationResults(t *testing.T) {
	trusted := []string{"mx.example.com"}
	own := field{"received", "from out.cliente.example by mx.example.com; now"}
	foreign := field{"received", "from a by mx.bad.example; now"}
	pass := field{"authentication-results", "mx.example.com; spf=pass; dmarc=pass (p=none) header.from=cliente.example"}
	fail := field{"authentication-results", "mx.example.com; dmarc=fail header.from=cliente.example"}
	for _, c := range []struct {
		name      string
		fields    []field
		trusted   []string
		want      ticketing.Auth
		untrusted bool
	}{
		{"pass above", []field{pass, own, foreign}, trusted, ticketing.AuthPass, false},
		{"pass below the own border", []field{own, pass, foreign}, trusted, ticketing.AuthPass, false},
		{"below a foreign Received", []field{own, foreign, pass}, trusted, ticketing.AuthUnknown, true},
		{"the topmost counts", []field{fail, pass, own}, trusted, ticketing.AuthFail, false},
		{"another domain", []field{{"authentication-results", "mx.example.com; dmarc=pass header.from=bad.example"}, own}, trusted, ticketing.AuthNone, false},
		{"no dmarc", []field{{"authentication-results", "mx.example.com; spf=pass"}, own}, trusted, ticketing.AuthNone, false},
		{"foreign server", []field{{"authentication-results", "mx.bad.example; dmarc=pass header.from=cliente.example"}, own}, trusted, ticketing.AuthUnknown, true},
		{"name that only begins alike", []field{{"authentication-results", "mx.example.com.bad.example; dmarc=pass"}, own}, trusted, ticketing.AuthUnknown, true},
		{"ARC", []field{{"arc-authentication-results", "i=1; mx.example.com; dmarc=pass"}, own}, trusted, ticketing.AuthUnknown, true},
		{"nothing configured", []field{pass, own}, nil, ticketing.AuthUnknown, true},
		{"no result", []field{own}, trusted, ticketing.AuthUnknown, false},
		{"broken", []field{{"authentication-results", ";;;="}, own}, trusted, ticketing.AuthUnknown, true},
	} {
		got, untrusted := authenticate(&header{fields: c.fields}, c.trusted, "cliente.example")
		if got != c.want || untrusted != c.untrusted {
			t.Errorf("%s: %s, untrusted %v", c.name, got, untrusted)
		}
	}
}
