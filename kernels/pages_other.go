//go:build !linux

package kernels

import "unsafe"

// hugePages does nothing: only Linux takes the advice.
func hugePages(unsafe.Pointer, int) {}

// Discard does nothing: only Linux takes the advice.
func Discard([]byte) {}
