// Package telegramtest is a Telegram in the test's process: it answers the methods of the Bot API that a bot for conversations needs, as
// https://core.telegram.org/bots/api documents them, and refuses what Telegram refuses.
//
//	server.go   the HTTP side: tokens, parameters, envelopes of answers
//	updates.go  getUpdates: confirming by the offset, allowed_updates, two pollers, a webhook, updates that grow old
//	send.go     sendMessage, sendPhoto, sendDocument and their limits; floods
//	edit.go     editMessageText, editMessageReplyMarkup, answerCallbackQuery
//	files.go    getFile, downloads, uploads
//	people.go   what people do: write, send files, edit, press, block
//	fault.go    what goes wrong on the way
//
// The words of the errors are those that Telegram sends; where its documentation names a limit and no words, the words are those that
// clients report.
package telegramtest
