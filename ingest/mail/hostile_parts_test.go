package mail

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// textParts is n text parts, the first with the row's text, the others with what f says.
func textParts(id string, n int, f func(i int) string) func(*hostileWorld) []byte {
	return func(*hostileWorld) []byte {
		return asText(id, "mixed", "b", repeated(n-1, func(i int) string { return "--b\n\n" + f(i+2) + "\n" }))
	}
}

func empty(int) string { return "" }

func paragraph(i int) string { return fmt.Sprintf("Testo %d", i) }

// paragraphs is the text of the first n text parts.
func paragraphs(id string, n int) string {
	return "Testo " + id + repeated(n-1, func(i int) string { return "\n\n" + paragraph(i+2) })
}

// firstFiles are the names of the first 20 of many files.
func firstFiles(ending string) string {
	return strings.TrimSpace(repeated(20, func(i int) string { return fmt.Sprintf("f%d.%s ", i+1, ending) }))
}

var hostileParts = []hostileMail{
	{id: "H013", what: "201 text parts", cause: ticketing.CauseLimits, make: textParts("H013", 201, paragraph), visible: paragraphs("H013", 200), check: refusedBy("parts")},
	{id: "H014", what: "10,000 text parts", cause: ticketing.CauseLimits, make: textParts("H014", 10000, paragraph), visible: paragraphs("H014", 200), check: refusedBy("parts")},
	{id: "H015", what: "100,000 empty parts", cause: ticketing.CauseLimits, make: textParts("H015", 100001, empty), check: refusedBy("parts")},
	{id: "H016", what: "1,000,000 parts in 9 MB", cause: ticketing.CauseLimits, make: textParts("H016", 1000000, empty), check: refusedBy("parts")},
	{id: "H017", what: "preamble of 1,000,000 lines, then one text part",
		make: func(*hostileWorld) []byte {
			return mailOf("H017", strings.Repeat("x\n", 1000000)+"--b\n\nTesto H017\n--b--\n", "Content-Type: multipart/mixed; boundary=b")
		}},
	{id: "H018", what: "one text, 150 attachments of one byte", files: firstFiles("bin"), flags: "attachments_cut",
		make: func(*hostileWorld) []byte {
			return asText("H018", "mixed", "b", repeated(150, func(i int) string {
				return fmt.Sprintf("--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=f%d.bin\n\nx\n", i+1)
			}))
		}},
	{id: "H019", what: "one HTML, 150 cid images", files: firstFiles("png"), flags: "attachments_cut",
		make: func(*hostileWorld) []byte {
			html := "--b\nContent-Type: text/html\n\n<p>Testo H019</p>" + repeated(150, func(i int) string { return fmt.Sprintf("<img src=\"cid:f%d@x.example\">\n", i+1) })
			return mailOf("H019", html+repeated(150, func(i int) string {
				return fmt.Sprintf("--b\nContent-Type: image/png; name=f%d.png\nContent-ID: <f%d@x.example>\n\nx\n", i+1, i+1)
			})+"--b--\n", "Content-Type: multipart/related; boundary=b")
		},
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			if slices.ContainsFunc(r.mail.Attachments, func(f File) bool { return !f.Inline }) {
				t.Error("not all files are inline")
			}
		}},
	{id: "H020", what: "one attachment with 5,000 filename parameters, the first a.txt", files: "a.txt", flags: "repaired",
		make: func(*hostileWorld) []byte {
			return asText("H020", "mixed", "b", "--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt"+strings.Repeat("; filename=b.txt", 4999)+"\n\nx\n")
		}},
}

// TestPartsLimit: 200 parts are read (security.md section 3).
func TestPartsLimit(t *testing.T) {
	if m := testReader(t).Read(textParts("H013", 200, paragraph)(nil)); m.Quarantine != "" || len(m.Flags) > 0 || m.Visible != paragraphs("H013", 200) {
		t.Errorf("200 parts: %s %v %.100q", m.Quarantine, m.Flags, m.Visible)
	}
}
