package mail

import (
	"context"
	"fmt"
	"strings"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

// Door is one mailbox as a place people write to: it hears by IMAP and, if it has a Speaker, answers by SMTP.
type Door struct {
	Mailbox *Mailbox
	Reader  *Reader
	At      HeardAt
	Speaker *Speaker // nil: the mailbox is only read
	// Sent is the folder in which the provider keeps what was submitted; the probe for letters in doubt looks there. Empty asks the
	// server which folder it is.
	Sent string
}

var (
	_ ingest.Door    = (*Door)(nil)
	_ ingest.Speaker = (*Door)(nil)
)

// Name is "mail:" and the mailbox's name.
func (d *Door) Name() string { return d.At.Door }

// Receive reads the mailbox until ctx ends.
func (d *Door) Receive(ctx context.Context, into ingest.Acceptor) error {
	return d.Mailbox.Receive(ctx, into)
}

// Cares reports whether dealt-with mail is flagged or moved at the server (K10).
func (d *Door) Cares() bool { return d.Mailbox.config.After != "keep" }

// Parse reads one mail. It never fails: what cannot be read is refused with a cause.
func (d *Door) Parse(_ context.Context, in ticketing.Inbound, raw []byte) (ticketing.Heard, error) {
	reader := *d.Reader
	if in.Again() {
		// A person asked for a mail over the limit.
		reader.Limits.MailSize = max(reader.Limits.MailSize, len(raw))
	}
	return reader.Heard(reader.Read(raw), d.At), nil
}

// Refetch reads one mail again, whole, up to limit bytes.
func (d *Door) Refetch(ctx context.Context, identity string, limit int64) (ingest.Raw, error) {
	return d.Mailbox.Refetch(ctx, identity, limit)
}

// Render implements ingest.Speaker.
func (d *Door) Render(ctx context.Context, o ticketing.Outgoing) ([]byte, ticketing.Ref, error) {
	if d.Speaker == nil {
		return nil, "", permanent("letter.door", fmt.Errorf("mailbox %s has no SMTP server; set smtp.host", d.Name()))
	}
	return d.Speaker.Render(ctx, o)
}

// Send implements ingest.Speaker.
func (d *Door) Send(ctx context.Context, o ticketing.Outgoing, raw []byte, began func() error) (ticketing.Ref, string, error) {
	return d.Speaker.Send(ctx, o, raw, began)
}

// Probe looks for the letter's Message-ID where the provider keeps submitted mail (reliability.md 3.3).
func (d *Door) Probe(ctx context.Context, o ticketing.Outgoing) (ticketing.Found, ticketing.Ref, error) {
	id := idOf(o.Ref)
	if id == "" {
		return ticketing.ProbeImpossible, "", nil
	}
	found, err := d.Mailbox.FindSent(ctx, d.Sent, "<"+strings.Trim(id, "<>")+">")
	return found, o.Ref, err
}

// Close ends the kept connections to the SMTP server.
func (d *Door) Close() error {
	if d.Speaker == nil {
		return nil
	}
	return d.Speaker.sender.Close()
}
