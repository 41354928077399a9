package mail

import (
	"slices"
	"testing"
)

// What hides and what does not (S20): "Testo." is what a reader sees of each.
func TestHTMLHidden(t *testing.T) {
	r := testReader(t)
	for _, c := range []struct {
		name, html string
		hidden     bool
	}{
		{"MJML sets the size within its cells anew", `<table><tr><td style="font-size:0px;padding:10px"><div style="font-family:Arial;font-size:13px">Testo.</div></td></tr></table>`, false},
		{"a share of no size is none", `<p>Testo.</p><div style="font-size:0"><span style="font-size:1em">no</span><b>no</b></div>`, true},
		{"a keyword is a size", `<div style="font-size:0"><span style="font-size:medium">Testo.</span></div>`, false},
		{"what is visible again", `<div style="visibility:hidden">no <span style="visibility:visible">Testo.</span> no</div>`, true},
		{"display hides whatever is within", `<p>Testo.</p><div style="display:none"><span style="display:block;font-size:20px;visibility:visible">no</span></div>`, true},
		{"mso-hide hides from Outlook alone", `<div style="mso-hide:all">Testo.</div>`, false},
		{"white is set anew", `<div style="color:#fff"><p style="color:#000">Testo.</p></div>`, false},
		{"white on a ground of a style sheet", `<style>.head{background-color:#003366}</style><div class="head"><span style="color:#ffffff">Testo.</span></div>`, false},
		{"white on a dark cell within", `<table style="color:white"><tr><td bgcolor="#000000">Testo.</td></tr></table>`, false},
		{"white on white", `<p>Testo.</p><p style="color:white">no</p>`, true},
		{"the ink ends with its element", `<span style="font-size:0">no</span>Testo.`, true},
		{"everything is hidden", `<div style="color:#ffffff"><p>Testo.</p></div>`, true},
		{"everything is of no size", `<div style="font-size:0">Testo.</div>`, true},
		{"a drawing that closes itself", `<svg width="1"/><p>Testo.</p>`, false},
		{"a script is never shown", `<script>no()</script><div style="display:none">Testo.</div>`, true},
	} {
		m := r.Read(composeMail(c.html, "Subject: x", "Content-Type: text/html; charset=utf-8"))
		if m.Visible != "Testo." {
			t.Errorf("%s: visible %q", c.name, m.Visible)
		}
		if hidden := slices.Contains(m.Flags, "hidden_text"); hidden != c.hidden {
			t.Errorf("%s: hidden_text is %v", c.name, hidden)
		}
	}
}
