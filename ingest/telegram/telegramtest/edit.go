package telegramtest

import (
	"slices"
	"time"
)

// query is a pressed button that waits for its answer.
type query struct {
	at       time.Time
	answered bool
	Text     string
}

// queryLife is how long a press can be answered. Telegram does not say; clients wait about this long.
const queryLife = 5 * time.Minute

const notModified = "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"

func (s *Server) editable(c call) (*chat, *Message, error) {
	ch := s.chats[c.number("chat_id")]
	if ch == nil {
		return nil, nil, bad("chat not found")
	}
	m := ch.message(c.number("message_id"))
	switch {
	case m == nil:
		return nil, nil, bad("message to edit not found")
	case m.From != s.BotID():
		return nil, nil, bad("message can't be edited")
	}
	return ch, m, s.flooded(ch)
}

func sameButtons(a, b [][]Button) bool {
	return slices.EqualFunc(a, b, func(x, y []Button) bool { return slices.Equal(x, y) })
}

// editText implements editMessageText [/bots/api#editmessagetext]. Without reply_markup the buttons go.
func (s *Server) editText(c call) (any, error) {
	ch, m, err := s.editable(c)
	if err != nil {
		return nil, err
	}
	if m.File != nil {
		return nil, bad("there is no text in the message to edit")
	}
	text, err := words(c.args["text"], MaxText, "message text is empty", "MESSAGE_TOO_LONG")
	if err != nil {
		return nil, err
	}
	rows, err := markup(c.args["reply_markup"])
	if err != nil {
		return nil, err
	}
	if text == m.Text && sameButtons(rows, m.Buttons) {
		return nil, bad(notModified)
	}
	m.Text, m.Buttons = text, rows
	m.Edits++
	return s.shape(ch, m), nil
}

func (s *Server) editMarkup(c call) (any, error) {
	ch, m, err := s.editable(c)
	if err != nil {
		return nil, err
	}
	rows, err := markup(c.args["reply_markup"])
	if err != nil {
		return nil, err
	}
	if sameButtons(rows, m.Buttons) {
		return nil, bad(notModified)
	}
	m.Buttons = rows
	return s.shape(ch, m), nil
}

func (s *Server) answerQuery(c call) (any, error) {
	q := s.queries[c.args["callback_query_id"]]
	if q == nil || s.now().Sub(q.at) > queryLife {
		return nil, bad("query is too old and response timeout expired or query ID is invalid")
	}
	if units(c.args["text"]) > MaxAlert {
		return nil, bad("MESSAGE_TOO_LONG")
	}
	q.answered, q.Text = true, c.args["text"]
	return true, nil
}
