package mail

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// nestedMail is n multiparts inside each other, each closed, with the text in the outermost and something in the innermost.
func nestedMail(id string, n int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "--b1\n\nTesto %s\n", id)
	for i := 2; i <= n; i++ {
		fmt.Fprintf(&b, "--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i-1, i)
	}
	fmt.Fprintf(&b, "--b%d\n\n\n", n)
	for i := n; i > 0; i-- {
		fmt.Fprintf(&b, "--b%d--\n", i)
	}
	return mailOf(id, b.String(), "Content-Type: multipart/mixed; boundary=b1")
}

// nestedMessages is a mail of n mails inside each other with the text in the innermost.
func nestedMessages(id string, n int) []byte {
	return mailOf(id, strings.Repeat("Content-Type: message/rfc822\n\n", n-1)+"Content-Type: text/plain\n\nTesto "+id+"\n", "Content-Type: message/rfc822")
}

func nestedHow(n int) func(id string) func(*hostileWorld) []byte {
	return func(id string) func(*hostileWorld) []byte {
		return func(*hostileWorld) []byte { return nestedMail(id, n) }
	}
}

// asText is a multipart whose first part is the row's text and whose other parts follow as given.
func asText(id, subtype, boundary, rest string, fields ...string) []byte {
	return mailOf(id, "--"+boundary+"\n\nTesto "+id+"\n"+rest+"--"+boundary+"--\n", append(fields, "Content-Type: multipart/"+subtype+"; boundary=\""+boundary+"\"")...)
}

var hostileNesting = []hostileMail{
	{id: "H001", what: "multipart/mixed nested 11 deep", make: nestedHow(11)("H001"), cause: ticketing.CauseLimits, check: refusedBy("depth")},
	{id: "H002", what: "the same, 100 deep", make: nestedHow(100)("H002"), cause: ticketing.CauseLimits, check: refusedBy("depth")},
	{id: "H003", what: "the same, 1,000 deep", make: nestedHow(1000)("H003"), cause: ticketing.CauseLimits, check: refusedBy("depth")},
	{id: "H004", what: "the same, 4,000 deep", make: nestedHow(4000)("H004"), cause: ticketing.CauseLimits, check: refusedBy("depth")},
	{id: "H005", what: "the same, 10,000 deep", make: nestedHow(10000)("H005"), cause: ticketing.CauseLimits, check: refusedBy("depth")},
	// The mail inside is an attachment (mail.md 2.3), which the row does not mention, here and in H007.
	{id: "H006", what: "message/rfc822 nested 100,000 deep; a 1,000-deep twin gives the same", cause: ticketing.CauseLimits, files: "part-1.eml",
		make: func(*hostileWorld) []byte { return nestedMessages("H006", 100000) },
		check: func(t *testing.T, w *hostileWorld, r *hostileResult) {
			twin := w.reader.Read(nestedMessages("H006", 1000))
			if twin.Visible != r.mail.Visible || twin.Quarantine != r.mail.Quarantine || strings.Join(twin.Flags, " ") != strings.Join(r.mail.Flags, " ") {
				t.Errorf("the twin: %q %s %v", twin.Visible, twin.Quarantine, twin.Flags)
			}
			refusedBy("depth")(t, w, r)
		}},
	{id: "H007", what: "multipart and message/rfc822 alternating, 1,000 deep", cause: ticketing.CauseLimits, files: "part-3.eml",
		make: func(*hostileWorld) []byte {
			var b strings.Builder
			for i := range 500 {
				fmt.Fprintf(&b, "--b%d\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i+1)
			}
			return mailOf("H007", "--b0\n\nTesto H007\n"+b.String()+"--b500\n\n\n"+repeated(501, func(i int) string { return fmt.Sprintf("--b%d--\n", 500-i) }),
				"Content-Type: multipart/mixed; boundary=b0")
		}, check: refusedBy("depth")},
	{id: "H008", what: "multipart never closed, end of data inside a part", flags: "repaired",
		make: func(*hostileWorld) []byte {
			return mailOf("H008", "--b\n\nTesto H008", "Content-Type: multipart/mixed; boundary=b")
		}},
	{id: "H009", what: "child boundary is a prefix of the parent's", files: "interno.txt",
		make: func(*hostileWorld) []byte {
			return asText("H009", "mixed", "bb", "--bb\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=interno.txt\n\nx\n--b--\n")
		}},
	{id: "H010", what: "child uses the parent's boundary", flags: "repaired",
		make: func(*hostileWorld) []byte {
			return mailOf("H010", "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nTesto H010\n--b--\n--b--\n", "Content-Type: multipart/mixed; boundary=b")
		}},
	{id: "H011", what: `boundary=""`, flags: "repaired",
		make: func(*hostileWorld) []byte {
			return mailOf("H011", "--\n\nTesto H011\n----\n", `Content-Type: multipart/mixed; boundary=""`)
		}},
	{id: "H012", what: "boundary of 1,000 characters", flags: "repaired",
		make: func(*hostileWorld) []byte { return asText("H012", "mixed", strings.Repeat("b", 1000), "") }},
}

// refusedBy asserts which limit ended in quarantine.
func refusedBy(limit string) func(*testing.T, *hostileWorld, *hostileResult) {
	return func(t *testing.T, _ *hostileWorld, r *hostileResult) {
		t.Helper()
		if r.mail.QuarantineReason != limit {
			t.Errorf("refused by %q, want %q", r.mail.QuarantineReason, limit)
		}
	}
}

// TestNestingLimit: ten levels are read (security.md section 3).
func TestNestingLimit(t *testing.T) {
	if m := testReader(t).Read(nestedMail("H001", 10)); m.Quarantine != "" || len(m.Flags) > 0 {
		t.Errorf("10 levels: %s %s %v", m.Quarantine, m.QuarantineReason, m.Flags)
	}
}
