package demo

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"

	"github.com/sportello/sportello/ingest/mail/mailtest"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/templates"
	"github.com/sportello/sportello/ticketing"
)

//go:embed articles
var articles embed.FS

// Articles are the sample company's knowledge base, for kb.ReadDir.
func Articles() fs.FS {
	sub, err := fs.Sub(articles, "articles")
	if err != nil { // only an invalid path fails, and this one is a constant
		panic(err)
	}
	return sub
}

// What the sample company is called and where it is written to.
const (
	Brand    = "Bottega Digitale"
	Queue    = "assistenza"
	Address  = "assistenza@bottega-digitale.example"
	Alias    = "support@bottega-digitale.example"
	AuthServ = "mx.bottega-digitale.example" // who vouches for senders
	PECHost  = "pec-sicura.example"          // a provider of certified mail
	Password = "demo"                        // of every mailbox
)

// Tokens of the Slack workspace's app.
const (
	BotToken = "xoxb-demo"
	AppToken = "xapp-demo"
)

// person is somebody of the story.
type person struct {
	name, address string
	slack         string // user id of an agent
	client        string // User-Agent of the mail program
}

// cast is everybody in the story.
type cast struct {
	marta, luca, emily, giorgio, studio, mallory person
	anna, paolo                                  person
}

// Company is the sample company while it lives: its mail server, its Slack workspace and, once started, its helpdesk.
type Company struct {
	Mail    *mailtest.Server
	Slack   *slacktest.Server
	Channel string // the agents' channel
	// Store is the helpdesk's database; set before the story begins.
	Store ticketing.Store

	lang  string
	words *templates.Set
	cast  cast
}

// Open starts the mail server and the Slack workspace on free loopback ports. lang is "it" or "en": of the narration, of the agents and of
// most customers.
func Open(lang string, words *templates.Set) (*Company, error) {
	c := &Company{lang: lang, words: words}
	var err error
	c.Mail, err = mailtest.New(mailtest.Options{Password: Password, KeepSubmitted: "Sent", AuthServID: AuthServ})
	if err != nil {
		return nil, fmt.Errorf("the demo's mail server: %w", err)
	}
	c.Mail.AddUser(Address, Password, Alias)
	c.Slack, err = slacktest.New(slacktest.Options{TeamName: Brand, Domain: "bottega-digitale", BotToken: BotToken, AppToken: AppToken})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the demo's Slack: %w", err), c.Mail.Close())
	}
	locale := "it-IT"
	if lang == templates.English {
		locale = "en-GB"
	}
	agent := func(name, login string) person {
		p := person{name: name, address: login + "@bottega-digitale.example"}
		p.slack = c.Slack.AddUser(slacktest.User{Name: login, RealName: name, Email: p.address, Locale: locale})
		return p
	}
	c.cast = cast{
		marta:   person{name: "Marta Bianchi", address: "marta@panificio-bianchi.example", client: "Mozilla Thunderbird"},
		luca:    person{name: "Luca Ferri", address: "luca@ottica-ferri.example", client: "Mozilla Thunderbird"},
		emily:   person{name: "Emily Clarke", address: "emily@clarke-books.example", client: "iPhone Mail (21E236)"},
		giorgio: person{name: "Giorgio Sala", address: "giorgio@sala-vini.example", client: "Microsoft Outlook 16.0"},
		studio:  person{name: "Studio Neri", address: "studio.neri@" + PECHost},
		mallory: person{name: "Mario Rossi", address: "mario.rossi@altrove.example", client: "Mozilla Thunderbird"},
		anna:    agent("Anna Conti", "anna"),
		paolo:   agent("Paolo Villa", "paolo"),
	}
	c.Channel = c.Slack.AddChannel(slacktest.Channel{Name: Queue, Private: true, Members: []string{c.Slack.BotUser(), c.cast.anna.slack, c.cast.paolo.slack}})
	for _, p := range c.customers() {
		c.Mail.AddUser(p.address, Password)
	}
	return c, nil
}

// Close stops the servers.
func (c *Company) Close() error { return errors.Join(c.Slack.Close(), c.Mail.Close()) }

// customers are those who have a mailbox to be looked at.
func (c *Company) customers() []person {
	return []person{c.cast.marta, c.cast.luca, c.cast.emily, c.cast.giorgio, c.cast.studio, c.cast.mallory}
}

func (c *Company) agents() []person { return []person{c.cast.anna, c.cast.paolo} }

// MailPorts are where the mail server listens.
func (c *Company) MailPorts() (host string, imap, smtp int, err error) {
	host, imap, err = hostPort(c.Mail.IMAPAddr())
	if err != nil {
		return "", 0, 0, err
	}
	_, smtp, err = hostPort(c.Mail.SMTPAddr())
	return host, imap, smtp, err
}

func hostPort(address string) (string, int, error) {
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.Atoi(p)
	return host, port, err
}

// t is a sentence in the narration's language.
func (c *Company) t(key string, args map[string]any) string {
	return c.words.T(c.lang, "demo."+key, args)
}
