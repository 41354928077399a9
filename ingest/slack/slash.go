package slack

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// slashCommand is the payload of a slash command [/interactivity/implementing-slash-commands].
type slashCommand struct {
	Team    string `json:"team_id"`
	Channel string `json:"channel_id"`
	User    string `json:"user_id"`
	Command string `json:"command"`
	Text    string `json:"text"`
	Reply   string `json:"response_url"`
	Trigger string `json:"trigger_id"`
}

// slash reads a slash command, which may be typed anywhere. The commands of an app can be given other names when they clash with another
// app's; what ends in "kb" searches articles.
func (d *Door) slash(ctx context.Context, h *ticketing.Heard, s slashCommand) error {
	if s.User == "" || s.Team != "" && s.Team != d.team {
		other(h)
		return nil
	}
	if err := d.elsewhere(ctx, h, ticketing.VerbCommand, s.User, s.Channel); err != nil {
		return err
	}
	a := h.Act
	a.Action = ticketing.SlashTickets
	if strings.HasSuffix(strings.ToLower(s.Command), ticketing.SlashArticles) {
		a.Action = ticketing.SlashArticles
	}
	a.Text = plain(s.Text, func(string) string { return "" })
	if d.answerable(s.Reply) {
		a.Reply = s.Reply
	}
	if s.Trigger != "" {
		h.LogicalKey = key("command", d.team, s.User, s.Trigger)
	}
	return nil
}

// elsewhere fills in who did something outside a ticket's thread: an agent of which queues, in which language. The queue is the one of the
// channel, else the first whose agent it is.
func (d *Door) elsewhere(ctx context.Context, h *ticketing.Heard, verb ticketing.Verb, user, channel string) error {
	who, err := d.people.person(ctx, user)
	if err != nil {
		return err
	}
	a := &ticketing.Act{Verb: verb, Actor: d.people.party(who), Bot: who.Bot, Language: languageOf(who.Locale)}
	for room, queue := range d.queues {
		_, agent, err := d.people.agent(ctx, room, user)
		if code(err) == "channel_not_found" {
			continue // a channel that is gone has no agents; the other queues go on
		}
		if err != nil {
			return err
		}
		if agent {
			a.Queues = append(a.Queues, queue)
		}
	}
	slices.Sort(a.Queues)
	a.IsAgent = len(a.Queues) > 0
	h.Act, h.From = a, a.Actor
	if h.Queue = d.queues[channel]; h.Queue == "" || !slices.Contains(a.Queues, h.Queue) && a.IsAgent {
		h.Queue = d.anyQueue(a.Queues)
	}
	return nil
}

// anyQueue is the first of an agent's queues, or of all for somebody who is none.
func (d *Door) anyQueue(of []string) string {
	if len(of) > 0 {
		return of[0]
	}
	first := ""
	for _, q := range d.queues {
		if first == "" || q < first {
			first = q
		}
	}
	return first
}

// languageOf is the language we have for a locale; empty when it is not known.
func languageOf(locale string) string {
	switch l, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "_", "-")), "-"); l {
	case "":
		return ""
	case "it":
		return "it"
	}
	return "en"
}

// answerable tells whether an address is one where Slack takes answers: its own host, or the one that the Web API is at.
func (d *Door) answerable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return false
	}
	if u.Scheme == "https" && u.Host == "hooks.slack.com" {
		return true
	}
	api, err := url.Parse(d.api.base)
	return err == nil && u.Host == api.Host && u.Scheme == api.Scheme
}
