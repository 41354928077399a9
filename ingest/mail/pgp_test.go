package mail

import "testing"

func TestPGPInText(t *testing.T) {
	const signed = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nBuongiorno,\n- -- \n- -----\nMaria\n-----BEGIN PGP SIGNATURE-----\nVersion: x\n\niQEz\n=abcd\n-----END PGP SIGNATURE-----\n"
	for name, c := range map[string]struct {
		in, text  string
		encrypted bool
	}{
		"clear-signed":      {signed, "Buongiorno,\n-- \n-----\nMaria", false},
		"words around":      {"Prima.\n" + signed + "Dopo.\n", "Prima.\nBuongiorno,\n-- \n-----\nMaria\nDopo.", false},
		"cut off":           {"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nBuongiorno", "Buongiorno", false},
		"encrypted":         {"-----BEGIN PGP MESSAGE-----\n\nhQEM\n-----END PGP MESSAGE-----\n", "-----BEGIN PGP MESSAGE-----\n\nhQEM\n-----END PGP MESSAGE-----", true},
		"quoted, not a key": {"> -----BEGIN PGP SIGNED MESSAGE-----\nCiao\n", "> -----BEGIN PGP SIGNED MESSAGE-----\nCiao", false},
	} {
		m := testReader(t).Read(composeMail(c.in, "Content-Type: text/plain"))
		if m.Text != c.text || contains(m.Flags, "encrypted") != c.encrypted {
			t.Errorf("%s: %q, flags %v", name, m.Text, m.Flags)
		}
	}
}
