package slacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// order is the body of any control verb; each verb reads the fields it needs.
type order struct {
	Channel   string                    `json:"channel"`
	User      string                    `json:"user"`
	TS        string                    `json:"ts"`
	ThreadTS  string                    `json:"thread_ts"`
	Text      string                    `json:"text"`
	Broadcast bool                      `json:"broadcast"`
	Files     []Attachment              `json:"files"`
	Name      string                    `json:"name"`
	ActionID  string                    `json:"action_id"`
	Value     string                    `json:"value"`
	Selected  string                    `json:"selected"`
	Crafted   bool                      `json:"crafted"`
	Values    map[string]map[string]any `json:"values"`
	Command   string                    `json:"command"`
	Callback  string                    `json:"callback_id"`
	Do        string                    `json:"do"`
	One       bool                      `json:"one"`
	On        *bool                     `json:"on"`
	N         int                       `json:"n"`
	Seconds   float64                   `json:"seconds"`
	Advance   float64                   `json:"advance"` // seconds
	Fault     *Fault                    `json:"fault"`
	Code      string                    `json:"code"`
	NewUser   *User                     `json:"new_user"`
	NewRoom   *Channel                  `json:"new_channel"`
	Wait      bool                      `json:"wait"` // for the acknowledgement of an interaction
	Events    string                    `json:"events_url"`
	Actions   string                    `json:"interactive_url"`
	Commands  string                    `json:"commands_url"`
	Scopes    []string                  `json:"scopes"`
}

// serveControl drives the workspace from another process. POST /_control/<verb> takes a JSON object and answers one;
// GET /_control/<what>/… reads.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	verb := r.PathValue("verb")
	if r.Method == http.MethodGet {
		s.controlRead(w, strings.Split(verb, "/"))
		return
	}
	var o order
	raw, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err == nil && len(raw) > 0 {
		err = json.Unmarshal(raw, &o)
	}
	var out any
	if err == nil {
		out, err = s.control(r, verb, o)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, obj{"ok": false, "error": err.Error()})
		return
	}
	if out == nil {
		out = obj{"ok": true}
	}
	writeJSON(w, http.StatusOK, out)
}

func (s *Server) controlRead(w http.ResponseWriter, path []string) {
	arg := func(i int) string {
		if i < len(path) {
			return path[i]
		}
		return ""
	}
	var out any
	switch path[0] {
	case "messages":
		out = s.Messages(arg(1))
	case "thread":
		out = s.Thread(arg(1), arg(2))
	case "reactions":
		out = s.Reactions(arg(1), arg(2))
	case "ephemeral":
		out = s.Ephemerals(arg(1))
	case "home":
		out, _ = s.Home(arg(1))
	case "view":
		out, _ = s.View(arg(1))
	case "posts":
		out = s.Posts()
	case "acknowledged":
		out = s.Acknowledged()
	case "misuse":
		list := s.Misuse()
		if list == nil {
			list = []string{}
		}
		out = list
	case "state":
		out = obj{"sockets": s.Sockets(), "waiting": s.Waiting(), "now": s.clock.Now()}
	default:
		http.NotFound(w, nil)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

func (s *Server) control(r *http.Request, verb string, o order) (any, error) {
	h := s.As(o.User)
	wrote := func(ts string, err error) (any, error) {
		if err != nil {
			return nil, err
		}
		return obj{"ok": true, "ts": ts}, nil
	}
	sent := func(d *Delivery, err error) (any, error) {
		if err != nil {
			return nil, err
		}
		if !o.Wait {
			return obj{"ok": true}, nil
		}
		select {
		case <-d.Done():
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		if d.Err() != nil {
			return nil, d.Err()
		}
		return obj{"ok": true, "answer": d.Answer()}, nil
	}
	on := o.On == nil || *o.On
	switch verb {
	case "user":
		if o.NewUser == nil {
			return nil, errors.New("new_user is missing")
		}
		return obj{"ok": true, "id": s.AddUser(*o.NewUser)}, nil
	case "channel":
		if o.NewRoom == nil {
			return nil, errors.New("new_channel is missing")
		}
		return obj{"ok": true, "id": s.AddChannel(*o.NewRoom)}, nil
	case "message":
		return wrote(h.write(o.Channel, o.ThreadTS, o.Text, o.Broadcast, o.Files))
	case "edit":
		return nil, h.Edit(o.Channel, o.TS, o.Text)
	case "delete":
		return nil, h.Delete(o.Channel, o.TS)
	case "react":
		return nil, h.React(o.Channel, o.TS, o.Name)
	case "unreact":
		return nil, h.Unreact(o.Channel, o.TS, o.Name)
	case "press":
		return sent(h.Press(o.Channel, o.TS, o.ActionID, PressOption{Value: o.Value, Selected: o.Selected, Crafted: o.Crafted}))
	case "submit":
		return sent(h.Submit(o.Values))
	case "close":
		return nil, h.CloseView()
	case "shortcut":
		return sent(h.Shortcut(o.Callback, o.Channel, o.TS))
	case "command":
		return sent(h.Slash(o.Channel, o.Command, o.Text))
	case "open-home":
		h.OpenHome()
	case "join":
		return nil, h.Join(o.Channel)
	case "leave":
		return nil, h.Leave(o.Channel)
	case "share-channel":
		return nil, s.ShareChannel(o.Channel, on)
	case "archive":
		return nil, s.Archive(o.Channel, on)
	case "revoke":
		s.Revoke(o.Code)
	case "unfurl":
		return nil, s.Unfurl(o.Channel, o.TS)
	case "detect-language":
		return nil, s.DetectLanguage(o.Channel, o.TS)
	case "socket":
		n, err := s.Socket(o.Do, o.One)
		if err != nil {
			return nil, err
		}
		return obj{"ok": true, "sockets": n}, nil
	case "http":
		s.SetRequestURLs(o.Events, o.Actions, o.Commands)
	case "verify":
		return nil, s.Verify(r.Context())
	case "tamper":
		return nil, s.Tamper(o.Do, max(o.N, 1))
	case "scopes":
		s.SetScopes(o.Scopes...)
	case "events":
		s.NextEvents(o.Do, o.N, time.Duration(o.Seconds*float64(time.Second)))
	case "fault":
		if o.Fault == nil {
			s.ClearFaults()
			return nil, nil
		}
		return nil, s.Fault(*o.Fault)
	case "class":
		s.SetLimitedClass(on)
	case "clock":
		c, ok := s.clock.(*ManualClock)
		if !ok {
			return nil, errors.New("the workspace runs on the clock of the machine")
		}
		c.Advance(time.Duration(o.Advance * float64(time.Second)))
	case "reload":
		s.Reload(o.User)
	default:
		return nil, fmt.Errorf("unknown control verb %q", verb)
	}
	return nil, nil
}
