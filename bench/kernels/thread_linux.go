package kernelbench

import (
	"syscall"
	"unsafe"
)

// threadTime returns the nanoseconds this thread has run: clock_gettime(CLOCK_THREAD_CPUTIME_ID). A neighbour that takes the CPU does
// not show in it.
func threadTime() int64 {
	const clockThreadCPUTime = 3
	var ts syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return ts.Nano()
}
