// Package slack is the door of a Slack workspace: the agents' desk lives in one private channel a queue, one thread a ticket.
//
//	socket ─> Receiver ─> ledger ─> Parse ─> facts            what people did in the channel
//	row    ─> Render   ─> Send   ─> Probe                     what they are told
//
// Three rules hold everywhere:
//
//   - An envelope is acknowledged only after it is stored (own receiver, socket.go). What cannot be understood is stored too.
//   - A post is a frozen list of arguments with the row's id in its metadata. When its answer is lost it is searched for before it
//     is sent again (api.go, door.go). Cards and reactions are desired state and may be sent again freely.
//   - Ids are identity: a workspace and a user id, a channel id and a ts. Names are only shown.
//
// slack-go serves for calls of the Web API (api*.go are its only importers); the receiver is our own, because that library closes a
// connection before it opens the next and leaves unacknowledged what it cannot decode.
package slack
