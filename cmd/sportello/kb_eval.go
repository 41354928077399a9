package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
)

// KBEvalCmd ranks judged queries and prints how good the ranks and the confidence are.
type KBEvalCmd struct {
	Articles  string  `type:"existingfile" help:"Articles, a JSON object a line: id, title, body, tags, cat, lang."`
	Learn     string  `type:"existingfile" help:"Past questions, a JSON object a line: id, text, article."`
	Language  string  `help:"Language of the queries, and of articles that name none (it, en)."`
	Sets      string  `type:"existingdir" help:"Evaluate every folder below DIR that holds articles.jsonl and queries.jsonl, and pool.jsonl if there is one." placeholder:"DIR"`
	Fit       bool    `help:"Also fit a model of the confidence and print its coefficients. All sets weigh the same."`
	Goals     bool    `help:"With --sets: print what is wanted of the engine beside what it does, with experiments on learning, wrong feedback, abstention, speed and memory. Takes minutes."`
	Threshold float64 `help:"Least confidence of an offer; 0 is the shipped one."`
	Precision float64 `default:"0.8" help:"With --fit: the precision that the printed threshold promises."`
}

// evalSet is one set of judged queries at one stage of learning.
type evalSet struct {
	name     string
	articles []ticketing.Article
	learnt   []kb.Question
	queries  []queryLine
}

// evalRun is what became of a set.
type evalRun struct {
	judged  []kb.Judged
	took    []time.Duration // a query each
	index   time.Duration
	heap    float64 // bytes the index holds
	figures kb.Figures
}

// Run evaluates the queries of in, or the sets of a folder.
func (c *KBEvalCmd) Run(in io.Reader, out io.Writer) error {
	if c.Goals && c.Sets == "" {
		return errors.New("--goals measures whole sets: give --sets")
	}
	sets, err := c.sets(in)
	if err != nil {
		return err
	}
	if c.Goals {
		return c.goals(out, sets)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "set\tqueries\tR@1\tR@3\tMRR@10\tAUROC answerable\tAUROC right\tP@30%\tP@50%\tcov@.8\tcov@.9\tECE\toffers\tprecision\tfalse offers\tp50\tp99\tindex\theap\t")
	var all []kb.Figures
	for _, s := range sets {
		r := s.run(c.Language, c.Threshold)
		all = append(all, r.figures)
		figureRow(w, s.name, r)
	}
	if len(sets) > 1 {
		var r1, r3 float64
		for _, f := range all {
			r1 += f.R1 / float64(len(all))
			r3 += f.R3 / float64(len(all))
		}
		fmt.Fprintf(w, "mean\t\t%.3f\t%.3f\t\n", r1, r3)
	}
	if err := w.Flush(); err != nil || !c.Fit {
		return err
	}
	return c.fit(out, sets)
}

func (c *KBEvalCmd) sets(in io.Reader) ([]evalSet, error) {
	if c.Sets == "" {
		if c.Articles == "" {
			return nil, errors.New("nothing to evaluate: give --articles and the queries on standard input, or --sets")
		}
		s := evalSet{name: filepath.Base(filepath.Dir(c.Articles))}
		var err error
		if s.articles, err = readArticleLines(c.Articles, c.Language); err != nil {
			return nil, err
		}
		if s.learnt, err = readLearntLines(c.Learn); err != nil {
			return nil, err
		}
		err = eachLine(in, "queries", func(q queryLine) error { s.queries = append(s.queries, q); return nil })
		return []evalSet{s}, err
	}
	found, err := filepath.Glob(filepath.Join(c.Sets, "*", "articles.jsonl"))
	if err != nil || len(found) == 0 {
		return nil, errors.Join(fmt.Errorf("no folder with an articles.jsonl below %s", c.Sets), err)
	}
	var sets []evalSet
	for _, name := range found {
		dir := filepath.Dir(name)
		s := evalSet{name: filepath.Base(dir)}
		if s.articles, err = readArticleLines(name, c.Language); err != nil {
			return nil, err
		}
		if s.queries, err = readLines[queryLine](filepath.Join(dir, "queries.jsonl")); err != nil {
			return nil, err
		}
		sets = append(sets, s)
		learnt, err := readLearntLines(filepath.Join(dir, "pool.jsonl"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s.name, s.learnt = s.name+" learnt", learnt
		sets = append(sets, s)
	}
	return sets, nil
}

// run searches for every query of the set.
func (s evalSet) run(language string, threshold float64) evalRun {
	before := heap()
	start := time.Now()
	ix := kb.New(s.articles, s.learnt)
	ix.Search(kb.Query{Text: "?", Language: language}) // what is made at the first search of a scope is part of the index
	r := evalRun{index: time.Since(start)}
	r.heap = heap() - before
	runtime.KeepAlive(s)
	present := make(map[string]bool, len(s.articles))
	for _, a := range s.articles {
		present[a.ID] = true
	}
	for _, q := range s.queries {
		start := time.Now()
		res := ix.Search(kb.Query{Text: q.Text, Language: language})
		r.took = append(r.took, time.Since(start))
		j := kb.Judged{Features: res.Features, Confidence: res.Confidence}
		for _, id := range q.Rel {
			j.Answerable = j.Answerable || present[id]
		}
		for i, h := range res.Hits {
			if slices.Contains(q.Rel, h.ID) {
				j.Rank = i + 1
				break
			}
		}
		r.judged = append(r.judged, j)
	}
	runtime.KeepAlive(ix)
	r.figures = kb.Evaluate(r.judged, threshold)
	return r
}

func figureRow(w io.Writer, name string, r evalRun) {
	f := r.figures
	fmt.Fprintf(w, "%s\t%d", name, f.Queries)
	for _, v := range []float64{
		f.R1, f.R3, f.MRR, f.AnswerableAUROC, f.RightAUROC, f.Precision30, f.Precision50, f.Coverage80, f.Coverage90, f.ECE,
		f.OfferCoverage, f.OfferPrecision, f.FalseOffers,
	} {
		if math.IsNaN(v) {
			fmt.Fprint(w, "\t-")
		} else {
			fmt.Fprintf(w, "\t%.3f", v)
		}
	}
	fmt.Fprintf(w, "\t%v\t%v\t%v\t%.1f MB\t\n", quantile(r.took, .5).Round(time.Microsecond), quantile(r.took, .99).Round(time.Microsecond), r.index.Round(time.Millisecond), r.heap/1e6)
}

// fit prints a model fitted on the sets and, since a set that was fitted on flatters, how a model fitted on all other sets does on each.
func (c *KBEvalCmd) fit(out io.Writer, sets []evalSet) error {
	samples := make(map[string][]kb.Judged) // by set, all its stages together
	for _, s := range sets {
		name, _, _ := strings.Cut(s.name, " ")
		samples[name] = append(samples[name], s.run(c.Language, c.Threshold).judged...)
		samples[name] = append(samples[name], s.withGaps().run(c.Language, c.Threshold).judged...)
	}
	var names []string
	var all []kb.Judged
	for name, js := range samples {
		names = append(names, name)
		balance(js)
	}
	slices.Sort(names)
	for _, name := range names {
		all = append(all, samples[name]...)
	}
	model, err := kb.Fit(all)
	if err != nil {
		return err
	}
	threshold := kb.Threshold(model, all, c.Precision)
	fmt.Fprintf(out, "\nfitted on %d searches of %d sets, a quarter of the articles taken away in half of them\n", len(all), len(names))
	fmt.Fprintf(out, "model: %.4f\nthreshold for precision %.2f: %.2f\n", model, c.Precision, threshold)
	if len(names) < 2 {
		return nil
	}
	fmt.Fprintln(out, "\neach set with a model fitted on the others:")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "set\tAUROC answerable\tAUROC right\tcov@.8\tECE\tthreshold\toffers\tprecision\tfalse offers\t")
	for _, name := range names {
		var others []kb.Judged
		for _, o := range names {
			if o != name {
				others = append(others, samples[o]...)
			}
		}
		m, err := kb.Fit(others)
		if err != nil {
			return err
		}
		t := kb.Threshold(m, others, c.Precision)
		judged := slices.Clone(samples[name])
		for i := range judged {
			judged[i].Confidence = m.Probability(judged[i].Features)
		}
		f := kb.Evaluate(judged, t)
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.2f\t%.3f\t%.3f\t%.3f\t\n",
			name, f.AnswerableAUROC, f.RightAUROC, f.Coverage80, f.ECE, t, f.OfferCoverage, f.OfferPrecision, f.FalseOffers)
	}
	return w.Flush()
}

// balance gives the answerable and the unanswerable searches of a set the same weight, so that no set speaks louder for its size and an
// offer is not promised on the ground that nearly every question of a set has an answer.
func balance(judged []kb.Judged) {
	var answerable float64
	for _, j := range judged {
		if j.Answerable {
			answerable++
		}
	}
	for i := range judged {
		if judged[i].Answerable {
			judged[i].Weight = 500 / answerable
		} else {
			judged[i].Weight = 500 / (float64(len(judged)) - answerable)
		}
	}
}

// withGaps is the set without a fixed quarter of its articles and what was learnt for them, so that their questions have no answer.
func (s evalSet) withGaps() evalSet {
	gap := func(id string) bool {
		h := fnv.New32a()
		_, _ = io.WriteString(h, id) // a hash never fails
		return h.Sum32()%4 == 0
	}
	s.articles = slices.DeleteFunc(slices.Clone(s.articles), func(a ticketing.Article) bool { return gap(a.ID) })
	return s
}
