package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/kb"
	"github.com/sportello/sportello/ticketing/store"
)

// TestLearning: an agent finds an article in the thread and sends it, the next question in the same words gets it offered, and what was
// learnt can be seen, moved and forgotten.
func TestLearning(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Queues[0].Threshold = 0.6 }})
	tr.imports()
	const odd = "Buongiorno, sono Maria Verdi (tel. 333 1234567), escono solo righe bianche dal rotolo, che devo fare?"
	in := tr.expect(tr.write(draft{from: mariaFrom, subject: "Righe bianche", body: odd}), ticketing.OutcomeTicket, "")
	root := tr.root(in.Ticket)
	tr.says(root, "!kb stampante non stampa")
	var list string
	tr.until("the list stands in the thread", func() bool {
		for _, m := range tr.slack.Thread(tr.room, root) {
			if strings.Contains(string(m.Blocks), "article.send") {
				list = m.TS
			}
		}
		return list != ""
	})
	tr.press(list, "article.send")
	answer := tr.letter(maria, ticketing.LetterAnswer, 1)
	if !strings.Contains(answer.text, "Stampante termica ferma") || !strings.Contains(answer.text, tr.web+"/kb/it/stampante-ferma") || answer.row.Automatic {
		t.Errorf("the customer got\n%s", answer.text)
	}
	tr.until("the lesson is in the index", func() bool { b := tr.app.shelf.books.Load(); return tr.log.has("questions=1") && b != nil })
	out := tr.told("kb", "lessons", "list")
	if !regexp.MustCompile(`(?m)^\S+ +it/stampante-ferma +agent +\+1\.00 +Righe bianche`).MatchString(out) || strings.Contains(out, "Verdi") || strings.Contains(out, "333") {
		t.Errorf("learnt:\n%s", out)
	}
	held := tr.expect(tr.write(draft{from: "Piero <piero@altro.example>", subject: "Righe bianche", body: "Dal rotolo escono solo righe bianche"}), ticketing.OutcomeHeld, "")
	offer := tr.letter("piero@altro.example", ticketing.LetterOffer, 1)
	if first := offer.row.Facts.Articles[0].Slug; first != "stampante-ferma" {
		t.Errorf("%s was offered first", first)
	}
	tr.write(tr.reply("Piero <piero@altro.example>", offer, "Risolto, grazie"))
	if out := tr.told("kb", "status"); !strings.Contains(out, "1 questions learnt from agents, 1 from customers") || !strings.Contains(out, "precision 1.00 on 1 judged offers, 50 % of 2 questions got an offer") {
		t.Errorf("status:\n%s", out)
	}
	id := strings.Fields(out)[0]
	if out := tr.told("kb", "lessons", "move", id, "it/password"); !strings.Contains(out, "speaks for it/password") {
		t.Errorf("move: %s", out)
	}
	tr.refused("it/never", "kb", "lessons", "move", id, "it/never")
	tr.refused("there is no", "kb", "lessons", "remove", id, "01NOTHERE")
	if out := tr.told("kb", "lessons", "--article", "it/password"); !strings.Contains(out, id) {
		t.Errorf("after a refused removal:\n%s", out)
	}
	tr.told("kb", "lessons", "remove", id)
	if out := tr.told("kb", "lessons", "--article", "it/password"); !strings.Contains(out, "Nothing was learnt yet") {
		t.Errorf("after the removal:\n%s", out)
	}
	_ = held
}

// TestGapsAndDigest: questions that nothing answers are grouped, a draft is made of the agents' answers without personal data, and the weekly
// digest tells the agents, once.
func TestGapsAndDigest(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{})
	tr.imports()
	if out := tr.told("kb", "gaps"); !strings.HasPrefix(out, "No gaps in the last 30 days") {
		t.Errorf("gaps of nothing: %s", out)
	}
	if err := tr.app.jobs.step(tr.ctx); err != nil { // nothing was asked this week
		t.Fatal(err)
	}
	var ids []ticketing.Inbound
	for i, body := range []string{"Come collego Satispay alla cassa?", "Vorrei accettare Satispay in cassa, sono Piero Neri, 333 1234567", "satispay non compare in cassa", "Quando aprite la sede di Bari?"} {
		ids = append(ids, tr.expect(tr.write(draft{from: fmt.Sprintf("C%d <c%d@cliente%d.example>", i, i, i), subject: "", body: body}), ticketing.OutcomeTicket, ""))
	}
	tr.says(tr.root(ids[0].Ticket), "Attivi Satispay in Impostazioni, poi chiami Anna Rossi allo 011 5550100.")
	tr.letter("c0@cliente0.example", ticketing.LetterAnswer, 1)
	drafts := filepath.Join(t.TempDir(), "drafts")
	out := tr.told("kb", "gaps", "--draft", drafts)
	if !regexp.MustCompile(`(?m)^3 +[^\n]*satispay`).MatchString(out) || !strings.Contains(out, "4 questions in the last 30 days had no article; 1 are like no 1 others.") {
		t.Errorf("gaps:\n%s", out)
	}
	articles, problems := kb.ReadDir(os.DirFS(drafts))
	if len(articles) != 1 || len(problems) != 0 {
		t.Fatalf("drafts: %v %v", articles, problems)
	}
	if a := articles[0]; !a.Published.IsZero() || !strings.Contains(a.Body, "Attivi Satispay in Impostazioni") || strings.Contains(a.Body, "Rossi") || strings.Contains(a.Body, "5550100") {
		t.Errorf("the draft is %+v", a)
	}
	if _, _, errs := tr.command("kb", "gaps", "--draft", drafts); !strings.Contains(errs, "left alone, it exists") {
		t.Errorf("a second time: %s", errs)
	}
	tr.refused("there is no queue", "kb", "gaps", "--queue", "nessuna")

	// A week later, as the database remembers it.
	tr.change(func(tx ticketing.Tx) error {
		return tx.SetCursor(tr.ctx, ticketing.Cursor{Place: "job:digest/assistenza", Mark: "2026-W01"})
	})
	for range 2 {
		if err := tr.app.jobs.step(tr.ctx); err != nil {
			t.Fatal(err)
		}
	}
	tr.settle()
	var told []string
	for _, m := range tr.slack.Messages(tr.room) {
		if strings.Contains(m.Text, "Base di conoscenza") {
			told = append(told, m.Text)
		}
	}
	now := time.Now().In(zoneOf(tr.app.desk.Queues["assistenza"]))
	if now.Weekday() == time.Monday && now.Hour() < digestHour {
		t.Skip("the digest waits for Monday morning, which this is")
	}
	if len(told) != 1 || !strings.Contains(told[0], "4 domande, 0 con una proposta") || !strings.Contains(told[0], "3 × ") || !strings.Contains(told[0], "satispay") {
		t.Errorf("told the agents %q", told)
	}
}

// root is the message that starts a ticket's thread in the channel.
func (tr *trial) root(number int64) string {
	tr.t.Helper()
	return tr.posted(tr.ticket(number).Thread, ticketing.PostRoot, 1).TS
}

func (tr *trial) change(fn func(ticketing.Tx) error) {
	tr.t.Helper()
	if err := tr.app.db.Update(tr.ctx, fn); err != nil {
		tr.t.Fatal(err)
	}
}

// openBare opens an empty database of its own, for what needs no doors.
func openBare(t *testing.T) (*store.DB, Config, string) {
	t.Helper()
	cfg := trialConfig(t)
	cfg.Mailboxes = nil
	db, files, err := openStore(t.Context(), &cfg, slog.New(slog.DiscardHandler), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closeStore(db, files) })
	return db, cfg, writeSettings(t, cfg)
}

// TestRefitJob: from 200 judged searches on the nightly job fits a model, once a night and by one replica; every replica takes it into force,
// the promise sets the threshold, and the models before stay.
func TestRefitJob(t *testing.T) {
	db, cfg, settings := openBare(t)
	ctx := t.Context()
	queues, err := cfg.queues()
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	judge := func(n int) {
		t.Helper()
		truth := kb.ShippedModel()
		truth[0] -= 1.5
		rnd := rand.New(rand.NewPCG(7, uint64(judged)))
		if err := db.Update(ctx, func(tx ticketing.Tx) error {
			for range n {
				judged++
				th := ticketing.Thread{ID: ulid.Make().String(), Number: int64(judged), Key: fmt.Sprintf("%010x", judged), Door: "mail:assistenza", Queue: "assistenza", State: ticketing.ThreadTicket, OpenedAt: tx.Now()}
				if err := tx.SaveThread(ctx, &th); err != nil {
					return err
				}
				f := kb.Features{Share: rnd.Float64(), Known: rnd.Float64(), Second: rnd.Float64(), Fourth: rnd.Float64(), LogSize: 2, LogTop: 2}
				raw, err := json.Marshal(f)
				if err != nil {
					return err
				}
				s := ticketing.Suggestion{ID: ulid.Make().String(), Thread: th.ID, Queue: "assistenza", Evidence: string(raw), State: ticketing.SuggestionDeclined, OfferedAt: tx.Now(), Verdict: ticketing.SearchWrong}
				if rnd.Float64() < truth.Probability(f) {
					s.State, s.Verdict = ticketing.SuggestionSolved, ticketing.SearchRight
				}
				if err := tx.SaveSuggestion(ctx, &s); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	models := func() (n int) {
		t.Helper()
		if err := db.View(ctx, func(tx ticketing.Tx) error {
			all, err := tx.Models(ctx, 10)
			n = len(all)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	replica := func(name string) *jobs {
		return &jobs{store: db, desk: &ticketing.Desk{Queues: queues}, log: slog.New(slog.DiscardHandler), owner: name}
	}
	night := func(day string) {
		t.Helper()
		for _, name := range []string{"a", "b"} {
			j := replica(name)
			if err := j.once(ctx, "refit", day, j.refit); err != nil {
				t.Fatal(err)
			}
		}
	}
	shelf := newShelf(db, slog.New(slog.DiscardHandler))
	threshold := func() float64 {
		t.Helper()
		if err := shelf.refresh(ctx); err != nil {
			t.Fatal(err)
		}
		return shelf.books.Load().threshold(queues["assistenza"])
	}
	night("2026-10-31") // the first start
	judge(kb.MinJudged - 1)
	night("2026-11-01")
	if models() != 0 || threshold() != kb.DefaultThreshold {
		t.Fatalf("%d models from %d judged searches, threshold %v", models(), judged, threshold())
	}
	judge(400)
	night("2026-11-01") // was done
	if models() != 0 {
		t.Fatal("fitted twice in a night")
	}
	night("2026-11-02")
	if models() != 1 || shelf.books.Load().model != nil || threshold() == kb.DefaultThreshold || shelf.books.Load().model == nil {
		t.Fatalf("%d models, threshold %v", models(), threshold())
	}
	judge(1200)
	night("2026-11-03")
	if n := models(); n < 1 || n > 2 {
		t.Fatalf("%d models", n)
	}
	code, out, errs := runCommand(ctx, "", "kb", "status", "-c", settings)
	if code != 0 || !regexp.MustCompile(`fitted here on \d+ judged searches`).MatchString(out) || !regexp.MustCompile(`assistenza +0\.80 +0\.\d\d +precision 0\.\d\d on 1799 judged offers, 100 % of 1799 questions`).MatchString(out) {
		t.Errorf("status: %d\n%s%s", code, out, errs)
	}
	code, out, errs = runCommand(ctx, "", "kb", "refit", "-c", settings)
	if code != 0 || !strings.Contains(out, "(1799 judged searches, mean loss 0.") {
		t.Errorf("refit: %d\n%s%s", code, out, errs)
	}
}

// TestSync: an edited file is found by every replica without reading the others again, a new folder is watched, a removed file goes with
// --prune, and a broken one costs nothing but itself.
func TestSync(t *testing.T) {
	t.Parallel()
	db, _, settings := openBare(t)
	dir := t.TempDir()
	write := func(name, title, body string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("---\nslug: %s\ntitle: %s\nlanguage: it\nkind: solution\naudience: customers\npublished: 2026-01-01\n---\n%s\n", strings.TrimSuffix(filepath.Base(name), ".md"), title, body)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("uno.md", "Stampante ferma", "Riavviare la stampante.")
	write("due.md", "Password dimenticata", "Premere il tasto.")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	syncing, stop := context.WithCancel(ctx)
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(syncing, []string{"kb", "sync", "--prune", dir, "-c", settings}, strings.NewReader(""), w, io.Discard, nil)
		_ = w.Close()
	}()
	lines := bufio.NewScanner(r)
	says := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
			t.Logf("sync says %q", lines.Text())
		}
		t.Fatalf("sync never says %q", want)
	}
	replicas := []*shelf{newShelf(db, slog.New(slog.DiscardHandler)), newShelf(db, slog.New(slog.DiscardHandler))}
	finds := func(words, want string) {
		t.Helper()
		for i, s := range replicas {
			if err := s.refresh(ctx); err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, h := range s.books.Load().index.Search(kb.Query{Text: words, Language: "it"}).Hits {
				got = h.Slug
				break
			}
			if got != want {
				t.Errorf("replica %d finds %q for %q, want %q", i, got, words, want)
			}
		}
	}
	says("2 articles, 2 new or changed, 0 removed, 0 skipped")
	finds("cassetto", "")
	write("uno.md", "Stampante ferma", "Riavviare la stampante e aprire il cassetto.")
	says("2 articles, 1 new or changed")
	finds("cassetto", "uno")
	write("nuova/cartella/tre.md", "Etichette storte", "Girare il rotolo delle etichette.")
	says("3 articles, 1 new or changed")
	finds("etichette", "tre")
	if err := os.WriteFile(filepath.Join(dir, "due.md"), []byte("senza testa"), 0o600); err != nil {
		t.Fatal(err)
	}
	write("nuova/cartella/tre.md", "Etichette storte", "Girare il rotolo delle targhette.")
	says("2 articles, 1 new or changed, 0 removed, 1 skipped")
	finds("password", "due")
	if err := os.Remove(filepath.Join(dir, "due.md")); err != nil {
		t.Fatal(err)
	}
	says("2 articles, 0 new or changed, 1 removed, 0 skipped")
	finds("password", "")
	// A folder that is empty is not mounted, or a checkout is half done.
	for _, name := range []string{"uno.md", "nuova"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	says("the folder holds no article: nothing is removed")
	finds("targhette", "tre")
	stop()
	for lines.Scan() {
	}
	if code := <-ended; code != 0 {
		t.Errorf("stopped with exit code %d", code)
	}
}

// TestExportLint: what is exported is imported again without a change, and the linter names what is wrong.
func TestExportLint(t *testing.T) {
	t.Parallel()
	_, _, settings := openBare(t)
	dir := t.TempDir()
	command := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := runCommand(t.Context(), "", append(args, "-c", settings)...)
		if code != want {
			t.Fatalf("%v: exit %d\n%s%s", args, code, out, errs)
		}
		return out
	}
	command(0, "kb", "import", filepath.Join("demo", "articles"))
	command(0, "kb", "export", dir)
	if out := command(0, "kb", "import", dir); !strings.Contains(out, " 0 new or changed,") {
		t.Errorf("importing the export: %s", out)
	}
	if out := command(0, "kb", "lint"); !strings.Contains(out, "nothing to mend") {
		t.Errorf("lint of the demo's articles: %s", out)
	}
	// Before the first start there is no database: import makes it, everything else says what to do.
	fresh := trialConfig(t)
	fresh.Mailboxes = nil
	first := writeSettings(t, fresh)
	if code, _, errs := runCommand(t.Context(), "", "kb", "lint", "-c", first); code == 0 || !strings.Contains(errs, "sportello migrate") {
		t.Errorf("lint without a database: %d %s", code, errs)
	}
	if code, out, errs := runCommand(t.Context(), "", "kb", "import", filepath.Join("demo", "articles"), "-c", first); code != 0 || !strings.Contains(out, " new or changed, 0 unchanged") {
		t.Errorf("the first import: %d %s%s", code, out, errs)
	}
	bad := t.TempDir()
	for name, text := range map[string]string{
		"a.md": "slug: cambiare-carta\ntitle: Cambiare il rotolo della carta\nlanguage: it\nkind: how-to\naudience: customers\ntranslations: {en: change-paper}\npublished: 2026-01-01\n---\n" +
			"Vedi [qui](mai-scritto.md), [qui](/kb/it/solo-rivenditori), [qui](../en/draft) e [fuori](https://example.com/x.md).",
		"b.md": "slug: carta-cambiare\ntitle: Cambiare il rotolo della carta\nlanguage: it\nkind: how-to\naudience: customers\npublished: 2026-01-01\n---\nCome sopra.",
		"c.md": "slug: change-paper\ntitle: Change the paper roll\nlanguage: en\nkind: how-to\naudience: customers\npublished: 2026-01-01\n---\nOpen the lid.",
		"d.md": "slug: solo-rivenditori\ntitle: Listino dei rivenditori\nlanguage: it\nkind: clarification\naudience: resellers\ntranslations: {en: price-list}\npublished: 2026-01-01\n---\nPrezzi.",
		"e.md": "slug: draft\ntitle: Not ready\nlanguage: en\nkind: how-to\naudience: customers\n---\nSoon.",
		"f.md": "no front matter",
	} {
		if strings.HasPrefix(text, "slug") {
			text = "---\n" + text + "\n"
		}
		if err := os.WriteFile(filepath.Join(bad, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := command(exitFailed, "kb", "lint", bad)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, want := range []string{
		"f.md: ", "it/cambiare-carta: dead link to mai-scritto.md", "it/cambiare-carta: links to it/solo-rivenditori, which its readers may not see", "it/cambiare-carta: links to en/draft, which is a draft",
		"it/cambiare-carta: en/change-paper does not name it as its translation", "it/solo-rivenditori: its translation en/price-list is missing", "it/cambiare-carta: it/carta-cambiare answers the same title",
		"7 findings in 5 articles.",
	} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, want) }) {
			t.Errorf("no finding %q in\n%s", want, out)
		}
	}
}
