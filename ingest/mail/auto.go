package mail

import (
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// autoSubmitted is the first token of Auto-Submitted in lower case, without
// parameters and comments (RFC 3834 section 5).
func autoSubmitted(h *header) string {
	v := dropComments(h.get("auto-submitted"))
	if i := strings.IndexAny(v, ";, \t"); i >= 0 && strings.TrimSpace(v[:i]) != "" {
		v = v[:i]
	}
	return strings.ToLower(strings.Trim(v, "; \t"))
}

func precedence(h *header) string {
	v := h.get("precedence")
	if v == "" {
		v = h.get("x-precedence")
	}
	v, _, _ = strings.Cut(strings.TrimSpace(dropComments(v)), " ")
	return strings.ReplaceAll(strings.ToLower(v), "-", "_")
}

// listHeaders are the fields of mailing lists (RFC 2369, RFC 2919).
var listHeaders = []string{"list-id", "list-post", "list-unsubscribe", "list-help", "list-subscribe", "list-owner", "list-archive"}

// foreignList names the list field that is not of an own list, or nothing.
func foreignList(h *header, own []string) string {
	id := strings.ToLower(h.get("list-id"))
	if id != "" {
		for _, o := range own {
			if o = strings.ToLower(strings.Trim(o, "<>")); o != "" && (strings.Contains(id, "<"+o+">") || strings.TrimSpace(id) == o) {
				return ""
			}
		}
	}
	for _, n := range listHeaders {
		if h.has(n) {
			return n
		}
	}
	return ""
}

// daemonLocal reports local parts of M2.
func daemonLocal(local string) bool {
	l := strings.ToLower(local)
	switch l {
	case "mailer-daemon", "postmaster", "listserv", "majordomo":
		return true
	}
	return strings.HasPrefix(l, "owner-") || strings.HasSuffix(l, "-request") || strings.HasSuffix(l, "-owner") || strings.HasSuffix(l, "-bounces")
}

// noReplyLocals are those of M10; dots, dashes and underscores are removed
// before comparing.
var noReplyLocals = map[string]bool{
	"noreply": true, "donotreply": true, "nonrispondere": true, "nepasrepondre": true, "nichtantworten": true, "noresponder": true,
}

// noReplyMarks are removed before comparing.
var noReplyMarks = strings.NewReplacer(".", "", "-", "", "_", "")

func noReplyLocal(local string) bool {
	return noReplyLocals[noReplyMarks.Replace(strings.ToLower(local))]
}

// decideAuto applies M1–M13 as far as one mail by itself tells (section 4).
func (m *Mail) decideAuto(r *Reader, h *header, root *entity) {
	deny := func(number, what string) {
		m.rule(number, ruleNoAnswer, "mark", what)
		if m.Auto.Reason == "" {
			m.Auto.Reason = number + " " + what
		}
	}
	if v := autoSubmitted(h); h.has("auto-submitted") && v != "no" {
		deny("M1", "Auto-Submitted: "+ticketing.CleanName(v))
	}
	fromLocal := ""
	if m.From != nil {
		fromLocal, _, _ = strings.Cut(m.From.Address, "@")
	}
	nullPath := m.nullReturnPath(h)
	pathLocal, _, _ := strings.Cut(strings.Trim(h.get("return-path"), "<> "), "@")
	switch {
	case nullPath:
		deny("M2", "Return-Path: <>")
	case daemonLocal(pathLocal):
		deny("M2", "Return-Path: "+ticketing.CleanName(pathLocal))
	case daemonLocal(fromLocal):
		deny("M2", "From: "+ticketing.CleanName(fromLocal))
	}
	if n := foreignList(h, r.OwnLists); n != "" {
		deny("M3", n)
	}
	switch v := precedence(h); v {
	case "bulk", "junk", "list", "auto_reply":
		deny("M4", "Precedence: "+v)
	}
	for _, v := range h.all("x-auto-response-suppress") {
		for w := range strings.FieldsFuncSeq(strings.ToLower(v), func(c rune) bool { return c == ',' || c == ' ' || c == ';' }) {
			if w == "all" || w == "oof" || w == "autoreply" {
				deny("M5", "X-Auto-Response-Suppress: "+w)
			}
		}
	}
	for _, n := range []string{"x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-generated", "x-loop", "x-failed-recipients"} {
		if h.has(n) {
			deny("M6", n)
		}
	}
	if h.has("feedback-id") && precedence(h) != "" {
		deny("M6", "feedback-id")
	}
	if root.ctype == "multipart/report" || m.Kind == ticketing.KindBounce || m.Kind == ticketing.KindFeedback {
		deny("M7", "report")
	}
	if m.Own || m.FromSelf {
		deny("M8", "own mail")
	}
	if len(r.Own.Public) > 0 && !m.Public {
		deny("M9", "no public address among the recipients")
	}
	if noReplyLocal(fromLocal) {
		deny("M10", "From: "+ticketing.CleanName(fromLocal))
	}
	if m.Auth == ticketing.AuthFail {
		deny("M11", "authentication failed")
	}
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.get("x-spam-flag"))), "yes") {
		deny("M12", "X-Spam-Flag: YES")
		m.refuse(ticketing.CauseSpam, "M12")
	}
	switch m.Kind {
	case ticketing.KindCalendar:
		deny("M13", "calendar")
	case ticketing.KindPECReceipt:
		deny("PEC10", "PEC receipt")
	case ticketing.KindAutoReply:
		if m.Auto.Reason == "" {
			deny("M1", "auto-reply without its mark")
		}
	}
	if m.PEC != nil && m.Kind != ticketing.KindPECReceipt {
		deny("PEC10", "PEC mail")
	}
	if m.Quarantine != "" && m.Auto.Reason == "" {
		m.Auto.Reason = "quarantine " + string(m.Quarantine)
	}
	m.Auto.Allowed = m.Auto.Reason == ""
}

// nullReturnPath reports an empty envelope sender (RFC 3834 section 2).
func (m *Mail) nullReturnPath(h *header) bool {
	if !h.has("return-path") {
		return false
	}
	v := strings.Trim(strings.TrimSpace(dropComments(h.get("return-path"))), "<> ")
	// Sendmail writes the null path as that of its own daemon.
	return v == "" || len(v) >= 13 && strings.EqualFold(v[:13], "mailer-daemon") && (len(v) == 13 || v[13] == '@')
}
