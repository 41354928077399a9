package slack

import (
	"context"
	"strconv"
	"strings"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// look makes the answer to a slash command.
func (d *Door) look(ctx context.Context, s speech, o ticketing.Outgoing) (map[string]string, error) {
	f := o.Facts
	said := s.sentence("slack.", f.Code, f.Args)
	var lines []string
	switch {
	case f.List != nil && len(f.List.Rows) > 0:
		for _, r := range f.List.Rows {
			lines = append(lines, s.row(r, d.link(ctx, r.Root), f.Zone))
		}
		if f.List.More {
			lines = append(lines, s.t("slack.look_more", nil))
		}
	case f.List != nil && f.List.Counts != nil:
		said = s.t("slack."+f.Code, counted(f.List.Counts))
	default:
		for i, a := range f.Articles {
			lines = append(lines, s.article(i+1, a, d.publicURL))
		}
	}
	if len(lines) == 0 {
		return map[string]string{"text": said}, nil
	}
	blocks := []any{section(said)}
	for _, l := range lines {
		blocks = append(blocks, section(l))
	}
	raw, err := encode(blocks)
	return map[string]string{"text": cut(said+"\n"+strings.Join(lines, "\n"), fallbackMax), "blocks": raw}, err
}

func counted(counts map[string]int) map[string]any {
	v := map[string]any{}
	for k, n := range counts {
		v[k] = n
	}
	return v
}

// row is one ticket or held request of a list.
func (s speech) row(r ticketing.Row, link, zone string) string {
	subject := cutEscaped(oneLine(r.Subject), 150)
	if subject == "" {
		subject = s.t("slack.no_subject", nil)
	}
	title := "#" + strconv.FormatInt(r.Number, 10) + " " + subject
	if link != "" {
		// A bar or an arrow in a label would end it; arrows are escaped already.
		title = "<" + link + "|" + strings.ReplaceAll(title, "|", "/") + ">"
	}
	state := s.t("slack.card.held", nil)
	if r.State != "" {
		state = s.t("slack.word."+string(r.State), nil)
	}
	parts := []string{s.name(r.From), state}
	if !r.Until.IsZero() {
		key := "slack.row.opens"
		if r.State != "" {
			key = "slack.row.sleeps"
		}
		parts = append(parts, s.t(key, map[string]any{"when": moment(r.Until, zone)}))
	}
	if r.AssigneeID != "" {
		parts = append(parts, who(r.AssigneeID, r.Assignee))
	}
	mark := map[string]string{"high": ":red_circle: ", "urgent": ":rotating_light: "}[r.Priority]
	return mark + "*" + title + "*\n" + strings.Join(parts, " · ")
}

// article is a found article: its title, where it stands for everybody, and the name by which a thread sends it.
func (s speech) article(n int, a ticketing.Hit, publicURL string) string {
	title := cutEscaped(oneLine(a.Title), subjectMax)
	if publicURL != "" && a.Slug != "" {
		title = "<" + strings.TrimRight(publicURL, "/") + templates.ArticlePath(a.Language, a.Slug) + "|" + strings.ReplaceAll(title, "|", "/") + ">"
	}
	line := "*" + strconv.Itoa(n) + ".* " + title + " `" + strings.ReplaceAll(escape(a.Key()), "`", "'") + "`"
	if a.Summary != "" {
		line += "\n" + cutEscaped(oneLine(a.Summary), 300)
	}
	return line
}

func section(text string) map[string]any {
	return map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "verbatim": true, "text": cut(text, lineMax)}}
}
