//go:build !unix

package main

// noCoreDump has nothing to do: there are no core files.
func noCoreDump() error { return nil }
