package main

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Processes that start at the same moment in an empty folder agree on the keys, and what a process left that was killed while it made them
// disturbs nobody.
func TestKeysOfTheFirstStart(t *testing.T) {
	c := defaults()
	c.Data = t.TempDir()
	if err := os.WriteFile(filepath.Join(c.Data, "keys.yaml.new-killed"), []byte("keys:"), 0o600); err != nil {
		t.Fatal(err)
	}
	const processes = 16
	var found [processes][]signingKey
	var g sync.WaitGroup
	for i := range found {
		g.Go(func() {
			keys, err := signingKeys(&c, true)
			if err != nil {
				t.Error(err)
			}
			found[i] = keys
		})
	}
	g.Wait()
	for _, keys := range found[1:] {
		if len(keys) != 1 || len(found[0]) != 1 || !bytes.Equal(keys[0].secret, found[0][0].secret) {
			t.Fatal("two processes made different keys")
		}
	}
}
