package kernels

import (
	"context"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
)

// A Task is work cut into chunks that may run in any order and at the same time.
type Task interface{ Chunk(i int) }

// Pool is a fixed set of worker goroutines that help their callers. One pool serves all models of a process.
//
// A job is one word, the number of chunks and the next one to take: whoever swaps in next+1 owns that chunk, so a chunk cannot
// be taken twice and a late worker can only take work that exists. The caller takes chunks too until none is left, then waits
// for the chunks in flight, so a worker that does not come costs nothing. A call that finds the pool busy runs alone, and so do
// all while as many callers have entered as there are threads, and a little longer: each has a core then.
//
// A nil *Pool runs everything on the caller.
type Pool struct {
	*team
	labels context.Context // with those that its jobs have in profiles; nil for none
}

// team is the workers of a Pool and of those made of it by Share.
type team struct {
	threads int
	busy    atomic.Bool     // held by the caller whose job runs
	job     atomic.Uint64   // chunks<<32 | next
	_       [48]byte        // keeps the polled word and the counter on separate cache lines
	done    atomic.Int64    // chunks finished
	task    Task            // read only by owners of a chunk
	wears   context.Context // labels of the job, read as task is
	parked  atomic.Int32
	entered atomic.Int32 // callers
	resting atomic.Int32 // calls of Run to come that get no help
	closed  atomic.Bool
	wake    chan struct{}
	workers sync.WaitGroup
}

// NewPool starts threads−1 workers; the caller of Run is the remaining thread.
func NewPool(threads int) *Pool {
	threads = max(threads, 1)
	p := &Pool{team: &team{threads: threads, wake: make(chan struct{}, threads)}}
	for range threads - 1 {
		p.workers.Go(p.work)
	}
	return p
}

// Share returns a Pool with the same workers and labels of its own.
func (p *Pool) Share() *Pool {
	if p == nil {
		return nil
	}
	return &Pool{team: p.team}
}

// SetLabels gives workers the labels of ctx (runtime/pprof) while they help with jobs of p, so that a profile says for whom they work.
// They keep them until they help with a job of another. It comes before any Run.
func (p *Pool) SetLabels(ctx context.Context) {
	if p != nil {
		p.labels = ctx
	}
}

// Threads returns the number of threads a job can use.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return p.threads
}

// Close stops the workers and waits for them. Later runs use the caller alone.
func (p *Pool) Close() {
	if p == nil || p.closed.Swap(true) {
		return
	}
	for range cap(p.wake) {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	p.workers.Wait()
}

// Enter counts a caller that is about to call Run many times over, until Leave.
func (p *Pool) Enter() {
	if p != nil {
		p.entered.Add(1)
	}
}

// Leave ends what Enter began.
func (p *Pool) Leave() {
	if p != nil {
		p.entered.Add(-1)
	}
}

// Run calls t.Chunk(i) once for each 0 ≤ i < chunks and returns when all have returned. chunks < 2³¹.
func (p *Pool) Run(chunks int, t Task) {
	if p == nil || p.threads == 1 || chunks < 2 || p.crowded() || !p.busy.CompareAndSwap(false, true) {
		for i := range chunks {
			t.Chunk(i)
		}
		return
	}
	p.task, p.wears = t, p.labels
	p.done.Store(0)
	p.job.Store(uint64(chunks) << 32)
	p.unpark(chunks - 1)
	for p.step(nil) {
	}
	for spins := 1; p.done.Load() != int64(chunks); spins++ {
		if spins%callerSpins == 0 {
			runtime.Gosched()
		}
	}
	p.task = nil
	p.busy.Store(false)
}

// Alone calls f, during which every Run, of f and of anyone else, is done by its caller alone.
func (p *Pool) Alone(f func()) {
	if p == nil {
		f()
		return
	}
	for !p.busy.CompareAndSwap(false, true) {
		runtime.Gosched() // a job lasts for microseconds to milliseconds
	}
	defer p.busy.Store(false)
	f()
}

// crowdedCalls of Run get no help after one that found a caller for every thread: the next of them mostly comes within the time
// that those take, some milliseconds. A worker that has begun then has no core, and its caller spins until it gets one.
const crowdedCalls = 256

// crowded reports whether a worker would have no core of its own.
func (p *team) crowded() bool {
	if int(p.entered.Load()) >= p.threads {
		p.resting.Store(crowdedCalls)
		return true
	}
	n := p.resting.Load()
	if n > 0 {
		p.resting.Store(n - 1)
	}
	return n > 0
}

// step takes and runs one chunk, and reports whether there was one. worn is the labels that a worker has, nil for the caller.
func (p *team) step(worn *context.Context) bool {
	for {
		job := p.job.Load()
		i := uint32(job)
		if i >= uint32(job>>32) {
			return false
		}
		if p.job.CompareAndSwap(job, job+1) {
			if worn != nil && *worn != p.wears {
				if *worn = p.wears; *worn == nil {
					pprof.SetGoroutineLabels(context.Background())
				} else {
					pprof.SetGoroutineLabels(*worn)
				}
			}
			p.task.Chunk(int(i))
			p.done.Add(1)
			return true
		}
	}
}

const (
	// workerSpins polls (about 1 ns each) a worker waits before it parks, yielding every spinsPerYield. 50 µs outlasts the gaps
	// between the layers of a model and is short against the 66 µs and more that waking a parked worker takes.
	workerSpins   = 50_000
	spinsPerYield = 256
	// callerSpins polls before the caller lets others run: a chunk in flight ends within microseconds unless its owner was
	// descheduled.
	callerSpins = 4096
)

// work takes chunks until the pool is closed.
func (p *team) work() {
	var worn context.Context
	for !p.closed.Load() {
		for idle := 0; idle < workerSpins; idle++ {
			if p.step(&worn) {
				idle = 0
			} else if idle%spinsPerYield == 0 {
				runtime.Gosched()
			}
		}
		p.parked.Add(1)
		if job := p.job.Load(); uint32(job) >= uint32(job>>32) && !p.closed.Load() { // nothing happened in between
			<-p.wake
		}
		p.parked.Add(-1)
	}
}

// unpark wakes at most n parked workers.
func (p *team) unpark(n int) {
	for range min(int32(n), p.parked.Load()) {
		select {
		case p.wake <- struct{}{}:
		default:
			return
		}
	}
}

// Multiply-adds per nanosecond and thread, for the decision below.
const (
	gemmF32Rate  = 48
	gemmU8S8Rate = 60
)

// worthwhile reports whether a product is long enough to be split: over 10 µs of one thread. An empty job costs 0.4 µs when the worker
// is hot and 8 µs when it has parked (BenchmarkForkJoin); at 96³, 22 µs alone, two threads take 12 µs (BenchmarkGemmF32Pool).
func (p *Pool) worthwhile(m, n, k, rate int) bool {
	return p.Threads() > 1 && float64(m)*float64(n)*float64(k) > float64(10_000*rate)
}
