// Package mail is the e-mail door: it hears by IMAP, reads what comes, and
// speaks by SMTP.
//
// Reading never fails. A [Reader] turns any octets into a [Mail]: what can be
// read is read, damage is mended and flagged, and limits end in a cause of
// quarantine, never in an error. The reader states facts; what becomes of a
// mail is decided elsewhere. Each decision it takes is kept as a rule (rules.go).
//
//	RFC 5322, 2822   header.go, fields.go    header blocks, addresses, dates, ids
//	RFC 2045, 2046   entity.go, transfer.go  parts in one pass, transfer encodings
//	RFC 2047, 2231   charset.go, header.go   encoded words, parameters
//	RFC 2152         utf7.go                 UTF-7 that hides no markup
//	RFC 3676         flowed.go               format=flowed
//	RFC 3464, 3463   bounce.go               delivery reports and status codes
//	RFC 3834, 2369   kind.go, auto.go        programs that answer, lists
//	RFC 5545         calendar.go             invitations
//	RFC 5652, 8551   pkcs7.go                opaque signatures
//	RFC 9580         pgp.go                  clear-signed text
//	RFC 6109         pec.go                  Italian certified mail
//	RFC 8601         auth.go                 Authentication-Results
//	MS-OXTNEF        tnef.go, rtf.go         winmail.dat, compressed rich text
//
// quote.go and its neighbours tell new words from quoted ones; forward.go finds
// the mail inside a forward.
//
// The scanner looks up the delimiters of all open multiparts in one table, so
// that the cost of a mail grows with its length and not with its nesting.
// Attachments stay in the raw mail until their octets are asked for.
//
// # Speed
//
// Beside bare go-message and enmime, medians of 7 rounds in turns, one core:
//
//	cd .ci/readers && go run . [FOLDER OF MAILS]
//
//	                      mails/s   MB/s   bytes/mail  allocs/mail
//	4,000 mails it writes itself, 98 MB
//	  parts                 11398  278.4         3960           53   1.46 of go-message, 16 of enmime
//	  whole                  3075   75.1        27571          308   0.39 of go-message, 4.3 of enmime
//	  go-message             7790  190.3        16389           82
//	  enmime                  713   17.4        99653          245
//	4,000 mails of a generated help desk mailbox, 122 MB
//	  parts                  9766  297.6        11722          103   1.09 of go-message, 25 of enmime
//	  whole                  2253   68.6        74886          734   0.25 of go-message, 5.8 of enmime
//	  go-message             8951  272.7        28294          137
//	  enmime                  390   11.9       166635          332
//	one mail with a file of 50 MiB                                   peak heap above the mail
//	  parts                     4  304.8         6464           68     0.02 MB
//	  whole                     3  192.0        17400          170     0.03 MB
//	  go-message                4  314.2        22528           94     0.03 MB
//	  enmime                    1   60.2    118008624          292   117.96 MB
//
// Go 1.26, amd64, 27 November 2026.
//
// "parts" ([Reader.Parts]) does what go-message does: it takes the mail apart and
// decodes each part to nowhere. "whole" ([Reader.Read]) is all of the reading:
// text, new text, sanitised HTML, kind, language, thread, hashes, and each file
// decoded to nowhere. enmime builds its envelope in memory.
package mail
