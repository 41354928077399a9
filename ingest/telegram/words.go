package telegram

import (
	"fmt"
	"strings"
	"time"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

const (
	// offerData begins the data of an offer's buttons; the token of 52 characters follows. Telegram allows 1 to 64 bytes.
	offerData = "o:"
	// articlesMax is how many articles a message shows (kb.md section 4).
	articlesMax = 3
)

// say makes the words of a row. An automatic message to somebody whose language is not known says everything twice.
func (d *Door) say(o ticketing.Outgoing) (string, []button, error) {
	f := o.Facts
	langs := []string{f.Language}
	switch {
	case f.Bilingual && o.Kind != ticketing.LetterAnswer:
		langs = templates.Languages()
	case f.Language != templates.Italian && f.Language != templates.English:
		langs = []string{templates.Italian}
	}
	var parts []string
	for _, lang := range langs {
		s := speech{d: d, lang: lang, f: f}
		text, err := s.text(o)
		if err != nil {
			return "", nil, err
		}
		parts = append(parts, text)
	}
	var buttons []button
	if o.Kind == ticketing.LetterOffer && f.YesToken != "" && f.NoToken != "" {
		s := speech{d: d, lang: langs[0]}
		buttons = []button{{s.t("telegram.button.yes"), offerData + f.YesToken}, {s.t("telegram.button.no"), offerData + f.NoToken}}
	}
	return strings.Join(parts, "\n\n"), buttons, nil
}

// speech says a row's facts in one language.
type speech struct {
	d    *Door
	lang string
	f    ticketing.Facts
}

// t says a sentence. What is in an argument is not looked at again.
func (s speech) t(key string, args ...any) string {
	m := map[string]any{"number": s.f.Number}
	for i := 0; i+1 < len(args); i += 2 {
		m[args[i].(string)] = args[i+1]
	}
	return s.d.words.T(s.lang, key, m)
}

func (s speech) local(t time.Time) time.Time {
	zone, err := time.LoadLocation(s.f.Zone)
	if err != nil {
		zone = time.UTC
	}
	return t.In(zone)
}

func (s speech) when(t time.Time) string { return s.d.words.When(s.lang, s.local(t)) }

// closed tells when the desk opens, if it is closed.
func (s speech) closed() string {
	if s.f.Open || s.f.NextOpen.IsZero() {
		return ""
	}
	return s.t("telegram.closed", "when", s.when(s.f.NextOpen))
}

// articles are the titles with their summaries and addresses.
func (s speech) articles() string {
	var parts []string
	for _, hit := range s.f.Articles[:min(len(s.f.Articles), articlesMax)] {
		lines := []string{"• " + oneLine(hit.Title)}
		if sum := oneLine(hit.Summary); sum != "" {
			lines = append(lines, sum)
		}
		if s.d.public != "" && hit.Slug != "" {
			lines = append(lines, s.d.public+templates.ArticlePath(hit.Language, hit.Slug))
		}
		parts = append(parts, strings.Join(lines, "\n"))
	}
	return strings.Join(parts, "\n\n")
}

func oneLine(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

func paragraphs(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "\n\n")
}

// text says a row in one language. Only an answer hands on what a person typed, and that is an agent.
func (s speech) text(o ticketing.Outgoing) (string, error) {
	f := s.f
	switch o.Kind {
	case ticketing.LetterReceived:
		found := ""
		if len(f.Articles) > 0 {
			found = paragraphs(s.t("telegram.received.articles"), s.articles())
		}
		return paragraphs(s.t("telegram.received"), s.closed(), found), nil
	case ticketing.LetterOffer:
		return s.offer(), nil
	case ticketing.CardOffer:
		return paragraphs(s.t("telegram.offer"), s.articles(), s.t("telegram.ended."+f.Code)), nil
	case ticketing.LetterOpened:
		return paragraphs(s.t("telegram.opened"), s.closed()), nil
	case ticketing.LetterAnswer:
		return s.answer(), nil
	case ticketing.LetterPending:
		return paragraphs(clean(f.Body), s.t("telegram.pending")), nil
	case ticketing.LetterReminder:
		if f.Until.IsZero() {
			return s.t("telegram.pending"), nil
		}
		return s.t("telegram.reminder", "when", s.when(f.Until)), nil
	case ticketing.LetterResolved:
		return paragraphs(clean(f.Body), s.resolved(f.Reason)), nil
	case ticketing.LetterReopened:
		return paragraphs(s.t("telegram.reopened"), s.closed()), nil
	case ticketing.LetterFollowUp:
		return paragraphs(s.t("telegram.followup", "previous", f.Follows), s.closed()), nil
	case ticketing.LetterByArticle:
		return s.t("telegram.ended.solved"), nil
	}
	return "", refuse("bad_kind", fmt.Sprintf("Telegram has no message of kind %q", o.Kind))
}

func (s speech) offer() string {
	ask := s.t("telegram.offer.ask")
	if !s.f.Until.IsZero() {
		key := "telegram.offer.opens"
		if s.f.Closes {
			key = "telegram.offer.closes"
		}
		ask += "\n" + s.t(key, "when", s.when(s.f.Until))
	}
	return paragraphs(s.t("telegram.offer"), s.articles(), ask)
}

// answer is an agent's words, with the name and what the answer means for the request.
func (s speech) answer() string {
	sign, state := "", ""
	if name := ticketing.CleanName(s.f.AgentName); name != "" {
		sign = "— " + name
	}
	switch s.f.Args["then"] {
	case "pending":
		state = s.t("telegram.pending")
	case "resolve":
		reason := ticketing.Reason(s.f.Args["reason"])
		if reason == "" {
			reason = ticketing.ReasonSolved
		}
		state = s.resolved(reason)
	}
	return paragraphs(clean(s.f.Body), s.articles(), sign, state)
}

func (s speech) resolved(reason ticketing.Reason) string {
	switch {
	case reason == ticketing.ReasonDuplicate && s.f.DuplicateOf > 0:
		return s.t("telegram.resolved.duplicate", "other", s.f.DuplicateOf)
	case reason == ticketing.ReasonSolved, reason == ticketing.ReasonNoReply:
		return s.t("telegram.resolved." + string(reason))
	}
	return s.t("telegram.resolved.other")
}
