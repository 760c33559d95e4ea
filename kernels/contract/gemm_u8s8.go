//go:build unix

package contract

import (
	"fmt"
	"math"
	"slices"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// caseU8S8 is one product with its exact sums, n columns a row.
type caseU8S8 struct {
	size
	a        []uint8
	b        []int8 // k×n
	lda, ldc int
	packed   *kernels.PackedS8
	sums     []int32
	atStart  bool
}

// eachU8S8 calls f for each size with fresh operands, once with weights of any kind and once with weights whose pairs allow
// VPMADDUBSW. Every fifth case has extreme values only, so that each product and each pair of products is as large as it can be; and
// every seventh paired one has a single pair past the limit, which must not take the saturating path.
func (c *checker) eachU8S8(f func(i int, x *caseU8S8)) {
	sizes := append(gemmSizes(), tileSizes()...)
	for i := range 2 * len(sizes) {
		s, paired := sizes[i/2], i%2 == 1
		if paired && i/2 >= len(sizes)-len(tileSizes()) { // tiles take weights of any kind
			continue
		}
		x := &caseU8S8{size: s, lda: s.k, ldc: s.n, atStart: i/2%2 == 1}
		if i/2%7 < 3 {
			x.lda, x.ldc = s.k+3, s.n+5
		}
		c.name = fmt.Sprintf("m=%d n=%d k=%d lda=%d ldc=%d paired=%v", s.m, s.n, s.k, x.lda, x.ldc, paired)
		x.a = buffer[uint8](c, "a", lengthOf(s.m, s.k, x.lda), x.atStart)
		c.fillBytes(x.a)
		b := make([]int8, s.k*s.n)
		for j := range b {
			b[j] = int8(c.r.Uint32())
		}
		extreme := i%5 == 4
		if extreme {
			for j := range x.a {
				x.a[j] = 255
			}
			for j := range b {
				b[j] = []int8{-128, 127}[j%s.n%2]
			}
		}
		if paired {
			pairWeights(s, b, extreme)
			if i%7 == 6 && s.m > 0 && s.n > 0 && s.k > 1 {
				b[0], b[s.n], x.a[0], x.a[1] = 127, 2, 255, 255
			}
		}
		x.b = b
		x.packed = kernels.PackS8(s.k, s.n, b, s.n, 1)
		guarded := buffer[int8](c, "b", len(x.packed.Data), x.atStart)
		copy(guarded, x.packed.Data)
		x.packed.Data = guarded
		x.sums = make([]int32, s.m*s.n)
		for r := range s.m {
			for j := range s.n {
				for k := range s.k {
					x.sums[r*s.n+j] += int32(x.a[r*x.lda+k]) * int32(b[k*s.n+j])
				}
			}
		}
		for j, got := range x.packed.ColSum {
			var want int32
			for k := range s.k {
				want += int32(b[k*s.n+j])
			}
			if got != want {
				c.t.Fatalf("%s: column sum %d is %d, want %d", c.name, j, got, want)
			}
		}
		before := slices.Clone(x.a)
		f(i/2+i%2, x)
		testkit.Equal(c.t, c.name+": a", x.a, before)
	}
}

// tileSizes goes around the edges of AMX tiles, 16 rows of 64 bytes, and of the products that use them.
func tileSizes() []size {
	var sizes []size
	for i, m := range []int{16, 17, 31, 32, 33, 47, 48, 49, 65} {
		for j, n := range []int{16, 17, 31, 32, 33, 48, 49} {
			sizes = append(sizes, size{m, n, []int{63, 64, 65, 67, 68, 127, 128, 129, 192, 253}[(i*7+j)%10]})
		}
	}
	return append(sizes, size{112, 272, 64}, size{100, 300, 100})
}

// pairWeights changes b so that in each pair of rows (2i, 2i+1) of a column the weights of one sign sum to 128 at most; with extreme,
// to 128 exactly.
func pairWeights(s size, b []int8, extreme bool) {
	for k := 0; k+1 < s.k; k += 2 {
		for j := range s.n {
			p, q := &b[k*s.n+j], &b[(k+1)*s.n+j]
			switch {
			case extreme && j%2 == 0:
				*p, *q = -128, 0
			case extreme:
				*p, *q = 127, 1
			case *p >= 0 && *q > 0:
				*q = min(*q, int8(min(127, 128-int(*p))))
			case *p < 0 && *q < 0:
				*q = max(*q, int8(-128-int(*p)))
			}
		}
	}
}

// place writes the n columns of want[i] = of(i) into a copy of got.
func place[T any](x *caseU8S8, got []T, of func(i int) T) []T {
	want := slices.Clone(got)
	for r := range x.m {
		for j := range x.n {
			want[r*x.ldc+j] = of(r*x.n + j)
		}
	}
	return want
}

// checkDeepest: the largest K with the largest products reaches the ends of the s32 range and does not wrap.
func checkDeepest(c *checker) {
	const m, n, k = 2, 2, kernels.MaxKS8
	a, b, got := make([]uint8, m*k), make([]int8, k*n), make([]int32, m*n)
	for i := range a {
		a[i] = 255
	}
	for i := range b {
		b[i] = []int8{-128, 127}[i%n]
	}
	packed := kernels.PackS8(k, n, b, n, 1)
	c.run(func() { kernels.GemmU8S8S32(nil, m, a, k, packed, got, n) })
	testkit.Equal(c.t, "deepest", got, []int32{-255 * 128 * k, 255 * 127 * k, -255 * 128 * k, 255 * 127 * k})
}

func checkGemmU8S8S32(c *checker) {
	c.eachU8S8(func(_ int, x *caseU8S8) {
		got := buffer[int32](c, "c", lengthOf(x.m, x.n, x.ldc), x.atStart)
		for j := range got {
			got[j] = 0x5a5a5a5a
		}
		want := place(x, got, func(i int) int32 { return x.sums[i] })
		c.run(func() { kernels.GemmU8S8S32(nil, x.m, x.a, x.lda, x.packed, got, x.ldc) })
		testkit.Equal(c.t, c.name, got, want)
	})
}

// columns returns a guarded bias and factor per column, at a scale where results cover a little more than the u8 range.
func (c *checker) columns(x *caseU8S8) (bias []int32, factor []float32) {
	bias, factor = buffer[int32](c, "bias", x.n, x.atStart), buffer[float32](c, "factor", x.n, x.atStart)
	for j := range bias {
		bias[j] = int32(c.r.IntN(4001) - 2000)
		factor[j] = float32(math.Exp(c.r.NormFloat64())) / float32(50*(x.k+1))
	}
	return bias, factor
}

func checkGemmU8S8U8(c *checker) {
	c.eachU8S8(func(i int, x *caseU8S8) {
		got := buffer[uint8](c, "c", lengthOf(x.m, x.n, x.ldc), x.atStart)
		for j := range got {
			got[j] = 0x5a
		}
		bias, mult := c.columns(x)
		rq := &kernels.Requant{Bias: bias, Mult: mult, ZeroPoint: int32(i * 37 % 256), Hi: 255}
		switch i % 4 {
		case 1: // relu
			rq.Lo = rq.ZeroPoint
		case 2:
			rq.Lo, rq.Hi = 17, 201
		case 3: // halves: sums that lie between two integers
			for j := range mult {
				mult[j] = 0.5
			}
		}
		want := place(x, got, func(i int) uint8 {
			y := float32(x.sums[i]+bias[i%x.n]) * mult[i%x.n]
			v := math.RoundToEven(float64(y)) + float64(rq.ZeroPoint)
			return uint8(min(max(v, float64(rq.Lo)), float64(rq.Hi)))
		})
		c.run(func() { kernels.GemmU8S8U8(nil, x.m, x.a, x.lda, x.packed, got, x.ldc, rq) })
		testkit.Equal(c.t, c.name, got, want)
	})
}

func checkGemmU8S8F32(c *checker) {
	c.eachU8S8(func(i int, x *caseU8S8) {
		got := buffer[float32](c, "c", lengthOf(x.m, x.n, x.ldc), x.atStart)
		for j := range got {
			got[j] = testkit.Canary
		}
		bias, scale := c.columns(x)
		dq := &kernels.Dequant{Bias: bias, Scale: scale, Act: kernels.Activation(i % 2)}
		want := place(x, got, func(i int) float32 {
			y := float32(x.sums[i]+bias[i%x.n]) * scale[i%x.n]
			if dq.Act == kernels.ActRelu && y < 0 {
				y = 0
			}
			return y
		})
		c.run(func() { kernels.GemmU8S8F32(nil, x.m, x.a, x.lda, x.packed, got, x.ldc, dq) })
		testkit.EqualF32(c.t, c.name, got, want)
	})
}
