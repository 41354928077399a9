package main

import (
	"context"

	"github.com/sportello/sportello/ticketing"
)

func (a *app) addSlackDoor(_ context.Context, _ map[string]*ticketing.Queue) error { return nil }

func slackProbes(Config) []probe { return nil }
