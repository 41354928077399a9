package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// startLimit bounds the start of a process that is not killed while it starts.
const startLimit = time.Minute

// crashLog is the log of all processes of a run, one after the other.
type crashLog struct {
	mu   sync.Mutex
	file *os.File
}

func (l *crashLog) line(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.file, "%s ---- %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// child is one process of sportello.
type child struct {
	name    string
	cmd     *exec.Cmd
	log     *crashLog
	begun   time.Time
	serving chan struct{} // closed when the log says that it serves
	ended   chan struct{} // closed when the process is gone and its output is read
	err     error         // of the process; read after ended

	mu   sync.Mutex
	tail []byte
	said bool
}

// Write takes the process's log: it goes to the file, and the line that tells that the process serves is noticed.
func (c *child) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.tail = append(c.tail, p...)
	if len(c.tail) > 16<<10 {
		c.tail = bytes.Clone(c.tail[len(c.tail)-8<<10:])
	}
	if !c.said && bytes.Contains(c.tail, []byte("sportello serves")) {
		c.said = true
		close(c.serving)
	}
	c.mu.Unlock()
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	return c.log.file.Write(p)
}

func (c *child) words() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.tail)
}

// start runs "sportello serve" with the settings of the run.
func (w *crashWorld) start(name string) *child {
	w.t.Helper()
	c := &child{name: name, log: w.log, begun: time.Now(), serving: make(chan struct{}), ended: make(chan struct{})}
	c.cmd = exec.Command(w.program, "serve", "--config", w.settings)
	c.cmd.Env = append(os.Environ(), asProgram+"=1")
	c.cmd.Stdout, c.cmd.Stderr = c, c
	// A test that is itself killed leaves nothing behind.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.log.line("%s is process %d", name, c.cmd.Process.Pid)
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	w.t.Cleanup(func() { c.kill() })
	return c
}

// kill ends the process as a power switch would.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
}

// gone tells whether the process ended without being killed by us.
func (c *child) gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// wait waits until the process serves.
func (w *crashWorld) wait(c *child) {
	w.t.Helper()
	select {
	case <-c.serving:
	case <-c.ended:
		w.fatalf("%s ended by itself while starting: %v\n%s", c.name, c.err, c.words())
	case <-time.After(startLimit):
		w.fatalf("%s does not serve after %v\n%s", c.name, startLimit, c.words())
	}
}

// stop asks the process to end and waits: it must leave in order, within the time that P8 promises and a margin for a busy machine.
func (w *crashWorld) stop(c *child) {
	w.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.fatalf("%s cannot be told to end: %v", c.name, err)
	}
	select {
	case <-c.ended:
	case <-time.After(2 * shutdownGrace):
		w.fatalf("%s did not end %v after SIGTERM", c.name, 2*shutdownGrace)
	}
	if c.err != nil {
		w.fatalf("%s ended with %v after SIGTERM\n%s", c.name, c.err, c.words())
	}
}

// writeSettings writes the settings file. Leases and pauses are short, so that what a dead process held is soon taken over; all limits
// against floods are off, because the load is one. A process that dies several times a second does so again and again over one item without
// any guilt of the item's, so more failures are allowed than the three of a world in which dying is rare; the report tells how many it took.
func (w *crashWorld) writeSettings() {
	w.t.Helper()
	imapHost, imapPort := hostPort(w.t, w.mail.IMAPAddr())
	smtpHost, smtpPort := hostPort(w.t, w.mail.SMTPAddr())
	redisURL := ""
	if w.redis != nil {
		redisURL = w.redis.url()
	}
	text := fmt.Sprintf(`
brand: Bottega
data: %q
database: %q
redis: %q
listen: ""
mailboxes:
  - name: assistenza
    queue: assistenza
    imap: {host: %s, port: %d, tls: none, username: %s, password: secret, after: %s, poll: 1s}
    smtp: {host: %s, port: %d, tls: none, username: %s, password: secret, doubt: %s, sent_folder: Sent}
queues:
  - name: assistenza
    addresses: [%s]
    slack_channel: %s
    hours: {days: {}}
    control: 0
    undo: 0s
slack: {app_token: xapp-test, bot_token: xoxb-test, team: %s, api_url: %q, settle: 1s}
limits: {ack_every: 0s, automatic_per_hour: 0, automatic_per_day: 0, automatic_all_per_hour: 0, reopen_per_hour: 0, tickets_per_hour: 0,
  tickets_per_domain: 0, same_text_per_hour: 0, ping_window: 0s, failures: 8, min_free: 0, min_free_share: 0}
sending: {retry_min: 200ms, retry_max: 1s, sweep: 500ms, searches: "300ms, 500ms, 1s"}
leases: {item: 600ms, place: 300ms, letter: 600ms}
testing: {slack_pace: -1ns}
`, filepath.Join(w.dir, "data"), w.dsn, redisURL, imapHost, imapPort, deskAddress, w.plan.after, smtpHost, smtpPort, deskAddress, w.plan.doubt,
		deskAddress, w.room, w.slack.Options().Team, w.slack.URL())
	w.settings = filepath.Join(w.dir, "sportello.yaml")
	if err := os.WriteFile(w.settings, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if _, err := loadConfig(w.settings, nil); err != nil {
		w.t.Fatal(err)
	}
}

// ownRedis is a Redis of the run's own that keeps nothing on disk.
type ownRedis struct {
	t       testing.TB
	program string
	dir     string
	port    int
	cmd     *exec.Cmd
	client  *redis.Client
	wipes   int
	kills   int
}

func startOwnRedis(t *testing.T, program string) *ownRedis {
	t.Helper()
	r := &ownRedis{t: t, program: program, dir: os.Getenv("SPORTELLO_TEST_REDIS_DIR")}
	if r.dir == "" {
		r.dir = t.TempDir()
	}
	for range 5 { // another process may take the free port first
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r.port = l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		r.client = redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", r.port), MaxRetries: -1})
		if r.run() == nil {
			t.Cleanup(func() {
				r.end()
				_ = r.client.Close()
			})
			return r
		}
		_ = r.client.Close()
	}
	t.Fatalf("%s does not start in %s", program, r.dir)
	return nil
}

func (r *ownRedis) url() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", r.port) }

// run starts the server and waits until it answers.
func (r *ownRedis) run() error {
	r.cmd = exec.Command(r.program, "--bind", "127.0.0.1", "--port", fmt.Sprint(r.port), "--dir", r.dir, "--save", "", "--appendonly", "no")
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(startLimit); time.Now().Before(limit); <-tick.C {
		if r.client.Ping(r.t.Context()).Err() == nil {
			return nil
		}
		if errors.Is(r.cmd.Process.Signal(syscall.Signal(0)), os.ErrProcessDone) {
			break
		}
	}
	r.end()
	return errors.New("redis does not answer")
}

func (r *ownRedis) end() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// wipe empties the server.
func (r *ownRedis) wipe() {
	r.t.Helper()
	if err := r.client.FlushAll(r.t.Context()).Err(); err != nil {
		r.t.Fatal(err)
	}
	r.wipes++
}

// restart kills the server; it comes back empty.
func (r *ownRedis) restart() {
	r.t.Helper()
	r.end()
	if err := r.run(); err != nil {
		r.t.Fatal(err)
	}
	r.kills++
}

// grep returns the last lines of the run's log that hold one of the words.
func (l *crashLog) grep(words ...string) string {
	raw, err := os.ReadFile(l.file.Name())
	if err != nil {
		return err.Error()
	}
	var found []string
	for line := range strings.SplitSeq(string(raw), "\n") {
		for _, word := range words {
			if word != "" && strings.Contains(line, word) {
				found = append(found, line)
				break
			}
		}
	}
	return strings.Join(found[max(0, len(found)-40):], "\n")
}
