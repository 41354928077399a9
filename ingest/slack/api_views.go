package slack

import (
	"context"
	"net/url"
)

// PublishHome shows a user's home tab. A hash that is not that of the view shown now is refused with hash_conflict; without one the view
// is replaced whatever it is. It returns the new view's hash.
func (a *API) PublishHome(ctx context.Context, user, view, hash string) (string, error) {
	v := url.Values{"user_id": {user}, "view": {view}}
	if hash != "" {
		v.Set("hash", hash)
	}
	var answer struct {
		View struct {
			Hash string `json:"hash"`
		} `json:"view"`
	}
	err := a.read(ctx, "views.publish", v, &answer)
	return answer.View.Hash, err
}

// OpenView opens a window by a trigger, which is good for three seconds and one use.
func (a *API) OpenView(ctx context.Context, trigger, view string) error {
	var answer struct{}
	return a.read(ctx, "views.open", url.Values{"trigger_id": {trigger}, "view": {view}}, &answer)
}

// UpdateView changes a window that stands open, named by the name we gave it.
func (a *API) UpdateView(ctx context.Context, external, view string) error {
	var answer struct{}
	return a.read(ctx, "views.update", url.Values{"external_id": {external}, "view": {view}}, &answer)
}
