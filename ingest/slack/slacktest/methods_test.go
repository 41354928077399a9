package slacktest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMethodsAsPublished compares the table of methods with the published one.
func TestMethodsAsPublished(t *testing.T) {
	dir := os.Getenv("SPORTELLO_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	load := func(name string, v any) {
		raw, err := os.ReadFile(filepath.Join(dir, "slack", name))
		if err != nil {
			t.Skip("no test data of Slack: set SPORTELLO_SHARED to the folder that holds it")
		}
		if err := json.Unmarshal(raw, v); err != nil {
			t.Fatal(err)
		}
	}
	var published map[string]struct {
		Scopes map[string][]string `json:"scopes"`
		Errors []string            `json:"errors"`
	}
	var common []string
	var tiers map[string]string
	load("methods.json", &published)
	load("common_errors.json", &common)
	load("rate_limit_tiers.json", &tiers)
	for _, e := range strings.Fields(commonErrors) {
		if e != "unknown_method" && !slices.Contains(common, e) {
			t.Errorf("%s is no common error", e)
		}
	}
	for name, m := range methods() {
		p, ok := published[name]
		if !ok {
			t.Errorf("%s is not published", name)
			continue
		}
		for _, e := range strings.Fields(m.errors) {
			if !slices.Contains(p.Errors, e) {
				t.Errorf("%s does not publish the error %s", name, e)
			}
		}
		want := map[int]string{0: "SpecialTier", 1: "Tier1", 2: "Tier2", 3: "Tier3", 4: "Tier4"}[m.tier]
		if !strings.HasPrefix(tiers[name], want) {
			t.Errorf("%s has tier %s, not %s", name, tiers[name], want)
		}
		scopes := slices.Clone(m.scopes)
		for _, s := range m.kinds {
			scopes = append(scopes, s)
		}
		for _, s := range scopes {
			if !slices.Contains(p.Scopes["bot"], s) {
				t.Errorf("%s does not publish the scope %s", name, s)
			}
		}
	}
}
