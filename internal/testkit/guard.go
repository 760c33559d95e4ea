//go:build unix

// Package testkit helps tests that watch memory: buffers between guard pages, canaries, comparison of bits.
package testkit

import (
	"os"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"
)

// Guard is memory between two pages that cannot be accessed. Slices of it end, or start, right at a guard page, so that
// reading or writing one byte too far faults.
type Guard struct{ usable []byte }

// NewGuard maps room for at least size bytes until the test ends.
func NewGuard(t testing.TB, size int) *Guard {
	t.Helper()
	page := os.Getpagesize()
	pages := (size + page - 1) / page
	all, err := syscall.Mmap(-1, 0, (pages+2)*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	for _, guard := range [][]byte{all[:page], all[(pages+1)*page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	return &Guard{all[page : (pages+1)*page]}
}

// Number is an element type of kernels.
type Number interface {
	~int8 | ~uint8 | ~uint16 | ~int32 | ~float32
}

// End returns n elements whose last byte is the last before the guard page. It panics when they do not fit.
func End[T Number](g *Guard, n int) []T {
	var zero T
	return elements[T](g.usable[len(g.usable)-n*int(unsafe.Sizeof(zero)):], n)
}

// Start returns n elements whose first byte is the first after the guard page. It panics when they do not fit.
func Start[T Number](g *Guard, n int) []T {
	var zero T
	return elements[T](g.usable[:n*int(unsafe.Sizeof(zero))], n)
}

func elements[T Number](b []byte, n int) []T {
	if n == 0 {
		return []T{}
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// NoFault runs f and turns a memory fault into a test failure. It reports whether f came to its end.
func NoFault(t testing.TB, f func()) (ok bool) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%v", r)
			ok = false
		}
	}()
	f()
	return true
}
