package ticketing

import (
	"errors"
	"fmt"
)

// Error is a failure with a code for programs, a cause for the log, and a word on whether trying again can help. The sentence for people
// is made from the code by package templates. An error that is not an *Error counts as temporary.
type Error struct {
	Code      string // "store.full", "ledger.fenced", …
	Permanent bool
	Err       error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Code
	}
	return e.Code + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors with the same code equal for errors.Is.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Wrap gives err a code. A nil err stays nil.
func Wrap(code string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err}
}

// Permanent reports whether err will not go away by trying again.
func Permanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent
}

// Sentinel errors of the store and the desk.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound error = &Error{Code: "not_found", Permanent: true}
	// ErrFenced: the lease under which a row was worked on now belongs to somebody else; nothing was changed.
	ErrFenced error = &Error{Code: "fenced"}
	// ErrFull: the disk or the database takes no more; reading waits.
	ErrFull error = &Error{Code: "full"}
	// ErrSchema: the database was made by a newer version.
	ErrSchema error = &Error{Code: "schema_newer", Permanent: true}
)

// Errorf makes a temporary error with a code.
func Errorf(code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}
