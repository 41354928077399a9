package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sportello/sportello/ticketing"
)

// read is a row between its reading and its transaction.
type read struct {
	in    ticketing.Inbound
	heard ticketing.Heard
	files []ticketing.FileRef
	html  string
	found ticketing.Findings
	err   error
}

// hand is a batch in this process's hands: its rows are leased, and work ends with their leases.
type hand struct {
	work   context.Context
	done   context.CancelFunc
	batch  []*read
	length int
	alone  bool // one row that was tried before
}

// errAlone: a row that was tried before has to run alone, and another batch is still being decided.
var errAlone = errors.New("a batch is still being decided")

// Run works on accepted rows until ctx ends: it counts the attempt, reads, decides, and commits every effect with the outcome. The next
// batch is read while one is decided; batches are decided one after the other, so that nothing overtakes what it answers. A row that was
// tried before runs while nothing else does: if the process dies then, that row is to blame and no other (decision 5).
func (l *Ledger) Run(ctx context.Context) error {
	l.init()
	deciding := make(chan struct{}) // closed when the batch in the decider's hands is done
	close(deciding)
	for ctx.Err() == nil {
		h, err := l.takeHand(ctx, deciding)
		switch {
		case errors.Is(err, errAlone):
			<-deciding
		case h != nil:
			<-deciding
			deciding = make(chan struct{})
			go func(done chan struct{}) {
				defer close(done)
				l.decideHand(h)
			}(deciding)
			if h.alone {
				<-deciding
			}
		default:
			if err != nil && ctx.Err() == nil {
				l.Log.Error("processing failed", "err", err)
			}
			select {
			case <-ctx.Done():
			case <-l.wake:
			case <-time.After(l.Limits.Poll):
			}
		}
	}
	<-deciding
	return nil
}

// Step takes one batch of due rows and works on it; it returns how many it took.
func (l *Ledger) Step(ctx context.Context) (int, error) {
	idle := make(chan struct{})
	close(idle)
	h, err := l.takeHand(ctx, idle)
	if h == nil {
		return 0, err
	}
	l.decideHand(h)
	return h.length, nil
}

// takeHand leases a batch of due rows and reads it; nil if nothing is due, and errAlone if what is due has to wait for the batch before.
func (l *Ledger) takeHand(ctx context.Context, deciding <-chan struct{}) (*hand, error) {
	var rows []ticketing.Inbound
	err := l.Store.Update(ctx, func(tx ticketing.Tx) (err error) {
		if rows, err = tx.TakeInbound(ctx, l.Owner, l.Limits.Lease, l.Limits.Batch); err != nil || len(rows) == 0 || rows[0].Attempts <= 1 {
			return err
		}
		select {
		case <-deciding:
			return nil
		default:
			return errAlone // undoes the taking, and with it the attempt
		}
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	// The rows in hand are finished even when ctx ends: stopping in the middle would only make their attempts count for nothing.
	h := &hand{length: len(rows), alone: rows[0].Attempts > 1}
	h.work, h.done = context.WithTimeout(context.WithoutCancel(ctx), l.Limits.Lease)
	h.batch = l.readAll(h.work, rows)
	return h, nil
}

func (l *Ledger) decideHand(h *hand) {
	defer h.done()
	l.decideAll(h.work, h.batch)
	if l.Committed != nil {
		l.Committed()
	}
}

// readAll reads the rows side by side, as many at a time as pays.
func (l *Ledger) readAll(ctx context.Context, rows []ticketing.Inbound) []*read {
	batch := make([]*read, len(rows))
	var g errgroup.Group
	g.SetLimit(max(l.Limits.Workers, 1))
	for i := range rows {
		g.Go(func() error {
			batch[i] = l.readOne(ctx, rows[i])
			return nil
		})
	}
	_ = g.Wait() // failures are kept per row
	return batch
}

func (l *Ledger) readOne(ctx context.Context, in ticketing.Inbound) (r *read) {
	r = &read{in: in}
	defer func() {
		if p := recover(); p != nil {
			r.err = panicked(p)
		}
	}()
	if in.Failures > l.Limits.Failures {
		r.err = failure("ledger.attempts", errors.New("the process died each time this item was read"))
		return r
	}
	if r.err = l.hear(ctx, r); r.err != nil {
		return r
	}
	found, err := l.Decide.Look(ctx, &r.heard)
	if err != nil {
		l.Log.Warn("search failed, no offer is made", "inbound", in.ID, "err", err)
	}
	r.found = found
	return r
}

// refetcher is a door that can fetch an item again, whole.
type refetcher interface {
	Refetch(ctx context.Context, identity string, limit int64) (Raw, error)
}

// refetch reads an item again that is kept only in part, because a person asked for it.
func (l *Ledger) refetch(ctx context.Context, door refetcher, in *ticketing.Inbound) ([]byte, error) {
	raw, err := door.Refetch(ctx, in.Identity, l.Limits.MaxRefetch)
	if err != nil && !errors.Is(err, ticketing.ErrNotFound) {
		return nil, failure("ledger.refetch", err)
	}
	return raw.Bytes, err
}

// hear turns a row's stored bytes into facts and stores its files.
func (l *Ledger) hear(ctx context.Context, r *read) error {
	in := &r.in
	door, ok := l.Doors[in.Door]
	again, whole := door.(refetcher)
	whole = whole && in.Again()
	if in.Note == ticketing.CauseFetch && !whole {
		r.heard = ticketing.Heard{Door: in.Door, Refused: in.Note, Detail: in.Detail}
		return nil
	}
	if !ok {
		return ticketing.Errorf(noDoor, "no door named %q is configured here: put it back into the settings, or delete its items from the ledger", in.Door)
	}
	var raw []byte
	var err error
	if whole {
		raw, err = l.refetch(ctx, again, in)
	} else {
		raw, err = l.Raw(ctx, in)
	}
	if errors.Is(err, ticketing.ErrNotFound) {
		return failure("ledger.raw", errors.New("its raw bytes are gone from the files store, or from the server"))
	}
	if err != nil {
		return err
	}
	if r.heard, err = l.parse(ctx, door, *in, raw); err != nil {
		return err
	}
	r.heard.Door = in.Door
	r.heard = *l.Desk.OnBehalf(&r.heard)
	r.heard.Quiet = r.heard.Quiet || in.Note == ticketing.NoteQuiet
	if in.Note == ticketing.CauseTooLarge && !whole {
		r.heard.Refused, r.heard.Detail = in.Note, in.Detail
	}
	return l.keepFiles(ctx, r)
}

// parseGrace is how long a reading whose time is over may take to notice.
const parseGrace = time.Second

// parse reads one item within its time. A panic or a reading that does not end is a failure of this item and of no other; one that ends
// when its context does was waiting for somebody else, and its error is that one's.
func (l *Ledger) parse(ctx context.Context, door Door, in ticketing.Inbound, raw []byte) (ticketing.Heard, error) {
	type result struct {
		heard ticketing.Heard
		err   error
	}
	done := make(chan result, 1)
	ctx, cancel := context.WithTimeout(ctx, l.Limits.Parse)
	defer cancel()
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- result{err: panicked(p)}
			}
		}()
		h, err := door.Parse(ctx, in, raw)
		done <- result{h, err}
	}()
	limit := time.NewTimer(l.Limits.Parse + parseGrace)
	defer limit.Stop()
	select {
	case r := <-done:
		return r.heard, r.err
	case <-limit.C:
		return ticketing.Heard{}, failure("ledger.slow", fmt.Errorf("reading did not end within %v", l.Limits.Parse))
	}
}

// keepFiles stores attachments and sanitised HTML before the transaction that names them.
func (l *Ledger) keepFiles(ctx context.Context, r *read) error {
	var blobs []Raw
	for _, f := range r.heard.Files {
		blobs = append(blobs, Raw{Bytes: f.Data})
	}
	if r.heard.HTML != "" {
		blobs = append(blobs, Raw{Bytes: []byte(r.heard.HTML)})
	}
	shas, err := l.putAll(ctx, blobs)
	if err != nil {
		return err
	}
	for i, f := range r.heard.Files {
		r.files = append(r.files, ticketing.FileRef{Name: f.Name, Type: f.Type, Size: int64(len(f.Data)), SHA: shas[i], Inline: f.Inline})
		r.heard.Files[i].Data = nil
	}
	if r.heard.HTML != "" {
		r.html = shas[len(shas)-1]
	}
	return nil
}

// decideAll decides independent rows side by side and dependent ones (same sender, same thread) in the order of their acceptance, so that
// a reply never overtakes what it answers. The database merges the commits of those that run at the same time.
func (l *Ledger) decideAll(ctx context.Context, batch []*read) {
	var g errgroup.Group
	g.SetLimit(max(l.Limits.Workers, 1))
	for _, chain := range chains(batch) {
		g.Go(func() error {
			waits := false
			for _, r := range chain {
				if waits {
					l.postpone(ctx, r.in)
					continue
				}
				waits = !l.decideOne(ctx, r)
			}
			return nil
		})
	}
	_ = g.Wait() // failures are kept per row
}

// chains splits a batch into runs that share no sender, reference or thread, each in the batch's order.
func chains(batch []*read) [][]*read {
	parent := make([]int, len(batch))
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	owner := map[string]int{}
	join := func(i int, key string) {
		if key == "" {
			return
		}
		if j, ok := owner[key]; ok {
			parent[find(i)] = find(j)
			return
		}
		owner[key] = i
	}
	for i, r := range batch {
		parent[i] = i
		h := &r.heard
		join(i, "from "+strings.ToLower(h.From.Key))
		join(i, string(h.Ref))
		join(i, h.LogicalKey)
		for _, ref := range h.Refs {
			join(i, string(ref))
		}
		for _, c := range h.Claims {
			join(i, string(c.Ref))
			join(i, c.Key)
		}
		if h.Act != nil {
			join(i, string(h.Act.Root))
			join(i, string(h.Act.Target))
			join(i, h.Act.Value)
		}
	}
	order := []int{}
	byRoot := map[int][]*read{}
	for i, r := range batch {
		root := find(i)
		if _, ok := byRoot[root]; !ok {
			order = append(order, root)
		}
		byRoot[root] = append(byRoot[root], r)
	}
	out := make([][]*read, 0, len(order))
	for _, root := range order {
		out = append(out, byRoot[root])
	}
	return out
}

// decideOne tells whether what follows the item may be decided: not while it has to wait itself.
func (l *Ledger) decideOne(ctx context.Context, r *read) bool {
	err := r.err
	if err == nil {
		err = l.commit(ctx, r)
	}
	switch {
	case err == nil:
		l.decided.Add(1)
	case errors.Is(err, errEarlier), errors.Is(err, ticketing.ErrFenced):
		// With ErrFenced another process was faster, either with this row, which is its own then, or with the ticket, and it is this
		// row's turn again.
		l.postpone(ctx, r.in)
		return false
	default:
		l.failed(ctx, r, err)
	}
	return true
}

// commit is transaction C (reliability.md K9): every effect and the row's outcome, all or nothing.
func (l *Ledger) commit(ctx context.Context, r *read) error {
	return l.Store.Update(ctx, func(tx ticketing.Tx) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = panicked(p)
			}
		}()
		// The function may run twice: it works on copies.
		in, heard := r.in, r.heard
		c, err := l.Desk.Open(ctx, tx, &in, &heard)
		if err != nil {
			return err
		}
		if wait, err := l.tooEarly(ctx, tx, c); err != nil || wait {
			if wait {
				err = errEarlier
			}
			return err
		}
		c.Files, c.HTML, c.Found = r.files, r.html, r.found
		d := l.Decide.Decide(c)
		if err := l.Desk.Do(ctx, c, d); err != nil {
			return err
		}
		in.State = ticketing.InboundDone
		if care, ok := l.Doors[in.Door].(interface{ Cares() bool }); ok {
			in.AfterCare = care.Cares() && in.Outcome != ticketing.OutcomeQuarantine
		}
		return tx.FinishInbound(ctx, &in)
	})
}

// errEarlier: another process still works on something older of the same door, which this item may answer.
var errEarlier = errors.New("something older is still being decided")

const (
	// earlierPause is how soon such an item is looked at again. earlierLimit is how long it waits at most; what a dead process held is
	// taken over and decided long before, also when the next one dies too, and an item that fails is not waited for.
	earlierPause = 250 * time.Millisecond
	earlierLimit = 5 * time.Minute
)

// tooEarly: what the item answers or follows is not decided yet, because another process has it or died over it. Deciding now could open a
// second ticket for one conversation or put messages of a ticket out of order (I7).
func (l *Ledger) tooEarly(ctx context.Context, tx ticketing.Tx, c *ticketing.Case) (bool, error) {
	a := c.Heard.Act
	if tx.Now().Sub(c.In.AcceptedAt) > earlierLimit {
		return false, nil
	}
	if a != nil && c.Thread == nil && !a.Bot && (a.Root != "" || a.Verb == ticketing.VerbReact) {
		if wait, err := underWay(ctx, tx, c); err != nil || wait {
			return wait, err
		}
	}
	// In a conversation without threads every message may continue the one before.
	follows := a == nil && (len(c.Heard.Refs) > 0 || c.Thread != nil || c.Heard.Place != "") || a != nil && a.IsAgent
	if !follows || c.Duplicate != nil || tx.Now().Sub(c.In.AcceptedAt) > earlierLimit {
		return false, nil
	}
	return tx.EarlierWaiting(ctx, c.In.Door, c.In.ID, l.Owner)
}

// underWay: an agent did something to a message that may be a post of ours whose sending has not been settled. A courier that died between
// the post and its commit leaves a card in the channel that no row knows yet; what is said under it must wait until that is cleared up, or
// it would count as talk among agents. Only posts begun before the item was heard can be meant.
func underWay(ctx context.Context, tx ticketing.Tx, c *ticketing.Case) (bool, error) {
	for _, state := range []ticketing.OutgoingState{ticketing.OutgoingSending, ticketing.OutgoingInDoubt} {
		rows, err := tx.ListOutgoing(ctx, ticketing.OutgoingFilter{State: state, Limit: underWayRows})
		if err != nil {
			return false, err
		}
		for _, o := range rows {
			if o.Door == c.In.Door && !o.Fluid && o.DataStarted && !o.StartedAt.After(c.In.AcceptedAt) {
				return true, nil
			}
		}
	}
	return false, nil
}

// underWayRows bounds how many unsettled rows are looked at.
const underWayRows = 1000
