package mail

import (
	"net/netip"
	"strings"

	"github.com/emersion/go-msgauth/authres"

	"github.com/sportello/sportello/ticketing"
)

// authenticate reads Authentication-Results (RFC 8601) by S29: only with an
// authserv-id of trusted, only above the first Received that is not of the own
// border, and only the topmost such field. domain is that of From. untrusted
// reports results that were left aside while no trusted one was found.
func authenticate(h *header, trusted []string, domain string) (a ticketing.Auth, untrusted bool) {
	foreign := false
	seen := false
	for _, f := range h.fields {
		switch f.name {
		case "received":
			foreign = foreign || !ownReceived(f.value, trusted)
		case "arc-authentication-results":
			seen = true
		case "authentication-results":
			seen = true
			if foreign || len(trusted) == 0 {
				continue
			}
			id, results, err := authres.Parse(f.value)
			if err != nil || !isTrusted(id, trusted) {
				continue
			}
			return dmarcResult(results, domain), false
		}
	}
	return ticketing.AuthUnknown, seen
}

func isTrusted(id string, trusted []string) bool {
	for _, t := range trusted {
		if strings.EqualFold(strings.TrimSpace(id), t) {
			return true
		}
	}
	return false
}

func dmarcResult(results []authres.Result, domain string) ticketing.Auth {
	a := ticketing.AuthNone
	for _, r := range results {
		d, ok := r.(*authres.DMARCResult)
		if !ok || d.From != "" && !strings.EqualFold(strings.TrimPrefix(d.From[strings.LastIndexByte(d.From, '@')+1:], "@"), domain) {
			continue
		}
		switch d.Value {
		case authres.ResultPass:
			return ticketing.AuthPass
		case authres.ResultFail, authres.ResultHardFail:
			a = ticketing.AuthFail
		}
	}
	return a
}

// ownReceived reports whether a trusted server wrote a Received field. Hosts
// below the domain of an authserv-id count, and internal steps that name no
// host a mail came from, as Gmail writes them.
func ownReceived(v string, trusted []string) bool {
	words := strings.Fields(dropComments(v))
	by, from := "", false
	for i := 0; i+1 < len(words); i++ {
		switch strings.ToLower(words[i]) {
		case "from":
			from = true
		case "by":
			if by == "" {
				by = strings.ToLower(strings.TrimRight(words[i+1], ";.,"))
			}
		}
	}
	if _, err := netip.ParseAddr(strings.Trim(by, "[]")); err == nil && !from {
		return true
	}
	for _, t := range trusted {
		t = strings.ToLower(t)
		if by == t || strings.HasSuffix(by, "."+t) {
			return true
		}
		if _, parent, ok := strings.Cut(t, "."); ok && strings.Contains(parent, ".") && strings.HasSuffix(by, "."+parent) {
			return true
		}
	}
	return false
}
