package mail

import "strings"

const (
	pgpSigned    = "-----BEGIN PGP SIGNED MESSAGE-----"
	pgpSignature = "-----BEGIN PGP SIGNATURE-----"
	pgpEnd       = "-----END PGP SIGNATURE-----"
	pgpMessage   = "-----BEGIN PGP MESSAGE-----"
)

// readPGP takes the words out of a clear-signed text (RFC 9580 section 7) and flags an encrypted one. Nothing is verified.
func (m *Mail) readPGP(s string) string {
	if !strings.Contains(s, "-----BEGIN PGP ") {
		return s
	}
	var b strings.Builder
	const (
		outside = iota
		hashes  // "Hash: …" down to the empty line
		words
		signature
	)
	state := outside
	for line := range strings.Lines(s) {
		bare := strings.TrimRight(line, " \t\r\n")
		switch {
		case state == outside && bare == pgpSigned:
			state = hashes
			continue
		case state == hashes:
			if bare == "" {
				state = words
			}
			continue
		case state == words && bare == pgpSignature:
			state = signature
			continue
		case state == signature:
			if bare == pgpEnd {
				state = outside
			}
			continue
		case state == words:
			line = strings.TrimPrefix(line, "- ")
		case bare == pgpMessage:
			m.flag("encrypted")
		}
		b.WriteString(line)
	}
	return b.String()
}
