// Package bot decides what becomes of a message. It keeps nothing and sends nothing: it reads a ticketing.Case and answers with a
// ticketing.Decision, and the desk carries that out.
//
// Decide is the whole behaviour on one page. The other files are the questions it asks: may this request wait for articles (hold.go), was
// that a clear yes (verdict.go), what did the agent mean (command.go), is it a slip (guard.go).
package bot
