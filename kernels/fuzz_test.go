//go:build unix

package kernels_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// The fuzz targets draw shapes, strides, alignments and values and compare every tier of this CPU with the reference, bit for bit. Operands
// lie against guard pages or at any offset from one. `go test -fuzz` needs the reference to be quick, so sizes are small.

// FuzzVectors covers the families of plain vectors.
func FuzzVectors(f *testing.F) {
	all := vectors()
	for i := range all {
		f.Add(uint64(i), uint8(i), uint16(7*i+1), uint8(i), i%2 == 0)
	}
	f.Add(uint64(1), uint8(0), uint16(4097), uint8(1), true)
	f.Fuzz(func(t *testing.T, seed uint64, which uint8, n uint16, offset uint8, special bool) {
		v := all[int(which)%len(all)]
		v.check(t, v.arguments(rand.New(rand.NewPCG(seed, 1)), int(n)%9000, int(offset)%17, special))
	})
}

// operands draws values for a fuzzed case.
type operands struct {
	*rand.Rand
	special bool
}

func (o *operands) f32(n int) []float32 {
	x, values := make([]float32, n), testkit.SpecialF32()
	for i := range x {
		x[i] = float32(o.NormFloat64())
		if o.special && o.IntN(8) == 0 {
			x[i] = values[o.IntN(len(values))]
		}
	}
	return x
}

// onTiers runs f on the reference and every tier above and compares what it returns. f gets a buffer of canaries for its result: n elements
// before a guard page, moved down by shift elements, so that those past the result must stay.
func onTiers[T testkit.Number](t *testing.T, n, shift int, canary T, f func(dst []T)) {
	t.Helper()
	g := testkit.NewGuard(t, (n+shift+1)*8)
	run := func(tier cpu.Tier) []T {
		defer kernels.SetTier(kernels.SetTier(tier))
		all := testkit.End[T](g, n+shift)
		for i := range all {
			all[i] = canary
		}
		testkit.NoFault(t, func() { f(all[:n]) })
		return slices.Clone(all)
	}
	want := run(cpu.Ref)
	for _, tier := range tiers() {
		got := run(tier)
		for i := range want {
			if got[i] != want[i] && (got[i] == got[i] || want[i] == want[i]) {
				t.Fatalf("%v: element %d of %d+%d is %v, reference %v", tier, i, n, shift, got[i], want[i])
			}
		}
	}
}

// guarded copies x to the end of guarded memory, shift elements before it.
func guarded[T testkit.Number](t *testing.T, x []T, shift int) []T {
	all := testkit.End[T](testkit.NewGuard(t, (len(x)+shift+1)*8), len(x)+shift)
	copy(all, x)
	return all[:len(x)]
}

// FuzzGemmF32 draws rows, columns, depth, leading dimensions and alignment.
func FuzzGemmF32(f *testing.F) {
	f.Add(uint64(1), uint8(1), uint8(1), uint16(1), uint8(0), uint8(0), uint8(0), false)
	f.Add(uint64(2), uint8(14), uint8(33), uint16(257), uint8(3), uint8(5), uint8(1), true)
	f.Add(uint64(3), uint8(29), uint8(130), uint16(64), uint8(0), uint8(1), uint8(15), false)
	f.Add(uint64(4), uint8(0), uint8(9), uint16(0), uint8(0), uint8(0), uint8(3), false)
	f.Fuzz(func(t *testing.T, seed uint64, m, n uint8, k uint16, padA, padC, shift uint8, special bool) {
		rows, cols, depth := int(m)%40, int(n)%160, int(k)%600
		lda, ldc := depth+int(padA)%9, cols+int(padC)%9
		o := &operands{rand.New(rand.NewPCG(seed, 2)), special}
		a := guarded(t, o.f32(max(0, (rows-1)*lda+depth)*min(rows, 1)), int(shift)%16)
		b := kernels.PackF32(depth, cols, o.f32(depth*cols), cols, 1)
		b.Data = guarded(t, b.Data, int(shift/16)%16)
		var bias []float32
		if seed%2 == 0 {
			bias = guarded(t, o.f32(cols), int(shift)%3)
		}
		onTiers(t, max(0, (rows-1)*ldc+cols)*min(rows, 1), int(shift)%16, testkit.Canary, func(c []float32) {
			kernels.GemmF32(nil, rows, a, lda, b, c, ldc, bias, &kernels.Epilogue{Act: kernels.Activation(seed / 2 % 2)})
		})
	})
}

// FuzzGemmU8S8 does the same for the integer products, with each kind of output and of weights.
func FuzzGemmU8S8(f *testing.F) {
	f.Add(uint64(0), uint8(1), uint8(1), uint16(1), uint8(0), uint8(0), uint8(0))
	f.Add(uint64(1), uint8(12), uint8(33), uint16(257), uint8(3), uint8(5), uint8(1))
	f.Add(uint64(2), uint8(29), uint8(130), uint16(64), uint8(0), uint8(1), uint8(15))
	f.Add(uint64(3), uint8(7), uint8(31), uint16(63), uint8(2), uint8(0), uint8(70))
	f.Fuzz(func(t *testing.T, seed uint64, m, n uint8, k uint16, padA, padC, shift uint8) {
		rows, cols, depth := int(m)%40, int(n)%160, int(k)%600
		lda, ldc := depth+int(padA)%9, cols+int(padC)%9
		o := &operands{rand.New(rand.NewPCG(seed, 3)), false}
		bytes, weights := make([]uint8, max(0, (rows-1)*lda+depth)*min(rows, 1)), make([]int8, depth*cols)
		for i := range bytes {
			bytes[i] = uint8(o.Uint32())
		}
		for i := range weights {
			weights[i] = int8(o.Uint32())
			if seed%2 == 0 { // pairs that cannot saturate
				weights[i] /= 2
			}
		}
		a := guarded(t, bytes, int(shift)%64)
		b := kernels.PackS8(depth, cols, weights, cols, 1)
		b.Data = guarded(t, b.Data, int(shift/16)%16)
		size, moved := max(0, (rows-1)*ldc+cols)*min(rows, 1), int(shift)%16
		bias, scale := make([]int32, cols), make([]float32, cols)
		for i := range bias {
			bias[i], scale[i] = int32(o.IntN(1<<20))-1<<19, o.Float32()/1024
		}
		onTiers(t, size, moved, int32(-77), func(c []int32) { kernels.GemmU8S8S32(nil, rows, a, lda, b, c, ldc) })
		onTiers(t, size, moved, uint8(77), func(c []uint8) {
			kernels.GemmU8S8U8(nil, rows, a, lda, b, c, ldc, &kernels.Requant{Bias: bias, Mult: scale, ZeroPoint: int32(seed % 256), Lo: 3, Hi: 250})
		})
		onTiers(t, size, moved, testkit.Canary, func(c []float32) {
			kernels.GemmU8S8F32(nil, rows, a, lda, b, c, ldc, &kernels.Dequant{Bias: bias, Scale: scale, Act: kernels.Activation(seed % 2)})
		})
	})
}

// FuzzConvF32 draws channels, filters, groups, sizes, strides, dilation and padding, on one thread or two.
func FuzzConvF32(f *testing.F) {
	f.Add(uint64(1), uint8(1), uint8(1), uint8(1), uint8(5), uint8(5), uint8(3), uint8(0x11), uint8(1))
	f.Add(uint64(2), uint8(17), uint8(18), uint8(1), uint8(9), uint8(27), uint8(3), uint8(0x12), uint8(1))
	f.Add(uint64(3), uint8(8), uint8(1), uint8(8), uint8(7), uint8(13), uint8(5), uint8(0x21), uint8(4))
	f.Add(uint64(4), uint8(33), uint8(5), uint8(1), uint8(1), uint8(41), uint8(1), uint8(0x11), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, channels, filters, groups, h, w, kernel, steps, pad uint8) {
		g := max(int(groups)%9, 1)
		s := &kernels.ConvShape{H: max(int(h)%20, 1), W: max(int(w)%48, 1), KH: max(int(kernel)%6, 1), KW: max(int(kernel/6)%6, 1),
			StrideH: max(int(steps)%4, 1), StrideW: max(int(steps/4)%4, 1), DilationH: max(int(steps/16)%4, 1), DilationW: max(int(steps/64)%4, 1),
			Top: int(pad) % 7, Left: int(pad/7) % 7}
		bottom, right := int(pad/49)%3, int(seed)%3
		s.OH = (s.H+s.Top+bottom-(s.KH-1)*s.DilationH-1)/s.StrideH + 1
		s.OW = (s.W+s.Left+right-(s.KW-1)*s.DilationW-1)/s.StrideW + 1
		if s.H+s.Top+bottom < (s.KH-1)*s.DilationH+1 || s.W+s.Left+right < (s.KW-1)*s.DilationW+1 {
			t.Skip("no output")
		}
		ch, m := max(int(channels)%40/g, 1)*g, max(int(filters)%40/g, 1)*g
		o := &operands{rand.New(rand.NewPCG(seed, 4)), seed%5 == 0}
		x := guarded(t, o.f32(ch*s.H*s.W), int(pad)%16)
		bias := o.f32(m)
		p := kernels.PackConv(o.f32(m*ch/g*s.KH*s.KW), m, ch, g, s.KH, s.KW)
		nf, ni := p.ConvScratch(s)
		floats, ints := make([]float32, nf), make([]int64, ni)
		pool := kernels.NewPool(1 + int(seed)%2)
		defer pool.Close()
		onTiers(t, m*s.OH*s.OW, int(pad)%16, testkit.Canary, func(dst []float32) { kernels.ConvF32(pool, dst, x, bias, p, 1, s, floats, ints) })
	})
}

// FuzzRows covers the reductions and normalisations of rows and of other axes.
func FuzzRows(f *testing.F) {
	f.Add(uint64(1), uint8(1), uint16(1), uint8(1), uint8(0))
	f.Add(uint64(2), uint8(3), uint16(65), uint8(7), uint8(1))
	f.Add(uint64(3), uint8(1), uint16(4097), uint8(1), uint8(15))
	f.Add(uint64(5), uint8(2), uint16(4100), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, outer uint8, n uint16, inner, shift uint8) {
		rows, length, columns := int(outer)%5, int(n)%5000, max(int(inner)%40, 1)
		if length*columns > 20000 {
			columns = 1
		}
		o := &operands{rand.New(rand.NewPCG(seed, 5)), seed%3 == 0}
		x := guarded(t, o.f32(rows*length*columns), int(shift)%16)
		scratch := make([]float32, kernels.ReduceScratch(length, columns))
		for r := kernels.ReduceSum; r <= kernels.ReduceMin; r++ {
			onTiers(t, rows*columns, int(shift)%16, testkit.Canary, func(dst []float32) { kernels.ReduceF32(r, dst, x, rows, length, columns, scratch) })
		}
		if width := length * columns; width > 0 {
			onTiers(t, rows*width, int(shift)%16, testkit.Canary, func(dst []float32) { kernels.SoftmaxF32(dst, x, rows, width) })
		}
	})
}

// FuzzTranspose draws rows, columns and leading dimensions.
func FuzzTranspose(f *testing.F) {
	f.Add(uint64(1), uint8(1), uint8(1), uint8(0), uint8(0), uint8(0))
	f.Add(uint64(2), uint8(65), uint8(72), uint8(1), uint8(2), uint8(3))
	f.Add(uint64(3), uint8(16), uint8(130), uint8(0), uint8(7), uint8(15))
	f.Fuzz(func(t *testing.T, seed uint64, rows, cols, padS, padD, shift uint8) {
		r, c := int(rows)%140, int(cols)%140
		lds, ldd := c+int(padS)%9, r+int(padD)%9
		o := &operands{rand.New(rand.NewPCG(seed, 6)), true}
		src := guarded(t, o.f32(max(0, (r-1)*lds+c)*min(r, 1)), int(shift)%16)
		onTiers(t, max(0, (c-1)*ldd+r)*min(c, 1), int(shift)%16, testkit.Canary, func(dst []float32) { kernels.TransposeF32(dst, src, r, c, ldd, lds) })
	})
}
