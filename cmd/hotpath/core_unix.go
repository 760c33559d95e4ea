//go:build unix

package main

import "syscall"

// noCoreDump keeps weights, keys and what is being computed out of core files.
func noCoreDump() error { return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }
