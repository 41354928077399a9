package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sportello/sportello/ticketing"
)

// smallDisk mounts a file system of so many MiB and makes the trial's data live there.
func smallDisk(t *testing.T, mib string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk: run this test as root")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+mib+"m,mode=0700", "sportello-test", dir).CombinedOutput(); err != nil {
		t.Skipf("no small disk can be mounted here (%v): %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// fillDisk writes a file until the disk takes no more, or so many bytes.
func fillDisk(t *testing.T, dir string, limit int) (name string) {
	t.Helper()
	name = filepath.Join(dir, "filler")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0 && limit > 0; {
		n, err := f.Write(make([]byte, min(size, limit)))
		limit -= n
		switch {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			t.Fatal(err)
		}
	}
	return name
}

// Below the least free space nothing more is taken in; /readyz says so; everything comes in once there is room.
func TestDiskNearlyFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "64")
	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Data, c.Limits.MinFree = dir, 16<<20 }})
	tr.expect(tr.write(question(1)), ticketing.OutcomeTicket, "")
	filler := fillDisk(t, dir, 52<<20)
	tr.until("/readyz says that the disk is full", func() bool {
		code, said := tr.ready()
		return code == http.StatusServiceUnavailable && said == "intake paused: disk"
	})
	for n := range 3 {
		tr.lays(0, question(2+n))
	}
	tr.until("the log says so", func() bool { return tr.log.has(`msg="intake paused" reason=disk`) })
	if n := len(tr.rows()); n != 1 {
		t.Errorf("the ledger has %d rows", n)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for _, in := range tr.decided(4) {
		tr.expect(in, ticketing.OutcomeTicket, "")
	}
	tr.until("/readyz is content", func() bool { code, _ := tr.ready(); return code == http.StatusOK })
	tr.settle()
}

// Without any reserve the disk fills to the last byte under the desk's feet. Nothing is acknowledged that was not stored, and all goes on
// by itself when there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "32")
	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Data = dir }})
	in := tr.expect(tr.write(question(1)), ticketing.OutcomeTicket, "")
	root := tr.posted(in.Thread, ticketing.PostRoot, 1)
	tr.settle()
	filler := fillDisk(t, dir, 1<<30)
	noise := make([]byte, 256<<10)
	_, _ = rand.Read(noise) // never fails
	for n := range 3 {
		d := question(2 + n)
		d.content = mixed(d.body, "foto.bin", "application/octet-stream", noise)
		tr.lays(0, d)
	}
	answered := tr.says(root.TS, "Rispondo mentre il disco è pieno.")
	tr.until("/readyz says that nothing can be stored", func() bool {
		code, said := tr.ready()
		return code == http.StatusServiceUnavailable && said == "intake paused: store"
	})
	if n := len(tr.rows()); n != 1 {
		t.Errorf("the ledger has %d rows", n)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for _, in := range tr.decided(4) {
		tr.expect(in, ticketing.OutcomeTicket, "")
	}
	tr.reacted(answered, "incoming_envelope")
	tr.until("/readyz is content", func() bool { code, _ := tr.ready(); return code == http.StatusOK })
	tr.settle()
	if n := tr.tickets(); n != 4 {
		t.Errorf("4 mails became %d tickets", n)
	}
	if out := tr.told("check"); !strings.Contains(out, "database") {
		t.Errorf("check says\n%s", out)
	}
}

// A start on a full disk says what to do and leaves nothing behind that hinders the next start.
func TestDiskFullAtStart(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "4")
	filler := fillDisk(t, dir, 1<<30)
	cfg := defaults()
	cfg.Data, cfg.Listen = filepath.Join(dir, "data"), ""
	file := writeSettings(t, cfg)
	code, _, errs := runCommand(t.Context(), "", "migrate", "-c", file)
	if code != exitFailed || !strings.Contains(errs, "The disk is full: free some space") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := runCommand(t.Context(), "", "migrate", "-c", file); code != 0 || !strings.Contains(out, "is up to date and whole") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// A mail over the limit is not fetched whole: its beginning waits in quarantine, the mail itself in the mailbox.
func TestHugeMail(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, trialSetup{change: func(c *Config) { c.Mailboxes[0].IMAP.MaxSize = 64 << 10 }})
	d := question(1)
	d.body = "Guardate questo:\n" + strings.Repeat("Lorem ipsum dolor sit amet, consectetur adipiscing elit.\n", 40<<10)
	in := tr.expect(tr.write(d), ticketing.OutcomeQuarantine, ticketing.CauseTooLarge)
	if !strings.Contains(in.Detail, "limit 65536") || in.RawSize > 64<<10 {
		t.Errorf("the row says %q and keeps %d bytes", in.Detail, in.RawSize)
	}
	if in.From != maria {
		t.Errorf("the row does not tell who wrote: %q", in.From)
	}
	if out := tr.told("quarantine", "list"); !strings.Contains(out, in.ID) || !strings.Contains(out, "quarantine(too_large)") || !strings.Contains(out, maria) {
		t.Errorf("quarantine list says\n%s", out)
	}
	if raw := tr.told("ledger", "show", "--raw", in.ID); !strings.Contains(raw, "Subject: Domanda 1") || int64(len(raw)) != in.RawSize {
		t.Errorf("the excerpt has %d bytes", len(raw))
	}
	box := tr.server().Inbox(tr.users[0])
	if len(box) != 1 || len(box[0].Raw) < 2<<20 || !bytes.Contains(box[0].Raw, []byte("Lorem ipsum")) {
		t.Errorf("the mailbox holds %d mails", len(box))
	}
	tr.expect(tr.write(question(2)), ticketing.OutcomeTicket, "")
	tr.settle()
	if sent := tr.letters(maria, ticketing.LetterReceived); len(sent) != 1 {
		t.Errorf("%d acknowledgements left", len(sent))
	}
}
