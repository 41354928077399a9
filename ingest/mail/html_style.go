package mail

import (
	"strconv"
	"strings"
)

// squeeze lower-cases a style and removes its blanks.
func squeeze(s string) string {
	if len(s) > 2000 {
		s = s[:2000]
	}
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, s))
}

// ink is what elements inherit of how words look, and may set anew; any of it being set, the words are not seen.
type ink struct {
	tiny      bool // a size of nothing
	invisible bool
	white     bool // on a ground that is not dark
}

// readStyle reports whether an element hides all that is within, whatever that says of itself, and changes the ink (S20). mso-hide
// counts for nothing: it hides from Outlook what all others show.
func (h *htmlText) readStyle(tag, style string) (hides bool) {
	if tag == "body" || tag == "html" {
		return false
	}
	for i := range h.attrs {
		if h.attrs[i].Key == "hidden" {
			return true
		}
	}
	if c := h.attr("color"); tag == "font" && c != "" {
		h.ink.white = isWhite(c)
	}
	if style == "" {
		return false
	}
	for decl := range strings.SplitSeq(style, ";") {
		name, v, _ := strings.Cut(strings.TrimSuffix(decl, "!important"), ":")
		switch name {
		case "display":
			hides = hides || v == "none"
		case "visibility":
			h.ink.invisible = v == "hidden" || v == "collapse" || v == "inherit" && h.ink.invisible
		case "opacity":
			f, err := strconv.ParseFloat(strings.TrimRight(v, "%"), 64)
			hides = hides || err == nil && f <= 0.05
		case "font-size":
			h.ink.tiny = isTiny(v, h.ink.tiny)
		case "max-height", "height", "width", "max-width":
			hides = hides || strings.TrimRight(v, "pxtem") == "0" && strings.Contains(style, "overflow:hidden")
		case "left", "top", "text-indent", "margin-left":
			f, err := strconv.ParseFloat(strings.TrimRight(v, "pxtemr%"), 64)
			hides = hides || err == nil && f <= -500
		case "color":
			if v != "inherit" && v != "" {
				h.ink.white = isWhite(v)
			}
		}
	}
	return hides
}

// isTiny judges a font size; one that is a share of the size around it is tiny if that is.
func isTiny(v string, around bool) bool {
	number := strings.TrimRight(v, "abcdefghijklmnopqrstuvwxyz%")
	f, err := strconv.ParseFloat(number, 64)
	switch unit := v[len(number):]; {
	case err != nil:
		// smaller and larger are shares, small and large are sizes.
		return around && (v == "smaller" || v == "larger" || v == "inherit")
	case f <= 0.05:
		return true
	case unit == "em" || unit == "%" || unit == "ex" || unit == "ch":
		return around
	}
	return false
}

// unseen reports whether words written now would not be seen. Where a style sheet sets grounds, no white says whether it stands on white.
func (h *htmlText) unseen() bool {
	return h.hidden > 0 || !h.shown && (h.ink.tiny || h.ink.invisible || h.ink.white && h.dark == 0 && !h.grounds)
}

func isWhite(v string) bool {
	switch strings.ToLower(v) {
	case "#fff", "#ffffff", "white", "rgb(255,255,255)":
		return true
	}
	return false
}

func isDark(v string) bool { return v != "" && !isWhite(v) }

func hasBackground(style string) bool {
	i := strings.Index(style, "background")
	if i < 0 {
		return false
	}
	_, v, ok := strings.Cut(style[i:], ":")
	v, _, _ = strings.Cut(v, ";")
	return ok && v != "none" && v != "transparent" && !isWhite(v)
}

func hasClass(class string, set map[string]bool) bool {
	if class == "" {
		return false
	}
	for c := range strings.FieldsSeq(class) {
		if set[c] {
			return true
		}
		// Web mail renames classes of mails it shows: m_-123gmail_quote.
		if i := strings.Index(c, "gmail_"); i > 0 && set[c[i:]] {
			return true
		}
	}
	return false
}
