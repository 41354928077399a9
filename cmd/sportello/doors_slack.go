package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sportello/sportello/ingest/slack"
	"github.com/sportello/sportello/ticketing"
	"github.com/sportello/sportello/ticketing/outbox"
)

// slackTimeout bounds the one question that starting may ask Slack.
const slackTimeout = 15 * time.Second

// slackWorkers is how many posts are in hand at a time; a channel takes one a second, so more would only wait.
const slackWorkers = 4

// addSlackDoor makes the door of the agents' workspace and gives each queue its place there.
func (a *app) addSlackDoor(ctx context.Context, queues map[string]*ticketing.Queue) error {
	s := a.cfg.Slack
	if s.BotToken.IsZero() {
		return nil
	}
	team := s.Team
	if team == "" {
		api := slack.NewAPI(s.APIURL, s.BotToken.Reveal(), s.AppToken.Reveal())
		defer api.Close()
		ask, cancel := context.WithTimeout(ctx, slackTimeout)
		defer cancel()
		self, err := api.AuthTest(ask)
		if err != nil {
			return badConfig("slack: the workspace could not be asked for its id: %w. Check the bot token, or set slack.team (T…) so that starting needs no answer from Slack", err)
		}
		team = self.Team
	}
	channels := map[string]string{}
	for _, q := range a.cfg.Queues {
		if q.Channel == "" {
			continue
		}
		channels[q.Channel] = q.Name
		queues[q.Name].ChatDoor, queues[q.Name].Place = "slack:"+team, "slack:"+team+"/"+q.Channel
	}
	pause := time.Duration(0)
	if s.APIURL != "" {
		pause = a.cfg.Testing.SlackPace
	}
	d, err := slack.New(slack.Config{Team: team, BotToken: s.BotToken, AppToken: s.AppToken, Mode: s.Mode, SigningSecret: s.Signing, BodyMax: s.BodyMax, APIURL: s.APIURL, Queues: channels, Words: a.words,
		Sockets: s.Sockets, PostEvery: pause, Settle: s.Settle, Log: a.log, Alarm: func(code string) { a.log.Error("slack needs attention", "code", code) }})
	if err != nil {
		return &configError{err}
	}
	a.doors = append(a.doors, door{Door: d, speaker: d, doubt: outbox.DoubtProbe, workers: slackWorkers})
	return nil
}

// mountSlack gives the web listener the addresses Slack posts to, where it does.
func (a *app) mountSlack(mux *http.ServeMux) {
	for _, d := range a.doors {
		if s, ok := d.Door.(*slack.Door); ok && s.Mode() == slack.ModeHTTP {
			mux.Handle("/slack/", s.Handler(a.ledger))
		}
	}
}

// slackProbes tries the bot's token and each channel.
func slackProbes(cfg Config) []probe {
	s := cfg.Slack
	if s.BotToken.IsZero() {
		return nil
	}
	api := func() *slack.API { return slack.NewAPI(s.APIURL, s.BotToken.Reveal(), s.AppToken.Reveal()) }
	out := []probe{
		{"slack bot token", func(ctx context.Context) (string, error) {
			self, err := api().AuthTest(ctx)
			return "workspace " + self.Team, err
		}},
	}
	if s.Mode == slack.ModeSocket {
		out = append(out, probe{"slack app token", func(ctx context.Context) (string, error) {
			_, err := api().OpenSocket(ctx)
			return "Socket Mode", err
		}})
	}
	for _, q := range cfg.Queues {
		if q.Channel == "" {
			continue
		}
		out = append(out, probe{"slack " + q.Name, func(ctx context.Context) (string, error) {
			room, err := api().Channel(ctx, q.Channel)
			switch {
			case err != nil:
				return "", fmt.Errorf("channel %s: %w. Invite the bot there: /invite @sportello", q.Channel, err)
			case !room.Private || room.ExtShared || room.Archived || !room.Member:
				return "", fmt.Errorf("channel %s must be private, not shared with another workspace, not archived, and the bot must be in it", q.Channel)
			}
			return "channel " + q.Channel, nil
		}})
	}
	return out
}
