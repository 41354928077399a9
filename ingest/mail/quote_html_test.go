package mail

import "testing"

// htmlReplies are answers as mail programs write them in HTML. Above the quotation stands "Nuovo testo.", which must be all that is new.
var htmlReplies = []struct{ name, html string }{
	{"Gmail", `<div dir="ltr">Nuovo testo.</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">Il giorno mar 8 nov 2026 alle ore 10:00 Assistenza &lt;<a href="mailto:help@example.com">help@example.com</a>&gt; ha scritto:<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex"><div>Buongiorno,<br>ecco la risposta.</div></blockquote></div>`},
	{"Gmail, older", `<div dir="ltr">Nuovo testo.</div><div class="gmail_extra"><br><div class="gmail_quote">On Sun, Nov 8, 2026 at 10:00 AM, Support <span dir="ltr">&lt;help@example.com&gt;</span> wrote:<br><blockquote class="gmail_quote">Here it is.</blockquote></div></div>`},
	{"Outlook", `<div class="WordSection1"><p class="MsoNormal">Nuovo testo.<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b>Da:</b> Assistenza &lt;help@example.com&gt; <br><b>Inviato:</b> domenica 8 novembre 2026 10:00<br><b>A:</b> Maria<br><b>Oggetto:</b> x</p></div></div><p class="MsoNormal">Ecco la risposta.</p></div>`},
	{"Outlook, Croatian", `<p class="MsoNormal">Nuovo testo.</p><div><div style="border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b>Šalje:</b> Podrška &lt;help@example.com&gt; <br><b>Poslano:</b> 8. studenoga 2026. 10:00<br><b>Prima:</b> Maria<br><b>Predmet:</b> x</p></div></div><p class="MsoNormal">Evo odgovora.</p>`},
	{"Outlook on the web", `<div style="font-family: Calibri">Nuovo testo.</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri"><b>From:</b> Support &lt;help@example.com&gt;<br><b>Sent:</b> Sunday, November 8, 2026 10:00<br><b>To:</b> Maria<br><b>Subject:</b> x</font><div>&nbsp;</div></div><div>Here it is.</div>`},
	{"Outlook on a phone", `<div>Nuovo testo.</div><div id="ms-outlook-mobile-signature">Inviato da <a href="https://aka.ms/o0ukef">Outlook per iOS</a></div><div id="mail-editor-reference-message-container"><hr><div><b>Da:</b> Assistenza &lt;help@example.com&gt;<br><b>Data:</b> domenica 8 novembre 2026<br><b>A:</b> Maria<br><b>Oggetto:</b> x</div><div>Ecco.</div></div>`},
	{"Apple Mail", `<html><body style="overflow-wrap: break-word;">Nuovo testo.<br><div><br><blockquote type="cite"><div>Il giorno 8 nov 2026, alle ore 10:00, Assistenza &lt;help@example.com&gt; ha scritto:</div><br class="Apple-interchange-newline"><div>Ecco la risposta.</div></blockquote></div></body></html>`},
	{"iPhone", `<html><body dir="auto">Nuovo testo.<br><br><div dir="ltr">Inviato da iPhone</div><div dir="ltr"><br><blockquote type="cite">Il giorno 8 nov 2026, alle ore 10:00, Assistenza &lt;help@example.com&gt; ha scritto:<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">Ecco la risposta.</div></blockquote></body></html>`},
	{"Thunderbird", `<p>Nuovo testo.</p><div class="moz-cite-prefix">Il 08/11/2026 10:00, Assistenza ha scritto:<br></div><blockquote type="cite" cite="mid:a@example.com"><p>Ecco la risposta.</p></blockquote>`},
	{"Thunderbird with a signature", `<p>Nuovo testo.</p><div class="moz-cite-prefix">On 08/11/2026 10:00, Support wrote:<br></div><blockquote type="cite"><p>Here.</p></blockquote><pre class="moz-signature" cols="72">-- 
Maria Verdi</pre>`},
	{"Yahoo", `<div>Nuovo testo.</div><div id="yahoo_quoted_123" class="yahoo_quoted"><div>Il domenica 8 novembre 2026 alle ore 10:00:00 CET, Assistenza &lt;help@example.com&gt; ha scritto: </div><div>Ecco la risposta.</div></div>`},
	{"Proton", `<div>Nuovo testo.</div><div class="protonmail_quote">On Sunday, November 8th, 2026 at 10:00 AM, Support &lt;help@example.com&gt; wrote:<br><blockquote class="protonmail_quote" type="cite">Here.</blockquote></div>`},
	{"Zoho", `<div>Nuovo testo.</div><div class="zmail_extra"><div>---- On Sun, 08 Nov 2026 10:00:00 +0100 <b>Support &lt;help@example.com&gt;</b> wrote ---</div><blockquote>Here.</blockquote></div>`},
	{"Tuta", `<div>Nuovo testo.</div><div>8 nov 2026, 10:00 da help@example.com:</div><blockquote class="tutanota_quote">Ecco.</blockquote>`},
	{"GMX", `<div>Nuovo testo.</div><div>&nbsp;</div><div name="quote" style="margin:10px 5px 5px 10px;border-left:2px solid #C3D9E5;"><div><b>Gesendet:</b>&nbsp;Sonntag, 08. November 2026 um 10:00 Uhr<br><b>Von:</b>&nbsp;"Hilfe" &lt;help@example.com&gt;<br><b>An:</b>&nbsp;me@example.org<br><b>Betreff:</b>&nbsp;x</div><div>Hier.</div></div>`},
	{"Roundcube", `<p>Nuovo testo.</p><p id="reply-intro">Il 2026-11-08 10:00 Assistenza ha scritto:</p><blockquote type="cite" style="padding: 0 0.4em; border-left: #1010ff 2px solid"><div>Ecco.</div></blockquote>`},
	{"web mail of a provider", `<p>Nuovo testo.</p><hr><p>Da: "Assistenza" help@example.com<br>A: me@example.org<br>Cc: <br>Data: Sun, 8 Nov 2026 10:00:00 +0100<br>Oggetto: x</p><p>Ecco.</p>`},
}

func TestHTMLReplies(t *testing.T) {
	r := testReader(t)
	for _, c := range htmlReplies {
		m := r.Read(composeMail(c.html, "Subject: Re: x", "Content-Type: text/html; charset=utf-8"))
		if m.Visible != "Nuovo testo." {
			t.Errorf("%s: visible %q", c.name, m.Visible)
		}
		checkPartition(t, m)
	}
	// What looks like their marks and is the writer's own stays.
	for name, html := range map[string]string{
		"a table with a border":  `<p>Ordine:</p><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p>Articolo: carta<br>Quantità: 10<br>Colore: bianco<br>Note: nessuna</p></div><p>Grazie</p>`,
		"a quotation of its own": `<div>Il manuale dice:<blockquote class="gmail_quote">Premere il tasto rosso.</blockquote></div>`,
		"a rule amid words":      `<p>Primo.</p><hr><p>Secondo.</p>`,
	} {
		m := r.Read(composeMail(html, "Subject: Re: x", "Content-Type: text/html; charset=utf-8"))
		if m.Elided != "" {
			t.Errorf("%s: visible %q, elided %q", name, m.Visible, m.Elided)
		}
	}
}
