package mail

import (
	"strings"
	"testing"
)

func TestUTF7(t *testing.T) {
	for in, want := range map[string]string{
		"perch+AOk- no":                  "perché no",
		"citt+AOA, qui":                  "città, qui",
		"1 +- 1 = 2":                     "1 + 1 = 2",
		"+ACI-bene+ACI-+ACE-":            `"bene"!`,
		"+ADw-script+AD4-":               "+ADw-script+AD4-", // markup stays hidden, as it came
		"+2D3cqQ-":                       "\U0001F4A9",
		"+2D0-":                          "+2D0-", // half a surrogate pair
		"+A":                             "+A",
		"tel. +39 06 12345":              "tel. +39 06 12345",
		"+AAA-":                          "+AAA-", // NUL
		"raw \xe9":                       "raw \uFFFD",
		strings.Repeat("+AOk-", 3) + "+": "ééé+",
	} {
		if got, guessed := decodeText([]byte(in), "UTF-7"); got != want || !guessed {
			t.Errorf("%q reads %q (guessed %v), want %q", in, got, guessed, want)
		}
	}
	if got := decodeWords("=?utf-7?Q?Citt+AOA-?=", nil); got != "Città" {
		t.Errorf("encoded word: %q", got)
	}
}
