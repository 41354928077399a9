package mail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// shelf keeps files in memory.
type shelf map[string][]byte

func (s shelf) Put(_ context.Context, r io.Reader) (string, int64, error) {
	data, err := io.ReadAll(r)
	sum := sha256.Sum256(data)
	sha := hex.EncodeToString(sum[:])
	s[sha] = data
	return sha, int64(len(data)), err
}

func (s shelf) Open(_ context.Context, sha string) (io.ReadCloser, error) {
	data, ok := s[sha]
	if !ok {
		return nil, ticketing.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func testQueue(t *testing.T) *ticketing.Queue {
	t.Helper()
	hours, err := ticketing.ParseHours(ticketing.HoursSpec{Zone: "Europe/Rome", Days: map[string]string{"mon-fri": "09:00-13:00, 14:00-18:00", "sat": "09:00-13:00"}})
	if err != nil {
		t.Fatal(err)
	}
	return &ticketing.Queue{Name: "assistenza", Brand: "Assistenza Acme", Address: "assistenza@example.com", Language: "it", Hours: hours, ReopenWindow: 14 * 24 * time.Hour}
}

func testKeys(t *testing.T) *Keys {
	t.Helper()
	keys, err := NewKeys(Key{ID: 1, Secret: []byte("0123456789abcdef0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func testSpeaker(t *testing.T, sender *Sender, change func(*SpeakerConfig)) *Speaker {
	t.Helper()
	words, err := templates.Load()
	if err != nil {
		t.Fatal(err)
	}
	c := SpeakerConfig{Queues: []*ticketing.Queue{testQueue(t)}, Words: words, Keys: testKeys(t), Files: shelf{}, Domain: "example.com", PlusAddressing: true,
		Bounce: ticketing.Address{Local: "bounce", Domain: "example.com"}, PublicURL: "https://help.example.com/", Company: "Acme S.r.l., P.IVA 01234567890",
		Help: "+39 011 555 0100", Privacy: "https://help.example.com/privacy",
		Now: func() time.Time { return time.Date(2026, 11, 21, 8, 30, 0, 123, time.UTC) }}
	if change != nil {
		change(&c)
	}
	if sender == nil {
		sender = newTestSender(t, SMTPConfig{Host: "127.0.0.1"})
	}
	s, err := NewSpeaker(c, sender)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var letterKinds = []ticketing.OutgoingKind{ticketing.LetterReceived, ticketing.LetterOffer, ticketing.LetterOpened, ticketing.LetterAnswer,
	ticketing.LetterPending, ticketing.LetterReminder, ticketing.LetterResolved, ticketing.LetterReopened, ticketing.LetterFollowUp, ticketing.LetterByArticle}

func testOutgoing(kind ticketing.OutgoingKind) ticketing.Outgoing {
	o := ticketing.Outgoing{ID: "01KAJ3ZC5B8X9RGV4M2T6W7QHN", Kind: kind, Queue: "assistenza", Ticket: 1204, Automatic: kind != ticketing.LetterAnswer,
		CreatedAt: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	o.Facts = ticketing.Facts{Language: "it", Number: 1204, ThreadKey: "0123456789", To: ticketing.Party{Key: "mail:maria@cliente.example", Address: "maria@cliente.example", Name: "Maria Verdi"},
		Proven: true, Subject: "R: Fwd: Perché la stampante è ferma?", InReplyTo: "mail:<c3@cliente.example>",
		References: []ticketing.Ref{"mail:<c2@cliente.example>", "mail:<c1@cliente.example>", "mail:<c0@cliente.example>"}, Zone: "Europe/Rome",
		NextOpen: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), Reason: ticketing.ReasonDuplicate, DuplicateOf: 1100, Follows: 990, AgentName: "Anna Rossi",
		Until: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), YesToken: strings.Repeat("y", 43), NoToken: strings.Repeat("n", 43),
		Articles: []ticketing.Hit{{Slug: "toner", Language: "it", Title: "Cambiare il toner", Summary: "Apri lo sportello.\nInserisci la cartuccia."}, {Slug: "reset", Language: "en", Title: "Reset"},
			{Title: "Tre"}, {Title: "Quattro"}}}
	if kind == ticketing.LetterAnswer {
		o.Facts.Body = "Gentile signora,\n\ncambi il toner.\n"
	}
	return o
}

var _ interface {
	Render(context.Context, ticketing.Outgoing) ([]byte, ticketing.Ref, error)
	Send(context.Context, ticketing.Outgoing, []byte, func() error) (ticketing.Ref, string, error)
} = (*Speaker)(nil)

// TestRenderLint is M18 to M34 and M38 over every kind, language and thread.
func TestRenderLint(t *testing.T) {
	s := testSpeaker(t, nil, nil)
	n := 0
	for _, kind := range letterKinds {
		for _, lang := range []string{"it", "en", "fr", ""} {
			for _, bilingual := range []bool{false, true} {
				for _, proven := range []bool{false, true} {
					for _, reason := range []ticketing.Reason{ticketing.ReasonSolved, ticketing.ReasonDuplicate, ticketing.ReasonNoReply, ticketing.ReasonOther} {
						o := testOutgoing(kind)
						o.Facts.Language, o.Facts.Bilingual, o.Facts.Proven, o.Facts.Reason = lang, bilingual, proven, reason
						raw, ref, err := s.Render(t.Context(), o)
						if err != nil {
							t.Fatalf("%s: %v", kind, err)
						}
						n++
						name := prefixed{t, fmt.Sprintf("%s %q both=%v proven=%v %s", kind, lang, bilingual, proven, reason)}
						h, parts := lintLetter(name, raw)
						if string(ref) != "mail:"+h.Get("Message-Id") {
							name.Errorf("ref %s, Message-ID %s", ref, h.Get("Message-Id"))
						}
						if id, v := testKeys(t).CheckMessageID(h.Get("Message-Id")); v != Valid || id.String() != o.ID {
							name.Errorf("our own Message-ID does not verify")
						}
						want := "<c0@cliente.example> <c1@cliente.example> <c2@cliente.example> <c3@cliente.example>"
						if !proven {
							want = "<c3@cliente.example>"
						}
						if h.Get("References") != want || h.Get("In-Reply-To") != "<c3@cliente.example>" {
							name.Errorf("References %s", h.Get("References"))
						}
						if len(parts) != 2 || !strings.Contains(string(parts[0].data), "1204") || !bytes.Contains(parts[1].data, []byte(`<html lang="`+h.Get("Content-Language")+`">`)) {
							name.Errorf("the number or the language is missing from the body")
						}
						if auto := h.Get("Auto-Submitted"); (auto == "") != (kind == ticketing.LetterAnswer) {
							name.Errorf("Auto-Submitted %q", auto)
						}
						if h.Get("Date") != "Sat, 21 Nov 2026 09:30:00 +0100" {
							name.Errorf("Date %s", h.Get("Date"))
						}
					}
				}
			}
		}
	}
	t.Logf("%d letters", n)
}

func TestRenderAddresses(t *testing.T) {
	o := testOutgoing(ticketing.LetterAnswer)
	raw, _, err := testSpeaker(t, nil, nil).Render(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	h, _ := lintLetter(t, raw)
	from, _ := h.AddressList("From")
	if from[0].Name != "Anna Rossi (Assistenza Acme)" || from[0].Address != "assistenza@example.com" {
		t.Errorf("From %v", from[0])
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if subject != "Re: Perché la stampante è ferma?" {
		t.Errorf("subject %q: prefixes must be reduced to one (M22)", subject)
	}
	reply, _ := h.AddressList("Reply-To")
	base := ticketing.Address{Local: "assistenza", Domain: "example.com"}
	_, token, _ := strings.Cut(strings.TrimSuffix(reply[0].Address, "@example.com"), "+")
	if key, v := testKeys(t).CheckAddress(base, token); v != Valid || threadKey(key) != "0123456789" {
		t.Errorf("Reply-To %s does not name the thread", reply[0].Address)
	}
	raw, _, err = testSpeaker(t, nil, func(c *SpeakerConfig) { c.PlusAddressing = false; c.Tag = true }).Render(t.Context(), testOutgoing(ticketing.LetterReceived))
	if err != nil {
		t.Fatal(err)
	}
	h, _ = lintLetter(t, raw)
	from, _ = h.AddressList("From")
	subject, _ = new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if h.Get("Reply-To") != "" || from[0].Name != "Assistenza Acme" || subject != "[#1204] Richiesta ricevuta – n. 1204" {
		t.Errorf("Reply-To %q, From %v, subject %q", h.Get("Reply-To"), from[0], subject)
	}
}

// TestRenderAutomaticIgnoresTheSender is S11 by comparison: whatever the sender typed, the letter is the same byte for byte.
func TestRenderAutomaticIgnoresTheSender(t *testing.T) {
	s := testSpeaker(t, nil, nil)
	for _, kind := range letterKinds {
		if kind == ticketing.LetterAnswer {
			continue
		}
		var first string
		for i := range 100 {
			o := testOutgoing(kind)
			o.Facts.To.Name = fmt.Sprintf("Buy %d pills https://bad.example/%d", i, i)
			o.Facts.Subject = o.Facts.To.Name + "\r\nBcc: x@bad.example"
			o.Facts.Args = map[string]string{"text": o.Facts.Subject}
			raw, _, err := s.Render(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			got := withoutBoundary(raw)
			if first == "" {
				first = got
			}
			if got != first || strings.Contains(got, "pills") {
				t.Fatalf("%s depends on what the sender typed:\n%s", kind, got)
			}
		}
	}
}

// withoutBoundary makes two renderings comparable: their multipart boundaries are random.
func withoutBoundary(raw []byte) string {
	_, rest, _ := bytes.Cut(raw, []byte("boundary="))
	boundary, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return strings.ReplaceAll(string(raw), string(boundary), "BOUNDARY")
}

func TestRenderOffer(t *testing.T) {
	for _, url := range []string{"https://help.example.com", ""} {
		s := testSpeaker(t, nil, func(c *SpeakerConfig) { c.PublicURL = url })
		raw, _, err := s.Render(t.Context(), testOutgoing(ticketing.LetterOffer))
		if err != nil {
			t.Fatal(err)
		}
		_, parts := lintLetter(t, raw)
		text := string(parts[0].data)
		for _, want := range []string{"- Cambiare il toner\r\n  Apri lo sportello. Inserisci la cartuccia.\r\n", "- Reset (in inglese)", "- Tre", "lunedì 23/11/2026, ore 11:00"} {
			if !strings.Contains(text, want) {
				t.Errorf("offer lacks %q:\n%s", want, text)
			}
		}
		links := strings.Contains(text, "https://help.example.com/offer/"+strings.Repeat("y", 43)+"/"+strings.Repeat("n", 43)) && strings.Contains(text, "https://help.example.com/kb/it/toner")
		if links != (url != "") || strings.Contains(text, "Quattro") || strings.Contains(text, "premi") != (url != "") {
			t.Errorf("public URL %q:\n%s", url, text)
		}
	}
}

func TestRenderAnswerStatesAndFiles(t *testing.T) {
	files := shelf{}
	s := testSpeaker(t, nil, func(c *SpeakerConfig) { c.Files = files; c.MaxFiles = 1000 })
	o := testOutgoing(ticketing.LetterAnswer)
	sha, size, _ := files.Put(t.Context(), strings.NewReader("uno\ndue"))
	o.Facts.Files = []ticketing.FileRef{{Name: "../guida è.txt", Type: "text/plain", Size: size, SHA: sha}}
	o.Facts.Args, o.Facts.Until = map[string]string{"then": "resolve"}, time.Time{}
	raw, _, err := s.Render(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, parts := lintLetter(t, raw)
	if len(parts) != 3 || parts[2].name != "guida è.txt" || string(parts[2].data) != "uno\ndue" {
		t.Errorf("file: %+v", parts[len(parts)-1])
	}
	if !strings.Contains(string(parts[0].data), "Stato: Risolto. Se il problema resta, rispondi entro il 05/12/2026") {
		t.Errorf("answer that resolves:\n%s", parts[0].data)
	}
	o.Facts.Args["then"] = "pending"
	if raw, _, err = s.Render(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, parts = lintLetter(t, raw); !strings.Contains(string(parts[0].data), "Stato: In attesa.") {
		t.Errorf("answer that asks:\n%s", parts[0].data)
	}
	o.Facts.Files[0].SHA = "missing"
	if _, _, err := s.Render(t.Context(), o); err == nil || ticketing.Permanent(err) && !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("missing file: %v", err)
	}
	o.Facts.Files[0].Size = 1001
	if _, _, err := s.Render(t.Context(), o); !ticketing.Permanent(err) {
		t.Errorf("files over the limit: %v, want permanent", err)
	}
}

func TestRenderRefuses(t *testing.T) {
	s := testSpeaker(t, nil, nil)
	for name, change := range map[string]func(*ticketing.Outgoing){
		"unknown queue":     func(o *ticketing.Outgoing) { o.Queue = "gone" },
		"unknown kind":      func(o *ticketing.Outgoing) { o.Kind = ticketing.PostRoot },
		"damaged id":        func(o *ticketing.Outgoing) { o.ID = "x" },
		"damaged key":       func(o *ticketing.Outgoing) { o.Facts.ThreadKey = "x" },
		"no recipient":      func(o *ticketing.Outgoing) { o.Facts.To.Address = "" },
		"CRLF in recipient": func(o *ticketing.Outgoing) { o.Facts.To.Address = "a@b.example\r\nBcc: c@d.example" },
	} {
		o := testOutgoing(ticketing.LetterReceived)
		change(&o)
		if _, _, err := s.Render(t.Context(), o); !ticketing.Permanent(err) {
			t.Errorf("%s: %v, want a permanent error", name, err)
		}
	}
	for name, o := range map[string]ticketing.Ref{"chat": "slack:T1/C1/1.2", "damaged": "mail:<a b>", "long": ticketing.Ref("mail:<" + strings.Repeat("x", 300) + "@y>"), "none": ""} {
		row := testOutgoing(ticketing.LetterReceived)
		row.Facts.InReplyTo = o
		raw, _, err := s.Render(t.Context(), row)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if h, _ := lintLetter(t, raw); h.Get("In-Reply-To") != "" || h.Get("References") != "" {
			t.Errorf("%s: repeated %s", name, h.Get("In-Reply-To"))
		}
	}
}

func TestNewSpeakerChecksSettings(t *testing.T) {
	for _, bad := range []string{"http://help.example.com", "help.example.com", "https://", "https://a@b.example", "https://b.example/?x=1"} {
		c := testSpeaker(t, nil, nil).config
		c.PublicURL = bad
		if _, err := NewSpeaker(c, newTestSender(t, SMTPConfig{Host: "h"})); err == nil {
			t.Errorf("public URL %q accepted", bad)
		}
	}
	testSpeaker(t, nil, func(c *SpeakerConfig) { c.PublicURL = "http://127.0.0.1:8080" })
}

func TestWeekOf(t *testing.T) {
	words, err := templates.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		days map[string]string
		want string
	}{
		{map[string]string{"mon-fri": "09:00-13:00, 14:00-18:00", "sat": "09:00-13:00"}, "lunedì–venerdì 09:00–13:00, 14:00–18:00; sabato 09:00–13:00"},
		{map[string]string{"mon": "09:00-18:00", "wed": "09:00-18:00", "sun": "10:00-12:00"}, "lunedì 09:00–18:00; mercoledì 09:00–18:00; domenica 10:00–12:00"},
		{map[string]string{"mon-sun": "00:00-24:00"}, ""},
		{map[string]string{"mon-sun": "00:00-23:00"}, "lunedì–domenica 00:00–23:00"},
	} {
		h, err := ticketing.ParseHours(ticketing.HoursSpec{Zone: "Europe/Rome", Days: c.days})
		if err != nil {
			t.Fatal(err)
		}
		want := c.want
		if want != "" {
			want = "L'assistenza è attiva ora. Orari di assistenza: " + want + "."
		}
		if got := words.HoursSentence("it", templates.Hours{Spans: weekOf(h), Open: true}); got != want {
			t.Errorf("%v: %s", c.days, got)
		}
	}
	if weekOf(nil) != nil {
		t.Error("a desk without hours speaks of hours")
	}
}

// TestSpeakerSends: the row's id is in the envelope, the bytes are those given, and the outbox learns what a failure means.
func TestSpeakerSends(t *testing.T) {
	p, _ := newPeer(t, false, false)
	s := testSpeaker(t, newTestSender(t, SMTPConfig{Host: "127.0.0.1", Port: p.port, TLS: TLSNone}), nil)
	o := testOutgoing(ticketing.LetterAnswer)
	raw, made, err := s.Render(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ref, answer, err := s.Send(t.Context(), o, raw, nothing)
	if err != nil || ref != made || answer == "" {
		t.Fatalf("ref %s (rendered %s), answer %q, %v", ref, made, answer, err)
	}
	letters, _ := p.got()
	got := letters[0]
	if !bytes.Equal(got.body, raw) || got.to != "maria@cliente.example" || got.mail.EnvelopeID != o.ID {
		t.Errorf("arrived: %+v", got)
	}
	_, token, _ := strings.Cut(strings.TrimSuffix(got.from, "@example.com"), "+")
	if id, v := testKeys(t).CheckBounce(ticketing.Address{Local: "bounce", Domain: "example.com"}, token); v != Valid || id != ulid.MustParse(o.ID) {
		t.Errorf("envelope sender %s does not name the row", got.from)
	}
	for step, want := range map[string]ticketing.SendVerdict{"RCPT 550": ticketing.SendPermanent, "RCPT 450": ticketing.SendTemporary, "DOT drop": ticketing.SendUnknown, "MAIL 530": ticketing.SendSuspend} {
		verb, reply, _ := strings.Cut(step, " ")
		if reply != "drop" {
			reply += " no"
		}
		server := newScripted(t, map[string]string{verb: reply})
		s := testSpeaker(t, newTestSender(t, server.config()), nil)
		_, _, err := s.Send(t.Context(), o, raw, nothing)
		var failed *ticketing.SendError
		if !errors.As(err, &failed) || failed.Verdict != want {
			t.Errorf("%s: %v, want verdict %d", step, err, want)
		}
	}
}
