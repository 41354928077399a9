package demo

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/templates"
)

//go:embed page
var pageFiles embed.FS

// Visitor is the address that whoever joins in is proposed.
func (c *Company) Visitor() string { return c.cast.marta.address }

// page is the local page: customers' mailboxes on one side, the agents' channel on the other, a box to write in for each.
type page struct {
	*Company
	hosts []string // names under which the page may be asked for
	html  map[string]*template.Template
	files http.Handler
}

// Page is the local page, served at host. It answers only requests for that host and forms of its own: whoever it is shown to can write
// as anybody, and a web site opened beside it must not.
func (c *Company) Page(host string) (http.Handler, error) {
	_, port, err := hostPort(host)
	if err != nil {
		return nil, err
	}
	sub, err := fs.Sub(pageFiles, "page")
	if err != nil {
		return nil, err
	}
	p := &page{Company: c, hosts: []string{host, fmt.Sprintf("localhost:%d", port)}, html: map[string]*template.Template{}, files: http.FileServerFS(sub)}
	for _, lang := range templates.Languages() {
		words := func(key string, pairs ...any) string {
			args := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				args[fmt.Sprint(pairs[i])] = pairs[i+1]
			}
			return c.words.T(lang, "demo."+key, args)
		}
		p.html[lang], err = template.New("page.html").Funcs(template.FuncMap{"t": words, "lang": func() string { return lang }}).ParseFS(sub, "page.html")
		if err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.show)
	mux.HandleFunc("GET /events", p.events)
	mux.Handle("GET /page.css", p.files)
	mux.Handle("GET /page.js", p.files)
	mux.HandleFunc("POST /mail", p.act(p.write))
	mux.HandleFunc("POST /slack", p.act(p.say))
	mux.HandleFunc("POST /press", p.act(p.push))
	return p.guard(http.NewCrossOriginProtection().Handler(mux)), nil
}

func (p *page) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(p.hosts, r.Host) {
			http.Error(w, "unknown host", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		next.ServeHTTP(w, r)
	})
}

// What the template shows.
type (
	pageView struct {
		Lang, Brand, IMAP, SMTP, Password, Address, Channel, Failed string
		Langs                                                       []string
		Box                                                         boxView
		Boxes                                                       []boxView
		Conversations                                               []talkView
		Threads                                                     []threadView
		Agents                                                      []agentView
	}
	boxView struct {
		Name, Address string
		Count         int
	}
	talkView struct {
		Subject string
		Mails   []mailView
		Answer  string // Message-ID a reply answers, empty if nothing came yet
	}
	mailView struct {
		Sent                         bool
		FromName, Subject, At, Files string
		Body                         template.HTML
		Quoted                       *quotedView
	}
	quotedView struct{ ID, Text string }
	threadView struct {
		Root     postView
		Replies  []postView
		Whispers []whisperView
		Open     bool
	}
	postView struct {
		shown
		At, Box string
	}
	whisperView struct{ Author, Text string }
	agentView   struct{ ID, Name string }
)

const clock = "15:04:05"

func (p *page) show(w http.ResponseWriter, r *http.Request) {
	lang := r.URL.Query().Get("lang")
	if p.html[lang] == nil {
		lang = p.lang
	}
	v := pageView{Lang: lang, Brand: Brand, IMAP: p.Mail.IMAPAddr(), SMTP: p.Mail.SMTPAddr(), Password: Password, Address: Address, Channel: Queue,
		Langs: templates.Languages(), Failed: r.URL.Query().Get("failed")}
	people := p.boxes()
	box := people[0]
	for _, q := range people {
		v.Boxes = append(v.Boxes, boxView{q.name, q.address, p.Mail.Count(q.address)})
		if q.address == r.URL.Query().Get("box") {
			box = q
		}
	}
	v.Box = boxView{Name: box.name, Address: box.address}
	for _, talk := range p.conversations(box) {
		v.Conversations = append(v.Conversations, p.talk(talk))
	}
	for _, a := range p.agents() {
		v.Agents = append(v.Agents, agentView{a.slack, a.name})
	}
	v.Threads = p.threads(box.address)
	var b bytes.Buffer
	if err := p.html[lang].Execute(&b, v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = b.WriteTo(w) // the reader may be gone
}

// boxes are the mailboxes of the sample customers and of whoever else wrote from an address of their own.
func (c *Company) boxes() []person {
	people := c.customers()
	for _, address := range c.Mail.Users() {
		known := address == Address || strings.HasPrefix(address, "posta-certificata@")
		for _, p := range slices.Concat(people, c.agents()) {
			known = known || p.address == address
		}
		if !known {
			people = append(people, person{name: address, address: address})
		}
	}
	return people
}

func (p *page) talk(talk []letter) talkView {
	v := talkView{Subject: talk[0].subject}
	for i, l := range talk {
		m := mailView{Sent: l.sent, FromName: l.fromName, Subject: l.subject, At: l.at.Local().Format(clock), Files: strings.Join(l.files, ", "), Body: linked(l.visible)}
		if i == 0 {
			m.Subject = ""
		}
		if strings.TrimSpace(l.elided) != "" {
			m.Quoted = &quotedView{ID: strings.Trim(l.id, "<>"), Text: strings.TrimSpace(l.elided)}
		}
		v.Mails = append(v.Mails, m)
		if !l.sent {
			v.Answer = l.id
		}
	}
	return v
}

var webAddress = regexp.MustCompile(`https?://[^\s<>"]*[^\s<>"'.,;:!?)\]}]`)

// linked is text with its web addresses as links; the offers' links lead to the helpdesk's own listener.
func linked(text string) template.HTML {
	var b strings.Builder
	at := 0
	for _, m := range webAddress.FindAllStringIndex(text, -1) {
		a := html.EscapeString(text[m[0]:m[1]])
		b.WriteString(html.EscapeString(text[at:m[0]]) + `<a href="` + a + `" target="_blank" rel="noopener noreferrer">` + a + `</a>`)
		at = m[1]
	}
	b.WriteString(html.EscapeString(text[at:]))
	return template.HTML(b.String())
}

// threads are the channel's cards with what stands under them, newest first.
func (p *page) threads(box string) []threadView {
	var out []threadView
	roots := p.Slack.Messages(p.Channel)
	slices.Reverse(roots)
	for i, root := range roots {
		v := threadView{Root: p.post(root, box), Open: i == 0}
		for _, m := range p.Slack.Thread(p.Channel, root.TS) {
			if m.TS != root.TS {
				v.Replies = append(v.Replies, p.post(m, box))
			}
		}
		for _, a := range p.agents() {
			for _, e := range p.Slack.Ephemerals(a.slack) {
				if e.Channel == p.Channel && e.ThreadTS == root.TS {
					v.Whispers = append(v.Whispers, whisperView{a.name, plain(e.Text)})
				}
			}
		}
		out = append(out, v)
	}
	return out
}

func (p *page) post(m slacktest.Message, box string) postView {
	v := postView{shown: p.Company.show(m), Box: box}
	seconds, _, _ := strings.Cut(m.TS, ".")
	if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		v.At = time.Unix(n, 0).Format(clock)
	}
	return v
}

// calm is how long changes are gathered before the page is told of them.
const calm = 150 * time.Millisecond

// events tells the page that something changed (Server-Sent Events, html.spec.whatwg.org section 9.2).
func (p *page) events(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	changed := make(chan struct{}, 1)
	// Both servers ask the condition now and after every change: the second asking is a change.
	watch := func(wait func(context.Context, func() bool) error) {
		for ctx.Err() == nil {
			asked := false
			if wait(ctx, func() bool { again := asked; asked = true; return again }) != nil {
				return
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}
	go watch(p.Mail.WaitFor)
	go watch(p.Slack.Await)
	if _, err := fmt.Fprint(w, "retry: 1000\n\n"); err != nil || out.Flush() != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(calm):
		}
		if _, err := fmt.Fprint(w, "data: changed\n\n"); err != nil || out.Flush() != nil {
			return
		}
	}
}

// act carries out a form and leads back to the page.
func (p *page) act(do func(*http.Request) (box string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		box, err := do(r)
		q := url.Values{"lang": {r.PostFormValue("lang")}, "box": {box}}
		if err != nil {
			q.Set("failed", err.Error())
		}
		http.Redirect(w, r, "/?"+q.Encode(), http.StatusSeeOther)
	}
}

// write sends a customer's mail: a new one, or the answer to a letter.
func (p *page) write(r *http.Request) (string, error) {
	from := strings.ToLower(strings.TrimSpace(r.PostFormValue("from")))
	text := strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n")
	who := person{address: from}
	for _, b := range p.boxes() {
		if b.address == from && b.name != b.address {
			who = b
		}
	}
	if from == Address || from == Alias || strings.ContainsAny(from, "\r\n<> ") || !strings.Contains(from, "@") {
		return p.cast.marta.address, errors.New(from)
	}
	d := &draft{from: who, to: Address, subject: strings.Join(strings.Fields(r.PostFormValue("subject")), " "), text: text, quoting: ""}
	if id := r.PostFormValue("answers"); id != "" {
		l, err := p.find(who, id)
		if err != nil {
			return from, err
		}
		d.to, d.answered, d.quoting, d.reader, d.subject = l.replyTo, &l, "plain", scripts[p.lang]().reader, l.subject
		if !strings.HasPrefix(strings.ToLower(d.subject), "re:") {
			d.subject = "Re: " + d.subject
		}
	}
	return from, submit(p.Mail.SMTPAddr(), from, from, d.to, d.mime(time.Now()))
}

func (p *page) find(who person, id string) (letter, error) {
	for _, st := range p.Mail.Inbox(who.address) {
		if l := readLetter(st); l.id == id {
			return l, nil
		}
	}
	return letter{}, fmt.Errorf("%s: %s", who.address, id)
}

// say writes in a thread as an agent.
func (p *page) say(r *http.Request) (string, error) {
	_, err := p.Slack.As(r.PostFormValue("as")).Reply(p.Channel, r.PostFormValue("root"), strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n"))
	return r.PostFormValue("box"), err
}

// push presses a button as the first agent.
func (p *page) push(r *http.Request) (string, error) {
	d, err := p.Slack.As(p.cast.anna.slack).Press(p.Channel, r.PostFormValue("ts"), r.PostFormValue("action"))
	if err != nil {
		return r.PostFormValue("box"), err
	}
	select {
	case <-d.Done():
		return r.PostFormValue("box"), d.Err()
	case <-r.Context().Done():
		return r.PostFormValue("box"), r.Context().Err()
	}
}

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
