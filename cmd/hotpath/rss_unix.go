//go:build unix

package main

import (
	"runtime"
	"syscall"
)

// peakRSS is the most memory that this process has had at once, in bytes.
func peakRSS() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	if runtime.GOOS == "darwin" { // others count in KiB
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) << 10
}
