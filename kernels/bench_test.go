package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hotpath/hotpath/internal/cpu"
)

// eachTier runs f as a sub-benchmark on every tier of this CPU that has its own variant of the family, up to the current one.
func eachTier(b *testing.B, family, name string, f func(b *testing.B)) {
	limit := Tier()
	for _, t := range cpu.Tiers() {
		if t > limit || Chosen(family, t).Tier != t {
			continue
		}
		b.Run(fmt.Sprintf("%s/isa=%v", name, t), func(b *testing.B) {
			defer SetTier(SetTier(t))
			f(b)
		})
	}
}

// peakRate returns operations per nanosecond of the tier's register loop, the best of a few short runs.
func peakRate(loop func(n int) float64) float64 {
	best := 0.0
	n := 1 << 10
	if Tier() > cpu.Ref {
		n = 1 << 18
	}
	for range 5 {
		start := time.Now()
		ops := loop(n)
		best = max(best, ops/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

// reportRate reports operations per second and the share of the register loop's, measured right before and after.
func reportRate(b *testing.B, ops float64, loop func(n int) float64, run func()) {
	peak := peakRate(loop)
	b.ResetTimer()
	for b.Loop() {
		run()
	}
	rate := ops * float64(b.N) / float64(b.Elapsed().Nanoseconds())
	b.StopTimer()
	peak = max(peak, peakRate(loop))
	b.ReportMetric(rate, "Gop/s")
	b.ReportMetric(100*rate/peak, "%peak")
}

func randomF32(n int) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func BenchmarkGemmF32(b *testing.B) {
	for _, s := range []struct{ m, n, k int }{
		{1, 128, 100}, {1, 64, 128}, {1, 1, 64}, {2, 128, 100}, {8, 128, 100}, {32, 128, 100}, {32, 64, 128},
		{64, 64, 64}, {128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024},
		{1, 4096, 4096}, {8, 4096, 4096},
	} {
		eachTier(b, "gemm_f32", fmt.Sprintf("m=%d/n=%d/k=%d", s.m, s.n, s.k), func(b *testing.B) {
			if Tier() == cpu.Ref && s.m*s.n*s.k > 1<<20 {
				b.Skip("seconds per product")
			}
			a, c, bias := randomF32(s.m*s.k), make([]float32, s.m*s.n), randomF32(s.n)
			packed := PackF32(s.k, s.n, randomF32(s.k*s.n), s.n, 1)
			b.SetBytes(int64(4 * s.k * s.n))
			reportRate(b, 2*float64(s.m)*float64(s.n)*float64(s.k), PeakF32, func() {
				GemmF32(nil, s.m, a, s.k, packed, c, s.n, bias, &Epilogue{Act: ActRelu})
			})
		})
	}
}

// BenchmarkMLP runs the layers of the 100-128-64-1 network, the small model of the README's table.
func BenchmarkMLP(b *testing.B) {
	for _, m := range []int{1, 32} {
		eachTier(b, "gemm_f32", fmt.Sprintf("batch=%d", m), func(b *testing.B) {
			widths := []int{100, 128, 64, 1}
			x := [][]float32{randomF32(m * widths[0])}
			var w []*PackedF32
			var bias [][]float32
			for i, n := range widths[1:] {
				w = append(w, PackF32(widths[i], n, randomF32(widths[i]*n), n, 1))
				bias = append(bias, randomF32(n))
				x = append(x, make([]float32, m*n))
			}
			b.ReportAllocs()
			for b.Loop() {
				for i, p := range w {
					GemmF32(nil, m, x[i], p.K, p, x[i+1], p.N, bias[i], &Epilogue{Act: ActRelu})
				}
				SigmoidF32(x[3], x[3])
			}
		})
	}
}

// BenchmarkSegment compares K cut into segments of kSegment with one chain over all of K, on the same kernel and blocks.
func BenchmarkSegment(b *testing.B) {
	for _, n := range []int{256, 512, 1024} {
		a, w, c := randomF32(n*n), randomF32(n*n), make([]float32, n*n)
		packed := PackF32(n, n, w, n, 1)
		chain := make([]float32, n*n) // [panel][k][16]
		for i := range n {
			for j := range n {
				chain[j/16*16*n+i*16+j%16] = w[i*n+j]
			}
		}
		for _, segmented := range []bool{true, false} {
			b.Run(fmt.Sprintf("n=%d/segmented=%v", n, segmented), func(b *testing.B) {
				g := gemmF32{blocks: newBlocks(n, n, kSegment, false), a: a, lda: n, b: packed, c: c, ldc: n}
				reportRate(b, 2*math.Pow(float64(n), 3), PeakF32, func() {
					for i := range g.count() {
						if segmented {
							g.Chunk(i)
							continue
						}
						i0, i1, j0, j1 := g.block(i)
						gemm_f32(a[i0*n:i1*n], chain[j0*n:j1*n], c[i0*n+j0:(i1-1)*n+j1], nil, n, n, i1-i0, j1-j0, n, 0)
					}
				})
			})
		}
	}
}

func BenchmarkGemmU8S8(b *testing.B) {
	for _, s := range []struct{ m, n, k int }{
		{1, 128, 100}, {32, 128, 100}, {64, 64, 64}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		a, w := make([]uint8, s.m*s.k), make([]int8, s.k*s.n)
		for i := range a {
			a[i] = uint8(r.Uint32())
		}
		for i := range w {
			w[i] = int8(r.Uint32())
		}
		packed, bias, scale := PackS8(s.k, s.n, w, s.n, 1), make([]int32, s.n), randomF32(s.n)
		c32, c8, cf := make([]int32, s.m*s.n), make([]uint8, s.m*s.n), make([]float32, s.m*s.n)
		for _, out := range []struct {
			family string
			run    func()
		}{
			{"gemm_u8s8s32", func() { GemmU8S8S32(nil, s.m, a, s.k, packed, c32, s.n) }},
			{"gemm_u8s8u8", func() { GemmU8S8U8(nil, s.m, a, s.k, packed, c8, s.n, &Requant{bias, scale, 128, 0, 255}) }},
			{"gemm_u8s8f32", func() { GemmU8S8F32(nil, s.m, a, s.k, packed, cf, s.n, &Dequant{bias, scale, ActRelu}) }},
		} {
			eachTier(b, out.family, fmt.Sprintf("out=%s/m=%d/n=%d/k=%d", out.family[9:], s.m, s.n, s.k), func(b *testing.B) {
				if Tier() == cpu.Ref && s.m*s.n*s.k > 1<<20 {
					b.Skip("seconds per product")
				}
				b.SetBytes(int64(s.k * s.n))
				reportRate(b, 2*float64(s.m)*float64(s.n)*float64(s.k), PeakU8S8, out.run)
			})
		}
	}
}

func BenchmarkElementwise(b *testing.B) {
	for _, n := range []int{16, 64, 1000, 4096} {
		x, dst, q := randomF32(n), make([]float32, n), make([]uint8, n)
		for _, k := range []struct {
			family string
			run    func()
		}{
			{"relu_f32", func() { ReluF32(dst, x) }},
			{"exp_f32", func() { ExpF32(dst, x) }},
			{"sigmoid_f32", func() { SigmoidF32(dst, x) }},
			{"tanh_f32", func() { TanhF32(dst, x) }},
			{"sum_f32", func() { SumF32(x) }},
			{"div_scalar_f32", func() { SoftmaxF32(dst, x, 1, n) }},
			{"quantize_f32u8", func() { QuantizeU8(q, x, 0.05, 128) }},
			{"dequantize_u8f32", func() { DequantizeU8(dst, q, 0.05, 128) }},
		} {
			name := k.family
			if name == "div_scalar_f32" {
				name = "softmax_f32"
			}
			eachTier(b, k.family, fmt.Sprintf("op=%s/n=%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(4 * n))
				for b.Loop() {
					k.run()
				}
			})
		}
	}
}
