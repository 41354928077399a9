package slack_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ingest/slack/slacktest"
	"github.com/sportello/sportello/ticketing"
)

// recordedKinds says what becomes of each kind of body that Slack sends: the verb the desk hears, and why it is no more than "other" where
// it is. A kind that is not here is one nobody has thought about.
var recordedKinds = map[string]struct {
	verb ticketing.Verb
	why  string
}{
	"message":                  {ticketing.VerbOther, "roots of the triage channel are talk among agents"},
	"message/bot_message":      {ticketing.VerbOther, "as any root; another app in a thread is heard and marked as a bot"},
	"message/file_share":       {ticketing.VerbOther, "as any root; its files are fetched only where they go to a customer"},
	"message/thread_broadcast": {ticketing.VerbSay, "a reply, also shown in the channel"},
	"message/message_changed":  {ticketing.VerbEdit, ""},
	"message/message_deleted":  {ticketing.VerbDelete, ""},
	"app_mention":              {ticketing.VerbOther, "comes beside the message event with the same ts, which is the one that counts"},
	"reaction_added":           {ticketing.VerbOther, "these emoji mean nothing; eyes, white_check_mark and lock do (TestParse)"},
	"member_joined_channel":    {ticketing.VerbMember, "the list of agents is read again"},
	"member_left_channel":      {ticketing.VerbMember, "the list of agents is read again"},
	"app_home_opened":          {ticketing.VerbOther, "people of other teams: nobody there is an agent of ours"},
	"app_uninstalled":          {ticketing.VerbOther, "the next call answers account_inactive, which suspends the door"},
	"tokens_revoked":           {ticketing.VerbOther, "the next call answers token_revoked, which suspends the door"},
	"team_access_granted":      {ticketing.VerbOther, "installations for a whole organisation are not offered"},
	"team_access_revoked":      {ticketing.VerbOther, "installations for a whole organisation are not offered"},
	"function_executed":        {ticketing.VerbOther, "the app has no workflow functions"},
	"workflow_step_execute":    {ticketing.VerbOther, "steps from apps were taken out of Slack"},
	"workflow_step_edit":       {ticketing.VerbOther, "steps from apps were taken out of Slack"},
	"block_actions":            {ticketing.VerbPress, "also of elements we never made: what an action means is for the desk to say"},
	"block_suggestion":         {ticketing.VerbOther, "no menu of ours asks for its options"},
	"interactive_message":      {ticketing.VerbOther, "buttons of attachments: we send none"},
	"dialog_submission":        {ticketing.VerbOther, "dialogs are the forerunners of modals: we open none"},
	"dialog_cancellation":      {ticketing.VerbOther, "dialogs are the forerunners of modals: we open none"},
	"dialog_suggestion":        {ticketing.VerbOther, "dialogs are the forerunners of modals: we open none"},
	"message_action":           {ticketing.VerbOther, "shortcuts of other names than ours mean nothing"},
	"shortcut":                 {ticketing.VerbOther, "shortcuts of other names than ours mean nothing"},
	"view_submission":          {ticketing.VerbSubmit, "also of views we never made: what a view means is for the desk to say"},
	"view_closed":              {ticketing.VerbOther, "closing a window is no act"},
	"slash_command":            {ticketing.VerbCommand, "what its words mean is for the desk to say"},
}

// recordedStrangers are bodies of people of other teams, who are no agents of ours whatever they do.
var recordedStrangers = map[string]bool{"view_submission.03.json": true}

// recordedBody is what the test reads of a body: where it is to be delivered.
type recordedBody struct {
	Type    string `json:"type"`
	Command string `json:"command"`
	AppID   string `json:"api_app_id"`
	TeamID  string `json:"team_id"`
	Auth    []struct {
		TeamID string `json:"team_id"`
	} `json:"authorizations"`
	Event struct {
		Type    string `json:"type"`
		Subtype string `json:"subtype"`
	} `json:"event"`
}

func (b recordedBody) kind() (delivery, kind string) {
	switch {
	case b.Type == "event_callback" && b.Event.Subtype != "":
		return "events_api", b.Event.Type + "/" + b.Event.Subtype
	case b.Type == "event_callback":
		return "events_api", b.Event.Type
	case b.Command != "":
		return "slash_commands", "slash_command"
	}
	return "interactive", b.Type
}

// team is the workspace a body was delivered for.
func (b recordedBody) team() string {
	for _, a := range b.Auth {
		if strings.HasPrefix(a.TeamID, "T") && !strings.Contains(a.TeamID, "-") {
			return a.TeamID
		}
	}
	if b.TeamID != "" {
		return b.TeamID
	}
	return "T111"
}

// TestRecordedBodies takes what Slack was seen to send through both receivers, from the wire to the facts.
func TestRecordedBodies(t *testing.T) {
	dir := os.Getenv("SPORTELLO_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "slack", "events", "*.json"))
	if len(files) == 0 {
		t.Skip("no recorded bodies of Slack: set SPORTELLO_SHARED to the folder that holds slack/events")
	}
	if len(files) != 67 {
		t.Errorf("%d bodies, want 67", len(files))
	}
	used := map[string]int{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// The bodies were made anonymous with an id of a form that Slack does not use.
		raw = bytes.ReplaceAll(raw, []byte("T_INSTALLED"), []byte("T0INSTALLED"))
		var b recordedBody
		if err := json.Unmarshal(raw, &b); err != nil {
			t.Fatal(err)
		}
		delivery, kind := b.kind()
		want, known := recordedKinds[kind]
		if !known {
			t.Errorf("%s: nobody has said what becomes of the kind %q", filepath.Base(name), kind)
			continue
		}
		used[kind]++
		if recordedStrangers[filepath.Base(name)] {
			want.verb = ticketing.VerbOther
		}
		for mode, change := range map[string]func(*slack.Config){slack.ModeSocket: func(*slack.Config) {}, slack.ModeHTTP: overHTTP} {
			t.Run(strings.TrimSuffix(filepath.Base(name), ".json")+" by "+mode, func(t *testing.T) {
				heard := deliverRecorded(t, b, delivery, raw, change)
				if heard.Refused != "" {
					t.Errorf("refused as %s: %s", heard.Refused, heard.Detail)
				}
				if heard.Act == nil || heard.Act.Verb != want.verb {
					t.Errorf("heard %+v, want the verb %s", heard.Act, want.verb)
				}
				if heard.Act != nil && heard.Act.Verb != ticketing.VerbOther && heard.Act.Verb != ticketing.VerbMember &&
					(heard.LogicalKey == "" || heard.Act.Actor.Key == "" && heard.Act.Verb != ticketing.VerbDelete) {
					t.Errorf("an act without its key or its actor: %+v", heard)
				}
			})
		}
	}
	for kind := range recordedKinds {
		if used[kind] == 0 {
			t.Errorf("no body is of the kind %q", kind)
		}
	}
}

// deliverRecorded delivers a body as Slack would, to the app and the workspace it names, and reads the row it left.
func deliverRecorded(t *testing.T, b recordedBody, delivery string, raw []byte, change func(*slack.Config)) ticketing.Heard {
	t.Helper()
	if b.AppID == "" {
		b.AppID = "A111"
	}
	w := newWorld(t, slacktest.Options{Team: b.team(), AppID: b.AppID, BotUser: "U0BOT"}, change, func(c *slack.Config) {
		c.Queues = map[string]string{"C111": "assistenza", "G111": "assistenza"}
	})
	u := w.AddUser(slacktest.User{ID: "U111", Name: "anna", RealName: "Anna Rossi"})
	for _, id := range []string{"C111", "G111"} {
		w.AddChannel(slacktest.Channel{ID: id, Name: strings.ToLower(id), Private: true, Members: []string{u, w.BotUser()}})
	}
	l := newLedger()
	if w.door.Mode() == slack.ModeHTTP {
		t.Cleanup(w.mount(l))
	} else {
		ctx, cancel := contextWithCancel(w)
		done := make(chan error, 1)
		go func() { done <- w.door.Receive(ctx, l) }()
		t.Cleanup(func() { cancel(); <-done })
		w.await(func() bool { return w.Sockets() > 0 })
	}
	d := w.Inject(delivery, raw)
	<-d.Done()
	if d.Err() != nil || len(d.Answer()) > 0 {
		t.Fatalf("the delivery ended with %v and the answer %q", d.Err(), d.Answer())
	}
	rows := l.stored()
	if len(rows) != 1 {
		t.Fatalf("the body left %d rows", len(rows))
	}
	h, err := w.door.Parse(w.ctx, ticketing.Inbound{}, rows[0])
	if err != nil {
		t.Fatal(err)
	}
	return h
}
