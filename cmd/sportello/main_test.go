package main

import (
	"os"
	"testing"
)

// asProgram is the environment variable that makes the test binary the program itself: the tests that kill sportello start it as a process
// of its own without building it a second time.
const asProgram = "SPORTELLO_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}
