package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sportello/sportello/ticketing"
)

// Defaults of IMAPConfig.
const (
	DefaultFolder         = "INBOX"
	DefaultMoveTo         = "Sportello/Processed"
	DefaultChunk          = 100
	DefaultChunkBytes     = 8 << 20
	DefaultMaxSize        = 30 << 20 // security.md section 3
	DefaultCommandTimeout = time.Minute
	DefaultPoll           = time.Minute
)

// maxIdle is the longest IDLE: NAT tables forget silent connections after 5 minutes, and a server that hangs must be noticed.
const maxIdle = 4 * time.Minute

// DoneKeyword marks mail that has been dealt with, when IMAPConfig.After is "flag".
const DoneKeyword = "$SportelloDone"

// IMAPConfig says how one mailbox is read.
type IMAPConfig struct {
	// Name of the mailbox in the settings, such as "assistenza". It is part of every identity in the ledger: renaming it means reading
	// the mailbox as a new one.
	Name string
	Host string
	Port int // 0: 993 with TLS "tls", else 143
	// TLS is "tls" (from the first byte; the default), "starttls" or "none". "none" is allowed for loopback addresses only, unless
	// AllowPlaintext is set.
	TLS            string
	AllowPlaintext bool
	RootCAs        *x509.CertPool // nil: those of the system
	// TLSConfig replaces everything about TLS but the server's name, for trials on loopback.
	TLSConfig *tls.Config

	Username string
	Password string
	// Auth is "login" (the default), "plain" or "xoauth2".
	Auth string
	// Token returns a fresh OAuth 2 access token for "xoauth2". It is asked at every connection.
	Token func(ctx context.Context) (string, error)

	// Folder is read, INBOX by default. Levels are parted by a slash, here and in MoveTo, whatever the server uses.
	Folder string
	// After is what happens at the server to mail that has been dealt with: "keep" (nothing; the default), "flag" (DoneKeyword is set)
	// or "move" (to MoveTo, which is made if missing).
	After  string
	MoveTo string
	// Start: mail that came after this moment is read even if it was there before the first connection, without automatic answers.
	// Zero: only mail that arrives after the first connection is read.
	Start time.Time

	Chunk      int   // mails a FETCH, 1 to 500
	ChunkBytes int64 // bytes a FETCH, unless one mail alone is larger
	MaxSize    int64 // bytes; of larger mails only the first ExcerptSize bytes are read
	// CommandTimeout is how long the server may be silent in any command before the connection is given up.
	CommandTimeout time.Duration
	// Poll is how often new mail is looked for even when the server announces none; at most a minute.
	Poll time.Duration
	// Renew is how often the mailbox's lease is renewed, and asked for while another process has it; 4 s by default.
	Renew time.Duration

	// Dial replaces the network, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// ExcerptSize is what is kept of a mail larger than MaxSize, in bytes.
const ExcerptSize = 64 << 10

// Address is host:port.
func (c *IMAPConfig) Address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// complete fills in defaults and refuses what cannot work.
func (c *IMAPConfig) complete() error {
	def := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	def(&c.TLS, "tls")
	def(&c.Auth, "login")
	def(&c.Folder, DefaultFolder)
	def(&c.After, "keep")
	def(&c.MoveTo, DefaultMoveTo)
	if c.Port == 0 {
		c.Port = 143
		if c.TLS == "tls" {
			c.Port = 993
		}
	}
	if c.Chunk == 0 {
		c.Chunk = DefaultChunk
	}
	if c.ChunkBytes == 0 {
		c.ChunkBytes = DefaultChunkBytes
	}
	if c.MaxSize == 0 {
		c.MaxSize = DefaultMaxSize
	}
	if c.CommandTimeout == 0 {
		c.CommandTimeout = DefaultCommandTimeout
	}
	if c.Poll == 0 {
		c.Poll = DefaultPoll
	}
	if c.Renew <= 0 {
		c.Renew = leaseRenewal
	}
	if c.Dial == nil {
		dialer := &net.Dialer{KeepAlive: time.Minute}
		c.Dial = dialer.DialContext
	}
	wrong := func(format string, args ...any) error {
		return c.fail(imapSettings, "settings", fmt.Errorf(format, args...))
	}
	switch {
	case c.Name == "" || strings.ContainsAny(c.Name, "/ \t\r\n"):
		return wrong("the mailbox needs a name without spaces and slashes, not %q", c.Name)
	case c.Host == "":
		return wrong("host is missing: the name of the IMAP server")
	case c.Username == "":
		return wrong("username is missing")
	case c.TLS != "tls" && c.TLS != "starttls" && c.TLS != "none":
		return wrong(`tls is %q: use "tls", "starttls" or "none"`, c.TLS)
	case c.TLS == "none" && !c.AllowPlaintext && !loopback(c.Host):
		return wrong(`tls "none" would send the password readable to %s: use "tls" or "starttls"`, c.Host)
	case c.Auth != "login" && c.Auth != "plain" && c.Auth != "xoauth2":
		return wrong(`auth is %q: use "login", "plain" or "xoauth2"`, c.Auth)
	case c.Auth == "xoauth2" && c.Token == nil:
		return wrong("auth xoauth2 needs an OAuth client in the settings")
	case c.Auth != "xoauth2" && c.Password == "":
		return wrong("password is missing")
	case c.After != "keep" && c.After != "flag" && c.After != "move":
		return wrong(`after is %q: use "keep", "flag" or "move"`, c.After)
	case c.After == "move" && strings.EqualFold(c.MoveTo, c.Folder):
		return wrong("move_to is the folder that is read: mail would come again and again")
	case c.Chunk < 1 || c.Chunk > 500:
		return wrong("chunk is %d: use 1 to 500", c.Chunk)
	case c.Poll < time.Second || c.Poll > time.Minute:
		return wrong("poll is %s: use 1s to 1m", c.Poll)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Mailbox is one folder of one account on an IMAP server.
type Mailbox struct {
	config IMAPConfig
	log    *slog.Logger
	status mailboxStatus
	state  receiving
}

// NewMailbox checks the settings. It does not connect.
func NewMailbox(c IMAPConfig, log *slog.Logger) (*Mailbox, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	m := &Mailbox{config: c, log: log.With("door", "mail:"+c.Name)}
	return m, nil
}

// Session is a signed-in connection. It is for one goroutine at a time. After any error that is not a plain refusal by the server the
// connection is closed, and Close is all that is left to do.
type Session struct {
	config   *IMAPConfig
	client   *imapclient.Client
	conn     *meteredConn
	caps     imap.CapSet
	folder   string
	keywords bool          // the folder takes new keywords
	news     chan struct{} // the server announced more mail
}

// Dial connects and signs in.
func (m *Mailbox) Dial(ctx context.Context) (*Session, error) {
	c := &m.config
	nc, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &Session{config: c, conn: newMeteredConn(nc), news: make(chan struct{}, 1)}
	s.client = imapclient.New(s.conn, &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(d *imapclient.UnilateralDataMailbox) {
				if d.NumMessages != nil {
					select {
					case s.news <- struct{}{}:
					default:
					}
				}
			},
		},
	})
	err = s.run(ctx, "greeting", c.CommandTimeout, s.client.WaitGreeting)
	if err == nil {
		err = s.signIn(ctx)
	}
	if err != nil {
		s.abort()
		return nil, err
	}
	return s, nil
}

// signIn authenticates and learns what the server can do.
func (s *Session) signIn(ctx context.Context) error {
	c := s.config
	var token string
	if c.Auth == "xoauth2" {
		var err error
		if token, err = c.Token(ctx); err != nil {
			return c.fail(imapToken, "token", err)
		}
	}
	err := s.run(ctx, "sign in", c.CommandTimeout, func() error {
		caps := s.client.Caps()
		if caps == nil {
			return errors.New("the server does not tell its capabilities")
		}
		if caps.Has(imap.CapLoginDisabled) && c.TLS == "none" {
			return errLoginDisabled
		}
		switch c.Auth {
		case "plain":
			return s.client.Authenticate(plainAuth(c.Username, c.Password))
		case "xoauth2":
			if !caps.Has("AUTH=XOAUTH2") {
				return errNoXOAUTH2
			}
			return s.client.Authenticate(&xoauth2{username: c.Username, token: token})
		}
		return s.client.Login(c.Username, c.Password).Wait()
	})
	if err != nil {
		return err
	}
	return s.run(ctx, "CAPABILITY", c.CommandTimeout, func() error {
		if s.caps = s.client.Caps(); s.caps == nil {
			return errors.New("the server does not tell its capabilities")
		}
		return nil
	})
}

// Close says goodbye, for at most a few seconds, and closes the connection.
func (s *Session) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = s.run(ctx, "LOGOUT", 3*time.Second, func() error { return s.client.Logout().Wait() })
	s.abort()
}

// abort closes the connection without a word.
func (s *Session) abort() {
	_ = s.conn.Close()
	_ = s.client.Close()
}

// Folder is a selected folder as the server describes it.
type Folder struct {
	UIDValidity uint32
	UIDNext     uint32 // 0: the server does not say
	Messages    uint32
}

// Select opens the mailbox's folder.
func (s *Session) Select(ctx context.Context) (Folder, error) {
	return s.open(ctx, s.config.Folder, false)
}

// Examine opens any folder for reading only.
func (s *Session) Examine(ctx context.Context, folder string) (Folder, error) {
	return s.open(ctx, folder, true)
}

func (s *Session) open(ctx context.Context, name string, readOnly bool) (Folder, error) {
	name, err := s.native(ctx, name)
	if err != nil {
		return Folder{}, err
	}
	var data *imap.SelectData
	err = s.run(ctx, "open folder "+name, s.config.CommandTimeout, func() (err error) {
		data, err = s.client.Select(name, &imap.SelectOptions{ReadOnly: readOnly}).Wait()
		return err
	})
	if err != nil {
		return Folder{}, err
	}
	s.folder, s.keywords = name, false
	for _, f := range data.PermanentFlags {
		if f == imap.FlagWildcard || strings.EqualFold(string(f), DoneKeyword) {
			s.keywords = true
		}
	}
	if data.UIDValidity == 0 {
		return Folder{}, s.config.fail(imapProtocol, "open folder "+name, errors.New("the server gives no UIDVALIDITY"))
	}
	f := Folder{UIDValidity: data.UIDValidity, UIDNext: uint32(data.UIDNext), Messages: data.NumMessages}
	return f, nil
}

// native writes a folder's name of the settings, where levels are parted by a slash, as the server wants it: many use a dot, and some
// keep all folders below INBOX (RFC 2342).
func (s *Session) native(ctx context.Context, name string) (string, error) {
	if !strings.Contains(name, "/") {
		return name, nil
	}
	delimiter, prefix := "", ""
	err := s.run(ctx, "LIST", s.config.CommandTimeout, func() error {
		if s.caps.Has(imap.CapNamespace) {
			data, err := s.client.Namespace().Wait()
			if err == nil && len(data.Personal) > 0 && data.Personal[0].Delim != 0 {
				delimiter, prefix = string(data.Personal[0].Delim), data.Personal[0].Prefix
				return nil
			}
		}
		list, err := s.client.List("", "", nil).Collect()
		if err == nil && len(list) > 0 && list[0].Delim != 0 {
			delimiter = string(list[0].Delim)
		}
		return err
	})
	if delimiter == "" || delimiter == "/" {
		return name, err
	}
	name = strings.ReplaceAll(name, "/", delimiter)
	if !strings.HasPrefix(strings.ToUpper(name), "INBOX"+delimiter) && !strings.HasPrefix(name, prefix) {
		name = prefix + name
	}
	return name, err
}

// SentFolder is the folder the server marks as the one of sent mail (RFC 6154), or ErrNotFound.
func (s *Session) SentFolder(ctx context.Context) (string, error) {
	found := ""
	err := s.run(ctx, "LIST", s.config.CommandTimeout, func() error {
		list, err := s.client.List("", "*", nil).Collect()
		for _, data := range list {
			for _, attr := range data.Attrs {
				if attr == imap.MailboxAttrSent && found == "" {
					found = data.Mailbox
				}
			}
		}
		return err
	})
	if err == nil && found == "" {
		err = ticketing.ErrNotFound
	}
	return found, err
}

// Append stores a mail in a folder of the account.
func (s *Session) Append(ctx context.Context, folder string, mail []byte, at time.Time) error {
	limit := s.config.CommandTimeout + atSlowest(int64(len(mail)))
	return s.run(ctx, "APPEND to "+folder, limit, func() error {
		cmd := s.client.Append(folder, int64(len(mail)), &imap.AppendOptions{Time: at, Flags: []imap.Flag{imap.FlagSeen}})
		if _, err := cmd.Write(mail); err != nil {
			return err
		}
		if err := cmd.Close(); err != nil {
			return err
		}
		_, err := cmd.Wait()
		return err
	})
}

// atSlowest is how long n bytes may take on the slowest line that still counts as working, 8 KiB a second.
func atSlowest(n int64) time.Duration { return time.Duration(n/(8<<10)) * time.Second }
