package server

import (
	"runtime"
	"syscall"
)

// loadNice is the niceness of threads that load models while requests are served: the least share that the scheduler
// of Linux gives.
const loadNice = 19

// lowerPriority makes the calling goroutine run on a thread of its own with a low share of the processor. The
// thread cannot be raised again without privilege; it ends with the goroutine, which stays locked to it.
func lowerPriority() {
	runtime.LockOSThread()
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), loadNice) // a sandbox may forbid it
}
