package ticketing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sportello/sportello/ticketing"
)

func (w *world) edit(who string, n int64, target ticketing.Ref, text string) {
	w.t.Helper()
	w.act(who, n, ticketing.Act{Verb: ticketing.VerbEdit, Target: target, Text: text})
}

func (w *world) remove(who string, n int64, target ticketing.Ref) {
	w.t.Helper()
	w.act(who, n, ticketing.Act{Verb: ticketing.VerbDelete, Target: target})
}

func (w *world) answerTo(address string) ticketing.Outgoing {
	w.t.Helper()
	for _, o := range w.rows(ticketing.LetterAnswer) {
		if o.Recipient == "mail:"+address {
			return o
		}
	}
	w.t.Fatalf("no answer to %s", address)
	return ticketing.Outgoing{}
}

func (w *world) reacted(target ticketing.Ref) string {
	var signs []string
	for _, o := range w.rows(ticketing.React) {
		if o.Facts.Target == target {
			signs = append(signs, o.Facts.Emoji)
		}
	}
	return strings.Join(signs, " ")
}

// TestEditBeforeSending: the edited words go, to everybody, and are what is kept.
func TestEditBeforeSending(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	said := w.say(anna, n, "Riavvii la stampnte")
	w.pass(10 * time.Second)
	w.edit(anna, n, said, "Riavvii la stampante")
	equal(t, "words due", w.answerTo("maria@cliente.example").Facts.Body, "Riavvii la stampante")
	w.edit(anna, n, said, "!risolto Riavviata la stampante")
	w.pass(10 * time.Second)
	w.send()
	o := w.answerTo("maria@cliente.example")
	equal(t, "words sent", o.Facts.Body, "Riavviata la stampante")
	equal(t, "state", o.State, ticketing.OutgoingSent)
	w.is(n, ticketing.StateResolved)
	equal(t, "kept", w.messages(n)[1].Visible, "Riavviata la stampante")
	equal(t, "answers", len(w.rows(ticketing.LetterAnswer)), 1)
	equal(t, "signs", w.reacted(said), "incoming_envelope")
	equal(t, "hints", w.hints(), "")
}

// TestEditTakesACommandBack: "!risolto" edited away resolves nothing.
func TestEditTakesACommandBack(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	said := w.say(anna, n, "!risolto Provi così")
	w.edit(anna, n, said, "Provi così")
	w.pass(time.Minute)
	w.send()
	w.is(n, ticketing.StateOpen)
}

// TestEditAfterSending: what was sent stays; its author is told.
func TestEditAfterSending(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	said := w.say(anna, n, "Prima")
	w.pass(time.Minute)
	w.send()
	for _, text := range []string{"Dopo", "// Dopo", "!prendo", "!risolto"} {
		w.edit(anna, n, said, text)
	}
	equal(t, "kept", w.messages(n)[1].Visible, "Prima")
	equal(t, "public", w.messages(n)[1].Public, true)
	equal(t, "hints", w.hints(), "already_sent already_sent already_sent already_sent")
	w.is(n, ticketing.StateOpen)
	equal(t, "lines", len(w.rows(ticketing.PostLine)), 0)
	w.remove(anna, n, said)
	lines := w.rows(ticketing.PostLine)
	if len(lines) != 1 || lines[0].Facts.Code != "deleted_after_sending" {
		t.Errorf("colleagues are told %+v", lines)
	}
}

// TestBecomesANote: an edit, the author's lock, or a deletion inside the undo time stops the letter, and no edit sends it again.
func TestBecomesANote(t *testing.T) {
	for name, row := range map[string]struct {
		do    func(w *world, n int64, said ticketing.Ref)
		words string
		signs string
	}{
		"by an edit":    {func(w *world, n int64, said ticketing.Ref) { w.edit(anna, n, said, "// meglio di no") }, "meglio di no", "lock"},
		"by a command":  {func(w *world, n int64, said ticketing.Ref) { w.edit(anna, n, said, "!prendo") }, "Prima", "lock"},
		"by a slip":     {func(w *world, n int64, said ticketing.Ref) { w.edit(anna, n, said, "!rislto Prima") }, "!rislto Prima", "lock"},
		"by its lock":   {func(w *world, n int64, said ticketing.Ref) { w.lock(anna, n, said) }, "Prima", "lock"},
		"by a deletion": {func(w *world, n int64, said ticketing.Ref) { w.remove(anna, n, said) }, "Prima", ""},
		"by nobody":     {func(w *world, n int64, said ticketing.Ref) { w.remove("", n, said) }, "Prima", ""},
		"twice":         {func(w *world, n int64, said ticketing.Ref) { w.remove(anna, n, said); w.remove(anna, n, said) }, "Prima", ""},
		"and back again": {func(w *world, n int64, said ticketing.Ref) {
			w.edit(anna, n, said, "// no")
			w.edit(anna, n, said, "Sì")
		}, "Sì", "lock"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			n := w.opened()
			said := w.say(anna, n, "Prima")
			row.do(w, n, said)
			w.pass(time.Minute)
			w.send()
			equal(t, "letter", w.answerTo("maria@cliente.example").State, ticketing.OutgoingSuppressed)
			m := w.messages(n)[1]
			equal(t, "public", m.Public, false)
			equal(t, "words", m.Visible, row.words)
			equal(t, "signs", w.reacted(said), row.signs)
			if strings.Contains(w.hints(), "already_sent") {
				t.Error("its author is told that it was sent")
			}
		})
	}
}

func (w *world) lock(who string, n int64, target ticketing.Ref) {
	w.t.Helper()
	w.act(who, n, ticketing.Act{Verb: ticketing.VerbReact, Emoji: "lock", Target: target})
}

// TestLockOfAColleague: only the author's own lock holds an answer back.
func TestLockOfAColleague(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	said := w.say(anna, n, "Prima")
	w.lock(luca, n, said)
	w.pass(time.Minute)
	w.send()
	equal(t, "letter", w.answerTo("maria@cliente.example").State, ticketing.OutgoingSent)
}

// TestNoteEdited: the words of a note change and go nowhere.
func TestNoteEdited(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	said := w.say(anna, n, "// prima")
	w.edit(anna, n, said, "// dopo")
	equal(t, "words", w.messages(n)[1].Visible, "dopo")
	w.edit(anna, n, said, "al cliente")
	w.edit(anna, n, said, "!invia al cliente")
	equal(t, "words", w.messages(n)[1].Visible, "al cliente")
	equal(t, "letters", len(w.rows(ticketing.LetterAnswer)), 0)
}

// TestStoppedTooLate: a letter whose sending has begun may have arrived. It is not called back, and nobody says that it was.
func TestStoppedTooLate(t *testing.T) {
	w := newWorld(t)
	n := w.opened()
	said := w.say(anna, n, "Prima")
	w.pass(time.Minute)
	ctx := t.Context()
	for _, o := range w.lease() {
		if o.Kind != ticketing.LetterAnswer {
			continue
		}
		w.update(func(tx ticketing.Tx) error { return tx.SetStarted(ctx, &o) })
	}
	w.pass(2 * time.Minute) // the courier died; its lease is over
	w.update(func(tx ticketing.Tx) error {
		_, err := tx.ExpireOutgoing(ctx, 10)
		return err
	})
	w.edit(anna, n, said, "// no")
	equal(t, "hint", w.hints(), "already_sent")
	equal(t, "public", w.messages(n)[1].Public, true)
	if s := w.answerTo("maria@cliente.example").State; s == ticketing.OutgoingSuppressed {
		t.Error("a letter that may have arrived counts as suppressed")
	}
}
