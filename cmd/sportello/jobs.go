package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
)

// jobs does what comes by the calendar: the nightly refit of the confidence and the weekly digest; and once, after an upgrade,
// the words of older tickets. Which period a job was done for stands in
// the database; of several replicas one does it.
type jobs struct {
	store     ticketing.Store
	desk      *ticketing.Desk
	log       *slog.Logger
	owner     string
	committed func()
}

const (
	// jobPoll is how often the calendar is looked at.
	jobPoll = time.Minute
	// refitHour and digestHour are on the clock of the queue that comes first, or of each queue.
	refitHour  = 3
	digestHour = 8
	// jobLease is how long a replica has for a job before another one tries.
	jobLease = 10 * time.Minute
	// refitSamples is how many judged searches a model is fitted on, the newest.
	refitSamples = 5000
	// digestGaps is how many gaps the digest names.
	digestGaps = 3
)

// Run looks at the calendar until ctx ends.
func (j *jobs) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := j.step(ctx); err != nil && ctx.Err() == nil {
			j.log.Error("a job by the calendar failed, it is tried again", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(jobPoll):
		}
	}
	return nil
}

// step does what is due now.
func (j *jobs) step(ctx context.Context) error {
	errs := []error{j.reword(ctx)}
	now := j.store.Now()
	queues := j.queues()
	zone := time.UTC
	if len(queues) > 0 {
		zone = zoneOf(queues[0])
	}
	if at := now.In(zone); at.Hour() >= refitHour {
		errs = append(errs, j.once(ctx, "refit", at.Format(time.DateOnly), j.refit))
	}
	for _, q := range queues {
		at := now.In(zoneOf(q))
		if at.Weekday() == time.Monday && at.Hour() < digestHour {
			continue
		}
		year, week := at.ISOWeek()
		period := fmt.Sprintf("%d-W%02d", year, week)
		errs = append(errs, j.once(ctx, "digest/"+q.Name, period, func(ctx context.Context) error { return j.digest(ctx, q, period) }))
	}
	return errors.Join(errs...)
}

// reword takes in the words of tickets from before they could be searched for. Of several replicas each may; they write the same.
func (j *jobs) reword(ctx context.Context) error {
	for total := 0; ctx.Err() == nil; {
		n := 0
		err := j.store.Update(ctx, func(tx ticketing.Tx) (err error) {
			n, err = j.desk.Reword(ctx, tx)
			return err
		})
		if total += n; err != nil || n == 0 {
			if total > 0 {
				j.log.Info("older tickets can be searched for now", "threads", total)
			}
			return err
		}
	}
	return nil
}

// queues are the desk's, by name.
func (j *jobs) queues() []*ticketing.Queue {
	var out []*ticketing.Queue
	for _, name := range slices.Sorted(maps.Keys(j.desk.Queues)) {
		out = append(out, j.desk.Queues[name])
	}
	return out
}

func zoneOf(q *ticketing.Queue) *time.Location {
	if l, err := time.LoadLocation(q.Hours.ZoneName()); err == nil {
		return l
	}
	return time.UTC
}

// once does a job unless it was done for the period. The period of the first start is not reported on: it did not begin with us. A job may be
// done again when the process dies in it: each writes what it writes once.
func (j *jobs) once(ctx context.Context, name, period string, do func(context.Context) error) error {
	place := "job:" + name
	already, first := false, false
	done := func(tx ticketing.Tx) (bool, error) {
		c, err := tx.Cursor(ctx, place)
		if first = errors.Is(err, ticketing.ErrNotFound); first {
			return false, nil
		}
		return c.Mark >= period, err
	}
	err := j.store.View(ctx, func(tx ticketing.Tx) (err error) {
		already, err = done(tx)
		return err
	})
	if err != nil || already {
		return err
	}
	var lease ticketing.Lease
	mine := false
	err = j.store.Update(ctx, func(tx ticketing.Tx) (err error) {
		if lease, mine, err = tx.AcquireLease(ctx, place, j.owner, jobLease); err != nil || !mine {
			return err
		}
		already, err = done(tx)
		return err
	})
	if err != nil || !mine || already {
		return err
	}
	if !first {
		if err := do(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return j.store.Update(ctx, func(tx ticketing.Tx) error {
		if err := tx.SetCursor(ctx, ticketing.Cursor{Place: place, Mark: period}); err != nil {
			return err
		}
		return tx.ReleaseLease(ctx, lease)
	})
}

// refit fits the confidence anew on this installation's judged searches and puts the model in force if it is the better one.
func (j *jobs) refit(ctx context.Context) error {
	r, changed, err := refit(ctx, j.store)
	switch {
	case errors.Is(err, kb.ErrFewSamples):
		j.log.Debug("the confidence is not fitted anew", "why", err)
		return nil
	case err != nil:
		return err
	case changed:
		j.log.Info("the confidence was fitted anew", "judged", r.Judged, "loss", r.Loss, "before", r.Before, "ece", r.ECE)
	default:
		j.log.Info("the confidence stays: a new model would not be better", "judged", r.Judged, "loss", r.Loss, "before", r.Before)
	}
	return nil
}

// refit fits a model and stores it if it tells right from wrong better than the one in force.
func refit(ctx context.Context, store ticketing.Store) (r kb.Refitted, changed bool, err error) {
	var judged []ticketing.Suggestion
	inForce, kept := kb.ShippedModel(), "the shipped model"
	err = store.View(ctx, func(tx ticketing.Tx) (err error) {
		if judged, err = tx.JudgedSuggestions(ctx, refitSamples); err != nil {
			return err
		}
		models, err := tx.Models(ctx, 1)
		if err != nil || len(models) == 0 {
			return err
		}
		if m, bad := kb.ParseModel(models[0].Coefficients); bad == nil {
			inForce, kept = m, "model "+models[0].ID
		}
		return nil
	})
	if err != nil {
		return r, false, err
	}
	var samples []kb.Judged
	for _, s := range judged {
		var f kb.Features
		if json.Unmarshal([]byte(s.Evidence), &f) != nil {
			continue // of another version
		}
		x := kb.Judged{Features: f, Confidence: s.Score}
		if s.Verdict == ticketing.SearchRight {
			x.Rank, x.Answerable = 1, true
		}
		samples = append(samples, x)
	}
	if r, err = kb.Refit(samples, inForce); err != nil || !r.Better() {
		return r, false, err
	}
	curve, err := json.Marshal(r.Curve)
	if err != nil {
		return r, false, err
	}
	note := fmt.Sprintf("mean loss %.4f after %.4f of %s", r.Loss, r.Before, kept)
	return r, true, store.Update(ctx, func(tx ticketing.Tx) error {
		return tx.SaveModel(ctx, &ticketing.Model{ID: ulid.Make().String(), FittedAt: tx.Now(), Coefficients: r.Model.Coefficients(), Curve: string(curve), Judged: r.Judged, ECE: r.ECE, Note: note})
	})
}

// digest tells a queue's agents once a week what the knowledge base did and what it lacks. A week without questions is not told.
func (j *jobs) digest(ctx context.Context, q *ticketing.Queue, period string) error {
	since := j.store.Now().AddDate(0, 0, -7)
	var rows []ticketing.RequestRow
	err := j.store.View(ctx, func(tx ticketing.Tx) (err error) {
		rows, err = tx.Requests(ctx, since, j.store.Now())
		return err
	})
	if err != nil {
		return err
	}
	var mine []ticketing.RequestRow
	for _, r := range rows {
		if r.Queue == q.Name {
			mine = append(mine, r)
		}
	}
	f := ticketing.CountOffers(mine)
	if f.Asked == 0 {
		return nil
	}
	found, err := findGaps(ctx, j.store, j.desk, q.Name, since)
	if err != nil {
		return err
	}
	var names []string
	for _, g := range found[:min(len(found), digestGaps)] {
		if len(g.members) > 1 {
			names = append(names, fmt.Sprintf("%d × %s", len(g.members), strings.Join(g.words, ", ")))
		}
	}
	args := map[string]string{"asked": fmt.Sprint(f.Asked), "offered": fmt.Sprint(f.Offered), "coverage": percent(f.Coverage()), "solved": fmt.Sprint(f.Solved), "judged": fmt.Sprint(f.Judged()),
		"precision": percent(f.Precision()), "gaps": strings.Join(names, " · ")}
	code := "digest"
	if f.Judged() > 0 {
		code += "_judged"
	}
	if len(names) > 0 {
		code += "_gaps"
	}
	err = j.store.Update(ctx, func(tx ticketing.Tx) error {
		return j.desk.Announce(ctx, tx, q, "digest:"+q.Name+"/"+period, code, args)
	})
	if err == nil && j.committed != nil {
		j.committed()
	}
	return err
}

func percent(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) }
