package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sportello/sportello/ingest/slack/slacktest"
)

type manifest struct {
	Display struct {
		Name, Description string
		Long              string `json:"long_description"`
	} `json:"display_information"`
	Features struct {
		Shortcuts []struct {
			Name, Type, Description string
			ID                      string `json:"callback_id"`
		}
		Commands []struct {
			Command, Description string
			URL                  string
			Usage                string `json:"usage_hint"`
		} `json:"slash_commands"`
	}
	OAuth struct {
		Scopes struct{ Bot []string }
	} `json:"oauth_config"`
	Settings struct {
		Events struct {
			Bot []string `json:"bot_events"`
			URL string   `json:"request_url"`
		} `json:"event_subscriptions"`
		Interactivity struct {
			On  bool   `json:"is_enabled"`
			URL string `json:"request_url"`
		}
		Socket bool `json:"socket_mode_enabled"`
	}
}

func TestSlackManifest(t *testing.T) {
	// The workspace of the tests grants and sends what the manifest asks for: neither may drift from the other.
	workspace, err := slacktest.New(slacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer workspace.Close()
	granted := workspace.Options()
	texts := map[string]string{}
	for _, lang := range []string{"it", "en"} {
		var out, errw bytes.Buffer
		if code := run(t.Context(), []string{"slack", "manifest", "--lang", lang}, nil, &out, &errw, nil); code != 0 {
			t.Fatalf("exit %d: %s", code, errw.String())
		}
		var m manifest
		if err := json.Unmarshal(out.Bytes(), &m); err != nil {
			t.Fatalf("%s: %v", lang, err)
		}
		if !slices.Equal(m.OAuth.Scopes.Bot, granted.Scopes) || len(granted.Scopes) != 18 {
			t.Errorf("%s: scopes %v, want %v", lang, m.OAuth.Scopes.Bot, granted.Scopes)
		}
		if !slices.Equal(m.Settings.Events.Bot, granted.Events) || len(granted.Events) != 18 {
			t.Errorf("%s: events %v, want %v", lang, m.Settings.Events.Bot, granted.Events)
		}
		if !m.Settings.Socket || !m.Settings.Interactivity.On || len(m.Features.Shortcuts) != 3 || len(m.Features.Commands) != 2 {
			t.Errorf("%s: %+v", lang, m)
		}
		// Limits of /reference/app-manifest, in characters.
		within := func(what, text string, least, most int) {
			t.Helper()
			if n := utf8.RuneCountInString(text); n < least || n > most {
				t.Errorf("%s: %s has %d characters, %d to %d are allowed: %q", lang, what, n, least, most, text)
			}
		}
		within("name", m.Display.Name, 1, 35)
		within("description", m.Display.Description, 1, 140)
		within("long description", m.Display.Long, 175, 4000)
		for _, s := range m.Features.Shortcuts {
			within("shortcut", s.Name, 1, 24)
			within("shortcut's description", s.Description, 1, 150)
		}
		texts[lang] = m.Display.Description + m.Display.Long + m.Features.Commands[0].Usage
		if strings.Contains(out.String(), "{t:") || strings.Contains(out.String(), "manifest.create") {
			t.Errorf("%s: a text was not filled in:\n%s", lang, out.String())
		}

		var link bytes.Buffer
		if code := run(t.Context(), []string{"slack", "manifest", "--lang", lang, "--link"}, nil, &link, &errw, nil); code != 0 {
			t.Fatalf("exit %d: %s", code, errw.String())
		}
		u, err := url.Parse(strings.TrimSpace(link.String()))
		if err != nil {
			t.Fatal(err)
		}
		var same, printed any
		if err := json.Unmarshal([]byte(u.Query().Get("manifest_json")), &same); err != nil || u.Query().Get("new_app") != "1" {
			t.Fatalf("%s: the link carries no manifest: %v", lang, err)
		}
		_ = json.Unmarshal(out.Bytes(), &printed)
		a, _ := json.Marshal(same)
		b, _ := json.Marshal(printed)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: link and manifest differ", lang)
		}
		if !strings.Contains(errw.String(), "connections:write") || !strings.Contains(errw.String(), "/invite @sportello") {
			t.Errorf("%s: the steps that no manifest can hold are missing:\n%s", lang, errw.String())
		}
	}
	if texts["it"] == texts["en"] {
		t.Error("both languages have the same texts")
	}
}

// TestSlackManifestOverHTTP: every address stands in it, and the steps name the secret instead of the token of Socket Mode.
func TestSlackManifestOverHTTP(t *testing.T) {
	for _, lang := range []string{"it", "en"} {
		var out, errw bytes.Buffer
		if code := run(t.Context(), []string{"slack", "manifest", "--lang", lang, "--http", "https://help.example.com/"}, nil, &out, &errw, nil); code != 0 {
			t.Fatalf("exit %d: %s", code, errw.String())
		}
		var m manifest
		if err := json.Unmarshal(out.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		if m.Settings.Socket || m.Settings.Events.URL != "https://help.example.com/slack/events" || m.Settings.Interactivity.URL != "https://help.example.com/slack/interactive" ||
			len(m.Settings.Events.Bot) != 18 || !m.Settings.Interactivity.On {
			t.Errorf("%s: %+v", lang, m.Settings)
		}
		for _, c := range m.Features.Commands {
			if c.URL != "https://help.example.com/slack/commands" {
				t.Errorf("%s: %+v", lang, c)
			}
		}
		if s := errw.String(); !strings.Contains(s, "slack.signing_secret") || strings.Contains(s, "connections:write") {
			t.Errorf("%s: the steps are those of another mode:\n%s", lang, s)
		}
	}
	for _, bad := range []string{"http://help.example.com", "help.example.com", "https://help.example.com/?a=b", "https://"} {
		var out, errw bytes.Buffer
		if code := run(t.Context(), []string{"slack", "manifest", "--http", bad}, nil, &out, &errw, nil); code != 1 || !strings.Contains(errw.String(), "--http is") {
			t.Errorf("%s: exit %d: %s", bad, code, errw.String())
		}
	}
}

func TestSlackManifestOfAnUnknownLanguage(t *testing.T) {
	var out, errw bytes.Buffer
	if code := run(t.Context(), []string{"slack", "manifest", "--lang", "fr"}, nil, &out, &errw, nil); code != 1 || !strings.Contains(errw.String(), "use it or en") {
		t.Errorf("exit %d: %s", code, errw.String())
	}
}
