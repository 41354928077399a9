// Package demo is the sample company that sportello demo brings to life: its customers, its agents, its articles, the mail server and the
// Slack workspace they use, the story they play, and the page on which whoever watches may join in.
//
//	company.go  who there is, and the servers they write through
//	script.go   what they say, in Italian and in English
//	compose.go  the mails as their programs would make them
//	look.go     what a step looks at: mailboxes, channel, ledger, outbox
//	story.go    the story, a chapter a function; chapters.go, chapters_odd.go
//	tell.go     how it is told in a terminal
//	page.go     the local page
//
// The helpdesk in the story is the real one, started by the command with the settings of a real installation; this package sees it only as
// its customers and agents do, and reads its database to tell why it did what it did. A step counts as done when its effect is seen where
// it should be: in the customer's mailbox, in the agents' channel, in the database.
package demo
