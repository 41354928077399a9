package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sportello/sportello/ingest/telegram/telegramtest"
)

// The README must not promise what the program does not take: its settings are loaded, its commands parsed, its names looked up.

func readme(t *testing.T) (text string, tree fs.FS) {
	t.Helper()
	tree = layerRoot(t)
	raw, err := fs.ReadFile(tree, "README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), tree
}

// fenced returns the blocks of a language.
func fenced(text, language string) (blocks []string) {
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

func TestReadmeSettings(t *testing.T) {
	text, _ := readme(t)
	blocks := fenced(text, "yaml")
	if len(blocks) < 5 {
		t.Fatalf("the README has %d examples of settings", len(blocks))
	}
	secret := filepath.Join(t.TempDir(), "secret")
	for i, block := range blocks {
		value := "password"
		if strings.Contains(block, "_token:") {
			block = regexp.MustCompile(`app_token: .*`).ReplaceAllString(block, "app_token: xapp-1")
			block = regexp.MustCompile(`bot_token: .*`).ReplaceAllString(block, "bot_token: xoxb-1")
		}
		block = regexp.MustCompile(`(?m)^  token: .*`).ReplaceAllString(block, "  token: "+telegramtest.Token)
		if err := os.WriteFile(secret, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "sportello.yaml")
		if err := os.WriteFile(file, []byte(regexp.MustCompile(`file:/[a-z/-]+`).ReplaceAllString(block, "file:"+secret)), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := loadConfig(file, nil)
		if err != nil {
			t.Errorf("example %d: %v\n%s", i+1, err, block)
			continue
		}
		if len(c.Queues) == 0 || len(c.Mailboxes) == 0 {
			t.Errorf("example %d is not complete: %d queues, %d mailboxes", i+1, len(c.Queues), len(c.Mailboxes))
		}
		for _, m := range c.Mailboxes {
			if _, err := c.imap(m); err != nil {
				t.Errorf("example %d: %v", i+1, err)
			}
			if m.IMAP.Password.Reveal() != value || m.SMTP.Password.Reveal() != value {
				t.Errorf("example %d: mailbox %s reads no secret", i+1, m.Name)
			}
		}
	}
}

// TestReadmeTelegram: every setting of the bot stands in the README with its default, as the program has it.
func TestReadmeTelegram(t *testing.T) {
	text, _ := readme(t)
	settings := reflect.TypeFor[TelegramConfig]()
	for i := range settings.NumField() {
		name := settings.Field(i).Tag.Get("yaml")
		if !strings.Contains(text, "| `telegram."+name+"` |\n") {
			t.Errorf("the setting telegram.%s is not explained", name)
		}
	}
	d := defaults().Telegram
	for name, value := range map[string]string{"doubt": "`" + d.Doubt + "`", "poll": d.Poll.String(), "pace": d.Pace.String(), "file_max": fmt.Sprintf("%d MiB", d.FileMax>>20),
		"upload_max": fmt.Sprintf("%d MiB", d.UploadMax>>20), "text_max": fmt.Sprintf("%d,%03d", d.TextMax/1000, d.TextMax%1000), "groups": fmt.Sprintf("`%v`", d.Groups)} {
		want := "| " + value + " | `telegram." + name
		if !strings.Contains(text, want+"` |") {
			t.Errorf("the README does not say %q", want)
		}
	}
}

func TestReadmeCommands(t *testing.T) {
	text, _ := readme(t)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("articles", 0o700); err != nil { // kong looks for folders among the arguments
		t.Fatal(err)
	}
	var c cli
	parser, err := kong.New(&c, kong.Name("sportello"), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile("(?m)^sportello [^\n]+|`sportello [^`\n]+`").FindAllString(strings.Join(append(fenced(text, "sh"), text), "\n"), -1)
	if len(commands) < 20 {
		t.Fatalf("only %d commands found: does the pattern still fit?", len(commands))
	}
	quoted := regexp.MustCompile(`"[^"]*"`)
	for _, line := range commands {
		line = strings.Trim(line, "`")
		for _, end := range []string{"#", "<", ">", "|"} {
			line, _, _ = strings.Cut(line, end)
		}
		args := strings.Fields(quoted.ReplaceAllString(line, "words"))[1:]
		if len(args) == 0 {
			continue
		}
		if _, err := parser.Parse(args); err != nil {
			t.Errorf("sportello %s: %v", strings.Join(args, " "), err)
		}
	}
	for _, command := range []string{"go run ./cmd/sportello demo", "bash .ci/test"} {
		if !strings.Contains(text, "```sh\n"+command+"\n```") {
			t.Errorf("the command %q does not stand by itself", command)
		}
	}
}

func TestReadmeNames(t *testing.T) {
	text, tree := readme(t)
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z./]+)` \\| |\\]\\((\\.?[A-Za-z./]+)\\)|`(\\.ci/[a-z]+)`").FindAllStringSubmatch(text, -1) {
		name := m[1] + m[2] + m[3]
		if _, err := fs.Stat(tree, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	known := map[string]bool{}
	descs := make(chan *prometheus.Desc, 100)
	(&gauges{}).Describe(descs)
	close(descs)
	for d := range descs {
		name := regexp.MustCompile(`fqName: "([a-z_]+)"`).FindStringSubmatch(d.String())[1]
		known[name] = true
		if !strings.Contains(text, "| `"+name+"` |") {
			t.Errorf("the metric %s is not explained", name)
		}
	}
	for _, name := range regexp.MustCompile(`sportello_[a-z_]+`).FindAllString(text, -1) {
		if !known[name] {
			t.Errorf("there is no metric %s", name)
		}
	}
	if info, err := fs.Stat(tree, ".docs/demo.png"); err == nil && info.Size() > 300<<10 {
		t.Errorf("the picture has %d bytes", info.Size())
	}
}
