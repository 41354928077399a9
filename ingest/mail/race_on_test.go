//go:build race

package mail

// raceDetector: go-imap reads the end of a broken literal in two goroutines; the one test that breaks one is left out.
const raceDetector = true
