package slacktest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

type surface int

const (
	surfaceMessage surface = iota
	surfaceModal
	surfaceHome
)

// blockTextMax is the sum of block text Slack was seen to refuse above; it is not documented (slackapi/bolt-js#2509).
const blockTextMax = 12_000

// blockFields are the fields of each block [/reference/block-kit/blocks]; any other field is refused.
var blockFields = map[string]string{
	"actions": "elements", "context": "elements", "divider": "", "header": "text",
	"image": "image_url alt_text title slack_file", "input": "label element dispatch_action hint optional",
	"markdown": "text", "rich_text": "elements", "section": "text fields accessory expand",
}

// elementFields are the fields of each element [/reference/block-kit/block-elements].
var elementFields = map[string]string{
	"button":                     "action_id text value url style confirm accessibility_label",
	"checkboxes":                 "action_id options initial_options confirm focus_on_load",
	"conversations_select":       "action_id placeholder initial_conversation default_to_current_conversation confirm filter response_url_enabled focus_on_load",
	"datepicker":                 "action_id placeholder initial_date confirm focus_on_load",
	"email_text_input":           "action_id initial_value placeholder dispatch_action_config focus_on_load",
	"image":                      "image_url alt_text slack_file",
	"multi_users_select":         "action_id placeholder initial_users max_selected_items confirm focus_on_load",
	"number_input":               "action_id is_decimal_allowed initial_value min_value max_value placeholder dispatch_action_config focus_on_load",
	"overflow":                   "action_id options confirm",
	"plain_text_input":           "action_id placeholder initial_value multiline min_length max_length dispatch_action_config focus_on_load",
	"radio_buttons":              "action_id options initial_option confirm focus_on_load",
	"static_select":              "action_id placeholder options option_groups initial_option confirm focus_on_load",
	"multi_static_select":        "action_id placeholder options option_groups initial_options max_selected_items confirm focus_on_load",
	"external_select":            "action_id placeholder initial_option min_query_length confirm focus_on_load",
	"timepicker":                 "action_id placeholder initial_time confirm focus_on_load timezone",
	"users_select":               "action_id placeholder initial_user confirm focus_on_load",
	"rich_text_input":            "action_id initial_value placeholder dispatch_action_config focus_on_load",
	"url_text_input":             "action_id initial_value placeholder dispatch_action_config focus_on_load",
	"channels_select":            "action_id placeholder initial_channel confirm response_url_enabled focus_on_load",
	"multi_conversations_select": "action_id placeholder initial_conversations max_selected_items confirm filter focus_on_load",
}

const (
	inputElements = " checkboxes conversations_select channels_select datepicker email_text_input external_select multi_users_select number_input " +
		"plain_text_input radio_buttons static_select multi_static_select timepicker users_select rich_text_input url_text_input multi_conversations_select "
	actionElements = " button checkboxes conversations_select channels_select datepicker external_select overflow radio_buttons static_select timepicker " +
		"users_select multi_users_select multi_static_select multi_conversations_select rich_text_input "
	accessoryElements = actionElements + "image "
)

// checker collects what is wrong with blocks.
type checker struct{ faults []string }

func (k *checker) bad(when bool, format string, args ...any) {
	if when {
		k.faults = append(k.faults, fmt.Sprintf(format, args...))
	}
}

func (k *checker) only(o obj, where, fields string) {
	allowed := strings.Fields("type block_id " + fields)
	for f := range o {
		k.bad(!slices.Contains(allowed, f), "%s: unknown field %s", where, f)
	}
}

func length(v any) int {
	s, _ := v.(string)
	return utf8.RuneCountInString(s)
}

// text checks a text object; kind is mrkdwn or plain_text when only that one is allowed.
func (k *checker) text(v any, maxLen int, kind, where string) {
	o, ok := v.(obj)
	if !ok {
		k.bad(true, "%s: text must be an object", where)
		return
	}
	t, _ := o["type"].(string)
	k.bad(t != "mrkdwn" && t != "plain_text", "%s: text has no known type", where)
	k.bad(kind != "" && t != kind, "%s: text must be %s", where, kind)
	n := length(o["text"])
	k.bad(n < 1 || n > maxLen, "%s: text of %d characters, allowed 1 to %d", where, n, maxLen)
	if t == "mrkdwn" {
		k.only(o, where, "text verbatim")
	} else {
		k.only(o, where, "text emoji")
	}
}

// checkBlocks checks the shape and the sizes of blocks (E6); raw is the JSON of a list. Blocks without an id get one.
func (s *Server) checkBlocks(raw string, on surface) (json.RawMessage, *failure) {
	var quoted string
	if json.Unmarshal([]byte(raw), &quoted) == nil {
		raw = quoted
	}
	var list []any
	if json.Unmarshal([]byte(raw), &list) != nil {
		return nil, fail("invalid_blocks_format")
	}
	k := &checker{}
	limit := 50
	if on != surfaceMessage {
		limit = 100
	}
	k.bad(len(list) > limit, "%d blocks, allowed %d", len(list), limit)
	ids := map[string]bool{}
	for i, v := range list {
		b, ok := v.(obj)
		if !ok {
			k.bad(true, "block %d is not an object", i)
			continue
		}
		if id, _ := b["block_id"].(string); id != "" {
			k.bad(ids[id], "block_id %s is used twice", id)
			k.bad(length(id) > 255, "block_id of %d characters", length(id))
			ids[id] = true
		} else {
			b["block_id"] = s.id("b")
		}
		k.block(b, fmt.Sprintf("block %d", i))
	}
	if len(k.faults) > 0 {
		return nil, &failure{code: "invalid_blocks", extra: obj{"response_metadata": obj{"messages": k.faults}}}
	}
	if on == surfaceMessage && textTotal(list) > blockTextMax {
		return nil, fail("msg_blocks_too_long")
	}
	return jsonOf(list), nil
}

func (k *checker) block(b obj, where string) {
	kind, _ := b["type"].(string)
	fields, known := blockFields[kind]
	if !known {
		k.bad(true, "%s: unknown type %q", where, kind)
		return
	}
	where += " " + kind
	k.only(b, where, fields)
	switch kind {
	case "header":
		k.text(b["text"], 150, "plain_text", where)
	case "section":
		fields, _ := b["fields"].([]any)
		k.bad(b["text"] == nil && len(fields) == 0, "%s: neither text nor fields", where)
		if b["text"] != nil {
			k.text(b["text"], 3000, "", where)
		}
		k.bad(len(fields) > 10, "%s: %d fields", where, len(fields))
		for _, f := range fields {
			k.text(f, 2000, "", where)
		}
		if b["accessory"] != nil {
			k.element(b["accessory"], accessoryElements, where)
		}
	case "actions":
		list, _ := b["elements"].([]any)
		k.bad(len(list) < 1 || len(list) > 25, "%s: %d elements", where, len(list))
		seen := map[any]bool{}
		for _, e := range list {
			k.element(e, actionElements, where)
			if o, ok := e.(obj); ok && o["action_id"] != nil {
				k.bad(seen[o["action_id"]], "%s: action_id %v is used twice", where, o["action_id"])
				seen[o["action_id"]] = true
			}
		}
	case "context":
		list, _ := b["elements"].([]any)
		k.bad(len(list) < 1 || len(list) > 10, "%s: %d elements", where, len(list))
		for _, e := range list {
			o, _ := e.(obj)
			if o["type"] == "image" {
				k.element(e, " image ", where)
			} else {
				k.text(e, 3000, "", where)
			}
		}
	case "input":
		k.text(b["label"], 2000, "plain_text", where)
		if b["hint"] != nil {
			k.text(b["hint"], 2000, "plain_text", where)
		}
		k.element(b["element"], inputElements, where)
	case "image":
		k.image(b, where)
	case "markdown":
		n := length(b["text"])
		k.bad(n < 1 || n > 12_000, "%s: text of %d characters", where, n)
	case "rich_text":
		k.rich(b, where)
	}
}

func (k *checker) image(o obj, where string) {
	n := length(o["image_url"])
	k.bad(n < 1 && o["slack_file"] == nil || n > 3000, "%s: image_url of %d characters", where, n)
	n = length(o["alt_text"])
	k.bad(n < 1 || n > 2000, "%s: alt_text of %d characters", where, n)
}

func (k *checker) element(v any, allowed, where string) {
	o, _ := v.(obj)
	kind, _ := o["type"].(string)
	if kind == "" || !strings.Contains(allowed, " "+kind+" ") {
		k.bad(true, "%s: element %q is not allowed here", where, kind)
		return
	}
	where += " " + kind
	k.only(o, where, elementFields[kind])
	k.bad(length(o["action_id"]) > 255, "%s: action_id is too long", where)
	if o["placeholder"] != nil {
		k.text(o["placeholder"], 150, "plain_text", where)
	}
	if c, ok := o["confirm"].(obj); ok {
		for part, n := range map[string]int{"title": 100, "text": 300, "confirm": 30, "deny": 30} {
			if c[part] != nil {
				k.text(c[part], n, "", where+" "+part)
			}
		}
	}
	switch kind {
	case "button":
		k.text(o["text"], 75, "plain_text", where)
		k.bad(length(o["value"]) > 2000, "%s: value is too long", where)
		k.bad(length(o["url"]) > 3000, "%s: url is too long", where)
		st, has := o["style"]
		k.bad(has && st != "primary" && st != "danger", "%s: style %v", where, st)
	case "image":
		k.image(o, where)
	case "plain_text_input":
		n, _ := o["max_length"].(float64)
		k.bad(n > 3000, "%s: max_length %v", where, n)
	case "overflow", "static_select", "multi_static_select", "checkboxes", "radio_buttons":
		list, _ := o["options"].([]any)
		groups, _ := o["option_groups"].([]any)
		for _, g := range groups {
			og, _ := g.(obj)
			sub, _ := og["options"].([]any)
			list = append(list, sub...)
		}
		most := map[string]int{"overflow": 5, "checkboxes": 10, "radio_buttons": 10}[kind]
		if most == 0 {
			most = 100
		}
		k.bad(len(list) < 1 || len(list) > most, "%s: %d options", where, len(list))
		for _, x := range list {
			op, _ := x.(obj)
			k.text(op["text"], 75, "", where+" option")
			k.only(op, where+" option", "text value description url")
			n := length(op["value"])
			k.bad(n < 1 || n > 150, "%s option: value of %d characters", where, n)
		}
	}
}

// richElements are the parts of rich text and what may stand in them.
var richElements = map[string]string{
	"rich_text":              " rich_text_section rich_text_list rich_text_preformatted rich_text_quote ",
	"rich_text_list":         " rich_text_section ",
	"rich_text_section":      " text link emoji user channel usergroup broadcast date team color ",
	"rich_text_preformatted": " text link emoji user channel usergroup broadcast date team color ",
	"rich_text_quote":        " text link emoji user channel usergroup broadcast date team color ",
}

func (k *checker) rich(o obj, where string) {
	kind, _ := o["type"].(string)
	allowed, nested := richElements[kind]
	if !nested {
		if kind == "text" {
			str, ok := o["text"].(string)
			k.bad(!ok || str == "", "%s: text without text", where)
		}
		if kind == "link" {
			k.bad(length(o["url"]) < 1, "%s: link without url", where)
		}
		return
	}
	list, ok := o["elements"].([]any)
	k.bad(!ok, "%s: no elements", where)
	for _, e := range list {
		x, _ := e.(obj)
		sub, _ := x["type"].(string)
		if sub == "" || !strings.Contains(allowed, " "+sub+" ") {
			k.bad(true, "%s: %q is not allowed in %s", where, sub, kind)
			continue
		}
		k.rich(x, where)
	}
}

// textTotal counts every text that Slack counts towards the sum of a message, also inside rich text.
func textTotal(v any) int {
	n := 0
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			n += textTotal(e)
		}
	case obj:
		for f, e := range x {
			if str, ok := e.(string); ok && f == "text" {
				n += utf8.RuneCountInString(str)
			} else {
				n += textTotal(e)
			}
		}
	}
	return n
}

func hasInput(raw json.RawMessage) bool {
	var list []struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &list) != nil {
		return false
	}
	for _, b := range list {
		if b.Type == "input" {
			return true
		}
	}
	return false
}
