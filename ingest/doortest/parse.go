package doortest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/sportello/sportello/ticketing"
)

// heard parses bytes and checks what is true of all of them. It reports a panic with the bytes that caused it.
func (b *bench) heard(name string, raw []byte) (h ticketing.Heard, err error) {
	b.t.Helper()
	given := bytes.Clone(raw)
	defer func() {
		b.t.Helper()
		if p := recover(); p != nil {
			b.t.Fatalf("%s: Parse panics: %v\n%.300q\n%s", name, p, given, debug.Stack())
		}
	}()
	h, err = b.Door.Parse(b.ctx, ticketing.Inbound{Door: b.Door.Name(), RawSize: int64(len(raw))}, raw)
	if !bytes.Equal(given, raw) {
		b.t.Errorf("%s: Parse changed the bytes it was given", name)
	}
	if err != nil {
		return h, err
	}
	if h.Refused != "" && h.Detail == "" {
		b.t.Errorf("%s: refused as %s without a detail", name, h.Refused)
	}
	if h.Refused == "" && h.Ref == "" && h.Act == nil && h.Echo == nil && h.Press == "" {
		b.t.Errorf("%s: neither refused nor a message, an act, a press or an echo: nobody could decide about it\n%.300q", name, raw)
	}
	if where, bad := unstorable(reflect.ValueOf(h), "Heard"); where != "" {
		b.t.Errorf("%s: %s cannot be stored in a database: %.100q", name, where, bad)
	}
	for _, f := range h.Files {
		if f.Name == "" || strings.ContainsAny(f.Name, "/\\\x00") {
			b.t.Errorf("%s: %q is no file name", name, f.Name)
		}
	}
	return h, nil
}

// unstorable finds a text that PostgreSQL would refuse: invalid UTF-8, or a NUL.
func unstorable(v reflect.Value, path string) (where, bad string) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return path, s
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return unstorable(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				if where, bad = unstorable(v.Field(i), path+"."+f.Name); where != "" {
					return where, bad
				}
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return "", ""
		}
		for i := range v.Len() {
			if where, bad = unstorable(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); where != "" {
				return where, bad
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			for _, x := range []reflect.Value{k, v.MapIndex(k)} {
				if where, bad = unstorable(x, fmt.Sprintf("%s[%v]", path, k)); where != "" {
					return where, bad
				}
			}
		}
	}
	return "", ""
}

// parse: a message is the same message each time it is read, by whichever process, and two messages are two.
func (b *bench) parse() {
	if len(b.Hear.Samples) < 2 {
		b.t.Fatal("the door's test must give at least two samples")
	}
	seen := map[string]int{}
	for i, raw := range b.Hear.Samples {
		name := fmt.Sprintf("sample %d", i)
		first, err := b.heard(name, raw)
		if err != nil {
			b.t.Fatalf("%s: %v", name, err)
		}
		if first.Refused != "" {
			b.t.Errorf("%s is refused: %s %s", name, first.Refused, first.Detail)
		}
		if first.Door != b.Door.Name() || first.Group == "" {
			b.t.Errorf("%s: door %q, group %q; want %q and a group inside which logical keys are unique", name, first.Door, first.Group, b.Door.Name())
		}
		again, err := b.heard(name, raw)
		if err != nil || again.Ref != first.Ref || again.LogicalKey != first.LogicalKey {
			b.t.Errorf("%s read again: ref %q and %q, key %q and %q, %v", name, first.Ref, again.Ref, first.LogicalKey, again.LogicalKey, err)
		}
		if !reflect.DeepEqual(first, again) {
			b.t.Errorf("%s read again gives other facts:\n%+v\n%+v", name, first, again)
		}
		if first.LogicalKey == "" {
			b.t.Errorf("%s has no logical key: a second delivery would not be recognised", name)
		}
		if other, ok := seen[first.LogicalKey]; ok {
			b.t.Errorf("samples %d and %d have the same logical key", other, i)
		}
		seen[first.LogicalKey] = i
	}
}

const (
	cuts   = 200 // lengths to which a long sample is cut
	spoils = 200 // damaged variants of a sample
)

// parseDamaged: no bytes make Parse fail. An error would have the ledger try again, which never helps with bytes.
func (b *bench) parseDamaged() {
	check := func(name string, raw []byte) {
		b.t.Helper()
		first, err := b.heard(name, raw)
		if err != nil {
			if !b.Hear.Asks || ticketing.Permanent(err) {
				b.t.Errorf("%s: %v\n%.300q", name, err, raw)
			}
			return
		}
		again, err := b.heard(name, raw)
		if err != nil || first.Refused != again.Refused || first.Ref != again.Ref || first.LogicalKey != again.LogicalKey {
			b.t.Errorf("%s read again: %v, %q and %q, ref %q and %q, key %q and %q", name, err, first.Refused, again.Refused, first.Ref, again.Ref,
				first.LogicalKey, again.LogicalKey)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for name, raw := range map[string][]byte{
		"nothing": nil, "a NUL": {0}, "line ends": []byte("\r\n\n\r\r\n"), "noise": noise, "zeros": make([]byte, 100_000),
		"brackets": bytes.Repeat([]byte("["), 100_000), "objects": bytes.Repeat([]byte(`{"a":`), 20_000), "angles": bytes.Repeat([]byte("<a>"), 30_000),
		"null": []byte("null"), "list": []byte("[]"), "object": []byte("{}"), "number": []byte("1e999"), "text": []byte(`"x"`),
		"UTF-16": {0xff, 0xfe, 'a', 0, 'b', 0}, "bad UTF-8": []byte("a\xff\xfe\xc0\x80b"), "colons": []byte(":\r\n:\r\n\r\n:"),
	} {
		check(name, raw)
	}
	for i, sample := range b.Hear.Samples {
		step := max(1, len(sample)/cuts)
		for n := 0; n < len(sample); n += step {
			check(fmt.Sprintf("sample %d cut at %d", i, n), sample[:n:n])
			check(fmt.Sprintf("sample %d from %d", i, n), sample[n:])
		}
		for k := range spoils {
			spoilt := bytes.Clone(sample)
			for range 1 + random.IntN(8) {
				at := random.IntN(len(spoilt))
				switch random.IntN(4) {
				case 0:
					spoilt[at] = byte(random.Uint32())
				case 1:
					spoilt[at] ^= 1 << random.IntN(8)
				case 2:
					spoilt = append(spoilt[:at], spoilt[min(len(spoilt), at+random.IntN(20)):]...)
				case 3:
					end := min(len(spoilt), at+random.IntN(40))
					spoilt = append(spoilt, spoilt[at:end]...)
				}
				if len(spoilt) == 0 {
					break
				}
			}
			check(fmt.Sprintf("sample %d spoilt %d", i, k), spoilt)
		}
	}
}
