// Package telegram is the door of a Telegram bot, to which customers write.
//
//	getUpdates ─> Poller ─> ledger ─> Parse ─> facts          what people write, edit, press        poll.go parse.go text.go
//	row        ─> Render ─> Send                              what they are told                    door.go words.go
//
// Its rules:
//
//   - The offset moves only after the updates before it are stored (poll.go). Until then Telegram keeps them, and they come again.
//   - A conversation is a chat and, where the chat has topics, its topic. It has no threads: what is written continues the request
//     that is not over, and an answer to one certain message of ours belongs to that message's request.
//   - Telegram has neither a key against doubles nor a way to look for a message of ours. A message whose answer was lost is in
//     doubt, and the setting says whether a person decides or it goes again. A request that never left is not in doubt (api.go).
//   - Nothing that a person typed is ever read as markup: every text goes out plain.
//   - Ids are identity: a user id, a chat id. Names are only shown.
//
// The library github.com/go-telegram/bot builds the requests (api.go is its only importer). It does not receive: it confirms updates
// before anybody has stored them. Nor does it judge answers: it tells neither an HTTP status nor whether a request left, and an answer
// with a message of a new kind in it would look like a failed call.
package telegram
