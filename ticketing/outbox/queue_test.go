package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// redisServer is a Redis for one test: a client to look behind the queue with, and what makes the server go away and come back.
type redisServer struct {
	url    string
	client *redis.Client
	mini   *miniredis.Miniredis // nil for a real one
	prefix string
}

// eachRedis runs fn on miniredis and, where the environment names one, on a real server.
func eachRedis(t *testing.T, fn func(t *testing.T, s redisServer)) {
	run := func(t *testing.T, s redisServer) {
		opt, err := redis.ParseURL(s.url)
		if err != nil {
			t.Fatal(err)
		}
		s.client = redis.NewClient(opt)
		s.prefix = "test-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
		t.Cleanup(func() {
			ctx := context.Background()
			if keys, err := s.client.Keys(ctx, s.prefix+":*").Result(); err == nil && len(keys) > 0 {
				s.client.Del(ctx, keys...)
			}
			s.client.Close()
		})
		fn(t, s)
	}
	t.Run("miniredis", func(t *testing.T) {
		m := miniredis.RunT(t)
		run(t, redisServer{url: "redis://" + m.Addr(), mini: m})
	})
	t.Run("redis", func(t *testing.T) {
		url := os.Getenv("SPORTELLO_TEST_REDIS")
		if url == "" {
			t.Skip("SPORTELLO_TEST_REDIS is not set: a real Redis is not tested")
		}
		if !strings.Contains(url, "://") {
			url = "redis://" + url
		}
		run(t, redisServer{url: url})
	})
}

func (s redisServer) queue(t testing.TB, change func(*RedisConfig)) *Redis {
	t.Helper()
	cfg := RedisConfig{URL: s.url, Prefix: s.prefix, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	q, err := NewRedis(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func numbers(from, to int) []string {
	var ids []string
	for n := from; n < to; n++ {
		ids = append(ids, fmt.Sprintf("id%05d", n))
	}
	return ids
}

// drain takes ids until it has n of them, and acknowledges them.
func drain(t testing.TB, q Queue, door string, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var ids []string
	for len(ids) < n {
		ds, err := q.Next(ctx, door, 7)
		if err != nil {
			t.Fatalf("after %d of %d: %v", len(ids), n, err)
		}
		for _, d := range ds {
			ids = append(ids, d.ID)
			d.Ack()
		}
	}
	return ids
}

// What every queue promises.
func testQueue(t *testing.T, q Queue) {
	ctx := context.Background()
	q.Publish(ctx, "a", numbers(0, 600))
	q.Publish(ctx, "b", numbers(600, 610))
	if got := drain(t, q, "b", 10); !slices.Equal(got, numbers(600, 610)) {
		t.Errorf("door b got %v", got)
	}
	if got := drain(t, q, "a", 600); !slices.Equal(got, numbers(0, 600)) {
		t.Errorf("door a got %d ids, first %s", len(got), got[0])
	}
	// A waiting reader gets what comes later, and an empty line ends with the context.
	got := make(chan []string)
	go func() { got <- drain(t, q, "a", 1) }()
	q.Publish(ctx, "a", []string{"late"})
	if ids := <-got; ids[0] != "late" {
		t.Errorf("got %v", ids)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if ds, err := q.Next(ended, "a", 1); !errors.Is(err, context.Canceled) || len(ds) > 0 {
		t.Errorf("after the end: %v %v", ds, err)
	}
}

func TestQueues(t *testing.T) {
	t.Run("memory", func(t *testing.T) { testQueue(t, NewMemory(0)) })
	eachRedis(t, func(t *testing.T, s redisServer) { testQueue(t, s.queue(t, nil)) })
}

func TestMemoryIsBounded(t *testing.T) {
	q := NewMemory(100)
	for range 3 {
		q.Publish(t.Context(), "a", numbers(0, 150))
	}
	if got := drain(t, q, "a", 100); !slices.Equal(got, numbers(0, 100)) {
		t.Errorf("got %v", got)
	}
	if ds, _ := q.take("a", 10); len(ds) > 0 {
		t.Errorf("there is more: %v", ds)
	}
	for n := range 1000 {
		q.Publish(t.Context(), "a", numbers(2*n, 2*n+2))
		drain(t, q, "a", 1)
		if l := q.lines["a"]; cap(l.ids) > 1000 {
			t.Fatalf("the line grows: %d", cap(l.ids))
		}
	}
}

// Several readers of one line: each id reaches exactly one, and nobody sleeps while there is work.
func TestMemoryWakesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewMemory(0)
		ctx, cancel := context.WithCancel(context.Background())
		got := make(chan string, 10)
		for range 5 {
			go func() {
				ds, err := q.Next(ctx, "a", 1)
				if err == nil {
					got <- ds[0].ID
				}
			}()
		}
		synctest.Wait()
		q.Publish(ctx, "a", numbers(0, 5))
		synctest.Wait()
		if len(got) != 5 {
			t.Errorf("%d of 5 were handed out", len(got))
		}
		cancel()
	})
}

func TestRedisSurvivesFlush(t *testing.T) {
	eachRedis(t, func(t *testing.T, s redisServer) {
		ctx := context.Background()
		q := s.queue(t, nil)
		q.Publish(ctx, "a", numbers(0, 5))
		drain(t, q, "a", 5)
		// The test's own keys only: the server may be shared.
		wipe := func() {
			if err := s.client.Del(ctx, q.key("a")).Err(); err != nil {
				t.Fatal(err)
			}
		}
		wipe()
		q.Publish(ctx, "a", numbers(5, 10))
		if got := drain(t, q, "a", 5); !slices.Equal(got, numbers(5, 10)) {
			t.Errorf("got %v", got)
		}
		// While a reader waits, and with entries not acknowledged.
		q.Publish(ctx, "a", []string{"in hand"})
		ds, err := q.Next(ctx, "a", 1)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan []string)
		go func() { got <- drain(t, q, "a", 1) }()
		wipe()
		q.Publish(ctx, "a", []string{"after"})
		if ids := <-got; ids[0] != "after" {
			t.Errorf("got %v", ids)
		}
		ds[0].Ack()
	})
}

func TestRedisWrongType(t *testing.T) {
	eachRedis(t, func(t *testing.T, s redisServer) {
		ctx := context.Background()
		q := s.queue(t, nil)
		spoil := func(door string) {
			if err := s.client.Set(ctx, q.key(door), "not a stream", 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
		spoil("a")
		q.Publish(ctx, "a", numbers(0, 3))
		if got := drain(t, q, "a", 3); !slices.Equal(got, numbers(0, 3)) {
			t.Errorf("got %v", got)
		}
		if kind := s.client.Type(ctx, q.key("a")).Val(); kind != "stream" {
			t.Errorf("the key is a %s", kind)
		}
		// A reader finds it first.
		spoil("b")
		got := make(chan []string)
		go func() { got <- drain(t, q, "b", 1) }()
		for s.client.Type(ctx, q.key("b")).Val() != "stream" {
		}
		q.Publish(ctx, "b", []string{"x"})
		if ids := <-got; ids[0] != "x" {
			t.Errorf("got %v", ids)
		}
	})
}

// A consumer that took ids and died: another one gets them when they have been idle.
func TestRedisTakesOver(t *testing.T) {
	eachRedis(t, func(t *testing.T, s redisServer) {
		ctx := context.Background()
		dying, living := s.queue(t, nil), s.queue(t, func(cfg *RedisConfig) { cfg.Idle = time.Millisecond })
		dying.Publish(ctx, "a", numbers(0, 20))
		taken := 0
		for taken < 20 {
			ds, err := dying.Next(ctx, "a", 20)
			if err != nil {
				t.Fatal(err)
			}
			taken += len(ds)
		}
		if s.mini != nil {
			s.mini.SetTime(time.Now().Add(time.Minute))
		}
		got := map[string]bool{}
		for len(got) < 20 {
			for _, id := range drain(t, living, "a", 1) {
				got[id] = true
			}
		}
	})
}

// What was acknowledged is gone from the stream, so that Redis holds only what waits.
func TestRedisKeepsNothing(t *testing.T) {
	eachRedis(t, func(t *testing.T, s redisServer) {
		ctx := context.Background()
		q := s.queue(t, func(cfg *RedisConfig) { cfg.Capacity = 50 })
		q.Publish(ctx, "a", numbers(0, 80))
		if n := s.client.XLen(ctx, q.key("a")).Val(); n != 50 {
			t.Errorf("%d ids wait, 50 fit", n)
		}
		drain(t, q, "a", 50)
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		if n := s.client.XLen(ctx, q.key("a")).Val(); n != 0 {
			t.Errorf("%d entries are left", n)
		}
		if p := s.client.XPending(ctx, q.key("a"), redisGroup).Val(); p.Count != 0 {
			t.Errorf("%d entries are pending", p.Count)
		}
	})
}

// Foreign entries in our stream are thrown out instead of coming for ever.
func TestRedisForeignEntry(t *testing.T) {
	eachRedis(t, func(t *testing.T, s redisServer) {
		ctx := context.Background()
		q := s.queue(t, nil)
		s.client.XAdd(ctx, &redis.XAddArgs{Stream: q.key("a"), Values: []any{"colour", "red"}})
		q.Publish(ctx, "a", []string{"x"})
		if got := drain(t, q, "a", 1); got[0] != "x" {
			t.Errorf("got %v", got)
		}
	})
}

// gate stands before a server and can be shut, which breaks all connections, and opened again.
type gate struct {
	t       *testing.T
	server  string
	address string
	mu      sync.Mutex
	listen  net.Listener
	conns   []net.Conn
	wait    sync.WaitGroup
}

// gated returns the server behind a gate.
func (s redisServer) gated(t *testing.T) (redisServer, *gate) {
	opt, err := redis.ParseURL(s.url)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, server: opt.Addr, address: "127.0.0.1:0"}
	g.open()
	t.Cleanup(g.shut)
	s.url = "redis://" + g.address
	return s, g
}

func (g *gate) open() {
	l, err := net.Listen("tcp", g.address)
	if err != nil {
		g.t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listen, g.address = l, l.Addr().String()
	g.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.pass(c)
		}
	})
}

func (g *gate) pass(c net.Conn) {
	s, err := net.Dial("tcp", g.server)
	if err != nil {
		c.Close()
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listen == nil {
		c.Close()
		s.Close()
		return
	}
	g.conns = append(g.conns, c, s)
	for _, d := range [][2]net.Conn{{c, s}, {s, c}} {
		g.wait.Go(func() {
			io.Copy(d[0], d[1])
			d[0].Close()
			d[1].Close()
		})
	}
}

func (g *gate) shut() {
	g.mu.Lock()
	if g.listen != nil {
		g.listen.Close()
	}
	g.listen = nil
	for _, c := range g.conns {
		c.Close()
	}
	g.conns = nil
	g.mu.Unlock()
	g.wait.Wait()
}

func TestRedisAwayAndBack(t *testing.T) {
	eachRedis(t, func(t *testing.T, s redisServer) {
		ctx := context.Background()
		s, gate := s.gated(t)
		q := s.queue(t, func(cfg *RedisConfig) { cfg.Timeout = time.Second })
		q.Publish(ctx, "a", numbers(0, 5))
		drain(t, q, "a", 5)

		gate.shut()
		q.Publish(ctx, "a", numbers(5, 10))
		if got := drain(t, q, "a", 5); !slices.Equal(got, numbers(5, 10)) {
			t.Errorf("while away: %v", got)
		}
		if !q.publish.isAway() {
			t.Error("the queue does not know that Redis is away")
		}

		gate.open()
		// It is used again by itself.
		end := time.Now().Add(30 * time.Second)
		for n := 10; q.publish.isAway() || q.read.isAway(); n++ {
			if time.Now().After(end) {
				t.Fatal("Redis is back and not used")
			}
			q.Publish(ctx, "a", numbers(n, n+1))
			drain(t, q, "a", 1)
		}
	})
}

// A reader that Redis refuses gets what its own process publishes all the same.
func TestRedisCannotRead(t *testing.T) {
	eachRedis(t, func(t *testing.T, s redisServer) {
		ctx := context.Background()
		q := s.queue(t, nil)
		q.failed(&q.read, errors.New("NOPERM this user has no permissions"))
		q.Publish(ctx, "a", []string{"x"})
		if n := s.client.XLen(ctx, q.key("a")).Val(); n != 0 {
			t.Error("published where nobody reads")
		}
		if got := drain(t, q, "a", 1); got[0] != "x" {
			t.Errorf("got %v", got)
		}
	})
}

func TestRedisRefusesBadURL(t *testing.T) {
	_, err := NewRedis(RedisConfig{URL: "http://:secret@host"})
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "redis://") {
		t.Errorf("got %v", err)
	}
}
