package slack

import (
	"context"
	"sync"
	"time"

	"github.com/sportello/sportello/ticketing"
)

// people knows who is an agent: a full member of the workspace who is in the triage channel (slack.md 7.1). It remembers, because every
// message asks.
type people struct {
	api  *API
	team string
	now  func() time.Time
	// roles is how long a channel's members are remembered, persons how long a user is.
	roles, persons time.Duration

	mu    sync.Mutex
	rooms map[string]*room
	users map[string]*known
}

type room struct {
	members map[string]bool
	read    time.Time
}

type known struct {
	Person
	read time.Time
}

const (
	// rolesFor is short because the event of someone's leaving reaches one process only, and the others must not let that person act
	// for hours.
	rolesFor   = 10 * time.Minute
	personsFor = 24 * time.Hour
	// rereadAfter is how old a list must be to be read again for somebody who is not on it.
	rereadAfter = time.Minute
)

func newPeople(api *API, team string, now func() time.Time) *people {
	return &people{api: api, team: team, now: now, roles: rolesFor, persons: personsFor, rooms: map[string]*room{}, users: map[string]*known{}}
}

// person reads a user, from memory when that is fresh. A user Slack does not know has only an id.
func (p *people) person(ctx context.Context, id string) (Person, error) {
	p.mu.Lock()
	k := p.users[id]
	p.mu.Unlock()
	if k != nil && p.now().Sub(k.read) < p.persons {
		return k.Person, nil
	}
	got, err := p.api.UserInfo(ctx, id)
	if err = unless(unless(err, "user_not_found"), "user_not_visible"); err != nil {
		if k != nil {
			return k.Person, nil
		}
		return Person{}, err
	}
	if got.ID == "" {
		got = Person{ID: id}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users[id] = &known{Person: got, read: p.now()}
	return got, nil
}

// locale is a user's locale if it is remembered.
func (p *people) locale(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.users[id]; k != nil {
		return k.Locale
	}
	return ""
}

// agent tells whether a user may act in a triage channel. An error means that it is not known now.
func (p *people) agent(ctx context.Context, channel, id string) (Person, bool, error) {
	who, err := p.person(ctx, id)
	if err != nil {
		return who, false, err
	}
	if who.Team != p.team || who.Bot || who.Guest || who.Deleted {
		return who, false, nil
	}
	in, err := p.member(ctx, channel, id)
	return who, in, err
}

func (p *people) member(ctx context.Context, channel, id string) (bool, error) {
	p.mu.Lock()
	r := p.rooms[channel]
	if r != nil {
		age := p.now().Sub(r.read)
		if age < p.roles && (r.members[id] || age < rereadAfter) {
			defer p.mu.Unlock()
			return r.members[id], nil
		}
	}
	p.mu.Unlock()
	ids, err := p.api.Members(ctx, channel)
	if err != nil {
		return false, err
	}
	r = &room{members: map[string]bool{}, read: p.now()}
	for _, m := range ids {
		r.members[m] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rooms[channel] = r
	return r.members[id], nil
}

// moved forgets a channel's members because somebody joined or left.
func (p *people) moved(channel string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.rooms, channel)
}

// changed forgets a user.
func (p *people) changed(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.users, id)
}

// party names a person for the desk.
func (p *people) party(who Person) ticketing.Party {
	team := who.Team
	if team == "" {
		team = p.team
	}
	return ticketing.Party{Key: "slack:" + team + "/" + who.ID, Name: who.Name}
}
