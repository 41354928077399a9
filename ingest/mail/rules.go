package mail

import "github.com/sportello/sportello/ticketing"

// ruleCode names one kind of decision. Each has a sentence in templates/lang under cli.explain.rule; the numbers that stand beside them are
// those of the handbook's rules (M, E, Q, F, PEC, S, C).
type ruleCode string

// What the reader decides, in the order in which it decides.
const (
	ruleOutsideParts ruleCode = "outside_parts" // text before and after the parts is read
	ruleOpened       ruleCode = "opened"        // an opaque signature was opened
	ruleTNEF         ruleCode = "tnef"          // Outlook's container was opened
	ruleCalendar     ruleCode = "calendar"      // words were taken from an invitation
	ruleAuth         ruleCode = "auth"          // result
	ruleEnvelope     ruleCode = "pec_envelope"  // envelope
	ruleStanding     ruleCode = "pec_standing"  // result
	rulePECReceipt   ruleCode = "pec_receipt"   // receipt
	rulePECFailure   ruleCode = "pec_about"     // receipt
	ruleOwnIDFailed  ruleCode = "own_id_failed"
	ruleQuarantine   ruleCode = "quarantine" // cause
	ruleKind         ruleCode = "kind"       // kind, mark
	ruleFailure      ruleCode = "failure"    // status, reason
	ruleNoAnswer     ruleCode = "no_answer"  // mark

	ruleForward         ruleCode = "forward"          // from
	ruleForwardAbstains ruleCode = "forward_abstains" // why

	// Of quoted text; each has the line, counted from 1, at which it was decided first.
	ruleReplyMarker   ruleCode = "reply_marker"
	ruleOriginalRule  ruleCode = "original_rule"
	ruleHeaderBlock   ruleCode = "header_block"
	ruleContainer     ruleCode = "container"
	ruleAttribution   ruleCode = "attribution"
	ruleForwardedText ruleCode = "forwarded_text"
	ruleLoneLine      ruleCode = "lone_line"
	ruleOwnQuotation  ruleCode = "own_quotation"
	ruleNoAttribution ruleCode = "no_attribution"
	ruleInlineAnswers ruleCode = "inline_answers"
	ruleAnswerBelow   ruleCode = "answer_below"
	ruleSignature     ruleCode = "signature"
	ruleListFooter    ruleCode = "list_footer"
	ruleLegalFooter   ruleCode = "legal_footer"
	ruleDeviceLine    ruleCode = "device_line"
	ruleNothingNew    ruleCode = "nothing_new"
)

// rule keeps a decision: its number, its code, and what it saw as pairs of name and value.
func (m *Mail) rule(number string, code ruleCode, saw ...string) {
	r := ticketing.Rule{Number: number, Code: string(code)}
	if len(saw) > 0 {
		r.Args = make(map[string]string, len(saw)/2)
		for i := 0; i+1 < len(saw); i += 2 {
			// What was seen may be the sender's words.
			r.Args[saw[i]] = ticketing.CleanName(saw[i+1])
		}
	}
	m.Rules = append(m.Rules, r)
}
