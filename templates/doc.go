// Package templates holds every word a person reads, in Italian and English: letters, web pages, and the sentences of Slack, the
// command line and the logs' readers.
//
// Load reads everything that is embedded and refuses a set in which the two languages differ: a key, a placeholder, a template or a
// part of a template that one of them lacks (rules E6 and G5). What a letter may say is fixed by types: each kind of letter has a
// struct of facts whose fields carry the tag `origin`, and a letter that no person wrote may use no field whose origin is the sender
// (security rule S11). Load checks that as well, by walking the parsed templates.
//
//	lang/NAME.{it,en}.json         flat catalogues, merged; T looks keys up
//	mail/{it,en}/KIND.txt.tmpl     parts "subject", "title", "preheader" and "body" of a letter's text
//	mail/{it,en}/KIND.html.tmpl    part "body" of the same letter in HTML, with the same words
//	mail/layout.html.tmpl          the frame around every letter in HTML (rules M35 to M37)
//	web/PAGE.html                  pages of the small web listener
//	static/                        what those pages load
//
// The package imports nothing of the rest: callers decide, it only says.
package templates
