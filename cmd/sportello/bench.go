package main

// BenchCmd measures.
type BenchCmd struct{}

// Run says what is there.
func (BenchCmd) Run() error { return nil }
