package mail

import (
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

func withField(id string, fields ...string) func(*hostileWorld) []byte {
	return func(*hostileWorld) []byte { return mailOf(id, "Testo "+id, fields...) }
}

// manyFields is n fields, one a line.
func manyFields(n int, line string) []string {
	return strings.Split(strings.Repeat(line+"\n", n), "\n")[:n]
}

// ownFields is how many fields an ordinary mail of these tests has.
const ownFields = 8

var hostileHeaders = []hostileMail{
	// A subject is cut to 200 characters, which is flagged cleaned by section 3; the row does not mention it.
	{id: "H021", what: "Subject of 1 MB", cause: ticketing.CauseLimits, flags: "cleaned", check: refusedBy("header"),
		make: func(*hostileWorld) []byte {
			return mailOf("H021", "Testo H021", "Subject: Prova H021 "+strings.Repeat("x", 1<<20))
		}},
	{id: "H022", what: "one header folded to 300 KB", cause: ticketing.CauseLimits, check: refusedBy("header"),
		make: func(*hostileWorld) []byte {
			return mailOf("H022", "Testo H022", "X-Long: "+strings.Repeat("x\r\n ", 75000)+"x")
		}},
	{id: "H023", what: "1,001 header fields", cause: ticketing.CauseLimits, check: refusedBy("header"),
		make: func(*hostileWorld) []byte {
			return mailOf("H023", "Testo H023", manyFields(1001-ownFields, "X-A: b")...)
		}},
	// They stand above the other fields, where servers write them; sender and subject are found all the same.
	{id: "H024", what: "100,000 Received fields", cause: ticketing.CauseLimits, auth: ticketing.AuthUnknown,
		make: func(*hostileWorld) []byte {
			return append([]byte(strings.Repeat("Received: from a.example by b.example; Sat, 21 Nov 2026 09:30:00 +0100\r\n", 100000)), mailOf("H024", "Testo H024")...)
		},
		check: func(t *testing.T, w *hostileWorld, r *hostileResult) {
			refusedBy("header")(t, w, r)
			if r.mail.Subject != "Prova H024" || !r.mail.Identity {
				t.Errorf("subject %q, identity %v", r.mail.Subject, r.mail.Identity)
			}
		}},
	{id: "H025", what: "no From", cause: ticketing.CauseBadSender, auth: ticketing.AuthNone, make: withField("H025", "From: -", "Return-Path: -"),
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			if r.mail.From != nil || r.mail.Identity {
				t.Errorf("a sender was found: %+v", r.mail.From)
			}
		}},
	{id: "H026", what: "two From fields", cause: ticketing.CauseBadSender, make: withField("H026", "from: Luca <luca@altro.example>"), check: noIdentity},
	{id: "H027", what: "From is a group", cause: ticketing.CauseBadSender, make: withField("H027", "From: Gruppo: maria@cliente.example;"), check: noIdentity},
	{id: "H028", what: "From: <> and no mark of a report", cause: ticketing.CauseBadSender, make: withField("H028", "From: <>"), check: noIdentity},
	{id: "H029", what: "NUL inside Subject", flags: "repaired", make: withField("H029", "Subject: Pro\x00va H029"), check: subjectIs("Prova H029")},
	{id: "H030", what: "bare CR in Subject followed by Bcc", flags: "repaired", make: withField("H030", "Subject: Prova H030\rBcc: x@bad.example"),
		check: func(t *testing.T, w *hostileWorld, r *hostileResult) {
			subjectIs("Prova H030 Bcc: x@bad.example")(t, w, r)
			for _, p := range r.mail.AllRecipients {
				if p.Parsed.Domain == "bad.example" {
					t.Errorf("recipient %v", p)
				}
			}
			if len(r.heard.Copied) > 0 {
				t.Errorf("copied %v", r.heard.Copied)
			}
		}},
	{id: "H031", what: "raw Latin-1 bytes in Subject", flags: "charset_guessed", make: withField("H031", "Subject: Perch\xe9 H031"), check: subjectIs("Perché H031")},
	{id: "H032", what: "first line of an mbox", flags: "repaired",
		make: func(*hostileWorld) []byte {
			return append([]byte("From maria Sat Nov 21 09:30:00 2026\r\n"), mailOf("H032", "Testo H032")...)
		}},
}

func noIdentity(t *testing.T, _ *hostileWorld, r *hostileResult) {
	t.Helper()
	if r.mail.Identity || r.heard.Identity {
		t.Error("it passes for somebody's mail")
	}
}

func subjectIs(want string) func(*testing.T, *hostileWorld, *hostileResult) {
	return func(t *testing.T, _ *hostileWorld, r *hostileResult) {
		t.Helper()
		if r.mail.Subject != want {
			t.Errorf("subject %.300q, want %q", r.mail.Subject, want)
		}
	}
}

// TestHeaderLimits: what is at a limit is read, what is beyond is not (security.md section 3).
func TestHeaderLimits(t *testing.T) {
	for _, c := range []struct {
		name  string
		raw   []byte
		cause ticketing.Cause
	}{
		{"1,000 fields", mailOf("H023", "Testo", manyFields(1000-ownFields, "X-A: b")...), ""},
		{"50 Received", mailOf("H024", "Testo", manyFields(49, "received: x")...), ""},
		{"51 Received", mailOf("H024", "Testo", manyFields(50, "received: x")...), ticketing.CauseLoop},
	} {
		if m := testReader(t).Read(c.raw); m.Quarantine != c.cause || m.Visible != "Testo" || m.Subject == "" {
			t.Errorf("%s: %q %q %q", c.name, m.Quarantine, m.Visible, m.Subject)
		}
	}
	for extra, cause := range map[int]ticketing.Cause{0: "", 1: ticketing.CauseLimits} {
		raw := mailOf("H022", "Testo", "X-Long: y")
		size := strings.Index(string(raw), "\r\n\r\n") + 2
		raw = mailOf("H022", "Testo", "X-Long: y"+strings.Repeat("x", 256<<10-size+extra))
		if m := testReader(t).Read(raw); m.Quarantine != cause {
			t.Errorf("256 KiB and %d: %q", extra, m.Quarantine)
		}
	}
}
