// Package kernelbench times the kernels: every family of the generated table, at listed sizes, on every tier the CPU has, beside the
// peak and the read bandwidth of the same run.
package kernelbench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// Case is one kernel at one size.
type Case struct {
	Op    string  `json:"op"`
	Shape string  `json:"shape"`
	Flops float64 `json:"flops,omitempty"` // of a run, two per multiply-add; 0: it is bytes that count
	Bytes float64 `json:"bytes"`           // read and written by a run at the least
	// Elements is how many results a run of a vector function computes, one operation each in the roofline plot; 0 where Flops says more.
	Elements float64 `json:"elements,omitempty"`
	// Cold says that runs go through more memory than the caches hold, so that Bytes must come from memory.
	Cold bool `json:"cold,omitempty"`

	peak    func(n int) float64          // register loop of the multiply-adds; nil without Flops
	family  func(t cpu.Tier) string      // family whose variants differ by tier
	prepare func(p *kernels.Pool) func() // makes the operands and returns one run
	slow    bool                         // takes long on the reference
	threads int                          // a case of the pool: only measured with as many threads or more
	idle    time.Duration                // waits so long before each run, which is then timed alone
}

// Needs returns how many threads the case needs to mean something.
func (c *Case) Needs() int { return max(c.threads, 1) }

// Cases lists all cases: products, convolutions and transposes at the sizes of models, then every family whose function has a form of formOf. A
// family of another kind gets a function like conv here; a test says so.
func Cases() []Case {
	cases := slices.Concat(
		gemmF32(),
		matMulF32(),
		packF32(),
		gemmU8S8(),
		gemmBF16(),
		gemmInteger(),
		conv(),
		qconv(),
		transpose(),
		pool(),
		sequence(),
		rows(),
		resize(),
		weights(),
	)
	for _, d := range kernels.Dispatchers() {
		for _, n := range []int{4096, 1 << 23} {
			if c, ok := vectorCase(d, n); ok {
				cases = append(cases, c)
			}
		}
	}
	return cases
}

// beyondCaches bytes of distinct weights are gone through where they shall come from memory.
const beyondCaches = 256 << 20

// gemmCase fills in what products share. aBytes and bBytes are those of an element.
func gemmCase(op string, m, n, k, aBytes, bBytes int) Case {
	return Case{
		Op: op, Shape: fmt.Sprintf("%dx%dx%d", m, n, k),
		Flops: 2 * float64(m) * float64(n) * float64(k),
		Bytes: float64(aBytes*m*k) + float64(bBytes*n*k) + float64(4*m*n),
		Cold:  m <= 16 && bBytes*n*k >= 1<<20,
		slow:  m*n*k > 1<<22,
	}
}

// copies returns how many packed matrices of this size a run goes through.
func (c *Case) copies(size int) int {
	if !c.Cold {
		return 1
	}
	return max(2, beyondCaches/size)
}

// gemmU8S8 has each output on weights of any kind and on weights whose pairs cannot saturate (see kernels.PackS8).
func gemmU8S8() []Case {
	var cases []Case
	for _, out := range []struct {
		name, to string
		limit    int // of the weights
	}{
		{"gemm_u8s8s32", "s32", 128}, {"gemm_u8s8u8", "u8", 128}, {"gemm_u8s8f32", "f32", 128},
		{"gemm_u8s8s32_paired", "s32", 64}, {"gemm_u8s8u8_paired", "u8", 64}, {"gemm_u8s8f32_paired", "f32", 64},
	} {
		for _, s := range []struct{ m, n, k int }{
			{1, 128, 100}, {32, 128, 100}, {64, 64, 64}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {2048, 2048, 2048}, {4096, 4096, 4096},
			{128, 1536, 384}, {1, 4096, 4096}, {8, 4096, 4096},
		} {
			c := gemmCase(out.name, s.m, s.n, s.k, 1, 1)
			paired := out.limit <= 64
			c.peak = kernels.PeakU8S8
			if paired {
				c.peak = kernels.PeakPaired
			}
			c.family = func(t cpu.Tier) string {
				switch {
				case !paired && t >= cpu.AVX2 && t < cpu.VNNI:
					return "gemm_s16s8" + out.to
				case kernels.TakesTiles(t, s.m, s.n, s.k):
					return "gemm_tile_u8s8" + out.to
				}
				return "gemm_u8s8" + out.to
			}
			c.prepare = func(p *kernels.Pool) func() {
				a, w := make([]uint8, s.m*s.k), make([]int8, s.k*s.n)
				for i := range a {
					a[i] = uint8(i * 7919 >> 3)
				}
				for i := range w {
					w[i] = int8((i * 7919 >> 4) % out.limit)
				}
				var packed []*kernels.PackedS8
				for range c.copies(s.n * s.k) {
					packed = append(packed, kernels.PackS8(s.k, s.n, w, s.n, 1))
				}
				bias, factor := make([]int32, s.n), randomF32(s.n)
				i := 0
				next := func() *kernels.PackedS8 {
					i = (i + 1) % len(packed)
					return packed[i]
				}
				switch out.to {
				case "u8":
					dst := make([]uint8, s.m*s.n)
					rq := &kernels.Requant{Bias: bias, Mult: factor, ZeroPoint: 128, Hi: 255}
					return func() { kernels.GemmU8S8U8(p, s.m, a, s.k, next(), dst, s.n, rq) }
				case "f32":
					dst := make([]float32, s.m*s.n)
					dq := &kernels.Dequant{Bias: bias, Scale: factor, Act: kernels.ActRelu}
					return func() { kernels.GemmU8S8F32(p, s.m, a, s.k, next(), dst, s.n, dq) }
				}
				dst := make([]int32, s.m*s.n)
				return func() { kernels.GemmU8S8S32(p, s.m, a, s.k, next(), dst, s.n) }
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// vectorCase makes the case of a family of plain vectors with n elements, and reports whether its function has such a form.
func vectorCase(d kernels.Dispatcher, n int) (Case, bool) {
	form, ok := formOf(d.Func)
	if !ok {
		return Case{}, false
	}
	return Case{
		Op: d.Family, Shape: fmt.Sprint(n), Bytes: float64(n * form.bytes), Elements: float64(n), Cold: n > 1<<20, slow: n > 1<<16,
		family:  func(cpu.Tier) string { return d.Family },
		prepare: func(*kernels.Pool) func() { return form.prepare(n) },
	}, true
}

// form is a signature of vector functions: bytes read and written per element, and how to call it.
type form struct {
	bytes   int
	prepare func(n int) func()
}

// formOf returns the form of a dispatcher's function. It has a line per signature, not per family.
func formOf(f any) (form, bool) {
	switch f := f.(type) {
	case func(dst, x []float32):
		return form{8, func(n int) func() {
			x, dst := randomF32(n), make([]float32, n)
			return func() { f(dst, x) }
		}}, true
	case func(dst, x []float32, p float32):
		return form{8, func(n int) func() {
			x, dst := randomF32(n), make([]float32, n)
			return func() { f(dst, x, 0.5) }
		}}, true
	case func(dst, x []float32, p, q float32):
		return form{8, func(n int) func() {
			x, dst := randomF32(n), make([]float32, n)
			return func() { f(dst, x, 0.25, 0.5) }
		}}, true
	case func(dst, x []float32, p, q, r float32):
		return form{8, func(n int) func() {
			x, dst := randomF32(n), make([]float32, n)
			return func() { f(dst, x, 0.25, 0.5, 0.75) }
		}}, true
	case func(dst, a, b []float32):
		return form{12, func(n int) func() {
			a, b, dst := randomF32(n), randomF32(n), make([]float32, n)
			return func() { f(dst, a, b) }
		}}, true
	case func(dst, x, scale, bias []float32, p, q float32):
		return form{16, func(n int) func() {
			x, scale, bias, dst := randomF32(n), randomF32(n), randomF32(n), make([]float32, n)
			return func() { f(dst, x, scale, bias, 0.25, 0.5) }
		}}, true
	case func(x []float32) float32:
		return form{4, func(n int) func() {
			x := randomF32(n)
			return func() { f(x) }
		}}, true
	case func(dst, x []float32, p float32) float32:
		return form{8, func(n int) func() {
			x, dst := randomF32(n), make([]float32, n)
			return func() { f(dst, x, 1) }
		}}, true
	case func(x []float32, p float32) float32:
		return form{4, func(n int) func() {
			x := randomF32(n)
			return func() { f(x, 0.5) }
		}}, true
	case func(dst []uint8, x []float32, scale float32, zp int32):
		return form{5, func(n int) func() {
			x, dst := randomF32(n), make([]uint8, n)
			return func() { f(dst, x, 0.05, 128) }
		}}, true
	case func(dst []float32, x []uint8, scale float32, zp int32):
		return form{5, func(n int) func() {
			x, dst := make([]uint8, n), make([]float32, n)
			return func() { f(dst, x, 0.05, 128) }
		}}, true
	case func(dst []float32, x []uint16):
		return form{6, func(n int) func() {
			x, dst := make([]uint16, n), make([]float32, n)
			return func() { f(dst, x) }
		}}, true
	case func(dst []uint16, x []float32):
		return form{6, func(n int) func() {
			x, dst := randomF32(n), make([]uint16, n)
			return func() { f(dst, x) }
		}}, true
	case func(dst []int8, scale, x []float32, block int):
		return form{5, func(n int) func() {
			x, dst, scale := randomF32(n), make([]int8, n), make([]float32, n/64)
			return func() { f(dst, scale, x, 64) }
		}}, true
	case func(dst, x, tmp []float32, tiles, row, point int):
		return form{6, func(n int) func() { // a patch of 36 pixels, 16 of them new
			tiles := max(1, n/(36*16))
			row := (4*tiles + 2) * 16
			x, dst, tmp := randomF32(6*row), make([]float32, 36*16*tiles), make([]float32, 36*16)
			return func() { f(dst, x, tmp, tiles, row, 16*tiles) }
		}}, true
	case func(dst, m, tmp, bias, res []float32, tiles, point, drow, rows, cols, flags int, lo, hi float32):
		return form{6, func(n int) func() {
			tiles := max(1, n/(36*16))
			m, dst, tmp := randomF32(36*16*tiles), make([]float32, 4*4*tiles*16), make([]float32, 36*16)
			return func() { f(dst, m, tmp, nil, nil, tiles, 16*tiles, 4*tiles*16, 4, 4, 0, 0, 0) }
		}}, true
	case func(dst, a, b []uint8, zeroA, zeroB int32, multA, multB, lo, hi float32, zp int32):
		return form{3, func(n int) func() {
			a, b, dst := make([]uint8, n), make([]uint8, n), make([]uint8, n)
			return func() { f(dst, a, b, 128, 128, 0.5, 0.5, -128, 127, 128) }
		}}, true
	case func(dst, a, b []uint8, zeroA, zeroB int32, mult, lo, hi float32, zp int32):
		return form{3, func(n int) func() {
			a, b, dst := make([]uint8, n), make([]uint8, n), make([]uint8, n)
			return func() { f(dst, a, b, 128, 128, 0.01, -128, 127, 128) }
		}}, true
	case func(dst, x, table []uint8):
		return form{2, func(n int) func() {
			x, dst, table := make([]uint8, n), make([]uint8, n), make([]uint8, 256)
			return func() { f(dst, x, table) }
		}}, true
	case func(dst, x []uint8):
		return form{3, func(n int) func() {
			x, dst := make([]uint8, n), make([]uint8, n)
			return func() { f(dst, x) }
		}}, true
	case func(dst []int32, x []uint8):
		return form{9, func(n int) func() {
			x, dst := make([]uint8, n), make([]int32, n)
			return func() { f(dst, x) }
		}}, true
	case func(dst []uint8, x []int32, bias int32, mult, lo, hi float32, zp int32):
		return form{5, func(n int) func() {
			x, dst := make([]int32, n), make([]uint8, n)
			return func() { f(dst, x, 3, 0.5, -128, 127, 128) }
		}}, true
	case func(dst []int16, x []uint8):
		return form{3, func(n int) func() {
			x, dst := make([]uint8, n), make([]int16, n)
			return func() { f(dst, x) }
		}}, true
	}
	return lowPrecisionForm(f)
}

func randomF32(n int) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = r.Float32()*2 - 1
	}
	return x
}
