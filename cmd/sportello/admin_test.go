package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ticketing"
)

// The commands that operators look and act with, on a helpdesk that runs.

func (tr *trial) refused(want string, args ...string) {
	tr.t.Helper()
	code, out, errs := tr.command(args...)
	if code == 0 || !strings.Contains(errs, want) {
		tr.t.Errorf("sportello %s: exit %d, want an error with %q\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
}

func TestLedgerCommands(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{noSlack: true})
	if out := tr.told("ledger", "list"); !strings.Contains(out, "The ledger is empty: nothing has come in yet.") {
		t.Errorf("an empty ledger: %s", out)
	}
	in := tr.expect(tr.write(question(1)), ticketing.OutcomeTicket, "")
	ack := tr.letter(maria, ticketing.LetterReceived, 1)
	d := tr.reply("Carlo <carlo@altrove.example>", ack, "Rispondo io.")
	d.to = deskAddress
	held := tr.expect(tr.write(d), ticketing.OutcomeQuarantine, ticketing.CauseNotParticipant)

	out := tr.told("ledger", "list")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "ID ") || !strings.Contains(lines[1], held.ID) || !strings.Contains(lines[1], "quarantine(not_participant)") ||
		!strings.Contains(lines[2], in.ID) || !strings.Contains(lines[2], "#1") || !strings.Contains(lines[2], maria) {
		t.Errorf("ledger list says\n%s", out)
	}
	if out := tr.told("ledger", "list", "--limit", "1"); !strings.Contains(out, "--before "+held.ID) || strings.Contains(out, in.ID) {
		t.Errorf("the first page is\n%s", out)
	}
	if out := tr.told("ledger", "list", "--limit", "1", "--before", held.ID); !strings.Contains(out, in.ID) {
		t.Errorf("the second page is\n%s", out)
	}
	if out := tr.told("ledger", "list", "--outcome", "bounce"); strings.Contains(out, "nothing has come in yet") || !strings.Contains(out, "No such item") {
		t.Errorf("a filter that nothing fits: %s", out)
	}
	var row ticketing.Inbound
	if err := json.Unmarshal([]byte(tr.told("ledger", "list", "--json", "--outcome", "ticket")), &row); err != nil || row.ID != in.ID {
		t.Errorf("as JSON: %v, %+v", err, row)
	}
	if err := json.Unmarshal([]byte(tr.told("ledger", "show", in.ID)), &row); err != nil || row.Ticket != 1 || row.Outcome != ticketing.OutcomeTicket {
		t.Errorf("ledger show: %v, %+v", err, row)
	}
	if out := tr.told("ledger", "show", in.ID); !strings.Contains(out, "Segno riconosciuto: ") || !strings.Contains(out, "(S29)") {
		t.Errorf("ledger show does not tell the rules kept with the message:\n%s", out)
	}
	if raw := tr.told("ledger", "show", "--raw", in.ID); sha([]byte(raw)) != in.RawSHA {
		t.Error("ledger show --raw does not print the mail's bytes")
	}
	tr.refused("there is no item 01NOTHERE; list them with: sportello ledger list", "ledger", "show", "01NOTHERE")
	tr.refused("is not in quarantine (ticket): there is nothing to try again", "ledger", "retry", in.ID)
	tr.refused("--limit is 0; use 1 to 1000", "ledger", "list", "--limit", "0")
	tr.refused("--outcome must be one of", "ledger", "list", "--outcome", "lost")
	tr.refused("--state must be one of", "ledger", "list", "--state", "lost")

	// The same rules decide again, as nothing has changed.
	if out := tr.told("ledger", "retry", held.ID); !strings.Contains(out, "will be worked on again") {
		t.Errorf("ledger retry says %s", out)
	}
	tr.decided(2)
	tr.expect(tr.rows()[1], ticketing.OutcomeQuarantine, ticketing.CauseNotParticipant)

	if out := tr.told("quarantine", "list", "--cause", "not_participant"); !strings.Contains(out, held.ID) || !strings.Contains(out, "carlo@altrove.example") {
		t.Errorf("quarantine list says\n%s", out)
	}
	tr.refused("is not in quarantine (ticket)", "quarantine", "release", in.ID)
	if out := tr.told("quarantine", "release", held.ID); !strings.Contains(out, "is released and will be worked on") {
		t.Errorf("quarantine release says %s", out)
	}
	tr.until("the released mail has joined", func() bool { return tr.rows()[1].Outcome == ticketing.OutcomeReply })
	tr.refused("is not in quarantine (reply)", "quarantine", "release", held.ID)

	// Another stranger's mail becomes a ticket of its own, a third one's is thrown away.
	for n, c := range []struct {
		args []string
		want ticketing.Outcome
	}{{[]string{"quarantine", "release", "--new"}, ticketing.OutcomeTicket}, {[]string{"quarantine", "delete"}, ticketing.OutcomeDeleted}} {
		d := tr.reply(fmt.Sprintf("Dora <dora%d@altrove.example>", n), ack, "Anche io ho questo problema.")
		d.to = deskAddress
		in := tr.expect(tr.write(d), ticketing.OutcomeQuarantine, ticketing.CauseNotParticipant)
		tr.told(append(c.args, in.ID)...)
		tr.until(fmt.Sprintf("it is %s", c.want), func() bool { return tr.rows()[2+n].Outcome == c.want })
	}
	if n := tr.tickets(); n != 2 {
		t.Errorf("there are %d tickets", n)
	}
	if out := tr.told("quarantine", "list"); !strings.Contains(out, "Nothing waits in quarantine.") {
		t.Errorf("quarantine list says %s", out)
	}
	tr.settle()
}

func TestOutboxCommands(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{noSlack: true, change: func(c *Config) {
		c.Sending.RetryMin = time.Hour
		c.Mailboxes[0].SMTP.Doubt = "ask"
	}})
	server := tr.server()
	if out := tr.told("outbox", "list"); !strings.Contains(out, "The outbox holds no such row.") {
		t.Errorf("an empty outbox: %s", out)
	}
	refuse := server.FaultSMTP(mailtest.Fault{At: "RCPT", Do: mailtest.Refuse, Code: 550, Text: "5.1.1 no \x1b[31msuch user"})
	letterOf := func(n int, state ticketing.OutgoingState) (o ticketing.Outgoing) {
		t.Helper()
		tr.until(fmt.Sprintf("letter %d is %s", n, state), func() bool {
			rows := tr.outgoing("")
			if len(rows) > n {
				o = rows[n]
			}
			return len(rows) > n && o.State == state
		})
		return o
	}
	tr.write(question(1))
	failed := letterOf(0, ticketing.OutgoingFailed)
	refuse.Clear()
	tr.write(question(2))
	sent := letterOf(1, ticketing.OutgoingSent)
	out := tr.told("outbox", "list")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || !strings.Contains(lines[1], sent.ID) || !strings.Contains(lines[2], failed.ID) || !strings.Contains(lines[2], "550") {
		t.Errorf("outbox list says\n%s", out)
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("outbox list hands a foreign server's control bytes to the terminal: %q", out)
	}
	if out := tr.told("outbox", "list", "--ticket", "2"); !strings.Contains(out, sent.ID) || strings.Contains(out, failed.ID) {
		t.Errorf("outbox list --ticket 2 says\n%s", out)
	}
	tr.refused("--state must be one of", "outbox", "list", "--state", "lost")
	tr.refused("there is no row 01NOTHERE; list them with: sportello outbox list", "outbox", "retry", "01NOTHERE")
	tr.refused("is sent: only failed, in_doubt and pending rows can be sent again", "outbox", "retry", sent.ID)
	tr.refused("is sent: it can no longer be stopped", "outbox", "cancel", sent.ID)
	tr.refused("is failed: --arrived is for rows in doubt", "outbox", "cancel", "--arrived", failed.ID)
	if out := tr.told("outbox", "retry", failed.ID); !strings.Contains(out, "is due again") {
		t.Errorf("outbox retry says %s", out)
	}
	letterOf(0, ticketing.OutgoingSent)

	// In doubt: the answer to the final dot is lost. One had arrived, the other had not.
	for n, lost := range []bool{false, true} {
		cut := server.FaultSMTP(mailtest.Fault{At: "DOT", Do: mailtest.Cut, Lost: lost, Times: 1})
		tr.write(question(3 + n))
		doubt := letterOf(2+n, ticketing.OutgoingInDoubt)
		cut.Clear()
		if out := tr.told("outbox", "list", "--state", "in_doubt"); !strings.Contains(out, doubt.ID) {
			t.Errorf("outbox list --state in_doubt says\n%s", out)
		}
		if lost {
			tr.told("outbox", "retry", doubt.ID)
		} else {
			tr.told("outbox", "cancel", "--arrived", doubt.ID)
		}
		letterOf(2+n, ticketing.OutgoingSent)
	}
	wait := server.FaultSMTP(mailtest.Fault{At: "RCPT", Do: mailtest.Refuse, Code: 451, Text: "later"})
	tr.write(question(5))
	tr.until("it waits", func() bool {
		rows := tr.outgoing("")
		return len(rows) == 5 && rows[4].Attempts == 1 && rows[4].State == ticketing.OutgoingPending
	})
	wait.Clear()
	tr.told("outbox", "cancel", tr.outgoing("")[4].ID)
	letterOf(4, ticketing.OutgoingSuppressed)
	tr.settle()
	if n := len(tr.post.sent(t)); n != 4 {
		t.Errorf("%d letters came to the server", n)
	}
}

func TestKnowledgeBaseCommands(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{noSlack: true})
	tr.imports()
	if out := tr.told("kb", "search", "la stampante termica non stampa lo scontrino", "--language", "it"); !strings.HasPrefix(out, "1.  it  stampante-ferma") || !strings.Contains(out, ": offered") {
		t.Errorf("kb search says\n%s", out)
	}
	if out := tr.told("kb", "search", "zzz", "--queue", "assistenza"); !strings.Contains(out, "No article has anything to do with it.") {
		t.Errorf("kb search says\n%s", out)
	}
	tr.refused(`there is no queue named "vendite"`, "kb", "search", "stampante", "--queue", "vendite")
	dir := t.TempDir()
	good := "---\nslug: uno\ntitle: Uno\nlanguage: it\nkind: how-to\naudience: customers\npublished: 2026-01-01\n---\nTesto.\n"
	for name, text := range map[string]string{"uno.md": good, "due.md": "senza niente"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := tr.command("kb", "import", "--prune", dir)
	if code != exitFailed || !strings.Contains(errs, "skipped: due.md") || !strings.Contains(out, "1 articles: 1 new or changed, 0 unchanged, 0 removed, 1 skipped.") || !strings.Contains(errs, "Nothing was removed") {
		t.Errorf("kb import: exit %d\n%s%s", code, out, errs)
	}
	if err := os.Remove(filepath.Join(dir, "due.md")); err != nil {
		t.Fatal(err)
	}
	if out := tr.told("kb", "import", "--prune", dir); !strings.Contains(out, "1 articles: 0 new or changed, 1 unchanged, 3 removed, 0 skipped.") {
		t.Errorf("again: %s", out)
	}
	tr.refused("holds no article that can be read", "kb", "import", t.TempDir())
}

func TestCheckCommand(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{})
	out := tr.told("check")
	for _, want := range []string{"database", "imap assistenza", "smtp assistenza", "slack bot token", "slack app token", "slack assistenza"} {
		if !strings.Contains(out, want) {
			t.Errorf("check does not tell of %s:\n%s", want, out)
		}
	}
	tr.cfg.Queues[0].Channel = "C0NOTHERE"
	if code, out, _ := tr.command("check"); code != exitFailed || !strings.Contains(out, "Invite the bot there: /invite") {
		t.Errorf("a channel that is not there: exit %d\n%s", code, out)
	}
}

func TestExplainCommand(t *testing.T) {
	t.Parallel()
	raw := (&draft{from: mariaFrom, to: deskAddress, id: "<x1@cliente.example>", subject: "Stampante ferma", date: time.Now(), body: "Non stampa."}).raw()
	code, out, errs := runCommand(t.Context(), string(raw), "explain", "--json")
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || strings.Count(out, "\n") != 1 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	for _, field := range []string{"subject", "from", "identity", "to", "cc", "date", "message_id", "text", "visible_text", "elided_text", "attachments", "kind", "failed_recipient",
		"failure", "language", "auth", "thread", "auto_answer"} {
		if _, ok := got[field]; !ok {
			t.Errorf("the object has no %s", field)
		}
	}
	if got["subject"] != "Stampante ferma" || got["kind"] != "normal" || got["message_id"] != "<x1@cliente.example>" {
		t.Errorf("the object is %s", out)
	}
	var names []string
	mails := hostileMails()
	for name := range mails {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		code, out, errs := runCommand(t.Context(), mails[name], "explain", "--json")
		if code != 0 || !json.Valid([]byte(out)) {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, errs)
		}
		code, out, errs = runCommand(t.Context(), mails[name], "explain", "--lang", "it")
		if code != 0 || strings.ContainsAny(out, "\x1b\x00\x07") {
			t.Errorf("%s, as sentences: exit %d\n%q%s", name, code, out, errs)
		}
	}
	if code, _, _ := runCommand(t.Context(), "", "explain", "--lang", "de"); code != exitUsage {
		t.Errorf("an unknown language: exit %d", code)
	}
}
