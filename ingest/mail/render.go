package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// SpeakerConfig is what the letters of one mailbox are made with.
type SpeakerConfig struct {
	Queues []*ticketing.Queue // whose letters leave here
	Words  *templates.Set
	Keys   *Keys
	Files  ticketing.Files // for attachments
	Domain string          // right side of our Message-IDs (M18)
	// PlusAddressing: the provider delivers base+token@domain to base@domain. Without it Reply-To is the plain address (M20).
	PlusAddressing bool
	// Bounce is what bounce tokens are attached to (M27). The zero Address: the envelope sender is the queue's address.
	Bounce ticketing.Address
	// PublicURL is the origin of the web listener, "https://help.example.com"; empty: letters have no links and customers answer by mail.
	// Plain http is accepted for loopback hosts only.
	PublicURL string
	Company   string // company data for the footer, may be empty
	Help      string // another way to reach the desk, may be empty
	Privacy   string // https address of the privacy notice, may be empty
	Tag       bool   // "[#1234]" in front of subjects, off by default (M22)
	MaxFiles  int64  // bytes of all attachments of a letter before encoding: 18 MiB, about 25 MB on the wire
	Now       func() time.Time
}

// defaultMaxFiles is what common providers take: 25 MB after base64.
const defaultMaxFiles = 18 << 20

// Speaker makes the letters of a mailbox and sends them. It is the speaking half of the e-mail door.
type Speaker struct {
	config SpeakerConfig
	sender *Sender
	queues map[string]*ticketing.Queue
}

// NewSpeaker checks the settings.
func NewSpeaker(c SpeakerConfig, sender *Sender) (*Speaker, error) {
	switch {
	case sender == nil || c.Words == nil || c.Keys == nil:
		return nil, errors.New("mail: a speaker needs a sender, words and keys")
	case c.Domain == "":
		return nil, errors.New("mail: set the domain for Message-IDs")
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil ||
			u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
			return nil, fmt.Errorf("mail: public_url %q must be an https address such as https://help.example.com", c.PublicURL)
		}
		c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	}
	if c.MaxFiles <= 0 {
		c.MaxFiles = defaultMaxFiles
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Speaker{config: c, sender: sender, queues: map[string]*ticketing.Queue{}}
	for _, q := range c.Queues {
		if _, err := ticketing.ParseAddress(q.Address); err != nil {
			return nil, fmt.Errorf("mail: queue %s: address %q: %w", q.Name, q.Address, err)
		}
		s.queues[q.Name] = q
	}
	return s, nil
}

// Render makes the bytes of a letter. A permanent *ticketing.Error means that the row can never be said; everything else (a file that
// cannot be read) may work later.
func (s *Speaker) Render(ctx context.Context, o ticketing.Outgoing) ([]byte, ticketing.Ref, error) {
	l, err := s.letter(ctx, o)
	if err != nil {
		return nil, "", err
	}
	raw, err := Compose(l)
	if err != nil {
		return nil, "", permanent("letter.refused", err)
	}
	return raw, refOf(l.MessageID), nil
}

// Send hands the stored bytes to the SMTP server. The envelope is made from the row alone, so that every attempt uses the same one.
func (s *Speaker) Send(ctx context.Context, o ticketing.Outgoing, raw []byte, began func() error) (ticketing.Ref, string, error) {
	q, id, err := s.place(o)
	if err != nil {
		return "", "", &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: "letter.refused", Err: err}
	}
	from := q.Address
	if !s.config.Bounce.IsZero() {
		if a, err := s.config.Keys.Bounce(s.config.Bounce, id); err == nil {
			from = a.String()
		}
	}
	answer, err := s.sender.Send(ctx, Envelope{From: from, To: o.Facts.To.Address, ENVID: o.ID, Bytes: raw}, began)
	if err != nil {
		return "", "", verdict(err)
	}
	return refOf(s.config.Keys.MessageID(id, s.config.Domain)), answer, nil
}

// verdict tells the outbox what a failed sending means for the row.
func verdict(err error) error {
	var failed *SendError
	if !errors.As(err, &failed) {
		return err
	}
	out := &ticketing.SendError{Code: "smtp." + strings.ToLower(failed.Verb), Answer: failed.Answer, Err: err}
	if failed.Code != 0 {
		out.Code = strconv.Itoa(failed.Code)
	}
	switch {
	case failed.Kind == SendUnknown:
		out.Verdict = ticketing.SendUnknown
	case failed.Kind == SendPermanent:
		out.Verdict = ticketing.SendPermanent
	case failed.Setup:
		// A wrong password must never use up the days a letter has.
		out.Verdict = ticketing.SendSuspend
	default:
		out.Verdict = ticketing.SendTemporary
	}
	return out
}

func permanent(code string, err error) error {
	return &ticketing.Error{Code: code, Permanent: true, Err: err}
}

// place finds what a row is said by: its queue, and its id as the keys need it.
func (s *Speaker) place(o ticketing.Outgoing) (*ticketing.Queue, ulid.ULID, error) {
	q := s.queues[o.Queue]
	if q == nil {
		return nil, ulid.ULID{}, permanent("letter.queue", fmt.Errorf("queue %q does not send by this mailbox: restore it in the settings or cancel the letter", o.Queue))
	}
	id, err := ulid.ParseStrict(o.ID)
	if err != nil {
		return nil, ulid.ULID{}, permanent("letter.id", err)
	}
	return q, id, nil
}

// letter decides everything about a letter from the row's facts.
func (s *Speaker) letter(ctx context.Context, o ticketing.Outgoing) (Letter, error) {
	q, id, err := s.place(o)
	if err != nil {
		return Letter{}, err
	}
	f := o.Facts
	zone := zoneOf(f.Zone)
	said, err := s.facts(o, q, zone)
	if err != nil {
		return Letter{}, err
	}
	lang := f.Language
	if lang != templates.Italian && lang != templates.English {
		lang = templates.Italian
		if q.Language == templates.English {
			lang = templates.English
		}
	}
	if f.Bilingual {
		lang = templates.Both
	}
	words, err := s.config.Words.Mail(lang, said)
	if err != nil {
		return Letter{}, permanent("letter.words", err)
	}
	l := Letter{
		FromName: q.Brand, From: q.Address, To: f.To.Address, Date: s.config.Now().In(zone).Truncate(time.Second),
		MessageID: s.config.Keys.MessageID(id, s.config.Domain), Lang: words.Lang, Ticket: f.Number, Auto: words.AutoSubmitted,
		Subject: words.Subject, Text: words.Text, HTML: words.HTML,
	}
	// What an agent wrote bears the agent's name (M19).
	if agent := ticketing.CleanName(f.AgentName); agent != "" && l.Auto == "" {
		l.FromName = agent + " (" + q.Brand + ")"
	}
	if l.ReplyTo, err = s.replyTo(q, f.ThreadKey); err != nil {
		return Letter{}, permanent("letter.reply_to", err)
	}
	if answered := idOf(f.InReplyTo); answered != "" {
		l.InReplyTo = answered
		l.References = ReferencesFor(idsOf(f.References), nil, answered, f.Proven)
	}
	if l.Attachments, err = s.attachments(ctx, f.Files); err != nil {
		return Letter{}, err
	}
	return l, nil
}

// replyTo is the address token of a thread; empty where the provider has no plus addressing, since From is that address already.
func (s *Speaker) replyTo(q *ticketing.Queue, key string) (string, error) {
	if !s.config.PlusAddressing || key == "" {
		return "", nil
	}
	base, err := ticketing.ParseAddress(q.Address)
	if err != nil {
		return "", err
	}
	thread, err := parseThreadKey(key)
	if err != nil {
		return "", err
	}
	a, err := s.config.Keys.Address(base, thread)
	if errors.Is(err, ErrNoRoom) {
		return "", nil // the Message-ID alone carries the thread then
	}
	return a.String(), err
}

// facts chooses the kind of a letter and what it says. Only an answer hands on anything that the sender typed.
func (s *Speaker) facts(o ticketing.Outgoing, q *ticketing.Queue, zone *time.Location) (templates.Facts, error) {
	f := o.Facts
	common := templates.Common{Brand: q.Brand, Company: s.config.Company, Help: s.config.Help, Privacy: s.config.Privacy, Number: f.Number, Tag: s.config.Tag}
	hours := templates.Hours{Spans: weekOf(q.Hours), Open: f.Open}
	if !f.Open && !f.NextOpen.IsZero() {
		hours.Next = f.NextOpen.In(zone)
	}
	until := f.Until
	if !until.IsZero() {
		until = until.In(zone)
	}
	// A reply reopens as long as the queue's window lasts.
	reopens := until
	if reopens.IsZero() && q.ReopenWindow > 0 && !o.CreatedAt.IsZero() {
		reopens = o.CreatedAt.Add(q.ReopenWindow).In(zone)
	}
	switch o.Kind {
	case ticketing.LetterReceived:
		return templates.Received{Common: common, Hours: hours, Articles: s.articles(f.Articles)}, nil
	case ticketing.LetterOffer:
		offer := templates.Offer{Common: common, OpensAt: until, Closes: f.Closes}
		if s.config.PublicURL != "" && f.YesToken != "" && f.NoToken != "" {
			offer.Confirm = s.config.PublicURL + templates.OfferPath(f.YesToken, f.NoToken)
		}
		offer.Articles = s.articles(f.Articles)
		return offer, nil
	case ticketing.LetterOpened:
		return templates.Opened{Common: common, Hours: hours}, nil
	case ticketing.LetterAnswer:
		answer := s.answer(common, f)
		switch f.Args["then"] {
		case "pending":
			answer.State = templates.StatePending
		case "resolve":
			answer.State, answer.Until = templates.StateResolved, reopens
		}
		return answer, nil
	case ticketing.LetterPending:
		if strings.TrimSpace(f.Body) != "" {
			answer := s.answer(common, f)
			answer.State = templates.StatePending
			return answer, nil
		}
		return templates.Pending{Common: common}, nil
	case ticketing.LetterReminder:
		return templates.Reminder{Common: common, Until: until}, nil
	case ticketing.LetterResolved:
		return templates.Resolved{Common: common, Reason: string(f.Reason), Other: f.DuplicateOf, Words: agentWords(f.Body),
			Agent: ticketing.CleanName(f.AgentName), Until: reopens}, nil
	case ticketing.LetterReopened:
		return templates.Reopened{Common: common, Hours: hours}, nil
	case ticketing.LetterFollowUp:
		return templates.Followup{Common: common, Previous: f.Follows, Hours: hours}, nil
	case ticketing.LetterByArticle:
		return templates.ArticleSolved{Common: common, Until: reopens}, nil
	}
	return nil, permanent("letter.kind", fmt.Errorf("no letter of kind %q", o.Kind))
}

// maxOffered is how many articles an offer shows (kb.md section 4).
const maxOffered = 3

// articles are what a letter shows of found articles, each with the address of its page if there is a public one.
func (s *Speaker) articles(hits []ticketing.Hit) []templates.Article {
	var out []templates.Article
	for _, hit := range hits[:min(len(hits), maxOffered)] {
		a := templates.Article{Title: oneLine(hit.Title), Summary: oneLine(hit.Summary), Language: hit.Language}
		if s.config.PublicURL != "" && hit.Slug != "" {
			a.URL = s.config.PublicURL + templates.ArticlePath(hit.Language, hit.Slug)
		}
		out = append(out, a)
	}
	return out
}

func (s *Speaker) answer(common templates.Common, f ticketing.Facts) templates.Answer {
	subject, _ := TrimSubject(ticketing.CleanName(f.Subject))
	return templates.Answer{Common: common, Subject: subject, Words: agentWords(f.Body), Agent: ticketing.CleanName(f.AgentName), Articles: s.articles(f.Articles)}
}

// agentWords removes what cannot stand in a letter; the words stay.
func agentWords(body string) string { return strings.Trim(cleanText(body), "\n") }

func (s *Speaker) attachments(ctx context.Context, files []ticketing.FileRef) ([]Attachment, error) {
	var total int64
	for _, f := range files {
		total += f.Size
	}
	if total > s.config.MaxFiles {
		return nil, permanent("letter.too_large", fmt.Errorf("the files of this answer have %d bytes, a letter takes %d: send a link instead", total, s.config.MaxFiles))
	}
	var out []Attachment
	for i, f := range files {
		if s.config.Files == nil {
			return nil, permanent("letter.files", errors.New("this mailbox has no file store"))
		}
		r, err := s.config.Files.Open(ctx, f.SHA)
		if err != nil {
			return nil, fmt.Errorf("file %s of a letter: %w", f.SHA, err)
		}
		data, err := io.ReadAll(io.LimitReader(r, f.Size+1))
		if closing := r.Close(); err == nil {
			err = closing
		}
		if err == nil && int64(len(data)) != f.Size {
			err = fmt.Errorf("it has %d bytes, %d were noted", len(data), f.Size)
		}
		if err != nil {
			return nil, fmt.Errorf("file %s of a letter: %w", f.SHA, err)
		}
		out = append(out, Attachment{Name: ticketing.CleanFileName(f.Name, i+1), Type: f.Type, Data: data})
	}
	return out, nil
}

// weekOf writes opening hours for a letter: neighbouring days with the same hours together, from Monday on. No hours, or hours without
// an end, are not worth a sentence.
func weekOf(h *ticketing.Hours) []templates.Span {
	if h == nil {
		return nil
	}
	var spans []templates.Span
	always := true
	last := time.Weekday(-1)
	for i := range 7 {
		day := time.Weekday((i + 1) % 7)
		var times []string
		for _, span := range h.Week(day) {
			always = always && span == ticketing.Span{From: 0, To: 24 * 60}
			times = append(times, clock(span.From)+"–"+clock(span.To))
		}
		if len(times) == 0 {
			always = false
			continue
		}
		if n := len(spans); n > 0 && spans[n-1].Last == last && (last+1)%7 == day && slices.Equal(spans[n-1].Times, times) {
			spans[n-1].Last = day
		} else {
			spans = append(spans, templates.Span{First: day, Last: day, Times: times})
		}
		last = day
	}
	if always {
		return nil
	}
	return spans
}

func clock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// zoneOf falls back to UTC: a time with a wrong zone name would be worse than one in UTC.
func zoneOf(name string) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil {
		return zone
	}
	return time.UTC
}

// idOf turns a ref back into the Message-ID it was made from; "" when it is none that may be repeated (M21).
func idOf(ref ticketing.Ref) string {
	id, ok := strings.CutPrefix(string(ref), "mail:")
	if id = bareID(id); !ok || id == "" || len(id)+2 > maxRepeatedID {
		return ""
	}
	return "<" + id + ">"
}

// idsOf turns refs, the nearest first as the reader hands them over, into References order: the oldest first.
func idsOf(refs []ticketing.Ref) []string {
	ids := make([]string, 0, len(refs))
	for _, ref := range slices.Backward(refs) {
		ids = append(ids, idOf(ref))
	}
	return ids
}
