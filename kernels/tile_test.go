package kernels_test

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// TestTilesUnderCollection multiplies in AMX tiles on more goroutines than threads while the garbage collector runs over and over: its
// signals interrupt kernels, and goroutines move between threads. Tiles must come back as they were.
func TestTilesUnderCollection(t *testing.T) {
	if kernels.Tier() < cpu.AMX {
		if cpu.Required() {
			t.Fatalf("this run has %v only and HOTPATH_REQUIRE=1", kernels.Tier())
		}
		t.Skipf("this run has %v only", kernels.Tier())
	}
	const m, n, k = 100, 200, 500
	a, w, x := make([]uint8, m*k), make([]int8, k*n), make([]float32, m*k)
	for i := range a {
		a[i], x[i] = uint8(i*7919>>3), float32(i%37)-18
	}
	for i := range w {
		w[i] = int8(i * 7919 >> 4)
	}
	weights := make([]float32, k*n)
	for i, v := range w {
		weights[i] = float32(v)
	}
	b, bf := kernels.PackS8(k, n, w, n, 1), kernels.PackBF16(k, n, weights, n, 1)
	if !bf.Tiles {
		t.Fatal("bf16 weights are not packed for tiles")
	}
	want, wantF := make([]int32, m*n), make([]float32, m*n)
	kernels.GemmU8S8S32(nil, m, a, k, b, want, n)
	kernels.GemmBF16(nil, m, x, k, bf, wantF, n, nil, nil)
	var done atomic.Bool
	var collector, workers sync.WaitGroup
	collections := 0
	collector.Go(func() {
		for !done.Load() {
			runtime.GC()
			collections++
		}
	})
	for range 4 * runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			got, gotF := make([]int32, m*n), make([]float32, m*n)
			for range 300 {
				kernels.GemmU8S8S32(nil, m, a, k, b, got, n)
				kernels.GemmBF16(nil, m, x, k, bf, gotF, n, nil, nil)
				if !slices.Equal(got, want) || !slices.Equal(gotF, wantF) {
					t.Error("a product differs")
					return
				}
				runtime.Gosched()
			}
		})
	}
	workers.Wait()
	done.Store(true)
	collector.Wait()
	t.Logf("%d collections", collections)
}
