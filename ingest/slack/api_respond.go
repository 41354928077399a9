package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/sportello/sportello/ticketing"
)

// Respond answers at a response_url, which is good for five answers in thirty minutes. Only the one who acted sees it.
func (a *API) Respond(ctx context.Context, address string, args map[string]string) error {
	body := map[string]any{"response_type": "ephemeral", "replace_original": false}
	for name, v := range args {
		body[name] = v
		if name == "blocks" {
			body[name] = json.RawMessage(v)
		}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	res, err := a.http.Do(req)
	if err != nil {
		return &ticketing.SendError{Verdict: ticketing.SendUnknown, Code: "no_answer", Err: hideToken(err)}
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	said, _ := io.ReadAll(io.LimitReader(res.Body, 200))
	return &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: "http_" + strconv.Itoa(res.StatusCode), Answer: string(said)}
}
