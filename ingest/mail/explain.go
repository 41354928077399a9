package mail

import (
	"time"

	"github.com/sportello/sportello/ticketing"
)

// Explain is the object of "sportello explain --json" (mail.md section 11). All
// fields are always written.
type Explain struct {
	Subject         string               `json:"subject"`
	From            *Person              `json:"from"`
	To              []Person             `json:"to"`
	Cc              []Person             `json:"cc"`
	Date            *string              `json:"date"`
	MessageID       *string              `json:"message_id"`
	Text            string               `json:"text"`
	Visible         string               `json:"visible_text"`
	Elided          string               `json:"elided_text"`
	Identity        bool                 `json:"identity"`
	Attachments     []ExplainFile        `json:"attachments"`
	Kind            ticketing.Kind       `json:"kind"`
	FailedRecipient *string              `json:"failed_recipient"`
	Failure         *Failure             `json:"failure"`
	Language        string               `json:"language"`
	Auth            ticketing.Auth       `json:"auth"`
	Thread          ExplainThread        `json:"thread"`
	Auto            ticketing.AutoAnswer `json:"auto_answer"`
	// What follows is more than section 11 promises.
	Outcome    Outcome          `json:"outcome"`
	Forward    *ExplainForward  `json:"forward"`
	Quarantine string           `json:"quarantine"` // cause, empty if the reader refuses nothing
	Reason     string           `json:"quarantine_reason"`
	Flags      []string         `json:"flags"`
	Rules      []ticketing.Rule `json:"rules"`
}

// ExplainFile is one attachment.
type ExplainFile struct {
	FileName    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	Inline      bool   `json:"inline"`
}

// ExplainForward is the mail inside a forward; it opens a ticket of its writer only if an agent sent it on (mail.md section 7).
type ExplainForward struct {
	Attached bool    `json:"attached"`
	From     *Person `json:"from"` // null when it abstains
	Subject  string  `json:"subject"`
	Date     *string `json:"date"`
	Visible  string  `json:"visible_text"`
	Comment  string  `json:"comment"`
	Abstains string  `json:"abstains"`
}

// ExplainThread is what the thread headers say.
type ExplainThread struct {
	Rule ticketing.ClaimRule `json:"rule"`
	Refs []string            `json:"refs"`
}

// Outcome is where a mail would go as far as it tells by itself (mail.md section 3.1); the database may know more.
type Outcome string

// Outcomes.
const (
	OutcomeQuarantine Outcome = "quarantine"
	OutcomeReport     Outcome = "report"     // noted on the letter it is about, else quarantine
	OutcomeReceipt    Outcome = "receipt"    // noted on the letter it is about
	OutcomeAutomatic  Outcome = "automatic"  // filed without a ticket, or folded on the one it answers
	OutcomeReply      Outcome = "reply"      // joins the ticket its thread names
	OutcomeTicket     Outcome = "ticket"     // a new ticket, without an automatic answer
	OutcomeSuggestion Outcome = "suggestion" // articles first if the knowledge base is confident, else a ticket
)

func (m *Mail) outcome(candidate bool) Outcome {
	switch {
	case m.Quarantine != "":
		return OutcomeQuarantine
	case m.Own:
		return OutcomeAutomatic
	case m.FromSelf:
		return OutcomeQuarantine
	}
	switch m.Kind {
	case ticketing.KindBounce:
		return OutcomeReport
	case ticketing.KindPECReceipt:
		return OutcomeReceipt
	case ticketing.KindAutoReply, ticketing.KindFeedback:
		return OutcomeAutomatic
	case ticketing.KindCalendar:
		if m.Answers {
			return OutcomeAutomatic
		}
	case ticketing.KindList:
		if !candidate && !m.Public {
			return OutcomeAutomatic
		}
	}
	switch {
	case candidate:
		return OutcomeReply
	case m.Auto.Allowed:
		return OutcomeSuggestion
	}
	return OutcomeTicket
}

// Explain tells everything about the mail that needs no database.
func (m *Mail) Explain() Explain {
	e := Explain{
		Subject: m.Subject, From: m.From, To: m.To, Cc: m.Cc, Text: m.Text, Visible: m.Visible, Elided: m.Elided, Identity: m.Identity,
		Kind: m.Kind, Failure: m.Failure, Language: m.Language, Auth: m.Auth, Auto: m.Auto, Flags: m.Flags, Rules: m.Rules,
		Quarantine: string(m.Quarantine), Reason: m.QuarantineReason,
		Thread: ExplainThread{Rule: ticketing.ClaimNone, Refs: m.Refs}, Attachments: []ExplainFile{},
	}
	if e.Kind == "" {
		e.Kind = ticketing.KindNormal
	}
	notNil(&e.To)
	notNil(&e.Cc)
	notNil(&e.Thread.Refs)
	notNil(&e.Flags)
	notNil(&e.Rules)
	if m.Date != nil {
		s := m.Date.Format(time.RFC3339)
		e.Date = &s
	}
	if m.MessageID != "" {
		e.MessageID = &m.MessageID
	}
	if m.FailedRecipient != "" {
		e.FailedRecipient = &m.FailedRecipient
	}
	for _, c := range m.Claims {
		if c.Valid && (c.Rule == ticketing.ClaimToken || c.Rule == ticketing.ClaimOwnID) {
			e.Thread.Rule = c.Rule
			break
		}
	}
	if f := m.Forward; f != nil {
		e.Forward = &ExplainForward{Attached: f.Attached, From: f.From, Subject: f.Subject, Visible: f.Visible, Comment: f.Comment, Abstains: f.Abstains}
		if f.Date != nil {
			s := f.Date.Format(time.RFC3339)
			e.Forward.Date = &s
		}
	}
	e.Outcome = m.outcome(e.Thread.Rule != ticketing.ClaimNone)
	for _, f := range m.Attachments {
		e.Attachments = append(e.Attachments, ExplainFile{f.FileName, f.ContentType, f.Size, f.Inline})
	}
	return e
}

func notNil[T any](s *[]T) {
	if *s == nil {
		*s = []T{}
	}
}
