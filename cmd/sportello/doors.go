package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/sportello/sportello/ingest/mail"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/outbox"
)

// ownAddresses knows which addresses are ours, tokens included.
type ownAddresses struct {
	queue map[string]string // address → queue
}

func newOwnAddresses(cfg Config) ownAddresses {
	o := ownAddresses{queue: map[string]string{}}
	for _, q := range cfg.Queues {
		for _, a := range q.Addresses {
			o.queue[strings.ToLower(a)] = q.Name
		}
	}
	for _, m := range cfg.Mailboxes {
		if a, err := ticketing.ParseAddress(m.IMAP.Username); err == nil {
			if key := strings.ToLower(a.String()); o.queue[key] == "" {
				o.queue[key] = m.Queue
			}
		}
	}
	return o
}

// is reports whether an address is ours, with or without a token after a plus sign.
func (o ownAddresses) is(address string) bool {
	_, ok := o.queueOf(address)
	return ok
}

func (o ownAddresses) queueOf(address string) (string, bool) {
	local, domain, _ := strings.Cut(strings.ToLower(address), "@")
	base, _, _ := strings.Cut(local, "+")
	q, ok := o.queue[base+"@"+domain]
	return q, ok
}

func mailKeys(keys []signingKey) (*mail.Keys, error) {
	var active []mail.Key
	for _, k := range keys {
		active = append(active, mail.Key{ID: k.id, Secret: k.secret})
	}
	if len(active) == 0 {
		return nil, nil
	}
	return mail.NewKeys(active...)
}

// agents are the addresses of the agents in lower case, and the names that are given with them.
func (cfg *Config) agents() (addresses map[string]bool, names []string) {
	addresses = map[string]bool{}
	for _, entry := range cfg.Agents {
		name, address := "", entry
		if a, err := netmail.ParseAddress(entry); err == nil {
			name, address = a.Name, a.Address
		}
		addresses[strings.ToLower(address)] = true
		if name != "" {
			names = append(names, name)
		}
	}
	return addresses, names
}

// mailReader is the reader of one mailbox.
func mailReader(cfg Config, m MailboxConfig, signing []signingKey) (*mail.Reader, error) {
	keys, err := mailKeys(signing)
	if err != nil {
		return nil, err
	}
	r := &mail.Reader{Limits: mail.DefaultLimits(), Keys: keys, TrustedAuthserv: m.Trusted, OwnLists: m.OwnLists, PECProviders: m.PEC}
	r.Agents, r.OwnNames = cfg.agents()
	r.OwnNames = append(r.OwnNames, cfg.Brand)
	for _, q := range cfg.Queues {
		r.OwnNames = append(r.OwnNames, q.Brand)
		for _, a := range q.Addresses {
			address, err := ticketing.ParseAddress(a)
			if err != nil {
				return nil, badConfig("queue %s: %w", q.Name, err)
			}
			r.Own.Public = append(r.Own.Public, address)
		}
	}
	if login, err := ticketing.ParseAddress(m.IMAP.Username); err == nil {
		r.Own.Login = login
	}
	if m.BounceAddr {
		bounce, err := bounceAddress(cfg, m)
		if err != nil {
			return nil, err
		}
		r.Own.Bounce = []ticketing.Address{bounce}
	}
	return r, nil
}

// bounceAddress is what bounce tokens are attached to: the first address of the mailbox's queue.
func bounceAddress(cfg Config, m MailboxConfig) (ticketing.Address, error) {
	for _, q := range cfg.Queues {
		if q.Name == m.Queue || m.Queue == "" {
			return ticketing.ParseAddress(q.Addresses[0])
		}
	}
	return ticketing.Address{}, nil
}

func (cfg *Config) domain() string {
	if cfg.Domain != "" {
		return cfg.Domain
	}
	if len(cfg.Queues) > 0 {
		_, domain, _ := strings.Cut(cfg.Queues[0].Addresses[0], "@")
		return strings.ToLower(domain)
	}
	return ""
}

func (cfg *Config) imap(m MailboxConfig) (mail.IMAPConfig, error) {
	start, err := m.IMAP.start()
	if err != nil {
		return mail.IMAPConfig{}, badConfig("mailbox %s: imap.start: %w", m.Name, err)
	}
	s := m.IMAP
	out := mail.IMAPConfig{Name: m.Name, Host: s.Host, Port: s.Port, TLS: s.TLS, Username: s.Username, Password: s.Password.Reveal(), Auth: s.Auth,
		Folder: s.Folder, After: s.After, MoveTo: s.MoveTo, Start: start, MaxSize: s.MaxSize, Poll: s.Poll, Renew: cfg.Leases.Place / 3}
	if s.Auth == "xoauth2" {
		token := s.Password
		out.Token = func(context.Context) (string, error) { return token.Reveal(), nil }
	}
	if cfg.insecureTLS(s.Host) != nil {
		out.TLSConfig = cfg.insecureTLS(s.Host)
	}
	return out, nil
}

func (cfg *Config) smtp(m MailboxConfig) mail.SMTPConfig {
	s := m.SMTP
	out := mail.SMTPConfig{Host: s.Host, Port: s.Port, TLS: s.TLS, Username: s.Username, Password: s.Password, Auth: s.Auth, Connections: s.Connections,
		TLSConfig: cfg.insecureTLS(s.Host)}
	if s.Auth == "xoauth2" {
		token := s.Password
		out.Token = func(context.Context) (string, error) { return token.Reveal(), nil }
	}
	return out
}

// addMailDoors makes a door of every mailbox.
func (a *app) addMailDoors(queues map[string]*ticketing.Queue) error {
	for _, m := range a.cfg.Mailboxes {
		door, err := a.mailDoor(m, queues)
		if err != nil {
			return fmt.Errorf("mailbox %s: %w", m.Name, err)
		}
		d := spoken(door, m)
		d.workers = a.cfg.Sending.Couriers
		a.doors = append(a.doors, d)
	}
	return nil
}

// spoken adds what a mailbox needs to speak, if it does.
func spoken(d *mail.Door, m MailboxConfig) door {
	out := door{Door: d, doubt: outbox.Doubt(m.SMTP.Doubt)}
	if d.Speaker != nil {
		out.speaker = d
	}
	return out
}

func (a *app) mailDoor(m MailboxConfig, queues map[string]*ticketing.Queue) (*mail.Door, error) {
	settings, err := a.cfg.imap(m)
	if err != nil {
		return nil, err
	}
	box, err := mail.NewMailbox(settings, a.log)
	if err != nil {
		return nil, &configError{err}
	}
	reader, err := mailReader(a.cfg, m, a.keys)
	if err != nil {
		return nil, err
	}
	queue := m.Queue
	if queue == "" {
		queue = a.cfg.Queues[0].Name
	}
	d := &mail.Door{Mailbox: box, Reader: reader, Sent: m.SMTP.SentFolder, At: mail.HeardAt{Door: "mail:" + m.Name, Group: m.Group, Queue: queue,
		QueueOf: func(addr ticketing.Address) (string, bool) { return a.own.queueOf(addr.String()) }}}
	if m.SMTP.Host == "" {
		return d, nil
	}
	sender, err := mail.NewSender(a.cfg.smtp(m))
	if err != nil {
		return nil, &configError{err}
	}
	keys, err := mailKeys(a.keys)
	if err != nil {
		return nil, err
	}
	speaker := mail.SpeakerConfig{Words: a.words, Keys: keys, Files: a.files, Domain: a.cfg.domain(), PlusAddressing: m.PlusAddr, PublicURL: a.cfg.PublicURL}
	for _, q := range queues {
		speaker.Queues = append(speaker.Queues, q)
	}
	if m.BounceAddr && m.PlusAddr {
		if speaker.Bounce, err = bounceAddress(a.cfg, m); err != nil {
			return nil, err
		}
	}
	d.Speaker, err = mail.NewSpeaker(speaker, sender)
	if err != nil {
		return nil, &configError{err}
	}
	return d, nil
}

// probe is one connection that check tries.
type probe struct {
	name string
	try  func(ctx context.Context) (said string, err error)
}

// probes lists what the settings ask for.
func probes(cfg Config, log *slog.Logger) []probe {
	out := []probe{{"database", func(ctx context.Context) (string, error) {
		db, files, err := openStore(ctx, &cfg, log, false)
		if err != nil {
			return "", err
		}
		return hideUserinfo(cfg.database()), errors.Join(db.Check(ctx), closeStore(db, files))
	}}}
	if cfg.Redis != "" {
		out = append(out, probe{"redis", func(ctx context.Context) (string, error) {
			o, err := redis.ParseURL(cfg.Redis)
			if err != nil {
				return "", badConfig("redis: %w", err)
			}
			o.ContextTimeoutEnabled = true
			c := redis.NewClient(o)
			defer c.Close()
			return hideUserinfo(cfg.Redis), c.Ping(ctx).Err()
		}})
	}
	for _, m := range cfg.Mailboxes {
		out = append(out, probe{"imap " + m.Name, func(ctx context.Context) (string, error) {
			settings, err := cfg.imap(m)
			if err != nil {
				return "", err
			}
			box, err := mail.NewMailbox(settings, log)
			if err != nil {
				return "", err
			}
			s, err := box.Dial(ctx)
			if err != nil {
				return "", err
			}
			defer s.Close()
			f, err := s.Examine(ctx, settings.Folder)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%s, UIDVALIDITY %d, UIDNEXT %d", settings.Folder, f.UIDValidity, f.UIDNext), nil
		}})
		if m.SMTP.Host != "" {
			out = append(out, probe{"smtp " + m.Name, func(ctx context.Context) (string, error) {
				s, err := mail.NewSender(cfg.smtp(m))
				if err != nil {
					return "", err
				}
				defer s.Close()
				return m.SMTP.Host, s.Check(ctx)
			}})
		}
	}
	return append(append(out, slackProbes(cfg)...), telegramProbes(cfg)...)
}
