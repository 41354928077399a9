package mailtest

import (
	"errors"
	"strings"

	"github.com/emersion/go-sasl"
)

// loginServer is the server's side of LOGIN, which go-sasl has for clients only.
type loginServer struct {
	check func(username, password string) error
	user  string
	step  int
}

var _ sasl.Server = (*loginServer)(nil)

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch {
	case l.step == 1 && response == nil:
		return []byte("Username:"), false, nil
	case l.user == "":
		if len(response) == 0 {
			return nil, false, errors.New("no user name")
		}
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

// xoauth2Server is the server's side of Google's and Microsoft's XOAUTH2: a refusal is first told as a challenge, which the client
// answers with an empty line.
type xoauth2Server struct {
	check   func(username, token string) error
	refused error
}

var _ sasl.Server = (*xoauth2Server)(nil)

func (o *xoauth2Server) Next(response []byte) (challenge []byte, done bool, err error) {
	if o.refused != nil {
		return nil, false, o.refused
	}
	if response == nil {
		return []byte{}, false, nil
	}
	var user, token string
	for field := range strings.SplitSeq(string(response), "\x01") {
		if v, ok := strings.CutPrefix(field, "user="); ok {
			user = v
		}
		if v, ok := strings.CutPrefix(field, "auth=Bearer "); ok {
			token = v
		}
	}
	if err := o.check(user, token); err != nil {
		o.refused = err
		return []byte(`{"status":"401","schemes":"bearer"}`), false, nil
	}
	return nil, true, nil
}
