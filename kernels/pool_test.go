package kernels

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpath/hotpath/internal/testkit"
)

// counters counts how often each chunk ran.
type counters struct {
	ran  []atomic.Int32
	work func()
}

func (c *counters) Chunk(i int) {
	c.ran[i].Add(1)
	if c.work != nil {
		c.work()
	}
}

func newCounters(n int) *counters { return &counters{ran: make([]atomic.Int32, n)} }

func (c *counters) check(t *testing.T) {
	t.Helper()
	for i := range c.ran {
		if n := c.ran[i].Load(); n != 1 {
			t.Fatalf("chunk %d of %d ran %d times", i, len(c.ran), n)
		}
	}
}

func TestPoolRunsEachChunkOnce(t *testing.T) {
	for _, threads := range []int{0, 1, 2, 3, 8} {
		p := NewPool(threads)
		for _, n := range []int{0, 1, 2, 3, 7, 100, 1000} {
			for range 20 {
				c := newCounters(n)
				p.Run(n, c)
				c.check(t)
			}
			time.Sleep(100 * time.Microsecond) // long enough for workers to park now and then
		}
		p.Close()
		p.Close()
		c := newCounters(5)
		p.Run(5, c)
		c.check(t)
	}
	var none *Pool
	c := newCounters(3)
	none.Run(3, c)
	c.check(t)
	none.Close()
}

// TestPoolHelpsWhileThreadsAreLeft: a chunk that waits for the other one is helped by a worker, unless as many callers have
// entered as there are threads, or had a moment ago: then all chunks run on the caller, in order.
func TestPoolHelpsWhileThreadsAreLeft(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	helped := func() {
		met := make(chan struct{})
		p.Run(2, chunks(func(i int) {
			if i == 0 {
				<-met
			} else {
				close(met)
			}
		}))
	}
	alone := func() {
		var order []int
		p.Run(3, chunks(func(i int) { order = append(order, i) }))
		if !slices.Equal(order, []int{0, 1, 2}) {
			t.Errorf("chunks ran in order %v", order)
		}
	}
	p.Enter()
	helped()
	p.Enter()
	alone()
	p.Leave()
	for range crowdedCalls {
		alone()
	}
	helped()
	p.Leave()
}

// chunks is a task that is a function.
type chunks func(i int)

func (c chunks) Chunk(i int) { c(i) }

// TestPoolCallers lets many goroutines, and chunks themselves, use one pool.
func TestPoolCallers(t *testing.T) {
	p := NewPool(4)
	defer p.Close()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for n := range 60 {
				c := newCounters(n)
				c.work = func() {
					inner := newCounters(3)
					p.Run(3, inner)
					inner.check(t)
				}
				p.Run(n, c)
				c.check(t)
			}
		})
	}
	wg.Wait()
}

// TestPoolLabels has a worker in jobs of two that share it, and of one without labels: a profile says which it helps.
func TestPoolLabels(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	for range 3 {
		for _, name := range []string{"a", "b", ""} {
			mine := p.Share()
			if name != "" {
				mine.SetLabels(pprof.WithLabels(context.Background(), pprof.Labels("pool", name)))
			}
			var met, told sync.WaitGroup // the caller and the worker
			met.Add(2)
			told.Add(2)
			var text bytes.Buffer
			var once sync.Once
			c := newCounters(2)
			c.work = func() {
				met.Done()
				met.Wait()
				once.Do(func() { _ = pprof.Lookup("goroutine").WriteTo(&text, 1) })
				told.Done()
				told.Wait()
			}
			mine.Run(2, c)
			for _, label := range []string{"a", "b"} {
				if n := strings.Count(text.String(), `"pool":"`+label+`"`); (n == 1) != (label == name) {
					t.Errorf("%d goroutines are labelled %s in a job of %q:\n%s", n, label, name, text.String())
				}
			}
		}
	}
}

// TestPoolWakesParked: a job after a long silence is still shared, and workers that parked do not keep Close waiting.
func TestPoolWakesParked(t *testing.T) {
	p := NewPool(2)
	for start := time.Now(); p.parked.Load() == 0; runtime.Gosched() {
		if time.Since(start) > 5*time.Second {
			t.Fatal("the idle worker does not park")
		}
	}
	c := newCounters(50)
	c.work = func() { time.Sleep(200 * time.Microsecond) }
	p.Run(50, c)
	c.check(t)
	p.Close()
}

// TestPoolSameBits: the split over threads does not show in the result.
func TestPoolSameBits(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	for _, s := range []struct{ m, n, k int }{{1, 1000, 520}, {5, 700, 300}, {200, 300, 100}, {300, 70, 257}} {
		if Tier() == 0 && s.m > 100 {
			continue // seconds on the reference
		}
		a, b := randomF32(s.m*s.k), PackF32(s.k, s.n, randomF32(s.k*s.n), s.n, 1)
		alone, shared := make([]float32, s.m*s.n), make([]float32, s.m*s.n)
		GemmF32(nil, s.m, a, s.k, b, alone, s.n, nil, nil)
		GemmF32(p, s.m, a, s.k, b, shared, s.n, nil, nil)
		if !slices.Equal(alone, shared) {
			t.Errorf("m=%d n=%d k=%d: the pool changes the result", s.m, s.n, s.k)
		}
		au, w := make([]uint8, s.m*s.k), make([]int8, s.k*s.n)
		for i := range au {
			au[i] = uint8(i * 7919 >> 3)
		}
		for i := range w {
			w[i] = int8(i * 7919 >> 4)
		}
		bs, sums, split := PackS8(s.k, s.n, w, s.n, 1), make([]int32, s.m*s.n), make([]int32, s.m*s.n)
		GemmU8S8S32(nil, s.m, au, s.k, bs, sums, s.n)
		GemmU8S8S32(p, s.m, au, s.k, bs, split, s.n)
		if !slices.Equal(sums, split) {
			t.Errorf("m=%d n=%d k=%d: the pool changes integer sums", s.m, s.n, s.k)
		}
	}
}

// TestNoAllocations covers every exported kernel, alone and on a pool.
func TestNoAllocations(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector makes pools allocate")
	}
	pool := NewPool(2)
	defer pool.Close()
	const m, n, k = 8, 300, 500
	a, c, bias := randomF32(m*k), make([]float32, m*n), randomF32(n)
	b := PackF32(k, n, randomF32(k*n), n, 1)
	au, w, cu, ci := make([]uint8, m*k), make([]int8, k*n), make([]uint8, m*n), make([]int32, m*n)
	bs := PackS8(k, n, w, n, 1)
	w[0], w[n] = 127, 127 // a pair that could saturate
	anyS8 := PackS8(k, n, w, n, 1)
	x, y, q := randomF32(5000), make([]float32, 5000), make([]uint8, 5000)
	wide := make([]float32, 16000)
	packed := PackF32(100, n, randomF32(100*n), n, 1)
	for name, f := range map[string]func(){
		"gemm_f32":         func() { GemmF32(nil, m, a, k, b, c, n, bias, &Epilogue{Act: ActRelu}) },
		"gemm_f32 pool":    func() { GemmF32(pool, m, a, k, b, c, n, bias, &Epilogue{Act: ActRelu}) },
		"gemm_u8s8s32":     func() { GemmU8S8S32(pool, m, au, k, bs, ci, n) },
		"gemm_u8s8u8":      func() { GemmU8S8U8(pool, m, au, k, bs, cu, n, &Requant{Bias: ci, Mult: bias, Hi: 255}) },
		"gemm_u8s8s32 any": func() { GemmU8S8S32(pool, m, au, k, anyS8, ci, n) },
		"gemm_u8s8f32":     func() { GemmU8S8F32(nil, m, au, k, bs, c, n, &Dequant{Bias: ci, Scale: bias}) },
		"pack":             func() { b.Pack(k, n, a[:0:0], 0, 0) },
		"relu_f32":         func() { ReluF32(y, x) },
		"sigmoid_f32":      func() { SigmoidF32(y, x) },
		"tanh_f32":         func() { TanhF32(y, x) },
		"exp_f32":          func() { ExpF32(y, x) },
		"log_f32":          func() { LogF32(y, x) },
		"softmax_f32":      func() { SoftmaxF32(y, x, 5, 1000) },
		"layer_norm pool":  func() { LayerNormF32(pool, wide, wide, x, x, 64, 250, 1e-5) },
		"gemm_f32 packing": func() { GemmF32(pool, 40, a, 100, packed, wide, n, bias, nil) },
		"sum_f32":          func() { SumF32(x) },
		"quantize_f32u8":   func() { QuantizeU8(q, x, 0.1, 3) },
		"dequantize_u8f32": func() { DequantizeU8(y, q, 0.1, 3) },
		"fma_f32":          func() { FMAF32(x[0], x[1], x[2]) },
	} {
		if name == "pack" {
			w := randomF32(k * n)
			f = func() { b.Pack(k, n, w, n, 1) }
		}
		if allocs := testing.AllocsPerRun(3, f); allocs != 0 {
			t.Errorf("%s: %v allocations a run", name, allocs)
		}
	}
}

// TestGCLatency: goroutines that do nothing but call kernels stop for the collector as fast as plain Go does. Assembly cannot be
// preempted, and a bare loop around it has no safe point; the dispatchers' and the drivers' stack checks are where a goroutine
// stops. The collector shares the CPUs with the busy goroutines, so the time itself says little.
func TestGCLatency(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	a, c := randomF32(256*256), make([]float32, 256*256)
	b := PackF32(256, 256, a, 256, 1)
	small := PackF32(16, 16, a, 16, 1)
	x := randomF32(1000)
	var plain time.Duration
	for _, load := range []struct {
		name string
		run  func(c []float32)
	}{
		{"plain Go", func(c []float32) { relu_f32_ref(c[:1000], x) }},
		{"small gemm", func(c []float32) { GemmF32(nil, 1, a, 16, small, c, 16, nil, nil) }},
		{"large gemm", func(c []float32) { GemmF32(nil, 256, a, 256, b, c, 256, nil, nil) }},
		{"pool", func(c []float32) { GemmF32(p, 256, a, 256, b, c, 256, nil, nil) }},
		{"tanh", func(c []float32) { TanhF32(c, x) }},
	} {
		if Tier() == 0 && load.name != "plain Go" && load.name != "small gemm" {
			continue
		}
		var stop atomic.Bool
		var wg sync.WaitGroup
		for i := range 2 {
			out := c
			if i > 0 {
				out = make([]float32, len(c))
			}
			wg.Go(func() {
				for !stop.Load() {
					load.run(out)
				}
			})
		}
		var times []time.Duration
		for range 9 {
			start := time.Now()
			runtime.GC()
			times = append(times, time.Since(start))
		}
		stop.Store(true)
		wg.Wait()
		slices.Sort(times)
		median := times[len(times)/2]
		t.Logf("%s: runtime.GC() median %v, longest %v", load.name, median, times[len(times)-1])
		if load.name == "plain Go" {
			plain = median
		} else if median > 3*plain+200*time.Millisecond {
			t.Errorf("%s: runtime.GC() takes %v at the median, beside plain Go %v: kernels hold up the collector", load.name, median, plain)
		}
	}
}

// TestConcurrent runs kernels on 64 goroutines while the collector runs, and compares with a single run.
func TestConcurrent(t *testing.T) {
	const m, n, k = 5, 50, 60
	a, b, bias := randomF32(m*k), PackF32(k, n, randomF32(k*n), n, 1), randomF32(n)
	run := func(c []float32) {
		GemmF32(nil, m, a, k, b, c, n, bias, &Epilogue{Act: ActRelu})
		TanhF32(c, c)
		SoftmaxF32(c, c, m, n)
		c[0] = SumF32(c)
	}
	want := make([]float32, m*n)
	run(want)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			c := make([]float32, m*n)
			for i := range 50 {
				run(c)
				if !slices.Equal(c, want) {
					t.Error("a kernel gives another result beside 63 others")
					return
				}
				if i%10 == 0 {
					runtime.GC()
				}
				c = append([]float32(nil), make([]float32, m*n+rand.IntN(8))...)[:m*n]
			}
		})
	}
	wg.Wait()
}

// TestQuota: the smallest quota from the process's cgroup up to the root counts, in both versions.
func TestQuota(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"cpu.max":                           "max 100000\n",
		"a.slice/cpu.max":                   "150000 100000\n",
		"a.slice/b.service/cpu.max":         "400000 100000\n",
		"c/cpu.max":                         "max 100000\n",
		"broken/cpu.max":                    "many\n",
		"cpu/cpu.cfs_quota_us":              "-1\n",
		"cpu/cpu.cfs_period_us":             "100000\n",
		"cpu/docker/0123/cpu.cfs_quota_us":  "200000\n",
		"cpu/docker/0123/cpu.cfs_period_us": "100000\n",
		"cpu/half/cpu.cfs_quota_us":         "50000\n",
		"cpu/half/cpu.cfs_period_us":        "100000\n",
	} {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	none := math.Inf(1)
	for cgroups, want := range map[string]float64{
		"0::/a.slice/b.service\n": 1.5,
		"0::/c\n":                 none,
		"0::/\n":                  none,
		"0::/../of/the/host\n":    none,
		"0::/broken\n":            none,
		"12:memory:/docker/0123\n4:cpu,cpuacct:/docker/0123\n0::/\n": 2,
		"4:cpu,cpuacct:/half\n0::/a.slice\n":                         0.5,
		"4:cpuset:/half\n":                                           none,
		"nonsense":                                                   none,
		"":                                                           none,
	} {
		if got := quota(root, cgroups); got != want {
			t.Errorf("quota(%q) = %v, want %v", cgroups, got, want)
		}
	}
	if n := DefaultThreads(); n < 1 || n > runtime.NumCPU() {
		t.Errorf("DefaultThreads() = %d", n)
	}
}

func BenchmarkForkJoin(b *testing.B) {
	for _, gap := range []time.Duration{0, time.Millisecond} {
		b.Run("chunks=2/gap="+gap.String(), func(b *testing.B) {
			p := NewPool(2)
			defer p.Close()
			c := newCounters(2)
			var took time.Duration
			for b.Loop() {
				if gap > 0 {
					time.Sleep(gap)
				}
				start := time.Now()
				p.Run(2, c)
				took += time.Since(start)
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/run")
		})
	}
}

func BenchmarkGemmF32Pool(b *testing.B) {
	for _, n := range []int{64, 96, 128, 256, 512} {
		a, c := randomF32(n*n), make([]float32, n*n)
		w := PackF32(n, n, a, n, 1)
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("n=%d/threads=%d", n, threads), func(b *testing.B) {
				p := NewPool(threads)
				defer p.Close()
				for b.Loop() {
					GemmF32(p, n, a, n, w, c, n, nil, nil)
				}
				b.ReportMetric(2*float64(n)*float64(n)*float64(n)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "Gop/s")
			})
		}
	}
}

// ordered fails where chunks do not come one after another, in order, on one goroutine.
type ordered struct {
	t    *testing.T
	next int // unguarded: the race detector sees a second goroutine
}

func (o *ordered) Chunk(i int) {
	if i != o.next {
		o.t.Errorf("chunk %d in place of %d", i, o.next)
	}
	o.next++
	time.Sleep(time.Microsecond)
}

// TestPoolAlone runs jobs of the caller and of another goroutine while the pool is held, and one after.
func TestPoolAlone(t *testing.T) {
	p := NewPool(4)
	defer p.Close()
	run := func() {
		o := &ordered{t: t}
		p.Run(200, o)
		if o.next != 200 {
			t.Errorf("%d chunks of 200 ran", o.next)
		}
	}
	p.Alone(func() {
		var other sync.WaitGroup
		other.Go(run)
		run()
		other.Wait()
	})
	if p.busy.Load() {
		t.Error("the pool is still held")
	}
	p.Alone(run)
	called := false
	(*Pool)(nil).Alone(func() { called = true })
	if !called {
		t.Error("without a pool nothing is called")
	}
}
