package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

// hostileMail is a row of security.md section 14: how its mail is made and what must be true of it. What a row leaves out has the
// defaults of 14.2: a ticket, kind normal, authentication pass, no candidate, an automatic answer, the text "Testo Hnnn", no files, no flags.
type hostileMail struct {
	id   string
	what string
	make func(w *hostileWorld) []byte
	// earlier mails arrived before.
	earlier func(w *hostileWorld) [][]byte

	outcome ticketing.Outcome
	cause   ticketing.Cause
	kind    ticketing.Kind
	auth    ticketing.Auth
	thread  string
	noAuto  string // rule that forbids the automatic answer; in quarantine none is given anyway
	visible string // "-": none, "*": words of our own letters, which the golden file holds
	files   string // names, blanks between them
	flags   string
	// check asserts what the row says beside that.
	check func(t *testing.T, w *hostileWorld, r *hostileResult)
}

// Limits against hanging and for memory above what the mail itself takes (decisions 15 and 16 of the specification).
const (
	hostileTime   = 5 * time.Second
	hostileMemory = 64 << 20
)

func hostileMails() (all []hostileMail) {
	for _, family := range [][]hostileMail{hostileNesting, hostileParts, hostileHeaders, hostileEncodings, hostileIdentity, hostileThreading, hostileAutomatic, hostileHTML, hostileAttachments} {
		all = append(all, family...)
	}
	return all
}

// TestHostileMails reads and decides every row and compares it with the row and with its golden file.
func TestHostileMails(t *testing.T) {
	w := newHostileWorld(t)
	all := hostileMails()
	right := 0
	var slowest time.Duration
	var largest int64
	for i, c := range all {
		if want := fmt.Sprintf("H%03d", i+1); c.id != want {
			t.Errorf("row %d is %s, want %s", i+1, c.id, want)
		}
		if t.Run(c.id, func(t *testing.T) {
			r := w.run(&c)
			slowest, largest = max(slowest, r.took), max(largest, r.memory)
			c.holds(t, w, &r)
			compareHostile(t, &c, &r)
		}) {
			right++
		}
	}
	if len(all) != 120 {
		t.Errorf("%d rows, want 120", len(all))
	}
	t.Logf("%d hostile mails: %d of 120 as specified, slowest %d ms, largest %d MiB", len(all), right, slowest.Milliseconds(), largest>>20)
}

// run reads a mail and decides it.
func (w *hostileWorld) run(c *hostileMail) hostileResult {
	w.t.Helper()
	raw := c.make(w)
	var earlier [][]byte
	if c.earlier != nil {
		earlier = c.earlier(w)
	}
	var m *Mail
	var h ticketing.Heard
	start := time.Now()
	memory := memoryOf(func() {
		m = w.reader.Read(raw)
		h = w.reader.Heard(m, w.at())
	})
	took := time.Since(start)
	r := w.hear(h, earlier...)
	r.raw, r.mail, r.memory, r.took = raw, m, memory, took
	return r
}

// memoryOf is the least upper bound at hand of the memory that f holds at once: everything it allocates or, when that is more than the
// limit, the largest heap seen while it runs with a collector that keeps little garbage.
func memoryOf(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	end := make(chan struct{})
	peak := make(chan uint64, 1)
	go func() {
		defer close(peak)
		most := uint64(0)
		var s runtime.MemStats
		for {
			select {
			case <-end:
				peak <- most
				return
			case <-time.After(time.Millisecond):
				runtime.ReadMemStats(&s)
				most = max(most, s.HeapAlloc)
			}
		}
	}()
	f()
	close(end)
	runtime.ReadMemStats(&after)
	total := int64(after.TotalAlloc - before.TotalAlloc)
	if most := int64(max(<-peak, after.HeapAlloc)) - int64(before.HeapAlloc); total > hostileMemory {
		return most
	}
	return total
}

// holds asserts the row.
func (c *hostileMail) holds(t *testing.T, w *hostileWorld, r *hostileResult) {
	t.Helper()
	m := r.mail
	if r.took > hostileTime {
		t.Errorf("took %v", r.took)
	}
	if r.memory > hostileMemory {
		t.Errorf("%d MiB above the baseline", r.memory>>20)
	}
	checkPartition(t, m)
	checkClean(t, m)
	outcome := c.outcome
	if outcome == "" {
		outcome = ticketing.OutcomeTicket
		if c.cause != "" {
			outcome = ticketing.OutcomeQuarantine
		}
	}
	same := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s is %.300q, want %.300q", what, got, want)
		}
	}
	same("outcome", string(r.in.Outcome), string(outcome))
	same("cause", string(r.in.Cause), string(c.cause))
	same("kind", string(m.Kind), cmpOr(string(c.kind), string(ticketing.KindNormal)))
	same("auth", string(m.Auth), cmpOr(string(c.auth), string(ticketing.AuthPass)))
	same("thread", r.thread, c.thread)
	switch visible := cmpOr(c.visible, "Testo "+c.id); visible {
	case "-":
		same("visible", m.Visible, "")
	case "*":
		if m.Visible == "" {
			t.Error("nothing to read")
		}
	default:
		same("visible", m.Visible, visible)
	}
	same("files", strings.Join(fileNames(m), " "), c.files)
	flags := slices.Sorted(slices.Values(m.Flags))
	same("flags", strings.Join(flags, " "), strings.Join(slices.Sorted(strings.FieldsSeq(c.flags)), " "))
	c.answers(t, r)
	if c.cause != "" || outcome == ticketing.OutcomeTicket || outcome == ticketing.OutcomeAutomatic && c.noAuto == "" {
		same("states of the tickets", r.states, "1001 new 1002 new 1003 closed 1004 resolved")
	}
	if c.check != nil {
		c.check(t, w, r)
	}
}

// answers asserts whether an automatic answer went out, and to whom.
func (c *hostileMail) answers(t *testing.T, r *hostileResult) {
	t.Helper()
	automatic := 0
	for _, o := range r.letters {
		if o.Automatic {
			automatic++
			if r.mail.From == nil || o.Recipient != "mail:"+r.mail.From.Address {
				t.Errorf("letter %s to %s, which is not the sender (M14)", o.Kind, o.Recipient)
			}
		}
	}
	if automatic > 1 {
		t.Errorf("%d automatic letters (M14)", automatic)
	}
	if c.noAuto == "" && c.cause == "" {
		if !r.decision.Answer {
			t.Errorf("no automatic answer is allowed: %s", r.decision.NoAnswer)
		}
		if r.in.Outcome == ticketing.OutcomeTicket && automatic != 1 {
			t.Errorf("%d automatic letters, want the acknowledgement", automatic)
		}
		return
	}
	if r.decision.Answer || automatic > 0 {
		t.Errorf("an automatic answer: allowed %v, %d letters", r.decision.Answer, automatic)
	}
	if c.cause == "" && (r.mail.Auto.Allowed || !hasRule(r.mail, c.noAuto)) {
		t.Errorf("the reader allows an answer, or not by %s: %q, %v", c.noAuto, r.mail.Auto.Reason, r.mail.Rules)
	}
}

func hasRule(m *Mail, number string) bool {
	return slices.ContainsFunc(m.Rules, func(r ticketing.Rule) bool { return r.Number == number })
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func fileNames(m *Mail) (names []string) {
	for i := range m.Attachments {
		names = append(names, m.Attachments[i].FileName)
	}
	return names
}

// checkClean asserts of any mail what S21, S24, S28 and C6 promise: valid UTF-8 everywhere, no control characters, bounded sizes, no path
// in a file name, one valid object of explain.
func checkClean(t testing.TB, m *Mail) {
	t.Helper()
	limits := DefaultLimits()
	if m.Quarantine == ticketing.CauseMalformed && strings.HasPrefix(m.QuarantineReason, "fault") {
		t.Fatalf("the reader fell over: %s", m.QuarantineReason)
	}
	line := func(what, s string, size int) {
		t.Helper()
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }) {
			t.Fatalf("%s is not clean: %.300q", what, s)
		}
		if len(s) > size {
			t.Fatalf("%s has %d octets", what, len(s))
		}
	}
	text := func(what, s string, size int) {
		t.Helper()
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }) {
			t.Fatalf("%s is not clean: %.300q", what, s)
		}
		if len(s) > size {
			t.Fatalf("%s has %d octets", what, len(s))
		}
	}
	name := 4 * ticketing.MaxNameLength
	line("subject", m.Subject, name)
	people := append(append([]Person(nil), m.To...), m.Cc...)
	for _, p := range []*Person{m.From, m.Sender, m.ReplyTo} {
		if p != nil {
			people = append(people, *p)
		}
	}
	for _, r := range m.AllRecipients {
		people = append(people, r.Person)
	}
	for _, p := range people {
		line("name", p.Name, name)
		line("address", p.Address, max(name, 64+1+253))
	}
	if n := len(m.To) + len(m.Cc); n > limits.Recipients {
		t.Fatalf("%d recipients", n)
	}
	if len(m.Refs) > 2*limits.References {
		t.Fatalf("%d references", len(m.Refs))
	}
	for _, id := range append(m.Refs, m.MessageID) {
		line("message id", id, 998)
	}
	line("content language", m.ContentLanguage, 100)
	text("text", m.Text, limits.Text)
	text("visible", m.Visible, limits.Text)
	text("elided", m.Elided, limits.Text)
	text("html", m.HTML, 8*limits.HTML)
	if len(m.Attachments) > limits.Files {
		t.Fatalf("%d files", len(m.Attachments))
	}
	for i := range m.Attachments {
		a := &m.Attachments[i]
		line("file name", a.FileName, ticketing.MaxFileName+16)
		line("content type", a.ContentType, 255)
		line("content id", a.ContentID, 998)
		if a.FileName == "" || strings.ContainsAny(a.FileName, "/\\") {
			t.Fatalf("file name %q", a.FileName)
		}
	}
	line("quarantine reason", m.QuarantineReason, name)
	line("reason", m.Auto.Reason, name)
	for _, r := range m.Rules {
		for k, v := range r.Args {
			line("rule "+r.Number+" "+k, v, name)
		}
	}
	checkInert(t, m.HTML)
	b, err := json.Marshal(m.Explain())
	if err != nil || !json.Valid(b) {
		t.Fatalf("explain: %v", err)
	}
	if f := m.Failure; f != nil {
		line("status", f.Status, 20)
		line("failed recipient", m.FailedRecipient, name)
	}
}

// hostileGolden is what is kept of a row in its golden file.
type hostileGolden struct {
	ID          string            `json:"id"`
	Mail        string            `json:"mail"`
	Outcome     ticketing.Outcome `json:"outcome"`
	Cause       ticketing.Cause   `json:"cause,omitempty"`
	Reason      string            `json:"reason,omitempty"`
	Kind        ticketing.Kind    `json:"kind"`
	Auth        ticketing.Auth    `json:"auth"`
	Thread      string            `json:"thread,omitempty"`
	Auto        string            `json:"auto"`
	Letters     []string          `json:"letters,omitempty"`
	From        string            `json:"from"`
	Identity    bool              `json:"identity"`
	Subject     string            `json:"subject"`
	Visible     string            `json:"visible"`
	Elided      string            `json:"elided,omitempty"`
	HTML        string            `json:"html,omitempty"`
	Files       []string          `json:"files,omitempty"`
	Flags       []string          `json:"flags,omitempty"`
	Failed      string            `json:"failed_recipient,omitempty"`
	Failure     *Failure          `json:"failure,omitempty"`
	Recipients  int               `json:"recipients"`
	References  int               `json:"references,omitempty"`
	FailingKeys int               `json:"failing_keys,omitempty"`
}

func goldenOf(c *hostileMail, r *hostileResult) hostileGolden {
	m := r.mail
	g := hostileGolden{
		ID: c.id, Mail: c.what, Outcome: r.in.Outcome, Cause: r.in.Cause, Reason: m.QuarantineReason, Kind: m.Kind, Auth: m.Auth, Thread: r.thread, Auto: "yes",
		Identity: m.Identity, Subject: m.Subject, Visible: short(m.Visible), Elided: short(m.Elided), HTML: short(m.HTML), Flags: slices.Sorted(slices.Values(m.Flags)),
		Failed: m.FailedRecipient, Failure: m.Failure, Recipients: len(m.AllRecipients), References: len(m.Refs), FailingKeys: m.FailedKeys,
	}
	if m.From != nil {
		g.From = m.From.Name + " <" + m.From.Address + ">"
	}
	if !r.decision.Answer {
		g.Auto = "no"
		if !m.Auto.Allowed {
			g.Auto = "no: " + m.Auto.Reason
		}
	}
	for _, o := range r.letters {
		g.Letters = append(g.Letters, string(o.Kind)+" to "+strings.TrimPrefix(o.Recipient, "mail:"))
	}
	for i := range m.Attachments {
		a := &m.Attachments[i]
		s := fmt.Sprintf("%s %s %d", a.FileName, a.ContentType, a.Size)
		if a.Inline {
			s += " inline"
		}
		g.Files = append(g.Files, s)
	}
	return g
}

// short gives long texts as their length and SHA-256.
func short(s string) string {
	if len(s) <= 600 {
		return s
	}
	return fmt.Sprintf("%d octets, sha256 %x", len(s), sha256.Sum256([]byte(s)))
}

func compareHostile(t *testing.T, c *hostileMail, r *hostileResult) {
	t.Helper()
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(goldenOf(c, r)); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "hostile", c.id+".golden")
	compareGolden(t, golden, got.Bytes())
}

// mailOf is an ordinary mail of the row, with fields that replace or add to its own.
func mailOf(id, body string, fields ...string) []byte {
	return composeMail(body, append([]string{"Subject: Prova " + id, "Message-ID: <" + strings.ToLower(id) + "@cliente.example>"}, fields...)...)
}

// fromEve are the fields of a mail of the stranger.
func fromEve(name string) []string {
	return []string{"From: " + name + " <eve@bad.example>", "Return-Path: <eve@bad.example>", "Authentication-Results: mx.example.com; dmarc=pass header.from=bad.example"}
}

// repeated is a text many times over without the cost of formatting.
func repeated(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

// TestMemoryOf: the measure sees what is held.
func TestMemoryOf(t *testing.T) {
	if got := memoryOf(func() { _ = make([]byte, 10<<20) }); got < 10<<20 || got > 12<<20 {
		t.Errorf("10 MiB measured as %d", got)
	}
	var kept []byte
	if got := memoryOf(func() { kept = make([]byte, 100<<20) }); got < 100<<20 || got > math.MaxInt32 {
		t.Errorf("100 MiB measured as %d", got)
	}
	runtime.KeepAlive(kept)
}
