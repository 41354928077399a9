package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	maildoor "github.com/sportello/sportello/ingest/mail"
	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ingest/slack/slacktest/blockkit"
	"github.com/sportello/sportello/ticketing"
)

// storyLimit bounds a whole story against hanging; it is no measure of speed.
const storyLimit = 2 * time.Minute

// trialLook is how often a trial looks whether what it waits for has come.
const trialLook = 10 * time.Millisecond

const deskAddress = "assistenza@bottega.example"

// trial is a running helpdesk between a mail server and a Slack workspace.
type trial struct {
	t     *testing.T
	ctx   context.Context
	post  postOffice
	slack *slacktest.Server
	room  string // the agents' channel
	anna  string // an agent
	cfg   Config
	log   *trialLog
	app   *app
	web   string // address of the pages
	users []string
	ids   int
	said  map[string]bool // Message-IDs that customers used
	opens int             // how often the helpdesk was started

	ended chan error
	end   context.CancelFunc
}

func hostPort(t *testing.T, addr string) (string, int) {
	t.Helper()
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// trialConfig is a desk with one queue and one mailbox: always open, no undo time, no control group. A story's customers write more in a
// minute than real ones in a day, so the limits against loops and floods are off.
func trialConfig(t *testing.T) Config {
	t.Helper()
	cfg := defaults()
	cfg.Brand, cfg.Data, cfg.Listen = "Bottega", t.TempDir(), ""
	cfg.Limits = LimitsConfig{Backlog: cfg.Limits.Backlog, Failures: cfg.Limits.Failures}
	q := defaultQueue()
	q.Name, q.Addresses, q.Hours.Days, q.Control, q.Undo = "assistenza", []string{deskAddress}, map[string]string{}, 0, 0
	cfg.Queues = []QueueConfig{q}
	cfg.Mailboxes = []MailboxConfig{trialMailbox("assistenza")}
	return cfg
}

func trialMailbox(name string) MailboxConfig {
	m := defaultMailbox()
	m.Name, m.Queue, m.Trusted, m.PEC = name, "assistenza", []string{"mx.bottega.example"}, []string{"pec.example"}
	m.IMAP.TLS, m.IMAP.Poll, m.SMTP.TLS, m.SMTP.Doubt = "none", time.Second, "none", "resend"
	return m
}

// trialSetup says how a trial differs from the plain one.
type trialSetup struct {
	on      stack
	noSlack bool
	change  func(*Config)
	before  func(*trial) // acts on the mail server before the helpdesk first connects
}

// newTrial prepares everything around a helpdesk; open starts it.
func newTrial(t *testing.T, s trialSetup) *trial {
	t.Helper()
	if s.on.post == nil {
		s.on = stacks()[0]
	}
	ctx, cancel := context.WithTimeout(t.Context(), storyLimit)
	t.Cleanup(cancel)
	tr := &trial{t: t, ctx: ctx, cfg: trialConfig(t), log: &trialLog{}, said: map[string]bool{}}
	tr.post = s.on.post(t)
	if s.on.database != nil {
		s.on.database(t, &tr.cfg)
	}
	if !s.noSlack {
		tr.workspace()
	}
	if s.change != nil {
		s.change(&tr.cfg)
	}
	for i := range tr.cfg.Mailboxes {
		tr.users = append(tr.users, tr.post.account(t, &tr.cfg.Mailboxes[i]))
	}
	if s.before != nil {
		s.before(tr)
	}
	t.Cleanup(func() {
		tr.stop()
		if t.Failed() {
			t.Logf("the helpdesk's log:\n%s", tr.log.tail(120))
		}
	})
	return tr
}

// startTrial starts a helpdesk and waits until it watches its mailboxes.
func startTrial(t *testing.T, s trialSetup) *trial {
	t.Helper()
	tr := newTrial(t, s)
	tr.open()
	return tr
}

// wellFormed checks every message and view that was sent to a workspace, by the types and limits that Slack publishes.
func wellFormed(t *testing.T, s *slacktest.Server) {
	t.Helper()
	for _, r := range s.Log() {
		for _, fault := range blockkit.Check(r.Method, r.Args) {
			t.Errorf("%s: %s\n%v", r.Method, fault, r.Args)
		}
	}
}

func (tr *trial) workspace() {
	tr.t.Helper()
	s, err := slacktest.New(slacktest.Options{PostEvery: -1, RateFactor: -1,
		EventRetries: []time.Duration{0, time.Second, time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second}})
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() { wellFormed(tr.t, s); _ = s.Close() })
	tr.slack = s
	tr.anna = s.AddUser(slacktest.User{Name: "anna", RealName: "Anna Rossi", Email: "anna@bottega.example"})
	tr.room = s.AddChannel(slacktest.Channel{Name: "assistenza", Private: true, Members: []string{tr.anna, s.BotUser()}})
	tr.cfg.Queues[0].Channel = tr.room
	tr.cfg.Slack.APIURL, tr.cfg.Testing.SlackPace = s.URL(), -1
	tr.cfg.Slack.Signing = ticketing.NewSecret(s.Options().SigningSecret)
	tr.cfg.Slack.AppToken, tr.cfg.Slack.BotToken = ticketing.NewSecret(s.Options().AppToken), ticketing.NewSecret(s.Options().BotToken)
}

// open starts the helpdesk with the trial's settings and waits until it watches its mailboxes.
func (tr *trial) open() {
	tr.t.Helper()
	tr.start()
	tr.watching()
}

func (tr *trial) start() {
	tr.t.Helper()
	tr.opens++
	links, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.web = "http://" + links.Addr().String()
	tr.cfg.PublicURL = tr.web
	if tr.cfg.Slack.Mode == slack.ModeHTTP {
		tr.cfg.Listen = links.Addr().String()
		tr.slack.SetRequestURLs(tr.web+slack.PathEvents, tr.web+slack.PathInteractive, tr.web+slack.PathCommands)
	}
	if err := tr.cfg.check(); err != nil {
		tr.t.Fatal(err)
	}
	if tr.app, err = newApp(tr.ctx, tr.cfg, slog.New(slog.NewTextHandler(tr.log, nil))); err != nil {
		tr.t.Fatal(err)
	}
	tr.ended = make(chan error, 2)
	serve, end := context.WithCancel(tr.ctx)
	tr.end = end
	a := tr.app
	go func() {
		tr.ended <- a.serve(serve, map[string]bool{"ingest": true, "process": true, "send": true}, nil)
	}()
	go func() { tr.ended <- a.web(serve, links) }()
}

// mailbox is how a mailbox fares.
func (tr *trial) mailbox(n int) maildoor.MailboxStatus {
	return tr.app.doors[n].Door.(*maildoor.Door).Mailbox.Status()
}

// watching waits until every mailbox has been read to its end and is watched.
func (tr *trial) watching() {
	tr.t.Helper()
	tr.until("the mailboxes are watched", func() bool {
		for _, d := range tr.app.doors {
			if m, ok := d.Door.(*maildoor.Door); ok && m.Mailbox.Status().State != "idle" {
				return false
			}
		}
		return true
	})
}

// stop ends the helpdesk as SIGTERM does.
func (tr *trial) stop() {
	tr.t.Helper()
	if tr.app == nil {
		return
	}
	tr.end()
	if err := errors.Join(<-tr.ended, <-tr.ended, tr.app.close()); err != nil {
		tr.t.Error(err)
	}
	tr.app = nil
}

// until looks again and again whether something has come.
func (tr *trial) until(what string, done func() bool) {
	tr.t.Helper()
	tick := time.NewTicker(trialLook)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-tr.ctx.Done():
			tr.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// settings writes the trial's settings to a file, for commands.
func (tr *trial) settings() string {
	tr.t.Helper()
	return writeSettings(tr.t, tr.cfg)
}

// writeSettings writes settings to a file as config print shows them, secrets in the clear.
func writeSettings(t *testing.T, cfg Config) string {
	t.Helper()
	var b bytes.Buffer
	if err := writeYAML(&b, reflect.ValueOf(cfg), "", false, func(s ticketing.Secret) string { return s.Reveal() }); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "sportello.yaml")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// command runs sportello's command line with the trial's settings.
func (tr *trial) command(args ...string) (code int, out, errs string) {
	tr.t.Helper()
	return runCommand(tr.ctx, "", append(args, "-c", tr.settings())...)
}

// told runs a command that must succeed and returns what it printed.
func (tr *trial) told(args ...string) string {
	tr.t.Helper()
	code, out, errs := tr.command(args...)
	if code != 0 {
		tr.t.Fatalf("sportello %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

func runCommand(ctx context.Context, in string, args ...string) (code int, out, errs string) {
	var o, e lockedBuffer
	code = run(ctx, args, strings.NewReader(in), &o, &e, nil)
	return code, o.String(), e.String()
}

// lockedBuffer is a buffer that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// trialLog keeps the log for the case that the test fails.
type trialLog struct{ lockedBuffer }

func (l *trialLog) has(words string) bool { return strings.Contains(l.String(), words) }

func (l *trialLog) tail(n int) string {
	lines := strings.Split(l.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// view reads the database, waiting for one that is away.
func (tr *trial) view(fn func(ticketing.Tx) error) {
	tr.t.Helper()
	tick := time.NewTicker(trialLook)
	defer tick.Stop()
	away := &ticketing.Error{Code: "store.failed"}
	for err := tr.app.db.View(tr.ctx, fn); err != nil; err = tr.app.db.View(tr.ctx, fn) {
		if !errors.Is(err, away) {
			tr.t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-tr.ctx.Done():
			tr.t.Fatal(err)
		}
	}
}

// rows is the ledger of the mail doors, oldest first.
func (tr *trial) rows() (rows []ticketing.Inbound) {
	tr.t.Helper()
	tr.view(func(tx ticketing.Tx) error {
		all, err := tx.ListInbound(tr.ctx, ticketing.InboundFilter{Limit: 1000})
		rows = slices.DeleteFunc(all, func(in ticketing.Inbound) bool { return !strings.HasPrefix(in.Door, "mail:") })
		return err
	})
	slices.Reverse(rows)
	return rows
}

// outgoing is what is or was due on a thread, all threads for "", oldest first.
func (tr *trial) outgoing(thread string) (rows []ticketing.Outgoing) {
	tr.t.Helper()
	tr.view(func(tx ticketing.Tx) (err error) {
		rows, err = tx.ListOutgoing(tr.ctx, ticketing.OutgoingFilter{Thread: thread, Limit: 1000})
		return err
	})
	slices.Reverse(rows)
	return rows
}

func (tr *trial) ticket(number int64) (k ticketing.Ticket) {
	tr.t.Helper()
	tr.view(func(tx ticketing.Tx) (err error) {
		k, err = tx.Ticket(tr.ctx, number)
		return err
	})
	return k
}

// tickets counts them.
func (tr *trial) tickets() (n int) {
	tr.t.Helper()
	tr.view(func(tx ticketing.Tx) error {
		all, err := tx.ListTickets(tr.ctx, ticketing.TicketFilter{Limit: 1000})
		n = len(all)
		return err
	})
	return n
}

func (tr *trial) message(id string) (m ticketing.Message) {
	tr.t.Helper()
	tr.view(func(tx ticketing.Tx) (err error) {
		m, err = tx.Message(tr.ctx, id)
		return err
	})
	return m
}

// untilState waits for a ticket's state.
func (tr *trial) untilState(number int64, want ticketing.State) ticketing.Ticket {
	tr.t.Helper()
	tr.until(fmt.Sprintf("#%d is %s", number, want), func() bool { return tr.ticket(number).State == want })
	return tr.ticket(number)
}

// draft is a customer's mail.
type draft struct {
	from, to, id, subject string
	body                  string   // text/plain; or
	content               string   // everything from Content-Type on
	head                  []string // further fields
	date                  time.Time
}

// fill gives what a mail needs and the draft does not say.
func (tr *trial) fill(d *draft) {
	if d.to == "" {
		d.to = deskAddress
	}
	if d.id == "" {
		tr.ids++
		d.id = fmt.Sprintf("<m%d@cliente.example>", tr.ids)
	}
	if d.date.IsZero() {
		d.date = time.Now()
	}
	tr.said[d.id] = true
}

func (d *draft) raw() []byte {
	head := []string{"Date: " + d.date.Format(time.RFC1123Z), "From: " + d.from, "To: " + d.to, "Subject: " + mime.QEncoding.Encode("utf-8", d.subject),
		"Message-ID: " + d.id, "MIME-Version: 1.0"}
	head = append(head, d.head...)
	content := d.content
	if content == "" {
		content = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + d.body + "\n"
	}
	text := strings.Join(head, "\r\n") + "\r\n" + content
	return []byte(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n"))
}

// write delivers a customer's mail and waits for what becomes of it.
func (tr *trial) write(d draft) ticketing.Inbound {
	tr.t.Helper()
	tr.fill(&d)
	return tr.deliver(d.raw())
}

// deliver puts bytes into the first mailbox and waits for what becomes of them.
func (tr *trial) deliver(raw []byte) ticketing.Inbound {
	tr.t.Helper()
	before := len(tr.rows())
	tr.post.put(tr.t, tr.users[0], raw, time.Now(), false)
	return tr.decided(before + 1)[before]
}

// decided waits until the ledger of the mail doors has n rows and all have their outcome.
func (tr *trial) decided(n int) (rows []ticketing.Inbound) {
	tr.t.Helper()
	tr.until(fmt.Sprintf("%d mails are decided", n), func() bool {
		rows = tr.rows()
		return len(rows) >= n && !slices.ContainsFunc(rows, func(in ticketing.Inbound) bool { return in.State != ticketing.InboundDone })
	})
	if len(rows) != n {
		tr.t.Fatalf("the ledger has %d mails, not %d", len(rows), n)
	}
	return rows
}

// expect fails unless a row ended so.
func (tr *trial) expect(in ticketing.Inbound, outcome ticketing.Outcome, cause ticketing.Cause) ticketing.Inbound {
	tr.t.Helper()
	if in.Outcome != outcome || in.Cause != cause {
		tr.t.Fatalf("the mail of %s ended as %s %s (%s %s), want %s %s", in.From, in.Outcome, in.Cause, in.Reason, in.Detail, outcome, cause)
	}
	return in
}

// letter is a letter of ours as the SMTP server got it.
type letter struct {
	row  ticketing.Outgoing
	sent sentMail
	head mail.Header
	text string // the text/plain part, decoded
}

func (l letter) id() string { return l.head.Get("Message-ID") }

// letters are those of a kind sent to somebody so far.
func (tr *trial) letters(to string, kind ticketing.OutgoingKind) (rows []ticketing.Outgoing) {
	tr.t.Helper()
	for _, o := range tr.outgoing("") {
		if o.Recipient == "mail:"+to && o.Kind == kind && o.State == ticketing.OutgoingSent {
			rows = append(rows, o)
		}
	}
	return rows
}

// letter waits for the n-th letter of a kind to somebody (from 1) and reads the bytes that the server got.
func (tr *trial) letter(to string, kind ticketing.OutgoingKind, n int) letter {
	tr.t.Helper()
	var rows []ticketing.Outgoing
	tr.until(fmt.Sprintf("%s has %d letters of kind %s", to, n, kind), func() bool { rows = tr.letters(to, kind); return len(rows) >= n })
	o := rows[n-1]
	id := strings.TrimPrefix(string(o.Ref), "mail:")
	var found []letter
	for _, s := range tr.post.sent(tr.t) {
		m, err := mail.ReadMessage(bytes.NewReader(s.raw))
		if err != nil {
			tr.t.Fatalf("a letter cannot be read: %v\n%s", err, s.raw)
		}
		if m.Header.Get("Message-ID") == id {
			found = append(found, letter{row: o, sent: s, head: m.Header, text: plainText(tr.t, s.raw)})
		}
	}
	if len(found) != 1 {
		tr.t.Fatalf("the letter %s (%s to %s) came %d times to the server", id, kind, to, len(found))
	}
	if found[0].sent.to != to {
		tr.t.Fatalf("the letter %s went to %s, not %s", id, found[0].sent.to, to)
	}
	return found[0]
}

// reply is an answer to a letter as a mail program makes it.
func (tr *trial) reply(from string, l letter, body string) draft {
	to := l.head.Get("Reply-To")
	if to == "" {
		to = l.head.Get("From")
	}
	refs := strings.TrimSpace(strings.Join(strings.Fields(l.head.Get("References")), " ") + " " + l.id())
	return draft{from: from, to: to, subject: "Re: " + strings.TrimPrefix(l.head.Get("Subject"), "Re: "), body: body,
		head: []string{"In-Reply-To: " + l.id(), "References: " + refs}}
}

// parts walks all leaves of a mail, transfer encodings undone.
func parts(t *testing.T, raw []byte) (leaves []leaf) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(h func(string) string, body io.Reader)
	walk = func(h func(string) string, body io.Reader) {
		kind, params, err := mime.ParseMediaType(h("Content-Type"))
		if err != nil {
			t.Fatalf("Content-Type %q: %v", h("Content-Type"), err)
		}
		if strings.HasPrefix(kind, "multipart/") {
			r := multipart.NewReader(body, params["boundary"])
			for {
				p, err := r.NextRawPart()
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				walk(p.Header.Get, p)
			}
		}
		switch strings.ToLower(h("Content-Transfer-Encoding")) {
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		_, disposition, _ := mime.ParseMediaType(h("Content-Disposition"))
		leaves = append(leaves, leaf{kind: kind, name: disposition["filename"], data: data})
	}
	walk(m.Header.Get, m.Body)
	return leaves
}

type leaf struct {
	kind, name string
	data       []byte
}

func plainText(t *testing.T, raw []byte) string {
	t.Helper()
	for _, p := range parts(t, raw) {
		if p.kind == "text/plain" {
			return strings.ReplaceAll(string(p.data), "\r\n", "\n")
		}
	}
	t.Fatalf("a letter has no text/plain part:\n%s", raw)
	return ""
}

// posted waits for the n-th post of a kind on a thread (from 1) and returns it as the channel shows it now.
func (tr *trial) posted(thread string, kind ticketing.OutgoingKind, n int) slacktest.Message {
	tr.t.Helper()
	var rows []ticketing.Outgoing
	tr.until(fmt.Sprintf("post %d of kind %s is in the channel", n, kind), func() bool {
		rows = slices.DeleteFunc(tr.outgoing(thread), func(o ticketing.Outgoing) bool { return o.Kind != kind || o.State != ticketing.OutgoingSent })
		return len(rows) >= n
	})
	return tr.shown(rows[n-1].Ref)
}

// shown is the message of a ref as it looks now.
func (tr *trial) shown(ref ticketing.Ref) slacktest.Message {
	tr.t.Helper()
	s := string(ref)
	ts := s[strings.LastIndexByte(s, '/')+1:]
	for _, root := range tr.slack.Messages(tr.room) {
		for _, m := range append([]slacktest.Message{root}, tr.slack.Thread(tr.room, root.TS)...) {
			if m.TS == ts {
				return m
			}
		}
	}
	tr.t.Fatalf("the channel has no message %s", ref)
	return slacktest.Message{}
}

// seen is all text of a message, blocks included.
func seen(m slacktest.Message) string { return m.Text + "\n" + m.Username + "\n" + string(m.Blocks) }

// says lets Anna write in a thread.
func (tr *trial) says(root, text string, files ...slacktest.Attachment) string {
	tr.t.Helper()
	ts, err := tr.slack.As(tr.anna).Reply(tr.room, root, text, files...)
	if err != nil {
		tr.t.Fatal(err)
	}
	return ts
}

// press lets Anna press a button and waits for the acknowledgement.
func (tr *trial) press(ts, action string) {
	tr.t.Helper()
	d, err := tr.slack.As(tr.anna).Press(tr.room, ts, action)
	if err != nil {
		tr.t.Fatal(err)
	}
	select {
	case <-d.Done():
		if err := d.Err(); err != nil {
			tr.t.Fatal(err)
		}
	case <-tr.ctx.Done():
		tr.t.Fatalf("%s was never acknowledged", action)
	}
}

// reacted waits until the bot has put a sign on a message.
func (tr *trial) reacted(ts, emoji string) {
	tr.t.Helper()
	if err := tr.slack.Await(tr.ctx, func() bool { return slices.Contains(tr.slack.Reactions(tr.room, ts)[emoji], tr.slack.BotUser()) }); err != nil {
		tr.t.Fatalf("the message %s never got :%s:", ts, emoji)
	}
}

// settle waits until nothing is on its way, and checks what must hold after every story.
func (tr *trial) settle() {
	tr.t.Helper()
	var all []ticketing.Inbound
	tr.until("everything is decided and sent", func() bool {
		tr.view(func(tx ticketing.Tx) (err error) {
			all, err = tx.ListInbound(tr.ctx, ticketing.InboundFilter{Limit: 1000})
			return err
		})
		if tr.slack != nil && tr.slack.Waiting() > 0 || slices.ContainsFunc(all, func(in ticketing.Inbound) bool { return in.State != ticketing.InboundDone }) {
			return false
		}
		return !slices.ContainsFunc(tr.outgoing(""), func(o ticketing.Outgoing) bool {
			return o.State == ticketing.OutgoingSending || o.State == ticketing.OutgoingPending && time.Until(o.NextAt) < time.Minute
		})
	})
	outcomes := []ticketing.Outcome{ticketing.OutcomeTicket, ticketing.OutcomeReply, ticketing.OutcomeFollowUp, ticketing.OutcomeHeld, ticketing.OutcomeNote,
		ticketing.OutcomeAutomatic, ticketing.OutcomeBounce, ticketing.OutcomeDuplicate, ticketing.OutcomeQuarantine, ticketing.OutcomeDeleted}
	for _, in := range all {
		if !slices.Contains(outcomes, in.Outcome) {
			tr.t.Errorf("the row %s of %s is %s with outcome %q", in.ID, in.Identity, in.State, in.Outcome)
		}
		if in.Outcome == ticketing.OutcomeQuarantine && in.Cause == "" {
			tr.t.Errorf("the row %s waits in quarantine without a cause", in.ID)
		}
	}
	letters := map[string]string{} // Message-ID → recipient
	for _, o := range tr.outgoing("") {
		switch o.State {
		case ticketing.OutgoingInDoubt, ticketing.OutgoingSending:
			tr.t.Errorf("the row %s (%s) is %s", o.ID, o.Kind, o.State)
		case ticketing.OutgoingSent:
			if strings.HasPrefix(o.Door, "mail:") {
				letters[strings.TrimPrefix(string(o.Ref), "mail:")] = o.Facts.To.Address
			}
		}
	}
	came := map[string]int{}
	for _, s := range tr.post.sent(tr.t) {
		m, err := mail.ReadMessage(bytes.NewReader(s.raw))
		if err != nil {
			tr.t.Errorf("a letter cannot be read: %v", err)
			continue
		}
		id := m.Header.Get("Message-ID")
		if came[id]++; letters[id] != s.to {
			tr.t.Errorf("the letter %s to %s has no row that says sent", id, s.to)
		}
	}
	for id, to := range letters {
		if came[id] != 1 {
			tr.t.Errorf("the letter %s to %s came %d times to the server", id, to, came[id])
		}
	}
	if tr.slack != nil {
		for _, m := range tr.slack.Misuse() {
			if tr.opens > 2 && strings.Contains(m, "the history of") {
				continue // each start reads what was said meanwhile
			}
			tr.t.Errorf("Slack was misused: %s", m)
		}
	}
}

// leaked fails if words appear anywhere in the letters that left.
func (tr *trial) leaked(words string) {
	tr.t.Helper()
	for _, s := range tr.post.sent(tr.t) {
		if bytes.Contains(s.raw, []byte(words)) {
			tr.t.Errorf("a letter to %s holds %q", s.to, words)
		}
		for _, p := range parts(tr.t, s.raw) {
			if bytes.Contains(p.data, []byte(words)) {
				tr.t.Errorf("the %s of a letter to %s holds %q", p.kind, s.to, words)
			}
		}
	}
}
