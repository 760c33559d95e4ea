package server

import (
	"runtime"
	"syscall"
)

// loadNice is the niceness of threads that load models while requests are served: about a tenth of the share of others.
// With 19, or the policy SCHED_IDLE, such a thread is kept waiting for so long that pauses of the garbage collector,
// which wait for it in turn, are felt by requests: 64 MiB models loaded one after another on two cores raised the 99th
// percentile of others 1.3 times with 10, 1.8 to 7 times with 19, 9 times with SCHED_IDLE and 12 times with 0 (bench/life, when
// models were still warmed on all threads; on one, with 10, 0.6 to 1.2 times: the cores do not go to sleep).
const loadNice = 10

// lowerPriority makes the calling goroutine run on a thread of its own with a low share of the processor. The
// thread cannot be raised again without privilege; it ends with the goroutine, which stays locked to it.
func lowerPriority() {
	runtime.LockOSThread()
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), loadNice) // a sandbox may forbid it
}
