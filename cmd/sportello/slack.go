package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/templates"
)

// SlackCmd helps to set up the agents' chat.
type SlackCmd struct {
	Manifest SlackManifestCmd `cmd:"" help:"Print the manifest that makes the Slack app, and the steps that no manifest can hold."`
}

// SlackManifestCmd prints the app's manifest. It needs no settings and no network.
type SlackManifestCmd struct {
	Lang string `help:"Language of the names and descriptions in it: it or en. Default: that of the environment, else it." placeholder:"LANGUAGE"`
	Link bool   `help:"Print only the link that makes the app."`
	HTTP string `name:"http" help:"For slack.mode: http. The address under which Slack reaches the web listener, https://…; by default the app uses Socket Mode." placeholder:"URL"`
}

// Help is shown by slack manifest --help.
func (SlackManifestCmd) Help() string {
	return "The manifest goes to standard output, the link and the steps to standard error.\n\nExamples:\n  sportello slack manifest --lang en\n  sportello slack manifest --lang en > manifest.json\n  sportello slack manifest --link\n  sportello slack manifest --http https://help.example.com"
}

// newAppURL makes an app from a manifest [/app-manifests/configuring-apps-with-app-manifests].
const newAppURL = "https://api.slack.com/apps?new_app=1&manifest_json="

// Run prints the manifest.
func (cmd SlackManifestCmd) Run(c *console) error {
	if cmd.Lang == "" {
		cmd.Lang = demoLanguage(c.environ)
	}
	if cmd.Lang != templates.Italian && cmd.Lang != templates.English {
		return badConfig("--lang is %q; use it or en", cmd.Lang)
	}
	words, err := templates.Load()
	if err != nil {
		return err
	}
	manifest, err := words.Card(cmd.Lang, "manifest", nil)
	if err != nil {
		return err
	}
	steps := []string{"token", "install", "delayed", "channel", "check"}
	if cmd.HTTP != "" {
		if err := overHTTP(manifest, cmd.HTTP); err != nil {
			return err
		}
		steps = []string{"signing", "install", "delayed", "channel", "check"}
	}
	pretty, err := plainJSON(manifest)
	if err != nil {
		return err
	}
	var short bytes.Buffer
	if err := json.Compact(&short, pretty); err != nil {
		return err
	}
	// %20 is a space to every decoder, a plus sign only to those of forms.
	link := newAppURL + strings.ReplaceAll(url.QueryEscape(short.String()), "+", "%20")
	if cmd.Link {
		_, err = fmt.Fprintln(c.out, link)
		return err
	}
	if _, err := c.out.Write(pretty); err != nil {
		return err
	}
	t := func(key string) string { return words.T(cmd.Lang, "manifest.next."+key, nil) }
	_, _ = fmt.Fprintf(c.err, "\n%s\n%s\n\n%s\n", t("link"), link, t("title"))
	for i, step := range steps {
		_, _ = fmt.Fprintf(c.err, "%d. %s\n", i+1, t(step))
	}
	return nil
}

// overHTTP turns a manifest for Socket Mode into one whose app posts to base (slack.md 2.11).
func overHTTP(manifest map[string]any, base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return badConfig("--http is %q; use the public address of the web listener, such as https://help.example.com", base)
	}
	at := func(path string) string { return strings.TrimSuffix(base, "/") + path }
	settings, _ := manifest["settings"].(map[string]any)
	events, _ := settings["event_subscriptions"].(map[string]any)
	interactivity, _ := settings["interactivity"].(map[string]any)
	features, _ := manifest["features"].(map[string]any)
	commands, _ := features["slash_commands"].([]any)
	if events == nil || interactivity == nil || len(commands) == 0 {
		return errors.New("the manifest has no events, interactivity or commands")
	}
	settings["socket_mode_enabled"] = false
	events["request_url"], interactivity["request_url"] = at(slack.PathEvents), at(slack.PathInteractive)
	for _, c := range commands {
		if o, ok := c.(map[string]any); ok {
			o["url"] = at(slack.PathCommands)
		}
	}
	return nil
}

// plainJSON indents and leaves <, > and & as they are: a person reads it.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}
