package ticketing

import (
	"context"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	// maxWords is how many different words of one text are remembered for the search of tickets, from its beginning.
	maxWords = 400
	// maxWordsAsked is how many words of a search count.
	maxWordsAsked = 8
	// wordMin and wordMax bound a word, in characters: a single letter finds everything, and nobody types more than that.
	wordMin, wordMax = 2, 40
	// wordText is how many bytes of a text are looked at.
	wordText = 32 << 10
)

// searchWords are the different words of texts as tickets are found by them: in small letters, without accents, letters and digits only.
func searchWords(limit int, texts ...string) []string {
	var out []string
	seen := map[string]bool{}
	for _, text := range texts {
		text = strings.ToValidUTF8(text[:min(len(text), wordText)], "")
		for _, w := range strings.FieldsFunc(norm.NFKD.String(strings.ToLower(text)), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
		}) {
			w = strings.Map(func(r rune) rune {
				if unicode.Is(unicode.Mn, r) {
					return -1
				}
				return r
			}, w)
			r := []rune(w)
			if len(r) > wordMax {
				w = string(r[:wordMax])
			}
			if len(r) < wordMin || seen[w] {
				continue
			}
			seen[w] = true
			if out = append(out, w); len(out) >= limit {
				return out
			}
		}
	}
	return out
}

// addWords makes a thread findable by the words of texts.
func (d *Desk) addWords(ctx context.Context, tx Tx, thread string, texts ...string) error {
	return tx.AddWords(ctx, thread, searchWords(maxWords, texts...))
}

// rewordBatch is how many threads one transaction takes in.
const rewordBatch = 20

// Reword takes in the words of threads from before there was a search of tickets; it returns how many it took.
func (d *Desk) Reword(ctx context.Context, tx Tx) (int, error) {
	threads, err := tx.Unworded(ctx, rewordBatch)
	if err != nil {
		return 0, err
	}
	for i := range threads {
		t := &threads[i]
		texts := []string{t.Subject}
		if who, err := tx.Contact(ctx, t.Contact); err == nil {
			texts = append(texts, who.Name, who.Address)
		}
		if err := d.addWords(ctx, tx, t.ID, texts...); err != nil {
			return 0, err
		}
		messages, err := tx.Messages(ctx, t.ID, 0)
		if err != nil {
			return 0, err
		}
		for _, m := range messages {
			if err := d.addWords(ctx, tx, t.ID, m.Visible, m.Name); err != nil {
				return 0, err
			}
		}
		if err := tx.Worded(ctx, t.ID); err != nil {
			return 0, err
		}
	}
	return len(threads), nil
}

// Find lists the tickets of queues that text means: the one of that number first, then those in which each of its words begins one,
// newest first.
func (d *Desk) Find(ctx context.Context, tx Tx, queues []string, text string, limit int) ([]Ticket, error) {
	var out []Ticket
	if n := whole(strings.TrimPrefix(strings.TrimSpace(text), "#")); n > 0 {
		k, err := tx.Ticket(ctx, n)
		ok, err := found(err)
		if err != nil {
			return nil, err
		}
		if ok && oneOf(k.Queue, queues) {
			out = append(out, k)
		}
	}
	all, err := tx.FindTickets(ctx, queues, searchWords(maxWordsAsked, text), limit)
	for _, k := range all {
		if len(out) < limit && (len(out) == 0 || k.Number != out[0].Number) {
			out = append(out, k)
		}
	}
	return out, err
}

func oneOf(s string, list []string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
