package mailtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-sasl"
)

// Command is an IMAP command the server carried out or refused.
type Command struct {
	Conn int    // number of the connection
	User string // signed-in user
	Name string // LOGIN, SELECT, EXAMINE, SEARCH, FETCH, STORE, COPY, MOVE, EXPUNGE, APPEND, IDLE, CREATE, …
	Args string // folder, UIDs and items in short
}

// maxCommands is how many commands are remembered; older ones are forgotten so that a long run stays small.
const maxCommands = 20000

// Commands lists what IMAP clients did, oldest first.
func (s *Server) Commands() []Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Did counts the commands of that name by user ("" for any).
func (s *Server) Did(user, name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.commands {
		if c.Name == name && (user == "" || strings.EqualFold(c.User, user)) {
			n++
		}
	}
	return n
}

// session is one IMAP connection.
type session struct {
	server  *Server
	conn    *conn
	account *account
	folder  *folder
	view    *imapserver.SessionTracker
	examine bool
}

var (
	_ imapserver.SessionIMAP4rev2 = (*session)(nil)
	_ imapserver.SessionSASL      = (*session)(nil)
)

func (s *Server) newSession(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	x := &session{server: s, conn: base(c.NetConn())}
	if f := s.strike("imap", "CONNECT", "", 0); f != nil {
		if err := f.answer(x.conn); err != nil {
			return nil, nil, &imap.Error{Type: imap.StatusResponseTypeBye, Text: f.Text}
		}
	}
	return x, nil, nil
}

// enter records a command and lets faults strike.
func (x *session) enter(name, args string) error {
	user := ""
	if x.account != nil {
		user = x.account.address
	}
	return x.enterAs(user, name, args)
}

func (x *session) enterAs(user, name, args string) error {
	s := x.server
	s.mu.Lock()
	if len(s.commands) >= maxCommands {
		s.commands = slices.Delete(s.commands, 0, maxCommands/2)
	}
	s.commands = append(s.commands, Command{Conn: x.conn.id, User: user, Name: name, Args: args})
	s.touch()
	s.mu.Unlock()
	if f := s.strike("imap", name, user, 0); f != nil {
		return f.answer(x.conn)
	}
	return nil
}

func (x *session) lock() func() {
	x.server.mu.Lock()
	return x.server.mu.Unlock
}

func (x *session) Close() error {
	if x.view != nil {
		x.view.Close()
	}
	return nil
}

func (x *session) Login(username, password string) error {
	if err := x.enterAs(username, "LOGIN", ""); err != nil {
		return err
	}
	defer x.lock()()
	a := x.server.find(username)
	open := x.server.options.Password
	if a == nil && open != "" && strings.Contains(username, "@") && password == open {
		a = x.server.account(username)
	}
	if a == nil || a.password == "" || password != a.password {
		return imapserver.ErrAuthFailed
	}
	x.account = a
	return nil
}

func (x *session) AuthenticateMechanisms() []string { return []string{"PLAIN", "LOGIN", "XOAUTH2"} }

func (x *session) Authenticate(mech string) (sasl.Server, error) {
	switch mech {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, username, password string) error { return x.Login(username, password) }), nil
	case "LOGIN":
		return &loginServer{check: x.Login}, nil
	case "XOAUTH2":
		return &xoauth2Server{check: func(username, token string) error {
			if err := x.enterAs(username, "LOGIN", "XOAUTH2"); err != nil {
				return err
			}
			defer x.lock()()
			a := x.server.find(username)
			if a == nil || a.token == "" || a.token != token {
				return imapserver.ErrAuthFailed
			}
			x.account = a
			return nil
		}}, nil
	}
	return nil, &imap.Error{Type: imap.StatusResponseTypeNo, Text: "mechanism not supported"}
}

var errNoFolder = &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeNonExistent, Text: "Mailbox does not exist"}

func (x *session) lookup(name string, missing imap.ResponseCode) (*folder, error) {
	if strings.EqualFold(name, "INBOX") {
		name = "INBOX"
	}
	if f := x.account.folders[name]; f != nil {
		return f, nil
	}
	err := *errNoFolder
	err.Code = missing
	return nil, &err
}

func (x *session) Select(name string, o *imap.SelectOptions) (*imap.SelectData, error) {
	command := "SELECT"
	if o.ReadOnly {
		command = "EXAMINE"
	}
	if err := x.enter(command, name); err != nil {
		return nil, err
	}
	defer x.lock()()
	f, err := x.lookup(name, imap.ResponseCodeNonExistent)
	if err != nil {
		return nil, err
	}
	x.folder, x.view, x.examine = f, f.tracker.NewSession(), o.ReadOnly
	flags := []imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft}
	return &imap.SelectData{
		Flags: flags, PermanentFlags: append(slices.Clone(flags), imap.FlagWildcard), NumMessages: uint32(len(f.messages)),
		UIDNext: imap.UID(f.next), UIDValidity: f.validity,
	}, nil
}

func (x *session) Unselect() error {
	if x.view != nil {
		x.view.Close()
	}
	x.folder, x.view = nil, nil
	return nil
}

func (x *session) Create(name string, _ *imap.CreateOptions) error {
	if err := x.enter("CREATE", name); err != nil {
		return err
	}
	defer x.lock()()
	name = strings.TrimRight(name, "/")
	if x.account.folders[name] != nil || strings.EqualFold(name, "INBOX") {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeAlreadyExists, Text: "Mailbox exists"}
	}
	x.server.makeFolder(x.account, name)
	return nil
}

func (x *session) Delete(name string) error {
	if err := x.enter("DELETE", name); err != nil {
		return err
	}
	defer x.lock()()
	if _, err := x.lookup(name, imap.ResponseCodeNonExistent); err != nil {
		return err
	}
	if strings.EqualFold(name, "INBOX") {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Text: "INBOX stays"}
	}
	delete(x.account.folders, name)
	return nil
}

func (x *session) Rename(from, to string, _ *imap.RenameOptions) error {
	if err := x.enter("RENAME", from+" "+to); err != nil {
		return err
	}
	defer x.lock()()
	f, err := x.lookup(from, imap.ResponseCodeNonExistent)
	if err != nil {
		return err
	}
	if f.name == "INBOX" || x.account.folders[to] != nil {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Text: "cannot rename"}
	}
	delete(x.account.folders, from)
	f.name = to
	x.account.folders[to] = f
	return nil
}

func (x *session) Subscribe(name string) error   { return x.subscribe(name, true) }
func (x *session) Unsubscribe(name string) error { return x.subscribe(name, false) }

func (x *session) subscribe(name string, on bool) error {
	defer x.lock()()
	f, err := x.lookup(name, imap.ResponseCodeNonExistent)
	if err == nil {
		f.sub = on
	}
	return err
}

func (x *session) List(w *imapserver.ListWriter, ref string, patterns []string, o *imap.ListOptions) error {
	if err := x.enter("LIST", strings.Join(patterns, " ")); err != nil {
		return err
	}
	if len(patterns) == 0 {
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: '/'})
	}
	var list []imap.ListData
	unlock := x.lock()
	for name, f := range x.account.folders {
		match := slices.ContainsFunc(patterns, func(p string) bool { return imapserver.MatchList(name, '/', ref, p) })
		if !match || (o.SelectSubscribed && !f.sub) || (o.SelectSpecialUse && f.use == "") {
			continue
		}
		data := imap.ListData{Mailbox: name, Delim: '/'}
		if f.use != "" && x.server.caps().Has(imap.CapSpecialUse) {
			data.Attrs = append(data.Attrs, f.use)
		}
		if f.sub {
			data.Attrs = append(data.Attrs, imap.MailboxAttrSubscribed)
		}
		list = append(list, data)
	}
	unlock()
	slices.SortFunc(list, func(a, b imap.ListData) int { return strings.Compare(a.Mailbox, b.Mailbox) })
	for i := range list {
		if err := w.WriteList(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (x *session) Status(name string, o *imap.StatusOptions) (*imap.StatusData, error) {
	if err := x.enter("STATUS", name); err != nil {
		return nil, err
	}
	defer x.lock()()
	f, err := x.lookup(name, imap.ResponseCodeNonExistent)
	if err != nil {
		return nil, err
	}
	data := &imap.StatusData{Mailbox: name, UIDNext: imap.UID(f.next), UIDValidity: f.validity}
	count := func(keep func(*message) bool) *uint32 {
		n := uint32(0)
		for _, m := range f.messages {
			if keep(m) {
				n++
			}
		}
		return &n
	}
	data.NumMessages = count(func(*message) bool { return true })
	data.NumUnseen = count(func(m *message) bool { return !m.has(string(imap.FlagSeen)) })
	data.NumDeleted = count(func(m *message) bool { return m.has(string(imap.FlagDeleted)) })
	data.NumRecent = new(uint32)
	var size int64
	for _, m := range f.messages {
		size += int64(len(m.raw))
	}
	data.Size = &size
	return data, nil
}

func (x *session) Append(name string, r imap.LiteralReader, o *imap.AppendOptions) (*imap.AppendData, error) {
	if err := x.enter("APPEND", name); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	defer x.lock()()
	f, err := x.lookup(name, imap.ResponseCodeTryCreate)
	if err != nil {
		return nil, err
	}
	at := o.Time
	if at.IsZero() {
		at = time.Now()
	}
	m := x.server.put(f, raw, at, plainFlags(o.Flags))
	return &imap.AppendData{UID: imap.UID(m.uid), UIDValidity: f.validity}, nil
}

func (x *session) Poll(w *imapserver.UpdateWriter, allowExpunge bool) error {
	if x.view == nil {
		return nil
	}
	return x.view.Poll(w, allowExpunge)
}

func (x *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if err := x.enter("IDLE", ""); err != nil {
		return err
	}
	if x.view == nil {
		<-stop
		return nil
	}
	if err := x.view.Poll(w, true); err != nil {
		return err
	}
	return x.view.Idle(w, stop)
}

func (x *session) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	args := "all"
	if uids != nil {
		args = uids.String()
	}
	if err := x.enter("EXPUNGE", args); err != nil {
		return err
	}
	defer x.lock()()
	x.server.remove(x.folder, func(m *message) bool {
		return m.has(string(imap.FlagDeleted)) && (uids == nil || uids.Contains(imap.UID(m.uid)))
	})
	return nil
}

// numbered is a message with its number as this client knows it.
type numbered struct {
	*message
	seq   uint32 // as the client counts; 0: the client does not know it yet
	index uint32 // as the server counts
}

// pick lists the messages of a set. The caller holds the lock.
func (x *session) pick(set imap.NumSet) []numbered {
	var all []numbered
	set = x.static(set)
	for i, m := range x.folder.messages {
		n := numbered{message: m, index: uint32(i) + 1}
		n.seq = x.view.EncodeSeqNum(n.index)
		switch set := set.(type) {
		case imap.SeqSet:
			if n.seq == 0 || !set.Contains(n.seq) {
				continue
			}
		case imap.UIDSet:
			if !set.Contains(imap.UID(m.uid)) {
				continue
			}
		}
		all = append(all, n)
	}
	return all
}

// static replaces "*" by the highest number (RFC 9051 section 9, seq-range): "7:*" means "3:7" when 3 is the highest.
func (x *session) static(set imap.NumSet) imap.NumSet {
	ends := func(a, b, top uint32) (uint32, uint32) {
		if a == 0 {
			a = top
		}
		if b == 0 {
			b = top
		}
		return min(a, b), max(a, b)
	}
	switch set := set.(type) {
	case imap.SeqSet:
		var out imap.SeqSet
		for _, r := range set {
			out.AddRange(ends(r.Start, r.Stop, uint32(len(x.folder.messages))))
		}
		return out
	case imap.UIDSet:
		top := uint32(0)
		if n := len(x.folder.messages); n > 0 {
			top = x.folder.messages[n-1].uid
		}
		var out imap.UIDSet
		for _, r := range set {
			a, b := ends(uint32(r.Start), uint32(r.Stop), top)
			if a > 0 {
				out.AddRange(imap.UID(a), imap.UID(b))
			}
		}
		return out
	}
	return set
}

func (x *session) Fetch(w *imapserver.FetchWriter, set imap.NumSet, o *imap.FetchOptions) error {
	if err := x.enter("FETCH", set.String()+" "+fetchItems(o)); err != nil {
		return err
	}
	unlock := x.lock()
	picked := x.pick(set)
	if !x.examine && slices.ContainsFunc(o.BodySection, func(b *imap.FetchItemBodySection) bool { return !b.Peek }) {
		for _, n := range picked {
			if !n.has(string(imap.FlagSeen)) {
				n.message.flags = append(slices.Clone(n.flags), string(imap.FlagSeen))
			}
		}
		x.server.touch()
	}
	type row struct {
		numbered
		flags []string
	}
	rows := make([]row, 0, len(picked))
	for _, n := range picked {
		rows = append(rows, row{n, n.flags})
	}
	user := x.account.address
	unlock()
	for _, n := range rows {
		if n.seq == 0 {
			continue
		}
		f := x.server.strike("imap", "FETCH", user, n.uid)
		if f != nil {
			if f.Do == Omit {
				continue
			}
			if err := f.answer(x.conn); err != nil {
				return err
			}
		}
		r := w.CreateMessage(n.seq)
		r.WriteUID(imap.UID(n.uid))
		if o.Flags {
			r.WriteFlags(imapFlags(n.flags))
		}
		if o.InternalDate {
			r.WriteInternalDate(n.at)
		}
		if o.RFC822Size {
			size := int64(len(n.raw))
			if f != nil && f.Do == Size {
				size = int64(f.After)
			}
			r.WriteRFC822Size(size)
		}
		// Close even after an error: it gives back the connection's lock, without which the refusal could not be written.
		if err := errors.Join(writeBodies(r, n.raw, o), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// writeBodies writes the parts of a message that mail clients ask for.
func writeBodies(r *imapserver.FetchResponseWriter, raw []byte, o *imap.FetchOptions) error {
	if o.Envelope {
		r.WriteEnvelope(envelope(raw))
	}
	if o.BodyStructure != nil {
		r.WriteBodyStructure(imapserver.ExtractBodyStructure(bytes.NewReader(raw)))
	}
	for _, section := range o.BodySection {
		part := raw
		if section.Specifier != imap.PartSpecifierNone || len(section.Part) > 0 {
			part = imapserver.ExtractBodySection(bytes.NewReader(raw), section)
		} else if p := section.Partial; p != nil {
			from := min(max(p.Offset, 0), int64(len(raw)))
			part = raw[from:min(from+p.Size, int64(len(raw)))]
		}
		w := r.WriteBodySection(section, int64(len(part)))
		if _, err := w.Write(part); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}

func fetchItems(o *imap.FetchOptions) string {
	var items []string
	add := func(on bool, name string) {
		if on {
			items = append(items, name)
		}
	}
	add(o.Flags, "FLAGS")
	add(o.InternalDate, "INTERNALDATE")
	add(o.RFC822Size, "RFC822.SIZE")
	add(o.Envelope, "ENVELOPE")
	add(o.BodyStructure != nil, "BODYSTRUCTURE")
	for _, b := range o.BodySection {
		name := "BODY"
		if b.Peek {
			name = "BODY.PEEK"
		}
		name += "[" + string(b.Specifier) + "]"
		if b.Partial != nil {
			name += fmt.Sprintf("<%d.%d>", b.Partial.Offset, b.Partial.Size)
		}
		add(true, name)
	}
	return strings.Join(items, " ")
}

func (x *session) Store(w *imapserver.FetchWriter, set imap.NumSet, flags *imap.StoreFlags, _ *imap.StoreOptions) error {
	if err := x.enter("STORE", fmt.Sprintf("%s %v", set, flags.Flags)); err != nil {
		return err
	}
	if x.examine {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Text: "Mailbox is read-only"}
	}
	unlock := x.lock()
	for _, n := range x.pick(set) {
		n.message.flags = changed(n.flags, flags)
		x.folder.tracker.QueueMessageFlags(n.index, imap.UID(n.uid), imapFlags(n.message.flags), x.view)
	}
	x.server.touch()
	unlock()
	if flags.Silent {
		return nil
	}
	return x.Fetch(w, set, &imap.FetchOptions{Flags: true})
}

func (x *session) Copy(set imap.NumSet, dest string) (*imap.CopyData, error) {
	if err := x.enter("COPY", set.String()+" "+dest); err != nil {
		return nil, err
	}
	defer x.lock()()
	return x.copyTo(set, dest)
}

func (x *session) copyTo(set imap.NumSet, dest string) (*imap.CopyData, error) {
	f, err := x.lookup(dest, imap.ResponseCodeTryCreate)
	if err != nil {
		return nil, err
	}
	if f == x.folder {
		return nil, &imap.Error{Type: imap.StatusResponseTypeNo, Text: "Source and destination are the same"}
	}
	data := &imap.CopyData{UIDValidity: f.validity}
	for _, n := range x.pick(set) {
		m := x.server.put(f, n.raw, n.at, n.flags)
		data.SourceUIDs.AddNum(imap.UID(n.uid))
		data.DestUIDs.AddNum(imap.UID(m.uid))
	}
	return data, nil
}

func (x *session) Move(w *imapserver.MoveWriter, set imap.NumSet, dest string) error {
	if err := x.enter("MOVE", set.String()+" "+dest); err != nil {
		return err
	}
	unlock := x.lock()
	data, err := x.copyTo(set, dest)
	if err == nil {
		x.server.remove(x.folder, func(m *message) bool { return data.SourceUIDs.Contains(imap.UID(m.uid)) })
	}
	unlock()
	if err != nil {
		return err
	}
	if len(data.SourceUIDs) == 0 {
		return nil
	}
	return w.WriteCopyData(data)
}

func (x *session) Namespace() (*imap.NamespaceData, error) {
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{{Delim: '/'}}}, nil
}

func (m *message) has(flag string) bool {
	return slices.ContainsFunc(m.flags, func(f string) bool { return strings.EqualFold(f, flag) })
}

func changed(old []string, store *imap.StoreFlags) []string {
	named := plainFlags(store.Flags)
	drop := func(f string) bool {
		return slices.ContainsFunc(named, func(n string) bool { return strings.EqualFold(n, f) })
	}
	switch store.Op {
	case imap.StoreFlagsSet:
		return named
	case imap.StoreFlagsDel:
		return slices.DeleteFunc(slices.Clone(old), drop)
	}
	return append(slices.DeleteFunc(slices.Clone(old), drop), named...)
}

func plainFlags(flags []imap.Flag) []string {
	all := make([]string, 0, len(flags))
	for _, f := range flags {
		all = append(all, string(f))
	}
	return all
}

func imapFlags(flags []string) []imap.Flag {
	all := make([]imap.Flag, 0, len(flags))
	for _, f := range flags {
		all = append(all, imap.Flag(f))
	}
	return all
}
