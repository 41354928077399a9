package demo

import (
	"net/http"
	"slices"
	"strings"
)

// Visitor is the address that whoever joins in is proposed.
func (c *Company) Visitor() string { return c.cast.marta.address }

// Page is the local page.
func (c *Company) Page(host string) (http.Handler, error) { return http.NotFoundHandler(), nil }

// conversations are the mails of a customer's INBOX and Sent folder, grouped as a mail program groups them: by In-Reply-To and
// References, each group oldest first, the group with the newest mail first.
func (c *Company) conversations(p person) [][]letter {
	var all []letter
	for _, folder := range []string{"INBOX", "Sent"} {
		for _, st := range c.Mail.Folder(p.address, folder) {
			all = append(all, readLetter(st))
		}
	}
	slices.SortStableFunc(all, func(a, b letter) int { return a.at.Compare(b.at) })
	group := map[string]int{} // id to index
	var out [][]letter
	for _, l := range all {
		at := -1
		for _, id := range append(slices.Clone(l.references), l.inReplyTo) {
			if n, ok := group[id]; ok && id != "" {
				at = n
			}
		}
		if at < 0 {
			at = len(out)
			out = append(out, nil)
		}
		out[at] = append(out[at], l)
		group[strings.TrimSpace(l.id)] = at
	}
	slices.SortStableFunc(out, func(a, b []letter) int { return b[len(b)-1].at.Compare(a[len(a)-1].at) })
	return out
}
