// Package mailtest is a mail server in the test's process: IMAP and SMTP over the same mailboxes. What is sent by SMTP lands in the
// recipient's INBOX, where a mail client or the program under test finds it by IMAP. It is what the demo runs on, too.
//
// It is honest where it matters to a client: UIDs only grow, UIDVALIDITY changes when asked to, every SMTP transaction is kept byte for
// byte with whatever the client did against RFC 5321, and nothing is delivered that was not accepted. And it fails on demand: each verb
// of both protocols can be refused, cut, delayed for ever or answered with nonsense (see Fault).
//
// The IMAP side is go-imap's imapserver over a store of our own, because a fault must be able to strike one message of one command. The
// SMTP side is written here: refusing DATA before its 354, closing between the final dot and its answer, and seeing bytes before any
// library has tidied them are not possible from inside go-smtp's session interface.
//
// With Options.Memory there is no network at all and connections come from DialIMAP and DialSMTP, so that a test can run inside a
// testing/synctest bubble.
//
// The package imports nothing of ours.
package mailtest
