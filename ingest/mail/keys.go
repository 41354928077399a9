package mail

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/sportello/sportello/ticketing"
)

// Key is one secret for address tokens, bounce tokens and Message-IDs of ours.
type Key struct {
	ID     byte // stands in every token made with it
	Secret []byte
}

// Keys make and check what names a thread or an outgoing row in a mail
// (mail.md 6.1). The first key makes, all of them check; a key left out is
// retired. A nil *Keys checks nothing as valid.
type Keys struct {
	active []Key
}

// minSecret is the least length of a secret in octets (S6).
const minSecret = 16

// NewKeys takes the active keys, the newest first: one or two, each with an id
// of its own and at least 16 octets of secret.
func NewKeys(active ...Key) (*Keys, error) {
	if len(active) == 0 {
		return nil, errors.New("no mail key is set: give at least one")
	}
	seen := map[byte]bool{}
	for _, k := range active {
		if len(k.Secret) < minSecret {
			return nil, errors.New("a mail key is too short: want at least 16 random octets")
		}
		if seen[k.ID] {
			return nil, errors.New("two mail keys have the same id")
		}
		seen[k.ID] = true
	}
	return &Keys{active: append([]Key(nil), active...)}, nil
}

// Purposes enter every code, so that no token serves for another (security.md
// section 6).
const (
	purposeAddress = "sportello address token 1"
	purposeBounce  = "sportello bounce token 1"
	purposeID      = "sportello message id 1"
)

const (
	macSize     = 16
	threadSize  = 5
	ulidSize    = 16
	tokenLength = 36 // characters of an address token
	maxLocal    = 64 // octets of a local part (RFC 5321 section 4.5.3.1.1)
)

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (k Key) mac(purpose string, fields ...string) []byte {
	h := hmac.New(sha256.New, k.Secret)
	h.Write([]byte{k.ID})
	h.Write([]byte(purpose))
	for _, f := range fields {
		h.Write([]byte{0})
		h.Write([]byte(f))
	}
	return h.Sum(nil)[:macSize]
}

func mailboxName(a ticketing.Address) string {
	return strings.ToLower(a.Local) + "@" + a.Domain
}

// ErrNoRoom means that base, plus sign and token exceed a local part.
var ErrNoRoom = errors.New("address is too long for a token: use a shorter local part")

// Address makes base+token@domain, the Reply-To of every mail to a customer.
// thread is the random key of the ticket or held request.
func (k *Keys) Address(base ticketing.Address, thread [threadSize]byte) (ticketing.Address, error) {
	key := k.active[0]
	b := append([]byte{key.ID}, thread[:]...)
	b = append(b, key.mac(purposeAddress, mailboxName(base), string(thread[:]))...)
	return withToken(base, b)
}

// Bounce makes bounce+token@domain, the envelope sender of the outgoing row id.
func (k *Keys) Bounce(base ticketing.Address, id ulid.ULID) (ticketing.Address, error) {
	key := k.active[0]
	b := append([]byte{key.ID}, id[:]...)
	b = append(b, key.mac(purposeBounce, mailboxName(base), string(id[:]))...)
	return withToken(base, b)
}

func withToken(base ticketing.Address, b []byte) (ticketing.Address, error) {
	a := ticketing.Address{Local: base.Local + "+" + base32Lower.EncodeToString(b), Domain: base.Domain}
	if len(a.Local) > maxLocal {
		return ticketing.Address{}, ErrNoRoom
	}
	return a, nil
}

// MessageID makes the Message-ID of the outgoing row id, with angle brackets.
func (k *Keys) MessageID(id ulid.ULID, domain string) string {
	domain = strings.ToLower(domain)
	return "<v1." + id.String() + "." + base32Lower.EncodeToString(k.active[0].mac(purposeID, domain, string(id[:]))) + "@" + domain + ">"
}

// Verdict is what became of a token or an id.
type Verdict uint8

const (
	Foreign Verdict = iota // not of our form
	Valid                  // ours, under an active key
	Failing                // of our form, but not ours or under a retired key
)

// CheckAddress reads the token of base+token@domain. Letter case does not
// matter.
func (k *Keys) CheckAddress(base ticketing.Address, token string) (thread [threadSize]byte, v Verdict) {
	b, ok := decodeToken(token, 1+threadSize+macSize)
	if !ok {
		return thread, Foreign
	}
	copy(thread[:], b[1:])
	return thread, k.check(b[0], b[1+threadSize:], purposeAddress, mailboxName(base), string(thread[:]))
}

// CheckBounce reads the token of bounce+token@domain.
func (k *Keys) CheckBounce(base ticketing.Address, token string) (id ulid.ULID, v Verdict) {
	b, ok := decodeToken(token, 1+ulidSize+macSize)
	if !ok {
		return id, Foreign
	}
	copy(id[:], b[1:])
	return id, k.check(b[0], b[1+ulidSize:], purposeBounce, mailboxName(base), string(id[:]))
}

func decodeToken(token string, size int) ([]byte, bool) {
	if len(token) != base32Lower.EncodedLen(size) {
		return nil, false
	}
	b, err := base32Lower.DecodeString(strings.ToLower(token))
	return b, err == nil && len(b) == size
}

// check compares under the key that the token names; both steps take the same
// time for every token of that key.
func (k *Keys) check(keyID byte, mac []byte, purpose string, fields ...string) Verdict {
	if k != nil {
		for _, key := range k.active {
			if key.ID == keyID && hmac.Equal(mac, key.mac(purpose, fields...)) {
				return Valid
			}
		}
	}
	return Failing
}

// CheckMessageID reads an id with or without angle brackets.
func (k *Keys) CheckMessageID(id string) (row ulid.ULID, v Verdict) {
	id = strings.TrimSuffix(strings.TrimPrefix(id, "<"), ">")
	local, domain, ok := strings.Cut(id, "@")
	if !ok || len(local) < 3 || !strings.EqualFold(local[:3], "v1.") {
		return row, Foreign
	}
	name, code, ok := strings.Cut(local[3:], ".")
	if !ok {
		return row, Foreign
	}
	mac, ok := decodeToken(code, macSize)
	if !ok {
		return row, Foreign
	}
	row, err := ulid.ParseStrict(name)
	if err != nil {
		return ulid.ULID{}, Failing
	}
	v = Failing
	if k != nil {
		for _, key := range k.active {
			if hmac.Equal(mac, key.mac(purposeID, strings.ToLower(domain), string(row[:]))) {
				v = Valid
			}
		}
	}
	return row, v
}

func threadKey(b [threadSize]byte) string { return hex.EncodeToString(b[:]) }

// parseThreadKey reads the form of threadKey, 10 hexadecimal digits.
func parseThreadKey(s string) (b [threadSize]byte, err error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != threadSize {
		return b, errors.New("not a thread key: want 10 hexadecimal digits")
	}
	copy(b[:], raw)
	return b, nil
}
