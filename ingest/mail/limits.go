package mail

import "time"

// Limits bound what one mail may cost (security.md section 3). A hard limit
// ends in quarantine with what was read so far; a soft one cuts and flags. The
// raw mail is always kept whole. Zero means the default.
type Limits struct {
	MailSize      int           // octets of a whole mail; hard, default 30 MiB
	HeaderSize    int           // octets of one header block; hard, default 256 KiB
	HeaderFields  int           // fields of one header block; hard, default 1,000
	Depth         int           // levels of multipart and message/rfc822; hard, default 10
	Parts         int           // parts that hold no others; hard, default 200
	Time          time.Duration // wall clock, looked at between parts; hard, default 5 s
	Text          int           // octets of decoded text; soft, default 1 MiB
	HTML          int           // octets given to the sanitiser; soft, default 1 MiB
	Recipients    int           // recipients kept; soft, default 200
	References    int           // Message-IDs kept of the thread headers; soft, default 100
	Files         int           // attachments kept; soft, default 20
	FileBytes     int64         // decoded octets of all attachments; soft, default 25 MiB
	Received      int           // Received fields before a loop is assumed; hard, default 50
	FailingTokens int           // failing address tokens tolerated; hard, default 3
	DaticertSize  int           // octets of the certificate data of a PEC mail; default 256 KiB
}

// DefaultLimits are the limits of security.md section 3.
func DefaultLimits() Limits {
	return Limits{
		MailSize:      30 << 20,
		HeaderSize:    256 << 10,
		HeaderFields:  1000,
		Depth:         10,
		Parts:         200,
		Time:          5 * time.Second,
		Text:          1 << 20,
		HTML:          1 << 20,
		Recipients:    200,
		References:    100,
		Files:         20,
		FileBytes:     25 << 20,
		Received:      50,
		FailingTokens: 3,
		DaticertSize:  256 << 10,
	}
}

// withDefaults replaces every limit that is not positive.
func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	or(&l.MailSize, d.MailSize)
	or(&l.HeaderSize, d.HeaderSize)
	or(&l.HeaderFields, d.HeaderFields)
	or(&l.Depth, d.Depth)
	or(&l.Parts, d.Parts)
	or(&l.Time, d.Time)
	or(&l.Text, d.Text)
	or(&l.HTML, d.HTML)
	or(&l.Recipients, d.Recipients)
	or(&l.References, d.References)
	or(&l.Files, d.Files)
	or(&l.FileBytes, d.FileBytes)
	or(&l.Received, d.Received)
	or(&l.FailingTokens, d.FailingTokens)
	or(&l.DaticertSize, d.DaticertSize)
	return l
}

func or[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
