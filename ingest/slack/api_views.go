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
