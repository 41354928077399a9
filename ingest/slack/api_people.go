package slack

import (
	"context"
	"net/url"

	goslack "github.com/slack-go/slack"
)

// Person is a user, as far as we need to know.
type Person struct {
	ID, Team, Name, Email, Locale string
	Bot, Guest, Deleted           bool
}

// UserInfo reads a user. Name is the real name, else the display name. Email is empty without its scope.
func (a *API) UserInfo(ctx context.Context, id string) (Person, error) {
	var p Person
	err := a.bounded(ctx, "users.info", func(ctx context.Context) error {
		u, err := a.client.GetUserInfoContext(ctx, id, goslack.GetUserInfoOptionIncludeLocale(true))
		if err != nil {
			return err
		}
		if u == nil || u.ID == "" {
			return errNothing
		}
		name := u.RealName
		if name == "" {
			name = u.Profile.RealName
		}
		if name == "" {
			name = u.Name
		}
		p = Person{
			ID: u.ID, Team: u.TeamID, Name: name, Email: u.Profile.Email, Locale: u.Locale, Bot: u.IsBot, Deleted: u.Deleted,
			Guest: u.IsRestricted || u.IsUltraRestricted || u.IsStranger,
		}
		return nil
	})
	return p, err
}

// Members reads the ids of a channel's members, all pages.
func (a *API) Members(ctx context.Context, channel string) ([]string, error) {
	var ids []string
	cursor := ""
	for range pages {
		err := a.bounded(ctx, "conversations.members", func(ctx context.Context) error {
			page, next, err := a.client.GetUsersInConversationContext(ctx, &goslack.GetUsersInConversationParameters{
				ChannelID: channel, Cursor: cursor, Limit: 200,
			})
			ids, cursor = append(ids, page...), next
			return err
		})
		if err != nil {
			return nil, err
		}
		if cursor == "" {
			break
		}
	}
	return ids, nil
}

// Room is a channel, as far as we need to know.
type Room struct {
	ID, Name                             string
	Private, Archived, Member, ExtShared bool
}

// Channel reads a channel.
func (a *API) Channel(ctx context.Context, id string) (Room, error) {
	var r Room
	var answer struct {
		Channel struct {
			ID       string `json:"id"`
			Name     string `json:"name"`
			Private  bool   `json:"is_private"`
			Archived bool   `json:"is_archived"`
			Member   bool   `json:"is_member"`
			Shared   bool   `json:"is_ext_shared"`
			Pending  bool   `json:"is_pending_ext_shared"`
		} `json:"channel"`
	}
	if err := a.read(ctx, "conversations.info", url.Values{"channel": {id}}, &answer); err != nil {
		return r, err
	}
	c := answer.Channel
	return Room{ID: c.ID, Name: c.Name, Private: c.Private, Archived: c.Archived, Member: c.Member, ExtShared: c.Shared || c.Pending}, nil
}
