package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// The import rules of this repository, read from the source files themselves: asking the go command would let the test cache hide
// a new import.

const layerModule = "github.com/sportello/sportello"

// layerRow says what a package may import of ours. A star stands for one path element; the first row that fits counts.
type layerRow struct {
	pkg string
	may []string
}

var layerTable = []layerRow{
	{"templates", nil},
	{"ticketing", nil},
	{"ticketing/kb", []string{"ticketing"}},
	{"ticketing/store", []string{"ticketing"}},
	{"ticketing/store/files", []string{"ticketing"}},
	{"ticketing/store/storetest", []string{"ticketing", "ticketing/store", "ticketing/store/files"}}, // databases for tests
	{"ticketing/outbox", []string{"ticketing", "templates"}},
	{"ticketing/portal", []string{"ticketing", "templates"}},
	{"ticketing/desk", []string{"ticketing", "templates"}},
	{"bot", []string{"ticketing"}},
	{"ingest", []string{"ticketing"}},
	{"ingest/doortest", []string{"ingest", "ticketing"}},
	{"ingest/*/*test", nil},   // a double of a platform
	{"ingest/*/*test/*", nil}, // what judges a double
	{"ingest/*", []string{"ingest", "ticketing", "templates"}},
	{"cmd/sportello/demo", []string{"**"}},
	{"cmd/sportello", []string{"**"}},
}

// layerImpure lists what package ticketing may not import, nor anything below it, for the desk's rules do no I/O; layerPure lists the
// parsers and value types below those paths that are fine.
var (
	layerImpure = []string{"net", "os", "database/sql", "log", "syscall"}
	layerPure   = []string{"net/mail", "net/netip", "net/textproto", "net/url", "log/slog"}
)

// layerFenced keeps a foreign library behind the files that translate it, so that changing the library changes those files only.
var layerFenced = []struct {
	module string
	files  []string // path.Match patterns of files from the module root
}{
	{"github.com/slack-go/slack", []string{"ingest/slack/api*.go"}},
	{"github.com/go-telegram/bot", []string{"ingest/telegram/api*.go"}},
	{"github.com/emersion/go-imap/v2", []string{"ingest/mail/imap*.go", "ingest/mail/mailtest/*.go"}},
}

var (
	layerTop       = []string{"cmd", "ingest", "bot", "ticketing", "templates", "go.mod", "go.sum", "README.md", "LICENSE"}
	layerVagueName = []string{"util", "utils", "common", "helper", "helpers", "models", "types", "internal", "pkg"}
)

func TestLayers(t *testing.T) {
	root := layerRoot(t)
	faults, files := layerFaults(root)
	for _, f := range faults {
		t.Error(f)
	}
	if files == 0 {
		t.Error("no source file was read: the walk looks in the wrong place")
	}
}

// layerRoot finds the module this test belongs to, above the directory the test runs in.
func layerRoot(t *testing.T) fs.FS {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module "+layerModule+"\n") {
			return os.DirFS(dir)
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod of " + layerModule + " above the test's directory")
		}
		dir = up
	}
}

// layerFaults walks a module and returns each breach of the rules, and how many Go files it read.
func layerFaults(module fs.FS) (faults []string, files int) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	top, err := fs.ReadDir(module, ".")
	if err != nil {
		return []string{err.Error()}, 0
	}
	ignored := layerIgnored(module)
	for _, e := range top {
		n := e.Name()
		if !strings.HasPrefix(n, ".") && !slices.Contains(layerTop, n) && !ignored(n) {
			fault("%s: the top level holds only %s and hidden files", n, strings.Join(layerTop, ", "))
		}
	}
	err = fs.WalkDir(module, ".", func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary file of an editor or of a fuzzer went away meanwhile
		}
		if err != nil {
			return err
		}
		base := e.Name()
		if e.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || (path.Dir(name) == "." && ignored(name))) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(base, ".go") && !strings.HasPrefix(base, ".") && !strings.HasPrefix(base, "_") {
			files++
			faults = append(faults, layerFileFaults(module, name)...)
		}
		return nil
	})
	if err != nil {
		fault("%v", err)
	}
	return faults, files
}

// layerIgnored tells which names of the top level are leftovers of a run, by the patterns of .gitignore.
func layerIgnored(module fs.FS) func(string) bool {
	text, err := fs.ReadFile(module, ".gitignore")
	if err != nil {
		return func(string) bool { return false }
	}
	var patterns []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			patterns = append(patterns, strings.Trim(line, "/"))
		}
	}
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, err := path.Match(p, name)
			return ok && err == nil
		})
	}
}

func layerFileFaults(module fs.FS, name string) (faults []string) {
	src, err := fs.ReadFile(module, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []string{err.Error()}
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	dir := path.Dir(name)
	for part := range strings.SplitSeq(dir+"/"+strings.TrimSuffix(file.Name.Name, "_test"), "/") {
		if slices.Contains(layerVagueName, part) {
			faults = append(faults, fmt.Sprintf("%s: a package is named after its subject, not %q", name, part))
			break
		}
	}
	if dir == "." {
		faults = append(faults, name+": Go files live below cmd, ingest, bot, ticketing or templates")
	} else if _, ok := layerRowOf(dir); !ok {
		faults = append(faults, fmt.Sprintf("%s: package %s has no row in the import table", name, dir))
	}
	for _, spec := range file.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			err = layerEdge(name, to)
		}
		if err != nil {
			faults = append(faults, err.Error())
		}
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			faults = append(faults, name+": no init functions; wire it in cmd/sportello")
		}
	}
	return faults
}

// layerEdge judges one import of one file. The rules are for what we ship: tests use real parts instead of mocks and so may import
// more, but never a command, and never another platform than their own.
func layerEdge(file, to string) error {
	dir, test := path.Dir(file), strings.HasSuffix(file, "_test.go")
	if !test {
		for _, fence := range layerFenced {
			if layerBelow(to, fence.module) && !layerMatch(fence.files, file) {
				return fmt.Errorf("%s imports %s, which only %s may", file, fence.module, strings.Join(fence.files, " and "))
			}
		}
		if dir == "ticketing" && !slices.Contains(layerPure, to) &&
			slices.ContainsFunc(layerImpure, func(p string) bool { return layerBelow(to, p) }) {
			return fmt.Errorf("%s imports %s: the desk's rules do no I/O", file, to)
		}
	}
	if !layerBelow(to, layerModule) {
		return nil
	}
	to = strings.TrimPrefix(strings.TrimPrefix(to, layerModule), "/")
	arrow := fmt.Errorf("%s: %s may not import %s", file, dir, to)
	if layerBelow(to, "cmd") && dir != "cmd/sportello" {
		return arrow
	}
	if a, b := layerPlatform(dir), layerPlatform(to); a != "" && b != "" && a != b {
		return arrow
	}
	if test {
		return nil
	}
	if layerForTests(to) && dir != "cmd/sportello/demo" {
		return fmt.Errorf("%w: only tests and the demo use it", arrow)
	}
	row, ok := layerRowOf(dir)
	if !ok || !slices.Contains(row.may, "**") && !slices.Contains(row.may, to) {
		return arrow
	}
	return nil
}

func layerRowOf(dir string) (layerRow, bool) {
	i := slices.IndexFunc(layerTable, func(r layerRow) bool { return layerMatch([]string{r.pkg}, dir) })
	if i < 0 {
		return layerRow{}, false
	}
	return layerTable[i], true
}

// layerPlatform returns the platform a package of ingest belongs to, "" for all others.
func layerPlatform(dir string) string {
	rest, ok := strings.CutPrefix(dir, "ingest/")
	if !ok || dir == "ingest/doortest" {
		return ""
	}
	platform, _, _ := strings.Cut(rest, "/")
	return platform
}

func layerForTests(dir string) bool {
	return layerMatch([]string{"ingest/doortest", "ingest/*/*test", "ticketing/store/storetest"}, dir)
}

func layerMatch(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

func layerBelow(p, parent string) bool { return p == parent || strings.HasPrefix(p, parent+"/") }

// TestLayerEdge shows the judge red and green on edges made up for it.
func TestLayerEdge(t *testing.T) {
	const our = layerModule + "/"
	for _, c := range []struct {
		file, to string
		ok       bool
	}{
		{"ticketing/ticket.go", our + "ticketing/store", false},
		{"ticketing/ticket.go", our + "templates", false},
		{"ticketing/ticket.go", "net", false},
		{"ticketing/ticket.go", "net/http", false},
		{"ticketing/ticket.go", "os", false},
		{"ticketing/ticket.go", "os/exec", false},
		{"ticketing/ticket.go", "database/sql", false},
		{"ticketing/ticket.go", "database/sql/driver", false},
		{"ticketing/ticket.go", "log", false},
		{"ticketing/secret.go", "log/slog", true},
		{"ticketing/address.go", "net/mail", true},
		{"ticketing/ticket.go", "time", true},
		{"ticketing/ticket_test.go", "os", true},
		{"ticketing/store/store.go", "database/sql", true},
		{"ticketing/store/store.go", our + "ticketing", true},
		{"ticketing/store/store.go", our + "ticketing/store/files", false},
		{"ticketing/store/files/disk.go", our + "ticketing", true},
		{"ticketing/store/files/disk.go", our + "ticketing/store", false},
		{"ticketing/kb/rank.go", our + "ticketing", true},
		{"ticketing/kb/rank.go", our + "templates", false},
		{"ticketing/outbox/relay.go", our + "templates", true},
		{"ticketing/outbox/relay.go", our + "ticketing/store", false},
		{"ticketing/outbox/relay.go", our + "ingest", false},
		{"ticketing/outbox/relay_test.go", our + "ticketing/store", true},
		{"ticketing/portal/home.go", our + "ticketing", true},
		{"ticketing/desk/home.go", our + "ticketing/portal", false},
		{"templates/mail.go", our + "ticketing", false},
		{"bot/decide.go", our + "ticketing", true},
		{"bot/decide.go", our + "ticketing/kb", false},
		{"bot/decide.go", our + "templates", false},
		{"ingest/ledger.go", our + "ticketing", true},
		{"ingest/ledger.go", our + "bot", false},
		{"ingest/ledger.go", our + "ingest/mail", false},
		{"ingest/mail/imap.go", our + "ingest", true},
		{"ingest/mail/compose.go", our + "templates", true},
		{"ingest/mail/imap.go", our + "bot", false},
		{"ingest/mail/imap.go", our + "ingest/slack", false},
		{"ingest/mail/imap_test.go", our + "ingest/slack", false},
		{"ingest/mail/imap_test.go", our + "ingest/slack/slacktest", false},
		{"ingest/mail/imap.go", our + "ingest/mail/mailtest", false},
		{"ingest/mail/imap_test.go", our + "ingest/mail/mailtest", true},
		{"ingest/mail/imap_test.go", our + "ingest/doortest", true},
		{"ingest/mail/imap.go", our + "ingest/doortest", false},
		{"ingest/mail/imap_test.go", our + "cmd/sportello/demo", false},
		{"ingest/telegram/poll.go", our + "templates", true},
		{"ingest/doortest/hear.go", our + "ingest", true},
		{"ingest/doortest/hear.go", our + "ingest/mail", false},
		{"ingest/mail/mailtest/server.go", our + "ingest/mail", false},
		{"ingest/mail/mailtest/server.go", our + "ticketing", false},
		{"ingest/slack/slacktest/server.go", our + "ingest/slack", false},
		{"cmd/sportello/serve.go", our + "ingest/mail", true},
		{"cmd/sportello/serve.go", our + "ingest/mail/mailtest", false},
		{"cmd/sportello/serve.go", our + "cmd/sportello/demo", true},
		{"cmd/sportello/story_test.go", our + "ingest/mail/mailtest", true},
		{"cmd/sportello/demo/story.go", our + "ingest/slack/slacktest", true},
		{"cmd/sportello/demo/story.go", our + "ticketing", true},
		{"bot/decide.go", our + "cmd/sportello", false},
		{"ticketing/mail/reader.go", our + "ticketing", false},
		{"ticketing/ticket.go", layerModule + "extra/net", true},
		{"ingest/slack/api.go", "github.com/slack-go/slack", true},
		{"ingest/slack/api_people.go", "github.com/slack-go/slack", true},
		{"ingest/slack/cards.go", "github.com/slack-go/slack", false},
		{"ingest/slack/socket.go", "github.com/slack-go/slack/socketmode", false},
		{"cmd/sportello/check.go", "github.com/slack-go/slack", false},
		{"ingest/slack/slacktest/state.go", "github.com/slack-go/slack", false},
		{"ingest/telegram/api.go", "github.com/go-telegram/bot", true},
		{"ingest/telegram/api.go", "github.com/go-telegram/bot/models", true},
		{"ingest/telegram/door.go", "github.com/go-telegram/bot/models", false},
		{"ingest/telegram/telegramtest/server.go", "github.com/go-telegram/bot", false},
		{"ingest/telegram/telegramtest/server.go", our + "ticketing", false},
		{"ingest/telegram/door.go", our + "ingest/slack", false},
		{"ingest/telegram/poll.go", our + "ingest/telegram/telegramtest", false},
		{"ingest/mail/imap_idle.go", "github.com/emersion/go-imap/v2/imapclient", true},
		{"ingest/mail/imap.go", "github.com/emersion/go-imap/v2", true},
		{"ingest/mail/parse.go", "github.com/emersion/go-imap/v2", false},
		{"ingest/mail/mailtest/account.go", "github.com/emersion/go-imap/v2/imapserver", true},
	} {
		err := layerEdge(c.file, c.to)
		if (err == nil) != c.ok {
			t.Errorf("%s imports %s: got %v, want allowed=%v", c.file, c.to, err, c.ok)
		}
	}
}

// TestLayerWalk shows that the walk sees what it should, on a module made up for it.
func TestLayerWalk(t *testing.T) {
	sound := func() fstest.MapFS {
		return fstest.MapFS{
			"go.mod":                    {Data: []byte("module " + layerModule + "\n")},
			".gitignore":                {Data: []byte("# leftovers\n/data/\n*.prof\n")},
			".ci/report.go":             {Data: []byte("package main\nfunc init() {}\n")},
			"data/x.go":                 {Data: []byte("package util\n")},
			"cpu.prof":                  {},
			"ticketing/ticket.go":       {Data: []byte("package ticketing\nimport \"time\"\nvar _ time.Time\ntype T struct{}\nfunc (T) init() {}\n")},
			"bot/testdata/broken.go":    {Data: []byte("not Go at all")},
			"cmd/sportello/main.go":     {Data: []byte("package main\nimport _ \"" + layerModule + "/ticketing\"\n")},
			"ingest/mail/mailtest/x.go": {Data: []byte("package mailtest\n")},
		}
	}
	if faults, files := layerFaults(sound()); len(faults) > 0 || files != 3 {
		t.Errorf("a sound module: %d files read, want 3; faults %q", files, faults)
	}
	for _, c := range []struct{ file, text, want string }{
		{"docs/index.md", "", "the top level holds only"},
		{"ticketing/os.go", "package ticketing\nimport \"os\"\n", "do no I/O"},
		{"ticketing/start.go", "package ticketing\nfunc init() {}\n", "no init functions"},
		{"ticketing/util/x.go", "package util\n", "named after its subject"},
		{"ticketing/desk/x.go", "package helpers\n", "named after its subject"},
		{"ticketing/internal/kb/x.go", "package kb\n", "named after its subject"},
		{"ticketing/sla/x.go", "package sla\n", "no row in the import table"},
		{"tool.go", "package tool\n", "Go files live below"},
		{"ticketing/broken.go", "package", "expected"},
		{"ingest/slack/x_test.go", "package slack_test\nimport _ \"" + layerModule + "/ingest/mail\"\n", "may not import"},
	} {
		module := sound()
		module[c.file] = &fstest.MapFile{Data: []byte(c.text)}
		faults, _ := layerFaults(module)
		if len(faults) == 0 || !strings.Contains(strings.Join(faults, "\n"), c.want) {
			t.Errorf("with %s: got faults %q, want one with %q", c.file, faults, c.want)
		}
	}
}
