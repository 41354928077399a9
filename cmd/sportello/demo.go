package main

// DemoCmd is the demo.
type DemoCmd struct{}

// Run shows it.
func (DemoCmd) Run() error { return nil }
