package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/sportello/sportello/ticketing"
)

// UnmarshalYAML fills in what a mailbox does not say. The decoder's own function keeps the places in the file for its errors.
func (m *MailboxConfig) UnmarshalYAML(decode func(any) error) error {
	type plain MailboxConfig
	p := plain(defaultMailbox())
	if err := decode(&p); err != nil {
		return err
	}
	*m = MailboxConfig(p)
	return nil
}

// UnmarshalYAML fills in what a queue does not say.
func (q *QueueConfig) UnmarshalYAML(decode func(any) error) error {
	type plain QueueConfig
	p := plain(defaultQueue())
	p.Hours.Days = nil
	if err := decode(&p); err != nil {
		return err
	}
	if p.Hours.Days == nil {
		p.Hours.Days = defaultQueue().Hours.Days
	}
	*q = QueueConfig(p)
	return nil
}

// loadConfig reads the file, then the environment (SPORTELLO_DATABASE, SPORTELLO_SLACK_BOT_TOKEN, SPORTELLO_MAILBOXES_0_IMAP_PASSWORD …),
// then the files that hold secrets, and checks the whole.
func loadConfig(path string, environ []string) (Config, error) {
	c := defaults()
	if path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return c, badConfig("cannot read the settings: %w. Write one with: sportello config sample > %s", err, path)
		}
		if err := readYAML(raw, &c); err != nil {
			return c, badConfig("%s is not right:\n%s", path, hideSecrets(yaml.FormatError(err, false, true)))
		}
	}
	env := map[string]string{}
	for _, e := range environ {
		if k, v, ok := strings.Cut(e, "="); ok && strings.HasPrefix(k, "SPORTELLO_") {
			env[k] = v
		}
	}
	if err := fromEnv(reflect.ValueOf(&c).Elem(), "SPORTELLO", env); err != nil {
		return c, err
	}
	if err := readSecrets(reflect.ValueOf(&c).Elem(), ""); err != nil {
		return c, err
	}
	return c, c.check()
}

var (
	secretType   = reflect.TypeOf(ticketing.Secret{})
	durationType = reflect.TypeOf(time.Duration(0))
)

func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

func fromEnv(v reflect.Value, prefix string, env map[string]string) error {
	switch {
	case v.Type() == secretType, v.Kind() != reflect.Struct && v.Kind() != reflect.Slice && v.Kind() != reflect.Map:
		s, ok := env[prefix]
		if !ok {
			return nil
		}
		if err := setValue(v, s); err != nil {
			return badConfig("environment variable %s: %w", prefix, err)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if err := fromEnv(v.Field(i), prefix+"_"+strings.ToUpper(yamlName(v.Type().Field(i))), env); err != nil {
				return err
			}
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			if err := fromEnv(v.Index(i), prefix+"_"+strconv.Itoa(i), env); err != nil {
				return err
			}
		}
	}
	return nil
}

func setValue(v reflect.Value, s string) error {
	switch {
	case v.Type() == secretType:
		v.Set(reflect.ValueOf(ticketing.NewSecret(s)))
	case v.Type() == durationType:
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is not a time such as 90s or 2h", s)
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(s)
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		v.SetBool(b)
	case v.CanInt():
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", s)
		}
		v.SetInt(n)
	case v.CanFloat():
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", s)
		}
		v.SetFloat(n)
	default:
		return fmt.Errorf("this setting cannot be given in the environment")
	}
	return nil
}

// readSecrets replaces "file:/path" by what the file holds. A file that others may read is refused.
func readSecrets(v reflect.Value, at string) error {
	switch {
	case v.Type() == secretType:
		s := v.Interface().(ticketing.Secret).Reveal()
		path, ok := strings.CutPrefix(s, "file:")
		if !ok {
			return nil
		}
		info, err := os.Stat(path)
		if err != nil {
			return badConfig("%s: cannot read the secret: %w", at, err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			return badConfig("%s: others may read %s (mode %04o); run: chmod 600 %s", at, path, info.Mode().Perm(), path)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return badConfig("%s: cannot read the secret: %w", at, err)
		}
		v.Set(reflect.ValueOf(ticketing.NewSecret(strings.TrimSpace(string(raw)))))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if err := readSecrets(v.Field(i), strings.TrimPrefix(at+"."+yamlName(v.Type().Field(i)), ".")); err != nil {
				return err
			}
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			if err := readSecrets(v.Index(i), fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// readYAML reads settings. What does not fit a setting is told in words, with its place: the decoder's own errors speak of Go types.
func readYAML(raw []byte, c *Config) error {
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return err
	}
	written := false
	for _, doc := range file.Docs {
		if err := checkShape(doc.Body, reflect.TypeOf(*c)); err != nil {
			return err
		}
		written = written || !nothing(doc.Body)
	}
	if !written {
		return nil // the decoder would take all defaults away
	}
	if err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict()).Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func nothing(node ast.Node) bool {
	switch node.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return true
	}
	return false
}

// checkShape compares what is written with the type of the setting it is for.
func checkShape(node ast.Node, t reflect.Type) error {
	wrong := func(format string, args ...any) error {
		return &yaml.SyntaxError{Message: fmt.Sprintf(format, args...), Token: node.GetToken()}
	}
	switch n := node.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode, *ast.AliasNode:
		return nil
	case *ast.AnchorNode:
		return checkShape(n.Value, t)
	case *ast.TagNode:
		return checkShape(n.Value, t)
	}
	_, scalar := node.(ast.ScalarNode)
	text := node.GetToken().Value
	switch {
	case t == secretType || t.Kind() == reflect.String:
		if !scalar {
			return wrong("this setting is one text, not a list or a group of settings")
		}
	case t == durationType:
		if _, err := time.ParseDuration(text); !scalar || err != nil {
			return wrong("%q is not a time: write a number with its unit, such as 90s or 2h", text)
		}
		if node.Type() == ast.IntegerType {
			return wrong("%s needs a unit: write %ss, %sm or %[1]sh", text, text, text)
		}
	case t.Kind() == reflect.Struct:
		return checkGroup(node, t, wrong)
	case t.Kind() == reflect.Map:
		m, ok := node.(ast.MapNode)
		if !ok {
			return wrong("this setting is a group of names and values")
		}
		for i := m.MapRange(); i.Next(); {
			if err := checkShape(i.Value(), t.Elem()); err != nil {
				return err
			}
		}
	case t.Kind() == reflect.Slice:
		list, ok := node.(*ast.SequenceNode)
		if !ok {
			return wrong("this setting is a list: begin each of its lines with a dash, or write [a, b]")
		}
		for _, v := range list.Values {
			if err := checkShape(v, t.Elem()); err != nil {
				return err
			}
		}
	case t.Kind() == reflect.Bool:
		if node.Type() != ast.BoolType {
			return wrong("%q is neither true nor false", text)
		}
	case t.Kind() == reflect.Float64:
		if node.Type() != ast.FloatType && node.Type() != ast.IntegerType {
			return wrong("%q is not a number", text)
		}
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		if node.Type() != ast.IntegerType {
			return wrong("%q is not a whole number", text)
		}
	}
	return nil
}

func checkGroup(node ast.Node, t reflect.Type, wrong func(string, ...any) error) error {
	m, ok := node.(ast.MapNode)
	if !ok {
		return wrong("this setting is a group of settings, each on a line of its own: name: value")
	}
	fields := map[string]reflect.Type{}
	var known []string
	for i := range t.NumField() {
		f := t.Field(i)
		fields[yamlName(f)] = f.Type
		known = append(known, yamlName(f))
	}
	for i := m.MapRange(); i.Next(); {
		if i.Key().IsMergeKey() {
			continue
		}
		name := i.Key().GetToken().Value
		kind, ok := fields[name]
		if !ok {
			return &yaml.SyntaxError{Message: fmt.Sprintf("there is no setting %q here; there are: %s", name, strings.Join(known, ", ")), Token: i.Key().GetToken()}
		}
		if err := checkShape(i.Value(), kind); err != nil {
			return err
		}
	}
	return nil
}

// secretLine finds values that must not be shown together with a mistake in a line nearby.
var secretLine = regexp.MustCompile(`(?im)((?:password|token)["']?\s*:)[ \t]*\S.*$`)

// hideSecrets keeps secrets out of the lines that are shown of the settings.
func hideSecrets(text string) string {
	text = secretLine.ReplaceAllString(text, "$1 ***")
	return regexp.MustCompile(`://[^@/\s]*@`).ReplaceAllString(text, "://***@")
}
