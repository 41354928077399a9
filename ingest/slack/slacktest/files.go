package slacktest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// File is one uploaded file [/reference/objects/file-object].
type File struct {
	ID     string              `json:"id"`
	Name   string              `json:"name"`
	Title  string              `json:"title"`
	Type   string              `json:"mimetype"`
	Size   int                 `json:"size"`
	User   string              `json:"user"`
	Shares map[string][]string `json:"shares,omitempty"` // channel to ts

	data     []byte
	uploaded bool
	complete bool
	secret   bool // download answers the sign-in page
}

func (s *Server) fileObject(f *File) obj {
	base := "http://" + s.addr + "/files-pri/" + s.opt.Team + "-" + f.ID + "/"
	public, private := obj{}, obj{}
	for id, list := range f.Shares {
		var shares []obj
		for _, ts := range list {
			shares = append(shares, obj{"ts": ts, "channel_name": s.channels[id].Name, "team_id": s.opt.Team})
		}
		if s.channels[id].kind() == "channel" {
			public[id] = shares
		} else {
			private[id] = shares
		}
	}
	return obj{
		"id": f.ID, "name": f.Name, "title": f.Title, "mimetype": f.Type, "size": f.Size, "user": f.User, "created": 1_700_000_000,
		"timestamp": 1_700_000_000, "mode": "hosted", "is_external": false, "is_public": false, "file_access": "visible",
		"url_private": base + url.PathEscape(f.Name), "url_private_download": base + "download/" + url.PathEscape(f.Name),
		"shares": obj{"public": public, "private": private},
	}
}

// uploadURL is the first of three steps (E18).
func uploadURL(c *call) (obj, *failure) {
	n, err := strconv.Atoi(c.args["length"])
	if err != nil || n <= 0 || c.args["filename"] == "" {
		return nil, fail("missing_argument")
	}
	s := c.s
	f := &File{ID: s.id("F"), Name: c.args["filename"], Title: c.args["filename"], Size: n, User: s.opt.BotUser, Shares: map[string][]string{}}
	s.files[f.ID] = f
	path := s.uuid()
	s.uploads[path] = f.ID
	return obj{"upload_url": c.base + "/upload/" + path, "file_id": f.ID}, nil
}

// serveUpload is the second step: the bytes, raw or as the multipart field file, once.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		if r.ParseMultipartForm(64<<20) != nil {
			http.Error(w, "broken form", http.StatusBadRequest)
			return
		}
		for _, list := range r.MultipartForm.File {
			f, err := list[0].Open()
			if err != nil {
				http.Error(w, "broken form", http.StatusBadRequest)
				return
			}
			defer func() { _ = f.Close() }()
			body = f
		}
	}
	data, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, "broken body", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.uploads[r.PathValue("id")]
	if !ok {
		http.Error(w, "the upload URL is unknown or used", http.StatusNotFound)
		return
	}
	f := s.files[id]
	if len(data) != f.Size {
		http.Error(w, "the length differs from the announced one", http.StatusBadRequest)
		return
	}
	delete(s.uploads, r.PathValue("id"))
	f.data, f.uploaded, f.Type = data, true, http.DetectContentType(data)
	_, _ = io.WriteString(w, "OK - "+strconv.Itoa(len(data)))
}

// completeUpload is the third step. The message with the files appears with the next tick of the clock.
func completeUpload(c *call) (obj, *failure) {
	s := c.s
	var want []struct{ ID, Title string }
	if json.Unmarshal([]byte(c.args["files"]), &want) != nil || len(want) == 0 {
		return nil, fail("invalid_arguments")
	}
	files := make([]*File, 0, len(want))
	for _, x := range want {
		f := s.files[x.ID]
		if f == nil || !f.uploaded {
			return nil, fail("file_not_found")
		}
		if f.complete {
			return nil, fail("file_update_failed")
		}
		if x.Title != "" {
			f.Title = x.Title
		}
		files = append(files, f)
	}
	var ch *channel
	if id := c.args["channel_id"]; id != "" {
		c.args["channel"] = id
		var no *failure
		if ch, no = c.place(true); no != nil {
			if no.code == "is_archived" {
				no = fail("invalid_channel")
			}
			return nil, no
		}
	}
	out := []obj{}
	for _, f := range files {
		f.complete = true
		out = append(out, obj{"id": f.ID, "title": f.Title})
	}
	if ch != nil {
		root, comment := c.args["thread_ts"], c.args["initial_comment"]
		s.clock.AfterFunc(0, func() {
			s.locked(func() {
				m := s.botMessage(storeText(comment), nil)
				s.shareFiles(ch, m, root, files)
			})
		})
	}
	return obj{"files": out}, nil
}

func (s *Server) shareFiles(ch *channel, m *Message, root string, files []*File) {
	m.Subtype, m.ThreadTS, m.Files = "file_share", root, files
	for _, f := range files {
		f.Shares[ch.ID] = append(f.Shares[ch.ID], m.TS)
	}
	s.put(ch, m)
	s.announce(ch, m)
}

func fileInfo(c *call) (obj, *failure) {
	f := c.s.files[c.args["file"]]
	if f == nil || !f.complete {
		return nil, fail("file_not_found")
	}
	return obj{"file": c.s.fileObject(f), "comments": []string{}, "paging": obj{"count": 100, "total": 0, "page": 1, "pages": 0}}, nil
}

// serveDownload serves a file to a bearer who may read it; anybody else is sent to the sign-in page.
func (s *Server) serveDownload(w http.ResponseWriter, r *http.Request) {
	id, _, _ := strings.Cut(r.PathValue("name"), "/")
	_, id, _ = strings.Cut(id, "-")
	s.mu.Lock()
	f := s.files[id]
	allowed := f != nil && !f.secret && bearer(r) == s.opt.BotToken && s.hasScope("files:read") && s.revoked == ""
	s.mu.Unlock()
	if !allowed {
		http.Redirect(w, r, "/sign-in?redir="+url.QueryEscape(r.URL.Path), http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", f.Type)
	w.Header().Set("Content-Length", strconv.Itoa(len(f.data)))
	_, _ = w.Write(f.data)
}

// HideFile makes the download of a file answer the sign-in page.
func (s *Server) HideFile(id string) {
	s.locked(func() {
		if f := s.files[id]; f != nil {
			f.secret = true
		}
	})
}
