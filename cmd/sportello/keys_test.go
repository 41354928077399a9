package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sportello/sportello/ticketing/store/storetest"
)

// A database keeps to its keys: another file is refused, a rotated one is not, and new ones are taken only when somebody says so.
func TestDatabaseKeepsToItsKeys(t *testing.T) {
	db := storetest.Open(t)
	first, second, third := signingKey{1, []byte("first")}, signingKey{2, []byte("second")}, signingKey{3, []byte("third")}
	for _, step := range []struct {
		what   string
		keys   []signingKey
		refuse bool
	}{
		{"the first start", []signingKey{first}, false},
		{"the same again", []signingKey{first}, false},
		{"a replica with keys of its own", []signingKey{second}, true},
		{"rotated", []signingKey{second, first}, false},
		{"the oldest retired", []signingKey{second}, false},
		{"back to the retired one", []signingKey{first}, true},
		{"a foreign pair", []signingKey{third, first}, true},
	} {
		err := ownKeys(t.Context(), db, step.keys)
		if (err != nil) != step.refuse {
			t.Errorf("%s: %v", step.what, err)
		}
		if err != nil && !strings.Contains(err.Error(), "--new-keys") {
			t.Errorf("%s: the message does not say what to do: %v", step.what, err)
		}
	}
	if err := forgetKeys(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := ownKeys(t.Context(), db, []signingKey{third}); err != nil {
		t.Errorf("new keys on purpose: %v", err)
	}
}

// The keys are made once, for their owner only, and a missing file is an error where none may be made.
func TestSigningKeysAreMadeOnce(t *testing.T) {
	cfg := &Config{Data: filepath.Join(t.TempDir(), "data")}
	if _, err := signingKeys(cfg, false); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Fatalf("a missing file: %v", err)
	}
	made, err := signingKeys(cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	again, err := signingKeys(cfg, true)
	if err != nil || len(again) != 1 || string(again[0].secret) != string(made[0].secret) || len(made[0].secret) != 32 {
		t.Fatalf("made %d keys, read %d again: %v", len(made), len(again), err)
	}
}
