package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whatever fails is told in clear words, and nothing is lost.

const goodSettings = `brand: Bottega
data: DATA
queues:
  - name: assistenza
    addresses: [a@b.example]
mailboxes:
  - name: assistenza
    queue: assistenza
    imap:
      host: localhost
      username: a@b.example
`

func TestBadSettings(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte("geheim\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) string {
		if !strings.Contains(goodSettings, old) {
			t.Fatalf("the good settings have no %q", old)
		}
		return strings.Replace(goodSettings, old, new, 1)
	}
	tests := []struct {
		name, text string
		env        []string
		want       []string
	}{
		{"unknown setting", change("brand:", "brnd:"), nil, []string{`[1:1] there is no setting "brnd" here; there are: brand, language`, ">  1 | brnd: Bottega"}},
		{"unknown setting inside", change("      host:", "      hots:"), nil, []string{`[10:7] there is no setting "hots" here; there are: host, port`, "> 10 |       hots: localhost"}},
		{"unknown setting of a queue", change("    addresses:", "    adresses:"), nil, []string{`[5:5] there is no setting "adresses"`, ">  5 |     adresses:"}},
		{"key given twice", goodSettings + "brand: Altro\n", nil, []string{`[12:1] mapping key "brand" already defined at [1:1]`, "> 12 | brand: Altro"}},
		{"key given twice inside", change("      host: localhost\n", "      host: localhost\n      host: altrove\n"), nil, []string{`[11:7] mapping key "host" already defined at [10:7]`, "> 11 |"}},
		{"text for a number", change("host: localhost", "port: many"), nil, []string{`[10:13] "many" is not a whole number`, "> 10 |"}},
		{"text for a time", change("host: localhost", "poll: soon"), nil, []string{`[10:13] "soon" is not a time: write a number with its unit, such as 90s or 2h`}},
		{"time without a unit", change("    addresses:", "    undo: 20\n    addresses:"), nil, []string{`[5:11] "20" is not a time: write a number with its unit`}},
		{"text for a switch", change("    queue:", "    plus_addressing: perhaps\n    queue:"), nil, []string{`[8:22] "perhaps" is neither true nor false`}},
		{"text for a list", change("[a@b.example]", "a@b.example"), nil, []string{"[5:16] this setting is a list"}},
		{"list for a text", change("brand: Bottega", "brand: [a, b]"), nil, []string{"[1:8] this setting is one text"}},
		{"list for a password", change("username: a@b.example", "password: [a, b]"), nil, []string{"[11:17] this setting is one text"}},
		{"text for a group", change("    imap:\n      host: localhost\n      username: a@b.example\n", "    imap: localhost\n"), nil, []string{"[9:11] this setting is a group of settings"}},
		{"no YAML", change("  - name: assistenza\n    addresses", "  - name: assistenza\n   addresses"), nil, []string{"[5:4]", ">  5 |"}},
		{"tab", change("    queue:", "\tqueue:"), nil, []string{"[8:1]", ">  8 |"}},
		{"no queue", change("queue: assistenza", "queue: vendite"), nil, []string{`mailbox assistenza: there is no queue named "vendite"`}},
		{"queue without address", change("    addresses: [a@b.example]\n", ""), nil, []string{"queue assistenza has no addresses; name at least the one customers write to"}},
		{"everything wrong is told at once", change("brand: Bottega", "language: de\nlog: {level: loud}"), nil, []string{`language is "de"; use one of: it, en`, `log.level is "loud"; use one of: debug, info, warn, error`}},
		{"secret that others may read", change("username: a@b.example", "password: file:"+open), nil,
			[]string{"mailboxes[0].imap.password: others may read " + open + " (mode 0644); run: chmod 600 " + open}},
		{"secret that is not there", change("username: a@b.example", "password: file:/nowhere/imap"), nil, []string{"mailboxes[0].imap.password: cannot read the secret", "/nowhere/imap"}},
		{"environment", goodSettings, []string{"SPORTELLO_MAILBOXES_0_IMAP_PORT=imaps"}, []string{`environment variable SPORTELLO_MAILBOXES_0_IMAP_PORT: "imaps" is not a number`}},
		{"unknown database", goodSettings, []string{"SPORTELLO_DATABASE=mysql://root:geheim@db/x"}, []string{`database is "mysql://***@db/x"; use postgres://`}},
		{"wrong Slack token", goodSettings, []string{"SPORTELLO_SLACK_BOT_TOKEN=xoxp-1", "SPORTELLO_SLACK_APP_TOKEN=xapp-1"}, []string{"slack.bot_token does not begin with xoxb-"}},
		{"Slack over HTTP without its secret", goodSettings, []string{"SPORTELLO_SLACK_MODE=http", "SPORTELLO_SLACK_BOT_TOKEN=xoxb-1"}, []string{"needs both signing_secret and bot_token"}},
		{"Slack over HTTP without a listener", goodSettings, []string{"SPORTELLO_SLACK_MODE=http", "SPORTELLO_SLACK_BOT_TOKEN=xoxb-1", "SPORTELLO_SLACK_SIGNING_SECRET=s", "SPORTELLO_LISTEN="}, []string{"listen is empty"}},
		{"Slack by an unknown way", goodSettings, []string{"SPORTELLO_SLACK_MODE=https", "SPORTELLO_SLACK_BODY_MAX=1000"}, []string{`slack.mode is "https"; use one of: socket, http`, "slack.body_max is 1000"}},
		{"half of Slack", goodSettings, []string{"SPORTELLO_SLACK_BOT_TOKEN=xoxb-1"}, []string{"slack needs both app_token and bot_token, or neither"}},
		{"a secret beside a mistake", change("host: localhost", "password: geheim\n      hots: x"), nil, []string{`there is no setting "hots"`, "password: ***"}},
		{"an address beside a mistake", "database: postgres://u:geheim@h/x\nbrnd: x\n", nil, []string{`there is no setting "brnd"`, "postgres://***@h/x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "sportello.yaml")
			if err := os.WriteFile(file, []byte(strings.Replace(tt.text, "DATA", filepath.Join(dir, "data"), 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs lockedBuffer
			code := run(t.Context(), []string{"serve", "-c", file}, strings.NewReader(""), &out, &errs, tt.env)
			if code != exitFailed || !strings.Contains(errs.String(), "the settings need a correction") {
				t.Errorf("exit %d:\n%s", code, errs.String())
			}
			for _, w := range tt.want {
				if !strings.Contains(errs.String(), w) {
					t.Errorf("no %q in\n%s", w, errs.String())
				}
			}
			if strings.Contains(out.String()+errs.String(), "geheim") {
				t.Errorf("a secret is shown:\n%s", errs.String())
			}
			if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
				t.Error("something was made although the settings are wrong")
			}
		})
	}
}

func TestNoSettingsAtAll(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "queues:\n"} {
		file := filepath.Join(t.TempDir(), "sportello.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := runCommand(t.Context(), "", "config", "print", "-c", file); code != 0 || !strings.Contains(out, `brand: "Sportello"`) {
			t.Errorf("settings %q: exit %d\n%s%s", text, code, out, errs)
		}
	}
	code, _, errs := runCommand(t.Context(), "", "serve", "-c", "/nowhere/sportello.yaml")
	if code != exitFailed || !strings.Contains(errs, "cannot read the settings: open /nowhere/sportello.yaml") || !strings.Contains(errs, "sportello config sample > /nowhere/sportello.yaml") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := runCommand(t.Context(), "", "serve", "--roles", "cook"); code != exitFailed || !strings.Contains(errs, `there is no role "cook"; use some of: ingest,process,send,web`) {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := runCommand(t.Context(), "", "serv"); code != exitUsage || !strings.Contains(errs, `did you mean "serve"`) {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// The settings that config sample prints are settings, and those that config print shows are the same settings again.
func TestPrintedSettingsAreSettings(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "imap")
	if err := os.WriteFile(secret, []byte("geheim\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, sample, _ := runCommand(t.Context(), "", "config", "sample")
	file := filepath.Join(dir, "sample.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(sample, "/etc/sportello/imap", secret)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, first, errs := runCommand(t.Context(), "", "config", "print", "-c", file)
	if code != 0 || strings.Contains(first, "geheim") {
		t.Fatalf("exit %d: %s\n%s", code, errs, first)
	}
	again := filepath.Join(dir, "again.yaml")
	if err := os.WriteFile(again, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, second, errs := runCommand(t.Context(), "", "config", "print", "-c", again); code != 0 || second != first {
		t.Errorf("exit %d: %s\nfirst:\n%s\nsecond:\n%s", code, errs, first, second)
	}
}

// served is sportello serve running in the test's process.
type served struct {
	errs lockedBuffer
	code chan int
	stop context.CancelFunc
}

// serve starts sportello serve with settings.
func serve(t *testing.T, ctx context.Context, cfg Config) *served {
	t.Helper()
	file := writeSettings(t, cfg)
	ctx, stop := context.WithCancel(ctx)
	s := &served{code: make(chan int, 1), stop: stop}
	go func() {
		s.code <- run(ctx, []string{"serve", "-c", file}, strings.NewReader(""), &s.errs, &s.errs, nil)
	}()
	t.Cleanup(stop)
	return s
}

// ends waits for the exit code.
func (s *served) ends(t *testing.T) int {
	t.Helper()
	select {
	case code := <-s.code:
		return code
	case <-time.After(storyLimit):
		t.Fatalf("serve did not end:\n%s", s.errs.String())
		return -1
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := defaults()
	cfg.Data, cfg.Listen = t.TempDir(), l.Addr().String()
	s := serve(t, t.Context(), cfg)
	if code := s.ends(t); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	if want := fmt.Sprintf("cannot listen on %s", l.Addr()); !strings.Contains(s.errs.String(), want) || !strings.Contains(s.errs.String(), "address already in use. Change listen, or stop what uses the port") {
		t.Errorf("it says\n%s", s.errs.String())
	}
}
