package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestSearchPage: customers may search before they write; what they searched for travels with the mail, nothing changes, and nothing that is
// typed is taken for markup.
func TestSearchPage(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{noSlack: true})
	tr.imports()
	get := func(query string) string {
		t.Helper()
		code, page := tr.fetch(http.MethodGet, tr.web+"/kb"+query)
		if code != http.StatusOK {
			t.Fatalf("GET /kb%s: %d", query, code)
		}
		return page
	}
	if page := get("?lang=it"); !strings.Contains(page, "Come possiamo aiutarti?") || strings.Contains(page, "mailto:") {
		t.Errorf("before the first search:\n%s", page)
	}
	page := get("?lang=it&q=" + url.QueryEscape("la stampante non stampa"))
	if !strings.Contains(page, `href="/kb/it/stampante-ferma"`) || !strings.Contains(page, `href="mailto:`+deskAddress+`?subject=la%20stampante%20non%20stampa"`) || !strings.Contains(page, `value="la stampante non stampa"`) {
		t.Errorf("after a search:\n%s", page)
	}
	if page := get("?lang=it&q=" + url.QueryEscape("aiuto&bcc=eve@bad.example&body=x")); !strings.Contains(page, "?subject=aiuto%26bcc%3Deve%40bad.example%26body%3Dx") {
		t.Errorf("a search adds fields to the customer's mail:\n%s", page)
	}
	if page := get("?lang=en&q=stampante"); !strings.Contains(page, `lang="it" hreflang="it"><strong>Stampante termica ferma`) || !strings.Contains(page, "These articles may help") {
		t.Errorf("an article in the other language:\n%s", page)
	}
	if page := get("?lang=it&q=zzzz"); !strings.Contains(page, "Nessun articolo risponde") {
		t.Errorf("nothing found:\n%s", page)
	}
	hostile := get("?q=" + url.QueryEscape("<script>alert(1)</script>\r\nBcc: x@y.example\x00"+strings.Repeat("è", 2000)))
	if strings.Contains(hostile, "<script") || strings.Contains(hostile, "%0D") || strings.Contains(hostile, "%0A") || strings.Contains(hostile, "%00") || strings.Contains(hostile, strings.Repeat("è", maxShown+1)) {
		t.Errorf("hostile words:\n%s", hostile)
	}
	if tr.tickets() != 0 || len(tr.outgoing("")) != 0 {
		t.Error("searching changed something")
	}
}

const maxShown = 500
