package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// RedisConfig says where the queue in Redis is. Zero values take the defaults.
type RedisConfig struct {
	// URL is "redis://user:password@host:6379/0", "rediss://…" with TLS, or "unix://…".
	URL string
	// Prefix stands before every key; default "sportello".
	Prefix string
	// Capacity is how many ids wait at a door at most; default DefaultCapacity.
	Capacity int
	// Idle is how long an id may stay with a consumer before another takes it; default 15 s. It is lent only until the row is leased.
	Idle time.Duration
	// Timeout bounds every command; default 2 s.
	Timeout time.Duration
	Log     *slog.Logger
}

const (
	redisGroup = "couriers"
	redisField = "o"
	// redisBlock is how long a read waits. A blocked XREADGROUP does not hear the end of its context, so it has to be short.
	redisBlock  = time.Second
	redisChunk  = 512
	ackDelay    = 50 * time.Millisecond
	leastWait   = 100 * time.Millisecond
	longestWait = 5 * time.Second
	// Consumers of processes that are gone are removed after this time.
	consumerLife = time.Hour
)

// Redis is the queue in Redis Streams: a stream a door with one consumer group. While Redis is away the ids go through a Memory queue
// inside the process, and Redis is used again when it answers.
type Redis struct {
	cfg      RedisConfig
	client   *redis.Client
	consumer string
	local    *Memory
	publish  link
	read     link

	mu      sync.Mutex
	acks    map[string][]string  // door → entries
	claimed map[string]time.Time // door → last look for idle entries
	cleaned map[string]time.Time

	flush chan struct{}
	once  sync.Once
	stop  chan struct{}
	done  chan struct{}
}

// link is how one direction of the connection fares.
type link struct {
	mu    sync.Mutex
	away  bool
	wait  time.Duration
	until time.Time
}

// NewRedis makes the queue. It does not connect: a Redis that is away now is used when it comes. It redirects the library's own log,
// which is one for the process.
func NewRedis(cfg RedisConfig) (*Redis, error) {
	opt, err := redis.ParseURL(cfg.URL)
	if err != nil {
		// The library's error quotes the URL, which holds the password.
		return nil, errors.New("redis: the URL is not understood; write it like redis://user:password@host:6379/0")
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "sportello"
	}
	if cfg.Capacity <= 0 {
		cfg.Capacity = DefaultCapacity
	}
	if cfg.Idle <= 0 {
		cfg.Idle = 15 * time.Second
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	opt.ContextTimeoutEnabled = true
	opt.DialTimeout, opt.ReadTimeout, opt.WriteTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout
	opt.DialerRetries = 1
	opt.MaxRetries = 1
	// Managed servers answer the notification command with errors.
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	redis.SetLogger(libraryLog{cfg.Log})

	host, _ := os.Hostname()
	q := &Redis{
		cfg: cfg, client: redis.NewClient(opt), consumer: fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:8]), local: NewMemory(cfg.Capacity),
		acks: map[string][]string{}, claimed: map[string]time.Time{}, cleaned: map[string]time.Time{},
		flush: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go q.runAcks()
	return q, nil
}

// libraryLog sends what go-redis says to slog; it speaks of connections only.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, "redis library", "said", fmt.Sprintf(format, v...))
}

func (q *Redis) key(door string) string { return q.cfg.Prefix + ":outbox:" + door }

// Ping reports whether Redis answers.
func (q *Redis) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, q.cfg.Timeout)
	defer cancel()
	return q.client.Ping(ctx).Err()
}

// open is zero when the link may be tried now, otherwise how long to leave it alone.
func (l *link) open() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.away {
		return 0
	}
	return max(0, time.Until(l.until))
}

func (l *link) isAway() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.away
}

func (q *Redis) failed(l *link, err error) {
	l.mu.Lock()
	first := !l.away
	l.away = true
	l.wait = min(max(2*l.wait, leastWait), longestWait)
	l.until = time.Now().Add(l.wait + mathrand.N(l.wait/2))
	l.mu.Unlock()
	if first {
		q.cfg.Log.Warn("redis is away, the queue inside the process takes over", "err", err)
	}
}

func (q *Redis) worked(l *link) {
	l.mu.Lock()
	back := l.away
	l.away, l.wait = false, 0
	l.mu.Unlock()
	if back {
		q.cfg.Log.Info("redis is back")
	}
}

// Publish implements Queue.
func (q *Redis) Publish(ctx context.Context, door string, ids []string) {
	if len(ids) == 0 {
		return
	}
	// A Redis that takes ids and does not give them back is as good as away.
	if q.publish.open() > 0 || q.read.isAway() {
		q.local.Publish(ctx, door, ids)
		return
	}
	for len(ids) > 0 {
		chunk := ids[:min(len(ids), redisChunk)]
		err := q.add(ctx, door, chunk)
		if wrongType(err) {
			q.discard(ctx, door)
			err = q.add(ctx, door, chunk)
		}
		if err != nil {
			q.failed(&q.publish, err)
			q.local.Publish(ctx, door, ids)
			return
		}
		ids = ids[len(chunk):]
	}
	q.worked(&q.publish)
}

func (q *Redis) add(ctx context.Context, door string, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, q.cfg.Timeout)
	defer cancel()
	key := q.key(door)
	n, err := q.client.XLen(ctx, key).Result()
	if err != nil {
		return err
	}
	if room := int64(q.cfg.Capacity) - n; room < int64(len(ids)) {
		ids = ids[:max(room, 0)]
	}
	if len(ids) == 0 {
		return nil
	}
	_, err = q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, id := range ids {
			// The length is bounded above already; MAXLEN holds when many relays look at once.
			p.XAdd(ctx, &redis.XAddArgs{Stream: key, MaxLen: 2 * int64(q.cfg.Capacity), Approx: true, Values: []any{redisField, id}})
		}
		return nil
	})
	return err
}

// discard removes a key of ours that holds something else. Nothing is lost by it: the database is the truth.
func (q *Redis) discard(ctx context.Context, door string) {
	q.cfg.Log.Warn("a key of ours in redis held something that is not a stream; removed", "key", q.key(door))
	ctx, cancel := context.WithTimeout(ctx, q.cfg.Timeout)
	defer cancel()
	if err := q.client.Del(ctx, q.key(door)).Err(); err != nil {
		q.cfg.Log.Debug("removing a key in redis", "err", err)
	}
}

// Next implements Queue. After the end of ctx it may take a second to return.
func (q *Redis) Next(ctx context.Context, door string, max int) ([]Delivery, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if ds, _ := q.local.take(door, max); len(ds) > 0 {
			return ds, nil
		}
		if wait := q.read.open(); wait > 0 {
			away, cancel := context.WithTimeout(ctx, wait)
			ds, err := q.local.Next(away, door, max)
			cancel()
			if err == nil {
				return ds, nil
			}
			continue
		}
		entries, err := q.fetch(ctx, door, max)
		switch {
		case ctx.Err() != nil && len(entries) == 0:
			return nil, ctx.Err()
		case noGroup(err):
			err = q.createGroup(ctx, door)
		case wrongType(err):
			q.discard(ctx, door)
			err = q.createGroup(ctx, door)
		}
		if err != nil && ctx.Err() == nil {
			q.failed(&q.read, err)
			continue
		}
		q.worked(&q.read)
		if ds := q.deliveries(door, entries); len(ds) > 0 {
			return ds, nil
		}
	}
}

func (q *Redis) fetch(ctx context.Context, door string, max int) ([]redis.XMessage, error) {
	key := q.key(door)
	if q.due(q.claimed, door, q.cfg.Idle/2) {
		claim, cancel := context.WithTimeout(ctx, q.cfg.Timeout)
		entries, _, err := q.client.XAutoClaim(claim, &redis.XAutoClaimArgs{
			Stream: key, Group: redisGroup, Consumer: q.consumer, MinIdle: q.cfg.Idle, Start: "0-0", Count: int64(max),
		}).Result()
		cancel()
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			q.again(door)
			return entries, nil
		}
		if q.due(q.cleaned, door, consumerLife/4) {
			q.clean(ctx, door)
		}
	}
	block := redisBlock
	if q.publish.isAway() {
		// New ids come through the process then, and a blocked read does not see them.
		block = leastWait
	}
	read, cancel := context.WithTimeout(ctx, block+q.cfg.Timeout)
	defer cancel()
	streams, err := q.client.XReadGroup(read, &redis.XReadGroupArgs{
		Group: redisGroup, Consumer: q.consumer, Streams: []string{key, ">"}, Count: int64(max), Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var entries []redis.XMessage
	for _, s := range streams {
		entries = append(entries, s.Messages...)
	}
	return entries, nil
}

// due reports, and notes, that every has passed since the last time for a door.
func (q *Redis) due(at map[string]time.Time, door string, every time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := time.Now(); now.Sub(at[door]) >= every {
		at[door] = now
		return true
	}
	return false
}

// again makes the next fetch look for idle entries at once, because there may be more.
func (q *Redis) again(door string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.claimed, door)
}

func (q *Redis) createGroup(ctx context.Context, door string) error {
	ctx, cancel := context.WithTimeout(ctx, q.cfg.Timeout)
	defer cancel()
	// From the beginning: whatever was added before the group existed is still to be delivered.
	err := q.client.XGroupCreateMkStream(ctx, q.key(door), redisGroup, "0").Err()
	if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return nil
	}
	return err
}

// clean removes consumers of processes that are gone. One that still holds entries stays until they are taken over.
func (q *Redis) clean(ctx context.Context, door string) {
	ctx, cancel := context.WithTimeout(ctx, q.cfg.Timeout)
	defer cancel()
	consumers, err := q.client.XInfoConsumers(ctx, q.key(door), redisGroup).Result()
	if err != nil {
		return
	}
	for _, c := range consumers {
		if c.Name != q.consumer && c.Pending == 0 && c.Idle > consumerLife {
			if err := q.client.XGroupDelConsumer(ctx, q.key(door), redisGroup, c.Name).Err(); err != nil {
				return
			}
		}
	}
}

func (q *Redis) deliveries(door string, entries []redis.XMessage) []Delivery {
	ds := make([]Delivery, 0, len(entries))
	for _, e := range entries {
		id, ok := e.Values[redisField].(string)
		if !ok || id == "" {
			q.ack(door, e.ID)
			continue
		}
		ds = append(ds, Delivery{ID: id, ack: func() { q.ack(door, e.ID) }})
	}
	return ds
}

func (q *Redis) ack(door, entry string) {
	q.mu.Lock()
	q.acks[door] = append(q.acks[door], entry)
	q.mu.Unlock()
	select {
	case q.flush <- struct{}{}:
	default:
	}
}

// runAcks confirms entries in batches. A confirmation that fails is not repeated: the entry comes again and its row is not due any more.
func (q *Redis) runAcks() {
	defer close(q.done)
	for {
		select {
		case <-q.flush:
		case <-q.stop:
			q.flushAcks()
			return
		}
		gather := time.NewTimer(ackDelay)
		select {
		case <-gather.C:
		case <-q.stop:
			gather.Stop()
		}
		q.flushAcks()
	}
}

func (q *Redis) flushAcks() {
	q.mu.Lock()
	acks := q.acks
	q.acks = map[string][]string{}
	q.mu.Unlock()
	if len(acks) == 0 || q.read.open() > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), q.cfg.Timeout)
	defer cancel()
	_, err := q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for door, entries := range acks {
			for len(entries) > 0 {
				chunk := entries[:min(len(entries), redisChunk)]
				p.XAck(ctx, q.key(door), redisGroup, chunk...)
				p.XDel(ctx, q.key(door), chunk...)
				entries = entries[len(chunk):]
			}
		}
		return nil
	})
	if err != nil {
		q.cfg.Log.Debug("confirming entries in redis", "err", err)
	}
}

// Close implements Queue.
func (q *Redis) Close() error {
	q.once.Do(func() { close(q.stop) })
	<-q.done
	return q.client.Close()
}

func wrongType(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE") }

// noGroup: the group or the whole stream is gone; UNBLOCKED is what a waiting reader is told when the stream is deleted under it.
func noGroup(err error) bool {
	return err != nil && (strings.HasPrefix(err.Error(), "NOGROUP") || strings.HasPrefix(err.Error(), "UNBLOCKED"))
}
