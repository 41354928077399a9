package slacktest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/slack/slacktest"
)

// The judges are Slack's own clients, unchanged. Their scripts are in judges; their packages, pinned by the lock file there, are installed
// into the user's cache, outside the tree.

const (
	judgeInstall = 3 * time.Minute
	judgeLimit   = 5 * time.Minute
)

// judgeSeconds is how long J4 watches a healthy connection: longer than the 30 seconds after which a client misses the server's pings.
// SPORTELLO_TEST_JUDGE_SECONDS=120 is the figure of the specification.
const judgeSeconds = "35"

// fastClock runs a number of times faster than the machine's.
type fastClock struct {
	start time.Time
	times time.Duration
}

func (c fastClock) Now() time.Time { return c.start.Add(c.times * time.Since(c.start)) }

func (c fastClock) AfterFunc(d time.Duration, f func()) func() {
	t := time.AfterFunc(d/c.times, f)
	return func() { t.Stop() }
}

func TestJudges(t *testing.T) {
	modules := judgeModules(t)
	for _, j := range []struct {
		script string
		clock  func() slacktest.Clock
		rate   float64
	}{
		{"j1", nil, 0},
		// A connection ends 15 seconds after its warning; at this pace in three quarters of a second.
		{"j2", func() slacktest.Clock { return fastClock{time.Now(), 20} }, -1},
		// bolt compares the times of signatures with the machine's clock, and only looks for old ones.
		{"j3", func() slacktest.Clock { return slacktest.NewManualClock(time.Now()) }, 0},
		{"j4", nil, -1},
		{"j5", nil, 0},
	} {
		t.Run(j.script, func(t *testing.T) {
			t.Parallel()
			opt := slacktest.Options{RateFactor: j.rate, PostEvery: time.Nanosecond}
			switch j.script {
			case "j2":
				// The client is away half of the time, so that Slack's three retries would now and then all fall into gaps: more of them.
				opt.EventRetries = append([]time.Duration{0}, slices.Repeat([]time.Duration{20 * time.Second}, 20)...)
			case "j4":
				opt.EventRetries = append([]time.Duration{0}, slices.Repeat([]time.Duration{5 * time.Second}, 6)...)
			}
			if j.clock != nil {
				opt.Clock = j.clock()
			}
			s, err := slacktest.New(opt)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			anna := s.AddUser(slacktest.User{Name: "anna", RealName: "Anna Rossi", Email: "anna@acme.example"})
			bruno := s.AddUser(slacktest.User{Name: "bruno", RealName: "Bruno Bianchi"})
			room := s.AddChannel(slacktest.Channel{ID: "C0TRIAGE", Name: "triage", Private: true, Members: []string{anna, s.BotUser()}})
			seconds := os.Getenv("SPORTELLO_TEST_JUDGE_SECONDS")
			if seconds == "" {
				seconds = judgeSeconds
			}
			ctx, cancel := context.WithTimeout(t.Context(), judgeLimit)
			defer cancel()
			cmd := exec.CommandContext(ctx, "node", filepath.Join("judges", j.script+".js"))
			cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "SLACKTEST=http://"+s.Addr(), "SIGNING_SECRET="+s.Options().SigningSecret,
				"ROOM="+room, "ANNA="+anna, "BRUNO="+bruno, "SECONDS="+seconds)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			for _, m := range s.Misuse() {
				// The judges are not held to our own rules, only to Slack's.
				t.Log("misuse: ", m)
			}
			if len(out) > 0 {
				t.Logf("%s", bytes.TrimSpace(out))
			}
		})
	}
}

// TestSchemaIsMadeOfSlacksTypes makes the schema of package blockkit again.
func TestSchemaIsMadeOfSlacksTypes(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("judges", "schema.js"))
	cmd.Env = append(os.Environ(), "NODE_PATH="+judgeModules(t))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	made, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	file := filepath.Join("blockkit", "schema.json")
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, kept) {
		t.Errorf("%s is not what judges/schema.js makes", file)
	}
}

// judgeModules returns the folder of the judges' packages, which are installed when they are not there, and skips the test where that
// cannot be.
func judgeModules(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("no judges: they need node (20 or later) and npm")
		}
	}
	if v, err := exec.CommandContext(t.Context(), "node", "--version").Output(); err != nil || olderThan20(string(v)) {
		t.Skipf("no judges: they need node 20 or later, this is %s", bytes.TrimSpace(v))
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	lock, err := os.ReadFile(filepath.Join("judges", "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "sportello-judges", hex.EncodeToString(sum[:8]))
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	// Whoever is ready first gives the folder its name; it is never half full.
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "install-*")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		raw, err := os.ReadFile(filepath.Join("judges", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(fresh, name), raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), judgeInstall)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("no judges: npm ci could not install them (%v): %s", err, lines[0])
	}
	if err := os.Rename(fresh, dir); err != nil && !errors.Is(err, os.ErrExist) {
		if _, there := os.Stat(modules); there != nil {
			t.Fatal(err)
		}
	}
	return modules
}

func olderThan20(version string) bool {
	var major int
	_, err := fmt.Sscanf(version, "v%d.", &major)
	return err != nil || major < 20
}
