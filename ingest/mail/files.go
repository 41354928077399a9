package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
	"github.com/sportello/sportello/ticketing"
)

func contentID(e *entity) string {
	id := strings.Trim(strings.TrimSpace(e.header.get("content-id")), "<> ")
	if len(id) > maxContentID || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl) {
		return ""
	}
	return id
}

const maxContentID = 998

func (m *Mail) listFiles(parts []*entity, cids map[string]bool, limits Limits) {
	total := int64(0)
	for _, f := range m.Attachments {
		total += f.Size
	}
	for _, e := range parts {
		if m.PEC != nil && m.PEC.Envelope != "" && e.fileName() == "smime.p7s" {
			continue
		}
		if len(m.Attachments) >= limits.Files {
			m.flag("attachments_cut")
			return
		}
		f := File{ContentType: e.ctype, ContentID: contentID(e), Size: e.decodedSize(), part: e}
		if total += f.Size; total > limits.FileBytes {
			m.flag("attachments_cut")
			return
		}
		if !e.declared && e.ctype == "text/plain" || e.ctype == "application/octet-stream" || f.ContentType == "" {
			b, _ := e.decode(3072)
			f.ContentType = sniff(b)
		}
		name := e.fileName()
		if e.params.repaired || e.dparams.repaired {
			m.flag("repaired")
		}
		f.FileName = ticketing.CleanFileName(name, e.number)
		if name == "" {
			f.FileName += extension(f.ContentType)
		}
		f.Inline = f.ContentID != "" && cids[f.ContentID] || e.disp == "inline" && strings.HasPrefix(e.ctype, "image/")
		m.Attachments = append(m.Attachments, f)
	}
}

func sniff(b []byte) string {
	t, _, _ := strings.Cut(mimetype.Detect(b).String(), ";")
	return t
}

func extension(ctype string) string {
	switch ctype {
	case "message/rfc822", "message/global":
		return ".eml"
	case "text/plain", "message/delivery-status", "text/rfc822-headers", "message/disposition-notification", "message/feedback-report":
		return ".txt"
	case "text/html":
		return ".html"
	case "text/calendar":
		return ".ics"
	case "image/jpeg", "image/jpg":
		return ".jpg"
	case "application/pkcs7-signature", "application/x-pkcs7-signature":
		return ".p7s"
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		return ".p7m"
	case "application/pgp-signature":
		return ".asc"
	}
	if t := mimetype.Lookup(ctype); t != nil && t.Extension() != "" {
		return t.Extension()
	}
	return ".bin"
}
