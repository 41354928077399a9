// Package blockkit says what is wrong with a message or a view that was sent to Slack. It judges twice: the shape by a JSON Schema that is
// made of Slack's own types (judges/schema.js), the sizes by the published limits and by our own, which are tighter (limits.json).
//
// The double slacktest has a check of its own, written by hand. Tests give this package the double's log of requests, so that whatever
// they make the helpdesk send has been seen by both; and a test plants faults which both have to find.
package blockkit

import (
	"bytes"
	_ "embed" // the schema and the limits
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed schema.json
var schemaJSON []byte

//go:embed limits.json
var limitsJSON []byte

// limits are the numbers of limits.json.
type limits struct {
	Message struct {
		Blocks int `json:"blocks"`
		Total  int `json:"blocks_text_total"`
		Text   int `json:"text_recommended"`
		Update int `json:"text_update_max"`
	} `json:"message"`
	View    map[string]int `json:"view"`
	Block   map[string]int `json:"block"`
	Element map[string]int `json:"element"`
	Confirm map[string]int `json:"confirm"`
	Own     struct {
		Total    int    `json:"blocks_text_total"`
		Metadata int    `json:"metadata_payload_bytes"`
		Event    string `json:"metadata_event_type"`
	} `json:"own"`
}

// The kinds of what is sent, by the names of their definitions.
const (
	kindBlocks = "Blocks"
	kindHome   = "Home"
	kindModal  = "Modal"
)

type rules struct {
	schema map[string]*jsonschema.Schema
	limits limits
}

var load = sync.OnceValue(func() *rules {
	r := &rules{schema: map[string]*jsonschema.Schema{}}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		panic(err) // the file is part of the package
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		panic(err)
	}
	for _, kind := range []string{kindBlocks, kindHome, kindModal} {
		r.schema[kind] = c.MustCompile("schema.json#/definitions/" + kind)
	}
	if err := json.Unmarshal(limitsJSON, &r.limits); err != nil {
		panic(err)
	}
	return r
})

// Check returns what is wrong with the arguments of a call of the Web API; nothing for methods that send neither messages nor views.
func Check(method string, args map[string]string) []string {
	k := &checker{rules: load()}
	switch method {
	case "chat.postMessage", "chat.update", "chat.postEphemeral":
		k.message(method, args)
	case "views.open", "views.push", "views.update":
		k.view(args["view"], kindModal)
	case "views.publish":
		k.view(args["view"], kindHome)
	}
	return k.faults
}

type (
	obj     = map[string]any
	checker struct {
		*rules
		faults []string
	}
)

func (k *checker) bad(when bool, format string, args ...any) {
	if when {
		k.faults = append(k.faults, fmt.Sprintf(format, args...))
	}
}

// shape reads JSON and compares it with a definition. A nil answer could not be read.
func (k *checker) shape(raw, kind string) any {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
	if err != nil {
		k.bad(true, "%s: no JSON: %v", kind, err)
		return nil
	}
	var no *jsonschema.ValidationError
	if err := k.schema[kind].Validate(v); errors.As(err, &no) {
		k.bad(true, "schema of %s: %s", kind, deepest(no))
	}
	return v
}

// deepest finds the fault that lies farthest inside: of a choice between kinds of blocks it is the one that was meant.
func deepest(e *jsonschema.ValidationError) string {
	best := e
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.InstanceLocation) > len(best.InstanceLocation) {
			best = e
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(e)
	return "/" + strings.Join(best.InstanceLocation, "/") + ": " + strings.ReplaceAll(best.Error(), "\n", " ")
}

var ulid = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{26}$`)

func (k *checker) message(method string, args map[string]string) {
	l := k.limits
	text := args["text"]
	k.bad(text == "", "no text: it is what a notification and a screen reader say")
	k.bad(utf8.RuneCountInString(text) > l.Message.Text, "text of %d characters, want at most %d", utf8.RuneCountInString(text), l.Message.Text)
	if raw := args["blocks"]; raw != "" {
		list, _ := k.shape(raw, kindBlocks).([]any)
		k.blocks(list, l.Message.Blocks)
		n := textTotal(list)
		k.bad(n > l.Message.Total, "block text of %d characters, Slack takes about %d", n, l.Message.Total)
		k.bad(n > l.Own.Total, "block text of %d characters, our own limit is %d", n, l.Own.Total)
	}
	switch method {
	case "chat.postMessage":
		var m struct {
			Type    string          `json:"event_type"`
			Payload json.RawMessage `json:"event_payload"`
		}
		var id struct {
			Outbox string `json:"outbox_id"`
		}
		k.bad(json.Unmarshal([]byte(args["metadata"]), &m) != nil || m.Type != l.Own.Event, "a post without our metadata")
		k.bad(json.Unmarshal(m.Payload, &id) != nil || !ulid.MatchString(id.Outbox), "outbox_id %q is no ULID", id.Outbox)
		k.bad(len(m.Payload) > l.Own.Metadata, "metadata of %d bytes", len(m.Payload))
		k.bad(strings.Contains(args["metadata"], "@"), "an address in the metadata, which the whole workspace can read")
	case "chat.update":
		k.bad(args["metadata"] != "", "an update must leave the metadata out, so that the first one stays")
	}
}

func (k *checker) view(raw, kind string) {
	o, _ := k.shape(raw, kind).(obj)
	k.bad(len(raw) > k.limits.View["bytes"], "a view of %d bytes", len(raw))
	for _, f := range []string{"private_metadata", "callback_id"} {
		k.bad(length(o[f]) > k.limits.View[f], "%s of %d characters", f, length(o[f]))
	}
	list, _ := o["blocks"].([]any)
	k.blocks(list, k.limits.View["blocks"])
	if kind != kindModal {
		return
	}
	for _, f := range []string{"title", "submit", "close"} {
		k.text(o[f], k.limits.View[f], f)
	}
	for _, b := range list {
		bo, _ := b.(obj)
		k.bad(o["submit"] == nil && bo["type"] == "input", "an input in a view without submit")
	}
}

func (k *checker) blocks(list []any, most int) {
	l := k.limits.Block
	k.bad(len(list) > most, "%d blocks, allowed %d", len(list), most)
	ids := map[any]bool{}
	for i, v := range list {
		b, _ := v.(obj)
		where := fmt.Sprintf("block %d %v", i, b["type"])
		if id := b["block_id"]; id != nil {
			k.bad(ids[id], "block_id %v is used twice", id)
			ids[id] = true
			k.bad(length(id) > l["block_id"], "%s: block_id of %d characters", where, length(id))
		}
		elements, _ := b["elements"].([]any)
		switch b["type"] {
		case "header":
			k.text(b["text"], l["header_text"], where)
		case "section":
			fields, _ := b["fields"].([]any)
			k.bad(b["text"] == nil && len(fields) == 0, "%s: neither text nor fields", where)
			k.text(b["text"], l["section_text"], where)
			k.bad(len(fields) > l["section_fields"], "%s: %d fields", where, len(fields))
			for _, f := range fields {
				k.text(f, l["section_field_text"], where+" field")
			}
			k.element(b["accessory"], where)
		case "actions":
			k.bad(len(elements) < 1 || len(elements) > l["actions_elements"], "%s: %d elements", where, len(elements))
			seen := map[any]bool{}
			for _, e := range elements {
				k.element(e, where)
				if o, _ := e.(obj); o["action_id"] != nil {
					k.bad(seen[o["action_id"]], "%s: action_id %v is used twice", where, o["action_id"])
					seen[o["action_id"]] = true
				}
			}
		case "context":
			k.bad(len(elements) < 1 || len(elements) > l["context_elements"], "%s: %d elements", where, len(elements))
			for _, e := range elements {
				if o, _ := e.(obj); o["type"] != "image" {
					k.text(e, l["context_text"], where)
				}
			}
		case "input":
			k.text(b["label"], l["input_label"], where)
			k.text(b["hint"], l["input_hint"], where+" hint")
			k.element(b["element"], where)
		case "image":
			k.bad(length(b["image_url"]) > l["image_url"] || length(b["alt_text"]) > l["alt_text"], "%s: an address or a text is too long", where)
		case "markdown":
			k.bad(length(b["text"]) > l["markdown_text_total"], "%s: text of %d characters", where, length(b["text"]))
		}
	}
}

// text checks the size of a text object that may be absent.
func (k *checker) text(v any, most int, where string) {
	o, ok := v.(obj)
	if !ok {
		return
	}
	n := length(o["text"])
	k.bad(n < 1 || n > most, "%s: text of %d characters, allowed 1 to %d", where, n, most)
}

func (k *checker) element(v any, where string) {
	o, ok := v.(obj)
	if !ok {
		return
	}
	l := k.limits.Element
	where += fmt.Sprintf(" %v", o["type"])
	k.bad(length(o["action_id"]) > l["action_id"], "%s: action_id of %d characters", where, length(o["action_id"]))
	if o["type"] == "button" {
		k.text(o["text"], l["button_text"], where)
		k.bad(length(o["value"]) > l["button_value"], "%s: value of %d characters", where, length(o["value"]))
		k.bad(length(o["url"]) > l["button_url"], "%s: url of %d characters", where, length(o["url"]))
	}
	options, _ := o["options"].([]any)
	groups, _ := o["option_groups"].([]any)
	for _, g := range groups {
		og, _ := g.(obj)
		more, _ := og["options"].([]any)
		options = append(options, more...)
	}
	if o["type"] == "overflow" {
		k.bad(len(options) < l["overflow_options_min"] || len(options) > l["overflow_options_max"], "%s: %d options", where, len(options))
	}
	k.bad(len(options) > l["options"], "%s: %d options", where, len(options))
	for _, x := range options {
		op, _ := x.(obj)
		k.text(op["text"], l["option_text"], where+" option")
		k.bad(length(op["value"]) < 1 || length(op["value"]) > l["option_value"], "%s option: value of %d characters", where, length(op["value"]))
	}
	k.text(o["placeholder"], l["placeholder"], where+" placeholder")
	if n, ok := o["max_length"].(json.Number); ok {
		i, err := n.Int64()
		k.bad(err != nil || int(i) > l["plain_text_input_max_length"], "%s: max_length %s", where, n)
	}
	if c, ok := o["confirm"].(obj); ok {
		for part, most := range k.limits.Confirm {
			k.text(c[part], most, where+" confirm."+part)
		}
	}
}

func length(v any) int {
	s, _ := v.(string)
	return utf8.RuneCountInString(s)
}

// textTotal counts every text that counts towards the sum of a message, also inside rich text.
func textTotal(v any) (n int) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			n += textTotal(e)
		}
	case obj:
		for f, e := range x {
			if s, ok := e.(string); ok && f == "text" {
				n += utf8.RuneCountInString(s)
			} else {
				n += textTotal(e)
			}
		}
	}
	return n
}
