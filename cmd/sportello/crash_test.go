package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// The crash test (reliability.md R1 and R7): the real process is killed with SIGKILL at random moments while customers write and agents
// answer, and started again at once. The mail server and the Slack workspace live in the test and survive, so the test knows what was
// given in and what came out; after each kill it reads the database and compares (invariants I1 to I10 of reliability.md section 8).
//
//	SPORTELLO_TEST_KILLS   how many kills over all runs; 300 in .ci/run, 10,000 at night
//	SPORTELLO_TEST_SEED    repeats the choices of a run; what the machine makes of them differs
//
// A run that fails leaves its folder: the log of all processes with what customers and agents did between its lines, and the database.

// defaultKills keeps a developer's run short.
const defaultKills = 25

// restLimit bounds the time in which all work must come to rest; it is no measure of speed.
const restLimit = 3 * time.Minute

// crashPlan is one way to run.
type crashPlan struct {
	name     string
	share    int // of the kills, in per cent
	doubt    string
	after    string // what happens to mail at the server
	postgres bool   // with Redis, and for a part of the run with two replicas
}

func TestKill(t *testing.T) {
	kills, seed := envInt(t, "SPORTELLO_TEST_KILLS", defaultKills), uint64(envInt(t, "SPORTELLO_TEST_SEED", int(time.Now().UnixNano()&0xffffff)))
	all := &crashSum{seed: seed, begun: time.Now()}
	for _, p := range []crashPlan{
		{name: "sqlite, probe", share: 30, doubt: "probe", after: "keep"},
		{name: "sqlite, resend", share: 20, doubt: "resend", after: "flag"},
		{name: "postgres and redis, probe", share: 30, doubt: "probe", after: "move", postgres: true},
		{name: "postgres and redis, resend", share: 20, doubt: "resend", after: "keep", postgres: true},
	} {
		t.Run(p.name, func(t *testing.T) {
			for left, round := (kills*p.share+99)/100, uint64(0); left > 0 && !t.Failed(); round++ {
				w := newCrashWorld(t, p, seed+round)
				w.run(min(left, roundKills))
				left -= w.kills
				all.add(w)
			}
		})
	}
	t.Attr("kills", all.tell())
}

// roundKills is how many kills one installation gets before a new one is begun: each check reads all there is.
const roundKills = 100

// crashSum is what all runs showed together.
type crashSum struct {
	seed                                                                             uint64
	kills, mails, said, letters, lost, tickets, posts, doubles, wipes, redis, deaths int
	begun                                                                            time.Time
}

func (s *crashSum) add(w *crashWorld) {
	s.kills, s.mails, s.said, s.letters = s.kills+w.kills, s.mails+len(w.load.mails), s.said+len(w.load.said), s.letters+len(w.load.first)
	s.lost, s.tickets, s.posts, s.doubles = s.lost+w.lost, s.tickets+w.doubleTickets, s.posts+w.doublePosts, s.doubles+w.load.double
	s.deaths = max(s.deaths, w.worstFailures)
	if w.redis != nil {
		s.wipes, s.redis = s.wipes+w.redis.wipes, s.redis+w.redis.kills
	}
}

func (s *crashSum) tell() string {
	share := 0.0
	if s.letters > 0 {
		share = 100 * float64(s.doubles) / float64(s.letters+s.doubles)
	}
	return fmt.Sprintf("seed %d, %d kills, %d mails, %d posts of agents, %d letters, lost %d, double tickets %d, double posts %d, double mails %d (%.2f %%, same Message-ID, without the probe only), Redis wiped %d and killed %d times, an item failed at most %d times, %v",
		s.seed, s.kills, s.mails, s.said, s.letters, s.lost, s.tickets, s.posts, s.doubles, share, s.wipes, s.redis, s.deaths, time.Since(s.begun).Round(time.Second))
}

func envInt(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q; write a number above 0", name, text)
	}
	return n
}

// crashWorld is one run: the peers, the process under test and what was seen of both.
type crashWorld struct {
	t        *testing.T
	plan     crashPlan
	seed     uint64
	rng      *rand.Rand
	program  string
	dir      string
	settings string
	dsn      string
	log      *crashLog
	begun    time.Time

	mail     *mailtest.Server
	validity uint32
	slack    *slacktest.Server
	room     string
	agents   []string
	redis    *ownRedis
	pg       *sql.DB
	main     *sql.DB // copies of the embedded databases
	small    *sql.DB
	load     *crashLoad

	kills, starts int
	problems      []string

	// Seen in earlier states.
	cursors  map[string]cursorRow
	leases   map[string]leaseRow
	fences   map[string]int64
	accepted map[uint32]bool
	outcomes map[string]string // by ledger row
	sent     map[string]bool   // by outgoing row
	rowOf    map[string]string // outgoing row by Message-ID
	idOf     map[string]string // the other way round
	proven   map[string]bool   // files that are whole

	lost, doubleTickets, doublePosts, unreachable, disorder, overtaken, worstFailures int
	suppressed                                                                        map[string]int
}

func newCrashWorld(t *testing.T, p crashPlan, seed uint64) *crashWorld {
	t.Helper()
	w := &crashWorld{t: t, plan: p, seed: seed, rng: rand.New(rand.NewPCG(seed, uint64(len(p.name)))), begun: time.Now(),
		load:    &crashLoad{byUID: map[uint32]*given{}, first: map[string]int{}},
		cursors: map[string]cursorRow{}, leases: map[string]leaseRow{}, fences: map[string]int64{}, accepted: map[uint32]bool{},
		outcomes: map[string]string{}, sent: map[string]bool{}, rowOf: map[string]string{}, idOf: map[string]string{}, proven: map[string]bool{},
		suppressed: map[string]int{}}
	var err error
	if w.program, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	if p.postgres {
		w.dsn = storetest.Schema(t)
		if w.pg, err = sql.Open("pgx", w.dsn); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.pg.Close() })
		program := os.Getenv("SPORTELLO_TEST_REDIS_SERVER")
		if program == "" {
			if program, err = exec.LookPath("redis-server"); err != nil {
				t.Skip("redis-server is not installed: the runs with PostgreSQL and Redis are left out")
			}
		}
		w.redis = startOwnRedis(t, program)
	}
	if w.dir, err = os.MkdirTemp("", "sportello-kill-"); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(w.dir, "sportello.log"))
	if err != nil {
		t.Fatal(err)
	}
	w.log = &crashLog{file: file}
	t.Cleanup(func() {
		_ = file.Close()
		w.closeCopies()
		if t.Failed() {
			t.Logf("seed %d; the log of all processes and the database are in %s", seed, w.dir)
			return
		}
		_ = os.RemoveAll(w.dir)
	})
	w.mail = mailtest.Start(t, mailtest.Options{Password: "secret", KeepSubmitted: "Sent"})
	w.mail.AddUser(deskAddress, "secret")
	w.mail.Deliver(deskAddress, []byte("Subject: old\r\n\r\nwas there before\r\n"))
	w.validity = w.mail.Inbox(deskAddress)[0].UIDValidity
	if w.slack, err = slacktest.New(slacktest.Options{Seed: seed | 1, PostEvery: -1, RateFactor: -1,
		EventRetries: []time.Duration{0, 500 * time.Millisecond, 2 * time.Second}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wellFormed(t, w.slack); _ = w.slack.Close() })
	for _, name := range []string{"Anna Rossi", "Bruno Neri", "Carla Bo"} {
		w.agents = append(w.agents, w.slack.AddUser(slacktest.User{Name: strings.ToLower(name[:4]), RealName: name}))
	}
	w.room = w.slack.AddChannel(slacktest.Channel{ID: "C0TRIAGE", Name: "triage", Private: true, Members: append([]string{w.slack.BotUser()}, w.agents...)})
	w.writeSettings()
	return w
}

// problem notes a broken invariant with what is needed to find its cause.
func (w *crashWorld) problem(invariant, format string, args ...any) {
	w.t.Helper()
	text := invariant + ": " + fmt.Sprintf(format, args...)
	w.problems = append(w.problems, text)
	w.log.line("BROKEN %s", text)
	if len(w.problems) <= shownProblems {
		w.t.Errorf("after kill %d: %s", w.kills, text)
	}
}

// shownProblems is how many broken invariants a run prints; all are in its log.
const shownProblems = 8

func (w *crashWorld) fatalf(format string, args ...any) {
	w.t.Helper()
	w.log.line("FATAL "+format, args...)
	w.t.Fatalf(format, args...)
}

// channel is the agents' channel in refs, cursors and recipients.
func (w *crashWorld) channel() string { return "slack:" + w.slack.Options().Team + "/" + w.room }

func (w *crashWorld) clock() int64 { return time.Now().UnixMilli() }

// pause lets time pass.
func (w *crashWorld) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.t.Context().Done():
	}
}

// life is how long a process may work before it is killed.
func (w *crashWorld) life() time.Duration {
	switch p := w.rng.IntN(100); {
	case p < 85:
		return 20*time.Millisecond + time.Duration(w.rng.Int64N(int64(380*time.Millisecond)))
	case p < 97:
		return 400*time.Millisecond + time.Duration(w.rng.Int64N(int64(time.Second)))
	default:
		return 2 * time.Second
	}
}

const (
	// startShare is how many in a hundred processes are killed while they start; startLonger bounds when.
	startShare  = 15
	startLonger = 80 * time.Millisecond
	// firstKills is how often the very first start is killed.
	firstKills = 6
)

// run kills, then lets everything come to rest and judges.
func (w *crashWorld) run(kills int) {
	w.firstStart(min(kills/5, firstKills))
	for w.kills < kills && len(w.problems) == 0 {
		// For a part of the run a second replica works beside and takes over; either may be the one that is killed.
		pair := w.plan.postgres && w.kills*100 >= kills*40 && w.kills*100 < kills*65
		if pair {
			w.pair(kills)
			continue
		}
		w.cycle(nil)
	}
	w.rest()
	w.report()
}

// firstStart kills during the very first starts, when database, keys and folders are made, and then lets one process find its places: from
// there on nothing may be missed. What is in the mailbox before the first connection is old mail.
func (w *crashWorld) firstStart(kills int) {
	for range kills {
		c := w.start("first")
		w.pause(time.Duration(w.rng.Int64N(int64(startLonger))))
		if c.gone() {
			w.fatalf("the first process ended by itself: %v\n%s", c.err, c.words())
		}
		c.kill()
		w.kills++
	}
	c := w.start("first")
	w.wait(c)
	if err := w.mail.WaitFor(w.t.Context(), func() bool { return w.mail.Did(deskAddress, "IDLE") > 0 || c.gone() }); err != nil || c.gone() {
		w.fatalf("the mailbox is not watched: %v\n%s", err, c.words())
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(startLimit); ; <-tick.C {
		s, err := w.snapshot(true, nil)
		if err == nil && s != nil {
			known := map[string]bool{}
			for _, place := range s.cursors {
				known[place.place] = true
			}
			if known[mailPlace] && known[w.channel()] {
				break
			}
		}
		if time.Now().After(limit) || c.gone() {
			w.fatalf("mailbox and channel have no cursor: %v\n%s", err, c.words())
		}
	}
	c.kill()
}

// cycle starts a process, lets it work under load, kills it and checks. beside is a replica that goes on.
func (w *crashWorld) cycle(beside *child) {
	c := w.start("sportello")
	w.starts++
	if w.rng.IntN(100) < startShare {
		w.act()
		w.pause(time.Duration(w.rng.Int64N(int64(startLonger))))
	} else {
		w.wait(c)
		w.work()
	}
	if c.gone() {
		w.fatalf("a process ended by itself: %v\n%s", c.err, c.words())
	}
	w.end(c, beside)
}

// work is load for the life of a process, with Redis in trouble now and then.
func (w *crashWorld) work() {
	life, acts := w.life(), 3+w.rng.IntN(6)
	for range acts {
		w.act()
		w.pause(time.Duration(w.rng.Int64N(int64(2 * life / time.Duration(acts)))))
	}
	if w.redis == nil {
		return
	}
	switch p := w.rng.IntN(100); {
	case p < 12:
		w.redis.wipe()
	case p < 18:
		w.redis.restart()
	}
}

// end kills and checks.
func (w *crashWorld) end(c, beside *child) {
	c.kill()
	w.kills++
	w.log.line("kill %d: %s", w.kills, c.name)
	if beside != nil && beside.gone() {
		w.fatalf("the replica ended by itself: %v\n%s", beside.err, beside.words())
	}
	w.inspect(false)
}

// pair runs two replicas and kills one of them at a time.
func (w *crashWorld) pair(kills int) {
	a, b := w.start("replica a"), w.start("replica b")
	w.wait(a)
	w.wait(b)
	for w.kills*100 < kills*65 && len(w.problems) == 0 {
		w.work()
		if w.rng.IntN(2) == 0 {
			a, b = b, a
		}
		w.end(a, b)
		a = w.start(a.name)
		w.starts++
		w.wait(a)
	}
	a.kill()
	b.kill()
	w.kills += 2
	w.inspect(false)
}

// inspect reads the database and the peers and checks.
func (w *crashWorld) inspect(atRest bool) {
	sound := w.soundSQLite
	if w.pg != nil {
		sound = nil
		if atRest {
			sound = w.soundPostgres
		}
	}
	before := w.view()
	s, err := w.snapshot(false, sound)
	if err != nil {
		w.problem("I10", "the database cannot be read: %v", err)
		return
	}
	if s == nil {
		return
	}
	after := w.view()
	w.examine(s, before, after)
	if atRest {
		w.settled(s, after)
	}
}

// waiting says what has not come to rest yet.
func (w *crashWorld) waiting() string {
	s, err := w.snapshot(true, nil)
	if err != nil || s == nil {
		return fmt.Sprint("the database cannot be read: ", err)
	}
	var left []string
	add := func(format string, args ...any) {
		if len(left) < 20 {
			left = append(left, fmt.Sprintf(format, args...))
		}
	}
	for i := range w.load.mails {
		if m := &w.load.mails[i]; s.inBy[w.identity(m.uid)] == nil {
			add("mail %d is not accepted", m.uid)
		}
	}
	refs := map[string]bool{}
	for _, m := range s.msg {
		refs[m.ref] = true
	}
	for _, p := range w.load.said {
		if p.kind != "order" && !refs[w.channel()+"/"+p.ts] {
			add("an agent was not heard: %+v", p)
		}
	}
	for i := range s.in {
		if s.in[i].state != "done" {
			add("%+v", s.in[i])
		}
	}
	for i := range s.out {
		if o := &s.out[i]; o.state == "pending" || o.state == "sending" || o.state == "in_doubt" {
			add("%+v", *o)
		}
	}
	if n := w.slack.Waiting(); n > 0 {
		add("%d events wait for their delivery", n)
	}
	return strings.Join(left, "\n")
}

// rest lets one process finish everything, ends it in order and judges.
func (w *crashWorld) rest() {
	if len(w.problems) > 0 {
		return
	}
	c := w.start("last")
	w.wait(c)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	began, left := time.Now(), "?"
	for quiet := 0; quiet < 2; <-tick.C {
		if left = w.waiting(); left == "" {
			quiet++
			continue
		}
		quiet = 0
		if c.gone() {
			w.fatalf("the last process ended by itself: %v\n%s", c.err, c.words())
		}
		if time.Since(began) > restLimit {
			w.problem("I1", "not everything came to rest within %v:\n%s", restLimit, left)
			return
		}
	}
	w.log.line("at rest after %v", time.Since(began))
	w.stop(c)
	w.inspect(true)
}

// report prints what the run showed.
func (w *crashWorld) report() {
	w.look()
	one := &crashSum{seed: w.seed, begun: w.begun}
	one.add(w)
	w.t.Logf("%s: %s; peers failed %d times, letters suppressed %v, unreachable %d, agents' messages out of order %d, retried mails overtaken %d", w.plan.name, one.tell(), w.load.faults, w.suppressed,
		w.unreachable, w.disorder, w.overtaken)
	if len(w.problems) > 0 {
		w.t.Logf("%d invariants broken; errors in the log:\n%s", len(w.problems), w.log.grep("panic", "level=ERROR"))
	}
}
