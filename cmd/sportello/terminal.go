package main

import (
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/sportello/sportello/ticketing"
)

// isTerminal tells whether w is a screen that a person looks at.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colours are for terminals only, and not where NO_COLOR is set (no-color.org).
func colours(w io.Writer, environ []string) bool {
	for _, e := range environ {
		if name, value, _ := strings.Cut(e, "="); name == "NO_COLOR" && value != "" || name == "TERM" && value == "dumb" {
			return false
		}
	}
	return isTerminal(w)
}

// advise adds to an error what can be done about it.
func advise(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, ticketing.ErrSchema):
		return text + "\nThe database was made by a newer version of sportello: start that version, or restore a backup made before the upgrade."
	case errors.Is(err, ticketing.ErrFull):
		return text + "\nThe disk is full: free some space; sportello goes on by itself."
	}
	return text
}
