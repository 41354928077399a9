package slack

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

// Sizes of what we post, in characters, below Slack's own limits (slack.md 2.4).
const (
	bodyMax     = 8000 // a customer's message in the thread; with head and foot below the 9,000 of one message
	excerptMax  = 2000
	subjectMax  = 200
	nameMax     = 80
	usernameMax = 80
	fallbackMax = 3000 // below the 4,000 of chat.update
	lineMax     = 3000
)

// frozen is a post as it is stored: the method with all its arguments but the token.
type frozen struct {
	Method  string            `json:"method"`
	Channel string            `json:"channel"`
	TS      string            `json:"ts,omitempty"`   // message to rewrite or to react to
	User    string            `json:"user,omitempty"` // reader of an ephemeral message
	Emoji   string            `json:"emoji,omitempty"`
	Args    map[string]string `json:"args,omitempty"`
}

const (
	methodPost      = "chat.postMessage"
	methodUpdate    = "chat.update"
	methodEphemeral = "chat.postEphemeral"
	methodReact     = "reactions.add"
)

// speech makes words and cards in one language.
type speech struct {
	words    *templates.Set
	lang     string
	username bool // a customer's message carries the customer's name as its author
}

func (s speech) t(key string, args map[string]any) string { return s.words.T(s.lang, key, args) }

// card fills a template and turns it into arguments.
func (s speech) card(name string, values map[string]any) (map[string]string, error) {
	if f, ok := values["fallback"].(string); ok {
		values["fallback"] = cut(f, fallbackMax)
	}
	filled, err := s.words.Card(s.lang, name, values)
	if err != nil {
		return nil, err
	}
	args := map[string]string{}
	for k, v := range filled {
		switch x := v.(type) {
		case string:
			args[k] = x
		default:
			raw, err := json.Marshal(x)
			if err != nil {
				return nil, err
			}
			args[k] = string(raw)
		}
	}
	return args, nil
}

// base are the values that most cards share; everything foreign in it is escaped.
func (s speech) base(c *ticketing.Card) map[string]any {
	subject := cutEscaped(oneLine(c.Subject), subjectMax)
	if subject == "" {
		subject = s.t("slack.no_subject", nil)
	}
	v := map[string]any{
		"number": c.Number, "revision": c.Revision, "subject": subject, "from": s.name(c.From), "address": address(c.From),
		"excerpt": excerpt(c.Excerpt), "lang": escape(c.Language), "suggestion": c.Suggestion, "inbound": c.Inbound,
		"follows": "", "past": "",
	}
	if c.Follows != 0 {
		v["follows"] = s.t("slack.follows", map[string]any{"follows": c.Follows})
	}
	if c.Tickets90 > 1 {
		v["past"] = s.t("slack.past", map[string]any{"n": c.Tickets90})
	}
	return v
}

func (s speech) name(p ticketing.Party) string {
	if n := cutEscaped(oneLine(p.Name), nameMax); n != "" {
		return n
	}
	if p.Address != "" {
		return cutEscaped(oneLine(p.Address), nameMax)
	}
	return s.t("slack.customer.unknown", nil)
}

// address is shown as code, so that Slack makes no link of it; one that is already the name is not repeated.
func address(p ticketing.Party) string {
	if p.Address == "" || p.Name == "" {
		return ""
	}
	return " `" + strings.ReplaceAll(cutEscaped(oneLine(p.Address), nameMax), "`", "'") + "`"
}

func excerpt(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return quoted(cutEscaped(strings.TrimSpace(text), excerptMax))
}

// who mentions an agent by the id, so that Slack shows the name; others are shown as they are called.
func who(id, name string) string {
	if user := userOf(id); user != "" {
		return "<@" + user + ">"
	}
	return cutEscaped(oneLine(name), nameMax)
}

// userOf is the user id in "slack:T1/U1", or "" when key is not that.
func userOf(key string) string {
	_, user, ok := strings.Cut(strings.TrimPrefix(key, "slack:"), "/")
	if !ok || !strings.HasPrefix(key, "slack:") || !isID(user) {
		return ""
	}
	return user
}

// isID tells whether s is made like one of Slack's ids.
func isID(s string) bool {
	if len(s) < 2 || len(s) > 32 {
		return false
	}
	for _, r := range s {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// moment shows a time on the reader's own clock.
func moment(at time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", at.Unix(), at.In(loc).Format("02/01 15:04"))
}

// root is the card of a ticket: the same for the first post and for every rewriting.
func (s speech) root(f ticketing.Facts) (map[string]string, error) {
	c := f.Card
	v := s.base(c)
	v["state"] = s.t("slack.state."+string(c.State), nil)
	v["assignee"] = s.t("slack.nobody", nil)
	if c.AssigneeID != "" {
		v["assignee"] = who(c.AssigneeID, c.Assignee)
	}
	v["word"] = s.t("slack.word."+string(c.State), nil)
	if c.State == ticketing.StateResolved || c.State == ticketing.StateClosed {
		reason := c.Reason
		if reason == "" {
			reason = ticketing.ReasonOther
		}
		v["reason"] = s.t("slack.reason."+string(reason), nil)
		v["reopenable"] = c.State == ticketing.StateResolved
		v["struck"] = "~" + strings.ReplaceAll(v["subject"].(string), "~", "-") + "~"
		v["fallback"] = s.t("slack.resolved.fallback", v)
		return s.card("resolved", v)
	}
	v["priority"], v["unclaimed"], v["active"] = "", c.AssigneeID == "", c.State != ticketing.StatePending
	if c.Priority == "high" || c.Priority == "urgent" {
		v["priority"] = s.t("slack.priority."+c.Priority, nil)
	}
	v["door"] = c.Door
	if kind, _, _ := strings.Cut(c.Door, ":"); s.words.Has("slack.door." + kind) {
		v["door"] = s.t("slack.door."+kind, nil)
	}
	v["fallback"] = s.t("slack.root.fallback", v)
	return s.card("root", v)
}

// held is the card of a held request, or the one line that remains of it.
func (s speech) held(f ticketing.Facts) (map[string]string, error) {
	c := f.Card
	v := s.base(c)
	if c.Ended != "" {
		key := "slack.ended." + c.Ended
		if !s.words.Has(key) {
			key = "slack.ended.ticket"
		}
		v["ended"] = s.t(key, nil)
		v["fallback"] = v["ended"].(string) + " · #" + strconv.FormatInt(c.Number, 10)
		return s.card("ended", v)
	}
	titles := make([]string, 0, len(c.Articles))
	for _, a := range c.Articles[:min(len(c.Articles), maxArticles)] {
		titles = append(titles, cutEscaped(oneLine(a.Title), subjectMax))
	}
	v["articles"], v["opens"] = strings.Join(titles, ", "), ""
	if !c.Until.IsZero() {
		v["opens"] = s.t("slack.card.opens", map[string]any{"when": moment(c.Until, f.Zone)})
	}
	v["fallback"] = s.t("slack.held.fallback", v)
	return s.card("held", v)
}

func (s speech) release(f ticketing.Facts) (map[string]string, error) {
	c := f.Card
	v := s.base(c)
	key := "slack.cause." + string(c.Cause)
	if !s.words.Has(key) {
		key = "slack.cause.other"
	}
	v["why"] = s.t(key, nil)
	v["fallback"] = s.t("slack.release.fallback", v)
	return s.card("release", v)
}

// bounce tells that a letter did not arrive, in the server's own words.
func (s speech) bounce(o ticketing.Outgoing) (map[string]string, error) {
	a := o.Facts.Args
	to := a["recipient"]
	if to == "" && o.Facts.Card != nil {
		to = o.Facts.Card.From.Address
	}
	v := map[string]any{
		"outgoing": o.ID, "agent": cutEscaped(oneLine(o.Facts.AgentName), nameMax),
		"recipient": strings.ReplaceAll(cutEscaped(oneLine(to), nameMax), "`", "'"),
	}
	key := "slack.bounce." + o.Facts.Code
	if o.Facts.Code == "bounce" && o.Facts.AgentName != "" {
		key = "slack.bounce.by"
	}
	if !s.words.Has(key) {
		key = "slack.bounce.failed"
	}
	v["what"] = s.t(key, v)
	why := oneLine(a["status"] + " " + a["reason"] + " " + a["answer"])
	v["why"] = ""
	if why != "" {
		v["why"] = quoted(cutEscaped(why, 500))
	}
	v["fallback"] = s.t("slack.bounce.fallback", v)
	return s.card("bounce", v)
}

// mail is a customer's message in the thread. Its words stand in rich text, of which Slack interprets nothing.
func (s speech) mail(f ticketing.Facts) (map[string]string, error) {
	author := s.t("slack.customer", map[string]any{"name": s.name(f.To)})
	body := strings.TrimSpace(clean(f.Body))
	v := map[string]any{"head": "", "foot": ""}
	var foot []string
	if len([]rune(body)) > bodyMax {
		body = cut(body, bodyMax)
		foot = append(foot, s.t("slack.more", nil))
	}
	if body == "" {
		body = s.t("slack.no_text", nil)
	}
	if f.Args["edited"] != "" {
		foot = append(foot, s.t("slack.edited", nil))
	}
	if len(f.Files) > 0 {
		var names []string
		for _, file := range f.Files {
			names = append(names, cutEscaped(oneLine(file.Name), nameMax)+" ("+size(file.Size)+")")
		}
		foot = append(foot, s.t("slack.files", map[string]any{"files": cut(strings.Join(names, ", "), 600)}))
	}
	if !s.username {
		v["head"] = "*" + author + "*"
	}
	v["body"], v["foot"] = body, strings.Join(foot, "\n")
	v["fallback"] = author + ": " + cutEscaped(oneLine(body), 300)
	args, err := s.card("mail", v)
	if err == nil && s.username {
		args["username"] = cut(unescape(author), usernameMax)
	}
	return args, err
}

func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d kB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// sentence says a code of a line or a hint. Arguments are escaped; one that is an agent's id becomes a mention.
func (s speech) sentence(prefix, code string, args map[string]string) string {
	v := map[string]any{"meant": "", "assignee": "", "agent": "", "word": "", "ticket": "", "follows": ""}
	for k, a := range args {
		if user := userOf(a); user != "" {
			v[k] = "<@" + user + ">"
			continue
		}
		v[k] = strings.ReplaceAll(cutEscaped(oneLine(a), subjectMax), "`", "'")
	}
	if m, _ := v["meant"].(string); m != "" {
		v["meant"] = s.t("slack.hint.meant", map[string]any{"meant": m})
	}
	return strings.TrimSpace(cut(s.t(prefix+code, v), lineMax))
}

func (s speech) line(o ticketing.Outgoing) (map[string]string, error) {
	f := o.Facts
	said := s.sentence("slack.line.", f.Code, f.Args)
	if f.Code == codePaused {
		return s.card("paused", map[string]any{"row": o.ID, "head": said, "thread": o.Thread, "fallback": said})
	}
	if len(f.Articles) == 0 {
		return s.card("line", map[string]any{"fallback": said})
	}
	v := map[string]any{"row": o.ID, "head": said, "thread": o.Thread, "verb": "send", "button": s.t("slack.button.article_send", nil), "fallback": said}
	if f.Code == codeAsk {
		v["ask"], v["verb"], v["button"] = true, "link", s.t("slack.button.article_link", nil)
	}
	for i, a := range f.Articles[:min(len(f.Articles), maxArticles)] {
		n := strconv.Itoa(i + 1)
		v["title"+n], v["key"+n] = cutEscaped(oneLine(a.Title), subjectMax)+" _("+escape(a.Language)+")_", escape(a.Key())
	}
	return s.card("articles", v)
}

const (
	codeAsk     = "articles_ask" // the line that asks which article would have answered
	codePaused  = "loop_ping"    // the line that says that a ticket's automatic letters rest
	maxArticles = 5              // articles that a card names: a context block takes 3,000 characters
)

// stamp is the metadata that names a post of ours: ids only, because every app of the workspace can read it.
func stamp(o ticketing.Outgoing) (string, error) {
	payload := map[string]string{"outbox_id": o.ID, "kind": string(o.Kind)}
	if o.Ticket != 0 {
		payload["ticket_id"] = strconv.FormatInt(o.Ticket, 10)
	}
	raw, err := json.Marshal(map[string]any{"event_type": eventType, "event_payload": payload})
	return string(raw), err
}

// eventType is the type of our posts' metadata.
const eventType = "sportello_post"
