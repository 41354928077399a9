package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	goslack "github.com/slack-go/slack"

	"github.com/sportello/sportello/ticketing"
)

// UploadStart is the first of three steps: a place for the bytes and the file's id, which is to be stored before CompleteUpload.
func (a *API) UploadStart(ctx context.Context, name string, size int) (address, id string, err error) {
	err = a.bounded(ctx, "files.getUploadURLExternal", func(ctx context.Context) error {
		r, err := a.client.GetUploadURLExternalContext(ctx, goslack.GetUploadURLExternalParameters{FileName: name, FileSize: size})
		if err != nil {
			return err
		}
		if r.FileID == "" {
			return errNothing
		}
		address, id = r.UploadURL, r.FileID
		return nil
	})
	return address, id, err
}

// UploadBytes is the second step.
func (a *API) UploadBytes(ctx context.Context, address, name string, data []byte) error {
	return a.bounded(ctx, "upload", func(ctx context.Context) error {
		return a.client.UploadToURL(ctx, goslack.UploadToURLParameters{UploadURL: address, Filename: name, Reader: bytes.NewReader(data)})
	})
}

// UploadComplete is the third step: the file appears in the thread. After doubt ask Shared.
func (a *API) UploadComplete(ctx context.Context, id, title, channel, root string) error {
	return a.bounded(ctx, "files.completeUploadExternal", func(ctx context.Context) error {
		_, err := a.client.CompleteUploadExternalContext(ctx, goslack.CompleteUploadExternalParameters{
			Files: []goslack.FileSummary{{ID: id, Title: title}}, Channel: channel, ThreadTimestamp: root,
		})
		return err
	})
}

// Shared tells whether a file is in a channel. A file Slack does not know is not.
func (a *API) Shared(ctx context.Context, id, channel string) (bool, error) {
	var answer struct {
		File struct {
			Shares map[string]map[string]json.RawMessage `json:"shares"`
		} `json:"file"`
	}
	err := a.read(ctx, "files.info", url.Values{"file": {id}}, &answer)
	if err != nil {
		return false, unless(err, "file_not_found")
	}
	for _, kind := range answer.File.Shares {
		if _, ok := kind[channel]; ok {
			return true, nil
		}
	}
	return false, nil
}

// Download fetches a file of a message, at most limit bytes. Without the right to read it Slack redirects to a sign-in page with status
// 200, which is refused here by its address and its type.
func (a *API) Download(ctx context.Context, f file, limit int64) ([]byte, error) {
	if err := a.ready("download"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 4*callTimeout)
	defer cancel()
	address := f.Download
	if address == "" {
		address = f.Private
	}
	if !a.mayHaveToken(address) {
		return nil, &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: "foreign_file", Answer: "the file is not stored at Slack"}
	}
	if f.Size > limit {
		return nil, &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: "too_large", Answer: fmt.Sprintf("%d bytes, at most %d", f.Size, limit)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	res, err := (&http.Client{Transport: a.http.Transport}).Do(req)
	if err != nil {
		return nil, a.classify("download", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, a.classify("download", goslack.StatusCodeError{Code: res.StatusCode, Status: res.Status})
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if res.Request.URL.Query().Get("redir") != "" || kind == "text/html" && !strings.HasPrefix(f.Type, "text/html") {
		return nil, &ticketing.SendError{Verdict: ticketing.SendPermanent, Code: "not_readable", Answer: "Slack asks to sign in"}
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, a.classify("download", err)
	}
	if int64(len(data)) > limit || f.Size > 0 && int64(len(data)) != f.Size {
		return nil, &ticketing.SendError{Verdict: ticketing.SendUnknown, Code: "wrong_size", Answer: fmt.Sprintf("%d bytes instead of %d", len(data), f.Size)}
	}
	return data, nil
}

// mayHaveToken tells whether an address may be shown our token: Slack's own hosts over TLS, and the host of the Web API.
func (a *API) mayHaveToken(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	api, err := url.Parse(a.base)
	if err != nil {
		return false
	}
	if u.Scheme == api.Scheme && u.Host == api.Host {
		return true
	}
	host := strings.ToLower(u.Hostname())
	for _, d := range []string{"slack.com", "slack-gov.com"} {
		if u.Scheme == "https" && (host == d || strings.HasSuffix(host, "."+d)) {
			return true
		}
	}
	return false
}
