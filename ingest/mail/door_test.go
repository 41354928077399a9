package mail

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ingest/doortest"
	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ticketing"
)

var dateField = regexp.MustCompile(`(?m)^Date: .*\r\n`)

// TestDoor is the contract of a door. The receiver fails early (at RCPT, within the letter) and late (at the final dot).
func TestDoor(t *testing.T) {
	for name, fault := range map[string]struct {
		refuse string // point at which a letter is refused
		lose   mailtest.Fault
	}{
		"early": {"RCPT", mailtest.Fault{At: "BODY", Times: 1, Do: mailtest.Cut, After: 100}},
		"late":  {"DOT", mailtest.Fault{At: "DOT", Times: 1, Do: mailtest.Cut, Lost: true}},
	} {
		t.Run(name, func(t *testing.T) {
			doortest.Run(t, doortest.Door{Make: func(t *testing.T) *doortest.Place { return mailPlace(t, fault.refuse, fault.lose) }})
		})
	}
}

func mailPlace(t *testing.T, refuse string, lose mailtest.Fault) *doortest.Place {
	t.Helper()
	server := mailtest.Start(t, mailtest.Options{KeepSubmitted: "Sent"})
	server.AddUser(deskAddress, "secret")
	box, err := NewMailbox(at(t, server.IMAPAddr(), IMAPConfig{Name: "desk", TLS: TLSNone, Username: deskAddress, Password: "secret"}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(server.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	sender := newTestSender(t, SMTPConfig{Host: host, Port: n, TLS: TLSNone, Username: deskAddress, Password: ticketing.NewSecret("secret")})
	now := time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC)
	door := &Door{
		Mailbox: box, Reader: testReader(t), At: HeardAt{Door: "mail:desk", Group: "desk", Queue: "assistenza"}, Sent: "Sent",
		Speaker: testSpeaker(t, sender, func(c *SpeakerConfig) {
			c.Now = func() time.Time { now = now.Add(time.Second); return now }
		}),
	}
	// It changes nothing and counts how often a letter was begun.
	begun := server.FaultSMTP(mailtest.Fault{At: "DATA", Do: mailtest.Raw})
	strike := func(f mailtest.Fault) func() { return func() { server.FaultSMTP(f) } }
	said := 0
	return &doortest.Place{
		Door: door,
		Hear: &doortest.Hearing{
			Samples: samples(t),
			Listening: func(ctx context.Context) error {
				return server.WaitFor(ctx, func() bool { return server.Did(deskAddress, "IDLE") > 0 })
			},
			Say: func(words string) error {
				said++
				server.Deliver(deskAddress, composeMail(words, fmt.Sprintf("Message-ID:<said%d@cliente.example>", said)))
				return nil
			},
			Mute: server.FreezeIMAP,
		},
		Speak: &doortest.Speaking{
			Row: func() ticketing.Outgoing {
				o := testOutgoing(ticketing.LetterAnswer)
				o.ID, o.Door = ulid.Make().String(), door.Name()
				return o
			},
			Steady: func(raw []byte) string { return dateField.ReplaceAllString(withoutBoundary(raw), "") },
			Arrived: func() (all []doortest.Arrival) {
				for _, s := range server.Sent() {
					if !s.Accepted {
						continue
					}
					a := doortest.Arrival{Wire: string(s.Data)}
					if m, err := netmail.ReadMessage(bytes.NewReader(s.Data)); err == nil {
						a.Ref = ticketing.Ref("mail:" + m.Header.Get("Message-Id"))
					}
					all = append(all, a)
				}
				return all
			},
			Asked:       begun.Hits,
			Refuse:      strike(mailtest.Fault{At: refuse, Times: 1, Code: 550, Text: "5.1.1 no such user"}),
			Defer:       strike(mailtest.Fault{At: refuse, Times: 1, Code: 451, Text: "4.7.1 come back later"}),
			LoseMessage: strike(lose),
			LoseAnswer:  strike(mailtest.Fault{At: "DOT", Times: 1, Do: mailtest.Cut}),
			Suspend:     func() { server.SetPassword(deskAddress, "changed") },
			Blind:       func() { server.FaultIMAP(mailtest.Fault{At: "SEARCH"}) },
		},
	}
}

// samples are mails of every kind.
func samples(t *testing.T) (all [][]byte) {
	t.Helper()
	for _, name := range []string{"apple_reply_it", "attachments", "bounce", "out_of_office", "pec_transport"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name+".eml"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, []byte(strings.ReplaceAll(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n", "\r\n")))
	}
	return all
}
