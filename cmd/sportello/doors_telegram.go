package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sportello/sportello/ingest/telegram"
	"github.com/sportello/sportello/ticketing/outbox"
)

// telegramWorkers is how many messages are in hand at a time; a chat takes one a second, and all together about thirty.
const telegramWorkers = 8

// check judges the settings of the bot.
func (t TelegramConfig) check(queues map[string]bool, bad func(format string, args ...any), oneOf func(where, value string, allowed ...string)) {
	oneOf("telegram.doubt", t.Doubt, "ask", "resend")
	if t.Poll < time.Second || t.Poll > telegram.DefaultPoll {
		bad("telegram.poll is %v; use 1s to %v", t.Poll, telegram.DefaultPoll)
	}
	if t.Pace < telegram.DefaultPace && t.APIURL == "" {
		bad("telegram.pace is %v; Telegram takes one message a second in a chat: use at least %v", t.Pace, telegram.DefaultPace)
	}
	if t.FileMax < 1 || t.FileMax > telegram.DefaultFileMax && t.APIURL == "" {
		bad("telegram.file_max is %d; Telegram gives bots files of at most %d bytes", t.FileMax, telegram.DefaultFileMax)
	}
	if t.UploadMax < 1 || t.UploadMax > telegram.DefaultUploadMax && t.APIURL == "" {
		bad("telegram.upload_max is %d; Telegram takes files of at most %d bytes", t.UploadMax, telegram.DefaultUploadMax)
	}
	if t.TextMax < 1 {
		bad("telegram.text_max is %d; use at least 1", t.TextMax)
	}
	if t.Queue != "" && !queues[t.Queue] {
		bad("telegram.queue: there is no queue named %q", t.Queue)
	}
	if t.APIURL != "" && !telegram.IsURL(t.APIURL) {
		bad("telegram.api_url is %q; use an https address, or http on this machine", hideUserinfo(t.APIURL))
	}
	if t.Token.IsZero() {
		return
	}
	if !telegram.IsToken(t.Token.Reveal()) {
		bad("telegram.token is no bot token; BotFather gives one such as 123456789:AAE…")
	}
	if t.Queue == "" && len(queues) == 0 {
		bad("telegram has no queue; add one under queues")
	}
}

// addTelegramDoor makes the door of the customers' bot.
func (a *app) addTelegramDoor() error {
	t := a.cfg.Telegram
	if t.Token.IsZero() {
		return nil
	}
	queue := t.Queue
	if queue == "" {
		queue = a.cfg.Queues[0].Name
	}
	d, err := telegram.New(telegram.Config{Token: t.Token, APIURL: t.APIURL, Queue: queue, Words: a.words, Files: a.files, PublicURL: a.cfg.PublicURL, Groups: t.Groups, Poll: t.Poll,
		FileMax: t.FileMax, UploadMax: t.UploadMax, TextMax: t.TextMax, Pace: t.Pace, Renew: a.cfg.Leases.Place / 3, Log: a.log})
	if err != nil {
		return &configError{err}
	}
	a.doors = append(a.doors, door{Door: d, speaker: d, doubt: outbox.Doubt(t.Doubt), workers: telegramWorkers})
	return nil
}

// telegramProbes tries the bot's token, and looks for what would keep it from polling.
func telegramProbes(cfg Config) []probe {
	t := cfg.Telegram
	if t.Token.IsZero() {
		return nil
	}
	return []probe{{"telegram", func(ctx context.Context) (string, error) {
		api, err := telegram.NewAPI(t.APIURL, t.Token)
		if err != nil {
			return "", err
		}
		defer api.Close()
		self, err := api.GetMe(ctx)
		if err != nil {
			return "", fmt.Errorf("the bot could not be asked who it is: %w. Check telegram.token", err)
		}
		hook, err := api.Webhook(ctx)
		if err != nil {
			return "", err
		}
		if hook != "" {
			return "", fmt.Errorf("another program takes the messages of @%s by a webhook at %s; remove it there, or make a bot of its own for sportello", self.Username, hideUserinfo(hook))
		}
		return "bot @" + self.Username, nil
	}}}
}
