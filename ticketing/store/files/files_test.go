package files_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/store"
	"github.com/sportello/sportello/ticketing/store/files"
	"github.com/sportello/sportello/ticketing/store/storetest"
)

// keeper is what both stores of files can do beyond ticketing.Files.
type keeper interface {
	ticketing.Files
	PutAll(ctx context.Context, all [][]byte) ([]string, error)
	Sweep(ctx context.Context, age time.Duration, named files.Named) (int, error)
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func read(t *testing.T, f ticketing.Files, name string) []byte {
	t.Helper()
	r, err := f.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestContract is what every ticketing.Files promises.
func TestContract(t *testing.T) {
	big := make([]byte, 3<<20+1)
	rand.Read(big)
	storetest.Each(t, func(t *testing.T, db *store.DB, f ticketing.Files) {
		k := f.(keeper)
		for _, b := range [][]byte{{}, []byte("a"), {0, 0xff, '\r', '\n'}, big} {
			for range 2 { // equal bytes twice
				name, size, err := f.Put(t.Context(), iotest.OneByteReader(io.LimitReader(bytes.NewReader(b), 1<<10)))
				if len(b) > 1<<10 {
					name, size, err = f.Put(t.Context(), bytes.NewReader(b))
				}
				if err != nil || name != sha(b) || size != int64(len(b)) {
					t.Fatalf("put %d bytes: %s, %d, %v", len(b), name, size, err)
				}
			}
			if got := read(t, f, sha(b)); !bytes.Equal(got, b) {
				t.Fatalf("%d bytes came back as %d others", len(b), len(got))
			}
		}
		for _, unknown := range []string{sha([]byte("never stored")), "", "..", "../../../../etc/passwd", strings.Repeat("z", 64), sha(big)[:63]} {
			if _, err := f.Open(t.Context(), unknown); err != ticketing.ErrNotFound {
				t.Errorf("open %q: %v", unknown, err)
			}
		}

		broken := errors.New("the line broke")
		if _, _, err := f.Put(t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Errorf("broken source: %v", err)
		}
		if _, err := f.Open(t.Context(), sha([]byte("half"))); err != ticketing.ErrNotFound {
			t.Errorf("half a file was stored: %v", err)
		}

		batch := [][]byte{[]byte("x"), []byte("y"), []byte("x"), big, {}}
		names, err := k.PutAll(t.Context(), batch)
		if err != nil || len(names) != len(batch) {
			t.Fatal(names, err)
		}
		for i, b := range batch {
			if names[i] != sha(b) || !bytes.Equal(read(t, f, names[i]), b) {
				t.Errorf("file %d of the batch is another one", i)
			}
		}
		if names, err := k.PutAll(t.Context(), nil); err != nil || len(names) != 0 {
			t.Error(names, err)
		}
	})
}

func TestSweep(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, f ticketing.Files) {
		k := f.(keeper)
		named := make([][]byte, 1100)
		for i := range named {
			named[i] = fmt.Appendf(nil, "file %d", i)
		}
		if _, err := k.PutAll(t.Context(), named); err != nil {
			t.Fatal(err)
		}
		loose, err := k.PutAll(t.Context(), [][]byte{[]byte("loose"), []byte("another")})
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(t.Context(), func(tx ticketing.Tx) error {
			for i, b := range named {
				in := ticketing.Inbound{ID: fmt.Sprint("i", i), Identity: fmt.Sprint("i", i), RawSHA: sha(b)}
				if _, err := tx.InsertInbound(t.Context(), &in); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			age  time.Duration
			want int
		}{{time.Hour, 0}, {-time.Hour, 2}, {-time.Hour, 0}} {
			if n, err := k.Sweep(t.Context(), step.age, db.NamedFiles); err != nil || n != step.want {
				t.Fatalf("age %v: %d swept, want %d, %v", step.age, n, step.want, err)
			}
		}
		for _, name := range loose {
			if _, err := f.Open(t.Context(), name); err != ticketing.ErrNotFound {
				t.Errorf("%s is still there: %v", name, err)
			}
		}
		if got := read(t, f, sha(named[7])); string(got) != "file 7" {
			t.Errorf("a named file is now %q", got)
		}
		unsure := errors.New("database away")
		if _, err := k.Sweep(t.Context(), -time.Hour, func(context.Context, []string) (map[string]bool, error) { return nil, unsure }); !errors.Is(err, unsure) {
			t.Errorf("without the database: %v", err)
		}
		read(t, f, sha(named[7]))
	})
}

// TestSweepSparesWhatIsStoredAgain: between the question whether a file is named and its removal, somebody stores it again.
func TestSweepSparesWhatIsStoredAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, _ *store.DB, f ticketing.Files) {
		k := f.(keeper)
		b := []byte("old and new")
		put := func() {
			if _, _, err := f.Put(t.Context(), bytes.NewReader(b)); err != nil {
				t.Fatal(err)
			}
		}
		put()
		makeOld(t, f, sha(b))
		asked := 0
		n, err := k.Sweep(t.Context(), time.Hour, func(context.Context, []string) (map[string]bool, error) {
			asked++
			put()
			return nil, nil
		})
		if n != 0 || err != nil || asked != 1 {
			t.Fatalf("%d swept after %d questions: %v", n, asked, err)
		}
		if got := read(t, f, sha(b)); !bytes.Equal(got, b) {
			t.Error("another file")
		}
	})
}

func makeOld(t *testing.T, f ticketing.Files, name string) {
	t.Helper()
	old := time.Now().Add(-48 * time.Hour)
	var err error
	switch f := f.(type) {
	case *files.Disk:
		err = os.Chtimes(filepath.Join(f.Dir(), name[:2], name), old, old)
	case *files.Beside:
		err = f.Age(t.Context(), name, 48*time.Hour)
	case *files.SQL:
		err = f.Age(t.Context(), name, 48*time.Hour)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentPuts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, _ *store.DB, f ticketing.Files) {
		k := f.(keeper)
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				batch := make([][]byte, 20)
				for i := range batch { // the same files in different orders
					batch[i] = fmt.Appendf(nil, "shared %d", (i*7+w*3)%20)
				}
				if _, err := k.PutAll(t.Context(), batch); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i := range 20 {
			b := fmt.Appendf(nil, "shared %d", i)
			if !bytes.Equal(read(t, f, sha(b)), b) {
				t.Errorf("file %d is another one", i)
			}
		}
	})
}

// TestDiskLeavesNothingBehind: after failures and successes the temporary folder is empty, and a kill's rest is swept.
func TestDiskLeavesNothingBehind(t *testing.T) {
	d := storetest.Files(t)
	rest := filepath.Join(d.Dir(), "tmp", "put-left")
	if err := os.WriteFile(rest, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := d.PutAll(t.Context(), [][]byte{[]byte("a"), []byte("b")}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.Put(t.Context(), strings.NewReader("c")); err != nil {
			t.Fatal(err)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := d.Put(cancelled, strings.NewReader("d")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	none := func(context.Context, []string) (map[string]bool, error) { return nil, nil }
	if _, err := d.Sweep(t.Context(), -time.Hour, none); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(d.Dir(), "tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestFullDiskHasItsCode(t *testing.T) {
	err := files.Failed(&os.PathError{Op: "write", Err: syscall.ENOSPC})
	if !errors.Is(err, ticketing.ErrFull) || errors.Is(files.Failed(os.ErrPermission), ticketing.ErrFull) {
		t.Errorf("a full disk is told as %v", err)
	}
}

func BenchmarkDisk(b *testing.B) {
	d := storetest.Files(b)
	for _, size := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			body := make([]byte, 8<<10)
			for range b.N {
				batch := make([][]byte, size)
				for i := range batch {
					rand.Read(body[:32])
					batch[i] = bytes.Clone(body)
				}
				if _, err := d.PutAll(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "files/s")
		})
	}
}

// A hash is returned only for bytes that are stored, also to callers who give up in the middle: a row that names them is lost otherwise.
func TestPutThatIsGivenUp(t *testing.T) {
	b, err := files.NewBeside(t.Context(), filepath.Join(t.TempDir(), "files"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if name, _, err := b.Put(over, strings.NewReader("given up")); err == nil || name != "" {
		t.Errorf("a Put after its end returned %q, %v", name, err)
	}
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			body := fmt.Appendf(nil, "small %d", i)
			shas := make([]string, 1)
			var err error
			if i%2 == 0 {
				shas[0], _, err = b.Put(ctx, bytes.NewReader(body))
			} else if shas, err = b.PutAll(ctx, [][]byte{body}); err != nil {
				shas = []string{""}
			}
			if err != nil {
				if shas[0] != "" {
					t.Errorf("Put failed with %v and returned a hash", err)
				}
				return
			}
			r, err := b.Open(t.Context(), shas[0])
			if err != nil {
				t.Errorf("what was put is not there: %v", err)
				return
			}
			_ = r.Close()
		})
	}
	wg.Wait()
}

// TestManyMakeBesideAtOnce: the first start of several processes beside each other.
func TestManyMakeBesideAtOnce(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				b, err := files.NewBeside(context.Background(), dir)
				if err != nil {
					t.Error(err)
					return
				}
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}
