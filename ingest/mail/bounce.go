package mail

import (
	"bytes"
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// Failure is what a bounce or a certified receipt says went wrong.
type Failure struct {
	Permanent bool   `json:"permanent"`
	Status    string `json:"status"` // enhanced code (RFC 3463), empty if unknown
	Reason    string `json:"reason"` // a word of mail.md 3.2
}

// Bounce holds the facts of a delivery report.
type Bounce struct {
	EnvelopeID string // Original-Envelope-Id or ENVID (RFC 3464 section 2.2.1)
	Token      string // ULID of the row a valid bounce token names
	Row        string // ULID of the row our returned Message-ID names
	MessageID  string // of the mail returned, when it is a valid id of ours
	Text       string // the server's words, at most 500 octets
}

// deliveryStatus is what the groups of a delivery-status part say together.
type deliveryStatus struct {
	failed, delayed, delivered bool
	recipient                  string
	status, diagnostic, envid  string
	action                     string
}

// maxStatusGroups bounds the recipients read of one report.
const maxStatusGroups = 200

// readStatus reads a delivery-status part (RFC 3464 section 2): the first
// recipient that failed for good wins, else the first at all.
func (m *Mail) readStatus(e *entity) deliveryStatus {
	var out deliveryStatus
	raw, _ := e.decode(64 << 10)
	raw = bytes.TrimLeft(raw, "\r\n\t ")
	best := -1
	pos := 0
	for n := 0; pos < len(raw) && n < maxStatusGroups; n++ {
		h, next := headerScan{maxSize: 64 << 10, maxFields: 200}.read(raw, pos)
		if next <= pos {
			break
		}
		pos = next
		if v := h.get("original-envelope-id"); v != "" && out.envid == "" {
			out.envid = strings.TrimSpace(v)
		}
		action := strings.ToLower(strings.TrimSpace(dropComments(h.get("action"))))
		action, _, _ = strings.Cut(action, " ")
		status := firstStatus(h.get("status"))
		recipient := statusRecipient(h.get("final-recipient"))
		if recipient == "" {
			recipient = statusRecipient(h.get("original-recipient"))
		}
		if recipient == "" && action == "" && status == "" {
			continue
		}
		diagnostic := h.get("diagnostic-code")
		if status == "" {
			status = firstStatus(diagnostic)
		}
		weight := 0
		switch {
		case strings.HasPrefix(action, "fail"), strings.HasPrefix(action, "undeliv"), action == "" && strings.HasPrefix(status, "5"):
			out.failed = true
			weight = 2
			if strings.HasPrefix(status, "5") {
				weight = 3
			}
		case strings.HasPrefix(action, "delay"), action == "" && strings.HasPrefix(status, "4"):
			out.delayed = true
			weight = 1
		case strings.HasPrefix(action, "deliver"), strings.HasPrefix(action, "relay"), strings.HasPrefix(action, "expand"):
			out.delivered = true
		}
		if weight > best {
			best = weight
			out.recipient, out.status, out.diagnostic, out.action = recipient, status, diagnostic, action
		}
	}
	return out
}

// statusRecipient takes "rfc822; <a@b>" apart.
func statusRecipient(v string) string {
	if i := strings.IndexByte(v, ';'); i >= 0 {
		v = v[i+1:]
	}
	return bareAddress(v)
}

func bareAddress(v string) string {
	v = strings.Trim(strings.TrimSpace(v), "<>\"'(),;:. ")
	v = strings.TrimPrefix(strings.TrimPrefix(v, "mailto:"), "rfc822;")
	if i := strings.IndexByte(v, ' '); i >= 0 {
		for w := range strings.FieldsSeq(v) {
			if strings.Contains(w, "@") {
				return bareAddress(w)
			}
		}
		v = v[:i]
	}
	if strings.IndexByte(v, '@') <= 0 || len(v) > 320 {
		return ""
	}
	if a, err := ticketing.ParseAddress(v); err == nil {
		return a.String()
	}
	return ticketing.CleanName(v)
}

// firstStatus finds an enhanced status code of RFC 3463 in s.
func firstStatus(s string) string {
	for i := 0; i+4 < len(s); i++ {
		if (s[i] != '2' && s[i] != '4' && s[i] != '5') || s[i+1] != '.' || i > 0 && (s[i-1] >= '0' && s[i-1] <= '9' || s[i-1] == '.') {
			continue
		}
		j, dots, digits := i+2, 1, 0
		for ; j < len(s); j++ {
			if s[j] == '.' && dots == 1 && digits > 0 && digits <= 3 {
				dots, digits = 2, 0
			} else if s[j] >= '0' && s[j] <= '9' {
				digits++
			} else {
				break
			}
		}
		if dots == 2 && digits >= 1 && digits <= 3 {
			return s[i:j]
		}
	}
	return ""
}

// smtpCode finds a three-digit reply code such as 550.
func smtpCode(s string) string {
	for i := 0; i+3 <= len(s); i++ {
		if (s[i] == '4' || s[i] == '5') && s[i+1] >= '0' && s[i+1] <= '5' && s[i+2] >= '0' && s[i+2] <= '9' &&
			(i == 0 || s[i-1] == ' ' || s[i-1] == '#' || s[i-1] == '(' || s[i-1] == '\n' || s[i-1] == ':') && (i+3 == len(s) || s[i+3] == ' ' || s[i+3] == '-' || s[i+3] == '.') {
			return s[i : i+3]
		}
	}
	return ""
}

// readBounce fills what 3.2 wants of a bounce.
func (m *Mail) readBounce(r *Reader, h *header, root *entity) {
	b := &Bounce{Token: m.BounceToken}
	m.Bounce = b
	var s deliveryStatus
	var returned *entity
	topParts(root, func(e *entity) {
		switch e.ctype {
		case "message/delivery-status", "message/global-delivery-status":
			if s.recipient == "" && s.action == "" {
				s = m.readStatus(e)
			}
		case "text/rfc822-headers", "message/rfc822-headers", "message/rfc822", "message/global-headers", "message/global":
			if returned == nil {
				returned = e
			}
		}
	})
	text, rest := failureText(m.Text)
	b.EnvelopeID = s.envid
	b.Text = head512(cleanText(strings.TrimSpace(firstNonEmpty(s.diagnostic, text))))
	m.FailedRecipient = s.recipient
	if m.FailedRecipient == "" {
		for _, v := range h.all("x-failed-recipients") {
			if m.FailedRecipient == "" {
				first, _, _ := strings.Cut(v, ",")
				m.FailedRecipient = bareAddress(first)
			}
		}
	}
	if m.FailedRecipient == "" {
		m.FailedRecipient = m.recipientInText(text, r)
	}
	// Our Message-ID in the returned headers; prose never counts.
	if returned != nil {
		raw, _ := returned.decode(256 << 10)
		m.readReturned(r, raw, b)
	} else if rest != "" {
		m.readReturned(r, []byte(rest), b)
	}
	status := s.status
	if status == "" {
		status = firstStatus(text)
	}
	if status == "" {
		switch code := smtpCode(text + " " + s.diagnostic); {
		case strings.HasPrefix(code, "4"):
			status = "4.0.0"
		case strings.HasPrefix(code, "5"):
			status = "5.0.0"
		}
	}
	low := strings.ToLower(s.diagnostic + " " + text + " " + m.Subject)
	delayed := strings.HasPrefix(s.action, "delay") || s.action == "" && (strings.Contains(strings.ToLower(m.Subject), "delay") || strings.Contains(low, "still being retried") ||
		strings.Contains(low, "will be retried") || strings.Contains(low, "will continue to try") || strings.Contains(low, "you do not need to resend") || strings.Contains(low, "this is a warning message only"))
	f := &Failure{Status: status, Reason: failureReason(status, low, delayed)}
	switch {
	case delayed:
		f.Reason, f.Permanent = firstWord(f.Reason, "delayed"), false
	case strings.HasPrefix(s.action, "fail"):
		f.Permanent = !strings.HasPrefix(status, "4") || status == "4.4.7"
	default:
		f.Permanent = !strings.HasPrefix(status, "4")
	}
	m.Failure = f
	m.rule("3.2", ruleFailure, "status", status, "reason", f.Reason)
}

func firstWord(reason, fallback string) string {
	if reason == "other" || reason == "expired" {
		return fallback
	}
	return reason
}

func firstNonEmpty(a, b string) string {
	if strings.TrimSpace(a) != "" {
		return a
	}
	return b
}

func head512(s string) string {
	if len(s) <= 500 {
		return s
	}
	return strings.ToValidUTF8(s[:500], "")
}

// readReturned looks for a Message-ID of ours in returned headers.
func (m *Mail) readReturned(r *Reader, raw []byte, b *Bounce) {
	hdr, _ := headerScan{maxSize: 256 << 10, maxFields: 1000}.read(raw, 0)
	id := messageID(hdr.get("message-id"))
	if id == "" {
		return
	}
	if row, v := r.Keys.CheckMessageID(id); v == Valid {
		b.MessageID, b.Row = id, row.String()
	}
	if m.FailedRecipient == "" {
		if l := parseAddresses(hdr.get("to")); len(l.people) == 1 {
			m.FailedRecipient = l.people[0].Address
		}
	}
}

// returnedMarks begin the copy of the mail inside plain-text bounces.
var returnedMarks = []string{
	"below this line is a copy", "this is a copy of the message", "original message follows", "original message header", "copy of your message", "returned message follows", "message header follows",
	"message headers follow", "unsent message follows", "unsent message below", "original message is included", "returned message below", "text of your message", "messaggio originale", "original message -", "original message:",
}

// failureText splits a plain-text bounce into the words of the server and what
// follows the mark of the returned copy.
func failureText(s string) (text, rest string) {
	if len(s) > 16<<10 {
		s = strings.ToValidUTF8(s[:16<<10], "")
	}
	pos := 0
	for line := range strings.Lines(s) {
		low := strings.ToLower(line)
		for _, mark := range returnedMarks {
			if strings.Contains(low, mark) {
				return s[:pos], strings.TrimLeft(s[pos+len(line):], "\r\n\t ")
			}
		}
		if pos > 0 && (strings.HasPrefix(low, "received: from ") || strings.HasPrefix(low, "return-path: <")) {
			return s[:pos], s[pos:]
		}
		pos += len(line)
	}
	return s, ""
}

// recipientInText finds the address a failure paragraph names. The best is one that a field of RFC 3464 names in prose, as reports that lost
// their parts do; then the first after words such as "the following recipients"; then one at the start of a line or before a colon;
// then any that is neither ours nor a daemon's. The summary of the mail itself ("To: …", "From: …") comes last.
func (m *Mail) recipientInText(text string, r *Reader) string {
	const (
		none = iota
		summary
		mentioned
		leading
		announced
	)
	best, found := none, ""
	expected := false
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || len(line) > 2000 {
			continue
		}
		low := strings.ToLower(trimmed)
		if strings.HasPrefix(low, "final-recipient:") || strings.HasPrefix(low, "original-recipient:") {
			if a := statusRecipient(trimmed[strings.IndexByte(trimmed, ':')+1:]); a != "" {
				return a
			}
		}
		announces := announcesRecipients(low)
		if strings.IndexByte(line, '@') < 0 {
			if a := m.localRecipient(trimmed); expected && a != "" && best < announced {
				best, found = announced, a
			}
			expected = expected || announces
			continue
		}
		if strings.Contains(low, "message-id") {
			continue
		}
		label := headerLabel(trimmed)
		for w := range strings.FieldsFuncSeq(trimmed, func(c rune) bool { return strings.ContainsRune(" \t<>()[]\"',;=", c) }) {
			a := m.failedAddress(w, r)
			if a == "" || strings.Contains(low, "from "+strings.ToLower(strings.TrimRight(w, ".:"))) || strings.Contains(low, "from <"+strings.ToLower(w)) {
				continue
			}
			weight := mentioned
			switch {
			case label == "to" || label == "from" || label == "cc" || label == "a" || label == "da" || label == "an" || label == "von":
				weight = summary
			case expected:
				weight = announced
			case strings.HasPrefix(trimmed, "<") || strings.HasSuffix(trimmed, ":") || strings.HasPrefix(trimmed, w):
				weight = leading
			}
			if weight > best {
				best, found = weight, a
			}
		}
		if best == announced {
			return found
		}
		expected = announces
	}
	return found
}

// announcesRecipients reports lines after which servers list the addresses that failed.
func announcesRecipients(low string) bool {
	if !strings.HasSuffix(low, ":") {
		return false
	}
	for _, w := range []string{"recipient", "following address", "destinatar", "empfänger", "the following user"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// localRecipient reads the bare user name that a daemon gives for a mailbox of its own host.
func (m *Mail) localRecipient(s string) string {
	if m.From == nil || m.From.Parsed.IsZero() || !daemonLocal(m.From.Parsed.Local) || len(s) > 64 {
		return ""
	}
	letters := false
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters = true
		case c >= '0' && c <= '9', c == '.', c == '_', c == '-', c == '+':
		default:
			return ""
		}
	}
	if !letters {
		return ""
	}
	return bareAddress(s + "@" + m.From.Parsed.Domain)
}

// failedAddress returns the address that a word is, unless it is ours, a daemon's, the sender's or that of who got the report.
func (m *Mail) failedAddress(w string, r *Reader) string {
	if strings.IndexByte(w, '@') <= 0 {
		return ""
	}
	if _, v := r.Keys.CheckMessageID(w); v != Foreign {
		return ""
	}
	a := bareAddress(w)
	local, domain, _ := strings.Cut(a, "@")
	if a == "" || daemonLocal(local) || !strings.Contains(domain, ".") || m.From != nil && strings.EqualFold(a, m.From.Address) || m.isRecipient(a) {
		return ""
	}
	if p, err := ticketing.ParseAddress(a); err == nil {
		if _, _, own := r.Own.match(p); own {
			return ""
		}
	}
	return a
}

func (m *Mail) isRecipient(a string) bool {
	for _, p := range m.AllRecipients {
		if strings.EqualFold(p.Address, a) {
			return true
		}
	}
	return false
}

// reasonWords maps wording to a reason; the first that occurs wins.
var reasonWords = []struct{ reason, words string }{
	{"mailbox_full", "mailbox full|mailbox is full|over quota|quota exceeded|exceeded storage|storage allocation|overquota|insufficient system storage|mailbox size limit|disk quota|casella piena"},
	{"mailbox_disabled", "disabled|inactive|suspended|deactivated|not active|disattivata"},
	{"unknown_user", "user unknown|unknown user|no such user|does not exist|unknown recipient|recipient unknown|no mailbox here|invalid recipient|recipient not found|not found|unknown address|address rejected|no such recipient|unrouteable address|doesn't have|unknown local|mailbox unavailable|utente sconosciuto|non esiste|no such address|user doesn't"},
	{"unknown_host", "host unknown|unknown host|host not found|domain not found|no such domain|name or service not known|dns error|nullmx|no mx|unrouteable mail domain|name service error"},
	{"too_large", "too large|too big|size limit|exceeds size|message size exceeds|exceeds the maximum|exceeds maximum"},
	{"loop", "too many hops|mail loop|routing loop|loops back|hop count"},
	{"blocked", "blocked|blacklist|blocklist|spamhaus|rbl|listed at|reputation|banned|denied by|too many connections|rate limit"},
	{"content", "spam|virus|content rejected|malware|message content"},
	{"policy", "policy|dmarc|spf|dkim|relay|not allowed|access denied|not authorized|authentication|permitted|prohibited"},
	{"expired", "expired|timed out|timeout|retry time|maximum time|could not be delivered for|no longer attempt|giving up"},
	{"delayed", "delayed|still being retried|will be retried"},
}

// failureReason tells the reason by the status code first, then by wording.
func failureReason(status, low string, delayed bool) string {
	_, detail, _ := strings.Cut(status, ".")
	switch detail {
	case "1.1", "1.3", "1.6", "1.0":
		return "unknown_user"
	case "1.10":
		// RFC 7505 gives it to domains without mail, Exchange to recipients it does not find.
		if strings.Contains(low, "recipientnotfound") || strings.Contains(low, "recipient") && strings.Contains(low, "not found") || strings.Contains(low, "address lookup") {
			return "unknown_user"
		}
		return "unknown_host"
	case "1.2", "4.4", "1.7":
		return "unknown_host"
	case "2.1":
		return "mailbox_disabled"
	case "2.2", "3.1":
		return "mailbox_full"
	case "2.3", "3.4":
		return "too_large"
	case "4.6":
		return "loop"
	case "4.7":
		if delayed {
			return "delayed"
		}
		return "expired"
	case "6.0", "7.8":
		if strings.Contains(low, "spam") || strings.Contains(low, "content") {
			return "content"
		}
	}
	for _, w := range reasonWords {
		for p := range strings.SplitSeq(w.words, "|") {
			if strings.Contains(low, p) {
				return w.reason
			}
		}
	}
	if strings.HasPrefix(detail, "7.") {
		return "policy"
	}
	if delayed {
		return "delayed"
	}
	return "other"
}
