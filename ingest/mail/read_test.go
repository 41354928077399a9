package mail

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ticketing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// readKeys are the keys of the test desk, the newest first.
func readKeys(t testing.TB) *Keys {
	t.Helper()
	k, err := NewKeys(Key{2, []byte("0123456789abcdef0123456789abcdef")}, Key{1, []byte("fedcba9876543210fedcba9876543210")})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func testReader(t testing.TB) *Reader {
	t.Helper()
	return &Reader{
		Own: OwnAddresses{
			Public: []ticketing.Address{mustAddress(t, "assistenza@example.com"), mustAddress(t, "support@example.com")},
			Bounce: []ticketing.Address{mustAddress(t, "bounce@example.com")},
		},
		Keys:            readKeys(t),
		TrustedAuthserv: []string{"mx.example.com"},
		OwnLists:        []string{"assistenza.example.com"},
		PECProviders:    []string{"pec.example.it"},
	}
}

var (
	testThread = [threadSize]byte{1, 2, 3, 4, 5}
	testRow    = ulid.MustParse("01JD0000000000000000000000")
)

// compose makes a mail from header lines that replace those of an ordinary one.
// A value of "-" leaves the field out.
func composeMail(body string, fields ...string) []byte {
	order := []string{"Return-Path", "Received", "Authentication-Results", "From", "To", "Subject", "Date", "Message-ID"}
	values := map[string]string{
		"Return-Path": "<maria@cliente.example>", "Received": "from out.cliente.example by mx.example.com; Sat, 21 Nov 2026 09:30:01 +0100",
		"Authentication-Results": "mx.example.com; dmarc=pass header.from=cliente.example",
		"From":                   "Maria Verdi <maria@cliente.example>", "To": "assistenza@example.com", "Subject": "Stampante ferma",
		"Date": "Sat, 21 Nov 2026 09:30:00 +0100", "Message-ID": "<a1@cliente.example>",
	}
	var extra []string
	for _, f := range fields {
		name, v, _ := strings.Cut(f, ":")
		if _, known := values[name]; known {
			values[name] = strings.TrimSpace(v)
		} else {
			extra = append(extra, f)
		}
	}
	var b strings.Builder
	for _, n := range order {
		if v := values[n]; v != "-" {
			b.WriteString(n + ": " + v + "\r\n")
		}
	}
	for _, f := range extra {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("\r\n" + strings.ReplaceAll(body, "\n", "\r\n"))
	return []byte(b.String())
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no mails in testdata: %v", err)
	}
	r := testReader(t)
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			m := r.Read(raw)
			checkPartition(t, m)
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", " ")
			if err := enc.Encode(struct {
				Explain
				HTML string `json:"html"`
			}{m.Explain(), m.HTML}); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(name, ".eml") + ".golden"
			compareGolden(t, golden, got.Bytes())
		})
	}
}

// checkPartition asserts Q1.
func checkPartition(t testing.TB, m *Mail) {
	t.Helper()
	want := filledLines(m.Text)
	visible, elided := filledLines(m.Visible), filledLines(m.Elided)
	if len(visible)+len(elided) != len(want) {
		t.Fatalf("%d visible and %d elided lines of %d\nvisible:\n%s\nelided:\n%s", len(visible), len(elided), len(want), m.Visible, m.Elided)
	}
	// Equal lines may stand in both texts, so every way to tell them apart is followed: how many of the lines read so far were visible.
	ways := []int{0}
	for k, l := range want {
		var next []int
		for _, v := range ways {
			if e := k - v; e < len(elided) && elided[e] == l && !slices.Contains(next, v) {
				next = append(next, v)
			}
			if v < len(visible) && visible[v] == l && !slices.Contains(next, v+1) {
				next = append(next, v+1)
			}
		}
		if ways = next; len(ways) == 0 {
			t.Fatalf("line %q is in neither text, or out of order\nvisible:\n%s\nelided:\n%s", l, m.Visible, m.Elided)
		}
	}
}

func filledLines(s string) (out []string) {
	for l := range strings.SplitSeq(s, "\n") {
		if !isBlankLine(l) {
			out = append(out, l)
		}
	}
	return out
}

func mustAddress(t testing.TB, s string) ticketing.Address {
	t.Helper()
	a, err := ticketing.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// compareGolden compares with what stands in a golden file, or writes it when the test is run with -update.
func compareGolden(t *testing.T, golden string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v (run the test with -update to write it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("not as in %s:\n%s", golden, got)
	}
}
