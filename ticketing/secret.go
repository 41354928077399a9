package ticketing

import (
	"crypto/subtle"
	"fmt"
)

// Secret is a password, token or key. It prints as *** wherever it is printed (security.md S50); Reveal is the one way to its value.
type Secret struct{ value string }

// NewSecret makes a secret.
func NewSecret(v string) Secret { return Secret{v} }

// Reveal returns the value, for the one place that needs it.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether no value is set.
func (s Secret) IsZero() bool { return s.value == "" }

// Equal compares in constant time.
func (s Secret) Equal(v string) bool {
	return subtle.ConstantTimeCompare([]byte(s.value), []byte(v)) == 1
}

func (s Secret) hidden() string {
	if s.value == "" {
		return ""
	}
	return "***"
}

// String implements fmt.Stringer.
func (s Secret) String() string { return s.hidden() }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.hidden() }

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.hidden())) }

// MarshalText implements encoding.TextMarshaler, and with it JSON, YAML and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.hidden()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
