package mail

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

func der(tag byte, content ...[]byte) []byte {
	b := bytes.Join(content, nil)
	head := []byte{tag}
	switch n := len(b); {
	case n < 0x80:
		head = append(head, byte(n))
	case n < 0x10000:
		head = append(head, 0x82, byte(n>>8), byte(n))
	default:
		head = append(head, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(head, b...)
}

// ber writes an element of indefinite length, as streaming signers do.
func ber(tag byte, content ...[]byte) []byte {
	return append(append([]byte{tag, 0x80}, bytes.Join(content, nil)...), 0, 0)
}

var (
	oidSigned = der(0x06, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02})
	oidData   = der(0x06, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01})
	oidOther  = der(0x06, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03})
)

func signedDER(content string) []byte {
	return der(0x30, oidSigned, der(0xa0, der(0x30, der(0x02, []byte{1}), der(0x31, der(0x30, oidData)), der(0x30, oidData, der(0xa0, der(0x04, []byte(content)))), der(0x31, der(0x30, der(0x02, []byte{1}))))))
}

func signedBER(content string, piece int) []byte {
	var pieces [][]byte
	for len(content) > piece {
		pieces = append(pieces, der(0x04, []byte(content[:piece])))
		content = content[piece:]
	}
	pieces = append(pieces, der(0x04, []byte(content)))
	return ber(0x30, oidSigned, ber(0xa0, ber(0x30, der(0x02, []byte{1}), der(0x31, der(0x30, oidData)), ber(0x30, oidData, ber(0xa0, ber(0x24, pieces...))), der(0x31))))
}

const signedInside = "Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\nContent-Type: text/plain\r\n\r\nFirmato da me.\r\n--in\r\nContent-Type: application/pdf; name=atto.pdf\r\n\r\n%PDF\r\n--in--\r\n"

func signedMail(data []byte, contentType string, fields ...string) []byte {
	b64 := base64.StdEncoding.EncodeToString(data)
	var body strings.Builder
	for len(b64) > 76 {
		body.WriteString(b64[:76] + "\n")
		b64 = b64[76:]
	}
	body.WriteString(b64 + "\n")
	return composeMail(body.String(), append([]string{"Content-Type: " + contentType, "Content-Transfer-Encoding: base64", "Content-Disposition: attachment; filename=smime.p7m"}, fields...)...)
}

const opaque = "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"

func TestOpaqueSignatures(t *testing.T) {
	long := strings.Replace(signedInside, "Firmato", strings.Repeat("molte parole ", 20000)+"Firmato", 1)
	for name, c := range map[string]struct {
		raw     []byte
		visible string
	}{
		"DER":               {signedMail(signedDER(signedInside), opaque), "Firmato da me."},
		"BER in pieces":     {signedMail(signedBER(signedInside, 30), opaque), "Firmato da me."},
		"old type":          {signedMail(signedDER(signedInside), "application/x-pkcs7-mime; name=smime.p7m"), "Firmato da me."},
		"known by its name": {signedMail(signedDER(signedInside), "application/octet-stream; name=smime.p7m"), "Firmato da me."},
		"signed twice":      {signedMail(signedDER("Content-Type: "+opaque+"\r\nContent-Transfer-Encoding: binary\r\n\r\n"+string(signedBER(signedInside, 1000))), opaque), "Firmato da me."},
		"long":              {signedMail(signedBER(long, 4096), opaque), ""},
		"cut off":           {signedMail(signedDER(signedInside)[:len(signedDER(signedInside))-60], opaque), "Firmato da me."},
	} {
		m := testReader(t).Read(c.raw)
		if name != "cut off" && (c.visible != "" && m.Visible != c.visible || !strings.HasSuffix(m.Visible, "Firmato da me.")) || !strings.Contains(m.Visible, "Firmato da me.") {
			t.Errorf("%s: visible %q", name, m.Visible)
		}
		if name != "cut off" && (len(m.Attachments) != 1 || m.Attachments[0].FileName != "atto.pdf") || contains(m.Flags, "encrypted") {
			t.Errorf("%s: files %+v, flags %v", name, m.Attachments, m.Flags)
		}
	}
	for name, raw := range map[string][]byte{
		"garbage":              signedMail([]byte("this is not CMS at all"), opaque),
		"another content type": signedMail(der(0x30, oidOther, der(0xa0, der(0x30))), opaque),
		"detached":             signedMail(der(0x30, oidSigned, der(0xa0, der(0x30, der(0x02, []byte{1}), der(0x31), der(0x30, oidData)))), opaque),
		"a signed document":    signedMail(signedDER("%PDF-1.4 no mail"), opaque),
		"empty":                signedMail(nil, opaque),
	} {
		m := testReader(t).Read(raw)
		if m.Visible != "" || len(m.Attachments) != 1 || m.Attachments[0].FileName != "smime.p7m" {
			t.Errorf("%s: visible %q, files %+v", name, m.Visible, m.Attachments)
		}
	}
	// A signed contract beside a text is a file like any other.
	m := testReader(t).Read(composeMail("--b\nContent-Type: text/plain\n\nEcco.\n--b\nContent-Type: application/pkcs7-mime; name=contratto.pdf.p7m\nContent-Disposition: attachment; filename=contratto.pdf.p7m\n\n"+
		string(signedDER(signedInside))+"\n--b--\n", "Content-Type: multipart/mixed; boundary=b"))
	if m.Visible != "Ecco." || len(m.Attachments) != 1 || m.Attachments[0].FileName != "contratto.pdf.p7m" {
		t.Errorf("a signed contract: %q %+v", m.Visible, m.Attachments)
	}
}

// The envelope of certified mail may be signed opaquely too (PEC2).
func TestPECInPKCS7(t *testing.T) {
	data := strings.ReplaceAll(daticertXML("posta-certificata", "nessuno", ""), "assistenza@example.com", "maria@pec.cliente.example")
	whole := strings.ReplaceAll(string(pecMail(data, innerMail)), "\r\n", "\n")
	mixed := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + whole[strings.Index(whole, "--b\n"):strings.Index(whole, "--b--")] + "--b--\r\n"
	for name, signed := range map[string][]byte{"DER": signedDER(mixed), "BER": signedBER(mixed, 500)} {
		m := testReader(t).Read(signedMail(signed, opaque, "X-Trasporto: posta-certificata", "From: \"Per conto di: maria@pec.cliente.example\" <posta-certificata@pec.example.it>",
			"Authentication-Results: mx.example.com; dmarc=pass header.from=pec.example.it"))
		if m.PEC == nil || !m.PEC.Certified || m.Auth != ticketing.AuthPass || m.From.Address != "maria@pec.cliente.example" || m.Visible != "Ho ricevuto una fattura errata." || len(m.Attachments) != 1 {
			t.Errorf("%s: %+v, auth %s, from %+v, visible %q, files %+v", name, m.PEC, m.Auth, m.From, m.Visible, m.Attachments)
		}
	}
	receipt := "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nRicevuta\r\n--b\r\nContent-Type: application/xml; name=daticert.xml\r\n\r\n" +
		daticertXML("avvenuta-consegna", "nessuno", "<consegna>maria@pec.cliente.example</consegna>") + "\r\n--b--\r\n"
	m := testReader(t).Read(signedMail(signedDER(receipt), opaque, "X-Ricevuta: avvenuta-consegna", "From: posta-certificata@pec.example.it"))
	if m.Kind != ticketing.KindPECReceipt || m.PEC.MessageID != "<a1@example.com>" {
		t.Errorf("a receipt: kind %s, %+v", m.Kind, m.PEC)
	}
}

func FuzzPKCS7(f *testing.F) {
	f.Add(signedDER(signedInside))
	f.Add(signedBER(signedInside, 40))
	f.Add(bytes.Repeat([]byte{0x30, 0x80}, 100))
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		start := time.Now()
		content, ok := signedContent(b)
		if len(content) > len(b) || ok && len(content) == 0 {
			t.Errorf("%d octets out of %d", len(content), len(b))
		}
		if time.Since(start) > 5*time.Second {
			t.Error("does not end")
		}
	})
}
