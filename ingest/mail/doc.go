// Package mail is the e-mail door: it hears by IMAP, reads what comes, and
// speaks by SMTP.
//
// Reading never fails. A [Reader] turns any octets into a [Mail]: what can be
// read is read, damage is mended and flagged, and limits end in a cause of
// quarantine, never in an error. The reader states facts; what becomes of a
// mail is decided elsewhere.
//
//	RFC 5322, 2822   header.go, fields.go    header blocks, addresses, dates, ids
//	RFC 2045, 2046   entity.go, transfer.go  parts in one pass, transfer encodings
//	RFC 2047, 2231   charset.go, header.go   encoded words, parameters
//	RFC 3676         body.go                 format=flowed
//	RFC 3464, 3463   bounce.go               delivery reports and status codes
//	RFC 3834, 2369   kind.go, auto.go        programs that answer, lists
//	RFC 6109         pec.go                  Italian certified mail
//	RFC 8601         auth.go                 Authentication-Results
//
// The scanner looks up the delimiters of all open multiparts in one table, so
// that the cost of a mail grows with its length and not with its nesting.
// Attachments stay in the raw mail until their octets are asked for.
package mail
