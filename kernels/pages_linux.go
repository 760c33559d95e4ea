package kernels

import (
	"runtime"
	"syscall"
	"unsafe"
)

const (
	hugePage = 2 << 20
	// hugeFrom bytes hold at least one aligned huge page. Reading weights in order gains 1.2 to 1.5 times from huge pages at 1 to 8
	// rows of 4096² (Zen 3).
	hugeFrom = 2 * hugePage
)

// hugePages asks for huge pages behind a fresh allocation of that many bytes at p, where they fit whole, until it is garbage: what comes
// to its place later is small, and each page of that would take 2 MiB. It is advice: failure costs only speed.
func hugePages(p unsafe.Pointer, bytes int) {
	if bytes < hugeFrom {
		return
	}
	advise := func(start *byte, advice int) {
		skip := int(-uintptr(unsafe.Pointer(start)) & (hugePage - 1))
		whole := (bytes - skip) &^ (hugePage - 1)
		_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(start), skip)), whole), advice)
	}
	advise((*byte)(p), syscall.MADV_HUGEPAGE)
	// A finalizer, not a cleanup, which might run when the next owner of the memory has asked for huge pages.
	runtime.SetFinalizer((*byte)(p), func(start *byte) { advise(start, syscall.MADV_NOHUGEPAGE) })
}

// Discard gives the whole pages of b back to the operating system. b holds zeros there afterwards.
func Discard(b []byte) {
	page := syscall.Getpagesize()
	p := unsafe.Pointer(unsafe.SliceData(b))
	skip := int(-uintptr(p) & uintptr(page-1))
	if whole := (len(b) - skip) &^ (page - 1); whole > 0 {
		_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Add(p, skip)), whole), syscall.MADV_DONTNEED)
	}
}
