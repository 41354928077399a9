package mail

import (
	"fmt"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ticketing"
)

// otherMac is an id of the same row with a code that was guessed.
func otherMac(id string) string {
	mac := base32Lower.EncodeToString(make([]byte, macSize))
	local, domain, _ := strings.Cut(id, "@")
	return "<" + strings.TrimPrefix(local, "<")[:len("v1.")+26] + "." + mac + "@" + domain + ">"
}

func idOnly(id string) string { return "<" + strings.Trim(id, "<>") + ">" }

func states(want string) func(*testing.T, *hostileWorld, *hostileResult) {
	return func(t *testing.T, _ *hostileWorld, r *hostileResult) {
		t.Helper()
		if r.states != want {
			t.Errorf("the tickets are %s, want %s", r.states, want)
		}
	}
}

var untouched = states("1001 new 1002 new 1003 closed 1004 resolved")

// ownTicket: the mail became a ticket of its own.
func ownTicket(t *testing.T, w *hostileWorld, r *hostileResult) {
	t.Helper()
	for name, k := range w.tickets {
		if r.in.Ticket == k.number {
			t.Errorf("it is in ticket %s", name)
		}
	}
}

var hostileThreading = []hostileMail{
	{id: "H061", what: "from eve, our Message-ID form with a guessed mac for 1001", flags: "failed_token", check: ownTicket,
		make: func(w *hostileWorld) []byte {
			return mailOf("H061", "Testo H061", append(fromEve("Eve"), "In-Reply-To: "+otherMac(w.tickets["1001"].id))...)
		}},
	{id: "H062", what: "our form signed with a retired key, never sent", flags: "failed_token", check: ownTicket,
		make: func(w *hostileWorld) []byte {
			retired := &Keys{active: []Key{{ID: 9, Secret: []byte("ffffffffffffffffffffffffffffffff")}}}
			return mailOf("H062", "Testo H062", "In-Reply-To: "+retired.MessageID(ulid.MustParse("01JD0000000000000000000009"), "example.com"))
		}},
	{id: "H063", what: "Maria with a valid id of Luca's ticket", cause: ticketing.CauseNotParticipant, thread: "own-id 1002",
		make: func(w *hostileWorld) []byte {
			return mailOf("H063", "Testo H063", "In-Reply-To: "+idOnly(w.tickets["1002"].id))
		}},
	{id: "H064", what: "10,000 References, the last a valid id of 1001", outcome: ticketing.OutcomeReply, thread: "own-id 1001", flags: "references_cut",
		make: func(w *hostileWorld) []byte {
			return mailOf("H064", "Testo H064", "References: "+repeated(9999, func(i int) string { return fmt.Sprintf("<r%d@x.example>\r\n ", i) })+idOnly(w.tickets["1001"].id))
		},
		check: func(t *testing.T, w *hostileWorld, r *hostileResult) {
			if n := len(r.mail.Refs); n != 100 || r.mail.Refs[99] != "<r0@x.example>" || r.in.Ticket != w.tickets["1001"].number {
				t.Errorf("%d references, the first %s; ticket %d", n, r.mail.Refs[len(r.mail.Refs)-1], r.in.Ticket)
			}
		}},
	{id: "H065", what: "from eve, [#1001] and the token in the subject", check: ownTicket,
		make: func(w *hostileWorld) []byte {
			return mailOf("H065", "Testo H065", append(fromEve("Eve"), fmt.Sprintf("Subject: Re: [#%d] [#1001] %s", w.tickets["1001"].number, w.tickets["1001"].token))...)
		}},
	{id: "H066", what: "from eve, token of 1001 in the display name", check: ownTicket,
		make: func(w *hostileWorld) []byte {
			local, _, _ := strings.Cut(w.tickets["1001"].token, "@")
			return mailOf("H066", "Testo H066", append(fromEve(local), "To: "+local+" <assistenza@example.com>")...)
		}},
	{id: "H067", what: "token of 1001 in To, of 1004 in Cc", cause: ticketing.CauseManyTokens, check: untouched,
		make: func(w *hostileWorld) []byte {
			return mailOf("H067", "Testo H067", "To: "+w.tickets["1001"].token, "Cc: "+w.tickets["1004"].token)
		}},
	{id: "H068", what: "token of 1001 in capitals", outcome: ticketing.OutcomeReply, thread: "token 1001",
		make: func(w *hostileWorld) []byte {
			return mailOf("H068", "Testo H068", "To: "+strings.ToUpper(w.tickets["1001"].token))
		},
		check: func(t *testing.T, w *hostileWorld, r *hostileResult) {
			if r.in.Ticket != w.tickets["1001"].number || r.message.Visible != "Testo H068" || !r.message.Public {
				t.Errorf("ticket %d, message %+v", r.in.Ticket, r.message)
			}
		}},
	{id: "H069", what: "token of a closed ticket", outcome: ticketing.OutcomeFollowUp, thread: "token 1003",
		make: func(w *hostileWorld) []byte { return mailOf("H069", "Testo H069", "To: "+w.tickets["1003"].token) },
		check: func(t *testing.T, w *hostileWorld, r *hostileResult) {
			ownTicket(t, w, r)
			untouched(t, w, r)
		}},
	{id: "H070", what: "from eve, In-Reply-To is a Message-ID of Maria's own mail", check: ownTicket,
		make: func(w *hostileWorld) []byte {
			return mailOf("H070", "Testo H070", append(fromEve("Eve"), "In-Reply-To: "+w.tickets["1001"].inbound)...)
		}},
	{id: "H071", what: "eve sent this Message-ID before; now Maria, other body", check: ownTicket,
		earlier: func(*hostileWorld) [][]byte { return [][]byte{mailOf("H071", "Prima io", fromEve("Eve")...)} },
		make:    func(*hostileWorld) []byte { return mailOf("H071", "Testo H071") }},
	{id: "H072", what: "no Message-ID", make: withField("H072", "Message-ID: -"),
		check: func(t *testing.T, w *hostileWorld, r *hostileResult) {
			if !strings.HasPrefix(string(r.message.Ref), "mail:<") || !strings.HasSuffix(string(r.message.Ref), "@missing.invalid>") {
				t.Errorf("stored as %q", r.message.Ref)
			}
			other := w.reader.Heard(w.reader.Read(mailOf("H072", "Altro testo", "Message-ID: -")), w.at())
			if other.Ref == r.heard.Ref {
				t.Errorf("two mails without id have the same one: %s", other.Ref)
			}
		}},
	// The preheader of our letters (M37) is hidden text like everybody's, here and in H086.
	{id: "H073", what: "our own sent mail comes back unchanged", flags: "hidden_text", outcome: ticketing.OutcomeAutomatic, kind: ticketing.KindAutoReply, noAuto: "M8",
		make: func(w *hostileWorld) []byte { return returned(w.tickets["1001"].letter, "") }, visible: "*", check: ownMail},
	{id: "H074", what: "DSN failed 5.1.1, our id in the returned headers", outcome: ticketing.OutcomeBounce, kind: ticketing.KindBounce, auth: ticketing.AuthUnknown, noAuto: "M7",
		files: "part-3.txt part-4.txt",
		make: func(w *hostileWorld) []byte {
			return mailOf("H074", "--b\n\nTesto H074\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; maria@cliente.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: "+
				idOnly(w.tickets["1001"].id)+"\nSubject: x\n\n--b--\n", "From: Mail Delivery System <MAILER-DAEMON@mx.example.com>", "Return-Path: <>", "Authentication-Results: -",
				"Content-Type: multipart/report; report-type=delivery-status; boundary=b")
		},
		check: func(t *testing.T, _ *hostileWorld, r *hostileResult) {
			if f := r.mail.Failure; r.mail.FailedRecipient != "maria@cliente.example" || f == nil || !f.Permanent || f.Status != "5.1.1" || r.in.Outgoing == "" {
				t.Errorf("failed %q, %+v, letter %q", r.mail.FailedRecipient, f, r.in.Outgoing)
			}
		}},
	{id: "H075", what: "out-of-office with our id of 1001", outcome: ticketing.OutcomeAutomatic, kind: ticketing.KindAutoReply, thread: "own-id 1001", noAuto: "M1", check: untouched,
		make: func(w *hostileWorld) []byte {
			return mailOf("H075", "Testo H075", "Subject: Risposta automatica: fuori sede", "Auto-Submitted: auto-replied", "In-Reply-To: "+idOnly(w.tickets["1001"].id))
		}},
	{id: "H076", what: "eve forwards a chain with a valid id of 1001 in References", cause: ticketing.CauseNotParticipant, thread: "own-id 1001",
		make: func(w *hostileWorld) []byte {
			return mailOf("H076", "Testo H076", append(fromEve("Eve"), "Subject: Fwd: Prova", "References: <x@y.example> "+idOnly(w.tickets["1001"].id))...)
		}},
}

// returned is a letter of ours as it comes back, with another end of its text if one is given and another Message-ID on request.
func returned(letter []byte, messageID string) []byte {
	head := "Return-Path: <assistenza@example.com>\r\nAuthentication-Results: mx.example.com; dmarc=pass header.from=example.com\r\n"
	if messageID == "" {
		return append([]byte(head), letter...)
	}
	var b strings.Builder
	b.WriteString(head)
	top, body, _ := strings.Cut(string(letter), "\r\n\r\n")
	for line := range strings.SplitSeq(top, "\r\n") {
		if strings.HasPrefix(strings.ToLower(line), "message-id:") {
			line = "Message-ID: " + messageID
		}
		b.WriteString(line + "\r\n")
	}
	return []byte(b.String() + "\r\n" + body)
}

func ownMail(t *testing.T, w *hostileWorld, r *hostileResult) {
	t.Helper()
	if !r.mail.Own {
		t.Error("it is not known for our own")
	}
	untouched(t, w, r)
}
