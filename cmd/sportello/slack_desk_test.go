package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// colleague adds an agent to the channel.
func (tr *trial) colleague(name, real string) string {
	tr.t.Helper()
	u := tr.slack.AddUser(slacktest.User{Name: name, RealName: real})
	if err := tr.slack.As(u).Join(tr.room); err != nil {
		tr.t.Fatal(err)
	}
	return u
}

// hinted waits until a user is shown something that holds these words, and returns it.
func (tr *trial) hinted(user, words string) (e slacktest.Ephemeral) {
	tr.t.Helper()
	tr.until("a hint: "+words, func() bool {
		for _, x := range tr.slack.Ephemerals(user) {
			if strings.Contains(x.Text, words) {
				e = x
				return true
			}
		}
		return false
	})
	return e
}

// inThread waits until a message with these words stands in a thread.
func (tr *trial) inThread(root, words string) (m slacktest.Message) {
	tr.t.Helper()
	tr.until("in the thread: "+words, func() bool {
		for _, x := range tr.slack.Thread(tr.room, root) {
			if strings.Contains(x.Text, words) {
				m = x
				return true
			}
		}
		return false
	})
	return m
}

// pressed presses as a user and waits for Slack's acknowledgement.
func (tr *trial) pressed(user, ts, action string) {
	tr.t.Helper()
	d, err := tr.slack.As(user).Press(tr.room, ts, action)
	if err != nil {
		tr.t.Fatal(err)
	}
	if <-d.Done(); d.Err() != nil {
		tr.t.Fatal(d.Err())
	}
}

// TestDeskInTheThread: agents hand over, put off, merge and send prepared answers by words in a thread of a real desk, and decide about
// messages that were kept back by their buttons.
func TestDeskInTheThread(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{change: func(c *Config) {
		c.Queues[0].Canned = map[string]string{"riavvio": "Buongiorno, riavvii la cassa. La richiesta è la n. {number}."}
	}})
	bruno := tr.colleague("bruno", "Bruno Bianchi")
	in := tr.expect(tr.write(draft{from: mariaFrom, subject: "Cassa ferma", body: "La cassa è ferma"}), ticketing.OutcomeTicket, "")
	root := tr.root(in.Ticket)
	tr.says(root, "!rapida riavvio")
	preview := tr.hinted(tr.anna, "Risposta pronta «riavvio»")
	tr.pressed(tr.anna, preview.TS, "macro.send")
	if l := tr.letter(maria, ticketing.LetterAnswer, 1); !strings.Contains(l.text, fmt.Sprintf("La richiesta è la n. %d.", in.Ticket)) {
		t.Errorf("the customer got\n%s", l.text)
	}
	tr.inThread(root, "ha inviato al cliente la risposta pronta «riavvio»")

	tr.says(root, "!assegna <@"+bruno+"> la conosce lui")
	tr.inThread(root, "ha assegnato il ticket a <@"+bruno+">")
	if k := tr.ticket(in.Ticket); !strings.HasSuffix(k.Assignee, "/"+bruno) {
		t.Errorf("assigned to %s", k.Assignee)
	}
	tr.says(root, "!ricorda domani 9")
	if tr.hinted(tr.anna, "Rimandato"); !tr.ticket(in.Ticket).Snoozed {
		t.Error("it is not put off")
	}
	tr.until("the card says so", func() bool {
		return strings.Contains(string(tr.slack.Thread(tr.room, root)[0].Blocks), ":zzz: Rimandato")
	})

	tr.says(root, "chiedo a <@"+bruno+">")
	tr.pressed(tr.anna, tr.hinted(tr.anna, "nomina un collega").TS, "guard.send")
	if l := tr.letter(maria, ticketing.LetterAnswer, 2); !strings.Contains(l.text, "chiedo a Bruno Bianchi") {
		t.Errorf("the customer got\n%s", l.text)
	}

	other := tr.expect(tr.write(draft{from: mariaFrom, subject: "Cassa ancora ferma", body: "È ancora ferma"}), ticketing.OutcomeTicket, "")
	tr.says(tr.root(other.Ticket), fmt.Sprintf("!unisci %d", in.Ticket))
	tr.inThread(root, fmt.Sprintf("ha unito qui il ticket #%d", other.Ticket))
	if k := tr.ticket(other.Ticket); k.MergedInto != in.Ticket {
		t.Errorf("merged: %+v", k)
	}
	if bad := tr.slack.Misuse(); len(bad) > 0 {
		t.Error(bad)
	}
}

// typed types a slash command and returns what its user is shown.
func (tr *trial) typed(user, command, text string) slacktest.Ephemeral {
	tr.t.Helper()
	before := len(tr.slack.Ephemerals(user))
	d, err := tr.slack.As(user).Slash(tr.room, command, text)
	if err != nil {
		tr.t.Fatal(err)
	}
	if <-d.Done(); d.Err() != nil {
		tr.t.Fatal(d.Err())
	}
	var all []slacktest.Ephemeral
	tr.until("an answer to "+command+" "+text, func() bool { all = tr.slack.Ephemerals(user); return len(all) > before })
	return all[len(all)-1]
}

// TestSlashCommands: agents search tickets and articles from anywhere, each in their own language, on both databases.
func TestSlashCommands(t *testing.T) {
	for _, s := range stacks() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			tr := startTrial(t, trialSetup{on: s})
			tr.imports()
			john := tr.slack.AddUser(slacktest.User{Name: "john", RealName: "John Doe", Locale: "en-US"})
			if err := tr.slack.As(john).Join(tr.room); err != nil {
				t.Fatal(err)
			}
			in := tr.expect(tr.write(draft{from: mariaFrom, subject: "Cassa ferma", body: "Il registratore è bloccato"}), ticketing.OutcomeTicket, "")
			root := tr.root(in.Ticket)
			tr.says(root, "// sembra la scheda madre")
			tr.until("the note is stored", func() bool { return strings.Contains(tr.typed(tr.anna, "/ticket", "cerca madre").Text, "Cassa ferma") })
			if e := tr.typed(tr.anna, "/ticket", "registr bloccato"); !strings.Contains(e.Text, fmt.Sprintf("#%d Cassa ferma", in.Ticket)) || !strings.Contains(e.Text, "/archives/"+tr.room+"/p"+strings.Replace(root, ".", "", 1)) {
				t.Errorf("found:\n%s", e.Text)
			}
			for text, want := range map[string]string{"mine": "You hold no tickets.", fmt.Sprint(in.Ticket): "Here is the ticket:", "stats": "1 to work on", "help": "/kb words", "search nothing": "No ticket of your queues"} {
				if e := tr.typed(john, "/ticket", text); !strings.Contains(e.Text, want) {
					t.Errorf("%s:\n%s", text, e.Text)
				}
			}
			if e := tr.typed(tr.anna, "/kb", "stampante ferma"); !strings.Contains(e.Text, "`it/stampante-ferma`") {
				t.Errorf("articles:\n%s", e.Text)
			}
			if bad := tr.slack.Misuse(); len(bad) > 0 {
				t.Error(bad)
			}
		})
	}
}

// sees waits until the home tab of a user holds words.
func (tr *trial) sees(user, words string) {
	tr.t.Helper()
	tr.until("the home tab shows "+words, func() bool {
		v, _ := tr.slack.Home(user)
		return strings.Contains(string(v.Payload), words)
	})
}

func (tr *trial) atHome(user, action string, opts ...slacktest.PressOption) {
	tr.t.Helper()
	d, err := tr.slack.As(user).PressHome(action, opts...)
	if err != nil {
		tr.t.Fatal(err)
	}
	if <-d.Done(); d.Err() != nil {
		tr.t.Fatal(d.Err())
	}
}

// TestHomeTabOfADesk: an agent works from the app's home tab of a real desk, and a change elsewhere shows there by itself.
func TestHomeTabOfADesk(t *testing.T) {
	for _, s := range stacks() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			tr := startTrial(t, trialSetup{on: s})
			in := tr.expect(tr.write(draft{from: mariaFrom, subject: "Cassa ferma", body: "Il registratore è bloccato"}), ticketing.OutcomeTicket, "")
			tr.root(in.Ticket)
			tr.slack.As(tr.anna).OpenHome()
			tr.sees(tr.anna, "Qui non c'è nulla da fare")
			tr.atHome(tr.anna, "home.tab.unassigned")
			tr.sees(tr.anna, fmt.Sprintf("#%d Cassa ferma", in.Ticket))
			tr.atHome(tr.anna, "home.row", slacktest.PressOption{Selected: fmt.Sprintf("%d:claim", in.Ticket)})
			tr.sees(tr.anna, "Miei (1)")
			tr.atHome(tr.anna, "home.tab.found")
			tr.sees(tr.anna, "home.search")
			tr.atHome(tr.anna, "home.search", slacktest.PressOption{Value: "registr"})
			tr.sees(tr.anna, "Ticket con «registr»")
			other := tr.expect(tr.write(draft{from: mariaFrom, subject: "Stampante ferma", body: "Non stampa"}), ticketing.OutcomeTicket, "")
			tr.root(other.Ticket)
			tr.sees(tr.anna, "Non assegnati (1)") // by itself, some seconds later
			if bad := tr.slack.Misuse(); len(bad) > 0 {
				t.Error(bad)
			}
		})
	}
}

// opened waits until the window that a user sees holds words.
func (tr *trial) opened(user, words string) {
	tr.t.Helper()
	tr.until("the window shows "+words, func() bool {
		v, _ := tr.slack.View(user)
		return strings.Contains(string(v.Payload), words)
	})
}

func (tr *trial) sendIn(user string, fields map[string]map[string]any) {
	tr.t.Helper()
	d, err := tr.slack.As(user).Submit(fields)
	if err != nil {
		tr.t.Fatal(err)
	}
	if <-d.Done(); d.Err() != nil || len(d.Answer()) > 2 {
		tr.t.Fatal(d.Err(), string(d.Answer()))
	}
}

func (tr *trial) shortcut(user, name, channel, ts string) {
	tr.t.Helper()
	d, err := tr.slack.As(user).Shortcut(name, channel, ts)
	if err != nil {
		tr.t.Fatal(err)
	}
	if <-d.Done(); d.Err() != nil {
		tr.t.Fatal(d.Err())
	}
}

func typedIn(v string) map[string]any {
	return map[string]any{"v": map[string]any{"type": "plain_text_input", "value": v}}
}

func chosen(v string) map[string]any {
	return map[string]any{"v": map[string]any{"type": "static_select", "selected_option": map[string]any{"value": v}}}
}

// TestWindows: an agent makes a ticket of a message in another channel, answers its customer by mail, and splits the customer's reply off, all
// through windows of a real desk. The same message makes no second ticket.
func TestWindows(t *testing.T) {
	for _, s := range stacks() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			tr := startTrial(t, trialSetup{on: s})
			room := tr.slack.AddChannel(slacktest.Channel{ID: "C0GENERALE", Name: "generale", Members: []string{tr.anna, tr.slack.BotUser()}})
			ts, err := tr.slack.As(tr.anna).Write(room, "Maria ha la cassa ferma", slacktest.Attachment{Name: "foto.png", Data: []byte("PNG")})
			if err != nil {
				t.Fatal(err)
			}
			fields := map[string]map[string]any{"subject": typedIn("Cassa ferma"), "requester": typedIn(maria), "queue": chosen("assistenza"), "prio": chosen("high"), "body": typedIn("Maria ha la cassa ferma")}
			tr.shortcut(tr.anna, "ticket_from_message", room, ts)
			tr.opened(tr.anna, "ticket_from_message")
			tr.sendIn(tr.anna, fields)
			tr.hinted(tr.anna, "Creato il ticket #1")
			root := tr.root(1)
			if k := tr.ticket(1); k.Priority != "high" || k.Subject != "Cassa ferma" {
				t.Errorf("made: %+v", k)
			}
			tr.shortcut(tr.anna, "ticket_from_message", room, ts)
			tr.opened(tr.anna, "è già nato un ticket")
			tr.says(root, "Arriviamo")
			l := tr.letter(maria, ticketing.LetterAnswer, 1)
			in := tr.expect(tr.write(tr.reply(mariaFrom, l, "Grazie. E la fattura è sbagliata")), ticketing.OutcomeReply, "")
			if in.Ticket != 1 {
				t.Fatalf("the reply joined %d", in.Ticket)
			}
			var post slacktest.Message
			tr.until("the reply stands in the thread", func() bool {
				for _, m := range tr.slack.Thread(tr.room, root) {
					if strings.Contains(string(m.Blocks), "la fattura è sbagliata") {
						post = m
					}
				}
				return post.TS != ""
			})
			tr.shortcut(tr.anna, "ticket_actions", tr.room, post.TS)
			tr.opened(tr.anna, "Ticket #1")
			tr.sendIn(tr.anna, map[string]map[string]any{"do": chosen("split"), "value": typedIn("Fattura sbagliata")})
			tr.inThread(root, "ha fatto di un messaggio il ticket #2")
			tr.inThread(tr.root(2), "ha diviso questo ticket dal #1")
			if k := tr.ticket(2); k.Subject != "Fattura sbagliata" || k.Contact != tr.ticket(1).Contact {
				t.Errorf("split: %+v", k)
			}
			if n := tr.tickets(); n != 2 {
				t.Errorf("%d tickets", n)
			}
			if bad := tr.slack.Misuse(); len(bad) > 0 {
				t.Error(bad)
			}
		})
	}
}
