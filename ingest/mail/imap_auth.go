package mail

import "github.com/emersion/go-sasl"

func plainAuth(username, password string) sasl.Client {
	return sasl.NewPlainClient("", username, password)
}

// xoauth2 is the SASL mechanism of Google and Microsoft for OAuth 2 access tokens; go-sasl does not have it.
// Source: https://developers.google.com/workspace/gmail/imap/xoauth2-protocol
type xoauth2 struct {
	username, token string
}

func (x *xoauth2) Start() (mechanism string, response []byte, err error) {
	return "XOAUTH2", []byte("user=" + x.username + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

// Next answers the challenge that carries the reason of a refusal; the tagged NO follows it.
func (x *xoauth2) Next([]byte) ([]byte, error) { return []byte{}, nil }
