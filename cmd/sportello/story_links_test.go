package main

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// storyLinks: a scanner opens every link of every letter, twice, and nothing happens. A press of the button does what it says, once.
func storyLinks(tr *trial) {
	t := tr.t
	tr.imports()
	in, _ := tr.asks()
	links := func() (found []string) {
		for _, s := range tr.post.sent(t) {
			for _, p := range parts(t, s.raw) {
				for _, m := range regexp.MustCompile(`https?://[^\s"'<>)]+`).FindAllString(string(p.data), -1) {
					m = strings.TrimRight(strings.ReplaceAll(m, "&amp;", "&"), ".,;:")
					if !strings.HasPrefix(m, tr.web+"/") {
						t.Errorf("a letter links to %s", m)
					} else if !slices.Contains(found, m) {
						found = append(found, m)
					}
				}
			}
		}
		return found
	}
	state := func() (s ticketing.SuggestionState) {
		tr.view(func(tx ticketing.Tx) error {
			o, err := tx.OpenSuggestion(tr.ctx, in.Thread)
			s = o.State
			if err != nil {
				s = "over"
			}
			return nil
		})
		return s
	}
	tr.settle()
	before := len(tr.outgoing(""))
	all := links()
	if len(all) < 2 {
		t.Fatalf("the offer links to %v", all)
	}
	pages := map[string]string{}
	for range 2 {
		for _, link := range all {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				code, page := tr.fetch(method, link)
				if code != http.StatusOK {
					t.Errorf("%s %s: %d", method, link, code)
				}
				if method == http.MethodGet {
					pages[link] = page
				}
			}
		}
	}
	if state() != ticketing.SuggestionOpen || tr.tickets() != 0 || len(tr.outgoing("")) != before {
		t.Fatalf("opening links changed something: the offer is %s, %d tickets, %d rows", state(), tr.tickets(), len(tr.outgoing(""))-before)
	}
	forms := regexp.MustCompile(`(?s)<form[^>]*action="([^"]+)"[^>]*>`)
	var actions []string
	for _, page := range pages {
		for _, m := range forms.FindAllStringSubmatch(page, -1) {
			if !strings.Contains(strings.ToLower(m[0]), `method="post"`) {
				t.Errorf("the form is not a POST: %s", m[0])
			}
			if !slices.Contains(actions, m[1]) {
				actions = append(actions, m[1])
			}
		}
	}
	if len(actions) != 2 {
		t.Fatalf("the pages have the forms %v", actions)
	}
	// The forms' addresses change nothing when they are opened either.
	for _, a := range actions {
		if code, _ := tr.fetch(http.MethodGet, tr.web+a); code != http.StatusOK {
			t.Errorf("GET %s: %d", a, code)
		}
	}
	if state() != ticketing.SuggestionOpen {
		t.Fatal("opening a form's address ended the offer")
	}
	// A page elsewhere cannot press for the customer.
	r, err := http.NewRequestWithContext(tr.ctx, http.MethodPost, tr.web+actions[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden || state() != ticketing.SuggestionOpen {
		t.Errorf("a press from elsewhere: %d, the offer is %s", answer.StatusCode, state())
	}
	// The button that asks for a person, pressed twice; then the other one.
	no := actions[0]
	if page := onlyWith(pages, "/offer/"); strings.Index(page, actions[1]) > strings.Index(page, actions[0]) {
		no = actions[1] // the page shows yes first
	}
	for range 2 {
		if code, _ := tr.fetch(http.MethodPost, tr.web+no); code != http.StatusOK {
			t.Errorf("POST %s: %d", no, code)
		}
	}
	for _, a := range actions {
		_, _ = tr.fetch(http.MethodPost, tr.web+a)
	}
	tr.settle()
	if tr.tickets() != 1 || state() != "over" {
		t.Errorf("after the press there are %d tickets and the offer is %s", tr.tickets(), state())
	}
	tr.letter(maria, ticketing.LetterOpened, 1)
	tr.settle()
	if n := len(tr.letters(maria, ticketing.LetterOpened)); n != 1 {
		t.Errorf("%d letters say that the ticket is open", n)
	}
	// Every link of every letter again, once all is over.
	rows := len(tr.outgoing(""))
	for range 2 {
		for _, link := range links() {
			if code, _ := tr.fetch(http.MethodGet, link); code != http.StatusOK {
				t.Errorf("GET %s: %d", link, code)
			}
		}
	}
	if len(tr.outgoing("")) != rows || tr.tickets() != 1 {
		t.Error("opening the links afterwards changed something")
	}
	if code, _ := tr.fetch(http.MethodGet, tr.web+"/offer/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"); code != http.StatusNotFound {
		t.Errorf("a guessed link: %d", code)
	}
}

func onlyWith(pages map[string]string, path string) string {
	for link, page := range pages {
		if strings.Contains(link, path) {
			return page
		}
	}
	return ""
}

func (tr *trial) fetch(method, link string) (int, string) {
	tr.t.Helper()
	r, err := http.NewRequestWithContext(tr.ctx, method, link, nil)
	if err != nil {
		tr.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		tr.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}
