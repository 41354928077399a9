package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ingest/telegram/telegramtest"
	"github.com/sportello/sportello/ticketing"
)

const martaID = 501

// botTrial is a helpdesk with a Telegram bot beside its mailbox.
func botTrial(t *testing.T, o telegramtest.Options, change ...func(*Config)) (*trial, *telegramtest.Server) {
	t.Helper()
	s := telegramtest.New(o)
	t.Cleanup(s.Close)
	s.Person(telegramtest.User{ID: martaID, First: "Marta", Last: "Bianchi", Language: "it"})
	return newTrial(t, trialSetup{change: func(c *Config) {
		c.Telegram.Token, c.Telegram.APIURL, c.Telegram.Pace, c.Telegram.Poll = ticketing.NewSecret(telegramtest.Token), s.URL, time.Nanosecond, 5*time.Second
		for _, f := range change {
			f(c)
		}
	}}), s
}

// botSaid waits until the bot has written so many messages and returns the newest.
func botSaid(tr *trial, s *telegramtest.Server, n int) telegramtest.Message {
	tr.t.Helper()
	tr.until("the bot has written", func() bool { return len(s.Sent(martaID)) >= n })
	return s.Sent(martaID)[n-1]
}

// TestStoryTelegram: a question in Telegram, an article, a ticket, an answer with a photo, the end.
func TestStoryTelegram(t *testing.T) {
	tr, s := botTrial(t, telegramtest.Options{})
	tr.open()
	tr.imports()
	say := func(text string) int64 { return s.Say(telegramtest.Say{From: martaID, Text: text}) }

	// An article first, with buttons. "No" opens the ticket.
	say("La stampante è ferma, da stamattina non stampa più niente")
	offer := botSaid(tr, s, 1)
	if !strings.Contains(offer.Text, "/kb/it/stampante-ferma") || len(offer.Buttons) != 2 || offer.Buttons[0][0].Text != "✅ Sì, ho risolto" {
		t.Fatalf("the offer is %+v", offer)
	}
	press := s.Press(martaID, martaID, offer.ID, offer.Buttons[1][0].Data)
	tr.until("the ticket is there", func() bool { return tr.tickets() == 1 })
	k := tr.untilState(1, ticketing.StateNew)
	tr.until("the press is answered", func() bool { return s.Answered(press) })
	tr.until("the buttons are gone", func() bool {
		m := s.Messages(martaID)[1]
		return len(m.Buttons) == 0 && strings.Contains(m.Text, "🙋 La richiesta n. 1 è passata a un operatore.")
	})
	if m := botSaid(tr, s, 2); !strings.Contains(m.Text, "n. 1 è passata a un operatore. Ti rispondiamo qui.") {
		t.Errorf("the ticket's opening is told as %q", m.Text)
	}
	root := tr.posted(k.Thread, ticketing.PostRoot, 1)
	if !strings.Contains(seen(root), "Marta Bianchi") || !strings.Contains(seen(root), "Telegram") {
		t.Errorf("the card is %s", seen(root))
	}

	// More words, a photo, an edit.
	id := say("È una X20")
	if m := tr.posted(k.Thread, ticketing.PostMail, 1); m.ThreadTS != root.TS || !strings.Contains(seen(m), "È una X20") {
		t.Errorf("the thread shows %s", seen(m))
	}
	s.Say(telegramtest.Say{From: martaID, Text: "Ecco la spia", File: &telegramtest.File{Name: "spia.jpg", Photo: true, Data: []byte("not looked at")}})
	if m := tr.posted(k.Thread, ticketing.PostMail, 2); !strings.Contains(seen(m), "Ecco la spia") || !strings.Contains(seen(m), "photo-") {
		t.Errorf("the thread shows %s", seen(m))
	}
	s.Edit(martaID, id, "È una X30")
	if m := tr.posted(k.Thread, ticketing.PostMail, 3); !strings.Contains(seen(m), "È una X30") || !strings.Contains(seen(m), "modificato") {
		t.Errorf("the edit is shown as %s", seen(m))
	}

	// The answer with a file goes back into the chat.
	reply := tr.says(root.TS, "Prova a spegnerla e riaccenderla.", slacktest.Attachment{Name: "guida.txt", Data: []byte("guida")})
	tr.reacted(reply, "incoming_envelope")
	answer := botSaid(tr, s, 3)
	if !strings.Contains(answer.Text, "Prova a spegnerla e riaccenderla.\n\n— Anna Rossi") || answer.File == nil || string(answer.File.Data) != "guida" || answer.File.Name != "guida.txt" {
		t.Errorf("the answer is %+v", answer)
	}
	tr.says(root.TS, "// uno sconto segreto")
	tr.says(root.TS, "!risolto")
	tr.untilState(1, ticketing.StateResolved)
	if m := botSaid(tr, s, 4); !strings.Contains(m.Text, "✅ La richiesta n. 1 è stata risolta") {
		t.Errorf("the end is told as %q", m.Text)
	}
	s.Say(telegramtest.Say{From: martaID, ReplyTo: answer.ID, Text: "Non va ancora"})
	tr.untilState(1, ticketing.StateOpen)
	tr.settle()
	for _, m := range s.Sent(martaID) {
		if strings.Contains(m.Text, "segreto") {
			t.Errorf("a note reached the customer: %q", m.Text)
		}
	}
	if bad := s.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
	if left := s.Waiting(); len(left) > 0 {
		t.Errorf("updates %v were never confirmed", left)
	}

	// check and the metrics know the bot.
	if out := tr.told("check"); !strings.Contains(out, "bot @sportello_test_bot") {
		t.Errorf("check says\n%s", out)
	}
	res, err := http.Get(tr.web + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	metrics, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(metrics), `sportello_telegram_up{code="",door="telegram:700700",state="polling"} 1`) || !strings.Contains(string(metrics), `sportello_telegram_floods{door="telegram:700700"} 0`) {
		t.Errorf("the metrics say nothing of the bot: %v", err)
	}
	s.Webhook("https://user:geheim@other.example/hook")
	if code, out, errs := tr.command("check"); code == 0 || !strings.Contains(out+errs, "by a webhook at https://***@other.example/hook") {
		t.Errorf("with a webhook check says %d\n%s%s", code, out, errs)
	}
}

// TestStoryTelegramDoubt: a message whose answer was lost waits for a person with the default, and is not sent again meanwhile.
func TestStoryTelegramDoubt(t *testing.T) {
	for doubt, messages := range map[string]int{"ask": 1, "resend": 2} {
		t.Run(doubt, func(t *testing.T) {
			tr, s := botTrial(t, telegramtest.Options{}, func(c *Config) {
				c.Telegram.Doubt, c.Sending.RetryMin = doubt, 50*time.Millisecond
			})
			tr.open()
			s.Fault(telegramtest.Fault{Method: "sendMessage", Kind: telegramtest.LoseAnswer})
			s.Say(telegramtest.Say{From: martaID, Text: "La stampante è ferma"})
			if doubt == "resend" {
				botSaid(tr, s, 2)
				tr.settle()
			} else {
				tr.until("the message is in doubt", func() bool {
					return len(tr.told("outbox", "list", "--state", "in_doubt")) > 0 && strings.Contains(tr.told("outbox", "list", "--state", "in_doubt"), "received")
				})
				var id string
				for _, o := range tr.outgoing("") {
					if o.State == ticketing.OutgoingInDoubt {
						id = o.ID
					}
				}
				tr.told("outbox", "cancel", id, "--arrived")
				tr.settle()
			}
			if got := s.Sent(martaID); len(got) != messages {
				t.Errorf("%d messages arrived, want %d", len(got), messages)
			}
		})
	}
}

// TestTelegramSettings: mistakes are told with what to do.
func TestTelegramSettings(t *testing.T) {
	for want, spoil := range map[string]func(*TelegramConfig){
		"telegram.token is no bot token":            func(c *TelegramConfig) { c.Token = ticketing.NewSecret("xoxb-1") },
		"telegram.doubt is \"probe\"; use one of":   func(c *TelegramConfig) { c.Doubt = "probe" },
		"telegram.poll is 51s; use 1s to 50s":       func(c *TelegramConfig) { c.Poll = 51 * time.Second },
		"telegram.pace is 500ms":                    func(c *TelegramConfig) { c.Pace = time.Second / 2 },
		"telegram.file_max is 20971521":             func(c *TelegramConfig) { c.FileMax++ },
		"telegram.upload_max is 52428801":           func(c *TelegramConfig) { c.UploadMax++ },
		"telegram.text_max is 0":                    func(c *TelegramConfig) { c.TextMax = 0 },
		"telegram.queue: there is no queue named":   func(c *TelegramConfig) { c.Queue = "altra" },
		"telegram.api_url is \"ftp://example.com\"": func(c *TelegramConfig) { c.APIURL = "ftp://example.com" },
	} {
		cfg := trialConfig(t)
		cfg.Mailboxes[0].IMAP.Host, cfg.Telegram.Token = "mail.example", ticketing.NewSecret(telegramtest.Token)
		if err := cfg.check(); err != nil {
			t.Fatal(err)
		}
		spoil(&cfg.Telegram)
		if err := cfg.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	// A server of one's own has limits of its own.
	cfg := trialConfig(t)
	cfg.Mailboxes[0].IMAP.Host = "mail.example"
	cfg.Telegram.APIURL, cfg.Telegram.FileMax, cfg.Telegram.UploadMax, cfg.Telegram.Pace = "http://127.0.0.1:8081", 1<<30, 1<<30, 0
	if err := cfg.check(); err != nil {
		t.Error(err)
	}
}
