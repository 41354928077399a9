package mailtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

type account struct {
	address  string
	password string
	token    string // accepted by XOAUTH2
	folders  map[string]*folder
}

type folder struct {
	name     string
	use      imap.MailboxAttr
	validity uint32
	next     uint32
	messages []*message
	tracker  *imapserver.MailboxTracker
	sub      bool
}

type message struct {
	uid   uint32
	raw   []byte // never changed
	at    time.Time
	flags []string // never changed in place
}

// Stored is a mail in a mailbox.
type Stored struct {
	Mailbox     string
	UIDValidity uint32
	UID         uint32
	At          time.Time // INTERNALDATE
	Flags       []string
	Raw         []byte
}

// AddUser makes an account. Mail to the address, to an alias and to either with "+anything" before the @ reaches it. Adding an address
// again changes its password and adds the aliases.
func (s *Server) AddUser(address, password string, aliases ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(address)
	a.password = password
	for _, alias := range aliases {
		s.accounts[strings.ToLower(alias)] = a
	}
}

// SetPassword changes a password; open connections stay.
func (s *Server) SetPassword(address, password string) { s.AddUser(address, password) }

// SetToken makes XOAUTH2 accept this access token and no other.
func (s *Server) SetToken(address, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account(address).token = token
}

// Users lists the addresses of all accounts in the order of their making.
func (s *Server) Users() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, a := range s.order {
		all = append(all, a.address)
	}
	return all
}

// account finds or makes the account of an address. The caller holds s.mu.
func (s *Server) account(address string) *account {
	if a := s.find(address); a != nil {
		return a
	}
	address = withoutTag(strings.ToLower(address))
	a := &account{address: address, password: s.options.Password, folders: map[string]*folder{}}
	for _, f := range []struct {
		name string
		use  imap.MailboxAttr
	}{{"INBOX", ""}, {"Sent", imap.MailboxAttrSent}, {"Drafts", imap.MailboxAttrDrafts}, {"Junk", imap.MailboxAttrJunk}, {"Trash", imap.MailboxAttrTrash}} {
		s.makeFolder(a, f.name).use = f.use
	}
	s.accounts[address] = a
	s.order = append(s.order, a)
	return a
}

func (s *Server) find(address string) *account {
	address = strings.ToLower(address)
	if a := s.accounts[address]; a != nil {
		return a
	}
	return s.accounts[withoutTag(address)]
}

func withoutTag(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if base, _, tagged := strings.Cut(local, "+"); ok && tagged && base != "" {
		return base + "@" + domain
	}
	return address
}

func (s *Server) makeFolder(a *account, name string) *folder {
	s.validity++
	f := &folder{name: name, validity: s.validity, next: 1, tracker: imapserver.NewMailboxTracker(0)}
	a.folders[name] = f
	return f
}

// put appends a message. The caller holds s.mu.
func (s *Server) put(f *folder, raw []byte, at time.Time, flags []string) *message {
	m := &message{uid: f.next, raw: bytes.Clone(raw), at: at, flags: slices.Clone(flags)}
	f.next++
	f.messages = append(f.messages, m)
	f.tracker.QueueNumMessages(uint32(len(f.messages)))
	s.touch()
	return m
}

// remove takes the messages out for which gone is true. The caller holds s.mu.
func (s *Server) remove(f *folder, gone func(*message) bool) {
	for i := len(f.messages) - 1; i >= 0; i-- {
		if gone(f.messages[i]) {
			f.messages = slices.Delete(f.messages, i, i+1)
			f.tracker.QueueExpunge(uint32(i) + 1)
		}
	}
	s.touch()
}

// Deliver puts raw, byte for byte, into the INBOX of user and returns its UID. An unknown user is made.
func (s *Server) Deliver(user string, raw []byte) uint32 {
	return s.Put(user, "INBOX", raw, time.Now())
}

// Put puts raw into any folder with any INTERNALDATE; folder and user are made if they do not exist.
func (s *Server) Put(user, mailbox string, raw []byte, at time.Time, flags ...string) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(user)
	f := a.folders[mailbox]
	if f == nil {
		f = s.makeFolder(a, mailbox)
	}
	return s.put(f, raw, at, flags).uid
}

// Inbox lists the mails in the INBOX of user, oldest first.
func (s *Server) Inbox(user string) []Stored { return s.Folder(user, "INBOX") }

// Folder lists the mails of any folder; nil if there is no such folder.
func (s *Server) Folder(user, mailbox string) []Stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.find(user)
	if a == nil || a.folders[mailbox] == nil {
		return nil
	}
	f := a.folders[mailbox]
	all := make([]Stored, 0, len(f.messages))
	for _, m := range f.messages {
		all = append(all, Stored{Mailbox: f.name, UIDValidity: f.validity, UID: m.uid, At: m.at, Flags: slices.Clone(m.flags), Raw: m.raw})
	}
	return all
}

// Count is len(Inbox(user)) without copying.
func (s *Server) Count(user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.find(user); a != nil {
		return len(a.folders["INBOX"].messages)
	}
	return 0
}

// Expunge removes mails from the INBOX as another mail client would.
func (s *Server) Expunge(user string, uids ...uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(s.account(user).folders["INBOX"], func(m *message) bool { return slices.Contains(uids, m.uid) })
}

// SetFlags replaces the flags of a mail in the INBOX as another mail client would: connected clients are told.
func (s *Server) SetFlags(user string, uid uint32, flags ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.account(user).folders["INBOX"]
	for i, m := range f.messages {
		if m.uid == uid {
			m.flags = slices.Clone(flags)
			f.tracker.QueueMessageFlags(uint32(i)+1, imap.UID(uid), imapFlags(m.flags), nil)
		}
	}
	s.touch()
}

// Renumber gives a folder a new UIDVALIDITY and its mails new UIDs from first on, as after a restore of the server. Clients are
// disconnected.
func (s *Server) Renumber(user, mailbox string, first uint32) error {
	s.mu.Lock()
	a := s.find(user)
	if a == nil || a.folders[mailbox] == nil {
		s.mu.Unlock()
		return fmt.Errorf("no folder %q of %q", mailbox, user)
	}
	old := a.folders[mailbox]
	f := s.makeFolder(a, mailbox)
	f.use, f.sub, f.next = old.use, old.sub, first
	for _, m := range old.messages {
		s.put(f, m.raw, m.at, m.flags)
	}
	s.mu.Unlock()
	s.DropIMAP()
	return nil
}

// Reserve makes the next mail of the INBOX get at least this UID.
func (s *Server) Reserve(user string, uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.account(user).folders["INBOX"]
	f.next = max(f.next, uid)
}
