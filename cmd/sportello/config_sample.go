package main

import (
	"fmt"
	"io"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// ConfigCmd prints settings.
type ConfigCmd struct {
	Print  ConfigPrintCmd  `cmd:"" help:"Print the settings in force, secrets hidden."`
	Sample ConfigSampleCmd `cmd:"" help:"Print a sample with every setting and what it means."`
}

// ConfigPrintCmd prints the settings in force.
type ConfigPrintCmd struct{}

// ConfigSampleCmd prints a documented sample.
type ConfigSampleCmd struct{}

// Run prints the sample.
func (ConfigSampleCmd) Run(c *console) error {
	s := defaults()
	s.Mailboxes, s.Queues = []MailboxConfig{defaultMailbox()}, []QueueConfig{defaultQueue()}
	m, q := &s.Mailboxes[0], &s.Queues[0]
	m.Name, m.Queue, m.IMAP.Host, m.IMAP.Username, m.IMAP.Password = "assistenza", "assistenza", "imap.example.com", "assistenza@example.com", ticketing.NewSecret("file:/etc/sportello/imap")
	m.SMTP.Host, m.SMTP.Username, m.SMTP.Password = "smtp.example.com", "assistenza@example.com", ticketing.NewSecret("file:/etc/sportello/imap")
	q.Name, q.Addresses = "assistenza", []string{"assistenza@example.com", "support@example.com"}
	_, _ = fmt.Fprintln(c.out, "# Settings of sportello. Every line shows the default or an example; leave out what you do not change.")
	_, _ = fmt.Fprintln(c.out, "# Each can also be given in the environment: SPORTELLO_DATABASE, SPORTELLO_SLACK_BOT_TOKEN, SPORTELLO_MAILBOXES_0_IMAP_PASSWORD …")
	return writeYAML(c.out, reflect.ValueOf(s), "", true, func(v ticketing.Secret) string { return v.Reveal() })
}

// Run prints what is in force.
func (ConfigPrintCmd) Run(c *console) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	cfg.Database, cfg.Redis = hideUserinfo(cfg.Database), hideUserinfo(cfg.Redis)
	return writeYAML(c.out, reflect.ValueOf(cfg), "", false, func(v ticketing.Secret) string { return v.String() })
}

// writeYAML prints a settings struct, with its doc tags as comments, straight from the struct: the sample cannot lie.
func writeYAML(w io.Writer, v reflect.Value, indent string, doc bool, secret func(ticketing.Secret) string) error {
	for i := range v.NumField() {
		f, x := v.Type().Field(i), v.Field(i)
		if text := f.Tag.Get("doc"); doc && text != "" {
			if _, err := fmt.Fprintf(w, "%s# %s\n", indent, text); err != nil {
				return err
			}
		}
		if err := writeField(w, yamlName(f), x, indent, doc, secret); err != nil {
			return err
		}
	}
	return nil
}

func writeField(w io.Writer, name string, x reflect.Value, indent string, doc bool, secret func(ticketing.Secret) string) error {
	var err error
	switch {
	case x.Type() == secretType:
		_, err = fmt.Fprintf(w, "%s%s: %s\n", indent, name, quoteYAML(secret(x.Interface().(ticketing.Secret))))
	case x.Type() == durationType:
		_, err = fmt.Fprintf(w, "%s%s: %s\n", indent, name, shortDuration(time.Duration(x.Int())))
	case x.Kind() == reflect.Struct:
		if _, err = fmt.Fprintf(w, "%s%s:\n", indent, name); err == nil {
			err = writeYAML(w, x, indent+"  ", doc, secret)
		}
	case x.Kind() == reflect.Slice && x.Type().Elem().Kind() == reflect.Struct:
		if x.Len() == 0 {
			_, err = fmt.Fprintf(w, "%s%s: []\n", indent, name)
			break
		}
		if _, err = fmt.Fprintf(w, "%s%s:\n", indent, name); err != nil {
			break
		}
		for i := range x.Len() {
			var b strings.Builder
			if err := writeYAML(&b, x.Index(i), indent+"    ", doc, secret); err != nil {
				return err
			}
			// The first line that is no comment carries the dash.
			lines := strings.SplitAfter(b.String(), "\n")
			for j, line := range lines {
				if body := strings.TrimPrefix(line, indent+"    "); line != "" && !strings.HasPrefix(body, "#") {
					lines[j] = indent + "  - " + body
					break
				}
			}
			if _, err := io.WriteString(w, strings.Join(lines, "")); err != nil {
				return err
			}
		}
	case x.Kind() == reflect.Slice:
		parts := make([]string, x.Len())
		for i := range parts {
			parts[i] = quoteYAML(x.Index(i).String())
		}
		_, err = fmt.Fprintf(w, "%s%s: [%s]\n", indent, name, strings.Join(parts, ", "))
	case x.Kind() == reflect.Map:
		keys := make([]string, 0, x.Len())
		for _, k := range x.MapKeys() {
			keys = append(keys, k.String())
		}
		sort.Strings(keys)
		parts := make([]string, len(keys))
		for i, k := range keys {
			parts[i] = quoteYAML(k) + ": " + quoteYAML(x.MapIndex(reflect.ValueOf(k)).String())
		}
		_, err = fmt.Fprintf(w, "%s%s: {%s}\n", indent, name, strings.Join(parts, ", "))
	case x.Kind() == reflect.String:
		_, err = fmt.Fprintf(w, "%s%s: %s\n", indent, name, quoteYAML(x.String()))
	default:
		_, err = fmt.Fprintf(w, "%s%s: %v\n", indent, name, x.Interface())
	}
	return err
}

func quoteYAML(s string) string { return fmt.Sprintf("%q", s) }

// shortDuration prints 2h0m0s as 2h.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
