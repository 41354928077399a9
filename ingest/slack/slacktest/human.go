package slacktest

import (
	"encoding/json"
	"fmt"
)

// Human acts as one person (E36). What Slack would not let the person do is an error.
type Human struct {
	s    *Server
	user string
}

// As returns the acts of a user.
func (s *Server) As(user string) *Human { return &Human{s: s, user: user} }

// Attachment is a file a person adds to a message.
type Attachment struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// in runs f with the person's channel.
func (h *Human) in(id string, f func(*stage)) error {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	defer h.s.bump()
	u := h.s.users[h.user]
	ch := h.s.channels[id]
	switch {
	case u == nil:
		return fmt.Errorf("%w: %s", errNoUser, h.user)
	case ch == nil:
		return fmt.Errorf("slacktest has no channel %q", id)
	case !ch.members[h.user]:
		return fmt.Errorf("slacktest: %s is not a member of %s", h.user, id)
	case ch.Archived:
		return fmt.Errorf("slacktest: %s is archived", id)
	}
	x := &stage{ch: ch, user: u}
	f(x)
	return x.err
}

type stage struct {
	ch   *channel
	user *User
	err  error
}

// Write writes a message to a channel and returns its ts.
func (h *Human) Write(channel, text string, files ...Attachment) (string, error) {
	return h.write(channel, "", text, false, files)
}

// Reply writes into a thread.
func (h *Human) Reply(channel, root, text string, files ...Attachment) (string, error) {
	return h.write(channel, root, text, false, files)
}

// Broadcast writes into a thread and "also to the channel".
func (h *Human) Broadcast(channel, root, text string) (string, error) {
	return h.write(channel, root, text, true, nil)
}

// Direct writes to the app's direct messages and returns the channel and the ts.
func (h *Human) Direct(text string) (channel, ts string, err error) {
	h.s.locked(func() { channel = h.s.direct(h.user).ID })
	ts, err = h.Write(channel, text)
	return channel, ts, err
}

func (h *Human) write(channel, root, text string, broadcast bool, files []Attachment) (string, error) {
	var ts string
	s := h.s
	err := h.in(channel, func(x *stage) {
		if root != "" {
			p := x.ch.find(root)
			if p == nil || p.isReply() {
				x.err = fmt.Errorf("slacktest: %s has no root %s", channel, root)
				return
			}
		}
		m := &Message{
			Type: "message", User: h.user, Team: x.user.Team, ClientMsgID: s.uuid(), Text: written(text), TS: s.nextTS(), ThreadTS: root,
		}
		ts = m.TS
		if x.user.Kind == Bot {
			m.BotID, m.AppID, m.ClientMsgID = "B"+h.user, "A"+h.user, ""
		}
		if text != "" {
			m.Blocks = s.richText(text)
		}
		if broadcast {
			m.Subtype, m.broadcast = "thread_broadcast", true
		}
		if len(files) > 0 {
			list := make([]*File, 0, len(files))
			for _, a := range files {
				f := &File{
					ID: s.id("F"), Name: a.Name, Title: a.Name, Type: "application/octet-stream", Size: len(a.Data), User: h.user,
					Shares: map[string][]string{}, data: a.Data, uploaded: true, complete: true,
				}
				s.files[f.ID] = f
				list = append(list, f)
			}
			s.shareFiles(x.ch, m, root, list)
			return
		}
		s.put(x.ch, m)
		s.announce(x.ch, m)
	})
	return ts, err
}

// own finds a message the person wrote.
func (h *Human) own(x *stage, ts string) *Message {
	m := x.ch.find(ts)
	if m == nil || m.User != h.user {
		x.err = fmt.Errorf("slacktest: %s wrote no message %s", h.user, ts)
		return nil
	}
	return m
}

// Edit changes the text of a message of one's own.
func (h *Human) Edit(channel, ts, text string) error {
	s := h.s
	return h.in(channel, func(x *stage) {
		m := h.own(x, ts)
		if m == nil {
			return
		}
		before := s.shown(m, true)
		m.Text, m.Blocks = written(text), s.richText(text)
		m.Edited = &Edited{User: h.user, TS: s.nextTS()}
		s.announceChange(x.ch, m, before)
	})
}

// Delete deletes a message; any member may delete the app's, as an administrator of the workspace can.
func (h *Human) Delete(channel, ts string) error {
	s := h.s
	return h.in(channel, func(x *stage) {
		m := x.ch.find(ts)
		if m == nil || m.User != h.user && m.BotID != s.opt.BotID {
			x.err = fmt.Errorf("slacktest: %s cannot delete %s", h.user, ts)
			return
		}
		s.announceDeletion(x.ch, ts, s.take(x.ch, m))
	})
}

// React adds a reaction.
func (h *Human) React(channel, ts, name string) error { return h.react(channel, ts, name, true) }

// Unreact removes a reaction.
func (h *Human) Unreact(channel, ts, name string) error { return h.react(channel, ts, name, false) }

func (h *Human) react(channel, ts, name string, add bool) error {
	s := h.s
	return h.in(channel, func(x *stage) {
		m := x.ch.find(ts)
		if m == nil {
			x.err = fmt.Errorf("slacktest: no message %s in %s", ts, channel)
			return
		}
		kind, done := "reaction_removed", false
		if add {
			kind, done = "reaction_added", m.react(name, h.user)
		} else {
			done = m.unreact(name, h.user)
		}
		if done {
			s.announceReaction(kind, x.ch, m, name, h.user)
		}
	})
}

// Unfurl is Slack's own preview of a link in a message: a message_changed that changes no text (E23).
func (s *Server) Unfurl(channel, ts string) error { return s.touch(channel, ts) }

// DetectLanguage is Slack's own detection of a message's language: a message_changed that changes no text (E23).
func (s *Server) DetectLanguage(channel, ts string) error { return s.touch(channel, ts) }

func (s *Server) touch(id, ts string) error {
	found := false
	err := s.withChannel(id, func(c *channel) {
		if m := c.find(ts); m != nil {
			found = true
			s.announceChange(c, m, s.shown(m, true))
		}
	})
	if err == nil && !found {
		return fmt.Errorf("slacktest: no message %s in %s", ts, id)
	}
	return err
}

// Join makes the person a member of a channel.
func (h *Human) Join(id string) error {
	return h.s.withChannel(id, func(c *channel) {
		c.members[h.user] = true
		h.s.announceMember("member_joined_channel", c, h.user)
	})
}

// Leave ends the membership.
func (h *Human) Leave(id string) error {
	return h.s.withChannel(id, func(c *channel) {
		h.s.announceMember("member_left_channel", c, h.user)
		delete(c.members, h.user)
	})
}

// person is the user object of interactions.
func (h *Human) person() obj {
	u := h.s.users[h.user]
	if u == nil {
		return obj{"id": h.user}
	}
	return obj{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.Team}
}

func (s *Server) teamObject() obj { return obj{"id": s.opt.Team, "domain": s.opt.Domain} }

// interact sends an interaction, once (E27).
func (s *Server) interact(payload obj, onAnswer func(json.RawMessage)) *Delivery {
	d := &Delivery{Kind: "interactive", Payload: jsonOf(payload), onAnswer: onAnswer}
	s.queue(d)
	return d
}

// PressOption says more about a press.
type PressOption struct {
	Value    string `json:"value"`    // instead of the button's own: a crafted press
	Selected string `json:"selected"` // the value of the chosen option of a menu
	Crafted  bool   `json:"crafted"`  // do not look for the element in the message
}

// Press presses a button or chooses from a menu in a message, a posted card or an ephemeral one. The element must be
// there unless the press is crafted.
func (h *Human) Press(channel, ts, actionID string, opts ...PressOption) (*Delivery, error) {
	var o PressOption
	if len(opts) > 0 {
		o = opts[0]
	}
	s := h.s
	var d *Delivery
	err := h.in(channel, func(x *stage) {
		m := x.ch.find(ts)
		var eph *Ephemeral
		for i := range s.eph {
			if s.eph[i].TS == ts && s.eph[i].User == h.user {
				eph = &s.eph[i]
			}
		}
		if m == nil && eph == nil {
			x.err = fmt.Errorf("slacktest: %s sees no message %s", h.user, ts)
			return
		}
		thread := ""
		var blocks json.RawMessage
		container := obj{"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": eph != nil}
		if eph != nil {
			blocks, thread = eph.Blocks, eph.ThreadTS
		} else {
			blocks, thread = m.Blocks, m.ThreadTS
		}
		if thread != "" {
			container["thread_ts"] = thread
		}
		action := findElement(blocks, actionID)
		if action == nil {
			if !o.Crafted {
				x.err = fmt.Errorf("slacktest: message %s has no element %s", ts, actionID)
				return
			}
			action = obj{"type": "button", "action_id": actionID, "block_id": "crafted", "text": obj{"type": "plain_text", "text": "x", "emoji": true}}
		}
		if o.Value != "" {
			action["value"] = o.Value
		}
		if o.Selected != "" {
			var chosen any
			list, _ := action["options"].([]any)
			for _, e := range list {
				if op, ok := e.(obj); ok && op["value"] == o.Selected {
					chosen = op
				}
			}
			if chosen == nil && !o.Crafted {
				x.err = fmt.Errorf("slacktest: %s has no option %s", actionID, o.Selected)
				return
			}
			action["selected_option"] = chosen
			if action["type"] == "users_select" {
				action["selected_user"] = o.Selected
			}
		}
		for _, f := range []string{"options", "option_groups", "confirm", "style", "url", "accessibility_label"} {
			delete(action, f)
		}
		action["action_ts"] = s.nextTS()
		url, ru := s.newResponseURL(h.user, channel, thread)
		p := obj{
			"type": "block_actions", "user": h.person(), "api_app_id": s.opt.AppID, "token": "verification-token", "container": container,
			"trigger_id": s.newTrigger(h.user), "team": s.teamObject(), "enterprise": nil, "is_enterprise_install": false,
			"channel": obj{"id": channel, "name": x.ch.Name}, "response_url": url, "actions": []obj{action}, "state": obj{"values": obj{}},
		}
		if eph != nil {
			ru.ephemeral = ts
		} else {
			ru.message = ts
			p["message"] = s.shown(m, true)
		}
		d = s.interact(p, nil)
	})
	return d, err
}

// PressHome presses a button, chooses from a menu or enters a text in the home tab the person sees.
func (h *Human) PressHome(actionID string, opts ...PressOption) (*Delivery, error) {
	var o PressOption
	if len(opts) > 0 {
		o = opts[0]
	}
	s := h.s
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.bump()
	v := s.homes[h.user]
	if v == nil {
		return nil, fmt.Errorf("slacktest: %s sees no home tab", h.user)
	}
	var view struct {
		Blocks json.RawMessage `json:"blocks"`
	}
	_ = json.Unmarshal(v.Payload, &view)
	action := findElement(view.Blocks, actionID)
	if o.Selected != "" {
		action = findMenu(view.Blocks, actionID, o.Selected)
	}
	if action == nil {
		if !o.Crafted {
			return nil, fmt.Errorf("slacktest: the home tab of %s has no element %s %s", h.user, actionID, o.Selected)
		}
		action = obj{"type": "button", "action_id": actionID, "block_id": "crafted", "text": obj{"type": "plain_text", "text": "x", "emoji": true}}
	}
	if o.Value != "" {
		action["value"] = o.Value
	}
	for _, f := range []string{"options", "option_groups", "confirm", "style", "url", "accessibility_label", "placeholder", "max_length"} {
		delete(action, f)
	}
	action["action_ts"] = s.nextTS()
	return s.interact(obj{
		"type": "block_actions", "user": h.person(), "api_app_id": s.opt.AppID, "token": "verification-token",
		"container": obj{"type": "view", "view_id": v.ID}, "trigger_id": s.newTrigger(h.user), "team": s.teamObject(), "enterprise": nil,
		"is_enterprise_install": false, "view": s.viewObject(v), "actions": []obj{action},
	}, nil), nil
}

// findMenu finds the menu of that action id that has an option, and returns a copy with the option chosen.
func findMenu(blocks json.RawMessage, actionID, value string) obj {
	var list []obj
	if json.Unmarshal(blocks, &list) != nil {
		return nil
	}
	for _, b := range list {
		one, err := json.Marshal([]obj{b})
		if err != nil {
			continue
		}
		action := findElement(one, actionID)
		options, _ := action["options"].([]any)
		for _, e := range options {
			if op, ok := e.(obj); ok && op["value"] == value {
				action["selected_option"] = op
				return action
			}
		}
	}
	return nil
}

// findElement finds an interactive element by its action id and returns a copy with the id of its block.
func findElement(blocks json.RawMessage, actionID string) obj {
	var list []obj
	if json.Unmarshal(blocks, &list) != nil {
		return nil
	}
	for _, b := range list {
		var parts []any
		if a := b["element"]; a != nil {
			parts = append(parts, a)
		}
		if a := b["accessory"]; a != nil {
			parts = append(parts, a)
		}
		if es, ok := b["elements"].([]any); ok {
			parts = append(parts, es...)
		}
		for _, e := range parts {
			if o, ok := e.(obj); ok && o["action_id"] == actionID {
				o["block_id"] = b["block_id"]
				return o
			}
		}
	}
	return nil
}

// Submit sends the modal the person sees with values by block id and action id; a nil map submits it empty. When the
// app answers, errors keep it open, update and push change it, anything else closes it.
func (h *Human) Submit(values map[string]map[string]any) (*Delivery, error) {
	s := h.s
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.bump()
	v := s.top(h.user)
	if v == nil {
		return nil, fmt.Errorf("slacktest: %s sees no modal", h.user)
	}
	o := s.viewObject(v)
	o["state"] = obj{"values": values}
	return s.interact(obj{
		"type": "view_submission", "team": s.teamObject(), "user": h.person(), "api_app_id": s.opt.AppID, "token": "verification-token",
		"trigger_id": s.newTrigger(h.user), "view": o, "response_urls": []string{}, "is_enterprise_install": false, "enterprise": nil,
	}, func(answer json.RawMessage) { s.afterSubmit(v, answer) }), nil
}

func (s *Server) afterSubmit(v *View, answer json.RawMessage) {
	var a struct {
		Action string          `json:"response_action"`
		View   json.RawMessage `json:"view"`
	}
	_ = json.Unmarshal(answer, &a)
	switch a.Action {
	case "errors":
	case "update":
		v.Payload, v.Hash = a.View, s.hash()
	case "push":
		s.serial++
		id := s.id("V")
		s.views[id] = &View{ID: id, User: v.User, Hash: s.hash(), Payload: a.View, Parent: v.ID, order: s.serial}
	case "clear":
		for id, o := range s.views {
			if o.User == v.User {
				delete(s.views, id)
			}
		}
	default:
		delete(s.views, v.ID)
	}
}

// CloseView closes the modal; the app hears of it only when the view asked for it (E19).
func (h *Human) CloseView() error {
	s := h.s
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.bump()
	v := s.top(h.user)
	if v == nil {
		return fmt.Errorf("slacktest: %s sees no modal", h.user)
	}
	var p struct {
		Notify bool `json:"notify_on_close"`
	}
	_ = json.Unmarshal(v.Payload, &p)
	o := s.viewObject(v)
	delete(s.views, v.ID)
	if p.Notify {
		s.interact(obj{
			"type": "view_closed", "team": s.teamObject(), "user": h.person(), "api_app_id": s.opt.AppID, "token": "verification-token",
			"view": o, "is_cleared": false, "is_enterprise_install": false, "enterprise": nil,
		}, nil)
	}
	return nil
}

// Slash types a slash command in a channel. Slash commands cannot be typed in a thread, nor by external members.
func (h *Human) Slash(channel, command, text string) (*Delivery, error) {
	s := h.s
	var d *Delivery
	err := h.in(channel, func(x *stage) {
		if x.user.Kind == External || x.user.Kind == Stranger {
			x.err = fmt.Errorf("slacktest: external members cannot use %s", command)
			return
		}
		if !s.hasScope("commands") {
			x.err = fmt.Errorf("slacktest: the app has no scope commands")
			return
		}
		url, _ := s.newResponseURL(h.user, channel, "")
		d = &Delivery{Kind: "slash_commands", Payload: jsonOf(obj{
			"token": "verification-token", "team_id": s.opt.Team, "team_domain": s.opt.Domain, "channel_id": channel, "channel_name": x.ch.Name,
			"user_id": h.user, "user_name": x.user.Name, "command": command, "text": text, "api_app_id": s.opt.AppID,
			"is_enterprise_install": "false", "response_url": url, "trigger_id": s.newTrigger(h.user),
		})}
		d.onAnswer = func(answer json.RawMessage) {
			var a struct {
				Text   string          `json:"text"`
				Blocks json.RawMessage `json:"blocks"`
			}
			if json.Unmarshal(answer, &a) == nil && (a.Text != "" || len(a.Blocks) > 0) {
				s.eph = append(s.eph, Ephemeral{TS: s.nextTS(), Channel: channel, User: h.user, Text: storeText(a.Text), Blocks: a.Blocks})
			}
		}
		s.queue(d)
	})
	return d, err
}

// Shortcut uses a global shortcut, or a message shortcut when channel and ts name a message.
func (h *Human) Shortcut(callbackID, channel, ts string) (*Delivery, error) {
	s := h.s
	if channel == "" {
		var d *Delivery
		s.locked(func() {
			d = s.interact(obj{
				"type": "shortcut", "token": "verification-token", "action_ts": s.nextTS(), "team": s.teamObject(), "user": h.person(),
				"callback_id": callbackID, "trigger_id": s.newTrigger(h.user), "is_enterprise_install": false, "enterprise": nil,
			}, nil)
		})
		return d, nil
	}
	var d *Delivery
	err := h.in(channel, func(x *stage) {
		m := x.ch.find(ts)
		if m == nil {
			x.err = fmt.Errorf("slacktest: no message %s in %s", ts, channel)
			return
		}
		url, _ := s.newResponseURL(h.user, channel, m.ThreadTS)
		d = s.interact(obj{
			"type": "message_action", "token": "verification-token", "action_ts": s.nextTS(), "team": s.teamObject(), "user": h.person(),
			"channel": obj{"id": channel, "name": x.ch.Name}, "is_enterprise_install": false, "enterprise": nil, "callback_id": callbackID,
			"trigger_id": s.newTrigger(h.user), "response_url": url, "message_ts": m.TS, "message": s.shown(m, true),
		}, nil)
	})
	return d, err
}

// OpenHome opens the app's home tab.
func (h *Human) OpenHome() {
	s := h.s
	s.locked(func() {
		ev := obj{"type": "app_home_opened", "user": h.user, "channel": s.direct(h.user).ID, "tab": "home"}
		if v := s.homes[h.user]; v != nil {
			ev["view"] = s.viewObject(v)
		}
		s.emit("app_home_opened", "", ev)
	})
}
