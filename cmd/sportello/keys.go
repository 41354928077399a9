package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"github.com/sportello/sportello/ticketing"
)

// keyFile is how the signing keys are kept: at most two are active, the newest signs.
type keyFile struct {
	Keys []keyEntry `yaml:"keys"`
}

type keyEntry struct {
	ID     uint8  `yaml:"id"`
	Secret string `yaml:"secret"` // base64, 32 bytes
}

type signingKey struct {
	id     byte
	secret []byte
}

// maxActiveKeys is how many keys verify at a time (mail.md 6.1).
const maxActiveKeys = 2

// signingKeys reads the keys that sign address tokens and Message-IDs. At the very first start, with the embedded database, they are
// made; later a missing file is an error, because old threads would no longer be found.
func signingKeys(c *Config, mayMake bool) ([]signingKey, error) {
	path := c.Keys
	if path == "" {
		path = filepath.Join(c.Data, "keys.yaml")
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && mayMake {
		if raw, err = makeKeys(path); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, badConfig("cannot read the signing keys: %w. They were made at the first start; copy the file from there or from a backup to %s", err, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, badConfig("others may read the signing keys; run: chmod 600 %s", path)
	}
	var file keyFile
	if err := yaml.UnmarshalWithOptions(raw, &file, yaml.Strict()); err != nil {
		return nil, badConfig("%s is not right: %w", path, err)
	}
	if len(file.Keys) == 0 || len(file.Keys) > maxActiveKeys {
		return nil, badConfig("%s holds %d keys; one or two may be active", path, len(file.Keys))
	}
	var out []signingKey
	for _, k := range file.Keys {
		secret, err := base64.StdEncoding.DecodeString(k.Secret)
		if err != nil || len(secret) < 32 {
			return nil, badConfig("%s: the secret of key %d is not 32 bytes in base64", path, k.ID)
		}
		out = append(out, signingKey{id: k.ID, secret: secret})
	}
	return out, nil
}

func makeKeys(path string) ([]byte, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	raw, err := yaml.Marshal(keyFile{Keys: []keyEntry{{ID: 1, Secret: base64.StdEncoding.EncodeToString(secret)}}})
	if err != nil {
		return nil, err
	}
	raw = append([]byte("# Signing keys of this installation. Every replica needs this file, and so does a restore from backup.\n"), raw...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// The file gets its name when it is whole: a process killed here must not leave half a file that no later start can read, and another
	// one that starts at the same time must not read it.
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-")
	if err != nil {
		return nil, fmt.Errorf("cannot write the signing keys: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(raw)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("cannot write the signing keys: %w", err)
	}
	err = os.Link(f.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path) // another process was faster
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write the signing keys: %w", err)
	}
	return raw, syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// keysPlace is where the database remembers which keys it belongs to.
const keysPlace = "settings/keys"

func (k signingKey) fingerprint() string {
	sum := sha256.Sum256(append([]byte("sportello key "), k.secret...))
	return hex.EncodeToString(sum[:16])
}

// ownKeys refuses keys that are not those this database was used with: a replica with keys of its own, or a lost file made anew, would sign
// what nobody else recognises and take answers to old letters for new questions. After a rotation the newest key is remembered.
func ownKeys(ctx context.Context, db ticketing.Store, keys []signingKey) error {
	return db.Update(ctx, func(tx ticketing.Tx) error {
		known, err := tx.Cursor(ctx, keysPlace)
		if err != nil && !errors.Is(err, ticketing.ErrNotFound) {
			return err
		}
		for _, k := range keys {
			if known.Mark == "" || known.Mark == k.fingerprint() {
				known.Place, known.Mark = keysPlace, keys[0].fingerprint()
				return tx.SetCursor(ctx, known)
			}
		}
		return badConfig("the signing keys are not those this database was used with. Copy the right file (every replica needs the same one) and name it in the setting keys. " +
			"If it is lost for good: sportello migrate --new-keys; answers to letters sent so far are then recognised by their Message-ID only")
	})
}

// forgetKeys lets the next start take its keys as this database's.
func forgetKeys(ctx context.Context, db ticketing.Store) error {
	return db.Update(ctx, func(tx ticketing.Tx) error {
		known, err := tx.Cursor(ctx, keysPlace)
		if errors.Is(err, ticketing.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		known.Mark = ""
		return tx.SetCursor(ctx, known)
	})
}
