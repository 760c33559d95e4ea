//go:build unix

package kernels_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels/contract"
)

// TestConcurrentContract runs the contract of every family on several goroutines at once, on the tier in use, while the collector runs in a
// loop and stacks move: each result still has its bits.
func TestConcurrentContract(t *testing.T) {
	if testing.Short() || testkit.Race {
		t.Skip("takes seconds; the contract of each tier runs anyway")
	}
	var stop atomic.Bool
	ended := make(chan int)
	go func() {
		collections := 0
		for ; !stop.Load(); collections++ {
			runtime.GC()
		}
		ended <- collections
	}()
	t.Run("at once", func(t *testing.T) {
		for i := range 4 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				contract.Run(t, func(run func()) { onGrownStack(i, run) })
			})
		}
	})
	stop.Store(true)
	n := <-ended
	t.Logf("%d collections meanwhile", n)
	if n < 10 {
		t.Errorf("%d collections ran meanwhile, expected 10 or more", n)
	}
}

// onGrownStack calls run below a frame that makes the stack grow, so that it shrinks, and moves, at a later collection.
//
//go:noinline
func onGrownStack(depth int, run func()) {
	var frame [4096]byte
	if depth > 0 {
		onGrownStack(depth-1, run)
	} else {
		run()
	}
	runtime.KeepAlive(&frame)
}
