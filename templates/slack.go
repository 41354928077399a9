package templates

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed slack
var slackFiles embed.FS

// Card fills a card of slack/NAME.json, which holds the arguments of a chat method that are the same for everyone: text, blocks and the
// switches against previews. In its strings {name} is replaced by the value of that name and {t:key} by the sentence of that key in a
// language, with the same values. An object with the field "if" stays only when the value it names is not empty. Values are inserted as
// they are and not looked at again: the caller escapes what others wrote.
func (s *Set) Card(lang, name string, values map[string]any) (map[string]any, error) {
	raw, err := slackFiles.ReadFile("slack/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("there is no card %q: %w", name, err)
	}
	var card map[string]any
	if err := json.Unmarshal(raw, &card); err != nil {
		return nil, fmt.Errorf("slack/%s.json is not a JSON object: %w", name, err)
	}
	filled, _ := s.cardPart(lang, card, values).(map[string]any)
	return filled, nil
}

func (s *Set) cardPart(lang string, v any, values map[string]any) any {
	switch x := v.(type) {
	case string:
		return s.cardText(lang, x, values)
	case []any:
		out := make([]any, 0, len(x))
		for _, e := range x {
			if e = s.cardPart(lang, e, values); e != nil {
				out = append(out, e)
			}
		}
		return out
	case map[string]any:
		if cond, ok := x["if"].(string); ok {
			if held := values[cond]; held == nil || held == "" || held == false {
				return nil
			}
		}
		out := make(map[string]any, len(x))
		for k, e := range x {
			if k == "if" {
				continue
			}
			if e = s.cardPart(lang, e, values); e != nil {
				out[k] = e
			}
		}
		return out
	}
	return v
}

// cardText replaces {t:key} and {name} in one pass, so that a brace in a value stays a brace.
func (s *Set) cardText(lang, text string, values map[string]any) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, rest, ok := strings.Cut(after, "}")
		if !ok {
			b.WriteString("{" + after)
			return b.String()
		}
		if key, sentence := strings.CutPrefix(name, "t:"); sentence {
			b.WriteString(s.T(lang, key, values))
		} else if v, known := values[name]; known {
			fmt.Fprint(&b, v)
		} else {
			b.WriteString("{" + name + "}")
		}
		text = rest
	}
}
