package mail

import (
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// twinIsKept: the same mail without an address of ours among its recipients opens no ticket (decision 17 of the specification).
func twinIsKept(t *testing.T, w *hostileWorld, r *hostileResult) {
	t.Helper()
	raw := strings.Replace(string(r.raw), "To: assistenza@example.com", "To: tutti@negozio.example", 1)
	twin := w.hear(w.reader.Heard(w.reader.Read([]byte(raw)), w.at()))
	if twin.in.Outcome != ticketing.OutcomeAutomatic || len(twin.letters) > 0 {
		t.Errorf("the twin ends as %s with %d letters", twin.in.Outcome, len(twin.letters))
	}
}

// report is a multipart/report of a type with a machine part of a type.
func report(id, reportType, partType, facts string, fields ...string) []byte {
	return asText(id, "report; report-type="+reportType, "b", "--b\nContent-Type: "+partType+"\n\n"+facts+"\n", fields...)
}

var hostileAutomatic = []hostileMail{
	{id: "H077", what: "Auto-Submitted: auto-replied", outcome: ticketing.OutcomeAutomatic, kind: ticketing.KindAutoReply, noAuto: "M1", make: withField("H077", "Auto-Submitted: auto-replied")},
	{id: "H078", what: "Return-Path <>, no report", outcome: ticketing.OutcomeAutomatic, kind: ticketing.KindAutoReply, noAuto: "M2", make: withField("H078", "Return-Path: <>")},
	{id: "H079", what: "newsletter with List-Id and List-Unsubscribe", kind: ticketing.KindList, noAuto: "M3", check: twinIsKept,
		make: withField("H079", "List-Id: Novità <novita.negozio.example>", "List-Unsubscribe: <https://negozio.example/u/1>")},
	{id: "H080", what: "Precedence: bulk", kind: ticketing.KindList, noAuto: "M4", check: twinIsKept, make: withField("H080", "Precedence: bulk")},
	{id: "H081", what: "X-Auto-Response-Suppress: All", noAuto: "M5", make: withField("H081", "X-Auto-Response-Suppress: All")},
	{id: "H082", what: "X-Autoreply: yes, nothing else", outcome: ticketing.OutcomeAutomatic, kind: ticketing.KindAutoReply, noAuto: "M6", make: withField("H082", "X-Autoreply: yes")},
	{id: "H083", what: "read receipt", outcome: ticketing.OutcomeAutomatic, kind: ticketing.KindAutoReply, noAuto: "M7", files: "part-3.txt",
		make: func(*hostileWorld) []byte {
			return report("H083", "disposition-notification", "message/disposition-notification",
				"Final-Recipient: rfc822; maria@cliente.example\nDisposition: manual-action/MDN-sent-manually; displayed\n")
		}},
	{id: "H084", what: "plain-text bounce from MAILER-DAEMON, address in prose", cause: ticketing.CauseReport, kind: ticketing.KindBounce, auth: ticketing.AuthUnknown,
		make: func(*hostileWorld) []byte {
			return mailOf("H084", "Testo H084\n\nI could not deliver your message to the following address:\n\n<luigi@cliente.example>: no such user here\n",
				"From: MAILER-DAEMON@mx.cliente.example", "Return-Path: <>", "Subject: failure notice", "Authentication-Results: -")
		},
		visible: "Testo H084\n\nI could not deliver your message to the following address:\n\n<luigi@cliente.example>: no such user here",
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			if r.mail.FailedRecipient != "luigi@cliente.example" {
				t.Errorf("failed recipient %q", r.mail.FailedRecipient)
			}
		}},
	{id: "H085", what: "our acknowledgement returned, Message-ID intact, body changed", outcome: ticketing.OutcomeAutomatic, kind: ticketing.KindAutoReply, noAuto: "M8",
		make: func(w *hostileWorld) []byte {
			top, _, _ := strings.Cut(string(returned(w.tickets["1001"].letter, "")), "\r\nContent-Type:")
			return []byte(top + "\r\nContent-Type: text/plain\r\n\r\nTesto H085\r\n")
		}, check: ownMail},
	{id: "H086", what: "our status mail returned with a new Message-ID, From ours", cause: ticketing.CauseFromSelf, kind: ticketing.KindAutoReply, visible: "*", flags: "hidden_text",
		make: func(w *hostileWorld) []byte { return returned(w.statusMail(), "<new@relay.example>") }, check: untouched},
	{id: "H087", what: "none of our addresses in To or Cc", noAuto: "M9", make: withField("H087", "To: altri@altro.example")},
	{id: "H088", what: "from no-reply@negozio.example", noAuto: "M10",
		make: withField("H088", "From: Negozio <no-reply@negozio.example>", "Return-Path: <no-reply@negozio.example>", "Authentication-Results: mx.example.com; dmarc=pass header.from=negozio.example")},
	{id: "H089", what: "dmarc=fail by our server", auth: ticketing.AuthFail, flags: "auth_fail", noAuto: "M11",
		make: withField("H089", "Authentication-Results: mx.example.com; dmarc=fail header.from=cliente.example")},
	{id: "H090", what: "X-Spam-Flag: YES", cause: ticketing.CauseSpam, make: withField("H090", "X-Spam-Flag: YES"),
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			if !hasRule(r.mail, "M12") {
				t.Errorf("rules %v", r.mail.Rules)
			}
		}},
	{id: "H091", what: "text/calendar with METHOD REQUEST only", kind: ticketing.KindCalendar, files: "invito.ics", noAuto: "M13", visible: "*",
		make: func(*hostileWorld) []byte {
			return mailOf("H091", "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//example//it\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:h091@cliente.example\nDTSTAMP:20261121T080000Z\nDTSTART;TZID=Europe/Rome:20261123T100000\nDTEND;TZID=Europe/Rome:20261123T110000\nSUMMARY:Testo H091\nDESCRIPTION:Parliamo della cassa.\nEND:VEVENT\nEND:VCALENDAR\n",
				"Content-Type: text/calendar; method=REQUEST; charset=utf-8; name=invito.ics")
		},
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			for _, want := range []string{"Testo H091", "Parliamo della cassa.", "Europe/Rome"} {
				if !strings.Contains(r.mail.Visible, want) {
					t.Errorf("%q is missing in %q", want, r.mail.Visible)
				}
			}
		}},
	{id: "H092", what: "challenge-response, Auto-Submitted: auto-replied", outcome: ticketing.OutcomeAutomatic, kind: ticketing.KindAutoReply, noAuto: "M1",
		visible: "Testo H092\n\nPlease confirm that you are human: reply to this message.",
		make: func(*hostileWorld) []byte {
			return mailOf("H092", "Testo H092\n\nPlease confirm that you are human: reply to this message.", "Auto-Submitted: auto-replied", "Subject: Confirm your message")
		}},
}

// statusMail is the letter that tells Maria her ticket is resolved.
func (w *hostileWorld) statusMail() []byte {
	w.t.Helper()
	o := testOutgoing(ticketing.LetterResolved)
	o.Queue = w.desk.Queues["assistenza"].Name
	raw, _, err := w.speaker.Render(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}
