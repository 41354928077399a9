package mail

import (
	"strings"
	"testing"
)

func TestAnswerGuard(t *testing.T) {
	const mailWithTrap = "* CAPABILITY (x\r\n[CAPABILITY ((\r\n"
	tests := []struct {
		name, answers string
		ok            bool
	}{
		{"ordinary", "* OK [CAPABILITY IMAP4rev1 IDLE] Dovecot (Debian) ready.\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nT1 OK (done)\r\n", true},
		{"parenthesis in the list", "* CAPABILITY IMAP4rev1 (IDLE)\r\n", false},
		{"in a greeting", "* OK [CAPABILITY a (DLE", false},
		{"in a tagged answer, lower case", "T7 OK [capability a  (", false},
		{"list without end", "* CAPABILITY " + strings.Repeat("A ", maxGuarded), false},
		{"inside a mail", "* 1 FETCH (UID 1 BODY[] {33}\r\n" + mailWithTrap + ")\r\nT2 OK x\r\n", true},
		{"after a mail", "* 1 FETCH (UID 1 BODY[] {33}\r\n" + mailWithTrap + ")\r\n" + mailWithTrap, false},
		{"after two literals", "* 1 FETCH (A {3}\r\nabc BODY[] {33}\r\n" + mailWithTrap + ")\r\n* CAPABILITY (", false},
		{"behind a literal nobody asked for", "* OK hello {33}\r\n" + mailWithTrap, false},
	}
	for _, test := range tests {
		for _, step := range []int{1, 7, len(test.answers)} {
			var g answerGuard
			var err error
			for rest := []byte(test.answers); len(rest) > 0 && err == nil; rest = rest[min(step, len(rest)):] {
				err = g.check(rest[:min(step, len(rest))])
			}
			if (err == nil) != test.ok {
				t.Errorf("%s, %d bytes at a time: %v", test.name, step, err)
			}
		}
	}
}
