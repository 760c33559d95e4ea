package server

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// gcRest keeps the garbage collector away while models are loaded. Each of its cycles stops all goroutines twice, and
// waits for the thread that loads, which has a low share of the processor and is often in the middle of a long copy: a
// millisecond and more for every request at that moment. A load makes little garbage beyond the file and the weights it
// was read into, which are gone at its end.
type gcRest struct {
	mu      sync.Mutex
	loads   int
	percent int   // to return to
	limit   int64 // to return to
	room    int64
}

// loadRoom is the memory that a load may take before the collector comes anyway, as a multiple of the size of the model:
// the file, what it is decoded into, and weights packed from that, and as much again.
const (
	loadRoom    = 6
	minLoadRoom = 64 << 20
)

// begin starts a rest for a load of about so many bytes, end ends it. At no moment are both percent and limit off: a
// cycle that ended then would see a heap without bounds coming, and the runtime get huge pages for its own tables for good.
func (g *gcRest) begin(size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.loads++; g.loads == 1 {
		g.limit = debug.SetMemoryLimit(-1)
		g.room = 0
	}
	g.room += max(loadRoom*size, minLoadRoom)
	debug.SetMemoryLimit(min(g.limit, goMemory()+g.room))
	if g.loads == 1 {
		g.percent = debug.SetGCPercent(-1)
	}
}

func (g *gcRest) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.loads--; g.loads == 0 {
		debug.SetGCPercent(g.percent)
		debug.SetMemoryLimit(g.limit)
	}
}

// goMemory is what counts against the memory limit of the Go runtime.
func goMemory() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	used := sample[0].Value.Uint64() - sample[1].Value.Uint64()
	return int64(min(used, math.MaxInt64/2))
}
