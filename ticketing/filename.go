package ticketing

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxFileName is the length in bytes to which names of files are cut.
const MaxFileName = 150

// maxExtension is the longest file name extension, with its dot, that is kept
// when a name is cut.
const maxExtension = 16

// CleanFileName makes the name of a foreign file safe to show and to offer for
// download. It keeps what follows the last slash or backslash, removes
// invisible characters and those that file systems forbid, strips dots and
// blanks at both ends, puts "_" before names of Windows devices and cuts to
// [MaxFileName] bytes, the extension kept. An empty result becomes part-N.
// Applying it twice changes nothing (S21). The name must be decoded already.
func CleanFileName(name string, part int) string {
	name = strip(name, true)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:*?"<>|`, r) {
			return -1
		}
		return r
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	name = strings.Trim(name, ". ")
	if isDeviceName(name) {
		name = "_" + name
	}
	name = cutFileName(name)
	if name == "" {
		return "part-" + strconv.Itoa(part)
	}
	return name
}

func isDeviceName(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	if len(base) == 4 && (base[:3] == "COM" || base[:3] == "LPT") {
		return base[3] >= '1' && base[3] <= '9'
	}
	return false
}

func cutFileName(name string) string {
	if len(name) <= MaxFileName {
		return name
	}
	ext := ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= maxExtension {
		ext = name[i:]
	}
	n := MaxFileName - len(ext)
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return strings.TrimRight(name[:n], ". ") + ext
}
