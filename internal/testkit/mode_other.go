//go:build !amd64

package testkit

func mode() (mxcsr uint32, flags uint64) { return defaultMXCSR, 0 }
