// Package ticketing is the desk: the nouns of sportello (tickets, threads, messages, contacts, outgoing letters), their rules, and the
// interfaces of what they need from the outside. It does no input or output of its own: the store, the doors and the search stand
// around it and are handed in.
//
// A Case is one heard message inside one transaction together with everything that is known about it: the thread its headers name, the
// ticket, the sender's standing, an open suggestion. The bot reads a Case and answers with a Decision; the Desk carries the Decision out.
// Whatever the Decision changes and every letter that becomes due because of it are written in that one transaction.
//
// Codes, not sentences: rules, reasons and events are stored as codes with arguments. The sentences are made by package templates where
// a person reads them.
package ticketing
