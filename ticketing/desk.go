package ticketing

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// Desk carries decisions out. It is safe for concurrent use; everything it knows beside its settings is in the transaction.
type Desk struct {
	Queues map[string]*Queue // by name
	Limits Limits
	// Random is the source of keys and tokens; nil takes crypto/rand.
	Random io.Reader
	// AgentAddresses are the e-mail addresses of agents in lower case: they are never customers in copy.
	AgentAddresses map[string]bool
	// OwnAddress reports whether an address is one of ours, tokens included.
	OwnAddress func(address string) bool

	ids IDs
}

// isAgent reports whether an address is an agent's, whatever its case: mail programs write the same address in several.
func (d *Desk) isAgent(address string) bool { return d.AgentAddresses[strings.ToLower(address)] }

func (d *Desk) random() io.Reader {
	if d.Random != nil {
		return d.Random
	}
	return rand.Reader
}

// newID makes a ULID of the transaction's time, above all made before. ULIDs stand in keyed Message-IDs and are never used twice, also not after a restore.
func (d *Desk) newID(now time.Time) string {
	return d.ids.Next(now, d.random()).String()
}

// newKey makes a thread's random 40-bit key.
func (d *Desk) newKey() (string, error) {
	var b [5]byte
	if _, err := io.ReadFull(d.random(), b[:]); err != nil {
		return "", Wrap("desk.random", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// newToken makes 256 random bits for a link and the hash that is stored of them.
func (d *Desk) newToken() (token, hash string, err error) {
	var b [32]byte
	if _, err := io.ReadFull(d.random(), b[:]); err != nil {
		return "", "", Wrap("desk.random", err)
	}
	token = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])
	return token, HashToken(token), nil
}

// HashToken is how a link's token is stored and looked up: SHA-256, hexadecimal.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// queue returns the queue named so; a queue that left the settings falls back to any that is left, so that its tickets stay reachable.
func (d *Desk) queue(name string) *Queue {
	if q, ok := d.Queues[name]; ok {
		return q
	}
	var first *Queue
	for _, q := range d.Queues {
		if first == nil || q.Name < first.Name {
			first = q
		}
	}
	if first == nil {
		return &Queue{Name: name, Language: "it", AgentLang: "it", ReopenWindow: 14 * 24 * time.Hour, RemindAfter: 3, ResolveAfter: 7}
	}
	return first
}

// event writes one line of the audit trail.
func (d *Desk) event(ctx context.Context, tx Tx, thread string, ticket int64, actor, code string, args map[string]string) error {
	return tx.InsertEvent(ctx, &Event{ID: d.newID(tx.Now()), Thread: thread, Ticket: ticket, At: tx.Now(), Actor: actor, Code: code, Args: args})
}

// contact returns the person's row and makes it if there is none. A name is learnt once and changed only by an agent.
func (d *Desk) contact(ctx context.Context, tx Tx, p Party) (Contact, error) {
	c, err := tx.ContactByKey(ctx, p.Key)
	if err == nil {
		if c.Name == "" && p.Name != "" {
			c.Name = p.Name
			err = tx.SaveContact(ctx, &c)
		}
		return c, err
	}
	if !errors.Is(err, ErrNotFound) {
		return c, err
	}
	c = Contact{ID: d.newID(tx.Now()), Key: p.Key, Address: p.Address, Name: p.Name, CreatedAt: tx.Now()}
	return c, tx.SaveContact(ctx, &c)
}

// found turns ErrNotFound into ok=false.
func found(err error) (bool, error) {
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func num(n int64) string { return strconv.FormatInt(n, 10) }
