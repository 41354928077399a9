package mail

import (
	"strconv"
	"strings"
)

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

func (h *htmlText) isHidden(tag, style string) bool {
	if tag == "body" || tag == "html" {
		return false
	}
	for i := range h.attrs {
		if h.attrs[i].Key == "hidden" {
			return true
		}
	}
	if tag == "font" && h.dark == 0 && isWhite(h.attr("color")) {
		return true
	}
	if style == "" {
		return false
	}
	for decl := range strings.SplitSeq(style, ";") {
		name, v, _ := strings.Cut(strings.TrimSuffix(decl, "!important"), ":")
		switch name {
		case "display":
			if v == "none" {
				return true
			}
		case "visibility":
			if v == "hidden" {
				return true
			}
		case "mso-hide":
			if v == "all" {
				return true
			}
		case "font-size", "opacity":
			if f, err := strconv.ParseFloat(strings.TrimRight(v, "pxtemr%"), 64); err == nil && f <= 0.05 {
				return true
			}
		case "max-height", "height", "width", "max-width":
			if strings.TrimRight(v, "pxtem") == "0" && strings.Contains(style, "overflow:hidden") {
				return true
			}
		case "left", "top", "text-indent", "margin-left":
			if f, err := strconv.ParseFloat(strings.TrimRight(v, "pxtemr%"), 64); err == nil && f <= -500 {
				return true
			}
		case "color":
			if h.dark == 0 && isWhite(v) && !hasBackground(style) {
				return true
			}
		}
	}
	return false
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
