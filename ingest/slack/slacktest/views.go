package slacktest

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

const (
	triggerLife     = 3 * time.Second
	viewStack       = 3
	viewBytes       = 250_000
	viewLabel       = 24 // characters of title, submit and close [/reference/views/modal-views]
	responseURLLife = 30 * time.Minute
	responseURLUses = 5
)

// View is a modal or a home view.
type View struct {
	ID      string          `json:"id"`
	User    string          `json:"user"`
	Hash    string          `json:"hash"`
	Payload json.RawMessage `json:"view"` // as the app sent it
	Parent  string          `json:"previous_view_id,omitempty"`

	order int
}

type trigger struct {
	user string
	born time.Time
	used bool
}

type responseURL struct {
	user, channel, thread string
	born                  time.Time
	uses                  int
	message, ephemeral    string // ts of the message it belongs to
}

func (s *Server) newTrigger(user string) string {
	id := s.uuid()
	s.triggers[id] = &trigger{user: user, born: s.clock.Now()}
	return id
}

// pull uses a trigger (E19).
func (c *call) pull() (*trigger, *failure) {
	t := c.s.triggers[c.args["trigger_id"]]
	switch {
	case t == nil:
		return nil, fail("invalid_trigger_id")
	case t.used:
		return nil, fail("exchanged_trigger_id")
	case c.s.expired(t.born, triggerLife):
		return nil, fail("expired_trigger_id")
	}
	t.used = true
	return t, nil
}

// view checks the view of a call.
func (c *call) view(kind string) (json.RawMessage, *failure) {
	raw := []byte(c.args["view"])
	if len(raw) > viewBytes {
		return nil, fail("view_too_large")
	}
	var v struct {
		Type   string          `json:"type"`
		Blocks json.RawMessage `json:"blocks"`
		Submit json.RawMessage `json:"submit"`
		Close  json.RawMessage `json:"close"`
		Title  json.RawMessage `json:"title"`
		Meta   string          `json:"private_metadata"`
		ID     string          `json:"callback_id"`
	}
	if json.Unmarshal(raw, &v) != nil || v.Type != kind || kind == "modal" && v.Title == nil || len([]rune(v.Meta)) > 3000 || len([]rune(v.ID)) > 255 {
		return nil, fail("invalid_arguments")
	}
	surface := surfaceModal
	if kind == "home" {
		surface = surfaceHome
	}
	if _, no := c.s.checkBlocks(string(v.Blocks), surface); no != nil {
		return nil, &failure{code: "invalid_arguments", extra: no.extra}
	}
	if kind == "modal" {
		k := &checker{}
		for part, o := range map[string]json.RawMessage{"title": v.Title, "submit": v.Submit, "close": v.Close} {
			var text any
			if json.Unmarshal(o, &text) == nil && text != nil {
				k.text(text, viewLabel, "plain_text", part)
			}
		}
		if len(k.faults) > 0 {
			return nil, &failure{code: "invalid_arguments", extra: obj{"response_metadata": obj{"messages": k.faults}}}
		}
	}
	if kind == "modal" && v.Submit == nil && hasInput(v.Blocks) {
		return nil, fail("invalid_arguments")
	}
	return raw, nil
}

func (s *Server) viewObject(v *View) obj {
	o := obj{}
	_ = json.Unmarshal(v.Payload, &o)
	o["id"], o["team_id"], o["hash"], o["app_id"], o["bot_id"] = v.ID, s.opt.Team, v.Hash, s.opt.AppID, s.opt.BotID
	o["root_view_id"], o["previous_view_id"] = v.ID, nil
	o["state"] = obj{"values": obj{}}
	for id := v.Parent; id != ""; {
		o["root_view_id"] = id
		if s.views[id] == nil {
			break
		}
		id = s.views[id].Parent
	}
	if v.Parent != "" {
		o["previous_view_id"] = v.Parent
	}
	return o
}

func (c *call) show(user, parent string, raw json.RawMessage) obj {
	s := c.s
	s.serial++
	v := &View{ID: s.id("V"), User: user, Hash: s.hash(), Payload: raw, Parent: parent, order: s.serial}
	s.views[v.ID] = v
	return obj{"view": s.viewObject(v)}
}

// top returns the view a user sees, or nil.
func (s *Server) top(user string) *View {
	var top *View
	for _, v := range s.views {
		if v.User == user && (top == nil || v.order > top.order) {
			top = v
		}
	}
	return top
}

func openView(c *call) (obj, *failure) {
	raw, no := c.view("modal")
	if no != nil {
		return nil, no
	}
	t, no := c.pull()
	if no != nil {
		return nil, no
	}
	for id, v := range c.s.views {
		if v.User == t.user {
			delete(c.s.views, id)
		}
	}
	return c.show(t.user, "", raw), nil
}

func pushView(c *call) (obj, *failure) {
	raw, no := c.view("modal")
	if no != nil {
		return nil, no
	}
	t, no := c.pull()
	if no != nil {
		return nil, no
	}
	n := 0
	for _, v := range c.s.views {
		if v.User == t.user {
			n++
		}
	}
	switch {
	case n == 0:
		return nil, fail("not_found")
	case n >= viewStack:
		return nil, fail("push_limit_reached")
	}
	return c.show(t.user, c.s.top(t.user).ID, raw), nil
}

func updateView(c *call) (obj, *failure) {
	v := c.s.views[c.args["view_id"]]
	if v == nil {
		return nil, fail("not_found")
	}
	if h := c.args["hash"]; h != "" && h != v.Hash {
		return nil, fail("hash_conflict")
	}
	raw, no := c.view("modal")
	if no != nil {
		return nil, no
	}
	v.Payload, v.Hash = raw, c.s.hash()
	return obj{"view": c.s.viewObject(v)}, nil
}

func publishView(c *call) (obj, *failure) {
	s := c.s
	user := c.args["user_id"]
	if s.users[user] == nil {
		return nil, fail("invalid_arguments")
	}
	v := s.homes[user]
	if v != nil && c.args["hash"] != "" && c.args["hash"] != v.Hash {
		return nil, fail("hash_conflict")
	}
	raw, no := c.view("home")
	if no != nil {
		return nil, no
	}
	if v == nil {
		v = &View{ID: s.id("V"), User: user}
		s.homes[user] = v
	}
	v.Payload, v.Hash = raw, s.hash()
	return obj{"view": s.viewObject(v)}, nil
}

// View returns the modal a user sees; ok is false when there is none.
func (s *Server) View(user string) (v View, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if top := s.top(user); top != nil {
		return *top, true
	}
	return View{}, false
}

// Home returns the user's home view.
func (s *Server) Home(user string) (v View, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.homes[user]; h != nil {
		return *h, true
	}
	return View{}, false
}

func (s *Server) newResponseURL(user, channel, thread string) (string, *responseURL) {
	id := s.uuid()
	r := &responseURL{user: user, channel: channel, thread: thread, born: s.clock.Now()}
	s.respond[id] = r
	return "http://" + s.addr + "/respond/" + id, r
}

// serveRespond takes answers to a response_url: five within thirty minutes (E20).
func (s *Server) serveRespond(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var a struct {
		Text     string          `json:"text"`
		Blocks   json.RawMessage `json:"blocks"`
		Type     string          `json:"response_type"`
		Replace  bool            `json:"replace_original"`
		Delete   bool            `json:"delete_original"`
		ThreadTS string          `json:"thread_ts"`
	}
	if err != nil || json.Unmarshal(raw, &a) != nil {
		writeJSON(w, http.StatusBadRequest, obj{"ok": false, "error": "invalid_payload"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.bump()
	u := s.respond[r.PathValue("id")]
	if u == nil || s.expired(u.born, responseURLLife) || u.uses >= responseURLUses {
		writeJSON(w, http.StatusNotFound, obj{"ok": false, "error": "used_url"})
		return
	}
	if len(a.Blocks) > 0 {
		if _, no := s.checkBlocks(string(a.Blocks), surfaceMessage); no != nil {
			writeJSON(w, http.StatusBadRequest, obj{"ok": false, "error": no.code})
			return
		}
	}
	u.uses++
	ch := s.channels[u.channel]
	text := storeText(a.Text)
	switch {
	case a.Replace || a.Delete:
		s.respondOver(u, ch, text, a.Blocks, a.Delete)
	case a.Type == "in_channel" && ch != nil:
		m := s.botMessage(text, a.Blocks)
		m.ThreadTS = a.ThreadTS
		s.put(ch, m)
		s.announce(ch, m)
	default:
		s.eph = append(s.eph, Ephemeral{TS: s.nextTS(), Channel: u.channel, User: u.user, ThreadTS: a.ThreadTS, Text: text, Blocks: a.Blocks})
	}
	writeJSON(w, http.StatusOK, obj{"ok": true})
}

func (s *Server) respondOver(u *responseURL, ch *channel, text string, blocks json.RawMessage, remove bool) {
	if u.ephemeral != "" {
		for i := range s.eph {
			if s.eph[i].TS != u.ephemeral {
				continue
			}
			if remove {
				s.eph = append(s.eph[:i], s.eph[i+1:]...)
			} else {
				s.eph[i].Text, s.eph[i].Blocks = text, blocks
			}
			return
		}
		return
	}
	if ch == nil {
		return
	}
	m := ch.find(u.message)
	if m == nil || m.BotID != s.opt.BotID {
		return
	}
	if remove {
		s.announceDeletion(ch, m.TS, s.take(ch, m))
		return
	}
	before := s.shown(m, true)
	m.Text, m.Blocks = text, blocks
	s.announceChange(ch, m, before)
}
