package ticketing

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// maxList is how many articles a list in an agents' thread shows.
const maxList = 5

// showFound posts the articles that an agent looked for, each with a button that sends it.
func (d *Desk) showFound(ctx context.Context, c *Case, cmd *Command) error {
	if c.Thread == nil {
		return nil
	}
	hits := c.Found.Hits[:min(len(c.Found.Hits), maxList)]
	code := "articles_found"
	if len(hits) == 0 {
		code = "articles_none"
	}
	return d.post(ctx, c.Tx, c.Queue, c.Thread, PostLine, "inbound:"+c.In.ID+"/kb", Facts{Code: code, Args: map[string]string{"words": cmd.Text}, Articles: hits})
}

// askArticle posts the articles that were found for a question which an agent has just resolved: one press says which was right. Without a
// search, or when somebody has said already, nothing is asked.
func (d *Desk) askArticle(ctx context.Context, tx Tx, q *Queue, t *Thread) error {
	if !q.AskArticle {
		return nil
	}
	s, err := d.searchOf(ctx, tx, t.ID)
	if err != nil || s == nil || s.Answer != "" || s.Verdict == SearchRight || len(s.Articles) == 0 {
		return err
	}
	return d.post(ctx, tx, q, t, PostLine, "suggestion:"+s.ID+"/ask", Facts{Code: "articles_ask", Articles: s.Articles[:min(len(s.Articles), maxList)]})
}

// named finds the article that a command names: by its place in the list shown last in the thread, by its key, or by its slug alone in the
// thread's language. Only what the queue's customers may read can be sent; hint is the code of what to tell the agent otherwise.
func (d *Desk) named(ctx context.Context, c *Case, target string) (a Article, hint string, err error) {
	if n, bad := strconv.Atoi(target); bad == nil {
		hit, ok, err := d.listed(ctx, c, n)
		if err != nil || !ok {
			return a, "kb_number", err
		}
		target = hit.Key()
	}
	languages := []string{c.Thread.Language, c.Queue.Language, "it", "en"}
	slug := target
	if l, s, ok := strings.Cut(target, "/"); ok {
		languages, slug = []string{l}, s
	}
	for _, l := range languages {
		if !validLanguage(l) || !validSlug(slug) {
			continue
		}
		a, err = c.Tx.Article(ctx, slug, l)
		ok, err := found(err)
		if err != nil {
			return a, "", err
		}
		if ok && !a.Published.IsZero() && (a.Audience == AudienceCustomers || a.Audience == AudienceResellers && c.Queue.Audience == AudienceResellers) {
			return a, "", nil
		}
	}
	return a, "kb_unknown", nil
}

// listed is the n-th article of the list shown last in the thread.
func (d *Desk) listed(ctx context.Context, c *Case, n int) (Hit, bool, error) {
	rows, err := c.Tx.ListOutgoing(ctx, OutgoingFilter{Thread: c.Thread.ID, Kind: PostLine, Limit: 50})
	if err != nil {
		return Hit{}, false, err
	}
	for _, o := range rows {
		if len(o.Facts.Articles) > 0 {
			if n < 1 || n > len(o.Facts.Articles) {
				return Hit{}, false, nil
			}
			return o.Facts.Articles[n-1], true, nil
		}
	}
	s, err := d.searchOf(ctx, c.Tx, c.Thread.ID)
	if err != nil || s == nil || n < 1 || n > len(s.Articles) {
		return Hit{}, false, err
	}
	return s.Articles[n-1], true, nil
}

// sendArticle mails an article to the customer as an answer, with the agent's words if there are any, and learns that it answers the
// thread's question.
func (d *Desk) sendArticle(ctx context.Context, c *Case, cmd *Command) error {
	a, hint, err := d.named(ctx, c, cmd.Target)
	if err != nil {
		return err
	}
	if hint == "kb_unknown" && len(c.Found.Hits) > 0 {
		// A word with a hyphen was meant, not a name.
		find := *cmd
		find.Text = strings.TrimSpace(cmd.Target + " " + cmd.Text)
		return d.showFound(ctx, c, &find)
	}
	if hint != "" {
		return d.hint(ctx, c, hint, map[string]string{"article": cmd.Target})
	}
	hit := Hit{ID: a.ID, Slug: a.Slug, Language: a.Language, Title: a.Title, Summary: a.Summary}
	if hit.Summary == "" {
		if hit.Summary, err = d.summaryOf(ctx, c, hit.Key()); err != nil {
			return err
		}
	}
	cmd.Articles = []Hit{hit}
	if c.Heard.Act.Verb == VerbPress {
		// What was pressed is a post of ours, not the agent's message: nothing may be taken back by deleting it. And a button is
		// pressed twice, or by two, before anybody sees that it was.
		cmd.Message = ""
		if sent, err := d.articleSent(ctx, c, hit.Key()); err != nil || sent {
			if sent {
				err = d.hint(ctx, c, "kb_sent", map[string]string{"article": hit.Title})
			}
			return err
		}
	}
	due, err := d.answerDue(ctx, c, cmd)
	if err != nil || !due {
		return err
	}
	if err := d.judgeSearch(ctx, c.Tx, c.Thread.ID, hit.Key()); err != nil {
		return err
	}
	if err := d.learn(ctx, c.Tx, c.Thread.ID, hit.Key(), LessonAgent, cmd.Agent); err != nil {
		return err
	}
	return d.event(ctx, c.Tx, c.Thread.ID, c.Thread.Number, cmd.Agent, "article.sent", map[string]string{"article": hit.Key()})
}

// articleAgain is for how long an article that was sent is not sent again by a button.
const articleAgain = time.Hour

// articleSent reports whether the customer of a thread has just got an article or is about to.
func (d *Desk) articleSent(ctx context.Context, c *Case, key string) (bool, error) {
	rows, err := c.Tx.ListOutgoing(ctx, OutgoingFilter{Thread: c.Thread.ID, Kind: LetterAnswer, Limit: 20})
	if err != nil {
		return false, err
	}
	for _, o := range rows {
		switch o.State {
		case OutgoingPending, OutgoingSending, OutgoingInDoubt, OutgoingSent:
		default:
			continue
		}
		if o.State == OutgoingSent && c.Now.Sub(o.SentAt) > articleAgain {
			continue
		}
		for _, h := range o.Facts.Articles {
			if h.Key() == key {
				return true, nil
			}
		}
	}
	return false, nil
}

// summaryOf is the summary that the search made of an article without one, as it was shown in the thread.
func (d *Desk) summaryOf(ctx context.Context, c *Case, key string) (string, error) {
	rows, err := c.Tx.ListOutgoing(ctx, OutgoingFilter{Thread: c.Thread.ID, Kind: PostLine, Limit: 50})
	if err != nil {
		return "", err
	}
	for _, o := range rows {
		for _, h := range o.Facts.Articles {
			if h.Key() == key {
				return h.Summary, nil
			}
		}
	}
	return "", nil
}

// linkArticle learns which article would have answered a question, or that none does, without a word to the customer.
func (d *Desk) linkArticle(ctx context.Context, c *Case, cmd *Command) error {
	key, code, args := AnswerNone, "article_gap", map[string]string{"agent": cmd.Agent}
	if cmd.Target != AnswerNone {
		a, hint, err := d.named(ctx, c, cmd.Target)
		if err != nil {
			return err
		}
		if hint != "" {
			return d.hint(ctx, c, hint, map[string]string{"article": cmd.Target})
		}
		key, code = ArticleKey(a.Language, a.Slug), "article_linked"
		args["title"] = a.Title
		if err := d.learn(ctx, c.Tx, c.Thread.ID, key, LessonAgent, cmd.Agent); err != nil {
			return err
		}
	}
	if err := d.judgeSearch(ctx, c.Tx, c.Thread.ID, key); err != nil {
		return err
	}
	if err := d.event(ctx, c.Tx, c.Thread.ID, c.Thread.Number, cmd.Agent, "article.linked", map[string]string{"article": key}); err != nil {
		return err
	}
	return d.line(ctx, c.Tx, c.Queue, c.Thread, "inbound:"+c.In.ID+"/linked", code, args)
}
