package kernelbench

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// Result is one case on one tier. Rates are those of the median run.
type Result struct {
	Op           string  `json:"op"`
	Shape        string  `json:"shape"`
	Variant      string  `json:"variant"`
	ISA          string  `json:"isa"`    // of the variant
	Chosen       bool    `json:"chosen"` // it is what runs on this machine
	P50          float64 `json:"p50_us"`
	P99          float64 `json:"p99_us"`
	Min          float64 `json:"min_us"`
	Runs         int     `json:"runs"`
	Throughput   float64 `json:"throughput"` // GFLOP/s (Gop/s for integers) or GB/s
	Unit         string  `json:"unit"`
	Threads      int     `json:"threads"`
	Flops        float64 `json:"flops,omitempty"` // of a run
	Bytes        float64 `json:"bytes,omitempty"`
	Elements     float64 `json:"elements,omitempty"`
	Loop         string  `json:"peak_loop,omitempty"`     // register loop that gives the peak, such as PeakF32
	Peak         float64 `json:"peak,omitempty"`          // its rate on all threads, in Unit
	PeakFraction float64 `json:"peak_fraction,omitempty"` // median of the ratios to the register loop run just before
	// Roof is what a run takes at the least: the larger of its arithmetic at the peak and, when cold, its bytes at the read bandwidth of
	// memory. Where only bytes count and they lie in the caches, it is their number at the rate of moveRate.
	Roof    float64   `json:"roof_us,omitempty"`
	Samples []float64 `json:"samples_us,omitempty"` // medians of consecutive parts of the runs
}

// RoofFraction returns how near the median run is to the roof, 0 where none is known.
func (r *Result) RoofFraction() float64 { return r.Roof / r.P50 }

// sampleNs is the least time that one sample takes, so that reading the thread's clock, 0.2 µs, is a thousandth.
const sampleNs = 400_000

// peakTries short loops, of which the fastest counts, keep a disturbance from lowering the peak.
const peakTries = 3

// parts is how many medians of a result are kept for comparisons.
const parts = 20

// Measure times a case on each tier with a variant of its own, for about the given time each, interleaved with the tier's register loop
// and, when cold, with reading memory. Variants follow each other: a millisecond of scalar reference before each sample of a vector
// kernel would cost that 10 to 25 % (Zen 3). One thread is timed by its own clock, which stands while a neighbour has the CPU.
func Measure(c Case, p *kernels.Pool, each time.Duration, memory *Memory) []Result {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	type variant struct {
		tier    cpu.Tier
		name    string
		iters   int
		samples []float64 // ns of a run
		peaks   []float64 // operations per ns
		moves   float64   // bytes per ns in the caches
	}
	limit := kernels.Tier()
	defer kernels.SetTier(limit)
	run := c.prepare(p)
	var variants []*variant
	for _, t := range append([]cpu.Tier{cpu.Ref}, cpu.Tiers()...) {
		chosen := kernels.Chosen(c.family(t), t)
		known := slices.ContainsFunc(variants, func(v *variant) bool { return v.name == chosen.Name })
		if t > limit || known || t == cpu.Ref && c.slow {
			continue
		}
		kernels.SetTier(t)
		v := &variant{tier: t, name: chosen.Name, iters: 1}
		if c.idle == 0 {
			v.iters = calibrate(run, sampleNs)
		}
		variants = append(variants, v)
	}
	var reads []float64
	for _, v := range variants {
		kernels.SetTier(v.tier)
		n := 0
		if c.peak != nil {
			n = calibrate(func() { c.peak(1 << 6) }, sampleNs/peakTries) << 6
		}
		if c.peak == nil && !c.Cold && c.Bytes > 0 {
			v.moves = moveRate(p, int(c.Bytes))
		}
		start := time.Now()
		for rounds := 0; rounds < 5 || time.Since(start) < each; rounds++ {
			if c.peak != nil {
				best := 0.0
				for range peakTries {
					best = max(best, onAll(p, func() float64 { return c.peak(n) }))
				}
				v.peaks = append(v.peaks, best)
			}
			if v.iters > 1 {
				run() // caches and branch predictors are still the loop's
			}
			if c.idle > 0 {
				time.Sleep(c.idle)
			}
			v.samples = append(v.samples, timed(p, func() {
				for range v.iters {
					run()
				}
			})/float64(v.iters))
			if c.Cold {
				reads = append(reads, memory.read(p))
			}
		}
	}
	var results []Result
	for i, v := range variants {
		r := Result{Op: c.Op, Shape: c.Shape, Variant: v.name, ISA: v.tier.String(), Chosen: i == len(variants)-1,
			Threads: p.Threads(), Runs: v.iters * len(v.samples), Unit: "GB/s", Flops: c.Flops, Bytes: c.Bytes, Elements: c.Elements}
		size := max(1, len(v.samples)/parts)
		for part := range slices.Chunk(v.samples, size) {
			if len(part) == size {
				r.Samples = append(r.Samples, quantile(part, 0.5)/1e3)
			}
		}
		work := c.Bytes
		if c.peak != nil {
			work, r.Unit = c.Flops, "GFLOP/s"
			ratios := make([]float64, len(v.samples))
			for i, ns := range v.samples {
				ratios[i] = c.Flops / ns / v.peaks[i]
			}
			r.PeakFraction, r.Peak, r.Loop = quantile(ratios, 0.5), quantile(v.peaks, 0.5), loopName(c.peak)
			r.Roof = c.Flops / r.Peak / 1e3
		}
		switch {
		case c.Cold:
			r.Roof = max(r.Roof, c.Bytes/quantile(reads, 0.5)/1e3)
		case v.moves > 0:
			r.Roof = c.Bytes / v.moves / 1e3
		}
		r.P50, r.P99, r.Min = quantile(v.samples, 0.5)/1e3, quantile(v.samples, 0.99)/1e3, quantile(v.samples, 0)/1e3
		r.Throughput = work / r.P50 / 1e3
		results = append(results, r)
	}
	return results
}

// loopName returns the name of a register loop's function.
func loopName(f func(n int) float64) string {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	return name[strings.LastIndex(name, ".")+1:]
}

// moveRate returns the bytes per nanosecond that the tier moves in an array of this many bytes: the fastest of reading (a sum), copying (a
// relu) and writing one of three (an addition). It is the roof of a kernel that does little else.
func moveRate(p *kernels.Pool, size int) float64 {
	n := max(size/24, 64)
	x := make([]float32, 6*n)
	best := 0.0
	for _, f := range []func(){
		func() { kernels.SumF32(x) },
		func() { kernels.ReluF32(x[:3*n], x[3*n:]) },
		func() { kernels.AddF32(x[:2*n], x[2*n:4*n], x[4*n:]) },
	} {
		iters := calibrate(f, sampleNs/peakTries)
		for range 2 * peakTries {
			ns := timed(nil, func() {
				for range iters {
					f()
				}
			})
			best = max(best, float64(4*len(x))*float64(iters)/ns)
		}
	}
	return best * float64(p.Threads())
}

// calibrate returns how many runs take at least ns.
func calibrate(run func(), ns int64) int {
	run() // the first one touches memory
	for iters := 1; ; iters *= 2 {
		begin := time.Now()
		for range iters {
			run()
		}
		if took := time.Since(begin).Nanoseconds(); took >= ns/2 {
			return max(1, int(float64(iters)*float64(ns)/float64(took)+0.5))
		}
	}
}

// quantile returns the q-quantile of x in any order.
func quantile(x []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return s[int(q*float64(len(s)-1)+0.5)]
}

// loops runs f in a few chunks per thread and sums what they return.
type loops struct {
	f   func() float64
	ops []float64
}

func (l *loops) Chunk(i int) { l.ops[i] = l.f() }

// onAll returns the operations per nanosecond of f on all threads of the pool.
func onAll(p *kernels.Pool, f func() float64) float64 {
	chunks := 1
	if p.Threads() > 1 {
		chunks = 4 * p.Threads()
	}
	l := &loops{f, make([]float64, chunks)}
	took := timed(p, func() { p.Run(chunks, l) })
	total := 0.0
	for _, n := range l.ops {
		total += n
	}
	return total / took
}

// timed returns the nanoseconds f takes: of this thread if it runs alone, else by the clock.
func timed(p *kernels.Pool, f func()) float64 {
	begin, used := time.Now(), threadTime()
	f()
	if ns := threadTime() - used; ns > 0 && p.Threads() == 1 {
		return float64(ns)
	}
	return float64(time.Since(begin).Nanoseconds())
}

// Memory is more than the caches hold, on huge pages, for reading at full bandwidth.
type Memory struct {
	x  []float32
	at int
}

// NewMemory fills memory.
func NewMemory() *Memory {
	return &Memory{x: kernels.PackF32(beyondCaches/64, 16, make([]float32, 16), 0, 1).Data}
}

const (
	readPiece  = 1 << 16
	readPieces = 64
)

// read sums the next 16 MiB and returns bytes per nanosecond.
func (m *Memory) read(p *kernels.Pool) float64 {
	ns := timed(p, func() { p.Run(readPieces, m) })
	m.at = (m.at + readPieces*readPiece) % len(m.x)
	return 4 * readPieces * readPiece / ns
}

// Chunk sums a piece.
func (m *Memory) Chunk(i int) { kernels.SumF32(m.x[m.at+i*readPiece:][:readPiece]) }

// ReadBandwidth returns the median of the passes through memory, in GB/s.
func (m *Memory) ReadBandwidth(p *kernels.Pool) float64 {
	var rates []float64
	for range 2 * len(m.x) / (readPieces * readPiece) {
		rates = append(rates, m.read(p))
	}
	return quantile(rates, 0.5)
}
