package server

import (
	"runtime"
	"sync"
	"time"
)

// Go runs goroutines on GOMAXPROCS threads, as many as there are cores, and cannot take one away from a kernel: while runs
// of milliseconds have them all, no request is read, refused or answered. So the first model with runs that long gets the
// process as many more threads as runs may go on at once. Then the system shares the cores, and it lets a thread that
// woke up for microseconds go before those that compute. MiniLM asked for ten times of what it can do on two cores of
// Emerald Rapids refuses in 11 ms (median) and 168 ms (p99) without.
//
// A process with short runs alone stays as it is: more threads than cores make it slower, and there is nothing to wait for.
const longRun = 2 * time.Millisecond

var moreThreads sync.Once // it is a matter of the process

// isLong reports whether a run was long, and the usual one before it: one that was long by chance was preempted.
func (q *queue) isLong(d time.Duration) bool {
	return d > longRun && q.runTime.Load() > int64(longRun)
}

func (s *scheduler) giveThreads() {
	moreThreads.Do(func() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + int(s.slots)) })
}
