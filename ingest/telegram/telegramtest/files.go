package telegramtest

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // sendPhoto reads these
	_ "image/png"
	"net/http"
	"strings"
)

// file is a file that Telegram keeps.
type file struct {
	id, path string
	data     []byte
	size     int64 // told, when the bytes are only pretended
	gone     bool
}

// store keeps bytes under a new file id.
func (s *Server) store(kind, name string, data []byte, size int64) *file {
	s.serial++
	f := &file{id: fmt.Sprintf("AgAC-%s-%d", kind, s.serial), path: fmt.Sprintf("%ss/file_%d", kind, s.serial), data: data, size: max(size, int64(len(data)))}
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		f.path += name[i:]
	}
	s.files[f.id] = f
	return f
}

// getFile implements the method [/bots/api#getfile].
func (s *Server) getFile(c call) (any, error) {
	f := s.files[c.args["file_id"]]
	switch {
	case f == nil:
		return nil, bad("invalid file_id")
	case f.size > MaxDownload:
		return nil, bad("file is too big")
	}
	return map[string]any{"file_id": f.id, "file_unique_id": "u" + f.id, "file_size": f.size, "file_path": f.path}, nil
}

func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, path string) {
	s.mu.Lock()
	s.calls["file"]++
	fault := s.fault("file", call{})
	var data []byte
	found := false
	for _, f := range s.files {
		if f.path == path && !f.gone {
			data, found = f.data, true
		}
	}
	s.mu.Unlock()
	switch {
	case s.before(w, r, fault) || after(w, fault):
	case !found:
		write(w, &answer{Code: http.StatusNotFound, Description: "Not Found"})
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(data)
	}
}

// sendFile implements sendPhoto and sendDocument [/bots/api#sending-files].
func (s *Server) sendFile(c call, kind string) (any, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, err
	}
	caption, err := words(c.args["caption"], MaxCaption, "", "message caption is too long")
	if err != nil {
		return nil, err
	}
	up, ok := c.files[kind]
	if !ok {
		return nil, bad("there is no %s in the request", kind)
	}
	m := &Message{Text: caption, Method: "send" + strings.ToUpper(kind[:1]) + kind[1:], File: &File{Name: up.name, Type: up.media, Photo: kind == "photo", Data: up.data}}
	switch {
	case len(up.data) > MaxUpload:
		return nil, &answer{Code: http.StatusRequestEntityTooLarge, Description: "Request Entity Too Large"}
	case len(up.data) == 0:
		return nil, bad("file must be non-empty")
	case kind == "photo":
		if len(up.data) > MaxPhoto {
			return nil, bad("file is too big")
		}
		info, _, err := image.DecodeConfig(bytes.NewReader(up.data))
		if err != nil {
			return nil, bad("IMAGE_PROCESS_FAILED")
		}
		if w, h := info.Width, info.Height; w+h > 10000 || w > 20*h || h > 20*w {
			return nil, bad("PHOTO_INVALID_DIMENSIONS")
		}
	}
	m.File.ID = s.store(kind, up.name, up.data, 0).id
	return s.post(ch, c, m)
}
