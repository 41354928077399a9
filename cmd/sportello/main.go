// Command sportello is the helpdesk that lives where people already are: customers write e-mail, agents answer in Slack.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // opening hours need zones on machines without them

	"github.com/alecthomas/kong"
)

type cli struct {
	Config string `short:"c" env:"SPORTELLO_CONFIG" placeholder:"FILE" help:"Settings. Without a file the defaults and the environment hold."`

	Serve      ServeCmd      `cmd:"" help:"Run the helpdesk."`
	Demo       DemoCmd       `cmd:"" help:"Show the whole thing with a sample company; needs nothing."`
	Explain    ExplainCmd    `cmd:"" help:"Tell how a mail is read and what would become of it."`
	Check      CheckCmd      `cmd:"" help:"Try every connection and tell what is wrong."`
	Settings   ConfigCmd     `cmd:"" name:"config" help:"Print the settings, or a sample of them."`
	Migrate    MigrateCmd    `cmd:"" help:"Bring the database to the schema of this version."`
	KB         KBCmd         `cmd:"" name:"kb" help:"Knowledge base: import, search, measure."`
	Report     ReportCmd     `cmd:"" help:"Figures over time."`
	Ledger     LedgerCmd     `cmd:"" help:"What came in and what became of it."`
	Quarantine QuarantineCmd `cmd:"" help:"What waits for a person."`
	Outbox     OutboxCmd     `cmd:"" help:"Letters and posts that are due, sent, or in doubt."`
	Slack      SlackCmd      `cmd:"" help:"The agents' chat: make its app."`
	Bench      BenchCmd      `cmd:"" help:"Measure intake and sending against real servers."`
	Version    VersionCmd    `cmd:"" help:"Print the version."`
}

// console is what commands speak to.
type console struct {
	in       io.Reader
	out, err io.Writer
	path     string // of the settings
	environ  []string
	colour   bool
}

func (c *console) config() (Config, error) { return loadConfig(c.path, c.environ) }

// VersionCmd prints the version.
type VersionCmd struct{}

// Run prints it.
func (VersionCmd) Run(c *console) error {
	_, err := fmt.Fprintln(c.out, "sportello", version())
	return err
}

// version is the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	return strings.TrimSpace(v + " " + info.GoVersion)
}

// Exit codes of the command.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// run is main without the process around it.
func run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer, environ []string) int {
	var c cli
	code := -1
	parser, err := kong.New(&c, kong.Name("sportello"), kong.Description("The helpdesk that lives where people already are.\n\nTry: sportello demo"),
		kong.UsageOnError(), kong.Writers(out, errw), kong.Exit(func(n int) { code = n }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		_, _ = fmt.Fprintln(errw, "sportello:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if code >= 0 {
		return code // help or version was printed
	}
	if err != nil {
		_, _ = fmt.Fprintln(errw, "sportello:", err)
		return exitUsage
	}
	term := &console{in: in, out: out, err: errw, path: c.Config, environ: environ, colour: colours(out, environ)}
	k.BindTo(ctx, (*context.Context)(nil))
	k.BindTo(in, (*io.Reader)(nil))
	k.BindTo(out, (*io.Writer)(nil))
	if err := k.Run(term); err != nil {
		var bad *configError
		switch {
		case errors.Is(err, errReported):
		case errors.As(err, &bad):
			_, _ = fmt.Fprintf(errw, "sportello: the settings need a correction:\n%s\n", indent(err.Error()))
		default:
			_, _ = fmt.Fprintln(errw, "sportello:", advise(err))
		}
		return exitFailed
	}
	return 0
}

// errReported: the command has already told what is wrong.
var errReported = errors.New("reported")

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

// logger writes to standard error as the settings say.
func logger(c LogConfig, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked with the settings
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
