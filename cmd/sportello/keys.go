package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
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
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path) // another process was faster
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write the signing keys: %w", err)
	}
	if _, err := f.Write(raw); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return raw, errors.Join(f.Sync(), f.Close())
}
